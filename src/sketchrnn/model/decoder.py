"""The seam between the network and what draws: a decoder begins, steps, selects rows and unrolls.

All that samples, completes, streams, trains or measures speaks to these four, and not to a kind of
decoder. A recurrent cell is a decoder through `Recurrent`; another kind is one file with a class of
its own and `register_decoder`.

Shapes: B drawings side by side, T steps, C context, H what the head reads, S numbers of the start.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from sketchrnn.model.backends.plain import Dropout
from sketchrnn.model.cells import Cell, State, build_cell
from sketchrnn.model.config import DECODER_NAMES, POINT, ModelConfig
from sketchrnn.model.unroll import AUTO, Backend, Stepper, unroll


class Decoder(ABC):
    """Reads points, and tells what the head needs to give the distribution of the next one.

    A memory is what a decoder knows of B drawings under way; only the decoder looks into it.

    Attributes:
        module: its parameters; the network has them as `decoder`.
        output_size: H.
        start_size: S, how many numbers the network forms of the context for `begin`; may be 0.
        mask_sizes: units of each dropout mask of one step; none where it has no dropout.
    """

    module: nn.Module
    output_size: int
    start_size: int = 0
    mask_sizes: tuple[int, ...] = ()

    @abstractmethod
    def begin(self, context_BC: Tensor, start_BS: Tensor, backend: Backend = AUTO) -> Any:
        """The memory before the first point.

        Args:
            context_BC: what is the same at every step: z, and what else the network puts there.
            start_BS: tanh(W_z z + b_z), the state to begin with (section 3.2); zeros without z.
            backend: what it is run by.
        """

    @abstractmethod
    def step(self, x_B5: Tensor, memory: Any) -> tuple[Tensor, Any]:
        """One point each: h [B, H] and the new memory. Without gradients."""

    @abstractmethod
    def unroll(
        self,
        x_TB5: Tensor,
        memory: Any,
        *,
        dropout: Dropout | None = None,
        lengths_B: Tensor | None = None,
    ) -> tuple[Tensor, Any]:
        """T points at once, as `model.unroll.unroll`: h [T, B, H], the memory after the last."""

    @abstractmethod
    def select(self, memory: Any, rows: Tensor) -> Any:
        """The memory of the drawings at these places [B'], which may repeat."""


@dataclass(frozen=True)
class Memory:
    """What a recurrent decoder knows: its state, and the part of the projection that is constant.

    Attributes:
        state: h first, then what else the cell carries.
        constant_BP: the bias, and the product over the context.
        weights_5P: of the points.
        backend: what runs the cell.
        stepper: what takes single steps, made at the first of them.
    """

    state: State
    constant_BP: Tensor
    weights_5P: Tensor
    backend: Backend
    stepper: Stepper | None = None


class Recurrent(Decoder):
    """A cell as a decoder. Its input is [point; context]; the context's product is formed once."""

    def __init__(self, cell: Cell) -> None:
        self.module = self.cell = cell
        self.output_size = cell.hidden_size
        self.start_size = sum(cell.state_sizes)
        self.mask_sizes = cell.mask_sizes

    def begin(self, context_BC: Tensor, start_BS: Tensor, backend: Backend = AUTO) -> Memory:
        """See `Decoder.begin`."""
        weights, bias = self.cell.input_weights()
        constant_BP = context_BC @ weights[POINT:]
        if bias is not None:
            constant_BP = constant_BP + bias
        parts = torch.split(start_BS, list(self.cell.state_sizes), dim=1)
        state = tuple(part.contiguous() for part in parts)
        return Memory(state, constant_BP, weights[:POINT], backend)

    def step(self, x_B5: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        """See `Decoder.step`."""
        stepper = memory.stepper or Stepper(self.cell, memory.weights_5P, memory.backend)
        state = stepper.step(x_B5, memory.constant_BP, memory.state)
        return state[0], replace(memory, state=state, stepper=stepper)

    def unroll(
        self,
        x_TB5: Tensor,
        memory: Memory,
        *,
        dropout: Dropout | None = None,
        lengths_B: Tensor | None = None,
    ) -> tuple[Tensor, Memory]:
        """See `Decoder.unroll`."""
        h_TBH, state = unroll(
            self.cell,
            x_TB5,
            memory.weights_5P,
            memory.constant_BP,
            memory.state,
            dropout=dropout,
            lengths_B=lengths_B,
            backend=memory.backend,
        )
        return h_TBH, replace(memory, state=state)

    def select(self, memory: Memory, rows: Tensor) -> Memory:
        """See `Decoder.select`."""
        state = tuple(part[rows] for part in memory.state)
        return replace(memory, state=state, constant_BP=memory.constant_BP[rows])


BuildDecoder = Callable[[int, ModelConfig], Decoder]  # C, the config

_BUILDERS: dict[str, BuildDecoder] = {}


def register_decoder(name: str, build: BuildDecoder) -> None:
    """Make a decoder that is no cell known by a name that `decoder_cell` may then have."""
    _BUILDERS[name] = build
    DECODER_NAMES.append(name)


def build_decoder(context_size: int, config: ModelConfig) -> Decoder:
    """The decoder that the config names, a cell or another kind, for contexts [B, C]."""
    name = config.decoder_cell
    if name in _BUILDERS:
        return _BUILDERS[name](context_size, config)
    return Recurrent(build_cell(name, POINT + context_size, config.decoder_size, config))
