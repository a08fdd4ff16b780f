"""Drawings (one split) and Dataset (three splits).

Shapes: n drawings of one split, P rows of all of them together, N rows of one drawing, F factors.
Rows are stroke-3 (see `sketchrnn.strokes`) in the user's units (px).

The rows may be memory-mapped from a data file of many gigabytes: nothing here copies all of them,
except `Dataset.merge`, which says so.
"""

from __future__ import annotations

import math
import mmap
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from sketchrnn import strokes
from sketchrnn.errors import SketchRNNError
from sketchrnn.seeds import INPUT_STREAM, generator
from sketchrnn.sketch import Sketch
from sketchrnn.strokes import AnyArray
from sketchrnn.words import choices

IntArray = npt.NDArray[np.int64]

SPLITS = ("train", "valid", "test")

CHUNK_ROWS = 1 << 18  # rows that pass through memory at once when a whole set is walked
MERGE_LIMIT_BYTES = 1 << 30  # `Dataset.merge` copies; more than this belongs in one file


@dataclass(frozen=True, eq=False)
class Drawings:
    """Many drawings of one split as one array of stroke-3 rows.

    Attributes:
        rows: [P, 3] int16 or float32, may be memory-mapped; columns strokes.DX, DY, PEN_UP.
        begins, ends: [n] int64; drawing i is rows[begins[i]:ends[i]].
        labels: [n] integers, indices into Dataset.classes.
        factors: [n, F] float32, the named numbers of each drawing (Dataset.factor_names), or None.
    """

    rows: AnyArray
    begins: IntArray
    ends: IntArray
    labels: AnyArray
    factors: npt.NDArray[np.float32] | None = None

    @classmethod
    def from_arrays(
        cls,
        arrays: Sequence[npt.ArrayLike],
        labels: npt.ArrayLike | None = None,
        factors: npt.ArrayLike | None = None,
        where: str = "drawings",
    ) -> Drawings:
        """Drawings of separate stroke-3 arrays [N, 3]: int16 where that holds them, else float32.

        Labels are [n], by default all 0, and factors [n, F]. Raises SketchRNNError, naming `where`,
        for one that is not stroke-3, or has a value that float32 cannot hold.
        """
        checked = [
            strokes.check_stroke3(array, f"{where}, drawing {index}")
            for index, array in enumerate(arrays)
        ]
        rows = np.concatenate(checked) if checked else np.empty((0, 3), dtype=np.int16)
        with np.errstate(over="ignore"):  # what overflows is reported by `check_rows`
            rows = rows.astype(np.int16 if is_int16(rows) else np.float32, copy=False)
        drawings = cls.pooled(
            rows,
            [len(array) for array in checked],
            np.asarray(np.zeros(len(checked)) if labels is None else labels, dtype=np.int64),
            None if factors is None else np.asarray(factors, dtype=np.float32),
        )
        check_rows(rows, drawings.begins, where)
        return drawings

    @classmethod
    def pooled(
        cls,
        rows: AnyArray,
        lengths: npt.ArrayLike,
        labels: AnyArray,
        factors: npt.NDArray[np.float32] | None = None,
    ) -> Drawings:
        """Drawings that follow each other in `rows` without gaps, [n] of these lengths."""
        bounds = bounds_of(lengths)
        return cls(rows, bounds[:-1], bounds[1:], labels, factors)

    def __len__(self) -> int:
        return len(self.begins)

    def __getitem__(self, index: int) -> AnyArray:
        """Drawing `index` as stroke-3 rows [N, 3]; a view."""
        return self.rows[self.begins[index] : self.ends[index]]

    def __iter__(self) -> Iterator[AnyArray]:
        return map(self.__getitem__, range(len(self)))

    @cached_property
    def lengths(self) -> IntArray:
        """Rows of each drawing, [n]."""
        return self.ends - self.begins

    def select(self, indices: npt.ArrayLike) -> Drawings:
        """The drawings at `indices` (positions, or a mask [n]), in that order; no row is copied."""
        chosen = np.asarray(indices, dtype=None if np.size(indices) else np.int64)
        factors = None if self.factors is None else self.factors[chosen]
        return Drawings(
            self.rows, self.begins[chosen], self.ends[chosen], self.labels[chosen], factors
        )

    def gather(self, indices: npt.ArrayLike) -> AnyArray:
        """The rows of the drawings at `indices`, one after the other, in memory [P', 3]."""
        chosen = np.asarray(indices, dtype=np.int64)
        begins, ends = self.begins[chosen], self.ends[chosen]
        if len(chosen) and np.array_equal(begins[1:], ends[:-1]):  # one piece, as in a long walk
            rows = np.array(self.rows[begins[0] : ends[-1]])
        else:
            lengths = ends - begins
            offsets = bounds_of(lengths)
            positions = np.repeat(begins - offsets[:-1], lengths) + np.arange(offsets[-1])
            rows = np.take(np.asarray(self.rows), positions, axis=0)
        release_pages(self.rows)
        return rows

    def chunks(self, rows_at_once: int = CHUNK_ROWS) -> Iterator[tuple[slice, AnyArray]]:
        """All drawings in order, some at a time: (which ones, their rows in memory [P', 3])."""
        ends = np.cumsum(self.lengths)
        first = 0
        while first < len(self):
            done = ends[first - 1] if first else 0
            last = max(first + 1, int(np.searchsorted(ends, done + rows_at_once, side="right")))
            yield slice(first, last), self.gather(np.arange(first, last))
            first = last


