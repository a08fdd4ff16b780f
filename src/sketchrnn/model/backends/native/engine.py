"""The backend of compiled C on the CPU (`cells.c`)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from sketchrnn.model.backends.native import library
from sketchrnn.model.backends.native.autograd import pack_weights, unroll_native
from sketchrnn.model.backends.plain import Answer, Engine, Run, Step
from sketchrnn.model.cells import OWN_CELLS, Cell, State


class Native(Engine):
    """The three cells in C, compiled at first use."""

    name = "native"
    needs = "float32 on the CPU and a C compiler (cc, gcc or clang)"

    def takes(self, cell: Cell | None, x: Tensor) -> bool:
        """Float32 on the CPU, where a compiler is found."""
        known = cell is None or type(cell) in OWN_CELLS
        on_cpu = x.dtype == torch.float32 and x.device.type == "cpu"
        return known and on_cpu and library.library() is not None

    def has_bf16(self) -> bool:
        """Where the processor has such products."""
        return library.has_bf16()

    def unroll(self, runs: Sequence[Run], lengths_B: Tensor | None, bf16: bool) -> list[Answer]:
        """One run after the other: the threads share the rows of each."""
        return [unroll_native(run, lengths_B, bf16) for run in runs]

    def stepper(self, cell: Cell, weights_DP: Tensor, bf16: bool) -> Step:
        """The weights are packed once."""
        packed = pack_weights(cell, bf16)

        def step(x_BD: Tensor, constant_BP: Tensor, state: State) -> State:
            run = Run(cell, x_BD[None], weights_DP, constant_BP, state)
            return unroll_native(run, None, bf16, packed)[1]

        return step
