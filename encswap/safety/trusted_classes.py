"""Configs and models built with the classes that transformers itself ships, and no others."""

from __future__ import annotations

import contextlib
import copy
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from encswap.errors import SourceError
from encswap.safety.content import (
    MOST_TOKENIZER_BYTES,
    SIZES,
    UnreadableError,
    read_json,
    refuse_hostile,
    refuse_sizes,
)
from encswap.safety.guard import unguarded

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerFast

_FENCED: ContextVar[bool] = ContextVar("encswap_fenced", default=False)
_LOCK = Lock()


# All of transformers' ways to code of a repository end in these functions of one module.
CODE = ("create_dynamic_module", "get_cached_module_file", "get_class_in_module")
FETCH = ("hf_hub_download", "snapshot_download")


@contextmanager
def fenced() -> Iterator[None]:
    """Run with transformers unable to import a model's code or to fetch another repository.

    It holds for the calling thread alone: other threads, and a program around this library, go on
    as they were. Raises `SourceError` at the attempt.
    """
    _build_once()
    token = _FENCED.set(True)
    try:
        yield
    finally:
        _FENCED.reset(token)


def _build_once() -> None:
    import transformers.dynamic_module_utils as code
    from transformers.utils import hub

    with _LOCK:
        for module, names, what in (
            (code, CODE, "asks for code of its own, which encswap does not run"),
            (hub, FETCH, "asks for files of another repository, which encswap does not fetch"),
        ):
            for name in names:
                call = getattr(module, name)
                if not hasattr(call, "_encswap_fence"):
                    setattr(module, name, _behind_fence(call, what))


def _behind_fence(call: Callable[..., Any], what: str) -> Callable[..., Any]:
    @functools.wraps(call)
    def checked(*arguments: Any, **options: Any) -> Any:
        if _FENCED.get():
            raise SourceError(f"the model {what}", hint="choose a model that transformers ships")
        return call(*arguments, **options)

    checked._encswap_fence = True  # type: ignore[attr-defined]
    return checked


SHIPPED = "transformers."


def build_config(fields: Mapping[str, Any], **changes: Any) -> PreTrainedConfig:
    """Build the config that `model_type` names among transformers' own; nothing is imported for it.

    Raises `SourceError` where the built object asks for code, is of a class from elsewhere, or
    holds models inside, and what transformers raises where it refuses a field.
    """
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING, CONFIG_MAPPING_NAMES

    values = {**fields, **changes}
    kind = values.pop("model_type", None)
    if not isinstance(kind, str) or kind not in CONFIG_MAPPING_NAMES:
        raise SourceError(
            f"model_type {str(kind)[:80]!r} is no class of the installed transformers"
        )
    try:
        refuse_sizes(values)
    except UnreadableError as error:
        raise SourceError(f"the config {error}") from error
    with fenced():
        config = CONFIG_MAPPING[kind](**values)
    refuse_built(config)
    return config


def refuse_built(config: PreTrainedConfig) -> None:
    """Judge a config as transformers will see it: by its attributes, whatever the file said."""
    for place, one in _configs(config, type(config).__name__):
        if not type(one).__module__.startswith(SHIPPED):
            raise SourceError(f"{place} is a class from elsewhere: {type(one).__module__}")
        if one.attribute_map is not type(one).attribute_map or "attribute_map" in vars(one):
            raise SourceError(f"{place} renames its attributes, which can name code")
        if getattr(one, "auto_map", None):
            raise SourceError(f"{place} asks for code of its own, which encswap does not run")
    inner = [key for key in type(config).sub_configs if getattr(config, key, None) is not None]
    if inner:
        raise SourceError(f"{type(config).__name__} holds models inside ({', '.join(inner)})")
    # A class may know a size by another name.
    named = {key: getattr(config, key, None) for key in SIZES}
    try:
        refuse_sizes({key: value for key, value in named.items() if value is not None})
    except UnreadableError as error:
        raise SourceError(f"the config {error}") from error


