"""The formats whose files hold JSON records, and how one of them is recognised."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

from encswap.data.formats.fields import RecordShape, examples_of, keys_of, shape_of
from encswap.data.formats.gliner1 import GLINER1
from encswap.data.formats.labelstudio import LABEL_STUDIO, LABEL_STUDIO_MIN
from encswap.data.formats.offsets import SPANS
from encswap.data.formats.prodigy import PRODIGY
from encswap.data.formats.records import read_records, records_of
from encswap.data.formats.strings import EXTRACTION, PLAN
from encswap.data.formats.table import FileFormat, Fit, Misfit, ReadOptions, Verdict
from encswap.data.formats.tokens import TOKENS_SHAPE
from encswap.data.formats.triples import DOCCANO, SPACY
from encswap.data.input import Head, Input
from encswap.data.notes import Notes
from encswap.types import Example

SHAPES: tuple[RecordShape, ...] = (
    PLAN,
    EXTRACTION,
    SPANS,
    PRODIGY,
    SPACY,
    DOCCANO,
    LABEL_STUDIO,
    LABEL_STUDIO_MIN,
    GLINER1,
    TOKENS_SHAPE,
)
"""Of two that fit alike, the first is taken."""
_JSON = re.compile(r'\s*[\[{]\s*(?:["{\[]|$)')


def _fit(shape: RecordShape, head: Head) -> Verdict:
    """Judge a head; the first shape speaks for all where none of them is recognised."""
    found = records_of(head)
    chosen = shape_of(found, SHAPES) if isinstance(found, list) else None
    if chosen is shape:
        return Fit(1.0, shape.evidence)
    if chosen is not None or found is None or shape is not SHAPES[0]:
        return None
    if isinstance(found, Misfit):
        # Its reader says what is wrong, at which line.
        return Fit(0.3, "JSON") if _JSON.match(head.text) else found
    if not found:
        return Fit(0.5, "records that are null")
    return Misfit(head.first[0] or 1, f"the record holds {keys_of(found[0])}")


def _read(
    shape: RecordShape, source: Input, options: ReadOptions, notes: Notes
) -> Iterator[Example]:
    return examples_of(read_records(source, notes), shape, SHAPES, options, notes)


def _format(shape: RecordShape) -> FileFormat:
    return FileFormat(
        shape.name,
        shape.description,
        partial(_fit, shape),
        partial(_read, shape),
        shape.write,
        drops=shape.drops,
        keeps=shape.keeps,
    )


JSON_FORMATS: tuple[FileFormat, ...] = tuple(map(_format, SHAPES))
