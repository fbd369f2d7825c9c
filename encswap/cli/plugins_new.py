"""`encswap plugins new`: a package for an encoder, ready to install and test."""

from __future__ import annotations

from pathlib import Path

import typer

from encswap.cli.output import note, write

HELP = """Write a package that makes an encoder known by a name: it installs, and its tests pass.

What is recorded of the encoder is read from the hub, or from a folder with its files (--source),
each fact with how it was learned and when. Where neither can be reached, nothing is recorded, and
the package says so.

  encswap plugins new my-encoder --hub org/name

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
    from encswap.hub import HUB_ID
    from encswap.plugins import load_plugins
    from encswap.templates import NewPlugin, plugin_name, refuse_existing, write_plugin
    from encswap.templates.facts import from_folder, from_hub

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
