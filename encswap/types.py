"""The nouns of encswap: what is known of encoders, what was found, and what a swap is made of.

Nothing here imports torch at run time, so a table can be drawn without it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol

from annotated_types import Ge, Interval

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

Mark = Literal["V", "D", "T", "M", "R"]
Depth = Literal["facts", "config", "forward", "weights"]
Status = Literal["pass", "warn", "fail", "skip"]
Verdict = Literal["selected", "rejected", "unknown"]
Scale = Literal["full", "mini"]
Layout = Literal["encoder", "sentence-embedding", "complete-model"]
MARK_MEANINGS: Mapping[Mark, str] = {
    "V": "read at the source itself",
    "D": "read in the file of a public fine-tune that names this model as its origin",
    "T": "a third party's statement",
    "M": "from memory, not verified",
    "R": "run for this project",
}
STAND_IN = "recorded/"
DEPTHS: tuple[Depth, ...] = ("facts", "config", "forward", "weights")


@dataclass(frozen=True)
class Fact:
    """A recorded value with how it was learned (`mark`) and when (`date`, ISO 8601)."""

    value: Any
    mark: Mark
    date: str
    source: str = ""


@dataclass(frozen=True)
class Claim:
    """What a plan says of an encoder, as it is written there and, where it has one, as a value."""

    text: str
    value: Any = None
    where: str = ""


@dataclass(frozen=True)
class EncoderSpec:
    """A registered encoder: where it is, how it is cut into words, and what is recorded of it.

    Recorded `facts` use these keys: `config` (fields of config.json), `config_class`, `tokenizer`
    (`model`, `length`, special tokens), `parameters`, `licence`, `layout`, `weights_bytes`.
    `claims` use the key of the fact they speak of, or `rejected` / `selected` for a verdict.
    """

    name: str
    hub_id: str
    revision: str | None = None
    word_splitter: str = "whitespace"
    facts: Mapping[str, Fact] = field(default_factory=dict)
    claims: Mapping[str, Claim] = field(default_factory=dict)

    def fact(self, key: str, default: Any = None) -> Any:
        """Return the recorded value of `key`, or `default` where nothing is recorded."""
        recorded = self.facts.get(key)
        return default if recorded is None else recorded.value

    @property
    def config(self) -> Mapping[str, Any]:
        """The recorded fields of config.json; empty where none are recorded."""
        recorded = self.fact("config", {})
        return recorded if isinstance(recorded, Mapping) else {}

    @property
    def layout(self) -> Layout:
        """What kind of repository this is recorded to be."""
        layout: Layout = self.fact("layout", "encoder")
        return layout


@dataclass(frozen=True)
class BaseSpec(EncoderSpec):
    """A registered GLiNER2 model to operate on; its facts speak of the encoder inside it."""


@dataclass(frozen=True)
class Source:
    """A model's files in a local folder, and where they came from.

    `revision` is the commit they were read at; `pinned` says whether someone named it. `files`
    gives sizes in bytes, also of files that were not fetched.
    """

    name: str
    path: Path
    kind: Literal["hub", "folder", "mini"]
    identifier: str
    revision: str | None = None
    allow_pickle: bool = False
    allow_remote_code: bool = False
    pinned: bool = False
    files: Mapping[str, int] = field(default_factory=dict)

    @property
    def stands_in(self) -> bool:
        """Whether these are its recorded config and a small tokenizer, not its own files."""
        return self.identifier.startswith(STAND_IN)


@dataclass(frozen=True)
class Finding:
    """What one check saw, at which depth, and the claim it stands beside."""

    code: str
    status: Status
    depth: Depth
    message: str
    claim: str | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class LoadedEncoder:
    """An encoder in float32 with its tokenizer and what loading reported of its weights."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerFast
    missing_keys: tuple[str, ...] = ()
    unexpected_keys: tuple[str, ...] = ()
    mismatched_keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class EmbeddingTable:
    """Word embeddings with the tokenizer that numbers their rows.

    `weight` is float32 of shape (rows, hidden). `markers` maps each of the base's schema tokens to
    its id in this tokenizer; in a candidate the marker rows exist but hold no trained values yet.
    """

    weight: torch.Tensor
    tokenizer: PreTrainedTokenizerFast
    markers: Mapping[str, int]


@dataclass(frozen=True)
class AdaptedEmbeddings:
    """New word embeddings of shape (rows, hidden), and how many rows were made in which way."""

    weight: torch.Tensor
    origins: Mapping[str, int]


@dataclass(frozen=True)
class ParamGroup:
    """One group of the optimizer: named parameters with their learning rate and weight decay."""

    name: str
    parameters: tuple[tuple[str, torch.nn.Parameter], ...]
    learning_rate: float
    weight_decay: float


@dataclass(frozen=True)
class ParamGroupSettings:
    """What the recipe says of the optimizer's groups; rates are per step, peak.

    `layer_decay` is the factor from one encoder layer's rate to that of the layer below it.
    """

    encoder_lr: float
    head_lr: float
    weight_decay: float
    layer_decay: float = 1.0


