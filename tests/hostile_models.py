"""A family of models that ask for what they may not have: each case spoils a sound folder.

A case gets the folder and its encoder's config file, which a checkpoint keeps in `encoder_config/`.
"""

from __future__ import annotations

import json
import os
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

Spoil = Callable[[Path, Path], None]
EVIL = "other/repo--modeling_evil.Evil"
BOMB = 10**7


class Payload:
    """A pickle that writes a file when it is loaded."""

    def __init__(self, canary: str) -> None:
        self.canary = canary

    def __reduce__(self) -> Any:
        return (Path.touch, (Path(self.canary),))


def change(path: Path, **fields: Any) -> None:
    values = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    path.write_text(json.dumps(values | fields), encoding="utf-8")


def config(**fields: Any) -> Spoil:
    return lambda _folder, path: change(path, **fields)


def beside(name: str, **fields: Any) -> Spoil:
    return lambda folder, _path: change(folder / name, **fields)


def raw(text: str) -> Spoil:
    """Put JSON text before the config's own fields: what `json` itself cannot write."""

    def spoil(_folder: Path, path: Path) -> None:
        fields = json.loads(path.read_text(encoding="utf-8"))
        key = text.partition(":")[0].strip('" ')
        fields.pop(key, None)
        path.write_text("{" + text + ", " + json.dumps(fields)[1:], encoding="utf-8")

    return spoil


def written(name: str, content: bytes) -> Spoil:
    def spoil(folder: Path, _path: Path) -> None:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)

    return spoil


def both(*steps: Spoil) -> Spoil:
    def spoil(folder: Path, path: Path) -> None:
        for step in steps:
            step(folder, path)

    return spoil


def index(shard: str) -> Spoil:
    return beside("model.safetensors.index.json", metadata={}, weight_map={"a.weight": shard})


def deep(value: Any, times: int) -> Any:
    for _ in range(times):
        value = {"inside": [value]}
    return value


MODELING = b"from pathlib import Path\nPath(__file__ + '.ran').touch()\nclass Evil: ...\n"
AUTO = {"AutoModel": EVIL, "AutoConfig": EVIL, "AutoTokenizer": [EVIL, EVIL]}
SECRET = "/etc/hostname"

