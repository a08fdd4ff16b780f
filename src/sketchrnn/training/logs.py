"""The log of a run: JSON lines, and the same numbers for TensorBoard."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import TracebackType
from typing import Any

from sketchrnn.errors import SketchRNNError
from sketchrnn.files import write_text
from sketchrnn.runs import LOG, TENSORBOARD

Record = dict[str, Any]

TENSORBOARD_EVERY = 10  # steps; every one would make its files larger than the model


class RunLog:
    """Appends records to RUN/log.jsonl and RUN/tensorboard, line by line."""

    def __init__(self, run: Path, steps_done: int) -> None:
        from tensorboardX import SummaryWriter

        self._file = (run / LOG).open("a", encoding="utf-8")
        purge = {"purge_step": steps_done + 1} if steps_done else {}
        self._board = SummaryWriter(str(run / TENSORBOARD), flush_secs=30, **purge)

    def __enter__(self) -> RunLog:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()
        self._board.close()

    def write(self, record: Record) -> Record:
        """Log one record, and return it."""
        self._file.write(json.dumps(record) + "\n")
        self._file.flush()
        group = {"train": "train", "evaluate": "validation"}.get(record["kind"])
        if group == "validation" or (group and record["step"] % TENSORBOARD_EVERY == 0):
            for name, value in record.items():
                if isinstance(value, float):
                    self._board.add_scalar(f"{group}/{name}", value, record["step"])
        return record


def read_log(run: str | os.PathLike[str]) -> list[Record]:
    """The records of a run; a last line that a kill cut short is left out.

    Raises:
        SketchRNNError: there is no log.
    """
    path = Path(run) / LOG
    if not path.is_file():
        raise SketchRNNError(f"{run}: not a run folder, it has no {LOG}")
    records: list[Record] = []
    for line in path.read_text("utf-8").splitlines():
        try:
            records.append(json.loads(line))
        except ValueError:
            break
    return records


def cut_log(run: Path, steps_done: int) -> None:
    """Leave out what was logged after the checkpoint: the resumed run logs it again."""
    if (run / LOG).exists():
        kept = [
            record
            for record in read_log(run)
            if record["step"] <= steps_done and record["kind"] != "end"
        ]
        write_text(run / LOG, "".join(json.dumps(record) + "\n" for record in kept))
