"""Ways through the latent space (sections 4.2 and 4.3 of the paper). NumPy alone.

Z numbers in a latent vector. Vectors go in in any floating type; float64 comes out.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sketchrnn.errors import SketchRNNError

Vectors = npt.NDArray[np.floating]
Vectors64 = npt.NDArray[np.float64]

# Under this sine of the angle the great circle is not told apart from the straight line (vectors
# of one direction), or is any of many (opposite ones).
NO_ARC = 1e-6


def slerp(start_Z: Vectors, end_Z: Vectors, share: float) -> Vectors64:
    """Spherical interpolation (White 2016), as the paper does it (section 4.2).

    Between vectors of one length it goes along the great circle, with constant angular speed. Where
    the two point one way or opposite ways, or one is zero, it goes along the straight line. The
    share 0 gives `start_Z` and 1 `end_Z`, both exactly.
    """
    start, end = (np.asarray(vector, dtype=np.float64) for vector in (start_Z, end_Z))
    start_length, end_length = np.linalg.norm(start), np.linalg.norm(end)
    if start_length == 0 or end_length == 0:
        return lerp(start, end, share)
    a, b = start / start_length, end / end_length
    angle = 2 * np.arctan2(np.linalg.norm(a - b), np.linalg.norm(a + b))  # exact at any angle
    if np.sin(angle) < NO_ARC:
        return lerp(start, end, share)
    start_share, end_share = np.sin([(1 - share) * angle, share * angle]) / np.sin(angle)
    return np.asarray(start_share * start + end_share * end)


def lerp(start_Z: Vectors, end_Z: Vectors, share: float) -> Vectors64:
    """Linear interpolation [Z]; both ends are exact."""
    start, end = (np.asarray(vector, dtype=np.float64) for vector in (start_Z, end_Z))
    return np.asarray((1 - share) * start + share * end)


def path(start_Z: Vectors, end_Z: Vectors, steps: int, *, spherical: bool = True) -> Vectors64:
    """Even steps, at least 2, from one vector to another [steps, Z], both ends included."""
    if steps < 2:
        raise SketchRNNError(f"a way from one end to the other has at least 2 steps, got {steps}")
    between = slerp if spherical else lerp
    return np.array([between(start_Z, end_Z, share) for share in np.linspace(0, 1, steps)])


def corner_grid(
    corners_nZ: Vectors, rows: int, columns: int, *, spherical: bool = True
) -> Vectors64:
    """A grid between corners [rows, columns, Z]: a path down either side, a path along each row.

    The corners are top left A, top right B, bottom left C, and bottom right; with three the last is
    the analogy C + (B - A). Raises SketchRNNError for another number, or a side of fewer than 2.
    """
    if len(corners_nZ) not in (3, 4):
        raise SketchRNNError(f"a grid has 3 or 4 corners, got {len(corners_nZ)}")
    if rows < 2 or columns < 2:
        raise SketchRNNError(
            f"a grid has at least 2 rows and 2 columns, got {rows} rows and {columns} columns"
        )
    A, B, C, *rest = corners_nZ
    D = rest[0] if rest else analogy(A, B, C)
    lefts_rZ, rights_rZ = (path(*ends, rows, spherical=spherical) for ends in ((A, C), (B, D)))
    across = zip(lefts_rZ, rights_rZ, strict=True)
    return np.array([path(left, right, columns, spherical=spherical) for left, right in across])


def analogy(a_Z: Vectors, b_Z: Vectors, c_Z: Vectors) -> Vectors64:
    """c + (b - a): what b has and a has not, put on c (section 4.3)."""
    a, b, c = (np.asarray(vector, dtype=np.float64) for vector in (a_Z, b_Z, c_Z))
    return c + (b - a)
