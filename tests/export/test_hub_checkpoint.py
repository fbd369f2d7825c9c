"""A checkpoint travels: by its hub id it is loaded, asked and scored as from its folder."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

import encswap
from encswap import hub
from encswap.cli.app import app
from encswap.errors import SourceError
from encswap.files import write_json
from encswap.report.card import About, write_card
from encswap.report.run_results import read_scores
from tests.hub_server import COMMIT, Repository, from_folder, serving
from tests.report.conftest import CANDIDATES, PLANTED, write_run

NAME = "somebody/korean-medical"
TEXT = "제2형 당뇨병 환자에게 메트포르민 500 mg을 투여했다."


@pytest.fixture
def hosted(tmp_path, monkeypatch):
    """A hub on loopback, with caches of its own; tests put repositories into what it yields."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.file_download.constants.HF_HUB_OFFLINE", False)
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setenv("ENCSWAP_CACHE", str(tmp_path / "cache"))
    repositories: dict[str, Repository] = {}
    with serving(repositories) as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        hub.clear_reachability()
        yield repositories
    hub.clear_reachability()


def spans(found):
    return [[(one.start, one.end, one.label) for one in each] for each in found]


def changed(folder: Path, target: Path, **values) -> Path:
    shutil.copytree(folder, target)
    record = json.loads((target / "encswap.json").read_text(encoding="utf-8"))
    write_json(target / "encswap.json", {**record, **values})
    return target


@pytest.mark.parametrize("name", [NAME, f"{NAME}@{COMMIT}"])
def test_a_hub_id_finds_the_same_spans_as_its_folder(hosted, checkpoint, korean, name):
    hosted[NAME] = from_folder(checkpoint())
    texts = [example.text for example in korean]
    there, here = (encswap.api.open_model(one) for one in (name, checkpoint()))
    assert type(there.splitter.splitter).__name__ == "KiwiSplitter"
    found = spans(there.predict(texts))
    assert found == spans(here.predict(texts)) and any(found)
    model = encswap.load(name)
    assert type(model.processor.word_splitter).__name__ == "KiwiSplitter"


@pytest.mark.slow
def test_the_commands_take_a_hub_id(hosted, checkpoint, few, tmp_path):
    hosted[NAME] = from_folder(checkpoint())
    results = {}
    for model in (NAME, str(checkpoint())):
        asked = CliRunner().invoke(app, ["predict", model, "--text", TEXT, "--format", "json"])
        assert asked.exit_code == 0, asked.stderr
        scored = CliRunner().invoke(app, ["eval", model, "--data", few, "--format", "json"])
        assert scored.exit_code == 0, scored.stderr
        metrics = json.loads(scored.stdout)
        assert metrics["splitter"] == "kiwi"
        results[model] = asked.stdout, metrics["test"], metrics["threshold"]
    assert results[NAME] == results[str(checkpoint())]
    out = tmp_path / "exported"
    done = CliRunner().invoke(
        app, ["export", NAME, "--out", str(out), "--data", few, "--format", "json"]
    )
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["agreement"]["differing"] == 0


@pytest.mark.slow
def test_an_export_of_a_fetched_checkpoint_reads_no_file_that_its_recipe_names(
    hosted, checkpoint, tmp_path, monkeypatch
):
    private = tmp_path / "private.jsonl"
    private.write_text("{", encoding="utf-8")
    record = json.loads((checkpoint() / "encswap.json").read_text(encoding="utf-8"))
    recipe = {**record["recipe"], "test": str(private)}
    hosted[NAME] = from_folder(changed(checkpoint(), tmp_path / "model", recipe=recipe))
    done = CliRunner().invoke(
        app, ["export", NAME, "--out", str(tmp_path / "out"), "--format", "json"]
    )
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["proven_on"] == "ko-medical/test.jsonl"


def test_a_dictionary_travels_with_the_checkpoint(hosted, checkpoint, tmp_path):
    dictionary = tmp_path / "words.txt"
    dictionary.write_text("메트포르민오백\tNNP\n", encoding="utf-8")
    made = checkpoint(options={"user_dictionary": str(dictionary)})
    hosted[NAME] = from_folder(made)
    dictionary.unlink()
    units = encswap.load(NAME).processor.word_splitter("메트포르민오백을 투여", lower=False)
    assert next(iter(units))[0] == "메트포르민오백"


