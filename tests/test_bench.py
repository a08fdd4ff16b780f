"""The bench counts what it should and divides what it says; how fast anything is, is not tested."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from sketchrnn.bench import draw, rates
from sketchrnn.bench.draw import draw_plainly, endless_network
from sketchrnn.bench.progress import Display, Progress
from sketchrnn.bench.rates import native_product_task
from sketchrnn.bench.report import to_text
from sketchrnn.bench.settings import Settings
from sketchrnn.bench.timing import Times, in_turn
from sketchrnn.bench.ways import WAYS, ways_here
from sketchrnn.bench.work import (
    decoder_products,
    drawings_like_omniglot,
    flops_of,
    point_products,
    step_bytes,
    step_products,
)
from sketchrnn.drawing.sample import most_likely, sample_strokes
from sketchrnn.model.backends.native.library import has_bf16, library
from sketchrnn.model.config import CELL_NAMES, CellName, ModelConfig
from sketchrnn.model.losses import kl_loss, reconstruction_loss
from sketchrnn.model.network import Network
from sketchrnn.model.unroll import PLAIN
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
def quick_rates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rates that are wrong, but measured in no time."""
    for name in ("LEAST_FLOPS", "MOST_FLOPS", "LEAST_ROWS", "VECTOR_BYTES"):
        monkeypatch.setattr(rates, name, 1)
    monkeypatch.setattr(rates, "COPIED_BYTES", 1024)


# What is counted ---------------------------------------------------------------------------------


def config_of(cell: CellName, *, conditional: bool = True) -> ModelConfig:
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


def counted_flops(config: ModelConfig, B: int) -> int:
    """Of the plain loop's step, drawings of N_max points, as PyTorch itself counts them."""
    network = Network(config)
    x_BT5 = torch.randn(B, config.N_max + 1, 5)
    lengths_B = torch.full((B,), config.N_max)
    with FlopCounterMode(display=False) as counter:
        z_BZ = None
        loss = torch.zeros(())
        if config.conditional:
            mu, log_variance = network.encode(x_BT5[:, 1:], lengths_B, way=PLAIN)
            z_BZ = mu + torch.exp(log_variance / 2)
            loss = kl_loss(mu, log_variance).mean()
        mixture, _ = network.decode(x_BT5[:, :-1], z_BZ, way=PLAIN)
        loss = loss + reconstruction_loss(mixture, x_BT5[:, 1:], lengths_B).L_R.mean()
        loss.backward()  # type: ignore[no-untyped-call]
    return counter.get_total_flops()


def first_step_of_zeros(config: ModelConfig, cell: CellName, H: int, B: int) -> int:
    """What the plain loop does in vain where a state begins with zeros: forward and weights."""
    Y = config.hyper_size
    small = (H + Y) * 4 * Y if cell == "hyper" else 0
    return 2 * 2 * B * (H * 4 * H + small)


@pytest.mark.parametrize("conditional", [True, False])
@pytest.mark.parametrize("cell", CELL_NAMES)
def test_flops_are_those_that_pytorch_counts(cell: CellName, conditional: bool) -> None:
    config, B = config_of(cell, conditional=conditional), 3
    if conditional:
        in_vain = 2 * first_step_of_zeros(config, cell, config.encoder_size, B)
    else:
        in_vain = first_step_of_zeros(config, cell, config.decoder_size, B)
    needed = flops_of(step_products(config, [config.N_max] * B))
    assert needed + in_vain == counted_flops(config, B)


@pytest.mark.parametrize("cell", CELL_NAMES)
def test_a_batch_needs_what_its_drawings_need(cell: CellName) -> None:
    config, lengths = config_of(cell), [1, 3, 7]
    alone = [step_products(config, [length]) for length in lengths]
    assert flops_of(step_products(config, lengths)) == sum(map(flops_of, alone))
    every = flops_of(step_products(config, lengths, all_steps=True))
    assert every == flops_of(step_products(config, [7, 7, 7]))
    assert flops_of(alone[0]) < flops_of(alone[1]) < flops_of(alone[2])


