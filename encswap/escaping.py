"""Values from elsewhere made safe to show: for a terminal, for JSON, for Markdown, for CSV.

Labels, documents, file names, answers of a hub and messages of plugins are written by others. What
moves the cursor, hides or reorders text is spelled out, never passed on.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

MOST_DEPTH = 40
MOST_TEXT = 20_000
MOST_BITS = 1000  # so that a float can hold it


# Unicode's categories Cc (controls, C1 too), Cf (bidi marks, zero width, tags), Zl, Zp (line ends)
# and Cs (half a character); tests/test_escaping.py compares this list with unicodedata.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f"
    "\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb\U000110bd\U000110cd"
    "\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0001"
    "\U000e0020-\U000e007f]"
)
_SURROGATE = re.compile("[\ud800-\udfff]")
_MARKDOWN = re.compile(r"([\\|`*_<>\]])")  # without its end, [ begins no link
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def printable(text: object) -> str:
    """Spell out what would move the cursor or hide, line breaks too: one value, one line."""
    return _UNSAFE.sub(_spell, str(text))


def printable_lines(text: str) -> str:
    """Spell out what would move the cursor or hide in a text of several lines."""
    return _UNSAFE.sub(lambda found: found[0] if found[0] in "\n\t" else _spell(found), text)


def _spell(found: re.Match[str]) -> str:
    return repr(found[0])[1:-1]


def json_text(value: Any, *, indent: int | None = None) -> str:
    """Write JSON that is valid whatever `value` holds, with controls and bidi marks escaped."""
    try:
        text = json.dumps(value, ensure_ascii=False, indent=indent, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        text = json.dumps(plain_json(value), ensure_ascii=False, indent=indent, allow_nan=False)
    # json.dumps escapes line breaks inside a string: those that are left are its own indentation.
    return _UNSAFE.sub(lambda found: found[0] if found[0] == "\n" else _json_escape(found[0]), text)


def _json_escape(char: str) -> str:
    if _SURROGATE.match(char):
        return "\\ufffd"  # half a character is no Unicode text, and strict readers refuse it
    return "".join(f"\\u{ord(one):04x}" for one in _utf16(char))


def _utf16(char: str) -> str:
    """The one or two code units that JSON escapes a character with."""
    code = ord(char) - 0x10000
    return char if code < 0 else chr(0xD800 + (code >> 10)) + chr(0xDC00 + (code & 0x3FF))


class _Cost:
    """How many values may still be taken over, and what was not taken as it is."""

    def __init__(self, left: int | None) -> None:
        self.left = left
        self.losses: list[str] = []

    def lose(self, what: str, instead: Any) -> Any:
        if what not in self.losses:
            self.losses.append(what)
        return instead

    def spent(self) -> bool:
        if self.left is None:
            return False
        self.left -= 1
        return self.left < 0


def plain_json(value: Any, *, most: int | None = None, losses: list[str] | None = None) -> Any:
    """Return `value` as JSON can hold it: no cycle, no NaN, no object, no half character.

    At most `most` values are taken over. What was changed is named in `losses`.
    """
    cost = _Cost(most)
    plain = _plain(value, cost, ())
    if losses is not None:
        losses += cost.losses
    return plain


def _plain(value: Any, cost: _Cost, above: tuple[int, ...]) -> Any:  # noqa: PLR0911
    if cost.spent():
        return cost.lose("too many values", None)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        small = value.bit_length() <= MOST_BITS
        return int(value) if small else cost.lose("a huge number", f"{value.bit_length()} bits")
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else cost.lose("a number not finite", None)
    if isinstance(value, str):
        return _plain_text(value, cost)
    if isinstance(value, Mapping | list | tuple):
        if id(value) in above:
            return cost.lose("a cycle", None)
        if len(above) >= MOST_DEPTH:
            return cost.lose("too deep nesting", None)
        return _plain_inside(value, cost, (*above, id(value)))
    return cost.lose(f"{type(value).__name__}, which is no JSON", f"<{type(value).__name__}>")


def _plain_inside(value: Any, cost: _Cost, above: tuple[int, ...]) -> Any:
    if isinstance(value, Mapping):
        held: dict[str, Any] = {}
        for key, one in value.items():
            if cost.left is not None and cost.left <= 0:
                return cost.lose("too many values", held)
            known = isinstance(key, str | int | float | bool) or key is None
            name = str(key) if known else cost.lose("a key that is no text", type(key).__name__)
            held[_plain_text(name, cost)] = _plain(one, cost, above)
        return held
    items: list[Any] = []
    for one in value:
        if cost.left is not None and cost.left <= 0:
            return cost.lose("too many values", items)
        items.append(_plain(one, cost, above))
    return items


def _plain_text(text: str, cost: _Cost) -> str:
    if cost.left is not None and len(text) > MOST_TEXT:
        text = cost.lose("a text that is too long", text[:MOST_TEXT] + "…")
    if _SURROGATE.search(text):
        text = cost.lose("half a character", _SURROGATE.sub("\ufffd", text))
    return str(text)


class MarkdownText(str):
    """Text that is Markdown already, so that it is not escaped again."""

    __slots__ = ()


def markdown(text: object) -> str:
    """Keep a pipe, a mark, a tag or a line break in a value from being read as Markdown."""
    return " ".join(printable_lines(_MARKDOWN.sub(r"\\\1", str(text))).split())


def markdown_table(rows: Sequence[Sequence[object]], rules: Sequence[str] = ()) -> MarkdownText:
    """Write a Markdown table of values, the first row its head; `rules` align the columns.

    A cell that is `MarkdownText` goes in as it is, and must hold no line break.
    """
    head, *rest = ([_markdown_cell(cell) for cell in row] for row in rows)
    lines = [head, [*rules] or ["---"] * len(head), *rest]
    return MarkdownText("\n".join(f"| {' | '.join(line)} |" for line in lines))


def number_rules(columns: int) -> list[str]:
    """Align a table whose first column holds words and whose others hold numbers."""
    return ["---", *["---:"] * (columns - 1)]


def _markdown_cell(cell: object) -> str:
    return cell if isinstance(cell, MarkdownText) else markdown(cell)


def code_span(text: object) -> MarkdownText:
    """Write a value as Markdown code, fenced by more backticks than it holds."""
    value = " ".join(printable_lines(str(text)).split()) or " "
    longest = max((len(run) for run in re.findall("`+", value)), default=0)
    fence, room = "`" * (longest + 1), " " if value.startswith("`") or value.endswith("`") else ""
    return MarkdownText(f"{fence}{room}{value}{room}{fence}")


def csv_cell(text: str) -> str:
    """Quote a cell that a spreadsheet would run as a formula."""
    return f"'{text}" if text.startswith(FORMULA) else text
