"""The documents: help of the command line, links that lead somewhere, commands that parse."""

from __future__ import annotations

import re
import runpy
import shlex
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from sketchrnn.cli import build_parser

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = ROOT / "scripts" / "write_cli_docs.py"
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md")),
    *(page for page in sorted((ROOT / "docs").glob("*.md")) if page.name != "command-line.md"),
]

FENCE = re.compile(r"^( *)```.*?^\1```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`\n]+`")
LINK = re.compile(r"\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)|(?:src|href)=\"([^\"]+)\"")
HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)

# A line of a document that shows a form instead of a command that can be typed.
PLACEHOLDER = re.compile(r"\.\.\.|…|[\[\]{}<]|\bVERB\b")
AFTER_COMMAND = re.compile(r"\s(?:#|\||>|2>|&&|;|&$)")  # comment, pipe, redirection, next command


def name_of(document: Path) -> str:
    return str(document.relative_to(ROOT))


@pytest.mark.parametrize("columns", ["40", "200"])
def test_the_page_has_every_verb_and_flag(columns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the terminal of the reader."""
    monkeypatch.setenv("COLUMNS", columns)
    script = runpy.run_path(str(SCRIPT))
    text = script["page"]()
    for parser in script["verbs"](build_parser()):
        section = text.split(f"## {parser.prog}\n")[1].split("\n## ")[0]
        assert section.split("```text\n")[1].startswith(f"usage: {parser.prog} ")
        assert max(map(len, section.splitlines())) <= script["WIDTH"]
        for action in parser._actions:
            assert all(flag in section for flag in action.option_strings)


# Links -------------------------------------------------------------------------------------------


def links(document: Path) -> list[str]:
    """What a document points to within the project, code left out."""
    text = CODE.sub("", FENCE.sub("", document.read_text("utf-8")))
    found = (target or source for target, source in LINK.findall(text))
    return [link for link in found if not re.match(r"[a-z]+:", link)]


def anchors(document: Path) -> set[str]:
    """The names that a document's headings have as targets of links."""
    headings = HEADING.findall(FENCE.sub("", document.read_text("utf-8")))
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_links_lead_somewhere(document: Path) -> None:
    broken = []
    for link in links(document):
        path, _, anchor = unquote(link).partition("#")
        target = document.parent / path if path else document
        inside = target.resolve().is_relative_to(ROOT)
        if not inside or not target.exists():
            broken.append(f"{link} (no such file)")
        elif anchor and anchor not in anchors(target):
            broken.append(f"{link} (no such heading)")
    assert not broken, f"{name_of(document)}: {', '.join(broken)}"


def test_links_are_found() -> None:
    """The test above looks at something."""
    assert "docs/data-formats.md" in links(ROOT / "README.md")
    assert "draw-in-a-minute" in anchors(ROOT / "README.md")


# Commands ----------------------------------------------------------------------------------------


def typed(lines: Iterable[str]) -> Iterator[str]:
    """The command lines `sketchrnn ...` among `lines`, without what is around them."""
    for line in lines:
        words = line.strip().removeprefix("$ ")
        words = re.sub(r"^(?:[A-Z_]+=\S+ +)*(?:time +)?(?:python3? -m )?", "", words)
        if words.startswith("sketchrnn ") and not PLACEHOLDER.search(words):
            yield " ".join(AFTER_COMMAND.split(words)[0].split())


def commands(text: str) -> list[str]:
    """Those in the blocks of a document: to be typed as they are."""
    blocks = [one[0] for one in FENCE.finditer(text.replace("\\\n", " "))]
    return list(typed(line for block in blocks for line in block.splitlines()))


def mentions(text: str) -> list[str]:
    """Those in its sentences: a verb, perhaps with some of its flags."""
    return list(typed(code.strip("`") for code in CODE.findall(FENCE.sub("", text))))


def in_documents(find: Callable[[str], list[str]]) -> list[Any]:
    return [
        pytest.param(command, id=f"{name_of(document)}: {command}")
        for document in DOCUMENTS
        for command in dict.fromkeys(find(document.read_text("utf-8")))
    ]


@pytest.mark.parametrize("command", in_documents(commands))
def test_commands_parse(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = shlex.split(command)[1:]
    try:
        build_parser().parse_args(words)
    except SystemExit as leaving:
        if leaving.code:
            pytest.fail(capsys.readouterr().err)


@pytest.mark.parametrize("command", in_documents(mentions))
def test_verbs_and_flags_that_are_mentioned_exist(command: str) -> None:
    verbs = {parser.prog: parser for parser in runpy.run_path(str(SCRIPT))["verbs"](build_parser())}
    words = command.split()
    depth = 3 if words[1] in ("data", "reproduce") and len(words) > 2 else 2
    known = verbs[" ".join(words[:depth])]._option_string_actions
    for word in words[depth:]:
        assert not word.startswith("-") or word.split("=")[0] in known


def test_commands_are_found() -> None:
    """The tests above see what they should, and no more."""
    text = """
Type `sketchrnn demo` or `sketchrnn train DATA... -o RUN`, with `sketchrnn.load`.

```sh
$ sketchrnn generate runs/cat -n 25 \\
    -o sheet.svg   # a sheet
OMP_NUM_THREADS=2 sketchrnn data inspect a.npz | head
python -m sketchrnn evaluate RUN DATA > out.txt
sketchrnn train [options]
make demo
```
"""
    assert commands(text) == [
        "sketchrnn generate runs/cat -n 25 -o sheet.svg",
        "sketchrnn data inspect a.npz",
        "sketchrnn evaluate RUN DATA",
    ]
    assert mentions(text) == ["sketchrnn demo"]
    assert len(in_documents(commands)) > 5
