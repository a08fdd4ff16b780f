"""`sketchrnn convert`: drawings from one format into another, or onto a page."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from sketchrnn import registry
from sketchrnn.cli.options import OUTPUT_HELP, add_page_options
from sketchrnn.cli.output import (
    STANDARD_OUTPUT,
    check_drawings,
    each_ending,
    page_of,
    say_drawings,
    say_lost_classes,
    say_written,
    write_each,
    write_page,
    write_sheet,
)
from sketchrnn.errors import SketchRNNError

if TYPE_CHECKING:
    from sketchrnn.sketch import Sketch

SHOWN = 25  # drawings of a data file in a picture
MOST_SHOWN = 2000
COUNTED = 1_000  # drawings beyond those shown are counted, up to so many

Drawings = Iterator["_Drawing"]


@dataclass(frozen=True)
class _Drawing:
    """A drawing as it came, labelled with its title if it has one.

    Attributes:
        sketch: in its own units.
        class_name: as `sketchrnn data prepare` has it; None where nothing says it.
        split: that it is of.
        number: in its data file, from 0.
    """

    sketch: Sketch
    class_name: str | None
    split: str = "train"
    number: int = 0

    @property
    def as_data(self) -> Sketch:
        """The drawing labelled with its class: a title is hardly ever one."""
        return replace(self.sketch, label=self.class_name)


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    parser = subparsers.add_parser(
        "convert",
        help="write drawings in another format, or on a page",
        usage="%(prog)s (DRAWING | DATA)... -o FILE [options]",
        description="Write drawings in any format, or on a page of paper, as they are: nothing is"
        " scaled or simplified, but to fit a page or a sheet. One drawing in a picture keeps its"
        " own coordinates, several make a sheet. No model is needed.",
    )
    parser.add_argument(
        "drawings",
        nargs="+",
        metavar="DRAWING",
        help="FILE.svg, FILE.json, - (standard input), DATA#[SPLIT/][CLASS/]INDEX, a drawing of a"
        f" data file; or DATA, a file or folder of many: all of it as data, the first {SHOWN} in a"
        " picture",
    )
    parser.add_argument("--split", help="only train, valid or test of each DATA")
    parser.add_argument("-n", type=int, metavar="N", help="only the first N drawings of each DATA")
    parser.add_argument(
        "--columns", type=int, metavar="N", help="drawings a row (default: what fits best)"
    )
    parser.add_argument(
        "-o",
        "--output",
        required=True,
        metavar="FILE",
        help=f"{OUTPUT_HELP}; - for SVG on standard output",
    )
    parser.add_argument(
        "--each", metavar="DIR", help="also write every drawing as a file: DIR/drawing-000.svg, ..."
    )
    parser.add_argument(
        "--as", dest="each_as", metavar="ENDING", help="of --each (default: the ending of -o)"
    )
    add_page_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Read and write."""
    check_drawings(arguments)
    for name, value in (("-n", arguments.n), ("--columns", arguments.columns)):
        if value is not None and value < 1:
            raise SketchRNNError(f"{name} must be at least 1, got {value}")
    output = arguments.output
    ending = "" if output == STANDARD_OUTPUT else registry.ending_of(output)
    data = registry.endings(writes="data")
    if ending in data:
        if arguments.columns is not None:
            raise SketchRNNError(f"{output}: is data, which has no columns: leave out --columns")
        if arguments.each is None:
            return _write_data(output, ending, _read(arguments, arguments.n))
    limit = arguments.n
    if limit is None and ending not in data and arguments.each is None:
        limit = SHOWN
    drawings = list(_read(arguments, limit))
    if not drawings:
        raise SketchRNNError("there is no drawing in what was named")
    if arguments.each is not None:
        of_each = each_ending(arguments)
        each = [one.as_data if of_each in data else one.sketch for one in drawings]
        write_each(arguments.each, each, of_each, arguments.seconds)
    if ending in data:
        return _write_data(output, ending, drawings)
    shown = [one for one in drawings if limit is not None or one.number < SHOWN]
    if len(shown) < len(drawings):
        print(f"{output}: {len(shown)} of {len(drawings):,} drawings; -n for more", file=sys.stderr)
    _write_picture(arguments, [one.sketch for one in shown])
    return 0


def _write_picture(arguments: argparse.Namespace, sketches: list[Sketch]) -> None:
    output, paper = arguments.output, page_of(arguments)
    if len(sketches) > MOST_SHOWN:
        raise SketchRNNError(
            f"{len(sketches):,} drawings in one picture; give -n, at most {MOST_SHOWN:,}"
        )
    if paper is not None:
        write_page(paper.place(sketches, arguments.columns), output, arguments.seconds)
        say_written(output)
    elif len(sketches) > 1 or arguments.columns is not None:
        from sketchrnn.figures.sheet import SketchSheet

        sheet = SketchSheet.grid(sketches, arguments.columns)
        write_sheet(sheet, output, seconds=arguments.seconds)
    elif output == STANDARD_OUTPUT:
        sys.stdout.write(sketches[0].to_svg())
    else:
        sketches[0].save(output, seconds=arguments.seconds)
        say_written(output)


