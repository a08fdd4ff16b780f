"""`sketchrnn reproduce`: the paper's tables and figures, and models against the truth."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from sketchrnn.cli import INTERRUPTED
from sketchrnn.cli.flags import add_fields, given_fields
from sketchrnn.cli.options import (
    DRAWING_HELP,
    MODEL_HELP,
    add_drawing_options,
    check_temperatures,
    one_temperature,
)
from sketchrnn.cli.output import check_output, write_sheet
from sketchrnn.errors import SketchRNNError
from sketchrnn.model.config import BACKEND_NAMES, ModelConfig
from sketchrnn.training.config import PRESETS, TrainingConfig

if TYPE_CHECKING:
    from sketchrnn.api import Model
    from sketchrnn.sketch import Sketch

NOT_FLAGS = ("N_max", "conditional")  # of the drawings, and of the column
OF_THE_COLUMN = ("w_KL",)


class About(NamedTuple):
    """What a figure shows, and what it takes where nothing else is said."""

    shows: str
    temperatures: list[float]
    n: int
    counts: str  # what n counts
    data: str = ""  # which drawings it takes; "" for none


LADDER = [0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
FIGURES = {
    "fig3": About("new drawings over a ladder of temperatures", LADDER, 5, "drawings a row"),
    "fig5": About(
        "reconstructions of inputs, one of another class",
        [0.01, 0.2, 0.4, 0.6, 0.8, 1.0],
        5,
        "inputs, beside the one of another class",
        "any number of inputs",
    ),
    "fig6": About(
        "the way between two drawings for models of several w_KL, and analogies",
        [0.1],
        8,
        "drawings on the way",
        "two, the ends of the way",
    ),
    "fig7": About(
        "completions of incomplete drawings", [0.4], 8, "completions", "any number of beginnings"
    ),
    "fig8": About("variations of one drawing", [0.5], 24, "variations", "one"),
    "suppl3": About("many new drawings", [0.4], 100, "drawings"),
    "suppl4": About("many new drawings of a model of several classes", [0.4], 100, "drawings"),
    "suppl5": About("a grid between four drawings of a class", [0.1], 4, "corners", "four"),
    "suppl6": About("a grid between four of another class", [0.1], 4, "corners", "four"),
    "suppl7": About("a grid between two of each of two classes", [0.1], 4, "corners", "four"),
    "suppl8": About("a grid between four of different classes", [0.1], 4, "corners", "four"),
    "suppl9": About(
        "drawings with features of two classes through models of several w_KL",
        [0.1],
        6,
        "inputs",
        "any number of such drawings",
    ),
}


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb and what it reproduces."""
    parser = subparsers.add_parser(
        "reproduce",
        help="make the paper's tables and figures anew",
        description="Make the tables and figures of the paper anew, from drawings and models.",
    )
    verbs = parser.add_subparsers(dest="what", metavar="WHAT", required=True)
    _add_table1(verbs)
    _add_fig4(verbs)
    _add_truth(verbs)
    _add_howmany(verbs)
    for figure, about in FIGURES.items():
        _add_figure(verbs, figure, about)


def run(arguments: argparse.Namespace) -> int:
    """Make what is named."""
    if arguments.what in FIGURES:
        return _figure(arguments)
    tables = {"table1": _table1, "fig4": _fig4, "truth": _truth, "howmany": _howmany}
    return tables[arguments.what](arguments)


