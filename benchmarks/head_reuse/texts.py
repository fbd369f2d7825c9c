"""Text to pretrain on: the shipped training documents, and more from the same generator.

Frames and names are divided as in the shipped sets, and only what train may use is used: no test
text, no name and no frame that is in test alone.
"""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from random import Random

from encswap.data.input import find_data
from encswap.data.readers import read_examples
from encswap.types import Example

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "data"))

from medical_text.language_en import ENGLISH
from medical_text.language_ko import KOREAN
from medical_text.partition import divide
from medical_text.spans import as_record
from medical_text.writer import Writer

LANGUAGES = {"en": ENGLISH, "ko": KOREAN}


def texts_of(language: str, more: int, seed: int) -> list[str]:
    """The shipped training texts, then `more` new ones."""
    return [one.text for one in documents_of(language, more, seed)]


def documents_of(language: str, more: int, seed: int) -> list[Example]:
    """The shipped training documents, then `more` new ones, with their mentions."""
    known = LANGUAGES[language]
    shipped = read_examples(find_data(f"{known.folder}/train.jsonl"))
    parts = divide(known, Random(known.seed))
    larger = replace(known, sizes={"train": more})
    drawn = Writer(larger, "train", parts, Random(seed)).write()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "drawn.jsonl"
        path.write_text("".join(f"{json.dumps(as_record(one, known))}\n" for one in drawn))
        written = read_examples(path)
    tested = {one.text for one in read_examples(find_data(f"{known.folder}/test.jsonl"))}
    assert not tested & {one.text for one in (*shipped, *written)}
    return [*shipped, *written]
