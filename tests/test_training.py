"""Training: resuming, kills, signals, losses that are not finite, stopping, the run folder."""

from __future__ import annotations

import errno
import json
import math
import os
import re
import resource
import shutil
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from safetensors.torch import save_file

from sketchrnn import cli
from sketchrnn.api import load
from sketchrnn.data import batches
from sketchrnn.data.batches import make_batch
from sketchrnn.data.dataset import Dataset, Drawings
from sketchrnn.data.doodles import doodles_dataset
from sketchrnn.data.formats import sketches
from sketchrnn.data.sources import read_sources
from sketchrnn.errors import SketchRNNError
from sketchrnn.model.config import ModelConfig
from sketchrnn.model.losses import ReconstructionLoss, reconstruction_loss
from sketchrnn.model.mixture import Mixture, head_size
from sketchrnn.runs import BEST, CONFIG, LAST, LOG, SHEETS, TENSORBOARD, load_tensors, read_config
from sketchrnn.training import loop, session
from sketchrnn.training.config import PRESETS, TrainingConfig
from sketchrnn.training.logs import Record, RunLog, read_log
from sketchrnn.training.loop import train
from sketchrnn.training.terminal import TrainingProgress
from sketchrnn.training.trainer import Trainer

MODEL = ModelConfig(
    N_max=20,
    encoder_cell="layer_norm",
    decoder_cell="layer_norm",
    encoder_size=8,
    decoder_size=16,
    z_size=4,
    mixtures=2,
)
LOSS = "sketchrnn.training.trainer.reconstruction_loss"

TRAINING = TrainingConfig(
    batch_size=8,
    max_steps=12,
    evaluate_every=4,
    patience=0,
    learning_rate=1e-2,
    R=0.9,
    recurrent_keep=0.9,
)
TIMES = ("seconds", "sketches_per_s")  # what differs from run to run


@pytest.fixture(autouse=True)
def one_thread_and_small_sheets(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(loop, "SHEET_DRAWINGS", 1)
    monkeypatch.setattr(loop, "SHEET_TEMPERATURES", (0.5,))
    # changes settings of the whole process: how products are formed, what is freed
    monkeypatch.setattr("sketchrnn.devices.prepare_cpu", lambda: None)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def tiny_dataset(names: tuple[str, ...] = ("zigzag",), count: int = 40, seed: int = 0) -> Dataset:
    """Zigzags of 5 to 20 points in strokes of 5; another size for each class."""
    rng = np.random.default_rng(seed)

    def drawings(n: int) -> Drawings:
        arrays, labels = [], []
        for index in range(n):
            label = index % len(names)
            length = 20 if index == 0 else int(rng.integers(5, 21))
            rows = np.empty((length, 3), dtype=np.int16)
            rows[:, 0] = rng.integers(3, 6, length) * (label + 1)
            rows[:, 1] = np.where(np.arange(length) % 2, 8, -8) + rng.integers(-2, 3, length)
            rows[:, 2] = np.arange(length) % 5 == 4
            rows[-1, 2] = 1
            arrays.append(rows)
            labels.append(label)
        return Drawings.from_arrays(arrays, labels)

    return Dataset(drawings(count), drawings(12), drawings(4), names, name="zigzags")


def train_all(
    folder: Path,
    *,
    dataset: Dataset | None = None,
    model: ModelConfig = MODEL,
    resume: bool = False,
    stop_at: int | None = None,
    **changes: Any,
) -> list[Record]:
    """Run a tiny training to its end, or until the step `stop_at` is done."""
    steps = 0

    def should_stop() -> bool:
        nonlocal steps
        steps = last_step(folder)
        return stop_at is not None and steps >= stop_at

    return list(
        train(
            folder,
            dataset or tiny_dataset(),
            model,
            replace(TRAINING, **changes),
            resume=resume,
            should_stop=should_stop,
        )
    )


def last_step(folder: Path) -> int:
    return max((record["step"] for record in read_log(folder)), default=0)


def timeless(records: list[Record], *kinds: str) -> list[Record]:
    """Records of these kinds without what the clock says."""
    return [
        {name: value for name, value in record.items() if name not in TIMES}
        for record in records
        if record["kind"] in (kinds or ("train", "evaluate"))
    ]


def counters(folder: Path) -> dict[str, Any]:
    """The place in the run as the checkpoint has it, without the clock's."""
    place = load_tensors(folder / LAST)[1]
    return {name: value for name, value in place.items() if name not in TIMES}


def assert_same_run(folder: Path, straight: Path) -> None:
    """Every logged loss, every weight, Adam's moments, best and last and the counters are equal."""
    assert timeless(read_log(folder)) == timeless(read_log(straight))
    assert counters(folder) == counters(straight)
    for name in (BEST, LAST):
        ours, theirs = load_file(folder / name), load_file(straight / name)
        assert ours.keys() == theirs.keys()
        for key, value in theirs.items():
            np.testing.assert_array_equal(ours[key], value, err_msg=key)


def steps_of(records: list[Record], kind: str = "train") -> list[int]:
    return [record["step"] for record in records if record["kind"] == kind]


# --- resuming -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "padding"),
    [
        (MODEL, "full"),
        (MODEL, "sampled"),
        (MODEL, "similar"),
        (
            replace(
                MODEL, encoder_cell="lstm", decoder_cell="hyper", hyper_size=8, hyper_embedding=4
            ),
            "sampled",
        ),
        (replace(MODEL, conditional=False, decoder_cell="lstm"), "full"),
    ],
    ids=["layer_norm", "sampled", "similar", "lstm-hyper", "decoder-only"],
)
def test_a_resumed_run_equals_an_uninterrupted_one(
    tmp_path: Path, model: ModelConfig, padding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "LEARN_TO_END", 3)
    train_all(tmp_path / "straight", model=model, padding=padding)
    first = train_all(tmp_path / "resumed", model=model, padding=padding, stop_at=5)
    assert first[-1]["kind"] == "end"
    assert first[-1]["reason"] == "stopped"
    assert steps_of(first) == [1, 2, 3, 4, 5]
    second = train_all(tmp_path / "resumed", model=model, padding=padding, resume=True)
    assert steps_of(second) == list(range(6, 13))
    assert_same_run(tmp_path / "resumed", tmp_path / "straight")
    log = read_log(tmp_path / "resumed")
    assert steps_of(log) == list(range(1, 13))
    assert steps_of(log, "evaluate") == [4, 8, 12]
    assert steps_of(log, "end") == [12]  # the first part's end was cut


