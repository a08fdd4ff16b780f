"""Drawings of anything that holds some, as they come: what `sketchrnn convert` reads and writes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from sketchrnn import registry
from sketchrnn.data.dataset import SPLITS
from sketchrnn.data.formats import class_name, has_splits, records, sketches
from sketchrnn.data.formats.records import Given
from sketchrnn.data.places import is_data
from sketchrnn.data.sources import doodles_source, read_source
from sketchrnn.errors import SketchRNNError
from sketchrnn.sketch import Sketch


@dataclass(frozen=True)
class Found:
    """A drawing as it came, labelled with its title if it has one.

    Attributes:
        sketch: in its own units.
        class_name: as `sketchrnn data prepare` has it; None where nothing says it.
        split: that it is of; train for one that is named by itself.
        number: in its source, from 0.
    """

    sketch: Sketch
    class_name: str | None
    split: str = "train"
    number: int = 0

    @property
    def as_data(self) -> Sketch:
        """The drawing labelled with its class: a title is hardly ever one."""
        return replace(self.sketch, label=self.class_name)


def holds_many(spec: str) -> bool:
    """Whether it is a data source, or a JSON file of several drawings."""
    if is_data(spec) or not spec.lower().endswith(".json") or not Path(spec).is_file():
        return is_data(spec)
    try:
        return len(list(islice(records(spec), 2))) > 1
    except SketchRNNError:  # one drawing in another form, or none: the reader of one says it best
        return False


def single(spec: str, given: Given) -> Found:
    """A drawing that is named by itself."""
    return Found(given.sketch, _class_of(spec, given.sketch.label))


def gather(spec: str, split: str | None, say: Callable[[object], None]) -> Iterator[Found]:
    """All drawings of a data source, or of one of its splits, in their own units.

    The copies in a prepared file are left out: such a one would stand beside its original as a
    drawing of its own, and then be split anew. `say` is told what is passed over.
    """
    if doodles_source(spec) is None and not has_splits(spec):
        if split is not None:
            raise SketchRNNError(f"{spec}: has no splits: leave out --split")
        unnamed = _class_of(spec, None)
        drawn = (record for record in records(spec, skip=say) if record.polylines)
        for number, record in enumerate(drawn):
            sketch = Sketch.from_polylines(record.polylines, record.label)
            yield Found(sketch, record.label or unnamed, "train", number)
        return
    dataset = read_source(spec)
    copies = sketches.read_effects(spec).copies if sketches.is_one(spec) else 0
    number = 0
    for name in SPLITS if split is None else (split,):
        count = len(dataset.split(name))
        if name == "train" and copies:
            count -= copies
            say(f"{spec}: left out {copies:,} copies of training drawings")
        for index in range(count):
            sketch = dataset.sketch(name, index)
            yield Found(sketch, sketch.label, name, number)
            number += 1


def _class_of(spec: str, label: str | None) -> str | None:
    """The class of a drawing of a file; where it says none, as `sketchrnn data prepare` has it."""
    if Path(spec).is_file() and (label is None or Path(spec).suffix.lower() == ".svg"):
        with suppress(SketchRNNError):  # a folder without a name that can be printed
            return class_name(spec)
        return None
    return label


def write_found(
    path: str | os.PathLike[str], ending: str, drawings: Iterable[Found]
) -> tuple[int, set[str | None], list[str]]:
    """Write drawings as data (`registry`), whole or not at all.

    Returns:
        how many, of which classes, and of which splits; only an .npz keeps the splits, which has no
        classes.
    """
    classes: set[str | None] = set()
    splits: set[str] = set()

    def as_data() -> Iterator[tuple[str, Sketch]]:
        for one in drawings:
            classes.add(one.class_name)
            splits.add(one.split)
            yield one.split, one.as_data

    count = registry.named(ending.removeprefix(".")).module.write(path, as_data())
    return count, classes, [name for name in SPLITS if name in splits]
