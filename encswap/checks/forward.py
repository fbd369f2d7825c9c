"""Checks that run the candidate: its real config class at one layer, in the base's class."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from encswap.checks.evidence import Case
from encswap.checks.shape import WANTED_POSITIONS
from encswap.checks.small import one_layer, shrink
from encswap.checks.tokenizers import tokenizer_at
from encswap.domain import Finding, LoadedEncoder, Mention
from encswap.errors import EncswapError
from encswap.files import scratch

if TYPE_CHECKING:
    from transformers import PreTrainedModel

TEXT = "encswap 001 : a b c ."
LABELS = ("alpha", "beta")
SHORT, PADDED = 6, 12
LONG_TABLE = 2048
_BASES: dict[str, PreTrainedModel] = {}


class MissingPartError(EncswapError):
    """What a check needs is not there; the text says what."""


class Trial:
    """One candidate at one layer, built once and shared by the checks of this depth."""

    def __init__(self, case: Case) -> None:
        assert case.source is not None
        if not case.candidate.config or case.candidate.layout == "complete-model":
            raise MissingPartError("there is no encoder to build")
        texts = [example.text for example in case.context.examples[:20]]
        tokenizer = shrink(tokenizer_at(case.source.path), [TEXT, " ".join(LABELS), *texts])
        self.case = case
        self.encoder = one_layer(case.candidate.config, tokenizer)
        self.swapped: tuple[PreTrainedModel, PreTrainedModel] | None = None

    def swap(self) -> tuple[PreTrainedModel, PreTrainedModel]:
        """Put a copy of the encoder into a one-layer model of the base's class: base, swapped."""
        if self.swapped is None:
            self.swapped = _swap(self.case, self.encoder)
        return self.swapped


def run_forward(case: Case) -> Iterator[Finding]:
    """Build the candidate at one layer and run every check of this depth on it."""
    try:
        trial = Trial(case)
    except EncswapError as error:
        for code in CHECKS:
            yield Finding(code, "skip", "forward", error.message)
        return
    except Exception as error:
        yield Finding("forward-shape", "fail", "forward", f"cannot be built: {_line(error)}")
        return
    for code, check in CHECKS.items():
        try:
            yield check(trial)
        except MissingPartError as error:
            yield Finding(code, "skip", "forward", error.message)
        except Exception as error:
            yield Finding(code, "fail", "forward", _line(error))


def _line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:240]


