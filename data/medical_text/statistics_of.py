"""What the data card reports about a data set."""

from __future__ import annotations

from collections import Counter

from .model import LABELS, Language
from .spans import Document, Span

Splits = dict[str, list[Document]]


def statistics(language: Language, splits: Splits) -> dict[str, str]:
    """Return the figures of one language, ready to print."""
    train, test = splits["train"], splits["test"]
    seen = _strings(train)
    figures = {}
    for name, documents in splits.items():
        figures |= _split_figures(name, documents, language)
    new = _strings(test) - seen
    figures["distinct names of test not in train"] = _share(len(new), len(_strings(test)))
    figures["sentence frames of test not in train"] = _new_frames(train, test)
    figures["dictionary floor, micro F1 on test"] = f"{dictionary_floor(train, test):.3f}"
    for label in LABELS:
        terms = {text for doc in (*train, *test) for text in doc.strings(label)}
        figures[f"distinct names, {label}"] = str(len(terms))
    return figures


def _split_figures(name: str, documents: list[Document], language: Language) -> dict[str, str]:
    """Return the figures of one split."""
    labels = Counter(label for doc in documents for _, _, label in doc.spans)
    total = labels.total()
    lengths = Counter(len(doc.frames) for doc in documents)
    figures = {
        f"{name}: documents": str(len(documents)),
        f"{name}: mentions": f"{total} ({total / len(documents):.1f} a document)",
        f"{name}: labels": ", ".join(f"{key} {_share(labels[key], total)}" for key in LABELS),
        f"{name}: sentences a document": ", ".join(f"{n}: {lengths[n]}" for n in sorted(lengths)),
        f"{name}: characters a document": str(
            sum(len(d.text) for d in documents) // len(documents)
        ),
        f"{name}: sentence frames used": _frame_count(documents),
    }
    if language.particles:
        carried = sum(_carries(doc, span, language) for doc in documents for span in doc.spans)
        figures[f"{name}: mentions with a particle"] = _share(carried, total)
    return figures


def _frame_count(documents: list[Document]) -> str:
    """Count the frames with and without mentions."""
    used = {frame for doc in documents for frame in doc.frames}
    plain = sum(frame.role == "plain" for frame in used)
    return f"{len(used) - plain} with mentions, {plain} without"


def _carries(document: Document, span: Span, language: Language) -> bool:
    """Tell whether a particle stands directly on the mention."""
    return document.text.startswith(language.particles, span[1])


def _share(part: int, whole: int) -> str:
    """Return a share in percent."""
    return f"{100 * part / whole:.1f}%"


def _strings(documents: list[Document]) -> set[str]:
    """All distinct mention strings."""
    return {doc.text[start:end] for doc in documents for start, end, _ in doc.spans}


def _new_frames(train: list[Document], test: list[Document]) -> str:
    """The share of test's frames that train never uses."""
    known = {frame for doc in train for frame in doc.frames}
    used = {frame for doc in test for frame in doc.frames}
    return _share(len(used - known), len(used))


def dictionary_floor(train: list[Document], test: list[Document]) -> float:
    """Score a dictionary of train's names on test: longest match, exact spans, micro F1."""
    votes: dict[str, Counter[str]] = {}
    for doc in train:
        for start, end, label in doc.spans:
            votes.setdefault(doc.text[start:end], Counter())[label] += 1
    names = {text: count.most_common(1)[0][0] for text, count in votes.items()}
    hits = guesses = 0
    for doc in test:
        found = _look_up(doc.text, names)
        guesses += len(found)
        hits += len(found & set(doc.spans))
    return 2 * hits / (guesses + sum(len(doc.spans) for doc in test))


def _look_up(text: str, names: dict[str, str]) -> set[Span]:
    """Match names from left to right, the longest first."""
    longest = max(map(len, names))
    found, at = set(), 0
    while at < len(text):
        sizes = range(min(longest, len(text) - at), 0, -1)
        size = next((n for n in sizes if text[at : at + n] in names), 0)
        if size:
            found.add((at, at + size, names[text[at : at + size]]))
        at += size or 1
    return found
