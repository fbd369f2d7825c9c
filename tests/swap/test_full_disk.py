"""A disk that is full, or a place where nothing can be written: one line, and nothing is left."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from safetensors import SafetensorError

from encswap.errors import InputError
from encswap.gliner import model as gliner
from encswap.models import resolve, spec_of
from encswap.plugins import Plugins
from encswap.recipe import read_recipe
from encswap.train.run import write_swap

FULL = "Error while serializing: I/O error: No space left on device (os error 28)"


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), SafetensorError(FULL)])
def test_a_full_disk_in_swap_is_one_line_and_leaves_nothing(
    plugins: Plugins,
    base_folder: Path,
    load_mini: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
):
    load_mini("koelectra")
    out = tmp_path / "out" / "swapped"
    save = gliner.save_model

    def full(model: Any, folder: Path) -> None:
        if folder.is_relative_to(tmp_path):  # the proof finds room, its own place does not
            (folder / "model.safetensors").write_bytes(b"half")
            raise error
        save(model, folder)

    monkeypatch.setattr(gliner, "save_model", full)
    recipe = read_recipe(
        overrides={"encoder": "koelectra", "base": str(base_folder)}, layers=("mini",)
    )
    with pytest.raises(InputError) as caught:
        write_swap(
            recipe,
            plugins,
            spec_of("koelectra", plugins),
            base_source=resolve(str(base_folder), plugins),
            encoder_source=resolve("koelectra", plugins, scale="mini"),
            out=out,
        )
    assert "cannot be written: No space left on device" in str(caught.value)
    assert "make room" in str(caught.value) and "\n" not in str(caught.value)
    assert list(out.parent.iterdir()) == []
