"""One training step as it is measured: batch made, forward, backward, clip, Adam; and its memory.

    python -m sketchrnn.bench.step SPEC    # the peak memory of a process that takes three steps

SPEC is JSON, as `peak_memory` writes it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sketchrnn.bench.ways import WAYS, MeasuredWay
from sketchrnn.bench.work import drawings_like_omniglot
from sketchrnn.data.batches import Batch, make_batch
from sketchrnn.data.sources import read_sources
from sketchrnn.devices import prepare_cpu
from sketchrnn.errors import SketchRNNError
from sketchrnn.model.config import ModelConfig
from sketchrnn.training.config import PRESETS
from sketchrnn.training.trainer import Trainer

TRAINING = PRESETS["magenta"].training
SCALE = 50.0  # px, where the drawings are made up
MEMORY_STEPS = 3
MB = 1e6


@dataclass(frozen=True)
class StepSpec:
    """A model, and the batch that it takes in.

    Attributes:
        model: the model.
        batch_size: drawings a step.
        data: a data file; None for made-up drawings.
    """

    model: ModelConfig
    batch_size: int
    data: str | None


class StepData:
    """The drawings of a step, and the batch that they make."""

    def __init__(self, spec: StepSpec) -> None:
        self._N_max = spec.model.N_max
        self._indices_B = np.arange(spec.batch_size)
        if spec.data is None:
            self._drawings, self.scale = drawings_like_omniglot(spec.batch_size, self._N_max), SCALE
            return
        dataset, _ = read_sources([spec.data]).limited(self._N_max)
        if not len(dataset.train):
            raise SketchRNNError(
                f"{spec.data}: no training drawing has at most {self._N_max} points"
            )
        self._drawings, self.scale = dataset.train, dataset.scale
        order = np.random.default_rng(0).permutation(len(dataset.train))
        self._indices_B = np.resize(order, spec.batch_size)  # in a circle, where they are too few

    def batch(self) -> Batch:
        """The batch, made anew, with the augmentation of a training."""
        return make_batch(
            self._drawings,
            self._indices_B,
            self._N_max,
            self.scale,
            augment_scale=TRAINING.augment_scale,
            drop_probability=TRAINING.drop_probability,
            rng=np.random.default_rng(0),
        )


class Stepper:
    """Takes the same training step in one way, again and again."""

    def __init__(self, spec: StepSpec, way: MeasuredWay, device: torch.device) -> None:
        training = replace(TRAINING, batch_size=spec.batch_size, padding="full")
        self._data = StepData(spec)
        self._way = way
        self._trainer = Trainer(spec.model, training, self._data.scale, device)
        self._trainer.backend, self._trainer.graphs = way.way, way.graph

    def __call__(self) -> None:
        """One step: batch made, forward, backward, clip, Adam."""
        if self._trainer.step(self._data.batch()) is None:
            raise SketchRNNError(f"a step ({self._way.name}) gave a loss that is not finite")


@dataclass(frozen=True)
class Memory:
    """Peak memory of a process that takes some training steps; on a GPU, of the GPU.

    Attributes:
        peak_mb: all of it.
        over_imports_mb: without what the process takes before it makes the model, which is
            Python's and PyTorch's code.
    """

    peak_mb: float
    over_imports_mb: float


def peak_memory(spec: StepSpec, way: MeasuredWay, device: torch.device) -> Memory:
    """That of a training step that way, in a process of its own."""
    stated = json.dumps(asdict(spec) | {"way": way.name, "device": str(device)})
    command = [sys.executable, "-m", "sketchrnn.bench.step", stated]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise SketchRNNError(f"the process that measures memory failed: {last}")
    return Memory(**json.loads(done.stdout))


def _measure(stated: dict[str, Any]) -> Memory:
    model = ModelConfig.from_dict(stated["model"])
    spec = StepSpec(model, stated["batch_size"], stated["data"])
    device = torch.device(stated["device"])
    if device.type == "cpu":
        prepare_cpu()
    base = _peak_mb()
    step = Stepper(spec, WAYS[stated["way"]], device)
    for _ in range(MEMORY_STEPS):
        step()
    if device.type == "cuda":
        peak = torch.cuda.max_memory_allocated(device) / MB
        return Memory(peak, peak)
    return Memory(_peak_mb(), _peak_mb() - base)


def _peak_mb() -> float:
    """The most that this process has held.

    On Linux from VmHWM: `ru_maxrss` begins with that of the process which started this one.
    """
    try:
        lines = Path("/proc/self/status").read_text("utf-8").splitlines()
        kilobytes = next(line for line in lines if line.startswith("VmHWM:")).split()[1]
        return int(kilobytes) * 1024 / MB
    except (OSError, StopIteration):
        import resource  # not everywhere

        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most * (1 if sys.platform == "darwin" else 1024) / MB


if __name__ == "__main__":
    print(json.dumps(asdict(_measure(json.loads(sys.argv[1])))))
