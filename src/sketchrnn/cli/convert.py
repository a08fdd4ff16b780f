"""`sketchrnn convert`: drawings from one format into another, or onto a page."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

from sketchrnn.cli.options import OUTPUT_HELP, add_page_options
from sketchrnn.cli.output import (
    STANDARD_OUTPUT,
    check_drawings,
    each_ending,
    page_of,
    say_drawings,
    say_written,
    write_each,
    write_page,
    write_sheet,
)
from sketchrnn.errors import SketchRNNError
from sketchrnn.pictures import DATA, ending_of

if TYPE_CHECKING:
    from sketchrnn.data.dataset import Dataset
    from sketchrnn.sketch import Sketch

SHOWN = 25  # drawings of a data file in a picture
MOST_SHOWN = 2000
SPLITS = ("train", "valid", "test")


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
    parser.add_argument("--split", choices=SPLITS, help="only these drawings of each DATA")
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
    ending = "" if output == STANDARD_OUTPUT else ending_of(output)
    if ending in DATA:
        if arguments.columns is not None:
            raise SketchRNNError(f"{output}: is data, which has no columns: leave out --columns")
        if arguments.each is None:
            return _write_data(output, ending, _read(arguments, arguments.n))
    limit = arguments.n
    if limit is None and ending not in DATA:
        limit = SHOWN
    split_sketches = list(_read(arguments, limit))
    sketches = [sketch for _, sketch in split_sketches]
    if not sketches:
        raise SketchRNNError("there is no drawing in what was named")
    if arguments.each is not None:
        write_each(arguments.each, sketches, each_ending(arguments), arguments.seconds)
    if ending in DATA:
        return _write_data(output, ending, split_sketches)
    _write_picture(arguments, sketches)
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


def _write_data(output: str, ending: str, split_sketches: Iterable[tuple[str, Sketch]]) -> int:
    """Write all drawings as data; an .npz keeps the splits."""
    from sketchrnn.data.write import write_json, write_ndjson, write_npz

    if ending == ".npz":
        splits: dict[str, list[Sketch]] = {name: [] for name in SPLITS}
        for split, sketch in split_sketches:
            splits[split].append(sketch)
        if not splits["train"]:  # --split test: an .npz without a train is none
            splits = {"train": splits["valid"] + splits["test"], "valid": [], "test": []}
        count = write_npz(output, *splits.values())
    else:
        write = write_json if ending == ".json" else write_ndjson
        count = write(output, (sketch for _, sketch in split_sketches))
    say_drawings(count)
    say_written(output)
    return 0


def _read(arguments: argparse.Namespace, limit: int | None) -> Iterator[tuple[str, Sketch]]:
    """Each drawing with the split that it is of; those named by themselves are of train."""
    from sketchrnn.cli.inputs import is_data, read_given

    if arguments.drawings.count("-") > 1:
        raise SketchRNNError("standard input (-) holds one drawing; name it once")
    whole = {spec: is_data(spec) or _holds_many(spec) for spec in arguments.drawings}
    if not any(whole.values()):
        unused = {"--split": arguments.split, "-n": arguments.n}
        for option in (option for option, value in unused.items() if value is not None):
            raise SketchRNNError(
                f"{option} chooses from a data file, and none is named alone: leave out {option}"
            )
    for spec, many in whole.items():
        if many:
            yield from islice(_all(spec, arguments.split), limit)
            continue
        for given in read_given(None, [spec]):
            if given.note:
                print(f"{given.name}: {given.note}", file=sys.stderr)
            yield "train", given.sketch


def _holds_many(spec: str) -> bool:
    """Whether it is a JSON file of several drawings."""
    from pathlib import Path

    from sketchrnn.data.formats import records

    if not spec.lower().endswith(".json") or not Path(spec).is_file():
        return False
    try:
        return len(list(islice(records(spec), 2))) > 1
    except SketchRNNError:  # one drawing in another form, or none: the reader of one says it best
        return False


def _all(spec: str, split: str | None) -> Iterator[tuple[str, Sketch]]:
    """All drawings of a data file, of a folder or of the doodles, in their own units."""
    from sketchrnn.data.formats import WITH_SPLITS, kind_of, records
    from sketchrnn.data.sources import doodles_source, read_source
    from sketchrnn.sketch import Sketch

    if doodles_source(spec) is not None or kind_of(spec) in WITH_SPLITS:
        yield from _of_splits(read_source(spec), split)
        return
    if split is not None:
        raise SketchRNNError(f"{spec}: has no splits: leave out --split")
    for record in records(spec, skip=lambda line: print(line, file=sys.stderr)):
        if record.polylines:
            yield "train", Sketch.from_polylines(record.polylines, record.label)


def _of_splits(dataset: Dataset, split: str | None) -> Iterator[tuple[str, Sketch]]:
    for name in SPLITS if split is None else (split,):
        for index in range(len(dataset.split(name))):
            yield name, dataset.sketch(name, index)
