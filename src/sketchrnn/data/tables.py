"""Plain tables and counts for the terminal."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from sketchrnn.errors import printable

_NOUN_END = re.compile(r"(?= without | to | of | that |$)")


def text_table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Columns that line up: the first to the left, the others to the right, integers as 1,234."""
    texts = [
        [f"{one:,}" if isinstance(one, int) else printable(str(one)) for one in row] for row in rows
    ]
    cells = [header, *texts]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = []
    for first, *others in cells:
        right = (text.rjust(width) for text, width in zip(others, widths[1:], strict=True))
        lines.append("  ".join([first.ljust(widths[0]), *right]).rstrip())
    return "\n".join(lines) + "\n"


def counts_text(counts: Mapping[str, int]) -> str:
    """Things by their names: "2 texts, 1 image, 3 references to nothing"."""
    return ", ".join(
        f"{count:,} {name if count == 1 else _NOUN_END.sub('s', name, count=1)}"
        for name, count in counts.items()
    )
