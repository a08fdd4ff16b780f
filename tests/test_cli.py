"""Every verb of the command line does what its help says."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args, get_origin, get_type_hints
from xml.etree import ElementTree

import numpy as np
import pytest
import torch

import sketchrnn
from in_thread import running
from sketchrnn import cli
from sketchrnn.cli import build_parser, verb_names
from sketchrnn.cli.flags import flag, given_fields
from sketchrnn.model.backends.native.library import has_bf16
from sketchrnn.model.config import ModelConfig
from sketchrnn.training.config import PRESETS, TrainingConfig
from sketchrnn.training.logs import read_log
from sketchrnn.training.session import new_settings
from tiny import TINY, Shell, do, write_ndjson

SVG = "{http://www.w3.org/2000/svg}"
PNG_MAGIC = b"\x89PNG\r\n\x1a\n"

# What `evaluate --json` prints of each drawing's losses ...
LOSSES = {"L_R", "L_s", "L_p", "L_KL", "L_KL_floored", "L_R_masked", "nats_per_drawing"}
# ... and of what they were measured on.
FACTS = {"n", "N_max", "mean_length", "scale", "epsilon", "split", "left_out"}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    write_ndjson(folder / "two.ndjson")
    do("data", "prepare", folder / "two.ndjson", "-o", folder / "two.sketches")
    return folder / "two.sketches"


@pytest.fixture(scope="module")
def run(data: Path) -> Path:
    """A conditional run of two classes."""
    folder = data.parent / "run"
    do("train", data, "-o", folder, *TINY)
    return folder


@pytest.fixture(scope="module")
def decoder_run(data: Path) -> Path:
    folder = data.parent / "decoder_run"
    do("train", data, "-o", folder, "--unconditional", *TINY)
    return folder


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(capsys)


@pytest.fixture(autouse=True)
def _keep_precision() -> Iterator[None]:
    """A training sets how float32 products are formed in the whole process."""
    before = torch.get_float32_matmul_precision()
    yield
    torch.set_float32_matmul_precision(before)


def python(*arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run `python -m sketchrnn` as a process of its own."""
    command = [sys.executable, "-m", "sketchrnn", *map(str, arguments)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(command, text=True, env=environment, timeout=120, **options)


def paths(svg: str) -> list[str]:
    return [path.attrib["d"] for path in ElementTree.fromstring(svg).iter(f"{SVG}path")]


# Help --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", [*verb_names(), "data prepare", "data inspect", "data download"])
def test_help_of_each_verb(shell: Shell, verb: str) -> None:
    assert shell(*verb.split(), "--help") == 0
    assert shell.out.startswith(f"usage: sketchrnn {verb}")
    assert shell.err == ""


def test_each_file_of_the_folder_is_a_verb() -> None:
    files = {path.stem for path in Path(cli.__file__).with_name("verbs").glob("*.py")}
    assert {*verb_names()} == {name.rstrip("_") for name in files - {"__init__"}}
    assert verb_names() == list(cli.ORDER)


def test_a_new_file_is_a_verb_after_those_that_are_ordered(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "wave.py").write_text(
        "def add_parser(subparsers):\n    subparsers.add_parser('wave', help='say hello')\n\n\n"
        "def run(arguments):\n    print('hello')\n    return 0\n",
        "utf-8",
    )
    monkeypatch.setattr(cli.verbs, "__path__", [*cli.verbs.__path__, str(tmp_path)])
    assert verb_names()[-1] == "wave"
    assert shell("wave") == 0
    assert shell.out == "hello\n"


def test_version(shell: Shell) -> None:
    assert shell("--version") == 0
    assert shell.out == f"sketchrnn {sketchrnn.__version__}\n"


def test_a_process_of_its_own() -> None:
    """`python -m sketchrnn --help`, without waiting for PyTorch."""
    program = "import sys; sys.argv[1:] = ['train', '--help']; import runpy\n"
    program += "try: runpy.run_module('sketchrnn', run_name='__main__')\n"
    program += "except SystemExit as leaving: print(leaving.code, 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.startswith("usage: sketchrnn train")
    assert done.stdout.endswith("0 False\n")
    assert done.stderr == ""


def test_the_console_command_is_declared() -> None:
    pyproject = (Path(__file__).parents[1] / "pyproject.toml").read_text("utf-8")
    assert 'sketchrnn = "sketchrnn.cli:main"' in pyproject


# Flags -------------------------------------------------------------------------------------------

# One value for each field of the two configs, none of them the default preset's.
GIVEN: dict[str, str] = {
    "encoder_cell": "hyper",
    "decoder_cell": "hyper",
    "encoder_size": "5",
    "decoder_size": "7",
    "z_size": "3",
    "mixtures": "4",
    "hyper_size": "6",
    "hyper_embedding": "2",
    "seed": "11",
    "batch_size": "9",
    "max_steps": "1",
    "max_minutes": "90.5",
    "learning_rate": "0.004",
    "learning_rate_decay": "0.5",
    "min_learning_rate": "1e-6",
    "w_KL": "0.75",
    "eta_min": "0.125",
    "R": "0.25",
    "KL_min": "0.3",
    "recurrent_keep": "0.8",
    "augment_scale": "0.2",
    "drop_probability": "0.05",
    "gradient_clip": "0.9",
    "clip_by": "norm",
    "evaluate_every": "1e3",
    "patience": "3",
    "padding": "similar",
    "precision": "bf16",
}


def test_a_flag_for_every_field(data: Path, tmp_path: Path) -> None:
    """Each is given, arrives typed in config.json, and is not what it would have been anyway."""
    model_fields = {item.name for item in dataclasses.fields(ModelConfig)} - {
        "N_max",
        "conditional",
    }
    training_fields = {item.name for item in dataclasses.fields(TrainingConfig)}
    assert set(GIVEN) == model_fields | training_fields
    # not every processor has bfloat16 products
    given = {name: GIVEN[name] for name in GIVEN if name != "precision" or has_bf16()}
    flags = [text for name, value in given.items() for text in (flag(name), value)]
    do("train", data, "-o", tmp_path / "run", "--device", "cpu", *flags)
    stored = json.loads((tmp_path / "run" / "config.json").read_text("utf-8"))
    for config, part in ((ModelConfig, "model"), (TrainingConfig, "training")):
        kinds = get_type_hints(config)
        for name in set(given) & set(kinds):
            kind = str if get_origin(kinds[name]) is Literal else kinds[name]
            expected = int(float(GIVEN[name])) if kind is int else kind(GIVEN[name])
            assert stored[part][name] == expected, name
            assert type(stored[part][name]) is kind, name
            laptop = PRESETS["laptop"].model | dataclasses.asdict(PRESETS["laptop"].training)
            assert laptop.get(name) != expected, name


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_sets_all_numbers(preset: str) -> None:
    typed = ["train", "d.npz", "-o", "run", "--preset", preset, "--z-size", "7", "--R", "0.5"]
    arguments = build_parser().parse_args(typed)
    numbers = given_fields(arguments, ModelConfig) | given_fields(arguments, TrainingConfig)
    sizes, training = new_settings(arguments.data, arguments.preset, None, numbers)
    assert (arguments.data, arguments.max_points) == (["d.npz"], None)
    expected = PRESETS[preset].model | {"z_size": 7, "conditional": True}
    assert ModelConfig(N_max=9, **sizes) == ModelConfig(N_max=9, **expected)
    assert training == dataclasses.replace(PRESETS[preset].training, R=0.5)


def test_every_field_says_what_it_is(shell: Shell) -> None:
    shell("train", "--help")
    text = " ".join(shell.out.split())
    for config in (ModelConfig, TrainingConfig):
        for item in dataclasses.fields(config):
            if item.name not in ("N_max", "conditional"):
                assert flag(item.name) in text
                assert " ".join(item.metadata["help"].split()) in text


def test_the_choices_are_the_types() -> None:
    train = ["train", "d", "-o", "r"]
    for name, config in (("encoder_cell", ModelConfig), ("clip_by", TrainingConfig)):
        for choice in get_args(get_type_hints(config)[name]):
            assert getattr(build_parser().parse_args([*train, flag(name), choice]), name) == choice


# train -------------------------------------------------------------------------------------------


def test_train_makes_a_run_folder(run: Path) -> None:
    assert {path.name for path in run.iterdir()} == {
        "config.json",
        "best.safetensors",
        "last.safetensors",
        "log.jsonl",
        "sheets",
        "tensorboard",
    }
    kinds = [record["kind"] for record in read_log(run)]
    assert kinds == ["train", "train", "evaluate", "train", "train", "evaluate", "end"]
    sheets = sorted((run / "sheets").iterdir())
    assert [sheet.name for sheet in sheets] == ["step_000002.svg", "step_000004.svg"]
    assert all(len(paths(sheet.read_text("utf-8"))) >= 30 for sheet in sheets)


def test_train_says_how_it_goes(shell: Shell, data: Path, tmp_path: Path) -> None:
    assert shell("train", data, "-o", tmp_path / "run", *TINY) == 0
    lines = shell.err.splitlines()
    assert lines[0].startswith("two: 52 train, 4 valid, 4 test; N_max ")
    assert lines[0].endswith("computing on cpu")
    assert lines[1].startswith("L_R is a negative log density")  # one line, before the first loss
    first = lines[2]
    assert first.startswith("step 1/4  L_R ")
    for word in ("L_KL", "weight 0.00", "sketches/s", "left"):
        assert word in first
    assert lines[3].startswith("step 2: validation L_R ")
    assert lines[3].endswith("the best so far")
    assert lines[5].startswith("ended at step 4: all 4 steps done; best loss ")
    # four steps do not teach the encoder to tell drawings apart
    none = "weights: no prior is fitted, for no direction of z is in use"
    assert [line.split(":")[0] for line in lines[6:8]] == ["best weights", "last weights"]
    assert all(none in line for line in lines[6:8])
    assert lines[-1].endswith(f"draw with: sketchrnn generate {tmp_path / 'run'}")
    assert len(lines) == 9
    assert shell.out == ""


def test_train_on_several_files_with_a_limit(shell: Shell, data: Path, tmp_path: Path) -> None:
    write_ndjson(tmp_path / "sun.ndjson", 30, ("sun",))
    sources = [data, tmp_path / "sun.ndjson"]
    assert shell("train", *sources, "-o", tmp_path / "run", "--max-points", "10", *TINY) == 0
    assert shell.err.startswith("left out, with more than 10 points: ")
    stored = json.loads((tmp_path / "run" / "config.json").read_text("utf-8"))
    assert stored["data"]["classes"] == ["cat", "pig", "sun"]
    assert stored["data"]["max_points"] == 10
    assert stored["data"]["sources"] == [str(source) for source in sources]
    assert stored["model"]["N_max"] == 10


def test_train_leaves_out_what_is_longer_than_the_training_drawings(
    shell: Shell, tmp_path: Path
) -> None:
    short = np.array([[3, -2, 0], [0, 7, 1], [4, 4, 1]], dtype=np.int16)
    splits = {"train": [short] * 9, "valid": [short, np.tile(short, (9, 1))], "test": [short]}
    for name, drawings in splits.items():
        splits[name] = np.empty(len(drawings), dtype=object)  # type: ignore[assignment]
        splits[name][:] = drawings
    np.savez(tmp_path / "some.npz", **splits)
    assert shell("train", tmp_path / "some.npz", "-o", tmp_path / "run", *TINY) == 0
    first, second, *_ = shell.err.splitlines()
    assert first == (
        "left out, longer than the longest training drawing (3): 0 train, 1 valid, 0 test"
    )
    assert second.startswith("some: 9 train, 1 valid, 1 test; N_max 3, ")


def test_resume_goes_on_as_if_it_had_never_stopped(
    shell: Shell, data: Path, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(data.parent)
    do("train", data.name, "-o", tmp_path / "run", *TINY, "--max-steps", "2")
    monkeypatch.chdir(tmp_path)  # the run knows its data by their full names
    assert shell("train", "--resume", "-o", "run", "--max-steps", "4", "--device", "cpu") == 0
    assert "ended at step 4: all 4 steps done" in shell.err

    def losses(folder: Path) -> list[tuple[float, ...]]:
        names = ("step", "loss", "L_R", "L_KL")
        records = [record for record in read_log(folder) if record["kind"] != "end"]
        return [tuple(record[name] for name in names) for record in records]

    assert losses(tmp_path / "run") == losses(run)
    assert shell("train", "--resume", "-o", "run", "--device", "cpu") == 0
    assert "ended at step 4" in shell.err  # there was nothing left to do


def test_ctrl_c_saves_and_ends_cleanly(data: Path, tmp_path: Path) -> None:
    flags = [*TINY, "--max-steps", "100000"]
    command = [sys.executable, "-m", "sketchrnn", "train", str(data), "-o", "run", *flags]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        lines = [process.stderr.readline()]
        while not lines[-1].startswith("step 1/"):
            assert lines[-1], lines
            lines.append(process.stderr.readline())
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
    assert process.returncode == 0
    assert "stopping after this step; the run is being saved" in rest
    assert ": stopped" in rest
    assert "Traceback" not in rest
    end = read_log(tmp_path / "run")[-1]
    assert end["kind"] == "end"
    do("train", "--resume", "-o", tmp_path / "run", "--max-steps", end["step"] + 1)
    assert read_log(tmp_path / "run")[-1]["step"] == end["step"] + 1


def test_unconditional(decoder_run: Path) -> None:
    stored = json.loads((decoder_run / "config.json").read_text("utf-8"))
    assert stored["model"]["conditional"] is False
    assert all("L_KL" not in record for record in read_log(decoder_run))


# evaluate ----------------------------------------------------------------------------------------


def test_evaluate_json(shell: Shell, run: Path, data: Path) -> None:
    assert shell("evaluate", run, data, "--json") == 0
    summary = json.loads(shell.out)
    assert set(summary) == LOSSES | FACTS
    for name in LOSSES:
        assert set(summary[name]) == {"mean", "stderr"}
        assert summary[name]["stderr"] >= 0
    model = sketchrnn.load(run)
    assert (summary["n"], summary["split"], summary["left_out"]) == (4, "test", 0)
    assert (summary["N_max"], summary["scale"]) == (model.N_max, model.facts.scale)
    total = summary["L_s"]["mean"] + summary["L_p"]["mean"]
    assert summary["L_R"]["mean"] == pytest.approx(total, rel=1e-9)
    assert summary["L_KL_floored"]["mean"] == 0.2
    assert summary["L_KL"]["mean"] < 0.2
    assert shell.err == ""


def test_evaluate_as_text(shell: Shell, run: Path, data: Path) -> None:
    shell("evaluate", run, data, "--json")
    summary = json.loads(shell.out)
    assert shell("evaluate", run, data) == 0
    first, *lines, last = shell.out.splitlines()
    assert first.startswith(f"4 test drawings; N_max {summary['N_max']}, mean length ")
    assert f"scale {summary['scale']:.4g}, epsilon unknown" in first
    shown = {line.split()[0]: line.split()[1:4] for line in lines}
    assert set(shown) == LOSSES
    for name, (mean, _, stderr) in shown.items():
        assert mean == f"{summary[name]['mean']:.4f}"
        assert stderr == f"{summary[name]['stderr']:.4f}"
    assert "may be negative" in last


def test_evaluate_other_splits_and_weights(shell: Shell, run: Path, data: Path) -> None:
    assert shell("evaluate", run, data, "--split", "train", "--json") == 0
    assert json.loads(shell.out)["n"] == 52
    assert shell("evaluate", run, data, "--split", "valid", "--json", "--which", "last") == 0
    last = json.loads(shell.out)
    evaluated = [record for record in read_log(run) if record["kind"] == "evaluate"][-1]
    assert last["L_R"]["mean"] == pytest.approx(evaluated["L_R"], rel=1e-5)


def test_evaluate_a_decoder(shell: Shell, decoder_run: Path, data: Path) -> None:
    assert shell("evaluate", decoder_run, data, "--json") == 0
    summary = json.loads(shell.out)
    assert set(summary) == LOSSES | FACTS
    assert summary["L_KL"] is summary["L_KL_floored"] is None
    assert shell("evaluate", decoder_run, data) == 0
    assert "L_KL" not in shell.out


def test_evaluate_says_what_it_left_out(shell: Shell, run: Path, tmp_path: Path) -> None:
    long = {"word": "cat", "drawing": [[list(range(40)), list(range(40))]]}
    source = write_ndjson(tmp_path / "long.ndjson", 40)
    source.write_text(source.read_text("utf-8") + 20 * (json.dumps(long) + "\n"), "utf-8")
    assert shell("evaluate", run, source, "--split", "train", "--json") == 0
    left_out = json.loads(shell.out)["left_out"]
    assert left_out > 10
    assert shell.err.startswith(f"left out: {left_out} train drawings with more than N_max = ")


# generate and reconstruct ------------------------------------------------------------------------


@pytest.mark.parametrize("ending", [".svg", ".png", ".json"])
def test_generate_writes_what_the_name_says(
    shell: Shell, run: Path, tmp_path: Path, ending: str
) -> None:
    output = tmp_path / f"sheet{ending}"
    assert shell("generate", run, "-n", "7", "--seed", "3", "-o", output) == 0
    assert shell.err == f"wrote {output}, seed 3\n"
    assert shell.out == ""
    content = output.read_bytes()
    if ending == ".png":
        assert content.startswith(PNG_MAGIC)
    elif ending == ".svg":
        assert len(paths(content.decode())) >= 7
    else:
        drawings = [drawing for row in json.loads(content)["rows"] for drawing in row if drawing]
        assert len(drawings) == 7
    do("generate", run, "-n", "7", "--seed", "3", "-o", output)
    assert output.read_bytes() == content
    do("generate", run, "-n", "7", "--seed", "4", "-o", output)
    assert output.read_bytes() != content


def test_generate_to_standard_output(shell: Shell, run: Path, tmp_path: Path) -> None:
    assert shell("generate", run, "-n", "2", "-o", "-") == 0
    drawn = shell.out
    assert len(paths(drawn)) >= 2
    word, seed = shell.err.split()
    assert word == "seed"
    assert shell("generate", run, "-n", "2", "-o", "-", "--seed", seed) == 0
    assert shell.out == drawn
    assert shell("generate", run, "-n", "2", "-o", "-") == 0
    assert shell.out != drawn  # another seed is chosen each time


def test_generate_at_several_temperatures(run: Path, tmp_path: Path) -> None:
    output = tmp_path / "sheet.json"
    temperatures = ["0", "0.5", "1"]
    do("generate", run, "-n", "4", "--seed", "1", "-o", output, "--temperature", *temperatures)
    sheet = json.loads(output.read_text("utf-8"))
    assert sheet["row_labels"] == ["τ = 0", "τ = 0.5", "τ = 1"]
    assert [len(row) for row in sheet["rows"]] == [4, 4, 4]
    model = sketchrnn.load(run)
    for temperature, row in zip(temperatures, sheet["rows"], strict=True):
        drawn = model.generate(4, temperature=float(temperature), seed=1)
        for document, sketch in zip(row, drawn, strict=True):
            assert document["label"] == sketch.label if "label" in document else not sketch.label
            lines = [stroke["points"] for stroke in document["strokes"]]
            assert len(lines) == len(sketch.polylines)
            for line, expected in zip(lines, sketch.polylines, strict=True):
                # drawn in NumPy and in PyTorch: float32, of some hundred px
                np.testing.assert_allclose(line, expected, rtol=1e-3, atol=0.1)


def test_generate_many_takes_the_other_way(run: Path, tmp_path: Path) -> None:
    """So many that PyTorch is the quicker one: the first of them are those of a few."""
    few, many = tmp_path / "few.json", tmp_path / "many.json"
    do("generate", run, "-n", "3", "--seed", "1", "-o", few)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sketchrnn.drawing.live.QUICK", 10_000)
        do("generate", run, "-n", "40", "--seed", "1", "-o", many)
    first, others = (
        [drawing for row in json.loads(path.read_text("utf-8"))["rows"] for drawing in row]
        for path in (few, many)
    )
    for ours, other in zip(first, others, strict=False):
        for stroke, expected in zip(ours["strokes"], other["strokes"], strict=True):
            np.testing.assert_allclose(stroke["points"], expected["points"], rtol=1e-3, atol=0.1)


def test_generate_does_not_wait_for_torch(run: Path, tmp_path: Path) -> None:
    """A few drawings, or a stream, on the CPU: a third of a second instead of several."""
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from sketchrnn.cli import main\n"
        "sys.exit(main(sys.argv[1:]))"
    )
    for options in (["-o", tmp_path / "a.svg"], ["--stream"]):
        command = [sys.executable, "-c", code, "generate", run, "-n", "2", *options]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def streamed(out: str) -> list[list[dict[str, Any]]]:
    """The lines of `--stream`, drawing by drawing."""
    points = [json.loads(line) for line in out.splitlines()]
    numbers = [point["drawing"] for point in points]
    assert numbers == sorted(numbers)  # one after the other
    return [
        [point for point in points if point["drawing"] == number] for number in sorted({*numbers})
    ]


@pytest.mark.parametrize("conditional", [True, False])
def test_generate_stream(
    shell: Shell, run: Path, decoder_run: Path, tmp_path: Path, conditional: bool
) -> None:
    """Every point of the drawings that a sheet shows, absolute, from the start to the end."""
    folder, output = run if conditional else decoder_run, tmp_path / "sheet.json"
    options = ["-n", "3", "--seed", "2", "--temperature", "0.8"]
    assert shell("generate", folder, "--stream", *options) == 0
    assert shell.err == "seed 2\n"
    drawings = streamed(shell.out)
    assert shell("generate", folder, "--stream", "-o", "-", *options) == 0
    assert streamed(shell.out) == drawings
    do("generate", folder, "-o", output, *options)
    expected = [drawing for row in json.loads(output.read_text("utf-8"))["rows"] for drawing in row]
    assert len(drawings) == len(expected) == 3
    for points, drawing in zip(drawings, expected, strict=True):
        assert points[0] == {"drawing": points[0]["drawing"], "x": 0.0, "y": 0.0, "pen": "down"}
        assert [point["pen"] == "end" for point in points] == [*[False] * (len(points) - 1), True]
        lines: list[list[list[float]]] = [[]]
        for point in points[:-1]:
            lines[-1].append([point["x"], point["y"]])
            if point["pen"] == "up":
                lines.append([])
        strokes = [stroke["points"] for stroke in drawing["strokes"]]
        for line, stroke in zip([line for line in lines if line], strokes, strict=True):
            np.testing.assert_allclose(line, stroke, rtol=0, atol=1e-3)  # three decimals


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["-o", "a.svg"], "--stream writes to standard output: leave out -o a.svg"),
        (["--device", "cuda"], "--stream draws on the CPU: leave out --device cuda"),
        (["--temperature", "0", "1"], "--stream takes one --temperature, got 2"),
        (["--temperature", "-1"], "temperature must be a number from 0"),
        (["-n", "0"], "the number of drawings must be at least 1, got 0"),
        (["--seed", "-1"], "seed must be a whole number from 0"),
    ],
)
def test_generate_stream_refuses(shell: Shell, run: Path, options: list[str], message: str) -> None:
    assert shell("generate", run, "--stream", *options) == 2
    assert shell.out == ""
    assert message in shell.err
    assert len(shell.err.splitlines()) == 1


