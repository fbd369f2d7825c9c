"""Walk pages to the letter, as a newcomer would: run their commands in a fresh environment.

    python docs/walk.py FOLDER [--page quickstart.md] [--page 'guides.md#report-to-my-team']
    python docs/walk.py FOLDER --quick

FOLDER is new. encswap is built and installed there as a package, into a virtual environment of its
own that sees what else this Python has installed, or with `--fetch` fetches all of that anew. HOME
is empty, there is no cache and no hub. Python blocks are run as programs. The first command that
fails ends the walk. A comment before a fence, which no reader sees, changes what is done with it:

    <!-- walk: skip REASON -->      not walked
    <!-- walk: mini REASON -->      with `--scale mini` where a command trains
    <!-- snippet: file NAME -->     the block is the content of this file
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import time
import venv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
PAGES = (
    "quickstart.md",
    "guides.md#my-data-is-from-doccano-label-studio-brat-or-a-conll-file",
    "guides.md#compare-with-what-you-have",
    "guides.md#report-to-my-team",
)
QUICK = (
    "guides.md#my-data-is-from-doccano-label-studio-brat-or-a-conll-file",
    "quickstart.md#1-documents",
    "quickstart.md#2-what-words-can-express",
    "quickstart.md#3-which-encoder",
)
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MARK = re.compile(r"<!-- (walk|snippet): (\w+) ?(.*?) -->")


@dataclass(frozen=True)
class Block:
    """A fenced block of a page, with the marks before it."""

    page: str
    line: int
    language: str
    text: str
    marks: dict[str, str]


def blocks_of(page: str) -> Iterator[Block]:
    """Yield the blocks of a page, or of one part of it: `guides.md#report-to-my-team`."""
    file, _, part = page.partition("#")
    text = (DOCS / file).read_text(encoding="utf-8")
    begin, end = part_of(text, part) if part else (0, len(text))
    for found in FENCE.finditer(text, begin, end):
        marks = {}
        for line in reversed(text[: found.start()].splitlines()):
            if line and (mark := MARK.fullmatch(line)) is None:
                break
            if line and mark:
                marks[f"{mark[1]} {mark[2]}"] = mark[3]
        number = text.count("\n", 0, found.start()) + 1
        yield Block(file, number, found[1], found[2], marks)


def part_of(text: str, wanted: str) -> tuple[int, int]:
    """Where a part begins and ends: with the next title of its level or above."""
    titles = list(re.finditer(r"^(#+) (.+)$", FENCE.sub(lambda m: " " * len(m[0]), text), re.M))
    for at, title in enumerate(titles):
        if anchor(title[2]) == wanted:
            later = (one for one in titles[at + 1 :] if len(one[1]) <= len(title[1]))
            return title.end(), next((one.start() for one in later), len(text))
    raise SystemExit(f"no part {wanted!r}")


def anchor(title: str) -> str:
    """The anchor of a title, as the site makes it."""
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", title).strip().lower())


def commands_of(block: Block) -> list[str]:
    """The commands of a console block; other lines are what they print."""
    lines = block.text.replace("\\\n", " ").splitlines()
    found = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    return [at_mini_scale(one) for one in found] if "walk mini" in block.marks else found


def at_mini_scale(command: str) -> str:
    """The same command with small models, where it trains."""
    trains = shlex.split(command)[:2] == ["encswap", "train"]
    return f"{command} --scale mini" if trains and "--scale" not in command else command


def install(folder: Path, *, fetch: bool) -> Path:
    """Install the working tree as a package in a new environment; return its programs' folder."""
    venv.create(folder, with_pip=fetch, symlinks=True)
    programs = folder / "bin"
    if fetch:
        pip = [programs / "python", "-m", "pip", "install", "--quiet"]
        call([*pip, "-c", ROOT / "constraints.txt", f"{ROOT}[korean]"])
        return programs
    call(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT],
    )
    (wheel,) = folder.glob("encswap-*.whl")
    place = Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))
    call([sys.executable, "-m", "zipfile", "-e", wheel, place])
    # Behind the package itself: what it depends on comes from this Python.
    seen = [one for one in sys.path if one.endswith("site-packages")]
    (place / "seen.pth").write_text("".join(f"{one}\n" for one in seen), encoding="utf-8")
    script = programs / "encswap"
    script.write_text(
        f"#!{programs / 'python'}\nimport sys\nfrom encswap.cli import main\nsys.exit(main())\n"
    )
    script.chmod(0o755)
    return programs


