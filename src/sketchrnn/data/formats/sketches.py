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
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from sketchrnn.data.dataset import (
    SPLITS,
    Dataset,
    Drawings,
    OffsetSpread,
    bounds_of,
    check_rows,
    is_int16,
    valid_rows,
)
from sketchrnn.data.formats import kind_of
from sketchrnn.data.formats.records import MALFORMED
from sketchrnn.data.report import Effects
from sketchrnn.errors import SketchRNNError
from sketchrnn.files import replacing
from sketchrnn.strokes import AnyArray

SKETCHES_ENDING = ".sketches"
FORMAT_NAME = "sketchrnn-drawings"
# Version 2 says what was done to the drawings ("effects"); where that is nothing, 1 is written, so
# that earlier releases read it.
PLAIN_VERSION, EFFECTS_VERSION = 1, 2
CLASSES_LIMIT = 1 << 16  # labels are uint16
HEADER_LIMIT_BYTES = 1 << 24
_INT16, _UINT16 = np.dtype("<i2"), np.dtype("<u2")
_INT32, _FLOAT32 = np.dtype("<i4"), np.dtype("<f4")
_DTYPES: dict[str, np.dtype[Any]] = {"I16": _INT16, "U16": _UINT16, "I32": _INT32, "F32": _FLOAT32}
_DTYPE_NAMES = {dtype: name for name, dtype in _DTYPES.items()}
_DTYPES_OF = {
    "rows": (_INT16, _FLOAT32),
    "lengths": (_INT32,),
    "labels": (_UINT16,),
    "factors": (_FLOAT32,),
}
_READ_BYTES = 12 << 18  # whole rows, be they int16 or float32
_NO_CRC = "00000000"
_SCALE_TOLERANCE = 1e-9  # summed up in other portions, the scale differs by some 1e-15


