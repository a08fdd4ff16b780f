"""The training loop: one visible function that yields a record a step.

    for record in train(run, dataset, model_config, training_config): ...

Every random number of step k is a function of (seed, k): which drawings, how they are augmented,
the dropout masks and z. So a resumed run has the losses of an uninterrupted one, and no random
state has to be saved.
"""

from __future__ import annotations

import hashlib
import math
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path

import torch
from torch import Tensor

from sketchrnn.data.batches import Batch, prefetched, training_batches
from sketchrnn.data.dataset import Dataset, Drawings
from sketchrnn.data.facts import DataFacts, describe
from sketchrnn.errors import SketchRNNError
from sketchrnn.model.config import BackendName, ModelConfig
from sketchrnn.model.network import Network
from sketchrnn.model.unroll import Backend
from sketchrnn.runs import (
    BEST,
    CONFIG,
    LAST,
    SHEETS,
    RunConfig,
    load_tensors,
    load_weights,
    read_config,
    remove_temporaries,
    save_tensors,
    write_config,
)
from sketchrnn.training.config import TrainingConfig
from sketchrnn.training.evaluate import evaluate_drawings
from sketchrnn.training.graph import DeviceStep
from sketchrnn.training.logs import Record, RunLog, cut_log
from sketchrnn.training.schedules import kl_weight, learning_rate
from sketchrnn.training.step import clip_gradients, step_losses

ADAM_BETAS = (0.9, 0.999)
ADAM_EPSILON = 1e-8
FALLBACKS = 3  # times that a loss which is not finite may throw the run back
FALLBACK_RATE = 0.5  # what each of them leaves of the learning rate
STOPPED = "stopped"  # the reason of a run that was asked to stop

CHECKPOINT_SECONDS = 120.0
SHEET_DRAWINGS, SHEET_TEMPERATURES = 10, (0.2, 0.5, 0.8)


