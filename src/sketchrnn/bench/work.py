"""What one training step, or one point of a drawing, needs: products, bytes, and drawings.

Shapes: B batch, T = N_max steps, H hidden, Y units of a HyperLSTM's small LSTM, E its embedding, Z
latent, M mixtures.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import torch

from sketchrnn import strokes
from sketchrnn.data.dataset import Drawings
from sketchrnn.model.cells import EMBEDDINGS
from sketchrnn.model.config import GATES, POINT, CellName, ModelConfig
from sketchrnn.model.mixture import head_size
from sketchrnn.model.network import Network

FLOAT = 4  # bytes
ADAM_PASSES = 8  # over each weight: it, m and v read and written, the gradient written and read

# Lengths of the 28,042 Omniglot drawings of 11 to 100 points: a log-normal, cut off at both ends,
# whose quantiles differ from theirs by 0.4 points in the mean.
LOG_LENGTH, LOG_LENGTH_SPREAD = 3.38, 0.46
SHORTEST, LONGEST = 11, 100
PEN_UP = 0.08  # of all points
OFFSET = 50.0  # px, standard deviation


@dataclass(frozen=True)
class Product:
    """[rows, K] @ [K, N], and what of its gradients is needed.

    Attributes:
        name: what for.
        rows, K, N: its size.
        passes: 1 forward; 2 with the gradient of the right factor; 3 with that of the left, too.
    """

    name: str
    rows: int
    K: int
    N: int
    passes: int

    @property
    def flops(self) -> int:
        """A product and a sum are two."""
        return 2 * self.rows * self.K * self.N * self.passes


def flops_of(products: Sequence[Product]) -> int:
    """Of all of them."""
    return sum(product.flops for product in products)


def step_products(
    config: ModelConfig, lengths: Sequence[int], *, all_steps: bool = False
) -> list[Product]:
    """The products that the mathematics of a training step needs.

    Each forward, then the gradients of its weights and of what it multiplies, where that has one:
    a point has none. The product over z is formed once a drawing, since z stays. The encoder starts
    from zeros, so its first step has no product over the state, and it reads the true points alone;
    the decoder runs all N_max steps, since the loss of the pen counts them (eq. 9).

    Args:
        config: of the model.
        lengths: true points of each drawing of the batch.
        all_steps: count N_max steps for the encoder, too: what a way does that does not look at
            lengths. To compare; not needed.
    """
    B, T, H, Z = len(lengths), config.N_max, config.decoder_size, config.z_size
    found: list[Product] = []
    if config.conditional:
        read = B * T if all_steps else sum(lengths)
        for direction in ("forward", "backward"):
            found += _cell_products(
                f"encoder {direction}",
                config,
                config.encoder_cell,
                config.encoder_size,
                steps=read,
                state_steps=read - B,
            )
        found += [
            Product("mu", B, 2 * config.encoder_size, Z, 3),
            Product("log-variance", B, 2 * config.encoder_size, Z, 3),
            Product("initial state", B, Z, _state_size(config), 3),
            Product("z", B, Z, _projected_size(config, config.decoder_cell, H), 3),
        ]
    found += _cell_products(
        "decoder",
        config,
        config.decoder_cell,
        H,
        steps=B * T,
        state_steps=B * T if config.conditional else B * (T - 1),
    )
    return [*found, Product("head", B * T, H, head_size(config.mixtures), 3)]


def point_products(config: ModelConfig, rows: int) -> list[Product]:
    """The products of one more point of `rows` drawings: forward only, z's done before."""
    step = _cell_products(
        "decoder", config, config.decoder_cell, config.decoder_size, steps=rows, state_steps=rows
    )
    head = Product("head", rows, config.decoder_size, head_size(config.mixtures), 1)
    return [*(Product(p.name, p.rows, p.K, p.N, 1) for p in step), head]


def decoder_products(config: ModelConfig, B: int) -> list[Product]:
    """The products of a decoder's cell alone over N_max steps, forward and backward."""
    Z, H, steps = config.z_size, config.decoder_size, B * config.N_max
    return [
        Product("z", B, Z, _projected_size(config, config.decoder_cell, H), 3),
        *_cell_products("decoder", config, config.decoder_cell, H, steps=steps, state_steps=steps),
    ]


