"""The `check` command."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import typer

from encswap.cli.choices import FORMATS_HELP
from encswap.cli.output import (
    FORMAT_OPTION,
    OutputFormat,
    console,
    is_terminal,
    note,
    note_all,
    write,
    write_json,
)
from encswap.cli.progress import quiet_libraries

if TYPE_CHECKING:
    from collections.abc import Callable

    from encswap.check.criteria import Criteria
    from encswap.check.verdicts import CheckReport
    from encswap.data.formats.table import ReadOptions
    from encswap.plugins import Plugins
    from encswap.types import CheckContext, Source


class DepthName(StrEnum):
    """How deep to look."""

    facts = "facts"
    config = "config"
    forward = "forward"
    weights = "weights"


class ScaleName(StrEnum):
    """Which files to take: the real ones, or small ones of the same classes."""

    full = "full"
    mini = "mini"


HELP = """Judge which encoders fit the base, with the evidence for it.

The verdict is the criteria's own; beside it stands what was measured. Exit 1 where none is
recommended.

Compare all registered encoders from recorded facts, without network:
  encswap check --all

Compare encoders by your own documents:
  encswap check --all --data train.jsonl

Look at an encoder that is not registered, through its files:
  encswap check org/name --depth config
  encswap check ./my-encoder --depth weights

Judge by what was measured, not by the plan's rule:
  encswap check --all --criteria shape

Know what a check looks at:
  encswap check --explain architecture
