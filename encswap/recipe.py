"""The recipe: every setting of a swap and its training, as one typed file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from encswap.errors import InputError, suggest
from encswap.validation import fault_of, tell_unknown
from encswap.yaml_files import numbered, read_mapping

RECIPES = Path(__file__).parent / "recipes"
DEFAULT_RECIPE = "plan"
MINI = "mini"
Share = Annotated[float, Field(ge=0.0, le=1.0)]
Threshold = Annotated[float, Field(gt=0.0, lt=1.0)]
Part = Literal["train", "dev", "test"]
Strategy = Literal["surgical", "fresh-heads", "scratch", "lora", "keep"]


class Recipe(BaseModel):
    """The settings of one run; defaults stand in `recipes/plan.yaml`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    base: str = Field(description="GLiNER2 model to operate on: name, hub id, folder, or mini")
    scale: Literal["full", "mini"] = Field("full", description="full, or mini: small models")
    encoder: str | None = Field(None, description="registered name, hub id or folder")
    control: str | None = Field(
        None, description="a GLiNER2 model that is scored beside, as it is: name, hub id, folder"
    )
    train: str | None = Field(
        None, description="training documents: a file, or a shipped set; several with commas"
    )
    test: str | None = Field(None, description="test documents, scored once")
    dev: str | None = Field(None, description="dev documents; taken from train where not given")
    format: Mapping[Part, str] | str = Field(
        "auto",
        description="format of the files, or by part: {train: conll}; auto: recognised. In a file "
        "also written as `from`, or `train.from`",
    )
    tag_column: str | None = Field(
        None, description="column of the tags in files of columns: its number from 1, or its name"
    )
    tag_label: str | None = Field(
        None, description="label of tags that name none (B, I, O) in files of columns"
    )
    label_names: str | None = Field(
        None,
        description="names of tags that are numbers, from 0, with commas: O,B-PER,I-PER,…",
    )
    occurrences: Literal["all", "standalone", "first"] = Field(
        "standalone",
        description="what a gold string without offsets marks: all its occurrences, those that "
        "stand on their own (in no longer gold string and no word), or the first of these",
    )
    labels_per_file: bool = Field(
        False,
        description="a document is trained and scored for the labels of its own file alone, as "
        "in files that were annotated for different labels",
    )
    overlap_policy: Literal["auto", "allow", "nested", "disallow", "longest"] = Field(
        "auto",
        description="which overlapping spans of one label are returned, in scoring and in "
        "prediction; auto: as the model's architecture does, none",
    )
    strategy: Strategy = Field(
        description="what is kept: surgical keeps the heads, fresh-heads the encoder alone, "
        "scratch nothing; lora keeps all and trains adapters; keep swaps nothing: the base's own "
        "encoder and heads"
    )
    embeddings: str = Field(
        description="how the marker rows start: transplant, describe, mean, random, or overlap, "
        "which starts the whole table from the base's"
    )
    alignment: Literal["none", "ridge", "procrustes", "phase", "distill"] = Field(
        "none",
        description="bring the encoder's word vectors to the base's before training: by a map in "
        "the kept heads (ridge, procrustes), by training the encoder (phase), or by training it "
        "also on label vectors and span scores (distill)",
    )
    alignment_steps: Annotated[int, Field(ge=1)] = Field(
        200, description="updates of phase and distill"
    )
    alignment_texts: Annotated[int, Field(ge=2)] | str = Field(
        500,
        description="training documents that alignment looks at, without their gold; or a file "
        "of texts that both encoders read: documents, or .txt with a text a line",
    )
    alignment_batch: Annotated[int, Field(ge=1)] = Field(
        8, description="texts an update of distill"
    )
    alignment_lr: Annotated[float, Field(gt=0, lt=1)] | None = Field(
        None, description="peak rate of distill; encoder_lr if not given"
    )
    alignment_warmup: Share = Field(0.1, description="share of distill's updates that warm up")
    splitter: str | None = Field(None, description="word splitter; the encoder's own if not given")
    splitter_options: Mapping[str, Any] = Field(
        default_factory=dict, description="options of the splitter, such as user_dictionary"
    )
    token_pooling: Literal["first", "mean", "max"] | None = Field(
        None, description="which of a unit's subtokens stand for it; as the base's if not given"
    )
    special_ends: bool = Field(
        False,
        description="begin and end the input with the encoder's own tokens, such as [CLS] and "
        "[SEP]; gliner2 puts none",
    )
    keep_case: bool = Field(
        False, description="read units as they are written; gliner2 lower-cases them"
    )
    running_text: bool = Field(
        False,
        description="cut a unit that follows another without a space into pieces that continue a "
        "word; gliner2 cuts each unit as if a space stood before it",
    )
    max_width: Literal["auto"] | Annotated[int, Field(ge=1, le=64)] = Field(
        description="widest span in units; auto covers 99.5% of the aligned mentions"
    )
    encoder_lr: Annotated[float, Field(gt=0, lt=1)] = Field(description="peak rate of the encoder")
    head_lr: Annotated[float, Field(gt=0, lt=1)] = Field(description="peak rate of the heads")
    layer_decay: Annotated[float, Field(gt=0, le=1)] = Field(
        1.0, description="factor from an encoder layer's rate to that of the layer below it"
    )
    freeze_encoder_steps: Annotated[int, Field(ge=0)] = Field(
        0, description="first updates in which the encoder stays as it is: head warm-up"
    )
    lora_rank: Annotated[int, Field(ge=1, le=1024)] = Field(16, description="rank of adapters")
    lora_alpha: Annotated[float, Field(gt=0)] = Field(32.0, description="adapters' scale × rank")
    lora_dropout: Annotated[float, Field(ge=0, lt=1)] = Field(0.0, description="within adapters")
    lora_targets: Annotated[tuple[str, ...], Field(min_length=1)] = Field(
        ("encoder", "all_task_heads"), description="gliner2's names of what gets adapters"
    )
    epochs: Annotated[int, Field(ge=1, le=1000)] = Field(description="passes over the documents")
    batch_size: Annotated[int, Field(ge=1)] = Field(description="documents per step and device")
    gradient_accumulation: Annotated[int, Field(ge=1)] = Field(description="steps per update")
    warmup_ratio: Share = Field(description="share of the updates that warm up")
    weight_decay: Annotated[float, Field(ge=0)] = Field(description="not on biases and norms")
    max_grad_norm: Annotated[float, Field(gt=0)] = Field(1.0, description="gradient clipping")
    group_by_length: bool = Field(True, description="documents of like length share a batch")
    gradient_checkpointing: bool = Field(
        False, description="compute the encoder twice and keep less of it in memory"
    )
    attention_backend: Literal["standard", "disentangled_flash"] = Field(
        "standard", description="gliner2's attention for DeBERTa; flash wants its extra installed"
    )
    embedding_rows: Literal["used", "all"] = Field(
        "used", description="rows that are trained: of the pieces that the documents use, or all"
    )
    max_length: Annotated[int, Field(ge=16)] = Field(
        description="subtokens per window, the schema prompt counted in"
    )
    precision: Literal["auto", "fp32", "fp16", "bf16", "bf16-encoder"] = Field(
        description="number format; bf16-encoder: products inside the encoder alone in bfloat16, "
        "also on a CPU that has it"
    )
    seed: Annotated[int, Field(ge=0, lt=2**32)] = Field(description="every random choice")
    thresholds: Annotated[tuple[Threshold, ...], Field(min_length=1)] = Field(
        description="swept on dev after each epoch"
    )
    label_thresholds: Literal["auto", "never"] = Field(
        "auto",
        description="a threshold for each label in place of one for all; auto: where cross-fitting "
        "on dev shows a gain. Never with protocol plan, which chooses on test",
    )
    min_coverage: Share = Field(0.8, description="least share of gold that the units express")
    protocol: Literal["dev", "plan"] = Field(
        description="where epoch and threshold are chosen: on dev, or on test as the plan does"
    )
    dev_share: Annotated[float, Field(gt=0, lt=0.9)] = Field(description="documents taken as dev")
    patience: Annotated[int, Field(ge=1)] = Field(description="epochs without a better dev F1")
    select_by: Literal["auto", "entities", "classifications", "relations", "structures", "mean"] = (
        Field(
            "auto",
            description="dev score that chooses the epoch: F1 of entities, mean macro F1 of "
            "classifications, strict F1 of relations, exact F1 of structures, or their mean; auto: "
            "the first of these that the documents have",
        )
    )
    synthetic_labels: Share = Field(
        0.2, description="share of samples whose labels gliner2 renames while training"
    )
    synthetic_classes: Share = Field(
        0.5, description="share of classifications whose labels gliner2 renames while training"
    )
    held_out_labels: tuple[str, ...] = Field(
        (), description="labels that are not shown in training and are scored at test, zero-shot"
    )
    labels_per_document: Annotated[int, Field(ge=1)] | None = Field(
        None,
        description="labels that a training document is asked for: those of its gold and others "
        "drawn anew each epoch, in random order; all of them if not given",
    )
    replay: str | None = Field(
        None,
        description="documents of other labels and tasks that are mixed into training, so that "
        "they are not forgotten: a file, or several with commas",
    )
    replay_share: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.2, description="share of the training samples that are replayed"
    )
    distill_start: Annotated[float, Field(ge=0.0, le=1.0)] = Field(
        0.0,
        description="weight of self-distillation: how far the model moves from what its teacher "
        "answers to other labels counts in the loss; 0 for none",
    )
    distill_from: Literal["start", "base"] = Field(
        "start",
        description="the teacher: a frozen copy of the model before training, or the base with "
        "its own encoder, on texts that it can read",
    )
    distill_texts: str | None = Field(
        None,
        description="texts that the teacher is asked about: documents, their gold not read, or "
        ".txt with a text a line; the training documents if not given",
    )
    distill_labels: tuple[str, ...] = Field(
        (),
        description="labels that the teacher is asked for; those of the shipped retention set if "
        "not given; a label that is trained is left out",
    )
    average_with_start: tuple[Share, ...] = Field(
        (),
        description="shares of the weights before training that are tried on dev when training is "
        "over, such as [0.1, 0.3, 0.5]; the best is kept, or none",
    )
    mask_subtokens: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.0, description="share of the text's subtokens hidden while training"
    )
    descriptions: bool = Field(True, description="put the labels' descriptions into the prompt")
    train_count_gate: bool = Field(
        True, description="train the head that gliner2 asks whether a text holds anything"
    )
    dropout: Annotated[float, Field(ge=0, lt=1)] | None = Field(
        None, description="dropout in encoder and heads; as the models say if not given"
    )
    negative_masking: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.5, description="share of negative spans left out of a span head's loss"
    )
    gold_injection: tuple[Share, Share, Share] = Field(
        (1.0, 0.25, 0.15),
        description="boundary heads: gold among the proposals at first, at last, and the share of "
        "steps before it falls",
    )
    overfit_patience: Annotated[int, Field(ge=1)] = Field(
        3, description="epochs in a row of falling loss and falling dev F1 that end training"
    )
    report_to: tuple[str, ...] | Literal["auto"] = Field(
        "auto", description="trackers: tensorboard, wandb, mlflow; auto takes tensorboard if there"
    )
    retention: bool = Field(
        False, description="score what the base could do before and the model still can, see eval"
    )
    retention_data: tuple[str, ...] = Field(
        (), description="files on which retention is scored too; they switch it on"
    )
    targets: Mapping[str, Share] = Field(default_factory=dict, description="F1 to reach")
    rivals: tuple[str, ...] = Field(
        (),
        description="what is trained and scored beside on the same documents: tagger, keep, or a "
        "GLiNER2 model by name, hub id or folder; several with commas",
    )
    rival_settings: Mapping[str, Mapping[str, Any]] = Field(
        default_factory=dict,
        description="settings of a rival in place of its own: {tagger: {learning_rate: 3.0e-5}}",
    )
    allow_low_coverage: bool = Field(False, description="train below 0.80 coverage")

    @property
    def measures_retention(self) -> bool:
        """Whether retention is scored."""
        return self.retention or bool(self.retention_data)

    @field_validator("report_to", mode="before")
    @classmethod
    def _name_trackers(cls, value: Any) -> Any:
        """Take trackers as people write them: one name, several with commas, or `none`."""
        if not isinstance(value, str) or value.strip().lower() == "auto":
            return value.strip().lower() if isinstance(value, str) else value
        names = tuple(name.strip() for name in value.split(",") if name.strip())
        return () if names == ("none",) else names

    @field_validator("rivals", mode="before")
    @classmethod
    def _list_rivals(cls, value: Any) -> Any:
        """Take rivals as people write them: one name, or several with commas, each once."""
        names = value.split(",") if isinstance(value, str) else value
        if not isinstance(names, list | tuple):
            return value
        kept = [name.strip() if isinstance(name, str) else name for name in names]
        return tuple(dict.fromkeys(name for name in kept if name != ""))

    @field_validator(
        "thresholds",
        "lora_targets",
        "retention_data",
        "held_out_labels",
        "distill_labels",
        "average_with_start",
        mode="before",
    )
    @classmethod
    def _list_one(cls, value: Any) -> Any:
        """Take one value for a list of one."""
        return (value,) if isinstance(value, str | int | float) else value


