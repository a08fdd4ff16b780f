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
import json
import math
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from sketchrnn import runs
from sketchrnn.devices import choose_device
from sketchrnn.drawing.coder import Coder
from sketchrnn.drawing.stepping import network_with
from sketchrnn.errors import SketchRNNError, naming
from sketchrnn.files import need_file, replaced_by, write_text
from sketchrnn.model.config import PARAMETERS, PEN_STATES, POINT, ModelConfig
from sketchrnn.runs import DataFacts, RunConfig

Array = npt.NDArray[np.float32]

# A VAE of a decoder of 2,048 units and an encoder of 512 has 55 MB.
FILE_LIMIT_BYTES = 64 * 1024 * 1024
PARTS_LIMIT = 1000  # of the JSON; a VAE file has some 70 commas and brackets
NAME_LIMIT = 200  # characters
SIDE_LIMIT = 1 << 40  # of a shape

QUANTA = 32767  # int16 steps ...
BOUND = 10  # ... up to this weight
VERSION = 6  # of the authors' newest files, whose z enters the initial state as it is

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


def load_published(
    path: str | os.PathLike[str],
    *,
    kind: type[Coder] = Coder,
    device: str = "cpu",
    scale: float | None = None,
) -> Coder:
    """Load a published JSON file.

    Args:
        path: the file.
        kind: the class that the model is to be of; `sketchrnn.Model` has all verbs.
        device: where to compute.
        scale: px of one scaled unit, instead of the file's.

    Raises:
        SketchRNNError: no such file, or not one of that format.
    """
    config, facts, weights = read_published(path)
    tensors = {name: torch.from_numpy(array) for name, array in weights.items()}
    network = network_with(config, tensors, Path(path)).to(choose_device(device))
    facts = facts if scale is None else replace(facts, scale=scale)
    return kind(network, facts, facts.classes[0])


def import_published(
    path: str | os.PathLike[str],
    run: str | os.PathLike[str],
    *,
    kind: type[Coder] = Coder,
    scale: float | None = None,
    anew: bool = False,
) -> Coder:
    """Make a run folder of a published JSON file: config.json and best.safetensors.

    What the file does not say of the training drawings stays unknown: epsilon, mean length, counts.
    Only for their size, to which `complete` and others scale what they are given, there is the size
    of what the model itself draws: the median larger side of 100 drawings at temperature 1.

    Args:
        path: the file.
        run: a new or empty folder, or one that an import made, whose model is then replaced.
        kind: the class that the model is to be of; `sketchrnn.Model` has all verbs.
        scale: px of one scaled unit, instead of the file's: for drawings in other units than those
            that the model learned from.
        anew: into a folder that holds other things as well.

    Raises:
        SketchRNNError: no such file, not one of that format, or a folder that holds other things.
    """
    folder = Path(run)
    if folder.exists() and not anew:
        _check_folder(folder)
    with runs.writing(folder):
        model = load_published(path, kind=kind, scale=scale)
        model.facts = replace(model.facts, size=_drawn_size(model))
        runs.remove_temporaries(folder)
        # the config makes the folder a run: it goes first and comes last
        (folder / runs.CONFIG).unlink(missing_ok=True)
        about = {IMPORTED: Path(path).name}
        runs.save_tensors(folder / runs.BEST, model.network.state_dict(), about)
        runs.write_config(folder, RunConfig(model.config, model.facts, {}))
    return model


def _check_folder(folder: Path) -> None:
    """Raise SketchRNNError for a folder with more in it than an import."""
    if not folder.is_dir():
        raise SketchRNNError(f"{folder}: is a file; name a folder for the run")
    own = {runs.CONFIG, runs.BEST}
    names = {entry.name for entry in folder.iterdir() if replaced_by(entry.name) not in own}
    names.discard(runs.LOCK)  # left by a kill
    if names and not (
        runs.BEST in names <= own and IMPORTED in runs.load_tensors(folder / runs.BEST)[1]
    ):
        raise SketchRNNError(f"{folder}: holds other things already; name a new folder")


