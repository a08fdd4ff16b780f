"""Weights that the paper's authors published for their JavaScript, as models, and models as such.

    import_published("bird.gen.json", "bird")      # a run folder: draw, complete, evaluate ...
    export_published(load("bird"), "again.json")   # back, weight by weight

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
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from sketchrnn.devices import choose_device
from sketchrnn.drawing.coder import Coder
from sketchrnn.drawing.stepping import network_with
from sketchrnn.errors import SketchRNNError
from sketchrnn.files import replaced_by, write_text
from sketchrnn.model.config import PARAMETERS, PEN_STATES, POINT, ModelConfig
from sketchrnn.runs import (
    BEST,
    CONFIG,
    DataFacts,
    RunConfig,
    load_tensors,
    remove_temporaries,
    save_tensors,
    write_config,
)

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

# The blobs in their order, by the names of `Network`, with their shapes in the file: H units of the
# decoder, which reads D numbers and gives N; E units of the encoder, Z numbers of z.
DECODER_ONLY = {
    "head.weight": ("H", "N"),
    "head.bias": ("N",),
    "decoder.W_xh": ("D", "4H"),
    "decoder.W_hh": ("H", "4H"),
    "decoder.bias": ("4H",),
}
_ENCODER_CELL = {"W_xh": ("5", "4E"), "W_hh": ("E", "4E"), "bias": ("4E",)}
VAE = {
    **{f"encoder_forward.{name}": shape for name, shape in _ENCODER_CELL.items()},
    **{f"encoder_backward.{name}": shape for name, shape in _ENCODER_CELL.items()},
    "to_mu.weight": ("2E", "Z"),
    "to_mu.bias": ("Z",),
    "to_log_variance.weight": ("2E", "Z"),
    "to_log_variance.bias": ("Z",),
    "to_initial_state.weight": ("Z", "2H"),
    "to_initial_state.bias": ("2H",),
    **DECODER_ONLY,
}

IMPORTED = "imported"  # of the facts in the weight file: from what
# Drawings of the model's own, whose median size stands for that of the training drawings: at most
# so many, as many as so much work draws, none where that is too few to tell.
MEASURED, WORK, TOO_FEW = 100, 1e11, 10
STEP_WORK = 1e6  # what a step costs beside the products over the weights
SEED = 0


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
    recorded: Mapping[str, float]


def load_published(
    path: str | os.PathLike[str], *, device: str = "cpu", scale: float | None = None
) -> Coder:
    """Load a published JSON file.

    Args:
        path: the file.
        device: where to compute.
        scale: px of one scaled unit, instead of the file's.

    Raises:
        SketchRNNError: no such file, or not one of that format.
    """
    published = read_published(path)
    weights = {name: torch.from_numpy(array) for name, array in published.weights.items()}
    network = network_with(published.config, weights, Path(path))
    recorded = "".join(f", {name} {value:g}" for name, value in published.recorded.items())
    facts = DataFacts(
        scale=published.scale if scale is None else scale,
        classes=(published.name,),
        provenance=(
            f"published weights {Path(path).name}: scale_factor {published.scale:g}{recorded}",
        ),
    )
    return Coder(network.to(choose_device(device)), facts, published.name)


def import_published(
    path: str | os.PathLike[str], run: str | os.PathLike[str], *, scale: float | None = None
) -> Coder:
    """Make a run folder of a published JSON file: config.json and best.safetensors.

    What the file does not say of the training drawings stays unknown: epsilon, mean length, counts.
    Only for their size, to which `complete` and others scale what they are given, there is the size
    of what the model itself draws: the median larger side of 100 drawings at temperature 1.

    Args:
        path: the file.
        run: a new or empty folder, or one that an import made, whose model is then replaced.
        scale: px of one scaled unit, instead of the file's: for drawings in other units than those
            that the model learned from.

    Raises:
        SketchRNNError: no such file, not one of that format, or a folder that holds other things.
    """
    folder = Path(run)
    _check_folder(folder)
    model = load_published(path, scale=scale)
    model.facts = replace(model.facts, size=_drawn_size(model))
    folder.mkdir(parents=True, exist_ok=True)
    remove_temporaries(folder)
    # the config makes the folder a run: it goes first and comes last
    (folder / CONFIG).unlink(missing_ok=True)
    save_tensors(folder / BEST, model.network.state_dict(), {IMPORTED: Path(path).name})
    write_config(folder, RunConfig(model.config, model.facts, {}))
    return model


def _drawn_size(model: Coder) -> float | None:
    """Median larger side of what the model draws at temperature 1, px; None where unknown."""
    weights = sum(parameter.numel() for parameter in model.network.parameters())
    count = min(MEASURED, int(WORK / ((weights + STEP_WORK) * model.N_max)))
    if count < TOO_FEW:
        return None
    drawn = model.generate(count, temperature=1.0, seed=SEED)
    size = float(np.median([max(sketch.size) for sketch in drawn]))
    return size if 0 < size < math.inf else None


def _check_folder(folder: Path) -> None:
    """Whether a run can be made here: a new or empty folder, or one that an import made."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise SketchRNNError(f"{folder}: is a file; name a folder for the run")
    own = {CONFIG, BEST}
    names = {entry.name for entry in folder.iterdir() if replaced_by(entry.name) not in own}
    if names and not (BEST in names <= own and IMPORTED in load_tensors(folder / BEST)[1]):
        raise SketchRNNError(f"{folder}: holds other things already; name a new folder")


