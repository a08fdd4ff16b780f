"""What makes drawings easier to learn from: the steps on one drawing, and which are left out.

The steps, in the order in which they are done; each is an option of `sketchrnn data prepare`:

1. box         scaled so that the larger side is 255 px (raw drawings always are)
2. join        strokes whose ends nearly touch become one
3. min-stroke  short strokes go. After `join`, so that a line of many short pieces stays; what is
               then still short lies alone. What is left is scaled to the box again.
4. order       strokes in an order, and a direction, with little pen-up travel: of those that stay
5. simplify    Ramer-Douglas-Peucker; last, for joined strokes have corners that it can take away
6. at-most     a larger epsilon, for drawings that still have too many points: each its own

All distances are in px of a box of 255 around the drawing, whatever units it has itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sketchrnn import strokes
from sketchrnn.data.effects import Effects, Shape, Step
from sketchrnn.data.simplify import farthest_first, fewest_rows
from sketchrnn.errors import SketchRNNError
from sketchrnn.strokes import AnyArray
from sketchrnn.travel import Polyline, joined, length_of, ordered

EPSILON_LIMIT_PX = 25.0  # a tenth of the box: what needs more is not the same drawing afterwards
STATIONS_LIMIT = 1_000_000  # points of a drawing, when it is resampled
_USUAL = 0.01  # how much less the usual simplification counts as a change: all drawings get it


@dataclass(frozen=True)
class Cleaning:
    """The steps of choice on one drawing; by default there are none.

    Attributes:
        join: strokes whose ends are at most so many px apart become one; None for no joining.
        min_stroke: strokes shorter than so many px are left out, dots among them, whose length
            is 0; but never all strokes of a drawing.
        order: strokes in an order and direction with little pen-up travel.
        at_most: drawings with more points (stroke-3 rows) are simplified to that many, if an
            epsilon of 25 px is enough for that.
    """

    join: float | None = None
    min_stroke: float = 0.0
    order: bool = False
    at_most: int | None = None

    def __post_init__(self) -> None:
        if self.join is not None:
            _check_px("the distance to join", self.join)
        _check_px("the least length of a stroke", self.min_stroke)
        if self.at_most is not None and self.at_most < 2:
            raise SketchRNNError(f"a drawing needs 2 points at least, got at_most {self.at_most}")

    def __str__(self) -> str:
        return _options(
            ("join", self.join),
            ("min_stroke", self.min_stroke),
            ("order", self.order),
            ("at_most", self.at_most),
        )


@dataclass(frozen=True)
class Outliers:
    """Shares of each class to leave out: first the longest, then the least likely of the others.

    Attributes:
        longest: the share with the most points.
        unlikely: the share that a model finds least likely, by nats a point.
    """

    longest: float = 0.0
    unlikely: float = 0.0

    def __post_init__(self) -> None:
        for name, share in (("longest", self.longest), ("unlikely", self.unlikely)):
            if not 0 <= share < 1:
                raise SketchRNNError(f"the {name} to drop must be a share under 1, got {share:g}")

    def __str__(self) -> str:
        return _options(("drop_longest", self.longest), ("drop_unlikely", self.unlikely))


def worst(badness: npt.ArrayLike, labels: AnyArray, share: float) -> npt.NDArray[np.int64]:
    """Which of n drawings are the worst `share` of their class; of equal ones the later.

    Args:
        badness: [n].
        labels: [n], the classes.
        share: under 1, so that some of each class are left.

    Returns:
        their numbers, class by class, the worst first.
    """
    values = np.asarray(badness, dtype=np.float64)
    chosen = [np.empty(0, np.int64)]
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)[::-1]
        by_badness = members[np.argsort(-values[members], kind="stable")]
        chosen.append(by_badness[: int(share * len(members))])
    return np.concatenate(chosen)


@dataclass(frozen=True)
class Making:
    """All steps on one drawing.

    Attributes:
        cleaning: the steps of choice.
        box: scale it so that the larger side is 255.
        epsilon: of the simplification, in px of a box of 255 around the drawing; 0 for none.
        public: resample at 1 px before that and round to whole numbers after it, as the public
            preprocessing does.
    """

    cleaning: Cleaning
    box: bool = False
    epsilon: float = 0.0
    public: bool = False

    def __bool__(self) -> bool:
        """Whether it does anything."""
        return self.box or self.epsilon > 0 or self.cleaning != Cleaning()

    def make(
        self, given: Sequence[Polyline], effects: Effects, where: str = "drawing"
    ) -> tuple[list[Polyline], float]:
        """The drawing made ready, and how much it was changed; counted in `effects`.

        It may still have more than `at_most` points: with too many strokes, or if it would need an
        epsilon of over 25 px.

        Raises:
            SketchRNNError: naming `where`: it is too long to be resampled.
        """
        cleaning = self.cleaning
        work = _Work(boxed(given) if self.box else list(given), effects)
        if cleaning.join is not None:
            work.take(f"join {cleaning.join:g} px", joined(work.lines, cleaning.join * work.unit))
        if cleaning.min_stroke > 0:
            left = without_short(work.lines, cleaning.min_stroke * work.unit)
            went = len(left) < len(work.lines)
            work.take(f"min-stroke {cleaning.min_stroke:g} px", left)
            if went and self.box:
                work.rescale(boxed(left))
        if cleaning.order:
            work.take("order", ordered(work.lines))
        dense = work.lines
        if self.public:
            _check_length(dense, where)
            dense = [strokes.resample(line, strokes.SPACING_PX) for line in dense]
        epsilon = self._epsilon(work)
        if epsilon > 0:
            simple = [strokes.simplify(line, epsilon) for line in dense]
            work.take(f"simplify {self.epsilon:g}", self._rounded(simple), _USUAL)
        if cleaning.at_most is not None:
            lines, epsilon_px = self._shortened(work, dense, cleaning.at_most)
            step = work.take(f"at-most {cleaning.at_most}", lines)
            if epsilon_px is not None:
                step.epsilon_px = max(epsilon_px, step.epsilon_px or 0.0)
        return work.lines, work.changed

    def _shortened(
        self, work: _Work, dense: Sequence[Polyline], at_most: int
    ) -> tuple[list[Polyline], float | None]:
        """A drawing of at most `at_most` rows, and the epsilon for that if it had more."""
        least = fewest_rows(dense)
        if not least <= at_most < _rows(work.lines):
            return work.lines, None
        epsilon = self._epsilon(work)
        lines, farthest = farthest_first(dense, epsilon, at_most - least)
        if farthest > EPSILON_LIMIT_PX * work.unit:
            return work.lines, None
        return self._rounded(lines), max(farthest, epsilon) / work.unit

    def _epsilon(self, work: _Work) -> float:
        """The epsilon in the drawing's own units; in the box exactly what was asked for."""
        return self.epsilon if self.box else self.epsilon * work.unit

    def _rounded(self, lines: Sequence[Polyline]) -> list[Polyline]:
        return [np.rint(line) for line in lines] if self.public else list(lines)