def _drawn_size(model: Coder) -> float | None:
    """Median larger side of 100 drawings of the model's own at temperature 1, px.

    They are fewer where that takes over 1e11 products; None for fewer than 10, too few to tell.
    """
    weights = sum(parameter.numel() for parameter in model.network.parameters())
    step_work = weights + 1e6  # what a step costs beside the products over the weights
    count = min(100, int(1e11 / (step_work * model.N_max)))
    if count < 10:
        return None
    drawn = model.generate(count, temperature=1.0, seed=0)
    size = float(np.median([max(sketch.size) for sketch in drawn]))
    return size if 0 < size < math.inf else None


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
    with naming(model.name):
        cells = {"encoder": model.config.encoder_cell} if model.conditional else {}
        for part, cell in {**cells, "decoder": model.config.decoder_cell}.items():
            if cell != "lstm":
                raise SketchRNNError(
                    f"the {part} has {cell} cells, and the format holds the weights of lstm cells"
                    " only; train with --encoder-cell lstm --decoder-cell lstm"
                )
        name = name or "+".join(model.facts.classes) or model.name
        if not _is_name(name):
            raise SketchRNNError(
                f"the format's name must be a line of at most {NAME_LIMIT} characters; choose one"
                " with --name"
            )
        shapes, blobs, beyond = _quantised(model)
        if beyond and not clip:
            raise SketchRNNError(
                f"the format holds weights up to {BOUND}, and the model has {beyond}; --clip moves"
                " them there, which changes the model"
            )
    info = {
        "name": name,
        "mode": "vae" if model.conditional else 2,  # the authors' reader takes all but 2 as a VAE
        "version": VERSION,
        "max_seq_len": model.N_max,
        "scale_factor": model.facts.scale,
    }
    write_text(target, json.dumps([info, shapes, blobs], separators=(",", ":")))
    return beyond


def _quantised(model: Coder) -> tuple[list[list[int]], list[str], str]:
    """Shapes and blobs of a model, and which weights were moved to the bound, in words."""
    state = model.network.state_dict()
    shapes, blobs = [], []
    moved: dict[str, int] = {}
    largest = 0.0
    for name in VAE if model.conditional else DECODER_ONLY:
        array = _turned(name, state[name].numpy(force=True), -1).astype(np.float64)
        if not np.isfinite(array).all():
            raise SketchRNNError(f"{name} has weights that are not finite")
        steps = np.rint(array * QUANTA / BOUND)
        held = np.clip(steps, -QUANTA - 1, QUANTA)
        if count := int((steps != held).sum()):
            moved[name] = count
            largest = max(largest, float(np.abs(array).max()))
        shapes.append(list(array.shape))
        blobs.append(base64.b64encode(held.astype("<i2").tobytes()).decode("ascii"))
    if not moved:
        return shapes, blobs, ""
    parts = ", ".join(f"{count} in {name}" for name, count in moved.items())
    return shapes, blobs, f"{sum(moved.values())} beyond it ({parts}), up to {largest:.4g}"


def read_published(
    path: str | os.PathLike[str],
) -> tuple[ModelConfig, DataFacts, dict[str, Array]]:
    """Read a published JSON file: the sizes, what it says, the weights by the names of `Network`.

    Raises:
        SketchRNNError: no such file, or not of that format; says where.
    """
    target = Path(path)
    need_file(target)
    with naming(str(path)):
        match _document(target):
            case [dict() as info, list() as shapes, list() as blobs] if len(shapes) == len(blobs):
                pass
            case _:
                raise SketchRNNError("expected a JSON array [info, shapes, blobs]")
        names = {len(DECODER_ONLY): DECODER_ONLY, len(VAE): VAE}.get(len(blobs))
        if names is None:
            raise SketchRNNError(
                f"has {len(blobs)} blobs; a decoder-only file has {len(DECODER_ONLY)}, a VAE file"
                f" {len(VAE)}"
            )
        weights = {
            name: _dequantised(blob, shape, f"blob {number} ({name})")
            for number, (name, shape, blob) in enumerate(zip(names, shapes, blobs, strict=True))
        }
        N_max, scale = (_number(info.get(key)) for key in ("max_seq_len", "scale_factor"))
        if N_max is None or scale is None or not N_max.is_integer():
            raise SketchRNNError("its info must give max_seq_len and scale_factor as numbers")
        if not 0 < scale < math.inf:
            raise SketchRNNError(f"scale_factor must be over 0, got {scale:g}")
        name = info.get("name") or target.stem
        if not _is_name(name):
            raise SketchRNNError(f"its name must be a line of at most {NAME_LIMIT} characters")
        said = f"published weights {target.name}: scale_factor {scale:g}"
        for key in ("version", "r_loss", "kl_loss", "training_size"):
            number = _number(info.get(key))
            if number is not None and math.isfinite(number):
                said += f", {key} {number:g}"
        config = _config(weights, int(N_max))
        facts = DataFacts(scale=scale, classes=(name,), provenance=(said,))
        return config, facts, {key: _turned(key, array, 0) for key, array in weights.items()}


