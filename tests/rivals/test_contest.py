"""A run's rivals: each on the same documents, scored by the same code, judged by pairs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from encswap.errors import EncswapError, InputError
from encswap.evaluate.intervals import Difference
from encswap.recipe import read_recipe
from encswap.rivals import contest
from encswap.rivals.contest import competing, refuse_rivals
from encswap.rivals.verdict import in_words
from encswap.train.run import RunOptions, run_recipe
from encswap.train.run_folder import RunFolder
from encswap.types import Unwatched


def recomputed(path: Path) -> dict[str, tuple[int, int, int]]:
    """Correct, predicted and gold by label, from the file alone."""
    sums: dict[str, list[int]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        one = json.loads(line)
        gold = {(g["start"], g["end"], g["label"]) for g in one["gold"]}
        found = {(p["start"], p["end"], p["label"]) for p in one["predictions"]}
        for _, _, label in gold & found:
            sums.setdefault(label, [0, 0, 0])[0] += 1
        for _, _, label in found:
            sums.setdefault(label, [0, 0, 0])[1] += 1
        for label in [label for _, _, label in gold] + [u["label"] for u in one["unlocated"]]:
            sums.setdefault(label, [0, 0, 0])[2] += 1
    return {label: tuple(values) for label, values in sums.items()}


def numbers(correct: int, predicted: int, gold: int) -> dict:
    return {
        "precision": correct / predicted if predicted else 0.0,
        "recall": correct / gold if gold else 0.0,
        "f1": 2 * correct / (predicted + gold) if predicted + gold else 0.0,
        "support": gold,
    }


def test_each_rival_s_metrics_follow_from_its_predictions_to_the_last_digit(finished):
    folder, metrics = finished
    assert len(metrics["rivals"]) == 3
    for rival in metrics["rivals"].values():
        by_label = recomputed(folder / rival["folder"] / "predictions.jsonl")
        whole = tuple(map(sum, zip(*by_label.values(), strict=True)))
        shown = {key: rival["micro"][key] for key in ("precision", "recall", "f1", "support")}
        assert shown == numbers(*whole)
        for label, one in rival["per_label"].items():
            shown = {key: one[key] for key in ("precision", "recall", "f1", "support")}
            assert shown == numbers(*by_label.get(label, (0, 0, 0)))


def test_a_rival_has_its_difference_verdict_cost_and_recipe(finished, base_folder):
    _, metrics = finished
    own = metrics["test"]["micro"]["f1"]
    assert list(metrics["rivals"]) == ["tagger", "keep", str(base_folder)]
    for rival in metrics["rivals"].values():
        difference = rival["difference"]
        assert difference["f1"] == own - rival["micro"]["f1"]
        low, high = difference["interval"]
        assert low <= difference["f1"] <= high and difference["level"] == 1 - 0.05 / 3
        assert rival["verdict"].split()[0] in ("better", "worse", "no")
        cost = rival["cost"]
        assert cost["parameters"] > 0 and cost["training_seconds"] > 0
        assert cost["documents_per_second"] > 0
    assert "no schema" in metrics["rivals"]["tagger"]["can"]
    recipe = metrics["rivals"]["tagger"]["recipe"]
    assert recipe["batch_size"] == 16 and recipe["schedule"] == "linear"


def test_documents_dev_split_and_updates_are_the_run_s(finished):
    folder, metrics = finished

    def texts(path: Path) -> list[str]:
        lines = (path / "predictions.jsonl").read_text(encoding="utf-8").splitlines()
        return [json.loads(line)["text"] for line in lines]

    manifest = json.loads((folder / "encswap.json").read_text())
    for rival in metrics["rivals"].values():
        own = folder / rival["folder"]
        assert texts(own) == texts(folder)
        assert rival["recipe"]["updates"] == metrics["throughput"]["updates"]
        record = "rival.json" if (own / "rival.json").is_file() else "encswap.json"
        assert json.loads((own / record).read_text())["data"] == manifest["data"]
        theirs = json.loads((own / "metrics.json").read_text())
        assert theirs["dev"]["micro"]["support"] == metrics["dev"]["micro"]["support"]


def test_the_run_itself_has_the_numbers_that_it_has_alone(finished, run_of, tmp_path):
    alone = run_of(tmp_path / "alone")
    assert "rivals" not in alone
    for key in ("test", "dev", "threshold", "baselines"):
        assert alone[key] == finished[1][key]


def test_keeping_gives_other_numbers_than_swapping_and_the_same_as_a_base_by_name(
    finished, base_folder
):
    _, metrics = finished
    rivals = metrics["rivals"]
    folder = finished[0]

    def losses(path: Path) -> list[float]:
        return [
            one["train_loss"] for one in json.loads((path / "metrics.json").read_text())["epochs"]
        ]

    kept = losses(folder / rivals["keep"]["folder"])
    assert kept != losses(folder)
    assert kept == losses(folder / rivals[str(base_folder)]["folder"])


def test_a_rival_that_fails_costs_only_itself_and_is_named(run_of, tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(Unwatched, "remark", lambda self, text: said.append(text))
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "config.json").write_text('{"model_type": "extractor"}')
    broken = str(tmp_path / "broken")
    metrics = run_of(tmp_path / "run", rivals=["tagger", broken], epochs=1)
    assert set(metrics["rivals"][broken]) == {"error"}
    assert metrics["rivals"]["tagger"]["verdict"]
    assert any(f"rival {broken} failed" in one for one in said)
    assert json.loads((tmp_path / "run" / "metrics.json").read_text()) == metrics
    assert not (tmp_path / "run" / "rivals" / "broken").exists()


def test_an_interrupted_contest_goes_on_with_what_is_left(
    plugins, finished, recipe_of, base_folder, tmp_path, monkeypatch
):
    recipe, path = recipe_of(rivals=("tagger", "keep", str(base_folder))), tmp_path / "run"

    def stopped(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(contest, "_train_kept", stopped)
        with pytest.raises(KeyboardInterrupt):
            run_recipe(recipe, path, plugins, Unwatched(), RunOptions(compete=competing()))
    assert not (path / "metrics.json").exists()
    tagged = (path / "rivals" / "tagger" / "metrics.json").stat().st_mtime_ns
    folder = RunFolder.resume(path)
    asked = RunOptions(again=folder, compete=competing())
    again = run_recipe(folder.read_recipe(), path, plugins, Unwatched(), asked)
    assert (path / "rivals" / "tagger" / "metrics.json").stat().st_mtime_ns == tagged
    for name, rival in again["rivals"].items():
        for key in ("micro", "per_label", "difference", "verdict", "recipe"):
            assert rival[key] == finished[1]["rivals"][name][key]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"rivals": "taggr"}, "unknown encoder 'taggr'"),
        ({"rivals": "keep", "strategy": "keep", "encoder": None}, "rival 'keep' is the run itself"),
        ({"rivals": "keep", "rival_settings": {"tagger": {}}}, "'tagger' is no rival here"),
        (
            {"rivals": "tagger", "rival_settings": {"tagger": {"learning_rate": 3}}},
            "rival_settings: tagger: learning_rate should be less than 1",
        ),
        (
            {"rivals": "keep", "rival_settings": {"keep": {"epochz": 3}}},
            "rival_settings: keep: epochz",
        ),
    ],
)
def test_a_rival_that_nobody_knows_is_refused_first(plugins, settings, said):
    recipe = read_recipe(overrides={"encoder": "koelectra", **settings})
    if "strategy" in settings:
        recipe = recipe.model_copy(update={"encoder": None})
    with pytest.raises(EncswapError) as caught:
        refuse_rivals(recipe, plugins)
    assert said in str(caught.value) and "\n" not in str(caught.value)


def test_rivals_without_anything_that_trains_them_are_refused(plugins, recipe_of, tmp_path):
    with pytest.raises(InputError, match="rivals are named"):
        run_recipe(recipe_of(rivals="tagger"), tmp_path / "run", plugins, Unwatched(), RunOptions())


@pytest.mark.parametrize(
    ("difference", "said"),
    [
        ((0.03, 0.01, 0.05), "better than the tagger by 0.03 (0.01 to 0.05)"),
        ((-0.1, -0.123, -0.08), "worse than the tagger by 0.10 (0.08 to 0.12)"),
        ((0.004, 0.001, 0.007), "better than the tagger by 0.004 (0.001 to 0.007)"),
        ((0.01, -0.01, 0.03), "no difference to the tagger is shown (-0.01 to +0.03)"),
        ((0.0, 0.0, 0.0), "no difference to the tagger is shown (+0.00 to +0.00)"),
    ],
)
def test_a_verdict_says_what_the_interval_shows(difference, said):
    assert in_words("tagger", Difference(*difference, 0.95)) == said
    assert "tuning without a swap" in in_words("keep", Difference(*difference, 0.95))


def test_rivals_are_written_as_people_write_them():
    for given in ("tagger, keep", ["tagger", "keep"], "tagger,keep,tagger,"):
        assert read_recipe(overrides={"rivals": given}).rivals == ("tagger", "keep")
    assert read_recipe().rivals == ()
