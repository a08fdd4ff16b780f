"""Drawing one drawing at a time, each point as soon as it can be had, in NumPy alone.

For a page or a plotter that draws live: no PyTorch is loaded. A model whose cell NumPy does not
know (`model.numpy_cells`) is drawn with PyTorch, point by point all the same.

The rule (section 3.2, eq. 8) and the random numbers are those of `drawing.sample`, so a seed's
drawing is the same from both, up to rounding: the distribution is float32, the choice of a Gaussian
and of a pen state float64, as there; the offset is computed in float64 and rounded to float32.

NumPy's BLAS takes as many threads as there are processors. Two gain a quarter on a quiet machine,
and lose all of it where other work makes one wait for the other: set OPENBLAS_NUM_THREADS=1 there,
before NumPy is loaded.

Shapes: D = 5 numbers of a point and Z of z, M mixtures.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from math import exp, sqrt, tanh
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from sketchrnn import strokes
from sketchrnn.drawing.base import Drawer, Latent, PriorChoice, check_prior
from sketchrnn.errors import SketchRNNError
from sketchrnn.model.config import PARAMETERS, PEN_STATES, POINT, ModelConfig
from sketchrnn.model.numpy_cells import CELLS, Array, State, below
from sketchrnn.model.prior import MARK, Prior
from sketchrnn.runs import DataFacts, find_run, load_arrays, read_config, weights_place
from sketchrnn.seeds import BLOCK, POINT_STREAM, generator, point_numbers

QUICK = 500_000_000  # drawings times weights: some seconds, as long as PyTorch takes to begin
PARTS = ("decoder.", "head.", "to_initial_state.")  # of the weights: the encoder is not needed
LARGEST = float(np.finfo(np.float32).max)
LARGEST_LOG = 700.0  # e to that is a float64, and far over LARGEST


class PointDecoder(Protocol):
    """What draws point by point: `LiveDecoder`, or `stepping.NetworkDecoder` with PyTorch."""

    config: ModelConfig
    size: int  # the number of its weights

    def begin(self, z: Latent | None = None) -> Any:
        """The memory of a new drawing, from z [Z] where the model is conditional."""

    def step(self, row: Array, memory: Any) -> tuple[Array, Any]:
        """A row [5] -> the head's outputs [6 M + 3] for the row after it, and the memory then."""


class LiveDecoder:
    """The decoder's weights, ready for one drawing at a time. Drawings under way share them.

    `weights` are arrays by the names of the network's state, for a cell that `model.numpy_cells`
    has. Raises SketchRNNError, which names `where` they are from, if they do not fit the config.
    """

    def __init__(
        self, config: ModelConfig, weights: Mapping[str, npt.NDArray[np.floating]], where: str
    ) -> None:
        self.config = config
        self._cell = CELLS[config.decoder_cell]
        own = _checked(weights, self._shapes(), where)
        self.size = sum(map(np.size, own.values()))
        self._head, self._initial = below("head.", own), below("to_initial_state.", own)
        self._weights = {  # columns together: a product of a row is twice as fast so
            name: np.asfortranarray(value) if value.ndim == 2 else value
            for name, value in below("decoder.", own).items()
        }
        weights_DP, self._bias = self._cell.input_weights(self._weights)
        self._of_point, self._of_z = weights_DP[:POINT], weights_DP[POINT:]

    def _shapes(self) -> dict[str, tuple[int, ...]]:
        """Of the weights, by their names."""
        config = self.config
        D = POINT + (config.z_size if config.conditional else 0)
        outputs = PEN_STATES + PARAMETERS * config.mixtures
        cell = self._cell.shapes(D, config)
        shapes = {f"decoder.{name}": shape for name, shape in cell.items()}
        shapes |= {"head.weight": (outputs, config.decoder_size), "head.bias": (outputs,)}
        if config.conditional:
            states = sum(self._cell.state_sizes(config))
            shapes["to_initial_state.weight"] = (states, config.z_size)
            shapes["to_initial_state.bias"] = (states,)
        return shapes

    def begin(self, z: Latent | None = None) -> tuple[Array, State]:
        """See `PointDecoder`; what z adds to every step, and the cell's state."""
        sizes = self._cell.state_sizes(self.config)
        constant, state = self._bias, np.zeros(sum(sizes), dtype=np.float32)
        if z is not None:
            constant = constant + z @ self._of_z
            state = np.tanh(self._initial["weight"] @ z + self._initial["bias"])
        return constant, tuple(np.split(state, np.cumsum(sizes)[:-1]))

    def step(self, row: Array, memory: tuple[Array, State]) -> tuple[Array, tuple[Array, State]]:
        """See `PointDecoder`."""
        constant, state = memory
        state = self._cell.next_state(self._weights, row @ self._of_point + constant, state)
        return self._head["weight"] @ state[0] + self._head["bias"], (constant, state)


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


