"""How units become tokens: gliner2's way, and the encoder's own of running text."""

from __future__ import annotations

import json

import pytest
import torch
from tokenizers.processors import TemplateProcessing

from encswap.data.units import units_of
from encswap.errors import InputError, SourceError, SwapError
from encswap.gliner import model as gliner
from encswap.gliner.batches import collate, mask_subtokens, prompt_length, subtoken_counter
from encswap.gliner.schema import schema_for
from encswap.gliner.scoring import entity_logits
from encswap.gliner.text_form import KEY, TextForm, reader_for
from encswap.swap.assemble import prove, swap_encoder

TEXTS = (
    "당뇨병 환자에게 인슐린을 투여하였다.",
    "환자는 Metformin 500mg, 인슐린(지속형)을 처방받았다!",
    "제2형 당뇨병의 합병증으로 망막병증이 왔다?",
)
LABELS = ("Disease", "Drug")
EVERY = TextForm(special_ends=True, keep_case=True, running_text=True)


def with_ends(encoder):
    """A mini encoder whose tokenizer puts its own tokens around a text, as real ones do."""
    tokenizer = encoder.tokenizer
    begin, end = tokenizer.cls_token, tokenizer.sep_token
    ids = [(one, tokenizer.convert_tokens_to_ids(one)) for one in (begin, end)]
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single=f"{begin} $A {end}", special_tokens=ids
    )
    return encoder


def swapped(base, plugins, encoder, form, pooling=None, splitter="kiwi"):
    return swap_encoder(
        base,
        encoder,
        plugins,
        splitter=plugins.splitter(splitter),
        name="new",
        text_form=form,
        token_pooling=pooling,
    ).model.eval()


def pieces_of(model, text):
    """The text's tokens in the input, by unit."""
    record = model.processor.transform_record(text, schema_for(LABELS))
    tokens = model.processor.tokenizer.convert_ids_to_tokens(record.input_ids)
    units = {}
    for token, (part, place, _) in zip(tokens, record.mapped_indices, strict=True):
        if part == "text":
            units.setdefault(place, []).append(token)
    return [units[place] for place in sorted(units)], record


def in_running_text(tokenizer, text, units):
    """The tokenizer's own tokens of each stretch between spaces in which none crosses a unit."""
    borders = {place for unit in units for place in unit}
    found = []
    for start, end in stretches(units):
        encoded = tokenizer(text[start:end], add_special_tokens=False, return_offsets_mapping=True)
        within = {place - start for place in borders if start <= place <= end}
        edges = {place for a, b in encoded["offset_mapping"] for place in (a, b)}
        tokens = tokenizer.convert_ids_to_tokens(encoded["input_ids"])
        if within <= edges and tokenizer.unk_token not in tokens:
            found.append((start, end, tokens))
    return found


def stretches(units):
    found = []
    for start, end in units:
        if found and found[-1][1] == start:
            found[-1] = (found[-1][0], end)
        else:
            found.append((start, end))
    return found


@pytest.mark.parametrize("name", ["xlm-r", "koelectra"])
def test_tokens_are_those_that_the_tokenizer_gives_of_running_text(base, plugins, load_mini, name):
    model = swapped(base, plugins, load_mini(name), TextForm(keep_case=True, running_text=True))
    plain = swapped(base, plugins, load_mini(name), TextForm(keep_case=True))
    compared = differing = 0
    for text in TEXTS:
        units = units_of(model.processor.word_splitter, text)
        (own, _), (alone, _) = pieces_of(model, text), pieces_of(plain, text)
        assert len(own) == len(units)
        for start, end, tokens in in_running_text(model.processor.tokenizer, text, units):
            places = [n for n, (a, b) in enumerate(units) if start <= a and b <= end]
            assert [piece for n in places for piece in own[n]] == tokens
            compared += len(places) > 1
            differing += [piece for n in places for piece in alone[n]] != tokens
    assert compared > 2 and differing > 0


