"""Teach a machine to draw from people's drawings.

The whole of "A Neural Representation of Sketch Drawings" (Ha and Eck, 2017), in PyTorch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sketchrnn.version import __version__

if TYPE_CHECKING:
    from sketchrnn.api import Model, from_pretrained, load
    from sketchrnn.data.dataset import Dataset
    from sketchrnn.data.prepare import prepare
    from sketchrnn.data.sources import read
    from sketchrnn.drawing.live import load_live
    from sketchrnn.errors import SketchRNNError
    from sketchrnn.figures.sheet import SketchSheet
    from sketchrnn.judge.run import score
    from sketchrnn.model.config import ModelConfig
    from sketchrnn.sketch import Sketch
    from sketchrnn.training.config import TrainingConfig
    from sketchrnn.training.evaluate import compare, evaluate
    from sketchrnn.training.session import fit_prior, train

# Loaded on first use, so that `import sketchrnn` and `sketchrnn --help` do not wait for PyTorch.
_HOMES = {
    "Dataset": "data.dataset",
    "Model": "api",
    "ModelConfig": "model.config",
    "Sketch": "sketch",
    "SketchRNNError": "errors",
    "SketchSheet": "figures.sheet",
    "TrainingConfig": "training.config",
    "compare": "training.evaluate",
    "evaluate": "training.evaluate",
    "fit_prior": "training.session",
    "from_pretrained": "api",
    "load": "api",
    "load_live": "drawing.live",
    "prepare": "data.prepare",
    "read": "data.sources",
    "score": "judge.run",
    "train": "training.session",
}

__all__ = [
    "Dataset",
    "Model",
    "ModelConfig",
    "Sketch",
    "SketchRNNError",
    "SketchSheet",
    "TrainingConfig",
    "__version__",
    "compare",
    "evaluate",
    "fit_prior",
    "from_pretrained",
    "load",
    "load_live",
    "prepare",
    "read",
    "score",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"sketchrnn.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
