"""Make a starter model of a run: 16-bit weights, facts, card and sheet, in the package.

python scripts/ship.py RUN NAME --draws "faces" --data DATA... --source TEXT --command TEXT
    --weakness TEXT

The losses are measured with the 16-bit weights, as they are shipped, on the test split.
"""

from __future__ import annotations

import argparse
import json
import textwrap
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

import sketchrnn
from sketchrnn.data.sources import read_sources
from sketchrnn.drawing.sheets import temperature_sheet
from sketchrnn.files import write_text
from sketchrnn.model.prior import MARK
from sketchrnn.runs import (
    BEST,
    CONFIG,
    STARTERS,
    load_tensors,
    read_config,
    save_tensors,
    write_config,
)
from sketchrnn.share.starters import ABOUT, CARD, SHEET
from sketchrnn.training.config import TrainingConfig
from sketchrnn.training.evaluate import evaluate_split
from sketchrnn.training.logs import read_log

TEMPERATURES = (0.1, 0.3, 0.5, 0.8)
COLUMNS = 10
SEED = 1
SCORED_TEMPERATURES, SCORED = (0.1, 0.3, 0.5), 4000

# Paragraphs and points of the card, wrapped when it is written.
CARD_TEXT = (
    "# {name}: a starter model that draws {draws}",
    '{kind}: `sketchrnn generate {name}`, or `sketchrnn.load("{name}")` in Python.',
    "- **Data**: {source}",
    "- **Drawings**: {train:,} to train, {valid:,} to validate, {test:,} to test; N_max {N_max},"
    " mean length {mean_length:.1f}, scale {scale:.4g} px, larger side {size:.0f} px, epsilon"
    " {epsilon}.",
    "- **Licence**: {licence}",
    "- **Config**: {cells} {sizes}, M {mixtures}; {weights:,} weights in 16 bits.",
    "- **Training**: {steps:,} steps of {batch_size} drawings in {minutes:.0f} minutes on {where};"
    " the weights of step {best_step:,}, which has the least"
    " validation loss. `config.json` has every number.",
    "- **Losses on the test split**, with the 16-bit weights: {losses}.",
    "- **Recognised** (protocol 1, test drawings; by the judge of pictures and that of strokes):"
    " {recognised}.",
    "- **Weaknesses**: {weakness}",
)
CARD_END = """
```sh
{command}
```

![Drawings by {name}](sheet.svg)
"""
WIDTH = 100
QUICKDRAW = (
    "the weights were trained by this project and come under its licence, Apache-2.0; the drawings,"
    " which are not included, are Google's, CC BY 4.0."
)


def scored(model: sketchrnn.Model, dataset: sketchrnn.Dataset) -> dict[str, Any] | None:
    """How many new drawings the judges recognise; None of classes that they have not learned."""
    scores = sketchrnn.score(model, dataset, temperature=SCORED_TEMPERATURES, n=SCORED)
    rates = [one.figures["all"]["recognised"] for one in scores]
    if None in rates[0]:
        return None
    return {
        "protocol": scores[0].figures["protocol"],
        "n": SCORED,
        "recognised": dict(zip(map(str, SCORED_TEMPERATURES), rates, strict=True)),
        "people": scores[0].figures["human"]["recognised"],
    }


def in_words(score: dict[str, Any] | None) -> str:
    """The same for the card."""
    if score is None:
        return "they have not learned its classes"

    def both(rates: list[float]) -> str:
        return " and ".join(f"{100 * rate:.0f}%" for rate in rates)

    drawn = (f"{both(one)} at temperature {tau}" for tau, one in score["recognised"].items())
    return f"{', '.join(drawn)}; people's {both(score['people'])}"


