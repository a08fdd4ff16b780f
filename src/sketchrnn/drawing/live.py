"""Drawing one drawing at a time, each point as soon as it can be had, in NumPy alone.

For a page or a plotter that draws live: no PyTorch is loaded, and a point costs little more than
the product of the state with the recurrent weights, which are read once a point (4 MB for an LSTM
of 512 units). Everything else is done in place, in buffers of the drawing, with as few calls as
possible, for at this size a call of NumPy costs as much as what it computes.

The equations are those of `model.cells` and `model.mixture`; the rule of sampling and the random
numbers are those of `drawing.sample`, so a seed's drawing is the same from both, up to rounding:
the state and the distribution are float32, the choice of a Gaussian and of a pen state float64, as
there; the offset is computed in float64 and rounded to float32, where `sample` rounds each
operation.

The weights are laid out anew when a decoder is made: one row an output, as the product reads them;
the columns of the point, h and so on side by side, so that there is one product; the gates in the
order o, i, f, g with c behind them, so that a nonlinearity or a product of gates is one call. As
sigma(a) = (1 + tanh(a / 2)) / 2, the rows of o, i and f are halved, which is exact, and all four
gates take one tanh.

NumPy's BLAS takes as many threads as there are processors. Two gain a quarter on a quiet machine,
and lose all of it where other work makes one wait for the other: set OPENBLAS_NUM_THREADS=1 there,
before NumPy is loaded.

Shapes: H hidden, P = 4 H, D = 5 numbers of a point and Z of z, Y units of the small LSTM of a
HyperLSTM, E its embedding, M mixtures.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from math import exp, inf, sqrt, tanh
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sketchrnn import strokes
from sketchrnn.drawing.base import Drawer, Latent, PenPoint, check_number, check_temperature
from sketchrnn.errors import SketchRNNError
from sketchrnn.model.config import (
    FORGET_BIAS,
    GATES,
    LAYER_NORM_EPSILON,
    PARAMETERS,
    PEN_STATES,
    POINT,
    ModelConfig,
)
from sketchrnn.runs import DataFacts, find_run, load_arrays, read_config, weights_place
from sketchrnn.seeds import POINT_STREAM, choose_seed, generator, point_numbers

Array = npt.NDArray[np.float32]

ORDER = (3, 0, 2, 1)  # of the gates: o, i, f, g of i, g, f, o
HALF = np.array(0.5, dtype=np.float32)
EPSILON = np.array(LAYER_NORM_EPSILON, dtype=np.float32)
DOWN, UP, END = range(PEN_STATES)  # pen states, in the order of the stroke-5 columns
QUICK = 500_000_000  # drawings times weights: some seconds, as long as PyTorch takes to begin
PARTS = ("decoder.", "head.", "to_initial_state.")  # of the weights: the encoder is not needed
LARGEST = float(np.finfo(np.float32).max)


class LiveMixture(NamedTuple):
    """The distribution of the next point, as `model.mixture.Mixture` has it."""

    pen_logits: Array  # [3]
    pi_logits: Array  # [M], as all that follow
    mu_x: Array
    mu_y: Array
    log_sigma_x: Array
    log_sigma_y: Array
    rho_raw: Array


class Row(NamedTuple):
    """One stroke-5 row, in scaled units."""

    dx: float
    dy: float
    pen: int  # DOWN, UP or END


START = Row(0.0, 0.0, DOWN)


class LiveDecoder:
    """The decoder's weights, laid out for one drawing at a time. Drawings under way share them.

    Attributes:
        size: the number of weights.

    Args:
        config: of the model.
        weights: arrays by the names of the network's state; those of the encoder are not read.
        where: the file that they are from, for the message.

    Raises:
        SketchRNNError: the weights do not fit the config.
    """

    def __init__(
        self, config: ModelConfig, weights: Mapping[str, npt.NDArray[np.floating]], where: str
    ) -> None:
        self.config = config
        self._kind = CELLS[config.decoder_cell]
        own = _checked(weights, _shapes(config), where)
        self._cell = self._kind.laid_out(_below("decoder.", own))
        self._head = np.ascontiguousarray(own["head.weight"])
        self._head_bias = own["head.bias"]
        self._to_initial_state = _below("to_initial_state.", own)
        self.size = sum(map(np.size, own.values()))

    def start(self, z: Latent | None = None) -> LiveState:
        """A new drawing, from z [Z] where the model is conditional."""
        cell = self._kind(self._cell, z, self.config)
        if z is not None:
            layer = self._to_initial_state
            cell.set_state(np.tanh(layer["weight"] @ z + layer["bias"]))
        return LiveState(cell, self._head, self._head_bias)


class LiveState:
    """One drawing under way: the decoder's state and the distribution of the next point.

    Attributes:
        y: the head's outputs [6 M + 3], overwritten by the next step.
    """

    def __init__(self, cell: _Cell, head: Array, bias: Array) -> None:
        self.y = np.empty_like(bias)
        self._cell = cell
        self._head = head
        self._bias = bias
        self._mixtures = (len(bias) - PEN_STATES) // PARAMETERS
        self._pen_logits = self.y[:PEN_STATES]
        self._pi_logits = self.y[PEN_STATES : PEN_STATES + self._mixtures]

    @property
    def parts(self) -> tuple[Array, ...]:
        """The state: h, c, and what else the cell carries; overwritten by the next step."""
        return self._cell.parts

    @property
    def mixture(self) -> LiveMixture:
        """The distribution of the next point, after the last step."""
        M = self._mixtures
        edges = range(PEN_STATES, len(self.y), M)
        return LiveMixture(self._pen_logits, *(self.y[edge : edge + M] for edge in edges))

    def step(self, row: Row) -> Array:
        """Take in one row and give y, the distribution of the row after it."""
        self._cell.step(row)
        np.dot(self._head, self._cell.h, out=self.y)
        return np.add(self.y, self._bias, self.y)

    def sample(self, uniform: Sequence[float], normal: Sequence[float], temperature: float) -> Row:
        """The next row at temperature tau (eq. 8); see `drawing.sample.sample_point`.

        Args:
            uniform: two numbers in [0, 1), for the Gaussian and for the pen.
            normal: two standard normal numbers, for the offset.
            temperature: 0 takes the heaviest Gaussian's mean and the likeliest pen state.

        Raises:
            SketchRNNError: the offset is not finite; the weights are damaged.
        """
        pi_logits, pen_logits = self._pi_logits.tolist(), self._pen_logits.tolist()
        if temperature == 0:
            component = pi_logits.index(max(pi_logits))
            pen = pen_logits.index(max(pen_logits))
        else:
            component = _choose(pi_logits, uniform[0], temperature)
            pen = _choose(pen_logits, uniform[1], temperature)
        M, value = self._mixtures, self.y.item
        place = PEN_STATES + M + component
        dx, dy = value(place), value(place + M)
        if temperature > 0:
            spread = sqrt(temperature)  # the variance times tau
            normal_x, normal_y = normal
            rho = tanh(value(place + 4 * M))
            dx += spread * _exp(value(place + 2 * M)) * normal_x
            dy += (
                spread
                * _exp(value(place + 3 * M))
                * (rho * normal_x + sqrt(max(1 - rho * rho, 0.0)) * normal_y)
            )
        if not abs(dx) + abs(dy) < LARGEST:  # nor NaN
            raise SketchRNNError(
                "the model gives a point that is not a finite number: its weights are damaged, or"
                " its training went astray"
            )
        return Row(float(np.float32(dx)), float(np.float32(dy)), pen)


def _choose(logits: list[float], uniform: float, temperature: float) -> int:
    """Where the distribution function of softmax(logits / tau) passes `uniform`."""
    top = max(logits)
    edges = list(accumulate([exp((logit - top) / temperature) for logit in logits]))
    # the last edge may round to just under 1
    return min(bisect_right(edges, uniform * edges[-1]), len(logits) - 1)


def _exp(x: float) -> float:
    try:
        return exp(x)
    except OverflowError:
        return inf


class _Cell(ABC):
    """One cell with its state; `step` takes in a row. What `model.cells` has of the same name.

    Attributes:
        h: the output [H].
        parts: the state, h first.
    """

    h: Array
    parts: tuple[Array, ...]

    @staticmethod
    @abstractmethod
    def shapes(D: int, config: ModelConfig) -> dict[str, tuple[int, ...]]:
        """Of the weights, for D inputs."""

    @staticmethod
    def state_sizes(config: ModelConfig) -> tuple[int, ...]:
        """Units of each part of the state."""
        return config.decoder_size, config.decoder_size

    @staticmethod
    @abstractmethod
    def laid_out(weights: Mapping[str, Array]) -> dict[str, Array]:
        """The weights as `step` needs them."""

    @abstractmethod
    def __init__(
        self, weights: Mapping[str, Array], z: Latent | None, config: ModelConfig
    ) -> None: ...

    @abstractmethod
    def step(self, row: Row) -> None:
        """One step."""

    def set_state(self, state: Array) -> None:
        """Begin with this state, its parts side by side."""
        for part in self.parts:
            part[:], state = state[: len(part)], state[len(part) :]


class _LSTM(_Cell):
    @staticmethod
    def shapes(D: int, config: ModelConfig) -> dict[str, tuple[int, ...]]:
        H = config.decoder_size
        return {"W_xh": (D, GATES * H), "W_hh": (H, GATES * H), "bias": (GATES * H,)}

    @staticmethod
    def laid_out(weights: Mapping[str, Array]) -> dict[str, Array]:
        W_xh, W_hh = weights["W_xh"], weights["W_hh"]
        return {
            "product": _rows(_halved(_arranged(np.vstack([W_hh, W_xh[:POINT]])))),
            "z": _halved(_arranged(W_xh[POINT:])),
            "bias": _halved(_arranged(_with_forget_bias(weights["bias"]))),
        }

    def __init__(self, weights: Mapping[str, Array], z: Latent | None, config: ModelConfig) -> None:
        H = config.decoder_size
        self._product = weights["product"]
        self._inputs = np.zeros(H + POINT, dtype=np.float32)  # h, then the row
        self._point = self._inputs[H:]
        self._constant = _constant(weights["bias"], z, weights["z"])
        self._gates = self.gates(H, weights)
        self.h = self._inputs[:H]
        self.parts = (self.h, self._gates.c)

    @staticmethod
    def gates(H: int, weights: Mapping[str, Array]) -> _Gates:
        """What turns the product into the new state."""
        return _Gates(H)

    def step(self, row: Row) -> None:
        _write(row, self._point)
        pre = self._gates.pre
        np.dot(self._product, self._inputs, out=pre)
        np.add(pre, self._constant, pre)
        self._gates.update(self.h)


class _LayerNormLSTM(_LSTM):
    @staticmethod
    def shapes(D: int, config: ModelConfig) -> dict[str, tuple[int, ...]]:
        return _layer_norm_shapes(D, config.decoder_size)

    @staticmethod
    def laid_out(weights: Mapping[str, Array]) -> dict[str, Array]:
        W_xh, W_hh = weights["W_xh"], weights["W_hh"]
        return {
            "product": _rows(_arranged(np.vstack([W_hh, W_xh[:POINT]]))),
            "z": _arranged(W_xh[POINT:]),
            "bias": np.zeros_like(W_xh[0]),
            **_norms(weights),
        }

    @staticmethod
    def gates(H: int, weights: Mapping[str, Array]) -> _Gates:
        return _NormedGates(H, weights)


class _HyperLSTM(_Cell):
    @staticmethod
    def state_sizes(config: ModelConfig) -> tuple[int, ...]:
        return config.decoder_size, config.decoder_size, config.hyper_size, config.hyper_size

    @staticmethod
    def shapes(D: int, config: ModelConfig) -> dict[str, tuple[int, ...]]:
        H, Y, E = config.decoder_size, config.hyper_size, config.hyper_embedding
        scaled = 2 * GATES
        small = _layer_norm_shapes(D + H, Y)
        return {
            **_layer_norm_shapes(D, H),
            "bias": (GATES * H,),
            **{f"hyper.{name}": shape for name, shape in small.items()},
            "W_zw": (Y, scaled * E),
            "b_zw": (scaled * E,),
            "W_alpha": (scaled, E, H),
            "W_zb": (Y, GATES * E),
            "W_beta": (GATES, E, H),
        }

    @staticmethod
    def laid_out(weights: Mapping[str, Array]) -> dict[str, Array]:
        small = _below("hyper.", weights)
        x_rows, z_rows, h_rows = np.split(small["W_xh"], [POINT, len(weights["W_xh"])])
        # embeddings for the scales of the gates' x-parts and of their h-parts, and for their shifts
        embed = [*np.split(weights["W_zw"], 2, axis=1), weights["W_zb"]]
        embed_bias = [*np.split(weights["b_zw"], 2), np.zeros_like(weights["W_zb"][0])]
        expand = [*np.split(weights["W_alpha"], 2), weights["W_beta"]]
        return {
            "point": _rows(_arranged(weights["W_xh"][:POINT])),
            "z": _arranged(weights["W_xh"][POINT:]),
            "recurrent": _rows(_arranged(weights["W_hh"])),
            "bias": _arranged(weights["bias"]),
            **_norms(weights),
            "small product": _rows(_arranged(np.vstack([h_rows, small["W_hh"], x_rows]))),
            "small z": _arranged(z_rows),
            **{f"small {name}": value for name, value in _norms(small).items()},
            "embed": _rows(np.hstack([_arranged(part) for part in embed])),
            "embed bias": np.hstack([_arranged(part) for part in embed_bias]),
            "expand": np.concatenate([part[list(ORDER)] for part in expand]),
        }

    def __init__(self, weights: Mapping[str, Array], z: Latent | None, config: ModelConfig) -> None:
        H, Y, E = config.decoder_size, config.hyper_size, config.hyper_embedding
        self._weights = weights
        self._inputs = np.zeros(H + Y + POINT, dtype=np.float32)
        self.h = self._inputs[:H]
        self._k = self._inputs[H : H + Y]
        self._point = self._inputs[H + Y :]
        self._constant = _constant(np.zeros(GATES * H, dtype=np.float32), z, weights["z"])
        self._small_constant = _constant(
            np.zeros(GATES * Y, dtype=np.float32), z, weights["small z"]
        )
        self._gates = _NormedGates(H, weights)
        self._small_gates = _NormedGates(Y, _below("small ", weights))
        self._embedded = np.empty(3 * GATES * E, dtype=np.float32)
        self._embedded_rows = self._embedded.reshape(3 * GATES, 1, E)
        self._expanded = np.empty((3 * GATES, 1, H), dtype=np.float32)
        self._x_scale, self._h_scale, self._shift = self._expanded.reshape(3, GATES * H)
        self._x_part = np.empty(GATES * H, dtype=np.float32)
        self.parts = (self.h, self._gates.c, self._k, self._small_gates.c)

    def step(self, row: Row) -> None:
        weights = self._weights
        _write(row, self._point)
        small = self._small_gates.pre
        np.dot(weights["small product"], self._inputs, out=small)
        np.add(small, self._small_constant, small)
        self._small_gates.update(self._k)

        np.dot(weights["embed"], self._k, out=self._embedded)
        np.add(self._embedded, weights["embed bias"], self._embedded)
        np.matmul(self._embedded_rows, weights["expand"], out=self._expanded)

        x_part, pre = self._x_part, self._gates.pre
        np.dot(weights["point"], self._point, out=x_part)
        np.add(x_part, self._constant, x_part)
        np.multiply(x_part, self._x_scale, x_part)
        np.dot(weights["recurrent"], self.h, out=pre)
        np.multiply(pre, self._h_scale, pre)
        np.add(pre, x_part, pre)
        np.add(pre, self._shift, pre)
        np.add(pre, weights["bias"], pre)
        self._gates.update(self.h)


class _Gates:
    """What all cells share (`model.cells.gated_update`), in one buffer: o, i, f, g, c.

    Attributes:
        pre: where the gates' values [4 H] before their nonlinearity are written, o, i, f halved.
        c: the cell's memory [H].
    """

    def __init__(self, H: int) -> None:
        buffer = np.zeros((GATES + 1) * H, dtype=np.float32)
        self.pre = buffer[: GATES * H]
        self.c = buffer[GATES * H :]
        self._sigmoids = buffer[: 3 * H]
        self._o = buffer[:H]
        self._i_f = buffer[H : 3 * H]
        self._g_c = buffer[3 * H :]
        self._products = np.empty(2 * H, dtype=np.float32)
        self._squashed = np.empty(H, dtype=np.float32)

    def update(self, h: Array) -> None:
        """From `pre` and c the new c and h."""
        sigmoids, products, squashed = self._sigmoids, self._products, self._squashed
        np.tanh(self.pre, self.pre)
        np.multiply(sigmoids, HALF, sigmoids)
        np.add(sigmoids, HALF, sigmoids)
        np.multiply(self._i_f, self._g_c, products)
        np.add(products[: len(h)], products[len(h) :], self.c)
        self.squash(self.c, squashed)
        np.multiply(self._o, squashed, h)

    def squash(self, c: Array, out: Array) -> None:
        """tanh(c)."""
        np.tanh(c, out)


class _NormedGates(_Gates):
    """The same with layer norm over each gate and over c; `pre` is not halved, its norm does it."""

    def __init__(self, H: int, weights: Mapping[str, Array]) -> None:
        super().__init__(H)
        self._gates_norm = _LayerNorm(GATES, H, weights["gates gamma"], weights["gates beta"])
        self._c_norm = _LayerNorm(1, H, weights["c gamma"], weights["c beta"])

    def update(self, h: Array) -> None:
        self._gates_norm(self.pre, self.pre)
        super().update(h)

    def squash(self, c: Array, out: Array) -> None:
        self._c_norm(c, out)
        np.tanh(out, out)


class _LayerNorm:
    """`model.cells.LayerNorm` for one row: each of `groups` blocks of `size` units by itself."""

    def __init__(self, groups: int, size: int, gamma: Array, beta: Array) -> None:
        self._shape = groups, size
        self._gamma, self._beta = gamma, beta
        self._share = np.full(size, 1 / size, dtype=np.float32)
        self._statistic = np.empty(groups, dtype=np.float32)
        self._column = self._statistic[:, None]
        self._squares = np.empty((groups, size), dtype=np.float32)

    def __call__(self, x: Array, out: Array) -> None:
        blocks, normal = x.reshape(self._shape), out.reshape(self._shape)
        np.dot(blocks, self._share, out=self._statistic)  # mean
        np.subtract(blocks, self._column, normal)
        np.multiply(normal, normal, self._squares)
        np.dot(self._squares, self._share, out=self._statistic)  # variance
        np.add(self._statistic, EPSILON, self._statistic)
        np.sqrt(self._statistic, self._statistic)
        np.divide(normal, self._column, normal)
        np.multiply(out, self._gamma, out)
        np.add(out, self._beta, out)


CELLS: dict[str, type[_Cell]] = {
    "lstm": _LSTM,
    "layer_norm": _LayerNormLSTM,
    "hyper": _HyperLSTM,
}


def _shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """Of the decoder's weights, by their names."""
    kind = CELLS[config.decoder_cell]
    D = POINT + (config.z_size if config.conditional else 0)
    outputs = PEN_STATES + PARAMETERS * config.mixtures
    shapes = {f"decoder.{name}": shape for name, shape in kind.shapes(D, config).items()}
    shapes |= {"head.weight": (outputs, config.decoder_size), "head.bias": (outputs,)}
    if config.conditional:
        states = sum(kind.state_sizes(config))
        shapes["to_initial_state.weight"] = (states, config.z_size)
        shapes["to_initial_state.bias"] = (states,)
    return shapes