def test_paddings_differ_in_training_and_not_in_validation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each run sees other steps; untrained, all are measured alike, over all N_max steps."""
    monkeypatch.setattr(batches, "LEARN_TO_END", 0)
    still: dict[str, Any] = {"max_steps": 1, "learning_rate": 0.0, "min_learning_rate": 0.0}
    trained, validated = set(), set()
    for padding in ("full", "sampled", "similar"):
        records = train_all(tmp_path / padding, padding=padding, **still)
        trained |= {record["L_p"] for record in records if record["kind"] == "train"}
        validated |= {record["L_p"] for record in records if record["kind"] == "evaluate"}
    assert len(trained) == 3
    assert len(validated) == 1


def batch_threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("batches")]


def test_no_thread_is_left_of_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train_all(tmp_path / "whole", max_steps=2)
    assert not batch_threads()

    records = train(tmp_path / "closed", tiny_dataset(), MODEL, TRAINING)
    next(records)
    assert len(batch_threads()) == 1
    records.close()
    assert not batch_threads()

    for error in (KeyboardInterrupt, OSError):
        records = train(tmp_path / error.__name__, tiny_dataset(), MODEL, TRAINING)
        next(records)
        with pytest.raises(error):
            records.throw(error)
        assert not batch_threads()

    monkeypatch.setattr(LOSS, poisoned(lambda call: call in (2, 4)))
    records = train(tmp_path / "fallen back", tiny_dataset(), MODEL, TRAINING)
    kinds = [next(records)["kind"] for _ in range(6)]
    assert kinds.count("fallback") == 2
    assert len(batch_threads()) == 1  # not one for each time
    records.close()


def test_presets_that_follow_others_train_on_full_padding() -> None:
    paddings = {name: preset.training.padding for name, preset in PRESETS.items()}
    ours = dict.fromkeys(("laptop", "few"), "sampled")
    assert paddings == {**ours, "magenta": "full", "paper": "full"}


def test_a_run_that_states_no_padding_was_trained_on_all_of_it() -> None:
    stored = asdict(TRAINING)
    assert TrainingConfig.from_dict(stored).padding == "sampled"
    del stored["padding"]
    assert TrainingConfig.from_dict(stored).padding == "full"


def test_the_losses_do_change_with_the_seed_and_the_step(tmp_path: Path) -> None:
    # so that the equalities above are not those of constants
    one, other = train_all(tmp_path / "1"), train_all(tmp_path / "2", seed=1)
    losses = [record["loss"] for record in one if record["kind"] == "train"]
    assert len(set(losses)) == len(losses)
    assert losses != [record["loss"] for record in other if record["kind"] == "train"]


def test_many_stops_keep_the_patience_counter(tmp_path: Path) -> None:
    settings: dict[str, Any] = {
        "evaluate_every": 2,
        "patience": 3,
        "max_steps": 40,
        "learning_rate": 0.0,  # nothing is learned, so no validation is better than the first
        "min_learning_rate": 0.0,
    }
    straight = train_all(tmp_path / "straight", **settings)
    assert straight[-1]["reason"] == "no gain in 3 validations"
    assert straight[-1]["step"] == 8
    assert straight[-1]["best_step"] == 2
    folder = tmp_path / "resumed"
    train_all(folder, stop_at=3, **settings)
    train_all(folder, stop_at=5, resume=True, **settings)
    assert counters(folder)["evaluations_without_gain"] == 1
    train_all(folder, resume=True, **settings)
    assert_same_run(folder, tmp_path / "straight")

    again = train_all(folder, resume=True, **settings)  # it is at its end, and stays there
    assert [record["kind"] for record in again] == ["end"]
    assert_same_run(folder, tmp_path / "straight")
    more = train_all(folder, resume=True, **(settings | {"patience": 4}))
    assert steps_of(more) == [9, 10]


def test_resuming_with_more_steps_is_remembered(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    train_all(folder, max_steps=4)
    train_all(folder, resume=True, max_steps=9, stop_at=5)
    stored = TrainingConfig.from_dict(dict(read_config(folder).training))
    assert stored.max_steps == 9
    train_all(folder, resume=True, max_steps=9)
    train_all(tmp_path / "straight", max_steps=9)
    assert_same_run(folder, tmp_path / "straight")


def test_a_run_begins_with_the_weights_of_another(tmp_path: Path) -> None:
    """N_max and scale are of its own drawings; the first validation knows the other's weights."""
    train_all(tmp_path / "first", max_steps=40)
    other = tiny_dataset(("longer",), seed=7)
    model = replace(MODEL, N_max=24)
    runs = {}
    for name, begin_with in (("anew", None), ("tuned", tmp_path / "first")):
        training = replace(TRAINING, max_steps=1, learning_rate=1e-9)
        list(train(tmp_path / name, other, model, training, begin_with=begin_with))
        runs[name] = read_log(tmp_path / name)[-2]["L_R"]
    assert runs["tuned"] < runs["anew"] - 0.3
    weights = load(tmp_path / "tuned").network.state_dict()
    for name, value in load(tmp_path / "first").network.state_dict().items():
        np.testing.assert_allclose(weights[name].numpy(), value.numpy(), atol=1e-8, err_msg=name)
    config = read_config(tmp_path / "tuned")
    assert (config.model.N_max, config.data.classes) == (24, ("longer",))
    assert config.data.provenance[-1] == "began with the weights of first (zigzag)"
    with pytest.raises(SketchRNNError, match="first: the weights do not fit the config: decoder"):
        train(tmp_path / "no", other, replace(MODEL, decoder_size=8), begin_with=tmp_path / "first",
              training=TRAINING)  # fmt: skip
    assert not (tmp_path / "no").exists()


def test_begin_with_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train_all(tmp_path / "first", model=replace(MODEL, conditional=False))
    data = tmp_path / "zigzag.sketches"
    sketches.write(tiny_dataset(), data)
    command = ["train", str(data), "--begin-with", str(tmp_path / "first"), "-o"]
    assert cli.main([*command, str(tmp_path / "tuned"), "--max-steps", "2"]) == 0
    assert read_config(tmp_path / "tuned").model == read_config(tmp_path / "first").model
    assert read_config(tmp_path / "tuned").training["learning_rate"] == 5e-4  # of the preset few
    capsys.readouterr()
    for wrong in (["--decoder-size", "8"], ["--unconditional"]):
        assert cli.main([*command, str(tmp_path / "no"), *wrong]) == 2
        assert f"{wrong[0]} is given by --begin-with" in capsys.readouterr().err
    assert cli.main(["train", "--resume", "-o", str(tmp_path / "tuned"), *command[2:4]]) == 2
    assert "--begin-with or --max-points cannot change in a run" in capsys.readouterr().err


def test_resume_needs_only_the_folder(tmp_path: Path) -> None:
    data = tmp_path / "zigzags.sketches"
    sketches.write(tiny_dataset(), data)
    folder, straight = tmp_path / "run", tmp_path / "straight"
    assert cli.main(command(data, folder, max_steps=5)) == 0
    assert cli.main(["train", "-o", str(folder), "--resume", "--max-steps", "9"]) == 0
    assert cli.main(command(data, straight, max_steps=9)) == 0
    # the first part measured itself at its end, step 5; nothing else differs
    assert steps_of(read_log(folder), "evaluate") == [4, 5, 8, 9]
    assert timeless(read_log(folder), "train") == timeless(read_log(straight), "train")


def command(data: Path | str, folder: Path, **changes: Any) -> list[str]:
    """The command line of a tiny training."""
    flags = {
        "encoder_size": 8,
        "decoder_size": 16,
        "z_size": 4,
        "mixtures": 2,
        "batch_size": 8,
        "evaluate_every": 4,
        "device": "cpu",
    } | changes
    words = ["train", str(data), "-o", str(folder)]
    for name, value in flags.items():
        words += [f"--{name.replace('_', '-')}", str(value)]
    return words


# --- kills ----------------------------------------------------------------------------------------

