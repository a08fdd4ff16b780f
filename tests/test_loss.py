"""The losses against a hand-computed example and the oracles; evaluation over a whole split.

Tolerances: 1e-6 relative where float32 numbers near 1 are compared; what a float32 network gives
against float64 arithmetic, over up to nine steps, 2e-5.
"""

from __future__ import annotations

import copy
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from torch.distributions import Normal, kl_divergence

import oracles
from sketchrnn import strokes
from sketchrnn.data.batches import Batch, make_batch
from sketchrnn.data.dataset import Drawings
from sketchrnn.data.padding import END_STEPS, TAIL_EVERY, sampled_weights
from sketchrnn.model.config import BackendName, ModelConfig
from sketchrnn.model.losses import kl_loss, reconstruction_loss
from sketchrnn.model.mixture import Mixture
from sketchrnn.model.network import Network
from sketchrnn.model.unroll import Backend
from sketchrnn.training.config import TrainingConfig
from sketchrnn.training.evaluate import Evaluation, mean_and_stderr
from sketchrnn.training.evaluate import measure as measure_drawings
from sketchrnn.training.trainer import Trainer

NETWORK = 2e-5
N_MAX = 9
SCALE = 7.3  # px
DRAWINGS = 11


def hand_example() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Outputs of the last layer [1, 4, 15], targets [1, 4, 5] and N_s = 2 of the example below."""
    pen = [math.log(0.5), math.log(0.3), math.log(0.2)]
    pi = [0.0, math.log(3.0)]  # 1/4 and 3/4
    mu_x, mu_y = [0.0, 1.0], [0.0, -1.0]
    log_sigma_x, log_sigma_y = [0.0, math.log(0.5)], [math.log(2.0), 0.0]
    rho_raw = [0.0, math.atanh(0.6)]
    y = torch.tensor(
        pen + pi + mu_x + mu_y + log_sigma_x + log_sigma_y + rho_raw, dtype=torch.float64
    ).repeat(1, 4, 1)
    targets = torch.tensor(
        [[[1, 1, 1, 0, 0], [0, -1, 0, 1, 0], [0, 0, 0, 0, 1], [0, 0, 0, 0, 1]]],
        dtype=torch.float64,
    )
    return y, targets, torch.tensor([2])


def test_losses_by_hand() -> None:
    """Two Gaussians, N_s = 2 points, N_max = 4; every number below is worked out on paper.

    First point (1, 1): in the first Gaussian (mu 0 0, sigma 1 2, rho 0) it lies 1 and 1/2 sigma
    away, Z = 1 + 1/4; in the second (mu 1 -1, sigma 1/2 1, rho 0.6) 0 and 2, Z = 4, and
    1 - rho^2 = 0.64, its root 0.8. Second point (0, -1): 0 and -1/2, Z = 1/4; -2 and 0, Z = 4.
    """
    first = math.exp(-1.25 / 2) / (2 * math.pi * 1 * 2)
    second = math.exp(-4 / (2 * 0.64)) / (2 * math.pi * 0.5 * 1 * 0.8)
    log_p1 = math.log(0.25 * first + 0.75 * second)
    first = math.exp(-0.25 / 2) / (2 * math.pi * 1 * 2)
    second = math.exp(-4 / (2 * 0.64)) / (2 * math.pi * 0.5 * 1 * 0.8)
    log_p2 = math.log(0.25 * first + 0.75 * second)

    y, targets, lengths = hand_example()
    loss = reconstruction_loss(Mixture.from_head(y), targets, lengths)
    assert loss.L_s.item() == pytest.approx(-(log_p1 + log_p2) / 4, rel=1e-12)
    # pens: down at 0.5, up at 0.3, then the end at 0.2, twice
    log_down, log_up, log_end = math.log(0.5), math.log(0.3), math.log(0.2)
    assert loss.L_p.item() == pytest.approx(-(log_down + log_up + 2 * log_end) / 4, rel=1e-12)
    assert loss.L_p_masked.item() == pytest.approx(-(log_down + log_up) / 4, rel=1e-12)
    assert loss.L_p_to_end.item() == pytest.approx(-(log_down + log_up + log_end) / 4, rel=1e-12)
    assert loss.L_R.item() == pytest.approx(
        -(log_p1 + log_p2 + log_down + log_up + 2 * log_end) / 4, rel=1e-12
    )
    # the same as decimals: (3.73976 + 3.48452) / 4 and (0.693147 + 1.203973 + 3.218876) / 4
    assert loss.L_s.item() == pytest.approx(1.80607, abs=5e-6)
    assert loss.L_p.item() == pytest.approx(1.278999, abs=5e-7)


def test_a_drawing_as_long_as_N_max_has_no_end_row() -> None:
    y, targets, _ = hand_example()
    targets[0, 2:, strokes.PEN] = torch.tensor([1.0, 0, 0], dtype=torch.float64)
    loss = reconstruction_loss(Mixture.from_head(y), targets, torch.tensor([4]))
    assert loss.L_p.item() == pytest.approx(-(3 * math.log(0.5) + math.log(0.3)) / 4, rel=1e-12)
    assert loss.L_p_masked.item() == loss.L_p.item() == loss.L_p_to_end.item()


def test_losses_against_the_oracle() -> None:
    """Random outputs and drawings of each length, point by point in NumPy."""
    rng = np.random.default_rng(0)
    T, M = 6, 3
    y = rng.standard_normal((T + 1, T, 6 * M + 3))
    targets = np.tile(strokes.END_TOKEN.astype(np.float64), (T + 1, T, 1))
    lengths = np.arange(T + 1)
    for row, length in enumerate(lengths):
        targets[row, :length, strokes.XY] = rng.standard_normal((length, 2))
        pen_up = rng.random(length) < 0.4
        targets[row, :length, strokes.PEN] = np.column_stack([~pen_up, pen_up, 0 * pen_up])
    loss = reconstruction_loss(
        Mixture.from_head(torch.from_numpy(y)), torch.from_numpy(targets), torch.from_numpy(lengths)
    )
    for row, length in enumerate(lengths):
        expected = oracles.reconstruction_losses(y[row], targets[row], int(length), T)
        for name, value in expected.items():
            assert getattr(loss, name)[row].item() == pytest.approx(value, rel=1e-11), name


def test_gradient_of_the_losses_against_the_oracle() -> None:
    y, targets, lengths = hand_example()
    y += 0.1 * torch.from_numpy(np.random.default_rng(1).standard_normal(y.shape))
    y.requires_grad_()
    reconstruction_loss(Mixture.from_head(y), targets, lengths).L_R.sum().backward()

    def L_R(values: dict[str, oracles.Array]) -> oracles.Array:
        losses = oracles.reconstruction_losses(values["y"], targets[0].numpy(), 2, 4)
        return losses["L_s"] + losses["L_p"]  # type: ignore[return-value]

    expected = oracles.gradient(L_R, {"y": y[0].detach().numpy()})["y"]
    np.testing.assert_allclose(y.grad[0].numpy(), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("garbage", [3.0, 1e30, float("inf"), float("nan")])
def test_offsets_of_the_padding_enter_no_gradient(garbage: float) -> None:
    y, targets, lengths = hand_example()
    gradients = []
    for value in (0.0, garbage):
        targets[0, 2:, strokes.XY] = value
        outputs = y.clone().requires_grad_()
        reconstruction_loss(Mixture.from_head(outputs), targets, lengths).L_R.sum().backward()
        gradients.append(outputs.grad)
    assert torch.equal(*gradients)
    offsets = slice(3, None)  # all outputs but the pen logits
    assert (gradients[0][:, 2:, offsets] == 0).all()
    assert (gradients[0][:, 2:, :3] != 0).all()  # L_p counts the padding


@pytest.mark.parametrize("garbage", [3.0, 1e30, float("inf"), float("nan")])
def test_offsets_of_the_padding_enter_no_loss(garbage: float) -> None:
    y, targets, lengths = hand_example()
    expected = reconstruction_loss(Mixture.from_head(y), targets, lengths)
    targets[0, 2:, strokes.XY] = garbage
    loss = reconstruction_loss(Mixture.from_head(y), targets, lengths)
    for name in ("L_s", "L_p", "L_p_masked", "L_p_to_end"):
        assert torch.equal(getattr(loss, name), getattr(expected, name))


def test_kl_by_hand_and_against_torch_distributions() -> None:
    """Row 1 of the deviations: the supplement's eq. 2, the mean over the numbers of z."""
    mu = torch.tensor([[0.0, 0.0], [1.0, -2.0]], dtype=torch.float64)
    sigma = torch.tensor([[1.0, 1.0], [0.5, 3.0]], dtype=torch.float64)
    ours = kl_loss(mu, 2 * sigma.log())
    # KL of N(m, s^2) from N(0, 1) is -log s + (s^2 + m^2) / 2 - 1/2
    by_hand = ((-math.log(0.5) + (0.25 + 1) / 2 - 0.5) + (-math.log(3) + (9 + 4) / 2 - 0.5)) / 2
    assert ours[0].item() == pytest.approx(0, abs=1e-15)
    assert ours[1].item() == pytest.approx(by_hand, rel=1e-12)
    rng = np.random.default_rng(2)
    mu, log_variance = (torch.from_numpy(rng.standard_normal((5, 7))) for _ in range(2))
    expected = kl_divergence(Normal(mu, (log_variance / 2).exp()), Normal(0.0, 1.0)).mean(dim=1)
    torch.testing.assert_close(kl_loss(mu, log_variance), expected, rtol=1e-12, atol=0)


