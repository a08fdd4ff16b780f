"""`sketchrnn data`: prepare, inspect and download drawings."""

from __future__ import annotations

import argparse
import json
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sketchrnn.cli.flags import add_fields, given_fields
from sketchrnn.cli.options import use_one_thread
from sketchrnn.cli.output import status
from sketchrnn.cli.written import add_force, add_output, claims_of, folder_name
from sketchrnn.data.prepare_config import GROUPS, KEPT, PrepareConfig
from sketchrnn.errors import SketchRNNError
from sketchrnn.words import say, show, show_text

if TYPE_CHECKING:
    from sketchrnn.data.formats.records import Skipped
    from sketchrnn.data.report import Report

SHOWN_EVERY = 256  # drawings; showing each would take longer than reading it
SKIPPED_NAMED = 20  # files; more are counted


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb and its three verbs."""
    parser = subparsers.add_parser(
        "data",
        help="prepare, inspect and download drawings",
        description="Prepare, inspect and download drawings.",
    )
    verbs = parser.add_subparsers(dest="data_verb", metavar="VERB", required=True)
    prepare = verbs.add_parser(
        "prepare",
        help="make one data file of drawings from any sources",
        usage="%(prog)s SOURCE... -o FILE [options]",
        description="Read drawings from any sources, clean, filter, split and write them as one"
        " .sketches file. Drawings that were never simplified (.svg, raw .ndjson and others) get"
        " QuickDraw's public preprocessing. A file of one drawing, or in a folder, that cannot be"
        " read is named and skipped. The same sources and seed give the same bytes.",
    )
    add_output(prepare, "the .sketches file", required=True, type=folder_name)
    prepare.add_argument(
        "--sheet",
        type=folder_name,
        metavar="FILE",
        help="draw what changed most, before and after, and what was left out or copied",
    )
    _add_options(prepare)
    inspect = verbs.add_parser(
        "inspect",
        help="say what is in data files, or try what preparing would do",
        usage="%(prog)s SOURCE... [options]",
        description="Counts a split and class, lengths, strokes, N_max and scale of data, and what"
        " was done to the drawings when the file was made. With any option of `data prepare`, what"
        " these options would do, and a sheet of drawings before and after; no data file is"
        " written.",
    )
    svg = "write a sheet of drawings"
    inspect.add_argument("--svg", type=folder_name, metavar="FILE", help=svg)
    add_force(inspect)
    inspect.add_argument("--json", action="store_true", help="print JSON instead of text")
    _add_options(inspect)
    download = verbs.add_parser(
        "download",
        help="fetch official QuickDraw files",
        usage="%(prog)s CLASS... [options]",
        description="Fetch the files of QuickDraw classes over HTTPS. A broken transfer is"
        " continued by the next call. The drawings are Google's, CC BY 4.0.",
    )
    download.add_argument(
        "names", nargs="+", metavar="CLASS", help="such as cat or 'hot air balloon'"
    )
    download.add_argument(
        "--kind",
        default="sketchrnn",
        help="sketchrnn (default), sketchrnn-full, simplified or raw",
    )
    add_output(download, "folder (default: here)", type=folder_name, default=Path(), metavar="DIR")


def run(arguments: argparse.Namespace) -> int:
    """Do what the verb says; returns the exit code."""
    if not vars(arguments).get("by"):  # with a model PyTorch computes, which may heed it as well
        use_one_thread()
    verbs = {"prepare": _prepare, "inspect": _inspect, "download": _download}
    verbs[arguments.data_verb](arguments)
    return 0


def _add_options(parser: argparse.ArgumentParser) -> None:
    """What `prepare` does, and `inspect` tries."""
    parser.add_argument(
        "sources",
        nargs="+",
        metavar="SOURCE",
        help="drawings: .svg, .json, .csv, QuickDraw's .ndjson, .ndjson.gz or .bin, a folder of"
        " such files in which each folder is a class, a sketch-rnn .npz, a .sketches file, or"
        " doodles[:COUNT[:SEED[:KIND+KIND]]], which the package draws itself",
    )
    for title, description in GROUPS.items():
        group = parser.add_argument_group(title, description)
        others = {item.name for item in fields(PrepareConfig) if item.metadata["group"] != title}
        add_fields(group, PrepareConfig, skip=others)
        if title == KEPT:
            group.add_argument(
                "--by", metavar="MODEL", help="the model for that: a run, or the name of a starter"
            )


def _config(arguments: argparse.Namespace) -> PrepareConfig:
    return PrepareConfig(**given_fields(arguments, PrepareConfig))


def _prepare(arguments: argparse.Namespace) -> None:
    claims_of(arguments).file(arguments.output)
    _check_sheet(arguments, arguments.sheet)
    report = _prepared(arguments, arguments.output)
    show_text(report.to_text())
    show(f"wrote {arguments.output}")
    if not len(report.dataset.valid):
        say(
            "there are no drawings to validate with, which a training needs: give --valid 1, or 4",
        )
    if arguments.sheet:
        show(_save_changes(report, arguments.sheet))


def _prepared(arguments: argparse.Namespace, output: Path | None) -> Report:
    """What `prepare` makes of the sources; it shows how many it has read, and names the skipped."""

    from sketchrnn.data.prepare import prepare

    config, by = _config(arguments), arguments.by
    if bool(by) != bool(config.drop_unlikely):
        raise SketchRNNError("--drop-unlikely PART and --by MODEL belong together; give both")
    score = None
    if by:
        from sketchrnn.api import load
        from sketchrnn.devices import prepare_cpu
        from sketchrnn.drawing.likelihood import badness

        prepare_cpu()
        score = partial(badness, load(by))
    skipped = 0

    def update(source: str, count: int) -> None:
        if count % SHOWN_EVERY == 0:
            reading(f"{source}: {count:,} drawings read")

    def name(one: Skipped) -> None:
        nonlocal skipped
        skipped += 1
        if skipped <= SKIPPED_NAMED:
            say(one)

    try:
        with status("reading") as reading:
            return prepare(
                arguments.sources, output, config, score=score, progress=update, skip=name
            )
    finally:
        if skipped > SKIPPED_NAMED:
            say(f"and {skipped - SKIPPED_NAMED:,} more")


def _check_sheet(arguments: argparse.Namespace, path: Path | None) -> None:
    """Fail before the work is done if the sheet cannot be written."""
    from sketchrnn.cli.output import STANDARD_OUTPUT, check_output

    if path is not None:
        if str(path) == STANDARD_OUTPUT:
            raise SketchRNNError("a sheet is written beside other words; name a file for it")
        check_output(str(path))
        claims_of(arguments).file(path)


def _save_changes(report: Report, path: Path) -> str:
    """Draw what the steps did; returns what to say of it."""
    from sketchrnn.figures.changes import changes_sheet

    rows = report.gallery.rows()
    if not rows:
        return "no sheet: no drawing was changed, left out or copied"
    names = [step.name for step in report.effects.steps]
    changes_sheet(rows, ", ".join(names) or report.dataset.name).save(path)
    return f"wrote {path}"


def _inspect(arguments: argparse.Namespace) -> None:
    from sketchrnn.data.formats import sketches
    from sketchrnn.data.inspect import preview, summarize
    from sketchrnn.data.prepare import is_folder_or_drawing
    from sketchrnn.data.sources import read_sources
    from sketchrnn.figures.sheet import SketchSheet

    sources, svg, written = arguments.sources, arguments.svg, ""
    tried = _config(arguments) != PrepareConfig() or arguments.by
    _check_sheet(arguments, svg)
    # single drawings become a set as they do in `prepare`: what cannot be read is skipped
    if tried or any(map(is_folder_or_drawing, sources)):
        report = _prepared(arguments, None)
        dataset, effects = report.dataset, [report.effects]
        if svg and tried:
            written = _save_changes(report, svg)
    else:
        dataset = read_sources(sources)
        effects = [sketches.read_effects(path) for path in sources if sketches.is_one(path)]
    summary = summarize(dataset)
    if svg and not tried:
        rows, labels = preview(dataset)
        title = f"{dataset.name}: from the shortest to the longest training drawings"
        SketchSheet(rows, title=title, row_labels=labels).save(svg)
        written = f"wrote {svg}"
    if arguments.json:
        done = [one.to_json() for one in effects if one]
        document = summary.to_json() | ({"effects": done} if done else {})
        show_text(json.dumps(document, indent=2) + "\n")
        return
    show_text(summary.to_text())
    for one in filter(None, effects):
        show_text(f"\nwhat was done to them\n{one.to_text()}")
    if written:
        show("")
        show(written)


def _download(arguments: argparse.Namespace) -> None:
    from sketchrnn.data.download import download, progress_display

    with progress_display() as progress:
        names, kind, folder = arguments.names, arguments.kind, arguments.output
        paths = download(names, kind, folder, anew=arguments.force, progress=progress)
    for path in paths:
        show(path)
