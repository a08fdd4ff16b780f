"""`sketchrnn data prepare`: drawings from any sources, filtered and split, into one data file.

Everything streams: the rows of what is kept go to a temporary file beside the output, which is then
read in the order of the splits. So the sources may be larger than the memory.
"""

from __future__ import annotations

import errno
import hashlib
import os
import tempfile
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from sketchrnn import strokes
from sketchrnn.data import HELD_OUT_SHARE
from sketchrnn.data.dataset import SPLITS, Dataset, Drawings, IntArray, bounds_of, split_numbers
from sketchrnn.data.formats import kind_of, ndjson, read, sketches
from sketchrnn.data.sources import DOODLES, doodles_source, read_source
from sketchrnn.data.tables import text_table
from sketchrnn.errors import SketchRNNError
from sketchrnn.strokes import AnyArray

# Why a drawing is left out, in the order in which it is asked.
REASONS = ("unrecognized", "too short", "too long", "duplicate")
UNRECOGNIZED, TOO_SHORT, TOO_LONG, DUPLICATE = REASONS

_UNSPLIT = -1
_SPOOL_DTYPE = np.dtype(np.float32)  # holds every whole number up to 2^24, and so all of int16


@dataclass(frozen=True)
class Settings:
    """What to keep and how to split; each field is an option of `sketchrnn data prepare`.

    Attributes:
        min_points, max_points: rows that a drawing must have at least and may have at most.
        recognized_only: leave out what the game did not recognise (known for .ndjson only).
        keep_duplicates: keep drawings whose rows another one of the same class has already.
        epsilon: simplify with it, in px of the 0-255 box; None leaves drawings as they are, but
            raw ones, which get the public preprocessing with 2.0.
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
        if self.epsilon is not None and not 0 < self.epsilon < strokes.BOX_PX:
            raise SketchRNNError(
                f"the epsilon of simplify must be over 0 and under 255 px, got {self.epsilon:g}"
            )
        if self.seed < 0:
            raise SketchRNNError(f"the seed must be at least 0, got {self.seed}")
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
    """What became of the drawings of one source, in numbers."""

    source: str
    earlier: tuple[str, ...] = ()  # the provenance that a data file brings along
    read: int = 0
    kept: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SPLITS, 0))
    dropped: dict[str, int] = field(default_factory=lambda: dict.fromkeys(REASONS, 0))

    def provenance(self, settings: Settings) -> tuple[str, ...]:
        """What the data file says of this source."""
        line = f"{self.source}: {sum(self.kept.values()):,} of {self.read:,} drawings"
        return (*self.earlier, f"{line} ({settings})" if str(settings) else line)


@dataclass(frozen=True)
class Report:
    """What `prepare` did, source by source, and the set that came of it."""

    sources: tuple[SourceReport, ...]
    dataset: Dataset

    def to_text(self) -> str:
        """A table of what was read, kept and dropped, and the figures of the set."""
        counts = [
            [
                report.read,
                *report.kept.values(),
                sum(report.dropped.values()),
                *report.dropped.values(),
            ]
            for report in self.sources
        ]
        rows: list[list[object]] = [
            [report.source, *row] for report, row in zip(self.sources, counts, strict=True)
        ]
        if len(rows) > 1:
            rows.append(["together", *map(sum, zip(*counts, strict=True))])
        header = ["source", "read", *SPLITS, "dropped:", *REASONS]
        data = self.dataset
        classes = "1 class" if len(data.classes) == 1 else f"{len(data.classes)} classes"
        figures = f"{classes}, N_max {data.N_max}, scale {data.scale:.4f} px"
        return f"{text_table(header, rows)}\n{figures}\n"


@dataclass(frozen=True, eq=False)
class _Item:
    """One drawing on its way; `split` is an index into SPLITS or _UNSPLIT."""

    rows: AnyArray
    label: str
    split: int = _UNSPLIT
    recognized: bool | None = None
    epsilon: float | None = None
    factors: npt.NDArray[np.float32] | None = None


@dataclass(frozen=True)
class _Source:
    """Where drawings come from, and what is known beforehand."""

    name: str
    items: Iterator[_Item]
    factor_names: tuple[str, ...] = ()
    provenance: tuple[str, ...] = ()


def prepare(
    sources: Sequence[str | os.PathLike[str]],
    output: str | os.PathLike[str],
    settings: Settings | None = None,
    *,
    progress: Callable[[str, int], None] | None = None,
) -> Report:
    """Read `sources`, keep what `settings` say, write one `.sketches` file.

    The same sources, settings and seed give the same bytes.

    Args:
        sources: files of any readable format, or the doodles (see `data.sources`).
        output: the file to write, ending in .sketches: whole, or not at all.
        settings: what to keep and how to split, by default `Settings()`.
        progress: called with the name of the source and the drawings read of it so far, often.

    Raises:
        SketchRNNError: a source that cannot be read, a class of which nothing is left, a wrong
            ending of `output`.
    """
    target = Path(output)
    settings = settings or Settings()
    sketches.check_ending(target)
    if not sources:
        raise SketchRNNError("there is nothing to prepare; name at least one source")
    with tempfile.TemporaryFile(prefix=f".{target.name}.", dir=_existing_folder(target)) as file:
        spool = _Spool(file)
        reports = [
            _fill(spool, _open(str(source), settings), settings, progress or _ignore)
            for source in sources
        ]
        sketches.write(spool.dataset(target.stem, settings, reports), target)
    return Report(tuple(reports), read(target))


def _existing_folder(path: Path) -> Path:
    """The innermost folder above `path` that is there: others are made when there is a result."""
    nearest = next(folder for folder in path.absolute().parents if folder.exists())
    if not nearest.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(nearest))
    return nearest


def _ignore(source: str, count: int) -> None:
    """The progress callback of those who want none."""


def _fill(
    spool: _Spool, source: _Source, settings: Settings, progress: Callable[[str, int], None]
) -> SourceReport:
    report = SourceReport(source.name, source.provenance)
    spool.begin_source(source.factor_names)
    for item in source.items:
        report.read += 1
        label = settings.label or item.label
        spool.see(label)
        if settings.recognized_only and item.recognized is False:
            report.dropped[UNRECOGNIZED] += 1
        elif len(item.rows) < settings.min_points:
            report.dropped[TOO_SHORT] += 1
        elif settings.max_points is not None and len(item.rows) > settings.max_points:
            report.dropped[TOO_LONG] += 1
        else:
            spool.add(item, label)
        progress(source.name, report.read)
    if not report.read:
        raise SketchRNNError(f"{source.name}: has no drawings")
    return report


class _Spool:
    """What is kept: rows in a temporary file, a few numbers a drawing in memory."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.classes: dict[str, int] = {}
        self.lengths = array("i")
        self.labels = array("H")
        self.splits = array("b")
        self.sources = array("H")
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
        if self.classes.setdefault(label, len(self.classes)) == sketches.CLASSES_LIMIT:
            raise SketchRNNError(f"there are more than {sketches.CLASSES_LIMIT:,} classes")

    def add(self, item: _Item, label: str) -> None:
        """Keep a drawing of a class that was seen."""
        content = (item.rows.astype(_SPOOL_DTYPE) + 0.0).tobytes()  # + 0.0: no negative zero
        self.file.write(content)
        self.lengths.append(len(item.rows))
        self.labels.append(self.classes[label])
        self.splits.append(item.split)
        self.sources.append(self.source_count - 1)
        self.digests += hashlib.blake2b(content + label.encode(), digest_size=16).digest()
        self.epsilons.add(item.epsilon)
        if self.factor_names and item.factors is not None:
            self.factors.extend(item.factors.tolist())

    def dataset(self, name: str, settings: Settings, reports: Sequence[SourceReport]) -> Dataset:
        """Leave out duplicates, split, and count both in `reports`."""
        self.file.flush()
        labels = np.frombuffer(self.labels, dtype=np.uint16)
        sources = np.frombuffer(self.sources, dtype=np.uint16)
        splits = np.frombuffer(self.splits, dtype=np.int8)
        classes = tuple(self.classes)
        kept = np.ones(len(labels), dtype=bool)
        if not settings.keep_duplicates:
            kept[self._duplicates()] = False
            for report, count in zip(reports, _counts(sources[~kept], reports), strict=True):
                report.dropped[DUPLICATE] = count
        self._check_classes(labels[kept], reports)
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
        drawings = self._drawings(labels)
        train, valid, test = (drawings.select(splits == number) for number in range(len(SPLITS)))
        return Dataset(
            train=train,
            valid=valid,
            test=test,
            classes=classes,
            epsilon=self.epsilons.pop() if len(self.epsilons) == 1 else None,
            provenance=tuple(line for report in reports for line in report.provenance(settings)),
            name=name,
            factor_names=self.factor_names or (),
        )

    def _duplicates(self) -> IntArray:
        """Which drawings have the class and rows of an earlier one."""
        halves = np.frombuffer(self.digests, dtype=np.uint64).reshape(-1, 2)
        order = np.lexsort((halves[:, 1], halves[:, 0]))  # stable: the earlier one comes first
        first_halves = halves[order, 0]
        places = np.flatnonzero(first_halves[1:] == first_halves[:-1])
        same = halves[order[places], 1] == halves[order[places + 1], 1]
        repeated: IntArray = order[places + 1][same]
        return repeated

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

    def _drawings(self, labels: AnyArray) -> Drawings:
        bounds = bounds_of(np.frombuffer(self.lengths, dtype=np.int32))
        rows = np.memmap(self.file, _SPOOL_DTYPE, mode="r", shape=(int(bounds[-1]), 3))
        factors = None
        if self.factor_names:
            factors = np.frombuffer(self.factors, dtype=np.float32).reshape(len(labels), -1)
        return Drawings(rows, bounds[:-1], bounds[1:], labels, factors)


