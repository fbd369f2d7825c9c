"""Checks of what is recorded of a model, or of what its config and the rest of its files say."""

from __future__ import annotations

from dataclasses import dataclass

from encswap.check.declaration import CheckResult, check, failed, passed, skipped, warned
from encswap.check.evidence import CAUSAL_ENDINGS, CheckCase, Evidence
from encswap.check.memory import GIB, training_memory
from encswap.types import Source

WANTED_POSITIONS = 512
BATCH, LENGTH = 8, 512
HEAVY = 1.25
USUAL_HEADS = 21_000_000
NON_COMMERCIAL = ("-nc", "noncommercial", "non-commercial")


# -- its shape against the base's --------------------------------------------------------------


@check(
    "architecture",
    depth="facts",
    claim="config_class",
    looks_at="The config class of the candidate, compared with that of the base's encoder.",
    fails_when="The classes differ. The heads' tensors may fit all the same (see `hidden-size`):"
    " the plan holds that trained heads do not carry over to another class; on small models they"
    " did.",
    remedy="Choose an encoder of the base's class, bring enough examples for fresh heads, or judge"
    " by `--criteria shape` and let the score decide.",
)
def architecture(case: CheckCase) -> CheckResult:
    """Compare the config classes."""
    mine, theirs = case.candidate.config_class, case.base.config_class
    if decoder_of(case.candidate):
        return skipped("no encoder, so not compared")
    kind = case.candidate.config.get("model_type")
    if mine is None and isinstance(kind, str) and case.depth != "facts":
        return failed(f"model_type {kind!r} is no class of the installed transformers")
    if mine is None or theirs is None:
        return skipped(f"config class of the {'candidate' if mine is None else 'base'} not known")
    if mine == theirs:
        return passed(f"the base's class, {mine}")
    return failed(f"{mine} is not the base's {theirs}")


@check(
    "encoder-only",
    depth="facts",
    looks_at="Whether the candidate reads in both directions and has no decoder.",
    fails_when="The config is that of a decoder, or of an encoder with a decoder.",
    remedy="Choose a bidirectional encoder.",
)
def encoder_only(case: CheckCase) -> CheckResult:
    """Refuse decoders, and encoders with a decoder."""
    if not case.candidate.config:
        return skipped("no config known")
    if found := decoder_of(case.candidate):
        return failed(found)
    return passed("reads in both directions")


def decoder_of(evidence: Evidence) -> str:
    """Say in which way this is no plain encoder; empty where it is one."""
    config = evidence.config
    if config.get("is_encoder_decoder") is True:
        return "an encoder with a decoder (is_encoder_decoder)"
    if config.get("is_decoder") is True:
        return "a decoder: it reads from left to right only (is_decoder)"
    names = config.get("architectures")
    for name in names if isinstance(names, list) else []:
        if isinstance(name, str) and name.endswith(CAUSAL_ENDINGS):
            return f"a decoder: it reads from left to right only ({name})"
    return ""


@check(
    "hidden-size",
    depth="facts",
    claim="hidden_size",
    looks_at="The width of the token vectors, compared with the width that the base's heads take.",
    fails_when="The widths differ, so the heads' tensors do not fit.",
    remedy="Choose an encoder of the same width, or a base of the other size.",
)
def hidden_size(case: CheckCase) -> CheckResult:
    """Compare the width of the token vectors with what the heads were made for."""
    mine, theirs = case.candidate.hidden_size, case.base.hidden_size
    if mine is None or theirs is None:
        return skipped("hidden size not known")
    if mine == theirs:
        return passed(f"its hidden size, {mine}")
    return failed(f"hidden size {mine}, not the base's {theirs}")


@check(
    "layers",
    depth="facts",
    looks_at="The number of layers, compared with that of the base's encoder.",
    fails_when="The numbers differ. No tensor of the heads depends on it; the plan requires it.",
    remedy="Judge by `--criteria shape` if depth does not matter to you.",
)
def layers(case: CheckCase) -> CheckResult:
    """Compare the number of layers."""
    mine, theirs = case.candidate.layers, case.base.layers
    if mine is None or theirs is None:
        return skipped("number of layers not known")
    if mine == theirs:
        return passed(f"its {mine} layers")
    return failed(f"{mine} layers, not the base's {theirs}")


@check(
    "token-level",
    depth="facts",
    claim="layout",
    looks_at="Whether the model is published to give one vector per token or one per text.",
    fails_when="The repository is a sentence encoder: a pooling module follows the encoder.",
    remedy="The token vectors before the pooling exist, but were not trained to be used alone;"
    " choose the encoder that the sentence model was made from.",
)
def token_level(case: CheckCase) -> CheckResult:
    """Recognise models that are published to give one vector per text."""
    if case.candidate.layout != "sentence-embedding":
        return passed("one vector per token")
    return failed(
        "a sentence encoder: one vector per text; token vectors stand only before its pooling",
        claim=_claimed(case, "layout"),
    )


