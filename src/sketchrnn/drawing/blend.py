"""Drawings between, beside and beyond given ones (figures 6 and 8 of the paper).

Each function is a method of `Model`, of a conditional one. All is done with mu of the given
drawings, of at most N_max points, or where `sample` is true with samples of q(z | S), by the seed.
Drawings along a way or in a grid have the same random numbers: from one to the next only z changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

import numpy as np

from sketchrnn.drawing import latent
from sketchrnn.drawing.base import SketchList, check_count
from sketchrnn.drawing.coder import Coder
from sketchrnn.errors import SketchRNNError
from sketchrnn.seeds import POSTERIOR_STREAM, choose_seed, normal_vectors
from sketchrnn.sketch import Sketch

MOST_SPREAD = 100.0


def interpolate(
    model: Coder,
    first: Sketch,
    last: Sketch,
    n: int = 10,
    *,
    spherical: bool = True,
    temperature: float = 0.1,
    sample: bool = False,
    seed: int | None = None,
) -> SketchList:
    """n >= 2 drawings on the way from one to another, both reconstructions included (fig. 6).

    The way is the great circle between their z, or the straight line where not `spherical`. Each
    starts as far on the straight way from the one's start to the other's. With `sample` the two z
    are samples of q(z | S), else mu.

    Raises:
        SketchRNNError: n < 2, a decoder-only model, a drawing that is too long.
    """
    model.need_encoder("interpolation")
    n, seed = check_count(n, model.N_max), choose_seed(seed)
    z_first, z_last = model.encode([first, last], sample=sample, seed=seed)
    z_nZ = latent.path(z_first, z_last, n, spherical=spherical)
    starts_n2 = latent.path(np.array(first.start), np.array(last.start), n, spherical=False)
    drawn = model.decode_alike(z_nZ, temperature=temperature, seed=seed)
    placed = (new.moved(*start) for new, start in zip(drawn, starts_n2, strict=True))
    return SketchList(placed, seed)


def grid(
    model: Coder,
    corners: Sequence[Sketch],
    rows: int = 7,
    columns: int = 7,
    *,
    spherical: bool = True,
    temperature: float = 0.1,
    sample: bool = False,
    seed: int | None = None,
) -> list[SketchList]:
    """A grid of drawings between three or four, whose reconstructions are its corners (fig. 8).

    Args:
        model: a conditional one.
        corners: top left, top right, bottom left, and bottom right; see `latent.corner_grid`.
        rows, columns: at least 2 each.
        spherical: along great circles, or straight lines.
        sample: take samples of q(z | S) for mu, by the seed.
        temperature, seed: as in `Drawer.generate`.

    Returns:
        the rows from the top.

    Raises:
        SketchRNNError: another number of corners, a side of fewer than 2 drawings, a decoder-only
            model, a drawing that is too long.
    """
    model.need_encoder("a grid between drawings")
    rows, columns = check_count(rows), check_count(columns)
    check_count(rows * columns, model.N_max)
    corners = list(corners)
    # the starts first: they say what is wrong with the corners before anything is computed
    starts = np.array([corner.start for corner in corners])
    starts_rc2 = latent.corner_grid(starts, rows, columns, spherical=False)
    seed = choose_seed(seed)
    z_corners = model.encode(corners, sample=sample, seed=seed)
    z_rcZ = latent.corner_grid(z_corners, rows, columns, spherical=spherical)
    z_nZ = z_rcZ.reshape(rows * columns, -1)
    drawn = iter(model.decode_alike(z_nZ, temperature=temperature, seed=seed))
    return [
        SketchList((next(drawn).moved(*start) for start in starts_c2), seed)
        for starts_c2 in starts_rc2
    ]


def analogy(
    model: Coder,
    a: Sketch,
    b: Sketch,
    c: Sketch,
    n: int = 1,
    *,
    temperature: float = 0.1,
    sample: bool = False,
    seed: int | None = None,
) -> SketchList:
    """n drawings of c + (b - a), the analogy of section 4.3, each starting where c does.

    For a cat's head, a cat with a body, and a pig's head: a pig with a body. With `sample` the
    vectors are samples of q(z | S), else mu.

    Raises:
        SketchRNNError: n < 1, a decoder-only model, a drawing that is too long.
    """
    model.need_encoder("an analogy")
    seed = choose_seed(seed)
    z_Z = latent.analogy(*model.encode([a, b, c], sample=sample, seed=seed))
    drawn = model.generate(n, z=z_Z, temperature=temperature, seed=seed)
    return SketchList((new.moved(*c.start) for new in drawn), seed)


@overload
def vary(
    model: Coder,
    sketches: Sketch,
    n: int = 10,
    *,
    spread: float = 1.0,
    temperature: float = 0.5,
    seed: int | None = None,
) -> SketchList: ...


@overload
def vary(
    model: Coder,
    sketches: Sequence[Sketch],
    n: int = 10,
    *,
    spread: float = 1.0,
    temperature: float = 0.5,
    seed: int | None = None,
) -> list[SketchList]: ...


def vary(
    model: Coder,
    sketches: Sketch | Sequence[Sketch],
    n: int = 10,
    *,
    spread: float = 1.0,
    temperature: float = 0.5,
    seed: int | None = None,
) -> SketchList | list[SketchList]:
    """n drawings like the given one, each of its own z = mu + spread * sigma * N(0, 1) (eq. 2).

    Of several given ones, n like each: what the first of them gets, it gets alone as well.
    `spread` is how far z strays, in sigmas of q(z | S): 1 is a sample of it, 0 is mu. All start
    where the given one does and have its label.

    Raises:
        SketchRNNError: n < 1, a spread that is not from 0 to 100, a decoder-only model, a drawing
            that is too long, no drawing.
    """
    model.need_encoder("variation")
    many = [sketches] if isinstance(sketches, Sketch) else list(sketches)
    if not many:
        raise SketchRNNError("there is no drawing to vary")
    n = check_count(n)
    count = check_count(len(many) * n, model.N_max)
    check_spread(spread)
    seed = choose_seed(seed)
    mu_mZ, sigma_mZ = model.posterior(many)
    noise = normal_vectors(seed, POSTERIOR_STREAM, count, model.z_size).reshape(len(many), n, -1)
    z_mnZ = mu_mZ[:, None] + spread * sigma_mZ[:, None] * noise
    drawn = iter(model.decode(z_mnZ.reshape(count, -1), temperature=temperature, seed=seed))
    rows = [SketchList((placed_as(given, next(drawn)) for _ in range(n)), seed) for given in many]
    return rows[0] if isinstance(sketches, Sketch) else rows


def reconstruct(
    model: Coder,
    sketches: Sketch | Sequence[Sketch],
    *,
    temperature: float = 0.5,
    sample: bool = False,
    seed: int | None = None,
) -> SketchList:
    """Encode and decode: each drawing as the model sees it, starting where it started.

    With `sample` the vectors are samples of q(z | S), else mu.

    Raises:
        SketchRNNError: no drawing, a decoder-only model, a drawing that is too long.
    """
    many = [sketches] if isinstance(sketches, Sketch) else list(sketches)
    if not many:
        raise SketchRNNError("there is no drawing to reconstruct")
    seed = choose_seed(seed)
    z_nZ = model.encode(many, sample=sample, seed=seed)
    drawn = model.decode(z_nZ, temperature=temperature, seed=seed)
    return SketchList(map(placed_as, many, drawn), seed)


def placed_as(given: Sketch, new: Sketch) -> Sketch:
    """What was drawn for `given`, from (0, 0) on, moved to its start, with its label if any."""
    return Sketch(new.moved(*given.start).polylines, given.label or new.label)


def check_spread(spread: float) -> None:
    """Raises SketchRNNError for a spread that is no number from 0 to 100."""
    if not 0 <= spread <= MOST_SPREAD:
        raise SketchRNNError(
            f"spread must be a number from 0, usually to 1 and at most {MOST_SPREAD:g}, got"
            f" {spread!r}"
        )
