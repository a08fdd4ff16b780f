"""Draw the pictures of docs/results.md from the runs that scripts/results.sh made.

python scripts/pictures.py DATA RUNS

Only drawings by our own models go into the repository, none by people.
"""

from __future__ import annotations

import sys
from pathlib import Path

import sketchrnn
from sketchrnn.data.sources import read_sources
from sketchrnn.drawing.sheets import temperature_sheet
from sketchrnn.figures.curves import loss_curves
from sketchrnn.figures.sheet import SketchSheet
from sketchrnn.training.logs import read_log

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
RUNS = {
    "power_outlet": ("power_outlet.npz",),
    "pig": ("pig.npz",),
    "pig_face": ("pig.npz", "face.npz"),
    "kanji": ("kanji.rdp200.npz",),
}
TEMPERATURES = (0.1, 0.3, 0.5, 0.8)
RECONSTRUCTION_TEMPERATURES = (0.01, 0.2, 0.4, 0.6, 0.8)
SEED = 1
COLUMNS = 10


def main() -> None:
    data, runs = map(Path, sys.argv[1:])
    for name, files in RUNS.items():
        model = sketchrnn.load(runs / name)
        temperature_sheet(model, COLUMNS, TEMPERATURES, SEED).save(IMAGES / f"{name}.svg")
        loss_curves(read_log(runs / name), IMAGES / f"{name}-curves.png")
        if model.conditional:  # what it makes of ten test drawings; the drawings are not shown
            dataset = read_sources([str(data / file) for file in files])
            inputs = dataset.choose("test", COLUMNS, model.N_max, SEED)
            sheet = SketchSheet(
                [
                    model.reconstruct(inputs, temperature=tau, seed=SEED)
                    for tau in RECONSTRUCTION_TEMPERATURES
                ],
                row_labels=[f"τ = {tau:g}" for tau in RECONSTRUCTION_TEMPERATURES],
            )
            sheet.save(IMAGES / f"{name}-reconstructions.svg")


if __name__ == "__main__":
    main()