@dataclass
class OffsetSpread:
    """Standard deviation of clamped offsets (px), rows by rows (Chan et al. 1979)."""

    count: int = 0  # numbers so far, two a row
    mean: float = 0.0
    squares: float = 0.0  # sum of their squared deviations from the mean

    def add(self, rows: AnyArray) -> None:
        """Take in the offsets of rows [P >= 1, 3]."""
        values = strokes.clamp_offsets(rows[:, strokes.XY]).astype(np.float64)
        delta = float(values.mean()) - self.mean
        total = self.count + values.size
        self.squares += float(values.var()) * values.size
        self.squares += delta**2 * self.count * values.size / total
        self.mean += delta * values.size / total
        self.count = total

    @property
    def std(self) -> float:
        """Of all so far; 0 of none."""
        return math.sqrt(self.squares / max(self.count, 1))


@dataclass(frozen=True, eq=False)
class Dataset:
    """Three splits of drawings.

    >>> import sketchrnn
    >>> drawings = sketchrnn.read("doodles:40")
    >>> {name: len(split) for name, split in drawings.splits.items()}
    {'train': 40, 'valid': 2, 'test': 2}

    Attributes:
        train, valid, test: the splits; valid and test may be empty.
        classes: the names that the labels index.
        epsilon: the Ramer-Douglas-Peucker epsilon that the drawings were prepared with, in units
            of the 0-255 box; None where unknown.
        provenance: one line a source.
        factor_names: names of the columns of `Drawings.factors`; empty where there are none.
        stored_scale: the scale as the data file states it, so that it need not be computed again.
        source: the file or folder that it was read from, as it was named.
        copies: how many of the training drawings are copies of others (`data prepare --copies`).
    """

    train: Drawings
    valid: Drawings
    test: Drawings
    classes: tuple[str, ...]
    epsilon: float | None = None
    provenance: tuple[str, ...] = ()
    name: str = "drawings"
    factor_names: tuple[str, ...] = ()
    stored_scale: float | None = field(default=None, repr=False)
    source: str = field(default="", repr=False)
    copies: int = field(default=0, repr=False)

    @property
    def where(self) -> str:
        """What a message calls it: the file where there is one."""
        return self.source or self.name

    def split(self, name: str) -> Drawings:
        """The split of that name. Raises SketchRNNError naming the known ones."""
        if name not in SPLITS:
            raise SketchRNNError(f"there is no split {name!r}; {choices(name, SPLITS)}")
        drawings: Drawings = getattr(self, name)
        return drawings

    @property
    def splits(self) -> dict[str, Drawings]:
        """All three by name, in the order train, valid, test."""
        return {name: self.split(name) for name in SPLITS}

    def sketch(self, split: str, index: int) -> Sketch:
        """Drawing `index` of a split as a Sketch labelled with its class."""
        drawings = self.split(split)
        if not 0 <= index < len(drawings):
            raise SketchRNNError(
                f"{self.where}: {split} has {len(drawings)} drawings, there is no number {index}"
            )
        label = self.classes[int(drawings.labels[index])]
        return Sketch.from_stroke3(drawings[index], label=label)

    def choose(
        self, split: str, n: int, N_max: int, seed: int, indices: Sequence[int] | None = None
    ) -> list[Sketch]:
        """Drawings of a split: those at `indices`, or n of at most N_max rows, by the seed.

        Raises:
            SketchRNNError: a drawing at `indices` that is longer; none that is short enough.
        """
        lengths = self.split(split).lengths
        if indices is None:
            fitting = np.flatnonzero(lengths <= N_max)
            if n < 1 or not len(fitting):
                none = f"has none of at most {N_max} points"
                none = none if len(lengths) else "there are none"
                problem = f"none were asked for ({n})" if n < 1 else none
                raise SketchRNNError(f"{self.where}: no {split} drawings to take: {problem}")
            indices = generator(seed, INPUT_STREAM, 0).permutation(fitting)[:n].tolist()
        chosen = [self.sketch(split, index) for index in indices]
        for index in indices:
            if lengths[index] > N_max:
                raise SketchRNNError(
                    f"{self.where}: {split} drawing {index} has {lengths[index] + 1} points;"
                    f" the model reads at most {N_max + 1}"
                )
        return chosen

    @cached_property
    def N_max(self) -> int:
        """Rows of the longest training drawing (docs/deviations.md, row 4)."""
        return int(self._training_drawings().lengths.max())

    @cached_property
    def scale(self) -> float:
        """Standard deviation of all training offsets, dx and dy together, clamped to +-1000 (px).

        Offsets divided by it have standard deviation 1; the mean is kept (section 1 of the
        supplement; docs/deviations.md, rows 15 and 17). SketchRNNError where all offsets are equal.
        """
        if self.stored_scale is not None:
            return self.stored_scale
        spread = OffsetSpread()
        for _, rows in self._training_drawings().chunks():
            spread.add(rows)
        if spread.std == 0:
            raise SketchRNNError(
                f"{self.where}: all training offsets are equal, so no scale exists; give drawings"
                " of more than dots"
            )
        return spread.std

    @cached_property
    def size(self) -> float:
        """Median larger side of the training drawings, px."""
        sides = []
        for chosen, rows in self._training_drawings().chunks():
            first = bounds_of(self.train.lengths[chosen])[:-1]
            offsets = rows[:, strokes.XY].astype(np.float64)
            ends = np.cumsum(offsets, axis=0)
            starts = ends[first] - offsets[first]  # a drawing's start point is no row
            high = np.maximum(np.maximum.reduceat(ends, first, axis=0), starts)
            low = np.minimum(np.minimum.reduceat(ends, first, axis=0), starts)
            sides.append((high - low).max(axis=1))
        return float(np.median(np.concatenate(sides)))

    def limited(self, max_points: int) -> tuple[Dataset, dict[str, int]]:
        """The drawings of at most `max_points` rows, and how many were dropped from each split.

        SketchRNNError where no training drawing is left.
        """
        kept = {name: split.lengths <= max_points for name, split in self.splits.items()}
        dropped = {name: int((~mask).sum()) for name, mask in kept.items()}
        if not any(dropped.values()):
            return self, dropped
        if not kept["train"].any():
            raise SketchRNNError(
                f"{self.where}: no training drawing has at most {max_points} points;"
                f" the shortest has {self._training_drawings().lengths.min()}"
            )
        train, valid, test = (self.split(name).select(mask) for name, mask in kept.items())
        # the scale is the training split's; it stands if that lost nothing
        scale = None if dropped["train"] else self.stored_scale
        copies = round(self.copies * float(kept["train"].mean()))  # as long as their originals
        limited = replace(self, train=train, valid=valid, test=test, stored_scale=scale)
        return replace(limited, copies=copies), dropped

    @staticmethod
    def merge(datasets: Sequence[Dataset]) -> Dataset:
        """One set of all of them; classes of the same name become one.

        Factors are kept where all sets have the same. The rows are copied into memory; for more
        than 1 GiB of them SketchRNNError.
        """
        if not datasets:
            raise SketchRNNError("there is no data set to merge; name at least one")
        if len(datasets) == 1:
            return datasets[0]
        dtype = np.result_type(*(split.rows for data in datasets for split in data.splits.values()))
        count = sum(int(split.lengths.sum()) for data in datasets for split in data.splits.values())
        if count * 3 * dtype.itemsize > MERGE_LIMIT_BYTES:
            raise SketchRNNError(
                "these sets are too large to join in memory; join them in one file first:"
                " sketchrnn data prepare FILE FILE -o ALL.sketches"
            )
        classes = tuple(dict.fromkeys(name for data in datasets for name in data.classes))
        factor_names = datasets[0].factor_names
        if any(data.factor_names != factor_names for data in datasets):
            factor_names = ()

        def joined(name: str) -> Drawings:
            parts = [data.split(name) for data in datasets]
            rows = [part.gather(np.arange(len(part))).astype(dtype, copy=False) for part in parts]
            lengths = np.concatenate([part.lengths for part in parts])
            labels = [
                np.array([classes.index(one) for one in data.classes], np.int64)[part.labels]
                for data, part in zip(datasets, parts, strict=True)
            ]
            factors = [part.factors for part in parts if part.factors is not None]
            factors_nF = np.concatenate(factors) if factor_names else None
            return Drawings.pooled(
                np.concatenate(rows), lengths, np.concatenate(labels), factors_nF
            )

        epsilons = {data.epsilon for data in datasets}
        train, valid, test = map(joined, SPLITS)
        return Dataset(
            train,
            valid,
            test,
            classes,
            epsilon=epsilons.pop() if len(epsilons) == 1 else None,
            provenance=tuple(line for data in datasets for line in data.provenance),
            name="+".join(dict.fromkeys(data.name for data in datasets)),
            factor_names=factor_names,
            source=", ".join(dict.fromkeys(data.where for data in datasets)),
            copies=sum(data.copies for data in datasets),
        )

    def _training_drawings(self) -> Drawings:
        if not len(self.train):
            raise SketchRNNError(f"{self.where}: there are no training drawings")
        return self.train


