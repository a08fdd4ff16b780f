"""What a person sees of a training, and how they stop it."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any

from sketchrnn.errors import printable
from sketchrnn.training.config import TrainingConfig
from sketchrnn.training.logs import Record
from sketchrnn.words import say


class StopSignals:
    """Turns the first Ctrl-C or SIGTERM into a wish to stop; a second Ctrl-C stops at once.

    Python knows signals in the main thread alone; in others nothing is changed.

    Attributes:
        patient: whether there are steps, after which it is asked; else the first stops at once.
    """

    def __init__(self, *, patient: bool = True) -> None:
        self.patient = patient
        self._wanted = False
        self._before: dict[int, Any] = {}

    def __call__(self) -> bool:
        """Whether a signal has come."""
        return self._wanted

    def __enter__(self) -> StopSignals:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if not self.patient or (self._wanted and number == signal.SIGINT):
            raise KeyboardInterrupt
        self._wanted = True
        say("stopping after this step; the run is being saved")


class TrainingProgress:
    """Shows the records of a training: a bar on a terminal, a line now and then elsewhere."""

    LINE_SECONDS = 10.0

    def __init__(self, training: TrainingConfig, *, quiet: bool = False) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        self.training = training
        # soft_wrap: a log's lines are not broken where a terminal's would be
        self.console = Console(
            stderr=True, quiet=quiet, highlight=False, markup=False, emoji=False, soft_wrap=True
        )
        self.bars = Progress(
            TextColumn("step {task.completed:.0f}/{task.total:.0f}"),
            BarColumn(bar_width=24),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            console=self.console,
            disable=not self.console.is_terminal,
        )
        self.task = self.bars.add_task("", total=training.max_steps)
        self.rate = 0.0  # sketches a second, a running mean
        self.steps = 0  # shown so far
        self.first_seconds = 0.0  # the clock at the first of them
        self.shown_seconds = -self.LINE_SECONDS
        self.explained = False

    def __enter__(self) -> TrainingProgress:
        self.bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bars.stop()

    def show(self, record: Record) -> None:
        """Show one record of `training.loop.train`."""
        if record["kind"] != "train":
            self.console.print(printable(_line(record)))
            return
        if not self.explained:
            self.explained = True
            self.console.print(
                "L_R is a negative log density (in nats, divided by N_max), so it may fall below"
                " zero: where the model is sure of a point, its density is over 1. Lower is better."
            )
        now, seconds = record["sketches_per_s"], record["seconds"]
        self.rate = now if not self.rate else 0.95 * self.rate + 0.05 * now
        weight = f"  weight {record['kl_weight']:.3f}" if "kl_weight" in record else ""
        minutes, rest = divmod(round(self._seconds_left(record)), 60)
        hours, minutes = divmod(minutes, 60)
        left = f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
        text = f"{_losses(record)}{weight}  {self.rate:.0f} sketches/s  {left} left"
        self.bars.update(self.task, completed=record["step"], description=text)
        if self.bars.disable and seconds - self.shown_seconds >= self.LINE_SECONDS:
            self.shown_seconds = seconds
            self.console.print(f"step {record['step']}/{self.training.max_steps}  {text}")

    def _seconds_left(self, record: Record) -> float:
        seconds: float = record["seconds"]
        a_step = self.training.batch_size / self.rate
        if self.steps:  # then with all that is between the steps
            a_step = (seconds - self.first_seconds) / self.steps
        else:
            self.first_seconds = seconds
        self.steps += 1
        by_steps: float = (self.training.max_steps - record["step"]) * a_step
        if not self.training.max_minutes:
            return by_steps
        return min(by_steps, max(0.0, 60 * self.training.max_minutes - seconds))


def _line(record: Record) -> str:
    """What is said of anything but a step."""
    step = f"step {record['step']}"
    if record["kind"] == "evaluate":
        best = ", the best so far" if record["best"] else ""
        return f"{step}: validation {_losses(record)}, loss {record['loss']:.4f}{best}"
    if record["kind"] == "fallback":
        return (
            f"{record['not_finite']} of step {record['failed_step']} was not a finite number: back"
            f" to {step}, with the learning rate times {record['rate_factor']:g}"
        )
    if record["kind"] == "no_sheet":
        return f"{step}: its sheet was not drawn: {record['problem']}"
    best = ""
    if record["best_loss"] is not None:
        best = f"; best loss {record['best_loss']:.4f} at step {record['best_step']}"
    return f"ended at {step}: {record['reason']}{best}"


def _losses(record: Record) -> str:
    L_KL = f"  L_KL {record['L_KL']:.4f}" if "L_KL" in record else ""
    return f"L_R {record['L_R']:.4f}{L_KL}"
