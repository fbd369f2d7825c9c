"""A tagger that somebody trained: its tags, its words, and its model from a folder or the hub."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from encswap.data.formats.tags import style_of
from encswap.errors import EncswapError, InputError, SourceError
from encswap.models import refuse_unsafe, resolve
from encswap.plugins import Plugins
from encswap.rivals.bio import OUTSIDE, cut_subtokens, cut_words
from encswap.safety.trusted_classes import build_config, read_config
from encswap.validation import Record, read_record

if TYPE_CHECKING:
    from encswap.rivals.tagger import Tagger

RECORD, CHECKPOINT = "rival.json", "checkpoint"
WHITESPACE, SUBTOKENS = "whitespace", "the tagger's subtokens"
UNNAMED = re.compile(r"LABEL_\d+")
SPECIAL = re.compile(r"\[\w+\]|</?\w+>|X|PAD|IGNORE")
"""Labels of heads that stand for no tag: of padding, of special tokens, of later subtokens."""


class TaggerRecord(Record):
    """`rival.json`: what a run recorded of its tagger; older ones lack what has a default."""

    rival: str
    encswap: str
    labels: list[str]
    splitter: str
    recipe: dict[str, Any]
    encoder: dict[str, Any]
    versions: dict[str, Any]
    data: dict[str, Any]
    splitter_options: dict[str, Any] = Field(default_factory=dict)
    max_length: int | None = None
    epoch_source: str | None = "dev"


@dataclass(frozen=True)
class Tags:
    """The tag of each of a head's places, letter first, and what stands for no tag."""

    tags: tuple[str, ...]
    passed_over: tuple[str, ...] = ()

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that the tags name, in the order of the head."""
        names = (tag.partition("-")[2] for tag in self.tags if tag != OUTSIDE)
        return tuple(dict.fromkeys(names))


def read_tags(names: Sequence[str], unnamed: str | None = None) -> Tags:
    """Read a head's label names as tags: BIO, BIOES, BILOU in any spelling, or labels beside `O`.

    `unnamed` is the label of tags that name none. Raises `SourceError` where the names are no tags,
    and `InputError` where a tag names no label and none is given.
    """
    special = tuple(name for name in names if SPECIAL.fullmatch(name.strip()))
    left = [name for name in names if name not in special]
    if not left or all(UNNAMED.fullmatch(name) for name in left):
        raise SourceError(
            "its labels have no names (LABEL_0, LABEL_1, …)", hint="set id2label in its config.json"
        )
    found = style_of(dict.fromkeys(left, 1))
    read: list[str | None] = [found[0].read(name) for name in left] if found else [None]
    if None in read:
        if OUTSIDE not in left:
            raise SourceError(
                f"its labels are no tags: {', '.join(left)[:120]}",
                hint="B-NAME and I-NAME, or NAME, beside O",
            )
        if found and any(tag and tag[0] in "BIESLUMW" and "-" in tag for tag in read):
            odd = left[read.index(None)]
            raise SourceError(f"its label {odd!r} is no tag, and others are")
        read = [OUTSIDE if name == OUTSIDE else f"I-{name}" for name in left]
    by_name = dict(zip(left, read, strict=True))
    tags = [str(by_name.get(name, OUTSIDE)) for name in names]
    if any(tag != OUTSIDE and "-" not in tag for tag in tags):
        if not unnamed:
            raise InputError("its tags name no label", hint="name it: --tag-label Disease")
        tags = [tag if tag == OUTSIDE or "-" in tag else f"{tag}-{unnamed}" for tag in tags]
    return Tags(tuple(tags), special)


@dataclass(frozen=True)
class Pretrained:
    """A tagger before its weights are read: where it is, its tags, and how it reads texts.

    With `units` the words of `splitter` have a tag, else every subtoken; documents that are too
    long are cut at these words.
    """

    name: str
    tags: Tags
    splitter: str = WHITESPACE
    options: Mapping[str, Any] = field(default_factory=dict)
    units: bool = False
    max_length: int | None = None
    epoch_source: str | None = None

    @classmethod
    def find(cls, model: str, plugins: Plugins, unnamed: str | None = None) -> Pretrained:
        """Look a tagger up: a rival's folder, a folder of transformers, or a hub id.

        Its small files alone are fetched. Raises `EncswapError` where they are hostile, or name no
        tags.
        """
        folder = Path(model).expanduser()
        if not (folder / RECORD).is_file():
            return cls(model, _tags_of(model, plugins, unnamed))
        record = read_rival(folder)
        checkpoint = folder / CHECKPOINT
        if not checkpoint.is_dir():
            raise SourceError("has no checkpoint", where=folder, hint="train the rival again")
        return cls(
            str(checkpoint),
            _tags_of(str(checkpoint), plugins, unnamed),
            record.splitter,
            record.splitter_options,
            record.recipe.get("words") == "units",
            record.max_length,
            record.epoch_source,
        )

    def words(self, splitter: str | None = None) -> str:
        """What has a tag, as a result names it."""
        return splitter or (self.splitter if self.units else SUBTOKENS)

    def load(self, plugins: Plugins, splitter: str | None, max_length: int) -> Tagger:
        """Load the model; with a `splitter` its words have a tag, whatever it was trained on."""
        from encswap.gliner.model import put_on_device
        from encswap.rivals.tagger import Tagger
        from encswap.swap.load import load_tagger

        loaded = load_tagger(resolve(self.name, plugins))
        name = splitter or self.splitter
        words = plugins.splitter(name, **(self.options if name == self.splitter else {}))
        units = self.units or splitter is not None
        cut = cut_words(loaded.tokenizer, words) if units else cut_subtokens(loaded.tokenizer)
        model = put_on_device(loaded.model)
        model.eval()
        return Tagger(model, loaded, cut, words, self.tags.labels, max_length, self.tags.tags)


def read_rival(folder: Path) -> TaggerRecord:
    """Read what a run recorded of its tagger."""
    return read_record(folder / RECORD, TaggerRecord, what="is no record of a rival")


def _tags_of(model: str, plugins: Plugins, unnamed: str | None) -> Tags:
    source = resolve(model, plugins, need="metadata")
    refuse_unsafe(source)
    try:
        config = build_config(read_config(source.path))
        names = [str(config.id2label[place]) for place in range(len(config.id2label))]
        return read_tags(names, unnamed)
    except EncswapError as error:
        raise type(error)(error.message, where=model, hint=error.hint) from error
    except Exception as error:
        message = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        raise SourceError(f"its config cannot be read: {message}", where=model) from error
