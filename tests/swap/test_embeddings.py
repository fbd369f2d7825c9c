"""The embedding methods keep pretrained rows and give marker rows a start."""

from __future__ import annotations

import pytest
import torch

from encswap.errors import PluginError, SwapError
from encswap.swap import gliner
from encswap.swap.assembly import grow_embeddings
from encswap.swap.embeddings import METHODS


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
    with pytest.raises(SwapError, match="choose --embeddings mean or random"):
        adapt(plugins, base, load_mini("kure"), "transplant")
