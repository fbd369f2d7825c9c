"""Retention on real weights: an English base, a multilingual encoder, Korean sentences.

    python benchmarks/real/prepare.py …     # the base and the encoder
    python benchmarks/retention/real.py --cache DIR --data DIR --out DIR

The base is taught English entities. The encoder is swapped in, taught by the base on English text
(alignment `distill`), and tuned on 200 Korean sentences, one seed. What is kept is scored on
English test sentences of both sets that the base was taught. What is done is kept.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "real"))

import klue
from bases import BASES, Gold

from encswap import __version__
from encswap.cli.progress import quiet_libraries
from encswap.data.convert import write_examples
from encswap.data.readers import ReadOptions, read_examples
from encswap.data.units import CachedSplitter
from encswap.evaluate.retention import Asked, measure_retention
from encswap.experiment.cell import Task, read_result, run_task, state_of
from encswap.files import write_json
from encswap.gliner.model import read_model
from encswap.models import resolve, spec_of
from encswap.plugins import load_plugins
from encswap.recipe import read_recipe
from encswap.train.run import write_swap
from encswap.types import Example

RESULTS = Path(__file__).parents[1] / "results" / "retention" / "real.json"
TRAIN, TEST, KEPT, REPLAYED = 200, 100, 60, 40
SHARED: Mapping[str, Any] = {
    "strategy": "keep",
    "splitter": "kiwi",
    "epochs": 4,
    "precision": "bf16-encoder",
    "report_to": "none",
    "allow_low_coverage": True,
    "seed": 42,
}
ALIGNMENT: Mapping[str, Any] = {
    "splitter": "kiwi",
    "alignment": "distill",
    "alignment_steps": 150,
    "alignment_lr": 2e-4,
    "precision": "bf16-encoder",
}
WAYS: Mapping[str, Mapping[str, Any]] = {
    "plain": {},
    "replay": {"replay": "replay-medical.jsonl,replay-general.jsonl", "replay_share": 0.25},
    "distill-texts": {
        "distill_start": 1.0,
        "distill_texts": "english.txt",
        "distill_labels": ["replay-medical.jsonl", "replay-general.jsonl"],
    },
    "average": {"average_with_start": [0.1, 0.2, 0.3, 0.4, 0.5]},
}
SETS = dict(zip(("medical", "general"), BASES["english"], strict=True))


def write_data(folder: Path, data: Path) -> None:
    """Write what is tuned on, replayed and kept."""
    folder.mkdir(parents=True, exist_ok=True)
    train, test = klue.divide(data, TRAIN)
    parts = {"train": train, "test": test[:TEST]}
    texts = []
    for name, gold in SETS.items():
        parts[f"kept-{name}"] = _marked(data / gold.test, KEPT)
        parts[f"replay-{name}"] = _marked(data / gold.train, REPLAYED)
        texts += _texts(gold, data)
    for name, examples in parts.items():
        if not (folder / f"{name}.jsonl").is_file():
            write_examples(examples, folder / f"{name}.jsonl", "spans")
    (folder / "english.txt").write_text("\n".join(texts) + "\n", encoding="utf-8")


def _marked(path: Path, count: int) -> list[Example]:
    """The first sentences of a set that hold a mention, each with the labels of its own set."""
    found = read_examples(path, options=ReadOptions(labels_per_file=True))
    return [one for one in found if one.mentions][:count]


def _texts(gold: Gold, data: Path) -> list[str]:
    """Sentences of a set's training part, without gold: those behind the ones that are replayed."""
    found = [one for one in read_examples(data / gold.train) if one.mentions]
    return [" ".join(one.text.split()) for one in found[REPLAYED : REPLAYED + 200]]


def kept_of(folder: Path, data: Path, splitter: str) -> dict[str, Any]:
    """Entity F1 on the English sets, with its interval, at gliner2's own threshold."""
    words = CachedSplitter(load_plugins().splitter(splitter))
    asked = Asked(read_model(folder, splitter=words), words, 512)
    sets = {name: read_examples(data / f"kept-{name}.jsonl") for name in SETS}
    found = measure_retention(asked, sets, seed=1)
    micro = {name: one["scores"]["entities"]["micro"] for name, one in found.items()}
    return {name: {key: one[key] for key in ("f1", "interval")} for name, one in micro.items()}


