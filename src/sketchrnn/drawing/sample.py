"""Sampling drawings from the decoder, point by point (section 3.2 of the paper, eq. 8).

Shapes: n drawings, A of them not finished yet, M mixtures, Z latent. Offsets are in scaled units.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sketchrnn import strokes
from sketchrnn.drawing.seeds import POINT_STREAM, generator
from sketchrnn.errors import SketchRNNError
from sketchrnn.model.cells import State
from sketchrnn.model.mixture import Mixture
from sketchrnn.model.network import Network

# Random numbers that one point needs: which Gaussian, which pen state, two normals for the offset.
UNIFORMS, NORMALS = 2, 2

MAX_TEMPERATURE = 100.0


def check_temperature(temperature: float) -> float:
    """`temperature` if it is a number from 0 to 100. Raises SketchRNNError otherwise."""
    number = isinstance(temperature, int | float | np.number)
    if not number or isinstance(temperature, bool) or not 0 <= temperature <= MAX_TEMPERATURE:
        raise SketchRNNError(
            "temperature must be a number from 0 (most likely) up, usually to 1 and at most"
            f" {MAX_TEMPERATURE:g}, got {temperature!r}"
        )
    return float(temperature)


def sample_strokes(
    network: Network,
    z_nZ: Tensor | None,
    count: int,
    *,
    temperature: float,
    seed: int,
    numbers: Sequence[int] | None = None,
) -> list[npt.NDArray[np.float32]]:
    """Draw `count` drawings as stroke-5 rows, each up to and without its p3, at most N_max rows.

    All are drawn side by side; a finished drawing leaves the batch. Each has its own random numbers
    (see `seeds`), so it does not depend on which others are drawn with it.

    Args:
        network: in scaled units.
        z_nZ: one latent vector a drawing; None for a decoder-only model.
        count: n.
        temperature: tau. The mixture and pen logits are divided by tau and the variances multiplied
            by it (eq. 8). At 0 the most likely Gaussian's mean and the most likely pen state are
            taken, with nothing random.
        seed: of the random numbers.
        numbers: the streams' numbers, by default 0 ... n - 1.

    Returns:
        n arrays [N, 5], N >= 1: a drawing that would end before its first point gets one point.
    """
    check_temperature(temperature)
    N_max = network.config.N_max
    device = network.head.weight.device
    streams = [
        generator(seed, POINT_STREAM, number)
        for number in (range(count) if numbers is None else numbers)
    ]
    drawn = np.zeros((count, N_max, 5), dtype=np.float32)
    lengths = np.full(count, N_max)
    active = np.arange(count)
    cell = network.decoder
    was_training = network.training
    network.eval()
    with torch.inference_mode():
        state: State = network.initial_state(z_nZ, count)
        x_weights, constant = network.input_product(z_nZ, count)
        x_A5 = torch.from_numpy(strokes.START_TOKEN).to(device).repeat(count, 1)
        for step in range(N_max):
            state = cell.step(torch.addmm(constant, x_A5, x_weights), state, None)
            mixture = Mixture.from_head(network.head(state[0]))
            if temperature == 0:
                x_A5 = most_likely(mixture)
            else:
                uniform = np.empty((len(active), UNIFORMS), dtype=np.float32)
                normal = np.empty((len(active), NORMALS), dtype=np.float32)
                for row, number in enumerate(active):
                    uniform[row] = streams[number].random(UNIFORMS, dtype=np.float32)
                    normal[row] = streams[number].standard_normal(NORMALS, dtype=np.float32)
                x_A5 = sample_point(
                    mixture,
                    torch.from_numpy(uniform).to(device),
                    torch.from_numpy(normal).to(device),
                    temperature,
                )
            rows = x_A5.cpu().numpy()
            ended = rows[:, strokes.P3_END] == 1
            if step == 0 and ended.any():  # nothing drawn yet: the first point is kept, pen lifted
                rows = rows.copy()
                rows[ended, strokes.P3_END] = 0
                rows[ended, strokes.P2_UP] = 1
                drawn[active[ended], 0] = rows[ended]
                lengths[active[ended]] = 1
            else:
                lengths[active[ended]] = step
            going = np.flatnonzero(~ended)
            drawn[active[going], step] = rows[going]
            if len(going) < len(active):
                active = active[going]
                if not len(active):
                    break
                index = torch.from_numpy(going).to(device)
                state = tuple(part[index] for part in state)
                constant, x_A5 = constant[index], x_A5[index]
    network.train(was_training)
    return [rows[:length] for rows, length in zip(drawn, lengths, strict=True)]


def sample_point(mixture: Mixture, uniform: Tensor, normal: Tensor, temperature: float) -> Tensor:
    """One stroke-5 row for each row of the mixture [A, ...], at temperature tau > 0 (eq. 8).

    Args:
        mixture: leading shape [A].
        uniform: [A, 2] in [0, 1): the Gaussian and the pen state, by inverse distribution function.
        normal: [A, 2] standard normal.
        temperature: tau.
    """
    component = _choose(mixture.pi_logits, uniform[:, 0], temperature)
    pen = _choose(mixture.pen_logits, uniform[:, 1], temperature)
    pick = component[:, None]
    spread = math.sqrt(temperature)  # the variance times tau
    rho = mixture.rho.gather(1, pick)
    normal_x, normal_y = normal[:, :1], normal[:, 1:]
    dx = mixture.mu_x.gather(1, pick) + (
        spread * mixture.log_sigma_x.gather(1, pick).exp() * normal_x
    )
    dy = mixture.mu_y.gather(1, pick) + (
        spread
        * mixture.log_sigma_y.gather(1, pick).exp()
        * (rho * normal_x + (1 - rho.square()).clamp(min=0).sqrt() * normal_y)
    )
    return torch.cat([dx, dy, _one_hot(pen)], dim=1)


def most_likely(mixture: Mixture) -> Tensor:
    """The limit tau -> 0 of `sample_point`: the heaviest Gaussian's mean, the likeliest pen."""
    pick = mixture.pi_logits.argmax(dim=1, keepdim=True)
    pen = mixture.pen_logits.argmax(dim=1)
    return torch.cat(
        [mixture.mu_x.gather(1, pick), mixture.mu_y.gather(1, pick), _one_hot(pen)], dim=1
    )


def _choose(logits: Tensor, uniform: Tensor, temperature: float) -> Tensor:
    """Where the distribution function of softmax(logits [A, K] / tau) passes `uniform` [A]: [A]."""
    # the largest is taken off first, so that nothing overflows however small tau is
    below = (logits - logits.amax(dim=1, keepdim=True)).double()
    edges = torch.softmax(below / temperature, dim=1).cumsum(dim=1)
    passed = (edges <= uniform.double()[:, None]).sum(dim=1)
    return passed.clamp(max=logits.shape[1] - 1)  # the last edge may round to just under 1


def _one_hot(index: Tensor) -> Tensor:
    return torch.nn.functional.one_hot(index, 3).float()