@pytest.mark.parametrize("cell", CELL_NAMES)
def test_a_drawn_point_and_a_decoder_alone_are_parts_of_a_step(cell: CellName) -> None:
    config, B = config_of(cell), 3
    step = {product.name: product for product in step_products(config, [7] * B)}
    for product in decoder_products(config, B):
        assert step[product.name] == product
    network = Network(config)
    state = network.initial_state(torch.randn(B, config.z_size))
    weights, constant = network.input_product(torch.randn(B, config.z_size), B)
    with FlopCounterMode(display=False) as counter:
        projected = torch.randn(B, 5) @ weights + constant
        h, *_ = network.decoder.step(projected, state, None)
        network.head(h)
    assert flops_of(point_products(config, B)) == counter.get_total_flops()


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
    settings = Settings(size="paper")
    assert {cell: settings.model(cell).encoder_cell for cell in settings.trained} == {
        "lstm": "lstm",
        "layer_norm": "lstm",
        "hyper": "lstm",
    }
    model = settings.model("hyper")
    assert (model.encoder_size, model.decoder_size, model.z_size) == (512, 2048, 128)
    assert Settings().model("layer_norm").encoder_cell == "layer_norm"
    assert Settings(size="paper", decoder_size=9).model("lstm").decoder_size == 9


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


def test_tasks_run_in_turn() -> None:
    calls: list[str] = []

    class Seen(Progress):
        def round(self, number: int, of: int) -> None:
            calls.append(f"{number}/{of}")

    tasks = {name: lambda name=name: calls.append(name) for name in "ab"}
    times = in_turn(tasks, rounds=2, seconds=60, device=CPU, progress=Seen())
    assert calls == ["0/2", "a", "b", "1/2", "a", "b", "2/2", "a", "b"]
    assert all(len(times[name].samples) == 2 for name in "ab")
    calls.clear()
    times = in_turn(tasks, rounds=5, seconds=0, device=CPU, progress=Progress(), warm=False)
    assert calls == ["a", "b"]  # no time is left for a second round


def test_times() -> None:
    times = Times((3.0, 1.0, 2.0, 9.0))
    assert (times.seconds, times.best) == (2.5, 1.0)


@pytest.mark.skipif(library() is None, reason="needs a C compiler")
@pytest.mark.parametrize("half", [False, True])
def test_the_native_product_is_one(half: bool) -> None:
    if half and not has_bf16():
        pytest.skip("this processor has no bfloat16 products")
    generator = torch.Generator().manual_seed(0)
    a, d = (torch.randn(30, size, generator=generator).bfloat16().float() for size in (20, 70))
    out = torch.zeros(20, 70)
    native_product_task(a, d, out, half=half)()
    assert torch.allclose(out, a.T @ d, atol=1e-4)


def test_ways_of_a_cpu() -> None:
    names = [way.name for way in ways_here(None, CPU)]
    assert names[0] == "plain"
    assert ("native" in names) == (library() is not None)
    assert ("native-bf16" in names) == has_bf16()
    assert not any(way.graph for way in ways_here(None, CPU))
    assert {"plain", "native", "native-bf16"} <= set(WAYS)


@pytest.mark.parametrize("cell", CELL_NAMES)
def test_drawings_that_never_end(cell: CellName) -> None:
    network = endless_network(config_of(cell), CPU)
    drawn = sample_strokes(network, torch.zeros(20, 5), 20, temperature=1.0, seed=0)
    assert {len(rows) for rows in drawn} == {7}
    assert draw_plainly(network, torch.zeros(20, 5)).shape == (20, 7, 5)


