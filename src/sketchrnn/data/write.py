"""Writing drawings as data: sketch-rnn's official `.npz`, QuickDraw's `.ndjson`, JSON.

What is written here, the readers in `data/formats` and the official ones read: what they would
refuse is not written.
"""

from __future__ import annotations

import io
import json
import os
import pickle
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sketchrnn.data.dataset import SPLITS
from sketchrnn.data.formats.records import (
    CLASS_NAME_LIMIT,
    COORDINATE_LIMIT,
    POINTS_LIMIT,
    normal_name,
)
from sketchrnn.errors import SketchRNNError
from sketchrnn.files import replacing, write_bytes, write_text
from sketchrnn.sketch import Sketch, decimals_for
from sketchrnn.strokes import BOX_PX

LEAST_BOX_PX = 100.0  # a drawing smaller than that would be spoiled by whole numbers
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)  # the same drawings give the same bytes


def write_npz(
    path: str | os.PathLike[str],
    train: Iterable[Sketch],
    valid: Iterable[Sketch] = (),
    test: Iterable[Sketch] = (),
) -> int:
    """Write the official sketch-rnn file, whole or not at all; returns how many drawings it has.

    Raises:
        SketchRNNError: as `npz_bytes`.
    """
    splits = [list(sketches) for sketches in (train, valid, test)]
    write_bytes(path, npz_bytes(*splits))
    return sum(map(len, splits))


def npz_bytes(
    train: Sequence[Sketch], valid: Sequence[Sketch] = (), test: Sequence[Sketch] = ()
) -> bytes:
    """The official sketch-rnn file: train, valid and test, each an object array of stroke-3 [N, 3].

    They are int16 where all offsets are whole numbers, as in the official files, else float32. The
    file knows neither classes nor where a drawing begins. It is read by `numpy.load(path,
    allow_pickle=True, encoding="latin1")` of any NumPy, in Python 2 as well.

    Raises:
        SketchRNNError: no drawing to train with, or one that is larger than 1e9 or has more than
            100,000 points.
    """
    if not train:
        raise SketchRNNError("an .npz needs at least one drawing to train with")
    for number, sketch in enumerate((*train, *valid, *test), start=1):
        _check(sketch, number)
    splits = [[one.to_stroke3() for one in sketches] for sketches in (train, valid, test)]
    every = [rows for split in splits for rows in split]
    dtype = np.int16 if all(map(_fits_int16, every)) else np.float32
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, split in zip(SPLITS, splits, strict=True):
            info = zipfile.ZipInfo(f"{name}.npy", _ZIP_TIME)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, _npy([rows.astype(dtype) for rows in split]))
    return file.getvalue()


def _fits_int16(rows: npt.NDArray[np.float64]) -> bool:
    """Whether nothing is lost but the last bits, which a sum of offsets has too many."""
    whole = np.rint(rows)
    return bool((np.abs(whole) < 1 << 15).all() and (np.abs(rows - whole) < 1e-6).all())


def _npy(drawings: Sequence[npt.NDArray[Any]]) -> bytes:
    """One `.npy`: an object array of the drawings."""
    array = np.empty(len(drawings), dtype=object)
    for index, rows in enumerate(drawings):
        array[index] = rows
    file = io.BytesIO()
    header = {"descr": "|O", "fortran_order": False, "shape": array.shape}
    np.lib.format.write_array_header_1_0(file, header)
    # Protocol 2 is the last that Python 2 reads. NumPy 2 calls itself numpy._core in there, which
    # older ones do not know, while all know the old name. It is written in full just once.
    content = pickle.dumps(array, protocol=2)
    return file.getvalue() + content.replace(b"cnumpy._core.", b"cnumpy.core.", 1)


def write_ndjson(path: str | os.PathLike[str], sketches: Iterable[Sketch]) -> int:
    """Write QuickDraw's simplified form, whole or not at all; returns how many drawings it has."""
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        return sum(1 for line in ndjson_lines(sketches, path) if file.write(line))


