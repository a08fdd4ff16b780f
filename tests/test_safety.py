"""Hostile files: each reader takes them or refuses them in one line, in bounded time and memory.

The readers are the targets of scripts/fuzz.py. Here they get good files damaged at random, and the
worst ones by hand: those in processes under limits, where it is also noted what a reader opens and
runs. docs/security.md says what is promised.
"""

from __future__ import annotations

import gzip
import importlib.util
import json
import math
import os
import pickle
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save

from in_thread import running
from sketchrnn import registry
from sketchrnn.api import load
from sketchrnn.data import download, transfer
from sketchrnn.data.formats import npz, records
from sketchrnn.errors import SketchRNNError
from sketchrnn.runs import DataFacts, load_tensors, read_config
from sketchrnn.share.magenta import read_published
from test_download import Server, fails
from tiny import Shell, listing

SCRIPT = Path(__file__).parents[1] / "scripts/fuzz.py"
MEGABYTE = 1 << 20


def loaded(path: Path) -> Any:
    """A script as a module."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # dataclasses look there
    spec.loader.exec_module(module)
    return module


fuzz = loaded(SCRIPT)
TARGETS = fuzz.TARGETS


# Damaged at random -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("damaged")


@pytest.fixture(scope="module")
def seeds() -> dict[str, list[bytes]]:
    return {name: list(target.seeds()) for name, target in TARGETS.items()}


def test_every_format_has_a_target() -> None:
    endings = {Path(target.name).suffix for target in TARGETS.values()}
    assert registry.readable() <= endings
    assert {".gz", ".safetensors", ".jsonl"} <= endings


@pytest.mark.parametrize("name", TARGETS)
def test_good_files_are_read(name: str, place: Path, seeds: dict[str, list[bytes]]) -> None:
    # otherwise what is damaged below would be refused for another reason
    assert fuzz.check(TARGETS[name], seeds[name][0], place)


NUMBERS = [struct.pack("<Q", value)[:size] for value in (0, 1, 2**64 - 1, 2**31) for size in (2, 8)]
TEXTS = (
    *(b"\0", b"\xff\xfe", b"NaN", b"-Infinity", b"1e999", b"9" * 30, b"9" * 5000, b'"', b"\\ud800"),
    *(b"[" * 2000, b'{"a":' * 2000, b"null", b"<g>" * 200, b"-1", b"\n\n", b",,", b"\x1b[2J"),
)
# (how, where as a part of the whole, how much, what)
mutations = st.lists(
    st.tuples(
        st.sampled_from(["flip", "cut", "delete", "insert", "replace", "again", "end"]),
        st.floats(0, 1),
        st.integers(1, 40),
        st.one_of(st.sampled_from([*NUMBERS, *TEXTS]), st.binary(min_size=1, max_size=9)),
    ),
    min_size=1,
    max_size=4,
)


def damaged(content: bytes, steps: list[tuple[str, float, int, bytes]]) -> bytes:
    for how, part, count, what in steps:
        at = int(part * len(content))
        before, after = content[:at], content[at:]
        match how:
            case "flip":
                content = before + bytes(byte ^ 1 << count % 8 for byte in after[:1]) + after[1:]
            case "cut":
                content = before
            case "delete":
                content = before + after[count:]
            case "insert":
                content = before + what + after
            case "replace":
                content = before + what + after[len(what) :]
            case "again":
                content = before + after[:count] * count + after
            case "end":
                content = before + what
    return content


@pytest.mark.parametrize("name", TARGETS)
def test_damaged_files(name: str, place: Path, seeds: dict[str, list[bytes]]) -> None:
    outcomes = set()

    @settings(max_examples=60, deadline=None, database=None, derandomize=True)
    @given(st.sampled_from(seeds[name]), mutations)
    def try_it(content: bytes, steps: list[tuple[str, float, int, bytes]]) -> None:
        outcomes.add(fuzz.check(TARGETS[name], damaged(content, steps), place))

    try_it()
    assert False in outcomes  # some of it was really damaged


# The worst by hand -------------------------------------------------------------------------------


def svg(body: str, attributes: str = 'viewBox="0 0 9 9"') -> str:
    return f'<svg xmlns="http://www.w3.org/2000/svg" {attributes}>{body}</svg>'


LINE = '<path d="M0 0L1 1"/>'
USES = '<use href="#g"/>' * 9_000
ENTITIES = "".join(f"<!ENTITY a{i + 1} '&a{i};&a{i};&a{i};&a{i};&a{i};&a{i};'>" for i in range(12))

SVGS: dict[str, Callable[[], str]] = {
    "entities": lambda: f'<!DOCTYPE svg [<!ENTITY a0 "{"x" * 999}">{ENTITIES}]><svg>&a12;</svg>',
    "digits": lambda: svg(LINE, f'width="{"1" * 200_000}x" height="9"'),
    "a long number": lambda: svg(f'<path d="M0 0L1 {"1" * 4_000_000}"/>'),
    "viewBox": lambda: svg(LINE, f'viewBox="{"1 " * 4_000_000}"'),
    "percentages": lambda: svg('<svg width="1e300%" height="1e300%">' * 90 + "</svg>" * 90 + LINE),
    "rules without an end": lambda: svg(f"<style>{'a' * 500_000}</style>{LINE}"),
    "comments without an end": lambda: svg(f"<style>{'/*' * 200_000}</style>{LINE}"),
    "rules": lambda: svg(f"<style>{'a{}' * 300_000}</style>{'<g/>' * 19_000}{LINE}"),
    "selectors": lambda: svg(f"<style>{'a,' * 300_000}a{{{'fill:none;' * 99_000}}}</style>{LINE}"),
    "classes of what is used": lambda: svg(
        f'<style>b{{}}</style><g id="g" class="{"a " * 999_000}"/>{USES}{LINE}'
    ),
    "style of what is used": lambda: svg(f'<g id="g" style="{"a:b;" * 250_000}"/>{USES}{LINE}'),
    "transforms": lambda: svg(f'<g transform="{"scale(1)" * 1_900_000}"/>{LINE}'),
    "a transform without an end": lambda: svg(f'<g transform="scale({" " * 500_000}"/>{LINE}'),
    "arcs": lambda: svg(f'<path d="M0 0{"a9 9 0 1 1 .001 0" * 99_000}"/>'),
    "arcs of no size": lambda: svg('<path d="M0 0A0 5 0 0 1 1 1A1e-300 1e-300 0 1 1 2 2"/>'),
    "arcs of huge size": lambda: svg('<path d="M0 0A1e308 1e308 0 0 1 1 1A1e9 1 45 1 1 2 2"/>'),
    "closing again and again": lambda: svg(f'<path d="M0 0{"L1 1" * 90_000}{"z" * 300_000}"/>'),
    "one subpath of tiny numbers": lambda: svg(f'<path d="M0 0L{"1e-300 " * 90_000}"/>'),
    "attributes": lambda: "<svg " + "".join(f'a{i:x}="" ' for i in range(300_000)) + "/>",
    "bits of text": lambda: svg("\u4e00\n" * 1_000_000 + LINE),
}


def lists(count: int) -> str:
    return "[],[{}]," * count + "[]"


JSONS: dict[str, Callable[[], str]] = {
    "a string": lambda: '"' + "a" * 30 * MEGABYTE,
    "a number": lambda: "1" * 30 * MEGABYTE,
    "depth": lambda: "[" * 10 * MEGABYTE,
    "depth in maps": lambda: '{"a":' * MEGABYTE,
    "lists": lambda: f"[{lists(2 * MEGABYTE)}]",
    "keys": lambda: "{" + ",".join(f'"{i:x}":0' for i in range(300_000)) + "}",
    "places without a drawing": lambda: f"[{'null,' * MEGABYTE}null]",
    "a label": lambda: '{"label":"' + "a" * 9 * MEGABYTE + '","strokes":[]}',
    "a point of lists": lambda: '{"strokes":[{"points":' + "[" * 900 + "]" * 900 + "}]}",
    "huge numbers": lambda: '{"strokes":[{"points":[[1e400,' + "9" * 4000 + "]]}]}",
    "strokes": lambda: '{"strokes":[' + '{"points":[[0,0]]},' * 200_000 + '{"points":[]}]}',
    "one key twice": lambda: '{"strokes":[],"strokes":[{"points":[[1,2],[3,4]]}]}',
}

DRAWINGS: dict[str, Callable[[], str]] = {
    "lines": lambda: "1\n" * 8_000_000,
    "lines of a stream": lambda: '{"x":1,"y":2,"pen":"down"}\n' + "1\n" * 4_000_000,
    **{name: JSONS[name] for name in ("depth in maps", "a point of lists", "huge numbers")},
    "lists in a drawing": lambda: f"[{lists(700_000)}]",
    "strokes of one drawing": JSONS["strokes"],
    "a label of lists": lambda: '{"label":' + "[" * 900 + "]" * 900 + ',"strokes":[]}',
}

LINES: dict[str, Callable[[], str]] = {
    "dicts": lambda: '{"drawing":[' + "{}," * 3_000_000 + "1]}\n",
    "keys in a line": lambda: "{" + ",".join(f'"{i:x}":0' for i in range(500_000)) + "}\n",
    "numbers": lambda: '{"drawing":[[[' + "1e1," * 1_000_000 + "1],[1]]]}\n",
    "digits in a line": lambda: '{"drawing":[[[' + "9" * 9_000_000 + "],[1]]]}\n",
    "strokes in a line": lambda: '{"drawing":[' + "[[1],[2],[3]]," * 99_000 + "[[1],[2],[3]]]}\n",
    "depth in a line": lambda: '{"drawing":' + "[" * 9_000_000,
}

GZIPS: dict[str, Callable[[], bytes]] = {
    "blanks": lambda: gzip.compress(b"\n" * 30_000_000, 1),
    "one line": lambda: gzip.compress(b"a" * 30_000_000, 1),
    "drawings without strokes": lambda: gzip.compress(b'{"drawing":[]}\n' * 100_000, 1),
}

CSVS: dict[str, Callable[[], str]] = {
    "one long line": lambda: "drawing,stroke,x,y\n" + "1" * 30 * MEGABYTE,
    "zeros": lambda: "drawing,stroke,x,y\n" + "\0" * MEGABYTE,
    "a quote without an end": lambda: 'drawing,stroke,x,y\n"' + "\n" * 9 * MEGABYTE,
    "quotes": lambda: "drawing,stroke,x,y\n" + ('"' * 9000 + "\n") * 500,
    "one column a character": lambda: "," * 9000 + "\n" + ("," * 9000 + "\n") * 300,
    "one stroke a point": lambda: "drawing,stroke,x,y\n" + "".join(
        f"1,{i},1,1\n" for i in range(99_000)
    ),
}  # fmt: skip

HEAD = bytes(8) + b"US\1" + bytes(4)
BINS: dict[str, Callable[[], bytes]] = {
    "65,535 strokes that are there": lambda: HEAD + b"\xff\xff" + b"\1\0\7\7" * 65_535,
    "65,535 strokes that are not": lambda: HEAD + b"\xff\xff" + b"\1\0\7\7",
    "65,535 points that are not": lambda: HEAD + b"\1\0" + b"\xff\xff\1\2",
    "strokes of 65,535 points": lambda: HEAD + b"\xff\xff" + (b"\xff\xff" + bytes(131_070)) * 9,
    "drawings of nothing": lambda: (HEAD + b"\0\0") * 100_000,
}


def npy(content: bytes, count: int = 2) -> bytes:
    """A `.npy` whose header says that it is an object array of `count` drawings."""
    header = f"{{'descr': '|O', 'fortran_order': False, 'shape': ({count},), }}\n".encode()
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + content


ARRAY = b"cnumpy.core.multiarray\n_reconstruct\nNNN\x87R"
DTYPE = b"cnumpy\ndtype\nU\x02f8\x85R"
LONG = b"\x8a\xff" + b"\x7f" * 255  # a whole number of 2,040 bits


def inside_an_array(array: bytes) -> bytes:
    """A pickle of an object array of one item."""
    return b"\x80\x02" + ARRAY + b"(K\x01K\x01\x85" + DTYPE + b"\x89]" + array + b"atb."


def array_of_shape(shape: bytes) -> bytes:
    return ARRAY + b"(K\x01" + shape + DTYPE + b"\x89U\x00tb"


NPYS: dict[str, Callable[[], bytes]] = {
    "memos": lambda: npy(b"\x80\x04" + b"]\x94" * 1_500_000),
    "a shape whose product takes hours": lambda: npy(
        inside_an_array(array_of_shape(b"(" + LONG + b"q\x09" + b"h\x09" * 2_000_000 + b"t")), 1
    ),
    "a header that is code": lambda: npy(b"").replace(b"(2,)", b"(__import__('os').getcwd(),)"),
    "a header of brackets": lambda: npy(b"").replace(b"(2,)", b"(" * 9000),
    "a call of eval": lambda: npy(b"\x80\x02c__builtin__\neval\nU\x03[1]\x85R."),
    "a call of os.system": lambda: npy(b"\x80\x02cos\nsystem\nU\x04true\x85R."),
    "a header that lies": lambda: b"\x93NUMPY\x02\x00\xff\xff\xff\xff{'descr'",
}


def zip_with(count: int) -> bytes:
    """The list of so many members, which are not there."""
    entry = b"PK\1\2" + bytes(24) + b"\1\0" + bytes(16) + b"a"  # of the name "a"
    size = count * len(entry)
    numbers = struct.pack("<4H2LH", 0, 0, count % 65_536, count % 65_536, size, 0, 0)
    return entry * count + b"PK\5\6" + numbers


NPZS: dict[str, Callable[[], bytes]] = {
    "members": lambda: zip_with(500_000),
    "zeros": lambda: fuzz.zip_of(bytes(150_000_000), zipfile.ZIP_DEFLATED),
}


def tensors(header: bytes, data: bytes = b"") -> bytes:
    return len(header).to_bytes(8, "little") + header + data


def tensor(dtype: str, shape: list[int], begin: int, end: int) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def described(**changes: str) -> bytes:
    """The header of a .sketches file whose metadata are changed."""
    about = {"format": "sketchrnn-drawings", "version": "1", "crc32": "0" * 8, "N_max": "3"}
    lists = dict.fromkeys(("classes", "provenance", "factor_names"), "[]")
    metadata = {**about, **lists, "scale": "2.5", "epsilon": "null", **changes}
    return tensors(json.dumps({"__metadata__": metadata}).encode())


SKETCHES: dict[str, Callable[[], bytes]] = {
    "a long header": lambda: (1 << 63).to_bytes(8, "little") + b"{}",
    "dicts in the header": lambda: tensors(b'{"a":[' + b"{}," * 3_000_000 + b"1]}"),
    "dicts in the classes": lambda: described(classes="[" + "{}," * 2_000_000 + "1]"),
    "an endless scale": lambda: described(scale="1" + "0" * 400),
    "an endless N_max": lambda: described(N_max="Infinity"),
    "an endless epsilon": lambda: described(epsilon="9" * 400),
    "an endless shape": lambda: tensors(
        described()[8:-1] + b',"train/rows":{"dtype":"I16","data_offsets":[0,0],"shape":['
        + b"99999," * 900_000 + b"3]}}"
    ),
}  # fmt: skip

WEIGHTS: dict[str, Callable[[], bytes]] = {
    "a long header": lambda: (1 << 63).to_bytes(8, "little") + b"{}",
    "a header of 90 MB": lambda: tensors(b" " * 90_000_000),
    "facts": lambda: tensors(
        json.dumps({"__metadata__": {"about": "[" + "{}," * 9_000_000 + "1]"}}).encode()
    ),
    "facts in facts": lambda: tensors(
        json.dumps({"__metadata__": {"about": "[" * 300_000}}).encode()
    ),
    "overlap": lambda: tensors(
        json.dumps({name: tensor("F32", [2], 0, 8) for name in ("head.a", "head.b")}).encode(),
        bytes(8),
    ),
    "a hole": lambda: tensors(
        json.dumps({"head.a": tensor("F32", [2], 8, 16)}).encode(), bytes(16)
    ),
    "less than nothing": lambda: tensors(
        json.dumps({"head.a": tensor("F32", [-2], 0, -8)}).encode(), bytes(8)
    ),
    "more than there is": lambda: tensors(
        json.dumps({"head.a": tensor("F32", [1 << 40], 0, 4 << 40)}).encode(), bytes(8)
    ),
    "a size that runs over": lambda: tensors(
        json.dumps({"head.a": tensor("F32", [1 << 62, 4], 0, 0)}).encode()
    ),
    **{
        f"numbers of type {dtype}": lambda dtype=dtype, size=size: tensors(
            json.dumps({"head.a": tensor(dtype, [8], 0, size)}).encode(), bytes(size)
        )
        for dtype, size in {"C64": 64, "F4": 4, "F8_E4M3": 8, "I64": 64, "BOOL": 8}.items()
    },
}

INFO = {"name": "a", "max_seq_len": 9, "scale_factor": 1}
MAGENTAS: dict[str, Callable[[], str]] = {
    "a list": lambda: "[" + "[]," * 9_000_000 + "[]]",
    "depth": lambda: "[" * 9_000_000,
    "texts": lambda: json.dumps([INFO, [[1]] * 5, ["A" * 9_000_000] * 5]),
    "an endless number": lambda: json.dumps([INFO, [[10**4000]] * 5, ["AAAA"] * 5]),
    "a product": lambda: json.dumps([INFO, [[10**4000] * 2] * 5, ["AAAA"] * 5]),
}

LOGS: dict[str, Callable[[], str]] = {
    "one line": lambda: "a" * 30 * MEGABYTE,
    "dicts": lambda: '{"step":1,"kind":[' + "{}," * 2_000_000 + "1]}\n" * 2,
    "depth": lambda: "[" * 9_000_000 + "\n\n",
}

CONFIGS: dict[str, Callable[[], str]] = {
    "dicts": lambda: '{"format":[' + "{}," * 3_000_000 + "1]}",
    "too large": lambda: '{"format":"' + "a" * 30 * MEGABYTE,
    "depth": lambda: '{"format":' * 900_000,
}

WORST: dict[str, dict[str, Callable[[], Any]]] = {
    "svg": SVGS,
    "json": JSONS,
    "drawing": DRAWINGS,
    "ndjson": LINES,
    "gzip": GZIPS,
    "csv": CSVS,
    "bin": BINS,
    "npy": NPYS,
    "npz": NPZS,
    "sketches": SKETCHES,
    "weights": WEIGHTS,
    "magenta": MAGENTAS,
    "log": LOGS,
    "config": CONFIGS,
}


def repeated(target: str, paths: list[Path]) -> tuple[int, str]:
    """What `fuzz.py TARGET --repeat` says: each file under limits of time and memory."""
    done = subprocess.run(
        [sys.executable, SCRIPT, target, "--repeat", *paths],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="limits need Linux")
@pytest.mark.parametrize("target", WORST)
def test_the_worst_files_by_hand(target: str, tmp_path: Path) -> None:
    """Under 10 s and 1 GB each, nothing else opened, nothing written, nothing run."""
    paths = []
    for name, content in WORST[target].items():
        paths.append(tmp_path / name.replace(" ", "-"))
        made = content()
        paths[-1].write_bytes(made.encode() if isinstance(made, str) else made)
    code, output = repeated(target, paths)
    lines = output.splitlines()
    assert (code, len(lines)) == (0, len(paths)), output[-3000:]
    assert not any("FOUND" in line for line in lines), output[-3000:]
    for path in paths:
        path.unlink()  # some are large


HOSTILE_READER = """
import os, subprocess, sys, urllib.request
sys.path.insert(0, sys.argv[2])
import fuzz
from pathlib import Path

