"""The cells in C: the plain loop's numbers at any size, and what happens where C cannot be had.

Tolerances, relative to the largest entry, against the plain loop in float64: float32 has eps 6e-8,
and up to 5e-6 was seen (up to 9e-6 of the plain loop in float32). bfloat16 has eps 4e-3; rounding
the factors of products to it was seen to change an array's norm by 0.6 % (LSTM), 0.9 % (layer norm)
and 3.5 % (HyperLSTM, whose gates are scaled by one product after the other).
"""

from __future__ import annotations

import gc
import os
import shutil
import stat
import subprocess
import sys
import weakref
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from sketchrnn.errors import SketchRNNError
from sketchrnn.model.backends.native import library as native
from sketchrnn.model.backends.native.library import library
from sketchrnn.model.backends.plain import Dropout
from sketchrnn.model.unroll import AUTO, PLAIN, Backend, Stepper
from unrolling import (
    NATIVE,
    NATIVE_BF16,
    Problem,
    assert_same,
    every_cell,
    needs_bf16,
    needs_native,
    ragged,
    random_loss,
    random_problem,
)

FLOAT32 = 2e-5
BF16 = {"lstm": 1.2e-2, "layer_norm": 2e-2, "hyper": 6e-2}

# Multiples of a vector (4, 8, 16), a panel (8, 32) and a tile's rows (6, 12), and what is none; all
# the numbers of rows that a tile can have; sums longer than what a tile sums at a time (512).
SIZES = [
    {"T": 1, "B": 1, "H": 7, "Y": 5, "E": 3},
    {"T": 2, "B": 3, "H": 20, "Y": 9, "E": 5},
    {"T": 10, "B": 2, "H": 32, "Y": 16, "E": 4},
    {"T": 10, "B": 30, "H": 64, "Y": 33, "E": 33, "D": 3},
    {"T": 5, "B": 13, "H": 33, "Y": 31, "E": 17, "D": 9},
    {"T": 3, "B": 2, "H": 1, "Y": 1, "E": 1, "D": 1},
    {"T": 3, "B": 7, "H": 129, "Y": 65, "E": 32},
    {"T": 2, "B": 3, "H": 16, "Y": 530, "E": 12},
    {"T": 2, "B": 3, "H": 600, "Y": 8, "E": 16},
    *({"T": 2, "B": B, "H": 12, "Y": 6, "E": 3} for B in (4, 5, 6, 8, 9, 10, 11, 12)),
    {"T": 3, "B": 100, "H": 50, "Y": 6, "E": 3},
    {"T": 10, "B": 70, "H": 9, "Y": 6, "E": 3},
]
each_size = pytest.mark.parametrize(
    "sizes", SIZES, ids=["-".join(f"{k}{v}" for k, v in sizes.items()) for sizes in SIZES]
)


def single(name: str, **arguments: object) -> Problem:
    return random_problem(name, **arguments).to(torch.float32)


# ---- the same numbers ----------------------------------------------------------------------


@needs_native
@pytest.mark.parametrize("case", ["plain", "ragged, dropout"])
@each_size
@every_cell
def test_native_is_plain(name: str, sizes: dict[str, int], case: str) -> None:
    """Outputs, last states and all gradients; a constant of each row, or one of all."""
    if case == "plain":
        problem = single(name, a_constant_for_each_row=False, **sizes)
    else:
        problem = single(name, keep=0.75, lengths=ragged(sizes["T"], sizes["B"]), **sizes)
    assert_same(problem.answer(NATIVE), problem.expected(), FLOAT32)


@needs_bf16
@each_size
@every_cell
def test_bf16_is_nearly_plain(name: str, sizes: dict[str, int]) -> None:
    sizes = sizes | {"T": min(sizes["T"], 5)}  # what is rounded away grows from step to step
    problem = single(name, keep=0.75, lengths=ragged(sizes["T"], sizes["B"]), **sizes)
    answer = problem.answer(NATIVE_BF16)
    for key, value in problem.expected().items():
        if value is not None:
            error = float((answer[key] - value).norm())
            assert error <= BF16[name] * max(0.1, float(value.norm())), key
    if sizes["H"] > 1 or name == "lstm":  # a layer norm of one unit is its shift
        assert not torch.equal(answer["h"], problem.answer(NATIVE)["h"])


@needs_bf16
@every_cell
def test_bf16_does_not_add_up_over_steps(name: str) -> None:
    """Sums and state are float32: a mean over many steps is off by little of what one step may."""
    problem = single(name, T=100, B=8, H=64, Y=32)
    with torch.no_grad():
        h, wanted = problem.run(NATIVE_BF16)[0], problem.run(NATIVE)[0]
    assert float((h - wanted).abs().mean()) < 5e-3


