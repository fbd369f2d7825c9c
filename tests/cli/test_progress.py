"""Lines of a run on stderr: epochs with their total, steps from time to time, with what is left."""

from __future__ import annotations

import pytest

from encswap.cli import progress
from encswap.cli.progress import Steps, TerminalWatcher
from encswap.types import Epoch


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_an_epoch_names_how_many_there_are(capsys):
    watcher = TerminalWatcher()
    for step in range(1, 41):
        watcher.step(step, 150, 2.0)
        if step % 10 == 0:
            watcher.epoch(Epoch(step // 10, 2.0, 0.5, 0.3, 1.0), improved=step == 10)
    lines = capsys.readouterr().err.splitlines()
    assert [line[:11] for line in lines] == [f"epoch  {n}/15" for n in (1, 2, 3, 4)]
    assert lines[0].endswith("best so far") and not lines[1].endswith("best so far")


def test_a_resumed_run_counts_from_where_it_was(capsys):
    watcher = TerminalWatcher()
    watcher.step(31, 50, 2.0)
    for step in range(32, 41):
        watcher.step(step, 50, 2.0)
    watcher.epoch(Epoch(4, 2.0, 0.5, 0.3, 1.0), improved=True)
    assert capsys.readouterr().err.startswith("epoch 4/5  ")


def test_where_nothing_is_right_no_epoch_is_the_best(capsys):
    TerminalWatcher().epoch(Epoch(1, 2.0, 0.0, 0.3, 1.0), improved=True)
    said = capsys.readouterr().err
    assert "nothing right yet" in said and "best" not in said


def test_lines_of_steps_come_at_growing_distances_and_say_what_is_left(clock):
    pace, told = Steps(), []
    for step in range(1, 201):
        if (left := pace.after(step, 200)) is not None:
            told.append((step, round(left)))
        clock[0] += 1.0
    # The first step is not timed; then each second is a step.
    assert told == [(4, 196), (7, 193), (13, 187), (25, 175), (49, 151), (97, 103), (193, 7)]


def test_a_step_line_is_written_where_there_is_no_terminal(clock, capsys):
    watcher = TerminalWatcher()
    for step in range(1, 6):
        watcher.step(step, 100, 2.0)
        clock[0] += 60.0
    (line, *_) = capsys.readouterr().err.splitlines()
    assert line == "step 2/100  loss 2.00  about 1.6 h of training left"
