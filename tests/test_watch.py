"""A data file that changes while a training reads from it ends the training, and only then."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

import sketchrnn
from sketchrnn.data import watch as module
from sketchrnn.data.formats import sketches
from sketchrnn.data.watch import Watch
from sketchrnn.errors import SketchRNNError
from sketchrnn.runs import BEST, LAST, steps_done
from sketchrnn.training.logs import Record
from sketchrnn.training.session import TrainingProgress
from tiny import TINY, Shell, do, write_ndjson


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "some.sketches"
    do("data", "prepare", write_ndjson(tmp_path / "some.ndjson", 200), "-o", path)
    return path


def touch(path: Path, later_s: float = 9) -> None:
    os.utime(path, (path.stat().st_atime, path.stat().st_mtime + later_s))


def edit_in_place(path: Path, place: int) -> None:
    """Change a byte of a file, whose size stays."""
    with path.open("r+b") as file:
        file.seek(place, os.SEEK_END if place < 0 else os.SEEK_SET)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 1]))
    touch(path)


CHANGES = {
    "cut short": lambda path: os.truncate(path, path.stat().st_size - 4096),
    "appended to": lambda path: path.write_bytes(path.read_bytes() + b"more"),
    "another head": lambda path: edit_in_place(path, 100),
    "another tail": lambda path: edit_in_place(path, -1),
    "other drawings": lambda path: sketches.write(sketchrnn.read("doodles:40"), path),
}
SAME = {
    "nothing": lambda path: None,
    "touched": touch,
    "copied over": lambda path: path.write_bytes(path.read_bytes()),
    "replaced by a copy": lambda path: Path(shutil.copy(path, f"{path}.copy")).replace(path),
    "deleted": Path.unlink,
    "moved": lambda path: path.rename(path.with_suffix(".elsewhere")),
}


@pytest.mark.parametrize("how", CHANGES)
def test_what_is_a_change(data: Path, how: str) -> None:
    watch = Watch(sketchrnn.read(data))
    watch.check()
    CHANGES[how](data)
    for _ in range(2):
        with pytest.raises(SketchRNNError, match=f"{data}: has changed while"):
            watch.check()


@pytest.mark.parametrize("how", SAME)
def test_what_is_none(data: Path, how: str) -> None:
    dataset = sketchrnn.read(data)
    watch, rows = Watch(dataset), dataset.train.rows.copy()
    SAME[how](data)
    watch.check()
    watch.check()
    assert (dataset.train.rows == rows).all()


def test_a_file_is_read_as_a_whole_once_for_each_new_time(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch, real = Watch(sketchrnn.read(data)), module.read
    calls: list[Path] = []

    def read(path: Path) -> sketchrnn.Dataset:
        calls.append(path)
        return real(path)

    monkeypatch.setattr(module, "read", read)
    watch.check()
    assert not calls
    touch(data)
    watch.check()
    watch.check()
    assert calls == [data]
    touch(data)
    watch.check()
    assert len(calls) == 2


def test_what_is_in_memory_needs_no_file(tmp_path: Path) -> None:
    path = write_ndjson(tmp_path / "some.ndjson")
    watch = Watch(sketchrnn.read(path))
    path.write_bytes(b"other")
    watch.check()
    Watch(sketchrnn.read("doodles:5")).check()


@pytest.mark.parametrize("begin", [1, 3])
def test_the_training_ends_and_keeps_its_checkpoint(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    begin: int,
) -> None:  # fmt: skip
    """The second validation is of step 4: before it, after step 3, the file changes."""
    run, shell, show = tmp_path / "run", Shell(capsys), TrainingProgress.show
    kept: dict[str, bytes] = {}

    def change(progress: TrainingProgress, record: Record) -> None:
        show(progress, record)
        if record["kind"] == "train" and record["step"] == begin:
            edit_in_place(data, -1)
            kept.update({path.name: path.read_bytes() for path in run.glob("*.safetensors")})

    monkeypatch.setattr(TrainingProgress, "show", change)
    whole = data.read_bytes()
    assert shell("train", data, "-o", run, *TINY) == 2
    steps = {1: 0, 3: 2}[begin]
    assert shell.err.splitlines()[-1] == (
        f"sketchrnn: error: {data}: has changed while the training was reading it; {run} keeps its"
        f" checkpoint of step {steps}: restore the file and go on with --resume, or train anew in"
        " another folder"
    )
    assert steps_done(run) == steps
    assert {path.name: path.read_bytes() for path in run.glob("*.safetensors")} == kept
    assert kept.keys() == ({LAST, BEST} if steps else {LAST})
    monkeypatch.undo()
    data.write_bytes(whole)
    assert shell("train", "--resume", "-o", run) == 0
    assert "ended at step 4" in shell.err
