"""The three cells over time through cells.c, as one node of the autograd graph.

A batch is cut into as many parts as there are threads; each runs all steps of its rows without
waiting for the others. The gradients of the weights follow as one product over all steps.

Arrays go by the names of their fields in `library.Unroll`; those of one of its two LSTMs are named
"main.h0" or "small.h0". A gradient has the name of what it is the gradient of.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from torch import Tensor

from sketchrnn.model.backends.native.library import KINDS, Gradient, Task, Unroll, library
from sketchrnn.model.backends.plain import Answer, Inputs, Run, steps_run
from sketchrnn.model.cells import (
    EMBEDDINGS,
    NORMS,
    Cell,
    HyperLSTMCell,
    LayerNormLSTMCell,
    LSTMCell,
)
from sketchrnn.model.config import GATES

COLUMNS = 64  # parts of a product are cut at multiples of this

STATE = {"main.h0": "h", "main.c0": "c", "small.h0": "k", "small.c0": "n"}  # and its letter after
# whose gradients each thread sums for itself
SUMMED = ("weights", "bias", "alpha", *(f"{part}.{n}" for part in ("main", "small") for n in NORMS))

Arrays = Mapping[str, Tensor]


def unroll_native(
    run: Run, lengths_B: Tensor | None, bf16: bool, packed: Arrays | None = None
) -> Answer:
    """`model.unroll.unroll` for what cells.c can do: float32 on the CPU.

    `packed` is `pack_weights` of the cell, where it serves more than one call, without gradients.

    Raises:
        ValueError: arrays that do not fit together.
    """
    inputs, cell = Inputs.of([run], lengths_B, bf16), run.cell
    constant_BP = run.constant.expand(run.x_TBD.shape[1], -1)
    _check(run, inputs.lengths_B, constant_BP)
    given = {"weights": run.weights_DP, "constant": constant_BP}
    given |= dict(zip(STATE, run.state, strict=False))
    if packed is None:
        given |= _matrices(cell)
        packed = pack_weights(cell, bf16)
    given |= {f"main.{name}": norm for name, norm in zip(NORMS, cell.norms(), strict=False)}
    if isinstance(cell, HyperLSTMCell):
        given |= {
            f"small.{name}": norm for name, norm in zip(NORMS, cell.hyper.norms(), strict=True)
        }
        given["bias"] = cell.bias
        given["b_z"] = torch.cat([cell.b_zw, cell.b_zw.new_zeros(GATES * cell.embedding)])
    h_TBH, *last = _Unroll.apply(  # type: ignore[no-untyped-call]
        inputs,
        packed,
        tuple(given),
        *(array.contiguous() for array in given.values()),
    )
    return h_TBH, tuple(last)


def _check(run: Run, lengths_B: Tensor, constant_BP: Tensor) -> None:
    """C reads and writes where it is pointed: what does not fit together must not get there."""
    T, B, D = run.x_TBD.shape
    m = sum(run.cell.mask_sizes)
    P = GATES * m
    expected = [(run.x_TBD, (T, B, D)), (run.weights_DP, (D, P)), (constant_BP, (B, P))]
    expected += [(part, (B, n)) for part, n in zip(run.state, run.cell.state_sizes, strict=True)]
    for array, shape in expected:
        if array.shape != shape or array.dtype != torch.float32 or array.is_cuda:
            raise ValueError(
                f"expected float32 {list(shape)} on the CPU,"
                f" got {array.dtype} {list(array.shape)} on {array.device}"
            )
    if lengths_B.shape != (B,) or lengths_B.dtype != torch.int64 or B == 0:
        raise ValueError(f"expected a length (int64) for each of {B} rows, and at least one row")
    shortest, longest = (int(end) for end in torch.aminmax(lengths_B))
    if shortest < 1 or longest > T:
        raise ValueError(f"lengths must be from 1 to {T}, got {shortest} to {longest}")
    if run.dropout is not None:
        kept = run.dropout.kept_TBm
        if len(kept) < T or kept.shape[1:] != (B, m) or kept.dtype != torch.bool:
            raise ValueError(
                f"expected bool dropout masks {[T, B, m]}, got {kept.dtype} {list(kept.shape)}"
            )


def _matrices(cell: Cell) -> dict[str, Tensor]:
    """The right factors of a step's products."""
    if isinstance(cell, LSTMCell | LayerNormLSTMCell):
        return {"W_hh": cell.W_hh}
    assert isinstance(cell, HyperLSTMCell)
    W_z, alpha = cell.embedding_weights()
    W_hk, W_kk = cell.hyper.W_xh[cell.input_size :], cell.hyper.W_hh
    return {"W_hh": cell.W_hh, "W_hk": W_hk, "W_kk": W_kk, "W_z": W_z, "alpha": alpha}