def preprocess(
    lines: Sequence[Polyline], epsilon: float = strokes.EPSILON_PX, where: str = "drawing"
) -> list[Polyline]:
    """The public preprocessing, after which a raw drawing is like a simplified one.

    Aligned to the top left, scaled evenly so that the larger side is 255, resampled at 1 px,
    simplified (`strokes.simplify`), rounded to whole numbers.

    Raises:
        SketchRNNError: naming `where`: its strokes together are longer than a million px.
    """
    making = Making(Cleaning(), box=True, epsilon=epsilon, public=True)
    made, _ = making.make(lines, Effects(), where)
    return made


class _Work:
    """A drawing on its way through the steps."""

    def __init__(self, lines: list[Polyline], effects: Effects) -> None:
        self.effects = effects
        self.changed = 0.0
        self.rescale(lines)

    def rescale(self, lines: list[Polyline]) -> None:
        """Go on with the same drawing in another size."""
        self.lines = lines
        self.unit = side_of(lines) / strokes.BOX_PX or 1.0  # 1 px
        self.shape = Shape.of(lines, self.unit)

    def take(self, name: str, lines: list[Polyline], weight: float = 1.0) -> Step:
        """Go on with what a step made of it, and count that."""
        before, after = self.shape, Shape.of(lines, self.unit)
        step = self.effects.step(name)
        changed = (before.strokes, before.points) != (after.strokes, after.points) or (
            weight == 1.0 and any(map(_differ, self.lines, lines))
        )
        step.add(before, after, changed)
        self.changed += weight * before.change_to(after)
        self.lines, self.shape = lines, after
        return step


def _differ(one: Polyline, other: Polyline) -> bool:
    return one is not other and not np.array_equal(one, other)


def without_short(lines: Sequence[Polyline], least: float) -> list[Polyline]:
    """The strokes that are at least `least` long; all of them where none is."""
    kept = [line for line in lines if length_of(line) >= least]
    return kept or list(lines)


def side_of(lines: Sequence[Polyline]) -> float:
    """The larger side of a drawing."""
    return float(np.ptp(np.concatenate(lines), axis=0).max())


def boxed(lines: Sequence[Polyline]) -> list[Polyline]:
    """Aligned to the top left and scaled evenly so that the larger side is 255."""
    corner = np.concatenate(lines).min(axis=0)
    side = side_of(lines)
    factor = strokes.BOX_PX / side if side > 0 else 1.0
    return [(line - corner) * factor for line in lines]


def _rows(lines: Sequence[Polyline]) -> int:
    """The stroke-3 rows of a drawing; a dot that comes first is two points."""
    return sum(map(len, lines)) - 1 + (len(lines[0]) == 1)


def _check_length(lines: Sequence[Polyline], where: str) -> None:
    length = sum(map(length_of, lines))
    if length > STATIONS_LIMIT * strokes.SPACING_PX:
        raise SketchRNNError(
            f"{where}: is {length:,.0f} px long in a box of {strokes.BOX_PX:.0f} px, more than"
            f" {STATIONS_LIMIT * strokes.SPACING_PX:,.0f}; no drawing is, leave it out"
        )


def _check_px(what: str, value: float) -> None:
    if not 0 <= value < strokes.BOX_PX:
        raise SketchRNNError(f"{what} must be from 0 to under 255 px, got {value:g}")


def _options(*options: tuple[str, Any]) -> str:
    """Those that are set, as "join=4, order"."""
    return ", ".join(
        name if value is True else f"{name}={value:g}"
        for name, value in options
        if value is not None and value is not False and (value != 0 or name == "join")
    )