# Over a whole split, and in training


def make_drawings(n: int = DRAWINGS, longest: int = N_MAX) -> Drawings:
    rng = np.random.default_rng(4)
    rows = []
    for number in range(n):
        length = longest if number == 3 else int(rng.integers(1, longest + 1))
        pen = rng.random(length) < 0.3
        pen[-1] = True
        rows.append(np.column_stack([rng.integers(-20, 21, (length, 2)), pen]))
    return Drawings.from_arrays(rows)


def make_config(**changes: Any) -> ModelConfig:
    sizes = {
        "N_max": N_MAX,
        "encoder_size": 6,
        "decoder_size": 8,
        "z_size": 16,
        "mixtures": 3,
        "hyper_size": 4,
        "hyper_embedding": 2,
    }
    return ModelConfig(**(sizes | changes))


def make_network(**changes: Any) -> Network:
    """A float32 network with random parameters, large enough that everything matters."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = Network(make_config(**changes))
        with torch.no_grad():
            for parameter in network.parameters():
                parameter += 0.3 * torch.randn_like(parameter)
    return network


def without_noise(network: Network) -> Network:
    """The same with a variance of z of e^-60: z is mu."""
    with torch.no_grad():
        network.to_log_variance.weight.zero_()
        network.to_log_variance.bias.fill_(-60.0)
    return network


def measure(
    network: Network, drawings: Drawings, scale: float = SCALE, batch_size: int = 4, seed: int = 0
) -> Evaluation:
    return measure_drawings(network, drawings, scale, seed=seed, batch_size=batch_size)


def last_layer(network: Network, rows: np.ndarray, z: np.ndarray | None, scale: float) -> Any:
    """The last layer's outputs over one drawing [N, 3] in px, and its targets, by the oracles."""
    targets = strokes.stroke3_to_stroke5(rows, N_MAX).astype(np.float64)
    targets[:, strokes.XY] /= scale
    x = np.vstack([strokes.START_TOKEN, targets[:-1]])
    p = {name: value.detach().double().numpy() for name, value in network.named_parameters()}
    cell = {name.removeprefix("decoder."): value for name, value in p.items() if "decoder" in name}
    if z is None:
        start = np.zeros((1, sum(network.decoder.state_sizes)))
    else:
        x = np.hstack([x, np.tile(z, (N_MAX, 1))])
        start = np.tanh(z @ p["to_initial_state.weight"].T + p["to_initial_state.bias"])[None]
    state = tuple(np.split(start, np.cumsum(network.decoder.state_sizes)[:-1], axis=1))
    h, _ = oracles.run(network.config.decoder_cell, cell, x[:, None], state)
    return h[:, 0] @ p["head.weight"].T + p["head.bias"], targets


