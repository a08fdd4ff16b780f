"""Coder: a trained network that encodes and draws, in the user's own units.

What people do with it, verb by verb, is built on this; `sketchrnn.api.Model` has all of it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch

from sketchrnn import strokes
from sketchrnn.devices import choose_device
from sketchrnn.drawing.base import PART, Drawer, Latent, PriorChoice, SketchList
from sketchrnn.drawing.fit import Fitted, fit
from sketchrnn.drawing.live import LiveDecoder, LiveModel, load_prior
from sketchrnn.drawing.sample import sample_strokes
from sketchrnn.drawing.stepping import NetworkDecoder, load_network
from sketchrnn.errors import SketchRNNError
from sketchrnn.model.network import Network
from sketchrnn.model.numpy_cells import CELLS
from sketchrnn.model.prior import Prior
from sketchrnn.runs import DataFacts, find_run, read_config
from sketchrnn.seeds import POSTERIOR_STREAM, choose_seed, normal_vectors
from sketchrnn.sketch import Sketch

ENCODE_BATCH = 256


class Coder(Drawer):
    """A trained model: z of drawings, drawings of z, in the units of those it learned from.

    Attributes:
        network: the torch module, which works in scaled units.
        facts: scale, classes and more of the training drawings.
        name: what to call it.
        bf16: whether it draws with products of numbers rounded to bfloat16; see `sample_strokes`.
    """

    def __init__(
        self,
        network: Network,
        facts: DataFacts,
        name: str = "model",
        *,
        bf16: bool = False,
        prior: Prior | None = None,
    ) -> None:
        super().__init__(network.config, facts, name, prior)
        self.network = network.eval()
        self.bf16 = bf16

    @classmethod
    def load(
        cls,
        run: str | os.PathLike[str],
        *,
        device: str = "cpu",
        which: str = "best",
        bf16: bool = False,
        prior: PriorChoice = "fitted",
    ) -> Self:
        """Load the model of a run folder, or one that comes with the package.

        >>> import sketchrnn
        >>> sketchrnn.load("car").facts.classes
        ('car',)

        Args:
            run: the folder that `sketchrnn train` wrote, or the name of a starter model.
            device: where to compute.
            which: "best" or "last" weights; see `runs.weights_place`.
            bf16: draw faster, with rounded products; see `Coder`.
            prior: what new drawings are drawn from: "fitted", the density fitted to what the
                training drawings encode to, if the run has one; "normal", N(0, I), as in the paper.

        Raises:
            SketchRNNError: no such folder, or something in it is missing or damaged.
        """
        folder = find_run(run)
        config = read_config(folder)
        network = load_network(folder, config.model, which).to(choose_device(device))
        fitted = load_prior(folder, config.model, which, prior)
        return cls(network, config.data, folder.resolve().name, bf16=bf16, prior=fitted)

    def _draw(
        self,
        z_nZ: Latent | None,
        n: int,
        temperature: float,
        seed: int,
        *,
        first: int = 0,
        numbers: Sequence[int] | None = None,
        lifted: Sequence[bool] | None = None,
        **options: Any,
    ) -> list[npt.NDArray[np.float32]]:
        options |= {"temperature": temperature, "seed": seed, "bf16": self.bf16}
        numbers = range(first, first + n) if numbers is None else numbers
        drawn = []
        for begin in range(0, n, PART):
            part = slice(begin, begin + PART)
            z = None if z_nZ is None else self._tensor(z_nZ[part])
            chosen, pens = numbers[part], None if lifted is None else lifted[part]
            drawn += sample_strokes(
                self.network, z, len(chosen), numbers=chosen, lifted=pens, **options
            )
            self.progress(len(chosen))
        return drawn

    def live(self) -> LiveModel:
        """The same model for live drawing, its weights as they are now; takes some milliseconds."""
        if self.config.decoder_cell not in CELLS:
            return LiveModel(NetworkDecoder(self.network), self.facts, self.name, self.prior)
        state = self.network.state_dict()
        weights = {name: value.numpy(force=True) for name, value in state.items()}
        decoder = LiveDecoder(self.config, weights, self.name)
        return LiveModel(decoder, self.facts, self.name, self.prior)

    def _rows(
        self, z_Z: Latent | None, temperature: float, seed: int, number: int
    ) -> Iterator[npt.NDArray[np.float32]]:
        return self.live()._rows(z_Z, temperature, seed, number)

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
        z_nZ, sigma_nZ = self.posterior(many)
        if sample:
            noise = normal_vectors(choose_seed(seed), POSTERIOR_STREAM, len(many), self.z_size)
            z_nZ = z_nZ + sigma_nZ * noise
        return z_nZ[0] if isinstance(sketches, Sketch) else z_nZ

    def posterior(self, sketches: Sequence[Sketch]) -> tuple[Latent, Latent]:
        """mu and sigma of q(z | S) for each of n drawings (eq. 2): two arrays [n, Z]."""
        self.need_encoder("encode")
        mu_nZ, sigma_nZ = np.empty((2, len(sketches), self.z_size), dtype=np.float32)
        for first in range(0, len(sketches), ENCODE_BATCH):
            chosen = slice(first, first + ENCODE_BATCH)
            x_BT5, lengths_B = self._to_batch(sketches[chosen], first)
            with torch.inference_mode():
                mu, log_variance = self.network.encode(x_BT5, lengths_B)
            mu_nZ[chosen] = mu.cpu().numpy()
            sigma_nZ[chosen] = np.exp(log_variance.cpu().numpy() / 2)
        return mu_nZ, sigma_nZ

    def decode_alike(
        self, z: npt.ArrayLike, *, temperature: float = 0.5, seed: int | None = None
    ) -> SketchList:
        """As `decode`, but all with the random numbers of its first: only z tells them apart."""
        self.need_encoder("decode")
        vectors = self._check_z(z)
        seed = choose_seed(seed)
        drawn = self._draw(vectors, len(vectors), temperature, seed, numbers=[0] * len(vectors))
        return SketchList((self._to_sketch(rows) for rows in drawn), seed)

    def fit(self, sketch: Sketch, *, factor: float | None = None) -> Fitted:
        """A drawing from outside, scaled and simplified for this model; see `fit.fit`."""
        return fit(sketch, self.facts, self.N_max, factor=factor)

    @property
    def _device(self) -> torch.device:
        return self.network.head.weight.device

    def _tensor(self, z_nZ: Latent | None) -> torch.Tensor | None:
        return None if z_nZ is None else torch.tensor(z_nZ, device=self._device)

    def _to_batch(
        self, sketches: Sequence[Sketch], first: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Drawings as scaled stroke-5 [B, longest, 5] without a start token, and lengths [B]."""
        rows = [sketch.to_stroke3() for sketch in sketches]
        lengths = [len(row) for row in rows]
        for number, length in enumerate(lengths):
            if length > self.N_max:
                raise SketchRNNError(
                    f"drawing {first + number} has {length + 1} points; {self.name} reads 2 to"
                    f" {self.N_max + 1}: simplify it first"
                )
        x_BT5 = np.empty((len(rows), max(lengths), 5), dtype=np.float32)
        for number, row in enumerate(rows):
            row[:, strokes.XY] = strokes.clamp_offsets(row[:, strokes.XY]) / self.facts.scale
            x_BT5[number] = strokes.stroke3_to_stroke5(row, max(lengths))
        x = torch.from_numpy(x_BT5).to(self._device)
        return x, torch.tensor(lengths, device=self._device)
