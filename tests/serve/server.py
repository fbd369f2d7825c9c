"""A real server process on loopback whose model answers with what its text says."""

from __future__ import annotations

import http.client
import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

# Finds every number in a text; waits as long as `sleep:SECONDS` in it says.
STUB = """
import re, sys, time
import encswap.api
from encswap.errors import InputError
from encswap.types import Prediction

class Model:
    labels, threshold = ("Number",), 0.5
    def predict(self, texts, labels=None, *, threshold=None, flat=False, batch_size=16):
        for text in texts:
            if found := re.search(r"sleep:([0-9.]+)", text):
                time.sleep(float(found[1]))
            if "broken" in text:
                raise InputError("no room for text")
            if "crash" in text:
                raise RuntimeError("boom\\nline two")
        return [
            [Prediction(*one.span(), (labels or self.labels)[0], threshold or 0.5)
             for one in re.finditer("[0-9]+", text)] for text in texts
        ]

encswap.api.open_model = lambda path: Model()
from encswap.cli import main
main()
"""


class Server:
    """`encswap serve` with the stub, or with a model of its own."""

    def __init__(self, *arguments: str, model: str | None = None) -> None:
        start = ["-m", "encswap"] if model else ["-c", STUB]
        command = [sys.executable, *start, "serve", model or "stub", "--port", "0", *arguments]
        environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
        )
        self.port = self._wait()

    def _wait(self, seconds: float = 90) -> int:
        assert self.process.stderr is not None
        stream, lines = self.process.stderr.fileno(), b""
        until = time.monotonic() + seconds
        while time.monotonic() < until and self.process.poll() is None:
            if select.select([stream], [], [], 1)[0]:
                lines += os.read(stream, 4096)  # not through a buffer that select does not see
                if found := re.search(rb"http://127\.0\.0\.1:(\d+)\n", lines):
                    return int(found[1])
        self.process.kill()
        raise AssertionError(f"no server: {lines!r}")

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_error: object) -> None:
        self.process.kill()
        self.process.communicate()

    def connect(self, timeout: float = 60) -> http.client.HTTPConnection:
        """A connection of its own."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def request(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        """Send one request on a new connection."""
        connection = self.connect()
        try:
            connection.request(method, path, body, {"content-type": "application/json"})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def extract(self, **asked: Any) -> tuple[int, Any]:
        """POST /extract."""
        status, body = self.request("POST", "/extract", json.dumps(asked).encode())
        return status, json.loads(body)

    def stop(self, number: int = signal.SIGTERM) -> None:
        """Send a signal; `finish` waits for the end."""
        self.process.send_signal(number)

    def finish(self) -> tuple[int, str]:
        """Wait for the end: exit code and what was written to stderr."""
        _, told = self.process.communicate(timeout=60)
        return self.process.returncode, told

    def memory(self) -> int:
        """Resident bytes of the process."""
        pages = Path(f"/proc/{self.process.pid}/statm").read_text(encoding="ascii").split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")
