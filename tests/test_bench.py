"""The bench counts what it should and divides what it says; how fast anything is, is not tested."""

from __future__ import annotations

import json
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sketchrnn.bench import draw, measure
from sketchrnn.bench.draw import draw_plainly, drawing_flops, endless_network
from sketchrnn.bench.measure import in_turn
from sketchrnn.bench.printing import to_text
from sketchrnn.bench.settings import BenchSettings
from sketchrnn.bench.steps import (
    backend_named,
    backends_here,
    drawings_like_omniglot,
    step_bytes,
    step_flops,
)
from sketchrnn.drawing.sample import most_likely, sample_strokes
from sketchrnn.errors import SketchRNNError
from sketchrnn.model.backends.native.library import has_bf16, library
from sketchrnn.model.config import CELL_NAMES, ModelConfig
from sketchrnn.model.network import Network
from tiny import Shell, write_ndjson

CPU = torch.device("cpu")
TINY = (
    *("--encoder-size", "6", "--decoder-size", "8", "--N-max", "12", "--batch-size", "3"),
    *("--drawings", "4", "--repeats", "2", "--device", "cpu"),
)


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(capsys)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rates that are wrong, but measured in no time."""
    monkeypatch.setattr(measure, "LEAST_SECONDS", 0)
    monkeypatch.setattr(measure, "COPIED_BYTES", {"cpu": 1024})


# What is counted ---------------------------------------------------------------------------------


def config_of(cell: str, *, conditional: bool = True) -> ModelConfig:
    return ModelConfig(
        N_max=7,
        conditional=conditional,
        encoder_cell=cell,
        decoder_cell=cell,
        encoder_size=10,
        decoder_size=12,
        z_size=5,
        mixtures=3,
        hyper_size=6,
        hyper_embedding=4,
    )


def cell_flops(config: ModelConfig, cell: str, H: int, *, x_passes: int, passes: int) -> int:
    """Of a step: a product over the point, which has no gradient, and those over the state.

    A product [1, K] @ [K, N] has 2 K N, and again for the gradient of each of its two factors.
    """
    Y, E = config.hyper_size, config.hyper_embedding
    point, state = 5 * 4 * H, H * 4 * H
    if cell == "hyper":
        point = 5 * 4 * (H + Y)
        small = H * 4 * Y + Y * 4 * Y
        state += small + Y * 12 * E + 12 * E * H  # 12 embeddings, each expanded
    return 2 * (x_passes * point + passes * state)


def flops_by_hand(config: ModelConfig, length: int) -> int:
    """Of a training step on one drawing, as the plain loop has it."""
    H, Z, Y = config.decoder_size, config.z_size, config.hyper_size
    small = Y if config.decoder_cell == "hyper" else 0
    head = 2 * 3 * H * (3 + 6 * config.mixtures)
    step = cell_flops(config, config.decoder_cell, H, x_passes=2, passes=3) + head
    total = config.N_max * step
    if not config.conditional:
        return total - from_zeros(config, config.decoder_cell, H)
    size = config.encoder_size
    reading = length * cell_flops(config, config.encoder_cell, size, x_passes=2, passes=3)
    encoder = 2 * (reading - from_zeros(config, config.encoder_cell, size))
    z = 2 * 3 * (2 * 2 * size * Z + Z * 2 * (H + small) + Z * 4 * (H + small))
    return total + encoder + z


def from_zeros(config: ModelConfig, cell: str, H: int) -> int:
    """What the first step saves: a state of zeros has no gradient."""
    Y = config.hyper_size
    small = (H + Y) * 4 * Y if cell == "hyper" else 0
    return 2 * (H * 4 * H + small)


@pytest.mark.parametrize("conditional", [True, False])
@pytest.mark.parametrize("cell", CELL_NAMES)
def test_flops_of_a_step_by_hand(cell: str, conditional: bool) -> None:
    config, lengths = config_of(cell, conditional=conditional), [1, 3, 7]
    by_hand = sum(flops_by_hand(config, length) for length in lengths)
    assert step_flops(config, lengths) == by_hand


@pytest.mark.parametrize("cell", CELL_NAMES)
def test_flops_of_a_drawing_by_hand(cell: str) -> None:
    config = config_of(cell)
    H, Z = config.decoder_size, config.z_size
    units = H + (config.hyper_size if cell == "hyper" else 0)
    point = cell_flops(config, cell, H, x_passes=1, passes=1) + 2 * H * (3 + 6 * config.mixtures)
    by_hand = config.N_max * point + 2 * (Z * 2 * units + Z * 4 * units)
    assert drawing_flops(Network(config), torch.zeros(1, Z)) == by_hand


def test_bytes_of_an_lstm_by_hand() -> None:
    config = config_of("lstm", conditional=False)
    H, steps = config.decoder_size, 2 * config.N_max
    saved = 4 * H + H + H  # gates, h, c
    adjoints = 4 * H + H  # of the gates, of h
    head = 2 * (3 + 6 * config.mixtures)
    weights = sum(p.numel() for p in Network(config).parameters())
    by_hand = steps * (4 * 2 * (saved + adjoints + head) + 3 * H) + 4 * 8 * weights
    assert step_bytes(config, [3, 7]) == by_hand


def test_the_paper_s_size() -> None:
    settings = BenchSettings(size="paper")
    assert {cell: settings.model(cell).encoder_cell for cell in settings.trained} == {
        "lstm": "lstm",
        "layer_norm": "lstm",
        "hyper": "lstm",
    }
    model = settings.model("hyper")
    assert (model.encoder_size, model.decoder_size, model.z_size) == (512, 2048, 128)
    assert BenchSettings().model("layer_norm").encoder_cell == "layer_norm"
    assert BenchSettings(size="paper", decoder_size=9).model("lstm").decoder_size == 9


def test_drawings_like_omniglot() -> None:
    drawings = drawings_like_omniglot(1000, 100)
    lengths = drawings.lengths
    assert lengths.min() == 11
    assert 95 <= lengths.max() <= 100
    # of the real ones: mean 32.5, 5% 13, 25% 21, 50% 30, 75% 41, 95% 62
    assert abs(lengths.mean() - 32.5) < 0.5
    assert np.abs(np.percentile(lengths, [5, 25, 50, 75, 95]) - [13, 21, 30, 41, 62]).max() < 4
    again = drawings_like_omniglot(1000, 100)
    assert np.array_equal(drawings.rows, again.rows)
    assert abs(drawings_like_omniglot(100, 250).lengths.mean() - 81) < 2
    assert drawings_like_omniglot(2, 1).lengths.tolist() == [1, 1]


# How it is measured ------------------------------------------------------------------------------


def test_tasks_run_in_turn(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(measure, "LEAST_SECONDS", 0)
    calls: list[str] = []

    def noted(name: str) -> None:
        calls.append(name)
        time.sleep(0.002)  # less is run more than once

    tasks = {name: lambda name=name: noted(name) for name in "ab"}
    samples = in_turn("both", tasks, repeats=2, seconds=60)
    assert calls == [*"aabb"] * 2  # the first of each is not measured
    assert all(len(samples[name]) == 2 and min(samples[name]) > 0.002 for name in "ab")
    calls.clear()
    in_turn("both again", tasks, repeats=5, seconds=0)
    assert calls == [*"aabb"]  # no time is left for a second round
    assert capsys.readouterr().err == "both: 1 2\nboth again: 1\n"


def test_backends_of_a_cpu() -> None:
    names = backends_here(CPU)
    assert names[0] == "plain"
    assert ("native" in names) == (library() is not None)
    assert ("native-bf16" in names) == has_bf16()
    assert not any(backend_named(name, CPU)[1] for name in names)
    for name in ("plain-graph-bf16", "plain-", "plain-bf32"):
        with pytest.raises(SketchRNNError, match=f"backend {name}: what may follow the name is"):
            backend_named(name, CPU)


@pytest.mark.parametrize("cell", CELL_NAMES)
def test_drawings_that_never_end(cell: str) -> None:
    network = endless_network(config_of(cell), CPU)
    drawn = sample_strokes(network, torch.zeros(20, 5), 20, temperature=1.0, seed=0)
    assert {len(rows) for rows in drawn} == {7}
    assert draw_plainly(network, torch.zeros(20, 5)).shape == (20, 7, 5)


@pytest.mark.parametrize("cell", CELL_NAMES)
def test_the_plain_loop_draws_what_the_others_draw(
    cell: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At temperature 0, where nothing is random."""
    network, z_nZ = endless_network(config_of(cell), CPU), torch.randn(4, 5)
    drawn = sample_strokes(network, z_nZ, 4, temperature=0, seed=0)
    monkeypatch.setattr(draw, "sample_point", lambda mixture, *_: most_likely(mixture))
    assert np.allclose(draw_plainly(network, z_nZ), np.stack(drawn), atol=1e-5)


