"""One LSTM of a step on a GPU, as its kernels know it, and products.

Shapes as in `autograd`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from sketchrnn.model.backends.plain import Inputs, steps_run
from sketchrnn.model.backends.triton.kernels import STATISTICS
from sketchrnn.model.cells import NORMS
from sketchrnn.model.config import GATES

UNITS_A_PROGRAM = 512  # where no layer norm needs the whole row
UNITS_A_WARP = 128
ALIGNED = 8  # columns: products are fast where rows of factors begin at multiples of 16 bytes
ADJOINT_BYTES = 2**32  # adjoints are gathered up to this for products over many steps

STRIDES = {  # of groups, that kernels are told
    "more_group": "d_more",
    "d_product_group": "d_product",
    "d_projection_group": "d_projection",
    "d_scales_group": "d_scales",
}


class Lstm:
    """One LSTM over time: the arguments of its kernels that are the same at every step.

    It has the columns from `before` units on of what it shares with another LSTM.
    """

    def __init__(
        self, inputs: Inputs, c0_GBH: Tensor, norms: Sequence[Tensor], before: int = 0
    ) -> None:
        G, T, B, D = inputs.x_GTBD.shape
        H = c0_GBH.shape[2]
        steps = T if inputs.learning else 0
        c = c0_GBH.new_empty(G, steps + 1, B, H)
        c[:, 0] = c0_GBH
        masks = inputs.kept_GTBm
        block = 1 << (H - 1).bit_length()
        if not norms:
            block = min(block, UNITS_A_PROGRAM)
        self._grid = (G * B, -(-H // block))
        self._warps = min(16, max(1, block // UNITS_A_WARP))
        self._norms = dict(zip(NORMS, norms, strict=False))
        self._arguments: dict[str, Any] = self._norms | {
            "T": T, "B": B, "D": D, "H": H, "x": inputs.x_GTBD, "lengths": inputs.lengths_B,
            "first": GATES * before, "product_first": GATES * before,
            "factor_first": before, "mask_first": before,
            "kept": None if masks is None else masks.view(torch.uint8),
            "mask_row": 0 if masks is None else masks.shape[3], "kept_counts": 1 / inputs.keep,
            "c": c, "gates": c.new_empty(G, steps, B, GATES * H),
            "statistics": c.new_empty(G, steps, B, STATISTICS), "BLOCK": block,
            "NORM": bool(norms), "MASKED": masks is not None, "LEARNING": inputs.learning,
        }  # fmt: skip

    def start(self, kernel: Any, **arguments: Any) -> None:
        """Start a kernel; arrays that are left out or None it does not read."""
        given = self._arguments | arguments
        for flag, name in (("SCALED", "scales"), ("OUT", "out"), ("MORE", "d_more")):
            given[flag] = given.get(name) is not None
        for stride, name in STRIDES.items():
            given[stride] = 0 if given.get(name) is None else given[name].stride(0)
        named = {name: given.get(name) for name in kernel.arg_names}
        unread = given["c"]
        kernel[self._grid](
            **{name: unread if value is None else value for name, value in named.items()},
            num_warps=self._warps,
        )

    def adjoints(self, d_last: Sequence[Tensor | None]) -> dict[str, Tensor]:
        """What the kernel backward keeps from step to step, given adjoints of the last h and c."""
        c: Tensor = self._arguments["c"]
        G, _, B, H = c.shape
        found = {"d_c": c.new_empty(G, B, H)}
        for name, adjoint in zip(("d_h_last", "d_c_last"), d_last, strict=True):
            found[name] = c.new_zeros(G, B, H) if adjoint is None else adjoint.contiguous()
        for name, norm in self._norms.items():
            found[f"d_{name}"] = norm.new_zeros(G, B, norm.shape[1])
        return found


def extended_inputs(inputs: Inputs, factor_type: torch.dtype) -> Tensor:
    """The inputs as left factors of gradients: [x, 1, 0 ...], all 0 past a row's end.

    [G, T, B, D + 1 or more]; the 1 gives the sum of the other factor.
    """
    _, T, _, D = inputs.x_GTBD.shape
    x = functional.pad(inputs.x_GTBD, (0, 1), value=1.0)
    x = torch.where(steps_run(T, inputs.lengths_B)[..., None], x, 0.0).to(factor_type)
    return functional.pad(x, (0, -(D + 1) % ALIGNED))


def add_products(sums: dict[str, Tensor], name: str, a_GSBM: Tensor, d_GSBN: Tensor) -> None:
    """Add a' d, summed over steps and rows: the gradient [G, M, N] of a matrix."""
    G, _, _, M = a_GSBM.shape
    products = torch.empty(G, M, d_GSBN.shape[3], device=a_GSBM.device)
    for a, d, product in zip(a_GSBM, d_GSBN, products, strict=True):
        multiply(a.flatten(0, 1).T, d.flatten(0, 1), product)
    sums[name] = sums[name].add_(products) if name in sums else products


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
