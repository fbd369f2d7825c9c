"""A small server on loopback that takes uploads as the hub does, with the faults it can have."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from encswap.hub import git_blob
from tests.hub_server import listening

TOKEN = "hf_" + "t" * 30
COMMIT = "c" * 40


@dataclass
class Hosted:
    """A repository that uploads go to."""

    private: bool
    files: dict[str, bytes] = field(default_factory=dict)
    commits: int = 0


@dataclass
class Hub:
    """What the server holds, what it was asked, and what is wrong: a status by word of the path.

    `refused` is what a card is refused for.
    """

    repositories: dict[str, Hosted] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)
    faults: dict[str, int] = field(default_factory=dict)
    cut: str = ""
    refused: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)


@contextmanager
def taking_uploads(hub: Hub) -> Iterator[str]:
    """Serve a hub; yields the address."""

    class Handler(_Handler):
        held = hub

    with listening(Handler) as address:
        yield address


class _Handler(BaseHTTPRequestHandler):
    held: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as inherited
        """Keep quiet."""

    def do_HEAD(self) -> None:
        self._answer({})

    def do_GET(self) -> None:
        if self._refused():
            return
        name = self.path.removeprefix("/api/models/").partition("?")[0]
        if name in self.held.repositories:
            self._answer(self._info(name, self.held.repositories[name]))
        else:
            self._answer({"error": "Repository not found"}, 404, {"X-Error-Code": "RepoNotFound"})

    def do_POST(self) -> None:
        body = self._body()
        if self._refused():
            return
        path = self.path.partition("?")[0]
        if path == "/api/repos/create":
            self._create(json.loads(body))
        elif path == "/api/validate-yaml":
            errors = [{"message": one} for one in self.held.refused]
            self._answer({"errors": errors, "warnings": []}, 400 if errors else 200)
        elif "/preupload/" in path:
            files = json.loads(body)["files"]
            self._answer({"files": [self._mode(one["path"]) for one in files]})
        elif path.endswith("/info/lfs/objects/batch"):
            objects = [self._action(one) for one in json.loads(body)["objects"]]
            self._answer({"transfer": "basic", "objects": objects})
        else:
            name = path.removeprefix("/api/models/").partition("/commit/")[0]
            self._commit(name, [json.loads(line) for line in body.splitlines()])

    def do_PUT(self) -> None:
        if self.held.cut:
            self.held.cut = ""
            self.held.faults["/commit/"] = 500
        content = self._body()
        if self._refused(signed=True):
            return
        oid = self.path.rpartition("/")[2]
        assert hashlib.sha256(content).hexdigest() == oid
        self.held.objects[oid] = content
        self._answer({})

    def _refused(self, *, signed: bool = False) -> bool:
        self.held.asked.append(f"{self.command} {self.path}")
        if not signed and self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self._answer({"error": "Invalid credentials"}, 401)
            return True
        for word, status in self.held.faults.items():
            if word in self.path:
                said = {"X-Error-Message": f"refused to {self.headers.get('Authorization')}"}
                self._answer({"error": said["X-Error-Message"]}, status, said)
                return True
        return False

    def _info(self, name: str, found: Hosted) -> dict[str, Any]:
        siblings = [
            {"rfilename": path, "size": len(content), "blobId": git_blob(content)}
            for path, content in found.files.items()
        ]
        return {"_id": "1", "id": name, "sha": COMMIT, "private": found.private,
                "siblings": siblings}  # fmt: skip

    def _create(self, asked: dict[str, Any]) -> None:
        name = f"{asked['organization']}/{asked['name']}"
        private = asked.get("private", asked.get("visibility") == "private")
        self.held.repositories[name] = Hosted(private, {".gitattributes": b""})
        self._answer({"url": f"http://{self.headers['Host']}/{name}", "name": name})

    def _mode(self, path: str) -> dict[str, Any]:
        mode = "lfs" if path.endswith(".safetensors") else "regular"
        return {"path": path, "uploadMode": mode, "shouldIgnore": False}

    def _action(self, asked: dict[str, Any]) -> dict[str, Any]:
        known = {"oid": asked["oid"], "size": asked["size"]}
        if asked["oid"] in self.held.objects:
            return known
        href = f"http://{self.headers['Host']}/store/{asked['oid']}"
        return {**known, "actions": {"upload": {"href": href, "header": {}}}}

    def _commit(self, name: str, lines: list[dict[str, Any]]) -> None:
        found = self.held.repositories[name]
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                found.files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                found.files[value["path"]] = self.held.objects[value["oid"]]
        found.commits += 1
        url = f"http://{self.headers['Host']}/{name}/commit/{COMMIT}"
        self._answer({"commitUrl": url, "commitOid": COMMIT})

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            parts = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _answer(self, value: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        content = json.dumps(value).encode()
        self.send_response(status)
        for key, one in (headers or {}).items():
            self.send_header(key, one)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)
