"""Tables whose rows are records: CSV, Parquet, and data sets of the hub.

A row is read as the JSON record with the same keys would be: tokens and tags of Hugging Face,
spans, or strings. A cell of CSV that holds a list or an object is read as one. Parquet needs the
extra `datasets`; `hf:owner/name:config:split` is fetched by `datasets`, without any code of its
repository.
"""

from __future__ import annotations

import ast
import io
import json
import re
import tokenize
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from encswap.data.formats.columns import DELIMITERS, csv_rows, head_rows
from encswap.data.formats.family import SHAPES
from encswap.data.formats.fields import (
    JsonFaultError,
    JsonRecord,
    RecordShape,
    decode,
    examples_of,
    keys_of,
    shape_of,
)
from encswap.data.formats.table import FileFormat, Fit, Misfit, ReadOptions, Verdict
from encswap.data.input import Head, Input
from encswap.data.notes import Notes
from encswap.errors import InputError
from encswap.hub import why_unreachable
from encswap.types import Example

FEW = 50
PARQUET = b"PAR1"
_HUB = re.compile(r"hf:([\w.-]+(?:/[\w.-]+)?)(?::([^:]*))?(?::([^:]*))?")


def read_csv(source: Input, options: ReadOptions, notes: Notes) -> Iterator[Example]:
    """Yield the examples of a table whose cells hold lists."""
    delimiter = _delimiter(source.head)
    rows = csv_rows(source, delimiter)
    header = next(rows, (0, []))[1]

    def records() -> Iterator[JsonRecord]:
        for line, cells in rows:
            if len(cells) != len(header):
                raise source.error(f"{len(cells)} cells under {len(header)} names", line=line)
            yield JsonRecord(_values(header, cells), source, line)

    return _examples(source, records(), options, notes)


def read_parquet(source: Input, options: ReadOptions, notes: Notes) -> Iterator[Example]:
    """Yield the examples of a Parquet file; the names of tags stand in its own description."""
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise _needs(source, "a Parquet file") from error
    try:
        file = pyarrow.parquet.ParquetFile(io.BytesIO(source.whole()))
        metadata = file.schema_arrow.metadata or {}
        around = json.loads(metadata.get(b"huggingface", b"{}"))
        batches = file.iter_batches(batch_size=1000)
    except Exception as error:
        raise source.error(f"no Parquet file ({_line(error)})", "fetch it again") from error

    def values() -> Iterator[Mapping[str, Any]]:
        while True:
            try:
                batch = next(batches)
            except StopIteration:
                return
            except Exception as error:
                raise source.error(f"damaged Parquet ({_line(error)})", "fetch it again") from error
            yield from batch.to_pylist()

    return _examples(source, _records(source, values(), around), options, notes)


def read_hub(source: Input, options: ReadOptions, notes: Notes) -> Iterator[Example]:
    """Yield the examples of `hf:owner/name:config:split`; the split is `train` where none is."""
    found = _HUB.fullmatch(str(source.path))
    if found is None:
        raise source.error("no data set of the hub", "write hf:owner/name:config:split")
    name, config, split = found[1], found[2] or None, found[3] or "train"
    try:
        import datasets
    except ImportError as error:
        raise _needs(source, "a data set of the hub") from error
    datasets.disable_progress_bars()
    reason = why_unreachable()
    try:
        with _offline(bool(reason)):
            loaded = datasets.load_dataset(name, config, split=split)
    except Exception as error:
        raise source.error(
            f"cannot be fetched ({reason or _line(error)})",
            "give its name, config and split as the hub has them, or a file",
        ) from error
    around = {"features": loaded.features.to_dict()}
    return _examples(source, _records(source, loaded, around), options, notes)


@contextmanager
def _offline(really: bool) -> Iterator[None]:
    """Let `datasets` look into its cache alone: it would knock for half a minute otherwise."""
    import datasets.config
    import huggingface_hub.constants

    places: tuple[Any, ...] = (datasets.config, huggingface_hub.constants)
    before = [place.HF_HUB_OFFLINE for place in places]
    try:
        for place in places:
            place.HF_HUB_OFFLINE = place.HF_HUB_OFFLINE or really
        yield
    finally:
        for place, value in zip(places, before, strict=True):
            place.HF_HUB_OFFLINE = value


