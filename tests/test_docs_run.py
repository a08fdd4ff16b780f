"""What the documents say to type runs as it stands there: in order, each document in a new folder.

Left out is a block below `<!-- not run: WHY -->`, a line that begins with one of `ELSEWHERE`, and
one with a word in capitals (DATA, RUN), which stands for something that only the reader has. Their
commands must parse all the same. A training is cut short.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from sketchrnn.cli import build_parser, main
from test_docs import DOCUMENTS, ROOT, name_of

BLOCK = re.compile(
    r"(?:^ *<!-- not run: (?P<why>.+?) -->\n)?"
    r"^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)
COMMENT = re.compile(r"(?:^|\s)#.*")
OPERATOR = re.compile(r"[|<>;&$`]")
CAPITALS = re.compile(r"[A-Z][A-Z0-9-]*(?:[./].*)?")
ELSEWHERE = {"pip": "installs", "make": "installs and tests", "hf": "needs an account"}

SHORT = ("--max-steps", "1", "--evaluate-every", "1")
WRITTEN = ("output", "each", "svg", "sheet")  # arguments that name what a command writes


class Piece(NamedTuple):
    """A command, or a block of Python, of a document; `why` says why it is not run."""

    text: str
    line: int
    language: str
    why: str | None


def pieces(text: str) -> Iterator[Piece]:
    for block in BLOCK.finditer(text):
        line = text.count("\n", 0, block.start("text")) + 1
        language, why = block["language"], block["why"]
        if language == "python":
            yield Piece(block["text"], line, language, why)
        elif language in ("sh", "bash"):
            yield from commands(block["text"], line, why)
        elif language in ("", "console"):
            typed = re.findall(r"^ *\$ (.*)$", block["text"], re.MULTILINE)
            assert typed or not re.search(r"^ *sketchrnn ", block["text"], re.M), "label it sh"
            yield from commands("\n".join(typed), line, why)


def commands(block: str, line: int, why: str | None) -> Iterator[Piece]:
    if block.count('"') % 2 == 0 and any(one.count('"') % 2 for one in block.splitlines()):
        yield Piece(block.strip(), line, "sh", why)  # a command of several lines
        return
    for typed in re.sub(r"\\\n", " ", block).splitlines():
        command = COMMENT.sub("", typed).strip()
        if not command:
            continue
        words = shlex.split(command)
        reason = why or ELSEWHERE.get(words[0])
        if reason is None and any(CAPITALS.fullmatch(word) for word in words):
            reason = "stands for what the reader has"
        yield Piece(command, line, "sh", reason)


def of(document: Path) -> list[Piece]:
    return list(pieces(document.read_text("utf-8")))


EVERY = {name_of(document): of(document) for document in DOCUMENTS}
WITH_SOMETHING_TO_RUN = [name for name, found in EVERY.items() if any(not p.why for p in found)]


def written(command: str) -> list[str]:
    """The files and folders that a command says it writes."""
    named = re.findall(r">\s*(\S+)", command)
    for one in re.split(r"[|>]", command):
        words = shlex.split(one)
        if words and words[0] == "sketchrnn":
            arguments = vars(build_parser().parse_args(words[1:]))
            named += [str(arguments[name]) for name in WRITTEN if arguments.get(name)]
    return [name for name in named if name != "-"]


@pytest.fixture
def type_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs a command in a new folder, beside the folders of a checkout that commands name."""
    bin_, home = tmp_path / "bin", tmp_path / "home"
    bin_.mkdir()
    home.mkdir()
    for name, module in (("sketchrnn", " -m sketchrnn"), ("python", "")):
        script = f'#!/bin/sh\nexec {shlex.quote(sys.executable)}{module} "$@"\n'
        (bin_ / name).write_text(script, "utf-8")
        (bin_ / name).chmod(0o755)
    for name in ("examples", "scripts"):
        (home / name).symlink_to(ROOT / name)
    monkeypatch.chdir(home)
    monkeypatch.setenv("PATH", f"{bin_}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "src"))

    def run(command: str) -> int:
        words = shlex.split(command)
        if words[0] == "sketchrnn" and not OPERATOR.search(command):  # here, for speed
            try:
                return main([*words[1:], *(SHORT if words[1] == "train" else ())])
            except SystemExit as leaving:  # an option that does not exist
                return int(leaving.code or 0)
        return subprocess.run(["bash", "-euo", "pipefail", "-c", command], check=False).returncode

    return run


@pytest.mark.parametrize("document", WITH_SOMETHING_TO_RUN)
def test_it_runs(document: str, type_in: Any, capfd: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {"__name__": "__main__"}  # of all Python in the document
    for piece in EVERY[document]:
        where = f"{document}:{piece.line}"
        if piece.why:
            continue
        if piece.language == "python":
            exec(compile(piece.text, where, "exec"), names)
            continue
        if type_in(piece.text) != 0:
            pytest.fail(f"{where}: {piece.text}\n{capfd.readouterr().err}")
        for name in written(piece.text):
            there = Path(name)
            full = any(there.iterdir()) if there.is_dir() else there.stat().st_size > 0
            assert full, f"{where}: {piece.text} has not written {name}"


LEFT_OUT = [(name, piece) for name, found in EVERY.items() for piece in found if piece.why]


@pytest.mark.parametrize(
    ("document", "piece"), LEFT_OUT, ids=[f"{name}:{p.line} {p.text[:40]}" for name, p in LEFT_OUT]
)
def test_what_is_not_run_is_right_as_far_as_one_can_see(document: str, piece: Piece) -> None:
    if piece.language == "python":
        compile(piece.text, document, "exec")
    for command in re.split(r"[|>]", piece.text) if piece.language == "sh" else ():
        words = shlex.split(command) if "python -c" not in piece.text else []
        if words and words[0] == "sketchrnn":
            build_parser().parse_args(words[1:])
        for word in words[:2]:
            assert not word.startswith(("scripts/", "examples/")) or (ROOT / word).is_file()


def test_nearly_everything_is_run() -> None:
    """And of what begins with sketchrnn, by far the most."""
    found = [piece for one in EVERY.values() for piece in one]
    for some in (found, [piece for piece in found if piece.text.startswith("sketchrnn")]):
        left_out = [piece for piece in some if piece.why]
        assert len(left_out) * 2 < len(some), [piece.text for piece in left_out]
    texts = [document.read_text("utf-8") for document in DOCUMENTS]
    marks = sum(len(re.findall(r"^ *<!-- not run", text, re.MULTILINE)) for text in texts)
    reasons = [block["why"] for text in texts for block in BLOCK.finditer(text) if block["why"]]
    assert len(reasons) == marks, "each mark is right above a block"


def test_pieces_are_found() -> None:
    text = """
```sh
pip install .
sketchrnn generate face \\
    -o a.svg   # a sheet
scripts/results.sh DATA OUT
sketchrnn convert a.npz#7 -o b.svg
```
- a list
  <!-- not run: needs a GPU -->
  ```sh
  scripts/gpu.sh out
  ```

```python
x = 1
```

```
$ sketchrnn --version
sketchrnn 0.1.0
```

<!-- not run: two lines -->
```sh
python -c "a
b"
```
"""
    assert [(p.text, p.language, p.why) for p in pieces(text)] == [
        ("pip install .", "sh", "installs"),
        ("sketchrnn generate face      -o a.svg", "sh", None),
        ("scripts/results.sh DATA OUT", "sh", "stands for what the reader has"),
        ("sketchrnn convert a.npz#7 -o b.svg", "sh", None),
        ("scripts/gpu.sh out", "sh", "needs a GPU"),
        ("x = 1\n", "python", None),
        ("sketchrnn --version", "sh", None),
        ('python -c "a\nb"', "sh", "two lines"),
    ]
    assert written("sketchrnn evaluate run a.npz --json > a.json") == ["a.json"]
    assert written("sketchrnn complete car - -o b.svg --each c") == ["b.svg", "c"]
