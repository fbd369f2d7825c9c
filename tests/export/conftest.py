"""Small checkpoints of several encoder classes, drawn and not trained."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from encswap.data.input import find_data
from encswap.data.readers import read_examples
from encswap.evaluate.score import score_texts
from encswap.gliner import model as gliner
from encswap.gliner.schema import EntitySchema
from encswap.manifest import Manifest, ModelRecord, describe_splitter, write_manifest
from encswap.plugins import Plugins
from encswap.recipe import read_recipe
from encswap.types import LoadedEncoder, Unwatched

KINDS = {
    "bert": ("WordPiece", {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4}),
    "electra": ("WordPiece", {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4}),
    "deberta-v2": ("Unigram", {"[PAD]": 0, "[CLS]": 1, "[SEP]": 2, "[UNK]": 3, "[MASK]": 4}),
    "roberta": ("BPE", {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, "<mask>": 4}),
    "xlm-roberta": ("Unigram", {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, "<mask>": 4}),
}
MORE = {
    "deberta-v2": {
        "relative_attention": True,
        "position_buckets": 16,
        "pos_att_type": ["p2c", "c2p"],
        "share_att_key": True,
        "norm_rel_ebd": "layer_norm",
        "position_biased_input": False,
        "max_relative_positions": -1,
    },
    "electra": {"embedding_size": 24},
}
LABELS = ("질병", "약물", "증상")


@pytest.fixture(scope="session")
def korean() -> list[Any]:
    return list(read_examples(find_data("ko-medical/test.jsonl")))[:8]


@pytest.fixture(scope="session")
def few(tmp_path_factory) -> str:
    """A file with a few Korean texts that were looked through for the drawn models' labels."""
    path = tmp_path_factory.mktemp("few") / "few.jsonl"
    texts = [example.text for example in read_examples(find_data("ko-medical/test.jsonl"))]
    gold: dict[str, list[str]] = {label: [] for label in LABELS}
    records = (json.dumps({"text": text, "entities": gold}) for text in texts[:12])
    path.write_text("\n".join(records) + "\n", encoding="utf-8")
    return str(path)


@pytest.fixture(scope="session")
def checkpoint(plugins: Plugins, korean, tmp_path_factory) -> Callable[..., Path]:
    """Write a checkpoint with `encswap.json`, each once."""
    made: dict[Any, Path] = {}

    def make(
        kind: str = "bert",
        counting: str = "count_lstm_v2",
        splitter: str = "kiwi",
        positions: int = 512,
        **more: Any,
    ) -> Path:
        key = (kind, counting, splitter, positions, str(more))
        if key not in made:
            made[key] = tmp_path_factory.mktemp(kind) / "model"
            _write(plugins, korean, made[key], kind, counting, splitter, positions, **more)
        return made[key]

    return make


def _write(
    plugins: Plugins,
    korean: list[Any],
    folder: Path,
    kind: str,
    counting: str,
    splitter: str,
    positions: int,
    *,
    options: dict[str, Any] | None = None,
    pooling: str = "first",
    **fields: Any,
) -> None:
    import torch

    from encswap.safety.trusted_classes import build_config, build_model
    from encswap.testing.mini.tokenizers import train_tokenizer

    model_kind, specials = KINDS[kind]
    texts = [example.text for example in korean]
    tokenizer = train_tokenizer({"model": model_kind, "special_tokens": specials}, texts)
    gliner.add_markers(tokenizer)
    torch.manual_seed(0)
    config = build_config(
        {
            "model_type": kind,
            "vocab_size": len(tokenizer),
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "intermediate_size": 64,
            "max_position_embeddings": positions,
            "type_vocab_size": 1,
            "pad_token_id": tokenizer.pad_token_id,
            "initializer_range": 0.3,
            **MORE.get(kind, {}),
        }
    )
    encoder = LoadedEncoder(build_model(config).float(), tokenizer)
    model = gliner.new_model(
        None,
        encoder,
        model_name=kind,
        max_width=6,
        counting_layer=counting,
        token_pooling=pooling,
    )
    speak_clearly(model)
    gliner.save_model(model, folder)
    built = plugins.splitter(splitter, **(options or {}))
    model.processor.word_splitter = built
    record: dict[str, Any] = {
        "encswap": "0.1.0",
        "base": ModelRecord("mini", "mini"),
        "encoder": ModelRecord(kind, kind),
        "splitter": describe_splitter(splitter, built, options or {}),
        "max_width": 6,
        "labels": LABELS,
        "threshold": threshold_of(model, texts),
        "recipe": read_recipe(overrides={"encoder": kind}).model_dump(mode="json"),
        **fields,
    }
    write_manifest(Manifest(**record), folder)


def threshold_of(model: Any, texts: list[str], share: float = 0.05) -> float:
    """A threshold that a share of the spans reaches, between two scores and on neither."""
    asked = EntitySchema.of(LABELS)
    found = score_texts(model, texts, asked, floor=0.0)
    scores = sorted((one.score for document in found for one in document), reverse=True)
    place = int(len(scores) * share)
    return (scores[place] + scores[place + 1]) / 2


def speak_clearly(model: Any) -> None:
    """Let drawn heads say yes to few spans and no to most, and let the gate be open."""
    import torch

    with torch.no_grad():
        model.count_pred[-1].bias[1] += 100.0
        last = model.span_rep.span_rep_layer.out_project[3]
        last.weight *= 12.0


@pytest.fixture
def export_of(plugins: Plugins, few: str, tmp_path: Path) -> Callable[..., Any]:
    """Export a checkpoint into a new folder."""
    from encswap.export.folder import ExportOptions, export_run

    def export(run: Path, out: Path | None = None, **options: Any) -> Any:
        chosen = ExportOptions(**{"data": few, **options})
        return export_run(run, out or tmp_path / "export", plugins, Unwatched(), chosen)

    return export
