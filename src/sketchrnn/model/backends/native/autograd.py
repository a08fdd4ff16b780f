"""The three cells over time through cells.c, as one node of the autograd graph each.

A batch is cut into as many parts as there are threads; each runs all steps of its rows without
waiting for the others. The gradients of the weights follow as one product over all steps.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from sketchrnn.model.backends.native.library import KINDS, Gated, Gradient, Task, Unroll, library
from sketchrnn.model.cells import (
    EMBEDDINGS,
    Cell,
    HyperLSTMCell,
    LayerNormLSTMCell,
    LSTMCell,
    State,
)
from sketchrnn.model.config import GATES

COLUMNS = 64  # parts of a product are cut at multiples of this


@dataclass(frozen=True)
class Inputs:
    """What is the same for all cells, and has no gradient.

    Attributes:
        x_TBD: float32, what changes with time.
        lengths_B: int64 on the CPU; how many steps each row takes part in, at least 1.
        kept_TBm: bool, recurrent dropout; None for none.
        keep: the part that is kept.
        half: round the factors of the products over the state, and of their adjoints, to bfloat16.
        learning: whether a backward pass may follow.
        packed: `pack_weights` of the cell, where they serve more than one call.
    """

    x_TBD: Tensor
    lengths_B: Tensor
    kept_TBm: Tensor | None
    keep: float
    half: bool
    learning: bool
    packed: Mapping[str, Tensor] | None = None


def unroll_native(
    cell: Cell, inputs: Inputs, weights_DP: Tensor, constant_BP: Tensor, state: State
) -> tuple[Tensor, State]:
    """`model.unroll.unroll` for what cells.c can do: float32 on the CPU.

    Raises:
        ValueError: arrays that do not fit together.
    """
    _check(cell, inputs, weights_DP, constant_BP, state)
    if inputs.packed is None:
        inputs = replace(inputs, packed=pack_weights(cell, inputs.half))
    shared = (inputs, weights_DP.contiguous(), constant_BP.contiguous())
    state = tuple(part.contiguous() for part in state)
    if isinstance(cell, LSTMCell | LayerNormLSTMCell):
        h_TBH, *last = _GatedUnroll.apply(*shared, *state, cell.W_hh, *cell.norms())  # type: ignore[no-untyped-call]
        return h_TBH, tuple(last)
    assert isinstance(cell, HyperLSTMCell)
    h_TBH, *last = _HyperUnroll.apply(  # type: ignore[no-untyped-call]
        *shared,
        *state,
        cell.W_hh,
        cell.hyper.W_xh[cell.input_size :],
        cell.hyper.W_hh,
        *cell.embedding_weights(),
        cell.bias,
        torch.cat([cell.b_zw, cell.b_zw.new_zeros(GATES * cell.embedding)]),
        *cell.norms(),
        *cell.hyper.norms(),
    )
    return h_TBH, tuple(last)


def _check(cell: Cell, inputs: Inputs, weights: Tensor, constant: Tensor, state: State) -> None:
    """C reads and writes where it is pointed: what does not fit together must not get there."""
    T, B, D = inputs.x_TBD.shape
    P = GATES * sum(cell.mask_sizes)
    expected = [(inputs.x_TBD, (T, B, D)), (weights, (D, P)), (constant, (B, P))]
    expected += [(part, (B, size)) for part, size in zip(state, cell.state_sizes, strict=True)]
    for array, shape in expected:
        if array.shape != shape or array.dtype != torch.float32 or array.is_cuda:
            raise ValueError(
                f"expected float32 {list(shape)} on the CPU,"
                f" got {array.dtype} {list(array.shape)} on {array.device}"
            )
    lengths, kept = inputs.lengths_B, inputs.kept_TBm
    if lengths.shape != (B,) or lengths.dtype != torch.int64 or B == 0:
        raise ValueError(f"expected a length (int64) for each of {B} rows, and at least one row")
    shortest, longest = (int(end) for end in torch.aminmax(lengths))
    if shortest < 1 or longest > T:
        raise ValueError(f"lengths must be from 1 to {T}, got {shortest} to {longest}")
    m = sum(cell.mask_sizes)
    if kept is not None and (len(kept) < T or kept.shape[1:] != (B, m) or kept.dtype != torch.bool):
        raise ValueError(
            f"expected bool dropout masks {[T, B, m]}, got {kept.dtype} {list(kept.shape)}"
        )


def pack_weights(cell: Cell, half: bool) -> Mapping[str, Tensor]:
    """The right factors of a forward pass, packed: fields of `Unroll`."""
    if isinstance(cell, LSTMCell | LayerNormLSTMCell):
        return {"W_hh": _panels(cell.W_hh, half)}
    assert isinstance(cell, HyperLSTMCell)
    W_z, alpha = cell.embedding_weights()
    return {
        "W_hh": _panels(cell.W_hh, half),
        "W_hk": _panels(cell.hyper.W_xh[cell.input_size :], half),
        "W_kk": _panels(cell.hyper.W_hh, half),
        "W_z": _panels(W_z, half),
        "alpha": _panels(alpha, half),
    }


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
        cell = _GatedArrays.new(inputs, h0, c0, norms)
        last = [torch.empty_like(h0), torch.empty_like(c0)]
        assert inputs.packed is not None
        calls = _calls(inputs, weights, constant)
        for call in calls:
            call.point(call.struct, **inputs.packed, h_last=last[0], c_last=last[1])
            cell.fill(call, call.struct.main, inputs, 0)
        _run("forward", calls)
        ctx.inputs, ctx.cell = replace(inputs, packed=None), cell.to_keep()
        ctx.save_for_backward(weights, constant, W_hh, cell.h)
        return cell.h, *last

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, d_out: Tensor | None, *d_last: Tensor | None) -> tuple[Any, ...]:
        weights, constant, W_hh, _ = ctx.saved_tensors
        inputs, cell = ctx.inputs, _take_cell(ctx)
        d_h0, d_c0 = torch.empty_like(cell.h0), torch.empty_like(cell.c0)
        d_h_last, d_c_last = _or_zeros(d_last, (cell.h0, cell.c0))
        d_constant = torch.zeros_like(constant)
        panels = _panels(W_hh, inputs.half, transposed=True)
        calls = _calls(inputs, weights, constant)
        sums = _Sums(len(calls))
        for number, call in enumerate(calls):
            call.point(
                call.struct,
                W_hh_t=panels,
                d_weights=sums.part("weights", weights, number),
                d_constant=d_constant,
                d_out=None if d_out is None else d_out.contiguous(),
                d_h_last=d_h_last,
                d_c_last=d_c_last,
                d_h0=d_h0,
                d_c0=d_c0,
            )
            cell.fill(call, call.struct.main, inputs, 0)
            cell.fill_sums(call, call.struct.main, sums, "", number)
        _run("backward", calls)
        products = Gradients(inputs.lengths_B)
        d_W_hh = products.add(cell.h0, cell.h, cell.gates, before=True)
        products.run()
        return (None, sums.total("weights"), d_constant, d_h0, d_c0, d_W_hh, *cell.norm_sums(sums))


class _HyperUnroll(torch.autograd.Function):
    """HyperLSTM: the large LSTM, then its gains and shifts, then those of the small LSTM."""

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
        W_hh: Tensor,
        W_hk: Tensor,
        W_kk: Tensor,
        W_z: Tensor,
        alpha: Tensor,
        bias: Tensor,
        b_z: Tensor,
        *norms: Tensor,
    ) -> tuple[Tensor, ...]:
        ctx.set_materialize_grads(False)
        cell = _GatedArrays.new(inputs, h0, c0, norms[:GATES])
        small = _GatedArrays.new(inputs, k0, n0, norms[GATES:])
        steps, B, E = len(cell.gates), len(h0), alpha.shape[1]
        hw = torch.empty_like(cell.gates)
        z = h0.new_empty(steps, B, EMBEDDINGS * E)
        last = [torch.empty_like(part) for part in (h0, c0, k0, n0)]
        packed = inputs.packed
        assert packed is not None
        calls = _calls(inputs, weights, constant)
        for call in calls:
            names = ("h_last", "c_last", "k_last", "n_last")
            call.point(call.struct, **packed, **dict(zip(names, last, strict=True)))
            call.point(call.struct, bias=bias, b_z=b_z, hw=hw, z=z)
            call.struct.Y, call.struct.E = k0.shape[1], E
            cell.fill(call, call.struct.main, inputs, 0)
            small.fill(call, call.struct.small, inputs, h0.shape[1])
        _run("hyper_forward", calls)
        ctx.inputs, ctx.cell = replace(inputs, packed=None), cell.to_keep()
        ctx.rest = (small, hw, z, packed["alpha"])
        ctx.save_for_backward(weights, constant, W_hh, W_hk, W_kk, W_z, alpha, bias, b_z, cell.h)
        return cell.h, *last

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, d_out: Tensor | None, *d_last: Tensor | None) -> tuple[Any, ...]:
        weights, constant, W_hh, W_hk, W_kk, W_z, alpha, bias, b_z, _ = ctx.saved_tensors
        inputs, cell = ctx.inputs, _take_cell(ctx)
        small, hw, z, alpha_panels = ctx.rest
        ctx.rest = None
        state = (cell.h0, cell.c0, small.h0, small.c0)
        d_state = [torch.empty_like(part) for part in state]
        d_ends = _or_zeros(d_last, state)
        d_constant = torch.zeros_like(constant)
        half = inputs.half
        shared = {
            "W_hh_t": _panels(W_hh, half, transposed=True),
            "W_hk_t": _panels(W_hk, half, transposed=True),
            "W_kk_t": _panels(W_kk, half, transposed=True),
            "W_z_t": _panels(W_z, half, transposed=True),
            "alpha": alpha_panels,
            "alpha_t": _panels(alpha, half, transposed=True),
            "bias": bias,
            "b_z": b_z,
            "hw": hw,
            "z": z,
            "d_constant": d_constant,
            "d_out": None if d_out is None else d_out.contiguous(),
        }
        for part, ended, adjoint in zip("hckn", d_ends, d_state, strict=True):
            shared[f"d_{part}_last"], shared[f"d_{part}0"] = ended, adjoint
        calls = _calls(inputs, weights, constant)
        sums = _Sums(len(calls))
        for number, call in enumerate(calls):
            call.point(
                call.struct,
                **shared,
                d_weights=sums.part("weights", weights, number),
                d_bias=sums.part("bias", bias, number),
                d_alpha=sums.part("alpha", alpha, number),
            )
            call.struct.Y, call.struct.E = small.h0.shape[1], alpha.shape[1]
            cell.fill(call, call.struct.main, inputs, 0)
            cell.fill_sums(call, call.struct.main, sums, "", number)
            small.fill(call, call.struct.small, inputs, cell.h0.shape[1])
            small.fill_sums(call, call.struct.small, sums, "small ", number)
        _run("hyper_backward", calls)
        products = Gradients(inputs.lengths_B)
        d_W_hh = products.add(cell.h0, cell.h, hw, before=True)
        d_W_hk = products.add(cell.h0, cell.h, small.gates, before=True)
        d_W_kk = products.add(small.h0, small.h, small.gates, before=True)
        d_W_z = products.add(small.h0, small.h, z, before=False)
        products.run()
        drawn = torch.arange(len(z))[:, None] < inputs.lengths_B
        return (
            None,
            sums.total("weights"),
            d_constant,
            *d_state,
            d_W_hh,
            d_W_hk,
            d_W_kk,
            d_W_z,
            sums.total("alpha"),
            sums.total("bias"),
            torch.where(drawn[..., None], z, 0.0).sum(dim=(0, 1)),
            *cell.norm_sums(sums),
            *small.norm_sums(sums, "small "),
        )


_NORM_NAMES = ("gamma", "beta", "c_gamma", "c_beta")


@dataclass(frozen=True)
class _GatedArrays:
    """The arrays of one LSTM over time (`Gated` of cells.c)."""

    h0: Tensor
    c0: Tensor
    h: Tensor
    c: Tensor
    gates: Tensor
    deviation: Tensor
    norms: tuple[Tensor, ...]

    @classmethod
    def new(cls, inputs: Inputs, h0: Tensor, c0: Tensor, norms: tuple[Tensor, ...]) -> _GatedArrays:
        T, (B, H) = len(inputs.x_TBD), h0.shape
        kept = T if inputs.learning else 1
        return cls(
            h0,
            c0,
            h=h0.new_empty(T, B, H),
            c=h0.new_empty(max(kept, 2), B, H),
            gates=h0.new_empty(kept, B, GATES * H),
            deviation=h0.new_empty(kept, B, GATES),
            norms=norms,
        )

    def to_keep(self) -> _GatedArrays:
        """The same with another name for h: a node that held its own output would hold itself.

        h is saved for the backward pass as well, so that writing into it is noticed.
        """
        return replace(self, h=self.h.detach())

    def fill(self, call: _Call, struct: Gated, inputs: Inputs, first_mask: int) -> None:
        """Put the arrays into the structure of a call."""
        struct.H, struct.norm = self.h0.shape[1], bool(self.norms)
        names = ("h0", "c0", "h", "c", "gates", "deviation")
        call.point(struct, **{name: getattr(self, name) for name in names})
        call.point(struct, **dict(zip(_NORM_NAMES, self.norms, strict=False)))
        if inputs.kept_TBm is not None:
            struct.kept = inputs.kept_TBm.data_ptr() + first_mask
            struct.mask_row, struct.scale = inputs.kept_TBm.shape[2], 1 / inputs.keep

    def fill_sums(self, call: _Call, struct: Gated, sums: _Sums, prefix: str, number: int) -> None:
        """The gains' and shifts' gradients of this call."""
        for name, norm in zip(_NORM_NAMES, self.norms, strict=False):
            call.point(struct, **{f"d_{name}": sums.part(prefix + name, norm, number)})

    def norm_sums(self, sums: _Sums, prefix: str = "") -> tuple[Tensor, ...]:
        """The gradients of the gains and shifts, if there are any."""
        names = _NORM_NAMES if self.norms else ()
        return tuple(sums.total(prefix + name) for name in names)


class _Call:
    """One part's structure, and what must live as long as it is used."""

    def __init__(self) -> None:
        self.struct = Unroll()
        self.alive: list[Tensor] = []

    def point(self, struct: ctypes.Structure, /, **tensors: Tensor | None) -> None:
        """Point the fields of `struct` at arrays; None leaves a null pointer."""
        for name, tensor in tensors.items():
            if tensor is not None:
                assert tensor.is_contiguous(), name
                self.alive.append(tensor)
                setattr(struct, name, tensor.data_ptr())


