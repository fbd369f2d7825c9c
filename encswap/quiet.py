"""Libraries kept from a caller's terminal while encswap works for it."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

NOISY = ("gliner2", "transformers", "accelerate", "httpx")


@contextmanager
def quiet() -> Iterator[None]:
    """Silence notices and progress bars of libraries; afterwards all is as it was."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    loggers = [logging.getLogger(name) for name in NOISY]
    levels = [one.level for one in loggers]
    bars = _hide_bars()
    for one in loggers:
        one.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            yield
    finally:
        for one, level in zip(loggers, levels, strict=True):
            one.setLevel(level)
        if bars:
            from transformers.utils.logging import enable_progress_bar

            enable_progress_bar()


def _hide_bars() -> bool:
    """Hide transformers' progress bars; tells whether they were shown."""
    if "transformers" not in sys.modules:
        import importlib.util

        if importlib.util.find_spec("transformers") is None:
            return False
    from transformers.utils.logging import disable_progress_bar, is_progress_bar_enabled

    shown = bool(is_progress_bar_enabled())
    disable_progress_bar()
    return shown
