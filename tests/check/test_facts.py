from __future__ import annotations

from dataclasses import replace

import pytest

from encswap.check.criteria import EVIDENCE, load_criteria
from encswap.check.verdicts import CheckReport, Request, judge_evidence, run_checks
from encswap.plugins import Plugins, load_plugins
from encswap.types import CheckContext, Fact, Subject

PLAN = ("kure", "koelectra", "klue-roberta", "xlm-r", "gliner-ko", "ko-deberta")
ONLY_CLASS = {"config_class": Fact("ElectraConfig", "M", "2026-11")}
SELECTED = ("ko-deberta", "kf-deberta", "mdeberta-ko", "mdeberta")


@pytest.fixture(scope="module")
def plugins() -> Plugins:
    return load_plugins()


def report_of(
    plugins: Plugins,
    names: tuple[str, ...] = (),
    criteria: str = "plan",
    base: str = "gliner2-base",
    examples: int | None = None,
) -> CheckReport:
    context = CheckContext(depth="facts", training_examples=examples)
    chosen = names or tuple(plugins.encoders)
    return run_checks(Request(chosen, base, load_criteria(criteria), context), plugins)


def codes(report: CheckReport, name: str) -> list[str]:
    (one,) = [one for one in report.candidates if one.name == name]
    return [reason.code for reason in one.reasons]


def test_of_the_plans_six_only_its_choice_is_selected(plugins: Plugins) -> None:
    report = report_of(plugins, PLAN)
    verdicts = {one.name: one.verdict for one in report.candidates}
    assert verdicts == dict.fromkeys(PLAN[:-1], "rejected") | {"ko-deberta": "selected"}
    assert report.recommended == "ko-deberta"


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("kure", "token-level"),
        ("koelectra", "architecture"),
        ("klue-roberta", "architecture"),
        ("xlm-r", "architecture"),
        ("gliner-ko", "complete-model"),
    ],
)
def test_the_first_reason_is_the_plans(plugins: Plugins, name: str, first: str) -> None:
    assert codes(report_of(plugins), name)[0] == first


@pytest.mark.parametrize("name", ["koelectra", "klue-roberta", "xlm-r"])
def test_another_class_is_rejected_because_696_examples_train_no_heads(
    plugins: Plugins, name: str
) -> None:
    report = report_of(plugins)
    (one,) = [one for one in report.candidates if one.name == name]
    said = " ".join(reason.message for reason in one.reasons)
    assert "trained heads cannot be reused" in said
    assert "696 training examples" in said


def test_the_heavy_one_is_called_heavy_beside_what_the_plan_says_of_its_score(
    plugins: Plugins,
) -> None:
    (one,) = report_of(plugins, ("xlm-r",)).candidates
    assert {"resources", "published-score"} <= {reason.code for reason in one.reasons}
    score = one.finding("published-score")
    assert score is not None and score.claim is not None and "F1~65%" in score.claim


def test_twenty_thousand_examples_reject_no_class(plugins: Plugins) -> None:
    report = report_of(plugins, examples=20_000)
    verdicts = {one.name: one.verdict for one in report.candidates}
    assert verdicts["koelectra"] == verdicts["klue-roberta"] == verdicts["xlm-r"] == "selected"
    assert verdicts["kure"] == verdicts["gliner-ko"] == "rejected"


def test_three_more_meet_the_same_criteria_and_size_only_ranks_them(plugins: Plugins) -> None:
    report = report_of(plugins)
    chosen = [one.name for one in report.candidates if one.verdict == "selected"]
    assert sorted(chosen) == sorted(SELECTED)
    assert chosen[:2] == ["ko-deberta", "kf-deberta"]
    assert "parameters" in report.ranking


def test_shape_asks_only_for_what_the_tensors_need(plugins: Plugins) -> None:
    report = report_of(plugins, criteria="shape")
    rejected = {one.name for one in report.candidates if one.verdict == "rejected"}
    assert rejected == {"kure", "gliner-ko", "e5-small"}
    assert codes(report, "kure") == ["hidden-size", "resources"]


@pytest.mark.parametrize("criteria", ["plan", "shape"])
@pytest.mark.parametrize("examples", [None, 20_000])
def test_the_evidence_gives_a_verdict_of_its_own_whatever_the_criteria_ask(
    plugins: Plugins, criteria: str, examples: int | None
) -> None:
    report = report_of(plugins, criteria=criteria, examples=examples)
    verdicts = {one.name: one.evidence_verdict for one in report.candidates}
    misfits = {name for name, verdict in verdicts.items() if verdict == "does not fit"}
    assert misfits == {"kure", "gliner-ko", "e5-small"}
    assert set(verdicts.values()) == {"fits", "does not fit"}


@pytest.mark.parametrize("name", ["koelectra", "klue-roberta", "xlm-r"])
def test_another_class_is_rejected_by_the_plans_rule_and_the_measurement_stands_beside_it(
    plugins: Plugins, name: str
) -> None:
    (one,) = report_of(plugins, (name,)).candidates
    assert (one.verdict, one.evidence_verdict) == ("rejected", "fits")
    assert "by the plan, its trained heads cannot be reused" in one.reasons[0].message
    found = {reason.code: reason.message for reason in one.evidence_reasons}
    assert "the tensors of its heads fit" in found["hidden-size"]
    assert "another class" in found["architecture"] and "docs/findings.md" in found["architecture"]


def test_a_candidate_of_unknown_width_has_an_unknown_fit(plugins: Plugins) -> None:
    spec = replace(plugins.encoders["koelectra"], name="unknown-width", facts=ONLY_CLASS)
    subject, base = Subject(spec), Subject(plugins.bases["gliner2-base"])
    findings = plugins.check_compatibility(base, subject, CheckContext(depth="facts"))
    verdict, reasons = judge_evidence(list(findings), load_criteria(EVIDENCE))
    assert verdict == "unknown"
    assert "hidden size not known" in [reason.message for reason in reasons]


def test_a_claim_that_the_evidence_contradicts_is_kept_beside_it(plugins: Plugins) -> None:
    (one,) = report_of(plugins, ("ko-deberta",)).candidates
    assert one.parameters == 134_679_552
    assert one.claims == {"parameters": "131M (plan 2.1)"}


def test_a_large_base_takes_no_candidate_of_the_usual_size(plugins: Plugins) -> None:
    report = report_of(plugins, base="gliner2-large")
    assert report.recommended is None
    assert "hidden-size" in codes(report, "ko-deberta")


def test_json_has_the_keys_that_others_read(plugins: Plugins) -> None:
    report = report_of(plugins, ("kure",)).to_json()
    assert {"base", "criteria", "depth", "recommended", "candidates"} <= set(report)
    (candidate,) = report["candidates"]
    assert {
        "name",
        "source",
        "revision",
        "architecture",
        "config_class",
        "hidden_size",
        "layers",
        "parameters",
        "verdict",
        "evidence_verdict",
        "evidence_reasons",
        "reasons",
        "findings",
    } <= set(candidate)
    assert set(candidate["reasons"][0]) == {"code", "message"}
    assert {"code", "status", "depth", "message", "claim"} <= set(candidate["findings"][0])
