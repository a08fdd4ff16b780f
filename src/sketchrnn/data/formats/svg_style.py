"""The style of elements of an SVG, as far as it says whether they are seen."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from xml.etree.ElementTree import Element

from sketchrnn.errors import SketchRNNError

RULES_LIMIT = 200_000  # braces, commas and semicolons of a style sheet
INHERITED = {
    "fill": "black",
    "fill-opacity": "1",
    "stroke": "none",
    "stroke-opacity": "1",
    "stroke-width": "1",
    "visibility": "visible",
}
STYLE = (*INHERITED, "display", "opacity")
UNSEEN = ("none", "transparent")
# Fills that nobody sees on paper.
WHITE = ("white", "#fff", "#ffffff", "rgb(255,255,255)", "rgb(100%,100%,100%)")

Style = Mapping[str, str]
Ranked = tuple[int, int, str]  # weight of the selector, place in the sheet, value

_BRACE = re.compile(r"[{}]")


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

    def style_of(self, element: Element, tag: str, inherited: Style) -> dict[str, str]:
        """What `STYLE` names: inherited, then attributes, then rules, then the style attribute."""
        style = {name: inherited[name] for name in INHERITED}
        given = {name: element.attrib[name] for name in STYLE if name in element.attrib}
        if self._rules:
            classes = element.get("class", "").split()
            selectors = {"*", tag, f"#{element.get('id', '')}"}
            selectors |= {f"{before}.{name}" for name in classes for before in ("", tag)}
            ranked: dict[str, Ranked] = {}
            for selector in selectors & self._rules.keys():
                for name, rule in self._rules[selector].items():
                    ranked[name] = max(ranked.get(name, rule), rule)
            given |= {name: value for name, (_, _, value) in ranked.items()}
        given |= _declared(element.get("style", ""))
        style |= {name: value for name, value in given.items() if value != "inherit"}
        return style


def _rules(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    """The rules of a style sheet, one selector each; those inside of @media and the like are not.

    In one pass, so that the length of a hostile sheet costs no more than its length.
    """
    text = "".join(
        part.partition("*/")[2] if number else part for number, part in enumerate(text.split("/*"))
    )
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


def is_hidden(style: Style) -> bool:
    """Whether neither the element nor anything in it is seen."""
    return style.get("display") == "none" or _is_zero(style.get("opacity", "1"))


def is_painted(style: Style) -> bool:
    """Whether a shape has a line or a fill that is seen."""
    filled = style["fill"] not in UNSEEN and not _is_zero(style["fill-opacity"])
    return style["visibility"] == "visible" and (has_line(style) or filled)


def has_line(style: Style) -> bool:
    """Whether a shape has a line that is seen."""
    return not (
        style["stroke"] in UNSEEN
        or _is_zero(style["stroke-opacity"])
        or _is_zero(style["stroke-width"])
    )


def is_white(style: Style) -> bool:
    """Whether a shape is filled with the colour of paper."""
    return "".join(style["fill"].split()).lower() in WHITE


def _is_zero(text: str) -> bool:
    """Whether it is 0, whatever its unit."""
    return "0" in text and not any(digit in text for digit in "123456789")
