"""Building plugins as real packages, and running the real command line beside them."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

BUILD = """
import os, sys
from hatchling.build import build_wheel
for folder in sys.argv[2:]:
    out = os.path.join(sys.argv[1], os.path.basename(folder))
    os.makedirs(out)
    os.chdir(folder)
    build_wheel(out)
"""


def install(packages: Iterable[Path], target: Path) -> dict[str, Path]:
    """Build each package's wheel and unpack it into a folder of its own, as an installer does."""
    packages = list(packages)
    wheels = target / "wheels"
    command = [sys.executable, "-c", BUILD, str(wheels), *map(str, packages)]
    subprocess.run(command, check=True, capture_output=True)
    found = {}
    for package in packages:
        (wheel,) = (wheels / package.name).glob("*.whl")
        found[package.name] = target / package.name
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(found[package.name])
    return found


def encswap(
    *arguments: str,
    path: Iterable[Path] = (),
    more: Mapping[str, str] | None = None,
    first: str = "",
) -> subprocess.CompletedProcess[str]:
    """Run the command line with folders of packages before the installed ones.

    `first` is code that runs before it.
    """
    code = f"{first}\nfrom encswap.cli import main\nmain()"
    program = ["-c", code] if first else ["-m", "encswap"]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, path)),
        "PYTHONWARNINGS": "default",
        **(more or {}),
    }
    return subprocess.run(
        [sys.executable, *program, *arguments],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
        timeout=120,
    )
