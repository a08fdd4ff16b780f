"""The three cells over time on a GPU: one product and one kernel a step; forward and backward.

Each step is the product of all that it needs of the state, [h] or a HyperLSTM's [h | k], with one
matrix, then a kernel for everything else (`kernels.py`, where the equations are). A HyperLSTM has a
second product, k C, where C are the matrices through which k scales and shifts the gates
(k W_z alpha, multiplied out once), and a second kernel. The gradients of all matrices are products
over many steps at once. Several cells of a kind run side by side, as the two directions of the
encoder do: the kernels take the rows of both, and the products go in pairs.

Nothing here waits for the GPU or looks at what it computes, so all of it can be captured in a CUDA
graph. Without one most of the time goes into starting kernels.

Shapes: G cells side by side, T steps, B rows, D input columns, P projected, H units, Y those of a
HyperLSTM's small LSTM, E its embedding; N columns of a step's product, K of its left factor.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from sketchrnn.model.cells import (
    EMBEDDINGS,
    Cell,
    HyperLSTMCell,
    LayerNormLSTMCell,
    LSTMCell,
    State,
)
from sketchrnn.model.config import GATES

UNITS_A_PROGRAM = 512  # where no layer norm needs the whole row
UNITS_A_WARP = 128
ALIGNED = 8  # columns: products are fast where rows of factors begin at multiples of 16 bytes
ADJOINT_BYTES = 2**32  # adjoints are gathered up to this for products over many steps


def triton_runs(x: Tensor) -> bool:
    """Whether Triton's kernels can be run where x is: on a GPU, or by its slow interpreter."""
    interpreted = os.environ.get("TRITON_INTERPRET") == "1"
    return (x.is_cuda or interpreted) and find_spec("triton") is not None


def has_bf16_products() -> bool:
    """Whether this PyTorch adds up products of bfloat16 in float32 and returns them so (2.8)."""
    return hasattr(torch.ops.aten.mm, "dtype_out")


@dataclass(frozen=True)
class Inputs:
    """What has no gradient.

    Attributes:
        x_GTBD: float32, what changes with time.
        lengths_B: int64; how many steps each row takes part in, at least 1.
        kept_GTBm: bytes 0 or 1, recurrent dropout; None for none.
        keep: the part that is kept.
        half: round the factors of products to bfloat16.
        learning: whether a backward pass may follow.
    """

    x_GTBD: Tensor
    lengths_B: Tensor
    kept_GTBm: Tensor | None
    keep: float
    half: bool
    learning: bool

    @property
    def sizes(self) -> tuple[int, int, int, int]:
        """G, T, B, D."""
        G, T, B, D = self.x_GTBD.shape
        return G, T, B, D

    @property
    def factor_type(self) -> torch.dtype:
        """Of the factors of products."""
        return torch.bfloat16 if self.half else torch.float32

    def empty(self, *shape: int, factors: bool = False) -> Tensor:
        """Room on the device for float32 numbers, or for factors of products."""
        dtype = self.factor_type if factors else torch.float32
        return torch.empty(shape, dtype=dtype, device=self.x_GTBD.device)


