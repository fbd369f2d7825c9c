"""Whether the run is better than a rival: a paired bootstrap over the test documents."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from encswap.errors import InputError
from encswap.evaluate.intervals import Difference, compare
from encswap.evaluate.metrics import Counts
from encswap.train.run_files import Line
from encswap.validation import parse_json, read_text, validate

TAGGER, KEEP = "tagger", "keep"
NAMES = {TAGGER: "the tagger", KEEP: "tuning without a swap"}


def counts_of(path: Path) -> list[Counts]:
    """The counts of each document of a predictions.jsonl, over all labels.

    Gold that does not stand in its text counts as missed. Raises `InputError` with the line.
    """
    found = []
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        try:
            value = parse_json(line)
        except ValueError as error:
            raise InputError(f"is no JSON: {error}", where=f"{path}:{number}") from error
        record = validate(value, Line, path)
        gold = {(one.start, one.end, one.label) for one in record.gold}
        predicted = {(one.start, one.end, one.label) for one in record.predictions}
        total = len(gold) + len(record.unlocated)
        found.append(Counts(len(gold & predicted), len(predicted), total))
    return found


def judge(
    name: str, rival: Sequence[Counts], own: Sequence[Counts], *, seed: int, rivals: int
) -> dict[str, Any]:
    """F1 of the run less the rival's with its interval, and the verdict in words.

    The interval is of 95% for all `rivals` together (Bonferroni).
    """
    difference = compare(rival, own, seed=seed, pairs=rivals)
    return {
        "difference": {
            "f1": difference.f1,
            "interval": [difference.low, difference.high],
            "level": difference.level,
        },
        "verdict": in_words(name, difference),
    }


def in_words(name: str, difference: Difference) -> str:
    """Say a difference as a verdict: better, worse, or none that is shown."""
    rival = NAMES.get(name, name)
    f1, low, high = difference.f1, difference.low, difference.high
    if not difference.real:
        return f"no difference to {rival} is shown ({low:+.2f} to {high:+.2f})"
    word = "better" if f1 > 0 else "worse"
    least, most = sorted((abs(low), abs(high)))
    digits = 2 if least >= 0.005 else 3
    return f"{word} than {rival} by {abs(f1):.{digits}f} ({least:.{digits}f} to {most:.{digits}f})"
