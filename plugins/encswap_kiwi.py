"""The word splitter `kiwi`: the surface of Korean morphemes, cut by the analyser Kiwi in context.

Needs kiwipiepy (https://github.com/bab2min/kiwipiepy), the extra `korean`.

A unit is what lies between two cuts. Cuts stand where a morpheme begins or ends, unless another
one reaches across (the 하 and 었 of 했 are one unit), where the script changes, at punctuation, and
before particles and counters that Kiwi left on a word. Latin terms, numbers with their units,
addresses and the user's own words are kept whole.
"""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from encswap import EncswapError, hookimpl

Unit = tuple[str, int, int]
Span = tuple[int, int]

# Particles, vocatives and titles that follow a name; Kiwi takes them for a part of unknown nouns.
LONG_PARTICLE = re.compile(
    "에[게서도는]|으로|까지|부터|처럼|보다|한테|이[랑나란라가는를의도]|라[고는며면]|하고|역시|마저|조차"
)
PARTICLES = frozenset("은는이가을를의에와과도로으만나아야랑란임께")
TITLES = frozenset("씨님군양모측역")
# Counters that begin a longer bound noun after a number: 3|차|전, 18|일|자.
COUNTERS = frozenset("개년월일시분초차회명살세기강배층위번건권장주대급호")
# Countries and sides in one syllable, each a name of its own in 한|미, 남|북, 한|중|일.
COUNTRIES = frozenset("한미일중북남")

_LETTER = "A-Za-zÀ-ÖØ-öø-ɏͰ-Ͽ"
# Whole: HbA1c, COVID-19, Crohn's; 19-9, 1,200.5mg; but not the parts of 2026.1.15.
_TERM = re.compile(
    rf"[{_LETTER}][{_LETTER}0-9]*+(?:[-'’][{_LETTER}0-9]++)*+"
    rf"|(?<!\d\.)\d++(?:,\d{{3}}(?!\d))*+(?:\.\d++|(?:-\d++)++)?+(?!\.\d)(?:[{_LETTER}]++\d*+)?"
    r"|\d++"
)
# Anchored at the start of a run, so that a long run is read once.
_ADDRESS = re.compile(
    r"(?:https?://|www\.)[!-~]*[/\w]|(?<![\w.%+-])[\w.%+-]++@[\w-]+(?:\.[\w-]+)+", re.ASCII
)
_JOINER = "\u200d"
_SPACE, _SIGN, _INVISIBLE = " ", "sign", "invisible"
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_ENTRY = "write a line as 'word<TAB>NNP', a score may follow after another tab"


@hookimpl
def register_word_splitters(register: Any) -> None:
    """Register the splitter `kiwi`; kiwipiepy is imported when it is built."""
    register("kiwi", KiwiSplitter)


class KiwiSplitter:
    """Cut Korean text into units; `user_dictionary` is a file in Kiwi's format (word TAB tag)."""

    def __init__(self, user_dictionary: str | Path | None = None) -> None:
        self.user_dictionary = Path(user_dictionary) if user_dictionary is not None else None
        self._words = _read_dictionary(self.user_dictionary)
        self._kiwi = _load_kiwi(self.user_dictionary)
        self._process = os.getpid()

    def __call__(self, text: str, lower: bool = True) -> Iterator[Unit]:
        """Yield the units of `text` in order; offsets are of `text` as it is given."""
        composed, origins = _composed(text)
        return self._units(text, origins, composed, self._kiwi.tokenize(composed), lower)

    def many(self, texts: Iterable[str]) -> Iterator[list[Unit]]:
        """Yield the units of each text, in order and in their own case; Kiwi uses all cores."""
        if self._process != os.getpid():
            # Kiwi's threads do not survive a fork.
            yield from (list(self(text, False)) for text in texts)
            return
        waiting: deque[tuple[str, Sequence[int], str]] = deque()

        def composed_texts() -> Iterator[str]:
            for text in texts:
                composed, origins = _composed(text)
                waiting.append((text, origins, composed))
                yield composed

        for tokens in self._kiwi.tokenize(composed_texts()):
            yield list(self._units(*waiting.popleft(), tokens, False))

    def sentences(self, text: str) -> list[Span]:
        """List the spans of the sentences of `text`."""
        composed, origins = _composed(text)
        found = self._kiwi.split_into_sents(composed)
        return [(origins[one.start], origins[one.end]) for one in found]

    def describe(self) -> dict[str, Any]:
        """Tell what the units depend on: the options, the analyser's and the model's version."""
        from importlib.metadata import version

        dictionary = self.user_dictionary
        described: dict[str, Any] = {
            "name": "kiwi",
            "options": {} if dictionary is None else {"user_dictionary": str(dictionary)},
            "kiwipiepy": version("kiwipiepy"),
            "model": version("kiwipiepy_model"),
        }
        if dictionary is not None:
            digest = hashlib.sha256(dictionary.read_bytes()).hexdigest()
            described["user_dictionary_sha256"] = digest
        return described

    def __reduce__(self) -> tuple[Any, ...]:
        return KiwiSplitter, (self.user_dictionary,)

    def _units(
        self, text: str, origins: Sequence[int], composed: str, tokens: Iterable[Any], lower: bool
    ) -> Iterator[Unit]:
        cuts = sorted({origins[cut] for cut in _cuts(composed, tokens, self._words)})
        for start, end in pairwise(cuts):
            token = text[start:end].lstrip()
            if token:
                yield (token.lower() if lower else token), end - len(token), end


