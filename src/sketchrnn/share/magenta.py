"""The JSON files of weights that the paper's authors published for their JavaScript: both ways.

A file is a JSON array `[info, shapes, blobs]`. Each blob is base64 of little-endian int16; a weight
is float32(q) / 32767 * 10. Gates are in the order i, g, f, o, matrices are [in, out], row-major,
and the forget gate's +1.0 is added at run time: all as in this project. A decoder-only file has 5
blobs, a VAE file 17, in the order of `DECODER_ONLY` and `VAE` below.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sketchrnn.errors import SketchRNNError
from sketchrnn.files import write_text
from sketchrnn.model.config import PARAMETERS, PEN_STATES, ModelConfig

Array = npt.NDArray[np.float32]

# A VAE of a decoder of 2,048 units and an encoder of 512 has 55 MB.
FILE_LIMIT_BYTES = 64 * 1024 * 1024
PARTS_LIMIT = 1000  # of the JSON; a VAE file has some 70 commas and brackets
NAME_LIMIT = 200  # characters
SIDE_LIMIT = 1 << 40  # of a shape

QUANTA = 32767  # int16 steps ...
BOUND = 10  # ... up to this weight
VERSION = 6  # of the authors' newest files, whose z enters the initial state as it is
RECORDED = ("version", "r_loss", "kl_loss", "training_size")
MODES = {False: 2, True: "vae"}  # by `conditional`; the authors' reader takes all but 2 as a VAE

_HEAD = ("head.weight", "head.bias")
_DECODER = ("decoder.W_xh", "decoder.W_hh", "decoder.bias")
DECODER_ONLY = _HEAD + _DECODER
VAE = (
    "encoder_forward.W_xh",
    "encoder_forward.W_hh",
    "encoder_forward.bias",
    "encoder_backward.W_xh",
    "encoder_backward.W_hh",
    "encoder_backward.bias",
    "to_mu.weight",
    "to_mu.bias",
    "to_log_variance.weight",
    "to_log_variance.bias",
    "to_initial_state.weight",
    "to_initial_state.bias",
    *_HEAD,
    *_DECODER,
)


@dataclass(frozen=True)
class PublishedModel:
    """What a published file holds, in this project's terms.

    Attributes:
        config: LSTM cells, sizes read from the shapes.
        scale: pixels of one scaled unit.
        name: what was drawn.
        weights: parameter name of `Network` -> array.
        recorded: what else the info says in numbers: r_loss, training_size, version ...
    """

    config: ModelConfig
    scale: float
    name: str
    weights: Mapping[str, Array]
    recorded: Mapping[str, float] = field(default_factory=dict)


def read_published(path: str | os.PathLike[str]) -> PublishedModel:
    """Read a published JSON file, decoder-only or VAE.

    Raises:
        SketchRNNError: no such file, or not of that format; says where.
    """
    target = Path(path)
    if not target.is_file():
        raise SketchRNNError(f"{target}: there is no such file")
    if target.stat().st_size > FILE_LIMIT_BYTES:
        raise SketchRNNError(
            f"{target}: too large for a file of published weights, which has at most"
            f" {FILE_LIMIT_BYTES / 1e6:.0f} MB"
        )
    content = target.read_bytes()
    try:
        # counted first: millions of small parts, or of levels, would take all memory
        if sum(content.count(mark) for mark in b",[{") > PARTS_LIMIT:
            raise ValueError
        document = json.loads(content)
    except (ValueError, RecursionError):
        raise SketchRNNError(f"{target}: not a JSON file of published weights") from None
    if not (
        isinstance(document, list)
        and len(document) == 3
        and isinstance(document[0], dict)
        and isinstance(document[1], list)
        and isinstance(document[2], list)
        and len(document[1]) == len(document[2])
    ):
        raise SketchRNNError(f"{target}: expected a JSON array [info, shapes, blobs]")
    info, shapes, blobs = document
    names = {len(DECODER_ONLY): DECODER_ONLY, len(VAE): VAE}.get(len(blobs))
    if names is None:
        raise SketchRNNError(
            f"{target}: has {len(blobs)} blobs; a decoder-only file has {len(DECODER_ONLY)},"
            f" a VAE file {len(VAE)}"
        )
    weights = {
        name: _dequantise(blob, shape, f"{target}: blob {number} ({name})")
        for number, (name, shape, blob) in enumerate(zip(names, shapes, blobs, strict=True))
    }
    N_max, scale = (_number(info.get(key)) for key in ("max_seq_len", "scale_factor"))
    if N_max is None or scale is None or not N_max.is_integer():
        raise SketchRNNError(
            f"{target}: its info must give max_seq_len and scale_factor as numbers"
        )
    if not 0 < scale < math.inf:
        raise SketchRNNError(f"{target}: scale_factor must be over 0, got {scale:g}")
    name = info.get("name") or target.stem
    if not _is_name(name):
        raise SketchRNNError(
            f"{target}: its name must be a line of at most {NAME_LIMIT} characters"
        )
    numbers = {key: _number(info.get(key)) for key in RECORDED}
    recorded = {
        key: number
        for key, number in numbers.items()
        if number is not None and math.isfinite(number)
    }
    config = _config(weights, int(N_max), target)
    return PublishedModel(config, scale, name, _to_ours(weights), recorded)


def _is_name(name: Any) -> bool:
    return isinstance(name, str) and 1 <= len(name) <= NAME_LIMIT and name.isprintable()


def _number(value: Any) -> float | None:
    """A number as a float, and None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:  # a whole number of hundreds of digits
        return None


