"""`sketchrnn data prepare`: drawings from any sources, cleaned, filtered and split, into one file.

Everything streams: the rows of what is kept go to a temporary file beside the output, which is then
read in the order of the splits. So the sources may be larger than the memory.

The order: the steps on each drawing (`data.clean`); what is too short or too long goes; duplicates
go; outliers go; the rest is split; training drawings are copied.
"""

from __future__ import annotations

import errno
import hashlib
import math
import os
import tempfile
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from sketchrnn import strokes
from sketchrnn.data import HELD_OUT_SHARE
from sketchrnn.data.clean import Cleaning, Making, Outliers, worst
from sketchrnn.data.copies import Copies, copied
from sketchrnn.data.dataset import (
    SPLITS,
    Dataset,
    Drawings,
    IntArray,
    bounds_of,
    release_pages,
    split_numbers,
)
from sketchrnn.data.effects import (
    SHOWN_COPIED,
    SHOWN_LEFT_OUT,
    Change,
    Effects,
    Gallery,
)
from sketchrnn.data.formats import class_name, has_splits, kind_of, read, records, sketches
from sketchrnn.data.formats.records import (
    CLASS_NAME_LIMIT,
    Skipped,
    is_class_name,
    normal_name,
)
from sketchrnn.data.sources import DOODLES, doodles_source, read_source
from sketchrnn.data.tables import text_table
from sketchrnn.errors import SketchRNNError, printable
from sketchrnn.sketch import Sketch
from sketchrnn.strokes import AnyArray

# Why a drawing is left out, in the order in which it is asked ...
REASONS = ("unrecognized", "too short", "too long", "duplicate")
UNRECOGNIZED, TOO_SHORT, TOO_LONG, DUPLICATE = REASONS
# ... and why only if that was asked for, so that a report has no columns of zeros.
RARE_REASONS = ("longest", "unlikely", "copy")
LONGEST, UNLIKELY, COPY = RARE_REASONS

Score = Callable[[Sequence[Sketch]], npt.ArrayLike]
Skip = Callable[[Skipped], None]

PLACES_SHOWN = 5  # of the drawings that were left out for one reason
PLACES_KEPT = 10_000  # drawings of which it is known where they stand

_UNSPLIT = -1
_SCORED_AT_ONCE, _COPIED_AT_ONCE = 256, 1024  # drawings
_ONE_DRAWING = (".svg", ".json")  # files that may hold a single one: many of them are one source
_SPOOL_DTYPE = np.dtype(np.float32)  # holds every whole number up to 2^24, and so all of int16


@dataclass(frozen=True)
class Settings:
    """What to keep and how to split; each field is an option of `sketchrnn data prepare`.

    Attributes:
        min_points, max_points: rows that a drawing must have at least and may have at most.
        recognized_only: leave out what the game did not recognise (known for .ndjson only).
        keep_duplicates: keep drawings whose rows another one of the same class has already.
        epsilon: simplify with it, in px of a box of 255 around the drawing; 0 leaves all points as
            they are. None does so, too, but raw drawings get the public preprocessing with 2.0.
        box: scale each drawing so that its larger side is 255 px, as the public preprocessing does.
        seed: of the split.
        valid, test: for sources without splits: the share of each class (under 1), or the number.
        resplit: split anew what comes with splits, too.
        label: one class name for all drawings.
    """

    min_points: int = 2
    max_points: int | None = None
    recognized_only: bool = False
    keep_duplicates: bool = False
    epsilon: float | None = None
    box: bool = False
    seed: int = 0
    valid: float = HELD_OUT_SHARE
    test: float = HELD_OUT_SHARE
    resplit: bool = False
    label: str | None = None

    def __post_init__(self) -> None:
        if self.min_points < 1:
            raise SketchRNNError(f"min_points must be at least 1, got {self.min_points}")
        if self.max_points is not None and self.max_points < self.min_points:
            raise SketchRNNError(
                f"max_points must be at least min_points ({self.min_points}), got {self.max_points}"
            )
        if self.epsilon is not None and not 0 <= self.epsilon < strokes.BOX_PX:
            raise SketchRNNError(
                f"the epsilon of simplify must be from 0 to under 255 px, got {self.epsilon:g}"
            )
        if self.seed < 0:
            raise SketchRNNError(f"the seed must be at least 0, got {self.seed}")
        if self.label is not None:
            _check_class_name(self.label)
        for name, value in (("valid", self.valid), ("test", self.test)):
            if not (0 <= value < 1 or (value >= 1 and float(value).is_integer())):
                raise SketchRNNError(
                    f"{name} must be a share from 0 to 1 or a whole number of drawings, got {value}"
                )

    def __str__(self) -> str:
        """The settings that are not the default."""
        default = asdict(Settings())
        chosen = {key: value for key, value in asdict(self).items() if value != default[key]}
        return ", ".join(f"{key}={value}" for key, value in chosen.items())


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


