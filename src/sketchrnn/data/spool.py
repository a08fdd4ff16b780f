"""Spool: the drawings that `prepare` keeps, on their way to a data set larger than the memory."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from sketchrnn import strokes
from sketchrnn.data.clean import copies_of
from sketchrnn.data.dataset import (
    SPLITS,
    Dataset,
    Drawings,
    IntArray,
    release_pages,
    split_numbers,
)
from sketchrnn.data.formats import sketches
from sketchrnn.data.names import check_class_name
from sketchrnn.data.prepare_config import PrepareConfig
from sketchrnn.data.report import REASONS, SHOWN, Change, Report, SourceReport
from sketchrnn.errors import SketchRNNError
from sketchrnn.memory import check_room
from sketchrnn.sketch import Sketch
from sketchrnn.strokes import AnyArray

Score = Callable[[Sequence[Sketch]], npt.ArrayLike]

_Entries = npt.NDArray[Any]  # [n] of `_ENTRY`

UNSPLIT = -1
TRAIN, VALID, TEST = range(len(SPLITS))
PLACES_KEPT = 10_000  # drawings of which it is known where they stand
_SCORED_AT_ONCE, _COPIED_AT_ONCE = 256, 1024  # drawings
COPY_BYTES = (
    1_000  # of a copy: what is noted of it, and those of one drawing before they are in the file
)
_ROWS = np.dtype(np.float32)  # of the file; holds every whole number up to 2^24, all of int16
# What the memory keeps of a drawing. Those of one class with the same rows have the same digest.
_ENTRY = np.dtype(
    [
        ("digest", "V16"),
        ("length", np.int32),
        ("source", np.uint32),
        ("label", np.uint16),
        ("split", np.int8),
        ("is_copy", np.bool_),
        ("kept", np.bool_),
    ]
)


@dataclass(frozen=True, eq=False)
class Item:
    """One drawing on its way."""

    rows: AnyArray  # stroke-3
    label: str
    split: int = UNSPLIT  # or an index into SPLITS
    recognized: bool | None = None  # None where nothing says it
    epsilon: float | None = None  # that it was simplified with
    factors: npt.NDArray[np.float32] | None = None
    is_copy: bool = False
    change: Change | None = None
    where: str = ""  # it stands in a file; "" where only a number would say it


class Spool:
    """What is kept: rows in a temporary file, a few numbers a drawing in memory.

    What is done to drawings is noted in `report`; what is added is of the last source begun.
    """

    def __init__(self, file: BinaryIO, config: PrepareConfig) -> None:
        self.file = file
        self.config = config
        self.report = Report()
        self.classes: dict[str, int] = {}
        self.entries = bytearray()  # of `_ENTRY`
        self.stands: list[str] = []  # where the first PLACES_KEPT drawings stand
        self.factors = array("f")
        self.factor_names: tuple[str, ...] | None = None  # None before the first source
        self.epsilons: set[float | None] = set()

    def begin_source(
        self, name: str, earlier: tuple[str, ...] = (), factor_names: tuple[str, ...] = ()
    ) -> None:
        """What is added from now on is of the next source, which brings a provenance along."""
        if self.factor_names not in (None, factor_names):
            factor_names = ()  # factors that only some drawings have are given up
        self.factor_names = factor_names
        self.report.sources.append(SourceReport(name, earlier))

    def see(self, label: str) -> None:
        """Note that there is such a class, even if nothing of it is kept."""
        if label not in self.classes:
            check_class_name(label)
        if self.classes.setdefault(label, len(self.classes)) == sketches.CLASSES_LIMIT:
            raise SketchRNNError(f"there are more than {sketches.CLASSES_LIMIT:,} classes")

    def add(self, item: Item, label: str) -> None:
        """Keep a drawing of a class that was seen."""
        if len(self.stands) < PLACES_KEPT:
            self.stands.append(item.where)
        content = _bytes_of(item.rows)
        digest = hashlib.blake2b(content + label.encode(), digest_size=16).digest()
        source, number = len(self.report.sources) - 1, self.classes[label]
        entry = (digest, len(item.rows), source, number, item.split, item.is_copy, True)
        self._append(content, np.array(entry, _ENTRY), item.factors)
        self.epsilons.add(item.epsilon)
        if item.change is not None:
            self.report.gallery.offer(item.change)

    def _append(self, content: bytes, entry: np.void | AnyArray, factors: AnyArray | None) -> None:
        self.file.write(content)
        self.entries += entry.tobytes()
        if self.factor_names and factors is not None:
            self.factors.extend(factors.tolist())

    def dataset(self, name: str, score: Score | None = None) -> Dataset:
        """Leave out duplicates and outliers, split, copy, and count all that."""
        config, sources, effects = self.config, self.report.sources, self.report.effects
        entries = self._entries()
        self._adopt_splits_and_drop_duplicates(entries)
        if empty := self._without_any(entries["kept"], entries):
            counts = {reason: sum(one.dropped[reason] for one in sources) for reason in REASONS}
            reasons = ", ".join(f"{count} {reason}" for reason, count in counts.items() if count)
            raise SketchRNNError(
                f"no drawing of the class {empty[0]!r} is left (dropped in all: {reasons});"
                " filter less, or leave its source out"
            )
        drawings = self._drawings(entries)
        if config.drop_longest:
            self._drop_worst("longest", config.drop_longest, drawings, entries, drawings.lengths)
        if config.drop_unlikely and score is not None:
            nats = _scored(drawings, entries["kept"], score)
            self._drop_worst("unlikely", config.drop_unlikely, drawings, entries, nats)
        for source in sources:
            effects.dropped += source.dropped
            effects.unreadable += source.unreadable
        self._split(entries)
        trained = entries["split"] == TRAIN
        if untrained := self._without_any(trained, entries):
            raise SketchRNNError(
                f"class {untrained[0]!r} has no training drawings left; split it anew"
                " with --resplit, or filter less"
            )
        originals = np.flatnonzero(trained & ~entries["is_copy"])
        earlier_copies = np.flatnonzero(trained & entries["is_copy"])
        if config.copies:
            count = config.copies * len(originals)
            check_room(count, COPY_BYTES, "copies", "make fewer of each, with --copies")
            self._copy(drawings, entries, originals)
            drawings = self._drawings(self._entries())
        copies = np.append(earlier_copies, np.arange(len(entries), len(drawings)))
        effects.copies = len(copies)
        if effects.copies:
            effects.copied = config.copying or "of an earlier file"
        options = str(config)
        return Dataset(
            train=drawings.select(np.append(originals, copies)),  # copies come last
            valid=drawings.select(np.flatnonzero(entries["split"] == VALID)),
            test=drawings.select(np.flatnonzero(entries["split"] == TEST)),
            classes=tuple(self.classes),
            epsilon=self.epsilons.pop() if len(self.epsilons) == 1 else None,
            provenance=tuple(line for one in sources for line in one.provenance(options)),
            name=name,
            factor_names=self.factor_names or (),
        )

    def _adopt_splits_and_drop_duplicates(self, entries: _Entries) -> None:
        """Keep the copies that a source brings along away from what is held out.

        A drawing without a split gets that of the first of its equals that has one: else it could
        be held out while copies of an equal one are trained on. For the same reason the first of
        several equals comes to train where one of them is there in a source with copies.
        """
        splits, sources = entries["split"], entries["source"]
        _, first, equals = np.unique(entries["digest"], return_index=True, return_inverse=True)
        firsts = first[equals]  # [n], of those that are equal; for most a drawing itself
        given = np.full_like(splits, UNSPLIT)
        backwards = np.flatnonzero(splits != UNSPLIT)[::-1]  # so that the first one is what stays
        given[firsts[backwards]] = splits[backwards]
        are_with_copies = np.isin(sources, sources[entries["is_copy"]])
        to_train = firsts[(splits == TRAIN) & are_with_copies]
        given[to_train] = splits[to_train] = TRAIN
        unsplit = splits == UNSPLIT
        splits[unsplit] = given[firsts[unsplit]]
        if not self.config.keep_duplicates:
            self._drop("duplicate", np.flatnonzero(firsts != np.arange(len(firsts))), entries)

    def _drop_worst(
        self, reason: str, share: float, drawings: Drawings, entries: _Entries, badness: AnyArray
    ) -> None:
        """Drop a share of each class, by badness [n]; the worst of all are shown."""
        left = np.flatnonzero(entries["kept"])
        chosen = left[worst(badness[left], entries["label"][left], share)]
        self._drop(reason, chosen, entries)
        shown = chosen[np.argsort(np.negative(badness[chosen]), kind="stable")][:SHOWN]
        self.report.gallery.left_out[reason] = [
            strokes.stroke3_to_polylines(drawings[number]) for number in shown.tolist()
        ]

    def _drop(self, reason: str, numbers: IntArray, entries: _Entries) -> None:
        entries["kept"][numbers] = False
        sources = entries["source"][numbers].tolist()
        for number, source in zip(numbers.tolist(), sources, strict=True):
            place = self.stands[number] if number < len(self.stands) else ""
            self.report.drop(self.report.sources[source], reason, place)

    def _split(self, entries: _Entries) -> None:
        """Deal out what has no split yet, and count what is where."""
        config, splits = self.config, entries["split"]
        unsplit = entries["kept"] & ((splits == UNSPLIT) | config.resplit)
        splits[unsplit] = split_numbers(
            entries["label"][unsplit], tuple(self.classes), config.valid, config.test, config.seed
        )
        splits[~entries["kept"]] = UNSPLIT
        sources = self.report.sources
        for number, split in enumerate(SPLITS):
            counts = np.bincount(entries["source"][splits == number], minlength=len(sources))
            for source, count in zip(sources, counts.tolist(), strict=True):
                source.kept[split] = count

    def _copy(self, drawings: Drawings, entries: _Entries, originals: IntArray) -> None:
        """Append copies of training drawings.

        How a drawing is copied depends on its rows, its class and the seed alone, not on what
        other drawings are there.
        """
        shown = set(originals[:: max(1, len(originals) // SHOWN)][:SHOWN].tolist())
        for index, number in enumerate(originals.tolist()):
            digest = np.frombuffer(entries["digest"][number], np.uint64)
            rng = np.random.Generator(np.random.PCG64([self.config.seed, *digest.tolist()]))
            rows = np.array(drawings[number])
            made = copies_of(rows, self.config, rng)
            factors = None if drawings.factors is None else drawings.factors[number]
            for copy in made:
                self._append(_bytes_of(copy), entries[number], factors)
            if index % _COPIED_AT_ONCE == 0:
                release_pages(drawings.rows)
            if number in shown:
                family = [strokes.stroke3_to_polylines(one) for one in (rows, *made)]
                self.report.gallery.copied.append([*family])

    def _without_any(self, chosen: npt.NDArray[np.bool_], entries: _Entries) -> list[str]:
        """The classes of which none of the chosen drawings is."""
        numbers = set(np.unique(entries["label"][chosen]).tolist())
        return [name for name, number in self.classes.items() if number not in numbers]

    def _entries(self) -> _Entries:
        """What is known of all that was added so far."""
        return np.frombuffer(bytes(self.entries), _ENTRY).copy()

    def _drawings(self, entries: _Entries) -> Drawings:
        """All that was added so far."""
        self.file.flush()
        count = int(entries["length"].sum())
        rows = np.memmap(self.file, _ROWS, mode="r", shape=(count, 3))
        factors = None
        if self.factor_names:
            factors = np.array(self.factors, dtype=np.float32).reshape(len(entries), -1)
        return Drawings.pooled(rows, entries["length"], entries["label"], factors)


def worst(badness: npt.ArrayLike, labels: AnyArray, share: float) -> IntArray:
    """Which of n drawings are the worst `share` of their class, class by class, the worst first.

    Of equal ones it is the later. `badness` and `labels` are [n], `share` is under 1.
    """
    values = np.asarray(badness, dtype=np.float64)
    chosen = [np.empty(0, np.int64)]
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)[::-1]
        by_badness = members[np.argsort(-values[members], kind="stable")]
        chosen.append(by_badness[: int(share * len(members))])
    return np.concatenate(chosen)


def _bytes_of(rows: AnyArray) -> bytes:
    return (rows.astype(_ROWS) + 0.0).tobytes()  # + 0.0: no negative zero


def _scored(
    drawings: Drawings, kept: npt.NDArray[np.bool_], score: Score
) -> npt.NDArray[np.float64]:
    """The nats a point of the drawings that are kept; what is no number counts as the worst."""
    nats = np.full(len(drawings), -np.inf)
    numbers = np.flatnonzero(kept)
    for first in range(0, len(numbers), _SCORED_AT_ONCE):
        some = numbers[first : first + _SCORED_AT_ONCE]
        found = score([Sketch.from_stroke3(np.array(drawings[number])) for number in some.tolist()])
        release_pages(drawings.rows)
        nats[some] = np.nan_to_num(np.asarray(found, np.float64), nan=np.inf, posinf=np.inf)
    return nats
