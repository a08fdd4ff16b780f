"""The fitted prior: its density and its draws against SciPy, its fit, and where it is kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.special import logsumexp

import sketchrnn
from models import random_network
from sketchrnn.api import Model, load
from sketchrnn.cli import main
from sketchrnn.drawing import encodings
from sketchrnn.drawing.encodings import fit_prior, in_use, mixture
from sketchrnn.drawing.live import load_live
from sketchrnn.errors import SketchRNNError
from sketchrnn.model.prior import MARK, Prior
from sketchrnn.runs import BEST, LAST, DataFacts, load_tensors, save_tensors
from sketchrnn.seeds import PRIOR_STREAM, normal_vectors

Z = 6
SMALL = {"encoder_size": 12, "decoder_size": 16, "z_size": Z, "quiet": True}


def make_prior(seed: int = 1, K: int = 4, A: int = 3) -> Prior:
    rng = np.random.default_rng(seed)
    factors = np.tril(rng.normal(0, 0.3, (K, A, A)))
    factors[:, range(A), range(A)] = rng.uniform(0.4, 1.2, (K, A))
    shares = rng.uniform(0.5, 1, K)
    basis = np.linalg.qr(rng.normal(size=(Z, Z)))[0][:A]
    means = rng.normal(0, 2, (K, A))
    shares /= shares.sum()
    return Prior.rounded(rng.normal(size=Z), basis, [0.8], [0, 0, 1, 1], shares, means, factors)


def gaussians(prior: Prior) -> list[tuple[float, np.ndarray, np.ndarray]]:
    """Share, mean and covariance of each component, over all of z."""
    basis, shares = prior.basis.astype(np.float64), prior.shares.astype(np.float64)
    rest = float(prior.rest[0]) ** 2 * (np.eye(Z) - basis.T @ basis)
    return [
        (
            share / shares.sum(),
            prior.center + mean @ basis,
            basis.T @ (factor @ factor.T) @ basis + rest,
        )
        for share, mean, factor in zip(
            shares, prior.means.astype(np.float64), prior.factors.astype(np.float64), strict=True
        )
    ]


def test_the_density_is_that_of_scipy() -> None:
    """The directions are rounded to 16 bits, so they are orthonormal to 1e-3 alone."""
    prior = make_prior()
    z_nZ = np.random.default_rng(2).normal(0, 2, (20, Z))
    each = [
        np.log(share) + stats.multivariate_normal(mean, covariance).logpdf(z_nZ)
        for share, mean, covariance in gaussians(prior)
    ]
    np.testing.assert_allclose(prior.log_density(z_nZ), logsumexp(each, axis=0), rtol=2e-3)


def test_draws_are_of_that_density() -> None:
    prior, n = make_prior(), 20_000
    z_nZ = prior.sample(3, n).astype(np.float64)
    components = gaussians(prior)
    mean = np.sum([share * one for share, one, _ in components], axis=0)
    np.testing.assert_allclose(z_nZ.mean(axis=0), mean, atol=0.08)
    expected = np.sum(
        [
            share * (covariance + np.outer(one - mean, one - mean))
            for share, one, covariance in components
        ],
        axis=0,
    )
    np.testing.assert_allclose(np.cov(z_nZ.T), expected, atol=0.2)
    # what is expected of -log p under its own draws: the entropy, by SciPy's draws
    rng = np.random.default_rng(4)
    which = rng.choice(len(components), n, p=[share for share, *_ in components])
    theirs = np.array([rng.multivariate_normal(*components[k][1:]) for k in which[:4_000]])
    ours, others = prior.log_density(z_nZ), prior.log_density(theirs)
    assert ours.mean() == pytest.approx(others.mean(), abs=0.15)
    assert stats.ks_2samp(ours, others).pvalue > 1e-3


def test_a_drawing_has_its_z_however_many_are_drawn() -> None:
    prior = make_prior()
    many = prior.sample(7, 12)
    np.testing.assert_array_equal(prior.sample(7, 4, first=5), many[5:9])
    # across the directions it has the numbers that it has from N(0, I)
    across = np.eye(Z) - prior.basis.T @ prior.basis
    plain = normal_vectors(7, PRIOR_STREAM, 12, Z)
    np.testing.assert_allclose(
        (many - prior.center) @ across, prior.rest * plain @ across, atol=5e-3
    )


def test_one_class_can_be_asked_for() -> None:
    prior = make_prior()
    of_one = (prior.sample(7, 2_000, label=1) - prior.center) @ prior.basis.T
    shares = prior.shares[2:] / prior.shares[2:].sum()
    np.testing.assert_allclose(of_one.mean(axis=0), shares @ prior.means[2:], atol=0.2)
    with pytest.raises(SketchRNNError, match="no class number 2"):
        prior.sample(7, 1, label=2)


def test_it_is_stored_as_it_is() -> None:
    prior = make_prior()
    again = Prior.of(prior.tensors(), Z, "here")
    assert again is not None
    for name in ("center", "basis", "rest", "classes", "shares", "means", "factors"):
        np.testing.assert_array_equal(getattr(again, name), getattr(prior, name))
    assert Prior.of({"head.bias": np.zeros(3)}, Z, "here") is None


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("means", lambda array: array[:1]),
        ("factors", lambda array: array * np.nan),
        ("basis", lambda array: array[:, :4]),
        ("center", lambda array: array[None]),
        ("rest", lambda array: -array),
        ("shares", lambda array: -array),
        ("shares", lambda array: 0 * array),
    ],
)
def test_a_damaged_one_is_told(name: str, change: Callable[[np.ndarray], np.ndarray]) -> None:
    tensors = make_prior().tensors()
    tensors[MARK + name] = change(tensors[MARK + name])
    with pytest.raises(SketchRNNError, match="here: the fitted prior"):
        Prior.of(tensors, Z, "here")


def test_a_mixture_that_is_known_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two classes, of two and of one Gaussian, in three numbers of five."""
    rng = np.random.default_rng(4)
    n = 3_000
    labels = np.repeat([0, 1], [2 * n, n])
    mu_nZ = 0.05 * rng.normal(size=(3 * n, 5))
    places = np.array([[3.0, 0, 0], [-3, 1, 0], [0, 0, 4]])
    mu_nZ[:, [0, 2, 4]] += places.repeat(n, axis=0) + 0.4 * rng.normal(size=(3 * n, 3))
    sigma_nZ = np.ones((3 * n, 5))
    sigma_nZ[:, [0, 2, 4]] = 0.4
    monkeypatch.setattr(encodings, "COMPONENTS_MANY", 2)
    sigma_nZ[:, [1, 3]] = 0.8
    prior = mixture(mu_nZ, sigma_nZ, labels)
    assert prior is not None
    assert len(prior.basis) == 3
    assert prior.shares[prior.classes == 0].sum() == pytest.approx(2 / 3, abs=1e-3)
    found = (prior.center + prior.means @ prior.basis)[:, [0, 2, 4]]
    np.testing.assert_allclose(found[:2][np.argsort(-found[:2, 0])], places[:2], atol=0.1)
    weights = prior.shares[2:] / prior.shares[2:].sum()  # two share the one Gaussian
    np.testing.assert_allclose(weights @ found[2:], places[2], atol=0.1)
    assert prior.rest[0] == pytest.approx(np.hypot(0.8, 0.05), abs=0.01)
    spread = encodings.WIDTH_MANY * np.sqrt(0.4**2 + 0.05**2 + 0.4**2)
    covariances = prior.factors @ prior.factors.transpose(0, 2, 1)
    np.testing.assert_allclose(covariances[0], spread**2 * np.eye(3), atol=0.03)


