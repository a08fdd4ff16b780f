"""Drawings of any file without splits, and of folder trees."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sketchrnn.data.formats import class_name, kind_of, read, records
from sketchrnn.data.formats.records import Record, Skipped
from sketchrnn.errors import SketchRNNError
from sketchrnn.sketch import Sketch

LINES = [[[0, 0], [200, 0], [200, 100]], [[5, 5], [9, 9]]]
SKETCH = Sketch.from_polylines(LINES, "a title")
CSV = "drawing,stroke,x,y\n1,1,0,0\n1,1,5,5\n"
NDJSON = '{"word": "pig", "drawing": [[[0, 5], [0, 5]]]}\n{"drawing": [[[0, 5], [0, 5]]]}\n'


def write(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Pets: cats in SVG and JSON, two folders deep; dogs in a table and in lines; and the rest."""
    root = tmp_path / "pets"
    write(root / "cat" / "2.svg", SKETCH.to_svg())
    write(root / "cat" / "10.SVG", SKETCH.to_svg())
    write(root / "cat" / "big cat" / "1.json", json.dumps(SKETCH.to_json()))
    write(root / "dog" / "all.csv", CSV)
    write(root / "dog" / "all.ndjson", NDJSON)
    write(root / "one.svg", SKETCH.to_svg())
    write(root / ".hidden.svg", SKETCH.to_svg())
    write(root / ".hidden" / "1.svg", SKETCH.to_svg())
    return root


def found(
    source: Path, skip: Callable[[Skipped], None] | None = None
) -> list[tuple[str, str | None]]:
    """Where each drawing is, seen from the source, and its class."""
    return [
        (record.where.removeprefix(f"{source}/"), record.label)
        for record in records(source, skip=skip)
    ]


TREE = [
    ("one.svg", "pets"),
    ("cat/10.SVG", "cat"),
    ("cat/2.svg", "cat"),
    ("cat/big cat/1.json", "big cat"),
    ("dog/all.csv, line 2", "dog"),
    ("dog/all.ndjson, line 1", "pig"),
    ("dog/all.ndjson, line 2", "dog"),
]


def test_a_folder_tree(tree: Path) -> None:
    assert found(tree) == TREE
    assert kind_of(tree) == "folder"
    assert class_name(tree) == "pets"
    raw = {record.label: record.raw for record in records(tree)}
    assert raw == {"pets": True, "cat": True, "big cat": True, "dog": False, "pig": False}


def test_a_folder_tree_is_a_data_set(tree: Path) -> None:
    data = read(tree)
    assert data.classes == ("pets", "cat", "big cat", "dog", "pig")
    assert data.name == "pets"
    line, _ = data.sketch("train", 0).polylines
    np.testing.assert_allclose(line, [[0, 0], [255, 0], [255, 128]], atol=1)  # raw: in the box


def test_what_cannot_be_read_is_said_and_passed_over(tree: Path) -> None:
    write(tree / "cat" / "bad.svg", "<svg")
    write(tree / "cat" / "empty.json", "")
    write(tree / "dog" / "half.ndjson", NDJSON + "{")
    for name in ("a.txt", "b.txt", "cat/c.PNG", "d.npz", "e"):
        write(tree / name, "x")
    said: list[Skipped] = []
    expected = [*TREE, ("dog/half.ndjson, line 1", "pig"), ("dog/half.ndjson, line 2", "dog")]
    assert found(tree, said.append) == expected
    lines = [str(one).replace(f"{tree}/", "") for one in said]
    assert [line.partition(": ")[0] for line in lines[:3]] == [
        "skipped cat/bad.svg",
        "skipped cat/empty.json",
        "read up to dog/half.ndjson, line 2",
    ]
    assert ": 2 drawings kept, but dog/half.ndjson, line 3: is not a Quick" in lines[2]
    assert [(one.drawings, one.by_rule) for one in said] == [
        (0, False),
        (0, False),
        (2, False),
        (0, True),
    ]
    rest = f"{tree}: left out, with other endings: 5 files (.txt, .npz, no ending, .png)"
    assert lines[3] == rest
    with pytest.raises(SketchRNNError, match=r"bad\.svg: is no SVG"):
        found(tree)


def test_links_that_leave_the_folder_are_not_followed(tree: Path, tmp_path: Path) -> None:
    outside = write(tmp_path / "secret" / "1.svg", SKETCH.to_svg())
    (tree / "link.svg").symlink_to(outside)
    (tree / "folder").symlink_to(outside.parent)
    (tree / "around").symlink_to(tree)
    (tree / "zone.svg").symlink_to(tree / "one.svg")
    (tree / "nowhere.svg").symlink_to(tree / "not there")
    (tree / "loop.svg").symlink_to(tree / "loop.svg")
    said: list[Skipped] = []
    assert found(tree, said.append) == [TREE[0], ("zone.svg", "pets"), *TREE[1:]]
    (one,) = said
    assert one.by_rule
    assert str(one).endswith("left out, as links are followed only to files in it: 3 files")


