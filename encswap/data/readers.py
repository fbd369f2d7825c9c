"""Reading examples from a file of any known format."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from encswap.data.formats.brat import BRAT
from encswap.data.formats.characters import CHARACTERS
from encswap.data.formats.conll import WORDS
from encswap.data.formats.docbin import DOCBIN
from encswap.data.formats.family import JSON_FORMATS
from encswap.data.formats.rows import ROW_FORMATS
from encswap.data.formats.sentences import SENTENCES
from encswap.data.formats.table import FileFormat, Fit, Misfit, ReadOptions, names_in
from encswap.data.formats.tagged import TAGGED
from encswap.data.input import Head, Input
from encswap.data.label_sets import with_file_labels
from encswap.data.notes import Notes, Notice
from encswap.errors import InputError, UnknownNameError, located
from encswap.gliner.markers import refuse_markers
from encswap.types import Example, labels_of

if TYPE_CHECKING:
    from encswap.recipe import Recipe

    pass

FORMATS: dict[str, FileFormat] = {
    one.name: one
    for one in (
        *JSON_FORMATS,
        CHARACTERS,
        SENTENCES,
        WORDS,
        TAGGED,
        *ROW_FORMATS,
        BRAT,
        DOCBIN,
    )
}
CLOSE = 0.1
"""Fits that differ by less leave a format open."""


@dataclass(frozen=True)
class Reading:
    """A file that is being read: its format, what was passed over, its checksum at the end."""

    source: Input
    format: FileFormat
    options: ReadOptions = field(default_factory=ReadOptions)
    notes: Notes = field(default_factory=Notes)

    def __iter__(self) -> Iterator[Example]:
        """Yield the examples one by one, once; labels that hold gliner2's markers are refused."""
        known: set[str] = set()
        for example in self.format.read(self.source, self.options, self.notes):
            labels = [label for label in labels_of([example]) if label not in known]
            if labels or example.descriptions:
                where = located(self.source.path, example.line)
                refuse_markers(labels, example.descriptions, where=where)
                known.update(labels)
            yield example

    def read(self) -> list[Example]:
        """Read all examples and close the file; `checksum` is known from then on."""
        with self.source:
            examples = list(self)
            self.source.checksum()
        return with_file_labels(examples) if self.options.labels_per_file else examples

    def checksum(self) -> str:
        """Return the SHA-256 of what was read, to its end."""
        return self.source.checksum()


def open_examples(
    path: str | Path,
    format: str = "auto",  # noqa: A002
    *,
    options: ReadOptions | None = None,
    notes: Notes | None = None,
) -> Reading:
    """Open a file and recognise its format, without reading it; it is opened once.

    Raises InputError where it cannot be opened or is of no known format.
    """
    chosen = options or ReadOptions()
    if format != "auto":
        chosen = replace(chosen, format=format)
    known = known_format(chosen.format) if chosen.format != "auto" else None
    source = Input(path)
    try:
        found = known or recognise(source)
        _refuse_kind(source, found)
    except BaseException:
        source.close()
        raise
    return Reading(source, found, chosen, notes if notes is not None else Notes())


def read_examples(
    path: str | Path,
    format: str = "auto",  # noqa: A002
    *,
    options: ReadOptions | None = None,
    notes: Notes | None = None,
) -> list[Example]:
    """Read all examples of a file; ids may repeat, for an id names where a text came from."""
    return open_examples(path, format, options=options, notes=notes).read()


def read_texts(path: str | Path, options: ReadOptions | None = None) -> list[Example]:
    """Read texts: documents of any format, or each line of a .txt that is not blank."""
    if Path(path).suffix != ".txt":
        return read_examples(path, options=options)
    with Input(path) as source:
        return [
            Example(f"{source.stem}:{number}", line.strip(), line=number)
            for number, line in source.lines()
            if line.strip()
        ]


