"""How many drawings are enough: models of more and more drawings, measured on the same test split.

The run of a model is OUT/runs/WAY/COUNT; a way is what is done to the training drawings (`WAYS`).
All runs of a table have the same N_max and scale, those of all drawings, so that their L_R compare:
one of the longest drawings is in every selection, and the scale is given. The selections of a seed
lie in one another. Validation and test drawings are always all there are.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from sketchrnn.data.clean import copies_of
from sketchrnn.data.dataset import Dataset, Drawings
from sketchrnn.data.prepare_config import PrepareConfig
from sketchrnn.data.sources import read_sources
from sketchrnn.errors import SketchRNNError
from sketchrnn.files import write_text
from sketchrnn.paper.trials import (
    NONE,
    RUNS,
    Experiment,
    Recipe,
    Trial,
    TrialData,
    limited,
    markdown_table,
    read_result,
    run_experiment,
)
from sketchrnn.runs import find_run, read_config
from sketchrnn.training.config import PRESETS
from sketchrnn.training.session import shape_of

COPIES_MADE = PrepareConfig(copies=9, mirror=True, turn=10, stretch=0.1)
SEED = 0  # of the selections and the copies

# What is done to the training drawings. The numbers of the batches' augmentation are the preset's.
WAYS = {
    "plain": "as they are, none changed in the batches either",
    "usual": "changed a little in each batch, as a training does unless told otherwise",
    "copies": "the same, and with nine copies of each made when preparing",
    "tuned": "as usual, but beginning with the weights of another model",
}


def run(arguments: argparse.Namespace) -> bool:
    """Make the table; whether it came to its end."""
    data = limited(read_sources(arguments.data), arguments.recipe.max_points)
    begin_with = arguments.begin_with
    ways = arguments.ways or [way for way in WAYS if way != "tuned" or begin_with]
    experiment = how_many(
        arguments.output, data, arguments.recipe, arguments.counts, ways, begin_with
    )
    return run_experiment(experiment, arguments)


def how_many(
    out: Path,
    data: Dataset,
    recipe: Recipe,
    counts: Sequence[int],
    ways: Sequence[str],
    begin_with: str | None = None,
) -> Experiment:
    """The experiment: for each way, models of so many training drawings.

    What the folder holds already stays as it is. `data` has no drawings that are too long
    (`trials.limited`); the weights, cells and sizes of "tuned" are those of `begin_with`.

    Raises:
        SketchRNNError: a count that is over what there is, or no model to begin with.
    """
    if "tuned" in ways and begin_with is None:
        raise SketchRNNError(
            "tuned models begin with the weights of another; name it with --begin-with"
        )
    for count in counts:
        if not 1 <= count <= len(data.train):
            raise SketchRNNError(
                f"{data.where}: there are {len(data.train):,} training drawings;"
                f" a table cannot have a row of {count:,}"
            )
    trials = []
    for way in ways:
        own, weights = recipe, None
        if way == "plain":
            plain = replace(recipe.training, augment_scale=0.0, drop_probability=0.0)
            own = replace(recipe, training=plain)
        if way == "tuned":
            weights = str(begin_with)
            model = shape_of(read_config(find_run(weights)).model)
            rate = PRESETS["few"].training.learning_rate  # what they know is lost at higher ones
            own = replace(
                recipe, model=model, training=replace(recipe.training, learning_rate=rate)
            )
        for count in counts:
            title, folder = f"{count:,} drawings, {way}", out / RUNS / way / str(count)
            trials.append(Trial(title, str(count), way, folder, own, weights))
    return Experiment(
        trials=trials,
        others=(),
        data=lambda trial: TrialData(selection(data, trial.column, int(trial.row)), data),
        write=lambda: write_table(out, data, trials),
    )


def selection(data: Dataset, way: str, count: int) -> Dataset:
    """What a model learns from: some training drawings, and behind them the copies of each."""
    train = data.train
    order = np.random.default_rng(SEED).permutation(len(train))
    longest = int(np.argmax(train.lengths))
    order = np.concatenate([[longest], order[order != longest]])  # so that N_max is the same
    chosen = train.select(order[:count])
    if way == "copies":
        rng = np.random.default_rng(SEED)
        made = [copy for rows in chosen for copy in copies_of(rows, COPIES_MADE, rng)]
        labels = np.concatenate([chosen.labels, np.repeat(chosen.labels, COPIES_MADE.copies)])
        chosen = Drawings.from_arrays([*chosen, *made], labels)
    return replace(data, train=chosen, stored_scale=data.scale)


def write_table(out: Path, data: Dataset, trials: Sequence[Trial]) -> str:
    """Write howmany.md of what is finished; returns the Markdown."""
    found = {}
    for trial in trials:
        if trial.is_done:
            L_R = read_result(trial).losses["L_R"]
            found[trial.column, trial.row] = f"{L_R.mean:.3f} ± {L_R.stderr:.3f}"
    ways = list(dict.fromkeys(way for way, _ in found))
    rows = [
        [f"{int(count):,}", *(found.get((way, count), NONE) for way in ways)]
        for count in dict.fromkeys(trial.row for trial in trials)
    ]
    table = markdown_table(["drawings", *ways], rows, left=1 + len(ways))
    test = data.test
    markdown = (
        f"{data.name}: test L_R of {len(test):,} drawings (N_max {data.N_max}, mean length"
        f" {test.lengths.mean():.1f}, scale {data.scale:.4g})\n\n{table}\n"
        + "".join(f"- {way}: {WAYS[way]}\n" for way in ways)
    )
    write_text(out / "howmany.md", markdown)
    return markdown
