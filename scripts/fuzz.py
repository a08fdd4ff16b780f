"""Fuzz what reads files from outside, led by coverage.

    python scripts/fuzz.py [TARGET ...] [--seconds 60] [--corpus DIR]
    python scripts/fuzz.py TARGET --repeat FILE ...

Each target is a reader. It is given damaged copies of files that our own writers made, and must
either read them or refuse them with one line that names the file. Anything else is a finding:
another exception, more than 10 seconds, more than 1 GB. A finding is kept as a file, and printed
with the command that repeats it; the exit code is then 1.

--repeat reads files under those limits, and also looks whether the reader opens another file, or
runs anything. It says how each was taken, and what it cost; the exit code is 1 if one was not taken
well, and the process is killed where one takes more than 10 seconds.

Fuzzing needs atheris (pip install atheris); --repeat and --list do not. tests/test_safety.py gives
the same targets damaged files at random, and --repeat the worst files by hand.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import math
import os
import re
import resource
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from sketchrnn.errors import SketchRNNError

SECONDS = 10  # that one file may take
MEMORY_MB = 1000
BYTES = 1 << 16  # of a fuzzed file: what grows with the size is measured in tests/test_safety.py
MESSAGE_LIMIT = 1000  # characters
FINDINGS = Path("fuzz-findings")


@dataclass(frozen=True)
class Target:
    """A reader.

    Attributes:
        name: of the file, with the ending that it has.
        read: reads that file, all of it.
        seeds: good files.
        wrapped: makes the file of what is fuzzed: adds what no mutation would get right, such as a
            checksum.
        words: that such files are made of.
    """

    name: str
    read: Callable[[Path], object]
    seeds: Callable[[], Iterable[bytes]]
    wrapped: Callable[[bytes], bytes] = bytes
    words: tuple[str, ...] = ()


def check(target: Target, content: bytes, folder: Path) -> bool:
    """Whether the reader takes the content; it is refused well otherwise.

    Raises:
        AssertionError: it is refused in another way than with one line that names the file.
    """
    path = folder / target.name
    path.write_bytes(target.wrapped(content))
    return taken(target, path)


def taken(target: Target, path: Path) -> bool:
    """Whether the reader takes a file; raises as `check`."""
    try:
        target.read(path)
    except SketchRNNError as error:
        message = str(error)
        assert len(message.splitlines()) == 1, f"not one line: {message!r}"
        assert len(message) <= MESSAGE_LIMIT, f"a message of {len(message)} characters"
        assert message.isprintable(), f"a sign that a terminal might obey: {message!r}"
        assert str(path.parent) in message or path.name in message, f"names no file: {message!r}"
        return False
    return True


# What reads ---------------------------------------------------------------------------------------


def read_records(path: Path) -> None:
    """All drawings of a file, made ready to be learned from."""
    from sketchrnn import strokes
    from sketchrnn.data.clean import preprocess
    from sketchrnn.data.formats import records

    for record in records(path):
        lines: Any = record.polylines
        if lines and record.raw:
            lines = preprocess(lines, where=record.where)
        assert all(np.isfinite(line).all() for line in lines)
        assert record.label is None or record.label.isprintable()
        if lines:
            strokes.polylines_to_stroke3(lines)


def read_drawing(path: Path) -> None:
    from sketchrnn.registry import read_drawing

    sketch = read_drawing(path).sketch
    assert np.isfinite(np.concatenate(sketch.polylines)).all()


def read_dataset(path: Path) -> None:
    from sketchrnn.data.formats import read

    dataset = read(path)
    assert np.isfinite(dataset.train.rows).all()
    assert 0 < dataset.scale < math.inf
    assert all(name.isprintable() for name in dataset.classes)


def read_magenta(path: Path) -> None:
    from sketchrnn.share.magenta import read_published

    _, _, weights = read_published(path)
    assert all(np.isfinite(array).all() for array in weights.values())


def read_config(path: Path) -> None:
    from sketchrnn.runs import read_config

    facts = read_config(path.parent).data
    assert 0 < float(facts.scale) < math.inf


def read_weights(path: Path) -> None:
    from sketchrnn.runs import load_arrays

    load_arrays(path, ("decoder", "head"))


def read_log(path: Path) -> None:
    from sketchrnn.training.logs import read_log

    read_log(path.parent)


def read_headers(path: Path) -> None:
    """Header lines of an answer, then how the rest of a download understands them."""
    import urllib3

    from sketchrnn.data import transfer

    headers = urllib3.HTTPHeaderDict()
    for line in path.read_bytes().decode("latin-1").splitlines():
        name, _, value = line.partition(":")
        headers.add(name, value.strip())
    file = transfer.RemoteFile("https://localhost/cat.ndjson", path.with_name("cat.ndjson"))
    try:
        version = transfer.Version.announced(file.url, headers)
        assert version.total is None or version.total >= 0
        assert transfer.retry_after_s(headers) >= 0
        assert transfer.checked_total(file, headers, 5, version.total) > 5
    except SketchRNNError as error:
        raise SketchRNNError(f"{path.name}: {error}") from None


# Good files, by our own writers -------------------------------------------------------------------


def seed(write: Callable[[Path], object], name: str) -> bytes:
    """What is written to a file of that name."""
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder) / name)
        return (Path(folder) / name).read_bytes()


def a_dataset() -> Any:
    from sketchrnn.data.doodles import doodles_dataset

    return doodles_dataset((6, 2, 2), 0)


def some_sketches() -> list[Any]:
    dataset = a_dataset()
    return [dataset.sketch("train", number) for number in range(3)]


def npz_seeds() -> Iterator[bytes]:
    for member in npy_seeds():
        yield zip_of(member)
        yield zip_of(member, zipfile.ZIP_DEFLATED)


def npy_seeds() -> Iterator[bytes]:
    rows = [np.array([[3, -2, 0], [0, 7, 1]], np.int16), np.array([[4, 4, 1]], np.int16)]
    array = np.empty(len(rows), dtype=object)
    array[:] = rows
    for content in (array, np.stack([rows[0]] * 2), np.stack([rows[0]] * 2).astype(">f4")):
        file = io.BytesIO()
        np.save(file, content)
        yield file.getvalue()


def zip_of(member: bytes, method: int = zipfile.ZIP_STORED) -> bytes:
    """A zip with one member `train.npy`, whose checksum is right."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.writestr("train.npy", member)
    return file.getvalue()


