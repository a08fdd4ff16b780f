"""The reader of published weights, on files that the tests write and on the real ones."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sketchrnn.drawing.published import load_published
from sketchrnn.errors import SketchRNNError
from sketchrnn.interop.magenta import read_published
from sketchrnn.model.config import ModelConfig
from sketchrnn.model.mixture import Mixture

Array = np.ndarray
H, E, Z, M = 6, 4, 3, 2  # units of decoder and encoder, numbers in z, mixtures
N_OUT = 6 * M + 3

SHAPES: dict[str, list[int]] = {
    "output W": [H, N_OUT],
    "output b": [N_OUT],
    "W_xh": [5, 4 * H],
    "W_hh": [H, 4 * H],
    "b": [4 * H],
}
VAE_SHAPES: dict[str, list[int]] = {
    "forward W_xh": [5, 4 * E],
    "forward W_hh": [E, 4 * E],
    "forward b": [4 * E],
    "backward W_xh": [5, 4 * E],
    "backward W_hh": [E, 4 * E],
    "backward b": [4 * E],
    "mu W": [2 * E, Z],
    "mu b": [Z],
    "log-variance W": [2 * E, Z],
    "log-variance b": [Z],
    "initial W": [Z, 2 * H],
    "initial b": [2 * H],
    "output W": [H, N_OUT],
    "output b": [N_OUT],
    "W_xh": [5 + Z, 4 * H],
    "W_hh": [H, 4 * H],
    "b": [4 * H],
}
INFO = {"name": "zigzag", "max_seq_len": 12, "scale_factor": 45.5, "mode": 2, "version": 6}


def document(shapes: dict[str, list[int]], seed: int = 0) -> tuple[list[Any], dict[str, Array]]:
    """A published file with random weights, and those weights as float64, by their names here."""
    rng = np.random.default_rng(seed)
    blobs, weights = [], {}
    for name, shape in shapes.items():
        # +-32767 stands for +-10
        quantised = np.clip(np.round(rng.normal(0, 1500, shape)), -32767, 32767).astype("<i2")
        blobs.append(base64.b64encode(quantised.tobytes()).decode())
        weights[name] = quantised.astype(np.float64) / 32767 * 10
    return [dict(INFO), list(shapes.values()), blobs], weights


@pytest.fixture
def decoder_file(tmp_path: Path) -> tuple[Path, dict[str, Array]]:
    content, weights = document(SHAPES)
    path = tmp_path / "zigzag.gen.json"
    path.write_text(json.dumps(content))
    return path, weights


@pytest.fixture
def vae_file(tmp_path: Path) -> tuple[Path, dict[str, Array]]:
    content, weights = document(VAE_SHAPES, seed=1)
    path = tmp_path / "zigzag.vae.json"
    path.write_text(json.dumps(content))
    return path, weights


# --- the description of the format, in float64 NumPy ----------------------------------------------


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def lstm(inputs: Array, W_xh: Array, W_hh: Array, b: Array, c: Array, h: Array) -> Array:
    """h after each step; gates i, g, f, o, and +1 on the forget gate."""
    outputs = []
    for x in inputs:
        i, g, f, o = np.split(x @ W_xh + h @ W_hh + b, 4)
        c = sigmoid(f + 1) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        outputs.append(h)
    return np.array(outputs)


def decoder_outputs(
    weights: dict[str, Array], inputs: Array, c: Array, h: Array
) -> dict[str, Array]:
    """The distribution's parameters of each step: 3 pen logits, then six times M numbers."""
    h_T = lstm(inputs, weights["W_xh"], weights["W_hh"], weights["b"], c, h)
    y = h_T @ weights["output W"] + weights["output b"]
    names = ("pi_logits", "mu_x", "mu_y", "log_sigma_x", "log_sigma_y", "rho_raw")
    parts = {name: y[:, 3 + k * M : 3 + (k + 1) * M] for k, name in enumerate(names)}
    return {"pen_logits": y[:, :3]} | parts


