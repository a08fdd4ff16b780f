"""Drawings as data: what is written, the official loaders and our own readers read."""

from __future__ import annotations

import io
import json
import pickletools
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest

from sketchrnn.data.dataset import SPLITS
from sketchrnn.data.formats import json_drawings, kind_of, ndjson, npz, records
from sketchrnn.data.formats import read as read_data
from sketchrnn.data.formats.npz import npz_bytes
from sketchrnn.errors import SketchRNNError
from sketchrnn.figures.sheet import SketchSheet
from sketchrnn.sketch import Sketch


def write_npz(path: Path, *splits: Iterable[Sketch]) -> int:
    named = zip(SPLITS, splits, strict=False)
    return npz.write(path, ((name, one) for name, some in named for one in some))


def write_ndjson(path: Path, sketches: Iterable[Sketch]) -> int:
    return ndjson.write(path, (("train", one) for one in sketches))


def write_json(path: Path, sketches: Iterable[Sketch]) -> int:
    return json_drawings.write(path, (("train", one) for one in sketches))


def scribble(seed: int, scale: float = 1.0, *, whole: bool = True) -> Sketch:
    """Three strokes and a dot in a box of 0 to 255 times `scale`."""
    rng = np.random.default_rng(seed)
    lines = [rng.uniform(0, 255, (n, 2)) for n in (4, 7, 1, 3)]
    if whole:
        lines = [np.rint(line) for line in lines]
    return Sketch.from_polylines([scale * line for line in lines], f"class {seed % 2}")


def stroke3(sketch: Sketch) -> np.ndarray:
    """Rows (dx, dy, lifted), written from the description: the first point is no row."""
    rows = []
    for line in sketch.polylines:
        rows += [[x, y, 0.0] for x, y in line.tolist()]
        rows[-1][2] = 1.0
    array = np.array(rows)
    array[1:, :2] -= array[:-1, :2].copy()
    return array[1:]


def official(path: Path) -> dict[str, np.ndarray]:
    """As `sketch_rnn_train.py` loads it."""
    with np.load(path, allow_pickle=True, encoding="latin1") as data:
        return {name: data[name] for name in data.files}


@pytest.mark.parametrize("whole", [True, False])
def test_npz_official_loader_and_ours_read_it(tmp_path: Path, whole: bool) -> None:
    sketches = [scribble(seed, whole=whole) for seed in range(7)]
    parts = (sketches[:4], sketches[4:6], sketches[6:])
    assert write_npz(tmp_path / "cat.npz", *parts) == 7
    loaded = official(tmp_path / "cat.npz")
    ours = npz.read(tmp_path / "cat.npz")
    assert set(loaded) == set(SPLITS)
    for name, part in zip(SPLITS, parts, strict=True):
        assert loaded[name].dtype == object
        assert len(loaded[name]) == len(ours.split(name)) == len(part)
        for index, sketch in enumerate(part):
            rows = loaded[name][index]
            assert rows.dtype == (np.int16 if whole else np.float32)
            expected = stroke3(sketch)
            np.testing.assert_allclose(rows, expected, atol=0 if whole else 1e-4)
            back = ours.sketch(name, index)
            moved = back.moved(*sketch.start)
            for line, other in zip(moved.polylines, sketch.polylines, strict=True):
                np.testing.assert_allclose(line, other, atol=1e-3)
    assert ours.classes == ("cat",)


def test_npz_is_a_pickle_for_python_2_and_old_numpy() -> None:
    content = npz_bytes([scribble(0), scribble(1)])
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        member = io.BytesIO(archive.read("train.npy"))
    assert np.lib.format.read_magic(member) == (1, 0)
    assert np.lib.format.read_array_header_1_0(member)[0] == (2,)
    names, protocol = set(), 0
    for opcode, argument, _ in pickletools.genops(member.read()):
        protocol = max(protocol, opcode.proto)
        if opcode.name == "GLOBAL":
            names.add(argument)
    assert protocol == 2
    multiarray = "numpy.core.multiarray _reconstruct"
    assert names == {multiarray, "numpy ndarray", "numpy dtype", "_codecs encode"}


def test_npz_gives_the_same_bytes_again_and_empty_splits_are_read(tmp_path: Path) -> None:
    sketches = [scribble(3), scribble(4)]
    assert npz_bytes(sketches) == npz_bytes(sketches)
    write_npz(tmp_path / "a.npz", sketches)
    assert [len(part) for part in official(tmp_path / "a.npz").values()] == [2, 0, 0]
    assert len(npz.read(tmp_path / "a.npz").test) == 0


