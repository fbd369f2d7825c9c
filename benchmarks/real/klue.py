"""KLUE-NER as this benchmark divides it: a held-out test, and training sets that nest.

The 5,000 sentences of the development split are shuffled once. The test sentences are the same for
every size; a smaller training set is the beginning of a larger one.

    python benchmarks/real/klue.py --data DIR --out DIR --size 4000
"""

from __future__ import annotations

import argparse
import random
import sys
from dataclasses import replace
from pathlib import Path

from encswap.data.convert import write_examples
from encswap.data.readers import read_examples
from encswap.errors import EncswapError, InputError
from encswap.types import Example, Mention

FILE = "klue-ner-v1.1_dev.tsv"
SHUFFLE = 7
TEST = slice(1000, 1500)
LARGEST = 4500
# What the tags stand for (Park et al., 2021): GLiNER2 reads a label's name, a tagger does not.
NAMES = {
    "PS": "person",
    "LC": "location",
    "OG": "organization",
    "DT": "date",
    "TI": "time",
    "QT": "quantity",
}


def divide(data: Path, size: int, *, named: bool = True) -> tuple[list[Example], list[Example]]:
    """Return (train, test): `size` training sentences, up to 4,500, and 500 held-out ones.

    `named` gives the labels in words. Raises `InputError` where the file is absent or too short.
    """
    path = data / FILE
    if not path.is_file():
        raise InputError("no KLUE-NER file", where=path, hint="give --data the folder that has it")
    if not 2 <= size <= LARGEST:
        raise InputError(f"no training set of {size}", hint=f"2 to {LARGEST}")
    found = read_examples(path)
    random.Random(SHUFFLE).shuffle(found)
    if len(found) < size + TEST.stop - TEST.start:
        raise InputError(f"only {len(found)} sentences", where=path, hint="take the whole file")
    train = [*found[: TEST.start], *found[TEST.stop :]][:size]
    test = found[TEST]
    return (
        ([_named(one) for one in train], [_named(one) for one in test])
        if named
        else (
            train,
            test,
        )
    )


def write(data: Path, folder: Path, size: int, *, named: bool = True) -> tuple[Path, Path]:
    """Write both parts into `folder`, where they do not stand yet; returns their paths."""
    kind = "named" if named else "tags"
    paths = folder / f"klue-{kind}-{size}.jsonl", folder / f"klue-{kind}-test.jsonl"
    folder.mkdir(parents=True, exist_ok=True)
    for path, part in zip(paths, divide(data, size, named=named), strict=True):
        if not path.exists():
            write_examples(part, path, "spans")
    return paths


def _named(example: Example) -> Example:
    mentions = tuple(
        Mention(one.start, one.end, NAMES[one.label], one.text) for one in example.mentions
    )
    return replace(example, mentions=mentions, labels=tuple(NAMES[one] for one in example.labels))


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of the gold")
    parser.add_argument("--out", type=Path, required=True, help="folder for both files")
    parser.add_argument("--size", type=int, default=1000, help="training sentences")
    parser.add_argument("--tags", action="store_true", help="labels as the tags, not in words")
    asked = parser.parse_args()
    for path in write(asked.data, asked.out, asked.size, named=not asked.tags):
        print(path)


if __name__ == "__main__":
    try:
        main()
    except EncswapError as error:
        sys.exit(str(error))
