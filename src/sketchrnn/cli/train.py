"""`sketchrnn train`: learn from drawings; `--resume` goes on."""

from __future__ import annotations

import argparse
import signal
import sys
from dataclasses import replace
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

from sketchrnn.cli.flags import add_fields, flag, given_fields
from sketchrnn.errors import SketchRNNError
from sketchrnn.model.config import ModelConfig
from sketchrnn.training.config import PRESETS, TrainingConfig

DERIVED = ("N_max", "conditional")  # of the drawings, and of --unconditional
MAY_CHANGE = ("max_steps", "max_minutes", "patience")  # with --resume: when to stop


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
        help="data files of any known format, or doodles[:COUNT[:SEED]]; not needed with --resume",
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
        help=f"{summaries} (default laptop)",
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
    models = {name: preset.model for name, preset in PRESETS.items()}
    add_fields(parser.add_argument_group("model"), ModelConfig, models, skip=DERIVED)
    numbers = {name: vars(preset.training) for name, preset in PRESETS.items()}
    add_fields(parser.add_argument_group("training"), TrainingConfig, numbers)


def run(arguments: argparse.Namespace) -> int:
    """Train and show how it goes."""
    # before PyTorch is loaded and gigabytes are read, so that a wrong flag fails at once
    sources, max_points, model_fields, training = _settings(arguments)
    from sketchrnn.data.sources import read_sources
    from sketchrnn.training.devices import choose_device, prepare_cpu
    from sketchrnn.training.loop import train

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
        sources=tuple(_absolute(source) for source in sources),
        max_points=max_points,
        resume=arguments.resume,
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
        preset = PRESETS[getattr(arguments, "preset", "laptop")]
        fields = preset.model | given_model | {"conditional": not arguments.unconditional}
        training = replace(preset.training, **given_training)
        ModelConfig(N_max=1, **fields)  # N_max is known later; the others are checked here
        return list(arguments.data), arguments.max_points, fields, training

    from sketchrnn.runs import read_config

    stored = read_config(arguments.output)
    limited = arguments.max_points is not None
    fixed = sorted((set(given_model) | set(given_training)) - set(MAY_CHANGE))
    if fixed or hasattr(arguments, "preset") or arguments.unconditional or limited:
        named = flag(fixed[0]) if fixed else "--preset, --unconditional or --max-points"
        may = ", ".join(flag(name) for name in MAY_CHANGE)
        raise SketchRNNError(f"{named} cannot change in a run that is resumed; only {may} can")
    training = replace(TrainingConfig.of_run(arguments.output), **given_training)
    fields = {name: getattr(stored.model, name) for name in vars(stored.model) if name != "N_max"}
    sources = list(arguments.data) or list(stored.data.sources)
    return sources, stored.data.max_points, fields, training


def _absolute(source: str) -> str:
    return str(Path(source).resolve()) if Path(source).exists() else source


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{number:,} {name}" for name, number in counts.items())


def _say(line: str) -> None:
    print(line, file=sys.stderr)


class StopSignals:
    """Turns the first Ctrl-C or SIGTERM into a wish to stop; a second Ctrl-C stops at once."""

    def __init__(self) -> None:
        self.wanted = False
        self._before: dict[int, Any] = {}

    def __call__(self) -> bool:
        """Whether a signal has come."""
        return self.wanted

    def __enter__(self) -> StopSignals:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.wanted and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.wanted = True
        _say("stopping after this step; the run is being saved")


class Progress:
    """Shows the records of a training: a bar on a terminal, a line now and then elsewhere."""

    LINE_SECONDS = 10.0

    def __init__(self, training: TrainingConfig) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Bars

        self.training = training
        # soft_wrap: a log's lines are not broken where a terminal's would be
        self.console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
        self.bars = Bars(
            TextColumn("step {task.completed:.0f}/{task.total:.0f}"),
            BarColumn(bar_width=24),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            console=self.console,
            disable=not self.console.is_terminal,
        )
        self.task = self.bars.add_task("", total=training.max_steps)
        self.rate = 0.0
        self.shown_seconds = -self.LINE_SECONDS
        self.explained = False

    def __enter__(self) -> Progress:
        self.bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.bars.stop()

    def show(self, record: dict[str, Any]) -> None:
        """Show one record of `training.loop.train`."""
        if record["kind"] == "train":
            self._train(record)
        elif record["kind"] == "evaluate":
            best = ", the best so far" if record["best"] else ""
            self.console.print(
                f"step {record['step']}: validation {_losses(record)},"
                f" loss {record['loss']:.4f}{best}"
            )
        elif record["kind"] == "fallback":
            self.console.print(
                f"the loss of step {record['failed_step']} was not a finite number: back to step"
                f" {record['step']}, with the learning rate times {record['rate_factor']:g}"
            )
        else:
            best = ""
            if record["best_loss"] is not None:
                best = f"; best loss {record['best_loss']:.4f} at step {record['best_step']}"
            self.console.print(f"ended at step {record['step']}: {record['reason']}{best}")

    def _train(self, record: dict[str, Any]) -> None:
        if not self.explained:
            self.explained = True
            self.console.print(
                "L_R is a negative log density, in nats a point, so it may fall below zero: where"
                " the model is sure of a point, its density is over 1. Lower is better."
            )
        now = record["sketches_per_s"]
        self.rate = now if not self.rate else 0.95 * self.rate + 0.05 * now
        weight = f"  weight {record['kl_weight']:.3f}" if "kl_weight" in record else ""
        text = (
            f"{_losses(record)}{weight}  {self.rate:.0f} sketches/s"
            f"  {_duration(self._seconds_left(record))} left"
        )
        self.bars.update(self.task, completed=record["step"], description=text)
        due = record["seconds"] - self.shown_seconds >= self.LINE_SECONDS
        if self.bars.disable and due:
            self.shown_seconds = record["seconds"]
            self.console.print(f"step {record['step']}/{self.training.max_steps}  {text}")

    def _seconds_left(self, record: dict[str, Any]) -> float:
        steps: int = self.training.max_steps - record["step"]
        by_steps = steps * self.training.batch_size / self.rate
        if not self.training.max_minutes:
            return by_steps
        seconds: float = record["seconds"]
        return min(by_steps, max(0.0, 60 * self.training.max_minutes - seconds))


def _losses(record: dict[str, Any]) -> str:
    L_KL = f"  L_KL {record['L_KL']:.4f}" if "L_KL" in record else ""
    return f"L_R {record['L_R']:.4f}{L_KL}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
