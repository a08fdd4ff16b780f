"""`sketchrnn data prepare`: what is kept, what is dropped and counted, what the file says."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryFile

import numpy as np
import pytest

from sketchrnn import strokes
from sketchrnn.cli.verbs import data as verb
from sketchrnn.data.clean import preprocess
from sketchrnn.data.dataset import Dataset, Drawings
from sketchrnn.data.doodles import doodles
from sketchrnn.data.formats import read, sketches
from sketchrnn.data.formats.records import Skipped
from sketchrnn.data.prepare import prepare
from sketchrnn.data.prepare_config import PrepareConfig
from sketchrnn.data.report import Report
from sketchrnn.data.sources import read_source
from sketchrnn.data.spool import Item, Spool
from sketchrnn.errors import SketchRNNError
from sketchrnn.sketch import Sketch

CAT = [[[0, 255, 10], [0, 3, 9]], [[7, 9], [8, 8]]]  # 4 rows
RAW = [[[100, 600], [50, 50], [0, 1]], [[100, 100], [50, 300], [2, 3]]]  # 3 rows


def write_lines(path: Path, *drawings: object, **more: object) -> Path:
    path.write_text("".join(json.dumps({"drawing": d} | more) + "\n" for d in drawings))
    return path


def square(side: int) -> list:
    return [[[0, side, side, 0, 0], [0, 0, side, side, 0]]]


def write_npz(path: Path, train: list, valid: list | None = None, test: list | None = None) -> Path:
    members = {}
    for name, arrays in (("train", train), ("valid", valid or []), ("test", test or [])):
        members[name] = np.empty(len(arrays), dtype=object)
        members[name][:] = arrays
    np.savez(path, **members)
    return path


def random_rows(count: int, seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    arrays = []
    for _ in range(count):
        rows = rng.integers(-50, 50, (rng.integers(2, 30), 3)).astype(np.int16)
        rows[:, strokes.PEN_UP] = rng.random(len(rows)) < 0.2
        rows[-1, strokes.PEN_UP] = 1
        arrays.append(rows)
    return arrays


def run(*arguments: object) -> int:
    """`sketchrnn data ...`."""
    parser = argparse.ArgumentParser()
    verb.add_parser(parser.add_subparsers())
    return verb.run(parser.parse_args(["data", *map(str, arguments)]))


def everything(data: Dataset) -> list[list]:
    return [rows.tolist() for split in data.splits.values() for rows in split]


def counts(report: Report) -> list[tuple]:
    return [
        (source.read, tuple(source.kept.values()), tuple(source.dropped.values()))
        for source in report.sources
    ]


def test_every_kind_of_source_in_one_file(tmp_path: Path) -> None:
    arrays = random_rows(9)
    official = write_npz(tmp_path / "car.npz", arrays[:6], arrays[6:8], arrays[8:])
    simplified = write_lines(tmp_path / "cat.ndjson", CAT, word="cat")
    raw = write_lines(tmp_path / "raw.ndjson", RAW, word="corner")
    out = tmp_path / "all.sketches"
    report = prepare([official, simplified, raw, "doodles:16:3"], out)
    data = read(out)
    assert counts(report) == [
        (9, (6, 2, 1), (0, 0, 0, 0)),
        (1, (1, 0, 0), (0, 0, 0, 0)),
        (1, (1, 0, 0), (0, 0, 0, 0)),
        (18, (16, 1, 1), (0, 0, 0, 0)),
    ]
    assert data.classes[:3] == ("car", "cat", "corner")
    assert "cat_head" in data.classes
    assert [rows.tolist() for rows in data.train][:6] == [rows.tolist() for rows in arrays[:6]]
    assert [rows.tolist() for rows in data.valid][:2] == [rows.tolist() for rows in arrays[6:8]]
    assert data.train[6].tolist() == [[255, 3, 0], [-245, 6, 1], [-3, -1, 0], [2, 0, 1]]
    assert data.train[7].tolist() == [[255, 0, 1], [-255, 0, 0], [0, 128, 1]]  # 500 px -> 255
    assert [data.classes[label] for label in data.train.labels[:8]] == ["car"] * 6 + [
        "cat",
        "corner",
    ]
    assert data.epsilon is None  # not the same for all
    assert data.factor_names == ()
    assert data.provenance == (
        "car.npz: 9 of 9 drawings",
        "cat.ndjson: 1 of 1 drawings",
        "raw.ndjson: 1 of 1 drawings",
        "doodles:16:3: 18 of 18 drawings",
    )


def test_doodles_keep_their_factors(tmp_path: Path) -> None:
    from sketchrnn.data.doodles import FACTORS, doodles

    prepare(["doodles:50:7"], tmp_path / "a.sketches")
    data = read(tmp_path / "a.sketches")
    assert data.factor_names == tuple(FACTORS)
    assert data.train.factors is not None
    for index, doodle in enumerate(doodles(50, 7)):
        expected = [doodle.factors[name] for name in FACTORS]
        assert np.allclose(data.train.factors[index], expected, rtol=1e-6)
        assert data.sketch("train", index).label == doodle.sketch.label
        assert np.array_equal(data.train[index], doodle.sketch.to_stroke3())
    prepare(
        [tmp_path / "a.sketches"], tmp_path / "b.sketches", PrepareConfig(min_points=60, label="x")
    )
    filtered = read(tmp_path / "b.sketches")
    kept = data.train.lengths >= 60
    assert 0 < kept.sum() < 50
    assert np.array_equal(filtered.train.factors, data.train.factors[kept])


def test_doodles_are_the_set_that_training_on_them_would_use(tmp_path: Path) -> None:
    """So no drawing that a model was trained on with doodles:60 is in the test split."""
    prepare(["doodles:60:7"], tmp_path / "a.sketches")
    data, direct = read(tmp_path / "a.sketches"), read_source("doodles:60:7")
    assert [len(split) for split in direct.splits.values()] == [60, 3, 3]
    for name, split in direct.splits.items():
        assert [rows.tolist() for rows in data.split(name)] == [rows.tolist() for rows in split]
    prepare(["doodles:60:7"], tmp_path / "b.sketches", PrepareConfig(resplit=True, valid=1, test=1))
    assert len(read(tmp_path / "b.sketches").train) == 66 - 2 * 8  # of each of 8 kinds


def test_filters_count_what_they_drop(tmp_path: Path) -> None:
    path = tmp_path / "cat.ndjson"
    lines = [
        {"drawing": CAT, "recognized": True},
        {"drawing": CAT, "recognized": True},  # a duplicate
        {"drawing": square(9), "recognized": False},
        {"drawing": square(8), "recognized": True},
        {"drawing": square(7)},  # recognized or not: unknown, so it stays
        {"drawing": [[[4], [4]]], "recognized": True},  # one point
        {"drawing": [], "recognized": True},
        {"drawing": [[list(range(20)), [0] * 20]], "recognized": True},
    ]
    path.write_text("".join(json.dumps({"word": "cat"} | line) + "\n" for line in lines))
    settings = PrepareConfig(max_points=10, recognized_only=True)
    report = prepare([path], tmp_path / "a.sketches", settings)
    assert counts(report) == [(8, (3, 0, 0), (1, 2, 1, 1))]
    assert counts(prepare([path], tmp_path / "b.sketches")) == [(8, (5, 0, 0), (0, 2, 0, 1))]
    settings = PrepareConfig(keep_duplicates=True, min_points=1)
    assert counts(prepare([path], tmp_path / "c.sketches", settings)) == [
        (8, (7, 0, 0), (0, 1, 0, 0))
    ]
    assert read(tmp_path / "a.sketches").provenance == (
        "cat.ndjson: 3 of 8 drawings (max_points=10, recognized_only=True)",
    )


def test_duplicates_are_of_one_class_and_the_first_one_stays(tmp_path: Path) -> None:
    arrays = random_rows(4)
    twice = write_npz(tmp_path / "cat.npz", arrays[:3], [arrays[1], arrays[3]], [arrays[3]])
    other = write_npz(tmp_path / "dog.npz", [arrays[0], arrays[0]])
    same = write_npz(tmp_path / "sketchrnn_cat.npz", [arrays[2].astype(np.float64)])
    report = prepare([twice, other, same], tmp_path / "a.sketches")
    assert counts(report) == [
        (6, (3, 1, 0), (0, 0, 0, 2)),
        (2, (1, 0, 0), (0, 0, 0, 1)),
        (1, (0, 0, 0), (0, 0, 0, 1)),
    ]
    assert read(tmp_path / "a.sketches").classes == ("cat", "dog")


def test_splits_are_kept_unless_asked_otherwise(tmp_path: Path) -> None:
    arrays = random_rows(200)
    path = write_npz(tmp_path / "cat.npz", arrays[:190], arrays[190:195], arrays[195:])
    out = tmp_path / "a.sketches"
    prepare([path], out)
    assert [len(split) for split in read(out).splits.values()] == [190, 5, 5]
    prepare([path], out, PrepareConfig(resplit=True, valid=0.1, test=30))
    anew = read(out)
    assert [len(split) for split in anew.splits.values()] == [150, 20, 30]
    assert sorted(everything(anew)) == sorted(rows.tolist() for rows in arrays)
    prepare([path], out, PrepareConfig(resplit=True, valid=0.1, test=30, seed=1))
    assert everything(read(out)) != everything(anew)


def test_the_same_input_and_seed_give_the_same_bytes(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "cat.ndjson", *(square(side) for side in range(1, 99)))
    for name in ("a", "b"):
        prepare([path, "doodles:30"], tmp_path / f"{name}.sketches", PrepareConfig(seed=3))
    a, b = (tmp_path / f"{name}.sketches" for name in "ab")
    assert a.read_bytes() == b.read_bytes()
    prepare([path, "doodles:30"], b, PrepareConfig(seed=4))
    assert a.read_bytes() != b.read_bytes()


def test_simplify(tmp_path: Path) -> None:
    wiggle = np.array([[10, (-1) ** n, 0] for n in range(20)] + [[0, 0, 1]], dtype=np.int16)
    corner = np.array([[50, 0, 0], [50, 0, 0], [0, 90, 1]], dtype=np.int16)
    path = write_npz(tmp_path / "a.npz", [wiggle, corner])
    prepare([path], tmp_path / "a.sketches", PrepareConfig(simplify=2.0, min_points=1))
    data = read(tmp_path / "a.sketches")
    assert [rows.tolist() for rows in data.train] == [
        [[200, 0, 1]],
        [[100, 0, 0], [0, 90, 1]],
    ]
    assert data.epsilon == 2.0
    dense = write_lines(tmp_path / "dense.ndjson", [[list(range(20, 148)), [7] * 128]])
    prepare([dense], tmp_path / "b.sketches", PrepareConfig(simplify=1.0, min_points=1))
    assert read(tmp_path / "b.sketches").train[0].tolist() == [[255, 0, 1]]  # scaled to the box


def test_box(tmp_path: Path) -> None:
    """Every larger side is 255 px, whatever it was; the shapes stay."""
    small = np.array([[3, 4, 0], [0, 1, 1], [1, 0, 1]], dtype=np.int16)
    path = write_npz(tmp_path / "a.npz", [small, small * np.array([100, 100, 1], dtype=np.int16)])
    settings = PrepareConfig(box=True, min_points=1, keep_duplicates=True)
    prepare([path], tmp_path / "a.sketches", settings)
    first, second = (np.asarray(rows) for rows in read(tmp_path / "a.sketches").train)
    np.testing.assert_allclose(first, [[153, 204, 0], [0, 51, 1], [51, 0, 1]], rtol=1e-6)
    np.testing.assert_allclose(second, first, rtol=1e-6)
    assert read(tmp_path / "a.sketches").size == pytest.approx(255)
    # with an epsilon, too, it is the public preprocessing
    prepare([path], tmp_path / "b.sketches", PrepareConfig(box=True, simplify=2.0, min_points=1))
    lines = [np.array([[0.0, 0], [3, 4], [3, 5]]), np.array([[4.0, 5]])]
    expected = strokes.polylines_to_stroke3(preprocess(lines, 2.0))[0]
    np.testing.assert_array_equal(read(tmp_path / "b.sketches").train[0], expected)


def test_some_kinds_of_doodles(tmp_path: Path) -> None:
    prepare(["doodles:20:3:fish+house"], tmp_path / "a.sketches")
    data = read(tmp_path / "a.sketches")
    assert data.classes == ("fish", "house")
    drawn = [one.sketch.to_stroke3() for one in doodles(20, 3, ("fish", "house"))]
    assert all(map(np.array_equal, data.train, drawn))
    assert "doodles:20:3:fish+house" in data.provenance[-1]
    with pytest.raises(SketchRNNError, match="unknown kind"):
        read_source("doodles:20:3:fish+boat")


def test_float_rows_and_outliers_are_kept(tmp_path: Path) -> None:
    path = write_npz(tmp_path / "a.npz", [np.array([[0.25, -0.5, 0], [70_000, 1, 1]])])
    prepare([path], tmp_path / "a.sketches")
    assert read(tmp_path / "a.sketches").train[0].tolist() == [[0.25, -0.5, 0], [70_000, 1, 1]]


def test_one_label_for_all(tmp_path: Path) -> None:
    prepare(["doodles:20"], tmp_path / "a.sketches", PrepareConfig(label="doodle"))
    assert read(tmp_path / "a.sketches").classes == ("doodle",)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_points": 300}, "no drawing of the class 'cat' is left .*6 too short"),
        ({"recognized_only": True}, "no drawing of the class 'dog' is left .*1 unrecognized"),
        ({"valid": 3, "test": 2}, "class 'cat' has 5 drawings"),
    ],
)
def test_a_class_of_which_nothing_is_left(tmp_path: Path, options: dict, message: str) -> None:
    cats = write_lines(tmp_path / "cat.ndjson", *(square(n) for n in range(1, 6)), word="cat")
    dogs = write_lines(tmp_path / "dog.ndjson", CAT, word="dog", recognized=False)
    with pytest.raises(SketchRNNError, match=message):
        prepare([cats, dogs], tmp_path / "a.sketches", PrepareConfig(**options))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cat.ndjson", "dog.ndjson"]


def test_a_class_without_training_drawings(tmp_path: Path) -> None:
    arrays = random_rows(2)
    arrays[0] = arrays[0][:2]
    path = write_npz(tmp_path / "a.npz", arrays[:1], [np.concatenate(arrays)])
    with pytest.raises(SketchRNNError, match=r"class 'a' has no training drawings left.*--resplit"):
        prepare([path], tmp_path / "a.sketches", PrepareConfig(min_points=3))


@pytest.mark.parametrize(
    "options",
    [
        {"min_points": 0},
        {"min_points": 5, "max_points": 4},
        {"simplify": -0.1},
        {"simplify": 255.0},
        {"simplify": float("nan")},
        {"seed": -1},
        {"valid": -0.1},
        {"test": 2.5},
        {"test": float("inf")},
        {"valid": float("nan")},
    ],
)
def test_settings_that_make_no_sense(options: dict) -> None:
    with pytest.raises(SketchRNNError, match=r"must be"):
        PrepareConfig(**options)


@pytest.mark.parametrize("source", ["doodles:0", "doodles:x", "doodles:1:2:fish:4", "doodles:5:-1"])
def test_doodles_that_make_no_sense(tmp_path: Path, source: str) -> None:
    with pytest.raises(SketchRNNError, match="name it doodles"):
        prepare([source], tmp_path / "a.sketches")


def test_bad_sources_leave_nothing_behind(tmp_path: Path) -> None:
    good = write_lines(tmp_path / "cat.ndjson", CAT)
    bad = tmp_path / "bad.npz"
    bad.write_text("hello")
    out = tmp_path / "out"
    for sources, target in (
        ([good, bad], out / "a.sketches"),
        ([good, tmp_path / "missing.npz"], out / "a.sketches"),
        ([], out / "a.sketches"),
        ([good], out / "a.npz"),
    ):
        with pytest.raises(SketchRNNError):
            prepare(sources, target)
        assert not out.exists()


def test_an_older_file_stays_when_the_new_one_fails(tmp_path: Path) -> None:
    good = write_lines(tmp_path / "cat.ndjson", CAT, square(5))
    out = tmp_path / "a.sketches"
    prepare([good], out)
    before = out.read_bytes()
    bad = write_npz(tmp_path / "bad.npz", [np.array([[1e300, 0, 1], [0, 0, 1]])])
    with pytest.raises(SketchRNNError, match="row 0 has an offset over"):
        prepare([good, bad], out)
    assert out.read_bytes() == before
    prepare([out], out)  # a file can be its own source
    assert everything(read(out)) == everything(read(out))


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_lines(tmp_path / "cat.ndjson", CAT, CAT, square(5), word="cat")
    out = tmp_path / "a.sketches"
    assert run("prepare", path, "doodles:1:1", "-o", out, "--max-points", 200, "--seed", 1) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:6] == ["source", "read", "train", "valid", "test", "dropped:"]
    assert lines[0].endswith("unrecognized  too short  too long  duplicate")
    assert lines[1].split() == ["cat.ndjson", "3", "2", "0", "0", "1", "0", "0", "0", "1"]
    assert lines[3].split() == ["together", "6", "3", "1", "1", "1", "0", "0", "0", "1"]
    data = read(out)
    assert lines[4] == f"duplicate: {path}, line 2"
    assert lines[6] == f"2 classes, N_max {data.N_max}, scale {data.scale:.4f} px"
    assert lines[7] == f"wrote {out}"


def test_every_option_reaches_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = []

    def fake(sources: object, output: object, settings: PrepareConfig, **_: object) -> Report:
        seen.append((sources, output, settings))
        empty = Drawings.from_arrays([])
        one = Drawings.from_arrays([np.array([[1, 2, 1]])])
        report = Report()
        report.dataset = Dataset(one, empty, empty, ("a",))
        return report

    monkeypatch.setattr("sketchrnn.data.prepare.prepare", fake)
    options = (
        "--min-points 3 --max-points 9 --recognized-only --keep-duplicates --simplify 1.5 --box"
        " --seed 4 --valid 10 --test 0.2 --resplit --label pet"
    )
    run("prepare", "x", "y", "-o", "z.sketches", *options.split())
    expected = PrepareConfig(
        min_points=3,
        max_points=9,
        recognized_only=True,
        keep_duplicates=True,
        simplify=1.5,
        box=True,
        seed=4,
        valid=10,
        test=0.2,
        resplit=True,
        label="pet",
    )
    assert seen == [(["x", "y"], Path("z.sketches"), expected)]


def test_real_sources(tmp_path: Path, shared: Path) -> None:
    folder = shared / "data/quickdraw"
    sources = [
        folder / "sketchrnn/face.npz",
        folder / "raw/face.ndjson",
        folder / "spg/face.ndjson.gz",
        folder / "simplified_345/sun.ndjson",
    ]
    report = prepare(sources, tmp_path / "a.sketches", PrepareConfig(simplify=2.0, max_points=150))
    data = read(tmp_path / "a.sketches")
    assert data.classes == ("face", "sun")
    assert data.epsilon == 2.0
    assert sum(source.read for source in report.sources) == 2_200 + 31 + 800 + 25
    kept = sum(sum(source.kept.values()) for source in report.sources)
    assert kept == sum(map(len, data.splits.values()))
    dense = read(folder / "spg/face.ndjson.gz").train.lengths.mean()
    simple = data.train.select(np.arange(len(data.train))[-400:]).lengths.mean()
    assert simple < dense / 2


def test_sketches_of_an_earlier_file_keep_their_splits(tmp_path: Path) -> None:
    arrays = random_rows(10)
    data = Dataset(
        Drawings.from_arrays(arrays[:5], [0, 1, 0, 1, 0]),
        Drawings.from_arrays(arrays[5:8], [1, 1, 0]),
        Drawings.from_arrays(arrays[8:], [0, 1]),
        ("cat", "dog"),
        epsilon=1.0,
        provenance=("drawn by hand",),
    )
    sketches.write(data, tmp_path / "a.sketches")
    prepare([tmp_path / "a.sketches"], tmp_path / "b.sketches")
    again = read(tmp_path / "b.sketches")
    assert everything(again) == everything(data)
    assert again.valid.labels.tolist() == [1, 1, 0]
    assert again.epsilon == 1.0
    assert again.provenance == ("drawn by hand", "a.sketches: 10 of 10 drawings")


# --- many files, files that cannot be read -----------------------------------------------------


def write_svg(path: Path, *lines: str, more: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    drawn = "".join(f'<polyline fill="none" stroke="black" points="{line}"/>' for line in lines)
    path.write_text(f'<svg xmlns="http://www.w3.org/2000/svg"><title>A</title>{drawn}{more}</svg>')
    return path


def svgs(folder: Path, count: int) -> list[Path]:
    return [
        write_svg(folder / f"{number}.svg", f"0,0 100,0 100,{number + 1}", "5,5 6,40")
        for number in range(count)
    ]


def test_many_drawings_are_one_line(tmp_path: Path) -> None:
    pets, cars = svgs(tmp_path / "pets", 5), svgs(tmp_path / "cars", 3)
    report = prepare([*pets, *cars, "doodles:1:1", cars[0]], tmp_path / "a.sketches")
    assert [source.source for source in report.sources] == [
        "pets/*.svg (5 files)",
        "cars/*.svg (3 files)",
        "doodles:1:1",
        "0.svg",
    ]
    assert report.dataset.classes[:2] == ("pets", "cars")  # of the folder, not of the title
    assert report.sources[3].dropped["duplicate"] == 1
    # raw drawings: in the box, simplified, whole numbers
    assert report.dataset.train[0].tolist()[0] == [255, 0, 0]
    assert report.effects.steps[0].name == "simplify 2"
    one = prepare(pets, tmp_path / "a.sketches", PrepareConfig(label="animal"))
    assert one.dataset.classes == ("animal",)


def test_a_folder_tree_is_one_source(tmp_path: Path) -> None:
    svgs(tmp_path / "all/cat", 3)
    svgs(tmp_path / "all/dog", 2)
    report = prepare([tmp_path / "all"], tmp_path / "a.sketches")
    assert [source.source for source in report.sources] == ["all/"]
    assert report.dataset.classes == ("cat", "dog")
    assert report.sources[0].read == 5


def test_what_cannot_be_read_is_skipped_and_counted(tmp_path: Path) -> None:
    good = svgs(tmp_path / "pets", 3)
    bad = [tmp_path / f"pets/bad{number}.svg" for number in range(2)]
    for path in bad:
        path.write_text("<svg")
    text = write_svg(tmp_path / "pets/z.svg", "1,1 2,9", more="<text>hello</text><text>you</text>")
    said: list[Skipped] = []
    output = tmp_path / "a.sketches"
    report = prepare([bad[0], *good, bad[1], text], output, skip=said.append)
    assert [str(one).partition(":")[0] for one in said] == [f"skipped {path}" for path in bad]
    assert (report.sources[0].read, report.sources[0].unreadable) == (4, 2)
    assert report.effects.unreadable == 2
    assert report.effects.left_out == {"text": 2}
    written = sketches.read_effects(output).to_text()
    assert "left out of drawings: 2 texts\n" in written
    assert "files that could not be read, or not to their end: 2\n" in written
    assert written in report.to_text()
    with pytest.raises(SketchRNNError, match="none of the 2 files could be read"):
        prepare(bad, tmp_path / "none.sketches")
    assert not (tmp_path / "none.sketches").exists()
    # one that is not there is a mistake of the user, and so is a broken data file
    with pytest.raises(SketchRNNError, match="there is no such file"):
        prepare([*good, tmp_path / "pets/missing.svg"], output)
    broken = tmp_path / "broken.ndjson"
    broken.write_text("{")
    with pytest.raises(SketchRNNError, match="line 1"):
        prepare([*good, broken], output)


def test_the_command_names_twenty_of_those_skipped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = svgs(tmp_path / "pets", 2)
    bad = [tmp_path / f"pets/bad{number}.svg" for number in range(23)]
    for path in bad:
        path.write_text("<svg")
    assert run("prepare", *good, *bad, "-o", tmp_path / "a.sketches") == 0
    captured = capsys.readouterr()
    lines = captured.err.splitlines()
    assert len(lines) == 22
    assert lines[0].startswith(f"skipped {bad[0]}")
    assert lines[20] == "and 3 more"
    assert lines[21].startswith("there are no drawings to validate with")
    assert "files that could not be read, or not to their end: 23" in captured.out


def test_a_file_of_a_folder_that_is_damaged_in_the_middle(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "pets/dog.ndjson"
    path.parent.mkdir()
    write_lines(path, *map(square, range(1, 101)), word="dog")
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:50], lines[50][:9], *lines[51:]]))
    (path.parent / "note: left out, .svg").write_text("<svg")  # the words of a name say nothing
    (path.parent / "note.txt").write_text("x")
    assert run("prepare", path.parent, "-o", tmp_path / "a.sketches") == 0
    captured = capsys.readouterr()
    damaged, bad, others = captured.err.splitlines()
    assert damaged.startswith(f"read up to {path}, line 50: 50 drawings kept, but {path}, line 51")
    assert bad.startswith(f"skipped {path.parent}/note: left out, .svg: ")
    assert others == f"{path.parent}: left out, with other endings: 1 file (.txt)"
    assert "files that could not be read, or not to their end: 2\n" in captured.out
    assert sum(map(len, read(tmp_path / "a.sketches").splits.values())) == 50


@pytest.mark.parametrize("label", ["", "a\tb", "x\ny", "x" * 400, "\x1b[2J", "\udcff"])
def test_a_class_whose_name_nobody_could_read(tmp_path: Path, label: str) -> None:
    output = tmp_path / "a.sketches"
    source = write_lines(tmp_path / "cat.ndjson", CAT)
    prepare([source], output)
    good = output.read_bytes()
    with pytest.raises(SketchRNNError, match="must be 1 to 255 printable characters") as caught:
        PrepareConfig(label=label)
    assert str(caught.value).isprintable()
    if 0 < len(label) < 255:  # or the name of a file
        source = source.rename(tmp_path / f"{label}.ndjson")
        with pytest.raises(SketchRNNError, match="must be 1 to 255 printable characters"):
            prepare([source], output)
    with pytest.raises(SketchRNNError, match="must be 1 to 255"):
        run("prepare", source, "-o", output, "--label", label, "--force")
    assert output.read_bytes() == good


def test_the_name_of_a_file_stands_on_one_line(tmp_path: Path) -> None:
    for name in ("a\n\x1b[2J.ndjson", "a\n\x1b[2J.npz"):
        source = tmp_path / name
        if source.suffix == ".npz":
            write_npz(source, random_rows(3))
        else:
            write_lines(source, CAT, word="cat")
        report = prepare([source], tmp_path / "a.sketches", PrepareConfig(label="cat"))
        assert report.to_text().splitlines()[1].startswith("a\ufffd\ufffd[2J.n")
        assert report.dataset.provenance[0].startswith("a\ufffd\ufffd[2J.n")


def test_a_name_that_could_not_be_read_is_not_written(tmp_path: Path) -> None:
    drawings = Drawings.from_arrays(random_rows(2))
    none = Drawings.from_arrays([])
    with pytest.raises(SketchRNNError, match=r"'a\\tb' cannot be printed"):
        sketches.write(Dataset(drawings, none, none, ("a\tb",)), tmp_path / "a.sketches")
    assert not list(tmp_path.iterdir())


def test_one_class_in_two_spellings(tmp_path: Path) -> None:
    composed, apart = "caf\u00e9", "cafe\u0301"
    paths = [
        write_npz(tmp_path / f"{apart}.npz", random_rows(3)),
        write_lines(tmp_path / "a.ndjson", CAT, word=composed),
        write_lines(tmp_path / "b.ndjson", square(9), word=apart),
    ]
    assert prepare(paths, tmp_path / "a.sketches").dataset.classes == (composed,)
    settings = PrepareConfig(label=apart)
    assert prepare(paths, tmp_path / "a.sketches", settings).dataset.classes == (composed,)


def test_more_sources_than_16_bits_count() -> None:
    with TemporaryFile() as file:
        spool = Spool(file, PrepareConfig())
        spool.see("cat")
        for number in range((1 << 16) + 1):
            spool.begin_source(str(number))
        spool.add(Item(np.array([[1.0, 2, 1]]), "cat"), "cat")
        spool.dataset("cats")
    assert [one.source for one in spool.report.sources if one.kept["train"]] == [str(1 << 16)]


# --- cleaning, outliers, copies ----------------------------------------------------------------


def test_simplify_0_leaves_raw_points_as_they_are(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "raw.ndjson", RAW)
    prepare([path], tmp_path / "a.sketches", PrepareConfig(simplify=0.0))
    data = read(tmp_path / "a.sketches")
    assert data.train[0].tolist() == [[500, 0, 1], [-500, 0, 0], [0, 250, 1]]
    assert data.epsilon == 0
    prepare([path], tmp_path / "a.sketches", PrepareConfig(simplify=0.0, box=True))
    boxed = read(tmp_path / "a.sketches").train[0]
    assert np.allclose(boxed, [[255, 0, 1], [-255, 0, 0], [0, 127.5, 1]])
    arrays = random_rows(4)
    source = write_npz(tmp_path / "x.npz", arrays)
    prepare([source], tmp_path / "a.sketches", PrepareConfig(simplify=0.0))
    data = read(tmp_path / "a.sketches")
    assert [rows.tolist() for rows in data.train] == [rows.tolist() for rows in arrays]
    assert data.epsilon is None


def test_simplify_is_in_px_of_the_box_for_files_with_splits_too(tmp_path: Path) -> None:
    """Of drawings of any size, as the help and the file's own epsilon say."""
    flat = np.array([[130, 3, 0], [125, -3, 1]])  # a point that is 3 px off
    small, large = flat * [0.1, 0.1, 1], flat * [10, 10, 1]
    path = write_npz(tmp_path / "a.npz", [flat, small, large])
    settings = PrepareConfig(simplify=2.8, min_points=1, keep_duplicates=True)
    data = prepare([path], tmp_path / "a.sketches", settings).dataset
    assert [len(rows) for rows in data.train] == [2, 2, 2]
    data = prepare([path], tmp_path / "a.sketches", replace(settings, simplify=3.2)).dataset
    assert [len(rows) for rows in data.train] == [1, 1, 1]
    assert data.epsilon == 3.2
    # what was simplified before stays so
    settings = replace(settings, simplify=1.0)
    data = prepare([tmp_path / "a.sketches"], tmp_path / "b.sketches", settings).dataset
    assert data.epsilon == 3.2


