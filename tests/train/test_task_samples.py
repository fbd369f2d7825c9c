"""What training makes of a record of several tasks is what plain gliner2 makes of it."""

from __future__ import annotations

import copy
import dataclasses
import random
from typing import Any

import pytest
import torch

from encswap.data.tasks import tasks_of
from encswap.data.units import CachedSplitter
from encswap.evaluate.score import cut_windows
from encswap.gliner.batches import collate
from encswap.gliner.schema import EntitySchema
from encswap.gliner.scoring import encode_words
from encswap.gliner.training import objective, training_loss
from encswap.train.samples import build_samples
from encswap.types import Example, Mention

TEXT = "Metformin was given for diabetes, none of it by mouth."
CLASSES = [
    {"task": "severity", "labels": ["mild", "severe"], "true_label": ["mild"]},
    {
        "task": "topics",
        "labels": ["drug", "test", "cost"],
        "true_label": ["drug", "cost"],
        "multi_label": True,
        "label_descriptions": {"cost": "what it costs"},
    },
]
TREATS = {"treats": {"head": "Metformin", "tail": "diabetes"}}
RX = {"rx": {"drug": "Metformin", "for": ["diabetes"]}}
TASKS: dict[str, Any] = {
    "classifications": CLASSES,
    "relations": [TREATS],
    "relation_descriptions": {"treats": "a drug treats a disease"},
    "json_structures": [RX],
    "json_descriptions": {"rx": {"drug": "what was given"}},
    "record_metadata": {"rx": {"mode": "natural", "anchor": "drug"}},
}
ENTITIES = {"Drug": ["Metformin"], "Disease": ["diabetes"]}
GOLD = (Mention(0, 9, "Drug", "Metformin"), Mention(24, 32, "Disease", "diabetes"))
MIXED = Example("mixed", TEXT, GOLD, labels=tuple(ENTITIES), tasks=TASKS)
ALONE = Example("alone", TEXT, annotated=(), tasks={"classifications": CLASSES})
PLAIN = Example("plain", TEXT, GOLD, labels=tuple(ENTITIES))
OUTPUTS = {
    "mixed": {"entities": ENTITIES, **TASKS},
    "alone": {"classifications": CLASSES},
    "plain": {"entities": ENTITIES},
}


@pytest.fixture(params=["span", "boundary"])
def model(request: pytest.FixtureRequest) -> Any:
    return copy.deepcopy(
        request.getfixturevalue("base" if request.param == "span" else "boundary_base")
    )


def items_of(model: Any, *examples: Example) -> list[tuple[str, dict[str, Any]]]:
    splitter = CachedSplitter(model.processor.word_splitter)
    width = getattr(model, "max_width", None)
    return list(build_samples(examples, splitter, tuple(ENTITIES), {}, width).items)


def assert_equal(one: Any, other: Any, path: str) -> None:
    if dataclasses.is_dataclass(one) and not isinstance(one, type):
        for field in dataclasses.fields(one):
            assert_equal(
                getattr(one, field.name), getattr(other, field.name), f"{path}.{field.name}"
            )
    elif isinstance(one, torch.Tensor):
        assert torch.equal(one, other), path
    elif isinstance(one, list | tuple) and one and any(isinstance(x, torch.Tensor) for x in one):
        for place, pair in enumerate(zip(one, other, strict=True)):
            assert_equal(*pair, f"{path}[{place}]")
    elif not path.endswith("original_schemas"):
        assert one == other, path


@pytest.mark.parametrize("seed", range(8))
def test_a_batch_of_mixed_tasks_equals_plain_gliner2_s_tensor_by_tensor(model: Any, seed: int):
    ours = items_of(model, MIXED, ALONE, PLAIN, MIXED)
    plain = [(TEXT, OUTPUTS[name]) for name in ("mixed", "alone", "plain", "mixed")]
    random.seed(seed)
    one = collate(model, ours, training=True)
    random.seed(seed)
    other = model.processor.collate_fn_train(
        plain, architecture=model.config.architecture, max_gold_per_query=32
    )
    assert {task for tasks in other.task_types for task in tasks} > {"entities", "classifications"}
    assert_equal(one, other, "batch")


