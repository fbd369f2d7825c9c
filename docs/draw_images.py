"""Draw docs/images/check.svg from what `encswap check --all` prints."""

from __future__ import annotations

import os
import re
from pathlib import Path

from rich.console import Console
from rich.text import Text

from encswap.cli.check import compare_facts

WIDTH = 120
HERE = Path(__file__).resolve().parent / "images"


def draw(text: str, title: str, path: Path) -> None:
    """Draw a command's output as a terminal shows it."""
    with Path(os.devnull).open("w") as nowhere:
        console = Console(record=True, width=WIDTH, file=nowhere)
        console.print(Text(text.rstrip()), soft_wrap=True)
        picture = console.export_svg(title=title)
    # Fonts come from the reader's machine: the picture asks no other for anything.
    path.write_text(re.sub(r"@font-face \{.*?\}", "", picture, flags=re.DOTALL), encoding="utf-8")


if __name__ == "__main__":
    draw(compare_facts(WIDTH)[0], "encswap check --all", HERE / "check.svg")
