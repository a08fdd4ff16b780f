"""Running a cell over time: the plain loop, and faster backends that give the plain loop's answer.

The plain loop is the reference: every other backend has its outputs and gradients, within the
tolerances of tests/test_unroll.py.

Shapes: T steps (first, so that a step is contiguous), B batch, D columns of the input that change
with time, P projected, H hidden, m all dropout masks of a step side by side.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from sketchrnn.errors import SketchRNNError
from sketchrnn.model.backends.cudnn import unroll_cudnn
from sketchrnn.model.backends.native.library import has_bf16, library
from sketchrnn.model.backends.native.unroll import Inputs, NativeCell, pack_weights, unroll_native
from sketchrnn.model.backends.triton.unroll import has_bf16_products, triton_runs, unroll_gpu
from sketchrnn.model.cells import Cell, LSTMCell, State
from sketchrnn.model.config import BACKEND_NAMES, BackendName


@dataclass(frozen=True)
class Backend:
    """How a cell is run over time.

    Attributes:
        name: `plain` the loop over `cell.step`; `native` compiled C on the CPU; `triton` kernels on
            a GPU; `cudnn` PyTorch's own LSTM, for that cell without dropout; `auto` native where
            it can be had, else plain (docs/gpu.md says why not triton yet).
        bf16: round the factors of the products over the state to bfloat16; sums, state, everything
            else stay float32. Never for `plain`.
    """

    name: BackendName = "auto"
    bf16: bool = False

    def __post_init__(self) -> None:
        if self.name not in BACKEND_NAMES:
            raise SketchRNNError(
                f"unknown backend {self.name!r}: choose one of {', '.join(BACKEND_NAMES)}"
            )

    def chosen(self, x: Tensor) -> Backend:
        """The backend that `auto` means for inputs like x.

        Raises:
            SketchRNNError: a backend that cannot be had for such inputs on this machine.
        """
        float32 = x.dtype == torch.float32
        native = float32 and x.device.type == "cpu" and library() is not None
        if self.name == "auto":
            return replace(self, name="native" if native else "plain").chosen(x)
        needs: dict[str, tuple[bool, str]] = {
            "native": (native, "float32 on the CPU and a C compiler (cc, gcc or clang)"),
            "triton": (
                float32 and triton_runs(x),
                "float32 on an NVIDIA GPU, and Triton, which comes with PyTorch there",
            ),
            "cudnn": (float32 and x.is_cuda, "float32 on an NVIDIA GPU"),
        }
        here, what = needs.get(self.name, (True, ""))
        if not here:
            raise SketchRNNError(f"the {self.name} backend needs {what}")
        bf16 = {"native": has_bf16, "triton": has_bf16_products}.get(self.name)
        if self.bf16 and (bf16 is None or not bf16()):
            raise SketchRNNError(
                "bfloat16 products cannot be had here: they need a processor with AVX512-BF16 and"
                " a C compiler, or a GPU with the triton backend and PyTorch 2.8; use float32"
            )
        return self


AUTO = Backend()
PLAIN = Backend("plain")


@dataclass(frozen=True)
class Dropout:
    """Recurrent dropout of all steps.

    Attributes:
        kept_TBm: bool, [T, B, sum(cell.mask_sizes)].
        keep: the part that is kept; a kept unit counts 1 / keep.
    """

    kept_TBm: Tensor
    keep: float

    def factors(self, t: int) -> Tensor:
        """The masks of a step: 0 or 1 / keep, [B, m]."""
        return self.kept_TBm[t].float() / self.keep

    def first(self, steps: int) -> Dropout:
        """That of the first steps alone."""
        return replace(self, kept_TBm=self.kept_TBm[:steps])


def random_dropout(
    shape: tuple[int, int, int], keep: float, generator: torch.Generator, device: torch.device
) -> Dropout:
    """Masks that keep each unit with probability `keep`, rounded to 1 / 65536.

    Each random number of 64 bits serves four units. On the CPU NumPy draws and compares them, in a
    third of PyTorch's time; it is seeded from `generator`.
    """
    words, below = -(-math.prod(shape) // 4), round(keep * 65536) - 32768
    if device.type == "cpu":
        seed = int(torch.randint(2**62, (), generator=generator))
        rng = np.random.Generator(np.random.SFC64(seed))
        chances = rng.integers(-(2**63), 2**63, words, dtype=np.int64).view(np.int16)
        kept = torch.from_numpy(chances[: math.prod(shape)] < below)
    else:
        drawn = torch.empty(words, dtype=torch.int64, device=device)
        drawn.random_(-(2**63), None, generator=generator)
        kept = drawn.view(torch.int16)[: math.prod(shape)] < below  # -32768 ... 32767
    return Dropout(kept.view(shape), keep)


def unroll(
    cell: Cell,
    x_TBD: Tensor,
    weights_DP: Tensor,
    constant: Tensor,
    state: State,
    *,
    dropout: Dropout | None = None,
    lengths_B: Tensor | None = None,
    backend: Backend = AUTO,
) -> tuple[Tensor, State]:
    """Run a cell over T steps: step t takes x_TBD[t] @ weights_DP + constant as its projection.

    A row of length n takes part in n steps: after them its state stands still, and h is 0. What
    stands in x there is not read.

    Args:
        cell: any of the three.
        x_TBD: the part of the input that changes with time; only the plain loop has its gradient.
        weights_DP: its rows of `cell.input_weights()`.
        constant: [P] or [B, P]: the bias, and the product over what does not change.
        state: before the first step.
        dropout: recurrent dropout masks.
        lengths_B: int64 [B], each from 1 to T; None for T.
        backend: how.

    Returns:
        h of every step [T, B, H], and each row's state after its own last step.
    """
    if backend.name == "auto" and x_TBD.requires_grad and torch.is_grad_enabled():
        backend = PLAIN  # the other backends have no gradient for x
    backend = backend.chosen(x_TBD)
    if backend.name == "native":
        return _native(cell, x_TBD, weights_DP, constant, state, dropout, lengths_B, backend.bf16)
    if backend.name == "triton":
        run = Run(cell, x_TBD, weights_DP, constant, state, dropout)
        return unroll_beside([run], lengths_B=lengths_B, backend=backend)[0]
    if backend.name == "cudnn":
        if not isinstance(cell, LSTMCell) or dropout is not None:
            raise SketchRNNError("the cudnn backend is for an LSTM without recurrent dropout")
        return unroll_cudnn(cell, x_TBD, weights_DP, constant, state, lengths_B)
    T = len(x_TBD)
    if lengths_B is not None:  # zeros past the ends: nothing from there may reach a gradient
        drawn = torch.arange(T, device=x_TBD.device)[:, None] < lengths_B
        x_TBD = torch.where(drawn[..., None], x_TBD, 0.0)
    projected_TBP = x_TBD @ weights_DP + constant
    outputs = []
    for t, projected in enumerate(projected_TBP.unbind(0)):
        mask = None if dropout is None else dropout.factors(t)
        new = cell.step(projected, state, mask)
        if lengths_B is not None:
            going = drawn[t][:, None]
            new = tuple(torch.where(going, *pair) for pair in zip(new, state, strict=True))
            outputs.append(torch.where(going, new[0], 0.0))
        else:
            outputs.append(new[0])
        state = new
    return torch.stack(outputs), state


class Stepper:
    """A cell run step by step, without gradients: what sampling needs.

    What can be prepared from the weights is prepared once.
    """

    def __init__(self, cell: Cell, weights_DP: Tensor, backend: Backend = AUTO) -> None:
        self._cell = cell
        self._weights_DP = weights_DP
        self._backend = backend.chosen(weights_DP)
        self._packed = None
        if self._backend.name == "native":
            assert isinstance(cell, NativeCell)
            self._packed = pack_weights(cell, self._backend.bf16)

    @torch.inference_mode()
    def step(self, x_BD: Tensor, constant_BP: Tensor, state: State) -> State:
        """The state after one step whose projection is x_BD @ weights_DP + constant_BP."""
        if self._backend.name != "native":
            projected = torch.addmm(constant_BP, x_BD, self._weights_DP)
            return self._cell.step(projected, state, None)
        inputs = Inputs(
            x_TBD=x_BD[None].contiguous(),
            lengths_B=torch.ones(len(x_BD), dtype=torch.int64),
            kept_TBm=None,
            keep=1.0,
            half=self._backend.bf16,
            learning=False,
            packed=self._packed,
        )
        assert isinstance(self._cell, NativeCell)
        return unroll_native(self._cell, inputs, self._weights_DP, constant_BP, state)[1]


def _native(
    cell: Cell,
    x_TBD: Tensor,
    weights_DP: Tensor,
    constant: Tensor,
    state: State,
    dropout: Dropout | None,
    lengths_B: Tensor | None,
    bf16: bool,
) -> tuple[Tensor, State]:
    T, B, _ = x_TBD.shape
    assert isinstance(cell, NativeCell)
    parts = (weights_DP, constant, *state, *cell.parameters())
    inputs = Inputs(
        x_TBD=x_TBD.contiguous(),
        lengths_B=torch.full((B,), T) if lengths_B is None else lengths_B.contiguous(),
        kept_TBm=None if dropout is None else dropout.kept_TBm.contiguous(),
        keep=1.0 if dropout is None else dropout.keep,
        half=bf16,
        learning=torch.is_grad_enabled() and any(part.requires_grad for part in parts),
    )
    return unroll_native(cell, inputs, weights_DP, constant.expand(B, -1), state)


@dataclass(frozen=True)
class Run:
    """The arguments of `unroll` that are each cell's own where several run over the same rows."""

    cell: Cell
    x_TBD: Tensor
    weights_DP: Tensor
    constant: Tensor
    state: State
    dropout: Dropout | None = None


