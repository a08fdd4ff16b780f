"""Random problems for `unroll`, and how two answers are compared.

An answer is what a run gives, and the gradients of a loss that reads all of it. It is held against
the plain loop in float64 on the same numbers, which the tests hold against independent oracles.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import pytest
import torch
from torch import Tensor

from sketchrnn.model.backends.native.library import has_bf16, library
from sketchrnn.model.backends.plain import Dropout
from sketchrnn.model.cells import Cell, HyperLSTMCell, LayerNormLSTMCell, LSTMCell
from sketchrnn.model.unroll import PLAIN, Backend, unroll

CELLS = ("lstm", "layer_norm", "hyper")
NATIVE = Backend("native")
NATIVE_BF16 = Backend("native", bf16=True)

needs_native = pytest.mark.skipif(library() is None, reason="no C compiler here")
needs_bf16 = pytest.mark.skipif(not has_bf16(), reason="no bfloat16 products in C here")
every_cell = pytest.mark.parametrize("name", CELLS)
every_way = pytest.mark.parametrize(
    "backend",
    [pytest.param(PLAIN, id="plain"), pytest.param(NATIVE, id="native", marks=needs_native)],
)

Answer = dict[str, Tensor]
Loss = Callable[[Tensor, tuple[Tensor, ...]], Tensor]


def dtype_of(backend: Backend) -> torch.dtype:
    """The finest type that a backend takes."""
    return torch.float64 if backend == PLAIN else torch.float32


def random_loss(h: Tensor, final: tuple[Tensor, ...]) -> Tensor:
    """Reads every h and every part of the last state, each number with its own weight."""
    generator = torch.Generator().manual_seed(5)
    total = h.new_zeros(())
    for value in (h, *final):
        weights = torch.randn(value.shape, generator=generator, dtype=torch.float64)
        total = total + (value * weights.to(value)).sum()
    return total


@dataclass(frozen=True)
class Problem:
    """The arguments of `unroll`."""

    cell: Cell
    x_TBD: Tensor
    weights_DP: Tensor
    constant: Tensor
    state: tuple[Tensor, ...]
    dropout: Dropout | None = None
    lengths_B: Tensor | None = None

    def to(self, dtype: torch.dtype) -> Problem:
        """A copy in that type, which has nothing in common with this one."""

        def own(value: Tensor) -> Tensor:
            return value.detach().to(dtype, copy=True)

        return replace(
            self,
            cell=copy.deepcopy(self.cell).to(dtype),
            x_TBD=own(self.x_TBD),
            weights_DP=own(self.weights_DP),
            constant=own(self.constant),
            state=tuple(map(own, self.state)),
        )

    def run(self, backend: Backend) -> tuple[Tensor, tuple[Tensor, ...]]:
        return unroll(
            self.cell,
            self.x_TBD,
            self.weights_DP,
            self.constant,
            self.state,
            dropout=self.dropout,
            lengths_B=self.lengths_B,
            backend=backend,
        )

    def learning(self) -> dict[str, Tensor]:
        """Everything that can have a gradient, by name."""
        named = {"weights": self.weights_DP, "constant": self.constant}
        named |= {f"state {part}": value for part, value in enumerate(self.state)}
        return named | dict(self.cell.named_parameters())

    def answer(self, backend: Backend, loss: Loss = random_loss) -> Answer:
        """h, the last state, and every gradient of the loss (None where there is none)."""
        for value in self.learning().values():
            value.requires_grad_().grad = None
        h, final = self.run(backend)
        loss(h, final).backward()
        found = {"h": h.detach()}
        found |= {f"final {part}": value.detach() for part, value in enumerate(final)}
        return found | {f"d {name}": value.grad for name, value in self.learning().items()}  # type: ignore[return-value]

    def expected(self, loss: Loss = random_loss) -> Answer:
        """The plain loop's answer in float64."""
        return self.to(torch.float64).answer(PLAIN, loss)


def random_cell(name: str, D: int, H: int, Y: int = 6, E: int = 3) -> Cell:
    """No parameter is at a value where a mistake would not show; sums stay near 1 at any size."""
    cell: Cell = {
        "lstm": LSTMCell,
        "layer_norm": LayerNormLSTMCell,
        "hyper": lambda D, H: HyperLSTMCell(D, H, Y, E),
    }[name](D, H)
    cell.double()
    with torch.no_grad():
        for value in cell.parameters():
            deviation = 0.3 if value.dim() == 1 else 0.8 * value.shape[-2] ** -0.5
            value += deviation * torch.randn_like(value)
    return cell


def random_problem(
    name: str,
    *,
    T: int = 7,
    B: int = 4,
    D: int = 5,
    H: int = 12,
    Y: int = 6,
    E: int = 3,
    lengths: Sequence[int] | None = None,
    keep: float = 1.0,
    a_constant_for_each_row: bool = True,
    seed: int = 0,
) -> Problem:
    """In float64; the size of everything follows from the cell, T, B and D."""
    torch.manual_seed(seed)
    cell = random_cell(name, D, H, Y, E)
    P = cell.input_weights()[0].shape[1]
    mask = torch.rand(T, B, sum(cell.mask_sizes)) < keep
    double = torch.float64
    return Problem(
        cell,
        torch.randn(T, B, D, dtype=double),
        torch.randn(D, P, dtype=double) / D**0.5,
        0.5 * torch.randn(*([B] if a_constant_for_each_row else []), P, dtype=double),
        tuple(0.5 * torch.randn(B, size, dtype=double) for size in cell.state_sizes),
        Dropout(mask, keep) if keep < 1 else None,
        None if lengths is None else torch.tensor(lengths),
    )


def ragged(T: int, B: int) -> list[int]:
    """Lengths that are not sorted; the longest, in the middle, is T."""
    return [1 + (T - 1 + 3 * (row - B // 2)) % T for row in range(B)]


def assert_same(ours: Answer, expected: Answer, tolerance: float) -> None:
    """Equal up to the tolerance, relative to the largest entry of each array, at least 1."""
    assert ours.keys() == expected.keys()
    for name, value in expected.items():
        if value is None:  # the input weights, which are read as `weights`
            assert ours[name] is None, name
            continue
        assert ours[name].shape == value.shape, name
        error = float((ours[name].double() - value.double()).abs().max())
        bound = tolerance * max(1.0, float(value.abs().max()))
        assert error <= bound, f"{name}: {error:.2g}, allowed {bound:.2g}"  # NaN fails
