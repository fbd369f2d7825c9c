"""How a check's report looks: a table for a person, Markdown for a report."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from encswap.check.catalogue import CODES, Code
from encswap.check.verdicts import CandidateResult, CheckReport
from encswap.cli.output import PIPED_WIDTH, console
from encswap.escaping import code_span, markdown, printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

SIGNS = {"selected": "✓", "rejected": "✗", "unknown": "?"}
COLOURS = {"selected": "green", "rejected": "red", "unknown": "yellow"}
STATUS_COLOURS = {"pass": "green", "warn": "yellow", "fail": "red", "skip": "dim"}
COLUMNS = (
    "candidate",
    "architecture",
    "parameters",
    "hidden",
    "config class",
    "verdict",
    "reason",
)


def print_table(report: CheckReport, *, verbose: bool = False) -> None:
    """Print the comparison, and with `verbose` every finding."""
    _draw(report, console(), verbose)


def table_text(report: CheckReport, width: int = PIPED_WIDTH) -> str:
    """Return the comparison as plain text."""
    screen = console(width=width, no_color=True)
    with screen.capture() as captured:
        _draw(report, screen, verbose=False)
    return captured.get()


def _draw(report: CheckReport, screen: Console, verbose: bool) -> None:
    screen.print(printable(_head(report)), markup=False)
    screen.print()
    _draw_comparison(report, screen)
    for line in closing_lines(report):
        screen.print(printable(line), markup=False)
    if verbose:
        for one in report.candidates:
            screen.print()
            screen.print(_findings(one))


def _head(report: CheckReport) -> str:
    return f"base {report.base} · criteria {report.criteria} · depth {report.depth}"


def _draw_comparison(report: CheckReport, screen: Console) -> None:
    """Draw a line of figures for each candidate, and under it, in full width, the reason."""
    from rich.cells import cell_len, set_cell_size
    from rich.markup import escape
    from rich.padding import Padding

    rows = [_row(one, report) for one in report.candidates]
    widths = [max(map(cell_len, column)) for column in zip(COLUMNS[:-1], *rows, strict=True)]

    indent = (0, 0, 0, widths[0] + 2)

    def line(cells: Sequence[str]) -> str:
        sized = [set_cell_size(cell, size) for cell, size in zip(cells, widths, strict=True)]
        return escape("  ".join(sized).rstrip())

    screen.print(f"[bold]{line(COLUMNS[:-1])}[/bold]", no_wrap=True, overflow="ellipsis")
    screen.print(f"[dim]{'─' * min(screen.width, sum(widths) + 2 * len(widths))}[/dim]")
    for one, row in zip(report.candidates, rows, strict=True):
        text = f"[{COLOURS[one.verdict]}]{line(row)}[/]"
        screen.print(text, no_wrap=True, overflow="ellipsis")
        screen.print(Padding(escape(printable(reason_of(one))), indent, expand=False))
        for said in said_of(one):
            screen.print(Padding(f"[dim]{escape(printable(said))}[/dim]", indent, expand=False))
        screen.print()


def _row(one: CandidateResult, report: CheckReport) -> list[str]:
    star = " ★" if one.name == report.recommended else ""
    cells = [cell.replace("\nplan: ", " (plan: ") + ")" * ("\n" in cell) for cell in cells_of(one)]
    row = [one.name + star, *cells, f"{SIGNS[one.verdict]} {one.verdict}"]
    return [printable(cell) for cell in row]


def cells_of(one: CandidateResult) -> list[str]:
    """Return architecture, parameters, hidden size and class, each with a claim that differs."""
    values = {
        "architecture": one.architecture or "–",
        "parameters": millions(one.parameters),
        "hidden_size": str(one.hidden_size or "–"),
        "config_class": one.config_class or "–",
    }
    return [
        f"{value}\nplan: {one.claims[key].split(' (')[0]}" if key in one.claims else value
        for key, value in values.items()
    ]


def reason_of(one: CandidateResult) -> str:
    """Join the reasons into one sentence."""
    return "; ".join(reason.message for reason in one.reasons)


def said_of(one: CandidateResult) -> list[str]:
    """List what was claimed of findings that have no column of their own."""
    shown = {"architecture", "hidden-size", "resources"}
    return [
        f"plan: {finding.claim}"
        for finding in one.findings
        if finding.claim and finding.code not in shown
    ]


def millions(count: int | None) -> str:
    """Write a number of parameters as people say it."""
    return f"{count / 1e6:.1f}M" if count is not None else "–"


def closing_lines(report: CheckReport) -> list[str]:
    """Say what is recommended and by which rule, or that nothing is selected."""
    chosen = [one for one in report.candidates if one.verdict == "selected"]
    lines = [f"criteria {report.criteria}: {report.criteria_title}"]
    if chosen:
        lines.append(f"★ recommended: {report.recommended}; {report.ranking}")
    else:
        lines.append("nothing is selected")
    shallow = [one for one in report.candidates if reaches_less(one, report)]
    if shallow:
        why = next(
            (f.message for f in shallow[0].findings if f.status == "skip" and f.depth != "facts"),
            "",
        )
        count = f"{len(shallow)} of {len(report.candidates)}"
        lines.append(f"depth {report.depth} was not reached in full for {count}: {why}")
    return lines


def reaches_less(one: CandidateResult, report: CheckReport) -> bool:
    """Say whether a candidate's own files were not read though the depth asks for them."""
    return one.depth == "facts" and report.depth != "facts"