def export_published(
    model: Coder, path: str | os.PathLike[str], *, name: str | None = None, clip: bool = False
) -> str:
    """Write a model, decoder-only or VAE, in the published JSON format: whole, or not at all.

    A weight is rounded to the nearest of the format's, which is at most 0.00016 away.

    Args:
        model: with LSTM cells.
        path: the .json file.
        name: what it draws; by default its classes, or what the model is called.
        clip: whether weights beyond +-10 are moved there. That changes the model by an unknown
            amount, so it has to be asked for.

    Returns:
        Which weights were moved; "" if none were.

    Raises:
        SketchRNNError: what the format cannot hold, with the reason; another ending.
    """
    target = Path(path)
    if target.suffix.lower() != ".json":
        raise SketchRNNError(f"{target}: the format is JSON; name it {target.stem}.json")
    config = model.config
    name = name or "+".join(model.facts.classes) or model.name
    try:
        _check_cells(config)
        if not _is_name(name):
            raise SketchRNNError(
                f"the format's name must be a line of at most {NAME_LIMIT} characters; choose one"
                " with --name"
            )
        state = model.network.state_dict()
        names = VAE if config.conditional else DECODER_ONLY
        weights = {key: _to_theirs(key, state[key].numpy(force=True)) for key in names}
        beyond = _beyond(weights)
        if beyond and not clip:
            raise SketchRNNError(
                f"the format holds weights up to {BOUND}, and the model has {beyond}; --clip moves"
                " them there, which changes the model"
            )
    except SketchRNNError as error:
        raise SketchRNNError(f"{model.name}: {error}") from None
    info = {
        "name": name,
        "mode": MODES[config.conditional],
        "version": VERSION,
        "max_seq_len": config.N_max,
        "scale_factor": model.facts.scale,
    }
    shapes = [list(array.shape) for array in weights.values()]
    blobs = [_quantise(array) for array in weights.values()]
    write_text(target, json.dumps([info, shapes, blobs], separators=(",", ":")))
    return beyond


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
    match document:
        case [dict() as info, list() as shapes, list() as blobs] if len(shapes) == len(blobs):
            pass
        case _:
            raise SketchRNNError(f"{target}: expected a JSON array [info, shapes, blobs]")
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
    recorded = {
        key: number
        for key in RECORDED
        if (number := _number(info.get(key))) is not None and math.isfinite(number)
    }
    config = _config(weights, int(N_max), target)
    ours = {key: _to_ours(key, array) for key, array in weights.items()}
    return PublishedModel(config, scale, name, ours, recorded)


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


