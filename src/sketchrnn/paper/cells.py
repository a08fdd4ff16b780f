"""The cells of Table 1 in a folder: which there are, training what is left, what they measured.

    OUT/runs/DATASET/COLUMN/            a run folder; COLUMN is w_KL (1.00, ...) or decoder-only
    OUT/runs/DATASET/COLUMN/test.json   its losses on the test split, once it is trained

A cell is known by these files alone, so whatever stops the work, the next call goes on with it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from sketchrnn.api import load
from sketchrnn.data.dataset import Dataset
from sketchrnn.data.facts import describe
from sketchrnn.data.sources import read_sources
from sketchrnn.errors import SketchRNNError
from sketchrnn.files import write_text
from sketchrnn.model.config import BackendName, ModelConfig
from sketchrnn.paper.orders import Measured
from sketchrnn.paper.published import COLUMNS, DECODER_ONLY, TABLE_1
from sketchrnn.runs import CONFIG, LOG, read_config
from sketchrnn.training.config import TrainingConfig
from sketchrnn.training.evaluate import evaluate_split
from sketchrnn.training.logs import Record, read_log
from sketchrnn.training.loop import STOPPED, need_validation, train

RUNS, TEST = "runs", "test.json"
DATA_ENDINGS = (".npz", ".sketches", ".ndjson", ".ndjson.gz")

# The losses that test.json holds, as `sketchrnn evaluate --json` prints them.
LOSSES = ("L_R", "L_R_masked", "L_KL", "L_KL_floored", "nats_per_drawing")


@dataclass(frozen=True)
class Settings:
    """What all cells of a table have in common.

    Attributes:
        model: fields of ModelConfig, without N_max (of the drawings) and conditional (the cell's).
        training: its w_KL is not used: each column has its own.
        max_points: longer drawings are left out.
    """

    model: Mapping[str, Any] = field(default_factory=dict)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    max_points: int | None = None


def is_trained(run: Path) -> bool:
    """Whether the training of a run has come to its own end: of steps, minutes or patience."""
    records = read_log(run) if (run / LOG).exists() else []
    return bool(records) and records[-1]["kind"] == "end" and records[-1]["reason"] != STOPPED


@dataclass(frozen=True)
class Cell:
    """One model of the table."""

    dataset: str
    column: str
    run: Path

    @property
    def title(self) -> str:
        """What to call it."""
        return f"{self.dataset}, {column_title(self.column)}"

    @property
    def is_begun(self) -> bool:
        """Whether it has a run, finished or not."""
        return (self.run / CONFIG).exists()

    def is_trained(self) -> bool:
        """Whether its training has come to its own end: of steps, minutes or patience."""
        return self.is_begun and is_trained(self.run)

    @property
    def is_done(self) -> bool:
        """Whether it is trained and measured."""
        return (self.run / TEST).exists()

    def model(self, settings: Settings, N_max: int) -> ModelConfig:
        """The shape of its model."""
        conditional = self.column != DECODER_ONLY
        return ModelConfig(N_max=N_max, conditional=conditional, **settings.model)

    def training(self, settings: Settings) -> TrainingConfig:
        """Its numbers: the common ones with its own w_KL."""
        if self.column == DECODER_ONLY:
            return settings.training
        return replace(settings.training, w_KL=float(self.column))


@dataclass(frozen=True)
class Result:
    """What a finished cell says.

    Attributes:
        losses: by name (`LOSSES`); None for the L_KL of a decoder-only model.
        N_max, scale, mean_length, epsilon: of the drawings, as `sketchrnn evaluate` has them;
            mean_length is that of the test drawings.
        training_drawings, training_length: how many it learned from, and their mean length.
        test_drawings, left_out: how many were measured, and how many were longer than N_max.
        z_size: N_z; 0 for a decoder-only model.
        steps, best_step: of the training, and where its best weights are.
        minutes: of training, validations included.
        ended: why the training ended.
    """

    losses: Mapping[str, Measured | None]
    N_max: int
    scale: float
    mean_length: float
    epsilon: float | None
    training_drawings: int
    training_length: float
    test_drawings: int
    left_out: int
    z_size: int
    steps: int
    best_step: int
    minutes: float
    ended: str


def column_title(column: str) -> str:
    """`w_KL 0.50`, or `decoder-only`."""
    return column if column == DECODER_ONLY else f"w_KL {column}"


def find_data(
    folder: Path, names: Sequence[str] | None = None
) -> tuple[dict[str, list[Path]], dict[str, list[str]]]:
    """The data files of data sets: class names joined by "+", one file a class.

    Args:
        folder: holds files named after their class, such as pig.npz.
        names: the data sets; None: those of the paper whose files are all there.

    Returns:
        the files of each data set, and, with `names` None, which classes the others lack.

    Raises:
        SketchRNNError: no such folder, a name that is none, a file that is not there or there
            twice, or no data set at all.
    """
    if not folder.is_dir():
        raise SketchRNNError(f"{folder}: there is no such folder; name one that holds data files")
    found: dict[str, list[Path]] = {}
    missing: dict[str, list[str]] = {}
    for name in TABLE_1 if names is None else dict.fromkeys(names):
        classes = name.split("+")
        for one in classes:
            if not one or one.startswith(".") or Path(one).name != one or classes.count(one) > 1:
                raise SketchRNNError(
                    f"{name!r} is no data set: name different classes, joined by +: pig+face"
                )
        files = [_data_file(folder, one) for one in classes]
        if lacking := [one for one, file in zip(classes, files, strict=True) if file is None]:
            missing[name] = lacking
        else:
            found[name] = [file for file in files if file is not None]
    if names is not None and missing:
        name, lacking = next(iter(missing.items()))
        raise SketchRNNError(
            f"{folder}: there is no data file of {lacking[0]!r} for {name};"
            f" looked for {lacking[0]}{f', {lacking[0]}'.join(DATA_ENDINGS)}"
        )
    if not found:
        raise SketchRNNError(
            f"{folder}: holds all files of none of the paper's data sets; name others with"
            " --datasets, or fetch some: sketchrnn data download pig face -o DIR"
        )
    return found, missing


def _data_file(folder: Path, name: str) -> Path | None:
    files = [folder / (name + ending) for ending in DATA_ENDINGS]
    files = [file for file in files if file.is_file()]
    if len(files) > 1:
        raise SketchRNNError(
            f"{folder}: has both {files[0].name} and {files[1].name}; leave the one that is meant"
        )
    return files[0] if files else None


def cells_of(out: Path, dataset: str) -> list[Cell]:
    """The four cells of a data set."""
    return [Cell(dataset, column, out / RUNS / dataset / column) for column in COLUMNS]


def known_datasets(out: Path) -> list[str]:
    """The data sets with a run in the folder: the paper's in its order, then the others by name."""
    folder = out / RUNS
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    begun = {name for name in names if any(cell.is_begun for cell in cells_of(out, name))}
    return [name for name in TABLE_1 if name in begun] + sorted(begun - set(TABLE_1))


def check_settings(out: Path, settings: Settings) -> None:
    """Raise SketchRNNError if a cell of the folder was begun with other settings than these."""
    for dataset in known_datasets(out):
        for cell in cells_of(out, dataset):
            if not cell.is_begun:
                continue
            stored = read_config(cell.run)
            before = asdict(stored.model) | asdict(TrainingConfig.of_run(cell.run))
            now = asdict(cell.model(settings, stored.model.N_max))
            now |= asdict(cell.training(settings))
            before["max_points"], now["max_points"] = stored.data.max_points, settings.max_points
            for name, value in now.items():
                if before[name] != value:
                    raise SketchRNNError(
                        f"{cell.run}: was begun with --{name.replace('_', '-')} {before[name]}, not"
                        f" {value}; all cells of a table have the same settings: give those, or"
                        " another folder"
                    )


@dataclass(frozen=True)
class Prepared:
    """The drawings of a data set, as a training has them and as a test has them.

    Attributes:
        whole: all that the files hold.
        trained: without those over max_points or N_max.
        sources: the files.
    """

    whole: Dataset
    trained: Dataset
    sources: tuple[str, ...]

    @property
    def N_max(self) -> int:
        """Of the training drawings that are left."""
        return self.trained.N_max


def prepare(files: Sequence[Path], max_points: int | None) -> Prepared:
    """Read a data set as `sketchrnn train` does; the limits of its three splits are the same.

    Raises:
        SketchRNNError: a file cannot be read, or validation or test drawings are missing.
    """
    sources = tuple(str(file.resolve()) for file in files)
    whole = read_sources(sources)
    trained = whole if max_points is None else whole.limited(max_points)[0]
    trained = trained.limited(trained.N_max)[0]
    need_validation(trained)
    if not len(trained.test):
        raise SketchRNNError(
            f"{whole.name}: there are no test drawings; prepare the data with --test"
        )
    return Prepared(whole, trained, sources)


def check_drawings(row: Sequence[Cell], prepared: Prepared) -> None:
    """Raise SketchRNNError if a cell of the data set was begun with other drawings than these."""
    fingerprint = describe(prepared.trained, (), None).fingerprint
    for cell in row:
        if cell.is_begun and read_config(cell.run).data.fingerprint != fingerprint:
            raise SketchRNNError(
                f"{cell.run}: was trained on other drawings than those of"
                f" {', '.join(prepared.sources)}; give the same files, or another folder"
            )


def train_cell(
    cell: Cell,
    prepared: Prepared,
    settings: Settings,
    *,
    device: torch.device,
    backend: BackendName = "auto",
    should_stop: Callable[[], bool] = lambda: False,
) -> Iterator[Record]:
    """Train a cell, or go on with it; yields what `training.loop.train` does.

    Raises:
        SketchRNNError: as there.
    """
    return train(
        cell.run,
        prepared.trained,
        cell.model(settings, prepared.N_max),
        cell.training(settings),
        device=device,
        backend=backend,
        sources=prepared.sources,
        max_points=settings.max_points,
        resume=cell.is_begun,
        should_stop=should_stop,
    )


def measure_cell(cell: Cell, prepared: Prepared, *, device: torch.device) -> None:
    """Write test.json: the best weights on the test split, as `sketchrnn evaluate` does it."""
    model = load(cell.run, device=str(device))
    KL_min = TrainingConfig.of_run(cell.run).KL_min
    summary = evaluate_split(model, prepared.whole, "test", KL_min, each=("L_R", "L_KL"))
    write_text(cell.run / TEST, json.dumps(summary, indent=2) + "\n")


def read_result(cell: Cell) -> Result:
    """What a finished cell says. Raises SketchRNNError for a damaged file."""
    config, records = read_config(cell.run), read_log(cell.run)
    path = cell.run / TEST
    try:
        test = json.loads(path.read_text("utf-8"))
        losses = {name: None if test[name] is None else Measured(**test[name]) for name in LOSSES}
        end = records[-1]
        return Result(
            losses=losses,
            N_max=test["N_max"],
            scale=test["scale"],
            mean_length=test["mean_length"],
            epsilon=test["epsilon"],
            training_drawings=(config.data.counts or {})["train"],
            training_length=config.data.mean_length,
            test_drawings=test["n"],
            left_out=test["left_out"],
            z_size=config.model.z_size if config.model.conditional else 0,
            steps=end["step"],
            best_step=end["best_step"],
            minutes=end["seconds"] / 60,
            ended=end["reason"],
        )
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise SketchRNNError(
            f"{path}: damaged ({error}); delete it, and the next call measures the cell again"
        ) from None


Table = dict[str, dict[str, Result]]


def read_table(out: Path) -> Table:
    """All finished cells of a folder: by data set, then by column."""
    table = {
        dataset: {cell.column: read_result(cell) for cell in cells_of(out, dataset) if cell.is_done}
        for dataset in known_datasets(out)
    }
    return {dataset: row for dataset, row in table.items() if row}
