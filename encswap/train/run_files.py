"""The files of a run folder as a report reads them, one model each."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from encswap.validation import Record

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]


class Numbers(Record):
    """Precision, recall and F1 in one way of scoring."""

    precision: Share
    recall: Share
    f1: Share
    support: Count


class Measured(Numbers):
    """Numbers with the bootstrap interval of their F1."""

    interval: Annotated[list[Share], Field(min_length=2, max_length=2)]


class SplitScores(Record):
    """What some documents gave: over all labels, label by label, and in other ways of scoring."""

    micro: Measured
    per_label: dict[str, Measured]
    threshold: Share | None = None
    thresholds: dict[str, Share] | None = None
    documents: Count | None = None
    macro: Numbers | None = None
    strings: Numbers | None = None
    iob2: Numbers | None = None
    partial: Numbers | None = None
    type: Numbers | None = None


class Floor(Record):
    """The F1 over all labels of what a model is compared with."""

    f1: Share
    precision: Share | None = None
    recall: Share | None = None
    support: Count | None = None
    interval: Annotated[list[Share], Field(min_length=2, max_length=2)] | None = None


class Baseline(Record):
    """What a model is compared with; `cross_fold` is its score within the training documents."""

    micro: Floor
    name: str = ""
    cross_fold: Floor | None = None
    tasks: dict[str, Any] | None = None
    held_out: dict[str, Any] | None = None
    threshold: Share | None = None
    documents: Count | None = None
    per_label: dict[str, Floor] | None = None
    macro: Floor | None = None
    strings: Floor | None = None
    iob2: Floor | None = None
    partial: Floor | None = None
    type: Floor | None = None


class EpochLine(Record):
    """One epoch of training."""

    epoch: Count
    train_loss: float
    dev_f1: Share
    threshold: Share | None = None
    seconds: Annotated[float, Field(ge=0)] | None = None


class Target(Record):
    """An F1 to reach, and whether it was."""

    target: Share
    verdict: Literal["met", "missed", "undecided", "not measured"]
    f1: Share | None = None
    reached: bool | None = None


class Provenance(Record):
    """When, on what and how long a model was trained; `steps` are those of the optimizer."""

    date: str | None = None
    device: str | None = None
    steps: Count | None = None
    training_seconds: Annotated[float, Field(ge=0)] | None = None
    documents: dict[str, Count] | None = None


class Metrics(Record):
    """`metrics.json`, also as older versions and `encswap eval` write it."""

    protocol: Literal["dev", "plan"] | None
    threshold: Share
    test: SplitScores
    threshold_source: Literal["dev", "test", "given", "default", "none"] = "dev"
    epoch_source: Literal["dev", "test"] | None = None
    labels: dict[str, Any] | list[str] | None = None
    ceiling: dict[str, Any] | None = None
    remarks: list[str] | None = None
    strategy: str | None = None
    model: str | None = None
    splitter: str | None = None
    coverage: Share | None = None
    overlap_policy: str | None = None
    dev: SplitScores | None = None
    baselines: dict[str, Baseline | None] | None = None
    epochs: list[EpochLine] | None = None
    stopped: str | None = None
    seconds: dict[str, Annotated[float, Field(ge=0)]] | None = None
    throughput: dict[str, float | None] | None = None
    targets: dict[str, Target] | None = None
    rivals: dict[str, Any] | None = None
    tasks: dict[str, Any] | None = None
    retention: dict[str, Any] | None = None
    held_out: dict[str, Any] | None = None
    average_with_start: dict[str, Any] | None = None
    label_thresholds: dict[str, Any] | None = None
    provenance: Provenance | None = None
    expressed: dict[str, Any] | None = None  # of a tagger, as the next two
    recipe: dict[str, Any] | None = None
    kind: str | None = None


class Compared(Record):
    """What every trained model is compared with."""

    dictionary: Baseline
    before_training: Baseline
    base: Baseline | None = None
    control: Baseline | None = None


class Baselines(Compared):
    """The same as a run remembers it while it trains: this version always measures the base."""

    base: Baseline


class Kept(Record):
    """What base and swapped model can do on the retention sets, by set."""

    base: dict[str, Any]
    swapped: dict[str, Any]


class Averaged(Record):
    """The share of the start that was chosen on dev, with its score and threshold."""

    share: Share
    dev_f1: Share
    threshold: Share
    tried: list[dict[str, Any]]


class SeedMetrics(Record):
    """What `train --seeds` takes from the `metrics.json` of each seed."""

    partial_view: ClassVar[bool] = True
    test: SplitScores
    targets: dict[str, dict[str, Any]] | None = None

    @model_validator(mode="after")
    def _numbers(self) -> SeedMetrics:
        for name, one in (self.targets or {}).items():
            if not isinstance(one.get("target"), float | int):
                raise ValueError(f"targets.{name} has no target")
        return self


class CellScores(Record):
    """The scores of a cell that a table shows."""

    micro: Floor
    per_label: dict[str, Floor] = Field(default_factory=dict)


class CellMetrics(Record):
    """What a table of an experiment takes from the `metrics.json` of a cell."""

    partial_view: ClassVar[bool] = True
    test: CellScores
    dev: CellScores
    threshold: Share
    coverage: Share
    epochs: list[Any]
    stopped: str | None
    baselines: Compared
    rivals: dict[str, Any] | None = None


SEEDS_REQUEST = "seeds-asked.json"


def is_seeds_folder(path: Path) -> bool:
    """Tell whether `train --seeds` has written here."""
    return (path / SEEDS_REQUEST).is_file()


class SeedsRequest(Record):
    """`seeds-asked.json`: which seeds `train --seeds` trains, of which recipe."""

    seeds: Annotated[list[Count], Field(min_length=1, max_length=10_000)]
    recipe: dict[str, Any]
    allow_pickle: bool


class Failure(Record):
    """`failure.json` of a cell of an experiment."""

    error: str
    seconds: Annotated[float, Field(ge=0)]
    kind: str = ""


class CellRecord(Record):
    """`cell.json`: what a cell of an experiment is, and how long it took."""

    name: str
    settings: dict[str, Any]
    seconds: Annotated[float, Field(ge=0)]


class ExperimentMark(Record):
    """The file that says that a folder is an experiment's."""

    encswap: str


