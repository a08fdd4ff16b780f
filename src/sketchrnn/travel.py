"""Pen-up travel: how far the pen goes above the paper, and strokes ordered and joined for less.

Strokes are polylines, arrays [n, 2] with n >= 1, in any unit; y points down. No torch here.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from sketchrnn.errors import SketchRNNError

Polyline = npt.NDArray[np.float64]

# More strokes than hardly a drawing has are ordered and joined in pieces of so many: the work of a
# piece grows with the square of its strokes.
PIECE = 1000
MENDED = 5 * PIECE  # of still more, the order that is found first is not mended: that takes seconds
_PASSES = 20  # over all strokes; three or four are usual until nothing gets shorter

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

    Raises:
        SketchRNNError: a stroke that is not points [n, 2] with n >= 1, or not finite.
    """
    lines = _checked(polylines)
    passes = _PASSES if len(lines) <= MENDED else 0
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

    Raises:
        SketchRNNError: a `distance` under 0 or not finite; strokes as for `ordered`.
    """
    if not 0 <= distance < np.inf:
        raise SketchRNNError(f"the distance to join must be a number from 0 on, got {distance}")
    lines = _checked(polylines)
    return [
        line
        for first in range(0, len(lines), PIECE)
        for line in _joined_piece(lines[first : first + PIECE], distance)
    ]


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


# --- order ------------------------------------------------------------------------------------


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
    best = min(
        ways, key=lambda codes: float(np.abs(heads[codes[1:]] - heads[codes[:-1] ^ 1]).sum())
    )
    return [_drawn(lines[code >> 1], code) for code in best.tolist()]


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


# --- join -------------------------------------------------------------------------------------


def _joined_piece(lines: list[Polyline], distance: float) -> list[Polyline]:
    ends = _heads(lines)  # end 2k is the first point of stroke k, 2k + 1 its last one
    free = np.repeat([not _closed(line, distance) for line in lines], 2)
    gaps = np.abs(ends[:, None] - ends[None, :])
    one, other = np.nonzero(np.triu(gaps <= distance, 1))
    # of equal gaps first those of strokes that follow each other, and from an end to a start
    turned = (one % 2 == 0) * 1 + other % 2
    nearest_first = np.lexsort((turned, other // 2 - one // 2, gaps[one, other]))
    chains = [[2 * stroke] for stroke in range(len(lines))]  # the codes of each stroke's chain
    for a, b in zip(one[nearest_first].tolist(), other[nearest_first].tolist(), strict=True):
        if a ^ 1 == b or not (free[a] and free[b]):
            continue
        first, second = chains[a >> 1], chains[b >> 1]
        if first is second:  # the chain's own two ends
            if _closed(_in_one(lines, first), distance):
                free[a] = free[b] = False
            continue
        free[a] = free[b] = False
        first = first if first[-1] ^ 1 == a else _turned(first)
        second = second if second[0] == b else _turned(second)
        chain = first + second
        if min(chain) & 1:  # the earliest keeps its direction
            chain = _turned(chain)
        for code in chain:
            chains[code >> 1] = chain
    return [_in_one(lines, chain) for k, chain in enumerate(chains) if min(chain) >> 1 == k]


def _turned(chain: list[int]) -> list[int]:
    return [code ^ 1 for code in reversed(chain)]


def _in_one(lines: list[Polyline], chain: list[int]) -> Polyline:
    """The strokes of a chain as one; where two ends are the same point, it is there once."""
    first, *others = parts = [_drawn(lines[code >> 1], code) for code in chain]
    return np.concatenate(
        [first, *(b[int((a[-1] == b[0]).all()) :] for a, b in zip(parts, others, strict=False))]
    )


def _closed(line: Polyline, distance: float) -> bool:
    away = np.hypot(*(line - line[0]).T)
    return bool(away[-1] <= distance < away.max())