def test_directions_in_use_are_found_where_they_are_no_single_numbers() -> None:
    rng = np.random.default_rng(8)
    turned = np.linalg.qr(rng.normal(size=(Z, Z)))[0]
    lengths = np.array([2, 1, 0.5, 0.2, 0.1, 0])
    mu_nZ = 3 + (rng.normal(size=(5_000, Z)) * lengths) @ turned
    center, basis = in_use(mu_nZ)
    np.testing.assert_allclose(center, 3, atol=0.1)
    np.testing.assert_allclose(basis @ basis.T, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(np.abs(basis @ turned[:3].T), np.eye(3), atol=0.05)


def test_it_fits_the_encodings_better_than_the_normal_prior() -> None:
    rng = np.random.default_rng(5)
    mu_nZ = rng.normal(size=(400, Z)) * [2, 0.05, 1, 0.01, 0.5, 0.02] + [1, 0, 0, 0, 0, 0]
    sigma_nZ = np.full((400, Z), 0.3)
    prior = mixture(mu_nZ[:300], sigma_nZ[:300], np.zeros(300, dtype=int))
    assert prior is not None
    assert len(prior.basis) == 3
    z_nZ = mu_nZ[300:] + sigma_nZ[300:] * rng.normal(size=(100, Z))
    assert prior.log_density(z_nZ).mean() > stats.norm.logpdf(z_nZ).sum(axis=1).mean()


@pytest.mark.parametrize(("drawings", "components"), [(1, 1), (26, 2), (95, 5), (1200, 10)])
def test_no_component_is_of_one_drawing(drawings: int, components: int) -> None:
    mu_nZ = np.random.default_rng(6).normal(size=(drawings, Z)) * 2
    prior = mixture(mu_nZ, np.full((drawings, Z), 0.3), np.zeros(drawings, dtype=int))
    if drawings == 1:
        assert prior is None
    else:
        assert prior is not None
        assert len(prior.shares) == components


def test_where_nothing_is_in_use_there_is_none() -> None:
    mu_nZ = 0.01 * np.random.default_rng(7).normal(size=(50, Z))
    assert mixture(mu_nZ, np.ones((50, Z)), np.zeros(50, dtype=int)) is None
    network = random_network(z_size=Z, N_max=40)
    torch.nn.init.zeros_(network.to_mu.weight)
    model = Model(network, DataFacts(scale=20.0), "collapsed")
    fit = fit_prior(model, sketchrnn.read("doodles:12:1:face"))
    assert (fit.prior, fit.used) == (None, 0)
    assert "no direction of z is in use" in fit.said
    short = Model(random_network(z_size=Z, N_max=2), DataFacts(scale=20.0), "short")
    with pytest.raises(SketchRNNError, match="no training drawing of at most 3 points"):
        fit_prior(short, sketchrnn.read("doodles:12:1:face"))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prior") / "run"
    sketchrnn.train(
        "doodles:60:1:cat_head+pig_head", folder, max_steps=6, evaluate_every=3, **SMALL
    )
    return folder


def spread(run: Path) -> None:
    """Let mu tell drawings apart, which six steps do not teach."""
    for name, prefix in ((BEST, ""), (LAST, "weights/")):
        tensors, about = load_tensors(run / name)
        tensors[f"{prefix}to_mu.weight"] = tensors[f"{prefix}to_mu.weight"] * 400
        save_tensors(run / name, tensors, about)


@pytest.fixture(scope="module")
def fitted(run: Path) -> Path:
    spread(run)
    found = sketchrnn.fit_prior(run)
    assert set(found) == {"best", "last"}
    assert all(fit.nats < fit.normal_nats for fit in found.values())
    return run


def test_drawings_are_chosen_by_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every fourth doodle is of one kind: they must not be those that are encoded."""
    monkeypatch.setattr(encodings, "MOST_DRAWINGS", 50)
    train = sketchrnn.read("doodles:200:1:cat_head+cat_body+pig_head+pig_body").train
    chosen = encodings._chosen(train, 10_000)
    assert len(chosen) == 50
    assert min(np.bincount(chosen.labels, minlength=4)) > 5


def test_a_run_has_a_prior_for_each_of_its_weights(fitted: Path) -> None:
    for which in ("best", "last"):
        model = load(fitted, which=which)
        assert model.prior is not None
        assert set(model.prior.classes.tolist()) == {0, 1}
        assert model.prior.shares.sum() == pytest.approx(1, abs=1e-3)
        again = fit_prior(model, sketchrnn.read("doodles:60:1:cat_head+pig_head"))
        assert again.prior is not None
        np.testing.assert_array_equal(again.prior.means, model.prior.means)


def test_new_drawings_come_from_it_unless_the_normal_one_is_asked_for(fitted: Path) -> None:
    model, plain = load(fitted), load(fitted, prior="normal")
    assert plain.prior is None
    z_nZ = model.prior.sample(3, 4)
    assert model.generate(4, seed=3) == model.generate(4, z=z_nZ, seed=3)
    ours = normal_vectors(3, PRIOR_STREAM, 4, Z)
    assert plain.generate(4, seed=3) == plain.generate(4, z=ours, seed=3)
    assert model.generate(4, seed=3) != plain.generate(4, seed=3)
    model.prior = None
    assert model.generate(4, seed=3) == plain.generate(4, seed=3)


def test_live_drawing_has_the_same_prior(fitted: Path) -> None:
    for prior in ("fitted", "normal"):
        model, live = load(fitted, prior=prior), load_live(fitted, prior=prior)
        for mine, theirs in zip(model.generate(3, seed=5), live.generate(3, seed=5), strict=True):
            for line, other in zip(mine.polylines, theirs.polylines, strict=True):
                np.testing.assert_allclose(line, other, atol=1e-3)
        assert list(model.stream(seed=5)) == list(model.live().stream(seed=5))
    with pytest.raises(SketchRNNError, match="no prior 'flat'"):
        load_live(fitted, prior="flat")


def test_a_model_that_is_given_away_has_it(fitted: Path, tmp_path: Path) -> None:
    model = load(fitted)
    model.save_pretrained(tmp_path / "gift")
    again = sketchrnn.from_pretrained(tmp_path / "gift")
    assert again.generate(3, seed=2) == model.generate(3, seed=2)
    assert sketchrnn.from_pretrained(tmp_path / "gift", prior="normal").prior is None


def test_it_says_nothing_to_a_training_that_goes_on(tmp_path: Path) -> None:
    """Resumed = uninterrupted, with a prior in the checkpoint or without."""
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    data = "doodles:40:2:face"
    sketchrnn.train(data, whole, max_steps=6, **SMALL)
    sketchrnn.train(data, parts, max_steps=3, **SMALL)
    spread(parts)
    tensors, about = load_tensors(parts / LAST)
    tensors["weights/to_mu.weight"] = tensors["weights/to_mu.weight"] / 400
    tensors |= {name: torch.from_numpy(one) for name, one in make_prior().tensors().items()}
    save_tensors(parts / LAST, tensors, about)
    sketchrnn.train((), parts, resume=True, max_steps=6, quiet=True)
    mine, theirs = (load_tensors(one / LAST)[0] for one in (whole, parts))
    for name, value in mine.items():
        if not name.startswith(MARK):
            torch.testing.assert_close(theirs[name], value, rtol=0, atol=2e-5)
    assert theirs.keys() == mine.keys()


def test_a_training_that_goes_on_is_the_same_as_one_that_was_never_fitted_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fitted in the middle, or only at the end: every bit of the weights and of the prior."""
    monkeypatch.setattr(encodings, "IN_USE", 0.0)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    sketchrnn.train("doodles:40:2:face", whole, max_steps=6, evaluate_every=3, **SMALL)
    sketchrnn.train("doodles:40:2:face", parts, max_steps=3, evaluate_every=3, **SMALL)
    assert load(parts).prior is not None
    sketchrnn.train((), parts, resume=True, max_steps=6, quiet=True)
    for name in (BEST, LAST):
        mine, theirs = (load_tensors(one / name)[0] for one in (whole, parts))
        assert mine.keys() == theirs.keys()
        assert any(name.startswith(MARK) for name in mine)
        for key, value in mine.items():
            assert torch.equal(theirs[key], value), key


def test_the_command(
    fitted: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["prior", str(fitted)]) == 0
    out = capsys.readouterr().out
    assert out.count("prior fitted to 60 encodings") == 2
    assert main(["prior", str(fitted), "doodles:20:3:cat_head+pig_head"]) == 0
    assert "learned from other drawings than these" in capsys.readouterr().err
    assert main(["prior", str(fitted)]) == 0
    assert "other drawings" not in capsys.readouterr().err
    assert main(["prior", "face"]) == 2
    assert "is a starter model, which stays as it is" in capsys.readouterr().err
    assert main(["prior", str(fitted), "doodles:20:1:face"]) == 2
    assert "the model has not learned 'face'" in capsys.readouterr().err
    assert main(["prior", "car"]) == 2
    assert main(["prior", "nothing"]) == 2
    for prior in ("fitted", "normal"):
        command = ["generate", str(fitted), "-n", "2", "--seed", "1", "--prior", prior]
        assert main([*command, "-o", f"{prior}.json"]) == 0
    assert Path("fitted.json").read_text("utf-8") != Path("normal.json").read_text("utf-8")


def test_copies_are_no_drawings_of_their_own(tmp_path: Path) -> None:
    """Thirty drawings and twenty copies of each are thirty: none has a Gaussian to itself."""
    rng = np.random.default_rng(9)
    originals, copies = 30, 20
    places = np.repeat(4 * rng.normal(size=(originals, Z)), 1 + copies, axis=0)
    mu_nZ = places + 0.05 * rng.normal(size=places.shape)
    labels, part = np.zeros(len(mu_nZ), dtype=int), 1 / (1 + copies)
    few = mixture(mu_nZ, np.full(mu_nZ.shape, 0.1), labels, originals=part)
    assert few is not None
    assert few.shares.min() * originals >= encodings.LEAST_DRAWINGS - 0.01  # stored in 16 bits
    prepared = tmp_path / "a.sketches"
    sketchrnn.prepare("doodles:12:1:face", prepared, copies=4, turn=10)
    dataset = sketchrnn.read(prepared)
    assert (len(dataset.train), dataset.copies) == (60, 48)
    assert dataset.limited(int(np.median(dataset.train.lengths)))[0].copies < 48
    twice = type(dataset).merge([dataset, sketchrnn.read("doodles:5:2:face")])
    assert twice.copies == 48


def test_a_gaussian_that_only_one_drawing_has_is_given_up() -> None:
    rng = np.random.default_rng(10)
    mu_nZ = rng.normal(size=(60, Z))
    mu_nZ[0] = 40
    prior = mixture(mu_nZ, np.full((60, Z), 0.1), np.zeros(60, dtype=int))
    assert prior is not None
    own = prior.center + prior.means @ prior.basis
    assert np.abs(own - mu_nZ[0]).max(axis=1).min() > 5


def test_a_class_of_one_drawing_gets_the_gaussian_of_all() -> None:
    rng = np.random.default_rng(11)
    mu_nZ = rng.normal(size=(80, Z))
    mu_nZ[0] = 9
    labels = np.zeros(80, dtype=int)
    labels[0] = 1
    prior = mixture(mu_nZ, np.full((80, Z), 0.1), labels)
    assert prior is not None
    (mean,) = prior.center + prior.means[prior.classes == 1] @ prior.basis
    np.testing.assert_allclose(mean, mu_nZ.mean(axis=0), atol=0.1)
    assert prior.shares[prior.classes == 1].sum() == pytest.approx(1 / 80, abs=1e-4)
