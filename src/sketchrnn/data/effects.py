"""What preparing drawings did to them, in numbers: printed, and kept in the data file."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sketchrnn.data.tables import counts_text, text_table
from sketchrnn.travel import Polyline, travel

# The steps in the order in which `clean.Making` does them: the first words of their names.
STEPS = ("join", "min-stroke", "order", "simplify", "at-most")
SHOWN_CHANGED = 24  # drawings that a sheet shows before and after
SHOWN_LEFT_OUT = 8  # of each reason
SHOWN_COPIED = 8
_NAME_LIMIT = 200  # characters, of what a file says


@dataclass(frozen=True)
class Shape:
    """Strokes, points and pen-up travel of a drawing, or of many together.

    The travel is in px of a box of 255 around the drawing.
    """

    strokes: int = 0
    points: int = 0
    travel_px: float = 0.0

    @classmethod
    def of(cls, lines: Sequence[Polyline], unit: float) -> Shape:
        """The shape of a drawing of which `unit` is 1 px."""
        return cls(len(lines), sum(map(len, lines)), travel(lines) / unit)

    def __add__(self, other: Shape) -> Shape:
        return Shape(
            self.strokes + other.strokes,
            self.points + other.points,
            self.travel_px + other.travel_px,
        )

    def change_to(self, other: Shape) -> float:
        """How different the other one is: 0 for not at all, about 3 at most."""
        pairs = (
            (self.strokes, other.strokes),
            (self.points, other.points),
            (self.travel_px, other.travel_px),
        )
        return sum(abs(a - b) / max(a, b) for a, b in pairs if max(a, b) > 0)


@dataclass
class Step:
    """What one step did to all drawings.

    Attributes:
        name: such as "join 4 px".
        drawings: how many went through it.
        changed: how many of them it changed.
        before, after: of all of them together.
        epsilon_px: the largest that a drawing needed; None where that says nothing.
    """

    name: str
    drawings: int = 0
    changed: int = 0
    before: Shape = field(default_factory=Shape)
    after: Shape = field(default_factory=Shape)
    epsilon_px: float | None = None

    def add(self, before: Shape, after: Shape, changed: bool) -> None:
        """Count one drawing."""
        self.drawings += 1
        self.changed += changed
        self.before += before
        self.after += after

    def to_json(self) -> dict[str, Any]:
        """The step as a JSON document."""
        pair = (self.before, self.after)
        return {
            "name": self.name,
            "drawings": self.drawings,
            "changed": self.changed,
            "strokes": [shape.strokes for shape in pair],
            "points": [shape.points for shape in pair],
            "travel_px": [round(shape.travel_px, 3) for shape in pair],
            "epsilon_px": None if self.epsilon_px is None else round(self.epsilon_px, 3),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Step:
        """The step of a JSON document. Raises ValueError, KeyError, TypeError."""
        shapes = zip(document["strokes"], document["points"], document["travel_px"], strict=True)
        before, after = (
            Shape(_count(strokes), _count(points), _number(travel_px))
            for strokes, points, travel_px in shapes
        )
        epsilon = document["epsilon_px"]
        return cls(
            _name(document["name"]),
            _count(document["drawings"]),
            _count(document["changed"]),
            before,
            after,
            None if epsilon is None else _number(epsilon),
        )


@dataclass
class Effects:
    """All that was done to the drawings of a data file when it was made.

    Attributes:
        steps: in the order in which they were done.
        dropped: drawings left out, by reason.
        left_out: what was no line in files of drawings, such as {"text": 3}.
        unreadable: files that could not be read, or not to their end.
        copies: training drawings that are copies of others; they are the last ones.
        copied: how they were made.
    """

    steps: list[Step] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    unreadable: int = 0
    copies: int = 0
    copied: str = ""

    def __bool__(self) -> bool:
        """Whether there is anything to say."""
        return any(step.drawings for step in self.steps) or any(
            (self.dropped, self.left_out, self.unreadable, self.copies)
        )

    @property
    def beyond_drops(self) -> bool:
        """Whether there is more to say than which drawings were left out."""
        return bool(replace(self, dropped=Counter()))

    def step(self, name: str) -> Step:
        """The step of that name; a new one comes where `STEPS` has it."""
        for step in self.steps:
            if step.name == name:
                return step
        step = Step(name)
        self.steps.append(step)
        # sources may differ in their steps, so the order of coming is not the order of doing
        self.steps.sort(key=lambda one: _place(one.name))
        return step

    def to_text(self) -> str:
        """A table of the steps, and a line for each other thing; "" for nothing."""
        text = ""
        if self.steps:
            header = ["step", "changed", "of", "strokes", "to", "points", "to", "travel", "to"]
            rows: list[list[object]] = []
            for step in self.steps:
                row: list[object] = [step.name, step.changed, step.drawings]
                for key in ("strokes", "points"):
                    row += [getattr(step.before, key), getattr(step.after, key)]
                many = max(step.drawings, 1)
                row += [f"{shape.travel_px / many:.1f}" for shape in (step.before, step.after)]
                rows.append(row)
            text += text_table(header, rows)
            text += "travel: of the lifted pen, px of a box of 255, the mean of a drawing\n"
        lines = [
            f"{step.name}: the largest epsilon that a drawing needed is {step.epsilon_px:.3g} px"
            for step in self.steps
            if step.epsilon_px is not None
        ]
        if self.dropped:
            reasons = ", ".join(f"{count:,} {reason}" for reason, count in self.dropped.items())
            lines.append(f"left out drawings: {reasons}")
        if self.left_out:
            lines.append(f"left out of drawings, as no lines: {counts_text(self.left_out)}")
        if self.unreadable:
            lines.append(f"files that could not be read, or not to their end: {self.unreadable:,}")
        if self.copies:
            lines.append(f"copies among the training drawings: {self.copies:,} ({self.copied})")
        return text + "".join(f"{line}\n" for line in lines)

    def to_json(self) -> dict[str, Any]:
        """The effects as a JSON document."""
        return {
            "steps": [step.to_json() for step in self.steps],
            "dropped": self.dropped,
            "left_out": dict(sorted(self.left_out.items())),
            "unreadable": self.unreadable,
            "copies": self.copies,
            "copied": self.copied,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Effects:
        """The effects of a JSON document, from outside. Raises ValueError, KeyError, TypeError."""
        return cls(
            [Step.from_json(step) for step in document["steps"]],
            Counter({_name(key): _count(value) for key, value in document["dropped"].items()}),
            Counter({_name(key): _count(value) for key, value in document["left_out"].items()}),
            _count(document["unreadable"]),
            _count(document["copies"]),
            _name(document["copied"]),
        )


@dataclass(frozen=True, eq=False)
class Change:
    """A drawing before and after, and how much that changed it."""

    before: Sequence[Polyline]
    after: Sequence[Polyline]
    label: str
    amount: float


@dataclass
class Gallery:
    """Drawings to look at: what a sheet of the effects shows.

    Attributes:
        left_out: drawings by reason, the worst first.
        copied: training drawings, each followed by its copies.
    """

    left_out: dict[str, list[Sequence[Polyline]]] = field(default_factory=dict)
    copied: list[list[Sequence[Polyline]]] = field(default_factory=list)
    _changed: list[tuple[float, int, Change]] = field(default_factory=list)
    _offered: int = 0

    def __bool__(self) -> bool:
        """Whether there is anything to look at."""
        return bool(self._changed or any(self.left_out.values()) or self.copied)

    def offer(self, change: Change) -> None:
        """Keep the change if it is one of the largest."""
        self._offered += 1
        if change.amount > 0:
            heapq.heappush(self._changed, (change.amount, -self._offered, change))
            if len(self._changed) > SHOWN_CHANGED:
                heapq.heappop(self._changed)

    @property
    def changed(self) -> list[Change]:
        """The largest changes, the largest first."""
        return [change for *_, change in sorted(self._changed, key=lambda one: one[:2])[::-1]]


def _place(name: str) -> int:
    word = name.partition(" ")[0]
    return STEPS.index(word) if word in STEPS else len(STEPS)


def _count(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"{value!r} is no count")
    return value


def _number(value: Any) -> float:
    if type(value) not in (int, float) or not 0 <= value < float("inf"):
        raise ValueError(f"{value!r} is no number from 0 on")
    return float(value)


def _name(value: Any) -> str:
    if not isinstance(value, str) or not value.isprintable() or len(value) > _NAME_LIMIT:
        raise ValueError("a name of an effect must be a short text")
    return value
