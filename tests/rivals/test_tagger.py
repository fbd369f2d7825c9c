"""The tagger: transformers' own class on the run's encoder, as good as a script of its kind."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from encswap.data.readers import read_examples
from encswap.errors import SourceError, TrainingError
from encswap.evaluate.summary import summarise
from encswap.evaluate.thresholds import score_at
from encswap.rivals.bio import without_overlaps
from encswap.rivals.tagger import TaggerRecipe, arguments_of, make_tagger, train_tagger
from encswap.safety.trusted_classes import build_config, build_tagger
from encswap.types import Example, Unwatched, labels_of


@pytest.fixture
def tagger_of(load_mini, plugins, recipe_of, parts):
    def make(name="koelectra", words="subtokens", **settings):
        recipe = recipe_of(**settings)
        own = TaggerRecipe.of(recipe).model_copy(update={"words": words})
        examples = read_examples(Path(parts["train"]))
        splitter = plugins.splitter("kiwi")
        return make_tagger(recipe, own, load_mini(name), splitter, labels_of(examples)), recipe, own

    return make


@pytest.mark.parametrize("name", ["koelectra", "ko-deberta", "klue-roberta", "xlm-r", "kure"])
def test_the_class_is_transformers_and_the_weights_are_the_encoder_s(tagger_of, load_mini, name):
    tagger, _, _ = tagger_of(name)
    assert type(tagger.model).__name__.endswith("ForTokenClassification")
    assert type(tagger.model).__module__.startswith("transformers.")
    own, encoder = tagger.model.base_model.state_dict(), load_mini(name).model.state_dict()
    assert own and all(torch.equal(one, encoder[key]) for key, one in own.items())
    assert tagger.model.config.num_labels == len(tagger.tags) == 2 * len(tagger.labels) + 1


def test_a_class_without_a_tagger_is_refused(load_mini):
    encoder = load_mini("koelectra").model
    with pytest.raises(SourceError, match="MBartConfig has no token classification class"):
        build_tagger(build_config({"model_type": "mbart"}), encoder, ("O",))


def test_the_rate_falls_linearly_from_the_recipe_s_own(recipe_of, tmp_path):
    recipe = recipe_of()
    own = TaggerRecipe.of(recipe.model_copy(update={"scale": "full"}))
    assert (own.learning_rate, own.batch_size) == (5e-5, 16)
    arguments = arguments_of(recipe, own, 40, tmp_path)
    assert arguments.learning_rate == 5e-5 and arguments.max_steps == 40
    assert str(arguments.lr_scheduler_type.value) == "linear" and arguments.warmup_steps == 4
    assert arguments.seed == recipe.seed
    mine = recipe.model_copy(update={"rival_settings": {"tagger": {"learning_rate": 3e-5}}})
    assert TaggerRecipe.of(mine).learning_rate == 3e-5


@pytest.mark.parametrize("words", ["subtokens", "units"])
def test_windows_fit_the_encoder_and_together_hold_the_document(tagger_of, parts, words):
    tagger, _, _ = tagger_of(words=words, max_length=32)
    examples = read_examples(Path(parts["train"]))[:6]
    long = Example("long", " ".join(one.text for one in examples))
    windows = tagger.windows([long])
    assert len(windows) > 3
    assert all(len(tagger.cut(one.example.text).ids) <= 32 for one in windows)
    seen = {n for one in windows for n in range(one.offset, one.end)}
    assert {n for n, char in enumerate(long.text) if not char.isspace()} <= seen
    (found,) = tagger.predict([long])
    assert all(0 <= one.start < one.end <= len(long.text) for one in found)


def test_gold_does_not_decide_where_a_scored_document_is_cut(tagger_of, parts):
    tagger, _, _ = tagger_of(max_length=32)
    examples = read_examples(Path(parts["test"]))
    bare = [replace(one, mentions=()) for one in examples]
    assert tagger.predict(examples) == tagger.predict(bare)


def test_a_batch_does_not_change_what_is_found(tagger_of, parts):
    tagger, _, _ = tagger_of()
    examples = read_examples(Path(parts["test"]))

    def spans(batch):
        return [
            [(one.start, one.end, one.label) for one in found]
            for found in tagger.predict(examples, batch_size=batch)
        ]

    assert spans(1) == spans(16)


def test_a_loss_that_is_not_finite_ends_it_in_one_line(tagger_of, parts, tmp_path):
    tagger, recipe, own = tagger_of()
    examples = read_examples(Path(parts["train"]))
    with torch.no_grad():
        tagger.model.classifier.weight.fill_(float("nan"))
    with pytest.raises(TrainingError, match="loss is not finite"):
        train_tagger(
            tagger, recipe, own, examples, examples,
            updates=2, folder=tmp_path, watcher=Unwatched(),
        )  # fmt: skip


def test_a_rival_s_checkpoint_loads_with_transformers(finished):
    from transformers import AutoModelForTokenClassification, AutoTokenizer

    folder = finished[0] / "rivals" / "tagger"
    model = AutoModelForTokenClassification.from_pretrained(folder / "checkpoint")
    tokenizer = AutoTokenizer.from_pretrained(folder / "checkpoint")
    line = json.loads((folder / "predictions.jsonl").read_text(encoding="utf-8").splitlines()[0])
    read = tokenizer(line["text"], return_offsets_mapping=True, return_tensors="pt")
    with torch.inference_mode():
        logits = model(read["input_ids"], read["attention_mask"]).logits[0]
    tags = [model.config.id2label[n] for n in logits.argmax(-1).tolist()]
    offsets = read["offset_mapping"][0].tolist()
    begun = {
        start
        for (start, end), tag in zip(offsets, tags, strict=True)
        if tag.startswith("B-") and end > start
    }
    assert begun <= {one["start"] for one in line["predictions"]}


def reference(encoder, train, test, tags, *, updates, rate, seed):
    """A tagger as a person writes it: offsets, BIO, AdamW, a linear schedule, argmax."""
    import transformers

    torch.manual_seed(seed)
    config = encoder.model.config
    config.id2label = dict(enumerate(tags))
    config.label2id = {tag: n for n, tag in enumerate(tags)}
    name = config.architectures[0] if config.architectures else "ElectraModel"
    kind = getattr(transformers, name.replace("Model", "ForTokenClassification"))
    model = kind(config)
    model.base_model.load_state_dict(encoder.model.state_dict(), strict=False)
    rows = []
    for example in train:
        read = encoder.tokenizer(example.text, return_offsets_mapping=True)
        numbers = []
        for start, end in read["offset_mapping"]:
            inside = [
                m for m in without_overlaps(example.mentions) if start < m.end and m.start < end
            ]
            sign = "B" if inside and start <= inside[0].start else "I"
            numbers.append(tags.index(f"{sign}-{inside[0].label}") if inside else 0)
            if start == end:
                numbers[-1] = -100
        rows.append((read["input_ids"], numbers))
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.01)
    warmup = round(updates / 10)
    schedule = transformers.get_linear_schedule_with_warmup(optimizer, warmup, updates)
    order, draw = [], random.Random(seed)
    model.train()
    for _ in range(updates):
        if not order:
            order = draw.sample(range(len(rows)), len(rows))
        chosen, order = [rows[n] for n in order[:16]], order[16:]
        longest = max(len(ids) for ids, _ in chosen)
        ids = torch.tensor([one + [0] * (longest - len(one)) for one, _ in chosen])
        mask = torch.tensor([[1] * len(one) + [0] * (longest - len(one)) for one, _ in chosen])
        gold = torch.tensor([one + [-100] * (longest - len(one)) for _, one in chosen])
        model(input_ids=ids, attention_mask=mask, labels=gold).loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step(), schedule.step(), optimizer.zero_grad()
    model.eval()
    found = []
    for example in test:
        read = encoder.tokenizer(example.text, return_offsets_mapping=True, return_tensors="pt")
        with torch.inference_mode():
            logits = model(
                input_ids=read["input_ids"], attention_mask=read["attention_mask"]
            ).logits
        spans = []
        for (start, end), n in zip(
            read["offset_mapping"][0].tolist(), logits[0].argmax(-1).tolist(), strict=True
        ):
            sign, _, label = tags[n].partition("-")
            if start == end:
                continue
            if sign == "I" and spans and spans[-1][2] == label and spans[-1][3]:
                spans[-1] = (spans[-1][0], end, label, True)
                continue
            spans = [(*one[:3], False) for one in spans]
            if sign != "O":
                spans.append((start, end, label, True))
        found.append({one[:3] for one in spans})
    gold = [{(m.start, m.end, m.label) for m in example.mentions} for example in test]
    correct = sum(len(one & other) for one, other in zip(gold, found, strict=True))
    total = sum(map(len, gold)) + sum(map(len, found)) + sum(len(e.unlocated) for e in test)
    return 2 * correct / total


@pytest.mark.slow
def test_it_scores_as_a_straightforward_script_on_the_same_documents(
    load_mini, plugins, recipe_of, tmp_path
):
    """Same encoder, documents, updates and rates: F1 within each other's interval."""
    from encswap.data.input import find_data

    documents = read_examples(find_data("ko-medical/train.jsonl"))
    train, test = documents[:160], documents[160:240]
    recipe = recipe_of(epochs=1, patience=9)
    own, updates = TaggerRecipe.of(recipe), 200
    labels = labels_of([*train, *test])
    tagger = make_tagger(recipe, own, load_mini("koelectra"), plugins.splitter("kiwi"), labels)
    train_tagger(
        tagger, recipe, own, train, test, updates=updates, folder=tmp_path, watcher=Unwatched()
    )
    scored = score_at(test, tagger.predict(test), 0.0, None)
    ours = summarise(scored, test, labels, 0)["micro"]
    theirs = reference(
        load_mini("koelectra"), train, test, list(tagger.tags),
        updates=updates, rate=own.learning_rate, seed=recipe.seed,
    )  # fmt: skip
    low, high = ours["interval"]
    assert ours["f1"] > 0.05 and theirs > 0.05
    assert low <= theirs <= high, (ours, theirs)


def test_overlapping_gold_is_told_with_its_count(run_of, parts, tmp_path, monkeypatch):
    lines = [json.loads(one) for one in Path(parts["train"]).read_text().splitlines()]
    text = "제2형 당뇨병 환자에게 인슐린을 투여한다."
    inner = {
        "text": text,
        "entities": {"Disease": ["제2형 당뇨병", "당뇨병"], "Drug": ["인슐린"]},
    }
    train = tmp_path / "train.jsonl"
    train.write_text(
        "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in [*lines, *[inner] * 20])
    )
    metrics = run_of(
        tmp_path / "run", train=str(train), rivals="tagger", epochs=1, occurrences="all"
    )
    tagger = metrics["rivals"]["tagger"]
    assert tagger["expressed"]["train"]["overlapping"] >= 10
    count = tagger["expressed"]["train"]["overlapping"]
    assert any(f"cannot express {count} of" in one for one in tagger["remarks"])
