"""Time the light commands as processes, against the bare interpreter and the import of torch.

Prints JSON and writes results/startup.json. The peer is `python -c "import torch"`: what a command
would cost at least if it loaded the models' libraries.
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
import time
from pathlib import Path

RUNS = 7
COMMANDS = {
    "python": [sys.executable, "-c", "pass"],
    "import torch": [sys.executable, "-c", "import torch"],
    "encswap --help": [sys.executable, "-m", "encswap", "--help"],
    "encswap check --all --format json": [
        *(sys.executable, "-m", "encswap", "check", "--all", "--format", "json")
    ],
}


def seconds(command: list[str]) -> float:
    """The median time of a process, in seconds."""
    times = []
    for _ in range(RUNS):
        began = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        times.append(time.perf_counter() - began)
    return sorted(times)[RUNS // 2]


def main() -> None:
    """Measure all in one run."""
    measured = {name: seconds(command) for name, command in COMMANDS.items()}
    result = {
        "runs": RUNS,
        "python": platform.python_version(),
        "median_seconds": {name: round(value, 3) for name, value in measured.items()},
        "share_of_torch_import": {
            name: round(value / measured["import torch"], 3)
            for name, value in measured.items()
            if name.startswith("encswap")
        },
    }
    text = json.dumps(result, indent=2)
    (Path(__file__).parent / "results" / "startup.json").write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
