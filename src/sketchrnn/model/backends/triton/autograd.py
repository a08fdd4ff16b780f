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
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from sketchrnn.model.backends.plain import Answer, Inputs, Run, beside
from sketchrnn.model.backends.triton import arrays
from sketchrnn.model.backends.triton.arrays import Lstm, add_products, extended_inputs, multiply
from sketchrnn.model.backends.triton.kernels import backward_step, forward_step
from sketchrnn.model.cells import EMBEDDINGS, NORMS, HyperLSTMCell, LayerNormLSTMCell, LSTMCell
from sketchrnn.model.config import GATES

STATE = ("h0", "c0", "k0", "n0")
SMALL_NORMS = tuple(f"small.{name}" for name in NORMS)


def unroll_gpu(runs: Sequence[Run], lengths_B: Tensor | None, bf16: bool) -> list[Answer]:
    """`model.unroll.unroll` of each run, all at once, in float32.

    bf16: round the factors of products to bfloat16; sums and all else stay float32.
    """
    inputs = Inputs.of(runs, lengths_B, bf16)
    x_GTBD = inputs.x_GTBD
    assert all(type(run.cell) is type(runs[0].cell) for run in runs)
    of_each = [_arrays(run) for run in runs]
    given = {name: beside([each[name] for each in of_each]) for name in of_each[0]}
    on_device = torch.cuda.device(x_GTBD.device) if x_GTBD.is_cuda else contextlib.nullcontext()
    with on_device:
        h_GTBH, *last = _Unroll.apply(inputs, tuple(given), *given.values())  # type: ignore[no-untyped-call]
    return [(h_TBH, tuple(parts)) for h_TBH, *parts in zip(h_GTBH, *last, strict=True)]


def _arrays(run: Run) -> dict[str, Tensor]:
    """What has a gradient.

    W [H, 4 H], of a HyperLSTM [H + Y, 4 H + 4 Y], with C [Y, 12 H] and its constant, the shifts
    [12 H], of which the last 4 H are the gates' bias.
    """
    cell, B = run.cell, run.x_TBD.shape[1]
    found = {"weights": run.weights_DP, "constant": run.constant.expand(B, -1)}
    found |= dict(zip(STATE, run.state, strict=False))
    found |= dict(zip(NORMS, cell.norms(), strict=False))
    if isinstance(cell, LSTMCell | LayerNormLSTMCell):
        return found | {"W": cell.W_hh}
    assert isinstance(cell, HyperLSTMCell)
    small, H, Y, E = cell.hyper, cell.hidden_size, cell.hyper_size, cell.embedding
    W_h = torch.cat([cell.W_hh, small.W_xh[cell.input_size :]], dim=1)
    W_k = torch.cat([cell.W_hh.new_zeros(Y, GATES * H), small.W_hh], dim=1)
    to_embeddings, to_units = cell.embedding_weights()
    C = torch.bmm(to_embeddings.view(Y, EMBEDDINGS, E).transpose(0, 1), to_units)  # [12, Y, H]
    scales = torch.bmm(cell.b_zw.view(-1, 1, E), cell.W_alpha)  # [8, 1, H]
    return found | {
        "W": torch.cat([W_h, W_k]),
        "C": C.transpose(0, 1).reshape(Y, EMBEDDINGS * H),
        "shifts": torch.cat([scales.flatten(), cell.bias]),
        **dict(zip(SMALL_NORMS, small.norms(), strict=True)),
    }


