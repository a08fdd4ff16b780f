"""What to measure. No PyTorch here: the command line reads it before it knows what is asked for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from sketchrnn.errors import SketchRNNError
from sketchrnn.model.config import ModelConfig

SIZES = {"default": (256, 512), "paper": (512, 2048)}  # encoder, decoder
MOST = {"batch_size": 100_000, "drawings": 100_000, "repeats": 1000}


@dataclass(frozen=True)
class BenchSettings:
    """What to measure, and how often; each field is a flag of `sketchrnn bench` (see its help)."""

    cells: Sequence[str] | None = None  # all in training, an LSTM in drawing
    device: str = "auto"
    backends: Sequence[str] | None = None  # as `train.backends_here` has them; all there are
    size: str = "default"
    encoder_size: int | None = None  # in place of what `size` says
    decoder_size: int | None = None
    N_max: int = 100
    batch_size: int = 100
    drawings: int = 1000
    data: str | None = None  # made-up drawings
    repeats: int = 5
    seconds: float = 60.0
    memory: bool = True

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
