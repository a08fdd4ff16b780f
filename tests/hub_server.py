"""The few endpoints of the Hugging Face Hub that the tests need, on this machine.

One model a name, whose files are in memory; a commit replaces what it names.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

from in_thread import running


class Hub(ThreadingHTTPServer):
    """Serves `models`: OWNER/NAME -> file name -> content.

    Attributes:
        asked: what was requested: "GET /path".
        claimed_bytes: sizes that it claims instead of the true ones, by file name.
        status: its only answer, where that is not None.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.models: dict[str, dict[str, bytes]] = {}
        self.private: set[str] = set()
        self.asked: list[str] = []
        self.claimed_bytes: dict[str, int] = {}
        self.status: int | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def commit_of(self, model: str) -> str:
        files = self.models[model]
        return hashlib.sha1(repr(sorted(files.items())).encode()).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = self._path()
        if path is None:
            return
        parts = path.strip("/").split("/")
        if parts[:2] == ["api", "models"]:
            model = "/".join(parts[2:4])
            if model not in self.server.models or model in self.server.private:
                self._error(401, "RepoNotFound")
            elif parts[4:5] == ["revision"] and parts[5] not in self._revisions(model):
                self._error(404, "RevisionNotFound")
            else:
                self._info(model)
            return
        model, name = "/".join(parts[:2]), "/".join(parts[4:])
        if name not in self.server.models.get(model, {}):
            self._error(404, "EntryNotFound")
            return
        content = self.server.models[model][name]
        etag = hashlib.sha1(content).hexdigest()
        self._answer(content, {"X-Repo-Commit": self.server.commit_of(model), "ETag": f'"{etag}"'})

    def do_POST(self) -> None:
        path = self._path()
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        if path is None:
            return
        parts = path.strip("/").split("/")
        if path == "/api/repos/create":
            asked = json.loads(body)
            model = f"{asked['organization']}/{asked['name']}"
            self.server.models.setdefault(model, {"README.md": b"old"})
            self._json({"url": f"{self.server.address}/{model}", "name": model, "id": model})
        elif path == "/api/validate-yaml":
            self._json({"errors": [], "warnings": []})
        elif parts[4] == "preupload":
            files = [
                {"path": file["path"], "uploadMode": "regular", "shouldIgnore": False}
                for file in json.loads(body)["files"]
            ]
            self._json({"files": files})
        else:
            assert parts[4] == "commit", path
            model = "/".join(parts[2:4])
            for line in map(json.loads, body.splitlines()):
                if line["key"] == "file":
                    assert line["value"]["encoding"] == "base64"
                    content = base64.b64decode(line["value"]["content"])
                    self.server.models[model][line["value"]["path"]] = content
            commit = self.server.commit_of(model)
            address = f"{self.server.address}/{model}/commit/{commit}"
            self._json({"success": True, "commitOid": commit, "commitUrl": address})

    def _path(self) -> str | None:
        path = unquote(urlsplit(self.path).path)
        self.server.asked.append(f"{self.command} {path}")
        if self.server.status is None:
            return path
        self._error(self.server.status, "")
        return None

    def _revisions(self, model: str) -> tuple[str, ...]:
        return ("main", self.server.commit_of(model))

    def _info(self, model: str) -> None:
        claimed = self.server.claimed_bytes
        siblings = [
            {"rfilename": name, "size": claimed.get(name, len(content)), "blobId": "0"}
            for name, content in self.server.models[model].items()
        ]
        commit = self.server.commit_of(model)
        self._json({"id": model, "modelId": model, "sha": commit, "siblings": siblings})

    def _json(self, document: Any) -> None:
        self._answer(json.dumps(document).encode(), {"Content-Type": "application/json"})

    def _error(self, status: int, code: str) -> None:
        self._answer(b"", {"X-Error-Code": code}, status)

    def _answer(self, content: bytes, headers: dict[str, str], status: int = 200) -> None:
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(content))}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


@contextmanager
def hub_server() -> Iterator[Hub]:
    """A hub that runs as long as the block."""
    with running(Hub()) as hub:
        yield hub