def _checked(
    weights: Mapping[str, npt.NDArray[np.floating]],
    shapes: Mapping[str, tuple[int, ...]],
    where: str,
) -> dict[str, Array]:
    """The weights that are needed, as float32; SketchRNNError for one that does not fit."""
    for name, shape in shapes.items():
        if name not in weights:
            problem = f"{name} is missing"
        elif weights[name].shape != shape:
            problem = f"{name} has shape {weights[name].shape}, not {shape}"
        elif not np.isfinite(weights[name]).all():
            problem = f"{name} has a value that is not a finite number"
        else:
            continue
        raise SketchRNNError(f"{where}: the weights do not fit the config: {problem}")
    return {name: np.asarray(weights[name], dtype=np.float32) for name in shapes}


def _below(prefix: str, weights: Mapping[str, Array]) -> dict[str, Array]:
    """The weights whose names begin so, by the rest of their names."""
    return {
        name.removeprefix(prefix): value
        for name, value in weights.items()
        if name.startswith(prefix)
    }


def _layer_norm_shapes(D: int, H: int) -> dict[str, tuple[int, ...]]:
    return {
        "W_xh": (D, GATES * H),
        "W_hh": (H, GATES * H),
        "gates_norm.gamma": (GATES * H,),
        "gates_norm.beta": (GATES * H,),
        "c_norm.gamma": (H,),
        "c_norm.beta": (H,),
    }


