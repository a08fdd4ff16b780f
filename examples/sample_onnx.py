"""Draw with an exported model, with onnxruntime and NumPy alone: no PyTorch, no sketchrnn.

sketchrnn export onnx face -o face-onnx
python examples/sample_onnx.py face-onnx -n 12 --temperature 0.3 -o faces.svg
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import onnxruntime

DOWN, UP, END = 2, 3, 4  # columns of a stroke-5 row, after dx and dy
CELL_PX, COLUMNS = 120, 6


def choose(logits_nK, tau, rng):
    """An index for each row, from softmax(logits / tau): the Gumbel-max trick."""
    return (logits_nK / tau + rng.gumbel(size=logits_nK.shape)).argmax(axis=1)


def next_point(mixture, tau, rng):
    """Stroke-5 rows [n, 5] from n mixtures: logits divided by tau, variances times tau (eq. 8)."""
    rows = np.arange(len(mixture["pi_logits"]))
    pick = choose(mixture["pi_logits"], tau, rng)
    names = ("mu_x", "mu_y", "log_sigma_x", "log_sigma_y", "rho")
    mu_x, mu_y, log_sigma_x, log_sigma_y, rho = (mixture[name][rows, pick] for name in names)
    a, b = np.sqrt(tau) * rng.standard_normal((2, len(rows)))
    point = np.zeros((len(rows), 5), dtype=np.float32)
    point[:, 0] = mu_x + np.exp(log_sigma_x) * a
    point[:, 1] = mu_y + np.exp(log_sigma_y) * (rho * a + np.sqrt(1 - rho**2) * b)
    point[rows, DOWN + choose(mixture["pen_logits"], tau, rng)] = 1
    return point


def load(path):
    """An ONNX file as a function: inputs by name -> outputs by name."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return lambda inputs: dict(zip(names, session.run(names, inputs), strict=True))


def latents(facts, n, rng):
    """z [n, Z] from the fitted prior, or from N(0, I) where the model has none."""
    z_nZ = rng.standard_normal((n, facts["config"]["z_size"]))
    if facts["prior"] is None:
        return z_nZ.astype(np.float32)
    prior = {name: np.array(values) for name, values in facts["prior"].items()}
    pick = rng.choice(len(prior["shares"]), n, p=prior["shares"] / prior["shares"].sum())
    along = z_nZ @ prior["basis"].T
    there = prior["means"][pick] + np.einsum("nij,nj->ni", prior["factors"][pick], along)
    across = prior["rest"] * (z_nZ - along @ prior["basis"])
    return (prior["center"] + across + there @ prior["basis"]).astype(np.float32)


def sample(folder, n, tau, rng):
    """n new drawings: stroke-5 rows [n, T, 5] in the user's units."""
    facts = json.loads((folder / "sketchrnn.json").read_text("utf-8"))
    given, state = {}, {}
    if facts["conditional"]:
        given = {"z": latents(facts, n, rng)}
        state = load(folder / "initial_state.onnx")(given)
    else:
        state = {name: np.zeros((n, size), np.float32) for name, size in facts["state"].items()}
    step = load(folder / "decoder_step.onnx")
    point = np.tile(np.float32([0, 0, 1, 0, 0]), (n, 1))  # the start token
    ended, drawn = np.zeros(n, dtype=bool), []
    while len(drawn) < facts["N_max"] and not ended.all():
        mixture = step({"point": point, **given, **state})
        state = {name: mixture[f"next_{name}"] for name in state}
        point = next_point(mixture, tau, rng)
        drawn.append(point * np.float32([facts["scale"]] * 2 + [1] * 3))
        ended |= point[:, END] == 1
    return np.stack(drawn, axis=1)


def strokes(rows_T5):
    """The polylines [k, 2] of one drawing: a new one begins after each lift of the pen."""
    rows = rows_T5[: rows_T5[:, END].argmax()] if rows_T5[:, END].any() else rows_T5
    points = np.vstack([np.zeros((1, 2)), np.cumsum(rows[:, :2], axis=0)])
    lines = np.split(points, np.flatnonzero(rows[:, UP]) + 2)  # the start has no row
    return [line for line in lines if len(line)]


def svg(drawings):
    """The drawings side by side, each scaled to its cell."""
    cells = []
    for number, lines in enumerate(drawings):
        low, high = np.vstack(lines).min(axis=0), np.vstack(lines).max(axis=0)
        scale = 0.8 * CELL_PX / max(*(high - low), 1e-9)
        centre = (np.array(divmod(number, COLUMNS))[::-1] + 0.5) * CELL_PX
        for line in lines:
            placed = (np.vstack([line[:1], line]) - (low + high) / 2) * scale + centre
            path = "L".join(f"{x:.2f} {y:.2f}" for x, y in placed)  # its first point twice: a dot
            cells.append(f'<path d="M{path}"/>')
    n = len(drawings)
    width, height = min(n, COLUMNS) * CELL_PX, -(-n // COLUMNS) * CELL_PX
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" fill="none"'
        ' stroke="#1f1f24" stroke-width="1.3" stroke-linecap="round" stroke-linejoin="round">'
        f"{''.join(cells)}</svg>\n"
    )


def main():
    """Read the command line, draw, write."""
    parser = argparse.ArgumentParser(description="Draw with an exported sketchrnn model.")
    parser.add_argument("folder", type=Path, help="what `sketchrnn export onnx` wrote")
    parser.add_argument("-n", type=int, default=12, help="how many drawings (default 12)")
    parser.add_argument("--temperature", type=float, default=0.3, help="over 0 (default 0.3)")
    parser.add_argument("--seed", type=int)
    parser.add_argument("-o", "--output", type=Path, default=Path("drawings.svg"))
    options = parser.parse_args()
    if options.n < 1 or not 0 < options.temperature <= 100:
        parser.error("-n must be at least 1 and --temperature over 0")
    if not (options.folder / "decoder_step.onnx").is_file():
        parser.error(f"{options.folder}: is no folder that `sketchrnn export onnx` wrote")
    rng = np.random.default_rng(options.seed)
    rows_nT5 = sample(options.folder, options.n, options.temperature, rng)
    options.output.write_text(svg([strokes(rows) for rows in rows_nT5]), "utf-8")
    print(f"wrote {options.output}")


if __name__ == "__main__":
    main()
