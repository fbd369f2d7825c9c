"""The typer application, its commands and how errors end."""

from __future__ import annotations

import os
import sys
from typing import Any

import typer
from typer.core import TyperGroup

from encswap.cli import interrupts
from encswap.errors import EncswapError, InputError
from encswap.processes import is_main

# OpenMP's threads spin while they wait for each other. Where another process wants the cores too,
# a step of a small model took eight times as long; so they spin briefly, then sleep. Asleep at once
# would cost a third of the speed where it is quiet. Read once, when torch is loaded.
os.environ.setdefault("GOMP_SPINCOUNT", "3000")


class OneLineErrors(TyperGroup):
    """Turn an `EncswapError` into one line on stderr and its exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command; never let an expected failure end in a traceback."""
        try:
            return super().invoke(ctx)
        except EncswapError as error:
            # What is wrong with the input is wrong for all processes: the main one says it.
            if is_main() or not isinstance(error, InputError):
                sys.stderr.write(f"encswap: {error}\n")
            raise typer.Exit(error.exit_code) from error
        except (typer.Exit, SystemExit):
            raise
        except BaseException as error:
            if not isinstance(error, KeyboardInterrupt) and not interrupts.was_heard():
                raise
            if is_main():
                sys.stderr.write("encswap: interrupted\n")
            raise typer.Exit(interrupts.CODE) from error


app = typer.Typer(
    cls=OneLineErrors,
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Swap the encoder of a GLiNER2 model, with evidence.",
)


@app.callback(invoke_without_command=True)
def version(
    show: bool = typer.Option(False, "--version", help="Print the version and exit."),
) -> None:
    """Swap the encoder of a GLiNER2 model, with evidence."""
    if show:
        from encswap import __version__

        typer.echo(f"encswap {__version__}")
        raise typer.Exit


def add_commands() -> None:
    """Attach every command; each module is light until its command runs."""
    from encswap.cli import (
        check,
        data,
        demo,
        evaluate,
        experiment,
        plugins,
        predict,
        push,
        report,
        swap,
        train,
        trim,
    )

    for module in (
        check,
        swap,
        trim,
        train,
        evaluate,
        report,
        experiment,
        predict,
        push,
        data,
        plugins,
        demo,
    ):
        module.attach(app)


add_commands()


def main() -> None:
    """Run the command line."""
    interrupts.listen()
    try:
        app(prog_name="encswap")
    except KeyboardInterrupt:
        interrupts.leave()
    except SystemExit as end:
        if end.code and interrupts.was_heard():
            interrupts.leave()
        raise
