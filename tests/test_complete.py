"""Completion: what is given stays as it is, and the model goes on from just there.

Tolerances: 1e-5 between states that are unrolled and those stepped to, 1e-4 of drawings in scaled
units, both float32 in another order of operations. Statistical bounds are at 4.5 standard
deviations, at fixed seeds.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models import random_network
from sketchrnn import strokes
from sketchrnn.api import Model
from sketchrnn.drawing import sample
from sketchrnn.drawing.complete import (
    SAMPLED_SHARE,
    SHARES,
    Completion,
    CompletionList,
    complete,
    fit_part,
)
from sketchrnn.drawing.fit import fit
from sketchrnn.drawing.likelihood import likelihood
from sketchrnn.drawing.sample import before_last, sample_strokes
from sketchrnn.errors import SketchRNNError
from sketchrnn.figures.colors import REST
from sketchrnn.model.decoder import Recurrent
from sketchrnn.model.mixture import Mixture
from sketchrnn.runs import DataFacts
from sketchrnn.seeds import (
    BLOCK,
    NORMALS,
    POINT_STREAM,
    PRIOR_STREAM,
    UNIFORMS,
    generator,
    normal_vectors,
)
from sketchrnn.sketch import Sketch

N_MAX, Z = 14, 4
SCALE = 11.0  # px
CLOSE = 1e-4
STATE = 1e-5

every_cell = pytest.mark.parametrize("cell", ["lstm", "layer_norm", "hyper"])


def make_model(cell: str = "lstm", *, end: float = -3.0, **changes: Any) -> Model:
    """Random and large weights; `end` moves the logit of p3, so that drawings have some length."""
    sizes = {
        "N_max": N_MAX,
        "encoder_size": 5,
        "decoder_cell": cell,
        "decoder_size": 10,
        "z_size": Z,
        "mixtures": 3,
        "hyper_size": 5,
        "hyper_embedding": 2,
    }
    network = random_network(end=end, **(sizes | changes))
    return Model(network, DataFacts(scale=SCALE, classes=("cat",)), "test model")


PART = Sketch.from_polylines(
    [[[0.1, 7], [13, 9.5], [17.3, -4]], [[3, 3], [5.7, 1 / 3]]],  # type: ignore[list-item]
    label="my cat",
)


def prefix_of(part: Sketch, lifted: bool) -> np.ndarray:
    """Scaled stroke-5 rows, by hand."""
    rows = []
    for dx, dy, up in part.to_stroke3():
        rows.append([dx / SCALE, dy / SCALE, 1 - up, up, 0])
    rows[-1][strokes.PEN] = [not lifted, lifted, 0]
    return np.array(rows, dtype=np.float32)


def assert_begins_with(completion: Completion, part: Sketch) -> None:
    """The given points bit for bit, in the given order; only a joined stroke goes on."""
    whole = completion.sketch
    last = len(part.polylines) - 1
    for number, line in enumerate(part.polylines):
        drawn = whole.polylines[number]
        assert drawn[: len(line)].tobytes() == line.tobytes()
        if number < last or not completion.joined:
            assert len(drawn) == len(line)
    if completion.joined:
        assert len(whole.polylines[last]) > len(part.polylines[last])
        assert completion.rest[0][0].tobytes() == part.polylines[-1][-1].tobytes()
        np.testing.assert_array_equal(
            whole.polylines[last][len(part.polylines[-1]) :], completion.rest[0][1:]
        )
    assert len(whole.polylines) == last + 1 + len(completion.rest) - completion.joined


def assert_same(ours: CompletionList, other: list[Completion], atol: float = 0.0) -> None:
    assert [(one.joined, len(one.rest)) for one in ours] == [
        (one.joined, len(one.rest)) for one in other
    ]
    for one, two in zip(ours, other, strict=True):
        for line, expected in zip(one.rest, two.rest, strict=True):
            np.testing.assert_allclose(line, expected, rtol=0, atol=atol)


# The prefix


@every_cell
@pytest.mark.parametrize("conditional", [True, False])
def test_reading_at_once_is_reading_step_by_step(cell: str, conditional: bool) -> None:
    """For one z of all drawings, and for one each."""
    network, n = make_model(cell, conditional=conditional).network, 3
    prefix = prefix_of(PART, lifted=True)
    latents = [None]
    if conditional:
        latents = [torch.randn(1, Z, generator=torch.Generator().manual_seed(1)).repeat(n, 1)]  # type: ignore[list-item]
        latents.append(torch.randn(n, Z, generator=torch.Generator().manual_seed(2)))
    for z_nZ in latents:
        h_nH, at_once = before_last(network, z_nZ, n, prefix)
        with torch.no_grad():
            memory = network.begin(z_nZ, n)
            for row in [strokes.START_TOKEN, *prefix[:-1]]:
                h, memory = network.decoding.step(torch.from_numpy(row).repeat(n, 1), memory)
        torch.testing.assert_close(h_nH, h, rtol=0, atol=STATE)
        for ours, expected in zip(at_once.state, memory.state, strict=True):
            torch.testing.assert_close(ours, expected, rtol=0, atol=STATE)


@pytest.mark.parametrize(("differ", "rows"), [(False, 1), (True, 5)])
def test_one_z_is_read_once(differ: bool, rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    read, unroll = [], Recurrent.unroll

    def counting(self: Recurrent, x_TB5: torch.Tensor, *rest: Any, **options: Any) -> Any:
        read.append(x_TB5.shape[:2])
        return unroll(self, x_TB5, *rest, **options)

    monkeypatch.setattr(Recurrent, "unroll", counting)
    z = torch.from_numpy(normal_vectors(1, 0, 5, Z)) if differ else torch.ones(5, Z)
    prefix = prefix_of(PART, lifted=False)
    sample_strokes(make_model().network, z, 5, temperature=0.5, seed=1, prefix=prefix)
    assert read == [(len(prefix), rows)]


@every_cell
@pytest.mark.parametrize("temperature", [0.0, 0.6])
def test_the_rest_is_the_decoders(cell: str, temperature: float) -> None:
    """Given and drawn rows fed back to `decode` at once: the drawn are what the numbers choose."""
    network, n, seed = make_model(cell).network, 5, 3
    z = torch.from_numpy(normal_vectors(1, 0, n, Z))
    prefix = prefix_of(PART, lifted=True)
    drawn = sample_strokes(network, z, n, temperature=temperature, seed=seed, prefix=prefix)
    K = len(prefix)
    assert max(map(len, drawn)) > 3
    for number, rows in enumerate(drawn):
        T = min(len(rows) + 1, N_MAX - K)  # the one that ended it too
        inputs = np.vstack([strokes.START_TOKEN, prefix, rows])[: K + T]
        with torch.no_grad():
            mixture, _ = network.decode(torch.from_numpy(inputs)[None], z[number : number + 1])
        after = Mixture(*(getattr(mixture, name)[0, K:] for name in mixture.__dataclass_fields__))
        if temperature == 0:
            expected = sample.most_likely(after).numpy()
        else:
            stream = generator(seed, POINT_STREAM, number)
            uniform = stream.random((BLOCK, UNIFORMS), dtype=np.float32)[:T]
            normal = stream.standard_normal((BLOCK, NORMALS), dtype=np.float32)[:T]
            expected = sample.sample_point(
                after, torch.from_numpy(uniform), torch.from_numpy(normal), temperature
            ).numpy()
        np.testing.assert_allclose(rows, expected[: len(rows)], rtol=CLOSE, atol=CLOSE)
        ended = expected[:, strokes.P3_END] == 1
        if len(rows) < N_MAX - K:
            assert ended.tolist() == [False] * len(rows) + [True]
        else:
            assert not ended.any()


@every_cell
def test_a_drawing_goes_on_as_it_was(cell: str) -> None:
    """The most likely drawing, cut anywhere and completed at temperature 0, is itself again."""
    network = make_model(cell, conditional=False).network
    (whole,) = sample_strokes(network, None, 1, temperature=0, seed=0)
    assert len(whole) > 5
    for K in range(1, len(whole)):
        (rest,) = sample_strokes(network, None, 1, temperature=0, seed=0, prefix=whole[:K])
        np.testing.assert_allclose(np.vstack([whole[:K], rest]), whole, rtol=CLOSE, atol=CLOSE)


@pytest.mark.parametrize("conditional", [True, False])
def test_one_point_is_where_a_whole_drawing_begins(conditional: bool) -> None:
    """Nothing to read, so the drawings are those of `generate`, moved there."""
    model = make_model(conditional=conditional)
    point = Sketch.from_polylines([[[3.25, -8]]])
    drawn = model.generate(4, temperature=0.7, seed=9)
    completions = complete(model, point, 4, temperature=0.7, seed=9)
    for ours, expected in zip(completions, drawn, strict=True):
        assert ours.joined
        assert ours.sketch.label is None
        assert Sketch(ours.sketch.polylines, "cat") == expected.moved(3.25, -8)
    (lifted, *_) = complete(model, point, 1, pen="up", seed=9)
    assert not lifted.joined
    assert np.array_equal(lifted.sketch.polylines[0], [[3.25, -8]])


def test_bad_prefix() -> None:
    network = make_model(conditional=False).network
    row = np.array([[1, 1, 1, 0, 0]], dtype=np.float32)
    for rows, message in (
        (np.repeat(row, N_MAX, axis=0), "14 rows are given; the model draws at most 14"),
        (row[:0], "0 rows are given"),
        (np.vstack([row, strokes.END_TOKEN]), "ended already"),
    ):
        with pytest.raises(SketchRNNError, match=message):
            sample_strokes(network, None, 1, temperature=0, seed=0, prefix=rows)


# Completions


@every_cell
@pytest.mark.parametrize("conditional", [True, False])
@pytest.mark.parametrize("pen", ["auto", "down", "up"])
def test_the_given_points_stay(cell: str, conditional: bool, pen: Any) -> None:
    model = make_model(cell, conditional=conditional)
    completions = complete(model, PART, 12, temperature=0.8, pen=pen, seed=4)
    assert completions.seed == 4
    joined = {one.joined for one in completions if one.rest}
    assert joined == {"auto": {True, False}, "down": {True}, "up": {False}}[pen]
    for one in completions:
        assert one.given is PART
        assert_begins_with(one, PART)
        assert one.sketch.label == "my cat"
        assert one.sketch.point_count <= N_MAX + 1
        assert not any(line.flags.writeable for line in one.rest)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    lines=st.lists(
        st.lists(
            st.tuples(*[st.floats(-1e4, 1e4, allow_subnormal=False)] * 2), min_size=1, max_size=5
        ),
        min_size=1,
        max_size=4,
    ),
    pen=st.sampled_from(["auto", "down", "up"]),
    temperature=st.sampled_from([0.0, 0.3, 1.0]),
    seed=st.integers(0, 1000),
)
def test_any_part(lines: Any, pen: Any, temperature: float, seed: int) -> None:
    """Exact points, no more than N_max rows; or the one line on what is too long."""
    part, model = Sketch.from_polylines(lines), ANY
    rows = len(part.to_stroke3())
    if rows >= N_MAX:
        with pytest.raises(SketchRNNError, match=f"the part has {rows + 1} points"):
            complete(model, part, 2, pen=pen, seed=seed)
        return
    for one in complete(model, part, 2, temperature=temperature, pen=pen, seed=seed):
        assert_begins_with(one, part)
        assert len(one.sketch.to_stroke3()) <= N_MAX


ANY = make_model(end=-1.0)


def test_the_rest_by_hand() -> None:
    """The sampler's offsets times the scale, summed from the last given point."""
    model, n, seed = make_model(), 6, 2
    z = model.encode(PART)
    for pen in ("down", "up"):
        drawn = sample_strokes(
            model.network,
            torch.from_numpy(np.tile(z, (n, 1))),
            n,
            temperature=0.4,
            seed=seed,
            prefix=prefix_of(PART, pen == "up"),
        )
        for one, rows in zip(complete(model, PART, n, z=z, pen=pen, seed=seed), drawn, strict=True):
            points = [PART.polylines[-1][-1]]
            lines = [[points[0]]] if pen == "down" else [[]]
            for dx, dy, _, up, _ in rows.astype(float):
                points.append(points[-1] + SCALE * np.array([dx, dy]))
                lines[-1].append(points[-1])
                if up:
                    lines.append([])
            lines = [line for line in lines if line] if len(rows) else []
            assert len(one.rest) == len(lines)
            for ours, line in zip(one.rest, lines, strict=True):
                np.testing.assert_allclose(ours, line, rtol=0, atol=CLOSE * SCALE)


