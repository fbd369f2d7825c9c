"""The dictionary floor equals an independent computation."""

from __future__ import annotations

from collections import Counter

from encswap.data.input import find_data
from encswap.data.readers import read_examples
from encswap.evaluate.baselines import build_dictionary, cross_fold, predict_by_dictionary
from encswap.evaluate.metrics import count, micro, total
from encswap.types import Example, Mention


def naive_f1(train, test) -> float:
    labels: dict[str, Counter[str]] = {}
    for doc in train:
        for m in doc.mentions:
            labels.setdefault(m.text, Counter())[m.label] += 1
    table = {t: sorted(c.items(), key=lambda kv: (-kv[1], kv[0]))[0][0] for t, c in labels.items()}
    right = found = gold = 0
    for doc in test:
        want = {(m.start, m.end, m.label) for m in doc.mentions}
        gold += len(want) + len(doc.unlocated)
        at = 0
        while at < len(doc.text):
            hits = [t for t in table if doc.text[at : at + len(t)] == t]
            if hits:
                longest = max(hits, key=len)
                found += 1
                right += (at, at + len(longest), table[longest]) in want
                at += len(longest)
            else:
                at += 1
    return 2 * right / (found + gold)


def test_the_floor_on_the_shipped_set_equals_an_independent_computation():
    train = read_examples(find_data("ko-medical/train.jsonl"))
    test = read_examples(find_data("ko-medical/test.jsonl"))
    found = predict_by_dictionary(train, test)
    counts = total(count(one, predictions) for one, predictions in zip(test, found, strict=True))
    assert micro(counts).f1 == naive_f1(train, test)
    assert micro(counts).f1 < 0.50


def test_the_longest_entry_wins_and_the_commoner_label():
    train = [
        Example("1", "위암", (Mention(0, 2, "Disease", "위암"), Mention(0, 1, "Drug", "위"))),
        Example("2", "위암", (Mention(0, 2, "Drug", "위암"),)),
        Example("3", "위암", (Mention(0, 2, "Drug", "위암"),)),
    ]
    assert build_dictionary(train) == {"위암": "Drug", "위": "Drug"}
    (found,) = predict_by_dictionary(train, [Example("4", "조기 위암과 위")])
    assert [(one.start, one.end) for one in found] == [(3, 5), (7, 8)]


def test_the_floor_within_train_equals_an_independent_computation():
    train = read_examples(find_data("ko-medical/train.jsonl"))[:60]
    texts = sorted({doc.text for doc in train}, key=[doc.text for doc in train].index)
    right = found = gold = 0
    for fold in range(5):
        held = [doc for doc in train if texts.index(doc.text) % 5 == fold]
        table = build_dictionary(doc for doc in train if texts.index(doc.text) % 5 != fold)
        for doc in held:
            want = {(m.start, m.end, m.label) for m in doc.mentions}
            gold += len(want) + len(doc.unlocated)
            at = 0
            while at < len(doc.text):
                hits = [t for t in table if doc.text.startswith(t, at)]
                longest = max(hits, key=len, default="")
                found += bool(longest)
                right += (at, at + len(longest), table.get(longest)) in want
                at += len(longest) or 1
    counts = cross_fold(train)
    assert (counts.correct, counts.predicted, counts.gold) == (right, found, gold)
    assert counts.gold > 0


def test_one_document_has_nothing_to_be_looked_up_in():
    assert cross_fold([Example("1", "위암", (Mention(0, 2, "Disease", "위암"),))]).gold == 0
