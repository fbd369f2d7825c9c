"""The same training with gliner2's default words and with a splitter that cuts particles off.

Everything but the splitter is equal: base, encoder, documents, recipe, seed. Prints JSON and writes
results/words.json: F1 on the test documents beside the ceiling that each splitter's units set.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from encswap.cli.train import resolve_recipe, train_run

ENCODER = "ko-deberta"
SPLITTERS = ("whitespace", "kiwi")


def train_with(splitter: str, folder: Path) -> dict[str, Any]:
    """Train at mini scale with one splitter and return what is compared."""
    overrides = {"encoder": ENCODER, "splitter": splitter, "allow_low_coverage": True}
    metrics, _ = train_run(resolve_recipe(overrides, [], None, "mini"), folder)
    return {
        "ceiling": round(metrics["coverage"], 4),
        "f1": round(metrics["test"]["micro"]["f1"], 4),
        "interval": [round(bound, 4) for bound in metrics["test"]["micro"]["interval"]],
        "epochs": len(metrics["epochs"]),
    }


def main() -> None:
    """Train twice in one run."""
    with tempfile.TemporaryDirectory() as folder:
        measured = {name: train_with(name, Path(folder) / name) for name in SPLITTERS}
    result = {
        "encoder": f"{ENCODER} at mini scale",
        "splitters": measured,
        "f1_difference": round(measured["kiwi"]["f1"] - measured["whitespace"]["f1"], 4),
    }
    text = json.dumps(result, indent=2)
    (Path(__file__).parent / "results" / "words.json").write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
