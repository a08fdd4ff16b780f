"""Live drawing in NumPy: the torch way's distributions and drawings, point by point, without torch.

Tolerance: 1e-5 of the distribution's parameters, which are at most about 10 here.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sketchrnn import strokes
from sketchrnn.api import Model, load
from sketchrnn.drawing import live
from sketchrnn.drawing.base import PenPoint
from sketchrnn.drawing.live import LiveDecoder, LiveModel, draw_rows, load_live
from sketchrnn.drawing.sample import sample_strokes
from sketchrnn.errors import SketchRNNError
from sketchrnn.model import cells, mixture, network, numpy_cells
from sketchrnn.model.config import ModelConfig
from sketchrnn.model.network import Network
from sketchrnn.runs import DataFacts, RunConfig, save_tensors, write_config
from sketchrnn.seeds import BLOCK, PRIOR_STREAM, normal_vectors
from sketchrnn.share.magenta import load_published
from sketchrnn.sketch import Sketch

CELLS = ("lstm", "layer_norm", "hyper")
N_MAX, Z, SCALE = 30, 6, 12.5
CLOSE = 1e-5


def make_network(cell: str, *, conditional: bool = True, end: float = -2.0, **changes: Any) -> Any:
    """Trained-like weights: none of them at what it starts from, gates neither open nor shut."""
    sizes = {
        "N_max": N_MAX,
        "encoder_size": 4,
        "decoder_cell": cell,
        "decoder_size": 24,
        "z_size": Z,
        "mixtures": 4,
        "hyper_size": 10,
        "hyper_embedding": 3,
        "conditional": conditional,
    }
    with torch.random.fork_rng():
        torch.manual_seed(1)
        made = Network(ModelConfig(**(sizes | changes)))
        with torch.no_grad():
            for parameter in made.parameters():
                parameter += 0.2 * torch.randn_like(parameter)
            made.head.bias[2] += end  # the logit of p3
    return made


def make_model(cell: str = "lstm", **changes: Any) -> Model:
    return Model(make_network(cell, **changes), DataFacts(scale=SCALE, classes=("cat",)), "cats")


def decoder_of(made: Network) -> LiveDecoder:
    weights = {name: value.numpy() for name, value in made.state_dict().items()}
    return LiveDecoder(made.config, weights, "here")


def random_rows(N: int, seed: int = 0) -> np.ndarray:
    """Stroke-5 rows [N, 5], the start token first."""
    rng = np.random.default_rng(seed)
    rows = np.zeros((N, 5), dtype=np.float32)
    rows[:, strokes.XY] = 2 * rng.standard_normal((N, 2))
    rows[np.arange(N), rng.choice([strokes.P1_DOWN, strokes.P2_UP], N)] = 1
    rows[0] = strokes.START_TOKEN
    return rows


def assert_same_distributions(made: Network, rows: np.ndarray) -> None:
    """Every parameter of every step, and the state at the end, from live steps and from torch."""
    z = normal_vectors(7, 0, 1, made.config.z_size)[0] if made.config.conditional else None
    with torch.inference_mode():
        expected, memory = made.decode(
            torch.from_numpy(rows)[None], None if z is None else torch.from_numpy(z)[None]
        )
    decoder = decoder_of(made)
    under_way = decoder.begin(z)
    for number, row in enumerate(rows):
        y, under_way = decoder.step(row, under_way)
        for name, value in vars(mixture.Mixture.from_head(torch.from_numpy(y))).items():
            wanted = getattr(expected, name)[0, number].numpy()
            assert value.shape == wanted.shape
            np.testing.assert_allclose(value, wanted, rtol=CLOSE, atol=CLOSE, err_msg=name)
    _, state = under_way
    assert len(state) == len(memory.state)
    for part, wanted in zip(state, memory.state, strict=True):
        np.testing.assert_allclose(part, wanted[0].numpy(), rtol=CLOSE, atol=CLOSE)


@pytest.mark.parametrize("conditional", [True, False])
@pytest.mark.parametrize("cell", CELLS)
def test_distributions_are_those_of_torch(cell: str, conditional: bool) -> None:
    made = make_network(cell, conditional=conditional)
    rows = random_rows(40)
    assert_same_distributions(made, rows)
    # and the rows do count: the last distributions differ after other rows
    ends = []
    for seed in (0, 1):
        decoder = decoder_of(made)
        memory = decoder.begin(normal_vectors(7, 0, 1, Z)[0] if conditional else None)
        for row in random_rows(40, seed):
            y, memory = decoder.step(row, memory)
        ends.append(y)
    assert np.abs(ends[0] - ends[1]).max() > 0.1


def test_distributions_at_the_usual_size() -> None:
    """512 units, as they are initialised."""
    with torch.random.fork_rng():
        torch.manual_seed(2)
        made = Network(ModelConfig(N_max=10, conditional=False))
    assert_same_distributions(made, random_rows(10))


def published(shared: Path) -> list[Path]:
    return sorted((shared / "models" / "magenta").rglob("*.gen.json"))


def test_distributions_of_published_weights(shared: Path) -> None:
    """The authors' trained weights, fed a drawing of their own."""
    found = published(shared)
    assert found
    for path in found:
        model = load_published(path)
        drawing = model.generate(1, temperature=0.4, seed=2)[0].to_stroke3()
        drawing[:, strokes.XY] /= model.facts.scale
        rows = np.vstack([strokes.START_TOKEN, strokes.stroke3_to_stroke5(drawing, len(drawing))])
        assert len(rows) > 5
        assert_same_distributions(model.network, rows.astype(np.float32))


