"""The project's own data file, `.sketches`: a safetensors file of three splits.

No pickle; the rows stay on disk and are memory-mapped, so that a set of many gigabytes costs the
memory of one batch. The layout is in `docs/data-formats.md`; any safetensors library reads it.
"""

from __future__ import annotations

import json
import math
import os
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from sketchrnn.data.dataset import (
    SPLITS,
    Dataset,
    Drawings,
    OffsetSpread,
    bounds_of,
    check_rows,
    is_int16,
)
from sketchrnn.data.formats import kind_of
from sketchrnn.data.formats.records import MALFORMED
from sketchrnn.data.report import Effects
from sketchrnn.errors import SketchRNNError, naming
from sketchrnn.files import replacing
from sketchrnn.strokes import AnyArray, valid_rows

SKETCHES_ENDING = ".sketches"
FORMAT_NAME = "sketchrnn-drawings"
# Version 2 says what was done to the drawings ("effects"); where that is nothing, 1 is written, so
# that earlier releases read it.
PLAIN_VERSION, EFFECTS_VERSION = 1, 2
CLASSES_LIMIT = 1 << 16  # labels are uint16
HEADER_LIMIT_BYTES = 1 << 24
_DTYPES: dict[str, np.dtype[Any]] = {
    "I16": np.dtype("<i2"),
    "U16": np.dtype("<u2"),
    "I32": np.dtype("<i4"),
    "F32": np.dtype("<f4"),
}
_DTYPES_OF = {"rows": ("I16", "F32"), "lengths": ("I32",), "labels": ("U16",), "factors": ("F32",)}
_READ_BYTES = 12 << 18  # whole rows, be they int16 or float32
_NO_CRC = "00000000"
_SCALE_TOLERANCE = 1e-9  # summed up in other portions, the scale differs by some 1e-15