def _findings(one: CandidateResult) -> Table:
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    title = f"{one.name} · {one.source or '–'} · {one.revision or 'no commit'}"
    table = Table(
        title=escape(printable(title)), box=box.SIMPLE, pad_edge=False, title_justify="left"
    )
    for name in ("code", "status", "depth"):
        table.add_column(name, no_wrap=True)
    table.add_column("finding", ratio=1, overflow="fold")
    above = ""
    for finding in one.findings:
        colour = STATUS_COLOURS[finding.status]
        said = f"\n[dim]plan: {escape(printable(finding.claim))}[/dim]" if finding.claim else ""
        message, above = (
            ("as above" if finding.message == above else finding.message),
            finding.message,
        )
        table.add_row(
            escape(printable(finding.code)),
            f"[{colour}]{finding.status}[/{colour}]",
            finding.depth,
            escape(printable(message)) + said,
        )
    return table


def as_markdown(report: CheckReport, *, verbose: bool = False) -> str:
    """Write the report as Markdown, fit to paste."""
    lines = [f"**{markdown(_head(report))}**", "", _line(COLUMNS), _line(["---"] * len(COLUMNS))]
    for one in report.candidates:
        chosen = one.name == report.recommended
        name = f"**{markdown(one.name)}**" if chosen else markdown(one.name)
        verdict = f"{SIGNS[one.verdict]} {one.verdict}"
        reason = "<br>".join(map(markdown, [reason_of(one), *said_of(one)]))
        cells = ("<br>".join(map(markdown, cell.split("\nplan: "))) for cell in cells_of(one))
        lines.append(
            _line([name, *(cell.replace("<br>", "<br>plan: ") for cell in cells), verdict, reason])
        )
    lines += ["", *(f"- {markdown(line)}" for line in closing_lines(report))]
    if verbose:
        for one in report.candidates:
            lines += [
                "",
                f"### {markdown(one.name)}",
                "",
                _line(("code", "status", "depth", "finding")),
            ]
            lines.append(_line(["---"] * 4))
            for finding in one.findings:
                said = f"<br>plan: {markdown(finding.claim)}" if finding.claim else ""
                message = markdown(finding.message) + said
                code = code_span(finding.code).replace("|", "\\|")
                lines.append(_line((code, finding.status, finding.depth, message)))
    return "\n".join(lines)


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def explain(code: str) -> str:
    """Write one code's page section as Markdown."""
    return section(CODES[code])


def section(code: Code) -> str:
    """Write what a code looks at, when it fails, and what to do."""
    return "\n\n".join(
        [
            f"## `{code.code}`",
            f"From depth `{code.depth}` on. {code.looks_at}",
            f"**Fails:** {code.fails}",
            f"**What to do:** {code.remedy}",
        ]
    )


def catalogue_page() -> str:
    """Write the page of all codes."""
    sections = [section(code) for code in CODES.values()]
    head = (
        "# The checks\n\n"
        "`encswap check` collects findings at four depths, `facts`, `config`, `forward` and"
        " `weights`; a depth that\ncould not be reached is `skip`, never `pass`. Criteria turn"
        " findings into a verdict. This page is written by\n`encswap check --explain all`."
    )
    return "\n\n".join([head, *sections]) + "\n"
