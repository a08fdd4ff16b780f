"""The sheets that generate, reconstruct, a training and the demo draw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from sketchrnn.data.dataset import Dataset
from sketchrnn.drawing.base import Drawer, SketchList
from sketchrnn.drawing.seeds import generator
from sketchrnn.errors import SketchRNNError
from sketchrnn.figures.sheet import SketchSheet
from sketchrnn.sketch import Sketch

if TYPE_CHECKING:
    from sketchrnn.drawing.model import Model

COLUMNS = 10
INPUT_STREAM = 3  # beside the streams of `seeds`


def choose_inputs(
    dataset: Dataset,
    split: str,
    n: int,
    N_max: int,
    seed: int,
    indices: Sequence[int] | None = None,
) -> list[Sketch]:
    """Drawings of a split: those at `indices`, or n of at most N_max points, by the seed."""
    drawings = dataset.split(split)
    if indices is not None:
        chosen_sketches = [dataset.sketch(split, index) for index in indices]
        for index in indices:
            if drawings.lengths[index] > N_max:
                raise SketchRNNError(
                    f"{dataset.name}: {split} drawing {index} has {drawings.lengths[index] + 1}"
                    f" points; the model reads at most {N_max + 1}"
                )
        return chosen_sketches
    fitting = np.flatnonzero(drawings.lengths <= N_max)
    if n < 1 or not len(fitting):
        problem = f"has none of at most {N_max} points" if n >= 1 else f"none were asked for ({n})"
        raise SketchRNNError(f"{dataset.name}: no {split} drawings to take: {problem}")
    chosen = generator(seed, INPUT_STREAM, 0).permutation(fitting)[:n]
    return [dataset.sketch(split, int(index)) for index in chosen]


def temperature_sheet(
    model: Drawer, n: int, temperatures: Sequence[float], seed: int, title: str | None = None
) -> SketchSheet:
    """n drawings at each temperature, row by row; the same z and random numbers at each."""
    columns = min(n, COLUMNS) if len(temperatures) > 1 else None
    if columns is None:
        drawn = model.generate(n, temperature=temperatures[0], seed=seed)
        return SketchSheet.grid(drawn, title=title)
    rows: list[list[Sketch]] = []
    labels: list[str] = []
    for temperature in temperatures:
        drawn = model.generate(n, temperature=temperature, seed=seed)
        for first in range(0, n, columns):
            rows.append(list(drawn[first : first + columns]))
            labels.append("" if first else f"τ = {temperature:g}")
    return SketchSheet(rows, row_labels=labels, title=title)


def reconstruction_sheet(
    model: Model,
    inputs: Sequence[Sketch],
    temperatures: Sequence[float],
    seed: int,
    title: str | None = None,
) -> SketchSheet:
    """Each input in the first column, beside it its reconstruction at each temperature."""
    columns = [
        model.reconstruct(inputs, temperature=temperature, seed=seed)
        for temperature in temperatures
    ]
    return SketchSheet(
        [list(row) for row in zip(inputs, *columns, strict=True)],
        column_labels=["input", *(f"τ = {temperature:g}" for temperature in temperatures)],
        input_columns=1,
        title=title,
    )


def interpolation(
    model: Model, first: Sketch, last: Sketch, steps: int, *, temperature: float, seed: int
) -> SketchList:
    """Drawings along the great circle between two drawings' latent vectors, both ends included."""
    z_start, z_end = model.encode([first, last])
    z = np.array([slerp(z_start, z_end, share) for share in np.linspace(0, 1, steps)])
    return model.decode(z, temperature=temperature, seed=seed)


def slerp(
    start: npt.NDArray[np.floating], end: npt.NDArray[np.floating], share: float
) -> npt.NDArray[np.floating]:
    """Spherical interpolation (White 2016), along the line where the two nearly point one way."""
    cosine = float(np.dot(start, end) / max(np.linalg.norm(start) * np.linalg.norm(end), 1e-12))
    angle = float(np.arccos(np.clip(cosine, -1.0, 1.0)))
    if np.sin(angle) < 1e-6:
        return (1 - share) * start + share * end
    start_share, end_share = np.sin([(1 - share) * angle, share * angle]) / np.sin(angle)
    return np.asarray(start_share * start + end_share * end)
