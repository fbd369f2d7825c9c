"""What is known of one side of a comparison: recorded facts, or what its files say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from encswap.domain import CheckContext, Depth, EncoderSpec, Finding, Layout, Source, Subject

CAUSAL_ENDINGS = ("ForCausalLM", "LMHeadModel")


@dataclass(frozen=True)
class Evidence:
    """What is known of an encoder, at which depth it was learned, and by which way.

    `provenance` names for each field where it was read. `faults` are findings about the files
    themselves, made while they were read.
    """

    depth: Depth
    config: Mapping[str, Any] = field(default_factory=dict)
    config_class: str | None = None
    architecture: str | None = None
    hidden_size: int | None = None
    layers: int | None = None
    parameters: int | None = None
    layout: Layout = "encoder"
    tokenizer: Mapping[str, Any] = field(default_factory=dict)
    licence: str | None = None
    licence_known: bool = False
    heads: Mapping[str, Any] = field(default_factory=dict)
    model_parameters: int | None = None
    provenance: Mapping[str, str] = field(default_factory=dict)
    faults: tuple[Finding, ...] = ()

    def origin(self, key: str) -> str:
        """Say where a field was read, in parentheses; empty where that is not known."""
        found = self.provenance.get(key)
        return f" ({found})" if found else ""


@dataclass(frozen=True)
class Case:
    """One candidate before one base: what every check looks at."""

    base_spec: EncoderSpec
    spec: EncoderSpec
    base: Evidence
    candidate: Evidence
    context: CheckContext
    base_source: Source | None = None
    source: Source | None = None
    unreachable: str = ""

    @property
    def depth(self) -> Depth:
        """The depth on which the candidate's evidence stands."""
        return self.candidate.depth


def recorded(spec: EncoderSpec) -> Evidence:
    """Return the recorded facts of a spec as evidence."""
    config = spec.config
    return Evidence(
        depth="facts",
        config=config,
        config_class=spec.fact("config_class"),
        architecture=spec.fact("architecture"),
        hidden_size=config.get("hidden_size"),
        layers=config.get("num_hidden_layers"),
        parameters=spec.fact("parameters"),
        layout=spec.layout,
        tokenizer=spec.fact("tokenizer", {}),
        licence=spec.fact("licence"),
        licence_known="licence" in spec.facts,
        heads=spec.fact("heads", {}),
        model_parameters=spec.fact("model_parameters"),
        provenance={key: f"{fact.mark} {fact.date}" for key, fact in spec.facts.items()},
    )


def gather(subject: Subject, depth: Depth) -> Evidence:
    """Return the deepest evidence at hand: the files' where they can be read, else the facts'."""
    source = subject.source
    if depth == "facts" or source is None or source.stands_in:
        return recorded(subject.spec)
    from encswap.checks.files import read_files

    return read_files(subject.spec, source)


def differing_claim(spec: EncoderSpec, key: str, value: Any) -> str | None:
    """Return what was claimed of `key`, where the evidence says otherwise; numbers within 1%."""
    claim = spec.claims.get(key)
    if claim is None or claim.value is None:
        return None
    if isinstance(claim.value, int | float) and isinstance(value, int | float):
        same = abs(claim.value - value) <= 0.01 * value
    else:
        same = claim.value == value
    return None if same else f"{claim.text} ({claim.where})" if claim.where else claim.text
