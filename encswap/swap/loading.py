"""The default `load_encoder`: an encoder and its tokenizer from a folder, without remote code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from encswap.domain import EncoderSpec, LoadedEncoder, Source
from encswap.errors import SourceError, SwapError
from encswap.hookspecs import hookimpl

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

# Heads that sit on top of the encoder and that token vectors do not pass through.
UNUSED_WEIGHTS = ("pooler.",)


@hookimpl(trylast=True)
def load_encoder(spec: EncoderSpec, source: Source) -> LoadedEncoder:
    """Load with transformers' own classes, from safetensors, in float32."""
    refuse_remote_code(source)
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
    return loaded


def read_config(folder: Path) -> dict[str, Any]:
    """Read config.json; a `SourceError` names the file where it is missing or broken."""
    path = folder / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SourceError(
            "no config.json, so this folder is no model",
            where=folder,
            hint="give a folder saved by transformers' save_pretrained",
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        raise SourceError(f"cannot be read: {error}", where=path) from error
    if not isinstance(config, dict):
        raise SourceError("is not a JSON object", where=path)
    return config


def refuse_remote_code(source: Source) -> None:
    """Refuse a model that is code of its own: it would run with the user's rights."""
    if "auto_map" in read_config(source.path) and not source.allow_remote_code:
        raise SourceError(
            f"{source.name} needs code from its repository, which encswap does not run",
            where=source.path / "config.json",
            hint="choose an encoder whose class transformers ships",
        )


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
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    try:
        tokenizer = AutoTokenizer.from_pretrained(str(folder))
        if getattr(tokenizer, "is_fast", False):
            return tokenizer
    except Exception as error:
        if not (folder / "tokenizer.json").is_file():
            raise SourceError(
                f"{name}: the tokenizer cannot be read: {error}", where=folder
            ) from error
    try:
        return PreTrainedTokenizerFast.from_pretrained(str(folder))
    except Exception as error:
        raise SourceError(f"{name}: the tokenizer cannot be read: {error}", where=folder) from error


def _load_model(spec: EncoderSpec, source: Source) -> tuple[Any, dict[str, Any]]:
    import torch
    from transformers import AutoModel

    try:
        model, report = AutoModel.from_pretrained(
            str(source.path),
            dtype=torch.float32,
            output_loading_info=True,
            trust_remote_code=False,
            use_safetensors=not source.allow_pickle or None,
        )
        return model, report
    except Exception as error:
        raise SourceError(
            f"{spec.name} cannot be loaded: {type(error).__name__}: {error}", where=source.path
        ) from error


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