@pytest.mark.parametrize("cell", ["lstm", "layer_norm", "hyper"])
@pytest.mark.parametrize("conditional", [True, False])
def test_evaluation_against_the_oracles(cell: str, conditional: bool) -> None:
    """Every loss of every drawing from the px rows on, in float64 NumPy; z is mu here.

    The nats of a drawing are worked out in px: means and deviations of the mixture times the scale,
    offsets as they are, the pen states up to the end that follows.
    """
    drawings = make_drawings()
    network = make_network(decoder_cell=cell, conditional=conditional)
    z = [None] * len(drawings)
    if conditional:
        without_noise(network)
        batch = make_batch(drawings, np.arange(len(drawings)), N_MAX, SCALE)
        with torch.no_grad():
            mu, _ = network.encode(
                torch.from_numpy(batch.x_BT5[:, 1:]), torch.from_numpy(batch.lengths_B)
            )
        z = list(mu.double().numpy())
    result = measure(network, drawings)
    assert result.lengths.tolist() == drawings.lengths.tolist()
    for index, rows in enumerate(drawings):
        y, targets = last_layer(network, rows, z[index], SCALE)
        expected = oracles.reconstruction_losses(y, targets, len(rows), N_MAX)
        for name in ("L_s", "L_p", "L_p_masked"):
            assert getattr(result, name)[index] == pytest.approx(expected[name], abs=NETWORK)
        assert result.L_R[index] == pytest.approx(expected["L_s"] + expected["L_p"], abs=NETWORK)
        assert result.L_R_masked[index] == pytest.approx(
            expected["L_s"] + expected["L_p_masked"], abs=NETWORK
        )
        pen, pi, mean, sigma, rho = oracles.head_parts(y[: len(rows)])
        in_px = oracles.log_mixture_density(
            rows[:, strokes.XY].astype(np.float64),
            pi,
            tuple(SCALE * value for value in mean),
            tuple(SCALE * value for value in sigma),
            rho,
        )
        log_pen = np.log(pen[np.arange(len(rows)), rows[:, strokes.PEN_UP]]).sum()
        if len(rows) < N_MAX:
            log_pen += np.log(oracles.head_parts(y)[0][len(rows), 2])
        nats = -(in_px.sum() + log_pen)
        assert result.nats_per_drawing[index] == pytest.approx(nats, rel=NETWORK)
        if conditional:
            kl = oracles.unit_normal_kl(z[index].tolist(), [math.exp(-30)] * 16)  # type: ignore[attr-defined]
            assert result.L_KL[index] == pytest.approx(kl, rel=1e-6)
    assert conditional or result.L_KL is None


