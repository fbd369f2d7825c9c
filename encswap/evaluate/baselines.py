"""The dictionary floor: what looking up the training mentions would already find."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from encswap.evaluate.metrics import Counts, count, micro, total
from encswap.types import Example, Prediction

FOLDS = 5


def build_dictionary(examples: Iterable[Example]) -> dict[str, str]:
    """Map each mention string to the label it carries most often; of equals, the first by name."""
    seen: dict[str, Counter[str]] = defaultdict(Counter)
    for example in examples:
        for mention in example.mentions:
            seen[mention.text][mention.label] += 1
    return {
        text: min(labels, key=lambda label: (-labels[label], label))
        for text, labels in seen.items()
    }


def look_up(text: str, dictionary: Mapping[str, str]) -> Iterator[Prediction]:
    """Match from left to right, the longest entry first, without overlaps."""
    by_first: dict[str, list[str]] = defaultdict(list)
    for entry in sorted(dictionary, key=len, reverse=True):
        if entry:
            by_first[entry[0]].append(entry)
    place = 0
    while place < len(text):
        entry = next((e for e in by_first.get(text[place], ()) if text.startswith(e, place)), "")
        if entry:
            yield Prediction(place, place + len(entry), dictionary[entry], 1.0)
        place += len(entry) or 1


def predict_by_dictionary(
    train: Iterable[Example], test: Sequence[Example]
) -> list[list[Prediction]]:
    """Predict the test documents from the training mentions alone."""
    dictionary = build_dictionary(train)
    return [list(look_up(example.text, dictionary)) for example in test]


def cross_fold(examples: Sequence[Example], folds: int = FOLDS) -> Counts:
    """Look up each part of the documents with what the other parts mark; equal texts stay together.

    Fewer distinct texts than `folds` make as many parts as there are texts.
    """
    texts = list(dict.fromkeys(example.text for example in examples))
    fold_of = {text: place % folds for place, text in enumerate(texts)}
    counts = Counts()
    for fold in range(min(folds, len(texts)) if len(texts) > 1 else 0):
        held = [one for one in examples if fold_of[one.text] == fold]
        rest = [one for one in examples if fold_of[one.text] != fold]
        found = predict_by_dictionary(rest, held)
        counted = (count(one, said) for one, said in zip(held, found, strict=True))
        counts += micro(total(counted))
    return counts