def test_nothing_more_to_draw() -> None:
    """A model that ends at once: the rest is empty and the drawing the given one."""
    for one in complete(make_model(end=50.0), PART, 3, seed=1):
        assert one.rest == ()
        assert not one.joined
        assert one.sketch == one.layers == PART
        assert one.placed(PART, fit_part(make_model(), PART)).sketch == PART


def test_seeds() -> None:
    """The same seed, the same drawings; drawing 3 of 5 is drawing 3 of 10; pens have their own."""
    model = make_model()
    for z in (None, "part"):
        few, many = (complete(model, PART, n, temperature=0.8, z=z, seed=6) for n in (5, 10))
        assert_same(few, many[:5], atol=CLOSE * SCALE)
        again = complete(model, PART, 10, temperature=0.8, z=z, seed=6)
        assert_same(again, many)
    assert complete(model, PART, 1).seed != complete(model, PART, 1).seed
    # what the pen does is not the choice of a point's numbers
    auto, down, up = (complete(model, PART, 10, pen=pen, seed=6) for pen in ("auto", "down", "up"))
    chosen = [d if one.joined else u for one, d, u in zip(auto, down, up, strict=True)]
    assert {one.joined for one in auto if one.rest} == {True, False}
    assert_same(auto, chosen, atol=CLOSE * SCALE)


