"""Model: a trained network that takes and gives drawings in the user's own units."""

from __future__ import annotations

import operator
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, overload

import numpy as np
import numpy.typing as npt
import torch

from sketchrnn import strokes
from sketchrnn.devices import choose_device
from sketchrnn.drawing.sample import check_temperature, sample_strokes
from sketchrnn.drawing.seeds import POSTERIOR_STREAM, PRIOR_STREAM, choose_seed, normal_vectors
from sketchrnn.errors import SketchRNNError
from sketchrnn.model.config import ModelConfig
from sketchrnn.model.network import Network
from sketchrnn.runs import BEST, LAST, DataFacts, load_tensors, load_weights, read_config
from sketchrnn.sketch import Sketch

if TYPE_CHECKING:
    from sketchrnn.figures.sheet import SketchSheet

Latent = npt.NDArray[np.float32]

ENCODE_BATCH = 256


class SketchList(list[Sketch]):
    """Drawings, and the seed that draws them again. In a notebook it shows itself as a sheet."""

    def __init__(self, sketches: Iterable[Sketch], seed: int) -> None:
        super().__init__(sketches)
        self.seed = seed

    def sheet(self, columns: int | None = None) -> SketchSheet:
        """The drawings as a grid."""
        from sketchrnn.figures.sheet import SketchSheet

        return SketchSheet.grid(self, columns=columns)

    def _repr_svg_(self) -> str:
        return self.sheet().to_svg()


