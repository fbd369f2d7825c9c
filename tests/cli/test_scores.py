"""The tables of scores say what is not measured, and what bounds recall."""

from __future__ import annotations

from encswap.cli.tables import score_tables
from encswap.experiment.seeds import summarise_seeds


def numbers(support: int, f1: float = 0.5) -> dict:
    return {
        "precision": f1,
        "recall": f1,
        "f1": f1,
        "interval": [f1, f1],
        "support": support,
    }


def metrics(**more) -> dict:
    test = {
        "micro": numbers(4),
        "per_label": {"Disease": numbers(4), "Gene": numbers(0, 0.0)},
        "iob2": {"f1": 0.5},
    }
    targets = {
        "Disease": {"target": 0.6, "f1": 0.5, "reached": False, "verdict": "missed"},
        "Gene": {"target": 0.6, "f1": None, "verdict": "not measured"},
    }
    base = {"micro": numbers(4)}
    return {
        "protocol": "dev",
        "threshold": 0.3,
        "coverage": 0.8,
        "test": test,
        "targets": targets,
        "baselines": dict.fromkeys(("dictionary", "base", "before_training"), base),
        **more,
    }


def test_a_label_without_test_mentions_has_no_score_but_not_measured() -> None:
    (row,) = [
        line for line in score_tables(metrics(), markdown=False).splitlines() if "Gene" in line
    ]
    assert "not measured" in row and "0.000" not in row and "missed" not in row


def test_the_ceiling_names_the_overlap_policy_where_it_costs_anything() -> None:
    plain = score_tables(metrics(), markdown=False)
    assert "ceiling of recall: what the units can express" in plain
    lost = score_tables(metrics(ceiling={"train": {"overlapping": 3}}), markdown=False)
    assert "what the units and the overlap policy can express" in lost


def test_over_seeds_a_target_that_cannot_be_judged_is_neither_reached_nor_missed() -> None:
    summary = summarise_seeds({1: metrics(), 2: metrics()})
    assert summary["targets"]["Gene"] == {"target": 0.6, "mean": None, "reached": None}
    assert summary["targets"]["Disease"]["reached"] is False
