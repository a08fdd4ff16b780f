"""Decoders that the package does not have: one class, one registration, and all else works.

A cell, the GRU of Cho et al. (2014), held against torch.nn.GRUCell; and a decoder that is no cell.
Both train, validate, draw in batches, complete and stream; what cannot take them says so in a line.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from sketchrnn import api
from sketchrnn.data.dataset import Dataset
from sketchrnn.data.doodles import doodles_dataset
from sketchrnn.drawing.live import load_live
from sketchrnn.errors import SketchRNNError
from sketchrnn.model import cells, config, decoder
from sketchrnn.model.backends.plain import Dropout
from sketchrnn.model.cells import Cell, State
from sketchrnn.model.config import POINT, ModelConfig
from sketchrnn.model.network import Network
from sketchrnn.model.unroll import AUTO, Backend, unroll
from sketchrnn.sketch import Sketch
from sketchrnn.training.config import TrainingConfig
from sketchrnn.training.loop import train


class GRUCell(Cell):
    """r, u = sigma(x W + h U + b); n = tanh(x W_n + b_n + r (h U_n + c_n)); h' = n + u (h - n)."""

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.state_sizes = (hidden_size,)
        self.W_xh = nn.Parameter(torch.randn(input_size, 3 * hidden_size) / input_size**0.5)
        self.W_hh = nn.Parameter(torch.randn(hidden_size, 3 * hidden_size) / hidden_size**0.5)
        self.bias = nn.Parameter(torch.zeros(3 * hidden_size))
        self.candidate_bias = nn.Parameter(torch.zeros(hidden_size))

    def input_weights(self) -> tuple[Tensor, Tensor | None]:
        return self.W_xh, self.bias

    def next_state(self, projected: Tensor, state: State, mask: Tensor | None) -> State:
        (h,) = state
        x_ru, x_n = projected.split([2 * self.hidden_size, self.hidden_size], dim=1)
        h_ru, h_n = (h @ self.W_hh).split([2 * self.hidden_size, self.hidden_size], dim=1)
        r, u = torch.sigmoid(x_ru + h_ru).chunk(2, dim=1)
        n = torch.tanh(x_n + r * (h_n + self.candidate_bias))
        return (n + u * (h - n if mask is None else h - n * mask),)


class TwoPoints(nn.Module, decoder.Decoder):
    """h = tanh(W [S_i; S_{i-1}; context] + b): all that it remembers is the point before."""

    def __init__(self, context_size: int, config: ModelConfig) -> None:
        super().__init__()
        object.__setattr__(self, "module", self)  # not as a part of itself
        self.output_size = config.decoder_size
        self.layer = nn.Linear(2 * POINT + context_size, config.decoder_size)

    def begin(self, context_BC: Tensor, start_BS: Tensor, backend: Backend = AUTO) -> Any:
        assert start_BS.shape == (len(context_BC), 0)
        return context_BC, context_BC.new_zeros(len(context_BC), POINT)

    def step(self, x_B5: Tensor, memory: Any) -> tuple[Tensor, Any]:
        context_BC, before_B5 = memory
        h_BH = torch.tanh(self.layer(torch.cat([x_B5, before_B5, context_BC], dim=1)))
        return h_BH, (context_BC, x_B5)

    def unroll(
        self,
        x_TB5: Tensor,
        memory: Any,
        *,
        dropout: Dropout | None = None,
        lengths_B: Tensor | None = None,
    ) -> tuple[Tensor, Any]:
        context_BC, before_B5 = memory
        shifted_TB5 = torch.cat([before_B5[None], x_TB5[:-1]])
        every_TBC = context_BC.expand(len(x_TB5), -1, -1)
        h_TBH = torch.tanh(self.layer(torch.cat([x_TB5, shifted_TB5, every_TBC], dim=2)))
        return h_TBH, (context_BC, x_TB5[-1])

    def select(self, memory: Any, rows: Tensor) -> Any:
        return tuple(part[rows] for part in memory)


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """For a test alone."""
    monkeypatch.setattr(cells, "_BUILDERS", dict(cells._BUILDERS))
    monkeypatch.setattr(decoder, "_BUILDERS", {})
    lists = (config.CELL_NAMES, config.DECODER_NAMES)
    before = [list(names) for names in lists]
    cells.register_cell("gru", lambda D, H, config: GRUCell(D, H))
    decoder.register_decoder("two_points", TwoPoints)
    yield
    for names, known in zip(lists, before, strict=True):
        names[:] = known


def model_config(N_max: int, name: str = "gru", *, conditional: bool = True) -> ModelConfig:
    return ModelConfig(
        N_max=N_max,
        conditional=conditional,
        encoder_cell="gru",
        decoder_cell=name,
        encoder_size=8,
        decoder_size=12,
        z_size=4,
        mixtures=3,
    )


@pytest.fixture
def dataset() -> Dataset:
    data, _ = doodles_dataset((40, 10, 10), 1).limited(60)
    return data


