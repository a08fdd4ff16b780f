"""SVG files that are refused, and what stands in a file with mistakes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sketchrnn.data.formats.svg import parse
from sketchrnn.errors import SketchRNNError
from svg_words import STAYS, lines, same, svg

LAUGHS = "".join(
    f'<g id="l{i + 1}">{f"""<use href="#l{i}"/>""" * 10}</g>' for i in range(9)
)  # 10^9 lines


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "no SVG"),
        ("a text", "no SVG"),
        ("<svg", "no SVG"),
        (b"\x89PNG\r\n", "no SVG"),
        (b'<?xml version="1.0" encoding="klingon"?><svg/>', "no SVG"),
        ("<html/>", "outermost element is <html>"),
        ("<svg/>", "has no line in it"),
        ('<!DOCTYPE svg [<!ENTITY a "b">]><svg id="&a;"/>', "has no line in it"),
        ('<!DOCTYPE svg SYSTEM "a.dtd"><svg><title>&a;</title></svg>', "entity"),
        ('<!DOCTYPE svg [<!ENTITY a SYSTEM "file:///etc/passwd">]><svg>&a;</svg>', "another file"),
        ('<!DOCTYPE svg [<!ENTITY p SYSTEM "a.gif" NDATA gif>]><svg/>', "another file"),
        ('<!DOCTYPE svg [<!ENTITY % a "<!ENTITY b 1>"> %a;]><svg>&b;</svg>', "entity a"),
        ('<!DOCTYPE svg [<!ENTITY a "b"><!ENTITY c "&a;&a;">]><svg>&c;</svg>', "entity c is more"),
        ('<!DOCTYPE svg [<!ENTITY a "&#60;g/>">]><svg>&a;</svg>', "entity a is more than a text"),
        ('<!DOCTYPE svg [<!ENTITY a "&#38;a;">]><svg>&a;</svg>', "entity a is more than a text"),
        (
            f'<!DOCTYPE svg [<!ENTITY a "{"b" * 50_000}">]><svg d="{"&a;" * 100_000}"/>',
            "may unfold to more than 1 MiB",
        ),
        (
            f'<!DOCTYPE svg [<!ENTITY a "{"b" * 50_000}">]><svg d="{"&a;" * 100}"/>'.encode(
                "utf-16"
            ),
            "may unfold to more than 1 MiB",
        ),
        ("<svg>&a;</svg>", "undefined entity"),
        ("<svg>" + " " * (1 << 24) + "</svg>", "larger than 16 MiB"),
        ("<svg>" + "<g/>" * 20_001 + "</svg>", "more than 20,000 elements"),
        ("<svg>" + "<g>" * 101 + "</g>" * 101 + "</svg>", "inside each other"),
        (svg('<g id="a"><use href="#a"/></g>'), "contains itself"),
        (svg('<use id="a" href="#b"/><use id="b" href="#a"/>'), "contains itself"),
        (svg('<path id="l0" d="M0 0L1 1"/>' + LAUGHS), "more than 20,000 elements"),
        (svg('<path d="M0 0' + "L1 1" * 400_000 + '"/>'), "more than 100,000 points"),
        (svg('<path d="M0 0L1e400 1"/>'), "coordinate"),
        (svg('<path d="M0 0L1e20 1"/>'), "coordinate"),
        (svg('<path d="M0 0C1e308 1e308 1e308 0 1 1" transform="scale(1e300)"/>'), "coordinate"),
        (svg('<path d="M0 0L"/>'), "no drawing (left out: 1 bad element)"),
        (svg('<rect width="wide" height="3"/>'), "no drawing (left out: 1 bad element)"),
        (svg("<style>" + "a{fill:red}" * 5_001 + "</style>"), "more than 5,000 selectors"),
        (svg("<style>" + "a" * 1_100_000 + "</style>"), "style sheets of more than 1,048,576"),
        (
            svg("<style>" + "*{fill:red}" * 1_000 + "</style>" + "<g/>" * 2_000),
            "too many rules for its elements",
        ),
        (
            svg("<style>" + ".a{fill:red}" * 1_000 + "</style>" + '<g class="a"/>' * 2_000),
            "too many rules for its elements",
        ),
        (svg('<path d="M0 0Q1e308 1e308 1 1"/>'), "coordinate"),
        (svg('<path d="M-3e9 0h1a.1 5 -1 1 0 -3e9 1e308"/>'), "coordinate"),
        (svg(f'<g transform="scale(1e308) translate(1e308)">{STAYS}</g>'), "coordinate"),
        (svg('<path d="M0 0C1e12 0 -1e300 0 1 1"/>'), "coordinate"),
        (svg('<path d="M0 0' + "a1e308 1e308 0 1 0 1 1" * 100 + '"/>'), "coordinate"),
        (svg('<path d="M0 0L1 1' + "z" * 500_000 + '"/>'), "more than 100,000 points"),
        (svg('<path d="M0 0' + "L1 1z" * 60_000 + '"/>'), "more than 100,000 points"),
        (svg('<path d="M0 0' + "A1 1 0 0 0 1 1" * 100_001 + '"/>'), "more than 100,000 points"),
        (svg('<polygon points="' + "1 1 " * 100_001 + '"/>'), "more than 100,000 points"),
        (
            svg('<g transform="' + "scale(1)" * 500_000 + f'">{STAYS}</g>'),
            "more than 100,000 points",
        ),
        (
            svg(f'<path id="a" d="M0 0L1 1{" " * 100_000}"/>' + '<use href="#a"/>' * 200),
            "larger than 16 MiB with all it uses",
        ),
    ],
)
def test_refused(content: str | bytes, says: str) -> None:
    with pytest.raises(SketchRNNError) as error:
        parse(content, "a.svg")
    assert str(error.value).startswith("a.svg: ")
    assert says in str(error.value)
    assert len(str(error.value)) < 300
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "doctype",
    [
        "<!DOCTYPE svg>",
        '<!DOCTYPE svg SYSTEM "file:///etc/passwd">',
        '<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN"'
        ' "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">',
    ],
)
def test_a_plain_doctype_is_passed_over(doctype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[object] = []
    monkeypatch.setattr("builtins.open", lambda *names, **_: opened.append(names))
    monkeypatch.setattr("socket.socket", lambda *names, **_: opened.append(names))
    text = f'<?xml version="1.0" encoding="{{}}"?>\n<!-- a program -->\n{doctype}\n{svg(STAYS)}'
    for encoding in ("utf-8", "utf-16", "iso-8859-1"):
        drawing = parse(text.format(encoding).encode(encoding))
        same(list(drawing.sketch.polylines), [[(1, 1), (2, 2)]])
    assert not opened


def test_nothing_outside_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = tmp_path / "secret.svg"
    secret.write_text(svg('<path id="a" d="M0 0L7 7"/>'), encoding="utf-8")
    body = f'<use href="{secret.as_uri()}#a"/><image href="{secret.as_uri()}"/>{STAYS}'
    opened: list[object] = []
    monkeypatch.setattr("builtins.open", lambda *names, **_: opened.append(names))
    same(lines(body), [[(1, 1), (2, 2)]])
    assert not opened


words = st.sampled_from(
    ["path", "rect", "g", "use", "svg", "circle", "line", "polyline", "text", "symbol", "style"]
)
values = st.one_of(
    st.text("M0123456789.-eLCQAzZ hvaqt,%mxin#()rotescaltnb", max_size=24),
    st.sampled_from(
        ["#a", "none", "1e999", "nan", "inf", "translate(1", "matrix(1 2)", "-5", "50%"]
    ),
)
NAMES = (
    *("d", "points", "transform", "id", "href", "x", "y", "r", "rx", "width", "height", "x2"),
    *("style", "class", "fill", "stroke", "viewBox", "preserveAspectRatio"),
)
names = st.sampled_from(NAMES)
elements = st.recursive(  # type: ignore[var-annotated]
    st.builds(lambda word, given: (word, given, []), words, st.dictionaries(names, values)),
    lambda inner: st.builds(
        lambda word, given, inside: (word, given, inside),
        words,
        st.dictionaries(names, values),
        st.lists(inner, max_size=3),
    ),
    max_leaves=8,
)


def written(element: tuple[str, dict[str, str], list]) -> str:
    word, given, inside = element
    attributes = "".join(f' {name}="{value}"' for name, value in given.items())
    return f"<{word}{attributes}>{''.join(map(written, inside))}</{word}>"


@example([("path", {"d": "Z"}, [])], {})
@given(st.lists(elements, max_size=4), st.dictionaries(names, values))
def test_garbage_in_elements(body: list[tuple[str, dict[str, str], list]], root: dict) -> None:
    """A drawing with finite points, or one clear error, and nothing else."""
    try:
        drawing = parse(written(("svg", root, body)))
    except SketchRNNError:
        return
    assert all(np.isfinite(line).all() for line in drawing.sketch.polylines)


@given(st.binary(max_size=200))
def test_garbage_bytes(content: bytes) -> None:
    with pytest.raises(SketchRNNError):
        parse(b"<svg>" + content)
