"""Samples carry gold by offsets, and never gold that was snapped to something else."""

from __future__ import annotations

from encswap.gliner.training import set_label_renaming
from encswap.train.samples import build_samples
from encswap.types import Example, Mention

TEXT = "당뇨병은 만성 질환이다."
INSIDE = Mention(0, 3, "Disease", "당뇨병")  # the default words keep its particle: 당뇨병은
WHOLE = Mention(5, 7, "Disease", "만성")


def items(splitter, *mentions, width=8):
    example = Example("doc", TEXT, mentions, labels=("Disease",))
    return build_samples([example], splitter, ("Disease",), {}, width).items[0][1]["entities"]


def test_gold_inside_a_word_is_left_out_not_widened(plugins):
    gold = items(plugins.splitter("whitespace"), INSIDE, WHOLE)
    assert gold == {"Disease": [{"text": "만성", "start": 5, "end": 7}]}


def test_gold_wider_than_the_head_is_left_out(plugins):
    wide = Mention(0, 7, "Disease", TEXT[:7])
    assert items(plugins.splitter("whitespace"), wide, width=1) == {"Disease": []}
    assert items(plugins.splitter("whitespace"), wide, width=2)["Disease"]


def test_collation_puts_every_sample_s_gold_at_its_own_words(base, plugins):
    import copy

    from encswap.gliner.batches import collate

    model = copy.deepcopy(base)
    model.set_word_splitter(plugins.splitter("char"))
    example = Example("doc", TEXT, (INSIDE, WHOLE))
    samples = build_samples([example], plugins.splitter("char"), ("Disease",), {}, 8)
    set_label_renaming(model, 0.0)
    batch = collate(model, list(samples.items), training=True)
    assert batch.structure_labels[0] == [[1, [[[(0, 2), (4, 5)]]]]]
