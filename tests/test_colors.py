"""Colours, against the definition of OKLab written once more by way of CIE XYZ."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sketchrnn.errors import SketchRNNError
from sketchrnn.figures.colors import (
    INK,
    PALETTE,
    PAPER,
    REST,
    blend,
    from_oklab,
    heat,
    to_oklab,
)

hex_colors = st.integers(0, 0xFFFFFF).map("#{:06x}".format)

# https://bottosson.github.io/posts/oklab/: from XYZ (D65) to cone responses, and from there to Lab
M1 = [
    [0.8189330101, 0.3618667424, -0.1288597137],
    [0.0329845436, 0.9293118715, 0.0361456387],
    [0.0482003018, 0.2643662691, 0.6338517070],
]
M2 = [
    [0.2104542553, 0.7936177850, -0.0040720468],
    [1.9779984951, -2.4285922050, 0.4505937099],
    [0.0259040371, 0.7827717662, -0.8086757660],
]
# IEC 61966-2-1: linear sRGB to XYZ (D65)
RGB_TO_XYZ = [
    [0.4123907993, 0.3575843394, 0.1804807884],
    [0.2126390059, 0.7151686788, 0.0721923154],
    [0.0193308187, 0.1191947798, 0.9505321522],
]


def lab_of_xyz(xyz: list[float]) -> np.ndarray:
    cones = np.array(M1) @ xyz
    return np.array(M2) @ (np.sign(cones) * np.abs(cones) ** (1 / 3))


def expected_lab(color: str) -> np.ndarray:
    linear = []
    for byte in bytes.fromhex(color[1:]):
        value = byte / 255
        linear.append(value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4)
    return lab_of_xyz(list(np.array(RGB_TO_XYZ) @ linear))


@pytest.mark.parametrize(
    ("xyz", "lab"),
    [
        ([0.950, 1.000, 1.089], [1.000, 0.000, 0.000]),
        ([1.000, 0.000, 0.000], [0.450, 1.236, -0.019]),
        ([0.000, 1.000, 0.000], [0.922, -0.671, 0.263]),
        ([0.000, 0.000, 1.000], [0.153, -1.415, -0.449]),
    ],
)
def test_the_oracle_gives_the_pairs_that_the_definition_lists(
    xyz: list[float], lab: list[float]
) -> None:
    np.testing.assert_allclose(lab_of_xyz(xyz), lab, atol=6e-4)


@pytest.mark.parametrize(
    ("color", "lab"),
    [
        ("#000000", [0, 0, 0]),
        ("#ffffff", [1, 0, 0]),
        ("#ff0000", [0.62796, 0.22486, 0.12585]),
        ("#00ff00", [0.86644, -0.23389, 0.17950]),
        ("#0000ff", [0.45201, -0.03246, -0.31153]),
    ],
)
def test_oklab_of_known_colors(color: str, lab: list[float]) -> None:
    np.testing.assert_allclose(to_oklab(color), lab, atol=1e-4)
    assert from_oklab(lab) == color


@given(hex_colors)
def test_oklab_is_that_of_the_definition_and_goes_back(color: str) -> None:
    np.testing.assert_allclose(to_oklab(color), expected_lab(color), atol=2e-4)
    assert from_oklab(to_oklab(color)) == color


def test_short_and_capital_hex() -> None:
    assert from_oklab(to_oklab("#F0a")) == from_oklab(to_oklab("#FF00AA")) == "#ff00aa"


def test_what_no_screen_shows_is_cut() -> None:
    assert from_oklab([2, 0, 0]) == "#ffffff"
    assert from_oklab([-1, 0, 0]) == "#000000"
    assert from_oklab([0.62796, 0.4, 0.2])[1:3] == "ff"


@given(hex_colors, st.floats(0, 1))
def test_a_blend_of_one_color_is_that_color(color: str, share: float) -> None:
    assert blend([color, color], [share, 1 - share]) == color
    assert blend([color], [7]) == color
    assert blend(["#123456", color], [0, 3]) == color


@given(st.lists(st.tuples(hex_colors, st.floats(0.01, 1)), min_size=1, max_size=4))
def test_a_blend_is_the_weighted_mean_in_oklab(parts: list[tuple[str, float]]) -> None:
    colors, weights = zip(*parts, strict=True)
    mean = np.average([expected_lab(color) for color in colors], axis=0, weights=weights)
    blended = blend(colors, weights)
    assert blended == blend(colors, [5 * weight for weight in weights])
    rgb = np.array(list(bytes.fromhex(blended[1:])))
    if rgb.min() > 0 and rgb.max() < 255:  # else it may have been cut
        # Half a step of a byte; in the dark a step of L, a and b is large.
        np.testing.assert_allclose(expected_lab(blended), mean, atol=0.02)
        around = [
            expected_lab("#" + bytes((rgb + step).astype(np.uint8)).hex())
            for step in itertools.product((-1, 0, 1), repeat=3)
        ]
        distances = np.linalg.norm(np.array(around) - mean, axis=1)
        assert np.linalg.norm(expected_lab(blended) - mean) < distances.min() + 0.012


def test_the_middle_of_black_and_white_is_half_as_light() -> None:
    # L = 0.5 means a linear value of 0.5^3 = 1/8, and sRGB 1.055 / 8^(1/2.4) - 0.055 = 0.3886
    assert blend(["#000000", "#ffffff"], [1, 1]) == "#636363"


@pytest.mark.parametrize(
    ("colors", "weights", "message"),
    [
        (["red"], [1], "'red' is no colour to blend"),
        (["#12345"], [1], "write it as #rrggbb"),
        (["#123456\n"], [1], "no colour to blend"),
        (["#000"], [1, 2], "2 weights for 1 colors"),
        ([], [], "weights of colors are"),
        (["#000", "#fff"], [0, 0], "not all 0"),
        (["#000", "#fff"], [2, -1], "none under 0"),
        (["#000", "#fff"], [float("nan"), 1], "weights of colors"),
        (["#000", "#fff"], [float("inf"), 1], "weights of colors"),
    ],
)
def test_bad_input_gets_one_line(colors: list[str], weights: list[float], message: str) -> None:
    with pytest.raises(SketchRNNError, match=message):
        blend(colors, weights)


def contrast(color: str) -> float:
    """Of a colour on white paper, as WCAG 2 defines it."""
    linear = [
        v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4
        for v in (byte / 255 for byte in bytes.fromhex(color[1:]))
    ]
    return 1.05 / (float(np.dot([0.2126, 0.7152, 0.0722], linear)) + 0.05)


def test_the_palette_can_be_seen_and_its_blends_are_no_grey() -> None:
    assert len(PALETTE) == 4
    for color in (*PALETTE, REST):
        assert contrast(color) > 3
    for x, y in itertools.product(np.linspace(0, 1, 7), repeat=2):
        mixed = blend(PALETTE, [(1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y])
        assert np.hypot(*expected_lab(mixed)[1:]) > 0.1
    for one, other in itertools.combinations([*PALETTE, INK], 2):
        assert np.linalg.norm(expected_lab(one) - expected_lab(other)) > 0.12
    assert np.linalg.norm(expected_lab(REST) - expected_lab(INK)) > 0.3


def test_heat_goes_from_quiet_to_red() -> None:
    shares = np.linspace(0, 1, 21)
    labs = np.array([expected_lab(heat(share)) for share in shares])
    assert (np.diff(labs[:, 1]) > 0).all(), "ever redder"
    chroma = np.hypot(labs[:, 1], labs[:, 2])
    assert chroma[0] < 0.02
    assert chroma[-1] > 0.2
    assert np.linalg.norm(np.diff(labs, axis=0), axis=1).max() < 0.04, "no jump"
    assert contrast(PAPER) == pytest.approx(1)
    assert all(contrast(heat(share)) > 2.5 for share in shares)
    assert heat(-3) == heat(0)
    assert heat(1.5) == heat(1)
    with pytest.raises(SketchRNNError, match="share of heat"):
        heat(float("nan"))
