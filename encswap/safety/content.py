"""What the files of a model from elsewhere ask for, judged by content: code, kernels, other files.

transformers, tokenizers, peft and gliner2 read these files and do what they say. The one question
"may this folder be loaded" is answered here, for a base, an encoder and a finished run alike, and
before any of those libraries looks at it.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from encswap.errors import SourceError

MOST_CONFIG_BYTES = 4 * 2**20
MOST_TOKENIZER_BYTES = 64 * 2**20
MOST_ITEMS = 100_000
MOST_CONFIG_DEPTH = 20


class UnreadableError(Exception):
    """A file that is there and cannot be used; the text says why, after the file's name."""


def read_json(path: Path, kind: type, most: int = MOST_CONFIG_BYTES) -> Any:
    """Read a JSON file of at most so many bytes whose top is a `kind`.

    Raises `FileNotFoundError`, and `UnreadableError` for everything else that is wrong with it.
    """
    try:
        if path.exists() and not path.is_file():
            raise UnreadableError("is no regular file")
        if path.stat().st_size > most:
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


def walk(value: Any, path: str = "", depth: int = 0) -> Iterator[tuple[str, str, Any]]:
    """Yield path, key and value of everything inside a JSON value; it ends at a fixed depth."""
    if depth > MOST_CONFIG_DEPTH:
        raise UnreadableError("is nested too deeply")
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, one in items:
        here = f"{path}.{key}" if path else str(key)
        yield here, str(key), one
        if isinstance(one, dict | list):
            if len(one) > MOST_ITEMS:
                raise UnreadableError(f"{here[:80]} has {len(one):,} items, more than any model's")
            yield from walk(one, here, depth + 1)


MOST_MODULES = 100_000
MOST_LAYERS = 256
CEILINGS = {
    "vocab_size": 10**7,
    "max_position_embeddings": 2**24,
    "n_positions": 2**24,
    "num_attention_heads": 1024,
    "num_labels": 10_000,
    "hidden_size": 2**16,
    "intermediate_size": 2**20,
    "max_width": 1024,
}
SIZES = ("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads")
MORE_SIZES = ("intermediate_size", "max_position_embeddings", "embedding_size", "max_width")
USUAL_CEILING = 2**24
COUNT_CEILING = 4096


# Settings of a boundary head: dimensions, and how many candidates are kept.
HEAD_CEILING = 2**16
WIDTHS_NAMED_N = {"n_embd", "n_inner", "n_ctx", "n_positions"}


def refuse_sizes(config: Mapping[str, Any]) -> None:
    """Refuse a config, nested ones included, whose numbers no model has.

    Raises `UnreadableError`.
    """
    modules = 1
    for path, key, value in walk(config):
        if key in SIZES and _is_no_count(value):
            raise UnreadableError(f"says {path} is {_shown(value)}, not a whole number")
        if key in MORE_SIZES and _is_no_count(value) and not isinstance(value, list | None):
            raise UnreadableError(f"says {path} is {_shown(value)}, not a whole number")
        if isinstance(value, float) and not math.isfinite(value):
            raise UnreadableError(f"says {path} is {value}, not a number")
        if isinstance(value, bool) or not isinstance(value, int):
            continue
        ceiling = _ceiling(path, key)
        if value > ceiling or value < -USUAL_CEILING:
            raise UnreadableError(f"says {path} is {_shown(value)}, more than {ceiling:,}")
        if key in (*SIZES, *MORE_SIZES) and value <= 0:
            raise UnreadableError(f"says {path} is {value}")
        if _is_count(key) and key not in {"num_labels", "num_attention_heads"}:
            modules *= max(value, 1)
    if modules > MOST_MODULES:
        raise UnreadableError(f"asks for {modules:,} modules, more than any model's")


def _ceiling(path: str, key: str) -> int:
    if key in CEILINGS:
        return CEILINGS[key]
    if key.endswith("layers") or key == "n_layer":
        return MOST_LAYERS
    if path.startswith(("boundary_head.", "span_head.")) and not key.endswith("_elements"):
        return HEAD_CEILING
    return COUNT_CEILING if _is_count(key) else USUAL_CEILING


def _is_count(key: str) -> bool:
    return key.startswith(("num_", "n_")) and key not in WIDTHS_NAMED_N


def _is_no_count(value: object) -> bool:
    return not isinstance(value, int) or isinstance(value, bool)


