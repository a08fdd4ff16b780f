"""The recurrent cells, each as its parameters and one step, as in the papers.

How a cell is run over many steps is `unroll`'s matter; how it draws, `decoder`'s.

Shapes: B batch, D input, H hidden, Y units of the small LSTM of a HyperLSTM, E its embedding.
Gate order is i, g, f, o everywhere, as in the reference code; +1.0 is added to the forget gate at
run time, so biases start at zero (docs/deviations.md, rows 9 to 12).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from sketchrnn.model.config import (
    CELL_NAMES,
    DECODER_NAMES,
    FORGET_BIAS,
    GATES,
    LAYER_NORM_EPSILON,
    ModelConfig,
)

State = tuple[Tensor, ...]  # h first, then c, then what else the cell carries

EMBEDDINGS = 3 * GATES  # of a HyperLSTM: scales of the gates' x-parts and h-parts, shifts
NORMS = ("gamma", "beta", "c_gamma", "c_beta")  # what `Cell.norms` gives, in its order


class Cell(nn.Module, ABC):
    """What all cells have: sizes, the parts of the state, the dropout masks, one step.

    Attributes:
        state_sizes: units of each part of the state, h first, then c.
        mask_sizes: units of each dropout mask of one step.
    """

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.state_sizes: tuple[int, ...] = (hidden_size, hidden_size)
        self.mask_sizes: tuple[int, ...] = (hidden_size,)

    def zero_state(self, x: Tensor) -> State:
        """The state before the first step for inputs [B, ...], of the inputs' type and device."""
        return tuple(x.new_zeros(len(x), size) for size in self.state_sizes)

    def norms(self) -> tuple[Tensor, ...]:
        """Gain and shift of the gates' layer norm, then of c's; none without layer norm."""
        return ()

    @abstractmethod
    def input_weights(self) -> tuple[Tensor, Tensor | None]:
        """The weights [D, P] and bias [P] of what a step needs of its input alone."""

    def project(self, x: Tensor) -> Tensor:
        """The products over the input, which need no state: [..., D] -> [..., P]."""
        weights, bias = self.input_weights()
        return x @ weights if bias is None else x @ weights + bias

    @abstractmethod
    def next_state(self, projected: Tensor, state: State, mask: Tensor | None) -> State:
        """One step from `project(x)` [B, P]; `mask` [B, sum(mask_sizes)] or None."""

    def forward(self, x: Tensor, state: State, mask: Tensor | None = None) -> State:
        """One step: x [B, D], the state, a dropout mask (0 or 1/keep) -> the new state."""
        return self.next_state(self.project(x), state, mask)


class LSTMCell(Cell):
    """Hochreiter and Schmidhuber 1997 with a forget gate; recurrent dropout on the candidate g.

    i, g, f, o = x W_xh + h W_hh + b
    c' = sigma(f + 1) c + sigma(i) mask tanh(g)
    h' = sigma(o) tanh(c')
    """

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.W_xh = nn.Parameter(torch.empty(input_size, GATES * hidden_size))
        self.W_hh = nn.Parameter(torch.empty(hidden_size, GATES * hidden_size))
        self.bias = nn.Parameter(torch.zeros(GATES * hidden_size))
        nn.init.xavier_uniform_(self.W_xh)
        orthogonal_gates_(self.W_hh)

    def input_weights(self) -> tuple[Tensor, Tensor | None]:
        """W_xh [D, 4H] and b."""
        return self.W_xh, self.bias

    def next_state(self, projected: Tensor, state: State, mask: Tensor | None) -> State:
        """One step of the equations above."""
        h, c = state
        return gated_update(projected + h @ self.W_hh, c, mask, torch.tanh)


