"""The `data` commands: inspect a file of documents, convert it to another format."""

from __future__ import annotations

import sys
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from encswap.cli.choices import FORMATS_HELP, OCCURRENCES, SCALES, WRITTEN_FORMATS, one_of
from encswap.cli.output import FORMAT_OPTION, OutputFormat, note, note_all, write, write_json

if TYPE_CHECKING:
    from encswap.data.windows import Ruler
    from encswap.plugins import Plugins
    from encswap.types import Source, WordSplitter

INSPECT_HELP = """Show what a splitter's units can express of a file's gold: the ceiling of recall.

GLiNER2 scores spans of units (words). Gold that begins or ends inside a unit is trained as a
negative and can never be found, whatever the encoder. `aligned` is the share of mentions that
begin and end with a unit; `≤ 12` those that are also at most 12 units wide (max_width).

See what a model could find at all in your documents:
  encswap data inspect train.jsonl

Compare test with train: texts in both, labels in one alone:
  encswap data inspect test.jsonl --splitter kiwi --against train.jsonl

Count the pieces that an encoder cuts the words into:
  encswap data inspect train.jsonl --encoder ./my-encoder --format json
"""
CONVERT_HELP = """Write the documents of one file to another, in another format.

Formats: plan, gliner2, spans, spacy, doccano, gliner1, tokens (JSONL); klue (characters), conll
(words), kbmc (TSV). More are read: --from names any of them. `spans` holds the most; gold, labels
and descriptions that another format cannot hold are refused without --drop.

Write one file as another:
  encswap data convert klue-ner.tsv train.jsonl --to plan
"""
TAG_COLUMN = typer.Option(
    None, "--tag-column", help="Column of the tags: its number from 1, or its name."
)
TAG_LABEL = typer.Option(
    None, "--tag-label", "--label", help="Label of tags that name none (B, I, O)."
)
LABEL_NAMES = typer.Option(
    None, "--label-names", help="Names of tags that are numbers, from 0: O,B-PER,I-PER,…"
)


def attach(app: typer.Typer) -> None:
    """Add the commands to the application."""
    data = typer.Typer(no_args_is_help=True, help="Inspect and convert files of documents.")
    data.command("inspect", help=INSPECT_HELP)(inspect_file)
    data.command("convert", help=CONVERT_HELP)(convert_file)
    app.add_typer(data, name="data")


def inspect_file(
    file: Path = typer.Argument(..., metavar="FILE", help="Documents in any known format."),
    splitter: list[str] = typer.Option(
        None, "--splitter", "-s", help="A word splitter, repeatable; default: all installed."
    ),
    against: Path = typer.Option(None, "--against", help="Look for its texts here: the train set."),
    encoder: list[str] = typer.Option(
        None,
        "--encoder",
        "-e",
        help="Count subtokens as this one does: name or folder, repeatable.",
    ),
    scale: str = typer.Option(
        "full", "--scale", metavar=one_of(SCALES), help="Of the encoders that count."
    ),
    user_dictionary: Path = typer.Option(
        None, "--user-dictionary", help="Words for the splitters that take a dictionary."
    ),
    source: str = typer.Option(
        "auto", "--from", help=f"The file's format; auto: recognised. {FORMATS_HELP}"
    ),
    occurrences: str = typer.Option(
        "standalone",
        "--occurrences",
        metavar=one_of(OCCURRENCES),
        help="Which places a gold string without offsets marks.",
    ),
    tag_column: str = TAG_COLUMN,
    tag_label: str = TAG_LABEL,
    label_names: str = LABEL_NAMES,
    show: int = typer.Option(8, "--show", min=0, help="How many losses to show of each kind."),
    format: OutputFormat = FORMAT_OPTION,  # noqa: A002 - the option's name
) -> None:
    """Run the command."""
    from encswap.data.formats.table import ReadOptions, names_in
    from encswap.data.inspect import as_json, inspect
    from encswap.data.locate import known_occurrences
    from encswap.plugins import load_plugins

    plugins = load_plugins()
    found = inspect(
        _found(file),
        build_splitters(plugins, splitter or [], user_dictionary),
        options=ReadOptions(
            source,
            tag_column,
            tag_label,
            occurrences=known_occurrences(occurrences),
            label_names=names_in(label_names),
        ),
        against=_found(against) if against is not None else None,
        rulers={name: _ruler(name, plugins, scale) for name in encoder or []},
        progress=_progress,
    )
    note_all(found.notes, file)
    if format is OutputFormat.json:
        write_json(as_json(found))
        return
    from encswap.cli.inspect_table import sections_of
    from encswap.cli.tables import markdown_of, print_sections

    sections = sections_of(found, show)
    if format is OutputFormat.markdown:
        write(markdown_of(sections))
    else:
        print_sections(sections)


