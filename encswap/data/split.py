"""Taking dev documents from train: by document, about the same share of every label."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence

from encswap.data.duplicates import Fingerprint, Fingerprints
from encswap.data.tasks import tasks_of
from encswap.types import Example


def split_dev(
    examples: Sequence[Example], share: float, seed: int
) -> tuple[list[Example], list[Example]]:
    """Divide documents into (train, dev), stratified by label; duplicates stay together.

    Duplicates are equal texts, but for white space, and near-duplicates: a copy in dev of a
    document that is trained measures nothing. Documents that share an id come from one text, and
    stay together too, unless all of a file do. Dev is empty where there is nothing to divide.

    Iterative stratification (Sechidis et al., 2011): documents with rare labels are placed first,
    each to the side that lacks its labels most.
    """
    groups = _related(examples)
    if len(groups) < 2:
        return list(examples), []
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
        # A large group is taken only where it is not too much, or dev would be most of a file.
        fits = size + len(groups[place]) <= wanted
        if size < wanted and lacking and fits:
            chosen.add(place)
            taken += gold[place]
            size += len(groups[place])
    if not chosen:
        chosen.add(min(order, key=lambda place: len(groups[place])))
    dev_ids = {id(example) for place in chosen for example in groups[place]}
    train = [example for example in examples if id(example) not in dev_ids]
    return train, [example for example in examples if id(example) in dev_ids]


def _related(examples: Sequence[Example]) -> list[list[Example]]:
    """Group documents that are duplicates or share an id, in the order of their first ones."""
    duplicates = _duplicates(examples)
    ids = [one.id if one.names_source else place for place, one in enumerate(examples)]
    groups = _joined(duplicates, ids)
    if len(groups) < 2:
        groups = _joined(duplicates, range(len(examples)))
    return [[examples[place] for place in group] for group in groups]


def _joined(duplicates: Sequence[int], ids: Sequence[object]) -> list[list[int]]:
    """Join places that share a duplicate or an id, however long the chain."""
    parents = list(range(len(duplicates)))

    def root(place: int) -> int:
        while parents[place] != place:
            parents[place] = parents[parents[place]]
            place = parents[place]
        return place

    first: dict[object, int] = {}
    for place, (match, name) in enumerate(zip(duplicates, ids, strict=True)):
        for other in (match, first.setdefault(name, place)):
            one, two = sorted((root(place), root(other)))
            parents[two] = one
    groups: dict[int, list[int]] = {}
    for place in range(len(duplicates)):
        groups.setdefault(root(place), []).append(place)
    return list(groups.values())


def _duplicates(examples: Sequence[Example]) -> list[int]:
    """Return for each document the place of the first one that it duplicates, or its own."""
    seen = Fingerprints(most=len(examples))
    places = []
    for place, example in enumerate(examples):
        one = Fingerprint.of(" ".join(example.text.split()))
        match = seen.find(one)
        if match is None:
            seen.add(one, place)
        places.append(place if match is None else match.line)
    return places


def _labels(group: Sequence[Example]) -> Counter[str]:
    found = Counter(mention.label for example in group for mention in example.mentions)
    for example in group:
        tasks = tasks_of(example)
        found.update(f"{one.task}: {label}" for one in tasks.classifications for label in one.gold)
        found.update(one.name for one in tasks.relations)
        found.update(one.name for one in tasks.structures)
    return found


def _rarity(labels: Counter[str], overall: Counter[str]) -> float:
    return min((overall[label] for label in labels), default=float("inf"))


def _lacks(labels: Counter[str], taken: Counter[str], overall: Counter[str], share: float) -> bool:
    """Tell whether dev still wants most of these labels, by their rarest one."""
    if not labels:
        return True
    rarest = min(labels, key=lambda label: (overall[label], label))
    return taken[rarest] + labels[rarest] <= share * overall[rarest]
