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

from sketchrnn.paper.published import DECODER_ONLY, W_KL_COLUMNS

SURE = 2.0  # standard errors


@dataclass(frozen=True)
class Measured:
    """A mean loss over drawings, its standard error (0 where unknown), and that of each drawing."""

    mean: float
    stderr: float = 0.0
    each: Sequence[float] = ()


@dataclass(frozen=True)
class Verdict:
    """One comparison of two cells of a data set.

    Attributes:
        claim: what has to hold, in words.
        first, second: the two losses.
        holds: whether the claim is true of the two means.
        sure: whether they differ by over SURE standard errors of their difference: of the
            difference drawing by drawing where both are known so, for the same drawings are in
            both. What another training seed would change is not in it.
    """

    claim: str
    first: Measured
    second: Measured
    holds: bool

    @property
    def difference(self) -> float:
        """second - first."""
        return self.second.mean - self.first.mean

    @property
    def sure(self) -> bool:
        """See the class."""
        first, second = self.first, self.second
        error = math.hypot(first.stderr, second.stderr)
        if len(first.each) == len(second.each) > 1:
            differences = [b - a for a, b in zip(first.each, second.each, strict=True)]
            error = stdev(differences) / math.sqrt(len(differences))
        return abs(self.difference) > SURE * error


def verdicts(L_R: Mapping[str, Measured], L_KL: Mapping[str, Measured]) -> list[Verdict]:
    """All comparisons of one data set that its cells allow.

    Args:
        L_R, L_KL: by column (`published.COLUMNS`); what is missing is not compared.
    """
    found = []
    for before, after in pairwise(W_KL_COLUMNS):
        steps = f"from w_KL {before} to {after}"
        for name, losses, sign in (("L_R falls", L_R, -1), ("L_KL rises", L_KL, 1)):
            if before in losses and after in losses:
                first, second = losses[before], losses[after]
                holds = sign * (second.mean - first.mean) > 0
                found.append(Verdict(f"{name} {steps}", first, second, holds))
    for column in W_KL_COLUMNS:
        if column in L_R and DECODER_ONLY in L_R:
            first, second = L_R[DECODER_ONLY], L_R[column]
            claim = f"L_R of w_KL {column} is under that of {DECODER_ONLY}"
            found.append(Verdict(claim, first, second, second.mean < first.mean))
    return found


COMPARISONS = 2 * (len(W_KL_COLUMNS) - 1) + len(W_KL_COLUMNS)  # of a data set with all its cells
