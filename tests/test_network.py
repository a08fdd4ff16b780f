"""The whole network: lengths, causality, z, initial weights, against the oracles' equations.

Tolerances: float64, so 1e-12 where only the order of the operations differs; the compiled backend
is float32, where 1e-5 allows for the few steps there are.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import oracles
from sketchrnn import strokes
from sketchrnn.errors import SketchRNNError
from sketchrnn.model.cells import Cell
from sketchrnn.model.config import ModelConfig
from sketchrnn.model.mixture import Mixture
from sketchrnn.model.network import Network
from sketchrnn.model.unroll import PLAIN, Backend
from unrolling import assert_same, dtype_of, every_way

CELLS = ("lstm", "layer_norm", "hyper")
FORWARD, SINGLE = 1e-12, 1e-5
N_MAX = 7
LENGTHS = [3, 7, 1, 5]

every_cell = pytest.mark.parametrize("cell", CELLS)


@pytest.fixture(autouse=True)
def float64() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def make_config(cell: str = "lstm", **changes: Any) -> ModelConfig:
    sizes = {
        "N_max": N_MAX,
        "encoder_cell": cell,
        "decoder_cell": cell,
        "encoder_size": 6,
        "decoder_size": 8,
        "z_size": 4,
        "mixtures": 3,
        "hyper_size": 5,
        "hyper_embedding": 2,
    }
    return ModelConfig(**(sizes | changes))


def make_network(cell: str = "lstm", seed: int = 0, **changes: Any) -> Network:
    """A network whose parameters are all random and large enough that everything matters."""
    torch.manual_seed(seed)
    network = Network(make_config(cell, **changes))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.3 * torch.randn_like(parameter)
    return network


def make_points() -> tuple[Tensor, Tensor]:
    """Stroke-5 rows [B, N_max, 5] without the start token, padded as batches are; their lengths."""
    generator = torch.Generator().manual_seed(1)
    points = torch.zeros(len(LENGTHS), N_MAX, 5)
    points[:] = torch.from_numpy(strokes.END_TOKEN)
    for row, length in enumerate(LENGTHS):
        points[row, :length, strokes.XY] = torch.randn(length, 2, generator=generator)
        pen_up = torch.rand(length, generator=generator) < 0.3
        points[row, :length, strokes.P1_DOWN] = (~pen_up).double()
        points[row, :length, strokes.P2_UP] = pen_up.double()
        points[row, :length, strokes.P3_END] = 0
    return points, torch.tensor(LENGTHS)


def with_start(points: Tensor) -> Tensor:
    """The decoder's inputs S_0 ... S_{T-1} of points S_1 ... S_T."""
    start = torch.from_numpy(strokes.START_TOKEN).double().expand(len(points), 1, 5)
    return torch.cat([start, points[:, :-1]], dim=1)


def outputs(mixture: Mixture) -> Tensor:
    """The last layer's outputs [..., 6 M + 3] back from their parts."""
    return torch.cat([getattr(mixture, part.name) for part in dataclasses.fields(mixture)], dim=-1)


def tolerance(backend: Backend) -> float:
    return FORWARD if backend == PLAIN else SINGLE


def parameters(module: torch.nn.Module) -> dict[str, oracles.Array]:
    return {name: value.detach().double().numpy() for name, value in module.named_parameters()}


def zeros(cell: Cell) -> tuple[oracles.Array, ...]:
    return tuple(np.zeros((1, size)) for size in cell.state_sizes)


@every_way
@every_cell
def test_encoder_is_the_papers(cell: str, backend: Backend) -> None:
    """Eq. 1 and 2: each drawing by itself, both ways, its own points and no start token."""
    network = make_network(cell).to(dtype_of(backend))
    points, lengths = make_points()
    points = points.to(dtype_of(backend))
    mu, log_variance = network.encode(points, lengths, backend=backend)
    for row, length in enumerate(LENGTHS):
        own = points[row, :length].numpy()[:, None]
        finals = []
        for encoder, x in (
            (network.encoder_forward, own),
            (network.encoder_backward, own[::-1]),
        ):
            h, _ = oracles.run(cell, parameters(encoder), x, zeros(encoder))
            finals.append(h[-1])
        h = np.concatenate(finals, axis=1)[0]
        for ours, layer in ((mu, network.to_mu), (log_variance, network.to_log_variance)):
            p = parameters(layer)
            expected = p["weight"] @ h + p["bias"]
            found = ours[row].detach().numpy()
            np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance(backend))


