"""What is scored: drawings of a model, in one of four ways, or of a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sketchrnn.drawing.base import Latent
from sketchrnn.drawing.coder import Coder
from sketchrnn.drawing.complete import complete
from sketchrnn.errors import SketchRNNError
from sketchrnn.judge.judges import plain
from sketchrnn.judge.people import People, mixed
from sketchrnn.seeds import INPUT_STREAM, generator
from sketchrnn.sketch import Sketch
from sketchrnn.words import choices

WAYS = ("prior", "posterior", "z", "parts")
EACH_PART = 10  # completions of one part: they share its reading


@dataclass(frozen=True)
class Drawn:
    """Drawings that are asked to be of the classes of one group.

    Attributes:
        group: people's drawings of the same.
        sketches: what was drawn.
        inputs: for each the number, among `group.others`, of what it was drawn from; None where it
            was drawn from nothing.
    """

    group: People
    sketches: Sequence[Sketch]
    inputs: Sequence[int] | None = None


def drawn_by(
    model: Coder, groups: Sequence[People], way: str, n: int, *, temperature: float, seed: int
) -> list[Drawn]:
    """n drawings of a model, in one of the WAYS.

    "prior": new ones. "posterior": each from a sample of q(z | S) of a training drawing, drawn by
    chance. "z": of mu of people's drawings; "parts": their first halves, gone on with.

    In the first two a model of several classes draws any of them, so the groups are one. The others
    take people's `others` of each class in turn. Drawings of more than N_max points are not taken.

    Raises:
        SketchRNNError: z of a decoder-only model; another way; no drawing that is short enough.
    """
    if way not in WAYS:
        raise SketchRNNError(f"drawings come from {', '.join(WAYS)}, got {way!r}")
    if way in ("prior", "posterior"):
        group = groups[0] if len(groups) == 1 else People.joined(groups)
        z_nZ = None if way == "prior" else _of_training(model, group, n, seed)
        return [Drawn(group, model.generate(n, z=z_nZ, temperature=temperature, seed=seed))]
    each = [n // len(groups) + (number < n % len(groups)) for number in range(len(groups))]
    make = _reconstructed if way == "z" else _completed
    drawn = []
    for number, (group, count) in enumerate(zip(groups, each, strict=True)):
        fitting = _fitting(model, group.others, f"{group.name}: no unseen drawing")
        if count:
            drawn.append(make(model, group, fitting, count, temperature, seed + number))
    return drawn


def _fitting(model: Coder, sketches: Sequence[Sketch], none: str) -> list[int]:
    """The numbers of those that the model can read. Raises SketchRNNError for none."""
    most = model.N_max + 1
    fitting = [index for index, one in enumerate(sketches) if 2 < one.point_count <= most]
    if not fitting:
        raise SketchRNNError(f"{none} has 3 to {most} points")
    return fitting


def _of_training(model: Coder, group: People, n: int, seed: int) -> Latent:
    """n samples of the aggregate posterior [n, Z]."""
    fitting = _fitting(model, group.train, f"{group.name}: no training drawing")
    chosen = generator(seed, INPUT_STREAM, 0).choice(fitting, n)
    return model.encode([group.train[int(index)] for index in chosen], sample=True, seed=seed)


def _reconstructed(
    model: Coder, group: People, fitting: Sequence[int], count: int, temperature: float, seed: int
) -> Drawn:
    inputs = np.resize(fitting, count).tolist()
    z_nZ = model.encode([group.others[index] for index in inputs])
    return Drawn(group, model.decode(z_nZ, temperature=temperature, seed=seed), inputs)


def _completed(
    model: Coder, group: People, fitting: Sequence[int], count: int, temperature: float, seed: int
) -> Drawn:
    sketches: list[Sketch] = []
    inputs: list[int] = []
    chosen = np.resize(fitting, -(-count // EACH_PART)).tolist()
    for number, index in enumerate(chosen):
        n = min(EACH_PART, count - len(sketches))
        part = first_half(group.others[index])
        drawn = complete(model, part, n, temperature=temperature, seed=seed + number)
        sketches += drawn.sketches
        inputs += [index] * n
    return Drawn(group, sketches, inputs)


def first_half(sketch: Sketch) -> Sketch:
    """The first half of the points, rounded up; at least two."""
    left = max(-(-sketch.point_count // 2), 2)
    lines = []
    for line in sketch.polylines:
        if left > 0:
            lines.append(line[:left])
        left -= len(line)
    return Sketch.from_polylines(lines, sketch.label)


def drawn_elsewhere(
    sketches: Sequence[Sketch], groups: Sequence[People], where: str
) -> list[Drawn]:
    """Drawings of any program, each by its label: the class that it should be.

    Without a label it may be of any of the classes; so may all, if they have one label that no
    group has, which may be the name of their file. Raises SketchRNNError, naming `where`, for a
    label that no group has among several labels.
    """
    by_name = {plain(name): group for group in groups for name in group.names}
    every = groups[0] if len(groups) == 1 else People.joined(groups)
    sorted_in: dict[tuple[str, ...], list[Sketch]] = {}
    members: dict[tuple[str, ...], People] = {}
    labels = {sketch.label for sketch in sketches}
    labelled = len(labels) > 1 or plain(next(iter(labels)) or "") in by_name
    for number, sketch in enumerate(sketches):
        group = every
        if labelled and sketch.label is not None:
            if plain(sketch.label) not in by_name:
                names = [name for one in groups for name in one.names]
                raise SketchRNNError(
                    f"{where}: drawing {number} is of {sketch.label!r}, of which there are no"
                    f" people's drawings; {choices(sketch.label, names)}"
                )
            group = by_name[plain(sketch.label)]
        members[group.names] = group
        sorted_in.setdefault(group.names, []).append(sketch)
    # the first of them may be all that are compared: they are not to be of one kind
    return [
        Drawn(members[names], [drawn[number] for number in mixed(len(drawn)).tolist()])
        for names, drawn in sorted_in.items()
    ]
