"""Files over HTTP: resumed, checked, never half-written.

A transfer goes to FILE.part, with what identifies the server's version of the file in
FILE.part.json, and is renamed to FILE when it is complete. So Ctrl-C, a power cut or a broken line
leave a .part that the next call continues (HTTP Range, RFC 9110 section 14), unless the file has
changed on the server meanwhile: then it starts anew. Neither is ever a link: who can write to the
folder could lead us to another file with it.
"""

from __future__ import annotations

import errno
import os
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Literal, TypeVar
from urllib.parse import unquote, urljoin, urlsplit

import urllib3
from urllib3 import exceptions
from urllib3.response import BaseHTTPResponse

from sketchrnn.data.pace import TooSlowError, pools
from sketchrnn.data.remote import (
    LOOK,
    SIZE,
    WEB_PAGE,
    WEB_PAGES,
    RemoteFile,
    Version,
    refusal,
    validator_of,
)
from sketchrnn.errors import SketchRNNError
from sketchrnn.version import __version__

BLOCK_BYTES = 1 << 18
SIZE_LIMIT_BYTES = 1 << 34  # of a file without an announced size; QuickDraw's have a few GB
REDIRECTS_LIMIT = 5
LEAST_NEW_BYTES = 1 << 14  # that a try must bring to be no failure, though it breaks off
LONGEST_WAIT_S = 60.0  # between two tries, whatever the server asks for in Retry-After

_Result = TypeVar("_Result")

PASSING = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)
# What urllib3 raises where no connection was made; its other errors come of one that was.
NO_CONNECTION = (
    exceptions.NewConnectionError,
    exceptions.ConnectTimeoutError,
    exceptions.ProxyError,
    exceptions.SSLError,
)


class UnreachableError(SketchRNNError):
    """No connection could be made at all."""


class NotThereError(SketchRNNError):
    """The server has no such file."""


class _BrokenError(Exception):
    """A try that failed in a way that another one may mend, after `wait_s` if the server says."""

    def __init__(self, reason: str, wait_s: float = 0) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


@dataclass(frozen=True)
class TransferProgress:
    """Where the transfer of one file stands."""

    path: Path  # to be written
    received: int  # bytes that are on disk
    total: int | None  # bytes of the whole file, None where the server does not say
    # waiting: between two tries; kept: it was there already
    state: Literal["receiving", "waiting", "done", "kept"]
    note: str = ""  # what went wrong, or how a kept file was checked


