"""Reading the weights that the paper's authors published for their JavaScript demos.

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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sketchrnn.errors import SketchRNNError
from sketchrnn.model.config import PARAMETERS, PEN_STATES, ModelConfig

Array = npt.NDArray[np.float32]

FILE_LIMIT_BYTES = 256 * 1024 * 1024

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
    """

    config: ModelConfig
    scale: float
    name: str
    weights: dict[str, Array]


def read_published(path: str | os.PathLike[str]) -> PublishedModel:
    """Read a published JSON file, decoder-only or VAE.

    Raises:
        SketchRNNError: no such file, or not of that format; says where.
    """
    target = Path(path)
    if not target.is_file():
        raise SketchRNNError(f"{target}: there is no such file")
    if target.stat().st_size > FILE_LIMIT_BYTES:
        raise SketchRNNError(f"{target}: too large for a file of published weights")
    try:
        document = json.loads(target.read_bytes())
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
    try:
        N_max, scale = int(info["max_seq_len"]), float(info["scale_factor"])
    except (KeyError, TypeError, ValueError, OverflowError):
        raise SketchRNNError(
            f"{target}: its info must give max_seq_len and scale_factor as numbers"
        ) from None
    if not (math.isfinite(scale) and scale > 0):
        raise SketchRNNError(f"{target}: scale_factor must be over 0, got {scale:g}")
    config = _config(weights, N_max, target)
    return PublishedModel(config, scale, str(info.get("name", target.stem)), _to_ours(weights))


def _dequantise(blob: Any, shape: Any, where: str) -> Array:
    """One blob as float32 of its shape."""
    if not (
        isinstance(shape, list)
        and 1 <= len(shape) <= 2
        and all(type(size) is int and size > 0 for size in shape)
    ):
        raise SketchRNNError(f"{where}: its shape must be one or two whole numbers, got {shape!r}")
    try:
        content = base64.b64decode(blob, validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise SketchRNNError(f"{where}: is not base64") from None
    if len(content) != 2 * math.prod(shape):
        raise SketchRNNError(
            f"{where}: has {len(content)} bytes, its shape {shape} needs {2 * math.prod(shape)}"
        )
    values = np.frombuffer(content, "<i2").astype(np.float32) / np.float32(32767) * np.float32(10)
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


def _to_ours(weights: dict[str, Array]) -> dict[str, Array]:
    """Linear layers as torch keeps them, [out, in]; the initial state with h first, then c."""
    ours = {}
    for name, array in weights.items():
        if name.startswith("to_initial_state"):
            c_part, h_part = np.split(array, 2, axis=-1)
            array = np.concatenate([h_part, c_part], axis=-1)
        ours[name] = array.T.copy() if name.endswith(".weight") else array
    return ours