def rescaled(network: Network, factor: float) -> Network:
    """The same distribution of px drawings, for scaled units that are `factor` times as large."""
    network = copy.deepcopy(network)
    parts = Mixture.from_head(torch.arange(network.head.out_features)[None])
    with torch.no_grad():
        for cell in (network.encoder_forward, network.encoder_backward, network.decoder):
            cell.W_xh[strokes.XY] *= factor
        means = torch.cat([parts.mu_x, parts.mu_y], dim=1)[0]
        network.head.weight[means] /= factor
        network.head.bias[means] /= factor
        deviations = torch.cat([parts.log_sigma_x, parts.log_sigma_y], dim=1)[0]
        network.head.bias[deviations] -= math.log(factor)
    return network


@pytest.mark.parametrize("cell", ["lstm", "layer_norm"])
def test_nats_per_drawing_are_independent_of_the_scale(cell: str) -> None:
    """One distribution of px drawings written for two scales: L_s differs, the nats do not."""
    drawings = make_drawings()
    network = make_network(encoder_cell=cell, decoder_cell=cell)
    first = measure(network, drawings, SCALE)
    factor = 4.0
    second = measure(rescaled(network, factor), drawings, factor * SCALE)
    np.testing.assert_allclose(second.nats_per_drawing, first.nats_per_drawing, rtol=NETWORK)
    moved = -2 * math.log(factor) * drawings.lengths / N_MAX  # a density in larger units is larger
    np.testing.assert_allclose(second.L_s, first.L_s + moved, atol=NETWORK)
    np.testing.assert_allclose(second.L_p, first.L_p, atol=NETWORK)


def test_nats_per_drawing_are_independent_of_N_max() -> None:
    drawings = make_drawings(longest=6)
    network = make_network()
    longer = Network(make_config(N_max=3 * N_MAX))
    longer.load_state_dict(network.state_dict())
    first, second = measure(network, drawings), measure(longer, drawings)
    np.testing.assert_allclose(second.nats_per_drawing, first.nats_per_drawing, rtol=NETWORK)
    np.testing.assert_allclose(3 * second.L_s, first.L_s, atol=NETWORK)
    assert abs(second.L_R.mean() - first.L_R.mean()) > 0.1


