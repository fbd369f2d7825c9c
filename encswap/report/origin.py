"""Where a run's numbers come from: model, training, machine and data, as far as recorded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from encswap.report.figures import kept_epoch
from encswap.report.run_results import Run
from encswap.report.scores import quantity
from encswap.report.texts import Texts

Lines = list[tuple[str, str]]


def origin_of(run: Run, texts: Texts) -> list[tuple[str, Lines]]:
    """List what is recorded, in groups of (name, value); a group without any is left out."""
    groups = (
        (texts("group_model"), _model(run, texts)),
        (texts("group_training"), _training(run, texts)),
        (texts("group_machine"), _machine(run, texts)),
        (texts("group_data"), _data(run, texts)),
    )
    kept = [(title, [one for one in lines if one[1]]) for title, lines in groups]
    return [(title, lines) for title, lines in kept if lines]


def _model(run: Run, texts: Texts) -> Lines:
    record = run.record
    splitter = record.get("splitter") or {}
    return [
        (texts("encoder"), named(record.get("encoder"))),
        (texts("base_model"), named(record.get("base"))),
        (texts("splitter"), str(splitter.get("name") or "")),
        (texts("max_width"), str(record.get("max_width") or "")),
        (texts("strategy"), str(run.metrics.get("strategy") or "")),
        (texts("embeddings"), str(record.get("embeddings") or "")),
    ]


def named(record: Mapping[str, Any] | None) -> str:
    """Name a model as it is recorded, with its revision."""
    if not record:
        return ""
    revision = f" @ {record['revision']}" if record.get("revision") else ""
    return f"{record.get('identifier') or record.get('name')}{revision}"


def _training(run: Run, texts: Texts) -> Lines:
    recipe = run.record.get("recipe") or {}
    provenance = run.metrics.get("provenance") or {}
    epochs = run.metrics.get("epochs") or []
    batch, parts = recipe.get("batch_size"), recipe.get("gradient_accumulation") or 1
    rates = [f"{recipe[key]:g}" for key in ("encoder_lr", "head_lr") if recipe.get(key) is not None]
    count = {"done": len(epochs), "asked": recipe.get("epochs", "–")}
    kept = epochs[kept_epoch(epochs)]["epoch"] if epochs else ""
    return [
        (texts("rates"), " / ".join(rates) if len(rates) == 2 else ""),
        (texts("epochs_done"), texts("epochs_value", kept=kept, **count) if epochs else ""),
        (texts("batch"), f"{batch} × {parts}" if batch else ""),
        (texts("steps"), f"{provenance['steps']:,}" if provenance.get("steps") else ""),
        (texts("seed"), str(recipe.get("seed", ""))),
        (texts("precision_of"), str(recipe.get("precision") or "")),
        (texts("stopped"), str(run.metrics.get("stopped") or "")),
    ]


def _machine(run: Run, texts: Texts) -> Lines:
    provenance = run.metrics.get("provenance") or {}
    throughput = run.metrics.get("throughput") or {}
    seconds = provenance.get("training_seconds")
    if seconds is None:
        times = [one.get("seconds") for one in run.metrics.get("epochs") or ()]
        seconds = sum(times) if times and None not in times else None
    versions = run.record.get("versions") or {"encswap": run.record.get("encswap")}
    return [
        (texts("date"), str(provenance.get("date") or "")),
        (texts("device"), str(provenance.get("device") or "")),
        (texts("duration"), _known(seconds, "seconds", texts)),
        (texts("speed"), _known(throughput.get("examples_per_second"), "rate", texts)),
        (texts("memory"), _known(throughput.get("peak_memory_bytes"), "bytes", texts)),
        (
            texts("versions"),
            ", ".join(f"{key} {value}" for key, value in versions.items() if value),
        ),
    ]


def _known(value: Any, unit: str, texts: Texts) -> str:
    return "" if value is None else quantity(value, unit, texts)


def _data(run: Run, texts: Texts) -> Lines:
    counts = (run.metrics.get("provenance") or {}).get("documents") or {}
    return [
        *((texts("documents_of", role=role), f"{count:,}") for role, count in counts.items()),
        *(
            (texts("checksums", role=role), str(digest))
            for role, digest in (run.record.get("data") or {}).items()
        ),
    ]
