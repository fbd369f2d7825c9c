"""What is asked of a model that cannot be: refused in one line, before anything dear."""

from __future__ import annotations

import shutil

import pytest
from typer.testing import CliRunner

import encswap
from encswap.cli.app import app
from encswap.errors import EncswapError

TEXT = "당뇨병 환자에게 인슐린을 투여했다."


@pytest.fixture
def run(checkpoint, tmp_path):
    """A run folder: its manifest, and a checkpoint inside."""
    shutil.copytree(checkpoint(), tmp_path / "run" / "checkpoint")
    shutil.copy(checkpoint() / "encswap.json", tmp_path / "run" / "encswap.json")
    return tmp_path / "run"


def one_line(call, *arguments, **options) -> str:
    with pytest.raises(EncswapError) as told:
        call(*arguments, **options)
    assert "\n" not in str(told.value) and len(str(told.value)) < 700
    return str(told.value)


@pytest.mark.parametrize("gone", ["config.json", "encoder_config/config.json", "model.safetensors"])
@pytest.mark.parametrize("cut", [False, True])
def test_a_run_without_a_whole_checkpoint_is_refused_wherever_it_is_asked(run, gone, cut):
    path = run / "checkpoint" / gone
    if cut:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    else:
        path.unlink()
    for call in (encswap.load, encswap.api.open_model):
        assert gone in one_line(call, run)
    done = CliRunner().invoke(app, ["predict", str(run), "--text", TEXT])
    assert done.exit_code == 2 and done.stderr.count("\n") == 1 and gone in done.stderr


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ([""], "empty"),
        (["\u200b"], "white space"),
        (["약 " * 5000], "no room"),
        (["[E]"], "[E]"),
    ],
)
def test_labels_that_cannot_be_asked_are_refused_in_torch_too(checkpoint, labels, said):
    model = encswap.api.open_model(checkpoint())
    assert said in one_line(model.predict, [TEXT], labels)


def test_many_labels_are_asked_in_groups_and_markers_in_a_text_are_text(checkpoint):
    model = encswap.api.open_model(checkpoint())
    labels = [f"label {number}" for number in range(300)]
    (found,) = model.predict([TEXT], labels, threshold=0.01)
    assert {one.label for one in found} <= set(labels)
    text = f"[E] {TEXT} [SEP_TEXT] [P] ( [L]"
    (found,) = model.predict([text])
    assert all(0 <= one.start < one.end <= len(text) for one in found)
