"""`sketchrnn score`: how good drawings are, by two judges and a fixed protocol."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from sketchrnn.cli import options
from sketchrnn.cli.output import STANDARD_OUTPUT, Output, counting
from sketchrnn.cli.written import add_output
from sketchrnn.errors import SketchRNNError
from sketchrnn.words import say, show_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sketchrnn.judge.judges import Judge
    from sketchrnn.judge.run import Scores
    from sketchrnn.sketch import Sketch

COLUMNS = {  # of the table: a heading, and how a figure is written
    "recognised": ("recognised", "{:.1%}"),
    "recognised_ratio": ("to people", "{:.2f}"),
    "top5": ("top 5", "{:.1%}"),
    "precision": ("precision", "{:.2f}"),
    "recall": ("recall", "{:.2f}"),
    "density": ("density", "{:.2f}"),
    "coverage": ("coverage", "{:.2f}"),
    "kid": ("KID", "{:.4f}"),
    "novelty_ratio": ("novelty", "{:.2f}"),
    "nearness_ratio": ("from input", "{:.2f}"),
}


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    parser = subparsers.add_parser(
        "score",
        help="judge how good drawings are",
        usage="%(prog)s MODEL DATA... [options]",
        description="How good a model's drawings are, or any other program's, beside people's: two"
        " judges, one of pictures and one of strokes, who learned 341 classes of QuickDraw, say how"
        " many are recognised, and how they lie among people's drawings. docs/protocol.md says what"
        " each figure is.",
    )
    add = parser.add_argument
    add(
        "model",
        metavar="MODEL",
        help="run folder, or the name of a starter model; or a file or folder of drawings, labelled"
        " with their classes",
    )
    add("data", nargs="+", metavar="DATA", help="people's drawings of the same classes")
    add("-n", type=int, default=1000, metavar="N", help="drawings a temperature (default 1000)")
    add(
        "--temperature",
        type=float,
        nargs="+",
        default=[0.5],
        metavar="TAU",
        help="to draw at, one or several (default 0.5)",
    )
    add(
        "--from",
        dest="ways",
        nargs="+",
        choices=("prior", "posterior", "z", "parts"),
        default=["prior"],
        metavar="WAY",
        help="prior: new drawings; posterior: new ones, from samples of q(z | S) of DATA's training"
        " drawings; z: people's drawings, drawn again; parts: people's drawings, gone on with after"
        " half of their points (default prior)",
    )
    options.add_prior(parser)
    add("--split", default="test", choices=("valid", "test"), help="of DATA (default test)")
    add("--seed", type=int, default=0, help="the same seed, the same figures (default 0)")
    options.add_which(parser)
    add("--device", default="cpu", help="to draw on: cpu (default), auto, cuda, ...")
    add("--json", action="store_true", help="print JSON: an object, or of several scores a list")
    add_output(parser, "a sheet of the best, the typical and the worst: .svg, .png or .json")


def run(arguments: argparse.Namespace) -> int:
    """Draw, judge, print."""
    from sketchrnn.api import Model
    from sketchrnn.judge.run import score

    output = None
    if arguments.output == STANDARD_OUTPUT:
        raise SketchRNNError("the figures are on standard output: name a file for the sheet")
    if arguments.output is not None:
        output = Output(arguments)
    drawer: Any
    if _is_model(arguments.model):
        drawer = options.load_model(arguments)
    else:
        drawer = _drawings(arguments.model)
    with counting("judging") as progress:
        scores = score(
            drawer,
            arguments.data,
            temperature=arguments.temperature,
            way=arguments.ways,
            n=arguments.n,
            split=arguments.split,
            seed=arguments.seed,
            progress=progress,
            where=arguments.model,
        )
    learned = isinstance(drawer, Model)
    names = drawer.facts.classes if learned else sorted({one.label or "" for one in drawer})
    _say_other_names(arguments.model, "learned" if learned else "is labelled", names, scores)
    if arguments.json:
        found = [one.figures for one in scores]
        show_text(json.dumps(found[0] if len(found) == 1 else found, indent=2) + "\n")
    else:
        show_text(_table(scores))
    if output is not None:
        output.write_sheet(scores.sheet())
    return 0


def _say_other_names(model: str, has: str, mine: Sequence[str], scores: Scores) -> None:
    """Where the one class that is scored is called otherwise in DATA, say so."""
    from sketchrnn.judge.judges import plain

    theirs = list(scores[0].figures["classes"])
    if len(mine) == len(theirs) == 1 and plain(mine[0]) not in ("", plain(theirs[0])):
        say(f"{model} {has} {mine[0]}; its drawings are judged as {theirs[0]}")


def _is_model(name: str) -> bool:
    """Whether it is a model's folder, or nothing that is there: then a starter, or none."""
    from sketchrnn.runs import CONFIG, find_run

    folder = find_run(name)
    return not folder.exists() or (folder / CONFIG).exists()


def _drawings(name: str) -> list[Sketch]:
    from sketchrnn.data.gather import gather, holds_many, single
    from sketchrnn.data.places import read_given

    if not holds_many(name):
        return [single(name, read_given([name])[0]).as_data]
    return [found.as_data for found in gather(name, None, say)]


def _table(scores: Scores) -> str:
    """A line for each judge of each score, and below them people's; then each class."""
    from sketchrnn.data.tables import text_table
    from sketchrnn.judge.judges import both

    first, last = scores[0].figures, scores[-1].figures
    columns = [name for name in COLUMNS if any(_given(one.figures, name) for one in scores)]
    rows = []
    for one in scores:
        lines = (one.figures["all"], one.name), (one.figures["human"], "people")
        for number, judge in enumerate(first["judges"]):
            for figures, name in lines:
                rows.append([name, judge["name"], *_cells(figures, columns, number)])
    headings = [COLUMNS[name][0] for name in columns]
    text = text_table(["drawings", "judge", *headings], rows)
    if len(last["classes"]) > 1:
        classes = [
            [name, judge["name"], *_cells(figures, columns, number)]
            for name, figures in last["classes"].items()
            for number, judge in enumerate(first["judges"])
        ]
        text += f"\n{scores[-1].name}\n"
        text += text_table(["class", "judge", *headings], classes)
    if (nats := first["all"]["nats"]) is not None:
        text += f"{nats['mean']:.2f} ± {nats['stderr']:.2f} nats a drawing\n"
    return text + "".join(map(_accuracy, both()))


def _accuracy(judge: Judge) -> str:
    """How good the judge itself is."""
    found = judge.accuracy["well_filled"], judge.accuracy["all"]
    few, every = (f"{one['top1']:.1%} (top 5: {one['top5']:.1%})" for one in found)
    return (
        f"The {judge.name} judge recognises {few} of people's unseen drawings of 49 classes, and"
        f" {every} of those of {len(judge.classes)}.\n"
    )


def _given(figures: dict[str, Any], name: str) -> bool:
    return any(value is not None for value in figures["all"][name])


def _cells(figures: dict[str, Any], columns: list[str], judge: int) -> list[str]:
    values = ((COLUMNS[name][1], figures[name][judge]) for name in columns)
    return ["-" if value is None else form.format(value) for form, value in values]
