"""The official `.npz`: files by every Python and NumPy are read; whatever could run is refused."""

from __future__ import annotations

import copyreg
import io
import os
import pickle
import struct
import tracemalloc
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from sketchrnn import strokes
from sketchrnn.data.formats import npz, read
from sketchrnn.errors import SketchRNNError

DRAWINGS = [
    np.array([[3, -2, 0], [0, 7, 1]], dtype=np.int16),
    np.array([[-300, 128, 0], [1, 1, 0], [200, 255, 1]], dtype=np.int16),
]


def object_array(drawings: Sequence[object]) -> np.ndarray:
    array = np.empty(len(drawings), dtype=object)
    array[:] = drawings
    return array


def npy(content: bytes, count: int = 2) -> bytes:
    """A .npy member: the header of an object array of `count`, then a pickle."""
    file = io.BytesIO()
    header = {"descr": "|O", "fortran_order": False, "shape": (count,)}
    np.lib.format.write_array_header_1_0(file, header)
    return file.getvalue() + content


def write_npz(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return path


def python2_pickle(drawings: Sequence[np.ndarray]) -> bytes:
    """Protocol 2 as Python 2 and NumPy 1 wrote it: strings are bytes of no encoding."""

    def text(value: bytes) -> bytes:
        if len(value) < 256:
            return pickle.SHORT_BINSTRING + bytes([len(value)]) + value
        return pickle.BINSTRING + struct.pack("<i", len(value)) + value

    def number(value: int) -> bytes:
        return pickle.BININT + struct.pack("<i", value)

    def array(shape: Sequence[int], code: bytes, order: bytes, content: bytes) -> bytes:
        new = (
            b"cnumpy.core.multiarray\n_reconstruct\n"
            + b"(cnumpy\nndarray\n"
            + (number(0) + pickle.TUPLE1 + text(b"b") + pickle.TUPLE + pickle.REDUCE)
        )
        dtype = b"cnumpy\ndtype\n(" + text(code) + number(0) + number(1) + b"tR"
        dtype += b"(" + number(3) + text(order) + b"NNN" + number(-1) * 2 + number(0) + b"tb"
        sides = b"(" + b"".join(map(number, shape)) + b"t"
        return new + b"(" + number(1) + sides + dtype + pickle.NEWFALSE + content + b"tb"

    inner = b"".join(
        array(rows.shape, rows.dtype.str[1:].encode(), b"<", text(rows.tobytes()))
        for rows in drawings
    )
    return b"\x80\x02" + array([len(drawings)], b"O8", b"|", b"](" + inner + b"e") + b"."


def python3_pickle(drawings: Sequence[np.ndarray], protocol: int) -> bytes:
    content = pickle.dumps(object_array(drawings), protocol)
    return content.replace(b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n")


def numpy2_pickle(drawings: Sequence[np.ndarray], protocol: int) -> bytes:
    content = python3_pickle(drawings, protocol)
    return content.replace(b"cnumpy.core.multiarray\n", b"cnumpy._core.multiarray\n")


WRITERS: dict[str, Callable[[Sequence[np.ndarray]], bytes]] = {
    "Python 2": python2_pickle,
    "Python 3, NumPy 1, protocol 2": lambda drawings: python3_pickle(drawings, 2),
    "Python 3, NumPy 1, protocol 3": lambda drawings: python3_pickle(drawings, 3),
    "Python 3, NumPy 2, protocol 2": lambda drawings: numpy2_pickle(drawings, 2),
    "Python 3, NumPy 2, protocol 3": lambda drawings: numpy2_pickle(drawings, 3),
    "Python 3, protocol 4": lambda drawings: pickle.dumps(object_array(drawings), 4),
}


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("dtype", ["int16", "int32", "float64", "float32"])
def test_every_generation_is_read(tmp_path: Path, writer: str, dtype: str) -> None:
    drawings = [drawing.astype(dtype) for drawing in DRAWINGS]
    path = write_npz(
        tmp_path / "cat.npz",
        train=npy(WRITERS[writer](drawings)),
        valid=npy(WRITERS[writer](drawings[:1]), 1),
        test=npy(WRITERS[writer](drawings[1:]), 1),
    )
    data = read(path)
    assert [rows.tolist() for rows in data.train] == [rows.tolist() for rows in DRAWINGS]
    assert data.train.rows.dtype == np.int16
    assert data.valid[0].tolist() == DRAWINGS[0].tolist()
    assert data.test[0].tolist() == DRAWINGS[1].tolist()
    assert data.classes == ("cat",)


def test_what_numpy_itself_writes(tmp_path: Path) -> None:
    path = tmp_path / "sketchrnn_hot air balloon.full.npz"
    np.savez_compressed(path, train=object_array(DRAWINGS), valid=object_array([]))
    data = read(path)
    assert [rows.tolist() for rows in data.train] == [rows.tolist() for rows in DRAWINGS]
    assert (len(data.valid), len(data.test)) == (0, 0)
    assert data.classes == ("hot air balloon",)


def test_byte_order_and_fortran_order(tmp_path: Path) -> None:
    drawings = [DRAWINGS[0].astype(">i4"), np.asfortranarray(DRAWINGS[1])]
    np.savez(tmp_path / "a.npz", train=object_array(drawings))
    assert [rows.tolist() for rows in read(tmp_path / "a.npz").train] == [
        rows.tolist() for rows in DRAWINGS
    ]


def test_drawings_of_one_length_make_a_plain_array(tmp_path: Path) -> None:
    stacked = np.stack([DRAWINGS[1], DRAWINGS[1] + [[1, 1, 0]]])
    np.savez(tmp_path / "a.npz", train=stacked, valid=np.empty((0,)))
    data = read(tmp_path / "a.npz")
    assert [rows.tolist() for rows in data.train] == stacked.tolist()
    assert len(data.valid) == 0


def test_what_int16_cannot_hold_becomes_float32(tmp_path: Path) -> None:
    wide = np.array([[40_000, -1_000_000, 1]], dtype=np.int64)
    np.savez(tmp_path / "a.npz", train=object_array([wide, DRAWINGS[0]]))
    rows = read(tmp_path / "a.npz").train.rows
    assert rows.dtype == np.float32
    assert rows[0].tolist() == [40_000, -1_000_000, 1]  # outliers stay until scaling
    np.savez(tmp_path / "b.npz", train=object_array([np.array([[0.5, 1.25, 1]])]))
    assert read(tmp_path / "b.npz").train.rows.tolist() == [[0.5, 1.25, 1]]


@pytest.mark.parametrize(
    ("drawing", "message"),
    [
        (np.array([[1, np.nan, 0]]), "train, drawing 1: row 0 has a value that is not a finite"),
        (np.array([[1.0, 1e300, 0]]), "train, drawing 1: row 0 has an offset over 1e"),
        (np.array([[1, 1, 0], [1, 1, 3]]), "train, drawing 1: row 1 has pen 3"),
        (np.zeros((0, 3), np.int16), "train, drawing 1: has no points"),
        (np.zeros((4, 5), np.int16), r"train, drawing 1: stroke-3 must be"),
        (np.zeros(3, np.int16), r"train, drawing 1: stroke-3 must be"),
        ([[1, 2, 0]], "train, drawing 1 is not an array of numbers"),
        (None, "train, drawing 1 is not an array of numbers"),
        (np.array(["a"]), "train, drawing 1 is not an array of numbers"),
        (np.array([True]), "train, drawing 1 is not an array of numbers"),
        (object_array(DRAWINGS), "train, drawing 1 is not an array of numbers"),
    ],
)
def test_bad_drawings_are_named(tmp_path: Path, drawing: object, message: str) -> None:
    array = np.empty(2, dtype=object)
    array[0], array[1] = DRAWINGS[0], drawing
    np.savez(tmp_path / "bad.npz", train=array)
    with pytest.raises(SketchRNNError, match=message) as caught:
        read(tmp_path / "bad.npz")
    assert "bad.npz" in str(caught.value)


def test_missing_and_empty_splits(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", valid=object_array(DRAWINGS))
    with pytest.raises(SketchRNNError, match="has no member 'train'"):
        read(tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", train=object_array([]), valid=object_array(DRAWINGS))
    with pytest.raises(SketchRNNError, match="train has no drawings"):
        read(tmp_path / "b.npz")


# Files that would run something ------------------------------------------------------------------


class Payload:
    """Pickles as a call."""

    def __init__(self, function: Callable, *arguments: object) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple:
        return self.call


def short(value: str) -> bytes:
    return pickle.SHORT_BINUNICODE + bytes([len(value)]) + value.encode()


def named(module: str, name: str) -> bytes:
    return short(module) + short(name) + pickle.STACK_GLOBAL


def shared_lists(count: int = 40) -> bytes:
    """Lists of twice the list before: a trillion parts, for whoever would show them."""
    pairs = (b"](" + b"h%c" % index * 2 + b"eq%c" % (index + 1) for index in range(count))
    return b"]q\x00" + b"".join(pairs)


def payloads(marker: Path) -> dict[str, bytes]:
    """Pickles that make `marker` when a trusting unpickler runs them, and other tricks."""
    command = f"touch {marker}"
    run = short(command) + pickle.TUPLE1 + pickle.REDUCE + b"."
    array = b"cnumpy.core.multiarray\n_reconstruct\n"
    registered = 0xF0
    return {
        "reduce": pickle.dumps(Payload(os.system, command)),
        "protocol 0": pickle.dumps(Payload(os.system, command), 0),
        "inside an array": pickle.dumps(object_array([DRAWINGS[0], Payload(os.system, command)])),
        "open": pickle.dumps(Payload(open, str(marker), "w")),
        "GLOBAL": b"\x80\x02cos\nsystem\n" + run,
        "builtins": b"\x80\x02c__builtin__\neval\n" + short("1") + b"\x85R.",
        "a module of NumPy": b"\x80\x02cnumpy.f2py.diagnose\nrun_command\n" + run,
        "a function of NumPy": b"\x80\x04" + named("numpy.testing", "rundocs") + run,
        "numpy.load": b"\x80\x04" + named("numpy", "load") + run,
        "dotted name": b"\x80\x04" + named("numpy", "testing._private.utils.runstring") + run,
        "dotted allowed name": b"\x80\x04"
        + named("numpy.core.multiarray", "_reconstruct.__globals__")
        + b".",
        "a neighbour of _reconstruct": b"\x80\x02cnumpy.core.multiarray\nfromfile\n" + run,
        "INST": b"\x80\x02(S'" + command.encode() + b"'\nios\nsystem\n.",
        "OBJ": b"\x80\x02(cos\nsystem\n" + short(command) + b"o.",
        "NEWOBJ": b"\x80\x02cnumpy\ndtype\n" + short("f8") + b"\x85\x81.",
        "EXT1": b"\x80\x02\x82" + bytes([registered]) + run,
        "EXT4": b"\x80\x02\x84" + struct.pack("<i", registered) + run,
        "PERSID": b"\x80\x02Pthing\n.",
        "BINPERSID": b"\x80\x02" + short("thing") + b"Q.",
        "codec": b"\x80\x02c_codecs\nencode\n" + short("x") + short("rot13") + b"\x86R.",
        "codec on bytes": b"\x80\x03c_codecs\nencode\nC\x01x" + short("latin1") + b"\x86R.",
        "codec on a name": b"\x80\x02c_codecs\nencode\nc_codecs\nencode\n"
        + short("latin1")
        + b"\x86R.",
        "calling ndarray": b"\x80\x02cnumpy\nndarray\n" + short("f8") + b"\x85R.",
        "BUILD on a function": b"\x80\x02" + array + b"}" + short("__code__") + b"Nsb.",
        "BUILD on a class": b"\x80\x02cnumpy\ndtype\nN}" + short("__init__") + b"Ns\x86b.",
        "object dtype with a value": b"\x80\x02cnumpy\ndtype\n(" + short("O8") + b"K\x00K\x01tR.",
        "a memo of 32 GB": b"\x80\x02Nr\xff\xff\xff\x7f.",
        "a string of 4 GB": b"\x80\x03B\xff\xff\xff\xffabc.",
        "a type named by lists": b"\x80\x02" + shared_lists() + b"cnumpy\ndtype\nh(\x85R.",
        "a shape of lists": b"\x80\x03"
        + (shared_lists() + array + b"NNN\x87R(K\x01)cnumpy\ndtype\nU\x02f8\x85R\x89](")
        + (array + b"NNN\x87R(K\x01h(\x85cnumpy\ndtype\nU\x02f8\x85R\x89C\x01xtb") * 2
        + b"etb.",
        "lists in lists": b"\x80\x02" + b"]" * 200_000 + b"a" * 199_999 + b".",
        "a number": b"\x80\x02K\x05.",
        "nothing": b"",
        "no stop": b"\x80\x02N",
        "rubbish": bytes(range(256)),
    }


@pytest.fixture
def _extension():  # type: ignore[no-untyped-def]
    """A registered extension, as another library may have it."""
    copyreg.add_extension("os", "system", 0xF0)
    yield
    copyreg.remove_extension("os", "system", 0xF0)


@pytest.mark.usefixtures("_extension")
@pytest.mark.parametrize("name", payloads(Path("marker")))
def test_nothing_is_run(tmp_path: Path, name: str) -> None:
    marker = tmp_path / "marker"
    content = payloads(marker)[name]
    whole = npy(WRITERS["Python 3, protocol 4"](DRAWINGS))
    for members in ({"train": npy(content)}, {"train": whole, "test": npy(content)}):
        path = write_npz(tmp_path / "bomb.npz", **members)
        with pytest.raises(SketchRNNError, match="nothing in it was run") as caught:
            read(path)
        assert "\n" not in str(caught.value)
        assert not marker.exists()


def test_the_payloads_would_run(tmp_path: Path) -> None:
    """The bombs above are live: a trusting unpickler runs them."""
    marker = tmp_path / "marker"
    for name in ("reduce", "GLOBAL", "INST", "OBJ"):
        pickle.loads(payloads(marker)[name])
        assert marker.exists()
        marker.unlink()


def test_one_array_named_again_and_again(tmp_path: Path) -> None:
    """A pickle of some kB that would unfold to gigabytes."""
    rows = np.zeros((1000, 3), np.int16)
    array = object_array([rows] * 100_000)  # pickled once, then named
    path = write_npz(tmp_path / "a.npz", train=npy(pickle.dumps(array, 4), len(array)))
    with pytest.raises(SketchRNNError, match="unfolds to more than its size"):
        read(path)


def peak_bytes_of_reading(path: Path) -> int:
    """The most memory that Python held while it refused `path`."""
    tracemalloc.start()
    try:
        with pytest.raises(SketchRNNError, match="nothing in it was run"):
            read(path)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


MEGABYTE = 1_000_000


@pytest.mark.parametrize(
    "again",
    [
        pytest.param(b"h\x00h\x01R", id="encoded by a call"),
        pytest.param(
            b"cnumpy.core.multiarray\n_reconstruct\nNNN\x87R(K\x01)cnumpy\ndtype\nU\x02f8\x85R\x89"
            b"h\x02tb",
            id="encoded as the data of an array",
        ),
    ],
)
def test_one_text_encoded_again_and_again(tmp_path: Path, again: bytes) -> None:
    """A file of a kilobyte that would fill 400 MB with copies of one text."""
    text = pickle.BINUNICODE + struct.pack("<I", MEGABYTE) + b"x" * MEGABYTE + b"q\x02"
    arguments = text + short("latin1") + b"\x86q\x01"
    content = b"\x80\x02c_codecs\nencode\nq\x00" + arguments + b"](" + again * 400 + b"e."
    path = write_npz(tmp_path / "bomb.npz", train=npy(content, 400))
    assert path.stat().st_size < 2_000
    assert peak_bytes_of_reading(path) < 20 * MEGABYTE


@pytest.mark.parametrize("opcodes", [b"]", b"]a", b"N\x94", b"(", b"K\x05\x94"])
def test_millions_of_small_objects(tmp_path: Path, opcodes: bytes) -> None:
    """Each byte of the pickle would become an object of some 100 bytes."""
    content = npy(b"\x80\x04]" + opcodes * (4 * MEGABYTE) + b".")
    path = write_npz(tmp_path / "bomb.npz", train=content)
    assert path.stat().st_size < 40_000
    assert peak_bytes_of_reading(path) < 150 * MEGABYTE


def test_other_object_arrays(tmp_path: Path) -> None:
    square = np.empty((2, 2), dtype=object)
    square[:] = 1
    np.savez(tmp_path / "a.npz", train=square)
    with pytest.raises(SketchRNNError, match="not a list of drawings"):
        read(tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", train=np.zeros((4, 3)))
    with pytest.raises(SketchRNNError, match=r"array of shape \(4, 3\), not drawings"):
        read(tmp_path / "b.npz")
    np.savez(tmp_path / "c.npz", train=np.zeros((4, 3, 1), dtype=[("a", "i4")]))
    with pytest.raises(SketchRNNError, match="not an array of numbers"):
        read(tmp_path / "c.npz")
    content = npy(WRITERS["Python 2"](DRAWINGS), 3)  # the header says 3
    with pytest.raises(SketchRNNError, match="not a list of drawings"):
        read(write_npz(tmp_path / "d.npz", train=content))
    file = io.BytesIO()
    header = {"descr": "<i2", "fortran_order": False, "shape": (10**15, 10, 3)}
    np.lib.format.write_array_header_1_0(file, header)
    with pytest.raises(SketchRNNError, match="do not fit its shape"):
        read(write_npz(tmp_path / "e.npz", train=file.getvalue() + b"abc"))


# Zip files ---------------------------------------------------------------------------------------


def test_a_zip_bomb(tmp_path: Path) -> None:
    path = write_npz(tmp_path / "bomb.npz", train=bytes(100_000_000))
    assert path.stat().st_size < 200_000
    with pytest.raises(SketchRNNError, match="zip bomb"):
        read(path)
    # The same with headers that understate the size.
    content = path.read_bytes().replace(struct.pack("<I", 100_000_000), struct.pack("<I", 1000))
    path.write_bytes(content)
    with pytest.raises(SketchRNNError, match=r"bomb\.npz"):
        read(path)


def test_the_budget_is_for_all_members_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = npy(WRITERS["Python 2"](DRAWINGS))
    path = write_npz(tmp_path / "a.npz", train=member, valid=member, test=member)
    monkeypatch.setattr(npz, "UNPACKED_LIMIT_BYTES", 3 * len(member))
    assert len(read(path).test) == 2
    monkeypatch.setattr(npz, "UNPACKED_LIMIT_BYTES", 3 * len(member) - 1)
    with pytest.raises(SketchRNNError, match=r"test.npy unpacks to more than"):
        read(path)


def test_many_members(tmp_path: Path) -> None:
    members = {f"m{number}": b"" for number in range(70)}
    path = write_npz(tmp_path / "a.npz", train=npy(WRITERS["Python 2"](DRAWINGS)), **members)
    with pytest.raises(SketchRNNError, match="71 members, more than 64"):
        read(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    ("count", "message"), [(500, "500 members, more than 64"), (2, "has two members 'train.npy'")]
)
def test_members_of_one_name(tmp_path: Path, count: int, message: str) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        for _ in range(count):
            archive.writestr("train.npy", npy(WRITERS["Python 2"](DRAWINGS)))
    with pytest.raises(SketchRNNError, match=message):
        read(tmp_path / "a.npz")


def test_unusual_zip_methods(tmp_path: Path) -> None:
    content = npy(WRITERS["Python 2"](DRAWINGS))
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("train.npy", content)
    with pytest.raises(SketchRNNError, match="compressed in an unusual way"):
        read(tmp_path / "a.npz")
    plain = write_npz(tmp_path / "b.npz", train=content).read_bytes()
    encrypted = bytearray(plain)
    encrypted[plain.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "b.npz").write_bytes(encrypted)
    with pytest.raises(SketchRNNError, match="encrypted"):
        read(tmp_path / "b.npz")


def test_what_is_no_zip(tmp_path: Path) -> None:
    (tmp_path / "text.npz").write_text("<html>not found</html>")
    with pytest.raises(SketchRNNError, match=r"text.npz: is not an .npz file"):
        read(tmp_path / "text.npz")
    whole = write_npz(tmp_path / "a.npz", train=npy(WRITERS["Python 2"](DRAWINGS))).read_bytes()
    (tmp_path / "cut.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SketchRNNError, match=r"cut.npz: is not a whole .npz file"):
        read(tmp_path / "cut.npz")


def test_damage_anywhere_is_an_error_or_harmless(tmp_path: Path) -> None:
    """Random bytes changed in the pickle (stored, with a right checksum) and in the zip itself."""
    rng = np.random.default_rng(0)
    member = npy(WRITERS["Python 3, protocol 4"](DRAWINGS * 3), 6)
    refused = 0
    for _ in range(600):
        damaged = bytearray(member)
        for _ in range(rng.integers(1, 4)):
            damaged[rng.integers(len(damaged))] = rng.integers(256)
        whole = write_npz(tmp_path / "a.npz", train=bytes(damaged))
        if rng.random() < 0.3:
            outside = bytearray(whole.read_bytes())
            outside[rng.integers(len(outside))] = rng.integers(256)
            whole.write_bytes(outside)
        try:
            rows = read(whole).train.rows
        except SketchRNNError:
            refused += 1
        else:
            assert np.isfinite(rows).all()
            assert np.isin(rows[:, strokes.PEN_UP], (0, 1)).all()
    assert refused > 300


# Real files --------------------------------------------------------------------------------------

REAL = {
    "quickdraw/sketchrnn/car": (10_038, 500, 500),
    "quickdraw/sketchrnn/power_outlet": (7_179, 400, 400),
    "quickdraw/sketchrnn/sun": (6_812, 400, 400),
    "quickdraw/sketchrnn/backpack": (6_524, 400, 400),
    "quickdraw/sketchrnn/eye": (4_292, 200, 200),
    "quickdraw/sketchrnn/mouth": (4_242, 200, 200),
    "quickdraw/sketchrnn/pig": (1_800, 200, 200),
    "quickdraw/sketchrnn/face": (1_800, 200, 200),
    "other/omniglot": (30_000, 1_000, 1_000),
    "other/kanji.rdp100": (10_358, 600, 500),
    "other/kanji.rdp200": (10_358, 600, 500),
    "other/short_kanji": (10_000, 600, 500),
    "other/aaron_sheep": (7_400, 300, 300),
}


@pytest.mark.parametrize("name", REAL)
def test_real_files(shared: Path, name: str) -> None:
    path = shared / f"data/{name}.npz"
    data = read(path)
    assert tuple(map(len, data.splits.values())) == REAL[name]
    assert data.classes == (name.split("/")[-1],)
    assert data.train.rows.dtype == (np.float32 if "rdp" in name else np.int16)
    # The same as NumPy itself, which trusts the pickle, reads.
    with np.load(path, allow_pickle=True, encoding="latin1") as archive:
        expected = np.concatenate(list(archive["test"]))
    assert np.array_equal(data.test.rows, expected.astype(data.test.rows.dtype))


def test_power_outlet_of_at_most_100_points(shared: Path) -> None:
    data, dropped = read(shared / "data/quickdraw/sketchrnn/power_outlet.npz").limited(100)
    assert len(data.train) == 7_073
    assert dropped == {"train": 106, "valid": 8, "test": 4}
    assert data.N_max == 100
