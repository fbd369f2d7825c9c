"""What can be recorded of a model: read from its files, each fact with its mark and its date."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from encswap.check.evidence import Evidence, read_files
from encswap.errors import EncswapError, SourceError
from encswap.hub import fetch
from encswap.models import resolve
from encswap.plugins import Plugins
from encswap.types import EncoderSpec, Fact, Source

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


# Fields of config.json that say nothing of the model's shape.
NOISE = frozenset(
    {
        "_name_or_path",
        "auto_map",
        "dtype",
        "id2label",
        "label2id",
        "task_specific_params",
        "torch_dtype",
        "transformers_version",
    }
)


@dataclass(frozen=True)
class Known:
    """Facts of a model, the commit that they were read at, and what could not be learned."""

    facts: Mapping[str, Fact] = field(default_factory=dict)
    revision: str | None = None
    remarks: tuple[str, ...] = ()
    date: str = ""


def from_hub(hub_id: str) -> Known:
    """Read the small files of a model on the hub; where it cannot be reached, say so and go on.

    Raises `SourceError` where the hub answers that there is no such model.
    """
    try:
        folder, listing = fetch(hub_id, None, weights=False)
    except SourceError as error:
        if _is_missing(error):
            raise
        return Known(remarks=(f"{error.message}.",), date=_today())
    source = Source(hub_id, folder, "hub", hub_id, listing.commit, files=listing.sizes)
    return _read(hub_id, source, listing.commit)


def from_folder(hub_id: str, folder: str, plugins: Plugins) -> Known:
    """Read the files of a model in a local folder."""
    path = folder if folder.startswith(("/", "~", ".")) else f"./{folder}"
    return _read(hub_id, resolve(path, plugins, need="metadata"), None)


def _is_missing(error: SourceError) -> bool:
    """Whether the hub answered 404; a gated repository exists."""
    from huggingface_hub import errors

    cause = error.__cause__
    missing = isinstance(cause, errors.RepositoryNotFoundError)
    return missing and not isinstance(cause, errors.GatedRepoError)


def _read(hub_id: str, source: Source, revision: str | None) -> Known:
    evidence = read_files(EncoderSpec(name=source.name, hub_id=hub_id), source)
    facts, remarks = _of_config(evidence)
    try:
        facts["tokenizer"] = Fact(_tokenizer(source.path), "V", _today(), "its tokenizer files")
    except EncswapError as error:
        remarks.append(f"the tokenizer. {error.message}.")
    if evidence.licence_known:
        facts["licence"] = Fact(evidence.licence, "V", _today(), "README.md")
    else:
        remarks.append("the licence: there is no README.md.")
    facts["layout"] = Fact(evidence.layout, "V", _today(), "its files")
    return Known(facts, revision, tuple(remarks), _today())


def _of_config(evidence: Evidence) -> tuple[dict[str, Fact], list[str]]:
    date, remarks = _today(), [f"{fault.message}." for fault in evidence.faults]
    if not evidence.config or evidence.config_class is None:
        remark = "the config: its class is not one of transformers'."
        return {}, remarks or [remark]
    config = {key: value for key, value in evidence.config.items() if key not in NOISE}
    facts = {
        "config": Fact(config, "V", date, "config.json"),
        "config_class": Fact(evidence.config_class, "V", date, "config.json"),
        "architecture": Fact(evidence.architecture, "V", date, "config.json"),
    }
    if evidence.parameters is not None:
        how = "counted on the meta device from these fields"
        facts["parameters"] = Fact(evidence.parameters, "R", date, how)
    return facts, remarks


def _tokenizer(folder: Path) -> dict[str, Any]:
    from encswap.safety.trusted_classes import load_tokenizer

    tokenizer: PreTrainedTokenizerFast = load_tokenizer(folder, folder.name)
    pairs = zip(tokenizer.all_special_tokens, tokenizer.all_special_ids, strict=True)
    return {
        "model": type(tokenizer.backend_tokenizer.model).__name__,
        "length": len(tokenizer),
        "class": type(tokenizer).__name__,
        "special_tokens": dict(sorted(pairs, key=lambda pair: pair[1])),
    }


def _today() -> str:
    return datetime.now(UTC).date().isoformat()


WIDTH = 100
STEP = "    "


def facts_code(facts: Mapping[str, Fact]) -> str:
    """The `facts=` argument of an `EncoderSpec`; nothing where nothing is known."""
    if not facts:
        return ""
    lines = [f"{STEP}facts={{"]
    for key, fact in facts.items():
        lines += _fact(key, fact)
    return "\n".join([*lines, f"{STEP}}},", ""])


def _fact(key: str, fact: Fact) -> list[str]:
    indent = 2 * STEP
    tail = [_literal(fact.mark), "DATE", *([_literal(fact.source)] if fact.source else [])]
    if not isinstance(fact.value, Mapping):
        line = f"{indent}{_literal(key)}: Fact({', '.join([_literal(fact.value), *tail])}),"
        if len(line) <= WIDTH:
            return [line]
    value = list(_value(fact.value, indent + STEP))
    rest = [f"{indent}{STEP}{one}," for one in tail]
    return [f"{indent}{_literal(key)}: Fact(", *value, *rest, f"{indent}),"]


def _value(value: Any, indent: str, key: str = "") -> Iterator[str]:
    """A value on lines of its own, with a comma behind it."""
    if not isinstance(value, Mapping) or not value:
        yield from _listed(value, indent, key)
        return
    yield f"{indent}{key}{{"
    for name, one in value.items():
        yield from _value(one, indent + STEP, f"{_literal(name)}: ")
    yield f"{indent}}},"


def _listed(value: Any, indent: str, key: str) -> Iterator[str]:
    line = f"{indent}{key}{_literal(value)},"
    if len(line) <= WIDTH or not isinstance(value, list):
        yield line
        return
    yield f"{indent}{key}["
    for one in value:
        yield f"{indent}{STEP}{_literal(one)},"
    yield f"{indent}],"


def _literal(value: Any) -> str:
    """A Python literal, strings in double quotes unless they hold one."""
    if isinstance(value, str):
        plain = value.isprintable() and ('"' not in value or "'" in value)
        return json.dumps(value, ensure_ascii=False) if plain else ascii(value)
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{_literal(k)}: {_literal(v)}' for k, v in value.items())}}}"
    if isinstance(value, float) and not math.isfinite(value):
        return "None"
    return repr(value)
