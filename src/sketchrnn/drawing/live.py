"""Drawing one drawing at a time, each point as soon as it can be had, in NumPy alone.

For a page or a plotter that draws live: no PyTorch is loaded. A model whose cell NumPy does not
know (`model.numpy_cells`) is drawn with PyTorch, point by point all the same.

NumPy's BLAS takes as many threads as there are processors. Two gain a quarter on a quiet machine,
and lose all of it where other work makes one wait for the other: set OPENBLAS_NUM_THREADS=1 there,
before NumPy is loaded.

Shapes: D = 5 numbers of a point and Z of z.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

from sketchrnn.drawing.base import Drawer, Latent, PenPoint, check_number, check_temperature
from sketchrnn.drawing.point import DOWN, Array, LiveState, PointDecoder, Row, draw_rows
from sketchrnn.errors import SketchRNNError
from sketchrnn.model.config import PARAMETERS, PEN_STATES, POINT, ModelConfig
from sketchrnn.model.numpy_cells import CELLS, below
from sketchrnn.runs import DataFacts, find_run, load_arrays, read_config, weights_place
from sketchrnn.seeds import choose_seed

QUICK = 500_000_000  # drawings times weights: some seconds, as long as PyTorch takes to begin
PARTS = ("decoder.", "head.", "to_initial_state.")  # of the weights: the encoder is not needed


class LiveDecoder:
    """The decoder's weights, ready for one drawing at a time. Drawings under way share them.

    Attributes:
        config: of the model.
        size: the number of weights.

    Args:
        config: of the model; of a cell that `model.numpy_cells` has.
        weights: arrays by the names of the network's state; those of the encoder are not read.
        where: the file that they are from, for the message.

    Raises:
        SketchRNNError: the weights do not fit the config.
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

    def start(self, z: Latent | None = None) -> LiveState:
        """A new drawing, from z [Z] where the model is conditional."""
        sizes = self._cell.state_sizes(self.config)
        constant, begin = self._bias, np.zeros(sum(sizes), dtype=np.float32)
        if z is not None:
            constant = constant + z @ self._of_z
            begin = np.tanh(self._initial["weight"] @ z + self._initial["bias"])
        parts = tuple(np.split(begin, np.cumsum(sizes)[:-1]))

        def advance(row: Array, state: tuple[Array, ...]) -> tuple[Array, tuple[Array, ...]]:
            projected = row @ self._of_point + constant
            state = self._cell.next_state(self._weights, projected, state)
            return state[0], state

        return LiveState(advance, parts, self._head["weight"], self._head["bias"])


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


class LiveModel(Drawer):
    """A trained model that draws one drawing at a time, point by point; mostly without PyTorch.

    Load one with `load_live(RUN)`, or take `Model.live()`. Its methods draw what those of `Model`
    draw; it has no encoder.
    """

    def __init__(self, decoder: PointDecoder, facts: DataFacts, name: str = "model") -> None:
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
        latent = None if vectors is None else vectors[0]
        return self._points(
            draw_rows(self.decoder, latent, temperature=temperature, seed=seed, number=number)
        )

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
            rows = draw_rows(self.decoder, z, temperature=temperature, seed=seed, number=number)
            drawings.append(np.array([row.to_stroke5() for row in rows]))
        return drawings


def load_live(run: str | os.PathLike[str], *, which: str = "best") -> LiveModel:
    """Load the model of a run folder for live drawing, without PyTorch.

    >>> import sketchrnn
    >>> points = list(sketchrnn.load_live("face").stream(temperature=0.4, seed=1))
    >>> points[0], points[-1].pen
    (PenPoint(x=0.0, y=0.0, pen='down'), 'end')

    Args:
        run: the folder that `sketchrnn train` wrote, or the name of a starter model.
        which: as in `sketchrnn.load`.

    Raises:
        SketchRNNError: no such folder, or something in it is missing or damaged.
    """
    folder = find_run(run)
    config = read_config(folder)
    name = folder.resolve().name
    if config.model.decoder_cell not in CELLS:
        from sketchrnn.drawing.stepping import NetworkDecoder, load_network  # PyTorch is slow

        return LiveModel(NetworkDecoder(load_network(folder, which)), config.data, name)
    path, prefix = weights_place(folder, which)
    arrays = load_arrays(path, tuple(prefix + part for part in PARTS))
    weights = {name.removeprefix(prefix): value for name, value in arrays.items()}
    return LiveModel(LiveDecoder(config.model, weights, str(path)), config.data, name)
