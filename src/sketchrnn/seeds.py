"""Random numbers for drawing: every drawing has its own stream, fixed by (seed, its number).

So drawing 7 of seed 1 is the same drawing, up to float32's rounding, whether it is made alone or
among a thousand, on a CPU or on a GPU. PyTorch's and NumPy's global generators are never touched.
"""

from __future__ import annotations

import operator
import secrets
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sketchrnn.errors import SketchRNNError

PRIOR_STREAM, POSTERIOR_STREAM, POINT_STREAM, INPUT_STREAM, PEN_STREAM = range(5)

# Random numbers that one point needs: which Gaussian, which pen state, two normals for the offset.
UNIFORMS, NORMALS = 2, 2
BLOCK = 64  # points whose numbers are drawn at once


def choose_seed(seed: int | None) -> int:
    """`seed` itself, or where it is None one of this moment's, short enough to type again.

    SketchRNNError for a negative seed, or one over 63 bits, which PyTorch does not take.
    """
    if seed is None:
        return secrets.randbelow(1_000_000)
    try:
        seed = operator.index(seed)
    except TypeError:
        raise SketchRNNError(f"seed must be a whole number, got {seed!r}") from None
    if not 0 <= seed < 2**63:
        raise SketchRNNError(f"seed must be a whole number from 0 to 2^63 - 1, got {seed}")
    return seed


def generator(seed: int, stream: int, number: int) -> np.random.Generator:
    """The generator of drawing `number` for one purpose."""
    return np.random.Generator(np.random.PCG64([seed, stream, number]))


def normal_vectors(
    seed: int, stream: int, count: int, size: int, *, first: int = 0
) -> npt.NDArray[np.float32]:
    """[count, size] standard normal numbers, one row a drawing, from drawing `first` on."""
    numbers = range(first, first + count)
    rows = [generator(seed, stream, number).standard_normal(size) for number in numbers]
    return np.array(rows, dtype=np.float32).reshape(count, size)


def point_numbers(
    streams: Sequence[np.random.Generator],
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """For the next BLOCK points of n drawings uniform numbers in [0, 1) and normal ones.

    A drawing's stream gives the uniform numbers of BLOCK points, then their normal numbers, then
    the next block's: so few calls that they cost nothing beside the network. Each [n, BLOCK, 2].
    """
    uniform = np.empty((len(streams), BLOCK, UNIFORMS), dtype=np.float32)
    normal = np.empty((len(streams), BLOCK, NORMALS), dtype=np.float32)
    for stream, uniforms, normals in zip(streams, uniform, normal, strict=True):
        stream.random(dtype=np.float32, out=uniforms)
        stream.standard_normal(dtype=np.float32, out=normals)
    return uniform, normal
