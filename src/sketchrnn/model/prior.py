"""A prior that fits: Gaussian mixtures in the directions of z that a model uses. NumPy alone.

Training pulls q(z | S) to N(0, I), but what the training drawings encode to does not fill it (the
aggregate posterior is not the prior), so a z from N(0, I) is often one that the decoder has never
seen. A small density fitted to the encodings afterwards is a known remedy (Ghosh et al. 2020, "From
Variational to Deterministic Autoencoders"); `drawing.encodings` fits it (docs/deviations.md, 24).

Shapes: Z numbers in z, A directions in use, K components of all classes together.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from itertools import starmap
from typing import Any

import numpy as np
import numpy.typing as npt

from sketchrnn.errors import SketchRNNError
from sketchrnn.seeds import PRIOR_STREAM, generator

MARK = "prior/"  # what its tensors begin with, in a file of weights
MOST_COMPONENTS = 1 << 16

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Prior:
    """A mixture of Gaussians in the directions in use; one round Gaussian across them.

    The numbers are those of 16 bits, as they are stored.

    Attributes:
        center: [Z], where all of it lies around.
        basis: [A, Z], the directions, orthonormal.
        rest: [1], the standard deviation in all that is orthogonal to them.
        classes: [K], the class that each component is of, an index into the model's classes.
        shares: [K], of each component; they add up to 1, but for rounding.
        means: [K, A], along the directions, from the center.
        factors: [K, A, A], Cholesky factors of the covariances: lower triangles.
    """

    center: F32
    basis: F32
    rest: F32
    classes: F32
    shares: F32
    means: F32
    factors: F32

    @staticmethod
    def rounded(*arrays: npt.ArrayLike) -> Prior:
        """A prior of these arrays, in the order of the attributes, rounded to 16 bits."""
        return Prior(*(np.asarray(one, np.float16).astype(np.float32) for one in arrays))

    def tensors(self) -> dict[str, npt.NDArray[np.float16]]:
        """What is stored with the weights: some kB; of the factors their triangles alone."""
        stored = {MARK + item.name: getattr(self, item.name) for item in fields(self)}
        rows, columns = np.tril_indices(len(self.basis))
        stored[f"{MARK}factors"] = self.factors[:, rows, columns]
        return {name: array.astype(np.float16) for name, array in stored.items()}

    def to_json(self) -> dict[str, list[Any]]:
        """The attributes by their names, as lists."""
        return {item.name: getattr(self, item.name).tolist() for item in fields(self)}

    @staticmethod
    def of(
        tensors: Mapping[str, npt.NDArray[np.floating]], z_size: int, where: str
    ) -> Prior | None:
        """The prior among the tensors of a file of weights; None where there is none.

        Raises SketchRNNError, naming `where` they are from, for one that is not whole.
        """
        names = [item.name for item in fields(Prior)]
        found = {name: tensors[MARK + name] for name in names if MARK + name in tensors}
        if not found:
            return None
        A, K = (len(np.atleast_1d(found.get(name, ()))) for name in ("basis", "shares"))
        shapes = {"center": (z_size,), "basis": (A, z_size), "rest": (1,), "classes": (K,)}
        shapes |= {"shares": (K,), "means": (K, A), "factors": (K, A * (A + 1) // 2)}
        for name, shape in shapes.items():
            if name not in found or found[name].shape != shape:
                raise SketchRNNError(f"{where}: the fitted prior is damaged: {name} does not fit")
            if not np.isfinite(found[name]).all():
                raise SketchRNNError(f"{where}: the fitted prior has a value that is no number")
        shares = found["shares"]
        if not A or not 0 < K <= MOST_COMPONENTS or (shares < 0).any() or not shares.any():
            raise SketchRNNError(f"{where}: the fitted prior is damaged: shares do not add up")
        if found["rest"][0] <= 0:
            raise SketchRNNError(f"{where}: the fitted prior is damaged: rest must be over 0")
        factors = np.zeros((K, A, A), dtype=np.float32)
        rows, columns = np.tril_indices(A)
        factors[:, rows, columns] = found["factors"]
        return Prior.rounded(*(found | {"factors": factors}).values())

    def sample(self, seed: int, count: int, *, first: int = 0, label: int | None = None) -> F32:
        """z [count, Z] of the drawings from number `first` on, of any class, or of one.

        A drawing's normal numbers are those that are its z from N(0, I).

        Raises:
            SketchRNNError: no component is of that class.
        """
        shares = self.shares.astype(np.float64)
        if label is not None:
            shares = np.where(self.classes == label, shares, 0.0)
            if not shares.any():
                raise SketchRNNError(f"the fitted prior has no class number {label}")
        edges = np.cumsum(shares)
        z_nZ = np.empty((count, len(self.center)), dtype=np.float32)
        for row, number in zip(z_nZ, range(first, first + count), strict=True):
            numbers = generator(seed, PRIOR_STREAM, number)
            normal = numbers.standard_normal(len(row)).astype(np.float32)
            passed = np.searchsorted(edges, numbers.random() * edges[-1], side="right")
            k = min(int(passed), len(edges) - 1)
            along = self.basis @ normal
            moved = self.means[k] + self.factors[k] @ along - self.rest * along
            row[:] = self.center + self.rest * normal + moved @ self.basis
        return z_nZ

    def log_density(self, z_nZ: npt.NDArray[np.floating]) -> F64:
        """log p(z) of each [n], over all Z numbers, in nats."""
        basis, shares = self.basis.astype(np.float64), self.shares.astype(np.float64)
        apart_nZ = np.asarray(z_nZ, dtype=np.float64) - self.center
        along_nA = apart_nZ @ basis.T
        across = np.square(apart_nZ).sum(axis=1) - np.square(along_nA).sum(axis=1)
        width, (A, Z) = float(self.rest[0]), basis.shape

        def weighted(share: float, mean: F64, factor: F64) -> F64:
            whitened = np.linalg.solve(factor, (along_nA - mean).T)
            log_volume = float(np.log(np.abs(np.diag(factor))).sum())
            return np.asarray(math.log(share) - log_volume - np.square(whitened).sum(axis=0) / 2)

        each = zip(
            (shares / shares.sum()).tolist(),
            self.means.astype(np.float64),
            self.factors.astype(np.float64),
            strict=True,
        )
        within = list(starmap(weighted, (one for one in each if one[0] > 0)))
        constant = Z * math.log(2 * math.pi) / 2 + (Z - A) * math.log(width)
        return np.asarray(np.logaddexp.reduce(within, axis=0) - across / 2 / width**2 - constant)