# The command -------------------------------------------------------------------------------------


def check_rows(table: dict[str, Any]) -> None:
    """Every ratio is the quotient of its parts."""
    for kind, floor in table["floors"].items():
        parts = (
            table["flops"] / table["product_rates"][kind],
            table["bytes"] / table["copy_rate"],
        )
        assert floor == sum(parts)
    by_backend = {row["backend"]: row for row in table["rows"]}
    for row in table["rows"]:
        assert len(row["samples"]) == 2
        assert row["seconds"] == statistics.median(row["samples"])
        assert row["best_seconds"] == min(row["samples"])
        assert row["to_plain"] == by_backend["plain"]["seconds"] / row["seconds"]
        assert row["to_floor"] == row["best_seconds"] / table["floors"][row["type"]]


@pytest.mark.usefixtures("quick")
def test_all_as_json(shell: Shell) -> None:
    torch.set_float32_matmul_precision("high")  # which neither the bench nor a training leaves
    threads = torch.get_num_threads()
    try:
        assert shell("bench", "all", "--cell", "lstm", "hyper", "--no-memory", "--json", *TINY) == 0
        assert torch.get_float32_matmul_precision() == "high"
        assert torch.get_num_threads() == threads
    finally:
        torch.set_float32_matmul_precision("highest")
    result = json.loads(shell.out)
    assert set(result) == {"machine", "train", "draw"}
    machine = result["machine"]
    assert machine["torch"] == torch.__version__
    assert machine["backends"] == backends_here(CPU)
    assert (machine["device"], machine["threads"]) == ("cpu", threads)

    train = result["train"]
    backends = backends_here(CPU)
    assert [table["model"]["decoder_cell"] for table in train["tables"]] == [
        "lstm",
        "hyper",
        "lstm",
    ]
    for table in train["tables"]:
        check_rows(table)
        assert [row["backend"] for row in table["rows"]][: len(backends)] == backends
        assert not any("memory" in row for row in table["rows"])
    names = {row["backend"] for row in train["tables"][-1]["rows"]}
    assert names >= {"torch.nn.LSTM", "plain"}
    assert train["mean_length"] == pytest.approx(3.9, abs=0.5)  # 32 of 100, some dropped

    drawing = result["draw"]
    for table, count in zip(drawing["tables"], [1, 4, 1, 4], strict=True):
        check_rows(table)
        for row in table["rows"]:
            if count == 1:
                assert row["ms_a_point"] == 1000 * row["seconds"] / 12
            else:
                assert row["drawings_per_s"] == count / row["seconds"]
    live = [row for table in drawing["tables"][::2] for row in table["rows"][2:]]
    assert [row["backend"] for row in live] == ["NumPy, live"] * 2
    assert drawing["cold_start"]["seconds"] == statistics.median(drawing["cold_start"]["samples"])

    text = to_text(result)
    for table in (*train["tables"], *drawing["tables"]):
        block = text.split(f"\n\n{table['name']}: ")[1].split("\n\n")[0].splitlines()
        rows, floors = block[1 : 2 + len(table["rows"])], block[2 + len(table["rows"]) :]
        assert len({len(row) for row in rows}) == 1  # aligned
        backend_names = [row["backend"] for row in table["rows"]]
        assert [row.split("  ")[1] for row in rows[1:]] == backend_names
        assert len(floors) == len(table["floors"])


