"""The measurements as text. No PyTorch here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

GIGA = 1e9
MISSING = "-"
NOTES = """
s, ms, drawings/s: medians of the repeats, in which all are measured in turn.
x plain: times as fast as the plain loop over the paper's equations, by the medians.
x floor: the best repeat as a multiple of the floor, the least time that this machine
could need: the FLOPs that are needed at the measured rate of a product and, in
training, what must be written and read once at that of a copy.
"""


def to_text(result: Mapping[str, Any]) -> str:
    """What `bench` returns, with its tables as dicts, as aligned tables."""
    machine = result["machine"]
    load = "" if machine["load"] is None else f", load {machine['load']:.1f} before"
    lines = [
        f"{machine['processor']}, {machine['threads']} threads{load};"
        f" computing on {machine['device']}; backends {', '.join(machine['backends'])}",
        f"sketchrnn {machine['sketchrnn']}, PyTorch {machine['torch']}, Python"
        f" {machine['python']}, {machine['system']}; float32 products"
        f" {machine['float32_products']}",
    ]
    if train := result.get("train"):
        lines += [
            "",
            f"Training step: batch {train['batch_size']}, N_max {train['N_max']}, {train['data']}:"
            f" {train['shortest']} to {train['longest']} points, mean {train['mean_length']:.1f}",
        ]
        for table in train["tables"]:
            lines += _table(table, {"seconds": ("s", 3), "best_seconds": ("best s", 3)})
    if draw := result.get("draw"):
        lines += ["", f"Drawing: {draw['N_max']} points each, temperature {draw['temperature']:g}"]
        for table in draw["tables"]:
            lines += _table(
                table, {"ms_a_point": ("ms a point", 4), "drawings_per_s": ("drawings/s", 0)}
            )
        cold = draw["cold_start"]
        lines += ["", f"`{cold['command']}` from start to end: {cold['seconds']:.2f} s"]
    return "\n".join(lines) + "\n" + NOTES


def _table(table: Mapping[str, Any], times: Mapping[str, tuple[str, int]]) -> Iterator[str]:
    """Its name, the heads, a line a row, the floors.

    Args:
        table: as `compare` has it.
        times: head and digits of the columns between type and ratios, by the keys of a row that
            they are of; one that the rows have not is left out.
    """
    columns = {**times, "to_plain": ("x plain", 2), "to_floor": ("x floor", 2)}
    columns = {key: column for key, column in columns.items() if key in table["rows"][0]}
    lines = [["", "type", *(head for head, _ in columns.values())]]
    for row in table["rows"]:
        numbers = [_number(row[key], digits) for key, (_, digits) in columns.items()]
        lines.append([row["backend"], row["type"], *numbers])
    if "memory" in table["rows"][0]:
        lines[0] += ["peak MB", "over imports"]
        for line, row in zip(lines[1:], table["rows"], strict=True):
            line += [f"{row['memory'][key]:.0f}" for key in ("peak_mb", "over_imports_mb")]
    yield from ("", f"{table['name']}: {table['flops'] / GIGA:,.3g} GFLOP")
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        padded = [cell.rjust(width) for cell, width in zip(line, widths, strict=True)]
        words = [cell.ljust(width) for cell, width in zip(line[:2], widths, strict=False)]
        yield "  " + "  ".join(words + padded[2:])
    moved = f" and {table['bytes'] / GIGA:.2f} GB at {table['copy_rate'] / GIGA:.0f} GB/s"
    for kind, seconds in table["floors"].items():
        yield (
            f"  floor {kind}: {1000 * seconds:,.1f} ms, products at"
            f" {table['product_rates'][kind] / GIGA:,.0f} GFLOP/s{moved if table['bytes'] else ''}"
        )


def _number(value: float | None, digits: int) -> str:
    return MISSING if value is None else f"{value:.{digits}f}"
