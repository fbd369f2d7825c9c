"""Two processes train as one does: the same losses, the same metrics on every rank, one writer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.torch import load_file

PROGRAM = """
import json, os, sys
from pathlib import Path
from encswap.cli.train import resolve_recipe, train_run
from encswap.distributed import rank

out, rank_file, *settings = sys.argv[1:]
recipe = resolve_recipe({}, settings, None, "mini")
metrics, _ = train_run(recipe, Path(out))
Path(f"{rank_file}.{rank()}").write_text(json.dumps(metrics))
"""


def launch(folder: Path, settings: dict[str, object], processes: int) -> list[dict[str, object]]:
    program = folder / "program.py"
    program.write_text(PROGRAM)
    given = [f"{key}={value}" for key, value in settings.items()]
    torchrun = ("-m", "torch.distributed.run", "--nproc-per-node", str(processes), "--standalone")
    done = subprocess.run(
        [sys.executable, *torchrun, str(program), str(folder / "run"), str(folder / "m"), *given],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads((folder / f"m.{rank}").read_text()) for rank in range(processes)]


def curve(metrics: dict[str, object]) -> list[float]:
    return [epoch["train_loss"] for epoch in metrics["epochs"]]


@pytest.mark.filterwarnings("default")
def test_two_processes_train_as_one_does(base_folder, files, tmp_path):
    lines = Path(files["train"]).read_text(encoding="utf-8").splitlines()
    train = tmp_path / "train.jsonl"
    train.write_text("\n".join(lines[:16]) + "\n", encoding="utf-8")
    settings = {
        **{"encoder": "koelectra", "base": base_folder, "train": train, "epochs": 2},
        **{"dev": files["test"], "test": files["test"]},
        **{"dropout": 0, "negative_masking": 0, "mask_subtokens": 0},
    }
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    (alone,) = launch(tmp_path / "one", {**settings, "batch_size": 8}, 1)
    first, second = launch(tmp_path / "two", {**settings, "batch_size": 4}, 2)
    assert curve(first) == pytest.approx(curve(alone), rel=1e-3)
    for one in (first, second):
        one.pop("throughput")
        one.pop("seconds")
        one.pop("provenance")
        for epoch in one["epochs"]:
            epoch.pop("seconds")
    assert first == second
    assert first["test"]["micro"]["f1"] == pytest.approx(alone["test"]["micro"]["f1"], abs=0.02)
    ours, theirs = (
        load_file(tmp_path / name / "run" / "checkpoint" / "model.safetensors")
        for name in ("two", "one")
    )
    worst = max(float((ours[name] - theirs[name]).abs().max()) for name in ours)
    assert worst < 1e-3
    assert not [p.name for p in (tmp_path / "two" / "run").iterdir() if p.name.startswith(".")]


def test_what_is_wrong_with_the_input_is_said_once(tmp_path):
    done = subprocess.run(
        [
            *(sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"),
            *("--standalone", "-m", "encswap", "train", "--encoder", "ko-debert"),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=False,
    )
    said = [line for line in done.stderr.splitlines() if line.startswith("encswap:")]
    assert len(said) == 1 and "did you mean 'ko-deberta'" in said[0]
