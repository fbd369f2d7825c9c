"""`train --dry-run`: every planted fault is named in seconds, and nothing is left behind."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner

from encswap.cli.app import app
from encswap.testing.mini.encoders import mini_encoder
from encswap.train import fit, preflight

TEXTS = [f"{n}번 환자는 당뇨병으로 인슐린을 썼다." for n in range(20)]
GOLD = [{"text": one, "entities": {"Disease": ["당뇨병"], "Drug": ["인슐린"]}} for one in TEXTS]
SECONDS = 5.0


def written(path: Path, records: Sequence[object]) -> str:
    lines = [one if isinstance(one, str) else json.dumps(one) for one in records]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


@pytest.fixture
def call(tmp_path: Path, monkeypatch, base_folder: Path, plugins) -> Callable[..., dict]:
    """Call a dry run on small good documents; options come over it, files by role."""
    monkeypatch.chdir(tmp_path)
    mini_encoder(plugins.encoders["koelectra"])

    def run(*options: str, exit_code: int, **files: Sequence[object]) -> dict:
        command = ["train", "--dry-run", "--scale", "mini", "--format", "json"]
        command += ["-e", "koelectra", "--base", str(base_folder)]
        for role in ("train", "test"):
            command += [
                f"--{role}",
                written(tmp_path / f"{role}.jsonl", files.get(role, GOLD)),
            ]
        before = sorted(os.walk(tmp_path))
        began = time.process_time()
        result = CliRunner().invoke(app, [*command, *options])
        spent = time.process_time() - began
        assert result.exit_code == exit_code, result.output
        assert sorted(os.walk(tmp_path)) == before
        found = json.loads(result.stdout)
        assert found["ready"] is (exit_code == 0)
        if exit_code:
            assert spent < SECONDS, f"{spent:.1f} s of work"
            refused = [line for line in result.stderr.splitlines() if line.startswith("encswap:")]
            assert len(refused) == 1 and "Traceback" not in result.output
        return found

    return run


def failed(found: dict) -> dict[str, str]:
    return {one["name"]: one["message"] for one in found["checks"] if one["status"] == "fail"}


def test_a_run_that_would_work_is_ready_with_its_steps_time_and_cost(call):
    found = call("--price-per-hour", "3600", exit_code=0)
    assert failed(found) == {}
    assert [one["name"] for one in found["checks"]] == [
        "tracker", "folder", "documents", "labels", "splitter", "encoder", "base", "memory",
        "device", "disk",
    ]  # fmt: skip
    # 18 training documents of 20, 8 to a batch; the mini recipe's 7 epochs.
    assert (found["steps_per_epoch"], found["steps"]) == (3, 21)
    assert found["seconds"] > 0 and found["cost"] == pytest.approx(found["seconds"])


FAULTS = {
    "an unknown tracker": (["--set", "report_to=board"], {}, "tracker", "'board'"),
    "settings that contradict": (
        ["--set", "alignment=ridge", "--strategy", "scratch"], {}, "settings", "kept heads"),
    "a folder that is taken": (["--out", "taken"], {}, "folder", "nothing is overwritten"),
    "a file that is missing": (["--train", "none.jsonl"], {}, "documents", "no such file"),
    "a broken line": ([], {"train": [*GOLD[:3], "{oops"]}, "documents", "train.jsonl:4"),
    "labels that do not meet": (
        [], {"test": [{"text": TEXTS[0], "entities": {"disease": ["당뇨병"]}}]},
        "documents", "differ by case"),
    "a label without gold": (
        [], {"train": [{**one, "entities": {**one["entities"], "Rare": []}} for one in GOLD]},
        "documents", "'Rare'"),
    "no documents for dev": ([], {"train": GOLD[:1]}, "documents", ""),
    "an unknown splitter": (["--splitter", "nowhere"], {}, "splitter", "'nowhere'"),
    "a splitter that cannot express the gold": (
        ["--splitter", "whitespace"], {}, "splitter", "trained as absent"),
    "an encoder without files": (["-e", "./empty"], {}, "encoder", "config.json"),
    "an encoder of another size": (["-e", "./wide"], {}, "encoder", "hidden size 128"),
    "a base that is none": (["--base", "./wide"], {}, "base", "no GLiNER2 checkpoint"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_each_planted_fault_is_named_in_seconds(fault, call, tmp_path, plugins, monkeypatch):
    import encswap.gliner.model as gliner

    monkeypatch.setattr(gliner, "read_model", None)  # weights are never read
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "notes.txt").write_text("mine")
    (tmp_path / "empty").mkdir()
    if "wide" in str(FAULTS[fault]):
        mini_encoder(plugins.encoders["kure"])
        (tmp_path / "wide").symlink_to(_mini_folder("kure"))
    options, files, name, said = FAULTS[fault]
    assert said in failed(call(*options, exit_code=2, **files))[name]


def _mini_folder(name: str) -> Path:
    from encswap.models import mini_folder

    return mini_folder("encoder", name)


def test_a_full_disk_and_a_device_that_is_too_small_are_named(call, monkeypatch):
    monkeypatch.setattr(preflight, "free_bytes", lambda _: 1_000_000)
    monkeypatch.setattr(fit, "device_memory", lambda: 2e6)
    found = failed(call(exit_code=2))
    assert "1.0 MB are free" in found["disk"]
    assert "the device has 2.0 MB" in found["memory"]


def test_several_faults_are_all_reported_and_the_first_ends_the_command(call):
    found = failed(call("--set", "report_to=board", "--splitter", "whitespace", exit_code=2))
    assert set(found) == {"tracker", "splitter"}


def test_a_real_run_stops_at_the_same_fault_and_leaves_no_folder(tmp_path, monkeypatch, call):
    monkeypatch.chdir(tmp_path)
    found = failed(call("--splitter", "whitespace", exit_code=2))
    command = ["train", "--scale", "mini", "-e", "koelectra", "--splitter", "whitespace"]
    command += ["--train", "train.jsonl", "--test", "test.jsonl", "--out", "run"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 2 and found["splitter"] in result.stderr
    assert not (tmp_path / "run").exists()


def test_a_dry_run_of_a_resumption_is_refused(tmp_path):
    result = CliRunner().invoke(app, ["train", "--dry-run", "--resume", str(tmp_path)])
    assert result.exit_code == 2 and "leave --resume out" in result.stderr


def test_the_table_ends_with_what_can_be_done(call, tmp_path, base_folder):
    call(exit_code=0)
    command = ["train", "--dry-run", "--scale", "mini", "-e", "koelectra", "--seeds", "3"]
    command += ["--base", str(base_folder), "--train", "train.jsonl", "--test", "test.jsonl"]
    result = CliRunner().invoke(app, command)
    assert "21: at most 7 epochs of 3, for each of 3 seeds" in result.stdout
    assert result.stdout.endswith("Nothing was written.\n")


def test_a_run_that_keeps_the_base_s_encoder_is_ready_too(call, base_folder):
    call(exit_code=0)
    command = ["train", "--dry-run", "--scale", "mini", "--strategy", "keep", "--splitter", "kiwi"]
    command += ["--base", str(base_folder), "--train", "train.jsonl", "--test", "test.jsonl"]
    result = CliRunner().invoke(app, [*command, "--format", "json"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["seconds"] > 0
    assert "encoder" not in [one["name"] for one in found["checks"]]