@pytest.mark.usefixtures("quick")
def test_memory_and_a_data_file(shell: Shell, tmp_path: Path) -> None:
    """One backend only, so there is no ratio to the plain loop if it is another one."""
    backend = "plain" if library() is None else "native"
    data = write_ndjson(tmp_path / "two.ndjson")
    words = ("--cell", "layer_norm", "--backend", backend, "--data", data)
    assert shell("bench", "train", *words, *TINY, "--N-max", "20") == 0
    lines = shell.out.splitlines()
    (row,) = (line.split() for line in lines if line.startswith(f"  {backend} "))
    name, type_name, *_, to_plain, _, peak_mb, over_imports_mb = row
    assert (name, type_name) == (backend, "float32")
    assert to_plain == ("1.00" if backend == "plain" else "-")
    assert 20 < float(over_imports_mb) < float(peak_mb) < 2000
    assert any(line.startswith("Training step: batch 3, N_max 20") for line in lines)
    assert str(data) in shell.out
    assert shell.err.splitlines() == [
        "training, encoder layer_norm 6, decoder layer_norm 8: 1 2",
        "memory, encoder layer_norm 6, decoder layer_norm 8",
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["train", "--repeats", "0"], "--repeats must be a whole number from 1 to 1000, got 0"),
        (["train", "--batch-size", "0"], "--batch-size must be a whole number from 1"),
        (["draw", "--drawings", "-1"], "--drawings must be a whole number from 1"),
        (["all", "--decoder-size", "0"], "--decoder-size must be a whole number from 1"),
        (["all", "--N-max", "0"], "--N-max must be a whole number from 1"),
        (["train", "--seconds", "nan"], "--seconds must be a number from 0, got nan"),
        (["train", "--device", "abacus"], "device 'abacus' cannot be used here"),
        (["train", "--backend", "magic", "--device", "cpu"], "unknown backend 'magic': choose one"),
        (["draw", "--backend", "magic", "--device", "cpu"], "unknown backend 'magic': choose one"),
        (["train", "--backend", "plain-bf16", "--device", "cpu"], "backend plain-bf16: "),
        (["train", "--backend", "native-graph", "--device", "cpu"], "backend native-graph: "),
        (["train", "--data", "nowhere.npz", "--device", "cpu"], "nowhere.npz"),
    ],
)
def test_bad_input(shell: Shell, words: list[str], said: str) -> None:
    assert shell("bench", *words) == 2
    assert shell.out == ""
    last = shell.err.splitlines()[-1]
    assert last.startswith("sketchrnn: error: ")
    assert said in last


def test_data_without_a_fitting_drawing(shell: Shell, tmp_path: Path) -> None:
    data = write_ndjson(tmp_path / "two.ndjson")
    assert shell("bench", "train", "--data", data, "--N-max", "2", "--device", "cpu") == 2
    assert "no training drawing has at most 2 points" in shell.err


def test_an_unknown_verb(shell: Shell) -> None:
    assert shell("bench", "paint") == 2
    assert "invalid choice: 'paint'" in shell.err
