"""What the training benchmarks share: a model of real size with drawn weights, and documents.

The encoder is ko-deberta's recorded config at another depth and width, with its whole vocabulary;
the tokenizer is of its kind, made of the shipped texts.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoConfig, AutoModel, PreTrainedTokenizerFast

from encswap.data.input import find_data
from encswap.data.readers import read_examples
from encswap.data.units import CachedSplitter, units_of
from encswap.gliner import model as gliner
from encswap.gliner.batches import used_ids
from encswap.gliner.training import set_label_renaming
from encswap.plugins import Plugins, load_plugins
from encswap.recipe import Recipe, read_recipe
from encswap.train.samples import Samples, build_samples
from encswap.train.used_rows import shrink
from encswap.types import Example, LoadedEncoder

LABELS = ("Disease", "Drug", "Procedure", "Biomarker")
WIDTH = 12
SEED = 42


def documents(count: int) -> list[Example]:
    """The first documents of the shipped training set."""
    return read_examples(find_data("ko-medical/train.jsonl"))[:count]


def wordpiece(texts: list[str]) -> PreTrainedTokenizerFast:
    """A WordPiece tokenizer of every character and the 3,000 most frequent words.

    Trained ones differ from run to run: the trainer numbers continuing characters in hash order.
    """
    counts = Counter(word for text in texts for word in text.lower().split())
    characters = sorted({char for text in texts for char in text.lower() if not char.isspace()})
    frequent = sorted(counts, key=lambda word: (-counts[word], word))[:3000]
    specials = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"]
    pieces = [*specials, *characters, *(f"##{char}" for char in characters), *frequent]
    model = models.WordPiece(
        {piece: number for number, piece in enumerate(dict.fromkeys(pieces))}, unk_token="[UNK]"
    )
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", mask_token="[MASK]"
    )


def draw_model(layers: int, hidden: int, architecture: str = "span") -> tuple[Any, Plugins]:
    """Draw a GLiNER2 model around a DeBERTa-v2 encoder of the given size."""
    plugins = load_plugins()
    spec = plugins.encoders["ko-deberta"]
    tokenizer = wordpiece([one.text for one in documents(200)])
    gliner.add_markers(tokenizer)
    torch.manual_seed(SEED)
    config = {
        **spec.config,
        **{"hidden_size": hidden, "num_hidden_layers": layers, "intermediate_size": 4 * hidden},
        **{"num_attention_heads": hidden // 64, "pooler_hidden_size": hidden},
    }
    encoder = AutoModel.from_config(AutoConfig.for_model(**config))
    heads = {"max_width": WIDTH, "counting_layer": "count_lstm_v2"}
    model = gliner.new_model(
        None,
        LoadedEncoder(encoder, tokenizer),
        model_name="drawn",
        word_splitter=CachedSplitter(plugins.splitter("kiwi")),
        **(heads if architecture == "span" else {"architecture": architecture}),
    )
    # gliner2 cuts the table to its tokenizer; the real one has all rows.
    model.encoder.resize_token_embeddings(int(config["vocab_size"]), mean_resizing=False)
    set_label_renaming(model, 0.0)
    return model, plugins


def recipe_of(**settings: Any) -> Recipe:
    """The mini recipe's training with other settings."""
    return read_recipe(overrides={"seed": SEED, **settings}, layers=("mini",))


def samples_of(model: Any, examples: list[Example]) -> Samples:
    """Samples of documents, ready for gliner2's collation."""
    return build_samples(examples, model.processor.word_splitter, LABELS, {}, WIDTH)


def train_used_rows(model: Any, samples: Samples) -> None:
    """Keep the used rows of the embedding table, as a run does."""
    splitter = model.processor.word_splitter
    units = {text[a:b] for text, _ in samples.items for a, b in units_of(splitter, text)}
    shrink(model, used_ids(model, units, LABELS, {}))
