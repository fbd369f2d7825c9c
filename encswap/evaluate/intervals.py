"""Bootstrap intervals over documents (Efron, 1979), for F1 as a ratio of sums."""

from __future__ import annotations

from collections.abc import Sequence

from encswap.evaluate.metrics import Counts

RESAMPLES = 2000
MOST_DRAWN = 2_000_000
"""Documents drawn at once, so that memory stays small however many there are."""


def bootstrap_f1(
    documents: Sequence[Counts], *, seed: int, resamples: int = RESAMPLES, level: float = 0.95
) -> tuple[float, float]:
    """Percentile interval of F1 when documents are drawn again with replacement."""
    import numpy as np

    if not documents:
        return 0.0, 0.0
    table = np.array([[one.correct, one.predicted + one.gold] for one in documents], dtype=float)
    generator = np.random.default_rng(seed)
    sums = np.concatenate(
        [
            table[generator.integers(len(table), size=(size, len(table)))].sum(axis=1)
            for size in _portions(resamples, max(1, MOST_DRAWN // len(table)))
        ]
    )
    scores = np.divide(2 * sums[:, 0], sums[:, 1], out=np.zeros(resamples), where=sums[:, 1] > 0)
    low, high = np.quantile(scores, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _portions(total: int, most: int) -> list[int]:
    return [min(most, total - done) for done in range(0, total, most)]
