"""A tokenizer with fewer pieces: which must stay, and its files renumbered.

Works on the fast tokenizer's own description, for WordPiece, Unigram and BPE. A piece that some
text is cut into stays, so the same text is cut in the same way: WordPiece takes the longest piece
that there is, Unigram the best path, BPE the merges in order, and none of the pieces taken is gone.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from encswap.errors import SwapError
from encswap.files import remove

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

Spelling = tuple[bool, str]
"""Whether a piece begins a word, and its characters in NFC."""
WORD_START = "▁"


def backend_of(tokenizer: PreTrainedTokenizerFast) -> dict[str, Any]:
    """Read the fast tokenizer's own description, the content of tokenizer.json."""
    found: dict[str, Any] = json.loads(tokenizer.backend_tokenizer.to_str())
    return found


def is_byte_level(backend: Mapping[str, Any]) -> bool:
    """Tell whether the pieces are written in the alphabet of 256 byte characters."""
    steps = [backend.get("decoder"), backend.get("pre_tokenizer")]
    steps += [one for step in steps if step for one in step.get("pretokenizers", ())]
    return any(step and step["type"] == "ByteLevel" for step in steps)


def spellings(tokenizer: PreTrainedTokenizerFast) -> dict[int, Spelling]:
    """Spell every piece that is no added token, in the order of the ids.

    `##x` continues a word where WordPiece says so; `▁x` and `Ġx` begin one; all other pieces of
    a vocabulary are of the other kind.
    """
    backend = backend_of(tokenizer)
    added = tokenizer.added_tokens_decoder
    prefix = backend["model"].get("continuing_subword_prefix") or ""
    byte_level = is_byte_level(backend)
    found = {}
    for piece, number in sorted(tokenizer.get_vocab().items(), key=lambda one: one[1]):
        if number not in added:
            found[number] = _spell(piece, prefix, byte_level)
    return found


def _spell(piece: str, prefix: str, byte_level: bool) -> Spelling:
    if byte_level:
        text = _from_bytes(piece)
        return text.startswith(" "), unicodedata.normalize("NFC", text.removeprefix(" "))
    if prefix:
        starts, text = not piece.startswith(prefix), piece.removeprefix(prefix)
    else:
        starts, text = piece.startswith(WORD_START), piece.removeprefix(WORD_START)
    return starts, unicodedata.normalize("NFC", text)


def _from_bytes(piece: str) -> str:
    """Read a byte-level piece; one that is no whole text stays as it is written."""
    known = byte_characters()
    try:
        return bytes(known[character] for character in piece).decode("utf-8")
    except (KeyError, UnicodeDecodeError):
        return piece


@cache
def byte_characters() -> Mapping[str, int]:
    """The character that GPT-2 writes for each byte (Radford et al., 2019); printable ones stay."""
    own = [*range(33, 127), *range(161, 173), *range(174, 256)]
    other = [byte for byte in range(256) if byte not in own]
    return {chr(byte): byte for byte in own} | {
        chr(256 + place): byte for place, byte in enumerate(other)
    }


KINDS = ("WordPiece", "Unigram", "BPE")
BYTE_PIECE = re.compile(r"<0x[0-9A-F]{2}>")


# Position tables may count from the padding's id, so that one must not move.
LOW_PADDING = 16
KEPT_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")


def kept_ids(
    tokenizer: PreTrainedTokenizerFast, used: Iterable[int], *, keep_characters: bool
) -> list[int]:
    """List the ids that stay, in order: used ones, added tokens, bytes and, on request, characters.

    Raises `SwapError` for a tokenizer of another kind.
    """
    backend = backend_of(tokenizer)
    kind = backend["model"]["type"]
    if kind not in KINDS:
        raise SwapError(
            f"a tokenizer of kind {kind!r} cannot be trimmed", hint=f"known: {', '.join(KINDS)}"
        )
    pieces = {number: piece for piece, number in tokenizer.get_vocab().items()}
    padding = tokenizer.pad_token_id or 0
    kept = {0, *used, *tokenizer.added_tokens_decoder, *tokenizer.all_special_ids}
    kept |= set(range(padding)) if padding <= LOW_PADDING else set()
    kept |= {n for n, piece in pieces.items() if _always_stays(piece, backend, keep_characters)}
    if kind == "Unigram":
        kept |= _unigram_anchors(backend["model"])
    if kind == "BPE":
        ids = tokenizer.get_vocab()
        whole = {pieces[number] for number in kept if number in pieces}
        kept |= {ids[part] for part in merged_from(backend["model"], whole) if part in ids}
    return sorted(number for number in kept if number in pieces)


