"""An LSTM without recurrent dropout through PyTorch's own, which on a GPU is cuDNN's.

Its gates stand in the order i, f, g, o, its weights are transposed, and nothing is added to the
forget gate; all this is arranged by differentiable copies of our weights. What it lacks goes in
as columns of its input:

- The constant part of the projection of each row: one column a row, 1 for that row, whose weights
  are the row's constant.
- Ends of rows: a column that is 1 past the end, whose weights close the input gate and open the
  forget gate so far that sigmoid is exactly 0 and 1, forward and backward. So c stands still.

Shapes as in `model.unroll`.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import torch
from torch import Tensor

from sketchrnn.errors import SketchRNNError
from sketchrnn.model.backends.plain import Answer, Engine, Run, steps_run
from sketchrnn.model.cells import Cell, LSTMCell
from sketchrnn.model.config import FORGET_BIAS, GATES

CLOSED = 1e4  # a gate at -this is 0, at +this 1, whatever is added to it
THEIR_GATES = (0, 2, 1, 3)  # i, f, g, o of our i, g, f, o
INPUT_GATE, FORGET_GATE = 0, 1  # in their order


class CuDNN(Engine):
    """An LSTM without recurrent dropout."""

    name, needs = "cudnn", "float32 on an NVIDIA GPU"

    def takes(self, cell: Cell | None, x: Tensor) -> bool:
        """Float32 on a GPU."""
        return x.dtype == torch.float32 and x.is_cuda

    def unroll(self, runs: Sequence[Run], lengths_B: Tensor | None, bf16: bool) -> list[Answer]:
        """One run after the other."""
        if any(not isinstance(run.cell, LSTMCell) or run.dropout is not None for run in runs):
            raise SketchRNNError("the cudnn backend is for an LSTM without recurrent dropout")
        return [unroll_cudnn(run, lengths_B) for run in runs]


def unroll_cudnn(run: Run, lengths_B: Tensor | None) -> Answer:
    """The run of an LSTM through PyTorch's own."""
    cell, x_TBD, constant = run.cell, run.x_TBD, run.constant
    assert isinstance(cell, LSTMCell)
    T, B, _ = x_TBD.shape
    H = cell.hidden_size
    torch.backends.cudnn.allow_tf32 = False  # float32 is meant; the default is TF32
    columns, rows = [x_TBD], [_their_order(run.weights_DP)]
    bias = x_TBD.new_zeros(GATES, H)
    bias[FORGET_GATE] = FORGET_BIAS
    bias = bias.flatten()
    if lengths_B is not None:
        drawn = steps_run(T, lengths_B)[..., None]
        ended = x_TBD.new_zeros(GATES, H)
        ended[INPUT_GATE], ended[FORGET_GATE] = -CLOSED, CLOSED
        columns = [torch.where(drawn, x_TBD, 0.0), (~drawn).to(x_TBD.dtype)]
        rows.append(ended.view(1, -1))
    if constant.dim() == 1:
        bias = bias + _their_order(constant)
    else:
        columns.append(torch.eye(B, device=x_TBD.device, dtype=x_TBD.dtype).expand(T, B, B))
        rows.append(_their_order(constant))
    W_ih = torch.cat(rows).T
    W_hh = _their_order(cell.W_hh).T
    # one piece of memory in cuDNN's order, which it would otherwise copy the weights into
    parts = (W_ih, W_hh, bias, torch.zeros_like(bias))
    flat = torch.cat([part.reshape(-1) for part in parts])
    sizes = [part.numel() for part in parts]
    weights = [
        piece.view(part.shape) for piece, part in zip(torch.split(flat, sizes), parts, strict=True)
    ]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*single contiguous chunk.*")
        h_TBH, h, c = torch._VF.lstm(
            torch.cat(columns, dim=2),
            [part[None] for part in run.state],
            weights,
            True,  # with biases
            1,  # layer
            0.0,  # dropout between layers
            torch.is_grad_enabled(),
            False,  # in both directions
            False,  # batch first
        )
    if lengths_B is None:
        return h_TBH, (h[0], c[0])
    last = h_TBH[lengths_B - 1, torch.arange(B, device=x_TBD.device)]
    return torch.where(drawn, h_TBH, 0.0), (last, c[0])


def _their_order(ours: Tensor) -> Tensor:
    """The gates of the last axis in cuDNN's order."""
    gates = ours.chunk(GATES, dim=-1)
    return torch.cat([gates[gate] for gate in THEIR_GATES], dim=-1)
