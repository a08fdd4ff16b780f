"""People's drawings that a score compares with: of each class the reference, others, training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sketchrnn.data.dataset import Dataset
from sketchrnn.errors import SketchRNNError
from sketchrnn.judge.judges import plain
from sketchrnn.seeds import INPUT_STREAM, generator
from sketchrnn.sketch import Sketch
from sketchrnn.words import choices

# At most so many drawings of one class, and of all together, evenly over those that there are.
REFERENCE_CLASS, REFERENCE_ALL = 2_500, 20_000
TRAIN_CLASS, TRAIN_ALL = 4_000, 40_000

Drawn = Sequence[Sketch]


@dataclass(frozen=True)
class People:
    """The drawings of one group of classes, mostly of one class.

    Attributes:
        names: of the classes. A drawing of a model of several classes may be of any of them.
        reference: drawings that all others are compared with, of the split that is scored.
        others: as many unseen ones that are not among them, people's score beside the model's.
        train: what the model may have learned by heart.
    """

    names: tuple[str, ...]
    reference: Drawn
    others: Drawn
    train: Drawn

    @property
    def name(self) -> str:
        """What the group is called."""
        return " or ".join(self.names)

    @staticmethod
    def joined(groups: Sequence[People]) -> People:
        """All classes of several groups as one."""
        names = tuple(name for group in groups for name in group.names)
        parts = ("reference", "others", "train")
        drawn = ([one for group in groups for one in getattr(group, part)] for part in parts)
        return People(names, *drawn)


def mixed(count: int) -> npt.NDArray[np.int64]:
    """An order by chance, always the same, for so many: of several classes one after the other the
    first in it are as many of each as is its share.
    """
    return generator(0, INPUT_STREAM, 1).permutation(count)


def people_of(
    dataset: Dataset, split: str = "test", classes: Sequence[str] | None = None
) -> list[People]:
    """The people's drawings of each class that has some, or of the named ones.

    Names that are `plain` the same, as those of two files may be, are one class.

    The reference is the split, and the others are of valid (of test, where the split is valid).
    Where one of the two is empty the drawings of the other are dealt out to both in turn.

    Raises:
        SketchRNNError: the split is train, a class is not there, no class has unseen drawings.
    """
    if split not in ("valid", "test"):
        raise SketchRNNError(
            f"a score needs drawings that the model has not seen: {split!r} is not valid or test"
        )
    wanted = dataset.classes if classes is None else classes
    numbers: dict[str, list[int]] = {}
    for number, name in enumerate(dataset.classes):
        numbers.setdefault(plain(name), []).append(number)
    wanted = list({plain(name): name for name in wanted}.values())
    for name in wanted:
        if plain(name) not in numbers:
            raise SketchRNNError(
                f"{dataset.where}: has no drawings of {name}; {choices(name, dataset.classes)}"
            )
    groups = []
    for name in wanted:
        labels = numbers[plain(name)]
        reference, others = (
            _drawings(dataset, one, labels, REFERENCE_CLASS, REFERENCE_ALL // len(wanted))
            for one in (split, "valid" if split == "test" else "test")
        )
        if not (reference and others):
            unseen = reference or others
            reference, others = unseen[::2], unseen[1::2]
        train = _drawings(dataset, "train", labels, TRAIN_CLASS, TRAIN_ALL // len(wanted))
        if reference and others:
            groups.append(People((dataset.classes[labels[0]],), reference, others, train))
        elif classes is not None:
            raise SketchRNNError(
                f"{dataset.where}: has fewer than two unseen drawings of {name} (splits valid and"
                " test); a score needs some"
            )
    if not groups:
        raise SketchRNNError(
            f"{dataset.where}: no class has two unseen drawings (splits valid and test); a score"
            " needs some: hold some out with `sketchrnn data prepare`"
        )
    return groups


def _drawings(
    dataset: Dataset, split: str, labels: Sequence[int], most: int, share: int
) -> list[Sketch]:
    """The drawings of a class in a split, or so many evenly over them."""
    found = np.flatnonzero(np.isin(dataset.split(split).labels, labels))
    most = min(most, max(share, 1))
    if len(found) > most:
        found = found[np.arange(most) * len(found) // most]
    return [dataset.sketch(split, index) for index in found.tolist()]
