"""The promise to plugin authors: what is public stays, or `API_VERSION` is raised."""

from __future__ import annotations

import importlib
import inspect
from dataclasses import MISSING, fields, is_dataclass
from typing import Any

import pytest

import encswap
from encswap import hookspecs

# What may change without a new API version: names, fields and arguments with a default are added.
# Then add the line here. A line that goes or changes breaks a stranger's plugin.
PUBLIC = {
    "encswap": """
int API_VERSION
dataclass AdaptedEmbeddings
AdaptedEmbeddings.weight: torch.Tensor
AdaptedEmbeddings.origins: Mapping[str, int]
dataclass BaseSpec
BaseSpec.name: str
BaseSpec.hub_id: str
BaseSpec.revision: str | None = …
BaseSpec.word_splitter: str = …
BaseSpec.facts: Mapping[str, Fact] = …
BaseSpec.claims: Mapping[str, Claim] = …
dataclass CheckContext
CheckContext.depth: Depth
CheckContext.examples: tuple[Example, ...] = …
CheckContext.splitters: Mapping[str, WordSplitter] = …
CheckContext.training_examples: int | None = …
CheckContext.words: tuple[str, ...] = …
dataclass Claim
Claim.text: str
Claim.value: Any = …
Claim.where: str = …
dataclass EmbeddingTable
EmbeddingTable.weight: torch.Tensor
EmbeddingTable.tokenizer: PreTrainedTokenizerFast
EmbeddingTable.markers: Mapping[str, int]
dataclass EncoderSpec
EncoderSpec.name: str
EncoderSpec.hub_id: str
EncoderSpec.revision: str | None = …
EncoderSpec.word_splitter: str = …
EncoderSpec.facts: Mapping[str, Fact] = …
EncoderSpec.claims: Mapping[str, Claim] = …
EncoderSpec.fact(self, key: str, default: Any = None) -> Any
EncoderSpec.config -> Mapping[str, Any]
EncoderSpec.layout -> Layout
error EncswapError(message: str, *, where: str | Path | None = None, hint: str = ) -> None
dataclass Example
Example.id: str
Example.text: str
Example.mentions: tuple[Mention, ...] = …
Example.unlocated: tuple[Unlocated, ...] = …
Example.labels: tuple[str, ...] = …
Example.descriptions: Mapping[str, str] = …
Example.line: int | None = …
Example.annotated: tuple[str, ...] | None = …
Example.tasks: Mapping[str, Any] = …
Example.gold -> tuple[Gold, ...]
Example.names_source -> bool
Example.is_annotated(self, label: str) -> bool
dataclass Fact
Fact.value: Any
Fact.mark: Mark
Fact.date: str
Fact.source: str = …
dataclass Finding
Finding.code: str
Finding.status: Status
Finding.depth: Depth
Finding.message: str
Finding.claim: str | None = …
Finding.evidence: Mapping[str, Any] = …
dataclass LoadedEncoder
LoadedEncoder.model: PreTrainedModel
LoadedEncoder.tokenizer: PreTrainedTokenizerFast
LoadedEncoder.missing_keys: tuple[str, ...] = …
LoadedEncoder.unexpected_keys: tuple[str, ...] = …
LoadedEncoder.mismatched_keys: tuple[str, ...] = …
dataclass Mention
Mention.start: int
Mention.end: int
Mention.label: str
Mention.text: str
dataclass ParamGroup
ParamGroup.name: str
ParamGroup.parameters: tuple[tuple[str, torch.nn.Parameter], ...]
ParamGroup.learning_rate: float
ParamGroup.weight_decay: float
dataclass ParamGroupSettings
ParamGroupSettings.encoder_lr: float
ParamGroupSettings.head_lr: float
ParamGroupSettings.weight_decay: float
ParamGroupSettings.layer_decay: float = …
dataclass Source
Source.name: str
Source.path: Path
Source.kind: Literal[hub, folder, mini]
Source.identifier: str
Source.revision: str | None = …
Source.allow_pickle: bool = …
Source.allow_remote_code: bool = …
Source.pinned: bool = …
Source.files: Mapping[str, int] = …
Source.stands_in -> bool
dataclass Subject
Subject.spec: EncoderSpec
Subject.source: Source | None = …
Subject.unreachable: str = …
protocol WordSplitter(self, text: str, lower: bool = True) -> Iterator[tuple[str, int, int]]
CallableModule check
CallableModule evaluate
HookimplMarker hookimpl
function load -> PreTrainedModel
load(folder: str | Path)
function predict -> PredictResult
predict(model: str | Path | Extractor)
predict(texts: str | Iterable[str])
predict(labels: Sequence[str] | None = None)
predict(threshold: float | None = None)
predict(flat: bool = False)
predict(batch_size: int = 16)
function read_encoders -> dict[str, EncoderSpec]
read_encoders(path: Path)
CallableModule swap
CallableModule train
""",
    "encswap.testing": """
function conforms -> Callable[[Case], None]
conforms(name: str)
conforms(methods: Sequence[str] = ())
""",
    "encswap.hookspecs": """
function adapt_embeddings -> AdaptedEmbeddings | None
adapt_embeddings(base: EmbeddingTable)
adapt_embeddings(candidate: EmbeddingTable)
adapt_embeddings(method: str)
adapt_embeddings(generator: torch.Generator)
function build_param_groups -> list[ParamGroup] | None
build_param_groups(model: torch.nn.Module)
build_param_groups(settings: ParamGroupSettings)
function check_compatibility -> list[Finding] | None
check_compatibility(base: Subject)
check_compatibility(candidate: Subject)
check_compatibility(context: CheckContext)
function load_encoder -> LoadedEncoder | None
load_encoder(spec: EncoderSpec)
load_encoder(source: Source)
function register_encoders -> None
register_encoders(register: Register)
function register_word_splitters -> None
register_word_splitters(register: RegisterSplitter)
""",
}