@check(
    "complete-model",
    depth="facts",
    looks_at="Whether the repository holds an encoder or a whole extraction model.",
    fails_when="It is a whole model with heads and an interface of its own.",
    remedy="Use that model by itself, or take the encoder that it was made from.",
)
def complete_model(case: CheckCase) -> CheckResult:
    """Recognise repositories that hold a whole extraction model."""
    if case.candidate.layout != "complete-model":
        return passed("an encoder alone")
    what = case.candidate.architecture or "a whole extraction model"
    return failed(f"a complete model ({what}), not an encoder")


@dataclass(frozen=True)
class FreshHeads:
    """How many examples fresh heads need, how many were counted, and how many are assumed."""

    needed: int
    counted: int | None
    assumed: int


@check(
    "training-examples",
    depth="facts",
    by_criteria=True,
    looks_at="Where the base's heads cannot be kept: whether there are examples enough to train new"
    " ones. The criteria hold the number needed.",
    fails_when="There are fewer. With `--data` the examples are counted; otherwise the criteria's"
    " own number is taken.",
    remedy="Bring more examples, or choose an encoder for which the heads can be kept.",
)
def training_examples(heads: FreshHeads) -> CheckResult:
    """Compare the number of examples with what fresh heads need."""
    have = heads.assumed if heads.counted is None else heads.counted
    source = "assumed" if heads.counted is None else "counted"
    few = have < heads.needed
    message = (
        f"{have:,} training examples ({source}) {'are too few' if few else 'suffice'} to train new"
        f" heads, {heads.needed:,} are asked"
    )
    return failed(message) if few else passed(message)


@check(
    "positions",
    depth="facts",
    looks_at="How many subtokens the encoder can read at once, and whether its positions are"
    " relative.",
    fails_when="Its position table is shorter than 512 subtokens: longer input ends in an index"
    " error.",
    remedy="Cut documents into shorter windows (encswap does so by the encoder's own limit), or"
    " choose an encoder with a longer table.",
)
def positions(case: CheckCase) -> CheckResult:
    """Read from the config how many subtokens the encoder takes."""
    config = case.candidate.config
    table = config.get("max_position_embeddings")
    if config.get("relative_attention") is True and config.get("position_biased_input") is False:
        return passed("relative positions, no table to run out of")
    if not isinstance(table, int):
        return skipped("length of the position table not known")
    if table < WANTED_POSITIONS:
        return failed(f"a table of {table} positions: shorter than {WANTED_POSITIONS}")
    return passed(f"a table of {table} positions")


# -- what it costs, and on what terms ----------------------------------------------------------


@check(
    "resources",
    depth="facts",
    claim="parameters",
    looks_at="Parameters, and the memory that training takes, by part: weights, gradients, Adam's"
    " two moments, activations.",
    fails_when="It never fails. It warns where training at batch 8 and 512 subtokens does not fit a"
    " 16 GB T4, or where the encoder is more than a quarter larger than the base's.",
    remedy="Use a smaller batch with accumulation, shorter windows, or a larger device.",
)
def resources(case: CheckCase) -> CheckResult:
    """Count parameters and estimate training; it informs and ranks, and never decides."""
    count = case.candidate.parameters
    if count is None:
        return skipped("parameters not known")
    parts = [f"{count:,} parameters{case.candidate.origin('parameters')}"]
    heavy = _heavier(case, count)
    evidence: dict[str, object] = {"parameters": count, "brief": heavy}
    tight = False
    if case.candidate.config:
        memory = training_memory(
            count + _heads(case), case.candidate.config, batch=BATCH, length=LENGTH
        )
        fits = memory.fits()
        evidence |= {
            part: round(getattr(memory, part))
            for part in ("weights", "gradients", "moments", "activations", "total")
        }
        evidence["fits"] = list(fits)
        tight = not fits or not fits[0].startswith("T4")
        where = f"fits {fits[0]}" if fits else "fits neither T4 nor A10"
        parts.append(
            f"training about {memory.total / GIB:.1f} GiB at batch {BATCH} of {LENGTH}: {where}"
        )
    if heavy:
        parts.append(heavy)
    return (warned if heavy or tight else passed)("; ".join(parts), evidence)


def _heavier(case: CheckCase, count: int) -> str:
    theirs = case.base.parameters
    if _is_mini(case.base_source) != _is_mini(case.source):
        return ""
    if theirs is None or count <= HEAVY * theirs:
        return ""
    return f"heavy: {count / theirs:.1f} times the base's encoder"


def _is_mini(source: Source | None) -> bool:
    return source is not None and source.kind == "mini" and not source.stands_in


def _heads(case: CheckCase) -> int:
    whole, encoder = case.base.model_parameters, case.base.parameters
    return whole - encoder if whole and encoder else USUAL_HEADS