def _norms(weights: Mapping[str, Array]) -> dict[str, Array]:
    return {
        "gates gamma": _halved(_arranged(weights["gates_norm.gamma"])),
        "gates beta": _halved(_arranged(_with_forget_bias(weights["gates_norm.beta"]))),
        "c gamma": weights["c_norm.gamma"],
        "c beta": weights["c_norm.beta"],
    }


def _arranged(array: Array) -> Array:
    """The gates along the last axis [..., 4 H] from i, g, f, o to o, i, f, g."""
    gates = np.split(array, GATES, axis=-1)
    return np.concatenate([gates[number] for number in ORDER], axis=-1)


def _halved(arranged: Array) -> Array:
    """o, i and f of [..., 4 H] halved."""
    halved = arranged.copy()
    halved[..., : 3 * (halved.shape[-1] // GATES)] *= HALF
    return halved


def _with_forget_bias(shift: Array) -> Array:
    shifted = shift.copy()
    _, _, f, _ = np.split(shifted, GATES)
    f += FORGET_BIAS
    return shifted


def _rows(matrix: Array) -> Array:
    """A matrix [inputs, outputs] as it is read: one row an output."""
    return np.ascontiguousarray(matrix.T)


def _constant(bias: Array, z: Latent | None, W_z: Array) -> Array:
    """What is the same at every step of a drawing: the bias, and the product over z."""
    return bias if z is None else bias + z @ W_z


def _write(row: Row, point: Array) -> None:
    point[strokes.DX], point[strokes.DY] = row.dx, row.dy
    point[strokes.P1_DOWN] = point[strokes.P2_UP] = point[strokes.P3_END] = 0
    point[strokes.P1_DOWN + row.pen] = 1


def draw_rows(
    decoder: LiveDecoder, z: Latent | None, *, temperature: float, seed: int, number: int = 0
) -> Iterator[Row]:
    """The rows of one drawing up to and without its end, at most N_max, each as it is drawn.

    The drawing of `sample_strokes(..., seed=seed, numbers=[number])`: one that would end before its
    first point gets one point, where the pen is lifted.
    """
    stream = generator(seed, POINT_STREAM, number)
    state, row, count = decoder.start(z), START, 0
    while True:
        uniform, normal = (numbers[0].tolist() for numbers in point_numbers([stream]))
        for uniforms, normals in zip(uniform, normal, strict=True):
            if count == decoder.config.N_max:
                return
            state.step(row)
            row = state.sample(uniforms, normals, temperature)
            count += 1
            if row.pen == END:
                if count == 1:
                    yield row._replace(pen=UP)
                return
            yield row


class LiveModel(Drawer):
    """A trained model that draws without PyTorch, one drawing at a time, point by point.

    Load one with `load_live(RUN)`, or take `Model.live()`. Its methods draw what those of `Model`
    draw; it has no encoder.
    """

    def __init__(self, decoder: LiveDecoder, facts: DataFacts, name: str = "model") -> None:
        super().__init__(decoder.config, facts, name)
        self.decoder = decoder

    def draws_quickly(self, n: int) -> bool:
        """Whether n drawings are done before PyTorch would be loaded and have drawn them.

        A point takes the time to read the weights: about 0.06 ms a million of them.
        """
        return n * self.decoder.size <= QUICK

    def stream(
        self,
        *,
        temperature: float = 0.5,
        z: npt.ArrayLike | None = None,
        seed: int | None = None,
        number: int = 0,
    ) -> Iterator[PenPoint]:
        """See `Drawer.stream`."""
        check_temperature(temperature)
        seed, number = choose_seed(seed), check_number(number)
        vectors = self._latents(z, 1, seed, first=number)
        rows = draw_rows(
            self.decoder,
            None if vectors is None else vectors[0],
            temperature=temperature,
            seed=seed,
            number=number,
        )
        return self._points(rows)

    def _points(self, rows: Iterator[Row]) -> Iterator[PenPoint]:
        x = y = 0.0
        yield PenPoint(x, y, "down")
        for dx, dy, pen in rows:
            x += dx * self.facts.scale
            y += dy * self.facts.scale
            yield PenPoint(x, y, "down" if pen == DOWN else "up")
        yield PenPoint(x, y, "end")

    def _draw(
        self, z_nZ: Latent | None, n: int, temperature: float, seed: int
    ) -> list[npt.NDArray[np.float32]]:
        drawings = []
        for number in range(n):
            z = None if z_nZ is None else z_nZ[number]
            rows = list(
                draw_rows(self.decoder, z, temperature=temperature, seed=seed, number=number)
            )
            array = np.zeros((len(rows), POINT), dtype=np.float32)
            for place, row in zip(array, rows, strict=True):
                _write(row, place)
            drawings.append(array)
        return drawings


def load_live(run: str | os.PathLike[str], *, which: str = "best") -> LiveModel:
    """Load the model of a run folder for live drawing, without PyTorch.

    Args:
        run: the folder that `sketchrnn train` wrote, or the name of a starter model.
        which: as in `drawing.model.load`.

    Raises:
        SketchRNNError: no such folder, or something in it is missing or damaged.
    """
    folder = find_run(run)
    config = read_config(folder)
    path, prefix = weights_place(folder, which)
    arrays = load_arrays(path, tuple(prefix + part for part in PARTS))
    weights = {name.removeprefix(prefix): value for name, value in arrays.items()}
    return LiveModel(
        LiveDecoder(config.model, weights, str(path)), config.data, folder.resolve().name
    )
