"""The default `load_encoder`: an encoder and its tokenizer from a folder, without remote code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from encswap.errors import SourceError, SwapError
from encswap.hookspecs import hookimpl
from encswap.safety.content import refuse_hostile
from encswap.safety.headers import refuse_broken_weights, refuse_more_than_held, refuse_not_finite
from encswap.safety.trusted_classes import (
    build_config,
    count_parameters,
    fenced,
    load_tokenizer,
    read_config,
)
from encswap.types import EncoderSpec, LoadedEncoder, Source

if TYPE_CHECKING:
    pass


# Heads that sit on top of the encoder and that token vectors do not pass through.
UNUSED_WEIGHTS = ("pooler.",)


@hookimpl(trylast=True)
def load_encoder(spec: EncoderSpec, source: Source) -> LoadedEncoder:
    """Load with transformers' own classes, from safetensors, in float32."""
    from transformers import AutoModel

    read_config(source.path)
    refuse_hostile(source.path, source.name)
    refuse_pickle(source)
    model, report = _load_model(spec.name, source, AutoModel)
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


def refuse_pickle(source: Source) -> None:
    """Refuse weights that only exist as pickle, unless allowed by name."""
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


def load_tagger(source: Source) -> LoadedEncoder:
    """Load a token classification model as `load_encoder` loads an encoder; `model` has its head.

    Raises `SourceError` where transformers ships no such class, and `SwapError` where the head or
    other weights are not in the files.
    """
    from transformers import AutoModelForTokenClassification

    read_config(source.path)
    refuse_hostile(source.path, source.name)
    refuse_pickle(source)
    model, report = _load_model(source.name, source, AutoModelForTokenClassification)
    loaded = LoadedEncoder(
        model=model,
        tokenizer=load_tokenizer(source.path, source.name),
        missing_keys=tuple(sorted(report["missing_keys"])),
        mismatched_keys=tuple(sorted(str(key) for key in report["mismatched_keys"])),
    )
    refuse_gaps(source.name, loaded)
    refuse_not_finite(model.state_dict().items(), source.path)
    return loaded


def _load_model(name: str, source: Source, kind: Any) -> tuple[Any, dict[str, Any]]:
    """Load with one of transformers' auto classes; returns the model and what was not loaded."""
    import torch

    refuse_broken_weights(source.path)
    try:
        config = build_config(read_config(source.path))
        wanted = count_parameters(config)
    except Exception as error:
        raise _cannot_load(name, source, error) from error
    refuse_more_than_held(source.path, wanted)
    try:
        with fenced():
            model, report = kind.from_pretrained(
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
        raise _cannot_load(name, source, error) from error


def _cannot_load(name: str, source: Source, error: Exception) -> SourceError:
    what = str(error) if isinstance(error, SourceError) else f"{type(error).__name__}: {error}"
    return SourceError(f"{name} cannot be loaded: {what}", where=source.path)


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
