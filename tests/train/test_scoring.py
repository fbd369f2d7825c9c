"""A saved model scored and asked: labels once each, in groups where they do not fit, and told."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

import encswap
from encswap.cli.app import app
from encswap.cli.tables import score_tables
from encswap.errors import InputError
from encswap.evaluate.predict import predict_saved, score_saved
from encswap.evaluate.prompts import divide, fitting, text_budget
from encswap.evaluate.score import cut_windows, score_documents
from encswap.gliner.batches import prompt_length
from encswap.gliner.decoding import resolve
from encswap.gliner.prompt_room import LEAST_TEXT
from encswap.gliner.schema import EntitySchema
from encswap.manifest import read_manifest, write_manifest
from encswap.models import resolve as find_source
from encswap.models import spec_of
from encswap.recipe import read_recipe
from encswap.testing.mini.encoders import mini_encoder
from encswap.train.run import run, write_swap
from encswap.types import Example

TEXT = "당뇨병 환자에게 인슐린을 투여했다. 고혈압 환자는 아스피린을 먹는다."
MANY = tuple(f"named thing number {n}" for n in range(300))


@pytest.fixture(scope="module")
def swapped(plugins, base_folder, tmp_path_factory) -> Path:
    """A swap that no documents have trained."""
    recipe = read_recipe(overrides={"encoder": "koelectra"}, layers=("mini",))
    spec = spec_of("koelectra", plugins)
    mini_encoder(spec)
    out = tmp_path_factory.mktemp("swap") / "swap"
    write_swap(
        recipe,
        plugins,
        spec,
        base_source=find_source(str(base_folder), plugins),
        encoder_source=find_source("koelectra", plugins, scale="mini"),
        out=out,
    )
    return out


@pytest.fixture(scope="module")
def model(swapped):
    return encswap.load(swapped)


@pytest.fixture
def trained(swapped, tmp_path) -> Path:
    """The same folder, as if documents had trained it for two labels."""
    folder = tmp_path / "trained"
    shutil.copytree(swapped, folder)
    manifest = replace(
        read_manifest(folder),
        labels=("Disease", "Drug"),
        threshold=0.25,
        data={"train": "0" * 64},
        chosen_on="dev",
    )
    write_manifest(manifest, folder)
    return folder


def labelled(folder: Path, *records: object) -> str:
    path = folder / "data.jsonl"
    path.write_text(
        "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in records), encoding="utf-8"
    )
    return str(path)


def spans(found):
    return [(one.start, one.end, one.label, round(one.score, 4)) for one in found]


def predicted(folder, labels, threshold=0.05):
    ((_, found),) = predict_saved(folder, [TEXT], labels, threshold)
    return spans(found)


def test_a_label_that_is_given_twice_shifts_no_other(swapped):
    once = predicted(swapped, ["Disease", "Drug", "Procedure"])
    assert {label for *_, label, _ in once} == {"Disease", "Drug", "Procedure"}
    for given in (
        ["Disease", "Disease", "Drug", "Procedure"],
        ["Disease", "Drug", "Drug", "Disease", "Procedure", "Procedure"],
        [" Disease", "Disease\u00a0", "Drug", "Procedure"],
    ):
        assert predicted(swapped, given) == once


def test_places_are_those_of_the_prompt_even_where_a_caller_asks_twice(model):
    split = model.processor.word_splitter
    twice, once = (
        score_documents(
            model, [Example("1", TEXT)], EntitySchema(labels, {}), split, max_length=512
        )
        for labels in (("Disease", "Disease", "Drug"), ("Disease", "Drug"))
    )
    assert twice == once


@pytest.mark.parametrize(
    "given",
    [
        ["Disease", "Disease", "Drug"],
        [" Disease ", "Drug", "Disease"],
        {"Disease": "", "Drug ": ""},
    ],
)
def test_the_loaded_model_asks_once_each_too(model, given):
    plain = model.extract_entities(TEXT, ["Disease", "Drug"], threshold=0.05)
    assert any(plain["entities"].values())
    if not isinstance(given, dict):
        assert model.extract_entities(TEXT, given, threshold=0.05) == plain
        assert model.batch_extract_entities([TEXT], given, threshold=0.05) == [plain]
    assert list(model.extract_entities(TEXT, given, threshold=0.05)["entities"]) == [
        "Disease",
        "Drug",
    ]


@pytest.mark.parametrize("given", [[""], ["Drug", " "], "", {"": "x"}, ["\u200b"], [None]])
def test_the_loaded_model_refuses_an_empty_label(model, given):
    with pytest.raises(InputError, match="entity_types: "):
        model.extract_entities(TEXT, given)


def test_labels_that_fit_at_once_are_asked_at_once(model):
    asked = EntitySchema(("Disease", "Drug"), {})
    assert divide(model, asked, 512) == [asked]


def test_many_labels_are_divided_in_order_and_each_group_leaves_room_for_text(model):
    asked = EntitySchema(MANY, {})
    groups = divide(model, asked, 512)
    assert len(groups) > 1
    assert tuple(label for group in groups for label in group.labels) == MANY
    for group in groups:
        assert 512 - prompt_length(model, group.labels, {}) >= LEAST_TEXT
    # One more would not have fitted.
    more = MANY[: len(groups[0].labels) + 1]
    assert 512 - prompt_length(model, more, {}) < LEAST_TEXT
    assert fitting(model, asked, 512) == len(groups[0].labels)


def test_all_labels_of_all_groups_are_asked_of_every_window(model):
    split = model.processor.word_splitter
    text = TEXT * 30
    found = score_documents(
        model, [Example("1", text)], EntitySchema(MANY, {}), split, max_length=512
    )[0]
    groups = divide(model, EntitySchema(MANY, {}), 512)
    budget = min(text_budget(model, group, 512) for group in groups)
    expected = []
    for group in groups:
        prompt = prompt_length(model, group.labels, {})
        one = score_documents(model, [Example("1", text)], group, split, max_length=budget + prompt)
        expected += one[0]
    order = lambda one: (one.start, one.end, one.label)  # noqa: E731
    assert sorted(found, key=order) == sorted(expected, key=order)
    assert {one.label for one in found} & set(groups[-1].labels)
    assert resolve(found, 0.3, None) == resolve(expected, 0.3, None)


def test_predict_says_that_it_asks_in_groups(swapped):
    said = []
    list(predict_saved(swapped, [TEXT], [*MANY, "Disease"], 0.05, say=said.append))
    (line,) = said
    assert line.startswith("301 labels do not fit beside a text at once: they are asked in")


def test_training_on_too_many_labels_says_how_many_fit(model):
    asked = EntitySchema(MANY, {})
    with pytest.raises(InputError) as caught:
        cut_windows(model, [Example("1", TEXT)], asked, model.processor.word_splitter, 512)
    said = str(caught.value)
    assert said.startswith("300 labels take ") and "of the 512 subtokens" in said
    assert f"{fitting(model, asked, 512)} of them fit beside a text" in said
    assert "descriptions" not in said and "take fewer labels" in said


def test_descriptions_are_named_only_where_there_are_any(model):
    asked = EntitySchema(MANY, {MANY[0]: "what it is " * 5})
    with pytest.raises(InputError, match="leave their descriptions out"):
        text_budget(model, asked, 512)


def test_one_label_that_leaves_no_room_is_named(model):
    with pytest.raises(InputError, match=r"the label 'x x .* so there is no room for text"):
        divide(model, EntitySchema(("Drug", "x " * 600), {}), 512)


def test_a_run_with_too_many_labels_is_stopped_before_it_trains(job_of, files, tmp_path):
    records = [json.loads(line) for line in Path(files["train"]).read_text().splitlines()]
    for n, one in enumerate(records):
        text = one.get("text") or one["input"]
        words = text.split()[:20]
        one.clear()
        one |= {"text": text, "entities": {f"named thing number {n} {w}": [w] for w in words}}
    train = labelled(tmp_path, *records)
    with pytest.raises(InputError, match=r"labels take .* of them fit beside a text"):
        job_of(train=train, test=train, min_coverage=0.0)


def test_ids_may_repeat_and_documents_may_be_longer_than_a_window(model):
    split = model.processor.word_splitter
    asked = EntitySchema(("Disease", "Drug"), {})
    long, short = Example("a", TEXT * 40), Example("a", TEXT)
    together = score_documents(model, [long, short], asked, split, max_length=128)
    alone = [
        score_documents(model, [one], asked, split, max_length=128)[0] for one in (long, short)
    ]
    # Other texts in a batch move the last bits of a score.
    for ours, expected in zip(together, alone, strict=True):
        assert {one[:3] for one in spans(ours)} == {one[:3] for one in spans(expected)}
        assert [one.score for one in ours] == pytest.approx(
            [one.score for one in expected], abs=1e-4
        )
    assert max(one.end for one in together[0]) > len(TEXT) * 30


def test_labels_of_documents_and_model_are_compared(trained, tmp_path):
    data = labelled(
        tmp_path, {"text": TEXT, "entities": {"Drug": ["인슐린"], "symptom": ["환자"], "drug": []}}
    )
    metrics = score_saved(trained, data)
    assert metrics["labels"] == {
        "asked": ["Disease", "Drug"],
        "not_asked": {"symptom": 2, "drug": 0},
        "not_marked": ["Disease"],
        "groups": 1,
    }
    assert any("'Drug'" in one and "differ only by case" in one for one in metrics["remarks"])
    assert metrics["test"]["micro"]["support"] == 3
    assert metrics["test"]["per_label"]["symptom"]["recall"] == 0.0
    assert metrics["targets"]["Disease"]["verdict"] == "not measured"
    table = score_tables(metrics, markdown=False)
    assert "not asked for, all missed: 'symptom' (2 mentions)" in table
    assert "no document marks, so their recall is not measured: 'Disease'" in table


def test_labels_that_do_not_meet_are_refused_before_a_model_is_loaded(trained, tmp_path):
    shutil.rmtree(trained / "encoder_config")
    data = labelled(tmp_path, {"text": TEXT, "entities": {"drug": ["인슐린"]}})
    with pytest.raises(InputError, match="'drug' and 'Drug' differ by case"):
        score_saved(trained, data)


def test_other_labels_can_be_asked_for(trained, tmp_path):
    data = labelled(tmp_path, {"text": TEXT, "entities": {"drug": ["인슐린"]}})
    metrics = score_saved(trained, data, labels=["drug"])
    assert metrics["labels"]["not_asked"] == {} and list(metrics["test"]["per_label"]) == ["drug"]


def test_documents_without_gold_are_scored(trained, tmp_path):
    data = labelled(tmp_path, {"text": TEXT, "entities": {"Drug": []}})
    assert score_saved(trained, data)["test"]["micro"]["support"] == 0


def test_eval_says_where_threshold_and_epoch_come_from(swapped, trained, tmp_path):
    data = labelled(tmp_path, {"text": TEXT, "entities": {"Drug": ["인슐린"]}})
    cases = [
        (swapped, None, "default", None, "Threshold 0.5 is the default: none was chosen. No epoch"),
        (swapped, 0.3, "given", None, "Threshold 0.3 was given by hand. No epoch was chosen"),
        (trained, None, "dev", "dev", "Threshold 0.25 and epoch were chosen on dev."),
        (trained, 0.3, "given", "dev", "0.3 was given by hand. The epoch was chosen on dev."),
    ]
    for folder, threshold, source, epoch, line in cases:
        metrics = score_saved(folder, data, threshold)
        assert (metrics["threshold_source"], metrics["epoch_source"]) == (source, epoch)
        assert metrics["protocol"] == ("dev" if epoch else None)
        for markdown in (False, True):
            assert line in score_tables(metrics, markdown=markdown)


def test_a_manifest_of_before_says_it_by_its_protocol(trained):
    manifest = read_manifest(trained)
    for protocol, place in (("dev", "dev"), ("plan", "test")):
        old = replace(manifest, chosen_on=None, recipe={**manifest.recipe, "protocol": protocol})
        assert (old.threshold_source, old.epoch_source) == (place, place)
    unfinished = replace(manifest, threshold=None)
    assert (unfinished.threshold_source, unfinished.epoch_source) == ("default", "dev")


def test_a_run_records_where_its_numbers_were_chosen(job_of):
    job = job_of(protocol="plan", epochs=1)
    metrics = run(job)
    assert read_manifest(job.folder.path).chosen_on == "test"
    assert (metrics["threshold_source"], metrics["epoch_source"]) == ("test", "test")
    assert "chosen on test, as the plan does" in score_tables(metrics, markdown=False)
    assert metrics["test"]["documents"] == len(job.documents.test)


def test_eval_reads_its_options(trained, tmp_path):
    data = labelled(tmp_path, {"text": TEXT, "entities": {"drug": ["인슐린"]}})
    options = ["eval", str(trained), "--data", data, "--format", "json"]
    result = CliRunner().invoke(app, [*options, "--label", "drug", "--from", "plan"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["labels"]["asked"] == ["drug"]
    assert "no label of the model has gold in" in CliRunner().invoke(app, options).stderr
    assert "a label is empty" in CliRunner().invoke(app, [*options, "--label", ""]).stderr
