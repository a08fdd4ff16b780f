"""The official QuickDraw files over HTTPS: resumed, checked, never half-written.

A transfer goes to FILE.part, with what identifies the server's version of the file in
FILE.part.json, and is renamed to FILE when it is complete. So Ctrl-C, a power cut or a broken line
leave a .part that the next call continues (HTTP Range, RFC 9110 section 14), unless the file has
changed on the server meanwhile: then it starts anew.

The drawings are Google's, CC BY 4.0: https://github.com/googlecreativelab/quickdraw-dataset
"""

from __future__ import annotations

import base64
import difflib
import errno
import hashlib
import json
import math
import os
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from email.message import Message
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from http.client import HTTPException, HTTPMessage, HTTPResponse
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal, Self, TypeVar
from urllib.parse import quote, urlsplit

from sketchrnn import __version__
from sketchrnn.errors import SketchRNNError
from sketchrnn.files import write_text

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

BLOCK_BYTES = 1 << 18
SIZE_LIMIT_BYTES = 1 << 34  # of a file without an announced size; QuickDraw's have a few GB
RECORD_LIMIT_BYTES = 1 << 16
LONGEST_WAIT_S = 60.0
"""No wait between two tries is longer, whatever the server asks for in Retry-After."""

_Result = TypeVar("_Result")

_SIZE = re.compile("[0-9]{1,18}")  # in bytes; what is longer is no size of a file
_RANGE = re.compile(rf"bytes ({_SIZE.pattern})-({_SIZE.pattern})/({_SIZE.pattern})")


@dataclass(frozen=True)
class Progress:
    """Where the download of one file stands.

    Attributes:
        path: the file to be written.
        received: bytes that are on disk.
        total: bytes of the whole file, None where the server does not say.
        state: `waiting` is between two tries; `kept` is a file that was there already.
        note: what went wrong, or how a kept file was checked.
    """

    path: Path
    received: int
    total: int | None
    state: Literal["receiving", "waiting", "done", "kept"]
    note: str = ""