def test_generate_from_a_decoder_and_from_last_weights(
    decoder_run: Path, run: Path, tmp_path: Path
) -> None:
    do("generate", decoder_run, "-n", "3", "-o", tmp_path / "a.svg")
    do("generate", run, "-n", "3", "-o", tmp_path / "b.svg", "--which", "last")
    assert all(len(paths((tmp_path / name).read_text("utf-8"))) >= 3 for name in ("a.svg", "b.svg"))


def test_reconstruct(shell: Shell, run: Path, data: Path, tmp_path: Path) -> None:
    output = tmp_path / "sheet.json"
    options = ["--split", "train", "--seed", "5", "--temperature", "0.1", "0.9", "-o", output]
    assert shell("reconstruct", run, data, *options, "--index", "3", "0", "40") == 0
    assert shell.err == f"wrote {output}, seed 5\n"
    sheet = json.loads(output.read_text("utf-8"))
    assert sheet["column_labels"] == ["input", "τ = 0.1", "τ = 0.9"]
    from sketchrnn.data.formats import read

    dataset = read(data)
    model = sketchrnn.load(run)
    inputs = [dataset.sketch("train", index) for index in (3, 0, 40)]
    redrawn = model.reconstruct(inputs, temperature=0.9, seed=5)
    for row, sketch, new in zip(sheet["rows"], inputs, redrawn, strict=True):
        assert row[0] == sketch.to_json()
        assert row[2] == new.to_json()