def iter_examples(
    path: str | Path,
    format: str = "auto",  # noqa: A002
    *,
    on_repair: Notice | None = None,
    options: ReadOptions | None = None,
    notes: Notes | None = None,
) -> Iterator[Example]:
    """Read the examples of a file one by one; `on_repair` is called with repaired gold strings."""
    notes = notes if notes is not None else Notes()
    if on_repair is not None:
        notes.on_repair = on_repair
    return _until_read(open_examples(path, format, options=options, notes=notes))


def format_of(path: str | Path) -> FileFormat:
    """Recognise a file's format by its beginning."""
    with Input(path) as source:
        return recognise(source)


def recognise(source: Input) -> FileFormat:
    """Recognise the format of an input by its head, which is read again afterwards.

    Every format is tried. Raises InputError where none fits, with the first line that does not
    for each near one, and where two fit about as well.
    """
    head = source.head
    verdicts = {name: one.fit(head) for name, one in FORMATS.items()}
    fits = {name: fit for name, fit in verdicts.items() if isinstance(fit, Fit)}
    if not fits:
        near = {name: one for name, one in verdicts.items() if isinstance(one, Misfit)}
        raise _unknown(source, head, near)
    order = sorted(fits, key=lambda name: -fits[name].score)
    if len(order) > 1 and fits[order[0]].score - fits[order[1]].score < CLOSE:
        one, other = order[:2]
        raise source.error(
            f"this may be {one} ({fits[one].evidence}) or {other} ({fits[other].evidence})",
            f"say which with --from {one} or --from {other}",
        )
    return FORMATS[order[0]]


def known_format(name: str) -> FileFormat:
    """Return the format called `name`."""
    if name not in FORMATS:
        raise UnknownNameError("format", name, list(FORMATS))
    return FORMATS[name]


def _until_read(reading: Reading) -> Iterator[Example]:
    with reading.source:
        yield from reading


def _refuse_kind(source: Input, found: FileFormat) -> None:
    """Refuse a folder or a data set of the hub that a person gave as another format."""
    if source.kind != "stream" and not isinstance(found.fit(source.head), Fit):
        raise source.error(_no_file(source), f"the format {found.name!r} is a file")


def _no_file(source: Input) -> str:
    if source.kind == "hub":
        return "this is a data set of the hub, not a file"
    return "this is a folder, not a file"


def _unknown(source: Input, head: Head, near: dict[str, Misfit]) -> InputError:
    known = f"known: {_known()}"
    if source.kind != "stream":
        return source.error(_no_file(source), known)
    if source.trouble is not None:
        return source.trouble
    number, first = head.first
    if not number:
        if head.complete:
            list(source.lines())
        return source.error("the file holds only blank lines", "give an example")
    reasons: dict[str, str] = {}
    for name, one in near.items():
        place = f"line {one.line}: " if one.line is not None else ""
        reason = f"{place}{one.reason}"
        reasons[reason] = f"{reasons[reason]}, {name}" if reason in reasons else name
    why = "; ".join(f"{names}: {reason}" for reason, names in reasons.items())
    return source.error(
        f"the format is not recognised: {first[:40]!r}" + (f" ({why})" if why else ""),
        known,
        line=number,
    )


def _known() -> str:
    return "; ".join(f"{one.name}: {one.description}" for one in FORMATS.values())


def options_of(recipe: Recipe, part: str | None = None) -> ReadOptions:
    """How a recipe's files are read; without a part, a file of another set, whatever its format."""
    by_part = recipe.format if isinstance(recipe.format, Mapping) else {}
    whole = recipe.format if isinstance(recipe.format, str) else "auto"
    return ReadOptions(
        format="auto" if part is None else dict(by_part).get(part, whole),  # type: ignore[call-overload]
        tag_column=recipe.tag_column,
        label=recipe.tag_label,
        label_names=names_in(recipe.label_names),
        occurrences=recipe.occurrences,
        labels_per_file=recipe.labels_per_file,
    )
