"""Train the two judges of `sketchrnn score` on a folder of official .npz files, one a class.

    python scripts/train_judges.py picture DATA --minutes 60 -o local/judges
    python scripts/train_judges.py strokes DATA --minutes 60 -o local/judges

Classes are seen by the square root of their number of drawings; the weights that are kept are a
running mean; the validation split is reported, the test split never read. One network at a time,
on as many threads as --threads says, so that both can be trained side by side.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import time
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch.nn import functional as F

from sketchrnn.data.formats import npz
from sketchrnn.judge.networks import PictureJudge, StrokeJudge
from sketchrnn.judge.reading import POINT
from sketchrnn.judge.render import INSIDE, SIDE, ink

BATCH = 128
BOX = 255.0
AVERAGE = 0.999  # of the running mean of the weights
SMOOTHING = 0.05
RATES = {"picture": 2e-3, "strokes": 1.5e-3}


class Packed:
    """All drawings of a split: points [P, 2] in a 255 box, which of them begin a stroke."""

    def __init__(self, files: list[Path], split: str) -> None:
        points, begins, lengths, labels = [], [], [], []
        for label, file in enumerate(files):
            for rows in getattr(npz.read(file), split):
                xy = np.concatenate([[[0, 0]], np.cumsum(rows[:, :2], axis=0)]).astype(np.float32)
                low, high = xy.min(axis=0), xy.max(axis=0)
                xy = (xy - (low + high) / 2) * (BOX / max((high - low).max(), 1e-9))
                first = np.concatenate([[True, False], rows[:-1, 2] > 0.5])
                points.append(xy.astype(np.float32))
                begins.append(first)
                lengths.append(len(xy))
                labels.append(label)
        self.points, self.begins = np.concatenate(points), np.concatenate(begins)
        self.lengths, self.labels = np.array(lengths), np.array(labels)
        self.first = np.cumsum(self.lengths) - self.lengths

    def take(self, which: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        lengths = self.lengths[which]
        at = np.repeat(self.first[which] - (np.cumsum(lengths) - lengths), lengths)
        at = at + np.arange(len(at))
        return self.points[at].copy(), self.begins[at].copy(), lengths


def boxed(points: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Each drawing centred, its larger side 2."""
    first = np.cumsum(lengths) - lengths
    low, high = np.minimum.reduceat(points, first), np.maximum.reduceat(points, first)
    side = np.maximum((high - low).max(axis=1, keepdims=True), 1e-6)
    owner = np.repeat(np.arange(len(lengths)), lengths)
    return ((points - ((low + high) / 2)[owner]) * (2 / side)[owner]).astype(np.float32)


