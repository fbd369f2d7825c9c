"""Trimming by files: texts and a model read, the smaller model proven and written."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from encswap.data.input import Input, checksum_of, find_data
from encswap.data.readers import Reading, recognise
from encswap.data.units import gliner_text
from encswap.errors import InputError, SwapError
from encswap.files import new_folder, one_line, scratch
from encswap.gliner import model as gliner
from encswap.gliner import scoring as heads
from encswap.gliner.batches import position_limit, used_ids
from encswap.manifest import MANIFEST, Manifest, read_manifest, write_manifest
from encswap.plugins import Plugins
from encswap.safety.trusted_classes import load_tokenizer
from encswap.swap.checkpoint import checkpoint_folder
from encswap.swap.vocabulary import kept_ids, write_trimmed
from encswap.types import EncoderSpec, LoadedEncoder, Source, WordSplitter, descriptions_of
from encswap.types import labels_of as all_labels

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

    from encswap.types import WordSplitter

TOLERANCE = 1e-6
COMPARED = 64
LENGTH = 128
PROMPT_WORDS = ("(", ")", ",", ".", "entity", "entities", *map(str, range(10)))


@dataclass(frozen=True)
class Wanted:
    """What a trimmed vocabulary must still cover: texts, their units, labels and descriptions.

    `beginnings` are short texts for the comparison of scores; their units are among the others.
    """

    texts: tuple[str, ...]
    units: tuple[str, ...]
    labels: tuple[str, ...] = ()
    descriptions: Mapping[str, str] | None = None
    beginnings: tuple[str, ...] = ()

    @property
    def tokenised(self) -> list[str]:
        """Everything that is tokenised: texts as they are, and words alone."""
        labelled = [*self.labels, *(self.descriptions or {}).values()]
        words = [word for text in labelled for word in (text, *text.split())]
        alone = {*self.units, *words, *PROMPT_WORDS}
        return [*self.texts, *sorted(alone | {word.lower() for word in alone})]


@dataclass(frozen=True)
class Trimmed:
    """A trimmed model, the old id of each of its rows, and its rows before."""

    encoder: LoadedEncoder
    ids: tuple[int, ...]
    rows_before: int


def trim_encoder(
    encoder: LoadedEncoder, wanted: Wanted, *, keep_characters: bool, used: Iterable[int] = ()
) -> Trimmed:
    """Drop the rows and pieces that `wanted` does not use; the encoder given is left as it is.

    `used` names ids that stay besides. Raises `SwapError` where a text would be cut otherwise.
    """
    encoded = encoder.tokenizer(wanted.tokenised, verbose=False)["input_ids"]
    ids = kept_ids(
        encoder.tokenizer,
        {*used, *(number for one in encoded for number in one)},
        keep_characters=keep_characters,
    )
    tokenizer = trim_tokenizer(encoder.tokenizer, ids, wanted.tokenised)
    table = encoder.model.get_input_embeddings()
    # The whole table is the larger part of a model: the copy only borrows it.
    model = copy.deepcopy(encoder.model, {id(table.weight): table.weight})
    slice_rows(model, ids)
    return Trimmed(LoadedEncoder(model, tokenizer), tuple(ids), table.num_embeddings)


def trim_tokenizer(
    tokenizer: PreTrainedTokenizerFast, ids: Sequence[int], texts: Sequence[str]
) -> PreTrainedTokenizerFast:
    """Keep the pieces of `ids`, renumbered in order; each text must be cut as before."""
    places = {number: place for place, number in enumerate(ids)}
    different: str | None = ""
    for plain in (False, True):
        with scratch("trim") as folder:
            write_trimmed(tokenizer, places, folder, plain=plain)
            found = load_tokenizer(folder, "the trimmed tokenizer")
        different = first_difference(tokenizer, found, places, texts)
        if different is None:
            return found
    raise SwapError(f"with fewer pieces the tokenizer cuts {(different or '')[:40]!r} otherwise")


def first_difference(
    old: PreTrainedTokenizerFast,
    new: PreTrainedTokenizerFast,
    places: Mapping[int, int],
    texts: Sequence[str],
) -> str | None:
    """Find the first text that two tokenizers cut into other pieces, or number otherwise."""
    if len(new) != len(places):
        return texts[0]
    for special in (True, False):
        before, after = (
            one(list(texts), add_special_tokens=special, verbose=False)["input_ids"]
            for one in (old, new)
        )
        for text, was, now in zip(texts, before, after, strict=True):
            pieces = (old.convert_ids_to_tokens(was), new.convert_ids_to_tokens(now))
            if [places.get(number) for number in was] != now or pieces[0] != pieces[1]:
                return text
    return None


def beginnings_of(texts: Sequence[str]) -> tuple[str, ...]:
    """Cut the first texts at a space, short enough for any encoder's positions."""
    return tuple(
        text if len(text) <= LENGTH else text[:LENGTH].rpartition(" ")[0] or text[:LENGTH]
        for text in texts[:COMPARED]
    )


