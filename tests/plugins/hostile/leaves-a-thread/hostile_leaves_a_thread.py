"""Leaves a thread behind that never ends."""

from __future__ import annotations

import threading
import time

ENCSWAP_API = 1

threading.Thread(target=time.sleep, args=(3600,)).start()