def changed(
    points: np.ndarray, begins: np.ndarray, lengths: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Drawings turned, sheared, mirrored, shaken, and without a stroke here and there."""
    n = len(lengths)
    owner = np.repeat(np.arange(n), lengths)
    angle = rng.normal(0, math.radians(6), n)
    shear = rng.normal(0, 0.08, n)
    wide = np.exp(rng.normal(0, 0.12, n)) * np.where(rng.random(n) < 0.5, -1, 1)
    cos, sin = np.cos(angle), np.sin(angle)
    turn = np.array([[cos * wide, shear - sin], [sin * wide, cos]]).transpose(2, 0, 1)
    points = np.einsum("pij,pj->pi", turn[owner].astype(np.float32), points)
    shake = np.abs(rng.normal(0, 2.0, n)).astype(np.float32)
    points += rng.standard_normal(points.shape, dtype=np.float32) * shake[owner, None]
    # strokes left out, of drawings that have more than two, and never all
    stroke = np.cumsum(begins) - 1
    of = owner[begins]
    number = np.bincount(of, minlength=n)
    left_out = rng.random(len(of)) < np.where(rng.random(n) < 0.4, 0.12, 0.0)[of]
    left_out &= number[of] > 2
    first_of = np.cumsum(number) - number
    left_out[first_of[np.add.reduceat(left_out, first_of) == number]] = False
    kept = ~left_out[stroke]
    return points[kept], begins[kept], np.bincount(owner[kept], minlength=n)


def pictures(points: np.ndarray, begins: np.ndarray, lengths: np.ndarray) -> torch.Tensor:
    xy = (boxed(points, lengths) * (INSIDE / 2) + SIDE / 2).astype(np.float32)
    before = np.concatenate([xy[:1], xy[:-1]])
    before[begins] = xy[begins]
    owner = np.repeat(np.arange(len(lengths)), lengths)
    return torch.from_numpy(ink(before, xy, owner, len(lengths)))


def sequences(
    points: np.ndarray, begins: np.ndarray, lengths: np.ndarray
) -> tuple[torch.Tensor, torch.Tensor]:
    xy = boxed(points, lengths)
    first = np.cumsum(lengths) - lengths
    step = np.diff(xy, axis=0, prepend=xy[:1])
    step[first] = 0
    ends = np.append(begins[1:], True)
    rows = np.column_stack([xy, step, begins, ends]).astype(np.float32)
    padded = np.zeros((len(lengths), lengths.max(), POINT), dtype=np.float32)
    padded[np.arange(lengths.max()) < lengths[:, None]] = rows
    return torch.from_numpy(padded), torch.from_numpy(lengths)


def answers(model, kind, packed, batch):
    made = pictures(*batch) if kind == "picture" else sequences(*batch)
    features = model.features(made) if kind == "picture" else model.features(*made)
    return model.answer(F.dropout(features, 0.2, model.training))


def validate(model, kind, packed, counts, largest):
    model.eval()
    order = np.argsort(packed.lengths, kind="stable")
    logits = []
    with torch.inference_mode():
        for first in range(0, len(order), BATCH):
            logits.append(answers(model, kind, packed, packed.take(order[first : first + BATCH])))
    logits, labels = torch.cat(logits), torch.from_numpy(packed.labels[order])
    found = {}
    for power in (0.0, 0.25, 0.5):
        moved = logits - power * torch.log(torch.tensor(counts, dtype=torch.float32))
        hit = moved.argmax(1) == labels
        top5 = (moved.topk(5).indices == labels[:, None]).any(1)
        many = torch.isin(labels, torch.from_numpy(largest))
        by_class = [
            float(hit[labels == c].float().mean())
            for c in range(len(counts))
            if (labels == c).any()
        ]
        found[f"power {power}"] = {
            "all": round(float(hit.float().mean()), 4),
            "all top5": round(float(top5.float().mean()), 4),
            "by class": round(float(np.mean(by_class)), 4),
            "well filled": round(float(hit[many].float().mean()), 4),
            "well filled top5": round(float(top5[many].float().mean()), 4),
        }
    return found


def follow(mean, model, share):
    """The running mean of the weights, and of what batch normalisation keeps."""
    with torch.no_grad():
        for kept, now in zip(mean.state_dict().values(), model.state_dict().values(), strict=True):
            if kept.is_floating_point():
                kept.lerp_(now, 1 - share)
            else:
                kept.copy_(now)


def save(mean, kind, files, counts, output):
    output.mkdir(parents=True, exist_ok=True)
    about = {
        "kind": kind,
        "classes": json.dumps([file.stem for file in files]),
        "counts": json.dumps(counts.tolist()),
    }
    tensors = {name: tensor.contiguous() for name, tensor in mean.state_dict().items()}
    save_file(tensors, output / f"{kind}.full.safetensors", about)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=("picture", "strokes"))
    parser.add_argument("data", type=Path)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("-o", "--output", type=Path, default=Path("local/judges"))
    wanted = parser.parse_args()
    torch.set_num_threads(wanted.threads)
    torch.manual_seed(wanted.seed)
    rng = np.random.default_rng(wanted.seed)
    files = sorted(wanted.data.glob("*.npz"))
    train, valid = Packed(files, "train"), Packed(files, "valid")
    counts = np.bincount(train.labels, minlength=len(files))
    largest = np.flatnonzero(counts >= 700)
    chance = counts[train.labels] ** -0.5
    chance /= chance.sum()
    model = (
        PictureJudge(len(files), normalised=True).to(memory_format=torch.channels_last)
        if wanted.kind == "picture"
        else StrokeJudge(len(files), dropout=0.1)
    )
    number = sum(weights.numel() for weights in model.parameters())
    print(f"{len(files)} classes, {len(train.labels)} drawings, {number} weights", flush=True)
    mean = copy.deepcopy(model).eval()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.02, betas=(0.9, 0.99))
    begin, step, shown, checked = time.time(), 0, 0.0, 0.0
    losses: list[float] = []
    queue: list[np.ndarray] = []
    while (done := (time.time() - begin) / (60 * wanted.minutes)) < 1:
        if not queue:  # some batches at once, so that each holds drawings of like lengths
            drawn = rng.choice(len(train.labels), 64 * BATCH, p=chance)
            if wanted.kind == "strokes":
                drawn = drawn[np.argsort(train.lengths[drawn], kind="stable")]
            queue = np.split(drawn, 64)
            rng.shuffle(queue)
        which = queue.pop()
        warm = min(1.0, (step + 1) / 300)
        rate = RATES[wanted.kind] * warm * (0.5 + 0.5 * math.cos(math.pi * done))
        for group in optimizer.param_groups:
            group["lr"] = rate
        batch = changed(*train.take(which), rng)
        logits = answers(model, wanted.kind, train, batch)
        loss = F.cross_entropy(
            logits, torch.from_numpy(train.labels[which]), label_smoothing=SMOOTHING
        )
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        follow(mean, model, min(AVERAGE, (1 + step) / (10 + step)))
        losses.append(loss.item())
        step += 1
        if time.time() - shown > 60:
            shown = time.time()
            pace = step * BATCH / (shown - begin)
            print(
                f"{done:.3f} step {step} loss {np.mean(losses[-200:]):.4f} {pace:.0f}/s", flush=True
            )
        if time.time() - checked > 60 * wanted.minutes / 8:
            checked = time.time()
            print(json.dumps(validate(mean, wanted.kind, valid, counts, largest)), flush=True)
            save(mean, wanted.kind, files, counts, wanted.output)
    print(json.dumps(validate(mean, wanted.kind, valid, counts, largest)), flush=True)
    save(mean, wanted.kind, files, counts, wanted.output)


if __name__ == "__main__":
    main()