def _add_table1(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = verbs.add_parser(
        "table1",
        help="the losses of four models a data set, beside the paper's",
        usage="%(prog)s --data DIR -o OUT [options]",
        description="Train the four models of each data set (w_KL 1.00, 0.50, 0.25, decoder only),"
        " measure them on the test split, and write OUT/table1.md and table1.csv: our losses beside"
        " the paper's. Ctrl-C saves and ends; the same command goes on with what is left. Limits of"
        " steps and minutes are those of one model.",
    )
    parser.add_argument(
        "--data",
        required=True,
        type=Path,
        metavar="DIR",
        help="a folder of data files named after their class: pig.npz, pig.sketches, pig.ndjson",
    )
    parser.add_argument("-o", "--output", required=True, type=Path, metavar="OUT", help="a folder")
    parser.add_argument(
        "--datasets",
        nargs="+",
        metavar="NAME",
        help="classes joined by +, such as pig face pig+face (default: those of the paper's ten"
        " whose files are there)",
    )
    _add_training_options(parser, skip=OF_THE_COLUMN)


def _add_training_options(parser: argparse.ArgumentParser, *, skip: Sequence[str] = ()) -> None:
    """What `train` has, but what tells the models of a table apart."""
    summaries = "; ".join(f"{preset.name}: {preset.summary}" for preset in PRESETS.values())
    parser.add_argument(
        "--preset", choices=tuple(PRESETS), default="laptop", help=f"{summaries} (default laptop)"
    )
    parser.add_argument(
        "--max-points", type=int, metavar="N", help="leave out drawings with more points"
    )
    parser.add_argument(
        "--device", default="auto", help="auto (default), cpu, cuda, ...: where to compute"
    )
    parser.add_argument(
        "--backend",
        choices=BACKEND_NAMES,
        default="auto",
        help="how the cells are run over time; see train (default auto)",
    )
    models = {name: preset.model for name, preset in PRESETS.items()}
    add_fields(parser.add_argument_group("model"), ModelConfig, models, skip=NOT_FLAGS)
    numbers = {name: vars(preset.training) for name, preset in PRESETS.items()}
    add_fields(parser.add_argument_group("training"), TrainingConfig, numbers, skip=skip)


def _settings(arguments: argparse.Namespace) -> tuple[dict[str, Any], TrainingConfig]:
    """Fields of ModelConfig and the training config; before PyTorch is loaded, to fail at once."""
    preset = PRESETS[arguments.preset]
    model = preset.model | given_fields(arguments, ModelConfig, skip=NOT_FLAGS)
    ModelConfig(N_max=1, **model)  # N_max is known later; the others are checked here
    return model, replace(preset.training, **given_fields(arguments, TrainingConfig))


def _table1(arguments: argparse.Namespace) -> int:
    model, training = _settings(arguments)
    from sketchrnn.devices import choose_device, prepare_cpu
    from sketchrnn.paper.cells import Settings, cells_of, find_data
    from sketchrnn.paper.table1 import CSV, MARKDOWN, make_table, write_table
    from sketchrnn.training.terminal import StopSignals, TrainingProgress

    data, missing = find_data(arguments.data, arguments.datasets)
    for name, classes in missing.items():
        _say(f"{name}: left out, {arguments.data} has no file of {', '.join(classes)}")
    device = choose_device(arguments.device)
    if device.type == "cpu":
        prepare_cpu()
    stop = StopSignals()
    table = make_table(
        arguments.output,
        data,
        Settings(model, training, arguments.max_points),
        device=device,
        backend=arguments.backend,
        should_stop=stop,
    )
    with stop:
        for work in table:
            time = "" if work.minutes_left is None else f", about {work.minutes_left:.0f} minutes"
            _say(f"{work.cell.title}: {work.done} cells done, {work.left} left{time}")
            with TrainingProgress(work.training) as progress:
                progress.explained = work.done > 0  # once is enough
                for record in work.records:
                    progress.show(record)
    print(write_table(arguments.output), end="")
    _say(f"wrote {arguments.output / MARKDOWN} and {arguments.output / CSV}")
    if not all(cell.is_done for name in data for cell in cells_of(arguments.output, name)):
        _say("stopped before the end; the same command goes on with what is left")
        return INTERRUPTED
    return 0


def _add_fig4(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = verbs.add_parser(
        "fig4",
        help="the trade-off of L_R and L_KL, and validation curves, of a table1",
        usage="%(prog)s OUT [options]",
        description="Draw figure 4 from the folder of a table1: on the left L_R against L_KL of"
        " each data set, on the right the validation L_R of the four models of one of them.",
    )
    parser.add_argument("table", type=Path, metavar="OUT", help="the folder of reproduce table1")
    parser.add_argument(
        "--dataset", metavar="NAME", help="the one on the right (default: the most complete)"
    )
    parser.add_argument(
        "-o",
        "--output",
        default="fig4.svg",
        metavar="FILE",
        help="an .svg or .png (default fig4.svg)",
    )


def _fig4(arguments: argparse.Namespace) -> int:
    check_output(arguments.output)
    from sketchrnn.paper.tradeoff import figure_4

    left, right = figure_4(arguments.table, arguments.output, arguments.dataset)
    _say(f"wrote {arguments.output}: {', '.join(left)}; curves of {right}")
    return 0


def _add_truth(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = verbs.add_parser(
        "truth",
        help="models of doodles measured against the truth: analogies, interpolations, coherence",
        usage="%(prog)s MODEL... -o OUT [options]",
        description="Measure models that learnt from doodles of the four cats and pigs, whose"
        " factors are known: analogies, interpolations, middles and completions, judged by a reader"
        " that is trained and measured first (half a minute, kept in OUT). Writes OUT/truth.md and"
        " truth.svg, and prints the table.",
    )
    parser.add_argument("model", nargs="+", metavar="MODEL", help=f"{MODEL_HELP}; several compare")
    parser.add_argument("-o", "--output", required=True, type=Path, metavar="OUT", help="a folder")
    parser.add_argument(
        "--cases", type=int, default=100, metavar="N", help="drawings a measure (default 100)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of everything (default 0)")


def _truth(arguments: argparse.Namespace) -> int:
    from sketchrnn.api import load
    from sketchrnn.devices import prepare_cpu
    from sketchrnn.paper.truth import MARKDOWN, SHEET, truth
    from sketchrnn.seeds import choose_seed

    seed = choose_seed(arguments.seed)
    models = [load(name) for name in arguments.model]
    for model in models:
        model.need_encoder("truth")
    prepare_cpu()
    labels = _labels(arguments.model, models, of_classes=False)
    report = truth(
        dict(zip(labels, models, strict=True)),
        out=arguments.output,
        seed=seed,
        cases=arguments.cases,
    )
    report.save(arguments.output)
    print(report.to_markdown(), end="")
    _say(f"wrote {arguments.output / MARKDOWN} and {arguments.output / SHEET}")
    return 0


def _add_howmany(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = verbs.add_parser(
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
    parser.add_argument("data", nargs="+", metavar="DATA", help="data files with a test split")
    parser.add_argument("-o", "--output", required=True, type=Path, metavar="OUT", help="a folder")
    parser.add_argument(
        "--counts",
        nargs="+",
        type=int,
        metavar="N",
        help="training drawings (default 100 300 1000 3000 7000)",
    )
    parser.add_argument(
        "--ways",
        nargs="+",
        choices=("plain", "usual", "copies", "tuned"),
        help="columns (default all; tuned needs --begin-with)",
    )
    parser.add_argument("--begin-with", metavar="MODEL", help=f"for tuned: {MODEL_HELP}")
    _add_training_options(parser)


def _howmany(arguments: argparse.Namespace) -> int:
    model, training = _settings(arguments)
    from sketchrnn.data.sources import read_sources
    from sketchrnn.devices import choose_device, prepare_cpu
    from sketchrnn.paper.cells import Settings
    from sketchrnn.paper.howmany import COUNTS, MARKDOWN, TUNED, WAYS, Plan, make_table
    from sketchrnn.training.terminal import StopSignals, TrainingProgress

    data = read_sources(arguments.data)
    if arguments.max_points is not None:
        data = data.limited(arguments.max_points)[0]
    plan = Plan(
        data.limited(data.N_max)[0],
        Settings(model, training, arguments.max_points),
        arguments.counts or COUNTS,
        arguments.ways or [way for way in WAYS if way != TUNED or arguments.begin_with],
        arguments.begin_with,
    )
    device = choose_device(arguments.device)
    if device.type == "cpu":
        prepare_cpu()
    stop = StopSignals()
    with stop:
        table = make_table(
            arguments.output, plan, device=device, backend=arguments.backend, should_stop=stop
        )
        for cell, numbers, records in table:
            _say(cell.title)
            with TrainingProgress(numbers) as progress:
                for record in records:
                    progress.show(record)
    if (arguments.output / MARKDOWN).exists():
        print((arguments.output / MARKDOWN).read_text("utf-8"), end="")
    if not all(cell.is_done for cell in plan.cells(arguments.output)):
        _say("stopped before the end; the same command goes on with what is left")
        return INTERRUPTED
    return 0


def _add_figure(
    verbs: argparse._SubParsersAction[argparse.ArgumentParser], name: str, about: About
) -> None:
    number = name.removeprefix("fig")
    title = f"figure {number}" if number != name else f"the supplement's figure {name[5:]}"
    parser = verbs.add_parser(
        name,
        help=about.shows,
        usage="%(prog)s --model MODEL... [options]",
        description=f"Lay out {title} with given models: {about.shows}.",
    )
    parser.add_argument(
        "--model", required=True, nargs="+", metavar="MODEL", help=f"{MODEL_HELP}; several compare"
    )
    if about.data:
        parser.add_argument(
            "--data",
            nargs="+",
            default=[],
            metavar="DRAWING",
            help=f"{about.data}: {DRAWING_HELP}; or whole data files, of which typical drawings are"
            " taken (default: the files that the first model learnt from)",
        )
        parser.add_argument(
            "--as-is",
            action="store_true",
            help="take files as being in the training drawings' units; otherwise they are scaled"
            " and simplified as those were",
        )
    if name == "fig6":
        parser.add_argument(
            "--analogy",
            nargs=3,
            action="append",
            default=[],
            metavar=("A", "B", "C"),
            help="three drawings for C + (B - A) by the first model; more than once for several"
            " (default: none)",
        )
    if about.counts != "corners":
        parser.add_argument(
            "-n",
            type=int,
            default=about.n,
            metavar="N",
            help=f"{about.counts} (default {about.n})",
        )
    ladder = len(about.temperatures) > 1 or name == "suppl9"
    add_drawing_options(parser, about.temperatures, ladder=ladder, output=f"{name}.svg", each=False)


def _figure(arguments: argparse.Namespace) -> int:
    figure, about = arguments.what, FIGURES[arguments.what]
    check_output(arguments.output)
    if len(about.temperatures) > 1 or figure == "suppl9":
        temperatures = check_temperatures(arguments)
    else:
        temperatures = [one_temperature(arguments)]
    from sketchrnn.api import load
    from sketchrnn.devices import choose_device, prepare_cpu
    from sketchrnn.drawing.base import check_count
    from sketchrnn.drawing.inputs import read_inputs
    from sketchrnn.paper import figures
    from sketchrnn.seeds import choose_seed

    n = check_count(getattr(arguments, "n", about.n))
    seed, device = choose_seed(arguments.seed), choose_device(arguments.device)
    if device.type == "cpu":
        prepare_cpu()
    models = [load(name, device=str(device), which=arguments.which) for name in arguments.model]
    needs_z = figure in ("fig5", "fig6", "fig8", "suppl9") or about.counts == "corners"
    for model in models:
        if needs_z:
            model.need_encoder(figure)
    inputs = _inputs(arguments, models[0], n) if about.data else []
    analogies: list[tuple[Sketch, Sketch, Sketch]] = []
    for specs in getattr(arguments, "analogy", []):
        a, b, c = read_inputs(models[0], specs, as_is=arguments.as_is)
        analogies.append((a.sketch, b.sketch, c.sketch))
    labels = _labels(arguments.model, models, of_classes=not needs_z)
    panels = figures.FIGURES[figure](
        figures.Request(models, labels, inputs, n, temperatures, seed, analogies)
    )
    write_sheet(panels, arguments.output, seed)
    return 0


def _inputs(arguments: argparse.Namespace, model: Model, n: int) -> list[Sketch]:
    """The drawings that are named, or those that the figure would have of the data files."""
    from sketchrnn.data.formats.records import Given
    from sketchrnn.data.places import is_data
    from sketchrnn.drawing.inputs import fitted, read_given, read_inputs
    from sketchrnn.paper import figures

    figure = arguments.what
    named = [spec for spec in arguments.data if not is_data(spec)]
    if named and len(named) < len(arguments.data):
        whole = next(spec for spec in arguments.data if is_data(spec))
        raise SketchRNNError(
            f"{whole}: is a whole data file beside single drawings; name drawings, or data files"
        )

    def part(given: Given) -> Sketch:
        if given.outside and not arguments.as_is:
            return model.fit_part(given.sketch).sketch
        return figures.beginning(given.sketch) if given.ended else given.sketch

    if named:
        if figure == "fig7":
            return [part(given) for given in read_given(model, named)]
        return [one.sketch for one in read_inputs(model, named, as_is=arguments.as_is)]
    specs, foreign = _typical(arguments, model, n)
    found = read_given(model, specs)
    _say(f"drawings: {' '.join(specs)}")
    if foreign:  # its units are not the model's
        found[-1] = replace(found[-1], outside=True)
    if figure == "fig7":
        return [part(given) for given in found]
    sketches = [fitted(model, given, as_is=False).sketch for given in found]
    if figure == "suppl9":
        pairs = zip(sketches[::2], sketches[1::2], strict=True)
        return [figures.hybrid(first, second, model.N_max) for first, second in pairs]
    return sketches


def _typical(arguments: argparse.Namespace, model: Model, n: int) -> tuple[list[str], bool]:
    """DRAWING specs out of whole data files, and whether the last is not of the model's kind."""
    from sketchrnn.data.sources import doodles_source, read_source
    from sketchrnn.drawing.inputs import TYPICAL_AMONG
    from sketchrnn.paper import figures

    sources = list(arguments.data) or [
        source
        for source in model.facts.sources
        if doodles_source(source) is not None or Path(source).exists()
    ]
    if not sources:
        raise SketchRNNError(
            f"{model.name}: the drawings that it learnt from are not here; name some with --data"
        )
    places: dict[str, str] = {}
    available: dict[str, int] = {}
    for source in sources:
        dataset = read_source(source)
        drawings = dataset.test if len(dataset.test) else dataset.train  # as DRAWING has it
        labels = drawings.labels[drawings.lengths <= model.N_max]
        for label, name in enumerate(dataset.classes):
            places.setdefault(name, source)
            available.setdefault(name, min(int((labels == label).sum()), TYPICAL_AMONG // 2))
    learnt = model.facts.classes
    classes = [name for name in learnt if name in places] or list(places)
    others = [name for name in places if name not in learnt]
    foreign = arguments.what == "fig5" and not others
    if foreign:  # the package can draw something else itself
        others = [next(name for name in ("house", "fish", "flower") if name not in learnt)]
        places[others[0]], available[others[0]] = "doodles:60", 1
    wishes = figures.wishes(arguments.what, classes, others, n)
    specs = [
        f"{places[wish.class_name]}#{wish.class_name}/typical:{rank}"
        for wish, rank in zip(wishes, figures.ranks(wishes, available), strict=True)
    ]
    if foreign:  # it need not be typical, and has no other units than its own
        specs[-1] = f"{places[others[0]]}#train/{others[0]}/0"
    return specs, foreign


def _labels(names: Sequence[str], models: Sequence[Model], *, of_classes: bool) -> list[str]:
    """What tells the models apart: w_KL, or with `of_classes` their classes; else their names."""
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise SketchRNNError(f"{twice} is named twice; models are compared with others")
    w_KL = []
    for name, model in zip(names, models, strict=True):
        if model.conditional:
            weight = TrainingConfig.of_run(name).w_KL
            w_KL.append(f"w_KL {weight:.2f}" if round(weight, 2) == weight else f"w_KL {weight:g}")
        else:
            w_KL.append("decoder-only")
    classes = [", ".join(model.facts.classes) for model in models]
    own = [model.name for model in models]
    for labels in (classes, w_KL, own) if of_classes else (w_KL, classes, own):
        if len(models) > 1 and len(set(labels)) == len(models):
            return labels
    return own if len(models) == 1 else list(names)


def _say(line: str) -> None:
    print(line, file=sys.stderr)
