"""The default loader: without remote code, from safetensors, no gap unexplained."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from encswap.errors import SourceError, SwapError
from encswap.safety.trusted_classes import load_tokenizer
from encswap.testing.mini.encoders import mini_encoder
from encswap.types import EncoderSpec, Source


@pytest.fixture
def replica(plugins, tmp_path: Path) -> Path:
    """A folder of the selected encoder's shape, to be damaged."""
    import shutil

    folder = tmp_path / "replica"
    shutil.copytree(mini_encoder(plugins.encoders["ko-deberta"]), folder)
    return folder


def load(plugins, folder: Path, **options):
    spec = EncoderSpec("replica", "")
    return plugins.load_encoder(spec, Source("replica", folder, "folder", str(folder), **options))


def edit(path: Path, **changes):
    values = json.loads(path.read_text())
    path.write_text(json.dumps({**values, **changes}))


def test_a_wordpiece_tokenizer_declared_as_sentencepiece_loads(plugins, replica: Path):
    edit(replica / "tokenizer_config.json", tokenizer_class="DebertaV2Tokenizer")
    assert not (replica / "spm.model").exists()
    tokenizer = load_tokenizer(replica, "replica")
    assert tokenizer.is_fast
    pieces = tokenizer.tokenize("당뇨병 환자에게")
    assert pieces and tokenizer.unk_token not in pieces
    assert load(plugins, replica).tokenizer.tokenize("당뇨병 환자에게") == pieces


def test_transformers_alone_fails_on_that_shape_or_reads_it_alike(replica: Path):
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    edit(replica / "tokenizer_config.json", tokenizer_class="DebertaV2Tokenizer")
    try:
        theirs = AutoTokenizer.from_pretrained(str(replica)).tokenize("당뇨병")
    except (TypeError, ValueError):
        return
    assert theirs == PreTrainedTokenizerFast.from_pretrained(str(replica)).tokenize("당뇨병")


def test_weights_come_in_float32(plugins, replica: Path):
    weights = {
        name: tensor.half() for name, tensor in load_file(replica / "model.safetensors").items()
    }
    save_file(weights, replica / "model.safetensors", metadata={"format": "pt"})
    edit(replica / "config.json", dtype="float16")
    model = load(plugins, replica).model
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


def test_a_missing_weight_is_refused(plugins, replica: Path):
    weights = load_file(replica / "model.safetensors")
    dropped = next(name for name in weights if name.endswith("attention.self.query_proj.weight"))
    del weights[dropped]
    save_file(weights, replica / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(SwapError, match=r"1 weights are missing.*query_proj\.weight"):
        load(plugins, replica)


def test_remote_code_is_refused(plugins, replica: Path):
    edit(replica / "config.json", auto_map={"AutoModel": "evil.Model"})
    with pytest.raises(SourceError, match="does not run"):
        load(plugins, replica)


def test_pickle_weights_are_refused_unless_asked_for(plugins, replica: Path):
    weights = load_file(replica / "model.safetensors")
    (replica / "model.safetensors").unlink()
    torch.save(weights, replica / "pytorch_model.bin")
    with pytest.raises(SourceError, match="only as pickle"):
        load(plugins, replica)
    assert load(plugins, replica, allow_pickle=True).model is not None


def test_a_folder_that_is_no_model_says_so(plugins, tmp_path: Path):
    with pytest.raises(SourceError, match=r"no config\.json"):
        load(plugins, tmp_path)


def test_a_truncated_weight_file_is_one_line(plugins, replica: Path):
    content = (replica / "model.safetensors").read_bytes()
    (replica / "model.safetensors").write_bytes(content[: len(content) // 2])
    with pytest.raises(SourceError) as caught:
        load(plugins, replica)
    assert "\n" not in str(caught.value)