def described(name: str, value: Any) -> list[str]:
    """A name's kind and signature, as lines."""
    if is_dataclass(value):
        return [
            f"dataclass {name}",
            *(
                f"{name}.{one.name}: {one.type}" + (" = …" if has_default(one) else "")
                for one in fields(value)
            ),
            *(f"{name}.{part}" for part in members(value)),
        ]
    if inspect.isclass(value) and issubclass(value, Exception):
        return [f"error {name}{inspect.signature(value)}"]
    if inspect.isclass(value):
        return [f"protocol {name}{inspect.signature(value.__call__)}"]
    if inspect.isfunction(value):
        signature = inspect.signature(value)
        arguments = [f"{name}({one})" for one in signature.parameters.values()]
        return [f"function {name} -> {signature.return_annotation}", *arguments]
    return [f"{type(value).__name__} {name}"]


def has_default(one: Any) -> bool:
    return one.default is not MISSING or one.default_factory is not MISSING


def members(value: type) -> list[str]:
    """Methods and properties of its own."""
    found = []
    for name, part in vars(value).items():
        if name.startswith("_"):
            continue
        if isinstance(part, property):
            found.append(f"{name} -> {part.fget.__annotations__['return']}")  # type: ignore[union-attr]
        elif inspect.isfunction(part):
            found.append(f"{name}{inspect.signature(part)}")
    return found


def public_lines(module: str) -> list[str]:
    found = importlib.import_module(module)
    names = sorted(hook_names() if module == "encswap.hookspecs" else found.__all__)
    lines = [line for name in names for line in described(name, getattr(found, name))]
    return [line.replace("'", "") for line in lines]


def hook_names() -> list[str]:
    return [name for name, value in vars(hookspecs).items() if hasattr(value, "encswap_spec")]


@pytest.mark.parametrize("module", PUBLIC)
def test_public_names_keep_their_kind_and_signature(module: str) -> None:
    promised = PUBLIC[module].strip().splitlines()
    found = public_lines(module)
    gone = [line for line in promised if line not in found]
    new = [line for line in found if line not in promised]
    assert not gone, f"raise API_VERSION, or keep: {gone}"
    assert not new, f"add to the list: {new}"
    assert found == promised, "the order of fields and arguments changed"


def test_the_api_version_is_a_whole_number() -> None:
    assert encswap.API_VERSION == 1
