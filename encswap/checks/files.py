"""Evidence from a model's own files, read so that no file can make it crash or allocate much."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from encswap.checks.evidence import Evidence, recorded
from encswap.domain import EncoderSpec, Finding, Layout, Source

MOST_BYTES = 4 * 2**20
MOST_ITEMS = 100_000
MOST_MODULES = 100_000
CEILINGS = {
    "vocab_size": 10**7,
    "max_position_embeddings": 2**24,
    "n_positions": 2**24,
    "num_hidden_layers": 256,
    "n_layer": 256,
    "num_attention_heads": 1024,
    "num_labels": 10_000,
    "hidden_size": 2**16,
    "intermediate_size": 2**20,
}
SIZES = ("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads")
USUAL_CEILING = 2**24
COUNT_CEILING = 4096


class UnreadableError(Exception):
    """A file that is there and cannot be used; the text says why."""


def read_files(spec: EncoderSpec, source: Source) -> Evidence:
    """Read config, layout and licence; what is wrong with the files becomes findings."""
    notes = recorded(spec)
    faults: list[Finding] = []
    layout, layout_origin, folder = _layout(source.path, faults)
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


def _layout(root: Path, faults: list[Finding]) -> tuple[Layout, str, Path]:
    """Recognise what kind of repository this is, and which folder holds the encoder's config."""
    if (root / "encoder_config" / "config.json").is_file():
        return "complete-model", "encoder_config/", root / "encoder_config"
    if (root / "gliner_config.json").is_file():
        return "complete-model", "gliner_config.json", root
    if (root / "modules.json").is_file():
        try:
            modules = _read_json(root / "modules.json", list)
        except UnreadableError as error:
            faults.append(Finding("files", "fail", "config", f"modules.json {error}"))
            return "encoder", "", root
        kinds = [str(one.get("type", "")).rsplit(".", 1)[-1] for one in modules if _is_map(one)]
        first = next((str(one.get("path") or "") for one in modules if _is_map(one)), "")
        inner = root / first if first and ".." not in first else root
        folder = inner if (inner / "config.json").is_file() else root
        if any(kind in {"Pooling", "Normalize"} for kind in kinds):
            return "sentence-embedding", f"modules.json: {' → '.join(kinds[:6])}", folder
    return "encoder", "", root


def _is_map(value: object) -> bool:
    return isinstance(value, dict)


def _config(folder: Path, faults: list[Finding], *, needed: bool) -> dict[str, Any]:
    try:
        config = _read_json(folder / "config.json", dict)
        _refuse_hostile(config)
    except FileNotFoundError:
        if needed:
            faults.append(Finding("files", "fail", "config", "there is no config.json"))
        return {}
    except UnreadableError as error:
        faults.append(Finding("files", "fail", "config", f"config.json {error}"))
        return {}
    return dict(config)


def _read_json(path: Path, kind: type) -> Any:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise UnreadableError(f"has {path.stat().st_size:,} bytes, more than any model's")
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise
    except OSError as error:
        raise UnreadableError(f"cannot be read: {error.strerror}") from error
    except RecursionError as error:
        raise UnreadableError("is nested too deeply") from error
    except ValueError as error:
        raise UnreadableError(f"is no JSON: {error}") from error
    if not isinstance(value, kind):
        raise UnreadableError(f"is {type(value).__name__}, not {kind.__name__}")
    return value


def _refuse_hostile(config: Mapping[str, Any]) -> None:
    """Refuse sizes that no model has before any library builds something of that size."""
    counts = 1
    for path, key, value in _walk(config):
        if isinstance(value, list | dict) and len(value) > MOST_ITEMS:
            raise UnreadableError(f"{path} has {len(value):,} items, more than any model's")
        if isinstance(value, bool) or not isinstance(value, int | float):
            continue
        count = key.startswith(("num_", "n_")) and key not in {"n_embd", "n_inner", "n_ctx"}
        ceiling = CEILINGS.get(key, COUNT_CEILING if count else USUAL_CEILING)
        if isinstance(value, int) and value > ceiling:
            raise UnreadableError(f"says {path} is {value:,}, more than {ceiling:,}")
        if key in SIZES and value <= 0:
            raise UnreadableError(f"says {path} is {value}")
        if count and key not in {"num_labels", "num_attention_heads"} and isinstance(value, int):
            counts *= max(value, 1)
    if counts > MOST_MODULES:
        raise UnreadableError(f"asks for {counts:,} modules, more than any model's")
    for key in SIZES:
        if key in config and (not isinstance(config[key], int) or isinstance(config[key], bool)):
            raise UnreadableError(f"says {key} is {str(config[key])[:40]!r}, not a whole number")


def _walk(value: Any, path: str = "", depth: int = 0) -> Iterator[tuple[str, str, Any]]:
    if depth > 20:
        raise UnreadableError("is nested too deeply")
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, one in items:
        here = f"{path}.{key}" if path else str(key)
        yield here, str(key), one
        if isinstance(one, dict | list) and len(one) <= MOST_ITEMS:
            yield from _walk(one, here, depth + 1)


def _understand(
    config: Mapping[str, Any], faults: list[Finding]
) -> tuple[str | None, dict[str, Any]]:
    """Return the config's class and its fields under their common names."""
    kind = config.get("model_type")
    if not config or not isinstance(kind, str):
        if config:
            faults.append(Finding("files", "fail", "config", "config.json names no model_type"))
        return None, {}
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

    class_name = CONFIG_MAPPING_NAMES.get(kind)
    if class_name is None:
        return None, dict(config)
    try:
        built = build_config(config)
    except Exception as error:
        text = " ".join(str(error).split())[:200]
        faults.append(Finding("files", "fail", "config", f"config.json is refused: {text}"))
        return class_name, {}
    common = ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size")
    values = dict(config)
    for key in (*common, "vocab_size", "max_position_embeddings", "pad_token_id"):
        if (value := getattr(built, key, None)) is not None:
            values[key] = value
    return class_name, values


def build_config(config: Mapping[str, Any], **changes: Any) -> Any:
    """Build transformers' own config; code of the repository is never asked for."""
    from transformers import AutoConfig

    fields = {key: value for key, value in config.items() if key != "auto_map"} | changes
    return AutoConfig.for_model(**fields)


def _parameters(
    config: Mapping[str, Any], class_name: str | None, faults: list[Finding]
) -> int | None:
    if class_name is None or any(fault.code == "files" for fault in faults):
        return None
    try:
        return _count(json.dumps(dict(config), sort_keys=True))
    except Exception as error:
        text = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        message = f"config.json builds no model: {text}"
        faults.append(Finding("files", "fail", "config", message))
        return None


@lru_cache(maxsize=64)
def _count(config: str) -> int:
    """Count parameters on the meta device, where tensors have shapes and no bytes."""
    import torch
    from transformers import AutoModel

    built = build_config(json.loads(config))
    with torch.device("meta"):
        model = AutoModel.from_config(built, trust_remote_code=False)
    return sum(parameter.numel() for parameter in model.parameters())


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
        config = _read_json(root / "config.json", dict)
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
        front = yaml.safe_load(text.split("---")[1]) if text.startswith("---") else None
    except (OSError, yaml.YAMLError, IndexError, RecursionError):
        return None, "README.md"
    declared = front.get("license") if isinstance(front, dict) else None
    if isinstance(declared, list):
        declared = ", ".join(str(one) for one in declared)
    return (declared if isinstance(declared, str) else None), "README.md"