def test_constants_are_the_models() -> None:
    assert numpy_cells.GATES == cells.GATES
    assert numpy_cells.FORGET_BIAS == cells.FORGET_BIAS
    assert numpy_cells.LAYER_NORM_EPSILON == cells.LAYER_NORM_EPSILON
    assert live.POINT == network.POINT
    assert live.PEN_STATES == mixture.PEN_STATES
    assert live.PARAMETERS == mixture.PARAMETERS


# Drawings


@pytest.mark.parametrize("temperature", [0.0, 1e-300, 0.4, 1.0])
@pytest.mark.parametrize("conditional", [True, False])
@pytest.mark.parametrize("cell", CELLS)
def test_drawings_are_those_of_the_batch(cell: str, conditional: bool, temperature: float) -> None:
    """float32 fed back to itself over at most 30 points: 1e-3 of offsets near 1 to 10."""
    made = make_network(cell, conditional=conditional)
    n, seed = 8, 5
    z = normal_vectors(7, 0, n, Z) if conditional else None
    batch = sample_strokes(
        made, None if z is None else torch.from_numpy(z), n, temperature=temperature, seed=seed
    )
    decoder = decoder_of(made)
    for number, expected in enumerate(batch):
        rows = list(
            draw_rows(
                decoder,
                None if z is None else z[number],
                temperature=temperature,
                seed=seed,
                number=number,
            )
        )
        np.testing.assert_array_equal(np.array(rows)[:, strokes.PEN], expected[:, strokes.PEN])
        offsets = np.array(rows)[:, strokes.XY]
        np.testing.assert_allclose(offsets, expected[:, strokes.XY], rtol=1e-3, atol=1e-3)
    assert len({len(drawing) for drawing in batch}) > 1 or temperature < 1


def test_long_drawings_are_those_of_the_batch() -> None:
    """Past the first block of random numbers, and to N_max."""
    made = make_network("lstm", conditional=False, end=-1e9, N_max=2 * BLOCK + 10)
    batch = sample_strokes(made, None, 2, temperature=0.1, seed=3)
    assert [len(drawing) for drawing in batch] == [2 * BLOCK + 10] * 2
    for number, expected in enumerate(batch):
        rows = list(draw_rows(decoder_of(made), None, temperature=0.1, seed=3, number=number))
        np.testing.assert_array_equal(np.array(rows)[:, strokes.PEN], expected[:, strokes.PEN])
        offsets = np.array(rows)[:, strokes.XY]
        np.testing.assert_allclose(offsets, expected[:, strokes.XY], rtol=1e-2, atol=1e-2)


def test_ended_before_the_first_point() -> None:
    """One point all the same, where the pen is lifted, as in the batch."""
    made = make_network("lstm", conditional=False, end=1e9)
    (expected,) = sample_strokes(made, None, 1, temperature=0.5, seed=3)
    (row,) = draw_rows(decoder_of(made), None, temperature=0.5, seed=3)
    assert row[strokes.PEN].tolist() == [0, 1, 0]
    np.testing.assert_allclose(row[strokes.XY], expected[0, strokes.XY], rtol=1e-4)


def assert_same_sketches(ours: list[Sketch], expected: list[Sketch]) -> None:
    assert len(ours) == len(expected)
    for first, second in zip(ours, expected, strict=True):
        assert first.label == second.label
        assert len(first.polylines) == len(second.polylines)
        for line, other in zip(first.polylines, second.polylines, strict=True):
            np.testing.assert_allclose(line, other, rtol=1e-3, atol=1e-2 * SCALE)


