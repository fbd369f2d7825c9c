"""`encswap plugins verify`: whether a plugin keeps its promises, at mini scale."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from encswap.cli.output import FORMAT_OPTION, Format, write, write_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from encswap.cli.sections import Section
    from encswap.testing.cases import Outcome, Verification

HELP = """Verify a plugin: that it registers, loads, checks, swaps, learns and reloads.

NAME is a plugin's, an encoder's or a word splitter's. Everything runs at mini scale, on a model
that is built from the recorded facts, without a download. Exit 1 where a promise is broken; what
each promise asks is in docs/plugins.md.

  encswap plugins verify ko-deberta

  encswap plugins verify my-plugin --method my-way
"""


def verify(
    name: str = typer.Argument(..., metavar="NAME", help="A plugin, an encoder or a splitter."),
    methods: list[str] = typer.Option(
        [], "--method", metavar="METHOD", help="An embedding method of the plugin; repeatable."
    ),
    format: Format = FORMAT_OPTION,  # noqa: A002 - the option's name
) -> None:
    """Run the command."""
    from encswap.cli.progress import watching

    with watching() as watcher:
        from encswap.testing.cases import Verification

        verification = Verification.of(name, methods=methods)
        outcomes = []
        for case in verification.cases:
            watcher.stage(f"{case.subject}: {case.promise}")
            outcomes.append(verification.outcome(case))
    kept = all(one.status in ("kept", "remark") for one in outcomes)
    if format is Format.json:
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
    from encswap.cli.sections import Section

    rows = [
        (one.subject, one.promise, one.status, f"{one.seconds:.1f} s", one.message)
        for one in outcomes
    ]
    bad = [place for place, one in enumerate(outcomes) if one.status == "broken"]
    broken = [f"{outcomes[place].promise}: see {outcomes[place].page}" for place in bad]
    told = "keeps its promises" if kept else "breaks a promise"
    return Section(
        title=f"{name} {told}",
        columns=("of", "promise", "result", "took", "what was found"),
        rows=rows,
        notes=broken,
        bad=bad,
    )


def _print(section: Section, format_: Format) -> None:
    from encswap.cli.sections import markdown_of, print_sections

    if format_ is Format.markdown:
        write(markdown_of([section]))
    else:
        print_sections([section])
