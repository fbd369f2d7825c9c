"""What a mention is, for every reader: a span without white space at its ends, a clean label.

Coverage, training and scoring look at the same characters because each reader makes its mentions
here. What is repaired is counted and reported once.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from encswap.data.locate import Occurrences, locate
from encswap.data.notes import Notes
from encswap.errors import InputError
from encswap.types import Example, Mention, Unlocated

TRIMMED, CLEANED, PASSED = "trimmed-gold", "cleaned-labels", "passed-over"
BLANKS = "\u200b\ufeff"
"""Zero-width space and byte-order mark: no white space to Unicode, and no part of a mention."""


@dataclass(frozen=True)
class RawSpan:
    """Characters [start, end) of a text as a file marks them; `where` is the mark's place in it."""

    start: int
    end: int
    label: str
    where: str


def mentions_at(text: str, spans: Iterable[RawSpan], notes: Notes) -> tuple[Mention, ...]:
    """Turn what a file marks into mentions: ends trimmed, labels cleaned, in the text's order.

    Offsets must lie inside the text. Raises `InputError` at the mark of gold that is only white
    space, and of an empty label. Spans that become equal are one mention.
    """
    return tuple(sorted({_mention(text, span, notes) for span in spans}))


def _mention(text: str, span: RawSpan, notes: Notes) -> Mention:
    label = clean_label(span.label, span.where, notes)
    start, end = trimmed_span(text, span.start, span.end)
    if start == end:
        raise blank_gold(label, text[span.start : span.end], span.where)
    if (start, end) != (span.start, span.end):
        _note_trim(notes, span.where)
    return Mention(start, end, label, text[start:end])


def gold_string(string: str, label: str, where: str, notes: Notes) -> str:
    """Return gold that is given as a string without white space at its ends; refuse a blank one."""
    start, end = trimmed_span(string, 0, len(string))
    if start == end:
        raise blank_gold(label, string, where)
    if end - start < len(string):
        _note_trim(notes, where)
    return string[start:end]


def find_gold(
    text: str,
    strings: Mapping[str, Iterable[str]],
    where: str,
    notes: Notes,
    *,
    how: Occurrences = "standalone",
    placed: Iterable[Mention] = (),
) -> tuple[tuple[Mention, ...], tuple[Unlocated, ...]]:
    """Find gold strings by label in a text, beside `placed` gold whose offsets are known.

    Returns all mentions in the text's order, and the strings that do not stand in it. What is
    repaired and what is passed over goes to the notes.
    """
    placed = tuple(placed)
    found = locate(text, strings, how, placed)
    for repair in found.repairs:
        notes.repair(where, repair)
    for one in found.passed:
        notes.pass_over(where, one)
        inside = "a longer gold string" if one.gold else "another word"
        notes.add(
            PASSED,
            f"occurrences of gold strings lie inside {inside} and mark nothing: "
            "offsets would say which are meant",
            where,
        )
    return tuple(sorted({*placed, *found.mentions})), found.unlocated


def named_labels(
    entities: Mapping[str, Iterable[object]], labels: Sequence[str] = ()
) -> tuple[str, ...] | None:
    """Return the labels that a record says it was annotated for; None where it does not say.

    It says so by a list of `labels` that is not empty, or by naming a label without gold: then the
    labels named are the ones looked for. A record that names only labels with gold tells of what
    was found.
    """
    if not labels and all(entities.values()):
        return None
    return tuple(dict.fromkeys([*labels, *entities]))


def label_set(example: Example) -> tuple[str, ...] | None:
    """Return the label set to be written with an example; None where its gold says as much."""
    gold = {one.label for one in example.gold}
    if example.annotated is None and set(example.labels) <= gold:
        return None
    if example.annotated == () and example.tasks:
        return None  # its other tasks say so
    return tuple(dict.fromkeys([*(example.annotated or ()), *example.labels]))


def blank_gold(label: str, gold: str, where: str) -> InputError:
    """Build the error of gold that holds no character to be found."""
    found = f"only white space ({gold!r})" if gold else "empty"
    return InputError(
        f"an entity of {label!r} is {found}",
        where=where,
        hint="a mention holds at least one character that is no white space: mark that, or leave "
        "it out",
    )


def _note_trim(notes: Notes, where: str) -> None:
    notes.add(TRIMMED, "gold mentions were written with white space at an end: taken off", where)


def clean_label(label: str, where: str, notes: Notes) -> str:
    """Return a label composed (NFC) and without white space at its ends; refuse an empty one."""
    start, end = trimmed_span(label, 0, len(label))
    clean = unicodedata.normalize("NFC", label[start:end])
    if not clean:
        raise InputError("a label is empty", where=where, hint="name every label")
    if clean != label:
        notes.add(CLEANED, f"times the label {label!r} is read as {clean!r}", where)
    return clean


def trimmed_span(text: str, start: int, end: int) -> tuple[int, int]:
    """Return `[start, end)` without white space at its ends; an empty span where nothing is left.

    White space is what `str.isspace` calls so (no-break space and line ends too), and `BLANKS`.
    """
    while start < end and is_blank(text[start]):
        start += 1
    while start < end and is_blank(text[end - 1]):
        end -= 1
    return start, end


def is_blank(char: str) -> bool:
    """Whether a character is white space, or as good as none."""
    return char.isspace() or char in BLANKS
