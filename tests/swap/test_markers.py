"""Strings that mean something to gliner2's prompt: refused in labels, plain words in a text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from encswap.cli.app import app
from encswap.data.readers import read_examples
from encswap.errors import InputError
from encswap.gliner import model as gliner
from encswap.gliner import scoring as heads
from encswap.gliner.batches import collate, subtoken_counter
from encswap.gliner.markers import MARKERS, refuse_markers
from encswap.gliner.schema import schema_for
from encswap.types import LoadedEncoder, Mention

LABELS = ("Disease", "Drug")
NAMES = ("gliner2-base", "ko-deberta", "xlm-r", "koelectra", "klue-roberta")


def words_of(text: str, lower: bool = True) -> Iterator[tuple[str, int, int]]:
    """A splitter that keeps brackets with their word, and a case that `lower` would lose."""
    place = 0
    for word in text.split():
        start = text.index(word, place)
        place = start + len(word)
        yield word, start, place


@pytest.fixture(scope="module")
def tokenizers(plugins, base) -> dict[str, object]:
    """Tokenizers of the real kinds: WordPiece, Unigram, with [CLS] and with <s>."""
    from encswap.safety.trusted_classes import load_tokenizer
    from encswap.testing.mini.encoders import mini_encoder

    found = {name: load_tokenizer(mini_encoder(plugins.encoders[name]), name) for name in NAMES[1:]}
    for tokenizer in found.values():
        gliner.add_markers(tokenizer)
    return {"gliner2-base": base.processor.tokenizer, **found}


@pytest.fixture(params=NAMES)
def processor(request, tokenizers):
    """A safe processor whose splitter gives words as they stand."""
    from gliner2.processor import SchemaTransformer

    from encswap.gliner.processor import make_safe
    from encswap.gliner.text_form import TextForm

    made = SchemaTransformer(tokenizer=tokenizers[request.param], word_splitter=words_of)
    make_safe(made, TextForm())
    return made


def plain(processor):
    """gliner2's own processor round the same tokenizer."""
    from gliner2.processor import SchemaTransformer

    return SchemaTransformer(tokenizer=processor.tokenizer, word_splitter=words_of)


def specials(processor) -> list[str]:
    return sorted({*MARKERS, *processor.tokenizer.all_special_tokens})


def text_ids(processor, text: str) -> tuple[list[int], object]:
    record = processor.transform_record(text, schema_for(LABELS))
    return record.input_ids[record.text_word_first_positions[0] :], record


def test_the_markers_written_down_are_gliner2s():
    from gliner2.processor import SchemaTransformer

    assert tuple(SchemaTransformer.SPECIAL_TOKENS) == MARKERS == gliner.marker_tokens()


def test_gliner2_alone_reads_a_marker_in_a_text_as_its_own(processor):
    schema = {"entities": {"A": ""}}
    with_marker = plain(processor).transform_record("came [SEP_TEXT] home .", schema)
    assert len(with_marker.text_word_first_positions) < len(with_marker.text_tokens)


def test_no_word_of_a_text_gives_a_special_token(processor):
    unknown = processor.tokenizer.unk_token_id
    ids = set(processor.tokenizer.convert_tokens_to_ids(specials(processor))) - {unknown}
    for token in specials(processor):
        for word in (token, token.lower(), f"{token}{token}", f"x{token}y", f"{token},"):
            text = f"came {word} home ."
            found, record = text_ids(processor, text)
            assert not ids & set(found), word
            assert len(record.text_word_first_positions) == 4
            spans = zip(record.start_token_idx, record.end_token_idx, strict=True)
            assert [text[a:b] for a, b in spans] == ["came", word, "home", "."]
            assert len(record.input_ids) == len(record.mapped_indices)


def test_the_prompt_is_the_same_whatever_the_text_holds(processor):
    _, ordinary = text_ids(processor, "came gout home .")
    first = ordinary.text_word_first_positions[0]
    for token in specials(processor):
        _, other = text_ids(processor, f"came {token} home .")
        assert other.input_ids[:first] == ordinary.input_ids[:first]
        assert other.schema_special_positions == ordinary.schema_special_positions
        assert other.text_word_first_positions[:2] == ordinary.text_word_first_positions[:2]


def test_other_texts_are_gliner2s_token_for_token(processor):
    ours, theirs = processor, plain(processor)
    for text in (
        "the patient has gout .",
        "당뇨병 환자에게 인슐린을 .",
        "[ x ] <y> [unk] ##a ▁b \u200b",
    ):
        one, two = (it.transform_record(text, schema_for(LABELS)) for it in (ours, theirs))
        assert one.input_ids == two.input_ids
        assert one.text_word_first_positions == two.text_word_first_positions


