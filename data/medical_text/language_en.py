"""The English data set: ordinary words that fill the remaining slots, and the parts joined."""

from __future__ import annotations

from random import Random

from .frames_en import FRAMES
from .model import Filler, Language
from .vocabulary_en import TOPICS

DESCRIPTIONS = {
    "Disease": "a disease, disorder or syndrome that is named as a diagnosis",
    "Drug": "a drug, by the name of its substance",
    "Procedure": "a named test, operation, intervention or therapy",
    "Biomarker": "a substance, gene, antigen or antibody measured in a specimen",
}


def person(rng: Random) -> str:
    """Return an age and a sex, to follow an article."""
    sex = rng.choice(("man", "woman"))
    return f"{rng.choice((2, 3, 4, 5, 6, 7))}{rng.randint(0, 9)}-year-old {sex}"


def short_period(rng: Random) -> str:
    """Return some days or weeks."""
    return f"{rng.choice(('two', 'three', 'four', 'six'))} {rng.choice(('days', 'weeks'))}"


def period(rng: Random) -> str:
    """Return a length of time."""
    return f"{rng.randint(2, 9)} {rng.choice(('days', 'weeks', 'months', 'years'))}"


def vital_signs(rng: Random) -> str:
    """Return vital signs, which are never mentions."""
    pressure = f"blood pressure {rng.randint(98, 158)}/{rng.randint(56, 96)} mmHg"
    return f"{pressure}, pulse {rng.randint(58, 112)}"


def choice_of(*words: str) -> Filler:
    """Return a filler that picks one of the words."""
    return lambda rng: rng.choice(words)


def attach(word: str, particle: str) -> str:
    """Return nothing: English names carry no particles."""
    del word, particle
    return ""


FILLERS: dict[str, Filler] = {
    "Patient": lambda rng: f"A {person(rng)}",
    "a_patient": lambda rng: f"a {person(rng)}",
    "period": period,
    "soon": short_period,
    "vitals": vital_signs,
    "day": choice_of("Monday", "Tuesday", "day two", "day five", "morning rounds"),
    "ward": choice_of("the intensive care unit", "the emergency room", "the general ward"),
    "dose": choice_of("5 mg", "10 mg", "20 mg", "50 mg", "100 mg", "250 mg", "1 g"),
    "frequency": choice_of("once a day", "twice a day", "every morning", "every eight hours"),
    "percent": lambda rng: f"{rng.randint(21, 890) / 10:.1f}%",
    "number": lambda rng: str(rng.randint(24, 980)),
}

ENGLISH = Language(
    code="en",
    folder="en-medical",
    seed=2031,
    sizes={"train": 700, "test": 80},
    topics=TOPICS,
    frames=FRAMES,
    fillers=FILLERS,
    attach=attach,
    value_slot="value",
    capitals=True,
    particles=(),
    descriptions=DESCRIPTIONS,
)
