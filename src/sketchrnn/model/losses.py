"""The losses of the paper: L_s and L_p (eq. 9), L_R, L_KL (eq. 10, as the supplement has it).

All are in nats, one number a drawing; the caller takes the mean. Shapes: B batch, T = N_max steps.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sketchrnn import strokes
from sketchrnn.model.mixture import Mixture


@dataclass(frozen=True)
class ReconstructionLoss:
    """The parts of L_R for each of B drawings, all divided by N_max.

    Attributes:
        L_s: [B], offsets of the N_s true points.
        L_p: [B], pen states over all N_max steps, padding included: the paper's convention.
        L_p_masked: [B], pen states of the N_s true points only: the reference notebook's
            convention.
        L_p_to_end: [B], pen states of the true points and the end that follows: what a drawing's
            own likelihood needs.
    """

    L_s: Tensor
    L_p: Tensor
    L_p_masked: Tensor
    L_p_to_end: Tensor

    @property
    def L_R(self) -> Tensor:
        """L_s + L_p (eq. 9)."""
        return self.L_s + self.L_p


def reconstruction_loss(
    mixture: Mixture,
    targets_BT5: Tensor,
    lengths_B: Tensor,
    pen_weights_BT: Tensor | None = None,
    *,
    N_max: int | None = None,
) -> ReconstructionLoss:
    """L_s and L_p of the points S_1 ... S_N_max under their predicted distributions (eq. 9).

    Args:
        mixture: leading shape [B, T]; with `pen_weights_BT` [P], as `Network.decode` gives it.
        targets_BT5: stroke-5, padded with (0, 0, 0, 0, 1).
        lengths_B: N_s of each drawing.
        pen_weights_BT: how often each term of L_p counts; the mixture has the P steps whose weight
            is over 0, step by step. None: it has all, and each counts once.
        N_max: what all sums are divided by, where T is less.
    """
    T = targets_BT5.shape[1]
    N_max = T if N_max is None else N_max
    step = torch.arange(T, device=lengths_B.device)
    drawn_BT = step[None, :] < lengths_B[:, None]
    # `where`, not a product: what stands over the padding must not enter, whatever its value
    offsets_BT2 = torch.where(drawn_BT[..., None], targets_BT5[..., strokes.XY], 0.0)
    pen_BT3 = targets_BT5[..., strokes.PEN]
    if pen_weights_BT is None:
        log_density_BT = mixture.log_density(offsets_BT2)
        log_pen_BT = weighted_BT = mixture.log_pen(pen_BT3)
    else:
        run_TB = pen_weights_BT.T > 0

        def spread(log_P: Tensor) -> Tensor:
            return log_P.new_zeros(run_TB.shape).masked_scatter(run_TB, log_P).T

        log_density_BT = spread(mixture.log_density(offsets_BT2.transpose(0, 1)[run_TB]))
        log_pen_BT = spread(mixture.log_pen(pen_BT3.transpose(0, 1)[run_TB]))
        weighted_BT = log_pen_BT * pen_weights_BT
    to_end_BT = step[None, :] <= lengths_B[:, None]

    def total(log_BT: Tensor, where_BT: Tensor) -> Tensor:
        return -torch.where(where_BT, log_BT, 0.0).sum(dim=1) / N_max

    return ReconstructionLoss(
        L_s=total(log_density_BT, drawn_BT),
        L_p=-weighted_BT.sum(dim=1) / N_max,
        L_p_masked=total(log_pen_BT, drawn_BT),
        L_p_to_end=total(log_pen_BT, to_end_BT),
    )


def kl_loss(mu_BZ: Tensor, log_variance_BZ: Tensor) -> Tensor:
    """KL divergence of N(mu, sigma^2) from N(0, 1), mean over the N_z numbers of z: [B].

    Eq. 10, as the supplement has it; see `kl_terms`.
    """
    return kl_terms(mu_BZ, log_variance_BZ).mean(dim=1)


def kl_terms(mu_BZ: Tensor, log_variance_BZ: Tensor) -> Tensor:
    """What each number of z gives to the KL divergence of N(mu, sigma^2) from N(0, 1): [B, Z].

    -(1 + s - mu^2 - e^s) / 2 with s the log-variance: the supplement's eq. 2 (eq. 10 of the paper
    prints s^2 for s; docs/deviations.md, row 1).
    """
    return -0.5 * (1 + log_variance_BZ - mu_BZ.square() - log_variance_BZ.exp())
