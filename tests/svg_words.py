"""Short SVG documents, and what is read of them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sketchrnn.data.formats.svg import parse

Lines = list[npt.NDArray[np.float64]]


def svg(body: str, attributes: str = 'viewBox="0 0 100 100"') -> str:
    return f'<svg xmlns="http://www.w3.org/2000/svg" {attributes}>{body}</svg>'


def lines(
    body: str, attributes: str = 'viewBox="0 0 100 100"', tolerance: float | None = None
) -> Lines:
    return list(parse(svg(body, attributes), tolerance=tolerance).sketch.polylines)


def one(body: str, attributes: str = 'viewBox="0 0 100 100"') -> npt.NDArray[np.float64]:
    (line,) = lines(body, attributes)
    return line


def same(found: Lines, expected: list[list[tuple[float, float]]]) -> None:
    assert [len(line) for line in found] == [len(line) for line in expected]
    for line, points in zip(found, expected, strict=True):
        np.testing.assert_allclose(line, points, atol=1e-9)


# A shape that is always read.
STAYS = '<path d="M1 1L2 2"/>'
