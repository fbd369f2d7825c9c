"""Checks that run the candidate: its real config class at one layer, in the base's class."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from encswap.check import facts, tokenizer
from encswap.check.declaration import CheckResult, MissingPartError, check, failed, passed
from encswap.check.evidence import CheckCase
from encswap.check.tokenizer import tokenizer_at
from encswap.errors import EncswapError, SwapError
from encswap.files import scratch
from encswap.safety.trusted_classes import build_config, build_model, count_parameters
from encswap.types import LoadedEncoder, Mention

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

MOST_PARAMETERS = 500_000_000
TEXT = "encswap 001 : a b c ."
LABELS = ("alpha", "beta")
SHORT, PADDED = 6, 12
LONG_TABLE = 2048
_BASES: dict[str, PreTrainedModel] = {}
ROLES = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")


def one_layer(
    config: Mapping[str, Any], tokenizer: PreTrainedTokenizerFast, seed: int = 0
) -> LoadedEncoder:
    """Draw an encoder of the config's class with one layer and as many rows as tokens."""

    rows = max(tokenizer.get_vocab().values()) + 1
    built = build_config(config, vocab_size=rows)
    built.num_hidden_layers = 1
    if isinstance(getattr(built, "layer_types", None), list):
        built.layer_types = built.layer_types[:1]
    if built.pad_token_id is not None:
        built.pad_token_id = min(tokenizer.pad_token_id or 0, rows - 1)
    if (wanted := count_parameters(built)) > MOST_PARAMETERS:
        raise SwapError(f"one layer of it takes {wanted:,} parameters, too many to try")
    with _seeded(seed):
        model = build_model(built).float().eval()
    return LoadedEncoder(model, tokenizer)


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Draw weights and dropout alike each time, and leave the global generators as they were.

    gliner2 shuffles labels with `random`, and draws heads and dropout with torch.
    """
    import random

    import torch

    state = random.getstate()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        random.seed(seed)
        try:
            yield
        finally:
            random.setstate(state)


def shrink(tokenizer: PreTrainedTokenizerFast, texts: Iterable[str]) -> PreTrainedTokenizerFast:
    """Keep of a tokenizer only its special tokens and the pieces of `texts`, renumbered in order.

    The algorithm, normalizer and pre-tokenizer stay. A merge-based model loses its merges and cuts
    into characters.
    """
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    state = json.loads(tokenizer.backend_tokenizer.to_str())
    kept = _kept_ids(tokenizer, state, texts)
    numbers = {old: new for new, old in enumerate(sorted(kept))}
    _renumber(state["model"], numbers, tokenizer.convert_ids_to_tokens(sorted(kept)))
    added = [one for one in state.get("added_tokens") or [] if one["id"] in numbers]
    state["added_tokens"] = [one | {"id": numbers[one["id"]]} for one in added]
    state["post_processor"] = None
    roles = {role: getattr(tokenizer, role) for role in ROLES if getattr(tokenizer, role, None)}
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(state)), model_max_length=512, **roles
    )


def _kept_ids(
    tokenizer: PreTrainedTokenizerFast, state: Mapping[str, Any], texts: Iterable[str]
) -> set[int]:
    kept = {one["id"] for one in state.get("added_tokens") or [] if one.get("special")}
    kept.update(tokenizer.all_special_ids)
    unknown = state["model"].get("unk_id")
    if isinstance(unknown, int):
        kept.add(unknown)
    for text in texts:
        for word in text.lower().split():
            kept.update(tokenizer(word, add_special_tokens=False, verbose=False)["input_ids"])
    if state["model"].get("merges"):
        kept.update(i for piece, i in tokenizer.get_vocab().items() if len(piece) == 1)
    return kept


def _renumber(model: dict[str, Any], numbers: Mapping[int, int], tokens: list[str]) -> None:
    vocabulary = model["vocab"]
    if isinstance(vocabulary, list):
        model["vocab"] = [vocabulary[old] for old in sorted(numbers) if old < len(vocabulary)]
        if isinstance(model.get("unk_id"), int):
            model["unk_id"] = numbers[model["unk_id"]]
    else:
        model["vocab"] = {token: new for new, token in enumerate(tokens) if token in vocabulary}
    if "merges" in model:
        model["merges"] = []


class OneLayerSwap:
    """One candidate at one layer, built once and shared by the checks of this depth."""

    def __init__(self, case: CheckCase) -> None:
        assert case.source is not None
        if not case.candidate.config or case.candidate.layout == "complete-model":
            raise MissingPartError("there is no encoder to build")
        texts = [example.text for example in case.context.examples[:20]]
        small = shrink(tokenizer_at(case.source.path), [TEXT, " ".join(LABELS), *texts])
        self.case = case
        self.encoder = one_layer(case.candidate.config, small)
        self.swapped: tuple[PreTrainedModel, PreTrainedModel] | None = None

    def swap(self) -> tuple[PreTrainedModel, PreTrainedModel]:
        """Put a copy of the encoder into a one-layer model of the base's class: base, swapped."""
        if self.swapped is None:
            self.swapped = _swap(self.case, self.encoder)
        return self.swapped


