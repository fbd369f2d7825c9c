"""A whole run on a few documents: what it writes, and that it says the same when asked again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

import encswap
from encswap.errors import InputError
from encswap.evaluate.predict import predict_saved, score_saved
from encswap.models import resolve, spec_of
from encswap.recipe import read_recipe
from encswap.testing.mini.encoders import mini_encoder
from encswap.train.fit import Job
from encswap.train.prepare import make_ready, read_documents
from encswap.train.run import run
from encswap.train.run_files import Metrics
from encswap.train.run_folder import RunFolder


class Silent:
    """Watches without a word."""

    def __init__(self):
        self.steps, self.epochs, self.stages = [], [], []

    def remark(self, text): ...

    def stage(self, name):
        self.stages.append(name)

    def step(self, done, total, loss):
        self.steps.append((done, total, loss))

    def epoch(self, record, improved):
        self.epochs.append(record)

    def stopped(self, reason):
        self.stages.append(f"stopped: {reason}")


def prepare(plugins, base_folder, files, **overrides):
    options = {"encoder": "koelectra", "base": str(base_folder), "epochs": 2, **files, **overrides}
    recipe = read_recipe(overrides=options, layers=("mini",))
    spec = spec_of("koelectra", plugins)
    mini_encoder(spec)
    documents = read_documents(recipe)
    ready = make_ready(
        recipe,
        documents,
        plugins,
        spec=spec,
        base_source=resolve(str(base_folder), plugins),
        encoder_source=resolve("koelectra", plugins, scale="mini"),
    )
    return recipe, documents, ready


@pytest.fixture(scope="session")
def finished(plugins, base_folder, files, tmp_path_factory):
    recipe, documents, ready = prepare(plugins, base_folder, files)
    folder = RunFolder.create(tmp_path_factory.mktemp("runs") / "run")
    watcher = Silent()
    metrics = run(Job(recipe, documents, ready, plugins, folder, watcher))
    return folder.path, metrics, watcher


def test_a_run_folder_holds_what_the_design_says(finished):
    folder, metrics, _ = finished
    names = {path.name for path in folder.iterdir()}
    assert {
        "checkpoint",
        "encswap.json",
        "recipe.yaml",
        "metrics.json",
        "predictions.jsonl",
        "log.jsonl",
    } <= names
    assert not [name for name in names if name.startswith(".")]
    assert json.loads((folder / "metrics.json").read_text()) == metrics
    assert not list(folder.rglob("*.bin")) + list(folder.rglob("*.pkl"))


def test_metrics_have_the_keys_that_others_read(finished):
    _, metrics, _ = finished
    assert {
        "protocol",
        "strategy",
        "threshold",
        "coverage",
        "dev",
        "test",
        "baselines",
        "epochs",
        "throughput",
        "targets",
    } <= set(metrics)
    assert set(metrics["baselines"]) == {"dictionary", "base", "before_training"}
    assert {"precision", "recall", "f1", "interval", "support"} <= set(metrics["test"]["micro"])
    assert {"epoch", "train_loss", "dev_f1", "threshold", "seconds"} == set(metrics["epochs"][0])
    assert {"examples_per_second", "peak_memory_bytes"} <= set(metrics["throughput"])
    assert set(metrics) <= set(Metrics.model_fields)  # what a report would pass over


def test_eval_gives_the_same_numbers_again(finished, files):
    folder, metrics, _ = finished
    again = score_saved(folder, files["test"])
    assert again["test"] == metrics["test"]
    assert score_saved(folder / "checkpoint", files["test"])["test"] == metrics["test"]


def test_support_counts_every_gold_mention_of_the_file(finished, files):
    _, metrics, _ = finished
    lines = Path(files["test"]).read_text(encoding="utf-8").splitlines()
    gold = sum(
        json.loads(line)["text"].count(text)
        for line in lines
        for strings in json.loads(line)["entities"].values()
        for text in strings
    )
    assert metrics["test"]["micro"]["support"] == gold


def test_the_loss_falls_and_every_step_is_told(finished):
    _, metrics, watcher = finished
    losses = [epoch["train_loss"] for epoch in metrics["epochs"]]
    assert losses[-1] < losses[0]
    assert [done for done, _, _ in watcher.steps] == list(range(1, watcher.steps[-1][1] + 1))


def test_load_puts_splitter_and_threshold_in_place(finished):
    folder, metrics, _ = finished
    model = encswap.load(folder)
    text = "당뇨병은 만성 질환이다."
    units = [text[start:end] for _, start, end in model.processor.word_splitter(text)]
    assert "당뇨병" in units or "당뇨" in units
    labels = ["Disease", "Drug"]
    default = model.extract_entities(text, labels, include_confidence=True)
    asked = model.extract_entities(
        text, labels, threshold=metrics["threshold"], include_confidence=True
    )
    assert default == asked


def test_another_version_of_the_analyser_warns_at_load(finished, tmp_path):
    import shutil

    folder, _, _ = finished
    shutil.copytree(folder, tmp_path / "run")
    path = tmp_path / "run" / "encswap.json"
    manifest = json.loads(path.read_text())
    manifest["splitter"]["versions"]["kiwipiepy"] = "0.0.1"
    path.write_text(json.dumps(manifest))
    with pytest.warns(UserWarning, match=r"was trained with .*0\.0\.1.* units may differ"):
        encswap.load(tmp_path / "run")


def test_plain_gliner2_loads_the_checkpoint_too(finished):
    from gliner2 import AutoExtractor

    folder, _, _ = finished
    model = AutoExtractor.from_pretrained(str(folder / "checkpoint"))
    assert type(model.encoder).__name__ == "ElectraModel"


def test_predict_returns_spans_of_the_document(finished):
    folder, _, _ = finished
    text = "당뇨병 환자에게 인슐린을 투여하였다."
    ((_, found),) = predict_saved(folder, [text], threshold=1e-5)
    assert found
    assert all(0 <= one.start < one.end <= len(text) and 1e-5 <= one.score <= 1 for one in found)


def test_the_same_seed_gives_the_same_weights(plugins, base_folder, files, tmp_path):
    weights = []
    for name in ("one", "two"):
        recipe, documents, ready = prepare(plugins, base_folder, files, epochs=1)
        folder = RunFolder.create(tmp_path / name)
        run(Job(recipe, documents, ready, plugins, folder, Silent()))
        weights.append(ready.model.state_dict())
    assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[0])


def test_the_plan_s_protocol_selects_on_test_and_says_so(plugins, base_folder, files, tmp_path):
    recipe, documents, ready = prepare(plugins, base_folder, files, protocol="plan", epochs=1)
    assert documents.dev == documents.test
    folder = RunFolder.create(tmp_path / "run")
    metrics = run(Job(recipe, documents, ready, plugins, folder, Silent()))
    assert metrics["protocol"] == "plan"
    manifest = json.loads((tmp_path / "run" / "encswap.json").read_text())
    assert "test documents" in manifest["remarks"][0]


def test_fresh_heads_train_too(plugins, base_folder, files, tmp_path):
    recipe, documents, ready = prepare(
        plugins, base_folder, files, strategy="fresh-heads", epochs=1
    )
    metrics = run(
        Job(recipe, documents, ready, plugins, RunFolder.create(tmp_path / "run"), Silent())
    )
    assert metrics["strategy"] == "fresh-heads"


def test_units_that_cannot_express_the_gold_are_refused(plugins, base_folder, files):
    with pytest.raises(InputError, match=r"'whitespace' at width \d+ can express .*kiwi"):
        prepare(plugins, base_folder, files, splitter="whitespace")


def test_low_coverage_is_accepted_when_asked_for(plugins, base_folder, files):
    _, _, ready = prepare(
        plugins, base_folder, files, splitter="whitespace", allow_low_coverage=True
    )
    assert ready.coverage.aligned_share < 0.8


def test_a_label_without_a_mention_is_refused(plugins, base_folder, files, tmp_path):
    path = tmp_path / "train.jsonl"
    path.write_text(
        "".join(
            f'{{"text": "{n}. 당뇨병이다.", "entities": {{"Disease": ["당뇨병"], "Drug": []}}}}\n'
            for n in range(20)
        ),
        encoding="utf-8",
    )
    recipe = read_recipe(overrides={"train": str(path), "test": files["test"], "base": "x"})
    with pytest.raises(InputError, match="label 'Drug' has no mention"):
        read_documents(recipe)


def test_a_folder_that_holds_something_is_never_overwritten(tmp_path):
    (tmp_path / "precious.txt").write_text("keep me")
    with pytest.raises(InputError, match="nothing is overwritten"):
        RunFolder.create(tmp_path)
    assert (tmp_path / "precious.txt").read_text() == "keep me"


def test_a_control_is_scored_beside(plugins, base_folder, files, tmp_path):
    recipe, documents, ready = prepare(plugins, base_folder, files, epochs=1)
    control = resolve(str(base_folder), plugins)
    folder = RunFolder.create(tmp_path / "run")
    metrics = run(Job(recipe, documents, ready, plugins, folder, Silent(), control))
    beside = metrics["baselines"]["control"]
    assert beside["name"] == control.name
    assert beside["micro"] == metrics["baselines"]["base"]["micro"]