@dataclass
class Client:
    """Fetches files from one place."""

    pool: urllib3.PoolManager
    retries: int  # in a row that may bring nothing new before it gives up
    backoff_s: float  # to wait before the first retry; doubled with each further one
    progress: Callable[[TransferProgress], object]  # called with every block that arrives
    anew: bool = False  # a file that is there, and is not the server's, is fetched anew
    answered: bool = False  # whether the server has been reached at all

    def fetch(self, file: RemoteFile) -> None:
        """Bring one file to disk, whole and checked; one that is there is kept, if it is the same.

        Raises:
            UnreachableError, NotThereError: see there.
            SketchRNNError: a server that breaks off again and again or sends what it did not
                promise, a full disk.
        """
        try:
            file.check()
            if not (file.path.exists() and self._keeps(file)):
                self._patiently(file, self._transfer)
                self._finish(file)
        except TooSlowError as error:
            raise SketchRNNError(
                f"{file.url}: {error}; gave up{_kept(file)}; run again later"
            ) from None
        except OSError as error:  # of the disk: those of the network are _BrokenError by now
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                if error.filename and file.path.name in str(error.filename):
                    error.filename, error.filename2 = str(file.path), None
                raise
            raise SketchRNNError(
                f"{file.path}: the disk is full; make room and run again: what has arrived is"
                f" kept in {file.part.name}"
            ) from None

    def _patiently(self, file: RemoteFile, attempt: Callable[[RemoteFile], _Result]) -> _Result:
        """Call `attempt` until it succeeds, or `retries` retries in a row bring nothing new.

        New is what goes well beyond the farthest byte so far, so that a server that can only start
        anew, and always breaks off, or gives a byte each time, does not keep us for ever.
        """
        failures, farthest = 0, file.part_bytes
        while True:
            try:
                return attempt(file)
            except _BrokenError as error:
                received = file.part_bytes
                failures = 1 if received >= farthest + LEAST_NEW_BYTES else failures + 1
                farthest = max(received, farthest)
                if failures > self.retries:
                    raise SketchRNNError(
                        f"{file.url}: {error}; gave up after {self.retries} retries that brought"
                        f" next to nothing{_kept(file)}; run again later"
                    ) from None
                wait_s = max(self.backoff_s * 2 ** (failures - 1), error.wait_s)
                wait_s = min(wait_s, LONGEST_WAIT_S)
                note = f"{error}; next try in {wait_s:.0f} s"
                self.progress(TransferProgress(file.path, received, None, "waiting", note))
                time.sleep(wait_s)

    def _transfer(self, file: RemoteFile) -> None:
        """One try to bring what is missing into FILE.part."""
        version, received = file.version(), file.part_bytes
        headers = {}
        if version and file.part.exists():
            if received == version.total:
                return  # complete, only not renamed yet
            if version.validator and 0 < received < (version.total or SIZE_LIMIT_BYTES):
                headers = {"Range": f"bytes={received}-", "If-Range": version.validator}
        with self._open(file, "GET", headers) as response:
            if response.status == HTTPStatus.PARTIAL_CONTENT and version and headers:
                if validator_of(response.headers) not in (None, version.validator):
                    file.discard()  # a server without If-Range
                    raise _BrokenError("the file has changed on the server")
                total = checked_total(file, response.headers, received, version.total)
                self._receive(file, response, received, total)
            elif response.status == HTTPStatus.OK:
                version = Version.announced(file.url, response.headers)
                if version.total is None and "Transfer-Encoding" not in response.headers:
                    what = "does not say how long the file is, so it could not be checked"
                    raise refusal(file.url, what)
                # Emptied before the record changes: old bytes never belong to a new record.
                file.part.parent.mkdir(parents=True, exist_ok=True)
                with file.open_part() as part:
                    part.truncate(0)
                file.write_record(version)
                self._receive(file, response, 0, version.total)
            else:
                answer = f"{response.status} {response.reason:.100}"
                raise refusal(file.url, f"answers {answer} to a request for a file")

    def _receive(
        self, file: RemoteFile, response: BaseHTTPResponse, received: int, total: int | None
    ) -> None:
        """Append the body: what the file has from byte `received` on."""
        limit = SIZE_LIMIT_BYTES
        most = f"{limit:,} bytes, which no file of drawings has"
        if total is not None:
            limit, most = total, f"the {total - received:,} bytes that it promised"
            # http.client would stop at Content-Length in silence: read to the end, and count.
            response._original_response.length = None  # type: ignore[attr-defined]
        self.progress(TransferProgress(file.path, received, total, "receiving"))
        try:
            with file.open_part() as part:
                while block := response.read1(BLOCK_BYTES):
                    if received + len(block) > limit:
                        file.discard()
                        raise refusal(file.url, f"sends more than {most}", ", nothing is kept")
                    part.write(block)
                    received += len(block)
                    self.progress(TransferProgress(file.path, received, total, "receiving"))
        except exceptions.HTTPError as error:
            if received != total:  # else all is there, only the connection was not closed properly
                reason = _reason(error)
                raise _BrokenError(f"the transfer broke at {received:,} bytes: {reason}") from None
        if total is not None and received < total:
            raise _BrokenError(f"the server broke off at {received:,} of {total:,} bytes")

    def _finish(self, file: RemoteFile) -> None:
        """Check FILE.part and rename it."""
        version, size = file.version(), file.part_bytes
        assert version is not None  # _transfer wrote it
        if wrong := version.mismatch(file.part):
            file.discard()
            raise SketchRNNError(
                f"{file.url}: what arrived {wrong}; nothing is kept; run again, and if it happens"
                " again the file on the server is damaged"
            )
        file.check_content()
        with file.open_part() as part:
            os.fsync(part.fileno())
        file.part.replace(file.path)
        file.record.unlink(missing_ok=True)
        self.progress(TransferProgress(file.path, size, size, "done"))

    def _keeps(self, file: RemoteFile) -> bool:
        """Keep a file that is the server's; refuse to touch one that is not, but with `anew`."""
        if not file.path.is_file():
            raise SketchRNNError(
                f"{file.path}: is in the way and is no file; choose another folder"
            )
        try:
            version = self._patiently(file, self._announced)
        except UnreachableError as error:
            note = f"but not checked: {error}"
        else:
            if wrong := version.mismatch(file.path):
                if self.anew:
                    return False
                raise SketchRNNError(
                    f"{file.path}: is there already but {wrong} at {file.url}; move or delete it,"
                    " choose another folder, or write over it with --force"
                )
            file.discard()  # of an earlier, unfinished call
            note = f"it is the server's file, by its size{' and MD5' if version.md5 else ''}"
        size = file.path.stat().st_size
        self.progress(TransferProgress(file.path, size, size, "kept", note))
        return True

    def _announced(self, file: RemoteFile) -> Version:
        with self._open(file, "HEAD", {}) as response:
            return Version.announced(file.url, response.headers)

    def _open(self, file: RemoteFile, method: str, headers: Mapping[str, str]) -> BaseHTTPResponse:
        """Send one request; the answer is a good one (status 2xx), to be closed by the caller."""
        try:
            response = follow(self.pool, method, file.url, headers)
        except SketchRNNError:
            raise
        except NO_CONNECTION as error:
            if self.answered:
                reason = _reason(error)
                raise _BrokenError(f"cannot reach the server any more: {reason}") from None
            host = urlsplit(file.url).netloc
            raise UnreachableError(f"cannot reach {host}: {_reason(error)}") from None
        except exceptions.HTTPError as error:
            self.answered = True
            raise _BrokenError(f"no answer from the server: {_reason(error)}") from None
        self.answered = True
        code, encoding = response.status, response.headers.get("Content-Encoding", "identity")
        kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if 200 <= code < 300 and encoding == "identity" and kind not in WEB_PAGES:
            return response
        response.close()
        if 200 <= code < 300 and kind in WEB_PAGES:
            raise refusal(file.url, f"{WEB_PAGE} ({kind})", f"; {LOOK}")
        if 200 <= code < 300:
            what = f"sends the file in the encoding {encoding!r:.60}, which was not asked for"
            raise refusal(file.url, what)
        status = f"the server answers {code} {response.reason!s:.100}"
        if code in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
            raise NotThereError(f"{code} at {file.url}")
        if code >= HTTPStatus.INTERNAL_SERVER_ERROR or code in PASSING:
            raise _BrokenError(status, retry_after_s(response.headers))
        if code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and file.part_bytes:
            file.discard()  # so the next try asks for the whole file
            raise _BrokenError(status)
        raise SketchRNNError(f"{file.url}: {status}")


