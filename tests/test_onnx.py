"""ONNX files against the network that they were written from; and the example that draws with them.

Tolerance 1e-5, relative and absolute: float32 sums in another order, one step at a time.
"""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from scipy import stats

import sketchrnn
from models import random_network
from sketchrnn.api import Model
from sketchrnn.errors import SketchRNNError
from sketchrnn.model.config import CELL_NAMES
from sketchrnn.model.mixture import Mixture
from sketchrnn.runs import DataFacts, starter_names
from sketchrnn.share.onnx_export import CELLS, FACTS, MIXTURE, export_onnx

pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "sample_onnx.py"
FILES = {"decoder_step.onnx", "encoder.onnx", "initial_state.onnx", FACTS}
DECODER_ONLY = {"decoder_step.onnx", FACTS}
CLOSE = 1e-5
STEPS = 6

Array = npt.NDArray[Any]
Function = Callable[[Mapping[str, Array]], dict[str, Array]]


def make_model(cell: str = "lstm", *, conditional: bool = True, **changes: Any) -> Model:
    config = {"encoder_cell": cell, "decoder_cell": cell, "conditional": conditional, "N_max": 12}
    config |= {"encoder_size": 7, "decoder_size": 9, "z_size": 6, "mixtures": 3}
    config |= {"hyper_size": 5, "hyper_embedding": 4}
    network = random_network(**config | changes)
    return Model(network, DataFacts(scale=12.5, classes=("cat", "pig")), "test model")


def load(path: Path) -> Function:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return lambda inputs: dict(zip(names, session.run(names, dict(inputs)), strict=True))


def random_drawings(B: int, T: int) -> tuple[Array, Array]:
    """Stroke-5 rows [B, T, 5] and lengths from 1 to T, in which the first and the last occur."""
    rng = np.random.default_rng(B + T)
    x_BT5 = np.zeros((B, T, 5), dtype=np.float32)
    x_BT5[..., :2] = rng.normal(size=(B, T, 2))
    x_BT5[..., 2:] = np.eye(3)[rng.integers(0, 2, (B, T))]
    lengths_B = rng.integers(1, T + 1, B)
    lengths_B[-1], lengths_B[0] = 1, T
    return x_BT5, lengths_B


def assert_encodes_alike(model: Model, encode: Function, x_BT5: Array, lengths_B: Array) -> None:
    found = encode({"x_BT5": x_BT5, "lengths_B": lengths_B})
    with torch.inference_mode():
        expected = model.network.encode(torch.from_numpy(x_BT5), torch.from_numpy(lengths_B))
    for name, value in zip(("mu", "log_variance"), expected, strict=True):
        np.testing.assert_allclose(found[name], value.numpy(), rtol=CLOSE, atol=CLOSE)


def assert_steps_alike(model: Model, folder: Path, B: int) -> None:
    """Some steps in a row, each from the state that PyTorch found."""
    step = load(folder / "decoder_step.onnx")
    rng = np.random.default_rng(B)
    z_BZ, given = None, {}
    sizes = json.loads((folder / FACTS).read_text("utf-8"))["state"]
    if model.conditional:
        z_BZ = torch.from_numpy(rng.normal(size=(B, model.z_size)).astype(np.float32))
        given = {"z": z_BZ.numpy()}
        begun = load(folder / "initial_state.onnx")(given)
    else:
        begun = {name: np.zeros((B, size), dtype=np.float32) for name, size in sizes.items()}
    assert list(begun) == list(sizes)
    points_BT5, _ = random_drawings(B, STEPS)
    with torch.inference_mode():
        memory = model.network.begin(z_BZ, B)
        state = memory.state
        for part, value in zip(state, begun.values(), strict=True):
            np.testing.assert_allclose(value, part.numpy(), rtol=CLOSE, atol=CLOSE)
        for point in np.swapaxes(points_BT5, 0, 1):
            inputs = {name: part.numpy() for name, part in zip(sizes, state, strict=True)}
            found = step({"point": point, **given, **inputs})
            mixture, memory = model.network.decode(torch.tensor(point)[:, None], z_BZ, memory)
            state = memory.state
            expected = {name: getattr(mixture, name)[:, 0] for name in MIXTURE}
            expected |= {f"next_{name}": part for name, part in zip(sizes, state, strict=True)}
            assert list(found) == list(expected)
            for name, value in expected.items():
                np.testing.assert_allclose(found[name], value.numpy(), rtol=CLOSE, atol=CLOSE)


