"""A plain tagger on the same encoder: the independent reference that the swap is held against.

    python benchmarks/real/tagger.py --cache DIR --data DIR --size 1000 --out FILE.json

`AutoModelForTokenClassification` with BIO tags on subtokens, each sentence tokenised as running
text; AdamW at one rate with linear decay. Nothing of encswap's training or scoring is used: exact
spans are counted here. The dev sentences are those of the swap's run.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from sets import SETS, set_of
from transformers import AutoModelForTokenClassification, AutoTokenizer, set_seed

from encswap.data.split import split_dev
from encswap.errors import EncswapError, TrainingError
from encswap.files import write_json
from encswap.types import Example

IGNORED = -100
Span = tuple[int, int, str]


def bio(example: Example, offsets: Sequence[tuple[int, int]], ids: dict[str, int]) -> list[int]:
    """Tag subtokens: the first that touches a mention begins it, special ones are left out.

    A mention that begins inside a subtoken still gets it: a tagger has no finer place.
    """
    tags = [IGNORED if start == end else ids["O"] for start, end in offsets]
    for mention in sorted(example.mentions):
        places = [
            place
            for place, (start, end) in enumerate(offsets)
            if start < mention.end and end > mention.start and tags[place] == ids["O"]
        ]
        for number, place in enumerate(places):
            tags[place] = ids[f"{'I' if number else 'B'}-{mention.label}"]
    return tags


def spans(tags: Sequence[str], offsets: Sequence[tuple[int, int]]) -> set[Span]:
    """Decode BIO tags to spans of characters; an I without its B begins a span."""
    found: list[Span] = []
    label, first, last = "", 0, 0
    for tag, (start, end) in zip(tags, offsets, strict=True):
        if start == end:
            continue
        mark, _, name = tag.partition("-")
        if label and (mark != "I" or name != label):
            found.append((first, last, label))
            label = ""
        if mark != "O" and not label:
            label, first = name, start
        last = end
    return {*found, *([(first, last, label)] if label else [])}


def trimmed(found: set[Span], text: str) -> set[Span]:
    """Take white space off the ends: a Unigram piece holds the space before it."""
    kept = set()
    for start, end, label in found:
        inner = text[start:end].strip()
        if inner:
            begin = start + text[start:end].index(inner)
            kept.add((begin, begin + len(inner), label))
    return kept


def f1(found: Sequence[set[Span]], gold: Sequence[set[Span]]) -> dict[str, Any]:
    """Micro F1 of exact spans, by label, with a bootstrap interval over sentences."""
    counts = [(len(a & b), len(a), len(b)) for a, b in zip(found, gold, strict=True)]

    def score(rows: Sequence[tuple[int, int, int]]) -> float:
        hits, said, meant = (sum(column) for column in zip(*rows, strict=True))
        return 2 * hits / (said + meant) if said + meant else 0.0

    draw = random.Random(0)
    drawn = sorted(score(draw.choices(counts, k=len(counts))) for _ in range(1000))
    labels = sorted({label for one in gold for _, _, label in one})
    by_label = {}
    for label in labels:
        parts = [
            [{one for one in part if one[2] == label} for part in side] for side in (found, gold)
        ]
        by_label[label] = score([(len(a & b), len(a), len(b)) for a, b in zip(*parts, strict=True)])
    return {"f1": score(counts), "low": drawn[25], "high": drawn[974], "per_label": by_label}


class Tagger:
    """The encoder with a linear layer over BIO tags."""

    def __init__(self, encoder: Path, labels: Sequence[str], *, half: bool) -> None:
        self.names = ["O", *(f"{mark}-{one}" for one in labels for mark in "BI")]
        self.ids = {name: number for number, name in enumerate(self.names)}
        self.tokenizer = AutoTokenizer.from_pretrained(encoder)
        self.model = AutoModelForTokenClassification.from_pretrained(
            encoder, num_labels=len(self.names)
        ).float()
        self.half = half
        self.places: torch.Tensor | None = None

    def keep_rows_of(self, texts: list[str]) -> None:
        """Keep the embedding rows that these texts use; the others would only cost time."""
        ids = {one for row in self.tokenizer(texts)["input_ids"] for one in row}
        used = torch.tensor(sorted({*ids, self.tokenizer.pad_token_id}))
        table = self.model.get_input_embeddings()
        self.places = torch.zeros(table.num_embeddings, dtype=torch.long)
        self.places[used] = torch.arange(len(used))
        self.model.set_input_embeddings(
            torch.nn.Embedding.from_pretrained(table.weight.detach()[used], freeze=False)
        )

    def loss(self, batch: Sequence[Example]) -> torch.Tensor:
        """Cross-entropy over the subtokens of a batch."""
        encoded, offsets = self._encode([one.text for one in batch])
        tags = torch.full(encoded["input_ids"].shape, IGNORED)
        for row, one in enumerate(batch):
            found = bio(one, offsets[row], self.ids)
            tags[row, : len(found)] = torch.tensor(found)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.half):
            logits = self.model(**encoded).logits
        return torch.nn.functional.cross_entropy(
            logits.float().flatten(0, 1), tags.flatten(), ignore_index=IGNORED
        )

    @torch.inference_mode()
    def predict(self, examples: Sequence[Example]) -> list[set[Span]]:
        """Exact spans of each text."""
        self.model.eval()
        found = []
        for start in range(0, len(examples), 32):
            part = examples[start : start + 32]
            encoded, offsets = self._encode([one.text for one in part])
            best = self.model(**encoded).logits.argmax(-1).tolist()
            for one, tags, places in zip(part, best, offsets, strict=True):
                named = [self.names[tag] for tag in tags[: len(places)]]
                found.append(trimmed(spans(named, places), one.text))
        self.model.train()
        return found

    def _encode(self, texts: list[str]) -> tuple[Any, list[list[tuple[int, int]]]]:
        encoded = self.tokenizer(
            texts, return_tensors="pt", padding=True, return_offsets_mapping=True, truncation=True
        )
        if self.places is not None:
            encoded["input_ids"] = self.places[encoded["input_ids"]]
        offsets = [[(a, b) for a, b in row] for row in encoded.pop("offset_mapping").tolist()]
        return encoded, offsets


def gold_of(examples: Sequence[Example]) -> list[set[Span]]:
    """The exact spans that are meant."""
    return [{(m.start, m.end, m.label) for m in one.mentions} for one in examples]


def train(
    tagger: Tagger,
    parts: dict[str, list[Example]],
    *,
    rate: float,
    batch: int,
    epochs: int,
    seed: int,
) -> dict[str, Any]:
    """Train; the epoch with the best dev F1 gives the test score."""
    tagger.keep_rows_of([one.text for part in parts.values() for one in part])
    trained = list(tagger.model.parameters())
    optimizer = torch.optim.AdamW(trained, lr=rate, weight_decay=0.01)
    steps = epochs * -(-len(parts["train"]) // batch)
    warm = max(1, steps // 10)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / warm, max(0.0, (steps - step) / (steps - warm)))
    )
    order, rows = random.Random(seed), []
    best: dict[str, Any] = {}
    tagger.model.train()
    for epoch in range(1, epochs + 1):
        began, losses = time.monotonic(), []
        shuffled = order.sample(parts["train"], len(parts["train"]))
        for start in range(0, len(shuffled), batch):
            loss = tagger.loss(shuffled[start : start + batch])
            loss.backward()
            torch.nn.utils.clip_grad_norm_(trained, 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            losses.append(float(loss.detach()))
        dev = f1(tagger.predict(parts["dev"]), gold_of(parts["dev"]))["f1"]
        if dev > max((row["dev_f1"] for row in rows), default=0.0):
            best = {
                "epoch": epoch,
                "test": f1(tagger.predict(parts["test"]), gold_of(parts["test"])),
            }
        rows.append(
            {
                "epoch": epoch,
                "train_loss": sum(losses) / len(losses),
                "dev_f1": dev,
                "seconds": round(time.monotonic() - began, 1),
            }
        )
        told = best["test"]["f1"] if best else 0.0
        print(f"epoch {epoch}: dev {dev:.3f}, test at the best {told:.3f}", flush=True)
    if not best:
        raise TrainingError("the tagger found nothing in dev", hint="raise --epochs or --rate")
    return {**best, "epochs": rows}


def parts_of(data: Path, size: int, seed: int, gold: str = "klue") -> dict[str, list[Example]]:
    """Train, dev and test sentences: those of a swap's run with the same seed."""
    documents, test = set_of(gold).divide(data, size)
    own, dev = split_dev(documents, 0.15, seed)
    return {"train": own, "dev": dev, "test": test}


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--set", default="klue", choices=SETS, help="the gold; default: klue")
    parser.add_argument("--encoder", default="e5-small")
    parser.add_argument("--size", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=1e-4)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--half", action="store_true", help="products in bfloat16")
    asked = parser.parse_args()
    parts = parts_of(asked.data, asked.size, asked.seed, asked.set)
    set_seed(asked.seed)
    known = (*parts["train"], *parts["dev"])
    labels = sorted({mention.label for one in known for mention in one.mentions})
    tagger = Tagger(asked.cache / asked.encoder, labels, half=asked.half)
    options = {"rate": asked.rate, "batch": asked.batch, "epochs": asked.epochs, "seed": asked.seed}
    found = train(tagger, parts, **options)
    settings = {
        "encoder": asked.encoder,
        "set": asked.set,
        "size": asked.size,
        "half": asked.half,
        **options,
    }
    write_json(asked.out, {"name": asked.out.stem, "settings": settings, **found})
    print(json.dumps(found["test"]))


if __name__ == "__main__":
    try:
        main()
    except EncswapError as error:
        sys.exit(str(error))
