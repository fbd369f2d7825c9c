"""Dev documents are taken by document, of every label, and never a copy of a training document."""

from __future__ import annotations

from collections import Counter

import pytest

from encswap.data.input import find_data
from encswap.data.readers import read_examples
from encswap.data.split import split_dev
from encswap.types import Example, Mention

LONG = "환자는 흉통과 호흡곤란을 호소하여 내원하였고 심전도와 혈액검사를 시행한 뒤 입원하였다. "


@pytest.fixture(scope="module")
def documents():
    return read_examples(find_data("ko-medical/train.jsonl"))


@pytest.mark.parametrize("seed", [1, 42])
def test_every_document_is_on_one_side_and_labels_keep_their_shares(documents, seed):
    train, dev = split_dev(documents, 0.1, seed)
    assert Counter(e.id for e in train + dev) == Counter(e.id for e in documents)
    assert len(dev) == round(0.1 * len(documents))
    whole, part = (Counter(m.label for e in side for m in e.mentions) for side in (documents, dev))
    for label, count in whole.items():
        assert part[label] / count == pytest.approx(0.1, abs=0.03)


def test_the_same_seed_gives_the_same_sides(documents):
    first, again, other = (split_dev(documents, 0.1, seed)[1] for seed in (7, 7, 8))
    assert first == again != other


@pytest.mark.parametrize("change", ["  \n", "3", ""])
def test_near_duplicates_stay_on_one_side(documents, change):
    gold = (Mention(0, 2, "Disease", "환자"),)
    copies = [Example(f"copy-{n}", LONG * 3 + change * n, gold) for n in range(6)]
    names = {copy.id for copy in copies}
    for seed in range(8):
        _, dev = split_dev([*documents[:60], *copies], 0.2, seed)
        assert names & {one.id for one in dev} in (set(), names)
