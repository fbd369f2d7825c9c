"""Label Studio's exports: JSON with all annotations of a task, and JSON-MIN with one.

Of several annotations of a task the one that is marked as ground truth is taken, else the first
that was not cancelled; a task whose annotations were all cancelled is left out. Both are counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from encswap.data.formats.fields import (
    JsonRecord,
    Likeness,
    RecordShape,
    field,
    is_none,
    kind_of,
    label_text,
    note_key,
    objects,
    present,
    shown,
)
from encswap.data.formats.offsets import Mark, mentions_of
from encswap.data.formats.table import ReadOptions
from encswap.data.locate import same_text
from encswap.data.notes import Notes
from encswap.types import Example

ANNOTATIONS = ("annotations", "completions")
LABELS = ("labels", "hypertextlabels", "paragraphlabels")
_MIN_KEYS = ("annotation_id", "annotator", "lead_time", "created_at", "updated_at", "id")
_TASK_KEYS = frozenset(
    {"id", "data", "meta", "predictions", "created_at", "updated_at", "inner_id", "project"}
) | {
    *("updated_by", "comment_authors", "file_upload", "drafts", "total_annotations", "unresolved"),
    *("cancelled_annotations", "total_predictions", "comment_count", "unresolved_comment_count"),
    *("last_comment_updated_at", "overlap", "is_labeled", "file_name", "agreement", *ANNOTATIONS),
}


def task_example(record: JsonRecord, _options: ReadOptions, notes: Notes) -> Example | None:
    """Read `{"data": {"text"}, "annotations": [{"result": [{"type": "labels", "value"}]}]}`."""
    data = record.inner("data")
    there = [key for key in ANNOTATIONS if not is_none(record.values.get(key))]
    key = (there or ANNOTATIONS)[0]
    every = list(objects(record, key, "an annotation", []))
    kept = [one for one in every if not field(one, "was_cancelled", bool, False)]
    if len(kept) < len(every):
        what = "annotations were cancelled (skipped) and were left out"
        notes.add("cancelled-annotations", what, record.where, len(every) - len(kept))
    if every and not kept:
        what = "tasks hold cancelled annotations alone, and were left out"
        notes.add("skipped-records", what, record.where)
        return None
    if not every:
        what = "tasks hold no annotation, and are read as holding no mention"
        notes.add("tasks-without-annotation", what, record.where)
    if not is_none(record.values.get("predictions")):
        what = "tasks hold predictions of a model, which are no gold and were left out"
        notes.add("predictions", what, record.where)
    regions = list(_regions(_chosen(kept, record, notes), notes))
    return _example(record, data, regions, notes)


def min_example(record: JsonRecord, _options: ReadOptions, notes: Notes) -> Example:
    """Read `{"text", "label": [{"start", "end", "labels"}], "annotator"}`."""
    regions: list[JsonRecord] = []
    strings: dict[str, str] = {}
    for key, value in record.values.items():
        if key in _MIN_KEYS or is_none(value):
            continue
        if _is_regions(value):
            regions += objects(record, key, "a region")
        elif isinstance(value, str):
            strings[key] = value
        else:
            what = f"records hold {shown(key)}, which is no span and is not read"
            notes.add("other-tasks", what, record.where)
    example = _example(record, record.part(strings), regions, notes)
    for key, value in strings.items():
        if value and value != example.text:
            note_key(key, record, notes)
    return example


def _chosen(kept: Sequence[JsonRecord], record: JsonRecord, notes: Notes) -> Sequence[JsonRecord]:
    """Return the annotation that is taken, in a list; none where there is none."""
    truth = [one for one in kept if one.values.get("ground_truth") is True]
    if len(kept) > 1:
        rule = "the one marked as ground truth" if truth else "the first"
        what = f"further annotations of the same tasks were left out: {rule} is taken"
        notes.add("further-annotations", what, record.where, len(kept) - 1)
    return (truth or list(kept))[:1]


def _regions(chosen: Sequence[JsonRecord], notes: Notes) -> Iterator[JsonRecord]:
    for annotation in chosen:
        for result in objects(annotation, "result", "a result", []):
            kind = field(result, "type", str, "labels")
            value = result.inner("value") if "value" in result.values else result.part({})
            if kind in LABELS or (kind == "labels" and value.values):
                yield value
            else:
                what = f"results of the type {shown(kind)} are not read: no spans with labels"
                notes.add("other-tasks", what, result.where)


def _example(
    record: JsonRecord, data: JsonRecord, regions: Sequence[JsonRecord], notes: Notes
) -> Example:
    marks = [mark for region in regions for mark in _marks(region, notes)]
    text = _text(data, marks)
    return Example(record.id, text, mentions_of(marks, text, record, notes), line=record.line)


def _marks(region: JsonRecord, notes: Notes) -> Iterator[Mark]:
    """Yield a span for each label of a region."""
    key = next((key for key in LABELS if key in region.values), LABELS[0])
    given = region.values.get(key)
    labels = list(present(given if isinstance(given, list) else [given]))
    if not labels:
        notes.add("unlabelled-spans", "regions have no label and were left out", region.where)
        return
    ends = _offsets(region)
    text = field(region, "text", str, None)
    for label in labels:
        yield Mark(*ends, label_text(label, region, notes), text)


def _offsets(region: JsonRecord) -> tuple[int, int]:
    whole = region.values.get("globalOffsets")
    if isinstance(whole, dict):
        # Offsets of a hypertext region are inside of its element; these are of the whole text.
        ends = region.part(whole)
        return field(ends, "start", int), field(ends, "end", int)
    if isinstance(region.values.get("start"), str):
        raise region.error(
            f"'start' is {shown(region.values['start'])}, the place of an element, no number",
            hint="export regions of plain text, or with globalOffsets",
        )
    return field(region, "start", int), field(region, "end", int)


def _text(data: JsonRecord, marks: Sequence[Mark]) -> str:
    """Return the text among a task's data: `text`, or the string in which the spans stand."""
    strings = {key: value for key, value in data.values.items() if isinstance(value, str)}
    if isinstance(strings.get("text"), str):
        return str(field(data, "text", str))
    fitting = [key for key in strings if _hold(marks, strings[key])]
    if len(fitting) > 1 and marks and all(mark.given is None for mark in marks):
        fitting = []
    if len(fitting) != 1 and len(strings) == 1:
        fitting = list(strings)
    if len(fitting) != 1:
        held = ", ".join(shown(key) for key in list(data.values)[:8]) or "nothing"
        given = data.values.get("text")
        wrong = f"'text' is {kind_of(given)}" if "text" in data.values else "lacks 'text'"
        raise data.error(f"the task's data {wrong}: it holds {held}", hint="name its text 'text'")
    return str(field(data, fitting[0], str))