def download(
    names: Sequence[str],
    kind: str,
    folder: Path,
    *,
    base_url: str | None = None,
    retries: int = 4,
    timeout_s: float = 30,
    backoff_s: float = 1,
    progress: Callable[[Progress], None] | None = None,
) -> list[Path]:
    """Fetch the files of QuickDraw classes into `folder`; a complete file that is there is kept.

    Args:
        names: class names as in `QUICKDRAW_CLASSES`, for example "hot air balloon".
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
    client = _Client(base, retries, timeout_s, backoff_s, progress or _ignore)
    return [client.fetch(_File.of(name, kind, base, folder)) for name in dict.fromkeys(names)]


def closest_classes(name: str) -> list[str]:
    """Up to three QuickDraw classes whose names resemble `name`, the closest first."""
    plain = {known.lower().removeprefix("the "): known for known in QUICKDRAW_CLASSES}
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

    def __call__(self, event: Progress) -> None:
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


class _UnreachableError(SketchRNNError):
    """No connection could be made at all."""


class _BrokenError(Exception):
    """A try that failed in a way that another one may mend."""

    def __init__(self, reason: str, retry_after_s: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s


@dataclass(frozen=True)
class _File:
    """One file: where it comes from and where it goes."""

    name: str
    url: str
    path: Path

    @classmethod
    def of(cls, name: str, kind: str, base: str, folder: Path) -> _File:
        template = KINDS[kind]
        url = f"{base}/{template.format(quote(name, safe=''))}"
        return cls(name, url, folder / Path(template).name.format(name))

    @property
    def part(self) -> Path:
        return self.path.with_name(f"{self.path.name}.part")

    @property
    def record(self) -> Path:
        return self.path.with_name(f"{self.path.name}.part.json")

    @property
    def part_bytes(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    def discard(self) -> None:
        """Remove what has arrived so far."""
        self.part.unlink(missing_ok=True)
        self.record.unlink(missing_ok=True)


@dataclass(frozen=True)
class _Version:
    """What identifies one version of a file on the server: kept in FILE.part.json.

    Attributes:
        total: bytes of the whole file.
        md5: in base64, from Cloud Storage's x-goog-hash header.
    """

    url: str
    etag: str | None
    last_modified: str | None
    total: int | None
    md5: str | None

    @classmethod
    def announced(cls, url: str, headers: Message) -> _Version:
        """The version that the headers of a whole answer (not of a range) announce."""
        length = headers.get("Content-Length", "")
        chunked = "Transfer-Encoding" in headers  # then Content-Length means nothing
        hashes = ",".join(headers.get_all("x-goog-hash", [])).split(",")
        md5s = [text.strip()[4:] for text in hashes if text.strip().startswith("md5=")]
        # Where Cloud Storage decompresses on the way, the hash is that of the compressed bytes.
        as_stored = headers.get("x-goog-stored-content-encoding", "identity") == "identity"
        return cls(
            url=url,
            etag=headers.get("ETag"),
            last_modified=headers.get("Last-Modified"),
            total=int(length) if _SIZE.fullmatch(length) and not chunked else None,
            md5=md5s[0] if md5s and as_stored else None,
        )

    @classmethod
    def remembered(cls, file: _File) -> _Version | None:
        """The version that FILE.part belongs to, None where that is not known for certain."""
        try:
            with file.record.open("rb") as record:
                version = cls(**json.loads(record.read(RECORD_LIMIT_BYTES)))
        except (OSError, ValueError, TypeError, RecursionError):
            return None
        texts = (version.etag, version.last_modified, version.md5)
        good_texts = all(text is None or isinstance(text, str) for text in texts)
        good_total = version.total is None or type(version.total) is int
        return version if version.url == file.url and good_texts and good_total else None

    @property
    def validator(self) -> str | None:
        """What If-Range takes: a strong ETag, else the date."""
        strong = self.etag is not None and not self.etag.startswith("W/")
        return self.etag if strong else self.last_modified

    def contradicted_by(self, headers: Message) -> bool:
        """Whether the headers are those of another version."""
        ours = {"ETag": self.etag, "Last-Modified": self.last_modified}
        return any(headers.get(key, value) != value for key, value in ours.items() if value)


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects to HTTPS, or to the scheme that the base address has; to nothing else."""

    max_redirections = 5

    def __init__(self, scheme: str) -> None:
        self.schemes = {"https", scheme}

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        if urlsplit(newurl).scheme not in self.schemes:
            raise SketchRNNError(
                f"{req.full_url}: the server redirects to {newurl!r:.200}, which is not secure;"
                " refused"
            )
        request = super().redirect_request(req, fp, code, msg, headers, newurl)
        if request is not None:
            request.method = req.get_method()  # urllib would turn HEAD into GET
        return request

    def http_error_302(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
    ) -> Any:
        try:
            return super().http_error_302(req, fp, code, msg, headers)
        except ValueError:  # ours, or of an address that cannot be taken apart
            fp.close()
            raise

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302


