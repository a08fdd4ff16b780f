"""The formats in which drawings come and go, one module each; and reading any of them.

Which module is of which format says `sketchrnn.registry`.
"""

from __future__ import annotations

import codecs
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from sketchrnn import registry
from sketchrnn.data.dataset import Dataset
from sketchrnn.data.formats import folder, memory
from sketchrnn.data.formats.records import Given, Record, Skipped
from sketchrnn.data.names import normal_name
from sketchrnn.errors import SketchRNNError
from sketchrnn.files import need_file

BIN_PREFIX = "full_binary_"  # of QuickDraw's names, as a browser saves them
READABLE = (
    "a sketch-rnn .npz, QuickDraw's .ndjson, .ndjson.gz or .bin, .json, .csv, .svg(z), a folder of"
    " such drawings, or a .sketches file"
)


def kind_of(path: str | os.PathLike[str]) -> str:
    """The name of the format of a file, by its content and then its ending; or "folder".

    Raises:
        SketchRNNError: no such file, an empty file, or none of the formats.
    """
    target = Path(path)
    if target.is_dir():
        return "folder"
    need_file(target)
    with target.open("rb") as file:
        head = file.read(64)
    if not head:
        raise SketchRNNError(f"{target}: is an empty file; expected {READABLE}")
    if head.startswith(b"PK"):
        return "npz"
    kind = target.suffix.lower().removeprefix(".")
    if kind == "npz":
        raise SketchRNNError(f"{target}: is not an .npz file (no zip archive); download it again")
    if f".{kind}" in registry.readable():
        return kind
    if head.startswith((b"\x1f\x8b", b"{")):
        return "ndjson"
    if head[8:9] == b"{":
        return "sketches"
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return "svg"
    kind = "is text, and no drawing" if _is_text(head) else "is in no known format"
    raise SketchRNNError(f"{target}: {kind}; expected {READABLE}")


def _is_text(head: bytes) -> bool:
    """Whether a file that begins so is for people to read; a letter may be cut at the end."""
    text = codecs.getincrementaldecoder("utf-8")()
    with suppress(UnicodeDecodeError):
        return all(sign.isprintable() or sign.isspace() for sign in text.decode(head))
    return False


def records(
    source: str | os.PathLike[str], *, skip: Callable[[Skipped], None] | None = None
) -> Iterator[Record]:
    """The drawings of a file that has no splits, or of a folder tree, one after the other.

    In a folder tree each folder is a class: a drawing has that of the folder that it lies in,
    unless it comes from a file of many drawings that names its class. Folders and files are taken
    by name; see `folder.walk` for what is passed over.

    Args:
        source: .ndjson(.gz), .bin, .json, .csv, .svg(z), or a folder.
        skip: called for each file of a folder, or named file of one drawing, that cannot be read,
            or not to its end; and once for all files of a folder with other endings. By default
            the former raise, and the latter are passed over. As text it is one line: `skip=print`.

    Raises:
        SketchRNNError: a file that cannot be read, or that is damaged in the middle; a folder
            without any drawing.
    """
    path = Path(source)
    kind = kind_of(path)  # raises where there is nothing at all
    if kind != "folder":
        yield from _of_file(path, skip if _holds_one(path, kind) else None)
        return
    found = False
    for file in folder.walk(path, registry.readable() - set(registry.endings(reads="set")), skip):
        for record in _of_file(file, skip, in_folder=True):
            found = True
            yield record
    if not found:
        raise SketchRNNError(f"{path}: is a folder without any drawing; expected {READABLE}")


def _of_file(
    path: Path, skip: Callable[[Skipped], None] | None, *, in_folder: bool = False
) -> Iterator[Record]:
    """The drawings of a file; one in a folder has its class of it where nothing else says it."""
    drawings, last = 0, ""
    try:
        kind = kind_of(path)
        name = folder.class_name(path) if in_folder else None
        one = in_folder and _holds_one(path, kind)
        for record in _read_records(path, kind):
            drawings, last = drawings + 1, record.where
            yield replace(record, label=name) if one or not record.label else record
    except (SketchRNNError, OSError) as error:
        if skip is None:
            raise
        line = f"{path}: {error.strerror}" if isinstance(error, OSError) else str(error)
        skip(Skipped(line, drawings, last))


def _read_records(path: Path, kind: str) -> Iterator[Record]:
    found = registry.named(kind)
    if "set" in found.reads:
        raise SketchRNNError(f"{path}: has splits of its own; read it as a data set")
    if "drawings" in found.reads:
        yield from found.module.records(path)
        return
    given: Given = found.parse(path)
    # without a class: a title is hardly ever one
    yield Record(given.sketch.polylines, None, str(path), raw=True, left_out=given.left_out)


def class_name(source: str | os.PathLike[str]) -> str:
    """The class of the drawings of a source that do not say theirs.

    A file of many drawings is named like its class; one of a single drawing lies in a folder that
    is.

    Raises:
        SketchRNNError: as `kind_of`; a folder whose name is no text.
    """
    path = Path(source)
    kind = kind_of(path)
    if kind == "folder":
        return folder.class_name(path / "any")
    if _holds_one(path, kind):
        return folder.class_name(path)
    name = path.name.removesuffix(".gz").rpartition(".")[0] or path.name
    return normal_name(name.removeprefix(BIN_PREFIX) if kind == "bin" else name)


def read(path: str | os.PathLike[str]) -> Dataset:
    """Read a data file of any known format, or a folder tree, as one data set.

    Raises:
        SketchRNNError: it is none, or it is damaged.
    """
    if has_splits(path):
        dataset: Dataset = registry.named(kind_of(path)).module.read(path)
        return dataset
    return memory.collect(records(path), str(path), class_name(path))


def has_splits(source: str | os.PathLike[str]) -> bool:
    """Whether it is a file that says which drawings are to train, to validate and to test with."""
    kind = kind_of(source)
    return kind != "folder" and "set" in registry.named(kind).reads


def _holds_one(path: Path, kind: str) -> bool:
    """Whether it is a file of one drawing."""
    found = registry.named(kind)
    if "drawing" not in found.reads:
        return False
    return "drawings" not in found.reads or bool(found.module.holds_one(path))
