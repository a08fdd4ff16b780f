"""Running a cell over time: the plain loop, and faster ways that give the plain loop's answer.

Shapes: T steps (first, so that a step is contiguous), B batch, D input, P projected, H hidden,
m all dropout masks of a step side by side.

The plain loop is the reference. `_fast` runs the LSTM and the layer-norm LSTM as one autograd node
with a hand-derived backward pass: the products over the input and the weight gradients are taken
out of the loop as one product each, and nothing but the state is computed step by step. Both give
the plain loop's outputs and gradients (tests/test_unroll.py).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from sketchrnn.model.cells import (
    FORGET_BIAS,
    GATES,
    LAYER_NORM_EPSILON,
    Cell,
    LayerNormLSTMCell,
    LSTMCell,
    State,
)


def unroll(
    cell: Cell,
    projected_TBP: Tensor,
    state: State,
    masks_TBm: Tensor | None = None,
    *,
    plain: bool = False,
) -> tuple[Tensor, State]:
    """Run a cell over T steps.

    Args:
        cell: any of the three.
        projected_TBP: `cell.project` of the inputs of all steps.
        state: before the first step.
        masks_TBm: recurrent dropout masks (0 or 1/keep), or None.
        plain: the loop over `cell.step` even where a faster way exists.

    Returns:
        h of every step [T, B, H], and the state after the last step.
    """
    if not plain and isinstance(cell, LSTMCell | LayerNormLSTMCell):
        return _fast(cell, projected_TBP, state, masks_TBm)
    outputs = []
    masks = [None] * len(projected_TBP) if masks_TBm is None else masks_TBm.unbind(0)
    for projected, mask in zip(projected_TBP.unbind(0), masks, strict=True):
        state = cell.step(projected, state, mask)
        outputs.append(state[0])
    return torch.stack(outputs), state


def reverse_by_length(x_TB: Tensor, lengths_B: Tensor) -> Tensor:
    """Reverse the first N_s of T steps of each of B rows [T, B, ...]; the padding stays."""
    step = torch.arange(len(x_TB), device=x_TB.device)[:, None]
    backward = lengths_B[None, :] - 1 - step
    index_TB = torch.where(backward >= 0, backward, step)
    return x_TB[index_TB, torch.arange(x_TB.shape[1], device=x_TB.device)]


def last_output(h_TBH: Tensor, lengths_B: Tensor) -> Tensor:
    """h after step N_s of each row [B, H]: what comes later, over padding, is never read."""
    return h_TBH[lengths_B - 1, torch.arange(h_TBH.shape[1], device=h_TBH.device)]


def _fast(
    cell: LSTMCell | LayerNormLSTMCell, projected: Tensor, state: State, masks: Tensor | None
) -> tuple[Tensor, State]:
    norms: tuple[Tensor, ...] = ()
    if isinstance(cell, LayerNormLSTMCell):
        norms = (cell.gates_norm.gamma, cell.gates_norm.beta, cell.c_norm.gamma, cell.c_norm.beta)
    inputs = (projected, *state, cell.W_hh, *norms)
    keep = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in inputs)
    h_TBH, c_T = _GatedUnroll.apply(  # type: ignore[no-untyped-call]
        keep, masks, *inputs
    )
    return h_TBH, (h_TBH[-1], c_T)


class _GatedUnroll(torch.autograd.Function):
    """LSTM or layer-norm LSTM over T steps as one node of the graph.

    Forward keeps, for each step, the gates after their nonlinearities and c; with layer norm also
    what was normalised, its mean and 1/deviation. Backward goes through the steps in reverse with
    the adjoints of h and c, writes the adjoint of each step's pre-activation in place, and forms
    the gradients of W_hh, gamma and beta from all steps at once. Without layer norm the last four
    inputs are left out.
    """

    @staticmethod
    def forward(
        ctx: Any,
        keep: bool,
        masks: Tensor | None,
        projected: Tensor,
        h0: Tensor,
        c0: Tensor,
        W_hh: Tensor,
        *norms: Tensor,
    ) -> tuple[Tensor, Tensor]:
        T, B, H4 = projected.shape
        H = H4 // GATES
        norm = bool(norms)
        kept = T if keep else 1  # without gradients one step's room is used over and over

        new = projected.new_empty
        h_all, c_all = new(T, B, H), new(kept + 1, B, H)
        gates_all = new(kept, B, H4)  # i, tanh g (before the mask), f, o
        squashed_all = new(kept, B, H)  # tanh of c, or of LN(c)
        candidate = new(B, H)
        if norm:
            gates_gamma, gates_beta, c_gamma, c_beta = norms
            pre_all = new(kept, B, H4)
            stats, c_stats = [], []  # mean and 1/deviation of each step
            # +1 for the forget gate joins the shift, once
            shift = gates_beta.clone()
            shift[2 * H : 3 * H] += FORGET_BIAS

        c_all[0] = c0
        h = h0
        masks_by_step = None if masks is None else masks.unbind(0)
        for t, x in enumerate(projected.unbind(0)):
            s = t if keep else 0
            gates, squashed = gates_all[s], squashed_all[s]
            c, c_new = (c_all[s], c_all[s + 1]) if keep else (c_all[t % 2], c_all[(t + 1) % 2])
            if norm:
                pre = pre_all[s]
                torch.addmm(x, h, W_hh, out=pre)
                normal, mean, rstd = torch.native_layer_norm(
                    pre.view(B * GATES, H), (H,), None, None, LAYER_NORM_EPSILON
                )
                torch.addcmul(shift, normal.view(B, H4), gates_gamma, out=gates)
                if keep:
                    stats.append((mean, rstd))
            else:
                torch.addmm(x, h, W_hh, out=gates)
                gates[:, 2 * H : 3 * H] += FORGET_BIAS
            gates[:, :H].sigmoid_()
            gates[:, H : 2 * H].tanh_()
            gates[:, 2 * H :].sigmoid_()
            i, g, f, o = gates.chunk(GATES, dim=1)
            torch.mul(i, g, out=candidate)
            if masks_by_step is not None:
                candidate *= masks_by_step[t]
            torch.addcmul(candidate, f, c, out=c_new)
            if norm:
                normal, mean, rstd = torch.native_layer_norm(
                    c_new, (H,), c_gamma, c_beta, LAYER_NORM_EPSILON
                )
                torch.tanh(normal, out=squashed)
                if keep:
                    c_stats.append((mean, rstd))
            else:
                torch.tanh(c_new, out=squashed)
            h = h_all[t]
            torch.mul(o, squashed, out=h)

        c_T = (c_all[T] if keep else c_all[T % 2]).clone()
        if keep:
            saved = [h0, W_hh, h_all, c_all, gates_all, squashed_all]
            if norm:
                saved += [gates_gamma, c_gamma, pre_all]
                ctx.stats, ctx.c_stats = stats, c_stats
            ctx.save_for_backward(*saved)
            ctx.masks = masks
            ctx.norm = norm
        return h_all, c_T

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, dh_all: Tensor, dc_T: Tensor) -> tuple[Tensor | None, ...]:
        norm = ctx.norm
        h0, W_hh, h_all, c_all, gates_all, squashed_all, *rest = ctx.saved_tensors
        T, B, H4 = gates_all.shape
        H = H4 // GATES
        if norm:
            gates_gamma, c_gamma, pre_all = rest
            stats, c_stats = ctx.stats, ctx.c_stats
            d_affine_all = torch.empty_like(gates_all)  # adjoint after the gates' layer norm
            d_squash_all = torch.empty_like(squashed_all)  # the same for c's
        d_pre_all = torch.empty_like(gates_all)  # adjoint of projected + h W_hh
        W_t = W_hh.t()
        dc = dc_T.clone()
        dh_next = torch.zeros_like(h0)
        masks = None if ctx.masks is None else ctx.masks.unbind(0)
        dh_steps = dh_all.unbind(0)

        for t in reversed(range(T)):
            i, g, f, o = gates_all[t].chunk(GATES, dim=1)
            squashed = squashed_all[t]
            d_pre = d_pre_all[t]
            dh = dh_steps[t] + dh_next
            d_out = d_affine_all[t] if norm else d_pre
            d_i, d_g, d_f, d_o = d_out.chunk(GATES, dim=1)

            _sigmoid_adjoint(dh * squashed, o, d_o)
            d_squash = d_squash_all[t] if norm else torch.empty_like(dh)
            _tanh_adjoint(dh.mul_(o), squashed, d_squash)
            if norm:
                mean, rstd = c_stats[t]
                dc += _layer_norm_adjoint(d_squash, c_all[t + 1], mean, rstd, c_gamma)
            else:
                dc += d_squash
            _sigmoid_adjoint(dc * c_all[t], f, d_f)
            masked = dc if masks is None else dc * masks[t]
            _sigmoid_adjoint(masked * g, i, d_i)
            _tanh_adjoint(masked * i, g, d_g)
            dc *= f
            if norm:
                d_normal = (d_out * gates_gamma).view(B * GATES, H)
                pre = pre_all[t].view(B * GATES, H)
                mean, rstd = stats[t]
                d_pre.copy_(_layer_norm_adjoint(d_normal, pre, mean, rstd).view(B, H4))
            torch.mm(d_pre, W_t, out=dh_next)

        flat = d_pre_all.view(T * B, H4)
        h_before = torch.cat([h0[None], h_all[:-1]]).view(T * B, H)
        dW_hh = h_before.t() @ flat if ctx.needs_input_grad[5] else None
        gradients: tuple[Tensor | None, ...] = (None, None, d_pre_all, dh_next, dc, dW_hh)
        if norm:
            gradients += (
                *_affine_gradients(d_affine_all.view(T, B * GATES, H), pre_all, stats, H4),
                *_affine_gradients(d_squash_all, c_all[1:], c_stats, H),
            )
        return gradients


def _sigmoid_adjoint(d: Tensor, y: Tensor, out: Tensor) -> None:
    """d * y (1 - y) into `out`, y being the sigmoid's value."""
    torch.ops.aten.sigmoid_backward.grad_input(d, y, grad_input=out)


