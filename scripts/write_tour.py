"""Run docs/tour.ipynb, and keep what its cells show: python scripts/write_tour.py"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

from sketchrnn.files import write_text

TOUR = Path(__file__).resolve().parents[1] / "docs" / "tour.ipynb"
SECONDS = 300  # for one cell


def executed(path: Path = TOUR) -> nbformat.NotebookNode:
    """The notebook, run from top to bottom in a new folder; an error in a cell is raised."""
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        resources = {"metadata": {"path": folder}}
        NotebookClient(notebook, timeout=SECONDS, resources=resources).execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # the clock's times
    return notebook


if __name__ == "__main__":
    written = nbformat.writes(executed())
    write_text(TOUR, re.sub(r" +$", "", written, flags=re.MULTILINE) + "\n")
    print(f"wrote {TOUR}")
