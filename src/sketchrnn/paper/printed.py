"""Table 1 as the paper prints it (Ha and Eck 2017, section 4), and the two orders that it shows.

1. As w_KL falls, L_R falls and L_KL rises: one is traded against the other.
2. Every conditional model's L_R is under that of the decoder-only one: z tells something.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import stdev
from typing import NamedTuple


class PrintedLosses(NamedTuple):
    """The losses of one model on the test split; a decoder-only one has no L_KL."""

    L_R: float
    L_KL: float | None = None


DECODER_ONLY = "decoder-only"
W_KL_COLUMNS = ("1.00", "0.50", "0.25")  # from strong to weak: the order of the paper's claims
COLUMNS = (*W_KL_COLUMNS, DECODER_ONLY)

# (L_R, L_KL) in the order of the columns; the names of classes are joined by "+".
_ROWS = {
    "cat": ((-0.98, 0.29), (-1.33, 0.70), (-1.46, 1.01), (-0.57,)),
    "pig": ((-1.14, 0.22), (-1.37, 0.49), (-1.52, 0.80), (-0.82,)),
    "cat+pig": ((-1.02, 0.22), (-1.24, 0.49), (-1.50, 0.98), (-0.75,)),
    "crab+face+pig+rabbit": ((-0.91, 0.22), (-1.04, 0.40), (-1.47, 1.17), (-0.67,)),
    "face": ((-1.13, 0.27), (-1.55, 0.71), (-1.90, 1.44), (-0.73,)),
    "firetruck": ((-1.24, 0.22), (-1.26, 0.24), (-1.78, 1.10), (-0.90,)),
    "garden": ((-0.79, 0.20), (-0.81, 0.25), (-0.99, 0.54), (-0.62,)),
    "owl": ((-0.93, 0.20), (-1.03, 0.34), (-1.29, 0.77), (-0.66,)),
    "mosquito": ((-0.67, 0.30), (-1.02, 0.66), (-1.41, 1.54), (-0.34,)),
    "yoga": ((-0.80, 0.24), (-1.07, 0.55), (-1.51, 1.33), (-0.48,)),
}
TABLE_1 = {
    name: {column: PrintedLosses(*losses) for column, losses in zip(COLUMNS, row, strict=True)}
    for name, row in _ROWS.items()
}


def printed_row(dataset: str) -> dict[str, PrintedLosses]:
    """The paper's losses of a data set by column; empty where the paper has none.

    The order of the classes in the name does not matter: pig+cat is cat+pig.
    """
    classes = sorted(dataset.split("+"))
    return next((row for name, row in TABLE_1.items() if sorted(name.split("+")) == classes), {})


SURE = 2.0  # standard errors
COMPARISONS = 2 * (len(W_KL_COLUMNS) - 1) + len(W_KL_COLUMNS)  # of a data set with all its models


class MeanLoss(NamedTuple):
    """A mean loss over drawings, its standard error (0 where unknown), and that of each drawing."""

    mean: float
    stderr: float = 0.0
    each: Sequence[float] = ()


@dataclass(frozen=True)
class Verdict:
    """One comparison of two models: what has to hold, and whether it is true of their means."""

    claim: str
    first: MeanLoss
    second: MeanLoss
    holds: bool

    @property
    def difference(self) -> float:
        """second - first."""
        return self.second.mean - self.first.mean

    @property
    def sure(self) -> bool:
        """Whether the losses differ by over SURE standard errors of their difference.

        The difference is taken drawing by drawing where both are known so, for the same drawings
        are in both. What another training seed would change is not in it.
        """
        first, second = self.first, self.second
        error = math.hypot(first.stderr, second.stderr)
        if len(first.each) == len(second.each) > 1:
            differences = [b - a for a, b in zip(first.each, second.each, strict=True)]
            error = stdev(differences) / math.sqrt(len(differences))
        return abs(self.difference) > SURE * error


def verdicts(losses: Mapping[str, Mapping[str, MeanLoss]]) -> list[Verdict]:
    """All comparisons of one data set that its losses (L_R, L_KL), by column and name, allow."""
    compared = []  # claim, loss, columns of the first and the second, whether it rises
    for before, after in pairwise(W_KL_COLUMNS):
        steps = f"from w_KL {before} to {after}"
        compared.append((f"L_R falls {steps}", "L_R", before, after, False))
        compared.append((f"L_KL rises {steps}", "L_KL", before, after, True))
    for column in W_KL_COLUMNS:
        claim = f"L_R of w_KL {column} is under that of {DECODER_ONLY}"
        compared.append((claim, "L_R", DECODER_ONLY, column, False))
    found = []
    for claim, name, before, after, rises in compared:
        if before in losses and after in losses:
            first, second = losses[before][name], losses[after][name]
            holds = second.mean > first.mean if rises else second.mean < first.mean
            found.append(Verdict(claim, first, second, holds))
    return found
