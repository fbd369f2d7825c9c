"""Draw docs/images/check.svg from what `encswap check --all` prints."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

WIDTH = 120
HERE = Path(__file__).resolve().parent / "images"


def draw(arguments: list[str], path: Path) -> None:
    """Run the program and draw its output as a terminal."""
    result = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "encswap", *arguments],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "COLUMNS": str(WIDTH)},
    )
    with Path(os.devnull).open("w") as nowhere:
        console = Console(record=True, width=WIDTH, file=nowhere)
        console.print(Text(result.stdout.rstrip()), soft_wrap=True)
        picture = console.export_svg(title=f"encswap {' '.join(arguments)}")
    # Fonts come from the reader's machine: the picture asks no other for anything.
    path.write_text(re.sub(r"@font-face \{.*?\}", "", picture, flags=re.DOTALL), encoding="utf-8")


if __name__ == "__main__":
    draw(["check", "--all"], HERE / "check.svg")
