"""What preparing drawings did to them, in numbers: printed, and kept in the data file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, NamedTuple

from sketchrnn.data.tables import counts_text, text_table
from sketchrnn.travel import Polyline, travel

# The steps in the order in which `clean` does them: the first words of their names.
STEPS = ("join", "min-stroke", "order", "simplify", "at-most")
_NAME_LIMIT = 200  # characters, of what a file says


class Shape(NamedTuple):
    """Strokes, points and pen-up travel of a drawing; the travel is in px of a box of 255."""

    strokes: int = 0
    points: int = 0
    travel_px: float = 0.0

    @classmethod
    def of(cls, lines: Sequence[Polyline], unit: float) -> Shape:
        """The shape of a drawing of which `unit` is 1 px."""
        return cls(len(lines), sum(map(len, lines)), travel(lines) / unit)

    def change_to(self, other: Shape) -> float:
        """How different the other one is: 0 for not at all, about 3 at most."""
        pairs = zip(self, other, strict=True)
        return sum(abs(a - b) / max(a, b) for a, b in pairs if max(a, b) > 0)


@dataclass
class Step:
    """What one step did to all drawings.

    Attributes:
        name: such as "join 4 px".
        drawings: how many went through it.
        changed: how many of them it changed.
        strokes, points, travel_px: of all of them together, [before, after].
        epsilon_px: the largest that a drawing needed; None where that says nothing.
    """

    name: str
    drawings: int = 0
    changed: int = 0
    strokes: list[int] = field(default_factory=lambda: [0, 0])
    points: list[int] = field(default_factory=lambda: [0, 0])
    travel_px: list[float] = field(default_factory=lambda: [0.0, 0.0])
    epsilon_px: float | None = None

    def add(self, before: Shape, after: Shape, changed: bool) -> None:
        """Count one drawing."""
        self.drawings += 1
        self.changed += changed
        for index, shape in enumerate((before, after)):
            self.strokes[index] += shape.strokes
            self.points[index] += shape.points
            self.travel_px[index] += shape.travel_px

    def to_json(self) -> dict[str, Any]:
        """The step as a JSON document."""
        return asdict(self) | {
            "travel_px": [round(value, 3) for value in self.travel_px],
            "epsilon_px": None if self.epsilon_px is None else round(self.epsilon_px, 3),
        }


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
            rows = [
                [step.name, step.changed, step.drawings, *step.strokes, *step.points]
                + [f"{value / max(step.drawings, 1):.1f}" for value in step.travel_px]
                for step in self.steps
            ]
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
        return vars(self) | {
            "steps": [step.to_json() for step in self.steps],
            "left_out": dict(sorted(self.left_out.items())),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Effects:
        """The effects of a JSON document, from outside.

        Raises:
            ValueError, KeyError, TypeError, AttributeError: it is not as `to_json` makes it.
        """
        steps = [Step(**_like(step, vars(Step("")))) for step in document["steps"]]
        return cls(**_like({**document, "steps": []}, vars(cls())) | {"steps": steps})


def _place(name: str) -> int:
    word = name.partition(" ")[0]
    return STEPS.index(word) if word in STEPS else len(STEPS)


def _like(value: Any, example: Any) -> Any:
    """A value of a JSON document, checked to be of the kind of `example`; None is for a number."""
    if isinstance(example, Counter):
        return Counter({_like(name, ""): _like(count, 0) for name, count in value.items()})
    if isinstance(example, dict):
        return {name: _like(value[name], one) for name, one in example.items()}
    if isinstance(example, list):
        return [_like(*pair) for pair in zip(value, example, strict=True)]
    if isinstance(example, str):
        if not isinstance(value, str) or not value.isprintable() or len(value) > _NAME_LIMIT:
            raise ValueError("a name of an effect must be a short text")
        return value
    if isinstance(example, int):
        if type(value) is not int or value < 0:
            raise ValueError(f"{value!r} is no count")
        return value
    if value is None and example is None:
        return None
    if type(value) not in (int, float) or not 0 <= value < float("inf"):
        raise ValueError(f"{value!r} is no number from 0 on")
    return float(value)
