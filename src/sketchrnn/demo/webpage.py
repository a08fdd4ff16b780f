"""One self-contained HTML page with figures, from the template `page.html`."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from sketchrnn.errors import SketchRNNError
from sketchrnn.files import write_text
from sketchrnn.svgtext import xml_text

TEMPLATE = Path(__file__).with_name("page.html")


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

    @property
    def figure(self) -> str:
        """The SVG as HTML: inline, or as an image where it has ids, which could collide."""
        start = self.svg.find("<svg")
        view_box = re.search(r'viewBox="\S+ \S+ (\S+) \S+"', self.svg)
        if start < 0 or view_box is None:
            raise SketchRNNError(f"figure {self.heading!r} is not an SVG document with a viewBox")
        width = float(view_box[1])
        # As wide as the page, but never blown up, nor so small that labels cannot be read.
        style = f"max-width:{1.25 * width:.0f}px;min-width:{min(0.75 * width, 600):.0f}px"
        name = xml_text(self.caption or self.heading)
        if " id=" in self.svg:
            data = base64.b64encode(self.svg.encode("utf-8")).decode("ascii")
            return f'<img style="{style}" alt="{name}" src="data:image/svg+xml;base64,{data}">'
        rest = self.svg[start + 4 :].rstrip()
        return f'<svg role="img" aria-label="{name}" style="{style}"{rest}'


def write_page(
    path: str | os.PathLike[str], title: str, intro: str, sections: Sequence[Section]
) -> None:
    """Write the page: one HTML file without scripts and without anything from elsewhere.

    It suits a phone and a wide screen, light and dark. Figures stay on white paper.

    Raises:
        SketchRNNError: a figure that is not an SVG document.
    """
    words = Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined
    )
    template = words.from_string(TEMPLATE.read_text("utf-8"))
    write_text(path, template.render(title=title, intro=intro, sections=sections) + "\n")
