"""Plans: what they say, what is refused, and the cells that they mean."""

from __future__ import annotations

import pytest

from encswap.errors import EncswapError, InputError
from encswap.experiment.plan import (
    base_recipe,
    cells_of,
    check_names,
    read_plan,
    refuse_unknown_method,
)
from encswap.plugins import load_plugins


def cells(path, part=None):
    plan = read_plan(path)
    return cells_of(plan, base_recipe(plan, path), path, part)


def names(path, part=None):
    return [cell.name for cell in cells(path, part)]


def test_every_combination_is_a_cell_in_the_order_of_the_axes(plan_file):
    path = plan_file(strategies=["surgical", "scratch"], sizes=[8, "all"], seeds=[1, 2])
    assert names(path)[:5] == [
        "koelectra-surgical-n8-s1",
        "koelectra-surgical-n8-s2",
        "koelectra-surgical-nall-s1",
        "koelectra-surgical-nall-s2",
        "koelectra-scratch-n8-s1",
    ]
    assert len(names(path)) == 8


def test_a_name_stays_when_the_plan_grows(plan_file):
    before = names(plan_file(seeds=[1]))
    after = names(
        plan_file(
            seeds=[1, 2],
            embeddings=["transplant", "mean"],
            settings={"freeze_encoder_steps": [0, 100], "encoder_lr": [2e-3, "2e-5"]},
        )
    )
    assert before[0] in after
    changed = "embeddings=mean-encoder_lr=2e-05-freeze_encoder_steps=100"
    assert f"koelectra-surgical-nall-{changed}-s2" in after
    assert len(set(after)) == 16


def test_excluded_cells_are_left_out_and_a_part_takes_a_share(plan_file):
    path = plan_file(
        strategies=["surgical", "scratch"],
        settings={"freeze_encoder_steps": [0, 5]},
        exclude=[{"strategies": "scratch", "freeze_encoder_steps": 5}],
        parts={"core": {"freeze_encoder_steps": [0]}},
    )
    assert len(names(path)) == 3
    assert names(path, "core") == ["koelectra-surgical-nall-s1", "koelectra-scratch-nall-s1"]
    with pytest.raises(InputError, match=r"has no part 'cor'; did you mean 'core'\?"):
        names(path, "cor")


def test_settings_reach_the_recipe(plan_file):
    path = plan_file(settings={"encoder_lr": ["3e-4"], "max_width": ["auto"]}, splitters=["kiwi"])
    (cell,) = cells(path)
    assert cell.recipe.encoder_lr == 3e-4
    assert cell.recipe.splitter == "kiwi" and cell.settings["splitter"] == "kiwi"
    assert cell.recipe.seed == 1 and cell.size is None


