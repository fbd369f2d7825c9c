"""Each epoch stands once in `log.jsonl`, however often a run was killed."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from encswap.train.run import run
from encswap.train.run_folder import RunFolder, kept_lines, log_line, read_log
from encswap.train.states import StateWriter

EPOCHS = [{"epoch": n, "dev_f1": n / 10} for n in (1, 2)]


def written(path, *records):
    path.write_text("".join(one if isinstance(one, str) else log_line(one) for one in records))
    return path


def test_a_run_killed_between_log_and_state_logs_each_epoch_once(job_of, monkeypatch):
    job = job_of(epochs=3, patience=9, overfit_patience=9)
    move = StateWriter.move

    def dies(self, written):
        if len(self.progress.epochs) == 2:
            raise KeyboardInterrupt
        move(self, written)

    monkeypatch.setattr(StateWriter, "move", dies)
    with pytest.raises(KeyboardInterrupt):
        run(job)
    path = job.folder.path / "log.jsonl"
    assert [one["epoch"] for one in read_log(path)] == [1, 2]
    monkeypatch.setattr(StateWriter, "move", move)
    run(replace(job, folder=RunFolder(job.folder.path)))
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [one["epoch"] for one in lines if "epoch" in one] == [1, 2, 3]
    assert all("per_label" in one for one in lines if "epoch" in one)
    timed = [one for one in lines if "scoring_seconds" in one]
    assert [one["epoch"] for one in timed] == [1, 2, 3]
    assert all(one["scoring_seconds"] > 0 <= one["saving_seconds"] for one in timed)
    stages = json.loads((path.parent / "metrics.json").read_text())["seconds"]
    assert list(stages) == ["score_before", "train", "score_after"]
    assert stages["score_before"] < stages["train"]  # remembered from before the interruption


def test_a_log_is_cut_to_the_whole_epochs_and_filled_where_it_lost_one(tmp_path):
    path = written(
        tmp_path / "log.jsonl",
        {"epoch": 1, "x": 1},
        {"epoch": 2, "x": 1},
        {"epoch": 2, "x": 2},
        {"epoch": 3},
        {"stopped": "…"},
        '{"epoch": 4',
    )
    assert kept_lines(path, EPOCHS) == [{"epoch": 1, "x": 1}, {"epoch": 2, "x": 2}]
    assert kept_lines(path, []) == []
    assert kept_lines(written(path, {"epoch": 2, "x": 2}), EPOCHS) == [
        EPOCHS[0],
        {"epoch": 2, "x": 2},
    ]
    assert kept_lines(written(path), EPOCHS) == EPOCHS
    assert kept_lines(tmp_path / "none", []) is None


def test_a_log_that_is_as_it_should_be_is_left_alone(tmp_path):
    assert kept_lines(written(tmp_path / "log.jsonl", *EPOCHS), EPOCHS) is None


def test_an_old_log_is_read_with_each_epoch_once(tmp_path):
    path = written(
        tmp_path / "log.jsonl",
        {"epoch": 1},
        {"epoch": 2, "dev_f1": 0.1},
        {"epoch": 2, "dev_f1": 0.2},
        "5\n",
        {"stopped": "a"},
        '{"epo',
    )
    assert read_log(path) == [{"epoch": 1}, {"epoch": 2, "dev_f1": 0.2}, {"stopped": "a"}]
    assert read_log(tmp_path / "none") == []


def test_why_a_run_stopped_stands_there_after_a_resumption_too(job_of, monkeypatch):
    job = job_of(epochs=4, patience=1, overfit_patience=1, thresholds=[0.99])
    from encswap.train import run as whole

    def dies(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(whole, "_final", dies)
    with pytest.raises(KeyboardInterrupt):
        run(job)
    path = job.folder.path / "log.jsonl"
    before = read_log(path)
    assert "stopped" in before[-1]
    monkeypatch.undo()
    run(replace(job, folder=RunFolder(job.folder.path)))
    assert read_log(path) == before
