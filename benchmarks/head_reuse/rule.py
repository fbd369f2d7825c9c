"""A rule for a user: which strategy to take, from what is known before training; and its regret."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal


@dataclass(frozen=True)
class Case:
    """What a user knows of a swap, and the mean F1 that each strategy then gave.

    `similarity` is linear CKA of word vectors at depth `weights`; `documents` are for training.
    """

    encoder: str
    same_class: bool
    similarity: float
    documents: int
    f1: Mapping[str, float]

    def regret(self, strategy: str) -> float:
        """F1 that is lost against the best strategy of this case."""
        return max(self.f1.values()) - self.f1[strategy]


@dataclass(frozen=True)
class Rule:
    """Take `then` where the encoder is near enough and documents are few, else `otherwise`."""

    by: Literal["class", "similarity", "any"]
    least: float
    most: float
    then: str
    otherwise: str

    def choose(self, case: Case) -> str:
        """The strategy for a case."""
        near = {
            "class": case.same_class,
            "similarity": case.similarity >= self.least,
            "any": True,
        }[self.by]
        return self.then if near and case.documents <= self.most else self.otherwise

    def __str__(self) -> str:
        """Say it in a sentence."""
        if self.then == self.otherwise:
            return f"always {self.then}"
        near = {
            "class": "the class matches",
            "similarity": f"the similarity is at least {self.least:.2f}",
            "any": "",
        }[self.by]
        few = "" if math.isinf(self.most) else f"there are at most {self.most:.0f} documents"
        told = " and ".join(part for part in (near, few) if part)
        return f"{self.then} where {told}, else {self.otherwise}"


def rules(cases: Sequence[Case]) -> Iterator[Rule]:
    """Every rule that the cases can tell apart, the simplest first."""
    strategies = list(dict.fromkeys(name for case in cases for name in case.f1))
    for name in strategies:
        yield Rule("any", 0.0, math.inf, name, name)
    limits = [math.inf, *sorted({case.documents for case in cases})[:-1]]
    known = sorted({case.similarity for case in cases})
    borders = [(one + two) / 2 for one, two in itertools.pairwise(known)]
    nears: list[tuple[Literal["class", "similarity", "any"], float]] = [("any", 0.0), ("class", 0)]
    nears += [("similarity", border) for border in borders]
    for (by, least), most in itertools.product(nears, limits):
        if by != "any" or not math.isinf(most):
            for then, otherwise in itertools.permutations(strategies, 2):
                yield Rule(by, least, most, then, otherwise)


def fit(cases: Sequence[Case]) -> Rule:
    """The rule of least mean regret; of equals the simplest."""
    return min(rules(cases), key=lambda rule: round(mean_regret(rule, cases), 6))


def mean_regret(rule: Rule, cases: Sequence[Case]) -> float:
    """The mean of F1 lost over cases."""
    return fmean(case.regret(rule.choose(case)) for case in cases)


def held_out(cases: Sequence[Case], by: Literal["encoder", "documents"]) -> Iterator[HeldOut]:
    """Fit without one encoder or size, and judge on it, for each."""
    for value in dict.fromkeys(getattr(case, by) for case in cases):
        apart = [case for case in cases if getattr(case, by) == value]
        yield HeldOut(value, fit([case for case in cases if case not in apart]), tuple(apart))


@dataclass(frozen=True)
class HeldOut:
    """A rule that was fitted without some cases, and those."""

    value: str | int
    rule: Rule
    cases: tuple[Case, ...]

    @property
    def regrets(self) -> list[float]:
        """F1 lost in each case that was held out."""
        return [case.regret(self.rule.choose(case)) for case in self.cases]
