"""Mini encoders: the real config class, its dimensions divided, and a tokenizer of the real kind.

Widths are divided by 8 and layers by 6, so that what differs between encoders at full size, a
hidden size of 1024 against 768 or an id gap, still differs at mini size.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from encswap.data.input import find_data
from encswap.data.readers import read_examples
from encswap.errors import InputError
from encswap.files import checksum, locked, one_line, replaced_folder
from encswap.manifest import versions_of
from encswap.models import mini_folder
from encswap.recipe import read_recipe
from encswap.testing.mini.tokenizers import train_tokenizer
from encswap.types import EncoderSpec

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

BUILD = 2  # raise it when a mini model would come out different
WIDTH, DEPTH, HEAD = 8, 6, 32
LARGEST_GAP = 100
MARK_FILE = "mini.txt"
Kind = Literal["base", "encoder", "recorded"]
WIDTHS = ("hidden_size", "intermediate_size", "embedding_size", "position_buckets")


def mini_encoder(spec: EncoderSpec) -> Path:
    """Build the mini encoder of a registered encoder in the cache, once, and return its folder."""
    return _built(spec, "encoder", _write_encoder)


def recorded_folder(spec: EncoderSpec) -> Path:
    """A folder with the recorded config at full size and a mini tokenizer, without weights."""
    return _built(spec, "recorded", _write_recorded)


def mini_config(recorded: Mapping[str, Any], vocabulary: int) -> dict[str, Any]:
    """Divide the dimensions of a recorded config; everything else stays."""
    config = dict(recorded)
    for key in WIDTHS:
        if isinstance(config.get(key), int) and config[key] > 0:
            config[key] = max(config[key] // WIDTH, 8)
    config["num_attention_heads"] = max(config["hidden_size"] // HEAD, 1)
    config["num_hidden_layers"] = max(int(config["num_hidden_layers"]) // DEPTH, 1)
    config["vocab_size"] = vocabulary
    return config


def _built(spec: EncoderSpec, kind: Kind, write: Callable[[EncoderSpec, Path], None]) -> Path:
    if not spec.config:
        raise InputError(
            f"{spec.name} has no recorded config, so there is no mini model of it",
            hint=f"it is recorded as: {spec.layout}",
        )
    mark = fingerprint(spec, kind)
    return build_once(mini_folder(kind, spec.name), mark, lambda beside: write(spec, beside))


def is_built(folder: Path, mark: str) -> bool:
    """Tell whether the folder holds the mini model that `mark` names."""
    record = folder / MARK_FILE
    return record.is_file() and record.read_text(encoding="utf-8").strip() == mark


def build_once(folder: Path, mark: str, write: Callable[[Path], None]) -> Path:
    """Write a mini model beside its place and move it there; the one that `mark` names is kept.

    A second process waits for the first and finds it built.
    """
    if is_built(folder, mark):
        return folder
    with one_line(folder, "make room, or set ENCSWAP_CACHE to a folder that can be written"):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with locked(folder.with_name(f".{folder.name}.lock"), wait=True):
            if not is_built(folder, mark):
                with replaced_folder(folder) as beside:
                    write(beside)
                    (beside / MARK_FILE).write_text(mark + "\n", encoding="utf-8")
    return folder


def fingerprint(spec: EncoderSpec, kind: str, *more: str) -> str:
    """Name what a mini model depends on: its facts, the corpus, the libraries that draw weights."""
    known = {
        "build": BUILD,
        "kind": kind,
        "config": dict(spec.config),
        "tokenizer": spec.fact("tokenizer"),
        "corpus": checksum(corpus()),
        "versions": versions_of(["gliner2", "torch", "transformers", "tokenizers"]),
        "more": more,
    }
    text = json.dumps(known, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def corpus() -> Path:
    """The text that mini tokenizers are trained on: the mini recipe's training documents."""
    return find_data(str(read_recipe(layers=("mini",)).train))


def _tokenizer(spec: EncoderSpec) -> PreTrainedTokenizerFast:
    texts = [example.text for example in read_examples(corpus())]
    return train_tokenizer(spec.fact("tokenizer", {}), texts)


def _rows(spec: EncoderSpec, tokenizer: PreTrainedTokenizerFast) -> int:
    """Count table rows: an encoder with more rows than tokens keeps spare ones at mini scale."""
    length = spec.fact("tokenizer", {}).get("length") or spec.config["vocab_size"]
    gap = min(max(int(spec.config["vocab_size"]) - int(length), 0), LARGEST_GAP)
    return len(tokenizer) + gap


def _write_encoder(spec: EncoderSpec, folder: Path) -> None:
    tokenizer = _tokenizer(spec)
    draw_encoder(spec, tokenizer).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def draw_encoder(spec: EncoderSpec, tokenizer: PreTrainedTokenizerFast) -> Any:
    """Draw a mini encoder of the recorded class, from the spec's name as the seed."""
    import torch

    from encswap.safety.trusted_classes import build_config, build_model

    fields = mini_config(spec.config, _rows(spec, tokenizer))
    seed = int.from_bytes(hashlib.sha256(spec.name.encode()).digest()[:4], "big")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build_model(build_config(_ids(fields, tokenizer))).float()


def _write_recorded(spec: EncoderSpec, folder: Path) -> None:
    from encswap.safety.trusted_classes import build_config

    tokenizer = _tokenizer(spec)
    build_config(_ids(dict(spec.config), tokenizer)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _ids(fields: dict[str, Any], tokenizer: PreTrainedTokenizerFast) -> dict[str, Any]:
    if tokenizer.pad_token_id is not None:
        fields["pad_token_id"] = tokenizer.pad_token_id
    return fields
