"""A trimmed model says the same of the texts, with fewer rows, in plain libraries."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import AutoModel, BertConfig, BertModel, PreTrainedTokenizerFast

from encswap.data.input import find_data
from encswap.data.readers import read_examples
from encswap.errors import InputError, SwapError
from encswap.gliner import model as gliner
from encswap.gliner import scoring as heads
from encswap.manifest import Manifest, ModelRecord, SplitterRecord, read_manifest, write_manifest
from encswap.models import resolve
from encswap.swap import trim as trimming
from encswap.swap.checkpoint import load
from encswap.swap.trim import (
    Wanted,
    encoder_difference,
    read_texts,
    trim_encoder,
    trim_saved_checkpoint,
    trim_saved_encoder,
    trim_tokenizer,
)
from encswap.swap.vocabulary import merged_from
from encswap.types import LoadedEncoder

TEXTS = tuple(one.text for one in read_examples(find_data("ko-medical/test.jsonl"))[:12])
ALL = [one.text for one in read_examples(find_data("ko-medical/test.jsonl"))]
UNITS = tuple(sorted({unit for text in TEXTS for unit in text.split()}))
WANTED = Wanted(TEXTS, UNITS, ("Disease",), {"Disease": "a named illness"})
KINDS = ("ko-deberta", "klue-roberta", "xlm-r", "byte-bpe", "character-bpe")


def bpe(byte_level):
    tokenizer = Tokenizer(models.BPE(unk_token=None if byte_level else "<unk>"))
    tokenizer.pre_tokenizer = (
        pre_tokenizers.ByteLevel(add_prefix_space=True)
        if byte_level
        else pre_tokenizers.Metaspace()
    )
    tokenizer.decoder = decoders.ByteLevel() if byte_level else decoders.Metaspace()
    alphabet = pre_tokenizers.ByteLevel.alphabet() if byte_level else []
    trainer = trainers.BpeTrainer(
        vocab_size=1500,
        special_tokens=["<s>", "<pad>", "</s>", "<unk>"],
        initial_alphabet=alphabet,
        show_progress=False,
    )
    tokenizer.train_from_iterator(ALL, trainer)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    made = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        unk_token="<unk>",
        cls_token="<s>",
        sep_token="</s>",
    )
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(made) + 7,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        pad_token_id=1,
        max_position_embeddings=256,
    )
    return LoadedEncoder(BertModel(config, add_pooling_layer=False).eval(), made)


@pytest.fixture
def encoder_of(load_mini):
    def make(kind):
        return bpe(kind == "byte-bpe") if kind.endswith("bpe") else load_mini(kind)

    return make


@pytest.mark.parametrize("characters", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_texts_are_cut_as_before_and_outputs_are_equal(encoder_of, kind, characters):
    encoder = encoder_of(kind)
    trimmed = trim_encoder(encoder, WANTED, keep_characters=characters)
    small = trimmed.encoder
    assert len(small.tokenizer) == len(trimmed.ids) < trimmed.rows_before
    assert small.model.get_input_embeddings().num_embeddings == len(trimmed.ids)
    for text in WANTED.tokenised:
        assert small.tokenizer.tokenize(text) == encoder.tokenizer.tokenize(text)
    difference, compared = encoder_difference(encoder, small, TEXTS)
    assert difference <= 1e-6
    assert compared == len(TEXTS)


@pytest.mark.parametrize("kind", KINDS)
def test_rows_that_stay_are_the_same_numbers(encoder_of, kind):
    encoder = encoder_of(kind)
    before = encoder.model.get_input_embeddings().weight.clone()
    trimmed = trim_encoder(encoder, WANTED, keep_characters=True)
    small = trimmed.encoder.model
    assert torch.equal(small.get_input_embeddings().weight, before[list(trimmed.ids)])
    assert torch.equal(encoder.model.get_input_embeddings().weight, before)
    assert small.config.vocab_size == len(trimmed.ids)
    assert trimmed.encoder.tokenizer.pad_token_id == encoder.tokenizer.pad_token_id


@pytest.mark.parametrize("kind", ["ko-deberta", "xlm-r"])
def test_kept_characters_leave_other_words_readable(encoder_of, kind):
    encoder = encoder_of(kind)
    kept, dropped = (
        trim_encoder(encoder, replace(WANTED, texts=("a b",), units=()), keep_characters=keep)
        for keep in (True, False)
    )
    words = [word for word in UNITS if encoder.tokenizer.unk_token_id not in ids(encoder, word)]
    assert words
    readable = [
        sum(one.encoder.tokenizer.unk_token_id not in ids(one.encoder, word) for word in words)
        for one in (kept, dropped)
    ]
    assert readable[0] > readable[1]
    assert len(dropped.ids) < len(kept.ids)


def ids(encoder, word):
    return encoder.tokenizer(word, add_special_tokens=False)["input_ids"]


def test_bytes_keep_every_word_readable(encoder_of):
    small = trim_encoder(encoder_of("byte-bpe"), WANTED, keep_characters=False).encoder
    assert small.tokenizer.decode(ids(small, "žluť")).strip() == "žluť"


def test_the_pieces_on_the_way_to_a_merge_stay():
    model = {"merges": [["a", "b"], "c d", ["ab", "cd"], ["b", "c"]]}
    assert merged_from(model, ["abcd"]) == {"a", "b", "c", "d", "ab", "cd", "abcd"}
    marked = {"merges": [["a", "##b"]], "continuing_subword_prefix": "##"}
    assert merged_from(marked, ["ab", "##a"]) == {"a", "##b", "ab", "##a"}
    ended = {"merges": [["a", "b</w>"]], "end_of_word_suffix": "</w>"}
    assert merged_from(ended, ["ab</w>"]) == {"a", "b</w>", "ab</w>"}


def test_a_tokenizer_that_would_cut_otherwise_is_refused(load_mini):
    tokenizer = load_mini("ko-deberta").tokenizer
    unused = [n for n in range(len(tokenizer)) if n < 5 or n in tokenizer.added_tokens_decoder]
    with pytest.raises(SwapError, match="otherwise"):
        trim_tokenizer(tokenizer, unused, TEXTS)


def test_a_tokenizer_of_another_kind_is_refused(encoder_of):
    encoder = encoder_of("character-bpe")
    words = Tokenizer(models.WordLevel({"<unk>": 0, "a": 1}, unk_token="<unk>"))
    other = LoadedEncoder(encoder.model, PreTrainedTokenizerFast(tokenizer_object=words))
    with pytest.raises(SwapError, match="kind 'WordLevel'"):
        trim_encoder(other, WANTED, keep_characters=True)


def test_a_trimmed_encoder_loads_in_plain_transformers(plugins, load_mini, tmp_path):
    load_mini("klue-roberta")
    source = resolve("klue-roberta", plugins, scale="mini")
    texts = tmp_path / "notes.txt"
    texts.write_text("\n".join(TEXTS) + "\n\n", encoding="utf-8")
    spec, out = plugins.encoders["klue-roberta"], tmp_path / "small"
    outcome = trim_saved_encoder(spec, source, plugins, [texts], out)
    model = AutoModel.from_pretrained(str(out))
    assert model.get_input_embeddings().num_embeddings == outcome.rows[1] < outcome.rows[0]
    assert outcome.bytes[1] / outcome.bytes[0] == outcome.rows[1] / outcome.rows[0]
    assert outcome.texts == outcome.compared == len(TEXTS)
    assert outcome.difference <= 1e-6
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def manifest_of(splitter="whitespace"):
    record = ModelRecord("mini", "mini/base")
    return Manifest("0", record, record, SplitterRecord(splitter), 8, 0.3, labels=("Disease",))


@pytest.mark.parametrize("which", ["base", "boundary_base"])
def test_a_trimmed_checkpoint_scores_as_before_in_plain_gliner2(request, plugins, tmp_path, which):
    from gliner2 import AutoExtractor

    model = request.getfixturevalue(which)
    run = tmp_path / "run"
    gliner.save_model(model, run / "checkpoint")
    write_manifest(manifest_of(), run)
    outcome = trim_saved_checkpoint(run, plugins, ["en-medical/test.jsonl"], tmp_path / "small")
    assert outcome.rows[1] < outcome.rows[0]
    again = AutoExtractor.from_pretrained(str(tmp_path / "small"))
    text = read_examples(find_data("en-medical/test.jsonl"))[3].text
    ours, theirs = (heads.entity_logits(one, text, ("Disease",)) for one in (model, again))
    assert torch.allclose(ours, theirs, atol=1e-6, rtol=0)
    carried = read_manifest(tmp_path / "small")
    assert carried.threshold == 0.3
    assert f"trimmed to {outcome.rows[1]} of {outcome.rows[0]} rows" in carried.remarks[-1]
    assert load(tmp_path / "small").encoder.config.vocab_size == outcome.rows[1]


def test_a_model_that_differs_is_not_written(base_folder, plugins, tmp_path, monkeypatch):
    monkeypatch.setattr(trimming, "checkpoint_difference", lambda *_: (0.5, 1))
    with pytest.raises(SwapError, match="nothing is written"):
        trim_saved_checkpoint(base_folder, plugins, ["en-medical/test.jsonl"], tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_texts_are_documents_or_plain_lines(plugins, tmp_path):
    plain = tmp_path / "plain.txt"
    plain.write_text("One line here.\n\nAnother one.\n", encoding="utf-8")
    wanted = read_texts([plain, "en-medical/test.jsonl"], plugins.splitter("whitespace"))
    assert wanted.texts[:2] == ("One line here.", "Another one.")
    assert "Disease" in wanted.labels
    assert {"one", "here", "another"} <= set(wanted.units)


def test_a_broken_record_file_is_not_taken_for_plain_text(plugins, tmp_path):
    broken = tmp_path / "broken.jsonl"
    broken.write_text('{"surprise": 1}\n', encoding="utf-8")
    with pytest.raises(InputError, match="not recognised"):
        read_texts([broken], plugins.splitter("whitespace"))
