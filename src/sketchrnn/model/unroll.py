"""Running a cell over time, by the plain loop or by a backend that gives the plain loop's answer.

The plain loop is the reference: every other backend has its outputs and gradients, within the
tolerances of tests/test_unroll.py. Shapes as in `backends.plain`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from sketchrnn.errors import SketchRNNError
from sketchrnn.model.backends.cudnn import CuDNN
from sketchrnn.model.backends.native.engine import Native
from sketchrnn.model.backends.plain import Answer, Dropout, Engine, Plain, Run
from sketchrnn.model.backends.triton.engine import Triton
from sketchrnn.model.cells import Cell, State
from sketchrnn.model.config import BACKEND_NAMES, BackendName
from sketchrnn.words import choices

# A new backend is one file and its line here, and its name in `config.BackendName`.
ENGINES: dict[str, Engine] = {
    engine.name: engine for engine in (Plain(), Native(), Triton(), CuDNN())
}


@dataclass(frozen=True)
class Backend:
    """What a cell is run by.

    Attributes:
        name: `plain` the loop over `cell.next_state`; `native` compiled C on the CPU; `triton`
            kernels on a GPU; `cudnn` PyTorch's own LSTM, for that cell without dropout; `auto`
            native where it takes the cell and its inputs, else plain (docs/gpu.md says why not
            triton yet).
        bf16: round the factors of the products over the state to bfloat16; sums, state, everything
            else stay float32. Never for `plain`.
    """

    name: BackendName = "auto"
    bf16: bool = False

    def __post_init__(self) -> None:
        if self.name not in BACKEND_NAMES:
            raise SketchRNNError(
                f"unknown backend {self.name!r}: {choices(self.name, BACKEND_NAMES)}"
            )

    def chosen(self, x: Tensor, cell: Cell | None = None) -> Backend:
        """The backend that `auto` means for inputs like x, of a cell or of those that it knows.

        Raises:
            SketchRNNError: a backend that cannot be had for them on this machine.
        """
        if self.name == "auto":
            name: BackendName = "native" if ENGINES["native"].takes(cell, x) else "plain"
            return replace(self, name=name).chosen(x, cell)
        engine = self.engine
        if not engine.takes(None, x):
            raise SketchRNNError(f"the {self.name} backend needs {engine.needs}")
        if not engine.takes(cell, x):
            raise SketchRNNError(
                f"the {self.name} backend has no {type(cell).__name__}; take plain, or auto"
            )
        if self.bf16 and not engine.has_bf16():
            raise SketchRNNError(
                "bfloat16 products cannot be had here: they need a processor with AVX512-BF16 and"
                " a C compiler, or a GPU with the triton backend and PyTorch 2.8; use float32"
            )
        return self

    @property
    def engine(self) -> Engine:
        """What runs it; `auto` has none until it is `chosen`."""
        return ENGINES[self.name]


AUTO = Backend()
PLAIN = Backend("plain")


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
) -> Answer:
    """Run a cell over T steps; see `Run` for the arguments, `Answer` for what is returned.

    A row of length n, from 1 to T (None: T), takes part in n steps: after them its state stands
    still, and h is 0. What stands in x there is not read.
    """
    run = Run(cell, x_TBD, weights_DP, constant, state, dropout)
    return unroll_beside([run], lengths_B=lengths_B, backend=backend)[0]


def unroll_beside(
    runs: Sequence[Run], *, lengths_B: Tensor | None = None, backend: Backend = AUTO
) -> list[Answer]:
    """`unroll` for cells of one kind and size over the same rows; on a GPU all of them at once."""
    x, cell = runs[0].x_TBD, runs[0].cell
    if backend.name == "auto" and x.requires_grad and torch.is_grad_enabled():
        backend = PLAIN  # the others have no gradient for x
    backend = backend.chosen(x, cell)
    return backend.engine.unroll(runs, lengths_B, backend.bf16)


class Stepper:
    """A cell run step by step, without gradients; its weights are prepared once."""

    def __init__(self, cell: Cell, weights_DP: Tensor, backend: Backend = AUTO) -> None:
        backend = backend.chosen(weights_DP, cell)
        self._step = backend.engine.stepper(cell, weights_DP, backend.bf16)

    @torch.inference_mode()
    def step(self, x_BD: Tensor, constant_BP: Tensor, state: State) -> State:
        """The state after one step whose projection is x_BD @ weights_DP + constant_BP."""
        return self._step(x_BD, constant_BP, state)


def reverse_by_length(x_TB: Tensor, lengths_B: Tensor) -> Tensor:
    """Reverse the first N_s of T steps of each of B rows [T, B, ...]; the padding stays."""
    step = torch.arange(len(x_TB), device=x_TB.device)[:, None]
    backward = lengths_B[None, :] - 1 - step
    index_TB = torch.where(backward >= 0, backward, step)
    return x_TB[index_TB, torch.arange(x_TB.shape[1], device=x_TB.device)]
