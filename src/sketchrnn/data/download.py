"""The official QuickDraw files over HTTPS: resumed, checked, never half-written.

The drawings are Google's, CC BY 4.0: https://github.com/googlecreativelab/quickdraw-dataset
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from sketchrnn.data.remote import RemoteFile
from sketchrnn.data.transfer import (
    Client,
    NotThereError,
    TransferProgress,
    UnreachableError,
    connections,
)
from sketchrnn.errors import SketchRNNError, printable
from sketchrnn.words import choices, did_you_mean

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import TaskID

QUICKDRAW_URL = "https://storage.googleapis.com/quickdraw_dataset"
URL_VARIABLE = "SKETCHRNN_QUICKDRAW_URL"

KINDS: Mapping[str, str] = {
    "sketchrnn": "sketchrnn/{}.npz",  # 70,000 / 2,500 / 2,500 drawings, as in the paper
    "sketchrnn-full": "sketchrnn/{}.full.npz",  # every drawing of the class
    "simplified": "full/simplified/{}.ndjson",
    "raw": "full/raw/{}.ndjson",
}
"""Kind of file -> its path under the base address, with `{}` for the class name."""

_NAME = re.compile(r"\w(?:[\w ',.&()-]{0,98}[\w.)])?")


def download(
    names: Sequence[str],
    kind: str,
    folder: Path,
    *,
    base_url: str | None = None,
    retries: int = 4,
    timeout_s: float = 30,
    backoff_s: float = 1,
    anew: bool = False,
    progress: Callable[[TransferProgress], object] = lambda event: None,
) -> list[Path]:
    """Fetch the files of QuickDraw classes into `folder`; a complete file that is there is kept.

    Args:
        names: class names as in `quickdraw_classes()`, for example "hot air balloon".
        kind: one of `KINDS`.
        folder: created, if it is not there, when the first file begins to arrive.
        base_url: another place that holds the same files; by default the environment variable
            SKETCHRNN_QUICKDRAW_URL, else `QUICKDRAW_URL`.
        timeout_s: seconds without a byte after which a connection counts as broken; what brings
            less than 64 KiB in a minute of waiting, or in twice this, is given up (`data.pace`).
        retries, backoff_s, anew, progress: see `Client`.

    Returns:
        The files, in the order of `names`, each once.

    Raises:
        SketchRNNError: a bad name or kind, no network, no such class, or as `Client.fetch`. What
            arrived stays in FILE.part for the next call, unless it cannot be trusted.
    """
    if kind not in KINDS:
        raise SketchRNNError(f"unknown kind of file {kind!r}; {choices(kind, KINDS)}")
    if not names:
        raise SketchRNNError("no class names; name at least one, for example cat")
    for name in names:
        if not _NAME.fullmatch(name):  # it could name a file elsewhere
            raise SketchRNNError(
                f"{name!r} is no class name: a name is plain words such as cat or 'hot air balloon'"
            )
    if retries < 0 or not (0 < timeout_s < math.inf) or not (0 <= backoff_s < math.inf):
        raise SketchRNNError(
            f"retries={retries}, timeout_s={timeout_s}, backoff_s={backoff_s}: retries and"
            " backoff_s must be 0 or more, timeout_s more than 0"
        )
    base = _checked_base_url(base_url or os.environ.get(URL_VARIABLE) or QUICKDRAW_URL)
    if folder.exists() and not folder.is_dir():
        raise SketchRNNError(f"{folder}: is not a folder; name one to put the files in")
    client = Client(connections(base, timeout_s), retries, backoff_s, progress, anew)
    paths = []
    for name in dict.fromkeys(names):
        url = f"{base}/{KINDS[kind].format(quote(name, safe=''))}"
        paths.append(folder / Path(KINDS[kind]).name.format(name))
        try:
            client.fetch(RemoteFile(url, paths[-1]))
        except NotThereError as error:
            raise SketchRNNError(f"{_no_such_class(name)} ({error})") from None
        except UnreachableError as error:
            advice = f"the files can also be fetched by hand from {url} and put in {folder}"
            if name not in quickdraw_classes():
                advice = _no_such_class(name)
            raise SketchRNNError(f"{error}; {advice}") from None
    return paths


@cache
def quickdraw_classes() -> tuple[str, ...]:
    """The names of the 345 classes, from categories.txt of QuickDraw's repository."""
    path = Path(__file__).with_name("quickdraw_classes.txt")
    return tuple(path.read_text("utf-8").splitlines())


@contextmanager
def progress_display(
    console: Console | None = None,
) -> Iterator[Callable[[TransferProgress], None]]:
    """The `progress` of a `download` that shows size, rate and time left on standard error.

    Where that is no terminal it prints one line a file, when the file is there.
    """
    from rich import progress
    from rich.console import Console

    console = console or Console(stderr=True)
    bars = progress.Progress(
        progress.TextColumn("{task.description}", markup=False),
        progress.BarColumn(),
        progress.DownloadColumn(),
        progress.TransferSpeedColumn(),
        progress.TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )
    tasks: dict[Path, TaskID] = {}

    def say(text: str) -> None:
        console.print(printable(text), markup=False, highlight=False, emoji=False, soft_wrap=True)

    def show(event: TransferProgress) -> None:
        name, total, received = event.path.name, event.total, event.received
        if event.state == "kept":
            say(f"{event.path}: kept, {event.note}")
        elif not console.is_terminal:
            if event.state == "done":
                say(f"{event.path}: {received:,} bytes")
        elif event.state == "waiting":
            say(f"{name}: {event.note}")
        elif event.path not in tasks:  # the bytes of an earlier call are no part of the rate
            tasks[event.path] = bars.add_task(name, total=total, completed=received)
        else:
            bars.update(tasks[event.path], total=total, completed=received)

    with bars:
        yield show


def _no_such_class(name: str) -> str:
    if name in quickdraw_classes():
        return f"the server has no file for the class {name!r}"
    listed = (
        "the names are in categories.txt of https://github.com/googlecreativelab/quickdraw-dataset"
    )
    return f"there is no class {name!r}; {did_you_mean(name, quickdraw_classes()) or listed}"


def _checked_base_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna")
        good = bool(host) and parts.port != 0
    except ValueError:
        good = False
    plain = url.isascii() and url.isprintable() and not any(mark in url for mark in " ?#")
    if not good or not plain or parts.scheme not in ("http", "https"):
        raise SketchRNNError(
            f"{url!r} is no base address (base_url or {URL_VARIABLE}); it is https://host/folder,"
            f" for example {QUICKDRAW_URL}"
        )
    return url.rstrip("/")