def build_trial(case: CheckCase) -> OneLayerSwap:
    """Build what the checks of this depth run on; raises `MissingPartError` where it cannot be."""
    try:
        return OneLayerSwap(case)
    except EncswapError as error:
        raise MissingPartError(error.message) from error


@check(
    "forward-shape",
    depth="forward",
    looks_at="The real config class with one layer: whether it gives (1, L, hidden) for L"
    " subtokens.",
    fails_when="It raises, or gives another shape.",
    remedy="Read the message; the class needs inputs that gliner2 does not give.",
)
def forward_shape(trial: OneLayerSwap) -> CheckResult:
    """Run eight subtokens through it."""
    import torch

    model = trial.encoder.model
    ids = torch.arange(8).reshape(1, 8) % model.get_input_embeddings().num_embeddings
    with torch.inference_mode():
        states = model(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state
    wanted = (1, 8, trial.case.candidate.hidden_size)
    shape = tuple(states.shape)
    kind = type(model).__name__
    if shape != wanted:
        return failed(f"{kind} gives {shape}, not {wanted}")
    if not bool(states.isfinite().all()):
        return failed(f"{kind} gives values that are not finite")
    return passed(f"{kind} at one layer gives {shape}{_note(trial.case)}")


@facts.positions.at("forward")
def positions(trial: OneLayerSwap) -> CheckResult:
    """Run a text as long as the position table, and one subtoken longer."""
    model = trial.encoder.model
    longest = _longest(model)
    if longest is None:
        if _runs(model, facts.WANTED_POSITIONS + 88):
            return passed("no position table; 600 subtokens pass")
        return failed("no position table; 600 subtokens do not pass")
    if longest > LONG_TABLE:
        return passed(f"a table of {longest} places")
    at, beyond = _runs(model, longest), _runs(model, longest + 1)
    message = (
        f"{longest} subtokens {'pass' if at else 'fail'},"
        f" {longest + 1} {'pass' if beyond else 'end in an index error'};"
        f" windows must stay within {longest}"
    )
    # Two rows are lost where positions begin behind the padding id.
    enough = at and longest >= facts.WANTED_POSITIONS - 2
    return (passed if enough else failed)(message)


def _longest(model: Any) -> int | None:
    table = getattr(getattr(model, "embeddings", None), "position_embeddings", None)
    if table is None:
        return None
    padding = getattr(table, "padding_idx", None)
    return int(table.num_embeddings) - (padding + 1 if padding is not None else 0)


def _runs(model: Any, length: int) -> bool:
    import torch

    rows = model.get_input_embeddings().num_embeddings
    ids = torch.full((1, length), rows - 1)
    try:
        with torch.inference_mode():
            model(input_ids=ids, attention_mask=torch.ones_like(ids))
    except (IndexError, RuntimeError):
        return False
    return True


@tokenizer.pad_id.at("forward")
def pad_id(trial: OneLayerSwap) -> CheckResult:
    """Pad a row with 0, as gliner2 does, and compare its output with the row alone."""
    import torch

    model = trial.encoder.model
    rows = model.get_input_embeddings().num_embeddings
    row = torch.arange(rows - SHORT, rows).reshape(1, SHORT)
    padded = torch.zeros((1, PADDED), dtype=torch.long)
    padded[:, :SHORT] = row
    mask = (torch.arange(PADDED) < SHORT).long().reshape(1, PADDED)
    with torch.inference_mode():
        alone = model(input_ids=row, attention_mask=torch.ones_like(row)).last_hidden_state
        together = model(input_ids=padded, attention_mask=mask).last_hidden_state[:, :SHORT]
    worst = float((alone - together).abs().max())
    message = f"padding with 0 moves a real row's output by {worst:.1e}"
    return (passed if worst <= 1e-4 else failed)(message)


@check(
    "training-step",
    depth="forward",
    looks_at="One training step of the swapped model: loss and gradients of every group.",
    fails_when="The loss or a gradient is not finite, or a group gets no gradient.",
    remedy="Do not train this pair: it would end in an F1 of zero.",
)
@_seeded(0)
def training_step(trial: OneLayerSwap) -> CheckResult:
    """Swap, and take the gradients of one sample."""
    import torch

    from encswap.gliner import model as gliner
    from encswap.gliner.batches import collate
    from encswap.gliner.schema import schema_for

    _, model = trial.swap()
    model.train()
    gold = (Mention(8, 11, LABELS[0], "001"),)
    batch = collate(model, [(TEXT, schema_for(LABELS, gold))], training=True)
    model.zero_grad()
    result = model(batch)
    if int(result["batch_size"]) != 1:
        return failed("gliner2 dropped the sample: it failed inside")
    loss = result["total_loss"]
    loss.backward()
    norms = {"encoder": 0.0, "heads": 0.0}
    for name, parameter in model.named_parameters():
        if parameter.grad is not None:
            group = "heads" if gliner.is_head(name) else "encoder"
            norms[group] += float(parameter.grad.pow(2).sum())
    model.zero_grad()
    model.eval()
    shown = ", ".join(f"{name} gradient {value**0.5:.3g}" for name, value in norms.items())
    good = bool(torch.isfinite(loss)) and all(0.0 < one < float("inf") for one in norms.values())
    message = f"loss {float(loss.detach()):.3g}, {shown}{_note(trial.case)}"
    return (passed if good else failed)(message)


@check(
    "round-trip",
    depth="forward",
    looks_at="The swapped model, saved and loaded again with plain gliner2: equal outputs.",
    fails_when="The outputs differ by more than 1e-5, or the folder does not load.",
    remedy="Report it: a checkpoint that changes when saved cannot be trusted.",
)
@_seeded(0)
def round_trip(trial: OneLayerSwap) -> CheckResult:
    """Save the swapped model, load it with plain gliner2, compare heads and outputs."""
    from encswap.gliner import model as gliner
    from encswap.swap import assemble as assembly

    base, model = trial.swap()
    assembly.prove_heads(model, base)
    with scratch("check") as folder:
        gliner.save_model(model, folder)
        assembly.prove_reload(model, gliner.read_plainly(folder, splitter=_split))
    return passed(f"heads bit-equal, saved and loaded outputs equal{_note(trial.case)}")


def _swap(case: CheckCase, encoder: LoadedEncoder) -> tuple[PreTrainedModel, PreTrainedModel]:
    import copy

    from encswap.swap import assemble as assembly

    if case.base.hidden_size != case.candidate.hidden_size:
        raise MissingPartError("hidden sizes differ, so the heads cannot be put on it")
    base = _base_of(case)
    taken = LoadedEncoder(copy.deepcopy(encoder.model), encoder.tokenizer)
    swapped = assembly.swap_encoder(
        base, taken, _defaults(), splitter=_split, name=case.spec.hub_id or case.spec.name
    )
    return base, swapped.model.eval()


def _base_of(case: CheckCase) -> PreTrainedModel:
    """Build the base at one layer once; a swap leaves it as it is."""
    if case.base_source is None:
        raise MissingPartError("the base's config is not at hand")
    folder = str(case.base_source.path)
    if folder not in _BASES:
        _BASES.clear()
        _BASES[folder] = _one_layer_base(case)
    return _BASES[folder]


def _one_layer_base(case: CheckCase) -> PreTrainedModel:
    from encswap.gliner import model as gliner

    heads = case.base.heads
    if not case.base.config or case.base_source is None:
        raise MissingPartError("the base's config is not at hand")
    if heads.get("architecture", "span") != "span":
        raise MissingPartError("the base has no span heads; this depth builds those only")
    small = shrink(tokenizer_at(case.base_source.path), [TEXT, " ".join(LABELS)])
    gliner.add_markers(small)
    with _seeded(1):
        return gliner.new_model(
            None,
            one_layer(case.base.config, small, seed=1),
            model_name=case.base_spec.hub_id or case.base_spec.name,
            max_width=int(heads.get("max_width") or 8),
            counting_layer=str(heads.get("counting_layer") or "count_lstm_v2"),
            word_splitter=_split,
        ).eval()


@lru_cache(maxsize=1)
def _defaults() -> Any:
    """The default embedding method alone: a check judges the candidate, not other plugins."""
    from encswap.plugins import PluginRecord, Plugins
    from encswap.swap import embeddings

    plugins = Plugins()
    plugins.add(embeddings, PluginRecord("defaults"))
    return plugins


def _split(text: str, lower: bool = True) -> Iterator[tuple[str, int, int]]:
    place = 0
    for word in text.split():
        start = text.index(word, place)
        place = start + len(word)
        yield (word.lower() if lower else word), start, place


def _note(case: CheckCase) -> str:
    assert case.source is not None
    if case.source.stands_in:
        return " (recorded config, stand-in tokenizer)"
    return ""
