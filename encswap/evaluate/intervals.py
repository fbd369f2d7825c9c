"""Bootstrap intervals over documents (Efron, 1979), for F1 as a ratio of sums."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from encswap.evaluate.metrics import Counts

if TYPE_CHECKING:
    import numpy as np

RESAMPLES = 2000
MOST_DRAWN = 2_000_000
"""Documents drawn at once, so that memory stays small however many there are."""


def bootstrap_f1(
    documents: Sequence[Counts], *, seed: int, resamples: int = RESAMPLES, level: float = 0.95
) -> tuple[float, float]:
    """Percentile interval of F1 when documents are drawn again with replacement."""
    if not documents:
        return 0.0, 0.0
    (scores,) = _draw([documents], seed, resamples)
    return _interval(scores, level)


def _draw(runs: Sequence[Sequence[Counts]], seed: int, resamples: int) -> list[np.ndarray]:
    """F1 of each run in every resample, (resamples,) each; all runs draw the same documents."""
    import numpy as np

    tables = [
        np.array([[one.correct, one.predicted + one.gold] for one in documents], dtype=float)
        for documents in runs
    ]
    count = len(tables[0])
    portion = max(1, MOST_DRAWN // count)
    generator = np.random.default_rng(seed)
    scores: list[list[np.ndarray]] = [[] for _ in tables]
    for done in range(0, resamples, portion):
        places = generator.integers(count, size=(min(portion, resamples - done), count))
        for found, table in zip(scores, tables, strict=True):
            found.append(_f1(table[places].sum(axis=1)))
    return [np.concatenate(found) for found in scores]


def _f1(sums: np.ndarray) -> np.ndarray:
    import numpy as np

    scores = np.zeros(len(sums))
    np.divide(2 * sums[:, 0], sums[:, 1], out=scores, where=sums[:, 1] > 0)
    return scores


def _interval(scores: np.ndarray, level: float) -> tuple[float, float]:
    import numpy as np

    low, high = np.quantile(scores, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


@dataclass(frozen=True)
class Difference:
    """F1 of the second run less that of the first, and its interval at `level`."""

    f1: float
    low: float
    high: float
    level: float

    @property
    def real(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.low > 0 or self.high < 0


def compare(
    first: Sequence[Counts],
    second: Sequence[Counts],
    *,
    seed: int,
    pairs: int = 1,
    resamples: int = RESAMPLES,
) -> Difference:
    """Draw the same documents for both runs; of several `pairs`, each must pass a stricter level.

    The level is 95% for all pairs together (Bonferroni).
    """
    level = 1 - 0.05 / pairs
    observed = sum(second, Counts()).f1 - sum(first, Counts()).f1
    if not first:
        return Difference(0.0, 0.0, 0.0, level)
    one, two = _draw([first, second], seed, resamples)
    return Difference(observed, *_interval(two - one, level), level)