class Trainer:
    """Network, Adam and the place in the run; `step` takes one, `save` and `restore` keep it."""

    def __init__(
        self,
        model: ModelConfig,
        training: TrainingConfig,
        scale: float,
        device: torch.device,
        backend: BackendName = "auto",
    ) -> None:
        self.training = training
        self.scale = scale
        self.device = device
        self.backend = Backend(backend, training.precision == "bf16").chosen(
            torch.zeros(1, device=device)
        )
        with torch.random.fork_rng():
            torch.manual_seed(training.seed)
            self.network = Network(model).to(device)
        self.adam = torch.optim.Adam(
            self.network.parameters(), betas=ADAM_BETAS, eps=ADAM_EPSILON, fused=True
        )
        self.generator = torch.Generator(device)
        self.graphs = True  # whether steps on a GPU are taken as CUDA graphs
        self._graph: DeviceStep | None = None
        self.steps_done = 0
        self.seconds = 0.0
        self.rate_factor = 1.0
        self.fallbacks = 0
        self.best_loss = math.inf
        self.best_step = 0
        self.evaluations_without_gain = 0

    def step(self, batch: Batch) -> Record | None:
        """Forward, backward, clip, Adam. None, and nothing done, if loss or gradient is not finite.

        The losses are eq. 9 and the supplement's eq. 2 to 4, the means over the batch.
        """
        step, config = self.steps_done, self.training
        rate = self.rate_factor * learning_rate(
            step, config.learning_rate, config.learning_rate_decay, config.min_learning_rate
        )
        weight = kl_weight(step, config.w_KL, config.eta_min, config.R)
        take_step = self._graph_step if self._is_for_graph(batch) else self._eager_step
        losses = take_step(batch, _mix(config.seed, step), rate, weight)
        if losses is None:
            return None
        self.steps_done += 1
        record: Record = {"kind": "train", "step": step + 1, "learning_rate": rate, **losses}
        if self.network.config.conditional:
            record["kl_weight"] = weight
        return record

    def _eager_step(
        self, batch: Batch, seed: int, rate: float, weight: float
    ) -> dict[str, float] | None:
        self.generator.manual_seed(seed)
        steps_B: Tensor | None = None
        if batch.steps_B is not None and self.device.type == "cpu":  # others run whole batches
            steps_B = torch.from_numpy(batch.steps_B)
        losses = step_losses(
            self.network.train(),
            torch.from_numpy(batch.x_BT5).to(self.device),
            torch.from_numpy(batch.lengths_B).to(self.device),
            weight,
            self.training,
            self.generator,
            steps_B=steps_B,
            backend=self.backend,
        )
        if not torch.isfinite(losses.loss):
            return None
        self.adam.zero_grad(set_to_none=True)
        losses.loss.backward()  # type: ignore[no-untyped-call]
        if not torch.isfinite(clip_gradients(self.network, self.training)):
            return None
        for group in self.adam.param_groups:
            group["lr"] = rate
        self.adam.step()
        return losses.numbers()

    def _is_for_graph(self, batch: Batch) -> bool:
        """Whether a CUDA graph can take it: on a GPU, batches that all have the same shape."""
        whole = (self.training.batch_size, self.network.config.N_max + 1)
        return (
            self.graphs
            and self.device.type == "cuda"
            and self.backend.name == "triton"
            and batch.x_BT5.shape[:2] == whole
        )

    def _graph_step(
        self, batch: Batch, seed: int, rate: float, weight: float
    ) -> dict[str, float] | None:
        if self._graph is None:
            self._graph = DeviceStep(
                self.network,
                self.adam,
                self.training,
                self.generator,
                self.backend,
                batch.x_BT5.shape,
            )
        self._graph.start(batch, seed=seed, rate=rate, weight=weight)
        return self._graph.finish()

    def validate(self, drawings: Drawings) -> Record:
        """Losses on all validation drawings, and whether they are the best so far (eq. 11)."""
        result = evaluate_drawings(self.network, drawings, self.scale, seed=self.training.seed)
        loss = result.loss(self.training.w_KL)
        record: Record = {
            "kind": "evaluate",
            "step": self.steps_done,
            "loss": loss,
            "L_R": float(result.L_R.mean()),
            "L_s": float(result.L_s.mean()),
            "L_p": float(result.L_p.mean()),
        }
        if result.L_KL is not None:
            record["L_KL"] = float(result.L_KL.mean())
        record["best"] = loss < self.best_loss
        if record["best"]:
            self.best_loss, self.best_step = loss, self.steps_done
            self.evaluations_without_gain = 0
        else:
            self.evaluations_without_gain += 1
        return record

    def is_finite(self) -> bool:
        """Whether all weights and Adam's moments are finite: the state is worth keeping."""
        values = list(self.network.parameters())
        for state in self.adam.state.values():
            values += [state["exp_avg"], state["exp_avg_sq"]]
        return all(bool(torch.isfinite(value).all()) for value in values)

    def save(self, path: Path) -> None:
        """Everything that `restore` needs, as one file."""
        tensors = {f"weights/{name}": p for name, p in self.network.state_dict().items()}
        for name, parameter in self.network.named_parameters():
            state = self.adam.state.get(parameter)
            if state:
                tensors[f"adam_m/{name}"] = state["exp_avg"]
                tensors[f"adam_v/{name}"] = state["exp_avg_sq"]
        save_tensors(path, tensors, {name: getattr(self, name) for name in _PLACE})

    def restore(self, path: Path) -> None:
        """Go back to a saved place. Raises SketchRNNError where the file is missing or unfit."""
        tensors, place = load_tensors(path)
        parts: dict[str, dict[str, Tensor]] = {"weights": {}, "adam_m": {}, "adam_v": {}}
        try:
            for name, value in tensors.items():
                part, _, parameter_name = name.partition("/")
                parts[part][parameter_name] = value
            values = {name: place[name] for name in _PLACE}
        except KeyError as error:
            raise SketchRNNError(f"{path}: not a checkpoint of a training: no {error}") from None
        for name, value in values.items():
            if not _fits(name, value):
                raise SketchRNNError(f"{path}: damaged, {name} is {value!r:.60}; restore the file")
        if not all(bool(torch.isfinite(value).all()) for value in tensors.values()):
            raise SketchRNNError(
                f"{path}: holds a weight that is not a finite number; restore it or train anew"
            )
        load_weights(self.network, parts["weights"], path)
        shapes = {name: p.shape for name, p in self.network.named_parameters()}
        m, v = ({n: t.shape for n, t in parts[part].items()} for part in ("adam_m", "adam_v"))
        if m != v or not m.items() <= shapes.items():
            raise SketchRNNError(f"{path}: damaged, Adam's moments do not fit the weights")
        self.adam.state.clear()
        for name, parameter in self.network.named_parameters():
            if name in parts["adam_m"]:
                self.adam.state[parameter] = {
                    "step": torch.tensor(float(values["steps_done"]), device=self.device),
                    "exp_avg": parts["adam_m"][name].to(self.device),
                    "exp_avg_sq": parts["adam_v"][name].to(self.device),
                }
        for name, value in values.items():
            setattr(self, name, value)
        self._graph = None  # it holds the moments that were replaced