TRAINING = TrainingConfig(
    batch_size=8, max_steps=12, evaluate_every=6, recurrent_keep=0.9, learning_rate=0.01
)


def trained(
    run: Path, dataset: Dataset, name: str = "gru", *, conditional: bool = True
) -> list[dict[str, Any]]:
    small, _ = dataset.limited(dataset.N_max)
    shape = model_config(small.N_max, name, conditional=conditional)
    return list(train(run, small, shape, TRAINING))


def test_the_cell_is_torchs() -> None:
    """As torch.nn.GRUCell, whose gates are r, u (its z), n, with two biases."""
    torch.manual_seed(1)
    ours, theirs = GRUCell(5, 7).double(), nn.GRUCell(5, 7).double()
    with torch.no_grad():
        theirs.weight_ih.copy_(ours.W_xh.T)
        theirs.weight_hh.copy_(ours.W_hh.T)
        theirs.bias_ih.copy_(ours.bias.normal_())
        theirs.bias_hh.zero_()[14:].copy_(ours.candidate_bias.normal_())
    x, h = torch.randn(6, 3, 5).double(), torch.randn(3, 7).double()
    weights, bias = ours.input_weights()
    h_TBH, (last,) = unroll(ours, x, weights, bias, (h,))
    for step, expected in zip(x, h_TBH, strict=True):
        h = theirs(step, h)
        torch.testing.assert_close(expected, h, rtol=0, atol=1e-12)
    torch.testing.assert_close(last, h, rtol=0, atol=1e-12)


@pytest.mark.parametrize("conditional", [True, False])
@pytest.mark.parametrize("name", ["gru", "two_points"])
def test_it_trains_validates_draws_completes_and_streams(
    tmp_path: Path, dataset: Dataset, name: str, conditional: bool
) -> None:
    records = trained(tmp_path / "run", dataset, name, conditional=conditional)
    losses = [record["L_R"] for record in records if record["kind"] == "train"]
    assert len(losses) == 12
    assert losses[-1] < losses[0]  # it learns
    validations = [record for record in records if record["kind"] == "evaluate"]
    assert len(validations) == 2
    assert np.isfinite([record["loss"] for record in validations]).all()

    model = api.load(tmp_path / "run")
    assert isinstance(model.network.decoder, {"gru": GRUCell, "two_points": TwoPoints}[name])
    drawn = model.generate(5, temperature=0.5, seed=3)  # in batches, from which drawings leave
    part = Sketch.from_polylines([[[0, 0], [20, 5], [40, 30]]])
    completed = model.complete(part, 3, temperature=0.5, seed=3)
    assert len(completed) == 3
    assert all(np.array_equal(one.given.polylines[0], part.polylines[0]) for one in completed)
    assert np.isfinite(model.likelihood(part).nats)

    # point by point: the same drawings, from the model and from the run folder
    for live in (model.live(), load_live(tmp_path / "run")):
        for ours, expected in zip(live.generate(5, temperature=0.5, seed=3), drawn, strict=True):
            assert len(ours.polylines) == len(expected.polylines)
            for line, other in zip(ours.polylines, expected.polylines, strict=True):
                np.testing.assert_allclose(line, other, rtol=1e-3, atol=1e-2)
        points = list(live.stream(temperature=0.5, seed=3))
        assert points[-1].pen == "end"
        assert len(points) == drawn[0].point_count + 1


def test_a_resumed_run_is_an_uninterrupted_one(tmp_path: Path, dataset: Dataset) -> None:
    whole = trained(tmp_path / "whole", dataset)
    small, _ = dataset.limited(dataset.N_max)
    shape = model_config(small.N_max)
    list(train(tmp_path / "halves", small, shape, replace(TRAINING, max_steps=6)))
    again = train(tmp_path / "halves", small, shape, TRAINING, resume=True)
    rest = [record["L_R"] for record in again if record["kind"] == "train"]
    assert rest == [record["L_R"] for record in whole if record["kind"] == "train"][6:]


def test_what_cannot_take_it_says_so(tmp_path: Path) -> None:
    network = Network(model_config(10))
    weights, bias = network.decoder.input_weights()
    x, state = torch.zeros(2, 1, weights.shape[0]), (torch.zeros(1, 12),)
    assert AUTO.chosen(x, network.decoder).name == "plain"
    with pytest.raises(SketchRNNError, match=r"the native backend (has no GRUCell|needs float32)"):
        unroll(network.decoder, x, weights, bias, state, backend=Backend("native"))
    model = api.Model(network, api.load("sun").facts, "grus")
    pytest.importorskip("onnx")
    from sketchrnn.share.onnx_export import export_onnx

    with pytest.raises(SketchRNNError, match="gru"):
        export_onnx(model, tmp_path / "onnx")
    assert not (tmp_path / "onnx").exists()


def test_an_unknown_cell_is_named_with_those_there_are() -> None:
    with pytest.raises(SketchRNNError, match=r"unknown decoder_cell 'gnu': .* hyper, gru"):
        replace(model_config(10), decoder_cell="gnu")