def sketches_seeds() -> Iterator[bytes]:
    from sketchrnn.data.formats import sketches
    from sketchrnn.data.prepare import prepare

    yield seed(lambda path: sketches.write(a_dataset(), path), "a.sketches")
    yield seed(lambda path: prepare("doodles:6", path, simplify=4.0), "b.sketches")


def with_checksum(content: bytes) -> bytes:
    """A `.sketches` file with the checksum that its content has."""
    begin = 8 + int.from_bytes(content[:8], "little")
    right = f'"crc32":"{zlib.crc32(content[begin:]):08x}"'.encode()
    return re.sub(rb'"crc32":"[0-9a-f]{8}"', right, content[:begin]) + content[begin:]


def ndjson_seeds() -> Iterator[bytes]:
    simple = {"word": "cat", "recognized": True, "drawing": [[[0, 9, 5], [1, 2, 3]], [[4], [5]]]}
    raw = {"drawing": [[[0.5, 99.5, 5], [1, 2, 3], [0, 1, 2]]]}
    yield "".join(json.dumps(line) + "\n" for line in (simple, raw)).encode()


def gzip_seeds() -> Iterator[bytes]:
    for content in ndjson_seeds():
        yield gzip.compress(content)


def svg_seeds() -> Iterator[bytes]:
    for sketch in some_sketches():
        yield sketch.to_svg().encode()
    yield (
        b'<svg xmlns="http://www.w3.org/2000/svg" width="50mm" height="50%" viewBox="0 0 9 9">'
        b"<style>/* a */ .a, #b { fill: none; stroke: red !important } g > path {opacity: 0.5}"
        b"@media screen {g:not([id]) > path.a {transform: translate(1px, 10%) rotate(3rad)}}"
        b"</style>"
        b'<symbol id="s" viewBox="0 0 2 2"><circle cx="1" cy="1" r="1"/></symbol>'
        b'<g transform="translate(1 2) rotate(45, 1, 1) skewX(3) matrix(1 0 0 1 2 3)">'
        b'<path class="a" d="M0 0h1v1L3,4 C1 2 3 4 5 6 s1 1 2 2 Q1 1 2 0t1 1 A2 3 10 0 1 9 9z"/>'
        b'<rect x="1" y="1" width="50%" height="2" rx="1"/><ellipse rx="2" ry="1"/></g>'
        b'<polyline points="0,0 1,1 2,0" fill="none" style="stroke:#000;stroke-width:2px"/>'
        b'<polygon points="0 0 1 1 2 0"/><line x1="1" x2="3" y2="4" stroke="red"/>'
        b'<use href="#s" x="3" y="4" width="2" height="2"/><text>a</text><image/></svg>'
    )
    yield (
        b'<!DOCTYPE svg [<!ENTITY st0 "fill:none;stroke:#000"><!ATTLIST g k:e CDATA #IMPLIED>]>'
        b'<svg viewBox="0 0 9 9"><rect width="9" height="9" fill="#123"/><g k:e="x"'
        b' style="transform-box: fill-box; transform-origin: 50% top" transform="rotate(9)">'
        b'<path style="&st0;" d="M1 1a9000 9000 0 0 1 5 5 MZ"/></g></svg>'
    )


