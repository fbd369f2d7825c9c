"""Two processes beside one: the loss curve, the metrics of every rank, and the time of an epoch.

`python benchmarks/bench_processes.py` trains the mini ko-deberta on the shipped documents, with one
process and batches of eight, and with two on gloo and batches of four; dropout and the masking of
negatives are off, since they are drawn anew in each process. It writes `results/processes.json`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results" / "processes.json"
SETTINGS = (
    *("encoder=ko-deberta", "base=mini", "epochs=2", "dropout=0", "negative_masking=0"),
    *("mask_subtokens=0", "patience=9"),
)
TRAINED = 320
"""Documents: a multiple of eight, so that no process must repeat one."""


def train(folder: str, name: str, *settings: str) -> None:
    """Train in this process, one of several perhaps, and write its rank's metrics."""
    from encswap.cli.train import resolve_recipe, train_run
    from encswap.distributed import index

    recipe = resolve_recipe({}, list(settings), None, "mini")
    metrics, _ = train_run(recipe, Path(folder) / name)
    (Path(folder) / f"{name}-{index()}.json").write_text(json.dumps(metrics))


def launch(folder: Path, name: str, processes: int, *settings: str) -> list[dict[str, Any]]:
    """Start the processes and read what each of them found."""
    torchrun = ("-m", "torch.distributed.run", "--nproc-per-node", str(processes), "--standalone")
    subprocess.run(
        [sys.executable, *torchrun, __file__, str(folder), name, *SETTINGS, *settings],
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": str(2 // processes)},
    )
    return [json.loads((folder / f"{name}-{n}.json").read_text()) for n in range(processes)]


def comparable(metrics: dict[str, Any]) -> dict[str, Any]:
    """Metrics without what was measured by a clock."""
    epochs = [{k: v for k, v in one.items() if k != "seconds"} for one in metrics["epochs"]]
    return {k: v for k, v in metrics.items() if k != "throughput"} | {"epochs": epochs}


def main() -> None:
    """Train both and write the comparison."""
    from encswap.data.input import find_data

    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        lines = find_data("ko-medical/train.jsonl").read_text(encoding="utf-8").splitlines()
        files = {"train": lines[:TRAINED], "dev": lines[TRAINED : TRAINED + 70]}
        for name, part in files.items():
            (folder / f"{name}.jsonl").write_text("\n".join(part) + "\n", encoding="utf-8")
        data = [f"{name}={folder / name}.jsonl" for name in files]
        (alone,) = launch(folder, "one", 1, "batch_size=8", *data)
        first, second = launch(folder, "two", 2, "batch_size=4", *data)
    losses = {"one": [e["train_loss"] for e in alone["epochs"]]}
    losses["two"] = [e["train_loss"] for e in first["epochs"]]
    worst = max(abs(a - b) / a for a, b in zip(losses["one"], losses["two"], strict=True))
    same = comparable(first) == comparable(second)
    found = {
        "losses": losses,
        "largest_relative_difference": worst,
        "ranks_agree": same,
        "test_f1": {"one": alone["test"]["micro"]["f1"], "two": first["test"]["micro"]["f1"]},
        "seconds": {
            "one": [e["seconds"] for e in alone["epochs"]],
            "two": [e["seconds"] for e in first["epochs"]],
        },
    }
    RESULTS.write_text(json.dumps(found, indent=2) + "\n")
    print(
        f"two processes: losses differ by at most {worst:.1e} from those of one; "
        f"metrics of the ranks are {'identical' if same else 'DIFFERENT'}"
    )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        train(sys.argv[1], sys.argv[2], *sys.argv[3:])
    else:
        main()
