"""`sketchrnn convert`: drawings from one format into another, or onto a page."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from sketchrnn import registry
from sketchrnn.cli.options import (
    OUTPUT_HELP,
    add_columns,
    add_page_options,
    check_whole_data,
    use_one_thread,
)
from sketchrnn.cli.output import Output
from sketchrnn.cli.written import add_output, file_name
from sketchrnn.errors import SketchRNNError
from sketchrnn.words import say

if TYPE_CHECKING:
    from sketchrnn.data.gather import Found
    from sketchrnn.sketch import Sketch


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
    add = parser.add_argument
    add(
        "drawings",
        nargs="+",
        metavar="DRAWING",
        help="FILE.svg, FILE.json, - (standard input), DATA#[SPLIT/][CLASS/]INDEX, a drawing of a"
        " data file; or DATA, a file or folder of many: all of them",
    )
    add("--split", help="only train, valid or test of each DATA")
    add("-n", type=int, metavar="N", help="only the first N drawings of each DATA (default: all)")
    add_columns(parser)
    written = f"{OUTPUT_HELP}; - for SVG on standard output"
    add_output(parser, written, required=True)
    each = "also write every drawing as a file: DIR/drawing-000.svg, ..."
    add("--each", metavar="DIR", type=file_name, help=each)
    each_as = "of --each (default: the ending of -o)"
    add("--as", dest="each_as", metavar="ENDING", help=each_as)
    add_page_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Read and write."""
    use_one_thread()
    output, limit = Output(arguments), arguments.n
    if limit is not None and limit < 1:
        raise SketchRNNError(f"-n must be at least 1, got {limit}")
    data = registry.endings(writes="data")
    as_data = output.ending in data
    if as_data and arguments.columns is not None:
        raise SketchRNNError(f"{output.path}: is data, which has no columns: leave out --columns")
    found: Iterable[Found] = _read(arguments)
    if not as_data or output.each is not None:  # all is read before anything is written
        found = list(output.fitting(found))
    each_as_data = output.each_ending in data
    found = output.each_found(found, lambda one: one.as_data if each_as_data else one.sketch)
    if as_data:
        output.write_data(found)
        return 0
    sketches = [one.sketch for one in found]
    if not sketches:
        raise SketchRNNError("there is no drawing in what was named")
    output.write_picture(_picture(output, sketches, arguments.columns))
    return 0


def _read(arguments: argparse.Namespace) -> Iterator[Found]:
    """Each drawing that is named, and at most -n of each data source."""
    from sketchrnn.data.gather import gather, holds_many, single
    from sketchrnn.data.places import read_given

    pairs = [(spec, holds_many(spec)) for spec in arguments.drawings]
    if not any(many for _, many in pairs):
        check_whole_data({"--split": arguments.split, "-n": arguments.n})
    singles = iter(read_given([spec for spec, many in pairs if not many]))
    for spec, many in pairs:
        if many:
            yield from islice(gather(spec, arguments.split, say), arguments.n)
            continue
        given = next(singles)
        if given.note:
            say(f"{given.name}: {given.note}")
        yield single(spec, given)


def _picture(output: Output, shown: list[Sketch], columns: int | None) -> Any:
    """A drawing, or a sheet or page of several."""
    from sketchrnn.figures.sheet import SketchSheet

    if output.paper is not None:
        return output.paper.place(shown, columns)
    return SketchSheet.grid(shown, columns) if len(shown) > 1 or columns is not None else shown[0]
