"""Write the figures of docs/words.md and docs/words.ko.md: `python docs/words.py`.

What stands between the markers of a page is printed by the product; nothing there is typed.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

from encswap.data.input import find_data
from encswap.data.inspect import Inspection, inspect
from encswap.data.units import align, suggest_max_width, units_of
from encswap.plugins import load_plugins
from encswap.types import Mention

HERE = Path(__file__).parent
PAGES = (HERE / "words.md", HERE / "words.ko.md")
SPLITTERS = ("whitespace", "kiwi", "char")
FILE = "ko-medical/train.jsonl"
SENTENCE = "제2형 당뇨병을 앓던 환자에게 메트포르민을 투여했고 HbA1c는 7.2%였다."
GOLD = ("제2형 당뇨병", "메트포르민", "HbA1c")


def sentence_table() -> str:
    """Show the units of one sentence by splitter, and which of its gold they express."""
    plugins = load_plugins()
    rows = ["| | units | " + " | ".join(GOLD) + " |", "|---|---|" + "---|" * len(GOLD)]
    for name in SPLITTERS:
        units = units_of(plugins.splitter(name), SENTENCE)
        starts, ends = [start for start, _ in units], [end for _, end in units]
        cells = []
        for gold in GOLD:
            at = SENTENCE.index(gold)
            found = align(Mention(at, at + len(gold), "", gold), starts, ends)
            cells.append("✗" if found is None else f"✓ {found[1] - found[0] + 1}")
        shown = " ".join(f"`{SENTENCE[start:end]}`" for start, end in units)
        rows.append(f"| `{name}` | {shown} | {' | '.join(cells)} |")
    return "\n".join(rows)


@lru_cache(maxsize=1)
def inspection() -> Inspection:
    """Inspect the shipped set with every splitter of the table."""
    plugins = load_plugins()
    return inspect(find_data(FILE), {name: plugins.splitter(name) for name in SPLITTERS})


def coverage_table() -> str:
    """Show what each splitter's units can express of the shipped set."""
    widths = (8, 12, 16)
    rows = [
        "| | aligned | "
        + " | ".join(f"≤ {width}" for width in widths)
        + " | `max_width` | units |",
        "|---|---:|" + "---:|" * (len(widths) + 2),
    ]
    for name in SPLITTERS:
        one = inspection().splitters[name].coverage
        shares = " | ".join(f"{one.share(width):.1%}" for width in widths)
        rows.append(
            f"| `{name}` | {one.aligned_share:.1%} | {shares} |"
            f" {suggest_max_width(one)} | {one.units_mean:.1f} |"
        )
    return "\n".join(rows)


def written(page: str) -> str:
    """Return a page with its tables written anew."""
    for name, table in (("sentence", sentence_table), ("coverage", coverage_table)):
        pattern = rf"(<!-- {name} -->\n).*?(<!-- end -->)"
        body = table()
        page = re.sub(
            pattern, lambda at, body=body: f"{at[1]}{body}\n{at[2]}", page, flags=re.DOTALL
        )  # type: ignore[misc]
    return page


def main() -> None:
    """Write both pages."""
    for path in PAGES:
        path.write_text(written(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
