"""Bootstrap intervals over documents (Efron, 1979), for F1 as a ratio of sums."""

from __future__ import annotations

from collections.abc import Sequence

from encswap.evaluate.metrics import Counts

RESAMPLES = 2000


def bootstrap_f1(
    documents: Sequence[Counts], *, seed: int, resamples: int = RESAMPLES, level: float = 0.95
) -> tuple[float, float]:
    """Percentile interval of F1 when documents are drawn again with replacement."""
    import numpy as np

    if not documents:
        return 0.0, 0.0
    table = np.array([[one.correct, one.predicted + one.gold] for one in documents], dtype=float)
    generator = np.random.default_rng(seed)
    drawn = generator.integers(len(table), size=(resamples, len(table)))
    sums = table[drawn].sum(axis=1)
    scores = np.divide(2 * sums[:, 0], sums[:, 1], out=np.zeros(resamples), where=sums[:, 1] > 0)
    low, high = np.quantile(scores, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