def _kept(file: RemoteFile) -> str:
    received = file.part_bytes
    return f"; {received:,} bytes are kept in {file.part}" if received else ""


def follow(
    pool: urllib3.PoolManager, method: str, url: str, headers: Mapping[str, str]
) -> BaseHTTPResponse:
    """The answer at the end of all redirects.

    They may lead to HTTPS, or to the scheme that the address has; to nothing else. SketchRNNError,
    naming from where to where it leads, for one that is refused, and for too many.
    """
    schemes = {"https", urlsplit(url).scheme}
    ours = {"User-Agent": f"sketchrnn/{__version__}", "Connection": "close"}
    before = ""
    for _ in range(REDIRECTS_LIMIT + 1):
        try:
            response = pool.urlopen(
                method,
                url,
                headers={**ours, **headers},
                retries=False,
                redirect=False,
                preload_content=False,
                decode_content=False,
                enforce_content_length=False,  # the client counts, and knows what a file lacks
            )
        except (exceptions.LocationValueError, ValueError):
            if not before:
                raise SketchRNNError(f"{url}: is no address") from None
            what = f"redirects to {url!r:.200}, which is no address"
            raise refusal(before, what) from None
        except NO_CONNECTION as error:
            if not before:
                raise
            where = f"{url!r:.200}, to which {before:.200} redirects"
            raise _BrokenError(f"cannot reach {where}: {_reason(error)}") from None
        target = response.get_redirect_location()
        if not target:
            return response
        response.close()
        before = url
        try:
            url = urljoin(url, target)
            scheme = urlsplit(url).scheme
        except ValueError:
            raise refusal(before, f"redirects to {target!r:.200}, which is no address") from None
        if scheme not in schemes:
            raise refusal(before, f"redirects to {url!r:.200}, which is not secure")
    raise refusal(before, f"redirects to {url!r:.200} after {REDIRECTS_LIMIT} other redirects")