def test_the_loss_of_a_mixed_batch_is_gliner2_s(model: Any):
    model.train()
    batch = collate(model, items_of(model, MIXED, ALONE, PLAIN), training=True)
    torch.manual_seed(0)
    plain = model(batch)["total_loss"]
    torch.manual_seed(0)
    with objective(model, gate=False):
        ours = training_loss(model, batch)
    assert torch.allclose(plain, ours, rtol=1e-5)


def test_the_gate_of_entities_is_trained_on_entities_alone(base: Any):
    model = copy.deepcopy(base).eval()
    batch = collate(model, items_of(model, ALONE), training=True)
    with objective(model, gate=True):
        assert float(model(batch)["gate_loss"].detach()) == 0.0
    random.seed(1)
    mixed = collate(model, items_of(model, MIXED), training=True)
    place = mixed.task_types[0].index("entities")
    assert place > 0
    with objective(model, gate=True), torch.no_grad():
        found = model(mixed)["gate_loss"]
        (_, schemas) = encode_words(model, mixed)
        logits = model.count_pred(schemas[0][place][0])
    assert torch.allclose(found, -logits.log_softmax(-1)[1], rtol=1e-4)


def test_a_field_without_a_value_is_not_the_word_none(base: Any):
    tasks = {"json_structures": [{"rx": {"drug": "Metformin", "route": None}}]}
    example = Example("x", TEXT, annotated=(), tasks=tasks)
    random.seed(3)
    batch = collate(base, items_of(base, example), training=True)
    for labels in batch.structure_labels[0]:
        assert labels[1][0] in ([[(0, 0)], [(-1, -1)]], [[(-1, -1)], [(0, 0)]])


def test_the_classes_of_a_task_whose_name_begins_with_another_s_are_its_own(base: Any):
    tasks = [
        {"task": "type", "labels": ["a", "b"], "true_label": ["a"]},
        {"task": "type of drug", "labels": ["a", "b", "c"], "true_label": ["c"]},
    ]
    example = Example("x", TEXT, annotated=(), tasks={"classifications": tasks})
    for seed in range(5):
        random.seed(seed)
        batch = collate(base, items_of(base, example), training=True)
        for tokens, labels in zip(
            batch.schema_tokens_list[0], batch.structure_labels[0], strict=True
        ):
            assert len(labels) == tokens.count("[L]")


def test_an_argument_that_the_units_cannot_express_leaves_its_relation_out(base: Any):
    text = "Metformin은 당뇨병에 준다."
    relation = {"treats": {"head": "Metformin", "tail": "당뇨병"}}
    fields = {"rx": {"drug": "Metformin", "when": "준다"}}
    example = Example(
        "x", text, annotated=(), tasks={"relations": [relation], "json_structures": [fields]}
    )
    ((_, schema),) = items_of(base, example)
    assert "relations" not in schema
    start = text.index("준다")
    found = {"text": "준다", "start": start, "end": start + 2}
    assert schema["json_structures"] == [{"rx": {"drug": "", "when": found}}]


def test_spans_follow_their_window_and_a_class_is_every_window_s(base: Any):
    text = TEXT + " " + "It rained and it rained on. " * 12 + "Aspirin was given for pain."
    tasks = {
        "classifications": CLASSES[:1],
        "relations": [
            TREATS,
            {"treats": {"head": "Aspirin", "tail": "pain"}},
            {"treats": {"head": "Metformin", "tail": "pain"}},
        ],
        "json_structures": [{"rx": {"drug": "Aspirin", "for": "diabetes"}}],
    }
    example = Example("x", text, annotated=(), tasks=tasks)
    splitter = CachedSplitter(base.processor.word_splitter)
    windows = cut_windows(base, [example], EntitySchema((), {}), splitter, 128)
    assert len(windows) > 2
    found = [tasks_of(window.example) for window in windows]
    assert all(len(one.classifications) == 1 for one in found)
    named = [[one.arguments["head"].text for one in each.relations] for each in found]
    assert (named[0], named[-1]) == (["Metformin"], ["Aspirin"])
    assert not any(named[1:-1])
    fields = [[list(one.fields) for one in each.structures] for each in found]
    assert (fields[0], fields[-1]) == ([["for"]], [["drug"]])
    limit = 128
    for item in items_of(base, *(window.example for window in windows)):
        assert collate(base, [item], training=True).input_ids.shape[1] <= limit
