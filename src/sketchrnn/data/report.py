"""What `prepare` did, source by source and step by step, in numbers and as drawings to look at."""

from __future__ import annotations

from bisect import insort
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, NamedTuple

from sketchrnn.data.dataset import SPLITS, Dataset
from sketchrnn.data.tables import counts_text, text_table
from sketchrnn.errors import printable
from sketchrnn.travel import Polyline

# Why a drawing is left out, in the order in which it is asked ...
REASONS = ("unrecognized", "too short", "too long", "duplicate")
# ... and why only if that was asked for, so that a report has no columns of zeros.
RARE_REASONS = ("longest", "unlikely", "copy")
# The steps in the order in which `clean` does them: the first words of their names.
STEPS = ("join", "min-stroke", "order", "simplify", "at-most")

PLACES_SHOWN = 5  # of the drawings that were left out for one reason
SHOWN = 8  # drawings a row of a sheet
CHANGES_SHOWN = 3 * SHOWN  # each before and after
COPIES_SHOWN = 4  # of each original
_NAME_LIMIT = 200  # characters, of what a file says

Lines = Sequence[Polyline]  # one drawing
Shape = tuple[int, int, float]  # its strokes, points, and pen-up travel in px of a box of 255


@dataclass
class Step:
    """What one step did to all drawings; the lists are of all of them together, [before, after]."""

    name: str  # such as "join 4 px"
    drawings: int = 0  # that went through it
    changed: int = 0
    strokes: list[int] = field(default_factory=lambda: [0, 0])
    points: list[int] = field(default_factory=lambda: [0, 0])
    travel_px: list[float] = field(default_factory=lambda: [0.0, 0.0])
    epsilon_px: float | None = None  # the largest that a drawing needed, where that says something

    def add(self, before: Shape, after: Shape, changed: bool) -> None:
        """Count one drawing."""
        self.drawings += 1
        self.changed += changed
        for index, (strokes, points, travel_px) in enumerate((before, after)):
            self.strokes[index] += strokes
            self.points[index] += points
            self.travel_px[index] += travel_px

    def to_json(self) -> dict[str, Any]:
        """The step as a JSON document."""
        return asdict(self) | {
            "travel_px": [round(value, 3) for value in self.travel_px],
            "epsilon_px": None if self.epsilon_px is None else round(self.epsilon_px, 3),
        }


@dataclass
class Effects:
    """All that was done to the drawings of a data file when it was made; the file keeps it."""

    steps: list[Step] = field(default_factory=list)  # in the order in which they were done
    dropped: Counter[str] = field(default_factory=Counter)  # drawings left out, by reason
    left_out: Counter[str] = field(default_factory=Counter)  # no lines, such as {"text": 3}
    unreadable: int = 0  # files that could not be read, or not to their end
    copies: int = 0  # training drawings that are copies of others; they are the last ones
    copied: str = ""  # how they were made

    def __bool__(self) -> bool:
        """Whether there is anything to say."""
        return any(step.drawings for step in self.steps) or any(
            (self.dropped, self.left_out, self.unreadable, self.copies)
        )

    def step(self, name: str) -> Step:
        """The step of that name; a new one comes where `STEPS` has it."""
        for step in self.steps:
            if step.name == name:
                return step
        step = Step(name)
        self.steps.append(step)
        # sources may differ in their steps, so the order of coming is not the order of doing
        self.steps.sort(key=lambda one: STEPS.index(one.name.partition(" ")[0]))
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
            lines.append(f"left out of drawings: {counts_text(self.left_out)}")
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


class Change(NamedTuple):
    """A drawing before and after it was cleaned, and how much that changed it."""

    amount: float
    before: Lines
    after: Lines


@dataclass
class Gallery:
    """Drawings to look at: what a sheet of the effects shows."""

    changed: list[Change] = field(default_factory=list)  # the largest changes, the largest first
    left_out: dict[str, list[Lines]] = field(default_factory=dict)  # by reason, the worst first
    copied: list[list[Lines]] = field(default_factory=list)  # an original, then its copies

    def offer(self, change: Change) -> None:
        """Keep the change if it is one of the largest."""
        if change.amount > 0:
            insort(self.changed, change, key=lambda one: -one.amount)
            del self.changed[CHANGES_SHOWN:]

    def rows(self) -> list[tuple[str, list[Lines], bool]]:
        """Rows of a sheet: a label, drawings, and whether their captions say how long they are."""
        rows: list[tuple[str, list[Lines], bool]] = []
        for first in range(0, len(self.changed), SHOWN):
            some = self.changed[first : first + SHOWN]
            rows.append(("before", [change.before for change in some], True))
            rows.append(("after", [change.after for change in some], True))
        for reason, drawings in self.left_out.items():
            if drawings:
                rows.append((f"left out: {reason}", drawings[:SHOWN], True))
        members = list(zip(*self.copied[:SHOWN], strict=True))[: 1 + COPIES_SHOWN]
        for number, row in enumerate(members):
            rows.append((f"copy {number}" if number else "original", list(row), False))
        return rows


@dataclass
class SourceReport:
    """What became of the drawings of one source."""

    source: str
    earlier: tuple[str, ...] = ()  # the provenance that a data file brings along
    read: int = 0
    kept: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SPLITS, 0))  # no new copies
    dropped: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(REASONS, 0)))
    unreadable: int = 0  # files that were skipped, or read in part

    def provenance(self, options: str) -> tuple[str, ...]:
        """What the data file says of this source."""
        line = f"{self.source}: {sum(self.kept.values()):,} of {self.read:,} drawings"
        return (*self.earlier, f"{line} ({options})" if options else line)


@dataclass
class Report:
    """What `prepare` did, source by source and step by step, and the set that came of it."""

    sources: list[SourceReport] = field(default_factory=list)
    effects: Effects = field(default_factory=Effects)
    gallery: Gallery = field(default_factory=Gallery)
    places: dict[str, list[str]] = field(default_factory=dict)  # of those left out: the first ones
    placed: Counter[str] = field(default_factory=Counter)  # how many have a place
    dataset: Dataset = field(init=False, repr=False)  # there at the end

    def drop(self, source: SourceReport, reason: str, place: str) -> None:
        """Count a drawing that is left out, and where it stands; "" is no place."""
        source.dropped[reason] += 1
        if place:
            self.placed[reason] += 1
            if self.placed[reason] <= PLACES_SHOWN:
                self.places.setdefault(reason, []).append(printable(place))

    def to_text(self) -> str:
        """A table of what was read, kept and dropped, the figures of the set, and the effects."""
        reasons = [*REASONS, *(name for name in RARE_REASONS if name in self.effects.dropped)]
        counts = [
            [one.read, *one.kept.values(), one.dropped.total()]
            + [one.dropped[reason] for reason in reasons]
            for one in self.sources
        ]
        rows: list[list[object]] = [
            [one.source, *row] for one, row in zip(self.sources, counts, strict=True)
        ]
        if len(rows) > 1:
            rows.append(["together", *map(sum, zip(*counts, strict=True))])
        text = text_table(["source", "read", *SPLITS, "dropped:", *reasons], rows)
        for reason, places in self.places.items():
            more = self.placed[reason] - len(places)
            text += f"{reason}: {', '.join(places)}{f' and {more:,} more' if more else ''}\n"
        data = self.dataset
        classes = "1 class" if len(data.classes) == 1 else f"{len(data.classes)} classes"
        text += f"\n{classes}, N_max {data.N_max}, scale {data.scale:.4f} px\n"
        beyond_drops = replace(self.effects, dropped=Counter())
        return f"{text}\n{self.effects.to_text()}\n" if beyond_drops else text
