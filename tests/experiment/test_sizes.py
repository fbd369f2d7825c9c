"""Training sets of several sizes: nested, seeded, with the labels' shares of the whole."""

from __future__ import annotations

from collections import Counter

import pytest

from encswap.data.input import find_data
from encswap.data.readers import read_examples
from encswap.errors import InputError
from encswap.experiment.subsets import nested_order, subset_file

TRAIN = "ko-medical/train.jsonl"


@pytest.fixture(scope="module")
def examples():
    return read_examples(find_data(TRAIN))


def shares(examples):
    counts = Counter(mention.label for example in examples for mention in example.mentions)
    return {label: count / counts.total() for label, count in counts.items()}


def test_the_order_holds_every_document_once_and_is_a_function_of_the_seed(examples):
    order = nested_order(examples, 1)
    assert sorted(one.id for one in order) == sorted(one.id for one in examples)
    assert order == nested_order(examples, 1)
    assert order[:50] != nested_order(examples, 2)[:50]


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("size", [50, 200])
def test_every_first_part_has_the_labels_shares_of_the_whole(examples, size, seed):
    whole, part = shares(examples), shares(nested_order(examples, seed)[:size])
    assert all(part[label] == pytest.approx(share, abs=0.02) for label, share in whole.items())


def test_smaller_files_are_the_beginning_of_larger_ones(examples, tmp_path):
    small, large = (read_examples(subset_file(TRAIN, n, 5, tmp_path)) for n in (10, 30))
    assert small == large[:10] and len(large) == 30
    assert {one.id: one.mentions for one in large}.items() <= {
        one.id: one.mentions for one in examples
    }.items()


def test_a_size_that_the_file_does_not_have_is_refused(tmp_path):
    with pytest.raises(InputError, match="has 696 documents, not 700"):
        subset_file(TRAIN, 700, 1, tmp_path)
