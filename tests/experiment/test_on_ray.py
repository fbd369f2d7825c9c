"""Cells on Ray: as said where it is missing, as the serial ones where it is there."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from pathlib import Path

import pytest

from encswap.errors import InputError
from encswap.experiment.grid import run_grid
from encswap.experiment.on_ray import RayCells, import_ray

HAS_RAY = importlib.util.find_spec("ray") is not None


def test_a_missing_ray_is_said_with_the_way_to_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InputError, match=r'Ray is not installed; pip install "encswap\[ray\]"'):
        import_ray()


@pytest.fixture
def two_workers():
    import ray

    ray.init(
        num_cpus=2,
        include_dashboard=False,
        logging_level="ERROR",
        log_to_driver=False,
        runtime_env={"env_vars": {"OMP_NUM_THREADS": "1", "PYTHONPATH": ":".join(sys.path)}},
    )
    yield
    ray.shutdown()


@pytest.mark.slow
@pytest.mark.skipif(not HAS_RAY, reason='Ray is not installed: pip install "encswap[ray]"')
@pytest.mark.filterwarnings("default")
def test_two_workers_give_what_one_process_gives(two_workers, grid_of, told):
    keys = {"strategies": ["surgical", "lora", "scratch"], "sizes": [16]}
    serial, spread = grid_of("serial", **keys), grid_of("spread", **keys)
    run_grid(serial, told)
    run_grid(spread, told, runner=RayCells(None, 1))
    for one, other in zip(serial.tasks, spread.tasks, strict=True):
        here, there = (
            json.loads((task.folder / "metrics.json").read_text()) for task in (one, other)
        )
        assert [here[k] for k in ("test", "dev", "threshold")] == [
            there[k] for k in ("test", "dev", "threshold")
        ]


@pytest.mark.slow
@pytest.mark.skipif(not HAS_RAY, reason='Ray is not installed: pip install "encswap[ray]"')
@pytest.mark.filterwarnings("default")
def test_a_killed_worker_runs_its_cell_once_more(two_workers, grid_of, told, monkeypatch, tmp_path):
    from encswap.experiment import on_ray

    def dies(folder, task, marks=str(tmp_path)):
        mark = Path(marks) / f"{task.name}.died"
        always = task.recipe.seed == 2
        if always or not mark.exists():
            mark.touch()
            os.kill(os.getpid(), 9)
        from encswap.experiment.on_ray import run_in

        run_in(folder, task)

    monkeypatch.setattr(on_ray, "run_in", dies)
    grid = grid_of(seeds=[1, 2], sizes=[16])
    run_grid(grid, told, runner=RayCells(None, 1))
    assert (grid.tasks[0].folder / "metrics.json").is_file()
    failure = json.loads((grid.tasks[1].folder / "failure.json").read_text())
    assert "its worker was lost 2 times" in failure["error"]