class Model:
    """A trained model. Drawings go in and come out in the units of the drawings it learned from.

    Load one with `sketchrnn.load(RUN)`.

    Attributes:
        network: the torch module, which works in scaled units.
        facts: scale, classes and more of the training drawings.
        name: what to call it.
    """

    def __init__(self, network: Network, facts: DataFacts, name: str = "model") -> None:
        self.network = network.eval()
        self.facts = facts
        self.name = name

    @property
    def conditional(self) -> bool:
        """Whether it has an encoder and a latent vector z."""
        return self.network.config.conditional

    @property
    def N_max(self) -> int:
        """The most points it draws or reads, the start point not counted."""
        return self.network.config.N_max

    @property
    def z_size(self) -> int:
        """Numbers in z. Raises SketchRNNError for a decoder-only model."""
        self.need_encoder("z")
        return self.network.config.z_size

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
                the prior N(0, 1). Decoder-only models have none.
            seed: the same seed, the same drawings; chosen and returned in `.seed` where None.

        Raises:
            SketchRNNError: n < 1, a temperature under 0, a z of a wrong size, or for a decoder-only
                model.
        """
        try:
            n = operator.index(n)
        except TypeError:
            raise SketchRNNError(
                f"the number of drawings must be a whole number, got {n!r}"
            ) from None
        if n < 1:
            raise SketchRNNError(f"the number of drawings must be at least 1, got {n}")
        check_temperature(temperature)
        seed = choose_seed(seed)
        if z is not None:
            self.need_encoder("z")
            vectors = self._check_z(z)
            if len(vectors) not in (1, n):
                raise SketchRNNError(f"{len(vectors)} vectors z for {n} drawings: give one or {n}")
            z_nZ = np.broadcast_to(vectors, (n, vectors.shape[1]))
        elif self.conditional:
            z_nZ = normal_vectors(seed, PRIOR_STREAM, n, self.z_size)
        else:
            z_nZ = None
        latent = None if z_nZ is None else torch.tensor(z_nZ, device=self._device)
        drawn = sample_strokes(self.network, latent, n, temperature=temperature, seed=seed)
        label = self.facts.classes[0] if len(self.facts.classes) == 1 else None
        return SketchList((self._to_sketch(rows, label=label) for rows in drawn), seed)

    @overload
    def encode(
        self, sketches: Sketch, *, sample: bool = False, seed: int | None = None
    ) -> Latent: ...

    @overload
    def encode(
        self, sketches: Sequence[Sketch], *, sample: bool = False, seed: int | None = None
    ) -> Latent: ...

    def encode(
        self, sketches: Sketch | Sequence[Sketch], *, sample: bool = False, seed: int | None = None
    ) -> Latent:
        """The latent vector of a drawing [Z], or of several [n, Z].

        mu of q(z | S) by default, which is deterministic; with `sample` a sample of it (eq. 2).

        Raises:
            SketchRNNError: a decoder-only model, or a drawing with more than N_max points.
        """
        self.need_encoder("encode")
        many = [sketches] if isinstance(sketches, Sketch) else list(sketches)
        parts = []
        for first in range(0, len(many), ENCODE_BATCH):
            x_BT5, lengths_B = self._to_batch(many[first : first + ENCODE_BATCH], first)
            with torch.inference_mode():
                mu, log_variance = self.network.encode(x_BT5, lengths_B)
            parts.append((mu.cpu().numpy(), log_variance.cpu().numpy()))
        if not parts:
            return np.empty((0, self.z_size), dtype=np.float32)
        mu_nZ, log_variance_nZ = (np.concatenate(values) for values in zip(*parts, strict=True))
        z_nZ: Latent = mu_nZ
        if sample:
            noise = normal_vectors(choose_seed(seed), POSTERIOR_STREAM, len(many), self.z_size)
            z_nZ = mu_nZ + np.exp(log_variance_nZ / 2) * noise
        return z_nZ[0] if isinstance(sketches, Sketch) else z_nZ

    def decode(
        self, z: npt.ArrayLike, *, temperature: float = 0.5, seed: int | None = None
    ) -> SketchList:
        """One drawing for each latent vector of z [Z] or [n, Z]."""
        self.need_encoder("decode")
        vectors = self._check_z(z)
        return self.generate(len(vectors), z=vectors, temperature=temperature, seed=seed)

    def reconstruct(
        self,
        sketches: Sketch | Sequence[Sketch],
        *,
        temperature: float = 0.5,
        sample: bool = False,
        seed: int | None = None,
    ) -> SketchList:
        """Encode and decode: each drawing as the model sees it, starting where it started."""
        many = [sketches] if isinstance(sketches, Sketch) else list(sketches)
        if not many:
            raise SketchRNNError("there is no drawing to reconstruct")
        seed = choose_seed(seed)
        drawn = self.decode(
            self.encode(many, sample=sample, seed=seed), temperature=temperature, seed=seed
        )
        placed = (
            Sketch(new.moved(*old.start).polylines, old.label)
            for old, new in zip(many, drawn, strict=True)
        )
        return SketchList(placed, seed)

    def __repr__(self) -> str:
        config = self.network.config
        kind = (
            f"encoder {config.encoder_cell} {config.encoder_size}, z {config.z_size}, "
            if config.conditional
            else "decoder only, "
        )
        drawn = ", ".join(self.facts.classes) or "drawings"
        return (
            f"<Model {self.name!r} of {drawn}: {kind}decoder {config.decoder_cell}"
            f" {config.decoder_size}, N_max {config.N_max}>"
        )

    @property
    def _device(self) -> torch.device:
        return self.network.head.weight.device

    def need_encoder(self, what: str) -> None:
        """Raise SketchRNNError, naming `what` cannot be done, if this is a decoder-only model."""
        if not self.conditional:
            raise SketchRNNError(
                f"{self.name} is a decoder-only model: it has no encoder and no z, so {what} is not"
                " possible; use generate, or train without --unconditional"
            )

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

    def _to_batch(
        self, sketches: Sequence[Sketch], first: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Drawings as scaled stroke-5 [B, longest, 5] without a start token, and lengths [B]."""
        rows = [sketch.to_stroke3() for sketch in sketches]
        lengths = [len(row) for row in rows]
        for number, length in enumerate(lengths):
            if not 1 <= length <= self.N_max:
                raise SketchRNNError(
                    f"drawing {first + number} has {length + 1} points; {self.name} reads 2 to"
                    f" {self.N_max + 1}: simplify it first"
                )
        x_BT5 = np.empty((len(rows), max(lengths), 5), dtype=np.float32)
        for number, row in enumerate(rows):
            row[:, strokes.XY] = strokes.clamp_offsets(row[:, strokes.XY]) / self.facts.scale
            x_BT5[number] = strokes.stroke3_to_stroke5(row, max(lengths))
        return (
            torch.from_numpy(x_BT5).to(self._device),
            torch.tensor(lengths, device=self._device),
        )

    def _to_sketch(self, rows_N5: npt.NDArray[np.float32], label: str | None) -> Sketch:
        rows = rows_N5.astype(np.float64)
        rows[:, strokes.XY] *= self.facts.scale
        return Sketch.from_stroke5(rows, label=label)


def network_with(config: ModelConfig, weights: Mapping[str, torch.Tensor], where: Path) -> Network:
    """A network of just these weights: nothing is drawn at random, nor allocated, to be replaced.

    Raises:
        SketchRNNError: the weights do not fit the config.
    """
    with torch.device("meta"):
        network = Network(config)
    load_weights(network, weights, where, assign=True)
    return network


def load(run: str | os.PathLike[str], *, device: str = "cpu", which: str = "best") -> Model:
    """Load the model of a run folder.

    Args:
        run: the folder that `sketchrnn train` wrote.
        device: where to compute.
        which: "best" (lowest validation loss) or "last"; best falls back to last before the first
            validation.

    Raises:
        SketchRNNError: no such folder, or something in it is missing or damaged.
    """
    folder = Path(run)
    config = read_config(folder)
    if which not in ("best", "last"):
        raise SketchRNNError(f"which must be best or last, got {which!r}")
    path = folder / (BEST if which == "best" and (folder / BEST).exists() else LAST)
    tensors, _ = load_tensors(path)
    prefix = "weights/" if path.name == LAST else ""
    weights = {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }
    network = network_with(config.model, weights, path)
    return Model(network.to(choose_device(device)), config.data, folder.resolve().name)