def slice_rows(model: PreTrainedModel, ids: Sequence[int]) -> None:
    """Keep the rows of `ids`, in place, and renumber what the config says of them."""
    from torch import nn

    places = {number: place for place, number in enumerate(ids)}
    table = model.get_input_embeddings()
    padding = None if table.padding_idx is None else places.get(table.padding_idx)
    rows = table.weight.detach()[list(ids)].clone()
    model.set_input_embeddings(nn.Embedding(len(ids), rows.shape[1], padding, _weight=rows))
    model.config.vocab_size = len(ids)
    for name, value in list(model.config.to_dict().items()):
        if name.endswith("_token_id") and isinstance(value, int) and value >= 0:
            setattr(model.config, name, places.get(value))


def trim_checkpoint(
    model: PreTrainedModel, wanted: Wanted, splitter: WordSplitter, *, keep_characters: bool
) -> tuple[PreTrainedModel, Trimmed]:
    """Trim a GLiNER2 model's encoder; heads and everything else are as they were."""
    used = used_ids(model, wanted.units, wanted.labels, wanted.descriptions or {})
    encoder = LoadedEncoder(model.encoder, model.processor.tokenizer)
    trimmed = trim_encoder(encoder, wanted, keep_characters=keep_characters, used=used)
    smaller = gliner.new_model(model, trimmed.encoder, word_splitter=splitter)
    gliner.put_heads(smaller, gliner.head_weights(model))
    return smaller, trimmed


def encoder_difference(
    old: LoadedEncoder, new: LoadedEncoder, texts: Sequence[str]
) -> tuple[float, int]:
    """The largest difference of token vectors over the first texts, and how many were compared."""
    import torch

    worst, compared = 0.0, list(texts[:COMPARED])
    for text in compared:
        states = []
        for one in (old, new):
            limit = position_limit(_WithEncoder(one.model), LENGTH)
            batch = one.tokenizer(
                text, return_tensors="pt", truncation=True, max_length=limit, verbose=False
            )
            with torch.inference_mode():
                one.model.eval()
                states.append(
                    one.model(
                        input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]
                    ).last_hidden_state
                )
        worst = max(worst, _apart(*states))
    return worst, len(compared)


@dataclass(frozen=True)
class _WithEncoder:
    encoder: Any


def checkpoint_difference(
    old: PreTrainedModel, new: PreTrainedModel, texts: Sequence[str], labels: Sequence[str]
) -> tuple[float, int]:
    """The largest difference of scores over short texts, and how many were compared."""
    worst = 0.0
    for text in texts:
        worst = max(worst, _apart(*(heads.entity_logits(one, text, labels) for one in (old, new))))
    return worst, len(texts)