def test_a_tokenizer_that_marks_no_beginning_is_refused_running_text():
    from encswap.testing.mini.tokenizers import train_tokenizer

    tokenizer = train_tokenizer({"model": "BPE"}, TEXTS)
    with pytest.raises(InputError, match=r"running_text: a tokenizer with BPE pieces cut by Byte"):
        reader_for(TextForm(running_text=True), tokenizer)


def test_case_is_kept_or_lowered(base, plugins, load_mini):
    for form, held in ((TextForm(), "metformin"), (TextForm(keep_case=True), "Metformin")):
        model = swapped(base, plugins, load_mini("xlm-r"), form, splitter="whitespace")
        tokenizer = model.processor.tokenizer
        own, record = pieces_of(model, TEXTS[1])
        expected = tokenizer.convert_tokens_to_ids(tokenizer.tokenize(held))
        assert tokenizer.convert_tokens_to_ids(own[1]) == expected
        # Gold is looked for in gliner2's own tokens, whatever is read.
        assert record.text_tokens[1] == "metformin"


@pytest.mark.parametrize("pooling", ["first", "mean"])
def test_the_ends_stand_around_and_every_place_is_kept(base, plugins, load_mini, pooling):
    encoder = with_ends(load_mini("xlm-r"))
    model = swapped(base, plugins, encoder, TextForm(special_ends=True), pooling)
    plain = swapped(base, plugins, with_ends(load_mini("xlm-r")), None, pooling)
    tokenizer = model.processor.tokenizer
    (own, ours), (other, theirs) = pieces_of(model, TEXTS[0]), pieces_of(plain, TEXTS[0])
    assert ours.input_ids == [tokenizer.cls_token_id, *theirs.input_ids, tokenizer.sep_token_id]
    assert own == other
    for field in ("text_word_first_positions", "schema_special_positions"):
        places, before = getattr(ours, field), getattr(theirs, field)
        flat = places if isinstance(places[0], int) else places[0]
        assert [one - 1 for one in flat] == (before if isinstance(before[0], int) else before[0])
        assert [ours.input_ids[one] for one in flat] == [theirs.input_ids[one - 1] for one in flat]
    assert prompt_length(model, LABELS, {}) == prompt_length(plain, LABELS, {}) + 2
    vectors = entity_logits(model, TEXTS[0], LABELS), entity_logits(plain, TEXTS[0], LABELS)
    assert vectors[0].shape == vectors[1].shape and not torch.allclose(*vectors)


def test_the_ends_are_never_masked(base, plugins, load_mini):
    encoder = with_ends(load_mini("xlm-r"))
    model = swapped(base, plugins, encoder, TextForm(special_ends=True))
    batch = collate(model, [(text, schema_for(LABELS)) for text in TEXTS], training=False)
    before = batch.input_ids.clone()
    mask_subtokens(model, batch, 0.99, torch.Generator().manual_seed(0))
    assert (before != batch.input_ids).any()
    for row, (old, new) in enumerate(zip(before, batch.input_ids, strict=True)):
        last = int(batch.attention_mask[row].sum()) - 1
        assert old[last] == new[last] == model.processor.tokenizer.sep_token_id
        first = batch.text_word_indices[row, 0]
        assert old[:first].equal(new[:first])


def test_a_tokenizer_that_puts_nothing_around_is_refused_the_ends(base, plugins, load_mini):
    with pytest.raises(InputError, match=r"special_ends: this encoder's tokenizer puts nothing"):
        swapped(base, plugins, load_mini("xlm-r"), TextForm(special_ends=True))


@pytest.mark.parametrize("pooling", ["first", "mean"])
def test_a_saved_model_reads_as_before(base, plugins, load_mini, tmp_path, pooling):
    model = swapped(base, plugins, with_ends(load_mini("xlm-r")), EVERY, pooling)
    prove(model, base, plugins.splitter("kiwi"))
    gliner.save_model(model, tmp_path / "saved")
    splitter = plugins.splitter("kiwi")
    again = gliner.read_back(model, tmp_path / "saved", splitter=splitter)
    assert again.processor.reader.form == EVERY
    ours, theirs = (entity_logits(one, TEXTS[1], LABELS) for one in (model, again))
    finite = ours.isfinite()
    assert torch.allclose(ours[finite], theirs[finite], atol=1e-6)
    plainly = gliner.read_plainly(tmp_path / "saved", splitter=splitter)
    assert not torch.allclose(ours[finite], entity_logits(plainly, TEXTS[1], LABELS)[finite])