def _hold(marks: Sequence[Mark], text: str) -> bool:
    return all(
        mark.given is None or same_text(text[mark.start : mark.end].strip(), mark.given.strip())
        for mark in marks
    )


def _is_regions(value: Any) -> bool:
    listed = value if isinstance(value, list) else [value]
    some = [one for one in listed if not is_none(one)]
    return bool(some) and all(
        isinstance(one, dict) and "start" in one and "end" in one and "start_offset" not in one
        for one in some
    )


def _has_labels(value: Any) -> bool:
    listed = value if isinstance(value, list) else [value]
    return any(isinstance(one, dict) and any(key in one for key in LABELS) for one in listed)


def _like_task(values: Mapping[str, Any]) -> Likeness:
    if not isinstance(values.get("data"), dict):
        return 0
    return 2 if any(key in values for key in (*ANNOTATIONS, "predictions")) else 0


def _like_min(values: Mapping[str, Any]) -> Likeness:
    if isinstance(values.get("data"), dict) or "spans" in values or "entities" in values:
        return 0
    if any(_is_regions(one) and _has_labels(one) for one in values.values()):
        return 2
    if "annotator" in values or "annotation_id" in values:
        return 2 if any(isinstance(one, str) for one in values.values()) else 0
    return 1 if isinstance(values.get("text"), str) and is_none(values.get("label", "")) else 0


LABEL_STUDIO = RecordShape(
    "label-studio",
    'Label Studio: JSON [{"data": {"text"}, "annotations": [{"result"}]}]',
    "'data' and 'annotations'",
    _like_task,
    task_example,
    _TASK_KEYS,
)
LABEL_STUDIO_MIN = RecordShape(
    "label-studio-min",
    'Label Studio: JSON-MIN [{"text", "label": [{"start", "end", "labels"}]}]',
    "regions with 'labels'",
    _like_min,
    min_example,
    None,
)