def pack_weights(cell: Cell, half: bool) -> Arrays:
    """The right factors of a forward pass, packed for its products."""
    return {name: _panels(W, half) for name, W in _matrices(cell).items()}


class _Unroll(torch.autograd.Function):
    """All steps of any of the cells; of a HyperLSTM where there is an `alpha`."""

    @staticmethod
    def forward(
        ctx: Any, inputs: Inputs, packed: Arrays, names: tuple[str, ...], *values: Tensor
    ) -> tuple[Tensor, ...]:
        ctx.set_materialize_grads(False)
        given = dict(zip(names, values, strict=True))
        empty = given["constant"].new_empty
        _, T, B, _ = inputs.x_GTBD.shape
        kept = T if inputs.learning else 1
        arrays = {}
        for part in _lstms(given):
            H = given[f"{part}.h0"].shape[1]
            arrays[f"{part}.h"] = empty(T, B, H)
            arrays[f"{part}.c"] = empty(max(kept, 2), B, H)
            arrays[f"{part}.gates"] = empty(kept, B, GATES * H)
            arrays[f"{part}.deviation"] = empty(kept, B, GATES)
        if "alpha" in packed:
            arrays["hw"] = torch.empty_like(arrays["main.gates"])
            arrays["z"] = empty(kept, B, len(given["b_z"]))
        last = {
            f"{letter}_last": torch.empty_like(given[name])
            for name, letter in STATE.items()
            if name in given
        }
        _run("forward", inputs, {**given, **packed, **arrays, **last})
        h = arrays["main.h"]
        if inputs.learning:
            ctx.inputs, ctx.names = inputs, names
            # h by another name, as a node that held its own output would hold itself; it is saved
            # as well, so that writing into it is noticed
            ctx.arrays = arrays | {"main.h": h.detach()}
            ctx.save_for_backward(*values, h)
        return h, *last.values()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, d_out: Tensor | None, *d_last: Tensor | None) -> tuple[Any, ...]:
        *values, _ = ctx.saved_tensors
        inputs, arrays = ctx.inputs, ctx.arrays
        if arrays is None:
            raise RuntimeError("this graph was already freed: run forward again before backward")
        ctx.arrays = None  # is written over from here on
        given = dict(zip(ctx.names, values, strict=True))
        fields = given | arrays
        for name in ("W_hh", "W_hk", "W_kk", "W_z", "alpha"):
            if name in given:
                fields[f"{name}_t"] = _panels(given[name], inputs.half, transposed=True)
        if d_out is not None:
            fields["d_out"] = d_out.contiguous()
        found = {"constant": torch.zeros_like(given["constant"])}
        fields["d_constant"] = found["constant"]
        for (name, letter), adjoint in zip(STATE.items(), d_last, strict=False):
            found[name] = fields[f"d_{letter}0"] = torch.empty_like(given[name])
            fields[f"d_{letter}_last"] = (
                torch.zeros_like(given[name]) if adjoint is None else adjoint.contiguous()
            )
        if "alpha" in given:
            fields["alpha"] = _panels(given["alpha"], inputs.half)
        found |= _run(
            "backward", inputs, fields, {name: given[name] for name in SUMMED if name in given}
        )
        h0, h = given["main.h0"], arrays["main.h"]
        if "alpha" not in given:
            factors = {"W_hh": (h0, h, arrays["main.gates"])}
        else:
            k0, k, d_small, z = (
                given["small.h0"],
                arrays["small.h"],
                arrays["small.gates"],
                arrays["z"],
            )
            factors = {
                "W_hh": (h0, h, arrays["hw"]),
                "W_hk": (h0, h, d_small),
                "W_kk": (k0, k, d_small),
                "W_z": (None, k, z),
            }
            drawn = steps_run(len(z), inputs.lengths_B)
            found["b_z"] = torch.where(drawn[..., None], z, 0.0).sum(dim=(0, 1))
        found |= _weight_gradients(inputs.lengths_B, factors)
        return None, None, None, *(found[name] for name in ctx.names)


def _lstms(fields: Arrays) -> list[str]:
    return ["main", "small"] if "small.h0" in fields else ["main"]


