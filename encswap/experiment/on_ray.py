"""Cells on Ray: each a task of its own, on this machine or on a cluster that shares the folder."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from encswap.errors import InputError, TrainingError
from encswap.experiment.cell import Task, note_failure, run_task

RETRIES = 1
PASSED_ON = ("PYTHONPATH", "ENCSWAP_CACHE", "HF_HOME", "HF_HUB_OFFLINE", "GOMP_SPINCOUNT")


@dataclass(frozen=True)
class RayCells:
    """Runs tasks on Ray; `address` of a cluster, None for one on this machine.

    Where the cluster has GPUs, each cell takes one. A cell whose worker is killed runs once more,
    and goes on from its last whole epoch. Folders must be seen by every machine of the cluster.
    """

    address: str | None
    cpus: int

    @property
    def at_once(self) -> int:
        """How many cells run at the same time on this machine; of a cluster it is not known."""
        return max((os.cpu_count() or 1) // self.cpus, 1) if self.address is None else 1

    def __call__(self, tasks: Sequence[Task]) -> Iterator[Task]:
        """Run tasks and yield each as it ends."""
        if not tasks:
            return
        ray = import_ray()
        begun = not ray.is_initialized()
        if begun:
            self._start(ray)
        try:
            yield from self._run(ray, tasks)
        finally:
            if begun:
                ray.shutdown()

    def _start(self, ray: Any) -> None:
        passed = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        settings = {"env_vars": {**passed, "OMP_NUM_THREADS": str(self.cpus)}}
        try:
            ray.init(
                address=self.address,
                runtime_env=settings,
                include_dashboard=False if self.address is None else None,
                log_to_driver=False,
                logging_level="ERROR",
            )
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise InputError(
                f"no Ray cluster: {str(error).splitlines()[0]}",
                where=f"--ray {self.address or ''}".strip(),
            ) from error

    def _run(self, ray: Any, tasks: Sequence[Task]) -> Iterator[Task]:
        gpus = 1 if ray.cluster_resources().get("GPU", 0) else 0
        remote = ray.remote(num_cpus=self.cpus, num_gpus=gpus, max_retries=RETRIES)(run_in)
        here = os.getcwd()  # noqa: PTH109  # a string that any machine reads
        running = {remote.remote(here, task): task for task in tasks}
        while running:
            (ended,), _ = ray.wait(list(running), num_returns=1)
            task = running.pop(ended)
            try:
                ray.get(ended)
            except ray.exceptions.RayError as error:
                lost = TrainingError(f"its worker was lost {RETRIES + 1} times: {_short(error)}")
                note_failure(task, lost, 0.0)
            yield task


def run_in(folder: str, task: Task) -> None:
    """Run a cell in the folder that its paths are relative to."""
    os.chdir(folder)
    run_task(task)


def import_ray() -> Any:
    """Import Ray; an `InputError` says how to install it."""
    try:
        import ray
        import ray.exceptions
    except ImportError as error:
        raise InputError(
            "Ray is not installed", where="--ray", hint='pip install "encswap[ray]"'
        ) from error
    return ray


def _short(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