def read(path):
    content = path.read_bytes()
    if content == b"good": return
    exec(content, {"path": path, "os": os, "subprocess": subprocess})

target = fuzz.Target("a.txt", read, lambda: [b"good"])
sys.exit(0 if fuzz.repeat(target, [Path(sys.argv[1])]) else 1)
"""


@pytest.mark.parametrize(
    ("does", "seen"),
    [
        ("1", "exec"),
        ("os.system('true')", "os.system"),
        ("subprocess.run(['true'])", "subprocess.Popen"),
        ("import socket; socket.socket()", "socket.__new__"),
        ("open(path.with_name('b'), 'w')", "open"),
        ("open('/etc/passwd')", "/etc/passwd"),
        ("bytes(1_500_000_000)", "MemoryError"),
        ("raise KeyError('a')", "KeyError"),
        ("while True: pass", None),
    ],
)
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="limits need Linux")
def test_the_watch_sees_what_a_reader_does(does: str, seen: str | None, tmp_path: Path) -> None:
    """The test above can fail: a reader that runs its file, opens others, or takes too much."""
    (tmp_path / "does").write_text(does, "utf-8")
    code = HOSTILE_READER if seen else f"import fuzz\nfuzz.SECONDS = 1\n{HOSTILE_READER}"
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "does", SCRIPT.parent],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "PYTHONPATH": str(SCRIPT.parent)},
    )
    if seen is None:
        assert done.returncode < 0  # killed
    else:
        assert done.returncode == 1, done.stderr
        assert "FOUND" in done.stdout
        assert seen in done.stdout


# Through the command line ------------------------------------------------------------------------

COMMANDS = {
    "svg": "data prepare FILE -o out.sketches",
    "json": "data prepare FILE -o out.sketches",
    "drawing": "tidy sun FILE -o out.svg",
    "npz": "data inspect FILE --svg out.svg",
    "npy": "data prepare FILE -o out.sketches",
    "csv": "data prepare FILE -o out.sketches",
    "bin": "data prepare FILE -o out.sketches",
    "ndjson": "data prepare FILE -o out.sketches",
    "sketches": "train FILE -o run",
    "magenta": "import magenta FILE -o run",
}


@pytest.mark.parametrize("target", COMMANDS)
def test_the_command_line_refuses_in_one_line(
    target: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / f"bad{TARGETS[target].name[1:]}"
    path.write_bytes(TARGETS[target].wrapped(b"PK\x03\x04 \x1b[2J\r\n[{<" * 9))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    before = listing(tmp_path)
    shell = Shell(capsys)
    assert shell(*COMMANDS[target].replace("FILE", str(path)).split()) == 2
    assert len(shell.err.splitlines()) == 1
    assert str(path) in shell.err
    assert listing(tmp_path) == before


# Each reader's own holes, once found -------------------------------------------------------------


def test_a_member_list_is_not_read_before_it_is_known_to_be_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(npz, "DIRECTORY_LIMIT_BYTES", 1000)
    (tmp_path / "a.npz").write_bytes(zip_with(100))
    with pytest.raises(SketchRNNError, match="list of members of over 1,000 bytes"):
        npz.read(tmp_path / "a.npz")


@pytest.mark.parametrize("count", [1, 2])
def test_npy_headers_of_both_versions_and_of_python_2(tmp_path: Path, count: int) -> None:
    array = np.empty(count, dtype=object)
    array[:] = [np.array([[1, 2, 0], [3, 4, 1]], np.int16)] * count
    pickled = pickle.dumps(array, 2)
    text = f"{{'descr': '|O', 'fortran_order': False, 'shape': ({count}L,), }}".encode()
    member = b"\x93NUMPY\x02\x00" + len(text).to_bytes(4, "little") + text + pickled
    (tmp_path / "a.npz").write_bytes(fuzz.zip_of(member))
    assert len(npz.read(tmp_path / "a.npz").train) == count


@pytest.mark.parametrize("name", ["training_size", "r_loss", "scale_factor", "max_seq_len"])
def test_a_published_file_with_a_number_that_is_no_float(tmp_path: Path, name: str) -> None:
    content = json.loads(next(iter(TARGETS["magenta"].seeds())))
    content[0][name] = 10**400
    (tmp_path / "a.json").write_text(json.dumps(content), "utf-8")
    if name in ("scale_factor", "max_seq_len"):
        with pytest.raises(SketchRNNError, match=r"a\.json"):
            read_published(tmp_path / "a.json")
    else:  # only to be known
        _, facts, _ = read_published(tmp_path / "a.json")
        assert name not in facts.provenance[0]


@pytest.mark.parametrize(
    "facts",
    [
        {"scale": 10**400},
        {"scale": 1.0, "size": math.nan},
        {"scale": 1.0, "mean_length": -math.inf},
        {"scale": 1.0, "epsilon": 10**400},
        {"scale": 1.0, "classes": ("\ud800",)},
        {"scale": 1.0, "classes": ("\x1b[2J",)},
        {"scale": 1.0, "counts": (1, 2)},
        {"scale": 1.0, "counts": {"train": "many"}},
        {"scale": 1.0, "fingerprint": 3},
    ],
)
def test_facts_that_cannot_be(facts: dict[str, Any]) -> None:
    with pytest.raises(SketchRNNError, match="must be"):
        DataFacts(**facts)


def test_a_config_is_read_up_to_a_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config.json").write_bytes(next(iter(TARGETS["config"].seeds())))
    read_config(tmp_path)
    monkeypatch.setattr("sketchrnn.runs.CONFIG_LIMIT_BYTES", 100)
    with pytest.raises(SketchRNNError, match=r"config.json: damaged \(it is larger than"):
        read_config(tmp_path)


@pytest.mark.parametrize("dtype", ["C64", "F4", "I64"])
def test_weights_are_floats(tmp_path: Path, dtype: str) -> None:
    path = tmp_path / "best.safetensors"
    path.write_bytes(WEIGHTS[f"numbers of type {dtype}"]() if dtype != "I64" else save(
        {"head.a": np.zeros(8, np.int64)}
    ))  # fmt: skip
    with pytest.raises(SketchRNNError, match=f"has numbers of type {dtype}"):
        load_tensors(path)


@pytest.mark.parametrize("value", [math.nan, math.inf, 1e38, -1e38])
def test_a_model_of_wild_weights_draws_or_refuses(tmp_path: Path, value: float) -> None:
    """No exception but ours, and no drawing that is not finite."""
    from sketchrnn.share.magenta import import_published

    (tmp_path / "a.json").write_bytes(next(iter(TARGETS["magenta"].seeds())))
    import_published(tmp_path / "a.json", tmp_path / "run")
    model = load(tmp_path / "run")
    with torch.no_grad():
        for parameter in model.network.parameters():
            parameter.fill_(value)
    try:
        drawn = model.generate(2, seed=0)
    except SketchRNNError:
        return
    assert all(np.isfinite(line).all() for sketch in drawn for line in sketch.polylines)


# A folder of drawings ----------------------------------------------------------------------------


def test_links_never_lead_out_of_a_folder(tmp_path: Path) -> None:
    pets, outside = tmp_path / "pets", tmp_path / "outside"
    (pets / "cat").mkdir(parents=True)
    outside.mkdir()
    for folder in (pets / "cat", outside):
        (folder / "1.svg").write_text(svg(LINE), "utf-8")
    (pets / "cat/2.svg").symlink_to(outside / "1.svg")
    (pets / "cat/3.svg").symlink_to("../../outside/1.svg")
    (pets / "cat/4.svg").symlink_to("4.svg")  # a loop
    (pets / "cat/5.svg").symlink_to("nowhere.svg")
    (pets / "dog").symlink_to(outside, target_is_directory=True)
    (pets / "loop").symlink_to(pets, target_is_directory=True)
    os.mkfifo(pets / "cat/6.svg")  # a reader would wait for ever
    skipped: list[object] = []
    found = [record.where for record in records(pets, skip=skipped.append)]
    assert found == [str(pets / "cat/1.svg")]
    assert not any("/outside/" in str(one) for one in skipped)


# A server that lies ------------------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[Server]:
    with running(Server()) as server:
        yield server
        server.over.set()


def refusal(server: Server, folder: Path) -> str:
    with pytest.raises(SketchRNNError) as caught:
        download.download(
            ["cat"], "sketchrnn", folder, base_url=server.url, retries=0, backoff_s=0, timeout_s=5
        )
    assert not (folder / "cat.npz").exists()
    return str(caught.value)


@pytest.mark.parametrize(
    "location",
    ["http://[::1", "http://[", f"http://{'a' * 99}.b/", "http://h:x/", "http://\x7f/", "//", "?"],
)
def test_a_redirect_to_what_is_no_address(server: Server, tmp_path: Path, location: str) -> None:
    server.script = [fails(302, Location=location)] * 20
    message = refusal(server, tmp_path)
    assert len(message) < 500


@pytest.mark.parametrize("digits", [30, 5000])
def test_a_length_of_very_many_digits(server: Server, tmp_path: Path, digits: int) -> None:
    server.script = [fails(200, Content_Length="9" * digits)]
    assert "does not say how long the file is" in refusal(server, tmp_path)


def test_an_answer_without_an_end_does_not_fill_the_disk(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def endless(handler: Any) -> None:
        handler.begin(200, {"Transfer-Encoding": "chunked"})
        while not handler.server.over.is_set():
            handler.wfile.write(b"3e8\r\n" + bytes(1000) + b"\r\n")

    monkeypatch.setattr(transfer, "SIZE_LIMIT_BYTES", 100_000)
    server.script = [endless]
    assert "sends more than 100,000 bytes" in refusal(server, tmp_path)
    assert not (tmp_path / "cat.npz.part").exists()


def test_a_message_is_one_line_that_no_terminal_obeys() -> None:
    error = SketchRNNError("a\x1b[31m file\nof \x07 many \u202esigns " + "x" * 5000)
    assert str(error).startswith("a\ufffd[31m file of \ufffd many \ufffdsigns xxx")
    assert len(str(error)) == 1000
    assert str(error).isprintable()
