"""Draw the images of the pages: `python docs/draw_images.py [RUN]`.

`check.svg` is what `encswap check --all` prints. `before-after.svg` is drawn from
`before-after.json`, which a RUN of `encswap train --encoder ko-deberta --scale mini` writes anew:
one test document as the run's base finds entities in it, and as the trained model does.
"""

from __future__ import annotations

import html
import json
import os
import re
import sys
import unicodedata
from pathlib import Path
from typing import Any

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


DOCUMENT = "ko-test-0028"
BASE_THRESHOLD = 0.5  # gliner2's own
CELL, LINE, MARGIN, SIZE = 8.9, 62, 24, 17
COLOURS = {"Disease": "#ffd9d2", "Drug": "#cfe6ff", "Procedure": "#d8f0d2", "Biomarker": "#f6e6b4"}


def read_document(run: Path) -> dict[str, Any]:
    """What the base and the trained model find in one test document."""
    from gliner2 import AutoExtractor

    from encswap.data.input import find_data
    from encswap.data.readers import read_examples
    from encswap.models import MINI_BASE, mini_folder

    example = {one.id: one for one in read_examples(find_data("ko-medical/test.jsonl"))}[DOCUMENT]
    lines = (run / "predictions.jsonl").read_text(encoding="utf-8").splitlines()
    after = {one["id"]: one["predictions"] for one in map(json.loads, lines)}[DOCUMENT]
    model = AutoExtractor.from_pretrained(str(mini_folder("base", MINI_BASE)))
    found = model.extract_entities(
        example.text, list(COLOURS), threshold=BASE_THRESHOLD, include_spans=True
    )["entities"]
    before = [{**one, "label": label} for label, some in found.items() for one in some]
    return {
        "text": example.text,
        "gold": [{"start": m.start, "end": m.end, "label": m.label} for m in example.mentions],
        **{
            name: [{key: one[key] for key in ("start", "end", "label")} for one in some]
            for name, some in (("before", before), ("after", after))
        },
    }


def cells(text: str) -> int:
    """The width of a text where Hangul is twice as wide as Latin letters."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def draw_spans(document: dict[str, Any]) -> str:
    """Draw the document twice: as the base reads it, and as the trained model does."""
    text, parts = document["text"], []
    lines = [(one.start(), one.group()) for one in re.finditer(r"\S.*?(?:[.](?=\s|$)|$)", text)]
    width = max(cells(line) for _, line in lines) * CELL + 2 * MARGIN
    top = MARGIN
    for title, name in (("before the swap", "before"), ("after swap and training", "after")):
        found = document[name]
        right = sum(one in document["gold"] for one in found)
        told = f"{title}: {right} of {len(document['gold'])} found, {len(found) - right} wrong"
        parts.append(f'<text class="t" x="{MARGIN}" y="{top + 12}">{told}</text>')
        for start, line in lines:
            top += LINE
            parts += draw_line(line, start, top, found)
        top += 40
    heading = '<svg xmlns="http://www.w3.org/2000/svg" role="img" '
    style = (
        f"text{{font:{SIZE}px system-ui,'Noto Sans CJK KR',sans-serif;fill:#1b1b1b}}"
        ".t{font-weight:600}.l{font-size:12px;fill:#3d3d3d}"
    )
    return (
        f'{heading}viewBox="0 0 {width:.0f} {top - 10}" width="{width:.0f}"><style>{style}</style>'
        f'<rect width="100%" height="100%" rx="8" fill="#fff"/>{"".join(parts)}</svg>\n'
    )


def draw_line(line: str, start: int, top: int, found: list[dict[str, Any]]) -> list[str]:
    """One line of text on the boxes of what was found in it; each letter has its own place."""
    parts, end = [], start + len(line)
    for one in found:
        if start <= one["start"] and one["end"] <= end:
            x = MARGIN + cells(line[: one["start"] - start]) * CELL
            wide = cells(line[one["start"] - start : one["end"] - start]) * CELL
            parts.append(
                f'<rect x="{x:.1f}" y="{top - SIZE - 1}" width="{wide:.1f}" height="{SIZE + 8}" '
                f'rx="4" fill="{COLOURS[one["label"]]}"/>'
                f'<text class="l" x="{x:.1f}" y="{top - SIZE - 6}">{one["label"]}</text>'
            )
    places = [MARGIN + cells(line[:at]) * CELL for at in range(len(line))]
    at = " ".join(f"{place:.1f}" for place in places)
    return [*parts, f'<text y="{top}" x="{at}">{html.escape(line)}</text>']


def main() -> None:
    """Draw the images; a run given as argument is read first."""
    recorded = HERE / "before-after.json"
    if len(sys.argv) > 1:
        document = read_document(Path(sys.argv[1]))
        text = json.dumps(document, ensure_ascii=False, indent=1)
        recorded.write_text(text + "\n", encoding="utf-8")
    document = json.loads(recorded.read_text(encoding="utf-8"))
    (HERE / "before-after.svg").write_text(draw_spans(document), encoding="utf-8")
    draw(compare_facts(WIDTH)[0], "encswap check --all", HERE / "check.svg")


if __name__ == "__main__":
    main()
