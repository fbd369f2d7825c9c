"""Six thresholds from one pass, beside one extraction pass of gliner2 and six separate ones.

`python benchmarks/bench_sweep.py` scores the test documents once and resolves the plan's six
thresholds from the candidates, and lets gliner2's `batch_extract_entities` extract at each
threshold on its own. It prints the ratio to one such pass, asserts that the spans are equal,
overlaps included, and writes `results/sweep.json`.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from statistics import median
from typing import Any

import torch
import training_world as world

from encswap.evaluate.score import score_texts
from encswap.gliner.decoding import resolve
from encswap.gliner.schema import EntitySchema

RESULTS = Path(__file__).parent / "results" / "sweep.json"
THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
ROUNDS, DOCUMENTS, BATCH = 3, 32, 16


def lively(layers: int, hidden: int) -> Any:
    """A drawn model that finds something at every threshold."""
    model, _ = world.draw_model(layers, hidden)
    with torch.no_grad():
        model.count_pred[-1].bias[1] += 10.0
        model.span_rep.span_rep_layer.out_project[3].weight.mul_(40)
        model.span_rep.span_rep_layer.out_project[3].bias.zero_()
    return model.eval()


def extract(model: Any, texts: list[str], threshold: float) -> list[set[tuple[int, int, str]]]:
    """What gliner2 extracts at one threshold."""
    results = model.batch_extract_entities(
        texts, list(world.LABELS), threshold=threshold, include_spans=True, batch_size=BATCH
    )
    return [
        {(s["start"], s["end"], label) for label, spans in r["entities"].items() for s in spans}
        for r in results
    ]


def swept(model: Any, texts: list[str]) -> dict[float, list[set[tuple[int, int, str]]]]:
    """Every threshold from the candidates of one pass."""
    found = score_texts(model, texts, EntitySchema(world.LABELS, {}), batch_size=BATCH)
    return {
        threshold: [
            {(one.start, one.end, one.label) for one in resolve(candidates, threshold, None)}
            for candidates in found
        ]
        for threshold in THRESHOLDS
    }


def main() -> None:
    """Time both in turns, compare what they find, and write the results."""
    model = lively(4, 192)
    texts = [one.text for one in world.documents(DOCUMENTS)]
    one_pass, sweep, spans = [], [], 0
    for number in range(ROUNDS + 1):
        began = time.perf_counter()
        extract(model, texts, 0.3)
        middle = time.perf_counter()
        found = swept(model, texts)
        if number:  # the first round warms up
            one_pass.append(middle - began)
            sweep.append(time.perf_counter() - middle)
    for threshold in THRESHOLDS:
        theirs = extract(model, texts, threshold)
        assert found[threshold] == theirs, threshold
        spans += sum(map(len, theirs))
    ratio = median(sweep) / median(one_pass)
    RESULTS.write_text(
        json.dumps(
            {"one_pass_seconds": one_pass, "sweep_seconds": sweep, "ratio": round(ratio, 3)}
            | {"documents": DOCUMENTS, "thresholds": THRESHOLDS, "equal_spans": spans},
            indent=2,
        )
        + "\n"
    )
    print(
        f"six thresholds cost {ratio:.2f} times one extraction pass; "
        f"all {spans} spans of six separate passes are equal"
    )


if __name__ == "__main__":
    main()