def _check_cells(config: ModelConfig) -> None:
    """Only LSTM cells fit: the format has no place for the gains of a layer norm, nor for more."""
    cells = {"encoder": config.encoder_cell} if config.conditional else {}
    for part, cell in {**cells, "decoder": config.decoder_cell}.items():
        if cell != "lstm":
            raise SketchRNNError(
                f"the {part} has {cell} cells, and the format holds the weights of lstm cells only;"
                " train with --encoder-cell lstm --decoder-cell lstm"
            )


def _beyond(weights: Mapping[str, Array]) -> str:
    """Which weights are not numbers of the format, in words; "" for none."""
    over = {}
    for name, array in weights.items():
        if not np.isfinite(array).all():
            raise SketchRNNError(f"{name} has weights that are not finite")
        steps = _in_quanta(array)
        count = int(((steps < -QUANTA - 1) | (steps > QUANTA)).sum())
        if count:
            over[name] = count
    if not over:
        return ""
    parts = ", ".join(f"{count} in {name}" for name, count in over.items())
    largest = max(float(np.abs(weights[name]).max()) for name in over)
    return f"{sum(over.values())} beyond it ({parts}), up to {largest:.4g}"


def _in_quanta(array: Array) -> npt.NDArray[np.float64]:
    """The nearest whole steps: of what `_dequantise` gives, those that it was made of."""
    return np.rint(array.astype(np.float64) * QUANTA / BOUND)


def _quantise(array: Array) -> str:
    """Little-endian int16 as base64; what is beyond them is moved to the bound."""
    steps = np.clip(_in_quanta(array), -QUANTA - 1, QUANTA).astype("<i2")
    return base64.b64encode(steps.tobytes()).decode("ascii")


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


def _config(weights: Mapping[str, Array], N_max: int, path: Path) -> ModelConfig:
    """The sizes, read from the shapes; every shape must agree with them."""
    shapes = {name: array.shape for name, array in weights.items()}
    conditional = len(shapes) == len(VAE)
    if len(shapes["head.weight"]) != 2 or len(shapes["decoder.W_xh"]) != 2:
        raise SketchRNNError(f"{path}: the head and the decoder's weights must be matrices")
    H, N = shapes["head.weight"]
    D = shapes["decoder.W_xh"][0]
    E, Z = (shapes["encoder_forward.W_hh"][0], D - POINT) if conditional else (0, 0)
    if not conditional and D != POINT:
        raise SketchRNNError(f"{path}: a decoder-only W_xh has 5 rows, this one has {D}")
    sides = {"H": H, "2H": 2 * H, "4H": 4 * H, "E": E, "2E": 2 * E, "4E": 4 * E}
    sides |= {"5": POINT, "D": D, "N": N, "Z": Z}
    for name, letters in (VAE if conditional else DECODER_ONLY).items():
        expected = tuple(sides[letter] for letter in letters)
        if shapes[name] != expected:
            raise SketchRNNError(f"{path}: {name} should be {expected}, is {shapes[name]}")
    if (N - PEN_STATES) % PARAMETERS or N <= PEN_STATES:
        raise SketchRNNError(f"{path}: {N} outputs are not 6 M + 3")
    sizes: dict[str, Any] = {"encoder_size": E, "z_size": Z} if conditional else {}
    try:
        return ModelConfig(
            N_max=N_max,
            conditional=conditional,
            decoder_size=H,
            mixtures=(N - PEN_STATES) // PARAMETERS,
            **sizes,
        )
    except SketchRNNError as error:
        raise SketchRNNError(f"{path}: {error}") from None


def _to_ours(name: str, array: Array) -> Array:
    """Linear layers as torch keeps them, [out, in]; the initial state with h first, then c."""
    array = _swapped(name, array)
    return array.T.copy() if name.endswith(".weight") else array


def _to_theirs(name: str, array: Array) -> Array:
    """The reverse of `_to_ours`."""
    return _swapped(name, array.T.copy() if name.endswith(".weight") else array)


def _swapped(name: str, array: Array) -> Array:
    """The halves of what gives the initial state along the last axis, c and h <-> h and c."""
    swap = name.startswith("to_initial_state")
    return np.roll(array, array.shape[-1] // 2, axis=-1) if swap else array