class _Unroll(torch.autograd.Function):
    """All steps of any of the cells; of a HyperLSTM where there is a C."""

    @staticmethod
    def forward(
        ctx: Any, inputs: Inputs, names: tuple[str, ...], *values: Tensor
    ) -> tuple[Tensor, ...]:
        ctx.set_materialize_grads(False)
        given = dict(zip(names, values, strict=True))
        hyper, learning = "C" in given, inputs.learning
        W = given["W"].to(torch.bfloat16 if inputs.half else torch.float32)
        G, T, B, _ = inputs.x_GTBD.shape
        _, K, N = W.shape
        H = given["h0"].shape[2]
        last = {name: torch.empty_like(given[name]) for name in STATE if name in given}
        main = Lstm(inputs, given["c0"], [given[name] for name in NORMS if name in given])
        # where nothing need be kept, all steps have the same room
        factors = W.new_empty(G, T + 1 if learning else 1, B, K).expand(G, T + 1, B, K)
        factors[:, 0, :, :H] = given["h0"]
        same, empty = _same(given), given["constant"].new_empty
        products = empty(T if learning and hyper else 1, G, B, N).expand(T, G, B, N)
        out = empty(G, T, B, H)
        small, of_main = None, {"out": out, "h_last": last["h0"], "c_last": last["c0"]}
        if hyper:
            small = Lstm(inputs, given["n0"], [given[name] for name in SMALL_NORMS], before=H)
            factors[:, 0, :, H:] = given["k0"]
            C, scales = given["C"].to(W.dtype), empty(G, B, EMBEDDINGS * H)
            of_main |= {"scales": scales, "shifts": given["shifts"]}
        for t in range(T):
            multiply(factors[:, t], W, products[t])
            step = same | {"t": t, "product": products[t], "factors": factors}
            if small is not None:
                small.start(forward_step, **step, h_last=last["k0"], c_last=last["n0"])
                multiply(factors[:, t + 1, :, H:], C, scales)
            main.start(forward_step, **step, **of_main)
        if learning:
            ctx.inputs, ctx.names, ctx.lstms = inputs, names, (main, small)
            ctx.factors, ctx.products = factors, products
            ctx.save_for_backward(*values)
        return (out, *last.values())

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, d_out: Tensor | None, *d_last: Tensor | None) -> tuple[Any, ...]:
        given = dict(zip(ctx.names, ctx.saved_tensors, strict=True))
        inputs, factors, (main, small) = ctx.inputs, ctx.factors, ctx.lstms
        G, T, B, D = inputs.x_GTBD.shape
        H = given["h0"].shape[2]
        _, K, N = given["W"].shape
        W_t = given["W"].to(factors.dtype).transpose(1, 2)
        d_out = None if d_out is None else d_out.contiguous()
        empty = given["constant"].new_empty
        d_hk, d_constant = empty(G, B, K), torch.zeros_like(given["constant"])
        same = _same(given) | {"d_carried": d_hk, "d_constant": d_constant}
        d_main = main.adjoints(d_last[:2])
        of_main, widths = dict(d_main), {"d_product": N}
        if small is not None:
            d_small, d_k = small.adjoints(d_last[2:]), empty(G, B, K - H)
            C, scales = given["C"].to(factors.dtype), empty(G, B, 2 * GATES * H)
            C_scales, C_t = C[..., : 2 * GATES * H], C.transpose(1, 2)
            of_main |= {"scales": scales, "shifts": given["shifts"]}
            widths |= {"d_projection": GATES * H, "d_scales": EMBEDDINGS * H}
        # adjoints are gathered of as many steps as there is room for
        step_bytes = G * B * sum(widths.values()) * factors.itemsize
        room = max(1, min(T, arrays.ADJOINT_BYTES // step_bytes))
        gathered = {name: factors.new_empty(G, room, B, width) for name, width in widths.items()}
        x = extended_inputs(inputs, factors.dtype)
        sums: dict[str, Tensor] = {}
        for t in reversed(range(T)):
            step = same | {name: adjoints[:, t % room] for name, adjoints in gathered.items()}
            step["t"] = t
            if small is not None:
                multiply(factors[:, t + 1, :, H:], C_scales, scales)
            more = None if d_out is None else d_out[:, t]
            main.start(backward_step, **step, **of_main, product=ctx.products[t], d_more=more)
            if small is not None:
                multiply(step["d_scales"], C_t, d_k)
                small.start(backward_step, **step, **d_small, d_more=d_k)
            multiply(step["d_product"], W_t, d_hk)
            if t % room:
                continue
            end = min(t + room, T)
            of_steps = {name: adjoints[:, : end - t] for name, adjoints in gathered.items()}
            d_products, x_steps = of_steps["d_product"], x[:, t:end]
            add_products(sums, "W", factors[:, t:end], d_products)
            if small is None:
                add_products(sums, "weights", x_steps, d_products)
            else:
                d_scales = of_steps["d_scales"]
                add_products(sums, "C", factors[:, t + 1 : end + 1, :, H:], d_scales)
                add_products(sums, "shifts", x_steps, d_scales)
                add_products(sums, "weights", x_steps, of_steps["d_projection"])
                add_products(sums, "small weights", x_steps, d_products[..., GATES * H :])
        found = {"constant": d_constant, "W": sums["W"], "weights": sums["weights"][:, :D]}
        found |= {"h0": d_hk[..., :H].contiguous(), "c0": d_main["d_c"]}
        found |= {name: d_main[f"d_{name}"].sum(dim=1) for name in NORMS if name in given}
        if small is not None:
            both = (sums["weights"], sums["small weights"])
            found |= {"weights": torch.cat(both, dim=2)[:, :D], "C": sums["C"]}
            found |= {"shifts": sums["shifts"][:, D], "n0": d_small["d_c"]}
            found["k0"] = d_hk[..., H:].contiguous()
            found |= {f"small.{name}": d_small[f"d_{name}"].sum(dim=1) for name in NORMS}
        return None, None, *(found[name] for name in ctx.names)


def _same(given: Mapping[str, Tensor]) -> dict[str, Any]:
    """Arguments of the kernels that are the same for both LSTMs and at every step."""
    W, weights = given["W"], given["weights"]
    return {
        "weights": weights,
        "constant": given["constant"],
        "P": weights.shape[2],
        "K": W.shape[1],
        "N": W.shape[2],
    }
