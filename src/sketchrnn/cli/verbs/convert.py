"""`sketchrnn convert`: drawings from one format into another, or onto a page."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Any

from sketchrnn import registry
from sketchrnn.cli.options import OUTPUT_HELP, add_page_options, check_whole_data, use_one_thread
from sketchrnn.cli.output import Output
from sketchrnn.errors import SketchRNNError
from sketchrnn.words import say

if TYPE_CHECKING:
    from sketchrnn.data.gather import Found

SHOWN = 25  # drawings of a data file in a picture
MOST_SHOWN = 2000
COUNTED = 1_000  # drawings beyond those shown are counted, up to so many


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
        f" data file; or DATA, a file or folder of many: all of it as data, the first {SHOWN} in a"
        " picture",
    )
    add("--split", help="only train, valid or test of each DATA")
    add("-n", type=int, metavar="N", help="only the first N drawings of each DATA")
    add("--columns", type=int, metavar="N", help="drawings a row (default: what fits best)")
    written = f"{OUTPUT_HELP}; - for SVG on standard output"
    add("-o", "--output", required=True, metavar="FILE", help=written)
    each = "also write every drawing as a file: DIR/drawing-000.svg, ..."
    add("--each", metavar="DIR", help=each)
    each_as = "of --each (default: the ending of -o)"
    add("--as", dest="each_as", metavar="ENDING", help=each_as)
    add_page_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Read and write."""
    use_one_thread()
    output, limit = Output(arguments), arguments.n
    for name, value in (("-n", limit), ("--columns", arguments.columns)):
        if value is not None and value < 1:
            raise SketchRNNError(f"{name} must be at least 1, got {value}")
    data = registry.endings(writes="data")
    as_data = output.ending in data
    if as_data and arguments.columns is not None:
        raise SketchRNNError(f"{output.path}: is data, which has no columns: leave out --columns")
    if limit is None and not as_data and output.each is None:
        limit = SHOWN
    found: Iterable[Found] = _read(arguments, limit)
    if output.each is not None or not as_data:
        found = list(found)
        if not found:
            raise SketchRNNError("there is no drawing in what was named")
        each_as_data = output.each_ending in data
        output.write_each(one.as_data if each_as_data else one.sketch for one in found)
    if as_data:
        output.write_data(found)
    else:
        output.write_picture(_picture(output, list(found), limit, arguments.columns))
    return 0


def _read(arguments: argparse.Namespace, limit: int | None) -> Iterator[Found]:
    """Each drawing that is named, and at most `limit` of each data source."""
    from sketchrnn.data.gather import gather, holds_many, single
    from sketchrnn.data.places import read_given

    pairs = [(spec, holds_many(spec)) for spec in arguments.drawings]
    if not any(many for _, many in pairs):
        check_whole_data({"--split": arguments.split, "-n": arguments.n})
    singles = iter(read_given([spec for spec, many in pairs if not many]))
    for spec, many in pairs:
        if not many:
            given = next(singles)
            if given.note:
                say(f"{given.name}: {given.note}")
            yield single(spec, given)
            continue
        drawings = gather(spec, arguments.split, say)
        yield from islice(drawings, limit)
        if arguments.n is None and limit is not None:
            count = limit
            with suppress(SketchRNNError):  # what is damaged there is not asked for
                for _ in islice(drawings, COUNTED):
                    count += 1
            if count > limit:
                total = f"over {COUNTED:,}" if count == limit + COUNTED else f"{count:,}"
                say(f"{spec}: the first {limit} of {total}; -n for more")


def _picture(output: Output, found: list[Found], limit: int | None, columns: int | None) -> Any:
    """A drawing, or a sheet or page of several, of which the first of each data source."""
    from sketchrnn.figures.sheet import SketchSheet

    shown = [one.sketch for one in found if limit is not None or one.number < SHOWN]
    if len(shown) < len(found):
        of = f"{len(shown)} of {len(found):,} drawings"
        say(f"{output.path}: {of}; -n for more")
    if len(shown) > MOST_SHOWN:
        raise SketchRNNError(
            f"{len(shown):,} drawings in one picture; give -n, at most {MOST_SHOWN:,}"
        )
    if output.paper is not None:
        return output.paper.place(shown, columns)
    return SketchSheet.grid(shown, columns) if len(shown) > 1 or columns is not None else shown[0]