def _calls(inputs: Inputs, weights: Tensor, constant: Tensor) -> list[_Call]:
    """One call a thread: every nth of the rows sorted by length, so that all have like work."""
    T, B, D = inputs.x_TBD.shape
    lengths = inputs.lengths_B.to(torch.int32)
    order = torch.argsort(lengths, descending=True, stable=True).to(torch.int32)
    parts = min(torch.get_num_threads(), B)
    calls = []
    for first in range(parts):
        rows = order[first::parts].contiguous()
        call = _Call()
        call.point(call.struct, rows=rows, lengths=lengths[rows].contiguous())
        call.point(call.struct, x=inputs.x_TBD, weights=weights, constant=constant)
        struct = call.struct
        struct.T, struct.B, struct.D, struct.P, struct.R = T, B, D, weights.shape[1], len(rows)
        struct.keep, struct.half = inputs.learning, inputs.half
        calls.append(call)
    return calls


class _Sums:
    """Gradients that each call sums for itself: one row a call, added at the end."""

    def __init__(self, calls: int) -> None:
        self._calls = calls
        self._sums: dict[str, Tensor] = {}

    def part(self, name: str, like: Tensor, number: int) -> Tensor:
        if name not in self._sums:
            self._sums[name] = like.new_zeros(self._calls, *like.shape)
        return self._sums[name][number]

    def total(self, name: str) -> Tensor:
        return self._sums[name].sum(dim=0)


