"""Measured against the truth: what models do with cats and pigs whose factors are known.

A reader (`reader`), which is measured first, judges what each model draws:

analogies        cat head + (pig with body - pig head) is drawn as a cat with a body, and so on
interpolations   what differs between two drawings changes monotonically from one to the other
middles          half-way between two kinds the model draws one of them, not something in between
completions      the given points stay exactly where they were

All drawings that a model is given are by hands that drew no `doodles` data set. Shapes: C cases, T
steps of an interpolation, Z latent.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sketchrnn import devices
from sketchrnn.api import Model, load
from sketchrnn.data.doodles import doodle
from sketchrnn.drawing.complete import complete
from sketchrnn.drawing.latent import analogy, path
from sketchrnn.errors import SketchRNNError
from sketchrnn.figures.sheet import SketchSheet
from sketchrnn.files import write_text
from sketchrnn.memory import check_room
from sketchrnn.paper.drawings import beginning
from sketchrnn.paper.layouts import labels_of
from sketchrnn.paper.reader import ANIMALS, RANGES_OF, Examined, Reader, examine, get_reader
from sketchrnn.paper.trials import markdown_table
from sketchrnn.seeds import choose_seed
from sketchrnn.sketch import Sketch
from sketchrnn.words import say, show_text

STEPS = 10  # T: drawings along an interpolation, both ends included
TEMPERATURE = 0.1
CASE_BYTES = 200_000  # of a case: some dozens of drawings, with their readings

LEAST_ACCURACY = 0.97  # of the reader, on drawings that it has not seen

# What is read along an interpolation is monotone if no reading falls more than this below an
# earlier one, and the last is above the first by at least this part of the true change. A factor
# read may fall by twice the reader's own error, which is not the model's.
PROBABILITY_TOLERANCE = 0.1
TOLERANCE_IN_ERRORS = 2.0
LEAST_RISE = 0.5

CAT_HEAD, CAT_BODY, PIG_HEAD, PIG_BODY = ANIMALS
# C + (B - A), and what it should be; the sums are in the words of the tables.
ANALOGIES = {
    "cat head + (pig with body - pig head)": (PIG_HEAD, PIG_BODY, CAT_HEAD, CAT_BODY),
    "pig head + (cat with body - cat head)": (CAT_HEAD, CAT_BODY, PIG_HEAD, PIG_BODY),
}
# From one kind to another; the cases take turns between the two pairs.
CROSSINGS = {
    "cat to pig": ((CAT_HEAD, PIG_HEAD), (CAT_BODY, PIG_BODY)),
    "head to body": ((CAT_HEAD, CAT_BODY), (PIG_HEAD, PIG_BODY)),
}
# From a factor's least value to its largest, all else alike: what the reader reads best.
FACTORS = {"tilt": ANIMALS, "width": ANIMALS, "head_size": (CAT_BODY, PIG_BODY)}

SHOWN = 10  # drawings in a row of the sheet
WRONG = "#c0392b"  # the colour of those that the reader takes for something else

MARKDOWN, SHEET = "truth.md", "truth.svg"

NOTES = f"""\
All drawn at temperature {TEMPERATURE:g}. An analogy is right, and a reconstruction of the same
kind, where the reader says just that kind, neither another nor "none". What is taken away in an
analogy is the same animal as it is taken from, by the same hand, or another one (of three animals).
A middle is accepted where the reader says anything but "none".
Monotone: in {STEPS} steps no reading falls more than a tolerance below an earlier one, and the
last is at least {LEAST_RISE:g} of the way above the first. Read are the probability of the other
kind (tolerance {PROBABILITY_TOLERANCE:g}) and a factor, from its least to its largest value
(tolerance {TOLERANCE_IN_ERRORS:g} times the reader's own error; ρ: mean rank correlation with the
step).
"""


class ShownRow(NamedTuple):
    """Drawings for the sheet, what the reader sees in each, and which of them are wrong."""

    label: str
    sketches: Sequence[Sketch]
    captions: Sequence[str]
    wrong: Sequence[bool]


class Findings(NamedTuple):
    """What was measured of a model: cells of the table with their titles, rows of the sheet."""

    cells: Sequence[tuple[str, str]]
    rows: Sequence[ShownRow]


class TruthReport(NamedTuple):
    """The reader's own accuracy, and what it found of each model, by name."""

    reader: Examined
    models: Mapping[str, Findings]

    def to_markdown(self) -> str:
        """The reader in words, and a table of the models side by side."""
        reader = self.reader
        accepts = ", ".join(f"{way} {share:.1%}" for way, share in reader.accepts.items())
        reads = ", ".join(
            f"`{name}` {value:.2f} ± {reader.errors[name]:.2f}"
            for name, value in reader.correlations.items()
        )
        every = [found.cells for found in self.models.values()]
        rows = [(same[0][0], *(cell for _, cell in same)) for same in zip(*every, strict=True)]
        return (
            f"The reader names {reader.accuracy:.2%} of {reader.drawings} unseen doodles rightly:"
            " cat or pig, with or without a body.\n"
            f"Of what is no good drawing of these it accepts: {accepts}.\n"
            "Factors that it reads, correlation with the truth ± error as a part of the range:\n"
            f"{reads}.\n\n{markdown_table(['', *self.models], rows, left=1 + len(every))}\n"
            f"{NOTES}"
        )

    def sheet(self) -> SketchSheet:
        """Analogies and interpolations of each model, with what the reader sees in them."""
        shown = [(name, row) for name, found in self.models.items() for row in found.rows]
        return SketchSheet(
            [row.sketches for _, row in shown],
            row_labels=[f"{name}: {row.label}" for name, row in shown],
            captions=[row.captions for _, row in shown],
            colors=[[WRONG if wrong else None for wrong in row.wrong] for _, row in shown],
        )


