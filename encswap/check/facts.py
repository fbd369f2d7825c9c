"""Checks of the repository's files: what they ask for, and how the weights are stored."""

from __future__ import annotations

from encswap.check.evidence import CAUSAL_ENDINGS, CheckCase, Evidence, differing_claim
from encswap.check.memory import GIB, training_memory
from encswap.types import Finding, Source, Status


def files(case: CheckCase) -> Finding | None:
    """Say that the files could be read; what could not was found while reading them."""
    assert case.source is not None
    read = f"read from {case.source.kind} {case.source.identifier}"
    return _unless_found(case, "files", read)


def remote_code(case: CheckCase) -> Finding | None:
    """Say that no file names code; one that does was found while reading them."""
    return _unless_found(case, "remote-code", "no code of the repository is needed")


def outside_files(case: CheckCase) -> Finding | None:
    """Say that no file leads out of the folder; one that does was found while reading them."""
    return _unless_found(case, "outside-files", "nothing outside its own files is asked for")


def _unless_found(case: CheckCase, code: str, message: str) -> Finding | None:
    if any(fault.code == code for fault in case.candidate.faults):
        return None
    return Finding(code, "pass", "config", message)


def weights_format(case: CheckCase) -> Finding | None:
    """Look for safetensors among the file names."""
    if any(fault.code == "weights-format" for fault in case.candidate.faults):
        return None
    assert case.source is not None
    names = case.source.files or {path.name: 0 for path in case.source.path.glob("*")}
    safe = sorted(name for name in names if name.endswith(".safetensors"))
    pickles = sorted(name for name in names if name.endswith((".bin", ".pt", ".ckpt")))
    if safe:
        size = sum(names[name] for name in safe)
        told = f" ({size / 1e6:,.0f} MB)" if size else ""
        return Finding("weights-format", "pass", "config", f"safetensors: {safe[0]}{told}")
    if not pickles:
        return Finding("weights-format", "warn", "config", "no weights among the files")
    if case.source.allow_pickle:
        return Finding("weights-format", "warn", "config", f"pickle, allowed by name: {pickles[0]}")
    return Finding("weights-format", "fail", "config", f"only pickle: {pickles[0]}")


NON_COMMERCIAL = ("-nc", "noncommercial", "non-commercial")


def licence(case: CheckCase) -> Finding:
    """Look at the declared licence; it informs and never decides."""
    evidence = case.candidate
    declared = evidence.licence
    origin = evidence.origin("licence")
    if declared is None:
        if not evidence.licence_known:
            return Finding("licence", "skip", case.depth, "licence not known")
        return Finding("licence", "warn", case.depth, f"no licence declared{origin}")
    if any(sign in declared.lower() for sign in NON_COMMERCIAL):
        return Finding("licence", "warn", case.depth, f"{declared}{origin}: excludes commerce")
    return Finding("licence", "pass", case.depth, f"{declared}{origin}")


def revision(case: CheckCase) -> Finding:
    """Say whether the commit is pinned."""
    source = None if case.source is None or case.source.stands_in else case.source
    if source is not None and source.kind != "hub":
        return Finding(
            "revision", "pass", case.depth, f"files from {source.kind} {source.identifier}"
        )
    commit = source.revision if source is not None else case.spec.revision
    if source.pinned if source is not None else commit is not None:
        return Finding("revision", "pass", case.depth, f"pinned to {commit}")
    if commit is None:
        return Finding("revision", "warn", case.depth, "no commit pinned")
    message = f"not pinned; today it is {commit}"
    return Finding("revision", "warn", case.depth, message)


def published_score(case: CheckCase) -> Finding | None:
    """Show recorded scores of others beside what was claimed."""
    scores = case.spec.fact("published_scores", {})
    claim = case.spec.claims.get("published_scores")
    if not scores and claim is None:
        return None
    mark = case.spec.facts.get("published_scores")
    origin = f" ({mark.mark} {mark.date})" if mark else ""
    told = ", ".join(f"{name} {score}" for name, score in scores.items())
    message = f"published: {told}{origin}" if told else "no published score recorded"
    said = f"{claim.text} ({claim.where})" if claim else None
    return Finding("published-score", "pass", case.depth, message, said)


BATCH, LENGTH = 8, 512
HEAVY = 1.25
USUAL_HEADS = 21_000_000


