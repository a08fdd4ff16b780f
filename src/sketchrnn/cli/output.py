"""Where drawings go: a file by its ending, a folder of files, or standard output."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sketchrnn import registry
from sketchrnn.cli.flags import flag
from sketchrnn.errors import SketchRNNError
from sketchrnn.registry import check_package, ending_of, listed

if TYPE_CHECKING:
    from sketchrnn.data.gather import Found
    from sketchrnn.drawing.inputs import Input
    from sketchrnn.figures.page import Page, Paper
    from sketchrnn.sketch import Sketch

BASIC = (".svg", ".png", ".json")  # what every picture can be
STANDARD_OUTPUT = "-"
EACH_NAME = "drawing-"  # what the files of --each begin with
PAGE_OPTIONS = (
    *("landscape", "margin", "stroke_width", "units", "color", "color_by", "order", "labels"),
    "in_place",
)


class Output:
    """Where a verb with page options (`options.add_page_options`) writes.

    It is made before the work is done, and fails if what is asked for cannot be written.

    Attributes:
        path: a file, or standard output.
        ending: of it; ".svg" for standard output.
        each: the folder of --each; None for none.
        each_ending: of the files in it.
        paper: to put the drawings on; None for none.
        seconds: of an animation; None for the usual.
    """

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.path: str = arguments.output
        self.ending = output_ending(self.path)
        self.each: str | None = getattr(arguments, "each", None)
        self.each_ending = each_ending(arguments)
        self.seconds: float | None = arguments.seconds
        drawn, moving = registry.endings(writes="drawing"), registry.endings(moves=True)
        pages = registry.endings(writes="page")
        check_output(self.path, self.each, drawn)
        _spare_inputs(getattr(arguments, "drawings", []), self.path, self.each)
        each_as = getattr(arguments, "each_as", None)
        if each_as is not None:
            if self.each is None:
                raise SketchRNNError("--as is of --each DIR: name the folder, or leave out --as")
            _check_ending(f"--as {each_as}", self.each_ending, drawn)
        if self.seconds is not None:
            if not {self.ending, self.each_ending} & set(moving):
                raise SketchRNNError(
                    f"--seconds is of an animation: name the file {listed(moving)}, or leave it out"
                )
            from sketchrnn.figures.animate import check_seconds

            check_seconds(self.seconds, "--seconds")
        self.paper = _paper(arguments)
        if self.paper is not None and self.ending not in pages:
            raise SketchRNNError(
                f"{self.path}: is data, which has no page: name it {listed(pages)}, or leave out"
                " --page"
            )

    def write(self, sheet: Any, sketches: Iterable[Sketch], seed: int | None = None) -> None:
        """Write the sheet, and with --each every drawing.

        As data, the drawings alone are written, without the inputs that stand beside them on the
        sheet.
        """
        drawn = list(sketches)
        self.write_each(drawn)
        if self.ending in (".npz", ".ndjson"):
            from sketchrnn.data.gather import Found

            self.write_data((Found(sketch, sketch.label) for sketch in drawn), seed)
        elif self.paper is not None and self.paper.in_place:
            self.write_page(self.paper.place(drawn), seed)
        else:
            self.write_sheet(sheet, seed)

    def write_data(self, drawings: Iterable[Found], seed: int | None = None) -> None:
        """Write drawings as data, and say what the format does not keep."""
        from sketchrnn.data.gather import write_found

        count, classes, splits = write_found(self.path, self.ending, drawings)
        print(f"{count:,} drawing{'' if count == 1 else 's'}", file=sys.stderr)
        lost = ""
        if self.ending == ".npz" and len(classes) > 1:
            lost = (
                f"an .npz has no classes, so the {len(classes)} of these drawings are one in it;"
                " .ndjson and .json keep them"
            )
        elif self.ending != ".npz" and len(splits) > 1:
            lost = (
                f"{self.ending} has no splits, so {', '.join(splits[:-1])} and {splits[-1]} are"
                " together in it; .npz keeps them, or take one with --split"
            )
        if lost:
            print(lost, file=sys.stderr)
        say_written(self.path, seed)

    def write_each(self, sketches: Iterable[Sketch]) -> None:
        """Write each drawing, with --each."""
        if self.each is not None:
            write_each(self.each, sketches, self.each_ending, self.seconds)

    def write_sheet(self, sheet: Any, seed: int | None = None) -> None:
        """Write a sheet, on its page if there is one; without one it may be a drawing."""
        if self.paper is not None:
            self.write_page(self.paper.place_sheet(sheet), seed)
        else:
            _save(sheet, self.path, self.seconds)
            say_written(self.path, seed)

    def write_page(self, page: Page, seed: int | None = None) -> None:
        """Write a page, and say how far the pen travels over it."""
        _save(page, self.path, self.seconds)
        strokes, colors = page.counts
        of = f" in {colors} colours" if colors > 1 else ""
        print(f"{strokes} strokes{of}, {page.travel_mm:.0f} mm of pen-up travel", file=sys.stderr)
        say_written(self.path, seed)


def output_ending(output: str) -> str:
    """The ending that chooses the format: ".svg" for standard output."""
    return ".svg" if output == STANDARD_OUTPUT else ending_of(output)


def each_ending(arguments: argparse.Namespace) -> str:
    """The ending of the files of --each."""
    if getattr(arguments, "each_as", None) is not None:
        return f".{arguments.each_as.lower().lstrip('.')}"
    return output_ending(arguments.output)


def check_output(output: str, each: str | None = None, endings: Sequence[str] = BASIC) -> None:
    """Fail before the work is done if `output`, or the folder `each`, cannot be written.

    Raises:
        SketchRNNError: an ending that is not among `endings`, or needs a package that is not there;
            a folder, or a place where there can be no file.
    """
    if output != STANDARD_OUTPUT:
        _check_ending(output, ending_of(output), endings)
        if Path(output).is_dir():
            raise SketchRNNError(f"{output}: is a folder; name a file in it")
        _check_folder(Path(output).parent, output)
    if each is not None:
        _check_folder(Path(each), each)


def _check_ending(name: str, ending: str, endings: Sequence[str]) -> None:
    """Whether files with that ending are written, and the package is there that they need."""
    if ending not in endings:
        raise SketchRNNError(f"{name}: unknown ending; name it {listed(endings)}")
    check_package(name, ending)


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


def _spare_inputs(specs: Iterable[str], output: str, each: str | None) -> None:
    """Raise SketchRNNError if what is to be written would replace what is read."""
    for spec in specs:
        given = Path(spec.partition("#")[0])
        written = output != STANDARD_OUTPUT and Path(output).exists()
        if written and given.is_file() and given.samefile(output):
            raise SketchRNNError(f"{output}: is read from; name another file to write to")
        if each is None or not Path(each).is_dir():
            continue
        folder = given if given.is_dir() else given.parent
        numbered = given.is_dir() or given.name.startswith(EACH_NAME)
        if given.exists() and numbered and folder.samefile(each):
            raise SketchRNNError(f"--each {each}: is read from; name another folder to write to")


def _paper(arguments: argparse.Namespace) -> Paper | None:
    """The paper that is asked for; None for none."""
    typed = {name: getattr(arguments, name) for name in PAGE_OPTIONS}
    given = {name: value for name, value in typed.items() if value is not None}
    if arguments.page is None:
        if given:
            raise SketchRNNError(f"{flag(next(iter(given)))} is of a page: say which, --page a4")
        return None
    from sketchrnn.figures.page import Paper

    try:
        return Paper(arguments.page, **given)
    except SketchRNNError as error:
        # of the option as it is typed: stroke_width is ... as --stroke-width is ...
        name, _, rest = str(error).replace("color_by", flag("color_by")).partition(" ")
        raise SketchRNNError(f"{flag(name)} {rest}") from None


def write_each(
    folder: str, sketches: Iterable[Sketch], ending: str, seconds: float | None = None
) -> None:
    """Write each drawing to a file of its own, numbered from 0.

    The class of a drawing without a label is the name of the folder, not that of its file.
    """
    name = Path(folder).absolute().name
    count = 0
    for number, sketch in enumerate(sketches):
        if ending == ".ndjson":
            sketch = replace(sketch, label=sketch.label or name)
        sketch.save(Path(folder) / f"{EACH_NAME}{number:03}{ending}", seconds=seconds)
        count += 1
    print(f"wrote {count} drawings to {folder}", file=sys.stderr)


def write_sheet(sheet: Any, output: str, seed: int | None = None) -> None:
    """Write what has `to_svg` and `save`, and say its seed (on standard error, to be piped)."""
    _save(sheet, output, None)
    say_written(output, seed)


def _save(picture: Any, output: str, seconds: float | None) -> None:
    if output == STANDARD_OUTPUT:
        sys.stdout.write(picture.to_svg())
    else:
        picture.save(output, **({} if seconds is None else {"seconds": seconds}))


def say_notes(inputs: Iterable[Input]) -> None:
    """Say what was done to the inputs to make them fit."""
    for one in inputs:
        for note in one.notes:
            print(note, file=sys.stderr)


def say_written(output: str, seed: int | None = None) -> None:
    """Say what was written, and the seed that draws it again."""
    said = [] if output == STANDARD_OUTPUT else [f"wrote {output}"]
    if seed is not None:
        said.append(f"seed {seed}")
    if said:
        print(", ".join(said), file=sys.stderr)