def run(arguments: argparse.Namespace) -> bool:
    """Measure the models that are named, write the report and print it."""
    seed, out = choose_seed(arguments.seed), arguments.output
    models = [load(name, prior="normal") for name in arguments.model]
    devices.prepare_cpu()
    labels = labels_of(arguments.model, models, of_classes=False)
    named = dict(zip(labels, models, strict=True))
    report = truth(named, out=out, seed=seed, cases=arguments.cases)
    write_text(out / MARKDOWN, report.to_markdown())
    report.sheet().save(out / SHEET)
    show_text(report.to_markdown())
    say(f"wrote {out / MARKDOWN} and {out / SHEET}")
    return True


def truth(models: Mapping[str, Model], *, out: Path, seed: int, cases: int) -> TruthReport:
    """Measure models, which have the names of the report, against the truth.

    The reader is kept in the folder `out`, and trained if it is not there yet (a minute).

    Raises:
        SketchRNNError: one that does not draw all four animals, or has no encoder; fewer than 2
            cases; a reader that is not good enough to judge.
    """
    if cases < 2:
        raise SketchRNNError(f"cases must be at least 2, got {cases}")
    check_room(cases, CASE_BYTES, "cases", "give fewer, with --cases")
    for name, model in models.items():
        model.need_encoder("truth")
        missing = [kind for kind in ANIMALS if kind not in model.facts.classes]
        if missing:
            raise SketchRNNError(
                f"{name}: did not learn from doodles of {', '.join(missing)}; the truth is known of"
                f" those only: train a model on doodles:20000:0:{'+'.join(ANIMALS)}"
            )
    reader = get_reader(out)
    examined = examine(reader)
    if examined.accuracy < LEAST_ACCURACY:
        raise SketchRNNError(
            f"the reader reads {examined.accuracy:.1%} of unseen drawings right, and it takes"
            f" {LEAST_ACCURACY:.0%} to judge a model: remove it from {out} to train another"
        )
    errors = examined.errors
    found = {name: measure(one, reader, errors, seed, cases) for name, one in models.items()}
    return TruthReport(examined, found)