def resources(case: CheckCase) -> Finding:
    """Count parameters and estimate training; it informs and ranks, and never decides."""
    count = case.candidate.parameters
    claim = differing_claim(case.spec, "parameters", count)
    if count is None:
        return Finding("resources", "skip", case.depth, "parameters not known", claim)
    origin = case.candidate.origin("parameters")
    parts = [f"{count:,} parameters{origin}"]
    heavy = _heavier(case, count)
    evidence: dict[str, object] = {"parameters": count, "brief": heavy}
    tight = ""
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
        tight = "" if fits and fits[0].startswith("T4") else "does not fit a T4"
        where = f"fits {fits[0]}" if fits else "fits neither T4 nor A10"
        parts.append(
            f"training about {memory.total / GIB:.1f} GiB at batch {BATCH} of {LENGTH}: {where}"
        )
    if heavy:
        parts.append(heavy)
    status: Status = "warn" if heavy or tight else "pass"
    return Finding("resources", status, case.depth, "; ".join(parts), claim, evidence)


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


WANTED_POSITIONS = 512


def architecture(case: CheckCase) -> Finding:
    """Compare the config classes."""
    mine, theirs = case.candidate.config_class, case.base.config_class
    claim = differing_claim(case.spec, "config_class", mine)
    if is_decoder(case.candidate):
        return _finding(case, "architecture", "skip", "no encoder, so not compared", claim)
    kind = case.candidate.config.get("model_type")
    if mine is None and isinstance(kind, str) and case.depth != "facts":
        message = f"model_type {kind!r} is no class of the installed transformers"
        return _finding(case, "architecture", "fail", message, claim)
    if mine is None or theirs is None:
        whose = "candidate" if mine is None else "base"
        return _finding(
            case, "architecture", "skip", f"config class of the {whose} not known", claim
        )
    if mine == theirs:
        return _finding(case, "architecture", "pass", f"the base's class, {mine}", claim)
    return _finding(case, "architecture", "fail", f"{mine} is not the base's {theirs}", claim)


def encoder_only(case: CheckCase) -> Finding:
    """Refuse decoders, and encoders with a decoder."""
    if not case.candidate.config:
        return _finding(case, "encoder-only", "skip", "no config known")
    found = is_decoder(case.candidate)
    if found:
        return _finding(case, "encoder-only", "fail", found)
    return _finding(case, "encoder-only", "pass", "reads in both directions")


def is_decoder(evidence: Evidence) -> str:
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


def hidden_size(case: CheckCase) -> Finding:
    """Compare the width of the token vectors with what the heads were made for."""
    mine, theirs = case.candidate.hidden_size, case.base.hidden_size
    claim = differing_claim(case.spec, "hidden_size", mine)
    if mine is None or theirs is None:
        return _finding(case, "hidden-size", "skip", "hidden size not known", claim)
    if mine == theirs:
        return _finding(case, "hidden-size", "pass", f"its hidden size, {mine}", claim)
    return _finding(
        case, "hidden-size", "fail", f"hidden size {mine}, not the base's {theirs}", claim
    )


def layers(case: CheckCase) -> Finding:
    """Compare the number of layers."""
    mine, theirs = case.candidate.layers, case.base.layers
    if mine is None or theirs is None:
        return _finding(case, "layers", "skip", "number of layers not known")
    if mine == theirs:
        return _finding(case, "layers", "pass", f"its {mine} layers")
    return _finding(case, "layers", "fail", f"{mine} layers, not the base's {theirs}")


def token_level(case: CheckCase) -> Finding:
    """Recognise models that are published to give one vector per text."""
    evidence = case.candidate
    if evidence.layout == "sentence-embedding":
        claim = case.spec.claims.get("layout")
        return _finding(
            case,
            "token-level",
            "fail",
            "a sentence encoder: one vector per text; token vectors stand only before its pooling",
            f"{claim.text} ({claim.where})" if claim else None,
        )
    return _finding(case, "token-level", "pass", "one vector per token")


def complete_model(case: CheckCase) -> Finding:
    """Recognise repositories that hold a whole extraction model."""
    if case.candidate.layout == "complete-model":
        what = case.candidate.architecture or "a whole extraction model"
        return _finding(
            case,
            "complete-model",
            "fail",
            f"a complete model ({what}), not an encoder",
        )
    return _finding(case, "complete-model", "pass", "an encoder alone")


def positions(case: CheckCase) -> Finding:
    """Read from the config how many subtokens the encoder takes."""
    config = case.candidate.config
    table = config.get("max_position_embeddings")
    if _has_no_table(case.candidate):
        return _finding(case, "positions", "pass", "relative positions, no table to run out of")
    if not isinstance(table, int):
        return _finding(case, "positions", "skip", "length of the position table not known")
    status: Status = "pass" if table >= WANTED_POSITIONS else "fail"
    short = "" if status == "pass" else f": shorter than {WANTED_POSITIONS}"
    return _finding(case, "positions", status, f"a table of {table} positions{short}")


def _has_no_table(evidence: Evidence) -> bool:
    config = evidence.config
    relative = config.get("relative_attention") is True
    return relative and config.get("position_biased_input") is False


def _finding(
    case: CheckCase, code: str, status: Status, message: str, claim: str | None = None
) -> Finding:
    return Finding(code, status, case.depth, message, claim)
