"""A real HTTP server of one file that breaks off, stalls, and lies as it is told to."""

from __future__ import annotations

import base64
import hashlib
import re
import socket
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from in_thread import running
from sketchrnn.data.download import download
from sketchrnn.errors import SketchRNNError

ZIP = b"PK\x03\x04"  # how an .npz begins
CONTENT = ZIP + bytes(index * 7919 % 251 for index in range(200_000 - len(ZIP)))
OTHER = ZIP + bytes(reversed(CONTENT[len(ZIP) :]))
HALF = 100_000
CAT = "/sketchrnn/cat.npz"

Behaviour = Callable[["Handler"], None]


class Server(ThreadingHTTPServer):
    """Serves `content` under any path; `script` holds the behaviours of the next requests."""

    daemon_threads = False  # so that server_close waits until every socket is closed

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = CONTENT
        self.version = 1
        self.headers: dict[str, str] = {}
        self.script: list[Behaviour] = []
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.over = threading.Event()
        self.failures: list[BaseException] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def etag(self) -> str:
        return f'"version-{self.version}"'

    @property
    def ranges(self) -> list[str | None]:
        return [headers.get("range") for _, _, headers in self.requests]

    @property
    def paths(self) -> list[str]:
        return [f"{method} {path}" for method, path, _ in self.requests]

    def handle_error(self, request: Any, client_address: Any) -> None:
        error = sys.exception()
        if error is not None and not isinstance(error, ConnectionError):  # the client may hang up
            self.failures.append(error)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        server = self.server
        server.requests.append(
            (self.command, self.path, {key.lower(): text for key, text in self.headers.items()})
        )
        behaviour = server.script.pop(0) if server.script else honest
        behaviour(self)
        self.close_connection = True

    def do_HEAD(self) -> None:
        self.do_GET()

    def log_message(self, *arguments: Any) -> None:
        pass

    def begin(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        given = {"ETag": self.server.etag, **self.server.headers, **headers}
        for key, value in given.items():
            if value:
                self.send_header(key, value)
        self.end_headers()

    def answer(self, *, ranges: bool = True, **headers: str) -> bytes:
        """Send the headers of a good answer; return the body that belongs to it."""
        content = self.server.content
        span = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        fresh = self.headers.get("If-Range", self.server.etag) == self.server.etag
        named = {key.replace("_", "-"): value for key, value in headers.items()}
        if span and ranges and fresh:
            first = int(span[1])
            where = f"bytes {first}-{len(content) - 1}/{len(content)}"
            body = content[first:]
            self.begin(206, {"Content-Length": str(len(body)), "Content-Range": where, **named})
        else:
            body = content
            self.begin(200, {"Content-Length": str(len(body)), **named})
        return b"" if self.command == "HEAD" else body


def honest(handler: Handler) -> None:
    handler.wfile.write(handler.answer())


def breaks_off(after: int, *, ranges: bool = True) -> Behaviour:
    def behave(handler: Handler) -> None:
        handler.wfile.write(handler.answer(ranges=ranges)[:after])

    return behave


def resets(after: int) -> Behaviour:
    def behave(handler: Handler) -> None:
        handler.wfile.write(handler.answer()[:after])
        linger = struct.pack("ii", 1, 0)  # so that closing sends RST instead of FIN
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)

    return behave


def stalls(after: int | None) -> Behaviour:
    """Send `after` bytes of the body (None: not even headers), then nothing."""

    def behave(handler: Handler) -> None:
        if after is not None:
            handler.wfile.write(handler.answer()[:after])
        handler.server.over.wait(5)

    return behave


def claims(**headers: str) -> Behaviour:
    """A good body under headers that do not fit it."""

    def behave(handler: Handler) -> None:
        handler.wfile.write(handler.answer(ranges=True, **headers))

    return behave


def fails(status: int, **headers: str) -> Behaviour:
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    return lambda handler: handler.begin(status, {"Content-Length": "0", **named})


def changes(handler: Handler) -> None:
    """Half of the old file; the next answer is of another one."""
    handler.wfile.write(handler.answer()[:HALF])
    handler.server.content, handler.server.version = OTHER, 2


@contextmanager
def serving() -> Iterator[Server]:
    """A server in a thread of its own."""
    with running(Server()) as server:
        try:
            yield server
        finally:
            server.over.set()
    assert server.failures == []


def fetch(server: Server, folder: Path, *names: str, kind: str = "sketchrnn", **more: Any) -> Path:
    options: dict[str, Any] = {"base_url": server.url, "backoff_s": 0, "timeout_s": 5} | more
    return download(names or ("cat",), kind, folder, **options)[0]


def refusal(server: Server, folder: Path, *names: str, **more: Any) -> str:
    """The error's message, which is one line."""
    with pytest.raises(SketchRNNError) as caught:
        fetch(server, folder, *names, **more)
    message = str(caught.value)
    assert "\n" not in message
    return message


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def md5_header(content: bytes) -> str:
    return "crc32c=AAAAAA==, md5=" + base64.b64encode(hashlib.md5(content).digest()).decode()