def split_numbers(
    labels: AnyArray, classes: Sequence[str], valid: float, test: float, seed: int
) -> npt.NDArray[np.int8]:
    """Deal n drawings out to `SPLITS` at random, each class by itself: [n], 0 train, 1, 2 test.

    How a class is dealt depends on its name, its number of drawings and the seed alone, not on what
    other classes are there. `labels` [n] index the classes; `valid` and `test` are shares of each
    class where they are under 1, else numbers of drawings of each. SketchRNNError where a class
    would have no training drawings left.
    """
    splits = np.zeros(len(labels), dtype=np.int8)
    for label, name in enumerate(classes):
        members = np.flatnonzero(labels == label)
        counts = [round(part * len(members)) if part < 1 else int(part) for part in (valid, test)]
        if len(members) and sum(counts) >= len(members):
            raise SketchRNNError(
                f"class {name!r} has {len(members)} drawings; {counts[0]} for valid and {counts[1]}"
                " for test would leave none to train on; ask for fewer"
            )
        rng = np.random.Generator(np.random.PCG64([seed, zlib.crc32(name.encode())]))
        shuffled = rng.permutation(members)
        splits[shuffled[: counts[0]]] = SPLITS.index("valid")
        splits[shuffled[counts[0] : sum(counts)]] = SPLITS.index("test")
    return splits


