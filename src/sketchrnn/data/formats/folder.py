"""A folder tree of drawings, in which each folder is a class."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Never

from sketchrnn.data.formats.records import Skipped
from sketchrnn.data.names import is_class_name, normal_name
from sketchrnn.data.tables import counts_text
from sketchrnn.errors import SketchRNNError

DEPTH_LIMIT = 100


def walk(
    root: Path, endings: Collection[str], skip: Callable[[Skipped], None] | None
) -> Iterator[Path]:
    """The files below `root` that have one of the endings (or it and ".gz"), by name.

    Passed over: what is hidden (its name begins with a dot), links that leave the folder, links to
    folders. `skip` is told at the end of other endings, and of links.
    """
    home = os.path.realpath(root)
    others: Counter[str] = Counter()
    links = 0
    for folder, folders, files in os.walk(root, onerror=_refuse):
        inside = Path(folder)
        if len(inside.relative_to(root).parts) > DEPTH_LIMIT:
            raise SketchRNNError(f"{root}: has more than {DEPTH_LIMIT} folders inside each other")
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        links += sum((inside / name).is_symlink() for name in folders)  # `os.walk` follows none
        for name in sorted(name for name in files if not name.startswith(".")):
            path = inside / name
            if path.is_symlink() and not Path(os.path.realpath(path)).is_relative_to(home):
                links += 1
            elif path.is_file():
                ending = Path(name.lower().removesuffix(".gz")).suffix
                if ending in endings:
                    yield path
                else:
                    others[ending or "no ending"] += 1
    said = []
    if others:
        kinds = ", ".join(name for name, _ in others.most_common(5))
        said.append(f"with other endings: {counts_text({'file': others.total()})} ({kinds})")
    if links:
        said.append(f"as links are followed only to files in it: {counts_text({'file': links})}")
    if skip is not None:
        for line in said:
            skip(Skipped(f"{root}: left out, {line}", by_rule=True))


def _refuse(error: OSError) -> Never:
    raise error


def class_name(file: Path) -> str:
    """The class of a drawing that has none but the folder it lies in."""
    name = Path(os.path.normpath(file.absolute())).parent.name
    if not name or not is_class_name(name):
        raise SketchRNNError(
            f"{file}: the folder it lies in names its class, but that name cannot be printed;"
            " rename it"
        )
    return normal_name(name)
