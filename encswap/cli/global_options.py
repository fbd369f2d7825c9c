"""Options of every command: the device, how much is told, and the log."""

from __future__ import annotations

import logging
import os
import re
from enum import StrEnum

from encswap.cli import output
from encswap.errors import InputError

_DEVICE = re.compile(r"auto|cpu|cuda(:\d+)?")


class LogLevel(StrEnum):
    """How much of the log goes to stderr."""

    debug = "debug"
    info = "info"
    warning = "warning"
    error = "error"


def choose(device: str, *, quiet: bool, level: LogLevel) -> None:
    """Set up what every command runs in; before torch is imported, which reads the GPUs once.

    Raises `InputError` for a device that is none or is not here.
    """
    output.be_quiet(quiet)
    if level is LogLevel.error:
        logging.getLogger("encswap").setLevel(logging.ERROR)
    if level in (LogLevel.debug, LogLevel.info):
        show_log(level.name.upper())
    choose_device(device)


def show_log(level: str) -> None:
    """Write the log of encswap and its libraries to stderr, a line each."""
    root = logging.getLogger()
    if not any(isinstance(one, output.LogLines) for one in root.handlers):
        root.addHandler(output.LogLines())
    for name in ("encswap", "transformers", "gliner2", "accelerate"):
        logging.getLogger(name).setLevel(level)


def choose_device(device: str) -> None:
    """Hide the GPUs that are not to be used; `auto` leaves them as they are."""
    if not _DEVICE.fullmatch(device):
        raise InputError(
            f"{device!r} is no device", where="--device", hint="known: auto, cpu, cuda, cuda:0, …"
        )
    if device == "auto":
        return
    if device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
        return
    _, _, number = device.partition(":")
    if number:
        shown = [one for one in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if one]
        place = int(number)
        if shown and place >= len(shown):
            raise InputError(
                f"{device} is not here: CUDA_VISIBLE_DEVICES shows {len(shown)}", where="--device"
            )
        os.environ["CUDA_VISIBLE_DEVICES"] = shown[place] if shown else number
    import torch

    if not torch.cuda.is_available():
        raise InputError(f"torch sees no {device}", where="--device", hint="--device cpu, or auto")
