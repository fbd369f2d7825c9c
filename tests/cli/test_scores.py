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


def rival(**more) -> dict:
    cost = {
        "parameters": 134_000_000,
        "training_seconds": 61.4,
        "peak_memory_bytes": None,
        "documents_per_second": 12.34,
    }
    said = {"verdict": "better than the tagger by 0.03 (0.01 to 0.05)", "can": "no schema"}
    return {"micro": numbers(4, 0.47), "cost": cost, **said, **more}


def test_rivals_stand_beside_the_model_with_their_cost_and_verdict() -> None:
    rivals = {"tagger": rival(), "gone/base": {"error": "is not in the cache"}}
    own = {**rival()["cost"], "peak_memory_bytes": 2_500_000_000}
    for markdown in (False, True):
        said = score_tables(metrics(rivals=rivals, throughput=own), markdown=markdown)
        (row,) = [line for line in said.splitlines() if line.strip("| ").startswith("tagger")]
        assert all(one in row for one in ("0.470", "134,000,000", "61 s", "–", "12.3"))
        assert "2.50 GB" in said and "better than the tagger by 0.03 (0.01 to 0.05)" in said
        assert "no schema" in said and "gone/base failed: is not in the cache" in said
    assert "rival" not in score_tables(metrics(), markdown=False)


def test_the_plan_s_own_measure_is_named_as_such() -> None:
    one = metrics()
    one["test"]["strings"] = numbers(3, 0.387)
    said = score_tables(one, markdown=False)
    assert (
        "Distinct (label, string) pairs of each document, as the plan counts its baseline" in said
    )
    assert "F1 0.387." in said
