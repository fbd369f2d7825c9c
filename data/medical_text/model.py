"""The few types that vocabulary, frames and writer share."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random

LABELS = ("Disease", "Drug", "Procedure", "Biomarker")
TARGET_SHARES = {"Disease": 0.50, "Drug": 0.26, "Procedure": 0.14, "Biomarker": 0.10}

# A slot kind stands for one or more term lists; every list belongs to one label.
SLOT_LISTS = {
    "D": ("D",),  # disease
    "R": ("O", "I"),  # any drug
    "O": ("O",),  # drug taken by mouth or applied by the patient
    "I": ("I",),  # drug given by injection
    "P": ("T", "S"),  # any procedure
    "T": ("T",),  # diagnostic procedure
    "S": ("S",),  # treatment
    "B": ("B",),  # biomarker with a numeric value
    "G": ("G",),  # gene, protein or antibody that is present or absent
}
SLOT_LABELS = {
    "D": "Disease",
    "R": "Drug",
    "O": "Drug",
    "I": "Drug",
    "P": "Procedure",
    "T": "Procedure",
    "S": "Procedure",
    "B": "Biomarker",
    "G": "Biomarker",
}
SLOT = re.compile(r"\{([^{}:]+)(?::([^{}]+))?\}")
VALUE = re.compile(r"^(.+?)=([\d.]+)-([\d.]+) ?(.*)$")
ABBREVIATION = re.compile(r"^(.+?)\(([^()]+)\)$")


@dataclass(frozen=True)
class Term:
    """A name that is annotated, with its abbreviation or its range of values."""

    text: str
    abbreviation: str = ""
    low: str = ""
    high: str = ""
    unit: str = ""


@dataclass(frozen=True)
class Topic:
    """What one medical field talks about: terms by list, ordinary words by slot name."""

    name: str
    terms: Mapping[str, tuple[Term, ...]]
    words: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Frame:
    """One sentence with slots."""

    text: str
    genre: str
    role: str

    @property
    def kinds(self) -> list[str]:
        """The mention slots of the frame, in order."""
        return [name for name, _ in SLOT.findall(self.text) if name in SLOT_LABELS]


Filler = Callable[[Random], str]


@dataclass(frozen=True)
class Language:
    """Everything the writer needs to write one data set."""

    code: str
    folder: str
    seed: int
    sizes: Mapping[str, int]
    topics: tuple[Topic, ...]
    frames: tuple[Frame, ...]
    fillers: Mapping[str, Filler]
    attach: Callable[[str, str], str]
    value_slot: str
    capitals: bool
    particles: tuple[str, ...]
    descriptions: Mapping[str, str]


def parse_term(entry: str) -> Term:
    """Read ``name``, ``name(ABBR)`` or ``name=low-high unit``."""
    if value := VALUE.match(entry):
        return Term(value[1], low=value[2], high=value[3], unit=value[4])
    if short := ABBREVIATION.match(entry):
        return Term(short[1], abbreviation=short[2])
    return Term(entry)


def expand(entry: str) -> list[str]:
    """Write ``acute/chronic gastritis`` as two entries; other entries stay."""
    first, _, rest = entry.partition(" ")
    if "/" not in first or not rest:
        return [entry]
    return [f"{modifier} {rest}" for modifier in first.split("/")]


def split_list(text: str) -> list[str]:
    """Cut a comma-separated list, ignoring line breaks."""
    return [" ".join(part.split()) for part in text.split(",") if part.strip()]


def topic(name: str, words: Mapping[str, str], **lists: str) -> Topic:
    """Build a topic from comma-separated lists."""
    terms = {
        key: tuple(parse_term(entry) for part in split_list(text) for entry in expand(part))
        for key, text in lists.items()
    }
    return Topic(name, terms, {key: tuple(split_list(text)) for key, text in words.items()})


def frames_of(genre: str, **roles: str) -> list[Frame]:
    """Build the frames of one genre: one frame a line, grouped by role."""
    return [
        Frame(line.strip(), genre, role)
        for role, lines in roles.items()
        for line in lines.strip().splitlines()
    ]
