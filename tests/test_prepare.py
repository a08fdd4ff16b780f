"""`sketchrnn data prepare`: what is kept, what is dropped and counted, what the file says."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pytest

from sketchrnn import strokes
from sketchrnn.cli import data as verb
from sketchrnn.data.dataset import Dataset, Drawings
from sketchrnn.data.formats import ndjson, read, sketches
from sketchrnn.data.prepare import Report, Settings, prepare
from sketchrnn.data.sources import read_source
from sketchrnn.doodles import doodles
from sketchrnn.errors import SketchRNNError

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
    from sketchrnn.doodles import FACTORS, doodles

    prepare(["doodles:50:7"], tmp_path / "a.sketches")
    data = read(tmp_path / "a.sketches")
    assert data.factor_names == tuple(FACTORS)
    assert data.train.factors is not None
    for index, doodle in enumerate(doodles(50, 7)):
        expected = [doodle.factors[name] for name in FACTORS]
        assert np.allclose(data.train.factors[index], expected, rtol=1e-6)
        assert data.sketch("train", index).label == doodle.sketch.label
        assert np.array_equal(data.train[index], doodle.sketch.to_stroke3())
    prepare([tmp_path / "a.sketches"], tmp_path / "b.sketches", Settings(min_points=60, label="x"))
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
    prepare(["doodles:60:7"], tmp_path / "b.sketches", Settings(resplit=True, valid=1, test=1))
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
    settings = Settings(max_points=10, recognized_only=True)
    report = prepare([path], tmp_path / "a.sketches", settings)
    assert counts(report) == [(8, (3, 0, 0), (1, 2, 1, 1))]
    assert counts(prepare([path], tmp_path / "b.sketches")) == [(8, (5, 0, 0), (0, 2, 0, 1))]
    settings = Settings(keep_duplicates=True, min_points=1)
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
    prepare([path], out, Settings(resplit=True, valid=0.1, test=30))
    anew = read(out)
    assert [len(split) for split in anew.splits.values()] == [150, 20, 30]
    assert sorted(everything(anew)) == sorted(rows.tolist() for rows in arrays)
    prepare([path], out, Settings(resplit=True, valid=0.1, test=30, seed=1))
    assert everything(read(out)) != everything(anew)


def test_the_same_input_and_seed_give_the_same_bytes(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "cat.ndjson", *(square(side) for side in range(1, 99)))
    for name in ("a", "b"):
        prepare([path, "doodles:30"], tmp_path / f"{name}.sketches", Settings(seed=3))
    a, b = (tmp_path / f"{name}.sketches" for name in "ab")
    assert a.read_bytes() == b.read_bytes()
    prepare([path, "doodles:30"], b, Settings(seed=4))
    assert a.read_bytes() != b.read_bytes()


def test_simplify(tmp_path: Path) -> None:
    wiggle = np.array([[10, (-1) ** n, 0] for n in range(20)] + [[0, 0, 1]], dtype=np.int16)
    corner = np.array([[50, 0, 0], [50, 0, 0], [0, 90, 1]], dtype=np.int16)
    path = write_npz(tmp_path / "a.npz", [wiggle, corner])
    prepare([path], tmp_path / "a.sketches", Settings(epsilon=2.0, min_points=1))
    data = read(tmp_path / "a.sketches")
    assert [rows.tolist() for rows in data.train] == [
        [[200, 0, 1]],
        [[100, 0, 0], [0, 90, 1]],
    ]
    assert data.epsilon == 2.0
    dense = write_lines(tmp_path / "dense.ndjson", [[list(range(20, 148)), [7] * 128]])
    prepare([dense], tmp_path / "b.sketches", Settings(epsilon=1.0, min_points=1))
    assert read(tmp_path / "b.sketches").train[0].tolist() == [[255, 0, 1]]  # scaled to the box


def test_box(tmp_path: Path) -> None:
    """Every larger side is 255 px, whatever it was; the shapes stay."""
    small = np.array([[3, 4, 0], [0, 1, 1], [1, 0, 1]], dtype=np.int16)
    path = write_npz(tmp_path / "a.npz", [small, small * np.array([100, 100, 1], dtype=np.int16)])
    settings = Settings(box=True, min_points=1, keep_duplicates=True)
    prepare([path], tmp_path / "a.sketches", settings)
    first, second = (np.asarray(rows) for rows in read(tmp_path / "a.sketches").train)
    np.testing.assert_allclose(first, [[153, 204, 0], [0, 51, 1], [51, 0, 1]], rtol=1e-6)
    np.testing.assert_allclose(second, first, rtol=1e-6)
    assert read(tmp_path / "a.sketches").size == pytest.approx(255)
    # with an epsilon, too, it is the public preprocessing
    prepare([path], tmp_path / "b.sketches", Settings(box=True, epsilon=2.0, min_points=1))
    lines = [np.array([[0.0, 0], [3, 4], [3, 5]]), np.array([[4.0, 5]])]
    expected = strokes.polylines_to_stroke3(ndjson.preprocess(lines, 2.0))[0]
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
    prepare(["doodles:20"], tmp_path / "a.sketches", Settings(label="doodle"))
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
        prepare([cats, dogs], tmp_path / "a.sketches", Settings(**options))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cat.ndjson", "dog.ndjson"]


def test_a_class_without_training_drawings(tmp_path: Path) -> None:
    arrays = random_rows(2)
    arrays[0] = arrays[0][:2]
    path = write_npz(tmp_path / "a.npz", arrays[:1], [np.concatenate(arrays)])
    with pytest.raises(SketchRNNError, match=r"class 'a' has no training drawings left.*--resplit"):
        prepare([path], tmp_path / "a.sketches", Settings(min_points=3))


@pytest.mark.parametrize(
    "options",
    [
        {"min_points": 0},
        {"min_points": 5, "max_points": 4},
        {"epsilon": 0.0},
        {"epsilon": float("nan")},
        {"seed": -1},
        {"valid": -0.1},
        {"test": 2.5},
        {"test": float("inf")},
        {"valid": float("nan")},
    ],
)
def test_settings_that_make_no_sense(options: dict) -> None:
    with pytest.raises(SketchRNNError, match=r"must be"):
        Settings(**options)


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
    with pytest.raises(SketchRNNError, match="not a finite"):
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
    assert lines[5] == f"2 classes, N_max {data.N_max}, scale {data.scale:.4f} px"
    assert lines[6] == f"wrote {out}"


def test_every_option_reaches_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = []

    def fake(sources: object, output: object, settings: Settings, **_: object) -> Report:
        seen.append((sources, output, settings))
        empty = Drawings.from_arrays([])
        one = Drawings.from_arrays([np.array([[1, 2, 1]])])
        return Report((), Dataset(one, empty, empty, ("a",)))

    monkeypatch.setattr("sketchrnn.data.prepare.prepare", fake)
    options = (
        "--min-points 3 --max-points 9 --recognized-only --keep-duplicates --simplify 1.5 --box"
        " --seed 4 --valid 10 --test 0.2 --resplit --label pet"
    )
    run("prepare", "x", "y", "-o", "z.sketches", *options.split())
    expected = Settings(3, 9, True, True, 1.5, True, 4, 10, 0.2, True, "pet")
    assert seen == [(["x", "y"], Path("z.sketches"), expected)]


def test_real_sources(tmp_path: Path, shared: Path) -> None:
    folder = shared / "data/quickdraw"
    sources = [
        folder / "sketchrnn/face.npz",
        folder / "raw/face.ndjson",
        folder / "spg/face.ndjson.gz",
        folder / "simplified_345/sun.ndjson",
    ]
    report = prepare(sources, tmp_path / "a.sketches", Settings(epsilon=2.0, max_points=150))
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
