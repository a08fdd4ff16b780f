"""Network: encoder, decoder and head of the paper's figure 2, on scaled stroke-5 tensors.

Shapes: B batch, T steps, H hidden, Z latent, M mixtures. Offsets are in scaled units here; the
user's units are `drawing.model.Model`'s matter.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sketchrnn.model.cells import Cell, State, build_cell
from sketchrnn.model.config import POINT, ModelConfig
from sketchrnn.model.mixture import Mixture, head_size
from sketchrnn.model.unroll import (
    AUTO,
    Backend,
    Dropout,
    Run,
    random_dropout,
    reverse_by_length,
    steps_run,
    unroll,
    unroll_beside,
)

HEAD_ROWS = 512  # the head takes a multiple of these
SMALL_WEIGHTS = 1e-3  # standard deviation of the weights to and from z (docs/deviations.md, row 14)


class Network(nn.Module):
    """The sequence-to-sequence VAE, or the decoder alone where `config.conditional` is false."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        decoder_input = POINT
        if config.conditional:
            decoder_input += config.z_size
            size = config.encoder_size
            self.encoder_forward = build_cell(config.encoder_cell, POINT, size, config)
            self.encoder_backward = build_cell(config.encoder_cell, POINT, size, config)
            self.to_mu = _small_linear(2 * size, config.z_size)
            self.to_log_variance = _small_linear(2 * size, config.z_size)
        self.decoder = build_cell(config.decoder_cell, decoder_input, config.decoder_size, config)
        if config.conditional:
            self.to_initial_state = _small_linear(config.z_size, sum(self.decoder.state_sizes))
        self.head = nn.Linear(config.decoder_size, head_size(config.mixtures))
        nn.init.xavier_uniform_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def encode(
        self,
        points_BT5: Tensor,
        lengths_B: Tensor,
        dropout: tuple[Dropout | None, Dropout | None] = (None, None),
        *,
        backend: Backend = AUTO,
    ) -> tuple[Tensor, Tensor]:
        """Drawings -> mu and log-variance of q(z | S) (eq. 2 and the line after it).

        Args:
            points_BT5: stroke-5 rows without the start token; what lies past a length is not read.
            lengths_B: true numbers of points N_s, at least 1.
            dropout: recurrent dropout of the two directions, of at least the longest length.
            backend: how the cells are run over time.

        Returns:
            mu_BZ and log_variance_BZ.
        """
        backend = backend.chosen(points_BT5)
        T = points_BT5.shape[1]
        if backend.name != "triton":  # there, where the longest is not known without waiting
            T = int(lengths_B.max())
        x_TB5 = points_BT5[:, :T].transpose(0, 1)
        directions = (
            (self.encoder_forward, x_TB5, dropout[0]),
            (self.encoder_backward, reverse_by_length(x_TB5, lengths_B), dropout[1]),
        )
        runs = []
        for cell, x, masks in directions:
            weights, bias = cell.input_weights()
            constant = weights.new_zeros(weights.shape[1]) if bias is None else bias
            masks = None if masks is None else masks.first(T)
            runs.append(Run(cell, x, weights, constant, cell.zero_state(points_BT5), masks))
        results = unroll_beside(runs, lengths_B=lengths_B, backend=backend)
        h_B2H = torch.cat([h_BH for _, (h_BH, *_) in results], dim=1)
        return self.to_mu(h_B2H), self.to_log_variance(h_B2H)

    def initial_state(self, z_BZ: Tensor | None, batch_size: int = 1) -> State:
        """tanh(W_z z + b_z), split into the parts of the state; zeros for a decoder-only model."""
        if z_BZ is None:
            return self.decoder.zero_state(self.head.weight.new_empty(batch_size, 0))
        state = torch.tanh(self.to_initial_state(z_BZ))
        return tuple(
            part.contiguous() for part in torch.split(state, list(self.decoder.state_sizes), dim=1)
        )

    def decode(
        self,
        inputs_BT5: Tensor,
        z_BZ: Tensor | None,
        state: State | None = None,
        dropout: Dropout | None = None,
        lengths_B: Tensor | None = None,
        *,
        backend: Backend = AUTO,
    ) -> tuple[Mixture, State]:
        """The distribution of each next point, given the points before it.

        Args:
            inputs_BT5: S_0 ... S_{T-1}, the start token first.
            z_BZ: latent vectors, None for a decoder-only model.
            state: to go on from; by default the initial state of z.
            dropout: recurrent dropout of the T steps.
            lengths_B: how many steps of each row are wanted, at least 1; None for T.
            backend: how the cell is run over time.

        Returns:
            Mixture with leading shape [B, T], and the state after the last step. With `lengths_B`
            the leading shape is [P]: the steps that are wanted, as `steps_run` picks them, and
            nothing is computed for others.
        """
        if state is None:
            state = self.initial_state(z_BZ, len(inputs_BT5))
        weights, constant = self.input_product(z_BZ, len(inputs_BT5))
        x_TB5 = inputs_BT5.transpose(0, 1)
        h_TBH, state = unroll(
            self.decoder,
            x_TB5,
            weights,
            constant,
            state,
            dropout=dropout,
            lengths_B=lengths_B,
            backend=backend,
        )
        if lengths_B is None:
            return Mixture.from_head(self.head(h_TBH).transpose(0, 1)), state
        (places_P,) = steps_run(len(x_TB5), lengths_B).flatten().nonzero(as_tuple=True)
        P = len(places_P)
        # filled up, as oneDNN keeps a megabyte for each number of rows that it has ever met
        places_P = nn.functional.pad(places_P, (0, -P % HEAD_ROWS))
        y_P = self.head(h_TBH.flatten(0, 1).index_select(0, places_P))[:P]
        return Mixture.from_head(y_P), state

    def input_product(self, z_BZ: Tensor | None, batch_size: int) -> tuple[Tensor, Tensor]:
        """What makes `decoder.project([x; z])` of x alone: x @ weights + constant.

        z is the same at every step, so its product is formed once.

        Returns:
            weights [5, P], and the constant part of each row [B, P].
        """
        weights, bias = self.decoder.input_weights()
        constant = weights.new_zeros(weights.shape[1]) if bias is None else bias
        if z_BZ is None:
            return weights[:POINT], constant.expand(batch_size, -1)
        return weights[:POINT], z_BZ @ weights[POINT:] + constant

    def draw_dropout(
        self, batch_size: int, steps: int, keep: float, generator: torch.Generator
    ) -> tuple[tuple[Dropout | None, Dropout | None], Dropout | None]:
        """Fresh recurrent dropout for the two encoder directions and the decoder.

        Every step of every row has its own mask (docs/deviations.md, row 9). keep = 1 gives None.
        """
        if keep >= 1:
            return (None, None), None

        def draw(cell: Cell) -> Dropout:
            shape = (steps, batch_size, sum(cell.mask_sizes))
            return random_dropout(shape, keep, generator, self.head.weight.device)

        if not self.config.conditional:
            return (None, None), draw(self.decoder)
        return (draw(self.encoder_forward), draw(self.encoder_backward)), draw(self.decoder)


def _small_linear(inputs: int, outputs: int) -> nn.Linear:
    layer = nn.Linear(inputs, outputs)
    nn.init.normal_(layer.weight, std=SMALL_WEIGHTS)
    nn.init.zeros_(layer.bias)
    return layer