@pytest.mark.parametrize(
    ("change", "dtype"),
    [
        (lambda s: s, np.int16),
        (lambda s: s.moved(0.37, 0.11), np.int16),  # only the offsets are in the file
        (lambda s: s.scaled(0.5), np.float32),
        (lambda s: s.scaled(1000), np.float32),  # too large for int16
    ],
)
def test_npz_dtype(change: Callable[[Sketch], Sketch], dtype: type, tmp_path: Path) -> None:
    write_npz(tmp_path / "a.npz", [change(scribble(5))])
    assert official(tmp_path / "a.npz")["train"][0].dtype == dtype


def test_npz_has_its_rows_in_the_same_order_however_the_points_came() -> None:
    sketch = scribble(1)
    columns = Sketch.from_polylines([np.asfortranarray(line) for line in sketch.polylines])
    assert sketch.to_stroke3().flags.c_contiguous
    assert columns.to_stroke3().flags.c_contiguous
    assert npz_bytes([columns]) == npz_bytes([sketch])


def test_npz_without_drawings_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SketchRNNError, match="at least one drawing"):
        write_npz(tmp_path / "a.npz", [])
    assert not list(tmp_path.iterdir())


def test_npz_of_one_drawing_and_of_equal_lengths(tmp_path: Path) -> None:
    # NumPy would make one array of three dimensions of drawings that are equally long
    for count in (1, 2):
        write_npz(tmp_path / "a.npz", [scribble(7)] * count)
        loaded = official(tmp_path / "a.npz")["train"]
        assert loaded.shape == (count,)
        np.testing.assert_array_equal(loaded[0], stroke3(scribble(7)))


def test_ndjson_official_form_and_our_reader(tmp_path: Path) -> None:
    sketches = [scribble(seed) for seed in range(5)]
    path = tmp_path / "cats.ndjson"
    assert write_ndjson(path, sketches) == 5
    lines = path.read_text("utf-8").splitlines()
    for line, sketch, record in zip(lines, sketches, ndjson.records(path), strict=True):
        document = json.loads(line)
        assert set(document) == {"word", "recognized", "drawing"}
        assert (document["word"], document["recognized"]) == (sketch.label, True)
        assert all(
            type(n) is int and 0 <= n <= 255 for s in document["drawing"] for a in s for n in a
        )
        # as in the data set's description: [[x0, x1, ...], [y0, y1, ...]] a stroke
        strokes = [np.array(list(zip(*stroke, strict=True))) for stroke in document["drawing"]]
        for stroke, line_, read in zip(strokes, sketch.polylines, record.polylines, strict=True):
            np.testing.assert_array_equal(stroke, line_)
            np.testing.assert_array_equal(read, line_)
        assert (record.label, record.recognized, record.raw) == (sketch.label, True, False)


def only_line(path: Path) -> np.ndarray:
    (record,) = ndjson.records(path)
    return np.concatenate(record.polylines)


@pytest.mark.parametrize(
    ("points", "written"),
    [
        # in the box: rounded to whole numbers, as QuickDraw's are
        ([[0.4, 10.6], [200.3, 50.2]], [[0, 11], [200, 50]]),
        # beyond it: moved to the top left first
        ([[-100.2, -50.1], [100.3, 20.2]], [[0, 0], [200, 70]]),
        ([[300, 300], [420, 310]], [[0, 0], [120, 10]]),
        # too small for whole numbers, or too large for the box: as it is
        ([[0.125, 0.5], [2.25, 1.5]], [[0.125, 0.5], [2.25, 1.5]]),
        ([[0.0, 0.0], [1000.25, 20.5]], [[0.0, 0.0], [1000.2, 20.5]]),
        # whole numbers stay so at any size
        ([[0, 0], [3, 4]], [[0, 0], [3, 4]]),
        ([[0, 0], [5000, 10]], [[0, 0], [5000, 10]]),
    ],
)
def test_ndjson_numbers(points: list, written: list, tmp_path: Path) -> None:
    write_ndjson(tmp_path / "a.ndjson", [Sketch.from_polylines([points])])
    np.testing.assert_allclose(only_line(tmp_path / "a.ndjson"), written, atol=0.06)
    whole = all(isinstance(n, int) for point in written for n in point)
    (drawing,) = json.loads((tmp_path / "a.ndjson").read_text())["drawing"]
    assert all(isinstance(n, int) for axis in drawing for n in axis) == whole