class _Client:
    """Fetches files from one base address."""

    def __init__(
        self,
        base: str,
        retries: int,
        timeout_s: float,
        backoff_s: float,
        progress: Callable[[Progress], None],
    ) -> None:
        self.retries = retries
        self.timeout_s = timeout_s
        self.backoff_s = backoff_s
        self.progress = progress
        self.opener = urllib.request.build_opener(_Redirects(urlsplit(base).scheme))
        self.answered = False  # whether the server has been reached at all

    def fetch(self, file: _File) -> Path:
        """Bring one file to disk, whole and checked."""
        try:
            if file.path.exists():
                self._check_existing(file)
            else:
                self._patiently(file, lambda: self._transfer(file))
                self._finish(file)
        except OSError as error:  # of the disk: those of the network are _BrokenError by now
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise SketchRNNError(
                f"{file.path}: the disk is full; make room and run again: what has arrived is"
                f" kept in {file.part.name}"
            ) from None
        return file.path

    def _patiently(self, file: _File, attempt: Callable[[], _Result]) -> _Result:
        """Call `attempt` until it succeeds, or `retries` retries in a row bring nothing new.

        New is what goes beyond the farthest byte so far, so that a server that can only start
        anew, and always breaks off, does not keep us for ever.
        """
        failures = 0
        farthest = file.part_bytes
        while True:
            try:
                return attempt()
            except _BrokenError as error:
                if file.part_bytes > farthest:
                    farthest = file.part_bytes
                    failures = 0
                failures += 1
                if failures > self.retries:
                    kept = f"; {file.part_bytes:,} bytes are kept in {file.part}"
                    raise SketchRNNError(
                        f"{file.url}: {error}; gave up after {self.retries} retries without a new"
                        f" byte{kept if file.part_bytes else ''}; run again later"
                    ) from None
                wait_s = self.backoff_s * 2 ** (failures - 1)
                wait_s = min(max(wait_s, error.retry_after_s or 0), LONGEST_WAIT_S)
                note = f"{error}; next try in {wait_s:.0f} s"
                self.progress(Progress(file.path, file.part_bytes, None, "waiting", note))
                time.sleep(wait_s)

    def _open(
        self, file: _File, method: str = "GET", headers: Mapping[str, str] | None = None
    ) -> HTTPResponse:
        """Send one request; the answer is a good one (status 2xx), to be closed by the caller."""
        agent = {"User-Agent": f"sketchrnn/{__version__}"}
        request = urllib.request.Request(
            file.url, headers={**agent, **(headers or {})}, method=method
        )
        try:
            response: HTTPResponse = self.opener.open(request, timeout=self.timeout_s)
        except urllib.error.HTTPError as error:
            self.answered = True
            error.close()
            raise self._refusal(file, error) from None
        except urllib.error.URLError as error:  # no connection
            if self.answered:
                raise _BrokenError(f"cannot reach the server any more: {error.reason}") from None
            advice = (
                f"the files can also be fetched by hand from {file.url} and put in"
                f" {file.path.parent}"
            )
            if file.name not in QUICKDRAW_CLASSES:
                advice = _no_such_class(file.name)
            raise _UnreachableError(
                f"cannot reach {urlsplit(file.url).netloc}: {error.reason}; {advice}"
            ) from None
        except (OSError, HTTPException) as error:
            self.answered = True
            raise _BrokenError(f"no answer from the server: {_reason(error)}") from None
        except SketchRNNError:
            raise
        except ValueError as error:  # of the parts of urllib that take addresses apart
            raise SketchRNNError(
                f"{file.url}: the server redirects to what is no address ({error!s:.100}); refused"
            ) from None
        self.answered = True
        encoding = response.headers.get("Content-Encoding", "identity")
        if encoding != "identity":
            response.close()
            raise SketchRNNError(
                f"{file.url}: the server sends the file in the encoding {encoding!r:.60}, which was"
                " not asked for; refused"
            )
        return response

    def _refusal(self, file: _File, error: urllib.error.HTTPError) -> Exception:
        """What a status that is no success means: to be tried again, or the end."""
        status = f"the server answers {error.code} {error.reason!s:.100}"
        if error.code in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
            return SketchRNNError(f"{_no_such_class(file.name)} ({error.code} at {file.url})")
        if error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and file.part_bytes:
            file.discard()  # so the next try asks for the whole file
            return _BrokenError(status)
        passing = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)
        if error.code >= HTTPStatus.INTERNAL_SERVER_ERROR or error.code in passing:
            return _BrokenError(status, _retry_after_s(error.headers))
        return SketchRNNError(f"{file.url}: {status}")

    def _transfer(self, file: _File) -> None:
        """One try to bring what is missing into FILE.part."""
        version = _Version.remembered(file)
        offset = file.part_bytes
        if version and version.total == offset and file.part.exists():
            return  # complete, only not renamed yet
        headers = {}
        if version and version.validator and 0 < offset < (version.total or math.inf):
            headers = {"Range": f"bytes={offset}-", "If-Range": version.validator}
        end: int | None
        total: int | None
        with self._open(file, headers=headers) as response:
            if response.status == HTTPStatus.PARTIAL_CONTENT and version and headers:
                if version.contradicted_by(response.headers):  # by a server without If-Range
                    file.discard()
                    raise _BrokenError("the file has changed on the server")
                end, total = _checked_range(file, response.headers, offset, version.total)
            elif response.status == HTTPStatus.OK:
                version = _Version.announced(file.url, response.headers)
                if version.total is None and not response.chunked:
                    raise SketchRNNError(
                        f"{file.url}: the server does not say how long the file is, so it could not"
                        " be checked; refused"
                    )
                offset, end, total = 0, version.total, version.total
                # Emptied before the record changes: old bytes never belong to a new record.
                file.part.parent.mkdir(parents=True, exist_ok=True)
                file.part.write_bytes(b"")
                write_text(file.record, json.dumps(asdict(version)) + "\n")
            else:
                raise SketchRNNError(
                    f"{file.url}: the server answers {response.status} {response.reason:.100} to a"
                    " request for a file; refused"
                )
            received = self._receive(file, response, offset, end, total)
        if total is not None and received < total:
            raise _BrokenError(f"the server broke off at {received:,} of {total:,} bytes")

    def _receive(
        self, file: _File, response: HTTPResponse, offset: int, end: int | None, total: int | None
    ) -> int:
        """Append the body, bytes `offset` to `end` of the file; return the bytes on disk."""
        if not response.chunked:
            # http.client would stop at Content-Length in silence: read to the end, and count.
            response.length = None
        received = offset
        self.progress(Progress(file.path, received, total, "receiving"))
        with file.part.open("ab", buffering=0) as part:
            while True:
                try:
                    block = response.read1(BLOCK_BYTES)
                except (OSError, HTTPException) as error:
                    if received == end:
                        break  # all is there, only the connection was not closed properly
                    raise _BrokenError(
                        f"the transfer broke at {received:,} bytes: {_reason(error)}"
                    ) from None
                if not block:
                    break
                if received + len(block) > (SIZE_LIMIT_BYTES if end is None else end):
                    file.discard()
                    most = f"{SIZE_LIMIT_BYTES:,} bytes, which no file of drawings has"
                    if end is not None:
                        most = f"the {end - offset:,} bytes that it promised"
                    raise SketchRNNError(
                        f"{file.url}: the server sends more than {most}; refused, nothing is kept"
                    )
                _write_all(part, block)
                received += len(block)
                self.progress(Progress(file.path, received, total, "receiving"))
        return received

    def _finish(self, file: _File) -> None:
        """Check FILE.part and rename it."""
        version = _Version.remembered(file)
        assert version is not None  # _transfer wrote it
        size = file.part_bytes
        wrong = _mismatch(file.part, version)
        if wrong:
            file.discard()
            raise SketchRNNError(
                f"{file.url}: what arrived {wrong}; nothing is kept; run again, and if it happens"
                " again the file on the server is damaged"
            )
        with file.part.open("rb+") as part:
            os.fsync(part.fileno())
        file.part.replace(file.path)
        file.record.unlink(missing_ok=True)
        self.progress(Progress(file.path, size, size, "done"))

    def _check_existing(self, file: _File) -> None:
        """Keep a file that is the server's; refuse to touch one that is not."""
        if not file.path.is_file():
            raise SketchRNNError(
                f"{file.path}: is in the way and is no file; choose another folder"
            )
        size = file.path.stat().st_size
        note = "it is the server's file, by its size"
        try:
            version = self._patiently(file, lambda: self._announced(file))
        except _UnreachableError as error:
            note = f"but not checked: {str(error).partition(';')[0]}"
        else:
            wrong = _mismatch(file.path, version)
            if wrong:
                raise SketchRNNError(
                    f"{file.path}: is there already but {wrong} at {file.url}; move or delete it,"
                    " or choose another folder"
                )
            file.discard()  # of an earlier, unfinished call
            note += " and MD5" if version.md5 else ""
        self.progress(Progress(file.path, size, size, "kept", note))

    def _announced(self, file: _File) -> _Version:
        with self._open(file, method="HEAD") as response:
            return _Version.announced(file.url, response.headers)