def ndjson_lines(sketches: Iterable[Sketch], path: str | os.PathLike[str]) -> Iterator[str]:
    """One line a drawing: `{"word": ..., "recognized": true, "drawing": [[xs, ys], ...]}`.

    QuickDraw's drawings lie at the top left of a box of 0 to 255, in whole numbers. So a drawing
    that reaches beyond the box is moved to the top left; and one that then lies in it, and is at
    least 100 large, is rounded. Others keep their size, with as many decimals as they need.

    Args:
        sketches: the drawings.
        path: of the file: its name is the word of drawings without a label.

    Raises:
        SketchRNNError: a drawing that is larger than 1e9, or has more than 100,000 points.
    """
    name = class_of(Path(path).name.partition(".")[0]) or "drawing"
    for number, sketch in enumerate(sketches, start=1):
        _check(sketch, number)
        document = {
            "word": class_of(sketch.label) or name,
            "recognized": True,
            "drawing": [line.T.tolist() for line in _in_the_box(sketch)],
        }
        yield json.dumps(document, ensure_ascii=False, separators=(",", ":")) + "\n"


def class_of(label: str | None) -> str | None:
    """A label as readers take it for the name of a class: one line of printable text, or None."""
    shown = "".join(c if c.isprintable() else " " * c.isspace() for c in normal_name(label or ""))
    return " ".join(shown.split())[:CLASS_NAME_LIMIT].rstrip() or None


def _check(sketch: Sketch, number: int, *, place: bool = False) -> None:
    """Raises SketchRNNError for what our readers refuse; with `place` where it lies counts, too."""
    if sketch.point_count > POINTS_LIMIT:
        raise SketchRNNError(
            f"drawing {number} has {sketch.point_count:,} points, and data files hold at most"
            f" {POINTS_LIMIT:,} each; simplify it first"
        )
    largest = max(sketch.size)
    if place:
        largest = max(largest, *map(abs, sketch.bounds))
    if largest > COORDINATE_LIMIT:
        raise SketchRNNError(
            f"drawing {number} reaches {largest:g}, and data files hold at most"
            f" {COORDINATE_LIMIT:g}; scale or move it first"
        )


def _in_the_box(sketch: Sketch) -> list[npt.NDArray[Any]]:
    """The strokes [n, 2] as QuickDraw has them: whole numbers, where that does no harm."""
    left, top, right, bottom = sketch.bounds
    if min(left, top) < 0 or max(right, bottom) > BOX_PX:
        sketch = sketch.moved(-left, -top)
    side = max(right - left, bottom - top)
    lines = sketch.polylines
    whole = [np.rint(line) for line in lines]
    as_whole = all(np.abs(a - b).max() < 1e-6 for a, b in zip(lines, whole, strict=True))
    if as_whole or LEAST_BOX_PX <= side < BOX_PX + 0.5:
        return [line.astype(np.int64) for line in whole]
    return [np.round(line, decimals_for(side)) for line in lines]


def write_json(path: str | os.PathLike[str], sketches: Iterable[Sketch]) -> int:
    """Write drawings as JSON, whole or not at all; returns how many there are.

    One alone is written as `json_document`, several as `{"drawings": [...]}`, each as that.

    Raises:
        SketchRNNError: as `json_document`.
    """
    rest = (json_document(sketch, number) for number, sketch in enumerate(sketches, start=1))
    first = list(islice(rest, 2))
    if len(first) == 1:
        write_text(path, json.dumps(first[0]) + "\n")
        return 1
    count = 0
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.write('{"drawings": [')
        for document in chain(first, rest):
            file.write(("," if count else "") + "\n" + json.dumps(document))
            count += 1
        file.write("\n]}\n")
    return count


def json_document(sketch: Sketch, number: int = 1) -> dict[str, Any]:
    """`Sketch.to_json`, with the label as readers take it.

    Args:
        sketch: the drawing.
        number: its place among those that are written, for a message.

    Raises:
        SketchRNNError: a coordinate over 1e9, more than 100,000 points.
    """
    _check(sketch, number, place=True)
    return replace(sketch, label=class_of(sketch.label)).to_json()