@pytest.mark.parametrize(
    "changes",
    [{"z_size": 16}, {"z_size": 5}, {"conditional": False}],
    ids=["z 16", "z 5", "decoder only"],
)
def test_evaluation_does_not_depend_on_the_batch_size(changes: dict[str, Any]) -> None:
    """Every drawing counts once, the last partial batch included, with the same z in any batch."""
    network, drawings = make_network(**changes), make_drawings()
    expected = measure(network, drawings, batch_size=DRAWINGS)
    for batch_size in (1, 3, 4, 10, 50):
        result = measure(network, drawings, batch_size=batch_size)
        assert result.lengths.tolist() == drawings.lengths.tolist()
        for name in ("L_s", "L_p", "L_p_masked", "nats_per_drawing"):
            np.testing.assert_allclose(getattr(result, name), getattr(expected, name), rtol=1e-5)


def test_evaluation_touches_nothing() -> None:
    """The same numbers twice; global generators, mode and gradients as before."""
    drawings, network = make_drawings(), make_network().train()
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()
    first, second = measure(network, drawings), measure(network, drawings)
    assert first.summary(0.2) == second.summary(0.2)
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert all(map(np.array_equal, np.random.get_state(), numpy_state))
    assert network.training
    assert all(p.grad is None for p in network.parameters())
    other = measure(network, drawings, seed=1)  # another sample of z
    assert abs(other.L_R.mean() - first.L_R.mean()) > 1e-4
    assert np.array_equal(other.L_KL, first.L_KL)


def test_summary_is_means_and_standard_errors() -> None:
    drawings = make_drawings()
    result = measure(make_network(), drawings)
    summary = result.summary(0.2)
    assert summary["n"] == DRAWINGS
    assert summary["N_max"] == N_MAX
    assert summary["scale"] == SCALE
    assert summary["mean_length"] == drawings.lengths.mean()
    for name in ("L_R", "L_s", "L_p", "L_KL", "L_R_masked", "nats_per_drawing"):
        values = getattr(result, name)
        assert summary[name]["mean"] == pytest.approx(np.mean(values), rel=1e-12)
        assert summary[name]["stderr"] == pytest.approx(stats.sem(values), rel=1e-12)
    assert mean_and_stderr(np.array([2.5])) == {"mean": 2.5, "stderr": 0.0}
    # the floor is on the mean, and beside the raw value
    low, high = result.L_KL.mean() / 2, result.L_KL.mean() * 2
    assert result.summary(low)["L_KL_floored"] == summary["L_KL"]
    assert result.summary(high)["L_KL_floored"] == {"mean": high, "stderr": 0.0}
    assert result.summary(high)["L_KL"] == summary["L_KL"]
    assert measure(make_network(conditional=False), drawings).summary(0.2)["L_KL"] is None


def assert_standard_normal(noise: np.ndarray) -> None:
    """Mean 0 and variance 1 within 4.5 standard deviations; no number drawn twice."""
    assert abs(noise.mean()) < 4.5 / math.sqrt(noise.size)
    assert abs(noise.var() - 1) < 4.5 * math.sqrt(2 / noise.size)
    assert len(np.unique(noise.round(4))) > 0.8 * noise.size