def _mismatch(path: Path, version: _Version) -> str:
    """How the file at `path` differs from the announced version; empty if it does not."""
    size = path.stat().st_size
    if version.total is not None and size != version.total:
        return f"has {size:,} bytes instead of the {version.total:,}"
    if version.md5 is not None:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).digest()
        md5 = base64.b64encode(digest).decode("ascii")
        if md5 != version.md5:
            return f"has the MD5 {md5} instead of the {version.md5}"
    return ""


def _checked_range(
    file: _File, headers: Message, offset: int, known_total: int | None
) -> tuple[int, int]:
    """(end of the range in the answer, bytes of the whole file); refuses a range not asked for."""
    text = headers.get("Content-Range", "")
    match = _RANGE.fullmatch(text.strip())
    if match:
        begin, last, total = map(int, match.groups())
        length = last + 1 - begin
        same_file = known_total in (None, total)
        same_length = headers.get("Content-Length", str(length)).strip() == str(length)
        if begin == offset <= last < total and same_file and same_length:
            return last + 1, total
    raise SketchRNNError(
        f"{file.url}: asked for the bytes from {offset} on, the server sends {text!r:.60}"
        f" (Content-Length {headers.get('Content-Length', ''):.20}); refused; delete {file.part} to"
        " start anew"
    )


def _write_all(file: IO[bytes], block: bytes) -> None:
    """Write every byte: an unbuffered file may take fewer at a time."""
    rest = memoryview(block)
    while rest:
        rest = rest[file.write(rest) :]


def _retry_after_s(headers: Message) -> float | None:
    """Seconds that Retry-After asks to wait, given as a number or as a date."""
    text = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"[0-9]{1,9}", text):
        return float(text)
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return max(0.0, (date - datetime.now(UTC)).total_seconds())


