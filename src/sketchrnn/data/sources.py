"""What the command line calls DATA: files of any known format, folders of them, or the doodles.

`doodles[:COUNT[:SEED[:KINDS]]]`, with kinds as `cat_head+pig_head`, is drawn by the package itself.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from sketchrnn.data import HELD_OUT_SHARE, formats
from sketchrnn.data.dataset import Dataset
from sketchrnn.data.doodles import KINDS, doodles_dataset
from sketchrnn.errors import SketchRNNError
from sketchrnn.memory import check_room

Source = str | os.PathLike[str]
Data = Dataset | Source | Sequence[Source]

DOODLES = "doodles"
DOODLES_COUNT = 5_000
DOODLE_BYTES = 10_000  # of one, while the data set is made (measured, rounded up)


def doodles_source(source: str) -> tuple[int, int, tuple[str, ...]] | None:
    """COUNT, SEED and KINDS (none: all); None for anything else, or if a file has that name.

    Raises:
        SketchRNNError: begins like it, but the numbers are wrong.
    """
    word, *rest = source.split(":")
    if word != DOODLES or Path(source).exists():
        return None
    try:
        count, seed = (*map(int, rest[:2]), *(DOODLES_COUNT, 0)[len(rest) :])
        if count < 1 or seed < 0 or len(rest) > 3:
            raise ValueError
    except ValueError:
        raise SketchRNNError(
            f"{source!r}: name it doodles, doodles:COUNT, doodles:COUNT:SEED or"
            " doodles:COUNT:SEED:KIND+KIND, with a count of at least 1 and a seed of at least 0"
        ) from None
    return count, seed, tuple(rest[2].split("+")) if len(rest) == 3 else ()


def read_source(source: str) -> Dataset:
    """One source; of doodles COUNT to train with, and 5% of that each to validate and test with."""
    parsed = doodles_source(source)
    if parsed is None:
        return formats.read(source)
    count, seed, kinds = parsed
    check_room(count, DOODLE_BYTES, "doodles", "ask for fewer")
    held_out = max(1, round(count * HELD_OUT_SHARE))
    return doodles_dataset((count, held_out, held_out), seed, kinds or KINDS)


def read_sources(sources: Sequence[str]) -> Dataset:
    """All sources as one data set; classes are joined by name."""
    if not sources:
        raise SketchRNNError("name at least one data file, or doodles")
    return Dataset.merge([read_source(source) for source in sources])


def source_names(data: Data) -> list[str]:
    """The names of the sources; none if `data` is a Dataset already."""
    if isinstance(data, Dataset):
        return []
    return [os.fspath(one) for one in ([data] if isinstance(data, str | os.PathLike) else data)]


def read(data: Data) -> Dataset:
    """Read drawings: one file, folder or name, or several as one data set.

    >>> import sketchrnn
    >>> drawings = sketchrnn.read("doodles:20:1:cat_head+pig_head")
    >>> drawings.classes, len(drawings.train)
    (('cat_head', 'pig_head'), 20)
    >>> drawings.sketch("train", 0).label
    'cat_head'

    Args:
        data: files of any known format, folders of them, or doodles[:COUNT[:SEED[:KIND+KIND]]]; a
            Dataset is given back as it is.

    Raises:
        SketchRNNError: something cannot be read; one line says what.
    """
    return data if isinstance(data, Dataset) else read_sources(source_names(data))
