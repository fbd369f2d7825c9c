"""Two processes and one folder: one trains, the other is told so; an interrupt is one line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from encswap.data.input import find_data
from tests.dying import Zygote
from tests.train.test_resume import HEEDING

RACER = """
    import json, os, random, sys, time
    from pathlib import Path
    from encswap.errors import InputError
    from encswap.train.run_folder import RunFolder

    root, rounds, how = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    chance = random.Random(os.getpid())
    told = []
    for number in range(rounds):
        path = root / str(number)
        (root / f"{number}.ready.{os.getpid()}").touch()
        while len(list(root.glob(f"{number}.ready.*"))) < 2:
            pass
        time.sleep(chance.choice([0, 0, 0.001, 0.003]))
        try:
            folder = RunFolder.resume(path) if how == "resume" else RunFolder.create(path)
            time.sleep(chance.choice([0, 0.002, 0.01]))  # as the models are made ready
            with folder.held():
                with (root / f"{number}.trained").open("a") as file:
                    file.write(f"{os.getpid()}\\n")
                if how != "resume":
                    folder.write_text("encswap.json", "{}")
                time.sleep(chance.choice([0, 0.002, 0.01]))
                folder.write_metrics({})
            told.append("trained")
        except InputError as error:
            told.append(str(error))
    print(json.dumps(told))
"""
REFUSALS = ("another process is training here", "is a run already", "is finished", "exists;")


def race(root: Path, rounds: int, how: str) -> list[set[str]]:
    """Let two processes open the same folders at the same time; returns what each round told."""
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(RACER), str(root), str(rounds), how],
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    told = [json.loads(one.communicate(timeout=300)[0]) for one in racers]
    return [set(pair) for pair in zip(*told, strict=True)]


@pytest.mark.parametrize("how", ["new", "resume"])
def test_of_two_processes_that_race_for_a_folder_exactly_one_trains(
    tmp_path: Path, how: str, rounds: int = 40
):
    if how == "resume":
        manifest = {
            "encswap": "0",
            "base": {"name": "b", "identifier": "b"},
            "encoder": {"name": "e", "identifier": "e"},
            "splitter": {"name": "char"},
            "max_width": 8,
        }
        for number in range(rounds):
            (tmp_path / str(number)).mkdir()
            (tmp_path / str(number) / "encswap.json").write_text(json.dumps(manifest))
    for number, told in enumerate(race(tmp_path, rounds, how)):
        trained = (tmp_path / f"{number}.trained").read_text().split()
        assert len(trained) == 1, (number, told)
        (refused,) = told - {"trained"}
        assert any(sign in refused for sign in REFUSALS), refused
        assert not (tmp_path / str(number) / ".lock").exists()


@pytest.mark.slow
@pytest.mark.parametrize("how", ["new", "resume"])
def test_of_two_processes_that_race_two_hundred_times_exactly_one_trains(tmp_path: Path, how: str):
    test_of_two_processes_that_race_for_a_folder_exactly_one_trains(tmp_path, how, rounds=200)


@pytest.fixture(scope="module")
def command(base_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("data")
    for part, count in (("train", 12), ("test", 3)):
        lines = find_data(f"ko-medical/{part}.jsonl").read_text(encoding="utf-8").splitlines()
        (folder / f"{part}.jsonl").write_text("\n".join(lines[:count]) + "\n", encoding="utf-8")
    return [
        *("train", "--encoder", "koelectra", "--scale", "mini", "--base", str(base_folder)),
        *("--train", str(folder / "train.jsonl"), "--test", str(folder / "test.jsonl")),
        *("--splitter", "char", "--set", "epochs=2", "--set", "patience=9"),
    ]


@pytest.mark.slow
def test_two_real_runs_that_race_for_a_folder_end_as_one_run_and_one_line(
    command: list[str], tmp_path: Path
):
    zygotes = [Zygote(tmp_path / f"home-{number}") for number in range(2)]
    zygotes[0].run(*command, "--out", str(tmp_path / "first"), root=tmp_path)
    for zygote in zygotes:
        zygote.start(*command, "--out", str(tmp_path / "run"), root=tmp_path)
    ended = sorted((zygote.end() for zygote in zygotes), key=lambda one: one.code)
    for zygote in zygotes:
        zygote.close()
    assert [one.code for one in ended] == [0, 2], [one.err for one in ended]
    (line,) = ended[1].lines
    assert any(sign in line for sign in REFUSALS) and "Traceback" not in ended[1].err
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert not [one for one in (tmp_path / "run").iterdir() if one.name.startswith(".")]


def interrupt(command: list[str], wait: float, out: Path, times: int) -> tuple[int, str]:
    """Begin a run, send it interrupts after a while, and return its code and what it said."""
    process = subprocess.Popen(
        [
            *(sys.executable, "-c", HEEDING, sys.executable, "-m", "encswap", *command),
            *("--set", "epochs=400", "--set", "patience=400", "--out", str(out)),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    end = time.monotonic() + 60
    while wait < 0 and not (out / "encswap.json").is_file() and time.monotonic() < end:
        time.sleep(0.01)
    time.sleep(abs(wait))
    for _ in range(times):
        process.send_signal(signal.SIGINT)
        time.sleep(0.02)
    _, said = process.communicate(timeout=60)
    return process.returncode, said


# Seconds after the start, or where negative after the run has begun.
@pytest.mark.parametrize(("wait", "times"), [(0.8, 5), (2.0, 5), (4.0, 1), (-0.05, 5), (-1.0, 5)])
def test_interrupts_end_a_run_in_one_line_that_advises_what_works(
    command: list[str], tmp_path: Path, wait: float, times: int
):
    out = tmp_path / "run"
    code, said = interrupt(command, wait, out, times)
    assert code == 130, said
    assert "Traceback" not in said and "Aborted" not in said and "Exception ignored" not in said
    (line,) = [one for one in said.splitlines() if one.startswith("encswap:")]
    assert "interrupted" in line
    assert (f"--resume {out}" in line) == (out / "encswap.json").is_file()


DESTRUCTOR = """
import signal, time
from encswap.cli import interrupts

# A suite that a shell began in the background would ignore the key, and hand that on.
signal.signal(signal.SIGINT, signal.default_int_handler)

class Slow:
    def __del__(self):
        print("in the destructor", flush=True)
        time.sleep(30)

interrupts.listen()
slow = Slow()
try:
    del slow
    time.sleep(30)
except KeyboardInterrupt:
    print("heard")
"""


def test_an_interrupt_that_python_drops_in_a_destructor_is_heard_after_it():
    with subprocess.Popen(
        [sys.executable, "-c", DESTRUCTOR],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "in the destructor\n"
        time.sleep(0.3)  # a signal that comes just before Python sleeps is heard after the sleep
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=20)[0] == "heard\n"
