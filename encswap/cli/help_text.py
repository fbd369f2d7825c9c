"""Help that is never cut: whole summaries of commands, and examples that can be pasted.

A command's help is a summary, paragraphs, and examples: a line that says what for, under it one or
more commands, indented. An example that is too wide goes on behind a backslash.
"""

from __future__ import annotations

import inspect
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from typer.core import TyperCommand, TyperGroup

from encswap.cli.tables import wrap

INDENT = 2
GOES_ON = " \\"


@dataclass(frozen=True)
class HelpExample:
    """What somebody wants, and the commands that do it."""

    goal: str
    commands: tuple[str, ...]


def summary_of(text: str) -> str:
    """The first paragraph of a help text, on one line."""
    return " ".join(inspect.cleandoc(text).split("\n\n")[0].split())


def parts_of(text: str) -> Iterator[str | HelpExample]:
    """Divide a help text into its paragraphs, each on one line, and its examples."""
    for part in inspect.cleandoc(text).split("\n\n"):
        lines = part.splitlines()
        commands = tuple(line.strip() for line in lines if line.startswith(" " * INDENT))
        words = " ".join(line.strip() for line in lines if not line.startswith(" " * INDENT))
        yield HelpExample(words, commands) if commands else words


def fold(command: str, width: int) -> list[str]:
    """Cut a command between its arguments into lines that a shell reads as one."""
    words: list[str] = []
    for word in shlex.split(command, posix=False):  # quotes stay as they are written
        if words and words[-1].startswith("-") and not word.startswith("-"):
            words[-1] += f" {word}"
        else:
            words.append(word)
    lines = [words[0]]
    for word in words[1:]:
        if len(lines[-1]) + 1 + len(word) + len(GOES_ON) <= width:
            lines[-1] += f" {word}"
        else:
            lines[-1] += GOES_ON
            lines.append(f"{' ' * 2 * INDENT}{word}")
    return lines


class WholeHelp(TyperCommand):
    """A command whose help keeps the lines of its examples."""

    def format_help_text(self, ctx: Any, formatter: Any) -> None:
        """Write the paragraphs wrapped, and each example under its goal."""
        del ctx
        for part in parts_of(self.help or ""):
            formatter.write_paragraph()
            words = part if isinstance(part, str) else part.goal
            for line in wrap(words, formatter.width - INDENT):
                formatter.write(f"{' ' * INDENT}{line}\n")
            if isinstance(part, HelpExample):
                indent = " " * 2 * INDENT
                for command in part.commands:
                    lines = fold(command, formatter.width - len(indent))
                    formatter.write("".join(f"{indent}{line}\n" for line in lines))


class WholeSummaries(TyperGroup):
    """A group that lists its commands with whole summaries; bare, it prints its help, exit 0."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write each command with its summary, over as many lines as that takes."""
        found = ((name, self.get_command(ctx, name)) for name in self.list_commands(ctx))
        rows = [(name, summary_of(one.help or "")) for name, one in found if one and not one.hidden]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def parse_args(self, ctx: Any, args: list[str]) -> Any:
        """Parse; click itself would print the help on stderr and exit 2."""
        if not args and self.no_args_is_help and not ctx.resilient_parsing:
            from encswap.cli.output import write

            write(ctx.get_help())
            ctx.exit(0)
        return super().parse_args(ctx, args)
