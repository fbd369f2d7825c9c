from __future__ import annotations

import pytest

from encswap.check.memory import GIB, training_memory
from encswap.plugins import load_plugins

MIB = 2**20
# Measured with benchmarks/training_memory.py on 2 CPU cores: MiB above the empty process.
MEASURED = [
    ("koelectra", 4, 128, 2510),
    ("koelectra", 2, 256, 2688),
    ("koelectra", 2, 512, 3821),
    ("klue-roberta", 2, 256, 2580),
    ("klue-roberta", 3, 384, 3771),
    ("kf-deberta", 3, 384, 5833),
    ("xlm-r", 4, 256, 6459),
    ("ko-deberta", 4, 128, 3489),
    ("ko-deberta", 2, 256, 3483),
    ("ko-deberta", 1, 512, 3957),
    ("ko-deberta", 2, 512, 5544),
]


@pytest.mark.parametrize(("name", "batch", "length", "peak"), MEASURED)
def test_the_estimate_is_within_15_percent_of_the_measured_peak(
    name: str, batch: int, length: int, peak: int
) -> None:
    spec = load_plugins().encoders[name]
    count = spec.fact("parameters")
    estimate = training_memory(count, spec.config, batch=batch, length=length, half=False)
    assert estimate.total == pytest.approx(peak * MIB, rel=0.15)


def test_parts_follow_from_the_parameters() -> None:
    memory = training_memory(1000, {"hidden_size": 8, "num_hidden_layers": 1}, half=False)
    assert (memory.weights, memory.gradients, memory.moments) == (4000, 4000, 8000)


def test_a_larger_batch_takes_more_and_may_no_longer_fit() -> None:
    config = load_plugins().encoders["ko-deberta"].config
    small = training_memory(150_000_000, config, batch=8)
    large = training_memory(150_000_000, config, batch=64)
    assert small.total < large.total
    assert small.fits() and not large.fits()
    assert small.total < 15 * GIB