def _write_data(output: str, ending: str, drawings: Iterable[_Drawing]) -> int:
    """Write all drawings as data, and say what the format does not keep."""
    from sketchrnn.data.dataset import SPLITS

    classes: set[str | None] = set()
    found: set[str] = set()

    def seen() -> Iterator[tuple[str, Sketch]]:
        for one in drawings:
            classes.add(one.class_name)
            found.add(one.split)
            yield one.split, one.as_data

    say_drawings(registry.named(ending[1:]).module.write(output, seen()))

    if ending == ".npz":
        say_lost_classes(classes)
    elif len(found) > 1:
        *names, last = (name for name in SPLITS if name in found)
        print(
            f"{ending} has no splits, so {', '.join(names)} and {last} are together in it;"
            " .npz keeps them, or take one with --split",
            file=sys.stderr,
        )
    say_written(output)
    return 0


def _read(arguments: argparse.Namespace, limit: int | None) -> Drawings:
    """Each drawing; those that are named by themselves are of train."""
    from sketchrnn.cli.inputs import is_data, read_given

    pairs = [(spec, is_data(spec) or _holds_many(spec)) for spec in arguments.drawings]
    if not any(many for _, many in pairs):
        unused = {"--split": arguments.split, "-n": arguments.n}
        for option in (option for option, value in unused.items() if value is not None):
            raise SketchRNNError(
                f"{option} chooses from a data file, and none is named alone: leave out {option}"
            )
    singles = iter(read_given(None, [spec for spec, many in pairs if not many]))
    for spec, many in pairs:
        if many:
            drawings = _all(spec, arguments.split)
            for number, one in enumerate(islice(drawings, limit)):
                yield replace(one, number=number)
            if arguments.n is None and limit is not None:
                _say_more(spec, limit, drawings)
            continue
        given = next(singles)
        if given.note:
            print(f"{given.name}: {given.note}", file=sys.stderr)
        yield _Drawing(given.sketch, _class_of(spec, given.sketch.label))


def _holds_many(spec: str) -> bool:
    """Whether it is a JSON file of several drawings."""
    from sketchrnn.data.formats import records

    if not spec.lower().endswith(".json") or not Path(spec).is_file():
        return False
    try:
        return len(list(islice(records(spec), 2))) > 1
    except SketchRNNError:  # one drawing in another form, or none: the reader of one says it best
        return False


def _class_of(spec: str, label: str | None) -> str | None:
    """The class of a drawing of a file; where it says none, as `sketchrnn data prepare` has it."""
    from sketchrnn.data.formats import class_name

    if Path(spec).is_file() and (label is None or Path(spec).suffix.lower() == ".svg"):
        with suppress(SketchRNNError):  # a folder without a name that can be printed
            return class_name(spec)
        return None
    return label


def _say_more(spec: str, shown: int, rest: Drawings) -> None:
    """Say how many drawings there are beyond those that are shown, if any."""
    count = 0
    with suppress(SketchRNNError):  # what is damaged there is not asked for
        for _ in islice(rest, COUNTED):
            count += 1
    if count:
        total = f"over {COUNTED:,}" if count == COUNTED else f"{shown + count:,}"
        print(f"{spec}: the first {shown} of {total}; -n for more", file=sys.stderr)


def _all(spec: str, split: str | None) -> Drawings:
    """All drawings of a data file, of a folder or of the doodles, in their own units."""
    from sketchrnn.data.formats import has_splits, records
    from sketchrnn.data.sources import doodles_source
    from sketchrnn.sketch import Sketch

    if doodles_source(spec) is not None or has_splits(spec):
        yield from _of_splits(spec, split)
        return
    if split is not None:
        raise SketchRNNError(f"{spec}: has no splits: leave out --split")
    unnamed = _class_of(spec, None)
    for record in records(spec, skip=lambda line: print(line, file=sys.stderr)):
        if record.polylines:
            sketch = Sketch.from_polylines(record.polylines, record.label)
            yield _Drawing(sketch, record.label or unnamed)


def _of_splits(spec: str, split: str | None) -> Drawings:
    """The drawings of a set with splits, without the copies that were made of its drawings.

    A copy would stand beside its original as a drawing of its own, and then be split anew.
    """
    from sketchrnn.data.dataset import SPLITS
    from sketchrnn.data.formats import sketches
    from sketchrnn.data.sources import read_source

    dataset = read_source(spec)
    copies = sketches.read_effects(spec).copies if sketches.is_one(spec) else 0
    for name in SPLITS if split is None else (split,):
        count = len(dataset.split(name))
        if name == "train" and copies:
            count -= copies
            print(f"{spec}: left out {copies:,} copies of training drawings", file=sys.stderr)
        for index in range(count):
            sketch = dataset.sketch(name, index)
            yield _Drawing(sketch, sketch.label, name)
