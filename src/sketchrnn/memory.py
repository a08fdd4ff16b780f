"""How much memory there is, to refuse in one line what would take more."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

from sketchrnn.errors import SketchRNNError

SHARE = 0.5  # of what is free: estimates are rough, and others need some as well
POINT_BYTES = 300  # a point of a drawing while it is drawn, and then as a `Sketch`
# ... and more in a picture or file that is made as a whole (measured, rounded up)
MORE_BYTES = {".svg": 200, ".anim.svg": 350, ".json": 500, ".npz": 100, ".ndjson": 0}
RENDERED_BYTES = 1500  # ... of those that are made of an SVG: .png, .pdf, .gif, .webp


def room_bytes() -> int:
    """Bytes that a command may take; no bound where the system does not say what there is."""
    free = sys.maxsize
    with suppress(AttributeError, OSError, ValueError):  # AttributeError: Windows
        free = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    with suppress(OSError, ValueError, IndexError):  # Linux knows better
        facts = Path("/proc/meminfo").read_text("ascii")
        free = int(facts.split("MemAvailable:")[1].split()[0]) << 10
    with suppress(OSError, ValueError):  # a container may have less
        free = min(free, int(Path("/sys/fs/cgroup/memory.max").read_text("ascii")))
    return int(SHARE * free)


def check_room(count: int, each: int, what: str, instead: str) -> None:
    """Raise SketchRNNError for more things of so many bytes each than there is memory for."""
    fit = room_bytes() // each
    if count > fit:
        raise SketchRNNError(
            f"{count:,} {what} take about {_size(count * each)} of memory, and {fit:,} fit in what"
            f" is free here; {instead}"
        )


def _size(count: float) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:,.0f} TB"
