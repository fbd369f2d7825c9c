"""A component of spaCy: `nlp.add_pipe("encswap", config={"model": …})`; needs the extra `spacy`.

The model is loaded at the first text, so that a saved pipeline may be moved: what `to_disk` wrote
holds the model, and goes before the path in the config.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

try:
    import numpy as np
    from spacy import util
    from spacy.language import Language
    from spacy.pipeline.pipe import Pipe
    from spacy.tokens import Doc, Span
except ImportError as error:
    from encswap.errors import EncswapError

    raise EncswapError("spacy is not installed", hint='pip install "encswap[spacy]"') from error

from encswap.api.calls import Extractor, open_model
from encswap.errors import InputError, SourceError
from encswap.files import copy_file, write_json
from encswap.gliner.decoding import flatten
from encswap.gliner.markers import refuse_markers
from encswap.gliner.schema import distinct_labels
from encswap.manifest import MANIFEST
from encswap.runtime.description import is_export, read_description
from encswap.types import Prediction

if TYPE_CHECKING:
    from spacy.vocab import Vocab

ALIGNMENTS = ("expand", "contract", "strict", "split")
CONFIG, MODEL = "cfg", "model"
DEFAULTS: Mapping[str, Any] = {
    "model": None,
    "labels": [],
    "threshold": None,
    "flat": False,
    "annotate_ents": True,
    "overwrite_ents": False,
    "spans_key": "encswap",
    "alignment": "expand",
    "model_batch": 16,
}


class EntityExtractor(Pipe):
    """Writes what a model finds to `doc.ents`, `doc.spans` and, in characters, `doc._.encswap`."""

    def __init__(self, vocab: Vocab, name: str, settings: Mapping[str, Any]) -> None:
        self.vocab, self.name = vocab, name
        self._saved: Path | None = None
        self._model: Extractor | None = None
        self._set(settings)

    def _set(self, settings: Mapping[str, Any]) -> None:
        chosen = {**DEFAULTS, **{key: settings[key] for key in DEFAULTS if key in settings}}
        threshold = chosen["threshold"]
        if threshold is not None and not 0.0 < threshold < 1.0:
            raise InputError(f"{threshold} is no threshold", where=self.name, hint="0 < it < 1")
        if chosen["alignment"] not in ALIGNMENTS:
            raise InputError(
                f"unknown alignment {chosen['alignment']!r}",
                where=self.name,
                hint=f"known: {', '.join(ALIGNMENTS)}",
            )
        chosen["labels"] = list(distinct_labels(chosen["labels"], self.name))
        refuse_markers(chosen["labels"], where=self.name)
        self.settings = chosen

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that are asked for; the model is not loaded for them."""
        if self.settings["labels"]:
            return tuple(self.settings["labels"])
        if self._model is not None:
            return tuple(self._model.labels)
        folder = self._saved or Path(str(self.settings["model"])).expanduser()
        if is_export(folder):
            return read_description(folder, verify=False).labels
        if (folder / MANIFEST).is_file():
            from encswap.manifest import read_manifest

            return read_manifest(folder).labels
        return ()

    @property
    def extractor(self) -> Extractor:
        """The model, loaded once. Not called `model`: spaCy looks for that in all components."""
        if self._model is None:
            place = self._saved or self.settings["model"]
            if place is None:
                raise InputError(
                    "no model",
                    where=self.name,
                    hint='nlp.add_pipe("encswap", config={"model": RUN, CHECKPOINT or EXPORT})',
                )
            self._model = open_model(place)
        return self._model

    def __call__(self, doc: Doc) -> Doc:
        """Annotate one document."""
        self._annotate([doc])
        return doc

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 128) -> Iterator[Doc]:
        """Annotate a stream of documents, `batch_size` at once."""
        handle = self.get_error_handler()
        for docs in util.minibatch(stream, size=batch_size):
            try:
                self._annotate(docs)
            except Exception as error:
                handle(self.name, self, docs, error)
            else:
                yield from docs

    def _annotate(self, docs: Sequence[Doc]) -> None:
        asked = [doc for doc in docs if doc.text.strip()]
        found = self.extractor.predict(
            [doc.text for doc in asked],
            self.settings["labels"] or None,
            threshold=self.settings["threshold"],
            flat=self.settings["flat"],
            batch_size=self.settings["model_batch"],
        )
        answers = {id(doc): one for doc, one in zip(asked, found, strict=True)}
        for doc in docs:
            self._write(doc, answers.get(id(doc), []))

    def _write(self, doc: Doc, found: Sequence[Prediction]) -> None:
        doc._.encswap = [
            {
                "start": one.start,
                "end": one.end,
                "label": one.label,
                "text": doc.text[one.start : one.end],
                "score": float(one.score),
            }
            for one in found
        ]
        if self.settings["alignment"] == "split":
            cut_tokens(doc, {place for one in found for place in (one.start, one.end)})
        if (key := self.settings["spans_key"]) is not None:
            pairs = [(span, one.score) for one in found if (span := self._span(doc, one))]
            doc.spans[key] = [span for span, _ in pairs]
            doc.spans[key].attrs["scores"] = np.array([score for _, score in pairs], dtype="f")
        if self.settings["annotate_ents"]:
            spans = [span for one in _best_first(found) if (span := self._span(doc, one))]
            own = list(doc.ents)
            first, then = (spans, own) if self.settings["overwrite_ents"] else (own, spans)
            doc.ents = _apart([*first, *then])

    def _span(self, doc: Doc, one: Prediction) -> Span | None:
        mode = self.settings["alignment"]
        mode = "strict" if mode == "split" else mode
        return doc.char_span(one.start, one.end, label=one.label, alignment_mode=mode)

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """The settings; a model is too large for them, so its place is what they hold."""
        packed: bytes = util.to_bytes({CONFIG: lambda: json.dumps(self.settings).encode()}, exclude)
        return packed

    def from_bytes(self, data: bytes, *, exclude: Iterable[str] = ()) -> EntityExtractor:
        """Take the settings that `to_bytes` gave."""
        util.from_bytes(data, {CONFIG: lambda found: self._set(json.loads(found))}, exclude)
        self._model = None
        return self

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Write the settings and a copy of the model's files."""
        writers = {CONFIG: lambda to: write_json(to, self.settings), MODEL: self._copy_model}
        util.to_disk(util.ensure_path(path), writers, exclude)

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> EntityExtractor:
        """Read the settings; the copy of the model there is what will be loaded."""
        place = util.ensure_path(path)

        def settings(file: Path) -> None:
            self._set(json.loads(file.read_text(encoding="utf-8")))

        util.from_disk(place, {CONFIG: settings}, exclude)
        if MODEL not in exclude and (place / MODEL).is_dir():
            self._saved = place / MODEL
        self._model = None
        return self

    def _copy_model(self, target: Path) -> None:
        if self._saved is None and self.settings["model"] is None:
            return
        source = _files_of(self._saved or self.settings["model"])
        if target.exists() and target.samefile(source):
            return
        for path in sorted(source.rglob("*")):
            if path.is_file():
                place = target / path.relative_to(source)
                place.parent.mkdir(parents=True, exist_ok=True)
                copy_file(path, place)


