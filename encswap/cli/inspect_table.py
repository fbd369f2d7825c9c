"""How an inspection looks: coverage first, the worst on top, then what to look at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from encswap.cli.tables import Section
from encswap.data.inspect import KINDS
from encswap.data.overlaps import POLICIES
from encswap.data.units import suggest_max_width

if TYPE_CHECKING:
    from encswap.data.duplicates import Duplicates
    from encswap.data.inspect import GoldFacts, Inspection, SplitterView
    from encswap.data.units import Coverage, Missed

LOW = 0.80
SHOWN_WIDTHS = (8, 12, 16)
NUMBERS = ("aligned", *(f"≤ {width}" for width in SHOWN_WIDTHS), "max_width", "units / most")


def sections_of(found: Inspection, show: int) -> list[Section]:
    """Return the sections to print; `show` losses of each kind."""
    views = sorted(found.splitters.items(), key=lambda item: item[1].coverage.aligned)
    sections = [_coverage(found, views)]
    for name, view in views:
        if view.worst:
            lost = view.coverage.mentions - view.coverage.aligned - view.coverage.unlocated
            title = f"{name}: {lost:,} mentions begin or end inside a unit"
            sections.append(_losses(title, view.worst[:show], "units"))
    if found.missing:
        title = f"{found.unlocated:,} gold strings do not occur in their text"
        sections.append(_losses(title, found.missing[:show], "nearest"))
    if found.passed:
        sections.append(_passed(found, show))
    if found.gold.overlaps.nested_same_label or found.gold.overlaps.crossing_same_label:
        sections.append(_overlaps(found, views))
    sections.append(_labels(found, views))
    if found.tasks:
        sections += _tasks(found, views)
    if any(view.lengths for _, view in views):
        sections.append(_lengths(views))
    sections.append(Section("Texts", notes=tuple(_notes(found))))
    return sections


def _coverage(found: Inspection, views: Sequence[tuple[str, SplitterView]]) -> Section:
    rows = [[name, *_shares(view.coverage)] for name, view in views]
    bad = [at for at, (_, view) in enumerate(views) if view.coverage.aligned_share < LOW]
    return Section(
        f"{found.file}: {found.examples:,} documents, {found.mentions:,} mentions"
        f" ({found.format}). What units can express of them, the ceiling of recall:",
        ("splitter", *NUMBERS),
        rows,
        (
            "aligned: a mention begins and ends with a unit; ≤ n: and is at most n units wide.",
            "A mention that is not expressed can never be found, whatever the encoder.",
        ),
        NUMBERS,
        bad,
    )


def _tasks(found: Inspection, views: Sequence[tuple[str, SplitterView]]) -> Iterator[Section]:
    """Count each task, and show what units can express of relations and structures."""
    kinds = {"relations": "relation", "structures": "structure"}
    rows = [
        [f"class of {task}", label, f"{count:,}", ""]
        for task, labels in found.tasks["classifications"].items()
        for label, count in labels.items()
    ]
    for key, kind in kinds.items():
        rows += [[kind, name, f"{count:,}", ""] for name, count in found.tasks[key].items()]
    rows += [
        ["value", name, f"{one['values']:,}", f"{one['unlocated']:,}"]
        for name, one in found.tasks["values"].items()
    ]
    documents = ", ".join(f"{count:,} {kind}" for kind, count in found.tasks["documents"].items())
    yield Section(
        f"Tasks beside entities, by documents that hold them: {documents}",
        ("task", "name", "count", "not in the text"),
        rows,
        right=("count", "not in the text"),
    )
    shares = [[name, *_shares(view.values)] for name, view in views if view.values is not None]
    if shares:
        yield Section(
            "What units can express of relation arguments and structure fields",
            ("splitter", *NUMBERS),
            shares,
            right=NUMBERS,
        )


def _shares(coverage: Coverage) -> list[str]:
    return [
        f"{coverage.aligned_share:.2%}",
        *(f"{coverage.share(width):.2%}" for width in SHOWN_WIDTHS),
        str(suggest_max_width(coverage)),
        f"{coverage.units_mean:.1f} / {coverage.units_max:,}",
    ]


def _losses(title: str, losses: Sequence[Missed], last: str) -> Section:
    rows = [
        [
            str(one.line or one.id),
            one.label,
            one.text,
            one.context if last == "units" else one.context or "–",
            *(["·".join(one.units)] if last == "units" else []),
        ]
        for one in losses
    ]
    columns = ("line", "label", "gold", "context" if last == "units" else "nearest in the text")
    return Section(
        title, (*columns, "units") if last == "units" else columns, rows, right=("line",)
    )


def _passed(found: Inspection, show: int) -> Section:
    rows = [
        [where.rpartition(":")[2], one.label, one.text, one.inside, "gold" if one.gold else "word"]
        for where, one in found.passed_over[:show]
    ]
    return Section(
        f"{found.passed:,} occurrences of gold strings mark nothing"
        f" (occurrences: {found.occurrences})",
        ("line", "label", "gold", "lies inside", "of a"),
        rows,
        (
            "A string marks what is a word of its own, unless it never is one.",
            "Offsets would say which are meant; --occurrences all marks every one.",
        ),
        ("line",),
    )


def _overlaps(found: Inspection, views: Sequence[tuple[str, SplitterView]]) -> Section:
    counted = found.gold.overlaps
    rows = [[name, *(f"{view.ceiling(policy):.2%}" for policy in POLICIES)] for name, view in views]
    return Section(
        f"{counted.nested_same_label:,} mentions lie inside another of the same label,"
        f" {counted.crossing_same_label:,} cross one: the ceiling of recall by overlap policy",
        ("splitter", *POLICIES),
        rows,
        (
            "The models' own policy is disallow: of overlapping spans of a label one is returned.",
            "--set overlap_policy=nested, when a model is trained, returns both.",
        ),
        POLICIES,
    )


def _labels(found: Inspection, views: Sequence[tuple[str, SplitterView]]) -> Section:
    names = [name for name, _ in views]
    rows = []
    for label, count in found.labels.items():
        shares = []
        for _, view in views:
            one = view.coverage.by_label.get(label)
            shares.append(f"{one.aligned / one.mentions:.2%}" if one else "–")
        rows.append([label, f"{count:,}", f"{count / found.mentions:.1%}", *shares])
    bad = [at for at, count in enumerate(found.labels.values()) if not count]
    columns = ("label", "mentions", "share", *names)
    return Section("Labels, and the aligned share by splitter", columns, rows, (), columns[1:], bad)


def _lengths(views: Sequence[tuple[str, SplitterView]]) -> Section:
    columns = ("encoder", "splitter", "mean", "median", "95%", "longest", "prompt", "limit", "over")
    rows = []
    for name, view in views:
        for encoder, one in view.lengths.items():
            spread = one.lengths
            limit = "none" if one.limit is None else f"{one.limit:,}"
            numbers = [f"{spread.mean:.1f}", *map(str, (spread.median, spread.p95, spread.max))]
            rows.append([encoder, name, *numbers, str(one.prompt), limit, f"{one.over:,}"])
    over = "over: texts that do not fit beside the prompt; they are cut into windows."
    return Section("Lengths in subtokens", columns, rows, (over,), columns[2:])


def _notes(found: Inspection) -> Iterator[str]:
    spread = found.characters
    yield (
        f"Length in characters: mean {spread.mean:,.1f}, median {spread.median:,},"
        f" 95% {spread.p95:,}, longest {spread.max:,}."
    )
    yield from _duplicate_notes(found.within, "in this file")
    if found.across is not None:
        yield from _duplicate_notes(found.across, "in the file it is held against")
    if found.repaired:
        where, one = found.repairs[0]
        yield (
            f"{found.repaired:,} gold strings were repaired: they differ from the text by white"
            f" space ({where}: {one.gold!r} is {one.found!r})."
        )
    yield from _gold_notes(found.gold)
    for kind, count in found.unusual.items():
        lines = ", ".join(map(str, found.unusual_lines[kind][:5]))
        yield f"{count:,} texts hold {KINDS[kind]} (line {lines}{' …' if count > 5 else ''})."
    for label in (label for label, count in found.labels.items() if not count):
        yield f"The label {label!r} is named and never marked."


def _gold_notes(gold: GoldFacts) -> Iterator[str]:
    repeated = gold.repeated
    if repeated.ids:
        yield (
            f"{repeated.ids:,} ids repeat, {repeated.examples:,} documents in all"
            f" ({repeated.most!r} {repeated.times:,} times); they stay on one side of a split."
        )
    if gold.label_sets.named:
        yield f"{gold.label_sets.named:,} documents name the labels they were annotated for."
    for label, count in list(gold.label_sets.not_named.items())[:8]:
        yield f"{count:,} documents do not name {label!r}: they are taken as holding none."
    for pair in gold.alike:
        yield f"The labels {pair.first!r} and {pair.second!r} differ only by {pair.by}."
    if gold.against is None:
        return
    if gold.against.shared_ids:
        yield f"{gold.against.shared_ids:,} ids stand in the file it is held against too."
    for where, labels in (
        ("this file", gold.against.labels_only_here),
        ("the file it is held against", gold.against.labels_only_there),
    ):
        if labels:
            names = ", ".join(f"{label} ({count:,})" for label, count in labels.items())
            yield f"Only {where} has the labels {names}."


def _duplicate_notes(duplicates: Duplicates, where: str) -> Iterator[str]:
    if not duplicates.exact and not duplicates.near:
        yield f"No text occurs twice {where}."
        return
    shown = ", ".join(
        f"{one.line} {'=' if one.exact else '≈'} {one.match}" for one in duplicates.pairs[:5]
    )
    yield (
        f"{duplicates.exact:,} texts occur twice {where}, {duplicates.near:,} nearly so"
        f" (lines {shown})."
    )
