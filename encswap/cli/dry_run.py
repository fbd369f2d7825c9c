"""`encswap train --dry-run`: what a run would meet, what it takes, and nothing left behind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from encswap.cli.output import OutputFormat, write, write_json
from encswap.errors import EncswapError, InputError

if TYPE_CHECKING:
    from encswap.recipe import Recipe
    from encswap.train.preflight import Preflight
    from encswap.train.timing import Estimate


def check_only(
    recipe: Recipe,
    out: Path | None,
    format_: OutputFormat,
    *,
    resume: Path | None = None,
    runs: int = 1,
    price: float | None = None,
) -> None:
    """Look at everything, time a few steps where nothing refuses the run, and write the result.

    Raises what refuses the run first, once all is written.
    """
    from encswap.cli.progress import watching
    from encswap.plugins import load_plugins
    from encswap.train.preflight import look_ahead

    if resume is not None:
        raise InputError(
            "a dry run looks at a new run, not at one to resume",
            where="--dry-run",
            hint="leave --resume out; a resumed run checks its folder itself",
        )
    path, plugins = out or Path("runs") / "new", load_plugins()
    if recipe.rivals:
        from encswap.rivals.contest import refuse_rivals

        refuse_rivals(recipe, plugins)
    with watching() as watcher:
        found = look_ahead(recipe, path, plugins, watcher, collect=True)
        cost: Estimate | None = None
        if found.error is None:
            from encswap.train.timing import estimate

            try:
                cost = estimate(found, watcher)
            except EncswapError as error:
                found.add("swap", str(error), "fail")
                found.error = error
    _write(found, cost, format_, runs, price)
    if found.error is not None:
        raise found.error


def _write(
    found: Preflight, cost: Estimate | None, format_: OutputFormat, runs: int, price: float | None
) -> None:
    from encswap.cli.tables import table

    if format_ is OutputFormat.json:
        write_json(_record(found, cost, runs, price))
        return
    rows: list[Sequence[str]] = [(one.name, one.status, one.message) for one in found.checks]
    rows += _cost_rows(cost, runs, price)
    if format_ is OutputFormat.markdown:
        write(table([("check", "result", "found"), *rows], markdown=True))
    else:
        write("\n".join(f"{status:<4}  {name:<9}  {said}" for name, status, said in rows))
        write(_verdict(found))


def _cost_rows(cost: Estimate | None, runs: int, price: float | None) -> list[Sequence[str]]:
    from encswap.train.cost import format_seconds

    if cost is None:
        return []
    epochs = cost.total // max(cost.updates, 1)
    steps = f"{cost.total:,}: at most {epochs} epochs of {cost.updates:,}"
    rows = [("steps", "pass", steps + (f", for each of {runs} seeds" if runs > 1 else ""))]
    if cost.seconds is None:
        return [*rows, ("time", "skip", "not known before the weights are here")]
    seconds = cost.seconds * runs
    rows.append(("time", "pass", f"at most about {format_seconds(seconds)}, less where it stops"))
    if (money := cost.price(price)) is not None:
        rows.append(("cost", "pass", f"at most about {money * runs:.2f} at {price:g} an hour"))
    return list(rows)


def _verdict(found: Preflight) -> str:
    refused = sum(one.status == "fail" for one in found.checks)
    if refused:
        return f"Refused by {refused} of {len(found.checks)} checks; nothing was written."
    warned = len(found.warnings)
    more = f" {warned} to look at." if warned else ""
    return f"Ready to train.{more} Nothing was written."


def _record(
    found: Preflight, cost: Estimate | None, runs: int, price: float | None
) -> dict[str, Any]:
    money = cost.price(price) if cost is not None else None
    return {
        "ready": found.error is None,
        "checks": [asdict(one) for one in found.checks],
        "runs": runs,
        "steps_per_epoch": cost.updates if cost else None,
        "steps": cost.total if cost else None,
        "seconds": cost.seconds if cost else None,
        "cost": money,
    }
