"""Fitting a prior to what training drawings encode to; `model.prior` says why.

What is fitted is the aggregate posterior, the mean of q(z | S) over the training drawings, where it
differs from N(0, I): in the directions of z that the model uses. No drawing's own encoding is kept.

Shapes: n drawings, Z numbers in z, A directions in use, K components.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sketchrnn.data.dataset import Dataset, Drawings
from sketchrnn.drawing.coder import ENCODE_BATCH, Coder
from sketchrnn.errors import SketchRNNError
from sketchrnn.model.prior import Prior
from sketchrnn.seeds import INPUT_STREAM, POSTERIOR_STREAM, generator
from sketchrnn.sketch import Sketch
from sketchrnn.words import choices

IN_USE = 0.1  # variance of mu over the training drawings, over which a direction is in use
MOST_DRAWINGS = 5_000  # that are encoded, of the training and of the validation drawings
LEAST_SAMPLES = 6_000  # of a class, of so few drawings however often each
# The form was chosen by `sketchrnn score` on validation drawings (docs/results.md).
# Of drawings that are no copies: no component is that of one drawing.
DRAWINGS_EACH = 10  # there is at most one component for so many ...
LEAST_DRAWINGS = 3  # ... and the smallest is of so many
COMPONENTS_ALL = 40  # at most of all classes; and at least one of each
FEW = 1_000  # drawings of a class. Between few drawings lies much that the decoder has not seen,
COMPONENTS_FEW, WIDTH_FEW = 5, 0.7  # so their mixture is drawn from narrower than it is fitted ...
COMPONENTS_MANY, WIDTH_MANY = 10, 0.9  # ... than that of many
LEAST_VARIANCE = 1e-3  # added to each variance

Numbers = npt.NDArray[np.floating]
F64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Fit:
    """A fitted prior, and how well it fits.

    Attributes:
        prior: None where nothing is in use, or there is but one drawing.
        used: how many directions of z are in use.
        drawings: how many were encoded.
        nats, normal_nats: mean -log p(z) of validation drawings' encodings, under the fit and
            under N(0, I); of the training drawings' where there are none.
        unseen: whether there are.
        z_size: numbers of z.
    """

    prior: Prior | None
    used: int
    drawings: int
    nats: float
    normal_nats: float
    unseen: bool
    z_size: int

    @property
    def said(self) -> str:
        """In a line."""
        if self.prior is None:
            why = (
                "no direction of z is in use" if not self.used else "there is one training drawing"
            )
            return f"no prior is fitted, for {why}: new drawings come from N(0, I)"
        which = "a validation drawing's" if self.unseen else "each"
        return (
            f"prior fitted to {self.drawings:,} encodings: {len(self.prior.shares)} Gaussians for"
            f" the {self.used} of {self.z_size} directions of z in use; {which} has"
            f" {self.nats:.1f} nats ({self.normal_nats:.1f} by N(0, I))"
        )


def fit_prior(
    model: Coder,
    dataset: Dataset,
    progress: Callable[[int, int], object] = lambda done, total: None,
) -> Fit:
    """Fit a prior to the encodings of training drawings; it is not put into the model.

    Args:
        model: a conditional one.
        dataset: its training drawings are fitted to, and its validation drawings say how well;
            those of more than N_max points are left out. Classes are known by their names, and the
            one class of a model is that of all drawings.
        progress: called with how many drawings of how many are encoded.

    Raises:
        SketchRNNError: a decoder-only model, no drawing that is short enough, or one of a class
            that the model does not know.
    """
    model.need_encoder("fitting a prior")
    chosen = [_chosen(part, model.N_max) for part in (dataset.train, dataset.valid)]
    total, done = sum(map(len, chosen)), 0
    found = []
    for part in chosen:
        mu_nZ, sigma_nZ = np.empty((2, len(part), model.z_size))
        for first in range(0, len(part), ENCODE_BATCH):
            some = slice(first, first + ENCODE_BATCH)
            sketches = [
                Sketch.from_stroke3(rows) for rows in part.select(np.arange(len(part))[some])
            ]
            mu_nZ[some], sigma_nZ[some] = model.posterior(sketches)
            done += len(sketches)
            progress(done, total)
        found.append((mu_nZ, sigma_nZ))
    (mu_nZ, sigma_nZ), others = found
    if not len(mu_nZ):
        raise SketchRNNError(
            f"{dataset.where}: has no training drawing of at most {model.N_max + 1} points to fit a"
            " prior to"
        )
    numbers = _numbers(dataset, model.facts.classes)
    originals = 1 - dataset.copies / len(dataset.train)
    labels = numbers[np.asarray(chosen[0].labels)]
    prior = mixture(mu_nZ, sigma_nZ, labels, originals=originals)
    unseen = len(others[0]) > 0
    mu, sigma = others if unseen else found[0]
    z_nZ = mu + sigma * generator(0, POSTERIOR_STREAM, 1).standard_normal(mu.shape)
    normal = 0.5 * float(np.square(z_nZ).sum(axis=1).mean() + z_nZ.shape[1] * np.log(2 * np.pi))
    nats = normal if prior is None else -float(prior.log_density(z_nZ).mean())
    used = len(in_use(mu_nZ)[1])
    return Fit(prior, used, len(mu_nZ), nats, normal, unseen, model.z_size)


def mixture(
    mu_nZ: Numbers,
    sigma_nZ: Numbers,
    labels: npt.NDArray[np.integer],
    *,
    originals: float = 1.0,
) -> Prior | None:
    """The prior of drawings with these mu and sigma of q(z | S) [n, Z], each of a class [n].

    For each class a mixture of Gaussians (scikit-learn) is fitted to samples of q, along the
    directions in use. None where there are none, as for a single drawing. A class of too few
    drawings for a Gaussian of its own gets one of all drawings. `originals` is the part of them
    that are no copies of others.
    """
    from sklearn.mixture import GaussianMixture  # not needed to draw, and slow to load

    center_Z, basis_AZ = in_use(mu_nZ)
    if not len(basis_AZ):
        return None
    classes, shares, means, factors = [], [], [], []
    present, counts = np.unique(labels, return_counts=True)
    across = 0.0  # squared, of all samples
    for label, n in zip(present.tolist(), counts.tolist(), strict=True):
        alone = n * originals
        mine = np.flatnonzero((labels == label) | (alone < LEAST_DRAWINGS))
        often = -(-LEAST_SAMPLES // len(mine))
        shape = often, len(mine), mu_nZ.shape[1]
        noise = generator(0, POSTERIOR_STREAM, 0).standard_normal(shape)
        apart = (mu_nZ[mine] + sigma_nZ[mine] * noise - center_Z).reshape(-1, mu_nZ.shape[1])
        along = apart @ basis_AZ.T
        squared = float(np.square(apart).sum() - np.square(along).sum())
        across += squared * n / len(apart)
        few = alone < FEW
        most, width = (COMPONENTS_FEW, WIDTH_FEW) if few else (COMPONENTS_MANY, WIDTH_MANY)
        count = max(min(most, COMPONENTS_ALL // len(present), int(alone / DRAWINGS_EACH)), 1)
        while True:
            fitted = GaussianMixture(count, reg_covar=LEAST_VARIANCE, random_state=0).fit(along)
            if count == 1 or fitted.weights_.min() * alone >= LEAST_DRAWINGS:
                break
            count -= 1
        classes += [label] * count
        shares += (fitted.weights_ * (n / len(labels))).tolist()
        means.append(fitted.means_)
        factors.append(width * np.linalg.cholesky(fitted.covariances_))
    free = max(mu_nZ.shape[1] - len(basis_AZ), 1)
    rest = math.sqrt(max(across / len(labels) / free, LEAST_VARIANCE))
    arrays = (classes, shares, np.concatenate(means), np.concatenate(factors))
    return Prior.rounded(center_Z, basis_AZ, [rest], *arrays)


def in_use(mu_nZ: Numbers) -> tuple[F64, F64]:
    """The mean of mu [Z], and the directions in use [A, Z], orthonormal.

    They are the principal directions of mu with a variance over IN_USE. A model that is held at
    the floor of L_KL has no reason to use one number each.
    """
    center_Z = mu_nZ.mean(axis=0, dtype=np.float64)
    _, lengths, directions = np.linalg.svd(mu_nZ - center_Z, full_matrices=False)
    return center_Z, directions[np.square(lengths) / len(mu_nZ) > IN_USE]


def _numbers(dataset: Dataset, classes: Sequence[str]) -> npt.NDArray[np.int64]:
    """For each class of the data set its number among the model's."""
    if len(classes) < 2:
        return np.zeros(len(dataset.classes), dtype=np.int64)
    for name in dataset.classes:
        if name not in classes:
            raise SketchRNNError(
                f"{dataset.where}: the model has not learned {name!r}; {choices(name, classes)}"
            )
    return np.array([classes.index(name) for name in dataset.classes])


def _chosen(drawings: Drawings, N_max: int) -> Drawings:
    """Those that the model can read, or some of them, by chance: any rhythm may be in a file."""
    fitting = np.flatnonzero(drawings.lengths <= N_max)
    if len(fitting) > MOST_DRAWINGS:
        fitting = generator(0, INPUT_STREAM, 0).permutation(fitting)[:MOST_DRAWINGS]
    return drawings.select(fitting)
