"""Taking dev documents from train: by document, about the same share of every label."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence

from encswap.data.fingerprints import Fingerprint, Fingerprints
from encswap.domain import Example


def split_dev(
    examples: Sequence[Example], share: float, seed: int
) -> tuple[list[Example], list[Example]]:
    """Divide documents into (train, dev), stratified by label; twins stay together.

    Twins are equal texts, but for white space, and near-duplicates: a copy of a document in dev
    would be trained, and tell nothing.

    Iterative stratification (Sechidis et al., 2011): documents with rare labels are placed first,
    each to the side that lacks its labels most.
    """
    groups = _twins(examples)
    random.Random(seed).shuffle(groups)
    gold = [_labels(group) for group in groups]
    overall: Counter[str] = sum(gold, Counter())
    wanted = max(1, round(share * len(examples)))
    order = sorted(range(len(groups)), key=lambda place: _rarity(gold[place], overall))
    chosen: set[int] = set()
    taken: Counter[str] = Counter()
    size = 0
    for position, place in enumerate(order):
        left = len(order) - position
        lacking = _lacks(gold[place], taken, overall, share) or size + left <= wanted
        if size < wanted and lacking:
            chosen.add(place)
            taken += gold[place]
            size += len(groups[place])
    dev_ids = {id(example) for place in chosen for example in groups[place]}
    train = [example for example in examples if id(example) not in dev_ids]
    return train, [example for example in examples if id(example) in dev_ids]


def _twins(examples: Sequence[Example]) -> list[list[Example]]:
    groups: list[list[Example]] = []
    seen = Fingerprints(most=len(examples))
    for example in examples:
        one = Fingerprint.of(" ".join(example.text.split()))
        twin = seen.find(one)
        if twin is None:
            seen.add(one, len(groups))
            groups.append([example])
        else:
            groups[twin.line].append(example)
    return groups


def _labels(group: Sequence[Example]) -> Counter[str]:
    return Counter(mention.label for example in group for mention in example.mentions)


def _rarity(labels: Counter[str], overall: Counter[str]) -> float:
    return min((overall[label] for label in labels), default=float("inf"))


def _lacks(labels: Counter[str], taken: Counter[str], overall: Counter[str], share: float) -> bool:
    """Tell whether dev still wants most of these labels, by their rarest one."""
    if not labels:
        return True
    rarest = min(labels, key=lambda label: (overall[label], label))
    return taken[rarest] + labels[rarest] <= share * overall[rarest]
