"""What can only fail is refused before a model is looked for, let alone loaded."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from encswap.errors import EncswapError, InputError
from encswap.recipe import parse_setting, read_recipe
from encswap.train import trainer as arguments
from encswap.train.fit import _stage
from encswap.train.prepare import has_widths
from encswap.train.provenance import remarks_on
from encswap.train.run import RunOptions, run_recipe
from encswap.train.trackers import trackers
from encswap.train.trainer import precision_of, precision_remark, refuse_precision
from encswap.types import Unwatched


@pytest.fixture
def attempt(plugins, files, tmp_path, monkeypatch):
    """Run a recipe where looking for a model is an error of its own."""

    def call(out: Path | None = None, **settings) -> EncswapError:
        def looked(*_, **__):
            raise AssertionError("a model was looked for")

        monkeypatch.setattr("encswap.train.run.find_models", looked)
        given = {"encoder": "koelectra", **files, **settings}
        recipe = read_recipe(overrides=given, layers=("mini",))
        with pytest.raises(EncswapError) as caught:
            run_recipe(recipe, out or tmp_path / "run", plugins, Unwatched(), RunOptions())
        assert not (tmp_path / "run").exists()
        return caught.value

    return call


def test_a_tracker_that_is_not_installed_is_named_first(attempt, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert "wandb is not installed; pip install wandb" in str(attempt(report_to="wandb"))
    assert "unknown tracker 'board'" in str(attempt(report_to="board"))


def test_a_taken_folder_is_refused_first(attempt, tmp_path):
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "notes.txt").write_text("mine")
    assert "nothing is overwritten" in str(attempt(tmp_path / "taken"))


def test_an_unknown_splitter_and_a_broken_dictionary_are_refused_first(attempt, tmp_path):
    assert "nowhere" in str(attempt(splitter="nowhere"))
    options = {"user_dictionary": str(tmp_path / "none.txt")}
    assert "cannot be read" in str(attempt(splitter="kiwi", splitter_options=options))


def test_low_coverage_is_refused_first_where_the_base_is_known(attempt, base_folder):
    for base in ("mini", str(base_folder)):
        said = str(attempt(splitter="whitespace", base=base))
        assert "splitter 'whitespace' at width" in said and "allow-low-coverage" in said


def test_low_coverage_is_refused_before_weights_are_read(job_of, monkeypatch):
    monkeypatch.setattr("encswap.train.prepare.gliner.read_model", None)
    with pytest.raises(InputError, match="trained as absent"):
        job_of(splitter="whitespace")


def test_a_head_without_widths_is_known_by_its_config(base_folder, boundary_folder, tmp_path):
    assert has_widths(base_folder) is True and has_widths(boundary_folder) is False
    assert has_widths("someone/base") is None and has_widths(tmp_path) is None
    assert has_widths("mini") is True


def test_fp16_on_a_cpu_trains_in_float32_and_says_so(monkeypatch):
    monkeypatch.setattr(arguments.torch.cuda, "is_available", lambda: False)
    for name in ("fp16", "bf16"):
        recipe = read_recipe(overrides={"precision": name})
        refuse_precision(recipe)
        assert precision_of(recipe) == "fp32"
        said = f"precision {name} wants a GPU, and torch sees none: trained in float32"
        assert precision_remark(recipe) == said
        assert said in remarks_on(recipe) and said in _stage(recipe, 0)
    for name in ("auto", "fp32"):
        assert precision_remark(read_recipe(overrides={"precision": name})) is None


def test_a_gpu_without_bf16_is_refused(monkeypatch):
    monkeypatch.setattr(arguments.torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(arguments.torch.cuda, "is_bf16_supported", lambda *_, **__: False)
    with pytest.raises(InputError, match="no bf16; set precision: fp16"):
        refuse_precision(read_recipe(overrides={"precision": "bf16"}))
    assert precision_of(read_recipe(overrides={"precision": "auto"})) == "fp16"


def test_a_run_with_fp16_on_a_cpu_is_trained_and_remarked(job_of):
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    from encswap.train.run import run

    job = job_of(precision="fp16", epochs=1)
    metrics = run(job)
    assert metrics["epochs"][0]["train_loss"] > 0
    assert any("float32" in one for one in job.folder.remarks())


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("report_to=tensorboard", ("tensorboard",)),
        ("report_to=[tensorboard]", ("tensorboard",)),
        ("report_to=wandb, mlflow", ("wandb", "mlflow")),
        ("report_to=none", ()),
        ("report_to=auto", "auto"),
        ("report_to=[]", ()),
    ],
)
def test_trackers_are_taken_as_people_write_them(setting, expected, monkeypatch, tmp_path):
    recipe = read_recipe(overrides=dict([parse_setting(setting)]))
    assert recipe.report_to == expected
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: True)
    assert trackers(recipe) == (["tensorboard"] if expected == "auto" else list(expected))
    path = tmp_path / "mine.yaml"
    path.write_text(setting.replace("=", ": ", 1) + "\n")
    assert read_recipe(path).report_to == expected


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("report_to=5", "report_to should be a list or 'auto', got 5"),
        ("report_to=[1]", "report_to should be a valid string or 'auto', got [1]"),
        ("max_width=wide", "max_width should be 'auto' or a valid integer"),
        ("max_width=100", "max_width should be 'auto' or less than or equal to 64, got 100"),
        ("targets={Drug: 2}", "targets.Drug should be less than or equal to 1"),
        ("thresholds=[]", "thresholds: "),
    ],
)
def test_no_name_of_a_type_stands_in_a_message(setting, said):
    with pytest.raises(InputError) as caught:
        read_recipe(overrides=dict([parse_setting(setting)]))
    message = str(caught.value)
    assert said in message
    assert not any(word in message for word in ("tuple", "literal", "constrained", "pydantic"))


def test_one_threshold_is_a_list_of_one():
    assert read_recipe(overrides={"thresholds": 0.5}).thresholds == (0.5,)
    assert read_recipe(overrides={"lora_targets": "encoder"}).lora_targets == ("encoder",)
