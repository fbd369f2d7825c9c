"""From tokens to a text: by the spaces that a file tells, else with one space between two."""

from __future__ import annotations

from collections.abc import Sequence

Span = tuple[int, int]


def joined(words: Sequence[str], after: Sequence[bool] | None = None) -> tuple[str, list[Span]]:
    """Join words, with a space after those that have one; return the text and their places.

    Without that information a space stands between two words, unless some of the words are white
    space themselves: then the file holds the text cut up, and nothing is put between.
    """
    if after is None:
        cut_up = any(word.isspace() for word in words)
        after = [not cut_up] * len(words)
    parts: list[str] = []
    spans: list[Span] = []
    at = 0
    for place, (word, space) in enumerate(zip(words, after, strict=True)):
        spans.append((at, at + len(word)))
        gap = " " if space and place + 1 < len(words) else ""
        parts.append(word + gap)
        at += len(word) + len(gap)
    return "".join(parts), spans


def found_in(text: str, words: Sequence[str]) -> list[Span] | None:
    """Find words in a text one after the other; None where more than white space is between."""
    spans: list[Span] = []
    at = 0
    for word in words:
        start = text.find(word, at)
        if start < 0 or text[at:start].strip():
            return None
        spans.append((start, start + len(word)))
        at = start + len(word)
    return None if text[at:].strip() else spans
