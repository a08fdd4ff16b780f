"""Files are replaced whole, or not at all."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from sketchrnn.files import replaced_by, replacing, write_bytes, write_text


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_writes_and_replaces(tmp_path: Path) -> None:
    target = tmp_path / "new" / "folder" / "a.txt"
    write_text(target, "ä first\n")
    write_text(target, "second\n")
    assert target.read_bytes() == b"second\n"
    assert names(target.parent) == ["a.txt"]


def write_half(target: Path, error: BaseException) -> None:
    with replacing(target) as temporary:
        temporary.write_text("half of the n")
        raise error


def test_a_failing_writer_leaves_the_old_file_and_no_temporary_one(tmp_path: Path) -> None:
    target = tmp_path / "a.svg"
    write_text(target, "old")
    with pytest.raises(OSError, match="disk full"):
        write_half(target, OSError("disk full"))
    assert names(tmp_path) == ["a.svg"]
    assert target.read_text() == "old"


def test_a_failing_writer_leaves_nothing_where_nothing_was(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        write_half(tmp_path / "a.svg", KeyboardInterrupt())
    assert names(tmp_path) == []


def test_a_reader_never_sees_a_half_file(tmp_path: Path) -> None:
    target = tmp_path / "a.bin"
    contents = [bytes([n]) * 200_000 for n in (1, 2)]
    write_bytes(target, contents[0])
    done = threading.Event()
    seen = set()

    def read() -> None:
        while not done.is_set():
            seen.add(target.read_bytes())

    reader = threading.Thread(target=read)
    reader.start()
    for n in range(30):
        write_bytes(target, contents[n % 2])
    done.set()
    reader.join()
    assert seen <= set(contents)


def test_permissions_follow_the_umask(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        write_text(tmp_path / "a", "x")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640


def test_a_symbolic_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_text(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"


def test_a_folder_is_an_error_before_any_work(tmp_path: Path) -> None:
    began = False
    with pytest.raises(IsADirectoryError), replacing(tmp_path):
        began = True
    assert not began


def test_a_pipe_is_written_to_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.svg"
    os.mkfifo(pipe)
    received: list[bytes] = []
    reader = threading.Thread(target=lambda: received.append(pipe.read_bytes()))
    reader.start()
    write_bytes(pipe, b"drawing")
    reader.join()
    assert received == [b"drawing"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert names(tmp_path) == ["pipe.svg"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_device_is_an_os_error() -> None:
    with pytest.raises(OSError, match="No space left"):
        write_bytes("/dev/full", b"drawing")


@pytest.mark.parametrize(
    "name", ["last.safetensors", "config.json", ".hidden.x", "plain", "a.b.c", "a.sketches"]
)
def test_a_temporary_name_tells_of_its_file(tmp_path: Path, name: str) -> None:
    for _ in range(20):  # their middle is random
        with replacing(tmp_path / name) as temporary:
            assert replaced_by(temporary.name) == name
            temporary.write_bytes(b"")


@pytest.mark.parametrize(
    "name",
    ["last.safetensors", ".a.json.mine.json", ".a.json.abcdefgh.txt", ".a.json.ABCDEFGH.json", "."],
)
def test_other_names_are_not_temporary(name: str) -> None:
    assert replaced_by(name) is None
