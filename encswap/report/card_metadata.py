"""The front matter of a card: what the hub itself reads of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from encswap.report.reading import Run

if TYPE_CHECKING:
    from encswap.report.card import About

TASK = "token-classification"
TAGS = ("gliner2", "encswap", "named-entity-recognition")


def front_matter(run: Run, about: About) -> str:
    """Write the YAML between two lines of dashes; what is not known is left out."""
    known: dict[str, Any] = {
        "license": about.licence,
        "language": list(about.languages),
        "library_name": "gliner2",
        "pipeline_tag": TASK,
        "tags": list(TAGS),
        "base_model": hub_ids(run),
        "model-index": [{"name": about.repo.rpartition("/")[2], "results": [_result(run, about)]}],
    }
    held = {key: value for key, value in known.items() if value}
    return f"---\n{yaml.safe_dump(held, sort_keys=False, allow_unicode=True)}---\n"


def hub_ids(run: Run) -> list[str]:
    """Base and encoder where they came from the hub: only there a revision is recorded."""
    records = [run.record.get(side) or {} for side in ("base", "encoder")]
    return [str(one["identifier"]) for one in records if one.get("revision")]


def _result(run: Run, about: About) -> dict[str, Any]:
    name = about.sets.get("test") or "test documents"
    numbers = run.metrics["test"]["micro"]
    return {
        "task": {"type": TASK, "name": "Named entity recognition"},
        "dataset": {"type": name, "name": name, "split": "test"},
        "metrics": [
            {"type": key, "value": round(float(numbers[key]), 4), "name": words}
            for key, words in (("f1", "F1"), ("precision", "Precision"), ("recall", "Recall"))
        ],
    }