def _cuts(text: str, tokens: Iterable[Any], words: frozenset[str]) -> set[int]:
    """Return the places between units; white space is cut off at its start."""
    cuts, kept = {0, len(text)}, []
    end = 0
    for token in sorted(tokens, key=lambda token: (token.start, token.end)):
        if token.start >= end:
            cuts |= {end, token.start}
        end = max(end, token.end)
        cuts.update(_ending_cuts(text, token))
        if token.form in words:
            kept.append((token.start, token.end))
    cuts.add(min(end, len(text)))
    cuts.update(_script_changes(text))
    for start, stop in (*_spans(_TERM, text), *_spans(_ADDRESS, text), *kept):
        cuts.difference_update(range(start + 1, stop))
        cuts |= {start, stop}
    cuts.update(place for place, char in enumerate(text) if char.isspace())
    return cuts


def _ending_cuts(text: str, token: Any) -> Iterator[int]:
    """Yield the cuts within a token: before what follows a name, after a counter or country."""
    start, end = token.start, token.end
    if token.oov:
        if end - start >= 4 and LONG_PARTICLE.fullmatch(text, end - 2, end):
            end -= 2
            yield end
        elif end - start >= 3 and text[end - 1] in PARTICLES:
            end -= 1
            yield end
        if end - start >= 2 and text[end - 1] in TITLES:
            yield end - 1
    if token.tag in ("NNP", "NNG") and COUNTRIES.issuperset(text[start:end]):
        yield from range(start + 1, end)
    counted = token.tag in ("NNB", "NNG") and text[start - 1 : start].isdecimal()
    if counted and end - start > 1 and text[start] in COUNTERS:
        yield start + 1


def _script_changes(text: str) -> Iterator[int]:
    """Yield the places where the script changes, and both sides of every sign."""
    before = _SPACE
    for place, char in enumerate(text):
        script = _script(char)
        if script == _INVISIBLE:
            continue
        joined = place > 0 and text[place - 1] == _JOINER
        if (script != before or script == _SIGN) and not joined:
            yield place
        before = script


@lru_cache(maxsize=1 << 16)
def _script(char: str) -> str:
    """Name the script of a character; marks and invisible characters go with what they follow."""
    category = unicodedata.category(char)
    if char.isspace():
        return _SPACE
    if category[0] == "M" or category in ("Cf", "Cc"):
        return _INVISIBLE
    if char.isdecimal():
        return "digit"
    if category[0] not in "LN":
        return _SIGN
    if "\uac00" <= char <= "\ud7a3":
        return "syllable"
    return "jamo" if _is_jamo(char) else unicodedata.name(char, "").partition(" ")[0]


def _is_jamo(char: str) -> bool:
    return "\u1100" <= char <= "\u11ff" or "\u3130" <= char <= "\u318f"


def _spans(pattern: re.Pattern[str], text: str) -> Iterator[Span]:
    return (found.span() for found in pattern.finditer(text))


def _composed(text: str) -> tuple[str, Sequence[int]]:
    """Return `text` in NFC, as Kiwi needs it, and where each of its places stands in `text`.

    A lone surrogate, which Kiwi cannot take, gives way to U+FFFD.
    """
    text = _SURROGATE.sub("\ufffd", text)
    if unicodedata.is_normalized("NFC", text):
        return text, range(len(text) + 1)
    parts: list[str] = []
    origins = [0]
    starts = (place for place in range(1, len(text)) if not _joins(text[place]))
    for start, end in pairwise([0, *starts, len(text)]):
        part = unicodedata.normalize("NFC", text[start:end])
        parts.append(part)
        # What composes is not cut: the places within stand at its end.
        origins += [end] * len(part)
    return "".join(parts), origins


def _joins(char: str) -> bool:
    """Whether `char` may compose with what stands before it, as marks and conjoining jamo do."""
    return unicodedata.category(char)[0] == "M" or "\u1160" <= char <= "\u11ff"


def _read_dictionary(path: Path | None) -> frozenset[str]:
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
    return columns[0].strip()


def _load_kiwi(dictionary: Path | None) -> Any:
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


def _load_dictionary(kiwi: Any, dictionary: Path) -> None:
    with TemporaryDirectory() as folder:
        # Kiwi takes a byte-order mark for a part of the first word.
        copy = Path(folder) / "words"
        copy.write_text(dictionary.read_text(encoding="utf-8-sig"), encoding="utf-8")
        try:
            kiwi.load_user_dictionary(str(copy))
        except Exception as error:
            line = re.search(r"at line (\d+)", str(error))
            where = f"{dictionary}:{line[1]}" if line else str(dictionary)
            raise EncswapError(
                f"the user dictionary is broken ({error})", where=where, hint=_ENTRY
            ) from error
