"""The losses of one training step, and the bound on its gradients; nothing waits for a device."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from sketchrnn.model.backends.plain import Dropout
from sketchrnn.model.losses import kl_loss, reconstruction_loss
from sketchrnn.model.network import Network
from sketchrnn.model.unroll import Backend
from sketchrnn.training.config import TrainingConfig


@dataclass(frozen=True)
class StepLosses:
    """The losses of one batch, each the mean over it; L_KL None for a decoder-only model.

    `loss` is what is minimised: L_R + weight max(L_KL, KL_min).
    """

    loss: Tensor
    L_R: Tensor
    L_s: Tensor
    L_p: Tensor
    L_KL: Tensor | None

    def numbers(self) -> dict[str, float]:
        """By name; waits for the device."""
        losses = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: loss.item() for name, loss in losses.items() if loss is not None}


def step_losses(
    network: Network,
    x_BT5: Tensor,
    lengths_B: Tensor,
    weight: Tensor | float,
    config: TrainingConfig,
    generator: torch.Generator,
    *,
    pen_weights_BT: Tensor | None = None,
    backend: Backend,
) -> StepLosses:
    """The losses of a training step (eq. 9; supplement, eq. 2 to 4), with dropout and z drawn.

    Args:
        network: in training mode.
        x_BT5: the batch, the start token first.
        lengths_B: N_s of each.
        weight: of L_KL at this step.
        config: for dropout and the floor of L_KL.
        generator: of the masks and z, in this order.
        pen_weights_BT: see `Batch`.
        backend: how the cells are run over time.
    """
    encoder_dropout: tuple[Dropout | None, Dropout | None] = (None, None)
    decoder_dropout: Dropout | None = None
    if config.recurrent_keep < 1:
        encoder_dropout, decoder_dropout = network.draw_dropout(
            len(x_BT5), x_BT5.shape[1] - 1, config.recurrent_keep, generator
        )
    z_BZ: Tensor | None = None
    L_KL: Tensor | None = None
    if network.config.conditional:
        mu, log_variance = network.encode(x_BT5[:, 1:], lengths_B, encoder_dropout, backend=backend)
        noise = torch.randn(mu.shape, generator=generator, device=mu.device)
        z_BZ = mu + torch.exp(log_variance / 2) * noise
        L_KL = kl_loss(mu, log_variance).mean()
    steps_B = None if pen_weights_BT is None else (pen_weights_BT > 0).sum(dim=1)
    mixture, _ = network.decode(
        x_BT5[:, :-1], z_BZ, dropout=decoder_dropout, lengths_B=steps_B, backend=backend
    )
    parts = reconstruction_loss(
        mixture, x_BT5[:, 1:], lengths_B, pen_weights_BT, N_max=network.config.N_max
    )
    loss = L_R = parts.L_R.mean()
    if L_KL is not None:
        loss = L_R + weight * L_KL.clamp(min=config.KL_min)
    return StepLosses(loss, L_R, parts.L_s.mean(), parts.L_p.mean(), L_KL)


def clip_gradients(network: Network, config: TrainingConfig) -> Tensor:
    """Bound the gradients in place; returns the norm that they had."""
    gradients = [p.grad for p in network.parameters() if p.grad is not None]
    norm = torch.nn.utils.get_total_norm(gradients)
    if config.clip_by == "value":
        torch.nn.utils.clip_grad_value_(network.parameters(), config.gradient_clip)
    else:
        torch.nn.utils.clip_grads_with_norm_(network.parameters(), config.gradient_clip, norm)
    return norm
