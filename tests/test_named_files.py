"""Messages name the user's file: not a data set, nor a temporary file that stands in for it."""

from __future__ import annotations

import errno
import os
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import sketchrnn
from sketchrnn.data.dataset import Dataset, Drawings
from sketchrnn.data.formats import sketches
from sketchrnn.errors import SketchRNNError
from sketchrnn.files import naming_file, replaced_by, replacing, write_text
from tiny import TINY, Shell, do, write_ndjson


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Drawings in files of each kind, with some splits only, and a run."""
    path = tmp_path_factory.mktemp("data")
    do("data", "prepare", write_ndjson(path / "some.ndjson"), "-o", path / "all.sketches")
    do("train", path / "all.sketches", "-o", path / "run", *TINY)
    data = sketchrnn.read(path / "all.sketches")
    write(path / "untested", replace(data, test=data.test.select([])))
    write(path / "unvalidated", replace(data, valid=data.valid.select([])))
    longer = np.concatenate([np.repeat([[1, 2, 0]], 40, axis=0), [[1, 2, 1]]]).astype(np.int16)
    write(path / "long", replace(data, test=Drawings.from_arrays([longer])))
    return path


def write(path: Path, data: Dataset) -> None:
    """As a .sketches file and as an .npz."""
    sketches.write(data, path.with_suffix(".sketches"))
    arrays = {}
    for name, split in data.splits.items():
        arrays[name] = np.empty(len(split), dtype=object)
        for index, rows in enumerate(split):
            arrays[name][index] = np.asarray(rows)
    np.savez(path.with_suffix(".npz"), **arrays)


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(capsys)


# Data sets ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["sketches", "npz"])
def test_a_file_without_the_split_that_is_asked_for(
    folder: Path, shell: Shell, ending: str, tmp_path: Path
) -> None:
    path = folder / f"untested.{ending}"
    assert shell("evaluate", folder / "run", path) == 2
    assert shell.err == f"sketchrnn: error: {path}: test has no drawings, only train and valid\n"
    path = folder / f"unvalidated.{ending}"
    assert shell("train", path, "-o", tmp_path / "run", *TINY) == 2
    assert shell.err.splitlines()[-1] == (
        f"sketchrnn: error: {path}: there are no validation drawings; prepare the data with --valid"
    )
    assert shell("train", path, path, "-o", tmp_path / "run", *TINY) == 2
    assert f"error: {path}: there are no validation drawings" in shell.err
    path = folder / f"long.{ending}"
    assert shell("evaluate", folder / "run", path) == 2
    assert shell.err.splitlines()[-1].startswith(
        f"sketchrnn: error: {path}: test has no drawings of at most "
    )
    assert shell("train", path, "-o", tmp_path / "run", "--max-points", "2", *TINY) == 2
    assert f"error: {path}: no training drawing has at most 2 points" in shell.err


def test_files_that_are_read_into_memory(folder: Path) -> None:
    data = sketchrnn.read(folder / "some.ndjson")
    assert (data.where, data.name) == (str(folder / "some.ndjson"), "some")
    with pytest.raises(SketchRNNError, match=f"^{folder / 'some.ndjson'}: no training drawing"):
        data.limited(1)
    both = sketchrnn.read([folder / "some.ndjson", folder / "all.sketches"])
    with pytest.raises(SketchRNNError, match=f"^{folder}/some.ndjson, {folder}/all.sketches: no"):
        both.limited(1)
    with pytest.raises(SketchRNNError, match=r"^doodles: no training drawing"):
        sketchrnn.read("doodles:5").limited(1)


# Temporary files ---------------------------------------------------------------------------------


def refusing(monkeypatch: pytest.MonkeyPatch, folder: Path, number: int) -> None:
    """No file can be made in the folder, as in one that is somebody else's, or on a full disk."""
    real = os.open

    def refused(path: object, flags: int, *more: int, **options: int) -> int:
        if flags & os.O_CREAT and Path(os.fsdecode(path)).parent == folder:
            raise OSError(number, os.strerror(number), path)
        return real(path, flags, *more, **options)

    monkeypatch.setattr(os, "open", refused)


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.ENOSPC])
@pytest.mark.parametrize(
    "words",
    ["generate run -n 1 -o @out.svg", "data prepare some.ndjson -o @out.sketches",
     "convert all.sketches -o @out.npz", "convert some.ndjson -o @out.ndjson",
     "convert all.sketches -o @out.json"],
)  # fmt: skip
def test_a_folder_in_which_nothing_can_be_made(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    shell: Shell,
    words: str,
    number: int,
) -> None:
    monkeypatch.chdir(folder)
    refusing(monkeypatch, tmp_path, number)
    monkeypatch.setattr(os, "O_TMPFILE", None, raising=False)
    monkeypatch.setattr(tempfile, "_O_TMPFILE_WORKS", False, raising=False)
    *_, output = words.split()
    path = tmp_path / output.removeprefix("@")
    assert shell(*words.replace("@", f"{tmp_path}/").split()) == 2
    last = shell.err.splitlines()[-1]
    assert last.startswith(f"sketchrnn: error: {path}: {os.strerror(number)}")
    assert list(tmp_path.iterdir()) == []


def test_every_step_of_a_replacement_names_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: Path, *_: object) -> None:
        raise PermissionError(13, "Permission denied", str(path), None, str(tmp_path / "other"))

    def failing(name: str, path: Path) -> PermissionError:
        with monkeypatch.context() as patch:
            patch.setattr(Path, name, fail)
            with pytest.raises(PermissionError) as caught:
                write_text(path, "text")
        return caught.value

    target, link = tmp_path / "a.svg", tmp_path / "link.svg"
    for name in ("replace", "chmod", "write_bytes"):
        error = failing(name, target)
        assert (error.filename, error.filename2) == (str(target), None)
    assert list(tmp_path.iterdir()) == []
    link.symlink_to(target)
    assert failing("replace", link).filename == str(link)  # as it was named


def test_other_errors_stay_as_they_are(tmp_path: Path) -> None:
    other = str(tmp_path / "other.csv")
    for error in (OSError(13, "no", other), OSError("no"), OSError(5, "Input/output error")):
        before = error.filename
        with pytest.raises(OSError), naming_file(tmp_path / "a.svg"):
            raise error
        assert error.filename == before
    full = OSError(errno.ENOSPC, "full")
    with pytest.raises(OSError), replacing(tmp_path / "a.svg"):
        raise full
    assert full.filename == str(tmp_path / "a.svg")


def test_a_device_has_a_temporary_file_of_its_name(tmp_path: Path) -> None:
    with replacing("/dev/null") as temporary:
        assert replaced_by(temporary.name) == "null"
        temporary.write_text("nothing")