def test_cleaning_reaches_every_kind_of_source(tmp_path: Path) -> None:
    broken = [[[0, 100], [0, 0]], [[101, 255], [0, 0]], [[0, 1], [9, 9]]]  # two pieces and a speck
    simple = write_lines(tmp_path / "simple.ndjson", broken, word="a")
    raw = write_lines(tmp_path / "raw.ndjson", [[*s, [0, 1]] for s in broken], word="b")
    rows = np.array([[100, 0, 1], [1, 0, 0], [154, 0, 1], [-255, 9, 0], [1, 0, 1]])
    npz = write_npz(tmp_path / "c.npz", [rows])
    report = prepare(
        [simple, raw, npz],
        tmp_path / "a.sketches",
        PrepareConfig(min_points=1),
        join=2,
        min_stroke=3,
        order=True,
        at_most=2,
    )
    assert [rows.tolist() for rows in report.dataset.train] == 3 * [[[255, 0, 1]]]
    names = ["join 2 px", "min-stroke 3 px", "order", "simplify 2", "at-most 2"]
    assert [step.name for step in report.effects.steps] == names
    join = report.effects.step("join 2 px")
    assert (join.drawings, join.changed) == (3, 3)
    assert join.strokes == [9, 6]
    assert report.effects.step("min-stroke 3 px").strokes[1] == 3
    assert report.dataset.provenance[0] == (
        "simple.ndjson: 1 of 1 drawings (min_points=1, join=2, min_stroke=3, order, at_most=2)"
    )
    assert sketches.read_effects(tmp_path / "a.sketches").to_json() == report.effects.to_json()