@pytest.mark.parametrize("temperature", [0.0, 0.3, 1.0])
def test_the_model_decides_on_the_pen(temperature: float) -> None:
    """Down or up by softmax(logits / tau) without the end, at the last given row's place."""
    model, n = make_model(conditional=False, end=-50.0), 1000
    inputs = np.vstack([strokes.START_TOKEN, prefix_of(PART, lifted=True)[:-1]])
    with torch.no_grad():
        mixture, _ = model.network.decode(torch.from_numpy(inputs)[None], None)
        logits = mixture.pen_logits[0, -1].double().numpy()
    completions = complete(model, PART, n, temperature=temperature, seed=8)
    ups = sum(not one.joined for one in completions)
    if temperature == 0:
        assert ups == (n if logits[1] > logits[0] else 0)
        return
    p = 1 / (1 + math.exp((logits[0] - logits[1]) / temperature))
    assert 0.02 < p < 0.98
    assert abs(ups - n * p) < 4.5 * math.sqrt(n * p * (1 - p))


def test_z() -> None:
    """One each from the prior; mu of the part; as given, for all or one each."""
    model, n = make_model(), 4
    prior = normal_vectors(3, PRIOR_STREAM, n, Z)
    default = complete(model, PART, n, seed=3)
    assert_same(default, complete(model, PART, n, z=prior, seed=3))
    apart = [complete(model, PART, n, z=row, seed=3)[i] for i, row in enumerate(prior)]
    assert_same(default, apart, atol=CLOSE * SCALE)
    other = complete(model, PART, n, z="part", seed=3)
    assert_same(other, complete(model, PART, n, z=model.encode(PART), seed=3))
    assert any(one.sketch != two.sketch for one, two in zip(default, other, strict=True))


