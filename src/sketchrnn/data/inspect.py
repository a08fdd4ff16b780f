"""`sketchrnn data inspect`: what is in a data set, in numbers and as drawings to look at."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from sketchrnn import strokes
from sketchrnn.data.dataset import SPLITS, Dataset, IntArray, bounds_of
from sketchrnn.data.tables import text_table
from sketchrnn.errors import SketchRNNError
from sketchrnn.sketch import Sketch

HISTOGRAM_BARS = 20
BAR_WIDTH = 50
PREVIEW_COLUMNS = 10
PREVIEW_CLASSES = 12
PREVIEW_ROWS_OF_ONE_CLASS = 5


@dataclass(frozen=True)
class Range:
    """How some number is distributed over the drawings."""

    min: float
    median: float
    mean: float
    max: float

    @classmethod
    def of(cls, values: Any) -> Range:
        """The range of `values`, at least one."""
        return cls(*(float(number(values)) for number in (np.min, np.median, np.mean, np.max)))

    def __str__(self) -> str:
        return f"{self.min:g} to {self.max:g}, median {self.median:g}, mean {self.mean:.4g}"


@dataclass(frozen=True)
class Place:
    """One drawing: where it is and how long it is (rows)."""

    split: str
    index: int
    label: str
    length: int


@dataclass(frozen=True)
class Summary:
    """What is in a data set; N_max, scale, epsilon and provenance are those of `Dataset`."""

    name: str
    counts: dict[str, dict[str, int]]  # drawings by split and class
    points: dict[str, int]  # rows by split
    lengths: Range  # rows of a drawing, over all splits
    bar_rows: int  # that a bar of the histogram spans
    bars: list[int]  # drawings of 1 to bar_rows rows, of bar_rows + 1 to 2 bar_rows, ...
    strokes: Range  # of a drawing, over all splits
    shortest: Place
    median: Place
    longest: Place
    N_max: int
    scale: float
    epsilon: float | None
    longer_than_training: dict[str, int]  # drawings by split that have more than N_max rows
    clamped: int  # offsets over +-1000 px, which are clamped in training
    factors: dict[str, Range]
    provenance: list[str]

    def to_json(self) -> dict[str, Any]:
        """The summary as a JSON document."""
        return asdict(self)

    def to_text(self) -> str:
        """The summary to be read by people."""
        rows: list[list[object]] = [
            [name, *(self.counts[split][name] for split in SPLITS)] for name in self.counts["train"]
        ]
        if len(rows) > 1:
            rows.append(["together", *(sum(self.counts[split].values()) for split in SPLITS)])
        rows.append(["points", *(self.points[split] for split in SPLITS)])
        epsilon = "unknown" if self.epsilon is None else f"{self.epsilon:g} px of a box of 255"
        places = {"shortest": self.shortest, "median": self.median, "longest": self.longest}
        lines = [
            f"{self.name}",
            "",
            text_table(["class", *SPLITS], rows),
            f"points a drawing   {self.lengths}",
            *(
                f"  {name:<16} {place.length} points: {place.split} {place.index} ({place.label})"
                for name, place in places.items()
            ),
            f"strokes a drawing  {self.strokes}",
            f"N_max              {self.N_max} (the longest training drawing)",
            f"scale              {self.scale:.4f} px (standard deviation of the training offsets)",
            f"epsilon            {epsilon}",
        ]
        lines += [
            f"longer than N_max  {count} of {split}"
            for split, count in self.longer_than_training.items()
            if count
        ]
        if self.clamped:
            lines.append(f"outliers           {self.clamped} offsets over 1000 px, to be clamped")
        lines += [f"factor {name:<12}{values}" for name, values in self.factors.items()]
        lines += [f"source             {line}" for line in self.provenance]
        lines += ["", "points a drawing: drawings"]
        width, most = 2 * len(str(len(self.bars) * self.bar_rows)) + 1, max(self.bars)
        for number, count in enumerate(self.bars):
            first, end = number * self.bar_rows + 1, (number + 1) * self.bar_rows
            span = f"{first}-{end}" if self.bar_rows > 1 else str(first)
            bar = "#" * -(-BAR_WIDTH * count // most)  # rounded up: one drawing is seen
            lines.append(f"{span:>{width}}  {bar} {count:,}".rstrip())
        return "\n".join(lines) + "\n"


def summarize(dataset: Dataset) -> Summary:
    """Look through a data set; its rows pass through memory in chunks.

    Raises:
        SketchRNNError: there are no training drawings.
    """
    splits, classes = dataset.splits, dataset.classes
    N_max = dataset.N_max  # the first thing that an empty set fails on
    lengths = np.concatenate([split.lengths for split in splits.values()])
    by_length = np.argsort(lengths, kind="stable")
    steps = (step * 10**power for power in range(20) for step in (1, 2, 5))
    bar_rows = next(step for step in steps if step * HISTOGRAM_BARS >= lengths.max())
    counts, stroke_counts, factors, clamped = {}, [], [], 0
    for name, split in splits.items():
        of_class = np.bincount(split.labels, minlength=len(classes)).tolist()
        counts[name] = dict(zip(classes, of_class, strict=True))
        if split.factors is not None:
            factors.append(split.factors)
        for chosen, rows in split.chunks():
            stroke_counts.append(_strokes(rows, bounds_of(split.lengths[chosen])))
            offsets = rows[:, strokes.XY].astype(np.float32)
            clamped += int((np.abs(offsets) > strokes.OFFSET_LIMIT_PX).sum())
    columns = np.concatenate(factors).T if factors else ()
    return Summary(
        name=dataset.name,
        counts=counts,
        points={name: int(split.lengths.sum()) for name, split in splits.items()},
        lengths=Range.of(lengths),
        bar_rows=bar_rows,
        bars=np.bincount((lengths - 1) // bar_rows).tolist(),
        strokes=Range.of(np.concatenate(stroke_counts)),
        shortest=_place(dataset, int(by_length[0])),
        median=_place(dataset, int(by_length[len(by_length) // 2])),
        longest=_place(dataset, int(by_length[-1])),
        N_max=N_max,
        scale=dataset.scale,
        epsilon=dataset.epsilon,
        longer_than_training={
            name: int((split.lengths > N_max).sum()) for name, split in splits.items()
        },
        clamped=clamped,
        factors=dict(zip(dataset.factor_names, map(Range.of, columns), strict=True)),
        provenance=list(dataset.provenance),
    )


def preview(dataset: Dataset) -> tuple[list[list[Sketch]], list[str] | None]:
    """Training drawings to look at, each class from its shortest to its longest, and row labels.

    Several classes have a row each (the first twelve); a single one has five rows.

    Raises:
        SketchRNNError: there are no training drawings.
    """
    train = dataset.train
    several = len(dataset.classes) > 1
    count = PREVIEW_COLUMNS * (1 if several else PREVIEW_ROWS_OF_ONE_CLASS)
    rows: list[list[Sketch]] = []
    labels: list[str] = []
    for label, name in enumerate(dataset.classes[:PREVIEW_CLASSES]):
        members = np.flatnonzero(train.labels == label)
        if not len(members):
            continue
        members = members[np.argsort(train.lengths[members], kind="stable")]
        places = np.unique(np.linspace(0, len(members) - 1, count).round().astype(int))
        sketches = [dataset.sketch("train", int(index)) for index in members[places]]
        for first in range(0, len(sketches), PREVIEW_COLUMNS):
            rows.append(sketches[first : first + PREVIEW_COLUMNS])
            labels.append(name)
    if not rows:
        raise SketchRNNError(f"{dataset.where}: there are no training drawings")
    return rows, labels if several else None


def _strokes(rows: strokes.AnyArray, bounds: IntArray) -> IntArray:
    """Strokes of each drawing; the last one counts even if it does not lift the pen."""
    lifts = rows[:, strokes.PEN_UP] == 1
    lifts[bounds[1:] - 1] = True
    return np.add.reduceat(lifts.astype(np.int64), bounds[:-1])


def _place(dataset: Dataset, number: int) -> Place:
    """Drawing `number`, counted through train, valid and test."""
    begins = bounds_of([len(split) for split in dataset.splits.values()])
    part = int(np.searchsorted(begins, number, side="right")) - 1
    name, index = SPLITS[part], number - int(begins[part])
    split = dataset.split(name)
    return Place(name, index, dataset.classes[int(split.labels[index])], int(split.lengths[index]))
