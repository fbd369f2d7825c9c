"""Everything that the command line prints passes one door, and no value acts on a terminal."""

from __future__ import annotations

import json
import subprocess
import sys
import unicodedata
import warnings
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from encswap.cli import output
from encswap.cli.app import app
from encswap.cli.tables import Section, markdown_of, print_sections
from tests.report.conftest import found, mention, write_run

EVIL = "x\x1b]0;title\x07\x1b[2J\x9b31m\u202e\u200b\r|`*<img src=x>[/]\nencswap: forged"


def is_clean(text: str) -> bool:
    return not any(
        unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp") and char not in "\n\t"
        for char in text
    )


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A finished run whose labels, texts, ids and records are hostile."""
    from encswap.types import Example

    text = f"{EVIL} 당뇨병 </script><script>alert(1)</script> \u2028"
    example = Example(EVIL, text, (mention("당뇨병", EVIL, text),))
    folder = write_run(
        tmp_path / "run", [example], [[found("당뇨병", EVIL, 0.9, text)]], labels=(EVIL,)
    )
    manifest = {
        "labels": [EVIL],
        "descriptions": {EVIL: EVIL},
        "encswap": EVIL,
        "base": {"name": EVIL, "identifier": EVIL, "revision": EVIL},
        "encoder": {"name": EVIL, "identifier": EVIL},
        "splitter": {"name": EVIL, "versions": {EVIL: EVIL}},
        "origins": {EVIL: 3},
        "remarks": [EVIL],
        "data": {EVIL: EVIL, "test": EVIL},
        "recipe": {"scale": "mini", "test": EVIL, "```": "```\n```"},
    }
    (folder / "encswap.json").write_text(json.dumps(manifest), encoding="utf-8")
    return folder


@pytest.mark.parametrize("form", ["table", "markdown", "json"])
def test_a_hostile_run_is_reported_as_text(run: Path, form: str) -> None:
    result = CliRunner().invoke(app, ["report", str(run), "--format", form])
    assert result.exit_code == 0, result.output
    assert is_clean(result.stdout + result.stderr)
    assert not any(line.startswith("encswap: forged") for line in result.output.splitlines())
    if form == "markdown":
        rows = [line for line in result.stdout.splitlines() if line.startswith("|")]
        assert len({line.replace("\\|", "").count("|") for line in rows[:4]}) == 1
        assert "<img" not in result.stdout.replace("\\<", "")


class Tags(HTMLParser):
    """The tags of a page, and what its scripts hold."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)


def test_a_hostile_run_puts_no_tag_into_the_page(run: Path, tmp_path: Path) -> None:
    for more in ([], [str(run)]):
        out = tmp_path / f"page{len(more)}.html"
        result = CliRunner().invoke(app, ["report", str(run), *more, "--out", str(out)])
        assert result.exit_code == 0, result.output
        page = out.read_text(encoding="utf-8")
        tags = Tags()
        tags.feed(page)
        assert "img" not in tags.tags
        assert tags.tags.count("script") == (0 if more else 2)
        if not more:
            data = page.split('id="data">')[1].split("</script>")[0]
            assert not set(data) & set("<>&\u2028\u2029")
            json.loads(data)


def test_a_hostile_run_leaves_the_front_matter_and_the_code_of_its_card_whole(run: Path) -> None:
    (run / "checkpoint").mkdir()
    from encswap.report.card import About, write_card
    from encswap.report.run_results import read_scores

    about = About("someone/name", {"base": EVIL}, {"test": EVIL}, licence=EVIL, languages=(EVIL,))
    card = write_card(read_scores(run), about)
    front, body = card.removeprefix("---\n").split("\n---\n", 1)
    held = yaml.safe_load(front)
    assert held["license"] == EVIL and held["language"] == [EVIL]
    assert set(held) <= {
        *("license", "language", "library_name", "pipeline_tag", "tags", "base_model"),
        "model-index",
    }
    assert is_clean(body)
    assert not any(line.startswith("encswap: forged") for line in body.splitlines())
    recipe = body.split("## Recipe\n\n")[1].split("\n## ")[0]
    fence = recipe.split("yaml", 1)[0]
    assert len(fence) > 3 and recipe.count(fence) == 2


