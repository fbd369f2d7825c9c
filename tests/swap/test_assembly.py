"""The swap keeps the heads, and plain gliner2 reads back what it wrote."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from encswap.errors import SwapError
from encswap.gliner import model as gliner
from encswap.gliner import scoring as heads
from encswap.gliner.batches import collate
from encswap.gliner.schema import schema_for
from encswap.swap.assemble import prove, prove_heads, swap_encoder

TEXT = "당뇨병 환자에게 인슐린을 투여하였다. HbA1c는 8.1%였다."
LABELS = ("Disease", "Drug")
ENCODERS = ("ko-deberta", "koelectra", "klue-roberta", "xlm-r")


def swapped(base, plugins, encoder, **options):
    splitter = plugins.splitter("whitespace")
    return swap_encoder(base, encoder, plugins, splitter=splitter, name="new", **options).model


@pytest.mark.parametrize("name", ENCODERS)
def test_heads_stay_bit_equal(base, plugins, load_mini, name):
    model = swapped(base, plugins, load_mini(name))
    prove_heads(model, base)
    kept, heads = gliner.head_weights(model), gliner.head_weights(base)
    assert kept.keys() == heads.keys()
    assert all(torch.equal(kept[key], heads[key]) for key in heads)


@pytest.mark.parametrize("name", ENCODERS)
def test_plain_gliner2_reloads_the_same_numbers(base, plugins, load_mini, name, tmp_path: Path):
    from gliner2 import AutoExtractor

    model = swapped(base, plugins, load_mini(name), max_width=12)
    gliner.save_model(model, tmp_path / "saved")
    again = AutoExtractor.from_pretrained(str(tmp_path / "saved"))
    ours = heads.entity_logits(model, TEXT, LABELS)
    theirs = heads.entity_logits(again, TEXT, LABELS)
    finite = ours.isfinite()
    assert finite.any()
    assert torch.allclose(ours[finite], theirs[finite], atol=1e-6, rtol=0)
    assert again.max_width == 12


@pytest.mark.parametrize("name", ENCODERS)
def test_the_encoder_inside_is_the_new_one_and_its_class_stays(base, plugins, load_mini, name):
    encoder = load_mini(name)
    before = encoder.model.encoder.state_dict()
    kept = {key: tensor.clone() for key, tensor in before.items()}
    model = swapped(base, plugins, encoder)
    assert type(model.encoder) is type(encoder.model)
    for key, tensor in model.encoder.encoder.state_dict().items():
        assert torch.equal(tensor, kept[key])


def test_marker_tokens_are_single_known_and_distinct(base, plugins, load_mini):
    model = swapped(base, plugins, load_mini("koelectra"))
    tokenizer = model.processor.tokenizer
    ids = [tokenizer.convert_tokens_to_ids(token) for token in gliner.marker_tokens()]
    assert len(set(ids)) == len(ids) == 10
    assert tokenizer.unk_token_id not in ids
    assert all(tokenizer.tokenize(token) == [token] for token in gliner.marker_tokens())


def test_spare_rows_of_the_table_are_kept(base, plugins, load_mini):
    encoder = load_mini("ko-deberta")
    rows, length = encoder.model.config.vocab_size, len(encoder.tokenizer)
    assert rows == length + 99
    model = swapped(base, plugins, encoder)
    assert model.encoder.get_input_embeddings().num_embeddings == rows


def test_the_base_is_left_as_it_was(base, plugins, load_mini):
    before = {key: tensor.clone() for key, tensor in base.state_dict().items()}
    swapped(base, plugins, load_mini("xlm-r"))
    assert all(torch.equal(tensor, before[key]) for key, tensor in base.state_dict().items())


def test_another_hidden_size_is_refused(base, plugins, load_mini):
    with pytest.raises(SwapError, match="hidden size 128, the base's heads read 96"):
        swapped(base, plugins, load_mini("kure"))


def test_the_proof_notices_a_changed_head(base, plugins, load_mini):
    model = swapped(base, plugins, load_mini("koelectra"))
    with torch.no_grad():
        model.classifier[0].bias[0] += 1e-3
    with pytest.raises(SwapError, match=r"classifier\.0\.bias differs"):
        prove(model, base, plugins.splitter("whitespace"))


def test_fresh_heads_differ_from_the_base_and_repeat_with_the_seed(base, plugins, load_mini):
    first, second, other = (
        swapped(base, plugins, load_mini("koelectra"), heads="fresh", seed=seed)
        for seed in (1, 1, 2)
    )
    one, two, three = (gliner.head_weights(model) for model in (first, second, other))
    assert all(torch.equal(one[key], two[key]) for key in one)
    assert not torch.equal(one["classifier.0.weight"], three["classifier.0.weight"])
    assert not torch.equal(one["classifier.0.weight"], base.classifier[0].weight)


def test_the_processor_speaks_with_the_new_tokenizer(base, plugins, load_mini):
    encoder = load_mini("ko-deberta")
    model = swapped(base, plugins, encoder)
    batch = collate(model, [(TEXT, schema_for(LABELS))], training=False)
    assert int(batch.input_ids.max()) < len(model.processor.tokenizer)
    pieces = model.processor.tokenizer.convert_ids_to_tokens(batch.input_ids[0].tolist())
    assert any(piece.startswith("##") for piece in pieces)