@needs_native
@pytest.mark.parametrize("backend", [NATIVE, pytest.param(NATIVE_BF16, marks=needs_bf16)])
@every_cell
def test_any_number_of_threads(name: str, backend: Backend) -> None:
    """Rows and columns are dealt out to threads: sums may be taken in another order, no more."""
    problem = single(name, T=6, B=7, H=80, Y=70, lengths=[6, 2, 5, 1, 6, 3, 4], keep=0.75)
    before = torch.get_num_threads()
    answers = []
    try:
        for threads in (1, 2, 3, 9):
            torch.set_num_threads(threads)
            answers.append(problem.answer(backend))
    finally:
        torch.set_num_threads(before)
    for answer in answers[1:]:
        assert torch.equal(answer["h"], answers[0]["h"])
        assert_same(answer, answers[0], FLOAT32)


@needs_native
@every_cell
def test_the_same_again(name: str) -> None:
    problem = single(name, keep=0.75, lengths=ragged(7, 4))
    first, second = problem.answer(NATIVE), problem.answer(NATIVE)
    for key, value in first.items():
        assert value is second[key] is None or torch.equal(value, second[key]), key


@needs_native
@every_cell
def test_a_stepper_of_many_rows(name: str) -> None:
    problem = single(name, T=3, B=30, H=40)
    stepper = Stepper(problem.cell, problem.weights_DP, NATIVE)
    state = problem.state
    for x in problem.x_TBD:
        state = stepper.step(x, problem.constant, state)
    for ours, wanted in zip(state, problem.run(PLAIN)[1], strict=True):
        torch.testing.assert_close(ours, wanted, rtol=0, atol=FLOAT32)


# ---- numbers at the edge -------------------------------------------------------------------


@needs_native
@pytest.mark.parametrize("scale", [30.0, 1e4, 1e18])
@every_cell
def test_large_numbers_saturate(name: str, scale: float) -> None:
    """Gates far beyond where e^x overflows are 0 or 1 as in the plain loop, nothing is NaN."""
    problem = single(name, T=4, B=3, H=20, keep=0.75)
    problem = replace(problem, x_TBD=scale * problem.x_TBD)
    ours, plain = problem.answer(NATIVE), problem.answer(PLAIN)
    for key, value in ours.items():
        assert value is None or value.isfinite().all(), key
    # sums of numbers this large may cancel: what is left of them has an error of their size
    if scale <= 1e4:
        torch.testing.assert_close(ours["h"], plain["h"], rtol=0, atol=1e-6 * scale)


@needs_native
def test_the_functions_of_gates() -> None:
    """sigma and tanh over all of float32, through an LSTM of one step without recurrent weights."""
    x = torch.cat([torch.linspace(-100, 100, 4001), torch.logspace(-30, 30, 999)])
    x = torch.cat([x, -x, torch.tensor([0.0, float("inf"), -float("inf")])])[None, :, None]
    problem = single("lstm", T=1, B=x.shape[1], D=1, H=1)
    problem.cell.requires_grad_(False).W_hh.zero_()
    weights = torch.tensor([[0.0, 1.0, 0.0, 0.0]])  # i, g, f, o
    ones = torch.tensor([100.0, 0.0, 0.0, 100.0])
    zero = tuple(torch.zeros_like(part) for part in problem.state)
    finite = x.clamp(-1e38, 1e38)  # infinity times 0 is no number
    tanh = replace(problem, x_TBD=finite, weights_DP=weights, constant=ones, state=zero)
    (h, (_, c)) = tanh.run(NATIVE)
    wanted = torch.tanh(finite[0].double())
    error = (c.double() - wanted).abs() / wanted.abs().clamp(min=1e-30)
    assert float(error.max()) < 3e-7
    torch.testing.assert_close(h[0].double(), torch.tanh(wanted), rtol=5e-7, atol=1e-37)
    gate = replace(
        tanh,
        weights_DP=torch.tensor([[1.0, 0.0, 0.0, 0.0]]),
        constant=torch.tensor([0.0, 100.0, 0.0, 100.0]),
    )
    _, (_, c) = gate.run(NATIVE)
    wanted = torch.sigmoid(finite[0].double())
    torch.testing.assert_close(c.double(), wanted, rtol=3e-7, atol=1e-37)


