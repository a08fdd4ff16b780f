"""The model card: a README.md that says what a model draws, from what, and under which licence."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from sketchrnn.drawing.base import Drawer

TAGS = ("sketch-rnn", "sketch", "drawing", "vector-graphics")
NOT_SAID = "not said by who made it"

# Of what `sketchrnn evaluate --json` prints, with the names that people read.
MEASURES = {
    "L_R": "L_R, reconstruction",
    "L_R_masked": "L_R_masked, to the end of each drawing only",
    "L_KL": "L_KL",
    "nats_per_drawing": "nats a drawing, in its own units",
}


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
    data_licence: str = NOT_SAID,
    about: str = "",
    datasets: Sequence[str] = (),
    measured: Mapping[str, Any] | None = None,
) -> str:
    """The card, Markdown, with the front matter that the hub reads.

    Args:
        load_as: what `sketchrnn.from_pretrained` takes.
        picture: name of the file with its drawings; `caption` is under it.
        licence, data_licence, about, datasets, measured: see `CardWords`.
    """
    config, facts = model.config, model.facts
    name, draws = _plain(model.name), ", ".join(map(_plain, facts.classes)) or "drawings"
    sizes = f"decoder {config.decoder_cell} {config.decoder_size}, M {config.mixtures}"
    kind = "decoder only: it draws from nothing, and completes what was begun"
    if config.conditional:
        kind = "conditional: it encodes a drawing as z and draws from it, or from the prior"
        sizes = f"encoder {config.encoder_cell} {config.encoder_size}, N_z {config.z_size}, {sizes}"
    numbers = [f"N_max {config.N_max}", f"scale {facts.scale:.4g}"]
    if facts.mean_length:
        numbers.append(f"mean length {facts.mean_length:.1f}")
    if facts.epsilon is not None:
        numbers.append(f"epsilon {facts.epsilon:g}")
    for split, count in (facts.counts or {}).items():
        numbers.append(f"{count:,} to {split.replace('valid', 'validate')}")
    front = {
        "license": licence,
        "library_name": "sketchrnn",
        "tags": TAGS,
        **({"datasets": list(datasets)} if datasets else {}),
    }
    parts = [
        # YAML, in which JSON is good YAML
        "\n".join(["---", *(f"{key}: {json.dumps(value)}" for key, value in front.items()), "---"]),
        f"# {name}: a sketch-rnn model of {draws}",
        f"![Drawings by {name}]({picture})",
        f"*{caption}*",
        about.strip(),
        f"- **Draws**: {draws}\n"
        f"- **Kind**: {kind}\n"
        f"- **Sizes**: {sizes}\n"
        f"- **Data**: {'; '.join(map(_plain, facts.provenance)) or NOT_SAID}\n"
        f"- **Drawings**: {', '.join(numbers)}\n"
        f"- **Licence of the drawings**: {data_licence}\n"
        f"- **Licence of the weights**: {licence}",
        _measured(measured) if measured else "",
        _USE.format(quoted=json.dumps(load_as)),
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


_USE = """\
## Use

With the package sketchrnn, its extra `hub` and a network, unless it is a folder of yours:

```python
import sketchrnn

model = sketchrnn.from_pretrained({quoted})
drawings = model.generate(9, temperature=0.3)
drawings[0].save("drawing.svg")
```

Weights are safetensors and the config is JSON; nothing in this repository runs code. The model is a
sketch-rnn as in *A Neural Representation of Sketch Drawings* (Ha and Eck, 2017,
[arXiv:1704.03477](https://arxiv.org/abs/1704.03477))."""


def _measured(measured: Mapping[str, Any]) -> str:
    """A table of the losses."""
    lines = [
        f"Measured on {measured['n']:,} drawings of the {measured.get('split', 'test')} split"
        " (a loss here is a negative log density: below zero is normal, lower is better):",
        "",
        "| | mean | standard error |",
        "|---|---|---|",
    ]
    for name, words in MEASURES.items():
        if measured.get(name) is not None:
            value = measured[name]
            lines.append(f"| {words} | {value['mean']:.3f} | {value['stderr']:.3f} |")
    return "\n".join(lines)


def _plain(text: str) -> str:
    """Text on one line, its marks of Markdown and HTML shown as they are."""
    line = " ".join(text.split())
    return "".join(f"\\{mark}" if mark in "\\`*_[]<>|#!" else mark for mark in line)
