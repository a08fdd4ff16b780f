"""What the command line calls DRAWING: its grammar, its formats, and what is no drawing."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sketchrnn.api import Model
from sketchrnn.data.formats import read
from sketchrnn.data.formats.json_drawings import parse
from sketchrnn.data.formats.records import Given
from sketchrnn.data.places import first_part, is_data
from sketchrnn.drawing.inputs import Input, fitted, mixed, read_given, read_inputs
from sketchrnn.errors import SketchRNNError
from sketchrnn.figures.sheet import SketchSheet
from sketchrnn.model.config import ModelConfig
from sketchrnn.model.network import Network
from sketchrnn.runs import DataFacts
from sketchrnn.sketch import Sketch
from tiny import do, write_ndjson

SHAPE = Sketch.from_polylines([[[0, 0], [40, 3], [50, 60]], [[9, 9]], [[5, 5], [6, 70]]], "cat")


@pytest.fixture(scope="module")
def model() -> Model:
    torch.manual_seed(3)
    sizes = {"encoder_size": 6, "decoder_size": 8, "z_size": 4, "mixtures": 2}
    network = Network(ModelConfig(N_max=20, **sizes))
    return Model(network, DataFacts(scale=40.0, classes=("cat", "pig"), size=255.0))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inputs")
    write_ndjson(folder / "two.ndjson", 80)
    do("data", "prepare", folder / "two.ndjson", "-o", folder / "two.sketches", "--test", "5")
    write_ndjson(folder / "odd#name.ndjson", 10)
    return folder / "two.sketches"


def stdin(monkeypatch: pytest.MonkeyPatch, content: str | bytes) -> None:
    raw = content.encode() if isinstance(content, str) else content
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(raw)))


def points(*given: tuple[float, float, str], drawing: int = 0) -> str:
    rows = [{"drawing": drawing, "x": x, "y": y, "pen": pen} for x, y, pen in given]
    return "".join(json.dumps(row) + "\n" for row in rows)


# Drawings of data files --------------------------------------------------------------------------


def test_places_in_a_data_file(model: Model, data: Path) -> None:
    dataset = read(data)
    pigs = np.flatnonzero(dataset.train.labels == dataset.classes.index("pig"))
    expected = {
        "3": ("test", 3),
        "train/7": ("train", 7),
        "test/9": ("test", 9),
        "train/pig/2": ("train", int(pigs[2])),
    }
    found = read_given(model, [f"{data}#{where}" for where in expected])
    for one, (split, index) in zip(found, expected.values(), strict=True):
        assert one.sketch == dataset.sketch(split, index)
        assert (one.outside, one.ended, one.pen) == (False, True, None)
    (pig,) = read_given(model, [f"{data}#pig/0"])
    assert pig.sketch.label == "pig"


def test_the_training_split_stands_in_for_an_empty_test_split(
    model: Model, data: Path, tmp_path: Path
) -> None:
    source = tmp_path / "all.sketches"
    do("data", "prepare", data.parent / "two.ndjson", "-o", source, "--test", "0", "--valid", "0")
    assert len(read(source).test) == 0
    (found,) = read_given(model, [f"{source}#5"])
    assert found.sketch == read(source).sketch("train", 5)


@pytest.mark.parametrize(("where", "class_name"), [("", None), ("pig/", "pig"), ("test/", None)])
def test_typical_is_what_costs_the_least(
    model: Model, data: Path, where: str, class_name: str | None
) -> None:
    dataset = read(data)
    every = [dataset.sketch("test", index) for index in range(len(dataset.test))]
    every = [one for one in every if class_name in (None, one.label)]
    every.sort(key=lambda one: model.likelihood(one).nats_per_point)
    specs = [f"{data}#{where}typical", *(f"{data}#{where}typical:{k}" for k in (0, 1, 4))]
    found = [one.sketch for one in read_given(model, specs)]
    assert found == [every[0], every[0], every[1], every[4]]


def test_typical_passes_over_what_is_too_long(model: Model, tmp_path: Path) -> None:
    long = {"word": "cat", "drawing": [[list(range(0, 80, 2)), [0, 9] * 20]]}
    source = write_ndjson(tmp_path / "some.ndjson", 30)
    source.write_text(source.read_text("utf-8") + 20 * (json.dumps(long) + "\n"), "utf-8")
    kept = sum(len(rows) <= model.N_max for rows in read(source).train)
    assert 0 < kept < len(read(source).train)
    found = read_given(model, [f"{source}#train/typical:{kept - 1}"])
    assert found[0].sketch.point_count <= model.N_max + 1
    with pytest.raises(SketchRNNError, match=f"train has {kept} drawings that the model can read"):
        read_given(model, [f"{source}#train/typical:{kept}"])


def test_names_that_mislead(model: Model, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(data.parent)
    odd = read_given(model, ["odd#name.ndjson#train/1"])[0]
    assert odd.sketch == read("odd#name.ndjson").sketch("train", 1)
    assert is_data("odd#name.ndjson")
    assert is_data("two.sketches")
    assert is_data("doodles:20:1")
    assert not any(map(is_data, ("two.sketches#1", "a.svg", "b.JSON", "-")))
    assert read_given(model, ["doodles:20:1#train/3"])[0].ended


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("two.sketches", "is a data file; say which of its drawings, as two.sketches#0"),
        ("doodles:20", "is a data file"),
        ("nothing.npz", "nothing.npz: there is no such file"),
        ("nothing.npz#3", "there is no such file"),
        ("nothing.svg", "nothing.svg: there is no such file"),
        ("nothing", "there is no such file"),
        (".", "is a folder; name a drawing in it"),
        ("two.sketches#", "after # comes"),
        ("two.sketches#-1", "after # comes"),
        ("two.sketches#1.5", "after # comes"),
        ("two.sketches#١", "after # comes"),
        ("two.sketches#typical:", "after # comes"),
        ("two.sketches#typical:x", "after # comes"),
        ("two.sketches#3:typical", "after # comes"),
        ("two.sketches#train/", "after # comes"),
        ("two.sketches#10", "test has 10 drawings; there is no number 10"),
        ("two.sketches#pig/5", "test has 5 drawings of class pig; there is no number 5"),
        ("two.sketches#dog/1", "no split and no class 'dog'; choose one of cat, pig, train"),
        ("two.sketches#train/test/1", "no class 'test'"),
        ("two.sketches#typical:10", "that the model can read"),
    ],
)
def test_places_that_are_not_there(
    model: Model, data: Path, monkeypatch: pytest.MonkeyPatch, spec: str, says: str
) -> None:
    monkeypatch.chdir(data.parent)
    with pytest.raises(SketchRNNError) as error:
        read_given(model, [spec])
    assert says in str(error.value)
    assert "\n" not in str(error.value)


# Files and standard input ------------------------------------------------------------------------


def test_files(model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.svg", "a.json"):
        SHAPE.save(tmp_path / name)
    SketchSheet([[None, SHAPE]], title="one").save(tmp_path / "sheet.json")
    (tmp_path / "marked.json").write_bytes(b"\xef\xbb\xbf" + (tmp_path / "a.json").read_bytes())
    names = [str(tmp_path / name) for name in ("a.svg", "a.json", "sheet.json", "marked.json")]
    for found in read_given(model, names):
        assert found.outside
        assert not found.ended
        assert found.sketch.label == "cat"
        for line, expected in zip(found.sketch.polylines, SHAPE.polylines, strict=True):
            np.testing.assert_allclose(line, expected, atol=0.01)
    for name in names[:2]:
        stdin(monkeypatch, Path(name).read_bytes())
        assert read_given(model, ["-"])[0].sketch.point_count == SHAPE.point_count


def test_what_is_left_out_is_said(model: Model) -> None:
    given = parse(b'<svg><text>a</text><path d="M0 0L9 9"/></svg>', "a.svg")
    (note,) = fitted(model, given, as_is=False).notes
    assert note == "a.svg: left out: 1 text"


def test_the_lines_of_stream() -> None:
    text = points((0, 0, "down"), (5, 0, "up"), (7, 1, "up"), (8, 8, "down"), (9.5, 8, "down"))
    found = parse(text.encode(), "-")
    assert (found.outside, found.ended, found.pen) == (False, False, "down")
    lines = [line.tolist() for line in found.sketch.polylines]
    assert lines == [[[0, 0], [5, 0]], [[7, 1]], [[8, 8], [9.5, 8]]]
    lifted = parse((text + points((9, 9, "up"))).encode(), "-")
    assert (lifted.pen, lifted.ended) == ("up", False)
    whole = parse((text + points((9, 9, "up"), (9, 9, "end"))).encode(), "-")
    assert (whole.pen, whole.ended) == (None, True)
    assert whole.sketch == lifted.sketch
    assert parse(points((3, 4, "down")).encode(), "-").sketch.point_count == 1


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b" \n\t \x1c", "is empty"),
        (b'{"strokes": []}', "at least one stroke"),
        (b'{"strokes": [{"points": []}]}', "a stroke needs as many x as y, and at least one"),
        (b'{"strokes": [{"points": [[1, NaN]]}]}', "is damaged JSON"),
        (b'{"strokes": [{"points": [[1, 1e999]]}]}', "is damaged JSON"),
        (b'{"strokes": [{"points": [[1, 1' + b"0" * 400 + b"]]}]}", "is damaged JSON"),
        (
            b'{"strokes": [{"points": [[0, 1.1e9]]}]}',
            "a coordinate is not a number up to 1e",
        ),
        (b'{"strokes": [{"points": [[-1.7e308, 0], [1.7e308, 0]]}]}', "up to 1e"),
        (points((0, 0, "down"), (-1e300, 1, "up")).encode(), "at most 1e"),
        (b'{"strokes": [{"points": [["a", 1]]}]}', "points are a list of [x, y]"),
        (b'{"strokes": 7}', "strokes must be a list; expected"),
        (b"{}", "holds no drawing; expected"),
        (b'{"rows": 3}', "rows must be a list; expected"),
        (b'{"rows": [[7]]}', "drawing 1: a drawing is"),
        (b'{"rows": [[null]]}', "is a sheet of 0 drawings"),
        (b'{"rows": [[{}, {}], [{}]]}', "drawing 1: a drawing is"),
        (
            b'{"rows": [[%s, %s], [null, %s]]}' % ((b'{"strokes": [{"points": [[1, 2]]}]}',) * 3),
            "is a sheet of 3 drawings",
        ),
        (b"[[1, 2], [3, 4]]", "drawing 1: a drawing is"),
        (b"3", "is neither SVG nor JSON"),
        (b"[" * 100_000, "drawing 1: a drawing is"),
        (b"\x89PNG\r\n", "is neither SVG nor JSON"),
        (b"hello", "is neither SVG nor JSON"),
        (b"<svg></svg>", "has no line in it"),
        (b" " * (1 << 24) + b"{}", "larger than 16 MiB"),
        (points((0, 0, "down"), (1, 1, "lift")).encode(), "line 2 is no point"),
        (points((0, 0, "down")).encode() + b'{"x": 1, "pen": "up"}', "line 2 is no point"),
        (points((0, 0, "down")).encode() + b'{"x": 1, "y', "line 2 is no point"),
        (points((0, 0, "down")).encode() + b"[1]", "line 2 is no point"),
        ((points((0, 0, "up")) + points((0, 0, "up"), drawing=1)).encode(), "another drawing"),
        (points((0, 0, "end"), (1, 1, "up")).encode(), "line 2 comes after the end"),
        (points((0, 0, "end")).encode(), "at least one stroke"),
        (points((0, float("nan"), "down")).encode(), "not a finite number"),
    ],
)
def test_no_drawing(content: bytes, says: str) -> None:
    with pytest.raises(SketchRNNError) as error:
        parse(content, "here")
    assert str(error.value).startswith(("here: ", "here, drawing 1: "))
    assert says in str(error.value)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 300


def test_too_many_points() -> None:
    document = json.dumps({"strokes": [{"points": [[0, 0]] * 100_001}]})
    with pytest.raises(SketchRNNError, match="has more than 100,000 points"):
        parse(document.encode(), "a.json")


def test_the_largest_coordinates_are_drawn(model: Model) -> None:
    given = parse(b'{"strokes": [{"points": [[-1e9, 1e9], [1e9, 0]]}]}', "a.json")
    one = fitted(model, given, as_is=False)
    (drawn,) = model.reconstruct(one.sketch, temperature=0, seed=1)
    assert "nan" not in one.back(drawn).to_svg()


def test_a_title_that_is_no_class_is_read_as_it_is() -> None:
    document = Sketch(SHAPE.polylines, "two\nlines").to_json()
    assert parse(json.dumps(document).encode(), "a.json").sketch.label == "two\nlines"
    streamed = points(*[(0, 0, "down")] * 100_001)
    with pytest.raises(SketchRNNError, match="a: has 100,001 points, more than 100,000"):
        parse(streamed.encode(), "a")


def test_standard_input_is_read_once(model: Model) -> None:
    with pytest.raises(SketchRNNError, match="name it once"):
        read_given(model, ["-", "-"])


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.floats(), st.integers(), st.text(max_size=3)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.sampled_from(["strokes", "points", "rows", "label", "x", "y", "pen", "drawing"]),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=12,
)


def only_clear_errors(content: bytes) -> None:
    try:
        found = parse(content, "x")
    except SketchRNNError:
        return
    assert all(np.isfinite(line).all() for line in found.sketch.polylines)


@given(st.one_of(st.binary(max_size=80), st.text(max_size=80).map(str.encode)))
def test_garbage(content: bytes) -> None:
    only_clear_errors(content)


@given(st.lists(json_values, min_size=1, max_size=4))
def test_garbage_in_json(values: list[Any]) -> None:
    only_clear_errors("\n".join(map(json.dumps, values)).encode())
    only_clear_errors(json.dumps({"strokes": [{"points": value} for value in values]}).encode())


WHERES = st.text("0123456789/:typicaltrainpgx -#", max_size=16)


@given(where=WHERES)
def test_garbage_after_the_data(model: Model, data: Path, where: str) -> None:
    try:
        (found,) = read_given(model, [f"{data}#{where}"])
    except SketchRNNError:
        return
    assert found.ended


# Made fit, and back ------------------------------------------------------------------------------


def test_a_drawing_from_outside_is_fitted_and_comes_back(model: Model, tmp_path: Path) -> None:
    far = SHAPE.scaled(0.01).moved(700, -300)
    far.save(tmp_path / "far.json")
    (one,) = read_inputs(model, [str(tmp_path / "far.json")], as_is=False)
    assert max(one.sketch.size) == pytest.approx(255.0)
    assert one.sketch.start == (0, 0)
    assert one.given.sketch == far
    back = one.back(one.sketch)
    np.testing.assert_allclose(back.bounds, far.bounds, atol=1e-9)
    (same,) = read_inputs(model, [str(tmp_path / "far.json")], as_is=True)
    assert same.sketch == far
    assert same.back(SHAPE) is SHAPE
    assert same.notes == one.notes == []


def test_what_has_too_many_points_is_said(model: Model, tmp_path: Path) -> None:
    angle = np.linspace(0, 60, 400)
    spiral = np.stack([angle * np.cos(angle), angle * np.sin(angle)], axis=1)
    Sketch.from_polylines([spiral]).save(tmp_path / "spiral.json")
    (one,) = read_inputs(model, [str(tmp_path / "spiral.json")], as_is=False)
    assert len(one.sketch.to_stroke3()) <= model.N_max
    (note,) = one.notes
    assert "spiral.json: simplified" in note
    cross = [[[i, 0], [i, 9]] for i in range(15)]
    Sketch.from_polylines(cross).save(tmp_path / "cross.json")
    with pytest.raises(SketchRNNError, match=r"cross\.json: the drawing has 15 strokes"):
        read_inputs(model, [str(tmp_path / "cross.json")], as_is=False)


@pytest.mark.parametrize("outside", [True, False])
def test_too_many_points_as_it_is(model: Model, outside: bool) -> None:
    """N_max 20: 21 points are 20 rows."""
    line = np.column_stack([np.arange(22), np.arange(22) % 2])
    most = Given(Sketch.from_polylines([line[:21]]), "own.json", outside=outside)
    assert fitted(model, most, as_is=True).sketch == most.sketch
    more = Given(Sketch.from_polylines([line]), "own.json", outside=outside)
    with pytest.raises(
        SketchRNNError, match=r"^own\.json: has 22 points; model reads 2 to 21: "
    ) as e:
        fitted(model, more, as_is=True)
    assert ("leave out --as-is" in str(e.value)) == outside


def test_places_are_mixed(model: Model) -> None:
    """Between two drawings, the size is between theirs, and so is the place."""
    small, large = SHAPE.scaled(0.1).moved(5, 5), SHAPE.scaled(10).moved(-800, 300)
    inputs = [fitted(model, Given(one, "x"), as_is=False) for one in (small, large)]
    drawn = inputs[0].sketch
    for share in (0.0, 0.25, 1.0):
        found = mixed(inputs, (1 - share, share), drawn)
        start = (1 - share) * np.array(small.start) + share * np.array(large.start)
        size = (1 - share) * np.array(small.size) + share * np.array(large.size)
        np.testing.assert_allclose(found.start, start, atol=1e-9)
        np.testing.assert_allclose(found.size, size, rtol=0.02)
    own = [Input(Given(one, "x", outside=False), one) for one in (small, large)]
    assert mixed(own, (0.5, 0.5), drawn) is drawn


# First parts -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cut", "counts", "pen"),
    [
        ({"strokes": 1}, [3], "up"),
        ({"strokes": 2}, [3, 1], "up"),
        ({"points": 1}, [1], "down"),
        ({"points": 2}, [2], "down"),
        ({"points": 3}, [3], "up"),
        ({"points": 4}, [3, 1], "up"),
        ({"points": 5}, [3, 1, 1], "down"),
    ],
)
def test_first_parts(cut: dict[str, int], counts: list[int], pen: str) -> None:
    whole = Given(SHAPE, "x", ended=True)
    part = first_part(whole, **({"strokes": None, "points": None} | cut))
    assert [len(line) for line in part.sketch.polylines] == counts
    for line, full in zip(part.sketch.polylines, SHAPE.polylines, strict=False):
        assert np.array_equal(line, full[: len(line)])
    assert (part.pen, part.ended, part.sketch.label) == (pen, False, "cat")


def test_all_of_an_unfinished_drawing_is_a_part() -> None:
    open_end = Given(SHAPE, "x", pen="down")
    for cut in ({}, {"points": 6}):
        assert first_part(open_end, **({"strokes": None, "points": None} | cut)) is open_end


@pytest.mark.parametrize("pen", [None, "down"])
def test_after_all_strokes_the_pen_is_up(pen: Any) -> None:
    part = first_part(Given(SHAPE, "x", pen=pen), strokes=3, points=None)
    assert (part.sketch, part.pen) == (SHAPE, "up")


@pytest.mark.parametrize(
    ("cut", "ended", "says"),
    [
        ({}, True, "has ended, so there is nothing to complete"),
        ({"strokes": 3}, True, "the drawing has 3 strokes, and has ended"),
        ({"points": 6}, True, "the drawing has 6 points, and has ended"),
        ({"strokes": 4}, False, "the drawing has 3 strokes: --strokes 4 leaves nothing"),
        ({"points": 7}, False, "the drawing has 6 points: --points 7 leaves nothing"),
        ({"strokes": 0}, False, "--strokes must be at least 1, got 0"),
        ({"points": -2}, True, "--points must be at least 1, got -2"),
    ],
)
def test_no_part(cut: dict[str, int], ended: bool, says: str) -> None:
    with pytest.raises(SketchRNNError) as error:
        first_part(Given(SHAPE, "x", ended=ended), **({"strokes": None, "points": None} | cut))
    assert says in str(error.value)
