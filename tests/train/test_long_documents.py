"""A document far longer than the encoder's positions trains, is scored and is searched."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from encswap.data.input import find_data
from encswap.data.readers import read_examples
from encswap.evaluate.predict import predict_saved
from encswap.evaluate.score import cut_windows
from encswap.gliner.batches import collate
from encswap.gliner.schema import schema_for
from encswap.models import resolve
from encswap.recipe import read_recipe
from encswap.testing.mini.encoders import mini_encoder
from encswap.train.fit import Job
from encswap.train.prepare import make_ready, read_documents
from encswap.train.run import run
from encswap.train.run_folder import RunFolder
from encswap.types import Example, Mention

LENGTH = 20_000


class Silent:
    def remark(self, text): ...

    def stage(self, name): ...
    def step(self, done, total, loss): ...
    def epoch(self, record, improved): ...
    def stopped(self, reason): ...


def long_document() -> Example:
    """The shipped documents one after the other, with their gold moved along."""
    text, mentions = "", []
    for example in read_examples(find_data("ko-medical/train.jsonl")):
        mentions += [
            replace(m, start=m.start + len(text), end=m.end + len(text)) for m in example.mentions
        ]
        text += example.text + "\n"
        if len(text) >= LENGTH:
            break
    return Example("long", text, tuple(mentions))


def write(path: Path, example: Example) -> str:
    import json

    spans = [{"start": m.start, "end": m.end, "label": m.label} for m in example.mentions]
    record = {"id": example.id, "text": example.text, "spans": spans}
    path.write_text(json.dumps(record, ensure_ascii=False) + "\n", encoding="utf-8")
    return str(path)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ko-deberta", "koelectra", "klue-roberta", "xlm-r"])
def test_a_20_000_character_document_trains_evaluates_and_predicts(
    plugins, base_folder, tmp_path, name
):
    document = long_document()
    assert len(document.text) >= LENGTH
    file = write(tmp_path / "long.jsonl", document)
    options = {"encoder": name, "base": str(base_folder), "epochs": 1, "protocol": "plan"}
    recipe = read_recipe(overrides={**options, "train": file, "test": file}, layers=("mini",))
    spec = plugins.encoders[name]
    mini_encoder(spec)
    documents = read_documents(recipe)
    ready = make_ready(
        recipe,
        documents,
        plugins,
        spec=spec,
        base_source=resolve(str(base_folder), plugins),
        encoder_source=resolve(name, plugins, scale="mini"),
    )
    windows = cut_windows(ready.model, documents.train, documents.asked, ready.splitter, 512)
    kept = {(m.start + w.offset, m.end + w.offset) for w in windows for m in w.example.mentions}
    assert kept == {(m.start, m.end) for m in document.mentions}
    assert max(length_of(ready.model, w.example, documents.asked.labels) for w in windows) <= 512
    folder = RunFolder.create(tmp_path / "run")
    metrics = run(Job(recipe, documents, ready, plugins, folder, Silent()))
    assert metrics["test"]["micro"]["support"] == len(document.mentions)
    ((_, found),) = predict_saved(folder.path, [document.text], threshold=0.2)
    assert all(document.text[one.start : one.end].strip() for one in found)


def length_of(model, example: Example, labels) -> int:
    batch = collate(model, [(example.text, schema_for(labels))], training=False)
    return batch.input_ids.shape[1]


def test_a_mention_at_a_window_s_edge_keeps_its_place(base, plugins):
    from encswap.gliner.schema import EntitySchema

    text = "가나다 라마바사. " * 60
    start = text.index("라마", 300)
    example = Example("doc", text, (Mention(start, start + 2, "Disease", "라마"),))
    splitter = plugins.splitter("char")
    windows = cut_windows(base, [example], EntitySchema(("Disease",), {}), splitter, 64)
    (window,) = [w for w in windows if w.example.mentions]
    (mention,) = window.example.mentions
    assert window.example.text[mention.start : mention.end] == "라마"
    assert window.offset + mention.start == start
