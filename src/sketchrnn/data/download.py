"""The official QuickDraw files over HTTPS: resumed, checked, never half-written.

The drawings are Google's, CC BY 4.0: https://github.com/googlecreativelab/quickdraw-dataset
"""

from __future__ import annotations

import difflib
import math
import os
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import quote, urlsplit

from sketchrnn.data.transfer import (
    Client,
    NotThereError,
    RemoteFile,
    TransferProgress,
    UnreachableError,
    connections,
)
from sketchrnn.errors import SketchRNNError

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
    progress: Callable[[TransferProgress], object] = lambda event: None,
) -> list[Path]:
    """Fetch the files of QuickDraw classes into `folder`; a complete file that is there is kept.

    Args:
        names: class names as in `quickdraw_classes()`, for example "hot air balloon".
        kind: one of `KINDS`.
        folder: created, if it is not there, when the first file begins to arrive.
        base_url: another place that holds the same files; by default the environment variable
            SKETCHRNN_QUICKDRAW_URL, else `QUICKDRAW_URL`.
        retries: how many retries in a row may bring nothing new before it gives up.
        timeout_s: seconds without a byte after which a connection counts as broken.
        backoff_s: seconds to wait before the first retry; doubled with each further one.
        progress: called with every block that arrives.

    Returns:
        The files, in the order of `names`, each once.

    Raises:
        SketchRNNError: a bad name or kind, no network, no such class, a server that breaks off
            again and again or sends what it did not promise, a full disk. What arrived stays in
            FILE.part for the next call, unless it cannot be trusted.
    """
    if kind not in KINDS:
        raise SketchRNNError(f"unknown kind of file {kind!r}; choose one of {', '.join(KINDS)}")
    if not names:
        raise SketchRNNError("no class names; name at least one, for example cat")
    for name in names:
        _check_name(name)
    if retries < 0 or not (0 < timeout_s < math.inf) or not (0 <= backoff_s < math.inf):
        raise SketchRNNError(
            f"retries={retries}, timeout_s={timeout_s}, backoff_s={backoff_s}: retries and"
            " backoff_s must be 0 or more, timeout_s more than 0"
        )
    base = _checked_base_url(base_url or os.environ.get(URL_VARIABLE) or QUICKDRAW_URL)
    if folder.exists() and not folder.is_dir():
        raise SketchRNNError(f"{folder}: is not a folder; name one to put the files in")
    client = Client(connections(base, timeout_s), retries, backoff_s, progress)
    return [_fetch(client, name, KINDS[kind], base, folder) for name in dict.fromkeys(names)]


def _fetch(client: Client, name: str, template: str, base: str, folder: Path) -> Path:
    """The file of one class; what went wrong is said with what to do about it."""
    url = f"{base}/{template.format(quote(name, safe=''))}"
    path = folder / Path(template).name.format(name)
    try:
        client.fetch(RemoteFile(url, path))
    except NotThereError as error:
        raise SketchRNNError(f"{_no_such_class(name)} ({error})") from None
    except UnreachableError as error:
        advice = f"the files can also be fetched by hand from {url} and put in {folder}"
        if name not in quickdraw_classes():
            advice = _no_such_class(name)
        raise SketchRNNError(f"{error}; {advice}") from None
    return path


@cache
def quickdraw_classes() -> tuple[str, ...]:
    """The names of the 345 classes, from categories.txt of QuickDraw's repository."""
    path = Path(__file__).with_name("quickdraw_classes.txt")
    return tuple(path.read_text("utf-8").splitlines())


def closest_classes(name: str) -> list[str]:
    """Up to three QuickDraw classes whose names resemble `name`, the closest first."""
    plain = {known.lower().removeprefix("the "): known for known in quickdraw_classes()}
    wanted = name.lower().replace("_", " ").removeprefix("the ")
    if wanted in plain:
        return [plain[wanted]]
    return [plain[match] for match in difflib.get_close_matches(wanted, plain, n=3, cutoff=0.65)]


class ProgressDisplay:
    """Shows a download on standard error: size, rate and time left of each file.

    Where that is no terminal it prints one line a file, when the file is there.

        with ProgressDisplay() as show:
            download(["cat"], "sketchrnn", folder, progress=show)
    """

    def __init__(self, console: Console | None = None) -> None:
        from rich import progress
        from rich.console import Console

        self._console = console or Console(stderr=True)
        self._bars = progress.Progress(
            progress.TextColumn("{task.description}", markup=False),
            progress.BarColumn(),
            progress.DownloadColumn(),
            progress.TransferSpeedColumn(),
            progress.TimeRemainingColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._tasks: dict[Path, TaskID] = {}

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def __call__(self, event: TransferProgress) -> None:
        """Show `event`."""
        name = event.path.name
        if event.state == "kept":
            self._print(f"{event.path}: kept, {event.note}")
        elif not self._console.is_terminal:
            if event.state == "done":
                self._print(f"{event.path}: {event.received:,} bytes")
        elif event.state == "waiting":
            self._print(f"{name}: {event.note}")
        elif event.path not in self._tasks:
            # The bytes of an earlier call are no part of the rate.
            self._tasks[event.path] = self._bars.add_task(
                name, total=event.total, completed=event.received
            )
        else:
            self._bars.update(self._tasks[event.path], total=event.total, completed=event.received)

    def _print(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


def _no_such_class(name: str) -> str:
    if name in quickdraw_classes():
        return f"the server has no file for the class {name!r}"
    close = closest_classes(name)
    if close:
        return f"there is no class {name!r}; did you mean {' or '.join(map(repr, close))}?"
    return (
        f"there is no class {name!r}; the names are in categories.txt of"
        " https://github.com/googlecreativelab/quickdraw-dataset"
    )


def _check_name(name: str) -> None:
    """Refuse a class name that could name a file elsewhere."""
    if not _NAME.fullmatch(name):
        raise SketchRNNError(
            f"{name!r} is no class name: a name is plain words such as cat or 'hot air balloon'"
        )


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
