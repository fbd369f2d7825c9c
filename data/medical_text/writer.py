"""Write documents: choose a field, a genre and frames, and fill the slots."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from random import Random
from typing import TypeVar

from .model import (
    SLOT,
    SLOT_LABELS,
    SLOT_LISTS,
    TARGET_SHARES,
    Frame,
    Language,
    Term,
    Topic,
)
from .partition import Partition
from .spans import Document, Sentence, Span, is_sound, join

SENTENCE_COUNTS = (1, 2, 3, 4, 5)
SENTENCE_WEIGHTS = (5, 16, 30, 29, 20)
PLAIN_SHARE = 0.35  # documents with one sentence that holds no mention
OPENING_SHARE = 0.6
OWN_FRAMES = 0.25  # how often a split uses what is its own, not what is common
TRAIN_TERMS = 0.6
TEST_TERMS = {"Disease": 0.73, "Drug": 0.73, "Procedure": 0.55, "Biomarker": 0.5}
REPEAT_SHARE = 0.10  # a name that stood in an earlier sentence comes back
ABBREVIATION_SHARE = 0.5
CANDIDATES = 4  # frames compared when the label shares are steered
T = TypeVar("T")


class ExhaustedError(Exception):
    """A document needs more names or frames than the split may use."""


class Writer:
    """Writes the documents of one split."""

    def __init__(self, language: Language, split: str, parts: Partition, rng: Random) -> None:
        self.language, self.split, self.parts, self.rng = language, split, parts, rng
        self.counts: Counter[str] = Counter()
        self.texts: set[str] = set()

    def write(self) -> list[Document]:
        """Write all documents of the split."""
        size = self.language.sizes[self.split]
        code = self.language.code
        return [self._document(f"{code}-{self.split}-{n:04d}") for n in range(1, size + 1)]

    def _document(self, identifier: str) -> Document:
        """Write until a document is sound and new."""
        while True:
            with suppress(ExhaustedError):
                document = self._attempt(identifier)
                if is_sound(document) and document.text not in self.texts:
                    self.texts.add(document.text)
                    self.counts.update(label for _, _, label in document.spans)
                    return document

    def _attempt(self, identifier: str) -> Document:
        """Write one document that may yet be unsound."""
        topic = self.rng.choice(self.language.topics)
        draft = _Draft(self, topic)
        return join(identifier, [draft.sentence(frame) for frame in self._frames(topic)])

    def _frames(self, topic: Topic) -> list[Frame]:
        """Choose the frames of one document."""
        genre = self.rng.choice(sorted({frame.genre for frame in self.language.frames}))
        count = self.rng.choices(SENTENCE_COUNTS, SENTENCE_WEIGHTS)[0]
        usable = [f for f in self.language.frames if f.genre == genre and _fits(f, topic)]
        chosen: list[Frame] = []
        if self.rng.random() < OPENING_SHARE:
            chosen.append(self._steered(usable, "opening", chosen))
        while len(chosen) < count:
            chosen.append(self._steered(usable, "body", chosen))
        if count > 1 and self.rng.random() < PLAIN_SHARE:
            chosen[self.rng.randrange(1, count)] = self._steered(usable, "plain", chosen)
        return chosen

    def _steered(self, usable: list[Frame], role: str, chosen: list[Frame]) -> Frame:
        """Among a few random frames, take the one that best serves the label shares."""
        pool = [f for f in usable if f.role == role and f not in chosen]
        own = self.rng.random() < OWN_FRAMES
        pool = self._allowed(pool, [self.parts.frames[frame] for frame in pool], own)
        few = [self.rng.choice(pool) for _ in range(CANDIDATES)]
        return max(few, key=self._gain)

    def _gain(self, frame: Frame) -> float:
        """Score a frame by how far its labels are behind their share."""
        total = sum(self.counts.values()) + 10
        lacks = [
            TARGET_SHARES[SLOT_LABELS[kind]] - self.counts[SLOT_LABELS[kind]] / total
            for kind in frame.kinds
        ]
        return sum(lacks)

    def _allowed(self, items: list[T], parts: list[str], own: bool) -> list[T]:
        """Keep the split's own items or the common ones; either where the other is empty."""
        mine = [item for item, part in zip(items, parts, strict=True) if part == self.split]
        common = [item for item, part in zip(items, parts, strict=True) if part == "both"]
        if not (mine or common):
            raise ExhaustedError
        return (mine or common) if own else (common or mine)

    def term(self, topic: Topic, kind: str, used: set[str]) -> Term:
        """Choose a name that the split may use and the document has not used."""
        listed = [term for name in SLOT_LISTS[kind] for term in topic.terms.get(name, ())]
        fresh = [term for term in listed if term.text not in used]
        label = SLOT_LABELS[kind]
        share = TEST_TERMS[label] if self.split == "test" else TRAIN_TERMS
        own = self.rng.random() < share
        allowed = self._allowed(fresh, [self.parts.terms[term.text] for term in fresh], own)
        return self.rng.choice(allowed)


