"""The official sketch-rnn `.npz`: a zip of train, valid and test, each an object array of drawings.

An object array is a pickle, and a pickle can run anything. Nothing of it is trusted here:

- only the opcodes that such arrays need are known, and only five names, each replaced by a stand-in
  that records its arguments; any other opcode or name is refused. NumPy never sees the pickle: the
  raw bytes become arrays by `np.frombuffer`, after their shape and type have been checked;
- a file has at most 64 members, each stored or deflated; what is read of it unpacks to at most
  256 MiB, and to at most 64 MiB plus 100 times the size of the file, whatever its headers say;
- the header of an array is compared with what NumPy writes, not evaluated;
- the drawings of a split together, with 128 bytes for each of them, may be 64 MiB larger than the
  member that they come from, which may name one drawing again and again; what is encoded on the way
  may not be larger; the pickle of a split has at most a million opcodes plus
  one for each byte of the file, and at most 8 million, for an opcode of one byte can make an object
  of a hundred. A class of 340,000 drawings, the largest of QuickDraw, has 7.5 million.

Files by Python 2 and 3, NumPy 1 and 2 are read; strings are latin-1.
"""

from __future__ import annotations

import io
import math
import os
import pickle
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from sketchrnn.data.dataset import SPLITS, Dataset, Drawings
from sketchrnn.data.formats.records import check_written, drawings_of
from sketchrnn.data.names import normal_name
from sketchrnn.errors import SketchRNNError
from sketchrnn.files import write_bytes
from sketchrnn.sketch import Sketch
from sketchrnn.strokes import AnyArray

MEMBERS_LIMIT = 64
DIRECTORY_LIMIT_BYTES = 1 << 20
UNPACKED_LIMIT_BYTES = 1 << 28
UNPACKED_SLACK_BYTES = 64 << 20
UNPACKED_RATIO = 100
READ_BYTES = 1 << 20
SIDES_LIMIT, SIDE_LIMIT = 32, 1 << 64  # of the shape of an array
NUMBER_LIMIT = 1 << 64
CODE_LIMIT = 20  # characters of the name of a type
DRAWING_BYTES = 128  # of an array in memory, beside its numbers
OPCODES_LIMIT = 8_000_000
OPCODES_SLACK = 1_000_000  # beside one for each byte of the file; official ones have 0.1 to 0.25

_ZIP_ENCRYPTED = 1  # bit 0 of the flags
# What `zipfile` raises for damaged content; RuntimeError also for kinds that it does not know.
_BROKEN_ZIP = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    RuntimeError,
    ValueError,
    OverflowError,
    OSError,
)


class _RefusedError(Exception):
    """The content is not what this reader takes; the text says why."""


def read(path: str | os.PathLike[str]) -> Dataset:
    """Read a sketch-rnn `.npz`. A missing valid or test is an empty split."""
    target = Path(path)
    try:
        members = _read_members(target)
        opcodes = min(OPCODES_LIMIT, OPCODES_SLACK + target.stat().st_size)
        arrays = {
            name: _split_arrays(members.pop(name), name, opcodes) if name in members else []
            for name in SPLITS
        }
    except _RefusedError as error:
        raise SketchRNNError(
            f"{target}: {error}; this is not a sketch-rnn .npz, and nothing in it was run"
        ) from None
    train, valid, test = (
        Drawings.from_arrays(some, where=f"{target}, {name}") for name, some in arrays.items()
    )
    if not len(train):
        raise SketchRNNError(f"{target}: its train has no drawings; choose another file")
    # cat of cat.npz, sketchrnn_cat.npz and cat.full.npz
    name = target.name.removesuffix(".npz").removesuffix(".full").removeprefix("sketchrnn_")
    name = normal_name(name)
    return Dataset(
        train, valid, test, (name,), provenance=(target.name,), name=name, source=str(target)
    )


def _read_members(path: Path) -> dict[str, bytearray]:
    """The content of train, valid and test, as far as they are there; train must be."""
    budget = min(UNPACKED_LIMIT_BYTES, UNPACKED_SLACK_BYTES + UNPACKED_RATIO * path.stat().st_size)
    members = {}
    try:
        with _File(path) as file, zipfile.ZipFile(file) as archive:
            count = len(archive.infolist())
            if count > MEMBERS_LIMIT:
                raise _RefusedError(f"has {count} members, more than {MEMBERS_LIMIT}")
            infos: dict[str, zipfile.ZipInfo] = {}
            for info in archive.infolist():
                if infos.setdefault(info.filename.removesuffix(".npy"), info) is not info:
                    raise _RefusedError(f"has two members {info.filename!r:.60}")
            if "train" not in infos:
                raise _RefusedError("has no member 'train' (beside valid and test)")
            for name in (name for name in SPLITS if name in infos):
                members[name] = _read_member(archive, infos[name], budget)
                budget -= len(members[name])
    except _BROKEN_ZIP as error:
        raise SketchRNNError(
            f"{path}: is not a whole .npz file ({error!s:.200}); download it again"
        ) from None
    return members