@pytest.mark.parametrize("cell", CELL_NAMES)
def test_the_plain_loop_draws_what_the_others_draw(
    cell: CellName, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At temperature 0, where nothing is random."""
    network, z_nZ = endless_network(config_of(cell), CPU), torch.randn(4, 5)
    drawn = sample_strokes(network, z_nZ, 4, temperature=0, seed=0)
    monkeypatch.setattr(draw, "sample_point", lambda mixture, *_: most_likely(mixture))
    assert np.allclose(draw_plainly(network, z_nZ), np.stack(drawn), atol=1e-5)


def test_progress_elsewhere_than_on_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    display = Display()
    display.note("about 3 s")
    display.stage("one")
    display.round(1, 2)
    display.close()
    assert capsys.readouterr().err == "about 3 s\none\n"


# The command -------------------------------------------------------------------------------------


def check_floors(floors: dict[str, Any]) -> None:
    for floor in floors.values():
        assert floor["product_seconds"] == floor["flops"] / floor["product_rate"]
        assert floor["memory_seconds"] == floor["bytes"] / floor["memory_rate"]
        assert floor["seconds"] == floor["product_seconds"] + floor["memory_seconds"]


def check_rows(table: dict[str, Any]) -> None:
    """Every ratio is the quotient of its parts."""
    check_floors(table["floors"])
    for type_name, floor in table["floors"].items():
        measured = table["product_rates"][type_name]
        assert floor["product_rate"] == max(measured.values())
        assert measured[floor["product_rate_of"]] == floor["product_rate"]
        assert floor["flops"] == table["gflop"] * 1e9
    by_way = {row["way"]: row for row in table["rows"]}
    for row in table["rows"]:
        assert len(row["samples"]) == 2
        assert row["seconds"] == statistics.median(row["samples"])
        assert row["best_seconds"] == min(row["samples"])
        assert row["to_plain"] == by_way["plain"]["seconds"] / row["seconds"]
        assert row["to_floor"] == row["best_seconds"] / table["floors"][row["type"]]["seconds"]


@pytest.mark.usefixtures("quick_rates")
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
    assert machine["compiler"] is (library() is not None)
    assert (machine["device"], machine["threads"]) == ("cpu", threads)

    train = result["train"]
    ways = [way.name for way in ways_here(None, CPU)]
    assert [table["model"]["decoder_cell"] for table in train["tables"]] == [
        "lstm",
        "hyper",
        "lstm",
    ]
    for table in train["tables"]:
        check_rows(table)
        assert [row["way"] for row in table["rows"]][: len(ways)] == ways
        assert all(row["memory"] is None for row in table["rows"])
    names = {row["way"] for row in train["tables"][-1]["rows"]}
    assert names >= {"torch.nn.LSTM", "plain"}
    assert train["mean_length"] == pytest.approx(3.9, abs=0.5)  # 32 of 100, some dropped

    drawing = result["draw"]
    assert [table["drawings"] for table in drawing["tables"]] == [1, 4, 1, 4]
    for table in drawing["tables"]:
        check_rows(table)
        for row in table["rows"]:
            assert row["drawings_per_s"] == table["drawings"] / row["seconds"]
            alone = table["drawings"] == 1
            assert row["ms_a_point"] == (1000 * row["seconds"] / 12 if alone else None)
    assert set(drawing["first_drawing"]) == {"lstm 8", "hyper 8"}

    text = to_text(result)
    for table in (*train["tables"], *drawing["tables"]):
        block = text.split(f"\n\n{table['name']}: ")[1].split("\n\n")[0].splitlines()
        rows, floors = block[1 : 2 + len(table["rows"])], block[2 + len(table["rows"]) :]
        assert len({len(row) for row in rows}) == 1  # aligned
        assert [row.split("  ")[1] for row in rows[1:]] == [row["way"] for row in table["rows"]]
        assert len(floors) == len(table["floors"])


@pytest.mark.usefixtures("quick_rates")
def test_memory_and_a_data_file(shell: Shell, tmp_path: Path) -> None:
    """One way only, so there is no ratio to the plain loop if it is another one."""
    way = "plain" if library() is None else "native"
    data = write_ndjson(tmp_path / "two.ndjson")
    words = ("--cell", "layer_norm", "--backend", way, "--data", data)
    assert shell("bench", "train", *words, *TINY, "--N-max", "20") == 0
    lines = shell.out.splitlines()
    (row,) = (line.split() for line in lines if line.startswith(f"  {way} "))
    name, type_name, *_, to_plain, _, peak_mb, over_imports_mb = row
    assert (name, type_name) == (way, "float32")
    assert to_plain == ("1.00" if way == "plain" else "-")
    assert 20 < float(over_imports_mb) < float(peak_mb) < 2000
    assert any(line.startswith("Training step: batch 3, N_max 20") for line in lines)
    assert str(data) in shell.out
    said = shell.err.splitlines()
    assert said[0].startswith("training: about ")
    assert said[1:] == [
        "training, encoder layer_norm 6, decoder layer_norm 8",
        f"memory, encoder layer_norm 6, decoder layer_norm 8, {way}",
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
        (
            ["train", "--backend", "magic", "--device", "cpu"],
            "unknown way 'magic': choose of plain",
        ),
        (["draw", "--backend", "magic", "--device", "cpu"], "unknown way 'magic': choose of plain"),
        (["train", "--backend", "plain-bf16", "--device", "cpu"], "way plain-bf16: "),
        (["train", "--backend", "native-graph", "--device", "cpu"], "way native-graph: "),
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
