"""Plain tables and counts for the terminal."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

_NOUN_END = re.compile(r"(?= without | to |$)")


def text_table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Columns that line up: the first to the left, the others to the right, integers as 1,234."""
    cells = [list(header)] + [[_cell(value) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = []
    for row in cells:
        first, *others = (
            text.ljust(width) if number == 0 else text.rjust(width)
            for number, (text, width) in enumerate(zip(row, widths, strict=True))
        )
        lines.append("  ".join([first, *others]).rstrip())
    return "\n".join(lines) + "\n"


def counts_text(counts: Mapping[str, int]) -> str:
    """Things by their names: "2 texts, 1 image, 3 references to nothing"."""
    return ", ".join(
        f"{count:,} {name if count == 1 else _NOUN_END.sub('s', name, count=1)}"
        for name, count in counts.items()
    )


def _cell(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)
