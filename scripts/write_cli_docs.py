"""Write docs/command-line.md from the real parser: the --help of every verb, on one page.

The page is not committed: `sketchrnn VERB --help` says the same. `make docs` writes it.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from sketchrnn.cli import HelpFormatter, build_parser
from sketchrnn.files import write_text

PAGE = Path(__file__).resolve().parents[1] / "docs" / "command-line.md"
WIDTH = 92  # characters; never the terminal's

INTRODUCTION = """\
# The command line

The exit code is 0 when all went well, 2 when the input cannot be used (one line on standard error
says what is wrong, where, and what to do; nothing is left half-written), and 130 after Ctrl-C. A
`train` that is stopped with Ctrl-C or SIGTERM saves first and ends with 0.

DATA is a file of any format that is read ([data formats](data-formats.md)), or `doodles`,
`doodles:COUNT`, `doodles:COUNT:SEED` or `doodles:COUNT:SEED:KIND+KIND`, which the package draws
itself ([doodles](doodles.md)). MODEL is a run folder or the name of a starter model (`sketchrnn
models`). DRAWING is `FILE.svg`, `FILE.json`, `-` for standard input, or `DATA#WHERE`: WHERE is
`[SPLIT/][CLASS/]INDEX`, as in `pig.npz#train/7`, or `typical` in place of the index for what the
model finds likeliest. Files from outside are scaled and simplified as the training drawings were,
and what comes of them comes back in their place and size.
`python -m sketchrnn` is the same as `sketchrnn`.
"""


def page() -> str:
    """The whole page."""
    parts = [INTRODUCTION]
    for parser in verbs(build_parser()):
        parts.append(f"\n## {parser.prog}\n\n```text\n{parser.format_help().rstrip()}\n```\n")
    return "".join(parts)


def verbs(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """The parser and those of its verbs, at all depths; their help looks the same everywhere."""
    parser.formatter_class = partial(HelpFormatter, width=WIDTH)  # type: ignore[assignment]
    parser.color = False  # of Python 3.14 and later
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for verb in action.choices.values():
                yield from verbs(verb)


if __name__ == "__main__":
    write_text(PAGE, page())
    print(f"wrote {PAGE}")
