"""Saving what can be looked at: as SVG, PNG or JSON, by the ending of the file's name."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sketchrnn.errors import SketchRNNError
from sketchrnn.files import write_bytes, write_text


def write_picture(
    path: str | os.PathLike[str],
    what: str,
    *,
    svg: Callable[[], str],
    png: Callable[[], bytes],
    document: Callable[[], Any],
) -> None:
    """Write what the ending of `path` says, .svg, .png or .json, whole or not at all.

    Args:
        path: the file.
        what: is written, for the message: "a drawing".
        svg, png, document: make it; only one of them is called.

    Raises:
        SketchRNNError: another ending.
    """
    ending = Path(path).suffix.lower()
    if ending == ".svg":
        write_text(path, svg())
    elif ending == ".png":
        write_bytes(path, png())
    elif ending == ".json":
        write_text(path, json.dumps(document()) + "\n")
    else:
        raise SketchRNNError(f"{path}: unknown ending; save {what} as .svg, .png or .json")
