"""The dictionary floor: what looking up the training mentions would already find."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from encswap.domain import Example, Prediction


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
