"""JSON with named fields: one drawing, a list of drawings, a sheet; a file of any size streams.

a drawing      {"strokes": [{"points": [[x, y], ...]}, ...], "label": "cat"}
several        [drawing, ...], or {"drawings": [drawing, ...]}
a sheet        {"rows": [[drawing or null, ...], ...]}, as `SketchSheet.to_json` makes it

The label may be missing; other keys are passed over. `drawing.schema.json`, beside this module,
says the same as a JSON schema.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import chain, count, islice
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from sketchrnn.data.formats import streamed
from sketchrnn.data.formats.records import (
    Given,
    Record,
    check_points,
    check_size,
    check_written,
    class_of,
    polyline,
)
from sketchrnn.data.names import is_class_name
from sketchrnn.errors import SketchRNNError, naming
from sketchrnn.files import replacing
from sketchrnn.registry import DRAWING_LIMIT_BYTES
from sketchrnn.sketch import Sketch
from sketchrnn.travel import Polyline

TEXT_LIMIT_BYTES = DRAWING_LIMIT_BYTES  # of one drawing, and between two
DEPTH_LIMIT = 100
BLOCK_BYTES = 1 << 18
DRAWING = '{"strokes": [{"points": [[x, y], ...]}, ...]}'
READABLE = f'{DRAWING}, a list of such, {{"drawings": [...]}} or {{"rows": [[...], ...]}}'

HOLDERS = ("strokes", "drawings", "rows")  # the keys that hold drawings

Event = tuple[str, Any]


def records(path: Path) -> Iterator[Record]:
    """The drawings of a file, one after the other; what is wrong names the drawing."""
    with path.open("rb") as file:
        yield from _Reader(file, str(path)).drawings()


def holds_one(path: Path) -> bool:
    """Whether a file holds one drawing, not a list or a sheet of them; or nothing that is known."""
    with path.open("rb") as file:
        reader = _Reader(file, str(path))
        with suppress(SketchRNNError):  # `records` says what is wrong
            next(reader.drawings(), None)
    return reader.holder in ("strokes", None)


def parse(content: bytes, where: str) -> Given:
    """One drawing of a text from outside: JSON, the lines of `generate --stream`, or an SVG.

    Args:
        content: what a file or standard input has, at most 16 MiB.
        where: what to call it in a message.
    """
    if content[:64].lstrip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n").startswith(b"<"):
        from sketchrnn.data.formats import svg  # slow to load, as is ijson

        return svg.parse(content, where)
    with naming(where):
        check_size(content)
        try:
            text = content.decode("utf-8-sig").strip()
        except UnicodeDecodeError:
            text = "?"
        if not text:
            raise SketchRNNError("is empty; a drawing has at least one stroke")
        if text[0] not in "{[":
            raise SketchRNNError("is neither SVG nor JSON, so it is no drawing")
        if streamed.begins_as_such(text):
            return streamed.parse(text, where)
    only: Record | None = None
    found = 0
    for record in _Reader(io.BytesIO(content), where, any_text=True).drawings():
        only, found = record, found + 1
    if only is None or found > 1:
        raise SketchRNNError(
            f"{where}: is a sheet of {found} drawings, and one is asked for: write each to a file"
            " of its own, with --each DIR"
        )
    with naming(only.where):
        return Given(Sketch.from_polylines(only.polylines, only.label), where)


class _Reader:
    """Walks through the events of one file, of which no drawing may have more text than the limit.

    Args:
        file: JSON.
        where: what to call it in a message.
        any_text: also what can be no class is a label.
    """

    def __init__(self, file: BinaryIO, where: str, *, any_text: bool = False) -> None:
        self._file, self._any_text = file, any_text
        self._taken = 0  # bytes of the drawing that is being read
        if file.read(3) != b"\xef\xbb\xbf":  # the mark that some editors put before the text
            file.seek(0)
        import ijson

        self._damaged: type[Exception] = ijson.JSONError
        # in large blocks, for the parser begins a number anew with each one that it goes on into
        self._events: Iterator[Event] = ijson.basic_parse(
            self, use_float=True, buf_size=BLOCK_BYTES
        )
        self._file_where = self._where = where
        self._number = 0  # of the drawing in a list
        self.holder: str | None = None  # the key that holds the drawings; "": a list

    def read(self, size: int = -1) -> bytes:
        """What ijson reads."""
        content = self._file.read(size)
        self._taken += len(content)
        if self._taken > TEXT_LIMIT_BYTES:
            raise ValueError(
                f"has more than {TEXT_LIMIT_BYTES >> 20} MiB of text, for one drawing or before one"
            )
        return content

    def drawings(self) -> Iterator[Record]:
        """All drawings."""
        try:
            event, _ = next(self._events)
            if event == "start_array":
                self.holder = ""
                yield from self._list()
            elif event == "start_map":
                yield from self._map(outermost=True)
            else:
                raise ValueError(f"holds no drawing; expected {READABLE}")
            next(self._events, None)  # what stands behind it is refused
        except self._damaged as error:
            # of the picture that yajl draws of the place, its first line
            reason = str(error).removeprefix("b'").split("\\n")[0].splitlines()[0]
            raise SketchRNNError(f"{self._where}: is damaged JSON ({reason:.80})") from None
        except (ValueError, OverflowError) as error:
            raise SketchRNNError(f"{self._where}: {error}") from None

    def _list(self) -> Iterator[Record]:
        """Drawings up to the end of a list; null is an empty place."""
        for event, _ in self._items():
            if event == "null":
                continue
            self._number += 1
            self._where = f"{self._file_where}, drawing {self._number}"
            if event != "start_map":
                raise ValueError(f"a drawing is {DRAWING}")
            yield from self._map()
            self._taken = 0

    def _map(self, *, outermost: bool = False) -> Iterator[Record]:
        """The drawing that a map is; the outermost one may hold many in place of it."""
        lines: tuple[Polyline, ...] | None = None
        label: object = None
        for key, first in self._entries():
            if outermost and key in HOLDERS:
                if self.holder is not None:
                    raise ValueError(f'has "{self.holder}" and "{key}"; one of them is expected')
                self.holder = key
            if key == "strokes":
                self._expect_list(first, key)
                lines = self._strokes()
            elif outermost and key == "drawings":
                self._expect_list(first, key)
                yield from self._list()
            elif outermost and key == "rows":
                self._expect_list(first, key)
                for row in self._items():
                    self._expect_list(row, "a row")
                    yield from self._list()
            else:
                if key == "label":
                    label = first[1] if first[0] in ("string", "null") else first
                self._pass_over(first)
        if lines is not None:
            yield Record(lines, self._label(label), self._where, raw=True)
        elif not outermost:
            raise ValueError(f"a drawing is {DRAWING}")
        elif self.holder is None:
            raise ValueError(f"holds no drawing; expected {READABLE}")

    def _label(self, label: Any) -> str | None:
        if label is None:
            return None
        if not (is_class_name(label) or (self._any_text and isinstance(label, str))):
            raise ValueError('"label" is the name of a class, in at most 255 printable characters')
        return str(label) or None

    def _strokes(self) -> tuple[Polyline, ...]:
        lines: list[Polyline] = []
        taken = 0
        for event, _ in self._items():
            points: list[float] | None = None
            for key, first in self._entries() if event == "start_map" else ():
                if key == "points":
                    points = self._points(first, taken)
                    taken += len(points) // 2
                else:
                    self._pass_over(first)
            if points is None:
                raise ValueError('a stroke is {"points": [[x, y], ...]}')
            lines.append(polyline(np.array(points, dtype=np.float64).reshape(-1, 2)))
        return tuple(lines)

    def _points(self, first: Event, before: int) -> list[float]:
        """x and y of one point after the other; so many points came before."""
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
                check_points(before + len(flat) // 2)
        raise ValueError("points are a list of [x, y], two numbers each")

    def _items(self) -> Iterator[Event]:
        """The first event of each part of a list that has begun; who takes it reads the rest."""
        while (first := next(self._events))[0] != "end_array":
            yield first

    def _entries(self) -> Iterator[tuple[str, Event]]:
        """The same of a map: keys, and the first events of their values."""
        while (entry := next(self._events))[0] != "end_map":
            yield entry[1], next(self._events)

    @staticmethod
    def _expect_list(first: Event, name: str) -> None:
        if first[0] != "start_array":
            raise ValueError(f"{name} must be a list; expected {READABLE}")

    def _pass_over(self, first: Event) -> None:
        """A value that begins with this event, whatever is in it."""
        event, depth = first[0], 0
        while True:
            depth += event in ("start_map", "start_array")
            depth -= event in ("end_map", "end_array")
            if depth == 0:
                return
            if depth > DEPTH_LIMIT:
                raise ValueError(f"has more than {DEPTH_LIMIT} lists inside each other")
            event, _ = next(self._events)


# Writing ------------------------------------------------------------------------------------------


def content(thing: Any, path: str | os.PathLike[str], **options: Any) -> str:
    """The JSON document of what is saved, with its drawings as the reader takes them."""
    return json.dumps(_readable(thing.to_json(), count(1))) + "\n"


def _readable(part: Any, numbers: Iterator[int]) -> Any:
    """A part of a document; `numbers` counts its drawings."""
    if isinstance(part, dict) and "strokes" in part:
        return _document_of(Sketch.from_json(part), next(numbers))
    if isinstance(part, dict):
        return {key: _readable(value, numbers) for key, value in part.items()}
    if isinstance(part, list):
        return [_readable(value, numbers) for value in part]
    return part


def write(path: str | os.PathLike[str], drawings: Iterable[tuple[str, Sketch]]) -> int:
    """Write drawings, whole or not at all; returns how many there are.

    One alone is a document of its own, several are `{"drawings": [...]}`.
    """
    rest = (_document_of(sketch, number) for number, (_, sketch) in enumerate(drawings, start=1))
    first = list(islice(rest, 2))
    written = 0
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        if len(first) == 1:
            file.write(json.dumps(first[0]) + "\n")
            return 1
        file.write('{"drawings": [')
        for document in chain(first, rest):
            file.write(("," if written else "") + "\n" + json.dumps(document))
            written += 1
        file.write("\n]}\n")
    return written


def _document_of(sketch: Sketch, number: int) -> dict[str, Any]:
    """`Sketch.to_json`, with the label as the reader takes it."""
    check_written(sketch, number, place=True)
    return replace(sketch, label=class_of(sketch.label)).to_json()
