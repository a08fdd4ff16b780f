"""What the command line calls DATA: files of any known format, or `doodles[:COUNT[:SEED]]`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sketchrnn.data import HELD_OUT_SHARE
from sketchrnn.data.dataset import Dataset
from sketchrnn.data.formats import read
from sketchrnn.errors import SketchRNNError

DOODLES = "doodles"
DOODLES_COUNT = 5_000


def doodles_source(source: str) -> tuple[int, int] | None:
    """COUNT and SEED of `doodles[:COUNT[:SEED]]`; None for anything else, or where such a file is.

    Raises:
        SketchRNNError: begins like it, but the numbers are wrong.
    """
    word, *numbers = source.split(":")
    if word != DOODLES or Path(source).exists():
        return None
    try:
        count, seed = (*map(int, numbers), *(DOODLES_COUNT, 0)[len(numbers) :])
        if count < 1 or seed < 0:
            raise ValueError
    except ValueError:
        raise SketchRNNError(
            f"{source!r}: name it doodles, doodles:COUNT or doodles:COUNT:SEED, with a count of at"
            " least 1 and a seed of at least 0"
        ) from None
    return count, seed


def read_source(source: str) -> Dataset:
    """One source as a data set.

    `doodles:COUNT` has COUNT training drawings and, beside them, 5% of that to validate and 5% to
    test with.
    """
    parsed = doodles_source(source)
    if parsed is None:
        return read(source)
    from sketchrnn.doodles import doodles_dataset

    count, seed = parsed
    held_out = max(1, round(count * HELD_OUT_SHARE))
    return doodles_dataset((count, held_out, held_out), seed)


def read_sources(sources: Sequence[str]) -> Dataset:
    """All sources as one data set; classes are joined by name."""
    if not sources:
        raise SketchRNNError("name at least one data file, or doodles")
    return Dataset.merge([read_source(source) for source in sources])
