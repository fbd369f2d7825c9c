"""A run on a few documents, made ready in a call."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from encswap.data.input import find_data
from encswap.gliner import model as gliner
from encswap.models import resolve, spec_of
from encswap.recipe import read_recipe
from encswap.testing.mini.encoders import mini_encoder
from encswap.train.fit import Job
from encswap.train.prepare import make_ready, read_documents
from encswap.train.run_folder import RunFolder
from encswap.types import Unwatched


def head(source: str, count: int, path: Path) -> Path:
    lines = find_data(source).read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(lines[:count]), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def files(tmp_path_factory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("files")
    return {
        "train": str(head("ko-medical/train.jsonl", 24, folder / "train.jsonl")),
        "test": str(head("ko-medical/test.jsonl", 6, folder / "test.jsonl")),
    }


@pytest.fixture(scope="session")
def boundary_folder(boundary_base, tmp_path_factory) -> Path:
    """The untrained boundary base as a checkpoint."""
    folder = tmp_path_factory.mktemp("boundary") / "base"
    gliner.save_model(boundary_base, folder)
    return folder


@pytest.fixture
def job_of(plugins, base_folder, files, tmp_path) -> Callable[..., Job]:
    """Make a job ready; settings override the mini recipe's."""

    def make(encoder: str = "koelectra", base: Path | None = None, **settings: Any) -> Job:
        given = {"encoder": encoder, "base": str(base or base_folder), "epochs": 2, **files}
        recipe = read_recipe(overrides={**given, **settings}, layers=("mini",))
        spec = spec_of(encoder, plugins)
        mini_encoder(spec)
        documents = read_documents(recipe)
        ready = make_ready(
            recipe,
            documents,
            plugins,
            spec=spec,
            base_source=resolve(str(base or base_folder), plugins),
            encoder_source=resolve(encoder, plugins, scale="mini"),
        )
        folder = RunFolder.create(tmp_path / "run")
        return Job(recipe, documents, ready, plugins, folder, Unwatched())

    return make