def _tanh_adjoint(d: Tensor, y: Tensor, out: Tensor) -> None:
    """d * (1 - y^2) into `out`, y being tanh's value."""
    torch.ops.aten.tanh_backward.grad_input(d, y, grad_input=out)


def _layer_norm_adjoint(
    d: Tensor, x: Tensor, mean: Tensor, rstd: Tensor, gamma: Tensor | None = None
) -> Tensor:
    """Adjoint of x for y = (x - mean) rstd gamma, d being that of y."""
    wanted = [True, False, False]  # x only: gamma's and beta's are formed from all steps at once
    dx: Tensor = torch.ops.aten.native_layer_norm_backward(
        d, x, (x.shape[1],), mean, rstd, gamma, None, wanted
    )[0]
    return dx


def _affine_gradients(
    d: Tensor, x: Tensor, stats: list[tuple[Tensor, Tensor]], size: int
) -> tuple[Tensor, Tensor]:
    """Gradients of gamma and beta [size] of y = (x - mean) rstd gamma + beta over all steps."""
    mean, rstd = (torch.stack(values) for values in zip(*stats, strict=True))
    normal = (x.reshape(d.shape) - mean).mul_(rstd)
    return normal.mul_(d).view(-1, size).sum(dim=0), d.view(-1, size).sum(dim=0)
