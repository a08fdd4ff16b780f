"""What a person sees of a measurement while it runs."""

from __future__ import annotations

import sys


class Progress:
    """Told what is being measured; this one keeps it to itself."""

    def stage(self, name: str) -> None:
        """A new part begins."""

    def round(self, number: int, of: int) -> None:
        """Round `number` of the part begins; 0 warms up."""

    def note(self, text: str) -> None:
        """Something to be read."""


class Display(Progress):
    """Shows it on standard error: one line that changes on a terminal, a line a part elsewhere.

    Nothing moves between the rounds: an animation would take time from what is measured.
    """

    CLEAR = "\r\x1b[2K"

    def __init__(self) -> None:
        self._changes = sys.stderr.isatty()
        self._stage = ""

    def stage(self, name: str) -> None:
        """A new part begins."""
        self._stage = name
        self._show(name)

    def round(self, number: int, of: int) -> None:
        """Round `number` of the part begins; 0 warms up."""
        if self._changes:
            self._show(f"{self._stage}: round {number} of {of}" if number else self._stage)

    def note(self, text: str) -> None:
        """Something to be read; it stays."""
        self.close()
        print(text, file=sys.stderr, flush=True)

    def close(self) -> None:
        """Leave the terminal's line empty."""
        if self._changes:
            print(self.CLEAR, end="", file=sys.stderr, flush=True)

    def _show(self, text: str) -> None:
        start, end = (self.CLEAR, "") if self._changes else ("", "\n")
        print(f"{start}{text}", end=end, file=sys.stderr, flush=True)
