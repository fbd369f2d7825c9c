"""How a check's report looks: a table for a person, Markdown for a report.

A verdict or a number is never cut: columns that do not fit go into the lines under a row, and what
goes through a pipe has no width.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from encswap.check.catalogue import CODES
from encswap.check.criteria import EVIDENCE
from encswap.check.declaration import Check
from encswap.check.verdicts import CLAIMED, CandidateResult, CheckReport
from encswap.cli.output import console, is_terminal
from encswap.cli.tables import table_width, wrap
from encswap.escaping import code_span, markdown, printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

SIGNS = {"selected": "✓", "fits": "✓", "rejected": "✗", "does not fit": "✗", "unknown": "?"}
COLOURS = {"✓": "green", "✗": "red", "?": "yellow"}
STATUS_COLOURS = {"pass": "green", "warn": "yellow", "fail": "red", "skip": "dim"}
# In the order in which they are kept: the last one leaves a narrow screen first.
FIGURES = ("params", "hidden", "config class", "architecture")
LONGEST_HEAD = 12
NARROWEST = 20
GAP = "  "


def print_table(report: CheckReport, *, verbose: bool = False) -> None:
    """Print the comparison, and with `verbose` every finding."""
    _Drawing(console(), table_width()).draw(report, verbose)


def table_text(report: CheckReport, width: int | None = None, *, verbose: bool = False) -> str:
    """Return the comparison as plain text of at most `width` columns; None: as wide as it is."""
    screen = console(no_color=True)
    with screen.capture() as captured:
        _Drawing(screen, width).draw(report, verbose)
    return captured.get()


class _Drawing:
    """A comparison drawn on a screen of some width, line by line; None has no width."""

    def __init__(self, screen: Console, width: int | None) -> None:
        self.screen = screen
        self.width = width

    def draw(self, report: CheckReport, verbose: bool) -> None:
        self.hanging("", _head(report))
        self.line()
        self.draw_rows(report)
        for line in closing_lines(report):
            self.hanging("", line)
        for one in report.candidates if verbose else ():
            self.line()
            self.draw_findings(one)

    def draw_rows(self, report: CheckReport) -> None:
        """Draw a line for each candidate, and under it the reasons of both verdicts."""
        heads = ("candidate", _column(report), "evidence")
        layout = _Layout(report, heads, self.width)
        if layout.fits:
            self.line(layout.line([*heads, *layout.figures]), "bold")
            self.line("─" * sum([*layout.widths, len(GAP) * (len(layout.widths) - 1)]), "dim")
        for one in report.candidates:
            verdicts = _verdicts(one)
            if layout.fits:
                cells = [_name(one, report), *verdicts, *layout.cells(one)]
                self.row(layout, [printable(cell) for cell in cells])
            else:
                self.hanging("", _name(one, report), "bold")
            for head, verdict, reasons in zip(heads[1:], verdicts, _reasons(one), strict=True):
                text = reasons if layout.fits else f"{verdict}: {reasons}"
                self.hanging(head, text, indent=GAP)
            if rest := layout.rest(one):
                self.hanging("model", rest, "dim", indent=GAP)
            for claim in claims_of(one):
                self.hanging("claim", claim, "dim", indent=GAP)
            self.line()

    def row(self, layout: _Layout, cells: Sequence[str]) -> None:
        """Print a row whose verdicts have their own colours."""
        from rich.text import Text

        text = Text()
        for place, cell in enumerate(layout.padded(cells)):
            text.append(cell + GAP, COLOURS.get(cell[:1], "") if place in (1, 2) else "")
        text.rstrip()
        self.put(text)

    def draw_findings(self, one: CandidateResult) -> None:
        """List every finding of a candidate, one after the other."""
        self.hanging("", f"{one.name} · {one.source or '–'} · {one.revision or 'no commit'}")
        codes = max((len(finding.code) for finding in one.findings), default=0)
        previous = ""
        for finding in one.findings:
            message = "as above" if finding.message == previous else finding.message
            previous = finding.message
            label = f"{finding.status}  {printable(finding.code):{codes}}  {finding.depth:7}"
            self.hanging(label, message, label_style=STATUS_COLOURS[finding.status], indent=GAP)
            if finding.claim:
                self.hanging(" " * len(label), f"plan: {finding.claim}", "dim", indent=GAP)

    def hanging(
        self, label: str, text: str, style: str = "", *, label_style: str = "dim", indent: str = ""
    ) -> None:
        """Print text behind a label; further lines begin where its first one did."""
        from rich.text import Text

        label = f"{indent}{label:{LABEL}}{GAP}" if label else indent
        room = None if self.width is None else self.width - len(label)
        if room is not None and room < NARROWEST and label.strip():
            self.line(label.rstrip(), label_style)
            label = indent + GAP
            room = max((self.width or 0) - len(label), 1)
        for number, line in enumerate(wrap(printable(text), room)):
            start = label if number == 0 else " " * len(label)
            self.put(Text.assemble((start, label_style), (line, style)))

    def line(self, text: str = "", style: str = "") -> None:
        """Print one line as it is."""
        from rich.text import Text

        self.put(Text(text, style))

    def put(self, text: Text) -> None:
        self.screen.print(text, soft_wrap=True)


LABEL = len("evidence")


class _Layout:
    """Which columns fit the width; what does not fit is left for the lines under a row.

    Where nothing is lost by it, a claim that differs stands in its figure's cell.
    """

    def __init__(self, report: CheckReport, heads: Sequence[str], width: int | None) -> None:
        rows = [(_name(one, report), *_verdicts(one)) for one in report.candidates]
        self.fits = True
        for count in range(len(FIGURES), -1, -1):
            for claims in (True, False):
                self.figures, self.claims = FIGURES[:count], claims
                table = [
                    [*row, *self.cells(one)]
                    for row, one in zip(rows, report.candidates, strict=True)
                ]
                self.widths = _widths([[*heads, *self.figures], *table])
                if width is None or sum(self.widths) + len(GAP) * (len(self.widths) - 1) <= width:
                    return
        self.fits = False

    def cells(self, one: CandidateResult) -> list[str]:
        """The figures that have a column, each with a claim that differs."""
        values = figures_of(one)
        return [
            f"{values[name][0]} (plan: {claim})"
            if self.claims and (claim := values[name][1])
            else values[name][0]
            for name in self.figures
        ]

    def rest(self, one: CandidateResult) -> str:
        """The figures and the claims that have no column."""
        parts = []
        for name, (value, claim) in figures_of(one).items():
            if name in self.figures and (self.claims or not claim):
                continue
            if value == "–" and not claim:
                continue
            label = "" if name in ("config class", "architecture") else f"{name} "
            parts.append(f"{label}{value}" + (f" (plan: {claim})" if claim else ""))
        return ", ".join(parts)

    def padded(self, cells: Sequence[str]) -> list[str]:
        from rich.cells import set_cell_size

        return [set_cell_size(cell, size) for cell, size in zip(cells, self.widths, strict=True)]

    def line(self, cells: Sequence[str]) -> str:
        return GAP.join(self.padded(cells)).rstrip()


def _widths(rows: Sequence[Sequence[str]]) -> list[int]:
    from rich.cells import cell_len

    return [max(cell_len(printable(cell)) for cell in column) for column in zip(*rows, strict=True)]


def _head(report: CheckReport) -> str:
    return f"base {report.base} · criteria {report.criteria} · depth {report.depth}"


def _column(report: CheckReport) -> str:
    """The head of the column of the criteria's verdict: their name, where it is short."""
    name = printable(report.criteria)
    return name if len(name) <= LONGEST_HEAD and name != "evidence" else "criteria"