def swap(cache: Path, out: Path, name: str, **settings: Any) -> None:
    """Put the encoder into the base."""
    if (out / name).is_dir():
        return
    plugins = load_plugins()
    given = {"base": str(cache / "bases" / "english"), "encoder": str(cache / "e5-small")}
    if "alignment" in settings:
        given["alignment_texts"] = str(out / "data" / "english.txt")
    recipe = read_recipe(overrides={**given, **settings}, layers=("real",))
    files = [out / "data" / f"replay-{one}.jsonl" for one in SETS]
    write_swap(
        recipe,
        plugins,
        spec_of(str(recipe.encoder), plugins),
        base_source=resolve(recipe.base, plugins),
        encoder_source=resolve(str(recipe.encoder), plugins),
        out=out / name,
        examples=[one for path in files for one in read_examples(path)],
    )


def tune(out: Path, way: str, change: Mapping[str, Any]) -> dict[str, Any]:
    """Tune the swapped model in one way, and score what it was tuned on."""
    data = out / "data"

    def placed(value: Any) -> Any:
        if isinstance(value, Sequence) and not isinstance(value, str):
            return [placed(one) for one in value]
        if isinstance(value, str) and value.endswith((".jsonl", ".txt")):
            return ",".join(str(data / one) for one in value.split(","))
        return value

    given = {key: placed(value) for key, value in {**SHARED, **change}.items()}
    given |= {"base": str(out / "swapped"), "train": str(data / "train.jsonl")}
    recipe = read_recipe(overrides={**given, "test": str(data / "test.jsonl")}, layers=("real",))
    task = Task(way, {"way": way}, recipe, out / "cells" / way, keep_checkpoint=True)
    if state_of(task.folder) != "done":
        run_task(task)
    found = read_result(task)
    if "failure" in found:
        return {"failure": found["failure"]["error"]}
    test = found["metrics"]["test"]["micro"]
    return {key: test[key] for key in ("f1", "interval")}


def main() -> None:
    """Run what is not done."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--cache", type=Path, required=True, help="folder of prepare.py")
    parser.add_argument("--data", type=Path, required=True, help="folder of the gold")
    parser.add_argument("--out", type=Path, required=True, help="folder of what is made here")
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    quiet_libraries()
    cache, out, data = options.cache, options.out, options.out / "data"
    write_data(data, options.data)
    known: dict[str, Any] = {"models": {}}
    if options.results.is_file():
        known = json.loads(options.results.read_text(encoding="utf-8"))
    known |= {"encswap": __version__, "shared": SHARED, "alignment": ALIGNMENT, "ways": WAYS}
    known["counts"] = {"train": TRAIN, "test": TEST, "kept": KEPT, "replayed": REPLAYED}
    options.results.parent.mkdir(parents=True, exist_ok=True)

    def note(name: str, found: Mapping[str, Any]) -> None:
        known["models"][name] = dict(found)
        write_json(options.results, known)
        said = json.dumps(found)
        print(f"{time.strftime('%H:%M:%S')} {name}: {said}", file=sys.stderr, flush=True)

    if "base" not in known["models"]:
        note("base", {"kept": kept_of(cache / "bases" / "english", data, "whitespace")})
    for name, settings in (("untaught", {"splitter": "kiwi"}), ("swapped", ALIGNMENT)):
        if name not in known["models"]:
            swap(cache, out, name, **settings)
            note(name, {"kept": kept_of(out / name, data, "kiwi")})
    for way, change in WAYS.items():
        if way not in known["models"]:
            test = tune(out, way, change)
            kept = kept_of(out / "cells" / way / "checkpoint", data, "kiwi")
            note(way, {"test": test, "kept": kept})


if __name__ == "__main__":
    main()
