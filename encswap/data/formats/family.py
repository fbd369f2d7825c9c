"""The formats whose files hold JSON records, and how one of them is recognised."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from encswap.data.formats.fields import keys_of
from encswap.data.formats.offsets import SPANS
from encswap.data.formats.prodigy import PRODIGY
from encswap.data.formats.records import read_records, records_of
from encswap.data.formats.shapes import Shape, examples_of, shape_of
from encswap.data.formats.strings import EXTRACTION, PLAN
from encswap.data.formats.table import Fit, Format, Misfit, Verdict
from encswap.data.input import Head, Input
from encswap.data.notes import Notes
from encswap.data.options import ReadOptions
from encswap.domain import Example

SHAPES: tuple[Shape, ...] = (PLAN, EXTRACTION, PRODIGY, SPANS)
"""Of two that fit alike, the first is taken."""


def _fit(shape: Shape, head: Head) -> Verdict:
    found = records_of(head)
    if found is None or isinstance(found, Misfit):
        return found
    if not found:
        return Fit(0.5, "records that are null") if shape is SHAPES[0] else None
    chosen = shape_of(found, SHAPES)
    if chosen is shape:
        return Fit(1.0, shape.evidence)
    if chosen is not None:
        return None
    return Misfit(head.first[0] or 1, f"the record holds {keys_of(found[0])}, not {shape.evidence}")


def _read(shape: Shape, source: Input, options: ReadOptions, notes: Notes) -> Iterator[Example]:
    return examples_of(read_records(source, notes), shape, SHAPES, options, notes)


def _format(shape: Shape) -> Format:
    return Format(
        shape.name,
        shape.description,
        partial(_fit, shape),
        partial(_read, shape),
        shape.write,
        drops=shape.drops,
    )


JSON_FORMATS: tuple[Format, ...] = tuple(map(_format, SHAPES))
