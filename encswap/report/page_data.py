"""What a page's script reads: surviving candidates and documents, as small as they go."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from encswap.evaluate.error_analysis import BORDERS, KINDS, REASONS, ErrorCase
from encswap.evaluate.thresholds import GRID, TICKS, tick
from encswap.report.run_results import Run, ScoredDocument
from encswap.report.scores import Ladder
from encswap.report.slices import MentionSlice
from encswap.report.texts import Texts
from encswap.types import Example, Mention

MOST_BYTES = 18_000_000


def page_data(
    run: Run,
    found: Mapping[str, Ladder],
    texts: Texts,
    slices: Sequence[MentionSlice] = (),
    most: int = MOST_BYTES,
) -> tuple[str, int]:
    """Write the page's data as JSON that may stand in HTML, and say how many documents it lacks.

    Documents come worst first: by errors, of equals in the order of the file.
    """
    labels = list(found)
    names = names_of([one.example for one in run.documents])
    order = worst_first(run)
    written = [
        (
            _safe(_document(names[place], run.documents[place], run.cases[place], labels)),
            errors_of(run.cases[place]) > 0,
        )
        for place in order
    ]
    kept = _fit(written, most)
    head = _safe(
        {
            "ticks": TICKS,
            "threshold": start_of(run),
            "texts": not run.redacted,
            "labels": labels,
            "ladders": [_ladder(label, found[label]) for label in run.labels],
            "words": _words(texts),
            "places": [order[place] for place in kept],
            "lacks": [
                [n for n, one in enumerate(slices) if order[place] in one.missing] for place in kept
            ],
        }
    )
    documents = ",".join(written[place][0] for place in kept)
    return f'{head[:-1]},"documents":[{documents}]}}', len(written) - len(kept)


def _all(run: Run) -> range:
    return range(len(run.documents))


def worst_first(run: Run) -> list[int]:
    """The places of the documents, those with most errors first."""
    return sorted(_all(run), key=lambda place: -errors_of(run.cases[place]))


def errors_of(cases: Sequence[ErrorCase]) -> int:
    """Count the cases of a document that are not exact matches."""
    return sum(case.kind != "exact" for case in cases)


def names_of(examples: Sequence[Example]) -> list[str]:
    """Name documents so that no two have one name: by id and, where it repeats, by line."""
    often = Counter(one.id for one in examples)
    return [
        f"{one.id} ({one.line or place})" if often[one.id] > 1 else one.id
        for place, one in enumerate(examples, start=1)
    ]


def start_of(run: Run) -> int:
    """Where the slider begins: the step of the grid that is nearest to the run's threshold."""
    return min(GRID, key=lambda step: abs(step - run.threshold * TICKS))


def _fit(written: Sequence[tuple[str, bool]], most: int) -> list[int]:
    """Choose documents up to `most` bytes, those with an error first, in their own order."""
    kept, size = [], 0
    for place in sorted(range(len(written)), key=lambda place: not written[place][1]):
        size += len(written[place][0].encode("utf-8", "replace")) + 1
        if size > most:
            break
        kept.append(place)
    return sorted(kept)


def _ladder(label: str, ladder: Ladder) -> list[Any]:
    flat = [[tick for pair in pairs for tick in pair] for pairs in (ladder.right, ladder.wrong)]
    return [label, ladder.gold, *flat]


def _document(
    name: str, document: ScoredDocument, cases: Sequence[ErrorCase], labels: Sequence[str]
) -> list[Any]:
    example = document.example
    gold = list(dict.fromkeys(example.mentions))
    places = {id(one): -1 - place for place, one in enumerate(example.unlocated)}
    predicted = {id(one): place for place, one in enumerate(document.predictions)}

    def place_of(case: ErrorCase) -> int | None:
        if case.gold is None:
            return None
        return gold.index(case.gold) if isinstance(case.gold, Mention) else places[id(case.gold)]

    return [
        name,
        example.text,
        [part for m in gold for part in (m.start, m.end, labels.index(m.label))],
        [
            part
            for p in document.predictions
            for part in (p.start, p.end, labels.index(p.label), tick(p.score))
        ],
        [[labels.index(one.label), one.text] for one in example.unlocated],
        [
            [case.kind, case.detail, place_of(case), predicted.get(id(case.predicted))]
            for case in cases
        ],
    ]


def _words(texts: Texts) -> dict[str, Any]:
    return {
        "showing": texts.words["showing"],
        "nothing_found": texts("nothing_found"),
        "no_gold": texts("no_gold"),
        "gold_mark": texts("marks_gold"),
        "predicted_mark": texts("marks_predicted"),
        "counted": texts.words["counted"],
        "kinds": {name: texts.kind(name) for name in (*KINDS, *BORDERS, *REASONS)},
    }


def _safe(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for char in "<>&\u2028\u2029":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return text
