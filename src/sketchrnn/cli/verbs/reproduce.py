"""`sketchrnn reproduce`: the paper's tables and figures, and models against the truth."""

from __future__ import annotations

import argparse
from dataclasses import replace
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
from sketchrnn.cli.output import check_output
from sketchrnn.model.config import BACKEND_NAMES, ModelConfig
from sketchrnn.paper.commands import COMMANDS, Command, Recipe
from sketchrnn.training.config import PRESETS, TrainingConfig

NOT_FLAGS = ("N_max", "conditional")  # of the drawings, and of the column


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb and what it reproduces."""
    parser = subparsers.add_parser(
        "reproduce",
        help="make the paper's tables and figures anew",
        description="Make the tables and figures of the paper anew, from drawings and models.",
    )
    verbs = parser.add_subparsers(dest="what", metavar="WHAT", required=True)
    for command in COMMANDS.values():
        verb = verbs.add_parser(
            command.name,
            help=command.summary,
            usage=f"%(prog)s {command.usage}",
            description=command.description,
        )
        for names, settings in command.options:
            text = settings["help"].format(model=MODEL_HELP, drawing=DRAWING_HELP)
            verb.add_argument(*names, **settings | {"help": text})
        if command.trains:
            _add_training_options(verb, command)
        if command.temperatures:
            add_drawing_options(
                verb,
                list(command.temperatures),
                ladder=command.ladder,
                output=f"{command.name}.svg",
                each=False,
            )


def run(arguments: argparse.Namespace) -> int:
    """Make what is named."""
    command = COMMANDS[arguments.what]
    if command.is_picture:
        check_output(arguments.output)
    if command.ladder:
        arguments.temperature = check_temperatures(arguments)
    elif command.temperatures:
        arguments.temperature = [one_temperature(arguments)]
    if command.trains:
        arguments.recipe = _recipe(arguments)
    from sketchrnn.paper import howmany, layouts, table1, tradeoff, truth

    experiments = {"table1": table1, "fig4": tradeoff, "truth": truth, "howmany": howmany}
    experiment: Any = experiments.get(command.name, layouts)
    return 0 if experiment.run(arguments) else INTERRUPTED


def _add_training_options(parser: argparse.ArgumentParser, command: Command) -> None:
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
    group = parser.add_argument_group("training")
    add_fields(group, TrainingConfig, numbers, skip=command.column_fields)


def _recipe(arguments: argparse.Namespace) -> Recipe:
    """What was typed of a training; checked before PyTorch is loaded, to fail at once."""
    preset = PRESETS[arguments.preset]
    model = preset.model | given_fields(arguments, ModelConfig, skip=NOT_FLAGS)
    ModelConfig(N_max=1, **model)  # N_max is known later; the others are checked here
    training = replace(preset.training, **given_fields(arguments, TrainingConfig))
    return Recipe(model, training, arguments.max_points)
