"""The order of samples: each once, of like length together, the same for every process count."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from encswap.train.samples import Order

LENGTHS = st.lists(st.integers(1, 500), min_size=1, max_size=300)


@given(LENGTHS, st.integers(1, 16), st.integers(0, 3), st.booleans())
def test_each_sample_stands_in_an_epoch_once(lengths, batch, epoch, grouped):
    order = Order(lengths, batch, 42, grouped=grouped)
    order.set_epoch(epoch)
    first = list(order)
    assert sorted(first) == list(range(len(lengths)))
    assert first == list(order)


def padding(lengths, order, batch):
    places = list(order)
    batches = [places[i : i + batch] for i in range(0, len(places), batch)]
    padded = sum(max(lengths[p] for p in one) * len(one) for one in batches)
    return padded / sum(lengths)


def test_grouped_batches_are_hardly_padded():
    lengths = [10 + 37 * i % 400 for i in range(800)]
    grouped, plain = (Order(lengths, 8, 42, grouped=one) for one in (True, False))
    assert padding(lengths, grouped, 8) < 1.05 < 1.5 < padding(lengths, plain, 8)


def test_epochs_and_seeds_differ():
    orders = set()
    for seed in (1, 2):
        for epoch in (0, 1):
            order = Order(range(1, 60), 8, seed, grouped=True)
            order.set_epoch(epoch)
            orders.add(tuple(order))
    assert len(orders) == 4