def encoder_of(recipe: Recipe) -> str | None:
    """The encoder that is swapped in; None where strategy keep leaves the base its own.

    Raises `InputError` where there is none to swap, or one beside strategy keep.
    """
    if recipe.strategy != "keep":
        if recipe.encoder is None:
            raise InputError(
                "no encoder",
                hint="give --encoder NAME (encoder: in a recipe), or --strategy keep to tune the "
                "base without a swap; `encswap check` compares encoders",
            )
        return recipe.encoder
    if recipe.encoder not in (None, recipe.base):
        raise InputError(
            f"strategy keep tunes the base's own encoder, and encoder {recipe.encoder!r} is given",
            hint="leave the encoder out, or choose another --strategy",
        )
    return None


def read_recipe(
    path: Path | None = None,
    overrides: Mapping[str, Any] | None = None,
    *,
    layers: Sequence[str] = (),
) -> Recipe:
    """Build a recipe: the shipped plan, then shipped `layers`, then `path`, then `overrides`.

    Where `overrides`, or a `path` that names no base, choose scale mini, the shipped recipe `mini`
    is the last layer.
    `path` may be the name of a shipped recipe, where no file has it. Targets hold for the documents
    that they were named with: where `path` or `overrides` name other documents, only their own
    targets are kept.

    Raises `InputError` that names the file and the field, with the nearest known field.
    """
    path = _shipped(path)
    own = {} if path is None else _checked(_read(path), path)
    given = {key: value for key, value in (overrides or {}).items() if value is not None}
    chosen = _checked(given, "--set")
    # A recipe that a run wrote names its base: it is whole, and is read as it was trained.
    small = chosen.get("scale") == MINI or ("base" not in own and own.get("scale") == MINI)
    if small and MINI not in layers:
        layers = (*layers, MINI)
    values: dict[str, Any] = {}
    for layer in (DEFAULT_RECIPE, *layers):
        values |= _read(RECIPES / f"{layer}.yaml")
    values |= own | chosen
    if "targets" not in own | chosen and {"train", "test"} & (own | chosen).keys():
        values["targets"] = {}  # the shipped ones were set for the shipped documents
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        raise InputError(
            fault_of_field(error, values),
            where=path if path is not None and name not in chosen else "--set",
            hint=f"{name} is: {describe(name)}",
        ) from error


