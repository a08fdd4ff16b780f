"""Figure 4 of the paper: L_R against L_KL, and the validation curves, of a table that was made."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from sketchrnn.errors import SketchRNNError
from sketchrnn.figures.colors import PALETTE, blend
from sketchrnn.figures.curves import PNG_WIDTH_PX, STYLE
from sketchrnn.figures.png import svg_to_png
from sketchrnn.figures.sheet import INK, PAPER, QUIET
from sketchrnn.files import write_bytes, write_text
from sketchrnn.paper.cells import Result, Table, cells_of, column_title, read_table
from sketchrnn.paper.published import COLUMNS, DECODER_ONLY, W_KL_COLUMNS
from sketchrnn.training.logs import read_log

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Points = tuple[list[int], list[float]]


def figure_4(
    out: Path, path: str | os.PathLike[str], dataset: str | None = None
) -> tuple[list[str], str]:
    """Draw figure 4 of the folder of a Table 1 to .svg or .png, by the ending of `path`.

    Left: the conditional cells of each data set, L_R against the raw L_KL of the test split, a
    line from the strongest w_KL to the weakest. Right: L_R of the validation split over the
    training, of the cells of one data set.

    Args:
        out: what `table1.make_table` filled, in whole or in part.
        path: the picture.
        dataset: on the right; None: the first of which most cells are finished.

    Returns:
        the data sets on the left, and the one on the right.

    Raises:
        SketchRNNError: no finished cells, no such data set, another ending, or no matplotlib.
    """
    ending = Path(path).suffix.lower()
    if ending not in (".svg", ".png"):
        raise SketchRNNError(f"{path}: unknown ending; save figure 4 as .svg or .png")
    table = read_table(out)
    if not table:
        raise SketchRNNError(
            f"{out}: has no finished cell of a table; make it with sketchrnn reproduce table1"
        )
    if dataset is None:
        dataset = max(table, key=lambda name: len(table[name]))
    if dataset not in table:
        raise SketchRNNError(
            f"{out}: has no finished cell of {dataset!r}; there are {', '.join(table)}"
        )
    svg = _svg(table, curves_of(out, dataset), dataset)
    if ending == ".svg":
        write_text(path, svg)
    else:
        write_bytes(path, svg_to_png(svg, PNG_WIDTH_PX))
    return list(table), dataset


def trade_off(row: Mapping[str, Result]) -> list[tuple[str, float, float]]:
    """(w_KL, L_KL, L_R) of the finished conditional cells of a data set, from strong to weak."""
    found = []
    for column in W_KL_COLUMNS:
        losses = row[column].losses if column in row else {}
        L_R, L_KL = losses.get("L_R"), losses.get("L_KL")
        if L_R is not None and L_KL is not None:
            found.append((column, L_KL.mean, L_R.mean))
    return found


def curves_of(out: Path, dataset: str) -> dict[str, Points]:
    """Steps and L_R of the validations of each cell of a data set that has any, by column."""
    found = {}
    for cell in cells_of(out, dataset):
        records = read_log(cell.run) if cell.is_begun else []
        values = {r["step"]: float(r["L_R"]) for r in records if r["kind"] == "evaluate"}
        if values:
            found[cell.column] = (sorted(values), [values[step] for step in sorted(values)])
    return found


def _svg(table: Table, curves: Mapping[str, Points], dataset: str) -> str:
    try:
        import matplotlib
        from matplotlib.figure import Figure
        from matplotlib.layout_engine import ConstrainedLayoutEngine
        from matplotlib.ticker import MaxNLocator
    except ImportError:
        raise SketchRNNError(
            "drawing figure 4 needs matplotlib: install it, or sketchrnn with its extra [plots]"
        ) from None
    with matplotlib.rc_context(STYLE):
        figure = Figure(
            figsize=(9.6, 3.9),
            layout=ConstrainedLayoutEngine(w_pad=0.18, h_pad=0.18, wspace=0.06),
            facecolor=PAPER,
        )
        left, right = figure.add_subplot(1, 2, 1), figure.add_subplot(1, 2, 2)
        for axes in (left, right):
            axes.grid()
            axes.set_axisbelow(True)
        _draw_trade_off(left, table)
        _draw_curves(right, curves, dataset)
        right.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


def _draw_trade_off(axes: Axes, table: Table) -> None:
    axes.set_title("Test split: $L_R$ against $L_{KL}$, each point a $w_{KL}$")
    for number, (dataset, row) in enumerate(table.items()):
        points = trade_off(row)
        if not points:
            continue
        names, L_KL, L_R = zip(*points, strict=True)
        color = _color(number, len(table))
        axes.plot(L_KL, L_R, color=color, linewidth=1.3, marker="o", markersize=4, label=dataset)
        for name, x, y in zip(names, L_KL, L_R, strict=True):
            axes.annotate(name, (x, y), (5, 4), textcoords="offset points", color=color, fontsize=7)
    axes.margins(0.12)
    axes.set_xlabel("$L_{KL}$, nats / $N_z$")
    axes.set_ylabel("$L_R$, nats / $N_{max}$")
    if axes.lines:
        axes.legend(loc="upper right", fontsize=7.5)


def _draw_curves(axes: Axes, curves: Mapping[str, Points], dataset: str) -> None:
    axes.set_title(f"{dataset}: $L_R$ of the validation split")
    for number, column in enumerate(COLUMNS):
        if column not in curves:
            continue
        alone = column == DECODER_ONLY
        axes.plot(
            *curves[column],
            color=INK if alone else PALETTE[number],
            linestyle=(0, (4, 2)) if alone else "-",
            linewidth=1.3,
            marker="" if len(curves[column][0]) > 1 else "o",
            label=column_title(column).replace("w_KL", "$w_{KL}$"),
        )
    _cut_the_beginning(axes, curves)
    axes.set_xlabel("step")
    axes.margins(x=0.02)
    axes.legend(loc="upper right", fontsize=7.5, labelcolor=QUIET)


def _cut_the_beginning(axes: Axes, curves: Mapping[str, Points]) -> None:
    """The first validations are far above all others: what matters would be a line at the foot."""
    values = [value for _, losses in curves.values() for value in losses]
    later = [value for _, losses in curves.values() for value in losses[len(losses) // 5 :]]
    low, high = min(values), max(later)
    if high > low:
        axes.set_ylim(low - 0.06 * (high - low), high + 0.12 * (high - low))


def _color(number: int, count: int) -> str:
    """The palette's own colours for up to four lines, else steps between them."""
    if count <= len(PALETTE):
        return PALETTE[number]
    at = number * (len(PALETTE) - 1) / (count - 1)
    first = min(int(at), len(PALETTE) - 2)
    return blend(PALETTE[first : first + 2], [first + 1 - at, at - first])
