"""The style of elements of an SVG, as far as it says whether they are seen."""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element

from sketchrnn.errors import SketchRNNError

RULES_LIMIT = 200_000  # braces, commas and semicolons of a style sheet
UNSEEN = ("none", "transparent")
# Fills that nobody sees on paper.
WHITE = ("white", "#fff", "#ffffff", "rgb(255,255,255)", "rgb(100%,100%,100%)")

Ranked = tuple[int, int, str]  # weight of the selector, place in the sheet, value

_BRACE = re.compile(r"[{}]")


class Style(dict[str, str]):
    """What is said of `STYLE`: all that is inherited, `display` and `opacity` if they are there."""

    @property
    def hides_all(self) -> bool:
        """Whether neither the element nor anything in it is seen."""
        return self.get("display") == "none" or _is_zero(self.get("opacity", "1"))

    @property
    def has_line(self) -> bool:
        """Whether a shape has a line that is seen."""
        zero = _is_zero(self["stroke-opacity"]) or _is_zero(self["stroke-width"])
        return self["stroke"] not in UNSEEN and not zero

    @property
    def is_painted(self) -> bool:
        """Whether a shape has a line or a fill that is seen."""
        filled = self["fill"] not in UNSEEN and not _is_zero(self["fill-opacity"])
        return self["visibility"] == "visible" and (self.has_line or filled)

    @property
    def is_white(self) -> bool:
        """Whether a shape is filled with the colour of paper."""
        return "".join(self["fill"].split()).lower() in WHITE


def _is_zero(text: str) -> bool:
    """Whether it is 0, whatever its unit."""
    return "0" in text and not any(digit in text for digit in "123456789")


INHERITED = Style(
    {
        "fill": "black",
        "fill-opacity": "1",
        "stroke": "none",
        "stroke-opacity": "1",
        "stroke-width": "1",
        "visibility": "visible",
    }
)
STYLE = (*INHERITED, "display", "opacity")


class StyleSheet:
    """The rules of all `<style>` elements with selectors of one name, class or id."""

    def __init__(self) -> None:
        self._rules: dict[str, dict[str, Ranked]] = {}
        self._count = 0

    def add(self, text: str) -> None:
        """Take in the text of one `<style>`. Raises SketchRNNError if it is too long."""
        if sum(map(text.count, "{},;")) > RULES_LIMIT:
            raise SketchRNNError(f"has a style sheet of more than {RULES_LIMIT:,} signs")
        for selector, declared in _rules(text):
            # an id counts more than a class, and that more than a name; then the later one
            weight = 2 * selector.count("#") + selector.count(".") - selector.count("*")
            rules = self._rules.setdefault(selector, {})
            for name, value in declared.items():
                self._count += 1
                rules[name] = weight, self._count, value

    def style_of(self, element: Element, inherited: Style) -> Style:
        """What is inherited, then attributes, then rules, then the style attribute."""
        given = {name: element.attrib[name] for name in STYLE if name in element.attrib}
        if self._rules:
            classes = element.get("class", "").split()
            selectors = {"*", element.tag, f"#{element.get('id', '')}"}
            selectors |= {f"{before}.{name}" for name in classes for before in ("", element.tag)}
            ranked: dict[str, Ranked] = {}
            for selector in selectors & self._rules.keys():
                for name, rule in self._rules[selector].items():
                    ranked[name] = max(ranked.get(name, rule), rule)
            given |= {name: value for name, (_, _, value) in ranked.items()}
        given |= _declared(element.get("style", ""))
        style = Style({name: inherited[name] for name in INHERITED})
        style |= {name: value for name, value in given.items() if value != "inherit"}
        return style


def _rules(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    """The rules of a style sheet, one selector each; those inside of @media and the like are not.

    In one pass, so that the length of a hostile sheet costs no more than its length.
    """
    before, *commented = text.split("/*")
    text = before + "".join(part.partition("*/")[2] for part in commented)
    depth = begin = 0
    selectors = ""
    for brace in _BRACE.finditer(text):
        between = text[begin : brace.start()]
        begin = brace.end()
        if brace[0] == "{":
            depth += 1
            if depth == 1:
                selectors = between.rpartition(";")[2]  # after an @import
            continue
        if depth == 1:
            declared = _declared(between)
            for selector in selectors.split(","):
                yield selector.strip(), declared
        depth = max(depth - 1, 0)


def _declared(text: str) -> dict[str, str]:
    """What a list of CSS declarations says of `STYLE`."""
    pairs = (declaration.partition(":") for declaration in text.split(";"))
    declared = {name.strip().lower(): value.strip() for name, _, value in pairs}
    return {
        name: value.removesuffix("!important").strip()
        for name, value in declared.items()
        if name in STYLE
    }
