"""The command line: one verb a file in `verbs`, which parses, calls and prints; no logic there."""

from __future__ import annotations

import argparse
import errno
import keyword
import os
import pkgutil
import sys
from collections.abc import Iterable, Sequence
from importlib import import_module
from itertools import filterfalse, takewhile
from typing import Any, NoReturn

from sketchrnn.cli import verbs
from sketchrnn.cli.flags import flag
from sketchrnn.cli.written import remember_written
from sketchrnn.errors import SketchRNNError
from sketchrnn.version import __version__
from sketchrnn.words import choices, did_you_mean, say

# How the help lists the verbs; one that is not named here comes after them.
ORDER = (
    *("demo", "examples", "data", "train", "prior", "evaluate", "score"),
    *("generate", "reconstruct", "interpolate", "analogy", "complete", "vary", "tidy", "tile"),
    *("convert", "likelihood", "models", "import", "export", "reproduce", "bench"),
)

BAD_INPUT = 2
ADVICE = {  # what the system's words leave open
    errno.ENOSPC: f"{os.strerror(errno.ENOSPC)}; free some space and try again",
    errno.EEXIST: "is a file, and a folder is needed; name another",
    errno.ENOTDIR: "is below a file, which is no folder; name another",
}
INTERRUPTED = 130


class HelpFormatter(argparse.HelpFormatter):
    """argparse's, with one metavar for the short and the long flag together."""

    def _format_action_invocation(self, action: argparse.Action) -> str:
        if not action.option_strings or action.nargs == 0:
            return super()._format_action_invocation(action)
        value = self._format_args(action, self._get_default_metavar_for_optional(action))
        return f"{', '.join(action.option_strings)} {value}"


class Parser(argparse.ArgumentParser):
    """argparse, with its errors on one line, and flags only by their full names."""

    def __init__(self, **options: Any) -> None:
        super().__init__(formatter_class=HelpFormatter, allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        """Print what is wrong and where help is; exit code 2."""
        line = " ".join(message.split())
        say(f"{self.prog}: error: {line} (see {self.prog} --help)")
        self.exit(BAD_INPUT)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """argparse's, but what a verb does not know is an error of that verb, and comes first."""
        typed = sys.argv[1:] if args is None else list(args)
        if self._subparsers is None:
            self._refuse(takewhile(lambda text: text != "--", typed), "--")
        known, rest = super().parse_known_args(typed, namespace)
        self._refuse(rest, "-")
        if rest:
            self.error(f"too many arguments: {' '.join(rest)}")
        return known, rest

    def _refuse(self, typed: Iterable[str], begins: str) -> None:
        """Error for the first that begins like an option and is none."""
        known = self._option_string_actions
        for text in typed:
            name = text.partition("=")[0]
            if text.startswith(begins) and text != "-" and " " not in name and name not in known:
                question = did_you_mean(name, known)
                self.error(f"unknown option {name}{question and f'; {question}'}")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is None or value in action.choices:
            return
        advice = choices(str(value), map(str, action.choices))
        if isinstance(action, argparse._SubParsersAction):
            self.error(f"unknown {str(action.metavar).lower()} {value!r}; {advice}")
        raise argparse.ArgumentError(action, f"invalid choice: {value!r}; {advice}")

    def _get_value(self, action: argparse.Action, arg_string: str) -> Any:
        try:
            return super()._get_value(action, arg_string)
        except argparse.ArgumentError as error:
            if isinstance(error.__context__, argparse.ArgumentTypeError):
                raise  # it says itself what is wrong
            kind = "a number" if action.type is float else "a whole number"
            name = "/".join(action.option_strings) or str(action.metavar)
            self.error(f"{name} must be {kind}, got {arg_string!r}")


def verb_names() -> list[str]:
    """The verbs, which are the modules of `verbs`, in the order of the help."""
    found = sorted(module.name.rstrip("_") for module in pkgutil.iter_modules(verbs.__path__))
    return sorted(found, key=lambda verb: ORDER.index(verb) if verb in ORDER else len(ORDER))


def build_parser() -> argparse.ArgumentParser:
    """The parser of all verbs."""
    parser = Parser(
        prog="sketchrnn",
        description="Teach a machine to draw from people's drawings, and draw with it.",
        epilog="Start with: sketchrnn demo",
    )
    parser.add_argument("--version", action="version", version=f"sketchrnn {__version__}")
    subparsers = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for verb in verb_names():
        _module(verb).add_parser(subparsers)
    return parser


def _module(verb: str) -> Any:
    """The module of a verb; `import`, a keyword, is in import_.py."""
    name = f"{verb}_" if keyword.iskeyword(verb) else verb
    return import_module(f"{verbs.__name__}.{name}")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 done, 2 bad input (one line on stderr)."""
    words = sys.argv[1:] if argv is None else list(argv)
    parser = build_parser()
    if (unusable := next(filterfalse(_is_text, words), None)) is not None:
        parser.error(f"{unusable!r} is not valid UTF-8, or has a NUL; rename what is called so")
    arguments = parser.parse_args(words)
    try:
        try:
            code = _module(arguments.verb).run(arguments)
        finally:
            remember_written(arguments)
        sys.stdout.flush()
        return int(code)
    except SketchRNNError as error:
        # `batch_size must be ...` as `--batch-size must be ...`, where that is what was typed
        name, must_be, rest = str(error).partition(" must be ")
        typed = must_be and name in vars(arguments)
        return _say(f"{flag(name)}{must_be}{rest}" if typed else str(error))
    except BrokenPipeError:  # the reader of our output has closed it: `sketchrnn ... | head`
        _give_up_output()
        return 0
    except OSError as error:
        _give_up_output()
        where = f"{error.filename}: " if error.filename else ""
        return _say(f"{where}{ADVICE.get(error.errno or 0, error.strerror or error)}")
    except (MemoryError, RuntimeError) as error:
        # PyTorch has an exception of its own for a GPU, and a bare RuntimeError for the CPU
        known = ("out of memory", "can't allocate memory", "not enough memory")
        if not isinstance(error, MemoryError) and not any(text in str(error) for text in known):
            raise
        return _say(
            "not enough memory for this; take a smaller model, smaller batches, or shorter drawings"
            " (--max-points in training: all are filled up to the longest)"
        )
    except KeyboardInterrupt:
        say("sketchrnn: stopped")
        return INTERRUPTED


def _is_text(typed: str) -> bool:
    """Whether an argument can be the name of a file, and be written into one."""
    try:
        return b"\0" not in typed.encode("utf-8")
    except UnicodeEncodeError:  # bytes that are no UTF-8 come as surrogates
        return False


def _give_up_output() -> None:
    """If standard output cannot be written, send what is still to come to nowhere.

    Python writes the rest when it ends, and would report that failure, too.
    """
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _say(message: str) -> int:
    say(f"sketchrnn: error: {' '.join(message.split())}")
    return BAD_INPUT
