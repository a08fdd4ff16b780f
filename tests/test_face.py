"""The Python face: every public name is there, quickly, with an example that runs."""

from __future__ import annotations

import doctest
import subprocess
import sys
from pathlib import Path

import pytest

import sketchrnn

PUBLIC = [name for name in sketchrnn.__all__ if not name.startswith("__")]


@pytest.mark.parametrize("name", PUBLIC)
def test_its_example_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    thing = getattr(sketchrnn, name)
    example = doctest.DocTestParser().get_doctest(thing.__doc__, {name: thing}, name, None, None)
    assert example.examples, f"{name} has no example"
    result = doctest.DocTestRunner().run(example)
    assert (result.failed, result.attempted > 0) == (0, True)


def test_a_list_of_drawings_is_saved_as_a_sheet(tmp_path: Path) -> None:
    drawings = sketchrnn.load("sun").generate(3, temperature=0.3, seed=1)
    drawings.save(tmp_path / "suns.svg")
    assert (tmp_path / "suns.svg").read_text("utf-8") == drawings.sheet().to_svg()


def test_a_name_that_is_none() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'paint'"):
        _ = sketchrnn.paint
    assert set(dir(sketchrnn)) == set(sketchrnn.__all__)


def test_import_loads_nothing_heavy() -> None:
    code = "import sys, sketchrnn; print('torch' in sys.modules, 'numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
