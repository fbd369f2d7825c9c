"""Writes on stdout in a check, past Python's own stream."""

from __future__ import annotations

import os
import subprocess
import sys

from encswap import hookimpl

ENCSWAP_API = 1


@hookimpl
def check_compatibility(base, candidate, context):
    """Write in four ways."""
    os.write(1, b"writes-below-in-check: one\n")
    os.system("echo writes-below-in-check: two")
    subprocess.run(["echo", "writes-below-in-check: three"], check=True)
    print("writes-below-in-check: four", file=sys.__stdout__, flush=True)
    return []
