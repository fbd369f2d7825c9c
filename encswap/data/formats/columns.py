"""Blocks of lines with blank lines between them: how column formats keep their examples."""

from __future__ import annotations

import csv
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from encswap.data.formats.table import Misfit
from encswap.data.formats.tags import STYLES, Piece, Style, spans_of, style_of
from encswap.data.input import LONGEST_LINE, Head, Input
from encswap.errors import InputError


@dataclass
class Block:
    """The comments and the rows of one example, with their line numbers."""

    source: Input
    comments: list[str] = field(default_factory=list)
    rows: list[tuple[int, str]] = field(default_factory=list)

    def error(self, line: int, message: str, hint: str) -> InputError:
        """Build an InputError that stands at a line of the block."""
        return self.source.error(message, hint, line=line)

    @property
    def line(self) -> int:
        """The line of the first row."""
        return self.rows[0][0]


def read_blocks(source: Input, is_comment: Callable[[str], bool]) -> Iterator[Block]:
    """Yield the blocks that have rows; a file without any is refused."""
    block, count = Block(source), 0
    for number, line in source.lines():
        if not line.strip():
            if block.rows:
                count += 1
                yield block
            block = Block(source)
        elif is_comment(line) and not block.rows:
            block.comments.append(line)
        else:
            block.rows.append((number, line))
    if block.rows:
        yield block
    elif not count:
        raise source.error("the file holds no rows", "give an example")


Cells = tuple[int, list[str]]
DELIMITERS = ",;"


def csv_rows(source: Input, delimiter: str) -> Iterator[Cells]:
    """Yield `(line, cells)` of each row that is not blank; raise InputError where it is no CSV."""
    rows = _rows(source.lines(), delimiter)
    while True:
        try:
            found = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            raise source.error(
                f"not CSV ({error})", 'write a field that holds a comma or a quote in "…"'
            ) from error
        yield found


def head_rows(head: Head, delimiter: str, most: int) -> list[Cells]:
    """Return the first rows of a head, as far as they are CSV."""
    found: list[Cells] = []
    try:
        found.extend(_rows(head.lines[:most], delimiter))
    except csv.Error:
        return found
    # A quoted field may go on behind the head.
    return found if head.complete and most >= len(head.lines) else found[:-1]


def _rows(lines: Iterable[tuple[int, str]], delimiter: str) -> Iterator[Cells]:
    csv.field_size_limit(LONGEST_LINE)
    read = 0

    def fed() -> Iterator[str]:
        nonlocal read
        for number, line in lines:
            read = number
            yield f"{line}\n"

    begun = 1
    for cells in csv.reader(fed(), delimiter=delimiter, strict=True):
        if any(cell.strip() for cell in cells):
            yield begun, cells
        begun = read + 1


Lines = Sequence[tuple[int, str]]
ROWS = 4000
MOST = 0.6
NEAR = 0.5
"""Share of the rows that a column's tags must explain; the first other row is named."""
SPACES = re.compile(r"_|Space(?:s?After|sBefore)=\S+(?:\|Space(?:s?After|sBefore)=\S+)*")
_CHUNKS = frozenset(
    # English (CoNLL-2000) and German phrases.
    ["NP", "VP", "PP", "ADJP", "ADVP", "SBAR", "PRT", "CONJP", "INTJ", "LST", "UCP", "PNP"]
) | {"NC", "VC", "PC", "AC", "AP", "CP"}
_BLANKS = re.compile(r"[ \t]+")
_TABS = re.compile(r"\t+")
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[a-z]{2,8})*:")
_LETTERS = re.compile(r"[^\W\d_]+")
_TAG_NAMES = frozenset({"tag", "tags", "label", "labels", "ner", "ne", "entity", "entities", "bio"})
_NAMES = re.compile(r"#\s*global\.columns\s*=\s*(.+)")


@dataclass(frozen=True)
class ColumnRow:
    """One row: its word, its tag, the spaces around it, and the tags of further columns."""

    line: int
    word: str
    tag: str
    spaces: str = "_"
    others: tuple[str, ...] = ()
    padded: bool = False
    sentence: str = ""
    index: int = 0


