"""What is known of one side of a comparison: recorded facts, or what its files say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from encswap.safety.content import Problem, UnreadableError, problems, read_json
from encswap.safety.trusted_classes import build_config, count_parameters
from encswap.types import CheckContext, Depth, EncoderSpec, Layout, Source, Subject

CAUSAL_ENDINGS = ("ForCausalLM", "LMHeadModel")


@dataclass(frozen=True)
class Evidence:
    """What is known of an encoder, at which depth it was learned, and by which way.

    `provenance` names for each field where it was read. `faults` are what
    the files ask for and may not have, or why they cannot be used.
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
    faults: tuple[Problem, ...] = ()

    def origin(self, key: str) -> str:
        """Say where a field was read, in parentheses; empty where that is not known."""
        found = self.provenance.get(key)
        return f" ({found})" if found else ""


@dataclass(frozen=True)
class CheckCase:
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


# A problem that loading the tokenizer shows too, and says more about.
FOUND_BY_LOADING = "tokenizer-loads"


def read_files(spec: EncoderSpec, source: Source) -> Evidence:
    """Read config, layout and licence; what is wrong with the files becomes findings."""
    notes = recorded(spec)
    layout, layout_origin, folder = _layout(source.path)
    faults = [
        one
        for place in dict.fromkeys((source.path, folder))
        for one in problems(place)
        if one.code != FOUND_BY_LOADING
    ]
    if source.kind == "mini":
        layout, layout_origin = notes.layout, "recorded"
    config = _config(folder, faults, needed=layout == "encoder")
    class_name, values = _understand(config, faults)
    licence, licence_origin = _licence(source.path)
    known = licence_origin is not None
    return Evidence(
        depth="config",
        config=values or config,
        config_class=class_name,
        architecture=_architecture(notes, class_name, layout),
        hidden_size=_size(values, "hidden_size"),
        layers=_size(values, "num_hidden_layers"),
        parameters=_parameters(config, class_name, faults),
        layout=layout,
        tokenizer=notes.tokenizer,
        licence=licence if known else notes.licence,
        licence_known=known or notes.licence_known,
        heads=_heads(source.path) or notes.heads,
        model_parameters=notes.model_parameters,
        provenance={
            "layout": layout_origin,
            "licence": licence_origin or notes.provenance.get("licence", ""),
            "parameters": "meta device",
        },
        faults=tuple(faults),
    )


def _layout(root: Path) -> tuple[Layout, str, Path]:
    """Recognise what kind of repository this is, and which folder holds the encoder's config."""
    if (root / "encoder_config" / "config.json").is_file():
        return "complete-model", "encoder_config/", root / "encoder_config"
    if (root / "gliner_config.json").is_file():
        return "complete-model", "gliner_config.json", root
    if (root / "modules.json").is_file():
        try:
            modules = read_json(root / "modules.json", list)
        except UnreadableError:
            return "encoder", "", root
        kinds = [str(one.get("type", "")).rsplit(".", 1)[-1] for one in modules if _is_map(one)]
        first = next((str(one.get("path") or "") for one in modules if _is_map(one)), "")
        inner = root / first if _is_inside(root, first) else root
        folder = inner if (inner / "config.json").is_file() else root
        if any(kind in {"Pooling", "Normalize"} for kind in kinds):
            return "sentence-embedding", f"modules.json: {' → '.join(kinds[:6])}", folder
    return "encoder", "", root


def _is_inside(root: Path, name: str) -> bool:
    return bool(name) and (root / name).resolve().is_relative_to(root.resolve())


def _is_map(value: object) -> bool:
    return isinstance(value, dict)


def _config(folder: Path, faults: list[Problem], *, needed: bool) -> dict[str, Any]:
    try:
        config = read_json(folder / "config.json", dict)
    except FileNotFoundError:
        if needed:
            faults.append(_unusable("there is no config.json"))
        return {}
    except UnreadableError as error:
        if not any(fault.code == "files" for fault in faults):
            faults.append(_unusable(f"config.json {error}"))
        return {}
    return dict(config)


def _unusable(message: str) -> Problem:
    return Problem("files", "config.json", message)


def _understand(
    config: Mapping[str, Any], faults: list[Problem]
) -> tuple[str | None, dict[str, Any]]:
    """Return the config's class and its fields under their common names."""
    kind = config.get("model_type")
    if not config or not isinstance(kind, str):
        if config:
            faults.append(_unusable("config.json names no model_type"))
        return None, {}
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

    class_name = CONFIG_MAPPING_NAMES.get(kind)
    if class_name is None or faults:
        return class_name, dict(config)
    try:
        built = build_config(config)
    except Exception as error:
        text = " ".join(str(error).split())[:200]
        faults.append(_unusable(f"config.json is refused: {text}"))
        return class_name, {}
    common = ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size")
    values = dict(config)
    for key in (*common, "vocab_size", "max_position_embeddings", "pad_token_id"):
        if (value := getattr(built, key, None)) is not None:
            values[key] = value
    return class_name, values


def _parameters(
    config: Mapping[str, Any], class_name: str | None, faults: list[Problem]
) -> int | None:
    if class_name is None or faults:
        return None
    try:
        return _count(json.dumps(dict(config), sort_keys=True))
    except Exception as error:
        text = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        message = f"config.json builds no model: {text}"
        faults.append(_unusable(message))
        return None


@lru_cache(maxsize=64)
def _count(config: str) -> int:
    """Count parameters without allocating any."""
    return count_parameters(build_config(json.loads(config)))


def _size(values: Mapping[str, Any], key: str) -> int | None:
    value = values.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _architecture(notes: Evidence, class_name: str | None, layout: Layout) -> str | None:
    if notes.architecture and (class_name == notes.config_class or layout == notes.layout):
        return notes.architecture
    return class_name.removesuffix("Config") if class_name else None


def _heads(root: Path) -> dict[str, Any]:
    if not (root / "encoder_config").is_dir():
        return {}
    try:
        config = read_json(root / "config.json", dict)
    except (UnreadableError, FileNotFoundError):
        return {}
    return {key: config[key] for key in ("architecture", "max_width") if key in config}


def _licence(root: Path) -> tuple[str | None, str | None]:
    """Read the licence that README.md declares, and say where it was looked for."""
    path = root / "README.md"
    if not path.is_file():
        return None, None
    import yaml

    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            text = file.read(65_536)
        head = text.split("---")[1] if text.startswith("---") else ""
        # Merged keys can double at each line; nobody needs them to name a licence.
        front = yaml.safe_load(head) if "<<" not in head else None
    except (OSError, yaml.YAMLError, IndexError, RecursionError):
        return None, "README.md"
    declared = front.get("license") if isinstance(front, dict) else None
    if isinstance(declared, list):
        declared = ", ".join(str(one) for one in declared)
    return (declared if isinstance(declared, str) else None), "README.md"
