"""What must not wait for PyTorch. That modules import only from below is `lint-imports`'s matter.

The layers are in `[tool.importlinter]` of pyproject.toml, and in CONTRIBUTING.md's map.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import sketchrnn

SOURCE = Path(sketchrnn.__file__).parent
LONGEST = 500  # lines of a file


def modules() -> dict[str, Path]:
    """All modules by name."""
    found = {}
    for path in sorted(SOURCE.rglob("*.py")):
        names = ("sketchrnn", *path.relative_to(SOURCE).with_suffix("").parts)
        found[".".join(names[:-1] if names[-1] == "__init__" else names)] = path
    return found


MODULES = modules()

# Of use without PyTorch, which takes seconds to load: a data set, a picture, live drawing.
TORCH_FREE = (
    *("errors", "files", "strokes", "travel", "seeds", "svgtext", "registry", "sketch", "data"),
    *("figures", "runs", "model.config", "model.numpy_cells", "training.config", "cli"),
    *("drawing.base", "drawing.fit", "drawing.latent", "drawing.live"),
    *("share.hub", "share.starters"),
)


def python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_needs_no_torch_does_not_import_it() -> None:
    parts = [f"sketchrnn.{part}" for part in TORCH_FREE]
    names = ["sketchrnn"]
    names += [name for name in MODULES if any(f"{name}.".startswith(f"{p}.") for p in parts)]
    assert {"sketchrnn.data.batches", "sketchrnn.cli.verbs.train", *parts} <= set(names)
    heavy = python(
        "import sys\n"
        "from importlib import import_module\n"
        f"for name in {names}: import_module(name)\n"
        "print(*sorted({'torch', 'matplotlib', 'tensorboardX', 'resvg_py'} & set(sys.modules)))"
    )
    assert heavy.split() == []


def test_nothing_is_compiled_on_import() -> None:
    """The C and GPU parts are made at first use: who does not compute waits for no compiler."""
    said = python(
        "from sketchrnn.api import Model\n"
        "from sketchrnn.training import loop\n"
        "from sketchrnn.model.backends.native.library import library\n"
        "print(library.cache_info().currsize)"
    )
    assert said.split() == ["0"]


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["train", "--help"]])
def test_help_does_not_wait_for_torch(words: list[str]) -> None:
    said = python(
        "import sys\n"
        "from sketchrnn.cli import main\n"
        "try:\n"
        f"    main({words})\n"
        "except SystemExit as end:\n"
        "    assert end.code == 0, end.code\n"
        "print('torch' in sys.modules, 'numpy' in sys.modules)"
    )
    assert said.split()[0] in ("usage:", "sketchrnn")
    assert said.splitlines()[-1] == "False False"


HEAVY = {"torch", "matplotlib", "tensorboardX", "resvg_py", "shapely", "cssselect2", "ijson"}
HEAVY |= {"rich", "urllib3", "jinja2", "PIL", "fpdf", "onnx", "huggingface_hub", "scipy"}


@pytest.mark.parametrize(
    ("words", "needed"),
    [
        ("models face", set()),
        ("models -o b.svg", set()),
        ("generate face -n 1 -o b.svg", set()),
        ("generate face -n 1 --stream", set()),
        ("generate nobody", set()),
        ("convert a.svg -o b.svg", set()),
        ("convert a.svg -o b.npz", set()),
        ("convert b.json -o c.json", {"ijson"}),
        ("convert b.ndjson -o c.npz", set()),
        ("data inspect b.json", {"ijson"}),
        ("data prepare a.svg -o c.sketches", {"shapely"}),
        ("tidy face a.svg --seed -1", set()),
        ("vary face a.svg --seed -1", set()),
        ("interpolate face a.svg a.svg -n 1", set()),
        ("reconstruct face a.svg --temperature -1", set()),
        ("complete face a.svg -o b.bmp", set()),
        ("train a.svg -o run --learning-rate -1", set()),
        ("bench draw --repeats 0", set()),
    ],
)
def test_a_verb_loads_only_what_it_needs(tmp_path: Path, words: str, needed: set[str]) -> None:
    """Not how long it takes to start, but what would make it long (scripts/start_times.py)."""
    head = '<svg xmlns="http://www.w3.org/2000/svg">'
    (tmp_path / "a.svg").write_text(f'{head}<path d="M0 0L9 9L20 5"/></svg>', "utf-8")
    (tmp_path / "b.json").write_text('[{"strokes": [[[0, 0], [9, 9], [20, 5]]]}]', "utf-8")
    (tmp_path / "b.ndjson").write_text('{"word": "cat", "drawing": [[[0, 9], [0, 9]]]}\n', "utf-8")
    said = python(
        "import os, sys\n"
        "from sketchrnn.cli import main\n"
        f"os.chdir({str(tmp_path)!r})\n"
        f"main({words.split()})\n"
        f"print(*sorted({HEAVY} & set(sys.modules)))"
    )
    assert set(said.splitlines()[-1].split()) == needed


def test_every_module_has_a_docstring_and_no_star_import() -> None:
    for name, path in MODULES.items():
        tree = ast.parse(path.read_text("utf-8"))
        assert ast.get_docstring(tree), name
        froms = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        assert all(alias.name != "*" for node in froms for alias in node.names), name


def test_only_the_front_doors_import_by_name() -> None:
    """What is imported by a string, `lint-imports` does not see."""
    words = ("import_module", "__import__")
    found = {n for n, path in MODULES.items() if any(w in path.read_text("utf-8") for w in words)}
    assert found == {"sketchrnn", "sketchrnn.cli", "sketchrnn.registry"}


def test_no_file_is_long() -> None:
    lengths = {name: len(path.read_text("utf-8").splitlines()) for name, path in MODULES.items()}
    assert {name: length for name, length in lengths.items() if length > LONGEST} == {}
