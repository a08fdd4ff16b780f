"""`sketchrnn reproduce`: the paper's tables and figures, and models against the truth."""

from __future__ import annotations

import argparse
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sketchrnn.cli import INTERRUPTED
from sketchrnn.cli.flags import add_fields, given_fields
from sketchrnn.cli.options import (
    DRAWING_HELP,
    MODEL_HELP,
    add_drawing_options,
    check_temperatures,
    one_temperature,
)
from sketchrnn.cli.output import check_output, claim
from sketchrnn.cli.written import add_output, claims_of, folder_name
from sketchrnn.model.config import BACKEND_NAMES, ModelConfig
from sketchrnn.training.config import PRESETS, TrainingConfig

NOT_FLAGS = ("N_max", "conditional")  # of the drawings, and of the column


@dataclass(frozen=True)
class Figure:
    """A figure that is laid out with given models.

    Attributes:
        shows: what it shows.
        temperatures: the default.
        n, counted: how many drawings of a kind by default, and what they are; "": it is not asked.
        data: which drawings it takes; "": none.
        ladder: whether there can be several temperatures.
    """

    shows: str
    temperatures: tuple[float, ...]
    n: int = 1
    counted: str = ""
    data: str = ""
    ladder: bool = False


FIGURES = {
    "fig3": Figure(
        "new drawings over a ladder of temperatures",
        (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9),
        5,
        "drawings a row",
        ladder=True,
    ),
    "fig5": Figure(
        "reconstructions of inputs, one of another class",
        (0.01, 0.2, 0.4, 0.6, 0.8, 1.0),
        5,
        "inputs, beside the one of another class",
        data="any number of inputs",
        ladder=True,
    ),
    "fig6": Figure(
        "the way between two drawings for models of several w_KL, and analogies",
        (0.1,),
        8,
        "drawings on the way",
        data="two, the ends of the way",
    ),
    "fig7": Figure(
        "completions of incomplete drawings",
        (0.8,),
        8,
        "completions",
        data="any number of beginnings",
    ),
    "fig8": Figure("variations of one drawing", (0.5,), 24, "variations", "one"),
    "suppl3": Figure("many new drawings", (0.8,), 100, "drawings"),
    "suppl4": Figure("many new drawings of a model of several classes", (0.4,), 100, "drawings"),
    "suppl5": Figure(
        "the way between two drawings of a class, in rows",
        (0.1,),
        32,
        "drawings on the way",
        data="two, the ends of the way",
    ),
    "suppl6": Figure("a grid between two of each of two classes", (0.1,), data="four"),
    "suppl7": Figure("a grid between four of different classes", (0.1,), data="four"),
    "suppl8": Figure("a grid between four of another class", (0.1,), data="four"),
    "suppl9": Figure(
        "drawings with features of two classes through models of several w_KL",
        (0.1,),
        6,
        "inputs",
        data="any number of such drawings",
        ladder=True,
    ),
}


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb and what it reproduces."""
    parser = subparsers.add_parser(
        "reproduce",
        help="make the paper's tables and figures anew",
        description="Make the tables and figures of the paper anew, from drawings and models.",
    )
    verbs = parser.add_subparsers(dest="what", metavar="EXPERIMENT", required=True)
    table_1 = verbs.add_parser(
        "table1",
        help="the losses of four models a data set, beside the paper's",
        usage="%(prog)s --data DIR -o OUT [options]",
        description="Train the four models of each data set (w_KL 1.00, 0.50, 0.25, decoder only),"
        " measure them on the test split, and write OUT/table1.md and table1.csv: our losses beside"
        " the paper's. Ctrl-C saves and ends; the same command goes on with what is left. Limits of"
        " steps and minutes are those of one model.",
    )
    table_1.add_argument(
        "--data",
        required=True,
        type=Path,
        metavar="DIR",
        help="a folder of data files named after their class: pig.npz, pig.sketches, pig.ndjson",
    )
    _add_folder(table_1)
    table_1.add_argument(
        "--datasets",
        nargs="+",
        metavar="NAME",
        help="classes joined by +, such as pig face pig+face (default: those of the paper's ten"
        " whose files are there)",
    )
    _add_training_options(table_1, skip=["w_KL"])

    figure_4 = verbs.add_parser(
        "fig4",
        help="the trade-off of L_R and L_KL, and validation curves, of a table1",
        usage="%(prog)s OUT [options]",
        description="Draw figure 4 from the folder of a table1: on the left L_R against L_KL of"
        " each data set, on the right the validation L_R of the four models of one of them.",
    )
    add = figure_4.add_argument
    add("table", type=Path, metavar="OUT", help="the folder of reproduce table1")
    add("--dataset", metavar="NAME", help="the one on the right (default: the most complete)")
    output = "an .svg or .png (default fig4.svg)"
    add_output(figure_4, output, default="fig4.svg")

    truth = verbs.add_parser(
        "truth",
        help="models of doodles measured against the truth: analogies, interpolations, coherence",
        usage="%(prog)s MODEL... -o OUT [options]",
        description="Measure models that learnt from doodles of the four cats and pigs, whose"
        " factors are known: analogies, interpolations, middles and completions, judged by a reader"
        " that is trained and measured first (half a minute, kept in OUT). Writes OUT/truth.md and"
        " truth.svg, and prints the table.",
    )
    add = truth.add_argument
    add("model", nargs="+", metavar="MODEL", help=f"{MODEL_HELP}; several compare")
    _add_folder(truth)
    add("--cases", type=int, default=100, metavar="N", help="drawings a measure (default 100)")
    add("--seed", type=int, default=0, help="of everything (default 0)")

    how_many = verbs.add_parser(
        "howmany",
        help="how many drawings are enough: the test losses of models of more and more of them",
        usage="%(prog)s DATA... -o OUT [options]",
        description="Train models on more and more drawings of a data set: with nothing done to"
        " them (plain), with the training's own augmentation (usual), with nine copies of each as"
        " well, mirrored, turned by up to 10 degrees and stretched by up to 0.1 when preparing"
        " (copies), or as usual from the weights of another model (tuned). Measure them on the test"
        " split, and write OUT/howmany.md. What is finished stays: the same command goes on with"
        " what is left.",
    )
    add = how_many.add_argument
    add("data", nargs="+", metavar="DATA", help="data files with a test split")
    _add_folder(how_many)
    counts = [100, 300, 1000, 3000, 7000]
    shown = f"training drawings (default {' '.join(map(str, counts))})"
    add("--counts", nargs="+", type=int, default=counts, metavar="N", help=shown)
    add(
        "--ways",
        nargs="+",
        choices=("plain", "usual", "copies", "tuned"),
        help="columns (default all; tuned needs --begin-with)",
    )
    add("--begin-with", metavar="MODEL", help=f"for tuned: {MODEL_HELP}")
    _add_training_options(how_many)

    for name, figure in FIGURES.items():
        _add_figure(verbs, name, figure)


def run(arguments: argparse.Namespace) -> int:
    """Make what is named."""
    what, figure = arguments.what, FIGURES.get(arguments.what)
    if figure or what == "fig4":
        check_output(arguments.output)
        claim(arguments, arguments.output)
    else:
        claims_of(arguments).folder(arguments.output, resumes=True)
    if figure and figure.ladder:
        arguments.temperature = check_temperatures(arguments)
    elif figure:
        arguments.temperature = [one_temperature(arguments)]
    if "preset" in arguments:
        arguments.recipe = _recipe(arguments)
    from sketchrnn.paper import howmany, layouts, table1, tradeoff, truth

    experiments = {"table1": table1, "fig4": tradeoff, "truth": truth, "howmany": howmany}
    experiment: Any = experiments.get(what, layouts)
    return 0 if experiment.run(arguments) else INTERRUPTED


def _add_figure(verbs: Any, name: str, figure: Figure) -> None:
    number = name.removeprefix("fig")
    title = f"figure {number}" if number != name else f"the supplement's figure {name[5:]}"
    parser = verbs.add_parser(
        name,
        help=figure.shows,
        usage="%(prog)s --model MODEL... [options]",
        description=f"Lay out {title} with given models: {figure.shows}.",
    )
    parser.set_defaults(n=figure.n, analogy=[])
    add = parser.add_argument
    models = f"{MODEL_HELP}; several compare"
    add("--model", required=True, nargs="+", metavar="MODEL", help=models)
    if figure.data:
        add(
            "--data",
            nargs="+",
            default=[],
            metavar="DRAWING",
            help=f"{figure.data}: {DRAWING_HELP}; or whole data files, of which typical drawings"
            " are taken (default: the files that the first model learnt from)",
        )
        add(
            "--as-is",
            action="store_true",
            help="take files as being in the training drawings' units; otherwise they are scaled"
            " and simplified as those were",
        )
    if name == "fig6":
        add(
            "--analogy",
            nargs=3,
            action="append",
            metavar=("A", "B", "C"),
            help="three drawings for C + (B - A) by the first model; more than once for several"
            " (default: none)",
        )
    if figure.counted:
        add("-n", type=int, metavar="N", help=f"{figure.counted} (default {figure.n})")
    add_drawing_options(
        parser,
        list(figure.temperatures),
        ladder=figure.ladder,
        output=f"{name}.svg",
        each=False,
    )


def _add_folder(parser: argparse.ArgumentParser) -> None:
    add_output(parser, "a folder", required=True, type=folder_name, metavar="OUT")


def _add_training_options(parser: argparse.ArgumentParser, skip: Collection[str] = ()) -> None:
    """What `train` has, but what tells the models of a table apart."""
    summaries = "; ".join(f"{preset.name}: {preset.summary}" for preset in PRESETS.values())
    preset = f"{summaries} (default laptop)"
    add = parser.add_argument
    add("--preset", choices=tuple(PRESETS), default="laptop", help=preset)
    add("--max-points", type=int, metavar="N", help="leave out drawings with more points")
    add("--device", default="auto", help="auto (default), cpu, cuda, ...: where to compute")
    backend = "how the cells are run over time; see train (default auto)"
    add("--backend", choices=BACKEND_NAMES, help=backend)
    models = {name: preset.model for name, preset in PRESETS.items()}
    add_fields(parser.add_argument_group("model"), ModelConfig, models, skip=NOT_FLAGS)
    numbers = {name: vars(preset.training) for name, preset in PRESETS.items()}
    add_fields(parser.add_argument_group("training"), TrainingConfig, numbers, skip=skip)


def _recipe(arguments: argparse.Namespace) -> Any:
    """What was typed of a training; checked before PyTorch is loaded, to fail at once."""
    preset = PRESETS[arguments.preset]
    model = preset.model | given_fields(arguments, ModelConfig, skip=NOT_FLAGS)
    ModelConfig(N_max=1, **model)  # N_max is known later; the others are checked here
    training = replace(preset.training, **given_fields(arguments, TrainingConfig))
    from sketchrnn.paper.trials import Recipe

    return Recipe(model, training, arguments.max_points)
