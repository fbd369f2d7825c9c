"""Recompute a run's scores and its rivals' from their predictions.jsonl, without encswap.

    python benchmarks/rivals/recompute.py runs/rivals

Only the standard library is used. Every number is compared to the last digit; the exit code is 1
where one differs.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

Numbers = dict[str, float]


def numbers(correct: int, predicted: int, gold: int) -> Numbers:
    """Precision, recall, F1 and support from counts."""
    return {
        "precision": correct / predicted if predicted else 0.0,
        "recall": correct / gold if gold else 0.0,
        "f1": 2 * correct / (predicted + gold) if predicted + gold else 0.0,
        "support": gold,
    }


def recompute(path: Path) -> tuple[Numbers, dict[str, Numbers], Numbers]:
    """Micro, each label, and distinct (label, string) pairs, of a predictions.jsonl."""
    hit, found, wanted = Counter[str](), Counter[str](), Counter[str]()
    pairs = [0, 0, 0]
    for line in path.read_text(encoding="utf-8").splitlines():
        one = json.loads(line)
        text, lost = one["text"], [(item["label"], item["text"]) for item in one["unlocated"]]
        gold = {(item["start"], item["end"], item["label"]) for item in one["gold"]}
        told = {(item["start"], item["end"], item["label"]) for item in one["predictions"]}
        hit.update(label for _, _, label in gold & told)
        found.update(label for _, _, label in told)
        wanted.update(label for _, _, label in gold)
        wanted.update(label for label, _ in lost)
        strings = {(label, text[start:end]) for start, end, label in told}
        marked = {(label, text[start:end]) for start, end, label in gold} | set(lost)
        for place, count in enumerate((len(strings & marked), len(strings), len(marked))):
            pairs[place] += count
    labels = {label: numbers(hit[label], found[label], wanted[label]) for label in found | wanted}
    return numbers(hit.total(), found.total(), wanted.total()), labels, numbers(*pairs)


def differing(recorded: dict[str, Any], predictions: Path) -> list[str]:
    """The numbers of a record that its predictions do not give."""
    micro, labels, strings = recompute(predictions)
    told = {("micro",): micro, ("strings",): strings}
    told |= {("per_label", label): one for label, one in labels.items()}
    lines = []
    for place, ours in told.items():
        theirs = recorded
        for key in place:
            theirs = theirs[key]
        lines += [
            f"{predictions}: {'.'.join(place)}.{key}: {theirs[key]!r}, not {value!r}"
            for key, value in ours.items()
            if theirs[key] != value
        ]
    silent = recorded["per_label"].keys() - labels.keys()
    return [
        *lines,
        *(f"{predictions}: {label} has a score" for label in silent
          if any(recorded["per_label"][label][key] for key in ("f1", "support"))),
    ]  # fmt: skip


def main(folder: Path) -> int:
    """Compare a run and each of its rivals; tell each score."""
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    lines = differing(metrics["test"], folder / "predictions.jsonl")
    print(f"this model: F1 {metrics['test']['micro']['f1']!r}")
    for name, one in (metrics.get("rivals") or {}).items():
        if "error" in one:
            print(f"{name}: failed: {one['error']}")
            continue
        lines += differing(one, folder / one["folder"] / "predictions.jsonl")
        print(f"{name}: F1 {one['micro']['f1']!r}")
    print("\n".join(lines) or "every number is the same to the last digit")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