class LayerNormLSTMCell(Cell):
    """LSTM with layer normalisation (Ba, Kiros, Hinton 2016), as the reference code does it.

    i, g, f, o = LN_gates(x W_xh + h W_hh)          each gate normalised by itself, no bias
    c' = sigma(f + 1) c + sigma(i) mask tanh(g)
    h' = sigma(o) tanh(LN_c(c'))
    """

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.W_xh = nn.Parameter(torch.empty(input_size, GATES * hidden_size))
        self.W_hh = nn.Parameter(torch.empty(hidden_size, GATES * hidden_size))
        self.gates_norm = LayerNorm(GATES, hidden_size)
        self.c_norm = LayerNorm(1, hidden_size)
        nn.init.xavier_uniform_(self.W_xh)
        orthogonal_gates_(self.W_hh)

    def norms(self) -> tuple[Tensor, ...]:
        """Gain and shift of the gates' layer norm, then of c's."""
        gates, c = self.gates_norm, self.c_norm
        return gates.gamma, gates.beta, c.gamma, c.beta

    def input_weights(self) -> tuple[Tensor, Tensor | None]:
        """W_xh [D, 4H]; no bias, the layer norm's shift stands for it."""
        return self.W_xh, None

    def next_state(self, projected: Tensor, state: State, mask: Tensor | None) -> State:
        """One step of the equations above."""
        h, c = state
        gates = self.gates_norm(projected + h @ self.W_hh)
        return gated_update(gates, c, mask, lambda c_new: torch.tanh(self.c_norm(c_new)))


class HyperLSTMCell(Cell):
    """HyperLSTM (Ha, Dai, Le 2016) with layer norm: a small LSTM scales the large one's gates.

    k', n' = LayerNormLSTM([x; h]; k, n)                      the small LSTM, Y units
    a_y = (k' W_zw + b_zw) W_alpha,   y in {x-part, h-part} of each gate
    b_h = (k' W_zb) W_beta,           h-part of each gate
    i, g, f, o = LN_gates(a_x (x W_xh) + a_h (h W_hh) + b_h + b)
    c', h' as in LayerNormLSTMCell
    """

    def __init__(
        self, input_size: int, hidden_size: int, hyper_size: int = 256, embedding: int = 32
    ) -> None:
        super().__init__(input_size, hidden_size)
        self.state_sizes = (hidden_size, hidden_size, hyper_size, hyper_size)
        self.mask_sizes = (hidden_size, hyper_size)
        self.hyper_size = hyper_size
        self.embedding = embedding
        scaled = 2 * GATES  # the x-parts of i, g, f, o, then their h-parts
        self.W_xh = nn.Parameter(torch.empty(input_size, GATES * hidden_size))
        self.W_hh = nn.Parameter(torch.empty(hidden_size, GATES * hidden_size))
        self.bias = nn.Parameter(torch.zeros(GATES * hidden_size))
        self.hyper = LayerNormLSTMCell(input_size + hidden_size, hyper_size)
        self.W_zw = nn.Parameter(torch.zeros(hyper_size, scaled * embedding))
        self.b_zw = nn.Parameter(torch.ones(scaled * embedding))
        self.W_alpha = nn.Parameter(torch.full((scaled, embedding, hidden_size), 0.1 / embedding))
        self.W_zb = nn.Parameter(torch.randn(hyper_size, GATES * embedding) * 0.01)
        self.W_beta = nn.Parameter(torch.zeros(GATES, embedding, hidden_size))
        self.gates_norm = LayerNorm(GATES, hidden_size)
        self.c_norm = LayerNorm(1, hidden_size)
        nn.init.xavier_uniform_(self.W_xh)
        orthogonal_gates_(self.W_hh)

    def norms(self) -> tuple[Tensor, ...]:
        """Gain and shift of the gates' layer norm, then of c's."""
        gates, c = self.gates_norm, self.c_norm
        return gates.gamma, gates.beta, c.gamma, c.beta

    def input_weights(self) -> tuple[Tensor, Tensor | None]:
        """W_xh beside the small LSTM's rows for x: [D, 4H + 4Y]; b is added after the scaling."""
        return torch.cat([self.W_xh, self.hyper.W_xh[: self.input_size]], dim=1), None

    def embedding_weights(self) -> tuple[Tensor, Tensor]:
        """From the small LSTM to all embeddings [Y, 12 E], from them to the units [12, E, H]."""
        return torch.cat([self.W_zw, self.W_zb], dim=1), torch.cat([self.W_alpha, self.W_beta])

    def next_state(self, projected: Tensor, state: State, mask: Tensor | None) -> State:
        """One step of the equations above."""
        h, c, k, n = state
        H4 = GATES * self.hidden_size
        x_part, hyper_part = projected[:, :H4], projected[:, H4:]
        mask_h, mask_k = (
            (None, None) if mask is None else torch.split(mask, list(self.mask_sizes), dim=1)
        )
        hyper_part = hyper_part + h @ self.hyper.W_xh[self.input_size :]
        k, n = self.hyper.next_state(hyper_part, (k, n), mask_k)

        scales = self._expand(k @ self.W_zw + self.b_zw, self.W_alpha)
        shift = self._expand(k @ self.W_zb, self.W_beta)
        gates = scales[:, :H4] * x_part + scales[:, H4:] * (h @ self.W_hh) + shift + self.bias
        h, c = gated_update(
            self.gates_norm(gates), c, mask_h, lambda c_new: torch.tanh(self.c_norm(c_new))
        )
        return h, c, k, n

    def _expand(self, embedded: Tensor, weight: Tensor) -> Tensor:
        """Each gate's embedding to its units: [B, G * E], [G, E, H] -> [B, G * H]."""
        gates = embedded.view(len(embedded), len(weight), self.embedding).transpose(0, 1)
        return (gates @ weight).transpose(0, 1).reshape(len(embedded), -1)