def checked_total(
    file: RemoteFile, headers: urllib3.HTTPHeaderDict, offset: int, total: int | None
) -> int:
    """Bytes of the whole file, of which the answer is the rest; refuses what was not asked for."""
    text = headers.get("Content-Range", "").strip()
    length = headers.get("Content-Length", "").strip()
    size = text.rpartition("/")[2] if total is None else str(total)
    if SIZE.fullmatch(size):
        rest = int(size) - offset
        expected = f"bytes {offset}-{int(size) - 1}/{size}"
        if rest > 0 and text == expected and length in ("", str(rest)):
            return int(size)
    raise SketchRNNError(
        f"{file.url}: asked for the bytes from {offset} on, the server sends {text!r:.60}"
        f" (Content-Length {length:.20}); refused; delete {file.part} to start anew"
    )


def retry_after_s(headers: urllib3.HTTPHeaderDict) -> float:
    """Seconds that Retry-After asks to wait, as a number or a date; 0 where it does not."""
    try:
        return urllib3.Retry().parse_retry_after(headers.get("Retry-After", ""))
    except (exceptions.InvalidHeader, ValueError, OverflowError):
        return 0


def _reason(error: exceptions.HTTPError) -> str:
    """What the system said of it, without the names that urllib3 has for its connections."""
    said = error.__cause__ or (error.args or [error])[-1]
    return str(said)[:200] or type(said).__name__


def connections(base_url: str, timeout_s: float) -> urllib3.PoolManager:
    """Connections to a place, through the proxy that the environment names for it.

    Raises:
        SketchRNNError: that is no HTTP proxy.
    """
    manager = _connections(base_url, timeout_s)
    manager.pool_classes_by_scheme = pools(timeout_s)
    return manager


def _connections(base_url: str, timeout_s: float) -> urllib3.PoolManager:
    place = urlsplit(base_url)
    proxy = urllib.request.getproxies().get(place.scheme)
    if not proxy or urllib.request.proxy_bypass(place.netloc):
        return urllib3.PoolManager(timeout=timeout_s)
    address = proxy if "://" in proxy else f"http://{proxy}"
    try:
        account = unquote(urllib3.util.parse_url(address).auth or "") or None
        headers = urllib3.make_headers(proxy_basic_auth=account)
        return urllib3.ProxyManager(address, proxy_headers=headers, timeout=timeout_s)
    except (exceptions.LocationValueError, exceptions.ProxySchemeUnknown):
        raise SketchRNNError(
            f"the proxy of the environment is none for HTTP; it is http://host:port, or set"
            f" no_proxy={place.hostname}"
        ) from None
