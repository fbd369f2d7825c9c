"""Prints on stdout for as long as it can: in a thread, in the log, at the end."""

from __future__ import annotations

import atexit
import logging
import sys
import threading
import time

from encswap import hookimpl

ENCSWAP_API = 1

logging.basicConfig(stream=sys.stdout, level=logging.INFO)
atexit.register(print, "prints-later: at the end")


def chatter():
    """Print for ever."""
    while True:
        print("prints-later: in a thread")
        logging.getLogger("prints-later").info("in the log")
        time.sleep(0.001)


threading.Thread(target=chatter, daemon=True).start()


@hookimpl
def check_compatibility(base, candidate, context):
    """Log a line."""
    logging.getLogger("prints-later").info("in a check")
    return []