def test_z_is_a_sample_of_the_posterior(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eq. 2, in evaluation and in each training step: (z - mu) / sigma is standard normal."""
    drawings = make_drawings()
    batch = full_batch()
    points, lengths = torch.from_numpy(batch.x_BT5[:, 1:]), torch.from_numpy(batch.lengths_B)
    trainer = make_trainer(learning_rate=0.0, min_learning_rate=0.0)
    trainer.network.load_state_dict(make_network().state_dict())
    network = trainer.network
    with torch.no_grad():
        network.to_log_variance.bias.copy_(torch.linspace(-4, 2, 16))  # deviations of e^-2 to e
        mu, log_variance = network.encode(points, lengths)
    decode, seen = network.decode, []

    def spy(inputs: torch.Tensor, z: torch.Tensor, *args: Any, **options: Any) -> Any:
        seen.append(((z.detach() - mu) / torch.exp(log_variance / 2)).double().numpy())
        return decode(inputs, z, *args, **options)

    monkeypatch.setattr(network, "decode", spy)
    for seed in range(20):
        measure(network, drawings, batch_size=DRAWINGS, seed=seed)
    assert_standard_normal(np.array(seen))
    seen.clear()
    for _ in range(20):
        trainer.step(batch)
    assert_standard_normal(np.array(seen))


def make_trainer(model: dict[str, Any] | None = None, **training: Any) -> Trainer:
    values = {"recurrent_keep": 1.0, "w_KL": 0.5, "eta_min": 0.1, "R": 0.5, "KL_min": 0.7}
    config = TrainingConfig(**(values | training))
    return Trainer(make_config(**(model or {})), config, SCALE, torch.device("cpu"))


def full_batch() -> Batch:
    drawings = make_drawings()
    return make_batch(drawings, np.arange(len(drawings)), N_MAX, SCALE)


def test_floor_and_annealing_in_training_only() -> None:
    """Supplement, eq. 4; a fresh network's L_KL is near 0, far under the floor."""
    trainer = make_trainer()
    for step in range(4):
        record = trainer.step(full_batch())
        weight = trainer.training.kl_weight_at(step)
        assert weight == 0.5 * (1 - 0.9 * 0.5**step)
        assert record["kl_weight"] == weight
        assert 0 <= record["L_KL"] < 0.7
        assert record["L_R"] == pytest.approx(record["L_s"] + record["L_p"], rel=1e-6)
        assert record["loss"] == pytest.approx(record["L_R"] + weight * 0.7, rel=1e-6)
    result = measure(trainer.network, make_drawings())
    raw = result.L_KL.mean()
    assert raw < 0.7
    assert result.loss(0.5) == pytest.approx(result.L_R.mean() + 0.5 * raw, rel=1e-12)
    record = make_trainer(KL_min=0.0).step(full_batch())
    assert record["loss"] == pytest.approx(record["L_R"] + 0.05 * record["L_KL"], rel=1e-6)
    assert measure(make_network(conditional=False), make_drawings()).loss(0.5) == pytest.approx(
        measure(make_network(conditional=False), make_drawings()).L_R.mean()
    )


def test_under_the_floor_nothing_pulls_on_the_encoder() -> None:
    """max(L_KL, KL_min) is constant there: the step is that of w_KL = 0. Above it is not."""

    def after_a_step(**training: Any) -> dict[str, torch.Tensor]:
        trainer = make_trainer(eta_min=1.0, **training)
        trainer.step(full_batch())
        return trainer.network.state_dict()

    free = after_a_step(w_KL=0.0)
    under = after_a_step(w_KL=0.5, KL_min=100.0)
    above = after_a_step(w_KL=0.5, KL_min=0.0)
    assert all(torch.equal(free[name], under[name]) for name in free)
    assert not torch.equal(free["to_log_variance.bias"], above["to_log_variance.bias"])


@pytest.mark.parametrize("cell", ["lstm", "layer_norm", "hyper"])
def test_dropout_in_training_only(cell: str) -> None:
    """Without dropout a step's L_R is evaluation's; with it another; evaluation has none."""
    model = {"conditional": False, "decoder_cell": cell}
    expected = measure(make_trainer(model).network, make_drawings()).L_R.mean()
    record = make_trainer(model).step(full_batch())
    assert record["L_R"] == pytest.approx(expected, rel=1e-5)
    dropped = make_trainer(model, recurrent_keep=0.3)
    assert measure(dropped.network, make_drawings()).L_R.mean() == expected
    record = dropped.step(full_batch())
    assert abs(record["L_R"] - expected) > 1e-4


@pytest.mark.parametrize("cell", ["lstm", "layer_norm", "hyper"])
def test_a_batch_without_a_drawing_of_N_max_points_trains(cell: str) -> None:
    trainer = make_trainer({"encoder_cell": cell}, recurrent_keep=0.9)
    drawings = make_drawings(4, longest=3)
    record = trainer.step(make_batch(drawings, np.arange(4), N_MAX, SCALE))
    assert math.isfinite(record["loss"])


@pytest.mark.parametrize("clip_by", ["value", "norm"])
def test_clipping(clip_by: str) -> None:
    """The gradients that Adam sees: each number, or the whole, no larger than the bound."""
    bound = 1e-3
    free, clipped = (
        make_trainer(gradient_clip=clip, clip_by=clip_by) for clip in (math.inf, bound)
    )
    for trainer in (free, clipped):
        trainer.step(full_batch())
    whole = [p.grad for p in free.network.parameters()]
    ours = [p.grad for p in clipped.network.parameters()]
    norm = torch.cat([grad.flatten() for grad in whole]).norm()
    assert norm > bound
    for grad, before in zip(ours, whole, strict=True):
        if clip_by == "value":
            assert torch.equal(grad, before.clamp(-bound, bound))
        else:
            torch.testing.assert_close(grad, before * (bound / norm), rtol=1e-4, atol=1e-9)


def test_a_step_is_adams_at_the_schedules_rate() -> None:
    """Kingma and Ba 2015, algorithm 1, in float64 NumPy for two steps of one weight matrix."""
    trainer = make_trainer(learning_rate=0.01, learning_rate_decay=0.5, min_learning_rate=0.002)
    value = trainer.network.head.weight.detach().double().numpy().copy()
    m = v = np.zeros_like(value)
    for step, rate in enumerate((0.01, 0.006)):  # 0.002 + 0.008 / 2^step
        record = trainer.step(full_batch())
        assert record["learning_rate"] == pytest.approx(rate, rel=1e-12)
        g = trainer.network.head.weight.grad.double().numpy()
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        t = step + 1
        value -= rate * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
        np.testing.assert_allclose(
            trainer.network.head.weight.detach().numpy(), value, rtol=0, atol=1e-6
        )


# Less than all steps of padding


def step_of(trainer: Trainer, batch: Batch) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """What a step logs, and its gradients."""
    record = trainer.step(batch)
    assert record is not None
    return record, {name: p.grad for name, p in trainer.network.named_parameters()}


def assert_close_gradients(
    ours: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]
) -> None:
    for name, gradient in expected.items():
        bound = NETWORK * float(gradient.abs().max())
        torch.testing.assert_close(ours[name], gradient, rtol=0, atol=bound, msg=name)


