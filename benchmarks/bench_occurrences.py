"""What a gold string marks, by each setting of `occurrences`, against the spans that are meant.

Gold with known offsets is turned into strings and found again. Precision: the share of what is
marked that is gold; recall: the share of gold that is marked. `units` asks a word splitter instead
of the text where a string may stand alone, for comparison. Text: data/plan_like.py and, where a
KLUE-NER file is given, its sentences in groups of eight. Writes results/occurrences.json.

    python benchmarks/bench_occurrences.py [--klue klue-ner-v1.1_dev.tsv]
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "data"))

from plan_like import texts  # noqa: E402

from encswap.data.locate import (  # noqa: E402
    OCCURRENCES,
    locate,
)
from encswap.data.readers import read_examples  # noqa: E402
from encswap.data.units import CachedSplitter, units_of  # noqa: E402
from encswap.plugins import load_plugins  # noqa: E402

GROUP = 8
Span = tuple[int, int, str]
Text = tuple[str, frozenset[Span]]


def measure(documents: Sequence[Text]) -> dict[str, Any]:
    """Find the gold of the documents again by every setting, and by Kiwi's units."""
    kiwi = CachedSplitter(load_plugins().splitter("kiwi"))
    found: dict[str, Any] = {
        how: _compared(documents, [_located(text, gold, how) for text, gold in documents])
        for how in OCCURRENCES
    }
    every = [_located(text, gold, "all") for text, gold in documents]
    by_units = [
        _by_units(text, marked, kiwi) for (text, _), marked in zip(documents, every, strict=True)
    ]
    found["units (kiwi)"] = _compared(documents, by_units)
    return {
        "documents": len(documents),
        "mean_characters": round(sum(len(text) for text, _ in documents) / len(documents), 1),
        "mentions": sum(len(gold) for _, gold in documents),
        "settings": found,
    }


def _located(text: str, gold: Iterable[Span], how: str) -> set[Span]:
    strings: dict[str, list[str]] = {}
    for start, end, label in sorted(gold):
        strings.setdefault(label, []).append(text[start:end])
    return {(one.start, one.end, one.label) for one in locate(text, strings, how).mentions}  # type: ignore[arg-type]


def _by_units(text: str, marked: set[Span], splitter: CachedSplitter) -> set[Span]:
    """Keep of each string what begins and ends with a unit and is in no longer gold, or all."""
    units = units_of(splitter, text)
    starts, ends = {start for start, _ in units}, {end for _, end in units}
    by_string: dict[tuple[str, str], list[Span]] = {}
    for span in marked:
        by_string.setdefault((text[span[0] : span[1]], span[2]), []).append(span)
    kept: set[Span] = set()
    for spans in by_string.values():
        faults = {
            span: (span[0] not in starts or span[1] not in ends)
            + any(o[0] <= span[0] and span[1] <= o[1] and o[:2] != span[:2] for o in marked)
            for span in spans
        }
        kept.update(span for span in spans if faults[span] == min(faults.values()))
    return kept


def _compared(documents: Sequence[Text], marked: Sequence[set[Span]]) -> dict[str, Any]:
    right = sum(len(gold & found) for (_, gold), found in zip(documents, marked, strict=True))
    found, gold = sum(map(len, marked)), sum(len(gold) for _, gold in documents)
    return {
        "precision": round(right / found, 4),
        "recall": round(right / gold, 4),
        "f1": round(2 * right / (found + gold), 4),
        "wrong": found - right,
        "lost": gold - right,
    }


def _plan_like() -> list[Text]:
    return [(one.text, frozenset(one.spans)) for one in texts()]


def _in_groups(path: Path) -> list[Text]:
    examples = read_examples(path)
    grouped = []
    for first in range(0, len(examples), GROUP):
        text, spans = "", set()
        for example in examples[first : first + GROUP]:
            spans |= {
                (one.start + len(text), one.end + len(text), one.label) for one in example.mentions
            }
            text += example.text + " "
        grouped.append((text, frozenset(spans)))
    return grouped


def main() -> None:
    """Measure what is at hand and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--klue", type=Path, help="a KLUE-NER file: real text, not shipped")
    parser.add_argument("--held-out", type=Path, nargs="*", default=[], help="files not tuned on")
    options = parser.parse_args()
    result = {"plan-like (synthetic)": measure(_plan_like())}
    if options.klue is not None:
        result["KLUE-NER v1.1 dev, eight sentences a text"] = measure(_in_groups(options.klue))
    for path in options.held_out:
        result[f"{path.stem}, eight sentences a text"] = measure(_in_groups(path))
    written = json.dumps(result, indent=2, ensure_ascii=False)
    (HERE / "results" / "occurrences.json").write_text(written + "\n", encoding="utf-8")
    print(written)


if __name__ == "__main__":
    main()
