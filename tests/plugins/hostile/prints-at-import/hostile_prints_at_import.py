"""Prints on stdout while it is imported, in three ways."""

from __future__ import annotations

import os

ENCSWAP_API = 1

print("welcome to my plugin")
os.write(1, b"welcome from below\n")
os.system("echo welcome from a child")
