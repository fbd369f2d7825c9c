"""Batches: shared by like questions, and one request's end is never another's."""

from __future__ import annotations

import threading

import pytest

from encswap.types import Prediction

pytest.importorskip("fastapi")
from encswap.serve.batching import Batcher, BusyError, ClosedError, Question


class Gate:
    """A model that answers when it is let, with the length of each text."""

    labels, threshold = ("a",), 0.5

    def __init__(self):
        self.open, self.entered, self.asked = threading.Event(), threading.Event(), []

    def predict(self, texts, labels=None, *, threshold=None, flat=False, batch_size=16):
        self.entered.set()
        assert self.open.wait(30)
        self.asked.append((tuple(texts), labels))
        if "bad" in texts:
            raise ValueError("bad")
        return [[Prediction(0, len(text), "a", 1.0)] for text in texts]


@pytest.fixture
def gate():
    model = Gate()
    batcher = Batcher(model, most=4, wait=0.2, depth=6)
    yield model, batcher
    model.open.set()
    batcher.close()


def ends(future):
    return [[one.end for one in found] for found in future.result(30)]


def test_like_questions_share_a_batch_and_others_follow_in_order(gate):
    model, batcher = gate
    first = batcher.submit(["x"], Question())
    model.entered.wait(30)
    same = [batcher.submit(["yy"], Question()), batcher.submit(["zzz"], Question())]
    other = batcher.submit(["w"], Question(labels=("b",)))
    model.open.set()
    assert [ends(one) for one in (first, *same, other)] == [[[1]], [[2]], [[3]], [[1]]]
    assert len(model.asked) <= 3 and model.asked[-1] == (("w",), ("b",))


def test_a_request_that_fails_never_fails_its_neighbours(gate):
    model, batcher = gate
    model.open.set()
    asked = [batcher.submit([text], Question()) for text in ("ok", "bad", "fine")]
    with pytest.raises(ValueError, match="bad"):
        asked[1].result(30)
    assert (ends(asked[0]), ends(asked[2])) == ([[2]], [[4]])


def test_who_stops_waiting_is_not_asked_for_and_harms_nobody(gate):
    model, batcher = gate
    first = batcher.submit(["x"], Question())
    model.entered.wait(30)
    gone = batcher.submit(["gone"], Question(flat=True))
    assert gone.cancel()
    last = batcher.submit(["last"], Question())
    model.open.set()
    assert (ends(first), ends(last)) == ([[1]], [[4]])
    assert not any("gone" in texts for texts, _ in model.asked)


def test_a_full_queue_refuses_and_a_closed_one_answers_what_it_took(gate):
    model, batcher = gate
    taken = [batcher.submit(["a", "b"], Question()) for _ in range(3)]
    with pytest.raises(BusyError):
        batcher.submit(["c"], Question())
    closing = threading.Thread(target=batcher.close)
    closing.start()
    model.open.set()
    closing.join(30)
    assert [ends(one) for one in taken] == [[[1], [1]]] * 3
    with pytest.raises(ClosedError):
        batcher.submit(["late"], Question())
