"""Write the figures of choosing.md, choosing.ko.md and guides.md: `python docs/choosing.py`.

Every figure comes from `encswap check --all --format json`, from the recorded facts behind it, or
from the committed results of the small models; nothing is typed between the markers of a page.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from encswap.plugins import load_plugins

HERE = Path(__file__).parent
PAGES = {
    "choosing.md": "en",
    "choosing.ko.md": "ko",
    "guides.md": "en",
    "guides.ko.md": "ko",
}
RESULTS = HERE.parent / "benchmarks" / "results" / "head_reuse" / "whole.json"
ADVICE = yaml.safe_load((HERE / "choosing.yaml").read_text(encoding="utf-8"))
GIB = 2**30
DOCUMENTS = 200
# The small model of benchmarks/head_reuse that has a class of the same kind.
SMALL = {
    "DebertaV2Config": "same-class",
    "ElectraConfig": "other-class",
    "RobertaConfig": "third-class",
    "XLMRobertaConfig": "third-class",
}
Row = Mapping[str, Any]


@cache
def report(criteria: str) -> dict[str, Row]:
    """What `encswap check --all` prints, by the name of the candidate."""
    command = [sys.executable, "-m", "encswap", "check", "--all", "--format", "json"]
    done = subprocess.run(  # noqa: S603 - our own program
        [*command, "--criteria", criteria], capture_output=True, text=True, check=False
    )
    return {one["name"]: one for one in json.loads(done.stdout)["candidates"]}


@cache
def specs() -> dict[str, Any]:
    """The registered encoders: the plan's six first, in the plan's order, then the others."""
    found = load_plugins().encoders
    first = [name for name in ADVICE["plan"] if name in found]
    return {name: found[name] for name in [*first, *(one for one in found if one not in first)]}


def fact(name: str, key: str, *inner: str) -> Any:
    """A recorded value; None where nothing is recorded."""
    known = specs()[name].facts.get(key)
    value = known.value if known is not None else None
    for step in inner:
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def marked(name: str, key: str, text: object) -> str:
    """A figure with the mark that says how it was learned."""
    known = specs()[name].facts.get(key)
    return f"{text} ({known.mark})" if known is not None and text not in (None, "–") else "–"


def finding(name: str, code: str, criteria: str = "plan") -> Row:
    """The first finding of a code."""
    found = (one for one in report(criteria)[name]["findings"] if one["code"] == code)
    return next(found, {"status": "skip", "evidence": {}})


def memory(name: str) -> str:
    """GiB of memory that training takes at batch 8 of 512 subtokens, as `check` computes it."""
    total = finding(name, "resources")["evidence"].get("total")
    return f"{total / GIB:.1f}" if total else "–"


def positions(name: str, texts: Row) -> str:
    config = fact(name, "config") or {}
    if config.get("relative_attention"):
        return str(texts["relative"])
    most = config.get("max_position_embeddings")
    return f"{most:,}" if most else "–"


def scores(name: str) -> str:
    published = fact(name, "published_scores") or {}
    return "; ".join(marked(name, "published_scores", f"{k} {v:g}") for k, v in published.items())


@cache
def small(encoder: str, strategy: str) -> float:
    """Mean F1 of a small model of that class, trained on 200 documents."""
    (one,) = _conditions(encoder=encoder, strategy=strategy, size=DOCUMENTS, head_lr=0.001)
    return float(one["f1"]["mean"])


def expected(texts: Row) -> str:
    """F1 of the small model of the base's class by the number of training documents."""
    wanted = {"encoder": "same-class", "strategy": "surgical", "head_lr": 0.001}
    rows = [f"| {' | '.join(texts['expected'])} |", "| ---: | ---: | ---: |"]
    for one in sorted(_conditions(**wanted), key=lambda one: int(one["settings"]["size"])):
        f1 = one["f1"]
        rows.append(
            f"| {one['settings']['size']} | {f1['mean']:.3f} | {f1['low']:.3f}–{f1['high']:.3f} |"
        )
    return "\n".join(rows)