class _File(io.FileIO):
    """A file of which never much is read at once.

    A zip's list of members is read as one piece, and becomes objects twenty times its size.
    """

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or size < 0:  # zipfile reads the last 64 KiB so
            size = DIRECTORY_LIMIT_BYTES
        if size > DIRECTORY_LIMIT_BYTES:
            raise _RefusedError(f"has a list of members of over {DIRECTORY_LIMIT_BYTES:,} bytes")
        return super().read(size) or b""


def _read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, budget: int) -> bytearray:
    plain = info.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
    if not plain or info.flag_bits & _ZIP_ENCRYPTED:
        raise _RefusedError(f"{info.filename} is encrypted, or compressed in an unusual way")
    content = bytearray()
    if info.file_size <= budget:
        with archive.open(info) as member:
            # never more than the budget, whatever size the header states
            while (block := member.read(READ_BYTES)) and len(content) <= budget:
                content += block
    if max(info.file_size, len(content)) > budget:
        raise _RefusedError(
            f"{info.filename} unpacks to more than {budget:,} bytes: a zip bomb, or too large"
        )
    return content


# As NumPy writes it: versions 1 and 2, also for Python 2, whose long numbers end in L.
_NPY_HEADER = re.compile(
    rb"\{'descr': ('[^']{1,20}'|\[[^\]]{1,200}\]), 'fortran_order': (True|False),"
    rb" 'shape': \(([0-9L, ]{0,200})\), ?\}\s*"
)


def _split_arrays(content: bytearray, name: str, opcodes: int) -> list[AnyArray]:
    """The drawings [N, 3] in one `.npy` member, whose pickle has at most so many opcodes."""
    try:
        width = {b"\x93NUMPY\x01\x00": 2, b"\x93NUMPY\x02\x00": 4}[bytes(content[:8])]
        begin = 8 + width
        end = begin + int.from_bytes(content[8:begin], "little")
        match = _NPY_HEADER.fullmatch(content, begin, end)
        if match is None or end > len(content):
            raise ValueError
        code, fortran_order = match[1].decode("latin-1").strip("'"), match[2] == b"True"
        sides = match[3].decode("ascii").replace("L", "").split(",")
        shape = tuple(int(side) for side in sides if side.strip())
    except (KeyError, ValueError):
        raise _RefusedError(f"{name} has no valid .npy header") from None
    del match  # it would keep the content
    del content[:end]
    data = bytes(content)
    content.clear()
    if code == "|O":
        return _unpickled_arrays(data, shape, name, opcodes)
    if 0 in shape:
        return []
    if len(shape) != 3:  # drawings of one and the same length make one plain array
        raise _RefusedError(f"{name} is an array of shape {shape!r:.60}, not drawings")
    numbers = _Array(shape, _Dtype(code), fortran_order, data).numbers(name)
    return _checked_drawings(numbers, name, len(data))


def _unpickled_arrays(
    data: bytes, shape: tuple[int, ...], name: str, opcodes: int
) -> list[AnyArray]:
    """The drawings in a pickled object array of that shape."""
    try:
        pooled = _ArrayUnpickler(data, opcodes).load()
    except _RefusedError as error:
        raise _RefusedError(f"{name}: {error}") from None
    except Exception as error:  # a broken pickle may raise almost anything
        raise _RefusedError(f"{name} is no pickle of arrays ({type(error).__name__})") from None
    items = pooled.data if isinstance(pooled, _Array) else None
    if not isinstance(items, list) or len(shape) not in (1, 3) or math.prod(shape) != len(items):
        raise _RefusedError(f"{name} is not a list of drawings")
    if len(shape) == 1:
        return _checked_drawings(_arrays_in(items, name), name, len(data))
    # drawings of one and the same length: NumPy takes them apart, into a number an object
    if not items:
        return []
    if not all(type(n) is float or (type(n) is int and abs(n) < NUMBER_LIMIT) for n in items):
        raise _RefusedError(f"{name} is not an array of numbers")
    numbers = np.array(items, np.float64).reshape(shape)  # of objects, never the order of Fortran
    return _checked_drawings(numbers, name, len(data))


def _arrays_in(items: Iterable[object], name: str) -> Iterator[AnyArray]:
    for index, item in enumerate(items):
        where = f"{name}, drawing {index}"
        if not isinstance(item, _Array):
            raise _RefusedError(f"{where} is not an array of numbers")
        yield item.numbers(where)


