"""The style of elements of an SVG, as far as it says whether and where they are seen.

Style sheets are read by tinycss2 and their selectors matched by cssselect2, so combinators,
attributes, `:not` and `!important` mean what they mean in a browser. Rules for a screen count.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any
from xml.etree.ElementTree import Element

import tinycss2
from tinycss2.color4 import parse_color

from sketchrnn.errors import SketchRNNError

SELECTORS_LIMIT = 5_000
TESTS_LIMIT = 1_000_000  # of a selector with an element, for each way in which it may match
NESTED_LIMIT = 20  # brackets in one selector
SHEET_LIMIT = 1 << 20  # characters, without the data of fonts and images
CACHE = 4096

INHERITED = {
    "color": "black",
    "fill": "black",
    "fill-opacity": "1",
    "marker-end": "none",
    "marker-mid": "none",
    "marker-start": "none",
    "stroke": "none",
    "stroke-dasharray": "none",
    "stroke-linecap": "butt",
    "stroke-opacity": "1",
    "stroke-width": "1",
    "visibility": "visible",
}
# What an element has for itself: how it is seen, where it is put, and its shape.
OWN = (
    *("animation", "animation-name", "clip-path", "display", "filter", "mask", "opacity"),
    *("transform", "transform-box", "transform-origin", "translate", "rotate", "scale"),
    *("cx", "cy", "d", "height", "r", "rx", "ry", "width", "x", "y"),
)
ONLY_CSS = {"translate", "rotate", "scale", "animation", "animation-name"}  # no attributes of SVG
NAMES = frozenset({*INHERITED, *OWN, "marker"})
COLORS = {"fill", "stroke", "color"}
CASED = {"d"}  # values in which capital letters mean something
QUERIES = {"": True, "all": True, "screen": True, "print": False} | {
    f"(prefers-color-scheme: {name})": name == "light" for name in ("light", "dark")
}  # of media, and whether they are met where drawings are looked at
# Paints of SVG and CSS that are seen, in a colour that is not known here.
_OTHER_PAINT = re.compile(
    r"(?:url|var|env|attr|color-mix|light-dark|contrast-color)\(.*", re.DOTALL
)
OTHER_COLORS = {"context-fill", "context-stroke", "currentcolor"} | {  # and those of the system
    *("accentcolor", "accentcolortext", "activetext", "buttonborder", "buttonface", "buttontext"),
    *("canvas", "canvastext", "field", "fieldtext", "graytext", "highlight", "highlighttext"),
    *("linktext", "mark", "marktext", "selecteditem", "selecteditemtext", "visitedtext"),
    *("activeborder", "activecaption", "appworkspace", "background", "buttonhighlight"),
    *("buttonshadow", "captiontext", "inactiveborder", "inactivecaption", "inactivecaptiontext"),
    *("infobackground", "infotext", "menu", "menutext", "scrollbar", "threeddarkshadow"),
    *("threedface", "threedhighlight", "threedlightshadow", "threedshadow", "window"),
    *("windowframe", "windowtext"),
}
_ICC = re.compile(r"\s+icc-color\(.*", re.DOTALL)  # SVG 1.1: after a colour that all know
_DATA_URL = re.compile(r"data:[^\"')]*")
_ANCESTOR = re.compile(r"(?<![\s>+,(])\s+(?![\s>+,)])")  # what stands for "somewhere in"
_SLOW = re.compile(r"~(?!=)|:has\b|-of-type|:nth-last")  # look at all that is beside an element

Color = tuple[float, float, float, float]  # red, green, blue, alpha, each 0 to 1
UNKNOWN: Color = (-1.0, -1.0, -1.0, 1.0)  # of gradients and patterns: like no other
Declared = Mapping[str, tuple[str, bool]]  # value, and whether it is important


class Style(dict[str, str]):
    """All of `INHERITED`, and of `OWN` what is there.

    Attributes:
        shown: the product of the opacities of the element and all around it.
    """

    shown = 1.0

    @property
    def hides_all(self) -> bool:
        """Whether neither the element nor anything in it is seen."""
        return self.get("display") == "none" or self.shown == 0

    @property
    def fill(self) -> Color | None:
        """What a shape is filled with; None for nothing."""
        return self._paint("fill")

    @property
    def line(self) -> Color | None:
        """What a shape's line is drawn with; None for nothing."""
        return None if is_zero(self["stroke-width"]) else self._paint("stroke")

    @property
    def has_dots(self) -> bool:
        """Whether a line of no length is seen."""
        return self.line is not None and self["stroke-linecap"] in ("round", "square")

    def _paint(self, name: str) -> Color | None:
        if self["visibility"] != "visible":
            return None
        text = self["color"] if self[name] == "currentcolor" else self[name]
        color = _color(text)
        if color is None:
            return None
        alpha = color[3] * _share(self[f"{name}-opacity"]) * self.shown
        return (*color[:3], alpha) if alpha > 0 else None


