"""Network: encoder, decoder and head of the paper's figure 2, on scaled stroke-5 tensors.

Shapes: B batch, T steps, H hidden, Z latent, M mixtures. Offsets are in scaled units here; the
user's units are `drawing.coder.Coder`'s matter.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from sketchrnn.model.backends.plain import Dropout, Run, steps_run
from sketchrnn.model.cells import Cell, build_cell
from sketchrnn.model.config import POINT, ModelConfig
from sketchrnn.model.decoder import Decoder, build_decoder
from sketchrnn.model.mixture import Mixture, head_size
from sketchrnn.model.unroll import (
    AUTO,
    Backend,
    random_dropout,
    reverse_by_length,
    unroll_beside,
)

HEAD_ROWS = 512  # the head takes a multiple of these
SMALL_WEIGHTS = 1e-3  # standard deviation of the weights to and from z (docs/deviations.md, row 14)


class Network(nn.Module):
    """The sequence-to-sequence VAE, or the decoder alone where `config.conditional` is false.

    Attributes:
        config: its shape.
        decoder: the weights of the decoder; `decoding` begins, steps and unrolls with them.
    """

    decoding: Decoder

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        if config.conditional:
            size = config.encoder_size
            self.encoder_forward = build_cell(config.encoder_cell, POINT, size, config)
            self.encoder_backward = build_cell(config.encoder_cell, POINT, size, config)
            self.to_mu = _small_linear(2 * size, config.z_size)
            self.to_log_variance = _small_linear(2 * size, config.z_size)
        decoding = build_decoder(config.z_size if config.conditional else 0, config)
        self.decoder = decoding.module
        object.__setattr__(self, "decoding", decoding)  # no second module of the same weights
        if config.conditional and self.decoding.start_size:
            self.to_initial_state = _small_linear(config.z_size, self.decoding.start_size)
        self.head = nn.Linear(self.decoding.output_size, head_size(config.mixtures))
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
        """Drawings -> mu_BZ and log_variance_BZ of q(z | S) (eq. 1 and 2).

        The stroke-5 rows are without the start token; what lies past a length, the number of points
        N_s of at least 1, is not read. The dropout of each direction covers the longest at least.
        """
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

    def context(self, z_BZ: Tensor | None, count: int) -> Tensor:
        """What the decoder is given at every step, the same for a whole drawing: [B, C].

        That is z; nothing for a decoder-only model (`count` rows of no numbers). What else is
        constant over time, as the class of a drawing, enters here.
        """
        return self.head.weight.new_empty(count, 0) if z_BZ is None else z_BZ

    def begin(self, z_BZ: Tensor | None, count: int = 1, *, backend: Backend = AUTO) -> Any:
        """The decoder's memory before the first point; it begins with tanh(W_z z + b_z), or zeros.

        A decoder-only model has no z, and `count` for B.
        """
        context_BC = self.context(z_BZ, count)
        if z_BZ is None or not self.decoding.start_size:
            start_BS = context_BC.new_zeros(len(context_BC), self.decoding.start_size)
        else:
            start_BS = torch.tanh(self.to_initial_state(z_BZ))
        return self.decoding.begin(context_BC, start_BS, backend)

    def decode(
        self,
        inputs_BT5: Tensor,
        z_BZ: Tensor | None,
        memory: Any = None,
        dropout: Dropout | None = None,
        lengths_B: Tensor | None = None,
        *,
        backend: Backend = AUTO,
    ) -> tuple[Mixture, Any]:
        """The distribution of each next point, given the points before it: S_0 ... S_{T-1}.

        Args:
            memory: to go on from; by default z's beginning, run by `backend`.
            lengths_B: how many steps of each row are wanted, at least 1; None for T.

        Returns:
            Mixture with leading shape [B, T], and the memory after the last step. With `lengths_B`
            the leading shape is [P]: the steps that are wanted, as `steps_run` picks them, and
            nothing is computed for others.
        """
        if memory is None:
            memory = self.begin(z_BZ, len(inputs_BT5), backend=backend)
        x_TB5 = inputs_BT5.transpose(0, 1)
        h_TBH, memory = self.decoding.unroll(x_TB5, memory, dropout=dropout, lengths_B=lengths_B)
        if lengths_B is None:
            return Mixture.from_head(self.head(h_TBH).transpose(0, 1)), memory
        (places_P,) = steps_run(len(x_TB5), lengths_B).flatten().nonzero(as_tuple=True)
        P = len(places_P)
        # filled up, as oneDNN keeps a megabyte for each number of rows that it has ever met
        places_P = nn.functional.pad(places_P, (0, -P % HEAD_ROWS))
        y_P = self.head(h_TBH.flatten(0, 1).index_select(0, places_P))[:P]
        return Mixture.from_head(y_P), memory

    def draw_dropout(
        self, batch_size: int, steps: int, keep: float, generator: torch.Generator
    ) -> tuple[tuple[Dropout | None, Dropout | None], Dropout | None]:
        """Fresh recurrent dropout for the two encoder directions and the decoder.

        Every step of every row has its own mask (docs/deviations.md, row 9). keep = 1 gives None.
        """
        if keep >= 1:
            return (None, None), None

        def draw(of: Cell | Decoder) -> Dropout:
            shape = (steps, batch_size, sum(of.mask_sizes))
            return random_dropout(shape, keep, generator, self.head.weight.device)

        if not self.config.conditional:
            return (None, None), draw(self.decoding)
        return (draw(self.encoder_forward), draw(self.encoder_backward)), draw(self.decoding)


def _small_linear(inputs: int, outputs: int) -> nn.Linear:
    layer = nn.Linear(inputs, outputs)
    nn.init.normal_(layer.weight, std=SMALL_WEIGHTS)
    nn.init.zeros_(layer.bias)
    return layer