@dataclass(frozen=True)
class Layout:
    """The columns of a file, counted from 0.

    `others` are further columns of tags; `index` counts rows, `sentence` numbers sentences,
    `spaces` says what stands between words; `language` stands before every word.
    """

    separator: str
    width: int
    word: int
    tag: int
    style: Style
    others: tuple[tuple[int, Style], ...] = ()
    index: int | None = None
    sentence: int | None = None
    spaces: int | None = None
    language: str = ""
    header: str = ""
    names: tuple[str, ...] = ()

    def cells(self, line: str) -> list[str]:
        """Cut a line into its columns; empty ones at the end do not count."""
        cells = cut(line, self.separator)
        if len(cells) != self.width and self.separator == "\t" and "\t" not in line:
            blanks = cut(line, " ")
            cells = blanks if len(blanks) == self.width else cells
        return cells

    def row(self, number: int, line: str) -> ColumnRow | str:
        """Read a row; return what is wrong where it is none."""
        cells = self.cells(line)
        spaces = "_"
        if self.spaces is not None and len(cells) > self.spaces:
            spaces = cells[self.spaces]
            if not SPACES.fullmatch(spaces):
                return f"{spaces[:20]!r} does not say what stands between words"
        # Empty cells at the end are lost in a file of tabs.
        least = max(self.word, self.tag) + 1 if self.separator == "\t" else self.width
        if not least <= len(cells) <= self.width:
            return f"{len(cells)} columns where others have {self.width}"
        if self.index is not None and not cells[self.index].isdecimal():
            return f"{cells[self.index][:20]!r} is no number, as it is in column {self.index + 1}"
        tag = self.style.read(cells[self.tag])
        if tag is None:
            return f"{cells[self.tag][:20]!r} is no BIO tag"
        return ColumnRow(
            number,
            cells[self.word].removeprefix(self.language),
            tag,
            spaces,
            tuple(
                style.read(cells[at]) or "O" if at < len(cells) else "O"
                for at, style in self.others
            ),
            # Spaces between columns say nothing of a tag in a file that is cut at them.
            self.separator == "\t" and line != line.rstrip(" \t"),
            cells[self.sentence] if self.sentence is not None else "",
            int(cells[self.index]) if self.index is not None else 0,
        )

    def name_of(self, column: int) -> str:
        """Name a column as a person would: by its number, and by its name where it has one."""
        named = f" ({self.names[column]})" if column < len(self.names) else ""
        return f"{column + 1}{named}"


def layout_of(
    rows: Lines, remarks: Sequence[str] = (), tag_column: str | None = None
) -> Layout | Misfit:
    """Find what the columns mean; the first row may be a header.

    `rows` are lines of the file that are neither blank nor remarks. `tag_column` is the number of
    a column from 1, or its name.
    """
    rows = rows[:ROWS]
    if not rows:
        return Misfit(None, "no row")
    first = _separator(rows)
    tries = [first, *(mark for mark in DELIMITERS if mark in rows[0][1])]
    found = [_layout(rows, separator, remarks, tag_column) for separator in tries]
    return next((one for one in found if isinstance(one, Layout)), found[0])


def _layout(
    rows: Lines, separator: str, remarks: Sequence[str], tag_column: str | None
) -> Layout | Misfit:
    table = [(number, cut(line, separator)) for number, line in rows]
    width = Counter(len(cells) for _, cells in table).most_common(1)[0][0]
    if width < 2:
        return Misfit(table[0][0], "one column, where a word and a BIO tag are wanted")
    first = table[0][1]
    whole = [one for one in table if len(one[1]) == width]
    even = len(whole) == len(table) > 1 and width <= 6
    header = ""
    if len(whole) > 1 and _may_be_header(first, whole[whole[0][1] is first :], width):
        header, whole = rows[0][1], whole[whole[0][1] is first :]
    names = _names_of(first if header else [], remarks)
    columns = [list(column) for column in zip(*(cells for _, cells in whole), strict=True)]
    return _Columns(separator, columns, whole[0][0], header, names, even).layout(tag_column)


