"""Why training ends: nothing better for long, or loss and dev F1 falling together."""

from __future__ import annotations

import pytest

from encswap.train.progress import Progress


def after(*epochs):
    progress = Progress()
    for number, (loss, f1) in enumerate(epochs, 1):
        progress.close(number, loss, f1, 0.5)
    return progress


def test_loss_and_dev_f1_falling_together_are_overfitting_and_the_best_epoch_is_named():
    progress = after((9, 0.1), (8, 0.5), (7, 0.4), (6, 0.3))
    assert progress.stop_reason(patience=9, overfit_patience=3) is None
    progress = after((9, 0.1), (8, 0.5), (7, 0.4), (6, 0.3), (5, 0.2))
    reason = progress.stop_reason(patience=9, overfit_patience=3)
    assert reason is not None and reason.startswith("overfitting: over 3 epochs")
    assert "epoch 2 is kept" in reason


@pytest.mark.parametrize("last", [(6, 0.45), (8, 0.3)])
def test_a_rise_of_either_begins_the_count_anew(last):
    progress = after((9, 0.5), (8, 0.4), (7, 0.35), last, (5, 0.2))
    assert progress.stop_reason(patience=9, overfit_patience=3) is None


def test_no_better_epoch_for_long_ends_training():
    progress = after((9, 0.5), (9, 0.4), (9, 0.5), (9, 0.3))
    assert progress.stop_reason(patience=4, overfit_patience=3) is None
    assert "no better dev F1 for 3 epochs" in str(progress.stop_reason(3, 3))


def test_what_is_known_survives_being_written():
    progress = after((9, 0.5), (8, 0.4))
    again = Progress.from_dict(progress.as_dict())
    assert again.declining == 1 and again.epochs == progress.epochs