@every_way
@every_cell
def test_decoder_is_the_papers(cell: str, backend: Backend) -> None:
    """Eq. 4 with [S_{i-1}; z] put side by side at every step, from tanh(W_z z + b_z)."""
    network = make_network(cell).to(dtype_of(backend))
    points, _ = make_points()
    inputs = with_start(points).to(dtype_of(backend))
    z = torch.randn(len(points), 4, generator=torch.Generator().manual_seed(2)).to(
        dtype_of(backend)
    )
    mixture, memory = network.decode(inputs, z, backend=backend)
    p = parameters(network.to_initial_state)
    start = np.tanh(z.numpy() @ p["weight"].T + p["bias"])
    sizes = np.cumsum(network.decoder.state_sizes)[:-1]
    for ours, wanted in zip(network.begin(z).state, np.split(start, sizes, axis=1), strict=True):
        np.testing.assert_allclose(ours.detach().numpy(), wanted, rtol=0, atol=tolerance(backend))
    x = np.concatenate([inputs.numpy(), np.repeat(z.numpy()[:, None], N_MAX, axis=1)], axis=2)
    h, state = oracles.run(
        cell,
        parameters(network.decoder),
        x.transpose(1, 0, 2),
        tuple(np.split(start, sizes, axis=1)),
    )
    p = parameters(network.head)
    y = h.transpose(1, 0, 2) @ p["weight"].T + p["bias"]
    np.testing.assert_allclose(
        outputs(mixture).detach().numpy(), y, rtol=0, atol=tolerance(backend)
    )
    for ours, wanted in zip(memory.state, state, strict=True):
        np.testing.assert_allclose(ours.detach().numpy(), wanted, rtol=0, atol=tolerance(backend))


@pytest.mark.parametrize("garbage", [float("nan"), float("inf"), 1e30, 3.0])
@every_way
@every_cell
def test_padding_changes_no_encoding(cell: str, backend: Backend, garbage: float) -> None:
    """A batch padded further, with anything past the lengths, gives the same numbers exactly."""
    network = make_network(cell).to(dtype_of(backend))
    points, lengths = make_points()
    points = points.to(dtype_of(backend))
    expected = network.encode(points, lengths, backend=backend)
    longer = points.new_full((len(points), N_MAX + 4, 5), garbage)
    for row, length in enumerate(LENGTHS):
        longer[row, :length] = points[row, :length]
    for ours, wanted in zip(
        network.encode(longer, lengths, backend=backend), expected, strict=True
    ):
        assert torch.equal(ours, wanted)


@every_way
@every_cell
def test_neighbours_change_no_encoding(cell: str, backend: Backend) -> None:
    """A drawing encoded alone, cut to its length, as in a batch of longer ones."""
    network = make_network(cell).to(dtype_of(backend))
    points, lengths = make_points()
    points = points.to(dtype_of(backend))
    mu, log_variance = network.encode(points, lengths, backend=backend)
    for row, length in enumerate(LENGTHS):
        alone = network.encode(
            points[row : row + 1, :length], lengths[row : row + 1], backend=backend
        )
        torch.testing.assert_close(alone[0][0], mu[row], rtol=0, atol=tolerance(backend))
        torch.testing.assert_close(alone[1][0], log_variance[row], rtol=0, atol=tolerance(backend))


@every_cell
def test_padding_changes_no_gradient(cell: str) -> None:
    """What lies past a length gets a gradient of exactly zero, and moves none of the weights'."""
    network = make_network(cell)
    points, lengths = make_points()
    padding = torch.arange(N_MAX)[None, :] >= lengths[:, None]
    gradients = []
    for value in (0.0, -50.0):
        x = torch.where(padding[..., None], torch.tensor(value), points).requires_grad_()
        network.zero_grad()
        mu, log_variance = network.encode(x, lengths)
        (mu.sum() + log_variance.square().sum()).backward()
        assert (x.grad[padding] == 0).all()
        assert (x.grad[~padding] != 0).any(dim=-1).all()
        gradients.append([p.grad.clone() for p in network.parameters() if p.grad is not None])
    for first, second in zip(*gradients, strict=True):
        torch.testing.assert_close(first, second, rtol=0, atol=FORWARD)


