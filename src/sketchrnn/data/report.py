"""What `prepare` did, source by source, and drawings to look at."""

from __future__ import annotations

from bisect import insort
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from sketchrnn.data.dataset import SPLITS, Dataset
from sketchrnn.data.effects import Effects
from sketchrnn.data.tables import text_table
from sketchrnn.errors import printable
from sketchrnn.travel import Polyline

# Why a drawing is left out, in the order in which it is asked ...
REASONS = ("unrecognized", "too short", "too long", "duplicate")
UNRECOGNIZED, TOO_SHORT, TOO_LONG, DUPLICATE = REASONS
# ... and why only if that was asked for, so that a report has no columns of zeros.
RARE_REASONS = ("longest", "unlikely", "copy")
LONGEST, UNLIKELY, COPY = RARE_REASONS

PLACES_SHOWN = 5  # of the drawings that were left out for one reason
SHOWN = 8  # drawings a row of a sheet
CHANGES_SHOWN = 3 * SHOWN  # each before and after
COPIES_SHOWN = 4  # of each original

Lines = Sequence[Polyline]  # one drawing


@dataclass
class SourceReport:
    """What became of the drawings of one source, in numbers.

    `kept` counts originals alone, not the copies that were made of them.
    """

    source: str
    earlier: tuple[str, ...] = ()  # the provenance that a data file brings along
    read: int = 0
    kept: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SPLITS, 0))
    dropped: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(REASONS, 0)))
    unreadable: int = 0  # files that were skipped, or read in part

    def provenance(self, options: str) -> tuple[str, ...]:
        """What the data file says of this source."""
        line = f"{self.source}: {sum(self.kept.values()):,} of {self.read:,} drawings"
        return (*self.earlier, f"{line} ({options})" if options else line)


class Change(NamedTuple):
    """How much a drawing was changed, and what it was before and is after that."""

    amount: float
    before: Lines
    after: Lines


@dataclass
class Gallery:
    """Drawings to look at: what a sheet of the effects shows.

    Attributes:
        changed: the largest changes, the largest first.
        left_out: drawings by reason, the worst first.
        copied: training drawings, each followed by its copies.
    """

    changed: list[Change] = field(default_factory=list)
    left_out: dict[str, list[Lines]] = field(default_factory=dict)
    copied: list[list[Lines]] = field(default_factory=list)

    def offer(self, change: Change) -> None:
        """Keep the change if it is one of the largest."""
        if change.amount > 0:
            insort(self.changed, change, key=lambda one: -one.amount)
            del self.changed[CHANGES_SHOWN:]

    def rows(self) -> list[tuple[str, list[Lines], bool]]:
        """Rows of a sheet: a label, drawings, and whether their captions say how long they are.

        What was changed most, before and after; then what was left out, and copies.
        """
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
class Places:
    """Where drawings that were left out stand, as far as their files say it.

    Attributes:
        first: of each reason the first few.
        counts: how many have a place.
    """

    first: dict[str, list[str]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, reason: str, place: str) -> None:
        """Note one; "" is no place."""
        if place:
            self.counts[reason] += 1
            if self.counts[reason] <= PLACES_SHOWN:
                self.first.setdefault(reason, []).append(printable(place))

    def to_text(self) -> str:
        """A line a reason."""
        lines = []
        for reason, places in self.first.items():
            more = self.counts[reason] - len(places)
            lines.append(f"{reason}: {', '.join(places)}{f' and {more:,} more' if more else ''}\n")
        return "".join(lines)


@dataclass(frozen=True)
class Report:
    """What `prepare` did, source by source and step by step, and the set that came of it."""

    sources: tuple[SourceReport, ...]
    dataset: Dataset
    effects: Effects = field(default_factory=Effects)
    gallery: Gallery = field(default_factory=Gallery)
    dropped: Places = field(default_factory=Places)

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
        header = ["source", "read", *SPLITS, "dropped:", *reasons]
        data = self.dataset
        classes = "1 class" if len(data.classes) == 1 else f"{len(data.classes)} classes"
        figures = f"{classes}, N_max {data.N_max}, scale {data.scale:.4f} px"
        text = f"{text_table(header, rows)}{self.dropped.to_text()}\n{figures}\n"
        return f"{text}\n{self.effects.to_text()}\n" if self.effects.beyond_drops else text
