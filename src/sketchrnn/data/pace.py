"""Connections that a server cannot hold for ever by sending a byte now and then.

A timeout is for the wait for the next byte. So what is read from a connection, be it headers or
body, is counted here as well, with the time that it took to come.
"""

from __future__ import annotations

import io
import time
from http.client import HTTPResponse
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

WINDOW_S = 60.0  # of waiting; twice the timeout where that is longer
LEAST_BYTES = 1 << 16  # in a window


class TooSlowError(Exception):
    """Less than LEAST_BYTES came in a window; the text says so."""


class _Paced(io.RawIOBase):
    """What comes from a socket."""

    def __init__(self, raw: Any, window_s: float) -> None:
        self._raw, self._window_s = raw, window_s
        self._waited_s, self._received = 0.0, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        begin = time.monotonic()  # what we do between two reads is not the server's time
        count: int | None = self._raw.readinto(buffer)
        self._waited_s += time.monotonic() - begin
        self._received += count or 0
        if self._waited_s >= self._window_s:
            if self._received < LEAST_BYTES:
                raise TooSlowError(
                    f"the server sent no more than {self._received:,} bytes in"
                    f" {self._waited_s:.0f} s"
                )
            self._waited_s, self._received = 0.0, 0
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


def pools(timeout_s: float) -> dict[str, type[urllib3.HTTPConnectionPool]]:
    """What a pool manager of urllib3 has for `pool_classes_by_scheme`."""
    window_s = max(WINDOW_S, 2 * timeout_s)

    class Response(HTTPResponse):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            self.fp = io.BufferedReader(_Paced(self.fp.detach(), window_s))

    class Connection(HTTPConnection):
        response_class = Response

    class SecureConnection(HTTPSConnection):
        response_class = Response

    class Pool(urllib3.HTTPConnectionPool):
        ConnectionCls = Connection

    class SecurePool(urllib3.HTTPSConnectionPool):
        ConnectionCls = SecureConnection

    return {"http": Pool, "https": SecurePool}
