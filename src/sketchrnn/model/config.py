"""ModelConfig: every number that fixes the shape and the mathematics of a model."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, Literal, get_args

from sketchrnn.errors import SketchRNNError

# The cells by the names that configs have for them; `model.cells.register_cell` adds others.
CELL_NAMES = ["lstm", "layer_norm", "hyper"]
DECODER_NAMES = [*CELL_NAMES]  # and decoders that are no cell (`model.decoder.register_decoder`)

# Of the mathematics, the same for every model; here, since drawing without PyTorch needs them too.
POINT = 5  # numbers in a stroke-5 row
GATES = 4  # i, g, f, o
FORGET_BIAS = 1.0
LAYER_NORM_EPSILON = 1e-3
PEN_STATES = 3
PARAMETERS = 6  # pi, mu_x, mu_y, log sigma_x, log sigma_y, rho: M numbers each

# What runs a cell over time (`model.unroll.Backend`): no part of a model, any will do for any.
BackendName = Literal["auto", "plain", "native", "triton", "cudnn"]
BACKEND_NAMES: tuple[str, ...] = get_args(BackendName)


@dataclass(frozen=True)
class ModelConfig:
    """The shape of a model, checked when built and stored with the weights.

    >>> import sketchrnn
    >>> sketchrnn.ModelConfig(N_max=100, decoder_cell="layer_norm").decoder_size
    512

    Raises:
        SketchRNNError: a value out of its bounds, naming field, value, bound.
    """

    N_max: int = field(metadata={"help": "longest drawing in points, the end not counted"})
    conditional: bool = field(
        default=True, metadata={"help": "with an encoder and z; else decoder only (section 3.3)"}
    )
    encoder_cell: str = field(
        default="lstm", metadata={"help": "cell of both encoder directions", "choices": CELL_NAMES}
    )
    decoder_cell: str = field(
        default="lstm", metadata={"help": "cell of the decoder", "choices": DECODER_NAMES}
    )
    encoder_size: int = field(
        default=256, metadata={"help": "hidden units of each encoder direction"}
    )
    decoder_size: int = field(default=512, metadata={"help": "hidden units of the decoder"})
    z_size: int = field(default=128, metadata={"help": "N_z, numbers in the latent vector z"})
    mixtures: int = field(default=20, metadata={"help": "M, Gaussians in the output mixture"})
    hyper_size: int = field(default=256, metadata={"help": "units of a HyperLSTM's small LSTM"})
    hyper_embedding: int = field(default=32, metadata={"help": "a HyperLSTM's embedding N_z"})

    def __post_init__(self) -> None:
        for name, known in (("encoder_cell", CELL_NAMES), ("decoder_cell", DECODER_NAMES)):
            if getattr(self, name) not in known:
                raise SketchRNNError(
                    f"unknown {name} {getattr(self, name)!r}: choose one of {', '.join(known)}"
                )
        for item in fields(self):
            value = getattr(self, item.name)
            if item.type == "int" and (
                isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 1_000_000
            ):
                raise SketchRNNError(
                    f"{item.name} must be a whole number from 1 to 1000000, got {value!r}"
                )
        if not isinstance(self.conditional, bool):
            raise SketchRNNError(f"conditional must be true or false, got {self.conditional!r}")

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> ModelConfig:
        """Read a stored config; an unknown or missing field is an error, never a guess."""
        known = {item.name for item in fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown or "N_max" not in values:
            wrong = f"unknown field {unknown[0]!r}" if unknown else "field 'N_max' is missing"
            raise SketchRNNError(f"the model config cannot be read: {wrong}")
        return cls(**values)
