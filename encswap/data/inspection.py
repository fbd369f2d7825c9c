"""What an inspection tells of a file of examples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from encswap.data.lengths import EncoderLengths, Lengths
from encswap.data.locate import Repair
from encswap.data.missed import Missed
from encswap.data.notes import Note
from encswap.data.twins import Twins
from encswap.data.units import WIDTHS, Coverage, suggest_max_width


@dataclass(frozen=True)
class SplitterView:
    """What the units of one splitter express, the losses, and lengths by encoder."""

    coverage: Coverage
    worst: tuple[Missed, ...]
    lengths: Mapping[str, EncoderLengths]


@dataclass(frozen=True)
class Inspection:
    """What `inspect` found in a file."""

    file: Path
    format: str
    examples: int
    mentions: int
    unlocated: int
    labels: Mapping[str, int]
    splitters: Mapping[str, SplitterView]
    repaired: int
    repairs: tuple[tuple[str, Repair], ...]
    missing: tuple[Missed, ...]
    within: Twins
    across: Twins | None
    odd: Mapping[str, int]
    odd_lines: Mapping[str, tuple[int, ...]]
    characters: Lengths
    notes: tuple[Note, ...] = ()


def as_json(found: Inspection) -> dict[str, Any]:
    """Return an inspection as others read it; shares are of all mentions, from 0 to 1."""
    return {
        "file": str(found.file),
        "format": found.format,
        "examples": found.examples,
        "mentions": found.mentions,
        "unlocated": found.unlocated,
        "repaired": found.repaired,
        "labels": dict(found.labels),
        "characters": asdict(found.characters),
        "splitters": {name: _splitter(view) for name, view in found.splitters.items()},
        "duplicates": {
            "within": _twins(found.within),
            "against": _twins(found.across) if found.across is not None else None,
        },
        "characters_unseen": {
            kind: {"examples": count, "lines": list(found.odd_lines[kind])}
            for kind, count in found.odd.items()
        },
        "unlocated_worst": [_missed(one) for one in found.missing],
        "notes": [{**asdict(one), "places": list(one.places)} for one in found.notes],
        "repairs": [{"where": where, **asdict(one)} for where, one in found.repairs],
    }


def _splitter(view: SplitterView) -> dict[str, Any]:
    coverage = view.coverage
    return {
        "aligned": _share(coverage.aligned_share),
        "within": {str(width): _share(coverage.share(width)) for width in WIDTHS},
        "units_per_example": {"mean": round(coverage.units_mean, 2), "max": coverage.units_max},
        "suggested_max_width": suggest_max_width(coverage),
        "widths": {str(width): count for width, count in coverage.widths.items()},
        "labels": {label: asdict(one) for label, one in coverage.by_label.items()},
        "lengths": {name: asdict(one) for name, one in view.lengths.items()},
        "unaligned_worst": [_missed(one) for one in view.worst],
    }


def _twins(twins: Twins) -> dict[str, Any]:
    pairs = [{"line": one.line, "twin": one.twin, "exact": one.exact} for one in twins.pairs]
    file = str(twins.pairs[0].file) if twins.pairs else None
    return {"exact": twins.exact, "near": twins.near, "file": file, "pairs": pairs}


def _missed(one: Missed) -> dict[str, Any]:
    return {**asdict(one), "units": list(one.units)}


def _share(value: float) -> float:
    return round(value, 6)
