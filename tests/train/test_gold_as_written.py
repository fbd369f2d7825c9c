"""Gold as people write it, from the file to the score: ids, spaces, strings, labels, overlaps."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from encswap.data.overlaps import measure_ceiling
from encswap.data.readers import read_examples
from encswap.data.split import split_dev
from encswap.data.units import CachedSplitter
from encswap.errors import InputError
from encswap.evaluate.baselines import predict_by_dictionary
from encswap.evaluate.predict import score_saved
from encswap.evaluate.score import score_documents
from encswap.evaluate.summary import judge_targets, remarks_on_scores, summarise
from encswap.evaluate.thresholds import score_at
from encswap.gliner.schema import EntitySchema
from encswap.recipe import read_recipe
from encswap.train.prepare import read_documents
from encswap.train.run import run
from encswap.train.samples import build_samples
from encswap.types import Example, Mention, Prediction, Unlocated

SCRIPT = Path(__file__).resolve().parents[2] / "data" / "plan_like.py"


def write(path: Path, *records: dict[str, Any]) -> str:
    path.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in records))
    return str(path)


def words(text: str, lower: bool = True):
    start = 0
    for word in text.split(" "):
        yield word, start, start + len(word)
        start += len(word) + 1


def perfect(examples: list[Example]) -> list[list[Prediction]]:
    return [[Prediction(m.start, m.end, m.label, 0.9) for m in one.mentions] for one in examples]


# Repeated ids.

NOTICES = [
    (
        "notice-2013-127",
        "고혈압 환자에게 암로디핀을 투여한다.",
        {"Disease": ["고혈압"], "Drug": ["암로디핀"]},
    ),
    (
        "notice-2013-127",
        "당뇨병 환자에게 인슐린을 투여한다.",
        {"Disease": ["당뇨병"], "Drug": ["인슐린"]},
    ),
    ("notice-2007-46", "폐렴으로 입원하였다.", {"Disease": ["폐렴"]}),
]


def notices(folder: Path, times: int = 1) -> str:
    records = [
        {"id": name if not n else f"{name}/{n}", "text": f"{n} {text}", "entities": entities}
        for n in range(times)
        for name, text, entities in NOTICES
    ]
    return write(folder / "notices.jsonl", *records)


def test_documents_that_share_an_id_are_all_read_and_keep_it(tmp_path):
    examples = read_examples(notices(tmp_path))
    assert [one.id for one in examples] == [name for name, _, _ in NOTICES]


@pytest.mark.parametrize("seed", range(5))
def test_documents_that_share_an_id_stay_on_one_side(tmp_path, seed):
    train, dev = split_dev(read_examples(notices(tmp_path, 6)), 0.3, seed)
    assert dev and not {one.id for one in train} & {one.id for one in dev}


def test_a_file_whose_documents_all_have_one_id_is_split_by_text():
    gold = (Mention(0, 1, "D", "가"),)
    texts = ["가나다", "가 완전히 다른 글", "가마솥에 누룽지", "가을 하늘 공활한데"]
    examples = [Example("corpus", text, gold, line=n) for n, text in enumerate(texts, start=1)]
    train, dev = split_dev(examples, 0.25, 1)
    assert (len(train), len(dev)) == (3, 1)


def test_documents_that_share_an_id_are_scored_each_by_itself(base, tmp_path):
    """Windows of equal names were merged into one document."""
    examples = read_examples(notices(tmp_path))
    asked = EntitySchema(("Disease", "Drug"), {})
    splitter = CachedSplitter(base.processor.word_splitter)
    found = score_documents(base, examples, asked, splitter, max_length=128, floor=1e-6)
    apart = score_documents(
        base,
        [replace(one, id=str(n)) for n, one in enumerate(examples)],
        asked,
        splitter,
        max_length=128,
        floor=1e-6,
    )
    assert found == apart
    assert all(max(p.end for p in ps) <= len(e.text) for e, ps in zip(examples, found, strict=True))


def test_samples_of_one_id_have_names_of_their_own(tmp_path):
    samples = build_samples(read_examples(notices(tmp_path)), words, ["Disease", "Drug"], {}, 8)
    assert [schema["sample"] for _, schema in samples.items] == [
        "notice-2013-127",
        "notice-2013-127#2",
        "notice-2007-46",
    ]


# White space around gold, and around labels.

KLUE = "## a\t서울 중부경찰서는 밝혔다.\n{}.\tO\n\n"
ROWS = [
    ("서", "B-LC"),
    ("울", "I-LC"),
    (" ", "{}"),
    *(("중부경찰서"[n], "{}" if n == 0 else "I-OG") for n in range(5)),
    ("는", "O"),
    (" ", "O"),
    ("밝", "O"),
    ("혔", "O"),
    ("다", "O"),
]


def klue(path: Path, space: str, first: str) -> Path:
    tags = iter((space, first))
    rows = "".join(f"{char}\t{next(tags) if tag == '{}' else tag}\n" for char, tag in ROWS)
    path.write_text(KLUE.format(rows), encoding="utf-8")
    return path


def test_padded_gold_scores_one_where_the_prediction_equals_the_gold(tmp_path):
    padded = read_examples(klue(tmp_path / "padded.tsv", "B-OG", "I-OG"))
    clean = read_examples(klue(tmp_path / "clean.tsv", "O", "B-OG"))
    assert padded[0].mentions == clean[0].mentions
    for gold in (padded, clean):
        assert score_at(gold, perfect(clean), 0.5, None).micro.f1 == 1.0
        assert measure_ceiling(gold, words, None, None).unaligned == 1  # 경찰서는 is one word


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (
            "f.jsonl",
            '{"text": "당뇨병 고혈압", "entities": {"Disease": ["당뇨병"],"Disease ": ["고혈압"]}}'
            "\n",
        ),
        ("f.conll", "당뇨병 B-Disease \n\n고혈압 B-Disease\n"),
        ("f.conll", "당뇨병\tB-Disease \n\n고혈압\tB-Disease\n"),
    ],
)
def test_a_label_with_white_space_around_it_is_the_label_itself(tmp_path, name, content):
    (tmp_path / name).write_text(content, encoding="utf-8")
    examples = read_examples(tmp_path / name)
    found = [(m.label, m.text) for one in examples for m in one.mentions]
    assert found == [("Disease", "당뇨병"), ("Disease", "고혈압")]


# Overlaps.


def nested() -> list[Example]:
    """164 mentions, 33 of them inside another one of their label."""
    inner = (Mention(0, 11, "D", "급성 림프구성 백혈병"), Mention(8, 11, "D", "백혈병"))
    return [
        *(Example(f"n{n}", "급성 림프구성 백혈병 .", inner) for n in range(33)),
        *(Example(f"p{n}", "백혈병 .", (Mention(0, 3, "D", "백혈병"),)) for n in range(98)),
    ]


@pytest.mark.parametrize(
    ("policy", "share"), [(None, 131 / 164), ("disallow", 131 / 164), ("nested", 1.0)]
)
def test_the_ceiling_is_what_perfect_predictions_reach(policy, share):
    examples = nested()
    assert measure_ceiling(examples, words, 8, policy).share == pytest.approx(share)
    scored = score_at(examples, perfect(examples), 0.5, policy)
    assert scored.micro.recall == pytest.approx(share)


# Label sets of documents.


def test_a_document_is_trained_and_asked_for_the_labels_that_it_names(base, monkeypatch):
    examples = [
        Example("1", "암 환자", (Mention(0, 1, "A", "암"),), annotated=("A", "B")),
        Example("2", "약 환자", (Mention(0, 1, "C", "약"),), annotated=("C",)),
        Example("3", "둘 환자", (Mention(0, 1, "A", "둘"),)),
    ]
    samples = build_samples(examples, words, ["A", "B", "C"], {"C": "c"}, 8)
    asked = [list(schema["entities"]) for _, schema in samples.items]
    assert asked == [["A", "B"], ["C"], ["A", "B", "C"]]
    assert "entity_descriptions" not in samples.items[0][1]
    found = score_documents(
        base,
        examples,
        EntitySchema(("A", "B", "C"), {}),
        CachedSplitter(base.processor.word_splitter),
        max_length=128,
        floor=1e-9,
    )
    assert [{one.label for one in part} for part in found] == [{"A", "B"}, {"C"}, {"A", "B", "C"}]


def test_what_a_document_was_not_annotated_for_is_neither_hit_nor_error():
    example = Example("1", "암 약", (Mention(0, 1, "A", "암"),), annotated=("A",))
    found = [[Prediction(0, 1, "A", 0.9), Prediction(2, 3, "C", 0.9)]]
    scored = score_at([example], found, 0.5, None)
    assert (scored.micro.correct, scored.micro.predicted, scored.micro.gold) == (1, 1, 1)
    assert scored.predictions == ((Prediction(0, 1, "A", 0.9),),)
    known = [Example("2", "약", (Mention(0, 1, "C", "약"),))]
    assert (
        score_at([example], predict_by_dictionary(known, [example]), 0.5, None).micro.predicted == 0
    )


def recipe_of(folder: Path, **settings: Any):
    return read_recipe(overrides={"encoder": "koelectra", **settings}, layers=("mini",))


def merged(folder: Path) -> dict[str, str]:
    """Two sets, each annotated for labels of its own."""
    drugs = [{"text": f"{n} 암로디핀 복용", "entities": {"Drug": ["암로디핀"]}} for n in "가나다라"]
    ills = [{"text": f"{n} 고혈압 진단", "entities": {"Disease": ["고혈압"]}} for n in "마바사아"]
    return {
        "one": write(folder / "one.jsonl", *drugs),
        "two": write(folder / "two.jsonl", *ills),
        "test": write(folder / "test.jsonl", *drugs[:1], *ills[:1]),
    }


def test_several_training_files_each_give_their_own_labels(tmp_path):
    files = merged(tmp_path)
    both = f"{files['one']},{files['two']}"
    documents = read_documents(
        recipe_of(tmp_path, train=both, test=files["test"], labels_per_file=True)
    )
    sets = {one.annotated for one in (*documents.train, *documents.dev)}
    assert sets == {("Drug",), ("Disease",)}
    assert {one.annotated for one in documents.test} == {("Drug", "Disease")}
    assert set(documents.checksums) == {"train", "train 2", "test"}
    plain = read_documents(recipe_of(tmp_path, train=both, test=files["test"]))
    assert {one.annotated for one in plain.train} == {None}
    assert (
        "train: 4 of 8 documents do not name Drug; 4 not Disease: they are trained as holding none "
        "(a record names its label set by `labels` or by empty lists)"
    ) in plain.remarks


# Labels of train and test.


def two(folder: Path, train: dict[str, list[str]], test: dict[str, list[str]]) -> dict[str, str]:
    text = "고혈압과 당뇨병, 암로디핀과 인슐린"
    records = [{"text": f"{n}번 {text}", "entities": train} for n in range(12)]
    return {
        "train": write(folder / "train.jsonl", *records),
        "test": write(folder / "test.jsonl", {"text": text, "entities": test}),
    }


def test_labels_that_do_not_meet_are_refused_before_anything_is_loaded(tmp_path):
    files = two(tmp_path, {"Disease": ["고혈압"]}, {"disease": ["고혈압"]})
    with pytest.raises(InputError, match=r"train has Disease \(12\); test has disease \(1\)"):
        read_documents(recipe_of(tmp_path, **files))


def test_labels_that_only_one_side_has_or_that_are_nearly_one_are_told(tmp_path):
    files = two(
        tmp_path,
        {"Disease": ["고혈압"], "Drug": ["인슐린"]},
        {"Disease": ["고혈압"], "drug": ["인슐린"], "Gene": ["당뇨병"]},
    )
    remarks = read_documents(recipe_of(tmp_path, **files)).remarks
    assert remarks[0].startswith(
        "labels 'Drug' (train: 12) and 'drug' (test: 1) differ only by case"
    )
    assert "labels that only train has: Drug (12)" in remarks
    assert "labels that only test has: drug (1), Gene (1)" in remarks


def test_a_label_without_test_mentions_is_not_measured_and_misses_no_target():
    examples = [Example("1", "암", (Mention(0, 1, "A", "암"),))]
    test = summarise(score_at(examples, [[]], 0.5, None), examples, ["A", "B"], 1)
    judged = judge_targets({"A": 0.5, "B": 0.5, "C": 0.5}, test)
    assert {name: one["verdict"] for name, one in judged.items()} == {
        "A": "missed",
        "B": "not measured",
        "C": "not measured",
    }
    assert "reached" not in judged["B"] and judged["B"]["f1"] is None


def test_a_label_whose_gold_is_not_in_the_text_is_measured():
    examples = [Example("1", "암", (), (Unlocated("A", "간"),))]
    test = summarise(score_at(examples, [[]], 0.5, None), examples, ["A"], 1)
    assert judge_targets({"A": 0.5}, test)["A"]["verdict"] == "missed"


# What scores do not say by themselves.


def scores(f1: float = 0.5, dictionary: float = 0.1, dev: float = 0.5, threshold: float = 0.3):
    numbers = {"f1": f1, "support": 9}
    return {
        "threshold": threshold,
        "epochs": [{"dev_f1": dev}],
        "test": {"micro": numbers, "per_label": {"A": numbers}},
        "baselines": {"dictionary": {"micro": {"f1": dictionary}}},
    }


@pytest.mark.parametrize(
    ("metrics", "said"),
    [
        (scores(), []),
        (scores(threshold=0.1), ["the threshold 0.1 is the lowest of those tried"]),
        (scores(threshold=0.6), ["the threshold 0.6 is the highest of those tried"]),
        (scores(dev=0.0, threshold=0.6), ["dev F1 was 0 after each of 1 epochs"]),
        (scores(dictionary=0.6), ["is below the dictionary of the training mentions (0.600)"]),
    ],
)
def test_a_figure_that_does_not_mean_what_it_seems_is_told(metrics, said):
    found = remarks_on_scores(metrics, [0.1, 0.3, 0.6])
    assert len(found) == len(said)
    assert all(part in line for part, line in zip(said, found, strict=True))


def test_a_grid_of_one_threshold_has_no_edge():
    assert remarks_on_scores(scores(), [0.3]) == []


# The whole way.


@pytest.fixture(scope="module")
def plan_like(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("plan-like")
    subprocess.run([sys.executable, str(SCRIPT), str(folder), "--documents", "40"], check=True)
    return folder


def test_a_file_like_the_plan_s_trains_end_to_end(job_of, plan_like):
    files = {name: str(plan_like / f"{name}.jsonl") for name in ("train", "test")}
    job = job_of(**files, epochs=1)
    metrics = run(job)
    written = (job.folder.path / "predictions.jsonl").read_text(encoding="utf-8")
    lines = [json.loads(line) for line in written.rstrip("\n").split("\n")]
    assert [one["document"] for one in lines] == list(range(1, len(lines) + 1))
    assert [one["text"] for one in lines] == [one.text for one in job.documents.test]
    test = read_examples(files["test"])
    gold = sum(len(one.mentions) + len(one.unlocated) for one in test)
    assert metrics["test"]["micro"]["support"] == gold
    assert metrics["ceiling"]["test"]["unlocated"] == sum(len(one.unlocated) for one in test)
    assert metrics["coverage"] == metrics["ceiling"]["train"]["share"]
    assert any("repeat" in one for one in metrics["remarks"])
    again = score_saved(job.folder.path, files["test"])
    assert again["test"] == metrics["test"]


def test_the_overlap_policy_of_the_recipe_is_used_and_recorded(job_of, tmp_path):
    files = two(tmp_path, {"Disease": ["고혈압", "당뇨병"]}, {"Disease": ["고혈압"]})
    job = job_of(**files, epochs=1, overlap_policy="nested", alignment="none", patience=1)
    metrics = run(job)
    assert metrics["overlap_policy"] == "nested"
    assert score_saved(job.folder.path, files["test"])["overlap_policy"] == "nested"


@pytest.mark.slow
def test_the_plan_s_kind_of_file_trains_whole(job_of, tmp_path):
    subprocess.run([sys.executable, str(SCRIPT), str(tmp_path / "data")], check=True)
    files = {name: str(tmp_path / "data" / f"{name}.jsonl") for name in ("train", "test")}
    metrics = run(job_of(**files, epochs=2))
    assert metrics["test"]["micro"]["support"] > 1000
    assert metrics["ceiling"]["train"]["unlocated"] > 30
