"""Checks of what the candidate is: its class, its sizes, and what kind of model it belongs to."""

from __future__ import annotations

from encswap.checks.evidence import CAUSAL_ENDINGS, Case, Evidence, differing_claim
from encswap.domain import Finding, Status

WANTED_POSITIONS = 512


def architecture(case: Case) -> Finding:
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


def encoder_only(case: Case) -> Finding:
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


def hidden_size(case: Case) -> Finding:
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


def layers(case: Case) -> Finding:
    """Compare the number of layers."""
    mine, theirs = case.candidate.layers, case.base.layers
    if mine is None or theirs is None:
        return _finding(case, "layers", "skip", "number of layers not known")
    if mine == theirs:
        return _finding(case, "layers", "pass", f"its {mine} layers")
    return _finding(case, "layers", "fail", f"{mine} layers, not the base's {theirs}")


def token_level(case: Case) -> Finding:
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


def complete_model(case: Case) -> Finding:
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


def positions(case: Case) -> Finding:
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
    case: Case, code: str, status: Status, message: str, claim: str | None = None
) -> Finding:
    return Finding(code, status, case.depth, message, claim)
