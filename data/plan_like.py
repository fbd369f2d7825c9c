"""Write a file like the plan's own: long documents, repeated ids, strings that are not there.

The plan's 773 documents cannot be shipped. What a reader meets in them can: texts of 453 characters
on average and up to 4,270, labels named only where something was found, strings instead of offsets,
44 ids that repeat (one of them 16 times), and 64 gold strings that do not stand in their text.
Everything is synthetic, from the frames and names of `medical_text`.

    python data/plan_like.py FOLDER                  # train.jsonl (696) and test.jsonl (77)
    python data/plan_like.py FOLDER --documents 60
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

from medical_text.language_ko import KOREAN
from medical_text.model import LABELS
from medical_text.partition import divide
from medical_text.spans import Document, Sentence, join
from medical_text.writer import Writer

DOCUMENTS, TEST_SHARE = 773, 77 / 773
MEAN, LONGEST, SHORTEST = 453, 4270, 40
REPEATED_IDS, MOST_OF_ONE = 44, 16
MISSING = 64
SEED = 2026
STRANGE = "\ubc41"
"""A syllable that no name holds."""
PARTS = 12
"""Shipped-size documents written for each one that is wanted; they average 150 characters."""


def plan_like(documents: int = DOCUMENTS, seed: int = SEED) -> list[dict[str, Any]]:
    """Return so many records; counts of what is odd shrink with their number."""
    rng = Random(seed + 1)
    share = documents / DOCUMENTS
    records = [{"text": one.text, "entities": _strings(one)} for one in texts(documents, seed)]
    odd = rng.sample([one for one in records if one["entities"]], max(1, round(MISSING * share)))
    for record in odd:
        _misspell(record["entities"], rng)
    names = _ids(documents, share, rng)
    return [{"id": name, **record} for name, record in zip(names, records, strict=True)]


def texts(documents: int = DOCUMENTS, seed: int = SEED) -> list[Document]:
    """Return the same texts with the spans that are meant: what strings can only hint at."""
    rng = Random(seed)
    parts = iter(_parts(documents, rng))
    return [_joined(parts, length) for length in _lengths(documents, rng)]


def split(records: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Divide records into train and test, the last ones for test."""
    test = max(1, round(TEST_SHARE * len(records)))
    return {"train": records[:-test], "test": records[-test:]}


def as_lines(records: list[dict[str, Any]]) -> str:
    """Return records as JSON lines."""
    return "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in records)


def _parts(documents: int, rng: Random) -> list[Document]:
    language = replace(KOREAN, sizes={"train": PARTS * documents, "test": 1})
    return Writer(language, "train", divide(language, rng), rng).write()


def _lengths(documents: int, rng: Random) -> list[int]:
    """Draw lengths of a long tail, whose mean and longest are those of the plan's documents."""
    drawn = [rng.lognormvariate(0.0, 0.75) for _ in range(documents)]
    scale = MEAN * documents / sum(drawn)
    lengths = [min(LONGEST, max(SHORTEST, round(scale * one))) for one in drawn]
    lengths[rng.randrange(documents)] = LONGEST
    return lengths


def _joined(parts: Iterator[Document], length: int) -> Document:
    """Join documents up to a length; at least one, however long."""
    chosen = [next(parts)]
    size = len(chosen[0].text)
    while size < length - 60:
        part = next(parts)
        if size + 1 + len(part.text) > LONGEST:
            break
        chosen.append(part)
        size += 1 + len(part.text)
    return join("", [Sentence(one.text, one.spans, one.frames[0]) for one in chosen])


def _strings(document: Document) -> dict[str, list[str]]:
    """Return the strings by label, of the labels that have any, as the plan's file has them."""
    found = {label: document.strings(label) for label in LABELS}
    return {label: strings for label, strings in found.items() if strings}


def _ids(documents: int, share: float, rng: Random) -> list[str]:
    """Name the notice that each document is a part of; some notices have several parts."""
    repeated = max(1, round(REPEATED_IDS * share))
    most = max(2, round(MOST_OF_ONE * min(1.0, 4 * share)))
    times = [most, *rng.choices((2, 3), (7, 3), k=repeated - 1)]
    names = [f"notice-{2000 + number % 24}-{number}" for number in range(1, documents + 1)]
    ids = [names[place] for place, count in enumerate(times) for _ in range(count)]
    ids += names[len(times) : len(times) + documents - len(ids)]
    rng.shuffle(ids)
    return ids


def _misspell(entities: dict[str, list[str]], rng: Random) -> None:
    """Add a gold string that does not stand in the text."""
    label = rng.choice(sorted(entities))
    string = rng.choice(entities[label])
    entities[label].append(f"{string[:-1]}{chr(ord(string[-1]) + 1)}{STRANGE}")


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--documents", type=int, default=DOCUMENTS)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    for name, records in split(plan_like(options.documents)).items():
        (options.folder / f"{name}.jsonl").write_text(as_lines(records), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
