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


def bootstrap_mean(
    values: Sequence[float], *, seed: int, resamples: int = RESAMPLES, level: float = 0.95
) -> tuple[float, float]:
    """Percentile interval of a mean, such as accuracy, over documents drawn again."""
    import numpy as np

    if not values:
        return 0.0, 0.0
    table, generator = np.array(values, dtype=float), np.random.default_rng(seed)
    means = np.concatenate(
        [
            table[generator.integers(len(table), size=(size, len(table)))].mean(axis=1)
            for size in _portions(resamples, max(1, MOST_DRAWN // len(table)))
        ]
    )
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def bootstrap_macro(
    documents: Sequence[Sequence[Counts]],
    *,
    seed: int,
    resamples: int = RESAMPLES,
    level: float = 0.95,
) -> tuple[float, float]:
    """Percentile interval of macro F1, each document's counts by label, over documents drawn again.

    As in the macro F1 itself, a label that gold and predictions lack in a draw is left out.
    """
    import numpy as np

    if not documents:
        return 0.0, 0.0
    table = np.array(
        [[[one.correct, one.predicted + one.gold] for one in row] for row in documents], dtype=float
    )
    generator = np.random.default_rng(seed)
    scores = []
    for size in _portions(resamples, max(1, MOST_DRAWN // table[..., 0].size)):
        sums = table[generator.integers(len(table), size=(size, len(table)))].sum(axis=1)
        f1 = np.divide(
            2 * sums[..., 0], sums[..., 1], out=np.zeros(sums.shape[:-1]), where=sums[..., 1] > 0
        )
        scores.append(f1.sum(axis=1) / np.maximum((sums[..., 1] > 0).sum(axis=1), 1))
    low, high = np.quantile(np.concatenate(scores), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _portions(total: int, most: int) -> list[int]:
    return [min(most, total - done) for done in range(0, total, most)]


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