CODE: dict[str, Spoil] = {
    "auto_map": config(auto_map=AUTO),
    "auto_map to a file beside": both(
        written("modeling_evil.py", MODELING), config(auto_map={"AutoModel": "modeling_evil.Evil"})
    ),
    "auto_map of the config alone": config(auto_map={"AutoConfig": EVIL}),
    "auto_map that is a text": config(auto_map=EVIL),
    "attribute_map to auto_map": config(attribute_map={"zz": "auto_map"}, zz=AUTO),
    "attribute_map over two names": config(
        attribute_map={"zz": "yy", "yy": "auto_map"}, zz=AUTO, yy=AUTO
    ),
    "attribute_map of a size": config(attribute_map={"hidden_size": "zz"}, zz=8),
    "attribute_map that is empty": config(attribute_map={}),
    "auto_map in a text config": config(text_config={"model_type": "bert", "auto_map": AUTO}),
    "auto_map in an encoder": config(encoder={"model_type": "bert", "auto_map": AUTO}),
    "auto_map in a list": config(encoders=[{"model_type": "bert", "auto_map": AUTO}]),
    "auto_map of one layer": config(per_layer_config={"0": {"auto_map": AUTO}}),
    "auto_map far inside": config(zz=deep({"auto_map": AUTO}, 5)),
    "attribute_map in a text config": config(
        text_config={"model_type": "bert", "attribute_map": {"zz": "auto_map"}, "zz": AUTO}
    ),
    "a config that is an encoder and a decoder": config(
        model_type="encoder-decoder",
        encoder={"model_type": "bert", "auto_map": AUTO},
        decoder={"model_type": "bert"},
    ),
    "the object's own dictionary": config(__dict__={"zz": AUTO}),
    "the object's class": config(__class__="builtins.eval"),
    "a pipeline": config(custom_pipelines={"ner": {"impl": "evil.Evil", "pt": ["AutoModel"]}}),
    "trust": config(trust_remote_code=True),
    "a mapping of an adapter": config(auto_mapping={"parent_library": "os"}),
    "auto_map of the tokenizer": beside("tokenizer_config.json", auto_map=AUTO),
    "auto_map of the tokenizer, as a list": beside("tokenizer_config.json", auto_map=[EVIL, EVIL]),
    "a tokenizer class of its own": beside("tokenizer_config.json", tokenizer_class="Evil"),
    "a tokenizer class with a path": beside("tokenizer_config.json", tokenizer_class="os.system"),
    "a tokenizer class that is a model": beside(
        "tokenizer_config.json", tokenizer_class="AutoModel"
    ),
    "a tokenizer class that is a function": beside(
        "tokenizer_config.json", tokenizer_class="pipeline"
    ),
    "a tokenizer class that is a list": beside("tokenizer_config.json", tokenizer_class=["Evil"]),
    "a tokenizer class in the config": config(tokenizer_class="Evil"),
    "a kernel for attention": config(attn_implementation="other/repo"),
    "a kernel at a revision": config(attn_implementation="other/repo@main:evil"),
    "a paged kernel": config(attn_implementation="paged|other/repo"),
    "a kernel by its inner name": config(_attn_implementation_internal="other/repo"),
    "a kernel in a mapping": config(attn_implementation={"": "sdpa", "text_config": "other/repo"}),
    "a kernel for experts": config(experts_implementation="other/repo"),
    "kernels": config(use_kernels=True),
    "a kernel mapping": config(kernel_config={"kernel_mapping": {"RMSNorm": "other/repo:RMSNorm"}}),
    "a fusion": config(fusion_config={"evil": "other/repo"}),
    "auto_map for generation": beside("generation_config.json", auto_map=AUTO),
    "a function for generation": beside("generation_config.json", custom_generate="other/repo"),
    "auto_map of a processor": beside("preprocessor_config.json", auto_map=AUTO),
    "code for generation": written("custom_generate/generate.py", MODELING),
}
OUTSIDE: dict[str, Spoil] = {
    "an adapter": beside(
        "adapter_config.json", base_model_name_or_path="other/repo", peft_type="LORA"
    ),
    "another config": config(configuration_files=["config.1.0.0.json"]),
    "a gguf file": beside("tokenizer_config.json", gguf_file="/etc/hostname"),
    "a tokenizer file above": beside("tokenizer_config.json", tokenizer_file="../tokenizer.json"),
    "a vocabulary elsewhere": beside("tokenizer_config.json", vocab_file=SECRET),
    "a vocabulary by its short name": beside("tokenizer_config.json", vocab=SECRET),
    "a vocabulary in the home": beside("tokenizer_config.json", merges_file="~/../../etc/hostname"),
    "arguments of the tokenizer": beside("tokenizer_config.json", init_inputs=[SECRET]),
    "a shard above": index("../model.safetensors"),
    "a shard elsewhere": index("/etc/hostname"),
    "a shard that is a pickle": index("evil.bin"),
    "a shard in a folder": index("inner/model.safetensors"),
    "weights above": config(transformers_weights="../model.safetensors"),
    "weights that are a pickle": config(transformers_weights="evil.bin"),
    "a backbone": config(backbone="other/repo", use_pretrained_backbone=True),
    "a backbone of timm": config(use_timm_backbone=True),
    "an index": config(index_path="other/repo"),
}
FORMAT: dict[str, Spoil] = {
    "quantised weights": config(quantization_config={"quant_method": "gptq", "bits": 4}),
    "a quantiser by name": config(quantization_config={"quant_method": "evil"}),
    "a pickled index": written(".metadata", b"\x80\x04."),
}
BOMBS: dict[str, Spoil] = {
    "ten million layers": config(num_hidden_layers=BOMB),
    "ten million layers inside": config(text_config={"num_hidden_layers": BOMB}),
    "ten million heads": config(num_attention_heads=BOMB),
    "a huge hidden size": config(hidden_size=10**9),
    "a huge vocabulary": config(vocab_size=10**12),
    "a huge intermediate size": config(intermediate_size=10**9),
    "huge positions": config(max_position_embeddings=10**12),
    "a number without end": raw('"hidden_size": 1' + "0" * 4000),
    "a negative size": config(hidden_size=-768),
    "no layers": config(num_hidden_layers=0),
    "a size that is a text": config(hidden_size="768"),
    "a size that is true": config(num_hidden_layers=True),
    "a size that is a list": config(vocab_size=[1, 2]),
    "a size that is null": config(hidden_size=None),
    "a size that is a fraction": config(hidden_size=768.5),
    "a size that is not a number": raw('"layer_norm_eps": NaN'),
    "a size without end": raw('"initializer_range": -Infinity'),
    "a thousand labels of labels": config(num_labels=10**9),
    "nested too deeply": config(zz=deep(1, 200)),
    "a list of half a million": config(zz=[0] * 500_000),
    "a type of numbers that is a function": config(dtype="load"),
    "five megabytes": written("config_more.json", b'{"a": "' + b"x" * 5 * 2**20 + b'"}'),
}


