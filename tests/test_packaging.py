"""What is shipped: the version, the command, the type marker, the wheel, and nothing private."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from importlib.metadata import distribution, version
from pathlib import Path
from typing import Any

import pytest

import sketchrnn
from sketchrnn.model.backends.native.library import SOURCES

ROOT = Path(__file__).resolve().parents[1]
VERSION_HOME = "src/sketchrnn/version.py"
DRAWINGS_AND_WEIGHTS = {
    ".npz", ".npy", ".ndjson", ".gz", ".zip", ".sketches", ".safetensors", ".pt", ".pth", ".pkl",
}  # fmt: skip
C_SOURCES = ("model/backends/native/products.h", "model/backends/native/cells.c")
DATA = (
    "py.typed",
    "data/quickdraw_classes.txt",
    "demo/page.html",
    "figures/letters.txt",
    "share/card_template.md",
)
LARGEST_FILE_BYTES = 2_000_000


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    with (ROOT / "pyproject.toml").open("rb") as file:
        return tomllib.load(file)


@pytest.fixture(scope="module")
def tracked() -> list[Path]:
    """The files of the repository; skips where this is no checkout (a source archive)."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    command = [git, "-c", f"safe.directory={ROOT}", "ls-files", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    paths = [ROOT / name for name in listed.split("\0") if name]
    return [path for path in paths if path.is_file()]