@needs_native
@pytest.mark.parametrize("backend", [NATIVE, pytest.param(NATIVE_BF16, marks=needs_bf16)])
@pytest.mark.parametrize("where", ["x", "weights", "constant", "h", "c", "W_hh"])
@every_cell
def test_nan_is_passed_on(name: str, where: str, backend: Backend) -> None:
    """A weight or a number that is lost must be seen in the outputs, hence in the loss."""
    problem = single(name, T=3, B=2, H=21)
    array = {
        "x": problem.x_TBD[1],
        "weights": problem.weights_DP,
        "constant": problem.constant,
        "h": problem.state[0],
        "c": problem.state[1],
        "W_hh": problem.cell.W_hh.data,
    }[where]
    array.view(-1)[1] = float("nan")
    ours, plain = problem.run(backend), problem.run(PLAIN)
    assert ours[0].isnan().any()
    assert ours[0].isnan().any(dim=2).equal(plain[0].isnan().any(dim=2))
    if backend == NATIVE:
        assert ours[0].isnan().equal(plain[0].isnan())


@needs_native
@every_cell
def test_every_lost_parameter_is_seen(name: str) -> None:
    problem = single(name, T=3, B=2, H=9)
    for key, value in problem.cell.named_parameters():
        if key == "W_xh" or (name == "lstm" and key == "bias"):
            continue  # read as `weights` and `constant`
        last = value.data.view(-1)[-1:]
        kept = last.clone()
        last.fill_(float("nan"))
        ours, plain = problem.run(NATIVE)[0], problem.run(PLAIN)[0]
        assert ours.isnan().any(), key
        assert ours.isnan().equal(plain.isnan()), key
        last.copy_(kept)


@needs_native
@every_cell
def test_nan_in_an_adjoint_is_passed_on(name: str) -> None:
    problem = single(name, T=3, B=2, H=9)
    answer = problem.answer(NATIVE, lambda h, final: (h[1] * float("nan")).sum())
    for key in ("d W_hh", "d weights", "d constant", "d state 0"):
        assert answer[key].isnan().any(), key


# ---- what does not fit ---------------------------------------------------------------------


@needs_native
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lengths_B": torch.tensor([5, 6, 5])}, "lengths must be from 1 to 5, got 5 to 6"),
        ({"lengths_B": torch.tensor([5, 0, 5])}, "lengths must be from 1 to 5, got 0 to 5"),
        ({"lengths_B": torch.tensor([5, 5])}, "a length .int64. for each of 3 rows"),
        ({"lengths_B": torch.tensor([5, 5, 5]).int()}, "a length .int64. for each of 3 rows"),
        ({"dropout": Dropout(torch.ones(4, 3, 8).bool(), 0.5)}, r"masks \[5, 3, 8\], got"),
        ({"dropout": Dropout(torch.ones(5, 3, 9).bool(), 0.5)}, r"masks \[5, 3, 8\], got"),
        ({"dropout": Dropout(torch.ones(5, 3, 8), 0.5)}, r"masks \[5, 3, 8\], got torch.float32"),
        ({"x_TBD": torch.zeros(5, 3, 4)}, r"expected float32 \[4, 32\]"),
        ({"x_TBD": torch.zeros(5, 2, 5)}, r"expected float32 \[2, 8\]"),
        ({"weights_DP": torch.zeros(5, 31)}, r"expected float32 \[5, 32\]"),
        ({"state": (torch.zeros(3, 8), torch.zeros(3, 7))}, r"expected float32 \[3, 8\]"),
        ({"state": (torch.zeros(3, 8), torch.zeros(3, 8).double())}, "got torch.float64"),
    ],
)
def test_what_does_not_fit_is_refused(changes: dict[str, object], message: str) -> None:
    """C would read and write what is not its own."""
    problem = replace(single("lstm", T=5, B=3, H=8), **changes)
    if "x_TBD" in changes and problem.x_TBD.shape[1] == 2:
        problem = replace(problem, constant=problem.constant[:2])
    with pytest.raises(ValueError, match=message):
        problem.run(NATIVE)


@needs_native
def test_a_cell_of_another_type_is_refused() -> None:
    problem = single("lstm")
    problem.cell.double()
    with pytest.raises(AssertionError):
        problem.run(NATIVE)


# ---- memory and processes ------------------------------------------------------------------


@needs_native
@pytest.mark.parametrize("backward", [True, False], ids=["backward", "forward alone"])
@every_cell
def test_nothing_is_left_behind(name: str, backward: bool) -> None:
    """Without the collector of circles: a node that held its own output would hold it for long."""
    problem = single(name, T=4, B=3)
    problem.cell.requires_grad_()
    gc.disable()
    try:
        h, final = problem.run(NATIVE)
        left = [weakref.ref(thing) for thing in (h, *final, h.grad_fn)]
        assert all(reference() is not None for reference in left)
        if backward:
            random_loss(h, final).backward()
        del h, final
        assert [reference() for reference in left] == [None] * len(left)
    finally:
        gc.enable()