@pytest.mark.parametrize("backend", ["plain", "auto"])
@pytest.mark.parametrize("cell", ["lstm", "layer_norm", "hyper"])
def test_sampled_padding_is_the_full_loss_in_the_mean(cell: str, backend: BackendName) -> None:
    """Losses and gradients over all chances, each as likely as the others, average to the full."""
    batch = full_batch()

    def one(weights: np.ndarray | None) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
        trainer = make_trainer({"decoder_cell": cell}, gradient_clip=math.inf)
        trainer.backend = Backend(backend)
        return step_of(trainer, replace(batch, pen_weights_BT=weights))

    full, full_gradients = one(None)
    sampled = [one(sampled_weights(batch.lengths_B, N_MAX, chance)) for chance in range(TAIL_EVERY)]
    losses = [record["L_p"] for record, _ in sampled]
    assert np.std(losses) > 1e-3
    assert np.mean(losses) == pytest.approx(full["L_p"], abs=NETWORK)
    for record, _ in sampled:
        assert record["L_s"] == pytest.approx(full["L_s"], abs=NETWORK)
    mean = {
        name: torch.stack([gradients[name] for _, gradients in sampled]).mean(dim=0)
        for name in full_gradients
    }
    assert_close_gradients(mean, full_gradients)


@pytest.mark.parametrize("cell", ["lstm", "layer_norm", "hyper"])
def test_sampled_padding_of_every_drawing_is_full(cell: str) -> None:
    """Where every drawing goes on to N_max, and counts once, nothing differs but the order."""
    batch = full_batch()
    results = []
    for weights in (None, np.ones((len(batch.lengths_B), N_MAX), np.float32)):
        trainer = make_trainer({"decoder_cell": cell}, recurrent_keep=0.7, gradient_clip=math.inf)
        results.append(step_of(trainer, replace(batch, pen_weights_BT=weights)))
    (full, full_gradients), (sampled, gradients) = results
    for name in ("L_R", "L_s", "L_p", "loss"):
        assert sampled[name] == pytest.approx(full[name], abs=NETWORK)
    assert_close_gradients(gradients, full_gradients)


