"""JSON with named fields: one drawing, a list of drawings, a sheet; a file of any size streams.

a drawing      {"strokes": [{"points": [[x, y], ...]}, ...], "label": "cat"}
several        [drawing, ...], or {"drawings": [drawing, ...]}
a sheet        {"rows": [[drawing or null, ...], ...]}, as `SketchSheet.to_json` makes it

The label may be missing; other keys are passed over. `drawing.schema.json`, beside this module,
says the same as a JSON schema.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import ijson
import numpy as np

from sketchrnn.data.formats.records import POINTS_LIMIT, Record, is_class_name, polyline
from sketchrnn.errors import SketchRNNError
from sketchrnn.travel import Polyline

TEXT_LIMIT_BYTES = 1 << 24  # of one drawing, and between two
DEPTH_LIMIT = 100
BLOCK_BYTES = 1 << 18
DRAWING = '{"strokes": [{"points": [[x, y], ...]}, ...]}'
READABLE = f'{DRAWING}, a list of such, {{"drawings": [...]}} or {{"rows": [[...], ...]}}'

HOLDERS = ("strokes", "drawings", "rows")  # the keys that hold drawings

Events = Iterator[tuple[str, Any]]


def records(path: str | os.PathLike[str]) -> Iterator[Record]:
    """The drawings of a file, one after the other.

    Raises:
        SketchRNNError: naming the drawing: damaged JSON, no drawing, a coordinate that is no number
            up to 1e9, more than 100,000 points or 16 MiB of text.
    """
    target = Path(path)
    with target.open("rb") as file:
        yield from _Reader(file, str(target)).drawings()


def holds_one(path: str | os.PathLike[str]) -> bool:
    """Whether a file holds one drawing, not a list or a sheet of them; or nothing that is known."""
    with Path(path).open("rb") as file:
        return _Reader(file, str(path)).first_key() in ("strokes", None)


class _Source:
    """The file as ijson reads it: no drawing may have more text than the limit."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._taken = 0
        if file.read(3) != b"\xef\xbb\xbf":  # the mark that some editors put before the text
            file.seek(0)

    def begin(self) -> None:
        """What is read from now on belongs to the next drawing."""
        self._taken = 0

    def read(self, size: int = -1) -> bytes:
        content = self._file.read(size)
        self._taken += len(content)
        if self._taken > TEXT_LIMIT_BYTES:
            raise ValueError(
                f"has more than {TEXT_LIMIT_BYTES >> 20} MiB of text, for one drawing or before one"
            )
        return content