def test_reconstruct_takes_as_many_as_asked(run: Path, data: Path, tmp_path: Path) -> None:
    for name in ("a.json", "b.json"):
        do("reconstruct", run, data, "-n", "3", "--seed", "2", "-o", tmp_path / name)
    sheet = json.loads((tmp_path / "a.json").read_text("utf-8"))
    assert len(sheet["rows"]) == 3
    assert len(sheet["rows"][0]) == 7  # the input and six temperatures
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


# data --------------------------------------------------------------------------------------------


def test_data_prepare(shell: Shell, tmp_path: Path) -> None:
    source = write_ndjson(tmp_path / "two.ndjson", 40)
    twice = source.read_text("utf-8").splitlines(keepends=True)[0]
    source.write_text(source.read_text("utf-8") + twice, encoding="utf-8")
    output = tmp_path / "out.sketches"
    options = ["--valid", "3", "--test", "0.1", "--seed", "4", "--max-points", "12"]
    assert shell("data", "prepare", source, "-o", output, *options) == 0
    assert "duplicate" in shell.out
    assert shell.out.endswith(f"wrote {output}\n")
    from sketchrnn.data.formats import read

    dataset = read(output)
    assert dataset.classes == ("cat", "pig")
    assert len(dataset.valid) == 6
    assert dataset.train.lengths.max() <= 12
    total = sum(len(split) for split in dataset.splits.values())
    row = shell.out.splitlines()[1].replace(",", "").split()
    assert row[:2] == ["two.ndjson", "41"]
    assert int(row[5]) == 41 - total


