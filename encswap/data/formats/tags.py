"""BIO tags: from a row of tagged pieces to mentions, and back."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from encswap.domain import Example, Mention
from encswap.errors import InputError

_TAG = re.compile(r"([BILUES])-(.+)")
_BEGINS = "BUS"


@dataclass(frozen=True)
class Piece:
    """A piece of a text, characters [start, end), with its tag."""

    start: int
    end: int
    tag: str


def is_tag(tag: str) -> bool:
    """Whether this is a tag of the BIO family."""
    return tag == "O" or _TAG.fullmatch(tag) is not None


def mentions_of(text: str, pieces: Iterable[Piece]) -> tuple[Mention, ...]:
    """Join tagged pieces to mentions; an `I-` that continues nothing begins a mention."""
    spans: list[tuple[int, int, str]] = []
    label = ""
    for piece in pieces:
        found = _TAG.fullmatch(piece.tag)
        if found is None:
            label = ""
        elif found[1] in _BEGINS or found[2] != label:
            label = found[2]
            spans.append((piece.start, piece.end, label))
        else:
            spans[-1] = (spans[-1][0], piece.end, label)
    return tuple(Mention(start, end, label, text[start:end]) for start, end, label in spans)


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
