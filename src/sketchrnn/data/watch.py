"""Whether the data files that a training reads from are still what they were when it began."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np

from sketchrnn.data.dataset import Dataset
from sketchrnn.data.formats import read
from sketchrnn.errors import SketchRNNError

HEAD_BYTES = 1 << 16  # of a .sketches file: its header, with the checksum of all that follows


class Watch:
    """The files whose rows a data set has memory-mapped, as they were when this was made.

    `check` raises SketchRNNError for one whose size or head has changed: what is learned from now
    on would be of other drawings, or of none. A file that has only another modification time or
    place on the disk, as after a `touch` or a copy of the same, is read once as a whole, with its
    checksum; where it is sound it counts as the same from then on. A file that is gone was moved or
    deleted; what is mapped of it stays readable, so that is no change.
    """

    def __init__(self, dataset: Dataset) -> None:
        rows = [split.rows for split in dataset.splits.values()]
        names = {one.filename for one in rows if isinstance(one, np.memmap) and one.filename}
        paths = [Path(name) for name in sorted(map(os.fspath, names))]
        self._seen = {path: (_place(path), _head(path)) for path in paths if path.is_file()}

    def check(self) -> None:
        """Raise SketchRNNError naming a file that has changed."""
        for path, (place, head) in self._seen.items():
            try:
                now = _place(path)
                if now == place:
                    continue
                same = now[0] == place[0] and _head(path) == head and _is_sound(path)
            except FileNotFoundError:
                continue
            if not same:
                raise SketchRNNError(f"{path}: has changed while the training was reading it")
            self._seen[path] = now, head


def _place(path: Path) -> tuple[int, int, int]:
    """Size, modification time and number of a file; the size comes first."""
    facts = path.stat()
    return facts.st_size, facts.st_mtime_ns, facts.st_ino


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.sha256(file.read(HEAD_BYTES)).digest()


def _is_sound(path: Path) -> bool:
    try:
        read(path)
    except SketchRNNError:
        return False
    return True