def _name(one: CandidateResult, report: CheckReport) -> str:
    return one.name + (" ★" if one.name == report.recommended else "")


def _verdicts(one: CandidateResult) -> list[str]:
    return [f"{SIGNS[verdict]} {verdict}" for verdict in (one.verdict, one.evidence_verdict)]


def _reasons(one: CandidateResult) -> list[str]:
    return [
        "; ".join(reason.message for reason in reasons)
        for reasons in (one.reasons, one.evidence_reasons)
    ]


def figures_of(one: CandidateResult) -> dict[str, tuple[str, str]]:
    """Parameters, hidden size, class and architecture, each with the claim where it differs."""
    values = {
        "parameters": ("params", millions(one.parameters)),
        "hidden_size": ("hidden", str(one.hidden_size or "–")),
        "config_class": ("config class", one.config_class or "–"),
        "architecture": ("architecture", one.architecture or "–"),
    }
    return {
        head: (value, one.claims.get(key, "").split(" (")[0])
        for key, (head, value) in values.items()
    }


def claims_of(one: CandidateResult) -> list[str]:
    """List what was claimed of findings that have no column of their own."""
    return [
        finding.claim
        for finding in one.findings
        if finding.claim and (finding.code not in CODES or CODES[finding.code].claim not in CLAIMED)
    ]


