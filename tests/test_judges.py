"""The judges: how a drawing reaches them, their networks, and the files that the package ships."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from sketchrnn.data.formats import npz
from sketchrnn.judge.judges import NAMES, WEIGHTS, Judge, Opinion, both, plain
from sketchrnn.judge.networks import WIDTH, PictureJudge, StrokeJudge, _Attention
from sketchrnn.judge.reading import POINT, POINTS, prepared, rows
from sketchrnn.sketch import Sketch
from sketchrnn.strokes import EPSILON_PX, simplify

HAT = Sketch.from_polylines([[[0, 9], [6, 0], [12, 9]], [[6, 9]], [[0, 12], [12, 12]]])
CLOSE = 1e-5


def test_a_prepared_drawing_fills_the_box_and_keeps_its_corners() -> None:
    lines = prepared(HAT.scaled(3.7).moved(100, -40))
    points = np.concatenate(lines)
    np.testing.assert_allclose(np.ptp(points, axis=0).max(), 255)
    np.testing.assert_allclose(points.min(axis=0) + points.max(axis=0), 0, atol=1e-9)
    assert [len(line) for line in lines] == [3, 1, 2]


def test_preparing_twice_is_preparing_once() -> None:
    rng = np.random.default_rng(1)
    wild = Sketch.from_polylines([np.cumsum(rng.normal(size=(90, 2)), axis=0) for _ in range(2)])
    once = prepared(wild)
    twice = prepared(Sketch.from_polylines(once))
    assert sum(map(len, once)) < 180
    for first, second in zip(once, twice, strict=True):
        np.testing.assert_allclose(first, second, atol=1e-9)


def test_it_is_simplified_as_the_public_drawings_are() -> None:
    rng = np.random.default_rng(2)
    line = np.cumsum(rng.normal(size=(200, 2)), axis=0)
    line = (line - line.min(axis=0)) * (255 / np.ptp(line, axis=0).max())
    (found,) = prepared(Sketch.from_polylines([line]))
    expected = simplify(line, EPSILON_PX)
    np.testing.assert_allclose(found - found[0], expected - expected[0], atol=1e-9)


@pytest.mark.parametrize(("strokes", "points"), [(1, 5000), (40, 50), (200, 2), (600, 1)])
def test_of_a_long_drawing_the_points_that_matter_are_kept(strokes: int, points: int) -> None:
    rng = np.random.default_rng(3)
    lines = prepared(Sketch.from_polylines(list(rng.normal(size=(strokes, points, 2)))))
    assert sum(map(len, lines)) == POINTS
    assert all(map(len, lines))


def test_the_rows_of_a_drawing() -> None:
    filled, lengths = rows([prepared(HAT), prepared(Sketch.from_polylines([[[3, 3]]]))])
    assert filled.shape == (2, 6, POINT)
    assert lengths.tolist() == [6, 1]
    third = 2 / 12
    np.testing.assert_allclose(
        filled[0],
        [
            [-1, 3 * third, 0, 0, 1, 0],
            [0, -1, 1, -9 * third, 0, 0],
            [1, 3 * third, 1, 9 * third, 0, 1],
            [0, 3 * third, -1, 0, 1, 1],
            [-1, 1, -1, 3 * third, 1, 0],
            [1, 1, 2, 0, 0, 1],
        ],
        atol=1e-6,
    )
    np.testing.assert_array_equal(filled[1], [[0, 0, 0, 0, 1, 1], *[[0] * 6] * 5])


def test_batch_normalisation_becomes_part_of_the_weights() -> None:
    torch.manual_seed(1)
    trained = PictureJudge(5, normalised=True)
    for module in trained.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 2)
            nn.init.normal_(module.bias)
            nn.init.normal_(module.running_mean)
            nn.init.uniform_(module.running_var, 0.5, 2)
    grey = torch.randint(0, 256, (4, 64, 64), dtype=torch.uint8)
    with torch.inference_mode():
        torch.testing.assert_close(
            trained.folded().features(grey), trained.eval().features(grey), rtol=CLOSE, atol=CLOSE
        )


def test_attention_is_that_of_torch() -> None:
    torch.manual_seed(2)
    ours = _Attention(0.0).eval()
    theirs = nn.TransformerEncoderLayer(
        WIDTH, 4, ours.inner.out_features, 0.0, "gelu", batch_first=True, norm_first=True
    ).eval()
    theirs.self_attn.in_proj_weight.data.copy_(ours.asked.weight)
    theirs.self_attn.in_proj_bias.data.copy_(ours.asked.bias)
    pairs = {
        theirs.self_attn.out_proj: ours.given,
        theirs.linear1: ours.inner,
        theirs.linear2: ours.outer,
        theirs.norm1: ours.norm,
        theirs.norm2: ours.inner_norm,
    }
    for their, our in pairs.items():
        their.load_state_dict(our.state_dict())
    x_BTD = torch.randn(3, 7, WIDTH)
    seen_BT = torch.arange(7) < torch.tensor([7, 4, 2])[:, None]
    with torch.no_grad():
        found = ours(x_BTD, seen_BT[:, None, None, :])
        expected = theirs(x_BTD, src_key_padding_mask=~seen_BT)
    torch.testing.assert_close(found[seen_BT], expected[seen_BT], rtol=CLOSE, atol=CLOSE)


def test_what_comes_after_a_drawing_is_not_read() -> None:
    torch.manual_seed(3)
    network = StrokeJudge(4).eval()
    points, lengths = torch.randn(3, 9, POINT), torch.tensor([9, 5, 1])
    with torch.inference_mode():
        together = network.features(points, lengths)
        for number, length in enumerate(lengths.tolist()):
            alone = network.features(
                points[number : number + 1, :length], lengths[number : number + 1]
            )
            torch.testing.assert_close(together[number], alone[0], rtol=CLOSE, atol=CLOSE)


@pytest.mark.parametrize("name", NAMES)
def test_a_judge_is_a_megabyte_at_most(name: str) -> None:
    path = WEIGHTS / f"{name}.safetensors"
    assert path.stat().st_size <= 1_000_000
    judge = next(one for one in both() if one.name == name)
    assert judge.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert len(judge.classes) == 341


def test_judges_know_a_class_by_any_spelling() -> None:
    for judge in both():
        assert judge.number_of("power_outlet") == judge.number_of("Power  outlet")
        assert judge.classes[judge.number_of("the_mona_lisa") or 0] == "The Mona Lisa"
        assert judge.number_of("cat_head") is None
    assert plain("Hot_air balloon") == "hot air balloon"


def test_an_opinion_counts_any_of_the_right_classes() -> None:
    log_p = np.log(np.array([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7]], dtype=np.float32))
    opinion = Opinion(np.zeros((2, 1)), log_p)
    assert opinion.names_one_of([0]).tolist() == [True, False]
    assert opinion.names_one_of([0, 2]).tolist() == [True, True]
    assert opinion.names_one_of([1], among=2).tolist() == [True, True]
    np.testing.assert_allclose(np.exp(opinion.log_p_of([0, 1])), [0.8, 0.3], rtol=1e-6)


def test_the_answer_does_not_depend_on_the_order() -> None:
    rng = np.random.default_rng(4)
    drawings = [
        prepared(Sketch.from_polylines([rng.normal(size=(n, 2))])) for n in rng.integers(2, 30, 40)
    ]
    shuffled = rng.permutation(40)
    for judge in both():
        straight = judge.look(drawings)
        mixed = judge.look([drawings[number] for number in shuffled])
        np.testing.assert_allclose(mixed.log_p, straight.log_p[shuffled], atol=1e-4)
        again = judge.look(drawings)
        np.testing.assert_array_equal(again.features, straight.features)


def test_people_who_nobody_has_seen_are_recognised(shared: Path) -> None:
    """The figures of docs/protocol.md, on a part of the drawings that they were measured on."""
    folder = shared / "data" / "quickdraw" / "classes"
    if not folder.is_dir():
        pytest.skip("the drawings of 341 classes are not there")
    hits: dict[str, list[bool]] = {judge.name: [] for judge in both()}
    for name in ("cat", "sun", "face", "pizza", "power outlet", "butterfly", "fork", "snowman"):
        test = npz.read(folder / f"{name}.npz").test
        drawings = [prepared(Sketch.from_stroke3(test[index])) for index in range(40)]
        for judge in both():
            number = judge.number_of(name)
            assert number is not None
            hits[judge.name] += judge.look(drawings).names_one_of([number]).tolist()
    assert {name: np.mean(found) > 0.7 for name, found in hits.items()} == dict.fromkeys(
        NAMES, True
    )


@pytest.mark.parametrize("judge", both(), ids=NAMES)
def test_the_protocol_names_this_judge(judge: Judge) -> None:
    """Another file is another judge: it needs a new protocol, and new figures in the documents."""
    text = (Path(__file__).resolve().parents[1] / "docs" / "protocol.md").read_text("utf-8")
    row = next(line for line in text.splitlines() if f"`{judge.sha256[:16]}…`" in line)
    for part in ("well_filled", "all"):
        found = judge.accuracy[part]
        assert f"{found['top1']:.1%} ({found['top5']:.1%})" in row
        assert f"{found['n']:,} drawings" in text
