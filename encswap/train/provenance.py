"""What a run writes of itself: its manifest, and a line per scored document."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from typing import Any, Literal

from encswap import __version__
from encswap.errors import InputError
from encswap.evaluate.thresholds import Scored
from encswap.manifest import (
    MANIFEST,
    Manifest,
    ModelRecord,
    describe_splitter,
    read_manifest,
    versions_of,
)
from encswap.plugins import Plugins
from encswap.recipe import Recipe, recorded_recipe
from encswap.train.prepare import Documents, Ready, text_form_of
from encswap.train.run_folder import RunFolder
from encswap.types import Example, Prediction

PACKAGES = ("encswap", "gliner2", "torch", "transformers", "tokenizers")


def manifest_of(
    recipe: Recipe,
    documents: Documents,
    ready: Ready,
    plugins: Plugins,
    threshold: float | None = None,
) -> Manifest:
    """Describe what a run's checkpoint is made of; no threshold while none is chosen."""
    return Manifest(
        encswap=__version__,
        base=ModelRecord.of(ready.base_source),
        encoder=ModelRecord.of(ready.encoder_source),
        splitter=describe_splitter(ready.splitter_name, ready.splitter, recipe.splitter_options),
        max_width=ready.max_width,
        threshold=threshold,
        embeddings=ready.embeddings,
        origins=dict(ready.origins),
        labels=documents.asked.labels,
        descriptions=dict(documents.asked.descriptions),
        versions=versions_of(PACKAGES),
        plugins=plugin_versions(plugins),
        data=dict(documents.checksums),
        recipe=json.loads(recipe.model_dump_json()),
        remarks=(*remarks_on(recipe), *documents.remarks, *ready.remarks),
        chosen_on=chosen_on(recipe),
    )


def chosen_on(recipe: Recipe) -> Literal["dev", "test"]:
    """Name the documents that epoch and threshold are chosen on."""
    return "test" if recipe.protocol == "plan" else "dev"


def plugin_versions(plugins: Plugins) -> dict[str, str]:
    """The installed plugins with their versions, those left out that failed."""
    return {
        record.name: f"{record.distribution} {record.version}"
        for record in plugins.records.values()
        if record.distribution and record.error is None
    }


def remarks_on(recipe: Recipe) -> tuple[str, ...]:
    """Say what a reader of the scores must know."""
    from encswap.train.trainer import precision_remark

    remarks = []
    if recipe.protocol == "plan":
        remarks.append("epoch and threshold were chosen on the test documents, as the plan does")
    if remark := precision_remark(recipe):
        remarks.append(remark)
    return (*remarks, *form_remarks(recipe))


def form_remarks(recipe: Recipe) -> tuple[str, ...]:
    """Say that a checkpoint is not read by plain gliner2 as it was trained."""
    own = text_form_of(recipe).names
    told = (
        f"trained with {', '.join(own)}: plain gliner2 reads texts otherwise, encswap.load as here"
    )
    return (told,) if own else ()


def prediction_lines(
    examples: Sequence[Example],
    scored: Scored,
    candidates: Sequence[Sequence[Prediction]],
    expressed: Sequence[Sequence[str]],
) -> list[dict[str, Any]]:
    """One record per document: its gold, what was predicted, and every scored candidate.

    `document` counts from 1, and `line` is its place in the file: ids may repeat. `labels` is the
    label set that it names, null where it names none.
    `expressed` says of each gold mention whether the model could express it.
    """
    return [
        {
            "id": example.id,
            "document": place,
            "line": example.line,
            "labels": list(example.annotated) if example.annotated is not None else None,
            "text": example.text,
            "gold": [
                {**asdict(mention), "expressible": one}
                for mention, one in zip(example.mentions, statuses, strict=True)
            ],
            "unlocated": [asdict(gold) for gold in example.unlocated],
            "predictions": [asdict(one) for one in predictions],
            "candidates": [asdict(one) for one in found],
        }
        for place, (example, predictions, found, statuses) in enumerate(
            zip(examples, scored.predictions, candidates, expressed, strict=True), start=1
        )
    ]


def training_record(
    documents: Documents, steps: int | None, seconds: float, date: str
) -> dict[str, Any]:
    """Record when, on what and how long a model was trained, for `metrics.json`."""
    import torch

    cuda = torch.cuda.is_available()
    return {
        "date": date,
        "device": torch.cuda.get_device_name() if cuda else "CPU",
        "steps": steps,
        "training_seconds": seconds,
        "documents": {part: len(getattr(documents, part)) for part in ("train", "dev", "test")},
    }


def mark_seen(lines: list[dict[str, Any]], training: Iterable[Example]) -> list[dict[str, Any]]:
    """Add to each gold mention `in_training`: how often training marks its string and label."""
    known = Counter((one.label, one.text) for example in training for one in example.gold)
    for line in lines:
        for gold in (*line["gold"], *line["unlocated"]):
            gold["in_training"] = known[gold["label"], gold["text"]]
    return lines


def refuse_changed(folder: RunFolder, now: Manifest, *, force: bool) -> None:
    """Refuse to resume where something changed; when forced, the manifest says what."""
    before = read_manifest(folder.path)
    found = differences(before, now)
    if found and not force:
        raise InputError(
            f"changed since the run began: {'; '.join(found)}",
            where=folder.path,
            hint="put it back, or go on with --force",
        )
    if found:
        remarks = (*before.remarks, *(f"resumed although changed: {one}" for one in found))
        folder.write_manifest(replace(now, remarks=remarks))


def differences(before: Manifest, now: Manifest) -> list[str]:
    """Say what a resumed run would do otherwise: data, models, splitter, versions, recipe.

    A setting that the version before did not have was at its default.
    """
    found: list[str] = []
    old, new = asdict(before), asdict(now)
    filled = recorded_recipe(before.recipe, MANIFEST)
    old["recipe"] = {**json.loads(filled.model_dump_json()), **old["recipe"]}
    for part in ("data", "versions", "plugins", "recipe"):
        for key in sorted(old[part].keys() | new[part].keys()):
            was, is_ = old[part].get(key), new[part].get(key)
            if was != is_:
                found.append(f"{part} {key}: {was} → {is_}")
    for part in ("base", "encoder", "splitter", "max_width"):
        if old[part] != new[part]:
            found.append(f"{part}: {old[part]} → {new[part]}")
    return found