@every_way
@every_cell
def test_nan_in_the_padding_enters_no_gradient(cell: str, backend: Backend) -> None:
    network = make_network(cell).to(dtype_of(backend))
    points, lengths = make_points()
    points = points.to(dtype_of(backend))
    gradients = []
    for value in (0.0, float("nan")):
        padding = torch.arange(N_MAX)[None, :, None] >= lengths[:, None, None]
        network.zero_grad()
        x = torch.where(padding, torch.tensor(value).to(points), points)
        mu, _ = network.encode(x, lengths, backend=backend)
        mu.sum().backward()
        gradients.append([p.grad.clone() for p in network.parameters() if p.grad is not None])
    for first, second in zip(*gradients, strict=True):
        torch.testing.assert_close(first, second, rtol=0, atol=FORWARD)


@every_cell
def test_decoder_sees_nothing_of_the_future(cell: str) -> None:
    """The distribution of S_i: no gradient at all by S_i and later, some by every earlier point."""
    network = make_network(cell)
    points, _ = make_points()
    z = torch.randn(len(points), 4)
    inputs = with_start(points).requires_grad_()
    y = outputs(network.decode(inputs, z)[0])
    for i in range(1, N_MAX + 1):  # y[:, i - 1] predicts S_i from inputs S_0 ... S_{i-1}
        (gradient,) = torch.autograd.grad(y[:, i - 1].square().sum(), inputs, retain_graph=True)
        assert (gradient[:, i:] == 0).all()
        assert (gradient[:, :i] != 0).any(dim=2).all()


@every_way
@every_cell
def test_a_changed_future_changes_nothing_before(cell: str, backend: Backend) -> None:
    network = make_network(cell).to(dtype_of(backend))
    points, _ = make_points()
    z = torch.randn(len(points), 4).to(dtype_of(backend))
    inputs = with_start(points).to(dtype_of(backend))
    y = outputs(network.decode(inputs, z, backend=backend)[0])
    for i in range(1, N_MAX):
        changed = inputs.clone()
        changed[:, i:] = float("nan")
        other = outputs(network.decode(changed, z, backend=backend)[0])
        assert torch.equal(other[:, :i], y[:, :i])
        assert other[:, i:].isnan().all()


@every_way
@every_cell
def test_decoding_what_is_wanted_alone(cell: str, backend: Backend) -> None:
    """With lengths: those steps of the whole, time first, and nothing of others, even of NaN."""
    network = make_network(cell).to(dtype_of(backend))
    points, lengths = make_points()
    z = torch.randn(len(points), 4).to(dtype_of(backend))
    inputs = with_start(points).to(dtype_of(backend))
    wanted = torch.arange(N_MAX)[:, None] < lengths
    results = []
    for whole in (True, False):
        network.zero_grad()
        if whole:
            mixture, _ = network.decode(inputs, z, backend=backend)
            y = outputs(mixture).transpose(0, 1)[wanted]
        else:
            inputs[~wanted.T] = float("nan")
            mixture, _ = network.decode(inputs, z, lengths_B=lengths, backend=backend)
            y = outputs(mixture)
        (y * torch.linspace(-1, 1, y.numel()).to(y).view(y.shape)).sum().backward()
        named = {name: p.grad for name, p in network.named_parameters()}
        results.append({"y": y.detach(), **named})
    assert_same(results[1], results[0], 10 * tolerance(backend))


@pytest.mark.parametrize("conditional", [True, False])
@every_way
@every_cell
def test_decoding_step_by_step_is_decoding_at_once(
    cell: str, backend: Backend, conditional: bool
) -> None:
    network = make_network(cell, conditional=conditional).to(dtype_of(backend))
    points, _ = make_points()
    z = torch.randn(len(points), 4).to(dtype_of(backend)) if conditional else None
    inputs = with_start(points).to(dtype_of(backend))
    y = outputs(network.decode(inputs, z, backend=backend)[0])
    memory = None
    for i in range(N_MAX):
        mixture, memory = network.decode(inputs[:, i : i + 1], z, memory, backend=backend)
        torch.testing.assert_close(outputs(mixture)[:, 0], y[:, i], rtol=0, atol=tolerance(backend))


@every_cell
def test_decoder_only(cell: str) -> None:
    """Section 3.3: no encoder, no z, an initial state of zeros; inputs are the points alone."""
    network = make_network(cell, conditional=False)
    assert {name.split(".")[0] for name, _ in network.named_parameters()} == {"decoder", "head"}
    assert network.decoder.input_size == 5
    points, _ = make_points()
    inputs = with_start(points)
    start = network.begin(None, len(points)).state
    assert [tuple(part.shape) for part in start] == [
        (len(points), size) for size in network.decoder.state_sizes
    ]
    assert all((part == 0).all() for part in start)
    h, _ = oracles.run(
        cell,
        parameters(network.decoder),
        inputs.numpy().transpose(1, 0, 2),
        tuple(part.numpy() for part in start),
    )
    p = parameters(network.head)
    expected = h.transpose(1, 0, 2) @ p["weight"].T + p["bias"]
    y = outputs(network.decode(inputs, None)[0])
    np.testing.assert_allclose(y.detach().numpy(), expected, rtol=0, atol=FORWARD)


