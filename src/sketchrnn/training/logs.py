"""The log of a run: JSON lines, and the same numbers for TensorBoard."""

from __future__ import annotations

import json
import os
import struct
import time
from pathlib import Path
from typing import Any

from sketchrnn.errors import SketchRNNError
from sketchrnn.files import write_text
from sketchrnn.runs import LOG, TENSORBOARD

Record = dict[str, Any]

EVENTS = "events.out.tfevents"
TENSORBOARD_EVERY = 10  # steps; every one would make its files larger than the model


class RunLog:
    """Appends records to RUN/log.jsonl, line by line, and to the one file in RUN/tensorboard.

    tensorboardX's own SummaryWriter writes in a thread: where the disk is full, that thread dies
    with a traceback, and the training then waits for it without end. Here it fails in the open.
    """

    def __init__(self, run: Path, steps_done: int) -> None:
        from tensorboardX.proto.event_pb2 import Event, SessionLog
        from tensorboardX.record_writer import masked_crc32c

        self._file = (run / LOG).open("a", encoding="utf-8")
        (run / TENSORBOARD).mkdir(exist_ok=True)
        # TensorBoard knows its files by this name, and by the version in the first event
        earlier = sorted((run / TENSORBOARD).glob(f"{EVENTS}.*"))
        path = earlier[-1] if earlier else run / TENSORBOARD / f"{EVENTS}.{time.time():.6f}"
        self._events = path.open("ab")
        self._event, self._crc = Event, masked_crc32c
        whole = _whole_events(path)
        self._events.truncate(whole)
        if not whole:
            self._add(Event(file_version="brain.Event:2"))
        if earlier:  # what an earlier session logged from this step on is forgotten
            start = SessionLog(status=SessionLog.START)
            self._add(Event(step=steps_done + 1, session_log=start))

    def __enter__(self) -> RunLog:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._file.close()
        finally:
            self._events.close()

    def write(self, record: Record) -> Record:
        """Log one record, and return it."""
        self._file.write(json.dumps(record) + "\n")
        self._file.flush()
        is_validation = record["kind"] == "evaluate"
        if is_validation or (record["kind"] == "train" and record["step"] % TENSORBOARD_EVERY == 0):
            event = self._event(step=record["step"])
            group = "validation" if is_validation else "train"
            for name, value in record.items():
                if isinstance(value, float):
                    event.summary.value.add(tag=f"{group}/{name}", simple_value=value)
            self._add(event)
        if is_validation:
            self._events.flush()
            os.fsync(self._events.fileno())
        return record

    def _add(self, event: Any) -> None:
        event.wall_time = time.time()
        content = event.SerializeToString()
        for part in (struct.pack("<Q", len(content)), content):  # a record of TFRecord
            self._events.write(part + struct.pack("<I", self._crc(part)))


def _whole_events(path: Path) -> int:
    """The bytes of a file of events without a last one that a kill cut short."""
    size, end = path.stat().st_size, 0
    with path.open("rb") as file:
        while len(head := file.read(12)) == 12:
            length = struct.unpack_from("<Q", head)[0] + 4
            if length > size - file.tell():
                break
            end = file.seek(length, os.SEEK_CUR)
    return end


def read_log(run: str | os.PathLike[str]) -> list[Record]:
    """The records of a run; a last line that a kill cut short is left out.

    Raises:
        SketchRNNError: there is no log, or a line before the last is not a record.
    """
    path = Path(run) / LOG
    if not path.is_file():
        raise SketchRNNError(f"{run}: not a run folder, it has no {LOG}")
    lines = path.read_bytes().splitlines()
    records = [_as_record(line) for line in lines]
    for number, record in enumerate(records[:-1], 1):
        if record is None:
            raise SketchRNNError(
                f"{path}, line {number}: damaged, not a record of a training; restore the file, or"
                " delete the line"
            )
    return [record for record in records if record is not None]


def _as_record(line: bytes) -> Record | None:
    """A line as a record; None where it is not one."""
    try:
        record = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict) or not isinstance(record.get("kind"), str):
        return None
    return record if type(record.get("step")) is int else None  # a bool is no step


def cut_log(run: Path, steps_done: int) -> None:
    """Leave out what was logged after the checkpoint: the resumed run logs it again."""
    if (run / LOG).exists():
        kept = [r for r in read_log(run) if r["step"] <= steps_done and r["kind"] != "end"]
        write_text(run / LOG, "".join(json.dumps(record) + "\n" for record in kept))
