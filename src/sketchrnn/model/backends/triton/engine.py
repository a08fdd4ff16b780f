"""The backend of Triton kernels on a GPU."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.util import find_spec

import torch
from torch import Tensor

from sketchrnn.model.backends.plain import Answer, Engine, Run
from sketchrnn.model.cells import OWN_CELLS, Cell


class Triton(Engine):
    """The three cells; all runs at once. Triton's slow interpreter counts as a GPU."""

    name = "triton"
    needs = "float32 on an NVIDIA GPU, and Triton, which comes with PyTorch there"

    def takes(self, cell: Cell | None, x: Tensor) -> bool:
        """Float32 on a GPU, or in the interpreter."""
        known = cell is None or type(cell) in OWN_CELLS
        there = x.is_cuda or os.environ.get("TRITON_INTERPRET") == "1"
        return known and x.dtype == torch.float32 and there and find_spec("triton") is not None

    def has_bf16(self) -> bool:
        """Whether PyTorch adds up products of bfloat16 in float32 and returns them so (2.8)."""
        return hasattr(torch.ops.aten.mm, "dtype_out")

    def unroll(self, runs: Sequence[Run], lengths_B: Tensor | None, bf16: bool) -> list[Answer]:
        """All side by side."""
        from sketchrnn.model.backends.triton.autograd import unroll_gpu  # imports Triton

        return unroll_gpu(runs, lengths_B, bf16)
