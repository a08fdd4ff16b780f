"""Sampling: temperature, frequencies, seeds, and the same distribution as the decoder's.

Statistical bounds are at 4.5 standard deviations or a p-value of 1e-4, at fixed seeds.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from models import random_network
from sketchrnn import strokes
from sketchrnn.drawing import sample
from sketchrnn.drawing.base import check_temperature
from sketchrnn.drawing.sample import most_likely, sample_point, sample_strokes
from sketchrnn.errors import SketchRNNError
from sketchrnn.model.config import ModelConfig
from sketchrnn.model.mixture import Mixture
from sketchrnn.model.network import Network
from sketchrnn.seeds import (
    BLOCK,
    NORMALS,
    POINT_STREAM,
    UNIFORMS,
    choose_seed,
    generator,
    normal_vectors,
)
from unrolling import needs_bf16

CELLS = ("lstm", "layer_norm", "hyper")
ROWS = 200_000
N_MAX = 12

# One mixture, its Gaussians so far apart (in sigmas) that an offset tells which one it is from.
PI = np.array([0.15, 0.6, 0.25])
PEN = np.array([0.7, 0.2, 0.1])
MU = np.array([[-100.0, 50.0], [0.0, 0.0], [100.0, -80.0]])
SIGMA = np.array([[1.0, 2.0], [0.5, 0.3], [3.0, 1.5]])
RHO = np.array([0.8, -0.5, 0.0])


def fixed_mixture(rows: int) -> Mixture:
    """float64, leading shape [rows]."""
    parts = (
        np.log(PEN) + 1.0,  # logits are free up to a constant
        np.log(PI) - 2.0,
        MU[:, 0],
        MU[:, 1],
        np.log(SIGMA[:, 0]),
        np.log(SIGMA[:, 1]),
        np.arctanh(RHO),
    )
    return Mixture(*(torch.from_numpy(part).expand(rows, -1) for part in parts))


def random_numbers(rows: int, seed: int) -> tuple[Tensor, Tensor]:
    rng = np.random.default_rng(seed)
    return (
        torch.from_numpy(rng.random((rows, UNIFORMS))),
        torch.from_numpy(rng.standard_normal((rows, NORMALS))),
    )


def sharpened(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Eq. 8: exp(log p / tau), normalised."""
    powers = probabilities ** (1 / temperature)
    return powers / powers.sum()


@pytest.mark.parametrize("temperature", [0.25, 0.5, 1.0, 2.0])
def test_temperature(temperature: float) -> None:
    """Eq. 8: weights and pens at logits / tau, variances times tau, means and rho as they are."""
    points = sample_point(fixed_mixture(ROWS), *random_numbers(ROWS, 1), temperature).numpy()
    assert np.isfinite(points).all()
    offsets, pens = points[:, strokes.XY], points[:, strokes.PEN]
    assert ((pens == 0) | (pens == 1)).all()
    assert (pens.sum(axis=1) == 1).all()
    expected = ROWS * sharpened(PEN, temperature)
    assert stats.chisquare(pens.sum(axis=0), expected).pvalue > 1e-4

    nearest = np.abs(offsets[:, None, 0] - MU[None, :, 0]).argmin(axis=1)
    counts = np.bincount(nearest, minlength=3)
    assert stats.chisquare(counts, ROWS * sharpened(PI, temperature)).pvalue > 1e-4

    for component, n in enumerate(counts):
        own = offsets[nearest == component] - MU[component]
        variance = temperature * SIGMA[component] ** 2
        # of n normal numbers: the mean varies by sigma / sqrt n, the variance by sqrt(2 / n) of it
        assert (np.abs(own.mean(axis=0)) < 4.5 * np.sqrt(variance / n)).all()
        np.testing.assert_allclose(own.var(axis=0), variance, rtol=4.5 * math.sqrt(2 / n))
        rho = np.corrcoef(own.T)[0, 1]
        assert abs(rho - RHO[component]) < 4.5 * (1 - RHO[component] ** 2) / math.sqrt(n)
        # and normal all the backend, not only in its moments
        assert stats.kstest(own[:, 1] / np.sqrt(variance[1]), "norm").pvalue > 1e-4


