"""JSON with named fields: all its shapes, the schema beside the reader, and files that are none."""

from __future__ import annotations

import io
import json
import tracemalloc
from importlib import resources
from pathlib import Path
from typing import Any

import ijson
import jsonschema  # type: ignore[import-untyped]
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sketchrnn.data.formats import json_drawings, read
from sketchrnn.data.formats.records import Record
from sketchrnn.errors import SketchRNNError
from sketchrnn.figures.sheet import SketchSheet
from sketchrnn.sketch import Sketch

SCHEMA = json.loads(
    resources.files("sketchrnn.data.formats").joinpath("drawing.schema.json").read_text("utf-8")
)
CAT = {"strokes": [{"points": [[0, 0], [2.5, -3e1]]}, {"points": [[4, 4]]}], "label": "cat"}
DOG = {"label": "dog", "strokes": [{"points": [[1, 1], [9, 9]], "color": ["red", {}]}], "id": 5}


def accepts(document: object) -> bool:
    """Whether the schema does."""
    return jsonschema.Draft202012Validator(SCHEMA).is_valid(document)


def records(path: Path, content: object) -> list[Record]:
    if isinstance(content, str):
        content = content.encode()
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return list(json_drawings.records(path))


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize(
    ("document", "places"),
    [
        ([CAT, DOG], (", drawing 1", ", drawing 2")),
        ([CAT, None, DOG], (", drawing 1", ", drawing 2")),
        ({"drawings": [CAT, DOG], "width_px": 5}, (", drawing 1", ", drawing 2")),
        ({"title": "t", "rows": [[None, CAT], [DOG], []]}, (", drawing 1", ", drawing 2")),
    ],
)
def test_several_drawings(tmp_path: Path, document: Any, places: tuple[str, str]) -> None:
    path = tmp_path / "all.json"
    first, second = records(path, document)
    assert [line.tolist() for line in first.polylines] == [[[0, 0], [2.5, -30]], [[4, 4]]]
    assert (first.label, first.raw, first.where) == ("cat", True, f"{path}{places[0]}")
    assert [line.tolist() for line in second.polylines] == [[[1, 1], [9, 9]]]
    assert (second.label, second.where) == ("dog", f"{path}{places[1]}")
    assert not json_drawings.holds_one(path)
    assert accepts(document)
    assert read(path).classes == ("cat", "dog")


def test_one_drawing(tmp_path: Path) -> None:
    path = tmp_path / "cats" / "1.json"
    path.parent.mkdir()
    for document in (CAT, DOG):
        (record,) = records(path, document)
        assert (record.label, record.where) == (document["label"], str(path))
        assert json_drawings.holds_one(path)
        assert accepts(document)
    (record,) = records(path, {"strokes": CAT["strokes"], "label": None})
    assert record.label is None
    assert read(path).classes == ("cats",)
    (empty,) = records(path, {"strokes": []})
    assert empty.polylines == ()


