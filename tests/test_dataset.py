"""Drawings, Dataset and the own data file: values, damage, memory."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from sketchrnn import strokes
from sketchrnn.data.dataset import Dataset, Drawings, split_numbers
from sketchrnn.data.formats import read, sketches
from sketchrnn.errors import SketchRNNError


def random_arrays(count: int, seed: int, *, whole: bool = True) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    arrays = []
    for _ in range(count):
        rows = rng.normal(3, 40, (rng.integers(1, 30), 3))
        rows[:, strokes.PEN_UP] = rng.random(len(rows)) < 0.2
        arrays.append(np.rint(rows) if whole else rows)
    return arrays


def make(seed: int = 0, *, whole: bool = True, factors: bool = False) -> Dataset:
    rng = np.random.default_rng(seed)

    def split(count: int) -> Drawings:
        return Drawings.from_arrays(
            random_arrays(count, seed + count, whole=whole),
            rng.integers(0, 2, count),
            rng.random((count, 3)) if factors else None,
        )

    return Dataset(
        split(40),
        split(9),
        split(0),
        ("cat", "hot dog"),
        epsilon=2.0,
        provenance=("made by hand", "é"),
        factor_names=("ears", "tilt", "size") if factors else (),
    )


def same_drawings(a: Drawings, b: Drawings) -> bool:
    return (
        len(a) == len(b)
        and all(map(np.array_equal, a, b))
        and np.array_equal(a.labels, b.labels)
        and (np.array_equal(a.factors, b.factors) if a.factors is not None else b.factors is None)
    )


# Drawings and Dataset ----------------------------------------------------------------------------


def test_drawings_give_back_what_they_were_made_of() -> None:
    arrays = random_arrays(20, 1)
    drawings = Drawings.from_arrays(arrays)
    assert drawings.rows.dtype == np.int16
    assert all(map(np.array_equal, drawings, arrays))
    assert drawings.lengths.tolist() == [len(rows) for rows in arrays]
    some = drawings.select([7, 3, 3])
    assert some.rows is drawings.rows
    assert all(map(np.array_equal, some, [arrays[7], arrays[3], arrays[3]]))
    assert np.array_equal(drawings.gather([5, 2]), np.concatenate([arrays[5], arrays[2]]))
    mask = np.zeros(20, bool)
    assert len(drawings.select(mask)) == len(drawings.select([])) == 0
    assert drawings.select([]).gather([]).shape == (0, 3)


def test_chunks_walk_every_drawing_once() -> None:
    drawings = Drawings.from_arrays(random_arrays(50, 2)).select(np.arange(49, -1, -1))
    for rows_at_once in (1, 20, 100, 10**6):
        chunks = list(drawings.chunks(rows_at_once))
        assert [chosen.start for chosen, _ in chunks[1:]] == [
            chosen.stop for chosen, _ in chunks[:-1]
        ]
        assert np.array_equal(
            np.concatenate([rows for _, rows in chunks]), np.concatenate([*drawings])
        )
    assert len(list(drawings.chunks(20))) > 10


def test_size_is_the_median_larger_side_of_the_training_drawings() -> None:
    data = make(3, whole=False)
    sides = []
    for rows in data.train:
        points = np.concatenate(strokes.stroke3_to_polylines(rows))
        sides.append(np.ptp(points, axis=0).max())
    assert data.size == pytest.approx(np.median(sides), rel=1e-5)


def test_scale_is_the_standard_deviation_of_the_clamped_training_offsets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = make(whole=False)
    data.train.rows[3, strokes.DX] = 40_000
    offsets = np.clip(data.train.rows[:, strokes.XY].astype(np.float64), -1000, 1000)
    expected = float(offsets.std())  # the mean, about 3 here, is subtracted
    assert data.scale == pytest.approx(expected, rel=1e-12)
    monkeypatch.setattr(Drawings.chunks, "__defaults__", (7,))
    assert make_like(data).scale == pytest.approx(expected, rel=1e-12)


def make_like(data: Dataset) -> Dataset:
    """The same set without what has been computed of it."""
    return Dataset(data.train, data.valid, data.test, data.classes)


def test_limited_counts_what_it_drops() -> None:
    data = make()
    limited, dropped = data.limited(20)
    for name, split in data.splits.items():
        left = limited.split(name)
        assert dropped[name] == (split.lengths > 20).sum() == len(split) - len(left)
        assert (left.lengths <= 20).all()
    assert dropped["train"] > 0
    assert limited.N_max == 20
    kept = [rows for rows in data.train if len(rows) <= 20]
    assert limited.scale == pytest.approx(np.concatenate(kept)[:, strokes.XY].std(), rel=1e-6)
    assert data.limited(1000)[0] is data
    with pytest.raises(SketchRNNError, match="no training drawing has at most 0 points"):
        data.limited(0)


def test_merge_joins_classes_by_name() -> None:
    cats, dogs = make(1), make(2)
    dogs = Dataset(*dogs.splits.values(), classes=("dog", "cat"), name="dogs")
    merged = Dataset.merge([cats, dogs])
    assert merged.classes == ("cat", "hot dog", "dog")
    assert [merged.classes[label] for label in merged.train.labels] == [
        data.classes[label] for data in (cats, dogs) for label in data.train.labels
    ]
    assert all(map(np.array_equal, merged.valid, [*cats.valid, *dogs.valid]))
    assert (merged.epsilon, merged.name) == (None, "drawings+dogs")
    assert Dataset.merge([cats]) is cats


def test_merge_keeps_factors_that_all_have_and_widens_rows() -> None:
    a, b = make(1, factors=True), make(2, factors=True, whole=False)
    merged = Dataset.merge([a, b])
    assert merged.factor_names == a.factor_names
    assert np.array_equal(merged.train.factors, [*a.train.factors, *b.train.factors])
    assert merged.train.rows.dtype == np.float32
    assert Dataset.merge([a, make(3)]).factor_names == ()
    assert Dataset.merge([a, make(3)]).train.factors is None


def test_sketches_are_labelled() -> None:
    data = make()
    sketch = data.sketch("valid", 3)
    assert sketch.label == data.classes[data.valid.labels[3]]
    assert np.array_equal(sketch.to_stroke3()[:-1], data.valid[3][:-1])


def test_errors_of_a_data_set(monkeypatch: pytest.MonkeyPatch) -> None:
    data = make()
    with pytest.raises(SketchRNNError, match="choose one of train, valid, test"):
        data.split("validation")
    with pytest.raises(SketchRNNError, match="valid has 9 drawings, there is no number 9"):
        data.sketch("valid", 9)
    with pytest.raises(SketchRNNError, match="at least one"):
        Dataset.merge([])
    empty = Dataset(data.test, data.valid, data.test, data.classes)
    with pytest.raises(SketchRNNError, match="no training drawings"):
        _ = empty.scale
    still = Dataset(Drawings.from_arrays([np.zeros((3, 3))]), data.test, data.test, ("dot",))
    with pytest.raises(SketchRNNError, match="all training offsets are equal"):
        _ = still.scale
    monkeypatch.setattr("sketchrnn.data.dataset.MERGE_LIMIT_BYTES", 1000)
    with pytest.raises(SketchRNNError, match="data prepare"):
        Dataset.merge([data, data])


def test_the_split_of_a_class_depends_on_no_other_class() -> None:
    labels = np.array([0] * 100 + [1] * 40)
    both = split_numbers(labels, ("cat", "dog"), 0.1, 0.2, seed=4)
    assert np.bincount(both[:100]).tolist() == [70, 10, 20]
    assert np.bincount(both[100:]).tolist() == [28, 4, 8]
    alone = split_numbers(np.zeros(40, int), ("dog",), 0.1, 0.2, seed=4)
    assert np.array_equal(alone, both[100:])
    assert not np.array_equal(both, split_numbers(labels, ("cat", "dog"), 0.1, 0.2, seed=5))
    counted = split_numbers(labels, ("cat", "dog"), 3, 2, seed=4)
    assert np.bincount(counted[:100]).tolist() == [95, 3, 2]
    with pytest.raises(SketchRNNError, match="class 'dog' has 40 drawings; 30 for valid and 10"):
        split_numbers(labels, ("cat", "dog"), 30, 10, seed=4)


# The own data file -------------------------------------------------------------------------------


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("factors", [True, False])
def test_the_file_gives_back_the_set(tmp_path: Path, whole: bool, factors: bool) -> None:
    data = make(whole=whole, factors=factors)
    sketches.write(data, tmp_path / "pets.sketches")
    back = read(tmp_path / "pets.sketches")
    for name, split in data.splits.items():
        assert same_drawings(back.split(name), split)
    assert back.train.rows.dtype == (np.int16 if whole else np.float32)
    assert isinstance(back.train.rows, np.memmap)
    assert (back.classes, back.epsilon, back.provenance) == (
        data.classes,
        data.epsilon,
        data.provenance,
    )
    assert (back.scale, back.N_max) == (data.scale, data.N_max)
    assert (back.name, back.factor_names) == ("pets", data.factor_names)
    sketches.write(back, tmp_path / "again.sketches")
    assert (tmp_path / "again.sketches").read_bytes() == (tmp_path / "pets.sketches").read_bytes()


def test_whole_numbers_in_float_rows_become_int16(tmp_path: Path) -> None:
    rows = np.array([[3, -4, 1]], np.float32)
    bounds = np.array([0, 1])
    drawings = Drawings(rows, bounds[:-1], bounds[1:], np.zeros(1, int))
    empty = Drawings.from_arrays([])
    sketches.write(Dataset(drawings, empty, empty, ("a",)), tmp_path / "a.sketches")
    assert read(tmp_path / "a.sketches").train.rows.dtype == np.int16


def test_the_safetensors_library_reads_it(tmp_path: Path) -> None:
    data = make(factors=True)
    sketches.write(data, tmp_path / "pets.sketches")
    arrays = load_file(tmp_path / "pets.sketches")
    assert set(arrays) == {
        f"{split}/{part}"
        for split in ("train", "valid", "test")
        for part in ("rows", "lengths", "labels", "factors")
    }
    assert np.array_equal(arrays["train/rows"], data.train.rows)
    assert np.array_equal(arrays["train/lengths"], data.train.lengths)
    assert np.array_equal(arrays["valid/labels"], data.valid.labels)
    assert np.array_equal(arrays["valid/factors"], data.valid.factors)
    assert arrays["test/rows"].shape == (0, 3)


def header_and_body(path: Path) -> tuple[dict, bytes]:
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def put_together(path: Path, header: dict, body: bytes) -> Path:
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + body)
    return path


def test_every_damaged_byte_of_the_data_is_found(tmp_path: Path) -> None:
    path = tmp_path / "a.sketches"
    sketches.write(make(factors=True), path)
    content = bytearray(path.read_bytes())
    data_begins = 8 + int.from_bytes(content[:8], "little")
    rng = np.random.default_rng(0)
    for place in rng.integers(data_begins, len(content), 100):
        damaged = content.copy()
        damaged[place] ^= 1 << rng.integers(8)
        path.write_bytes(damaged)
        with pytest.raises(SketchRNNError, match="damaged"):
            read(path)


def test_damage_of_the_header_is_an_error_or_harmless(tmp_path: Path) -> None:
    path = tmp_path / "a.sketches"
    data = make(factors=True)
    sketches.write(data, path)
    content = bytearray(path.read_bytes())
    length = int.from_bytes(content[:8], "little")
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(400):
        damaged = content.copy()
        damaged[rng.integers(8 + length)] = rng.integers(256)
        path.write_bytes(damaged)
        try:
            back = read(path)
        except SketchRNNError:
            refused += 1
        else:  # a letter of a name, or a digit of the scale that makes no difference
            assert back.scale == pytest.approx(data.scale, rel=1e-8)
            assert np.array_equal(back.train.rows, data.train.rows)
    assert refused > 200


@pytest.mark.parametrize("kept", [0, 5, 100, 1500, -1])
def test_a_file_that_is_cut_off(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "a.sketches"
    sketches.write(make(), path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(SketchRNNError, match=r"a\.sketches"):
        read(path)


def test_headers_that_lie(tmp_path: Path) -> None:
    path = tmp_path / "a.sketches"
    sketches.write(make(), path)
    header, body = header_and_body(path)

    def changed(key: str, **values: object) -> dict:
        return header | {key: header[key] | values}

    rows = header["train/rows"]
    lies = [
        changed("train/rows", shape=[rows["shape"][0] * 2, 3]),
        changed("train/rows", shape=[-1, 3]),
        changed("train/rows", shape=[10**30, 3]),
        changed("train/rows", shape=[]),
        changed("train/rows", shape="ab"),
        changed("train/rows", dtype="F64"),
        changed("train/rows", dtype="U16"),
        changed("train/rows", data_offsets=[0, rows["data_offsets"][1]]),
        changed("train/rows", data_offsets=[rows["data_offsets"][1], rows["data_offsets"][0]]),
        changed("train/rows", data_offsets=[0.5, 7]),
        changed("__metadata__", version="2"),
        changed("__metadata__", format="other"),
        changed("__metadata__", scale="NaN"),
        changed("__metadata__", scale="-3"),
        changed("__metadata__", scale="[1]"),
        changed("__metadata__", N_max="7"),
        changed("__metadata__", classes='["cat"]'),
        changed("__metadata__", classes='"cat"'),
        changed("__metadata__", factor_names='["ears"]'),
        changed("__metadata__", crc32="00000000"),
        {key: value for key, value in header.items() if key != "test/rows"},
        {key: value for key, value in header.items() if key != "__metadata__"},
        header | {"more": header["test/rows"]},
    ]
    for lie in lies:
        with pytest.raises(SketchRNNError, match=r"a\.sketches"):
            read(put_together(path, lie, body))
    assert len(read(put_together(path, header, body)).train) == 40
    for length in (2**63, 1 << 23):
        path.write_bytes(length.to_bytes(8, "little") + b"{}")
        with pytest.raises(SketchRNNError, match=r"not a \.sketches file"):
            read(path)


@pytest.mark.parametrize("place", range(8))
@pytest.mark.parametrize("rows_at_once", [7, 1 << 18])
def test_a_changed_digit_of_the_scale_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: int, rows_at_once: int
) -> None:
    path = tmp_path / "a.sketches"
    data = make()
    data.train.rows[3, strokes.DX] = 30_000  # clamped, in the scale
    sketches.write(data, path)
    monkeypatch.setattr(sketches, "_READ_BYTES", 12 * rows_at_once)
    assert read(path).scale == data.scale
    header, body = header_and_body(path)
    digits = [number for number, mark in enumerate(repr(data.scale)) if mark.isdigit()]
    scale = list(repr(data.scale))
    scale[digits[place]] = str((int(scale[digits[place]]) + 1) % 10)
    header["__metadata__"]["scale"] = "".join(scale)
    with pytest.raises(SketchRNNError, match=r"its scale is not the standard deviation"):
        read(put_together(path, header, body))


def test_another_safetensors_file(tmp_path: Path) -> None:
    save_file({"weight": np.zeros(3)}, tmp_path / "weights.sketches")
    with pytest.raises(SketchRNNError, match=r"not a .sketches file of version 1"):
        read(tmp_path / "weights.sketches")


def test_bad_rows_are_found_when_they_are_written_and_leave_nothing(tmp_path: Path) -> None:
    data = make(whole=False)
    data.valid.rows[data.valid.begins[4], strokes.DY] = np.nan
    path = tmp_path / "a.sketches"
    with pytest.raises(SketchRNNError, match="valid, drawing 4: row 0 has a value that is not"):
        sketches.write(data, path)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(SketchRNNError, match=r"ends in .sketches"):
        sketches.write(make(), tmp_path / "a.npz")


def test_a_split_without_drawings_has_none_to_take() -> None:
    with pytest.raises(SketchRNNError, match=r"no test drawings to take: there are none$"):
        make().choose("test", 1, 10, seed=0)


def test_files_that_are_no_data(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello, this is a text")
    with pytest.raises(SketchRNNError, match="is text, and no drawing; expected a sketch-rnn"):
        read(tmp_path / "notes.txt")
    with pytest.raises(SketchRNNError, match="there is no such file"):
        read(tmp_path / "missing.npz")
    with pytest.raises(SketchRNNError, match="is a folder"):
        read(tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of a process is read from /proc")
def test_a_large_file_takes_little_memory() -> None:
    """200 MB of rows are written, prepared, read and trained on; see the script."""
    script = Path(__file__).parents[1] / "scripts/check_memory.py"
    options = ["--megabytes", "200", "--length", "500"]
    run = subprocess.run(
        [sys.executable, str(script), *options], capture_output=True, text=True, check=True
    )
    peaks = [int(peak) for peak in re.findall(r"peak \+(\d+) MB", run.stdout)]
    assert len(peaks) == 5
    assert "trained 20 steps" in run.stdout
    assert max(peaks[:4]) < 120
    assert peaks[4] < 350  # 220 of it PyTorch at work on 100 drawings of 500 points
