"""A file on a server: which version of it there is, and what has arrived of it so far."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import stat
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

import urllib3

from sketchrnn.errors import SketchRNNError
from sketchrnn.files import write_text

RECORD_LIMIT_BYTES = 1 << 16
WEB_PAGES = ("text/html", "application/xhtml+xml")
WEB_PAGE = "sent a web page, and not the file"
LOOK = "open the address in a browser to see what is there"

SIZE = re.compile("[0-9]{1,18}")  # in bytes; what is longer is no size of a file


@dataclass(frozen=True)
class Version:
    """What identifies one version of a file on the server: kept in FILE.part.json."""

    url: str
    validator: str | None  # what If-Range takes: a strong ETag, else the date
    total: int | None  # bytes of the whole file
    md5: str | None  # in base64, from Cloud Storage's x-goog-hash header

    @classmethod
    def announced(cls, url: str, headers: urllib3.HTTPHeaderDict) -> Version:
        """The version that the headers of a whole answer (not of a range) announce."""
        length = headers.get("Content-Length", "")
        chunked = "Transfer-Encoding" in headers  # then Content-Length means nothing
        md5 = re.search(r"\bmd5=([^,\s]+)", headers.get("x-goog-hash", ""))
        # Where Cloud Storage decompresses on the way, the hash is that of the compressed bytes.
        as_stored = headers.get("x-goog-stored-content-encoding", "identity") == "identity"
        return cls(
            url,
            validator_of(headers),
            total=int(length) if SIZE.fullmatch(length) and not chunked else None,
            md5=md5[1] if md5 and as_stored else None,
        )

    def mismatch(self, path: Path) -> str:
        """How the file at `path` differs from this version; empty if it does not."""
        size = path.stat().st_size
        if self.total is not None and size != self.total:
            return f"has {size:,} bytes instead of the {self.total:,}"
        if self.md5 is not None:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False))
            md5 = base64.b64encode(digest.digest()).decode("ascii")
            if md5 != self.md5:
                return f"has the MD5 {md5} instead of the {self.md5}"
        return ""


def validator_of(headers: urllib3.HTTPHeaderDict) -> str | None:
    """What If-Range takes of an answer."""
    etag = headers.get("ETag", "W/")
    return headers.get("Last-Modified") if etag.startswith("W/") else etag


class RemoteFile:
    """One file: where it comes from, where it goes, and what has arrived of it so far."""

    def __init__(self, url: str, path: Path) -> None:
        self.url, self.path = url, path
        self.part = path.with_name(f"{path.name}.part")
        self.record = path.with_name(f"{path.name}.part.json")

    @property
    def part_bytes(self) -> int:
        """Size of what has arrived so far."""
        return self.part.stat().st_size if self.part.exists() else 0

    def check(self) -> None:
        """Raise SketchRNNError for a link, pipe or folder where this keeps what has arrived."""
        for path in (self.part, self.record):
            if path.is_symlink() or path.exists():
                _check_plain(path, path.lstat())

    def open_part(self) -> BinaryIO:
        """FILE.part, to append to."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY"):  # as far as the system has them
            flags |= getattr(os, name, 0)
        self.check()
        part = os.fdopen(os.open(self.part, flags, 0o666), "ab")
        try:
            _check_plain(self.part, os.fstat(part.fileno()))
        except SketchRNNError:
            part.close()
            raise
        return part

    def check_content(self) -> None:
        """Raise SketchRNNError for what has arrived if it is another kind of file."""
        with self.part.open("rb") as part:
            head = part.read(64).lstrip(b"\xef\xbb\xbf \t\r\n")
        what = ""
        if head.startswith(b"<"):
            what = WEB_PAGE
        elif self.path.suffix == ".npz" and not head.startswith(b"PK"):
            what = "sent something that is no .npz file (no zip archive)"
        if what:
            self.discard()
            raise refusal(self.url, what, f", nothing is kept; {LOOK}")

    def discard(self) -> None:
        """Remove what has arrived so far."""
        self.part.unlink(missing_ok=True)
        self.record.unlink(missing_ok=True)

    def write_record(self, version: Version) -> None:
        """What has arrived is, from now on, of this version."""
        self.record.unlink(missing_ok=True)  # never through a link
        write_text(self.record, json.dumps(asdict(version)) + "\n")

    def version(self) -> Version | None:
        """The version that what has arrived belongs to, None where that is not certain."""
        try:
            with self.record.open("rb") as record:
                version = Version(**json.loads(record.read(RECORD_LIMIT_BYTES)))
        except (OSError, ValueError, TypeError, RecursionError):
            return None
        good = (
            version.url == self.url
            and isinstance(version.validator, str | None)
            and isinstance(version.total, int | None)
            and isinstance(version.md5, str | None)
        )
        return version if good else None


def _check_plain(path: Path, facts: os.stat_result) -> None:
    if not stat.S_ISREG(facts.st_mode) or facts.st_nlink > 1:
        raise SketchRNNError(
            f"{path}: is in the way, and is a link or no file, which is not written to; remove it"
        )


def refusal(url: str, what: str, more: str = "") -> SketchRNNError:
    """The error for what a server does."""
    return SketchRNNError(f"{url}: the server {what}; refused{more}")