class _Tensor(NamedTuple):
    """One array of a file, and where it begins in it."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    begin: int

    @property
    def end(self) -> int:
        return self.begin + self.dtype.itemsize * math.prod(self.shape)


def write(dataset: Dataset, path: str | os.PathLike[str], effects: Effects | None = None) -> None:
    """Write `dataset` as a `.sketches` file, whole or not at all; the rows stream through memory.

    The same drawings always give the same bytes.

    Args:
        dataset: the drawings.
        path: ends in .sketches.
        effects: what was done to the drawings, if anything.

    Raises:
        SketchRNNError: another ending, no training drawings, rows that are not stroke-3, a name of
            a class or factor that cannot be printed.
    """
    target = Path(path)
    check_ending(target)
    if len(dataset.classes) > CLASSES_LIMIT:
        raise SketchRNNError(f"{target}: there are more than {CLASSES_LIMIT:,} classes")
    for name in dataset.classes + dataset.factor_names:
        if not name.isprintable():  # `read` would refuse the file
            raise SketchRNNError(f"{target}: {name!r:.60} cannot be printed, so it is no name")
    arrays: dict[str, tuple[str, list[int]]] = {}
    for name, split in dataset.splits.items():
        whole = split.rows.dtype == np.int16 or all(is_int16(rows) for _, rows in split.chunks())
        arrays[f"{name}/rows"] = ("I16" if whole else "F32", [int(split.lengths.sum()), 3])
        arrays[f"{name}/lengths"] = ("I32", [len(split)])
        arrays[f"{name}/labels"] = ("U16", [len(split)])
        if dataset.factor_names:
            arrays[f"{name}/factors"] = ("F32", [len(split), len(dataset.factor_names)])
    header: dict[str, Any] = {}
    position = 0
    # safetensors knows no gaps, so the wide ones come first: all are aligned.
    for key in sorted(arrays, key=lambda key: (-_DTYPES[arrays[key][0]].itemsize, key)):
        dtype, shape = arrays[key]
        end = position + _DTYPES[dtype].itemsize * math.prod(shape)
        header[key] = {"dtype": dtype, "shape": shape, "data_offsets": [position, end]}
        position = end
    said: dict[str, Any] = {"version": EFFECTS_VERSION if effects else PLAIN_VERSION}
    for name in ("classes", "scale", "N_max", "epsilon", "provenance", "factor_names"):
        said[name] = getattr(dataset, name)
    if effects:
        said["effects"] = effects.to_json()
    metadata = {"format": FORMAT_NAME} | {name: json.dumps(one) for name, one in said.items()}
    metadata["crc32"] = _NO_CRC
    with replacing(target) as temporary, temporary.open("wb") as file:
        file.write(_header_bytes({"__metadata__": metadata, **header}))
        crc = 0
        for key in header:
            for block in _array_blocks(dataset, key, _DTYPES[arrays[key][0]]):
                crc = zlib.crc32(block, crc)
                file.write(block)
        metadata["crc32"] = f"{crc:08x}"  # as long as the place it was kept
        file.seek(0)
        file.write(_header_bytes({"__metadata__": metadata, **header}))


def check_ending(path: Path) -> None:
    """Raise SketchRNNError if `path` does not end as a data file of the project does."""
    if path.suffix != SKETCHES_ENDING:
        raise SketchRNNError(f"{path}: a data file ends in {SKETCHES_ENDING}; name it so")


def _header_bytes(header: Mapping[str, Any]) -> bytes:
    text = json.dumps(header, separators=(",", ":")).encode("ascii")
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def _array_blocks(dataset: Dataset, key: str, dtype: np.dtype[Any]) -> Iterator[bytes]:
    """The content of one array of the file, checked, in blocks."""
    name, part = key.split("/")
    split = dataset.split(name)
    if part != "rows":
        yield np.asarray(getattr(split, part)).astype(dtype).tobytes()
        return
    for chosen, rows in split.chunks():
        begins = bounds_of(split.lengths[chosen])[:-1]
        check_rows(rows, begins, f"{dataset.where}, {name}", first=chosen.start)
        yield rows.astype(dtype).tobytes()


def read(path: str | os.PathLike[str]) -> Dataset:
    """Read a `.sketches` file; the rows stay on disk, memory-mapped.

    The whole file is walked once (some seconds a gigabyte), so that damage is found here and not
    in the middle of a training.
    """
    target = Path(path)
    with naming(str(target)), target.open("rb") as file:
        metadata, tensors = _read_header(file)
        scale = _check_content(file, tensors, metadata["crc32"])
        train, valid, test = (_read_split(file, target, name, tensors, metadata) for name in SPLITS)
        fields = {name: metadata[name] for name in ("classes", "epsilon", "provenance")}
        fields |= {"factor_names": metadata["factor_names"], "stored_scale": metadata["scale"]}
        fields["copies"] = metadata["effects"].copies
        dataset = Dataset(train, valid, test, name=target.stem, source=str(target), **fields)
        if dataset.copies > len(train):
            raise _damaged("it says that it has more copies than training drawings")
        if not len(train) or dataset.N_max != metadata["N_max"]:
            raise _damaged("its N_max is not the length of the longest training drawing")
        if not math.isclose(scale, metadata["scale"], rel_tol=_SCALE_TOLERANCE):
            raise _damaged("its scale is not the standard deviation of the training offsets")
    return dataset


def is_one(path: str | os.PathLike[str]) -> bool:
    """Whether it is such a file."""
    return Path(path).is_file() and kind_of(path) == "sketches"


def read_effects(path: str | os.PathLike[str]) -> Effects:
    """What was done to the drawings of a `.sketches` file when it was made, as far as it says."""
    with naming(str(path)), Path(path).open("rb") as file:
        metadata, _ = _read_header(file)
    effects: Effects = metadata["effects"]
    return effects


def _read_split(
    file: BinaryIO,
    path: Path,
    name: str,
    tensors: Mapping[str, _Tensor],
    metadata: Mapping[str, Any],
) -> Drawings:
    def load(part: str) -> AnyArray:
        tensor = tensors[f"{name}/{part}"]
        file.seek(tensor.begin)
        count = math.prod(tensor.shape)
        return np.fromfile(file, tensor.dtype, count=count).reshape(tensor.shape)

    where = tensors[f"{name}/rows"]
    lengths, labels = load("lengths").astype(np.int64), load("labels")
    factors = load("factors").astype(np.float32) if metadata["factor_names"] else None
    if len(labels) != len(lengths) or (factors is not None and len(factors) != len(lengths)):
        raise _damaged(f"{name} has arrays of different numbers of drawings")
    if (lengths < 1).any() or lengths.sum() != where.shape[0]:
        raise _damaged(f"the lengths of {name} do not add up to its rows")
    if len(labels) and int(np.max(labels)) >= len(metadata["classes"]):
        raise _damaged(f"{name} has a label without a class")
    rows: AnyArray = np.empty(where.shape, where.dtype)
    if len(rows):  # an empty map is not allowed
        rows = np.memmap(path, where.dtype, mode="r", offset=where.begin, shape=where.shape)
    return Drawings.pooled(rows, lengths, labels, factors)


def _damaged(what: str) -> SketchRNNError:
    return SketchRNNError(f"{what}; the file is damaged, make it again")


def _read_header(file: BinaryIO) -> tuple[dict[str, Any], dict[str, _Tensor]]:
    """The metadata, decoded and checked, and the tensors in order, which exactly fill the file."""
    size = os.fstat(file.fileno()).st_size
    length = int.from_bytes(file.read(8), "little")
    if size < 8 or length > min(HEADER_LIMIT_BYTES, size - 8):
        raise SketchRNNError(f"not a {SKETCHES_ENDING} file, or cut off in its header")
    try:
        header = json.loads(file.read(length).decode("utf-8"))
        metadata = _metadata(header.pop("__metadata__"))
        found = {key: _tensor(entry, 8 + length) for key, entry in header.items()}
    except MALFORMED as error:
        raise SketchRNNError(
            f"not a {SKETCHES_ENDING} file of version {PLAIN_VERSION} or {EFFECTS_VERSION}: {error}"
        ) from None
    parts = ["lengths", "labels", "rows"] + ["factors"] * bool(metadata["factor_names"])
    if set(found) != {f"{name}/{part}" for name in SPLITS for part in parts}:
        raise _damaged("it does not have the arrays it should have")
    columns = {"rows": (3,), "factors": (len(metadata["factor_names"]),)}
    position = 8 + length
    tensors = dict(sorted(found.items(), key=lambda item: (item[1].begin, item[1].end)))
    for key, tensor in tensors.items():
        part = key.split("/")[1]
        dtypes = [_DTYPES[name] for name in _DTYPES_OF[part]]
        right = tensor.dtype in dtypes and tensor.shape[1:] == columns.get(part, ())
        if not right or tensor.begin != position:
            raise _damaged(f"the array {key} has a wrong type, shape or place")
        position = tensor.end
    if position != size:
        raise _damaged(f"it should have {position} bytes but has {size}")
    return metadata, tensors


def _metadata(raw: Mapping[str, str]) -> dict[str, Any]:
    """The metadata with its JSON values decoded. Raises ValueError, KeyError, TypeError."""
    version = json.loads(raw["version"])
    if raw["format"] != FORMAT_NAME or version not in (PLAIN_VERSION, EFFECTS_VERSION):
        raise ValueError(f"its format is {raw['format']!r:.60}, version {raw['version']:.20}")
    decoded: dict[str, Any] = {"crc32": int(raw["crc32"], 16), "effects": Effects()}
    for key in ("classes", "provenance", "factor_names"):
        values = json.loads(raw[key])
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            raise ValueError(f"{key} must be a list of strings")
        decoded[key] = tuple(values)
    if not all(map(str.isprintable, decoded["classes"] + decoded["factor_names"])):
        raise ValueError("the names of its classes and factors must be printable")
    decoded["N_max"] = int(json.loads(raw["N_max"]))
    decoded["scale"] = float(json.loads(raw["scale"]))
    if not (math.isfinite(decoded["scale"]) and decoded["scale"] > 0):
        raise ValueError(f"the scale must be over 0, got {raw['scale']:.60}")
    epsilon = json.loads(raw["epsilon"])
    decoded["epsilon"] = None if epsilon is None else float(epsilon)
    if not math.isfinite(decoded["epsilon"] or 0):
        raise ValueError(f"the epsilon must be a number, got {raw['epsilon']:.60}")
    if version == EFFECTS_VERSION:
        decoded["effects"] = Effects.from_json(json.loads(raw["effects"]))
    return decoded


def _tensor(entry: Mapping[str, Any], data_begin: int) -> _Tensor:
    (begin, end), shape = entry["data_offsets"], entry["shape"]
    # few, for the product of many long ones would take hours
    if len(shape) not in (1, 2) or not all(type(n) is int and n >= 0 for n in (*shape, begin, end)):
        raise ValueError("shapes and offsets must be whole numbers, one or two of a shape")
    tensor = _Tensor(_DTYPES[entry["dtype"]], tuple(shape), data_begin + begin)
    if tensor.end != data_begin + end:
        raise ValueError("an array does not fit its place")
    return tensor


def _check_content(file: BinaryIO, tensors: Mapping[str, _Tensor], expected_crc: int) -> float:
    """Walk the file once: the checksum, and every row stroke-3; return the scale."""
    crc = 0
    spread = OffsetSpread()
    for key, tensor in tensors.items():
        file.seek(tensor.begin)
        left = tensor.end - tensor.begin
        while left:
            block = file.read(min(left, _READ_BYTES))
            if not block:
                raise _damaged("it ends too early")
            crc = zlib.crc32(block, crc)
            left -= len(block)
            if key.endswith("/rows"):
                rows = np.frombuffer(block, tensor.dtype).reshape(-1, 3)
                if not valid_rows(rows).all():
                    raise _damaged(f"{key} has rows that are not stroke-3")
                if key == "train/rows":
                    spread.add(rows)
    if crc != expected_crc:
        raise _damaged("its checksum is wrong")
    return spread.std
