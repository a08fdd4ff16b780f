"""A Coder from the weights that the paper's authors published, and a Coder in their format.

import_published("bird.gen.json", "bird")      # a run folder: draw, complete, evaluate ...
export_published(load("bird"), "again.json")   # back, weight by weight
"""

from __future__ import annotations

import math
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from sketchrnn.devices import choose_device
from sketchrnn.drawing.coder import Coder
from sketchrnn.drawing.stepping import network_with
from sketchrnn.errors import SketchRNNError
from sketchrnn.files import replaced_by
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
from sketchrnn.share.magenta import PublishedModel, read_published, write_published

IMPORTED = "imported"  # of the facts in the weight file: from what
# Drawings of the model's own, whose median size stands for that of the training drawings: at most
# so many, as many as so much work draws, none where that is too few to tell.
MEASURED, WORK, TOO_FEW = 100, 1e11, 10
STEP_WORK = 1e6  # what a step costs beside the products over the weights
SEED = 0


def load_published(
    path: str | os.PathLike[str], *, device: str = "cpu", scale: float | None = None
) -> Coder:
    """Load a published JSON file (see `interop.magenta`).

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
    """Write a model in the published JSON format; see `interop.magenta.write_published`.

    Args:
        model: with LSTM cells.
        path: the .json file.
        name: what it draws; by default its classes, or what the model is called.
        clip: whether weights beyond the format's 10 are moved there.

    Returns:
        Which weights were moved; "" if none were.

    Raises:
        SketchRNNError: what the format cannot hold, with the reason; another ending.
    """
    target = Path(path)
    if target.suffix.lower() != ".json":
        raise SketchRNNError(f"{target}: the format is JSON; name it {target.stem}.json")
    weights = {key: value.numpy(force=True) for key, value in model.network.state_dict().items()}
    published = PublishedModel(
        model.config,
        model.facts.scale,
        name or "+".join(model.facts.classes) or model.name,
        weights,
    )
    try:
        return write_published(published, target, clip=clip)
    except SketchRNNError as error:
        raise SketchRNNError(f"{model.name}: {error}") from None
