"""Drawings between, beside and beyond given ones (figures 6 and 8 of the paper).

All is done with mu of the given drawings, or on request samples of q(z | S). Drawings along
a way or in a grid are drawn with the same random numbers: from one to the next only z changes.
Each function is a method of `Model`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

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
    """n drawings on the way from one to another, the reconstructions of both included (fig. 6).

    Each starts as far on the straight way from the one's start to the other's.

    Args:
        model: a conditional one.
        first, last: of at most N_max points.
        n: at least 2.
        spherical: along the great circle between their z, or along the straight line.
        sample: take samples of q(z | S) for mu, by the seed.
        temperature, seed: as in `Drawer.generate`.

    Raises:
        SketchRNNError: n < 2, a decoder-only model, a drawing that is too long.
    """
    model.need_encoder("interpolation")
    n, seed = check_count(n), choose_seed(seed)
    z_first, z_last = model.encode([first, last], sample=sample, seed=seed)
    z_nZ = latent.path(z_first, z_last, n, spherical=spherical)
    starts_n2 = latent.path(_start(first), _start(last), n, spherical=False)
    drawn = model.decode_alike(z_nZ, temperature=temperature, seed=seed)
    placed = (new.moved(*start) for new, start in zip(drawn, starts_n2, strict=True))
    return SketchList(placed, drawn.seed)


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
    corners = list(corners)
    # the starts first: they say what is wrong with the corners before anything is computed
    starts = latent.corner_grid(
        np.array([_start(corner) for corner in corners]), rows, columns, spherical=False
    )
    seed = choose_seed(seed)
    z_corners = model.encode(corners, sample=sample, seed=seed)
    z = latent.corner_grid(z_corners, rows, columns, spherical=spherical)
    drawn = model.decode_alike(z.reshape(rows * columns, -1), temperature=temperature, seed=seed)
    placed = [new.moved(*start) for new, start in zip(drawn, starts.reshape(-1, 2), strict=True)]
    return [
        SketchList(placed[first : first + columns], drawn.seed)
        for first in range(0, len(placed), columns)
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
    return SketchList((new.moved(*c.start) for new in drawn), drawn.seed)


def vary(
    model: Coder,
    sketch: Sketch,
    n: int = 10,
    *,
    spread: float = 1.0,
    temperature: float = 0.5,
    seed: int | None = None,
) -> SketchList:
    """n drawings like the given one, each of its own z = mu + spread * sigma * N(0, 1) (eq. 2).

    Args:
        model: a conditional one.
        sketch: of at most N_max points; all start where it does and have its label.
        n: how many.
        spread: how far z strays, in sigmas of q(z | S): 1 is a sample of it, 0 is mu.
        temperature, seed: as in `Drawer.generate`.

    Raises:
        SketchRNNError: n < 1, a spread that is not from 0 to 100, a decoder-only model, a drawing
            that is too long.
    """
    model.need_encoder("variation")
    n = check_count(n)
    check_spread(spread)
    seed = choose_seed(seed)
    mu_1Z, sigma_1Z = model.posterior([sketch])
    noise_nZ = normal_vectors(seed, POSTERIOR_STREAM, n, model.z_size)
    drawn = model.decode(mu_1Z + spread * sigma_1Z * noise_nZ, temperature=temperature, seed=seed)
    return SketchList((placed_as(sketch, new) for new in drawn), seed)


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
    drawn = model.decode(
        model.encode(many, sample=sample, seed=seed), temperature=temperature, seed=seed
    )
    return SketchList(map(placed_as, many, drawn), seed)


def placed_as(given: Sketch, new: Sketch) -> Sketch:
    """What was drawn for a given drawing: moved to where that starts, with its label if it has one.

    Args:
        given: the drawing.
        new: what was drawn, from (0, 0) on.
    """
    return Sketch(new.moved(*given.start).polylines, given.label or new.label)


def check_spread(spread: float) -> None:
    """Raises SketchRNNError for a spread that is no number from 0 to 100."""
    if not 0 <= spread <= MOST_SPREAD:
        raise SketchRNNError(
            f"spread must be a number from 0, usually to 1 and at most {MOST_SPREAD:g}, got"
            f" {spread!r}"
        )


def _start(sketch: Sketch) -> npt.NDArray[np.float64]:
    return np.array(sketch.start)
