"""Table 1 of the paper, made anew: four models a data set, trained, measured and written down."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import torch

from sketchrnn.files import write_text
from sketchrnn.model.config import BackendName
from sketchrnn.paper.cells import (
    LOSSES,
    Cell,
    Result,
    Settings,
    Table,
    cells_of,
    check_drawings,
    check_settings,
    column_title,
    measure_cell,
    prepare,
    read_table,
    train_cell,
)
from sketchrnn.paper.orders import COMPARISONS, Measured, Verdict, verdicts
from sketchrnn.paper.published import COLUMNS, DECODER_ONLY, published_row
from sketchrnn.training.config import TrainingConfig
from sketchrnn.training.logs import Record

MARKDOWN, CSV = "table1.md", "table1.csv"
FACTS = tuple(item.name for item in fields(Result) if item.name != "losses")
NONE = "–"  # a number that does not exist, or not yet


@dataclass(frozen=True)
class Work:
    """A cell that is being made.

    Attributes:
        done, left: cells of this call before it, and with it.
        minutes_left: what those that are left may take; None where nothing is known yet.
        records: its training; the cell is measured when all of them were taken.
    """

    cell: Cell
    training: TrainingConfig
    done: int
    left: int
    minutes_left: float | None
    records: Iterator[Record]


def make_table(
    out: Path,
    data: Mapping[str, Sequence[Path]],
    settings: Settings,
    *,
    device: torch.device,
    backend: BackendName = "auto",
    should_stop: Callable[[], bool] = lambda: False,
) -> Iterator[Work]:
    """Make what is left of a table, cell by cell; the files are written after each.

    Args:
        out: the folder; what it holds already stays as it is.
        data: the files of each data set (`cells.find_data`).
        settings: the same as in the calls before.
        device, backend, should_stop: as in `training.loop.train`.

    Raises:
        SketchRNNError: other settings or drawings than before, or a training that fails.
    """
    check_settings(out, settings)
    cells = {dataset: cells_of(out, dataset) for dataset in data}
    total = sum(len(row) for row in cells.values())
    left = [cell for row in cells.values() for cell in row if not cell.is_done]
    for dataset, row in cells.items():
        if all(cell.is_done for cell in row):
            continue
        prepared = prepare(data[dataset], settings.max_points)
        check_drawings(row, prepared)
        for cell in row:
            if cell.is_done:
                continue
            if not cell.is_trained():
                records = train_cell(
                    cell,
                    prepared,
                    settings,
                    device=device,
                    backend=backend,
                    should_stop=should_stop,
                )
                training = cell.training(settings)
                minutes_left = _minutes_left(out, len(left), training)
                yield Work(cell, training, total - len(left), len(left), minutes_left, records)
            if not cell.is_trained():
                return  # it was stopped
            measure_cell(cell, prepared, device=device)
            left.remove(cell)
            write_table(out)
            if should_stop() and left:
                return
    write_table(out)


def _minutes_left(out: Path, cells: int, training: TrainingConfig) -> float | None:
    """What so many cells may take: as long as those that are finished did, or as they are given."""
    minutes = [result.minutes for row in read_table(out).values() for result in row.values()]
    if minutes:
        return cells * sum(minutes) / len(minutes)
    return cells * training.max_minutes if training.max_minutes else None


def write_table(out: Path) -> str:
    """Write table1.md and table1.csv of what is finished; returns the Markdown."""
    table = read_table(out)
    markdown = to_markdown(table)
    write_text(out / MARKDOWN, markdown)
    write_text(out / CSV, to_csv(table))
    return markdown


def verdicts_of(row: Mapping[str, Result]) -> list[Verdict]:
    """How the finished cells of a data set compare, on L_R over N_max and the raw L_KL."""
    L_R = {column: loss for column, result in row.items() if (loss := result.losses["L_R"])}
    L_KL = {column: loss for column, result in row.items() if (loss := result.losses["L_KL"])}
    return verdicts(L_R, L_KL)


# As Markdown ------------------------------------------------------------------------------------

NOTES = """\
Losses on the test split, with the weights that were best in validation, ± the standard error over
its drawings. L_R is a negative log density in nats, divided by N_max: lower is better, and it may
be negative. "L_R, pen masked" counts the pen over the true points only, as the reference code's
notebook does; the paper's convention counts it over all N_max steps. L_KL is raw, and beside it
with the floor of training, which is also in what the paper reports. A conditional L_R does not
count what z tells of the drawing, L_KL times N_z nats. Nats a drawing is -log p(drawing | z) in px,
which needs neither N_max nor scale. The paper's L_R compare with ours only as far as the drawings
were prepared alike: it names neither N_max nor scale.
"""


def to_markdown(table: Table) -> str:
    """The whole of it: losses, what they were measured on, and whether the paper's orders hold."""
    parts = ["# Table 1: ours beside the paper's\n"]
    if not table:
        return parts[0] + "\nNo cell is finished yet.\n"
    parts.append(_losses(table))
    parts.append(NOTES)
    parts.append(_facts(table))
    parts.append("## Do the two orders of the paper hold in our numbers?\n")
    parts.append(
        "Differences are taken drawing by drawing; those within two standard errors are marked.\n"
    )
    parts.append(_summary(table))
    parts.append(_verdicts(table))
    return "\n".join(part for part in parts if part)


