"""Downloads from servers, and into folders, that mean no good."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import pytest

from file_server import (
    CAT,
    CONTENT,
    HALF,
    ZIP,
    Behaviour,
    Handler,
    Server,
    breaks_off,
    claims,
    fails,
    fetch,
    files,
    refusal,
)
from sketchrnn.data import pace
from sketchrnn.data.download import download
from sketchrnn.data.transfer import TransferProgress
from sketchrnn.errors import SketchRNNError

# Servers that drip -------------------------------------------------------------------------------


@pytest.fixture
def _short_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a second in place of a minute: the timeouts of these tests are still shorter."""
    monkeypatch.setattr(pace, "WINDOW_S", 0.5)


def drip(handler: Handler, content: bytes) -> None:
    """A byte every 20 ms, for at most 10 s."""
    for byte in content[:500]:
        handler.wfile.write(bytes([byte]))
        time.sleep(0.02)


def drips_status(handler: Handler) -> None:
    drip(handler, b"HTTP/1.1 200 " + b"O" * 500)


def drips_headers(handler: Handler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    drip(handler, b"X: y\r\n" * 100)


def drips_body(handler: Handler) -> None:
    body = handler.answer()
    handler.wfile.write(body[:HALF])  # a good beginning does not make up for it
    time.sleep(0.01)
    drip(handler, body[HALF:])


def drips_chunk_sizes(handler: Handler) -> None:
    handler.answer(Content_Length="", Transfer_Encoding="chunked")
    drip(handler, b"0" * 500)


@pytest.mark.usefixtures("_short_window")
@pytest.mark.parametrize("drips", [drips_status, drips_headers, drips_body, drips_chunk_sizes])
def test_a_server_that_drips_is_given_up(server: Server, tmp_path: Path, drips: Behaviour) -> None:
    server.script = [drips] * 9
    begin = time.monotonic()
    message = refusal(server, tmp_path, timeout_s=0.2)
    assert time.monotonic() - begin < 5
    assert message.startswith(f"{server.url}{CAT}: the server sent no more than ")
    assert len(server.requests) == 1
    if drips is drips_body:
        received = (tmp_path / "cat.npz.part").stat().st_size
        assert f"; gave up; {received:,} bytes are kept in {tmp_path / 'cat.npz.part'};" in message
        assert received > HALF
        server.script = []
        assert fetch(server, tmp_path).read_bytes() == CONTENT


@pytest.mark.usefixtures("_short_window")
def test_a_slow_server_is_waited_for(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(handler: Handler) -> None:
        body = handler.answer()
        for first in range(0, len(body), 10_000):
            handler.wfile.write(body[first : first + 10_000])
            time.sleep(0.06)

    monkeypatch.setattr(pace, "LEAST_BYTES", 10_000)
    server.script = [slow]
    assert fetch(server, tmp_path, timeout_s=0.2).read_bytes() == CONTENT


@pytest.mark.usefixtures("_short_window")
def test_our_own_pauses_do_not_count(server: Server, tmp_path: Path) -> None:
    pauses = [0.7]

    def pause(_: TransferProgress) -> None:
        if pauses:
            time.sleep(pauses.pop())

    path = fetch(server, tmp_path, timeout_s=0.2, progress=pause)
    assert path.read_bytes() == CONTENT


def test_a_byte_with_each_try_is_no_progress(server: Server, tmp_path: Path) -> None:
    server.script = [breaks_off(100)] * 99
    message = refusal(server, tmp_path, retries=3)
    assert "gave up after 3 retries that brought next to nothing; 400 bytes are kept" in message
    assert len(server.requests) == 4


# Web pages ---------------------------------------------------------------------------------------

PAGE = b"\xef\xbb\xbf\n<!DOCTYPE html><html><title>Log in to the network</title></html>"


@pytest.mark.parametrize("kind", ["text/html", "Text/HTML; charset=utf-8", "application/xhtml+xml"])
def test_a_web_page_by_its_type(server: Server, tmp_path: Path, kind: str) -> None:
    server.script = [claims(Content_Type=kind)]
    message = refusal(server, tmp_path)
    type_ = kind.lower().partition(";")[0]
    assert message == (
        f"{server.url}{CAT}: the server sent a web page, and not the file ({type_}); refused; open"
        " the address in a browser to see what is there"
    )
    assert files(tmp_path) == []
    # nor is a file that is there compared with it, nor what has arrived lost
    server.script = [breaks_off(HALF), claims(Content_Type=kind)]
    assert "sent a web page" in refusal(server, tmp_path)
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    server.script = [claims(Content_Type=kind)]
    assert "sent a web page" in refusal(server, tmp_path)


@pytest.mark.parametrize("kind", ["sketchrnn", "simplified"])
def test_a_web_page_by_its_content(server: Server, tmp_path: Path, kind: str) -> None:
    server.content = PAGE
    server.headers = {"Content-Type": "application/octet-stream"}
    message = refusal(server, tmp_path, kind=kind)
    assert "the server sent a web page, and not the file; refused, nothing is kept; open" in message
    assert files(tmp_path) == []


def test_what_is_no_zip_is_no_npz(server: Server, tmp_path: Path) -> None:
    server.content = b"\x00" + CONTENT
    assert "sent something that is no .npz file (no zip archive)" in refusal(server, tmp_path)
    assert files(tmp_path) == []
    assert fetch(server, tmp_path, kind="raw").read_bytes() == server.content
    server.content = ZIP
    assert fetch(server, tmp_path).read_bytes() == ZIP


# Folders in which somebody has laid something ----------------------------------------------------


@pytest.mark.parametrize("name", ["cat.npz.part", "cat.npz.part.json"])
@pytest.mark.parametrize("how", ["link", "link to nothing", "hard link", "pipe", "folder"])
def test_only_a_plain_file_is_written_to(
    server: Server, tmp_path: Path, name: str, how: str
) -> None:
    folder, other = tmp_path / "data", tmp_path / "mine"
    folder.mkdir()
    other.write_text("mine")
    match how:
        case "link":
            (folder / name).symlink_to(other)
        case "link to nothing":
            (folder / name).symlink_to(tmp_path / "new")
        case "hard link":
            (folder / name).hardlink_to(other)
        case "pipe":
            os.mkfifo(folder / name)
        case "folder":
            (folder / name).mkdir()
    assert refusal(server, folder) == (
        f"{folder / name}: is in the way, and is a link or no file, which is not written to; remove"
        " it"
    )
    assert other.read_text() == "mine"
    assert files(tmp_path) == ["data", "mine"]
    assert files(folder) == [name]


@pytest.mark.parametrize("late", ["part", "record"])
def test_a_link_that_comes_late_is_not_followed(server: Server, tmp_path: Path, late: str) -> None:
    """Laid when what was there has been looked at, and the server is about to answer."""
    folder, other = tmp_path / "data", tmp_path / "mine"
    folder.mkdir()
    other.write_text("mine")
    name = {"part": "cat.npz.part", "record": "cat.npz.part.json"}[late]

    def lays(handler: Handler) -> None:
        (folder / name).symlink_to(other)
        handler.wfile.write(handler.answer())

    server.script = [lays]
    assert "is in the way" in refusal(server, folder)
    assert other.read_text() == "mine"
    (folder / name).unlink()
    assert fetch(server, folder).read_bytes() == CONTENT


def test_a_folder_that_cannot_be_written_names_the_file(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.open

    def refused(path: object, flags: int, *more: int, **options: int) -> int:
        if str(path).startswith(str(tmp_path)) and flags & os.O_CREAT:
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, flags, *more, **options)

    monkeypatch.setattr(os, "open", refused)
    with pytest.raises(PermissionError) as caught:
        fetch(server, tmp_path)
    assert caught.value.filename == str(tmp_path / "cat.npz")


# Redirects ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("ftp://127.0.0.1/cat.npz", "which is not secure"),
        ("file:///etc/passwd", "which is not secure"),
        ("http://[::1/cat.npz", "which is no address"),
        ("http://127.0.0.1:99999/cat.npz", "which is no address"),
        ("http://" + "a" * 70 + ".example/cat.npz", "which is no address"),
    ],
)
@pytest.mark.parametrize("hops", [0, 1])
def test_a_refused_redirect_says_from_where_to_where_and_why(
    server: Server, tmp_path: Path, target: str, why: str, hops: int
) -> None:
    first = [fails(302, Location=f"{server.url}/moved")] * hops
    server.script = [*first, fails(302, Location=target)]
    source = f"{server.url}{'/moved' if hops else CAT}"
    assert refusal(server, tmp_path) == (
        f"{source}: the server redirects to {target!r}, {why}; refused"
    )
    assert files(tmp_path) == []


def test_a_redirect_to_where_nobody_answers(server: Server, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        target = f"http://127.0.0.1:{free.getsockname()[1]}/cat.npz"
    server.script = [fails(302, Location=target)] * 2
    message = refusal(server, tmp_path, retries=1)
    assert message.startswith(
        f"{server.url}{CAT}: cannot reach '{target}', to which {server.url}{CAT} redirects: "
    )
    server.script = [fails(302, Location=target)]
    assert fetch(server, tmp_path).read_bytes() == CONTENT  # another try may mend it


def test_a_place_that_is_no_address(tmp_path: Path) -> None:
    with pytest.raises(SketchRNNError, match="is no"):
        download(["cat"], "sketchrnn", tmp_path, base_url="http://" + "a" * 70 + ".example")