def write_published(
    published: PublishedModel, path: str | os.PathLike[str], *, clip: bool = False
) -> str:
    """Write a model, decoder-only or VAE, as such a JSON file: whole, or not at all.

    A weight is rounded to the nearest of the format's, which is at most 0.00016 away.

    Args:
        published: LSTM cells; the weights by the parameter names of `Network`. `recorded` is not
            written.
        path: the file.
        clip: whether weights beyond +-10 are moved there. That changes the model by an unknown
            amount, so it has to be asked for.

    Returns:
        Which weights were moved; "" if none were.

    Raises:
        SketchRNNError: the format cannot hold the cells, or the weights.
    """
    config = published.config
    _check_cells(config)
    if not _is_name(published.name):
        raise SketchRNNError(
            f"the format's name must be a line of at most {NAME_LIMIT} characters; choose one with"
            " --name"
        )
    names = VAE if config.conditional else DECODER_ONLY
    theirs = _to_theirs({name: published.weights[name] for name in names})
    beyond = _beyond(theirs)
    if beyond and not clip:
        raise SketchRNNError(
            f"the format holds weights up to {BOUND}, and the model has {beyond}; --clip moves"
            " them there, which changes the model"
        )
    info = {
        "name": published.name,
        "mode": MODES[config.conditional],
        "version": VERSION,
        "max_seq_len": config.N_max,
        "scale_factor": published.scale,
    }
    shapes = [list(array.shape) for array in theirs.values()]
    blobs = [base64.b64encode(_quantise(array)).decode("ascii") for array in theirs.values()]
    write_text(path, json.dumps([info, shapes, blobs], separators=(",", ":")))
    return beyond


def _check_cells(config: ModelConfig) -> None:
    """Only LSTM cells fit: the format has no place for the gains of a layer norm, nor for more."""
    cells = {"decoder": config.decoder_cell}
    if config.conditional:
        cells = {"encoder": config.encoder_cell, **cells}
    for part, cell in cells.items():
        if cell != "lstm":
            raise SketchRNNError(
                f"the {part} has {cell} cells, and the format holds the weights of lstm cells only;"
                " train with --encoder-cell lstm --decoder-cell lstm"
            )


def _beyond(weights: Mapping[str, Array]) -> str:
    """Which weights are not numbers of the format, in words; "" for none."""
    counts = {}
    largest = 0.0
    for name, array in weights.items():
        if not np.isfinite(array).all():
            raise SketchRNNError(f"{name} has weights that are not finite")
        steps = np.rint(_in_quanta(array))
        counts[name] = int(((steps < -QUANTA - 1) | (steps > QUANTA)).sum())
        if counts[name]:
            largest = max(largest, float(np.abs(array).max()))
    parts = ", ".join(f"{count} in {name}" for name, count in counts.items() if count)
    total = sum(counts.values())
    return f"{total} beyond it ({parts}), up to {largest:.4g}" if total else ""


def _in_quanta(array: Array) -> npt.NDArray[np.float64]:
    return array.astype(np.float64) * QUANTA / BOUND