@dataclass
class Dropped:
    """Which drawings were left out, by reason: where they stand, as far as their files say it.

    Attributes:
        places: of each reason the first few.
        counts: how many have a place.
    """

    places: dict[str, list[str]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, reason: str, place: str) -> None:
        """Note one."""
        if place:
            self.counts[reason] += 1
            if self.counts[reason] <= PLACES_SHOWN:
                self.places.setdefault(reason, []).append(printable(place))

    def to_text(self) -> str:
        """A line a reason."""
        lines = []
        for reason, places in self.places.items():
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
    dropped: Dropped = field(default_factory=Dropped)

    def to_text(self) -> str:
        """A table of what was read, kept and dropped, the figures of the set, and the effects."""
        reasons = [*REASONS, *(name for name in RARE_REASONS if name in self.effects.dropped)]
        counts = [
            [
                report.read,
                *report.kept.values(),
                sum(report.dropped.values()),
                *(report.dropped[reason] for reason in reasons),
            ]
            for report in self.sources
        ]
        rows: list[list[object]] = [
            [report.source, *row] for report, row in zip(self.sources, counts, strict=True)
        ]
        if len(rows) > 1:
            rows.append(["together", *map(sum, zip(*counts, strict=True))])
        header = ["source", "read", *SPLITS, "dropped:", *reasons]
        data = self.dataset
        classes = "1 class" if len(data.classes) == 1 else f"{len(data.classes)} classes"
        figures = f"{classes}, N_max {data.N_max}, scale {data.scale:.4f} px"
        text = f"{text_table(header, rows)}{self.dropped.to_text()}\n{figures}\n"
        return f"{text}\n{self.effects.to_text()}\n" if self.effects.beyond_drops else text


@dataclass(frozen=True)
class Plan:
    """All that is to be done to drawings on their way into a data file."""

    settings: Settings = field(default_factory=Settings)
    cleaning: Cleaning = field(default_factory=Cleaning)
    outliers: Outliers = field(default_factory=Outliers)
    copies: Copies = field(default_factory=Copies)

    def __str__(self) -> str:
        """The options that are not the default."""
        parts = (self.settings, self.cleaning, self.outliers, self.copies)
        return ", ".join(text for part in parts if (text := str(part)))


@dataclass(frozen=True, eq=False)
class _Item:
    """One drawing on its way; `split` is an index into SPLITS or _UNSPLIT."""

    rows: AnyArray
    label: str
    split: int = _UNSPLIT
    recognized: bool | None = None
    epsilon: float | None = None
    factors: npt.NDArray[np.float32] | None = None
    is_copy: bool = False
    change: Change | None = None
    where: str = ""  # it stands in a file; "" where only a number would say it


@dataclass(frozen=True)
class _Source:
    """Where drawings come from, and what is known beforehand."""

    name: str
    items: Iterator[_Item]
    report: SourceReport
    factor_names: tuple[str, ...] = ()


