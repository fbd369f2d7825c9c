"""Write docs/plan-reproduction.md: the plan's table beside ours, and each claim with its verdict.

Run it as `python docs/plan_reproduction.py`. Nothing in the page is typed: the tables come from
`encswap check`, and a claim's verdict from the JSON of the command that stands beside it.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
PAGE = HERE / "plan-reproduction.md"
SUPPORTED, REFUTED, OPEN = "supported", "refuted", "not yet measured"
ELSEWHERE = "measured on another encoder"
REAL = HERE.parent / "benchmarks" / "results" / "real"
PLAN = ("kure", "koelectra", "klue-roberta", "xlm-r", "gliner-ko", "ko-deberta")


@lru_cache(maxsize=64)
def output_of(command: str) -> str:
    """Run one command of the product; exit 1 only says that nothing was selected."""
    _, *arguments = shlex.split(command)
    call = [sys.executable, "-m", "encswap", *arguments]
    done = subprocess.run(call, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode not in (0, 1):
        raise SystemExit(f"{command}: {done.stderr}")
    return done.stdout


def candidate(claim: dict[str, Any]) -> dict[str, Any]:
    """Return the candidate that a claim speaks of, from its command's JSON."""
    report = json.loads(output_of(claim["command"]))
    return next(one for one in report["candidates"] if one["name"] == claim["candidate"])


def judge(claim: dict[str, Any]) -> tuple[str, str]:
    """Decide a claim from the product's output: the verdict, and what was seen."""
    return RULES[claim["rule"]](claim)


def figure(claim: dict[str, Any]) -> tuple[str, str]:
    """Compare a figure with the claimed one, within 1%."""
    found = candidate(claim)
    seen = found[claim["key"]]
    holds = seen is not None and abs(seen - claim["value"]) <= 0.01 * seen
    told = f"{seen:,}"
    if claim["key"] == "parameters":
        told = next(one["message"] for one in found["findings"] if one["code"] == "resources")
    return (SUPPORTED if holds else REFUTED), told.split(";")[0]


def verdict(claim: dict[str, Any]) -> tuple[str, str]:
    """Compare a verdict with the claimed one."""
    found = candidate(claim)
    reasons = "; ".join(reason["message"] for reason in found["reasons"])
    holds = found["verdict"] == claim["value"]
    return (SUPPORTED if holds else REFUTED), f"{found['verdict']}: {reasons}"


def only(claim: dict[str, Any]) -> tuple[str, str]:
    """Say whether one candidate alone is selected."""
    report = json.loads(output_of(claim["command"]))
    chosen = [one["name"] for one in report["candidates"] if one["verdict"] == "selected"]
    holds = chosen == [claim["candidate"]]
    return (SUPPORTED if holds else REFUTED), f"selected: {', '.join(chosen)}"


def finding(claim: dict[str, Any]) -> tuple[str, str]:
    """Read one finding's status; a skip leaves the claim open."""
    found = [one for one in candidate(claim)["findings"] if one["code"] == claim["code"]]
    if not found or found[-1]["status"] == "skip":
        return OPEN, found[-1]["message"] if found else "no finding"
    holds = found[-1]["status"] == claim["supports"]
    return (SUPPORTED if holds else REFUTED), found[-1]["message"]


def coverage(claim: dict[str, Any]) -> tuple[str, str]:
    """Read what share of gold a splitter expresses; a low share is another cause, no disproof."""
    found = next(one for one in candidate(claim)["findings"] if one["code"] == "coverage")
    share = found["evidence"][claim["splitter"]]["aligned"]
    if share >= claim["most"]:
        return OPEN, f"{claim['splitter']} expresses {share:.1%}"
    return OPEN, claim["beside"].format(share=share)


def none(claim: dict[str, Any]) -> tuple[str, str]:
    """Leave a claim open, and name the command that will decide it."""
    told = f"`{claim['will']}` will show it"
    if "small" in claim:
        told += f"; measured on small models: [findings](findings.md#{claim['small']})"
    return OPEN, told


def real(claim: dict[str, Any]) -> tuple[str, str]:
    """Tell what runs with real weights of another encoder scored; they neither prove nor refute."""
    told = []
    for name, what in claim["cells"].items():
        found = json.loads((REAL / f"{name}.json").read_text(encoding="utf-8"))
        part = found[claim.get("part", "test")]["micro"]
        low, high = part["interval"]
        told.append(f"{what} {part['f1']:.3f} ({low:.3f}–{high:.3f})")
    seen = f"multilingual-e5-small on KLUE-NER, one seed: {', '.join(told)}; [real](real.md)"
    if "small" in claim:
        seen += f"; on small models: [findings](findings.md#{claim['small']})"
    return ELSEWHERE, seen


RULES = {
    "real": real,
    "figure": figure,
    "verdict": verdict,
    "only": only,
    "finding": finding,
    "coverage": coverage,
    "none": none,
}


def plan_table() -> list[str]:
    """The plan's six as the plan has them, from the claims recorded beside the facts."""
    from encswap.plugins import load_plugins

    lines = [row("candidate", "architecture", "parameters", "hidden", "config class", "verdict")]
    lines.append(row(*["---"] * 6))
    encoders = load_plugins().encoders
    for name in PLAN:
        claims = encoders[name].claims
        keys = ("architecture", "parameters", "hidden_size", "config_class")
        cells = [claims[key].text if key in claims else "–" for key in keys]
        chosen = "selected" if "selected" in claims else "rejected"
        lines.append(row(name, *cells, f"{chosen}: {claims[chosen].text}"))
    return lines


def row(*cells: str) -> str:
    """Write one line of a Markdown table."""
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def page() -> str:
    """Write the whole page."""
    claims = yaml.safe_load((HERE / "plan-claims.yaml").read_text(encoding="utf-8"))
    judged = [(claim, *judge(claim)) for claim in claims]
    counts = [
        f"{sum(1 for _, said, _ in judged if said == kind)} {kind}"
        for kind in (SUPPORTED, REFUTED, ELSEWHERE, OPEN)
    ]
    lines = [
        "# The plan, reproduced",
        "",
        "Written by `python docs/plan_reproduction.py` from the output of `encswap`.",
        "",
        "## The plan's table",
        "",
        *plan_table(),
        "",
        "## Ours: `encswap check --all --format markdown`",
        "",
        output_of("encswap check --all --format markdown").rstrip(),
        "",
        "## Each claim",
        "",
        f"Of {len(judged)} claims: {', '.join(counts)}. A figure is supported within 1%; the letter"
        " behind it is its mark (V read at the source, D in a public fine-tune's file, T by a third"
        " party's, M from memory, R run for this project).",
        "",
        row("plan", "claim", "verdict", "what was seen", "command"),
        row(*["---"] * 5),
    ]
    for claim, said, seen in judged:
        command = f"`{claim['command']}`" if "command" in claim else "–"
        lines.append(row(claim["where"], claim["claim"], f"**{said}**", seen, command))
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
