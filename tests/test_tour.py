"""The tour in Python runs from top to bottom, and shows what the page shows."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[1] / "scripts" / "write_tour.py"


@pytest.mark.filterwarnings("ignore")  # of Jupyter
def test_the_tour_runs() -> None:
    nbformat = pytest.importorskip("nbformat")
    script = runpy.run_path(str(SCRIPT))

    def shown(notebook: object) -> list[list[str]]:
        """For each cell what kinds of things it shows."""
        cells = [cell for cell in notebook.cells if cell.cell_type == "code"]  # type: ignore[attr-defined]
        return [
            sorted(kind for output in cell.outputs for kind in output.get("data", {}))
            for cell in cells
        ]

    kept = nbformat.read(script["TOUR"], as_version=4)
    found = shown(script["executed"]())
    assert found == shown(kept)
    assert sum("image/svg+xml" in kinds for kinds in found) >= 7
