"""BIO tags over a text's pieces: gold to tags, tags back to spans of characters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from encswap.data.units import units_of
from encswap.types import Example, Mention, Prediction, WordSplitter

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

Place = tuple[int, int]
OUTSIDE = "O"
IGNORED = -100
"""What transformers' loss passes over."""


@dataclass(frozen=True)
class Pieces:
    """A text as an encoder reads it: ids, and of each id the characters that its tag covers.

    `places` is None where no tag belongs: special tokens, white space, all but the first subtoken
    of a word.
    """

    ids: tuple[int, ...]
    places: tuple[Place | None, ...]

    @property
    def tagged(self) -> list[Place]:
        """The places that have a tag, in order."""
        return [place for place in self.places if place is not None]


Cut = Callable[[str], Pieces]


def cut_subtokens(tokenizer: PreTrainedTokenizerFast) -> Cut:
    """Read texts as the tokenizer cuts them, a tag for every subtoken."""

    def read(text: str) -> Pieces:
        found = tokenizer(
            text,
            return_offsets_mapping=True,
            return_special_tokens_mask=True,
            truncation=False,
            verbose=False,
        )
        places = [
            None if special else _trimmed(text, *offsets)
            for offsets, special in zip(
                found["offset_mapping"], found["special_tokens_mask"], strict=True
            )
        ]
        return Pieces(tuple(found["input_ids"]), tuple(places))

    return read


def cut_words(tokenizer: PreTrainedTokenizerFast, splitter: WordSplitter) -> Cut:
    """Read texts word by word, each word tokenised alone; its first subtoken has the tag."""
    before, after = special_ids(tokenizer)
    known: dict[str, tuple[int, ...]] = {}

    def ids_of(word: str) -> tuple[int, ...]:
        if word not in known:
            found = tokenizer(word, add_special_tokens=False, verbose=False)["input_ids"]
            known[word] = tuple(found)
        return known[word]

    def read(text: str) -> Pieces:
        ids, places = list(before), [None] * len(before)
        kept: list[Place | None] = list(places)
        for start, end in units_of(splitter, text):
            pieces = ids_of(text[start:end])
            ids += pieces
            kept += [(start, end), *[None] * (len(pieces) - 1)] if pieces else []
        return Pieces((*ids, *after), (*kept, *[None] * len(after)))

    return read


def special_ids(tokenizer: PreTrainedTokenizerFast) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The ids that the tokenizer puts before and behind every text."""
    found = tokenizer("a", return_special_tokens_mask=True, verbose=False)
    ids, mask = found["input_ids"], found["special_tokens_mask"]
    inner = [place for place, special in enumerate(mask) if not special]
    first, last = (inner[0], inner[-1] + 1) if inner else (len(ids), len(ids))
    return tuple(ids[:first]), tuple(ids[last:])


def _trimmed(text: str, start: int, end: int) -> Place | None:
    """Leave out the white space that a subtoken's offsets may include."""
    part = text[start:end]
    start += len(part) - len(part.lstrip())
    end = start + len(part.strip())
    return (start, end) if start < end else None


def without_overlaps(mentions: Iterable[Mention]) -> list[Mention]:
    """Keep of mentions that overlap the longest, of equals the first, then the first by label.

    A piece has one tag, so BIO cannot say that a mention lies in another.
    """
    kept: list[Mention] = []
    for one in sorted(mentions, key=lambda m: (m.start - m.end, m.start, m.label)):
        if not any(one.start < other.end and other.start < one.end for other in kept):
            kept.append(one)
    return sorted(kept)


def tags_of(places: Sequence[Place], mentions: Iterable[Mention]) -> list[str]:
    """Tag the places that mentions share a character with: B-LABEL, then I-LABEL."""
    tags = [OUTSIDE] * len(places)
    for mention in mentions:
        begun = False
        for number, (start, end) in enumerate(places):
            if start < mention.end and mention.start < end and tags[number] == OUTSIDE:
                tags[number] = f"{'I' if begun else 'B'}-{mention.label}"
                begun = True
    return tags


def as_bio(tags: Iterable[str]) -> list[str]:
    """Rewrite tags of BIOES, BILOU, BMEWO or IO as BIO; what is BIO stays the same spans.

    `E` and `L` end a span, `S`, `U` and `W` are whole ones, `M` is inside.
    """
    found: list[str] = []
    open_label = None
    for tag in tags:
        letter, _, label = tag.partition("-")
        if tag == OUTSIDE:
            found.append(OUTSIDE)
            open_label = None
            continue
        begins = letter in "BUSW" or label != open_label
        found.append(f"{'B' if begins else 'I'}-{label}")
        open_label = None if letter in "ELUSW" else label
    return found


def spans_of(
    places: Sequence[Place], tags: Sequence[str], scores: Sequence[float] | None = None
) -> list[Prediction]:
    """Read tags as spans, from the first character of B to the last of its I's.

    An I that continues nothing of its label begins a span, as in conlleval. A span's score is the
    lowest probability among its tags.
    """
    found: list[Prediction] = []
    open_label = ""
    for number, (start, end) in enumerate(places):
        sign, _, label = tags[number].partition("-")
        score = scores[number] if scores is not None else 1.0
        if sign == "I" and label == open_label:
            last = found[-1]
            found[-1] = Prediction(last.start, end, label, min(last.score, score))
        elif sign in ("B", "I"):
            found.append(Prediction(start, end, label, score))
        open_label = label if sign != OUTSIDE else ""
    return found


@dataclass(frozen=True)
class Expressed:
    """Gold mentions, those left out for they overlap, and those whose borders lie within pieces."""

    mentions: int
    overlapping: int
    misaligned: int

    @property
    def share(self) -> float:
        """The share of the mentions that tags can express."""
        lost = self.overlapping + self.misaligned
        return (self.mentions - lost) / self.mentions if self.mentions else 1.0

    def as_dict(self) -> dict[str, int]:
        """The counts, as metrics hold them."""
        return {
            "mentions": self.mentions,
            "overlapping": self.overlapping,
            "misaligned": self.misaligned,
        }


def expressed_by(cut: Cut, example: Example) -> list[str]:
    """Say of each mention whether tags can express it: aligned, overlapping or unaligned."""
    kept = without_overlaps(example.mentions)
    places = cut(example.text).tagged
    read = {(one.start, one.end, one.label) for one in spans_of(places, tags_of(places, kept))}
    found, left = [], list(kept)
    for mention in example.mentions:
        if mention not in left:
            found.append("overlapping")
            continue
        left.remove(mention)
        same = (mention.start, mention.end, mention.label) in read
        found.append("aligned" if same else "unaligned")
    return found


def count_expressed(said: Iterable[Sequence[str]]) -> Expressed:
    """Count what `expressed_by` said of documents."""
    words = [word for one in said for word in one]
    return Expressed(len(words), words.count("overlapping"), words.count("unaligned"))
