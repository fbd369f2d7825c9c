"""The embedding methods keep pretrained rows and give marker rows a start."""

from __future__ import annotations

import pytest
import torch

from encswap.errors import PluginError, SwapError
from encswap.gliner import model as gliner
from encswap.swap.assemble import grow_embeddings
from encswap.swap.embeddings import METHODS, described_rows, shipped_descriptions
from encswap.swap.vocabulary import spellings
from encswap.types import EmbeddingTable


def tables(base, encoder):
    gliner.add_markers(encoder.tokenizer)
    grow_embeddings(encoder.model, len(encoder.tokenizer), 0)
    return gliner.embedding_table(base), gliner.table_of(encoder.model, encoder.tokenizer)


def adapt(plugins, base, encoder, method, seed=0):
    ours, table = tables(base, encoder)
    generator = torch.Generator().manual_seed(seed)
    return table, plugins.adapt_embeddings(ours, table, method, generator)


@pytest.mark.parametrize("method", METHODS)
def test_every_pretrained_row_stays_and_every_row_is_finite(base, plugins, load_mini, method):
    table, adapted = adapt(plugins, base, load_mini("ko-deberta"), method)
    markers = set(table.markers.values())
    kept = [row for row in range(len(table.weight)) if row not in markers]
    assert torch.equal(adapted.weight[kept], table.weight[kept])
    assert adapted.weight.isfinite().all()
    assert (adapted.weight[sorted(markers)].abs().sum(dim=1) > 0).all()


@pytest.mark.parametrize("method", METHODS)
def test_the_same_seed_gives_the_same_rows(base, plugins, load_mini, method):
    _, first = adapt(plugins, base, load_mini("koelectra"), method, seed=3)
    _, second = adapt(plugins, base, load_mini("koelectra"), method, seed=3)
    assert torch.equal(first.weight, second.weight)


def test_transplanted_rows_keep_the_base_s_order_of_likeness(base, plugins, load_mini):
    table, adapted = adapt(plugins, base, load_mini("xlm-r"), "transplant")
    source = gliner.embedding_table(base)
    old = torch.stack([source.weight[number] for number in source.markers.values()])
    new = adapted.weight[[table.markers[token] for token in source.markers]]
    assert (
        torch.corrcoef(
            torch.stack([torch.cdist(old, old).flatten(), torch.cdist(new, new).flatten()])
        )[0, 1]
        > 0.999
    )


def test_transplanted_rows_take_the_new_table_s_scale(base, plugins, load_mini):
    encoder = load_mini("klue-roberta")
    with torch.no_grad():
        encoder.model.get_input_embeddings().weight.mul_(50)
    table, adapted = adapt(plugins, base, encoder, "transplant")
    rows = adapted.weight[list(table.markers.values())]
    assert 0.3 < float(rows.std() / table.weight.std()) < 3


def test_mean_rows_are_the_mean_of_the_real_pieces(base, plugins, load_mini):
    table, adapted = adapt(plugins, base, load_mini("klue-roberta"), "mean")
    rows = adapted.weight[list(table.markers.values())]
    assert torch.allclose(rows, rows[0].expand_as(rows))


def test_an_unknown_method_names_where_to_look(base, plugins, load_mini):
    with pytest.raises(PluginError, match="no plugin took adapt_embeddings"):
        adapt(plugins, base, load_mini("koelectra"), "wish")


def test_rows_of_another_width_are_not_transplanted(base, plugins, load_mini):
    with pytest.raises(SwapError, match="choose --embeddings describe, mean or random"):
        adapt(plugins, base, load_mini("kure"), "transplant")


def test_every_marker_is_described_and_no_two_alike(base, plugins, load_mini):
    names = {token.strip("[]") for token in gliner.marker_tokens()}
    assert shipped_descriptions().keys() == names
    table, adapted = adapt(plugins, base, load_mini("koelectra"), "describe")
    rows = adapted.weight[list(table.markers.values())]
    apart = torch.cdist(rows, rows) + torch.eye(len(rows))
    assert float(apart.min()) > 0


