"""A run that was killed goes on, and ends with the very weights of one that was not."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from safetensors.torch import load_file

from encswap.data.input import find_data

pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture(scope="session")
def arguments(base_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("resume")
    for part, count in (("train", 20), ("test", 4)):
        lines = find_data(f"ko-medical/{part}.jsonl").read_text(encoding="utf-8").splitlines()
        (folder / f"{part}.jsonl").write_text("\n".join(lines[:count]) + "\n", encoding="utf-8")
    return [
        *("--encoder", "koelectra", "--scale", "mini", "--base", str(base_folder)),
        *("--train", str(folder / "train.jsonl"), "--test", str(folder / "test.jsonl")),
        *("--set", "epochs=4", "--set", "patience=9", "--set", "synthetic_labels=0.5"),
        *("--set", "gradient_accumulation=2", "--set", "batch_size=2"),
    ]


HEEDING = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])
"""


def start(*arguments: str, room: str = "unlimited") -> subprocess.Popen[bytes]:
    """Start a run; no file may grow beyond `room` KiB."""
    limited = ("bash", "-c", f'ulimit -f {room}; exec "$@"', "bash")
    # Whoever starts the tests in the background has SIGINT ignored, and children inherit that.
    python = (sys.executable, "-c", HEEDING, sys.executable)
    return subprocess.Popen(
        [*limited, *python, "-m", "encswap", "train", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def finish(*arguments: str) -> str:
    process = start(*arguments)
    _, said = process.communicate(timeout=300)
    assert process.returncode == 0, said.decode()
    return said.decode()


@pytest.fixture(scope="session")
def whole(arguments: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "run"
    finish(*arguments, "--out", str(folder))
    return folder


def scores(folder: Path) -> dict[str, object]:
    metrics = json.loads((folder / "metrics.json").read_text())
    epochs = [{k: v for k, v in one.items() if k != "seconds"} for one in metrics["epochs"]]
    return {"test": metrics["test"], "threshold": metrics["threshold"], "epochs": epochs}


@pytest.mark.parametrize("kill", range(3))
def test_sigkill_and_resume_end_with_the_same_weights_bit_for_bit(
    arguments: list[str], whole: Path, tmp_path: Path, kill: int
):
    folder = tmp_path / "run"
    process = start(*arguments, "--out", str(folder))
    epochs = random.SystemRandom().randint(0, 2)
    while len(log(folder)) < epochs and process.poll() is None:
        time.sleep(0.01)
    time.sleep(random.SystemRandom().uniform(0, 0.4))
    process.send_signal(signal.SIGKILL)
    process.communicate()
    if process.returncode == 0:
        pytest.fail("the run ended before it was killed")
    if not (folder / "encswap.json").is_file():
        return  # killed before the run had begun: there is nothing to resume
    finish("--resume", str(folder))
    ours = load_file(folder / "checkpoint" / "model.safetensors")
    theirs = load_file(whole / "checkpoint" / "model.safetensors")
    assert ours.keys() == theirs.keys()
    assert all(ours[name].equal(theirs[name]) for name in ours)
    assert scores(folder) == scores(whole)


def log(folder: Path) -> list[str]:
    path = folder / "log.jsonl"
    return path.read_text().splitlines() if path.is_file() else []


def test_a_run_that_is_still_training_is_not_resumed(arguments: list[str], tmp_path: Path):
    folder = tmp_path / "run"
    process = start(*arguments, "--out", str(folder))
    while not log(folder) and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGSTOP)
    second = start("--resume", str(folder))
    _, said = second.communicate(timeout=60)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert second.returncode == 2
    assert b"another process is training here" in said


def test_a_finished_run_is_not_resumed(whole: Path):
    process = start("--resume", str(whole))
    _, said = process.communicate(timeout=60)
    assert process.returncode == 2
    assert b"is finished" in said


def test_a_run_whose_data_changed_is_refused_with_what_changed(whole: Path, tmp_path: Path):
    import shutil

    folder = tmp_path / "run"
    shutil.copytree(whole, folder)
    (folder / "metrics.json").unlink()
    manifest = json.loads((folder / "encswap.json").read_text())
    manifest["data"]["train"] = "0" * 64
    (folder / "encswap.json").write_text(json.dumps(manifest))
    process = start("--resume", str(folder))
    _, said = process.communicate(timeout=60)
    assert process.returncode == 2
    assert b"data train: 0000" in said
    assert b"--force" in said


def test_a_run_of_a_version_that_had_fewer_settings_goes_on_with_them_at_their_defaults(
    whole: Path, tmp_path: Path
):
    import shutil

    folder = tmp_path / "run"
    shutil.copytree(whole, folder)
    (folder / "metrics.json").unlink()
    shutil.rmtree(folder / "checkpoint")
    manifest = json.loads((folder / "encswap.json").read_text())
    added = ("running_text", "label_thresholds", "replay_share", "retention_data")
    for name in added:
        del manifest["recipe"][name]
    (folder / "encswap.json").write_text(json.dumps(manifest))
    finish("--resume", str(folder))
    assert scores(folder) == scores(whole)

    (folder / "metrics.json").unlink()
    manifest["recipe"]["seed"] = 7
    (folder / "encswap.json").write_text(json.dumps(manifest))
    process = start("--resume", str(folder))
    _, said = process.communicate(timeout=60)
    assert process.returncode == 2 and b"changed since the run began" in said
    assert not any(name.encode() in said for name in added)


def test_nothing_half_written_stays_behind(whole: Path):
    assert not [path.name for path in whole.iterdir() if path.name.startswith(".")]
    assert not (whole / "state").exists()


def test_a_full_disk_ends_in_one_line_and_a_run_that_goes_on(
    arguments: list[str], whole: Path, tmp_path: Path
):
    folder = tmp_path / "run"
    # The checkpoint finds room, the optimizer's state, twice as large, does not.
    process = start(*arguments, "--out", str(folder), room="6144")
    _, said = process.communicate(timeout=120)
    assert process.returncode == 2
    (line,) = [one for one in said.decode().splitlines() if one.startswith("encswap:")]
    assert "cannot be written" in line and "--resume" in line
    assert b"Traceback" not in said
    finish("--resume", str(folder))
    ours = load_file(folder / "checkpoint" / "model.safetensors")
    theirs = load_file(whole / "checkpoint" / "model.safetensors")
    assert all(ours[name].equal(theirs[name]) for name in theirs)


def test_no_room_for_the_proof_ends_in_one_line_with_nothing_written(
    arguments: list[str], whole: Path, tmp_path: Path
):
    process = start(*arguments, "--out", str(tmp_path / "run"), room="1024")
    _, said = process.communicate(timeout=120)
    assert process.returncode == 2
    assert "the proof cannot be written" in said.decode() and b"Traceback" not in said
    assert not (tmp_path / "run").exists()


def test_an_interrupted_run_says_how_to_go_on(arguments: list[str], tmp_path: Path):
    folder = tmp_path / "run"
    process = start(*arguments, "--out", str(folder))
    while not log(folder) and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"encswap train --resume {folder}" in said.decode()
    assert b"Traceback" not in said