def _fits(frame: Frame, topic: Topic) -> bool:
    """Tell whether the field has names for every slot of the frame."""
    return all(any(topic.terms.get(name) for name in SLOT_LISTS[kind]) for kind in frame.kinds)


class _Draft:
    """Fills the slots of one document and remembers its names."""

    def __init__(self, writer: Writer, topic: Topic) -> None:
        self.writer, self.topic = writer, topic
        self.used: dict[str, tuple[str, Term]] = {}
        self.words: set[str] = set()

    def sentence(self, frame: Frame) -> Sentence:
        """Render one frame."""
        text, spans, last, here = "", [], Term(""), set()
        position = 0
        for slot in SLOT.finditer(frame.text):
            text += frame.text[position : slot.start()]
            position = slot.end()
            name, particle = slot[1], slot[2] or ""
            if name in SLOT_LABELS:
                last = self._choose(name, here)
                text += self._mention(last, name, particle, len(text), spans)
            else:
                text += self._word(name, last, particle)
        text += frame.text[position:]
        if self.writer.language.capitals:
            text = text[0].upper() + text[1:]
        return Sentence(text, tuple(spans), frame)

    def _choose(self, kind: str, here: set[str]) -> Term:
        """Choose a new name, or one of an earlier sentence."""
        rng = self.writer.rng
        earlier = [term for k, term in self.used.values() if k == kind and term.text not in here]
        if earlier and rng.random() < REPEAT_SHARE:
            term = rng.choice(earlier)
        else:
            term = self.writer.term(self.topic, kind, set(self.used) | here)
        here.add(term.text)
        return term

    def _mention(self, term: Term, kind: str, particle: str, at: int, spans: list[Span]) -> str:
        """Write a name with its particle, and its abbreviation at first use."""
        attach = self.writer.language.attach
        first = term.text not in self.used
        self.used.setdefault(term.text, (kind, term))
        label, end = SLOT_LABELS[kind], at + len(term.text)
        spans.append((at, end, label))
        suffix = attach(term.text, particle)
        if not (first and self._abbreviate(term, particle)):
            return term.text + suffix
        spans.append((end + 1, end + 1 + len(term.abbreviation), label))
        return f"{term.text}({term.abbreviation}){suffix}"

    def _abbreviate(self, term: Term, particle: str) -> bool:
        """Tell whether to add the abbreviation; both names must take the same particle."""
        if not term.abbreviation or self.writer.rng.random() > ABBREVIATION_SHARE:
            return False
        attach = self.writer.language.attach
        return attach(term.text, particle) == attach(term.abbreviation, particle)

    def _word(self, name: str, last: Term, particle: str) -> str:
        """Write an ordinary word: a value, a word of the field, or a word of the language."""
        rng, language = self.writer.rng, self.writer.language
        if name in self.topic.words:
            options = [w for w in self.topic.words[name] if w not in self.words]
            word = rng.choice(options or list(self.topic.words[name]))
            self.words.add(word)
        elif name in language.fillers:
            word = language.fillers[name](rng)
        else:
            word = measured_value(last, rng)
        return word + language.attach(word, particle)


def measured_value(term: Term, rng: Random) -> str:
    """Return a value in the term's range, with its unit."""
    places = len(term.low.partition(".")[2])
    value = rng.uniform(float(term.low), float(term.high))
    space = "" if term.unit == "%" else " "
    return f"{value:.{places}f}{space}{term.unit}"
