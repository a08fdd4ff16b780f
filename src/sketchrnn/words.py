"""Words for people: what a terminal is shown, and the names that were meant."""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from sketchrnn.errors import printable

MOST_CHOICES = 8  # that are listed beside one that is close
MOST_NEIGHBOURS = 10_000  # files of a folder that are looked at for one that was meant


def say(line: object, end: str = "\n") -> None:
    """Print a line beside the result, on standard error; no sign in it commands a terminal."""
    print(printable(str(line)), end=end, file=sys.stderr, flush=True)


def show(line: object) -> None:
    """Print a line of the result, on standard output; signs as in `say`."""
    print(printable(str(line)), flush=True)


def show_text(text: str) -> None:
    """Print a result of several lines as it is, but for signs that command a terminal."""
    print("\n".join(map(printable, text.split("\n"))), end="")


def closest(name: str, known: Iterable[str]) -> list[str]:
    """Up to three of the known names that may have been meant, the closest first.

    Case, an article, plurals, and the signs between words make no difference.

    >>> closest("Faces", ["car", "face", "pig_face"])
    ['face']
    """
    plain: dict[str, str] = {}
    for one in known:
        plain.setdefault(_plain(one), one)
    wanted = _plain(name)
    if wanted in plain:
        return [plain[wanted]]
    return [plain[match] for match in difflib.get_close_matches(wanted, plain, n=3, cutoff=0.65)]


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A question, "did you mean 'face'?"; "" where no known name is close."""
    close = closest(name, known)
    return f"did you mean {' or '.join(map(repr, close))}?" if close else ""


def choices(name: str, known: Iterable[str]) -> str:
    """What to choose instead of an unknown name: one that is close, or any of them all."""
    names = list(known)
    question = did_you_mean(name, names)
    if question and not 1 < len(names) <= MOST_CHOICES:
        return question
    return f"choose one of {', '.join(names)}{f' ({question})' if question else ''}"


def neighbour(path: str | os.PathLike[str]) -> str:
    """ "; did you mean 'DIR/x.npz'?" where nothing is at DIR/x; "" where nothing is close there."""
    target = Path(path)
    try:
        names = sorted(entry.name for entry in islice(os.scandir(target.parent), MOST_NEIGHBOURS))
    except OSError:
        return ""
    names.sort(key=lambda name: Path(name).suffix.lower() == target.suffix.lower())  # these win
    stems = {Path(name).stem: name for name in names}  # endings are alike, and prove nothing
    close = [stems[stem] for stem in closest(target.stem, stems)]
    shown = [repr(printable(str(target.parent / name))) for name in close]
    return f"; did you mean {' or '.join(shown)}?" if shown else ""


def _plain(name: str) -> str:
    text = " ".join(name.casefold().replace("_", " ").replace("-", " ").split())
    text = text.removeprefix("the ")
    if text.endswith("ies"):
        return text[:-3] + "y"
    if text.endswith(("ches", "shes", "sses", "xes")):
        return text[:-2]
    return text[:-1] if text.endswith("s") and not text.endswith("ss") else text
