"""A data set that the package draws itself: hand-like doodles with known factors.

Each drawing comes with the values that it was drawn from (`FACTORS`), so that interpolation and
analogies can be measured against the truth. See `docs/doodles.md`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from sketchrnn.data.dataset import SPLITS, Dataset, Drawings
from sketchrnn.data.doodles.hand import Hand, finish
from sketchrnn.data.doodles.kinds import DRAW, FACTORS, KINDS, NEVER, RANGES
from sketchrnn.errors import SketchRNNError
from sketchrnn.sketch import Sketch
from sketchrnn.strokes import EPSILON_PX
from sketchrnn.version import __version__
from sketchrnn.words import choices

__all__ = ["FACTORS", "KINDS", "Doodle", "doodle", "doodles", "doodles_dataset"]


@dataclass(frozen=True)
class Doodle:
    """One drawing and what it was drawn from.

    Attributes:
        sketch: whole numbers, larger side 255; its label is the kind.
        factors: every name of `FACTORS`; 0 where a factor does not apply to the kind.
    """

    sketch: Sketch
    factors: dict[str, float]


def doodle(kind: str, rng: np.random.Generator, **fixed: float) -> Doodle:
    """Draw one doodle of a kind, with `fixed` values for some of the factors that apply to it.

    All factors are chosen by `rng` before the fixed ones replace them, so the same state of it with
    another value of, say, `tilt` gives the same drawing tilted otherwise. SketchRNNError for an
    unknown kind or factor, or a value that the kind does not take.
    """
    _check(1, 0, [kind])
    ranges = {name: RANGES[kind].get(name, NEVER) for name in FACTORS}
    for name, value in fixed.items():
        if name not in ranges:
            raise SketchRNNError(f"unknown factor {name!r}; the factors are {', '.join(FACTORS)}")
        if not ranges[name].allows(value):
            raise SketchRNNError(f"{kind}: {name} must be {ranges[name]}, got {value}")
    shares = rng.random(len(FACTORS)).tolist()
    factors = {
        name: float(fixed.get(name, one.at(share)))
        for (name, one), share in zip(ranges.items(), shares, strict=True)
    }
    strokes = DRAW[kind](Hand(rng), factors)
    return Doodle(Sketch.from_polylines(finish(strokes, factors["tilt"], rng), kind), factors)


def doodles(count: int, seed: int = 0, kinds: Sequence[str] = KINDS) -> Iterator[Doodle]:
    """Draw `count` doodles, one kind after the other; drawing i depends on (seed, i, kinds) only.

    SketchRNNError for an unknown kind, none, one named twice, a negative count or seed.
    """
    _check(count, seed, kinds)
    return _stream(count, seed, 0, tuple(kinds))


def doodles_dataset(
    counts: tuple[int, int, int] = (8_000, 400, 400), seed: int = 0, kinds: Sequence[str] = KINDS
) -> Dataset:
    """Draw a data set; its factors are in `Drawings.factors`, the classes are the kinds.

    `counts` are of drawings to train, validate and test with, each kind equally often. The training
    drawings are those of `doodles(counts[0], seed, kinds)`; the other splits have random streams of
    their own.
    """
    _check(min(counts), seed, kinds)
    names = tuple(kinds)

    def drawings(stream: int) -> Drawings:
        drawn = list(_stream(counts[stream], seed, stream, names))
        factors = np.array([list(one.factors.values()) for one in drawn])
        return Drawings.from_arrays(
            [one.sketch.to_stroke3() for one in drawn],
            labels=np.arange(len(drawn)) % len(names),
            factors=factors.reshape(len(drawn), len(FACTORS)),
            where=f"doodles, {SPLITS[stream]}",
        )

    train, valid, test = map(drawings, range(len(SPLITS)))
    return Dataset(
        train,
        valid,
        test,
        classes=names,
        epsilon=EPSILON_PX,
        provenance=(f"doodles drawn by sketchrnn {__version__}, seed {seed}",),
        name="doodles",
        factor_names=FACTORS,
    )


def _stream(count: int, seed: int, stream: int, kinds: tuple[str, ...]) -> Iterator[Doodle]:
    for index in range(count):  # `doodles_dataset` relies on this order of the kinds
        sequence = np.random.SeedSequence(seed, spawn_key=(stream, index))
        yield doodle(kinds[index % len(kinds)], np.random.Generator(np.random.PCG64(sequence)))


def _check(count: int, seed: int, kinds: Sequence[str]) -> None:
    if count < 0 or seed < 0:
        raise SketchRNNError(f"count and seed must be 0 or more, got {count} and {seed}")
    if not kinds or len(set(kinds)) < len(kinds):
        raise SketchRNNError(f"name each kind once, and at least one of {', '.join(KINDS)}")
    for kind in kinds:
        if kind not in KINDS:
            raise SketchRNNError(f"unknown kind {kind!r}; {choices(kind, KINDS)}")
