"""Trimming by files: texts and a model read, the smaller model proven and written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from encswap.data.input import Input, checksum_of
from encswap.data.readers import Reading, recognise
from encswap.data.shipped import find_data
from encswap.data.units import gliner_text
from encswap.domain import EncoderSpec, Source, WordSplitter, descriptions_of
from encswap.domain import labels_of as all_labels
from encswap.errors import InputError
from encswap.files import new_folder, one_line
from encswap.manifest import MANIFEST, Manifest, read_manifest, write_manifest
from encswap.plugins import Plugins
from encswap.swap import gliner, trimming
from encswap.swap.saved import checkpoint_folder
from encswap.swap.trimming import Trimmed, Wanted

if TYPE_CHECKING:
    from transformers import PreTrainedModel

RECORDS = (".jsonl", ".json", ".tsv")
LABELS = ("entity",)


@dataclass(frozen=True)
class Outcome:
    """What trimming did: rows and bytes of the table before and after, and what was compared."""

    kind: str
    rows: tuple[int, int]
    bytes: tuple[int, int]
    difference: float
    compared: int
    texts: int


def read_texts(
    names: Sequence[str | Path], splitter: WordSplitter, manifest: Manifest | None = None
) -> Wanted:
    """Read documents of any known format, or plain text line by line, with labels where told.

    Raises `InputError` where a file is missing, broken or empty.
    """
    texts: dict[str, None] = {}
    labels = dict.fromkeys(manifest.labels if manifest else ())
    descriptions = dict(manifest.descriptions if manifest else {})
    for name in names:
        reading = _opened(find_data(name))
        if isinstance(reading, Input):
            with reading:
                lines = [line.strip() for _, line in reading.lines()]
            texts.update(dict.fromkeys(line for line in lines if line))
            continue
        examples = reading.read()
        texts.update(dict.fromkeys(example.text for example in examples))
        labels.update(dict.fromkeys(all_labels(examples)))
        descriptions = descriptions_of(examples) | descriptions
    if not texts:
        raise InputError("no text in it", where=str(names[0]), hint="give documents")
    begun = trimming.beginnings_of(tuple(texts))
    units = _units(splitter, [*texts, *begun])
    return Wanted(tuple(texts), units, tuple(labels), descriptions, begun)


def _opened(path: Path) -> Reading | Input:
    """Open documents, once; a file of no known format, and no name of one, is plain text."""
    source = Input(path)
    try:
        return Reading(source, recognise(source))
    except InputError:
        if source.kind != "stream" or source.trouble or path.suffix.lower() in RECORDS:
            source.close()
            raise
        return source


def _digest(path: Path) -> str:
    """Name what was read; a pipe cannot be read again."""
    return checksum_of(path)[:12] if path.is_file() or path.is_dir() else "a pipe"


def _units(splitter: WordSplitter, texts: Iterable[str]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for text in texts:
        found.update(dict.fromkeys(unit for unit, _, _ in splitter(gliner_text(text), True)))
    return tuple(found)


def is_checkpoint(folder: Path) -> bool:
    """Tell a GLiNER2 checkpoint or run folder from an encoder's."""
    return (checkpoint_folder(folder) / "encoder_config").is_dir()


def trim_saved_encoder(
    spec: EncoderSpec,
    source: Source,
    plugins: Plugins,
    names: Sequence[str | Path],
    out: Path,
    *,
    splitter: str | None = None,
    keep_characters: bool = True,
) -> Outcome:
    """Trim an encoder, prove it on the texts, and write a folder that plain transformers loads."""
    wanted = read_texts(names, plugins.splitter(splitter or spec.word_splitter))
    old = plugins.load_encoder(spec, source)
    trimmed = trimming.trim_encoder(old, wanted, keep_characters=keep_characters)
    with _new_folder(out) as beside:
        trimmed.encoder.model.save_pretrained(str(beside))
        trimmed.encoder.tokenizer.save_pretrained(str(beside))
        again = plugins.load_encoder(
            EncoderSpec(name=out.name, hub_id=""), replace(source, path=beside, allow_pickle=False)
        )
        difference, compared = trimming.encoder_difference(old, again, wanted.texts)
        trimming.refuse_difference(difference)
    return _outcome("encoder", old.model, trimmed, difference, (compared, len(wanted.texts)))


def trim_saved_checkpoint(
    folder: Path,
    plugins: Plugins,
    names: Sequence[str | Path],
    out: Path,
    *,
    splitter: str | None = None,
    keep_characters: bool = True,
) -> Outcome:
    """Trim a GLiNER2 checkpoint or a run's, prove it, and write one that plain gliner2 loads.

    Its `encswap.json` goes along, with a remark.
    """
    manifest = read_manifest(folder) if (folder / MANIFEST).is_file() else None
    name, options = _splitter_of(splitter, manifest)
    cut = plugins.splitter(name, **options)
    wanted = read_texts(names, cut, manifest)
    old = gliner.read_model(checkpoint_folder(folder), splitter=cut)
    smaller, trimmed = trimming.trim_checkpoint(old, wanted, cut, keep_characters=keep_characters)
    with _new_folder(out) as beside:
        gliner.save_model(smaller, beside)
        again = gliner.read_plainly(beside, splitter=cut)
        difference, compared = trimming.checkpoint_difference(
            old, again, wanted.beginnings, wanted.labels or LABELS
        )
        if manifest is not None:
            write_manifest(_remarked(manifest, trimmed, names), beside)
        trimming.refuse_difference(difference)
    return _outcome("checkpoint", old.encoder, trimmed, difference, (compared, len(wanted.texts)))


def _splitter_of(name: str | None, manifest: Manifest | None) -> tuple[str, Mapping[str, object]]:
    if name is None and manifest is not None:
        return manifest.splitter.name, manifest.splitter.options
    return name or EncoderSpec(name="", hub_id="").word_splitter, {}


def _remarked(manifest: Manifest, trimmed: Trimmed, names: Sequence[str | Path]) -> Manifest:
    said = ", ".join(f"{Path(name).name} ({_digest(find_data(name))})" for name in names)
    remark = f"vocabulary trimmed to {len(trimmed.ids)} of {trimmed.rows_before} rows by {said}"
    return replace(manifest, remarks=(*manifest.remarks, remark))


@contextmanager
def _new_folder(out: Path) -> Iterator[Path]:
    with one_line(out, "make room, or give --out elsewhere"), new_folder(out) as beside:
        yield beside


def _outcome(
    kind: str,
    old: PreTrainedModel,
    trimmed: Trimmed,
    difference: float,
    counted: tuple[int, int],
) -> Outcome:
    table = old.get_input_embeddings().weight
    width = table.shape[1] * table.element_size()
    rows = (trimmed.rows_before, len(trimmed.ids))
    return Outcome(kind, rows, (rows[0] * width, rows[1] * width), difference, *counted)
