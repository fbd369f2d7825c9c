"""The typer application, its commands and how errors end."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import typer
from typer.models import CommandInfo

from encswap.cli import interrupts
from encswap.cli.completion import is_asked
from encswap.cli.global_options import LogLevel, choose
from encswap.cli.help_text import WholeHelp, WholeSummaries
from encswap.cli.output import clean_streams, own_streams, results_apart, tell, write
from encswap.distributed import is_main
from encswap.errors import EncswapError, InputError, one_line

# OpenMP's threads spin while they wait for each other. Where another process wants the cores too,
# a step of a small model took eight times as long; so they spin briefly, then sleep. Asleep at once
# would cost a third of the speed where it is quiet. Read once, when torch is loaded.
os.environ.setdefault("GOMP_SPINCOUNT", "3000")


class OneLineErrors(WholeSummaries):
    """Turn an `EncswapError` into one line on stderr and its exit code."""

    def main(self, *arguments: Any, **options: Any) -> Any:
        """Run with clean streams: also what is wrong with an argument is printed as text alone."""
        with clean_streams():
            return super().main(*arguments, **options)

    def invoke(self, ctx: Any) -> Any:
        """Run the command; never let an expected failure end in a traceback."""
        try:
            return super().invoke(ctx)
        except EncswapError as error:
            # What is wrong with the input is wrong for all processes: the main one says it.
            if is_main() or not isinstance(error, InputError):
                tell(f"encswap: {error}")
            raise typer.Exit(error.exit_code) from error
        except EOFError as error:  # click would end with `Aborted!`, as if the user had left
            tell(f"encswap: a file ends too early: {one_line(error)}")
            raise typer.Exit(InputError.exit_code) from error
        except (typer.Exit, SystemExit):
            raise
        except BaseException as error:
            if not isinstance(error, KeyboardInterrupt) and not interrupts.was_heard():
                raise
            if is_main():
                tell("encswap: interrupted")
            raise typer.Exit(interrupts.CODE) from error


class ResultsApart(WholeHelp):
    """A command whose results alone go to stdout."""

    def invoke(self, ctx: Any) -> Any:
        """Run it."""
        with results_apart():
            return super().invoke(ctx)


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
    device: str = typer.Option(
        "auto", "--device", envvar="ENCSWAP_DEVICE", help="auto, cpu, cuda, or cuda:N."
    ),
    quiet: bool = typer.Option(False, "--quiet", "-q", help="Results and errors alone."),
    level: LogLevel = typer.Option(
        LogLevel.warning, "--log-level", help="Of the log on stderr: debug, info, warning, error."
    ),
) -> None:
    """Swap the encoder of a GLiNER2 model, with evidence."""
    choose(device, quiet=quiet, level=level)
    if show:
        from encswap import __version__

        write(f"encswap {__version__}")
        raise typer.Exit


def add_commands() -> None:
    """Attach every command; each module is light until its command runs."""
    from encswap.cli import (
        check,
        completion,
        data,
        demo,
        experiment,
        export,
        plugins,
        predict,
        push,
        report,
        serve,
        swap,
        train,
        trim,
    )
    from encswap.cli import eval as evaluate

    for module in (
        check,
        swap,
        trim,
        train,
        evaluate,
        report,
        experiment,
        predict,
        export,
        serve,
        push,
        data,
        plugins,
        demo,
        completion,
    ):
        module.attach(app)
    for group in app.registered_groups:
        group.cls = WholeSummaries
        if group.typer_instance is not None:
            group.typer_instance.info.cls = WholeSummaries
    for command in _commands_of(app):
        command.cls = ResultsApart


def _commands_of(part: typer.Typer) -> Iterator[CommandInfo]:
    yield from part.registered_commands
    for group in part.registered_groups:
        if group.typer_instance is not None:
            yield from _commands_of(group.typer_instance)


add_commands()


def main() -> None:
    """Run the command line."""
    interrupts.listen()
    if not is_asked():  # completions are read from stdout by the shell
        own_streams()
    try:
        app(prog_name="encswap")
    except KeyboardInterrupt:
        interrupts.leave()
    except SystemExit as end:
        if end.code and interrupts.was_heard():
            interrupts.leave()
        raise
