"""What the runtime does without gliner2 is what gliner2 does: words, subtokens, overlaps."""

from __future__ import annotations

import random
import unicodedata

import pytest

from encswap.gliner.decoding import POLICIES, flatten, resolve
from encswap.runtime.description import ExportedSplitter
from encswap.runtime.words import load_splitter
from encswap.types import Prediction

ALPHABETS = (
    "abcXYZ019 ._-@%+/:\n\t",
    "당뇨병은 인슐린\u1102\u1161 A1c.",
    "İıßﬁe\u0301\u0300ŧ \u200d\u200c\u00a0\u3000",
    "देवनागरी عربى 漢字かな👩‍⚕️🧬",
)


@pytest.mark.parametrize("name", ["whitespace", "char"])
def test_the_splitters_cut_as_gliner2s_do(name, tmp_path, plugins):
    theirs, mine = plugins.splitter(name), load_splitter(ExportedSplitter(name), tmp_path)
    for seed in range(400):
        chosen = random.Random(seed)
        letters = chosen.choice([*ALPHABETS, "".join(ALPHABETS)])
        text = "".join(chosen.choice(letters) for _ in range(chosen.randrange(60)))
        text += chosen.choice(["", " https://a.b/c?d=e", " x.y+z@host-1.org.", " www.가나.kr"])
        for lower in (True, False):
            assert list(mine(text, lower)) == list(theirs(text, lower)), text


@pytest.mark.parametrize("policy", [None, *POLICIES])
def test_overlaps_are_resolved_as_gliner2_resolves_them(policy):
    from gliner2.inference.candidate_decoder import finalize_spans

    for seed in range(300):
        chosen = random.Random(seed)
        scores = [0.5, 0.6, 0.6, 0.7] if seed % 3 == 0 else [chosen.random() for _ in range(30)]
        candidates = []
        for _ in range(chosen.randrange(12)):
            start = chosen.randrange(14)
            end = start + chosen.randrange(1, 6)
            candidates.append(Prediction(start, end, "a", chosen.choice(scores)))
        distinct = list({(one.start, one.end): one for one in candidates}.values())
        raw = [(one, one.score, one.start, one.end) for one in distinct]
        theirs = {row[0] for row in finalize_spans(raw, overlap_policy=policy)}
        mine = resolve(distinct, 0.0, policy)
        if policy == "disallow":
            # Equal totals may be reached in another order of additions.
            total = sum(one.score for one in theirs)
            assert sum(one.score for one in mine) == pytest.approx(total)
            assert len(mine) == len(theirs)
        if policy != "disallow" or seed % 3:
            assert set(mine) == theirs, (seed, distinct)


def test_labels_are_resolved_apart_and_flatten_keeps_the_best_of_all():
    found = [Prediction(0, 4, "a", 0.6), Prediction(2, 6, "b", 0.9), Prediction(6, 8, "a", 0.3)]
    assert resolve(found, 0.5, None) == found[:2]
    assert flatten(resolve(found, 0.2, None)) == found[1:]


def test_a_labels_own_threshold_replaces_the_common_one():
    found = [Prediction(0, 1, "a", 0.6), Prediction(2, 3, "b", 0.6)]
    assert resolve(found, 0.5, None, {"b": 0.7}) == found[:1]
    assert resolve(found, 0.9, None, {"b": 0.6}) == found[1:]


HOSTILE = [
    "[E]",
    "[SEP_TEXT]",
    "[MASK]",
    "<mask>",
    "</s>",
    "[UNK]",
    "<unk>",
    "(",
    ")",
    "[p]",
    "\u200b",
]


@pytest.mark.parametrize("kind", ["bert", "deberta-v2", "roberta"])
def test_texts_and_prompts_become_the_ids_that_gliner2s_processor_gives(
    checkpoint, korean, tmp_path, kind
):
    from encswap.gliner.batches import collate
    from encswap.gliner.processor import special_pieces
    from encswap.gliner.schema import EntitySchema, schema_for
    from encswap.runtime.encoding import Encoding, as_inputs
    from encswap.swap.checkpoint import load

    model = load(checkpoint(kind))
    tokenizer = model.processor.tokenizer
    (tmp_path / "tokenizer.json").write_text(tokenizer.backend_tokenizer.to_str(), encoding="utf-8")
    encoding = Encoding(tmp_path / "tokenizer.json", special_pieces(tokenizer))
    asked = EntitySchema.of(["질병", "Drug name", "(x)"], {"질병": "병 이름.", "(x)": "무엇"})
    schema = schema_for(asked.labels, descriptions=asked.descriptions)
    texts = [one.text for one in korean] + [" ".join(HOSTILE), "".join(HOSTILE), "", "ÀÉ Ǆ ﬁ İ"]
    texts += [unicodedata.normalize("NFD", korean[0].text)]
    prompt = encoding.prompt(asked.labels, asked.descriptions)
    splitter = model.processor.word_splitter
    for text in texts:
        batch = collate(model, [(text, schema)], training=False)
        mine = as_inputs(prompt, [encoding.encode(text, splitter)], 4)
        assert mine["input_ids"].tolist() == batch.input_ids.tolist(), text
        assert mine["attention_mask"].tolist() == batch.attention_mask.tolist()
        assert list(prompt.places) == batch.schema_special_indices[0][0]
        words = batch.text_word_indices[0, : batch.text_word_counts[0]].tolist()
        assert mine["words"][0].tolist() == words
