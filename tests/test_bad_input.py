"""Bad input to every command: one clear line, exit code 2, and nothing half-written.

Most of it is tables, such as the files that are bad times the commands that read them. Each command
runs in an empty folder; what that and the folder of the inputs hold is compared before and after.
"""

from __future__ import annotations

import errno
import gzip
import io
import json
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

import sketchrnn
from sketchrnn.errors import SketchRNNError
from tiny import TINY, Shell, do, listing, write_ndjson

FLAGS = " ".join(TINY)


@dataclass
class Bench:
    """A shell in an empty folder, with the paths of good and bad inputs."""

    shell: Shell
    inputs: Path
    here: Path

    def fails(self, command: str, *fragments: str) -> str:
        """Run a command that must fail well; returns its line."""
        before = listing(self.inputs), listing(self.here)
        typed = [word.replace("@", f"{self.inputs}/") for word in command.split()]
        code = self.shell(*typed)
        lines = self.shell.err.splitlines()
        assert code == 2, (code, self.shell.err)
        assert self.shell.out == ""
        assert len(lines) == 1, lines
        assert lines[0].startswith("sketchrnn"), lines
        assert ": error: " in lines[0], lines
        assert len(lines[0]) < 500
        for fragment in fragments:
            assert fragment in lines[0], lines[0]
        assert (listing(self.inputs), listing(self.here)) == before
        return lines[0]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder with everything good and bad that the commands are given; none may change it."""
    folder = tmp_path_factory.mktemp("inputs")
    write_ndjson(folder / "good.ndjson")
    do("data", "prepare", folder / "good.ndjson", "-o", folder / "good.sketches")
    do("train", folder / "good.sketches", "-o", folder / "run", *TINY)
    do("train", folder / "good.sketches", "-o", folder / "decoder", "--unconditional", *TINY)
    for name, write in {**BAD_FILES, **ODD_FILES}.items():
        write(folder / name)
    for name, (damage, *_) in BAD_RUNS.items():
        shutil.copytree(folder / "run", folder / name)
        damage(folder / name)
    return folder


@pytest.fixture
def bench(
    inputs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Bench]:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    precision = torch.get_float32_matmul_precision()
    yield Bench(Shell(capsys), inputs, here)
    torch.set_float32_matmul_precision(precision)


# Files of drawings that cannot be read -----------------------------------------------------------


def object_array(*drawings: object) -> np.ndarray:
    array = np.empty(len(drawings), dtype=object)
    array[:] = drawings
    return array


def write_npz(path: Path, *drawings: object) -> None:
    """As the official files are: train, valid and test, each an object array, that is a pickle."""
    array = object_array(*drawings)
    np.savez_compressed(path, train=array, valid=array, test=array)


GOOD = np.array([[3, -2, 0], [0, 7, 1], [4, 4, 0], [9, -9, 1]], dtype=np.int16)
NOT_A_NUMBER = np.array([[3, -2, 0], [np.nan, 7, 1]], dtype=np.float32)


class Bomb:
    """A pickle of it makes the file when a trusting reader opens it."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.marker,)


def write_bomb(path: Path) -> None:
    write_npz(path, GOOD, Bomb(path.with_name("EXPLODED")))