def test_layers_have_their_colors() -> None:
    completions = complete(make_model(), PART, 6, temperature=0.8, pen="down", seed=4)
    for one in completions:
        count = len(PART.polylines)
        assert Sketch(one.layers.polylines[:count], PART.label) == PART
        assert len(one.layers.polylines) == count + len(one.rest)
        assert one.stroke_colors("ink", "new") == ["ink"] * count + ["new"] * len(one.rest)
    assert completions.sketches.seed == 4
    assert completions.sketches[2] == completions[2].sketch
    svg = completions._repr_svg_()
    assert REST in svg
    assert REST in completions[0]._repr_svg_()
    assert json.dumps(completions.sheet(columns=3).to_json())


ERRORS: list[tuple[Callable[[], object], str]] = [
    (
        lambda: complete(ANY, Sketch.from_polylines([np.arange(30).reshape(-1, 2)])),
        "the part has 15 points; test model draws at most 15: give it at most 14",
    ),
    (lambda: complete(ANY, PART, 0), "number of drawings must be at least 1"),
    (lambda: complete(ANY, PART, pen="left"), "the pen goes on auto, down or up, got 'left'"),
    (lambda: complete(ANY, PART, temperature=-1), "temperature must be a number from 0"),
    (lambda: complete(ANY, PART, z="posterior"), 'z must be "part" or an array'),
    (lambda: complete(ANY, PART, z=[1.0]), "z must have 4 numbers"),
    (lambda: complete(ANY, PART, 3, z=np.zeros((2, Z))), "2 vectors z for 3 drawings"),
    (lambda: complete(make_model(conditional=False), PART, z="part"), "no encoder and no z"),
    (lambda: complete(make_model(conditional=False), PART, z=np.zeros(Z)), "no encoder and no z"),
    (lambda: fit_part(ANY, PART, share=0), "share must be a number over 0"),
    (lambda: fit_part(ANY, PART, share=math.nan), "share must be a number over 0"),
    (lambda: fit_part(ANY, PART, share=10.1), "over 0, usually up to 1 and at most 10, got 10.1"),
    (lambda: fit_part(ANY, PART, share=1e300), "at most 10, got 1e"),
    (
        lambda: fit_part(ANY, Sketch.from_polylines(np.arange(32).reshape(8, 2, 2))),
        "the part has 8 strokes, which are 16 points where each is one straight line; test model"
        " draws at most 15: give it at most 14",
    ),
]


