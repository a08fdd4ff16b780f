"""Teach a machine to draw from people's drawings.

The whole of "A Neural Representation of Sketch Drawings" (Ha and Eck, 2017), in PyTorch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from sketchrnn.api import Model, from_pretrained, load
    from sketchrnn.drawing.live import load_live
    from sketchrnn.errors import SketchRNNError
    from sketchrnn.figures.sheet import SketchSheet
    from sketchrnn.sketch import Sketch

__all__ = [
    "Model",
    "Sketch",
    "SketchRNNError",
    "SketchSheet",
    "__version__",
    "from_pretrained",
    "load",
    "load_live",
]

# Loaded on first use, so that `import sketchrnn` and `sketchrnn --help` do not wait for PyTorch.
_HOMES = {
    "Model": "sketchrnn.api",
    "from_pretrained": "sketchrnn.api",
    "load": "sketchrnn.api",
    "load_live": "sketchrnn.drawing.live",
    "Sketch": "sketchrnn.sketch",
    "SketchSheet": "sketchrnn.figures.sheet",
    "SketchRNNError": "sketchrnn.errors",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
