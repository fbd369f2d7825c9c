"""`--help` is whole: no summary is cut, choices are those that are taken, examples can be run."""

from __future__ import annotations

import shlex
from typing import Any, get_args

import pytest
from rich.cells import cell_len
from typer.main import get_command

from encswap.cli import choices
from encswap.cli.app import app
from encswap.cli.help_text import HelpExample, fold, parts_of, summary_of
from encswap.cli.push import EXTRAS
from encswap.data.readers import FORMATS
from encswap.recipe import Recipe
from encswap.report.texts import languages
from tests.docs.test_snippets import parse


def walk(command: Any, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    found = [(path, command)]
    for name, inner in getattr(command, "commands", {}).items():
        found += walk(inner, (*path, name))
    return found


TREE = walk(get_command(app))
COMMANDS = [(path, one) for path, one in TREE if not hasattr(one, "commands")]
GROUPS = [(path, one) for path, one in TREE if hasattr(one, "commands")]


def help_at(width: int, path: tuple[str, ...]) -> str:
    (command,) = [one for at, one in TREE if at == path]
    with command.make_context("encswap", [], resilient_parsing=True) as context:
        context.terminal_width = width
        return str(command.get_help(context))


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize(("path", "group"), GROUPS, ids=lambda one: str(one)[:20])
def test_a_group_lists_its_commands_with_whole_summaries(path, group, width: int):
    told = " ".join(help_at(width, path).split())
    assert "..." not in told.replace("[ARGS]...", "")
    for name, one in group.commands.items():
        assert f"{name} {summary_of(one.help)}" in told


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize(("path", "command"), COMMANDS, ids=lambda one: str(one)[:20])
def test_the_help_of_a_command_fits_and_its_examples_stay_commands(path, command, width: int):
    told = help_at(width, path)
    assert max(map(cell_len, told.splitlines())) <= width
    pasted = [" ".join(line.split()) for line in told.replace("\\\n", " ").splitlines()]
    for part in parts_of(command.help):
        if isinstance(part, HelpExample):
            assert part.goal.endswith(":")
            assert [one for one in part.commands if " ".join(one.split()) not in pasted] == []


def examples() -> list[str]:
    return [
        command
        for _, one in COMMANDS
        for part in parts_of(one.help)
        if isinstance(part, HelpExample)
        for command in part.commands
    ]


@pytest.mark.parametrize("command", examples())
def test_an_example_is_a_command_that_the_program_takes(command: str):
    words = shlex.split(command)
    if "|" in words:
        words = words[words.index("|") + 1 :]
    if words[0] == "encswap":
        parse(words)
    assert words[0] in ("encswap", "curl")


def test_every_command_that_makes_or_reads_something_has_an_example():
    bare = {path for path, one in COMMANDS if "\n  encswap " not in one.help}
    assert bare == {("demo",), ("plugins", "list")}


@pytest.mark.parametrize("width", [20, 40, 80])
def test_a_folded_command_is_the_same_command(width: int):
    command = "encswap predict runs/first --text 'a long text, with spaces' --flat -f json"
    lines = fold(command, width)
    assert all(line.endswith(" \\") for line in lines[:-1])
    joined = "\n".join(lines).replace("\\\n", " ")
    assert shlex.split(joined) == shlex.split(command)


@pytest.mark.parametrize(
    ("shown", "field"),
    [
        (choices.STRATEGIES, "strategy"),
        (choices.PROTOCOLS, "protocol"),
        (choices.SCALES, "scale"),
        (choices.OCCURRENCES, "occurrences"),
        (choices.OVERLAPS, "overlap_policy"),
    ],
)
def test_a_choice_is_shown_as_the_recipe_takes_it(shown: tuple[str, ...], field: str):
    assert set(shown) == set(get_args(Recipe.model_fields[field].annotation))
    told = " ".join(help_at(200, ("train",)).split())
    assert f"--{field.replace('_', '-')} {choices.one_of(shown)}" in told


def test_the_formats_are_those_that_are_read_and_written():
    assert tuple(FORMATS) == choices.READ_FORMATS
    written = tuple(name for name, one in FORMATS.items() if one.write is not None)
    assert written == choices.WRITTEN_FORMATS
    for path in (("train",), ("data", "inspect"), ("check",), ("eval",)):
        assert all(name in help_at(100, path) for name in FORMATS)


def test_other_choices_are_those_that_are_taken():
    aligned = set(get_args(Recipe.model_fields["alignment"].annotation))
    assert set(choices.ALIGNMENTS) < aligned
    assert tuple(EXTRAS) == choices.EXTRAS_TO_UPLOAD
    assert tuple(languages()) == choices.LANGUAGES
