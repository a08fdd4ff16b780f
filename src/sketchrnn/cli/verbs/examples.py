"""`sketchrnn examples`: drawings to begin with, as files."""

from __future__ import annotations

import argparse
from pathlib import Path

from sketchrnn.cli.output import check_folder
from sketchrnn.errors import SketchRNNError
from sketchrnn.words import show


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    parser = subparsers.add_parser(
        "examples",
        help="write a few drawings to begin with",
        usage="%(prog)s DIR [options]",
        description="Write a few drawings as SVG files: a face, animals, some that are unfinished"
        " or crude, and a folder of butterflies. The commands in the documents take them. They are"
        " drawn by the package itself, always the same. Files that are there already stay.",
    )
    add = parser.add_argument
    add("folder", metavar="DIR", type=Path, help="a folder; made where it is missing")
    add("--force", action="store_true", help="replace files of these names that differ")


def run(arguments: argparse.Namespace) -> int:
    """Draw them, and write those that are not there."""
    from sketchrnn.data.doodles.examples import examples
    from sketchrnn.files import write_together

    folder = arguments.folder
    check_folder(folder, str(folder))
    drawn = {name: sketch.to_svg().encode() for name, sketch in examples().items()}
    missing = {
        name: content
        for name, content in drawn.items()
        if not (folder / name).is_file() or (folder / name).read_bytes() != content
    }
    differing = next((folder / name for name in missing if (folder / name).exists()), None)
    if differing is not None and not arguments.force:
        raise SketchRNNError(
            f"{differing}: is there, and is another drawing; name another folder, or replace it"
            " with --force"
        )
    write_together(folder, missing)
    names = list(dict.fromkeys(name.split("/")[0] for name in drawn))
    show(f"wrote {len(missing)} of {len(drawn)} drawings to {folder}: {', '.join(names)}")
    return 0