def test_too_many_strokes_for_at_most_are_too_long(tmp_path: Path) -> None:
    many = [[[n, n], [0, 99]] for n in range(10)]
    path = write_lines(tmp_path / "a.ndjson", many, square(9), CAT)
    report = prepare([path], tmp_path / "a.sketches", at_most=8)
    assert report.sources[0].dropped["too long"] == 1
    assert report.dataset.N_max <= 8


def test_the_longest_of_each_class_are_dropped(tmp_path: Path) -> None:
    arrays = random_rows(40, seed=3)
    labels = np.arange(40) % 2
    data = Dataset(  # type: ignore[call-arg]
        Drawings.from_arrays(arrays, labels),
        *2 * [Drawings.from_arrays([])],
        ("cat", "dog"),
    )
    sketches.write(data, tmp_path / "in.sketches")
    report = prepare([tmp_path / "in.sketches"], tmp_path / "a.sketches", drop_longest=0.1)
    assert report.effects.dropped == {"longest": 4}
    assert report.sources[0].dropped["longest"] == 4
    assert "longest" in report.to_text().splitlines()[0]
    for label in (0, 1):
        lengths = sorted(
            len(rows) for rows, one in zip(arrays, labels, strict=True) if one == label
        )
        kept = report.dataset.train.lengths[report.dataset.train.labels == label]
        assert sorted(kept) == lengths[:18]