def draw_rows(
    decoder: PointDecoder, z: Latent | None, *, temperature: float, seed: int, number: int = 0
) -> Iterator[Array]:
    """The scaled stroke-5 rows of one drawing, without its end, at most N_max, as they are drawn.

    The drawing of `sample_strokes(..., seed=seed, numbers=[number])`: one that would end before its
    first point gets one point, where the pen is lifted.
    """
    stream = generator(seed, POINT_STREAM, number)
    row, memory = strokes.START_TOKEN, decoder.begin(z)
    for count in range(decoder.config.N_max):
        if count % BLOCK == 0:
            uniform, normal = (numbers[0].tolist() for numbers in point_numbers([stream]))
        y, memory = decoder.step(row, memory)
        row = _sample_row(y, uniform[count % BLOCK], normal[count % BLOCK], temperature)
        if row[strokes.P3_END]:
            if count == 0:
                row[strokes.PEN] = 0, 1, 0
                yield row
            return
        yield row


def _sample_row(
    y: Array, uniform: Sequence[float], normal: Sequence[float], temperature: float
) -> Array:
    """A row [5] of the distribution y at temperature tau; see `sample.sample_point`.

    `uniform` are for the Gaussian and for the pen, `normal` for the offset. A temperature of 0
    takes the heaviest Gaussian's mean and the likeliest pen state.
    """
    M = (len(y) - PEN_STATES) // PARAMETERS
    component = _choose(y[PEN_STATES:][:M].tolist(), uniform[0], temperature)
    pen = _choose(y[:PEN_STATES].tolist(), uniform[1], temperature)
    dx, dy, *log_sigmas, rho_raw = y[PEN_STATES + M + component :: M].tolist()
    if temperature > 0:
        spread, rho = sqrt(temperature), tanh(rho_raw)  # the variance times tau
        sigma_x, sigma_y = (exp(min(log_sigma, LARGEST_LOG)) for log_sigma in log_sigmas)
        normal_x, normal_y = normal
        along = rho * normal_x + sqrt(max(1 - rho * rho, 0.0)) * normal_y
        dx += spread * sigma_x * normal_x
        dy += spread * sigma_y * along
    if not abs(dx) + abs(dy) < LARGEST:  # nor NaN
        raise SketchRNNError(
            "the model gives a point that is not a finite number: its weights are damaged, or its"
            " training went astray"
        )
    row = np.zeros(POINT, dtype=np.float32)
    row[strokes.DX], row[strokes.DY], row[strokes.P1_DOWN + pen] = dx, dy, 1
    return row


def _choose(logits: list[float], uniform: float, temperature: float) -> int:
    """Where the distribution function of softmax(logits / tau) passes `uniform`; the top at 0."""
    top = max(logits)
    if temperature == 0:
        return logits.index(top)
    edges = list(accumulate([exp((logit - top) / temperature) for logit in logits]))
    # the last edge may round to just under 1
    return min(bisect_right(edges, uniform * edges[-1]), len(logits) - 1)


class LiveModel(Drawer):
    """A trained model that draws one drawing at a time, point by point; mostly without PyTorch.

    Load one with `load_live(RUN)`, or take `Model.live()`. Its methods draw what those of `Model`
    draw; it has no encoder.
    """

    def __init__(
        self,
        decoder: PointDecoder,
        facts: DataFacts,
        name: str = "model",
        prior: Prior | None = None,
    ) -> None:
        super().__init__(decoder.config, facts, name, prior)
        self.decoder = decoder

    def draws_quickly(self, n: int) -> bool:
        """Whether n drawings are done before PyTorch would be loaded and have drawn them.

        A point takes the time to read the weights: about 0.06 ms a million of them.
        """
        return n * self.decoder.size <= QUICK

    def _rows(
        self, z_Z: Latent | None, temperature: float, seed: int, number: int
    ) -> Iterator[Array]:
        return draw_rows(self.decoder, z_Z, temperature=temperature, seed=seed, number=number)


def load_live(
    run: str | os.PathLike[str], *, which: str = "best", prior: PriorChoice = "fitted"
) -> LiveModel:
    """Load the model of a run folder for live drawing, without PyTorch.

    >>> import sketchrnn
    >>> points = list(sketchrnn.load_live("face").stream(temperature=0.4, seed=1))
    >>> points[0], points[-1].pen
    (PenPoint(x=0.0, y=0.0, pen='down'), 'end')

    Args:
        run: the folder that `sketchrnn train` wrote, or the name of a starter model.
        which, prior: as in `sketchrnn.load`.

    Raises:
        SketchRNNError: no such folder, or something in it is missing or damaged.
    """
    folder = find_run(run)
    config = read_config(folder)
    name = folder.resolve().name
    fitted = load_prior(folder, config.model, which, prior)
    if config.model.decoder_cell not in CELLS:
        from sketchrnn.drawing.stepping import NetworkDecoder, load_network  # PyTorch is slow

        network = load_network(folder, config.model, which)
        return LiveModel(NetworkDecoder(network), config.data, name, fitted)
    path, prefix = weights_place(folder, which)
    arrays = load_arrays(path, tuple(prefix + part for part in PARTS))
    weights = {name.removeprefix(prefix): value for name, value in arrays.items()}
    return LiveModel(LiveDecoder(config.model, weights, str(path)), config.data, name, fitted)


def load_prior(folder: Path, config: ModelConfig, which: str, prior: PriorChoice) -> Prior | None:
    """The fitted prior of a run's weights; None where it has none, or "normal" is asked for."""
    check_prior(prior)
    if prior == "normal" or not config.conditional:
        return None
    path, _ = weights_place(folder, which)
    return Prior.of(load_arrays(path, (MARK,)), config.z_size, str(path))
