"""A training as a user starts it, from data and a preset to a run: `sketchrnn.train`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

from sketchrnn.data.dataset import Dataset
from sketchrnn.data.facts import describe
from sketchrnn.data.sources import Data, Source, doodles_source, read, source_names
from sketchrnn.errors import SketchRNNError
from sketchrnn.model.config import BackendName, ModelConfig
from sketchrnn.runs import BEST, find_run, read_config, steps_done, writing
from sketchrnn.training.config import PRESETS, TrainingConfig
from sketchrnn.training.logs import Record
from sketchrnn.training.terminal import StopSignals, TrainingProgress

if TYPE_CHECKING:
    from sketchrnn.drawing.encodings import Fit

# in a run that is resumed: when to stop, and what another machine may not have
MAY_CHANGE = ("max_steps", "max_minutes", "patience", "precision")


def train(
    data: Data,
    run: Source,
    *,
    preset: str | None = None,
    begin_with: Source | None = None,
    max_points: int | None = None,
    resume: bool = False,
    device: str = "auto",
    backend: BackendName | None = None,
    quiet: bool = False,
    **numbers: Any,
) -> Record:
    """Train a model, showing progress on stderr. Ctrl-C, or SIGTERM, saves and stops.

    >>> import sketchrnn
    >>> end = sketchrnn.train("doodles:50", "run", max_steps=3, decoder_size=16, quiet=True)
    >>> end["reason"]
    'all 3 steps done'
    >>> sketchrnn.load("run").config.decoder_size
    16

    Args:
        data: files of any known format or doodles[:COUNT[:SEED[:KIND+KIND]]], or a Dataset; with
            `resume` only if the files have moved, otherwise ().
        run: the run folder to make, or to continue.
        preset: what sets all numbers (`training.config.PRESETS`); by default "laptop", or "few"
            with `begin_with`.
        begin_with: a run folder or a starter model whose weights, cells and sizes to begin with.
        max_points: leave out drawings with more points.
        resume: continue from the run's last checkpoint, as if it had never stopped.
        device: auto, cpu, cuda, ...: where to compute.
        backend: how the cells are run over time; by default auto, or as a resumed run was begun.
        quiet: show nothing.
        numbers: fields of ModelConfig and TrainingConfig, in place of the preset's.

    Returns:
        The last record of the run's log: `step`, `reason`, `best_step`, `best_loss`, `seconds`.

    Raises:
        SketchRNNError: a wrong number or name, or as `training.loop.train`.
    """
    if resume:
        stored = read_config(run)
        fixed = any((preset, begin_with, max_points is not None))
        sizes, training = resumed_settings(run, stored.model, numbers, fixed=fixed)
        max_points = stored.data.max_points
        if not isinstance(data, Dataset):
            again = f"sketchrnn train DATA --resume -o {run}"
            data = source_names(data) or _found(run, stored.data.sources, again)
    else:
        sizes, training = new_settings(data, preset, begin_with, numbers)
    progress = TrainingProgress(training, quiet=quiet)
    say = progress.console.print
    with StopSignals(patient=False) as stop, _telling(run, say):
        # before PyTorch is loaded and gigabytes are read, so that what is wrong fails at once
        if Path(run).is_dir():
            with writing(Path(run)):
                pass
        from sketchrnn.devices import prepared_device
        from sketchrnn.training import loop

        where = prepared_device(device)
        dataset, notes = fitting(read(data), max_points)
        records = loop.train(
            run,
            dataset,
            ModelConfig(N_max=dataset.N_max, **sizes),
            training,
            device=where,
            backend=backend,
            sources=tuple(map(_full_name, source_names(data))),
            max_points=max_points,
            resume=resume,
            begin_with=begin_with,
            should_stop=stop,
        )
        for note in notes:
            say(note)
        counts = _counts({name: len(part) for name, part in dataset.splits.items()})
        say(
            f"{dataset.name}: {counts}; N_max {dataset.N_max}, scale {dataset.scale:.4g}, computing"
            f" on {where}"
        )
        stop.patient = True
        with progress:
            for record in records:
                progress.show(record)
        stop.patient = False
        if record["step"]:
            from sketchrnn.training.prior import fit_run

            for which, fit in fit_run(run, dataset, device=str(where)).items():
                say(f"{which} weights: {fit.said}")
    if record["reason"] == loop.STOPPED:
        say(_what_is_in(run))
        return record
    say(f"the run is in {run}; draw with: sketchrnn generate {quote(str(run))}")
    if record["best_step"] < record["step"] / 2:
        say(
            f"it draws with the weights that were best in validation, of step"
            f" {record['best_step']}; with --which last, of step {record['step']}: look at both"
        )
    return record


def fit_prior(
    run: Source,
    data: Data = (),
    *,
    device: str = "auto",
    progress: Callable[[int, int], object] = lambda done, total: None,
    say: Callable[[str], object] = lambda line: None,
) -> dict[str, Fit]:
    """Fit the prior of a run to what its training drawings encode to, and store it in the run.

    Every training ends so; this is for a run that was trained before. See `training.prior.fit_run`.

    >>> import sketchrnn
    >>> _ = sketchrnn.train("doodles:40", "run2", max_steps=2, decoder_size=16, quiet=True)
    >>> list(sketchrnn.fit_prior("run2"))
    ['best', 'last']

    Args:
        run: the run folder.
        data: the drawings that it learned from; by default where they were then.
        device: where to encode.
        progress: called with how many drawings of how many are encoded.
        say: is told of drawings that are left out, and if the run learned from others.

    Raises:
        SketchRNNError: no such run, a decoder-only model, drawings that are not there.
    """
    from sketchrnn.devices import prepared_device
    from sketchrnn.training.prior import fit_run

    if find_run(run) != Path(run):
        raise SketchRNNError(
            f"{run}: is a starter model, which stays as it is; name a run of yours"
        )
    stored = read_config(run)
    if not stored.model.conditional:
        raise SketchRNNError(f"{run}: is a decoder-only model: it has no z to draw from a prior")
    if not isinstance(data, Dataset):
        again = f"sketchrnn prior {quote(str(run))} DATA"
        data = source_names(data) or _found(run, stored.data.sources, again)
    where = prepared_device(device)
    dataset, notes = fitting(read(data), stored.data.max_points)
    for note in notes:
        say(note)
    if stored.data.fingerprint not in ("", describe(dataset, (), None).fingerprint):
        say(f"{run}: learned from other drawings than these; its prior will be of these")
    return fit_run(run, dataset, device=str(where), progress=progress)


@contextmanager
def _telling(run: Source, say: Callable[[str], object]) -> Iterator[None]:
    """Where the block is interrupted, say what there is of the run."""
    try:
        yield
    except KeyboardInterrupt:
        say(_what_is_in(run))
        raise


def _what_is_in(run: Source) -> str:
    """What a run that was stopped has, and what can be done with it."""
    folder, named = Path(run), quote(str(run))
    steps = steps_done(folder)
    if steps is None:
        return f"{run}: stopped before anything was written; there is no run yet, train again"
    resume = f"go on with: sketchrnn train --resume -o {named}"
    if not (folder / BEST).exists():
        if not steps:
            return f"{run}: stopped before a step was saved, so it cannot draw yet; {resume}"
        return (
            f"{run}: stopped before the first validation, so there are no best weights yet, but the"
            f" checkpoint of step {steps}, which draws: sketchrnn generate {named}; {resume}"
        )
    return (
        f"{run}: stopped; it has the checkpoint of step {steps}, and the best weights so far;"
        f" {resume}; draw with: sketchrnn generate {named}"
    )


def new_settings(
    data: Data, preset: str | None, begin_with: Source | None, numbers: Mapping[str, Any]
) -> tuple[dict[str, Any], TrainingConfig]:
    """The numbers of a preset, and of the model to begin with, changed by those that are given.

    The model's are all but N_max, which comes from the drawings.
    """
    if not isinstance(data, Dataset) and not source_names(data):
        raise SketchRNNError("name the data to train on: a data file, or doodles")
    name = preset or ("laptop" if begin_with is None else "few")
    if name not in PRESETS:
        raise SketchRNNError(f"there is no preset {name!r}; choose one of {', '.join(PRESETS)}")
    sizes, changes = _of_model_and_training(numbers)
    model = PRESETS[name].model | sizes
    if begin_with is not None:
        if sizes:
            named = _flag(min(sizes, key=lambda size: size == "conditional"))
            raise SketchRNNError(f"{named} is given by --begin-with; leave out one of them")
        model = shape_of(read_config(find_run(begin_with)).model)
    ModelConfig(N_max=1, **model)  # N_max is known later; the others are checked here
    return model, replace(PRESETS[name].training, **changes)


def resumed_settings(
    run: Source, model: ModelConfig, numbers: Mapping[str, Any], *, fixed: bool
) -> tuple[dict[str, Any], TrainingConfig]:
    """What a run states, with the numbers that may change in one that is resumed.

    `fixed` says whether something was given, beside the numbers, that may not.
    """
    sizes, changes = _of_model_and_training(numbers)
    wrong = sorted((sizes | changes).keys() - {"conditional", *MAY_CHANGE})
    if wrong or fixed or sizes:
        named = "--preset, --unconditional, --begin-with or --max-points"
        named = _flag(wrong[0]) if wrong else named
        may = ", ".join(map(_flag, MAY_CHANGE))
        raise SketchRNNError(f"{named} cannot change in a run that is resumed; only {may} can")
    return shape_of(model), replace(TrainingConfig.of_run(run), **changes)


def _of_model_and_training(numbers: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The fields of ModelConfig, and those of TrainingConfig. Raises SketchRNNError for others."""
    model, training = (
        {item.name: numbers[item.name] for item in fields(config) if item.name in numbers}
        for config in (ModelConfig, TrainingConfig)
    )
    for name in numbers:
        if name == "N_max" or name not in model | training:
            raise SketchRNNError(
                f"there is no number {name!r} to train with; the help of `sketchrnn train` has all"
            )
    return model, training