@pytest.mark.parametrize("kind", ["base", "boundary_base"])
def test_texts_of_markers_train_and_score_at_their_own_places(request, kind):
    model = request.getfixturevalue(kind)
    before = model.processor.word_splitter
    model.set_word_splitter(words_of)
    try:
        for token in specials(model.processor):
            text = f"{token} gout {token} came ."
            start = len(token) + 1
            gold = (Mention(start, start + 4, "Disease", "gout"),)
            batch = collate(model, [(text, schema_for(LABELS, gold))], training=True)
            result = model(batch)
            assert int(result["batch_size"]) == 1 and bool(torch.isfinite(result["total_loss"]))
            assert batch.text_word_counts == [5]
            assert (batch.start_mappings[0][1], batch.end_mappings[0][1]) == (start, start + 4)
            assert heads.entity_logits(model, text, LABELS).isfinite().any()
    finally:
        model.set_word_splitter(before)


def test_a_unit_is_counted_as_it_is_tokenised(base):
    count = subtoken_counter(base)
    for token in specials(base.processor):
        assert count(token) == len(base.processor.pieces(token.lower())) >= 1


@pytest.mark.parametrize("marker", MARKERS)
@pytest.mark.parametrize("shape", ["{}", "a {} b", "{}x", "x{}"])
def test_a_label_with_a_marker_is_refused_at_every_door(base, tmp_path, marker, shape):
    label = shape.format(marker)
    with pytest.raises(InputError, match=r"reads as part of its prompt"):
        schema_for((label,))
    with pytest.raises(InputError, match=r"the description of 'Drug'"):
        schema_for(("Drug",), descriptions={"Drug": label})
    described = {"entities": {"A": ""}, "entity_descriptions": {"A": label}}
    for schema in ({"entities": {label: ""}}, described):
        for how in (base.processor.collate_fn_train, base.processor.collate_fn_inference):
            with pytest.raises(InputError, match="reads as part of its prompt"):
                how([("gout came.", schema)])
    with pytest.raises(InputError, match="reads as part of its prompt") as caught:
        base.extract_entities("gout came.", [label])
    assert "\n" not in str(caught.value)


def test_the_tokenizers_own_special_tokens_are_refused_in_labels(processor):
    for token in specials(processor):
        if token == processor.tokenizer.unk_token:
            continue
        with pytest.raises(InputError, match="reads as part of its prompt"):
            processor.collate_fn_inference([("gout came.", {"entities": {f"a {token}": ""}})])


def test_other_labels_with_brackets_are_let_be(base):
    labels = ["[sep text]", "[X]", "SEP_TEXT", "E", "(P)", "약물 [drug]", "C]"]
    refuse_markers(labels)
    assert set(base.extract_entities("gout came.", labels)["entities"]) <= set(labels)


def test_data_with_such_a_label_names_its_line(tmp_path: Path):
    good = {"text": "gout came.", "entities": [{"start": 0, "end": 4, "label": "Disease"}]}
    bad = {"text": "gout came.", "entities": [{"start": 0, "end": 4, "label": "[SEP_TEXT]"}]}
    path = tmp_path / "data.jsonl"
    path.write_text(f"{json.dumps(good)}\n{json.dumps(bad)}\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"data\.jsonl:2: label '\[SEP_TEXT\]' holds"):
        read_examples(path)


def test_such_a_label_on_the_command_line_is_one_line_before_the_model_is_read(tmp_path: Path):
    result = CliRunner().invoke(app, ["predict", str(tmp_path), "--text", "x", "--label", "[P]"])
    assert result.exit_code == 2
    assert "--label: label '[P]' holds [P]" in result.stderr.replace("\n", " ")


def test_models_that_are_read_back_are_safe_too(base_folder: Path):
    from encswap.gliner.processor import SafeProcessor

    model = gliner.read_model(base_folder)
    assert isinstance(model.processor, SafeProcessor)
    with pytest.raises(InputError):
        model.batch_extract_entities(["gout came."], ["[E]"])


def test_a_new_model_is_safe(base, plugins):
    again = gliner.new_model(base, LoadedEncoder(base.encoder, base.processor.tokenizer))
    with pytest.raises(InputError):
        again.extract_entities("gout came.", ["[SEP_STRUCT]"])
