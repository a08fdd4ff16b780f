"""Make the judges that the package ships of those that `train_judges.py` trained.

    python scripts/pack_judges.py local/judges DATA

Batch normalisation becomes part of the weights, which are rounded to 16 bits. How many unseen
drawings they recognise, of the test split of DATA, is measured as they are then, printed, and
written into their files, for `sketchrnn score` to say.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save

from sketchrnn.data.formats import npz
from sketchrnn.files import write_bytes
from sketchrnn.judge.judges import NAMES, WEIGHTS, Judge
from sketchrnn.judge.networks import PictureJudge, StrokeJudge
from sketchrnn.judge.reading import prepared
from sketchrnn.sketch import Sketch

LARGE = 700  # training drawings of a class that is well filled


def trained(path: Path, name: str) -> tuple[dict[str, str], PictureJudge | StrokeJudge]:
    """The facts of a file that `train_judges.py` wrote, and its network for use."""
    with safe_open(path, framework="pt") as file:
        about = file.metadata()
        weights = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    count = len(json.loads(about["classes"]))
    if name == "strokes":
        strokes = StrokeJudge(count)
        strokes.load_state_dict(weights)
        return about, strokes
    picture = PictureJudge(count, normalised=True)
    picture.load_state_dict(weights)
    return about, picture.eval().folded()


def pack(network: torch.nn.Module, facts: dict[str, object], path: Path) -> None:
    halves = {key: value.half().contiguous() for key, value in network.state_dict().items()}
    write_bytes(path, save(halves, {"facts": json.dumps(facts)}))


def accuracy(judge: Judge, data: Path, large: set[str]) -> dict[str, dict[str, float]]:
    """Of all test drawings, and of those of well-filled classes: their number, top 1, top 5."""
    hits = []
    for number, name in enumerate(judge.classes):
        test = npz.read(data / f"{name}.npz").test
        opinion = judge.look([prepared(Sketch.from_stroke3(rows)) for rows in test])
        tops = (opinion.names_one_of([number], among) for among in (1, 5))
        hits += [(name in large, *both) for both in zip(*tops, strict=True)]
    table = np.array(hits)
    parts = {"well_filled": table[table[:, 0]], "all": table}
    return {
        name: {
            "n": len(part),
            "top1": round(float(part[:, 1].mean()), 4),
            "top5": round(float(part[:, 2].mean()), 4),
        }
        for name, part in parts.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("data", type=Path)
    wanted = parser.parse_args()
    for name in NAMES:
        about, network = trained(wanted.folder / f"{name}.full.safetensors", name)
        classes, counts = (json.loads(about[key]) for key in ("classes", "counts"))
        path = WEIGHTS / f"{name}.safetensors"
        large = {one for one, count in zip(classes, counts, strict=True) if count >= LARGE}
        facts: dict[str, object] = {"classes": classes, "accuracy": {}}
        pack(network, facts, path)
        facts["accuracy"] = accuracy(Judge(path), wanted.data, large)
        pack(network, facts, path)
        print(f"{name}: {path.stat().st_size:,} bytes, {len(large)} well-filled classes")
        print(json.dumps(facts["accuracy"]))


if __name__ == "__main__":
    main()
