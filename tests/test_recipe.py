"""The recipe is the plan's section 4, and a wrong setting is named with what would have worked."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from encswap.errors import InputError
from encswap.recipe import Recipe, describe, dump_recipe, parse_setting, read_recipe

PLAN = {
    "encoder_lr": 2e-5,
    "head_lr": 5e-4,
    "epochs": 15,
    "batch_size": 8,
    "warmup_ratio": 0.1,
    "weight_decay": 0.01,
    "max_length": 512,
    "gradient_accumulation": 2,
    "seed": 42,
    "thresholds": (0.1, 0.2, 0.3, 0.4, 0.5, 0.6),
}


def test_the_defaults_are_the_plan_s_section_4():
    recipe = read_recipe()
    assert {name: getattr(recipe, name) for name in PLAN} == PLAN
    assert recipe.targets == {
        "micro": 0.50,
        "Disease": 0.55,
        "Drug": 0.45,
        "Procedure": 0.40,
        "Biomarker": 0.35,
    }


def test_a_file_goes_over_the_plan_and_a_setting_over_the_file(tmp_path: Path):
    path = tmp_path / "mine.yaml"
    path.write_text("epochs: 3\nbatch_size: 4\nencoder_lr: 1e-4\n")
    recipe = read_recipe(path, {"epochs": 5})
    assert (recipe.epochs, recipe.batch_size, recipe.encoder_lr) == (5, 4, 1e-4)


def test_the_written_recipe_reads_back_as_itself():
    recipe = read_recipe(overrides={"encoder": "somewhere"}, layers=("mini",))
    assert Recipe.model_validate(yaml.safe_load(dump_recipe(recipe))) == recipe


def test_an_unknown_setting_names_the_nearest(tmp_path: Path):
    path = tmp_path / "mine.yaml"
    path.write_text("epoch: 3\n")
    with pytest.raises(InputError, match=r"mine\.yaml: unknown setting 'epoch'.*mean 'epochs'"):
        read_recipe(path)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("epochs=0", "epochs"),
        ("epochs=many", "epochs"),
        ("thresholds=[0.5, 1.5]", "thresholds"),
        ("strategy=magic", "strategy"),
        ("max_width=wide", "max_width"),
        ("seed=-1", "seed"),
    ],
)
def test_an_impossible_value_names_the_setting(setting, message):
    with pytest.raises(InputError, match=f"--set: {message}"):
        read_recipe(overrides=dict([parse_setting(setting)]))


def test_a_setting_without_a_value_says_how_to_write_one():
    with pytest.raises(InputError, match="write --set epochs=3"):
        parse_setting("epochs")


def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path):
    path = tmp_path / "list.yaml"
    path.write_text("- 1\n")
    with pytest.raises(InputError, match="not a mapping"):
        read_recipe(path)


def test_every_field_has_a_description():
    assert [field for field in Recipe.model_fields if describe(field) == "unknown"] == []


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("from: conll\n", "conll"),
        ("format: conll\n", "conll"),
        ("train.from: conll\n", {"train": "conll"}),
        ("from: klue\ntrain.from: conll\n", {"train": "conll", "dev": "klue", "test": "klue"}),
        ("from: {train: conll, test: plan}\n", {"train": "conll", "test": "plan"}),
        ("epochs: 3\n", "auto"),
    ],
)
def test_a_recipe_names_the_format_of_its_files_or_of_a_part(
    lines: str, expected: object, tmp_path: Path
):
    path = tmp_path / "mine.yaml"
    path.write_text(lines)
    recipe = read_recipe(path)
    assert recipe.format == expected
    assert Recipe.model_validate(yaml.safe_load(dump_recipe(recipe))) == recipe


@pytest.mark.parametrize("column", ["3", "NER"])
def test_a_tag_column_is_a_number_or_a_name(column: str, tmp_path: Path):
    path = tmp_path / "mine.yaml"
    path.write_text(f"tag_column: {column}\n")
    assert read_recipe(path).tag_column == column


def test_targets_hold_for_the_documents_that_they_were_named_with(tmp_path: Path):
    own = {"train": "mine.jsonl", "test": "other.jsonl"}
    assert read_recipe(layers=("mini",)).targets
    assert read_recipe(overrides=own).targets == {}
    assert read_recipe(overrides={**own, "targets": {"Gene": 0.5}}).targets == {"Gene": 0.5}
    assert read_recipe(Path("plan"), own).targets == read_recipe().targets
    path = tmp_path / "mine.yaml"
    path.write_text("train: mine.jsonl\n")
    assert read_recipe(path).targets == {}
    path.write_text("train: mine.jsonl\ntargets: {micro: 0.6}\n")
    assert read_recipe(path, {"test": "other.jsonl"}).targets == {"micro": 0.6}


@pytest.mark.parametrize(
    ("written", "encoder"), [("nan", "nan"), ("1e5", "1e5"), ("7", "7"), ("'x y'", "x y")]
)
def test_a_name_that_looks_like_a_number_stays_a_name(written, encoder, tmp_path: Path):
    assert parse_setting(f"encoder={written}") == ("encoder", encoder)
    path = tmp_path / "mine.yaml"
    path.write_text(f"encoder: '{encoder}'\n")
    assert read_recipe(path).encoder == encoder


@pytest.mark.parametrize(("written", "rate"), [("2e-5", 2e-5), (".5e-4", 5e-5), ("1E-3", 1e-3)])
def test_a_rate_is_a_number_as_people_write_it(written, rate, tmp_path: Path):
    assert parse_setting(f"encoder_lr={written}") == ("encoder_lr", rate)
    path = tmp_path / "mine.yaml"
    path.write_text(f"encoder_lr: {written}\n")
    assert read_recipe(path).encoder_lr == rate


def test_no_setting_is_not_a_number(tmp_path: Path):
    for written in ("nan", "inf", "-inf"):
        with pytest.raises(InputError, match="encoder_lr should be"):
            read_recipe(overrides=dict([parse_setting(f"encoder_lr={written}")]))


def test_an_unknown_setting_lists_few_names_where_one_is_near():
    with pytest.raises(InputError) as caught:
        read_recipe(overrides={"epoch": 3})
    assert "did you mean 'epochs'?" in str(caught.value) and len(str(caught.value)) < 120
    with pytest.raises(InputError, match="known: alignment, "):
        read_recipe(overrides={"zzz": 3})


def test_a_shipped_recipe_goes_by_its_name_where_no_file_has_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = read_recipe(Path("real"))
    assert found.encoder_lr == 1e-4 and found.targets == {} and found.base == "gliner2-base"
    (tmp_path / "real").write_text("epochs: 3\n", encoding="utf-8")
    assert read_recipe(Path("real")).epochs == 3
    with pytest.raises(InputError, match="reel"):
        read_recipe(Path("reel"))
    with pytest.raises(InputError, match="nowhere/real"):
        read_recipe(Path("nowhere/real"))


def test_a_recipe_that_says_scale_mini_starts_from_the_mini_recipe(tmp_path: Path):
    path = tmp_path / "mine.yaml"
    path.write_text("scale: mini\nencoder: koelectra\nepochs: 1\n")
    recipe = read_recipe(path)
    assert (recipe.scale, recipe.base, recipe.epochs) == ("mini", "mini", 1)
    assert recipe == read_recipe(path, layers=("mini",))


def test_a_recipe_that_a_run_wrote_is_read_without_the_mini_recipe(tmp_path: Path):
    path = tmp_path / "recipe.yaml"
    path.write_text("scale: mini\nbase: mini\nencoder: koelectra\n")
    assert read_recipe(path).epochs == read_recipe().epochs


@pytest.mark.parametrize(("option", "scale"), [(None, "mini"), ("mini", "mini"), ("full", "full")])
def test_the_option_scale_stands_before_the_recipes_own(
    tmp_path: Path, option: str | None, scale: str
):
    """A run's `recipe.yaml` trains the same run again, without `--scale` too."""
    from encswap.cli.train import resolve_recipe

    path = tmp_path / "mine.yaml"
    path.write_text("scale: mini\nencoder: koelectra\n")
    assert resolve_recipe({}, [], path, option).scale == scale
