"""Measuring a model on every drawing of a split, exactly: no dropout, no floor, no annealing."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from sketchrnn.data.batches import evaluation_batches
from sketchrnn.data.dataset import Dataset, Drawings
from sketchrnn.data.sources import Data, read, source_names
from sketchrnn.drawing.coder import Coder
from sketchrnn.errors import SketchRNNError
from sketchrnn.model.losses import kl_loss, reconstruction_loss
from sketchrnn.model.network import Network
from sketchrnn.runs import DataFacts
from sketchrnn.strokes import BOX_PX
from sketchrnn.training.config import TrainingConfig

Losses = npt.NDArray[np.float64]

EVALUATION_BATCH = 200  # drawings measured at once; the result is the same up to rounding
SCALE_MARGIN = 0.05  # parts by which the scales of drawings that are prepared alike may differ
SIZE_MARGIN = 0.10  # and their median larger sides


@dataclass(frozen=True)
class Evaluation:
    """The losses of each of n drawings, in nats; all but `nats_per_drawing` are divided by N_max.

    Attributes:
        L_s, L_p: eq. 9, L_p over all N_max steps (the paper's convention).
        L_p_masked: L_p over the N_s true points only (the reference notebook's convention).
        L_KL: raw, [n]; None for a decoder-only model.
        nats_per_drawing: -log p(drawing | z) in the user's units: the N_s points and the end, not
            divided by anything, so independent of N_max and scale. (A drawing of just N_max points
            has no step left to end in; its end is not counted.) What z itself costs is in L_KL.
        lengths: N_s.
    """

    N_max: int
    scale: float
    lengths: npt.NDArray[np.int64]
    L_s: Losses
    L_p: Losses
    L_p_masked: Losses
    nats_per_drawing: Losses
    L_KL: Losses | None = None

    @property
    def L_R(self) -> Losses:
        """L_s + L_p."""
        return self.L_s + self.L_p

    @property
    def L_R_masked(self) -> Losses:
        """L_s + L_p_masked."""
        return self.L_s + self.L_p_masked

    def loss(self, w_KL: float) -> float:
        """The mean of eq. 11 with the full weight, what models are chosen by."""
        L_KL = 0.0 if self.L_KL is None else float(self.L_KL.mean())
        return float(self.L_R.mean()) + w_KL * L_KL

    def summary(self, KL_min: float) -> dict[str, Any]:
        """What `sketchrnn evaluate --json` prints; each loss as its mean and standard error."""
        result: dict[str, Any] = {
            "n": len(self.lengths),
            "N_max": self.N_max,
            "mean_length": float(self.lengths.mean()),
            "scale": self.scale,
        }
        for name in ("L_R", "L_s", "L_p", "L_KL", "L_R_masked", "nats_per_drawing"):
            values = getattr(self, name)
            result[name] = None if values is None else mean_and_stderr(values)
        # the floor is a bound on the mean of a batch (suppl. eq. 4), so it is put on the mean here
        floored = result["L_KL"]
        if floored is not None and floored["mean"] < KL_min:
            floored = {"mean": KL_min, "stderr": 0.0}
        result["L_KL_floored"] = floored
        return result


def mean_and_stderr(values: Losses) -> dict[str, float]:
    """The mean and its standard error (0 for a single value)."""
    n = len(values)
    spread = float(values.std(ddof=1)) / math.sqrt(n) if n > 1 else 0.0
    return {"mean": float(values.mean()), "stderr": spread}


def measure(
    network: Network,
    drawings: Drawings,
    scale: float,
    *,
    seed: int = 0,
    batch_size: int = EVALUATION_BATCH,
) -> Evaluation:
    """Measure `network` on all of `drawings`, none of which may have more than N_max points.

    z is sampled from q(z | S) as in the paper, from a generator of its own seeded with `seed`.
    """
    device = next(network.parameters()).device
    # NumPy's numbers come in one order, however many are asked for at once: batches do not matter
    generator = np.random.Generator(np.random.PCG64(seed))
    columns: dict[str, list[Losses]] = {}
    N_max = network.config.N_max
    was_training = network.training
    network.eval()
    with torch.inference_mode():
        for batch in evaluation_batches(drawings, batch_size, N_max, scale):
            x_BT5 = torch.from_numpy(batch.x_BT5).to(device)
            lengths_B = torch.from_numpy(batch.lengths_B).to(device)
            targets_BT5 = x_BT5[:, 1:]
            z_BZ = None
            row: dict[str, torch.Tensor] = {}
            if network.config.conditional:
                mu, log_variance = network.encode(targets_BT5, lengths_B)
                noise = generator.standard_normal(mu.shape, dtype=np.float32)
                z_BZ = mu + torch.exp(log_variance / 2) * torch.from_numpy(noise).to(mu)
                row["L_KL"] = kl_loss(mu, log_variance)
            mixture, _ = network.decode(x_BT5[:, :-1], z_BZ)
            loss = reconstruction_loss(mixture, targets_BT5, lengths_B)
            row |= {"L_s": loss.L_s, "L_p": loss.L_p, "L_p_masked": loss.L_p_masked}
            # A density in scaled units is scale^2 times the density in the user's units.
            row["nats_per_drawing"] = N_max * (loss.L_s + loss.L_p_to_end) + (
                2 * math.log(scale) * lengths_B
            )
            for name, values in row.items():
                columns.setdefault(name, []).append(values.double().cpu().numpy())
    network.train(was_training)
    joined = {name: np.concatenate(parts) for name, parts in columns.items()}
    return Evaluation(N_max=N_max, scale=scale, lengths=drawings.lengths, **joined)


def evaluate_split(
    model: Coder,
    dataset: Dataset,
    split: str,
    KL_min: float,
    *,
    seed: int = 0,
    each: Sequence[str] = (),
) -> dict[str, Any]:
    """What `sketchrnn evaluate --json` prints; of the losses in `each` every drawing's as well.

    Drawings of more than N_max points are left out and counted.
    """
    drawings, left_out = _readable(dataset, split, model.N_max)
    result = measure(model.network, drawings, model.facts.scale, seed=seed)
    summary = result.summary(KL_min)
    summary |= {"epsilon": dataset.epsilon, "split": split, "left_out": left_out}
    for name in each:
        if summary[name] is not None:
            summary[name] = summary[name] | {"each": getattr(result, name).tolist()}
    return summary


def evaluate(
    model: Coder,
    data: Data,
    split: str = "test",
    *,
    seed: int = 0,
    KL_min: float = TrainingConfig.KL_min,
) -> dict[str, Any]:
    """The losses of a model on every drawing of a split, each as its mean and standard error.

    >>> import sketchrnn
    >>> model = sketchrnn.load("cat_pig")
    >>> found = sketchrnn.evaluate(model, "doodles:50:1:cat_head+pig_head")
    >>> found["n"], found["L_R"]["mean"] < 0  # a log density: below zero is normal
    (2, True)

    Args:
        model: what is measured.
        data: files of any known format, doodles:COUNT:SEED, or a Dataset.
        split: train, valid or test.
        seed: of the sampled z.
        KL_min: the floor of `L_KL_floored`.

    Returns:
        What `sketchrnn evaluate --json` prints, and `warnings`: what makes these losses misleading,
        where the data are not prepared like those that the model learned from.

    Raises:
        SketchRNNError: no such split, or nothing in it that the model can read.
    """
    dataset = read(data)
    summary = evaluate_split(model, dataset, split, KL_min, seed=seed)
    return summary | {"warnings": unlike(model.facts, model.N_max, dataset, source_names(data))}


def compare(
    model_a: Coder, model_b: Coder, data: Data, split: str = "test", *, seed: int = 0
) -> dict[str, Any]:
    """Compare two models on the same drawings: those of a split that both can read to the end.

    >>> import sketchrnn
    >>> models = sketchrnn.load("cat_pig"), sketchrnn.load("car")
    >>> found = sketchrnn.compare(*models, "doodles:50:1:cat_head+pig_head")
    >>> found["nats_per_drawing"]["difference"]["mean"] < 0  # the first finds them likelier
    True

    Args:
        model_a, model_b: any two; their N_max and scale may differ.
        data, split, seed: as for `evaluate`.

    Returns:
        `n`, `split`, `left_out`, `warnings`, and as `a`, `b` and `difference` (a - b, drawing by
        drawing), each with `mean` and `stderr`: `nats_per_drawing`, given z; `nats_with_z`, with
        the nats that z itself costs; and `L_R` where N_max and scale are the same, else None.

    Raises:
        SketchRNNError: no such split, or nothing in it that both can read.
    """
    dataset, models = read(data), (model_a, model_b)
    same_length = model_a.N_max == model_b.N_max
    # the end of a drawing of just N_max points is not measured: one model would have it, one not
    most = min(model_a.N_max, model_b.N_max) - (0 if same_length else 1)
    drawings, left_out = _readable(dataset, split, most)
    a, b = (measure(one.network, drawings, one.facts.scale, seed=seed) for one in models)
    alike = same_length and math.isclose(a.scale, b.scale)
    return {
        "n": len(drawings),
        "split": split,
        "left_out": left_out,
        "warnings": [
            f"{one.name}: {line}"
            for one in models
            for line in unlike(one.facts, one.N_max, dataset, source_names(data))
        ],
        "nats_per_drawing": _side_by_side(a.nats_per_drawing, b.nats_per_drawing),
        "nats_with_z": _side_by_side(nats_with_z(a, model_a), nats_with_z(b, model_b)),
        "L_R": _side_by_side(a.L_R, b.L_R) if alike else None,
    }


def _side_by_side(a: Losses, b: Losses) -> dict[str, dict[str, float]]:
    return {name: mean_and_stderr(n) for name, n in (("a", a), ("b", b), ("difference", a - b))}


def nats_with_z(result: Evaluation, model: Coder) -> Losses:
    """An upper bound on -log p(drawing), in the mean; L_KL is a mean over the numbers of z."""
    if result.L_KL is None:
        return result.nats_per_drawing
    return result.nats_per_drawing + model.z_size * result.L_KL


def _readable(dataset: Dataset, split: str, N_max: int) -> tuple[Drawings, int]:
    """The drawings of at most N_max points, and how many are left out. Raises for none at all."""
    every = dataset.split(split)
    if not len(every):
        others = " and ".join(name for name, some in dataset.splits.items() if len(some))
        raise SketchRNNError(f"{dataset.where}: {split} has no drawings, only {others}")
    drawings = every.select(every.lengths <= N_max)
    if not len(drawings):
        raise SketchRNNError(f"{dataset.where}: {split} has no drawings of at most {N_max} points")
    return drawings, len(every) - len(drawings)


def unlike(
    facts: DataFacts, N_max: int, dataset: Dataset, sources: Sequence[str] = ()
) -> list[str]:
    """What differs from the drawings that a model learned from, and the command that fixes it.

    One line each; only what is known of both is compared, and only the training split of the
    drawings. `facts` and `N_max` are the model's; the command reads `sources`, and there is none
    where it would not help: it is not named again for what it has made.
    """
    lines, options = [], []
    if (dataset.train.lengths <= (facts.max_points or 0)).any():
        dataset, _ = dataset.limited(facts.max_points or 0)  # the longer were left out then, too
    if len(dataset.train):
        if not math.isclose(dataset.scale, facts.scale, rel_tol=SCALE_MARGIN):
            lines.append(
                f"the scale of these drawings is {dataset.scale:.4g} px, of those that the model"
                f" learned from {facts.scale:.4g}"
            )
        if dataset.N_max > N_max:
            lines.append(
                f"the longest of these drawings has {dataset.N_max} points, of those that the model"
                f" learned from {N_max}"
            )
            options.append(f"--max-points {N_max}")
        if facts.size and not math.isclose(dataset.size, facts.size, rel_tol=SIZE_MARGIN):
            lines.append(
                f"the larger side of these drawings is {dataset.size:.4g} px (median), of those"
                f" that the model learned from {facts.size:.4g}"
            )
            if math.isclose(facts.size, BOX_PX, rel_tol=SIZE_MARGIN):
                options.append("--box")
    ours, theirs = dataset.epsilon, facts.epsilon
    if ours is not None and theirs is not None and ours != theirs:
        undo = "; only the drawings as they were before can be prepared so" if ours > theirs else ""
        lines.append(
            f"these drawings are simplified with epsilon {ours:g}, those that the model learned"
            f" from with {theirs:g}{undo}"
        )
    # to simplify again changes nothing, unless other options change the drawings before
    if theirs is not None and (options or (lines and (ours or 0) < theirs)):
        options.append(f"--simplify {theirs:g}")
    if options:
        prepare = f"sketchrnn data prepare {shlex.join(sources) or 'DATA'} -o ALIKE.sketches"
        lines.append(f"to prepare them alike: {prepare} {' '.join(options)}")
    return lines
