"""QuickDraw `.ndjson`: golden lines, the public preprocessing, and lines that are no drawings."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from sketchrnn.data.clean import preprocess
from sketchrnn.data.formats import memory, ndjson, read
from sketchrnn.errors import SketchRNNError

CAT = {"word": "cat", "recognized": True, "drawing": [[[0, 255, 10], [0, 3, 9]], [[7], [8]]]}


def write(path: Path, *documents: object) -> Path:
    lines = [item if isinstance(item, str) else json.dumps(item) for item in documents]
    content = "".join(f"{line}\n" for line in lines).encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def rect(width: float, height: float, times: bool) -> list:
    stroke = [[50, 50 + width, 50 + width, 50], [20, 20, 20 + height, 20 + height]]
    return [[*stroke, [0, 1, 2, 3]] if times else stroke]


@pytest.mark.parametrize("name", ["cat.ndjson", "cat.ndjson.gz"])
def test_a_simplified_line_by_hand(tmp_path: Path, name: str) -> None:
    record, second = ndjson.records(write(tmp_path / name, CAT, "", {"drawing": []}))
    assert [line.tolist() for line in record.polylines] == [[[0, 0], [255, 3], [10, 9]], [[7, 8]]]
    assert (record.label, record.recognized, record.raw) == ("cat", True, False)
    assert record.where == f"{tmp_path / name}, line 1"
    assert (second.polylines, second.label, second.recognized) == ((), None, None)
    assert second.where == f"{tmp_path / name}, line 3"


def test_simplified_drawings_are_left_as_they_are(tmp_path: Path) -> None:
    data = read(write(tmp_path / "x.ndjson", CAT))
    assert data.train[0].tolist() == [[255, 3, 0], [-245, 6, 1], [-3, -1, 1]]
    assert data.train.rows.dtype == np.int16
    assert (data.classes, data.epsilon) == (("cat",), None)


def test_raw_drawings_are_aligned_scaled_resampled_and_simplified(tmp_path: Path) -> None:
    data = read(write(tmp_path / "box.ndjson", {"drawing": rect(100, 50, times=True)}))
    lines = data.sketch("train", 0).polylines
    assert len(lines) == 1
    # 100 x 50 becomes 255 x 127.5; numpy rounds halves to the even neighbour.
    corners = [[0, 0], [255, 0], [255, 128], [0, 128]]
    for corner in corners:  # 1 px apart, the resampled points may miss a corner by half of that
        assert np.abs(lines[0] - corner).max(axis=1).min() <= 1
    assert len(lines[0]) <= 6
    assert data.epsilon == 2.0
    assert data.classes == ("box",)


def test_preprocess_takes_the_whole_drawing_as_one() -> None:
    lines = [np.array([[10.0, 10.0], [20.0, 10.0]]), np.array([[10.0, 60.0], [10.0, 61.0]])]
    first, second = preprocess(lines)
    assert first.tolist() == [[0, 0], [50, 0]]
    assert second.tolist() == [[0, 250], [0, 255]]
    dot = [np.array([[5.0, 5.0]])]
    assert preprocess(dot)[0].tolist() == [[0, 0]]


def test_wiggles_under_the_epsilon_go(tmp_path: Path) -> None:
    xs = list(range(0, 256, 5))
    ys = [1.5 * (-1) ** x for x in xs]
    line = np.column_stack([xs, ys]).astype(float)
    assert len(preprocess([line], 4.0)[0]) == 2
    assert len(preprocess([line], 0.5)[0]) > 40


def test_classes_and_the_seeded_split(tmp_path: Path) -> None:
    documents = [
        {"word": "cat" if number % 3 else "dog", "drawing": [[[0, number + 1], [0, 1]]]}
        for number in range(300)
    ]
    data = read(write(tmp_path / "pets.ndjson", *documents))
    assert data.classes == ("dog", "cat")
    counts = {
        name: np.bincount(split.labels, minlength=2).tolist() for name, split in data.splits.items()
    }
    assert counts == {"train": [90, 180], "valid": [5, 10], "test": [5, 10]}
    widths = [rows[0, 0] for split in data.splits.values() for rows in split]
    assert sorted(widths) == list(range(1, 301))
    again = read(tmp_path / "pets.ndjson")
    assert np.array_equal(again.valid.begins, data.valid.begins)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("hello", "line 2: is not a QuickDraw drawing"),
        ("[1, 2]", "line 2: is not"),
        ("{}", "line 2: is not .* 'drawing'"),
        ('{"drawing": 5}', "line 2"),
        ('{"drawing": {"a": 1}}', "line 2"),
        ('{"drawing": [[[1, 2]]]}', "line 2: .* a stroke is"),
        ('{"drawing": [[[1, 2], [1, 2]], [[1, 2], [1, 2], [0, 1]]]}', "line 2: .* a stroke is"),
        ('{"drawing": [[[1, 2], [1]]]}', "line 2"),
        ('{"drawing": [[[], []]]}', "line 2: .* at least one"),
        ('{"drawing": [[[1, NaN], [1, 2]]]}', "line 2: .* a coordinate is NaN"),
        ('{"drawing": [[[1, Infinity], [1, 2]]]}', "line 2: .* a coordinate is Infinity"),
        ('{"drawing": [[[1, 1e300], [1, 2]]]}', "line 2: .* up to 1e"),
        ('{"drawing": [[[1, 1' + "0" * 400 + "], [1, 2]]]}", "line 2"),
        ('{"drawing": [[["a", "b"], [1, 2]]]}', "line 2"),
        ('{"drawing": [[[1, 2], [1, 2]]], "word": 5}', 'line 2: .* "word"'),
        ('{"drawing": [[[1, 2], [1, 2]]], "word": "\\ud800"}', 'line 2: .* "word"'),
        ('{"drawing": [[[1, 2], [1, 2]]], "recognized": "yes"}', 'line 2: .* "recognized"'),
        ('{"drawing": ' + "[" * 100_000, "line 2"),
        ('{"drawing": [[[1, 2], [1, 2]]]', "line 2"),
    ],
)
def test_what_is_no_drawing(tmp_path: Path, line: str, message: str) -> None:
    path = write(tmp_path / "cat.ndjson", CAT, line)
    with pytest.raises(SketchRNNError, match=message) as caught:
        read(path)
    assert str(caught.value).startswith(str(path))


def test_damaged_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    documents = [{"drawing": [rng.integers(0, 255, (2, 9)).tolist()]} for _ in range(50)]
    path = write(tmp_path / "cat.ndjson.gz", *documents)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(SketchRNNError, match="not a whole gzip file"):
        read(path)
    (tmp_path / "empty.ndjson").write_text("")
    with pytest.raises(SketchRNNError, match="empty file"):
        read(tmp_path / "empty.ndjson")
    with pytest.raises(SketchRNNError, match="has no drawings"):
        read(write(tmp_path / "blank.ndjson", "", ""))
    with pytest.raises(SketchRNNError, match="line 1: the drawing has no strokes"):
        read(write(tmp_path / "no.ndjson", {"drawing": []}))
    monkeypatch.setattr(ndjson, "LINE_LIMIT_BYTES", 100)
    with pytest.raises(SketchRNNError, match="line 2: is longer than 100 bytes"):
        read(write(tmp_path / "long.ndjson", "", CAT | {"key": "x" * 200}))


def test_a_line_without_end_does_not_fill_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "bomb.ndjson.gz"
    path.write_bytes(gzip.compress(b"[" * 50_000_000))
    monkeypatch.setattr(ndjson, "LINE_LIMIT_BYTES", 1 << 20)
    with pytest.raises(SketchRNNError, match="line 1: is longer"):
        read(path)


def zigzag(count: int) -> dict:
    """A raw drawing of `count` points, each as far from the last one as the box is wide."""
    return {"drawing": [[[0, 1] * (count // 2), [0] * count, list(range(count))]]}


@pytest.mark.parametrize(
    ("count", "message"),
    [
        (120_000, "line 2: .*has 120,000 points, more than 100,000"),
        (60_000, "line 2: is 15,299,745 px long .* more than 1,000,000"),
    ],
)
def test_a_drawing_of_endless_zigzags_does_not_fill_the_memory(
    tmp_path: Path, count: int, message: str
) -> None:
    path = write(tmp_path / "bomb.ndjson", CAT | {"drawing": rect(9, 9, times=True)}, zigzag(count))
    tracemalloc.start()
    try:
        with pytest.raises(SketchRNNError, match=message) as caught:
            read(path)
        assert tracemalloc.get_traced_memory()[1] < 50_000_000
    finally:
        tracemalloc.stop()
    assert str(caught.value).startswith(f"{path}, line 2: ")


def test_more_rows_than_fit_into_memory_are_prepared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "cat.ndjson", CAT, CAT)  # 3 rows each
    monkeypatch.setattr(memory, "ROWS_LIMIT", 6)
    assert len(read(path).train) == 2
    monkeypatch.setattr(memory, "ROWS_LIMIT", 5)
    with pytest.raises(SketchRNNError, match=r"more than 5 points.*sketchrnn data prepare cat.ndj"):
        read(path)


@pytest.mark.parametrize(
    ("folder", "files", "drawings"),
    [
        ("raw", 19, 438),
        ("spg", 17, 13_600),
        ("simplified", 1, 1_000),
        ("simplified_345", 344, 8_600),
    ],
)
def test_real_files(shared: Path, folder: str, files: int, drawings: int) -> None:
    paths = sorted((shared / "data/quickdraw" / folder).iterdir())
    records = [record for path in paths for record in ndjson.records(path)]
    assert (len(paths), len(records)) == (files, drawings)
    assert all(record.raw == (folder == "raw") for record in records)
    assert len({record.label for record in records}) == files
    data = read(paths[0])
    assert data.train.rows.dtype == np.int16


def test_preprocessing_agrees_with_the_published_simplified_drawings(shared: Path) -> None:
    """402 drawings are there both raw and simplified.

    The published ones were simplified with the distance to the infinite line (with which 2,696 of
    the 2,741 strokes would be equal), ours with the distance to the segment.
    """
    raw = {}
    for path in sorted((shared / "data/quickdraw/raw").iterdir()):
        for line in path.read_text().splitlines():
            document = json.loads(line)
            raw[document["key_id"]] = [np.array(part[:2]).T for part in document["drawing"]]
    strokes, equal, drawings = 0, 0, 0
    for path in sorted((shared / "data/quickdraw").glob("simplified*/*.ndjson")):
        for line in path.read_text().splitlines():
            document = json.loads(line)
            if document["key_id"] in raw:
                ours = preprocess(raw[document["key_id"]])
                theirs = [np.array(part).T for part in document["drawing"]]
                equal += sum(map(np.array_equal, ours, theirs))
                strokes += len(theirs)
                drawings += 1
    assert drawings == 402
    assert equal / strokes > 0.72  # 1,993 of 2,741