def _losses(table: Table) -> str:
    header = (
        *("data set", "model", "L_R", "paper's L_R", "L_KL, raw", "L_KL, floored", "paper's L_KL"),
        *("L_R, pen masked", "nats a drawing, px", "steps (best)", "minutes"),
    )
    rows = []
    for dataset, row in table.items():
        for column in COLUMNS:
            paper = published_row(dataset).get(column)
            result = row.get(column)
            losses: Mapping[str, Measured | None] = result.losses if result else {}
            floored = losses.get("L_KL_floored")
            rows.append(
                (
                    dataset,
                    column_title(column),
                    _loss(losses.get("L_R")),
                    _number(paper.L_R if paper else None, 2),
                    _loss(losses.get("L_KL")),
                    _number(floored.mean if floored else None, 3),
                    _number(paper.L_KL if paper else None, 2),
                    _loss(losses.get("L_R_masked")),
                    _loss(losses.get("nats_per_drawing"), 1),
                    f"{result.steps:,} ({result.best_step:,})" if result else NONE,
                    _number(result.minutes if result else None, 1),
                )
            )
    return _markdown_table(header, rows, left=2)


def _facts(table: Table) -> str:
    header = (
        *("data set", "N_max", "scale, px", "mean points: training", "test", "epsilon, px"),
        *("training drawings", "test drawings", "left out of the test, over N_max"),
    )
    rows = []
    for dataset, row in table.items():
        for result in list(row.values())[:1]:  # all cells of a data set have the same drawings
            rows.append(
                (
                    dataset,
                    str(result.N_max),
                    f"{result.scale:.4g}",
                    f"{result.training_length:.1f}",
                    f"{result.mean_length:.1f}",
                    "unknown" if result.epsilon is None else f"{result.epsilon:g}",
                    f"{result.training_drawings:,}",
                    f"{result.test_drawings:,}",
                    f"{result.left_out:,}",
                )
            )
    return _markdown_table(header, rows, left=1)


def _summary(table: Table) -> str:
    lines = []
    for dataset, row in table.items():
        found = verdicts_of(row)
        holding = sum(verdict.holds for verdict in found)
        text = f"- {dataset}: {holding} of {len(found)} comparisons hold"
        if unsure := sum(not verdict.sure for verdict in found):
            text += f", {unsure} of the {len(found)} are within two standard errors"
        if len(found) < COMPARISONS:
            text += f"; {COMPARISONS - len(found)} more wait for cells that are not finished"
        lines.append(text + ".\n")
    return "".join(lines)


def _verdicts(table: Table) -> str:
    header = ("data set", "the paper's order", "first", "second", "difference", "holds")
    rows = [
        (
            dataset,
            verdict.claim,
            f"{verdict.first.mean:.3f}",
            f"{verdict.second.mean:.3f}",
            f"{verdict.difference:+.3f}",
            ("yes" if verdict.holds else "NO")
            + ("" if verdict.sure else ", within two standard errors"),
        )
        for dataset, row in table.items()
        for verdict in verdicts_of(row)
    ]
    return _markdown_table(header, rows, left=2) if rows else ""


def _loss(loss: Measured | None, decimals: int = 3) -> str:
    if loss is None:
        return NONE
    return f"{loss.mean:.{decimals}f} ± {loss.stderr:.{decimals}f}"


def _number(value: float | None, decimals: int) -> str:
    return NONE if value is None else f"{value:.{decimals}f}"


def _markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]], left: int) -> str:
    """A table whose first `left` columns stand to the left, the others to the right."""
    rule = ["---"] * left + ["---:"] * (len(header) - left)
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (header, rule, *rows))


# As CSV -----------------------------------------------------------------------------------------


def to_csv(table: Table) -> str:
    """A line a finished cell, with all digits; what does not exist is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        [
            *("dataset", "model", "w_KL"),
            *(name + part for name in LOSSES for part in ("", "_stderr")),
            *("paper_L_R", "paper_L_KL"),
            *FACTS,
        ]
    )
    for dataset, row in table.items():
        for column, result in row.items():
            paper = published_row(dataset).get(column)
            losses = [result.losses[name] for name in LOSSES]
            writer.writerow(
                [
                    *(dataset, column_title(column), "" if column == DECODER_ONLY else column),
                    *(
                        value
                        for loss in losses
                        for value in ((loss.mean, loss.stderr) if loss else ("", ""))
                    ),
                    *(paper or ("", "")),
                    *(getattr(result, name) for name in FACTS),
                ]
            )
    return text.getvalue()
