"""Never comes back from its import."""

from __future__ import annotations

import time

ENCSWAP_API = 1

time.sleep(3600)