class _Reader:
    """Walks through the events of one file."""

    def __init__(self, file: BinaryIO, where: str) -> None:
        self._source = _Source(file)
        # in large blocks, for the parser begins a number anew with each one that it goes on into
        self._events: Events = ijson.basic_parse(self._source, use_float=True, buf_size=BLOCK_BYTES)
        self._file_where = where
        self._number = 0  # of the drawing in a list; 0: outside of one

    @property
    def _where(self) -> str:
        number = f", drawing {self._number}" if self._number else ""
        return f"{self._file_where}{number}"

    def first_key(self) -> str | None:
        """Which of the keys that hold drawings comes first; "" for a list, None for neither."""
        try:
            event, _ = next(self._events)
            if event == "start_array":
                return ""
            while event == "start_map" or event == "map_key":
                event, key = next(self._events)
                if event == "map_key":
                    if key in HOLDERS:
                        return str(key)
                    self._skip(*next(self._events))
        except (ValueError, OverflowError, ijson.JSONError):
            pass  # `drawings` says what is wrong
        return None

    def drawings(self) -> Iterator[Record]:
        """All drawings."""
        try:
            yield from self._document()
        except ijson.JSONError as error:
            # of the picture that yajl draws of the place, its first line
            reason = str(error).removeprefix("b'").split("\\n")[0].splitlines()[0]
            raise SketchRNNError(f"{self._where}: is damaged JSON ({reason:.80})") from None
        except (ValueError, OverflowError) as error:
            raise SketchRNNError(f"{self._where}: {error}") from None

    def _document(self) -> Iterator[Record]:
        event, _ = next(self._events)
        if event == "start_array":
            yield from self._list()
        elif event == "start_map":
            yield from self._map()
        else:
            raise ValueError(f"holds no drawing; expected {READABLE}")
        next(self._events, None)  # what stands behind it is refused

    def _list(self) -> Iterator[Record]:
        """Drawings up to the end of a list; null is an empty place."""
        while (first := next(self._events))[0] != "end_array":
            if first[0] == "null":
                continue
            self._number += 1
            if first[0] != "start_map":
                raise ValueError(f"a drawing is {DRAWING}")
            lines, label = self._drawing()
            if lines is None:
                raise ValueError(f"a drawing is {DRAWING}")
            yield Record(lines, label, self._where, raw=True)
            self._source.begin()

    def _map(self) -> Iterator[Record]:
        """The drawings of the outermost map, or the one that it is."""
        found: list[str] = []
        lines: tuple[Polyline, ...] = ()
        label: object = None
        for event, key in self._events:
            if event == "end_map":
                break
            first = next(self._events)
            if key in HOLDERS:
                found.append(key)
                if len(found) > 1:
                    raise ValueError(f'has "{found[0]}" and "{key}"; one of them is expected')
            if key == "strokes":
                lines = self._strokes(first)
            elif key == "drawings":
                self._expect_list(first, key)
                yield from self._list()
            elif key == "rows":
                self._expect_list(first, key)
                while (row := next(self._events))[0] != "end_array":
                    self._expect_list(row, "a row")
                    yield from self._list()
            else:
                if key == "label":
                    label = first[1] if first[0] in ("string", "null") else first
                self._skip(*first)
        if not found:
            raise ValueError(f"holds no drawing; expected {READABLE}")
        if found == ["strokes"]:
            yield Record(lines, _class_name(label), self._where, raw=True)

    def _drawing(self) -> tuple[tuple[Polyline, ...] | None, str | None]:
        """The strokes and the class of a drawing whose map has begun."""
        lines, label = None, None
        for event, key in self._events:
            if event == "end_map":
                break
            first = next(self._events)
            if key == "strokes":
                lines = self._strokes(first)
            elif key == "label":
                label = _class_name(first[1] if first[0] in ("string", "null") else first)
                self._skip(*first)
            else:
                self._skip(*first)
        return lines, label

    def _strokes(self, first: tuple[str, Any]) -> tuple[Polyline, ...]:
        self._expect_list(first, "strokes")
        lines: list[Polyline] = []
        room = POINTS_LIMIT
        while (begin := next(self._events))[0] != "end_array":
            points: list[float] | None = None
            if begin[0] == "start_map":
                for event, key in self._events:
                    if event == "end_map":
                        break
                    first = next(self._events)
                    if key == "points":
                        points = self._points(first, room)
                        room -= len(points) // 2
                    else:
                        self._skip(*first)
            if points is None:
                raise ValueError('a stroke is {"points": [[x, y], ...]}')
            lines.append(polyline(np.array(points, dtype=np.float64).reshape(-1, 2)))
        return tuple(lines)

    def _points(self, first: tuple[str, Any], room: int) -> list[float]:
        """x and y of one point after the other."""
        events = self._events
        flat: list[float] = []
        if first[0] == "start_array":
            for event, _ in events:
                if event == "end_array":
                    return flat
                if event != "start_array":
                    break
                (kind_x, x), (kind_y, y), (end, _) = next(events), next(events), next(events)
                if kind_x != "number" or kind_y != "number" or end != "end_array":
                    break
                flat += (x, y)
                if len(flat) > 2 * room:
                    raise ValueError(f"has more than {POINTS_LIMIT:,} points")
        raise ValueError("points are a list of [x, y], two numbers each")

    @staticmethod
    def _expect_list(first: tuple[str, Any], name: str) -> None:
        if first[0] != "start_array":
            raise ValueError(f"{name} must be a list; expected {READABLE}")

    def _skip(self, event: str, _: object = None) -> None:
        """Pass over a value that begins with this event."""
        depth = 0
        while True:
            if event in ("start_map", "start_array"):
                depth += 1
            elif event in ("end_map", "end_array"):
                depth -= 1
            if depth == 0:
                return
            if depth > DEPTH_LIMIT:
                raise ValueError(f"has more than {DEPTH_LIMIT} lists inside each other")
            event, _ = next(self._events)


def _class_name(label: Any) -> str | None:
    if label is None:
        return None
    if not is_class_name(label):
        raise ValueError('"label" is the name of a class, in at most 255 printable characters')
    return str(label) or None