def unroll_gpu(
    cells: Sequence[Cell],
    x_GTBD: Tensor,
    weights_GDP: Tensor,
    constant_GBP: Tensor,
    state: State,
    *,
    kept_GTBm: Tensor | None = None,
    keep: float = 1.0,
    lengths_B: Tensor | None = None,
    bf16: bool = False,
) -> tuple[Tensor, State]:
    """`model.unroll.unroll` for several cells of one kind and size at once, in float32.

    Args:
        cells: G of them; their inputs, weights and states stand beside each other in what follows.
        x_GTBD, weights_GDP, constant_GBP: the projection of step t is x[t] @ weights + constant.
        state: parts [G, B, ...] before the first step.
        kept_GTBm, keep: recurrent dropout.
        lengths_B: of the rows, the same for all cells; int64, each from 1 to T; None for T.
        bf16: round the factors of products to bfloat16; sums and all else stay float32.

    Returns:
        h of every step [G, T, B, H], and each row's state after its own last step.
    """
    _, T, B, _ = x_GTBD.shape
    first = cells[0]
    assert all(type(cell) is type(first) for cell in cells)
    if lengths_B is None:
        lengths_B = torch.full((B,), T, device=x_GTBD.device)
    tensors = [weights_GDP, constant_GBP, *state]
    tensors += [parameter for cell in cells for parameter in cell.parameters()]
    inputs = Inputs(
        x_GTBD=x_GTBD.contiguous(),
        lengths_B=lengths_B.contiguous(),
        kept_GTBm=None if kept_GTBm is None else kept_GTBm.contiguous().view(torch.uint8),
        keep=keep,
        half=bf16,
        learning=torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors),
    )
    shared = (inputs, weights_GDP.contiguous(), constant_GBP.contiguous())
    state = tuple(part.contiguous() for part in state)
    on_device = torch.cuda.device(x_GTBD.device) if x_GTBD.is_cuda else contextlib.nullcontext()
    with on_device:
        if isinstance(first, HyperLSTMCell):
            arguments = _beside(cells, _hyper_arguments)
            out, *last = _HyperUnroll.apply(*shared, *state, *arguments)  # type: ignore[no-untyped-call]
        else:
            arguments = _beside(cells, _gated_arguments)
            out, *last = _GatedUnroll.apply(*shared, *state, *arguments)  # type: ignore[no-untyped-call]
    return out, tuple(last)


def _beside(cells: Sequence[Cell], arguments: Any) -> list[Tensor]:
    """The same tensors of each cell, stacked; of one cell without a copy."""
    of_each = zip(*(arguments(cell) for cell in cells), strict=True)
    return [part[0][None] if len(part) == 1 else torch.stack(part) for part in of_each]


def _gated_arguments(cell: Cell) -> tuple[Tensor, ...]:
    """W_hh [H, 4 H], and with layer norm its gains and shifts."""
    assert isinstance(cell, LSTMCell | LayerNormLSTMCell)
    return (cell.W_hh, *cell.norms())


def _hyper_arguments(cell: Cell) -> tuple[Tensor, ...]:
    """W [H + Y, 4 H + 4 Y], C [Y, 12 H], its constant [12 H]; gains and shifts of both LSTMs.

    The last 4 H of the constant are the gates' bias.
    """
    assert isinstance(cell, HyperLSTMCell)
    small, H, Y, E = cell.hyper, cell.hidden_size, cell.hyper_size, cell.embedding
    W = torch.cat(
        [
            torch.cat([cell.W_hh, small.W_xh[cell.input_size :]], dim=1),
            torch.cat([cell.W_hh.new_zeros(Y, GATES * H), small.W_hh], dim=1),
        ]
    )
    to_embeddings, to_units = cell.embedding_weights()
    C = torch.bmm(to_embeddings.view(Y, EMBEDDINGS, E).transpose(0, 1), to_units)  # [12, Y, H]
    scales = torch.bmm(cell.b_zw.view(-1, 1, E), cell.W_alpha)  # [8, 1, H]
    return (
        W,
        C.transpose(0, 1).reshape(Y, EMBEDDINGS * H),
        torch.cat([scales.flatten(), cell.bias]),
        *cell.norms(),
        *small.norms(),
    )


