"""Who may use what: frames and terms are for train, for test, or for both."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from random import Random
from typing import TypeVar

from .model import Frame, Language

TERM_SHARES = (0.33, 0.22)  # test only, both
FRAME_SHARES = (0.30, 0.17)
T = TypeVar("T", bound=Hashable)


@dataclass(frozen=True)
class Partition:
    """The part of every frame and every term: ``train``, ``both`` or ``test``."""

    frames: dict[Frame, str]
    terms: dict[str, str]


def _assign(
    items: Iterable[T], shares: tuple[float, float], rng: Random, parts: dict[T, str]
) -> None:
    """Give each new item a part, in proportion."""
    new = [item for item in dict.fromkeys(items) if item not in parts]
    rng.shuffle(new)
    test = round(len(new) * shares[0])
    both = test + round(len(new) * shares[1])
    for index, item in enumerate(new):
        parts[item] = "test" if index < test else "both" if index < both else "train"


def divide(language: Language, rng: Random) -> Partition:
    """Divide the frames of each genre and the terms of each list."""
    frames: dict[Frame, str] = {}
    for key in dict.fromkeys((frame.genre, frame.role) for frame in language.frames):
        group = [frame for frame in language.frames if (frame.genre, frame.role) == key]
        _assign(group, FRAME_SHARES, rng, frames)
    terms: dict[str, str] = {}
    for topic in language.topics:
        for listed in topic.terms.values():
            _assign([term.text for term in listed], TERM_SHARES, rng, terms)
    return Partition(frames, terms)