def _files_of(place: str | Path) -> Path:
    """The folder of an export or a checkpoint, which of a run is one inside it."""
    folder = Path(place).expanduser()
    if is_export(folder):
        return folder
    from encswap.models import find_checkpoint
    from encswap.swap.checkpoint import checkpoint_folder

    found = checkpoint_folder(find_checkpoint(place))
    if not (found / MANIFEST).is_file():
        raise SourceError(f"no {MANIFEST}, so there is no model to save", where=found)
    return found


def _best_first(found: Sequence[Prediction]) -> list[Prediction]:
    return sorted(flatten(found), key=lambda one: one.score, reverse=True)


def _apart(spans: Sequence[Span]) -> list[Span]:
    """Keep the first of spans that share a token."""
    taken: set[int] = set()
    kept = []
    for span in spans:
        places = set(range(span.start, span.end))
        if places and not places & taken:
            taken |= places
            kept.append(span)
    return kept


def cut_tokens(doc: Doc, places: Iterable[int]) -> None:
    """Cut tokens where a character offset lies inside of them."""
    inside: dict[int, list[int]] = {}
    starts = [token.idx for token in doc]
    for place in sorted(places):
        number = bisect_right(starts, place) - 1
        if number >= 0 and 0 < place - starts[number] < len(doc[number]):
            inside.setdefault(number, []).append(place - starts[number])
    with doc.retokenize() as retokenizer:
        for number, cuts in inside.items():
            token = doc[number]
            edges = [0, *cuts, len(token)]
            parts = [token.text[low:high] for low, high in pairwise(edges)]
            retokenizer.split(token, parts, heads=[(token, part) for part in range(len(parts))])


if not Doc.has_extension("encswap"):
    Doc.set_extension("encswap", default=None)


@Language.factory(  # type: ignore[untyped-decorator]
    "encswap", assigns=["doc.ents", "doc.spans", "doc._.encswap"], default_config=dict(DEFAULTS)
)
def make_extractor(  # noqa: PLR0917 - spaCy names them
    nlp: Language,
    name: str,
    model: str | None,
    labels: list[str],
    threshold: float | None,
    flat: bool,
    annotate_ents: bool,
    overwrite_ents: bool,
    spans_key: str | None,
    alignment: str,
    model_batch: int,
) -> EntityExtractor:
    """Make the component.

    `model` is a run, a checkpoint, its hub id or an export. `alignment` says how characters become
    tokens: `expand` to whole tokens, `contract`, `strict` leaves out what ends within a token, and
    `split` cuts tokens, so that every span is exact.
    """
    return EntityExtractor(
        nlp.vocab,
        name,
        {
            "model": model,
            "labels": labels,
            "threshold": threshold,
            "flat": flat,
            "annotate_ents": annotate_ents,
            "overwrite_ents": overwrite_ents,
            "spans_key": spans_key,
            "alignment": alignment,
            "model_batch": model_batch,
        },
    )