def test_every_option_of_prepare_arrives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sketchrnn.data import prepare as module
    from sketchrnn.data.prepare_config import PrepareConfig

    seen: list[PrepareConfig] = []

    def prepare(sources: Sequence[str], output: Path, config: PrepareConfig, **_: object) -> None:
        seen.append(config)
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "prepare", prepare)
    typed = (
        "--min-points 3 --max-points 90 --recognized-only --keep-duplicates --simplify 1.5 --box"
    )
    typed += " --seed 8 --valid 0.2 --test 7 --resplit --label thing"
    from sketchrnn.cli import INTERRUPTED, main

    assert main(["data", "prepare", "a", "-o", "b.sketches", *typed.split()]) == INTERRUPTED
    assert dataclasses.asdict(seen[0]) == dataclasses.asdict(PrepareConfig()) | {
        "min_points": 3,
        "max_points": 90,
        "recognized_only": True,
        "keep_duplicates": True,
        "simplify": 1.5,
        "box": True,
        "seed": 8,
        "valid": 0.2,
        "test": 7.0,
        "resplit": True,
        "label": "thing",
    }
    assert main(["data", "prepare", "a", "-o", "b.sketches"]) == INTERRUPTED
    assert seen[1] == PrepareConfig()  # the flags' defaults are the library's


