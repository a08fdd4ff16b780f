"""How many drawings are enough: models of more and more drawings, measured on the same test split.

    OUT/runs/WAY/COUNT/            a run folder
    OUT/runs/WAY/COUNT/test.json   its losses on the test split, once it is trained

A way is what is done to the training drawings (`WAYS`). All runs of a table have the same N_max and
scale, those of all drawings, so that their L_R compare: one of the longest drawings is in every
selection, and the scale is given. The selections of a seed lie in one another. Validation and test
drawings are always all there are.

What is there already stays as it is, so whatever stops the work, the next call goes on with it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from sketchrnn.api import load
from sketchrnn.data.copies import copies_of
from sketchrnn.data.dataset import Dataset, Drawings
from sketchrnn.data.prepare_config import PrepareConfig
from sketchrnn.errors import SketchRNNError
from sketchrnn.files import write_text
from sketchrnn.model.config import BackendName, ModelConfig
from sketchrnn.paper.cells import TEST, Settings, is_trained
from sketchrnn.paper.orders import Measured
from sketchrnn.runs import CONFIG, find_run, read_config
from sketchrnn.training.config import PRESETS, TrainingConfig
from sketchrnn.training.evaluate import evaluate_split
from sketchrnn.training.logs import Record, read_log
from sketchrnn.training.loop import need_validation, train

COUNTS = (100, 300, 1000, 3000, 7000)
MARKDOWN = "howmany.md"

# What is done to the training drawings. The numbers of the batches' augmentation are the preset's.
WAYS = {
    "plain": "as they are, none changed in the batches either",
    "usual": "changed a little in each batch, as a training does unless told otherwise",
    "copies": "the same, and with nine copies of each made when preparing",
    "tuned": "as usual, but beginning with the weights of another model",
}
PLAIN, USUAL, COPIES, TUNED = WAYS
COPIES_MADE = PrepareConfig(copies=9, mirror=True, turn=10, stretch=0.1)
LOSSES = ("L_R", "L_KL", "nats_per_drawing")


@dataclass(frozen=True)
class Cell:
    """One model of the table."""

    way: str
    count: int
    run: Path

    @property
    def title(self) -> str:
        """What to call it."""
        return f"{self.count:,} drawings, {self.way}"

    @property
    def is_trained(self) -> bool:
        """Whether its training has come to its own end."""
        return is_trained(self.run)

    @property
    def is_done(self) -> bool:
        """Whether it is trained and measured."""
        return (self.run / TEST).exists()


@dataclass(frozen=True)
class Plan:
    """What all models of a table have in common, and how they differ.

    Attributes:
        data: the drawings, without those that are too long.
        settings: of model and training; its max_points is noted in the runs.
        counts: of training drawings.
        ways: see `WAYS`.
        begin_with: the model whose weights, cells and sizes the way "tuned" has.
        seed: of the selections.
    """

    data: Dataset
    settings: Settings
    counts: Sequence[int] = COUNTS
    ways: Sequence[str] = (PLAIN, USUAL, COPIES)
    begin_with: str | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        need_validation(self.data)
        if not len(self.data.test):
            raise SketchRNNError(f"{self.data.name}: there are no test drawings")
        if TUNED in self.ways and self.begin_with is None:
            raise SketchRNNError("tuned models begin with the weights of another; name it")
        for count in self.counts:
            if not 1 <= count <= len(self.data.train):
                raise SketchRNNError(
                    f"{self.data.name}: there are {len(self.data.train):,} training drawings;"
                    f" a table cannot have a row of {count:,}"
                )

    def cells(self, out: Path) -> list[Cell]:
        """All models of the table, the smallest selections first."""
        return [
            Cell(way, count, out / "runs" / way / str(count))
            for way in self.ways
            for count in self.counts
        ]

    def selection(self, cell: Cell) -> Dataset:
        """What a model learns from."""
        train = self.data.train
        order = np.random.default_rng(self.seed).permutation(len(train))
        longest = int(np.argmax(train.lengths))
        order = np.concatenate([[longest], order[order != longest]])  # so that N_max is the same
        chosen = train.select(order[: cell.count])
        if cell.way == COPIES:
            chosen = _with_copies(chosen, COPIES_MADE, self.seed)
        return replace(self.data, train=chosen, stored_scale=self.data.scale)

    def model(self, cell: Cell) -> ModelConfig:
        """The shape of its model."""
        if cell.way == TUNED:
            return replace(read_config(find_run(str(self.begin_with))).model, N_max=self.data.N_max)
        return ModelConfig(N_max=self.data.N_max, **self.settings.model)

    def training(self, cell: Cell) -> TrainingConfig:
        """Its numbers."""
        if cell.way == PLAIN:
            return replace(self.settings.training, augment_scale=0.0, drop_probability=0.0)
        if cell.way == TUNED:
            few = PRESETS["few"].training  # what the weights know is lost at higher rates
            return replace(self.settings.training, learning_rate=few.learning_rate)
        return self.settings.training


def _with_copies(train: Drawings, copies: PrepareConfig, seed: int) -> Drawings:
    """The drawings, and behind them copies of each."""
    rng = np.random.default_rng(seed)
    made = [copy for rows in train for copy in copies_of(rows, copies, rng)]
    labels = np.concatenate([train.labels, np.repeat(train.labels, copies.copies)])
    return Drawings.from_arrays([*train, *made], labels)


def make_table(
    out: Path,
    plan: Plan,
    *,
    device: torch.device,
    backend: BackendName = "auto",
    should_stop: Callable[[], bool] = lambda: False,
) -> Iterator[tuple[Cell, TrainingConfig, Iterator[Record]]]:
    """Make what is left of a table, model by model; howmany.md is written after each.

    Yields the model, its numbers and the records of its training, all of which must be taken.

    Raises:
        SketchRNNError: a training that fails.
    """
    for cell in plan.cells(out):
        if not cell.is_done:
            if not cell.is_trained:
                dataset, training = plan.selection(cell), plan.training(cell)
                records = train(
                    cell.run,
                    dataset,
                    plan.model(cell),
                    training,
                    device=device,
                    backend=backend,
                    max_points=plan.settings.max_points,
                    resume=(cell.run / CONFIG).exists(),
                    begin_with=plan.begin_with if cell.way == TUNED else None,
                    should_stop=should_stop,
                )
                yield cell, training, records
            if not cell.is_trained:
                return  # it was stopped
            _measure(cell, plan.data, device)
        write_table(out, plan)


def _measure(cell: Cell, data: Dataset, device: torch.device) -> None:
    model = load(cell.run, device=str(device))
    KL_min = TrainingConfig.of_run(cell.run).KL_min
    summary = evaluate_split(model, data, "test", KL_min)
    summary["best_step"] = read_log(cell.run)[-1]["best_step"]
    write_text(cell.run / TEST, json.dumps(summary, indent=2) + "\n")


def write_table(out: Path, plan: Plan) -> str:
    """Write howmany.md of what is finished; returns the Markdown."""
    results: dict[tuple[str, int], Mapping[str, Measured | None]] = {}
    for cell in plan.cells(out):
        if cell.is_done:
            results[cell.way, cell.count] = _read(cell)
    ways = [way for way in plan.ways if any(key[0] == way for key in results)]
    test = plan.data.test
    lines = [
        f"{plan.data.name}: test L_R of {len(test):,} drawings (N_max {plan.data.N_max}, mean"
        f" length {test.lengths.mean():.1f}, scale {plan.data.scale:.4g})",
        "",
        "| drawings | " + " | ".join(ways) + " |",
        "|---" * (len(ways) + 1) + "|",
    ]
    for count in plan.counts:
        row = [_shown(results.get((way, count))) for way in ways]
        lines.append(f"| {count:,} | " + " | ".join(row) + " |")
    lines += ["", *(f"- {way}: {WAYS[way]}" for way in ways)]
    markdown = "\n".join(lines) + "\n"
    write_text(out / MARKDOWN, markdown)
    return markdown


def _read(cell: Cell) -> Mapping[str, Measured | None]:
    path = cell.run / TEST
    try:
        test = json.loads(path.read_text("utf-8"))
        return {name: None if test[name] is None else Measured(**test[name]) for name in LOSSES}
    except (ValueError, KeyError, TypeError) as error:
        raise SketchRNNError(
            f"{path}: damaged ({error}); delete it, and the next call measures the model again"
        ) from None


def _shown(losses: Mapping[str, Measured | None] | None) -> str:
    L_R = losses["L_R"] if losses else None
    return "–" if L_R is None else f"{L_R.mean:.3f} ± {L_R.stderr:.3f}"
