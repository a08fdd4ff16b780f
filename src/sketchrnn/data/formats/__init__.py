"""Readers of the formats in which drawings come, one small module each."""

from __future__ import annotations

import os
from pathlib import Path

from sketchrnn.data.dataset import Dataset
from sketchrnn.errors import SketchRNNError

ZIP_MAGIC = b"PK"
GZIP_MAGIC = b"\x1f\x8b"
SKETCHES_ENDING = ".sketches"
READABLE = "a sketch-rnn .npz, a QuickDraw .ndjson or .ndjson.gz, or a .sketches file"


def kind_of(path: str | os.PathLike[str]) -> str:
    """Which format a file has, by its content and then its ending: "npz", "ndjson" or "sketches".

    Raises:
        SketchRNNError: no such file, a folder, an empty file, or none of the formats.
    """
    target = Path(path)
    if target.is_dir():
        raise SketchRNNError(f"{target}: is a folder; name a file in it")
    if not target.is_file():
        raise SketchRNNError(f"{target}: there is no such file")
    with target.open("rb") as file:
        head = file.read(9)
    if not head:
        raise SketchRNNError(f"{target}: is an empty file; expected {READABLE}")
    if head.startswith(ZIP_MAGIC):
        return "npz"
    if target.suffix == ".npz":
        raise SketchRNNError(f"{target}: is not an .npz file (no zip archive); download it again")
    if target.suffix == SKETCHES_ENDING:
        return "sketches"
    if head.startswith((GZIP_MAGIC, b"{")) or target.suffix == ".ndjson":
        return "ndjson"
    if head[8:] == b"{":
        return "sketches"
    raise SketchRNNError(f"{target}: is in no known format; expected {READABLE}")


def read(path: str | os.PathLike[str]) -> Dataset:
    """Read a data file of any known format.

    Raises:
        SketchRNNError: it is not one, or it is damaged.
    """
    kind = kind_of(path)
    if kind == "sketches":
        from sketchrnn.data.formats import sketches

        return sketches.read(path)
    if kind == "npz":
        from sketchrnn.data.formats import npz

        return npz.read(path)
    from sketchrnn.data.formats import ndjson

    return ndjson.read(path)