def _examples(
    source: Input,
    records: Iterator[JsonRecord],
    options: ReadOptions,
    notes: Notes,
) -> Iterator[Example]:
    first = [record for record, _ in zip(records, range(FEW), strict=False)]
    if not first:
        raise source.error("the table holds no row", "give an example")
    shape = shape_of([record.values for record in first], SHAPES)
    if shape is None:
        raise first[0].error(
            f"the columns are not those of examples: {keys_of(first[0].values)}",
            "known: tokens and ner_tags; text and entities, spans or label",
        )
    yield from examples_of(_chain(first, records), shape, SHAPES, options, notes)


def _chain(first: Sequence[JsonRecord], rest: Iterable[JsonRecord]) -> Iterator[JsonRecord]:
    yield from first
    yield from rest


def _records(
    source: Input, rows: Iterable[Mapping[str, Any]], around: Mapping[str, Any]
) -> Iterator[JsonRecord]:
    for number, row in enumerate(rows, start=1):
        yield JsonRecord(dict(row), source, number, around)


def _values(header: Sequence[str], cells: Sequence[str]) -> dict[str, Any]:
    named = zip(header, cells, strict=True)
    # The first column of a table that pandas wrote has no name: it counts the rows.
    return {name.strip(): _cell(cell) for name, cell in named if name.strip()}


def _cell(cell: str) -> Any:
    """Read a cell that holds a list or an object: as JSON, as Python or numpy prints it."""
    inner = cell.strip()
    if not inner:
        return None
    if (inner[0], inner[-1]) not in (("[", "]"), ("{", "}")):
        return cell
    try:
        return decode(inner)
    except JsonFaultError:
        found = _row_of(inner)
    if found is not None:
        return found
    try:
        return _as_json(ast.literal_eval(inner))
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return cell


def _as_json(value: Any) -> Any:
    """Return what Python prints as JSON has it: tuples are lists."""
    if isinstance(value, list | tuple):
        return [_as_json(one) for one in value]
    if isinstance(value, dict):
        return {str(key): _as_json(one) for key, one in value.items()}
    return value


def _row_of(text: str) -> list[str | int] | None:
    """Read a flat list of strings or whole numbers, with commas, or as numpy prints it without.

    Python itself would join two strings that have no comma between them.
    """
    found: list[str | int] = []
    try:
        for kind, value, *_ in tokenize.generate_tokens(io.StringIO(text[1:-1].strip()).readline):
            if kind in (tokenize.STRING, tokenize.NUMBER):
                one = ast.literal_eval(value)
                if not isinstance(one, str | int):
                    return None
                found.append(one)
            elif value.strip() not in ("", ","):
                return None
    except (tokenize.TokenError, SyntaxError, ValueError):
        return None
    return found if text.startswith("[") else None


def _delimiter(head: Head) -> str:
    return max(DELIMITERS, key=head.first[1].count)


def _needs(source: Input, what: str) -> InputError:
    return source.error(f"{what} needs the extra 'datasets'", "pip install 'encswap[datasets]'")


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


def _fit_csv(head: Head) -> Verdict:
    delimiter = _delimiter(head)
    if head.kind != "stream" or delimiter not in head.first[1]:
        return None
    rows = head_rows(head, delimiter, FEW)
    if len(rows) < 2 or any(len(cells) != len(rows[0][1]) for _, cells in rows):
        return None
    listed = any(cell.strip()[:1] in ("[", "{") for _, cells in rows[1:] for cell in cells)
    if not listed:
        return None
    found = [_values(rows[0][1], cells) for _, cells in rows[1:]]
    shape: RecordShape | None = shape_of(found, SHAPES)
    if shape is None:
        return Misfit(rows[1][0], f"the columns {keys_of(found[0])} are not those of examples")
    return Fit(1.0, f"a table with {shape.evidence}")


def _fit_parquet(head: Head) -> Verdict:
    return Fit(1.0, "the first bytes") if head.start.startswith(PARQUET) else None


def _fit_hub(head: Head) -> Verdict:
    return Fit(1.0, "hf:") if head.kind == "hub" else None


ROW_FORMATS = (
    FileFormat("csv", "CSV whose cells hold tokens and tags, or spans", _fit_csv, read_csv),
    FileFormat("parquet", "Parquet with the columns of JSON records", _fit_parquet, read_parquet),
    FileFormat("hub", "a data set of the hub: hf:owner/name:config:split", _fit_hub, read_hub),
)
