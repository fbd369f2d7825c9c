"""Write the synthetic medical data sets, or check that the files are what this writes."""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from pathlib import Path
from random import Random

from medical_text.consistency import complaints
from medical_text.language_en import ENGLISH
from medical_text.language_ko import KOREAN
from medical_text.model import Language
from medical_text.partition import divide
from medical_text.spans import Document, as_record
from medical_text.statistics_of import Splits, statistics
from medical_text.writer import Writer

HERE = Path(__file__).resolve().parent
LANGUAGES = (KOREAN, ENGLISH)


def write_splits(language: Language) -> Splits:
    """Write the documents of both splits in memory."""
    if broken := list(complaints(language)):
        raise ValueError("\n".join(broken))
    rng = Random(language.seed)
    parts = divide(language, rng)
    return {split: Writer(language, split, parts, rng).write() for split in language.sizes}


def as_lines(documents: list[Document], language: Language) -> bytes:
    """Return the documents as JSON lines."""
    lines = (json.dumps(as_record(doc, language), ensure_ascii=False) for doc in documents)
    return "".join(f"{line}\n" for line in lines).encode()


def build(written: dict[str, Splits]) -> dict[str, bytes]:
    """Return every file by its path, the checksums last."""
    files = {
        f"{language.folder}/{split}.jsonl": as_lines(documents, language)
        for language in LANGUAGES
        for split, documents in written[language.code].items()
    }
    sums = (f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in files.items())
    return files | {"SHA256SUMS": "".join(sums).encode()}


def differing(files: dict[str, bytes]) -> list[str]:
    """Name the files on disk that are missing or different."""
    return [
        name
        for name, content in files.items()
        if not (HERE / name).is_file() or (HERE / name).read_bytes() != content
    ]


def save(files: dict[str, bytes]) -> None:
    """Write the files beside this script."""
    for name, content in files.items():
        (HERE / name).parent.mkdir(exist_ok=True)
        (HERE / name).write_bytes(content)


def print_statistics(written: dict[str, Splits]) -> None:
    """Print a Markdown table for each language."""
    for language in LANGUAGES:
        print(f"\n| {language.folder} | |\n|---|---|")
        for name, figure in statistics(language, written[language.code]).items():
            print(f"| {name} | {figure} |")


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare with the files, write none")
    parser.add_argument("--stats", action="store_true", help="print the figures, write none")
    options = parser.parse_args()
    written = {language.code: write_splits(language) for language in LANGUAGES}
    if options.stats:
        print_statistics(written)
        return 0
    files = build(written)
    if not options.check:
        save(files)
        return 0
    wrong = differing(files)
    for name in wrong:
        print(f"data/{name} differs from what generate.py writes", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
