"""What tests share: every test is offline, and mini models are built once per worker."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from encswap.models import resolve
from encswap.plugins import Plugins, load_plugins
from encswap.types import LoadedEncoder

# Several workers share the cores; more threads than cores only wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture(scope="session", autouse=True)
def mini_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache of its own, so that no test reads what a person has built."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ENCSWAP_CACHE", str(folder))
        patch.setenv("TOKENIZERS_PARALLELISM", "false")
        yield folder


@pytest.fixture(scope="session")
def plugins() -> Plugins:
    """The bundled plugins, loaded once."""
    return load_plugins()


@pytest.fixture(scope="session")
def base(plugins: Plugins) -> Any:
    """A mini base of the real class with drawn, untrained weights."""
    model = draw_base(plugins, "gliner2-base", max_width=8, counting_layer="count_lstm_v2")
    open_gate(model)
    return model


@pytest.fixture(scope="session")
def boundary_base(plugins: Plugins) -> Any:
    """A mini base with a boundary head, drawn and untrained."""
    small = {"boundary_dim": 32, "pair_dim": 32, "multihead_pair_compat_heads": 4}
    return draw_base(plugins, "gliner2.5-base", architecture="boundary", boundary_head=small)


def draw_base(plugins: Plugins, name: str, **settings: Any) -> Any:
    """Draw a small model of a registered base's classes."""
    import torch

    from encswap.data.input import find_data
    from encswap.data.readers import read_examples
    from encswap.gliner import model as gliner
    from encswap.testing.mini.encoders import draw_encoder
    from encswap.testing.mini.tokenizers import train_tokenizer

    spec = plugins.bases[name]
    texts = [example.text for example in read_examples(find_data("en-medical/test.jsonl"))]
    tokenizer = train_tokenizer(spec.fact("tokenizer"), texts)
    gliner.add_markers(tokenizer)
    torch.manual_seed(0)
    loaded = LoadedEncoder(draw_encoder(spec, tokenizer), tokenizer)
    return gliner.new_model(None, loaded, model_name=spec.hub_id, **settings)


def open_gate(model: Any) -> None:
    """Make the drawn count head say "one", so that an untrained model extracts something."""
    import torch

    with torch.no_grad():
        model.count_pred[-1].bias[1] += 10.0


@pytest.fixture(scope="session")
def base_folder(base: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The untrained mini base as a checkpoint."""
    from encswap.gliner import model as gliner

    folder = tmp_path_factory.mktemp("base") / "base"
    gliner.save_model(base, folder)
    return folder


@pytest.fixture
def load_mini(plugins: Plugins) -> Any:
    """Load a registered encoder at mini scale."""
    from encswap.testing.mini.encoders import mini_encoder

    def load(name: str) -> LoadedEncoder:
        spec = plugins.encoders[name]
        mini_encoder(spec)
        return plugins.load_encoder(spec, resolve(name, plugins, scale="mini"))

    return load


@pytest.fixture(autouse=True)
def _seeded() -> None:
    random.seed(0)