def measure(
    model: Model, reader: Reader, errors: Mapping[str, float], seed: int, cases: int
) -> Findings:
    """Measure one model; `errors` are the reader's own, by factor."""
    drawn = [_drawing(ANIMALS[case % len(ANIMALS)], seed, 0, case) for case in range(cases)]
    again = reader.read(model.decode(model.encode(drawn), temperature=TEMPERATURE, seed=seed))
    same = [one.label == kind for one, kind in zip(drawn, again.names, strict=True)]
    found = [analogies(model, reader, name, cases=cases, seed=seed) for name in ANALOGIES]
    middle = []
    for what in CROSSINGS:
        pairs = ends(what, cases, seed)
        found.append(interpolation(model, reader, what, *pairs, PROBABILITY_TOLERANCE, seed))
        middle.append((f"middle accepted, {what}", middles(model, reader, *pairs, seed)))
    for what in FACTORS:
        tolerance = TOLERANCE_IN_ERRORS * errors[what]
        pairs = twins(what, cases, seed)
        found.append(interpolation(model, reader, what, *pairs, tolerance, seed))
    cells = [
        ("reconstruction of the same kind", _count(same)),
        *(cell for one in found for cell in one.cells),
        *middle,
        ("completions that keep all points", completions(model, drawn, seed)),
    ]
    return Findings(cells, [row for one in found for row in one.rows])


def _count(flags: npt.ArrayLike) -> str:
    """How many of so many cases."""
    return f"{np.sum(flags)} of {np.size(flags)}"


def analogies(model: Model, reader: Reader, name: str, *, cases: int, seed: int) -> Findings:
    """Draw C + (B - A), and see which come out right, and which at least by head and body.

    A and B are the same animal by the same hand, without and with a body; C is another one. Then
    that of three animals, where A and B are not the same either.
    """
    *terms, wanted = ANALOGIES[name]

    def drawn_from(hands: tuple[int, int, int]) -> Sequence[Sketch]:
        z_A, z_B, z_C = (
            model.encode([_drawing(kind, seed, hand, case) for case in range(cases)])
            for kind, hand in zip(terms, hands, strict=True)
        )
        return model.decode(analogy(z_A, z_B, z_C), temperature=TEMPERATURE, seed=seed)

    drawn = drawn_from((1, 1, 2))
    reading = reader.read(drawn)
    right = np.array(reading.names) == wanted
    pigs, bodies = (PIG_HEAD, PIG_BODY), (CAT_BODY, PIG_BODY)
    factors = (reading.share(pigs) > 0.5) == (wanted in pigs)
    factors &= (reading.share(bodies) > 0.5) == (wanted in bodies)
    apart = np.array(reader.read(drawn_from((1, 3, 2))).names) == wanted
    captions = [kind.replace("_", " ") for kind in reading.names[:SHOWN]]
    row = ShownRow(name, drawn[:SHOWN], captions, (~right)[:SHOWN].tolist())
    cells = [
        (name, _count(right)),
        ("... by head and body alone", _count(factors)),
        ("... of three animals", _count(apart)),
    ]
    return Findings(cells, [row])


def interpolation(
    model: Model,
    reader: Reader,
    what: str,
    firsts: Sequence[Sketch],
    lasts: Sequence[Sketch],
    tolerance: float,
    seed: int,
) -> Findings:
    """Draw the ways between C pairs of drawings, and read along them what changes, from 0 to 1.

    `what` is a crossing, of which the probability of its last kinds is read, or a factor. All steps
    of a way have the same random numbers.
    """
    z_TCZ = _between(model, firsts, lasts, STEPS)
    steps = [model.decode(z_CZ, temperature=TEMPERATURE, seed=seed) for z_CZ in z_TCZ]
    readings = [reader.read(drawn) for drawn in steps]
    if what in FACTORS:
        values_CT = np.column_stack([reading.factor(what) for reading in readings])
        title, correlation = f"in `{what}`", f" (ρ {rank_correlation(values_CT).mean():.2f})"
    else:
        kinds = [last for _, last in CROSSINGS[what]]
        values_CT = np.column_stack([reading.share(kinds) for reading in readings])
        title, correlation = f"from {what}", ""
    row = ShownRow(
        what,
        [drawn[0] for drawn in steps],
        [f"{value:.2f}" for value in values_CT[0]],
        [not reading.accepted[0] for reading in readings],
    )
    cell = _count(monotone(values_CT, tolerance)) + correlation
    return Findings([(f"monotone {title}", cell)], [row])