@needs_native
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="no /proc here")
@every_cell
def test_memory_does_not_grow(name: str) -> None:
    """Neither what C allocates: 40 rounds of some 2 MB each, and no 10 MB more than after 10."""
    problem = single(name, T=40, B=8, H=64, Y=33)

    def resident_bytes() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    for _ in range(10):
        problem.answer(NATIVE)
    before = resident_bytes()
    for _ in range(40):
        problem.answer(NATIVE)
    assert resident_bytes() - before < 10e6


@needs_native
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_process_has_threads_of_its_own() -> None:
    problem = single("lstm")
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        with torch.no_grad():
            h, _ = problem.run(NATIVE)
        child = os.fork()
        if child == 0:
            import signal

            signal.alarm(20)  # instead of waiting for ever
            with torch.no_grad():
                os._exit(0 if torch.equal(problem.run(NATIVE)[0], h) else 1)
        assert os.waitpid(child, 0)[1] == 0
    finally:
        torch.set_num_threads(before)


# ---- compiling, the cache, and doing without ------------------------------------------------


@pytest.fixture
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """As in a process that has not compiled yet, with an empty cache (the folder given)."""
    monkeypatch.delenv(native.SWITCH, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    loaded = library()
    library.cache_clear()
    native._own_folder.cache_clear()
    yield tmp_path / "sketchrnn"
    library.cache_clear()
    native._own_folder.cache_clear()
    monkeypatch.undo()
    assert (library() is None) == (loaded is None)


class Compiler:
    """A `cc` that takes no time: it gives what was compiled before, and counts its calls."""

    def __init__(self, folder: Path, made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._log = folder / "calls"
        self.folder = folder
        self.write("cc", f'while [ "$1" != -o ]; do shift; done; cp "{made}" "$2"')
        monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")

    def write(self, name: str, script: str) -> None:
        path = self.folder / name
        path.write_text(f'#!/bin/sh\necho {name} >> "{self._log}"\n{script}\n')
        path.chmod(0o755)

    @property
    def calls(self) -> list[str]:
        return self._log.read_text().split() if self._log.exists() else []


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    loaded = library()
    if loaded is None:
        pytest.skip("no C compiler here")
    copy = tmp_path_factory.mktemp("compiled") / "cells.so"
    shutil.copy(loaded._name, copy)
    return copy


@pytest.fixture
def compiler(
    compiled: Path, fresh: Path, tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> Compiler:  # fmt: skip
    return Compiler(tmp_path_factory.mktemp("bin"), compiled, monkeypatch)


def anew() -> object:
    """`library()` as another process would find it."""
    library.cache_clear()
    native._own_folder.cache_clear()
    return library()


def assert_does_without() -> None:
    assert library() is None
    assert not native.has_bf16()
    assert AUTO.chosen(torch.zeros(1)) == PLAIN
    with pytest.raises(SketchRNNError, match="and a C compiler"):
        NATIVE.chosen(torch.zeros(1))
    with pytest.raises(SketchRNNError, match="bfloat16 products cannot be had"):
        Backend("auto", bf16=True).chosen(torch.zeros(1))
    problem = single("hyper")
    for ours, wanted in zip(problem.run(AUTO)[1], problem.run(PLAIN)[1], strict=True):
        assert torch.equal(ours, wanted)


def test_without_a_compiler(fresh: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert_does_without()


def test_switched_off(compiler: Compiler, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(native.SWITCH, "0")
    assert_does_without()
    assert compiler.calls == []


def test_compiled_once(compiler: Compiler, fresh: Path) -> None:
    assert library() is not None
    (made,) = fresh.iterdir()
    assert made.suffix == ".so"
    assert stat.S_IMODE(fresh.stat().st_mode) == 0o700
    assert anew() is not None
    assert compiler.calls == ["cc"]
    assert [made] == list(fresh.iterdir())


def test_other_sources_flags_or_processors_are_compiled_for_themselves(
    compiler: Compiler, fresh: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert library() is not None
    monkeypatch.setattr(native, "FLAGS", (*native.FLAGS, "-g"))
    assert anew() is not None
    monkeypatch.setattr(native, "_processor", lambda: b"another")
    assert anew() is not None
    assert len(compiler.calls) == len(list(fresh.iterdir())) == 3


def test_the_next_compiler_is_tried(compiler: Compiler) -> None:
    (compiler.folder / "cc").rename(compiler.folder / "clang")
    compiler.write("cc", "echo no such flag >&2; exit 1")
    compiler.write("gcc", "exit 1")
    assert library() is not None
    # each with OpenMP and without; the last is the one that is called clang now
    assert compiler.calls == ["cc", "cc", "gcc", "gcc", "cc"]


@pytest.mark.parametrize(
    "script",
    [
        "exit 1",
        "kill -9 $$",
        "exit 0",  # and makes nothing
        'while [ "$1" != -o ]; do shift; done; echo nonsense > "$2"',
        'while [ "$1" != -o ]; do shift; done; : > "$2"',
    ],
    ids=["fails", "is killed", "makes nothing", "makes nonsense", "makes an empty file"],
)
def test_compilers_that_do_not_work(compiler: Compiler, fresh: Path, script: str) -> None:
    for name in native.COMPILERS:
        compiler.write(name, script)
    assert_does_without()
    assert all(path.suffix == ".so" for path in fresh.iterdir())  # nothing half made is left


def test_a_compiler_that_takes_too_long(
    compiler: Compiler, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in native.COMPILERS:
        compiler.write(name, "exec sleep 60")
    monkeypatch.setattr(native, "COMPILE_SECONDS", 0.05)
    assert_does_without()
    assert len(compiler.calls) <= len(native.COMPILERS)  # none is tried twice


@pytest.mark.parametrize(
    "damage", [b"", b"nonsense", b"\x7fELF" + bytes(200)], ids=["empty", "nonsense", "header"]
)
def test_a_damaged_cache_is_compiled_again(compiler: Compiler, fresh: Path, damage: bytes) -> None:
    made = native._compiled(str(compiler.folder / "cc"), anew=False)
    good = made.read_bytes()
    made.write_bytes(damage)
    assert library() is not None
    assert compiler.calls == ["cc", "cc"]
    assert list(fresh.iterdir()) == [made]
    assert made.read_bytes() == good


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o702])
def test_a_cache_that_others_may_write_is_not_used(
    compiler: Compiler, fresh: Path, mode: int
) -> None:
    fresh.mkdir()
    fresh.chmod(mode)
    loaded = library()
    assert loaded is not None
    assert list(fresh.iterdir()) == []
    own = Path(loaded._name).parent
    assert stat.S_IMODE(own.stat().st_mode) == 0o700


def test_a_cache_of_somebody_else_is_not_used(
    compiler: Compiler, fresh: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    somebody = os.getuid() + 1
    monkeypatch.setattr(os, "getuid", lambda: somebody)
    loaded = library()
    assert loaded is not None
    assert list(fresh.iterdir()) == []


@pytest.mark.parametrize("where", ["in a file", "read-only", "no home"])
def test_no_cache_can_be_kept(
    compiler: Compiler, fresh: Path, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Compiled into a folder that goes with the process."""
    if where == "in a file":
        fresh.write_text("")
    elif where == "read-only":  # root may write anywhere: say that it may not
        fresh.mkdir()
        may = os.access
        monkeypatch.setattr(os, "access", lambda path, mode: path != fresh and may(path, mode))
    else:
        monkeypatch.delenv("XDG_CACHE_HOME")

        def no_home() -> Path:
            raise RuntimeError("Could not determine home directory.")

        monkeypatch.setattr(Path, "home", no_home)
    loaded = library()
    assert loaded is not None
    assert fresh not in Path(loaded._name).parents
    assert_same(single("lstm").answer(NATIVE), single("lstm").expected(), FLOAT32)


def test_no_folder_at_all(compiler: Compiler, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(native.tempfile, "TemporaryDirectory", full)
    assert_does_without()


@needs_native
def test_two_processes_compile_at_once(tmp_path: Path) -> None:
    """With the real compiler, into the same empty cache; each runs what it loaded."""
    code = (
        "from sketchrnn.model.backends.native import library as native\n"
        "native.FLAGS = tuple('-O0' if flag == '-O3' else flag for flag in native.FLAGS)\n"
        "print(native.library().bytes_of_panels(8, 1, 0) > 0)\n"
    )
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path)}
    running = [
        subprocess.Popen(
            [sys.executable, "-c", code],
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for _ in range(2)
    ]  # fmt: skip
    for process in running:
        out, err = process.communicate(timeout=120)
        assert (out, err) == ("True\n", "")
    (made,) = (tmp_path / "sketchrnn").iterdir()
    assert made.suffix == ".so"
