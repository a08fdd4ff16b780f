"""Every format by its ending, the verb `convert`, and the page options of the verbs that draw."""

from __future__ import annotations

import io
import json
import re
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from sketchrnn.data.formats import ndjson, npz, read, records
from sketchrnn.errors import SketchRNNError
from sketchrnn.figures.sheet import SketchSheet
from sketchrnn.registry import ending_of, endings
from sketchrnn.sketch import Sketch
from tiny import Shell, listing, write_ndjson

SVG = "{http://www.w3.org/2000/svg}"
HAND = Sketch.from_polylines([[[7.0, 9.0], [7.2, 9.1], [7.5, 8.7]], [[7.1, 9.0], [7.1, 8.8]]])
BEGIN = {
    ".svg": b"<svg",
    ".anim.svg": b"<svg",
    ".png": b"\x89PNG",
    ".pdf": b"%PDF",
    ".gif": b"GIF89a",
    ".webp": b"RIFF",
    ".json": b"{",
    ".npz": b"PK",
    ".ndjson": b"{",
}


@pytest.fixture
def shell(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Shell:
    """In a folder with a drawing, a data file of 12, and a picture of several."""
    monkeypatch.chdir(tmp_path)
    HAND.save("hand.svg")
    HAND.save("hand.json")
    write_ndjson(tmp_path / "two.ndjson", 12)
    return Shell(capsys)


def paths(file: str) -> int:
    root = ElementTree.fromstring(Path(file).read_text("utf-8"))
    return sum(1 for _ in root.iter(f"{SVG}path"))


def same(ours: Sketch, theirs: Sketch, atol: float) -> None:
    assert len(ours.polylines) == len(theirs.polylines)
    for a, b in zip(ours.polylines, theirs.polylines, strict=True):
        np.testing.assert_allclose(a, b, atol=atol)


# Saving ------------------------------------------------------------------------------------------


def test_every_ending_of_a_drawing_and_of_a_sheet(tmp_path: Path) -> None:
    pytest.importorskip("fpdf")
    every = set(endings(writes="drawing"))
    assert set(BEGIN) == every == {*endings(writes="page"), *endings(writes="data")}
    sheet = SketchSheet([[HAND, None], [HAND, HAND]], title="Three")
    for what, count in ((HAND, 1), (sheet, 3)):
        for ending, begin in BEGIN.items():
            path = tmp_path / f"a{ending.upper()}"
            what.save(path, seconds=0.3)
            assert path.read_bytes().startswith(begin), ending
        assert len(npz.read(tmp_path / "a.NPZ").train) == count
        assert len(list(ndjson.records(tmp_path / "a.NDJSON"))) == count
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        f"a{ending.upper()}" for ending in BEGIN
    )


def test_endings() -> None:
    assert ending_of("a/b.Anim.SVG") == ".anim.svg"
    assert ending_of("a.b/anim.svg") == ".svg"
    assert ending_of("a") == ""