def _shipped(path: Path | None) -> Path | None:
    """A recipe's file: what is there, else the shipped one of that name."""
    if path is None or path.exists() or len(path.parts) > 1:
        return path
    named = RECIPES / f"{path}.yaml"
    return named if named.is_file() else path


def fault_of_field(error: ValidationError, values: Mapping[str, Any]) -> str:
    """Say in field words what is wrong with the first field; of a choice, each way it could be."""
    errors = [one for one in error.errors() if one["loc"][0] == error.errors()[0]["loc"][0]]
    name, *inner = errors[0]["loc"]
    if _is_choice(str(name)):
        inner = []  # pydantic puts the name of the type that it tried there
    else:
        errors = errors[:1]
    field = ".".join(str(part) for part in (name, *inner))
    ways = list(dict.fromkeys(one["msg"][:1].lower() + one["msg"][1:] for one in errors))
    should = all(way.startswith("input should be ") for way in ways)
    said = " or ".join(way.removeprefix("input should be ") for way in ways)
    for theirs, ours in (("a valid tuple", "a list"), ("a valid dictionary", "a mapping"),
                         ("tuple", "the list")):  # fmt: skip
        said = said.replace(theirs, ours)
    found = repr(values.get(str(name)))
    found = found if len(found) <= 80 else f"{found[:79]}…"
    return f"{field} should be {said}, got {found}" if should else f"{field}: {said}, got {found}"