def unroll_beside(
    runs: Sequence[Run], *, lengths_B: Tensor | None = None, backend: Backend = AUTO
) -> list[tuple[Tensor, State]]:
    """`unroll` for cells of one kind and size over the same rows; on a GPU all of them at once."""
    backend = backend.chosen(runs[0].x_TBD)
    if backend.name != "triton":
        return [
            unroll(
                run.cell,
                run.x_TBD,
                run.weights_DP,
                run.constant,
                run.state,
                dropout=run.dropout,
                lengths_B=lengths_B,
                backend=backend,
            )
            for run in runs
        ]
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
        bf16=backend.bf16,
    )
    return [(h_TBH, tuple(parts)) for h_TBH, *parts in zip(h_GTBH, *state, strict=True)]


def _stacked(parts: Sequence[Tensor]) -> Tensor:
    """As `torch.stack`, without a copy of one alone."""
    return parts[0][None] if len(parts) == 1 else torch.stack(list(parts))


def reverse_by_length(x_TB: Tensor, lengths_B: Tensor) -> Tensor:
    """Reverse the first N_s of T steps of each of B rows [T, B, ...]; the padding stays."""
    step = torch.arange(len(x_TB), device=x_TB.device)[:, None]
    backward = lengths_B[None, :] - 1 - step
    index_TB = torch.where(backward >= 0, backward, step)
    return x_TB[index_TB, torch.arange(x_TB.shape[1], device=x_TB.device)]


def steps_run(T: int, lengths_B: Tensor) -> Tensor:
    """Which of T steps rows of these lengths take part in: bool [T, B]."""
    return torch.arange(T, device=lengths_B.device)[:, None] < lengths_B
