"""Make the small real world: two pretrained encoders, and English bases tuned on one of them.

    python benchmarks/real/prepare.py --cache DIR --data DIR [--bases english,medical,general]

Each step is skipped where its result stands in the cache; one that fails is named, and the rest
goes on. Ends with 1 where one failed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bases import BASES, COUNTING_LAYER, SCORE, SETTINGS, WIDTH, Gold, train_base
from packages import MINILM, PACKAGES, Package, provide

from encswap.errors import EncswapError, InputError
from encswap.files import checksum, write_json
from encswap.plugins import Plugins, load_plugins
from encswap.testing.mini.encoders import build_once

RESULTS = Path(__file__).parents[1] / "results" / "real"


def base_folder(
    name: str, cache: Path, data: Path, plugins: Plugins, settings: dict[str, Any]
) -> Path:
    """Return the folder of an English base, trained where the cache has none.

    Raises `InputError` for an unknown name, absent gold, or an encoder that is not there.
    """
    if name not in BASES:
        raise InputError(f"no base {name!r}", hint=", ".join(BASES))
    encoder = cache / MINILM.folder
    if not (encoder / "model.safetensors").is_file():
        raise InputError("no encoder for the base", where=encoder, hint=f"{MINILM.wanted} failed")
    golds = BASES[name]
    _refuse_absent(golds, data)
    known = [
        golds,
        SETTINGS | settings,
        WIDTH,
        COUNTING_LAYER,
        checksum(encoder / "model.safetensors"),
    ]
    mark = hashlib.sha256(json.dumps(known, default=vars).encode()).hexdigest()[:16]

    def train(beside: Path) -> None:
        train_base(golds, encoder, data, plugins, beside, **settings)

    return build_once(cache / "bases" / name, mark, train)


def _refuse_absent(golds: tuple[Gold, ...], data: Path) -> None:
    for gold in golds:
        for file in (gold.train, gold.test):
            if not (data / file).is_file():
                raise InputError(
                    "no English gold", where=data / file, hint="give --data its folder"
                )


def main() -> int:
    """Run the command; returns the number of steps that failed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--cache", type=Path, required=True, help="folder for everything")
    parser.add_argument("--data", type=Path, required=True, help="folder of the English gold")
    parser.add_argument("--bases", default="english", help=f"of {', '.join(BASES)}; with commas")
    parser.add_argument("--precision", default="fp32", help="a recipe's, such as bf16-encoder")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of raw JSON")
    asked = parser.parse_args()
    failed = 0

    def attempt(what: str, step: Callable[[], Path]) -> None:
        nonlocal failed
        try:
            print(f"{what}: {step()}", flush=True)
        except EncswapError as error:
            failed += 1
            print(f"{what}: {error}", file=sys.stderr, flush=True)

    def package_step(package: Package) -> Callable[[], Path]:
        return lambda: provide(package, asked.cache)

    for package in PACKAGES:
        attempt(package.wanted, package_step(package))
    plugins = load_plugins()
    settings = {"precision": asked.precision}

    def base_step(name: str) -> Callable[[], Path]:
        def step() -> Path:
            folder = base_folder(name, asked.cache, asked.data, plugins, settings)
            found = json.loads((folder / SCORE).read_text(encoding="utf-8"))
            asked.results.mkdir(parents=True, exist_ok=True)
            write_json(asked.results / f"base-{name}.json", {"name": f"base-{name}", **found})
            return folder

        return step

    for name in asked.bases.split(","):
        attempt(f"base {name}", base_step(name))
    return failed


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
