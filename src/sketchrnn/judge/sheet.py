"""A picture of a score: the best, the typical and the worst drawings by the judges."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sketchrnn.figures.sheet import SketchSheet
from sketchrnn.judge.judges import both
from sketchrnn.judge.score import Verdict

BANDS = ("best", "typical", "worst")


def score_sheet(scores: Sequence[tuple[str, Sequence[Verdict]]], columns: int) -> SketchSheet:
    """Three rows a score; below each drawing what the judges take it for, and how sure they are."""
    rows, labels, captions = [], [], []
    for name, verdicts in scores:
        marks = np.concatenate([one.marks for one in verdicts])
        places = [(one, index) for one in verdicts for index in range(len(one.sketches))]
        order = np.argsort(-marks, kind="stable")
        width = min(columns, -(-len(order) // len(BANDS)))
        middle = (len(order) - width) // 2
        chosen = (order[:width], order[middle : middle + width], order[-width:])
        for band, numbers in zip(BANDS, chosen, strict=True):
            shown = [places[number] for number in numbers.tolist()]
            rows.append([verdict.sketches[index] for verdict, index in shown])
            captions.append([_caption(verdict, index) for verdict, index in shown])
            labels.append(f"{name}: {band}")
    return SketchSheet(rows, row_labels=labels, captions=captions)


def _caption(verdict: Verdict, index: int) -> str:
    """ "cat 97 %", or where the judges disagree what each of them takes it for."""
    said = []
    for judge, one in zip(both(), verdict.judged, strict=True):
        log_p = one.drawn.answers.log_p[index]
        said.append((judge.classes[int(log_p.argmax())], float(np.exp(log_p.max()))))
    names = [name for name, _ in said]
    if len(set(names)) == 1:
        return f"{names[0]} {100 * sum(share for _, share in said) / len(said):.0f} %"
    return " / ".join(names)