def svgz_seeds() -> Iterator[bytes]:
    for content in svg_seeds():
        yield gzip.compress(content)


def json_seeds() -> Iterator[bytes]:
    documents = [sketch.to_json() for sketch in some_sketches()]
    small = {"strokes": [{"points": [[0, 1.5], [-2e3, 4]]}, {"points": [[5, 5]]}], "label": "cat"}
    shapes: tuple[Any, ...] = (
        small,
        documents[0],
        [small, small, None],
        {"drawings": [small, small]},
        {"rows": [[small, None], [small]]},
    )
    for shape in shapes:
        yield json.dumps(shape).encode()


def drawing_seeds() -> Iterator[bytes]:
    yield from json_seeds()
    points = [{"x": 1, "y": 2.5, "pen": pen, "drawing": 0} for pen in ("down", "up", "down", "end")]
    yield "".join(json.dumps(point) + "\n" for point in points).encode()


def csv_seeds() -> Iterator[bytes]:
    yield b"drawing,stroke,x,y,label\n0,0,1,2,cat\n0,0,3,4.5,cat\n0,1,-5e2,6,cat\n1,0,1,1,\n"
    yield b'y;x;stroke;drawing;more\n"1";2;a;b;\n3;4;a;b;"c;\nd"\n'


def bin_seeds() -> Iterator[bytes]:
    head = bytes(8) + b"US" + b"\1" + bytes(4)
    yield (head + b"\2\0" + b"\2\0" + bytes(4) + b"\1\0" + b"\7\7") * 2


def magenta_seeds() -> Iterator[bytes]:
    import base64

    shapes = [[2, 9], [9], [5, 8], [2, 8], [8]]
    blobs = [base64.b64encode(bytes(2 * math.prod(shape))).decode() for shape in shapes]
    info = {"name": "cat", "max_seq_len": 9, "scale_factor": 30.5, "mode": 2, "version": 6}
    yield json.dumps([info, shapes, blobs]).encode()


def config_seeds() -> Iterator[bytes]:
    from sketchrnn.model.config import ModelConfig
    from sketchrnn.runs import CONFIG, DataFacts, RunConfig, write_config

    facts = DataFacts(scale=3.5, classes=("cat",), epsilon=2.0, counts={"train": 3})
    config = RunConfig(ModelConfig(N_max=9), facts, {"batch_size": 8})
    yield seed(lambda path: write_config(path.parent, config), CONFIG)


