"""The cells of `cells` in NumPy, one step of one drawing: for drawing live, without PyTorch.

The equations and the names of the weights are those of `model.cells`; its tests hold them equal.

Shapes: D input, H hidden, P projected; Y units of the small LSTM of a HyperLSTM, E its embedding.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sketchrnn.model.config import FORGET_BIAS, GATES, LAYER_NORM_EPSILON, ModelConfig

Array = npt.NDArray[np.float32]
Weights = Mapping[str, Array]
State = tuple[Array, ...]  # h first
Shapes = dict[str, tuple[int, ...]]

FORGET = np.float32(FORGET_BIAS)
EPSILON = np.float32(LAYER_NORM_EPSILON)
HALF = np.float32(0.5)


@dataclass(frozen=True)
class NumpyCell:
    """One kind of cell.

    Attributes:
        shapes: of its weights, for D inputs.
        state_sizes: units of each part of the state.
        input_weights: the weights [D, P] and bias [P] of what a step needs of its input alone.
        next_state: one step, from the projection [P] and the state.
    """

    shapes: Callable[[int, ModelConfig], Shapes]
    state_sizes: Callable[[ModelConfig], tuple[int, ...]]
    input_weights: Callable[[Weights], tuple[Array, Array]]
    next_state: Callable[[Weights, Array, State], State]


def lstm(w: Weights, projected: Array, state: State) -> State:
    """See `cells.LSTMCell`."""
    h, c = state
    return gated_update(projected + h @ w["W_hh"], c)


def layer_norm_lstm(w: Weights, projected: Array, state: State) -> State:
    """See `cells.LayerNormLSTMCell`."""
    h, c = state
    return _normed_update(w, projected + h @ w["W_hh"], c)


def hyper_lstm(w: Weights, projected: Array, state: State) -> State:
    """See `cells.HyperLSTMCell`."""
    h, c, k, n = state
    H4 = GATES * len(h)
    small = below("hyper.", w)
    hyper_part = projected[H4:] + h @ small["W_xh"][-len(h) :]
    k, n = layer_norm_lstm(small, hyper_part, (k, n))
    scales = _expand(k @ w["W_zw"] + w["b_zw"], w["W_alpha"])
    shift = _expand(k @ w["W_zb"], w["W_beta"])
    gates = scales[:H4] * projected[:H4] + scales[H4:] * (h @ w["W_hh"]) + shift + w["bias"]
    return (*_normed_update(w, gates, c), k, n)


def gated_update(
    gates: Array, c: Array, squash: Callable[[Array], Array] = np.tanh
) -> tuple[Array, Array]:
    """The part that all cells share: gates [4 H] before their nonlinearity and c -> (h', c')."""
    H = len(c)
    i, g, f, o = gates[:H], gates[H : 2 * H], gates[2 * H : 3 * H], gates[3 * H :]
    c = _sigmoid(f + FORGET) * c + _sigmoid(i) * np.tanh(g)
    return _sigmoid(o) * squash(c), c


def _normed_update(w: Weights, gates: Array, c: Array) -> tuple[Array, Array]:
    """The same with layer norm over each gate and over c."""
    normal = _layer_norm(gates.reshape(GATES, -1)).reshape(-1)
    return gated_update(
        normal * w["gates_norm.gamma"] + w["gates_norm.beta"],
        c,
        lambda c: np.tanh(_layer_norm(c[None])[0] * w["c_norm.gamma"] + w["c_norm.beta"]),
    )


def _layer_norm(x: Array) -> Array:
    """Each row normalised by itself."""
    x = x - x.mean(axis=1, keepdims=True)
    normal: Array = x / np.sqrt(np.square(x).mean(axis=1, keepdims=True) + EPSILON)
    return normal


def _sigmoid(x: Array) -> Array:
    """As tanh, which never overflows."""
    share: Array = HALF + HALF * np.tanh(HALF * x)
    return share


def _expand(embedded: Array, weight: Array) -> Array:
    """Each gate's embedding to its units: [G * E], [G, E, H] -> [G * H]."""
    return (embedded.reshape(len(weight), 1, -1) @ weight).reshape(-1)


def below(prefix: str, weights: Weights) -> dict[str, Array]:
    """The weights whose names begin so, by the rest of their names."""
    return {
        name.removeprefix(prefix): value
        for name, value in weights.items()
        if name.startswith(prefix)
    }


def _two(config: ModelConfig) -> tuple[int, ...]:
    return config.decoder_size, config.decoder_size


def _lstm_shapes(D: int, H: int) -> Shapes:
    return {"W_xh": (D, GATES * H), "W_hh": (H, GATES * H), "bias": (GATES * H,)}


def _norm_shapes(D: int, H: int) -> Shapes:
    shapes: Shapes = {"W_xh": (D, GATES * H), "W_hh": (H, GATES * H)}
    for part in ("gamma", "beta"):
        shapes |= {f"gates_norm.{part}": (GATES * H,), f"c_norm.{part}": (H,)}
    return shapes


def _hyper_shapes(D: int, config: ModelConfig) -> Shapes:
    H, Y, E = config.decoder_size, config.hyper_size, config.hyper_embedding
    small = {f"hyper.{name}": shape for name, shape in _norm_shapes(D + H, Y).items()}
    embeddings = {
        "W_zw": (Y, 2 * GATES * E),
        "b_zw": (2 * GATES * E,),
        "W_alpha": (2 * GATES, E, H),
        "W_zb": (Y, GATES * E),
        "W_beta": (GATES, E, H),
    }
    return _norm_shapes(D, H) | small | embeddings | {"bias": (GATES * H,)}


def _hyper_input_weights(w: Weights) -> tuple[Array, Array]:
    D = len(w["W_xh"])
    weights = np.hstack([w["W_xh"], w["hyper.W_xh"][:D]])
    return weights, np.zeros_like(weights[0])  # its bias is added after the scaling


CELLS = {
    "lstm": NumpyCell(
        lambda D, config: _lstm_shapes(D, config.decoder_size),
        _two,
        lambda w: (w["W_xh"], w["bias"]),
        lstm,
    ),
    "layer_norm": NumpyCell(
        lambda D, config: _norm_shapes(D, config.decoder_size),
        _two,
        lambda w: (w["W_xh"], np.zeros_like(w["W_xh"][0])),
        layer_norm_lstm,
    ),
    "hyper": NumpyCell(
        _hyper_shapes,
        lambda config: (*_two(config), config.hyper_size, config.hyper_size),
        _hyper_input_weights,
        hyper_lstm,
    ),
}