def test_named_files(tree: Path) -> None:
    (record,) = records(tree / "cat" / "2.svg")
    assert (record.label, record.raw, record.where) == (None, True, str(tree / "cat/2.svg"))
    names = {
        "cat/2.svg": "cat",
        "cat/big cat/1.json": "big cat",
        "dog/all.csv": "all",
        "dog/all.ndjson": "all",
    }
    assert {name: class_name(tree / name) for name in names} == names
    assert kind_of(tree / "cat" / "10.SVG") == "svg"
    assert kind_of(write(tree / "drawing", b"\xef\xbb\xbf\n <svg/>")) == "svg"


def test_what_was_left_out_is_counted(tmp_path: Path) -> None:
    path = write(tmp_path / "a.svg", '<svg><text>a</text><text/><path d="M0 0L9 9"/></svg>')
    (record,) = records(path)
    assert record.left_out == {"text": 2}
    assert Record((), None, "x").left_out == {}


def test_named_files_that_cannot_be_read(tmp_path: Path) -> None:
    """One drawing more or less is no matter; a file of many is."""
    for name, content in {"a.svg": "<svg", "b.json": '{"strokes": 5}', "c.json": "x"}.items():
        said: list[Skipped] = []
        path = write(tmp_path / name, content)
        assert found(path, said.append) == []
        assert len(said) == 1
        assert str(said[0]).startswith(f"skipped {path}")
        with pytest.raises(SketchRNNError):
            found(path)
    for name, content in {
        "a.csv": CSV + "1",
        "a.ndjson": NDJSON + "{",
        "a.bin": "xyz",
        "all.json": "[5]",
    }.items():
        with pytest.raises(SketchRNNError, match=name):
            found(write(tmp_path / name, content), said.append)
    with pytest.raises(SketchRNNError, match=r"not\.svg: there is no such file"):
        found(tmp_path / "not.svg", said.append)
    with pytest.raises(SketchRNNError, match=r"a\.svgz: is not a whole gzip file"):
        found(write(tmp_path / "a.svgz", b"\x1f\x8b12345"))


def test_a_folder_without_drawings(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    write(tmp_path / "a" / "note.txt", "x")
    with pytest.raises(SketchRNNError, match="is a folder without any drawing"):
        found(tmp_path)
    for number in range(102):
        tmp_path /= str(number)
    tmp_path.mkdir(parents=True)
    with pytest.raises(SketchRNNError, match="more than 100 folders inside each other"):
        found(tmp_path.parents[101])


def test_folders_that_cannot_name_a_class(tmp_path: Path) -> None:
    for name in ("a\nb", "x" * 250 + "\N{RIGHT-TO-LEFT OVERRIDE}"):
        path = write(tmp_path / name[:80] / "1.svg", SKETCH.to_svg())
        if name[:80].isprintable():
            continue
        said: list[Skipped] = []
        with pytest.raises(SketchRNNError, match="without any drawing"):
            found(path.parent, said.append)
        assert "cannot be printed" in str(said[0])
        assert "\n" not in str(said[0])
    with pytest.raises(SketchRNNError, match="cannot be printed"):
        class_name(write(tmp_path / "a\tb" / "1.svg", SKETCH.to_svg()))


def test_class_names_have_one_spelling(tmp_path: Path) -> None:
    """An accented letter as one character (NFC), or as a letter and an accent (NFD)."""
    composed, apart = "caf\u00e9", "cafe\u0301"
    for number, name in enumerate((composed, apart)):
        write(tmp_path / "all" / name / f"{number}.svg", SKETCH.to_svg())
    assert read(tmp_path / "all").classes == (composed,)
    assert class_name(write(tmp_path / f"{apart}.csv", CSV)) == composed
    words = write(tmp_path / "words.ndjson", NDJSON.replace("pig", apart))
    assert read(words).classes == (composed, "words")


def test_a_file_as_a_browser_saves_it_has_its_class(tmp_path: Path) -> None:
    """`full/binary/cat.bin` of QuickDraw becomes full_binary_cat.bin."""
    names = {
        "full_binary_cat.bin": "cat",
        "full_binary_hot air balloon.bin": "hot air balloon",
        "cat.bin": "cat",
        "full_binary_cat.csv": "full_binary_cat",
    }
    assert {name: class_name(write(tmp_path / name, CSV)) for name in names} == names


def test_what_is_said_of_a_file_is_one_line() -> None:
    last = Skipped("a\x1b[2J.csv, line 9: is\nbad", drawings=1_000, last="a\nb.csv, line 8")
    assert str(last) == (
        "read up to a b.csv, line 8: 1,000 drawings kept, but a\ufffd[2J.csv, line 9: is bad"
    )


def test_a_set_in_memory_is_named_by_the_last_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sketchrnn.data.formats import memory

    assert read(write(tmp_path / "all" / "a.csv", CSV)).provenance == ("a.csv",)
    assert read(f"{tmp_path / 'all'}/").provenance == ("all",)
    monkeypatch.setattr(memory, "DRAWINGS_LIMIT", 0)
    for where in ("x/a.csv", "x\\a.csv"):
        with pytest.raises(SketchRNNError, match=r"prepare a\.csv -o a\.sketches"):
            memory.collect(records(tmp_path / "all" / "a.csv"), where, "a")
