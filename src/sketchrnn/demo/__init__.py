"""The whole path on one page: what starter models draw, a model trained, what that one draws."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from itertools import cycle, islice, pairwise, zip_longest
from pathlib import Path
from typing import Any

from sketchrnn.api import Model, load
from sketchrnn.data.dataset import Dataset
from sketchrnn.data.sources import DOODLES, read_sources
from sketchrnn.demo.webpage import Section, write_page
from sketchrnn.drawing.sheets import (
    beside_inputs,
    completion_sheet,
    grid_sheet,
    temperature_sheet,
)
from sketchrnn.errors import SketchRNNError
from sketchrnn.figures.curves import loss_curves_svg
from sketchrnn.figures.sheet import SketchSheet
from sketchrnn.files import write_text
from sketchrnn.seeds import choose_seed
from sketchrnn.share.starters import starters
from sketchrnn.sketch import Sketch
from sketchrnn.training.evaluate import evaluate
from sketchrnn.training.logs import read_log
from sketchrnn.training.loop import need_validation
from sketchrnn.training.session import train
from sketchrnn.words import say

MAX_POINTS = 100  # longer drawings are left out, so that a few minutes are enough
# Three minutes are too short to overfit: no dropout, little augmentation, small batches, a rate
# that falls within a thousand steps (measured on two cores; docs/log.md).
NUMBERS: dict[str, Any] = {
    "encoder_size": 64,
    "batch_size": 50,
    "learning_rate": 0.003,
    "learning_rate_decay": 0.9975,
    "R": 0.995,
    "recurrent_keep": 1.0,
    "augment_scale": 0.05,
    "drop_probability": 0.0,
    "patience": 0,
    "evaluate_every": 200,
}
MARKER = ".sketchrnn-demo"
TEMPERATURES = (0.1, 0.3, 0.5, 0.8, 1.0)
RECONSTRUCTION_TEMPERATURES = (0.01, 0.2, 0.4, 0.6, 0.8, 1.0)
SHOWN, SHOWN_CLASSES = 10, 8
INTERPOLATIONS, STEPS = 4, 9
STARTER_TEMPERATURE = 0.2
GRID = 7
PARTS = 4


def demo(data: list[str], folder: Path, *, minutes: float, seed: int) -> Path:
    """Train a small model on `data` (the doodles where it is empty) and write a page of pictures.

    The folder gets `index.html`, which is returned, the pictures as .svg, and the run in `run/`,
    made anew each time.
    """
    if not minutes > 0:
        raise SketchRNNError(f"--minutes must be over 0, got {minutes:g}")
    choose_seed(seed)
    sources = data or [DOODLES]
    every = read_sources(sources)
    dataset, _ = every.limited(MAX_POINTS)
    dataset, _ = dataset.limited(dataset.N_max)  # N_max is the longest *training* drawing's
    left_out = sum(len(drawings) - len(dataset.split(n)) for n, drawings in every.splits.items())
    need_validation(dataset)
    run, page = folder / "run", folder / "index.html"
    _clear(run)

    say("drawing with the models that come with sketchrnn ...")
    from_starters = _starter_sections(folder, seed)
    _write(
        page,
        "Drawn by models that come with sketchrnn. Below them will stand, in"
        f" {minutes:g} minutes, what a model draws that learns on this machine now.",
        from_starters,
    )
    say(f"the first pictures are in {page}; look at them while the next model learns")

    end = train(dataset, run, preset="laptop", max_minutes=minutes, seed=seed, **NUMBERS)
    say("drawing ...")
    sections = _sections(dataset, load(run), run, " ".join(sources), left_out, seed)
    names = ", ".join(name.replace("_", " ") for name in dataset.classes)
    _write(
        page,
        "First, what the models that come with sketchrnn draw. Then the drawings of a small network"
        f" that looked at {len(dataset.train):,} drawings ({names}) for {end['seconds'] / 60:.1f}"
        " minutes on this machine, point by point.",
        [*from_starters, *sections],
    )
    return page


def _write(page: Path, intro: str, sections: Sequence[Section]) -> None:
    """The page, and its figures as files of their own."""
    for section in sections:
        if section.svg:
            name = section.heading.lower().replace(" ", "-")
            write_text(page.parent / f"{name}.svg", section.svg)
    write_page(page, "A machine that draws", intro, sections)


def _starter_sections(folder: Path, seed: int) -> list[Section]:
    """Pictures by the models that come with the package."""
    models = [load(one.name) for one in starters()]
    chance: dict[str, Any] = {"temperature": STARTER_TEMPERATURE, "seed": seed}
    rows = [one.generate(SHOWN, **chance) for one in models]
    sections = [
        Section(
            "Starter models",
            "They come with the package. They learned from some thousand drawings by people each"
            " (cat_pig: by the package itself); these are new ones, by the models.",
            SketchSheet(rows, row_labels=[one.name for one in models]).to_svg(),
            command=f"sketchrnn models --temperature {STARTER_TEMPERATURE:g} --seed {seed}",
        )
    ]

    def saved(sketches: Sequence[Sketch], name: str) -> list[str]:
        """Files to begin with."""
        files = [folder / "starter-drawings" / f"{name}-{i}.svg" for i in range(len(sketches))]
        for file, sketch in zip(files, sketches, strict=True):
            sketch.save(file)
        return [str(file) for file in files]

    for model in models:
        if model.conditional and len(model.facts.classes) > 1:
            corners = model.generate(4, temperature=0.1, seed=seed)
            files = " ".join(saved(corners, model.name))
            sections.append(
                Section(
                    f"Between four drawings of {model.name}",
                    "Each drawing is a vector z for the model; here is what it draws between four"
                    " of them.",
                    grid_sheet(corners, model.grid(corners, GRID, GRID, seed=seed)).to_svg(),
                    command=f"sketchrnn interpolate {model.name} {files} --seed {seed}"
                    f" -o {model.name}.svg",
                )
            )
    model = next(one for one in models if not one.conditional)
    begun = [Sketch(one.polylines[:1], one.label) for one in model.generate(10 * PARTS, **chance)]
    # neither a mere dash, nor so much that nothing is left to draw
    parts = [part for part in begun if 8 <= part.point_count <= model.N_max // 3][:PARTS]
    if parts:
        first, *_ = saved(parts, model.name)
        completed = [("", part, model.complete(part, SHOWN, **chance)) for part in parts]
        sections.append(
            Section(
                "Finished for you",
                f"{model.name} goes on where a drawing stops: the part in the frame is given, the"
                " rest is its own.",
                completion_sheet(completed).to_svg(),
                command=f"sketchrnn complete {model.name} {first} --seed {seed} -o finished.svg",
            )
        )
    return sections


def _sections(
    dataset: Dataset, model: Model, run: Path, data: str, left_out: int, seed: int
) -> list[Section]:
    """What the new model learned from, what it draws, and how well it learned."""
    split = "test" if len(dataset.test) else "valid"
    inputs = dataset.choose(split, 6, model.N_max, seed)
    redrawn = [
        model.reconstruct(inputs, temperature=tau, seed=seed) for tau in RECONSTRUCTION_TEMPERATURES
    ]
    taus = " ".join(f"{tau:g}" for tau in TEMPERATURES)
    try:
        curves, problem = loss_curves_svg(read_log(run)), ""
    except SketchRNNError as error:  # matplotlib is an extra
        curves, problem = "", f" No curve: {error}."
    return [
        Section(
            "Training drawings",
            "What it learned from."
            + (f" Left out, with over {dataset.N_max} points: {left_out}." if left_out else ""),
            _training_sheet(dataset, seed).to_svg(),
            command=f"sketchrnn data inspect {data} --svg training.svg",
        ),
        Section(
            "New drawings",
            "Drawn by the model from nothing but random numbers. The temperature τ says how far it"
            " strays from what it thinks most likely.",
            temperature_sheet(model, SHOWN, TEMPERATURES, seed).to_svg(),
            command=f"sketchrnn generate {run} -n {SHOWN} --temperature {taus} --seed {seed}"
            " -o new.svg",
        ),
        Section(
            "Reconstructions",
            "Drawings that it has never seen, squeezed into one vector z and drawn again from it.",
            beside_inputs(inputs, redrawn, RECONSTRUCTION_TEMPERATURES).to_svg(),
            command=f"sketchrnn reconstruct {run} {data} --seed {seed} -o redrawn.svg",
        ),
        Section(
            "Interpolation",
            f"The way from one drawing's z to another's, drawn at {STEPS} stops.",
            _interpolation_sheet(dataset, model, split, seed).to_svg(),
        ),
        Section(
            "Learning",
            "L_R is the negative log density of the true points, so it may fall below zero. L_KL,"
            " times the numbers in z, is how many nats z tells of a drawing." + problem,
            curves,
            table=_loss_table(evaluate(model, dataset, split)),
            command=f"sketchrnn evaluate {run} {data} --split {split}",
        ),
    ]


def _training_sheet(dataset: Dataset, seed: int) -> SketchSheet:
    """Ten training drawings of each of the first few classes."""
    rows = {}
    for label, name in enumerate(dataset.classes[:SHOWN_CLASSES]):
        of_class = dataset.train.select(dataset.train.labels == label)
        if len(of_class):
            some = replace(dataset, train=of_class).choose("train", SHOWN, MAX_POINTS, seed)
            rows[name.replace("_", " ")] = some
    return SketchSheet(list(rows.values()), row_labels=list(rows))


def _interpolation_sheet(dataset: Dataset, model: Model, split: str, seed: int) -> SketchSheet:
    """Ways between drawings, of different classes where there are several."""
    by_class: dict[str | None, list[Sketch]] = {}
    for sketch in dataset.choose(split, len(dataset.split(split)), model.N_max, seed):
        by_class.setdefault(sketch.label, []).append(sketch)
    in_turn = [one for turn in zip_longest(*by_class.values()) for one in turn if one is not None]
    return SketchSheet(
        [
            model.interpolate(first, last, STEPS, temperature=0.05, seed=seed)
            for first, last in pairwise(islice(cycle(in_turn), INTERPOLATIONS + 1))
        ]
    )


def _loss_table(summary: dict[str, Any]) -> list[list[str]]:
    rows = [["loss", "mean", "standard error"]]
    for name in ("L_R", "L_s", "L_p", "L_KL", "nats_per_drawing"):
        numbers = (f"{summary[name][part]:.3f}" for part in ("mean", "stderr"))
        rows.append([name.replace("_per_", " a "), *numbers])
    facts = (
        f"{summary['n']} {summary['split']} drawings, N_max {summary['N_max']}, mean length"
        f" {summary['mean_length']:.1f}, scale {summary['scale']:.4g}"
    )
    return [*rows, [facts, "", ""]]


def _clear(run: Path) -> None:
    """Remove the run of an earlier demo, which left a marker beside it, and nothing else."""
    marker = run.parent / MARKER
    if run.exists():
        if not marker.is_file():
            raise SketchRNNError(f"{run}: exists and is not the run of a demo; move it away")
        shutil.rmtree(run)
    write_text(marker, "The folder run/ is made anew by each `sketchrnn demo`.\n")
