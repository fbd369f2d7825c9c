"""Trimming a vocabulary of real size: XLM-R's 250,002 rows of 768, by a set of documents.

The rows are random, the encoder has two layers, and the tokenizer is a Unigram one of that size:
the pieces of the mini encoder, and generated ones. Prints JSON and writes results/trim.json: rows
and bytes of the table before and after, how many texts are cut as before, the largest difference of
an output.
"""

from __future__ import annotations

import itertools
import json
import time
from pathlib import Path
from typing import Any

from encswap.models import resolve
from encswap.plugins import load_plugins
from encswap.swap.trim import encoder_difference, read_texts, trim_encoder
from encswap.swap.vocabulary import backend_of
from encswap.testing.mini.encoders import mini_encoder
from encswap.types import LoadedEncoder

ENCODER = "xlm-r"
TEXTS = "ko-medical/test.jsonl"
ROWS, HIDDEN, LAYERS = 250_002, 768, 2
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def big_tokenizer(small: Any) -> Any:
    """The small tokenizer with generated pieces up to `ROWS`."""
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    backend = backend_of(small)
    model = backend["model"]
    known, lowest = dict(model["vocab"]), min(score for _, score in model["vocab"])
    words = ("▁" + "".join(one) for one in itertools.product(LETTERS, repeat=5))
    new = (word for word in words if word not in known)
    model["vocab"] += [[word, lowest] for word in itertools.islice(new, ROWS - len(small))]
    roles = {name: str(token) for name, token in small.special_tokens_map.items()}
    made = Tokenizer.from_str(json.dumps(backend))
    return PreTrainedTokenizerFast(tokenizer_object=made, **roles)


def big_encoder(plugins: Any) -> LoadedEncoder:
    """An encoder of the real class and width, two layers, random weights."""
    import torch
    from transformers import AutoModel

    spec = plugins.encoders[ENCODER]
    mini_encoder(spec)
    small = plugins.load_encoder(spec, resolve(ENCODER, plugins, scale="mini"))
    config = small.model.config
    config.update(
        {
            "vocab_size": ROWS,
            "hidden_size": HIDDEN,
            "num_hidden_layers": LAYERS,
            "num_attention_heads": 12,
            "intermediate_size": 4 * HIDDEN,
        }
    )
    torch.manual_seed(0)
    return LoadedEncoder(AutoModel.from_config(config).eval(), big_tokenizer(small.tokenizer))


def main() -> None:
    """Trim once with the pieces of single characters kept, once without."""
    plugins = load_plugins()
    encoder = big_encoder(plugins)
    wanted = read_texts([TEXTS], plugins.splitter(plugins.encoders[ENCODER].word_splitter))
    measured = {}
    for name, keep in (("characters_kept", True), ("characters_dropped", False)):
        began = time.perf_counter()
        trimmed = trim_encoder(encoder, wanted, keep_characters=keep)
        seconds = time.perf_counter() - began
        difference, compared = encoder_difference(encoder, trimmed.encoder, wanted.texts)
        table = trimmed.encoder.model.get_input_embeddings().weight
        measured[name] = {
            "rows": len(table),
            "bytes": table.numel() * table.element_size(),
            "parameters": trimmed.encoder.model.num_parameters(),
            "largest_difference": difference,
            "texts_compared": compared,
            "texts_cut_as_before": len(wanted.texts),
            "seconds": round(seconds, 1),
        }
    result = {
        "encoder": f"{ENCODER}, {LAYERS} layers, random weights, generated pieces",
        "texts": TEXTS,
        "before": {
            "rows": ROWS,
            "bytes": ROWS * HIDDEN * 4,
            "parameters": encoder.model.num_parameters(),
            "tokenizer_length": len(encoder.tokenizer),
        },
        "after": measured,
    }
    text = json.dumps(result, indent=2)
    (Path(__file__).parent / "results" / "trim.json").write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
