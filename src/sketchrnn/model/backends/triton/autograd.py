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
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from sketchrnn.model.backends.triton.arrays import (
    ExtendedInputs,
    Factors,
    Gathered,
    Inputs,
    Lstm,
    LstmAdjoints,
    Scaling,
    Sum,
    multiply,
)
from sketchrnn.model.cells import (
    EMBEDDINGS,
    Cell,
    HyperLSTMCell,
    LayerNormLSTMCell,
    LSTMCell,
    State,
)
from sketchrnn.model.config import GATES


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
        factors = Factors(inputs, h0)
        lstm = Lstm.new(inputs, c0, norms)
        out = inputs.empty(G, T, B, H)
        W = W_hh.to(inputs.factor_type)
        product = inputs.empty(G, B, GATES * H)
        for t in range(T):
            multiply(factors.before(t), W, product)
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
        d_lstm = LstmAdjoints.new(lstm, d_last)
        d_constant = torch.zeros_like(constant)
        d_h = torch.empty_like(lstm.h_last)
        x = ExtendedInputs(inputs)
        d_product = Gathered(inputs, (GATES * H,))
        d_W, d_x = Sum(), Sum()
        for t in reversed(range(T)):
            (d,) = d_product.of_step(t)
            more = None if d_out is None else d_out[:, t]
            d_lstm.backward(t, weights, constant, more, d_h, d, d_constant)
            multiply(d, W_t, d_h)
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
        factors = Factors(inputs, torch.cat([h0, k0], dim=2))
        main = Lstm.new(inputs, c0, norms[:GATES])
        small = Lstm.new(inputs, n0, norms[GATES:], after=main)
        out = inputs.empty(G, T, B, H)
        W_step, C_step = W.to(inputs.factor_type), C.to(inputs.factor_type)
        products = inputs.empty(T if inputs.learning else 1, G, B, GATES * (H + Y))
        scales = inputs.empty(G, B, EMBEDDINGS * H)
        for t in range(T):
            product = products[t if inputs.learning else 0]
            multiply(factors.before(t), W_step, product)
            small.forward(t, weights, constant, product, factors.array)
            multiply(factors.after(t)[..., H:], C_step, scales)
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
        d_main = LstmAdjoints.new(main, d_last[:2])
        d_small = LstmAdjoints.new(small, d_last[2:])
        d_constant = torch.zeros_like(constant)
        d_hk = inputs.empty(G, B, H + Y)
        d_k = inputs.empty(G, B, Y)
        scales = inputs.empty(G, B, 2 * GATES * H)
        x = ExtendedInputs(inputs)
        gathered = Gathered(inputs, (GATES * (H + Y), GATES * H, EMBEDDINGS * H))
        d_W, d_C, d_x, d_x_small, d_shifts = (Sum() for _ in range(5))
        for t in reversed(range(T)):
            d_product, d_projection, d_scales = gathered.of_step(t)
            multiply(factors.after(t)[..., H:], C_scales, scales)
            d_main.backward(
                t, weights, constant, None if d_out is None else d_out[:, t], d_hk, d_product,
                d_constant, Scaling(ctx.products[t], scales, shifts, d_projection, d_scales),
            )  # fmt: skip
            multiply(d_scales, C_t, d_k)
            d_small.backward(t, weights, constant, d_k, d_hk, d_product, d_constant)
            multiply(d_product, W_t, d_hk)
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
