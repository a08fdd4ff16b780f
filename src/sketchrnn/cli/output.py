"""Where drawings go: a file by its ending, or standard output."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from sketchrnn.cli.flags import flag
from sketchrnn.errors import SketchRNNError
from sketchrnn.pictures import ENDINGS, MOVING, PICTURES, check_package, ending_of, listed

if TYPE_CHECKING:
    from sketchrnn.cli.inputs import Input
    from sketchrnn.figures.paper import Page, Paper
    from sketchrnn.figures.sheet import SketchSheet
    from sketchrnn.sketch import Sketch

BASIC = (".svg", ".png", ".json")  # what every picture can be
STANDARD_OUTPUT = "-"
EACH_NAME = "drawing-"  # what the files of --each begin with
PAGE_OPTIONS = (
    *("landscape", "margin", "stroke_width", "units", "color", "color_by", "order", "labels"),
    "in_place",
)


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


def check_drawings(arguments: argparse.Namespace) -> None:
    """The same for verbs with page options (`options.add_page_options`), which are looked at, too.

    Raises:
        SketchRNNError: as `check_output`; a page that there is not, or an option without what it
            is for.
    """
    output, each = arguments.output, getattr(arguments, "each", None)
    check_output(output, each, ENDINGS)
    _spare_inputs(getattr(arguments, "drawings", []), output, each)
    if getattr(arguments, "each_as", None) is not None:
        if each is None:
            raise SketchRNNError("--as is of --each DIR: name the folder, or leave out --as")
        _check_ending(f"--as {arguments.each_as}", each_ending(arguments), ENDINGS)
    made = {each_ending(arguments), *([] if output == STANDARD_OUTPUT else [ending_of(output)])}
    if arguments.seconds is not None:
        if not made & set(MOVING):
            raise SketchRNNError(
                f"--seconds is of an animation: name the file {listed(MOVING)}, or leave it out"
            )
        from sketchrnn.figures.animate import check_seconds

        check_seconds(arguments.seconds, "--seconds")
    paper = page_of(arguments)
    if paper is not None and output != STANDARD_OUTPUT and ending_of(output) not in PICTURES:
        raise SketchRNNError(
            f"{output}: is data, which has no page: name it {listed(PICTURES)}, or leave out --page"
        )


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


def page_of(arguments: argparse.Namespace) -> Paper | None:
    """The page that is asked for; None for none.

    Raises:
        SketchRNNError: a page that there is not, or an option of a page without one.
    """
    typed = {name: getattr(arguments, name) for name in PAGE_OPTIONS}
    given = {name: value for name, value in typed.items() if value is not None}
    if arguments.page is None:
        if given:
            raise SketchRNNError(f"{flag(next(iter(given)))} is of a page: say which, --page a4")
        return None
    from sketchrnn.figures.paper import Paper

    try:
        return Paper(arguments.page, **given)
    except SketchRNNError as error:
        # of the option as it is typed: stroke_width is ... as --stroke-width is ...
        name, _, rest = str(error).replace("color_by", flag("color_by")).partition(" ")
        raise SketchRNNError(f"{flag(name)} {rest}") from None


def each_ending(arguments: argparse.Namespace) -> str:
    """The ending of the files of --each."""
    if getattr(arguments, "each_as", None) is not None:
        return f".{arguments.each_as.lower().lstrip('.')}"
    return ".svg" if arguments.output == STANDARD_OUTPUT else ending_of(arguments.output)


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


def write_drawings(
    arguments: argparse.Namespace,
    sheet: SketchSheet,
    sketches: Iterable[Sketch],
    *,
    inputs: Iterable[Input] = (),
    seed: int | None = None,
) -> None:
    """Write the sheet, and with --each every drawing; say what was done to the inputs.

    As data, the drawings alone are written, without the inputs that stand beside them on the sheet.
    """
    say_notes(inputs)
    drawn = list(sketches)
    if arguments.each is not None:
        write_each(arguments.each, drawn, each_ending(arguments), arguments.seconds)
    ending = "" if arguments.output == STANDARD_OUTPUT else ending_of(arguments.output)
    if ending in (".npz", ".ndjson"):
        from sketchrnn.data.write import write_ndjson, write_npz

        count = (write_npz if ending == ".npz" else write_ndjson)(arguments.output, drawn)
        say_drawings(count)
        if ending == ".npz":
            say_lost_classes({sketch.label for sketch in drawn})
        say_written(arguments.output, seed)
        return
    paper = page_of(arguments)
    if paper is not None and paper.in_place:
        write_page(paper.place(drawn), arguments.output, arguments.seconds)
        say_written(arguments.output, seed)
    else:
        write_sheet(sheet, arguments.output, seed, paper, arguments.seconds)


def write_each(
    folder: str, sketches: Iterable[Sketch], ending: str, seconds: float | None = None
) -> None:
    """Write each drawing to a file of its own, numbered from 0.

    The class of a drawing without a label is the name of the folder, not that of its file.
    """
    from sketchrnn.figures.saving import save_sketch

    name = Path(folder).absolute().name
    count = 0
    for number, sketch in enumerate(sketches):
        if ending == ".ndjson":
            sketch = replace(sketch, label=sketch.label or name)
        save_sketch(sketch, Path(folder) / f"{EACH_NAME}{number:03}{ending}", seconds=seconds)
        count += 1
    print(f"wrote {count} drawings to {folder}", file=sys.stderr)


def write_sheet(
    sheet: SketchSheet,
    output: str,
    seed: int | None = None,
    paper: Paper | None = None,
    seconds: float | None = None,
) -> None:
    """Write a sheet and say its seed (on standard error, so that it can be piped).

    With `paper` the sheet is put on that page.
    """
    if paper is not None:
        write_page(paper.place_sheet(sheet), output, seconds)
    elif output == STANDARD_OUTPUT:
        sys.stdout.write(sheet.to_svg())
    else:
        sheet.save(output, seconds=seconds)
    say_written(output, seed)


def write_page(page: Page, output: str, seconds: float | None = None) -> None:
    """Write a page, and say how far the pen travels over it."""
    if output == STANDARD_OUTPUT:
        sys.stdout.write(page.to_svg())
    else:
        page.save(output, seconds=seconds)
    strokes, colors = page.counts
    of = f" in {colors} colours" if colors > 1 else ""
    print(f"{strokes} strokes{of}, {page.travel_mm:.0f} mm of pen-up travel", file=sys.stderr)


def say_notes(inputs: Iterable[Input]) -> None:
    """Say what was done to the inputs to make them fit."""
    for one in inputs:
        for note in one.notes:
            print(note, file=sys.stderr)


def say_drawings(count: int) -> None:
    """Say how many drawings were written as data."""
    print(f"{count:,} drawing{'' if count == 1 else 's'}", file=sys.stderr)


def say_lost_classes(names: Collection[str | None]) -> None:
    """Say that an .npz does not keep the classes of what it was written from, if there are some."""
    if len(names) > 1:
        print(
            f"an .npz has no classes, so the {len(names)} of these drawings are one in it;"
            " .ndjson and .json keep them",
            file=sys.stderr,
        )


def say_written(output: str, seed: int | None = None) -> None:
    """Say what was written, and the seed that draws it again."""
    said = [] if output == STANDARD_OUTPUT else [f"wrote {output}"]
    if seed is not None:
        said.append(f"seed {seed}")
    if said:
        print(", ".join(said), file=sys.stderr)
