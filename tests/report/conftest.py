"""Run folders for reports: one written by hand with known errors, no model needed."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from encswap.evaluate.summary import judge_targets, summarise
from encswap.evaluate.thresholds import score_at
from encswap.types import Example, Mention, Prediction, Unlocated

TEXT = "제2형 당뇨병은 인슐린을 투여하고 당화혈색소를 검사한다. 고혈압에서는 위내시경 아스피린"
LABELS = ("Disease", "Drug", "Biomarker", "Procedure")
THRESHOLD = 0.5


def mention(text: str, label: str, inside: str = TEXT) -> Mention:
    start = inside.index(text)
    return Mention(start, start + len(text), label, text)


def found(text: str, label: str, score: float, inside: str = TEXT) -> Prediction:
    start = inside.index(text)
    return Prediction(start, start + len(text), label, score)


PLANTED = Example(
    "planted",
    TEXT,
    (
        mention("당뇨병", "Disease"),
        mention("인슐린", "Drug"),
        mention("당화혈색소", "Biomarker"),
        mention("고혈압", "Disease"),
        mention("위내시경", "Procedure"),
    ),
    (Unlocated("Drug", "메트포르민"),),
)
CANDIDATES = [
    found("당뇨병", "Disease", 0.9),
    found("인슐린을", "Drug", 0.8),
    found("인슐린", "Drug", 0.6),
    found("당화혈색소", "Drug", 0.7),
    found("고혈압에서는", "Drug", 0.55),
    found("아스피린", "Drug", 0.51),
    found("위내시경", "Procedure", 0.3),
]
EVIL = "<script>document.title='run'</script> <b onclick=x>당뇨병</b> & \U0001f489 </script> 인슐린"
NASTY = Example("<img src=x onerror=alert(1)>", EVIL, (mention("인슐린", "Drug", EVIL),))
NASTY_CANDIDATES = [found("인슐린", "Drug", 0.95, EVIL), found("당뇨병", "Disease", 0.9, EVIL)]
EMPTY = Example("empty", "오늘은 날씨가 좋다.")


def write_run(
    folder: Path,
    examples,
    candidates,
    *,
    labels=LABELS,
    threshold=THRESHOLD,
    in_training=None,
    **changes,
) -> Path:
    """Write a run folder as training does, from documents and their candidates.

    `in_training` counts (label, string) pairs of the training documents; without it none are told.
    """

    def seen(one) -> dict[str, int]:
        return (
            {}
            if in_training is None
            else {"in_training": in_training.get((one.label, one.text), 0)}
        )

    scored = score_at(examples, candidates, threshold, None)
    test = summarise(scored, examples, labels, seed=42)
    metrics = {
        "protocol": "dev",
        "strategy": "surgical",
        "threshold": threshold,
        "coverage": 0.95,
        "overlap_policy": None,
        "dev": test,
        "test": test,
        "baselines": dict.fromkeys(("dictionary", "base", "before_training"), test),
        "epochs": [
            {"epoch": n, "train_loss": 9 / n, "dev_f1": n / 5, "threshold": 0.5, "seconds": 1.0}
            for n in (1, 2, 3)
        ],
        "throughput": None,
        "targets": judge_targets({"micro": 0.5, "Disease": 0.99}, test),
        **changes,
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "metrics.json").write_text(json.dumps(metrics), encoding="utf-8")
    manifest = {"labels": list(labels), "encoder": {"name": "e", "identifier": "someone/e"}}
    (folder / "encswap.json").write_text(json.dumps(manifest), encoding="utf-8")
    with (folder / "predictions.jsonl").open("w", encoding="utf-8") as file:
        for example, predictions, scores in zip(
            examples, scored.predictions, candidates, strict=True
        ):
            record = {
                "id": example.id,
                "text": example.text,
                "gold": [
                    {**asdict(m), "expressible": "aligned", **seen(m)} for m in example.mentions
                ],
                "unlocated": [{**asdict(one), **seen(one)} for one in example.unlocated],
                "predictions": [asdict(one) for one in predictions],
                "candidates": [asdict(one) for one in scores],
            }
            file.write(json.dumps(record, ensure_ascii=False) + "\n")
    return folder


@pytest.fixture
def planted(tmp_path: Path) -> Path:
    """A run of three documents whose errors are known."""
    return write_run(
        tmp_path / "planted", [PLANTED, NASTY, EMPTY], [CANDIDATES, NASTY_CANDIDATES, []]
    )