@pytest.mark.parametrize("conditional", [True, False])
def test_a_live_model_draws_what_the_model_draws(conditional: bool) -> None:
    model = make_model("layer_norm", conditional=conditional)
    drawer = model.live()
    assert (drawer.N_max, drawer.conditional, drawer.name) == (N_MAX, conditional, "cats")
    assert_same_sketches(
        drawer.generate(5, temperature=0.6, seed=4), model.generate(5, temperature=0.6, seed=4)
    )
    if conditional:
        z = normal_vectors(9, 0, 3, Z)
        assert_same_sketches(drawer.decode(z, seed=4), model.decode(z, seed=4))
        assert_same_sketches(
            drawer.generate(2, z=z[0], temperature=0, seed=4),
            model.decode(z[[0, 0]], temperature=0),
        )
    assert drawer.generate(2).seed < 1_000_000


def to_sketch(points: list[PenPoint], label: str | None) -> Sketch:
    """As a page would: lines from each point to the next but where the pen is lifted."""
    lines: list[list[tuple[float, float]]] = [[]]
    for x, y, pen in points[:-1]:
        lines[-1].append((x, y))
        if pen == "up":
            lines.append([])
    return Sketch.from_polylines([line for line in lines if line], label)


@pytest.mark.parametrize("conditional", [True, False])
def test_stream(conditional: bool) -> None:
    """The points of generate's drawing, from the start to the end, in the user's units."""
    model = make_model(conditional=conditional)
    many = model.live().generate(4, temperature=0.7, seed=6)
    for number, expected in enumerate(many):
        points = list(model.stream(temperature=0.7, seed=6, number=number))
        assert points[0] == PenPoint(0.0, 0.0, "down")
        assert [point.pen == "end" for point in points] == [False] * (len(points) - 1) + [True]
        assert points[-1][:2] == points[-2][:2]
        assert len(points) == expected.point_count + 1
        ours = to_sketch(points, "cat")
        assert len(ours.polylines) == len(expected.polylines)
        for line, other in zip(ours.polylines, expected.polylines, strict=True):
            np.testing.assert_allclose(line, other, rtol=1e-12, atol=1e-12)
    if conditional:
        z = normal_vectors(6, PRIOR_STREAM, 3, Z)[2]
        drawer = model.live()
        given = list(drawer.stream(z=z, temperature=0.7, seed=6, number=2))
        assert given == list(drawer.stream(temperature=0.7, seed=6, number=2))


def test_streams_come_as_they_are_drawn_and_side_by_side() -> None:
    """A point is drawn when it is asked for; drawings under way do not disturb each other."""
    drawer = make_model(conditional=False, end=-1e9).live()
    steps = 0
    step = drawer.decoder.step

    def counted(row: Any, memory: Any) -> Any:
        nonlocal steps
        steps += 1
        return step(row, memory)

    drawer.decoder.step = counted  # type: ignore[method-assign]
    points = drawer.stream(seed=1)
    assert steps == 0
    for count in range(5):
        next(points)
        assert steps == count  # the start costs nothing
    other = drawer.stream(seed=2)
    mixed = [(next(points), next(other)) for _ in range(10)]
    alone = list(islice(drawer.stream(seed=1), 15))[5:], list(islice(drawer.stream(seed=2), 10))
    assert [list(column) for column in zip(*mixed, strict=True)] == list(alone)
    assert list(drawer.stream(seed=1))[-1].pen == "end"  # at N_max


def test_stream_without_a_seed_is_another_drawing_each_time() -> None:
    drawer = make_model().live()
    first, second = (tuple(drawer.stream()) for _ in range(2))
    assert first != second


# Runs


def write_run(folder: Path, model: Model, *, best: bool = True) -> Path:
    folder.mkdir()
    write_config(folder, RunConfig(model.config, model.facts, {}))
    weights = dict(model.network.state_dict())
    if best:
        save_tensors(folder / "best.safetensors", weights, {})
    last = {f"weights/{name}": value + 0.01 for name, value in weights.items()}
    last |= {f"adam/{name}": torch.zeros_like(value) for name, value in weights.items()}
    save_tensors(folder / "last.safetensors", last, {})
    return folder


