"""Reads whole folders of SVG files as people have them, and says what became of them.

    python scripts/icon_sets.py                      # fetches the sets with npm and pip, reads all
    python scripts/icon_sets.py --keep sets kanjivg  # one of them, kept unpacked in ./sets
    python scripts/icon_sets.py --folder my-icons    # a folder of one's own

A line for each set: files; kept; refused, with the commonest reasons; too coarse (farther than
0.15 px of a box of 255 from a reading ten times as fine); and elsewhere: of one file in `--sample`,
those whose lines do not begin or end where the ink of resvg's picture does, but for half a line's
width and 8% of its size.
"""

from __future__ import annotations

import argparse
import io
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import resvg_py
import shapely
from PIL import Image

from sketchrnn.data.formats.svg import parse
from sketchrnn.errors import SketchRNNError

NPM = ("@tabler/icons", "lucide-static", "openmoji", "bootstrap-icons")
PIP = ("kanjivg",)
COARSE, AWAY = 1.5 / 2500, 0.08  # of the drawing's size
PIXELS = 200
ENDINGS = (".svg", ".svgz")


def fetched(name: str, home: Path) -> Path:
    """The folder in which a package lies unpacked."""
    folder = home / name.replace("/", "+")
    if folder.is_dir():
        return folder
    with tempfile.TemporaryDirectory() as place:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "-d", place, name]
        command = pip if name in PIP else ["npm", "pack", "--silent", name]
        subprocess.run(command, cwd=place, check=True, stdout=subprocess.DEVNULL)
        (archive,) = Path(place).iterdir()
        if zipfile.is_zipfile(archive):
            shutil.unpack_archive(archive, folder, "zip")
        else:
            shutil.unpack_archive(archive, folder, "gztar", filter="data")
    return folder


def verdict(path: Path, look: bool) -> tuple[str, str, bool, bool | None]:
    """(kept or refused, why or what was left out, too coarse, elsewhere or None)."""
    data = path.read_bytes()
    try:
        given = parse(data, path.name)
        lines = given.sketch.polylines
        size = float(np.ptp(np.concatenate(lines), axis=0).max())
        fine = parse(data, tolerance=size / 25_000).sketch.polylines if size else lines
    except SketchRNNError as error:
        why = re.sub(r"\d+", "0", str(error).removeprefix(f"{path.name}: "))
        return "refused", re.sub(r"'.*?'|\(.*\)|: .*", "", why).strip()[:70], False, None
    except Exception as error:
        return "crashed", type(error).__name__, False, None
    coarse = size > 0 and any(
        shapely.distance(shapely.LineString(line), shapely.points(true)).max() > COARSE * size
        for line, true in zip(lines, fine, strict=True)
        if len(line) > 1
    )
    return "kept", ", ".join(sorted(given.left_out)), coarse, elsewhere(data, lines, look)


def elsewhere(data: bytes, lines: tuple[np.ndarray, ...], look: bool) -> bool | None:
    """Whether the ink of a rendering lies in another place; None where it is not looked at."""
    if not look:
        return None
    text = data.decode("utf-8", "replace")
    try:
        png = resvg_py.svg_to_bytes(svg_string=text, width=PIXELS, dpi=96, skip_system_fonts=True)
    except ValueError:
        return None
    pixels = np.asarray(Image.open(io.BytesIO(png)).convert("RGBA")).astype(int)
    pixels[..., :3] *= pixels[..., 3:] > 0
    ink = (np.abs(pixels - pixels[0, 0]).max(axis=2) > 40).nonzero()
    box = re.search(r"viewBox\s*=\s*[\"']([^\"']+)", text)
    if not len(ink[0]) or box is None:
        return None
    left, top, width, height = map(float, re.split(r"[\s,]+", box[1].strip()))
    unit = max(width / pixels.shape[1], height / pixels.shape[0])
    seen = np.array([[min(ink[1]), min(ink[0])], [max(ink[1]) + 1, max(ink[0]) + 1]]) * unit
    points = np.concatenate(lines)
    # what lies outside the page is in no picture
    found = np.clip(points, (left, top), (left + width, top + height)) - (left, top)
    apart = np.abs(np.array([found.min(axis=0), found.max(axis=0)]) - seen).max()
    widths = [float(one) for one in re.findall(r"stroke-width[\"':=\s]+(\d*\.?\d+)", text)]
    return bool(apart > AWAY * np.ptp(seen, axis=0).max() + max(widths, default=1.0) / 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("sets", nargs="*", metavar="SET", help=f"default {', '.join([*NPM, *PIP])}")
    add("--folder", type=Path, help="a folder instead of a set")
    add("--keep", type=Path, metavar="DIR", help="unpack the sets there, and use what is there")
    add("--sample", type=int, default=5, help="of how many files one is compared (default 5)")
    add("--show", type=int, default=0, metavar="N", help="name N files of each kind of trouble")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place, ProcessPoolExecutor() as pool:
        home = given.keep or Path(place)
        sets = given.sets or ([] if given.folder else [*NPM, *PIP])
        folders = [given.folder] if given.folder else (fetched(name, home) for name in sets)
        for folder in folders:
            start = time.monotonic()
            files = sorted(p for p in folder.rglob("*") if p.suffix in ENDINGS and p.is_file())
            looked = [number % given.sample == 0 for number in range(len(files))]
            found = list(pool.map(verdict, files, looked, chunksize=50))
            count = Counter(kind for kind, *_ in found)
            looks = [one[3] for one in found if one[3] is not None]
            spent = time.monotonic() - start
            print(
                f"{folder.name}: {len(files):,} files, kept {count['kept']:,}, refused"
                f" {count['refused']:,}, crashed {count['crashed']:,}, too coarse"
                f" {sum(one[2] for one in found):,}, elsewhere {sum(looks):,} of {len(looks):,}"
                f" looked at ({spent:.0f} s)"
            )
            for kind in ("refused", "crashed", "kept"):
                reasons = Counter(why for one, why, *_ in found if one == kind and why)
                for why, times in reasons.most_common(8):
                    said = "left out " if kind == "kept" else ""
                    print(f"    {kind} {times:,}: {said}{why}")
            for name, test in (
                ("refused", lambda one: one[0] != "kept"),
                ("coarse", lambda one: one[2]),
                ("elsewhere", lambda one: one[3]),
            ):
                named = [str(p) for p, one in zip(files, found, strict=True) if test(one)]
                for path in named[: given.show]:
                    print(f"    {name}: {path}")


if __name__ == "__main__":
    main()