def cut(line: str, separator: str) -> list[str]:
    """Cut a line at tabs, at runs of tabs, at blanks, or as CSV."""
    if separator in DELIMITERS:
        try:
            return [cell.strip(" ") for cell in next(csv.reader([line], delimiter=separator))]
        except csv.Error:
            return [line]
    if separator == " ":
        return _BLANKS.split(line.strip(" \t"))
    line = line.rstrip(" \t")
    cells = _TABS.split(line.lstrip("\t")) if separator == "\t+" else line.split("\t")
    return [cell.strip(" ") for cell in cells]


@dataclass(frozen=True)
class _Columns:
    """The columns of a file while their meaning is found."""

    separator: str
    columns: Sequence[Sequence[str]]
    line: int
    header: str
    names: tuple[str, ...]
    even: bool

    def layout(self, tag_column: str | None) -> Layout | Misfit:
        spaces = self._spaces()
        counted = self._counting(2 if spaces is None else 3)
        styles = self._styles(counted)
        if tag_column is None:
            tag = self._tag(styles)
        else:
            tag = self._wanted(tag_column)
            if isinstance(tag, int):
                found = style_of(Counter(self.columns[tag]), plain=True)
                if found is None:
                    return Misfit(self.line, f"column {tag_column} holds no BIO tags")
                styles = {**styles, tag: found[0]}
        if isinstance(tag, Misfit):
            return tag
        index, sentence = counted
        skipped = {index, sentence, spaces, tag}
        word = next((at for at in range(len(self.columns)) if at not in skipped), None)
        if word is None:
            return Misfit(self.line, "no column holds words")
        others = [(at, style) for at, style in styles.items() if at not in (tag, word, spaces)]
        return Layout(
            self.separator,
            len(self.columns),
            word,
            tag,
            styles[tag],
            tuple(one for one in others if not self._is_chunks(*one)),
            index,
            sentence,
            spaces,
            _language(self.columns[word]),
            self.header,
            self.names,
        )

    def _styles(self, counted: tuple[int | None, int | None]) -> dict[int, Style]:
        """The columns that hold tags; the first that does not count holds words."""
        first = next(at for at in range(len(self.columns)) if at not in counted)
        found: dict[int, Style] = {}
        for at in range(first + 1, len(self.columns)):
            values = Counter(self.columns[at])
            style = style_of(values, plain=self.even and at == len(self.columns) - 1)
            if style is not None and style[1] >= NEAR:
                found[at] = style[0]
        return found

    def _tag(self, styles: Mapping[int, Style]) -> int | Misfit:
        named = {at: style for at, style in styles.items() if not self._is_chunks(at, style)}
        if not (named or styles):
            return Misfit(self.line, "no column holds BIO tags")
        candidates = list(named or styles)
        last = candidates[-1]
        for at in candidates[:-1]:
            if self._lies_within(last, at, styles):
                return at
        return last

    def _lies_within(self, inner: int, outer: int, styles: Mapping[int, Style]) -> bool:
        """Whether nearly every mention of one column lies within one of the other."""
        within = self._mentions(inner, styles[inner])
        around = self._mentions(outer, styles[outer])
        held = {place for start, end in around for place in range(start, end)}
        inside = sum(set(range(start, end)) <= held for start, end in within)
        return bool(around) and inside >= 0.9 * len(within)

    def _mentions(self, at: int, style: Style) -> list[tuple[int, int]]:
        tags = [style.read(value) or "O" for value in self.columns[at]]
        pieces = [
            Piece(place, place + 1, f"{tag}-?" if tag != "O" and "-" not in tag else tag)
            for place, tag in enumerate(tags)
        ]
        return [(start, end) for start, end, _ in spans_of(pieces)]

    def _is_chunks(self, at: int, style: Style) -> bool:
        tags = {style.read(value) or "O" for value in set(self.columns[at])}
        labels = {tag.partition("-")[2] for tag in tags if tag != "O"}
        return bool(labels) and labels <= _CHUNKS

    def _counting(self, others: int) -> tuple[int | None, int | None]:
        """The columns that count rows and sentences; so many others must be left."""
        named = [name.casefold() for name in self.names[:1]]
        if named and named[0].startswith("sent") and len(self.columns) > others:
            return None, 0
        numbered = []
        for at, column in enumerate(self.columns[: max(len(self.columns) - others, 0)]):
            numbers = [value for value in column if value.isdecimal()]
            # A row that does not count where most do is told when it is read.
            most = len(numbers) >= MOST * len(column) and _steps(numbers)
            if not most and len(numbers) < len(column):
                break
            numbered.append(at)
        if len(numbered) == 1 and not _steps(self.columns[0]) and self._runs(0):
            return None, 0
        stepping = [at for at in numbered if _steps(self.columns[at])]
        index = (stepping or numbered)[-1] if numbered else None
        return index, next((at for at in numbered if at != index), None)

    def _runs(self, at: int) -> bool:
        """Whether the numbers never fall, and stand in runs."""
        numbers = [int(value) for value in self.columns[at]]
        return numbers == sorted(numbers) and len(set(numbers)) < len(numbers)

    def _spaces(self) -> int | None:
        last = len(self.columns) - 1
        if last < 2 or not all(SPACES.fullmatch(value) for value in self.columns[last]):
            return None
        style = style_of(Counter(self.columns[last - 1]))
        return last if style is not None and style[1] >= NEAR else None

    def _wanted(self, tag_column: str) -> int | Misfit:
        if tag_column.isdecimal():
            at = int(tag_column) - 1
            if not 0 <= at < len(self.columns):
                return Misfit(self.line, f"there are {len(self.columns)} columns, not {tag_column}")
            return at
        named = [name.casefold() for name in self.names]
        if tag_column.casefold() in named[: len(self.columns)]:
            return named.index(tag_column.casefold())
        known = f"they are {', '.join(self.names)}" if self.names else "no row names them"
        return Misfit(self.line, f"no column is called {tag_column!r}: {known}")


