"""Checkpoints with drawn weights, whose heads say yes to a few spans of a text and no to the rest.

What the inference and export benchmarks share: speed and agreement need no trained weights, and a
model of any class and size can be had without a download.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

LABELS = ("person", "location", "organization", "date", "time", "quantity")
WORDPIECE = ("WordPiece", ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"))
SENTENCEPIECE = ("Unigram", ("<s>", "<pad>", "</s>", "<unk>", "<mask>"))
KINDS: dict[str, tuple[str, tuple[str, ...], dict[str, Any]]] = {
    "bert": (*WORDPIECE, {}),
    "electra": (*WORDPIECE, {"embedding_size": 24}),
    "deberta-v2": (
        "Unigram",
        ("[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"),
        {
            "relative_attention": True,
            "position_buckets": 256,
            "pos_att_type": ["p2c", "c2p"],
            "share_att_key": True,
            "norm_rel_ebd": "layer_norm",
            "position_biased_input": False,
            "max_relative_positions": -1,
        },
    ),
    "roberta": ("BPE", SENTENCEPIECE[1], {}),
    "xlm-roberta": (*SENTENCEPIECE, {}),
}
SHAPES = {
    "2x32": (2, 32, 2, 64),
    "6x384": (6, 384, 12, 1536),
    "12x384": (12, 384, 12, 1536),
    "12x768": (12, 768, 12, 3072),
}
"""Layers, hidden size, heads, inner size: mini, and those of MiniLM, e5-small and BERT."""
SPANS_A_TEXT = 3


def draw(
    folder: Path, texts: list[str], *, shape: str, kind: str = "bert", pooling: str = "first"
) -> Path:
    """Write a checkpoint with `encswap.json`; its threshold gives about three spans a text."""
    import torch

    from encswap.gliner import model as gliner
    from encswap.manifest import Manifest, ModelRecord, describe_splitter, write_manifest
    from encswap.plugins import load_plugins
    from encswap.recipe import read_recipe
    from encswap.safety.trusted_classes import build_config, build_model
    from encswap.testing.mini.tokenizers import train_tokenizer
    from encswap.types import LoadedEncoder

    model_kind, specials, more = KINDS[kind]
    named = {one: place for place, one in enumerate(specials)}
    tokenizer = train_tokenizer({"model": model_kind, "special_tokens": named}, texts)
    gliner.add_markers(tokenizer)
    layers, hidden, heads, inner = SHAPES[shape]
    torch.manual_seed(0)
    config = build_config(
        {
            "model_type": kind,
            "vocab_size": len(tokenizer),
            "hidden_size": hidden,
            "num_hidden_layers": layers,
            "num_attention_heads": heads,
            "intermediate_size": inner,
            "max_position_embeddings": 514,
            "type_vocab_size": 1,
            "pad_token_id": tokenizer.pad_token_id,
            # Small ones need more of it, or every text looks alike.
            "initializer_range": 0.3 if hidden < 100 else 0.05,
            **more,
        }
    )
    encoder = LoadedEncoder(build_model(config).float(), tokenizer)
    model = gliner.new_model(
        None,
        encoder,
        model_name=f"{kind} {shape}",
        max_width=12,
        counting_layer="count_lstm_v2",
        token_pooling=pooling,
    )
    with torch.no_grad():
        model.count_pred[-1].bias[1] += 100.0  # the gate is open
        model.span_rep.span_rep_layer.out_project[3].weight *= 12.0
    gliner.save_model(model, folder)
    splitter = load_plugins().splitter("kiwi")
    model.processor.word_splitter = splitter
    drawn = ModelRecord(shape, shape)
    manifest = Manifest(
        "0.1.0",
        drawn,
        drawn,
        describe_splitter("kiwi", splitter, {}),
        12,
        threshold=_threshold(model, texts[:12]),
        labels=LABELS,
        recipe=read_recipe(overrides={"encoder": shape, "token_pooling": pooling}).model_dump(
            mode="json"
        ),
    )
    write_manifest(manifest, folder)
    return folder


def _threshold(model: Any, texts: list[str]) -> float:
    """A threshold that about three spans of a text reach, between two scores and on neither."""
    from encswap.evaluate.score import score_texts
    from encswap.gliner.schema import EntitySchema

    found = score_texts(model, texts, EntitySchema.of(LABELS), floor=0.0)
    scores = sorted((one.score for document in found for one in document), reverse=True)
    place = SPANS_A_TEXT * len(texts)
    return (scores[place] + scores[place + 1]) / 2
