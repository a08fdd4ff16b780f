"""How likely a model finds drawings: nats of each point, of the end, and of z. Lower: more typical.

Shapes: n drawings, B of them at once, N points of one, T = N + 1 steps of the longest, Z latent.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import overload

import numpy as np
import numpy.typing as npt
import torch

from sketchrnn import strokes
from sketchrnn.drawing.base import Latent
from sketchrnn.drawing.coder import Coder
from sketchrnn.errors import SketchRNNError
from sketchrnn.model.losses import kl_terms
from sketchrnn.sketch import Sketch

Nats = npt.NDArray[np.float64]

BATCH = 200  # drawings measured at once; the result is the same up to rounding


@dataclass(frozen=True, eq=False)
class Likelihood:
    """-log p of one drawing, in nats, as a density over offsets in the user's units.

    Attributes:
        point_nats: [N], of each stroke-3 row: its offset and its pen state (eq. 9), given those
            before it. A density can be over 1, so these can be under 0.
        end_nats: of the end after the last point; 0 for a drawing of just N_max points, which has
            no step left to end in.
        KL_nats: what z costs: KL(q(z | S) || N(0, 1)), summed over the numbers of z (eq. 10 times
            N_z). None for a decoder-only model, or where z was given.
        stroke_nats: mean point_nats of each stroke; the move with the pen lifted belongs to the
            stroke that it begins.
    """

    point_nats: Nats
    end_nats: float
    KL_nats: float | None
    stroke_nats: Nats

    @property
    def nats(self) -> float:
        """All of the drawing; KL included, with z = mu instead of the mean over q(z | S).

        The mean over q would be an upper bound on -log p; at mu it is close to it, mostly below.
        """
        return float(self.point_nats.sum()) + self.end_nats + (self.KL_nats or 0.0)

    @property
    def nats_per_point(self) -> float:
        """`nats` / N, by which drawings of different lengths are compared."""
        return self.nats / len(self.point_nats)


@overload
def likelihood(model: Coder, sketches: Sketch, *, z: npt.ArrayLike | None = None) -> Likelihood: ...


@overload
def likelihood(
    model: Coder, sketches: Sequence[Sketch], *, z: npt.ArrayLike | None = None
) -> list[Likelihood]: ...


def likelihood(
    model: Coder, sketches: Sketch | Sequence[Sketch], *, z: npt.ArrayLike | None = None
) -> Likelihood | list[Likelihood]:
    """How likely the model finds a drawing, or each of several; where one starts does not count.

    z are latent vectors [n, Z], or one for all [Z]; by default mu of each for a conditional model.

    Raises:
        SketchRNNError: a drawing with more than N_max points; a z of a wrong size, or for a
            decoder-only model.
    """
    many = [sketches] if isinstance(sketches, Sketch) else list(sketches)
    z_nZ = None if z is None else model._latents(z, len(many), seed=0)
    results: list[Likelihood] = []
    for first in range(0, len(many), BATCH):
        chosen = slice(first, first + BATCH)
        z_BZ = None if z_nZ is None else z_nZ[chosen]
        results += _measured(model, many[chosen], first, z_BZ)
    return results[0] if isinstance(sketches, Sketch) else results


def nats_per_point(
    model: Coder, sketches: Sequence[Sketch], z: npt.ArrayLike | None = None
) -> Nats:
    """`Likelihood.nats_per_point` of each of n drawings: [n]."""
    return np.array([one.nats_per_point for one in likelihood(model, sketches, z=z)], np.float64)


def badness(model: Coder, sketches: Sequence[Sketch]) -> Nats:
    """How unlikely the model finds each of n drawings from anywhere, to sort out the worst: [n].

    That is `nats_per_point` of the drawing fitted to the model (`Model.fit`), for its units may be
    others; infinity for one that cannot be fitted, with more strokes than the model reads.
    """
    found = np.full(len(sketches), np.inf)
    fitted = {}
    for number, sketch in enumerate(sketches):
        with suppress(SketchRNNError):
            fitted[number] = model.fit(sketch).sketch
    found[list(fitted)] = nats_per_point(model, list(fitted.values()))
    return found


def _measured(
    model: Coder, sketches: Sequence[Sketch], first: int, z_BZ: Latent | None
) -> list[Likelihood]:
    """`likelihood` of at most BATCH drawings, of which the first has the number `first`."""
    network = model.network
    x_BT5, lengths_B = model._to_batch(sketches, first)
    with torch.inference_mode():
        latent = model._tensor(z_BZ)
        KL_B: list[float | None] = [None] * len(sketches)
        if latent is None and model.conditional:
            latent, log_variance = network.encode(x_BT5, lengths_B)
            KL_B = kl_terms(latent.double(), log_variance.double()).sum(dim=1).tolist()
        tokens = strokes.START_TOKEN, strokes.END_TOKEN
        start, end = (
            torch.from_numpy(token).to(x_BT5).expand(len(sketches), 1, -1) for token in tokens
        )
        T = min(x_BT5.shape[1] + 1, model.N_max)
        mixture, _ = network.decode(torch.cat([start, x_BT5], dim=1)[:, :T], latent)
        targets_BT5 = torch.cat([x_BT5, end], dim=1)[:, :T]
        log_densities = mixture.log_density(targets_BT5[..., strokes.XY])
        log_pens = mixture.log_pen(targets_BT5[..., strokes.PEN])
        offset_nats_BT, pen_nats_BT = (
            -log_p.double().cpu().numpy() for log_p in (log_densities, log_pens)
        )
    # a density in scaled units is scale^2 times the density in the user's units
    offset_nats_BT += 2 * math.log(model.facts.scale)
    results = []
    for sketch, N, offset_nats, pen_nats, KL_nats in zip(
        sketches, lengths_B.tolist(), offset_nats_BT, pen_nats_BT, KL_B, strict=True
    ):
        point_nats = offset_nats[:N] + pen_nats[:N]
        end_nats = float(pen_nats[N : N + 1].sum())  # none after N_max points
        lengths = [len(line) for line in sketch.polylines]
        lengths[0] = max(lengths[0], 2)  # a dot at the start is two points (`polylines_to_stroke3`)
        stroke_N = np.repeat(np.arange(len(lengths)), lengths)[1:]  # a row leads to its point
        stroke_nats = np.bincount(stroke_N, point_nats) / np.bincount(stroke_N)
        results.append(Likelihood(point_nats, end_nats, KL_nats, stroke_nats))
    return results


def typical(model: Coder, sketches: Sequence[Sketch]) -> npt.NDArray[np.intp]:
    """The numbers of n drawings by nats a point, the likeliest first: [n]."""
    return np.argsort(nats_per_point(model, sketches), kind="stable")
