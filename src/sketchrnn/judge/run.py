"""`score`: drawings of a model, or of any other program, before the judges."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sketchrnn.data.dataset import Dataset, Drawings
from sketchrnn.data.sources import Data, read
from sketchrnn.drawing.base import check_count, check_temperature
from sketchrnn.drawing.coder import Coder
from sketchrnn.errors import SketchRNNError
from sketchrnn.figures.sheet import SketchSheet
from sketchrnn.judge.drawn import WAYS, Drawn, drawn_by, drawn_elsewhere
from sketchrnn.judge.judges import plain
from sketchrnn.judge.people import People, people_of
from sketchrnn.judge.score import Numbers, Panel, Verdict, document
from sketchrnn.judge.sheet import score_sheet
from sketchrnn.seeds import choose_seed
from sketchrnn.sketch import Sketch
from sketchrnn.training.evaluate import measure, nats_with_z
from sketchrnn.words import choices

FILE = "file"  # the way of drawings that no model has drawn here


@dataclass(frozen=True)
class Score:
    """What the judges say of drawings of one temperature and way.

    Attributes:
        figures: all that `sketchrnn score --json` prints (docs/protocol.md).
        verdicts: for each group of classes, with the drawings themselves.
    """

    figures: dict[str, Any]
    verdicts: tuple[Verdict, ...]

    @property
    def name(self) -> str:
        """The temperature and the way, as a table has them."""
        way, temperature = self.figures["from"], self.figures["temperature"]
        return way if temperature is None else f"{way}, τ = {temperature:g}"


class Scores(list[Score]):
    """One a temperature and way; a notebook shows the best, typical and worst drawings."""

    def sheet(self, columns: int = 10) -> SketchSheet:
        """The best, the typical and the worst drawings by the judges, of each score."""
        return score_sheet([(one.name, one.verdicts) for one in self], columns)

    def _repr_svg_(self) -> str:
        return self.sheet().to_svg()


def score(
    drawer: Coder | Sequence[Sketch],
    data: Data,
    *,
    temperature: float | Sequence[float] = 0.5,
    way: str | Sequence[str] = "prior",
    n: int = 1000,
    split: str = "test",
    seed: int = 0,
    progress: Callable[[int, int], object] = lambda done, total: None,
    where: str = "drawings",
) -> Scores:
    """How good drawings are, by protocol 1.

    >>> import sketchrnn
    >>> faces = sketchrnn.load("face").generate(20, temperature=0.2, seed=1)
    >>> (found,) = sketchrnn.score(faces, "doodles:60:1:face")
    >>> found.figures["n"], len(found.figures["all"]["recognised"])
    (20, 2)

    Args:
        drawer: a model; or drawings of any other program, labelled with their classes.
        data: people's drawings of the same classes, with a valid and a test split.
        temperature: of a model, one or several.
        way: what a model draws from, one or several of `drawn.WAYS`.
        n: drawings of each temperature and way.
        split: that people's reference is of, test or valid.
        seed: the same seed, the same figures, on one machine.
        progress: called with how much of how much is done.
        where: what to call the drawings in an error.

    Returns:
        one score a temperature, for each way.

    Raises:
        SketchRNNError: no unseen drawings of a class that is drawn, another way, or what drawing
            raises.
    """
    n, seed = check_count(n), choose_seed(seed)
    taus = [temperature] if isinstance(temperature, int | float) else list(temperature)
    ways = [way] if isinstance(way, str) else list(way)
    for one in ways:
        if one not in WAYS:
            raise SketchRNNError(f"there is no way {one!r} to draw; {choices(one, WAYS)}")
    model = drawer if isinstance(drawer, Coder) else None
    if model is not None and not {"posterior", "z"}.isdisjoint(ways):
        model.need_encoder("drawing from z of drawings")
    if model is None and not drawer:
        raise SketchRNNError(f"{where}: has no drawings to score")
    tasks = [(one, check_temperature(tau)) for one in ways for tau in taus] if model else []
    dataset = read(data)
    groups = people_of(dataset, split, _names(model, dataset, ways) if model else None)
    done, total = 0, 0

    def step(count: int) -> None:
        nonlocal done
        done += count
        progress(done, total)

    people = sum(len(group.reference) + len(group.others) + len(group.train) for group in groups)
    drawings = n * len(tasks) if model else len(drawer)  # type: ignore[arg-type]
    total = 2 * (people + drawings) + (drawings if model else 0)
    panel = Panel(groups, step)
    scores = Scores()
    if model is None:
        assert not isinstance(drawer, Coder)
        drawn = drawn_elsewhere(drawer, groups, where)
        about: dict[str, Any] = {"model": None, "temperature": None, "from": FILE, "prior": None}
        about |= {"split": split, "seed": None}
        scores.append(_judged(panel, drawn, about, None))
        return scores
    nats = {group.names: _nats(model, group) for group in groups}
    prior = None if not model.conditional else "normal" if model.prior is None else "fitted"
    before, model.progress = model.progress, step
    try:
        for one, tau in tasks:
            drawn = drawn_by(model, groups, one, n, temperature=tau, seed=seed)
            about = {"model": model.name, "temperature": tau, "from": one, "prior": prior}
            about |= {"split": split, "seed": seed}
            scores.append(_judged(panel, drawn, about, nats))
    finally:
        model.progress = before
    return scores


def _judged(
    panel: Panel,
    drawn: Sequence[Drawn],
    about: dict[str, Any],
    nats: dict[tuple[str, ...], Numbers] | None,
) -> Score:
    verdicts = []
    for one in drawn:
        found = None
        if nats is not None:
            parts = [nats[(name,)] for name in one.group.names]
            found = np.concatenate(parts)
        verdicts.append(panel.judge(one, found))
    return Score(document(panel.judges, verdicts, about), tuple(verdicts))


def _names(model: Coder, dataset: Dataset, ways: Sequence[str]) -> Sequence[str]:
    """The classes that a model draws, as the data call them.

    Where both have one class each it is that one, whatever it is called; a model that does not say
    its classes draws those of the data. Raises SketchRNNError where new drawings may be of a class
    that the data lack: they would count as bad drawings of the others.
    """
    known, classes = model.facts.classes, dataset.classes
    if not known or (len(known) == 1 and len(classes) == 1):
        return classes
    missing = [name for name in known if plain(name) not in map(plain, classes)]
    if missing and ("prior" in ways or len(missing) == len(known)):
        raise SketchRNNError(
            f"{dataset.where}: has no drawings of {', '.join(missing)}, which {model.name}"
            " draws; name data of that too"
        )
    return [name for name in classes if plain(name) in map(plain, known)]


def _nats(model: Coder, group: People) -> Numbers:
    """An upper bound on -log p, in the mean, of each drawing of the reference that can be read."""
    fitting = [one.to_stroke3() for one in group.reference if one.point_count <= model.N_max + 1]
    if not fitting:
        return np.empty(0)
    found = measure(model.network, Drawings.from_arrays(fitting), model.facts.scale)
    return nats_with_z(found, model)
