"""The training loop: one visible function that yields a record a step.

    for record in train(run, dataset, model_config, training_config): ...

`training.session.train` is the same from data files and a preset, shown on the terminal.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict, replace
from pathlib import Path

import torch

from sketchrnn import runs
from sketchrnn.data.batches import Batch, prefetched, training_batches
from sketchrnn.data.dataset import Dataset
from sketchrnn.data.facts import DataFacts, describe
from sketchrnn.data.watch import Watch
from sketchrnn.drawing.coder import Coder
from sketchrnn.drawing.sheets import temperature_sheet
from sketchrnn.errors import SketchRNNError
from sketchrnn.model.config import BackendName, ModelConfig
from sketchrnn.training.config import TrainingConfig
from sketchrnn.training.logs import Record, RunLog, cut_log
from sketchrnn.training.trainer import Trainer

FALLBACKS = 3  # times that a loss which is not finite may throw the run back
FALLBACK_RATE = 0.5  # what each of them leaves of the learning rate
STOPPED = "stopped"  # the reason of a run that was asked to stop

CHECKPOINT_SECONDS = 120.0
SHEET_DRAWINGS, SHEET_TEMPERATURES = 10, (0.2, 0.5, 0.8)


def train(
    run: str | os.PathLike[str],
    dataset: Dataset,
    model: ModelConfig,
    training: TrainingConfig,
    *,
    device: torch.device | None = None,
    backend: BackendName | None = None,
    sources: tuple[str, ...] = (),
    max_points: int | None = None,
    resume: bool = False,
    begin_with: str | os.PathLike[str] | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Generator[Record]:
    """Train, keep the run folder, and yield every record as it is logged.

    Bad input is found, and the folder made, before the first record is asked for; later errors are
    of the disk, or of a loss that stays not finite. Records have a
    `kind`: "train" (one a step), "evaluate", "fallback" (the run went back to its last checkpoint:
    what `not_finite` names was not), "no_sheet" (a sheet could not be drawn), "end" (with a
    `reason`). `seconds` counts all of the training so far, validations, sheets and checkpoints too.

    Args:
        run: the folder; must not hold a run already, unless `resume`.
        dataset: no drawing longer than `model.N_max` (see `Dataset.limited`).
        model, training: stored in the folder.
        device: where to compute; not stored.
        backend: how (`model.unroll.Backend`); by default auto, or what the run was begun with.
        sources, max_points: stored, so that `--resume` needs only the folder.
        resume: go on from the last checkpoint of the folder; sources, if any, replace those stored.
        begin_with: a run or starter model of the same shape, whose best weights a new run begins
            with; N_max and scale may differ, for no weight depends on them.
        should_stop: asked after each step; true saves and ends cleanly.
    """
    folder = Path(run)
    need_validation(dataset)
    stored = runs.read_config(folder) if resume else None
    with ExitStack() as lock:
        lock.enter_context(runs.writing(folder))
        if stored is None and (folder / runs.CONFIG).exists():
            raise SketchRNNError(
                f"{folder}: holds a run already; go on with --resume, or name another folder"
            )
        facts = describe(dataset, sources, max_points)
        backend = backend or (stored.backend if stored else "auto")
        trainer = Trainer(model, training, facts.scale, device or torch.device("cpu"), backend)
        if stored is not None:
            if stored.data.fingerprint != facts.fingerprint:
                raise SketchRNNError(
                    f"{folder}: was trained on other drawings than these; give the same data files"
                )
            trainer.restore(folder / runs.LAST)
            cut_log(folder, trainer.place.steps_done)
            runs.remove_temporaries(folder)
            # what may have changed, when to stop or where the data are, holds from now on
            data = replace(stored.data, sources=sources or stored.data.sources)
            runs.write_config(folder, runs.RunConfig(model, data, asdict(training), backend))
        else:
            if begin_with is not None:
                other = Coder.load(begin_with)
                runs.load_weights(trainer.network, other.network.state_dict(), Path(begin_with))
                begun = f"began with the weights of {other.name} ({', '.join(other.facts.classes)})"
                facts = replace(facts, provenance=(*facts.provenance, begun))
            _begin(folder, trainer, runs.RunConfig(model, facts, asdict(training), backend))
        return _steps(folder, lock.pop_all(), trainer, dataset, facts, should_stop)


def need_validation(dataset: Dataset) -> None:
    """Raise SketchRNNError for a data set without validation drawings."""
    if not len(dataset.valid):
        raise SketchRNNError(
            f"{dataset.where}: there are no validation drawings; prepare the data with --valid"
        )


def _begin(folder: Path, trainer: Trainer, config: runs.RunConfig) -> None:
    """Fill the run folder: with all that a run needs, or nothing."""
    runs.remove_temporaries(folder)  # of a run that was killed while it began
    try:
        # before the config, which makes the folder a run that resumes
        trainer.save(folder / runs.LAST)
        runs.write_config(folder, config)
    except BaseException:
        for name in (runs.CONFIG, runs.LAST):
            (folder / name).unlink(missing_ok=True)
        raise


def _steps(
    folder: Path,
    lock: AbstractContextManager[object],
    trainer: Trainer,
    dataset: Dataset,
    facts: DataFacts,
    should_stop: Callable[[], bool],
) -> Generator[Record]:
    config, watch = trainer.training, Watch(dataset)
    counted_at = saved_at = time.monotonic()

    def count_seconds() -> None:
        nonlocal counted_at
        now = time.monotonic()
        trainer.place.seconds += now - counted_at
        counted_at = now

    with lock, RunLog(folder, trainer.place.steps_done) as log:
        coming, reason = _batches(trainer, dataset), _why_done(trainer)
        while not reason:
            step, not_finite, evaluation = trainer.place.steps_done + 1, "", None
            started = time.monotonic()
            record = trainer.step(next(coming))
            seconds = time.monotonic() - started
            count_seconds()
            if record is None:
                _check_data(watch, folder)
                not_finite = "the loss"
            else:
                record["sketches_per_s"] = config.batch_size / seconds
                record["seconds"] = trainer.place.seconds
                yield log.write(record)
                reason = _why_done(trainer)
                due = bool(reason) or step % config.evaluate_every == 0
                if not reason and should_stop():
                    reason = STOPPED
                if not (due or reason or time.monotonic() - saved_at > CHECKPOINT_SECONDS):
                    continue
                _check_data(watch, folder)
                if not trainer.is_finite():
                    not_finite = "a weight"
                elif due:
                    evaluation = trainer.validate(dataset.valid)
                    not_finite = "" if math.isfinite(evaluation["loss"]) else "the validation loss"
                count_seconds()
            if not_finite:
                yield log.write(_fall_back(folder, trainer, not_finite, step))
                coming, reason = _batches(trainer, dataset), ""
                continue
            news = []  # told when the checkpoint is safe
            if evaluation is not None:
                evaluation["seconds"] = trainer.place.seconds
                news.append(log.write(evaluation))
                if evaluation["best"]:
                    about = {"step": step, "loss": trainer.place.best_loss}
                    runs.save_tensors(folder / runs.BEST, trainer.network.state_dict(), about)
                try:
                    _draw_sheet(folder, trainer, facts)
                except SketchRNNError as error:  # a picture is no reason to end a training
                    problem = {"kind": "no_sheet", "step": step, "problem": str(error)}
                    news.append(log.write(problem))
                count_seconds()
                reason = reason or _why_done(trainer)
            trainer.save(folder / runs.LAST)
            saved_at = time.monotonic()
            yield from news
        place = trainer.place
        yield log.write(
            {
                "kind": "end",
                "step": place.steps_done,
                "reason": reason,
                "best_step": place.best_step,
                "best_loss": None if math.isinf(place.best_loss) else place.best_loss,
                "seconds": place.seconds,
            }
        )


def _batches(trainer: Trainer, dataset: Dataset) -> Iterator[Batch]:
    """Those from the trainer's place on."""
    config = trainer.training
    coming = training_batches(
        dataset.train,
        config.batch_size,
        trainer.network.config.N_max,
        trainer.scale,
        seed=config.seed,
        start_step=trainer.place.steps_done,
        augment_scale=config.augment_scale,
        drop_probability=config.drop_probability,
        padding=config.padding,
    )
    return prefetched(coming)