def _always_stays(piece: str, backend: Mapping[str, Any], keep_characters: bool) -> bool:
    model = backend["model"]
    if piece == model.get("unk_token") or BYTE_PIECE.fullmatch(piece):
        return True
    if is_byte_level(backend):
        return len(piece) == 1
    prefix = model.get("continuing_subword_prefix") or WORD_START
    bare = piece.removeprefix(prefix).removesuffix(model.get("end_of_word_suffix") or "")
    return keep_characters and len(bare) <= 1


def _unigram_anchors(model: Mapping[str, Any]) -> set[int]:
    """The unknown piece and the lowest-scored one, which sets the score of unknown characters."""
    scores = [score for _, score in model["vocab"]]
    anchors = {scores.index(min(scores))}
    return anchors if model["unk_id"] is None else anchors | {model["unk_id"]}


def merged_from(model: Mapping[str, Any], pieces: Iterable[str]) -> set[str]:
    """Collect every piece that BPE passes through on its way to `pieces`."""
    ranks = {pair: rank for rank, pair in enumerate(_pairs(model))}
    prefix = model.get("continuing_subword_prefix") or ""
    suffix = model.get("end_of_word_suffix") or ""
    found: set[str] = set()
    for piece in pieces:
        parts = _characters(piece, prefix, suffix)
        found.update(parts)
        while pairs := [pair for pair in pairwise(parts) if pair in ranks]:
            first = min(pairs, key=lambda pair: ranks[pair])
            place = list(pairwise(parts)).index(first)
            made = first[0] + first[1].removeprefix(prefix)
            parts[place : place + 2] = [made]
            found.add(made)
    return found


def _pairs(model: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for merge in model["merges"]:
        left, right = merge.split(" ") if isinstance(merge, str) else merge
        yield left, right


def _characters(piece: str, prefix: str, suffix: str) -> list[str]:
    """Cut a piece into the symbols that BPE starts from."""
    inner = bool(prefix) and piece.startswith(prefix)
    ends = bool(suffix) and piece.endswith(suffix)
    parts = list(piece.removeprefix(prefix).removesuffix(suffix))
    parts = [prefix + part if place or inner else part for place, part in enumerate(parts)]
    return [*parts[:-1], parts[-1] + suffix] if ends and parts else parts


def renumbered(backend: Mapping[str, Any], places: Mapping[int, int]) -> dict[str, Any]:
    """Rewrite a tokenizer's description for the ids of `places`, old to new; others are dropped."""
    model = dict(backend["model"])
    if model["type"] == "Unigram":
        model["vocab"] = [entry for n, entry in enumerate(model["vocab"]) if n in places]
        model["unk_id"] = places.get(model["unk_id"])
    else:
        model["vocab"] = {p: places[n] for p, n in model["vocab"].items() if n in places}
    if model["type"] == "BPE":
        prefix = model.get("continuing_subword_prefix") or ""
        model["merges"] = [
            [left, right]
            for left, right in _pairs(model)
            if {left, right, left + right.removeprefix(prefix)} <= model["vocab"].keys()
        ]
    added = [{**one, "id": places[one["id"]]} for one in backend["added_tokens"]]
    padding = backend.get("padding")
    if padding:
        padding = {**padding, "pad_id": places[padding["pad_id"]]}
    processor = _processor(backend.get("post_processor"), places)
    return {
        **backend,
        "model": model,
        "added_tokens": added,
        "padding": padding,
        "post_processor": processor,
    }


def _processor(step: Any, places: Mapping[int, int]) -> Any:
    """Renumber the special tokens that a post-processor puts round a text."""
    if not step:
        return step
    found = dict(step)
    for name in ("sep", "cls"):
        if name in found:
            token, number = found[name]
            found[name] = [token, places[number]]
    if step["type"] == "TemplateProcessing":
        found["special_tokens"] = {
            token: {**one, "ids": [places[number] for number in one["ids"]]}
            for token, one in step["special_tokens"].items()
        }
    if "processors" in found:
        found["processors"] = [_processor(one, places) for one in found["processors"]]
    return found


def write_trimmed(
    tokenizer: PreTrainedTokenizerFast, places: Mapping[int, int], folder: Path, *, plain: bool
) -> None:
    """Write the tokenizer's files with the ids of `places` alone.

    `plain` declares transformers' general class, for one whose own class rebuilds it otherwise.
    """
    tokenizer.save_pretrained(str(folder))
    for path in folder.iterdir():
        if path.name not in KEPT_FILES:
            remove(path, folder)
    _write_json(folder / "tokenizer.json", renumbered(backend_of(tokenizer), places))
    path = folder / "tokenizer_config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    added = config.get("added_tokens_decoder", {})
    config["added_tokens_decoder"] = {str(places[int(n)]): one for n, one in added.items()}
    if plain:
        config["tokenizer_class"] = "PreTrainedTokenizerFast"
    _write_json(path, {key: value for key, value in config.items() if value != {}})


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")
