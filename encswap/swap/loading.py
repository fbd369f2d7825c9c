"""The default `load_encoder`: an encoder and its tokenizer from a folder, without remote code."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from encswap.domain import EncoderSpec, LoadedEncoder, Source
from encswap.errors import SourceError, SwapError
from encswap.hookspecs import hookimpl
from encswap.safety.building import build_config, count_parameters
from encswap.safety.content import refuse_hostile
from encswap.safety.json_files import (
    MOST_TOKENIZER_BYTES,
    UnreadableError,
    read_json,
)
from encswap.safety.no_code import fenced
from encswap.safety.weights import (
    refuse_broken_weights,
    refuse_more_than_held,
    refuse_not_finite,
)

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

# Heads that sit on top of the encoder and that token vectors do not pass through.
UNUSED_WEIGHTS = ("pooler.",)
MOST_ADDED = 100_000
MOST_GAP = 100_000


@hookimpl(trylast=True)
def load_encoder(spec: EncoderSpec, source: Source) -> LoadedEncoder:
    """Load with transformers' own classes, from safetensors, in float32."""
    read_config(source.path)
    refuse_hostile(source.path, source.name)
    refuse_pickle(source)
    model, report = _load_model(spec, source)
    loaded = LoadedEncoder(
        model=model,
        tokenizer=load_tokenizer(source.path, spec.name),
        missing_keys=tuple(sorted(report["missing_keys"])),
        unexpected_keys=tuple(sorted(report["unexpected_keys"])),
        mismatched_keys=tuple(sorted(str(key) for key in report["mismatched_keys"])),
    )
    refuse_gaps(spec.name, loaded)
    refuse_not_finite(model.state_dict().items(), source.path)
    return loaded


def read_config(folder: Path) -> dict[str, Any]:
    """Read config.json; a `SourceError` names the file where it is missing or broken."""
    path = folder / "config.json"
    try:
        config: dict[str, Any] = read_json(path, dict)
    except FileNotFoundError as error:
        raise SourceError(
            "no config.json, so this folder is no model",
            where=folder,
            hint="give a folder saved by transformers' save_pretrained",
        ) from error
    except UnreadableError as error:
        raise SourceError(str(error), where=path) from error
    return config


def refuse_pickle(source: Source) -> None:
    """Refuse weights that only exist as pickle, unless asked for by name."""
    if any(source.path.glob("*.safetensors")) or source.allow_pickle:
        return
    pickles = sorted(path.name for path in source.path.glob("pytorch_model*.bin"))
    if pickles:
        raise SourceError(
            f"{source.name} has its weights only as pickle ({pickles[0]})",
            where=source.path,
            hint="convert them to safetensors, or pass --allow-pickle if you trust the file",
        )
    raise SourceError(
        f"{source.name} has no weights", where=source.path, hint="expected model.safetensors"
    )


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


def _load_model(spec: EncoderSpec, source: Source) -> tuple[Any, dict[str, Any]]:
    import torch
    from transformers import AutoModel

    refuse_broken_weights(source.path)
    try:
        config = build_config(read_config(source.path))
        wanted = count_parameters(config)
    except Exception as error:
        raise _cannot_load(spec, source, error) from error
    refuse_more_than_held(source.path, wanted)
    try:
        with fenced():
            model, report = AutoModel.from_pretrained(
                str(source.path),
                config=config,
                dtype=torch.float32,
                output_loading_info=True,
                trust_remote_code=False,
                local_files_only=True,
                weights_only=True,
                use_safetensors=not source.allow_pickle or None,
            )
        return model, report
    except Exception as error:
        raise _cannot_load(spec, source, error) from error


def _cannot_load(spec: EncoderSpec, source: Source, error: Exception) -> SourceError:
    what = str(error) if isinstance(error, SourceError) else f"{type(error).__name__}: {error}"
    return SourceError(f"{spec.name} cannot be loaded: {what}", where=source.path)


def redraw(encoder: LoadedEncoder, seed: int) -> LoadedEncoder:
    """Draw the encoder's weights anew: its class and tokenizer, nothing learned."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = type(encoder.model)(encoder.model.config)
    return LoadedEncoder(model.float(), encoder.tokenizer)


def refuse_gaps(name: str, loaded: LoadedEncoder) -> None:
    """Refuse weights that transformers would silently have drawn at random."""
    gaps = [key for key in loaded.missing_keys if not key.startswith(UNUSED_WEIGHTS)]
    gaps += loaded.mismatched_keys
    if gaps:
        raise SwapError(
            f"{name}: {len(gaps)} weights are missing or misshapen, first {gaps[0]}",
            hint="the files are incomplete or belong to another config",
        )
