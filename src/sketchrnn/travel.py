"""Pen-up travel: how far the pen goes above the paper, and strokes ordered and joined for less.

Strokes are polylines, arrays [n, 2] with n >= 1, in any unit; y points down. No torch here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sketchrnn.errors import SketchRNNError

Polyline = npt.NDArray[np.float64]

# More strokes than hardly a drawing has are ordered in pieces of so many: the work of a piece grows
# with the square of its strokes.
PIECE = 1000
MENDED = 5 * PIECE  # of still more, the order that is found first is not mended: that takes seconds
PASSES = 20  # over all strokes; three or four are usual until nothing gets shorter
NEAR = 16  # ends around each that are looked at together, if nearer ones can be first

# Inside, points are complex numbers, and a stroke that may be turned is a code: 2k is stroke k as
# it is, 2k + 1 the same stroke turned. So `code ^ 1` turns it, and it ends where its other code
# begins.
_Points = npt.NDArray[np.complex128]
_Codes = npt.NDArray[np.intp]


def travel(polylines: Sequence[npt.ArrayLike]) -> float:
    """The pen-up distance: the sum of the gaps from each stroke's end to the next one's start."""
    lines = _checked(polylines)
    return sum(float(np.hypot(*(after[0] - before[-1]))) for before, after in pairwise(lines))


def length_of(line: Polyline) -> float:
    """The length of a stroke [n, 2]; 0 of a dot."""
    return float(np.hypot(*np.diff(line, axis=0).T).sum())


def ordered(polylines: Sequence[npt.ArrayLike]) -> list[Polyline]:
    """The same strokes in an order, and turned, so that there is little pen-up travel.

    From the stroke at the top left on always the one that begins nearest; then the order is mended
    as long as that makes it shorter, by moving single strokes and by turning parts of it round
    (2-opt). The way is never longer than the given one.
    """
    lines = _checked(polylines)
    passes = PASSES if len(lines) <= MENDED else 0
    found: list[Polyline] = []
    for first in range(0, len(lines), PIECE):
        found += _ordered_piece(lines[first : first + PIECE], found, passes)
    return found if travel(found) <= travel(lines) else lines


def joined(polylines: Sequence[npt.ArrayLike], distance: float) -> list[Polyline]:
    """Strokes whose ends are at most `distance` apart become one, turned where that is needed.

    The nearest ends are joined first, and each end once. A joined stroke stands where the earliest
    of its parts stood and keeps that one's direction; the gap becomes a line, unless it is 0. A
    closed stroke, which comes back to within `distance` of its start from farther away, is left
    alone, and so is one that the joining has closed.
    """
    if not 0 <= distance < np.inf:
        raise SketchRNNError(f"the distance to join must be a number from 0 on, got {distance}")
    lines = _checked(polylines)
    links = _links(lines, distance)
    ends = [code for code, link in enumerate(links) if link < 0]
    chains = {min(chain): chain for chain in (_chain(links, end) for end in ends)}
    return [_in_one(lines, chains[code]) for code in sorted(chains)]


def _checked(polylines: Sequence[npt.ArrayLike]) -> list[Polyline]:
    lines = [np.asarray(line, dtype=np.float64) for line in polylines]
    for index, line in enumerate(lines):
        if line.ndim != 2 or line.shape[1] != 2 or len(line) == 0 or not np.isfinite(line).all():
            raise SketchRNNError(
                f"stroke {index} must be finite points [n, 2] with n >= 1, got shape {line.shape}"
            )
    return lines


def _drawn(line: Polyline, code: int) -> Polyline:
    return line[::-1] if code & 1 else line


def _ordered_piece(lines: list[Polyline], before: list[Polyline], passes: int) -> list[Polyline]:
    """`lines` in a good order: from where `before` ends, or from the top left."""
    if before:  # a dot, which stays the first one
        return _ordered_from([before[-1][-1:], *lines], 0, passes)[1:]
    heads = _heads(lines)
    found = _ordered_from(lines, int(np.argmin(heads.real + heads.imag)), passes)
    # where the top left lies amid the drawing, to begin as given may be shorter
    return found if travel(found) <= travel(lines) else _ordered_from(lines, 0, passes)


def _ordered_from(lines: list[Polyline], first: int, passes: int) -> list[Polyline]:
    """The best order found that begins with the code `first`; the given one counts if it does."""
    heads = _heads(lines)
    begun = [_greedy(heads, first), *([2 * np.arange(len(lines))] if first == 0 else [])]
    ways = [_mended(codes, heads, passes) for codes in begun]
    lengths = [np.abs(heads[codes[1:]] - heads[codes[:-1] ^ 1]).sum() for codes in ways]
    return [_drawn(lines[code >> 1], code) for code in ways[int(np.argmin(lengths))].tolist()]


def _heads(lines: Sequence[Polyline]) -> _Points:
    """Where each code begins."""
    ends = np.array([line[[0, -1]] for line in lines]).reshape(-1, 2)
    points: _Points = ends[:, 0] + 1j * ends[:, 1]
    return points


def _greedy(heads: _Points, first: int) -> _Codes:
    """From `first` on always the nearest beginning."""
    taken = np.zeros(len(heads))
    codes = np.empty(len(heads) // 2, dtype=np.intp)
    codes[0] = first
    for place in range(1, len(codes)):
        last = codes[place - 1]
        taken[[last, last ^ 1]] = np.inf
        codes[place] = np.argmin(np.abs(heads - heads[last ^ 1]) + taken)
    return codes


def _mended(codes: _Codes, heads: _Points, passes: int) -> _Codes:
    """`codes` after moves that make the way shorter, until none does; the first one stays."""
    least = 1e-9 * (1.0 + np.ptp(heads.real) + np.ptp(heads.imag))  # no endless rounding
    for _ in range(passes):
        before = codes
        for place in range(1, len(codes)):
            codes = _moved(_turned_round(codes, heads, place, least), heads, place, least)
        if codes is before:
            break
    return codes


def _turned_round(codes: _Codes, heads: _Points, place: int, least: float) -> _Codes:
    """The part from `place` to the best later place turned round, if that is shorter."""
    before, begin = heads[codes[place - 1] ^ 1], heads[codes[place]]
    ends, following = heads[codes[place:] ^ 1], heads[codes[place + 1 :]]
    change = np.abs(before - ends) - np.abs(before - begin)
    change[:-1] += np.abs(begin - following) - np.abs(ends[:-1] - following)
    best = int(np.argmin(change))
    if change[best] >= -least:
        return codes
    stop = place + best + 1
    return np.concatenate([codes[:place], codes[place:stop][::-1] ^ 1, codes[stop:]])


def _moved(codes: _Codes, heads: _Points, place: int, least: float) -> _Codes:
    """The stroke at `place` moved to the best other place, if that is shorter."""
    rest = np.delete(codes, place)
    ends, following = heads[rest ^ 1], heads[rest[1:]]
    gaps = np.abs(ends[:-1] - following)
    choices = [codes[place], codes[place] ^ 1]
    added = np.array([np.abs(ends - heads[code]) for code in choices])
    added[:, :-1] += [np.abs(heads[code ^ 1] - following) - gaps for code in choices]
    which, after = np.unravel_index(np.argmin(added), added.shape)
    if added[which, after] - added[0, place - 1] >= -least:
        return codes
    return np.insert(rest, after + 1, choices[which])


def _links(lines: list[Polyline], distance: float) -> list[int]:
    """What `joined` joins: for each code the end, as a code, that it is joined to, or -1."""
    free = bytearray(b"\1" * (2 * len(lines)))
    links = [-1] * len(free)
    opposite = [code ^ 1 for code in range(len(free))]  # of a chain's end, its other end

    def take(*ends: int) -> None:
        for end in ends:
            free[end] = False

    for number, line in enumerate(lines):
        if _closed(line, distance):
            take(2 * number, 2 * number + 1)
    for a, b in _near_pairs(_heads(lines), np.frombuffer(free, dtype=np.bool_), distance):
        if a ^ 1 == b or not (free[a] and free[b]):
            continue
        if opposite[a] == b:  # the chain's own two ends
            if _closed(_in_one(lines, _chain(links, a)), distance):
                take(a, b)
            continue
        take(a, b)
        links[a], links[b] = b, a
        opposite[opposite[a]], opposite[opposite[b]] = opposite[b], opposite[a]
    return links


def _chain(links: list[int], end: int) -> list[int]:
    """The codes of the chain that has this end; the earliest stroke keeps its direction."""
    codes = [end]
    while (following := links[codes[-1] ^ 1]) >= 0:
        codes.append(following)
    return [code ^ 1 for code in reversed(codes)] if min(codes) & 1 else codes


def _near_pairs(
    ends: _Points, free: npt.NDArray[np.bool_], distance: float
) -> Iterator[tuple[int, int]]:
    """Pairs of free ends at most `distance` apart, the nearest first; some may come again.

    Of equal gaps first those of strokes that follow each other, and from an end to a start.
    `free` changes on the way: ends that are nearer than what has come already are joined, but for
    the two of one chain. So however dense the strokes are, there are few ends around each where
    what is looked for grows little by little: first among the same points the strokes that
    follow each other, then the gaps.
    """
    _, points = np.unique(ends, return_inverse=True)
    apart = 1  # of the numbers of strokes
    while apart < len(ends):
        codes = np.flatnonzero(free)
        keys = points[codes] * len(ends) + codes // 2
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        first = np.arange(1, len(keys) + 1)
        near = _Ranges(codes[order], [(first, np.searchsorted(keys, keys + apart, "right"))])
        yield from near.pairs(ends, 0.0)
        apart *= 2
    least = float(np.abs(ends).max(initial=0.0)) * 2.0**-50  # under that numbers are rounded
    reach = distance
    while reach > 0:
        near = _around(ends, np.flatnonzero(free), max(reach, least))
        if near.total > NEAR * (len(ends) + 64) and reach > least:
            reach /= 2
            continue
        yield from near.pairs(ends, reach)
        if reach >= distance:
            return
        reach = least = min(2 * reach, distance)


def _around(ends: _Points, codes: _Codes, reach: float) -> _Ranges:
    """Which of these ends may be at most `reach` apart, by the cells of a grid."""
    cell = 1.5 * reach  # what is rounded does not lead two cells away
    columns, rows = (_cells(np.floor(part / cell)) for part in (ends[codes].real, ends[codes].imag))
    height = int(rows.max(initial=0)) + 3
    keys = columns * height + rows
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    ranges = [
        (np.arange(1, len(keys) + 1), np.searchsorted(keys, keys + 1, "right")),
        (
            np.searchsorted(keys, keys + height - 1),
            np.searchsorted(keys, keys + height + 1, "right"),
        ),
    ]
    return _Ranges(codes[order], ranges)


def _cells(numbers: npt.NDArray[np.float64]) -> _Codes:
    """The same order in small numbers: neighbours stay so, and others stay apart."""
    found, which = np.unique(numbers, return_inverse=True)
    steps = np.minimum(np.diff(found, prepend=found[:1]), 2)
    return np.cumsum(steps).astype(np.intp)[which]


class _Ranges(NamedTuple):
    """Pairs that may be near: each of `codes` with those from a first to a last place."""

    codes: _Codes
    places: list[tuple[_Codes, _Codes]]  # [n] and [n]; the last are not included

    @property
    def total(self) -> int:
        return sum(int((last - first).sum()) for first, last in self.places)

    def pairs(self, ends: _Points, reach: float) -> Iterator[tuple[int, int]]:
        """Those that are at most `reach` apart, in order."""
        parts = []
        for first, last in self.places:
            counts = last - first
            others = np.arange(counts.sum()) + np.repeat(first - np.cumsum(counts) + counts, counts)
            parts.append([np.repeat(self.codes, counts), self.codes[others]])
        one, other = np.concatenate(parts, axis=1)
        gaps = np.abs(ends[one] - ends[other])
        one, other, gaps = (array[gaps <= reach] for array in (one, other, gaps))
        one, other = np.minimum(one, other), np.maximum(one, other)
        turned = (one % 2 == 0) * 1 + other % 2
        order = np.lexsort((other, one, turned, other // 2 - one // 2, gaps))
        yield from zip(one[order].tolist(), other[order].tolist(), strict=True)


def _in_one(lines: list[Polyline], chain: list[int]) -> Polyline:
    """The strokes of a chain as one; where two ends are the same point, it is there once."""
    first, *others = parts = [_drawn(lines[code >> 1], code) for code in chain]
    return np.concatenate(
        [first, *(b[int((a[-1] == b[0]).all()) :] for a, b in zip(parts, others, strict=False))]
    )


def _closed(line: Polyline, distance: float) -> bool:
    away = np.hypot(*(line - line[0]).T)
    return bool(away[-1] <= distance < away.max())
