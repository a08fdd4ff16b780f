"""The two orders that the paper's Table 1 shows, and whether given losses have them.

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

from sketchrnn.paper.printed import DECODER_ONLY, W_KL_COLUMNS

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