def prepare(
    sources: Sequence[str | os.PathLike[str]],
    output: str | os.PathLike[str] | None,
    settings: Settings | None = None,
    *,
    cleaning: Cleaning | None = None,
    outliers: Outliers | None = None,
    copies: Copies | None = None,
    score: Score | None = None,
    progress: Callable[[str, int], None] | None = None,
    skip: Skip | None = None,
) -> Report:
    """Read `sources`, do and keep what is asked for, write one `.sketches` file.

    The same sources, options and seed give the same bytes.

    Args:
        sources: files of any readable format, folders of them, or the doodles (`data.sources`).
            A file of a single drawing, or a file in a folder, that cannot be read is skipped.
        output: the file to write, ending in .sketches: whole, or not at all. None writes nothing:
            to see what options do.
        settings: what to keep and how to split, by default `Settings()`.
        cleaning: the steps of choice on each drawing.
        outliers: which shares of each class to leave out.
        copies: the copies to make of training drawings.
        score: nats a point of each of some drawings, for `outliers.unlikely`.
        progress: called with the name of the source and the drawings read of it so far, often.
        skip: called for each file that was skipped, or read in part; see `formats.records`.

    Raises:
        SketchRNNError: a source that cannot be read, a class of which nothing is left, a wrong
            ending of `output`.
    """
    plan = Plan(
        settings or Settings(), cleaning or Cleaning(), outliers or Outliers(), copies or Copies()
    )
    target = None if output is None else Path(output)
    if target is not None:
        sketches.check_ending(target)
    if not sources:
        raise SketchRNNError("there is nothing to prepare; name at least one source")
    if plan.outliers.unlikely and score is None:
        raise SketchRNNError("to drop what is unlikely, say which model finds it so")
    effects, gallery = Effects(), Gallery()
    beside = None if target is None else _existing_folder(target)
    name = "drawings" if target is None else target.stem
    with tempfile.TemporaryFile(prefix=f".{name}.", dir=beside) as file:
        spool = _Spool(file, gallery)
        reports = []
        for group in _grouped([str(source) for source in sources]):
            source = _open(group, plan, effects, skip or _ignore)
            _fill(spool, source, plan, progress or _ignore)
            reports.append(source.report)
        if not any(report.read for report in reports):
            count = sum(report.unreadable for report in reports)
            raise SketchRNNError(
                f"none of the {count:,} files could be read"
                if count > 1
                else "the file could not be read"
                if count
                else f"{reports[0].source}: has no drawings"
            )
        if target is None and len(reports) == 1:
            name = reports[0].source
        dataset = spool.dataset(name, plan, reports, effects, score)
        if target is None:
            return Report(tuple(reports), dataset, effects, gallery, spool.dropped)
        sketches.write(dataset, target, effects)
    return Report(tuple(reports), read(target), effects, gallery, spool.dropped)


def _existing_folder(path: Path) -> Path:
    """The innermost folder above `path` that is there: others are made when there is a result."""
    nearest = next(folder for folder in path.absolute().parents if folder.exists())
    if not nearest.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(nearest))
    return nearest


def _ignore(*_: object) -> None:
    """The callback of those who want none."""


def _fill(spool: _Spool, source: _Source, plan: Plan, progress: Callable[[str, int], None]) -> None:
    report, settings = source.report, plan.settings
    limits = (settings.max_points, plan.cleaning.at_most)  # the latter may not be reached
    most = min((limit for limit in limits if limit is not None), default=math.inf)
    spool.begin_source(source.factor_names)
    for item in source.items:
        report.read += 1
        label = normal_name(settings.label or item.label)
        spool.see(label)
        reason = None
        if settings.recognized_only and item.recognized is False:
            reason = UNRECOGNIZED
        elif len(item.rows) < settings.min_points:
            reason = TOO_SHORT
        elif len(item.rows) > most:
            reason = TOO_LONG
        elif item.is_copy and settings.resplit:
            reason = COPY  # it could get into another split than its original
        if reason is None:
            spool.add(item, label)
        else:
            report.dropped[reason] += 1
            spool.dropped.add(reason, item.where)
        progress(source.name, report.read)
    if not report.read and not report.unreadable:
        raise SketchRNNError(f"{source.name}: has no drawings")


def _check_class_name(name: str) -> None:
    if not name or not is_class_name(name):
        raise SketchRNNError(
            f"{name!r:.60} must be 1 to {CLASS_NAME_LIMIT} printable characters to be the name of a"
            " class; name another with --label, or rename the file"
        )


