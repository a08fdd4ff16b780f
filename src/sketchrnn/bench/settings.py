"""What to measure. No PyTorch here: the command line reads it before it knows what is asked for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from sketchrnn.errors import SketchRNNError
from sketchrnn.model.config import ModelConfig

SIZES = {"default": (256, 512), "paper": (512, 2048)}  # encoder, decoder
_SIZES = ", ".join(f"{name} {small} and {large}" for name, (small, large) in SIZES.items())
MOST = {"batch_size": 100_000, "drawings": 100_000, "repeats": 1000}


def _flag(default: Any, metavar: str, text: str) -> Any:
    return field(default=default, metadata={"metavar": metavar, "help": text})


@dataclass(frozen=True)
class BenchSettings:
    """What to measure, and how often; each field is a flag of `sketchrnn bench`."""

    cells: Sequence[str] | None = None  # all in training, an LSTM in drawing
    backends: Sequence[str] | None = None  # as `train.backends_here` has them; all there are
    memory: bool = True
    device: str = _flag("auto", "DEVICE", "auto, cpu, cuda, ...")
    size: Literal["default", "paper"] = field(
        default="default", metadata={"help": f"units of encoder and decoder: {_SIZES}"}
    )
    encoder_size: int | None = _flag(None, "N", "in place of what --size says")
    decoder_size: int | None = _flag(None, "N", "in place of what --size says")
    N_max: int = _flag(100, "N", "points of the longest")
    batch_size: int = _flag(100, "N", "drawings a step")
    drawings: int = _flag(1000, "N", "drawn at once")
    data: str | None = _flag(
        None, "FILE", "a data file to train on (default: random drawings with Omniglot's lengths)"
    )
    repeats: int = _flag(5, "N", "how often all is measured")
    seconds: float = _flag(60.0, "S", "begin no new repeat of a model after these")

    def __post_init__(self) -> None:
        for name, most in MOST.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
                raise SketchRNNError(f"{name} must be a whole number from 1 to {most}, got {value}")
        if not 0 <= self.seconds < math.inf:
            raise SketchRNNError(f"seconds must be a number from 0, got {self.seconds}")
        if self.size not in SIZES:
            raise SketchRNNError(f"size must be one of {', '.join(SIZES)}, got {self.size}")
        for cell in self.trained:
            self.model(cell)  # checks the sizes

    @property
    def trained(self) -> Sequence[str]:
        """The decoders' cells whose training is measured."""
        return self.cells or ("lstm", "layer_norm", "hyper")

    def model(self, cell: str) -> ModelConfig:
        """The model of a decoder's cell: N_z 128, M 20, as all published ones.

        The encoder's cell is the decoder's, but an LSTM beside a HyperLSTM and at the paper's size,
        as in the paper.
        """
        encoder_size, decoder_size = SIZES[self.size]
        return ModelConfig(
            N_max=self.N_max,
            encoder_cell="lstm" if cell == "hyper" or self.size == "paper" else cell,
            decoder_cell=cell,
            encoder_size=encoder_size if self.encoder_size is None else self.encoder_size,
            decoder_size=decoder_size if self.decoder_size is None else self.decoder_size,
        )
