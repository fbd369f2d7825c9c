"""`encswap export`: the same logits, spans and F1 as in torch, or nothing is written."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from encswap.cli.app import app
from encswap.data.input import find_data
from encswap.errors import InputError, SourceError, SwapError
from encswap.evaluate.predict import predict_saved
from encswap.export.folder import LossyExportError
from encswap.export.proof import TOLERANCE
from encswap.manifest import read_manifest
from encswap.runtime import load
from encswap.runtime.description import read_description

pytest.importorskip("onnxruntime")
CLASSES = [
    ("bert", "count_lstm"),
    ("electra", "count_lstm_v2"),
    ("deberta-v2", "count_lstm_moe"),
    ("roberta", "count_lstm_v2"),
    ("xlm-roberta", "count_lstm"),
]


@pytest.fixture(scope="module")
def exported(checkpoint, plugins, few, tmp_path_factory):
    """Export each class once."""
    from encswap.export.folder import ExportOptions, export_run
    from encswap.types import Unwatched

    made = {}

    def make(kind="bert", counting="count_lstm", **more):
        key = (kind, counting, str(more))
        if key not in made:
            run = checkpoint(kind, counting, **more)
            out = tmp_path_factory.mktemp("exports") / "out"
            options = ExportOptions(data=few)
            made[key] = run, out, export_run(run, out, plugins, Unwatched(), options)
        return made[key]

    return make


def long_text(korean):
    return " ".join(example.text for example in korean)


def as_spans(found):
    return [(one.start, one.end, one.label) for one in found]


@pytest.mark.parametrize(("kind", "counting"), CLASSES)
def test_each_class_and_counting_layer_gives_the_logits_and_spans_of_torch(
    exported, korean, kind, counting
):
    run, out, outcome = exported(kind, counting)
    found = outcome.agreement
    assert found.windows >= 12 and found.spans > 30
    assert found.logits <= TOLERANCE and found.differing == 0
    runner = load(out)
    texts = [example.text for example in korean]
    mine = [as_spans(one) for one in runner.predict(texts)]
    theirs = [as_spans(one) for _, one in predict_saved(run, texts)]
    assert mine == theirs and sum(map(len, mine)) > 0


ODD = [
    "",
    " \n\t ",
    ".",
    "당뇨병",
    "[E] 당뇨병 [SEP_TEXT] [P] entities ( [MASK] [UNK] </s> <s>",
    "e\u0301 İstanbul ﬁ 👩‍⚕️ \u200b 당\u1102ᅭ 1,200.5mg",
    "a" * 3000,
    "x. " * 400,
]


@pytest.mark.parametrize(
    ("kind", "more"),
    [("bert", {}), ("roberta", {}), ("deberta-v2", {}), ("bert", {"pooling": "mean"})],
)
def test_odd_texts_and_long_ones_are_cut_and_answered_as_in_torch(exported, korean, kind, more):
    run, out, _ = exported(kind, dict(CLASSES)[kind], **more)
    texts = [*ODD, long_text(korean)]
    mine = load(out).predict(texts)
    theirs = [found for _, found in predict_saved(run, texts)]
    for text, one, other in zip(texts, mine, theirs, strict=True):
        assert as_spans(one) == as_spans(other), text[:40]
        assert [a.score for a in one] == pytest.approx([b.score for b in other], abs=1e-4)


@pytest.mark.parametrize(
    ("kind", "counting"), [("xlm-roberta", "count_lstm"), ("bert", "count_lstm_v2")]
)
def test_words_that_are_means_of_their_subtokens_are_exported_as_such(
    exported, korean, kind, counting
):
    run, out, outcome = exported(kind, counting, pooling="mean")
    assert read_description(out).pooling == "mean"
    found = outcome.agreement
    assert found.logits <= TOLERANCE and found.differing == 0 and found.spans > 30
    texts = [example.text for example in korean]
    mine = [as_spans(one) for one in load(out).predict(texts)]
    assert mine == [as_spans(one) for _, one in predict_saved(run, texts)]
    # The same weights read by each word's first subtoken find other spans.
    _, firsts, _ = exported(kind, counting)
    assert mine != [as_spans(one) for one in load(firsts).predict(texts)]


def test_words_that_are_maxima_of_their_subtokens_are_refused(checkpoint, export_of):
    with pytest.raises(SwapError, match="pooled by 'max' cannot be exported"):
        export_of(checkpoint(pooling="max"))


def test_labels_of_a_call_that_do_not_fit_at_once_are_asked_in_groups(exported, korean):
    run, out, _ = exported()
    labels = [f"범주 번호 {number} 무엇인가" for number in range(120)]
    texts = [korean[0].text, long_text(korean[:3])]
    runner = load(out)
    assert len(runner.room.divide(runner.asked(labels))) > 1
    mine = [as_spans(one) for one in runner.predict(texts, labels)]
    assert mine == [as_spans(one) for _, one in predict_saved(run, texts, labels)]


def test_descriptions_stand_in_the_prompt(exported, korean):
    described = {"질병": "병의 이름", "증상": "환자가 느끼는 것"}
    _, out, outcome = exported(descriptions=described)
    assert outcome.agreement.logits <= TOLERANCE
    runner = load(out)
    asked = runner.asked()
    plain = runner.encoding.prompt_length(asked.labels, {})
    assert runner.encoding.prompt_length(asked.labels, asked.descriptions) > plain


@pytest.mark.parametrize("splitter", ["whitespace", "char"])
def test_gliner2s_own_splitters_need_no_plugin(exported, korean, splitter):
    run, out, _ = exported(splitter=splitter)
    assert read_description(out).splitter.plugin == ""
    texts = [korean[0].text]
    mine = [as_spans(one) for one in load(out).predict(texts)]
    assert mine == [as_spans(one) for _, one in predict_saved(run, texts)]


def test_the_splitters_dictionary_travels_with_the_export(exported, korean, tmp_path_factory):
    words = tmp_path_factory.mktemp("words") / "words.txt"
    words.write_text("제이형당뇨\tNNP\n", encoding="utf-8")
    _, out, _ = exported(options={"user_dictionary": str(words)})
    words.unlink()
    cut = load(out).splitter("제이형당뇨에", True)
    assert next(token for token, _, _ in cut) == "제이형당뇨"


def test_flat_keeps_one_label_a_span(exported, korean):
    _, out, _ = exported()
    runner = load(out)
    texts = [example.text for example in korean]
    overlapping = [pair for one in runner.predict(texts, threshold=0.06) for pair in pairs(one)]
    assert overlapping
    assert not [p for one in runner.predict(texts, threshold=0.06, flat=True) for p in pairs(one)]


def pairs(found):
    return [(a, b) for a in found for b in found if a != b and a.start < b.end and b.start < a.end]


def test_the_runtime_imports_no_torch_transformers_or_gliner2_while_it_predicts(exported):
    _, out, _ = exported()
    code = (
        "import sys\n"
        "for name in ('torch', 'transformers', 'gliner2', 'huggingface_hub', 'typer', 'rich'):\n"
        "    sys.modules[name] = None\n"  # an import of it fails
        "import encswap.runtime\n"
        f"found = encswap.runtime.load({str(out)!r}).predict(['당뇨병에 인슐린.'])\n"
        "print(len(found))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "1"


def test_int8_is_measured_and_refused_where_it_costs_more_than_allowed(
    checkpoint, exported, export_of, korean, tmp_path
):
    run, out, _ = exported()
    # The float model's own answers as gold: its F1 is 1, and every span that int8 changes costs.
    gold = tmp_path / "gold.jsonl"
    texts = [example.text for example in korean]
    with gold.open("w", encoding="utf-8") as file:
        for text, found in predict_saved(run, texts):
            entities = [
                {"start": a.start, "end": a.end, "label": a.label, "text": text[a.start : a.end]}
                for a in found
            ]
            file.write(json.dumps({"text": text, "entities": entities}) + "\n")
    target = tmp_path / "int8"
    with pytest.raises(LossyExportError, match=r"int8 costs 0\.\d+ F1 \(1\.0000 to 0\.\d+") as told:
        export_of(run, target, data=str(gold), int8=True, max_loss=0.0)
    assert told.value.exit_code == 1 and not target.exists()
    outcome = export_of(run, target, data=str(gold), int8=True, max_loss=1.0)
    assert outcome.int8.before["f1"] == 1.0 and 0 < outcome.int8.after["f1"] < 1.0
    assert outcome.int8.low <= outcome.int8.difference <= outcome.int8.high
    assert read_description(target).precision == "int8"
    assert (target / "model.onnx").stat().st_size < (out / "model.onnx").stat().st_size


def test_int8_without_gold_to_compare_on_is_refused_before_anything_is_loaded(
    checkpoint, export_of, tmp_path
):
    with pytest.raises(InputError, match="--data FILE"):
        export_of(checkpoint(), int8=True, data=None)
    assert not (tmp_path / "export").exists()


def test_a_graph_that_differs_from_torch_is_refused_and_leaves_nothing(
    checkpoint, export_of, tmp_path, monkeypatch
):
    import torch

    from encswap.gliner import graph

    whole = graph.fold

    def wrong(layer, queries):
        weights, bias = whole(layer, queries)
        return weights + 1e-2 * torch.ones_like(weights), bias

    monkeypatch.setattr(graph, "fold", wrong)
    with pytest.raises(SwapError, match="not the same model: logits differ by up to"):
        export_of(checkpoint())
    assert list(tmp_path.iterdir()) == []


def test_a_boundary_head_is_refused_in_one_line(boundary_base, plugins, export_of, tmp_path):
    from dataclasses import replace

    from encswap.gliner import model as gliner
    from encswap.manifest import Manifest, ModelRecord, SplitterRecord, write_manifest
    from encswap.recipe import read_recipe

    folder = tmp_path / "boundary"
    gliner.save_model(boundary_base, folder)
    mini = ModelRecord("mini", "mini")
    manifest = Manifest("0.1.0", mini, mini, SplitterRecord("whitespace"), None, labels=("a",))
    write_manifest(replace(manifest, recipe=read_recipe().model_dump(mode="json")), folder)
    with pytest.raises(SwapError, match="boundary head cannot be exported"):
        export_of(folder)
    assert not (tmp_path / "export").exists()


@pytest.mark.parametrize("gone", ["model.safetensors", "config.json", "encoder_config/config.json"])
def test_a_run_without_a_whole_checkpoint_is_refused(checkpoint, tmp_path, export_of, gone):
    import shutil

    run = tmp_path / "run"
    shutil.copytree(checkpoint(), run)
    (run / gone).unlink()
    with pytest.raises(SourceError, match=f"no {gone}"):
        export_of(run)


def test_the_command_refuses_a_folder_that_exists_and_writes_json(exported, checkpoint, tmp_path):
    run, out, _ = exported()
    taken = CliRunner().invoke(app, ["export", str(run), "--to", "onnx", "--out", str(out)])
    assert taken.exit_code == 2 and "nothing is overwritten" in taken.stderr
    assert len(taken.stderr.splitlines()) == 1
    other = CliRunner().invoke(app, ["export", str(run), "--to", "tflite", "--out", "x"])
    assert other.exit_code == 2


def test_the_command_writes_what_was_proven_as_json(checkpoint, few, tmp_path):
    target = tmp_path / "new"
    result = CliRunner().invoke(
        app, ["export", str(checkpoint()), "--out", str(target), "--data", few, "--format", "json"]
    )
    assert result.exit_code == 0, result.stderr
    told = json.loads(result.stdout)
    assert told["agreement"]["differing"] == 0 and told["precision"] == "float32"
    assert told["folder"] == str(target) and told["proven_on"]
    description = json.loads((target / "export.json").read_text(encoding="utf-8"))
    assert set(description["files"]) == {"model.onnx", "tokenizer.json"}
    assert description["proof"]["agreement"] == told["agreement"]
    assert description["labels"] == list(read_manifest(checkpoint()).labels)


def test_a_trimmed_vocabulary_is_exported_like_any(checkpoint, plugins, export_of, tmp_path):
    from encswap.swap.trim import trim_saved_checkpoint

    trimmed = tmp_path / "trimmed"
    texts = [str(find_data("ko-medical/test.jsonl"))]
    trim_saved_checkpoint(
        checkpoint("electra", "count_lstm_v2"), plugins, texts, trimmed,
        splitter=None, keep_characters=True,
    )  # fmt: skip
    outcome = export_of(trimmed)
    assert outcome.agreement.differing == 0 and outcome.agreement.logits <= TOLERANCE


def copy_of(out: Path, tmp_path: Path) -> Path:
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(out, copy)
    return copy


def change(folder: Path, **values) -> None:
    path = folder / "export.json"
    found = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**found, **values}), encoding="utf-8")


def test_an_export_of_a_later_format_is_refused_and_names_who_made_it(exported, tmp_path):
    copy = copy_of(exported()[1], tmp_path)
    change(copy, format=99, encswap="9.9.9")
    with pytest.raises(SourceError, match=r"format 99.*up to 1.*encswap 9\.9\.9"):
        load(copy)


def test_unknown_keys_of_a_later_version_are_passed_over(exported, tmp_path):
    copy = copy_of(exported()[1], tmp_path)
    change(copy, invented={"a": 1})
    assert load(copy).labels


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"positions": 0}, "positions"),
        ({"splitter": {"name": 3}}, "splitter"),
        ({"threshold": 2}, "threshold"),
        ({"overlap_policy": "sometimes"}, "overlap_policy"),
        ({"files": {"../../etc/passwd": "0"}}, "passwd|model.onnx"),
        ({"splitter": {"name": "kiwi", "plugin": "os"}}, "not installed"),
        ({"splitter": {"name": "kiwi", "plugin": "koelectra"}}, "no splitter|fails"),
    ],
)
def test_a_description_that_was_edited_is_refused_in_one_line(exported, tmp_path, values, told):
    copy = copy_of(exported()[1], tmp_path)
    change(copy, **values)
    with pytest.raises(SourceError, match=told) as error:
        load(copy)
    assert "\n" not in str(error.value)


def test_a_changed_or_missing_file_is_found_by_its_checksum(exported, tmp_path):
    copy = copy_of(exported()[1], tmp_path)
    with (copy / "model.onnx").open("ab") as file:
        file.write(b"\0")
    with pytest.raises(SourceError, match="differs from the checksum"):
        load(copy)
    (copy / "model.onnx").write_bytes(b"no graph")
    with pytest.raises(SourceError, match="onnxruntime cannot load it"):
        load(copy, verify=False)
    whole = copy_of(exported()[1], tmp_path / "whole")
    (whole / "tokenizer.json").unlink()
    with pytest.raises(SourceError, match=r"has no tokenizer\.json"):
        load(whole)


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        (["", "a"], "empty"),
        ([" \u200b "], "white space"),
        (["x" * 10_000 + " y" * 2000], "no room for text"),
        (["[E] a"], r"holds \[E\]"),
        (["[MASK]"], "holds"),
        ([3], "no label"),
    ],
)
def test_labels_that_cannot_be_asked_are_refused_in_one_line(exported, labels, told):
    runner = load(exported()[1])
    with pytest.raises(InputError, match=told) as error:
        runner.predict(["당뇨병"], labels)
    assert "\n" not in str(error.value) and len(str(error.value)) < 600


@pytest.mark.parametrize("threshold", [0, 1, -1, 1.5, float("nan")])
def test_a_threshold_that_is_none_is_refused(exported, threshold):
    with pytest.raises(InputError, match="no threshold"):
        load(exported()[1]).predict(["a"], threshold=threshold)