def _configs(value: Any, place: str, depth: int = 0) -> Iterator[tuple[str, PreTrainedConfig]]:
    from transformers import PreTrainedConfig

    if isinstance(value, PreTrainedConfig):
        yield place, value
        inside: Any = vars(value).items()
    elif isinstance(value, dict):
        inside = value.items()
    elif isinstance(value, list | tuple):
        inside = enumerate(value)
    else:
        return
    if depth < 20:
        for key, one in inside:
            yield from _configs(one, f"{place}.{key}", depth + 1)


def build_model(
    config: PreTrainedConfig, *, attention: str | None = None, meta: bool = False
) -> PreTrainedModel:
    """Draw a model of transformers' own class for a config; on the meta device it takes no memory.

    `attention` is "sdpa" or "eager"; None leaves the choice to transformers.
    """
    from transformers.models.auto.modeling_auto import MODEL_MAPPING, AutoModel

    refuse_built(config)
    if type(config) not in MODEL_MAPPING:
        raise SourceError(f"{type(config).__name__} has no plain model in transformers")
    options = {} if attention is None else {"attn_implementation": attention}
    with fenced(), without_memory() if meta else contextlib.nullcontext():
        model: PreTrainedModel = AutoModel.from_config(config, trust_remote_code=False, **options)
    if not type(model).__module__.startswith(SHIPPED):
        raise SourceError(f"{type(model).__name__} is a class from elsewhere")
    return model


def build_tagger(
    config: PreTrainedConfig, encoder: PreTrainedModel, tags: Sequence[str]
) -> PreTrainedModel:
    """Put transformers' own linear head for `tags` on an encoder's weights, in float32.

    Raises `SourceError` where transformers has no such head for the class, or weights are missing.
    """
    from transformers.models.auto.modeling_auto import (
        MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING,
        AutoModelForTokenClassification,
    )

    refuse_built(config)
    name = type(config).__name__
    if type(config) not in MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING:
        raise SourceError(f"{name} has no token classification class in transformers")
    config = copy.deepcopy(config)
    config.id2label = dict(enumerate(tags))
    config.label2id = {tag: number for number, tag in enumerate(tags)}
    with fenced():
        model: PreTrainedModel = AutoModelForTokenClassification.from_config(
            config, trust_remote_code=False
        )
    if not type(model).__module__.startswith(SHIPPED):
        raise SourceError(f"{type(model).__name__} is a class from elsewhere")
    # Where the encoder has a pooler, the tagger has none.
    missing, _ = model.base_model.load_state_dict(encoder.state_dict(), strict=False)
    if missing:
        raise SourceError(f"{type(model).__name__} wants weights that are not there: {missing[0]}")
    return model.float()


@contextlib.contextmanager
def without_memory() -> Iterator[None]:
    """Build on the meta device, with shapes and no bytes, and draw no random number."""
    import torch

    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        yield


def count_parameters(config: PreTrainedConfig) -> int:
    """Count the parameters that a config asks for, without allocating any."""
    return sum(one.numel() for one in build_model(config, meta=True).parameters())


MOST_ADDED = 100_000
MOST_GAP = 100_000


def read_config(folder: Path) -> dict[str, Any]:
    """Read config.json; a `SourceError` names the file where it is missing or broken."""
    path = folder / "config.json"
    try:
        config: dict[str, Any] = unguarded(read_json(path, dict))
    except FileNotFoundError as error:
        raise SourceError(
            "no config.json, so this folder is no model",
            where=folder,
            hint="give a folder saved by transformers' save_pretrained",
        ) from error
    except UnreadableError as error:
        raise SourceError(str(error), where=path) from error
    return config


