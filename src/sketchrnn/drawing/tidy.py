"""A crude drawing made more coherent: the best of several by the model's own likelihood.

Section 5 of the paper: "a more coherent version" of a rough sketch is what a model of a high
w_KL makes of it at a low temperature.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sketchrnn.drawing.base import SketchList
from sketchrnn.drawing.blend import placed_as
from sketchrnn.drawing.coder import Coder
from sketchrnn.drawing.likelihood import nats_per_point
from sketchrnn.seeds import choose_seed
from sketchrnn.sketch import Sketch


@dataclass(frozen=True, eq=False)
class Tidied:
    """The candidates, most likely first.

    Attributes:
        drawings: where the given drawing starts, with its label.
        nats_per_point: -log p(drawing | z) / N of each, end included, as a density in the user's
            units; it rises from the first to the last.
    """

    drawings: SketchList
    nats_per_point: list[float]

    @property
    def best(self) -> Sketch:
        """The most likely one."""
        return self.drawings[0]


def tidy(
    model: Coder,
    sketch: Sketch,
    n: int = 16,
    *,
    temperature: float = 0.1,
    sample: bool = False,
    seed: int | None = None,
) -> Tidied:
    """n drawings from z of the given one, ordered by what a point costs under the same z.

    z is mu of the drawing, of at most N_max points; with `sample` a sample of q(z | S).

    Raises:
        SketchRNNError: n < 1, a decoder-only model, a drawing that is too long.
    """
    model.need_encoder("tidying")
    seed = choose_seed(seed)
    z_Z = model.encode(sketch, sample=sample, seed=seed)
    drawn = model.generate(n, z=z_Z, temperature=temperature, seed=seed)
    nats_n = nats_per_point(model, drawn, z_Z)
    order = np.argsort(nats_n, kind="stable")
    best_first = (placed_as(sketch, drawn[number]) for number in order)
    return Tidied(SketchList(best_first, drawn.seed), nats_n[order].tolist())
