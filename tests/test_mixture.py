"""The output head against torch.distributions, SciPy and numerical integration."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal, localcontext

import numpy as np
import numpy.typing as npt
import pytest
import torch
from scipy import special, stats
from torch import Tensor
from torch.distributions import Categorical, MixtureSameFamily, MultivariateNormal

import oracles
from sketchrnn.model.mixture import Mixture, head_size

# float64 with exponents up to a few hundred: relative errors of that times 1e-16
CLOSE = 1e-11


def random_head(shape: tuple[int, ...], M: int, seed: int = 0, spread: float = 1.0) -> Tensor:
    """Outputs of the last layer, float64 [..., 6 M + 3]."""
    rng = np.random.default_rng(seed)
    return torch.from_numpy(spread * rng.standard_normal((*shape, head_size(M))))


def single(
    mu: tuple[float, float] = (0.0, 0.0),
    sigma: tuple[float, float] = (1.0, 1.0),
    rho: float = 0.0,
) -> Mixture:
    """One Gaussian, float64, leading shape []."""

    def number(value: float) -> Tensor:
        return torch.tensor([value], dtype=torch.float64)

    return Mixture(
        pen_logits=torch.zeros(3, dtype=torch.float64),
        pi_logits=number(0.0),
        mu_x=number(mu[0]),
        mu_y=number(mu[1]),
        log_sigma_x=number(math.log(sigma[0])),
        log_sigma_y=number(math.log(sigma[1])),
        rho_raw=number(math.atanh(rho)),
    )


def covariance(mixture: Mixture) -> Tensor:
    """[..., M, 2, 2]."""
    sigma_x, sigma_y = mixture.log_sigma_x.exp(), mixture.log_sigma_y.exp()
    across = mixture.rho * sigma_x * sigma_y
    rows = (sigma_x**2, across), (across, sigma_y**2)
    return torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2)


def as_torch_distribution(mixture: Mixture) -> MixtureSameFamily:
    mean = torch.stack([mixture.mu_x, mixture.mu_y], dim=-1)
    return MixtureSameFamily(
        Categorical(logits=mixture.pi_logits),
        MultivariateNormal(mean, covariance_matrix=covariance(mixture)),
    )


def test_head_size() -> None:
    assert head_size(20) == 123  # 6 M + 3


def test_order_of_the_outputs() -> None:
    """Pen logits, then M each of pi, mu_x, mu_y, log sigma_x, log sigma_y, rho before tanh."""
    mixture = Mixture.from_head(torch.arange(15.0))
    assert mixture.pen_logits.tolist() == [0, 1, 2]
    assert mixture.pi_logits.tolist() == [3, 4]
    assert mixture.mu_x.tolist() == [5, 6]
    assert mixture.mu_y.tolist() == [7, 8]
    assert mixture.log_sigma_x.tolist() == [9, 10]
    assert mixture.log_sigma_y.tolist() == [11, 12]
    assert mixture.rho_raw.tolist() == [13, 14]


def test_probabilities_against_scipy() -> None:
    mixture = Mixture.from_head(random_head((5,), 4, spread=3.0))
    pi_logits, pen_logits = mixture.pi_logits.numpy(), mixture.pen_logits.numpy()
    np.testing.assert_allclose(mixture.pi, special.softmax(pi_logits, axis=-1), rtol=1e-13)
    np.testing.assert_allclose(mixture.pen, special.softmax(pen_logits, axis=-1), rtol=1e-13)
    np.testing.assert_allclose(mixture.rho, np.tanh(mixture.rho_raw.numpy()), rtol=1e-13)
    log_pen = special.log_softmax(pen_logits, axis=-1)
    for state in range(3):
        pen = torch.eye(3, dtype=torch.float64)[state].expand(5, 3)
        np.testing.assert_allclose(mixture.log_pen(pen), log_pen[:, state], rtol=1e-13)


@pytest.mark.parametrize("spread", [0.3, 1.0, 2.0])
def test_density_against_torch_distributions(spread: float) -> None:
    """Values and the gradients by the offset and by every output of the last layer."""
    y = random_head((6, 5), 4, seed=1, spread=spread).requires_grad_()
    offset = torch.from_numpy(3 * np.random.default_rng(2).standard_normal((6, 5, 2)))
    offset.requires_grad_()
    ours = Mixture.from_head(y).log_density(offset)
    theirs = as_torch_distribution(Mixture.from_head(y)).log_prob(offset)
    torch.testing.assert_close(ours, theirs, rtol=CLOSE, atol=CLOSE)
    weights = torch.linspace(-1, 1, ours.numel(), dtype=torch.float64).view_as(ours)
    gradients = [
        torch.autograd.grad((value * weights).sum(), (y, offset)) for value in (ours, theirs)
    ]
    for first, second in zip(*gradients, strict=True):
        # torch.distributions goes through a Cholesky factor; at rho near 1 it loses some digits
        torch.testing.assert_close(first, second, rtol=1e-7, atol=1e-9)


def test_density_against_the_papers_equation() -> None:
    y = random_head((7,), 3, seed=3)
    offset = np.random.default_rng(4).standard_normal((7, 2))
    _, *parameters = oracles.head_parts(y.numpy())
    np.testing.assert_allclose(
        Mixture.from_head(y).log_density(torch.from_numpy(offset)),
        oracles.log_mixture_density(offset, *parameters),
        rtol=CLOSE,
        atol=CLOSE,
    )


@pytest.mark.parametrize("rho", [-0.95, -0.3, 0.0, 0.6, 0.999])
def test_one_gaussian_against_scipy(rho: float) -> None:
    mixture = single(mu=(1.5, -2.0), sigma=(0.3, 4.0), rho=rho)
    points = np.random.default_rng(5).normal(size=(50, 2)) * [1, 6]
    expected = stats.multivariate_normal([1.5, -2.0], covariance(mixture)[0].numpy()).logpdf(points)
    ours = mixture.log_density(torch.from_numpy(points))
    # SciPy factors the covariance: at rho = 0.999 it keeps three digits fewer than we do
    np.testing.assert_allclose(ours, expected, rtol=1e-9)


@pytest.mark.parametrize("deviations", [1e1, 1e3, 1e5])
def test_far_away_it_is_still_the_gaussian(deviations: float) -> None:
    """Log density -u^2 / 2 - log 2 pi far beyond what exp could hold, with its true gradient."""
    offset = torch.tensor([deviations, 0.0], dtype=torch.float64, requires_grad=True)
    density = single().log_density(offset)
    density.backward()
    assert density.item() == pytest.approx(-(deviations**2) / 2 - math.log(2 * math.pi), rel=1e-12)
    assert offset.grad[0].item() == pytest.approx(-deviations, rel=1e-12)


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"sigma": (0.5, 2.0), "mu": (1.0, -1.0)},
        {"rho": 0.95},
        {"rho": -0.95, "sigma": (2.0, 0.7)},
    ],
)
def test_one_gaussian_integrates_to_one(parameters: dict[str, tuple[float, float]]) -> None:
    assert integral(single(**parameters)) == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_mixtures_integrate_to_one(seed: int) -> None:
    assert integral(Mixture.from_head(random_head((), 5, seed, spread=0.7))) == pytest.approx(
        1, abs=1e-9
    )


def integral(mixture: Mixture) -> float:
    """The sum over a grid: for a smooth density it converges faster than any power of the step.

    The grid reaches 8 sigmas beyond every mean (what is left is under 1e-14), and its step is a
    third of the least deviation in any direction.
    """
    deviations = torch.linalg.eigvalsh(covariance(mixture)).sqrt()
    step = float(deviations.min()) / 3
    axes = []
    for mu, log_sigma in (
        (mixture.mu_x, mixture.log_sigma_x),
        (mixture.mu_y, mixture.log_sigma_y),
    ):
        reach = 8 * log_sigma.exp()
        low, high = float((mu - reach).min()), float((mu + reach).max())
        axes.append(torch.arange(low, high, step, dtype=torch.float64))
    total = 0.0
    for x in axes[0].split(64):
        grid = torch.stack(torch.meshgrid(x, axes[1], indexing="ij"), dim=-1)
        total += float(mixture.log_density(grid).exp().sum())
    return total * step**2


EXTREMES: dict[str, dict[str, float]] = {
    "50 sigma": {"sigmas": 50.0, "log_sigma": 0.0},
    "rho raw 20": {"rho_raw": 20.0},
    "rho raw -20": {"rho_raw": -20.0},
    "rho raw 1000": {"rho_raw": 1000.0},
    "sigma e^-20": {"log_sigma": -20.0},
    "sigma e^-20, on the mean": {"log_sigma": -20.0, "offset": 0.0},
    "sigma e^100": {"log_sigma": 100.0},
    "sigma e^-1000": {"log_sigma": -1000.0},
    "all together": {"sigmas": 50.0, "rho_raw": 20.0, "log_sigma": -20.0},
    "all together, across": {"sigmas": 50.0, "rho_raw": -20.0, "log_sigma": -20.0},
    **{
        f"{sigmas:g} sigma, rho raw 20, sigma e^-30": {
            "sigmas": sigmas,
            "rho_raw": 20.0,
            "log_sigma": -30.0,
        }
        for sigmas in (1e3, 1e5, 9e5, 1e7, 1e9, 1e12, 1e20)
    },
    "offset 1e30": {"offset": 1e30},
    "offset -1e30": {"offset": -1e30, "rho_raw": 20.0},
    "offset 1e30, sigma e^-20, rho": {"offset": 1e30, "rho_raw": -20.0, "log_sigma": -20.0},
    "mean 1e30": {"mu": 1e30},
    "one Gaussian without weight": {"pi": -200.0},
    "pen logits 1e4": {"pen": 1e4},
}


@pytest.mark.parametrize("extreme", EXTREMES.values(), ids=EXTREMES.keys())
@pytest.mark.parametrize("sign", [(1, 1), (1, -1)], ids=["along", "across"])
def test_finite_in_float32(extreme: dict[str, float], sign: tuple[int, int]) -> None:
    """Density, pen and all their gradients are finite, where one Gaussian, or all, are extreme."""
    for M, extreme_ones in ((1, slice(0, 1)), (3, slice(0, 1)), (3, slice(0, 3))):
        y = random_head((2,), M, seed=6).float()
        parts = y[:, 3:].view(2, 6, M)
        if "pi" in extreme:
            parts[:, 0, extreme_ones] = extreme["pi"]
        if "mu" in extreme or "sigmas" in extreme:
            parts[:, 1:3, extreme_ones] = extreme.get("mu", 0.0)
        if "log_sigma" in extreme:
            parts[:, 3:5, extreme_ones] = extreme["log_sigma"]
        if "rho_raw" in extreme:
            parts[:, 5, extreme_ones] = extreme["rho_raw"]
        if "pen" in extreme:
            y[:, 0] = extreme["pen"]
        y.requires_grad_()
        mixture = Mixture.from_head(y)
        size = extreme.get("offset", 1.0)
        if "sigmas" in extreme:
            size = extreme["sigmas"] * math.exp(extreme["log_sigma"])
        offset = torch.tensor(sign) * torch.tensor([[size, size], [size, 0.0]])
        offset.requires_grad_()
        log_density = mixture.log_density(offset)
        log_pen = mixture.log_pen(torch.tensor([[0.0, 0.0, 1.0]]).expand(2, 3))
        (log_density.sum() + log_pen.sum()).backward()
        for value in (log_density, log_pen, y.grad, offset.grad):
            assert torch.isfinite(value).all()


@pytest.mark.parametrize("rho_raw", [-12.0, 12.0])
def test_a_correlation_that_rounds_to_one(rho_raw: float) -> None:
    """In float32 tanh(12) is 1; the density is right all the same (by exact arithmetic)."""
    with localcontext() as context:
        context.prec = 60
        exact = exact_log_density((0.75, 0.5), rho_raw)
    assert torch.tanh(torch.tensor(rho_raw)).abs() == 1
    y32 = torch.tensor([0, 0, 0, 0, 0, 0, 0, 0, rho_raw], dtype=torch.float32)
    ours = Mixture.from_head(y32).log_density(torch.tensor([0.75, 0.5]))
    assert ours.item() == pytest.approx(float(exact), rel=1e-5)  # float32, exponent e^24


def exact_log_density(offset: tuple[float, float], rho_raw: float) -> Decimal:
    """The bivariate normal as textbooks print it, in as many digits as the context has."""
    e = Decimal(rho_raw).exp()
    rho = (e - 1 / e) / (e + 1 / e)
    x, y = map(Decimal, offset)
    Z = x * x + y * y - 2 * rho * x * y
    two_pi = Decimal(2 * math.pi)
    return -Z / (2 * (1 - rho * rho)) - two_pi.ln() - (1 - rho * rho).ln() / 2


def test_float32_is_as_good_as_its_numbers() -> None:
    """Ordinary parameters: float32 differs from float64 by rounding alone (eps 6e-8)."""
    y = random_head((200,), 20, seed=7, spread=0.5)
    offset = torch.from_numpy(np.random.default_rng(8).standard_normal((200, 2)))
    exact = Mixture.from_head(y).log_density(offset)
    ours = Mixture.from_head(y.float()).log_density(offset.float()).double()
    torch.testing.assert_close(ours, exact, rtol=2e-6, atol=2e-6)


def test_gradcheck() -> None:
    y = random_head((3,), 2, seed=9).requires_grad_()
    offset = torch.from_numpy(np.random.default_rng(10).standard_normal((3, 2))).requires_grad_()

    def density(y: Tensor, offset: Tensor) -> Tensor:
        return Mixture.from_head(y).log_density(offset)

    assert torch.autograd.gradcheck(density, (y, offset))


def moment(function: Callable[[npt.NDArray], npt.NDArray], mixture: Mixture) -> float:
    """The mean of function(x, y) under the density, by the same grid as `integral`."""
    step = 0.02
    axis = torch.arange(-9, 9, step, dtype=torch.float64)
    grid = torch.stack(torch.meshgrid(axis, axis, indexing="ij"), dim=-1)
    density = mixture.log_density(grid).exp().numpy()
    return float((function(grid.numpy()) * density).sum() * step**2)


def test_moments_of_the_density() -> None:
    """Means, deviations and the correlation of the density are what the parameters say."""
    mixture = single(mu=(0.5, -0.25), sigma=(0.8, 1.1), rho=0.6)
    assert moment(lambda p: p[..., 0], mixture) == pytest.approx(0.5, abs=1e-9)
    assert moment(lambda p: p[..., 1], mixture) == pytest.approx(-0.25, abs=1e-9)
    assert moment(lambda p: (p[..., 0] - 0.5) ** 2, mixture) == pytest.approx(0.64, abs=1e-9)
    assert moment(lambda p: (p[..., 1] + 0.25) ** 2, mixture) == pytest.approx(1.21, abs=1e-9)
    across = moment(lambda p: (p[..., 0] - 0.5) * (p[..., 1] + 0.25), mixture)
    assert across == pytest.approx(0.6 * 0.8 * 1.1, abs=1e-9)
