"""The front matter of a card: what the hub itself reads of it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from encswap.errors import InputError
from encswap.hub import HUB_ID
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
    names = [str(one.get("identifier")) for one in records if one.get("revision")]
    return [name for name in dict.fromkeys(names) if HUB_ID.fullmatch(name)]


def check_licence(licence: str) -> str:
    """Return the licence as the hub writes it; `InputError` for one that it does not know."""
    known = _known("licences")
    found = re.sub(r"[\s_]+", "-", licence.strip().lower())
    if found and found not in known:
        near = difflib.get_close_matches(found, known, n=3, cutoff=0.4)
        nearest = f"did you mean {', '.join(near)}? " if near else ""
        raise InputError(
            f"{licence!r} is no licence that the hub knows",
            where="--licence",
            hint=f"{nearest}write its id, such as apache-2.0, or `other`",
        )
    if licence and not found:
        raise InputError("the licence is empty", where="--licence", hint="such as apache-2.0")
    return found


def check_languages(languages: Iterable[str]) -> list[str]:
    """Return the codes in the hub's form, each once; `InputError` for what is no code."""
    return list(dict.fromkeys(map(_language, languages)))


def _language(code: str) -> str:
    found = code.strip().lower()
    if found in _known("special") or found in _known("languages"):
        return found
    if re.fullmatch("[a-z]{3}", found):
        return found
    first = re.split(r"[-_]", found)[0]
    hint = f"write {first}" if first in _known("languages") and first != found else "such as ko"
    raise InputError(
        f"{code!r} is no code of a language (ISO 639-1, -2 or -3)", where="--language", hint=hint
    )


@cache
def _known(kind: str) -> tuple[str, ...]:
    path = Path(__file__).with_name("hub_metadata.yaml")
    return tuple(yaml.safe_load(path.read_text(encoding="utf-8"))[kind].split())


def check_card(card: str) -> None:
    """Read the card as the hub's client does; `InputError` where its front matter is no good."""
    from huggingface_hub import ModelCard

    try:
        data = ModelCard(card, ignore_metadata_errors=False).data
        data.to_yaml()
    except Exception as error:
        said = " ".join(str(error).split())
        raise InputError(f"the card's metadata is no good: {said}") from error


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
