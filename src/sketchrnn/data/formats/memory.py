"""A file or folder of drawings without splits as a data set in memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from sketchrnn import strokes
from sketchrnn.data import HELD_OUT_SHARE
from sketchrnn.data.clean import preprocess
from sketchrnn.data.dataset import Dataset, Drawings, split_numbers
from sketchrnn.data.formats.records import Record, normal_name
from sketchrnn.errors import SketchRNNError
from sketchrnn.strokes import EPSILON_PX
from sketchrnn.travel import Polyline

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

    Raises:
        SketchRNNError: no drawings; an empty one; more than a million, or 30 million points.
    """
    rows, names, raws = [], [], set()
    row_count = 0
    for record in records:
        if not record.polylines:
            raise SketchRNNError(
                f"{record.where}: the drawing has no strokes; `sketchrnn data prepare` leaves such"
                " drawings out"
            )
        lines: Sequence[Polyline] = record.polylines
        if record.raw:
            lines = preprocess(lines, where=record.where)
        rows.append(strokes.polylines_to_stroke3(lines)[0].astype(np.float32))
        row_count += len(rows[-1])
        if len(rows) > DRAWINGS_LIMIT:
            raise _too_large(where, class_name, f"{DRAWINGS_LIMIT:,} drawings")
        if row_count > ROWS_LIMIT:
            raise _too_large(where, class_name, f"{ROWS_LIMIT:,} points")
        names.append(normal_name(record.label or class_name))
        raws.add(record.raw)
    if not rows:
        raise SketchRNNError(f"{where}: has no drawings")
    classes = tuple(dict.fromkeys(names))
    number_of = {name: number for number, name in enumerate(classes)}
    drawings = Drawings.from_arrays(rows, [number_of[name] for name in names], where=where)
    splits = split_numbers(drawings.labels, classes, HELD_OUT_SHARE, HELD_OUT_SHARE, SPLIT_SEED)
    train, valid, test = (drawings.select(np.flatnonzero(splits == part)) for part in range(3))
    return Dataset(
        train=train,
        valid=valid,
        test=test,
        classes=classes,
        epsilon=EPSILON_PX if raws == {True} else None,
        provenance=(_last_part(where),),
        name=class_name,
    )


def _last_part(where: str) -> str:
    """The name of a file or folder without what leads to it."""
    return where.replace("\\", "/").rstrip("/").rpartition("/")[2] or where


def _too_large(where: str, name: str, limit: str) -> SketchRNNError:
    return SketchRNNError(
        f"{where}: has more than {limit}; make a data file of it first:"
        f" sketchrnn data prepare {_last_part(where)} -o {name}.sketches"
    )
