"""Checks of the repository's files: what they ask for, and how the weights are stored."""

from __future__ import annotations

from encswap.checks.evidence import Case
from encswap.domain import Finding


def files(case: Case) -> Finding | None:
    """Say that the files could be read; what could not was found while reading them."""
    assert case.source is not None
    read = f"read from {case.source.kind} {case.source.identifier}"
    return _unless_found(case, "files", read)


def remote_code(case: Case) -> Finding | None:
    """Say that no file names code; one that does was found while reading them."""
    return _unless_found(case, "remote-code", "no code of the repository is needed")


def outside_files(case: Case) -> Finding | None:
    """Say that no file leads out of the folder; one that does was found while reading them."""
    return _unless_found(case, "outside-files", "nothing outside its own files is asked for")


def _unless_found(case: Case, code: str, message: str) -> Finding | None:
    if any(fault.code == code for fault in case.candidate.faults):
        return None
    return Finding(code, "pass", "config", message)


def weights_format(case: Case) -> Finding | None:
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
