"""What the tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from file_server import Server

# The gate tries the same examples each time, so that what passed once passes again; pytest alone
# tries others each time, to find what nobody thought of.
settings.register_profile("gate", derandomize=True)

# Two test processes side by side, or a test that starts one, must not fight over two cores: threads
# that wait for each other on a shared core take many times as long. Said before PyTorch is loaded.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with real drawings and reference weights; tests that need it skip without it."""
    default = Path(__file__).resolve().parents[2] / "shared"
    folder = Path(os.environ.get("SKETCHRNN_SHARED", default))
    if not (folder / "README.md").is_file():
        pytest.skip("no real drawings here: set SKETCHRNN_SHARED to the folder that holds them")
    return folder


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The cache folder of the user stays as it is: what is compiled and what is written."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """The place of the files on this machine, reached without a proxy."""
    from file_server import serving

    monkeypatch.setenv("no_proxy", "*")
    with serving() as server:
        yield server
