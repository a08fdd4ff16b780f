"""QuickDraw's `.bin`, written here as its description says, and files that lie."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sketchrnn.data.formats import binary, kind_of, ndjson, read
from sketchrnn.errors import SketchRNNError

Strokes = list[list[tuple[int, int]]]
CAT: Strokes = [[(0, 0), (255, 3), (10, 9)], [(7, 8)]]


def drawing(strokes: Strokes, recognized: int = 1) -> bytes:
    """One drawing as in the description of the data set, field by field."""
    parts = [
        struct.pack("<Q", 2**63 + 5),
        b"GB",
        struct.pack("<b", recognized),
        struct.pack("<I", 1_490_000_000),
        struct.pack("<H", len(strokes)),
    ]
    for stroke in strokes:
        parts.append(struct.pack("<H", len(stroke)))
        parts += [struct.pack(f"{len(stroke)}B", *axis) for axis in zip(*stroke, strict=True)]
    return b"".join(parts)


def test_a_file_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "cat.bin"
    path.write_bytes(drawing(CAT) + drawing([], 0))
    first, second = binary.records(path)
    assert [line.tolist() for line in first.polylines] == [[[0, 0], [255, 3], [10, 9]], [[7, 8]]]
    assert (first.label, first.recognized, first.raw) == (None, True, False)
    assert first.where == f"{path}, drawing 1"
    assert (second.polylines, second.recognized) == ((), False)
    assert kind_of(path) == "bin"


def test_as_a_data_set(tmp_path: Path) -> None:
    (tmp_path / "cat.bin").write_bytes(drawing(CAT) * 3)
    data = read(tmp_path / "cat.bin")
    assert data.classes == ("cat",)
    assert data.train[0].tolist() == [[255, 3, 0], [-245, 6, 1], [-3, -1, 1]]


points = st.tuples(st.integers(0, 255), st.integers(0, 255))
drawings = st.lists(st.lists(points, min_size=1, max_size=300), max_size=4)


@given(st.lists(drawings, min_size=1, max_size=4), st.data())
def test_any_file_and_where_it_is_cut_off(
    tmp_path_factory: pytest.TempPathFactory, given_: list[Strokes], data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("bin") / "a.bin"
    parts = [drawing(strokes) for strokes in given_]
    path.write_bytes(b"".join(parts))
    found = [
        [[tuple(map(int, point)) for point in line] for line in record.polylines]
        for record in binary.records(path)
    ]
    assert found == given_
    ends = set(np.cumsum([0, *map(len, parts)]).tolist())
    length = data.draw(st.integers(0, max(ends)))
    path.write_bytes(b"".join(parts)[:length])
    if length in ends:
        assert len(list(binary.records(path))) == sorted(ends).index(length)
    else:
        with pytest.raises(SketchRNNError, match=rf"byte {length:,}: the file ends within"):
            list(binary.records(path))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (drawing(CAT) + b"\0", r"drawing 2, byte 30: the file ends within a drawing"),
        (drawing(CAT, 7), r"drawing 1, byte 10: says 7 for whether"),
        (drawing([[]])[:-2] + b"\0\0", r"drawing 1, byte 17: has a stroke without points"),
        (drawing([[(0, 0)] * 65_535] * 2), r"drawing 1, byte 131,089: has more than 100,000"),
        (drawing([])[:-2] + b"\xff\xff" * 2, r"byte 19: the file ends"),
        (b"\xff" * 1000, r"byte 10: says 255"),
    ],
)
def test_files_that_lie(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "cat.bin"
    path.write_bytes(content)
    with pytest.raises(SketchRNNError, match=says) as caught:
        list(binary.records(path))
    assert str(caught.value).startswith(str(path))


@given(st.binary(min_size=1, max_size=200))
def test_garbage(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("bin") / "a.bin"
    path.write_bytes(content)
    try:
        for record in binary.records(path):
            assert all(len(line) for line in record.polylines)
    except SketchRNNError as error:
        assert "byte" in str(error)  # noqa: PT017


def test_real_drawings_are_the_same_in_both_formats(shared: Path, tmp_path: Path) -> None:
    source = shared / "data/quickdraw/simplified/monkey.ndjson"
    lines = [json.loads(line) for line in source.read_text().splitlines()[:200]]
    strokes = [
        [list(zip(*stroke, strict=True)) for stroke in document["drawing"]] for document in lines
    ]
    path = tmp_path / "monkey.bin"
    path.write_bytes(
        b"".join(
            drawing(one, document["recognized"])
            for one, document in zip(strokes, lines, strict=True)
        )
    )
    for ours, theirs in zip(binary.records(path), ndjson.records(source), strict=False):
        assert ours.recognized == theirs.recognized
        assert all(map(np.array_equal, ours.polylines, theirs.polylines))