def _apart(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    """The largest difference; endless where the shapes or the finite places differ."""
    if ours.shape != theirs.shape or not ours.isfinite().equal(theirs.isfinite()):
        return float("inf")
    finite = ours.isfinite()
    return float((ours[finite] - theirs[finite]).abs().max()) if finite.any() else 0.0


def refuse_difference(difference: float) -> None:
    """Refuse a trimmed model whose outputs are not the old one's."""
    if not difference <= TOLERANCE:
        raise SwapError(
            f"the trimmed model differs by {difference:.2e}, more than {TOLERANCE:.0e}; "
            "nothing is written"
        )


RECORDS = (".jsonl", ".json", ".tsv")
LABELS = ("entity",)


@dataclass(frozen=True)
class TrimResult:
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
    """Read documents of any known format, or plain text line by line, with labels if any.

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
    begun = beginnings_of(tuple(texts))
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
) -> TrimResult:
    """Trim an encoder, prove it on the texts, and write a folder that plain transformers loads."""
    wanted = read_texts(names, plugins.splitter(splitter or spec.word_splitter))
    old = plugins.load_encoder(spec, source)
    trimmed = trim_encoder(old, wanted, keep_characters=keep_characters)
    with _new_folder(out) as beside:
        trimmed.encoder.model.save_pretrained(str(beside))
        trimmed.encoder.tokenizer.save_pretrained(str(beside))
        again = plugins.load_encoder(
            EncoderSpec(name=out.name, hub_id=""), replace(source, path=beside, allow_pickle=False)
        )
        difference, compared = encoder_difference(old, again, wanted.texts)
        refuse_difference(difference)
    return _outcome("encoder", old.model, trimmed, difference, (compared, len(wanted.texts)))


def trim_saved_checkpoint(
    folder: Path,
    plugins: Plugins,
    names: Sequence[str | Path],
    out: Path,
    *,
    splitter: str | None = None,
    keep_characters: bool = True,
) -> TrimResult:
    """Trim a GLiNER2 checkpoint or a run's, prove it, and write one that plain gliner2 loads.

    Its `encswap.json` goes along, with a remark.
    """
    manifest = read_manifest(folder) if (folder / MANIFEST).is_file() else None
    name, options = _splitter_of(splitter, manifest)
    cut = plugins.splitter(name, **options)
    wanted = read_texts(names, cut, manifest)
    old = gliner.read_model(checkpoint_folder(folder), splitter=cut)
    smaller, trimmed = trim_checkpoint(old, wanted, cut, keep_characters=keep_characters)
    with _new_folder(out) as beside:
        gliner.save_model(smaller, beside)
        again = gliner.read_back(smaller, beside, splitter=cut)
        difference, compared = checkpoint_difference(
            old, again, wanted.beginnings, wanted.labels or LABELS
        )
        if manifest is not None:
            write_manifest(_remarked(manifest, trimmed, names), beside)
        refuse_difference(difference)
    return _outcome("checkpoint", old.encoder, trimmed, difference, (compared, len(wanted.texts)))


def _splitter_of(name: str | None, manifest: Manifest | None) -> tuple[str, Mapping[str, object]]:
    if name is None and manifest is not None:
        return manifest.splitter.name, manifest.splitter.options
    return name or EncoderSpec(name="", hub_id="").word_splitter, {}


def _remarked(manifest: Manifest, trimmed: Trimmed, names: Sequence[str | Path]) -> Manifest:
    sources = ", ".join(f"{Path(name).name} ({_digest(find_data(name))})" for name in names)
    remark = f"vocabulary trimmed to {len(trimmed.ids)} of {trimmed.rows_before} rows by {sources}"
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
) -> TrimResult:
    table = old.get_input_embeddings().weight
    width = table.shape[1] * table.element_size()
    rows = (trimmed.rows_before, len(trimmed.ids))
    return TrimResult(kind, rows, (rows[0] * width, rows[1] * width), difference, *counted)