def load_tokenizer(folder: Path, name: str) -> PreTrainedTokenizerFast:
    """Load the tokenizer, also where its config names a class that its files do not fit.

    transformers 5 builds `DebertaV2Tokenizer` from a Unigram vocabulary and fails with a
    `TypeError` on a repository that declares it beside a WordPiece `tokenizer.json`.
    """
    refuse_hostile(folder, name)
    _refuse_bad_tokenizer_file(folder, name)
    with fenced():
        tokenizer = _declared_tokenizer(folder, name) or _plain_tokenizer(folder, name)
    _refuse_far_ids(tokenizer, folder, name)
    return tokenizer


def declared_tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    """Build the tokenizer of the class that the files declare; whatever that raises is raised."""
    from transformers import AutoTokenizer

    # Older GLiNER2 checkpoints hold a list where transformers 5 wants a mapping; gliner2 reads
    # them so. A file path of the author's machine is none of this folder's.
    options: dict[str, Any] = {}
    with suppress(FileNotFoundError, UnreadableError):
        settings = read_json(folder / "tokenizer_config.json", dict, MOST_TOKENIZER_BYTES)
        options |= {key: None for key in settings if key.endswith("_file")}
    with fenced():
        try:
            return AutoTokenizer.from_pretrained(
                str(folder), trust_remote_code=False, local_files_only=True, **options
            )
        except AttributeError as error:
            if "'list' object has no attribute 'keys'" not in str(error):
                raise
            return AutoTokenizer.from_pretrained(
                str(folder),
                trust_remote_code=False,
                local_files_only=True,
                extra_special_tokens={},
                **options,
            )


def _declared_tokenizer(folder: Path, name: str) -> PreTrainedTokenizerFast | None:
    try:
        tokenizer = declared_tokenizer(folder)
    except Exception as error:
        if not (folder / "tokenizer.json").is_file():
            raise _no_tokenizer(folder, name, error) from error
        return None
    return tokenizer if getattr(tokenizer, "is_fast", False) else None


def _plain_tokenizer(folder: Path, name: str) -> PreTrainedTokenizerFast:
    from transformers import PreTrainedTokenizerFast

    try:
        tokenizer: PreTrainedTokenizerFast = PreTrainedTokenizerFast.from_pretrained(
            str(folder), local_files_only=True
        )
    except Exception as error:
        raise _no_tokenizer(folder, name, error) from error
    return tokenizer


def _no_tokenizer(folder: Path, name: str, error: Exception) -> SourceError:
    return SourceError(f"{name}: the tokenizer cannot be read: {error}", where=folder)


def _refuse_bad_tokenizer_file(folder: Path, name: str) -> None:
    """Refuse a tokenizer.json that is larger than any, or no tokenizer, before it is built."""
    path = folder / "tokenizer.json"
    try:
        values = read_json(path, dict, MOST_TOKENIZER_BYTES)
    except FileNotFoundError:
        return
    except UnreadableError as error:
        message = f"{name}: the tokenizer cannot be read: tokenizer.json {error}"
        raise SourceError(message, where=path) from error
    added = values.get("added_tokens")
    if not isinstance(values.get("model"), dict) or not isinstance(added, list | None):
        message = f"{name}: the tokenizer cannot be read: tokenizer.json holds no tokenizer"
        raise SourceError(message, where=path)
    if len(added or []) > MOST_ADDED:
        raise SourceError(
            f"{name}: the tokenizer cannot be read: {len(added or []):,} added tokens, more than"
            " any model's",
            where=path,
        )


def _refuse_far_ids(tokenizer: PreTrainedTokenizerFast, folder: Path, name: str) -> None:
    """Refuse ids far beyond the tokens there are: the table gets a row for each number below."""
    numbers = tokenizer.get_vocab().values()
    highest = max(numbers, default=-1)
    if highest > len(numbers) + MOST_GAP or min(numbers, default=0) < 0:
        raise SourceError(
            f"{name}: the tokenizer gives id {highest:,} and has {len(numbers):,} tokens",
            where=folder,
            hint="its files are damaged: a table of that many rows would be mostly empty",
        )
