"""What makes drawings easier to learn from: the steps on one drawing, and copies of it.

The steps, in the order in which they are done; each is an option of `sketchrnn data prepare`:

1. box         scaled so that the larger side is 255 px (raw drawings always are)
2. join        strokes whose ends nearly touch become one
3. min-stroke  short strokes go. After `join`, so that a line of many short pieces stays; what is
               then still short lies alone. What is left is scaled to the box again.
4. order       strokes in an order, and a direction, with little pen-up travel: of those that stay
5. simplify    Ramer-Douglas-Peucker; last, for joined strokes have corners that it can take away.
               In the box as the public preprocessing does it: resampled at 1 px before, rounded
               to whole numbers after it.
6. at-most     a larger epsilon, for drawings that still have too many points: each its own

All distances are in px of a box of 255 around the drawing, whatever units it has itself.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sketchrnn import strokes
from sketchrnn.data.prepare_config import PrepareConfig
from sketchrnn.data.report import Change, Effects, Lines, Shape, Step
from sketchrnn.data.simplify import farthest_first, fewest_rows
from sketchrnn.errors import SketchRNNError
from sketchrnn.travel import Polyline, joined, length_of, ordered, travel

EPSILON_LIMIT_PX = 25.0  # a tenth of the box: what needs more is not the same drawing afterwards
STATIONS_LIMIT = 1_000_000  # points of a drawing, when it is resampled
_USUAL = 0.01  # how much less the usual simplification counts as a change: all drawings get it


def clean(given: Lines, config: PrepareConfig, effects: Effects, where: str = "drawing") -> Change:
    """The drawing after all steps, and how much they changed it; counted in `effects`.

    It may still have more than `at_most` points: with too many strokes, or if it would need an
    epsilon of over 25 px.

    Raises:
        SketchRNNError: naming `where`: it is too long to be resampled.
    """
    work = _Work(boxed(given) if config.box else list(given), effects)
    if config.join is not None:
        work.take(f"join {config.join:g} px", joined(work.lines, config.join * work.unit))
    if config.min_stroke > 0:
        left = without_short(work.lines, config.min_stroke * work.unit)
        went = len(left) < len(work.lines)
        work.take(f"min-stroke {config.min_stroke:g} px", left)
        if went and config.box:
            work.rescale(boxed(left))
    if config.order:
        work.take("order", ordered(work.lines))
    epsilon = config.simplify or 0.0
    public = config.box and epsilon > 0
    dense = work.lines
    if public:
        length = sum(map(length_of, dense))
        if length > STATIONS_LIMIT * strokes.SPACING_PX:
            raise SketchRNNError(
                f"{where}: is {length:,.0f} px long in a box of {strokes.BOX_PX:.0f} px, more than"
                f" {STATIONS_LIMIT * strokes.SPACING_PX:,.0f}; no drawing is, leave it out"
            )
        dense = [strokes.resample(line, strokes.SPACING_PX) for line in dense]
    else:
        epsilon *= work.unit
    if epsilon > 0:
        simple = [strokes.simplify(line, epsilon) for line in dense]
        work.take(f"simplify {config.simplify:g}", _rounded(simple, public), _USUAL)
    if config.at_most is not None:
        lines, epsilon_px = work.lines, None
        least = fewest_rows(dense)
        # a dot that comes first is two points
        if least <= config.at_most < sum(map(len, lines)) - 1 + (len(lines[0]) == 1):
            fewer, farthest = farthest_first(dense, epsilon, config.at_most - least)
            if farthest <= EPSILON_LIMIT_PX * work.unit:
                lines, epsilon_px = _rounded(fewer, public), max(farthest, epsilon) / work.unit
        step = work.take(f"at-most {config.at_most}", lines)
        if epsilon_px is not None:
            step.epsilon_px = max(epsilon_px, step.epsilon_px or 0.0)
    return Change(work.changed, given, work.lines)


def preprocess(lines: Lines, epsilon: float = strokes.EPSILON_PX, where: str = "drawing") -> Lines:
    """The public preprocessing, after which a raw drawing is like a simplified one.

    Aligned to the top left, scaled evenly so that the larger side is 255, resampled at 1 px,
    simplified (`strokes.simplify`) with an `epsilon` over 0, rounded to whole numbers.

    Raises:
        SketchRNNError: naming `where`: its strokes together are longer than a million px.
    """
    return clean(lines, PrepareConfig(box=True, simplify=epsilon), Effects(), where).after


class _Work:
    """A drawing on its way through the steps."""

    def __init__(self, lines: list[Polyline], effects: Effects) -> None:
        self.effects = effects
        self.changed = 0.0  # 0 for not at all, about 3 a step at most
        self.rescale(lines)

    def rescale(self, lines: list[Polyline]) -> None:
        """Go on with the same drawing in another size."""
        self.lines = lines
        side = float(np.ptp(np.concatenate(lines), axis=0).max())
        self.unit = side / strokes.BOX_PX or 1.0  # 1 px
        self.shape = self._shape_of(lines)

    def _shape_of(self, lines: list[Polyline]) -> Shape:
        return len(lines), sum(map(len, lines)), travel(lines) / self.unit

    def take(self, name: str, lines: list[Polyline], weight: float = 1.0) -> Step:
        """Go on with what a step made of it, and count that."""
        before, after = self.shape, self._shape_of(lines)
        changed = before[:2] != after[:2] or (
            weight == 1.0
            and any(
                one is not other and not np.array_equal(one, other)
                for one, other in zip(self.lines, lines, strict=True)
            )
        )
        step = self.effects.step(name)
        step.add(before, after, changed)
        pairs = zip(before, after, strict=True)
        self.changed += weight * sum(abs(a - b) / max(a, b) for a, b in pairs if max(a, b) > 0)
        self.lines, self.shape = lines, after
        return step


def _rounded(lines: list[Polyline], public: bool) -> list[Polyline]:
    return [np.rint(line) for line in lines] if public else lines


def without_short(lines: Lines, least: float) -> list[Polyline]:
    """The strokes that are at least `least` long; all of them where none is."""
    return [line for line in lines if length_of(line) >= least] or list(lines)


def boxed(lines: Lines) -> list[Polyline]:
    """Aligned to the top left and scaled evenly so that the larger side is 255."""
    points = np.concatenate(lines)
    corner, side = points.min(axis=0), float(np.ptp(points, axis=0).max())
    return [(line - corner) * strokes.filling(strokes.BOX_PX, side) for line in lines]


def copies_of(
    rows: strokes.AnyArray, config: PrepareConfig, rng: np.random.Generator
) -> list[npt.NDArray[np.float64]]:
    """The `config.copies` copies of stroke-3 rows [N, 3], at random mirrored, turned, stretched."""
    return [copied(rows, random_matrix(config, rng)) for _ in range(config.copies)]


def random_matrix(config: PrepareConfig, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """What one copy's points [x, y] are multiplied with from the left, at random: [2, 2]."""
    turned_or_stretched = config.turn > 0 or config.stretch > 0
    mirrored = config.mirror and (bool(rng.random() < 0.5) or not turned_or_stretched)
    factors = rng.uniform(1 - config.stretch, 1 + config.stretch, 2) * [-1 if mirrored else 1, 1]
    angle = np.radians(rng.uniform(-config.turn, config.turn))
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[cos, -sin], [sin, cos]]) * factors  # stretched first, then turned


def copied(rows: strokes.AnyArray, matrix: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Stroke-3 rows [N, 3] of a drawing whose points were multiplied with `matrix`.

    If the rows are whole numbers, the copy's are, too: each point is rounded, not each offset.
    """
    copy = rows.astype(np.float64)
    offsets = copy[:, strokes.XY]
    points = np.cumsum(offsets, axis=0) @ matrix.T
    if (offsets == np.rint(offsets)).all():
        points = np.rint(points)
    copy[:, strokes.XY] = np.diff(points, axis=0, prepend=np.zeros((1, 2)))
    return copy