def _shown(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        # Python refuses to print a number of more than 4,300 digits.
        return f"{value:,}" if abs(value) < 10**30 else "a number of more than thirty digits"
    return repr(str(value)[:40])


Code = Literal["remote-code", "outside-files", "weights-format", "files", "tokenizer-loads"]


# Files that hold a vocabulary: their keys are tokens, and mean nothing. (`tokenizer.json` is read
# by `tokenizers` alone, which knows no code and no other file.)
SETTINGS = (
    "config*.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "generation_config.json",
    "preprocessor_config.json",
    "processor_config.json",
    "modules.json",
    "sentence_bert_config.json",
    "gliner_config.json",
    "quantiz*_config.json",
    "quantize_config.json",
    "*.index.json",
)
FOLDERS = ("", "encoder_config")
TOKENIZER_FILES = ("tokenizer_config.json", "special_tokens_map.json")


# Files by whose presence a loader goes elsewhere.
ASKING_FILES: tuple[tuple[str, Code, str], ...] = (
    (
        "adapter_config.json",
        "outside-files",
        "it is an adapter of another model, which is not read",
    ),
    ("custom_generate/generate.py", "remote-code", "it is code of the model's own"),
    (".metadata", "weights-format", "it is a pickled index of weights"),
)


# What transformers reads as a whole beside the settings; a device or a pipe would never end.
READ_WHOLE = ("vocab*", "merges.txt", "*.model", "*.tiktoken", "*.jinja", "added_tokens.json")
WEIGHTS = ("*.safetensors", "pytorch_model*.bin")
CODE_KEYS = {
    "auto_map",
    "attribute_map",
    "auto_mapping",
    "custom_pipelines",
    "custom_pipeline",
    "custom_generate",
    "trust_remote_code",
    "_auto_class",
}
KERNEL_KEYS = {"use_kernels", "kernel_config", "kernel_mapping", "fusion_config"}
IMPLEMENTATIONS = {
    "",
    "eager",
    "sdpa",
    "flash_attention_2",
    "flash_attention_3",
    "flash_attention_4",
    "flex_attention",
    "batched_mm",
    "grouped_mm",
}
OTHER_MODEL_KEYS = {
    "backbone",
    "backbone_config",
    "use_pretrained_backbone",
    "use_timm_backbone",
    "configuration_files",
    "gguf_file",
    "index_path",
    "passages_path",
    "assistant_model",
}
QUANTISED_KEYS = {"quantization_config", "compression_config", "quantization"}
TOKENIZER_CLASS_KEYS = {"tokenizer_class", "slow_tokenizer_class", "fast_tokenizer_class"}
DTYPE = re.compile(r"(torch\.)?(auto|b?float\d*(_e\d\w*)?|half|double|u?int\d+|bool|long|short)")


# Old versions of transformers wrote these beside the files; none of today's opens them.
LEFT_BEHIND = {"name_or_path", "_name_or_path", "special_tokens_map_file", "model_name"}
FREE_TEXT = {"chat_template", "license", "citation"}
_ABSOLUTE = re.compile(r"^(/|~|\\\\|[A-Za-z]:[\\/]|file:)")
_IMPLEMENTATION = re.compile(r"(attn|experts)_implementation\w*(\.\w*)*$")


# Tokens and labels may look like paths.
_WORDS = re.compile(r"(^|\.)(\w*tokens?(_decoder)?|id2label|label2id|prompts)(\.|$)")
LONGEST_PATH = 4096
_PARENT = re.compile(r"(^|[\\/])\.\.([\\/]|$)")
_HINTS: Mapping[str, str] = {
    "remote-code": "choose a model whose classes transformers ships",
    "outside-files": "a model's files must stand in its own folder; merge an adapter first",
    "weights-format": "give plain weights as safetensors",
}


@dataclass(frozen=True)
class Problem:
    """Something that a model's files ask for and do not get: a check's code, the file, and what."""

    code: Code
    file: str
    message: str


def problems(folder: Path) -> list[Problem]:
    """List what the files of a folder ask for and may not have; empty where it may be loaded."""
    return list(_problems(folder))


def refuse_hostile(folder: Path, name: str = "") -> None:
    """Refuse a folder that may not be loaded, in one line with the file; raises `SourceError`."""
    for one in _problems(folder):
        shown = f"{name}: {one.message}" if name else one.message
        raise SourceError(shown, where=folder / one.file, hint=_HINTS.get(one.code, ""))


def _problems(folder: Path) -> Iterator[Problem]:
    for name, code, message in ASKING_FILES:
        if (folder / name).exists():
            yield Problem(code, name, message)
    yield from _endless(folder)
    for path in _settings(folder):
        name = path.relative_to(folder).as_posix()
        of_tokenizer = path.name in TOKENIZER_FILES
        try:
            values = read_json(
                path, object, MOST_TOKENIZER_BYTES if _long(path) else MOST_CONFIG_BYTES
            )
            yield from _asked(name, values)
            if isinstance(values, dict) and path.name.startswith(("config", "gliner_config")):
                refuse_sizes(values)
        except FileNotFoundError:
            continue
        except UnreadableError as error:
            code = "tokenizer-loads" if of_tokenizer else "files"
            yield Problem(code, name, f"{path.name} {error}")


def _endless(folder: Path) -> Iterator[Problem]:
    for path in _matching(folder, (*READ_WHOLE, *WEIGHTS, *SETTINGS, "tokenizer.json")):
        if path.exists() and not path.is_file():
            yield Problem("files", path.name, f"{path.name} is no regular file")
    for path in _matching(folder, READ_WHOLE):
        if path.is_file() and path.stat().st_size > MOST_TOKENIZER_BYTES:
            size = path.stat().st_size
            yield Problem("files", path.name, f"{path.name} has {size:,} bytes, more than any's")


def _settings(folder: Path) -> list[Path]:
    return [path for room in FOLDERS for path in _matching(folder / room, SETTINGS)]


def _matching(folder: Path, shapes: Sequence[str]) -> list[Path]:
    return sorted({path for shape in shapes for path in folder.glob(shape)})


def _long(path: Path) -> bool:
    return path.name.endswith(".index.json") or path.name in TOKENIZER_FILES


def _asked(name: str, values: object) -> Iterator[Problem]:
    if not isinstance(values, dict | list):
        return
    if name.endswith(".index.json"):
        yield from _shards(name, values)
        return
    for place, key, value in walk(values):
        for code, rule in RULES:
            if message := rule(place, key, value):
                yield Problem(code, name, f"{name}: {place} {message}")
                break


def _names_code(_place: str, key: str, value: Any) -> str:
    if key == "attribute_map" or (key in CODE_KEYS and value):
        names = value.values() if isinstance(value, dict) else [value]
        shown = ", ".join(str(one) for one in names)[:80]
        return f"asks for code of its own, which encswap does not run: {shown}"
    if key.startswith("__") and key.endswith("__"):
        return "would replace a part of Python's object, which can name code"
    return ""


def _names_kernel(place: str, key: str, value: Any) -> str:
    if key in KERNEL_KEYS and value:
        return f"asks for compiled code from elsewhere: {str(value)[:80]}"
    chosen = isinstance(value, str) and bool(_IMPLEMENTATION.search(place))
    if chosen and value.removeprefix("paged|") not in IMPLEMENTATIONS:
        return f"asks for code from elsewhere: {value[:80]!r}"
    return ""


def _names_tokenizer(_place: str, key: str, value: Any) -> str:
    if key in TOKENIZER_CLASS_KEYS and value is not None and not _is_tokenizer(value):
        return f"is {str(value)[:80]!r}, no tokenizer class of transformers"
    return ""


def _names_model(_place: str, key: str, value: Any) -> str:
    if key in OTHER_MODEL_KEYS and value:
        return f"asks for files of another model: {str(value)[:80]}"
    plain = isinstance(value, str) and _is_plain(value, ".safetensors")
    if key == "transformers_weights" and value is not None and not plain:
        return f"is {str(value)[:80]!r}, no safetensors file beside it"
    return ""


def _is_quantised(_place: str, key: str, value: Any) -> str:
    return "says that its weights are quantised" if key in QUANTISED_KEYS and value else ""


def _is_no_dtype(_place: str, key: str, value: Any) -> str:
    if key in {"dtype", "torch_dtype"} and isinstance(value, str) and not DTYPE.fullmatch(value):
        return f"is {value[:40]!r}, no type of numbers"
    return ""


def _is_tokenizer(name: object) -> bool:
    """Tell whether a tokenizer's class is one that transformers itself ships."""
    if not isinstance(name, str) or not name.isidentifier():
        return False
    from transformers import PreTrainedTokenizerBase
    from transformers.models.auto.tokenization_auto import tokenizer_class_from_name

    found = tokenizer_class_from_name(name)
    if not isinstance(found, type):
        return False
    return issubclass(found, PreTrainedTokenizerBase) and found.__module__.startswith(
        "transformers."
    )


def _leads_out(place: str, key: str, value: Any) -> str:
    """Say that a value leads out of the folder.

    Old versions of transformers left the absolute paths of the author's machine in files; those
    that lead to nothing here are let be.
    """
    if not isinstance(value, str) or "\n" in value or len(value) > LONGEST_PATH:
        return ""
    if key in LEFT_BEHIND | FREE_TEXT or _WORDS.search(place):
        return ""
    if _PARENT.search(value) or (_ABSOLUTE.match(value) and _is_there(value)):
        return f"leads out of the model's folder: {value[:80]}"
    return ""


def _is_there(value: str) -> bool:
    try:
        return Path(value.removeprefix("file://")).expanduser().exists()
    except (OSError, ValueError, RuntimeError):
        return False


def _is_plain(name: str, ending: str = "") -> bool:
    pure = PurePosixPath(name)
    return pure.name == name and "\\" not in name and "\0" not in name and name.endswith(ending)


RULES: tuple[tuple[Code, Callable[[str, str, Any], str]], ...] = (
    ("remote-code", _names_code),
    ("remote-code", _names_kernel),
    ("remote-code", _names_tokenizer),
    ("outside-files", _names_model),
    ("outside-files", _leads_out),
    ("weights-format", _is_quantised),
    ("files", _is_no_dtype),
)
"""The rules that each key and value of a settings file is checked by, and their codes."""


def _shards(name: str, values: object) -> Iterator[Problem]:
    """Every shard that an index names is a weight file beside it, of the index's own kind."""
    found = values.get("weight_map") if isinstance(values, dict) else None
    if not isinstance(found, dict):
        yield Problem("files", name, f"{name} has no weight_map")
        return
    ending = ".safetensors" if ".safetensors." in name else ""
    for shard in sorted({str(one) for one in found.values()}):
        if not _is_plain(shard, ending):
            message = f"{name}: shard {shard[:80]!r} is no{' safetensors' if ending else ''} file"
            yield Problem("outside-files", name, f"{message} beside it")
            return
