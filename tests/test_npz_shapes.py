"""The official `.npz`: arrays that NumPy stacks or names twice, and small files that claim much."""

from __future__ import annotations

import io
import pickle
import time
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest

from sketchrnn.data.formats import npz, read
from sketchrnn.errors import SketchRNNError

DRAWINGS = [
    np.array([[3, -2, 0], [0, 7, 1]], dtype=np.int16),
    np.array([[-300, 128, 0], [1, 1, 1]], dtype=np.int16),
]


def objects(things: list[object]) -> np.ndarray:
    array = np.empty(len(things), dtype=object)
    array[:] = things
    return array


def npz_file(path: Path, content: bytes, shape: tuple[int, ...] = (1,), descr: str = "|O") -> Path:
    """An .npz whose train has such a header, and then the content."""
    file = io.BytesIO()
    header = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("train.npy", file.getvalue() + content)
    return path


# Drawings of one length --------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.int16, np.int64, np.float32])
def test_object_arrays_that_numpy_stacked(tmp_path: Path, dtype: type) -> None:
    drawings: list[np.ndarray] = [rows.astype(dtype) for rows in DRAWINGS]
    stacked = np.array(drawings, dtype=object)  # an object a number
    assert stacked.shape == (2, 2, 3)
    np.savez(tmp_path / "cat.npz", train=stacked, valid=stacked[:1], test=stacked[:0])
    data = read(tmp_path / "cat.npz")
    assert [rows.tolist() for rows in data.train] == [rows.tolist() for rows in DRAWINGS]
    assert data.train.rows.dtype == np.int16
    assert [rows.tolist() for rows in data.valid] == [DRAWINGS[0].tolist()]
    assert len(data.test) == 0
    np.savez(tmp_path / "dog.npz", train=np.asfortranarray(stacked))
    assert np.array_equal(read(tmp_path / "dog.npz").train.rows, data.train.rows)


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_stacked_objects_in_each_protocol(tmp_path: Path, protocol: int) -> None:
    stacked = np.array([rows * 0.25 for rows in DRAWINGS], dtype=object)
    stacked[:, :, 2] = [[0, 1], [0, True]]
    stacked[1, 1, 2] = 1
    path = npz_file(tmp_path / "a.npz", pickle.dumps(stacked, protocol), stacked.shape)
    assert [rows.tolist() for rows in read(path).train] == stacked.astype(float).tolist()


@pytest.mark.parametrize("thing", [None, "a", [1], (1, 2), True, 1 << 70, np.zeros(2)])
def test_stacked_objects_that_are_no_numbers(tmp_path: Path, thing: object) -> None:
    stacked = np.array(DRAWINGS, dtype=object)
    stacked[1, 0, 0] = thing
    np.savez(tmp_path / "a.npz", train=stacked)
    with pytest.raises(SketchRNNError, match=r"a\.npz: train is not an array of numbers"):
        read(tmp_path / "a.npz")


def test_stacked_objects_of_other_shapes(tmp_path: Path) -> None:
    stacked = np.array(DRAWINGS, dtype=object)
    np.savez(tmp_path / "wide.npz", train=np.concatenate([stacked, stacked], axis=2))
    with pytest.raises(SketchRNNError, match=r"drawing 0: stroke-3 must be .* got shape \(2, 6\)"):
        read(tmp_path / "wide.npz")
    np.savez(tmp_path / "flat.npz", train=stacked.reshape(4, 3))
    with pytest.raises(SketchRNNError, match="not a list of drawings"):
        read(tmp_path / "flat.npz")
    path = npz_file(tmp_path / "lies.npz", pickle.dumps(stacked, 4), (2, 3, 3))
    with pytest.raises(SketchRNNError, match="not a list of drawings"):
        read(path)
    path = npz_file(tmp_path / "empty.npz", pickle.dumps(stacked[:0], 4), (10**60, 0, 3))
    with pytest.raises(SketchRNNError, match="train has no drawings"):
        read(path)


def test_one_array_in_a_list_several_times(tmp_path: Path) -> None:
    rows = np.ones((500, 3), np.int16)
    np.savez(tmp_path / "a.npz", train=objects([rows] * 9), valid=objects([rows, DRAWINGS[0]] * 2))
    data = read(tmp_path / "a.npz")
    assert [len(one) for one in data.train] == [500] * 9
    assert data.valid.lengths.tolist() == [500, 2, 500, 2]


def test_the_cases_at_hand(shared: Path) -> None:
    cases = shared / "cases"
    if not cases.exists():
        pytest.skip("not there")
    assert [len(split) for split in read(cases / "object-3d.npz").splits.values()] == [10, 1, 1]
    for name in ("npz-dtype-bomb-2_28", "npz-shape-deep-RecursionError"):
        begin = time.process_time()
        with pytest.raises(SketchRNNError, match=f"{name}.npz: train.*nothing in it was run"):
            read(cases / f"{name}.npz")
        assert time.process_time() - begin < 1


