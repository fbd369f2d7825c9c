"""What a server counts, in the text format of Prometheus (version 0.0.4)."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of the latency buckets in seconds."""


class Measures:
    """Counts of requests, texts and entities, and a histogram of latencies."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: Counter[tuple[str, int]] = Counter()
        self._buckets = [0] * (len(BOUNDS) + 1)
        self._seconds = 0.0
        self.texts = self.characters = self.entities = 0

    def request(self, path: str, status: int, seconds: float) -> None:
        """Count one request that was answered."""
        with self._lock:
            self._requests[path, status] += 1
            self._buckets[bisect_left(BOUNDS, seconds)] += 1
            self._seconds += seconds

    def extracted(self, texts: int, characters: int, entities: int) -> None:
        """Count what was read and found."""
        with self._lock:
            self.texts += texts
            self.characters += characters
            self.entities += entities

    def text(self, *, waiting: int, batches: int) -> str:
        """Everything that is counted, as Prometheus reads it."""
        with self._lock:
            return "\n".join(self._lines(waiting, batches)) + "\n"

    def _lines(self, waiting: int, batches: int) -> Iterator[str]:
        yield "# HELP encswap_requests_total Requests by path and status."
        yield "# TYPE encswap_requests_total counter"
        for (path, status), count in sorted(self._requests.items()):
            yield f'encswap_requests_total{{path="{path}",status="{status}"}} {count}'
        yield "# HELP encswap_request_seconds Time to answer a request."
        yield "# TYPE encswap_request_seconds histogram"
        total = 0
        for bound, count in zip([*map(str, BOUNDS), "+Inf"], self._buckets, strict=True):
            total += count
            yield f'encswap_request_seconds_bucket{{le="{bound}"}} {total}'
        yield f"encswap_request_seconds_sum {self._seconds:.6f}"
        yield f"encswap_request_seconds_count {total}"
        for name, kind, told, value in (
            ("texts_total", "counter", "Texts read.", self.texts),
            ("characters_total", "counter", "Characters read.", self.characters),
            ("entities_total", "counter", "Entities found.", self.entities),
            ("batches_total", "counter", "Batches given to the model.", batches),
            ("texts_waiting", "gauge", "Texts that wait or are being answered.", waiting),
        ):
            yield f"# HELP encswap_{name} {told}"
            yield f"# TYPE encswap_{name} {kind}"
            yield f"encswap_{name} {value}"