def _checked_drawings(drawings: Iterable[AnyArray], name: str, size: int) -> list[AnyArray]:
    """All of them, if they are not much more than the `size` bytes that they come from."""
    arrays = []
    bytes_left = size + UNPACKED_SLACK_BYTES
    for drawing in drawings:
        bytes_left -= drawing.nbytes + DRAWING_BYTES
        if bytes_left < 0:  # one array named again and again, or drawings of next to nothing
            raise _RefusedError(f"{name} unfolds to more than its size")
        arrays.append(drawing)
    return arrays


class _Dtype:
    """Stands for numpy.dtype."""

    def __init__(self, code: object, align: object = False, copy: object = False) -> None:
        # nor is anything else shown: lists in lists may have no end
        if not isinstance(code, str) or len(code) > CODE_LIMIT:
            raise _RefusedError("it has a type that is not as NumPy writes it")
        self.code = code
        self.big_endian = code.startswith(">")


_NUMBER_CODES = ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8")


@dataclass(repr=False)
class _Array:
    """What a pickle says of one numpy.ndarray."""

    shape: tuple[Any, ...] = ()
    dtype: _Dtype | None = None
    fortran_order: bool = False
    data: bytes | list[Any] | None = None

    def numbers(self, where: str) -> AnyArray:
        """The array of the raw bytes, if they are as many as its shape needs."""
        shape, data, code = self.shape, self.data, ""
        if self.dtype is not None:
            code = self.dtype.code.lstrip("<>=|")
        if self.dtype is None or code not in _NUMBER_CODES or not isinstance(data, bytes):
            raise _RefusedError(f"{where} is not an array of numbers, but of {code!r}")
        # few and small, for the product of many long ones would take hours
        small = all(type(side) is int and 0 <= side <= SIDE_LIMIT for side in shape)
        if len(shape) > SIDES_LIMIT or not small:
            raise _RefusedError(f"{where} has a shape of {len(shape)} sides that no drawing has")
        number = np.dtype(code).newbyteorder(">" if self.dtype.big_endian else "<")
        if math.prod(shape) * number.itemsize != len(data):
            raise _RefusedError(
                f"{where} has {len(data)} bytes, which do not fit its shape {shape}"
            )
        return np.frombuffer(data, number).reshape(shape, order="F" if self.fortran_order else "C")


def _reconstruct(subtype: object, shape: object, typecode: object) -> _Array:
    """Stands for numpy.core.multiarray._reconstruct: an array whose state comes later."""
    return _Array()


# The only names that a file may mention, beside _codecs.encode, for which each unpickler has a
# method. Exact ones: NumPy has modules that run programs.
_STAND_INS: dict[tuple[str, str], object] = {
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy", "ndarray"): "numpy.ndarray",  # only ever an argument of _reconstruct
    ("numpy", "dtype"): _Dtype,
}

_OPCODES = (
    *("PROTO", "FRAME", "STOP", "MARK", "NONE", "NEWTRUE", "NEWFALSE"),
    *("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"),
    *("BINSTRING", "SHORT_BINSTRING", "BINUNICODE", "SHORT_BINUNICODE"),
    *("BINBYTES", "SHORT_BINBYTES", "EMPTY_LIST", "APPEND", "APPENDS"),
    *("EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"),
    *("BINPUT", "LONG_BINPUT", "MEMOIZE", "BINGET", "LONG_BINGET"),
    *("GLOBAL", "STACK_GLOBAL", "REDUCE", "BUILD"),
)


def _counted(load: Callable[[Any], None]) -> Callable[[Any], None]:
    """The opcode `load` with a bound on how many a pickle may have of all of them."""

    def load_counted(unpickler: _ArrayUnpickler) -> None:
        unpickler.opcodes_left -= 1
        if unpickler.opcodes_left < 0:
            raise _RefusedError("it has more opcodes than a file of its size needs")
        load(unpickler)

    return load_counted


