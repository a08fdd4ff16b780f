"""The verbs that do something with drawings, end to end; and what they refuse."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import torch

import sketchrnn
from sketchrnn.data.formats import ndjson, read
from sketchrnn.sketch import Sketch
from tiny import TINY, Shell, do, listing, write_ndjson

SVG = "{http://www.w3.org/2000/svg}"

# A drawing of a hand far from the model's units, and from its place.
HAND = Sketch.from_polylines(
    [[[7.0, 9.0], [7.2, 9.1], [7.4, 9.0], [7.5, 8.7]], [[7.1, 9.0], [7.1, 8.8]]], "by hand"
)


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data, a conditional run, a decoder-only one, and files of drawings."""
    folder = tmp_path_factory.mktemp("tools")
    write_ndjson(folder / "two.ndjson", 80)
    do("data", "prepare", folder / "two.ndjson", "-o", folder / "two.sketches")
    precision = torch.get_float32_matmul_precision()
    do("train", folder / "two.sketches", "-o", folder / "run", *TINY)
    do("train", folder / "two.sketches", "-o", folder / "decoder", "--unconditional", *TINY)
    torch.set_float32_matmul_precision(precision)
    HAND.save(folder / "hand.svg")
    HAND.save(folder / "hand.json")
    HAND.scaled(100).moved(-5000, 2000).save(folder / "large.json")
    (folder / "huge.json").write_text(json.dumps(HAND.scaled(1e300).to_json()))  # not by `save`
    (folder / "empty.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>', "utf-8")
    (folder / "empty.json").write_text('{"strokes": []}', "utf-8")
    long = [[[float(i), float(i % 7) * 9] for i in range(60)]]
    Sketch.from_polylines(long).save(folder / "long.json")
    return folder


@pytest.fixture
def shell(
    capsys: pytest.CaptureFixture[str],
    here: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Any]:
    """Runs a line in an empty folder; @NAME is a file of `here`."""
    monkeypatch.chdir(tmp_path)
    run = Shell(capsys)

    class Line:
        def __call__(self, line: str) -> int:
            return run(*(word.replace("@", f"{here}/") for word in line.split()))

        @property
        def err(self) -> str:
            return run.err

        @property
        def out(self) -> str:
            return run.out

    return Line()  # type: ignore[return-value]


def drawings(path: Path | str) -> list[list[Sketch | None]]:
    """The rows of a sheet's JSON."""
    rows = json.loads(Path(path).read_text("utf-8"))["rows"]
    return [[None if one is None else Sketch.from_json(one) for one in row] for row in rows]


def each(folder: str = "each") -> list[Sketch]:
    files = sorted(Path(folder).iterdir())
    assert [path.name for path in files] == [f"drawing-{i:03}.json" for i in range(len(files))]
    return [Sketch.from_json(json.loads(path.read_text("utf-8"))) for path in files]


def data_sketch(here: Path, index: int) -> Sketch:
    return read(here / "two.sketches").sketch("test", index)


def close(ours: Sketch, theirs: Sketch) -> None:
    assert len(ours.polylines) == len(theirs.polylines)
    for line, expected in zip(ours.polylines, theirs.polylines, strict=True):
        np.testing.assert_allclose(line, expected, rtol=1e-6, atol=1e-6)


# Every verb, on drawings of a data file, as the functions in Python draw them ---------------------


def test_interpolate(shell: Any, here: Path) -> None:
    line = "interpolate @run @two.sketches#0 @two.sketches#3 -n 5 --seed 4 --temperature 0.1 0.7"
    assert shell(f"{line} -o a.json --each each") == 0
    assert shell.err == "wrote 10 drawings to each\nwrote a.json, seed 4\n"
    rows = drawings("a.json")
    model, first, last = sketchrnn.load(here / "run"), data_sketch(here, 0), data_sketch(here, 3)
    for row, temperature in zip(rows, (0.1, 0.7), strict=True):
        assert (row[0], row[-1]) == (first, last)
        expected = model.interpolate(first, last, 5, temperature=temperature, seed=4)
        assert row[1:-1] == list(expected)
    assert each() == [one for row in rows for one in row[1:-1]]
    assert shell(f"{line} -o b.json --linear") == 0
    straight = model.interpolate(first, last, 5, temperature=0.1, seed=4, spherical=False)
    assert drawings("b.json")[0][1:-1] == list(straight)


def test_as_data_what_was_drawn_on_a_page_the_whole_sheet(shell: Any, here: Path) -> None:
    line = "interpolate @run @two.sketches#0 @two.sketches#3 -n 3 --seed 4 --temperature 0.1 0.7"
    assert shell(f"{line} -o a.ndjson --each each --as json") == 0
    drawn = [Sketch.from_polylines(one.polylines) for one in ndjson.records(Path("a.ndjson"))]
    assert len(drawn) == 6  # the inputs beside them are left out
    for ours, theirs in zip(drawn, each(), strict=True):
        assert ours.size == pytest.approx(theirs.size, abs=1)
    assert shell(f"{line} -o a.svg --page letter --units in") == 0
    text = Path("a.svg").read_text("utf-8")
    assert 'width="8.5in" height="11in"' in text
    every = [*drawn, *2 * [data_sketch(here, 0), data_sketch(here, 3)]]
    assert text.count("<path") == sum(len(one.polylines) for one in every)


@pytest.mark.parametrize("verb", ["interpolate", "vary"])
@pytest.mark.parametrize("corners", [3, 4])
def test_grids(shell: Any, here: Path, verb: str, corners: int) -> None:
    given = " ".join(f"@two.sketches#{index}" for index in range(corners))
    assert shell(f"{verb} @run {given} -n 3 --seed 4 --temperature 0.2 -o a.json --each each") == 0
    rows = drawings("a.json")
    sketches = [data_sketch(here, index) for index in range(corners)]
    expected = sketchrnn.load(here / "run").grid(sketches, 3, 3, temperature=0.2, seed=4)
    assert [row[1:-1] for row in rows] == [list(row) for row in expected]
    beside = [rows[0][0], rows[0][-1], rows[-1][0], rows[-1][-1]]
    assert beside[:corners] == sketches
    assert beside[corners:] == [None] * (4 - corners)
    assert each() == [one for row in expected for one in row]


def test_analogy(shell: Any, here: Path) -> None:
    given = "@two.sketches#0 @two.sketches#1 @two.sketches#2"
    line = f"analogy @run {given} -n 2 --seed 4 --temperature 0 0.5 -o a.json"
    assert shell(line) == 0
    a, b, c = (data_sketch(here, index) for index in range(3))
    model = sketchrnn.load(here / "run")
    low, high = drawings("a.json")
    assert low == [c, b, a, *model.analogy(a, b, c, 2, temperature=0.0, seed=4)]
    assert high == [None] * 3 + list(model.analogy(a, b, c, 2, temperature=0.5, seed=4))


def test_vary(shell: Any, here: Path) -> None:
    assert shell("vary @run @two.sketches#0 -n 12 --seed 4 --spread 0.5 -o a.json") == 0
    first, second = drawings("a.json")
    given = data_sketch(here, 0)
    expected = sketchrnn.load(here / "run").vary(given, 12, spread=0.5, temperature=0.5, seed=4)
    assert first == [given, *expected[:6]]
    assert second == [None, *expected[6:]]


def test_vary_several(shell: Any, here: Path) -> None:
    """Rows of each; a folder and a data file are all of their drawings; three are no grid here."""
    model = sketchrnn.load(here / "run")
    specs = " ".join(f"@two.sketches#{index}" for index in range(3))
    assert shell(f"vary @run {specs} --each-alone -n 2 --seed 4 -o a.json") == 0
    given = [data_sketch(here, index) for index in range(3)]
    expected = model.vary(given, 2, temperature=0.5, seed=4)
    rows = [[one, *row] for one, row in zip(given, expected, strict=True)]
    assert drawings("a.json") == rows
    folder = Path("folder")
    for number in range(2):
        given[number].save(folder / f"{number}.svg")
    assert shell("vary @run folder -n 2 --seed 4 -o b.json --each each") == 0
    assert [len(row) for row in drawings("b.json")] == [3, 3]
    assert len(list(Path("each").iterdir())) == 4
    assert shell("vary @run @two.sketches -n 1 --seed 4 -o c.json") == 0
    count = sum(len(split) for split in sketchrnn.read(here / "two.sketches").splits.values())
    assert [len(row) for row in drawings("c.json")] == [2] * count


def test_vary_leaves_out_what_is_too_long(shell: Any, here: Path) -> None:
    """Of a data file or a folder what it cannot read; the others are all there."""
    zigzag = [[0, 250] * 30, list(range(0, 240, 4))]  # 60 points, none of which can go
    with write_ndjson(Path("own.ndjson"), 5).open("a", encoding="utf-8") as file:
        file.write(json.dumps({"word": "cat", "drawing": [zigzag]}) + "\n")
    assert shell("data prepare own.ndjson -o own.sketches --valid 0 --test 0") == 0
    dataset = sketchrnn.read("own.sketches")
    N_max = sketchrnn.load(here / "run").N_max
    short = [dataset.sketch("train", i) for i in range(6) if dataset.train.lengths[i] <= N_max]
    assert len(short) == 5
    assert shell("vary @run own.sketches -n 1 --seed 4 -o a.json") == 0
    assert "own.sketches: left out 1 drawing that run cannot read; the last: own" in shell.err
    assert [row[0] for row in drawings("a.json")] == short
    many = [np.array([[x, 0], [x, 9]]) for x in range(N_max)]  # of so many strokes none can go
    sketchrnn.Sketch.from_polylines(many).save("folder/many.svg")
    short[0].save("folder/short.svg")
    assert shell("vary @run folder -n 1 --seed 4 -o b.json") == 0
    assert "folder: left out 1 drawing that run cannot read" in shell.err
    assert len(drawings("b.json")) == 1


def test_tidy(shell: Any, here: Path) -> None:
    given = "@two.sketches#0 @two.sketches#1"
    assert shell(f"tidy @run {given} -n 7 --seed 4 -o a.json --each each") == 0
    model = sketchrnn.load(here / "run")
    best = []
    for index, row in enumerate(drawings("a.json")):
        sketch = data_sketch(here, index)
        tidied = model.tidy(sketch, 7, temperature=0.1, seed=4)
        assert row == [sketch, *tidied.drawings[:5]]
        best += row[1:]
    assert each() == best
    captions = json.loads(Path("a.json").read_text("utf-8"))["captions"]
    shown = [float(caption.split()[0]) for caption in captions[0][1:]]
    assert shown == sorted(shown)


@pytest.mark.parametrize("run", ["run", "decoder"])
def test_complete(shell: Any, here: Path, run: str) -> None:
    line = f"complete @{run} @two.sketches#0 --points 3 -n 4 --seed 4 --temperature 0.2 0.9"
    assert shell(f"{line} -o a.json --each each") == 0
    whole = data_sketch(here, 0)
    part = Sketch.from_polylines([whole.polylines[0][:3]], whole.label)
    model = sketchrnn.load(here / run)
    every = []
    for row, temperature in zip(drawings("a.json"), (0.2, 0.9), strict=True):
        expected = model.complete(part, 4, temperature=temperature, pen="down", seed=4)
        assert row == [part, *(one.layers for one in expected)]
        every += [one.sketch for one in expected]
    assert each() == every


def test_how_a_completion_begins(shell: Any, here: Path) -> None:
    line = "complete @run @two.sketches#0 -n 3 --seed 4 -o a.json"
    whole = data_sketch(here, 0)
    first = Sketch.from_polylines(whole.polylines[:1], whole.label)
    model = sketchrnn.load(here / "run")
    for options, expected in (
        ("--strokes 1", {"pen": "up"}),
        ("--strokes 1 --pen down", {"pen": "down"}),
        ("--strokes 1 --pen auto", {"pen": "auto"}),
        ("--strokes 1 --z prior", {"pen": "up"}),
        ("--strokes 1 --z part", {"pen": "up", "z": "part"}),
        (
            "--strokes 1 --sample-z",
            {"pen": "up", "z": model.encode([first] * 3, sample=True, seed=4)},
        ),
    ):
        assert shell(f"{line} {options}") == 0
        (row,) = drawings("a.json")
        drawn = model.complete(first, 3, temperature=0.4, seed=4, **expected)
        assert row[1:] == [one.layers for one in drawn], options


def test_after_all_strokes_of_a_file_the_pen_is_up(shell: Any) -> None:
    for options, output in (("--strokes 2", "a"), ("--pen up", "b"), ("--pen down", "c")):
        line = "complete @run @hand.json -n 4 --seed 4 --temperature 0.8"
        assert shell(f"{line} {options} -o {output}.json") == 0
    assert drawings("a.json") == drawings("b.json") != drawings("c.json")


def test_likelihood(shell: Any, here: Path) -> None:
    assert shell("likelihood @run @two.sketches#0 @two.sketches#1 -o a.svg") == 0
    assert shell.err == "wrote a.svg\n"
    header, *rows = shell.out.splitlines()
    assert header.split()[:2] == ["drawing", "points"]
    model = sketchrnn.load(here / "run")
    for index, row in enumerate(rows):
        found = model.likelihood(data_sketch(here, index))
        name, points, nats, a_point, KL, end, *strokes = row.split()
        assert name.endswith(f"two.sketches#{index}")
        assert int(points) == len(found.point_nats)
        assert float(nats) == pytest.approx(found.nats, abs=0.006)
        assert float(a_point) == pytest.approx(found.nats_per_point, abs=0.0006)
        assert float(KL) == pytest.approx(found.KL_nats, abs=0.006)
        assert float(end) == pytest.approx(found.end_nats, abs=0.006)
        assert list(map(float, strokes)) == pytest.approx(found.stroke_nats.tolist(), abs=0.006)
    root = ElementTree.parse("a.svg").getroot()
    groups = [group for group in root.iter(f"{SVG}g") if group.get("class") == "sketch"]
    assert len(groups) == 2
    assert shell("likelihood @decoder @two.sketches#0 -o -") == 0
    assert shell.out.startswith("<svg")
    assert shell("likelihood @decoder @two.sketches#0 -o a.json") == 0
    assert shell.out.splitlines()[1].split()[4] == "-"  # it has no z


def test_tile(shell: Any, here: Path) -> None:
    line = "tile @run @two.sketches#0 --columns 2 --rows 2 --seed 4 --size 200"
    assert shell(f"{line} -o a.json --each each") == 0
    document = json.loads(Path("a.json").read_text("utf-8"))
    assert (document["width_px"], len(document["drawings"])) == (200, 4)
    expected = sketchrnn.load(here / "run").vary(data_sketch(here, 0), 4, temperature=0.4, seed=4)
    assert each() == list(expected)
    assert shell(f"{line} -o a.svg --color red #00f --background none --repeat 2 1") == 0
    text = Path("a.svg").read_text("utf-8")
    assert 'viewBox="0 0 400 ' in text
    assert "<rect" not in text
    assert "red" in text
    assert "#00f" in text
    assert shell("tile @decoder --columns 2 --rows 1 --lattice square --seed 1 -o -") == 0
    assert shell.out.startswith("<svg")


def test_reconstruct_single_drawings(shell: Any, here: Path) -> None:
    """Drawings of all sources in one sheet: those that are named, then those of whole files."""
    line = "reconstruct @run @hand.json @two.sketches @two.sketches#1 -n 2"
    assert shell(f"{line} --seed 4 --temperature 0.3 -o a.json --each each") == 0
    rows = drawings("a.json")
    assert len(rows) == 4
    assert rows[0][0] == HAND
    assert rows[1][0] == data_sketch(here, 1)
    model = sketchrnn.load(here / "run")
    fitted = model.fit(HAND)
    inputs = [fitted.sketch, *(row[0] for row in rows[1:])]
    drawn = model.reconstruct(inputs, temperature=0.3, seed=4)
    assert rows[0][1] == fitted.back(drawn[0])
    assert [row[1] for row in rows[1:]] == list(drawn[1:])
    assert each() == [row[1] for row in rows]
    assert shell(f"{line} --seed 4 --temperature 0.3 -o b.json --sample-z") == 0
    sampled = model.reconstruct(inputs, temperature=0.3, seed=4, sample=True)
    assert drawings("b.json")[1][1] == sampled[1]


def test_generate_each(shell: Any) -> None:
    assert shell("generate @run -n 3 --seed 4 -o a.json --temperature 0 0.5 --each each") == 0
    assert each() == [one for row in drawings("a.json") for one in row]
    assert shell("generate @run -n 2 --seed 4 -o a.svg --each svg") == 0
    assert sorted(path.name for path in Path("svg").iterdir()) == [
        "drawing-000.svg",
        "drawing-001.svg",
    ]
    assert shell("generate @run --stream --each each") == 2
    assert "leave out --each" in shell.err


# In its own place and size -----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["hand.svg", "hand.json"])
def test_what_comes_from_outside_goes_back_there(shell: Any, here: Path, name: str) -> None:
    """Everything starts where the hand did, and is about as large."""
    for line in (
        f"vary @run @{name} -n 3",
        f"tidy @run @{name} -n 3",
        f"reconstruct @run @{name}",
        f"analogy @run @two.sketches#0 @large.json @{name}",
    ):
        assert shell(f"{line} --seed 4 -o a.json --force --each each-{line.split()[0]}") == 0
        for drawn in each(f"each-{line.split()[0]}"):
            np.testing.assert_allclose(drawn.start, HAND.start, atol=1e-3)
    model = sketchrnn.load(here / "run")
    fitted = model.fit(HAND)
    expected = model.vary(fitted.sketch, 3, temperature=0.5, seed=4)
    if name == "hand.json":
        for ours, theirs in zip(each("each-vary"), expected, strict=True):
            close(ours, theirs.scaled(1 / fitted.factor).moved(*HAND.start))


def test_between_two_from_outside(shell: Any) -> None:
    """The first is where the one is and as large, the last as the other, the middle between."""
    assert shell("interpolate @run @hand.json @large.json -n 3 --seed 4 -o a.json --each each") == 0
    first, middle, last = (np.array(drawn.start) for drawn in each())
    np.testing.assert_allclose(first, HAND.start, atol=1e-9)
    np.testing.assert_allclose(last, HAND.scaled(100).moved(-5000, 2000).start, atol=1e-6)
    np.testing.assert_allclose(middle, (first + last) / 2, atol=1e-6)


@pytest.mark.parametrize("run", ["run", "decoder"])
@pytest.mark.parametrize("pen", ["down", "up"])
def test_a_completion_goes_on_where_the_hand_stopped(shell: Any, run: str, pen: str) -> None:
    line = f"complete @{run} @large.json -n 4 --seed 4 --temperature 0.5 --pen {pen}"
    assert shell(f"{line} -o a.json --each each") == 0
    given = HAND.scaled(100).moved(-5000, 2000)
    (row,) = drawings("a.json")
    assert row[0] == given
    for layers, whole in zip(row[1:], each(), strict=True):
        assert layers is not None
        count = len(given.polylines)
        for line_, expected in zip(layers.polylines, given.polylines, strict=False):
            assert np.array_equal(line_, expected)  # bit by bit
        rest = layers.polylines[count:]
        if pen == "down" and rest:
            assert np.array_equal(rest[0][0], given.polylines[-1][-1])
            assert len(whole.polylines) == len(layers.polylines) - 1
            joined = whole.polylines[count - 1]
            assert np.array_equal(joined[: len(given.polylines[-1])], given.polylines[-1])


def test_the_size_of_the_whole(shell: Any, here: Path) -> None:
    """A part that is half of the whole gets half of the size that a whole drawing has."""
    model = sketchrnn.load(here / "run")
    for share in ("0.5", "1"):
        line = "complete @run @hand.json -n 3 --seed 4 --pen up --z prior --temperature 0"
        assert shell(f"{line} --of-size {share} -o a.json --each each{share}") == 0
        from sketchrnn.drawing.complete import fit_part

        fitted = fit_part(model, HAND, share=float(share))
        assert max(fitted.sketch.size) == pytest.approx(float(share) * model.facts.size)
        expected = model.complete(fitted.sketch, 3, pen="up", temperature=0.0, seed=4)
        placed = [one.placed(HAND, fitted).sketch for one in expected]
        assert each(f"each{share}") == placed


def test_as_is(shell: Any, here: Path) -> None:
    data_sketch(here, 0).moved(30, 40).save("own.json")
    assert shell("vary @run own.json --as-is -n 2 --seed 4 -o a.json") == 0
    assert shell("vary @run @two.sketches#0 -n 2 --seed 4 -o b.json") == 0
    for ours, theirs in zip(drawings("a.json")[0], drawings("b.json")[0], strict=True):
        assert ours is not None
        assert theirs is not None
        close(ours, theirs.moved(30, 40))


def test_a_stream_is_gone_on_with(here: Path, tmp_path: Path) -> None:
    """generate --stream | head | complete: the points stay, the pen goes on as it said."""
    model = sketchrnn.load(here / "decoder")
    seed = next(
        seed
        for seed in range(100)
        if model.generate(1, temperature=1.0, seed=seed)[0].point_count > 7
    )
    sketchrnn_, run = f"{sys.executable} -m sketchrnn", here / "decoder"
    command = (
        f"{sketchrnn_} generate {run} -n 1 --stream --seed {seed} --temperature 1 | head -5"
        f" | tee part | {sketchrnn_} complete {run} - -n 3 --seed 4 -o a.json"
    )
    done = subprocess.run(
        command, shell=True, cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert sorted(done.stderr.splitlines()) == [f"seed {seed}", "wrote a.json, seed 4"]
    points = [json.loads(line) for line in (tmp_path / "part").read_text().splitlines()]
    (row,) = drawings(tmp_path / "a.json")
    assert row[0] is not None
    given = np.concatenate(row[0].polylines)
    assert given.tolist() == [[point["x"], point["y"]] for point in points]
    expected = model.complete(row[0], 3, pen=points[-1]["pen"], temperature=0.4, seed=4)
    assert row[1:] == [one.layers for one in expected]


# Determinism, and what chance decides ------------------------------------------------------------

LINES = {
    "interpolate": "interpolate @run @hand.svg @two.sketches#typical -n 3",
    "grid": "interpolate @run @hand.svg @two.sketches#0 @large.json -n 2",
    "analogy": "analogy @run @hand.svg @two.sketches#0 @two.sketches#1",
    "complete": "complete @decoder @hand.svg -n 3",
    "vary": "vary @run @hand.svg -n 3",
    "tidy": "tidy @run @hand.svg -n 3",
    "tile": "tile @run @hand.svg --columns 2 --rows 2",
    "reconstruct": "reconstruct @run @hand.svg",
}


@pytest.mark.parametrize("name", LINES)
def test_the_seed_decides(shell: Any, name: str) -> None:
    for output, seed in (("a", 4), ("b", 4), ("c", 5)):
        options = f"--seed {seed} --temperature 0.8 -o {output}.svg --each {output}"
        assert shell(f"{LINES[name]} {options}") == 0
        assert shell.err.endswith(f"wrote {output}.svg, seed {seed}\n")
    a, b, c = (Path(f"{output}.svg").read_bytes() for output in "abc")
    assert a == b
    assert a != c
    for path in Path("a").iterdir():
        assert path.read_bytes() == (Path("b") / path.name).read_bytes()
    assert shell(f"{LINES[name]} -o d.png --which last") == 0
    assert Path("d.png").read_bytes().startswith(b"\x89PNG")
    assert shell(f"{LINES[name]} -o -") == 0
    assert ElementTree.fromstring(shell.out).tag == f"{SVG}svg"


@pytest.mark.parametrize("name", ["interpolate", "grid", "analogy", "tidy", "reconstruct"])
def test_a_sample_of_z_on_request(shell: Any, name: str) -> None:
    """At temperature 0 nothing but z is by chance; mu is not."""
    options = "--temperature 0 -o"
    for output, more in (("a", "--seed 4"), ("b", "--seed 5")):
        assert shell(f"{LINES[name]} {options} {output}.svg {more}") == 0
        assert shell(f"{LINES[name]} {options} {output}{output}.svg {more} --sample-z") == 0
    a, b, sampled_a, sampled_b = (Path(f"{n}.svg").read_bytes() for n in ("a", "b", "aa", "bb"))
    assert a == b
    assert len({a, sampled_a, sampled_b}) == 3


# What is refused ---------------------------------------------------------------------------------

REFUSED = {
    # section 5: what cannot be done
    "analogy of a decoder": (
        "analogy @decoder @hand.svg @hand.svg @hand.svg",
        "decoder is a decoder-only model: it has no encoder and no z, so an analogy is not",
    ),
    "interpolate a decoder": ("interpolate @decoder @hand.svg @hand.svg", "decoder-only"),
    "vary a decoder": ("vary @decoder @hand.svg", "decoder-only"),
    "tidy with a decoder": ("tidy @decoder @hand.svg", "decoder-only"),
    "reconstruct with a decoder": ("reconstruct @decoder @hand.svg", "decoder-only"),
    "tile like one of a decoder": ("tile @decoder @hand.svg", "decoder-only"),
    "z of a decoder": ("complete @decoder @hand.svg --z prior", "decoder-only"),
    "sample of a decoder": ("complete @decoder @hand.svg --sample-z", "decoder-only"),
    "interpolate one": ("interpolate @run @hand.svg", "between two drawings, or three or four"),
    "interpolate five": (f"interpolate @run{' @hand.svg' * 5}", "got 5"),
    "longer than N_max": ("complete @run @long.json --as-is", "the part has 60 points; run draws"),
    "longer than N_max, a decoder": ("complete @decoder @long.json --as-is", "has 60 points"),
    "too long to read": ("vary @run @long.json --as-is", "long.json: has 60 points; run reads 2"),
    "a long one of several": (
        "tidy @run @hand.json @long.json --as-is",
        "long.json: has 60 points",
    ),
    "huge": ("vary @run @huge.json --as-is", "huge.json: a coordinate is not a number up to"),
    "empty svg": ("complete @run @empty.svg", "empty.svg: has no line in it"),
    "empty json": ("complete @run @empty.json", "empty.json: a drawing needs at least one stroke"),
    "ended": ("complete @run @two.sketches#0", "two.sketches#0: this drawing has ended"),
    "all strokes": ("complete @run @two.sketches#0 --strokes 2", "has 2 strokes, and has ended"),
    "too many strokes": ("complete @run @hand.svg --strokes 3", "has 2 strokes: --strokes 3"),
    "too many points": ("complete @run @hand.svg --points 99", "has 6 points: --points 99"),
    "no strokes": ("complete @run @hand.svg --strokes 0", "--strokes must be at least 1"),
    "strokes and points": ("complete @run @hand.svg --strokes 1 --points 1", "not allowed with"),
    "no share": ("complete @run @hand.svg --of-size 0", "--of-size must be a number over 0"),
    "a huge share": (
        "complete @run @hand.svg --of-size 1e300",
        "--of-size must be a number over 0",
    ),
    "a share of what is as is": (
        "complete @run @hand.svg --of-size 1 --as-is",
        "hand.svg: its size is known, it is not scaled: leave out --of-size",
    ),
    "prior and sample": ("complete @run @hand.svg --z prior --sample-z", "leave out --sample-z"),
    "a wrong pen": ("complete @run @hand.svg --pen sideways", "invalid choice: 'sideways'"),
    "two terms": ("analogy @run @hand.svg @hand.svg", "the following arguments are required"),
    "vary linear": ("vary @run @hand.svg @hand.svg --linear", "there is no grid"),
    "one step": ("interpolate @run @hand.svg @hand.svg -n 1", "-n must be at least 2"),
    "grid of one": (f"vary @run{' @hand.svg' * 3} -n 1", "at least 2"),
    "spread": ("vary @run @hand.svg --spread -1", "error: --spread must be a number from 0"),
    "a huge spread": ("vary @run @hand.svg --spread 1e300", "--spread must be a number from 0"),
    "spread of a tile": ("tile @run @hand.svg --spread nan", "--spread must be a number from 0"),
    "spread of a grid": (f"vary @run{' @hand.svg' * 3} --spread 1", "leave out --spread"),
    "standard input twice": ("vary @run - -", "name it once"),
    "linear without a grid": ("vary @run @hand.svg --linear", "leave out --linear"),
    "spread from nothing": ("tile @run --spread 1", "no DRAWING to stray from"),
    "nothing as it is": ("tile @run --as-is", "no DRAWING to take as it is: leave out --as-is"),
    "an index of a drawing": ("reconstruct @run @hand.json --index 1", "leave out --index"),
    "a split of a drawing": ("reconstruct @run @two.sketches#0 --split test", "leave out --split"),
    "so many of a drawing": ("reconstruct @run @hand.json -n 2", "leave out -n"),
    "no drawings": ("vary @run @hand.svg -n 0", "at least 1, got 0"),
    "odd bricks": ("tile @run @hand.svg --rows 3", "even number of rows"),
    "no columns": ("tile @run --columns 0", "at least 1 x 1"),
    "a tile of no width": ("tile @run --size 0", "--size is 0.0; give 16 to 16384"),
    "a wide gap": ("tile @run --gap 2", "--gap is 2.0; give 0.02 to 0.9"),
    "a large tile": ("tile @run --columns 40 --rows 40", "at most 400 in all"),
    "many tiles": ("tile @run --repeat 20 20", "repeat is 20 x 20 tiles; give 1 to 10 each way"),
    "no tile": ("tile @run --columns 2 --rows 2 --repeat 0 1", "repeat is 0 x 1"),
    # where one temperature is meant, and what is none
    "two for tidy": ("tidy @run @hand.svg --temperature 0 1", "tidy takes one --temperature"),
    "two for tile": ("tile @run --temperature 0 1", "tile takes one --temperature"),
    "two for a grid": (
        f"interpolate @run{' @hand.svg' * 4} --temperature 0 1",
        "interpolate takes one --temperature here, got 2",
    ),
    "a cold one": ("vary @run @hand.svg --temperature 0.1 -1", "temperature must be a number"),
    "a bad seed": ("vary @run @hand.svg --seed -1", "seed must be"),
    # inputs
    "no such file": ("tidy @run nothing.svg", "nothing.svg: there is no such file"),
    "a data file": ("tidy @run @two.sketches", "is a data file; say which of its drawings"),
    "a folder": ("tidy @run @run", "is a folder; name a drawing in it"),
    "no such place": ("tidy @run @two.sketches#4000", "there is no number 4000"),
    "no such run": ("vary nothing @hand.svg", "nothing: there is no such run folder"),
    "no such device": ("vary @run @hand.svg --device tpu", "tpu"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(shell: Any, here: Path, tmp_path: Path, name: str) -> None:
    """One clear line, exit code 2, nothing written."""
    line, says = REFUSED[name]
    before = listing(here), listing(tmp_path)
    assert shell(f"{line} --each each") == 2
    assert shell.out == ""
    (said,) = shell.err.splitlines()
    assert said.startswith("sketchrnn")
    assert ": error: " in said
    assert says in said
    assert len(said) < 400
    assert (listing(here), listing(tmp_path)) == before


@pytest.mark.parametrize("content", [b"", b'{"strokes": []}', b"<svg/>", b"\n"])
@pytest.mark.parametrize("verb", ["complete", "vary", "likelihood"])
def test_nothing_on_standard_input(
    shell: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str, content: bytes
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
    assert shell(f"{verb} @run -") == 2
    assert shell.err.startswith("sketchrnn: error: standard input: ")
    assert len(shell.err.splitlines()) == 1
    assert not listing(tmp_path)


def test_a_stream_that_ended(shell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert shell("generate @run -n 1 --stream --seed 1") == 0
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(shell.out.encode())))
    assert shell("complete @run -") == 2
    assert "standard input: this drawing has ended" in shell.err


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("-o sheet.bmp", "sheet.bmp: unknown ending; name it .svg, "),
        ("-o folder.svg", "folder.svg: is a folder"),
        ("-o a_file/sheet.svg", "a_file is a file, not a folder"),
        ("--each a_file", "a_file is a file, not a folder"),
        ("--each a_file/deeper", "a_file is a file, not a folder"),
    ],
)
def test_the_output_is_looked_at_first(
    shell: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: str, says: str
) -> None:
    (tmp_path / "folder.svg").mkdir()
    (tmp_path / "a_file").touch()
    before = listing(tmp_path)
    loaded: list[object] = []
    monkeypatch.setattr("sketchrnn.api.load", lambda *_, **__: loaded.append(1))
    monkeypatch.setattr("sketchrnn.drawing.live.load_live", lambda *_, **__: loaded.append(1))
    for line in (*LINES.values(), "generate @run"):
        assert shell(f"{line} {options}") == 2
        assert says in shell.err
    assert not loaded
    assert listing(tmp_path) == before