def weights_seeds() -> Iterator[bytes]:
    from safetensors.numpy import save

    arrays = {"decoder.W_xh": np.zeros((5, 8), np.float32), "head.bias": np.zeros(9, np.float16)}
    yield save(arrays, {"about": '{"step": 3}'})


def log_seeds() -> Iterator[bytes]:
    yield b'{"kind": "train", "step": 1, "loss": 2.5}\n{"kind": "evaluate", "step": 2}\n{"ki'


def headers_seeds() -> Iterator[bytes]:
    yield (
        b'Content-Length: 90\nETag: "abc"\nLast-Modified: Mon, 01 Jan 2024 00:00:00 GMT\n'
        b"Content-Range: bytes 5-94/95\nRetry-After: Mon, 01 Jan 2024 00:00:00 GMT\n"
        b"x-goog-hash: crc32c=n03x6A==,md5=Ojk9c3dhfxgoKVVHYwFbHQ==\nTransfer-Encoding: chunked"
    )
    yield b"Content-Length: 90\nContent-Range: bytes 5-94/95\nRetry-After: 120"


JSON_WORDS = ("{", "}", "[", "]", "null", "true", "NaN", "Infinity", "1e999", "\\ud800", '"\\u0000')
SVG_WORDS = (
    *("<g>", "</g>", "<use ", 'href="#a"', 'id="a"', "transform=", "matrix(", "rotate(", "scale("),
    *("<path ", ' d="', "<style>", "</style>", "viewBox=", "preserveAspectRatio=", "1e308", "%"),
    *("NaN", "<!DOCTYPE svg [", "<!ENTITY ", "&#x0;", "<symbol ", "<svg ", "points=", "inherit"),
    *("xMidYMid slice", "display:none", "auto", "!important", "<![CDATA["),
)
DRAWING_WORDS = ('"strokes"', '"points"', '"rows"', '"drawings"', '"label"', '"pen"', '"end"')

TARGETS: Mapping[str, Target] = {
    "npz": Target("a.npz", read_dataset, npz_seeds),
    "npy": Target("a.npz", read_dataset, npy_seeds, zip_of),
    "sketches": Target("a.sketches", read_dataset, sketches_seeds, with_checksum, JSON_WORDS),
    "ndjson": Target("a.ndjson", read_records, ndjson_seeds, words=JSON_WORDS),
    "gzip": Target("a.ndjson.gz", read_records, gzip_seeds),
    "bin": Target("a.bin", read_records, bin_seeds),
    "csv": Target("a.csv", read_records, csv_seeds, words=("label", '"', "\t", ";", "inf", "\0")),
    "json": Target("a.json", read_records, json_seeds, words=JSON_WORDS + DRAWING_WORDS),
    "svg": Target("a.svg", read_records, svg_seeds, words=SVG_WORDS),
    "svgz": Target("a.svgz", read_records, svgz_seeds),
    "drawing": Target("a.json", read_drawing, drawing_seeds, words=JSON_WORDS + DRAWING_WORDS),
    "magenta": Target("a.gen.json", read_magenta, magenta_seeds, words=JSON_WORDS),
    "config": Target("config.json", read_config, config_seeds, words=JSON_WORDS),
    "weights": Target("a.safetensors", read_weights, weights_seeds, words=JSON_WORDS),
    "log": Target("log.jsonl", read_log, log_seeds, words=JSON_WORDS),
    "headers": Target("answer", read_headers, headers_seeds),
}


# One file, under limits and under watch -----------------------------------------------------------


