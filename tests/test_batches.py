"""Batches against plain loops over points, and their order against its definition."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sketchrnn import strokes
from sketchrnn.data import Padding
from sketchrnn.data.batches import (
    Batch,
    drop_points,
    evaluation_batches,
    make_batch,
    prefetched,
    training_batches,
)
from sketchrnn.data.dataset import Drawings
from sketchrnn.data.padding import (
    END_STEPS,
    LEARN_TO_END,
    POOL_BATCHES,
    TAIL_EVERY,
    sampled_weights,
)
from sketchrnn.errors import SketchRNNError

PADDINGS: tuple[Padding, ...] = get_args(Padding)


def random_drawings(count: int, seed: int = 0, longest: int = 40) -> Drawings:
    rng = np.random.default_rng(seed)
    arrays = []
    for _ in range(count):
        rows = rng.integers(-60, 60, (rng.integers(1, longest + 1), 3)).astype(np.int16)
        rows[:, strokes.PEN_UP] = rng.random(len(rows)) < 0.15
        rows[-1, strokes.PEN_UP] = 1
        arrays.append(rows)
    return Drawings.from_arrays(arrays)


def plain_drop(rows: list[list[float]], uniform: list[float], probability: float) -> list:
    """One drawing, one point after the other; rows (dx, dy, pen lifted)."""
    kept: list[list[float]] = []
    number = 0  # of the point in its stroke
    for index, ((dx, dy, lifted), chance) in enumerate(zip(rows, uniform, strict=True)):
        is_last = lifted == 1 or index == len(rows) - 1
        if number >= 3 and not is_last and chance < probability:
            kept[-1][0] += dx
            kept[-1][1] += dy
        else:
            kept.append([dx, dy, lifted])
        number = 0 if lifted == 1 else number + 1
    return kept


def reference_augment(rows: list[list[float]], uniform: list[float], probability: float) -> list:
    """The rule as the authors state it: a count within the stroke, and the last kept point."""
    result = []
    last_kept = [0.0, 0.0, 1.0]
    count = 0
    for (dx, dy, lifted), chance in zip(rows, uniform, strict=True):
        count = 0 if lifted == 1 or last_kept[2] == 1 else count + 1
        if lifted == 0 and last_kept[2] == 0 and count > 2 and chance < probability:
            last_kept[0] += dx
            last_kept[1] += dy
        else:
            last_kept = [dx, dy, lifted]
            result.append(last_kept)
    return result


@given(st.integers(0, 10**6), st.sampled_from([0.0, 0.1, 0.5, 1.0]))
def test_drop_points_against_plain_loops(seed: int, probability: float) -> None:
    drawings = random_drawings(5, seed)
    rows = drawings.gather(np.arange(5))
    uniform = np.random.default_rng(seed).random(len(rows))
    offsets, pen_up, lengths = drop_points(
        rows[:, strokes.XY].astype(np.float64),
        rows[:, strokes.PEN_UP] == 1,
        drawings.lengths,
        uniform,
        probability,
    )
    numbers = np.split(uniform, drawings.ends[:-1])
    for plain in (plain_drop, reference_augment):
        expected = [
            plain(drawing.tolist(), chances.tolist(), probability)
            for drawing, chances in zip(drawings, numbers, strict=True)
        ]
        assert lengths.tolist() == [len(drawing) for drawing in expected]
        joined = list(itertools.chain.from_iterable(expected))
        assert np.column_stack([offsets, pen_up]).tolist() == joined


def test_drop_points_keeps_the_end_of_a_drawing_that_does_not_lift_the_pen() -> None:
    ends = np.array([5, 5])
    offsets, pen_up, lengths = drop_points(
        np.ones((10, 2)), np.zeros(10, bool), ends, np.zeros(10), 1.0
    )
    assert lengths.tolist() == [4, 4]  # three first ones and the last
    assert offsets[:, strokes.DX].tolist() == [1, 1, 2, 1] * 2
    assert not pen_up.any()


def test_a_batch_by_hand() -> None:
    drawings = Drawings.from_arrays(
        [np.array([[2, -4, 0], [6, 0, 1]]), np.array([[2000, -3000, 1]])]
    )
    batch = make_batch(drawings, [1, 0], N_max=3, scale=2.0)
    start, end = [0, 0, 1, 0, 0], [0, 0, 0, 0, 1]
    assert batch.x_BT5.tolist() == [
        [start, [500, -500, 0, 1, 0], end, end],
        [start, [1, -2, 1, 0, 0], [3, 0, 0, 1, 0], end],
    ]
    assert batch.x_BT5.dtype == np.float32
    assert batch.lengths_B.tolist() == [1, 2]
    assert batch.indices_B.tolist() == [1, 0]


def test_batches_hold_the_drawings_in_stroke5() -> None:
    drawings = random_drawings(30)
    batch = make_batch(drawings, np.arange(30), N_max=45, scale=1.0)
    for index, x_T5 in enumerate(batch.x_BT5):
        assert np.array_equal(x_T5[1:], strokes.stroke3_to_stroke5(drawings[index], 45))


def test_scaling_is_one_factor_a_drawing_and_axis() -> None:
    drawings = random_drawings(200)
    plain = make_batch(drawings, np.arange(200), 40, 1.0)
    rng = np.random.default_rng(3)
    scaled = make_batch(drawings, np.arange(200), 40, 1.0, augment_scale=0.15, rng=rng)
    totals = [np.abs(batch.x_BT5[:, 1:, strokes.XY]).sum(axis=1) for batch in (plain, scaled)]
    factors = totals[1] / totals[0]
    expected = plain.x_BT5[:, 1:, strokes.XY] * factors[:, None]
    assert np.allclose(scaled.x_BT5[:, 1:, strokes.XY], expected, rtol=1e-5)
    assert factors.min() >= 0.85 - 1e-6
    assert factors.max() <= 1.15 + 1e-6
    assert np.std(factors) == pytest.approx(0.3 / np.sqrt(12), rel=0.1)  # of U(0.85, 1.15)
    assert abs(np.corrcoef(factors.T)[0, 1]) < 0.2  # x and y are independent
    assert np.array_equal(plain.x_BT5[..., strokes.PEN], scaled.x_BT5[..., strokes.PEN])


def test_dropping_keeps_the_place_of_what_follows() -> None:
    drawings = random_drawings(50)
    rng = np.random.default_rng(0)
    batch = make_batch(drawings, np.arange(50), 40, 1.0, drop_probability=0.5, rng=rng)
    assert (batch.lengths_B < drawings.lengths).any()
    ends = batch.x_BT5[..., strokes.XY].sum(axis=1)
    expected = [rows[:, strokes.XY].sum(axis=0) for rows in drawings]
    assert np.array_equal(ends, expected)


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize(("count", "batch_size"), [(10, 4), (10, 10), (3, 10), (1, 3), (7, 7)])
def test_the_order_is_permutations_one_after_the_other(
    count: int, batch_size: int, padding: Padding
) -> None:
    drawings = random_drawings(count)
    batches = training_batches(drawings, batch_size, 40, 1.0, seed=5, padding=padding)
    taken = [next(batches).indices_B for _ in range(12)]
    assert all(len(indices) == batch_size for indices in taken)
    order = np.concatenate(taken)
    epochs = [order[first : first + count] for first in range(0, len(order) - count + 1, count)]
    assert all(sorted(epoch) == list(range(count)) for epoch in epochs)
    if count == 10 and (padding, batch_size) != ("similar", 10):  # which has one batch, sorted
        assert any(epoch.tolist() != epochs[0].tolist() for epoch in epochs)


@pytest.mark.parametrize("padding", PADDINGS)
def test_a_resumed_training_sees_the_same_batches(padding: Padding) -> None:
    def stream(start_step: int) -> Iterator[Batch]:
        return training_batches(
            random_drawings(23),
            7,
            40,
            1.0,
            seed=1,
            start_step=start_step,
            augment_scale=0.15,
            drop_probability=0.1,
            padding=padding,
        )

    whole = list(itertools.islice(stream(0), LEARN_TO_END + 4))
    for start in (1, 3, 10, LEARN_TO_END, LEARN_TO_END + 3):
        resumed = next(stream(start))
        for name in ("x_BT5", "lengths_B", "indices_B", "pen_weights_BT"):
            assert np.array_equal(getattr(resumed, name), getattr(whole[start], name))


def test_another_seed_is_another_order_and_another_augmentation() -> None:
    drawings = random_drawings(50)
    options = {"augment_scale": 0.1}
    a, b = (next(training_batches(drawings, 50, 40, 1.0, seed=s, **options)) for s in (0, 1))
    assert a.indices_B.tolist() != b.indices_B.tolist()
    in_order = [batch.x_BT5[np.argsort(batch.indices_B)] for batch in (a, b)]
    assert not np.array_equal(*in_order)


def test_sampled_weights_stand_for_all_steps() -> None:
    """Over all chances each step of each drawing counts once in the mean, exactly."""
    N_max = 30
    lengths = np.arange(1, N_max + 1)
    step = np.arange(N_max)
    is_tail = step >= lengths[:, None] + END_STEPS
    weights = []
    for chance in range(TAIL_EVERY):
        weights.append(sampled_weights(lengths, N_max, chance))
        assert (weights[-1][~is_tail] == 1).all()  # the points and the first ends
        assert set(weights[-1][is_tail]) == {0, TAIL_EVERY}
        is_run = (weights[-1] > 0).astype(int)
        assert (np.diff(is_run, axis=1) <= 0).all()  # what is run is in one piece
    assert (np.mean(weights, axis=0) == 1).all()
    run_on = [np.flatnonzero((row != 0)[:, -1] & is_tail[:, -1]) for row in weights]
    assert all(abs(len(row) - is_tail[:, -1].sum() / TAIL_EVERY) < 1 for row in run_on)


def test_sampled_batches_are_those_of_full_padding_and_every_chance_comes() -> None:
    drawings = random_drawings(40)
    options = {"seed": 2, "augment_scale": 0.1, "drop_probability": 0.1}
    streams = [
        training_batches(drawings, 16, 45, 2.0, **options, padding=padding)
        for padding in ("full", "sampled")
    ]
    chances = []
    pairs = itertools.islice(zip(*streams, strict=True), LEARN_TO_END + 400)
    for step, (full, sampled) in enumerate(pairs):
        for name in ("x_BT5", "lengths_B", "indices_B"):
            assert np.array_equal(getattr(sampled, name), getattr(full, name))
        assert full.pen_weights_BT is None
        if step < LEARN_TO_END:
            assert sampled.pen_weights_BT is None
            continue
        (chance,) = (
            chance
            for chance in range(TAIL_EVERY)
            if np.array_equal(sampled.pen_weights_BT, sampled_weights(full.lengths_B, 45, chance))
        )
        chances.append(chance)
    counts = np.bincount(chances, minlength=TAIL_EVERY)
    expected = len(chances) / TAIL_EVERY
    assert (abs(counts - expected) < 4 * np.sqrt(expected)).all()
    after = np.bincount(np.diff(chances) % TAIL_EVERY, minlength=TAIL_EVERY)
    assert (abs(after - expected) < 4 * np.sqrt(expected)).all()  # nor do they take turns


def test_similar_batches_are_pools_sorted_by_length() -> None:
    batch_size, epoch = 6, 6 * (2 * POOL_BATCHES + 3)
    drawings = random_drawings(epoch + 2)
    stream = training_batches(drawings, batch_size, 40, 1.0, seed=3, padding="similar")
    plain = training_batches(drawings, batch_size, 40, 1.0, seed=3)
    batches, unsorted = (
        list(itertools.islice(each, epoch // batch_size)) for each in (stream, plain)
    )
    for first in range(0, len(batches), POOL_BATCHES):
        pool = batches[first : first + POOL_BATCHES]
        places = slice(first, first + POOL_BATCHES)
        indices, before = (
            np.concatenate([batch.indices_B for batch in each[places]])
            for each in (batches, unsorted)
        )
        assert sorted(indices) == sorted(before)  # the same drawings, in other batches
        pool = sorted(pool, key=lambda batch: batch.lengths_B.mean())
        lengths = np.concatenate([batch.lengths_B for batch in pool])
        assert (np.diff(lengths) >= 0).all()
    in_order = [a.lengths_B[0] <= b.lengths_B[0] for a, b in itertools.pairwise(batches)]
    assert 0.2 < np.mean(in_order) < 0.8  # short and long ones come in turn
    later = list(itertools.islice(stream, epoch // batch_size))
    assert any(
        not np.array_equal(a.indices_B, b.indices_B) for a, b in zip(batches, later, strict=True)
    )


def test_similar_batches_are_padded_to_their_longest() -> None:
    drawings = random_drawings(200)
    options = {"seed": 3, "drop_probability": 0.3, "padding": "similar"}
    ends = []
    for batch in itertools.islice(training_batches(drawings, 10, 40, 1.0, **options), 20):
        longest = min(batch.lengths_B.max() + END_STEPS, 40)
        ends.append(longest)
        assert batch.x_BT5.shape == (10, longest + 1, 5)
        assert batch.pen_weights_BT is None
        for index, x_T5 in enumerate(batch.x_BT5):
            padding = x_T5[1 + batch.lengths_B[index] :]
            assert (padding == strokes.END_TOKEN).all()
            assert not (x_T5[1 : 1 + batch.lengths_B[index]] == strokes.END_TOKEN).all(axis=1).any()
    assert min(ends) < 20
    assert max(ends) == 40


def batch_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("batches")]


def some_batches(count: int, made: list[int], wrong: int | None = None) -> Iterator[Batch]:
    for number in range(count):
        if number == wrong:
            raise SketchRNNError("drawing 7 is damaged")
        made.append(number)
        yield make_batch(random_drawings(3, seed=number), [0, 1, 2], 40, 1.0)


@pytest.mark.parametrize("count", [0, 1, 5])
def test_batches_made_ahead_are_the_same(count: int) -> None:
    ahead, plain = list(prefetched(some_batches(count, []))), list(some_batches(count, []))
    assert len(ahead) == count
    for a, b in zip(ahead, plain, strict=True):
        assert np.array_equal(a.x_BT5, b.x_BT5)
    assert not batch_threads()


def test_two_batches_are_made_ahead_and_no_more() -> None:
    made: list[int] = []
    batches = prefetched(some_batches(10, made), ahead=2)
    for number in range(4):
        next(batches)
        deadline = time.monotonic() + 30
        while len(made) < number + 3 and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.05)  # time enough for one too many
        assert made == list(range(number + 3))
    batches.close()
    assert not batch_threads()


def test_an_error_comes_where_its_batch_would_have_come() -> None:
    batches = prefetched(some_batches(10, [], wrong=3))
    for _ in range(3):
        next(batches)
    with pytest.raises(SketchRNNError, match="drawing 7 is damaged"):
        next(batches)
    assert not batch_threads()


def test_an_interrupt_ends_the_thread() -> None:
    batches = prefetched(some_batches(10**9, []))
    next(batches)
    assert len(batch_threads()) == 1
    with pytest.raises(KeyboardInterrupt):
        batches.throw(KeyboardInterrupt)
    assert not batch_threads()


def test_evaluation_is_in_order_and_whole() -> None:
    drawings = random_drawings(23)
    batches = list(evaluation_batches(drawings, 10, 40, 2.0))
    assert [len(batch.lengths_B) for batch in batches] == [10, 10, 3]
    assert np.concatenate([batch.indices_B for batch in batches]).tolist() == list(range(23))
    assert np.concatenate([batch.lengths_B for batch in batches]).tolist() == list(drawings.lengths)


def test_errors() -> None:
    drawings = random_drawings(5, longest=9)
    drawings = Drawings.from_arrays([*drawings, np.ones((12, 3))])
    with pytest.raises(SketchRNNError, match="drawing 5 has 12 points but N_max is 11"):
        list(evaluation_batches(drawings, 4, 11, 1.0))
    with pytest.raises(SketchRNNError, match="random generator"):
        make_batch(drawings, [0], 20, 1.0, drop_probability=0.1)
    with pytest.raises(SketchRNNError, match="no training drawings"):
        next(training_batches(Drawings.from_arrays([]), 4, 10, 1.0, seed=0))
    with pytest.raises(SketchRNNError, match="seed must be at least 0"):
        next(training_batches(drawings, 4, 20, 1.0, seed=-1))
