"""`sketchrnn train`: learn from drawings; `--resume` goes on."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from sketchrnn.cli.flags import add_fields, flag, given_fields
from sketchrnn.errors import SketchRNNError
from sketchrnn.model.config import BACKEND_NAMES, ModelConfig
from sketchrnn.training.config import PRESETS, TrainingConfig

DERIVED = ("N_max", "conditional")  # of the drawings, and of --unconditional
# with --resume: when to stop, and what another machine may not have
MAY_CHANGE = ("max_steps", "max_minutes", "patience", "precision")


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    parser = subparsers.add_parser(
        "train",
        help="learn from drawings",
        usage="%(prog)s DATA... -o RUN [options]\n       %(prog)s --resume -o RUN [options]",
        description="Learn from drawings. Ctrl-C saves and ends; --resume goes on where it ended,"
        " as if it had never stopped. A preset sets all numbers below; a flag changes one of them.",
    )
    parser.add_argument(
        "data",
        nargs="*",
        metavar="DATA",
        help="data files of any known format, or doodles[:COUNT[:SEED[:KIND+KIND]]]; with --resume"
        " only where the files have moved",
    )
    parser.add_argument(
        "-o", "--output", required=True, type=Path, metavar="RUN", help="the run folder"
    )
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
    summaries = "; ".join(f"{preset.name}: {preset.summary}" for preset in PRESETS.values())
    parser.add_argument(
        "--preset",
        choices=tuple(PRESETS),
        default=argparse.SUPPRESS,
        help=f"{summaries} (default laptop; few with --begin-with)",
    )
    parser.add_argument(
        "--begin-with",
        metavar="MODEL",
        help="begin with the weights of a run folder or a starter model (see sketchrnn models), and"
        " with its cells and sizes: for few drawings of your own",
    )
    parser.add_argument(
        "--max-points", type=int, metavar="N", help="leave out drawings with more points"
    )
    parser.add_argument(
        "--unconditional",
        action="store_true",
        help="no encoder: a decoder only, for new drawings and completions",
    )
    parser.add_argument(
        "--device", default="auto", help="auto (default), cpu, cuda, ...: where to compute"
    )
    parser.add_argument(
        "--backend",
        choices=BACKEND_NAMES,
        default="auto",
        help="how the cells are run over time: native, compiled C on the CPU; triton, kernels on a"
        " GPU; plain, the loop that all others must equal; auto (default) native where a C compiler"
        " is found, else plain",
    )
    models = {name: preset.model for name, preset in PRESETS.items()}
    add_fields(parser.add_argument_group("model"), ModelConfig, models, skip=DERIVED)
    numbers = {name: vars(preset.training) for name, preset in PRESETS.items()}
    add_fields(parser.add_argument_group("training"), TrainingConfig, numbers)


def run(arguments: argparse.Namespace) -> int:
    """Train and show how it goes."""
    # before PyTorch is loaded and gigabytes are read, so that a wrong flag fails at once
    sources, max_points, model_fields, training = _settings(arguments)
    from sketchrnn.data.sources import read_sources
    from sketchrnn.devices import choose_device, prepare_cpu
    from sketchrnn.training.loop import train
    from sketchrnn.training.progress import Progress, StopSignals

    device = choose_device(arguments.device)
    dataset = read_sources(sources)
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
    model = ModelConfig(N_max=N_max, **model_fields)
    if device.type == "cpu":
        prepare_cpu()
    stop = StopSignals()
    records = train(
        arguments.output,
        dataset,
        model,
        training,
        device=device,
        backend=arguments.backend,
        sources=tuple(_absolute(source) for source in sources),
        max_points=max_points,
        resume=arguments.resume,
        begin_with=arguments.begin_with,
        should_stop=stop,
    )
    notes.append(
        f"{dataset.name}: {_counts({name: len(part) for name, part in dataset.splits.items()})};"
        f" N_max {model.N_max}, scale {dataset.scale:.4g}, computing on {device}"
    )
    for note in notes:
        _say(note)
    with stop, Progress(training) as progress:
        for record in records:
            progress.show(record)
    _say(f"the run is in {arguments.output}; draw with: sketchrnn generate {arguments.output}")
    if record["best_step"] < record["step"] / 2:
        _say(
            f"it draws with the weights that were best in validation, of step"
            f" {record['best_step']}; with --which last, of step {record['step']}: look at both"
        )
    return 0


def _settings(
    arguments: argparse.Namespace,
) -> tuple[list[str], int | None, dict[str, Any], TrainingConfig]:
    """Sources, max_points, model fields and training config: of the flags, or of the run."""
    given_model = given_fields(arguments, ModelConfig, skip=DERIVED)
    given_training = given_fields(arguments, TrainingConfig)
    if not arguments.resume:
        if not arguments.data:
            raise SketchRNNError("name the data to train on: a data file, or doodles")
        usual = "laptop" if arguments.begin_with is None else "few"
        preset = PRESETS[getattr(arguments, "preset", usual)]
        fields = preset.model | given_model | {"conditional": not arguments.unconditional}
        if arguments.begin_with is not None:
            if given_model or arguments.unconditional:
                named = flag(next(iter(given_model), "unconditional"))
                raise SketchRNNError(f"{named} is given by --begin-with; leave out one of them")
            fields = _shape_of(arguments.begin_with)
        training = replace(preset.training, **given_training)
        ModelConfig(N_max=1, **fields)  # N_max is known later; the others are checked here
        return list(arguments.data), arguments.max_points, fields, training

    from sketchrnn.runs import read_config

    stored = read_config(arguments.output)
    limited = arguments.max_points is not None
    fixed = sorted((set(given_model) | set(given_training)) - set(MAY_CHANGE))
    others = hasattr(arguments, "preset") or arguments.unconditional or arguments.begin_with
    if fixed or others or limited:
        named = "--preset, --unconditional, --begin-with or --max-points"
        named = flag(fixed[0]) if fixed else named
        may = ", ".join(flag(name) for name in MAY_CHANGE)
        raise SketchRNNError(f"{named} cannot change in a run that is resumed; only {may} can")
    training = replace(TrainingConfig.of_run(arguments.output), **given_training)
    fields = _shape_of(arguments.output)
    sources = list(arguments.data) or _stored_sources(arguments.output, stored.data.sources)
    return sources, stored.data.max_points, fields, training


def _shape_of(run: str | Path) -> dict[str, Any]:
    """The fields of a stored ModelConfig but N_max, which is of the drawings."""
    from sketchrnn.runs import find_run, read_config

    fields = dict(vars(read_config(find_run(run)).model))
    del fields["N_max"]
    return fields


def _stored_sources(run: Path, sources: tuple[str, ...]) -> list[str]:
    """The sources that a run knows of. Raises SketchRNNError where they are not there any more."""
    from sketchrnn.data.sources import doodles_source

    again = f"sketchrnn train DATA --resume -o {run}"
    if not sources:
        raise SketchRNNError(f"{run}: does not say where its data are; name them: {again}")
    for source in sources:
        if doodles_source(source) is None and not Path(source).exists():
            raise SketchRNNError(f"{source}: there is no such file; give its new place: {again}")
    return list(sources)


def _absolute(source: str) -> str:
    return str(Path(source).resolve()) if Path(source).exists() else source


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{number:,} {name}" for name, number in counts.items())


def _say(line: str) -> None:
    print(line, file=sys.stderr)
