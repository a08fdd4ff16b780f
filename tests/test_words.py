"""What people are told: the names that they meant, and nothing that commands their terminal."""

from __future__ import annotations

import io
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from sketchrnn import words
from sketchrnn.data.download import progress_display
from sketchrnn.data.tables import text_table
from sketchrnn.data.transfer import TransferProgress
from tiny import Shell, listing, write_ndjson

COMMANDS = "\x1b[31m\u202e\x9b2J\x07"  # an escape sequence, bidi, C1, a bell
SVG = '<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0 L50 10 L20 50"/></svg>'


@pytest.fixture
def shell(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Shell:
    """A shell in a folder of its own, with a drawing in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.svg").write_text(SVG, "utf-8")
    return Shell(capsys)


def refused(shell: Shell, *typed: str) -> str:
    """What is said of a command that must fail, and write nothing."""
    before = listing(Path())
    assert shell(*typed) == 2
    assert shell.out == ""
    assert listing(Path()) == before
    (line,) = shell.err.splitlines()
    assert line.isprintable()
    return line


# Names that were meant ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "known", "close"),
    [
        ("Face", ["car", "face", "pig_face"], ["face"]),
        ("faces", ["car", "face", "pig_face"], ["face"]),
        ("face", ["Faces"], ["Faces"]),
        ("BERRY", ["berries"], ["berries"]),
        ("buses", ["bus", "sun"], ["bus"]),
        ("glasses", ["glass"], ["glass"]),
        ("pig-face", ["pig_face", "pig face"], ["pig_face"]),
        ("eiffel tower", ["The Eiffel Tower"], ["The Eiffel Tower"]),
        ("fcae", ["car", "face"], ["face"]),
        ("qqqq", ["car", "face"], []),
        ("", ["car"], []),
    ],
)
def test_closest(name: str, known: list[str], close: list[str]) -> None:
    assert words.closest(name, known) == close


def test_choices_are_all_of_a_few_and_the_close_ones_of_many() -> None:
    assert words.choices("tset", ["train", "test"]) == (
        "choose one of train, test (did you mean 'test'?)"
    )
    assert words.choices("x", ["train", "test"]) == "choose one of train, test"
    many = [f"name{number}" for number in range(20)]
    assert words.choices("name_3", many).startswith("did you mean 'name3'")


MEANT = {
    "genrate face": "sketchrnn: error: unknown verb 'genrate'; did you mean 'generate'?",
    "data inspct a.svg": "sketchrnn data: error: unknown verb 'inspct'; choose one of prepare",
    "reproduce fig_3": "unknown experiment 'fig_3'; did you mean 'fig3'",
    "generate face --temprature 0.5": "sketchrnn generate: error: unknown option --temprature; did"
    " you mean '--temperature'? (see sketchrnn generate --help)",
    "generate face --temprature=0.5": "unknown option --temprature; did you mean '--temperature'?",
    "generate face -N 3": "sketchrnn generate: error: unknown option -N; did you mean '-n'?",
    "data prepare a.svg --Simplfy 2": "sketchrnn data prepare: error: unknown option --Simplfy;",
    # not that -o is missing
    "convert a.svg --outptu b.svg": "unknown option --outptu; did you mean '--output'?",
    "generate face --qqqq": "sketchrnn generate: error: unknown option --qqqq (see",
    "generate face a b": "sketchrnn generate: error: too many arguments: a b (see",
    "train doodles:9 -o run --backend nativ": "invalid choice: 'nativ'; choose one of auto, plain",
    "generate Face": "Face: there is no such run folder, nor a starter model of that name; did you"
    " mean 'face'?",
    "generate faces": "; did you mean 'face'?",
    "models Suns": "Suns: no such starter model; choose one of car, cat_pig, face, pig_face, sun"
    " (did you mean 'sun'?)",
    "convert a -o b.svg": "a: there is no such file; did you mean 'a.svg'?",
    "convert A.SVG -o b.svg": "A.SVG: there is no such file; did you mean 'a.svg'?",
    "data inspect two": "two: there is no such file; did you mean 'two.ndjson'?",
    "convert two.ndjson#Cats/0 -o b.svg": "no split and no class 'Cats'; choose one of cat, pig,"
    " train, valid, test (did you mean 'cat'?)",
    "convert two.ndjson#tarin/0 -o b.svg": "(did you mean 'train'?)",
    "data inspect doodles:5:1:Fishes": "unknown kind 'Fishes'; .* (did you mean 'fish'?)",
    "import magneta a.json -o run": "unknown kind 'magneta'; did you mean 'magenta'? (see",
    "convert tow.npz -o b.svg": "tow.npz: there is no such file; did you mean 'two.ndjson'?",
    "convert none.svg -o b.svg": "none.svg: there is no such file",
    "data download cats": "there is no class 'cats'; did you mean 'cat'?",
    "data download cat --kind simplfied": "(did you mean 'simplified'?)",
}


@pytest.mark.parametrize("command", MEANT)
def test_did_you_mean(shell: Shell, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    monkeypatch.setenv("SKETCHRNN_QUICKDRAW_URL", "http://127.0.0.1:9")  # nobody listens there
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    write_ndjson(Path("two.ndjson"))
    said = refused(shell, *command.split())
    for part in MEANT[command].split(".* "):
        assert part in said


def test_a_run_beside_the_one_that_is_not_there_is_meant(shell: Shell) -> None:
    Path("Runs/cats-1").mkdir(parents=True)
    assert "did you mean 'Runs/cats-1'?" in refused(shell, "generate", "Runs/cat_1")


def test_a_model_that_cannot_encode_names_starters_that_can(shell: Shell) -> None:
    said = refused(shell, "vary", "car", "a.svg")
    assert "variation is not possible" in said
    assert "take a starter that can: cat_pig, face, pig_face and sun" in said


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (
            "generate a.svg",
            "a.svg: not a run folder but a file; a model is such a folder, or one of",
        ),
        ("train doodles:9 -o a.svg --device cpu", "a.svg: is a file; name a folder"),
        ("generate face --device gpu", "device 'gpu' cannot be used here: choose one of auto, cpu"),
    ],
)
def test_what_is_wrong_is_said_in_short(shell: Shell, command: str, says: str) -> None:
    said = refused(shell, *command.split())
    assert says in said
    assert len(said) < 160


# What is no drawing ------------------------------------------------------------------------------


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


def _bytes(content: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content)


NO_DRAWING: dict[str, tuple[Callable[[Path], object], str]] = {
    "folder": (Path.mkdir, "is a folder; name a drawing in it"),
    "folder.svg": (Path.mkdir, "is a folder; name a file in it"),
    "notes.txt": (_bytes(b"Dear all,\nthe cat sat on the mat.\n"), "is text, and no drawing; exp"),
    "accents.md": (_bytes("é".encode() * 100), "is text, and no drawing"),
    "notes": (_bytes(b"Dear all"), "is text, and no drawing"),
    "notes.svg": (_bytes(b"Dear all"), "notes.svg"),
    "notes.json": (_bytes(b"Dear all"), "notes.json"),
    "empty": (_bytes(b""), "is an empty file"),
    "empty.svg": (_bytes(b""), "empty.svg"),
    "binary": (_bytes(bytes(range(256))), "is in no known format"),
    "binary.svg": (_bytes(bytes(range(256))), "binary.svg"),
    "pipe": (_pipe, "is a pipe or a device, not a file"),
    "pipe.svg": (_pipe, "is a pipe or a device, not a file"),
    "socket.json": (_socket, "is a pipe or a device, not a file"),
    "x" * 300: (lambda path: None, "File name too long"),
}


@pytest.mark.parametrize("name", NO_DRAWING)
@pytest.mark.parametrize("verb", ["convert", "complete face"])
def test_what_is_no_drawing(shell: Shell, name: str, verb: str) -> None:
    make, says = NO_DRAWING[name]
    make(Path(name))
    if (verb, name) == ("convert", "folder"):  # which takes a folder of drawings
        says = "is a folder without any drawing"
    assert says in refused(shell, *verb.split(), name, "-o", "out.svg")


# Signs that command a terminal -------------------------------------------------------------------


def test_what_is_printed_is_printable(capsys: pytest.CaptureFixture[str]) -> None:
    words.say(f"a{COMMANDS}\nb")
    words.show(f"a{COMMANDS}\nb")
    words.show_text(f"a{COMMANDS}\nb\n")
    out, err = capsys.readouterr()
    assert [line.isprintable() for line in err.splitlines()] == [True]
    assert [line.isprintable() for line in out.splitlines()] == [True] * 3


def test_tables_are_printable() -> None:
    assert text_table(["name"], [[f"a\n{COMMANDS}"]]).count("\n") == 2


@pytest.mark.parametrize("name", [f"a{COMMANDS}.svg", "a\nb.svg", "[red]a[link=b].svg"])
def test_a_files_name_commands_nothing(shell: Shell, name: str) -> None:
    """Neither where it is read and written, nor where it is refused."""
    Path(name).write_text(SVG, "utf-8")
    assert shell("convert", name, "-o", f"copy of {name}") == 0
    assert shell("convert", name, "--each", f"each {name}", "-o", "b.svg") == 0
    assert all(map(str.isprintable, shell.err.splitlines()))
    assert len(shell.err.splitlines()) == 2
    refused(shell, "convert", f"no {name}", "-o", "b.svg")
    refused(shell, "generate", f"no {name}")
    refused(shell, "convert", name, "-o", f"{name}.bmp")
    refused(shell, "convert", name, f"--{name}")
    Path(f"{name}.d").mkdir()
    refused(shell, "convert", name, "-o", f"{name}.d")


def test_names_on_the_way_are_no_markup(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """[red] in a name stays as it is while drawings are read."""
    shown: list[object] = []
    monkeypatch.setattr("sketchrnn.cli.verbs.data.SHOWN_EVERY", 1)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setattr("rich.status.Status.update", lambda self, status: shown.append(status))
    write_ndjson(tmp_path / f"[red]{COMMANDS}[blue].ndjson")
    assert shell("data", "prepare", f"[red]{COMMANDS}[blue].ndjson", "-o", "out.sketches") == 0
    said = shell.out + shell.err
    assert not [one for one in ("\x1b[31m", "\u202e", "\x9b") if one in said]
    assert str(shown[0]).startswith("[red]")
    assert str(shown[0]).isprintable()


def test_a_download_shows_no_markup() -> None:
    console = Console(record=True, width=200, file=io.StringIO())
    with progress_display(console) as show:
        show(TransferProgress(Path(f"[red]{COMMANDS}:cat:.npz"), 1, 1, "kept", "as it is"))
    text = console.export_text()
    assert text.startswith("[red]")
    assert ":cat:.npz: kept" in text
    assert text.strip().isprintable()


# Names that are no text --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "typed",
    [
        ["convert", "a\udcff.svg", "-o", "b.svg"],
        ["convert", "a.svg", "-o", "b\udcff.svg"],
        ["convert", "a.svg", "-o", "b.svg", "--each", "d\udcff"],
        ["convert", "a.svg", "-o", "b\0.svg"],
        ["generate", "run\udcff"],
        ["train", "doodles:9", "-o", "run\udcff"],
        ["data", "prepare", "a.svg", "-o", "b.sketches", "--sheet", "s\udcff.svg"],
        ["data", "download", "cat", "-o", "d\0"],
        ["demo", "-o", "d\udcff"],
        ["models", "-o", "m\udcff.svg"],
        ["gen\udcffrate"],
    ],
)
def test_names_that_are_no_text_are_refused_first(shell: Shell, typed: list[str]) -> None:
    said = refused(shell, *typed)
    assert said.startswith("sketchrnn: error: '")
    assert "is not valid UTF-8, or has a NUL; rename" in said
