"""Every command and every snippet of the pages and of README.md runs, or is at least parsed.

A block is a fence. `console` blocks hold commands behind `$` and what they print; `python` blocks
are run; the commands of a page run in the page's order, in one folder. What needs the hub runs with
`--scale mini` instead, and training is cut to one epoch on a few documents. An HTML comment before
the fence, which no reader sees, may change that:

    <!-- snippet: exit 2 -->        the last command ends with this code
    <!-- snippet: file NAME -->     the block is the content of this file
    <!-- snippet: interrupted -->   the run that is named was cut off before
    <!-- snippet: parse REASON -->  the commands are parsed, not run

Lines of output: `…` stands for anything.
"""

from __future__ import annotations

import functools
import itertools
import json
import re
import shlex
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.main import get_command
from typer.testing import CliRunner

from encswap.cli import app

ROOT = Path(__file__).parents[2]
PAGES = [*sorted((ROOT / "docs").rglob("*.md")), ROOT / "README.md"]
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
FENCE = re.compile(r"^(?P<indent> *)(?P<ticks>`{3,}|~{3,})(?P<language>[\w+-]*)\s*$")
MARK = re.compile(r"<!-- snippet: (?P<how>\w+) ?(?P<what>.*?) -->")
MARKS = ("exit", "file", "interrupted", "parse")
ENCSWAP = "encswap"
# What needs a package that is installed on the way is parsed here; a test of its own runs it.
FOLLOWED = ("docs/tutorial.md", "docs/samples/", "docs/tutorial/")
# Programs that a page may call and a test does not: only their first word is looked at.
OTHERS = (
    *("curl", "docker", "git", "tar", "rsync", "scp", "ssh", "nvidia-smi"),
    *("source", "cat", "cp", "head", "mkdir", "uv"),
)
# Programs that start encswap: what comes behind its name is parsed.
LAUNCHERS = ("torchrun", "accelerate")
DATA = ("text", "json", "jsonl", "yaml", "toml", "html", "ini", "diff")
DOCUMENTS = {"train": 12, "test": 4}


class BadSnippet(AssertionError):
    """A snippet that is neither run nor parsed, or that fails."""


# -- reading the pages -----------------------------------------------------------------------


@dataclass(frozen=True)
class Block:
    """A fenced block with its mark."""

    line: int
    language: str
    text: str
    how: str = ""
    what: str = ""


@dataclass(frozen=True)
class Step:
    """One command with the lines that it is said to print."""

    line: int
    words: tuple[str, ...]
    printed: tuple[str, ...] = ()


def blocks_of(text: str) -> Iterator[Block]:
    """Yield the fenced blocks of a page; a mark is the last line before a fence that holds text."""
    lines = iter(enumerate(text.splitlines(), start=1))
    before = ""
    for number, line in lines:
        opened = FENCE.match(line)
        if opened is None:
            if line.lstrip().startswith(("```", "~~~")):
                raise BadSnippet(f"line {number}: a fence that cannot be read: {line}")
            before = line.strip() or before
            continue
        body = []
        for _, inner in lines:
            if inner.strip() == opened["ticks"]:
                break
            body.append(inner.removeprefix(opened["indent"]))
        else:
            raise BadSnippet(f"line {number}: a fence that does not end")
        mark = MARK.fullmatch(before)
        how, what = (mark["how"], mark["what"]) if mark else ("", "")
        if mark and how not in MARKS:
            raise BadSnippet(f"line {number}: unknown mark {how!r}, known: {', '.join(MARKS)}")
        yield Block(number, opened["language"], "\n".join(body), how, what)
        before = ""