def pipe(name: str) -> Spoil:
    def spoil(folder: Path, _path: Path) -> None:
        (folder / name).unlink(missing_ok=True)
        os.mkfifo(folder / name)

    return spoil


def link(name: str, target: str) -> Spoil:
    def spoil(folder: Path, _path: Path) -> None:
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(target)

    return spoil


def hollow(name: str, size: int) -> Spoil:
    def spoil(folder: Path, _path: Path) -> None:
        with (folder / name).open("wb") as file:
            file.truncate(size)

    return spoil


BOMBS |= {
    "weights that are a pipe": pipe("model.safetensors"),
    "a vocabulary that is a pipe": pipe("vocab.txt"),
    "a tokenizer that is a pipe": pipe("tokenizer.json"),
    "settings that are a pipe": pipe("tokenizer_config.json"),
    "a vocabulary without end": link("vocab.txt", "/dev/zero"),
    "weights without end": link("model.safetensors", "/dev/zero"),
    "a vocabulary of a terabyte": hollow("vocab.txt", 2**40),
}


def header(text: bytes, *, length: int | None = None, tail: bytes = b"\0" * 64) -> Spoil:
    """Put a header of one's own before some bytes."""
    head = struct.pack("<Q", len(text) if length is None else length)
    return written("model.safetensors", head + text + tail)


def entry(name: str, shape: list[int], end: int, start: int = 0) -> str:
    return f'"{name}": {{"dtype": "F32", "shape": {shape}, "data_offsets": [{start}, {end}]}}'


def value_in_weights(value: float) -> Spoil:
    def spoil(folder: Path, _path: Path) -> None:
        from safetensors.torch import load_file, save_file

        state = load_file(folder / "model.safetensors")
        name = next(one for one in sorted(state) if one.endswith("LayerNorm.bias"))
        state[name] = state[name].clone()
        state[name][0] = value
        save_file(state, folder / "model.safetensors", metadata={"format": "pt"})

    return spoil


def cut_weights(folder: Path, _path: Path) -> None:
    content = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(content[: len(content) // 2])


WEIGHTS: dict[str, Spoil] = {
    "a name twice in the header": header(
        f"{{{entry('a', [4], 16)}, {entry('a', [4], 16)}}}".encode()
    ),
    "a header longer than the file": header(b"{}", length=2**40),
    "a header of no length": header(b"", length=0),
    "a header that is no JSON": header(b"{" * 5000),
    "a tensor outside the file": header(f"{{{entry('a', [10**9], 4 * 10**9)}}}".encode()),
    "a tensor of another size": header(f"{{{entry('a', [1000], 16)}}}".encode()),
    "a tensor of negative size": header(f"{{{entry('a', [-4], 16)}}}".encode()),
    "an empty file": written("model.safetensors", b""),
    "a cut file": cut_weights,
    "NaN in a weight": value_in_weights(float("nan")),
    "an infinite weight": value_in_weights(float("-inf")),
    "a model larger than its weights": config(intermediate_size=2**20),
}
TOKENIZERS: dict[str, Spoil] = {
    "a tokenizer that is null": written("tokenizer.json", b"null"),
    "a tokenizer that is cut": written("tokenizer.json", b'{"version": "1.0", "model": {'),
    "a tokenizer without a model": written("tokenizer.json", b'{"added_tokens": []}'),
    "a million added tokens": written(
        "tokenizer.json",
        json.dumps(
            {
                "model": {"type": "WordPiece"},
                "added_tokens": [{"id": n, "content": f"t{n}"} for n in range(200_000)],
            }
        ).encode(),
    ),
}


def far_id(folder: Path, _path: Path) -> None:
    path = folder / "tokenizer.json"
    values = json.loads(path.read_text(encoding="utf-8"))
    vocabulary = values["model"]["vocab"]
    far = {"id": 10**9, "content": "far", "special": False, "normalized": False}
    far |= {"single_word": False, "lstrip": False, "rstrip": False}
    if isinstance(vocabulary, dict):
        values["model"]["vocab"] = vocabulary | {"far": 10**9}
    else:
        values["added_tokens"].append(far)
    path.write_text(json.dumps(values), encoding="utf-8")


TOKENIZERS["a token with a far number"] = far_id
GROUPS: dict[str, dict[str, Spoil]] = {
    "remote-code": CODE,
    "outside-files": OUTSIDE,
    "weights-format": FORMAT,
    "files": BOMBS,
    "weights-load": WEIGHTS,
    "tokenizer-loads": TOKENIZERS,
}
CASES = [(code, name) for code, group in GROUPS.items() for name in group]


def evil_pickle(path: Path, canary: Path) -> None:
    path.write_bytes(pickle.dumps(Payload(str(canary))))