def call(command: Sequence[str | Path]) -> None:
    """Run a step of the installation; its output is shown where it fails."""
    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603
    if done.returncode:
        raise SystemExit(f"{shlex.join(map(str, command))}\n{done.stdout}{done.stderr}")


def surroundings(folder: Path, programs: Path) -> dict[str, str]:
    """The variables of a newcomer: an empty home and nothing of ours."""
    home = folder / "home"
    home.mkdir()
    return {
        "PATH": f"{programs}{os.pathsep}/usr/bin{os.pathsep}/bin",
        "HOME": str(home),
        "LANG": os.environ.get("LANG", "C.UTF-8"),
        "VIRTUAL_ENV": str(programs.parent),
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1"),
    }


def walk(pages: tuple[str, ...], folder: Path, variables: dict[str, str]) -> int:
    """Run the blocks, each page's in a folder of its own; return how many commands were run."""
    count, whole = 0, folder
    for block in (one for page in pages for one in blocks_of(page)):
        where = f"{block.page}:{block.line}"
        folder = whole / Path(block.page).stem
        if not folder.exists():
            folder.mkdir()
            if block.page != PAGES[0]:  # where the quickstart has a reader make them
                for part in ("train", "test"):
                    shutil.copy(ROOT / f"data/ko-medical/{part}.jsonl", folder)
        if "walk skip" in block.marks:
            say(f"-- {where}: skipped: {block.marks['walk skip']}")
        elif "snippet file" in block.marks:
            (folder / block.marks["snippet file"]).write_text(block.text, encoding="utf-8")
        elif block.language == "console":
            for command in commands_of(block):
                run(command, where, folder, variables)
                count += 1
        elif block.language == "python":
            program = folder / f"block-{block.line}.py"
            program.write_text(block.text, encoding="utf-8")
            run(f"python {program.name}", where, folder, variables)
            count += 1
    return count


def run(command: str, where: str, folder: Path, variables: dict[str, str]) -> None:
    """Run one command of a page in a shell."""
    say(f"{where} $ {command}")
    began = time.monotonic()
    done = subprocess.run(  # noqa: S603
        ["/bin/sh", "-c", command],
        cwd=folder,
        env=variables,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        raise SystemExit(f"{done.stdout}\n{where}: ended with {done.returncode}: {command}")
    say(f"   {time.monotonic() - began:.1f} s")


def say(line: str) -> None:
    """Write a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    """Walk the pages that are named, or those that a newcomer begins with."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="a new folder")
    parser.add_argument("--page", action="append", default=[], help="a page, or PAGE#PART")
    parser.add_argument("--quick", action="store_true", help="only what trains nothing")
    parser.add_argument("--fetch", action="store_true", help="fetch the dependencies anew")
    given = parser.parse_args()
    pages = tuple(given.page) or (QUICK if given.quick else PAGES)
    for page in pages:  # a part that is not there is told before anything is installed
        list(blocks_of(page))
    given.folder.mkdir(parents=True)
    folder = given.folder.resolve()
    programs = install(folder / "environment", fetch=given.fetch)
    work = folder / "work"
    work.mkdir()
    began = time.monotonic()
    count = walk(pages, work, surroundings(folder, programs))
    say(f"{count} commands of {len(pages)} parts, {time.monotonic() - began:.0f} s: none failed")


if __name__ == "__main__":
    main()
