"""Where drawings go: a file by its ending, or standard output."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from sketchrnn.errors import SketchRNNError

if TYPE_CHECKING:
    from sketchrnn.cli.inputs import Input
    from sketchrnn.experiments.panels import Panels
    from sketchrnn.figures.sheet import SketchSheet
    from sketchrnn.sketch import Sketch

ENDINGS = (".svg", ".png", ".json")
STANDARD_OUTPUT = "-"


def check_output(output: str, each: str | None = None) -> None:
    """Fail before the work is done if `output`, or the folder `each`, cannot be written.

    Raises:
        SketchRNNError: an ending that nothing is written as, a folder, or a place where there can
            be no file.
    """
    if output != STANDARD_OUTPUT:
        if Path(output).suffix.lower() not in ENDINGS:
            raise SketchRNNError(
                f"{output}: unknown ending; name it {', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}"
            )
        if Path(output).is_dir():
            raise SketchRNNError(f"{output}: is a folder; name a file in it")
        _check_folder(Path(output).parent, output)
    if each is not None:
        _check_folder(Path(each), each)


def _check_folder(folder: Path, name: str) -> None:
    """Whether files can be made in a folder that is there, or can be made itself."""
    try:
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent
    except OSError as error:  # a name that is too long, no permission to look
        raise SketchRNNError(f"{name}: {error.strerror}") from None
    if not folder.is_dir():
        raise SketchRNNError(f"{name}: {folder} is a file, not a folder")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise SketchRNNError(f"{name}: there is no permission to write in {folder}")


def write_drawings(
    arguments: argparse.Namespace,
    sheet: SketchSheet,
    sketches: Iterable[Sketch],
    *,
    inputs: Iterable[Input] = (),
    seed: int | None = None,
) -> None:
    """Write the sheet, and with --each every drawing; say what was done to the inputs."""
    say_notes(inputs)
    if arguments.each is not None:
        write_each(arguments.each, sketches, arguments.output)
    write_sheet(sheet, arguments.output, seed)


def write_each(folder: str, sketches: Iterable[Sketch], output: str) -> None:
    """Write each drawing to a file of its own, numbered from 0, with the ending of `output`."""
    ending = ENDINGS[0] if output == STANDARD_OUTPUT else Path(output).suffix.lower()
    count = 0
    for number, sketch in enumerate(sketches):
        sketch.save(Path(folder) / f"drawing-{number:03}{ending}")
        count += 1
    print(f"wrote {count} drawings to {folder}", file=sys.stderr)


def write_sheet(sheet: SketchSheet | Panels, output: str, seed: int | None = None) -> None:
    """Write a sheet, or several, and say its seed (on standard error, so that it can be piped)."""
    if output == STANDARD_OUTPUT:
        sys.stdout.write(sheet.to_svg())
    else:
        sheet.save(output)
    say_written(output, seed)


def say_notes(inputs: Iterable[Input]) -> None:
    """Say what was done to the inputs to make them fit."""
    for one in inputs:
        for note in one.notes:
            print(note, file=sys.stderr)


def say_written(output: str, seed: int | None) -> None:
    """Say what was written, and the seed that draws it again."""
    said = [] if output == STANDARD_OUTPUT else [f"wrote {output}"]
    if seed is not None:
        said.append(f"seed {seed}")
    if said:
        print(", ".join(said), file=sys.stderr)
