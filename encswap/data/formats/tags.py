"""BIO tags: from a row of tagged pieces to mentions, and back."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from encswap.data.gold import RawSpan, mentions_at
from encswap.data.input import Input
from encswap.data.notes import Notes
from encswap.errors import InputError
from encswap.types import Example, Mention

LETTERS = "BIESLUMW"
_TAG = re.compile(rf"([{LETTERS}])-(.+)")
_PLAIN = re.compile(r"[^\W\d_](?:[\w./&-]*\w)?")
_BEGINS, _ENDS, _GOES_ON = "BUSW", "ELUSW", "IELM"


@dataclass(frozen=True)
class Piece:
    """A piece of a text, characters [start, end), with its tag and its line in the file."""

    start: int
    end: int
    tag: str
    line: int | None = None


@dataclass(frozen=True)
class Style:
    """How a column spells its tags: `B-PER`, `B_PER`, `PER-B`, `PER_B`, `B`, or `PER` (plain)."""

    order: Literal["prefix", "suffix", "bare", "any", "plain"] = "prefix"
    mark: str = "-"
    outside: frozenset[str] = frozenset({"O", "o"})
    lower: bool = False

    def read(self, raw: str) -> str | None:
        """Return a tag as `B-PER`, `O`, or `B` where no type is named; None where it is no tag."""
        value = raw.strip()
        if value in self.outside:
            return "O"
        if self.order == "plain":
            return f"I-{value}" if _PLAIN.fullmatch(value) else None
        if self.order == "any":
            return next((tag for one in _UPPER[:4] if (tag := one.read(value))), None)
        return self._typed(value)

    def _typed(self, value: str) -> str | None:
        letters = LETTERS.lower() if self.lower else LETTERS
        if len(value) == 1 and value in letters:
            bare = value.upper()
            return bare if self.order == "bare" or bare in _GOES_ON else None
        if self.order == "suffix":
            label, mark, letter = value.rpartition(self.mark)
        else:
            letter, mark, label = value.partition(self.mark) if self.mark else ("", "", "")
        if not mark or len(letter) != 1 or letter not in letters or not label.strip():
            return None
        return f"{letter.upper()}-{label.strip()}"


_UPPER = (
    Style("prefix", "-"),
    Style("suffix", "-"),
    Style("prefix", "_"),
    Style("suffix", "_"),
    Style("bare", ""),
)
NEARLY = 0.9
STYLES = (*_UPPER, *(replace(style, lower=True) for style in _UPPER))


def style_of(
    values: Mapping[str, int], first: str = "prefix", *, plain: bool = False
) -> tuple[Style, float] | None:
    """Find the style that reads most of a column's values, with its share; None where none may.

    Of two that read as many, it is the one that finds fewer labels, then the `first`. A dash or
    an underscore is outside where the column has no `O`. Where nothing else may, `plain` tags are
    types alone beside an `O`.
    """
    counts = {value.strip(): 0 for value in values}
    for value, count in values.items():
        counts[value.strip()] += count
    total = sum(counts.values())
    outside = _outside(counts)
    found: tuple[Style, float] | None = None
    best: tuple[float, int] = (0.0, 0)
    for style in sorted(STYLES, key=lambda style: (style.lower, style.order != first)):
        one = replace(style, outside=outside)
        tags = {value: one.read(value) for value in counts}
        begun = any(tag is not None and tag[0] in _BEGINS + "I" for tag in tags.values())
        if not begun and not outside & {"O", "o"} & set(counts):
            continue
        if style.order == "bare" and not set("BbSsUuIi") & set(counts):
            continue
        if style.lower and not outside & set(counts):
            continue
        share = sum(counts[value] for value, tag in tags.items() if tag is not None) / total
        labels = {tag[2:] for tag in tags.values() if tag is not None and len(tag) > 2}
        if (share, -len(labels)) > best:
            best = share, -len(labels)
            found = (one if begun else replace(one, order="any")), share
    if plain and found is not None and found[0].order == "any" and found[1] < 1:
        return _plain(counts, outside) or found
    return found


def _plain(counts: Mapping[str, int], outside: frozenset[str]) -> tuple[Style, float] | None:
    """Types without B or I, as Stanford's recogniser has them: few, each more than once or so."""
    one = Style("plain", "", outside)
    read = {value for value in counts if one.read(value) is not None}
    few = len(read) <= 3 + sum(counts.values()) ** 0.5
    share = sum(counts[value] for value in read) / sum(counts.values())
    return (one, share) if few and share > NEARLY else None


