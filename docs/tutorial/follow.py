"""Follow docs/tutorial.md to the letter: run its console blocks and apply its edits, in order.

    python docs/tutorial/follow.py FOLDER

FOLDER is new. The commands run in a fresh virtual environment that sees the packages of the Python
that runs this script, so nothing is downloaded. The first command that fails ends it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

PAGE = Path(__file__).parents[1] / "tutorial.md"
BLOCK = re.compile(r"^```(console|diff)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MARK = "follow.py is in "


def blocks(page: str) -> list[tuple[str, str]]:
    """The page's console and diff blocks, in order."""
    return BLOCK.findall(page)


def commands(block: str) -> list[str]:
    """The commands of a console block; other lines are what they print."""
    return [line.removeprefix("$ ") for line in block.splitlines() if line.startswith("$ ")]


def apply_edit(block: str, folder: Path) -> None:
    """Put the lines with + in the place of those with -; what stands around them must be there."""
    lines = block.splitlines()
    path = folder / lines[0].removeprefix("--- ")
    before = "".join(f"{line[1:]}\n" for line in lines[2:] if line[0] in " -")
    after = "".join(f"{line[1:]}\n" for line in lines[2:] if line[0] in " +")
    text = path.read_text(encoding="utf-8")
    if text.count(before) != 1:
        raise SystemExit(f"{path}: the edit does not fit:\n{before}")
    path.write_text(text.replace(before, after), encoding="utf-8")


def make_environment(folder: Path) -> Path:
    """Make a virtual environment that sees this one's packages, and return its programs' folder."""
    venv.create(folder, with_pip=False, symlinks=True)
    programs = folder / "bin"
    seen = sysconfig.get_path("purelib")
    place = subprocess.run(  # noqa: S603
        [programs / "python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    code = f"import site; site.addsitedir({seen!r})\n"
    (Path(place) / "seen.pth").write_text(code, encoding="utf-8")
    for name, module in (("encswap", "encswap"), ("pip", "pip"), ("pytest", "pytest")):
        script = programs / name
        script.write_text(f'#!/bin/sh\nexec "{programs}/python" -m {module} "$@"\n')
        script.chmod(0o755)
    return programs


def run(command: str, folder: Path, programs: Path) -> Path:
    """Run one command of the page in a shell, and return the folder that it leaves us in."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | {
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "VIRTUAL_ENV": str(programs.parent),
        "ENCSWAP": str(PAGE.parents[1]),
        "PIP_NO_BUILD_ISOLATION": "0",  # pip reads this as: do not isolate
        "PIP_NO_INDEX": "1",
        "PIP_QUIET": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    sys.stdout.write(f"$ {command}\n")
    done = subprocess.run(  # noqa: S603
        ["/bin/sh", "-c", f'{command}\ncode=$?\necho "{MARK}$PWD"\nexit $code'],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    said, _, place = done.stdout.rpartition(MARK)
    sys.stdout.write(said)
    sys.stdout.flush()
    if done.returncode:
        raise SystemExit(f"exit {done.returncode}: {command}")
    return Path(place.strip())


def follow(folder: Path) -> None:
    """Follow the whole page in a new folder."""
    folder.mkdir(parents=True)
    programs = make_environment((folder / "environment").resolve())
    here = folder.resolve()
    for kind, block in blocks(PAGE.read_text(encoding="utf-8")):
        if kind == "diff":
            apply_edit(block, here)
        else:
            for command in commands(block):
                here = run(command, here, programs)


if __name__ == "__main__":
    follow(Path(sys.argv[1]))
