"""Write docs/benchmarks.md from the committed results: `python docs/benchmarks.py`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parent
RESULTS = DOCS.parent / "benchmarks" / "results"
PAGE = DOCS / "benchmarks.md"


def read(name: str) -> Any:
    """Read the results of one benchmark."""
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def page() -> str:
    """The whole page."""
    lines = list(_head())
    for name, section in SECTIONS.items():
        if (RESULTS / f"{name}.json").is_file():
            lines += section()
    return "\n".join(lines).rstrip()


def _head() -> Iterator[str]:
    yield "# Benchmarks\n"
    yield "Ratios within one run, on a machine with 2 CPU cores and no GPU. Raw results lie in"
    yield "[benchmarks/results](../benchmarks/results/training.json); `make bench` measures anew,"
    yield "and `python docs/benchmarks.py` writes this page.\n"


def _training() -> Iterator[str]:
    found = read("training")
    yield "## Training steps\n"
    yield "The same drawn model, documents and threads, batches of eight; medians of seconds a"
    yield "step. The encoder alone, forward and backward, is the physical limit while it is"
    yield "trained. A side whose round other processes disturbed shows it; each step is in the raw"
    yield "results.\n"
    yield "| layers × width | encswap | gliner2's trainer | the same, 4 workers | encoder alone |"
    yield "|---|---|---|---|---|"
    sizes = [name for name, one in found.items() if isinstance(one, dict)]
    for name in sizes:
        m = found[name]["median"]
        sides = (m["ours"], m["gliner2"], m["gliner2, 4 workers"], m["encoder"])
        yield f"| {name.replace('x', ' × ')} | " + " | ".join(f"{s:.2f}" for s in sides) + " |"
    yield ""
    for name in sizes:
        one = found[name]
        yield (
            f"- {name.replace('x', ' × ')}: {one['faster']:.2f} times the throughput of gliner2's "
            f"trainer at its faster setting; a whole step costs {one['encoder']:.2f} times the "
            "encoder alone."
        )
    yield "\n`python benchmarks/bench_training.py`\n"


def _learning() -> Iterator[str]:
    yield "## The same learning\n"
    yield "The same model, batches and seeds, dropout and schedules on; largest relative difference"
    yield "of a step's loss over 50 steps between encswap and gliner2's `ExtractorTrainer`:\n"
    for name, one in read("learning").items():
        yield f"- {name} heads: {one['largest_relative_difference']:.1e}"
    yield "\n`python benchmarks/bench_learning.py`\n"


def _sweep() -> Iterator[str]:
    found = read("sweep")
    yield "## Six thresholds\n"
    yield (
        f"Scoring {found['documents']} documents once and resolving six thresholds costs "
        f"{found['ratio']:.2f} times one extraction pass of gliner2. All {found['equal_spans']:,} "
        "spans of six separate passes are equal."
    )
    yield "\n`python benchmarks/bench_sweep.py`\n"


def _processes() -> Iterator[str]:
    found = read("processes")
    agree = "identical" if found["ranks_agree"] else "different"
    yield "## Two processes\n"
    yield (
        "Two processes on gloo with half the batch each: the losses of the epochs differ by at "
        f"most {found['largest_relative_difference']:.1e} from those of one process, and the "
        f"metrics of both are {agree}."
    )
    yield "\n`python benchmarks/bench_processes.py`\n"


def _scale() -> Iterator[str]:
    yield "## From 1,000 to 100,000 documents\n"
    columns = ("documents", "reading, s", "preparing, s", "first step, s", "step, ms", "epoch, s")
    yield "| " + " | ".join((*columns, "memory, MiB")) + " |"
    yield "|---|---|---|---|---|---|---|"
    for one in read("scale"):
        numbers = (
            f"{one['reading_seconds']:.1f}",
            f"{one['preparing_seconds']:.1f}",
            f"{one['first_step_seconds']:.1f}",
            f"{1000 * one['step_seconds']:.0f}",
            f"{one['epoch_seconds']:.0f}",
            f"{one['bytes_at_a_third'] / 2**20:.0f} → {one['bytes_at_the_end'] / 2**20:.0f}",
        )
        yield f"| {one['documents']:,} | " + " | ".join(numbers) + " |"
    yield "\nMemory after a third of the timed steps, and after all of them; the time of an epoch"
    yield "follows from the rate of the steps. `python benchmarks/bench_scale.py --whole`"


def _export() -> Iterator[str]:
    yield "## Exports beside torch\n"
    yield "500 sentences of KLUE-NER each: the largest difference of any span's or count's logit,"
    yield "and the spans that only one of the two finds. Five classes at mini scale have drawn"
    yield "weights: their gold is what the float model finds, so that int8 is measured by the spans"
    yield "that it changes. A trained run is scored on gold.\n"
    yield "| model | weights | logits | spans | differing | int8, difference of F1 |"
    yield "|---|---|---|---|---|---|"
    for name, one in read("export").items():
        agreed, int8 = one["agreement"], one["int8"]
        yield (
            f"| {name} | {one['weights']} | {agreed['logits']:.1e} | {agreed['spans']:,} | "
            f"{agreed['differing']} | {int8['difference']:+.3f} "
            f"({int8['low']:+.3f} to {int8['high']:+.3f}) |"
        )
    yield "\n`python benchmarks/bench_export.py --sentences FILE [--run RUN]`\n"


def _inference() -> Iterator[str]:
    found = read("inference")
    yield "## Documents a second\n"
    yield (
        f"Sentences of {found['sentences']}, drawn weights, threads of each way: "
        f"{found['threads']}, on 2 cores. The four ways are asked in turn, "
        "and the ratio to gliner2's own `batch_extract_entities` is a median over portions. Spans "
        "that only one of a way and gliner2 finds are counted, but for those that end with the "
        "full stop that gliner2 itself appends to a text. What int8 costs a trained model stands "
        "above; these weights are drawn.\n"
    )
    yield "| layers × width | batch | sentences | gliner2 | torch | ONNX | int8 | differing spans |"
    yield "|---|---|---|---|---|---|---|---|"
    for shape, one in found["shapes"].items():
        for batch in (key for key in one if key.startswith("batch")):
            part = one[batch]
            speeds, ratios = part["documents_per_second"], part["ratio"]
            cells = [f"{speeds[way]:.0f} ({ratios[way]:.2f})" for way in speeds]
            lost = ", ".join(
                f"{way} {part['differing_spans'][way]}" for way in ("torch", "onnx", "int8")
            )
            yield (
                f"| {shape.replace('x', ' × ')} | {batch.removeprefix('batch ')} | "
                f"{part['portions'] * part['documents_a_portion']} | "
                f"{' | '.join(cells)} | {lost} of {part['spans']:,} |"
            )
    yield ""
    for shape, one in found["shapes"].items():
        start = one["start_up"]
        yield (
            f"- {shape.replace('x', ' × ')}: the runtime is loaded in {start['load_seconds']:.2f} "
            f"s, its first answer there after {start['first_answer_seconds']:.2f} s, its memory "
            f"{start['peak_memory_bytes'] / 2**20:.0f} MiB at most; the graph has "
            f"{one['bytes']['onnx'] / 2**20:.0f} MiB, in int8 {one['bytes']['int8'] / 2**20:.0f}."
        )
    yield "\n`python benchmarks/bench_inference.py --sentences FILE --shape 6x384`\n"


def _serve() -> Iterator[str]:
    found = read("serve")
    load, bad, end = found["load"], found["malformed"], found["sigterm"]
    yield "## Serve under load\n"
    yield (
        f"{load['clients']} clients for {load['seconds']:.0f} s on loopback ({found['model']}): "
        f"{load['requests']:,} requests, statuses {load['statuses']}, "
        f"{load['answers_of_another_text']} answers that are not those of their own text, "
        f"{load['requests_per_second']:.0f} requests a second; p50 {load['seconds_p50']:.2f} s, "
        f"p95 {load['seconds_p95']:.2f} s, p99 {load['seconds_p99']:.2f} s.\n"
    )
    yield (
        f"{bad['requests']:,} malformed requests: {bad['refused']:,} refused with a 4xx status; "
        f"memory {bad['bytes_after_a_tenth'] / 2**20:.0f} MiB after a tenth of them, "
        f"{bad['bytes_at_the_end'] / 2**20:.0f} at the end.\n"
    )
    yield (
        f"SIGTERM while {end['texts_waiting_at_sigterm']:.0f} texts of {end['clients']} requests "
        f"wait: {end['answered_rightly']} answered rightly, exit code {end['exit_code']}."
    )
    yield "\n`python benchmarks/bench_serve.py --sentences FILE`\n"


SECTIONS = {
    "training": _training,
    "learning": _learning,
    "sweep": _sweep,
    "processes": _processes,
    "scale": _scale,
    "export": _export,
    "inference": _inference,
    "serve": _serve,
}

if __name__ == "__main__":
    PAGE.write_text(page() + "\n", encoding="utf-8")