@check(
    "licence",
    depth="facts",
    looks_at="The licence that the repository declares.",
    fails_when="It never fails. It warns where no licence is declared, or one that excludes"
    " commerce.",
    remedy="Ask the authors, or choose another encoder.",
)
def licence(case: CheckCase) -> CheckResult:
    """Look at the declared licence; it informs and never decides."""
    declared = case.candidate.licence
    origin = case.candidate.origin("licence")
    if declared is None and not case.candidate.licence_known:
        return skipped("licence not known")
    if declared is None:
        return warned(f"no licence declared{origin}")
    if any(sign in declared.lower() for sign in NON_COMMERCIAL):
        return warned(f"{declared}{origin}: excludes commerce")
    return passed(f"{declared}{origin}")


@check(
    "revision",
    depth="facts",
    looks_at="Whether the commit of the files is pinned.",
    fails_when="It never fails. It warns where the files of tomorrow may be others than today's.",
    remedy="Name the commit: `NAME@REVISION`.",
)
def revision(case: CheckCase) -> CheckResult:
    """Say whether the commit is pinned."""
    source = None if case.source is None or case.source.stands_in else case.source
    if source is not None and source.kind != "hub":
        return passed(f"files from {source.kind} {source.identifier}")
    commit = source.revision if source is not None else case.spec.revision
    if source.pinned if source is not None else commit is not None:
        return passed(f"pinned to {commit}")
    return warned("no commit pinned" if commit is None else f"not pinned; today it is {commit}")


@check(
    "published-score",
    depth="facts",
    claim="published_scores",
    looks_at="Scores that others have published. They are shown and never weigh.",
    fails_when="It never fails.",
    remedy="Measure on your own data: `encswap train`, `encswap eval`.",
)
def published_score(case: CheckCase) -> CheckResult | None:
    """Show recorded scores of others beside what was claimed."""
    scores = case.spec.fact("published_scores", {})
    claim = _claimed(case, "published_scores")
    if not scores and not claim:
        return None
    if not scores:
        return passed("no published score recorded", claim=claim)
    mark = case.spec.facts["published_scores"]
    shown = ", ".join(f"{name} {score}" for name, score in scores.items())
    return passed(f"published: {shown} ({mark.mark} {mark.date})", claim=claim)


def _claimed(case: CheckCase, key: str) -> str:
    """What a plan claims of `key`, in its own words."""
    claim = case.spec.claims.get(key)
    return f"{claim.text} ({claim.where})" if claim else ""


# -- its files ---------------------------------------------------------------------------------


@check(
    "files",
    depth="config",
    of_files=True,
    looks_at="Whether the candidate's files can be reached and read: config.json above all.",
    fails_when="The hub refuses or does not answer, a file is cut off, is no JSON, or holds a size"
    " that no model has. Nothing is allocated because a config says so.",
    remedy="Read the message: it names the file or the answer of the hub. Fetch the files again, or"
    " give a local folder.",
)
def files(case: CheckCase) -> CheckResult:
    """Say that the files could be read."""
    assert case.source is not None
    return passed(f"read from {case.source.kind} {case.source.identifier}")


@check(
    "remote-code",
    depth="config",
    of_files=True,
    looks_at="Whether any of the files asks for code that transformers does not ship: `auto_map`,"
    " `attribute_map`, a tokenizer class, a kernel, a pipeline, at any depth of the file.",
    fails_when="It does. encswap never runs such code.",
    remedy="Choose an encoder whose class is part of transformers.",
)
def remote_code(_case: CheckCase) -> CheckResult:
    """Say that no file names code."""
    return passed("no code of the repository is needed")


@check(
    "outside-files",
    depth="config",
    of_files=True,
    looks_at="Whether any of the files leads out of the model's own folder: an adapter of another"
    " model, a backbone, a path, a weight index with a path.",
    fails_when="It does. encswap reads one repository, and nothing beside it.",
    remedy="Merge an adapter into its model first; put every file into the folder.",
)
def outside_files(_case: CheckCase) -> CheckResult:
    """Say that no file leads out of the folder."""
    return passed("nothing outside its own files is asked for")


@check(
    "weights-format",
    depth="config",
    of_files=True,
    looks_at="Whether the weights are stored as safetensors.",
    fails_when="There are only pickle files, which can run code when they are read; or no weights"
    " at all; or quantised ones.",
    remedy="Convert them to safetensors, or allow that one model by name: `--allow-pickle NAME`.",
)
def weights_format(case: CheckCase) -> CheckResult:
    """Look for safetensors among the file names."""
    assert case.source is not None
    names = case.source.files or {path.name: 0 for path in case.source.path.glob("*")}
    safe = sorted(name for name in names if name.endswith(".safetensors"))
    pickles = sorted(name for name in names if name.endswith((".bin", ".pt", ".ckpt")))
    if safe:
        size = sum(names[name] for name in safe)
        return passed(f"safetensors: {safe[0]}" + (f" ({size / 1e6:,.0f} MB)" if size else ""))
    if not pickles:
        return warned("no weights among the files")
    if case.source.allow_pickle:
        return warned(f"pickle, allowed by name: {pickles[0]}")
    return failed(f"only pickle: {pickles[0]}")
