"""What a plugin may answer: each function names the faults of a value, the first one first."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, get_args

from encswap.domain import (
    DEPTHS,
    MARK_MEANINGS,
    AdaptedEmbeddings,
    Claim,
    EncoderSpec,
    Fact,
    Finding,
    Layout,
    LoadedEncoder,
    ParamGroup,
    Status,
)

NAME = re.compile(r"\w[\w.+-]*")
HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
RESERVED = ("mini",)
# Recorded facts that the checks and the table compute with, and what each has to be.
FACT_KINDS: Mapping[str, tuple[type, ...]] = {
    "config": (Mapping,),
    "tokenizer": (Mapping,),
    "heads": (Mapping,),
    "published_scores": (Mapping,),
    "config_class": (str,),
    "architecture": (str,),
    "licence": (str, type(None)),
    "parameters": (int, type(None)),
    "model_parameters": (int, type(None)),
    "weights_bytes": (int, type(None)),
    "layout": (str,),
}
INNER_KINDS: Mapping[str, Mapping[str, type]] = {
    "config": {
        "model_type": str,
        "hidden_size": int,
        "intermediate_size": int,
        "num_hidden_layers": int,
        "num_attention_heads": int,
        "vocab_size": int,
    },
    "tokenizer": {"model": str, "length": int, "special_tokens": Mapping},
}


def first(faults: Iterator[str]) -> str:
    """The first fault, or nothing: what comes after one is never looked at."""
    return next(faults, "")


def faults_of_name(name: object) -> Iterator[str]:
    """A name stands on a command line and in file names."""
    if not isinstance(name, str) or not NAME.fullmatch(name):
        yield f"the name {name!r} is not made of letters, digits and . _ + -"
    if name in RESERVED:
        yield f"the name {name!r} is reserved"


def faults_of_spec(spec: object) -> Iterator[str]:
    """A spec is drawn into everybody's table, so a wrong fact is refused at the door."""
    if not isinstance(spec, EncoderSpec):
        yield f"register() takes an EncoderSpec, got {_kind(spec)}"
        return
    yield from faults_of_name(spec.name)
    if not isinstance(spec.hub_id, str) or not HUB_ID.fullmatch(spec.hub_id):
        yield f"{spec.name}: hub_id {spec.hub_id!r} is not of the form organisation/name"
    if not isinstance(spec.word_splitter, str):
        yield f"{spec.name}: word_splitter should be a name, got {_kind(spec.word_splitter)}"
    if not isinstance(spec.revision, str | None):
        yield f"{spec.name}: revision should be a commit, got {_kind(spec.revision)}"
    for field, kind in (("facts", Fact), ("claims", Claim)):
        values = getattr(spec, field)
        if not isinstance(values, Mapping) or not all(isinstance(key, str) for key in values):
            yield f"{spec.name}: {field} should map names to {kind.__name__}s"
        for key, value in values.items():
            if not isinstance(value, kind):
                yield f"{spec.name}: {field}[{key!r}] is {_kind(value)}, not {kind.__name__}"
    for key, fact in spec.facts.items():
        yield from (f"{spec.name}: {fault}" for fault in faults_of_fact(key, fact))


def faults_of_fact(key: str, fact: Fact) -> Iterator[str]:
    """A fact has its mark, its date and a value of its kind."""
    if fact.mark not in MARK_MEANINGS:
        yield f"fact {key!r} has mark {fact.mark!r}, known: {', '.join(MARK_MEANINGS)}"
    if not isinstance(fact.date, str) or not isinstance(fact.source, str):
        yield f"fact {key!r} needs a date and a source as text"
    value, kinds = fact.value, FACT_KINDS.get(key)
    if kinds and (not isinstance(value, kinds) or isinstance(value, bool)):
        yield f"fact {key!r} is {_kind(value)}, not {_names(kinds)}"
    if key == "layout" and value not in get_args(Layout):
        yield f"fact 'layout' is {value!r}, known: {', '.join(get_args(Layout))}"
    for name, kind in INNER_KINDS.get(key, {}).items():
        one = value.get(name)
        if one is not None and (not isinstance(one, kind) or (isinstance(one, int) and one < 1)):
            yield f"fact {key!r} has {name} {one!r}, not {_names((kind,))}"