class Watch:
    """Notes what a reader does beside reading: files it opens, programs it runs, connections."""

    RUNS = ("os.system", "os.exec", "os.fork", "os.posix_spawn", "subprocess", "socket", "ctypes.")
    WRITES = ("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "shutil.")

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.seen: list[str] = []
        self.on = False
        # Python's own modules may be loaded while something is read, such as a codec
        paths = sysconfig.get_paths()
        self.own = tuple(paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib"))
        sys.addaudithook(self)

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.on:
            return
        bad = event.startswith((*self.RUNS, *self.WRITES))
        if event == "open":
            path, _, flags = arguments
            place = os.path.realpath(os.fsdecode(path)) if not isinstance(path, int) else ""
            writes = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC)
            known = place.startswith((os.path.realpath(self.folder), *self.own))
            bad = bool(writes) or not (known or place.endswith(".py"))
        elif event == "exec":
            bad = not Path(arguments[0].co_filename).is_file()  # "<string>"
        elif event == "compile":
            bad = arguments[0] is not None and not Path(str(arguments[1])).is_file()
        if bad:
            self.seen.append(f"{event} {arguments!r:.200}")


def memory_mb(name: str) -> float:
    """A figure of this process that Linux keeps: VmRSS now, VmHWM at most, VmSize reserved."""
    status = Path("/proc/self/status").read_text("ascii", "replace")
    match = re.search(rf"{name}:\s*(\d+) kB", status)
    assert match is not None
    return int(match[1]) * 1024 / 1e6


def repeat(target: Target, paths: Iterable[Path]) -> bool:
    """Give files to a target, under the limits; print a line on each. Whether all went well."""
    with tempfile.TemporaryDirectory() as folder:
        check(target, next(iter(target.seeds())), Path(folder))  # so that its modules are loaded
        watch = Watch(Path(folder))
        well = True
        for source in paths:
            path = Path(folder) / target.name
            if target.wrapped is bytes:
                shutil.copyfile(source, path)  # of any size
            else:
                path.write_bytes(target.wrapped(source.read_bytes()))
            Path("/proc/self/clear_refs").write_text("5", "ascii")  # forget the peak so far
            before = memory_mb("VmRSS")
            limit = int((memory_mb("VmSize") + MEMORY_MB) * 1e6)
            resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
            begin = time.process_time()
            resource.setrlimit(
                resource.RLIMIT_CPU, (math.ceil(begin) + SECONDS, resource.RLIM_INFINITY)
            )
            watch.on = True
            try:
                outcome = "read" if taken(target, path) else "refused"
            except BaseException as error:  # whatever it is, it is what is looked for
                outcome = f"FOUND {type(error).__name__}: {error!s:.300}"
            watch.on = False
            outcome += "".join(f", FOUND {line}" for line in watch.seen)
            watch.seen.clear()
            well = well and "FOUND" not in outcome
            cost = f"{time.process_time() - begin:.1f} s, {memory_mb('VmHWM') - before:.0f} MB"
            print(f"{source.name}: {outcome} ({cost})", flush=True)
    return well


# The fuzzing --------------------------------------------------------------------------------------


@dataclass
class Campaign:
    """The fuzzing of one target in a process of its own."""

    name: str
    seconds: int
    corpus: Path
    findings: list[Path] = field(default_factory=list)

    def run(self) -> None:
        """Fuzz until something is found, or the time is over."""
        folder = self.corpus / self.name
        folder.mkdir(parents=True, exist_ok=True)
        for number, content in enumerate(TARGETS[self.name].seeds()):
            (folder / f"seed-{number}").write_bytes(content)
        words = self.corpus / f"{self.name}.words"
        words.write_text("#\n" + "".join(map(quoted, TARGETS[self.name].words)), "utf-8")
        place = FINDINGS / self.name
        place.mkdir(parents=True, exist_ok=True)
        before = set(place.iterdir())
        done = subprocess.run(
            [
                *(sys.executable, __file__, self.name, "--inside"),
                *(f"-max_total_time={self.seconds}", f"-timeout={SECONDS}", f"-max_len={BYTES}"),
                *(f"-rss_limit_mb={MEMORY_MB}", f"-dict={words}", f"-artifact_prefix={place}/"),
                *("-print_final_stats=1", str(folder)),
            ],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        self.findings = sorted(set(place.iterdir()) - before)
        runs = re.search(r"number_of_executed_units:\s*(\d+)", done.stderr)
        edges = re.findall(r"cov: (\d+)", done.stderr)
        print(f"{self.name}: {runs[1] if runs else '?'} files, {edges[-1] if edges else '?'} edges")
        if done.returncode and not self.findings:
            raise SystemExit(f"{self.name}: the fuzzer itself fails:\n{done.stderr[-2000:]}")
        for path in self.findings:
            print(f"  found: python {sys.argv[0]} {self.name} --repeat {path}")
        if self.findings:
            print("\n".join(f"    {line}" for line in said(done.stdout + done.stderr)))


def quoted(word: str) -> str:
    """A word as a line of libFuzzer's dictionaries."""
    return '"' + "".join(f"\\x{byte:02x}" for byte in word.encode()) + '"\n'


def said(output: str) -> list[str]:
    """What a fuzzer's output says of a finding: the traceback, or the limit that was passed."""
    lines = output.splitlines()
    marks = ("Uncaught Python exception", "ERROR: libFuzzer")
    begin = next((i for i, line in enumerate(lines) if any(mark in line for mark in marks)), 0)
    end = next((i for i in range(begin, len(lines)) if lines[i].startswith("MS: ")), begin + 40)
    return [line[:200] for line in lines[begin : min(end, begin + 40)]]


def inside(name: str, options: list[str]) -> None:
    """Fuzz one target in this process, which ends with it."""
    import atheris

    with atheris.instrument_imports(
        include=["sketchrnn", "tinycss2", "cssselect2", "csv", "zipfile", "gzip"]
    ):
        import sketchrnn.data.clean
        import sketchrnn.data.formats.binary
        import sketchrnn.data.formats.csv_points
        import sketchrnn.data.formats.folder
        import sketchrnn.data.formats.json_drawings
        import sketchrnn.data.formats.memory
        import sketchrnn.data.formats.npz
        import sketchrnn.data.formats.sketches
        import sketchrnn.data.formats.streamed
        import sketchrnn.data.formats.svg
        import sketchrnn.data.transfer
        import sketchrnn.runs
        import sketchrnn.share.magenta
        import sketchrnn.training.logs  # noqa: F401

    target = TARGETS[name]
    with tempfile.TemporaryDirectory() as folder:
        atheris.Setup(
            [sys.argv[0], *options], lambda content: check(target, content, Path(folder)) and None
        )
        atheris.Fuzz()


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="(default: all)")
    parser.add_argument("--seconds", type=int, default=60, help="for each target (default 60)")
    parser.add_argument("--corpus", type=Path, help="keep here what reached new code (default: no)")
    parser.add_argument("--repeat", type=Path, nargs="+", metavar="FILE", help="read these")
    parser.add_argument("--list", action="store_true", help="name the targets")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    arguments, options = parser.parse_known_args()
    unknown = sorted(set(arguments.targets) - set(TARGETS))
    if unknown or (options and not arguments.inside):
        parser.error(f"unknown: {' '.join(unknown or options)}; targets: {' '.join(TARGETS)}")
    if arguments.list:
        print(*TARGETS, sep="\n")
        return 0
    if arguments.repeat:
        if len(arguments.targets) != 1:
            parser.error("--repeat needs one TARGET")
        return 0 if repeat(TARGETS[arguments.targets[0]], arguments.repeat) else 1
    try:
        import atheris  # noqa: F401
    except ImportError:
        print("fuzzing needs the package atheris: pip install atheris", file=sys.stderr)
        return 2
    if arguments.inside:
        inside(arguments.targets[0], options)
    found = 0
    with tempfile.TemporaryDirectory() as folder:
        for name in arguments.targets or TARGETS:
            campaign = Campaign(name, arguments.seconds, arguments.corpus or Path(folder))
            campaign.run()
            found += len(campaign.findings)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
