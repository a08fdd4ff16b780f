"""What `sketchrnn reproduce` offers: a command for each table and figure, as data.

Neither PyTorch nor NumPy is loaded here, so `--help` does not wait for them. A new experiment is a
`Command` here, and a file whose `run` takes what was typed and says whether it came to its end;
where the command `trains`, what was typed has a `recipe` as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from sketchrnn.training.config import TrainingConfig


@dataclass(frozen=True)
class Recipe:
    """How all models of an experiment are made.

    Attributes:
        model: fields of ModelConfig, without N_max (of the drawings) and conditional (the model's).
        training: its numbers, but what tells the models of the experiment apart.
        max_points: longer drawings are left out.
    """

    model: Mapping[str, Any] = field(default_factory=dict)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    max_points: int | None = None


class Option(NamedTuple):
    """One argument, as argparse takes it; {model} and {drawing} in its help are every verb's."""

    names: tuple[str, ...]
    settings: dict[str, Any]


@dataclass(frozen=True)
class Command:
    """One table or figure.

    Attributes:
        name, usage, summary, description: what its help says; `usage` is what follows the name.
        options: its own.
        trains: whether the options of a training are added.
        column_fields: of TrainingConfig, which the models set themselves.
        temperatures: the default, where drawings are made; then the options of drawing are added.
        ladder: whether there can be several temperatures.
        is_picture: whether -o names a picture, not a folder.
    """

    name: str
    usage: str
    summary: str
    description: str
    options: Sequence[Option]
    trains: bool = False
    column_fields: tuple[str, ...] = ()
    temperatures: tuple[float, ...] = ()
    ladder: bool = False
    is_picture: bool = False


def _option(*names: str, **settings: Any) -> Option:
    return Option(names, settings)


OUT = _option("-o", "--output", required=True, type=Path, metavar="OUT", help="a folder")

TABLE_1 = Command(
    "table1",
    "--data DIR -o OUT [options]",
    "the losses of four models a data set, beside the paper's",
    "Train the four models of each data set (w_KL 1.00, 0.50, 0.25, decoder only),"
    " measure them on the test split, and write OUT/table1.md and table1.csv: our losses beside"
    " the paper's. Ctrl-C saves and ends; the same command goes on with what is left. Limits of"
    " steps and minutes are those of one model.",
    [
        _option(
            "--data",
            required=True,
            type=Path,
            metavar="DIR",
            help="a folder of data files named after their class: pig.npz, pig.sketches,"
            " pig.ndjson",
        ),
        OUT,
        _option(
            "--datasets",
            nargs="+",
            metavar="NAME",
            help="classes joined by +, such as pig face pig+face (default: those of the paper's"
            " ten whose files are there)",
        ),
    ],
    trains=True,
    column_fields=("w_KL",),
)
FIGURE_4 = Command(
    "fig4",
    "OUT [options]",
    "the trade-off of L_R and L_KL, and validation curves, of a table1",
    "Draw figure 4 from the folder of a table1: on the left L_R against L_KL of"
    " each data set, on the right the validation L_R of the four models of one of them.",
    [
        _option("table", type=Path, metavar="OUT", help="the folder of reproduce table1"),
        _option(
            "--dataset", metavar="NAME", help="the one on the right (default: the most complete)"
        ),
        _option(
            "-o",
            "--output",
            default="fig4.svg",
            metavar="FILE",
            help="an .svg or .png (default fig4.svg)",
        ),
    ],
    is_picture=True,
)
TRUTH = Command(
    "truth",
    "MODEL... -o OUT [options]",
    "models of doodles measured against the truth: analogies, interpolations, coherence",
    "Measure models that learnt from doodles of the four cats and pigs, whose"
    " factors are known: analogies, interpolations, middles and completions, judged by a reader"
    " that is trained and measured first (half a minute, kept in OUT). Writes OUT/truth.md and"
    " truth.svg, and prints the table.",
    [
        _option("model", nargs="+", metavar="MODEL", help="{model}; several compare"),
        OUT,
        _option(
            "--cases", type=int, default=100, metavar="N", help="drawings a measure (default 100)"
        ),
        _option("--seed", type=int, default=0, help="of everything (default 0)"),
    ],
)
HOW_MANY = Command(
    "howmany",
    "DATA... -o OUT [options]",
    "how many drawings are enough: the test losses of models of more and more of them",
    "Train models on more and more drawings of a data set: with nothing done to"
    " them (plain), with the training's own augmentation (usual), with nine copies of each as"
    " well, mirrored, turned by up to 10 degrees and stretched by up to 0.1 when preparing"
    " (copies), or as usual from the weights of another model (tuned). Measure them on the test"
    " split, and write OUT/howmany.md. What is finished stays: the same command goes on with"
    " what is left.",
    [
        _option("data", nargs="+", metavar="DATA", help="data files with a test split"),
        OUT,
        _option(
            "--counts",
            nargs="+",
            type=int,
            metavar="N",
            help="training drawings (default 100 300 1000 3000 7000)",
        ),
        _option(
            "--ways",
            nargs="+",
            choices=("plain", "usual", "copies", "tuned"),
            help="columns (default all; tuned needs --begin-with)",
        ),
        _option("--begin-with", metavar="MODEL", help="for tuned: {model}"),
    ],
    trains=True,
)


def _figure_command(
    name: str,
    shows: str,
    temperatures: tuple[float, ...],
    count: tuple[int, str] | None = None,
    data: str = "",
    *options: Option,
) -> Command:
    """The command of a figure that is laid out with given models.

    Args:
        name: such as fig3, or suppl3 of the supplement.
        shows: what it shows.
        temperatures: the default; several are a ladder.
        count: how many drawings of a kind where nothing is said, and what they are.
        data: which drawings it takes; "" for none.
        options: what else it has.
    """
    number = name.removeprefix("fig")
    title = f"figure {number}" if number != name else f"the supplement's figure {name[5:]}"
    found = [
        _option(
            "--model", required=True, nargs="+", metavar="MODEL", help="{model}; several compare"
        )
    ]
    if data:
        found += [
            _option(
                "--data",
                nargs="+",
                default=[],
                metavar="DRAWING",
                help=data + ": {drawing}; or whole data files, of which typical drawings are taken"
                " (default: the files that the first model learnt from)",
            ),
            _option(
                "--as-is",
                action="store_true",
                help="take files as being in the training drawings' units; otherwise they are"
                " scaled and simplified as those were",
            ),
        ]
    found += options
    if count is not None:
        n, counted = count
        said = f"{counted} (default {n})"
        found.append(_option("-n", type=int, default=n, metavar="N", help=said))
    return Command(
        name,
        "--model MODEL... [options]",
        shows,
        f"Lay out {title} with given models: {shows}.",
        found,
        temperatures=temperatures,
        ladder=len(temperatures) > 1 or name == "suppl9",
        is_picture=True,
    )


ANALOGY = _option(
    "--analogy",
    nargs=3,
    action="append",
    default=[],
    metavar=("A", "B", "C"),
    help="three drawings for C + (B - A) by the first model; more than once for several"
    " (default: none)",
)
LADDER = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
RECONSTRUCTION_LADDER = (0.01, 0.2, 0.4, 0.6, 0.8, 1.0)

FIGURES = (
    _figure_command(
        "fig3", "new drawings over a ladder of temperatures", LADDER, (5, "drawings a row")
    ),
    _figure_command(
        "fig5",
        "reconstructions of inputs, one of another class",
        RECONSTRUCTION_LADDER,
        (5, "inputs, beside the one of another class"),
        "any number of inputs",
    ),
    _figure_command(
        "fig6",
        "the way between two drawings for models of several w_KL, and analogies",
        (0.1,),
        (8, "drawings on the way"),
        "two, the ends of the way",
        ANALOGY,
    ),
    _figure_command(
        "fig7",
        "completions of incomplete drawings",
        (0.4,),
        (8, "completions"),
        "any number of beginnings",
    ),
    _figure_command("fig8", "variations of one drawing", (0.5,), (24, "variations"), "one"),
    _figure_command("suppl3", "many new drawings", (0.4,), (100, "drawings")),
    _figure_command(
        "suppl4", "many new drawings of a model of several classes", (0.4,), (100, "drawings")
    ),
    _figure_command("suppl5", "a grid between four drawings of a class", (0.1,), data="four"),
    _figure_command("suppl6", "a grid between two of each of two classes", (0.1,), data="four"),
    _figure_command("suppl7", "a grid between four of different classes", (0.1,), data="four"),
    _figure_command("suppl8", "a grid between four of another class", (0.1,), data="four"),
    _figure_command(
        "suppl9",
        "drawings with features of two classes through models of several w_KL",
        (0.1,),
        (6, "inputs"),
        "any number of such drawings",
    ),
)
COMMANDS = {command.name: command for command in (TABLE_1, FIGURE_4, TRUTH, HOW_MANY, *FIGURES)}
