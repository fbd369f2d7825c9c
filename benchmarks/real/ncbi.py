"""The NCBI disease corpus as this benchmark divides it: the second set, untouched by any choice.

Nothing was chosen on it: it confirms what KLUE-NER shows, or does not. The base is then the one
that was tuned on WNUT alone, so that it has seen no sentence of this corpus.
"""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

from encswap.data.convert import write_examples
from encswap.data.readers import read_examples
from encswap.errors import InputError
from encswap.types import Example, Mention

TRAIN, TEST = "ncbi_disease_train.conll", "ncbi_disease_test.conll"
SHUFFLE = 7
HELD_OUT = 500
NAMES = {"Disease": "disease"}


def divide(data: Path, size: int, *, named: bool = True) -> tuple[list[Example], list[Example]]:
    """Return (train, test): `size` training sentences, and 500 of the corpus's own test part.

    Sentences without a mention are drawn like others. Raises `InputError` where a file is absent or
    too short.
    """
    train, test = (_shuffled(data / name) for name in (TRAIN, TEST))
    if not 2 <= size <= len(train):
        raise InputError(f"no training set of {size}", hint=f"2 to {len(train):,}")
    names = NAMES if named else {label: label for label in NAMES}
    parts = train[:size], test[:HELD_OUT]
    return tuple([_named(one, names) for one in part] for part in parts)  # type: ignore[return-value]


def write(data: Path, folder: Path, size: int, *, named: bool = True) -> tuple[Path, Path]:
    """Write both parts into `folder`, where they do not stand yet; returns their paths."""
    kind = "named" if named else "tags"
    paths = folder / f"ncbi-{kind}-{size}.jsonl", folder / f"ncbi-{kind}-test.jsonl"
    folder.mkdir(parents=True, exist_ok=True)
    for path, part in zip(paths, divide(data, size, named=named), strict=True):
        if not path.exists():
            write_examples(part, path, "spans")
    return paths


def _shuffled(path: Path) -> list[Example]:
    if not path.is_file():
        raise InputError("no NCBI disease file", where=path, hint="give --data its folder")
    found = read_examples(path)
    random.Random(SHUFFLE).shuffle(found)
    return found


def _named(example: Example, names: dict[str, str]) -> Example:
    mentions = tuple(
        Mention(one.start, one.end, names[one.label], one.text) for one in example.mentions
    )
    return replace(example, mentions=mentions, labels=tuple(names[one] for one in example.labels))