@pytest.mark.parametrize("cell", CELL_NAMES)
def test_every_cell(cell: str, tmp_path: Path) -> None:
    model = make_model(cell)
    assert {path.name for path in export_onnx(model, tmp_path / "new" / "folder")} == FILES
    encode = load(tmp_path / "new" / "folder" / "encoder.onnx")
    for B, T in ((1, 1), (1, 12), (3, 5), (8, 30)):
        assert_encodes_alike(model, encode, *random_drawings(B, T))
        assert_steps_alike(model, tmp_path / "new" / "folder", B)


@pytest.mark.parametrize("cell", CELL_NAMES)
def test_every_cell_without_an_encoder(cell: str, tmp_path: Path) -> None:
    model = make_model(cell, conditional=False)
    assert {path.name for path in export_onnx(model, tmp_path)} == DECODER_ONLY
    assert {path.name for path in tmp_path.iterdir()} == DECODER_ONLY
    for B in (1, 4):
        assert_steps_alike(model, tmp_path, B)


def test_encoder_and_decoder_of_different_cells(tmp_path: Path) -> None:
    model = make_model("hyper", encoder_cell="layer_norm")
    export_onnx(model, tmp_path)
    assert_encodes_alike(model, load(tmp_path / "encoder.onnx"), *random_drawings(3, 7))
    assert_steps_alike(model, tmp_path, 3)


def test_what_lies_past_a_length_is_not_read(tmp_path: Path) -> None:
    export_onnx(make_model("layer_norm"), tmp_path)
    encode = load(tmp_path / "encoder.onnx")
    x_BT5, lengths_B = random_drawings(4, 9)
    expected = encode({"x_BT5": x_BT5, "lengths_B": lengths_B})
    for row, length in zip(x_BT5, lengths_B, strict=True):
        row[length:] = np.nan
    longer = np.concatenate([x_BT5, np.full((4, 3, 5), np.inf, dtype=np.float32)], axis=1)
    found = encode({"x_BT5": longer, "lengths_B": lengths_B})
    for name, value in expected.items():
        assert np.isfinite(value).all()
        assert np.array_equal(found[name], value)


@pytest.mark.parametrize("name", starter_names())
def test_the_starters(name: str, tmp_path: Path) -> None:
    model = sketchrnn.load(name)
    export_onnx(model, tmp_path)
    if model.conditional:
        drawings = random_drawings(3, 60)
        assert_encodes_alike(model, load(tmp_path / "encoder.onnx"), *drawings)
    assert_steps_alike(model, tmp_path, 3)


def test_the_facts(tmp_path: Path) -> None:
    export_onnx(make_model("hyper"), tmp_path)
    facts = json.loads((tmp_path / FACTS).read_text("utf-8"))
    assert facts["name"] == "test model"
    assert facts["classes"] == ["cat", "pig"]
    assert facts["scale"] == 12.5
    assert facts["N_max"] == facts["config"]["N_max"] == 12
    assert facts["state"] == {"h": 9, "c": 9, "hyper_h": 5, "hyper_c": 5}