def strokes5(count: int, seed: int = 3) -> Array:
    """The start token, then random points."""
    rng = np.random.default_rng(seed)
    points = np.zeros((count, 5), dtype=np.float32)
    points[:, 0:2] = rng.normal(0, 1, (count, 2))
    points[np.arange(count), 2 + rng.integers(0, 2, count)] = 1
    points[0] = [0, 0, 1, 0, 0]
    return points


def assert_close(mixture: Mixture, expected: dict[str, Array]) -> None:
    for name, value in expected.items():
        got = getattr(mixture, name)[0].detach().numpy()
        np.testing.assert_allclose(got, value, rtol=1e-5, atol=1e-5, err_msg=name)


# --- small files ----------------------------------------------------------------------------------


def test_a_decoder_only_file(decoder_file: tuple[Path, dict[str, Array]]) -> None:
    path, weights = decoder_file
    published = read_published(path)
    assert published.config == ModelConfig(
        N_max=12, conditional=False, decoder_cell="lstm", decoder_size=H, mixtures=M
    )
    assert (published.name, published.scale) == ("zigzag", 45.5)
    expected = {
        "head.weight": weights["output W"].T,
        "head.bias": weights["output b"],
        "decoder.W_xh": weights["W_xh"],
        "decoder.W_hh": weights["W_hh"],
        "decoder.bias": weights["b"],
    }
    assert_weights(published.weights, expected)


def test_a_vae_file(vae_file: tuple[Path, dict[str, Array]]) -> None:
    path, weights = vae_file
    published = read_published(path)
    assert published.config == ModelConfig(
        N_max=12,
        conditional=True,
        encoder_cell="lstm",
        decoder_cell="lstm",
        encoder_size=E,
        decoder_size=H,
        z_size=Z,
        mixtures=M,
    )
    # the file has c first, then h; a network's state is h first, then c
    initial_W, initial_b = weights["initial W"], weights["initial b"]
    expected = {
        "encoder_forward.W_xh": weights["forward W_xh"],
        "encoder_forward.W_hh": weights["forward W_hh"],
        "encoder_forward.bias": weights["forward b"],
        "encoder_backward.W_xh": weights["backward W_xh"],
        "encoder_backward.W_hh": weights["backward W_hh"],
        "encoder_backward.bias": weights["backward b"],
        "to_mu.weight": weights["mu W"].T,
        "to_mu.bias": weights["mu b"],
        "to_log_variance.weight": weights["log-variance W"].T,
        "to_log_variance.bias": weights["log-variance b"],
        "to_initial_state.weight": np.vstack([initial_W[:, H:].T, initial_W[:, :H].T]),
        "to_initial_state.bias": np.concatenate([initial_b[H:], initial_b[:H]]),
        "head.weight": weights["output W"].T,
        "head.bias": weights["output b"],
        "decoder.W_xh": weights["W_xh"],
        "decoder.W_hh": weights["W_hh"],
        "decoder.bias": weights["b"],
    }
    assert_weights(published.weights, expected)


def assert_weights(weights: dict[str, Array], expected: dict[str, Array]) -> None:
    """Float32 of the quantised values; each array is other than any other, so none is mixed up."""
    assert weights.keys() == expected.keys()
    for name, value in expected.items():
        assert weights[name].dtype == np.float32
        np.testing.assert_allclose(weights[name], value, rtol=1e-6, atol=0, err_msg=name)


def test_the_largest_numbers_stand_for_ten(tmp_path: Path) -> None:
    content, _ = document(SHAPES)
    values = np.zeros(4 * H, dtype="<i2")
    values[:4] = [32767, -32767, -32768, 1]
    content[2][4] = base64.b64encode(values.tobytes()).decode()
    path = tmp_path / "zigzag.json"
    path.write_text(json.dumps(content))
    bias = read_published(path).weights["decoder.bias"]
    np.testing.assert_allclose(bias[:4], [10, -10, -10 * 32768 / 32767, 10 / 32767], rtol=1e-6)


def test_a_decoder_only_model_computes_what_the_description_says(
    decoder_file: tuple[Path, dict[str, Array]],
) -> None:
    path, weights = decoder_file
    model = load_published(path)
    inputs = strokes5(9)
    mixture, _ = model.network.decode(torch.from_numpy(inputs)[None], None)
    expected = decoder_outputs(weights, inputs.astype(np.float64), np.zeros(H), np.zeros(H))
    assert_close(mixture, expected)
    assert not model.conditional
    assert model.facts.scale == 45.5
    assert (model.N_max, model.name) == (12, "zigzag")