class RecordedModel(Record):
    """Where a model came from."""

    name: str | None = None
    identifier: str | None = None
    revision: str | None = None


class CopiedFile(Record):
    """A file of the splitter, beside the checkpoint."""

    name: str
    sha256: str


class RecordedSplitter(Record):
    """The word splitter."""

    name: str | None = None
    options: dict[str, Any] = Field(default_factory=dict)
    versions: dict[str, str] = Field(default_factory=dict)
    files: dict[str, CopiedFile] = Field(default_factory=dict)


class Recorded(Record):
    """What a report shows of `encswap.json`; a part that is not recorded is left out."""

    encswap: str | None = None
    base: RecordedModel | None = None
    encoder: RecordedModel | None = None
    splitter: RecordedSplitter | None = None
    max_width: Count | None = None
    threshold: Share | None = None
    thresholds: dict[str, Share] | None = None
    embeddings: str | None = None
    origins: dict[str, Count] | None = None
    labels: list[str] | None = None
    descriptions: dict[str, str] | None = None
    versions: dict[str, str] | None = None
    plugins: dict[str, str] | None = None
    data: dict[str, str] | None = None
    recipe: dict[str, Any] | None = None
    remarks: list[str] | None = None
    chosen_on: str | None = None


class Span(Record):
    """A span of a text with its label."""

    start: Count
    end: Count
    label: str


class GoldSpan(Span):
    """A mention, whether the units could express it, and how often training documents mark it."""

    text: str
    expressible: str = ""
    in_training: Count | None = None


class ScoredSpan(Span):
    """A predicted span."""

    score: Share


class GoldString(Record):
    """A gold string that does not stand in its text, and how often training documents mark it."""

    label: str
    text: str
    in_training: Count | None = None


class Line(Record):
    """One line of `predictions.jsonl`."""

    id: str
    text: str
    document: Count | None = None
    line: Count | None = None
    labels: list[str] | None = None
    gold: list[GoldSpan]
    unlocated: list[GoldString]
    predictions: list[ScoredSpan]
    candidates: list[ScoredSpan]

    @model_validator(mode="after")
    def _inside(self) -> Line:
        for one in (*self.gold, *self.predictions, *self.candidates):
            if not one.start < one.end <= len(self.text):
                raise ValueError(f"characters {one.start} to {one.end} are outside the text")
        return self