def test_all_files_or_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is full at the last file."""
    folder = tmp_path / "onnx"
    export_onnx(make_model(conditional=False), folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    write = Path.write_bytes

    def full(path: Path, content: bytes) -> int:
        if FACTS in path.name:
            raise OSError("no space left on device")
        return write(path, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="no space"):
        export_onnx(make_model("hyper"), folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_what_cannot_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    with pytest.raises(SketchRNNError, match="file: is no folder"):
        export_onnx(make_model(), tmp_path / "file")
    monkeypatch.setattr("sketchrnn.share.onnx_export.LIMIT_BYTES", 100)
    with pytest.raises(SketchRNNError, match="over 2 GB of weights"):
        export_onnx(make_model(), tmp_path / "large")
    monkeypatch.delitem(CELLS, "hyper")
    for model in (make_model("hyper"), make_model("lstm", encoder_cell="hyper")):
        with pytest.raises(SketchRNNError, match="test model: has hyper cells, which are not") as e:
            export_onnx(model, tmp_path / "unknown")
        assert "those that are: lstm, layer_norm" in str(e.value)
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(SketchRNNError, match=r"needs the package onnx: pip install 'sketchrnn\["):
        export_onnx(make_model(), tmp_path / "missing")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


# The example -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["face", "car"])
def test_the_example_needs_no_torch_and_no_sketchrnn(name: str, tmp_path: Path) -> None:
    model = sketchrnn.load(name)
    export_onnx(model, tmp_path)
    words = [str(tmp_path), "-n", "7", "--seed", "1", "-o", str(tmp_path / "a.svg")]
    code = (
        "import runpy, sys\n"
        "sys.modules['torch'] = sys.modules['sketchrnn'] = None\n"
        f"sys.argv[1:] = {words}\n"
        f"runpy.run_path({str(EXAMPLE)!r}, run_name='__main__')\n"
    )
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    picture = ElementTree.fromstring((tmp_path / "a.svg").read_text("utf-8"))
    left, top, width, height = map(float, picture.attrib["viewBox"].split())
    assert (left, top, width, height) == (0, 0, 720, 240)
    paths = [path.attrib["d"] for path in picture]
    places = [np.array(path[1:].replace("L", " ").split(), float).reshape(-1, 2) for path in paths]
    cells = {tuple(cell) for place in places for cell in (place // 120).astype(int).tolist()}
    assert cells == {(x, y) for y in range(2) for x in range(6)} - {(x, 1) for x in range(1, 6)}


def test_the_strokes_of_the_example_are_ours() -> None:
    strokes = runpy.run_path(str(EXAMPLE))["strokes"]
    rng = np.random.default_rng(3)
    for length in range(1, 12):
        rows = np.zeros((length + 2, 5), dtype=np.float32)
        rows[:, :2] = rng.normal(size=(length + 2, 2))
        rows[:, 2:] = np.eye(3)[rng.integers(0, 2, length + 2)]
        rows[length:, 2:] = (0, 0, 1)
        expected = sketchrnn.Sketch.from_stroke5(rows)
        for line, ours in zip(strokes(rows), expected.polylines, strict=True):
            np.testing.assert_allclose(line, ours, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("tau", [0.4, 1.0])
def test_the_example_samples_the_models_distribution(tau: float) -> None:
    """At one state of a starter: pen states, and the moments of the offset, within 4.5 sigma.

    The mixture that is sampled from is eq. 8: weights pi^(1/tau), covariances times tau.
    """
    n = 20_000
    model = sketchrnn.load("cat_pig")
    z = torch.zeros(1, model.z_size)
    with torch.inference_mode():
        mixture, _ = model.network.decode(torch.tensor([[[0.3, -0.2, 0, 1, 0]]]), z)
    assert isinstance(mixture, Mixture)
    parts = {name: getattr(mixture, name)[0].double().numpy() for name in MIXTURE}
    next_point = runpy.run_path(str(EXAMPLE))["next_point"]
    repeated = {name: np.repeat(value, n, axis=0) for name, value in parts.items()}
    points = next_point(repeated, tau, np.random.default_rng(5)).astype(np.float64)

    def tempered(logits: Array) -> Array:
        weights = np.exp(logits[0] / tau - (logits[0] / tau).max())
        return np.asarray(weights / weights.sum())

    pen = tempered(parts["pen_logits"])
    assert np.array_equal(points[:, 2:].sum(axis=1), np.ones(n))
    errors = np.abs(points[:, 2:].mean(axis=0) - pen)
    assert (errors <= 4.5 * np.sqrt(pen * (1 - pen) / n) + 1e-12).all()
    pi = tempered(parts["pi_logits"])
    sigma_x, sigma_y = np.exp(parts["log_sigma_x"][0]), np.exp(parts["log_sigma_y"][0])
    mu_x, mu_y = parts["mu_x"][0], parts["mu_y"][0]
    dx, dy = points[:, 0], points[:, 1]
    for values, expected in (
        (dx, mu_x),
        (dy, mu_y),
        (dx**2, mu_x**2 + tau * sigma_x**2),
        (dy**2, mu_y**2 + tau * sigma_y**2),
        (dx * dy, mu_x * mu_y + tau * parts["rho"][0] * sigma_x * sigma_y),
    ):
        assert abs(values.mean() - pi @ expected) <= 4.5 * values.std() / np.sqrt(n)


def test_the_z_of_the_example_is_of_our_prior(tmp_path: Path) -> None:
    """Each drawing's -log p under our density, of the example's draws and of ours."""
    model = sketchrnn.load("pig_face")
    assert model.prior is not None
    export_onnx(model, tmp_path)
    facts = json.loads((tmp_path / FACTS).read_text("utf-8"))
    latents = runpy.run_path(str(EXAMPLE))["latents"]
    theirs, ours = latents(facts, 4_000, np.random.default_rng(6)), model.prior.sample(6, 4_000)
    np.testing.assert_allclose(theirs.mean(axis=0), ours.mean(axis=0), atol=0.1)
    densities = [model.prior.log_density(z_nZ) for z_nZ in (theirs, ours)]
    assert stats.ks_2samp(*densities).pvalue > 1e-3
    normal = latents(facts | {"prior": None}, 4_000, np.random.default_rng(6))
    assert stats.ks_2samp(model.prior.log_density(normal), densities[1]).pvalue < 1e-12
