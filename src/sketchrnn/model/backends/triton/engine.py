"""The backend of Triton kernels on a GPU."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.util import find_spec

import torch
from torch import Tensor

from sketchrnn.model.backends.plain import Answer, Engine, Run
from sketchrnn.model.backends.triton.autograd import unroll_gpu
from sketchrnn.model.cells import Cell, HyperLSTMCell, LayerNormLSTMCell, LSTMCell


class Triton(Engine):
    """The three cells; all runs at once. Triton's slow interpreter counts as a GPU."""

    name = "triton"
    needs = "float32 on an NVIDIA GPU, and Triton, which comes with PyTorch there"

    def takes(self, cell: Cell | None, x: Tensor) -> bool:
        """Float32 on a GPU, or in the interpreter."""
        known = cell is None or type(cell) in (LSTMCell, LayerNormLSTMCell, HyperLSTMCell)
        there = x.is_cuda or os.environ.get("TRITON_INTERPRET") == "1"
        return known and x.dtype == torch.float32 and there and find_spec("triton") is not None

    def has_bf16(self) -> bool:
        """Whether PyTorch adds up products of bfloat16 in float32 and returns them so (2.8)."""
        return hasattr(torch.ops.aten.mm, "dtype_out")

    def unroll(self, runs: Sequence[Run], lengths_B: Tensor | None, bf16: bool) -> list[Answer]:
        """All side by side."""
        B = runs[0].x_TBD.shape[1]
        dropouts = [run.dropout for run in runs if run.dropout is not None]
        h_GTBH, state = unroll_gpu(
            [run.cell for run in runs],
            _stacked([run.x_TBD for run in runs]),
            _stacked([run.weights_DP for run in runs]),
            _stacked([run.constant.expand(B, -1) for run in runs]),
            tuple(_stacked(parts) for parts in zip(*(run.state for run in runs), strict=True)),
            kept_GTBm=_stacked([dropout.kept_TBm for dropout in dropouts]) if dropouts else None,
            keep=dropouts[0].keep if dropouts else 1.0,
            lengths_B=lengths_B,
            bf16=bf16,
        )
        return [(h_TBH, tuple(parts)) for h_TBH, *parts in zip(h_GTBH, *state, strict=True)]


def _stacked(parts: Sequence[Tensor]) -> Tensor:
    """As `torch.stack`, without a copy of one alone."""
    return parts[0][None] if len(parts) == 1 else torch.stack(list(parts))