def test_the_other_parts_of_sampled_padding_are_exact() -> None:
    y = torch.from_numpy(np.random.default_rng(0).standard_normal((3, 12, 15)))
    lengths, steps = torch.tensor([3, 5, 12]), torch.tensor([12, 9, 12])
    assert steps[1] == lengths[1] + END_STEPS
    targets = torch.zeros(3, 12, 5, dtype=torch.float64)
    targets[..., strokes.P3_END] = torch.arange(12) >= lengths[:, None]
    targets[..., strokes.P1_DOWN] = 1 - targets[..., strokes.P3_END]
    full = reconstruction_loss(Mixture.from_head(y), targets, lengths)
    rows = torch.cat([y[steps > t, t] for t in range(12)])
    weights = torch.from_numpy(sampled_weights(lengths.numpy(), 12, 0))
    assert torch.equal((weights > 0).sum(dim=1), steps)
    sampled = reconstruction_loss(Mixture.from_head(rows), targets, lengths, weights)
    for name in ("L_s", "L_p_masked", "L_p_to_end"):
        torch.testing.assert_close(getattr(sampled, name), getattr(full, name))
    log_pen = Mixture.from_head(y).log_pen(targets[..., strokes.PEN])
    tail = log_pen[0, 3 + END_STEPS :].sum() * (TAIL_EVERY - 1)  # the one that goes on
    assert sampled.L_p[0].item() == pytest.approx((full.L_p[0] - tail / 12).item())
    missing = log_pen[1, 5 + END_STEPS :].sum()
    assert sampled.L_p[1].item() == pytest.approx((full.L_p[1] + missing / 12).item())
    assert sampled.L_p[2].item() == pytest.approx(full.L_p[2].item())


@pytest.mark.parametrize("backend", ["plain", "auto"])
def test_steps_that_are_not_wanted_are_not_computed(backend: BackendName) -> None:
    batch = full_batch()
    weights = sampled_weights(batch.lengths_B, N_MAX, 0)
    steps_B = (weights > 0).sum(axis=1)
    x_BT5 = batch.x_BT5.copy()
    past = np.arange(N_MAX + 1) > steps_B[:, None]
    assert past.any()
    x_BT5[past] = np.nan
    results = []
    for x in (batch.x_BT5, x_BT5):
        trainer = make_trainer()
        trainer.backend = Backend(backend)
        results.append(step_of(trainer, replace(batch, x_BT5=x, pen_weights_BT=weights)))
    (expected, gradients), (ours, others) = results
    assert ours == expected
    assert all(torch.equal(others[name], gradients[name]) for name in gradients)
    mixture, memory = trainer.network.decode(
        torch.from_numpy(x_BT5[:, :-1]),
        torch.zeros(len(x_BT5), 16),
        lengths_B=torch.from_numpy(steps_B),
        backend=Backend(backend),
    )
    assert mixture.pen_logits.shape == (steps_B.sum(), 3)
    assert all(torch.isfinite(part).all() for part in memory.state)


def test_padding_cut_for_the_whole_batch_is_divided_by_N_max() -> None:
    """The loss lacks the terms that were cut, and nothing else differs."""
    drawings = make_drawings(6, longest=3)
    batch = make_batch(drawings, np.arange(6), N_MAX, SCALE)
    trainer, other, untrained = (make_trainer({"conditional": False}) for _ in range(3))
    full, _ = step_of(trainer, batch)
    cut, _ = step_of(other, replace(batch, x_BT5=batch.x_BT5[:, : 3 + END_STEPS + 1]))
    with torch.no_grad():
        x = torch.from_numpy(batch.x_BT5)
        mixture, _ = untrained.network.decode(x[:, :-1], None)
        log_end = mixture.log_pen(x[:, 1:, strokes.PEN])[:, 3 + END_STEPS :]
    assert cut["L_s"] == pytest.approx(full["L_s"], abs=NETWORK)
    missing = -log_end.sum(dim=1).mean().item() / N_MAX
    assert missing > 0.1
    assert cut["L_p"] + missing == pytest.approx(full["L_p"], abs=NETWORK)