"""


def attach(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("check", help=HELP)(check)


def check(
    names: list[str] = typer.Argument(
        None, metavar="NAME", help="Registered names, hub ids (NAME@REVISION) or folders."
    ),
    everything: bool = typer.Option(
        False, "--all", help="Every registered encoder; so it is where no NAME is given."
    ),
    base: str = typer.Option(
        None, "--base", help="The model to put it into; default: the one that the criteria name."
    ),
    data: str = typer.Option(None, "--data", help="Your examples: coverage, and their number."),
    source: str = typer.Option(
        "auto", "--from", help=f"The data's format; auto: recognised. {FORMATS_HELP}"
    ),
    tag_column: str = typer.Option(
        None, "--tag-column", help="Column of the data's tags: its number from 1, or its name."
    ),
    tag_label: str = typer.Option(
        None, "--tag-label", help="Label of the data's tags that name none (B, I, O)."
    ),
    label_names: str = typer.Option(
        None, "--label-names", help="Names of the data's tags that are numbers, from 0."
    ),
    depth: DepthName = typer.Option(DepthName.facts, "--depth", help="How deep to look."),
    criteria: str = typer.Option("plan", "--criteria", help="plan, shape, or a YAML file."),
    scale: ScaleName = typer.Option(ScaleName.full, "--scale", help="mini needs no download."),
    allow_pickle: list[str] = typer.Option(
        None, "--allow-pickle", metavar="NAME", help="Read this one's pickle weights."
    ),
    format: OutputFormat = FORMAT_OPTION,  # noqa: A002 - the option's name
    explain: str = typer.Option(
        None, "--explain", metavar="CODE", help="What one check looks at, or `all`."
    ),
    verbose: bool = typer.Option(False, "-v", "--verbose", help="Show every finding."),
) -> None:
    """Run the command."""
    if explain:
        _explain(explain)
        return
    from encswap.check.criteria import load_criteria
    from encswap.plugins import load_plugins

    judged_by = load_criteria(criteria)
    plugins = load_plugins()
    chosen = list(names or [])
    if everything or not chosen:
        chosen += [name for name in plugins.encoders if name not in chosen]
    from encswap.data.formats.table import ReadOptions, names_in

    options = ReadOptions(source, tag_column, tag_label, label_names=names_in(label_names))
    context = _context(depth.value, data, judged_by, plugins, options)
    files = (scale.value, tuple(allow_pickle or ()))
    report = _run(chosen, base, judged_by, context, plugins, files)
    for failed in plugins.failures():
        note(f"encswap: plugin {failed.name!r} was set aside: {failed.error}")
    _show(report, format, verbose)
    if report.recommended is None:
        raise typer.Exit(1)


def compare_facts(width: int | None = None) -> tuple[str, str | None]:
    """Compare all registered encoders by recorded facts: the table, and the recommended one.

    `width` is in columns; the terminal's where it is not given.
    """
    from encswap.check.criteria import load_criteria
    from encswap.cli.check_table import table_text
    from encswap.cli.tables import table_width
    from encswap.plugins import load_plugins
    from encswap.types import CheckContext

    plugins = load_plugins()
    names, context = list(plugins.encoders), CheckContext(depth="facts")
    report = _run(names, None, load_criteria("plan"), context, plugins)
    return table_text(report, width or table_width()), report.recommended


def _explain(code: str) -> None:
    from encswap.check.catalogue import CODES
    from encswap.cli.check_table import catalogue_page, print_markdown, section
    from encswap.errors import UnknownNameError

    if code == "all":
        print_markdown(catalogue_page())
        return
    if code not in CODES:
        raise UnknownNameError("code", code, list(CODES))
    print_markdown(section(CODES[code]))


def _context(
    depth: str, data: str | None, criteria: Criteria, plugins: Plugins, options: ReadOptions
) -> CheckContext:
    from encswap.types import CheckContext

    wanted = data or (criteria.sample if depth != "facts" else "")
    if not wanted:
        return CheckContext(depth=depth)  # type: ignore[arg-type]
    from encswap.data.input import find_data
    from encswap.data.notes import Notes
    from encswap.data.readers import read_examples

    notes = Notes()
    asked = options if data else None
    examples = tuple(read_examples(find_data(wanted), options=asked, notes=notes))
    note_all(notes, wanted)
    splitters = {}
    for name in plugins.splitter_names:
        try:
            splitters[name] = plugins.splitter(name)
        except Exception as error:
            note(f"encswap: splitter {name!r} is left out: {error}")
    return CheckContext(
        depth=depth,  # type: ignore[arg-type]
        examples=examples,
        splitters=splitters,
        training_examples=len(examples) if data else None,
        words=criteria.words,
    )


def _run(
    names: list[str],
    base: str | None,
    criteria: Criteria,
    context: CheckContext,
    plugins: Plugins,
    files: tuple[str, tuple[str, ...]] = ("full", ()),
) -> CheckReport:
    from encswap.check.criteria import load_criteria
    from encswap.check.verdicts import Request, run_checks

    scale, allow_pickle = files
    request = Request(
        names=names,
        base=base or ("mini" if scale == "mini" else criteria.base or load_criteria("plan").base),
        criteria=criteria,
        context=context,
        scale=scale,  # type: ignore[arg-type]
        allow_pickle=allow_pickle,
    )
    find = _finder(context.depth, scale, plugins)
    if context.depth != "facts":
        quiet_libraries()
    if context.depth == "facts" or not is_terminal(stderr=True):
        return run_checks(request, plugins, find=find)
    from rich.progress import Progress

    with Progress(console=console(stderr=True), transient=True) as bar:
        task = bar.add_task(f"looking at depth {context.depth}", total=2 * len(names) + 1)
        return run_checks(request, plugins, find=find, progress=lambda _name: bar.advance(task))


def _finder(depth: str, scale: str, plugins: Plugins) -> Callable[[str], Source] | None:
    """Say where files come from when a candidate's own are out of reach."""
    from encswap.models import MINI_BASE, resolve, spec_of

    def built(name: str) -> Source:
        from encswap.cli.progress import watching
        from encswap.testing.mini.build import build_mini
        from encswap.testing.mini.encoders import mini_encoder

        if name == MINI_BASE:
            with watching() as watcher:
                build_mini(plugins, watcher)
        else:
            mini_encoder(spec_of(name, plugins))
        return resolve(name, plugins, scale="mini")

    def recorded(name: str) -> Source:
        from encswap.testing.mini.encoders import recorded_folder
        from encswap.types import Source

        spec = spec_of(name, plugins)
        return Source(spec.name, recorded_folder(spec), "mini", f"recorded/{spec.name}")

    if scale == "mini":
        return built
    return recorded if depth in {"forward", "weights"} else None


def _show(report: CheckReport, format: OutputFormat, verbose: bool) -> None:  # noqa: A002
    if format is OutputFormat.json:
        write_json(report.to_json())
        return
    from encswap.cli.check_table import as_markdown, print_table

    if format is OutputFormat.markdown:
        write(as_markdown(report, verbose=verbose))
    else:
        print_table(report, verbose=verbose)
