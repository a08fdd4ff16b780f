"""`sketchrnn data`: prepare, inspect and download drawings."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sketchrnn.data import HELD_OUT_SHARE
from sketchrnn.errors import SketchRNNError

if TYPE_CHECKING:
    from sketchrnn.data.formats.records import Skipped
    from sketchrnn.data.prepare import Report, Score

SOURCE_HELP = (
    "drawings: .svg, .json, .csv, QuickDraw's .ndjson, .ndjson.gz or .bin, a folder of such files"
    " in which each folder is a class, a sketch-rnn .npz, a .sketches file, or"
    " doodles[:COUNT[:SEED[:KIND+KIND]]], which the package draws itself"
)


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb and its three verbs."""
    parser = subparsers.add_parser(
        "data",
        help="prepare, inspect and download drawings",
        description="Prepare, inspect and download drawings.",
    )
    verbs = parser.add_subparsers(dest="data_verb", metavar="VERB", required=True)
    _add_prepare(verbs)
    _add_inspect(verbs)
    _add_download(verbs)


def run(arguments: argparse.Namespace) -> int:
    """Do what the verb says; returns the exit code."""
    verbs = {"prepare": _prepare, "inspect": _inspect, "download": _download}
    verbs[arguments.data_verb](arguments)
    return 0


