"""The two judges that come with the package, and what they make of drawings.

Shapes: n drawings, D features, C classes that a judge knows.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sketchrnn.errors import SketchRNNError
from sketchrnn.judge.metrics import Features
from sketchrnn.judge.networks import PictureJudge, StrokeJudge
from sketchrnn.judge.reading import rows
from sketchrnn.judge.render import render
from sketchrnn.travel import Polyline

WEIGHTS = Path(__file__).with_name("weights")
NAMES = ("picture", "strokes")
BATCH = 128  # drawings looked at together

Prepared = Sequence[Polyline]  # a drawing as `reading.prepared` gives it


def plain(name: str) -> str:
    """A class's name as the judges have it: `power_outlet` is "power outlet"."""
    return " ".join(name.casefold().replace("_", " ").split())


@dataclass(frozen=True, eq=False)
class Opinion:
    """What one judge makes of n drawings.

    Attributes:
        features: [n, D].
        log_p: of the classes, [n, C].
    """

    features: Features
    log_p: npt.NDArray[np.float32]

    @staticmethod
    def joined(opinions: Sequence[Opinion]) -> Opinion:
        """Of the drawings of all, one after the other."""
        return Opinion(
            np.concatenate([one.features for one in opinions]),
            np.concatenate([one.log_p for one in opinions]),
        )

    def log_p_of(self, numbers: Sequence[int]) -> Features:
        """For each drawing the log of the probability of these classes together [n]."""
        log_p = self.log_p[:, list(numbers)].astype(np.float64)
        return np.asarray(np.logaddexp.reduce(log_p, axis=1))

    def names_one_of(self, numbers: Sequence[int], among: int = 1) -> npt.NDArray[np.bool_]:
        """For each drawing whether one of these classes is among its likeliest [n]."""
        best = np.argsort(-self.log_p, axis=1, kind="stable")[:, :among]
        return np.asarray(np.isin(best, numbers).any(axis=1))


class Judge:
    """A trained network with the names of its classes.

    Attributes:
        name: "picture" or "strokes".
        sha256: of its file, by which two results can be known to have the same judge.
        classes: that it tells apart.
        accuracy: how many of people's unseen drawings it recognises, as it was measured when it was
            made: of "well_filled" classes and "all" the keys n, top1, top5.
    """

    def __init__(self, path: Path) -> None:
        from safetensors.torch import load

        content = path.read_bytes()
        self.name = path.stem
        self.sha256 = hashlib.sha256(content).hexdigest()
        length = int.from_bytes(content[:8], "little")  # of the header of a safetensors file
        facts = json.loads(json.loads(content[8 : 8 + length])["__metadata__"]["facts"])
        self.classes: tuple[str, ...] = tuple(facts["classes"])
        self.accuracy: dict[str, dict[str, float]] = facts["accuracy"]
        kind = PictureJudge if self.name == "picture" else StrokeJudge
        self.network = kind(len(self.classes)).eval().requires_grad_(False)
        weights = {name: values.float() for name, values in load(content).items()}
        self.network.load_state_dict(weights)

    def number_of(self, name: str) -> int | None:
        """Of the class of that name; None for one that the judge has not learned."""
        wanted = plain(name)
        return next((i for i, known in enumerate(self.classes) if plain(known) == wanted), None)

    def look(
        self, drawings: Sequence[Prepared], progress: Callable[[int], object] = lambda count: None
    ) -> Opinion:
        """What it makes of prepared drawings; `progress` is called with how many more are done.

        Drawings are looked at in the order of their numbers of points, BATCH together: the same
        drawings get the same answer, to the last bit, on one machine.
        """
        lengths = np.array([sum(map(len, lines)) for lines in drawings], dtype=np.int64)
        order = np.argsort(lengths, kind="stable")
        features = np.empty((len(drawings), self.network.answer.in_features))
        log_p = np.empty((len(drawings), len(self.classes)), dtype=np.float32)
        for first in range(0, len(order), BATCH):
            which = order[first : first + BATCH]
            with torch.inference_mode():
                seen = self._features([drawings[number] for number in which.tolist()])
                features[which] = seen.double().numpy()
                log_p[which] = self.network.answer(seen).log_softmax(dim=1).numpy()
            progress(len(which))
        return Opinion(features, log_p)

    def _features(self, drawings: Sequence[Prepared]) -> Tensor:
        if isinstance(self.network, PictureJudge):
            return self.network.features(torch.from_numpy(render(drawings)))
        return self.network.features(*map(torch.from_numpy, rows(drawings)))


@cache
def both() -> tuple[Judge, ...]:
    """The judges of protocol 1: the one of pictures, and the one of strokes."""
    paths = [WEIGHTS / f"{name}.safetensors" for name in NAMES]
    for path in paths:
        if not path.is_file():
            raise SketchRNNError(f"{path}: missing; install sketchrnn again")
    return tuple(map(Judge, paths))
