"""Ends the program while it is imported."""

from __future__ import annotations

import sys

ENCSWAP_API = 1

sys.exit("goodbye")
