"""PrepareConfig: what `prepare` does to drawings, each number an option of `data prepare`.

No NumPy here, so that the help of the command line does not wait for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import Any

from sketchrnn.data import HELD_OUT_SHARE
from sketchrnn.data.names import check_class_name
from sketchrnn.errors import SketchRNNError

KEPT, CLEANING, COPYING, SPLITTING = "what is kept", "cleaning", "copies", "splits and classes"
GROUPS = {
    KEPT: None,
    CLEANING: "In this order. PX are of a box of 255 around the drawing.",
    COPYING: "Of training drawings alone, each at random; the originals stay.",
    SPLITTING: None,
}
_BOX_PX = 255  # as `strokes.BOX_PX`, which would load NumPy

# How a data file says what was chosen: first "max_points=9, epsilon=1.5, box=True", then
# "join=4, order", as it has been from the beginning.
_SAID_FIRST = (
    "min_points",
    "max_points",
    "recognized_only",
    "keep_duplicates",
    "simplify",
    "box",
    "seed",
    "valid",
    "test",
    "resplit",
    "label",
)
_SAID_THEN = ("join", "min_stroke", "order", "at_most", "drop_longest", "drop_unlikely")
_SAID_LAST = ("copies", "mirror", "turn", "stretch")


def _option(default: Any, group: str, metavar: str, help: str) -> Any:
    return field(default=default, metadata={"help": help, "group": group, "metavar": metavar})


@dataclass(frozen=True)
class PrepareConfig:
    """What to keep of drawings, how to clean, copy and split them; the help of a field says more.

    Shares are of each class. Distances are in px of a box of 255 around the drawing, whatever its
    own units are. `sketchrnn.data.clean` has the steps of cleaning.

    Raises:
        SketchRNNError: a value out of its bounds, or copies that would teach nothing.
    """

    min_points: int = _option(2, KEPT, "N", "leave out shorter ones")
    max_points: int | None = _option(None, KEPT, "N", "leave out longer ones")
    recognized_only: bool = _option(
        False,
        KEPT,
        "",
        "leave out drawings that the game did not recognize (known for .ndjson and .bin only)",
    )
    keep_duplicates: bool = _option(
        False,
        KEPT,
        "",
        "keep drawings that are point by point the same as another one of their class",
    )
    drop_longest: float = _option(
        0.0, KEPT, "PART", "leave out the share of each class that has the most points"
    )
    drop_unlikely: float = _option(
        0.0,
        KEPT,
        "PART",
        "leave out the share of each class that a model finds least likely, a point",
    )
    box: bool = _option(
        False,
        CLEANING,
        "",
        "scale each drawing so that its larger side is 255 px, as QuickDraw's are; for drawings"
        " whose sizes differ for no reason",
    )
    join: float | None = _option(
        None, CLEANING, "PX", "join strokes whose ends are at most so far apart"
    )
    min_stroke: float = _option(
        0.0,
        CLEANING,
        "PX",
        "leave out shorter strokes, dots among them; never all of a drawing",
    )
    order: bool = _option(
        False, CLEANING, "", "order and turn strokes so that the lifted pen has a short way"
    )
    simplify: float | None = _option(
        None,
        CLEANING,
        "EPS",
        "simplify (Ramer-Douglas-Peucker) with this epsilon, in px of the 0-255 box; drawings from"
        " files without splits are scaled to the box and resampled first; 0 leaves points as they"
        " are (default: 2 for drawings that were never simplified)",
    )
    at_most: int | None = _option(
        None,
        CLEANING,
        "N",
        "simplify drawings that would have more points to that many, each with its own epsilon;"
        " those that need one of over 25 px are left out as too long",
    )
    copies: int = _option(0, COPYING, "K", "make so many of each")
    mirror: bool = _option(
        False, COPYING, "", "mirror half of them; all, without --turn or --stretch"
    )
    turn: float = _option(0.0, COPYING, "DEG", "turn them by up to so many degrees")
    stretch: float = _option(
        0.0,
        COPYING,
        "PART",
        "stretch width and height by factors from 1 - PART to 1 + PART",
    )
    seed: int = _option(0, SPLITTING, "SEED", "seed of the split and of copies")
    valid: float = _option(
        HELD_OUT_SHARE,
        SPLITTING,
        "PART",
        "valid drawings of sources that have no splits: a share under 1, or a number, of each"
        " class",
    )
    test: float = _option(
        HELD_OUT_SHARE,
        SPLITTING,
        "PART",
        "test drawings of sources that have no splits: a share under 1, or a number, of each class",
    )
    resplit: bool = _option(
        False,
        SPLITTING,
        "",
        "split anew what comes with splits, too; copies that it has are left out",
    )
    label: str | None = _option(None, SPLITTING, "NAME", "one class name for all drawings")

    def __post_init__(self) -> None:
        _need(self.min_points >= 1, f"min_points must be at least 1, got {self.min_points}")
        _need(
            self.max_points is None or self.max_points >= self.min_points,
            f"max_points must be at least min_points ({self.min_points}), got {self.max_points}",
        )
        for what, px in (
            ("the epsilon of simplify", self.simplify),
            ("the distance to join", self.join),
            ("the least length of a stroke", self.min_stroke),
        ):
            if px is not None and not 0 <= px < _BOX_PX:
                raise SketchRNNError(f"{what} must be from 0 to under {_BOX_PX} px, got {px:g}")
        _need(
            self.at_most is None or self.at_most >= 2,
            f"a drawing needs 2 points at least, got at_most {self.at_most}",
        )
        for name, share in (("longest", self.drop_longest), ("unlikely", self.drop_unlikely)):
            _need(0 <= share < 1, f"the {name} to drop must be a share under 1, got {share:g}")
        _need(self.seed >= 0, f"the seed must be at least 0, got {self.seed}")
        for name, part in (("valid", self.valid), ("test", self.test)):
            _need(
                0 <= part < 1 or (part >= 1 and float(part).is_integer()),
                f"{name} must be a share from 0 to 1 or a whole number of drawings, got {part}",
            )
        if self.label is not None:
            check_class_name(self.label)
        self._check_copies()

    def _check_copies(self) -> None:
        _need(self.copies >= 0, f"copies must be 0 or more, got {self.copies}")
        _need(
            0 <= self.turn <= 180,
            f"the degrees to turn must be from 0 to 180, got {self.turn:g}",
        )
        _need(
            0 <= self.stretch < 1, f"the part to stretch must be from 0 to 1, got {self.stretch:g}"
        )
        varied = self.turn > 0 or self.stretch > 0
        _need(
            not self.copies or varied or self.mirror,
            "copies that are like their originals teach nothing; say how they differ: mirror, turn"
            " or stretch",
        )
        _need(
            self.copies <= 1 or varied,
            f"{self.copies} mirrored copies of a drawing would be all the same; make 1 copy, or"
            " turn or stretch them, too",
        )
        _need(
            bool(self.copies) or not (varied or self.mirror),
            "mirror, turn and stretch are done to copies of the training drawings; say how many"
            " copies of each there should be",
        )

    @property
    def cleans(self) -> bool:
        """Whether anything is done to a drawing that is not left out."""
        steps = (self.box, self.simplify, self.min_stroke, self.order, self.at_most)
        return any(steps) or self.join is not None

    def __str__(self) -> str:
        """What is not the default."""
        return self._told(_SAID_FIRST + _SAID_THEN + _SAID_LAST)

    @property
    def copying(self) -> str:
        """How copies are made, as "copies=2, mirror, turn=10"; "" for none."""
        return self._told(_SAID_LAST)

    def _told(self, names: Iterable[str]) -> str:
        default = {item.name: item.default for item in fields(self)}
        chosen = [(name, getattr(self, name)) for name in names]
        return ", ".join(
            f"{'epsilon' if name == 'simplify' else name}={value}"
            if name in _SAID_FIRST
            else (name if value is True else f"{name}={value:g}")
            for name, value in chosen
            if value != default[name]
        )


def _need(good: bool, message: str) -> None:
    if not good:
        raise SketchRNNError(message)
