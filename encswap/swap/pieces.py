"""How tokenizers spell their pieces, and one spelling for all of them."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

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
    """The character that stands for each byte (Radford et al., 2019): printable ones themselves."""
    own = [*range(33, 127), *range(161, 173), *range(174, 256)]
    other = [byte for byte in range(256) if byte not in own]
    return {chr(byte): byte for byte in own} | {
        chr(256 + place): byte for place, byte in enumerate(other)
    }