def _add_prepare(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = verbs.add_parser(
        "prepare",
        help="make one data file of drawings from any sources",
        usage="%(prog)s SOURCE... -o FILE [options]",
        description="Read drawings from any sources, clean, filter, split and write them as one"
        " .sketches file. Drawings that were never simplified (.svg, raw .ndjson and others) get"
        " QuickDraw's public preprocessing. A file of one drawing, or in a folder, that cannot be"
        " read is named and skipped. The same sources and seed give the same bytes.",
    )
    parser.add_argument("sources", nargs="+", metavar="SOURCE", help=SOURCE_HELP)
    parser.add_argument(
        "-o", "--output", required=True, type=Path, metavar="FILE", help="the .sketches file"
    )
    parser.add_argument(
        "--sheet",
        type=Path,
        metavar="FILE",
        help="draw what changed most, before and after, and what was left out or copied",
    )
    _add_options(parser)


def _add_options(parser: argparse.ArgumentParser) -> None:
    """What `prepare` does, and `inspect` tries."""
    kept = parser.add_argument_group("what is kept")
    kept.add_argument(
        "--min-points", type=int, default=2, metavar="N", help="leave out shorter ones (default 2)"
    )
    kept.add_argument("--max-points", type=int, metavar="N", help="leave out longer ones")
    kept.add_argument(
        "--recognized-only",
        action="store_true",
        help="leave out drawings that the game did not recognize (known for .ndjson and .bin only)",
    )
    kept.add_argument(
        "--keep-duplicates",
        action="store_true",
        help="keep drawings that are point by point the same as another one of their class",
    )
    kept.add_argument(
        "--drop-longest",
        type=float,
        default=0.0,
        metavar="PART",
        help="leave out the share of each class that has the most points",
    )
    kept.add_argument(
        "--drop-unlikely",
        type=float,
        default=0.0,
        metavar="PART",
        help="leave out the share of each class that a model finds least likely, a point",
    )
    kept.add_argument(
        "--by", metavar="MODEL", help="the model for that: a run, or the name of a starter"
    )
    cleaning = parser.add_argument_group(
        "cleaning", "In this order. PX are of a box of 255 around the drawing."
    )
    cleaning.add_argument(
        "--box",
        action="store_true",
        help="scale each drawing so that its larger side is 255 px, as QuickDraw's are; for"
        " drawings whose sizes differ for no reason",
    )
    cleaning.add_argument(
        "--join",
        type=float,
        metavar="PX",
        help="join strokes whose ends are at most so far apart",
    )
    cleaning.add_argument(
        "--min-stroke",
        type=float,
        default=0.0,
        metavar="PX",
        help="leave out shorter strokes, dots among them; never all of a drawing",
    )
    cleaning.add_argument(
        "--order",
        action="store_true",
        help="order and turn strokes so that the lifted pen has a short way",
    )
    cleaning.add_argument(
        "--simplify",
        type=float,
        metavar="EPS",
        help="simplify (Ramer-Douglas-Peucker) with this epsilon, in px of the 0-255 box; drawings"
        " from files without splits are scaled to the box and resampled first; 0 leaves points as"
        " they are (default: 2 for drawings that were never simplified)",
    )
    cleaning.add_argument(
        "--at-most",
        type=int,
        metavar="N",
        help="simplify drawings that would have more points to that many, each with its own"
        " epsilon; those that need one of over 25 px are left out as too long",
    )
    copies = parser.add_argument_group(
        "copies", "Of training drawings alone, each at random; the originals stay."
    )
    copies.add_argument(
        "--copies", type=int, default=0, metavar="K", help="make so many of each (default 0)"
    )
    copies.add_argument(
        "--mirror",
        action="store_true",
        help="mirror half of them; all, without --turn or --stretch",
    )
    copies.add_argument(
        "--turn", type=float, default=0.0, metavar="DEG", help="turn them by up to so many degrees"
    )
    copies.add_argument(
        "--stretch",
        type=float,
        default=0.0,
        metavar="PART",
        help="stretch width and height by factors from 1 - PART to 1 + PART",
    )
    splits = parser.add_argument_group("splits and classes")
    splits.add_argument(
        "--seed", type=int, default=0, help="seed of the split and of copies (default 0)"
    )
    for split in ("valid", "test"):
        splits.add_argument(
            f"--{split}",
            type=float,
            default=HELD_OUT_SHARE,
            metavar="PART",
            help=f"{split} drawings of sources that have no splits: a share under 1, or a number,"
            f" of each class (default {HELD_OUT_SHARE})",
        )
    splits.add_argument(
        "--resplit",
        action="store_true",
        help="split anew what comes with splits, too; copies that it has are left out",
    )
    splits.add_argument("--label", metavar="NAME", help="one class name for all drawings")


def _add_inspect(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = verbs.add_parser(
        "inspect",
        help="say what is in data files, or try what preparing would do",
        usage="%(prog)s SOURCE... [options]",
        description="Counts a split and class, lengths, strokes, N_max and scale of data, and what"
        " was done to the drawings when the file was made. With any option of `data prepare`, what"
        " these options would do, and a sheet of drawings before and after; no data file is"
        " written.",
    )
    parser.add_argument("data", nargs="+", metavar="SOURCE", help=SOURCE_HELP)
    parser.add_argument("--svg", type=Path, metavar="FILE", help="write a sheet of drawings")
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    _add_options(parser)


def _add_download(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = verbs.add_parser(
        "download",
        help="fetch official QuickDraw files",
        usage="%(prog)s CLASS... [options]",
        description="Fetch the files of QuickDraw classes over HTTPS. A broken transfer is"
        " continued by the next call. The drawings are Google's, CC BY 4.0.",
    )
    parser.add_argument(
        "names", nargs="+", metavar="CLASS", help="such as cat or 'hot air balloon'"
    )
    parser.add_argument(
        "--kind",
        default="sketchrnn",
        help="sketchrnn (default), sketchrnn-full, simplified or raw",
    )
    parser.add_argument(
        "-o", "--output", type=Path, default=Path(), metavar="DIR", help="folder (default: here)"
    )


def _prepare(arguments: argparse.Namespace) -> None:
    _check_sheet(arguments.sheet)
    report = _prepared(arguments, arguments.sources, arguments.output)
    print(report.to_text(), end="")
    print(f"wrote {arguments.output}")
    if not len(report.dataset.valid):
        print(
            "there are no drawings to validate with, which a training needs: give --valid 1, or 4",
            file=sys.stderr,
        )
    if arguments.sheet:
        print(_save_effects(report, arguments.sheet))


def _prepared(arguments: argparse.Namespace, sources: Sequence[str], output: Path | None) -> Report:
    """What `prepare` makes of the sources with the options; without an output only to see it."""
    from sketchrnn.data.clean import Cleaning, Outliers
    from sketchrnn.data.copies import Copies
    from sketchrnn.data.prepare import Settings, prepare

    settings = Settings(
        min_points=arguments.min_points,
        max_points=arguments.max_points,
        recognized_only=arguments.recognized_only,
        keep_duplicates=arguments.keep_duplicates,
        epsilon=arguments.simplify,
        box=arguments.box,
        seed=arguments.seed,
        valid=arguments.valid,
        test=arguments.test,
        resplit=arguments.resplit,
        label=arguments.label,
    )
    cleaning = Cleaning(
        join=arguments.join,
        min_stroke=arguments.min_stroke,
        order=arguments.order,
        at_most=arguments.at_most,
    )
    outliers = Outliers(longest=arguments.drop_longest, unlikely=arguments.drop_unlikely)
    copies = Copies(
        count=arguments.copies,
        mirror=arguments.mirror,
        turn=arguments.turn,
        stretch=arguments.stretch,
    )
    if bool(arguments.by) != bool(outliers.unlikely):
        raise SketchRNNError("--drop-unlikely PART and --by MODEL belong together; give both")
    score = _score_by(arguments.by) if arguments.by else None
    with _Counter() as counter, _Skipped() as skipped:
        return prepare(
            sources,
            output,
            settings,
            cleaning=cleaning,
            outliers=outliers,
            copies=copies,
            score=score,
            progress=counter,
            skip=skipped,
        )


def _score_by(name: str) -> Score:
    """What a model finds unlikely."""
    from sketchrnn.api import load
    from sketchrnn.devices import prepare_cpu
    from sketchrnn.drawing.likelihood import badness

    prepare_cpu()
    return partial(badness, load(name))


def _check_sheet(path: Path | None) -> None:
    """Fail before the work is done if the sheet cannot be written."""
    from sketchrnn.cli.output import STANDARD_OUTPUT, check_output

    if path is not None:
        if str(path) == STANDARD_OUTPUT:
            raise SketchRNNError("a sheet is written beside other words; name a file for it")
        check_output(str(path))


def _save_effects(report: Report, path: Path) -> str:
    """Draw what the steps did; returns what to say of it."""
    from sketchrnn.figures.effects import effects_sheet

    if not report.gallery:
        return "no sheet: no drawing was changed, left out or copied"
    names = [step.name for step in report.effects.steps]
    effects_sheet(report.gallery, ", ".join(names) or report.dataset.name).save(path)
    return f"wrote {path}"


def _inspect(arguments: argparse.Namespace) -> None:
    from sketchrnn.data.formats import sketches
    from sketchrnn.data.inspect import preview, summarize
    from sketchrnn.data.prepare import is_folder_or_drawing
    from sketchrnn.data.sources import read_sources

    _check_sheet(arguments.svg)
    report, tried = None, _tries(arguments)
    # single drawings become a set as they do in `prepare`: what cannot be read is skipped
    if tried or any(map(is_folder_or_drawing, arguments.data)):
        report = _prepared(arguments, arguments.data, None)
        dataset, effects = report.dataset, [report.effects]
    else:
        dataset = read_sources(arguments.data)
        files = [path for path in arguments.data if sketches.is_one(path)]
        effects = [sketches.read_effects(path) for path in files]
    summary = summarize(dataset)
    written = ""
    if arguments.svg and report is not None and tried:
        written = _save_effects(report, arguments.svg)
    elif arguments.svg:
        from sketchrnn.figures.sheet import SketchSheet

        rows, labels = preview(dataset)
        title = f"{dataset.name}: from the shortest to the longest training drawings"
        SketchSheet(rows, title=title, row_labels=labels).save(arguments.svg)
        written = f"wrote {arguments.svg}"
    if arguments.json:
        done = [one.to_json() for one in effects if one]
        print(json.dumps(summary.to_json() | ({"effects": done} if done else {}), indent=2))
        return
    print(summary.to_text(), end="")
    for one in filter(None, effects):
        print(f"\nwhat was done to them\n{one.to_text()}", end="")
    if written:
        print(f"\n{written}")


def _tries(arguments: argparse.Namespace) -> bool:
    """Whether any option of `prepare` was given."""
    parser = argparse.ArgumentParser()
    _add_options(parser)
    return any(
        getattr(arguments, name) != value for name, value in vars(parser.parse_args([])).items()
    )


def _download(arguments: argparse.Namespace) -> None:
    from sketchrnn.data.download import ProgressDisplay, download

    with ProgressDisplay() as show:
        paths = download(arguments.names, arguments.kind, arguments.output, progress=show)
    for path in paths:
        print(path)


class _Counter:
    """Shows on standard error how many drawings have been read, where that is a terminal."""

    EVERY = 256  # drawings; showing each would take longer than reading it

    def __init__(self) -> None:
        from rich.console import Console

        console = Console(stderr=True)
        self._status = console.status("reading") if sys.stderr.isatty() else None

    def __enter__(self) -> _Counter:
        if self._status:
            self._status.start()
        return self

    def __exit__(self, *error: Any) -> None:
        if self._status:
            self._status.stop()

    def __call__(self, source: str, count: int) -> None:
        if self._status and count % self.EVERY == 0:
            self._status.update(f"{source}: {count:,} drawings read")


class _Skipped:
    """Names the first files that were skipped on standard error, and counts the others."""

    NAMED = 20

    def __init__(self) -> None:
        self._count = 0

    def __enter__(self) -> _Skipped:
        return self

    def __exit__(self, *error: Any) -> None:
        if self._count > self.NAMED:
            print(f"and {self._count - self.NAMED:,} more", file=sys.stderr)

    def __call__(self, skipped: Skipped) -> None:
        self._count += 1
        if self._count <= self.NAMED:
            print(skipped, file=sys.stderr)
