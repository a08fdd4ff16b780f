"""The papers' equations in float64 NumPy, one step and one gate at a time, without PyTorch.

The tests hold the model against them: written to be read beside the papers, not to be quick.
Everything is analytic, so that `gradient` can differentiate by complex steps, exact to rounding.

Shapes: B rows, D input, H hidden, Y units of a HyperLSTM's small LSTM, E its embedding, M mixtures.
Parameters are a mapping by the model's own names, arrays [in, out] with the gates in the order
i, g, f, o.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]  # float64, or complex128 while `gradient` differentiates
Parameters = Mapping[str, Array]
Step = Callable[[Parameters, Array, tuple[Array, ...], Array | None], tuple[Array, ...]]


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def layer_norm(x: Array, gamma: Array, beta: Array) -> Array:
    """Ba, Kiros, Hinton 2016, eq. 4, with the reference code's epsilon inside the root."""
    mean = x.mean(axis=1, keepdims=True)
    variance = ((x - mean) ** 2).mean(axis=1, keepdims=True)
    return gamma * (x - mean) / np.sqrt(variance + 1e-3) + beta


def lstm_step(
    p: Parameters, x: Array, state: tuple[Array, ...], mask: Array | None
) -> tuple[Array, ...]:
    """Hochreiter and Schmidhuber 1997 with a forget gate; 1 is added to the forget gate."""
    h, c = state
    i, g, f, o = np.split(x @ p["W_xh"] + h @ p["W_hh"] + p["bias"], 4, axis=1)
    c = sigmoid(f + 1) * c + sigmoid(i) * masked(np.tanh(g), mask)
    return sigmoid(o) * np.tanh(c), c


def layer_norm_gates(p: Parameters, x: Array, h: Array) -> list[Array]:
    """i, g, f, o, each normalised by itself."""
    blocks = zip(
        *(np.split(weight, 4, axis=1) for weight in (p["W_xh"], p["W_hh"])),
        *(np.split(p[f"gates_norm.{name}"], 4) for name in ("gamma", "beta")),
        strict=True,
    )
    return [layer_norm(x @ W_x + h @ W_h, gamma, beta) for W_x, W_h, gamma, beta in blocks]


def layer_norm_lstm_step(
    p: Parameters, x: Array, state: tuple[Array, ...], mask: Array | None
) -> tuple[Array, ...]:
    """Ba, Kiros, Hinton 2016, supplement, eq. 20 to 22, as the reference code normalises."""
    h, c = state
    i, g, f, o = layer_norm_gates(p, x, h)
    c = sigmoid(f + 1) * c + sigmoid(i) * masked(np.tanh(g), mask)
    return sigmoid(o) * np.tanh(layer_norm(c, p["c_norm.gamma"], p["c_norm.beta"])), c


def hyper_gates(p: Parameters, x: Array, h: Array, k: Array) -> list[Array]:
    """Ha, Dai, Le 2016, eq. 10 to 13: W_x x and W_h h scaled, the h-part shifted; i, g, f, o."""
    E = p["W_alpha"].shape[1]
    gates = []
    for gate in range(4):
        units = slice(gate * h.shape[1], (gate + 1) * h.shape[1])
        x_part, h_part = gate, 4 + gate  # the x-parts of i, g, f, o, then their h-parts

        def scale(part: int) -> Array:
            embedding = slice(part * E, (part + 1) * E)
            return (k @ p["W_zw"][:, embedding] + p["b_zw"][embedding]) @ p["W_alpha"][part]

        shift = (k @ p["W_zb"][:, gate * E : (gate + 1) * E]) @ p["W_beta"][gate]
        before = (
            scale(x_part) * (x @ p["W_xh"][:, units])
            + scale(h_part) * (h @ p["W_hh"][:, units])
            + shift
            + p["bias"][units]
        )
        gates.append(layer_norm(before, p["gates_norm.gamma"][units], p["gates_norm.beta"][units]))
    return gates


def hyper_lstm_step(
    p: Parameters, x: Array, state: tuple[Array, ...], mask: Array | None
) -> tuple[Array, ...]:
    """Ha, Dai, Le 2016, section 3.2, with layer norm; the state is h, c, then the small LSTM's."""
    h, c, k, n = state
    H = h.shape[1]
    mask_c, mask_n = (None, None) if mask is None else (mask[:, :H], mask[:, H:])
    small = {
        name.removeprefix("hyper."): value for name, value in p.items() if name.startswith("hyper.")
    }
    k, n = layer_norm_lstm_step(small, np.concatenate([x, h], axis=1), (k, n), mask_n)
    i, g, f, o = hyper_gates(p, x, h, k)
    c = sigmoid(f + 1) * c + sigmoid(i) * masked(np.tanh(g), mask_c)
    h = sigmoid(o) * np.tanh(layer_norm(c, p["c_norm.gamma"], p["c_norm.beta"]))
    return h, c, k, n


