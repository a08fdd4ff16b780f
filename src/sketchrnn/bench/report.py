"""The measurements as text. No PyTorch here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

GIGA = 1e9
MISSING = "-"

Cells = tuple[str, ...]


def to_text(result: Mapping[str, Any]) -> str:
    """What `bench` returns, as aligned tables."""
    lines = [*_machine(result["machine"])]
    if "train" in result:
        lines += _train(result["train"])
    if "draw" in result:
        lines += _draw(result["draw"])
    lines += [
        "",
        "s, ms, drawings/s: medians of the repeats, in which all are measured in turn.",
        "x plain: times as fast as the plain loop over the paper's equations, by the medians.",
        "x floor: the best repeat as a multiple of the floor, the least time that this machine",
        "could need: the FLOPs that are needed at the best rate of a product measured here and, in",
        "training, what must be written and read once at the best rate of a copy.",
    ]
    return "\n".join(lines) + "\n"


def _machine(machine: Mapping[str, Any]) -> Iterator[str]:
    memory = "" if machine["memory_gb"] is None else f", {machine['memory_gb']:.0f} GB"
    load = "" if machine["load"] is None else f", load {machine['load']:.1f} before"
    yield (
        f"{machine['processor']}, {machine['cores']} cores, {machine['threads']} threads{memory}"
        f"{load}; computing on {machine['device']}"
    )
    yield (
        f"sketchrnn {machine['sketchrnn']}, PyTorch {machine['torch']}, Python"
        f" {machine['python']}, {machine['system']}; compiler {_yes(machine['compiler'])},"
        f" bfloat16 {_yes(machine['bf16'])}, float32 products {machine['float32_products']}"
    )


def _train(train: Mapping[str, Any]) -> Iterator[str]:
    yield ""
    yield (
        f"Training step: batch {train['batch_size']}, N_max {train['N_max']}, {train['data']}:"
        f" {train['shortest']} to {train['longest']} points, mean {train['mean_length']:.1f}"
    )
    for table in train["tables"]:
        yield ""
        every = table["gflop_all_steps"]
        rest = "" if every is None else f" ({every:,.1f} with all steps of the encoder)"
        yield f"{table['name']}: {table['gflop']:,.1f} GFLOP{rest}"
        heads: Cells = ("", "type", "s", "best s", "x plain", "x floor", "peak MB", "over imports")
        rows: list[Cells] = [
            (
                row["way"],
                row["type"],
                f"{row['seconds']:.3f}",
                f"{row['best_seconds']:.3f}",
                _ratio(row["to_plain"]),
                _ratio(row["to_floor"]),
                *_memory(row["memory"]),
            )
            for row in table["rows"]
        ]
        if all(row["memory"] is None for row in table["rows"]):
            heads, rows = heads[:-2], [row[:-2] for row in rows]
        yield from _aligned(heads, rows)
        yield from _floors(table["floors"])


def _draw(draw: Mapping[str, Any]) -> Iterator[str]:
    yield ""
    yield f"Drawing: {draw['N_max']} points each, temperature {draw['temperature']:g}"
    for table in draw["tables"]:
        yield ""
        yield f"{table['name']}: {table['gflop']:.3g} GFLOP"
        one = table["drawings"] == 1
        unit = "ms a point" if one else "drawings/s"
        rows: list[Cells] = [
            (
                row["way"],
                row["type"],
                f"{row['ms_a_point']:.4f}" if one else f"{row['drawings_per_s']:.0f}",
                _ratio(row["to_plain"]),
                _ratio(row["to_floor"]),
            )
            for row in table["rows"]
        ]
        yield from _aligned(("", "type", unit, "x plain", "x floor"), rows)
        yield from _floors(table["floors"])
    for name, times in draw["first_drawing"].items():
        yield ""
        yield f"{name}, `sketchrnn generate -n 1` from start to end: {times['seconds']:.2f} s"


def _floors(floors: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for name, floor in floors.items():
        line = (
            f"  floor {name} {_seconds(floor['seconds'])}: products"
            f" {_seconds(floor['product_seconds'])} at {floor['product_rate'] / GIGA:.0f} GFLOP/s"
            f" ({floor['product_rate_of']})"
        )
        if floor["bytes"]:
            line += (
                f", memory {_seconds(floor['memory_seconds'])}: {floor['bytes'] / GIGA:.2f} GB at"
                f" {floor['memory_rate'] / GIGA:.0f} GB/s"
            )
        yield line


def _aligned(heads: Cells, rows: list[Cells]) -> Iterator[str]:
    """The first two columns to the left, numbers to the right."""
    widths = [max(len(row[n]) for row in (heads, *rows)) for n in range(len(heads))]
    for row in (heads, *rows):
        cells = [
            text.ljust(width) if n < 2 else text.rjust(width)
            for n, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield ("  " + "  ".join(cells)).rstrip()


def _memory(memory: Mapping[str, float] | None) -> tuple[str, str]:
    if memory is None:
        return MISSING, MISSING
    return f"{memory['peak_mb']:.0f}", f"{memory['over_imports_mb']:.0f}"


def _ratio(value: float | None) -> str:
    return MISSING if value is None else f"{value:.2f}"


def _seconds(value: float) -> str:
    return f"{value:.3f} s" if value >= 0.1 else f"{1000 * value:.2f} ms"


def _yes(value: bool) -> str:
    return "yes" if value else "no"
