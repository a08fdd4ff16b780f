"""Model, with everything that people do with one, and how to load it."""

from __future__ import annotations

import os

from sketchrnn.drawing import blend
from sketchrnn.drawing.coder import Coder, load_as
from sketchrnn.drawing.complete import complete, fit_part
from sketchrnn.drawing.likelihood import likelihood
from sketchrnn.drawing.tidy import tidy
from sketchrnn.errors import SketchRNNError
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
            device: where to compute.
            bf16: draw faster, with rounded products; see `Coder`.
            revision: of a model on the hub: a branch, tag or commit.
            token: for a private model on the hub.

        Raises:
            SketchRNNError: there is no such model, no network, or it cannot be used.
        """
        if find_run(name).exists() or not hub.is_repository(str(name)):
            return load(name, device=device, bf16=bf16)
        folder = hub.fetch(str(name), revision=revision, token=token)
        try:
            model = load(folder, device=device, bf16=bf16)
        except SketchRNNError as error:
            raise SketchRNNError(f"{name}: cannot be used: {error}") from None
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


def load(
    run: str | os.PathLike[str], *, device: str = "cpu", which: str = "best", bf16: bool = False
) -> Model:
    """Load the model of a run folder, or one that comes with the package.

    >>> import sketchrnn
    >>> sketchrnn.load("car").facts.classes
    ('car',)

    Args:
        run: the folder that `sketchrnn train` wrote, or the name of a starter model.
        device: where to compute.
        which: "best" or "last" weights; see `runs.weights_place`.
        bf16: draw faster, with rounded products; see `Coder`.

    Raises:
        SketchRNNError: no such folder, or something in it is missing or damaged.
    """
    return load_as(Model, run, device=device, which=which, bf16=bf16)


from_pretrained = Model.from_pretrained
