"""A small server in the shape of the hub, on loopback, with the faults that a hub can have."""

from __future__ import annotations

import hashlib
import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

COMMIT = "a" * 40
LATER = "b" * 40


@dataclass
class Repository:
    """Files of one repository, and what is wrong with it."""

    files: dict[str, bytes]
    status: int = 200
    gate: bool = False
    delay: float = 0.0
    cut: str = ""
    drip: str = ""
    lie: str = ""
    moves: bool = False
    commit: str = COMMIT
    headers: dict[str, str] = field(default_factory=dict)
    listed: dict[str, Any] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)
    sends_on: str = ""
    endless: bool = False
    tokens: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)


def from_folder(folder: Path, **faults: Any) -> Repository:
    """Serve the files of a folder."""
    files = {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
    return Repository(files, **faults)


def git_blob(content: bytes) -> str:
    """The id that git, and so the hub, gives to a file."""
    head = f"blob {len(content)}\0".encode()
    return hashlib.sha1(head + content, usedforsecurity=False).hexdigest()


class _Listener(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed is part of a test; its trace would land in another's output."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def listening(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Serve on a free port of this machine; yields the address."""
    server = _Listener(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def serving(repositories: dict[str, Repository]) -> Iterator[str]:
    """Serve repositories by their id; yields the address."""

    class Handler(_Handler):
        hosted = repositories

    with listening(Handler) as address:
        yield address


class _Handler(BaseHTTPRequestHandler):
    hosted: dict[str, Repository]
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as inherited
        """Keep quiet."""

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        path = unquote(urlsplit(self.path).path)
        if path == "/":
            self._send(200, b"{}", body=body)
        elif path.startswith("/api/models/"):
            self._info(path.removeprefix("/api/models/"), body)
        else:
            self._file(path, body)

    def _find(self, name: str) -> Repository | None:
        found = self.hosted.get(name)
        if found is None:
            headers = {"X-Error-Code": "RepoNotFound", "X-Error-Message": "Repository not found"}
            self._send(404, b"", headers)
            return None
        if found.delay:
            time.sleep(found.delay)
        if found.status != 200:
            self._send(found.status, b"", {"X-Error-Message": "refused"})
            return None
        return found

    def _info(self, rest: str, body: bool) -> None:
        name, _, revision = rest.partition("/revision/")
        found = self._find(name)
        if found is None:
            return
        if revision not in ("", "main", found.commit):
            self._send(404, b"", {"X-Error-Code": "RevisionNotFound"})
            return
        siblings = [
            {"rfilename": path, "size": len(content), "blobId": self._blob(found, path)}
            for path, content in found.files.items()
        ]
        for one in siblings:
            one.update(found.listed)
        info = {"_id": "1", "id": name, "modelId": name, "sha": found.commit, "siblings": siblings}
        info.update(found.about)
        self._send(200, json.dumps(info).encode(), body=body)

    def _blob(self, found: Repository, path: str) -> str:
        return git_blob(found.files[path] + (b"!" if path == found.lie else b""))

    def _file(self, path: str, body: bool) -> None:
        name, _, rest = path.removeprefix("/").partition("/resolve/")
        found = self._find(name)
        if found is None:
            return
        _, _, file = rest.partition("/")
        if found.gate:
            self._send(403, b"", {"X-Error-Code": "GatedRepo", "X-Error-Message": "gated"})
            return
        if file not in found.files:
            self._send(404, b"", {"X-Error-Code": "EntryNotFound", **found.headers})
            return
        found.tokens.append(self.headers.get("Authorization") or "")
        found.asked.append(file)
        commit = LATER if found.moves else found.commit
        headers = {"X-Repo-Commit": commit, "ETag": f'"{self._blob(found, file)}"'}
        headers.update(found.headers)
        content = found.files[file]
        if found.sends_on:
            headers["Location"] = f"{found.sends_on}{path}"
            headers["X-Linked-Size"] = str(len(content))
            headers["X-Linked-Etag"] = headers["ETag"]
            self._send(302, b"", headers)
            return
        if found.endless and body:
            self._flow(headers)
            return
        self._send(200, content, headers, body=body, cut=file == found.cut, drip=file == found.drip)

    def _send(
        self,
        status: int,
        content: bytes,
        headers: dict[str, str] | None = None,
        *,
        body: bool = True,
        cut: bool = False,
        drip: bool = False,
    ) -> None:
        self.send_response(status)
        told = {"Content-Length": str(len(content)), **(headers or {})}
        for key, value in told.items():
            self.send_header(key, value)
        self.end_headers()
        if drip and self.command != "HEAD":
            self._drip(content)
        elif body and self.command != "HEAD":
            self.wfile.write(content[: len(content) // 2] if cut else content)
        if cut:
            self.close_connection = True

    def _flow(self, headers: dict[str, str]) -> None:
        """Send without a length, and never end by itself."""
        self.send_response(200)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        with suppress(OSError):
            for _ in range(2000):
                self.wfile.write(b"0" * 2**16)

    def _drip(self, content: bytes) -> None:
        """Send one byte a second: never silent for long enough to be given up on."""
        for byte in content[:30]:
            try:
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
            except OSError:
                return
            time.sleep(1)
        self.close_connection = True