def test_the_two_sides_take_different_cells() -> None:
    network = make_network(encoder_cell="hyper", decoder_cell="layer_norm")
    points, lengths = make_points()
    mu, _ = network.encode(points, lengths)
    network.decode(with_start(points), mu)[0].log_density(points[..., strokes.XY]).sum().backward()
    assert all(
        (p.grad != 0).any()
        for name, p in network.named_parameters()
        if not name.startswith("to_log_variance") and not name.startswith("head")
    )


def test_initial_weights() -> None:
    """Row 14 of the deviations: N(0, 0.001) to and from z, zero biases; Xavier in the head."""
    torch.manual_seed(0)
    network = Network(make_config(z_size=64, encoder_size=50, decoder_size=60, mixtures=20))
    for layer in (network.to_mu, network.to_log_variance, network.to_initial_state):
        weights = layer.weight.detach()
        # at least 6400 normal numbers: the standard deviation within 1 %, the mean within 1.3 %
        assert float(weights.std()) == pytest.approx(1e-3, rel=0.04)
        assert abs(float(weights.mean())) < 5e-5
        assert (layer.bias == 0).all()
    bound = (6 / (60 + 123)) ** 0.5
    weights = network.head.weight.detach()
    assert weights.shape == (123, 60)
    assert weights.abs().max() <= bound
    assert float(weights.std()) == pytest.approx(bound / 3**0.5, rel=0.04)
    assert (network.head.bias == 0).all()


@every_cell
def test_a_fresh_decoder_knows_nothing(cell: str) -> None:
    """From zero input, zero z and initial weights, h stays 0: one standard normal, even pens."""
    torch.manual_seed(0)
    network = Network(make_config(cell))
    mixture, _ = network.decode(torch.zeros(1, 2, 5), torch.zeros(1, 4))
    assert (outputs(mixture) == 0).all()
    density = mixture.log_density(torch.zeros(1, 2, 2))
    torch.testing.assert_close(
        density, torch.full((1, 2), -np.log(2 * np.pi)), rtol=0, atol=FORWARD
    )
    torch.testing.assert_close(mixture.pen, torch.full((1, 2, 3), 1 / 3), rtol=0, atol=FORWARD)


@pytest.mark.parametrize("conditional", [True, False])
@every_cell
def test_weights_survive_a_state_dict(cell: str, conditional: bool) -> None:
    """Nothing that shapes the outputs is outside the weights and the config."""
    first = make_network(cell, seed=0, conditional=conditional)
    second = make_network(cell, seed=1, conditional=conditional)
    points, lengths = make_points()
    z = torch.randn(len(points), 4) if conditional else None
    wanted = outputs(first.decode(with_start(points), z)[0])
    assert not torch.equal(outputs(second.decode(with_start(points), z)[0]), wanted)
    second.load_state_dict(first.state_dict())
    assert torch.equal(outputs(second.decode(with_start(points), z)[0]), wanted)
    if conditional:
        for ours, expected in zip(
            second.encode(points, lengths), first.encode(points, lengths), strict=True
        ):
            assert torch.equal(ours, expected)


@every_cell
def test_dropout_of_its_own_for_each_part(cell: str) -> None:
    """Fresh at each step, row and unit, from one generator; how random: tests/test_unroll.py."""
    network = make_network(cell)
    keep, B, T = 0.9, 40, 30
    generator = torch.Generator().manual_seed(3)
    global_state = torch.get_rng_state()
    encoder, decoder = network.draw_dropout(B, T, keep, generator)
    assert torch.equal(torch.get_rng_state(), global_state)
    drawn = (*encoder, decoder)
    cells = (network.encoder_forward, network.encoder_backward, network.decoder)
    for dropout, part in zip(drawn, cells, strict=True):
        kept = dropout.kept_TBm
        assert dropout.keep == keep
        assert kept.shape == (T, B, sum(part.mask_sizes))
        # independent trials: 4.5 standard deviations around keep
        deviation = (keep * (1 - keep) / kept.numel()) ** 0.5
        assert abs(float(kept.double().mean()) - keep) < 4.5 * deviation
    assert not torch.equal(encoder[0].kept_TBm, encoder[1].kept_TBm)
    again = network.draw_dropout(B, T, keep, torch.Generator().manual_seed(3))
    assert torch.equal(again[1].kept_TBm, decoder.kept_TBm)
    assert network.draw_dropout(B, T, 1.0, generator) == ((None, None), None)
    unconditional = make_network(cell, conditional=False)
    nothing, decoder = unconditional.draw_dropout(B, T, keep, generator)
    assert nothing == (None, None)
    assert decoder.kept_TBm.shape == (T, B, sum(unconditional.decoder.mask_sizes))


