"""An exported model: texts in, entities out, as `encswap predict` finds them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from encswap.data.units import CachedSplitter
from encswap.data.windows import Window, cut, merge
from encswap.errors import EncswapError, InputError, SourceError
from encswap.gliner.decoding import flatten, resolve
from encswap.gliner.prompt_room import PromptRoom
from encswap.gliner.schema import EntitySchema
from encswap.runtime.description import GRAPH, TOKENIZER, Description, read_description
from encswap.runtime.encoding import EncodedText, Encoding, Prompt, as_inputs
from encswap.runtime.words import load_splitter
from encswap.types import Example, Prediction

if TYPE_CHECKING:
    from numpy.typing import NDArray

BATCH = 16
FLOOR = 0.05
DEFAULT_THRESHOLD = 0.5
KEPT_CHARACTERS = 4_000_000
"""Of texts whose units are remembered, so that memory stays flat."""
Say = Callable[[str], None]


@dataclass(frozen=True)
class Logits:
    """What the graph says of one text: the count head's logits, and spans (labels, words, width).

    A span that reaches behind the text's last word has no meaning.
    """

    counts: NDArray[np.float32]
    spans: NDArray[np.float32]

    @property
    def is_open(self) -> bool:
        """Whether the count head says that the text holds anything."""
        return int(self.counts.argmax()) > 0


class Runner:
    """A loaded export; call it from one thread at a time, it uses all cores by itself."""

    def __init__(self, folder: Path, description: Description, session: Any) -> None:
        self.folder, self.description = folder, description
        self.encoding = Encoding(folder / TOKENIZER, description.special_pieces, description.empty)
        splitter = load_splitter(description.splitter, folder)
        self.splitter = CachedSplitter(splitter, KEPT_CHARACTERS)
        self.room = PromptRoom(
            description.positions, description.max_length, self.encoding.prompt_length
        )
        self._session = session

    def __repr__(self) -> str:
        labels = ", ".join(self.description.labels[:5])
        more = "…" if len(self.description.labels) > 5 else ""
        return f"Runner({str(self.folder)!r}, {self.description.precision}, labels: {labels}{more})"

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that the model was trained for."""
        return self.description.labels

    @property
    def threshold(self) -> float:
        """The probability from which a span is extracted, unless a call names another."""
        return self.description.threshold or DEFAULT_THRESHOLD

    def asked(self, labels: Sequence[str] | None = None) -> EntitySchema:
        """The labels of a call, else those of training; `InputError` where there are none."""
        if labels:
            return EntitySchema.of(labels, where="labels")
        if not self.labels:
            raise InputError("the model was exported without labels", hint="name them in the call")
        return EntitySchema.of(self.labels, self.description.descriptions, where="export.json")

    def predict(
        self,
        texts: str | Iterable[str],
        labels: Sequence[str] | None = None,
        *,
        threshold: float | None = None,
        flat: bool = False,
        batch_size: int = BATCH,
    ) -> list[list[Prediction]]:
        """Find entities in texts of any length; offsets are in characters of each text.

        `flat` keeps one label a span. Raises `InputError` for labels that are empty, hold a marker
        of gliner2's prompt or leave no room for text, and for a threshold that is not between 0
        and 1.
        """
        texts = [texts] if isinstance(texts, str) else list(texts)
        if threshold is not None and not 0.0 < threshold < 1.0:
            raise InputError(f"{threshold} is no threshold", hint="0 < it < 1")
        asked = self.asked(labels)
        own = {} if threshold is not None else dict(self.description.thresholds)
        at = threshold or self.threshold
        floor = min([at, *own.values()])
        found = [
            resolve(one, at, self.description.overlap_policy, own)
            for one in self.candidates(texts, asked, floor, batch_size)
        ]
        return [flatten(one) for one in found] if flat else found

    def candidates(
        self,
        texts: Sequence[str],
        asked: EntitySchema,
        floor: float = FLOOR,
        batch_size: int = BATCH,
    ) -> list[list[Prediction]]:
        """Score documents: spans at or above `floor`, overlaps not yet resolved."""
        groups = self.room.divide(asked)
        windows = self.windows(texts, min(self.room.budget(group) for group in groups))
        parts = [window.example.text for window in windows]
        scored: list[list[Prediction]] = [[] for _ in parts]
        for group in groups:
            for place, found in self._scored(parts, group, floor, batch_size):
                scored[place] = scored[place] + found
        merged = merge(windows, scored)
        return [merged.get(place, []) for place in range(len(texts))]

    def windows(self, texts: Sequence[str], budget: int) -> list[Window]:
        """Cut texts into windows of at most `budget` subtokens."""
        return [
            window
            for place, text in enumerate(texts)
            for window in cut(
                Example(str(place), text),
                splitter=self.splitter,
                count=self.encoding.count,
                budget=budget,
                document=place,
            )
        ]

    def logits(self, texts: Sequence[str], asked: EntitySchema) -> list[Logits]:
        """What the graph says of texts that fit beside the prompt, each in one window."""
        prompt = self.encoding.prompt(asked.labels, asked.descriptions)
        return self._run(prompt, [self.encoding.encode(text, self.splitter) for text in texts])

    def _scored(
        self, texts: Sequence[str], asked: EntitySchema, floor: float, batch_size: int
    ) -> Iterator[tuple[int, list[Prediction]]]:
        """Score windows, those of like length together; each with its place."""
        prompt = self.encoding.prompt(asked.labels, asked.descriptions)
        encoded = [self.encoding.encode(text, self.splitter) for text in texts]
        order = sorted(range(len(texts)), key=lambda place: len(encoded[place].ids))
        for start in range(0, len(order), batch_size):
            places = order[start : start + batch_size]
            answers = self._run(prompt, [encoded[place] for place in places])
            for place, logits in zip(places, answers, strict=True):
                spans = above(logits, encoded[place], asked.labels, len(texts[place]), floor)
                yield place, spans

    def _run(self, prompt: Prompt, texts: Sequence[EncodedText]) -> list[Logits]:
        if not texts:
            return []
        pooled = self.description.pooling == "mean"
        inputs = as_inputs(prompt, texts, self.description.max_width, stops=pooled)
        counts, spans = self._session.run(["counts", "logits"], inputs)
        return [
            Logits(count, span[:, : len(text.firsts)])
            for text, count, span in zip(texts, counts, spans, strict=True)
        ]


