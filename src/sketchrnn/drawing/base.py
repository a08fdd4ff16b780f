"""What all models that draw have in common, whatever computes them. No PyTorch here."""

from __future__ import annotations

import operator
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from typing import Literal, NamedTuple, TypeVar, get_args

import numpy as np
import numpy.typing as npt

from sketchrnn import strokes
from sketchrnn.errors import SketchRNNError
from sketchrnn.figures.sheet import SketchSheet
from sketchrnn.memory import POINT_BYTES, check_room
from sketchrnn.model.config import ModelConfig
from sketchrnn.model.prior import Prior
from sketchrnn.runs import DataFacts, able_starters
from sketchrnn.seeds import PRIOR_STREAM, choose_seed, normal_vectors
from sketchrnn.sketch import Sketch

Latent = npt.NDArray[np.float32]
PriorChoice = Literal["fitted", "normal"]
T = TypeVar("T")

MAX_TEMPERATURE = 100.0
PART = 4096  # drawings that are drawn side by side


def check_temperature(temperature: float) -> float:
    """`temperature` if it is a number from 0 to 100. Raises SketchRNNError otherwise."""
    number = isinstance(temperature, int | float | np.number)
    if not number or isinstance(temperature, bool) or not 0 <= temperature <= MAX_TEMPERATURE:
        raise SketchRNNError(
            "temperature must be a number from 0 (most likely) up, usually to 1 and at most"
            f" {MAX_TEMPERATURE:g}, got {temperature!r}"
        )
    return float(temperature)


def check_count(n: int, N_max: int = 0) -> int:
    """`n`, a number of drawings, if it is at least 1. Raises SketchRNNError otherwise.

    With N_max, the points that each may have, also if there is no memory for so many.
    """
    try:
        n = operator.index(n)
    except TypeError:
        raise SketchRNNError(f"the number of drawings must be a whole number, got {n!r}") from None
    if n < 1:
        raise SketchRNNError(f"the number of drawings must be at least 1, got {n}")
    if N_max:
        each = POINT_BYTES * N_max
        check_room(n, each, "drawings", "draw fewer at a time, each time with another seed")
    return n


def check_prior(prior: str) -> None:
    """Raises SketchRNNError for what is no choice of a prior."""
    if prior not in get_args(PriorChoice):
        raise SketchRNNError(f"there is no prior {prior!r}; choose fitted or normal")


class PenPoint(NamedTuple):
    """A point that the pen reaches, and what it does there.

    Attributes:
        x, y: in the user's units, y pointing down; the drawing starts at (0, 0).
        pen: "down", it stays on the paper on its way to the next point; "up", it is lifted here,
            so no line goes to the next point; "end", nothing new, the drawing is finished here.
    """

    x: float
    y: float
    pen: Literal["down", "up", "end"]


class Drawn(ABC, list[T]):
    """What was drawn, and the seed that draws it again; a notebook displays it as a sheet."""

    def __init__(self, drawn: Iterable[T], seed: int) -> None:
        super().__init__(drawn)
        self.seed = seed

    @abstractmethod
    def sheet(self, columns: int | None = None) -> SketchSheet:
        """The drawings as a grid."""

    def save(self, path: str | os.PathLike[str], *, seconds: float | None = None) -> None:
        """Write the drawings as a sheet; see `SketchSheet.save`.

        >>> import sketchrnn
        >>> sketchrnn.load("sun").generate(4, temperature=0.3, seed=1).save("suns.svg")
        """
        self.sheet().save(path, seconds=seconds)

    def _repr_svg_(self) -> str:
        return self.sheet().to_svg()


class SketchList(Drawn[Sketch]):
    """Drawings, and the seed that draws them again; a notebook displays them as a sheet."""

    def sheet(self, columns: int | None = None) -> SketchSheet:
        """The drawings as a grid."""
        return SketchSheet.grid(self, columns=columns)