def test_pen_gaussian_and_offset_are_independent() -> None:
    """Pens and Gaussians come from different numbers: their table has no dependence."""
    points = sample_point(fixed_mixture(ROWS), *random_numbers(ROWS, 2), 1.0).numpy()
    nearest = np.abs(points[:, None, strokes.DX] - MU[None, :, 0]).argmin(axis=1)
    pens = points[:, strokes.PEN].argmax(axis=1)
    table = np.zeros((3, 3))
    np.add.at(table, (nearest, pens), 1)
    assert stats.chi2_contingency(table).pvalue > 1e-4


def test_choice_at_the_edges() -> None:
    """Inverse distribution function: 0.15 and 0.75 are the Gaussians' edges; 1 is never met."""
    uniform = torch.tensor([0.0, 0.1499, 0.1501, 0.7499, 0.7501, 1 - 2**-53], dtype=torch.float64)
    points = sample_point(
        fixed_mixture(6), torch.stack([uniform, uniform], dim=1), torch.zeros(6, 2).double(), 1.0
    )
    assert points[:, strokes.DX].tolist() == MU[[0, 0, 1, 1, 2, 2], 0].tolist()
    # the pens' edges are 0.7 and 0.9
    pens = [strokes.P1_DOWN] * 3 + [strokes.P2_UP] * 2 + [strokes.P3_END]
    assert (points[:, strokes.PEN].argmax(dim=1) + strokes.P1_DOWN).tolist() == pens


def test_a_gaussian_without_weight_is_never_chosen() -> None:
    mixture = fixed_mixture(4)
    weights = torch.tensor([-1000.0, 0.0, -1000.0], dtype=torch.float64).expand(4, -1)
    uniform = torch.tensor([0.0, 1e-300, 0.5, 1 - 2**-53], dtype=torch.float64)
    changed = Mixture(
        mixture.pen_logits,
        weights,
        *(
            getattr(mixture, name)
            for name in ("mu_x", "mu_y", "log_sigma_x", "log_sigma_y", "rho_raw")
        ),
    )
    points = sample_point(changed, torch.stack([uniform] * 2, dim=1), torch.zeros(4, 2), 1.0)
    assert points[:, strokes.DX].tolist() == [MU[1, 0]] * 4


def test_temperature_zero_is_the_most_likely_point() -> None:
    """The heaviest Gaussian's mean and the likeliest pen: the limit of small tau."""
    rng = np.random.default_rng(3)
    mixture = Mixture.from_head(torch.from_numpy(3 * rng.standard_normal((50, 6 * 4 + 3))))
    points = most_likely(mixture)
    rows = np.arange(50)
    heaviest = mixture.pi_logits.argmax(dim=1).numpy()
    assert np.array_equal(points[:, strokes.DX], mixture.mu_x.numpy()[rows, heaviest])
    assert np.array_equal(points[:, strokes.DY], mixture.mu_y.numpy()[rows, heaviest])
    pens = torch.nn.functional.one_hot(mixture.pen_logits.argmax(dim=1), 3)
    assert torch.equal(points[:, strokes.PEN], pens.double())
    uniform, normal = random_numbers(50, 4)
    tau = 1e-8  # logits here lie 0.01 apart or more; offsets within 5 sigma sqrt tau, sigma < e^9
    sampled = sample_point(mixture, uniform, normal, tau)
    within = 5e-4 * torch.exp(torch.maximum(mixture.log_sigma_x, mixture.log_sigma_y)).amax(dim=1)
    assert (torch.abs(sampled - points).amax(dim=1) <= within).all()
    assert torch.equal(sampled[:, strokes.PEN], points[:, strokes.PEN])


@pytest.mark.parametrize("temperature", [-1, -1e-9, math.nan, math.inf, -math.inf])
def test_bad_temperature(temperature: float) -> None:
    with pytest.raises(SketchRNNError, match="temperature must be a number from 0") as caught:
        check_temperature(temperature)
    assert "\n" not in str(caught.value)


# Whole drawings


def make_network(cell: str = "lstm", *, end: float = -1.5, **changes: Any) -> Network:
    """Random and large weights; `end` moves the logit of p3, so that drawings have some length."""
    sizes = {
        "N_max": N_MAX,
        "encoder_size": 4,
        "decoder_cell": cell,
        "decoder_size": 10,
        "z_size": 6,
        "mixtures": 4,
        "hyper_size": 5,
        "hyper_embedding": 2,
    }
    return random_network(end=end, **(sizes | changes))


