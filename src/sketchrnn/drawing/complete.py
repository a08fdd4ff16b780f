"""Completing unfinished drawings (section 4.4 and figure 7 of the paper).

The decoder reads the given points, which stay as they are, and then draws on. Shapes: n drawings,
K rows given, Z latent.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
import torch

from sketchrnn import strokes
from sketchrnn.data.simplify import fewest_rows
from sketchrnn.drawing.base import Drawn, Latent, SketchList, check_count, check_temperature
from sketchrnn.drawing.coder import Coder
from sketchrnn.drawing.fit import Fitted, fit
from sketchrnn.drawing.likelihood import likelihood
from sketchrnn.drawing.sample import before_last, choose
from sketchrnn.errors import SketchRNNError
from sketchrnn.figures.colors import INK, REST
from sketchrnn.figures.sheet import SketchSheet
from sketchrnn.model.mixture import Mixture
from sketchrnn.seeds import PEN_STREAM, choose_seed, generator
from sketchrnn.sketch import Polyline, Sketch

PenChoice = Literal["auto", "down", "up"]

MOST_SHARE = 10.0
SHARES = (0.25, 0.35, 0.5, 0.7, 1.0)  # of a whole drawing's side, which a part may have
SAMPLED_SHARE = 0.5  # the points that all of these are judged by are those of this one


@dataclass(frozen=True, eq=False)
class Completion:
    """A given drawing, and how the model goes on.

    Attributes:
        given: the part, its points exactly as they were given.
        rest: the strokes that the model adds; none where it finds the drawing finished.
        joined: whether rest[0] goes on with the last given stroke, from the last given point.
    """

    given: Sketch
    rest: tuple[Polyline, ...]
    joined: bool

    @property
    def sketch(self) -> Sketch:
        """The whole drawing, a stroke that the model goes on with in one piece."""
        lines = self.given.polylines
        if not self.joined:
            return Sketch.from_polylines(lines + self.rest, self.given.label)
        whole = np.concatenate([lines[-1], self.rest[0][1:]])
        return Sketch.from_polylines((*lines[:-1], whole, *self.rest[1:]), self.given.label)

    @property
    def layers(self) -> Sketch:
        """The given strokes, then those of the rest, so that each can have its own colour."""
        return Sketch.from_polylines(self.given.polylines + self.rest, self.given.label)

    def stroke_colors(self, given_color: str, rest_color: str) -> list[str]:
        """A colour for each stroke of `layers`."""
        return [given_color] * len(self.given.polylines) + [rest_color] * len(self.rest)

    def placed(self, original: Sketch, fitted: Fitted) -> Completion:
        """The completion of `original`, where `given` was `fitted` to the model's units.

        The rest gets the size of the original, and goes on exactly from its last point.
        """
        end, original_end = self.given.polylines[-1][-1], original.polylines[-1][-1]
        moved = [original_end + (line - end) / fitted.factor for line in self.rest]
        rest = Sketch.from_polylines(moved).polylines if moved else ()
        return Completion(original, rest, self.joined)

    def _repr_svg_(self) -> str:
        return CompletionList([self], seed=0).sheet()._repr_svg_()


class CompletionList(Drawn[Completion]):
    """Completions, and the seed that draws them again; a notebook displays them as a sheet."""

    @property
    def sketches(self) -> SketchList:
        """The whole drawings."""
        return SketchList((one.sketch for one in self), self.seed)

    def sheet(self, columns: int | None = None) -> SketchSheet:
        """The drawings as a grid, the given part in ink and the rest in colour."""
        colors = [one.stroke_colors(INK, REST) for one in self]
        return SketchSheet.grid([one.layers for one in self], columns=columns, colors=colors)


def complete(
    model: Coder,
    part: Sketch,
    n: int = 10,
    *,
    temperature: float = 0.4,
    z: npt.ArrayLike | Literal["part"] | None = None,
    pen: PenChoice = "auto",
    seed: int | None = None,
) -> CompletionList:
    """Go on with an unfinished drawing, in n ways.

    Args:
        model: decoder-only, as in the paper, or conditional.
        part: the unfinished drawing, in the user's units, of at most N_max points. A part of one
            point, unless the pen is up, is a place to begin at: whole drawings follow.
        n, temperature: as in `Drawer.generate`.
        z: for a conditional model. None: one each from the prior (`Drawer.prior`); "part": mu of
            the part, which asks for a drawing like the part, so that little follows; or one for
            all [Z] or one each [n, Z].
        pen: what it does at the last given point. "down": the stroke goes on; "up": a new one
            begins; "auto": the model decides for each drawing, by its own pen distribution without
            the end, at the same temperature.
        seed: the same seed, the same completions; chosen and returned in `.seed` where None.

    Returns:
        n completions. One has an empty `rest` where the model ends the drawing at once.

    Raises:
        SketchRNNError: a part that leaves no point of N_max to draw; n < 1; a temperature under 0;
            another word for the pen; a z of a wrong size, or for a decoder-only model.
    """
    n = check_count(n, model.N_max)
    check_temperature(temperature)
    if pen not in get_args(PenChoice):
        raise SketchRNNError(f"the pen goes on auto, down or up, got {pen!r}")
    seed = choose_seed(seed)
    prefix = None
    if part.point_count > 1 or pen == "up":
        rows = len(part.to_stroke3())
        _check_rows(model, rows, f"{rows + 1} points")
        prefix = model._to_batch([part], 0)[0][0].numpy(force=True)  # scaled stroke-5 [K, 5]
    if isinstance(z, str):
        model.need_encoder("z")
        if z != "part":
            raise SketchRNNError(f'z must be "part" or an array of numbers, got {z!r}')
        z = model.encode(part)
    z_nZ = model._latents(z, n, seed)
    if prefix is None:
        lifted = [False] * n  # as every drawing begins
    elif pen == "auto":
        lifted = _choose_pens(model, z_nZ, n, prefix, temperature, seed)
    else:
        lifted = [pen == "up"] * n
    drawn = model._draw(z_nZ, n, temperature, seed, prefix=prefix, lifted=lifted)
    found = (_completion(model, part, *one) for one in zip(drawn, lifted, strict=True))
    return CompletionList(found, seed)


def fit_part(model: Coder, sketch: Sketch, *, share: float | None = None) -> Fitted:
    """An unfinished drawing from outside in the model's units, as `fit` does with a whole one.

    How large the whole will be cannot be known: the part may be a fourth of it or nearly all. Among
    `SHARES` that is taken in which the model finds the part likeliest: the same points, of which
    the density in the part's own units is compared. It is simplified to half of N_max points, so
    that as many are left for the rest; to more where its strokes would have fewer than three each.

    `share` says instead what the part's larger side is to a whole drawing's.

    Raises:
        SketchRNNError: a share that is not over 0 and at most 10; a part of more strokes than the
            model can draw a rest to.
    """
    if share is not None:
        check_share(share)
    count, least, N_max = len(sketch.polylines), fewest_rows(sketch.polylines), model.N_max
    straight = f"{count} strokes, which are {least + 1} points where each is one straight line"
    _check_rows(model, least, straight)
    enough = min(max(N_max // 2, 3 * count - 1), N_max - 1)
    side = max(sketch.size)
    whole = (model.facts.size or strokes.BOX_PX) / side if side else 1.0

    def fitted(share: float) -> Fitted:
        result = fit(sketch, model.facts, enough, factor=share * whole)
        points = result.sketch.point_count
        note = f"simplified to {points} points, so that {N_max + 1 - points} are left for the rest"
        return replace(result, note=note) if result.note else result

    if share is not None or not side:
        return fitted(1.0 if share is None else share)
    sampled = fitted(SAMPLED_SHARE).sketch
    candidates = [sampled.scaled(share / SAMPLED_SHARE) for share in SHARES]
    nats = [
        # no end: the part has not ended. A density over larger offsets is smaller, factor^2 a row
        one.nats - one.end_nats - 2 * len(one.point_nats) * math.log(share * whole)
        for one, share in zip(likelihood(model, candidates), SHARES, strict=True)
    ]
    return fitted(SHARES[int(np.argmin(nats))])


def check_share(share: float) -> None:
    """Raises SketchRNNError for what cannot be a part's share of the whole drawing's side."""
    if not 0 < share <= MOST_SHARE:
        raise SketchRNNError(
            f"share must be a number over 0, usually up to 1 and at most {MOST_SHARE:g}, got"
            f" {share!r}"
        )


def _check_rows(model: Coder, rows: int, what: str) -> None:
    """Raises SketchRNNError for a part that leaves no point of N_max to draw."""
    if rows >= model.N_max:
        raise SketchRNNError(
            f"the part has {what}; {model.name} draws at most {model.N_max + 1}: give it at most"
            f" {model.N_max}, simplified if need be"
        )


def _choose_pens(
    model: Coder,
    z_nZ: Latent | None,
    n: int,
    prefix: npt.NDArray[np.float32],
    temperature: float,
    seed: int,
) -> list[bool]:
    """For each drawing, whether the pen is lifted after the last given row."""
    uniform = [generator(seed, PEN_STREAM, number).random() for number in range(n)]
    h_nH, _ = before_last(model.network, model._tensor(z_nZ), n, prefix)
    with torch.inference_mode():
        pen_logits_n3 = Mixture.from_head(model.network.head(h_nH)).pen_logits
        logits_n2 = pen_logits_n3[:, :2]  # down and up, as the stroke-5 columns are ordered
        lifted_n = choose(logits_n2, torch.tensor(uniform).to(logits_n2), temperature) == 1
    lifted: list[bool] = lifted_n.tolist()
    return lifted


def _completion(
    model: Coder, part: Sketch, rows_N5: npt.NDArray[np.float32], lifted: bool
) -> Completion:
    """The rows that the model drew after the part, as strokes in the user's units."""
    if not len(rows_N5):
        return Completion(part, (), joined=False)
    rows = rows_N5.astype(np.float64)
    rows[:, strokes.XY] *= model.facts.scale
    first, *others = Sketch.from_stroke5(rows, start=part.polylines[-1][-1]).polylines
    if lifted:
        first = first[1:]  # the way there is not drawn
    return Completion(part, (first, *others), joined=not lifted)
