"""Grids: cells run as any run does, are skipped, gone on with, kept as failures, refused."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from types import SimpleNamespace

import pytest

from encswap.errors import InputError
from encswap.experiment import cell as tasks
from encswap.experiment.cell import claimed, read_result, refuse_other, run_task, state_of
from encswap.experiment.grid import disk_use, refuse_full_disk, run_grid, run_here
from encswap.experiment.results import condition_table, write_results
from encswap.train.cost import format_bytes, format_seconds
from encswap.types import Unwatched


def scores(folder):
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    return [metrics[key] for key in ("test", "dev", "threshold", "baselines")]


def test_a_grid_runs_is_written_and_is_skipped_the_second_time(grid_of, told, monkeypatch):
    grid = grid_of(strategies=["surgical", "lora"], sizes=[16])
    run_grid(grid, told)
    assert told.names == ["koelectra-surgical-n16-s1", "koelectra-lora-n16-s1"]
    assert told.left[0] > 0 and told.left[1] == 0
    results = write_results(grid, "plan", None)
    assert json.loads((grid.out / "results.json").read_text()) == results
    assert [one["failure"] for one in results["cells"]] == [None, None]
    cell = results["cells"][1]
    assert 0 <= cell["f1"] <= 1 and cell["epochs"] == 1 and cell["seconds"] > 0
    assert (grid.out / "results.md").is_file() and (grid.out / "results.svg").is_file()
    folder = grid.tasks[0].folder
    assert not (folder / "checkpoint").exists() and (folder / "predictions.jsonl").is_file()

    monkeypatch.setattr(tasks, "run_recipe", None)
    run_grid(grid_of(strategies=["surgical", "lora"], sizes=[16]), told)
    assert told.before == (2, 0) and len(told.names) == 2
    monkeypatch.undo()

    alone = grid_of("alone", strategies=["lora"], sizes=[16], keep_checkpoints=True)
    run_grid(alone, told)
    assert scores(alone.tasks[0].folder) == scores(grid.tasks[1].folder)
    assert (alone.tasks[0].folder / "checkpoint" / "model.safetensors").is_file()

    with pytest.raises(InputError, match=r"-s1: was made otherwise: epochs: 1 → 2; give"):
        grid_of(strategies=["surgical"], sizes=[16], recipe={"epochs": 2})
    shutil.move(grid.out / "data", grid.out / "elsewhere")
    (moved,) = (grid.out / "elsewhere").iterdir()
    task = grid.tasks[0]
    refuse_other(replace(task, recipe=task.recipe.model_copy(update={"train": str(moved)})))
    moved.write_text(moved.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    with pytest.raises(InputError, match="train: the file's content"):
        refuse_other(replace(task, recipe=task.recipe.model_copy(update={"train": str(moved)})))


def test_a_cell_that_was_stopped_goes_on(grid_of):
    class Stops(Unwatched):
        def epoch(self, record, improved):
            if record.epoch == 2:
                raise KeyboardInterrupt

    (whole,) = grid_of("whole", recipe={"epochs": 2}).tasks
    (stopped,) = grid_of("stopped", recipe={"epochs": 2}).tasks
    run_task(whole)
    with pytest.raises(KeyboardInterrupt):
        run_task(stopped, Stops())
    assert state_of(stopped.folder) == "begun"
    run_task(stopped)
    assert state_of(stopped.folder) == "done"
    assert scores(stopped.folder) == scores(whole.folder)
    log = (stopped.folder / "log.jsonl").read_text(encoding="utf-8").splitlines()
    epochs = [json.loads(line).get("epoch") for line in log]
    assert epochs.count(1) == 1


def test_processes_share_a_grid_and_pass_over_what_another_one_runs(grid_of, told):
    grid = grid_of(strategies=["surgical", "fresh-heads"], sizes=[16])
    first, second = grid.tasks
    with claimed(first) as free:
        assert free
        run_grid(grid, told)
        assert told.names == [second.name] and state_of(first.folder) == "new"
        waiting = grid.waiting(retry_failed=False)
        run_task(first)
    written = (first.folder / "metrics.json").stat().st_mtime_ns
    assert list(run_here(waiting)) == [first]  # the other one has run it meanwhile
    assert (first.folder / "metrics.json").stat().st_mtime_ns == written
    assert not list((grid.out / "cells").glob(".*"))


def test_a_cell_that_fails_is_a_result_and_the_others_go_on(grid_of, told, monkeypatch):
    keys = {"splitters": ["whitespace", "kiwi"]}
    monkeypatch.setattr(tasks, "run_recipe", _fails_or(tasks.run_recipe))
    grid = grid_of(**keys)
    run_grid(grid, told)
    failed, good = grid.tasks
    assert (state_of(failed.folder), state_of(good.folder)) == ("failed", "done")
    assert read_result(failed)["failure"]["error"] == "ValueError: broken in two lines"
    results = write_results(grid, "plan", None)
    assert results["cells"][0]["failure"].startswith("ValueError")
    assert results["conditions"][0]["failed"] == 1 and "f1" not in results["conditions"][0]

    monkeypatch.undo()
    assert grid.waiting(retry_failed=False) == [] and grid.waiting(retry_failed=True) == [failed]
    run_grid(grid, told, retry_failed=True)
    # With its own code it fails too, by what the words can express.
    assert "can express" in read_result(failed)["failure"]["error"]
    assert told.names == [failed.name, good.name, failed.name]


def _fails_or(run):
    def instead(recipe, path, *rest):
        if recipe.splitter == "whitespace":
            raise ValueError("broken\nin two lines")
        return run(recipe, path, *rest)

    return instead


def test_a_folder_of_something_else_or_of_another_version_is_refused(grid_of, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").touch()
    with pytest.raises(InputError, match="exists and is no experiment"):
        grid_of()
    mark = tmp_path / "other" / "experiment.json"
    mark.parent.mkdir()
    mark.write_text('{"encswap": "0.0.1"}', encoding="utf-8")
    with pytest.raises(InputError, match=r"was written by encswap 0\.0\.1, this is "):
        grid_of("other")


def test_disk_use_is_estimated_and_a_full_disk_refused(grid_of, plugins, monkeypatch, load_mini):
    load_mini("koelectra")
    free = 100_000_000
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    kept = grid_of(keep_checkpoints=True, seeds=list(range(30)))
    cost = disk_use(kept.tasks, plugins, kept.out, 1)
    assert cost.kept is not None and cost.kept % 30 == 0 and cost.running == 8 * cost.kept // 30
    with pytest.raises(InputError, match=r"100\.0 MB are free; pass --keep-checkpoints none"):
        refuse_full_disk(cost, kept.out)
    none = grid_of("none", seeds=list(range(30)))
    refuse_full_disk(disk_use(none.tasks, plugins, none.out, 1), none.out)


def test_the_estimated_bytes_are_those_of_the_checkpoint(grid_of, plugins, load_mini, told):
    load_mini("koelectra")
    grid = grid_of(keep_checkpoints=True)
    cost = disk_use(grid.tasks, plugins, grid.out, 1)
    run_grid(grid, told)
    written = (grid.tasks[0].folder / "checkpoint" / "model.safetensors").stat().st_size
    assert cost.kept == pytest.approx(written, rel=0.05)


def test_bytes_and_seconds_are_told_for_a_person():
    assert [format_bytes(n) for n in (999, 1500, 2_500_000)] == ["999 B", "1.5 kB", "2.5 MB"]
    assert [format_seconds(n) for n in (61.2, 600, 7200)] == ["61 s", "10 min", "2.0 h"]


def test_strategy_keep_runs_beside_a_swap_and_is_compared_with_it(grid_of, told):
    grid = grid_of(strategies=["surgical", "keep"], sizes=[16])
    run_grid(grid, told)
    results = write_results(grid, "plan", None)
    assert told.names == ["koelectra-surgical-n16-s1", "base-keep-n16-s1"]
    assert [one["failure"] for one in results["cells"]] == [None, None]
    (pair,) = results["pairs"]
    assert (pair["settings"]["encoder"], pair["second"], pair["n"]) == ("koelectra", "keep", 1)


def test_each_cell_trains_the_rivals_of_its_recipe_and_the_results_hold_their_means(grid_of, told):
    grid = grid_of(sizes=[16], recipe={"rivals": ["tagger"]})
    run_grid(grid, told)
    results = write_results(grid, "plan", None)
    (cell,), (condition,) = results["cells"], results["conditions"]
    metrics = json.loads((grid.tasks[0].folder / "metrics.json").read_text())
    f1 = metrics["rivals"]["tagger"]["micro"]["f1"]
    assert cell["failure"] is None and cell["rivals"] == {"tagger": f1}
    assert condition["rivals"]["tagger"]["mean"] == f1
    assert "rival tagger" in condition_table(results)[0]
    left = grid.tasks[0].folder / "rivals" / "tagger"
    assert (left / "predictions.jsonl").is_file() and not (left / "checkpoint").exists()
