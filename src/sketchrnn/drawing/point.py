"""One point at a time: a drawing under way, and how its next point is chosen (section 3.2, eq. 8).

The rule and the random numbers are those of `drawing.sample`, so a seed's drawing is the same from
both, up to rounding: the distribution is float32, the choice of a Gaussian and of a pen state
float64, as there; the offset is computed in float64 and rounded to float32. No PyTorch here.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from math import exp, inf, sqrt, tanh
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from sketchrnn import strokes
from sketchrnn.drawing.base import Latent
from sketchrnn.errors import SketchRNNError
from sketchrnn.model.config import PARAMETERS, PEN_STATES, POINT, ModelConfig
from sketchrnn.seeds import POINT_STREAM, generator, point_numbers

Array = npt.NDArray[np.float32]

DOWN, UP, END = range(PEN_STATES)  # pen states, in the order of the stroke-5 columns
LARGEST = float(np.finfo(np.float32).max)


class Row(NamedTuple):
    """One stroke-5 row, in scaled units."""

    dx: float
    dy: float
    pen: int  # DOWN, UP or END

    def to_stroke5(self) -> Array:
        """The row [5]."""
        row = np.zeros(POINT, dtype=np.float32)
        row[strokes.DX], row[strokes.DY], row[strokes.P1_DOWN + self.pen] = self.dx, self.dy, 1
        return row


START = Row(0.0, 0.0, DOWN)


class LiveMixture(NamedTuple):
    """The distribution of the next point, as `model.mixture.Mixture` has it."""

    pen_logits: Array  # [3]
    pi_logits: Array  # [M], as all that follow
    mu_x: Array
    mu_y: Array
    log_sigma_x: Array
    log_sigma_y: Array
    rho_raw: Array


class LiveState:
    """One drawing under way: the distribution of the next point, after the last step.

    Attributes:
        parts: the decoder's state, h first.
        y: the head's outputs [6 M + 3].

    Args:
        advance: takes a row [5] and the state; gives h [H] and the new state.
        parts: the state to begin with.
        weight, bias: of the head.
    """

    def __init__(
        self,
        advance: Callable[[Array, tuple[Array, ...]], tuple[Array, tuple[Array, ...]]],
        parts: tuple[Array, ...],
        weight: Array,
        bias: Array,
    ) -> None:
        self._advance = advance
        self.parts = parts
        self._weight, self._bias = weight, bias
        self.y = bias

    def step(self, row: Row) -> Array:
        """Take in one row and give y, the distribution of the row after it."""
        h, self.parts = self._advance(row.to_stroke5(), self.parts)
        self.y = self._weight @ h + self._bias
        return self.y

    @property
    def mixture(self) -> LiveMixture:
        """The distribution of the next point."""
        pen_logits, parameters = np.split(self.y, [PEN_STATES])
        return LiveMixture(pen_logits, *np.split(parameters, PARAMETERS))

    def sample(self, uniform: Sequence[float], normal: Sequence[float], temperature: float) -> Row:
        """The next row at temperature tau; see `drawing.sample.sample_point`.

        Args:
            uniform: two numbers in [0, 1), for the Gaussian and for the pen.
            normal: two standard normal numbers, for the offset.
            temperature: 0 takes the heaviest Gaussian's mean and the likeliest pen state.

        Raises:
            SketchRNNError: the offset is not finite; the weights are damaged.
        """
        M = (len(self.y) - PEN_STATES) // PARAMETERS
        pen_logits, pi_logits = self.y[:PEN_STATES].tolist(), self.y[PEN_STATES:][:M].tolist()
        component = _choose(pi_logits, uniform[0], temperature)
        pen = _choose(pen_logits, uniform[1], temperature)
        parameters = self.y[PEN_STATES + M + component :: M].tolist()
        dx, dy, log_sigma_x, log_sigma_y, rho_raw = parameters
        if temperature > 0:
            spread, rho = sqrt(temperature), tanh(rho_raw)  # the variance times tau
            normal_x, normal_y = normal
            along = rho * normal_x + sqrt(max(1 - rho * rho, 0.0)) * normal_y
            dx += spread * _exp(log_sigma_x) * normal_x
            dy += spread * _exp(log_sigma_y) * along
        if not abs(dx) + abs(dy) < LARGEST:  # nor NaN
            raise SketchRNNError(
                "the model gives a point that is not a finite number: its weights are damaged, or"
                " its training went astray"
            )
        return Row(float(np.float32(dx)), float(np.float32(dy)), pen)


def _choose(logits: list[float], uniform: float, temperature: float) -> int:
    """Where the distribution function of softmax(logits / tau) passes `uniform`; the top at 0."""
    top = max(logits)
    if temperature == 0:
        return logits.index(top)
    edges = list(accumulate([exp((logit - top) / temperature) for logit in logits]))
    # the last edge may round to just under 1
    return min(bisect_right(edges, uniform * edges[-1]), len(logits) - 1)


def _exp(x: float) -> float:
    try:
        return exp(x)
    except OverflowError:
        return inf


class PointDecoder(Protocol):
    """What draws point by point: `live.LiveDecoder` in NumPy, `stepping.NetworkDecoder` else."""

    config: ModelConfig
    size: int  # the number of its weights

    def start(self, z: Latent | None = None) -> LiveState:
        """A new drawing, from z [Z] where the model is conditional."""
        ...


def draw_rows(
    decoder: PointDecoder, z: Latent | None, *, temperature: float, seed: int, number: int = 0
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
