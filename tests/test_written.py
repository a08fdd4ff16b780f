"""Nothing is written over without being asked: `sketchrnn.cli.written`."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from file_server import Server, fetch, files, refusal
from sketchrnn.cli import written
from sketchrnn.sketch import Sketch
from tiny import Shell, write_ndjson

HAND = Sketch.from_polylines([[[7.0, 9.0], [7.2, 9.1], [7.5, 8.7]], [[7.1, 9.0], [7.1, 8.8]]])


@pytest.fixture
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A record of this test alone."""
    root = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(root))
    return root / "sketchrnn" / written.RECORD


@pytest.fixture
def shell(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path
) -> Shell:
    monkeypatch.chdir(tmp_path)
    HAND.save("hand.svg")
    write_ndjson(tmp_path / "two.ndjson", 4)
    return Shell(capsys)


def refused(shell: Shell, line: str, *says: str) -> None:
    assert shell(*line.split()) == 2, line
    assert shell.err.startswith("sketchrnn: error: ")
    assert shell.err.count("\n") == 1
    assert "give --force" in shell.err
    for text in says:
        assert text in shell.err


def done(shell: Shell, line: str) -> None:
    assert shell(*line.split()) == 0, shell.err


def test_the_same_command_writes_again_and_others_ask(shell: Shell) -> None:
    done(shell, "convert hand.svg -o a.svg")
    done(shell, "convert hand.svg -o a.svg --page a4")
    HAND.scaled(2).save("hand.svg")  # the input may change: it is still that drawing
    done(shell, f"convert ./hand.svg -o ../{Path.cwd().name}/a.svg")
    before = Path("a.svg").read_bytes()
    refused(shell, "convert two.ndjson -o a.svg", "a.svg: was written by another command, or from")
    refused(shell, "generate sun -n 1 -o a.svg", "a.svg: was written by another command")
    assert Path("a.svg").read_bytes() == before
    done(shell, "convert two.ndjson -o a.svg --force")
    done(shell, "convert two.ndjson -o a.svg -n 2")
    refused(shell, "convert hand.svg -o a.svg")


def test_what_the_user_made_or_changed_is_the_users(shell: Shell) -> None:
    Path("mine.svg").write_text("<svg/>")
    refused(shell, "convert hand.svg -o mine.svg", "mine.svg: is there already, and was not")
    done(shell, "convert hand.svg -o a.svg")
    ours = Path("a.svg").read_text()
    Path("a.svg").write_text(ours.replace("#", "# "))
    refused(shell, "convert hand.svg -o a.svg", "a.svg: was changed after this command wrote it")
    Path("a.svg").write_text(ours)  # as it was
    done(shell, "convert hand.svg -o a.svg")
    # what fails after the check writes nothing, and makes nothing ours
    assert shell("convert", "none.svg", "-o", "mine.svg", "--force") == 2
    refused(shell, "convert hand.svg -o mine.svg")
    assert Path("mine.svg").read_text() == "<svg/>"


