"""One self-contained HTML page with figures: what a run has learnt, at a glance."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass

from sketchrnn.errors import SketchRNNError
from sketchrnn.files import write_text
from sketchrnn.svgtext import xml_text


@dataclass(frozen=True)
class Section:
    """One part of the page. What is empty is left out.

    Attributes:
        heading: what it shows.
        text: one line of explanation below the heading.
        svg: the figure, an SVG document.
        caption: below the figure.
        table: rows of cells below that; the first row is the header, the first column the names.
        command: the command line that does this.
    """

    heading: str
    text: str = ""
    svg: str = ""
    caption: str = ""
    table: Sequence[Sequence[str]] = ()
    command: str = ""


def write_page(
    path: str | os.PathLike[str], title: str, intro: str, sections: Sequence[Section]
) -> None:
    """Write the page: one HTML file without scripts and without anything from elsewhere.

    It suits a phone and a wide screen, light and dark. Figures stay on white paper.

    Raises:
        SketchRNNError: a figure that is not an SVG document.
    """
    body = "".join(_section(section) for section in sections)
    write_text(
        path,
        "<!doctype html>\n"
        '<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        '<link rel="icon" href="data:,">\n'
        f"<title>{xml_text(title)}</title>\n<style>{CSS}</style>\n</head>\n<body>\n"
        f"<header>\n<h1>{xml_text(title)}</h1>\n<p>{xml_text(intro)}</p>\n</header>\n"
        f"<main>\n{body}</main>\n</body>\n</html>\n",
    )


def _section(section: Section) -> str:
    parts = [f"<h2>{xml_text(section.heading)}</h2>\n"]
    if section.text:
        parts.append(f"<p>{xml_text(section.text)}</p>\n")
    if section.svg:
        caption = f"<figcaption>{xml_text(section.caption)}</figcaption>" if section.caption else ""
        parts.append(f'<figure><div class="paper">{_figure(section)}</div>{caption}</figure>\n')
    if section.table:
        parts.append(_table(section.table))
    if section.command:
        parts.append(f'<p class="command"><code>{xml_text(section.command)}</code></p>\n')
    return f"<section>\n{''.join(parts)}</section>\n"


def _figure(section: Section) -> str:
    """The SVG in the page: inline, or as an image where it has ids, which could collide."""
    start = section.svg.find("<svg")
    view_box = re.search(r'viewBox="\S+ \S+ (\S+) \S+"', section.svg)
    if start < 0 or view_box is None:
        raise SketchRNNError(f"figure {section.heading!r} is not an SVG document with a viewBox")
    width = float(view_box[1])
    # As wide as the page, but never blown up, nor so small that labels cannot be read.
    style = f"max-width:{1.25 * width:.0f}px;min-width:{min(0.75 * width, 600):.0f}px"
    name = xml_text(section.caption or section.heading)
    if " id=" in section.svg:
        data = base64.b64encode(section.svg.encode("utf-8")).decode("ascii")
        return f'<img style="{style}" alt="{name}" src="data:image/svg+xml;base64,{data}">'
    return f'<svg role="img" aria-label="{name}" style="{style}"{section.svg[start + 4 :].rstrip()}'


def _table(rows: Sequence[Sequence[str]]) -> str:
    header, *body = ([xml_text(cell) for cell in row] for row in rows)
    lines = ["<tr>" + "".join(f'<th scope="col">{cell}</th>' for cell in header) + "</tr>"]
    for name, *cells in body:
        values = "".join(f"<td>{cell}</td>" for cell in cells)
        lines.append(f'<tr><th scope="row">{name}</th>{values}</tr>')
    return '<div class="table"><table>\n' + "\n".join(lines) + "\n</table></div>\n"


CSS = """
:root { --ground: #f4f3f0; --ink: #1f1f24; --quiet: #66666e; --rule: #dcdad5; --code: #eae8e3; }
@media (prefers-color-scheme: dark) {
  :root { --ground: #18181b; --ink: #e9e8e4; --quiet: #a3a2a0; --rule: #36363b; --code: #26262a; }
}
* { box-sizing: border-box; }
html { background: var(--ground); -webkit-text-size-adjust: 100%; }
body {
  max-width: 62rem; margin: 0 auto; padding: clamp(1.5rem, 5vw, 4rem) clamp(1rem, 4vw, 2.5rem);
  color: var(--ink); font: 1.0625rem/1.6 Charter, "Iowan Old Style", Palatino, Georgia, serif;
}
h1 { margin: 0; font-size: clamp(1.9rem, 5vw, 2.9rem); font-weight: 500; line-height: 1.15;
  letter-spacing: -0.015em; text-wrap: balance; }
h2 { margin: 0; font-size: 1.4rem; font-weight: 500; line-height: 1.25; }
p { max-width: 42rem; margin: 0.4rem 0 0; text-wrap: pretty; }
header p { margin-top: 0.9rem; font-size: 1.15rem; color: var(--quiet); }
section { margin-top: clamp(2.5rem, 7vw, 4.5rem); }
section > p { color: var(--quiet); }
figure { margin: 1.1rem 0 0; }
.paper { overflow-x: auto; background: #fff; border-radius: 3px;
  box-shadow: 0 1px 2px rgb(0 0 0 / 0.10), 0 8px 28px rgb(0 0 0 / 0.06); }
.paper > * { display: block; width: 100%; height: auto; margin: 0 auto; }
figcaption { margin-top: 0.7rem; font-size: 0.92rem; font-style: italic; color: var(--quiet); }
.table { margin-top: 1.1rem; overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.97rem; font-variant-numeric: tabular-nums; }
th, td { padding: 0.4rem 2rem 0.4rem 0; border-bottom: 1px solid var(--rule); text-align: right;
  font-weight: 400; white-space: nowrap; }
th:last-child, td:last-child { padding-right: 0; }
tr > :first-child { text-align: left; }
th[scope=col] { color: var(--quiet); font-size: 0.88rem; }
.command { max-width: none; margin-top: 1rem; padding: 0.65rem 0.9rem;
  background: var(--code); border-radius: 3px; line-height: 1.5; }
code { font: 0.86rem/1.5 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
  color: var(--ink); white-space: pre-wrap; overflow-wrap: anywhere; }
@media print { html { background: #fff; } .paper { box-shadow: none; } }
"""