def constant_network(pen: Sequence[float], N_max: int) -> Network:
    """Decoder-only, every point from the same distribution: offsets of `fixed_mixture`."""
    network = Network(ModelConfig(N_max=N_max, conditional=False, decoder_size=2, mixtures=3))
    parts = (
        np.log(pen),
        np.log(PI),
        MU[:, 0],
        MU[:, 1],
        np.log(SIGMA[:, 0]),
        np.log(SIGMA[:, 1]),
        np.arctanh(RHO),
    )
    with torch.no_grad():
        network.head.weight.zero_()
        network.head.bias.copy_(torch.from_numpy(np.concatenate(parts)))
    return network


def latents(n: int) -> Tensor:
    return torch.from_numpy(normal_vectors(7, 0, n, 6))


def draw(
    network: Network, n: int, *, temperature: float = 1.0, seed: int = 5, **options: Any
) -> list[np.ndarray]:
    z = latents(n) if network.config.conditional else None
    return sample_strokes(network, z, n, temperature=temperature, seed=seed, **options)


@pytest.mark.parametrize("temperature", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("conditional", [True, False])
@pytest.mark.parametrize("cell", CELLS)
def test_drawings_are_the_decoders(cell: str, conditional: bool, temperature: float) -> None:
    """Fed back to `decode` at once, each drawing's points are those that its own numbers choose.

    float32 both times, in another order of operations: 1e-4 of offsets near 1 to 10. The random
    numbers are taken as the streams' contract has it: of a block of points the uniform ones, two a
    point, then the normal ones, two a point.
    """
    network = make_network(cell, conditional=conditional)
    n, seed = 6, 5
    drawings = draw(network, n, temperature=temperature, seed=seed)
    assert max(map(len, drawings)) > 3
    for number, drawing in enumerate(drawings):
        T = min(len(drawing) + 1, N_MAX)  # the point that ended it too
        inputs = np.vstack([strokes.START_TOKEN, drawing])[:T]
        z = latents(n)[number : number + 1] if conditional else None
        with torch.no_grad():
            mixture, _ = network.decode(torch.from_numpy(inputs)[None], z)
        flat = Mixture.from_head(
            torch.cat([getattr(mixture, name) for name in Mixture.__dataclass_fields__], dim=-1)[0]
        )
        if temperature == 0:
            expected = most_likely(flat).numpy()
        else:
            stream = generator(seed, POINT_STREAM, number)
            uniform = stream.random((BLOCK, UNIFORMS), dtype=np.float32)[:T]
            normal = stream.standard_normal((BLOCK, NORMALS), dtype=np.float32)[:T]
            expected = sample_point(
                flat, torch.from_numpy(uniform), torch.from_numpy(normal), temperature
            ).numpy()
        ended = expected[:, strokes.P3_END] == 1
        if ended[0]:  # ended before its first point, which is then kept, with the pen lifted
            assert drawing[0, strokes.PEN].tolist() == [0, 1, 0]
            assert len(drawing) == 1
            expected = expected[:1]
            expected[:, strokes.PEN] = [0, 1, 0]
            np.testing.assert_allclose(drawing, expected, rtol=1e-4, atol=1e-4)
            continue
        np.testing.assert_allclose(drawing, expected[: len(drawing)], rtol=1e-4, atol=1e-4)
        if len(drawing) < N_MAX:
            assert ended.tolist() == [False] * len(drawing) + [True]
        else:
            assert not ended.any()


def test_lengths_are_geometric() -> None:
    """With p3 at 0.3 at every step: a drawing of n points has n pens that go on, then an end."""
    pen, N_max, n = [0.5, 0.2, 0.3], 6, 3000
    drawings = draw(constant_network(pen, N_max), n)
    lengths = np.array([len(drawing) for drawing in drawings])
    q = pen[2]
    expected = [(1 - q) ** length * q for length in range(1, N_max)] + [(1 - q) ** N_max]
    expected[0] += q  # what ends before its first point has one all the same
    counts = np.bincount(lengths, minlength=N_max + 1)[1:]
    assert stats.chisquare(counts, n * np.array(expected)).pvalue > 1e-4
    for drawing in drawings:
        assert (drawing[:, strokes.P3_END] == 0).all()
        assert (drawing[:, strokes.PEN].sum(axis=1) == 1).all()


def test_frequencies_over_whole_drawings() -> None:
    """Points at every place, of every drawing, have the exact mixture's weights and moments."""
    n, N_max = 400, 20
    drawings = draw(constant_network([0.75, 0.25, 1e-9], N_max), n)
    points = np.concatenate(drawings)
    total = n * N_max
    assert len(points) == total
    ups = points[:, strokes.P2_UP].sum()
    assert abs(ups - 0.25 * total) < 4.5 * math.sqrt(total * 0.25 * 0.75)
    nearest = np.abs(points[:, None, strokes.DX] - MU[None, :, 0]).argmin(axis=1)
    counts = np.bincount(nearest, minlength=3)
    assert stats.chisquare(counts, total * PI).pvalue > 1e-4
    own = (points[nearest == 1, strokes.XY] - MU[1]) / SIGMA[1]
    np.testing.assert_allclose(own.var(axis=0), 1, rtol=4.5 * math.sqrt(2 / counts[1]))
    # no point says anything of the next one of its drawing, nor of the next drawing's
    by_drawing = nearest.reshape(n, N_max)
    for first, second in (
        (by_drawing[:, :-1], by_drawing[:, 1:]),
        (by_drawing[:-1], by_drawing[1:]),
    ):
        table = np.zeros((3, 3))
        np.add.at(table, (first.ravel(), second.ravel()), 1)
        assert stats.chi2_contingency(table).pvalue > 1e-4


def test_stops_at_the_end_or_at_N_max() -> None:
    never = draw(constant_network([0.9, 0.1, 1e-9], 7), 4)
    assert [len(drawing) for drawing in never] == [7] * 4
    at_once = draw(constant_network([1e-9, 1e-9, 1.0], 7), 4)
    assert [len(drawing) for drawing in at_once] == [1] * 4
    for drawing in at_once:
        assert drawing[0, strokes.PEN].tolist() == [0, 1, 0]


@pytest.mark.parametrize("temperature", [0.0, 0.7])
@pytest.mark.parametrize("conditional", [True, False])
@pytest.mark.parametrize("cell", CELLS)
def test_batched_is_one_at_a_time(cell: str, conditional: bool, temperature: float) -> None:
    """A drawing does not depend on its company: the same stream number, the same drawing.

    The products of a batch are summed in another order: float32 rounding, over at most 12 points.
    """
    network = make_network(cell, conditional=conditional)
    n = 7
    together = draw(network, n, temperature=temperature)
    assert len({len(drawing) for drawing in together}) > 1 or temperature == 0
    for number, drawing in enumerate(together):
        (alone,) = sample_strokes(
            network,
            latents(n)[number : number + 1] if conditional else None,
            1,
            temperature=temperature,
            seed=5,
            numbers=[number],
        )
        np.testing.assert_allclose(alone, drawing, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("temperature", [0.0, 0.7])
@pytest.mark.parametrize("conditional", [True, False])
def test_when_finished_drawings_leave_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, conditional: bool, temperature: float
) -> None:
    """Looked at each step or now and then, taken out one by one, in parts or never."""
    network = make_network(conditional=conditional)
    expected = draw(network, 9, temperature=temperature)
    assert len({len(drawing) for drawing in expected}) > 2 or temperature == 0
    for check in (1, 2, 5, 16):
        for share in (0.01, 1 / 8, 0.5, 1.0):
            monkeypatch.setattr(sample, "CPU_CHECK", check)
            monkeypatch.setattr(sample, "ENDED_SHARE", share)
            for ours, wanted in zip(
                draw(network, 9, temperature=temperature), expected, strict=True
            ):
                np.testing.assert_allclose(ours, wanted, rtol=1e-4, atol=1e-4)


def test_long_drawings_take_block_after_block() -> None:
    """Random numbers past the first block: each block its uniform numbers, then its normal ones."""
    N_max = 2 * BLOCK + 7
    network = constant_network([0.75, 0.25, 1e-9], N_max)
    n, seed = 3, 8
    drawings = draw(network, n, seed=seed)
    mixture = Mixture.from_head(network.head.bias.detach().expand(BLOCK, -1))
    for number, drawing in enumerate(drawings):
        stream = generator(seed, POINT_STREAM, number)
        blocks = []
        for _ in range(3):
            uniform = torch.from_numpy(stream.random((BLOCK, UNIFORMS), dtype=np.float32))
            normal = torch.from_numpy(stream.standard_normal((BLOCK, NORMALS), dtype=np.float32))
            blocks.append(sample_point(mixture, uniform, normal, 1.0).numpy())
        np.testing.assert_allclose(drawing, np.concatenate(blocks)[:N_max], rtol=1e-5, atol=1e-5)


@needs_bf16
@pytest.mark.parametrize("cell", CELLS)
def test_bf16_is_nearly_the_same_model(cell: str) -> None:
    """Most likely points, all else exact: bfloat16 keeps 8 bits, so a percent after a few steps."""
    network = make_network(cell, end=-1e9, N_max=4)
    exact = np.array(draw(network, 5, temperature=0))
    rounded = np.array(draw(network, 5, temperature=0, bf16=True))
    assert rounded.dtype == np.float32
    assert 1e-5 < np.abs(rounded - exact).max() < 0.1
    again = np.array(draw(network, 5, temperature=0, bf16=True))
    assert np.array_equal(rounded, again)


def test_temperature_zero_needs_no_random_numbers() -> None:
    network = make_network()
    first, second = draw(network, 4, temperature=0, seed=1), draw(network, 4, temperature=0, seed=2)
    assert all(map(np.array_equal, first, second))


@pytest.mark.parametrize("temperature", [1e-10, 1e-40, 1e-300])
def test_small_temperatures_approach_zero(temperature: float) -> None:
    """Also where logits / tau is more than float32 holds."""
    network = make_network()
    limit = draw(network, 4, temperature=0)
    near = draw(network, 4, temperature=temperature)
    for exact, close in zip(limit, near, strict=True):
        np.testing.assert_allclose(close, exact, atol=1e-2)  # at most 1e-5 sigma a point, fed back


@pytest.mark.parametrize("temperature", [0.0, 0.5])
def test_global_generators_stay_untouched(temperature: float) -> None:
    network = make_network().train()
    before = torch.get_rng_state(), np.random.get_state(), random.getstate()
    first = draw(network, 3, temperature=temperature)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert all(map(np.array_equal, np.random.get_state(), before[1]))
    assert random.getstate() == before[2]
    torch.manual_seed(99)
    np.random.seed(99)
    assert all(map(np.array_equal, first, draw(network, 3, temperature=temperature)))
    torch.set_rng_state(before[0])
    np.random.set_state(before[1])
    assert network.training  # as it was


def test_seeds() -> None:
    network = make_network()
    first = draw(network, 5, seed=1)
    assert all(map(np.array_equal, first, draw(network, 5, seed=1)))
    assert not any(map(np.array_equal, first, draw(network, 5, seed=2)))
    # drawings of one seed differ by their numbers
    same_z = [
        sample_strokes(network, latents(1), 1, temperature=1.0, seed=1, numbers=[number])[0]
        for number in range(4)
    ]
    assert not any(map(np.array_equal, same_z, same_z[1:]))
    assert choose_seed(17) == 17
    chosen = {choose_seed(None) for _ in range(20)}
    assert len(chosen) > 10
    assert all(0 <= seed < 1_000_000 for seed in chosen)
    with pytest.raises(SketchRNNError, match=r"seed .* from 0 .*got -1"):
        choose_seed(-1)


def test_streams_are_independent_standard_normals() -> None:
    """Seeds, purposes and numbers side by side: no two alike, mean 0, variance 1, uncorrelated."""
    rows = np.concatenate(
        [normal_vectors(seed, stream, 10, 200) for seed in (0, 1, 2) for stream in (0, 1, 2)]
    ).astype(np.float64)
    assert len(np.unique(rows[:, 0])) == len(rows)
    total = rows.size
    assert abs(rows.mean()) < 4.5 / math.sqrt(total)
    assert abs(rows.var() - 1) < 4.5 * math.sqrt(2 / total)
    between = np.corrcoef(rows)[np.triu_indices(len(rows), k=1)]
    assert np.abs(between).max() < 5.5 / math.sqrt(200)  # the largest of 4005 pairs
    assert np.array_equal(normal_vectors(3, 1, 10, 4)[:4], normal_vectors(3, 1, 4, 4))