def _counts(sources: AnyArray, reports: Sequence[SourceReport]) -> list[int]:
    counts: list[int] = np.bincount(sources, minlength=len(reports)).tolist()
    return counts


def _open(source: str, settings: Settings) -> _Source:
    """The drawings of a source; nothing is read before they are asked for, but small files."""
    generated = doodles_source(source)
    if generated is not None:
        dataset = read_source(source)
        count, seed, kinds = generated
        name = ":".join([DOODLES, str(count), str(seed), *(["+".join(kinds)] if kinds else [])])
        return _Source(name, _dataset_items(dataset, settings), dataset.factor_names)
    if kind_of(source) == "ndjson":
        return _Source(Path(source).name, _ndjson_items(Path(source), settings))
    dataset = read(source)
    old = dataset.provenance if kind_of(source) == "sketches" else ()
    return _Source(Path(source).name, _dataset_items(dataset, settings), dataset.factor_names, old)


def _ndjson_items(path: Path, settings: Settings) -> Iterator[_Item]:
    for record in ndjson.records(path):
        lines: Sequence[npt.NDArray[np.float64]] = record.polylines
        epsilon = settings.epsilon
        if record.raw and epsilon is None:
            epsilon = strokes.EPSILON_PX
        if lines and epsilon is not None:
            lines = ndjson.preprocess(lines, epsilon, f"{path}, line {record.line}")
        elif lines and settings.box:
            lines = ndjson.boxed(lines)
        rows = strokes.polylines_to_stroke3(lines)[0] if lines else np.empty((0, 3))
        label = record.label or ndjson.class_name(path)
        yield _Item(rows, label, recognized=record.recognized, epsilon=epsilon)


