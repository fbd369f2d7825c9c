"""Mini tokenizers: the same texts give the same tokenizer, and nothing in them is unknown."""

from __future__ import annotations

import pytest

from encswap.data.input import find_data
from encswap.data.readers import read_examples
from encswap.testing.mini.tokenizers import MAKERS, train_tokenizer

KINDS = sorted(MAKERS)


@pytest.fixture(scope="module")
def texts() -> list[str]:
    return [one.text for one in read_examples(find_data("ko-medical/train.jsonl"))]


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_texts_give_the_same_tokenizer(kind, texts):
    first, second = (train_tokenizer({"model": kind}, texts) for _ in range(2))

    assert first.backend_tokenizer.to_str() == second.backend_tokenizer.to_str()


@pytest.mark.parametrize("kind", KINDS)
def test_no_piece_of_the_texts_is_unknown_and_only_special_tokens_are_special(kind, texts):
    tokenizer = train_tokenizer({"model": kind}, texts)

    assert tokenizer.all_special_tokens == ["[UNK]", "[SEP]", "[PAD]", "[CLS]"]
    assert len(tokenizer.added_tokens_decoder) == 4
    for text in texts:
        assert tokenizer.unk_token_id not in tokenizer(text)["input_ids"]