def _reason(error: Exception) -> str:
    return str(error)[:200] or type(error).__name__


def _no_such_class(name: str) -> str:
    if name in QUICKDRAW_CLASSES:
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
    if (
        not name.strip()
        or name != name.strip()
        or ".." in name
        or any(character in '/\\:*?"<>|' or not character.isprintable() for character in name)
        or name.startswith(".")
        or len(name) > 100
    ):
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


def _ignore(event: Any) -> None:
    """The progress callback of those who want none."""


# Source: categories.txt of https://github.com/googlecreativelab/quickdraw-dataset.
QUICKDRAW_CLASSES: tuple[str, ...] = tuple(
    """
aircraft carrier, airplane, alarm clock, ambulance, angel, animal migration, ant, anvil, apple,
arm, asparagus, axe, backpack, banana, bandage, barn, baseball, baseball bat, basket, basketball,
bat, bathtub, beach, bear, beard, bed, bee, belt, bench, bicycle, binoculars, bird, birthday cake,
blackberry, blueberry, book, boomerang, bottlecap, bowtie, bracelet, brain, bread, bridge,
broccoli, broom, bucket, bulldozer, bus, bush, butterfly, cactus, cake, calculator, calendar,
camel, camera, camouflage, campfire, candle, cannon, canoe, car, carrot, castle, cat, ceiling fan,
cello, cell phone, chair, chandelier, church, circle, clarinet, clock, cloud, coffee cup, compass,
computer, cookie, cooler, couch, cow, crab, crayon, crocodile, crown, cruise ship, cup, diamond,
dishwasher, diving board, dog, dolphin, donut, door, dragon, dresser, drill, drums, duck,
dumbbell, ear, elbow, elephant, envelope, eraser, eye, eyeglasses, face, fan, feather, fence,
finger, fire hydrant, fireplace, firetruck, fish, flamingo, flashlight, flip flops, floor lamp,
flower, flying saucer, foot, fork, frog, frying pan, garden, garden hose, giraffe, goatee, golf
club, grapes, grass, guitar, hamburger, hammer, hand, harp, hat, headphones, hedgehog, helicopter,
helmet, hexagon, hockey puck, hockey stick, horse, hospital, hot air balloon, hot dog, hot tub,
hourglass, house, house plant, hurricane, ice cream, jacket, jail, kangaroo, key, keyboard, knee,
knife, ladder, lantern, laptop, leaf, leg, light bulb, lighter, lighthouse, lightning, line, lion,
lipstick, lobster, lollipop, mailbox, map, marker, matches, megaphone, mermaid, microphone,
microwave, monkey, moon, mosquito, motorbike, mountain, mouse, moustache, mouth, mug, mushroom,
nail, necklace, nose, ocean, octagon, octopus, onion, oven, owl, paintbrush, paint can, palm tree,
panda, pants, paper clip, parachute, parrot, passport, peanut, pear, peas, pencil, penguin, piano,
pickup truck, picture frame, pig, pillow, pineapple, pizza, pliers, police car, pond, pool,
popsicle, postcard, potato, power outlet, purse, rabbit, raccoon, radio, rain, rainbow, rake,
remote control, rhinoceros, rifle, river, roller coaster, rollerskates, sailboat, sandwich, saw,
saxophone, school bus, scissors, scorpion, screwdriver, sea turtle, see saw, shark, sheep, shoe,
shorts, shovel, sink, skateboard, skull, skyscraper, sleeping bag, smiley face, snail, snake,
snorkel, snowflake, snowman, soccer ball, sock, speedboat, spider, spoon, spreadsheet, square,
squiggle, squirrel, stairs, star, steak, stereo, stethoscope, stitches, stop sign, stove,
strawberry, streetlight, string bean, submarine, suitcase, sun, swan, sweater, swing set, sword,
syringe, table, teapot, teddy-bear, telephone, television, tennis racquet, tent, The Eiffel Tower,
The Great Wall of China, The Mona Lisa, tiger, toaster, toe, toilet, tooth, toothbrush,
toothpaste, tornado, tractor, traffic light, train, tree, triangle, trombone, truck, trumpet,
t-shirt, umbrella, underwear, van, vase, violin, washing machine, watermelon, waterslide, whale,
wheel, windmill, wine bottle, wine glass, wristwatch, yoga, zebra, zigzag
""".replace("\n", " ").strip().split(", ")
)  # fmt: skip
"""The names of the 345 classes."""