# Trains in a child process that is killed after some more log lines, and resumed by the next one.
KILLER = """
import os, random, shutil, signal, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import tensorboardX, torch
import sketchrnn.drawing.sheets  # once here, rather than in each child
torch.set_num_threads(1)
import test_training as here
from sketchrnn.training import loop, session
loop.SHEET_DRAWINGS, loop.SHEET_TEMPERATURES = 1, (0.5,)

def start(folder):
    pid = os.fork()
    if pid == 0:
        here.train_all(folder, resume=(folder / here.CONFIG).exists(), **here.KILLED)
        os._exit(0)
    return pid

def lines():
    log = folder / here.LOG
    return log.read_bytes().count(b"\\n") if log.exists() else 0

straight, folder = Path(sys.argv[2]), Path(sys.argv[3])
assert os.waitpid(start(straight), 0)[1] == 0
chance, kills = random.Random(1), 0
while kills < 6:
    goal = lines() + chance.randrange(4)
    pid = start(folder)
    ended, status = 0, 0
    while lines() < goal and not ended:
        time.sleep(0.005)
        ended, status = os.waitpid(pid, os.WNOHANG)
    if not ended:
        time.sleep(chance.uniform(0, 0.05))
        os.kill(pid, signal.SIGKILL)
        status = os.waitpid(pid, 0)[1]
        ended = not os.WIFSIGNALED(status)
    assert not os.WIFEXITED(status) or os.WEXITSTATUS(status) == 0
    if ended:  # it was too quick: from the start once more
        shutil.rmtree(folder)
    else:
        kills += 1
"""
KILLED: dict[str, Any] = {"max_steps": 12, "evaluate_every": 1}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_kill_9_at_random_moments_leaves_a_folder_that_resumes(tmp_path: Path) -> None:
    straight, folder = tmp_path / "straight", tmp_path / "killed"
    done = subprocess.run(
        [sys.executable, "-c", KILLER, str(Path(__file__).parent), str(straight), str(folder)],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    train_all(folder, resume=(folder / CONFIG).exists(), **KILLED)
    assert_same_run(folder, straight)
    assert steps_of(read_log(folder)) == list(range(1, 13))


def test_a_kill_at_every_single_write_leaves_a_folder_that_resumes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder is copied in the middle of and around each write: what a kill there leaves."""
    model = replace(MODEL, encoder_cell="lstm", decoder_cell="lstm", decoder_size=8)
    settings: dict[str, Any] = {"model": model, "max_steps": 4, "evaluate_every": 2}
    straight = tmp_path / "straight"
    copies: list[tuple[str, Path]] = []

    def copy(moment: str) -> None:
        copies.append((moment, tmp_path / f"killed_{len(copies)}"))
        shutil.copytree(straight, copies[-1][1])

    def write_bytes(path: Path, content: bytes) -> int:
        original_write(path, content[: len(content) // 2])
        copy(f"half of {path.name}")
        return original_write(path, content)

    def replace_file(path: Path, target: Path) -> Path:
        copy(f"before {target.name}")
        result = original_replace(path, target)
        copy(f"after {target.name}")
        return result

    def log(self: RunLog, record: Record) -> Record:
        result = original_log(self, record)
        copy(f"after log of {record['kind']} {record['step']}")
        return result

    original_write, original_replace, original_log = Path.write_bytes, Path.replace, RunLog.write
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", write_bytes)
        patch.setattr(Path, "replace", replace_file)
        patch.setattr(RunLog, "write", log)
        train_all(straight, **settings)
    moments = [moment for moment, _ in copies]
    assert moments.count(f"after {CONFIG}") == 1
    assert moments.count(f"after {LAST}") == 1 + 2
    assert {f"before {BEST}", "after log of train 3", "after log of end 4"} <= set(moments)
    for moment, folder in copies:
        resume = (folder / CONFIG).exists()  # else nothing was begun, and the folder is free
        train_all(folder, resume=resume, **settings)
        try:
            assert_same_run(folder, straight)
        except AssertionError as error:
            raise AssertionError(f"killed {moment}") from error


def test_a_log_line_cut_short_is_written_anew(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    train_all(folder, max_steps=4)
    with (folder / LOG).open("a") as file:
        file.write('{"kind": "train", "step": 5, "loss": 0.')
    train_all(folder, resume=True, max_steps=6)
    lines = (folder / LOG).read_text().splitlines()
    assert steps_of([json.loads(line) for line in lines]) == [1, 2, 3, 4, 5, 6]


BAD_LINES: dict[str, bytes] = {
    "binary": b"\xff\xfe\x00",
    "cut short": b'{"kind": "train", "st',
    "a list": b"[1]",
    "other names": b'{"a": 1}',
    "step a text": b'{"kind": "train", "step": "5"}',
    "step true": b'{"kind": "train", "step": true}',
    "kind a number": b'{"kind": 3, "step": 5}',
    "nested deeply": b"[" * 200_000,
}


@pytest.mark.parametrize("damage", BAD_LINES)
def test_a_damaged_log_line(finished_run: Path, tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "run"
    shutil.copytree(finished_run, folder)
    good = (folder / LOG).read_bytes()
    (folder / LOG).write_bytes(good + BAD_LINES[damage])  # the last one: a write that was cut off
    assert steps_of(read_log(folder)) == [1, 2, 3, 4]
    (folder / LOG).write_bytes(BAD_LINES[damage] + b"\n" + good)
    before = contents(folder)
    with pytest.raises(SketchRNNError, match=r"log\.jsonl, line 1: damaged, not a record"):
        train_all(folder, resume=True)
    assert contents(folder) == before


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("steps_done", "x"),
        ("steps_done", -1),
        ("steps_done", 2.0),
        ("steps_done", True),
        pytest.param("steps_done", 10**400, id="steps_done-huge"),
        ("fallbacks", None),
        ("best_step", [1]),
        ("seconds", math.nan),
        ("seconds", -1.0),
        ("rate_factor", math.inf),
        ("rate_factor", "1"),
        ("best_loss", math.nan),
        ("best_loss", False),
    ],
)
def test_a_damaged_place_in_the_run(
    finished_run: Path, tmp_path: Path, name: str, value: object
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(finished_run, folder)
    place = load_tensors(folder / LAST)[1]
    rewrite(folder / LAST, about=json.dumps(place | {name: value}))
    before = contents(folder)
    with pytest.raises(SketchRNNError, match=rf"last\.safetensors: damaged, {name} is "):
        train_all(folder, resume=True)
    assert contents(folder) == before


def test_what_kills_left_half_written_is_removed(tmp_path: Path) -> None:
    left = [f".{LAST}.a_b1cd2e.safetensors", f".{BEST}.abcdefgh.safetensors"]
    left += [f".{CONFIG}.abcdefgh.json", f".{LOG}.abcdefgh.jsonl"]
    left.append(f"{SHEETS}/.step_000004.svg.abcdefgh.svg")
    kept = [".last.safetensors.mine.safetensors", ".notes.txt.abcdefgh.txt", "my.txt"]
    folder = tmp_path / "run"

    def leave() -> None:
        (folder / SHEETS).mkdir(parents=True, exist_ok=True)
        for name in (*left, *kept):
            (folder / name).write_bytes(b"half")

    def assert_removed() -> None:
        assert not [name for name in left if (folder / name).exists()]
        assert all((folder / name).read_bytes() == b"half" for name in kept)

    leave()
    train_all(folder, max_steps=2)
    assert_removed()
    leave()
    train_all(folder, max_steps=3, resume=True)
    assert_removed()


def test_data_that_have_moved(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, moved, folder = tmp_path / "a.sketches", tmp_path / "b.sketches", tmp_path / "run"
    sketches.write(tiny_dataset(), data)
    assert cli.main(command(data, folder, max_steps=2)) == 0
    data.rename(moved)
    assert cli.main(["train", "-o", str(folder), "--resume"]) == 2
    again = f"give its new place: sketchrnn train DATA --resume -o {folder}"
    assert_one_line(capsys, str(data), "there is no such file", again)
    resume = ["--resume", "-o", str(folder), "--max-steps"]
    assert cli.main(["train", str(moved), *resume, "3"]) == 0
    assert read_config(folder).data.sources == (str(moved),)
    assert cli.main(["train", *resume, "4"]) == 0  # it is remembered
    assert steps_of(read_log(folder)) == [1, 2, 3, 4]


def test_a_run_that_knows_of_no_data(
    finished_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["train", "-o", str(finished_run), "--resume"]) == 2
    assert_one_line(capsys, "does not say where its data are", "train DATA --resume")


# --- signals --------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_signal_saves_and_ends_well(tmp_path: Path, number: signal.Signals) -> None:
    data, folder = tmp_path / "zigzags.sketches", tmp_path / "run"
    sketches.write(tiny_dataset(), data)
    words = command(data, folder, max_steps=10**6, evaluate_every=10**6)
    process = subprocess.Popen(
        [sys.executable, "-m", "sketchrnn", *words],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until(lambda: (folder / LOG).exists() and last_step(folder) >= 3)
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert "the run is being saved" in said
    assert "Traceback" not in said
    records = read_log(folder)
    done = counters(folder)["steps_done"]
    assert records[-1]["kind"] == "end"
    assert records[-1]["reason"] == "stopped"
    assert steps_of(records) == list(range(1, done + 1))  # no finished step is lost

    more = str(done + 2)
    assert cli.main(["train", "-o", str(folder), "--resume", "--max-steps", more]) == 0
    assert steps_of(read_log(folder)) == list(range(1, done + 3))


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


# --- losses that are not finite -------------------------------------------------------------------

Loss = Callable[..., ReconstructionLoss]


def poisoned(calls: Callable[[int], bool], *, gradient_only: bool = False) -> Loss:
    """`reconstruction_loss`, not finite, or with a gradient that is not, at the chosen calls."""
    count = 0

    def loss(*arguments: Any, **options: Any) -> ReconstructionLoss:
        nonlocal count
        parts = reconstruction_loss(*arguments, **options)
        count += 1
        if not calls(count):
            return parts
        if gradient_only:  # sqrt has the value 0 and an infinite slope there
            return replace(parts, L_s=parts.L_s + torch.sqrt(0 * parts.L_s))
        return replace(parts, L_s=parts.L_s + math.nan)  # with a gradient that is finite

    return loss


def a_batch(dataset: Dataset) -> Any:
    return make_batch(dataset.train, np.arange(8), MODEL.N_max, dataset.scale)


@pytest.mark.parametrize("gradient_only", [False, True], ids=["loss", "gradient"])
def test_a_step_that_is_not_finite_touches_nothing(
    monkeypatch: pytest.MonkeyPatch, gradient_only: bool
) -> None:
    dataset = tiny_dataset()
    trainer = Trainer(MODEL, TRAINING, dataset.scale, torch.device("cpu"))
    bad = poisoned(lambda call: call == 2, gradient_only=gradient_only)
    monkeypatch.setattr(LOSS, bad)
    assert trainer.step(a_batch(dataset)) is not None

    def everything() -> list[np.ndarray]:
        values = [value for state in trainer.adam.state.values() for value in state.values()]
        values += [parameter.detach() for parameter in trainer.network.parameters()]
        return [value.numpy().copy() for value in values]

    before = everything()
    assert trainer.step(a_batch(dataset)) is None
    for old, new in zip(before, everything(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert trainer.place.steps_done == 1
    assert trainer.step(a_batch(dataset)) is not None
    assert any((old != new).any() for old, new in zip(before, everything(), strict=True))


@pytest.mark.parametrize("gradient_only", [False, True], ids=["loss", "gradient"])
def test_after_a_bad_step_the_run_goes_back_and_on_with_half_the_rate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gradient_only: bool
) -> None:
    straight = train_all(tmp_path / "straight", learning_rate_decay=1.0)
    bad = poisoned(lambda call: call == 7, gradient_only=gradient_only)
    monkeypatch.setattr(LOSS, bad)
    records = train_all(tmp_path / "run", learning_rate_decay=1.0)
    fallbacks = timeless(records, "fallback")
    assert fallbacks == [
        {
            "kind": "fallback",
            "step": 4,
            "failed_step": 7,
            "not_finite": "the loss",
            "rate_factor": 0.5,
        }
    ]
    place = records.index(next(r for r in records if r["kind"] == "fallback"))
    assert steps_of(records[:place]) == [1, 2, 3, 4, 5, 6]
    assert timeless(records[:place]) == timeless(straight)[:place]
    after = [record for record in records[place:] if record["kind"] == "train"]
    assert steps_of(after) == list(range(5, 13))
    assert [record["learning_rate"] for record in after] == [0.005] * 8
    # the first step again has the same weights, drawings and z; only later ones feel the rate
    assert after[0]["loss"] == straight[5]["loss"]
    assert after[1]["loss"] != straight[6]["loss"]
    assert records[-1]["reason"] == "all 12 steps done"
    assert counters(tmp_path / "run")["fallbacks"] == 1


def test_a_run_killed_after_a_fallback_knows_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LOSS, poisoned(lambda call: call == 7))
        train_all(tmp_path / "straight")
    folder = tmp_path / "killed"
    monkeypatch.setattr(LOSS, poisoned(lambda call: call == 7))
    records = train(folder, tiny_dataset(), MODEL, TRAINING)
    for record in records:
        if record["kind"] == "fallback":
            break
    next(records)  # one more step, of which no checkpoint knows
    records.close()
    train_all(folder, resume=True)
    straight = [r for r in read_log(tmp_path / "straight") if r["kind"] == "fallback"]
    assert [r for r in read_log(folder) if r["kind"] == "fallback"] == straight
    assert counters(folder) == counters(tmp_path / "straight")
    np.testing.assert_equal(load_file(folder / LAST), load_file(tmp_path / "straight" / LAST))


def test_a_loss_that_stays_not_finite_ends_the_run_after_three_fallbacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LOSS, poisoned(lambda call: call >= 6))
        with pytest.raises(SketchRNNError, match="the loss of step 5 is not a finite number"):
            train_all(folder)
    log = read_log(folder)
    # back to step 4, of which step 5 is good only the first time: call 6 is step 6, then step 5
    assert [(r["failed_step"], r["rate_factor"]) for r in log if r["kind"] == "fallback"] == [
        (6, 0.5),
        (5, 0.25),
        (5, 0.125),
    ]
    for which in ("best", "last"):
        weights = load(folder, which=which).network.state_dict().values()
        assert all(bool(torch.isfinite(value).all()) for value in weights)
    tensors = load_file(folder / LAST)
    assert all(np.isfinite(value).all() for value in tensors.values())
    assert counters(folder)["steps_done"] == 4

    # nothing is wrong any more: the resumed run goes on, with the low rate
    records = train_all(folder, resume=True)
    rates = [r["learning_rate"] for r in records if r["kind"] == "train"]
    assert rates[0] == pytest.approx(0.125 * 1e-2, rel=1e-2)
    assert records[-1]["step"] == 12


def test_the_command_says_that_a_loss_was_not_finite(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "zigzags.sketches"
    sketches.write(tiny_dataset(), data)
    monkeypatch.setattr(LOSS, poisoned(lambda call: call >= 2))
    words = command(data, tmp_path / "run", max_steps=4, learning_rate=0.001)
    assert cli.main(words) == 2
    said = capsys.readouterr().err.splitlines()
    assert sum("not a finite number: back to" in line.replace("\n", " ") for line in said) == 3
    assert said[-1].startswith("sketchrnn: error: ")
    assert "the loss of step 1 is not a finite number" in said[-1]
    assert "try --learning-rate 6.25e-05 in a new run" in said[-1]


def bad_weights_after(step: int, monkeypatch: pytest.MonkeyPatch, times: int = 1) -> None:
    """Let a weight be NaN after this step, though its loss and its gradient were finite."""
    real, left = Trainer.step, times

    def spoil(self: Trainer, batch: Any) -> Record | None:
        nonlocal left
        record = real(self, batch)
        if self.place.steps_done == step and left:
            left -= 1
            with torch.no_grad():
                self.network.head.weight[0, 0] = math.nan
        return record

    monkeypatch.setattr(Trainer, "step", spoil)


def assert_finite(path: Path) -> None:
    assert all(np.isfinite(value).all() for value in load_file(path).values())


@pytest.mark.parametrize("step", [8, 6], ids=["validation", "checkpoint"])
def test_weights_that_are_not_finite_are_never_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    folder = tmp_path / "run"
    bad_weights_after(step, monkeypatch)
    records = []
    for record in train(folder, tiny_dataset(), MODEL, TRAINING):
        records.append(record)
        # a checkpoint without a validation: of the clock
        at_once = step == record["step"] == 6
        monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1.0 if at_once else 1e9)
        assert_finite(folder / LAST)
    (fallback,) = (r for r in records if r["kind"] == "fallback")
    assert fallback["not_finite"] == "a weight"
    assert fallback["failed_step"] == step
    assert fallback["step"] == 4
    assert fallback["rate_factor"] == 0.5
    assert steps_of(records) == [*range(1, step + 1), *range(5, 13)]
    assert steps_of(records, "evaluate") == [4, 8, 12]
    assert records[-1]["reason"] == "all 12 steps done"
    assert counters(folder)["fallbacks"] == 1


def test_a_bad_last_step_is_no_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "run"
    bad_weights_after(12, monkeypatch, times=9)
    with pytest.raises(SketchRNNError, match="a weight of step 12 is not a finite number") as error:
        train_all(folder)
    assert "in a new run" in str(error.value)
    assert "(step 8) is kept" in str(error.value)
    assert_finite(folder / LAST)
    assert_finite(folder / BEST)


def test_a_validation_loss_that_is_not_finite_goes_back_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = Trainer.validate, 0

    def validate(self: Trainer, drawings: Drawings) -> Record:
        nonlocal calls
        calls += 1
        return real(self, drawings) | ({"loss": math.nan} if calls == 2 else {})

    monkeypatch.setattr(Trainer, "validate", validate)
    records = train_all(tmp_path / "run")
    (fallback,) = (r for r in records if r["kind"] == "fallback")
    assert (fallback["not_finite"], fallback["failed_step"]) == ("the validation loss", 8)
    assert steps_of(records, "evaluate") == [4, 8, 12]


def test_a_checkpoint_with_bad_weights_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    train_all(folder, max_steps=2)
    tensors, place = load_tensors(folder / LAST)
    tensors["weights/head.weight"][0, 0] = math.nan
    save_file(tensors, folder / LAST, {"about": json.dumps(place)})
    before = contents(folder)
    with pytest.raises(SketchRNNError, match=r"last\.safetensors: holds a weight that is not"):
        train_all(folder, resume=True)
    assert contents(folder) == before


def test_a_sheet_that_cannot_be_drawn_does_not_end_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise SketchRNNError("drawing: row 0 is too far away")

    monkeypatch.setattr(loop, "_draw_sheet", fail)
    data, folder = tmp_path / "zigzags.sketches", tmp_path / "run"
    sketches.write(tiny_dataset(), data)
    assert cli.main(command(data, folder, max_steps=6)) == 0
    records = read_log(folder)
    assert steps_of(records, "no_sheet") == [4, 6]
    assert counters(folder)["steps_done"] == 6
    said = capsys.readouterr().err
    assert "step 4: its sheet was not drawn: drawing: row 0 is too far away" in said


# --- where it stops -------------------------------------------------------------------------------


def test_max_steps_ends_with_a_validation(tmp_path: Path) -> None:
    records = train_all(tmp_path / "run", max_steps=6)
    assert steps_of(records) == [1, 2, 3, 4, 5, 6]
    assert steps_of(records, "evaluate") == [4, 6]
    assert records[-1]["reason"] == "all 6 steps done"


def test_max_minutes_counts_over_resumes(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    records = train_all(folder, max_minutes=1e-6)
    assert steps_of(records) == [1]
    assert steps_of(records, "evaluate") == [1]
    assert records[-1]["reason"] == "1e-06 minutes are over"
    again = train_all(folder, max_minutes=1e-6, resume=True)
    assert [record["kind"] for record in again] == ["end"]
    assert again[-1]["seconds"] == records[-1]["seconds"] > 0


def test_validations_sheets_and_checkpoints_count_as_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0

    def taking(seconds: float, function: Callable[..., Any]) -> Callable[..., Any]:
        def slow(*arguments: Any) -> Any:
            nonlocal now
            now += seconds
            return function(*arguments)

        return slow

    # powers of two, so that the sums are exact
    monkeypatch.setattr(loop.time, "monotonic", lambda: now)
    monkeypatch.setattr(Trainer, "step", taking(1, Trainer.step))
    monkeypatch.setattr(Trainer, "validate", taking(16, Trainer.validate))
    monkeypatch.setattr(loop, "_draw_sheet", taking(64, loop._draw_sheet))
    folder = tmp_path / "run"
    records = train_all(folder, max_steps=6, max_minutes=60)
    clock = [r["seconds"] for r in records if r["kind"] == "train"]
    assert clock == [1, 2, 3, 4, 4 + 16 + 64 + 1, 4 + 16 + 64 + 2]
    assert [r["seconds"] for r in records if r["kind"] == "evaluate"] == [4 + 16, 86 + 16]
    assert {r["sketches_per_s"] for r in records if r["kind"] == "train"} == {8.0}
    assert records[-1]["seconds"] == 86 + 16 + 64 == load_tensors(folder / LAST)[1]["seconds"]
    short = train_all(tmp_path / "short", max_steps=6, max_minutes=1)  # over with the first sheet
    assert (short[-1]["step"], short[-1]["reason"]) == (4, "1 minutes are over")


def test_time_before_a_fallback_is_not_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LOSS, poisoned(lambda call: call == 7))
    clock = [r["seconds"] for r in train_all(tmp_path / "run") if "seconds" in r]
    assert clock == sorted(clock)


def test_the_time_left_counts_all_that_is_between_the_steps() -> None:
    progress = TrainingProgress(replace(TRAINING, max_steps=101, batch_size=8))
    record: Record = {"kind": "train", "L_R": 1.0, "sketches_per_s": 8.0}
    lefts = []
    for step, seconds in ((1, 1.0), (2, 3.0), (3, 11.0)):  # a second each, and what comes between
        progress.rate = 8.0
        lefts.append(progress._seconds_left(record | {"step": step, "seconds": seconds}))
    assert lefts == [100 * 1.0, 99 * 2.0, 98 * 5.0]


def test_early_stopping_keeps_the_best_weights(tmp_path: Path) -> None:
    # a rate so high that it soon gets worse
    records = train_all(
        tmp_path / "run", evaluate_every=2, patience=2, max_steps=100, learning_rate=1.0,
        min_learning_rate=1.0, gradient_clip=1e9,
    )  # fmt: skip
    losses = {r["step"]: r["loss"] for r in records if r["kind"] == "evaluate"}
    assert records[-1]["reason"] == "no gain in 2 validations"
    assert records[-1]["step"] == max(losses) < 100
    best = min(losses, key=losses.__getitem__)
    assert best == max(losses) - 2 * 2
    assert records[-1]["best_step"] == best
    assert records[-1]["best_loss"] == losses[best]
    _, about = load_tensors(tmp_path / "run" / BEST)
    assert about == {"step": best, "loss": losses[best]}
    model = load(tmp_path / "run")
    trainer = Trainer(MODEL, TRAINING, tiny_dataset().scale, torch.device("cpu"))
    trainer.network.load_state_dict(model.network.state_dict())
    assert trainer.validate(tiny_dataset().valid)["loss"] == losses[best]


# --- one step -------------------------------------------------------------------------------------


def gradients(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> dict[str, np.ndarray]:
    """The gradients of a first step as Adam gets them."""
    dataset = tiny_dataset()
    trainer = Trainer(MODEL, replace(TRAINING, **changes), dataset.scale, torch.device("cpu"))
    monkeypatch.setattr(trainer.adam, "step", lambda: None)
    assert trainer.step(a_batch(dataset)) is not None
    return {
        name: parameter.grad.numpy()
        for name, parameter in trainer.network.named_parameters()
        if parameter.grad is not None
    }


def test_clipping_by_value_and_by_norm(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = gradients(monkeypatch, gradient_clip=math.inf, clip_by="value")
    norm = math.sqrt(sum(float((value.astype(np.float64) ** 2).sum()) for value in raw.values()))
    assert norm > 0.1
    largest = max(float(np.abs(value).max()) for value in raw.values())
    assert largest > 0.01
    by_value = gradients(monkeypatch, gradient_clip=0.01, clip_by="value")
    by_norm = gradients(monkeypatch, gradient_clip=0.1, clip_by="norm")
    wide = gradients(monkeypatch, gradient_clip=2 * norm, clip_by="norm")
    for name, value in raw.items():
        np.testing.assert_array_equal(by_value[name], np.clip(value, -0.01, 0.01))
        np.testing.assert_allclose(by_norm[name], value * (0.1 / norm), rtol=1e-4, atol=1e-9)
        np.testing.assert_array_equal(wide[name], value)


def test_the_first_step_of_adam_by_hand() -> None:
    dataset = tiny_dataset()
    trainer = Trainer(MODEL, TRAINING, dataset.scale, torch.device("cpu"))
    before = {name: p.detach().clone() for name, p in trainer.network.named_parameters()}
    trainer.step(a_batch(dataset))
    for name, parameter in trainer.network.named_parameters():
        assert parameter.grad is not None
        g = parameter.grad.double()
        # Kingma and Ba 2014 at t = 1: both moments, corrected for their start, are g and g^2
        expected = before[name].double() - 1e-2 * g / (g.abs() + 1e-8)
        torch.testing.assert_close(parameter.double(), expected, rtol=0, atol=1e-6)


def test_the_random_numbers_of_a_step_are_a_function_of_seed_and_step() -> None:
    dataset = tiny_dataset()
    still = replace(TRAINING, learning_rate=0.0, min_learning_rate=0.0)  # the weights stay

    def losses(seed: int, steps: list[int]) -> list[float]:
        device = torch.device("cpu")
        trainer = Trainer(MODEL, replace(still, seed=0), dataset.scale, device)
        trainer.training = replace(still, seed=seed)
        result = []
        for step in steps:
            trainer.place.steps_done = step
            record = trainer.step(a_batch(dataset))
            assert record is not None
            result.append(record["L_R"])
        return result

    first = losses(0, [0, 1, 2, 7])
    other = losses(1, [0, 1, 2, 7])
    assert len(set(first + other)) == 8  # other dropout masks and another z each time
    assert losses(0, [7, 2, 1, 0]) == first[::-1]


def test_the_training_loss_is_eq_11_with_annealing_and_floor(tmp_path: Path) -> None:
    records = train_all(
        tmp_path / "run", R=0.9, w_KL=0.7, eta_min=0.1, KL_min=0.2, learning_rate_decay=0.9
    )
    for record in (r for r in records if r["kind"] == "train"):
        eta = 1 - (1 - 0.1) * 0.9 ** (record["step"] - 1)
        assert record["kl_weight"] == pytest.approx(0.7 * eta)
        floored = max(record["L_KL"], 0.2)
        assert record["loss"] == pytest.approx(record["L_R"] + 0.7 * eta * floored, rel=1e-5)
        assert record["L_R"] == pytest.approx(record["L_s"] + record["L_p"], rel=1e-5)
        rate = (1e-2 - 1e-5) * 0.9 ** (record["step"] - 1) + 1e-5
        assert record["learning_rate"] == pytest.approx(rate)
    for record in (r for r in records if r["kind"] == "evaluate"):  # neither of the two
        assert record["loss"] == pytest.approx(record["L_R"] + 0.7 * record["L_KL"])
        assert record["L_KL"] < 0.2


def test_the_global_generators_are_not_touched(tmp_path: Path) -> None:
    torch.manual_seed(5)
    np.random.seed(5)
    expected = (torch.rand(1).item(), np.random.rand())
    torch.manual_seed(5)
    np.random.seed(5)
    train_all(tmp_path / "run", max_steps=2)
    assert (torch.rand(1).item(), np.random.rand()) == expected


# --- a network of the user's ----------------------------------------------------------------------


class GRUs(torch.nn.Module):
    """A small model without any cell of the package: all that a Trainer asks for."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = torch.nn.GRU(5, 8, batch_first=True)
        self.to_z = torch.nn.Linear(8, 2 * config.z_size)
        self.decoder = torch.nn.GRU(5 + config.z_size, 16, batch_first=True)
        self.out = torch.nn.Linear(16, head_size(config.mixtures))

    def encode(
        self, points_BT5: torch.Tensor, lengths_B: torch.Tensor, dropout: Any = None, **_: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        h_BTH, _state = self.encoder(points_BT5)
        mu, log_variance = self.to_z(h_BTH[torch.arange(len(h_BTH)), lengths_B - 1]).chunk(2, dim=1)
        return mu, log_variance

    def decode(
        self, inputs_BT5: torch.Tensor, z_BZ: torch.Tensor, **_: Any
    ) -> tuple[Mixture, torch.Tensor]:
        z_BTZ = z_BZ[:, None].expand(-1, inputs_BT5.shape[1], -1)
        h_BTH, state = self.decoder(torch.cat([inputs_BT5, z_BTZ], dim=2))
        return Mixture.from_head(self.out(h_BTH)), state


def test_a_trainer_takes_a_network_of_the_users(tmp_path: Path) -> None:
    dataset = tiny_dataset()
    training = replace(TRAINING, recurrent_keep=1.0)

    def a_trainer() -> Trainer:
        torch.manual_seed(0)
        device = torch.device("cpu")
        return Trainer(MODEL, training, dataset.scale, device, network=GRUs(MODEL))

    trainer = a_trainer()
    before = trainer.validate(dataset.valid)["L_R"]
    for _ in range(30):
        assert trainer.step(a_batch(dataset)) is not None
    trainer.save(tmp_path / LAST)
    after = trainer.validate(dataset.valid)["L_R"]
    assert after < before - 0.5
    again = a_trainer()
    again.restore(tmp_path / LAST)
    assert again.place.steps_done == 30
    assert again.validate(dataset.valid)["L_R"] == after
    assert again.step(a_batch(dataset)) == trainer.step(a_batch(dataset))


# --- the Python face ------------------------------------------------------------------------------

SIZES = {"encoder_size": 8, "decoder_size": 16, "z_size": 4, "mixtures": 2, "batch_size": 8}


def test_train_in_python_is_the_verb(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "zigzags.sketches"
    sketches.write(tiny_dataset(), data)
    assert cli.main(command(data, tmp_path / "verb", max_steps=5)) == 0
    said = capsys.readouterr().err
    end = session.train(
        data, tmp_path / "python", max_steps=5, evaluate_every=4, device="cpu", **SIZES
    )
    assert capsys.readouterr().err.splitlines()[0] == said.splitlines()[0]
    assert (end["step"], end["reason"]) == (5, "all 5 steps done")
    assert_same_run(tmp_path / "python", tmp_path / "verb")
    end = session.train((), tmp_path / "python", resume=True, max_steps=6, quiet=True)
    assert end["step"] == 6
    assert capsys.readouterr().err == ""


def test_train_takes_a_data_set(tmp_path: Path) -> None:
    options: dict[str, Any] = {"evaluate_every": 4, "quiet": True, "device": "cpu"} | SIZES
    folder = tmp_path / "run"
    session.train(tiny_dataset(), folder, max_steps=3, conditional=False, max_points=15, **options)
    config = read_config(folder)
    assert (config.model.conditional, config.model.N_max) == (False, 15)
    assert (config.data.sources, config.data.max_points) == ((), 15)
    end = session.train(tiny_dataset(), folder, resume=True, max_steps=4, quiet=True)
    assert end["step"] == 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 3}, "there is no number 'steps' to train with"),
        ({"N_max": 3}, "there is no number 'N_max' to train with"),
        (
            {"preset": "huge"},
            "there is no preset 'huge'; choose one of laptop, few, magenta, paper",
        ),
        ({"z_size": 0}, "z_size must be a whole number from 1"),
        ({"R": 2}, "R must be a number from 0 to 1, got 2"),
        ({"begin_with": "cat_pig", "conditional": False}, "--unconditional is given by --begin"),
        ({"begin_with": "cat_pig", "conditional": False, "z_size": 3}, "--z-size is given by"),
    ],
)
def test_what_train_refuses(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(SketchRNNError, match=message):
        session.train("no such file", tmp_path / "run", **options)  # found before the file is
    assert not (tmp_path / "run").exists()


# --- several data files ---------------------------------------------------------------------------


def test_two_files_train_together_with_their_classes_joined(tmp_path: Path) -> None:
    paths = [tmp_path / "ab.sketches", tmp_path / "bc.sketches"]
    sketches.write(tiny_dataset(("a", "b"), count=20), paths[0])
    sketches.write(tiny_dataset(("b", "c"), count=24, seed=1), paths[1])
    folder = tmp_path / "run"
    words = command(paths[0], folder, max_steps=3)
    words.insert(2, str(paths[1]))
    assert cli.main(words) == 0
    facts = read_config(folder).data
    assert facts.classes == ("a", "b", "c")
    assert facts.counts == {"train": 44, "valid": 24, "test": 8}
    assert facts.sources == tuple(str(path) for path in paths)
    dataset = read_sources(facts.sources)
    assert np.bincount(dataset.train.labels).tolist() == [10, 10 + 12, 12]
    assert facts.scale == dataset.scale
    assert load(folder).generate(1, seed=0)[0].label is None  # one of three: which, is not known
    assert cli.main(["train", "-o", str(folder), "--resume", "--max-steps", "5"]) == 0
    assert steps_of(read_log(folder)) == [1, 2, 3, 4, 5]


def test_a_model_of_one_class_labels_its_drawings(tmp_path: Path) -> None:
    train_all(tmp_path / "run", max_steps=1)
    assert load(tmp_path / "run").generate(1, seed=0)[0].label == "zigzag"


# --- the run folder -------------------------------------------------------------------------------


def test_the_run_folder(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    train_all(folder, max_steps=22, evaluate_every=11)
    assert {path.name for path in folder.iterdir()} == {
        CONFIG, LAST, BEST, LOG, SHEETS, TENSORBOARD,
    }  # fmt: skip
    names = sorted(path.name for path in (folder / SHEETS).iterdir())
    assert names == ["step_000011.svg", "step_000022.svg"]
    assert all("<svg" in (folder / SHEETS / name).read_text()[:200] for name in names)
    config = read_config(folder)
    assert config.model == MODEL
    assert TrainingConfig.from_dict(dict(config.training)) == replace(
        TRAINING, max_steps=22, evaluate_every=11
    )
    assert config.data.scale == tiny_dataset().scale
    assert config.data.counts == {"train": 40, "valid": 12, "test": 4}
    assert json.loads((folder / CONFIG).read_text())["format"] == 1

    log = read_log(folder)
    events = [values for path in (folder / TENSORBOARD).iterdir() for values in scalars(path)]
    for kind, group, steps in (("train", "train", (10, 20)), ("evaluate", "validation", (11, 22))):
        for record in log:
            if record["kind"] == kind and record["step"] in steps:
                assert (f"{group}/L_R", record["step"], np.float32(record["L_R"])) in events
    assert {step for tag, step, _ in events if tag == "train/loss"} == {10, 20}


def scalars(path: Path) -> Iterator[tuple[str, int, np.float32]]:
    """The scalars of a TensorBoard event file, framed as TFRecords."""
    from tensorboardX.proto.event_pb2 import Event
    from tensorboardX.record_writer import masked_crc32c

    content = path.read_bytes()
    place = 0
    while place < len(content):
        (length,) = struct.unpack_from("<Q", content, place)
        assert struct.unpack_from("<I", content, place + 8)[0] == masked_crc32c(
            content[place : place + 8]
        )
        data = content[place + 12 : place + 12 + length]
        assert len(data) == length
        assert struct.unpack_from("<I", content, place + 12 + length)[0] == masked_crc32c(data)
        place += 12 + length + 4
        event = Event.FromString(data)
        for value in event.summary.value:
            yield value.tag, event.step, np.float32(value.simple_value)


def test_a_run_that_exists_is_not_overwritten(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    train_all(folder, max_steps=2)
    before = contents(folder)
    with pytest.raises(SketchRNNError, match="holds a run already; go on with --resume"):
        train_all(folder, max_steps=2)
    assert contents(folder) == before


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_resume_with_other_drawings_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    train_all(folder, max_steps=2)
    before = contents(folder)
    for other in (tiny_dataset(seed=1), tiny_dataset(count=39)):
        with pytest.raises(SketchRNNError, match="was trained on other drawings than these"):
            train_all(folder, dataset=other, resume=True)
    assert contents(folder) == before


def test_resume_where_there_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(SketchRNNError, match="there is no such run folder"):
        train_all(tmp_path / "run", resume=True)
    assert not (tmp_path / "run").exists()
    (tmp_path / "empty").mkdir()
    with pytest.raises(SketchRNNError, match=r"not a run folder, it has no config\.json"):
        train_all(tmp_path / "empty", resume=True)


def test_no_validation_drawings(tmp_path: Path) -> None:
    dataset = tiny_dataset()
    none = replace(dataset, valid=dataset.valid.select([]))
    with pytest.raises(SketchRNNError, match="zigzags: there are no validation drawings"):
        train_all(tmp_path / "run", dataset=none)
    assert not (tmp_path / "run").exists()


@pytest.fixture(scope="module")
def finished_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("finished") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "SHEET_DRAWINGS", 1)
        patch.setattr(loop, "SHEET_TEMPERATURES", (0.5,))
        train_all(folder, max_steps=4)
    return folder


def test_without_a_best_the_last_is_loaded(finished_run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(finished_run, folder)
    (folder / BEST).unlink()
    model, last = load(folder), load(folder, which="last")
    for name, value in load_file(folder / LAST).items():
        if name.startswith("weights/"):
            for network in (model.network, last.network):
                got = network.state_dict()[name.removeprefix("weights/")]
                np.testing.assert_array_equal(got.numpy(), value)
    (folder / LAST).unlink()
    with pytest.raises(SketchRNNError, match=r"last\.safetensors: missing"):
        load(folder)


CONFIG_DAMAGE: dict[str, Callable[[dict[str, Any]], Any]] = {
    "a list": lambda config: [config],
    "another format": lambda config: config | {"format": 99},
    "no model": lambda config: {k: v for k, v in config.items() if k != "model"},
    "model not an object": lambda config: config | {"model": 3},
    "model field unknown": lambda config: config | {"model": config["model"] | {"depth": 2}},
    "model without N_max": lambda config: config | {"model": {}},
    "unknown cell": lambda config: config | {"model": config["model"] | {"decoder_cell": "gru"}},
    "a size of -1": lambda config: config | {"model": config["model"] | {"decoder_size": -1}},
    "data field unknown": lambda config: config | {"data": config["data"] | {"colour": 1}},
    "no scale": lambda config: config | {"data": config["data"] | {"scale": None}},
    "scale 0": lambda config: config | {"data": config["data"] | {"scale": 0}},
    "scale NaN": lambda config: config | {"data": config["data"] | {"scale": math.nan}},
    "scale infinite": lambda config: config | {"data": config["data"] | {"scale": math.inf}},
    "no training": lambda config: {k: v for k, v in config.items() if k != "training"},
    "training not an object": lambda config: config | {"training": 3},
}
FILE_DAMAGE: dict[str, bytes] = {
    "empty": b"",
    "cut short": b'{"format": 1, "model": {"N_m',
    "not UTF-8": b"\xff\xfe\x00",
    "nested deeply": b"[" * 200_000,
}


@pytest.mark.parametrize("damage", [*CONFIG_DAMAGE, *FILE_DAMAGE])
def test_a_damaged_config_is_one_clear_line(
    finished_run: Path, tmp_path: Path, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(finished_run, folder)
    path = folder / CONFIG
    content = FILE_DAMAGE.get(damage)
    if content is None:
        content = json.dumps(CONFIG_DAMAGE[damage](json.loads(path.read_text()))).encode()
    path.write_bytes(content)
    with pytest.raises(SketchRNNError, match=re.escape(str(path))):
        load(folder)
    assert cli.main(["train", "-o", str(folder), "--resume"]) == 2
    assert_one_line(capsys, str(path))


def rewrite(path: Path, name: str | None = None, about: str | None = None) -> None:
    """Write a weight file anew, with three zeros as tensor `name`, or with other facts."""
    tensors, place = load_tensors(path)
    if name is not None:
        tensors[name] = torch.zeros(3)
    save_file(tensors, path, {"about": json.dumps(place) if about is None else about})


WEIGHT_DAMAGE: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_bytes(b"not safetensors"),
    "ff": lambda path: path.write_bytes(b"\xff" * 64),
    "half": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "unknown tensor": lambda path: rewrite(path, "weights/what"),
    "facts a list": lambda path: rewrite(path, about="[1]"),
    "facts not JSON": lambda path: rewrite(path, about="{"),
}
CHECKPOINT_DAMAGE: dict[str, Callable[[Path], object]] = WEIGHT_DAMAGE | {
    "no place": lambda path: rewrite(path, about="{}"),
    "part unknown": lambda path: rewrite(path, "other/x"),
    "m of another shape": lambda path: rewrite(path, "adam_m/head.bias"),
    "v of nothing": lambda path: rewrite(path, "adam_v/nothing"),
}


@pytest.mark.parametrize("damage", WEIGHT_DAMAGE)
@pytest.mark.parametrize("which", ["best", "last"])
def test_damaged_weights_are_one_clear_line(
    finished_run: Path, tmp_path: Path, which: str, damage: str
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(finished_run, folder)
    path = folder / {"best": BEST, "last": LAST}[which]
    WEIGHT_DAMAGE[damage](path)
    with pytest.raises(SketchRNNError, match=re.escape(str(path))):
        load(folder, which=which)


@pytest.mark.parametrize("damage", CHECKPOINT_DAMAGE)
def test_a_damaged_checkpoint_is_not_resumed(
    finished_run: Path, tmp_path: Path, damage: str
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(finished_run, folder)
    CHECKPOINT_DAMAGE[damage](folder / LAST)
    before = contents(folder)
    with pytest.raises(SketchRNNError, match=re.escape(str(folder / LAST))):
        train_all(folder, resume=True)
    assert contents(folder) == before


def assert_one_line(capsys: pytest.CaptureFixture[str], *parts: str) -> None:
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1].startswith("sketchrnn: error: ")
    assert sum(line.startswith("sketchrnn: error: ") for line in lines) == 1
    assert not any("Traceback" in line for line in lines)
    for part in parts:
        assert part in lines[-1]


# --- a full disk ----------------------------------------------------------------------------------


def test_a_full_disk_leaves_the_old_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "run"
    train_all(tmp_path / "straight")
    train_all(folder, stop_at=4)
    before = contents(folder)

    def half_then_full(self: Path, content: bytes) -> int:
        if LAST in self.name:
            with self.open("wb") as file:
                file.write(content[: len(content) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self))
        return write(self, content)

    write = Path.write_bytes
    monkeypatch.setattr(Path, "write_bytes", half_then_full)
    with pytest.raises(OSError, match="No space left"):
        train_all(folder, resume=True)
    monkeypatch.undo()
    after = contents(folder)
    assert after[LAST] == before[LAST]
    assert not [name for name in after if name.startswith(".")]  # no half-written file is left
    train_all(folder, resume=True)
    assert_same_run(folder, tmp_path / "straight")


def test_a_file_that_the_system_refuses_is_one_line_and_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, folder = tmp_path / "zigzags.sketches", tmp_path / "run"
    sketches.write(tiny_dataset(), data)
    assert cli.main(command(data, folder, max_steps=4)) == 0
    before = (folder / LAST).read_bytes()
    capsys.readouterr()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, hard))  # the system's own limit
    try:
        code = cli.main(["train", "-o", str(folder), "--resume", "--max-steps", "8"])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert code == 2
    assert_one_line(capsys, "File too large")
    assert (folder / LAST).read_bytes() == before
    assert cli.main(["train", "-o", str(folder), "--resume", "--max-steps", "8"]) == 0
    assert steps_of(read_log(folder)) == list(range(1, 9))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_log_on_a_full_disk_is_one_line_and_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, folder = tmp_path / "zigzags.sketches", tmp_path / "run"
    sketches.write(tiny_dataset(), data)
    folder.mkdir()
    (folder / LOG).symlink_to("/dev/full")
    assert cli.main(command(data, folder, max_steps=4)) == 2
    assert_one_line(capsys, "No space left on device", "free some space")
    (folder / LOG).unlink()
    assert cli.main(["train", "-o", str(folder), "--resume"]) == 0
    assert steps_of(read_log(folder)) == [1, 2, 3, 4]


# --- it learns ------------------------------------------------------------------------------------


def test_a_tiny_model_learns_the_doodles(tmp_path: Path) -> None:
    """200 steps on doodles reach a validation loss measured before.

    Measured on a CPU: seeds 0, 1, 2 give L_R 0.154, 0.165, 0.153, with raw L_KL 0.18, 0.21, 0.19
    at a floor of 0.20; at half of the steps L_R is 0.70, 0.70, 0.71. The margin, to 0.35, is for
    other processors and versions, whose rounding differs. Untrained, L_R is 3.10, 3.15, 3.10;
    trained with a decoder that forgets its state at each step 0.98; with an encoder that is cut
    off 0.18, but then L_KL is 0.00.
    """
    dataset, _ = doodles_dataset((300, 60, 1), kinds=("house", "fish")).limited(50)
    dataset, _ = dataset.limited(dataset.N_max)
    model = ModelConfig(
        N_max=dataset.N_max,
        encoder_cell="layer_norm",
        decoder_cell="layer_norm",
        encoder_size=24,
        decoder_size=48,
        z_size=8,
        mixtures=5,
    )
    training = TrainingConfig(
        batch_size=32, max_steps=200, evaluate_every=200, learning_rate=1e-2, R=0.99
    )
    untrained = Trainer(model, training, dataset.scale, torch.device("cpu"))
    assert 2.8 < untrained.validate(dataset.valid)["loss"] < 3.5
    (result,) = [
        record
        for record in train(tmp_path / "run", dataset, model, training)
        if record["kind"] == "evaluate"
    ]
    assert result["L_R"] < 0.35
    assert 0.1 < result["L_KL"] < 0.4
