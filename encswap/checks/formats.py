"""Checks of the repository's files: code of its own, and how the weights are stored."""

from __future__ import annotations

from encswap.checks.evidence import Case
from encswap.domain import Finding


def files(case: Case) -> Finding | None:
    """Say that the files could be read; what could not was found while reading them."""
    if any(fault.code == "files" for fault in case.candidate.faults):
        return None
    assert case.source is not None
    return Finding(
        "files", "pass", "config", f"read from {case.source.kind} {case.source.identifier}"
    )


def remote_code(case: Case) -> Finding:
    """Look for an `auto_map`."""
    wanted = case.candidate.config.get("auto_map")
    if wanted:
        names = ", ".join(map(str, wanted.values())) if isinstance(wanted, dict) else str(wanted)
        message = f"config.json asks for code of the repository: {names[:120]}"
        return Finding("remote-code", "fail", "config", message)
    return Finding("remote-code", "pass", "config", "no code of the repository is needed")


def weights_format(case: Case) -> Finding:
    """Look for safetensors among the file names."""
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
