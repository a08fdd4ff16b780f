"""Saving what can be looked at, in the format that the ending of the file's name says."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sketchrnn.errors import SketchRNNError
from sketchrnn.files import write_bytes, write_text

ANIMATED_SVG = ".anim.svg"  # an SVG in which the drawing draws itself

# What drawings and sheets are saved as: ENDINGS in all, of which a page of paper has the pictures.
PICTURES = (".svg", ANIMATED_SVG, ".png", ".pdf", ".gif", ".webp")
MOVING = (ANIMATED_SVG, ".gif", ".webp")
DATA = (".json", ".npz", ".ndjson")
ENDINGS = (*PICTURES, *DATA)

# What each ending needs beside the base install: the module and the package that has it.
_NEEDS = {".pdf": ("fpdf", "fpdf2"), ".gif": ("PIL", "pillow"), ".webp": ("PIL", "pillow")}


def ending_of(path: str | os.PathLike[str]) -> str:
    """The ending that chooses the format, in small letters: ".svg", ".anim.svg", ".png" ..."""
    name = Path(path).name.lower()
    return ANIMATED_SVG if name.endswith(ANIMATED_SVG) else Path(name).suffix


def listed(endings: Sequence[str]) -> str:
    """Endings in words: ".svg, .png or .json"."""
    return " or ".join(filter(None, [", ".join(endings[:-1]), endings[-1]]))


def check_package(path: str | os.PathLike[str], ending: str) -> None:
    """Raises SketchRNNError if a file with that ending needs a package that is not installed."""
    module, package = _NEEDS.get(ending, ("", ""))
    if module and find_spec(module) is None:
        raise SketchRNNError(
            f"{path}: {ending} needs the package {package}: pip install 'sketchrnn[pictures]'"
        )


def write_picture(
    path: str | os.PathLike[str],
    what: str,
    *,
    svg: Callable[[], str],
    png: Callable[[], bytes],
    document: Callable[[], Any] | None = None,
    more: Mapping[str, Callable[[], str | bytes]] | None = None,
) -> None:
    """Write what the ending of `path` says, whole or not at all.

    Args:
        path: the file.
        what: is written, for the message: "a drawing".
        svg, png: make an .svg and a .png; of all makers only one is called.
        document: makes a .json; None: there is none.
        more: makers of other formats, by ending.

    Raises:
        SketchRNNError: an ending that nothing makes, or that needs a package that is not there.
    """
    makers: dict[str, Callable[[], str | bytes]] = {".svg": svg, ".png": png, **(more or {})}
    if document is not None:
        makers[".json"] = lambda: json.dumps(document()) + "\n"
    ending = ending_of(path)
    if ending not in makers:
        raise SketchRNNError(f"{path}: unknown ending; save {what} as {listed(list(makers))}")
    check_package(path, ending)
    content = makers[ending]()
    if isinstance(content, str):
        write_text(path, content)
    else:
        write_bytes(path, content)