def test_encoders_may_be_named(plan_file, tmp_path):
    for name in ("one", "two"):
        (tmp_path / name / "model").mkdir(parents=True)
    folders = {name: str(tmp_path / name / "model") for name in ("one", "two")}
    assert names(plan_file(encoders=folders)) == ["one-surgical-nall-s1", "two-surgical-nall-s1"]
    with pytest.raises(InputError, match="two cells are called model-surgical-nall-s1; name the"):
        names(plan_file(encoders=list(folders.values())))


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"encoders": ["koelectr"]}, "unknown encoder 'koelectr'; did you mean 'koelectra'?"),
        ({"encoders": ["./nowhere"]}, "./nowhere: no such folder"),
        ({"strategies": ["surgicl"]}, "unknown strategy 'surgicl'; did you mean 'surgical'?"),
        ({"splitters": ["kiwis"]}, "unknown splitter 'kiwis'; did you mean 'kiwi'?"),
        ({"embeddings": ["men"]}, "unknown embedding method 'men'; did you mean 'mean'?"),
        ({"settings": {"epoch": [1]}}, "unknown setting 'epoch'; did you mean 'epochs'?"),
        ({"settings": {"epochs": [1, 0]}}, "epochs should be greater than or equal to 1"),
        ({"settings": {"seed": [1]}}, "seed has an axis of its own; seeds"),
        ({"settings": {"epochs": []}}, "settings: epochs has no value"),
        ({"recipe": {"epoch": 1}}, "unknown setting 'epoch'; did you mean 'epochs'?"),
        ({"recipe": {"base": "gliner2-bas"}}, "did you mean 'gliner2-base'?"),
        ({"recipe": {"epochs": "many"}}, "epochs should be a valid integer"),
        ({"recipe": {"train": "nowhere.jsonl"}}, "nowhere.jsonl: no such file"),
        ({"layers": ["minni"]}, "unknown layer 'minni'; did you mean 'mini'?"),
        ({"seed": [1]}, "unknown key 'seed'; did you mean 'seeds'?"),
        ({"sizes": [1]}, "sizes.0"),
        ({"seeds": ["one"]}, "seeds.0"),
        ({"exclude": [{"strategy": "lora"}]}, "exclude: 'strategy' is no axis here"),
        ({"exclude": [{"seeds": 7}]}, "exclude: seeds has no '7'; known: 1"),
        ({"parts": {"core": {"seeds": [9]}}}, "parts: seeds has no '9'"),
        ({"exclude": [{"seeds": 1}]}, "leaves no cell"),
        ({"encoders": []}, "no encoder; write encoders: [NAME]"),
    ],
)
def test_what_is_wrong_with_a_plan_is_said_in_one_line(plan_file, plugins, keys, said):
    path = plan_file(**keys)
    with pytest.raises(EncswapError) as caught:
        plan = read_plan(path)
        base = base_recipe(plan, path)
        check_names(plan, base, plugins, path)
        cells_of(plan, base, path)
    assert said in str(caught.value) and "\n" not in str(caught.value)
    assert str(path) in str(caught.value) or "nowhere.jsonl" in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- a list\n", "is no plan"),
        ("a: [\n", "cannot be read as YAML"),
        ("parts: 3\n", "parts"),
    ],
)
def test_a_file_that_is_no_plan_is_refused(tmp_path, text, said):
    path = tmp_path / "plan.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=said):
        read_plan(path)
    with pytest.raises(InputError, match="no such plan"):
        read_plan(tmp_path / "other.yaml")


def test_a_recipe_file_stands_beside_the_plan(plan_file, tmp_path):
    (tmp_path / "mine.yaml").write_text("epochs: 3\ntrain: a\ntest: b\n", encoding="utf-8")
    (tmp_path / "plan.yaml").write_text("recipe: mine.yaml\nencoders: [koelectra]\n")
    (cell,) = cells(tmp_path / "plan.yaml")
    assert cell.recipe.epochs == 3 and cell.name == "koelectra-surgical-nall-s42"


def test_a_method_that_a_plugin_takes_is_known(tmp_path, monkeypatch):
    from encswap import AdaptedEmbeddings, hookimpl

    class Zeros:
        @hookimpl
        def adapt_embeddings(self, base, candidate, method, generator):
            if method != "zeros":
                return None
            return AdaptedEmbeddings(candidate.weight * 0, {"zeros": len(candidate.weight)})

    plugins = load_plugins([("zeros", Zeros())])
    plugins.records["zeros"].distribution = "zeros"
    refuse_unknown_method("zeros", plugins, tmp_path)
    with pytest.raises(InputError, match="unknown embedding method 'zeross'"):
        refuse_unknown_method("zeross", plugins, tmp_path)


def test_strategy_keep_is_one_cell_for_all_encoders_with_their_words(plan_file):
    path = plan_file(
        encoders=["koelectra", "ko-deberta"], strategies=["surgical", "keep"], seeds=[1, 2]
    )
    found = {cell.name: cell.recipe for cell in cells(path)}
    kept = {name: one for name, one in found.items() if one.strategy == "keep"}
    assert list(kept) == ["base-keep-nall-s1", "base-keep-nall-s2"] and len(found) == 6
    assert {(one.encoder, one.splitter) for one in kept.values()} == {(None, "kiwi")}


def test_strategy_keep_needs_no_encoder(plan_file):
    path = plan_file(encoders=[], strategies=["keep"], splitters=["kiwi", "char"])
    assert [cell.recipe.splitter for cell in cells(path)] == ["kiwi", "char"]
