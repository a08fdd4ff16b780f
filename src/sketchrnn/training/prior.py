"""The fitted prior of a run: at the end of a training or later, and stored with its weights."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from torch import from_numpy

from sketchrnn.data.dataset import Dataset
from sketchrnn.drawing.coder import Coder
from sketchrnn.drawing.encodings import Fit, fit_prior
from sketchrnn.model.prior import MARK
from sketchrnn.runs import BEST, LAST, MODEL, load_tensors, read_config, save_tensors, writing

Progress = Callable[[int, int], object]


def fit_run(
    run: str | os.PathLike[str],
    dataset: Dataset,
    *,
    device: str = "cpu",
    progress: Progress = lambda done, total: None,
) -> dict[str, Fit]:
    """Fit a prior to the encodings by the weights of a run, and store it with them.

    Best and last weights have an encoder each, so each get a prior. A prior that is there is
    replaced; the weights, and what a resumed training needs, stay as they are.

    Args:
        run: its folder.
        dataset: what it learned from: of the classes that it knows.
        device: where to encode.
        progress: as in `drawing.encodings.fit_prior`.

    Returns:
        what was fitted, by "best" and "last"; nothing for a decoder-only model, which has no z.

    Raises:
        SketchRNNError: as `Coder.load`, and `fit_prior`.
    """
    folder = Path(run)
    found: dict[str, Fit] = {}
    if not read_config(folder).model.conditional:
        return found
    with writing(folder):
        for which, path in _weights(folder):
            model = Coder.load(folder, device=device, which=which, prior="normal")
            fit = found[which] = fit_prior(model, dataset, progress)
            tensors, about = load_tensors(path)
            kept = {name: one for name, one in tensors.items() if not name.startswith(MARK)}
            if fit.prior is not None:
                kept |= {name: from_numpy(one) for name, one in fit.prior.tensors().items()}
            save_tensors(path, kept, about)
    return found


def _weights(folder: Path) -> Iterator[tuple[str, Path]]:
    """The files of weights that there are, and what each is called."""
    for which, names in (("best", (BEST, MODEL)), ("last", (LAST,))):
        path = next((folder / name for name in names if (folder / name).exists()), None)
        if path is not None:
            yield which, path