def _steps(values: Sequence[str]) -> bool:
    """Whether most numbers follow the one before."""
    numbers = [int(value) for value in values if value.isdecimal()]
    steps = sum(two == one + 1 for one, two in pairwise(numbers))
    return 2 * steps >= len(numbers) - 1


def _separator(rows: Lines) -> str:
    tabs = sum("\t" in line.strip() for _, line in rows)
    if 2 * tabs < len(rows):
        return " "
    exact = Counter(len(cut(line, "\t")) for _, line in rows)
    runs = Counter(len(cut(line, "\t+")) for _, line in rows)
    return "\t" if exact.most_common(1)[0][1] >= runs.most_common(1)[0][1] else "\t+"


def _may_be_header(
    first: Sequence[str], body: Lines | Sequence[tuple[int, list[str]]], width: int
) -> bool:
    """Whether the first row names columns: where others hold tags, it holds a name."""
    if not 2 <= len(first) <= width or not all(cell.strip() for cell in first):
        return False
    for at in range(1, len(first)):
        values = Counter(cells[at] for _, cells in body if len(cells) > at)
        style = style_of(values, plain=True) if values else None
        if style is None or style[1] < NEAR or set(values) <= {"_"}:
            continue
        name = first[at].strip()
        if name not in values and _is_name(name):
            return True
    return False


def _is_name(cell: str) -> bool:
    """Whether this names a column of tags; in another script than Latin any word may."""
    if any(style.read(cell) is not None for style in STYLES):
        return False
    parts = _LETTERS.findall(cell.casefold())
    return bool(set(parts) & _TAG_NAMES) or (not cell.isascii() and len(cell) > 1)


def _names_of(first: Sequence[str], remarks: Sequence[str]) -> tuple[str, ...]:
    for remark in remarks:
        found = _NAMES.match(remark)
        if found:
            return tuple(found[1].split())
    return tuple(first)


def _language(words: Sequence[str]) -> str:
    """The language that stands before every word, as in `en:word`; empty where none does."""
    found = [_LANGUAGE.match(word) for word in words]
    codes = {one[0] for one in found if one is not None}
    return codes.pop() if len(words) > 1 and None not in found and len(codes) == 1 else ""


def is_character(cell: str) -> bool:
    """Whether this is one character: a code point, or several that compose to one."""
    if len(cell) < 2:
        return bool(cell)
    marks = (unicodedata.category(char)[0] == "M" for char in cell[1:])
    return len(unicodedata.normalize("NFC", cell)) == 1 or all(marks)