@pytest.mark.parametrize(
    ("module", "ending", "package"),
    [("fpdf", "pdf", "fpdf2"), ("PIL", "gif", "pillow"), ("PIL", "webp", "pillow")],
)
def test_a_missing_package_is_named_in_one_line(
    shell: Shell,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    module: str,
    ending: str,
    package: str,
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    before = listing(tmp_path)
    says = f"a.{ending}: .{ending} needs the package {package}: pip install 'sketchrnn[pictures]'"
    with pytest.raises(SketchRNNError, match=re.escape(says)):
        HAND.save(f"a.{ending}")
    loaded: list[object] = []
    monkeypatch.setattr("sketchrnn.drawing.live.load_live", lambda *_, **__: loaded.append(1))
    for line in (f"convert hand.svg -o a.{ending}", f"generate sun -o a.{ending}"):
        assert shell(*line.split()) == 2
        assert shell.err == f"sketchrnn: error: {says}\n"
    assert not loaded
    assert listing(tmp_path) == before


def test_a_drawing_as_a_pdf_is_itself_at_any_size(tmp_path: Path) -> None:
    pytest.importorskip("fpdf")
    from test_page import pdf_lines

    for factor in (1e-6, 1, 1e6):
        HAND.scaled(factor).moved(1e3 * factor, -7 * factor).save(tmp_path / "a.pdf")
        _, lines = pdf_lines((tmp_path / "a.pdf").read_bytes())
        ours = Sketch.from_polylines(lines)
        same(ours.fitted(100, 100), HAND.fitted(100, 100), 0.1)


def test_films_and_pngs_of_a_drawing_far_away_and_small(tmp_path: Path) -> None:
    HAND.scaled(1e-3).moved(1e6, 1e6).save(tmp_path / "far.gif", seconds=0.2)
    HAND.save(tmp_path / "near.gif", seconds=0.2)
    far, near = ((tmp_path / f"{name}.gif").read_bytes() for name in ("far", "near"))
    last = []
    for content in (far, near):
        image = Image.open(io.BytesIO(content))
        image.seek(image.n_frames - 1)  # type: ignore[attr-defined]
        last.append(np.asarray(image.convert("L"), dtype=np.float64))
    assert last[0].shape == last[1].shape
    assert np.abs(last[0] - last[1]).mean() < 1


# convert -----------------------------------------------------------------------------------------


def test_one_drawing_keeps_its_place(shell: Shell) -> None:
    assert shell("convert", "hand.json", "-o", "back.svg") == 0
    assert shell.err == "wrote back.svg\n"
    assert Path("back.svg").read_text() == Path("hand.svg").read_text()
    assert shell("convert", "hand.svg", "-o", "back.json") == 0
    same(Sketch.load("back.json"), HAND, 0.01)
    assert shell("convert", "hand.json", "-o", "-") == 0
    assert shell.out == Path("hand.svg").read_text()
    assert shell("convert", "hand.json", "-o", "back.npz") == 0
    same(npz.read(Path("back.npz")).sketch("train", 0).moved(*HAND.start), HAND, 1e-6)


def test_a_data_file_and_back(shell: Shell) -> None:
    original = list(ndjson.records(Path("two.ndjson")))
    lost = "an .npz has no classes, so the 2 of these drawings are one in it; .ndjson and .json"
    for line, says in (
        ("convert two.ndjson -o a.npz", f"{lost} keep them\n"),
        ("convert a.npz -o b.json", ""),
        ("convert b.json -o c.ndjson", ""),
    ):
        assert shell(*line.split()) == 0
        assert shell.err == f"12 drawings\n{says}wrote {line.split()[-1]}\n"
    for record, back in zip(original, ndjson.records(Path("c.ndjson")), strict=True):
        ours, theirs = (
            Sketch.from_polylines(back.polylines),
            Sketch.from_polylines(record.polylines),
        )
        same(ours, theirs.moved(*(a - b for a, b in zip(ours.start, theirs.start, strict=True))), 0)


def test_the_splits_of_a_data_file_stay(shell: Shell) -> None:
    shell("data", "prepare", "two.ndjson", "-o", "two.sketches", "--valid", "2", "--test", "3")
    data = read(Path("two.sketches"))
    assert shell("convert", "two.sketches", "-o", "two.npz") == 0
    back = npz.read(Path("two.npz"))
    for name in ("train", "valid", "test"):
        assert len(back.split(name)) == len(data.split(name)) > 0
        for index in range(len(data.split(name))):
            same(back.sketch(name, index), data.sketch(name, index), 0)
    assert shell("convert", "two.npz", "--split", "test", "-o", "test.npz") == 0
    assert len(npz.read(Path("test.npz")).train) == len(data.test)


def test_splits_that_a_format_does_not_keep_are_named(shell: Shell) -> None:
    shell("data", "prepare", "two.ndjson", "-o", "two.sketches", "--valid", "2", "--test", "3")
    for ending in ("json", "ndjson"):
        assert shell("convert", "two.sketches", "-o", f"a.{ending}") == 0
        assert shell.err == (
            f"12 drawings\n.{ending} has no splits, so train, valid and test are together in"
            f" it; .npz keeps them, or take one with --split\nwrote a.{ending}\n"
        )
        assert shell("convert", "two.sketches", "--split", "train", "-o", f"a.{ending}") == 0
        count = len(read(Path("two.sketches")).train)
        assert shell.err == f"{count} drawings\nwrote a.{ending}\n"


@pytest.mark.parametrize("output", ["back.ndjson", "back.json", "back.npz", "back.svg"])
def test_copies_are_not_taken_for_drawings(shell: Shell, output: str) -> None:
    line = "data prepare two.ndjson -o two.sketches --valid 2 --test 2 --copies 2 --turn 9"
    assert shell(*line.split()) == 0
    data = read(Path("two.sketches"))
    originals = {
        (name, index): data.sketch(name, index)
        for name in ("train", "valid", "test")
        for index in range(len(data.split(name)) // (3 if name == "train" else 1))
    }
    assert len(originals) == 12
    assert len(data.train) == 3 * 4
    assert shell("convert", "two.sketches", "-o", output) == 0
    assert shell.err.startswith("two.sketches: left out 8 copies of training drawings\n")
    if output.endswith("svg"):
        assert paths(output) == 2 * 12
        return
    if output.endswith("npz"):
        back = [npz.read(Path(output)).sketch(*key) for key in originals]
    else:
        found = list(records(output))
        assert len(found) == 12
        back = [Sketch.from_polylines(record.polylines) for record in found]
    for ours, theirs in zip(back, originals.values(), strict=True):
        same(ours, theirs.moved(*(a - b for a, b in zip(ours.start, theirs.start, strict=True))), 0)
    assert shell("convert", "two.sketches", "--split", "test", "-o", output) == 0
    assert "copies" not in shell.err


def test_the_class_of_a_file_of_one_drawing_is_its_folder(shell: Shell) -> None:
    Path("ti").mkdir()
    for number in range(3):
        HAND.moved(number, 0).save(f"ti/{number}.svg")
        text = Path(f"ti/{number}.svg").read_text()
        title = f"<title>Untitled-{number}</title><g"
        Path(f"ti/{number}.svg").write_text(text.replace("<g", title, 1))
    files = [f"ti/{number}.svg" for number in range(3)]
    assert shell("data", "prepare", *files, "-o", "ti.sketches") == 0
    assert read(Path("ti.sketches")).classes == ("ti",)
    for output in ("a.ndjson", "a.json"):
        assert shell("convert", *files, "-o", output) == 0
        assert [record.label for record in records(output)] == ["ti"] * 3
        assert shell("convert", "ti", "-o", output, "--force") == 0
        assert [record.label for record in records(output)] == ["ti"] * 3
    assert shell("convert", *files, "-o", "a.npz") == 0
    assert "classes" not in shell.err
    # as a picture it keeps its title, whatever is written beside it
    assert shell("convert", files[0], "-o", "b.svg", "--each", "e", "--as", "ndjson") == 0
    assert Sketch.load("b.svg").label == "Untitled-0"
    assert [record.label for record in records("e")] == ["ti"]
    # what a drawing says itself, other than by a title, stays
    Path("sun.json").write_text(json.dumps(Sketch(HAND.polylines, "sun").to_json()))
    assert shell("convert", "sun.json", files[0], "-o", "a.json", "--force") == 0
    assert [record.label for record in records("a.json")] == ["sun", "ti"]


def test_drawings_of_each_are_not_classes(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    content = Path("hand.json").read_bytes()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
    line = "convert hand.svg - hand.json -o a.svg --each each --as ndjson"
    assert shell(*line.split()) == 0
    # of a file its folder, of standard input the folder that it is written into
    words = [json.loads(path.read_text())["word"] for path in sorted(Path("each").iterdir())]
    assert words == [tmp_path.name, "each", tmp_path.name]
    line = "generate sun -n 2 --seed 1 -o b.svg --each suns --as ndjson"
    assert shell(*line.split()) == 0
    assert [record.label for record in records("suns")] == ["sun"] * 2


def test_a_drawing_can_be_named_twice(shell: Shell) -> None:
    names = [f"two.ndjson#train/{index}" for index in (0, 0, 1, 0)]
    assert shell("convert", *names, "hand.svg", "hand.svg", "two.ndjson", "-o", "a.json") == 0
    data = read(Path("two.ndjson"))
    found = [Sketch.from_polylines(record.polylines) for record in records("a.json")]
    assert len(found) == 4 + 2 + 12
    for ours, index in zip(found, (0, 0, 1, 0), strict=False):
        same(ours, data.sketch("train", index), 0)
    same(found[5], HAND, 0.01)


def test_a_picture_shows_all_of_a_data_file(shell: Shell) -> None:
    write_ndjson(Path("many.ndjson"), 200)
    for options, count in (("", 200), ("--each e", 200), ("-n 25", 25)):
        assert shell(*f"convert many.ndjson -o a.svg {options}".split()) == 0
        assert shell.err.endswith("wrote a.svg\n")
        assert paths("a.svg") == 2 * count
    assert len(list(Path("e").iterdir())) == 200
    # what is damaged behind those that are asked for does not matter
    with Path("many.ndjson").open("a") as file:
        file.write("{}\n")
    assert shell(*["convert", "many.ndjson", "-o", "a.svg", "-n", "200"]) == 0
    assert shell(*["convert", "many.ndjson", "-o", "a.svg", "--each", "f"]) == 2
    assert not Path("f").exists()


def test_what_is_read_is_not_written_over(shell: Shell) -> None:
    Path("drawings").mkdir()
    write_ndjson(Path("drawings/many.ndjson"), 3)
    Path("drawings/hand.svg").write_text(HAND.to_svg())
    before = listing(Path("drawings"))
    for line, says in {
        "drawings/hand.svg -o drawings/hand.svg": "drawings/hand.svg: is read from; name another",
        "drawings/many.ndjson#0 -o drawings/many.ndjson": "many.ndjson: is read from; name another",
        "drawings -o a.svg --each drawings": "--each drawings: is read from; name another folder",
    }.items():
        assert shell("convert", *line.split()) == 2
        assert says in shell.err
    assert listing(Path("drawings")) == before
    line = "convert drawings/hand.svg -o drawings/hand.pdf --each drawings --force"
    assert shell(*line.split()) == 0


def test_a_page_in_place(shell: Shell) -> None:
    begun = '<path stroke="red" fill="none" d="M120 200L140 200.5"/>'
    Path("begun.svg").write_text(f'<svg viewBox="0 0 297 420">{begun}</svg>')
    for line in ("convert begun.svg", "complete car begun.svg -n 1 --seed 1"):
        assert shell(*f"{line} --page a3 --in-place -o a.svg --force".split()) == 0
        assert "M120 200L140 200.5" in Path("a.svg").read_text()
    line = "convert begun.svg --page a4 --margin 80mm --in-place -o c.svg"
    assert shell(*line.split()) == 2
    assert "lies from (120, 200) to (140, 200.5) mm, beyond the margins" in shell.err
    assert not Path("c.svg").exists()


def test_several_make_a_sheet_and_a_page(shell: Shell) -> None:
    assert shell("convert", "two.ndjson", "hand.svg", "-n", "5", "-o", "a.svg") == 0
    assert paths("a.svg") == 12
    line = "convert two.ndjson hand.svg -n 5 --columns 2 --page a4 --order -o p.svg"
    assert shell(*line.split()) == 0
    assert re.fullmatch(r"12 strokes, \d+ mm of pen-up travel\nwrote p.svg\n", shell.err)
    assert paths("p.svg") == 12
    assert 'width="210mm" height="297mm" viewBox="0 0 210 297"' in Path("p.svg").read_text()
    assert shell(*line.replace("p.svg", "-").split()) == 0
    assert shell.out == Path("p.svg").read_text()
    write_ndjson(Path("many.ndjson"), 30)
    for options, count in (("", 30), ("-n 30", 30), ("-n 3", 3)):
        assert shell(*f"convert many.ndjson {options} -o many.svg".split()) == 0
        assert paths("many.svg") == 2 * count
    assert shell("convert", "many.ndjson", "-o", "a.json") == 0
    assert len(json.loads(Path("a.json").read_text())["drawings"]) == 30


def test_colours_by_class_and_labels(shell: Shell) -> None:
    options = "--page a5 --landscape --color-by class -o a.svg"
    assert shell(*f"convert two.ndjson {options}".split()) == 0
    assert shell.err.startswith("24 strokes in 2 colours, ")
    assert 'width="210mm" height="148mm"' in Path("a.svg").read_text()
    assert shell(*f"convert two.ndjson {options} --labels".split()) == 0
    assert int(shell.err.split()[0]) > 24 + 12 * 3


def test_each(shell: Shell) -> None:
    assert (
        shell("convert", "two.ndjson", "-n", "3", "-o", "a.svg", "--each", "e", "--as", "anim.svg")
        == 0
    )
    assert shell.err == "wrote 3 drawings to e\nwrote a.svg\n"
    names = sorted(path.name for path in Path("e").iterdir())
    assert names == [f"drawing-{i:03}.anim.svg" for i in range(3)]
    assert shell("convert", "two.ndjson", "-n", "2", "-o", "a.json", "--each", "f") == 0
    assert sorted(path.name for path in Path("f").iterdir()) == [
        "drawing-000.json",
        "drawing-001.json",
    ]
    assert len(json.loads(Path("a.json").read_text())["drawings"]) == 2


def test_one_of_a_data_file_and_standard_input(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert shell("convert", "two.ndjson#train/1", "-o", "a.json") == 0
    one = read(Path("two.ndjson")).sketch("train", 1)
    assert Sketch.load("a.json") == one
    content = Path("hand.json").read_bytes()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
    assert shell("convert", "-", "-o", "b.json") == 0
    assert Sketch.load("b.json") == HAND


def test_doodles_need_no_file(shell: Shell) -> None:
    assert shell("convert", "doodles:20", "-n", "2", "--split", "valid", "-o", "a.npz") == 0
    assert len(npz.read(Path("a.npz")).train) == 1  # 5% of 20


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("hand.svg -o a.bmp", "a.bmp: unknown ending; name it .svg, .anim.svg, .png, .pdf, .gif, "),
        ("hand.svg -o a", "a: unknown ending"),
        ("hand.svg", "the following arguments are required: -o/--output"),
        ("none.svg -o a.svg", "none.svg: there is no such file"),
        ("none.npz -o a.svg", "none.npz: there is no such file"),
        ("two.ndjson#train/99 -o a.svg", "there is no number 99"),
        ("two.ndjson#typical -o a.svg", "what is typical a model says"),
        ("- - -o a.svg", "standard input (-) holds one drawing"),
        ("hand.svg -n 3 -o a.svg", "-n chooses from a data file"),
        ("hand.svg --split test -o a.svg", "--split chooses from a data file"),
        ("two.ndjson --split test -o a.svg", "two.ndjson: has no splits"),
        ("doodles:9 --split tset -o a.svg", "there is no split 'tset'; choose one of train, valid"),
        ("two.ndjson -n 0 -o a.svg", "-n must be at least 1"),
        ("two.ndjson --columns 0 -o a.svg", "--columns must be at least 1"),
        ("two.ndjson --columns 2 -o a.npz", "a.npz: is data, which has no columns"),
        ("hand.svg --page a9 -o a.svg", "--page is 'a9'; give a0, a1, a2"),
        ("hand.svg --page a4 --margin 105mm -o a.svg", "--margin is 105mm on a page of 210 x 297"),
        ("hand.svg --page a4 --margin wide -o a.svg", "--margin is 'wide'; give a number"),
        ("hand.svg --page a4 --stroke-width 0 -o a.svg", "--stroke-width is 0; give at least"),
        ("hand.svg --page a4 --color purpel -o a.svg", "--color is 'purpel'; give a CSS colour"),
        ("hand.svg --page a4 --color rgb(,,,,,) -o a.svg", "--color is 'rgb(,,,,,)'; give a CSS"),
        ("hand.svg --page a4 --color transparent -o a.pdf", "--color is 'transparent'; give a CSS"),
        ("hand.svg --page a4 --color red --color-by stroke -o a.svg", "--color is one for all"),
        ("hand.svg --margin 5mm -o a.svg", "--margin is of a page: say which, --page a4"),
        ("hand.svg --order -o a.svg", "--order is of a page"),
        ("hand.svg --page a4 -o a.npz", "a.npz: is data, which has no page"),
        ("hand.svg --seconds 3 -o a.svg", "--seconds is of an animation"),
        ("hand.svg --seconds 0 -o a.gif", "--seconds is 0"),
        ("hand.svg --as pdf -o a.svg", "--as is of --each DIR"),
        ("hand.svg --each e --as bmp -o a.svg", "--as bmp: unknown ending"),
        ("hand.svg --each hand.json -o a.svg", "hand.json is a file, not a folder"),
    ],
)
def test_convert_refuses(shell: Shell, tmp_path: Path, line: str, says: str) -> None:
    before = listing(tmp_path)
    assert shell("convert", *line.split()) == 2
    assert says in shell.err
    assert len(shell.err.splitlines()) == 1
    assert listing(tmp_path) == before


# The verbs that draw ------------------------------------------------------------------------------


def test_generate_in_every_format_and_on_a_page(shell: Shell) -> None:
    pytest.importorskip("fpdf")
    drawn = "generate sun -n 3 --seed 4 --temperature 0.1"
    for ending, begin in BEGIN.items():
        assert shell(*f"{drawn} -o a{ending}".split()) == 0
        assert shell.err.endswith(f"wrote a{ending}, seed 4\n")
        assert Path(f"a{ending}").read_bytes().startswith(begin)
    rows = json.loads(Path("a.json").read_text())["rows"]
    sketches = [Sketch.from_json(one) for row in rows for one in row if one]
    data = npz.read(Path("a.npz"))
    for index, sketch in enumerate(sketches):
        same(data.sketch("train", index).moved(*sketch.start), sketch, 1e-3)
    line = f"{drawn} -o p.svg --page a5 --color-by stroke --each e --as npz"
    assert shell(*line.split()) == 0
    assert paths("p.svg") == sum(len(one.polylines) for one in sketches)
    assert len(list(Path("e").glob("drawing-00?.npz"))) == 3


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("generate sun --page a9", "--page is 'a9'"),
        ("generate sun --margin 3mm", "--margin is of a page"),
        ("generate sun -o a.npz --page a4", "a.npz: is data"),
        ("generate sun --stream --page a4", "--stream writes points, not a picture"),
        ("likelihood face hand.svg --page a4 --margin 150mm", "--margin is 150mm"),
        ("tile sun -o a.gif", "a.gif: unknown ending; name it .svg, .png, .pdf or .json"),
    ],
)
def test_verbs_refuse_before_the_model_is_read(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, line: str, says: str
) -> None:
    loaded: list[object] = []
    monkeypatch.setattr("sketchrnn.api.load", lambda *_, **__: loaded.append(1))
    monkeypatch.setattr("sketchrnn.drawing.live.load_live", lambda *_, **__: loaded.append(1))
    assert shell(*line.split()) == 2
    assert says in shell.err
    assert not loaded