def test_what_we_write(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    sketches = [
        Sketch.from_polylines([rng.normal(0, 1e6, (n, 2)) for n in (3, 1, 7)], label)
        for label in ("cat", None, "a dög")
    ]
    for sketch in sketches:
        sketch.save(tmp_path / "one.json")
        (record,) = json_drawings.records(tmp_path / "one.json")
        assert Sketch(record.polylines, record.label) == sketch
        assert accepts(json.loads((tmp_path / "one.json").read_text("utf-8")))
    sheet = SketchSheet([[sketches[0], None], sketches[1:]], title="t", row_labels=["a", "b"])
    sheet.save(tmp_path / "sheet.json")
    found = list(json_drawings.records(tmp_path / "sheet.json"))
    assert [Sketch(record.polylines, record.label) for record in found] == sketches
    assert accepts(json.loads((tmp_path / "sheet.json").read_text("utf-8")))


def points(text: str) -> str:
    return f'[{json.dumps(CAT)}, {{"strokes": [{{"points": {text}}}]}}]'


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is damaged JSON"),
        ("hello", "is damaged JSON"),
        ("[", "is damaged JSON"),
        (json.dumps([CAT])[:-1], "drawing 1: is damaged JSON"),
        (json.dumps(CAT) * 2, "is damaged JSON"),
        (json.dumps([CAT]) + "x", "is damaged JSON"),
        ("\N{LATIN SMALL LETTER O WITH DIAERESIS}".encode("latin-1"), "is damaged JSON"),
        ("5", "holds no drawing; expected"),
        ("null", "holds no drawing"),
        ("{}", "holds no drawing"),
        ('{"word": "cat", "drawing": [[[0, 1], [0, 1]]]}', "holds no drawing"),
        ("[[[0, 1], [2, 3]]]", "drawing 1: a drawing is"),
        ("[{}]", "drawing 1: a drawing is"),
        ('{"strokes": 5}', "strokes must be a list"),
        ('{"drawings": 5}', "drawings must be a list"),
        ('{"rows": [5]}', "a row must be a list"),
        ('{"strokes": [], "drawings": []}', '"strokes" and "drawings"'),
        ('{"strokes": [], "strokes": []}', '"strokes" and "strokes"'),
        ('{"strokes": [{}]}', "a stroke is"),
        ('{"strokes": [[[0, 1]]]}', "a stroke is"),
        ('{"strokes": [], "label": 5}', '"label" is the name of a class'),
        ('{"strokes": [], "label": ["cat"]}', '"label" is the name of a class'),
        ('{"strokes": [], "label": "a\\nb"}', '"label" is the name of a class'),
        (json.dumps({"strokes": [], "label": "x" * 256}), "in at most 255"),
        (points("[]"), "drawing 2: a stroke needs"),
        (points("5"), "drawing 2: points are a list of [x, y]"),
        (points("[5, 6]"), "drawing 2: points are a list of [x, y]"),
        (points("[[5]]"), "drawing 2: points are a list of [x, y]"),
        (points("[[5, 6, 7]]"), "drawing 2: points are a list of [x, y]"),
        (points('[[5, "6"]]'), "drawing 2: points are a list of [x, y]"),
        (points("[[5, true]]"), "drawing 2: points are a list of [x, y]"),
        (points("[[[5], 6]]"), "drawing 2: points are a list of [x, y]"),
        (points("[[5, 1.1e9]]"), "drawing 2: a coordinate is not a number up to 1e"),
        (points("[[5, NaN]]"), "is damaged JSON"),
        (points("[[5, 1e999]]"), "is damaged JSON"),
        (points("[[5, 1" + "0" * 400 + "]]"), "is damaged JSON"),
        (points("[[0, 0]" + ", [0, 0]" * 100_000 + "]"), "drawing 2: has more than 100,000 points"),
        ("[" * 100_000, "drawing 1: a drawing is"),
        ('{"a": ' + "[" * 100_000, "has more than 100 lists inside each other"),
    ],
)
def test_what_is_no_drawing(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(SketchRNNError) as caught:
        records(tmp_path / "a.json", text)
    assert str(caught.value).startswith(str(tmp_path / "a.json"))
    assert says in str(caught.value)
    assert len(str(caught.value)) < 350 + len(str(tmp_path))
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return
    taken_by_json = "NaN" in text or '"strokes": [], "strokes"' in text
    if len(text) < 100_000 and not taken_by_json:
        assert not accepts(document)


leaves = st.one_of(
    st.none(), st.booleans(), st.floats(-2e9, 2e9), st.integers(-9, 9), st.text("a\n", max_size=3)
)
pairs = st.one_of(st.lists(st.integers(-5, 5), min_size=2, max_size=2), leaves)
one_stroke = st.fixed_dictionaries(
    {"points": st.one_of(st.lists(pairs, max_size=3), leaves)}, optional={"key": leaves}
)
one_drawing = st.one_of(
    st.fixed_dictionaries(
        {"strokes": st.one_of(st.lists(one_stroke, max_size=2), leaves)},
        optional={"label": leaves, "drawings": leaves},
    ),
    leaves,
)
some = st.one_of(st.lists(one_drawing, max_size=3), leaves)
documents = st.one_of(
    one_drawing,
    some,
    st.fixed_dictionaries({"drawings": some}, optional={"rows": some, "label": leaves}),
    st.fixed_dictionaries({"rows": st.one_of(st.lists(some, max_size=2), leaves)}),
    st.dictionaries(st.sampled_from(["strokes", "rows", "drawings", "x"]), some),
)


@settings(max_examples=300)
@given(documents)
@example({"strokes": [], "label": "\n"})  # "$" of a pattern stands before a last new line, too
def test_the_schema_says_what_the_reader_does(document: Any) -> None:
    reader = json_drawings._Reader(io.BytesIO(json.dumps(document).encode()), "x")
    try:
        found = list(reader.drawings())
    except SketchRNNError:
        assert not accepts(document)
    else:
        assert accepts(document)
        assert all(len(line) for record in found for line in record.polylines)


def test_the_reader_does_not_need_the_library_in_c(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where ijson has no wheel, it reads in Python."""
    monkeypatch.setattr(ijson, "basic_parse", ijson.get_backend("python").basic_parse)
    first, second = records(tmp_path / "a.json", b"\xef\xbb\xbf" + json.dumps([CAT, DOG]).encode())
    assert (first.label, second.label) == ("cat", "dog")
    for text in ("[1" + "0" * 5000 + "]", points("[[5, 1" + "0" * 400 + "]]"), '["\\ud800"]', "[1"):
        with pytest.raises(SketchRNNError):
            records(tmp_path / "a.json", text)


def peak(path: Path) -> int:
    """Bytes that reading took at most."""
    tracemalloc.start()
    try:
        for _ in json_drawings.records(path):
            pass
    except SketchRNNError as error:
        assert "MiB of text" in str(error)  # noqa: PT017
    finally:
        taken = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return taken


def test_a_large_file_takes_little_memory(tmp_path: Path) -> None:
    drawing = {"strokes": [{"points": [[i, i / 7] for i in range(50)]}]}
    path = tmp_path / "large.json"
    path.write_text(json.dumps({"drawings": [drawing] * 1000}), encoding="utf-8")
    small = peak(path)
    path.write_text(json.dumps({"drawings": [drawing] * 2000}), encoding="utf-8")
    assert path.stat().st_size > 2_000_000
    assert peak(path) - small < 20_000


@pytest.mark.parametrize(
    ("begin", "filling"),
    [
        ('{"title": "', "x"),
        ('{"title": [', "0,"),
        ('{"rows": [', "[],"),
        ('{"drawings": [', "null, "),
        ("", " "),
        ('{"strokes": [', '{"points": [[0, 0]]},'),
    ],
)
def test_text_without_a_drawing_does_not_fill_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begin: str, filling: str
) -> None:
    monkeypatch.setattr(json_drawings, "TEXT_LIMIT_BYTES", 200_000)
    path = tmp_path / "bomb.json"
    path.write_text(begin + filling * (1_000_000 // len(filling)))
    assert peak(path) < 12_000_000