BEGIN = Style(INHERITED)


class StyleSheets:
    """The rules of all `<style>` elements, for the elements of one document.

    Args:
        root: the outermost element.
        unmet: what is said but not done is counted here.
    """

    def __init__(self, root: Element, unmet: Counter[str]) -> None:
        self._unmet = unmet
        self._found: dict[Element, list[Declared]] = {}
        sheets = [one for one in root.iter("style") if one.get("media", "").strip() != "print"]
        text = "\n".join(_DATA_URL.sub("", "".join(one.itertext())) for one in sheets)
        if not text.strip():
            return
        if len(text) > SHEET_LIMIT:
            raise SketchRNNError(f"has style sheets of more than {SHEET_LIMIT:,} characters")
        from cssselect2 import Matcher  # which hardly a drawing needs

        self._count = 0
        matcher = Matcher()
        for selector, *payload in self._rules(_parsed(text)):
            if selector.pseudo_element is None:
                matcher.add_selector(selector, payload)
        self._match(root, matcher)

    def _rules(self, rules: Iterable[Any]) -> Iterator[tuple[Any, Declared, int]]:
        """The selectors, each with what it declares, and how many ancestors it asks for."""
        from cssselect2 import SelectorError, compile_selector_list

        for rule in rules:
            if rule.type == "at-rule":
                yield from self._at_rule(rule)
            elif rule.type == "qualified-rule":
                text = tinycss2.serialize(rule.prelude)
                declared = _declared(rule.content)
                if not declared:
                    continue
                self._count += 1 + text.count(",")
                if self._count > SELECTORS_LIMIT:
                    raise SketchRNNError(f"has more than {SELECTORS_LIMIT:,} selectors of style")
                parts = [text] if "(" in text else text.split(",")
                deep = max(len(_ANCESTOR.findall(part.strip())) for part in parts)
                try:
                    if text.count("(") > NESTED_LIMIT or _SLOW.search(text):
                        raise SelectorError
                    selectors = compile_selector_list(rule.prelude)
                except SelectorError:
                    self._unmet["style rule"] += 1
                    continue
                for selector in selectors:
                    yield selector, declared, deep

    def _at_rule(self, rule: Any) -> Iterator[tuple[Any, Declared, int]]:
        word = rule.lower_at_keyword
        query = " ".join(tinycss2.serialize(rule.prelude).lower().split()).removeprefix("only ")
        if word == "media" and query in QUERIES:
            if QUERIES[query] and rule.content is not None:
                yield from self._rules(_parsed(rule.content))
        elif word == "import":
            self._unmet["reference to another file"] += 1
        elif word not in ("charset", "font-face", "namespace", "keyframes"):
            self._unmet[f"@{word:.20} rule"] += 1

    def _match(self, root: Element, matcher: Any) -> None:
        """Find what all elements get, in the order in which it counts."""
        from cssselect2 import ElementWrapper

        depth = _depth(root)
        tests = 0
        for wrapped in ElementWrapper.from_xml_root(root).iter_subtree():
            tried = [
                matcher.other_selectors,
                matcher.lower_local_name_selectors.get(wrapped.local_name.lower(), ()),
                matcher.id_selectors.get(wrapped.id, ()),
                *(matcher.class_selectors.get(name, ()) for name in wrapped.classes),
            ]
            # each of the ancestors that are asked for may be any of those that there are
            tests += sum(depth ** one[-1][1] for some in tried for one in some)
            if tests > TESTS_LIMIT:
                raise SketchRNNError("has a style sheet with too many rules for its elements")
            matched = [declared for *_, (declared, _) in matcher.match(wrapped)]
            if matched:
                self._found[wrapped.etree_element] = matched

    def style_of(self, element: Element, around: Style) -> Style:
        """What is inherited, then attributes, then rules, then the style attribute.

        Args:
            element: one of the document.
            around: the style of what it is in.
        """
        given = {
            name: value if name in CASED else value.strip().lower()
            for name, value in element.attrib.items()
            if name in NAMES and name not in ONLY_CSS and _is_valid(name, value)
        }
        declared = [*self._found.get(element, ())]
        if "style" in element.attrib:
            declared.append(_inline(element.attrib["style"]))
        for important in (False, True) if declared else ():
            for one in declared:
                given |= {name: value for name, (value, is_) in one.items() if is_ == important}
        if "marker" in given:
            given |= dict.fromkeys(("marker-start", "marker-mid", "marker-end"), given["marker"])
        style = Style({name: around[name] for name in INHERITED})
        for name, value in given.items():
            if value == "inherit" or (value == "unset" and name in INHERITED):
                continue
            if value in ("initial", "unset"):
                style |= {name: INHERITED[name]} if name in INHERITED else {}
            else:
                style[name] = value
        if style["color"] == "currentcolor":
            style["color"] = around["color"]
        style.shown = around.shown * _share(style.get("opacity", "1"))
        return style


