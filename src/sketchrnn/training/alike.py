"""Whether drawings are prepared as those that a model learned from: if not, losses mislead."""

from __future__ import annotations

import math

from sketchrnn.data.dataset import Dataset
from sketchrnn.runs import DataFacts
from sketchrnn.strokes import BOX_PX

SCALE_MARGIN = 0.05  # parts by which the scales of drawings that are prepared alike may differ
SIZE_MARGIN = 0.10  # and their median larger sides


def unlike(facts: DataFacts, N_max: int, dataset: Dataset, sources: str = "DATA") -> list[str]:
    """What differs from the model's drawings, a line each, and the command that makes them alike.

    Only what both are known to have is compared; of the drawings, those of the training split.

    Args:
        facts: of the drawings that the model learned from.
        N_max: the most points that it reads.
        dataset: what it is measured on.
        sources: what the command is to read.
    """
    lines = []
    options = []
    if (dataset.train.lengths <= (facts.max_points or 0)).any():
        dataset, _ = dataset.limited(
            facts.max_points or 0
        )  # the longer ones were left out then, too
    if len(dataset.train):
        if not math.isclose(dataset.scale, facts.scale, rel_tol=SCALE_MARGIN):
            lines.append(
                f"the scale of these drawings is {dataset.scale:.4g} px, of those that the model"
                f" learned from {facts.scale:.4g}"
            )
        if dataset.N_max > N_max:
            lines.append(
                f"the longest of these drawings has {dataset.N_max} points, of those that the model"
                f" learned from {N_max}"
            )
            options.append(f"--max-points {N_max}")
        if facts.size and not math.isclose(dataset.size, facts.size, rel_tol=SIZE_MARGIN):
            lines.append(
                f"the larger side of these drawings is {dataset.size:.4g} px (median), of those"
                f" that the model learned from {facts.size:.4g}"
            )
            if math.isclose(facts.size, BOX_PX, rel_tol=SIZE_MARGIN):
                options.append("--box")
    ours, theirs = dataset.epsilon, facts.epsilon
    if ours is not None and theirs is not None and ours != theirs:
        lines.append(
            f"these drawings are simplified with epsilon {ours:g}, those that the model learned"
            f" from with {theirs:g}"
        )
    if lines and theirs is not None:
        options.append(f"--simplify {theirs:g}")
    if options:
        prepare = f"sketchrnn data prepare {sources} -o ALIKE.sketches {' '.join(options)}"
        lines.append(f"to prepare them alike: {prepare}")
    return lines
