"""Where drawings go: a file by its ending, a folder of files, or standard output."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from sketchrnn import registry
from sketchrnn.cli.flags import flag
from sketchrnn.cli.written import STANDARD_OUTPUT as STANDARD_OUTPUT
from sketchrnn.cli.written import claims_of, refuse_folder
from sketchrnn.errors import SketchRNNError, printable
from sketchrnn.memory import MORE_BYTES, POINT_BYTES, RENDERED_BYTES, check_room, room_bytes
from sketchrnn.registry import check_package, ending_of, listed
from sketchrnn.words import say

if TYPE_CHECKING:
    from sketchrnn.data.gather import Found
    from sketchrnn.drawing.base import Drawer
    from sketchrnn.drawing.inputs import Input
    from sketchrnn.figures.page import Paper
    from sketchrnn.sketch import Sketch

BASIC = (".svg", ".png", ".json")  # what every picture can be
T = TypeVar("T")
SHOWN_FROM = 500  # drawings: fewer are there before anybody wonders
FEWER = "draw fewer at a time, each time with another seed"
EACH_NAME = "drawing-"  # what the files of --each begin with


class Output:
    """Where a verb writes; with what is not typed, or is no option of it, as usual.

    It is made before the work is done, and fails if what is asked for cannot be written.

    Attributes:
        path: a file, or standard output.
        ending: of it; ".svg" for standard output.
        each: the folder of --each; None for none.
        each_ending: of the files in it.
        seconds: of an animation; None for the usual.
        paper: to put the drawings on; None for none.
    """

    def __init__(self, arguments: argparse.Namespace) -> None:
        typed = vars(arguments)
        self.path: str = arguments.output
        self.ending = output_ending(self.path)
        self.each: str | None = typed.get("each")
        self.each_ending = each_ending(arguments)
        self.seconds: float | None = typed.get("seconds")
        drawn, moving = registry.endings(writes="drawing"), registry.endings(moves=True)
        pages = registry.endings(writes="page")
        check_output(self.path, self.each, drawn)
        _spare_inputs(typed.get("drawings", []), self.path, self.each)
        claim(arguments, self.path, self.each)
        if (each_as := typed.get("each_as")) is not None:
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
        self._columns: int | None = typed.get("columns")
        if self._columns is not None and self._columns < 1:
            raise SketchRNNError(f"--columns must be at least 1, got {self._columns}")
        if self._columns is not None and self.ending in (".npz", ".ndjson"):
            raise SketchRNNError(f"{self.path}: is data, which has no columns: leave out --columns")
        self.paper = _paper(typed)
        if self.paper is not None and self.ending not in pages:
            raise SketchRNNError(
                f"{self.path}: is data, which has no page: name it {listed(pages)}, or leave out"
                " --page"
            )

    def columns(self, count: int, *, before: int = 0, groups: int = 1) -> int | None:
        """How many of `count` drawings stand in a row; see `figures.sheet.best_columns`.

        None, where neither an option nor a page says it: as the sheet has them.
        """
        if self._columns is not None or self.paper is None:
            return self._columns
        from sketchrnn.figures.sheet import best_columns

        return best_columns(count, self.paper.room_mm, before=before, groups=groups)

    def check_room(self, count: int, points: int, *, instead: str = FEWER) -> None:
        """Raise SketchRNNError for more drawings of so many points than there is memory for."""
        more = max(MORE_BYTES.get(one, RENDERED_BYTES) for one in (self.ending, self.each_ending))
        check_room(count, (POINT_BYTES + more) * points, f"drawings in {self.path}", instead)

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
            self.write_picture(self.paper.place(drawn), seed)
        else:
            self.write_sheet(sheet, seed)

    def write_data(self, drawings: Iterable[Found], seed: int | None = None) -> None:
        """Write drawings as data, and say what the format does not keep."""
        from sketchrnn.data.gather import write_found

        count, classes, splits = write_found(self.path, self.ending, drawings)
        say(f"{count:,} drawing{'' if count == 1 else 's'}")
        if self.ending == ".npz" and len(classes) > 1:
            say(
                f"an .npz has no classes, so the {len(classes)} of these drawings are one in it;"
                " .ndjson and .json keep them",
            )
        elif self.ending != ".npz" and len(splits) > 1:
            say(
                f"{self.ending} has no splits, so {', '.join(splits[:-1])} and {splits[-1]} are"
                " together in it; .npz keeps them, or take one with --split",
            )
        say_written(self.path, seed)

    def write_stream(self, drawn: Iterable[Sketch], seed: int) -> None:
        """Write drawings as data, and with --each every one, as they come."""
        from sketchrnn.data.gather import Found

        each = self.each_found(drawn, lambda sketch: sketch)
        self.write_data((Found(sketch, sketch.label) for sketch in each), seed)

    def each_found(self, found: Iterable[T], sketch_of: Callable[[T], Sketch]) -> Iterable[T]:
        """The same; with --each a drawing is in its file before it is given."""
        if self.each is None:
            return found
        return each_written(self.each, found, self.each_ending, self.seconds, sketch_of)

    def fitting(self, found: Iterable[Found]) -> Iterator[Found]:
        """The same drawings. Raises SketchRNNError as soon as there are too many."""
        more = MORE_BYTES.get(self.ending, RENDERED_BYTES)
        room, points = room_bytes() // (POINT_BYTES + more), 0
        for count, one in enumerate(found):
            points += one.sketch.point_count
            if points > room:
                raise SketchRNNError(
                    f"{self.path}: more than {count:,} drawings, and so many fit in the memory that"
                    f" is free here; give -n {count}, or write them as data alone"
                )
            yield one

    def write_each(self, sketches: Iterable[Sketch]) -> None:
        """Write each drawing, with --each."""
        for _ in self.each_found(sketches, lambda sketch: sketch):
            pass

    def write_sheet(self, sheet: Any, seed: int | None = None) -> None:
        """Write a sheet, on its page if there is one."""
        self.write_picture(sheet if self.paper is None else self.paper.place_sheet(sheet), seed)

    def write_picture(self, picture: Any, seed: int | None = None) -> None:
        """Write a sheet, a drawing or a page, and say how far the pen travels over a page."""
        if self.path == STANDARD_OUTPUT:
            sys.stdout.write(picture.to_svg())
        else:
            picture.save(self.path, seconds=self.seconds)
        if self.paper is not None:
            strokes, colors = picture.counts
            of = f" in {colors} colours" if colors > 1 else ""
            travel = f"{picture.travel_mm:.0f} mm of pen-up travel"
            say(f"{strokes} strokes{of}, {travel}")
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
    """Raise SketchRNNError, before the work is done, if `output` or `each` cannot be written."""
    if output != STANDARD_OUTPUT:
        refuse_folder(output)
        _check_ending(output, ending_of(output), endings)
        check_folder(Path(output).parent, output)
    if each is not None:
        check_folder(Path(each), each)


def claim(arguments: argparse.Namespace, output: str, each: str | None = None) -> None:
    """Raise SketchRNNError if what is to be written is there, and is not of this command."""
    claims = claims_of(arguments)
    claims.file(output)
    if each is not None:
        claims.folder(each)


def _check_ending(name: str, ending: str, endings: Sequence[str]) -> None:
    if ending not in endings:
        raise SketchRNNError(f"{name}: unknown ending; name it {listed(endings)}")
    check_package(name, ending)


def check_folder(folder: Path, name: str) -> None:
    """Raise SketchRNNError for a folder in which no files can be made, nor it itself."""
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


def _paper(typed: dict[str, Any]) -> Paper | None:
    """The paper that is asked for; None for none."""
    given = {
        name.removeprefix("paper_"): value
        for name, value in typed.items()
        if name.startswith("paper_") and value is not None
    }
    if typed.get("page") is None:
        if given:
            raise SketchRNNError(f"{flag(next(iter(given)))} is of a page: say which, --page a4")
        return None
    from sketchrnn.figures.page import Paper

    try:
        return Paper(typed["page"], **given)
    except SketchRNNError as error:
        # of the option as it is typed: stroke_width is ... as --stroke-width is ...
        name, _, rest = str(error).replace("color_by", flag("color_by")).partition(" ")
        raise SketchRNNError(f"{flag(name)} {rest}") from None


def each_written(
    folder: str,
    things: Iterable[T],
    ending: str,
    seconds: float | None,
    sketch_of: Callable[[T], Sketch],
) -> Iterator[T]:
    """Things, each as soon as its drawing is in a file of its own, numbered from 0.

    The class of a drawing without a label is the name of the folder, not that of its file.
    """
    count = 0
    for count, thing in enumerate(things, start=1):
        sketch = sketch_of(thing)
        if ending == ".ndjson":
            sketch = replace(sketch, label=sketch.label or Path(folder).absolute().name)
        sketch.save(Path(folder) / f"{EACH_NAME}{count - 1:03}{ending}", seconds=seconds)
        yield thing
    say(f"wrote {count} drawings to {folder}")


@contextmanager
def showing(model: Drawer, count: int) -> Iterator[None]:
    """While the block draws so many drawings, show on a terminal how far it is."""
    if count < SHOWN_FROM:
        yield
        return
    done = 0
    with counting("drawing") as progress:

        def drawn(more: int) -> None:
            nonlocal done
            done += more
            progress(done, count)

        model.progress = drawn
        yield


@contextmanager
def counting(text: str) -> Iterator[Callable[[int, int], None]]:
    """Show on a terminal how much of how much is done, as what is given is called with both."""
    from rich import progress  # slow to load
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda done, total: None
        return
    columns = (
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TimeRemainingColumn(),
    )
    with progress.Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(text, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextmanager
def status(text: str) -> Iterator[Callable[[str], None]]:
    """Show what is being done, and what it is called with, while the block runs: on a terminal."""
    if not sys.stderr.isatty():
        yield lambda text: None
        return
    from rich.console import Console  # slow to load
    from rich.text import Text

    with Console(stderr=True).status(text) as shown:
        yield lambda text: shown.update(Text(printable(text)))  # a name is no markup


def say_notes(inputs: Iterable[Input]) -> None:
    """Say what was done to the inputs to make them fit."""
    for one in inputs:
        for note in one.notes:
            say(note)


def say_written(output: str, seed: int | None = None) -> None:
    """Say what was written, and the seed that draws it again: on standard error, to be piped."""
    said = [] if output == STANDARD_OUTPUT else [f"wrote {output}"]
    if seed is not None:
        said.append(f"seed {seed}")
    if said:
        say(", ".join(said))
