"""Drawings that a model is given: made fit for it; and what it draws brought back to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from sketchrnn.data import places
from sketchrnn.data.dataset import Dataset
from sketchrnn.data.formats import has_splits
from sketchrnn.data.formats.records import Given
from sketchrnn.data.gather import gather, holds_many
from sketchrnn.data.sources import doodles_source
from sketchrnn.data.tables import counts_text
from sketchrnn.drawing.coder import Coder
from sketchrnn.drawing.complete import fit_part
from sketchrnn.drawing.fit import Fitted
from sketchrnn.drawing.likelihood import typical
from sketchrnn.drawing.sheets import corner_weights
from sketchrnn.errors import SketchRNNError, naming
from sketchrnn.sketch import Sketch

TYPICAL_AMONG = 500  # drawings of a split, evenly over it, that `typical` is looked for in

T = TypeVar("T")


@dataclass(frozen=True)
class Input:
    """A drawing as the model reads it.

    Attributes:
        given: as it came.
        sketch: in the training drawings' units.
        fitted: how it was made fit; None where it is as it came.
    """

    given: Given
    sketch: Sketch
    fitted: Fitted | None = None

    def back(self, sketch: Sketch) -> Sketch:
        """What the model drew for it, in its own place and size."""
        return sketch if self.fitted is None else self.fitted.back(sketch)

    @property
    def notes(self) -> list[str]:
        """What was done to it, one line each."""
        notes = (self.given.note, self.fitted.note if self.fitted else "")
        return [f"{self.given.name}: {note}" for note in notes if note]


def read_given(model: Coder, specs: Sequence[str]) -> list[Given]:
    """Read each DRAWING (`data.places`), with what the model finds typical."""

    def rank(dataset: Dataset, split: str, members: places.Numbers) -> places.Numbers:
        fitting = members[dataset.split(split).lengths[members] <= model.N_max]
        some = fitting[:: -(-len(fitting) // TYPICAL_AMONG) or 1]
        return some[typical(model, [dataset.sketch(split, int(number)) for number in some])]

    return places.read_given(specs, rank)


def read_inputs(model: Coder, specs: Sequence[str], *, as_is: bool) -> list[Input]:
    """Read each DRAWING and make it fit for the model."""
    return [fitted(model, given, as_is=as_is) for given in read_given(model, specs)]


def read_every(
    model: Coder, specs: Sequence[str], *, as_is: bool, say: Callable[[object], None]
) -> list[Input]:
    """As `read_inputs`; of a folder, or a file of many drawings, each that the model can read.

    `say` is told of what is passed over.
    """
    pairs = [(spec, holds_many(spec)) for spec in specs]
    singles = iter(read_given(model, [spec for spec, many in pairs if not many]))
    inputs: list[Input] = []
    for spec, many in pairs:
        if not many:
            inputs.append(fitted(model, next(singles), as_is=as_is))
            continue
        outside = doodles_source(spec) is None and not has_splits(spec)
        left_out = 0
        for one in gather(spec, None, say):
            given = Given(one.sketch, f"{spec}#{one.number}", outside=outside, ended=True)
            try:
                inputs.append(fitted(model, given, as_is=as_is))
            except SketchRNNError as error:
                left_out, why = left_out + 1, error
        if left_out:
            lost = counts_text({"drawing": left_out})
            say(f"{spec}: left out {lost} that {model.name} cannot read; the last: {why}")
    if not inputs:
        raise SketchRNNError(f"{', '.join(specs)}: there is no drawing that {model.name} can read")
    return inputs


def fitted(model: Coder, given: Given, *, as_is: bool) -> Input:
    """A drawing made fit for the model: scaled and simplified if it comes from outside.

    As it is, with more points than the model reads, it is refused.
    """
    with naming(given.name):
        if not as_is and given.outside:
            result = model.fit(given.sketch)
            return Input(given, result.sketch, result)
        rows = len(given.sketch.to_stroke3())
        if rows > model.N_max:
            raise SketchRNNError(
                f"has {rows + 1} points; {model.name} reads 2 to {model.N_max + 1}:"
                f" {'leave out --as-is' if given.outside else 'simplify it first'}"
            )
        return Input(given, given.sketch)


def fitted_part(model: Coder, part: Given, *, as_is: bool, share: float | None) -> Input:
    """An unfinished drawing made fit to be completed, as `complete.fit_part` does."""
    with naming(part.name):
        if not as_is and part.outside:
            result = fit_part(model, part.sketch, share=share)
            return Input(part, result.sketch, result)
        if share is not None:
            raise SketchRNNError("its size is known, it is not scaled: leave out --of-size")
        return Input(part, part.sketch)


def mixed(inputs: Sequence[Input], weights: Sequence[float], sketch: Sketch) -> Sketch:
    """A drawing between several, in the place and size between theirs; the weights add up to 1."""
    if all(one.fitted is None for one in inputs):
        return sketch
    backs = [one.back(sketch).polylines for one in inputs]
    lines = [
        sum(weight * line for weight, line in zip(weights, same, strict=True))
        for same in zip(*backs, strict=True)
    ]
    return Sketch.from_polylines(lines, sketch.label)


def back_along(ends: Sequence[Input], drawn: Sequence[Sketch]) -> list[Sketch]:
    """The drawings on the way between two, each in the place and size between theirs."""
    return [mixed(ends, (1 - x, x), sketch) for x, sketch in _placed(drawn)]


def back_in_grid(corners: Sequence[Input], rows: Sequence[Sequence[Sketch]]) -> list[list[Sketch]]:
    """The drawings of a grid between three or four, each in the place and size between theirs.

    The fourth corner of three is C + (B - A) of their z, but halfway between B and C in place.
    """

    def back(x: float, y: float, sketch: Sketch) -> Sketch:
        a, b, c, d = corner_weights(x, y)
        weights = (a, b, c, d) if len(corners) == 4 else (a, b + d / 2, c + d / 2)
        return mixed(corners, weights, sketch)

    return [[back(x, y, sketch) for x, sketch in _placed(row)] for y, row in _placed(rows)]


def _placed(things: Sequence[T]) -> Iterator[tuple[float, T]]:
    """Each with where it stands on the way from the first, 0, to the last, 1."""
    return ((number / (len(things) - 1), thing) for number, thing in enumerate(things))