def test_a_vae_model_computes_what_the_description_says(
    vae_file: tuple[Path, dict[str, Array]],
) -> None:
    path, weights = vae_file
    network = load_published(path).network
    inputs = strokes5(9)
    points = inputs[1:].astype(np.float64)
    zeros = np.zeros(E)
    finals = [
        lstm(rows, *(weights[f"{way} {part}"] for part in ("W_xh", "W_hh", "b")), zeros, zeros)[-1]
        for way, rows in (("forward", points), ("backward", points[::-1]))
    ]
    h = np.concatenate(finals)
    mu = h @ weights["mu W"] + weights["mu b"]
    log_variance = h @ weights["log-variance W"] + weights["log-variance b"]
    lengths = torch.tensor([len(points)])
    ours = network.encode(torch.from_numpy(inputs[1:])[None], lengths)
    for got, value in zip(ours, (mu, log_variance), strict=True):
        np.testing.assert_allclose(got[0].detach().numpy(), value, rtol=1e-5, atol=1e-5)

    z = np.random.default_rng(4).normal(0, 1, Z)
    c_first = np.tanh(z @ weights["initial W"] + weights["initial b"])
    c, h = c_first[:H], c_first[H:]
    with_z = np.hstack([inputs.astype(np.float64), np.tile(z, (len(inputs), 1))])
    z_1Z = torch.tensor(z[None], dtype=torch.float32)
    mixture, _ = network.decode(torch.from_numpy(inputs)[None], z_1Z)
    assert_close(mixture, decoder_outputs(weights, with_z, c, h))


def test_it_draws_in_pixels(decoder_file: tuple[Path, dict[str, Array]], tmp_path: Path) -> None:
    path, _ = decoder_file
    drawn = load_published(path).generate(3, temperature=0.5, seed=1)
    content = json.loads(path.read_text())
    content[0]["scale_factor"] *= 2
    doubled_path = tmp_path / "doubled.json"
    doubled_path.write_text(json.dumps(content))
    doubled = load_published(doubled_path).generate(3, temperature=0.5, seed=1)
    for one, two in zip(drawn, doubled, strict=True):
        assert 2 <= one.point_count <= 13
        assert one.label == "zigzag"
        np.testing.assert_allclose(two.to_stroke3()[:, :2], 2 * one.to_stroke3()[:, :2], rtol=1e-6)


# --- files that are not of the format -------------------------------------------------------------

Change = Callable[[list[Any]], Any]


def with_info(**changes: Any) -> Change:
    return lambda content: [content[0] | changes, *content[1:]]


def without_info(name: str) -> Change:
    return lambda content: [
        {key: value for key, value in content[0].items() if key != name},
        *content[1:],
    ]


def with_item(part: int, index: int, value: Any) -> Change:
    def change(content: list[Any]) -> list[Any]:
        content[part][index] = value
        return content

    return change


def both(*changes: Change) -> Change:
    def change(content: list[Any]) -> Any:
        for one in changes:
            content = one(content)
        return content

    return change


def blob(*shape: int) -> str:
    return base64.b64encode(b"\x01\x02" * int(np.prod(shape))).decode()


def resized(index: int, shape: Sequence[int]) -> Change:
    """Another shape, and a blob that fits it."""
    return both(with_item(1, index, list(shape)), with_item(2, index, blob(*shape)))


