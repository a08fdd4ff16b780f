"""The command line: one verb a file, which parses, calls and prints; no logic of its own."""

from __future__ import annotations

import argparse
import errno
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

from sketchrnn import __version__
from sketchrnn.errors import SketchRNNError

VERBS = ("demo", "data", "train", "evaluate", "generate", "reconstruct")

BAD_INPUT = 2
INTERRUPTED = 130


class Parser(argparse.ArgumentParser):
    """argparse, with its errors on one line."""

    def error(self, message: str) -> NoReturn:
        """Print what is wrong and where help is; exit code 2."""
        self.exit(BAD_INPUT, f"{self.prog}: error: {message} (see {self.prog} --help)\n")


def build_parser() -> argparse.ArgumentParser:
    """The parser of all verbs."""
    parser = Parser(
        prog="sketchrnn",
        description="Teach a machine to draw from people's drawings, and draw with it.",
        epilog="Start with: sketchrnn demo",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"sketchrnn {__version__}")
    subparsers = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for verb in VERBS:
        import_module(f"sketchrnn.cli.{verb}").add_parser(subparsers)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 done, 2 bad input (one line on stderr)."""
    # Waiting threads must sleep, not spin: a spinning one takes the processor from whatever else
    # runs, and a training beside a browser becomes ten times slower (measured; docs/log.md). Has to
    # be said before PyTorch is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    arguments = build_parser().parse_args(argv)
    try:
        code = import_module(f"sketchrnn.cli.{arguments.verb}").run(arguments)
        sys.stdout.flush()
        return int(code)
    except SketchRNNError as error:
        return _say(str(error))
    except BrokenPipeError:  # the reader of our output has closed it: `sketchrnn ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        hint = "; free some space and try again" if error.errno == errno.ENOSPC else ""
        return _say(f"{where}{error.strerror or error}{hint}")
    except KeyboardInterrupt:
        print("sketchrnn: stopped", file=sys.stderr)
        return INTERRUPTED


def _say(message: str) -> int:
    print(f"sketchrnn: error: {' '.join(message.split())}", file=sys.stderr)
    return BAD_INPUT
