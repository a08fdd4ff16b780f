"""A reader of drawings: which animal, with or without a body, and what it was drawn from.

It judges what a model draws where the truth is known, on the cats and pigs of
`sketchrnn.data.doodles`: a small convolutional network of ours that sees the drawing as a picture,
so neither the order of the strokes nor the number of their points tells it anything. Beside the
four kinds it knows "none", learned from other doodles and from animals spoilt on purpose (`spoil`).
Its own accuracy is measured on drawings that it has not seen before anything is measured with it.

Shapes: B drawings, K kinds and "none", F factors, S the side of the picture in pixels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from sketchrnn.data.doodles import KINDS as DOODLE_KINDS
from sketchrnn.data.doodles import Doodle, doodles
from sketchrnn.data.doodles.kinds import RANGES
from sketchrnn.errors import SketchRNNError
from sketchrnn.paper.spoil import WAYS, loosened, spoilt
from sketchrnn.runs import load_tensors, save_tensors
from sketchrnn.sketch import Sketch

ANIMALS = ("cat_head", "cat_body", "pig_head", "pig_body")
OTHERS = tuple(kind for kind in DOODLE_KINDS if kind not in ANIMALS)
NONE = len(ANIMALS)  # the class of what is no good drawing of an animal

# Factors that change by degrees, with the range that each has in the first animal that has it.
FACTORS = ("tilt", "width", "ear_size", "eye_size", "smile", "snout", "head_size", "tail")
RANGES_OF = {
    name: next(RANGES[kind][name] for kind in ANIMALS if name in RANGES[kind]) for name in FACTORS
}

SIDE = 64  # S
MARGIN = 2.0  # in pixels
LOOSE_STROKES_PX, LOOSE_POINTS_PX = 4.0, 2.0  # of the loose hand that is still a good one

COUNT, EPOCHS, BATCH = 6_000, 3, 32
TRAIN_SEED, TEST_SEED = 71_001, 71_002  # of the doodles that it learns from, and is judged by
READER = "reader.safetensors"
RECIPE = 1  # one more whenever what a reader learns, or how, changes

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Reading:
    """What the reader sees in B drawings.

    Attributes:
        probabilities: [B, K + 1] of the kinds in the order of `ANIMALS`, then of "none".
        values: [B, F] the factors in the order of `FACTORS`, as shares of their ranges, 0 to 1;
            nothing to go by where the factor does not apply to the drawing.
    """

    probabilities: Numbers
    values: Numbers

    @property
    def names(self) -> list[str]:
        """The most probable of the kinds and "none", B of them."""
        return [(*ANIMALS, "none")[number] for number in self.probabilities.argmax(axis=1)]

    @property
    def accepted(self) -> npt.NDArray[np.bool_]:
        """[B] whether a drawing is taken for a good one of any kind."""
        return np.asarray(self.probabilities.argmax(axis=1) != NONE)

    def share(self, kinds: Sequence[str]) -> Numbers:
        """[B] the probability of these kinds among the four, whatever else is wrong."""
        chosen = [ANIMALS.index(kind) for kind in kinds]
        of_all = self.probabilities[:, :NONE].sum(axis=1)
        return np.asarray(self.probabilities[:, chosen].sum(axis=1) / of_all)

    def factor(self, name: str) -> Numbers:
        """[B] one of the values."""
        return self.values[:, FACTORS.index(name)]


class Reader(nn.Module):
    """The network. `read` takes drawings of any size and place: each is fitted into the picture."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 1
        for outputs, size, stride in ((16, 5, 2), (32, 3, 2), (64, 3, 2), (64, 3, 1)):
            layers += [
                nn.Conv2d(channels, outputs, size, stride, padding=size // 2, bias=False),
                nn.BatchNorm2d(outputs),
                nn.ReLU(),
            ]
            channels = outputs
        hidden = nn.Linear(64 * (SIDE // 8) ** 2, 128)
        self.features = nn.Sequential(*layers, nn.Flatten(), hidden, nn.ReLU())
        self.kind = nn.Linear(128, len(ANIMALS) + 1)
        self.factors = nn.Linear(128, len(FACTORS))

    def forward(self, pictures_B1SS: Tensor) -> tuple[Tensor, Tensor]:
        """Logits [B, K + 1] and values [B, F]."""
        seen = self.features(pictures_B1SS)
        return self.kind(seen), self.factors(seen)

    def read(self, sketches: Sequence[Sketch]) -> Reading:
        """Read drawings."""
        parts = []
        with torch.inference_mode():
            for first in range(0, len(sketches), 256):
                logits, values = self(pictures(sketches[first : first + 256]))
                parts.append((logits.double().softmax(dim=1).numpy(), values.double().numpy()))
        return Reading(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


def pictures(sketches: Sequence[Sketch]) -> Tensor:
    """The drawings as pictures [B, 1, S, S]: 0 paper, 1 ink, the larger side filling the picture.

    Points every half pixel along a line, the ink of each shared out among the four pixels around.
    """
    ink = np.zeros((len(sketches), SIDE * SIDE))
    for row, sketch in zip(ink, sketches, strict=True):
        points = _points_along(sketch.fitted(SIDE - 1 - 2 * MARGIN, SIDE - 1 - 2 * MARGIN))
        corner = np.floor(points + MARGIN).astype(int)
        share = points + MARGIN - corner
        for dx, dy in ((0, 0), (1, 0), (0, 1), (1, 1)):
            weight = np.abs(1 - dx - share[:, 0]) * np.abs(1 - dy - share[:, 1])
            pixel = (corner[:, 0] + dx) + SIDE * (corner[:, 1] + dy)
            row += np.bincount(pixel, weight, minlength=SIDE * SIDE)
    return torch.from_numpy(np.minimum(ink, 1).astype(np.float32)).view(-1, 1, SIDE, SIDE)


def _points_along(sketch: Sketch) -> Numbers:
    """Points at most half a unit apart along all strokes [n, 2]."""
    starts = np.concatenate([line[:-1] if len(line) > 1 else line for line in sketch.polylines])
    ends = np.concatenate([line[1:] if len(line) > 1 else line for line in sketch.polylines])
    counts = np.ceil(2 * np.hypot(*(ends - starts).T)).astype(int) + 1
    firsts = np.repeat(np.cumsum(counts) - counts, counts)
    share = (np.arange(counts.sum()) - firsts) / np.repeat(np.maximum(counts - 1, 1), counts)
    spread = np.repeat(ends - starts, counts, axis=0)
    return np.asarray(np.repeat(starts, counts, axis=0) + share[:, None] * spread)


def values_of(drawn: Sequence[Doodle]) -> Numbers:
    """The true values [B, F] (see `Reading`) of animals; NaN where a factor does not apply."""
    values = np.full((len(drawn), len(FACTORS)), np.nan)
    for row, one in zip(values, drawn, strict=True):
        for column, name in enumerate(FACTORS):
            if name in RANGES[str(one.sketch.label)]:
                span = RANGES_OF[name]
                row[column] = (one.factors[name] - span.low) / (span.high - span.low)
    return values


def bad_drawings(count: int, seed: int, ways: Sequence[str]) -> list[Sketch]:
    """Animals spoilt in those ways, equally often."""
    good = [one.sketch for one in doodles(count + 3, seed, ANIMALS)]
    rng = np.random.default_rng(seed)
    # In any order, so that each way meets all kinds. The kinds take turns in `good`, so the three
    # drawings after one are of the other kinds.
    pairs = ((good[at], good[at + rng.integers(1, 4)]) for at in rng.permutation(count))
    return spoilt(pairs, seed, ways)


def train_reader(count: int = COUNT, epochs: int = EPOCHS) -> Reader:
    """Train a reader on `count` animals and half as many bad drawings, in less than a minute.

    Half of the animals are drawn by a looser hand, so that small slips of a model are forgiven.
    """
    good = list(doodles(count, TRAIN_SEED, ANIMALS))
    rng = np.random.default_rng(TRAIN_SEED)
    sketches = [
        loosened(one.sketch, rng, *rng.uniform(0, (LOOSE_STROKES_PX, LOOSE_POINTS_PX)))
        if rng.random() < 0.5
        else one.sketch
        for one in good
    ]
    sketches += bad_drawings(count // 2 - count // 16, TRAIN_SEED + 1, list(WAYS))
    sketches += [one.sketch for one in doodles(count // 16, TRAIN_SEED, OTHERS)]
    kind_B = torch.full((len(sketches),), NONE)
    kind_B[: len(good)] = torch.tensor([ANIMALS.index(str(one.sketch.label)) for one in good])
    value_BF = torch.full((len(sketches), len(FACTORS)), math.nan)
    value_BF[: len(good)] = torch.from_numpy(values_of(good))
    picture_B1SS = pictures(sketches)

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(TRAIN_SEED)
        reader = Reader()
        batches = len(sketches) // BATCH
        optimizer = torch.optim.AdamW(reader.parameters(), weight_decay=0.01)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, 2e-3, total_steps=epochs * batches
        )
        for _ in range(epochs):
            order = torch.randperm(len(sketches))
            for chosen in order[: batches * BATCH].view(batches, BATCH):
                logits, values_read = reader(picture_B1SS[chosen])
                known = ~value_BF[chosen].isnan()
                loss = nn.functional.cross_entropy(logits, kind_B[chosen])
                loss = loss + 5 * (values_read - value_BF[chosen])[known].square().mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
    return reader.eval()


def get_reader(folder: Path) -> Reader:
    """The reader of a folder; trained and kept there, if it is not there yet.

    Raises:
        SketchRNNError: the file of the reader is damaged, or of another version.
    """
    file = folder / READER
    recipe = {"recipe": RECIPE, "count": COUNT, "epochs": EPOCHS, "seed": TRAIN_SEED}
    if not file.exists():
        reader = train_reader()
        weights = reader.state_dict()  # its counters are whole numbers, and weight files have none
        save_tensors(file, {name: value.float() for name, value in weights.items()}, recipe)
        return reader
    weights, about = load_tensors(file)
    if about != recipe:
        raise SketchRNNError(f"{file}: not the reader of this version; remove it to train another")
    reader = Reader()
    try:
        reader.load_state_dict(weights)
    except RuntimeError:
        raise SketchRNNError(f"{file}: damaged; remove it to train another") from None
    return reader.eval()


@dataclass(frozen=True)
class Examined:
    """How well a reader reads drawings that it has not seen.

    Attributes:
        drawings: number of animals that it was asked.
        accuracy: the part of them whose kind it reads right; "none" is wrong, too.
        accepts: of what it should refuse, by what was done to it, the part that it accepts.
        correlations: of each factor, of what it reads with the truth.
        errors: of each factor, the root mean square error, as a part of the range.
    """

    drawings: int
    accuracy: float
    accepts: Mapping[str, float]
    correlations: Mapping[str, float]
    errors: Mapping[str, float]


def examine(reader: Reader, drawings: int = 2000, bad: int = 300) -> Examined:
    """Measure a reader on that many animals, and on `bad` bad drawings of each sort."""
    good = list(doodles(drawings, TEST_SEED, ANIMALS))
    reading = reader.read([one.sketch for one in good])
    right = [one.sketch.label == name for one, name in zip(good, reading.names, strict=True)]
    refused = {way: bad_drawings(bad, TEST_SEED + 1, [way]) for way in WAYS}
    refused["other doodles"] = [one.sketch for one in doodles(bad, TEST_SEED, OTHERS)]
    correlations, errors = {}, {}
    for name, truth in zip(FACTORS, values_of(good).T, strict=True):
        known = ~np.isnan(truth)
        truth, read = truth[known], reading.factor(name)[known]
        correlations[name] = float(np.corrcoef(truth, read)[0, 1])
        errors[name] = float(np.sqrt(np.mean((read - truth) ** 2)))
    return Examined(
        drawings,
        sum(right) / drawings,
        {way: float(reader.read(sketches).accepted.mean()) for way, sketches in refused.items()},
        correlations,
        errors,
    )