def above(
    logits: Logits, text: EncodedText, labels: Sequence[str], length: int, floor: float
) -> list[Prediction]:
    """The spans of a text at or above `floor`; none where the count head says there are none.

    gliner2 ends every text with a full stop, which may be none of the text's own.
    """
    words = len(text.firsts)
    if not logits.is_open or not words:
        return []
    scores = 1.0 / (1.0 + np.exp(-logits.spans))
    kept = np.argwhere(scores >= np.float32(floor))
    return [
        Prediction(text.starts[first], text.ends[first + width], labels[label], score)
        for (label, first, width), score in zip(
            kept.tolist(), scores[tuple(kept.T)].tolist(), strict=True
        )
        if first + width < words and text.ends[first + width] <= length
    ]


def load(folder: str | Path, *, threads: int | None = None, verify: bool = True) -> Runner:
    """Load an export folder.

    `threads` limits the cores that one call uses; `verify` compares checksums first. Raises
    `SourceError` in one line where the folder is no whole export of a version that is known, or its
    word splitter is not installed.
    """
    path = Path(folder)
    description = read_description(path, verify=verify)
    return Runner(path, description, open_session(path / GRAPH, threads))


def open_session(path: Path, threads: int | None = None) -> Any:
    """Open a graph with onnxruntime on the CPU; raises `SourceError` where it cannot be loaded."""
    try:
        import onnxruntime
    except ImportError as error:
        raise EncswapError(
            "onnxruntime is not installed", hint='pip install "encswap[onnx]"'
        ) from error
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    if threads is not None:
        options.intra_op_num_threads = threads
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        what = " ".join(str(error).split())[:200]
        raise SourceError(f"onnxruntime cannot load it: {what}", where=path) from error