def test_gliner2s_own_way_leaves_no_trace_in_the_config(base, plugins, load_mini, tmp_path):
    gliner.save_model(swapped(base, plugins, load_mini("xlm-r"), TextForm()), tmp_path / "saved")
    assert KEY not in json.loads((tmp_path / "saved" / "config.json").read_text("utf-8"))


@pytest.mark.parametrize("held", [{"other": True}, {"keep_case": "yes"}, ["keep_case"], "all"])
def test_a_config_with_an_unknown_reading_is_named(base, plugins, load_mini, tmp_path, held):
    folder = tmp_path / "saved"
    gliner.save_model(swapped(base, plugins, load_mini("xlm-r"), None), folder)
    config = json.loads((folder / "config.json").read_text("utf-8"))
    (folder / "config.json").write_text(json.dumps({**config, KEY: held}), "utf-8")
    with pytest.raises(SourceError, match=r"encswap_text_form is .* cannot read; known: keep_case"):
        gliner.read_model(folder, splitter=plugins.splitter("whitespace"))


def test_every_form_of_a_unit_counts(base, plugins, load_mini):
    from encswap.gliner.batches import used_ids

    model = swapped(base, plugins, with_ends(load_mini("xlm-r")), EVERY)
    tokenizer, count = model.processor.tokenizer, subtoken_counter(model)
    units = {text[a:b] for text in TEXTS for a, b in units_of(model.processor.word_splitter, text)}
    used = used_ids(model, units, LABELS, {})
    for text in TEXTS:
        own, record = pieces_of(model, text)
        cut = units_of(model.processor.word_splitter, text)
        # The rows of markers are always trained.
        assert set(record.input_ids) - set(gliner.marker_ids(tokenizer).values()) <= used
        assert all(len(pieces) <= count(text[a:b]) for pieces, (a, b) in zip(own, cut, strict=True))
    assert {tokenizer.cls_token_id, tokenizer.sep_token_id} <= used


def test_an_export_of_another_reading_is_refused(base, plugins, load_mini):
    from encswap.gliner.graph import EntityGraph

    model = swapped(base, plugins, load_mini("xlm-r"), TextForm(keep_case=True))
    with pytest.raises(SwapError, match=r"reads by keep_case cannot be exported"):
        EntityGraph(model)


def test_strategy_keep_refuses_a_reading_of_the_swapped_encoder(base_folder):
    from encswap.recipe import read_recipe
    from encswap.train.prepare import check_settings

    settings = {"base": str(base_folder), "strategy": "keep", "running_text": True}
    with pytest.raises(InputError, match=r"running_text: strategy keep leaves the base's encoder"):
        check_settings(read_recipe(overrides=settings))


def test_a_trimmed_model_reads_in_the_same_form(base, plugins, load_mini):
    from encswap.swap.trim import Wanted, trim_checkpoint

    splitter = plugins.splitter("kiwi")
    model = swapped(base, plugins, with_ends(load_mini("xlm-r")), EVERY)
    units = {text[a:b] for text in TEXTS for a, b in units_of(splitter, text)}
    wanted = Wanted(TEXTS, tuple(sorted(units)), LABELS)
    smaller, trimmed = trim_checkpoint(model, wanted, splitter, keep_characters=False)
    assert smaller.processor.reader.form == EVERY and len(trimmed.ids) < trimmed.rows_before
    for text in TEXTS:
        ours, theirs = (entity_logits(one.eval(), text, LABELS) for one in (model, smaller))
        finite = ours.isfinite()
        assert torch.allclose(ours[finite], theirs[finite], atol=1e-5)
