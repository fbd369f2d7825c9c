"""Run the cells of `cells.yaml` one after another; each resumes, and one that is done is skipped.

    python benchmarks/real/run.py --cache DIR --data DIR [CELL...]

A cell is a recipe on top of the shared one; its metrics are copied to `--results` as raw JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import yaml
from bases import BASES
from sets import set_of

from encswap import __version__
from encswap.data.readers import read_examples
from encswap.errors import EncswapError, InputError
from encswap.experiment.cell import Task, read_result, run_task, state_of
from encswap.files import write_json, write_text
from encswap.recipe import Recipe, read_recipe
from encswap.types import Unwatched

CELLS = Path(__file__).with_name("cells.yaml")
RESULTS = Path(__file__).parents[1] / "results" / "real"
ENGLISH = "english.txt"
RECIPE = "real"
KEPT = (
    *("test", "dev", "threshold", "epochs", "stopped"),
    *("coverage", "ceiling", "throughput", "seconds"),
)


class Lines(Unwatched):
    """Tells of stages and epochs, a line each."""

    def stage(self, name: str) -> None:
        """A new stage begins."""
        print(f"  {name}", file=sys.stderr, flush=True)

    def epoch(self, record: Any, improved: bool) -> None:
        """One epoch is trained and scored."""
        told = f"  epoch {record.epoch}: loss {record.train_loss:.3f}, dev {record.dev_f1:.3f}"
        print(f"{told}, {record.seconds:.0f} s{' *' if improved else ''}", file=sys.stderr)


def recipe_of(name: str, cache: Path, data: Path) -> Recipe:
    """The recipe of a cell: the shared settings, the cell's over them, its files in the cache."""
    table = yaml.safe_load(CELLS.read_text(encoding="utf-8"))
    if name not in table["cells"]:
        raise InputError(f"no cell {name!r}", where=CELLS, hint=", ".join(table["cells"]))
    settings = {**table["shared"], **table["cells"][name]}
    size, named = settings.pop("size"), settings.pop("named")
    gold = set_of(settings.pop("set"))
    train, test = gold.write(data, cache / "sets", size, named=named)
    if settings.get("alignment_texts") == ENGLISH:
        settings["alignment_texts"] = str(_english(cache / "sets", data))
    base = cache / "bases" / str(settings.pop("base"))
    encoder = settings.pop("encoder")
    return read_recipe(
        overrides={
            **settings,
            "base": str(base),
            **({"encoder": str(cache / encoder)} if encoder else {}),
            "train": str(train),
            "test": str(test),
        },
        layers=(RECIPE,),
    )


def _english(folder: Path, data: Path) -> Path:
    """Write the sentences of the English sets' training parts, a line each, without their gold."""
    path = folder / ENGLISH
    if not path.is_file():
        texts = [one.text for gold in BASES["english"] for one in read_examples(data / gold.train)]
        write_text(path, "\n".join(" ".join(one.split()) for one in texts if one.strip()) + "\n")
    return path


def summary_of(task: Task) -> dict[str, Any]:
    """What is committed of a cell: its settings, its scores, its epochs; or why it failed."""
    found = read_result(task)
    metrics = json.loads(json.dumps(found.get("metrics") or {}, default=str))
    own = read_recipe().model_dump(mode="json")
    changed = {
        key: value
        for key, value in task.recipe.model_dump(mode="json").items()
        if own[key] != value
    }
    for key in ("base", "encoder", "train", "test"):
        if changed.get(key):
            changed[key] = Path(changed[key]).name
    before = (metrics.get("baselines") or {}).get("before_training")
    return {
        "name": task.name,
        "encswap": __version__,
        "settings": changed,
        "whole_seconds": (found.get("cell") or {}).get("seconds"),
        **({"failure": found["failure"]} if "failure" in found else {}),
        **{key: metrics[key] for key in KEPT if key in metrics},
        **({"before_training": before} if before else {}),
    }


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("cells", nargs="*", help="names in cells.yaml; all where none is given")
    parser.add_argument("--cache", type=Path, required=True, help="folder of prepare.py")
    parser.add_argument("--data", type=Path, required=True, help="folder of the gold")
    parser.add_argument("--runs", type=Path, help="run folders; default: CACHE/runs")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of raw JSON")
    asked = parser.parse_args()
    names = asked.cells or list(yaml.safe_load(CELLS.read_text(encoding="utf-8"))["cells"])
    runs = asked.runs or asked.cache / "runs"
    for name in names:
        recipe = recipe_of(name, asked.cache, asked.data)
        task = Task(name, {}, recipe, runs / name)
        print(f"{name}: {state_of(task.folder)}", file=sys.stderr, flush=True)
        if state_of(task.folder) != "done":
            run_task(task, Lines())
        asked.results.mkdir(parents=True, exist_ok=True)
        write_json(asked.results / f"{name}.json", found := summary_of(task))
        told = found.get("failure") or found["test"]["micro"]
        print(f"{name}: {told}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        main()
    except EncswapError as error:
        sys.exit(str(error))