@dataclass(frozen=True)
class CheckContext:
    """What a check may look at besides base and candidate."""

    depth: Depth
    examples: tuple[Example, ...] = ()
    splitters: Mapping[str, WordSplitter] = field(default_factory=dict)
    training_examples: int | None = None
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Subject:
    """One side of a comparison: a spec, with the source of its files where they are at hand."""

    spec: EncoderSpec
    source: Source | None = None
    unreachable: str = ""


class WordSplitter(Protocol):
    """Cut a text into units: `(token, start, end)`, end exclusive, offsets into the text."""

    def __call__(self, text: str, lower: bool = True) -> Iterator[tuple[str, int, int]]:
        """Yield the units of `text` in order."""


SplitterFactory = Callable[..., WordSplitter]
Register = Callable[[EncoderSpec], None]
RegisterSplitter = Callable[[str, SplitterFactory], None]


@dataclass(frozen=True, order=True)
class Mention:
    """A labelled span of a text: characters [start, end) of the original text."""

    start: int
    end: int
    label: str
    text: str


@dataclass(frozen=True)
class Unlocated:
    """A gold string that does not stand in its text: kept, and scored as a miss."""

    label: str
    text: str


Gold = Mention | Unlocated
"""A gold mention, in its text or not."""


@dataclass(frozen=True)
class Example:
    """A document with its gold; `labels` are those that its record names, also without gold.

    `annotated` is the set of labels that were looked for in it, where its record says so: others
    are neither trained nor scored in it. None: those of its file. An `id` names where the text
    came from and may repeat; examples are told apart by their place in the file. `tasks` is its
    gold of other tasks than entities, as gliner2 writes it, by the task's key.
    """

    id: str
    text: str
    mentions: tuple[Mention, ...] = ()
    unlocated: tuple[Unlocated, ...] = ()
    labels: tuple[str, ...] = ()
    descriptions: Mapping[str, str] = field(default_factory=dict)
    line: int | None = None
    annotated: tuple[str, ...] | None = None
    tasks: Mapping[str, Any] = field(default_factory=dict)

    @property
    def gold(self) -> tuple[Gold, ...]:
        """All of its gold: what stands in the text first, then what does not."""
        return (*self.mentions, *self.unlocated)

    @property
    def names_source(self) -> bool:
        """Whether its id is the file's own; a reader makes one of file name and line otherwise."""
        return self.line is None or not self.id.endswith(f":{self.line}")

    def is_annotated(self, label: str) -> bool:
        """Whether `label` was looked for in this document, as far as is known."""
        return self.annotated is None or label in self.annotated


@dataclass(frozen=True)
class Prediction:
    """A predicted span of a document with its score, a probability from 0 to 1."""

    start: int
    end: int
    label: str
    score: float


def labels_of(examples: Iterable[Example]) -> list[str]:
    """List every label of the examples, in the order of first appearance."""
    seen: dict[str, None] = {}
    for example in examples:
        seen.update(dict.fromkeys(example.labels))
        seen.update(dict.fromkeys(example.annotated or ()))
        seen.update(dict.fromkeys(mention.label for mention in example.mentions))
        seen.update(dict.fromkeys(gold.label for gold in example.unlocated))
    return list(seen)


def descriptions_of(examples: Iterable[Example]) -> dict[str, str]:
    """Collect the descriptions that the examples give to labels; the first one of a label wins."""
    found: dict[str, str] = {}
    for example in examples:
        for label, description in example.descriptions.items():
            found.setdefault(label, description)
    return found


@dataclass(frozen=True)
class Epoch:
    """One epoch's line in `metrics.json`; `seconds` spans training and scoring."""

    epoch: Annotated[int, Ge(0)]
    train_loss: Annotated[float, Interval(gt=-inf, lt=inf)]
    dev_f1: Annotated[float, Interval(ge=0, le=1)]
    threshold: Annotated[float, Interval(ge=0, le=1)]
    seconds: Annotated[float, Interval(ge=0, lt=inf)]


class Watcher(Protocol):
    """Who is told how a run goes on; the command line draws it."""

    def stage(self, name: str) -> None:
        """A new stage begins."""

    def step(self, done: int, total: int, loss: float) -> None:
        """One optimizer step is done."""

    def epoch(self, record: Epoch, improved: bool) -> None:
        """One epoch is trained and scored."""

    def stopped(self, reason: str) -> None:
        """Training ends before its last epoch."""

    def remark(self, text: str) -> None:
        """Something is known that a reader of the scores must know."""


class Unwatched:
    """Tells nobody."""

    def stage(self, name: str) -> None:
        """Tell nobody."""

    def step(self, done: int, total: int, loss: float) -> None:
        """Tell nobody."""

    def epoch(self, record: Epoch, improved: bool) -> None:
        """Tell nobody."""

    def stopped(self, reason: str) -> None:
        """Tell nobody."""

    def remark(self, text: str) -> None:
        """Tell nobody."""