class Drawer(ABC):
    """Draws, in the user's units, what a trained decoder draws in scaled units.

    Attributes:
        config: the shape of the model.
        facts: scale, classes and more of the training drawings.
        name: what to call it.
        prior: what z is drawn from where none is given: the density that was fitted to what the
            training drawings encode to, or None for N(0, I), as in the paper. It may be changed.
        progress: called with how many more drawings are drawn, again and again.
    """

    def __init__(
        self, config: ModelConfig, facts: DataFacts, name: str, prior: Prior | None = None
    ) -> None:
        self.progress: Callable[[int], object] = lambda count: None
        self.prior = prior
        self.config = config
        self.facts = facts
        self.name = name

    @property
    def conditional(self) -> bool:
        """Whether it draws from a latent vector z."""
        return self.config.conditional

    @property
    def N_max(self) -> int:
        """The most points it draws or reads, the start point not counted."""
        return self.config.N_max

    @property
    def z_size(self) -> int:
        """Numbers in z. Raises SketchRNNError for a decoder-only model."""
        self.need_encoder("z")
        return self.config.z_size

    @property
    def label(self) -> str | None:
        """The name of what it draws, where it learned from one class."""
        return self.facts.classes[0] if len(self.facts.classes) == 1 else None

    def generate(
        self,
        n: int = 1,
        *,
        temperature: float = 0.5,
        z: npt.ArrayLike | None = None,
        seed: int | None = None,
    ) -> SketchList:
        """Draw n new drawings.

        Args:
            n: how many.
            temperature: 0 for the most likely one, up to 1 for the model's full variety (eq. 8).
            z: one latent vector [Z] for all, or one each [n, Z]; by default each has its own from
                the prior (see `prior`). Decoder-only models have none.
            seed: the same seed gives the same drawings; if None, one is chosen; see `.seed`.

        Raises:
            SketchRNNError: n < 1, a temperature under 0, a z of the wrong size, or any z for a
                decoder-only model.
        """
        n = check_count(n, self.N_max)
        check_temperature(temperature)
        seed = choose_seed(seed)
        drawn = self._draw(self._latents(z, n, seed), n, temperature, seed)
        return SketchList((self._to_sketch(rows) for rows in drawn), seed)

    def generate_each(self, n: int, *, temperature: float, seed: int) -> Iterator[Sketch]:
        """The drawings of `generate`, one by one: for any number of them, in no more memory."""
        for first in range(0, check_count(n), PART):
            count = min(PART, n - first)
            z_nZ = self._latents(None, count, seed, first=first)
            drawn = self._draw(z_nZ, count, temperature, seed, first=first)
            yield from map(self._to_sketch, drawn)

    def decode(
        self, z: npt.ArrayLike, *, temperature: float = 0.5, seed: int | None = None
    ) -> SketchList:
        """One drawing for each latent vector of z [Z] or [n, Z]."""
        self.need_encoder("decode")
        vectors = self._check_z(z)
        return self.generate(len(vectors), z=vectors, temperature=temperature, seed=seed)

    def stream(
        self,
        *,
        temperature: float = 0.5,
        z: npt.ArrayLike | None = None,
        seed: int | None = None,
        number: int = 0,
    ) -> Iterator[PenPoint]:
        """Draw one drawing, yielding each point as soon as it is drawn.

        The first point is the start (0, 0) with the pen down; the last says "end", at the same
        place as the one before it. In between are the points of the drawing that `generate` gives
        for the same seed. For many in a row, keep `Model.live()`.

        Args:
            temperature: as in `generate`.
            z: the latent vector [Z]; by default that of drawing `number` from the prior.
            seed: the same seed gives the same drawing; None, another one each time.
            number: which of the seed's drawings: `generate(n, seed=seed)[number]`, n > number.

        Raises:
            SketchRNNError: as in `generate`; already when called, not at the first point.
        """
        check_temperature(temperature)
        seed = choose_seed(seed)
        if isinstance(number, bool) or not isinstance(number, int | np.integer) or number < 0:
            raise SketchRNNError(
                f"the number of the drawing must be a whole number from 0, got {number!r}"
            )
        vectors = self._latents(z, 1, seed, first=int(number))
        z_Z = None if vectors is None else vectors[0]
        return self._points(self._rows(z_Z, temperature, seed, int(number)))

    def _points(self, rows: Iterable[npt.NDArray[np.float32]]) -> Iterator[PenPoint]:
        x = y = 0.0
        yield PenPoint(x, y, "down")
        for row in rows:
            dx, dy, down, *_ = row.tolist()
            x += dx * self.facts.scale
            y += dy * self.facts.scale
            yield PenPoint(x, y, "down" if down else "up")
        yield PenPoint(x, y, "end")

    @abstractmethod
    def _rows(
        self, z_Z: Latent | None, temperature: float, seed: int, number: int
    ) -> Iterator[npt.NDArray[np.float32]]:
        """The rows of one drawing of `_draw`, each as it is drawn."""

    def _draw(
        self, z_nZ: Latent | None, n: int, temperature: float, seed: int, *, first: int = 0
    ) -> list[npt.NDArray[np.float32]]:
        """n drawings as stroke-5 rows in scaled units, from number `first` on, without p3."""
        drawn = []
        for number in range(n):
            z_Z = None if z_nZ is None else z_nZ[number]
            drawn.append(np.array(list(self._rows(z_Z, temperature, seed, first + number))))
            self.progress(1)
        return drawn

    def need_encoder(self, what: str) -> None:
        """Raise SketchRNNError, naming `what` cannot be done, if this is a decoder-only model."""
        if not self.conditional:
            raise SketchRNNError(
                f"{self.name} is a decoder-only model: it has no encoder and no z, so {what} is not"
                f" possible; use generate, train without --unconditional, or take a starter that"
                f" can: {able_starters()}"
            )

    def _latents(
        self, z: npt.ArrayLike | None, n: int, seed: int, *, first: int = 0
    ) -> Latent | None:
        """A vector each for n drawings from `first` on [n, Z], from the prior unless given."""
        if z is not None:
            self.need_encoder("z")
            vectors = self._check_z(z)
            if len(vectors) not in (1, n):
                raise SketchRNNError(f"{len(vectors)} vectors z for {n} drawings: give one or {n}")
            return np.broadcast_to(vectors, (n, vectors.shape[1]))
        if not self.conditional:
            return None
        if self.prior is not None:
            return self.prior.sample(seed, n, first=first)
        return normal_vectors(seed, PRIOR_STREAM, n, self.z_size, first=first)

    def _check_z(self, z: npt.ArrayLike) -> Latent:
        try:
            with np.errstate(over="ignore"):  # what float32 cannot hold is reported below
                vectors = np.atleast_2d(np.asarray(z, dtype=np.float64).astype(np.float32))
        except (TypeError, ValueError):
            raise SketchRNNError(f"z must be an array of numbers, got {z!r:.60}") from None
        if vectors.ndim != 2 or vectors.shape[1] != self.z_size or not len(vectors):
            raise SketchRNNError(
                f"z must have {self.z_size} numbers, or be an array [n, {self.z_size}];"
                f" got shape {np.shape(z)}"
            )
        if not np.isfinite(vectors).all():
            raise SketchRNNError("z has a value that is not a finite number")
        return vectors

    def _to_sketch(self, rows_N5: npt.NDArray[np.float32]) -> Sketch:
        rows = rows_N5.astype(np.float64)
        rows[:, strokes.XY] *= self.facts.scale
        return Sketch.from_stroke5(rows, label=self.label)

    def __repr__(self) -> str:
        config, kind = self.config, "decoder only"
        if config.conditional:
            kind = f"encoder {config.encoder_cell} {config.encoder_size}, z {config.z_size}"
        drawn = ", ".join(self.facts.classes) or "drawings"
        return (
            f"<{type(self).__name__} {self.name!r} of {drawn}: {kind}, decoder"
            f" {config.decoder_cell} {config.decoder_size}, N_max {config.N_max}>"
        )
