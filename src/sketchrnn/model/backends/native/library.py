"""Compiling and loading `cells.c`: two seconds once for each machine, then from a cache."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from importlib import resources
from pathlib import Path
from typing import Any, ClassVar

from sketchrnn.files import cache_folder

SOURCES = ("products.h", "cells.c")
FLAGS = ("-O3", "-march=native", "-std=gnu11", "-shared", "-fPIC")
OPENMP = ("-fopenmp",)  # where the compiler has it
COMPILERS = ("cc", "gcc", "clang")
SWITCH = "SKETCHRNN_NATIVE"  # 0: do as if there were no compiler
COMPILE_SECONDS = 120


Fields = list[tuple[str, Any]]


def _of(kind: type[Any], names: str) -> Fields:
    return [(name, kind) for name in names.split()]


class Gated(ctypes.Structure):
    """`Gated` of cells.c, field by field."""

    _fields_: ClassVar[Fields] = [
        *_of(ctypes.c_long, "H norm"),
        *_of(ctypes.c_void_p, "gamma beta c_gamma c_beta kept"),
        ("mask_row", ctypes.c_long),
        ("scale", ctypes.c_float),
        *_of(ctypes.c_void_p, "h0 c0 h c gates deviation"),
        *_of(ctypes.c_void_p, "d_gamma d_beta d_c_gamma d_c_beta"),
    ]


class Unroll(ctypes.Structure):
    """`Unroll` of cells.c, field by field."""

    _fields_: ClassVar[Fields] = [
        *_of(ctypes.c_long, "T B D P keep half"),
        *_of(ctypes.c_void_p, "rows lengths"),
        ("R", ctypes.c_long),
        *_of(ctypes.c_void_p, "x weights constant d_weights d_constant d_out"),
        *_of(ctypes.c_void_p, "d_h_last d_c_last d_h0 d_c0 h_last c_last W_hh W_hh_t"),
        ("main", Gated),
        *_of(ctypes.c_long, "Y E"),
        ("small", Gated),
        *_of(ctypes.c_void_p, "W_hk W_kk W_z W_hk_t W_kk_t W_z_t alpha alpha_t"),
        *_of(ctypes.c_void_p, "bias b_z hw z d_bias d_alpha"),
        *_of(ctypes.c_void_p, "d_k_last d_n_last d_k0 d_n0 k_last n_last"),
    ]


class Gradient(ctypes.Structure):
    """`Gradient` of cells.c, field by field."""

    _fields_: ClassVar[Fields] = [
        *_of(ctypes.c_long, "T B"),
        *_of(ctypes.c_void_p, "lengths a0 a"),
        ("before", ctypes.c_long),
        ("d", ctypes.c_void_p),
        *_of(ctypes.c_long, "M N first last half"),
        ("C", ctypes.c_void_p),
    ]


class Task(ctypes.Structure):
    """`Task` of cells.c: what to do, and where its arguments are."""

    _fields_: ClassVar[Fields] = [("kind", ctypes.c_long), ("arguments", ctypes.c_void_p)]


# `kind` of a Task: the enum of cells.c
KINDS = ("forward", "backward", "hyper_forward", "hyper_backward", "weight_gradient")


@functools.cache
def library() -> ctypes.CDLL | None:
    """The compiled functions; None where there is no compiler, or none works."""
    if os.environ.get(SWITCH) == "0" or platform.system() == "Windows":
        return None
    for compiler in filter(None, map(shutil.which, COMPILERS)):
        for anew in (False, True):  # what lies in the cache may be damaged
            try:
                return _declare(ctypes.CDLL(str(_compiled(compiler, anew))))
            except subprocess.SubprocessError:
                break
            except (OSError, AttributeError):  # cannot be loaded, or lacks a function
                continue
    return None


def has_bf16() -> bool:
    """Whether this processor has bfloat16 products that the library uses."""
    loaded = library()
    return loaded is not None and bool(loaded.has_bf16())


def _compiled(compiler: str, anew: bool) -> Path:
    """The shared library, from the cache if it is there; `anew`: compiled in any case."""
    texts = {name: (resources.files(__package__) / name).read_bytes() for name in SOURCES}
    identity = hashlib.sha256()
    for part in (*texts.values(), " ".join(FLAGS).encode(), compiler.encode(), _processor()):
        identity.update(part + b"\0")
    folder = cache_folder() or _own_folder()  # what lies there is loaded as code
    target = folder / f"cells-{identity.hexdigest()[:16]}.so"
    if target.exists() and not anew:
        return target
    with tempfile.TemporaryDirectory(dir=folder) as work:
        for name, text in texts.items():
            (Path(work) / name).write_bytes(text)
        made = Path(work) / target.name
        for threads in (OPENMP, ()):
            done = subprocess.run(
                [compiler, *FLAGS, *threads, SOURCES[-1], "-o", made.name, "-lm"],
                cwd=work,
                check=not threads,
                capture_output=True,
                timeout=COMPILE_SECONDS,
            )
            if done.returncode == 0:
                break
        made.replace(target)  # whole, or not at all: others may compile it at the same time
    return target


@functools.cache
def _own_folder() -> Path:
    """Where no cache can be kept: a new folder, gone with the process."""
    holder = tempfile.TemporaryDirectory(prefix="sketchrnn-")
    _holders.append(holder)
    return Path(holder.name)


_holders: list[tempfile.TemporaryDirectory[str]] = []


def _processor() -> bytes:
    """What -march=native depends on: a home folder may be shared by different machines."""
    facts = [platform.machine(), platform.processor()]
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        lines = []
    facts += sorted(
        {line for line in lines if line.startswith(("flags", "Features", "model name"))}
    )
    return "\n".join(facts).encode()


def _declare(loaded: ctypes.CDLL) -> ctypes.CDLL:
    number, pointer = ctypes.c_long, ctypes.c_void_p
    loaded.run.argtypes, loaded.run.restype = [ctypes.POINTER(Task), number, ctypes.c_int], None
    loaded.has_openmp.argtypes, loaded.has_openmp.restype = [], ctypes.c_int
    loaded.has_bf16.argtypes, loaded.has_bf16.restype = [], ctypes.c_int
    loaded.bytes_of_unroll.argtypes, loaded.bytes_of_unroll.restype = [], number
    if loaded.bytes_of_unroll() != ctypes.sizeof(Unroll):
        raise OSError("the fields of Unroll are not those of cells.c")
    loaded.bytes_of_panels.argtypes = [number, number, ctypes.c_int]
    loaded.bytes_of_panels.restype = number
    loaded.pack.argtypes = [pointer, number, number, number, ctypes.c_int, ctypes.c_int, pointer]
    loaded.pack.restype = None
    return loaded
