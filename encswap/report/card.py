"""The card of a model on the hub: what it is made of, how to load it, and how good it is."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from encswap.errors import InputError
from encswap.escaping import code_span, printable, printable_lines
from encswap.report.markdown import labels_table, plain, rows_of
from encswap.report.run_results import Run
from encswap.report.scores import beside, floor, protocol
from encswap.report.texts import Texts
from encswap.specs import HUB_ID

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


UNKNOWN = "not known"
OWN_SPLITTER = "whitespace"


@dataclass(frozen=True)
class About:
    """What a card tells besides the run: where it goes, licences, data sets, language.

    `licences` has the keys `base` and `encoder`; `sets` names each role's documents. An empty word
    is unknown, and the card says so.
    """

    repo: str
    licences: Mapping[str, str] = field(default_factory=dict)
    sets: Mapping[str, str] = field(default_factory=dict)
    shipped: frozenset[str] = frozenset()
    licence: str = ""
    languages: Sequence[str] = ()


def write_card(run: Run, about: About) -> str:
    """Write the card as Markdown behind the hub's front matter.

    `run.record` is encswap.json as it is uploaded, without the folders of a machine.
    """
    texts = Texts.read("en")
    parts = [
        f"# {plain(about.repo.rpartition('/')[2])}",
        "A [GLiNER2](https://github.com/fastino-ai/GLiNER2) model whose encoder was swapped with "
        "encswap: it extracts entities by the labels it is asked for.",
        *_small(run),
        "## What was swapped",
        _made(run, texts),
        "## Use",
        _use(run, about),
        "## Labels",
        _asked(run),
        "## Scores",
        _scores(run, texts),
        "## Data",
        _data(run, about),
        "## Recipe",
        _recipe(run),
        "## Licence",
        _licence(about),
    ]
    return front_matter(run, about) + "\n" + "\n\n".join(parts) + "\n"


def _small(run: Run) -> list[str]:
    if (run.record.get("recipe") or {}).get("scale") != "mini":
        return []
    return [
        "> **A mini model**: the real classes with small dimensions, drawn at random before "
        "training. It shows the way; its scores say nothing of full-size models."
    ]


def _made(run: Run, texts: Texts) -> str:
    record = run.record
    origins = ", ".join(f"{count} {how}" for how, count in (record.get("origins") or {}).items())
    rows = [
        ("Base", _model(record.get("base"))),
        ("Encoder", _model(record.get("encoder"))),
        (texts("strategy"), plain(str(run.metrics.get("strategy") or UNKNOWN))),
        (texts("splitter"), _splitter(record.get("splitter") or {})),
        (texts("max_width"), str(record.get("max_width") or "any")),
        ("Embedding rows", plain(origins) or UNKNOWN),
        (texts("threshold"), f"{run.threshold:g}"),
        ("Made with", _versions(record)),
    ]
    return "\n".join(f"- {name}: {value}" for name, value in rows)


def _model(record: Mapping[str, Any] | None) -> str:
    if not record:
        return UNKNOWN
    named = code_span(record.get("identifier") or record.get("name"))
    return f"{named} at {code_span(record['revision'])}" if record.get("revision") else named


def _splitter(record: Mapping[str, Any]) -> str:
    versions = ", ".join(f"{key} {value}" for key, value in (record.get("versions") or {}).items())
    return code_span(record.get("name", UNKNOWN)) + (f" ({plain(versions)})" if versions else "")


def _versions(record: Mapping[str, Any]) -> str:
    versions = record.get("versions") or {"encswap": record.get("encswap", "")}
    return plain(", ".join(f"{key} {value}" for key, value in versions.items()))


def _use(run: Run, about: About) -> str:
    labels = ", ".join(printable(repr(label)) for label in run.asked)
    name = (run.record.get("splitter") or {}).get("name", UNKNOWN)
    return f"""```python
import encswap
from huggingface_hub import snapshot_download

model = encswap.load(snapshot_download({about.repo!r}))
model.extract_entities("…", [{labels}])
```

`encswap.load` puts the word splitter {code_span(name)} and the threshold in place. \
{_warning(name)}"""


def _warning(name: str) -> str:
    if name == OWN_SPLITTER:
        return "Plain gliner2 loads the checkpoint too, with these words but its own threshold."
    return (
        "**Plain gliner2 loads the checkpoint too, but comes back with its default words**, for it "
        "does not save the word splitter: this model was trained with other words, so what it "
        "finds then differs from the scores below."
    )


def _asked(run: Run) -> str:
    told = run.record.get("descriptions") or {}
    lines = [
        f"- {plain(one)}: {plain(told[one])}" if one in told else f"- {plain(one)}"
        for one in run.asked
    ]
    return "\n".join(lines) or UNKNOWN


def _scores(run: Run, texts: Texts) -> str:
    rows = [
        [plain(one.name), f"{one.value:.3f}", _span(one.interval)] for one in beside(run, texts)
    ]
    remarks = [f"> {plain(str(one))}" for one in run.record.get("remarks") or ()]
    parts = [
        protocol(run, texts),
        *remarks,
        labels_table(run, texts),
        floor(run, texts),
        rows_of([texts("beside"), texts("f1"), texts("interval")], rows),
        f"{texts('interval')}: a bootstrap over the test documents. Exact spans with exact labels; "
        "gold that the units cannot express counts as missed.",
    ]
    return "\n\n".join(part for part in parts if part)


def _span(interval: tuple[float, float] | None) -> str:
    return f"{interval[0]:.3f}–{interval[1]:.3f}" if interval else ""


def _data(run: Run, about: About) -> str:
    sums = run.record.get("data") or {}
    lines = [
        f"- {plain(role)}: {code_span(about.sets.get(role) or UNKNOWN)}, "
        f"SHA-256 {code_span(digest)}"
        for role, digest in sums.items()
    ]
    parts = ["\n".join(lines) or "The data is not recorded."]
    if about.shipped:
        named = ", ".join(sorted(about.shipped))
        parts.append(
            f"Shipped with encswap: {named}. It is synthetic text, and many of its statements are "
            "wrong: scores on it are no claim about real text."
        )
    parts.append("The documents are not part of this repository.")
    return "\n\n".join(parts)


def _recipe(run: Run) -> str:
    recipe = run.record.get("recipe")
    if not recipe:
        return "The recipe is not recorded."
    written = yaml.safe_dump(dict(recipe), sort_keys=False, allow_unicode=True)
    longest = max((len(run) for run in re.findall("`+", written)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}yaml\n{printable_lines(written)}{fence}"


def _licence(about: About) -> str:
    lines = [
        f"- {side}: {plain(about.licences.get(key) or '') or 'not recorded; ask its page'}"
        for key, side in (("base", "base"), ("encoder", "encoder"))
    ]
    own = plain(about.licence) or "none was named; those of base and encoder bind"
    return "\n".join([f"- this model: {own}", *lines])