def _check_data(watch: Watch, folder: Path) -> None:
    """End the training where a data file has changed: nothing that came of it is saved."""
    try:
        watch.check()
    except SketchRNNError as error:
        raise SketchRNNError(
            f"{error}; {folder} keeps its checkpoint of step {runs.steps_done(folder)}: restore the"
            " file and go on with --resume, or train anew in another folder"
        ) from None


def _fall_back(folder: Path, trainer: Trainer, not_finite: str, failed_step: int) -> Record:
    """Back to the last checkpoint, with a lower rate. Raises SketchRNNError after FALLBACKS."""
    failed = trainer.place
    trainer.restore(folder / runs.LAST)
    place = trainer.place
    place.fallbacks = failed.fallbacks + 1
    place.rate_factor = failed.rate_factor * FALLBACK_RATE
    place.seconds = failed.seconds  # these were spent, for whatever
    if place.fallbacks > FALLBACKS:
        rate = trainer.training.learning_rate * place.rate_factor
        raise SketchRNNError(
            f"{folder}: {not_finite} of step {failed_step} is not a finite number, after"
            f" {FALLBACKS} tries with lower rates; the last good state (step {place.steps_done})"
            f" is kept: try --learning-rate {rate:g} in a new run, or look for broken drawings"
        )
    trainer.save(folder / runs.LAST)  # a resumed run must know of it
    return {
        "kind": "fallback",
        "step": place.steps_done,
        "failed_step": failed_step,
        "not_finite": not_finite,
        "rate_factor": place.rate_factor,
    }


def _why_done(trainer: Trainer) -> str:
    """Why the run is at its end; empty while it is not."""
    config, place = trainer.training, trainer.place
    if place.steps_done >= config.max_steps:
        return f"all {config.max_steps} steps done"
    if config.max_minutes and place.seconds >= 60 * config.max_minutes:
        return f"{config.max_minutes:g} minutes are over"
    if config.patience and place.evaluations_without_gain >= config.patience:
        return f"no gain in {config.patience} validations"
    return ""


def _draw_sheet(folder: Path, trainer: Trainer, facts: DataFacts) -> None:
    """RUN/sheets/step_N.svg: what the model draws at this point."""
    step, seed = trainer.place.steps_done, trainer.training.seed
    model = Coder(trainer.network, facts, folder.name)
    sheet = temperature_sheet(
        model, SHEET_DRAWINGS, SHEET_TEMPERATURES, seed=seed, title=f"step {step}"
    )
    sheet.save(folder / runs.SHEETS / f"step_{step:06d}.svg")