class LayerNorm(nn.Module):
    """Normalises each of `groups` blocks of `size` units by itself; one gain and shift a unit."""

    def __init__(self, groups: int, size: int) -> None:
        super().__init__()
        self.groups = groups
        self.size = size
        self.gamma = nn.Parameter(torch.ones(groups * size))
        self.beta = nn.Parameter(torch.zeros(groups * size))

    def forward(self, x: Tensor) -> Tensor:
        """[B, groups * size] -> the same shape."""
        blocks = x.reshape(len(x), self.groups, self.size)
        normal = functional.layer_norm(blocks, (self.size,), eps=LAYER_NORM_EPSILON)
        return torch.addcmul(self.beta, normal.reshape(x.shape), self.gamma)


def gated_update(
    gates: Tensor, c: Tensor, mask: Tensor | None, squash: Callable[[Tensor], Tensor]
) -> tuple[Tensor, Tensor]:
    """The part that all cells share: gates [B, 4H] before their nonlinearity and c -> (h', c')."""
    i, g, f, o = gates.chunk(GATES, dim=1)
    candidate = torch.tanh(g)
    if mask is not None:
        candidate = candidate * mask
    c_new = torch.sigmoid(f + FORGET_BIAS) * c + torch.sigmoid(i) * candidate
    return torch.sigmoid(o) * squash(c_new), c_new


def orthogonal_gates_(W_hh: Tensor) -> None:
    """Fill [H, 4H] with one orthogonal matrix a gate (docs/deviations.md, row 10)."""
    for gate in W_hh.data.chunk(GATES, dim=1):
        nn.init.orthogonal_(gate)


# The cells of this file: what the compiled backends are written for.
OWN_CELLS = (LSTMCell, LayerNormLSTMCell, HyperLSTMCell)

Build = Callable[[int, int, ModelConfig], Cell]  # input size, hidden size, the whole config

_BUILDERS: dict[str, Build] = {
    "lstm": lambda D, H, config: LSTMCell(D, H),
    "layer_norm": lambda D, H, config: LayerNormLSTMCell(D, H),
    "hyper": lambda D, H, config: HyperLSTMCell(D, H, config.hyper_size, config.hyper_embedding),
}


def register_cell(name: str, build: Build) -> None:
    """Make a cell known by a name that configs may then have; it runs wherever the plain loop does.

    Faster backends, NumPy and ONNX know the cells that they are written for, and say so of others.
    """
    _BUILDERS[name] = build
    CELL_NAMES.append(name)
    DECODER_NAMES.append(name)


def build_cell(name: str, input_size: int, hidden_size: int, config: ModelConfig) -> Cell:
    """The cell of that name; names are checked by ModelConfig."""
    return _BUILDERS[name](input_size, hidden_size, config)