@pytest.mark.parametrize("which", ["best", "last"])
@pytest.mark.parametrize("best", [True, False])
def test_load_live_reads_what_load_reads(tmp_path: Path, which: str, best: bool) -> None:
    run = write_run(tmp_path / "run", make_model("hyper"), best=best)
    drawer, model = load_live(run, which=which), load(run, which=which)
    assert repr(drawer) == repr(model).replace("<Model", "<LiveModel")
    assert_same_sketches(drawer.generate(3, seed=1), model.generate(3, seed=1))


NO_TORCH = """
import sys
sys.modules["torch"] = None  # an import of it fails
from sketchrnn.drawing.live import load_live
model = load_live(sys.argv[1])
points = list(model.stream(seed=3, temperature=0.6))
print(len(points), len(model.generate(2, seed=3)))
"""


def test_live_drawing_needs_no_torch(tmp_path: Path) -> None:
    for cell in CELLS:
        run = write_run(tmp_path / cell, make_model(cell))
        done = subprocess.run(
            [sys.executable, "-c", NO_TORCH, run], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        expected = len(list(load_live(run).stream(seed=3, temperature=0.6)))
        assert done.stdout.split() == [str(expected), "2"]


def test_half_precision_weights(tmp_path: Path) -> None:
    """Weights stored in 16 bits are read as float32."""
    model = make_model()
    run = write_run(tmp_path / "run", model)
    halves = {name: value.half() for name, value in model.network.state_dict().items()}
    save_tensors(run / "best.safetensors", halves, {})
    decoder = load_live(run).decoder
    y, _ = decoder.step(strokes.START_TOKEN, decoder.begin(np.zeros(Z, dtype=np.float32)))
    assert y.dtype == np.float32


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: m.stream(temperature=-1), "temperature must be a number from 0"),
        (lambda m: m.stream(seed=-1), "seed must be a whole number"),
        (lambda m: m.stream(number=-1), "number of the drawing must be a whole number from 0"),
        (lambda m: m.stream(number=0.5), "number of the drawing must be a whole number from 0"),
        (lambda m: m.stream(z=np.zeros(Z + 1)), "z must have 6 numbers"),
        (lambda m: m.stream(z=np.zeros((2, Z))), "2 vectors z for 1 drawings"),
        (lambda m: m.generate(0), "the number of drawings must be at least 1"),
    ],
)
def test_errors(call: Callable[[LiveModel | Model], Any], message: str) -> None:
    """At the call, not at the first point."""
    for drawer in (make_model(), make_model().live()):
        with pytest.raises(SketchRNNError, match=message) as caught:
            call(drawer)
        assert "\n" not in str(caught.value)


def test_a_decoder_only_model_has_no_z() -> None:
    with pytest.raises(SketchRNNError, match=r"cats is a decoder-only model.* z is not possible"):
        make_model(conditional=False).live().stream(z=np.zeros(Z))


def test_damaged_weights(tmp_path: Path) -> None:
    model = make_model()
    weights = {name: value.numpy() for name, value in model.network.state_dict().items()}
    del weights["decoder.bias"]
    with pytest.raises(
        SketchRNNError, match=r"here: the weights do not fit .*decoder\.bias is mis"
    ):
        LiveDecoder(model.config, weights, "here")
    weights["decoder.bias"] = np.zeros(5)
    with pytest.raises(SketchRNNError, match=r"decoder\.bias has shape \(5,\), not \(96,\)"):
        LiveDecoder(model.config, weights, "here")
    run = write_run(tmp_path / "run", model)
    (run / "best.safetensors").write_bytes(b"nothing")
    with pytest.raises(SketchRNNError, match=r"best\.safetensors: not a weight file, or damaged"):
        load_live(run)
    with pytest.raises(SketchRNNError, match="there is no such run folder"):
        load_live(tmp_path / "none")
    with pytest.raises(SketchRNNError, match="which must be best or last, got 'first'"):
        load_live(run, which="first")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite(value: float) -> None:
    model = make_model(conditional=False)
    with torch.no_grad():
        model.network.decoder.W_hh[1, 2] = value
    with pytest.raises(SketchRNNError, match=r"decoder\.W_hh has a value that is not a finite num"):
        model.live()


def test_a_point_that_is_not_finite() -> None:
    model = make_model(conditional=False)
    with torch.no_grad():
        model.network.head.bias[3:] = 1e30  # of every Gaussian: the sigmas are e to that
    points = model.stream(seed=1)
    assert next(points).pen == "down"
    with pytest.raises(SketchRNNError, match="a point that is not a finite number"):
        next(points)