def convert_file(
    source: Path = typer.Argument(..., metavar="IN", help="Documents in any known format."),
    target: Path = typer.Argument(..., metavar="OUT", help="The file to write; must not exist."),
    to: str = typer.Option(
        ..., "--to", help=f"A format that is written: {', '.join(WRITTEN_FORMATS)}."
    ),
    form: str = typer.Option(
        "auto", "--from", help=f"The format of IN; auto: recognised. {FORMATS_HELP}"
    ),
    tag_column: str = TAG_COLUMN,
    tag_label: str = TAG_LABEL,
    label_names: str = LABEL_NAMES,
    drop: bool = typer.Option(
        False, "--drop", help="Leave out gold, labels and descriptions that OUT cannot hold."
    ),
) -> None:
    """Run the command."""
    from encswap.data.convert import LOSSES, convert
    from encswap.data.formats.table import ReadOptions, names_in

    options = ReadOptions(form, tag_column, tag_label, label_names=names_in(label_names))
    done = convert(_found(source), target, to, options=options, drop=drop)
    note(f"wrote {done.examples:,} documents to {target} ({to})")
    if done.repaired:
        note(f"{done.repaired:,} gold strings were repaired: they differed by white space")
    note_all(done.notes, source)
    for loss, count in done.lost.items():
        note(f"{to} does not hold {LOSSES[loss]}: {count:,} dropped")


def build_splitters(
    plugins: Plugins, names: list[str], dictionary: Path | None = None
) -> dict[str, WordSplitter]:
    """Build the named splitters, or all that can be built; the dictionary goes to who takes one."""
    from encswap.errors import EncswapError, InputError

    wanted = [name for one in names for name in one.split(",")] or plugins.splitter_names
    built: dict[str, WordSplitter] = {}
    took = False
    for name in wanted:
        try:
            built[name], takes = _build(plugins, name, dictionary)
            took = took or takes
        except EncswapError as error:
            if names or dictionary is not None:
                raise
            note(f"encswap: splitter {name!r} is left out: {error}")
    if dictionary is not None and not took:
        raise InputError(f"no splitter of {', '.join(wanted)} takes a dictionary", where=dictionary)
    return built


def _build(plugins: Plugins, name: str, dictionary: Path | None) -> tuple[WordSplitter, bool]:
    """Build a splitter, and tell whether it took the dictionary."""
    from encswap.errors import PluginError

    if dictionary is not None:
        try:
            return plugins.splitter(name, user_dictionary=dictionary), True
        except PluginError as error:
            if not isinstance(error.__cause__, TypeError):
                raise
    return plugins.splitter(name), False


def _found(file: Path) -> Path:
    """Return the file, or the shipped set of this name."""
    from encswap.data.input import find_data

    return find_data(file)


def _ruler(name: str, plugins: Plugins, scale: str) -> Ruler:
    """Read an encoder's tokenizer and its number of positions; no weights are read."""
    from encswap.cli.progress import quiet_libraries, watching
    from encswap.data.windows import Ruler
    from encswap.errors import InputError
    from encswap.models import resolve, spec_of
    from encswap.safety.trusted_classes import load_tokenizer
    from encswap.testing.mini.build import build_mini

    if scale not in ("full", "mini"):
        raise InputError(f"unknown scale {scale!r}", hint="known: full, mini")
    quiet_libraries()
    if scale == "mini":
        with watching() as watcher:
            build_mini(plugins, watcher, spec_of(name, plugins))
    found = resolve(name, plugins, scale=scale, need="metadata")  # type: ignore[arg-type]
    tokenizer = load_tokenizer(found.path, found.name)

    @lru_cache(maxsize=1 << 16)
    def count(unit: str) -> int:
        return max(1, len(tokenizer.tokenize(unit)))

    return Ruler(count, positions_of(found))


def positions_of(source: Source) -> int | None:
    """Return how many subtokens an encoder reads, None where its positions are only relative.

    Its class is built without weights, for only the class tells where position ids begin.
    """
    from types import SimpleNamespace
    from typing import cast

    from encswap.errors import SourceError
    from encswap.gliner.batches import position_limit
    from encswap.safety.content import refuse_hostile
    from encswap.safety.trusted_classes import build_config, build_model, read_config

    refuse_hostile(source.path, source.name)
    try:
        config = build_config(read_config(source.path))
        config.num_hidden_layers = 1
        encoder = build_model(config, meta=True)
    except Exception as error:
        raise SourceError(f"{source.name} cannot be built: {error}", where=source.path) from error
    limit = position_limit(cast(Any, SimpleNamespace(encoder=encoder)), sys.maxsize)
    return None if limit == sys.maxsize else limit


def _progress(examples: int) -> None:
    if examples % 10_240 == 0:
        note(f"{examples:,} documents …")
