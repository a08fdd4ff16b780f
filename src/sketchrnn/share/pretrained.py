"""A model as a folder to give away: weights, config, a card, pictures; and sending it to the hub.

    FOLDER/config.json         as in a run folder, without the paths of the data
    FOLDER/model.safetensors   the weights, and the fitted prior
    FOLDER/README.md           the model card
    FOLDER/sheet.png, .svg     drawings from the prior

All that takes a run folder takes this one.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Unpack

from torch import from_numpy

from sketchrnn.drawing.coder import Coder
from sketchrnn.drawing.sheets import temperature_sheet
from sketchrnn.errors import SketchRNNError
from sketchrnn.files import write_text, write_together
from sketchrnn.runs import BEST, CONFIG, LAST, MODEL, RunConfig, save_tensors, write_config
from sketchrnn.share import hub
from sketchrnn.share.card import CardWords, model_card

CARD, SHEET, SHEET_PNG = "README.md", "sheet.svg", "sheet.png"
FILES = (CONFIG, MODEL, CARD, SHEET, SHEET_PNG)

DRAWINGS, TEMPERATURES, SEED = 10, (0.1, 0.3, 0.5, 0.8), 1  # of the sheet


def save_pretrained(
    model: Coder, folder: str | os.PathLike[str], **words: Unpack[CardWords]
) -> list[Path]:
    """Write the model into `folder`, made where it is missing: all files, or none.

    Files of these names that are there are replaced, the card, too.

    Args:
        model: as it is now.
        folder: not one that a training wrote.
        words: of the card; see `CardWords`.

    Returns:
        What was written.

    Raises:
        SketchRNNError: `folder` is a file, or a run folder.
        OSError: it cannot be written.
    """
    return _save(model, Path(folder), Path(folder).resolve().name, words)


def push_to_hub(
    model: Coder,
    repository: str,
    *,
    private: bool | None = None,
    token: str | None = None,
    message: str = "A sketchrnn model",
    **words: Unpack[CardWords],
) -> str:
    """Send what `save_pretrained` writes to the Hugging Face Hub; the address of its page.

    Args:
        model: as it is now.
        repository: OWNER/NAME; made where it is missing.
        private: whether a new one is; None: as its owner has set.
        token: that may write; None for the one that the machine is logged in with.
        message: of the commit.
        words: of the card; see `CardWords`.

    Raises:
        SketchRNNError: no network, no permission, or the hub refuses.
    """
    if not hub.is_repository(repository):
        raise SketchRNNError(f"{repository}: a model on the hub is named OWNER/NAME")
    with TemporaryDirectory() as folder:
        _save(model, Path(folder), repository, words)
        return hub.send(Path(folder), repository, private=private, token=token, message=message)


def _save(model: Coder, folder: Path, load_as: str, words: CardWords) -> list[Path]:
    if folder.exists() and not folder.is_dir():
        raise SketchRNNError(f"{folder}: is no folder; a model is saved as one")
    if (folder / BEST).exists() or (folder / LAST).exists():
        raise SketchRNNError(f"{folder}: is a run folder, which stays as it is; name another")
    shown = ", ".join(f"{temperature:g}" for temperature in TEMPERATURES)
    caption = f"New drawings at temperatures {shown}: the first of seed {SEED}, none left out"
    with TemporaryDirectory() as made:
        stage = Path(made)
        facts = replace(model.facts, sources=())  # they would be paths on somebody's machine
        write_config(stage, RunConfig(model.config, facts, training={}))
        tensors = model.network.state_dict()
        if model.prior is not None:
            tensors |= {name: from_numpy(one) for name, one in model.prior.tensors().items()}
        save_tensors(stage / MODEL, tensors, {})
        sheet = temperature_sheet(model, DRAWINGS, TEMPERATURES, SEED)
        for name in (SHEET, SHEET_PNG):
            sheet.save(stage / name)
        write_text(stage / CARD, model_card(model, load_as, SHEET_PNG, caption, **words))
        return write_together(folder, {name: (stage / name).read_bytes() for name in FILES})