@dataclass(frozen=True)
class _Tensor:
    """One entry of a safetensors header; `begin` and `end` count from the start of the file."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    begin: int
    end: int


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
    tensors: dict[str, tuple[np.dtype[Any], tuple[int, ...]]] = {}
    for name, split in dataset.splits.items():
        tensors[f"{name}/lengths"] = (_INT32, (len(split),))
        tensors[f"{name}/labels"] = (_UINT16, (len(split),))
        tensors[f"{name}/rows"] = (_stored_dtype(split), (int(split.lengths.sum()), 3))
        if dataset.factor_names:
            tensors[f"{name}/factors"] = (_FLOAT32, (len(split), len(dataset.factor_names)))
    # safetensors knows no gaps, so the wide ones come first: all are aligned.
    order = sorted(tensors, key=lambda key: (-tensors[key][0].itemsize, key))
    header: dict[str, Any] = {}
    position = 0
    for key in order:
        dtype, shape = tensors[key]
        size = dtype.itemsize * math.prod(shape)
        header[key] = {
            "dtype": _DTYPE_NAMES[dtype],
            "shape": list(shape),
            "data_offsets": [position, position + size],
        }
        position += size
    metadata = {
        "format": FORMAT_NAME,
        "version": json.dumps(EFFECTS_VERSION if effects else PLAIN_VERSION),
        "classes": json.dumps(dataset.classes),
        "scale": json.dumps(dataset.scale),
        "N_max": json.dumps(dataset.N_max),
        "epsilon": json.dumps(dataset.epsilon),
        "provenance": json.dumps(dataset.provenance),
        "factor_names": json.dumps(dataset.factor_names),
        **({"effects": json.dumps(effects.to_json())} if effects else {}),
        "crc32": _NO_CRC,
    }
    with replacing(target) as temporary, temporary.open("wb") as file:
        file.write(_header_bytes({"__metadata__": metadata, **header}))
        crc = 0
        for key in order:
            for block in _tensor_blocks(dataset, key, tensors[key][0]):
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


def _stored_dtype(split: Drawings) -> np.dtype[Any]:
    if split.rows.dtype == np.int16 or all(is_int16(rows) for _, rows in split.chunks()):
        return _INT16
    return _FLOAT32


def _tensor_blocks(dataset: Dataset, key: str, dtype: np.dtype[Any]) -> Iterator[bytes]:
    """The content of one array of the file, checked, in blocks."""
    name, part = key.split("/")
    split = dataset.split(name)
    if part != "rows":
        yield np.asarray(getattr(split, part)).astype(dtype).tobytes()
        return
    for chosen, rows in split.chunks():
        begins = bounds_of(split.lengths[chosen])[:-1]
        check_rows(rows, begins, f"{dataset.name}, {name}", first=chosen.start)
        yield rows.astype(dtype).tobytes()


def read(path: str | os.PathLike[str]) -> Dataset:
    """Read a `.sketches` file; the rows stay on disk, memory-mapped.

    The whole file is walked once (some seconds a gigabyte), so that damage is found here and not
    in the middle of a training.

    Raises:
        SketchRNNError: not such a file, cut off, or damaged.
    """
    target = Path(path)
    size = target.stat().st_size
    with target.open("rb") as file:
        metadata, tensors = _read_header(file, size, target)
        scale = _check_content(file, tensors, metadata["crc32"], target)
        splits = {name: _read_split(file, name, tensors, metadata, target) for name in SPLITS}
    dataset = Dataset(
        train=splits["train"],
        valid=splits["valid"],
        test=splits["test"],
        classes=metadata["classes"],
        epsilon=metadata["epsilon"],
        provenance=metadata["provenance"],
        name=target.stem,
        factor_names=metadata["factor_names"],
        stored_scale=metadata["scale"],
    )
    if metadata["effects"].copies > len(dataset.train):
        raise _damaged(target, "it says that it has more copies than training drawings")
    if not len(dataset.train) or dataset.N_max != metadata["N_max"]:
        raise _damaged(target, "its N_max is not the length of the longest training drawing")
    if not math.isclose(scale, metadata["scale"], rel_tol=_SCALE_TOLERANCE):
        raise _damaged(target, "its scale is not the standard deviation of the training offsets")
    return dataset


def is_one(path: str | os.PathLike[str]) -> bool:
    """Whether it is such a file."""
    target = Path(path)
    return target.is_file() and kind_of(target) == "sketches"


def read_effects(path: str | os.PathLike[str]) -> Effects:
    """What was done to the drawings of a `.sketches` file when it was made, as far as it says.

    Raises:
        SketchRNNError: not such a file, or cut off.
    """
    target = Path(path)
    with target.open("rb") as file:
        metadata, _ = _read_header(file, target.stat().st_size, target)
    effects: Effects = metadata["effects"]
    return effects


def _read_split(
    file: BinaryIO,
    name: str,
    tensors: Mapping[str, _Tensor],
    metadata: Mapping[str, Any],
    path: Path,
) -> Drawings:
    rows = tensors[f"{name}/rows"]
    lengths = _load(file, tensors[f"{name}/lengths"]).astype(np.int64)
    labels = _load(file, tensors[f"{name}/labels"])
    factors = None
    if metadata["factor_names"]:
        factors = _load(file, tensors[f"{name}/factors"]).astype(np.float32)
    if len(labels) != len(lengths) or (factors is not None and len(factors) != len(lengths)):
        raise _damaged(path, f"{name} has arrays of different numbers of drawings")
    if (lengths < 1).any() or lengths.sum() != rows.shape[0]:
        raise _damaged(path, f"the lengths of {name} do not add up to its rows")
    if len(labels) and int(np.max(labels)) >= len(metadata["classes"]):
        raise _damaged(path, f"{name} has a label without a class")
    bounds = bounds_of(lengths)
    return Drawings(_map(path, rows), bounds[:-1], bounds[1:], labels, factors)


def _damaged(path: Path, what: str) -> SketchRNNError:
    return SketchRNNError(f"{path}: {what}; the file is damaged, make it again")


def _read_header(
    file: BinaryIO, size: int, path: Path
) -> tuple[dict[str, Any], dict[str, _Tensor]]:
    """The metadata, decoded and checked, and the tensors in order, which exactly fill the file."""
    length = int.from_bytes(file.read(8), "little")
    if size < 8 or length > min(HEADER_LIMIT_BYTES, size - 8):
        raise SketchRNNError(f"{path}: not a {SKETCHES_ENDING} file, or cut off in its header")
    try:
        header = json.loads(file.read(length).decode("utf-8"))
        metadata = _metadata(header.pop("__metadata__"))
        found = {key: _tensor(entry, 8 + length) for key, entry in header.items()}
    except MALFORMED as error:
        raise SketchRNNError(
            f"{path}: not a {SKETCHES_ENDING} file of version {PLAIN_VERSION} or"
            f" {EFFECTS_VERSION}: {error}"
        ) from None
    parts = ["lengths", "labels", "rows"] + ["factors"] * bool(metadata["factor_names"])
    if set(found) != {f"{name}/{part}" for name in SPLITS for part in parts}:
        raise _damaged(path, "it does not have the arrays it should have")
    columns = {"rows": (3,), "factors": (len(metadata["factor_names"]),)}
    position = 8 + length
    tensors = dict(sorted(found.items(), key=lambda item: (item[1].begin, item[1].end)))
    for key, tensor in tensors.items():
        part = key.split("/")[1]
        if (
            tensor.dtype not in _DTYPES_OF[part]
            or tensor.shape[1:] != columns.get(part, ())
            or tensor.begin != position
            or tensor.end - tensor.begin != tensor.dtype.itemsize * math.prod(tensor.shape)
        ):
            raise _damaged(path, f"the array {key} has a wrong type, shape or place")
        position = tensor.end
    if position != size:
        raise _damaged(path, f"it should have {position} bytes but has {size}")
    return metadata, tensors


def _metadata(raw: Mapping[str, str]) -> dict[str, Any]:
    """The metadata with its JSON values decoded. Raises ValueError, KeyError, TypeError."""
    version = json.loads(raw["version"])
    if raw["format"] != FORMAT_NAME or version not in (PLAIN_VERSION, EFFECTS_VERSION):
        raise ValueError(f"its format is {raw['format']!r:.60}, version {raw['version']:.20}")
    decoded: dict[str, Any] = {"crc32": int(raw["crc32"], 16)}
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
    decoded["effects"] = Effects()
    if version == EFFECTS_VERSION:
        decoded["effects"] = Effects.from_json(json.loads(raw["effects"]))
    return decoded


def _tensor(entry: Mapping[str, Any], data_begin: int) -> _Tensor:
    begin, end = entry["data_offsets"]
    numbers = [*entry["shape"], begin, end]
    if not entry["shape"] or not all(type(value) is int and value >= 0 for value in numbers):
        raise ValueError("shapes and offsets must be whole numbers")
    dtype = _DTYPES[entry["dtype"]]
    return _Tensor(dtype, tuple(entry["shape"]), data_begin + begin, data_begin + end)


def _check_content(
    file: BinaryIO, tensors: Mapping[str, _Tensor], expected_crc: int, path: Path
) -> float:
    """Walk the file once: the checksum, and every row stroke-3; return the scale."""
    crc = 0
    spread = OffsetSpread()
    for key, tensor in tensors.items():
        file.seek(tensor.begin)
        left = tensor.end - tensor.begin
        while left:
            block = file.read(min(left, _READ_BYTES))
            if not block:
                raise _damaged(path, "it ends too early")
            crc = zlib.crc32(block, crc)
            left -= len(block)
            if key.endswith("/rows"):
                rows = np.frombuffer(block, tensor.dtype).reshape(-1, 3)
                if not valid_rows(rows).all():
                    raise _damaged(path, f"{key} has rows that are not stroke-3")
                if key == "train/rows":
                    spread.add(rows)
    if crc != expected_crc:
        raise _damaged(path, "its checksum is wrong")
    return spread.std


def _load(file: BinaryIO, tensor: _Tensor) -> AnyArray:
    file.seek(tensor.begin)
    array = np.fromfile(file, tensor.dtype, count=math.prod(tensor.shape))
    return array.reshape(tensor.shape)


def _map(path: Path, tensor: _Tensor) -> AnyArray:
    if tensor.begin == tensor.end:  # an empty map is not allowed
        return np.empty(tensor.shape, tensor.dtype)
    return np.memmap(path, tensor.dtype, mode="r", offset=tensor.begin, shape=tensor.shape)
