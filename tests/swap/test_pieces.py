"""Pieces of all kinds of tokenizers get one spelling."""

from __future__ import annotations

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from encswap.swap.vocabulary import byte_characters, spellings


def wordpiece():
    vocab = {"[UNK]": 0, "cat": 1, "##s": 2}
    tokenizer = Tokenizer(models.WordPiece(vocab, unk_token="[UNK]"))
    tokenizer.add_special_tokens(["[UNK]"])
    return tokenizer


def unigram():
    tokenizer = Tokenizer(models.Unigram([("<unk>", 0.0), ("▁cat", -1.0), ("s", -2.0)], unk_id=0))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.add_special_tokens(["<unk>"])
    return tokenizer


def byte_level():
    tokenizer = Tokenizer(models.BPE({"<unk>": 0, "Ġcat": 1, "s": 2}, []))
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<unk>"])
    return tokenizer


@pytest.mark.parametrize("make", [wordpiece, unigram, byte_level])
def test_the_same_pieces_have_the_same_spelling_in_every_kind(make):
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=make())
    assert spellings(tokenizer) == {1: (True, "cat"), 2: (False, "s")}


def test_byte_pieces_are_read_as_text():
    model = models.BPE({"<unk>": 0, "ìķ½": 1, "ìķ": 2}, [])
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.ByteLevel()])
    tokenizer.add_special_tokens(["<unk>"])
    found = spellings(PreTrainedTokenizerFast(tokenizer_object=tokenizer))
    assert found == {1: (False, "약"), 2: (False, "ìķ")}
    assert len(byte_characters()) == 256
    assert set(byte_characters()) == set(pre_tokenizers.ByteLevel.alphabet())
