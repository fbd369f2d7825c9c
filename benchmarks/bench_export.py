"""Exports beside torch: logits, spans, and what int8 costs.

    python benchmarks/bench_export.py --sentences ../shared/data/klue-ner-v1.1_dev.tsv \
        --out benchmarks/results/export.json
    python benchmarks/bench_export.py --sentences klue-named-test.jsonl --run RUN --name e5-small \
        --out benchmarks/results/export.json

Without `--run`, five encoder classes at mini scale with drawn weights: their gold is what the
float model itself finds, so int8 is measured by how many of its spans change. With `--run`, a
trained run on sentences with gold. `--out` is added to, so that pieces can be run one by one.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from drawn_models import KINDS, LABELS, draw

os.environ.setdefault("HF_HUB_OFFLINE", "1")


def measure(run: Path, data: Path) -> dict[str, Any]:
    """Export a run in float32 and int8 and return what the proof found."""
    from encswap.export.folder import ExportOptions, export_run
    from encswap.plugins import load_plugins
    from encswap.types import Unwatched

    with tempfile.TemporaryDirectory() as name:
        options = ExportOptions(int8=True, max_loss=1.0, data=str(data))
        found = export_run(run, Path(name) / "export", load_plugins(), Unwatched(), options)
    assert found.loss is not None and found.int8 is not None
    return {
        "agreement": asdict(found.agreement),
        "float32": asdict(found.loss),
        "int8": asdict(found.int8),
        "int8_bytes": found.bytes["model.onnx"],
        "threshold": _threshold(run),
    }


def _threshold(run: Path) -> float | None:
    from encswap.manifest import read_manifest

    return read_manifest(run).threshold


def drawn(kind: str, texts: list[str], folder: Path) -> dict[str, Any]:
    """Measure a class with drawn weights, what the model in torch finds taken as gold."""
    from encswap.evaluate.predict import predict_saved

    run, gold = draw(folder / kind, texts, shape="2x32", kind=kind), folder / f"{kind}.jsonl"
    with gold.open("w", encoding="utf-8") as file:
        for text, found in predict_saved(run, texts):
            entities: dict[str, list[Any]] = {label: [] for label in LABELS}
            for one in found:
                span = {"start": one.start, "end": one.end, "text": text[one.start : one.end]}
                entities[one.label].append(span)
            spans = [{**span, "label": label} for label in LABELS for span in entities[label]]
            record = {"text": text, "entities": spans, "labels": LABELS}
            file.write(json.dumps(record, ensure_ascii=False) + "\n")
    return {"weights": "drawn", "shape": "2x32", **measure(run, gold)}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "--sentences",
        type=Path,
        default=Path("data/ko-medical/test.jsonl"),
        help="a file that encswap reads",
    )
    parser.add_argument("--documents", type=int, default=500)
    parser.add_argument("--kind", choices=KINDS, action="append")
    parser.add_argument("--run", type=Path, help="a trained run or checkpoint")
    parser.add_argument("--name", help="what the result of --run is called")
    parser.add_argument("--note", help="what is to be known of the weights of --run")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    from encswap.data.convert import write_examples
    from encswap.data.readers import read_examples
    from encswap.quiet import quiet

    examples = list(read_examples(options.sentences))[: options.documents]
    results: dict[str, Any] = {}
    if options.out and options.out.is_file():
        results = json.loads(options.out.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as name, quiet():
        folder = Path(name)
        if options.run:
            gold = folder / "gold.jsonl"
            write_examples(examples, gold, "spans")
            found = {"weights": options.note or "trained", **measure(options.run, gold)}
            results[options.name or options.run.name] = found
        for kind in [] if options.run else options.kind or KINDS:
            results[kind] = drawn(kind, [one.text for one in examples], folder)
            print(kind, json.dumps(results[kind]["agreement"]), flush=True)
    text = json.dumps(results, indent=2, ensure_ascii=False)
    print(text)
    if options.out:
        options.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