def kind_of(block: Block) -> str:
    """Say what a block is: `file`, `python`, `commands` or `data`; every block is one of these."""
    if block.how == "file":
        return "file"
    if block.language in ("console", "python"):
        return {"console": "commands", "python": "python"}[block.language]
    if block.language in ("bash", "sh", "shell"):
        raise BadSnippet(f"line {block.line}: write commands in a `console` block, behind `$`")
    lines = [line for line in block.text.splitlines() if line.strip()]
    if not block.language and lines and is_command(lines[0]):
        return "commands"
    if block.language not in ("", *DATA):
        raise BadSnippet(f"line {block.line}: no rule for a block of {block.language!r}")
    for line in lines:
        if line.startswith("$ "):
            raise BadSnippet(f"line {block.line}: a command in a block of data: {line}")
    return "data"


def is_command(line: str) -> bool:
    """Tell whether a line of a block without a language is a command."""
    words = line.removeprefix("$ ").split()
    return bool(words) and words[0] in (ENCSWAP, "make", "pip", "python", "pytest", *OTHERS)


def steps_of(block: Block) -> list[Step]:
    """Split a block of commands: behind `$`, or one a line where there is no `$`."""
    lines = block.text.replace("\\\n", " ").splitlines()
    marked = any(line.startswith("$ ") for line in lines)
    if block.language == "console" and not marked:
        raise BadSnippet(f"line {block.line}: a console block without `$`")
    steps: list[Step] = []
    for line in lines:
        if line.startswith("$ ") or (not marked and line.strip()):
            words = tuple(shlex.split(line.removeprefix("$ "), comments=True))
            steps.append(Step(block.line, words))
        elif steps and line.strip():
            last = steps.pop()
            steps.append(Step(last.line, last.words, (*last.printed, line)))
        elif line.strip():
            raise BadSnippet(f"line {block.line}: output before a command: {line}")
    return [step for step in steps if step.words]


# -- parsing commands ------------------------------------------------------------------------


def find_command(words: Sequence[str]) -> tuple[Any, list[str]]:
    """Walk the command tree: the command that the words call, and its arguments."""
    command, rest = get_command(app), list(words[1:])
    while hasattr(command, "commands") and rest and not rest[0].startswith("-"):
        name = rest.pop(0)
        if name not in command.commands:
            raise BadSnippet(f"no command {name!r} in: {shlex.join(words)}")
        command = command.commands[name]
    return command, rest


def parse(words: Sequence[str]) -> Any:
    """Parse a whole command as the program does, without running it; return the command."""
    command, rest = find_command(words)
    try:
        command.make_context(ENCSWAP, list(rest))
    except typer.Exit:
        pass  # --help, --version
    except Exception as error:
        told = error.format_message() if hasattr(error, "format_message") else error
        raise BadSnippet(f"{shlex.join(words)}: {told}") from error
    return command


def parse_loosely(text: str) -> None:
    """Parse a command in prose: it may lack arguments, but its names and options must exist."""
    words = text.split()
    if words[1:] and words[1].isupper():
        return  # `encswap COMMAND --help`
    command, rest = find_command([word.strip("(),;:") for word in words])
    known = {name for one in command.params for name in (*one.opts, *one.secondary_opts)}
    for word in rest:
        option = word.partition("=")[0]
        if re.fullmatch(r"--?[a-z][\w-]*", option) and option not in {*known, "--help"}:
            raise BadSnippet(f"{' '.join(words)}: no option {option}")


def check_other(words: Sequence[str], folder: Path) -> None:
    """Check a call of another program as far as the repository can tell; it is not run."""
    program, *rest = words
    if program == "make":
        targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        missing = [one for one in rest if "=" not in one and one not in targets]
    elif program == "pip" or rest[:2] == ["-m", "pip"]:
        missing = unknown_extras(" ".join(rest))
    elif rest[:1] == ["-c"]:
        compile(rest[1], "-c", "exec")
        missing = []
    elif program in ("python", "pytest"):
        paths = [one for one in rest if re.search(r"/|\.py$", one)]
        missing = [one for one in paths if not any((at / one).exists() for at in (ROOT, folder))]
    elif program in LAUNCHERS and ENCSWAP in rest:
        parse(rest[rest.index(ENCSWAP) :])
        missing = []
    elif program in OTHERS:
        missing = []
    else:
        raise BadSnippet(f"neither run nor parsed: {shlex.join(words)}")
    if missing:
        raise BadSnippet(f"{shlex.join(words)}: no {', '.join(missing)}")


