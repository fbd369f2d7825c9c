"""What a word splitter promises, on ordinary and on awkward texts."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from encswap.data.readers import read_examples
from encswap.plugins import Plugins
from encswap.testing.mini.encoders import corpus
from encswap.testing.plugin_laws import after, require
from encswap.types import WordSplitter

Unit = tuple[str, int, int]
AWKWARD = (
    "",
    " ",
    "\n\t\u3000",
    "A b, c: 1.5mg/dL (x-9)!",
    "word" * 200,
    "cafe\u0301 na\u00efve \u0130stanbul \u1e9e",  # NFD beside NFC; lower-casing changes lengths
    "\u1112\u1161\u11ab\u1100\u1173\u11af",  # decomposed syllables
    "\u6f22\u5b57\u3068\u304b\u306a",
    "\u0639\u0631\u0628\u064a \u05e2\u05d1\u05e8\u05d9\u05ea 12",  # right to left
    "\U0001f468\u200d\u2695\ufe0f\U0001f1f0\U0001f1f7 x\U0001f600y",  # joined emoji, a flag
    "a\u200bb\u200c c\ufeff\u2060d",  # zero width
    "\u0301\u0300x",
    "a\x00b\x1b[0m",
    "x\ud800y \udfff",  # lone surrogates
    "https://a.example/b?c=1 d@e.example",
)
SHOWN = 40
DOCUMENTS = 20


class Cut:
    """A splitter under test, and what it makes of every text."""

    def __init__(self, plugins: Plugins, name: str) -> None:
        self.plugins, self.name = plugins, name

    @cached_property
    def splitter(self) -> WordSplitter:
        """The splitter, built without options."""
        return self.plugins.splitter(self.name)

    @cached_property
    def texts(self) -> tuple[str, ...]:
        """The awkward texts, and some shipped documents."""
        shipped = read_examples(corpus())[:DOCUMENTS]
        return (*AWKWARD, *(example.text for example in shipped))

    @cached_property
    def units(self) -> dict[str, list[Unit]]:
        """The units of every text in their own case; a failure names the text."""
        return {text: self.cut(text, False) for text in self.texts}

    def cut(self, text: str, lower: bool) -> list[Unit]:
        """Cut one text."""
        try:
            return list(self.splitter(text, lower))
        except Exception as error:
            require(False, f"{type(error).__name__} on {_shown(text)}: {error}")
            raise

    def __iter__(self) -> Iterator[tuple[str, list[Unit]]]:
        return iter(self.units.items())


def cuts(subject: Cut) -> None:
    """It cuts every text into `(token, start, end)`: a text and two whole numbers."""
    for text, units in subject:
        for unit in units:
            kinds = [type(part) for part in unit] if isinstance(unit, tuple) else []
            require(kinds == [str, int, int], f"{unit!r} of {_shown(text)} is no (str, int, int)")


@after("cuts")
def cuts_in_order(subject: Cut) -> None:
    """Units come in order, do not overlap, are not empty and lie inside the text."""
    for text, units in subject:
        place = 0
        for _, start, end in units:
            require(
                place <= start < end <= len(text),
                f"a unit at {start}:{end} after {place}, in {_shown(text)} of length {len(text)}",
            )
            place = end


@after("cuts_in_order")
def loses_nothing(subject: Cut) -> None:
    """Between units there is only white space."""
    for text, units in subject:
        place = 0
        for start, end in [*((start, end) for _, start, end in units), (len(text), len(text))]:
            lost = text[place:start].strip()
            require(not lost, f"{lost[:SHOWN]!r} of {_shown(text)} is in no unit")
            place = end


@after("cuts_in_order")
def cuts_the_text(subject: Cut) -> None:
    """A token is `text[start:end]`; with `lower` it is that in lower case, at the same place."""
    for text, units in subject:
        for token, start, end in units:
            require(token == text[start:end], f"token {token!r} is {text[start:end]!r} in the text")
        lowered = [(token.lower(), start, end) for token, start, end in units]
        require(
            subject.cut(text, True) == lowered, f"lower=True cuts {_shown(text)} in another way"
        )


@after("cuts")
def cuts_the_same(subject: Cut) -> None:
    """The same text is cut the same again, also by `many` where the splitter has it."""
    for text, units in reversed(subject.units.items()):
        require(subject.cut(text, False) == units, f"{_shown(text)} is cut in another way again")
    many = getattr(subject.splitter, "many", None)
    if many is not None:
        found = [list(units) for units in many(iter(subject.texts))]
        require(found == list(subject.units.values()), "many() cuts in another way")


def _shown(text: str) -> str:
    return repr(text if len(text) <= SHOWN else text[:SHOWN] + "…")


LAWS = (cuts, cuts_in_order, loses_nothing, cuts_the_text, cuts_the_same)
