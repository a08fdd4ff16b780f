"""The model card: a README.md that says what a model draws, from what, and under which licence."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

from jinja2 import Environment, StrictUndefined

from sketchrnn.drawing.base import Drawer
from sketchrnn.errors import printable

TEMPLATE = Path(__file__).with_name("card_template.md")  # with the front matter that the hub reads


class CardWords(TypedDict, total=False):
    """What only the maker of a model can say of it.

    Attributes:
        licence: of the weights, as the hub names it: apache-2.0, mit, cc-by-4.0, ...
        data_licence: of the drawings that it learned from, in words.
        about: what else should be said, Markdown.
        datasets: names of data sets on the hub.
        measured: what `sketchrnn evaluate RUN DATA --json` prints, read.
    """

    licence: str
    data_licence: str
    about: str
    datasets: Sequence[str]
    measured: Mapping[str, Any]


def model_card(
    model: Drawer,
    load_as: str,
    picture: str,
    caption: str,
    *,
    licence: str = "unknown",
    data_licence: str = "",
    about: str = "",
    datasets: Sequence[str] = (),
    measured: Mapping[str, Any] | None = None,
) -> str:
    """The card, Markdown; what `sketchrnn.from_pretrained` takes is `load_as`, see `CardWords`.

    `picture` is the name of the file with its drawings; `caption` is under it.
    """
    facts = model.facts
    numbers = [f"N_max {model.N_max}", f"scale {facts.scale:.4g}"]
    if facts.mean_length:
        numbers.append(f"mean length {facts.mean_length:.1f}")
    if facts.epsilon is not None:
        numbers.append(f"epsilon {facts.epsilon:g}")
    for split, count in (facts.counts or {}).items():
        numbers.append(f"{count:,} to {split.replace('valid', 'validate')}")
    words = Environment(
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True, undefined=StrictUndefined
    )
    words.filters |= {"plain": _plain, "json": json.dumps}
    return words.from_string(TEMPLATE.read_text("utf-8")).render(
        config=model.config,
        facts=facts,
        name=_plain(model.name),
        draws=", ".join(map(_plain, facts.classes)) or "drawings",
        numbers=numbers,
        load_as=load_as,
        picture=picture,
        caption=caption,
        licence=licence,
        data_licence=data_licence,
        about=about,
        datasets=datasets,
        measured=measured,
    )


def _plain(text: str) -> str:
    """Text on one line, its marks of Markdown and HTML shown as they are."""
    line = printable(" ".join(text.split()))
    return "".join(f"\\{mark}" if mark in "\\`*_[]<>|#!" else mark for mark in line)