def unknown_extras(text: str) -> list[str]:
    """The extras that a call of pip asks for and the package does not have."""
    import tomllib

    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    asked = [
        one
        for group in re.findall(r"(?:encswap|\.)\[([\w,-]+)\]", text)
        for one in group.split(",")
    ]
    return [one for one in asked if one not in extras]


# -- running ---------------------------------------------------------------------------------


def at_mini_scale(words: Sequence[str]) -> list[str]:
    """Turn what needs the hub into the same command at mini scale, and cut training short."""
    command, rest = find_command(words)
    changed, options = list(words), {name for one in command.params for name in one.opts}
    depth = option_of(rest, "--depth")
    facts = "--depth" in options and depth in (None, "facts")
    saved = command.name == "eval" and Path(rest[0]).is_dir()
    if (
        "--scale" in options
        and "--scale" not in rest
        and "--resume" not in rest
        and not facts
        and not saved
    ):
        changed += ["--scale", "mini"]
        for name in ("--base", "--control"):
            if (value := option_of(rest, name)) and not Path(value).is_dir():
                changed[changed.index(name) + 1] = "mini"
    if "--set" in options and "--resume" not in rest and "epochs=" not in " ".join(rest):
        changed += ["--set", "epochs=1"]
    return changed


def option_of(words: Sequence[str], *names: str) -> str | None:
    """The value of an option."""
    for word, value in itertools.pairwise(words):
        if word in names:
            return value
    return None


@dataclass
class Known:
    """What some page has run already, by its words without where it goes: pages repeat each other.

    Every page's folder holds the same documents, so a run is copied and an answer is given again.
    """

    root: Path
    runs: dict[tuple[str, ...], tuple[Path, str]] = field(default_factory=dict)
    answers: dict[tuple[str, ...], tuple[int, str]] = field(default_factory=dict)

    def call(self, words: Sequence[str]) -> tuple[int, str]:
        """Run a command, or give what the same one gave before."""
        out = option_of(words, "--out", "-o")
        if words[1] in ("train", "swap") and out is not None and not Path(out).exists():
            return self._make(words, out)
        key = tuple(words)
        if words[1] == "check" or words[1:3] == ["data", "inspect"]:
            if key not in self.answers:
                self.answers[key] = invoke(words)
            return self.answers[key]
        return invoke(words)

    def _make(self, words: Sequence[str], out: str) -> tuple[int, str]:
        key = tuple(sorted(word for word in words if word != out))
        if key in self.runs:
            shutil.copytree(self.runs[key][0], out)
            return 0, self.runs[key][1]
        code, said = invoke(words)
        if code == 0:
            kept = self.root / str(len(self.runs))
            shutil.copytree(out, kept)
            self.runs[key] = (kept, said)
        return code, said


def invoke(words: Sequence[str]) -> tuple[int, str]:
    """Run a command in this process."""
    result = CliRunner().invoke(app, list(words[1:]))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise BadSnippet(f"{shlex.join(words)}: {result.exception!r}") from result.exception
    return result.exit_code, result.output


def expect(printed: Sequence[str], said: str, step: str) -> None:
    """Hold that the lines stand in the output, in this order."""
    place = 0
    for line in printed:
        parts = [re.escape(" ".join(part.split())) for part in line.split("…")]
        pattern = re.compile(".*".join(parts).replace(r"\ ", r"\s+"))
        found = pattern.search(said, place)
        if found is None:
            raise BadSnippet(f"{step}: does not print {line!r} but\n{said}")
        place = found.end()


