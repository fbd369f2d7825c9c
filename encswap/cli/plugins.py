"""The `plugins` commands."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from encswap.cli.output import FORMAT_OPTION, OutputFormat, note, write, write_json
from encswap.escaping import markdown_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from encswap.cli.tables import Section
    from encswap.plugins import PluginRecord
    from encswap.testing.verification import Outcome, Verification

NEW_HELP = """Write a package that makes an encoder known by a name: it installs, and is tested.

What is recorded of the encoder is read from the hub, or from a folder with its files (--source),
each fact with how it was learned and when. Where neither can be reached, nothing is recorded, and
the package says so.

Begin a package for an encoder of the hub:
  encswap plugins new my-encoder --hub org/name

Begin a package without network, from a folder with the model's files:
  encswap plugins new my-encoder --hub org/name --source ./downloaded --out ../my-encoder
"""


def new(
    name: str = typer.Argument(..., metavar="NAME", help="What the encoder is to be called."),
    hub: str = typer.Option(..., "--hub", metavar="ORG/NAME", help="The model on the hub."),
    out: Path = typer.Option(None, "--out", "-o", help="New folder; default: ./encswap-NAME."),
    source: str = typer.Option(
        None, "--source", metavar="FOLDER", help="Read the facts from this folder, not the hub."
    ),
) -> None:
    """Run the command."""
    from encswap.cli.progress import quiet_libraries
    from encswap.errors import InputError
    from encswap.plugins import load_plugins
    from encswap.specs import HUB_ID
    from encswap.testing.scaffold import NewPlugin, plugin_name, refuse_existing, write_plugin
    from encswap.testing.scaffold.recorded import from_folder, from_hub

    quiet_libraries()
    called = plugin_name(name)
    if not HUB_ID.fullmatch(hub):
        raise InputError(f"{hub!r} is no hub id", hint="write --hub organisation/name")
    plugins = load_plugins()
    if called in (*plugins.encoders, *plugins.bases, *plugins.records):
        raise InputError(
            f"{called!r} is taken by a plugin that is installed", hint="choose another"
        )
    folder = out or Path(NewPlugin(called, hub).distribution)
    refuse_existing(folder)
    known = from_folder(hub, source, plugins) if source else from_hub(hub)
    plugin = NewPlugin(called, hub, known)
    write("".join(f"{path}\n" for path in write_plugin(plugin, folder)))
    for remark in known.remarks:
        note(f"not recorded: {remark}")
    note(f"next: pip install -e {folder} && encswap plugins verify {called}")


VERIFY_HELP = """Verify a plugin: that it registers, loads, checks, swaps, learns and reloads.

NAME is a plugin's, an encoder's or a word splitter's. Everything runs at mini scale, on a model
that is built from the recorded facts, without a download. Exit 1 where a promise is broken; what
each promise asks is in docs/plugins.md.

Prove an encoder's plugin:
  encswap plugins verify ko-deberta

Prove a plugin that brings an embedding method of its own:
  encswap plugins verify my-plugin --method my-way
"""


def verify(
    name: str = typer.Argument(..., metavar="NAME", help="A plugin, an encoder or a splitter."),
    methods: list[str] = typer.Option(
        [], "--method", metavar="METHOD", help="An embedding method of the plugin; repeatable."
    ),
    format: OutputFormat = FORMAT_OPTION,  # noqa: A002 - the option's name
) -> None:
    """Run the command."""
    from encswap.cli.progress import watching

    with watching() as watcher:
        from encswap.testing.verification import Verification

        verification = Verification.of(name, methods=methods)
        outcomes = []
        for case in verification.cases:
            watcher.stage(f"{case.subject}: {case.promise}")
            outcomes.append(verification.outcome(case))
    kept = all(one.status in ("kept", "remark") for one in outcomes)
    if format is OutputFormat.json:
        write_json(_as_json(name, verification, outcomes, kept))
    else:
        _print(_section(name, outcomes, kept), format)
    if not kept:
        raise typer.Exit(1)


def _as_json(
    name: str, verification: Verification, outcomes: Sequence[Outcome], kept: bool
) -> dict[str, object]:
    return {
        "name": name,
        "plugin": asdict(verification.plugin),
        "conforms": kept,
        "promises": [
            {**asdict(one), "seconds": round(one.seconds, 3), "page": one.page} for one in outcomes
        ],
    }


def _section(name: str, outcomes: Sequence[Outcome], kept: bool) -> Section:
    from encswap.cli.tables import Section

    rows = [
        (one.subject, one.promise, one.status, f"{one.seconds:.1f} s", one.message)
        for one in outcomes
    ]
    bad = [place for place, one in enumerate(outcomes) if one.status == "broken"]
    broken = [f"{outcomes[place].promise}: see {outcomes[place].page}" for place in bad]
    verdict = "keeps its promises" if kept else "breaks a promise"
    return Section(
        title=f"{name} {verdict}",
        columns=("of", "promise", "result", "took", "what was found"),
        rows=rows,
        notes=broken,
        bad=bad,
    )


def _print(section: Section, format_: OutputFormat) -> None:
    from encswap.cli.tables import markdown_of, print_sections

    if format_ is OutputFormat.markdown:
        write(markdown_of([section]))
    else:
        print_sections([section])


COLUMNS = ("plugin", "from", "hooks", "encoders", "splitters", "state")


def attach(app: typer.Typer) -> None:
    """Add the commands to the application."""
    plugins = typer.Typer(no_args_is_help=True, help="List, begin and verify plugins.")
    plugins.command("list")(list_plugins)
    plugins.command("new", help=NEW_HELP)(new)
    plugins.command("verify", help=VERIFY_HELP)(verify)
    app.add_typer(plugins, name="plugins")


def list_plugins(format: OutputFormat = FORMAT_OPTION) -> None:  # noqa: A002 - the option's name
    """List the plugins: where each comes from, what it offers, and why it was set aside."""
    from encswap.plugins import load_plugins

    records = list(load_plugins().records.values())
    if format is OutputFormat.json:
        write_json([asdict(record) for record in records])
    elif format is OutputFormat.markdown:
        rows = [COLUMNS, *map(_row, records)]
        write(markdown_table(rows))
    else:
        from encswap.cli.tables import Section, print_sections

        failed = [place for place, record in enumerate(records) if record.error]
        title = f"{len(records)} plugins, {len(failed) or 'none'} set aside"
        rows = [_row(record) for record in records]
        print_sections([Section(title, COLUMNS, rows, bad=failed)])
    if any(record.error is not None for record in records):
        raise typer.Exit(1)


def _row(record: PluginRecord) -> list[str]:
    origin = f"{record.distribution} {record.version}".strip() or "built in"
    lists = (record.hooks, record.encoders, record.splitters)
    return [
        record.name,
        origin,
        *(", ".join(one) or "–" for one in lists),
        record.error or "; ".join(["ok", *record.remarks]),
    ]