def card_of(**facts: object) -> str:
    """The card, Markdown."""
    lines = []
    for text in CARD_TEXT:
        point = text.startswith("- ")
        lines.append(
            textwrap.fill(
                text.format(**facts),
                WIDTH,
                subsequent_indent="  " if point else "",
                break_long_words=False,
                break_on_hyphens=False,
            )
        )
        if not point:
            lines.append("")
    return "\n".join(lines) + "\n" + CARD_END.format(**facts)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("run", type=Path)
    parser.add_argument("name")
    parser.add_argument("--data", nargs="+", required=True)
    for text in ("draws", "source", "command", "weakness"):
        parser.add_argument(f"--{text}", required=True)
    parser.add_argument("--licence", default=QUICKDRAW)
    parser.add_argument("--where", default="one thread of a shared processor")
    arguments = parser.parse_args()

    folder = STARTERS / arguments.name
    folder.mkdir(parents=True, exist_ok=True)
    config = read_config(arguments.run)
    tensors, about = load_tensors(arguments.run / BEST)
    halves = {name: v if name.startswith(MARK) else v.half() for name, v in tensors.items()}
    save_tensors(folder / BEST, halves, about)
    dataset = read_sources(arguments.data)
    facts_of_data = replace(
        config.data, sources=(), size=dataset.limited(config.model.N_max)[0].size
    )
    write_config(folder, replace(config, data=facts_of_data))

    model = sketchrnn.load(folder)
    assert all(torch.isfinite(value).all() for value in model.network.state_dict().values())
    temperature_sheet(model, COLUMNS, TEMPERATURES, SEED).save(folder / SHEET)
    summary = evaluate_split(model, dataset, "test", TrainingConfig.of_run(folder).KL_min)
    log = read_log(arguments.run)
    last = log[-1]
    counts = dict(config.data.counts or {})
    facts = {
        "draws": arguments.draws,
        "conditional": model.conditional,
        "z_size": model.config.z_size if model.conditional else None,
        "data": arguments.source,
        "licence": arguments.licence,
        "counts": counts,
        "weights": sum(value.numel() for value in tensors.values()),
        "steps": last["step"],
        "minutes": round(last["seconds"] / 60, 1),
        "command": arguments.command,
        "test": summary,
        "score": scored(model, dataset),
        "weaknesses": arguments.weakness,
    }
    write_text(folder / ABOUT, json.dumps(facts, indent=2) + "\n")
    names = ["L_R", "L_R_masked", "L_KL", "nats_per_drawing"]
    losses = ", ".join(
        f"{name.replace('nats_per_drawing', 'nats a drawing (px)')} {value['mean']:.3f}"
        f" ± {value['stderr']:.3f}"
        for name in names
        if (value := summary[name]) is not None
    )
    shape = config.model
    sizes = f"decoder {shape.decoder_size}"
    if shape.conditional:
        sizes = f"encoder {shape.encoder_size}, {sizes}, N_z {shape.z_size}"
    card = card_of(
        name=arguments.name,
        draws=arguments.draws,
        kind="Conditional: it encodes a drawing as z and draws from it, or from the prior"
        if shape.conditional
        else "Decoder only: it draws from nothing, and completes what you began",
        licence=arguments.licence,
        where=arguments.where,
        source=arguments.source,
        **counts,
        N_max=shape.N_max,
        mean_length=config.data.mean_length,
        scale=config.data.scale,
        size=facts_of_data.size,
        epsilon="unknown" if config.data.epsilon is None else f"{config.data.epsilon:g} px",
        cells=f"{shape.decoder_cell} cells,",
        sizes=sizes,
        mixtures=shape.mixtures,
        weights=facts["weights"],
        steps=facts["steps"],
        minutes=facts["minutes"],
        batch_size=config.training["batch_size"],
        best_step=about["step"],
        losses=losses,
        recognised=in_words(facts["score"]),
        weakness=arguments.weakness,
        command=arguments.command,
    )
    write_text(folder / CARD, card)
    print(f"{folder}: {sum(file.stat().st_size for file in folder.iterdir()) / 1e6:.2f} MB")
    print(f"{(folder / CONFIG).name} and {losses}")


if __name__ == "__main__":
    main()