class _GatedUnroll(torch.autograd.Function):
    """LSTM, or layer-norm LSTM where the four gains and shifts are given."""

    @staticmethod
    def forward(
        ctx: Any,
        inputs: Inputs,
        weights: Tensor,
        constant: Tensor,
        h0: Tensor,
        c0: Tensor,
        W_hh: Tensor,
        *norms: Tensor,
    ) -> tuple[Tensor, ...]:
        ctx.set_materialize_grads(False)
        G, T, B, _ = inputs.sizes
        H = h0.shape[2]
        factors = _Factors(inputs, h0)
        lstm = _Lstm.new(inputs, c0, norms)
        out = inputs.empty(G, T, B, H)
        W = W_hh.to(inputs.factor_type)
        product = inputs.empty(G, B, GATES * H)
        for t in range(T):
            _multiply(factors.before(t), W, product)
            lstm.forward(t, weights, constant, product, factors.array, out)
        if inputs.learning:
            ctx.inputs, ctx.lstm, ctx.factors = inputs, lstm, factors
            ctx.save_for_backward(weights, constant, W_hh)
        return out, lstm.h_last, lstm.c_last

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, d_out: Tensor | None, *d_last: Tensor | None) -> tuple[Any, ...]:
        weights, constant, W_hh = ctx.saved_tensors
        inputs, lstm, factors = ctx.inputs, ctx.lstm, ctx.factors
        _, T, _, D = inputs.sizes
        H = lstm.H
        W_t = W_hh.to(inputs.factor_type).transpose(1, 2)
        d_out = None if d_out is None else d_out.contiguous()
        d_lstm = _LstmAdjoints.new(lstm, d_last)
        d_constant = torch.zeros_like(constant)
        d_h = torch.empty_like(lstm.h_last)
        x = _ExtendedInputs(inputs)
        d_product = _Gathered(inputs, (GATES * H,))
        d_W, d_x = _Sum(), _Sum()
        for t in reversed(range(T)):
            (d,) = d_product.of_step(t)
            more = None if d_out is None else d_out[:, t]
            d_lstm.backward(t, weights, constant, more, d_h, d, d_constant)
            _multiply(d, W_t, d_h)
            if (steps := d_product.complete(t)) is not None:
                (d_steps,) = d_product.of_steps(steps)
                d_W.add_products(factors.of_steps(steps), d_steps)
                d_x.add_products(x.of_steps(steps), d_steps)
        return (
            None,
            d_x.total[:, :D],
            d_constant,
            d_h,
            d_lstm.d_c,
            d_W.total,
            *d_lstm.norm_gradients(),
        )


class _HyperUnroll(torch.autograd.Function):
    """HyperLSTM: its gains and shifts, then those of the small LSTM."""

    @staticmethod
    def forward(
        ctx: Any,
        inputs: Inputs,
        weights: Tensor,
        constant: Tensor,
        h0: Tensor,
        c0: Tensor,
        k0: Tensor,
        n0: Tensor,
        W: Tensor,
        C: Tensor,
        shifts: Tensor,
        *norms: Tensor,
    ) -> tuple[Tensor, ...]:
        ctx.set_materialize_grads(False)
        G, T, B, _ = inputs.sizes
        H, Y = h0.shape[2], k0.shape[2]
        factors = _Factors(inputs, torch.cat([h0, k0], dim=2))
        main = _Lstm.new(inputs, c0, norms[:GATES])
        small = _Lstm.new(inputs, n0, norms[GATES:], after=main)
        out = inputs.empty(G, T, B, H)
        W_step, C_step = W.to(inputs.factor_type), C.to(inputs.factor_type)
        products = inputs.empty(T if inputs.learning else 1, G, B, GATES * (H + Y))
        scales = inputs.empty(G, B, EMBEDDINGS * H)
        for t in range(T):
            product = products[t if inputs.learning else 0]
            _multiply(factors.before(t), W_step, product)
            small.forward(t, weights, constant, product, factors.array)
            _multiply(factors.after(t)[..., H:], C_step, scales)
            main.forward(t, weights, constant, product, factors.array, out, scales, shifts)
        if inputs.learning:
            ctx.inputs, ctx.main, ctx.small, ctx.factors = inputs, main, small, factors
            ctx.products = products
            ctx.save_for_backward(weights, constant, W, C, shifts)
        return out, main.h_last, main.c_last, small.h_last, small.c_last

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, d_out: Tensor | None, *d_last: Tensor | None) -> tuple[Any, ...]:
        weights, constant, W, C, shifts = ctx.saved_tensors
        inputs, main, small, factors = ctx.inputs, ctx.main, ctx.small, ctx.factors
        G, T, B, D = inputs.sizes
        H, Y = main.H, small.H
        W_t = W.to(inputs.factor_type).transpose(1, 2)
        C_step = C.to(inputs.factor_type)
        C_scales, C_t = C_step[..., : 2 * GATES * H], C_step.transpose(1, 2)
        d_out = None if d_out is None else d_out.contiguous()
        d_main = _LstmAdjoints.new(main, d_last[:2])
        d_small = _LstmAdjoints.new(small, d_last[2:])
        d_constant = torch.zeros_like(constant)
        d_hk = inputs.empty(G, B, H + Y)
        d_k = inputs.empty(G, B, Y)
        scales = inputs.empty(G, B, 2 * GATES * H)
        x = _ExtendedInputs(inputs)
        gathered = _Gathered(inputs, (GATES * (H + Y), GATES * H, EMBEDDINGS * H))
        d_W, d_C, d_x, d_x_small, d_shifts = (_Sum() for _ in range(5))
        for t in reversed(range(T)):
            d_product, d_projection, d_scales = gathered.of_step(t)
            _multiply(factors.after(t)[..., H:], C_scales, scales)
            d_main.backward(
                t, weights, constant, None if d_out is None else d_out[:, t], d_hk, d_product,
                d_constant, _Scaling(ctx.products[t], scales, shifts, d_projection, d_scales),
            )  # fmt: skip
            _multiply(d_scales, C_t, d_k)
            d_small.backward(t, weights, constant, d_k, d_hk, d_product, d_constant)
            _multiply(d_product, W_t, d_hk)
            if (steps := gathered.complete(t)) is not None:
                d_products, d_projections, d_all_scales = gathered.of_steps(steps)
                d_W.add_products(factors.of_steps(steps), d_products)
                d_C.add_products(factors.of_steps(steps, later=1)[..., H:], d_all_scales)
                d_x.add_products(x.of_steps(steps), d_projections)
                d_x_small.add_products(x.of_steps(steps), d_products[..., GATES * H :])
                d_shifts.add_products(x.of_steps(steps), d_all_scales)
        return (
            None,
            torch.cat([d_x.total[:, :D], d_x_small.total[:, :D]], dim=2),
            d_constant,
            d_hk[..., :H].contiguous(),
            d_main.d_c,
            d_hk[..., H:].contiguous(),
            d_small.d_c,
            d_W.total,
            d_C.total,
            d_shifts.total[:, D],
            *d_main.norm_gradients(),
            *d_small.norm_gradients(),
        )


