"""Rules that the vocabulary and the frames must keep before anything is written."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

from .model import SLOT, SLOT_LABELS, SLOT_LISTS, Language
from .spans import occurrences


def complaints(language: Language) -> Iterator[str]:
    """Yield every broken rule."""
    labels = _labels(language)
    yield from (
        f"{name}: labels {sorted(found)}" for name, found in labels.items() if len(found) > 1
    )
    yield from (f"{name}: not NFC" for name in labels if unicodedata.normalize("NFC", name) != name)
    texts = [frame.text for frame in language.frames]
    yield from (f"{text}: stands twice" for text in set(texts) if texts.count(text) > 1)
    yield from _unknown_slots(language)
    yield from _stray_names(language, labels)


def _labels(language: Language) -> dict[str, set[str]]:
    """The labels under which each name is listed."""
    label_of = {key: SLOT_LABELS[kind] for kind, keys in SLOT_LISTS.items() for key in keys}
    labels: dict[str, set[str]] = {}
    for topic in language.topics:
        for key, terms in topic.terms.items():
            for term in terms:
                for name in filter(None, (term.text, term.abbreviation)):
                    labels.setdefault(name, set()).add(label_of[key])
    return labels


def _unknown_slots(language: Language) -> Iterator[str]:
    """Yield the frames whose slots nothing fills."""
    words = {name for topic in language.topics for name in topic.words}
    known = {*SLOT_LABELS, *language.fillers, *words, language.value_slot}
    for frame in language.frames:
        yield from (
            f"{frame.text}: {name}" for name, _ in SLOT.findall(frame.text) if name not in known
        )


def _stray_names(language: Language, labels: dict[str, set[str]]) -> Iterator[str]:
    """Yield the frames and ordinary words that hold a name outside a mention."""
    ordinary = {SLOT.sub("|", frame.text) for frame in language.frames}
    for topic in language.topics:
        ordinary |= {word for words in topic.words.values() for word in words}
    whole = "\n".join(sorted(ordinary))
    yield from (f"{name}: stands outside a mention" for name in labels if occurrences(whole, name))
