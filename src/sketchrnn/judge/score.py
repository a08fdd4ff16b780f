"""Scoring drawings by protocol 1 (docs/protocol.md): judges look, figures come out.

A figure that has one number a judge is a list, in the order of the judges. None stands for what
cannot be measured: the class is none that a judge has learned, there are fewer than six drawings,
no training drawings, no likelihood, none of people's drawings that the model can read.

Shapes: n drawings of one group.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sketchrnn.judge import metrics
from sketchrnn.judge.drawn import Drawn
from sketchrnn.judge.judges import Judge, Opinion, both
from sketchrnn.judge.metrics import Features
from sketchrnn.judge.people import People, mixed
from sketchrnn.judge.reading import prepared
from sketchrnn.sketch import Sketch
from sketchrnn.training.evaluate import mean_and_stderr

PROTOCOL = "1"
TOP = 5  # answers of a judge, of which one may be right
LEAST_USUAL = 1e-9  # a distance that others are measured by

Numbers = npt.NDArray[np.float64]
Figures = dict[str, Any]


@dataclass(frozen=True)
class Side:
    """What one judge makes of drawings of a group, either people's or what was drawn.

    Attributes:
        answers: what is counted as recognised or not.
        features: what is compared with people's reference: of people's in a `mixed` order too.
        novelty: how far each is from the nearest training drawing, in units of what is usual (the
            median) for people's unseen drawings; none where there are no training drawings.
        nearness: how far each is from what it was drawn from, in units of what is usual for two of
            people's drawings; none where it was drawn from nothing.
    """

    answers: Opinion
    features: Features
    novelty: Numbers
    nearness: Numbers


@dataclass(frozen=True)
class Judged:
    """Drawings of one group before one judge.

    Attributes:
        right: the judge's numbers of the classes that it should name; none if it knows none.
        reference: features of people's drawings that all are compared with, in a `mixed` order.
        drawn, people: both sides.
    """

    right: tuple[int, ...]
    reference: Features
    drawn: Side
    people: Side

    @property
    def count(self) -> int:
        """Of drawings that are compared, alike on all sides: balls are smaller among more."""
        sides = (self.reference, self.drawn.features, self.people.features)
        return min(map(len, sides))


@dataclass(frozen=True)
class Verdict:
    """Drawings of one group before all judges.

    Attributes:
        people: people's drawings of the group.
        sketches: what was drawn.
        judged: by each judge.
        nats: of each drawing of the reference, to the model that drew; None where it has none.
    """

    people: People
    sketches: Sequence[Sketch]
    judged: tuple[Judged, ...]
    nats: Numbers | None = None

    @property
    def marks(self) -> Numbers:
        """How well each is done, the more the better [n]: mean log p of what it should be.

        Where no judge knows that, how near it is to one of people's, with a minus.
        """
        if any(one.right for one in self.judged):
            log_p = [one.drawn.answers.log_p_of(one.right) for one in self.judged if one.right]
            return np.asarray(np.mean(log_p, axis=0))
        away = [metrics.nearest(one.drawn.features, one.reference) for one in self.judged]
        return -np.asarray(np.mean(away, axis=0))


class Panel:
    """The judges, with people's drawings as they see them.

    Attributes:
        judges: who they are.

    Args:
        groups: people's drawings, each group of one class.
        progress: called with how many more drawings a judge has looked at.
    """

    def __init__(
        self, groups: Sequence[People], progress: Callable[[int], object] = lambda count: None
    ) -> None:
        self.judges = both()
        self._progress = progress
        self._known = {group.names: self._know(group) for group in groups}

    def judge(self, drawn: Drawn, nats: Numbers | None = None) -> Verdict:
        """Look at what was drawn for a group."""
        seen = self._look(drawn.sketches)
        known = self._known_of(drawn.group)
        pairs = zip(self.judges, known, seen, strict=True)
        judged = tuple(one.judged(judge, opinion, drawn) for judge, one, opinion in pairs)
        return Verdict(drawn.group, drawn.sketches, judged, nats)

    def _look(self, sketches: Sequence[Sketch]) -> list[Opinion]:
        drawings = [prepared(sketch) for sketch in sketches]
        return [judge.look(drawings, self._progress) for judge in self.judges]

    def _know(self, group: People) -> list[_Known]:
        parts = zip(*map(self._look, (group.reference, group.others, group.train)), strict=True)
        return [_Known.of(reference, others, train.features) for reference, others, train in parts]

    def _known_of(self, group: People) -> list[_Known]:
        """Of one class, or of several as one."""
        if group.names not in self._known:
            parts = [self._known[(name,)] for name in group.names]
            self._known[group.names] = [_Known.joined(each) for each in zip(*parts, strict=True)]
        return self._known[group.names]


@dataclass(frozen=True)
class _Known:
    """People's drawings of a group before one judge; `..._away`: from the nearest of training."""

    reference: Opinion
    others: Opinion
    train: Features
    reference_away: Numbers
    others_away: Numbers

    @staticmethod
    def of(reference: Opinion, others: Opinion, train: Features) -> _Known:
        away = [
            metrics.nearest(one.features, train) if len(train) else np.empty(0)
            for one in (reference, others)
        ]
        return _Known(reference, others, train, *away)

    @staticmethod
    def joined(parts: Sequence[_Known]) -> _Known:
        return _Known.of(
            Opinion.joined([one.reference for one in parts]),
            Opinion.joined([one.others for one in parts]),
            np.concatenate([one.train for one in parts]),
        )

    def judged(self, judge: Judge, seen: Opinion, drawn: Drawn) -> Judged:
        numbers = (judge.number_of(name) for name in drawn.group.names)
        right = tuple(number for number in numbers if number is not None)
        usual = _usual(np.concatenate([self.reference_away, self.others_away]))
        novelty = metrics.nearest(seen.features, self.train) if len(self.train) else np.empty(0)
        nearness = np.empty(0)
        others = self.others.features
        if drawn.inputs is not None and len(others) > 1:
            pairs = np.linalg.norm(others - np.roll(others, 1, axis=0), axis=1)
            away = np.linalg.norm(seen.features - others[list(drawn.inputs)], axis=1)
            nearness = away / _usual(pairs)
        return Judged(
            right,
            self.reference.features[mixed(len(self.reference.features))],
            Side(seen, seen.features, novelty / usual, nearness),
            Side(
                Opinion.joined([self.reference, self.others]),
                others[mixed(len(others))],
                self.others_away / usual,
                np.empty(0),
            ),
        )