_PLACE: dict[str, type[int] | type[float]] = {
    "steps_done": int,
    "seconds": float,
    "rate_factor": float,
    "fallbacks": int,
    "best_loss": float,
    "best_step": int,
    "evaluations_without_gain": int,
}


def _fits(name: str, value: object) -> bool:
    """Whether a value read from a file can be this part of the place in the run."""
    if type(value) is not _PLACE[name]:  # a bool is no count
        return False
    if isinstance(value, int):
        return 0 <= value < 2**53  # Adam counts its steps as a float
    assert isinstance(value, float)
    if name == "best_loss":
        return not math.isnan(value)  # infinite before the first validation
    return math.isfinite(value) and value >= 0


def train(
    run: str | os.PathLike[str],
    dataset: Dataset,
    model: ModelConfig,
    training: TrainingConfig,
    *,
    device: torch.device | None = None,
    backend: BackendName = "auto",
    sources: tuple[str, ...] = (),
    max_points: int | None = None,
    resume: bool = False,
    begin_with: str | os.PathLike[str] | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Iterator[Record]:
    """Train, keep the run folder, and yield every record as it is logged.

    Bad input is found, and the folder made, before the first record is asked for. Records have a
    `kind`: "train" (one a step), "evaluate", "fallback" (the run went back to its last checkpoint:
    what `not_finite` names was not), "no_sheet" (a sheet could not be drawn), "end" (with a
    `reason`). `seconds` counts all of the training so far, validations, sheets and checkpoints too.

    Args:
        run: the folder; must not hold a run already, unless `resume`.
        dataset: no drawing longer than `model.N_max` (see `Dataset.limited`).
        model, training: the configs; stored in the folder.
        device: where to compute.
        backend: how the cells are run over time (`model.unroll.Backend`); not stored.
        sources, max_points: stored, so that `--resume` needs only the folder; with `resume`,
            sources replace those stored, if any are named.
        resume: go on from the last checkpoint of the folder.
        begin_with: a run or starter model of the same shape, whose best weights a new run begins
            with; N_max and scale may differ, for no weight depends on them.
        should_stop: asked after each step; true saves and ends cleanly.

    Raises:
        SketchRNNError: the folder holds a run (or none, with `resume`), other drawings than before,
            no validation drawings, a damaged run folder, a model to begin with of another shape,
            or a loss that stays not finite.
    """
    folder = Path(run)
    need_validation(dataset)
    if not resume and (folder / CONFIG).exists():
        raise SketchRNNError(
            f"{folder}: holds a run already; go on with --resume, or name another folder"
        )
    facts = describe(dataset, sources, max_points)
    trainer = Trainer(model, training, facts.scale, device or torch.device("cpu"), backend)
    if resume:
        stored = read_config(folder)
        if stored.data.fingerprint != facts.fingerprint:
            raise SketchRNNError(
                f"{folder}: was trained on other drawings than these; give the same data files"
            )
        trainer.restore(folder / LAST)
        cut_log(folder, trainer.steps_done)
        remove_temporaries(folder)
        # when to stop and where the data are may have changed, and hold for the next resume as well
        data = replace(stored.data, sources=sources or stored.data.sources)
        write_config(folder, RunConfig(model, data, asdict(training)))
    else:
        if begin_with is not None:
            facts = _take_weights(trainer, begin_with, facts)
        _begin(folder, trainer, RunConfig(model, facts, asdict(training)))
    return _logged_steps(folder, trainer, dataset, facts, should_stop)


def _take_weights(
    trainer: Trainer, begin_with: str | os.PathLike[str], facts: DataFacts
) -> DataFacts:
    """Put the weights of a model into the trainer's; the facts say so."""
    from sketchrnn.drawing.model import load

    model = load(begin_with)
    load_weights(trainer.network, model.network.state_dict(), Path(begin_with))
    begun = f"began with the weights of {model.name} ({', '.join(model.facts.classes)})"
    return replace(facts, provenance=(*facts.provenance, begun))


def need_validation(dataset: Dataset) -> None:
    """Raise SketchRNNError for a data set without validation drawings."""
    if not len(dataset.valid):
        raise SketchRNNError(
            f"{dataset.name}: there are no validation drawings; prepare the data with --valid"
        )


def _begin(folder: Path, trainer: Trainer, config: RunConfig) -> None:
    """Make the run folder: whole, or not at all."""
    is_new = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    remove_temporaries(folder)  # of a run that was killed while it began
    try:
        trainer.save(folder / LAST)  # before the config, which makes the folder a run that resumes
        write_config(folder, config)
    except BaseException:
        for name in (CONFIG, LAST):
            (folder / name).unlink(missing_ok=True)
        if is_new:
            folder.rmdir()
        raise


def _logged_steps(
    folder: Path,
    trainer: Trainer,
    dataset: Dataset,
    facts: DataFacts,
    should_stop: Callable[[], bool],
) -> Iterator[Record]:
    with RunLog(folder, trainer.steps_done) as log:
        yield from _steps(folder, trainer, dataset, facts, log, should_stop)


def _steps(
    folder: Path,
    trainer: Trainer,
    dataset: Dataset,
    facts: DataFacts,
    log: RunLog,
    should_stop: Callable[[], bool],
) -> Iterator[Record]:
    config = trainer.training

    def batches() -> Iterator[Batch]:
        return prefetched(
            training_batches(
                dataset.train,
                config.batch_size,
                trainer.network.config.N_max,
                trainer.scale,
                seed=config.seed,
                start_step=trainer.steps_done,
                augment_scale=config.augment_scale,
                drop_probability=config.drop_probability,
                padding=config.padding,
            )
        )

    counted_at = time.monotonic()

    def count_seconds() -> None:
        nonlocal counted_at
        now = time.monotonic()
        trainer.seconds += now - counted_at
        counted_at = now

    coming = batches()
    saved_at = time.monotonic()
    reason = _why_done(trainer)
    while not reason:
        started = time.monotonic()
        record = trainer.step(next(coming))
        seconds = time.monotonic() - started
        count_seconds()
        if record is None:
            yield log.write(_fall_back(folder, trainer, "the loss", trainer.steps_done + 1))
            coming = batches()
            continue
        record["sketches_per_s"] = config.batch_size / seconds
        record["seconds"] = trainer.seconds
        yield log.write(record)

        reason = _why_done(trainer)
        due = bool(reason) or trainer.steps_done % config.evaluate_every == 0
        if not reason and should_stop():
            reason = STOPPED
        if not (due or reason or time.monotonic() - saved_at > CHECKPOINT_SECONDS):
            continue
        not_finite = "" if trainer.is_finite() else "a weight"
        evaluation: Record | None = None
        if due and not not_finite:
            evaluation = trainer.validate(dataset.valid)
            not_finite = "" if math.isfinite(evaluation["loss"]) else "the validation loss"
        count_seconds()
        if not_finite:
            yield log.write(_fall_back(folder, trainer, not_finite, trainer.steps_done))
            coming, reason = batches(), ""
            continue
        news: list[Record] = []  # told when the checkpoint is safe
        if evaluation is not None:
            evaluation["seconds"] = trainer.seconds
            news.append(log.write(evaluation))
            if evaluation["best"]:
                save_tensors(
                    folder / BEST,
                    trainer.network.state_dict(),
                    {"step": trainer.steps_done, "loss": trainer.best_loss},
                )
            try:
                _draw_sheet(folder, trainer, facts)
            except SketchRNNError as error:  # a picture is no reason to end a training
                problem = {"kind": "no_sheet", "step": trainer.steps_done, "problem": str(error)}
                news.append(log.write(problem))
            count_seconds()
            reason = reason or _why_done(trainer)
        trainer.save(folder / LAST)
        saved_at = time.monotonic()
        yield from news
    yield log.write(
        {
            "kind": "end",
            "step": trainer.steps_done,
            "reason": reason,
            "best_step": trainer.best_step,
            "best_loss": None if math.isinf(trainer.best_loss) else trainer.best_loss,
            "seconds": trainer.seconds,
        }
    )


def _fall_back(folder: Path, trainer: Trainer, not_finite: str, failed_step: int) -> Record:
    """Back to the last checkpoint, with a lower rate. Raises SketchRNNError after FALLBACKS."""
    fallbacks, factor = trainer.fallbacks + 1, trainer.rate_factor * FALLBACK_RATE
    seconds = trainer.seconds  # these were spent, for whatever
    trainer.restore(folder / LAST)
    trainer.fallbacks, trainer.rate_factor, trainer.seconds = fallbacks, factor, seconds
    if fallbacks > FALLBACKS:
        raise SketchRNNError(
            f"{folder}: {not_finite} of step {failed_step} is not a finite number, after"
            f" {FALLBACKS} tries with lower rates; the last good state (step {trainer.steps_done})"
            f" is kept: try --learning-rate {trainer.training.learning_rate * factor:g} in a new"
            " run, or look for broken drawings"
        )
    trainer.save(folder / LAST)  # a resumed run must know of it
    return {
        "kind": "fallback",
        "step": trainer.steps_done,
        "failed_step": failed_step,
        "not_finite": not_finite,
        "rate_factor": factor,
    }


def _why_done(trainer: Trainer) -> str:
    """Why the run is at its end; empty while it is not."""
    config = trainer.training
    if trainer.steps_done >= config.max_steps:
        return f"all {config.max_steps} steps done"
    if config.max_minutes and trainer.seconds >= 60 * config.max_minutes:
        return f"{config.max_minutes:g} minutes are over"
    if config.patience and trainer.evaluations_without_gain >= config.patience:
        return f"no gain in {config.patience} validations"
    return ""


def _draw_sheet(folder: Path, trainer: Trainer, facts: DataFacts) -> None:
    """RUN/sheets/step_N.svg: what the model draws at this point."""
    from sketchrnn.drawing.model import Model
    from sketchrnn.drawing.sheets import temperature_sheet

    model = Model(trainer.network, facts, folder.name)
    sheet = temperature_sheet(
        model,
        SHEET_DRAWINGS,
        SHEET_TEMPERATURES,
        seed=trainer.training.seed,
        title=f"step {trainer.steps_done}",
    )
    sheet.save(folder / SHEETS / f"step_{trainer.steps_done:06d}.svg")


def _mix(seed: int, step: int) -> int:
    """One 63-bit seed for each (seed, step), unlike those near it."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{step}".encode()).digest()[:8], "little") >> 1
