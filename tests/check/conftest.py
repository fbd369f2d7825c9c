"""Replica folders: the recorded configs at full size, small tokenizers of the real kinds."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from encswap.plugins import Plugins, load_plugins

SENTENCE_MODULES = [
    {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
    {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
    {
        "idx": 2,
        "name": "2",
        "path": "2_Normalize",
        "type": "sentence_transformers.models.Normalize",
    },
]


@pytest.fixture(scope="session")
def plugins() -> Plugins:
    return load_plugins()


@pytest.fixture(scope="session")
def replicas(tmp_path_factory: pytest.TempPathFactory, plugins: Plugins) -> dict[str, Path]:
    """One folder for each registered encoder and for the default base, as their files are."""
    root = tmp_path_factory.mktemp("replicas")
    patch = pytest.MonkeyPatch()
    patch.setenv("ENCSWAP_CACHE", str(root / "cache"))
    try:
        made = {name: _replica(root / name, spec) for name, spec in plugins.encoders.items()}
        made["gliner2-base"] = _replica_base(root / "base", plugins)
    finally:
        patch.undo()
    return made


def _replica(folder: Path, spec: Any) -> Path:
    from encswap.testing.mini.encoders import recorded_folder

    if spec.layout == "complete-model":
        folder.mkdir()
        (folder / "gliner_config.json").write_text('{"model_name": "x"}', encoding="utf-8")
    else:
        shutil.copytree(recorded_folder(spec), folder)
    if spec.layout == "sentence-embedding":
        (folder / "modules.json").write_text(json.dumps(SENTENCE_MODULES), encoding="utf-8")
    if spec.name == "ko-deberta":
        change(folder / "tokenizer_config.json", tokenizer_class="DebertaV2Tokenizer")
    licence = spec.fact("licence")
    front = f"---\nlicense: {licence}\n---\n" if licence else "---\ntags: []\n---\n"
    (folder / "README.md").write_text(front + "# a replica\n", encoding="utf-8")
    return folder


def _replica_base(folder: Path, plugins: Plugins) -> Path:
    from encswap.testing.mini.encoders import recorded_folder

    made = recorded_folder(plugins.bases["gliner2-base"])
    shutil.copytree(made, folder)
    (folder / "encoder_config").mkdir()
    shutil.move(folder / "config.json", folder / "encoder_config" / "config.json")
    heads = {"model_type": "extractor", "architecture": "span", "max_width": 8}
    (folder / "config.json").write_text(json.dumps(heads), encoding="utf-8")
    return folder


def change(path: Path, **fields: Any) -> None:
    """Set fields of a JSON file; None removes one."""
    values = json.loads(path.read_text(encoding="utf-8")) | fields
    kept = {key: value for key, value in values.items() if value is not None}
    path.write_text(json.dumps(kept, ensure_ascii=False), encoding="utf-8")


@pytest.fixture
def replica(replicas: dict[str, Path], tmp_path: Path) -> Callable[[str], Path]:
    """Give a copy of a replica that a test may spoil."""

    def copy(name: str) -> Path:
        return Path(shutil.copytree(replicas[name], tmp_path / name))

    return copy
