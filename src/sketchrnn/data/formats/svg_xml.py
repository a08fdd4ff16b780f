"""The elements of an SVG document; what could be dangerous is refused while it is read.

Programs write documents that are not quite correct: without the namespace of SVG, with prefixes
that nothing declares (Inkscape, KanjiVG), with a DOCTYPE that declares attributes or short texts
(Illustrator's `&st0;`). These are read. Entities that name a file, use each other, or unfold to
more than they may are not, and nothing outside the file is ever opened.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from sketchrnn.errors import SketchRNNError
from sketchrnn.registry import DRAWING_LIMIT_BYTES

ELEMENTS_LIMIT = 20_000  # `use` counted as often as it is used
DEPTH_LIMIT = 100
UNFOLDED_LIMIT = 1 << 20  # characters that entities may become
BLOCK_BYTES = 1024  # that are read first

SVG, XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
SPACES = {"": SVG, "svg": SVG, "xlink": XLINK, "xml": "xml"}  # of prefixes, until one is declared


def tree(data: bytes) -> Element:
    """The outermost element. Its names and those in it have no namespace, but foreign ones do.

    Attributes with a prefix are left out, except that `xlink:href` is called `href`.

    Raises:
        SketchRNNError: damaged, dangerous, or more elements than a drawing has.
    """
    reader = _Reader(data)
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.specified_attributes = True  # not what a DOCTYPE gives to all elements of a name
    parser.StartElementHandler, parser.EndElementHandler = reader.start, reader.end
    parser.CharacterDataHandler = reader.text
    parser.EntityDeclHandler, parser.SkippedEntityHandler = reader.declared, reader.skipped
    begin, size = 0, BLOCK_BYTES
    try:
        while begin < len(data):
            parser.Parse(data[begin : begin + size], False)
            # twice as much each time: expat begins anew with what it did not see the end of
            begin, size = begin + size, 2 * size
        parser.Parse(b"", True)
    except SketchRNNError:
        raise
    except (expat.ExpatError, ValueError, LookupError) as error:
        # LookupError: an unknown encoding
        kind = "is a PDF, no SVG" if data.startswith(b"%PDF") else "is no SVG, or damaged"
        raise SketchRNNError(f"{kind} ({error})") from None
    return reader.tree.close()


def check_element(count: int, depth: int) -> None:
    """Raises SketchRNNError for more elements than a drawing has, in all or inside each other."""
    if count > ELEMENTS_LIMIT:
        raise SketchRNNError(f"has more than {ELEMENTS_LIMIT:,} elements; one drawing never has")
    if depth > DEPTH_LIMIT:
        raise SketchRNNError(f"has more than {DEPTH_LIMIT} elements inside each other")


class _Reader:
    """Takes in what expat finds."""

    def __init__(self, data: bytes) -> None:
        self.tree = TreeBuilder()
        self._references = data.count(b"&")  # at most: in every encoding that expat knows
        self._count = self._characters = 0
        self._spaces = [SPACES]  # of the elements around, from the outermost

    def start(self, name: str, given: dict[str, str]) -> None:
        self._count += 1
        check_element(self._count, len(self._spaces))
        self._add(sum(map(len, given.values())))
        declared = {key[6:]: uri for key, uri in given.items() if key.split(":")[0] == "xmlns"}
        spaces = self._spaces[-1] | declared if declared else self._spaces[-1]
        self._spaces.append(spaces)
        kept = {key: value for key, value in given.items() if ":" not in key}
        for key, value in given.items():
            prefix, _, local = key.partition(":")
            if local == "href" and spaces.get(prefix) == XLINK:
                kept.setdefault("href", value)
        prefix, _, local = name.rpartition(":")
        space = spaces.get(prefix)
        # without a namespace is what is written by hand
        self.tree.start(local if space in (SVG, "") else f"{{{space}}}{local}", kept)

    def end(self, name: str) -> None:
        self._spaces.pop()
        self.tree.end(name)

    def text(self, text: str) -> None:
        self._add(len(text))
        self.tree.data(text)

    def _add(self, characters: int) -> None:
        self._characters += characters
        if self._characters > DRAWING_LIMIT_BYTES:
            raise SketchRNNError(f"unfolds to more than {DRAWING_LIMIT_BYTES >> 20} MiB")

    def declared(self, name: str, is_parameter: int, value: str | None, *_: str | None) -> None:
        """An entity of the DOCTYPE; only a plain text is taken."""
        if is_parameter or value is None:
            raise SketchRNNError(
                f"has a DOCTYPE that names another file or makes itself (entity {name:.40});"
                " save it as plain SVG"
            )
        if "&" in value or "<" in value:
            raise SketchRNNError(
                f"has a DOCTYPE whose entity {name:.40} is more than a text; save it as plain SVG"
            )
        if self._references * len(value) > UNFOLDED_LIMIT:
            raise SketchRNNError(
                f"has a DOCTYPE whose entity {name:.40} may unfold to more than"
                f" {UNFOLDED_LIMIT >> 20} MiB; save it as plain SVG"
            )

    def skipped(self, name: str, is_parameter: int) -> None:
        raise ValueError(f"undefined entity &{name:.40};")