STEPS: Mapping[str, Step] = {
    "lstm": lstm_step,
    "layer_norm": layer_norm_lstm_step,
    "hyper": hyper_lstm_step,
}


def masked(candidate: Array, mask: Array | None) -> Array:
    return candidate if mask is None else candidate * mask


def run(
    cell: str,
    p: Parameters,
    x_TBD: Array,
    state: tuple[Array, ...],
    masks_TBm: Array | None = None,
) -> tuple[Array, tuple[Array, ...]]:
    """The cell over T steps: h of every step, and the last state."""
    outputs = []
    for t, x in enumerate(x_TBD):
        state = STEPS[cell](p, x, state, None if masks_TBm is None else masks_TBm[t])
        outputs.append(state[0])
    return np.stack(outputs), state


def log_mixture_density(
    offset: Array,
    pi: Array,
    mu: tuple[Array, Array],
    sigma: tuple[Array, Array],
    rho: Array,
) -> Array:
    """Eq. 3 with Graves 2013, eq. 24 and 25: offsets [..., 2], parameters [..., M] -> [...]."""
    zx = (offset[..., :1] - mu[0]) / sigma[0]
    zy = (offset[..., 1:] - mu[1]) / sigma[1]
    Z = zx**2 + zy**2 - 2 * rho * zx * zy
    normal = np.exp(-Z / (2 * (1 - rho**2))) / (
        2 * math.pi * sigma[0] * sigma[1] * np.sqrt(1 - rho**2)
    )
    density: Array = np.log((pi * normal).sum(axis=-1))
    return density


def softmax(logits: Array) -> Array:
    weights = np.exp(logits - logits.real.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)


def head_parts(y: Array) -> tuple[Array, Array, tuple[Array, Array], tuple[Array, Array], Array]:
    """Eq. 5 to 7: the last layer's outputs [..., 6 M + 3] -> pen [..., 3], pi, mu, sigma, rho."""
    M = (y.shape[-1] - 3) // 6
    pen, pi, mu_x, mu_y, log_sigma_x, log_sigma_y, rho = np.split(
        y, np.cumsum([3] + [M] * 5), axis=-1
    )
    sigma = (np.exp(log_sigma_x), np.exp(log_sigma_y))
    return softmax(pen), softmax(pi), (mu_x, mu_y), sigma, np.tanh(rho)


def reconstruction_losses(
    y_TO: Array, targets_T5: Array, N_s: int, N_max: int
) -> dict[str, Array | float]:
    """Eq. 9 for one drawing, point by point: outputs [N_max, 6 M + 3] of the last layer."""
    losses: dict[str, Array | float] = dict.fromkeys(
        ("L_s", "L_p", "L_p_masked", "L_p_to_end"), 0.0
    )
    for i in range(N_max):
        pen, *mixture = head_parts(y_TO[i])
        log_pen = sum(target * np.log(q) for target, q in zip(targets_T5[i, 2:], pen, strict=True))
        losses["L_p"] -= log_pen / N_max
        if i < N_s:
            losses["L_s"] -= log_mixture_density(targets_T5[i, :2], *mixture) / N_max
            losses["L_p_masked"] -= log_pen / N_max
        if i < N_s + 1:
            losses["L_p_to_end"] -= log_pen / N_max
    return losses


def gradient(
    function: Callable[[dict[str, Array]], Array], arguments: Mapping[str, Array]
) -> dict[str, Array]:
    """d function / d each number of each array, by complex steps: nothing cancels."""
    step = 1e-30
    result = {}
    for name, value in arguments.items():
        slopes = np.empty(value.shape)
        for index in np.ndindex(value.shape):
            moved = value.astype(complex)
            moved[index] += 1j * step
            slopes[index] = function({**arguments, name: moved}).imag / step
        result[name] = slopes
    return result


def unit_normal_kl(mu_Z: Sequence[float], sigma_Z: Sequence[float]) -> float:
    """Mean over the numbers of z of KL(N(mu, sigma^2) || N(0, 1)), as textbooks print it."""
    each = [
        -math.log(sigma) + (sigma**2 + mu**2) / 2 - 0.5
        for mu, sigma in zip(mu_Z, sigma_Z, strict=True)
    ]
    return sum(each) / len(each)