def half_of(name: str) -> Callable[[Path], None]:
    """Writes the first half of the file of that name beside it."""

    def write(path: Path) -> None:
        content = path.with_name(name).read_bytes()
        path.write_bytes(content[: len(content) // 2])

    return write


def write_half_npz(path: Path) -> None:
    write_npz(path, *[GOOD] * 50)
    half_of(path.name)(path)


def write_half_gzip(path: Path) -> None:
    content = gzip.compress(path.with_name("good.ndjson").read_bytes())
    path.write_bytes(content[: len(content) // 2])


def write_text(text: str) -> Callable[[Path], object]:
    return lambda path: path.write_text(text, encoding="utf-8")


ONE_POINT = '{"word": "dot", "recognized": true, "drawing": [[[5], [5]]]}\n'

BAD_FILES: dict[str, Callable[[Path], object]] = {
    "text.npz": write_text("this is a text\n"),
    "bomb.npz": write_bomb,
    "nan.npz": lambda path: write_npz(path, GOOD, NOT_A_NUMBER),
    "no_points.npz": lambda path: write_npz(path, GOOD, np.empty((0, 3), dtype=np.int16)),
    "empty_class.npz": lambda path: np.savez(path, train=object_array(), test=object_array()),
    "truncated.npz": write_half_npz,
    "truncated.sketches": half_of("good.sketches"),
    "truncated.ndjson.gz": write_half_gzip,
    "nan.ndjson": write_text('{"word": "cat", "drawing": [[[1, NaN], [3, 4]]]}\n'),
    "empty.ndjson": write_text(""),
    "a_folder": lambda path: path.mkdir(),
    "picture.png": lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100)),
}

# What a line about them must say; `missing.npz` and `doodles:abc` are names without a file.
SAYS = {
    "missing.npz": "there is no such file",
    "text.npz": "is not an .npz file",
    "bomb.npz": "nothing in it was run",
    "nan.npz": "finite",
    "no_points.npz": "no points",
    "empty_class.npz": "no drawings",
    "truncated.npz": "zip",
    "truncated.sketches": "damaged",
    "truncated.ndjson.gz": "gz",
    "nan.ndjson": "line 1",
    "empty.ndjson": "is an empty file",
    "a_folder": "is a folder",
    "picture.png": "is in no known format",
    "doodles:abc": "doodles:COUNT:SEED",
}

READERS = {
    "prepare": "data prepare DATA -o out.sketches",
    "prepare after a good one": "data prepare @good.ndjson DATA -o out.sketches",
    "inspect": "data inspect DATA --svg out.svg",
    "train": f"train DATA -o out {FLAGS}",
    "train after a good one": f"train @good.sketches DATA -o out {FLAGS}",
    "resume": "train DATA --resume -o @run --device cpu",
    "evaluate": "evaluate @run DATA --json",
    "reconstruct": "reconstruct @run DATA -o out.svg",
    "demo": "demo DATA -o out --minutes 0.001",
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("name", SAYS)
def test_bad_data(bench: Bench, name: str, reader: str) -> None:
    source = name if name.startswith("doodles") else f"@{name}"
    line = bench.fails(READERS[reader].replace("DATA", source), SAYS[name])
    assert name in line
    assert not (bench.inputs / "EXPLODED").exists()


def test_the_bomb_is_live(inputs: Path, tmp_path: Path) -> None:
    """A trusting reader runs it: what the test above sees not happening would happen."""
    marker = tmp_path / "EXPLODED"
    pickle.load(io.BytesIO(pickle.dumps(object_array(GOOD, Bomb(marker)))))
    assert marker.exists()
    assert (inputs / "bomb.npz").is_file()


# Readable drawings that do not suit --------------------------------------------------------------

ODD_FILES: dict[str, Callable[[Path], object]] = {
    "no_valid.npz": lambda path: np.savez(path, train=object_array(*[GOOD] * 9)),
    "still.npz": lambda path: write_npz(path, np.array([[0, 0, 0], [0, 0, 1]], np.int16)),
    "long.npz": lambda path: write_npz(path, np.tile(GOOD, (20, 1)), GOOD[:1]),
    "long_valid.npz": lambda path: np.savez(
        path, train=object_array(GOOD, GOOD), valid=object_array(np.tile(GOOD, (20, 1)))
    ),
    "one_point.ndjson": write_text(ONE_POINT),
    "dots.ndjson": write_text(ONE_POINT * 40),
    "no_strokes.ndjson": write_text('{"word": "cat", "recognized": true, "drawing": []}\n'),
    "other.ndjson": lambda path: write_ndjson(path, 40, ("sun",)),
    "a_file": write_text("x"),
}

UNSUITABLE = {
    "no validation drawings": (f"train @no_valid.npz -o out {FLAGS}", "no validation drawings"),
    "only long validation drawings": (
        f"train @long_valid.npz -o out --max-points 10 {FLAGS}",
        "no validation drawings",
    ),
    "demo, no validation": ("demo @no_valid.npz -o out", "no validation drawings"),
    "no test drawings": ("evaluate @run @no_valid.npz", "test has no drawings"),
    "nothing to redraw": ("reconstruct @run @no_valid.npz -o out.svg", "no test drawings"),
    "all in one place": (f"train @still.npz -o out {FLAGS}", "all training offsets are equal"),
    "dots only": (f"train @dots.ndjson -o out {FLAGS}", "all training offsets are equal"),
    "prepare dots only": ("data prepare @dots.ndjson -o out.sketches", "40 too short"),
    "prepare one point": ("data prepare @one_point.ndjson -o out.sketches", "1 too short"),
    "inspect one point": ("data inspect @one_point.ndjson", "all training offsets are equal"),
    "train on one point": (f"train @one_point.ndjson -o out {FLAGS}", "no validation drawings"),
    "evaluate one point": ("evaluate @run @one_point.ndjson", "test has no drawings"),
    "redraw one point": ("reconstruct @run @one_point.ndjson -o out.svg", "no test drawings"),
    "demo of one point": ("demo @one_point.ndjson -o out", "no validation drawings"),
    "prepare no strokes": ("data prepare @no_strokes.ndjson -o out.sketches", "1 too short"),
    "inspect no strokes": ("data inspect @no_strokes.ndjson", "line 1: the drawing has no strokes"),
    "train on no strokes": (f"train @no_strokes.ndjson -o out {FLAGS}", "has no strokes"),
    "limit below all": (
        f"train @good.sketches -o out --max-points 3 {FLAGS}",
        "no training drawing has at most 3 points; the shortest has ",
    ),
    "limit of 0": (f"train @good.sketches -o out --max-points 0 {FLAGS}", "at most 0 points"),
    "prepare, limit below all": (
        "data prepare @good.ndjson -o out.sketches --max-points 3",
        "too long",
    ),
    "too long to redraw": (
        "reconstruct @run @long.npz --index 0 -o out.svg",
        "test drawing 0 has 81 points; the model reads at most",
    ),
    "a class of which none is left": (
        "data prepare @good.ndjson @one_point.ndjson -o out.sketches",
        "no drawing of the class 'dot' is left",
    ),
    "a class of which none is left to train on": (
        "data prepare @good.ndjson -o out.sketches --valid 20 --test 20",
        "would leave none to train on",
    ),
}


@pytest.mark.parametrize("name", UNSUITABLE)
def test_unsuitable_data(bench: Bench, name: str) -> None:
    bench.fails(*UNSUITABLE[name])


# Run folders -------------------------------------------------------------------------------------

WEIGHTS = ("best.safetensors", "last.safetensors")


def changed(**parts: Any) -> Callable[[Path], None]:
    """Changes config.json: part__field=value; a value of None removes it."""

    def damage(run: Path) -> None:
        path = run / "config.json"
        config = json.loads(path.read_text("utf-8"))
        for key, value in parts.items():
            part, _, field = key.partition("__")
            holder, name = (config[part], field) if field else (config, part)
            if value is None:
                del holder[name]
            else:
                holder[name] = value
        path.write_text(json.dumps(config), "utf-8")

    return damage


def config_is(content: bytes) -> Callable[[Path], object]:
    return lambda run: (run / "config.json").write_bytes(content)


def truncate(run: Path) -> None:
    for name in WEIGHTS:
        half_of(name)(run / name)


def empty(run: Path) -> None:
    for name in WEIGHTS:
        (run / name).write_bytes(b"")


def no_weights(run: Path) -> None:
    for name in WEIGHTS:
        (run / name).unlink()


def pickled_weights(run: Path) -> None:
    for name in WEIGHTS:
        (run / name).write_bytes(pickle.dumps({"weights": Bomb(run.with_name("EXPLODED"))}))


Tensors = dict[str, np.ndarray]


def tensors_are(change: Callable[[Tensors], Tensors], about: str = "") -> Callable[[Path], None]:
    """Changes the tensors of both weight files, or what is said about them."""

    def damage(run: Path) -> None:
        for name in WEIGHTS:
            with safe_open(run / name, "numpy") as file:
                metadata = {"about": about} if about else file.metadata()
            save_file(change(load_file(run / name)), run / name, metadata)

    return damage


def twice(tensors: Tensors) -> Tensors:
    return {name: np.concatenate([value, value]) for name, value in tensors.items()}


def renamed(tensors: Tensors) -> Tensors:
    return {f"{name}x": value for name, value in tensors.items()}


def without_second_moments(tensors: Tensors) -> Tensors:
    return {name: value for name, value in tensors.items() if not name.startswith("adam_v")}


def only_the_config(run: Path) -> None:
    for path in run.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != "config.json":
            path.unlink()


# What is done to the run, what the line must say, and by whom where not by all of `RUNNERS`.
BAD_RUNS: dict[str, tuple[Any, ...]] = {
    "config_garbage": (config_is(b"{"), "config.json: damaged"),
    "config_binary": (config_is(bytes(range(256))), "config.json: damaged"),
    "config_empty": (config_is(b""), "config.json: damaged"),
    "config_list": (config_is(b"[1, 2]"), "config.json: damaged"),
    "config_number": (config_is(b"3"), "config.json: damaged"),
    "config_deep": (config_is(b"[" * 100_000), "config.json: damaged"),
    "config_missing": (lambda run: (run / "config.json").unlink(), "it has no config.json"),
    "other_format": (changed(format=2), "format 2 is not one that this version reads"),
    "no_format": (changed(format=None), "it has no 'format'"),
    "no_model": (changed(model=None), "it has no 'model'"),
    "model_list": (changed(model=[1]), "model must be a JSON object"),
    "no_N_max": (changed(model__N_max=None), "'N_max' is missing"),
    "N_max_text": (changed(model__N_max="12"), "N_max must be a whole number"),
    "N_max_0": (changed(model__N_max=0), "N_max must be a whole number"),
    "N_max_half": (changed(model__N_max=10.5), "N_max must be a whole number"),
    "unknown_cell": (changed(model__decoder_cell="gru"), "unknown decoder_cell 'gru'"),
    "cell_list": (changed(model__encoder_cell=["lstm"]), "unknown encoder_cell"),
    "unknown_field": (changed(model__depth=3), "unknown field 'depth'"),
    "conditional_text": (changed(model__conditional="yes"), "conditional must be true or false"),
    "huge": (
        changed(model__decoder_size=1_000_000),
        "the weights do not fit the config",
        ("generate", "evaluate", "reconstruct"),
    ),
    "huge_resume": (changed(model__decoder_size=1_000_000), "not enough memory", ("resume",)),
    "no_data": (changed(data=None), "it has no 'data'"),
    "no_scale": (changed(data__scale=None), "scale"),
    "scale_0": (changed(data__scale=0), "scale must be a number over 0, got 0"),
    "scale_nan": (changed(data__scale=float("nan")), "scale must be a number over 0, got nan"),
    "scale_inf": (changed(data__scale=float("inf")), "scale must be a number over 0, got inf"),
    "scale_text": (changed(data__scale="3.5"), "scale must be a number, got '3.5'"),
    "classes_text": (changed(data__classes="cat"), "classes must be a list of texts"),
    "classes_numbers": (changed(data__classes=[1, 2]), "classes must be a list of texts"),
    "unknown_fact": (changed(data__weather="fine"), "config.json: damaged"),
    "no_training": (changed(training=None), "it has no 'training'"),
    "training_list": (changed(training=[1]), "training must be a JSON object"),
    "batch_size_text": (
        changed(training__batch_size="8"),
        "config.json: batch_size must be a whole number",
        ("evaluate", "resume"),
    ),
    "unknown_training": (
        changed(training__speed=1),
        "config.json: the training config has an unknown field 'speed'",
        ("evaluate", "resume"),
    ),
    "truncated": (truncate, "not a weight file, or damaged"),
    "empty_weights": (empty, "not a weight file, or damaged"),
    "no_weights": (no_weights, "last.safetensors: missing"),
    "only_the_config": (only_the_config, "last.safetensors: missing"),
    "pickled_weights": (pickled_weights, "not a weight file, or damaged"),
    "other_shape": (tensors_are(twice), "the weights do not fit the config: decoder."),
    "other_names": (tensors_are(renamed), "the weights do not fit the config: decoder."),
    "half_of_adam": (tensors_are(without_second_moments), "Adam's moments", ("resume",)),
    "about_nothing": (tensors_are(dict, "{}"), "not a checkpoint of a training", ("resume",)),
    "about_garbage": (tensors_are(dict, "{"), "not a weight file, or damaged"),
    "about_list": (tensors_are(dict, "[1]"), "not a weight file, or damaged"),
    "other_size": (changed(model__decoder_size=9), "the weights do not fit the config"),
    "other_kind": (changed(model__decoder_cell="lstm"), "the weights do not fit the config"),
}

RUNNERS = {
    "generate": "generate RUN -n 2 -o out.svg",
    "evaluate": "evaluate RUN @good.sketches",
    "reconstruct": "reconstruct RUN @good.sketches -o out.svg",
    "resume": "train --resume -o RUN --max-steps 6 --device cpu",
}


DAMAGED = [
    (name, runner)
    for name, (_, _, *readers) in BAD_RUNS.items()
    for runner in (readers[0] if readers else RUNNERS)
]


@pytest.mark.parametrize(("name", "runner"), DAMAGED)
def test_a_damaged_run_folder(bench: Bench, name: str, runner: str) -> None:
    line = bench.fails(RUNNERS[runner].replace("RUN", f"@{name}"), BAD_RUNS[name][1])
    assert name in line or name == "huge_resume"
    assert not (bench.inputs / "EXPLODED").exists()


@pytest.mark.parametrize("runner", RUNNERS)
def test_no_run_folder(bench: Bench, runner: str) -> None:
    command = RUNNERS[runner]
    bench.fails(command.replace("RUN", "@nowhere"), "nowhere: there is no such run folder")
    bench.fails(command.replace("RUN", "@a_folder"), "a_folder: not a run folder")
    bench.fails(command.replace("RUN", "@a_file"), "a_file: not a run folder")


# Flags -------------------------------------------------------------------------------------------

SIZES = ("encoder-size", "decoder-size", "z-size", "mixtures", "hyper-size", "hyper-embedding")
COUNTS = ("seed", "batch-size", "max-steps", "evaluate-every", "patience")

# For each number of the configs what is just below and just above its bounds.
OUT_OF_BOUNDS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(SIZES, ("0", "-1", "1000001")),
    "seed": ("-1", "9223372036854775808"),
    "batch-size": ("0", "-1", "100001"),
    "max-steps": ("0", "1000000001"),
    "max-minutes": ("-0.1", "nan"),
    "learning-rate": ("-0.001", "1.01", "nan", "inf"),
    "learning-rate-decay": ("-0.1", "1.01", "nan"),
    "min-learning-rate": ("-0.1", "1.01", "nan"),
    "w-KL": ("-1", "1001", "nan", "inf"),
    "eta-min": ("-0.1", "1.1", "nan"),
    "R": ("-0.1", "1.1", "nan"),
    "KL-min": ("-0.1", "1001", "nan"),
    "recurrent-keep": ("0", "-1", "2", "nan"),
    "augment-scale": ("-0.1", "1", "nan"),
    "drop-probability": ("-0.1", "1", "nan"),
    "gradient-clip": ("0", "-1", "nan"),
    "evaluate-every": ("0", "-1", "1000000001"),
    "patience": ("-1", "1000000001"),
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in OUT_OF_BOUNDS.items() for value in values]
)
def test_a_number_out_of_its_bounds(bench: Bench, name: str, value: str) -> None:
    command = f"train @good.sketches -o out {FLAGS} --{name}={value}"
    bench.fails(command, f"--{name} must be a", f"got {value}")


@pytest.mark.parametrize("name", OUT_OF_BOUNDS)
def test_not_a_number(bench: Bench, name: str) -> None:
    whole = name in SIZES or name in COUNTS
    for value in ("abc", "1.5x", *(("1.5", "inf", "nan", "1e999") if whole else ())):
        line = bench.fails(f"train @good.sketches -o out --{name} {value}", f"--{name} must be")
        assert ("must be a whole number" if whole else "must be a number") in line
        assert value in line


USAGE = {
    "no verb": ("", "required: VERB"),
    "unknown verb": ("paint", "unknown verb 'paint'"),
    "unknown flag": (
        "generate @run --colour red",
        "unknown option --colour; did you mean '--color' or",
    ),
    "part of a flag": (
        f"train @good.sketches -o out {FLAGS} --batch 3",
        "unknown option --batch; did",
    ),
    "data without a verb": ("data", "required: VERB"),
    "no sources": ("data prepare -o out.sketches", "required: SOURCE"),
    "no output": ("data prepare @good.ndjson", "required: -o/--output"),
    "train without output": ("train @good.sketches", "required: -o/--output"),
    "train without data": ("train -o out", "name the data to train on"),
    "evaluate without data": ("evaluate @run", "required: DATA"),
    "reconstruct without data": ("reconstruct @run", "required: DRAWING"),
    "generate without a run": ("generate", "required: MODEL"),
    "no class": ("data download", "required: CLASS"),
    "a flag without its value": ("generate @run -n", "argument -n: expected one argument"),
    "unknown preset": ("train @good.sketches -o out --preset big", "invalid choice: 'big'"),
    "unknown encoder cell": ("train @good.sketches -o out --encoder-cell gru", "'gru'"),
    "unknown decoder cell": ("train @good.sketches -o out --decoder-cell gru", "'gru'"),
    "unknown clipping": ("train @good.sketches -o out --clip-by sum", "invalid choice: 'sum'"),
    "unknown weights": ("generate @run --which worst -o out.svg", "invalid choice: 'worst'"),
}


@pytest.mark.parametrize("name", USAGE)
def test_usage(bench: Bench, name: str) -> None:
    assert "--help)" in bench.fails(*USAGE[name]) or name == "train without data"


DRAWERS = {
    "generate": "generate @run -n 2 -o out.svg",
    "reconstruct": "reconstruct @run @good.sketches -o out.svg",
}

# What both verbs that draw refuse.
NO_DRAWING = {
    "--temperature -1": "--temperature must be a number from 0",
    "--temperature nan": "--temperature must be a number from 0",
    "--temperature inf": "--temperature must be a number from 0",
    "--temperature 0.5 -0.1": "--temperature must be a number from 0",
    "--temperature hot": "--temperature must be a number, got 'hot'",
    "--temperature": "argument --temperature: expected at least one argument",
    "-n 0": "0",
    "-n -3": "-3",
    "-n two": "-n must be a whole number, got 'two'",
    "--seed -1": "--seed must be a whole number from 0",
    "--seed 9223372036854775808": "--seed must be a whole number from 0",
    "--seed x": "--seed must be a whole number, got 'x'",
    "--device warp": "device 'warp' cannot be used here",
    "--device meta": "device 'meta' cannot be used here",
    "-o out.bmp": "out.bmp: unknown ending",
    "-o out": "out: unknown ending",
    "-o @a_folder/": "is a folder; name a file in it",
    "-o @a_file/out.svg": "a_file",
}


@pytest.mark.parametrize("drawer", DRAWERS)
@pytest.mark.parametrize("option", NO_DRAWING)
def test_no_drawing(bench: Bench, option: str, drawer: str) -> None:
    bench.fails(f"{DRAWERS[drawer]} {option}", NO_DRAWING[option])


REFUSED = {
    "redraw without an encoder": (
        "reconstruct @decoder @good.sketches -o out.svg",
        "decoder is a decoder-only model: it has no encoder",
    ),
    "redraw what is not there": (
        "reconstruct @run @good.sketches --index 99 -o out.svg",
        "test has 4 drawings, there is no number 99",
    ),
    "redraw number -1": ("reconstruct @run @good.sketches --index -1 -o out.svg", "no number -1"),
    "redraw an unknown split": (
        "reconstruct @run @good.sketches --split tset -o out.svg",
        "there is no split 'tset'; choose one of train, valid, test",
    ),
    "evaluate an unknown split": (
        "evaluate @run @good.sketches --split tset",
        "there is no split 'tset'; choose one of train, valid, test",
    ),
    "evaluate with seed -1": (
        "evaluate @run @good.sketches --seed -1",
        "--seed must be a whole number from 0",
    ),
    "evaluate with a seed of 64 bits": (
        "evaluate @run @good.sketches --seed 9223372036854775808",
        "--seed must be a whole number from 0",
    ),
    "evaluate on no device": ("evaluate @run @good.sketches --device warp", "device 'warp'"),
    "train on no device": (f"train @good.sketches -o out {FLAGS} --device warp", "device 'warp'"),
    "train where a run is": (f"train @good.sketches -o @run {FLAGS}", "holds a run already"),
    "train where a file is": (f"train @good.sketches -o @a_file {FLAGS}", "a_file"),
    "train below a file": (f"train @good.sketches -o @a_file/run {FLAGS}", "a_file"),
    "too large a model": (
        f"train @good.sketches -o out {FLAGS} --decoder-size 1000000",
        "--max-points",
    ),
    "resume nothing": ("train --resume -o out", "out: there is no such run folder"),
    "resume with another batch": (
        "train --resume -o @run --batch-size 9",
        "--batch-size cannot change in a run that is resumed; only --max-steps",
    ),
    "resume with another cell": (
        "train --resume -o @run --decoder-cell lstm",
        "--decoder-cell cannot change",
    ),
    "resume with a preset": ("train --resume -o @run --preset paper", "--preset"),
    "resume without encoder": ("train --resume -o @run --unconditional", "--unconditional"),
    "resume with a limit": ("train --resume -o @run --max-points 0", "--max-points"),
    "resume with other drawings": (
        "train @other.ndjson --resume -o @run --device cpu",
        "was trained on other drawings",
    ),
    "resume with no steps": (
        "train --resume -o @run --max-steps 0 --device cpu",
        "--max-steps must be a whole number",
    ),
    "demo of no time": ("demo doodles:60 -o out --minutes 0", "--minutes must be over 0"),
    "demo of negative time": ("demo doodles:60 -o out --minutes -1", "--minutes must be over 0"),
    "demo of nan": ("demo doodles:60 -o out --minutes nan", "--minutes must be over 0"),
    "demo with seed -1": ("demo doodles:60 -o out --seed -1", "--seed must be a whole number"),
    "demo where a file is": ("demo doodles:60 -o @a_file --minutes 0.001", "a_file"),
    "doodles of count 0": ("data inspect doodles:0", "a count of at least 1"),
    "doodles of seed -1": ("data inspect doodles:5:-1", "a seed of at least 0"),
    "prepare to another ending": ("data prepare @good.ndjson -o out.npz", "out.npz"),
    "prepare below a file": ("data prepare @good.ndjson -o @a_file/out.sketches", "a_file"),
    "prepare 0 points": (
        "data prepare @good.ndjson -o out.sketches --min-points 0",
        "--min-points must be at least 1, got 0",
    ),
    "prepare at most less than at least": (
        "data prepare @good.ndjson -o out.sketches --min-points 9 --max-points 8",
        "--max-points must be at least",
    ),
    "prepare with epsilon -1": (
        "data prepare @good.ndjson -o out.sketches --simplify -1",
        "got -1",
    ),
    "prepare with epsilon nan": (
        "data prepare @good.ndjson -o out.sketches --simplify nan",
        "got nan",
    ),
    "prepare with seed -1": ("data prepare @good.ndjson -o out.sketches --seed -1", "seed must"),
    "prepare, share 1.5": (
        "data prepare @good.ndjson -o out.sketches --valid 1.5",
        "--valid must be a share",
    ),
    "prepare, share nan": (
        "data prepare @good.ndjson -o out.sketches --test nan",
        "--test must be a share",
    ),
    "inspect to another ending": ("data inspect @good.sketches --svg out.gif", "unknown ending"),
    "inspect below a file": ("data inspect @good.sketches --svg @a_file/out.svg", "a_file"),
    "download an unknown kind": ("data download cat --kind drawn -o out", "'drawn'"),
    "download a path": ("data download ../cat -o out", "'../cat' is no class name"),
    "download into a file": ("data download cat -o @a_file", "a_file: is not a folder"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(bench: Bench, name: str) -> None:
    bench.fails(*REFUSED[name])


def test_download_without_a_network(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKETCHRNN_QUICKDRAW_URL", "http://127.0.0.1:9")  # nobody listens there
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    bench.fails("data download cat -o .", "127.0.0.1")


def test_a_demo_keeps_what_is_not_its_own(bench: Bench) -> None:
    """A folder `run` that is no run is not removed, nor an earlier run when the input is bad."""
    (bench.here / "out" / "run").mkdir(parents=True)
    (bench.here / "out" / "run" / "letter.txt").write_text("dear ...", "utf-8")
    demo = "demo doodles:60 -o out --minutes 0.001"
    bench.fails(demo, "out/run: is there already", "give --force")
    bench.fails(f"{demo} --force", "is not the run of a demo; move it away")
    shutil.copytree(bench.inputs / "run", bench.here / "earlier" / "run")
    bench.fails("demo doodles:60 -o earlier --force --seed -1", "--seed must be")
    bench.fails("demo @no_valid.npz -o earlier --force", "no validation drawings")


@pytest.mark.parametrize(
    "z", [[1.0, 2.0], "abc", [[1.0], [2.0, 3.0]], [np.nan] * 4, [1e300] * 4, np.zeros((0, 4)), None]
)
def test_bad_z(inputs: Path, z: Any) -> None:
    model = sketchrnn.load(inputs / "run")
    with pytest.raises(SketchRNNError, match=r"^z "):
        model.decode(z)
    with pytest.raises(SketchRNNError, match="decoder-only model"):
        sketchrnn.load(inputs / "decoder").decode(z)


# Disks and permissions ---------------------------------------------------------------------------

WRITERS = {
    "generate svg": "generate @run -n 2 -o out.svg",
    "generate png": "generate @run -n 2 -o out.png",
    "generate json": "generate @run -n 2 -o out.json",
    "reconstruct": "reconstruct @run @good.sketches -o out.svg",
    "inspect": "data inspect @good.sketches --svg out.svg",
    "prepare": "data prepare @good.ndjson -o out.sketches",
    "train": f"train @good.sketches -o out {FLAGS}",
    "resume": "train --resume -o @run --max-steps 6 --device cpu",
}


@pytest.mark.parametrize("writer", WRITERS)
def test_a_full_disk(bench: Bench, writer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fsync(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("os.fsync", fsync)
    bench.fails(WRITERS[writer], "No space left on device; free some space and try again")


def test_a_disk_that_fills_up_in_training(
    bench: Bench, inputs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run keeps its last good state, and goes on from it."""
    real = os.fsync

    def fsync(descriptor: int) -> None:
        if Path("out/sheets/step_000002.svg").exists():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(descriptor)

    train = f"train {inputs}/good.sketches -o out {FLAGS}"
    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", fsync)
        assert bench.shell(*train.split()) == 2
    assert bench.shell.err.splitlines()[-1].startswith("sketchrnn: error: ")
    assert "No space left" in bench.shell.err.splitlines()[-1]
    assert "Traceback" not in bench.shell.err
    assert not [path for path in Path("out").rglob("*") if path.name.startswith(".")]
    assert bench.shell("train", "--resume", "-o", "out", "--device", "cpu") == 0
    assert np.array_equal(
        load_file("out/best.safetensors")["head.weight"],
        load_file(inputs / "run" / "best.safetensors")["head.weight"],
    )


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real disk of 64 kB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("a small disk cannot be mounted here: that needs Linux and root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_really_full_disk(bench: Bench, small_disk: Path) -> None:
    (small_disk / "filler").write_bytes(bytes(60 << 10))
    before = listing(small_disk)
    for command in (
        f"generate @run -n 400 -o {small_disk}/out.json",
        f"generate @run -n 400 -o {small_disk}/out.png",
        f"train @good.sketches -o {small_disk}/out {FLAGS}",
        f"data prepare doodles:200 -o {small_disk}/out.sketches",
    ):
        bench.fails(command, "No space left on device")
        assert listing(small_disk) == before
    # One that lasts for some steps: the log fills it up. The run stays one that can be read.
    (small_disk / "filler").unlink()
    run = small_disk / "run"
    flags = [*TINY, "--max-steps", "100000", "--evaluate-every", "1000"]
    assert bench.shell("train", bench.inputs / "good.sketches", "-o", run, *flags) == 2
    assert bench.shell.err.splitlines()[-1].startswith("sketchrnn: error: No space left on device")
    assert "Traceback" not in bench.shell.err
    assert sketchrnn.load(run).generate(1)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_device_that_is_full(bench: Bench) -> None:
    """As a file to write, and as standard output."""
    for ending in ("svg", "png", "json"):
        Path(f"out.{ending}").symlink_to("/dev/full")
        bench.fails(f"generate @run -n 2 -o out.{ending}", "No space left on device")
    command = [sys.executable, "-m", "sketchrnn", "generate", str(bench.inputs / "run"), "-o", "-"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*command, "-n", "1"], stdout=full, stderr=subprocess.PIPE, text=True, timeout=120
        )
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("sketchrnn: error: No space left on device")
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_no_permission(bench: Bench) -> None:
    locked = bench.here / "locked"
    locked.mkdir()
    shutil.copy(bench.inputs / "good.sketches", bench.here / "secret.sketches")
    (bench.here / "secret.sketches").chmod(0)
    locked.chmod(0o500)
    try:
        for command in (
            "generate @run -n 2 -o locked/out.svg",
            "reconstruct @run @good.sketches -o locked/out.svg",
            "data inspect @good.sketches --svg locked/out.svg",
            "data prepare @good.ndjson -o locked/out.sketches",
            f"train @good.sketches -o locked/out {FLAGS}",
            "demo doodles:60 -o locked/out --minutes 0.001",
        ):
            typed = [word.replace("@", f"{bench.inputs}/") for word in command.split()]
            assert bench.shell(*typed) == 2
            assert "Permission denied" in bench.shell.err.splitlines()[-1]
            assert not list(locked.iterdir())
        assert bench.shell("data", "inspect", "secret.sketches") == 2
        assert "secret.sketches: Permission denied" in bench.shell.err
    finally:
        locked.chmod(0o700)
        (bench.here / "secret.sketches").chmod(0o600)
