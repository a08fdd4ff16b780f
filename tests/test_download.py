"""Downloads against a real HTTP server that breaks off, stalls, and lies."""

from __future__ import annotations

import base64
import errno
import hashlib
import io
import os
import re
import socket
from email.utils import formatdate
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import urllib3
from rich.console import Console

from file_server import (
    CAT,
    CONTENT,
    HALF,
    OTHER,
    Behaviour,
    Handler,
    Server,
    breaks_off,
    changes,
    claims,
    fails,
    fetch,
    files,
    honest,
    md5_header,
    refusal,
    resets,
    stalls,
)
from sketchrnn.data import download as module
from sketchrnn.data.download import (
    KINDS,
    QUICKDRAW_URL,
    download,
    progress_display,
    quickdraw_classes,
)
from sketchrnn.data.remote import RemoteFile
from sketchrnn.data.transfer import TransferProgress, follow
from sketchrnn.errors import SketchRNNError
from sketchrnn.words import closest


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that were waited between tries; none of them really passes."""
    seconds: list[float] = []
    monkeypatch.setattr("time.sleep", seconds.append)
    return seconds


# A good server


@pytest.mark.parametrize(
    ("kind", "path", "file"),
    [
        ("sketchrnn", "/sketchrnn/hot%20air%20balloon.npz", "hot air balloon.npz"),
        ("sketchrnn-full", "/sketchrnn/hot%20air%20balloon.full.npz", "hot air balloon.full.npz"),
        ("simplified", "/full/simplified/hot%20air%20balloon.ndjson", "hot air balloon.ndjson"),
        ("raw", "/full/raw/hot%20air%20balloon.ndjson", "hot air balloon.ndjson"),
    ],
)
def test_each_kind_comes_from_its_place(
    server: Server, tmp_path: Path, kind: str, path: str, file: str
) -> None:
    written = fetch(server, tmp_path / "new" / "folder", "hot air balloon", kind=kind)
    assert written == tmp_path / "new" / "folder" / file
    assert written.read_bytes() == CONTENT
    assert files(written.parent) == [file]  # no .part, no record
    assert server.paths == [f"GET {path}"]
    assert server.ranges == [None]


def test_several_classes_each_once_and_in_order(server: Server, tmp_path: Path) -> None:
    paths = download(["pig", "cat", "pig"], "raw", tmp_path, base_url=f"{server.url}/")
    assert paths == [tmp_path / "pig.ndjson", tmp_path / "cat.ndjson"]
    assert server.paths == ["GET /full/raw/pig.ndjson", "GET /full/raw/cat.ndjson"]


def test_the_environment_names_another_place(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SKETCHRNN_QUICKDRAW_URL", f"{server.url}/mirror")
    download(["cat"], "sketchrnn", tmp_path)
    assert server.paths == [f"GET /mirror{CAT}"]


@pytest.mark.parametrize("account", ["", "ann:p%40ss@"])
def test_the_environment_names_a_proxy(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, account: str
) -> None:
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setenv("http_proxy", f"http://{account}127.0.0.1:{server.server_port}")
    assert fetch(server, tmp_path, base_url="http://files.example").read_bytes() == CONTENT
    assert server.paths == [f"GET http://files.example{CAT}"]
    basic = base64.b64encode(b"ann:p@ss").decode()
    expected = f"Basic {basic}" if account else None
    assert server.requests[0][2].get("proxy-authorization") == expected
    monkeypatch.setenv("http_proxy", "socks5://127.0.0.1:1")
    assert "the proxy of the environment is none for HTTP" in refusal(
        server, tmp_path, "pig", base_url="http://files.example"
    )


def test_progress_counts_up_to_the_whole(server: Server, tmp_path: Path) -> None:
    events: list[TransferProgress] = []
    path = fetch(server, tmp_path, progress=events.append)
    assert events[0] == TransferProgress(path, 0, len(CONTENT), "receiving")
    assert events[-1] == TransferProgress(path, len(CONTENT), len(CONTENT), "done")
    received = [event.received for event in events]
    assert received == sorted(received)


def test_a_chunked_answer_has_no_length_but_an_end(server: Server, tmp_path: Path) -> None:
    def chunked(handler: Handler) -> None:
        body = handler.answer(Content_Length="", Transfer_Encoding="chunked")
        for piece in (body[:7], body[7:]):
            handler.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        handler.wfile.write(b"0\r\n\r\n")

    def cut(handler: Handler) -> None:
        body = handler.answer(Content_Length="", Transfer_Encoding="chunked")
        handler.wfile.write(b"%x\r\n%b" % (len(body), body[:HALF]))

    server.script = [cut]
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert server.ranges == [None, f"bytes={HALF}-"]
    server.script = [chunked]
    assert fetch(server, tmp_path, "pig").read_bytes() == CONTENT


# Broken transfers


@pytest.mark.parametrize("breaks", [breaks_off(HALF), stalls(HALF)])
def test_a_broken_transfer_goes_on_where_it_stopped(
    server: Server, tmp_path: Path, breaks: Behaviour
) -> None:
    server.script = [breaks]
    server.headers = {"x-goog-hash": md5_header(CONTENT)}
    events: list[TransferProgress] = []
    path = fetch(server, tmp_path, timeout_s=0.2, progress=events.append)
    assert path.read_bytes() == CONTENT
    assert files(tmp_path) == ["cat.npz"]
    assert server.ranges == [None, f"bytes={HALF}-"]
    assert server.requests[1][2]["if-range"] == '"version-1"'
    waiting = next(event for event in events if event.state == "waiting")
    assert waiting.received == HALF
    assert re.search(r"broke off at 100,000 of 200,000|broke at 100,000 bytes", waiting.note)


def test_a_reset_connection_goes_on(server: Server, tmp_path: Path) -> None:
    server.script = [resets(HALF)]
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert len(server.requests) == 2  # how much of it got through is the system's affair


def test_as_many_breaks_as_it_takes_while_each_try_brings_something(
    server: Server, tmp_path: Path
) -> None:
    server.script = [breaks_off(20_000)] * 9
    assert fetch(server, tmp_path, retries=1).read_bytes() == CONTENT
    assert server.ranges == [None, *(f"bytes={20_000 * step}-" for step in range(1, 10))]


def test_gives_up_when_nothing_new_comes_and_keeps_what_came(
    server: Server, tmp_path: Path, waits: list[float]
) -> None:
    server.script = [breaks_off(HALF), *[breaks_off(0)] * 3]
    message = refusal(server, tmp_path, retries=2, backoff_s=1)
    assert "broke off at 100,000 of 200,000 bytes; gave up after 2 retries" in message
    assert f"100,000 bytes are kept in {tmp_path / 'cat.npz.part'}; run again" in message
    assert waits == [1, 2]  # the first try brought something, so it counts as the first failure
    assert files(tmp_path) == ["cat.npz.part", "cat.npz.part.json"]
    assert (tmp_path / "cat.npz.part").read_bytes() == CONTENT[:HALF]
    server.requests.clear()
    server.script = []
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert server.ranges == [f"bytes={HALF}-"]


def test_a_server_that_never_answers(server: Server, tmp_path: Path) -> None:
    server.script = [stalls(None)] * 2
    message = refusal(server, tmp_path, retries=1, timeout_s=0.1)
    assert "no answer from the server: timed out; gave up after 1 retries" in message
    assert files(tmp_path) == []


def test_a_server_without_ranges_starts_anew(server: Server, tmp_path: Path) -> None:
    server.script = [breaks_off(HALF, ranges=False), breaks_off(10**6, ranges=False)]
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert server.ranges == [None, f"bytes={HALF}-"]


def test_a_server_without_ranges_that_always_breaks_off_is_given_up(
    server: Server, tmp_path: Path
) -> None:
    server.script = [breaks_off(HALF, ranges=False)] * 20
    assert "gave up after 2 retries" in refusal(server, tmp_path, retries=2)
    assert len(server.requests) == 3


@pytest.mark.parametrize("respects_if_range", [True, False])
def test_a_file_that_changes_meanwhile_starts_anew(
    server: Server, tmp_path: Path, respects_if_range: bool
) -> None:
    def deaf(handler: Handler) -> None:
        del handler.headers["If-Range"]
        honest(handler)

    server.script = [changes, honest if respects_if_range else deaf]
    assert fetch(server, tmp_path).read_bytes() == OTHER
    expected = [None, f"bytes={HALF}-"] if respects_if_range else [None, f"bytes={HALF}-", None]
    assert server.ranges == expected


def test_a_weak_etag_is_no_ground_to_join_on_but_a_date_is(server: Server, tmp_path: Path) -> None:
    server.headers = {"ETag": 'W/"1"'}
    server.script = [breaks_off(HALF)]
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert server.ranges == [None, None]
    server.requests.clear()
    date = formatdate(1.5e9, usegmt=True)
    server.headers |= {"Last-Modified": date}
    server.script = [breaks_off(HALF)]
    assert fetch(server, tmp_path, "pig").read_bytes() == CONTENT
    assert [headers.get("if-range") for _, _, headers in server.requests] == [None, date]


def test_ctrl_c_leaves_a_part_that_the_next_call_continues(server: Server, tmp_path: Path) -> None:
    def interrupt(event: TransferProgress) -> None:
        if event.received >= HALF:
            raise KeyboardInterrupt

    server.script = [stalls(HALF)]
    with pytest.raises(KeyboardInterrupt):
        fetch(server, tmp_path, progress=interrupt)
    assert files(tmp_path) == ["cat.npz.part", "cat.npz.part.json"]
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert server.ranges == [None, f"bytes={HALF}-"]


@pytest.mark.parametrize("record", [None, "", "[1]", "{}", '{"etag": 3}', "\x00"])
def test_a_part_without_a_good_record_is_not_trusted(
    server: Server, tmp_path: Path, record: str | None
) -> None:
    (tmp_path / "cat.npz.part").write_bytes(b"something else")
    if record is not None:
        (tmp_path / "cat.npz.part.json").write_text(record)
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert server.ranges == [None]


def test_a_part_of_another_address_is_not_joined(server: Server, tmp_path: Path) -> None:
    server.script = [breaks_off(HALF)]
    refusal(server, tmp_path, retries=0, kind="simplified")
    assert fetch(server, tmp_path, kind="raw").read_bytes() == CONTENT
    assert server.ranges == [None, None]


def test_a_part_that_is_complete_is_only_checked_and_renamed(
    server: Server, tmp_path: Path
) -> None:
    server.script = [breaks_off(HALF)]
    refusal(server, tmp_path, retries=0)
    (tmp_path / "cat.npz.part").write_bytes(CONTENT)
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert len(server.requests) == 1
    assert files(tmp_path) == ["cat.npz"]


# Servers that lie


@pytest.mark.parametrize("promised", [HALF, 0])
def test_more_than_promised_is_refused(server: Server, tmp_path: Path, promised: int) -> None:
    server.script = [claims(Content_Length=str(promised))]
    message = refusal(server, tmp_path)
    assert f"sends more than the {promised:,} bytes that it promised" in message
    assert files(tmp_path) == []
    assert len(server.requests) == 1


def test_less_than_promised_is_asked_for_again_then_given_up(
    server: Server, tmp_path: Path
) -> None:
    # It holds 200,000 bytes and says 300,000: of the range beyond its end it knows nothing.
    lie = claims(Content_Length="300000")
    server.script = [lie, fails(416), lie]
    message = refusal(server, tmp_path, retries=2)
    assert "broke off at 200,000 of 300,000 bytes; gave up after 2 retries" in message
    assert server.ranges == [None, "bytes=200000-", None]
    assert files(tmp_path) == ["cat.npz.part", "cat.npz.part.json"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Content_Range": "bytes 50000-149999/200000"},  # another place
        {"Content_Range": "bytes 100000-199999/200001"},  # another file
        {"Content_Range": "bytes 100000-200000/200000"},  # beyond the end
        {"Content_Range": "bytes 100000-199998/200000"},  # not what Content-Length says
        {"Content_Range": "about half of it"},
        {"Content_Range": ""},
    ],
)
def test_a_wrong_range_is_refused(server: Server, tmp_path: Path, headers: dict[str, str]) -> None:
    server.script = [breaks_off(HALF), claims(**headers)]
    message = refusal(server, tmp_path)
    assert f"asked for the bytes from {HALF} on, the server sends" in message
    assert (tmp_path / "cat.npz.part").read_bytes() == CONTENT[:HALF]
    assert not (tmp_path / "cat.npz").exists()


def test_a_range_that_nobody_asked_for_is_refused(server: Server, tmp_path: Path) -> None:
    server.script = [lambda handler: handler.begin(206, {"Content-Length": "0"})]
    assert "answers 206 Partial Content to a request for a file" in refusal(server, tmp_path)
    assert files(tmp_path) == []


def test_a_wrong_md5_keeps_nothing(server: Server, tmp_path: Path) -> None:
    server.headers = {"x-goog-hash": md5_header(OTHER)}
    message = refusal(server, tmp_path)
    assert "has the MD5" in message
    assert base64.b64encode(hashlib.md5(OTHER).digest()).decode() in message
    assert files(tmp_path) == []


def test_the_md5_of_compressed_bytes_is_not_that_of_the_file(
    server: Server, tmp_path: Path
) -> None:
    server.headers = {
        "x-goog-hash": md5_header(OTHER),
        "x-goog-stored-content-encoding": "gzip",
    }
    assert fetch(server, tmp_path).read_bytes() == CONTENT


def test_a_file_without_a_length_or_in_an_encoding_is_refused(
    server: Server, tmp_path: Path
) -> None:
    server.script = [claims(Content_Length=""), claims(Content_Encoding="gzip")]
    assert "does not say how long the file is" in refusal(server, tmp_path)
    assert "in the encoding 'gzip', which was not asked for" in refusal(server, tmp_path)
    assert [headers["accept-encoding"] for _, _, headers in server.requests] == ["identity"] * 2
    assert files(tmp_path) == []


# Other answers


def test_an_unknown_class_is_said_at_once(server: Server, tmp_path: Path) -> None:
    server.script = [fails(404)] * 3
    message = refusal(server, tmp_path, "power_outlet")
    assert message.startswith("there is no class 'power_outlet'; did you mean 'power outlet'?")
    assert "categories.txt" in refusal(server, tmp_path, "qqqq")
    assert "the server has no file for the class 'cat'" in refusal(server, tmp_path)
    assert len(server.requests) == 3
    assert files(tmp_path) == []


def test_errors_of_the_server_are_waited_out(
    server: Server, tmp_path: Path, waits: list[float]
) -> None:
    long_ago = formatdate(0, usegmt=True)
    server.script = [
        fails(500),
        fails(503, Retry_After=long_ago),
        fails(429, Retry_After="7"),
        fails(429, Retry_After="86400"),
    ]
    assert fetch(server, tmp_path, backoff_s=0.5).read_bytes() == CONTENT
    assert waits == [0.5, 1, 7, 60]  # a day is too long
    assert len(server.requests) == 5


def test_an_error_that_stays_and_one_that_waiting_does_not_mend(
    server: Server, tmp_path: Path
) -> None:
    server.script = [fails(500)] * 3
    message = refusal(server, tmp_path, retries=2)
    assert "the server answers 500 Internal Server Error; gave up after 2 retries" in message
    server.script = [fails(403)]
    assert refusal(server, tmp_path).endswith("the server answers 403 Forbidden")
    assert len(server.requests) == 4


def test_a_redirect_is_followed_with_the_range(server: Server, tmp_path: Path) -> None:
    elsewhere = fails(302, Location=f"{server.url}/moved")
    server.script = [elsewhere, breaks_off(HALF), elsewhere]
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert server.paths == [f"GET {CAT}", "GET /moved"] * 2
    assert server.ranges == [None, None, f"bytes={HALF}-", f"bytes={HALF}-"]


def test_a_redirect_that_leads_nowhere_good_is_refused(server: Server, tmp_path: Path) -> None:
    server.script = [fails(302, Location="ftp://127.0.0.1/cat.npz")]
    message = refusal(server, tmp_path)
    assert "redirects to 'ftp://127.0.0.1/cat.npz', which is not secure; refused" in message
    server.script = [fails(302, Location=CAT)] * 20
    assert refusal(server, tmp_path) == (
        f"{server.url}{CAT}: the server redirects to '{server.url}{CAT}' after 5 other redirects;"
        " refused"
    )
    assert len(server.requests) < 10


def test_https_is_never_left() -> None:
    class Redirecting(urllib3.PoolManager):
        """Leads from the first address on to `to`."""

        def urlopen(self, method: str, url: str, *_: Any, **more: Any) -> Any:
            asked.append((method, url))
            if url == to:
                return urllib3.HTTPResponse(status=200)
            return urllib3.HTTPResponse(status=302, headers={"Location": to})

    asked: list[tuple[str, str]] = []
    to = "https://b.example/cat.npz"
    follow(Redirecting(), "HEAD", "https://a.example/cat.npz", {})
    assert asked == [("HEAD", "https://a.example/cat.npz"), ("HEAD", to)]
    to = "http://b.example/cat.npz"
    with pytest.raises(SketchRNNError, match="not secure"):
        follow(Redirecting(), "HEAD", "https://a.example/cat.npz", {})
    assert len(asked) == 3


def test_without_a_network_it_says_so_at_once(
    tmp_path: Path, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "*")
    with socket.socket() as closed:  # bound but not listening: nobody answers there
        closed.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{closed.getsockname()[1]}"
        with pytest.raises(SketchRNNError) as caught:
            download(["cat"], "raw", tmp_path, base_url=f"http://{host}")
    assert str(caught.value).startswith(f"cannot reach {host}: ")
    assert str(caught.value).endswith(
        f"the files can also be fetched by hand from http://{host}/full/raw/cat.ndjson"
        f" and put in {tmp_path}"
    )
    assert waits == []
    assert files(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("kat", "; there is no class 'kat'; did you mean .*'cat'"),
        ("qqqq", "; there is no class 'qqqq'; .*categories.txt"),
    ],
)
def test_without_a_network_a_wrong_name_is_said_and_no_folder_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, hint: str
) -> None:
    monkeypatch.setenv("no_proxy", "*")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        base = f"http://127.0.0.1:{closed.getsockname()[1]}"
        with pytest.raises(SketchRNNError, match=f"^cannot reach .*{hint}") as caught:
            download([name], "raw", tmp_path / "new" / "folder", base_url=base)
    assert "by hand" not in str(caught.value)
    assert files(tmp_path) == []


def test_a_network_that_goes_away_in_the_middle_is_waited_for(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = [OSError(errno.ENETUNREACH, "Network is unreachable")] * 2
    really_connect = urllib3.util.connection.create_connection

    def connect_later(*arguments: Any, **options: Any) -> Any:
        if server.requests and lost:
            raise lost.pop()
        return really_connect(*arguments, **options)

    monkeypatch.setattr(urllib3.util.connection, "create_connection", connect_later)
    server.script = [breaks_off(HALF)]
    notes: list[str] = []
    path = fetch(server, tmp_path, progress=lambda event: notes.append(event.note))
    assert path.read_bytes() == CONTENT
    assert sum("cannot reach the server any more" in note for note in notes) == 2


# What is there already


def test_a_complete_file_is_kept(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "cat.npz"
    path.write_bytes(CONTENT)
    before = path.stat().st_mtime_ns
    events: list[TransferProgress] = []
    assert fetch(server, tmp_path, progress=events.append) == path
    server.headers = {"x-goog-hash": md5_header(CONTENT)}
    fetch(server, tmp_path, progress=events.append)
    assert server.paths == [f"HEAD {CAT}"] * 2
    assert [event.state for event in events] == ["kept", "kept"]
    assert [event.note for event in events] == [
        "it is the server's file, by its size",
        "it is the server's file, by its size and MD5",
    ]
    assert path.stat().st_mtime_ns == before


@pytest.mark.parametrize(("there", "said"), [(b"mine", "has 4 bytes"), (OTHER, "has the MD5")])
def test_a_file_that_is_another_one_is_not_touched(
    server: Server, tmp_path: Path, there: bytes, said: str
) -> None:
    server.headers = {"x-goog-hash": md5_header(CONTENT)}
    (tmp_path / "cat.npz").write_bytes(there)
    message = refusal(server, tmp_path)
    assert f"{tmp_path / 'cat.npz'}: is there already but {said}" in message
    assert (tmp_path / "cat.npz").read_bytes() == there


def test_without_a_network_a_file_that_is_there_is_kept_unchecked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "*")
    (tmp_path / "cat.npz").write_bytes(CONTENT)
    events: list[TransferProgress] = []
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        download(["cat"], "sketchrnn", tmp_path, base_url=url, progress=events.append)
    assert events[-1].state == "kept"
    assert events[-1].note.startswith("but not checked: cannot reach 127.0.0.1:")


# Bad input, a full disk


@pytest.mark.parametrize(
    "name", ["", " ", "../cat", "a/b", "a\\b", "..", ".cat", "cat\n", "cat\x00", "C:cat", "x" * 101]
)
def test_a_name_that_could_lead_elsewhere_is_refused(
    server: Server, tmp_path: Path, name: str
) -> None:
    assert "is no class name" in refusal(server, tmp_path, "pig", name)
    assert server.requests == []  # not even for the pig


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"kind": "bitmap"}, "unknown kind of file 'bitmap'; choose one of sketchrnn, "),
        ({"names": []}, "no class names"),
        ({"retries": -1}, "retries=-1"),
        ({"timeout_s": 0}, "timeout_s=0"),
        ({"backoff_s": float("nan")}, "backoff_s=nan"),
        ({"base_url": "file:///etc"}, "'file:///etc' is no base address"),
        ({"base_url": "https://"}, "is no base address"),
        ({"base_url": "https://a:b"}, "is no base address"),
        ({"base_url": "https://a..b"}, "is no base address"),
        ({"base_url": "https://a/?b"}, "is no base address"),
    ],
)
def test_bad_arguments(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    arguments: dict[str, Any] = {"names": ["cat"], "kind": "raw", "folder": tmp_path}
    with pytest.raises(SketchRNNError, match=re.escape(said)):
        download(**arguments | change)


def test_a_file_where_the_folder_should_be(server: Server, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    assert "is not a folder" in refusal(server, tmp_path / "data")
    (tmp_path / "cat.npz").mkdir()
    assert "is in the way" in refusal(server, tmp_path)
    assert server.requests == []


def test_a_full_disk(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.BytesIO):
        def write(self, _: object) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(RemoteFile, "open_part", lambda _: Full())
    message = refusal(server, tmp_path)
    assert message.startswith(f"{tmp_path / 'cat.npz'}: the disk is full; make room and run again")
    assert not (tmp_path / "cat.npz").exists()


# What people see


def test_the_display_is_one_line_a_file_where_there_is_no_terminal(
    server: Server, tmp_path: Path
) -> None:
    (tmp_path / "pig.npz").write_bytes(CONTENT)
    server.script = [breaks_off(HALF)]
    out = io.StringIO()
    with progress_display(Console(file=out, width=40)) as show:
        fetch(server, tmp_path, "cat", "pig", progress=show)
    assert out.getvalue().splitlines() == [
        f"{tmp_path / 'cat.npz'}: 200,000 bytes",
        f"{tmp_path / 'pig.npz'}: kept, it is the server's file, by its size",
    ]


def test_the_display_on_a_terminal_shows_size_and_what_went_wrong(
    server: Server, tmp_path: Path
) -> None:
    server.script = [breaks_off(HALF)]
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=120)
    with progress_display(console) as show:
        fetch(server, tmp_path, progress=show)
    assert "cat.npz: the server broke off at 100,000 of 200,000 bytes; next try" in out.getvalue()
    assert "200.0/200.0 kB" in out.getvalue()


def test_the_list_of_classes() -> None:
    assert len(quickdraw_classes()) == len(set(quickdraw_classes())) == 345
    assert {"cat", "power outlet", "t-shirt", "The Mona Lisa"} <= set(quickdraw_classes())
    assert closest("Eiffel tower", quickdraw_classes()) == ["The Eiffel Tower"]
    assert closest("qqqq", quickdraw_classes()) == []
    assert all(map(module._NAME.fullmatch, quickdraw_classes()))


def test_the_list_of_classes_holds_the_real_ones(shared: Path) -> None:
    real = {path.stem for path in (shared / "data/quickdraw/simplified_345").glob("*.ndjson")}
    assert real
    assert {name.replace("_", " ") for name in real} <= set(quickdraw_classes())


def test_the_official_place_is_secure() -> None:
    assert urlsplit(QUICKDRAW_URL).scheme == "https"
    assert all(template.count("{}") == 1 for template in KINDS.values())
