"""Kiwi itself, and the user's own words for it: a file with `word TAB tag` on each line."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from encswap import EncswapError

_ENTRY = "write a line as 'word<TAB>NNP', a score may follow after another tab"


def load_kiwi(dictionary: Path | None) -> Any:
    """Build Kiwi with the user's words; a missing package names the extra that brings it."""
    try:
        from kiwipiepy import Kiwi
    except ImportError as error:
        raise EncswapError(
            "the splitter 'kiwi' needs kiwipiepy", hint='pip install "encswap[korean]"'
        ) from error
    # The entries of many words hold film titles and the like: they would hide the words in them.
    kiwi = Kiwi(load_multi_dict=False)
    if dictionary is not None:
        _load_dictionary(kiwi, dictionary)
    return kiwi


def read_dictionary(path: Path | None) -> frozenset[str]:
    """Check a user dictionary and return its words."""
    if path is None:
        return frozenset()
    words = set()
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise EncswapError(
            f"the user dictionary cannot be read ({error.strerror or error})", where=path
        ) from error
    for number, raw in enumerate(lines, start=1):
        word = _read_entry(raw, f"{path}:{number}")
        if word:
            words.add(word)
    if not words:
        raise EncswapError("the user dictionary holds no word", where=path, hint=_ENTRY)
    return frozenset(words)


def _read_entry(raw: bytes, where: str) -> str:
    """Return the word of one line; empty for a blank line and a remark."""
    try:
        line = raw.decode("utf-8-sig" if where.endswith(":1") else "utf-8").strip()
    except UnicodeDecodeError as error:
        raise EncswapError("not UTF-8", where=where, hint="save the file as UTF-8") from error
    if not line or line.startswith("#"):
        return ""
    columns = line.split("\t")
    if len(columns) not in (2, 3) or not columns[0].strip():
        raise EncswapError(f"not a dictionary entry: {line[:40]!r}", where=where, hint=_ENTRY)
    try:
        float(columns[2] if len(columns) == 3 else 0)
    except ValueError as error:
        raise EncswapError(f"not a score: {columns[2]!r}", where=where, hint=_ENTRY) from error
    return _as_kiwi_reads(columns[0])


def _as_kiwi_reads(word: str) -> str:
    """Return a word composed and with single spaces, as the text is that Kiwi reads."""
    return " ".join(unicodedata.normalize("NFC", word).split())


def _entry(line: str) -> str:
    """Return a line with its word as Kiwi reads it; a line stays at its number."""
    word, tab, rest = line.strip().partition("\t")
    return f"{_as_kiwi_reads(word)}{tab}{rest}" if tab and not word.startswith("#") else ""


def _load_dictionary(kiwi: Any, dictionary: Path) -> None:
    with TemporaryDirectory() as folder:
        # Kiwi takes a byte-order mark for a part of the first word.
        copy = Path(folder) / "words"
        lines = dictionary.read_bytes().decode("utf-8-sig").split("\n")
        copy.write_text("\n".join(map(_entry, lines)), encoding="utf-8")
        try:
            kiwi.load_user_dictionary(str(copy))
        except Exception as error:
            line = re.search(r"at line (\d+)", str(error))
            where = f"{dictionary}:{line[1]}" if line else str(dictionary)
            raise EncswapError(
                f"the user dictionary is broken ({error})", where=where, hint=_ENTRY
            ) from error
