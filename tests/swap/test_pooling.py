"""Which of a unit's subtokens stand for it: first, mean, max, in the saved model too."""

from __future__ import annotations

import pytest
import torch

from encswap.gliner import model as gliner
from encswap.gliner.batches import collate
from encswap.gliner.schema import schema_for
from encswap.gliner.scoring import encode_words, entity_logits
from encswap.swap.assemble import prove, swap_encoder

TEXT = "당뇨병 환자에게 인슐린을 투여하였다."
LABELS = ("Disease", "Drug")
POOLED = {
    "first": lambda rows: rows[0],
    "mean": lambda rows: rows.mean(dim=0),
    "max": lambda rows: rows.max(dim=0).values,
}


def swapped(base, plugins, encoder, pooling):
    splitter = plugins.splitter("whitespace")
    return swap_encoder(
        base, encoder, plugins, splitter=splitter, name="new", token_pooling=pooling
    ).model.eval()


def vectors(model, text):
    batch = collate(model, [(text, schema_for(LABELS))], training=False)
    with torch.inference_mode():
        states = model.encode_tokens(batch)[0]
        words, _ = encode_words(model, batch)
    rows = {}
    for state, (part, place, _) in zip(states, batch.mapped_indices[0], strict=True):
        if part == "text":
            rows.setdefault(place, []).append(state)
    return words[0], [torch.stack(rows[place]) for place in sorted(rows)], batch


@pytest.mark.parametrize("pooling", POOLED)
def test_a_unit_is_what_its_subtokens_pool_to(base, plugins, load_mini, pooling):
    words, rows, _ = vectors(swapped(base, plugins, load_mini("xlm-r"), pooling), TEXT)
    assert max(len(one) for one in rows) > 1
    for word, pieces in zip(words, rows, strict=True):
        assert torch.allclose(word, POOLED[pooling](pieces), atol=1e-6)


def test_none_keeps_what_the_base_does(base, plugins, load_mini):
    model = swapped(base, plugins, load_mini("koelectra"), None)
    assert model.config.token_pooling == base.config.token_pooling == "first"


def test_plain_gliner2_pools_as_the_saved_model_does(base, plugins, load_mini, tmp_path):
    model = swapped(base, plugins, load_mini("xlm-r"), "mean")
    prove(model, base, plugins.splitter("whitespace"))
    gliner.save_model(model, tmp_path / "saved")
    again = gliner.read_plainly(tmp_path / "saved", splitter=plugins.splitter("whitespace"))
    first = swapped(base, plugins, load_mini("xlm-r"), "first")
    ours, theirs, other = (entity_logits(one, TEXT, LABELS) for one in (model, again, first))
    finite = ours.isfinite()
    assert torch.allclose(ours[finite], theirs[finite], atol=1e-6)
    assert not torch.allclose(ours[finite], other[finite], atol=1e-3)


@pytest.mark.parametrize("pooling", POOLED)
def test_a_unit_without_subtokens_keeps_its_place(base, plugins, load_mini, pooling):
    model = swapped(base, plugins, load_mini("xlm-r"), pooling)
    empty = "\ufe0f"
    processor = model.processor
    processor._tokenize_cached = lambda word: (
        [] if word == empty else processor.tokenizer.tokenize(word)
    )
    words, _, batch = vectors(model, f"인슐린 {empty} 투여.")
    assert len(words) == len(batch.start_mappings[0]) == batch.text_word_counts[0]


def test_a_run_takes_it_from_the_recipe(job_of_pooling):
    assert job_of_pooling.config.token_pooling == "mean"


@pytest.fixture
def job_of_pooling(plugins, base_folder, tmp_path):
    from encswap.models import resolve, spec_of
    from encswap.recipe import read_recipe
    from encswap.testing.mini.encoders import mini_encoder
    from encswap.train.run import write_swap

    spec = spec_of("koelectra", plugins)
    mini_encoder(spec)
    recipe = read_recipe(
        overrides={"encoder": "koelectra", "base": str(base_folder), "token_pooling": "mean"},
        layers=("mini",),
    )
    write_swap(
        recipe,
        plugins,
        spec,
        base_source=resolve(str(base_folder), plugins),
        encoder_source=resolve("koelectra", plugins, scale="mini"),
        out=tmp_path / "out",
    )
    return gliner.read_model(tmp_path / "out", splitter=plugins.splitter("whitespace"))