def _quantise(array: Array) -> bytes:
    """Little-endian int16, each the nearest to a weight: what `_dequantise` gives comes back."""
    return np.clip(np.rint(_in_quanta(array)), -QUANTA - 1, QUANTA).astype("<i2").tobytes()


def _dequantise(blob: Any, shape: Any, where: str) -> Array:
    """One blob as float32 of its shape."""
    if not (
        isinstance(shape, list)
        and 1 <= len(shape) <= 2
        and all(type(size) is int and 0 < size <= SIDE_LIMIT for size in shape)
    ):
        raise SketchRNNError(
            f"{where}: its shape must be one or two whole numbers, got {shape!r:.60}"
        )
    try:
        content = base64.b64decode(blob, validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise SketchRNNError(f"{where}: is not base64") from None
    if len(content) != 2 * math.prod(shape):
        raise SketchRNNError(
            f"{where}: has {len(content)} bytes, its shape {shape} needs {2 * math.prod(shape)}"
        )
    steps = np.frombuffer(content, "<i2").astype(np.float32)
    values = steps / np.float32(QUANTA) * np.float32(BOUND)
    return np.asarray(values.reshape(shape), dtype=np.float32)


def _config(weights: dict[str, Array], N_max: int, path: Path) -> ModelConfig:
    """The sizes, read from the shapes; every shape must agree with them."""
    dims = {name: array.shape for name, array in weights.items()}
    if len(dims["head.weight"]) != 2 or len(dims["decoder.W_xh"]) != 2:
        raise SketchRNNError(f"{path}: the head and the decoder's weights must be matrices")
    H, outputs = dims["head.weight"]
    D = dims["decoder.W_xh"][0]
    expected = {
        "head.bias": (outputs,),
        "decoder.W_xh": (D, 4 * H),
        "decoder.W_hh": (H, 4 * H),
        "decoder.bias": (4 * H,),
    }
    sizes: dict[str, Any] = {}
    if "to_mu.weight" in dims:
        E, Z = dims["encoder_forward.W_hh"][0], D - 5
        sizes = {"encoder_size": E, "z_size": Z}
        for way in ("forward", "backward"):
            expected |= {
                f"encoder_{way}.W_xh": (5, 4 * E),
                f"encoder_{way}.W_hh": (E, 4 * E),
                f"encoder_{way}.bias": (4 * E,),
            }
        for name in ("to_mu", "to_log_variance"):
            expected |= {f"{name}.weight": (2 * E, Z), f"{name}.bias": (Z,)}
        expected |= {"to_initial_state.weight": (Z, 2 * H), "to_initial_state.bias": (2 * H,)}
    elif D != 5:
        raise SketchRNNError(f"{path}: a decoder-only W_xh has 5 rows, this one has {D}")
    for name, shape in expected.items():
        if dims[name] != shape:
            raise SketchRNNError(f"{path}: {name} should be {shape}, is {dims[name]}")
    if (outputs - PEN_STATES) % PARAMETERS or outputs <= PEN_STATES:
        raise SketchRNNError(f"{path}: {outputs} outputs are not 6 M + 3")
    try:
        return ModelConfig(
            N_max=N_max,
            conditional="to_mu.weight" in dims,
            decoder_size=H,
            mixtures=(outputs - PEN_STATES) // PARAMETERS,
            **sizes,
        )
    except SketchRNNError as error:
        raise SketchRNNError(f"{path}: {error}") from None


def _to_ours(weights: Mapping[str, Array]) -> dict[str, Array]:
    """Linear layers as torch keeps them, [out, in]; the initial state with h first, then c."""
    return {name: _turned(name, _swapped(name, array)) for name, array in weights.items()}


def _to_theirs(weights: Mapping[str, Array]) -> dict[str, Array]:
    """The reverse of `_to_ours`."""
    return {name: _swapped(name, _turned(name, array)) for name, array in weights.items()}


def _turned(name: str, array: Array) -> Array:
    """The matrix of a linear layer, [in, out] <-> [out, in]; others have no such name."""
    return array.T.copy() if name.endswith(".weight") else array


def _swapped(name: str, array: Array) -> Array:
    """The halves of what gives the initial state along the last axis, c and h <-> h and c."""
    if not name.startswith("to_initial_state"):
        return array
    return np.concatenate(np.split(array, 2, axis=-1)[::-1], axis=-1)
