"""The official sketch-rnn `.npz`: a zip of train, valid and test, each an object array of drawings.

An object array is a pickle, and a pickle can run anything. Nothing of it is trusted here:

- only the opcodes that such arrays need are known, and only five names, each replaced by a stand-in
  that records its arguments; any other opcode or name is refused. NumPy never sees the pickle: the
  raw bytes become arrays by `np.frombuffer`, after their shape and type have been checked;
- a file has at most 64 members, each stored or deflated; what is read of it unpacks to at most
  1 GiB, and to at most 64 MiB plus 100 times the size of the file, whatever its headers say;
- the drawings of a split together may not be larger than the member that they come from, and
  neither may what is encoded on the way; the pickle of a split has at most a million opcodes plus
  one for each byte of the file, for an opcode of one byte can make an object of a hundred.

Files by Python 2 and 3, NumPy 1 and 2 are read; strings are latin-1.
"""

from __future__ import annotations

import io
import math
import os
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from sketchrnn.data.dataset import SPLITS, Dataset, Drawings
from sketchrnn.errors import SketchRNNError
from sketchrnn.strokes import AnyArray

MEMBERS_LIMIT = 64
UNPACKED_LIMIT_BYTES = 1 << 30
UNPACKED_SLACK_BYTES = 64 << 20
UNPACKED_RATIO = 100
OPCODES_SLACK = 1_000_000  # beside one for each byte of the file; official ones have 0.1 to 0.25

_ZIP_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ZIP_ENCRYPTED = 1  # bit 0 of the flags
_BROKEN_ZIP = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    OverflowError,
    OSError,
)


class _RefusedError(Exception):
    """The content is not what this reader takes; the text says why."""


def read(path: str | os.PathLike[str]) -> Dataset:
    """Read a sketch-rnn `.npz`. A missing valid or test is an empty split.

    Raises:
        SketchRNNError: no such file, or a damaged one; over a limit; anything in it but drawings;
            no train, or an empty one.
    """
    target = Path(path)
    try:
        members = _read_members(target)
        opcodes = OPCODES_SLACK + target.stat().st_size
        arrays = {
            name: _split_arrays(members[name], name, opcodes) if name in members else []
            for name in SPLITS
        }
    except _RefusedError as error:
        raise SketchRNNError(
            f"{target}: {error}; this is not a sketch-rnn .npz, and nothing in it was run"
        ) from None
    splits = {
        name: Drawings.from_arrays(arrays[name], where=f"{target}, {name}") for name in SPLITS
    }
    if not len(splits["train"]):
        raise SketchRNNError(f"{target}: its train has no drawings; choose another file")
    name = class_name(target)
    return Dataset(
        train=splits["train"],
        valid=splits["valid"],
        test=splits["test"],
        classes=(name,),
        provenance=(target.name,),
        name=name,
    )


def class_name(path: Path) -> str:
    """The class of an official file: cat of cat.npz, sketchrnn_cat.npz and cat.full.npz."""
    return path.name.removesuffix(".npz").removesuffix(".full").removeprefix("sketchrnn_")


def _read_members(path: Path) -> dict[str, bytes]:
    """The content of train, valid and test, as far as they are there; train must be."""
    budget = min(UNPACKED_LIMIT_BYTES, UNPACKED_SLACK_BYTES + UNPACKED_RATIO * path.stat().st_size)
    members = {}
    try:
        with zipfile.ZipFile(path) as archive:
            count = len(archive.infolist())
            if count > MEMBERS_LIMIT:
                raise _RefusedError(f"has {count} members, more than {MEMBERS_LIMIT}")
            infos: dict[str, zipfile.ZipInfo] = {}
            for info in archive.infolist():
                if infos.setdefault(info.filename.removesuffix(".npy"), info) is not info:
                    raise _RefusedError(f"has two members {info.filename!r}")
            if "train" not in infos:
                raise _RefusedError("has no member 'train' (beside valid and test)")
            for name in (name for name in SPLITS if name in infos):
                members[name] = _read_member(archive, infos[name], budget)
                budget -= len(members[name])
    except _BROKEN_ZIP as error:
        raise SketchRNNError(
            f"{path}: is not a whole .npz file ({error}); download it again"
        ) from None
    return members


def _read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, budget: int) -> bytes:
    if info.compress_type not in _ZIP_METHODS or info.flag_bits & _ZIP_ENCRYPTED:
        raise _RefusedError(f"{info.filename} is encrypted, or compressed in an unusual way")
    content = b""
    if info.file_size <= budget:
        with archive.open(info) as member:
            content = member.read(budget + 1)  # never more, whatever size the header states
    if max(info.file_size, len(content)) > budget:
        raise _RefusedError(f"{info.filename} unpacks to more than {budget:,} bytes (a zip bomb?)")
    return content