def millions(count: int | None) -> str:
    """Write a number of parameters as people say it."""
    return f"{count / 1e6:.1f}M" if count is not None else "–"


def closing_lines(report: CheckReport) -> list[str]:
    """Say by whose rules the verdicts were given, what is recommended, and what was not reached."""
    chosen = [one for one in report.candidates if one.verdict == "selected"]
    lines = [f"criteria {report.criteria}: {report.criteria_title}", report.criteria_about]
    if report.criteria != EVIDENCE:
        lines.append(
            f"evidence: whether the tensors fit, and what was measured. What only"
            f" {report.criteria} rejects is rejected by its rule, not by a measurement;"
            f" `--criteria {EVIDENCE}` recommends by the evidence"
        )
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
    return [line for line in lines if line]


def reaches_less(one: CandidateResult, report: CheckReport) -> bool:
    """Say whether a candidate's own files were not read though the depth asks for them."""
    return one.depth == "facts" and report.depth != "facts"


# -- Markdown ----------------------------------------------------------------------------------


def as_markdown(report: CheckReport, *, verbose: bool = False) -> str:
    """Write the report as Markdown, fit to paste."""
    columns = ("candidate", *reversed(FIGURES), _column(report), "evidence", "reasons")
    lines = [f"**{markdown(_head(report))}**", "", _line(map(markdown, columns))]
    lines.append(_line(["---"] * len(columns)))
    for one in report.candidates:
        name = markdown(one.name)
        figures = [
            f"{markdown(value)}<br>plan: {markdown(claim)}" if claim else markdown(value)
            for value, claim in reversed(figures_of(one).values())
        ]
        heads = (_column(report), "evidence")
        reasons = [
            f"{head}: {text}" for head, text in zip(heads, _reasons(one), strict=True) if text
        ]
        claims = [f"claim: {claim}" for claim in claims_of(one)]
        cell = "<br>".join(map(markdown, [*reasons, *claims]))
        chosen = one.name == report.recommended
        lines.append(_line([f"**{name}**" if chosen else name, *figures, *_verdicts(one), cell]))
    lines += ["", *(f"- {markdown(line)}" for line in closing_lines(report))]
    for one in report.candidates if verbose else ():
        lines += ["", f"### {markdown(one.name)}", "", *_finding_rows(one)]
    return "\n".join(lines)


def _finding_rows(one: CandidateResult) -> list[str]:
    lines = [_line(("code", "status", "depth", "finding")), _line(["---"] * 4)]
    for finding in one.findings:
        claim = f"<br>plan: {markdown(finding.claim)}" if finding.claim else ""
        code = code_span(finding.code).replace("|", "\\|")
        lines.append(
            _line((code, finding.status, finding.depth, markdown(finding.message) + claim))
        )
    return lines


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


# -- the words of the checks -------------------------------------------------------------------


def section(check: Check) -> str:
    """Write what a check looks at, when it fails, and what to do, as Markdown."""
    return "\n\n".join(
        [
            f"## `{check.code}`",
            f"From depth `{check.depth}` on. {check.looks_at}",
            f"**Fails:** {check.fails_when}",
            f"**What to do:** {check.remedy}",
        ]
    )


def catalogue_page() -> str:
    """Write the page of all codes."""
    sections = [section(check) for check in CODES.values()]
    head = (
        "# The checks\n\n"
        "`encswap check` collects findings at four depths, `facts`, `config`, `forward` and"
        " `weights`; a depth that\ncould not be reached is `skip`, never `pass`. Criteria turn"
        " findings into a verdict. This page is written by\n`encswap check --explain all`."
    )
    return "\n\n".join([head, *sections]) + "\n"


def print_markdown(text: str) -> None:
    """Print Markdown: laid out on a terminal, as it is written through a pipe."""
    if not is_terminal():
        from encswap.cli.output import write

        write(text)
        return
    from rich.markdown import Markdown

    console().print(Markdown(text))