def output_of(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_version_is_stated_in_one_place(project: dict[str, Any]) -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+([ab.]\w+)?", sketchrnn.__version__)
    assert version("sketchrnn") == sketchrnn.__version__
    assert "version" not in project["project"]
    assert project["project"]["dynamic"] == ["version"]
    assert project["tool"]["hatch"]["version"]["path"] == VERSION_HOME
    stated = re.compile(rf"version[\W_]{{1,8}}{re.escape(sketchrnn.__version__)}\b", re.IGNORECASE)
    homes = [
        str(path.relative_to(ROOT))
        for path in [*ROOT.glob("*.toml"), *ROOT.glob("*.cff"), *(ROOT / "src").rglob("*.py")]
        if stated.search(path.read_text("utf-8"))
    ]
    assert homes == [VERSION_HOME]


def test_the_changelog_knows_the_version() -> None:
    headings = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert headings[0] == sketchrnn.__version__


def test_the_commands(project: dict[str, Any]) -> None:
    assert project["project"]["scripts"] == {"sketchrnn": "sketchrnn.cli:main"}
    points = distribution("sketchrnn").entry_points
    assert [(p.name, p.value) for p in points if p.group == "console_scripts"] == [
        ("sketchrnn", "sketchrnn.cli:main")
    ]
    expected = f"sketchrnn {sketchrnn.__version__}"
    assert output_of(sys.executable, "-m", "sketchrnn", "--version") == expected
    script = Path(sys.executable).with_name("sketchrnn")
    if script.exists():  # else it is installed elsewhere; the entry point above is the same
        assert output_of(str(script), "--version") == expected


def test_the_public_names() -> None:
    for name in sketchrnn.__all__:
        assert getattr(sketchrnn, name) is not None
    assert set(sketchrnn.__all__) <= set(dir(sketchrnn))
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        sketchrnn.nonsense  # noqa: B018


def test_types_are_shipped() -> None:
    assert (Path(sketchrnn.__file__).parent / "py.typed").is_file()


def test_the_constraints_pin_every_dependency(project: dict[str, Any]) -> None:
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", line) for line in pins)

    def plain(name: str) -> str:
        return re.sub(r"[-_.]+", "-", re.split(r"[=<>\[ ]", name)[0]).lower()

    pinned = {plain(line) for line in pins}
    wanted = project["project"]["dependencies"]
    for extra in project["project"]["optional-dependencies"].values():
        wanted = wanted + extra
    assert {plain(name) for name in wanted} - {"sketchrnn"} <= pinned


def test_the_wheel(tmp_path: Path) -> None:
    wheel = pytest.importorskip("hatchling.builders.wheel", reason="hatchling is not installed")
    path = next(iter(wheel.WheelBuilder(str(ROOT)).build(directory=str(tmp_path))))
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        info = f"sketchrnn-{sketchrnn.__version__}.dist-info/"
        metadata = archive.read(f"{info}METADATA").decode()
    assert all(name.startswith(("sketchrnn/", info)) for name in names)
    package = ROOT / "src" / "sketchrnn"
    expected = {
        f"sketchrnn/{file.relative_to(package)}"
        for file in package.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    assert {name for name in names if name.startswith("sketchrnn/")} == expected
    assert {f"sketchrnn/{name}" for name in (*DATA, *C_SOURCES)} <= set(names)
    assert {f"{info}licenses/LICENSE", f"{info}entry_points.txt"} <= set(names)
    assert "License-Expression: Apache-2.0" in metadata
    assert "Requires-Python: >=3.11" in metadata


def test_the_source_archive(tmp_path: Path) -> None:
    """Has what the wheel is made of, and the tests."""
    sdist = pytest.importorskip("hatchling.builders.sdist", reason="hatchling is not installed")
    path = next(iter(sdist.SdistBuilder(str(ROOT)).build(directory=str(tmp_path))))
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"pyproject.toml", "README.md", "LICENSE", "tests/conftest.py"} <= names
    package = ROOT / "src" / "sketchrnn"
    expected = {
        f"src/sketchrnn/{file.relative_to(package)}"
        for file in package.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    assert {name for name in names if name.startswith("src/")} == expected
    assert {f"src/sketchrnn/{name}" for name in C_SOURCES} <= expected


def test_the_c_sources_are_those_that_are_compiled() -> None:
    folder = ROOT / "src" / "sketchrnn" / "model" / "backends" / "native"
    named = {path.name for path in folder.iterdir() if path.suffix in (".c", ".h")}
    assert named == set(SOURCES) == {Path(name).name for name in C_SOURCES}


# Written so that they do not find themselves.
PRIVATE = {
    "a package registry": re.compile(
        r"pypi\.(org|python)|pythonhosted\.|download\.pytorch\.|registry\.npmjs|conda\.anaconda"
        r"|artif[a]ctory|--(extra-)?index-url|PIP_(EXTRA_)?INDEX"
    ),
    "a path of somebody's machine": re.compile(
        r"(?<![\w.~$}/])/(home|root|Users|work|workspace|mnt)/[\w.]|\b[A-Z]:\\Users|(?<!\w)/tmp/\w"
    ),
}


@pytest.mark.parametrize("what", PRIVATE)
def test_no_file_names(what: str, tracked: list[Path]) -> None:
    assert len(tracked) > 20
    found = []
    for path in tracked:
        content = path.read_bytes()
        if b"\0" in content:
            continue
        for number, line in enumerate(content.decode("utf-8").splitlines(), 1):
            if PRIVATE[what].search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:80]}")
    assert not found


def test_the_search_for_private_names_finds_them() -> None:
    assert PRIVATE["a package registry"].search("pip install --index" + "-url https://x")
    assert PRIVATE["a package registry"].search("https://pypi" + ".org/simple")
    path = PRIVATE["a path of somebody's machine"]
    for text in ('"/ho' + 'me/ann/x"', "cd /wo" + "rk/main", "(/ro" + "ot/.cache)"):
        assert path.search(text)
    assert not path.search("https://example.com/ho" + "me/page")


def test_no_drawings_and_no_weights_but_our_own_are_in_the_repository(tracked: list[Path]) -> None:
    found = [path for path in tracked if path.suffix in DRAWINGS_AND_WEIGHTS]
    package = ROOT / "src" / "sketchrnn"
    places = package / "share" / "starters", package / "judge"
    assert {path for path in found if path.parent.parent not in places} == set()
    for path in found:  # what we trained comes with a card
        assert path.with_name("card.md") in tracked
    large = [path.name for path in tracked if path.stat().st_size > LARGEST_FILE_BYTES]
    assert not large