def faults_of_findings(findings: object) -> Iterator[str]:
    """Findings have a code, a status, a depth and a message that the table knows."""
    if not isinstance(findings, list):
        yield f"should return a list of Finding or None, returned {_kind(findings)}"
        return
    for one in findings:
        if not isinstance(one, Finding):
            yield f"should return list[Finding], one is {_kind(one)}"
        if one.status not in get_args(Status):
            yield f"returned status {one.status!r}, known: {', '.join(get_args(Status))}"
        if one.depth not in DEPTHS:
            yield f"returned depth {one.depth!r}, known: {', '.join(DEPTHS)}"
        if not (isinstance(one.code, str) and isinstance(one.message, str)):
            yield "returned a finding whose code and message are not text"
        if not isinstance(one.claim, str | None) or not isinstance(one.evidence, Mapping):
            yield f"returned finding {one.code!r} with a claim or evidence of a wrong type"


def faults_of_encoder(loaded: object, _arguments: Mapping[str, Any]) -> Iterator[str]:
    """An encoder is a model with embeddings in float32, and a tokenizer that numbers them."""
    import torch

    if not isinstance(loaded, LoadedEncoder):
        yield f"returned {_kind(loaded)}, it should return LoadedEncoder or None"
        return
    model, tokenizer = loaded.model, loaded.tokenizer
    if not isinstance(model, torch.nn.Module):
        yield f"returned a model that is {_kind(model)}, not a torch module"
    if not isinstance(getattr(getattr(model, "config", None), "hidden_size", None), int):
        yield "returned a model without config.hidden_size"
    table: Any = getattr(model.get_input_embeddings(), "weight", None)
    if not isinstance(table, torch.Tensor) or table.ndim != 2:
        yield "returned a model without a table of word embeddings"
    if table.dtype != torch.float32:
        yield f"returned a model in {table.dtype}, not in float32"
    for need in ("add_special_tokens", "convert_tokens_to_ids", "__len__", "__call__"):
        if not hasattr(tokenizer, need):
            yield f"returned a tokenizer that is {_kind(tokenizer)}: it has no {need}"
    for field in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        keys = getattr(loaded, field)
        if not isinstance(keys, tuple) or not all(isinstance(key, str) for key in keys):
            yield f"returned {field} that is no tuple of names"


def faults_of_embeddings(adapted: object, arguments: Mapping[str, Any]) -> Iterator[str]:
    """Adapted embeddings have the candidate's shape, finite rows, and counts of their origins."""
    import torch

    if not isinstance(adapted, AdaptedEmbeddings):
        yield f"returned {_kind(adapted)}, it should return AdaptedEmbeddings or None"
        return
    weight, wanted = adapted.weight, tuple(arguments["candidate"].weight.shape)
    if not isinstance(weight, torch.Tensor):
        yield f"returned a weight that is {_kind(weight)}, not a tensor"
    if tuple(weight.shape) != wanted:
        yield f"returned rows of shape {tuple(weight.shape)} for a table of {wanted}"
    if not bool(weight.isfinite().all()):
        yield "returned rows that are not finite"
    origins = adapted.origins
    if not isinstance(origins, Mapping) or not all(
        isinstance(how, str) and isinstance(count, int) for how, count in origins.items()
    ):
        yield "returned origins that do not map a way to a number of rows"


def faults_of_groups(groups: object, _arguments: Mapping[str, Any]) -> Iterator[str]:
    """Groups are a list of `ParamGroup`, with named parameters and finite rates."""
    if not isinstance(groups, list):
        yield f"returned {_kind(groups)}, it should return a list of ParamGroup or None"
        return
    for group in groups:
        if not isinstance(group, ParamGroup):
            yield f"returned a group that is {_kind(group)}, not ParamGroup"
        for field in ("learning_rate", "weight_decay"):
            rate = getattr(group, field)
            if not isinstance(rate, int | float) or not math.isfinite(rate) or rate < 0:
                yield f"returned group {group.name!r} with {field} {rate!r}"
        if not isinstance(group.parameters, tuple) or not all(map(_is_named, group.parameters)):
            yield f"returned group {group.name!r} whose parameters are no (name, parameter) pairs"


def _is_named(pair: object) -> bool:
    import torch

    match pair:
        case (str(), torch.nn.Parameter()):
            return True
    return False


def _kind(value: object) -> str:
    return type(value).__name__


def _names(kinds: tuple[type, ...]) -> str:
    told = {type(None): "None", int: "a whole number", str: "text", Mapping: "a mapping"}
    return " or ".join(told[kind] for kind in kinds)