# Small files that claim much ---------------------------------------------------------------------


DEPTH = 40
# A pair of the pair before, and so on: a trillion parts, for whoever would show or compare them.
PAIRS = b"U\x01aq\x00" + b"".join(b"h%ch%c\x86q%c" % (k, k, k + 1) for k in range(DEPTH))
GET = b"h%c" % DEPTH  # names the last one
DEEP = b")" + b"\x85" * 100_000  # a tuple in a tuple in a tuple ...
NEW = b"cnumpy.core.multiarray\n_reconstruct\nNNN\x87R"
F8 = b"cnumpy\ndtype\nU\x02f8\x85R"


def array_of(shape: bytes, dtype: bytes = F8, data: bytes = b"C\x01x") -> bytes:
    return NEW + b"(K\x01" + shape + dtype + b"\x89" + data + b"tb"


def listed(array: bytes) -> bytes:
    """A list of one array; pairs lie below it on the stack."""
    return b"\x80\x03" + PAIRS + array_of(b"K\x01\x85", data=b"]" + array + b"a") + b"."


BOMBS = {
    "a type of tuples": listed(array_of(b")", b"cnumpy\ndtype\n" + GET + b"\x85R")),
    "a deep type": listed(array_of(b")", b"cnumpy\ndtype\n" + DEEP + b"\x85R")),
    "a long type": listed(
        array_of(b")", b"cnumpy\ndtype\nX\x40\x42\x0f\x00" + b"<" * 10**6 + b"\x85R")
    ),
    "a shape of tuples": listed(array_of(GET)),
    "a deep shape": listed(array_of(DEEP)),
    "a long shape": listed(array_of(b"(" + b"K\x01" * 100_000 + b"t")),
    "a shape of long numbers": listed(array_of(b"\x8a\xff" + b"\x7f" * 255 + b"\x85")),
    "an order of tuples": listed(array_of(b")", F8 + b"(K\x03" + GET + b"NNNtb")),
    "data of tuples": listed(array_of(b")", data=GET)),
    "a drawing of tuples": listed(GET),
    "an encoding of tuples": listed(b"c_codecs\nencode\nU\x01a" + GET + b"\x86R"),
    "a text of tuples": listed(b"c_codecs\nencode\n" + GET + b"\x85R"),
    "only tuples": b"\x80\x03" + PAIRS + b".",
}


@pytest.mark.parametrize("name", BOMBS)
def test_nothing_in_a_file_is_shown_or_compared_at_length(tmp_path: Path, name: str) -> None:
    path = npz_file(tmp_path / "bomb.npz", BOMBS[name])
    begin = time.process_time()
    with pytest.raises(SketchRNNError, match=r"bomb\.npz: train.*nothing in it was run") as caught:
        read(path)
    assert time.process_time() - begin < 2
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_a_long_type_of_many_drawings(tmp_path: Path) -> None:
    """Each would look through a megabyte for what the type is."""
    dtype = b"cnumpy\ndtype\nX\x40\x42\x0f\x00" + b"<" * 999_998 + b"i1\x85Rq\x01"
    drawing = array_of(b"K\x01K\x03\x86", b"h\x01", b"C\x03abc")
    path = npz_file(
        tmp_path / "a.npz",
        b"\x80\x03" + dtype + array_of(b"K\x01\x85", data=b"](" + drawing * 10_000 + b"e") + b".",
        (10_000,),
    )
    with pytest.raises(SketchRNNError, match="a type that is not as NumPy writes it"):
        read(path)


@pytest.mark.parametrize(
    ("shape", "descr"), [((4_000_000, 1, 3), "|i1"), ((2_000_000, 1, 3), "<i2")]
)
def test_millions_of_drawings_of_a_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shape: tuple[int, ...], descr: str
) -> None:
    """A file of some kB, of which each three bytes would become an array of a hundred."""
    content = bytes(int(np.prod(shape)) * np.dtype(descr).itemsize)
    path = npz_file(tmp_path / "a.npz", content, shape, descr)
    del content
    assert path.stat().st_size < 20_000
    monkeypatch.setattr(npz, "UNPACKED_SLACK_BYTES", 16 << 20)  # a quarter, for the time
    monkeypatch.setattr(npz, "UNPACKED_RATIO", 1000)
    tracemalloc.start()
    try:
        with pytest.raises(SketchRNNError, match="unfolds to more than its size"):
            read(path)
        assert tracemalloc.get_traced_memory()[1] < 100_000_000
    finally:
        tracemalloc.stop()
