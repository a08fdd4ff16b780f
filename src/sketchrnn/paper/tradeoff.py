"""Figure 4 of the paper: L_R against L_KL, and the validation curves, of a table that was made."""

from __future__ import annotations

import argparse
import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from sketchrnn.errors import SketchRNNError
from sketchrnn.figures.colors import INK, PALETTE, PAPER, QUIET, blend
from sketchrnn.figures.curves import PNG_WIDTH_PX, STYLE
from sketchrnn.figures.png import svg_to_png
from sketchrnn.files import write_bytes, write_text
from sketchrnn.paper.printed import COLUMNS, DECODER_ONLY, W_KL_COLUMNS
from sketchrnn.paper.table1 import Results, column_title, read_results, trials_of
from sketchrnn.paper.trials import TrialResult
from sketchrnn.training.logs import read_log
from sketchrnn.words import say

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Points = tuple[list[int], list[float]]


def run(arguments: argparse.Namespace) -> bool:
    """Draw the figure to .svg or .png from the folder of a table, finished or not.

    Left: the conditional models of each data set, L_R against the raw L_KL of the test split, a
    line from the strongest w_KL to the weakest. Right: L_R of the validation split over the
    training, of the models of one data set: of the first that has most, where none is named.

    Raises:
        SketchRNNError: no finished models, no such data set, another ending, or no matplotlib.
    """
    out, path, dataset = arguments.table, arguments.output, arguments.dataset
    ending = Path(path).suffix.lower()
    if ending not in (".svg", ".png"):
        raise SketchRNNError(f"{path}: unknown ending; save figure 4 as .svg or .png")
    results = read_results(out)
    if not results:
        raise SketchRNNError(
            f"{out}: has no finished cell of a table; make it with sketchrnn reproduce table1"
        )
    if dataset is None:
        dataset = max(results, key=lambda name: len(results[name]))
    if dataset not in results:
        raise SketchRNNError(
            f"{out}: has no finished cell of {dataset!r}; there are {', '.join(results)}"
        )
    svg = _svg(results, curves_of(out, dataset), dataset)
    if ending == ".svg":
        write_text(path, svg)
    else:
        write_bytes(path, svg_to_png(svg, PNG_WIDTH_PX))
    say(f"wrote {path}: {', '.join(results)}; curves of {dataset}")
    return True


def trade_off(row: Mapping[str, TrialResult]) -> list[tuple[str, float, float]]:
    """(w_KL, L_KL, L_R) of the finished conditional models of a data set, from strong to weak."""
    found = [(column, row[column].losses) for column in W_KL_COLUMNS if column in row]
    return [(column, losses["L_KL"].mean, losses["L_R"].mean) for column, losses in found]


def curves_of(out: Path, dataset: str) -> dict[str, Points]:
    """Steps and L_R of the validations of each model of a data set that has any, by column."""
    found = {}
    for trial in trials_of(out, dataset):
        records = read_log(trial.run) if trial.is_begun else []
        values = {r["step"]: float(r["L_R"]) for r in records if r["kind"] == "evaluate"}
        if values:
            found[trial.column] = (sorted(values), [values[step] for step in sorted(values)])
    return found


def _svg(results: Results, curves: Mapping[str, Points], dataset: str) -> str:
    try:
        import matplotlib
        from matplotlib.figure import Figure
        from matplotlib.layout_engine import ConstrainedLayoutEngine
        from matplotlib.ticker import MaxNLocator
    except ImportError:
        raise SketchRNNError(
            "drawing figure 4 needs matplotlib: install it, or sketchrnn with its extra [plots]"
        ) from None
    with matplotlib.rc_context(STYLE):
        layout = ConstrainedLayoutEngine(w_pad=0.18, h_pad=0.18, wspace=0.06)
        figure = Figure(figsize=(9.6, 3.9), layout=layout, facecolor=PAPER)
        left, right = figure.subplots(1, 2)
        for axes in (left, right):
            axes.grid()
            axes.set_axisbelow(True)
        left.set_title("Test split: $L_R$ against $L_{KL}$, each point a $w_{KL}$")
        _draw_trade_off(left, results)
        right.set_title(f"{dataset}: $L_R$ of the validation split")
        _draw_curves(right, curves)
        right.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


def _draw_trade_off(axes: Axes, results: Results) -> None:
    for number, (dataset, row) in enumerate(results.items()):
        points = trade_off(row)
        if not points:
            continue
        _, L_KL, L_R = zip(*points, strict=True)
        # the palette's own colours for up to four lines, else steps between them
        at = number * (len(PALETTE) - 1) / (max(len(PALETTE), len(results)) - 1)
        color = blend(PALETTE, [max(0.0, 1 - abs(at - i)) for i in range(len(PALETTE))])
        axes.plot(L_KL, L_R, color=color, linewidth=1.3, marker="o", markersize=4, label=dataset)
        for name, x, y in points:
            axes.annotate(name, (x, y), (5, 4), textcoords="offset points", color=color, fontsize=7)
    axes.margins(0.12)
    axes.set_xlabel("$L_{KL}$, nats / $N_z$")
    axes.set_ylabel("$L_R$, nats / $N_{max}$")
    if axes.lines:
        axes.legend(loc="upper right", fontsize=7.5)


def _draw_curves(axes: Axes, curves: Mapping[str, Points]) -> None:
    for column, (steps, losses) in curves.items():
        alone = column == DECODER_ONLY
        axes.plot(
            steps,
            losses,
            color=INK if alone else PALETTE[COLUMNS.index(column)],
            linestyle=(0, (4, 2)) if alone else "-",
            linewidth=1.3,
            marker="" if len(steps) > 1 else "o",
            label=column_title(column).replace("w_KL", "$w_{KL}$"),
        )
    # the first validations are far above all others: what matters would be a line at the foot
    low = min(min(losses) for _, losses in curves.values())
    high = max(max(losses[len(losses) // 5 :]) for _, losses in curves.values())
    if high > low:
        axes.set_ylim(low - 0.06 * (high - low), high + 0.12 * (high - low))
    axes.set_xlabel("step")
    axes.margins(x=0.02)
    axes.legend(loc="upper right", fontsize=7.5, labelcolor=QUIET)
