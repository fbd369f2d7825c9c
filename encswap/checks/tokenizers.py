"""Checks of the tokenizer's build: that it loads, takes the markers, and keeps every unit."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from encswap.checks.evidence import Case
from encswap.domain import Finding
from encswap.errors import EncswapError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

SAMPLE = 200
ODD_UNITS = ("\u200b", "\ufeff", "\u00ad", "\ufffd")


@lru_cache(maxsize=32)
def tokenizer_at(folder: Path) -> PreTrainedTokenizerFast:
    """Load a folder's tokenizer once."""
    from encswap.swap.loading import load_tokenizer

    return load_tokenizer(folder, folder.name)


def tokenizer_of(case: Case) -> PreTrainedTokenizerFast | None:
    """The candidate's tokenizer; None where it does not load, which has its own finding."""
    assert case.source is not None
    try:
        return tokenizer_at(case.source.path)
    except EncswapError:
        return None


def tokenizer_loads(case: Case) -> Finding:
    """Load the tokenizer, and say whether its declared class was of use."""
    assert case.source is not None
    code = "tokenizer-loads"
    try:
        tokenizer = tokenizer_at(case.source.path)
    except EncswapError as error:
        return Finding(
            code, "fail", "config", f"no tokenizer: {' '.join(error.message.split())[:200]}"
        )
    kind = _model_of(tokenizer)
    told = f"{type(tokenizer).__name__}, {kind}, {len(tokenizer):,} tokens"
    evidence = {"model": kind, "length": len(tokenizer), "class": type(tokenizer).__name__}
    if (why := _declared_class_fails(case.source.path)) is not None:
        message = f"{told}; the declared class fails ({why}), tokenizer.json loads without it"
        return Finding(code, "warn", "config", message, None, evidence)
    return Finding(code, "pass", "config", told, None, evidence)


def _model_of(tokenizer: PreTrainedTokenizerFast) -> str:
    return type(tokenizer.backend_tokenizer.model).__name__


@lru_cache(maxsize=32)
def _declared_class_fails(folder: Path) -> str | None:
    from encswap.swap.loading import declared_tokenizer

    try:
        declared_tokenizer(folder)
    except Exception as error:
        return " ".join(f"{type(error).__name__}: {error}".split())[:120]
    return None


def marker_tokens(case: Case) -> Finding:
    """Add the base's schema tokens: each must be one id, distinct and known."""
    from encswap.swap import gliner

    tokenizer = tokenizer_of(case)
    if tokenizer is None:
        return Finding("marker-tokens", "skip", "config", "no tokenizer")
    if shared := _shared_id(tokenizer, gliner.marker_tokens()):
        return Finding("marker-tokens", "fail", "config", shared)
    try:
        ids = gliner.add_markers(copy.deepcopy(tokenizer))
    except EncswapError as error:
        return Finding("marker-tokens", "fail", "config", error.message)
    lowest, highest = min(ids.values()), max(ids.values())
    message = f"{len(ids)} markers, each one id of its own ({lowest}–{highest})"
    return Finding("marker-tokens", "pass", "config", message, None, {"ids": dict(ids)})


def _shared_id(tokenizer: PreTrainedTokenizerFast, markers: Sequence[str]) -> str:
    """Name two tokens of one id, a marker among them; a copied tokenizer no longer shows it."""
    numbers = tokenizer.get_vocab()
    for marker in markers:
        same = [token for token, number in numbers.items() if number == numbers.get(marker)]
        if len(same) > 1:
            return f"tokens {' and '.join(sorted(same)[:3])} share the id {numbers[marker]}"
    return ""


def subtoken_per_unit(case: Case) -> Finding:
    """Tokenise every unit of the sample, as gliner2 does: lower-cased and alone."""
    code = "subtoken-per-unit"
    tokenizer = tokenizer_of(case)
    if tokenizer is None:
        return Finding(code, "skip", "config", "no tokenizer")
    units = list(dict.fromkeys(sample_units(case)))
    if not units:
        return Finding(code, "skip", "config", "no text to look at; give --data")
    empty = [unit for unit in units if not tokenizer.tokenize(unit)]
    if empty:
        shown = ", ".join(repr(unit) for unit in empty[:5])
        message = f"{len(empty)} of {len(units):,} units give no subtoken: {shown}"
        return Finding(code, "fail", "config", message, None, {"units": empty[:50]})
    odd = [f"U+{ord(unit):04X}" for unit in ODD_UNITS if not tokenizer.tokenize(unit)]
    message = f"all {len(units):,} different units give a subtoken"
    if odd:
        message += f"; a text of nothing but {', '.join(odd)} would give none"
    return Finding(code, "pass", "config", message, None, {"odd": odd})


def sample_units(case: Case) -> Iterator[str]:
    """Yield the units of the sample, lower-cased, cut by the candidate's own splitter."""
    splitter = splitter_of(case)
    for example in case.context.examples[:SAMPLE]:
        if splitter is None:
            yield from example.text.lower().split()
        else:
            yield from (token for token, _, _ in splitter(example.text, True))


def splitter_of(case: Case) -> Any:
    """The candidate's word splitter, where it is at hand."""
    return case.context.splitters.get(case.spec.word_splitter)


def pad_id(case: Case) -> Finding:
    """Compare the padding id with the 0 that gliner2 pads with, and with the table."""
    config = case.candidate.config
    pad, rows = config.get("pad_token_id"), config.get("vocab_size")
    if not isinstance(pad, int):
        return Finding("pad-id", "pass", "config", "no padding id; gliner2 pads with 0, masked")
    if isinstance(rows, int) and not 0 <= pad < rows:
        message = f"padding id {pad} is outside the table of {rows:,} rows"
        return Finding("pad-id", "fail", "config", message)
    if pad == 0:
        return Finding("pad-id", "pass", "config", "padding id 0, as gliner2 pads")
    tokenizer = tokenizer_of(case)
    token = tokenizer.convert_ids_to_tokens(0) if tokenizer is not None else "?"
    message = f"padding id {pad}; gliner2 pads with 0, here {token!r}, which the mask hides"
    return Finding("pad-id", "warn", "config", message)


def embedding_resize(case: Case) -> Finding:
    """Compare the table's rows with the tokenizer's ids, markers included."""
    from encswap.swap import gliner

    code = "embedding-resize"
    tokenizer, rows = tokenizer_of(case), case.candidate.config.get("vocab_size")
    if tokenizer is None or not isinstance(rows, int):
        return Finding(code, "skip", "config", "no tokenizer, or no vocab_size")
    highest = max(tokenizer.get_vocab().values(), default=-1)
    if highest >= rows:
        message = f"the tokenizer gives id {highest:,}, the table has {rows:,} rows"
        return Finding(code, "fail", "config", message)
    grown = copy.deepcopy(tokenizer)
    try:
        needed = max(gliner.add_markers(grown).values()) + 1
    except EncswapError:
        return Finding(code, "skip", "config", "the markers cannot be added")
    message = (
        f"{rows:,} rows for {len(tokenizer):,} tokens, {needed:,} rows needed with the markers"
    )
    if len(grown) < rows:
        message += f"; resizing to {len(grown):,} would drop rows, so the table is kept"
    evidence = {"rows": rows, "tokens": len(tokenizer), "needed": needed}
    return Finding(code, "pass", "config", message, None, evidence)