BAD: dict[str, tuple[Change, str]] = {
    "an object": (lambda content: {"weights": content}, r"expected a JSON array \[info"),
    "two parts": (lambda content: content[:2], r"expected a JSON array \[info"),
    "info a list": (lambda content: [[], *content[1:]], r"expected a JSON array \[info"),
    "shapes an object": (lambda content: [content[0], {}, content[2]], r"expected a JSON array"),
    "fewer shapes than blobs": (
        lambda content: [content[0], content[1][:4], content[2]],
        "expected a JSON array",
    ),
    "4 blobs": (lambda content: [content[0], content[1][:4], content[2][:4]], "has 4 blobs"),
    "0 blobs": (lambda content: [content[0], [], []], "has 0 blobs"),
    "no scale_factor": (without_info("scale_factor"), "must give max_seq_len and scale_factor"),
    "no max_seq_len": (without_info("max_seq_len"), "must give max_seq_len and scale_factor"),
    "scale_factor text": (with_info(scale_factor="big"), "must give max_seq_len and scale_factor"),
    "scale_factor null": (with_info(scale_factor=None), "must give max_seq_len and scale_factor"),
    "scale_factor 10^400": (with_info(scale_factor=10**400), "must give max_seq_len"),
    "scale_factor 0": (with_info(scale_factor=0), "scale_factor must be over 0, got 0"),
    "scale_factor NaN": (with_info(scale_factor=float("nan")), "scale_factor must be over 0"),
    "scale_factor infinite": (with_info(scale_factor=float("inf")), "scale_factor must be over 0"),
    "max_seq_len infinite": (with_info(max_seq_len=float("inf")), "must give max_seq_len"),
    "max_seq_len 0": (with_info(max_seq_len=0), "N_max must be a whole number from 1"),
    "max_seq_len 10^12": (with_info(max_seq_len=10**12), "N_max must be a whole number from 1"),
    "a blob that is no text": (with_item(2, 2, 7), r"blob 2 \(decoder\.W_xh\): is not base64"),
    "a blob that is null": (with_item(2, 2, None), r"blob 2 \(decoder\.W_xh\): is not base64"),
    "a blob not of base64": (with_item(2, 1, "a-b!"), r"blob 1 \(head\.bias\): is not base64"),
    "a blob beyond ASCII": (with_item(2, 1, "äöü="), r"blob 1 \(head\.bias\): is not base64"),
    "a byte too few": (
        with_item(2, 4, base64.b64encode(b"\0" * (8 * H - 1)).decode()),
        r"blob 4 \(decoder\.bias\): has 47 bytes, its shape \[24\] needs 48",
    ),
    "a number too many": (with_item(2, 4, blob(4 * H + 1)), "has 50 bytes, its shape"),
    "a shape of three": (with_item(1, 0, [H, N_OUT, 1]), "one or two whole numbers"),
    "an empty shape": (with_item(1, 0, []), "one or two whole numbers"),
    "a shape of fractions": (with_item(1, 4, [24.0]), "one or two whole numbers"),
    "a shape of truths": (with_item(1, 4, [True]), "one or two whole numbers"),
    "a negative shape": (with_item(1, 3, [-H, -4 * H]), "one or two whole numbers"),
    "a huge shape": (with_item(1, 3, [10**9, 10**9]), "its shape .* needs 2000000000000000000"),
    "a flat output W": (resized(0, [H * N_OUT]), "must be matrices"),
    "a flat W_xh": (resized(2, [5 * 4 * H]), "must be matrices"),
    "a W_hh of another size": (
        resized(3, [H + 1, 4 * H]),
        r"decoder\.W_hh should be \(6, 24\), is \(7, 24\)",
    ),
    "a bias of another size": (resized(4, [4 * H - 1]), r"decoder\.bias should be \(24,\), is"),
    "a W_xh with z": (resized(2, [5 + Z, 4 * H]), "a decoder-only W_xh has 5 rows, this one has 8"),
    "outputs not 6 M + 3": (
        both(resized(0, [H, N_OUT + 1]), resized(1, [N_OUT + 1])),
        r"16 outputs are not 6 M \+ 3",
    ),
    "no mixtures": (both(resized(0, [H, 3]), resized(1, [3])), r"3 outputs are not 6 M \+ 3"),
}
BAD_VAE: dict[str, tuple[Change, str]] = {
    "mu of another size": (
        resized(6, [2 * E, Z + 1]),
        r"to_mu\.weight should be \(8, 3\), is \(8, 4\)",
    ),
    "initial state too small": (
        resized(10, [Z, H]),
        r"to_initial_state\.weight should be \(3, 12\), is \(3, 6\)",
    ),
    "no room for z": (resized(14, [5, 4 * H]), r"to_mu\.weight should be \(8, 0\)"),
    "fewer rows than a point": (resized(14, [2, 4 * H]), "should be"),
    "a flat W_hh of the encoder": (resized(1, [E]), r"encoder_forward\.W_hh should be \(4, 16\)"),
}