def _conditions(**wanted: Any) -> list[Row]:
    """The conditions of the small models with these settings, and nothing special beside."""
    wanted |= {"embeddings": "transplant", "splitter": "kiwi", "alignment": "none"}
    wanted |= {"freeze_encoder_steps": 0}
    conditions = json.loads(RESULTS.read_text(encoding="utf-8"))["conditions"]
    return [
        one
        for one in conditions
        if all(one["settings"].get(key, value) == value for key, value in wanted.items())
    ]


def overview(texts: Row) -> str:
    """The table of all encoders, the plan's six first."""
    rows = [texts["columns"], ["---", "---", *["---:"] * 5, "---", "---", "---"]]
    for name in specs():
        one = report("plan")[name]
        config = fact(name, "config") or {}
        size = f"{one['hidden_size']} × {one['layers']}" if one["hidden_size"] else "–"
        parameters = f"{one['parameters'] / 1e6:.0f}M" if one["parameters"] else "–"
        vocabulary = f"{config['vocab_size']:,}" if config.get("vocab_size") else "–"
        cut = fact(name, "tokenizer", "subtokens_per_word")
        rows.append(
            [
                f"`{name}`",
                one["architecture"] or "–",
                size,
                parameters,
                memory(name),
                vocabulary,
                marked(name, "tokenizer", cut) if cut else "–",
                positions(name, texts),
                texts["verdicts"][one["verdict"]],
                texts["verdicts"][report("shape")[name]["verdict"]],
            ]
        )
    return "\n".join(f"| {' | '.join(map(str, row))} |" for row in rows)


def candidates(texts: Row) -> str:
    """A section for each encoder."""
    return "\n\n".join(_section(name, texts) for name in specs())


def _section(name: str, texts: Row) -> str:
    one = report("plan")[name]
    tokenizer = fact(name, "tokenizer") or {}
    licence = fact(name, "licence")
    known = "licence" in specs()[name].facts
    lines = {
        "class": marked(name, "config_class", f"`{one['config_class']}`"),
        "tokenizer": f"{tokenizer['model']}, {tokenizer['length']:,}" if tokenizer else "–",
        "licence": marked(name, "licence", licence or texts["none"]) if known else "–",
        "published": scores(name) or texts["none"],
        "plan": _plan(name, texts),
        "measured": _measured(name, texts),
        "take": _advice(name, texts),
    }
    source = f"[{specs()[name].hub_id}](https://huggingface.co/{specs()[name].hub_id})"
    body = "\n".join(f"- **{texts['labels'][key]}**: {value}" for key, value in lines.items())
    return f"### `{name}`\n\n{source}\n\n{body}"


def _plan(name: str, texts: Row) -> str:
    claims = specs()[name].claims
    claim = claims.get("rejected") or claims.get("selected")
    if claim is None:
        return str(texts["not-in-plan"])
    verdict = texts["verdicts"]["rejected" if "rejected" in claims else "selected"]
    korean, _, english = claim.text.rpartition(" (")
    return f"{verdict}. {korean if texts['language'] == 'ko' else english.removesuffix(')')}"


def _measured(name: str, texts: Row) -> str:
    small_one = SMALL.get(report("plan")[name]["config_class"])
    if small_one is None or report("shape")[name]["verdict"] != "selected":
        return str(texts["nothing"])
    kept, fresh = small(small_one, "surgical"), small(small_one, "fresh-heads")
    return str(texts["small"]).format(kept=kept, fresh=fresh, documents=DOCUMENTS)


def _advice(name: str, texts: Row) -> str:
    own = ADVICE["take"].get(name, {}).get(texts["language"])
    return own or str(texts["take"][report("shape")[name]["verdict"]])


def written(page: str, language: str) -> str:
    """Return a page with its figures written anew."""
    texts = {**ADVICE["texts"][language], "language": language}

    def figures(at: re.Match[str]) -> str:
        return f"<!-- {at[1]} -->\n\n{PARTS[at[1]](texts)}\n\n<!-- end -->"

    names = "|".join(PARTS)
    return re.sub(rf"<!-- ({names}) -->\n.*?<!-- end -->", figures, page, flags=re.DOTALL)


PARTS = {"overview": overview, "candidates": candidates, "expected": expected}


def main() -> None:
    """Write the pages."""
    for name, language in PAGES.items():
        page = written((HERE / name).read_text(encoding="utf-8"), language)
        (HERE / name).write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
