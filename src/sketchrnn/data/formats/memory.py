"""A file or folder of drawings without splits as a data set in memory."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from sketchrnn import strokes
from sketchrnn.data import HELD_OUT_SHARE
from sketchrnn.data.clean import preprocess
from sketchrnn.data.dataset import Dataset, Drawings, split_numbers
from sketchrnn.data.formats.records import Record
from sketchrnn.data.names import normal_name
from sketchrnn.errors import SketchRNNError

# What is larger goes through `sketchrnn data prepare`.
DRAWINGS_LIMIT = 1_000_000
ROWS_LIMIT = 30_000_000

SPLIT_SEED = 0


def collect(records: Iterable[Record], where: str, class_name: str) -> Dataset:
    """All drawings: raw ones preprocessed, others as they are; split 90/5/5, each class by itself.

    Args:
        records: the drawings.
        where: what to call the file or folder in a message.
        class_name: of drawings that do not name theirs; also the name of the set.
    """
    last_part = where.replace("\\", "/").rstrip("/").rpartition("/")[2] or where
    rows, names, raws = [], [], set()
    row_count = 0
    for record in records:
        if not record.polylines:
            raise SketchRNNError(
                f"{record.where}: the drawing has no strokes; `sketchrnn data prepare` leaves such"
                " drawings out"
            )
        lines = record.polylines
        if record.raw:
            lines = tuple(preprocess(lines, where=record.where))
        rows.append(strokes.polylines_to_stroke3(lines)[0].astype(np.float32))
        row_count += len(rows[-1])
        if len(rows) > DRAWINGS_LIMIT or row_count > ROWS_LIMIT:
            over = len(rows) > DRAWINGS_LIMIT
            limit = f"{DRAWINGS_LIMIT:,} drawings" if over else f"{ROWS_LIMIT:,} points"
            raise SketchRNNError(
                f"{where}: has more than {limit}; make a data file of it first:"
                f" sketchrnn data prepare {last_part} -o {class_name}.sketches"
            )
        names.append(normal_name(record.label or class_name))
        raws.add(record.raw)
    if not rows:
        raise SketchRNNError(f"{where}: has no drawings")
    classes = tuple(dict.fromkeys(names))
    number_of = {name: number for number, name in enumerate(classes)}
    drawings = Drawings.from_arrays(rows, [number_of[name] for name in names], where=where)
    splits = split_numbers(drawings.labels, classes, HELD_OUT_SHARE, HELD_OUT_SHARE, SPLIT_SEED)
    train, valid, test = (drawings.select(np.flatnonzero(splits == part)) for part in range(3))
    epsilon = strokes.EPSILON_PX if raws == {True} else None
    return Dataset(train, valid, test, classes, epsilon, (last_part,), class_name, source=where)