def test_ndjson_word_of_drawings_without_a_label_is_the_name_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "my cats.v2.ndjson"
    write_ndjson(path, [Sketch.from_polylines([[[0, 0], [9, 9]]])])
    assert json.loads(path.read_text())["word"] == "my cats"


def save_sheet(path: Path, sketches: list[Sketch]) -> None:
    SketchSheet([sketches]).save(path)


def save_last(path: Path, sketches: list[Sketch]) -> None:
    sketches[-1].save(path)


WRITERS = {
    "a.npz": (write_npz, save_sheet, save_last),
    "a.ndjson": (write_ndjson, save_sheet, save_last),
    "a.json": (write_json, save_sheet, save_last),
}
EVERY_WRITER = [(name, write) for name, several in WRITERS.items() for write in several]


@pytest.mark.parametrize(("name", "write"), EVERY_WRITER)
def test_what_readers_refuse_for_its_size_is_not_written(
    name: str, write: Callable[[Path, list[Sketch]], object], tmp_path: Path
) -> None:
    path = tmp_path / name
    long = Sketch.from_polylines([np.arange(200_000.0).reshape(-1, 2) % 251])
    for fits in (scribble(1, 3.9e6), long):  # the most
        write(path, [scribble(0), fits])
        if kind_of(path) == "npz":
            assert len(read_data(path).train) >= 1
        else:
            assert sum(len(line) for line in list(records(path))[-1].polylines) == fits.point_count
    before = path.read_bytes()
    longer = Sketch.from_polylines([*long.polylines, [[1, 1]]])
    # drawing 2, or the one that is written alone
    for other, says in (
        *((scribble(1, factor), r"data files hold at most 1e\+09") for factor in (1e8, 1e300)),
        (longer, "100,001 points, and data files hold at most 100,000 each"),
    ):
        with pytest.raises(SketchRNNError, match=says) as error:
            write(path, [scribble(0), other])
        assert str(error.value).startswith(f"drawing {1 if write is save_last else 2} ")
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_a_drawing_far_away_is_refused_only_where_its_place_is_written(tmp_path: Path) -> None:
    far = scribble(0).moved(2e9, 0)
    for write in (write_npz, write_ndjson):
        write(tmp_path / "a", [far])
    with pytest.raises(SketchRNNError, match=r"reaches 2e\+09"):
        write_json(tmp_path / "b.json", [far])


LABELS = {
    "katze\n": "katze",
    "my\n  cat": "my cat",
    "a\t\u2028cat": "a cat",
    "кот": "кот",
    "cafe\u0301": "caf\u00e9",
    'a "cat"': 'a "cat"',
    "\x00": None,
    "  ": None,
    "c" * 999: "c" * 255,
    "c" * 254 + " c": "c" * 254,
    "🐈": "🐈",
}


@pytest.mark.parametrize("name", ["pets.ndjson", "pets.json"])
def test_labels_are_written_as_readers_take_them(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    sketches = [Sketch(scribble(0).polylines, label) for label in LABELS]
    unnamed = "pets" if name.endswith(".ndjson") else None
    for write in WRITERS[f"a{path.suffix}"][:2]:
        write(path, sketches)
        found = [record.label for record in records(path)]
        assert found == [label or unnamed for label in LABELS.values()]
    for sketch, label in zip(sketches, LABELS.values(), strict=True):
        sketch.save(path)
        assert [record.label for record in records(path)] == [label or unnamed]


def test_a_title_of_two_lines_is_one_label(tmp_path: Path) -> None:
    svg = scribble(0).to_svg().replace("class 0", "my\n  cat ")
    (tmp_path / "a.svg").write_text(svg)
    sketch = Sketch.load(tmp_path / "a.svg")
    assert sketch.label == "my cat"


def test_json_is_as_the_schema_says(tmp_path: Path) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads((Path(npz.__file__).parent / "drawing.schema.json").read_text("utf-8"))
    for count in (0, 1, 2):
        write_json(tmp_path / "a.json", map(scribble, range(count)))
        jsonschema.validate(json.loads((tmp_path / "a.json").read_text("utf-8")), schema)


def test_json_of_several_is_read(tmp_path: Path) -> None:
    sketches = [scribble(seed, 0.37, whole=False) for seed in range(4)]
    assert write_json(tmp_path / "a.json", sketches) == 4
    found = list(records(tmp_path / "a.json"))
    assert [record.label for record in found] == [sketch.label for sketch in sketches]
    for record, sketch in zip(found, sketches, strict=True):
        assert Sketch.from_polylines(record.polylines, record.label) == sketch
    assert json.loads((tmp_path / "a.json").read_text())["drawings"][1] == sketches[1].to_json()
