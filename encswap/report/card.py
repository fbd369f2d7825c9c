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
from encswap.escaping import MarkdownText, code_span, printable, printable_lines
from encswap.report.markdown import abilities, beside_table, labels_table, plain, rivals_table
from encswap.report.rendering import render_markdown
from encswap.report.run_results import Run
from encswap.report.scores import beside, floor, protocol
from encswap.report.texts import Texts
from encswap.specs import HUB_ID

TASK = "token-classification"
TAGS = ("gliner2", "encswap", "named-entity-recognition")


def front_matter(run: Run, about: About) -> str:
    """Write the YAML between two lines of dashes; what is not known is left out."""
    from huggingface_hub import EvalResult, ModelCardData

    name = about.sets.get("test") or "test documents"
    numbers = run.metrics["test"]["micro"]
    results = [
        EvalResult(
            task_type=TASK,
            task_name="Named entity recognition",
            dataset_type=name,
            dataset_name=name,
            dataset_split="test",
            metric_type=key,
            metric_name=words,
            metric_value=round(float(numbers[key]), 4),
        )
        for key, words in (("f1", "F1"), ("precision", "Precision"), ("recall", "Recall"))
    ]
    known = ModelCardData(
        license=about.licence or None,
        language=list(about.languages) or None,
        library_name="gliner2",
        pipeline_tag=TASK,
        tags=list(TAGS),
        base_model=hub_ids(run) or None,
        model_name=about.repo.rpartition("/")[2],
        eval_results=results,
    )
    return f"---\n{known.to_yaml()}\n---\n"


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
    guarded: bool = False


def write_card(run: Run, about: About) -> str:
    """Write the card as Markdown behind the hub's front matter.

    `run.record` is encswap.json as it is uploaded, without the folders of a machine.
    """
    texts = Texts.read("en")
    record, splitter = run.record, run.record.get("splitter") or {}
    name = splitter.get("name", UNKNOWN)
    told = record.get("descriptions") or {}
    body = render_markdown(
        "card.md",
        name=about.repo.rpartition("/")[2],
        repo=MarkdownText(repr(about.repo)),
        install=MarkdownText(f"```console\n$ pip install {_package(splitter)}\n```"),
        sample=MarkdownText(repr(_sample(about.languages))),
        command=code_span(f"encswap predict {about.repo} --text …"),
        mini=(record.get("recipe") or {}).get("scale") == "mini",
        made=_made(run, texts),
        labels_code=MarkdownText(", ".join(printable(repr(label)) for label in run.asked)),
        splitter=code_span(name),
        own_splitter=name == OWN_SPLITTER,
        guarded=about.guarded,
        asked=[(label, told.get(label, "")) for label in run.asked],
        **_scores(run, texts),
        **_data(run, about),
        recipe=_recipe(run),
        licence=about.licence or "none was named; those of base and encoder bind",
        licences=[
            (side, about.licences.get(side) or "not recorded; ask its page")
            for side in ("base", "encoder")
        ],
    )
    return f"{front_matter(run, about)}\n{body}"


def _package(splitter: Mapping[str, Any]) -> str:
    """What to install: a word splitter's analyser may be in an extra."""
    extra = _words()["extras"].get(str(splitter.get("name")))
    return f'"encswap[{extra}]"' if extra else "encswap"


def _sample(languages: Sequence[str]) -> str:
    """A text to try in the first language that there is one of, else in English."""
    samples = _words()["samples"]
    known = [samples[one] for one in languages if one in samples]
    return str(known[0] if known else samples["en"])


@cache
def _words() -> dict[str, dict[str, str]]:
    path = Path(__file__).with_name("card_words.yaml")
    found: dict[str, dict[str, str]] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return found


def _made(run: Run, texts: Texts) -> list[tuple[str, str]]:
    record = run.record
    origins = ", ".join(f"{count} {how}" for how, count in (record.get("origins") or {}).items())
    return [
        ("Base", _model(record.get("base"))),
        ("Encoder", _model(record.get("encoder"))),
        (texts("strategy"), str(run.metrics.get("strategy") or UNKNOWN)),
        (texts("splitter"), _splitter(record.get("splitter") or {})),
        (texts("max_width"), str(record.get("max_width") or "any")),
        ("Embedding rows", origins or UNKNOWN),
        (texts("threshold"), f"{run.threshold:g}"),
        ("Made with", _versions(record)),
    ]


def _model(record: Mapping[str, Any] | None) -> str:
    if not record:
        return UNKNOWN
    name = code_span(record.get("identifier") or record.get("name"))
    return _at(name, record["revision"]) if record.get("revision") else name


def _at(name: str, revision: object) -> MarkdownText:
    return MarkdownText(f"{name} at {code_span(revision)}")


def _splitter(record: Mapping[str, Any]) -> MarkdownText:
    versions = ", ".join(f"{key} {value}" for key, value in (record.get("versions") or {}).items())
    name = code_span(record.get("name", UNKNOWN))
    return MarkdownText(f"{name} ({plain(versions)})") if versions else name


def _versions(record: Mapping[str, Any]) -> str:
    versions = record.get("versions") or {"encswap": record.get("encswap", "")}
    return ", ".join(f"{key} {value}" for key, value in versions.items())


def _scores(run: Run, texts: Texts) -> dict[str, Any]:
    return {
        "protocol": protocol(run, texts),
        "remarks": [str(one) for one in run.record.get("remarks") or ()],
        "labels": labels_table(run, texts),
        "floor": floor(run, texts),
        "beside": beside_table(beside(run, texts), texts),
        "interval": texts("interval"),
        "abilities": abilities(run, texts, "###"),
        "rivals": rivals_table(run, texts) if run.metrics.get("rivals") else "",
        "rivals_note": texts("rivals_note"),
    }


def _data(run: Run, about: About) -> dict[str, Any]:
    return {
        "data": [
            (role, code_span(about.sets.get(role) or UNKNOWN), code_span(digest))
            for role, digest in (run.record.get("data") or {}).items()
        ],
        "shipped": ", ".join(sorted(about.shipped)),
    }


def _recipe(run: Run) -> str:
    recipe = run.record.get("recipe")
    if not recipe:
        return "The recipe is not recorded."
    written = yaml.safe_dump(dict(recipe), sort_keys=False, allow_unicode=True)
    longest = max((len(run) for run in re.findall("`+", written)), default=0)
    fence = "`" * max(3, longest + 1)
    return MarkdownText(f"{fence}yaml\n{printable_lines(written)}{fence}")
