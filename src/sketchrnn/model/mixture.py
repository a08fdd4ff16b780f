"""The output head: a mixture of M bivariate Gaussians for the offset, three logits for the pen.

Everything stays in log space, so that the density is finite, with finite gradients, for any finite
offset (docs/deviations.md, row 6). Equations are the paper's, section 3.2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from sketchrnn.model.config import PARAMETERS, PEN_STATES

LOG_TWO_PI = math.log(2 * math.pi)

# Beyond these the density is held: far outside what drawings reach, just inside what float32 holds,
# so that no product of them, nor of their gradients, overflows.
FAR = 1e6  # sigmas
LOG_SIGMA_LIMIT = 30.0
RHO_RAW_LIMIT = 20.0


def head_size(mixtures: int) -> int:
    """Outputs of the last layer: 6 M + 3 (eq. 4)."""
    return PEN_STATES + PARAMETERS * mixtures


@dataclass(frozen=True)
class Mixture:
    """The distribution of the next point, one for each leading index [...].

    Attributes:
        pen_logits: [..., 3]: pen down, pen up, end of drawing.
        pi_logits: [..., M]: mixture weights before the softmax.
        mu_x, mu_y: [..., M]: means, in scaled units.
        log_sigma_x, log_sigma_y: [..., M].
        rho_raw: [..., M]: the correlation before tanh.
    """

    pen_logits: Tensor
    pi_logits: Tensor
    mu_x: Tensor
    mu_y: Tensor
    log_sigma_x: Tensor
    log_sigma_y: Tensor
    rho_raw: Tensor

    @classmethod
    def from_head(cls, y: Tensor) -> Mixture:
        """Read the outputs y [..., 6 M + 3] of the last layer (eq. 5; pen logits first)."""
        mixtures = (y.shape[-1] - PEN_STATES) // PARAMETERS
        return cls(*torch.split(y, [PEN_STATES] + [mixtures] * PARAMETERS, dim=-1))

    @property
    def rho(self) -> Tensor:
        """Correlation [..., M] (eq. 6)."""
        return torch.tanh(self.rho_raw)

    @property
    def pi(self) -> Tensor:
        """Mixture weights [..., M] (eq. 7)."""
        return torch.softmax(self.pi_logits, dim=-1)

    @property
    def pen(self) -> Tensor:
        """Pen probabilities [..., 3] (eq. 7)."""
        return torch.softmax(self.pen_logits, dim=-1)

    def log_density(self, offset: Tensor) -> Tensor:
        """Log density of offsets [..., 2] in scaled units -> [...] (eq. 3, bivariate normals).

        With u, v the distances in sigmas and rho = tanh(r), the usual exponent
        (u^2 - 2 rho u v + v^2) / (1 - rho^2) equals
        ((u + v)^2 (1 + e^(-2r)) + (u - v)^2 (1 + e^(2r))) / 4,
        in which nothing cancels and nothing is divided by zero when rho rounds to +-1.
        """
        log_sigma_x = self.log_sigma_x.clamp(-LOG_SIGMA_LIMIT, LOG_SIGMA_LIMIT)
        log_sigma_y = self.log_sigma_y.clamp(-LOG_SIGMA_LIMIT, LOG_SIGMA_LIMIT)
        twice_r = 2 * self.rho_raw.clamp(-RHO_RAW_LIMIT, RHO_RAW_LIMIT)
        u = ((offset[..., 0:1] - self.mu_x) * torch.exp(-log_sigma_x)).clamp(-FAR, FAR)
        v = ((offset[..., 1:2] - self.mu_y) * torch.exp(-log_sigma_y)).clamp(-FAR, FAR)
        squares = (
            (u + v).square() * (1 + torch.exp(-twice_r))
            + (u - v).square() * (1 + torch.exp(twice_r))
        ) / 4
        # log(1 - rho^2) = log(4 e^(2r) / (1 + e^(2r))^2)
        half_log_1_rho2 = math.log(2) + twice_r / 2 - functional.softplus(twice_r)
        log_normal = -LOG_TWO_PI - log_sigma_x - log_sigma_y - half_log_1_rho2 - squares / 2
        return torch.logsumexp(functional.log_softmax(self.pi_logits, dim=-1) + log_normal, dim=-1)

    def log_pen(self, pen: Tensor) -> Tensor:
        """Log probability of one-hot pen states [..., 3] -> [...] (second half of eq. 9)."""
        return (functional.log_softmax(self.pen_logits, dim=-1) * pen).sum(dim=-1)