def middles(
    model: Model, reader: Reader, firsts: Sequence[Sketch], lasts: Sequence[Sketch], seed: int
) -> str:
    """Draw what is half-way between C pairs of drawings, and see which the reader accepts."""
    z_CZ = _between(model, firsts, lasts, 3)[1]
    return _count(reader.read(model.decode(z_CZ, temperature=TEMPERATURE, seed=seed)).accepted)


def _between(
    model: Model, firsts: Sequence[Sketch], lasts: Sequence[Sketch], steps: int
) -> npt.NDArray[np.float64]:
    """The ways between C pairs of drawings [steps, C, Z]."""
    pairs = zip(model.encode(list(firsts)), model.encode(list(lasts)), strict=True)
    return np.stack([path(first, last, steps) for first, last in pairs], axis=1)


def monotone(readings_CT: npt.ArrayLike, tolerance: float) -> npt.NDArray[np.bool_]:
    """Which sequences of readings [C, T], whose truth goes from 0 to 1, rise without falling: [C].

    A reading may be `tolerance` below the highest before it; the last must be LEAST_RISE above the
    first, so that a model which does not change what it draws is not monotone.
    """
    readings = np.asarray(readings_CT, dtype=np.float64)
    falls = (np.maximum.accumulate(readings, axis=1) - readings).max(axis=1)
    rises = readings[:, -1] - readings[:, 0]
    return np.asarray((falls <= tolerance) & (rises >= LEAST_RISE))


def rank_correlation(readings_CT: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Spearman's rank correlation of sequences [C, T] with the step [C]; 0 where all are equal."""
    readings = np.asarray(readings_CT, dtype=np.float64)
    below = (readings[:, None, :] < readings[:, :, None]).sum(axis=2)
    equal = (readings[:, None, :] == readings[:, :, None]).sum(axis=2)
    ranks = below + (equal - 1) / 2  # equal readings share their ranks
    ranks -= ranks.mean(axis=1, keepdims=True)
    steps = np.arange(readings.shape[1]) - (readings.shape[1] - 1) / 2
    sizes = np.sqrt((ranks**2).sum(axis=1) * (steps**2).sum())
    return np.asarray(np.divide(ranks @ steps, sizes, out=np.zeros(len(ranks)), where=sizes > 0))


def completions(model: Model, drawings: Sequence[Sketch], seed: int) -> str:
    """Complete the first half of each drawing, and see which keep every given point."""
    kept = []
    for case, drawing in enumerate(drawings):
        part = beginning(drawing, (drawing.point_count + 1) // 2)
        (done,) = complete(model, part, 1, seed=seed + case)
        kept.append(keeps(part, done.sketch))
    return _count(kept)


def keeps(part: Sketch, whole: Sketch) -> bool:
    """Whether `whole` begins with the strokes of `part`, bit for bit; the last may go on."""
    if len(whole.polylines) < len(part.polylines):
        return False
    *closed, last = part.polylines
    going_on = whole.polylines[len(closed)]
    return all(map(np.array_equal, closed, whole.polylines)) and np.array_equal(
        last, going_on[: len(last)]
    )


def ends(what: str, cases: int, seed: int) -> tuple[list[Sketch], list[Sketch]]:
    """Drawings of the two kinds of a crossing, by two hands each: C first ones and C last ones."""
    pairs = CROSSINGS[what]
    kinds = [pairs[case % len(pairs)] for case in range(cases)]
    firsts = [_drawing(first, seed, 4, case) for case, (first, _) in enumerate(kinds)]
    lasts = [_drawing(last, seed, 5, case) for case, (_, last) in enumerate(kinds)]
    return firsts, lasts


def twins(factor: str, cases: int, seed: int) -> tuple[list[Sketch], list[Sketch]]:
    """The same drawings with the least and with the largest value of a factor: C and C."""
    kinds, span = FACTORS[factor], RANGES_OF[factor]
    firsts, lasts = (
        [_drawing(kinds[c % len(kinds)], seed, 6, c, **{factor: value}) for c in range(cases)]
        for value in (span.low, span.high)
    )
    return firsts, lasts


def _drawing(kind: str, seed: int, hand: int, case: int, **fixed: float) -> Sketch:
    return doodle(kind, np.random.default_rng([seed, hand, case]), **fixed).sketch
