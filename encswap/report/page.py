"""The report of a run as one HTML page that needs nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from pathlib import Path

from encswap import __version__
from encswap.report.page_data import MOST_BYTES, page_data
from encswap.report.run_results import Run
from encswap.report.scores import Ladder, ladders, warnings_of
from encswap.report.sections import (
    browser,
    calibration,
    errors,
    labels,
    origin,
    thresholds,
    training,
    verdict_section,
    views,
)
from encswap.report.texts import Texts

ASSETS = Path(__file__).with_name("assets")
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; "
    "base-uri 'none'; form-action 'none'"
)


def write_page(run: Run, texts: Texts, *, most_bytes: int = MOST_BYTES) -> str:
    """Write the page; documents beyond `most_bytes` are left out, and the page says so."""
    found = ladders(run)
    data, lacking = page_data(run, found, texts, most_bytes)
    title = texts("title", name=run.name)
    parts = [
        f"<h1>{escape(title)}</h1>",
        verdict_section(run, texts),
        *(f'<p class="warning">{escape(one)}</p>' for one in warnings_of(run, texts)),
        *_middle(run, texts, found),
        browser(run, texts, lacking),
        origin(run, texts),
    ]
    return (
        f'<!doctype html>\n<html lang="{texts("language")}">\n{head(title)}\n<body>\n'
        f'<a class="skip" href="#scores">{escape(texts("skip"))}</a>\n<main>\n'
        + "\n".join(part for part in parts if part)
        + f"\n</main>\n<footer>{escape(texts('page_made', version=__version__))}</footer>\n"
        f'<script type="application/json" id="data">{data}</script>\n'
        f"<script>{_asset('page.js')}</script>\n</body>\n</html>\n"
    )


def _middle(run: Run, texts: Texts, found: Mapping[str, Ladder]) -> list[str]:
    return [
        labels(run, texts),
        training(run, texts),
        thresholds(run, texts, found),
        errors(run, texts),
        calibration(run, texts),
        views(run, texts),
    ]


def head(title: str) -> str:
    """Write the head of a page: nothing is fetched from anywhere."""
    return (
        '<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<link rel="icon" href="data:,">\n<title>{escape(title)}</title>\n'
        f"<style>{_asset('figures.css')}{_asset('page.css')}</style>\n</head>"
    )


def _asset(name: str) -> str:
    return (ASSETS / name).read_text(encoding="utf-8")
