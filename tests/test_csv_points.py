"""CSV of points: by hand, as programs write it, and tables that are none."""

from __future__ import annotations

import contextlib
import csv
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sketchrnn.data.formats import csv_points, read
from sketchrnn.data.formats.records import Record
from sketchrnn.errors import SketchRNNError

HEADER = "drawing,stroke,x,y"


def records(path: Path, text: str, encoding: str = "utf-8") -> list[Record]:
    path.write_bytes(text.encode(encoding))
    return list(csv_points.records(path))


def test_a_table_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "pets.csv"
    text = (
        f"{HEADER},label\na,1,0,0,cat\na,1,2.5,-3e1,cat\na,2,4,4,cat\n\nb,1,7,7,dog\nb,1,8,8,dog\n"
    )
    first, second = records(path, text)
    assert [line.tolist() for line in first.polylines] == [[[0, 0], [2.5, -30]], [[4, 4]]]
    assert (first.label, first.raw, first.where) == ("cat", True, f"{path}, line 2")
    assert (second.label, second.where) == ("dog", f"{path}, line 6")
    assert read(path).classes == ("cat", "dog")
    (nameless, _) = records(path, f"{HEADER}\n1,1,0,0\n1,1,1,1\n2,1,0,0\n2,1,1,1\n")
    assert nameless.label is None
    assert read(path).classes == ("pets",)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_as_programs_write_it(tmp_path: Path, delimiter: str, encoding: str, end: str) -> None:
    rows = [
        [" Y ", '"Label"', "time", "STROKE", "x", "Drawing"],
        ["2", '"a, ""big"" dög; yes"', "", "s 1", " 1 ", "d"],
        ["4.0", '"a, ""big"" dög; yes"', "x", "s 1", "+3", "d"],
    ]
    if delimiter == "\t":
        rows[0][1] = "label"
    text = end.join(delimiter.join(row) for row in rows) + end
    (record,) = records(tmp_path / "a.csv", text, encoding)
    assert record.polylines[0].tolist() == [[1, 2], [3, 4]]
    assert record.label == 'a, "big" dög; yes'


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x,y\n1,2\n", r"line 1: the columns must be drawing, stroke, x, y .*wrong: drawing, str"),
        ("", "line 0: the columns must be"),
        ("drawing,stroke,x,x,y\n", "line 1: .*wrong: x"),
        (f"{HEADER},label,label\n", "line 1: .*wrong: label"),
        (f"{HEADER}\na,1,0\n", "line 2: has 3 columns, and the first line has 4"),
        (f"{HEADER}\na,1,0,0\na,1,zero,0\n", "line 3: 'zero' is not a number up to 1e"),
        (f"{HEADER}\na,1,0,nan\n", "line 2: 'nan' is not a number"),
        (f"{HEADER}\na,1,0,inf\n", "line 2: 'inf' is not a number"),
        (f"{HEADER}\na,1,0,1e10\n", "line 2: '1e10' is not a number"),
        (f"{HEADER}\na,1,0,1_0\n", "line 2: '1_0' is not a number"),
        (f"{HEADER}\na,1,0,\n", "line 2: '' is not a number"),
        ("drawing;stroke;x;y\na;1;0,5;0\n", "line 2: '0,5' is not .* with a decimal point"),
        (f"{HEADER}\na,1,0,0\nb,1,0,0\na,1,0,0\n", "line 4: the drawing 'a' goes on here"),
        (f"{HEADER}\na,1,0,0\na,2,0,0\na,1,0,0\n", "line 4: the stroke '1' goes on here"),
        (f"{HEADER},label\na,1,0,0,cat\na,1,0,0,dog\n", "line 3: the label .* 'cat', and is 'dog'"),
        (f"{HEADER},label\na,1,0,0,{'x' * 256}\n", "line 2: the label .* too long"),
        (f"{HEADER}\n{'a' * 10_001},1,0,0\n", "line 2: is longer than 10,000 characters"),
        (f'{HEADER}\n"a,1,0,0\n' + "b,1,0,0\n" * 30_000, r"line \d+: field larger than"),
        (f'{HEADER}\n"a,1,0,0\n', "line 2: unexpected end of data"),
        (f"{HEADER}\n" + "a,1,0,0\n" * 100_001, "line 100,?002: the drawing has more than 100,000"),
    ],
)
def test_what_is_no_table(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(SketchRNNError, match=says) as caught:
        records(tmp_path / "a.csv", text)
    assert str(caught.value).startswith(str(tmp_path / "a.csv"))
    assert len(str(caught.value)) < 300


def test_other_encodings_are_named(tmp_path: Path) -> None:
    with pytest.raises(SketchRNNError, match="is not text in UTF-8"):
        records(tmp_path / "a.csv", f"{HEADER},label\na,1,0,0,dög\n", "latin-1")


def test_drawings_have_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_points, "DRAWINGS_LIMIT", 2)
    with pytest.raises(SketchRNNError, match="line 4: has more than 2 drawings"):
        records(tmp_path / "a.csv", f"{HEADER}\na,1,0,0\nb,1,0,0\nc,1,0,0\n")


numbers = st.floats(-1e9, 1e9)
texts = st.text("abc ;,\"\tö1'", max_size=4).map(str.strip)
drawings = st.lists(
    st.lists(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=4), min_size=1, max_size=3),
    max_size=4,
)


@given(drawings, texts, st.sampled_from(",;\t"))
def test_what_another_program_writes_comes_back(
    tmp_path_factory: pytest.TempPathFactory,
    given_: list[list[list[tuple[float, float]]]],
    label: str,
    delimiter: str,
) -> None:
    label = label.replace("\t", "")
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerow(["label", "drawing", "stroke", "x", "y"])
        for number, strokes in enumerate(given_):
            for name, stroke in enumerate(strokes):
                writer.writerows([label, number, name, x, y] for x, y in stroke)
    found = list(csv_points.records(path))
    assert len(found) == len(given_)
    for record, strokes in zip(found, given_, strict=True):
        assert record.label == (label or None)
        assert all(map(np.array_equal, record.polylines, map(np.array, strokes)))


@given(st.text(st.sampled_from('drawing,stroke,x,y\n"1;\t\r\x00é'), max_size=80))
def test_garbage(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    for content in (text, f"{HEADER}\n{text}"):
        try:
            for record in records(path, content):
                assert all(np.isfinite(line).all() for line in record.polylines)
        except SketchRNNError:
            pass


def peak(path: Path) -> int:
    """Bytes that reading a table took at most."""
    tracemalloc.start()
    try:
        with contextlib.suppress(SketchRNNError):
            for _ in csv_points.records(path):
                pass
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_long_table_takes_little_memory(tmp_path: Path) -> None:
    peaks = []
    for count in (50, 250):
        rows = [f"{number},1,{i},{i}\n" for number in range(count) for i in range(50)]
        (tmp_path / "long.csv").write_text(f"{HEADER}\n" + "".join(rows))
        peaks.append(peak(tmp_path / "long.csv"))
    assert peaks[1] - peaks[0] < 200 * 200  # of 50 points each
    (tmp_path / "line.csv").write_text("x" * 20_000_000)
    assert peak(tmp_path / "line.csv") < 1_000_000