def _dataset_items(dataset: Dataset, settings: Settings) -> Iterator[_Item]:
    epsilon = dataset.epsilon if settings.epsilon is None else settings.epsilon
    for number, split in enumerate(dataset.splits.values()):
        for chosen, pooled in split.chunks():
            bounds = bounds_of(split.lengths[chosen])
            for index, begin, end in zip(
                range(chosen.start, chosen.stop), bounds[:-1], bounds[1:], strict=True
            ):
                rows = pooled[begin:end]
                if settings.box or settings.epsilon is not None:
                    rows = _made_anew(rows, settings)
                factors = None if split.factors is None else split.factors[index]
                label = dataset.classes[int(split.labels[index])]
                yield _Item(rows, label, number, epsilon=epsilon, factors=factors)


def _made_anew(rows: AnyArray, settings: Settings) -> npt.NDArray[np.float64]:
    """Rows in the box, or simplified, or both, which is the public preprocessing."""
    lines: Sequence[npt.NDArray[np.float64]] = strokes.stroke3_to_polylines(rows)
    if settings.box and settings.epsilon is not None:
        lines = ndjson.preprocess(lines, settings.epsilon)
    elif settings.box:
        lines = ndjson.boxed(lines)
    elif settings.epsilon is not None:
        lines = [strokes.simplify(line, settings.epsilon) for line in lines]
    anew: npt.NDArray[Any] = strokes.polylines_to_stroke3(lines)[0]
    return anew
