"""Closes stdout while it is imported, and puts something else there."""

from __future__ import annotations

import sys

ENCSWAP_API = 1

print("the last words")
sys.stdout.close()
sys.stdout = None
