"""DataFacts: what a model must know of the drawings it learned from."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from sketchrnn.data.dataset import Dataset
from sketchrnn.errors import SketchRNNError

NUMBER_LIMIT = 1e12


@dataclass(frozen=True)
class DataFacts:
    """What a model must know of the drawings it learned from.

    Raises:
        SketchRNNError: a scale that is not a number over 0, other numbers out of their bounds, or
            names that are not text.
    """

    scale: float  # of one scaled unit, px: the standard deviation of the training offsets
    classes: tuple[str, ...] = ()
    epsilon: float | None = None  # Ramer-Douglas-Peucker, px of the 0-255 box; None where unknown
    mean_length: float = 0.0  # mean number of points of a training drawing
    sources: tuple[str, ...] = ()  # the files, so that a run can be resumed by its name alone
    max_points: int | None = None  # longer drawings were left out; None: none were
    size: float | None = None  # median larger side of the training drawings, px
    counts: Mapping[str, int] | None = None  # drawings in each split, after that
    fingerprint: str = ""  # of the training drawings; a resumed run must find the same
    provenance: tuple[str, ...] = ()  # one line a source

    def __post_init__(self) -> None:
        for name in ("scale", "mean_length", "epsilon", "max_points", "size"):
            value = getattr(self, name)
            if value is None and name in ("epsilon", "max_points", "size"):
                continue
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise SketchRNNError(f"{name} must be a number, got {value!r:.60}")
            if not 0 <= value <= NUMBER_LIMIT or (name == "scale" and value == 0):
                kind = "over 0" if name == "scale" else "of at least 0"
                raise SketchRNNError(f"{name} must be a number {kind}, got {value!r:.60}")
        for name in ("classes", "sources", "provenance"):
            values = getattr(self, name)
            if not isinstance(values, tuple) or not all(isinstance(v, str) for v in values):
                raise SketchRNNError(f"{name} must be a list of texts, got {values!r:.60}")
        if not all(map(str.isprintable, self.classes)):
            raise SketchRNNError(f"classes must be printable texts, got {self.classes!r:.60}")
        if not isinstance(self.fingerprint, str):
            raise SketchRNNError(f"fingerprint must be a text, got {self.fingerprint!r:.60}")
        counts = self.counts
        if counts is not None and not (
            isinstance(counts, Mapping) and all(type(count) is int for count in counts.values())
        ):
            raise SketchRNNError(f"counts must be whole numbers by name, got {counts!r:.60}")


def describe(dataset: Dataset, sources: tuple[str, ...], max_points: int | None) -> DataFacts:
    """The facts of a data set that are stored with the weights."""
    digest = hashlib.sha256()
    for _, rows in dataset.train.chunks():
        digest.update(rows.astype("<f4").tobytes())
    digest.update(dataset.train.lengths.astype("<i8").tobytes())
    return DataFacts(
        scale=dataset.scale,
        classes=dataset.classes,
        epsilon=dataset.epsilon,
        mean_length=float(dataset.train.lengths.mean()),
        sources=sources,
        max_points=max_points,
        size=dataset.size,
        counts={name: len(split) for name, split in dataset.splits.items()},
        fingerprint=digest.hexdigest(),
        provenance=dataset.provenance,
    )
