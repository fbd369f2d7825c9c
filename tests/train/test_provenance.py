"""What a run records of its training, and of its test mentions with respect to it."""

from __future__ import annotations

import json
from datetime import datetime

from encswap.train.run import run


def test_a_run_records_its_training_and_how_often_it_marks_each_gold_mention(job_of):
    job = job_of(epochs=1)
    metrics = run(job)
    made = metrics["provenance"]
    assert datetime.fromisoformat(made["date"]).tzinfo is not None
    assert made["device"] and made["steps"] >= 1
    assert made["training_seconds"] == sum(one["seconds"] for one in metrics["epochs"])
    assert made["documents"]["train"] == len(job.documents.train)

    known = [(one.label, one.text) for example in job.documents.train for one in example.gold]
    lines = (job.folder.path / "predictions.jsonl").read_text(encoding="utf-8").splitlines()
    gold = [one for line in map(json.loads, lines) for one in (*line["gold"], *line["unlocated"])]
    assert any(one["in_training"] for one in gold)
    for one in gold:
        assert one["in_training"] == known.count((one["label"], one["text"]))
