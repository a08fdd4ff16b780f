"""`sketchrnn data`: prepare, inspect and download drawings."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from sketchrnn.data import HELD_OUT_SHARE


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
        description="Read drawings from any sources, filter, split and write them as one .sketches"
        " file. Raw .ndjson drawings get QuickDraw's public preprocessing. The same sources and"
        " seed give the same bytes.",
    )
    parser.add_argument(
        "sources",
        nargs="+",
        metavar="SOURCE",
        help="a sketch-rnn .npz, a QuickDraw .ndjson or .ndjson.gz, a .sketches file, or"
        " doodles[:COUNT[:SEED[:KIND+KIND]]], which the package draws itself",
    )
    parser.add_argument(
        "-o", "--output", required=True, type=Path, metavar="FILE", help="the .sketches file"
    )
    parser.add_argument(
        "--min-points", type=int, default=2, metavar="N", help="leave out shorter ones (default 2)"
    )
    parser.add_argument("--max-points", type=int, metavar="N", help="leave out longer ones")
    parser.add_argument(
        "--recognized-only",
        action="store_true",
        help="leave out drawings that the game did not recognize (known for .ndjson only)",
    )
    parser.add_argument(
        "--keep-duplicates",
        action="store_true",
        help="keep drawings that are point by point the same as another one of their class",
    )
    parser.add_argument(
        "--box",
        action="store_true",
        help="scale each drawing so that its larger side is 255 px, as QuickDraw's are; for"
        " drawings whose sizes differ for no reason",
    )
    parser.add_argument(
        "--simplify",
        type=float,
        metavar="EPS",
        help="simplify (Ramer-Douglas-Peucker) with this epsilon, in px of the 0-255 box;"
        " .ndjson drawings are scaled to the box and resampled first",
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the split (default 0)")
    for split in ("valid", "test"):
        parser.add_argument(
            f"--{split}",
            type=float,
            default=HELD_OUT_SHARE,
            metavar="PART",
            help=f"{split} drawings of sources that have no splits: a share under 1, or a number,"
            f" of each class (default {HELD_OUT_SHARE})",
        )
    parser.add_argument(
        "--resplit", action="store_true", help="split anew what comes with splits, too"
    )
    parser.add_argument("--label", metavar="NAME", help="one class name for all drawings")


def _add_inspect(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = verbs.add_parser(
        "inspect",
        help="say what is in a data file",
        usage="%(prog)s DATA... [options]",
        description="Counts a split and class, lengths, strokes, N_max and scale of a data file.",
    )
    parser.add_argument(
        "data",
        nargs="+",
        metavar="DATA",
        help="data files of any known format, or doodles[:COUNT[:SEED[:KIND+KIND]]]",
    )
    parser.add_argument("--svg", type=Path, metavar="FILE", help="write a sheet of drawings")
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")


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
    with _Counter() as counter:
        report = prepare(arguments.sources, arguments.output, settings, progress=counter)
    print(report.to_text(), end="")
    print(f"wrote {arguments.output}")


def _inspect(arguments: argparse.Namespace) -> None:
    from sketchrnn.data.inspect import preview, summarize
    from sketchrnn.data.sources import read_sources

    dataset = read_sources(arguments.data)
    summary = summarize(dataset)
    if arguments.svg:
        from sketchrnn.figures.sheet import SketchSheet

        rows, labels = preview(dataset)
        title = f"{dataset.name}: from the shortest to the longest training drawings"
        SketchSheet(rows, title=title, row_labels=labels).save(arguments.svg)
    if arguments.json:
        print(json.dumps(summary.to_json(), indent=2))
    else:
        print(summary.to_text(), end="")
        if arguments.svg:
            print(f"\nwrote {arguments.svg}")


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