def _run(
    direction: str, inputs: Inputs, fields: Arrays, summed: Arrays | None = None
) -> dict[str, Tensor]:
    """Run all steps, each thread some rows; returns the gradients of what is `summed`."""
    _, T, B, D = inputs.x_GTBD.shape
    P = fields["weights"].shape[1]
    shared = Unroll(T=T, B=B, D=D, P=P, keep=inputs.learning, half=inputs.half)
    shared.x = inputs.x_GTBD.data_ptr()
    for name, array in fields.items():
        _point(shared, name, array)
    if "alpha" in fields:
        direction = f"hyper_{direction}"
        shared.Y, shared.E = fields["small.h0"].shape[1], len(fields["b_z"]) // EMBEDDINGS
    first_mask = 0
    for part in _lstms(fields):
        lstm = getattr(shared, part)
        lstm.H, lstm.norm = fields[f"{part}.h0"].shape[1], f"{part}.gamma" in fields
        if (kept := inputs.kept_GTBm) is not None:
            lstm.kept = kept.data_ptr() + first_mask
            lstm.mask_row, lstm.scale = kept.shape[-1], 1 / inputs.keep
        first_mask += lstm.H
    # every nth of the rows sorted by length, so that all threads have like work
    threads = min(torch.get_num_threads(), B)
    lengths = inputs.lengths_B.to(torch.int32)
    order = torch.argsort(lengths, descending=True, stable=True).to(torch.int32)
    rows = [order[first::threads].contiguous() for first in range(threads)]
    lengths_of_rows = [lengths[some].contiguous() for some in rows]
    sums = {name: array.new_zeros(threads, *array.shape) for name, array in (summed or {}).items()}
    calls = [Unroll.from_buffer_copy(shared) for _ in rows]
    for number, call in enumerate(calls):
        call.R = len(rows[number])
        _point(call, "rows", rows[number])
        _point(call, "lengths", lengths_of_rows[number])
        for name, parts in sums.items():
            _point(call, name, parts[number], prefix="d_")
    _in_parallel(direction, calls)
    return {name: parts.sum(dim=0) for name, parts in sums.items()}


def _point(struct: Unroll, name: str, array: Tensor, prefix: str = "") -> None:
    """Point a field at an array, which must live until the call is over."""
    assert array.is_contiguous(), name
    part, _, field = name.rpartition(".")
    setattr(getattr(struct, part) if part else struct, prefix + field, array.data_ptr())


def _weight_gradients(
    lengths_B: Tensor, factors: Mapping[str, tuple[Tensor | None, Tensor, Tensor]]
) -> dict[str, Tensor]:
    """Sums of a' d over all steps of all rows [M, N], cut by columns among the threads.

    Of each a0, a, d: a is that of the step before, at first a0; of the same step if a0 is None.
    The factors are float32: with bfloat16 ones models learn less well (docs/performance.md).
    """
    found, calls = {}, []
    for name, (a0, a, d) in factors.items():
        T, B, N = d.shape
        M = a.shape[2]
        found[name] = a.new_zeros(M, N)
        width = -(-N // torch.get_num_threads() // COLUMNS) * COLUMNS
        for first in range(0, N, width):
            before = None if a0 is None else a0.data_ptr()
            call = Gradient(T=T, B=B, M=M, N=N, first=first, last=min(first + width, N), half=False)
            call.lengths, call.a0, call.before = lengths_B.data_ptr(), before, a0 is not None
            call.a, call.d, call.C = a.data_ptr(), d.data_ptr(), found[name].data_ptr()
            calls.append(call)
    _in_parallel("weight_gradient", calls)
    return found


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


def _in_parallel(kind: str, calls: Sequence[ctypes.Structure]) -> None:
    """Run all on as many threads as PyTorch has: OpenMP's where there are, else our own."""
    loaded = library()
    assert loaded is not None
    number = KINDS.index(kind)
    tasks = (Task * len(calls))(*(Task(number, ctypes.addressof(call)) for call in calls))
    threads = min(torch.get_num_threads(), len(calls))
    if threads == 1 or (loaded.has_openmp() and os.getpid() == _imported_by):
        loaded.run(tasks, len(calls), threads)
        return
    # functions of ctypes let go of Python's lock, so they run side by side
    with ThreadPoolExecutor(threads) as pool:
        waiting = [pool.submit(loaded.run, ctypes.byref(task), 1, 1) for task in tasks]
    for future in waiting:
        future.result()


_imported_by = os.getpid()  # a forked process has none of its parent's threads: OpenMP would hang
