"""Sketch: one drawing in the user's own units."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sketchrnn import registry, strokes, svgtext
from sketchrnn.errors import SketchRNNError
from sketchrnn.svgtext import INK, PEN_SHARE, ROUND, SVG_TAIL, number
from sketchrnn.travel import Polyline as Polyline  # what a sketch is made of

LEAST_SIDE = 1e-9  # a smaller drawing is a dot: an SVG has no decimals for it


@dataclass(frozen=True, eq=False)
class Sketch:
    """One drawing: its strokes as polylines, in the user's own units, y pointing down.

    Make one with `Sketch.from_polylines`, `from_stroke3`, `from_stroke5` or `from_json`. It never
    changes; `scaled`, `moved` and `fitted` return new ones. In a notebook it displays itself.

    >>> import sketchrnn
    >>> hat = sketchrnn.Sketch.from_polylines([[[0, 9], [6, 0], [12, 9]]], label="hat")
    >>> hat.size, hat.to_stroke3().tolist()
    ((12.0, 9.0), [[6.0, -9.0, 0.0], [6.0, 9.0, 1.0]])
    >>> hat.save("hat.svg")

    Attributes:
        polylines: one array [n, 2] a stroke, in drawing order.
        label: what is drawn, if known; captions use it.
    """

    polylines: tuple[Polyline, ...]
    label: str | None = None

    @classmethod
    def from_polylines(cls, polylines: Iterable[npt.ArrayLike], label: str | None = None) -> Sketch:
        """A sketch of polylines [n, 2]. Raises SketchRNNError on empty or non-finite ones."""
        try:
            lines = [np.array(line, dtype=np.float64) for line in polylines]
        except (TypeError, ValueError):
            raise SketchRNNError(
                "a drawing is a list of strokes, each an array of points [n, 2] of numbers"
            ) from None
        strokes.polylines_to_stroke3(lines)  # the one check of shape and values
        return cls._frozen(lines, label)

    @classmethod
    def from_stroke3(
        cls, rows: npt.ArrayLike, start: npt.ArrayLike = (0.0, 0.0), label: str | None = None
    ) -> Sketch:
        """A sketch of stroke-3 rows [N, 3] (dx, dy, pen lifted), the pen starting at `start`."""
        origin = np.asarray(start, dtype=np.float64)
        if origin.shape != (2,) or not np.isfinite(origin).all():
            raise SketchRNNError(f"the start of a drawing is two finite numbers, got {start!r}")
        return cls._frozen(strokes.stroke3_to_polylines(rows, origin), label)

    @classmethod
    def from_stroke5(
        cls, array: npt.ArrayLike, start: npt.ArrayLike = (0.0, 0.0), label: str | None = None
    ) -> Sketch:
        """A sketch of stroke-5 rows [T, 5], read up to the first p3."""
        return cls.from_stroke3(strokes.stroke5_to_stroke3(array), start, label)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Sketch:
        """A sketch of `{"strokes": [{"points": [[x, y], ...]}, ...], "label": ...}`."""
        try:
            lines = [np.array(stroke["points"], dtype=np.float64) for stroke in document["strokes"]]
        except (KeyError, TypeError, ValueError):
            raise SketchRNNError(
                'a drawing in JSON is {"strokes": [{"points": [[x, y], ...]}, ...]}'
            ) from None
        label = document.get("label")
        return cls.from_polylines(lines, None if label is None else str(label))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Sketch:
        """The drawing of an .svg or .json file, in its own units; SketchRNNError for others."""
        sketch: Sketch = registry.read_drawing(path).sketch
        return sketch

    @classmethod
    def _frozen(cls, lines: Iterable[Polyline], label: str | None) -> Sketch:
        kept = tuple(lines)
        for line in kept:
            line.flags.writeable = False
        return cls(kept, label)

    @property
    def start(self) -> tuple[float, float]:
        """The first point, where the pen is set down."""
        x, y = self.polylines[0][0].tolist()
        return x, y

    @property
    def point_count(self) -> int:
        """Number of points in all strokes."""
        return sum(len(line) for line in self.polylines)

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """(left, top, right, bottom) of all points."""
        points = np.concatenate(self.polylines)
        (left, top), (right, bottom) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
        return left, top, right, bottom

    @property
    def size(self) -> tuple[float, float]:
        """(width, height) of the bounds."""
        left, top, right, bottom = self.bounds
        return right - left, bottom - top

    def to_stroke3(self) -> npt.NDArray[np.float64]:
        """Stroke-3 rows [N, 3] with N = point_count - 1; the start point is in `start`."""
        return strokes.polylines_to_stroke3(self.polylines)[0]

    def to_stroke5(self, N_max: int) -> npt.NDArray[np.float32]:
        """Stroke-5 [N_max, 5], padded with (0, 0, 0, 0, 1). Raises SketchRNNError if longer."""
        return strokes.stroke3_to_stroke5(self.to_stroke3(), N_max)

    def to_json(self) -> dict[str, Any]:
        """The drawing as a JSON document; `from_json` reads it back."""
        label = {} if self.label is None else {"label": self.label}
        return {"strokes": [{"points": line.tolist()} for line in self.polylines], **label}

    def scaled(self, factor: float) -> Sketch:
        """A copy with every coordinate times `factor`."""
        if not np.isfinite(factor):
            raise SketchRNNError(f"cannot scale a drawing by {factor}; give a finite number")
        return self._frozen((line * factor for line in self.polylines), self.label)

    def moved(self, dx: float, dy: float) -> Sketch:
        """A copy moved by (dx, dy)."""
        if not np.isfinite((dx, dy)).all():
            raise SketchRNNError(f"cannot move a drawing by ({dx}, {dy}); give finite numbers")
        return self._frozen((line + np.array([dx, dy]) for line in self.polylines), self.label)

    def fitted(self, width: float, height: float) -> Sketch:
        """A copy scaled evenly and centred in the box (0, 0) to (width, height)."""
        if not (0 < width < np.inf and 0 < height < np.inf):
            raise SketchRNNError(f"cannot fit a drawing in a box of {width} x {height}")
        left, top, right, bottom = self.bounds
        sides = zip((width, height), self.size, strict=True)
        factor = min((strokes.filling(box, side) for box, side in sides if side > 0), default=1.0)
        return self.scaled(factor).moved(
            (width - factor * (left + right)) / 2, (height - factor * (top + bottom)) / 2
        )

    def to_svg(
        self, *, stroke: str = INK, stroke_width: float | None = None, margin: float = 0.06
    ) -> str:
        """An SVG document: one path a stroke, absolute M and L, the viewBox in the sketch's units.

        Args:
            stroke: colour of the line.
            stroke_width: in the sketch's units; by default 1/90 of the larger side.
            margin: white space around it, as a share of the larger side.
        """
        head, decimals = self.svg_head(stroke=stroke, stroke_width=stroke_width, margin=margin)
        data = (svgtext.path_data(line, decimals) for line in self.polylines)
        return head + "".join(f'<path d="{one}"/>' for one in data) + SVG_TAIL

    def svg_head(
        self, *, stroke: str = INK, stroke_width: float | None = None, margin: float = 0.06
    ) -> tuple[str, int]:
        """What stands before the paths in `to_svg`, and the decimals of their coordinates."""
        left, top, _, _ = self.bounds
        width, height = self.size
        side = max(width, height) if max(width, height) >= LEAST_SIDE else 1.0
        pen = side / PEN_SHARE if stroke_width is None else stroke_width
        space = side * margin + pen / 2
        box = (left - space, top - space, width + 2 * space, height + 2 * space)
        decimals = svgtext.decimals_for(side)
        view = " ".join(number(value, decimals) for value in box)
        pixels = 256 / max(box[2:])
        shown = (number(side * pixels, 2) for side in box[2:])
        head = (
            f"{svgtext.svg_head(view, *shown)}{svgtext.title(self.label)}"
            f'<g fill="none" stroke="{svgtext.xml_text(stroke)}"'
            f' stroke-width="{number(pen, decimals + 1)}" {ROUND}>'
        )
        return head, decimals

    def save(self, path: str | os.PathLike[str], *, seconds: float | None = None) -> None:
        """Write the format that the ending of `path` names, whole or not at all.

        .svg, .anim.svg (it draws itself), .png, .pdf, .gif, .webp, or as data: .json, .npz
        (stroke-3), .ndjson (QuickDraw).

        Args:
            path: the file.
            seconds: how long it takes to draw itself; None: 2 to 8 s, by how much there is.

        Raises:
            SketchRNNError: an unknown ending, or one that needs a package that is not installed.
        """
        registry.save(self, path, "drawing", seconds=seconds)

    def _repr_svg_(self) -> str:
        return self.to_svg()

    def __repr__(self) -> str:
        label = f" {self.label!r}" if self.label else ""
        width, height = self.size
        return (
            f"<Sketch{label}: {len(self.polylines)} strokes, {self.point_count} points,"
            f" {width:g} x {height:g}>"
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sketch):
            return NotImplemented
        return (
            self.label == other.label
            and len(self.polylines) == len(other.polylines)
            and all(map(np.array_equal, self.polylines, other.polylines))
        )

    def __hash__(self) -> int:
        return hash((self.label, tuple(line.tobytes() for line in self.polylines)))