def test_the_default_output_follows_the_rule(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    done(shell, "generate sun -n 1")
    done(shell, "generate sun -n 2 --seed 7 --temperature 0.1")
    loaded: list[object] = []
    monkeypatch.setattr("sketchrnn.drawing.live.load_live", lambda *_, **__: loaded.append(1))
    refused(shell, "generate face -n 1", "sheet.svg: was written by another command, or from other")
    assert not loaded  # before the work
    Path("tile.svg").write_text("")
    Path("models.svg").write_text("")
    refused(shell, "tile sun", "tile.svg: is there already")
    refused(shell, "models", "models.svg: is there already")


def test_each(shell: Shell) -> None:
    done(shell, "convert two.ndjson -o a.svg --each each")
    done(shell, "convert two.ndjson -o a.svg --each each -n 2")
    refused(shell, "convert hand.svg -o b.svg --each each", "each/drawing-000.svg: was written by")
    Path("each/notes.txt").write_text("mine")
    refused(shell, "convert two.ndjson -o a.svg --each each", "each/notes.txt: is there already")
    Path("each/notes.txt").rename("each/.notes")  # hidden: what file managers put there
    done(shell, "convert two.ndjson -o a.svg --each each")
    HAND.save("each/drawing-001.svg")
    refused(shell, "convert two.ndjson -o a.svg --each each", "drawing-001.svg: was changed after")
    done(shell, "convert two.ndjson -o a.svg --each each --force")


@pytest.mark.parametrize(
    "line",
    [
        "data prepare two.ndjson --valid 1 --test 0 -o FILE.sketches",
        "data prepare two.ndjson --valid 1 --test 0 --mirror --copies 1 -o b.sketches --sheet FILE",
        "data inspect two.ndjson --svg FILE",
        "likelihood sun hand.svg -o FILE",
        "export magenta face -o FILE",
        "export onnx face -o FOLDER",
        "import magenta hand.svg -o FOLDER",
        "train doodles:20 -o FOLDER",
        "demo -o FOLDER",
        "reproduce fig3 --model sun -o FILE",
        "reproduce fig4 table -o FILE",
        "reproduce table1 --data . -o FOLDER",
        "reproduce truth sun -o FOLDER",
        "reproduce howmany two.ndjson -o FOLDER",
        "tile sun -o FILE",
        "models -o FILE",
    ],
)
def test_every_verb_that_writes(shell: Shell, line: str) -> None:
    Path("FOLDER").mkdir()
    for name in ("FILE.sketches", "FILE.svg", "FOLDER/mine.txt"):
        Path(name).write_text("mine")
    name = "FILE.svg" if line.endswith("FILE") else ""
    typed = line.replace("FILE", "FILE.svg") if name else line
    refused(shell, typed, "is there already, and was not written by this command")
    for name in ("FILE.sketches", "FILE.svg", "FOLDER/mine.txt"):
        assert Path(name).read_text() == "mine"
    # and names that are none
    flag = line.split()[-2]
    words = typed.split()[:-1]
    assert shell(*words, "") == 2
    assert f"{flag}: the name is empty; give one" in shell.err.replace("-o/--output", "-o")
    assert shell(*words, "FILE.svg" if "FOLDER" in line else "FOLDER") == 2
    assert "is a file; name a folder" in shell.err or "is a folder; name a file" in shell.err


def test_a_folder_of_a_command_that_was_killed_is_its_own(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = "train doodles:20 -o out --max-steps 1 --device none"
    with monkeypatch.context() as killed:
        killed.setattr("sketchrnn.cli.remember_written", lambda arguments: None)
        assert shell(*line.split()) == 2  # after the folder was claimed
    Path("out/sheets").mkdir(parents=True)
    Path("out/log.jsonl").write_text("")
    shell(*line.split())
    assert "device 'none'" in shell.err
    refused(shell, line.replace(":20", ":30"), "out/log.jsonl: is there already")


def test_a_folder_of_a_command_that_failed_is_nobodys(shell: Shell) -> None:
    line = "train doodles:20 -o out --max-steps 1 --device none"
    assert shell(*line.split()) == 2
    Path("out").mkdir()
    Path("out/log.jsonl").write_text("mine")
    refused(shell, line, "out/log.jsonl: is there already")


def test_without_a_cache_nothing_is_ours(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(written, "cache_folder", lambda: None)
    done(shell, "convert hand.svg -o a.svg")
    refused(shell, "convert hand.svg -o a.svg", "was not written by this command")
    done(shell, "convert hand.svg -o a.svg --force")


@pytest.mark.parametrize("damage", [b"", b"no database", b"SQLite format 3\0" + bytes(200), None])
def test_a_damaged_record_is_begun_anew(shell: Shell, cache: Path, damage: bytes | None) -> None:
    done(shell, "convert hand.svg -o a.svg")
    content = cache.read_bytes()
    cache.write_bytes(content[: len(content) // 2] if damage is None else damage)
    refused(shell, "convert hand.svg -o a.svg")
    done(shell, "convert hand.svg -o a.svg --force")
    done(shell, "convert hand.svg -o a.svg")


def test_the_record_is_bounded(shell: Shell, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(written, "MOST", 3)
    for name in "abcde":
        done(shell, f"convert hand.svg -o {name}.svg")
    with sqlite3.connect(cache) as record:
        paths = [
            Path(os.fsdecode(path)).name for (path,) in record.execute("SELECT path FROM written")
        ]
    record.close()
    assert sorted(paths) == ["c.svg", "d.svg", "e.svg"]
    refused(shell, "convert hand.svg -o a.svg")
    done(shell, "convert hand.svg -o e.svg")


def test_devices_and_links(shell: Shell) -> None:
    done(shell, "convert hand.svg -o a.svg")
    Path("link.svg").symlink_to("a.svg")
    done(shell, "convert hand.svg -o link.svg")
    assert Path("link.svg").is_symlink()
    os.mkfifo("pipe.svg")
    claims = written.Claims(written.argparse.Namespace(verb="convert"))
    claims.file("pipe.svg")
    claims.file("/dev/null")


def test_a_download_that_is_not_the_servers_is_fetched_anew_by_force(
    server: Server, tmp_path: Path
) -> None:
    (tmp_path / "cat.npz").write_bytes(b"mine")
    assert "or write over it with --force" in refusal(server, tmp_path, "cat")
    assert (tmp_path / "cat.npz").read_bytes() == b"mine"
    assert fetch(server, tmp_path, "cat", anew=True).read_bytes() != b"mine"
    assert files(tmp_path) == ["cat.npz"]