def _depth(element: Element) -> int:
    return 1 + max(map(_depth, element), default=0)


def _parsed(text: Any) -> list[Any]:
    parsed: list[Any] = tinycss2.parse_rule_list(text, skip_comments=True, skip_whitespace=True)
    return parsed


@lru_cache(CACHE)
def _inline(text: str) -> Declared:
    return _declared(text)


def _declared(content: Any) -> Declared:
    """What a list of CSS declarations says of `NAMES`: values, and whether they are important."""
    declared: dict[str, tuple[str, bool]] = {}
    for one in tinycss2.parse_blocks_contents(content, skip_comments=True, skip_whitespace=True):
        if one.type != "declaration" or one.lower_name not in NAMES:
            continue
        value = tinycss2.serialize(one.value).strip()
        before = declared.get(one.lower_name)
        if _is_valid(one.lower_name, value) and (before is None or one.important >= before[1]):
            name = one.lower_name
            declared[name] = value if name in CASED else value.lower(), one.important
    return declared


def _is_valid(name: str, value: str) -> bool:
    """Whether a value is none that CSS passes over, as far as that shows."""
    if name not in COLORS:
        return True
    word = value.strip().lower()
    return word in ("inherit", "initial", "unset", "none") or _color(word) is not None


@lru_cache(CACHE)
def _color(text: str) -> Color | None:
    """The colour of a paint; None for "none", and for what is no colour."""
    if text in OTHER_COLORS or _OTHER_PAINT.fullmatch(text):
        return UNKNOWN
    try:
        color: Any = None if text == "none" else parse_color(_ICC.sub("", text))
        if color is None:
            return None
        red, green, blue, alpha = (float(one or 0) for one in color.to("srgb"))
    except NotImplementedError:  # a colour of another space, such as lab()
        return UNKNOWN
    return red, green, blue, alpha


def _share(text: str) -> float:
    """An opacity as 0 to 1; 1 where it is none."""
    try:
        value = float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError:
        return 1.0
    return min(max(value, 0.0), 1.0) if value == value else 1.0


def is_zero(text: str) -> bool:
    """Whether a length is 0, whatever its unit; and whether all of several are."""
    return "0" in text and not any(digit in text for digit in "123456789")