@pytest.fixture(scope="module")
def given(base_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """What every page finds in its folder: a few documents, an encoder, models in a cache."""
    from encswap_kiwi.dictionary import load_kiwi

    from encswap.data.input import find_data
    from encswap.models import MINI_BASE, mini_folder
    from encswap.plugins import load_plugins
    from encswap.recipe import read_recipe
    from encswap.testing.mini.base import RECIPE, _mark
    from encswap.testing.mini.encoders import build_once, mini_encoder

    folder = tmp_path_factory.mktemp("given")
    for name in ("ko-medical", "en-medical"):
        (folder / name).mkdir()
        for part, count in DOCUMENTS.items():
            lines = find_data(f"{name}/{part}.jsonl").read_text(encoding="utf-8").splitlines()
            lines.sort(key=lambda line: sum(map(bool, json.loads(line)["entities"].values())))
            text = "\n".join(lines[-count:]) + "\n"
            (folder / name / f"{part}.jsonl").write_text(text, encoding="utf-8")
            if name == "ko-medical":
                (folder / f"{part}.jsonl").write_text(text, encoding="utf-8")
    (folder / "notes.txt").write_text("당뇨병 환자에게 인슐린을 투여하였다.\n", encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ENCSWAP_CACHE", str(tmp_path_factory.mktemp("snippets-cache")))
        patch.setenv("HF_HUB_OFFLINE", "1")
        patch.chdir(folder)
        # Half of a small command's time is the analyser's start; one serves all, it keeps nothing.
        patch.setattr("encswap_kiwi.load_kiwi", functools.cache(load_kiwi))
        plugins = load_plugins()
        # The mini base with drawn weights stands where a minute of training would put it.
        recipe = read_recipe(layers=(RECIPE,))
        build_once(
            mini_folder("base", MINI_BASE),
            _mark(recipe, plugins.bases[recipe.base]),
            lambda beside: shutil.copytree(base_folder, beside, dirs_exist_ok=True) and None,
        )
        shutil.copytree(mini_encoder(plugins.encoders["ko-deberta"]), folder / "my-encoder")
        yield folder


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Known:
    return Known(tmp_path_factory.mktemp("known"))


def give_runs(blocks: Sequence[Block], known: Known) -> None:
    """Lay down the runs that a page speaks of and does not make."""
    steps = [step for one in blocks if kind_of(one) == "commands" for step in steps_of(one)]
    made = {option_of(step.words, "--out", "-o") for step in steps}
    wanted = {word for step in steps for word in step.words[1:] if word.startswith("runs/")}
    for name in sorted(wanted - made):
        shared = ("encswap", "train", "--encoder", "ko-deberta", "--train", "train.jsonl")
        words = at_mini_scale([*shared, "--test", "test.jsonl", "--out", name])
        assert known.call(words)[0] == 0


def run_step(step: Step, known: Known, ends_with: int, patch: pytest.MonkeyPatch) -> None:
    """Run one command of a page, or check the call of another program."""
    words = list(step.words)
    if words[0] == "export":
        for pair in words[1:]:
            patch.setenv(*pair.split("=", maxsplit=1))
        return
    if words[0] == "cd":
        patch.chdir(words[1])
        return
    if words[0] != ENCSWAP:
        check_other(words, Path.cwd())
        return
    parse(words)
    code, said = known.call(words if ends_with else at_mini_scale(words))
    if code != ends_with:
        raise BadSnippet(f"{shlex.join(words)} ended with {code}, not {ends_with}: {said}")
    expect(step.printed, said, shlex.join(words))


def interrupt(step: Step) -> None:
    """Make the run that a command resumes one that was cut off in its first epoch."""
    run = Path(str(option_of(step.words, "--resume")))
    for name in ("metrics.json", "predictions.jsonl", "report.html"):
        (run / name).unlink(missing_ok=True)
    shutil.rmtree(run / "checkpoint", ignore_errors=True)


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("name", NAMES)
def test_the_snippets_of_a_page_run(
    name: str, given: Path, known: Known, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    blocks = list(blocks_of((ROOT / name).read_text(encoding="utf-8")))
    if not any(kind_of(block) != "data" for block in blocks):
        return
    folder = tmp_path / "page"
    shutil.copytree(given, folder)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", "160")
    if not name.startswith(FOLLOWED):
        give_runs(blocks, known)
    names: dict[str, Any] = {"__name__": "page"}
    for block in blocks:
        kind, where = kind_of(block), f"{name}:{block.line}"
        try:
            if kind == "file":
                path = Path(block.what)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(block.text + "\n", encoding="utf-8")
            elif kind == "python":
                code = compile(block.text, where, "exec")
                if block.how != "parse":
                    exec(code, names)
            elif kind == "commands":
                run_block(block, known, monkeypatch, installed=not name.startswith(FOLLOWED))
        except BadSnippet as error:
            raise BadSnippet(f"{where}: {error}") from error


def run_block(
    block: Block, known: Known, patch: pytest.MonkeyPatch, *, installed: bool = True
) -> None:
    """Run, or parse, the commands of a block; a mark's exit code is the last one's."""
    steps = steps_of(block)
    for step in steps:
        if block.how == "parse" or not installed:
            if block.how == "parse" and not block.what:
                raise BadSnippet("say why it is only parsed")
            if step.words[0] == ENCSWAP:
                parse(step.words)
            elif step.words[0] not in ("cd", "export"):
                check_other(step.words, Path.cwd())
            continue
        if block.how == "interrupted":
            interrupt(step)
        last = block.how == "exit" and step is steps[-1]
        run_step(step, known, int(block.what) if last else 0, patch)


@pytest.mark.parametrize("name", NAMES)
def test_the_commands_in_the_prose_of_a_page_exist(name: str):
    text = (ROOT / name).read_text(encoding="utf-8")
    prose = re.sub(r"^ *(```+|~~~+).*?^ *\1 *$", "", text, flags=re.MULTILINE | re.DOTALL)
    for span in re.findall(r"(?<!`)`(encswap(?: [^`\n]*(?:\n[^`]*)?)?)`(?!`)", prose):
        parse_loosely(span)
    for block in blocks_of(text):
        if kind_of(block) == "data":
            for line in block.text.splitlines():
                if line.strip().startswith(f"{ENCSWAP} "):
                    parse_loosely(line.strip())


# -- the rules themselves --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("```console\n$ encswap nonsense\n```", "no command"),
        ("```console\n$ encswap train --nonsense 1\n```", "No such option"),
        ("```console\n$ encswap eval runs/x\n```", "no documents"),
        ("```console\n$ wget https://example.org\n```", "neither run nor parsed"),
        ("```console\n$ make nonsense\n```", "no nonsense"),
        ('```console\n$ pip install "encswap[nonsense]"\n```', "no nonsense"),
        ("```console\n$ python docs/nonsense.py\n```", "no docs/nonsense.py"),
        ("```console\nencswap check\n```", "without `$`"),
        ("```text\n$ encswap check\n```", "a command in a block of data"),
        ("```bash\nencswap check\n```", "behind `$`"),
        ("```ruby\nputs 1\n```", "no rule"),
        ("``` {.x}\nencswap check\n```", "cannot be read"),
        ("<!-- snippet: ignore -->\n```console\n$ encswap check\n```", "unknown mark"),
        ("<!-- snippet: parse -->\n```console\n$ encswap check\n```", "say why"),
        ("```console\n$ encswap --version\nnonsense\n```", "does not print"),
        ("<!-- snippet: exit 2 -->\n```console\n$ encswap --version\n```", "ended with 0"),
    ],
)
def test_a_snippet_that_would_be_neither_run_nor_parsed_fails(
    page: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadSnippet, match=re.escape(said)):
        for block in blocks_of(page):
            if kind_of(block) == "commands":
                run_block(block, Known(tmp_path), monkeypatch)


@pytest.mark.parametrize("span", ["encswap nonsense", "encswap check --nonsense", "encswap data x"])
def test_a_command_in_prose_that_does_not_exist_fails(span: str):
    with pytest.raises(BadSnippet):
        parse_loosely(span)