@pytest.mark.parametrize(
    ("shapes", "change", "message"),
    [
        *(pytest.param(SHAPES, *bad, id=f"decoder-only: {name}") for name, bad in BAD.items()),
        *(pytest.param(VAE_SHAPES, *bad, id=f"VAE: {name}") for name, bad in BAD_VAE.items()),
    ],
)
def test_what_does_not_fit_is_one_line_that_names_the_file(
    tmp_path: Path, shapes: dict[str, list[int]], change: Change, message: str
) -> None:
    path = tmp_path / "bad.json"
    path.write_text(json.dumps(change(document(shapes)[0])))
    assert_refused(path, message)


@pytest.mark.parametrize(
    "content",
    [b"", b"not JSON", b"[" * 100_000, b"\xff\xfe\xfd", b'[{"name"', b"PK\x03\x04", b"9" * 10_000],
    ids=["empty", "text", "nested deeply", "not UTF-8", "cut short", "zip", "a huge number"],
)
def test_what_is_not_json_is_one_line_that_names_the_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.json"
    path.write_bytes(content)
    assert_refused(path, "not a JSON file of published weights")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert_refused(tmp_path / "none.json", "there is no such file")
    assert_refused(tmp_path, "there is no such file")


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "large.json"
    with path.open("wb") as file:
        file.truncate(1 << 40)  # takes no room on the disk; reading it would take all memory
    assert_refused(path, "too large for a file of published weights")


def assert_refused(path: Path, message: str) -> None:
    with pytest.raises(SketchRNNError, match=message) as caught:
        load_published(path)
    text = str(caught.value)
    assert str(path) in text
    assert "\n" not in text
    assert len(text) < 300 + len(str(path))


# --- the real files -------------------------------------------------------------------------------

REAL_FILES = 6


def test_the_real_published_models_load_and_draw(shared: Path) -> None:
    paths = sorted((shared / "models" / "magenta").glob("*.gen.json"))
    assert len(paths) >= REAL_FILES
    for path in paths:
        model = load_published(path)
        config = model.network.config
        assert (config.decoder_size, config.mixtures, config.conditional) == (512, 20, False)
        assert 50 <= model.N_max <= 300
        assert 20 < model.facts.scale < 200
        drawn = model.generate(12, temperature=1, seed=1)
        points = np.array([sketch.point_count for sketch in drawn])
        # people's drawings of these take some half of the longest one's points, in a few strokes
        assert 0.4 * model.N_max < np.median(points) < 0.9 * model.N_max, path.name
        assert points.min() >= 30, path.name
        # a drawing that is cut off at N_max has one point more, the first; most end by themselves
        assert (points <= model.N_max).mean() >= 0.6, path.name
        assert 4 <= np.median([len(sketch.polylines) for sketch in drawn]) <= 12, path.name
        assert 600 < np.median([max(sketch.size) for sketch in drawn]) < 1300, path.name  # px


@pytest.mark.parametrize("damage", ["no +1 on the forget gate", "gates in another order"])
def test_the_checks_of_the_real_models_would_notice_wrong_weights(
    shared: Path, damage: str
) -> None:
    path = shared / "models" / "magenta" / "bicycle.gen.json"
    model = load_published(path)
    cell: Any = model.network.decoder
    with torch.no_grad():
        for weight in (cell.W_xh, cell.W_hh, cell.bias):
            i, g, f, o = weight.clone().chunk(4, dim=-1)
            if damage == "gates in another order":
                weight.copy_(torch.cat([i, f, g, o], dim=-1))
            elif weight is cell.bias:
                weight.copy_(torch.cat([i, g, f - 1, o], dim=-1))
    drawn = model.generate(12, temperature=1, seed=1)
    points = np.array([sketch.point_count for sketch in drawn])
    assert not (
        0.4 * model.N_max < np.median(points) < 0.9 * model.N_max
        and points.min() >= 30
        and (points <= model.N_max).mean() >= 0.6
    )
