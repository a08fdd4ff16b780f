"""Turning drawings into training batches: stroke-5, scaled, augmented. NumPy only.

Shapes: B drawings a batch, P rows of all of them together, T = N_max + 1 steps.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import count

import numpy as np
import numpy.typing as npt

from sketchrnn import strokes
from sketchrnn.data import Padding
from sketchrnn.data.dataset import Drawings, IntArray
from sketchrnn.data.padding import (
    END_STEPS,
    LEARN_TO_END,
    TAIL_EVERY,
    sampled_weights,
    sort_by_length,
)
from sketchrnn.errors import SketchRNNError
from sketchrnn.seeds import generator
from sketchrnn.strokes import FloatArray

# The first points of a stroke that are never dropped, as in the reference code.
KEPT_POINTS = 3

# Separate streams of random numbers from one seed.
_ORDER_STREAM, _AUGMENT_STREAM, _TAIL_STREAM = 0, 1, 2


@dataclass(frozen=True, eq=False)
class Batch:
    """Drawings of one batch as the model reads them.

    Attributes:
        x_BT5: float32 [B, N_max + 1, 5], stroke-5 with offsets in units of the scale: S_0 =
            (0, 0, 1, 0, 0), then the points, then (0, 0, 0, 0, 1). Fewer steps where the padding
            is cut for the whole batch.
        lengths_B: int64 [B], the number of points N_s of each, after augmentation.
        indices_B: int64 [B], which drawings these are.
        pen_weights_BT: float32 [B, N_max], how often each term of L_p counts; 0, where a drawing's
            steps need not be run any more, up to its last. None: all count once.
    """

    x_BT5: npt.NDArray[np.float32]
    lengths_B: IntArray
    indices_B: IntArray
    pen_weights_BT: npt.NDArray[np.float32] | None = None


def make_batch(
    drawings: Drawings,
    indices: npt.ArrayLike,
    N_max: int,
    scale: float,
    *,
    augment_scale: float = 0.0,
    drop_probability: float = 0.0,
    rng: np.random.Generator | None = None,
) -> Batch:
    """The drawings at `indices` [B] as one batch; offsets, clamped to +-1000 px, over `scale` (px).

    With `augment_scale` a, x and y of each drawing are each times a number from U(1 - a, 1 + a);
    inner points are left out with `drop_probability` (`drop_points`). Both need `rng`.

    Raises:
        SketchRNNError: a drawing has more than N_max points.
    """
    indices_B = np.asarray(indices, dtype=np.int64)
    lengths_B = drawings.lengths[indices_B]
    if (lengths_B > N_max).any():
        worst = int(lengths_B.argmax())
        raise SketchRNNError(
            f"drawing {indices_B[worst]} has {lengths_B[worst]} points but N_max is {N_max};"
            " leave out or simplify what is longer"
        )
    rows = drawings.gather(indices_B)
    offsets = strokes.clamp_offsets(rows[:, strokes.XY]) / np.float32(scale)
    pen_up = rows[:, strokes.PEN_UP] == 1
    if augment_scale or drop_probability:
        if rng is None:
            raise SketchRNNError("augmentation needs a random generator (rng)")
        factors_B2 = rng.uniform(1 - augment_scale, 1 + augment_scale, (len(indices_B), 2))
        offsets *= np.repeat(factors_B2, lengths_B, axis=0).astype(np.float32)
        uniform = rng.random(len(rows))
        offsets, pen_up, lengths_B = drop_points(
            offsets, pen_up, lengths_B, uniform, drop_probability
        )
    x_BT5 = np.empty((len(indices_B), N_max + 1, 5), dtype=np.float32)
    x_BT5[:] = strokes.END_TOKEN
    x_BT5[:, 0] = strokes.START_TOKEN
    points = np.zeros((len(offsets), 5), dtype=np.float32)
    points[:, strokes.XY] = offsets
    points[:, strokes.P1_DOWN] = ~pen_up
    points[:, strokes.P2_UP] = pen_up
    drawing, step = _places(lengths_B)
    x_BT5[drawing, step + 1] = points
    return Batch(x_BT5, lengths_B, indices_B)


def drop_points(
    offsets: FloatArray,
    pen_up: npt.NDArray[np.bool_],
    lengths_B: IntArray,
    uniform: FloatArray,
    probability: float,
) -> tuple[FloatArray, npt.NDArray[np.bool_], IntArray]:
    """Leave out inner points at random, as the reference code's `augment_strokes`.

    A point that is neither among the first three of its stroke nor the last of it is dropped where
    its number in `uniform` is below `probability`. The last point kept before it takes its offset,
    so that it moves to where the dropped point was and the rest of the drawing stays in its place.
    Of all drawings, one after the other: `offsets` [P, 2], `pen_up` and `uniform` [P], and the
    points `lengths_B` of each. Returns the first three, of what is left.
    """
    drawing, step = _places(lengths_B)
    last = pen_up | (step == lengths_B[drawing] - 1)
    number = np.arange(len(offsets))
    begins = np.append(0, number[1:] * last[:-1])  # of its stroke, at the first point of one
    in_stroke = number - np.maximum.accumulate(begins)
    dropped = (in_stroke >= KEPT_POINTS) & ~last & (uniform < probability)
    kept = np.flatnonzero(~dropped)
    # A dropped point follows a kept one of its own stroke: sum from each kept one up to the next.
    summed = np.add.reduceat(offsets, kept, axis=0)
    lengths_left = lengths_B - np.bincount(drawing[dropped], minlength=len(lengths_B))
    return summed, pen_up[kept], lengths_left


def training_batches(
    drawings: Drawings,
    batch_size: int,
    N_max: int,
    scale: float,
    *,
    seed: int,
    start_step: int = 0,
    augment_scale: float = 0.0,
    drop_probability: float = 0.0,
    padding: Padding = "full",
) -> Iterator[Batch]:
    """Training batches without end, from number `start_step` on.

    Each epoch is a new permutation of the drawings, and one epoch follows the other without a gap:
    a batch at the border takes the end of one and the beginning of the next. Batch number `step`
    depends on (seed, step) alone, so a resumed training sees what an uninterrupted one sees.
    What `padding` means is told in `data.padding`.

    Raises:
        SketchRNNError: no drawings, a negative seed, a batch size under 1, or as `make_batch`.
    """
    if not len(drawings):
        raise SketchRNNError("there are no training drawings")
    if seed < 0 or batch_size < 1:
        raise SketchRNNError(
            f"the seed must be at least 0 and the batch size at least 1,"
            f" got {seed} and {batch_size}"
        )

    @lru_cache(maxsize=2)
    def order(epoch: int) -> IntArray:
        rng = generator(seed, _ORDER_STREAM, epoch)
        permutation = rng.permutation(len(drawings))
        if padding == "similar":
            begun = -epoch * len(drawings) % batch_size  # they fill the last epoch's last batch
            sort_by_length(permutation[begun:], drawings.lengths, batch_size, rng)
        return permutation

    for step in count(start_step):
        places = np.arange(step * batch_size, (step + 1) * batch_size)
        epochs = places // len(drawings)
        parts = [
            order(int(one))[places[epochs == one] % len(drawings)] for one in np.unique(epochs)
        ]
        batch = make_batch(
            drawings,
            np.concatenate(parts),
            N_max,
            scale,
            augment_scale=augment_scale,
            drop_probability=drop_probability,
            rng=generator(seed, _AUGMENT_STREAM, step),
        )
        if padding == "similar":
            longest = min(int(batch.lengths_B.max()) + END_STEPS, N_max)
            batch = replace(batch, x_BT5=batch.x_BT5[:, : longest + 1])
        elif padding == "sampled" and step >= LEARN_TO_END:
            chance = int(generator(seed, _TAIL_STREAM, step).integers(TAIL_EVERY))
            weights_BT = sampled_weights(batch.lengths_B, N_max, chance)
            batch = replace(batch, pen_weights_BT=weights_BT)
        yield batch


def prefetched(batches: Iterable[Batch], ahead: int = 2) -> Generator[Batch]:
    """The same batches, made by a thread, `ahead` of them before they are asked for.

    The thread ends with the last batch, or when the iterator is closed. An error comes where its
    batch would have come.
    """
    source = iter(batches)
    thread = ThreadPoolExecutor(1, thread_name_prefix="batches")
    try:
        coming = deque(thread.submit(next, source, None) for _ in range(ahead))
        while (batch := coming.popleft().result()) is not None:
            coming.append(thread.submit(next, source, None))
            yield batch
    finally:
        thread.shutdown(cancel_futures=True)


def evaluation_batches(
    drawings: Drawings, batch_size: int, N_max: int, scale: float
) -> Iterator[Batch]:
    """Every drawing once, in order and as it is; the last batch may be smaller."""
    for first in range(0, len(drawings), batch_size):
        last = min(first + batch_size, len(drawings))
        yield make_batch(drawings, np.arange(first, last), N_max, scale)


def _places(lengths_B: IntArray) -> tuple[IntArray, IntArray]:
    """For each of the P rows: which drawing of the batch it belongs to, and its number in it."""
    drawing = np.repeat(np.arange(len(lengths_B)), lengths_B)
    begins = np.cumsum(lengths_B) - lengths_B
    return drawing, np.arange(len(drawing)) - begins[drawing]
