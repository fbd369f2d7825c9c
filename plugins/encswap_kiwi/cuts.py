"""Where units begin and end.

A unit is what lies between two cuts. Cuts stand where a morpheme begins or ends, unless another
one reaches across (the 하 and 었 of 했 are one unit), where the script changes, at punctuation, and
before particles and counters that Kiwi left on a word. Latin terms, numbers with their units,
addresses and the user's own words are kept whole.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import pairwise

from encswap_kiwi.reading import Morpheme, Reading

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


def units_of(reading: Reading, words: frozenset[str]) -> Iterator[Span]:
    """Yield the units as spans of the text as it was given; `words` are kept whole."""
    found = _cuts(reading.composed, reading.morphemes, words)
    for start, end in pairwise(sorted({reading.origins[cut] for cut in found})):
        # A cut stands before all white space, so it is found at the start alone.
        first = end - len(reading.text[start:end].lstrip())
        if first < end:
            yield first, end


def _cuts(text: str, tokens: Iterable[Morpheme], words: frozenset[str]) -> set[int]:
    """Return the places between units; white space is cut off at its start.

    Only the white space inside the user's own words is no place between units.
    """
    cuts, kept = {0, len(text)}, []
    end = 0
    for token in sorted(tokens):
        if token.start >= end:
            cuts |= {end, token.start}
        end = max(end, token.end)
        cuts.update(_ending_cuts(text, token))
        # Kiwi gives the form as the dictionary has it, also where the text is spaced otherwise.
        if token.form in words:
            kept.append((token.start, token.end))
    cuts.add(min(end, len(text)))
    cuts.update(_script_changes(text))
    for start, stop in (*_spans(_TERM, text), *_spans(_ADDRESS, text), *kept):
        cuts.difference_update(range(start + 1, stop))
        cuts |= {start, stop}
    inside = {place for start, stop in kept for place in range(start + 1, stop)}
    cuts.update(n for n, char in enumerate(text) if char.isspace() and n not in inside)
    return cuts


def _ending_cuts(text: str, token: Morpheme) -> Iterator[int]:
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