def forward_shape(trial: Trial) -> Finding:
    """Run eight subtokens through it."""
    import torch

    code = "forward-shape"
    model = trial.encoder.model
    ids = torch.arange(8).reshape(1, 8) % model.get_input_embeddings().num_embeddings
    with torch.inference_mode():
        states = model(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state
    wanted = (1, 8, trial.case.candidate.hidden_size)
    shape = tuple(states.shape)
    kind = type(model).__name__
    if shape != wanted:
        return Finding(code, "fail", "forward", f"{kind} gives {shape}, not {wanted}")
    if not bool(states.isfinite().all()):
        return Finding(code, "fail", "forward", f"{kind} gives values that are not finite")
    return Finding(code, "pass", "forward", f"{kind} at one layer gives {shape}{_note(trial.case)}")


def positions(trial: Trial) -> Finding:
    """Run a text as long as the position table, and one subtoken longer."""
    code = "positions"
    model = trial.encoder.model
    longest = _longest(model)
    if longest is None:
        works = _runs(model, WANTED_POSITIONS + 88)
        told = "600 subtokens pass" if works else "600 subtokens do not pass"
        status = "pass" if works else "fail"
        return Finding(code, status, "forward", f"no position table; {told}")  # type: ignore[arg-type]
    if longest > LONG_TABLE:
        return Finding(code, "pass", "forward", f"a table of {longest} places")
    at, beyond = _runs(model, longest), _runs(model, longest + 1)
    told = f"{longest} subtokens {'pass' if at else 'fail'}"
    told += f", {longest + 1} {'pass' if beyond else 'end in an index error'}"
    # Two rows are lost where positions begin behind the padding id.
    enough = at and longest >= WANTED_POSITIONS - 2
    message = f"{told}; windows must stay within {longest}"
    return Finding(code, "pass" if enough else "fail", "forward", message)


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


def pad_id(trial: Trial) -> Finding:
    """Pad a row with 0, as gliner2 does, and compare its output with the row alone."""
    import torch

    code = "pad-id"
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
    return Finding(code, "pass" if worst <= 1e-4 else "fail", "forward", message)


def training_step(trial: Trial) -> Finding:
    """Swap, and take the gradients of one sample."""
    import torch

    from encswap.swap import gliner

    code = "training-step"
    _, model = trial.swap()
    model.train()
    gold = (Mention(8, 11, LABELS[0], "001"),)
    batch = gliner.collate(model, [(TEXT, gliner.schema_for(LABELS, gold))], training=True)
    model.zero_grad()
    result = model(batch)
    if int(result["batch_size"]) != 1:
        return Finding(code, "fail", "forward", "gliner2 dropped the sample: it failed inside")
    loss = result["total_loss"]
    loss.backward()
    norms = {"encoder": 0.0, "heads": 0.0}
    for name, parameter in model.named_parameters():
        if parameter.grad is not None:
            group = "heads" if gliner.is_head(name) else "encoder"
            norms[group] += float(parameter.grad.pow(2).sum())
    model.zero_grad()
    model.eval()
    told = ", ".join(f"{name} gradient {value**0.5:.3g}" for name, value in norms.items())
    good = bool(torch.isfinite(loss)) and all(0.0 < one < float("inf") for one in norms.values())
    message = f"loss {float(loss.detach()):.3g}, {told}{_note(trial.case)}"
    return Finding(code, "pass" if good else "fail", "forward", message)


def round_trip(trial: Trial) -> Finding:
    """Save the swapped model, load it with plain gliner2, compare heads and outputs."""
    from encswap.swap import assembly, gliner

    code = "round-trip"
    base, model = trial.swap()
    assembly.prove_heads(model, base)
    with scratch("check") as folder:
        gliner.save_model(model, folder)
        assembly.prove_reload(model, gliner.read_plainly(folder, splitter=_split))
    message = f"heads bit-equal, saved and loaded outputs equal{_note(trial.case)}"
    return Finding(code, "pass", "forward", message)


def _swap(case: Case, encoder: LoadedEncoder) -> tuple[PreTrainedModel, PreTrainedModel]:
    import copy

    from encswap.swap import assembly

    if case.base.hidden_size != case.candidate.hidden_size:
        raise MissingPartError("hidden sizes differ, so the heads cannot be put on it")
    base = _base_of(case)
    taken = LoadedEncoder(copy.deepcopy(encoder.model), encoder.tokenizer)
    swapped = assembly.swap_encoder(
        base, taken, _defaults(), splitter=_split, name=case.spec.hub_id or case.spec.name
    )
    return base, swapped.model.eval()


def _base_of(case: Case) -> PreTrainedModel:
    """Build the base at one layer once; a swap leaves it as it is."""
    if case.base_source is None:
        raise MissingPartError("the base's config is not at hand")
    folder = str(case.base_source.path)
    if folder not in _BASES:
        _BASES.clear()
        _BASES[folder] = _one_layer_base(case)
    return _BASES[folder]


def _one_layer_base(case: Case) -> PreTrainedModel:
    from encswap.swap import gliner

    heads = case.base.heads
    if not case.base.config or case.base_source is None:
        raise MissingPartError("the base's config is not at hand")
    if heads.get("architecture", "span") != "span":
        raise MissingPartError("the base has no span heads; this depth builds those only")
    tokenizer = shrink(tokenizer_at(case.base_source.path), [TEXT, " ".join(LABELS)])
    gliner.add_markers(tokenizer)
    return gliner.new_model(
        None,
        one_layer(case.base.config, tokenizer, seed=1),
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


def _note(case: Case) -> str:
    assert case.source is not None
    if case.source.stands_in:
        return " (recorded config, stand-in tokenizer)"
    return ""


CHECKS: dict[str, Callable[[Trial], Finding]] = {
    "forward-shape": forward_shape,
    "positions": positions,
    "pad-id": pad_id,
    "training-step": training_step,
    "round-trip": round_trip,
}