@every_way
@every_cell
def test_dropout_is_that_of_the_cells(cell: str, backend: Backend) -> None:
    """The decoder's masks step by step, and each encoder direction's own."""
    network = make_network(cell).to(dtype_of(backend))
    points, lengths = make_points()
    points = points.to(dtype_of(backend))
    encoder, decoder = network.draw_dropout(4, N_MAX, 0.5, torch.Generator().manual_seed(1))
    inputs = with_start(points).to(dtype_of(backend))
    z = torch.randn(4, 4).to(dtype_of(backend))
    y = outputs(network.decode(inputs, z, dropout=decoder, backend=backend)[0])
    state = network.begin(z).state
    for i in range(N_MAX):
        state = network.decoder(torch.cat([inputs[:, i], z], dim=1), state, decoder.factors(i))
        wanted = network.head(state[0])
        torch.testing.assert_close(y[:, i], wanted, rtol=0, atol=10 * tolerance(backend))
    mu, _ = network.encode(points, lengths, encoder, backend=backend)
    for row, length in enumerate(LENGTHS):
        own, finals = points[row : row + 1, :length], []
        for part, dropout, steps in (
            (network.encoder_forward, encoder[0], range(length)),
            (network.encoder_backward, encoder[1], range(length)[::-1]),
        ):
            state = part.zero_state(own)
            for i, step in enumerate(steps):
                state = part(own[:, step], state, dropout.factors(i)[row : row + 1])
            finals.append(state[0])
        wanted = network.to_mu(torch.cat(finals, dim=1))[0]
        torch.testing.assert_close(mu[row], wanted, rtol=0, atol=10 * tolerance(backend))


@every_way
@every_cell
def test_encoding_with_masks_longer_than_the_drawings(cell: str, backend: Backend) -> None:
    """Masks have N_max steps; a batch whose longest drawing is shorter uses the first of them."""
    network = make_network(cell).to(dtype_of(backend))
    points, _ = make_points()
    points = points.to(dtype_of(backend))
    lengths = torch.tensor([2, 4, 1, 3])
    (forward, backward), _ = network.draw_dropout(4, N_MAX, 0.5, torch.Generator().manual_seed(1))
    mu, _ = network.encode(points, lengths, (forward, backward), backend=backend)
    shorter = (forward.first(4), backward.first(4))
    expected, _ = network.encode(points, lengths, shorter, backend=PLAIN)
    torch.testing.assert_close(mu, expected, rtol=0, atol=tolerance(backend))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"N_max": 0}, "N_max must be a whole number from 1 to 1000000, got 0"),
        ({"z_size": -3}, "z_size must be a whole number from 1 to 1000000, got -3"),
        ({"mixtures": 2.0}, "mixtures must be a whole number from 1 to 1000000, got 2.0"),
        ({"encoder_size": True}, "encoder_size must be a whole number from 1 .* got True"),
        ({"decoder_size": "512"}, "decoder_size must be a whole number from 1 .* got '512'"),
        ({"hyper_size": 10**7}, "hyper_size must be a whole number .*to 1000000, got 10000000"),
        ({"decoder_cell": "gru"}, "decoder_cell 'gru': choose one of lstm, layer_norm, hyper"),
        ({"encoder_cell": None}, "encoder_cell None: choose one of lstm, layer_norm, hyper"),
        ({"conditional": 1}, "conditional must be true or false, got 1"),
    ],
)
def test_bad_model_config(values: dict[str, Any], message: str) -> None:
    with pytest.raises(SketchRNNError, match=message) as caught:
        make_config(**values)
    assert "\n" not in str(caught.value)


def test_stored_model_config() -> None:
    config = make_config("hyper", conditional=False)
    assert ModelConfig.from_dict(dataclasses.asdict(config)) == config
    with pytest.raises(SketchRNNError, match="unknown field 'depth'"):
        ModelConfig.from_dict({"N_max": 5, "depth": 3})
    with pytest.raises(SketchRNNError, match="'N_max' is missing"):
        ModelConfig.from_dict({"z_size": 5})
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.N_max = 3