def _is_choice(name: str) -> bool:
    field = Recipe.model_fields.get(name)
    if field is None or get_origin(field.annotation) not in (Union, UnionType):
        return False
    return len([one for one in get_args(field.annotation) if one is not type(None)]) > 1


def recorded_recipe(values: Mapping[str, Any], where: str | Path) -> Recipe:
    """The recipe that a manifest records; a setting of a later version is told of, not an error."""
    known = {key: value for key, value in values.items() if key in Recipe.model_fields}
    tell_unknown(where, [f"recipe.{key}" for key in values if key not in known], "")
    try:
        return Recipe.model_validate(known)
    except ValidationError as error:
        raise InputError(f"is no manifest: recipe.{fault_of(error)}", where=where) from error


def describe(field: str) -> str:
    """Say in a few words what a field means."""
    info = Recipe.model_fields.get(field)
    return (info.description if info else None) or "unknown"


def parse_setting(text: str) -> tuple[str, Any]:
    """Parse `key=value` from the command line; the value is read as YAML."""
    key, sign, value = text.partition("=")
    if not sign or not key.strip():
        raise InputError(f"{text!r} is no setting", where="--set", hint="write --set epochs=3")
    try:
        return key.strip(), _meant(key.strip(), yaml.safe_load(value), value.strip())
    except yaml.YAMLError as error:
        raise InputError(f"{text!r} cannot be read: {error}", where="--set") from error


