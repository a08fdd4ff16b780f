"""What a backend is, and the plain loop over a cell's equations, which all others must equal.

Shapes: T steps (first, so that a step is contiguous), B batch, D columns of the input that change
with time, P projected, H hidden, m all dropout masks of a step side by side.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from sketchrnn.model.cells import Cell, State

Answer = tuple[Tensor, State]  # h of every step [T, B, H]; each row's state after its last step
Step = Callable[[Tensor, Tensor, State], State]  # x_BD, constant_BP, state -> the next state


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


@dataclass(frozen=True)
class Run:
    """A cell, and what it is run on: step t takes x_TBD[t] @ weights_DP + constant.

    Attributes:
        cell: any.
        x_TBD: the part of the input that changes with time; only the plain loop has its gradient.
        weights_DP: its rows of `cell.input_weights()`.
        constant: [P] or [B, P]: the bias, and the product over what does not change.
        state: before the first step.
        dropout: recurrent dropout masks.
    """

    cell: Cell
    x_TBD: Tensor
    weights_DP: Tensor
    constant: Tensor
    state: State
    dropout: Dropout | None = None


@dataclass(frozen=True)
class Inputs:
    """What stands beside the arrays that have a gradient, of G runs of one size side by side.

    Attributes:
        x_GTBD: what changes with time.
        lengths_B: int64; how many steps each row takes part in, at least 1.
        kept_GTBm: bool, recurrent dropout; None for none.
        keep: the part that is kept.
        half: round the factors of the products over the state to bfloat16.
        learning: whether a backward pass may follow.
    """

    x_GTBD: Tensor
    lengths_B: Tensor
    kept_GTBm: Tensor | None
    keep: float
    half: bool
    learning: bool

    @classmethod
    def of(cls, runs: Sequence[Run], lengths_B: Tensor | None, bf16: bool) -> Inputs:
        """Those of some runs; without lengths all rows take part in all steps."""
        x_GTBD = beside([run.x_TBD for run in runs])
        _, T, B, _ = x_GTBD.shape
        dropouts = [run.dropout for run in runs if run.dropout is not None]
        return cls(
            x_GTBD,
            torch.full((B,), T, device=x_GTBD.device)
            if lengths_B is None
            else lengths_B.contiguous(),
            beside([dropout.kept_TBm for dropout in dropouts]) if dropouts else None,
            dropouts[0].keep if dropouts else 1.0,
            bf16,
            torch.is_grad_enabled() and any(map(_learns, runs)),
        )


def _learns(run: Run) -> bool:
    parts = (run.weights_DP, run.constant, *run.state, *run.cell.parameters())
    return any(part.requires_grad for part in parts)


def beside(parts: Sequence[Tensor]) -> Tensor:
    """Stacked and contiguous; one alone without a copy."""
    return parts[0][None].contiguous() if len(parts) == 1 else torch.stack(list(parts))


class Engine(ABC):
    """One backend. It declares what it takes; whatever it does not take runs the plain loop."""

    name: str
    needs: str  # what `takes` asks for, in words

    @abstractmethod
    def takes(self, cell: Cell | None, x: Tensor) -> bool:
        """Whether it runs such a cell (None: one that it knows) on inputs like x."""

    def has_bf16(self) -> bool:
        """Whether it can round the factors of the products over the state to bfloat16."""
        return False

    @abstractmethod
    def unroll(self, runs: Sequence[Run], lengths_B: Tensor | None, bf16: bool) -> list[Answer]:
        """`model.unroll.unroll` of each run; all have cells of one kind and size."""

    def stepper(self, cell: Cell, weights_DP: Tensor, bf16: bool) -> Step:
        """What takes one step at a time, without gradients."""

        def step(x_BD: Tensor, constant_BP: Tensor, state: State) -> State:
            return cell.next_state(torch.addmm(constant_BP, x_BD, weights_DP), state, None)

        return step


class Plain(Engine):
    """The loop over `Cell.next_state`; any cell, type and device."""

    name, needs = "plain", ""

    def takes(self, cell: Cell | None, x: Tensor) -> bool:
        """Everything."""
        return True

    def unroll(self, runs: Sequence[Run], lengths_B: Tensor | None, bf16: bool) -> list[Answer]:
        """One run after the other."""
        return [_loop(run, lengths_B) for run in runs]


def _loop(run: Run, lengths_B: Tensor | None) -> Answer:
    x_TBD, state = run.x_TBD, run.state
    if lengths_B is not None:  # zeros past the ends: nothing from there may reach a gradient
        drawn_TB = steps_run(len(x_TBD), lengths_B)
        x_TBD = torch.where(drawn_TB[..., None], x_TBD, 0.0)
    outputs = []
    for t, projected in enumerate((x_TBD @ run.weights_DP + run.constant).unbind(0)):
        mask = None if run.dropout is None else run.dropout.factors(t)
        new = run.cell.next_state(projected, state, mask)
        if lengths_B is not None:
            going = drawn_TB[t][:, None]
            new = tuple(torch.where(going, *pair) for pair in zip(new, state, strict=True))
            outputs.append(torch.where(going, new[0], 0.0))
        else:
            outputs.append(new[0])
        state = new
    return torch.stack(outputs), state


def steps_run(T: int, lengths_B: Tensor) -> Tensor:
    """Which of T steps rows of these lengths take part in: bool [T, B]."""
    return torch.arange(T, device=lengths_B.device)[:, None] < lengths_B
