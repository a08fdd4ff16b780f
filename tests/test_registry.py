"""The registry of formats: what the table says is so, and a new format is one module."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from sketchrnn import registry
from sketchrnn.data.formats import class_name, kind_of, read, records
from sketchrnn.data.formats.records import Given
from sketchrnn.errors import SketchRNNError
from sketchrnn.figures.sheet import SketchSheet
from sketchrnn.registry import Format
from sketchrnn.sketch import Sketch
from tiny import Shell

HAND = Sketch.from_polylines([[[7.0, 9.0], [7.25, 9.5]], [[7.0, 8.0], [7.5, 8.5], [9.0, 9.0]]])

NEEDED = {"drawing": "parse", "drawings": "records", "set": "read"}


@pytest.mark.parametrize("ending", [*registry.endings()])
def test_modules_have_what_their_lines_say(ending: str) -> None:
    one = registry.named(ending[1:])
    needed = [NEEDED[what] for what in one.reads]
    needed += ["holds_one"] * ({"drawing", "drawings"} <= set(one.reads))
    needed += ["content"] * bool(set(one.writes) - {"data"}) + ["write"] * ("data" in one.writes)
    assert needed
    assert [name for name in needed if not hasattr(one.module, name)] == []


class Toy(ModuleType):
    """Strokes as lines of text: "x,y x,y"."""

    @staticmethod
    def parse(content: bytes, where: str) -> Given:
        try:
            lines = [
                [[float(number) for number in point.split(",")] for point in line.split()]
                for line in content.decode().splitlines()
            ]
        except ValueError:
            raise SketchRNNError(f"{where}: is no toy") from None
        return Given(Sketch.from_polylines(lines), where)

    @staticmethod
    def content(thing: Any, path: Path) -> str:
        strokes = (" ".join(f"{x:g},{y:g}" for x, y in line) for line in thing.polylines)
        return "\n".join(strokes)


@pytest.fixture
def _toy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A format that somebody else has added: its module and its line."""
    monkeypatch.setitem(sys.modules, "toy_format", Toy("toy_format"))
    monkeypatch.setattr(registry, "_formats", dict(registry._formats))
    registry.register(Format(".toy", "toy_format", reads=("drawing",), writes=("drawing",)))


@pytest.mark.usefixtures("_toy")
def test_a_new_format_is_loaded_and_saved(tmp_path: Path) -> None:
    path = tmp_path / "cat" / "1.toy"
    HAND.save(path)
    assert path.read_text() == "7,9 7.25,9.5\n7,8 7.5,8.5 9,9"
    assert Sketch.load(path) == HAND
    assert (kind_of(path), class_name(path)) == ("toy", "cat")
    for source in (path, tmp_path):
        (record,) = records(source)
        assert Sketch.from_polylines(record.polylines) == HAND
    assert read(tmp_path).classes == ("cat",)
    path.write_text("7")
    with pytest.raises(SketchRNNError, match="stroke 0 must be points"):
        Sketch.load(path)
    with pytest.raises(SketchRNNError, match=r"unknown ending; save a sheet as \.svg"):
        SketchSheet([[HAND]]).save(tmp_path / "a.toy")


@pytest.mark.usefixtures("_toy")
def test_a_new_format_on_the_command_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shell = Shell(capsys)
    HAND.save("hand.json")
    assert shell("convert", "hand.json", "-o", "hand.toy") == 0
    assert shell.err == "wrote hand.toy\n"
    assert Sketch.load("hand.toy") == HAND
    assert shell("convert", "hand.toy", "-o", "back.svg", "--each", "toys", "--as", "toy") == 0
    np.testing.assert_allclose(Sketch.load("back.svg").polylines[1], HAND.polylines[1], atol=0.01)
    assert Path("toys/drawing-000.toy").read_text() == Path("hand.toy").read_text()
    assert shell("convert", "hand.json", "-o", "hand.toys") == 2
    assert "unknown ending; name it .svg, .anim.svg" in shell.err


def test_without_it_the_ending_is_unknown(tmp_path: Path) -> None:
    with pytest.raises(
        SketchRNNError, match=r"a\.toy: unknown ending; save a drawing as \.svg, \.anim"
    ):
        HAND.save(tmp_path / "a.toy")
    with pytest.raises(SketchRNNError, match=r"with the ending \.svg, \.svgz or \.json"):
        Sketch.load(tmp_path / "a.toy")
