"""What is scored: drawings of a model, by one of three ways, or of a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sketchrnn.drawing.coder import Coder
from sketchrnn.drawing.complete import complete
from sketchrnn.errors import SketchRNNError
from sketchrnn.judge.judges import plain
from sketchrnn.judge.people import People
from sketchrnn.sketch import Sketch
from sketchrnn.words import choices

WAYS = ("prior", "z", "parts")
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
    """n drawings of a model: "prior", "z" (of people's drawings), or "parts" (their first halves).

    From the prior a model of several classes draws any of them, so the groups are one. The others
    take people's `others` of each class in turn, as far as they have at most N_max points.

    Raises:
        SketchRNNError: z of a decoder-only model; another way; no drawing that is short enough.
    """
    if way == "prior":
        group = groups[0] if len(groups) == 1 else People.joined(groups)
        return [Drawn(group, model.generate(n, temperature=temperature, seed=seed))]
    if way not in WAYS:
        raise SketchRNNError(f"drawings come from {', '.join(WAYS)}, got {way!r}")
    each = [n // len(groups) + (number < n % len(groups)) for number in range(len(groups))]
    make = _reconstructed if way == "z" else _completed
    drawn = []
    for number, (group, count) in enumerate(zip(groups, each, strict=True)):
        fitting = [
            index
            for index, sketch in enumerate(group.others)
            if 2 < sketch.point_count <= model.N_max + 1
        ]
        if not fitting:
            raise SketchRNNError(
                f"{group.name}: no unseen drawing has 3 to {model.N_max + 1} points"
            )
        if count:
            drawn.append(make(model, group, fitting, count, temperature, seed + number))
    return drawn


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

    Without a label it may be any of the classes. Raises SketchRNNError, naming `where`, for a label
    that no group has, where there are several.
    """
    by_name = {plain(name): group for group in groups for name in group.names}
    every = groups[0] if len(groups) == 1 else People.joined(groups)
    sorted_in: dict[tuple[str, ...], list[Sketch]] = {}
    members: dict[tuple[str, ...], People] = {}
    for number, sketch in enumerate(sketches):
        group = every
        if sketch.label is not None and len(groups) > 1:
            if plain(sketch.label) not in by_name:
                names = [name for one in groups for name in one.names]
                raise SketchRNNError(
                    f"{where}: drawing {number} is of {sketch.label!r}, of which there are no"
                    f" people's drawings; {choices(sketch.label, names)}"
                )
            group = by_name[plain(sketch.label)]
        members[group.names] = group
        sorted_in.setdefault(group.names, []).append(sketch)
    return [Drawn(members[names], drawn) for names, drawn in sorted_in.items()]
