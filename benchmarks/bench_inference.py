"""Documents a second: gliner2's own extraction, encswap in torch, ONNX in float32 and in int8.

    python benchmarks/bench_inference.py --sentences ../shared/data/klue-ner-v1.1_dev.tsv \
        --out benchmarks/results/inference.json

Weights are drawn, so speed and agreement are measured and no F1; about three spans a text reach the
threshold. The four ways are asked in turn, portion by portion, so that a busy machine slows all of
them alike; ratios are to gliner2 in the same portion. At a batch of n a portion is four times as
many documents: all of them are given at once, as documents of a file are.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from drawn_models import LABELS, SHAPES, draw

os.environ.setdefault("HF_HUB_OFFLINE", "1")


def sentences(path: Path, most: int) -> list[str]:
    from encswap.data.readers import read_examples

    return [example.text for example in read_examples(path)][:most]


def ways(
    run: Path, folder: Path, texts: list[str], threads: int
) -> dict[str, Callable[[list[str], int], Any]]:
    """The four ways of asking the same model; each takes texts and a batch size."""
    from encswap.evaluate.predict import Saved
    from encswap.export.folder import ExportOptions, export_run
    from encswap.export.onnx_graph import write_int8
    from encswap.plugins import load_plugins
    from encswap.runtime.description import GRAPH, read_description
    from encswap.runtime.runner import Runner, load, open_session
    from encswap.swap.checkpoint import load as load_model
    from encswap.types import Unwatched

    proof = folder / "proof.jsonl"
    nothing: dict[str, list[str]] = {label: [] for label in LABELS}
    lines = [json.dumps({"text": text, "entities": nothing}) for text in texts[:16]]
    proof.write_text("\n".join(lines), encoding="utf-8")
    export_run(
        run,
        folder / "onnx",
        load_plugins(),
        Unwatched(),
        ExportOptions(data=str(proof), labels=LABELS),
    )
    write_int8(folder / "onnx" / GRAPH, folder / "int8.onnx")
    description = read_description(folder / "onnx")
    plain, saved = load_model(run), Saved.read(run)
    float32 = load(folder / "onnx", threads=threads)
    int8 = Runner(folder / "onnx", description, open_session(folder / "int8.onnx", threads))

    def gliner2(some: list[str], size: int) -> Any:
        return plain.batch_extract_entities(
            some, list(LABELS), batch_size=size, include_spans=True, include_confidence=True
        )

    return {
        "gliner2": gliner2,
        "torch": lambda some, size: saved.predict(some, batch_size=size),
        "onnx": lambda some, size: float32.predict(some, batch_size=size),
        "int8": lambda some, size: int8.predict(some, batch_size=size),
    }


def spans_of(way: str, found: Any) -> list[set[tuple[int, int, str]]]:
    if way != "gliner2":
        return [{(a.start, a.end, a.label) for a in one} for one in found]
    return [
        {(a["start"], a["end"], label) for label, some in one["entities"].items() for a in some}
        for one in found
    ]


def measure(asked: dict[str, Any], texts: list[str], size: int, portion: int) -> dict[str, Any]:
    """Ask portion by portion, all ways in turn; medians of documents a second, and ratios."""
    speeds: dict[str, list[float]] = {way: [] for way in asked}
    differing = dict.fromkeys(asked, 0)
    total = behind = 0
    for ask in asked.values():
        ask(["서울에서 회의가 열렸다."] * 2, size)  # warm; no text is asked twice of one way
    for start in range(0, len(texts), portion):
        some = texts[start : start + portion]
        reference: Any = None
        for way, ask in asked.items():
            began = time.perf_counter()
            found = ask(some, size)
            speeds[way].append(len(some) / (time.perf_counter() - began))
            whole = spans_of(way, found)
            # gliner2 appends a full stop to a text, and gives spans that end with it.
            spans = [
                {span for span in one if span[1] <= len(text)}
                for text, one in zip(some, whole, strict=True)
            ]
            behind += sum(map(len, whole)) - sum(map(len, spans))
            reference = spans if reference is None else reference
            total += sum(map(len, spans)) if way == "gliner2" else 0
            differing[way] += sum(len(a ^ b) for a, b in zip(spans, reference, strict=True))
    ratios = {
        way: statistics.median(
            one / base for one, base in zip(speeds[way], speeds["gliner2"], strict=True)
        )
        for way in asked
    }
    medians = {way: statistics.median(found) for way, found in speeds.items()}
    return {
        "portions": len(speeds["gliner2"]),
        "documents_a_portion": portion,
        "documents_per_second": medians,
        "ratio": ratios,
        "each": speeds,
        "spans": total,
        "spans_behind_the_text": behind,
        "differing_spans": differing,
    }


START = """
import re, sys, time
began = time.perf_counter()
import encswap.runtime
model = encswap.runtime.load(sys.argv[1])
loaded = time.perf_counter()
model.predict(["서울에서 회의가 열렸다."])
# Not ru_maxrss: a process inherits that of the one that began it.
peak = 1024 * int(re.search("VmHWM:[^0-9]+([0-9]+)", open("/proc/self/status").read())[1])
print(loaded - began, time.perf_counter() - began,
      peak, "torch" in sys.modules)
"""


def start_up(folder: Path) -> dict[str, Any]:
    """Seconds to load the runtime and to its first answer, in a process of its own."""
    command = [sys.executable, "-c", START, str(folder)]
    runs = [
        subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        for _ in range(3)
    ]
    best = min(runs, key=lambda one: float(one[0]))
    return {
        "load_seconds": float(best[0]),
        "first_answer_seconds": float(best[1]),
        "peak_memory_bytes": int(best[2]),
        "imported_torch": best[3] == "True",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sentences", type=Path, default=Path("data/ko-medical/test.jsonl"))
    parser.add_argument("--shape", choices=SHAPES, action="append")
    parser.add_argument("--documents", type=int, default=96)
    parser.add_argument("--batch", type=int, action="append")
    parser.add_argument("--threads", type=int, default=2, help="of each way")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    import torch

    from encswap.quiet import quiet

    torch.set_num_threads(options.threads)
    texts = sentences(options.sentences, options.documents)
    result: dict[str, Any] = {
        "sentences": options.sentences.name,
        "documents": len(texts),
        "machine": {"cores": os.cpu_count(), "processor": platform.processor()},
        "weights": "drawn",
        "threads": options.threads,
        "load_average": os.getloadavg(),
        "shapes": {},
    }
    for shape in options.shape or ["6x384"]:
        with tempfile.TemporaryDirectory() as name, quiet():
            folder = Path(name)
            asked = ways(draw(folder / "run", texts, shape=shape), folder, texts, options.threads)
            sizes = options.batch or [1, 32]
            each = len(texts) // len(sizes)
            found: dict[str, Any] = {
                f"batch {size}": measure(
                    asked, texts[n * each : (n + 1) * each], size, 16 if size == 1 else 4 * size
                )
                for n, size in enumerate(sizes)
            }
            found["bytes"] = {
                "onnx": (folder / "onnx" / "model.onnx").stat().st_size,
                "int8": (folder / "int8.onnx").stat().st_size,
            }
            found["start_up"] = start_up(folder / "onnx")
            result["shapes"][shape] = found
    if options.out and options.out.is_file():
        before = json.loads(options.out.read_text(encoding="utf-8"))["shapes"]
        result["shapes"] = {**before, **result["shapes"]}
    text = json.dumps(result, indent=2)
    print(text)
    if options.out:
        options.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