@pytest.mark.parametrize(("call", "message"), ERRORS)
def test_errors_are_one_clear_line(call: Callable[[], object], message: str) -> None:
    with pytest.raises(SketchRNNError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


# Parts from outside

OUTSIDE = Sketch.from_polylines(
    [[[1000.1, 20], [1000.7, 20.2], [1000.9, 20.9]], [[1001, 20], [1001, 20.7]]]  # type: ignore[list-item]
)


def test_fit_part_by_share() -> None:
    for size, facts_size in ((255.0, None), (180.0, 180.0)):
        model = make_model()
        model.facts = DataFacts(scale=SCALE, size=facts_size)
        for share in (0.3, 1.0):
            fitted = model.fit_part(OUTSIDE, share=share)
            assert fitted.factor == pytest.approx(share * size / 0.9)
            assert max(fitted.sketch.size) == pytest.approx(share * size)


@every_cell
@pytest.mark.parametrize("conditional", [True, False])
def test_fit_part_takes_the_likeliest(cell: str, conditional: bool) -> None:
    """Least -log p of the same points in their own units, where p is over those of the part."""
    for scale in (1.0, 11.0, 90.0):
        model = make_model(cell, conditional=conditional)
        model.facts = DataFacts(scale=scale)
        own = fit(OUTSIDE, model.facts, N_MAX // 2, factor=SAMPLED_SHARE * 255 / 0.9)
        in_own_units = own.sketch.scaled(1 / own.factor)  # as they are, for each share
        nats = []
        for share in SHARES:
            factor = share * 255 / 0.9
            # the same model, in the part's units: it is `factor` times as small there
            there = Model(model.network, DataFacts(scale=scale / factor))
            one = likelihood(there, in_own_units)
            nats.append(one.point_nats.sum() + (one.KL_nats or 0))
        best = SHARES[int(np.argmin(nats))]
        assert fit_part(model, OUTSIDE).factor == pytest.approx(best * 255 / 0.9)


def test_fit_part_finds_the_size_that_the_model_knows() -> None:
    """Points of one spread of offsets: the share at which the part's are that long is chosen."""
    model = make_model(conditional=False)
    with torch.no_grad():
        for parameter in model.network.head.parameters():
            parameter.zero_()  # offsets N(0, 1) in scaled units, whatever came before
    rng = np.random.default_rng(5)
    steps = rng.standard_normal((6, 2))
    part = Sketch.from_polylines([np.vstack([[0, 0], steps.cumsum(axis=0)])])
    side = max(part.size)
    for share in SHARES:
        # this part's offsets have deviation 1: scaled by share * 255 / side they have the scale
        model.facts = DataFacts(scale=share * 255 / side)
        assert fit_part(model, part).factor == pytest.approx(share * 255 / side)


def test_fit_part_leaves_points_to_draw() -> None:
    angle = np.linspace(0, 40, 300)
    spiral = Sketch.from_polylines(
        [np.column_stack([angle * np.cos(angle), angle * np.sin(angle)])]
    )
    model = make_model()
    fitted = fit_part(model, spiral)
    points = fitted.sketch.point_count
    assert 2 < points <= N_MAX // 2 + 1
    left = N_MAX + 1 - points
    assert fitted.note == f"simplified to {points} points, so that {left} are left for the rest"
    for one in complete(model, fitted.sketch, 3, seed=1):
        assert_begins_with(one, fitted.sketch)
    dot = Sketch.from_polylines([[[5, 5]]])
    assert fit_part(model, dot).factor == 1.0


@pytest.mark.parametrize("count", [4, 5, 6, 7])
def test_half_of_the_points_is_a_wish(count: int) -> None:
    """Of N_max 14: 4 to 7 strokes of two points are 7 to 13 rows, and leave at least one."""
    model = make_model()
    rng = np.random.default_rng(count)
    part = Sketch.from_polylines(rng.uniform(0, 9, (count, 2, 2)))
    fitted = fit_part(model, part)
    assert (fitted.sketch.point_count, fitted.note) == (2 * count, "")
    for one in complete(model, fitted.sketch, 3, pen="up", seed=1):
        assert_begins_with(one, fitted.sketch)


def test_rings_stay_rings() -> None:
    """A stroke that ends where it began would be nothing with two points."""
    angle = np.linspace(0, 2 * np.pi, 60)
    ring = np.column_stack([np.cos(angle), np.sin(angle)])
    part = Sketch.from_polylines([ring + np.array([3 * k, 0]) for k in range(4)])
    fitted = fit_part(make_model(), part)
    assert [len(line) for line in fitted.sketch.polylines] == [3] * 4
    assert fitted.note == "simplified to 12 points, so that 3 are left for the rest"


@pytest.mark.parametrize("pen", ["down", "up"])
def test_placed(pen: Any) -> None:
    """Brought back to the original: its points exactly, the rest in its size from its last one."""
    model = make_model()
    fitted = fit_part(model, OUTSIDE)
    for one in complete(model, fitted.sketch, 5, temperature=0.8, pen=pen, seed=1):
        back = one.placed(OUTSIDE, fitted)
        assert back.given is OUTSIDE
        assert back.joined == one.joined
        assert_begins_with(back, OUTSIDE)
        assert len(back.rest) == len(one.rest)
        end = one.given.polylines[-1][-1]
        for ours, line in zip(back.rest, one.rest, strict=True):
            expected = OUTSIDE.polylines[-1][-1] + (line - end) / fitted.factor
            np.testing.assert_allclose(ours, expected, rtol=1e-12)
            # the way of `Fitted.back`, as simplifying moves no last point
            whole = fitted.back(Sketch.from_polylines([line]))
            np.testing.assert_allclose(ours, whole.polylines[0], rtol=1e-9)
