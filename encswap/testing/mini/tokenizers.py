"""Tokenizers of the real kinds, trained on the shipped text: WordPiece, Unigram, byte-level BPE.

The same texts give the same tokenizer. The trainers of `tokenizers` alone do not: they number
WordPiece's letters, and rank Unigram's rare ones, in the order of a hash table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from encswap.errors import InputError

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

VOCABULARY = 2000
INSIDE = "##"
DIGITS = 9
RARE = 1.0
"""How near to the least score, in nats, a letter counts as rare."""
WORDPIECE_TOKENS = {"[PAD]": 0, "[CLS]": 1, "[SEP]": 2, "[UNK]": 3}
ROLES = {
    "pad_token": ("[PAD]", "<pad>"),
    "unk_token": ("[UNK]", "<unk>"),
    "cls_token": ("[CLS]", "<s>"),
    "sep_token": ("[SEP]", "</s>"),
    "mask_token": ("[MASK]", "<mask>"),
}


def train_tokenizer(recorded: Mapping[str, Any], texts: Iterable[str]) -> PreTrainedTokenizerFast:
    """Train a tokenizer of the recorded kind (`model`, one of `MAKERS`) on texts.

    Special tokens keep their recorded order; ids beyond the small vocabulary move down.
    """
    from transformers import PreTrainedTokenizerFast

    kind = str(recorded.get("model", "WordPiece"))
    numbered = recorded.get("special_tokens") or WORDPIECE_TOKENS
    specials = sorted(numbered, key=lambda token: numbered[token])
    if kind not in MAKERS:
        raise InputError(
            f"no mini tokenizer of kind {kind!r}", hint=f"known: {', '.join(sorted(MAKERS))}"
        )
    tokenizer = MAKERS[kind](specials, list(texts))
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, model_max_length=512, **_roles(specials)
    )


def _roles(specials: list[str]) -> dict[str, str]:
    return {role: token for role, names in ROLES.items() for token in names if token in specials}


def _wordpiece(specials: list[str], texts: list[str]) -> Tokenizer:
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))  # noqa: S106
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False, strip_accents=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(prefix=INSIDE)
    trainer = trainers.WordPieceTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[*specials, *_letters_inside(tokenizer, texts)],
        continuing_subword_prefix=INSIDE,
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    # Made again from its vocabulary, the letters are pieces like others.
    read = Tokenizer(models.WordPiece(tokenizer.get_vocab(), unk_token="[UNK]"))  # noqa: S106
    read.normalizer, read.pre_tokenizer = tokenizer.normalizer, tokenizer.pre_tokenizer
    read.decoder = tokenizer.decoder
    read.add_special_tokens(specials)
    return read


def _letters_inside(tokenizer: Tokenizer, texts: list[str]) -> list[str]:
    """Every letter that stands in a word after its first, in the order of Unicode."""
    words = (
        word
        for text in texts
        for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(
            tokenizer.normalizer.normalize_str(text)
        )
    )
    return [INSIDE + letter for letter in sorted({letter for word in words for letter in word[1:]})]


def _unigram(specials: list[str], texts: list[str]) -> Tokenizer:
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    unknown = next((token for token in specials if token.strip("[]<>").lower() == "unk"), None)
    trainer = trainers.UnigramTrainer(
        vocab_size=VOCABULARY, special_tokens=specials, unk_token=unknown, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.model = _in_order(tokenizer, specials, unknown)
    return tokenizer


def _in_order(tokenizer: Tokenizer, specials: list[str], unknown: str | None) -> Any:
    """The trained Unigram model, its pieces by score and then by name.

    Rare letters, which the trainer keeps for completeness and ranks as they come, score alike.
    """
    import json

    from tokenizers import models

    pieces = json.loads(tokenizer.to_str())["model"]["vocab"][len(specials) :]
    least = min(score for _, score in pieces)
    scored = [
        (piece, round(least if len(piece) == 1 and score < least + RARE else score, DIGITS))
        for piece, score in pieces
    ]
    scored.sort(key=lambda one: (-one[1], one[0]))
    place = None if unknown is None else specials.index(unknown)
    return models.Unigram([*((piece, 0.0) for piece in specials), *scored], place)


def _bpe(specials: list[str], texts: list[str]) -> Tokenizer:
    """Byte-level, so no piece is unknown; a word that is tokenised alone gets no space before."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=specials,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


MAKERS: Mapping[str, Callable[[list[str], list[str]], Tokenizer]] = {
    "WordPiece": _wordpiece,
    "Unigram": _unigram,
    "BPE": _bpe,
}
