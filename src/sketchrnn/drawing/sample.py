"""Sampling drawings from the decoder, point by point (section 3.2 of the paper, eq. 8).

Many at once, with PyTorch; `live` has the same rule for one drawing, without it. The network, the
offsets and the numbers that go in are float32; the choice of a Gaussian and of a pen state is
float64.

Shapes: n drawings, A of them still under way, K rows given, H hidden, P = 4 H, M mixtures, Z
latent. Offsets are in scaled units.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sketchrnn import strokes
from sketchrnn.drawing.base import check_temperature
from sketchrnn.errors import SketchRNNError
from sketchrnn.model.mixture import Mixture
from sketchrnn.model.network import Network
from sketchrnn.model.unroll import AUTO, PLAIN, Backend
from sketchrnn.seeds import BLOCK, POINT_STREAM, generator, point_numbers

ENDED_SHARE = 1 / 8  # finished drawings leave the batch once they are this part of it
CPU_CHECK, GPU_CHECK = 1, 16  # steps between looks at what has ended: each waits for the GPU


def sample_strokes(
    network: Network,
    z_nZ: Tensor | None,
    count: int,
    *,
    temperature: float,
    seed: int,
    numbers: Sequence[int] | None = None,
    bf16: bool = False,
    prefix: npt.NDArray[np.float32] | None = None,
    lifted: Sequence[bool] | None = None,
) -> list[npt.NDArray[np.float32]]:
    """Draw n drawings as stroke-5 rows [N, 5], each up to and without its p3, 1 <= N <= N_max.

    All are drawn side by side; finished drawings leave the batch. Each has its own random numbers
    (see `seeds`), so it does not depend on which others are drawn with it. One that would end
    before its first point gets one point. With a prefix they are the rows after it, N >= 0.

    Args:
        network: in scaled units.
        z_nZ: one latent vector a drawing; None for a decoder-only model.
        count: n.
        temperature: tau. The mixture and pen logits are divided by tau and the variances multiplied
            by it (eq. 8). At 0 the most likely Gaussian's mean and the most likely pen state are
            taken, with nothing random.
        seed, numbers: of the random numbers; the streams are by default 0 ... n - 1.
        bf16: form the recurrent products from factors rounded to bfloat16; their sums, the state
            and all else stay float32. Nearly twice as fast where the processor has such products,
            and other drawings: those of a slightly different network.
        prefix: stroke-5 rows [K, 5] that each drawing begins with: the decoder reads them (teacher
            forcing), then goes on (section 4.4). Where z is the same for all they are read once.
        lifted: whether the pen is lifted after the last row of the prefix; None: as it says.
    """
    check_temperature(temperature)
    N_max = network.config.N_max
    K = 0 if prefix is None else len(prefix)
    if prefix is not None and not 1 <= K < N_max:
        raise SketchRNNError(
            f"{K} rows are given; the model draws at most {N_max} in all: give it 1 to {N_max - 1}"
        )
    if prefix is not None and prefix[:, strokes.P3_END].any():
        raise SketchRNNError("the given rows have ended already: nothing is left to draw")
    decoding, device = network.decoding, network.head.weight.device
    check_every = CPU_CHECK if device.type == "cpu" else GPU_CHECK
    numbers = range(count) if numbers is None else numbers
    streams = [generator(seed, POINT_STREAM, number) for number in numbers]
    drawn = np.zeros((count, N_max - K, 5), dtype=np.float32)
    active = np.arange(count)
    was_training = network.training
    network.eval()
    with torch.inference_mode():
        # a GPU has no backend prepared for one step
        backend = Backend(bf16=bf16) if bf16 or device.type == "cpu" else PLAIN
        x_A5 = torch.from_numpy(strokes.START_TOKEN).to(device).repeat(count, 1)
        if prefix is None:
            memory = network.begin(z_nZ, count, backend=backend)
        else:
            _, memory = before_last(network, z_nZ, count, prefix, backend)
            x_A5[:] = torch.from_numpy(prefix[-1])
            if lifted is not None:
                lifted_A = torch.tensor(lifted, device=device).to(x_A5)
                x_A5[:, strokes.P1_DOWN], x_A5[:, strokes.P2_UP] = 1 - lifted_A, lifted_A
        ended_A = torch.zeros(count, dtype=torch.bool, device=device)
        latest: list[Tensor] = []  # rows that are not in `drawn` yet
        for step in range(N_max - K):
            if step % BLOCK == 0 and temperature > 0:
                uniform, normal = (
                    torch.from_numpy(block).to(device) for block in point_numbers(streams)
                )
            h_AH, memory = decoding.step(x_A5, memory)
            mixture = Mixture.from_head(network.head(h_AH))
            if temperature == 0:
                x_A5 = most_likely(mixture)
            else:
                place = step % BLOCK
                x_A5 = sample_point(mixture, uniform[:, place], normal[:, place], temperature)
            latest.append(x_A5)
            ended_A |= x_A5[:, strokes.P3_END] == 1
            if (step + 1) % check_every and step + 1 < N_max - K:
                continue
            first = step + 1 - len(latest)
            drawn[active, first : step + 1] = torch.stack(latest, dim=1).cpu().numpy()
            latest.clear()
            ended = int(ended_A.count_nonzero())
            if ended == len(active):
                break
            if ended >= ENDED_SHARE * len(active):
                index_A = torch.nonzero(~ended_A)[:, 0]
                memory = decoding.select(memory, index_A)
                x_A5, ended_A = x_A5[index_A], ended_A[index_A]
                if temperature > 0:
                    uniform, normal = uniform[index_A], normal[index_A]
                going = index_A.cpu().numpy()
                active, streams = active[going], [streams[number] for number in going]
    network.train(was_training)
    ends = drawn[:, :, strokes.P3_END] == 1
    lengths = np.where(ends.any(axis=1), ends.argmax(axis=1), drawn.shape[1])
    if prefix is None:  # a drawing of nothing keeps its first point, pen lifted
        at_once = np.flatnonzero(lengths == 0)
        drawn[at_once, 0, strokes.PEN] = 0, 1, 0
        lengths[at_once] = 1
    return [rows[:length] for rows, length in zip(drawn, lengths, strict=True)]


def before_last(
    network: Network,
    z_nZ: Tensor | None,
    count: int,
    prefix: npt.NDArray[np.float32],
    backend: Backend = AUTO,
) -> tuple[Tensor, Any]:
    """h [n, H] and the decoder's memory once it has read all rows [K, 5] but the last.

    So `head` of h is the distribution of the last row. Drawings of one z share the reading.
    """
    if z_nZ is not None and not bool((z_nZ == z_nZ[0]).all()):
        different = count
    else:
        different, z_nZ = 1, None if z_nZ is None else z_nZ[:1]
    inputs_K5 = np.concatenate([strokes.START_TOKEN[None], prefix[:-1]])
    x_K5 = torch.from_numpy(inputs_K5).to(network.head.weight.device)
    with torch.inference_mode():
        memory = network.begin(z_nZ, different, backend=backend)
        h_TBH, memory = network.decoding.unroll(x_K5[:, None].expand(-1, different, -1), memory)
        if different == count:
            return h_TBH[-1], memory
        every = torch.zeros(count, dtype=torch.int64, device=x_K5.device)
        return h_TBH[-1][every], network.decoding.select(memory, every)


def sample_point(mixture: Mixture, uniform: Tensor, normal: Tensor, temperature: float) -> Tensor:
    """One stroke-5 row for each row of the mixture [A, ...], at temperature tau > 0 (eq. 8).

    The numbers `uniform` [A, 2] in [0, 1) choose the Gaussian and the pen state, by the inverse
    distribution function; `normal` [A, 2] are standard normal.
    """
    component = choose(mixture.pi_logits, uniform[:, 0], temperature)
    pen = choose(mixture.pen_logits, uniform[:, 1], temperature)
    pick = component[:, None]
    spread = math.sqrt(temperature)  # the variance times tau
    rho = mixture.rho_raw.gather(1, pick).tanh()
    normal_x, normal_y = normal[:, :1], normal[:, 1:]
    along = rho * normal_x + (1 - rho.square()).clamp(min=0).sqrt() * normal_y
    sigma_x, sigma_y = (
        log_sigma.gather(1, pick).exp() for log_sigma in (mixture.log_sigma_x, mixture.log_sigma_y)
    )
    dx = mixture.mu_x.gather(1, pick) + spread * sigma_x * normal_x
    dy = mixture.mu_y.gather(1, pick) + spread * sigma_y * along
    return torch.cat([dx, dy, _one_hot(pen)], dim=1)


def most_likely(mixture: Mixture) -> Tensor:
    """The limit tau -> 0 of `sample_point`: the heaviest Gaussian's mean, the likeliest pen."""
    pick = mixture.pi_logits.argmax(dim=1, keepdim=True)
    dx, dy = (mu.gather(1, pick) for mu in (mixture.mu_x, mixture.mu_y))
    return torch.cat([dx, dy, _one_hot(mixture.pen_logits.argmax(dim=1))], dim=1)


def choose(logits: Tensor, uniform: Tensor, temperature: float) -> Tensor:
    """Where the distribution function of softmax(logits [A, K] / tau) passes `uniform` [A]: [A].

    At 0 the largest.
    """
    if temperature == 0:
        return logits.argmax(dim=1)
    # the largest is taken off first, so that nothing overflows however small tau is
    below = (logits - logits.amax(dim=1, keepdim=True)).double()
    edges = below.div_(temperature).exp_().cumsum(dim=1)
    passed = torch.searchsorted(edges, edges[:, -1:] * uniform.double()[:, None], right=True)
    return passed[:, 0].clamp_(max=logits.shape[1] - 1)  # rounding: the last edge may be passed


def _one_hot(index: Tensor) -> Tensor:
    return torch.nn.functional.one_hot(index, 3).float()
