"""Text to pretrain on: the shipped training documents, and more from the same generator.

Frames and names are divided as in the shipped sets, and only what train may use is used: no test
text, no name and no frame that is in test alone.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from random import Random

from encswap.data.readers import read_examples
from encswap.data.shipped import find_data

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "data"))

from medical_text.language_en import ENGLISH
from medical_text.language_ko import KOREAN
from medical_text.partition import divide
from medical_text.writer import Writer

LANGUAGES = {"en": ENGLISH, "ko": KOREAN}


def texts_of(language: str, more: int, seed: int) -> list[str]:
    """The shipped training texts, then `more` new ones."""
    known = LANGUAGES[language]
    shipped = [one.text for one in read_examples(find_data(f"{known.folder}/train.jsonl"))]
    parts = divide(known, Random(known.seed))
    larger = replace(known, sizes={"train": more})
    written = [one.text for one in Writer(larger, "train", parts, Random(seed)).write()]
    tested = {one.text for one in read_examples(find_data(f"{known.folder}/test.jsonl"))}
    assert not tested & {*shipped, *written}
    return [*shipped, *written]
