"""Commands run in forks of one loaded process, which can be killed at any file operation of theirs.

A fork costs a second where a new process costs six: so all operations of a run can be tried.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

EVENTS = {
    *("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate"),
    *("fcntl.flock", "tempfile.mkdtemp"),
}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_TRUNC


@dataclass(frozen=True)
class Ended:
    """How a command ended: its code (negative: a signal), what it said, its operations' names."""

    code: int
    out: str
    err: str
    operations: list[str]

    @property
    def lines(self) -> list[str]:
        """The lines in which an error is told."""
        return [line for line in self.err.splitlines() if line.startswith("encswap:")]


class Zygote:
    """A process with everything loaded that forks a child for each command."""

    def __init__(self, home: Path, **environment: str) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self.home = home
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.dying"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parent.parent,
            env={**os.environ, "OMP_NUM_THREADS": "1", "TMPDIR": str(home), **environment},
        )

    def start(self, *arguments: str, root: Path, at: int = 0, on: Sequence[str] = ()) -> None:
        """Begin a command; it is killed at its operation number `at`, or at one that holds `on`."""
        asked = {"arguments": arguments, "root": str(root), "at": at, "on": list(on)}
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()

    def end(self) -> Ended:
        """Wait for the command that was begun."""
        assert self.process.stdout is not None
        return Ended(**json.loads(self.process.stdout.readline()))

    def run(self, *arguments: str, root: Path, at: int = 0, on: Sequence[str] = ()) -> Ended:
        """Run a command to its end."""
        self.start(*arguments, root=root, at=at, on=on)
        return self.end()

    def close(self) -> None:
        """End the process."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(timeout=300)
        self.process.stdout.close()


def watch(root: str, at: int, on: Sequence[str], log: Path) -> None:
    """Note the operations on files in `root`, and die at the one that is named.

    `on`: an event's name, a part of its path, and which one of those counted from 1.
    """
    count = matched = 0
    stream = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal count, matched
        if event == "open":
            if not isinstance(arguments[2], int) or not arguments[2] & WRITING:
                return
        elif event not in EVENTS:
            return
        told = " ".join(os.fsdecode(a) for a in arguments if isinstance(a, str | bytes | Path))
        # shutil.rmtree names what it removes relative to an open folder.
        relative = event in ("os.remove", "os.rmdir") and not told.startswith("/")
        if event != "fcntl.flock" and root not in told and not relative:
            return
        count += 1
        os.write(stream, f"{event} {told}\n".encode())
        if on and event == on[0] and on[1] in told:
            matched += 1
        if count == at or (on and matched == int(on[2])):
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def child(asked: dict[str, Any], out: Path, err: Path, log: Path) -> None:
    """Be the command: with its own streams, its own limits, and a death at a known moment."""
    for descriptor, path in ((1, out), (2, err)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), descriptor)
    sys.argv = ["encswap", *asked["arguments"]]
    from encswap.cli.app import main

    watch(asked["root"], asked["at"], asked["on"], log)
    main()


def serve(home: Path) -> None:
    """Fork a child for each line that is asked, and say how it ended."""
    import seqeval.metrics  # noqa: F401 - half a run's time where it is loaded in each child

    import encswap.cli.progress
    import encswap.train.run
    import encswap.train.trainer
    from encswap.plugins import load_plugins

    encswap.cli.progress.quiet_libraries()
    load_plugins()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    files = [home / f"child-{os.getpid()}.{name}" for name in ("out", "err", "log")]
    for line in sys.stdin:
        for file in files:
            file.unlink(missing_ok=True)
        number = os.fork()
        if number == 0:
            code = 1
            try:
                child(json.loads(line), *files)
                code = 0
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else 1
            except BaseException:
                import traceback

                traceback.print_exc()
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
        status = os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])
        out, err, log = (f.read_text(errors="replace") if f.exists() else "" for f in files)
        ended = {"code": status, "out": out, "err": err, "operations": log.splitlines()}
        sys.__stdout__.write(json.dumps(ended) + "\n")  # type: ignore[union-attr]
        sys.__stdout__.flush()  # type: ignore[union-attr]


if __name__ == "__main__":
    serve(Path(os.environ["TMPDIR"]))