def _usual(distances: Numbers) -> float:
    return max(float(np.median(distances)), LEAST_USUAL) if len(distances) else 1.0


def figures(verdicts: Sequence[Verdict]) -> tuple[Figures, Figures]:
    """Of what was drawn for some groups, and of people's drawings of the same.

    People's are counted as if each group had as many as were drawn. Their quality and novelty are
    those of `People.others`; recognised are those of all unseen drawings.
    """
    shares = np.array([len(one.sketches) for one in verdicts], dtype=np.float64)
    by_judge = list(zip(*(one.judged for one in verdicts), strict=True))
    drawn, people = (
        _figures([[(one, getattr(one, side)) for one in each] for each in by_judge], shares)
        for side in ("drawn", "people")
    )
    for found in (drawn, people):
        found["recognised_ratio"] = [
            None if mine is None or not theirs else mine / theirs
            for mine, theirs in zip(found["recognised"], people["recognised"], strict=True)
        ]
    nats = [one.nats for one in verdicts if one.nats is not None and len(one.nats)]
    drawn["nats"] = mean_and_stderr(np.concatenate(nats)) if nats else None
    people["nats"] = None
    return drawn, people


def _figures(judges: Sequence[Sequence[tuple[Judged, Side]]], shares: Numbers) -> Figures:
    found: Figures = {
        "recognised": [_recognised(groups, shares, 1) for groups in judges],
        "recognised_ratio": [],
        "top5": [_recognised(groups, shares, TOP) for groups in judges],
    }
    qualities = [_quality(groups) for groups in judges]
    for name in ("precision", "recall", "density", "coverage", "kid"):
        found[name] = [None if one is None else one[name] for one in qualities]
    for name in ("novelty", "nearness"):
        each = [
            [getattr(side, name) for _, side in groups if len(getattr(side, name))]
            for groups in judges
        ]
        found[f"{name}_ratio"] = [
            float(np.median(np.concatenate(parts))) if parts else None for parts in each
        ]
    return found


def _recognised(groups: Sequence[tuple[Judged, Side]], shares: Numbers, among: int) -> float | None:
    known = [number for number, (one, _) in enumerate(groups) if one.right]
    if not known:
        return None
    rates = [groups[n][1].answers.names_one_of(groups[n][0].right, among).mean() for n in known]
    return float(np.average(rates, weights=shares[known]))


def _quality(groups: Sequence[tuple[Judged, Side]]) -> dict[str, float] | None:
    reference = np.concatenate([one.reference[: one.count] for one, _ in groups])
    features = np.concatenate([side.features[: one.count] for one, side in groups])
    if len(reference) <= metrics.K:
        return None
    return asdict(metrics.compare(reference, features))


def document(
    judges: Sequence[Judge], verdicts: Sequence[Verdict], about: dict[str, Any]
) -> dict[str, Any]:
    """The result as JSON; `about` says what was scored: temperature, way, seed."""
    drawn, people = figures(verdicts)
    classes = {}
    for verdict in verdicts:
        mine, theirs = figures([verdict])
        n = {"n": len(verdict.sketches)}
        classes[verdict.people.name] = n | mine | {"human": theirs}
    return {
        "protocol": PROTOCOL,
        "judges": [{"name": one.name, "sha256": one.sha256} for one in judges],
        **about,
        "n": sum(len(one.sketches) for one in verdicts),
        "all": drawn,
        "human": people,
        "classes": classes,
    }