def is_int16(rows: AnyArray) -> bool:
    """Whether int16 holds all values exactly."""
    if rows.dtype == np.int16 or rows.size == 0:
        return True
    limit = np.iinfo(np.int16).max
    whole = rows.dtype.kind in "iu" or bool((rows == np.trunc(rows)).all())
    return whole and bool(rows.min() >= -limit and rows.max() <= limit)


def check_rows(rows: AnyArray, begins: IntArray, where: str, first: int = 0) -> None:
    """`strokes.check_stroke3` of pooled rows [P, 3], of drawings that begin at `begins` [n].

    The error names `where` and the drawing, of which the one at begins[0] is number `first`.
    """
    valid = strokes.valid_rows(rows)
    if valid.all():
        return
    index = int(np.searchsorted(begins, np.flatnonzero(~valid)[0], side="right")) - 1
    end = begins[index + 1] if index + 1 < len(begins) else len(rows)
    strokes.check_stroke3(rows[begins[index] : end], f"{where}, drawing {first + index}")


def release_pages(array: AnyArray) -> None:
    """Hand the pages of a memory-mapped array back to the system; the next access maps them anew.

    Otherwise a long walk over a large file makes the process look as large as the file.
    """
    base: Any = array
    while base is not None and not isinstance(base, mmap.mmap):
        base = base.obj if isinstance(base, memoryview) else getattr(base, "base", None)
    if base is not None and hasattr(mmap, "MADV_DONTNEED"):
        base.madvise(mmap.MADV_DONTNEED)


def bounds_of(lengths: npt.ArrayLike) -> IntArray:
    """[0, l0, l0 + l1, ...]: where each drawing begins, and the end of the last."""
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths, dtype=np.int64)])
