"""The arrays of one unrolled LSTM on a GPU, forward and backward, and their products.

Shapes as in `autograd`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from sketchrnn.model.config import GATES

UNITS_A_PROGRAM = 512  # where no layer norm needs the whole row
UNITS_A_WARP = 128
ALIGNED = 8  # columns: products are fast where rows of factors begin at multiples of 16 bytes
ADJOINT_BYTES = 2**32  # adjoints are gathered up to this for products over many steps


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


class Factors:
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


class ExtendedInputs:
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


class Gathered:
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


class Sum:
    """The gradient of a matrix: a' d, summed over steps and rows."""

    def __init__(self) -> None:
        self._total: Tensor | None = None

    @property
    def total(self) -> Tensor:
        """[G, M, N], when products have been added."""
        assert self._total is not None
        return self._total

    def add_products(self, a_GSBM: Tensor, d_GSBN: Tensor) -> None:
        """Add a' d of some steps."""
        G, _, _, M = a_GSBM.shape
        products = torch.empty(G, M, d_GSBN.shape[3], device=a_GSBM.device)
        for a, d, product in zip(a_GSBM, d_GSBN, products, strict=True):
            multiply(a.flatten(0, 1).T, d.flatten(0, 1), product)
        self._total = products if self._total is None else self._total.add_(products)


@dataclass(frozen=True)
class Scaling:
    """What the backward kernel of a HyperLSTM's large LSTM needs besides, at one step."""

    product: Tensor
    scales: Tensor
    shifts: Tensor
    d_projection: Tensor
    d_scales: Tensor


@dataclass(frozen=True)
class Lstm:
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
        cls, inputs: Inputs, c0: Tensor, norms: tuple[Tensor, ...], after: Lstm | None = None
    ) -> Lstm:
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
class LstmAdjoints:
    """The adjoints of one LSTM while it is gone through backward (`kernels.backward_step`)."""

    lstm: Lstm
    d_h_last: Tensor
    d_c_last: Tensor
    d_c: Tensor
    d_norms: tuple[Tensor, ...]

    @classmethod
    def new(cls, lstm: Lstm, d_last: tuple[Tensor | None, ...]) -> LstmAdjoints:
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
        d_carried: Tensor, d_product: Tensor, d_constant: Tensor, scaling: Scaling | None = None,
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


def multiply(a: Tensor, b: Tensor, out: Tensor) -> None:
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