@pytest.mark.parametrize("value", ["/etc/passwd", "../../words.txt", "C:\\words.txt"])
def test_a_fetched_splitter_reads_no_file_that_did_not_come_with_it(
    hosted, checkpoint, tmp_path, value
):
    splitter = {"name": "kiwi", "options": {"user_dictionary": value}}
    hosted[NAME] = from_folder(changed(checkpoint(), tmp_path / "model", splitter=splitter))
    with pytest.raises(SourceError, match="did not come with it"):
        encswap.load(NAME)
    assert "model.safetensors" not in hosted[NAME].asked


def test_a_checkpoint_that_names_code_is_refused_before_its_weights(hosted, checkpoint, tmp_path):
    model = changed(checkpoint(), tmp_path / "model")
    path = model / "encoder_config" / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    write_json(path, {**config, "auto_map": {"AutoModel": "evil.Model"}})
    hosted[NAME] = from_folder(model)
    with pytest.raises(SourceError, match="auto_map"):
        encswap.load(NAME)
    assert "model.safetensors" not in hosted[NAME].asked


def test_a_model_that_encswap_did_not_write_is_refused_in_one_line(hosted, checkpoint):
    plain = from_folder(checkpoint())
    del plain.files["encswap.json"]
    hosted[NAME] = plain
    done = CliRunner().invoke(app, ["predict", NAME, "--text", TEXT])
    assert done.exit_code == 2 and done.stderr.count("\n") == 1
    assert "encswap did not write it" in done.stderr


def test_a_name_that_is_neither_here_nor_on_the_hub_is_told_as_such(hosted):
    with pytest.raises(SourceError, match=r"no such folder, nor on the hub: .*no such repository"):
        encswap.load(NAME)


def test_a_path_below_a_folder_that_is_here_is_never_asked_of_the_hub(
    hosted, checkpoint, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "somebody").mkdir()
    hosted[NAME] = from_folder(checkpoint())
    with pytest.raises(SourceError, match=r"no encswap\.json"):
        encswap.load(NAME)
    assert hosted[NAME].asked == []


@pytest.mark.parametrize("place", ["hub", "folder"])
def test_what_the_card_says_works_as_pasted(
    hosted, checkpoint, tmp_path, place, capsys, monkeypatch
):
    name = NAME if place == "hub" else str(checkpoint())
    hosted[NAME] = from_folder(checkpoint())
    record = json.loads((checkpoint() / "encswap.json").read_text(encoding="utf-8"))
    planted = write_run(tmp_path / "run", [PLANTED], [CANDIDATES])
    run = replace(read_scores(planted), record=record)
    card = write_card(run, About(name, languages=("ko",)))
    blocks = re.findall(r"```python\n(.*?)```", card, flags=re.DOTALL)
    assert len(blocks) == 2 and TEXT in card
    scope: dict[str, object] = {}
    for block in blocks:
        exec(block, scope)
    printed = capsys.readouterr().out
    found = encswap.predict(checkpoint(), [TEXT])[0]
    assert found.entities
    assert printed.splitlines() == [
        f"{one.label} {TEXT[one.start : one.end]} {one.score}" for one in found.entities
    ]
    (line,) = re.findall(r"`(encswap predict [^`]*)`", card)
    words = line.split()[1:]
    done = CliRunner().invoke(app, [*words[:-1], TEXT, "--format", "json"])
    assert done.exit_code == 0 and json.loads(done.stdout)["entities"]


@pytest.mark.parametrize("loader", ["AutoExtractor", "GLiNER2"])
def test_a_guarded_checkpoint_stops_plain_gliner2_with_words_and_is_itself_in_encswap(
    checkpoint, korean, tmp_path, loader
):
    import gliner2

    from encswap.safety.guard import guarded, unguarded

    folder = tmp_path / "model"
    shutil.copytree(checkpoint(), folder)
    plain = getattr(gliner2, loader).from_pretrained(str(folder))
    assert type(plain.processor.word_splitter).__name__ == "WhitespaceTokenSplitter"
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    write_json(folder / "config.json", guarded(config, "kiwi"))
    with pytest.raises(ValueError, match=r"its words are kiwi: load it with encswap\.load"):
        getattr(gliner2, loader).from_pretrained(str(folder))
    texts = [example.text for example in korean][:3]
    mine, own = (encswap.api.open_model(one).predict(texts) for one in (folder, checkpoint()))
    assert spans(mine) == spans(own) and any(own)
    assert unguarded(guarded(guarded(config, "a"), "b")) == config
    assert unguarded({"architecture": "span (evil)"}) == {"architecture": "span (evil)"}