def test_data_inspect(shell: Shell, data: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.svg"
    assert shell("data", "inspect", data, "--svg", sheet) == 0
    assert shell.out.startswith("two\n")
    for word in ("N_max", "scale", "strokes a drawing", "cat", "pig"):
        assert word in shell.out
    assert len(paths(sheet.read_text("utf-8"))) > 40
    assert shell("data", "inspect", data, "--json") == 0
    summary = json.loads(shell.out)
    assert summary["counts"]["train"] == {"cat": 26, "pig": 26}
    assert summary["N_max"] <= 13


def test_data_inspect_of_what_the_package_draws(shell: Shell) -> None:
    assert shell("data", "inspect", "doodles:30", "--json") == 0
    assert sum(json.loads(shell.out)["counts"]["train"].values()) == 30


class Files(BaseHTTPRequestHandler):
    """A place that has one file under the official path."""

    content: ClassVar[dict[str, bytes]] = {"/full/simplified/cat.ndjson": b'{"word": "cat"}\n'}

    def do_GET(self) -> None:
        body = self.content.get(self.path)
        self.send_response(404 if body is None else 200)
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write(body or b"")

    do_HEAD = do_GET

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with running(HTTPServer(("127.0.0.1", 0), Files)) as server:
        address = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setenv("SKETCHRNN_QUICKDRAW_URL", address)
        yield address


@pytest.mark.usefixtures("server")
def test_data_download(shell: Shell, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    assert shell("data", "download", "cat", "--kind", "simplified", "-o", folder) == 0
    assert shell.out == f"{folder / 'cat.ndjson'}\n"
    assert shell.err == f"{folder / 'cat.ndjson'}: 16 bytes\n"
    assert (folder / "cat.ndjson").read_bytes() == b'{"word": "cat"}\n'
    assert shell("data", "download", "pig", "--kind", "simplified", "-o", folder) == 2
    assert "sketchrnn: error:" in shell.err
    assert "pig" in shell.err


# demo --------------------------------------------------------------------------------------------


def test_demo(shell: Shell, tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    assert shell("demo", "doodles:60", "--minutes", "0.02", "-o", folder) == 0
    assert shell.out == f"open {folder / 'index.html'}\n"
    page = (folder / "index.html").read_text("utf-8")
    headings = [
        *(
            "Starter models",
            "Between four drawings of cat_pig",
            "Between four drawings of pig_face",
        ),
        "Finished for you",
        *("Training drawings", "New drawings", "Reconstructions", "Interpolation", "Learning"),
    ]
    places = [page.index(f"<h2>{heading}</h2>") for heading in headings]
    assert places == sorted(places)
    assert page.count("<section>") == page.count("<figure>") == 9
    for heading in headings:
        svg = (folder / f"{heading.lower().replace(' ', '-')}.svg").read_text("utf-8")
        assert ElementTree.fromstring(svg).tag == f"{SVG}svg"
    commands = [part.split("</code>")[0] for part in page.split('class="command"><code>')[1:]]
    assert len(commands) == 8
    for command in commands:  # what the page tells to type can be typed
        build_parser().parse_args(command.split()[1:])
    assert sketchrnn.load(folder / "run").conditional


def test_demo_on_a_file_again(shell: Shell, data: Path, tmp_path: Path) -> None:
    """A second call replaces the run of the first."""
    for _ in range(2):
        arguments = ["demo", data, "--minutes", "0.001", "-o", tmp_path / "demo", "--seed", "2"]
        assert shell(*arguments) == 0
        stored = json.loads((tmp_path / "demo" / "run" / "config.json").read_text("utf-8"))
        assert stored["training"]["seed"] == 2
        log = read_log(tmp_path / "demo" / "run")
        steps = [record["step"] for record in log if record["kind"] == "train"]
        assert steps == list(range(1, len(steps) + 1))


# Pipes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [["-n", "2", "-o", "-"], ["--stream"]])
def test_a_reader_that_has_left(run: Path, options: list[str]) -> None:
    """`sketchrnn generate ... | head -1`: ends quietly when nobody reads any more."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    try:
        done = python("generate", run, *options, stdout=write_end, stderr=subprocess.PIPE)
    finally:
        os.close(write_end)
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr
    assert "error" not in done.stderr
