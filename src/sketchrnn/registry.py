"""Which module reads and writes which format. A module is loaded only when its format is used.

A new format is one module and one line of the table, or one call of `register`. What a module must
have follows from what its line says that it reads and writes:

reads "drawing"    `parse(content: bytes, where: str) -> Given`
reads "drawings"   `records(path) -> Iterator[Record]`, one drawing after the other; and where it
                   reads "drawing" as well: `holds_one(path) -> bool`
reads "set"        `read(path) -> Dataset`, with splits of its own

writes any thing   `content(thing, path, **options) -> str | bytes`
writes "data"      `write(path, drawings) -> int`, their number; `drawings` are (split, Sketch)

Given and Record are in `sketchrnn.data.formats.records`. The things that are written: a drawing
(`Sketch`), a sheet (`SketchSheet`), a page (`Page`), a tile (`Tile`), a figure (`Panels`).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sketchrnn.errors import SketchRNNError
from sketchrnn.files import need_file, write_bytes


@dataclass(frozen=True)
class Format:
    """One format.

    Attributes:
        ending: of its files, in small letters; its name is the same without the dot.
        home: the module that reads and writes it.
        reads: some of "drawing", "drawings", "set".
        writes: some of "drawing", "sheet", "page", "tile", "figure"; and "data" for a file of many
            drawings, not a picture of them.
        moves: the drawing draws itself: `content` takes `seconds`.
        package: the module that writing it needs, and the name to install; None for none.
    """

    ending: str
    home: str
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    moves: bool = False
    package: tuple[str, str] | None = None

    @property
    def module(self) -> Any:
        """What `home` names."""
        return import_module(self.home)

    def parse(self, path: Path) -> Any:
        """The one drawing of a file, a `Given`; no more is read than such a file may have."""
        with path.open("rb") as file:
            return self.module.parse(file.read(DRAWING_LIMIT_BYTES + 1), str(path))


DRAWING_LIMIT_BYTES = 1 << 24  # of the text of one drawing

_DATA, _FIGURES = "sketchrnn.data.formats", "sketchrnn.figures"
_PAGES, _DRAWINGS = ("drawing", "sheet", "page"), ("drawing", "sheet", "data")
_PILLOW = ("PIL", "pillow")
_TABLE = (
    Format(".svg", f"{_DATA}.svg", reads=("drawing",), writes=(*_PAGES, "tile", "figure")),
    Format(".svgz", f"{_DATA}.svg", reads=("drawing",)),
    Format(".anim.svg", f"{_FIGURES}.animate", writes=_PAGES, moves=True),
    Format(".png", f"{_FIGURES}.png", writes=(*_PAGES, "tile", "figure")),
    Format(".pdf", f"{_FIGURES}.pdf", writes=(*_PAGES, "tile"), package=("fpdf", "fpdf2")),
    Format(".gif", f"{_FIGURES}.animate", writes=_PAGES, moves=True, package=_PILLOW),
    Format(".webp", f"{_FIGURES}.animate", writes=_PAGES, moves=True, package=_PILLOW),
    Format(
        ".json",
        f"{_DATA}.json_drawings",
        reads=("drawing", "drawings"),
        writes=(*_DRAWINGS, "tile", "figure"),
    ),
    Format(".npz", f"{_DATA}.npz", reads=("set",), writes=_DRAWINGS),
    Format(".ndjson", f"{_DATA}.ndjson", reads=("drawings",), writes=_DRAWINGS),
    Format(".bin", f"{_DATA}.binary", reads=("drawings",)),
    Format(".csv", f"{_DATA}.csv_points", reads=("drawings",)),
    Format(".sketches", f"{_DATA}.sketches", reads=("set",)),
)
_formats: dict[str, Format] = {one.ending: one for one in _TABLE}


def register(new: Format) -> None:
    """Add a format, or replace the one of that ending."""
    _formats[new.ending] = new


def endings(
    *, reads: str | None = None, writes: str | None = None, moves: bool = False
) -> tuple[str, ...]:
    """Of the formats that do all that is asked for, in the order in which they were registered."""
    return tuple(
        one.ending
        for one in _formats.values()
        if reads in (None, *one.reads) and writes in (None, *one.writes) and one.moves >= moves
    )


def readable() -> set[str]:
    """The endings of all that is read."""
    return {one.ending for one in _formats.values() if one.reads}


def ending_of(path: str | os.PathLike[str]) -> str:
    """The ending that chooses the format, in small letters: ".svg", ".anim.svg", ".png" ..."""
    name = Path(path).name.lower()
    known = [one for one in _formats if name.endswith(one) and one.count(".") > 1]
    return max(known, key=len, default=Path(name).suffix)


def named(name: str) -> Format:
    """The format of that name, as "npz"."""
    return _formats[f".{name}"]


def listed(some: Sequence[str]) -> str:
    """Endings in words: ".svg, .png or .json"."""
    return " or ".join(filter(None, [", ".join(some[:-1]), some[-1]]))


def check_package(path: str | os.PathLike[str], ending: str) -> None:
    """Raises SketchRNNError if files with that ending need a package that is not installed."""
    package = _formats[ending].package
    if package is not None and find_spec(package[0]) is None:
        raise SketchRNNError(
            f"{path}: {ending} needs the package {package[1]}: pip install 'sketchrnn[pictures]'"
        )


def save(
    thing: Any,
    path: str | os.PathLike[str],
    kind: str,
    *,
    seconds: float | None = None,
    **options: Any,
) -> None:
    """Write a thing in the format that the ending of `path` says, whole or not at all.

    Args:
        thing: what is written.
        path: the file.
        kind: one of the words of `Format.writes`.
        seconds: that an animation takes to draw itself.
        options: of the thing, for formats in which it does not move.
    """
    found = _formats.get(ending_of(path))
    if found is None or kind not in found.writes:
        known = listed(endings(writes=kind))
        raise SketchRNNError(f"{path}: unknown ending; save a {kind} as {known}")
    check_package(path, found.ending)
    if found.moves:
        options = {"seconds": seconds}
    content = found.module.content(thing, path, **options)
    write_bytes(path, content.encode("utf-8") if isinstance(content, str) else content)


def read_drawing(path: str | os.PathLike[str]) -> Any:
    """The one drawing of a file, as it came: a `Given`."""
    source = Path(path)
    found = _formats.get(source.suffix.lower())  # an .anim.svg is an .svg as well
    if found is None or "drawing" not in found.reads:
        known = listed(endings(reads="drawing"))
        raise SketchRNNError(f"{path}: a drawing is read from a file with the ending {known}")
    need_file(source)
    return found.parse(source)
