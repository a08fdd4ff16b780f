"""The one exception for input that we cannot use."""

from collections.abc import Iterator
from contextlib import contextmanager

LONGEST = 1000  # characters of a message: what it quotes of a file may have no end


def printable(text: str) -> str:
    """Text in which each sign that cannot be printed is replaced by one that can."""
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)


class SketchRNNError(ValueError):
    """Bad input. The message is one line: what is wrong, where, and what to do.

    The command line prints it and exits with code 2; it never shows a traceback for it. What it
    quotes of a file cannot command a terminal: signs that cannot be printed are replaced.

    >>> import sketchrnn
    >>> try:
    ...     sketchrnn.load("no such model")
    ... except sketchrnn.SketchRNNError as error:
    ...     print(str(error)[:43])
    no such model: there is no such run folder,
    """

    def __init__(self, message: str) -> None:
        line = " ".join(message.split())
        if len(line) > LONGEST:
            line = line[: LONGEST - 3] + "..."
        super().__init__(printable(line))


@contextmanager
def naming(where: str) -> Iterator[None]:
    """What is found wrong in the block names where."""
    try:
        yield
    except SketchRNNError as error:
        raise SketchRNNError(f"{where}: {error}") from None
