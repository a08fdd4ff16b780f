"""Training curves from the log of a run."""

from __future__ import annotations

import io
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sketchrnn.errors import SketchRNNError
from sketchrnn.figures.colors import INK, PAPER, QUIET, RULE
from sketchrnn.figures.png import svg_to_png
from sketchrnn.files import write_bytes, write_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

ACCENT = "#c8452f"  # validation, and what stands on the right axis
PNG_WIDTH_PX = 1800

Record = Mapping[str, Any]

_PANELS = {  # titles and factors
    "L_R": ("$L_R$, nats / $N_{max}$", 1),
    "L_KL": ("$L_{KL}$, nats / $N_z$", 1),
    "learning_rate": ("Learning rate × 1000", 1000),
    "sketches_per_s": ("Speed, drawings a second", 1),
}

STYLE: dict[Any, Any] = {
    "svg.hashsalt": "sketchrnn",  # the same log gives the same bytes
    "svg.fonttype": "path",  # no font needed to show it
    "font.family": "DejaVu Sans",  # comes with matplotlib
    "font.size": 8,
    "text.color": INK,
    "axes.labelcolor": QUIET,
    "axes.edgecolor": RULE,
    "axes.linewidth": 0.8,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.titlepad": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.unicode_minus": True,
    "xtick.color": RULE,
    "ytick.color": RULE,
    "xtick.labelcolor": QUIET,
    "ytick.labelcolor": QUIET,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "grid.color": "#ececf0",
    "grid.linewidth": 0.7,
    "lines.solid_capstyle": "round",
    "lines.solid_joinstyle": "round",
    "legend.frameon": False,
    "legend.labelcolor": QUIET,
}


def loss_curves(log: Sequence[Record], path: str | os.PathLike[str]) -> None:
    """Draw the curves of a training log to .svg or .png, by the ending of `path`."""
    ending = Path(path).suffix.lower()
    if ending == ".svg":
        write_text(path, loss_curves_svg(log))
    elif ending == ".png":
        write_bytes(path, svg_to_png(loss_curves_svg(log), PNG_WIDTH_PX))
    else:
        raise SketchRNNError(f"{path}: unknown ending; save curves as .svg or .png")


def loss_curves_svg(log: Sequence[Record]) -> str:
    """The curves of a training log as an SVG: L_R, and L_KL, learning rate, speed where logged.

    Records have `kind` ("train" or "evaluate"), `step`, and any of L_R, L_KL, kl_weight,
    learning_rate, sketches_per_s. Of two records of one kind and step the later counts: a run that
    was resumed has gone over some steps again.
    """
    try:
        import matplotlib
        from matplotlib.figure import Figure
        from matplotlib.layout_engine import ConstrainedLayoutEngine
        from matplotlib.ticker import MaxNLocator
    except ImportError:
        raise SketchRNNError(
            "drawing curves needs matplotlib: install it, or sketchrnn with its extra [plots]"
        ) from None

    panels = [key for key in _PANELS if _series(log, "train", key)[0]]
    if _series(log, "evaluate", "L_R")[0] and "L_R" not in panels:
        panels.insert(0, "L_R")
    if "L_R" not in panels:
        raise SketchRNNError("the training log has no L_R yet; train some steps first")

    with matplotlib.rc_context(STYLE):
        columns = min(len(panels), 2)
        rows = math.ceil(len(panels) / columns)
        figure = Figure(
            figsize=(4.6 * columns, 2.8 * rows),
            layout=ConstrainedLayoutEngine(w_pad=0.18, h_pad=0.18, wspace=0.04, hspace=0.06),
            facecolor=PAPER,
        )
        for index, key in enumerate(panels, start=1):
            axes = figure.add_subplot(rows, columns, index)
            axes.grid(axis="y")
            axes.set_axisbelow(True)
            _draw(axes, log, key)
            axes.set_xlabel("step")
            axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
            axes.margins(x=0.02)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


def _series(log: Sequence[Record], kind: str, key: str) -> tuple[list[int], list[float]]:
    """Steps and values of one quantity, by step; values that are not finite are left out."""
    values = {
        int(record["step"]): float(record[key])
        for record in log
        if record.get("kind") == kind and key in record
    }
    steps = sorted(step for step, value in values.items() if math.isfinite(value))
    return steps, [values[step] for step in steps]


def _draw(axes: Axes, log: Sequence[Record], key: str) -> None:
    """One quantity: in training a line of ink; of a loss, validation as dots joined by a line."""
    title, factor = _PANELS[key]
    axes.set_title(title)
    steps, values = _series(log, "train", key)
    if key not in ("L_R", "L_KL"):
        axes.plot(steps, [factor * value for value in values], color=INK, linewidth=1.1)
    else:
        axes.plot(steps, values, color=INK, linewidth=0.9, alpha=0.75, label="training")
        validation = _series(log, "evaluate", key)
        if validation[0]:
            (line,) = axes.plot(*validation, color=ACCENT, linewidth=1.3, label="validation")
            line.set(marker="o", markersize=3)
            _legend(axes, axes.get_lines())
    if key != "L_R":
        axes.set_ylim(bottom=0)
    weight = _series(log, "train", "kl_weight")
    if key == "L_KL" and weight[0]:
        right = axes.twinx()
        right.plot(*weight, color=QUIET, linewidth=0.9, linestyle=(0, (1, 3)), label="weight")
        right.set_ylim(0, 1.05 * max(weight[1]) or 1)
        right.spines["right"].set_visible(True)
        _legend(axes, [*axes.get_lines(), *right.get_lines()])


def _legend(axes: Axes, lines: Sequence[Line2D]) -> None:
    """The names of the lines in one row above the panel, where they cover nothing."""
    axes.legend(
        lines,
        [str(line.get_label()) for line in lines],
        loc="lower right",
        bbox_to_anchor=(1.01, 0.99),
        ncols=len(lines),
        handlelength=1.5,
        columnspacing=1.2,
        borderaxespad=0.2,
    )