def _read(path: Path) -> dict[str, Any]:
    values = read_mapping(path, "recipe file", hint="write lines like epochs: 3")
    return {key: _meant(key, value) for key, value in values.items()}


def _meant(field: str, value: Any, written: str | None = None) -> Any:
    """The value as its field takes it: a text as it was `written`, else a number where one stands.

    Inside lists and mappings a text stays what it is.
    """
    if _is_text(field):
        scalar = isinstance(value, int | float)  # YAML reads `encoder: 7` and `encoder: yes` so
        return written if scalar and written is not None else value
    return numbered(value) if isinstance(value, str) else value


def _is_text(field: str) -> bool:
    info = Recipe.model_fields.get(field)
    return info is not None and info.annotation in (str, str | None)


def _checked(values: dict[str, Any], where: str | Path) -> dict[str, Any]:
    values = _formats(values)
    for key in values:
        if key not in Recipe.model_fields:
            raise InputError(
                f"unknown setting {key!r}",
                where=where,
                hint=suggest(key, list(Recipe.model_fields)),
            )
    return values


def _formats(values: dict[str, Any]) -> dict[str, Any]:
    """Write `from` as `format`, and `train.from` as the format of a part."""
    found = {("format" if key == "from" else key): value for key, value in values.items()}
    parts = {part: found.pop(f"{part}.from") for part in get_args(Part) if f"{part}.from" in found}
    if parts:
        given = found.get("format", {})
        whole = {} if isinstance(given, Mapping) else dict.fromkeys(get_args(Part), given)
        found["format"] = {**whole, **(given if isinstance(given, Mapping) else {}), **parts}
    if isinstance(found.get("label_names"), list | tuple):
        found["label_names"] = ",".join(map(str, found["label_names"]))
    if isinstance(found.get("tag_column"), int | float):
        found["tag_column"] = f"{found['tag_column']:g}"
    return found


def dump_recipe(recipe: Recipe) -> str:
    """Write the resolved recipe as YAML."""
    return yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