class _ArrayUnpickler(pickle._Unpickler):
    """Unpickles arrays of arrays into stand-ins and refuses everything else.

    The base is the standard library's unpickler in Python: its table of opcodes can be cut down,
    and its memo is a dictionary, where the one in C allocates any index that a file names.

    Args:
        data: the pickle; what it encodes may not be larger than the pickle itself.
        opcodes: how many it may have.
    """

    dispatch: ClassVar[dict[int, Callable[[Any], None]]] = {
        code: _counted(pickle._Unpickler.dispatch[code])
        for code in (getattr(pickle, name)[0] for name in _OPCODES)
    }

    def __init__(self, data: bytes, opcodes: int) -> None:
        super().__init__(io.BytesIO(data), encoding="latin1")
        self.bytes_left = len(data)
        self.opcodes_left = opcodes

    def load(self) -> Any:
        try:
            return super().load()
        except KeyError as error:
            raise _RefusedError(f"its pickle has an opcode that no array needs ({error})") from None

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("_codecs", "encode"):
            return self.encode
        if (module, name) not in _STAND_INS:
            raise _RefusedError(f"it names {f'{module}.{name}':.80}, which no array needs")
        return _STAND_INS[module, name]

    def encode(self, text: str, encoding: str = "latin1") -> bytes:
        """Stands for _codecs.encode, with which Python 3 writes bytes in the older protocols."""
        if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
            raise _RefusedError("it encodes something that is not latin-1 text")
        self.bytes_left -= len(text)  # as many bytes as characters
        if self.bytes_left < 0:  # one text encoded again and again
            raise _RefusedError("it encodes more than its size")
        return text.encode("latin-1")

    def load_build(self) -> None:
        """Set the state of a stand-in as NumPy pickles it, and of nothing else."""
        stack: list[Any] = self.stack  # type: ignore[attr-defined]
        state = stack.pop()
        match stack[-1], state:
            case _Dtype() as dtype, (int(), str() as byte_order, *_):
                dtype.big_endian = byte_order == ">"
            case _Array() as array, (
                int(), tuple() as shape, _Dtype() as dtype, bool() | int() as order, data
            ):  # fmt: skip
                array.shape, array.dtype, array.fortran_order = shape, dtype, bool(order)
                # Python 2 knew no difference between text and bytes
                data = self.encode(data) if isinstance(data, str) else data
                array.data = data if isinstance(data, bytes | list) else None
            case _:
                raise _RefusedError("it sets a state that is not one of an array by NumPy")

    dispatch[pickle.BUILD[0]] = _counted(load_build)


# Writing ------------------------------------------------------------------------------------------

_ZIP_TIME = (1980, 1, 1, 0, 0, 0)  # the same drawings give the same bytes


def content(thing: Any, path: str | os.PathLike[str]) -> bytes:
    """The drawings of a sketch or sheet as a file, all to train with."""
    return npz_bytes(drawings_of(thing))


def write(path: str | os.PathLike[str], drawings: Iterable[tuple[str, Sketch]]) -> int:
    """Write drawings, each with its split, whole or not at all; returns how many there are.

    Where none is of train, all are put there: an .npz without a train is none.
    """
    splits: dict[str, list[Sketch]] = {name: [] for name in SPLITS}
    for name, sketch in drawings:
        splits[name].append(sketch)
    if not splits["train"]:
        splits = {"train": splits["valid"] + splits["test"]}
    write_bytes(path, npz_bytes(*splits.values()))
    return sum(map(len, splits.values()))


def npz_bytes(
    train: Sequence[Sketch], valid: Sequence[Sketch] = (), test: Sequence[Sketch] = ()
) -> bytes:
    """The official sketch-rnn file: train, valid and test, each an object array of stroke-3 [N, 3].

    They are int16 where all offsets are whole numbers, as in the official files, else float32. The
    file knows neither classes nor where a drawing begins. It is read by `numpy.load(path,
    allow_pickle=True, encoding="latin1")` of any NumPy, in Python 2 as well.
    """
    if not train:
        raise SketchRNNError("an .npz needs at least one drawing to train with")
    for number, sketch in enumerate((*train, *valid, *test), start=1):
        check_written(sketch, number)
    splits = [[one.to_stroke3() for one in sketches] for sketches in (train, valid, test)]
    whole = all(_fits_int16(rows) for split in splits for rows in split)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, split in zip(SPLITS, splits, strict=True):
            info = zipfile.ZipInfo(f"{name}.npy", _ZIP_TIME)
            info.compress_type = zipfile.ZIP_DEFLATED
            rows = [rows.astype(np.int16 if whole else np.float32) for rows in split]
            archive.writestr(info, _npy(rows))
    return file.getvalue()


def _fits_int16(rows: npt.NDArray[np.float64]) -> bool:
    """Whether nothing is lost but the last bits, which a sum of offsets has too many."""
    whole = np.rint(rows)
    return bool((np.abs(whole) < 1 << 15).all() and (np.abs(rows - whole) < 1e-6).all())


def _npy(drawings: Sequence[npt.NDArray[Any]]) -> bytes:
    """One `.npy`: an object array of the drawings."""
    array = np.empty(len(drawings), dtype=object)
    for index, rows in enumerate(drawings):
        array[index] = rows
    file = io.BytesIO()
    header = {"descr": "|O", "fortran_order": False, "shape": array.shape}
    np.lib.format.write_array_header_1_0(file, header)
    # Protocol 2 is the last that Python 2 reads. NumPy 2 calls itself numpy._core in there, which
    # older ones do not know, while all know the old name. It is written in full just once.
    content = pickle.dumps(array, protocol=2)
    return file.getvalue() + content.replace(b"cnumpy._core.", b"cnumpy.core.", 1)