@pytest.mark.parametrize(
    "call",
    [
        lambda: output.note(EVIL),
        lambda: output.write(EVIL),
        lambda: output.write_json({EVIL: EVIL}),
        lambda: output.console().print(EVIL, markup=False),
        lambda: output.console(stderr=True).print(EVIL, markup=False),
        lambda: print_sections([Section(EVIL, (EVIL,), [(EVIL,)], (EVIL,))]),
        lambda: output.write(markdown_of([Section(EVIL, (EVIL,), [(EVIL,)], (EVIL,))])),
    ],
)
def test_each_way_through_the_door_is_clean(
    call: Callable[[], None], capsys: pytest.CaptureFixture[str]
) -> None:
    call()
    printed = capsys.readouterr()
    assert (printed.out or printed.err) and is_clean(printed.out + printed.err)


def test_one_note_is_one_line_whatever_it_holds(capsys: pytest.CaptureFixture[str]) -> None:
    output.note(EVIL)
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        [EVIL],
        ["check", EVIL],
        ["check", "--criteria", EVIL],
        ["check", f"--{EVIL}"],
        ["check", "--depth", EVIL],
        ["eval", EVIL, "--data", EVIL],
        ["predict", EVIL, "--text", EVIL],
        ["report", EVIL],
        ["data", "inspect", EVIL],
        ["train", "--resume", EVIL],
        ["train", "--set", EVIL],
        ["trim", EVIL, "--texts", EVIL, "--out", EVIL],
        ["push", EVIL, EVIL],
        ["plugins", "verify", EVIL],
        ["plugins", "new", EVIL],
        ["experiment", EVIL],
    ],
)
def test_an_argument_is_told_as_text(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, arguments)
    assert isinstance(result.exception, SystemExit) and result.exit_code == 2
    assert is_clean(result.output)
    assert not any(line.startswith("encswap: forged") for line in result.output.splitlines())


PRINTS = """
import importlib, logging, os, sys, warnings
from encswap.cli.output import write_json

def check():
    print("from a library")
    os.system("echo from a child")
    warnings.warn("one\\nencswap: forged \\x1b[31m")
    logging.getLogger("own").warning("two\\nencswap: forged %s", "\\x1b[31m")
    write_json({"a": float("nan"), "b": "\\x9b"})
    raise ERROR

room = importlib.import_module("encswap.cli.app")
for command in room.app.registered_commands:
    if command.callback.__name__ == "check":
        command.callback = check
room.main()
"""


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        ('EOFError("cut\\x1b[31m")', 2, "a file ends too early: EOFError: cut\\x1b[31m"),
        ('RuntimeError("a\\x1b[31mb")', 1, "RuntimeError: a\\x1b[31mb"),  # clean even so
    ],
)
def test_stdout_is_for_results_alone_and_stderr_is_clean_to_the_end(
    error: str, code: int, said: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "default", "-c", PRINTS.replace("ERROR", error), "check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert json.loads(done.stdout) == {"a": None, "b": "\x9b"}
    assert "\x9b" not in done.stdout
    assert "from a library" in done.stderr and "from a child" in done.stderr
    assert is_clean(done.stderr) and "\nencswap: forged" not in done.stderr
    assert done.returncode == code and said in done.stderr


def test_results_that_cannot_be_written_are_told_and_a_closed_pipe_is_quiet() -> None:
    command = [sys.executable, "-m", "encswap", "check", "--all"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "encswap: the results cannot be written: No space left on device\n"
    piped = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m encswap check --all --verbose | true"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert piped.stderr == ""


def test_the_streams_are_as_they_were_after_a_command() -> None:
    before = sys.stdout, sys.stderr, warnings.formatwarning
    CliRunner().invoke(app, ["--version"])
    assert (sys.stdout, sys.stderr, warnings.formatwarning) == before


@pytest.mark.parametrize("command", [[], ["data"], ["plugins"]], ids=str)
def test_a_group_without_a_command_prints_its_help_and_exits_0(command):
    bare = CliRunner().invoke(app, command)
    asked = CliRunner().invoke(app, [*command, "--help"])
    assert bare.exit_code == 0 and bare.stdout == asked.stdout and "Commands:" in bare.stdout
    assert CliRunner().invoke(app, [*command, "nowhere"]).exit_code == 2