class _Spool:
    """What is kept: rows in a temporary file, a few numbers a drawing in memory."""

    def __init__(self, file: BinaryIO, gallery: Gallery) -> None:
        self.file = file
        self.gallery = gallery
        self.dropped = Dropped()
        self.places: list[str] = []  # where the first PLACES_KEPT drawings stand
        self.classes: dict[str, int] = {}
        self.lengths = array("i")
        self.labels = array("H")
        self.splits = array("b")
        self.sources = array("I")
        self.copies = array("b")
        self.digests = bytearray()  # 16 bytes a drawing
        self.factors = array("f")
        self.factor_names: tuple[str, ...] | None = None  # None before the first source
        self.epsilons: set[float | None] = set()
        self.source_count = 0

    def begin_source(self, factor_names: tuple[str, ...]) -> None:
        """What is added from now on is of the next source."""
        if self.factor_names not in (None, factor_names):
            factor_names = ()  # factors that only some drawings have are given up
        self.factor_names = factor_names
        self.source_count += 1

    def see(self, label: str) -> None:
        """Note that there is such a class, even if nothing of it is kept."""
        if label not in self.classes:
            _check_class_name(label)
        if self.classes.setdefault(label, len(self.classes)) == sketches.CLASSES_LIMIT:
            raise SketchRNNError(f"there are more than {sketches.CLASSES_LIMIT:,} classes")

    def add(self, item: _Item, label: str) -> None:
        """Keep a drawing of a class that was seen."""
        if len(self.places) < PLACES_KEPT:
            self.places.append(item.where)
        digest = self._append(item.rows, self.classes[label], item.split, item.is_copy)
        self.sources.append(self.source_count - 1)
        self.digests += hashlib.blake2b(digest + label.encode(), digest_size=16).digest()
        self.epsilons.add(item.epsilon)
        if self.factor_names and item.factors is not None:
            self.factors.extend(item.factors.tolist())
        if item.change is not None:
            self.gallery.offer(item.change)

    def _append(self, rows: AnyArray, label: int, split: int, is_copy: bool) -> bytes:
        """Write a drawing; returns the bytes of its rows."""
        content = (rows.astype(_SPOOL_DTYPE) + 0.0).tobytes()  # + 0.0: no negative zero
        self.file.write(content)
        self.lengths.append(len(rows))
        self.labels.append(label)
        self.splits.append(split)
        self.copies.append(is_copy)
        return content

    def dataset(
        self,
        name: str,
        plan: Plan,
        reports: Sequence[SourceReport],
        effects: Effects,
        score: Score | None,
    ) -> Dataset:
        """Leave out duplicates and outliers, split, copy, and count all in `reports`, `effects`."""
        settings = plan.settings
        labels = np.array(self.labels, dtype=np.uint16)
        sources = np.array(self.sources, dtype=np.uint32)
        splits = np.array(self.splits, dtype=np.int8)
        are_copies = np.array(self.copies, dtype=bool)
        classes = tuple(self.classes)
        kept = np.ones(len(labels), dtype=bool)

        def drop(reason: str, numbers: IntArray) -> None:
            kept[numbers] = False
            for number in numbers.tolist():
                self.dropped.add(reason, self.places[number] if number < len(self.places) else "")
            for report, count in zip(reports, _counts(sources[numbers], reports), strict=True):
                if count:
                    report.dropped[reason] += count

        firsts = self._firsts()
        _adopt_splits(splits, firsts, are_with_copies=np.isin(sources, sources[are_copies]))
        if not settings.keep_duplicates:
            drop(DUPLICATE, np.flatnonzero(firsts != np.arange(len(firsts))))
        self._check_classes(labels[kept], reports)
        drawings = self._drawings()
        if plan.outliers.longest:
            left = np.flatnonzero(kept)
            chosen = worst(drawings.lengths[left], labels[left], plan.outliers.longest)
            drop(LONGEST, left[chosen])
            self._show_left_out(LONGEST, drawings, left[chosen], drawings.lengths)
        if plan.outliers.unlikely and score is not None:
            left = np.flatnonzero(kept)
            nats = np.full(len(labels), -np.inf)
            nats[left] = _scored(drawings, left, score)
            chosen = worst(nats[left], labels[left], plan.outliers.unlikely)
            drop(UNLIKELY, left[chosen])
            self._show_left_out(UNLIKELY, drawings, left[chosen], nats)
        for report in reports:
            for reason, count in report.dropped.items():
                if count:
                    effects.dropped[reason] += count
        unsplit = kept & ((splits == _UNSPLIT) | settings.resplit)
        splits[unsplit] = split_numbers(
            labels[unsplit], classes, settings.valid, settings.test, settings.seed
        )
        splits[~kept] = _UNSPLIT
        for number, split in enumerate(SPLITS):
            counts = _counts(sources[splits == number], reports)
            for report, count in zip(reports, counts, strict=True):
                report.kept[split] = count
        untrained = set(range(len(classes))) - set(np.unique(labels[splits == 0]).tolist())
        if untrained:
            raise SketchRNNError(
                f"class {classes[min(untrained)]!r} has no training drawings left; split it anew"
                " with --resplit, or filter less"
            )
        originals = np.flatnonzero((splits == 0) & ~are_copies)
        self._copy(drawings, originals, plan.copies, settings.seed)
        effects.copies = int((are_copies & (splits == 0)).sum()) + len(self.lengths) - len(labels)
        if effects.copies:
            effects.copied = str(plan.copies) or "of an earlier file"
        drawings = self._drawings()
        # copies are the last ones of the training drawings
        training = np.concatenate(
            [
                originals,
                np.flatnonzero((splits == 0) & are_copies),
                np.arange(len(labels), len(drawings)),
            ]
        )
        return Dataset(
            train=drawings.select(training),
            valid=drawings.select(np.flatnonzero(splits == 1)),
            test=drawings.select(np.flatnonzero(splits == 2)),
            classes=classes,
            epsilon=self.epsilons.pop() if len(self.epsilons) == 1 else None,
            provenance=tuple(line for report in reports for line in report.provenance(str(plan))),
            name=name,
            factor_names=self.factor_names or (),
        )

    def _copy(self, drawings: Drawings, originals: IntArray, copies: Copies, seed: int) -> None:
        """Append copies of training drawings.

        How a drawing is copied depends on its rows, its class and the seed alone, not on what
        other drawings are there.
        """
        if not copies.count:
            return
        digests = np.frombuffer(bytes(self.digests), dtype=np.uint64).reshape(-1, 2)
        shown = set(originals[:: max(1, len(originals) // SHOWN_COPIED)][:SHOWN_COPIED].tolist())
        for index, number in enumerate(originals.tolist()):
            rng = np.random.Generator(np.random.PCG64([seed, *digests[number].tolist()]))
            rows = np.array(drawings[number])
            made = [copied(rows, copies.matrix(rng)) for _ in range(copies.count)]
            for copy in made:
                self._append(copy, int(drawings.labels[number]), SPLITS.index("train"), True)
                if self.factor_names and drawings.factors is not None:
                    self.factors.extend(drawings.factors[number].tolist())
            if index % _COPIED_AT_ONCE == 0:
                release_pages(drawings.rows)
            if number in shown:
                self.gallery.copied.append(
                    [strokes.stroke3_to_polylines(one) for one in (rows, *made)]
                )

    def _show_left_out(
        self, reason: str, drawings: Drawings, numbers: IntArray, badness: npt.NDArray[Any]
    ) -> None:
        by_badness = numbers[np.argsort(np.negative(badness[numbers]), kind="stable")][
            :SHOWN_LEFT_OUT
        ]
        self.gallery.left_out[reason] = [
            strokes.stroke3_to_polylines(drawings[number]) for number in by_badness.tolist()
        ]

    def _firsts(self) -> IntArray:
        """For each of n drawings the first that has its class and rows, mostly itself: [n]."""
        halves = np.frombuffer(self.digests, dtype=np.uint64).reshape(-1, 2)
        order = np.lexsort((halves[:, 1], halves[:, 0]))  # stable: the earlier one comes first
        new = np.ones(len(order), dtype=bool)
        halves = halves[order]
        new[1:] = (halves[1:] != halves[:-1]).any(axis=1)
        firsts = np.empty(len(order), dtype=np.int64)
        firsts[order] = order[new][np.cumsum(new) - 1]
        return firsts

    def _check_classes(self, labels: AnyArray, reports: Sequence[SourceReport]) -> None:
        counts = np.bincount(labels, minlength=len(self.classes))
        empty = [name for name, number in self.classes.items() if counts[number] == 0]
        if empty:
            dropped = {
                reason: sum(report.dropped[reason] for report in reports) for reason in REASONS
            }
            reasons = ", ".join(f"{count} {reason}" for reason, count in dropped.items() if count)
            raise SketchRNNError(
                f"no drawing of the class {empty[0]!r} is left (dropped in all: {reasons});"
                " filter less, or leave its source out"
            )

    def _drawings(self) -> Drawings:
        """All that was added so far."""
        self.file.flush()
        labels = np.array(self.labels, dtype=np.uint16)
        bounds = bounds_of(np.array(self.lengths, dtype=np.int32))
        rows = np.memmap(self.file, _SPOOL_DTYPE, mode="r", shape=(int(bounds[-1]), 3))
        factors = None
        if self.factor_names:
            factors = np.array(self.factors, dtype=np.float32).reshape(len(labels), -1)
        return Drawings(rows, bounds[:-1], bounds[1:], labels, factors)


def _adopt_splits(
    splits: npt.NDArray[np.int8], firsts: IntArray, are_with_copies: npt.NDArray[np.bool_]
) -> None:
    """Keep the copies that a source brings along away from what is held out.

    A drawing without a split gets that of the first of its equals that has one: else it could be
    held out while copies of an equal one are trained on. For the same reason the first of several
    equals comes to train where one of them is there in a source with copies.

    Args:
        splits: [n], changed in place.
        firsts: [n], see `_Spool._firsts`.
        are_with_copies: [n], whether the source of a drawing has copies.
    """
    given = np.full_like(splits, _UNSPLIT)
    backwards = np.flatnonzero(splits != _UNSPLIT)[::-1]  # so that the first one is what stays
    given[firsts[backwards]] = splits[backwards]
    train = SPLITS.index("train")
    to_train = firsts[(splits == train) & are_with_copies]
    given[to_train] = splits[to_train] = train
    unsplit = splits == _UNSPLIT
    splits[unsplit] = given[firsts[unsplit]]


def _counts(sources: AnyArray, reports: Sequence[SourceReport]) -> list[int]:
    counts: list[int] = np.bincount(sources, minlength=len(reports)).tolist()
    return counts


def _scored(drawings: Drawings, numbers: IntArray, score: Score) -> npt.NDArray[np.float64]:
    """The nats a point of some drawings; what is no number counts as the worst."""
    nats = [np.empty(0)]
    for first in range(0, len(numbers), _SCORED_AT_ONCE):
        some = numbers[first : first + _SCORED_AT_ONCE].tolist()
        found = score([Sketch.from_stroke3(np.array(drawings[number])) for number in some])
        release_pages(drawings.rows)
        nats.append(np.nan_to_num(np.asarray(found, np.float64), nan=np.inf, posinf=np.inf))
    return np.concatenate(nats)


def is_folder_or_drawing(source: str) -> bool:
    """Whether a source is a folder, or a file that may hold a single drawing."""
    return Path(source).is_dir() or Path(source).suffix.lower() in _ONE_DRAWING


def _grouped(sources: Sequence[str]) -> list[list[str]]:
    """The sources; files of one drawing each of the same folder that follow each other are one."""

    def key(numbered: tuple[int, str]) -> tuple[object, ...]:
        number, source = numbered
        path = Path(source)
        ending = path.suffix.lower()
        return (path.parent, ending) if ending in _ONE_DRAWING else (number,)

    return [[source for _, source in group] for _, group in groupby(enumerate(sources), key)]


def _open(group: list[str], plan: Plan, effects: Effects, skip: Skip) -> _Source:
    """The drawings of a source; nothing is read before they are asked for, but small files."""
    source = group[0]
    generated = doodles_source(source)
    if generated is not None:
        dataset = read_source(source)
        count, seed, kinds = generated
        name = ":".join([DOODLES, str(count), str(seed), *(["+".join(kinds)] if kinds else [])])
        items = _dataset_items(dataset, plan, effects, copies=0)
        return _Source(name, items, SourceReport(name), dataset.factor_names)
    path = Path(source)
    name = printable(path.name or str(path))
    if len(group) > 1:
        name = printable(f"{path.absolute().parent.name}/*{path.suffix} ({len(group):,} files)")
    elif has_splits(source):
        kind, dataset = kind_of(source), read(source)
        old = dataset.provenance if kind == "sketches" else ()
        copies = sketches.read_effects(source).copies if kind == "sketches" else 0
        items = _dataset_items(dataset, plan, effects, copies)
        return _Source(name, items, SourceReport(name, old), dataset.factor_names)
    elif path.is_dir():
        name = printable(f"{path.absolute().name}/")
    report = SourceReport(name)
    return _Source(name, _record_items(group, plan, effects, report, skip), report)


def _record_items(
    paths: Iterable[str], plan: Plan, effects: Effects, report: SourceReport, skip: Skip
) -> Iterator[_Item]:
    """The drawings of files without splits."""
    settings = plan.settings

    def say(skipped: Skipped) -> None:
        if not skipped.by_rule:
            report.unreadable += 1
            effects.unreadable += 1
        skip(skipped)

    for path in paths:
        kind = kind_of(path)
        name = None
        for record in records(path, skip=say):
            effects.left_out.update(record.left_out)
            label = record.label
            if label is None and settings.label is None:
                label = name = name or class_name(path)
            epsilon = settings.epsilon
            if record.raw and epsilon is None:
                epsilon = strokes.EPSILON_PX
            public = bool(epsilon)
            making = Making(plan.cleaning, settings.box or public, epsilon or 0.0, public)
            rows, change = np.empty((0, 3)), None
            if record.polylines:
                try:
                    rows, change = _made(
                        record.polylines, making, effects, label or "", record.where
                    )
                except SketchRNNError as error:  # it is too long to be resampled
                    if kind not in ("svg", "folder"):
                        raise
                    say(Skipped(str(error)))
                    continue
            epsilon = epsilon if epsilon or record.raw else None  # 0 says nothing of others
            yield _Item(
                rows,
                label or "",
                recognized=record.recognized,
                epsilon=epsilon,
                change=change,
                where=record.where,
            )


def _dataset_items(dataset: Dataset, plan: Plan, effects: Effects, copies: int) -> Iterator[_Item]:
    """The drawings of a set with splits, of whose training drawings the last are copies."""
    settings = plan.settings
    making = Making(
        plan.cleaning,
        settings.box,
        settings.epsilon or 0.0,
        public=settings.box and bool(settings.epsilon),
    )
    # what a larger one has taken away stays away
    epsilon = max(filter(None, (settings.epsilon, dataset.epsilon)), default=dataset.epsilon)
    for number, split in enumerate(dataset.splits.values()):
        first_copy = len(split) - (copies if number == SPLITS.index("train") else 0)
        for chosen, pooled in split.chunks():
            bounds = bounds_of(split.lengths[chosen])
            for index, begin, end in zip(
                range(chosen.start, chosen.stop), bounds[:-1], bounds[1:], strict=True
            ):
                rows, change = pooled[begin:end], None
                label = dataset.classes[int(split.labels[index])]
                if making:
                    lines = strokes.stroke3_to_polylines(rows)
                    rows, change = _made(lines, making, effects, label)
                factors = None if split.factors is None else split.factors[index]
                is_copy = index >= first_copy
                item = _Item(rows, label, number, epsilon=epsilon, factors=factors)
                yield replace(item, is_copy=is_copy, change=None if is_copy else change)


def _made(
    given: Sequence[npt.NDArray[np.float64]],
    making: Making,
    effects: Effects,
    label: str,
    where: str = "drawing",
) -> tuple[npt.NDArray[np.float64], Change | None]:
    """The rows of a drawing after all steps, and what they changed."""
    lines, amount = making.make(given, effects, where)
    rows, _ = strokes.polylines_to_stroke3(lines)
    return rows, Change(given, lines, label, amount) if amount else None