class _Factors:
    """The left factors of the steps' products: the state before each step, and after the last."""

    def __init__(self, inputs: Inputs, start_GBK: Tensor) -> None:
        _, T, B, _ = inputs.sizes
        G, _, K = start_GBK.shape
        self._learning = inputs.learning
        self.array = inputs.empty(G, T + 1 if inputs.learning else 1, B, K, factors=True)
        self.array[:, 0] = start_GBK

    def before(self, t: int) -> Tensor:
        """[G, B, K] before step t."""
        return self.array[:, t if self._learning else 0]

    def after(self, t: int) -> Tensor:
        """[G, B, K] after step t."""
        return self.array[:, t + 1 if self._learning else 0]

    def of_steps(self, steps: range, later: int = 0) -> Tensor:
        """[G, S, B, K] before each of some steps, or so many steps later."""
        return self.array[:, steps.start + later : steps.stop + later]


class _ExtendedInputs:
    """The inputs as left factors of gradients: [x, 1, 0 ...], all 0 past a row's end.

    The 1 gives the sum of the other factor.
    """

    def __init__(self, inputs: Inputs) -> None:
        _, T, _, D = inputs.sizes
        steps = torch.arange(T, device=inputs.lengths_B.device)
        drawn_TB1 = (steps[:, None] < inputs.lengths_B)[..., None]
        x = functional.pad(inputs.x_GTBD, (0, 1), value=1.0)
        x = torch.where(drawn_TB1, x, 0.0).to(inputs.factor_type)
        self._array = functional.pad(x, (0, -(D + 1) % ALIGNED))

    def of_steps(self, steps: range) -> Tensor:
        """[G, S, B, D + 1 or more]."""
        return self._array[:, steps.start : steps.stop]