def step_bytes(config: ModelConfig, lengths: Sequence[int]) -> int:
    """What a step must write once and read once, if nothing of it stays in a cache.

    Of each step of each row: the four gates, h and c (a HyperLSTM's products and embeddings, and
    its small LSTM's, as well) for the backward pass; the adjoints of what is before the gates, for
    the gradient of the weights; the dropout mask, read in both passes. Of the decoder: the adjoint
    of h, the head's outputs and their adjoints. Of each weight: what Adam reads and writes.
    """
    B, T, H = len(lengths), config.N_max, config.decoder_size
    total = cell_bytes(config, config.decoder_cell, H, B * T)
    total += 2 * FLOAT * B * T * (H + 2 * head_size(config.mixtures))
    if config.conditional:
        total += 2 * cell_bytes(config, config.encoder_cell, config.encoder_size, sum(lengths))
    with torch.device("meta"):
        weights = sum(parameter.numel() for parameter in Network(config).parameters())
    return total + ADAM_PASSES * FLOAT * weights


def decoder_bytes(config: ModelConfig, B: int) -> int:
    """The same for a decoder's cell alone over N_max steps, without dropout."""
    H, steps = config.decoder_size, B * config.N_max
    adjoint_of_h = 2 * FLOAT * steps * H
    return cell_bytes(config, config.decoder_cell, H, steps, dropout=False) + adjoint_of_h


def cell_bytes(
    config: ModelConfig, cell: CellName, H: int, steps: int, *, dropout: bool = True
) -> int:
    """That of one cell over `steps` steps of a row."""
    units = [H]
    values = 0
    if cell == "hyper":
        units.append(config.hyper_size)
        values = 2 * (GATES * H + EMBEDDINGS * config.hyper_embedding)  # and their adjoints
    saved = GATES + 2  # the gates, h and c
    values += sum((saved + GATES) * unit for unit in units)
    masks = 3 * sum(units) if dropout else 0  # a byte a unit, written once and read twice
    return steps * (2 * FLOAT * values + masks)


def _cell_products(
    name: str, config: ModelConfig, cell: CellName, H: int, *, steps: int, state_steps: int
) -> Iterator[Product]:
    Y, E = config.hyper_size, config.hyper_embedding
    yield Product(f"{name}, x", steps, POINT, _projected_size(config, cell, H), 2)
    yield Product(f"{name}, h", state_steps, H, GATES * H, 3)
    if cell == "hyper":
        yield Product(f"{name}, h to the small LSTM", state_steps, H, GATES * Y, 3)
        yield Product(f"{name}, k", state_steps, Y, GATES * Y, 3)
        yield Product(f"{name}, embeddings", steps, Y, EMBEDDINGS * E, 3)
        yield Product(f"{name}, expansion", EMBEDDINGS * steps, E, H, 3)


def _projected_size(config: ModelConfig, cell: CellName, H: int) -> int:
    return GATES * (H + config.hyper_size) if cell == "hyper" else GATES * H


def _state_size(config: ModelConfig) -> int:
    hyper = config.hyper_size if config.decoder_cell == "hyper" else 0
    return 2 * (config.decoder_size + hyper)


def drawings_like_omniglot(count: int, N_max: int) -> Drawings:
    """Random drawings with Omniglot's lengths: the same each time.

    Their lengths are the quantiles of a distribution fitted to those of the Omniglot drawings of 11
    to 100 points (mean 32), times N_max / 100; where the points lie makes no difference to a step.
    """
    curve = NormalDist(LOG_LENGTH, LOG_LENGTH_SPREAD)
    low, high = (curve.cdf(math.log(edge)) for edge in (SHORTEST - 0.5, LONGEST + 0.5))
    shares = (np.arange(count) + 0.5) / count
    lengths = [math.exp(curve.inv_cdf(low + share * (high - low))) for share in shares]
    rng = np.random.default_rng(0)
    arrays = []
    for length in np.clip(np.array(lengths) * N_max / LONGEST, 1, N_max).round().astype(int):
        rows = np.zeros((length, 3), dtype=np.int16)
        rows[:, strokes.XY] = rng.normal(0, OFFSET, (length, 2))
        rows[:, strokes.PEN_UP] = rng.random(length) < PEN_UP
        rows[-1, strokes.PEN_UP] = 1
        arrays.append(rows)
    return Drawings.from_arrays(arrays)