def test_the_unlikely_are_dropped_by_a_score(tmp_path: Path) -> None:
    arrays = random_rows(600, seed=4)
    path = write_npz(tmp_path / "x.npz", arrays[:500], arrays[500:])
    badness = {rows.tobytes(): n for n, rows in enumerate(map(np.float32, arrays))}
    calls = []

    def score(some: Sequence[Sketch]) -> list[float]:
        calls.append(len(some))
        found = [float(badness[s.to_stroke3().astype(np.float32).tobytes()]) for s in some]
        return [np.nan if value == 100 else value for value in found]

    report = prepare([path], tmp_path / "a.sketches", drop_unlikely=0.01, score=score)
    assert sum(calls) == 600
    assert max(calls) < 600
    kept = everything(report.dataset)
    gone = [n for n, rows in enumerate(arrays) if rows.tolist() not in kept]
    assert gone == [100, *range(595, 600)]  # no number is worst
    with pytest.raises(SketchRNNError, match="which model"):
        prepare([path], tmp_path / "a.sketches", drop_unlikely=0.1)


def test_copies_are_of_training_drawings_and_reach_no_other_split(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.ndjson", *(square(n) for n in range(5, 65)), word="a")
    settings = PrepareConfig(valid=7, test=0.1, seed=3)
    plain = prepare([path], tmp_path / "a.sketches", settings).dataset
    copies = {"copies": 3, "mirror": True, "turn": 20, "stretch": 0.1}
    report = prepare([path], tmp_path / "b.sketches", settings, **copies)
    data = read(tmp_path / "b.sketches")
    assert everything(plain)[47:] == everything(data)[4 * 47 :]  # valid and test as they were
    originals = [rows.tolist() for rows in plain.train]
    assert [rows.tolist() for rows in data.train][:47] == originals
    assert len(data.train) == 4 * 47
    effects = sketches.read_effects(tmp_path / "b.sketches")
    assert effects.copies == 3 * 47
    assert effects.copied == "copies=3, mirror, turn=20, stretch=0.1"
    assert sum(report.sources[0].kept.values()) == 60
    # each copy has the strokes and points of its original, and about its size
    for number, rows in enumerate(data.train):
        original = plain.train[number if number < 47 else (number - 47) // 3]
        assert rows[:, 2].tolist() == original[:, 2].tolist()
        assert np.abs(rows[:, :2]).max() <= 1.1 * 2**0.5 * np.abs(original[:, :2]).max() + 1
    assert len({rows.tobytes() for rows in data.train}) > 3.8 * 47
    # what a drawing's copies are does not depend on what else is there
    more = write_lines(tmp_path / "more.ndjson", CAT, word="b")
    other = prepare(
        [more, path],
        tmp_path / "c.sketches",
        replace(settings, valid=0.0, test=0.0),
        **copies,
    )
    assert {rows.tobytes() for rows in data.train} <= {
        rows.tobytes() for rows in other.dataset.train
    }


def test_copies_keep_factors_and_are_known_again(tmp_path: Path) -> None:
    first, again = tmp_path / "a.sketches", tmp_path / "b.sketches"
    prepare(["doodles:40:7"], first, copies=2, turn=10, stretch=0.1)
    data = read(first)
    assert data.train.factors is not None
    assert np.array_equal(data.train.factors[40:], np.repeat(data.train.factors[:40], 2, axis=0))
    # split anew, copies could come into another split than their originals, so they are left out
    report = prepare([first], again, PrepareConfig(resplit=True))
    assert report.sources[0].dropped["copy"] == 80
    assert sum(map(len, report.dataset.splits.values())) == 44
    # not split anew they stay, come last, and are not copied again
    report = prepare([first, "doodles:20:9"], again, copies=1, mirror=True)
    assert len(report.dataset.train) == 60 + 80 + 60
    assert sketches.read_effects(again).copies == 140
    assert [rows.tolist() for rows in report.dataset.train][60:140] == [
        rows.tolist() for rows in data.train
    ][40:]


def mirrored(rows: np.ndarray) -> tuple:
    """What `copies=1, mirror=True` makes of a drawing, as something to look up."""
    return tuple(map(tuple, (rows * np.array([-1, 1, 1])).tolist()))


def copies_of_held_out(data: Dataset) -> int:
    trained = {tuple(map(tuple, rows.tolist())) for rows in data.train}
    return sum(mirrored(rows) in trained for split in (data.valid, data.test) for rows in split)


@pytest.mark.parametrize("duplicates", [False, True])
@pytest.mark.parametrize("reverse", [False, True])
def test_copies_of_an_earlier_file_are_not_of_what_is_held_out(
    tmp_path: Path, duplicates: bool, reverse: bool
) -> None:
    """The same drawings again, without splits: they follow those of the earlier file."""
    sides = range(1, 201)
    path = write_lines(tmp_path / "cat.ndjson", *map(square, sides), word="cat")
    earlier = tmp_path / "earlier.sketches"
    first = prepare([path], earlier, copies=1, mirror=True).dataset
    assert copies_of_held_out(first) == 0
    more = write_lines(tmp_path / "more.ndjson", *map(square, range(150, 300)), word="cat")
    sources = [path, more, earlier]
    data = prepare(
        sources[::-1] if reverse else sources,
        tmp_path / "a.sketches",
        PrepareConfig(seed=1, keep_duplicates=duplicates),
    ).dataset
    assert copies_of_held_out(data) == 0
    assert len(data.test) > len(first.test)  # those that are new are split as ever
    held_out = {tuple(map(tuple, rows.tolist())) for rows in data.test}
    assert {tuple(map(tuple, rows.tolist())) for rows in first.test} <= held_out
    assert not held_out & {tuple(map(tuple, rows.tolist())) for rows in data.train}


def test_a_held_out_drawing_of_which_another_source_has_copies_is_trained_on(
    tmp_path: Path,
) -> None:
    arrays = random_rows(30)
    held_out = write_npz(tmp_path / "x.npz", arrays[:10], arrays[10:15], arrays[15:20])
    trained = write_npz(tmp_path / "sketchrnn_x.npz", arrays[10:])
    plain, copied = tmp_path / "plain.sketches", tmp_path / "copied.sketches"
    prepare([trained], plain)
    prepare([trained], copied, copies=1, mirror=True)
    data = prepare([held_out, plain], tmp_path / "a.sketches").dataset
    assert [len(split) for split in data.splits.values()] == [20, 5, 5]  # the first one stays
    data = prepare([held_out, copied], tmp_path / "a.sketches").dataset
    assert [len(split) for split in data.splits.values()] == [30 + 20, 0, 0]
    assert [rows.tolist() for rows in data.train][:30] == [rows.tolist() for rows in arrays]


def test_everything_at_once_gives_the_same_bytes(tmp_path: Path) -> None:
    paths = svgs(tmp_path / "pets", 12)
    options = {"join": 3, "min_stroke": 4, "order": True, "at_most": 60}
    options |= {"drop_longest": 0.1, "copies": 2, "turn": 9}  # type: ignore[dict-item]
    for name in ("a", "b"):
        prepare([*paths, "doodles:30:1"], tmp_path / f"{name}.sketches", **options)
    assert (tmp_path / "a.sketches").read_bytes() == (tmp_path / "b.sketches").read_bytes()


def test_a_trial_writes_nothing(tmp_path: Path) -> None:
    paths = svgs(tmp_path / "pets", 6)
    before = sorted(tmp_path.rglob("*"))
    report = prepare(paths, None, at_most=3)
    assert sorted(tmp_path.rglob("*")) == before
    written = prepare(paths, tmp_path / "drawings.sketches", at_most=3)
    assert everything(report.dataset) == everything(written.dataset)
    assert report.effects.to_json() == written.effects.to_json()


def test_files_with_effects_are_of_version_2_others_of_version_1(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.ndjson", CAT, square(7))
    metadata = []
    for order in (False, True):
        prepare([path], tmp_path / "a.sketches", order=order)
        content = (tmp_path / "a.sketches").read_bytes()
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        metadata.append(header["__metadata__"])
    assert metadata[0]["version"] == "1"
    assert "effects" not in metadata[0]
    assert metadata[1]["version"] == "2"
    assert json.loads(metadata[1]["effects"])["steps"][0]["name"] == "order"


@pytest.mark.parametrize(
    "lie",
    [
        ('\\"copies\\":0', '\\"copies\\":9'),  # more than training drawings
        ('\\"unreadable\\":0', '\\"unreadable\\":x'),
        ('\\"changed\\":1', '\\"changed\\":-'),
        ('\\"name\\"', '\\"Name\\"'),
    ],
)
def test_effects_that_lie_are_refused(tmp_path: Path, lie: tuple[str, str]) -> None:
    path = tmp_path / "a.sketches"
    drawing = [[[50, 60], [50, 50]], [[0, 10], [0, 0]]]
    prepare([write_lines(tmp_path / "a.ndjson", drawing)], path, order=True)
    content = path.read_bytes()
    old, new = (text.replace(":", ": ").encode() for text in lie)
    assert content.count(old) == 1
    path.write_bytes(content.replace(old, new))
    with pytest.raises(SketchRNNError, match=r"a\.sketches"):
        read(path)


def test_every_new_option_reaches_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[PrepareConfig] = []

    def fake(sources: object, output: object, config: PrepareConfig, **_: object) -> Report:
        seen.append(config)
        raise SketchRNNError("seen")

    monkeypatch.setattr("sketchrnn.data.prepare.prepare", fake)
    options = (
        "--join 3 --min-stroke 4 --order --at-most 50 --drop-longest 0.1 --copies 2 --mirror"
        " --turn 10 --stretch 0.2"
    )
    for words in (("prepare", "x", "-o", "z.sketches"), ("inspect", "x")):
        with pytest.raises(SketchRNNError, match="seen"):
            run(*words, *options.split())
        assert seen[-1] == PrepareConfig(
            join=3,
            min_stroke=4,
            order=True,
            at_most=50,
            drop_longest=0.1,
            copies=2,
            mirror=True,
            turn=10,
            stretch=0.2,
        )
    with pytest.raises(SketchRNNError, match="--by MODEL belong together"):
        run("prepare", "x", "-o", "z.sketches", "--drop-unlikely", "0.1")
    with pytest.raises(SketchRNNError, match="--by MODEL belong together"):
        run("inspect", "x", "--by", "sun")


def test_a_model_says_what_is_unlikely(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Scribbles among suns are what a model of suns finds least likely."""
    rng = np.random.default_rng(2)
    scribbles = [[rng.integers(0, 255, (2, 40)).tolist()] for _ in range(3)]
    angles = np.linspace(0, 2 * np.pi, 14)
    suns = [
        [
            np.rint(128 + size * np.array([np.cos(angles), np.sin(angles)])).tolist(),
            *(
                np.rint(128 + np.outer([np.cos(a), np.sin(a)], [size + 9, 127])).tolist()
                for a in angles[:-1:2]
            ),
        ]
        for size in range(50, 70)
    ]
    many = [[[n, n], [0, 99]] for n in range(0, 250, 1)]  # more strokes than the model reads
    path = write_lines(tmp_path / "sun.ndjson", *suns[:9], *scribbles, many, *suns[9:])
    output = tmp_path / "a.sketches"
    options = ["--drop-unlikely", 0.17, "--by", "sun", "--valid", 0, "--test", 0]
    assert run("prepare", path, "-o", output, *options) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("unlikely")
    assert lines[1].endswith(" 4")
    kept = [rows.tolist() for rows in read(output).train]
    assert kept == [
        strokes.polylines_to_stroke3([np.array(s).T for s in sun])[0].tolist() for sun in suns
    ]


def test_what_was_left_out_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "pets"
    folder.mkdir()
    for number in range(12):
        zigzag = [(x, (number + 3) * (x % 2)) for x in range(30 if number < 8 else 60 + number)]
        sketch = Sketch.from_polylines([zigzag])
        (folder / f"{number:02}.svg").write_text(sketch.to_svg())
    (folder / "again.svg").write_text((folder / "03.svg").read_text())
    settings = PrepareConfig(max_points=65, simplify=0, valid=1, test=0)
    text = prepare([folder], None, settings, drop_longest=0.12).to_text()
    assert f"too long: {', '.join(f'{folder}/{n:02}.svg' for n in (8, 9, 10, 11))}\n" in text
    assert f"duplicate: {folder}/again.svg\n" in text