def _split_arrays(content: bytes, name: str, opcodes: int) -> list[AnyArray]:
    """The drawings [N, 3] in one `.npy` member, whose pickle has at most so many opcodes."""
    file = io.BytesIO(content)
    try:
        version = np.lib.format.read_magic(file)
        read_header = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        shape, fortran_order, dtype = read_header(file)
    except Exception:  # a broken header may raise almost anything, and all of it means the same
        raise _RefusedError(f"{name} has no valid .npy header") from None
    data = content[file.tell() :]
    if dtype == np.dtype(object):
        return _unpickled_arrays(data, shape, name, opcodes)
    if math.prod(shape) == 0:
        return []
    if len(shape) != 3:  # drawings of one and the same length make one plain array
        raise _RefusedError(f"{name} is an array of shape {shape}, not drawings")
    return list(_numbers(shape, _Dtype(dtype.str), fortran_order, data, name))


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
    if not isinstance(items, list) or shape != (len(items),):
        raise _RefusedError(f"{name} is not a list of drawings")
    arrays = []
    bytes_left = len(data)
    for index, item in enumerate(items):
        where = f"{name}, drawing {index}"
        if not isinstance(item, _Array) or not isinstance(item.data, bytes):
            raise _RefusedError(f"{where} is not an array of numbers")
        bytes_left -= len(item.data)
        if bytes_left < 0:  # one array named again and again
            raise _RefusedError(f"{name} unfolds to more than its size")
        arrays.append(_numbers(item.shape, item.dtype, item.fortran_order, item.data, where))
    return arrays


class _Dtype:
    """Stands for numpy.dtype."""

    def __init__(self, code: str, align: object = False, copy: object = False) -> None:
        self.code = str(code)
        self.big_endian = self.code.startswith(">")

    def set_state(self, state: object, encode: Callable[[str], bytes]) -> None:
        """Take the state as NumPy pickles it: (version, byte order, ...)."""
        match state:
            case (int(), str() as byte_order, *_):
                self.big_endian = byte_order == ">"
            case _:
                raise _RefusedError("it has a type that is not as NumPy writes it")


@dataclass
class _Array:
    """What a pickle says of one numpy.ndarray."""

    shape: tuple[int, ...] = ()
    dtype: _Dtype | None = None
    fortran_order: bool = False
    data: bytes | list[Any] | None = None

    def set_state(self, state: object, encode: Callable[[str], bytes]) -> None:
        """Take the state as NumPy pickles it: (version, shape, dtype, Fortran order, data)."""
        match state:
            case (int(), tuple() as shape, _Dtype() as dtype, bool() | int() as order, data):
                self.shape, self.dtype, self.fortran_order = shape, dtype, bool(order)
            case _:
                raise _RefusedError("it has an array that is not as NumPy writes it")
        if isinstance(data, str):  # Python 2 knew no difference between text and bytes
            data = encode(data)
        self.data = data if isinstance(data, bytes | list) else None


_NUMBER_CODES = ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8")


def _numbers(
    shape: tuple[int, ...], dtype: _Dtype | None, fortran_order: bool, data: bytes, where: str
) -> AnyArray:
    """The array of these raw bytes, if they are as many as its shape needs."""
    code = dtype.code.lstrip("<>=|") if dtype else ""
    if dtype is None or code not in _NUMBER_CODES:
        raise _RefusedError(f"{where} is not an array of numbers, but of {code!r}")
    if not all(type(side) is int and side >= 0 for side in shape):
        raise _RefusedError(f"{where} has the shape {shape}")
    number = np.dtype(code).newbyteorder(">" if dtype.big_endian else "<")
    if math.prod(shape) * number.itemsize != len(data):
        raise _RefusedError(f"{where} has {len(data)} bytes, which do not fit its shape {shape}")
    return np.frombuffer(data, number).reshape(shape, order="F" if fortran_order else "C")


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
_ENCODE = ("_codecs", "encode")

_OPCODES = (
    *("PROTO", "FRAME", "STOP", "MARK", "NONE", "NEWTRUE", "NEWFALSE"),
    *("BININT", "BININT1", "BININT2", "LONG1"),
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
        if (module, name) == _ENCODE:
            return self.encode
        try:
            return _STAND_INS[module, name]
        except (KeyError, TypeError):
            raise _RefusedError(f"it names {module}.{name}, which no array needs") from None

    def encode(self, text: str, encoding: str = "latin1") -> bytes:
        """Stands for _codecs.encode, with which Python 3 writes bytes in the older protocols."""
        if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
            raise _RefusedError("it encodes something that is not latin-1 text")
        self.bytes_left -= len(text)  # as many bytes as characters
        if self.bytes_left < 0:  # one text encoded again and again
            raise _RefusedError("it encodes more than its size")
        return text.encode("latin-1")

    def load_build(self) -> None:
        """Set the state of a stand-in, and of nothing else."""
        stack: list[Any] = self.stack  # type: ignore[attr-defined]
        state = stack.pop()
        if not isinstance(stack[-1], _Array | _Dtype):
            raise _RefusedError("it sets the state of something that is not an array")
        stack[-1].set_state(state, self.encode)

    dispatch[pickle.BUILD[0]] = _counted(load_build)
