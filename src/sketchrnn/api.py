"""Model, with everything that people do with one, and how to load it."""

from __future__ import annotations

import os

from sketchrnn.drawing import blend
from sketchrnn.drawing.base import PriorChoice
from sketchrnn.drawing.coder import Coder
from sketchrnn.drawing.complete import complete, fit_part
from sketchrnn.drawing.likelihood import likelihood
from sketchrnn.drawing.tidy import tidy
from sketchrnn.errors import naming
from sketchrnn.runs import find_run
from sketchrnn.share import hub, magenta
from sketchrnn.share.pretrained import push_to_hub, save_pretrained


class Model(Coder):
    """A trained model. Drawings go in and come out in the units of the drawings it learned from.

    Load one with `sketchrnn.load(RUN)`; a run that `sketchrnn train` wrote, or a starter:

    >>> import sketchrnn
    >>> model = sketchrnn.load("sun")
    >>> drawings = model.generate(3, temperature=0.3, seed=1)
    >>> drawings[0].label
    'sun'
    """

    # functions of a model, each in a file of its own
    reconstruct = blend.reconstruct
    interpolate = blend.interpolate
    grid = blend.grid
    analogy = blend.analogy
    vary = blend.vary
    tidy = tidy
    complete = complete
    fit_part = fit_part
    likelihood = likelihood
    save_pretrained = save_pretrained
    push_to_hub = push_to_hub

    @staticmethod
    def from_pretrained(
        name: str | os.PathLike[str],
        *,
        device: str = "cpu",
        bf16: bool = False,
        prior: PriorChoice = "fitted",
        revision: str | None = None,
        token: str | None = None,
    ) -> Model:
        """Load a model from a folder or the Hugging Face Hub, or a starter by its name.

        >>> import sketchrnn
        >>> sketchrnn.from_pretrained("sun").label
        'sun'

        It looks for a folder first, then a starter; only then, and only for a name like
        OWNER/NAME, on the hub. It reads JSON and safetensors, nothing that can run code.

        Args:
            name: the folder that `save_pretrained` or a training wrote, or a name.
            device, bf16, prior: as in `load`.
            revision: of a model on the hub: a branch, tag or commit.
            token: for a private model on the hub.

        Raises:
            SketchRNNError: there is no such model, no network, or it cannot be used.
        """
        if find_run(name).exists() or not hub.is_repository(str(name)):
            return Model.load(name, device=device, bf16=bf16, prior=prior)
        folder = hub.fetch(str(name), revision=revision, token=token)
        with naming(f"{name}: cannot be used"):
            model = Model.load(folder, device=device, bf16=bf16, prior=prior)
        model.name = str(name).partition("/")[2]
        return model

    @staticmethod
    def from_published(
        path: str | os.PathLike[str], *, device: str = "cpu", scale: float | None = None
    ) -> Model:
        """Load a JSON file of weights that the paper's authors published for their demos.

        Args, Raises: as `sketchrnn.share.magenta.load_published`.
        """
        model = magenta.load_published(path, kind=Model, device=device, scale=scale)
        assert isinstance(model, Model)
        return model


load = Model.load
from_pretrained = Model.from_pretrained