class _Gathered:
    """Adjoints of as many steps as fit into ADJOINT_BYTES, each of some widths."""

    def __init__(self, inputs: Inputs, widths: tuple[int, ...]) -> None:
        G, self._T, B, _ = inputs.sizes
        step_bytes = G * B * sum(widths) * inputs.factor_type.itemsize
        self._steps = max(1, min(self._T, ADJOINT_BYTES // step_bytes))
        self._arrays = [inputs.empty(G, self._steps, B, width, factors=True) for width in widths]

    def of_step(self, t: int) -> list[Tensor]:
        """Room [G, B, width] for each adjoint of step t."""
        return [array[:, t % self._steps] for array in self._arrays]

    def complete(self, t: int) -> range | None:
        """After step t, going backward: the steps that are here, if there is no room for more."""
        return None if t % self._steps else range(t, min(t + self._steps, self._T))

    def of_steps(self, steps: range) -> list[Tensor]:
        """What is gathered: [G, S, B, width] each."""
        return [array[:, : len(steps)] for array in self._arrays]


class _Sum:
    """The gradient of a matrix: a' d, summed over steps and rows."""

    def __init__(self) -> None:
        self._total: Tensor | None = None

    @property
    def total(self) -> Tensor:
        """[G, M, N], when products have been added."""
        assert self._total is not None
        return self._total

    def add_products(self, a_GSBM: Tensor, d_GSBN: Tensor) -> None:
        G, _, _, M = a_GSBM.shape
        products = torch.empty(G, M, d_GSBN.shape[3], device=a_GSBM.device)
        for a, d, product in zip(a_GSBM, d_GSBN, products, strict=True):
            _multiply(a.flatten(0, 1).T, d.flatten(0, 1), product)
        self._total = products if self._total is None else self._total.add_(products)


@dataclass(frozen=True)
class _Scaling:
    """What the backward kernel of a HyperLSTM's large LSTM needs besides, at one step."""

    product: Tensor
    scales: Tensor
    shifts: Tensor
    d_projection: Tensor
    d_scales: Tensor


@dataclass(frozen=True)
class _Lstm:
    """The arrays of one LSTM over time (`kernels.forward_step`), and its first columns.

    Attributes:
        first: its columns of projections and products begin there.
        factor_first: its h begins there in the left factors.
        mask_first: its dropout mask begins there.
    """

    inputs: Inputs
    H: int
    first: int
    factor_first: int
    mask_first: int
    norms: tuple[Tensor, ...]
    c: Tensor
    gates: Tensor
    statistics: Tensor
    h_last: Tensor
    c_last: Tensor

    @classmethod
    def new(
        cls, inputs: Inputs, c0: Tensor, norms: tuple[Tensor, ...], after: _Lstm | None = None
    ) -> _Lstm:
        """Room for it; its columns follow those of another one that it is computed with."""
        from sketchrnn.model.backends.triton.kernels import STATISTICS

        _, T, B, _ = inputs.sizes
        G, _, H = c0.shape
        T = T if inputs.learning else 0
        c = inputs.empty(G, T + 1, B, H)
        c[:, 0] = c0
        return cls(
            inputs=inputs,
            H=H,
            first=0 if after is None else GATES * after.H,
            factor_first=0 if after is None else after.H,
            mask_first=0 if after is None else after.H,
            norms=tuple(norm.contiguous() for norm in norms),
            c=c,
            gates=inputs.empty(G, T, B, GATES * H),
            statistics=inputs.empty(G, T, B, STATISTICS),
            h_last=inputs.empty(G, B, H),
            c_last=inputs.empty(G, B, H),
        )

    def launcher(self, kernel: Any, **flags: bool) -> Any:
        """A kernel with its grid and what is fixed when it is compiled."""
        import triton  # type: ignore[import-not-found,import-untyped,unused-ignore]

        G, _, B, D = self.inputs.sizes
        block = triton.next_power_of_2(self.H)
        if not self.norms:
            block = min(block, UNITS_A_PROGRAM)
        warps = min(16, max(1, block // UNITS_A_WARP))
        return partial(
            kernel[(G * B, triton.cdiv(self.H, block))],
            D=D,
            H=self.H,
            BLOCK=block,
            NORM=bool(self.norms),
            MASKED=self.inputs.kept_GTBm is not None,
            num_warps=warps,
            **flags,
        )

    def common(
        self, t: int, weights: Tensor, constant: Tensor, product: Tensor,
        scales: Tensor | None, shifts: Tensor | None,
    ) -> tuple[Any, ...]:  # fmt: skip
        """The arguments that both kernels begin with; what a kernel does not read is any tensor."""
        inputs, unread = self.inputs, self.c
        _, T, B, _ = inputs.sizes
        kept = inputs.kept_GTBm
        return (
            t, T, B, inputs.x_GTBD, inputs.lengths_B, weights, constant, weights.shape[2],
            self.first, product, product.shape[-1], self.first,
            unread if scales is None else scales, unread if shifts is None else shifts,
            *(self.norms or (unread,) * GATES),
            unread if kept is None else kept, 0 if kept is None else kept.shape[3],
            self.mask_first, 1 / inputs.keep, self.c, self.gates, self.statistics,
        )  # fmt: skip

    def forward(
        self, t: int, weights: Tensor, constant: Tensor, product: Tensor, factors: Tensor,
        out: Tensor | None = None, scales: Tensor | None = None, shifts: Tensor | None = None,
    ) -> None:  # fmt: skip
        """Step t, after its product."""
        from sketchrnn.model.backends.triton.kernels import forward_step

        scaled, learning = scales is not None, self.inputs.learning
        self.launcher(forward_step, SCALED=scaled, LEARNING=learning, OUT=out is not None)(
            *self.common(t, weights, constant, product, scales, shifts),
            self.c if out is None else out,
            factors, factors.shape[3], self.factor_first, self.h_last, self.c_last,
        )  # fmt: skip


@dataclass(frozen=True)
class _LstmAdjoints:
    """The adjoints of one LSTM while it is gone through backward (`kernels.backward_step`)."""

    lstm: _Lstm
    d_h_last: Tensor
    d_c_last: Tensor
    d_c: Tensor
    d_norms: tuple[Tensor, ...]

    @classmethod
    def new(cls, lstm: _Lstm, d_last: tuple[Tensor | None, ...]) -> _LstmAdjoints:
        """From the adjoints of the last h and c, None where there is none."""
        d_h_last, d_c_last = (
            torch.zeros_like(lstm.h_last) if adjoint is None else adjoint.contiguous()
            for adjoint in d_last
        )
        G, _, B, _ = lstm.inputs.sizes
        sums = tuple(norm.new_zeros(G, B, norm.shape[1]) for norm in lstm.norms)
        return cls(lstm, d_h_last, d_c_last, torch.empty_like(lstm.c_last), sums)

    def backward(
        self, t: int, weights: Tensor, constant: Tensor, d_more: Tensor | None,
        d_carried: Tensor, d_product: Tensor, d_constant: Tensor, scaling: _Scaling | None = None,
    ) -> None:  # fmt: skip
        """Step t: from the adjoint of h after it, d_carried + d_more, to that of its product."""
        from sketchrnn.model.backends.triton.kernels import backward_step

        lstm, unread = self.lstm, self.d_c
        d_projection, d_scales = unread, unread
        product, scales, shifts = d_constant, None, None  # of d_constant the row length is read
        if scaling is not None:
            product, scales, shifts = scaling.product, scaling.scales, scaling.shifts
            d_projection, d_scales = scaling.d_projection, scaling.d_scales
        flags = {"SCALED": scaling is not None, "MORE": d_more is not None}
        lstm.launcher(backward_step, **flags)(
            *lstm.common(t, weights, constant, product, scales, shifts),
            unread if d_more is None else d_more, 0 if d_more is None else d_more.stride(0),
            d_carried, d_carried.shape[2], lstm.factor_first,
            self.d_h_last, self.d_c_last, self.d_c,
            d_product, d_product.stride(0), d_projection, d_projection.stride(0),
            d_scales, d_scales.stride(0), d_constant, *(self.d_norms or (unread,) * GATES),
        )  # fmt: skip

    def norm_gradients(self) -> tuple[Tensor, ...]:
        """Of the gains and shifts, if there are any."""
        return tuple(sums.sum(dim=1) for sums in self.d_norms)


def _multiply(a: Tensor, b: Tensor, out: Tensor) -> None:
    """out = a b in float32, matrices or stacks of them, whatever the type of the factors."""
    if a.dim() == 3 and len(a) == 1:
        a, b, out = a[0], b[0], out[0]
    product = torch.mm if a.dim() == 2 else torch.bmm
    if a.dtype == torch.float32:
        product(a, b, out=out)
    elif a.is_cuda:
        product(a, b, torch.float32, out=out)
    else:  # not there on the CPU, where only tests come here: the same numbers
        product(a.float(), b.float(), out=out)