def test_a_described_row_leans_to_its_words_and_keeps_the_table_s_scale(base, plugins, load_mini):
    encoder = load_mini("xlm-r")
    _, table = tables(base, encoder)
    pretrained = table.weight[: -len(table.markers)]
    row = described_rows(table, pretrained, {"E": "cm"})["[E]"]
    (piece,) = set(encoder.tokenizer.convert_tokens_to_ids(encoder.tokenizer.tokenize("cm")[-1:]))
    mean = pretrained.mean(dim=0)
    likeness = torch.cosine_similarity(row - mean, table.weight[piece] - mean, dim=0)
    assert likeness > 0.5
    assert torch.isclose((row - mean).norm(), (pretrained - mean).norm(dim=1).mean(), rtol=1e-4)


def test_a_marker_in_unknown_words_is_drawn_and_counted(base, plugins, load_mini, monkeypatch):
    words = dict.fromkeys(shipped_descriptions(), "\u0e01\u0e02")
    monkeypatch.setattr("encswap.swap.embeddings.shipped_descriptions", lambda: words)
    table, adapted = adapt(plugins, base, load_mini("koelectra"), "describe")
    assert adapted.origins["random"] == 10
    assert adapted.weight[list(table.markers.values())].abs().sum(dim=1).min() > 0


@pytest.mark.parametrize("name", ["ko-deberta", "xlm-r"])
def test_overlap_copies_shared_pieces_specials_and_markers(base, plugins, load_mini, name):
    encoder = load_mini(name)
    table, adapted = adapt(plugins, base, encoder, "overlap")
    source = gliner.embedding_table(base)
    theirs = {spelling: number for number, spelling in spellings(source.tokenizer).items()}
    ours = spellings(encoder.tokenizer)
    shared = {number: theirs[one] for number, one in ours.items() if one in theirs}
    assert adapted.origins["shared"] == len(shared) > 20
    assert adapted.origins["combined"] == len(ours) - len(shared)
    shared |= {number: source.markers[token] for token, number in table.markers.items()}
    shared[encoder.tokenizer.pad_token_id] = source.tokenizer.pad_token_id
    assert torch.equal(adapted.weight[list(shared)], source.weight[list(shared.values())])
    assert adapted.weight.isfinite().all()
    assert adapted.weight[list(ours)].abs().sum(dim=1).min() > 0
    assert sum(adapted.origins.values()) == len(adapted.weight)


def test_overlap_gives_an_unshared_piece_the_rows_of_its_like(base, plugins, load_mini):
    encoder = load_mini("koelectra")
    source, table = tables(base, encoder)
    theirs, ours = ({s: n for n, s in spellings(t.tokenizer).items()} for t in (source, table))
    known = next(spelling for spelling in ours if spelling in theirs)
    new = next(spelling for spelling in ours if spelling not in theirs)
    weight = table.weight.clone()
    weight[ours[new]] = weight[ours[known]]
    twins = EmbeddingTable(weight * 10, table.tokenizer, table.markers)
    adapted = plugins.adapt_embeddings(source, twins, "overlap", torch.Generator())
    likeness = torch.cosine_similarity(
        adapted.weight[ours[new]], source.weight[theirs[known]], dim=0
    )
    assert likeness > 0.9


def test_overlap_repeats_itself(base, plugins, load_mini):
    _, first = adapt(plugins, base, load_mini("koelectra"), "overlap")
    _, second = adapt(plugins, base, load_mini("koelectra"), "overlap")
    assert torch.equal(first.weight, second.weight)


def test_overlap_of_another_width_is_refused(base, plugins, load_mini):
    with pytest.raises(SwapError, match="do not fit a table of width 128"):
        adapt(plugins, base, load_mini("kure"), "overlap")
