"""The models of an experiment: training what is left, measuring it, and reading back the numbers.

    OUT/runs/A/B/            a run folder
    OUT/runs/A/B/test.json   its losses on the test split, once it is trained

A model is known by these files alone, so whatever stops the work, the next call goes on with it.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

from sketchrnn import devices
from sketchrnn.api import load
from sketchrnn.data.dataset import Dataset
from sketchrnn.errors import SketchRNNError
from sketchrnn.files import write_text
from sketchrnn.model.config import ModelConfig
from sketchrnn.paper.printed import MeanLoss
from sketchrnn.runs import CONFIG, LOG, read_config
from sketchrnn.training.config import TrainingConfig
from sketchrnn.training.evaluate import evaluate_split
from sketchrnn.training.logs import read_log
from sketchrnn.training.loop import STOPPED, need_validation, train
from sketchrnn.training.session import fitting
from sketchrnn.training.terminal import StopSignals, TrainingProgress
from sketchrnn.words import say, show_text

RUNS, TEST = "runs", "test.json"
NONE = "–"  # a number that does not exist, or not yet

# The losses that test.json holds, as `sketchrnn evaluate --json` prints them.
LOSSES = ("L_R", "L_R_masked", "L_KL", "L_KL_floored", "nats_per_drawing")
FACTS = (
    *("N_max", "scale", "mean_length", "epsilon", "training_drawings", "training_length"),
    *("test_drawings", "left_out", "z_size", "steps", "best_step", "minutes", "ended"),
)


@dataclass(frozen=True)
class Recipe:
    """How the models of an experiment are made: fields of ModelConfig but N_max, which is of the
    drawings, the numbers of the training, and the most points of a drawing that is not left out.
    """

    model: Mapping[str, Any] = field(default_factory=dict)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    max_points: int | None = None


@dataclass(frozen=True)
class Trial:
    """One model of an experiment, in a row and a column of its table.

    Its recipe is that of the experiment, and what is its own; it may begin with the weights of
    another model.
    """

    title: str
    row: str
    column: str
    run: Path
    recipe: Recipe
    begin_with: str | None = None

    @property
    def is_begun(self) -> bool:
        """Whether it has a run, finished or not."""
        return (self.run / CONFIG).exists()

    @property
    def is_trained(self) -> bool:
        """Whether its training has come to its own end: of steps, minutes or patience."""
        records = read_log(self.run) if (self.run / LOG).exists() else []
        return bool(records) and records[-1]["kind"] == "end" and records[-1]["reason"] != STOPPED

    @property
    def is_done(self) -> bool:
        """Whether it is trained and measured."""
        return (self.run / TEST).exists()


class TrialData(NamedTuple):
    """What a model is trained on, what its test split is measured of, and the files of both."""

    train: Dataset
    test: Dataset
    sources: tuple[str, ...] = ()


@dataclass(frozen=True)
class Experiment:
    """The models of a table, and how it is written.

    Attributes:
        trials: to make, in this order.
        others: models in the folder beside these; the settings of all must be the same.
        data: the drawings of a model.
        write: writes what is finished; returns it as Markdown.
    """

    trials: Sequence[Trial]
    others: Sequence[Trial]
    data: Callable[[Trial], TrialData]
    write: Callable[[], str]


def run_experiment(experiment: Experiment, arguments: argparse.Namespace) -> bool:
    """Train and measure what is left, print the table, and say whether it came to its end.

    The table is written after each model.

    Raises:
        SketchRNNError: other settings or drawings than before, or a training that fails.
    """
    device = devices.prepared_device(arguments.device)
    every = [*experiment.others, *experiment.trials]
    for trial in every:
        if trial.is_begun:
            _check_settings(trial)
    left = [trial for trial in experiment.trials if not trial.is_done]
    with StopSignals() as should_stop:
        while left and not should_stop():
            trial, recipe = left[0], left[0].recipe
            data = experiment.data(trial)
            if not trial.is_trained:
                done = len(experiment.trials) - len(left)
                minutes = [read_result(one).facts["minutes"] for one in every if one.is_done]
                each = fmean(minutes or [recipe.training.max_minutes])  # 0: unknown
                time = f", about {len(left) * each:.0f} minutes" if each else ""
                say(f"{trial.title}: {done} cells done, {len(left)} left{time}")
                records = train(
                    trial.run,
                    data.train,
                    ModelConfig(N_max=data.train.N_max, **recipe.model),
                    recipe.training,
                    device=device,
                    backend=arguments.backend,
                    sources=data.sources,
                    max_points=recipe.max_points,
                    resume=trial.is_begun,
                    begin_with=trial.begin_with,
                    should_stop=should_stop,
                )
                with TrainingProgress(recipe.training) as progress:
                    progress.explained = done > 0  # once is enough
                    for record in records:
                        progress.show(record)
            if not trial.is_trained:
                break  # it was stopped
            model, KL_min = load(trial.run, device=str(device)), recipe.training.KL_min
            summary = evaluate_split(model, data.test, "test", KL_min, each=("L_R", "L_KL"))
            write_text(trial.run / TEST, json.dumps(summary, indent=2) + "\n")
            experiment.write()
            left.pop(0)
    show_text(experiment.write())
    if left:
        say("stopped before the end; the same command goes on with what is left")
    return not left


def _check_settings(trial: Trial) -> None:
    """Raise SketchRNNError if a model was begun with other settings than those of now."""
    stored, recipe = read_config(trial.run), trial.recipe
    before = asdict(stored.model) | asdict(TrainingConfig.of_run(trial.run))
    now = asdict(ModelConfig(N_max=stored.model.N_max, **recipe.model)) | asdict(recipe.training)
    before["max_points"], now["max_points"] = stored.data.max_points, recipe.max_points
    for name, value in now.items():
        if before[name] != value:
            raise SketchRNNError(
                f"{trial.run}: was begun with --{name.replace('_', '-')} {before[name]}, not"
                f" {value}; all cells of a table have the same settings: give those, or"
                " another folder"
            )


class TrialResult(NamedTuple):
    """What a finished model says: `LOSSES` (a decoder-only one has no L_KL) and `FACTS` by name.

    mean_length is that of the test drawings, left_out counts those over N_max, and z_size is 0 for
    a decoder-only model.
    """

    losses: Mapping[str, MeanLoss]
    facts: Mapping[str, Any]


def read_result(trial: Trial) -> TrialResult:
    """What a finished model says. Raises SketchRNNError for a damaged file."""
    config, records = read_config(trial.run), read_log(trial.run)
    path = trial.run / TEST
    try:
        test, end = json.loads(path.read_text("utf-8")), records[-1]
        losses = {name: MeanLoss(**test[name]) for name in LOSSES if test[name] is not None}
        facts = test | {
            "training_drawings": (config.data.counts or {})["train"],
            "training_length": config.data.mean_length,
            "test_drawings": test["n"],
            "z_size": config.model.z_size if config.model.conditional else 0,
            "steps": end["step"],
            "best_step": end["best_step"],
            "minutes": end["seconds"] / 60,
            "ended": end["reason"],
        }
        return TrialResult(losses, {name: facts[name] for name in FACTS})
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise SketchRNNError(
            f"{path}: damaged ({error}); delete it, and the next call measures the model again"
        ) from None


def limited(whole: Dataset, max_points: int | None) -> Dataset:
    """A data set as `sketchrnn train` has it; the limits of its three splits are the same.

    Raises:
        SketchRNNError: there are no validation or no test drawings.
    """
    short, _ = fitting(whole, max_points)
    need_validation(short)
    if not len(short.test):
        raise SketchRNNError(
            f"{whole.where}: there are no test drawings; prepare the data with --test"
        )
    return short


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[object]], left: int = 1) -> str:
    """A table whose first `left` columns stand to the left, the others to the right."""
    rule = ["---"] * left + ["---:"] * (len(header) - left)
    return "".join(f"| {' | '.join(map(str, row))} |\n" for row in (header, rule, *rows))