def _document(path: Path) -> Any:
    """The JSON of a file of published weights, small enough and of few parts."""
    if path.stat().st_size > FILE_LIMIT_BYTES:
        raise SketchRNNError(
            "too large for a file of published weights, which has at most"
            f" {FILE_LIMIT_BYTES / 1e6:.0f} MB"
        )
    content = path.read_bytes()
    try:
        # counted first: millions of small parts, or of levels, would take all memory
        if sum(content.count(mark) for mark in b",[{") > PARTS_LIMIT:
            raise ValueError
        return json.loads(content)
    except (ValueError, RecursionError):
        raise SketchRNNError("not a JSON file of published weights") from None


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


def _dequantised(blob: Any, shape: Any, where: str) -> Array:
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
    except (TypeError, ValueError):
        raise SketchRNNError(f"{where}: is not base64") from None
    if len(content) != 2 * math.prod(shape):
        raise SketchRNNError(
            f"{where}: has {len(content)} bytes, its shape {shape} needs {2 * math.prod(shape)}"
        )
    steps = np.frombuffer(content, "<i2").astype(np.float32).reshape(shape)
    return steps / np.float32(QUANTA) * np.float32(BOUND)


def _config(weights: dict[str, Array], N_max: int) -> ModelConfig:
    """The sizes, read from the shapes; every shape must agree with them."""
    shapes = {name: array.shape for name, array in weights.items()}
    conditional = len(shapes) == len(VAE)
    if len(shapes["head.weight"]) != 2 or len(shapes["decoder.W_xh"]) != 2:
        raise SketchRNNError("the head and the decoder's weights must be matrices")
    H, N = shapes["head.weight"]
    D = shapes["decoder.W_xh"][0]
    E, Z = (shapes["encoder_forward.W_hh"][0], D - POINT) if conditional else (0, 0)
    if not conditional and D != POINT:
        raise SketchRNNError(f"a decoder-only W_xh has 5 rows, this one has {D}")
    sides = {"H": H, "2H": 2 * H, "4H": 4 * H, "E": E, "2E": 2 * E, "4E": 4 * E}
    sides |= {"5": POINT, "D": D, "N": N, "Z": Z}
    for name, letters in (VAE if conditional else DECODER_ONLY).items():
        expected = tuple(sides[letter] for letter in letters)
        if shapes[name] != expected:
            raise SketchRNNError(f"{name} should be {expected}, is {shapes[name]}")
    mixtures, rest = divmod(N - PEN_STATES, PARAMETERS)
    if rest or mixtures < 1:
        raise SketchRNNError(f"{N} outputs are not 6 M + 3")
    sizes = {"N_max": N_max, "decoder_size": H, "mixtures": mixtures}
    if conditional:
        sizes |= {"encoder_size": E, "z_size": Z}
    return ModelConfig.from_dict({"conditional": conditional, **sizes})


def _turned(name: str, array: Array, out_axis: int) -> Array:
    """A weight as this project keeps it from the file's way, `out_axis` 0; or the reverse, -1.

    Linear layers are [out, in] here, as torch has them; and the initial state is h, then c.
    """
    array = array.T.copy() if name.endswith(".weight") else array
    half = array.shape[out_axis] // 2
    return np.roll(array, half, out_axis) if name.startswith("to_initial_state") else array
