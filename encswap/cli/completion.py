"""`encswap completion`: the script by which a shell completes commands and options."""

from __future__ import annotations

import os
from enum import StrEnum

import typer

from encswap.cli.output import write

HELP = """Print what a shell needs to complete commands and options.

In bash or zsh, put the line eval "$(encswap completion bash)" into ~/.bashrc or, with zsh in place
of bash, into ~/.zshrc. fish reads the script from ~/.config/fish/completions/encswap.fish.

Print the script for fish:
  encswap completion fish
"""
VARIABLE = "_ENCSWAP_COMPLETE"
"""Set by the script while a shell asks for completions."""


class Shell(StrEnum):
    """The shells that typer knows."""

    bash = "bash"
    zsh = "zsh"
    fish = "fish"
    powershell = "powershell"


def attach(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("completion", help=HELP)(completion)


def completion(shell: Shell = typer.Argument(..., help="The shell.")) -> None:
    """Run the command."""
    from typer.completion import get_completion_script  # type: ignore[attr-defined]

    write(get_completion_script(prog_name="encswap", complete_var=VARIABLE, shell=shell.value))


def is_asked() -> bool:
    """Tell whether a shell asks for completions; typer's classes for shells are made known then."""
    if VARIABLE not in os.environ:
        return False
    from typer.completion import completion_init  # type: ignore[attr-defined]

    completion_init()
    return True
