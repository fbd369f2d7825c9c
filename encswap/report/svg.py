"""Small parts that figures are drawn from: text, lines, axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

WIDTH = 460
CSS = Path(__file__).with_name("assets") / "figures.css"
Point = tuple[float, float]


@dataclass(frozen=True)
class Scale:
    """Values from `low` to `high` laid out from `start` to `end` in the figure's units."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Place a value; one that is outside stands at the border."""
        span = self.high - self.low or 1.0
        share = min(max((value - self.low) / span, 0.0), 1.0)
        return round(self.start + share * (self.end - self.start), 2)


def text(x: float, y: float, words: str, classes: str = "") -> str:
    """Draw a line of text."""
    return f'<text x="{x:g}" y="{y:g}" class="{classes}">{escape(words)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, classes: str, *, color: str = "") -> str:
    """Draw a straight line."""
    return (
        f'<line x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}" '
        f'class="{classes}"{_style("stroke", color)}/>'
    )


def path(points: Sequence[Point], color: str, dash: str = "") -> str:
    """Draw a line through points."""
    steps = " ".join(f"{x:g},{y:g}" for x, y in points)
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    return f'<polyline points="{steps}" class="line"{_style("stroke", color)}{dashes}/>'


def dot(x: float, y: float, color: str, radius: float = 5) -> str:
    """Draw a filled dot."""
    return f'<circle cx="{x:g}" cy="{y:g}" r="{radius:g}"{_style("fill", color)}/>'


def ring(x: float, y: float, color: str) -> str:
    """Draw an open dot."""
    return f'<circle cx="{x:g}" cy="{y:g}" r="6" class="ring"{_style("stroke", color)}/>'


def bar(x: float, y: float, width: float, color: str) -> str:
    """Draw a horizontal bar."""
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{max(width, 0.5):g}" height="14" rx="2" '
        f'opacity="0.45"{_style("fill", color)}/>'
    )


def _style(what: str, color: str) -> str:
    return f' style="{what}:var(--{color})"' if color else ""


def share_axis(scale: Scale, left: float, right: float) -> list[str]:
    """Draw horizontal grid lines with their shares on the left."""
    return [
        part
        for share in (0.0, 0.25, 0.5, 0.75, 1.0)
        if share <= scale.high + 1e-9
        for part in (
            line(left, scale(share), right, scale(share), "grid"),
            text(left - 6, scale(share) + 4, f"{share:g}", "m e"),
        )
    ]


def figure(
    parts: Sequence[str], height: float, title: str, data: str = "", *, width: float = WIDTH
) -> str:
    """Put parts together to an SVG with a title; `data` are further attributes."""
    words = escape(title)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" role="img" '
        f'aria-label="{words}"{data}><title>{words}</title>{"".join(parts)}</svg>'
    )


def standalone(drawing: str) -> str:
    """Give a figure its own styles and ground, so that it stands in a file of its own."""
    style = f"<style>{CSS.read_text(encoding='utf-8')} svg {{ background: var(--bg); }}</style>"
    head, _, rest = drawing.partition("<title>")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{head}{style}<title>{rest}\n'
