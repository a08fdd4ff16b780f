"""Who may import whom, read from the imports themselves; and what must not wait for PyTorch."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import sketchrnn

SOURCE = Path(sketchrnn.__file__).parent

# Each part imports from the floors below it ...
FLOORS = (
    {"errors", "files"},
    {"strokes", "travel", "model", "registry", "svgtext"},
    {"sketch", "data", "doodles", "interop", "runs", "devices", "hub"},
    {"drawing", "figures", "starters"},
    {"training"},
    {"bench", "experiments"},
    {"cli", "demo"},
)
# ... and of those beside it only as is said here.
BESIDE = {
    ("data", "sketch"),
    ("doodles", "sketch"),
    ("drawing", "figures"),
    ("cli", "demo"),
    ("hub", "runs"),
}
# Imports inside a function, or for types only, that go up, or beside in the other direction: each
# is a convenience that its caller needs not have.
EXCEPTIONS = {
    ("interop.onnx_export", "drawing.model"): "the type of what is exported",
    ("doodles", "data.dataset"): "doodles_dataset makes a Dataset; the drawings need none",
    ("data.sources", "doodles"): "a source may be the doodles",
}
# PyTorch takes seconds to load: only these wait for it.
TORCH_PARTS = {"model", "training", "drawing", "bench", "experiments", "runs", "devices"}
TORCH_FREE = (
    "strokes", "travel", "sketch", "files", "registry", "svgtext", "hub", "errors", "doodles", "model.config",
    "training.config", "training.schedules", "data", "figures", "cli", "runs",
    "drawing.base", "drawing.fit", "drawing.latent", "drawing.live", "drawing.seeds",
    "drawing.sheets", "starters",
)  # fmt: skip


@dataclass(frozen=True)
class Import:
    source: str  # module, without the package's name; "" is the package itself
    target: str
    when: str  # "top": as the module is loaded; "lazy": inside a function; "types": never

    @property
    def parts(self) -> tuple[str, str]:
        return self.source.partition(".")[0], self.target.partition(".")[0]


def modules() -> dict[str, Path]:
    """All modules by name, without the package's: "" is `sketchrnn` itself."""
    found = {}
    for path in sorted(SOURCE.rglob("*.py")):
        names = path.relative_to(SOURCE).with_suffix("").parts
        found[".".join(names[:-1] if names[-1] == "__init__" else names)] = path
    return found


MODULES = modules()


def statements(
    node: ast.AST, when: str = "top"
) -> Iterator[tuple[ast.Import | ast.ImportFrom, str]]:
    """All import statements below a node, and when they run."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child, when
        elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            yield from statements(child, "types")
        elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from statements(child, "lazy" if when == "top" else when)
        else:
            yield from statements(child, when)


def imports_of(module: str) -> Iterator[Import]:
    """The imports of this package's modules by one of them."""
    for statement, when in statements(ast.parse(MODULES[module].read_text("utf-8"))):
        if isinstance(statement, ast.Import):
            names = [alias.name for alias in statement.names]
        else:
            assert statement.level == 0, f"{module}: relative import"
            names = [f"{statement.module}.{alias.name}" for alias in statement.names]
        for name in names:
            root, _, rest = name.partition(".")
            if root == "sketchrnn":
                # `from sketchrnn.data import batches` names a module, `import Batch` a thing in one
                yield Import(module, rest if rest in MODULES else rest.rpartition(".")[0], when)


IMPORTS = sorted(
    {one for module in MODULES for one in imports_of(module)},
    key=lambda one: (one.source, one.target, one.when),
)


def floor_of(part: str) -> int:
    return next(number for number, floor in enumerate(FLOORS) if part in floor)


def test_the_reading_of_imports_finds_what_is_known() -> None:
    # so that the tests below do not pass for want of imports
    assert Import("training.loop", "model.network", "top") in IMPORTS
    assert Import("strokes", "errors", "top") in IMPORTS
    assert Import("data.batches", "strokes", "top") in IMPORTS  # from sketchrnn import strokes
    assert Import("drawing.base", "figures.sheet", "lazy") in IMPORTS
    assert Import("doodles", "data.dataset", "types") in IMPORTS
    assert Import("cli.train", "training.loop", "lazy") in IMPORTS
    assert Import("cli", "", "top") in IMPORTS  # from sketchrnn import __version__


def test_every_part_stands_on_one_floor() -> None:
    parts = {module.partition(".")[0] for module in MODULES} - {"", "__main__"}
    listed = [part for floor in FLOORS for part in floor]
    assert sorted(listed) == sorted(parts)


@pytest.mark.parametrize("part", [part for floor in FLOORS for part in sorted(floor)])
def test_a_part_imports_only_from_below_or_beside(part: str) -> None:
    wrong = []
    for one in IMPORTS:
        source, target = one.parts
        if source != part or target in ("", part):
            continue  # of the package itself only `__version__` is taken
        below = floor_of(target) < floor_of(source) or (source, target) in BESIDE
        if not below and ((one.source, one.target) not in EXCEPTIONS or one.when == "top"):
            wrong.append(f"{one.source} imports {one.target} ({one.when})")
    assert not wrong


def test_there_are_no_exceptions_but_those_in_use() -> None:
    used = {(one.source, one.target) for one in IMPORTS if one.when != "top"}
    assert set(EXCEPTIONS) <= used
    assert set(BESIDE) <= {one.parts for one in IMPORTS}


def test_modules_import_each_other_in_no_circle() -> None:
    graph: dict[str, set[str]] = {module: set() for module in MODULES}
    for one in IMPORTS:
        excepted = (one.source, one.target) in EXCEPTIONS and one.when == "lazy"
        if one.when != "types" and not excepted and one.target:
            graph[one.source].add(one.target)
    assert sum(map(len, graph.values())) > 100
    TopologicalSorter(graph).prepare()  # raises CycleError, naming the circle


def test_only_the_front_doors_import_by_name() -> None:
    # what is imported by a string is not seen by the tests above
    by_name = [
        module
        for module, path in MODULES.items()
        if any(word in path.read_text("utf-8") for word in ("import_module", "__import__"))
    ]
    assert by_name == ["", "cli", "registry"]


def test_only_the_parts_that_compute_import_torch() -> None:
    users = set()
    for module, path in MODULES.items():
        for statement, _ in statements(ast.parse(path.read_text("utf-8"))):
            if isinstance(statement, ast.Import):
                names = [alias.name for alias in statement.names]
            else:
                names = [str(statement.module)]
            if any(name.partition(".")[0] == "torch" for name in names):
                users.add(module.partition(".")[0])
    assert users == TORCH_PARTS


def python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_needs_no_torch_does_not_import_it() -> None:
    names = [
        f"sketchrnn.{module}".rstrip(".")
        for module in MODULES
        if any(module == part or module.startswith(f"{part}.") for part in ("", *TORCH_FREE))
    ]
    assert {"sketchrnn", "sketchrnn.data.batches", "sketchrnn.cli.train"} <= set(names)
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
        "from sketchrnn.drawing.model import Model\n"
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


def test_every_module_has_a_docstring_and_no_star_import() -> None:
    for path in MODULES.values():
        tree = ast.parse(path.read_text("utf-8"))
        assert ast.get_docstring(tree), path
        for statement, _ in statements(tree):
            assert all(alias.name != "*" for alias in statement.names), path
