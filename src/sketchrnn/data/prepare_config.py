"""PrepareConfig: what `prepare` does to drawings, each field an option of `data prepare`.

No NumPy here, so that the help of the command line does not wait for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from functools import partial
from typing import Any

from sketchrnn.data import HELD_OUT_SHARE
from sketchrnn.data.names import check_class_name
from sketchrnn.errors import SketchRNNError

KEPT, CLEANING, COPYING, SPLITTING = "what is kept", "cleaning", "copies", "splits and classes"
GROUPS = {
    KEPT: None,
    CLEANING: "In this order: box, join, min-stroke, order, simplify, at-most. PX are of a box of"
    " 255 around the drawing.",
    COPYING: "Of training drawings alone, each at random; the originals stay.",
    SPLITTING: None,
}

# A data file says these as "join=4, order", after all others, which it says as "box=True".
_COPYING = ("copies", "mirror", "turn", "stretch")
_BRIEF = ("join", "min_stroke", "order", "at_most", "drop_longest", "drop_unlikely", *_COPYING)


def _option(group: str, default: Any, help: str, metavar: str = "N") -> Any:
    return field(default=default, metadata={"help": help, "group": group, "metavar": metavar})


_kept, _cleaning = partial(_option, KEPT), partial(_option, CLEANING)
_copying, _splitting = partial(_option, COPYING), partial(_option, SPLITTING)


@dataclass(frozen=True)
class PrepareConfig:
    """What to keep of drawings, how to clean, copy and split them; the help of a field says more.

    Shares are of each class. Distances are in px of a box of 255 around the drawing, whatever its
    own units are. `sketchrnn.data.clean` has the steps of cleaning.

    Raises:
        SketchRNNError: a value out of its bounds, or copies that would teach nothing.
    """

    min_points: int = _kept(2, "leave out shorter ones")
    max_points: int | None = _kept(None, "leave out longer ones")
    recognized_only: bool = _kept(
        False,
        "leave out drawings that the game did not recognize (known for .ndjson and .bin only)",
    )
    keep_duplicates: bool = _kept(
        False, "keep drawings that are point by point the same as another one of their class"
    )
    drop_longest: float = _kept(
        0.0, "leave out the share of each class that has the most points", "PART"
    )
    drop_unlikely: float = _kept(
        0.0, "leave out the share of each class that a model finds least likely, a point", "PART"
    )
    simplify: float | None = _cleaning(
        None,
        "simplify (Ramer-Douglas-Peucker) with this epsilon, in px of the 0-255 box; drawings from"
        " files without splits are scaled to the box and resampled first; 0 leaves points as they"
        " are (default: 2 for drawings that were never simplified)",
        "EPS",
    )
    box: bool = _cleaning(
        False,
        "scale each drawing so that its larger side is 255 px, as QuickDraw's are; for drawings"
        " whose sizes differ for no reason",
    )
    join: float | None = _cleaning(None, "join strokes whose ends are at most so far apart", "PX")
    min_stroke: float = _cleaning(
        0.0, "leave out shorter strokes, dots among them; never all of a drawing", "PX"
    )
    order: bool = _cleaning(False, "order and turn strokes so that the lifted pen has a short way")
    at_most: int | None = _cleaning(
        None,
        "simplify drawings that would have more points to that many, each with its own epsilon;"
        " those that need one of over 25 px are left out as too long",
    )
    copies: int = _copying(0, "make so many of each", "K")
    mirror: bool = _copying(False, "mirror half of them; all, without --turn or --stretch")
    turn: float = _copying(0.0, "turn them by up to so many degrees", "DEG")
    stretch: float = _copying(
        0.0, "stretch width and height by factors from 1 - PART to 1 + PART", "PART"
    )
    seed: int = _splitting(0, "seed of the split and of copies", "SEED")
    valid: float = _splitting(
        HELD_OUT_SHARE,
        "drawings to validate with, of sources that have no splits: a share under 1, or a number,"
        " of each class",
        "PART",
    )
    test: float = _splitting(HELD_OUT_SHARE, "drawings to test with, in the same way", "PART")
    resplit: bool = _splitting(
        False, "split anew what comes with splits, too; copies that it has are left out"
    )
    label: str | None = _splitting(None, "one class name for all drawings", "NAME")

    def __post_init__(self) -> None:
        varied = self.turn > 0 or self.stretch > 0
        good = {
            f"min_points must be at least 1, got {self.min_points}": self.min_points >= 1,
            f"max_points must be at least min_points ({self.min_points}), got {self.max_points}": (
                self.max_points is None or self.max_points >= self.min_points
            ),
            f"a drawing needs 2 points at least, got at_most {self.at_most}": (
                self.at_most is None or self.at_most >= 2
            ),
            f"the seed must be at least 0, got {self.seed}": self.seed >= 0,
            f"copies must be 0 or more, got {self.copies}": self.copies >= 0,
            f"the degrees to turn must be from 0 to 180, got {self.turn:g}": 0 <= self.turn <= 180,
            f"the part to stretch must be from 0 to 1, got {self.stretch:g}": 0 <= self.stretch < 1,
            "copies that are like their originals teach nothing; say how they differ: mirror, turn"
            " or stretch": not self.copies or varied or self.mirror,
            f"{self.copies} mirrored copies of a drawing would be all the same; make 1 copy, or"
            " turn or stretch them, too": self.copies <= 1 or varied,
            "mirror, turn and stretch are done to copies of the training drawings; say how many"
            " copies of each there should be": self.copies > 0 or not (varied or self.mirror),
        }
        for what, px in (
            ("the epsilon of simplify", self.simplify),
            ("the distance to join", self.join),
            ("the least length of a stroke", self.min_stroke),
        ):
            if px is not None:
                good[f"{what} must be from 0 to under 255 px, got {px:g}"] = 0 <= px < 255
        for name, share in (("longest", self.drop_longest), ("unlikely", self.drop_unlikely)):
            good[f"the {name} to drop must be a share under 1, got {share:g}"] = 0 <= share < 1
        for name, part in (("valid", self.valid), ("test", self.test)):
            good[
                f"{name} must be a share from 0 to 1 or a whole number of drawings, got {part}"
            ] = 0 <= part < 1 or (part >= 1 and float(part).is_integer())
        for message, is_good in good.items():
            if not is_good:
                raise SketchRNNError(message)
        if self.label is not None:
            check_class_name(self.label)

    @property
    def cleans(self) -> bool:
        """Whether anything is done to a drawing that is not left out."""
        steps = (self.box, self.simplify, self.min_stroke, self.order, self.at_most)
        return any(steps) or self.join is not None

    def __str__(self) -> str:
        """What is not the default."""
        others = [item.name for item in fields(self) if item.name not in _BRIEF]
        return self._told([*others, *_BRIEF])

    @property
    def copying(self) -> str:
        """How copies are made, as "copies=2, mirror, turn=10"; "" for none."""
        return self._told(_COPYING)

    def _told(self, names: Iterable[str]) -> str:
        told = []
        for name in names:
            value = getattr(self, name)
            if value == getattr(PrepareConfig, name):  # the default
                continue
            if name in _BRIEF:
                told.append(name if value is True else f"{name}={value:g}")
            else:
                told.append(f"{'epsilon' if name == 'simplify' else name}={value}")
        return ", ".join(told)