def _flag(name: str) -> str:
    """What the command line calls a field."""
    return "--unconditional" if name == "conditional" else f"--{name.replace('_', '-')}"


def shape_of(model: ModelConfig) -> dict[str, Any]:
    """All fields but N_max, which is of the drawings."""
    return {name: value for name, value in vars(model).items() if name != "N_max"}


def _found(run: Source, sources: Sequence[str], again: str) -> Sequence[str]:
    """The sources that a run knows of. Raises SketchRNNError where they are not there any more.

    `again` is the command that names them.
    """
    if not sources:
        raise SketchRNNError(f"{run}: does not say where its data are; name them: {again}")
    for source in sources:
        if doodles_source(source) is None and not Path(source).exists():
            raise SketchRNNError(f"{source}: there is no such file; give its new place: {again}")
    return sources


def fitting(dataset: Dataset, max_points: int | None) -> tuple[Dataset, list[str]]:
    """The drawings that a model of them can read, and what is to be said of the others."""
    notes = []
    if max_points is not None:
        dataset, dropped = dataset.limited(max_points)
        notes.append(f"left out, with more than {max_points} points: {_counts(dropped)}")
    N_max = dataset.N_max
    dataset, dropped = dataset.limited(N_max)  # validation and test drawings may be longer
    if any(dropped.values()):
        notes.append(
            f"left out, longer than the longest training drawing ({N_max}): {_counts(dropped)}"
        )
    return dataset, notes


def _full_name(source: str) -> str:
    return str(Path(source).resolve()) if Path(source).exists() else source


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number:,} {name}" for name, number in counts.items())