def _outside(counts: Mapping[str, int]) -> frozenset[str]:
    if "O" in counts or "o" in counts:
        return frozenset({"O", "o"})
    dash = max("-_", key=lambda char: counts.get(char, 0))
    return frozenset({dash}) if dash in counts else frozenset({"O", "o"})


def is_tag(tag: str) -> bool:
    """Whether this is a tag of the BIO family, letter first."""
    return tag == "O" or _TAG.fullmatch(tag) is not None


def gold_of(text: str, pieces: Sequence[Piece], source: Input, notes: Notes) -> tuple[Mention, ...]:
    """Join the tagged pieces of a text to mentions; refuse one that is only white space."""
    lines = {piece.start: piece.line for piece in pieces}
    spans = (RawSpan(*span, source.where(lines[span[0]])) for span in spans_of(pieces))
    return mentions_at(text, spans, notes)


def mentions_of(text: str, pieces: Iterable[Piece]) -> tuple[Mention, ...]:
    """Join tagged pieces to mentions, as they stand."""
    return tuple(Mention(*span, text[span[0] : span[1]]) for span in spans_of(pieces))


def spans_of(pieces: Iterable[Piece]) -> list[tuple[int, int, str]]:
    """Join tagged pieces to `(start, end, label)`.

    An `I-` that continues nothing begins a mention (IOB1); `E-` and `L-` end one, `S-`, `U-` and
    `W-` are whole; an `I` that names no type goes on with the mention before it.
    """
    spans: list[tuple[int, int, str]] = []
    label = ""
    for piece in pieces:
        letter, _, named = piece.tag.partition("-")
        if letter not in LETTERS:
            label = ""
            continue
        named = named or label
        if letter in _BEGINS or named != label:
            label = named
            spans.append((piece.start, piece.end, label))
        else:
            spans[-1] = (spans[-1][0], piece.end, label)
        if letter in _ENDS:
            label = ""
    return [span for span in spans if span[2]]


def tags_for(example: Example, spans: Sequence[tuple[int, int]], name: str) -> Iterator[str]:
    """Yield the tag of each span of the text; the mentions must be made of whole spans."""
    refuse_nested(example, name)
    if any(set("\n\r\t") & set(mention.label) for mention in example.mentions):
        raise refusal(example, name, "a label holds a tab or a line break")
    if "\0" in example.text:
        raise refusal(example, name, "a NUL character is no text")
    starts = {mention.start: mention for mention in example.mentions}
    begins, ends = {start for start, _ in spans}, {end for _, end in spans}
    for mention in example.mentions:
        if mention.start not in begins or mention.end not in ends:
            raise refusal(example, name, f"the mention {mention.text!r} ends inside a word")
    current: Mention | None = None
    for start, _ in spans:
        current = starts.get(start, current)
        inside = current is not None and start < current.end
        prefix = "B" if start in starts else "I"
        yield f"{prefix}-{current.label}" if inside and current is not None else "O"


def trimmed(example: Example) -> Example:
    """Take white space off the ends of mentions, which rows of words cannot hold."""
    if not any(padded(mention) for mention in example.mentions):
        return example
    return replace(example, mentions=tuple(map(_trimmed, example.mentions)))


def padded(mention: Mention) -> bool:
    """Whether a mention begins or ends with white space."""
    return mention.text.strip() != mention.text


def _trimmed(mention: Mention) -> Mention:
    start = mention.end - len(mention.text.lstrip())
    text = mention.text.strip()
    return Mention(start, start + len(text), mention.label, text)


def refuse_nested(example: Example, name: str) -> None:
    """Refuse what no row of tags can hold: overlapping and unlocated gold."""
    end = 0
    for mention in example.mentions:
        if mention.start < end:
            raise refusal(example, name, f"the mention {mention.text!r} overlaps another")
        end = mention.end
    if example.unlocated:
        gold = example.unlocated[0].text
        raise refusal(example, name, f"the gold {gold!r} does not stand in the text")


def refusal(example: Example, name: str, reason: str) -> InputError:
    """Build the error of an example that a format cannot hold."""
    return InputError(
        f"example {example.id!r} cannot be written as {name}: {reason}",
        hint="the format 'spans' holds everything",
    )