class Gradients:
    """Gradients of weights: sums of outer products over all steps of all rows, cut by columns.

    Of float32 factors: with bfloat16 ones models learn less well (docs/performance.md).
    """

    def __init__(self, lengths_B: Tensor) -> None:
        self._lengths_B = lengths_B
        self._planned: list[_Planned] = []

    def add(self, before_first: Tensor, a: Tensor, d: Tensor, *, before: bool) -> Tensor:
        """Plan sum of a' d over steps and rows [M, N]; `before`: a' is that of the step before."""
        M, N = a.shape[2], d.shape[2]
        T, B = d.shape[:2]
        gradient = a.new_zeros(M, N)
        width = -(-N // torch.get_num_threads() // COLUMNS) * COLUMNS
        for first in range(0, N, width):
            struct = Gradient(
                T, B, self._lengths_B.data_ptr(), before_first.data_ptr(), a.data_ptr(), before,
                d.data_ptr(), M, N, first, min(first + width, N), False,
                gradient.data_ptr(),
            )  # fmt: skip
            self._planned.append(("weight_gradient", struct))
        return gradient

    def run(self) -> None:
        """Sum all that was planned; the arrays must live until then."""
        _in_parallel(self._planned)


def _take_cell(ctx: Any) -> _GatedArrays:
    """What forward kept; backward writes over it, so it can be had once."""
    if ctx.cell is None:
        raise RuntimeError("this graph was already freed: run forward again before backward")
    cell: _GatedArrays = ctx.cell
    ctx.cell = None
    return cell


def _or_zeros(adjoints: tuple[Tensor | None, ...], like: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return tuple(
        torch.zeros_like(zero) if adjoint is None else adjoint.contiguous()
        for adjoint, zero in zip(adjoints, like, strict=True)
    )


def _panels(W: Tensor, half: bool, *, transposed: bool = False) -> Tensor:
    """Right factors [K, N] or [n, K, N], or their transposes, packed for products."""
    loaded = library()
    assert loaded is not None
    assert W.dtype == torch.float32
    K, N = W.shape[-2:]
    matrices = W.detach().contiguous().view(-1, K, N)
    rows, columns = (N, K) if transposed else (K, N)
    size = loaded.bytes_of_panels(rows, columns, half)
    packed = torch.empty(len(matrices) * size + 64, dtype=torch.uint8)
    packed = packed[-packed.data_ptr() % 64 :]  # a vector should not lie across cache lines
    for number, matrix in enumerate(matrices):
        place = packed.data_ptr() + number * size
        loaded.pack(matrix.data_ptr(), N, K, N, transposed, half, place)
    return packed


def _run(name: str, calls: list[_Call]) -> None:
    _in_parallel([(name, call.struct) for call in calls])


def _in_parallel(planned: Sequence[_Planned]) -> None:
    """Run all on as many threads as PyTorch has: OpenMP's where there are, else our own."""
    loaded = library()
    assert loaded is not None
    tasks = (Task * len(planned))(
        *(Task(KINDS.index(name), ctypes.addressof(struct)) for name, struct in planned)
    )
    threads = min(torch.get_num_threads(), len(planned))
    if threads == 1 or (loaded.has_openmp() and os.getpid() == _imported_by):
        loaded.run(tasks, len(planned), threads)
        return
    # functions of ctypes let go of Python's lock, so they run side by side
    with ThreadPoolExecutor(threads) as pool:
        waiting = [pool.submit(loaded.run, ctypes.byref(task), 1, 1) for task in tasks]
    for future in waiting:
        future.result()


_Planned = tuple[str, ctypes.Structure]
_imported_by = os.getpid()  # a forked process has none of its parent's threads: OpenMP would hang
