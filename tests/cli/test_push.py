"""`encswap push`: what goes to a hub-shaped server, by the genuine client in its own process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import encswap
from encswap.cli.app import app
from encswap.mini.encoders import mini_encoder
from encswap.recipe import read_recipe
from encswap.sources import resolve, spec_of
from encswap.train.swapping import write_swap
from tests.report.conftest import CANDIDATES, PLANTED, TEXT, write_run
from tests.upload_server import TOKEN, Hosted, Hub, taking_uploads

REPO = "someone/swapped"
SECRET = "/home/somebody/patients"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A finished run whose checkpoint holds the usual files, and whose records name a machine."""
    from safetensors.numpy import save_file

    folder = write_run(tmp_path / "run", [PLANTED], [CANDIDATES])
    checkpoint = folder / "checkpoint"
    (checkpoint / "encoder_config").mkdir(parents=True)
    for name in ("config.json", "encoder_config/config.json", "tokenizer_config.json"):
        (checkpoint / name).write_text(json.dumps({"model_name": f"{SECRET}/encoder"}))
    (checkpoint / "tokenizer.json").write_text("{}")
    save_file({}, checkpoint / "model.safetensors")
    manifest = json.loads((folder / "encswap.json").read_text())
    manifest["recipe"] = {"train": f"{SECRET}/train.jsonl", "scale": "full"}
    manifest["data"] = {"train": "0" * 64}
    manifest["splitter"] = {"name": "kiwi"}
    for place in (folder, checkpoint):
        (place / "encswap.json").write_text(json.dumps(manifest))
    return folder


@pytest.fixture
def push(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Push in a process of its own, as a person with this token would."""

    def call(run: Path, address: str, *more: str, token: str = TOKEN, **variables: str) -> Any:
        environment = {key: value for key, value in os.environ.items() if key[:3] != "HF_"}
        environment |= {
            "HF_ENDPOINT": address,
            "HF_HOME": str(tmp_path / "hf"),
            "HF_TOKEN": token,
            "HF_HUB_DISABLE_XET": "1",
            "ENCSWAP_CACHE": str(tmp_path / "cache"),
            **variables,
        }
        done = subprocess.run(
            [sys.executable, "-m", "encswap", "push", str(run), REPO, *more],
            capture_output=True,
            text=True,
            env=environment,
            timeout=120,
            check=False,
        )
        assert "Traceback" not in done.stderr
        assert TOKEN not in done.stdout + done.stderr
        return done

    return call


def invoke(*arguments: object) -> Any:
    return CliRunner().invoke(app, ["push", *map(str, arguments)])


def refused(*arguments: object) -> str:
    result = invoke(*arguments)
    assert result.exit_code == 2, result.output
    (line,) = result.stderr.splitlines()
    assert line.startswith("encswap: ")
    return line


def test_what_was_pushed_loads_and_finds_the_same(
    run: Path, push: Any, plugins: Any, base_folder: Path, tmp_path: Path
):
    recipe = read_recipe(overrides={"encoder": "koelectra"}, layers=("mini",))
    spec = spec_of("koelectra", plugins)
    mini_encoder(spec)
    write_swap(
        recipe,
        plugins,
        spec,
        base_source=resolve(str(base_folder), plugins),
        encoder_source=resolve("koelectra", plugins, scale="mini"),
        out=tmp_path / "swapped",
    )
    (run / "checkpoint").rename(tmp_path / "old")
    (tmp_path / "swapped").rename(run / "checkpoint")
    hub = Hub()
    with taking_uploads(hub) as address:
        done = push(run, address)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{address}/{REPO}/commit/")
    there = hub.repositories[REPO]
    assert there.private and there.commits == 1
    for name, content in there.files.items():
        path = tmp_path / "fetched" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    models = [encswap.load(folder) for folder in (run / "checkpoint", tmp_path / "fetched")]
    found = [one.extract_entities(TEXT, ["Disease"], threshold=0.01) for one in models]
    assert found[0] == found[1]
    assert "# swapped" in there.files["README.md"].decode()


def test_only_the_checkpoint_and_the_card_go_and_no_folder_of_this_machine(run: Path, push: Any):
    hub = Hub()
    with taking_uploads(hub) as address:
        assert push(run, address, "--public").returncode == 0
    there = hub.repositories[REPO]
    assert not there.private
    assert set(there.files) - {".gitattributes"} == {
        "README.md",
        "config.json",
        "encoder_config/config.json",
        "encswap.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    }
    assert SECRET.encode() not in b"".join(there.files.values())
    assert json.loads(there.files["encswap.json"])["recipe"]["train"] == "train.jsonl"


def test_an_upload_that_was_cut_off_is_begun_again_without_sending_weights_twice(
    run: Path, push: Any
):
    hub = Hub(cut="after the weights")
    with taking_uploads(hub) as address:
        first = push(run, address)
        assert first.returncode == 2
        assert first.stderr.splitlines()[-1].endswith("HTTP 500; repeat the command")
        assert not hub.repositories[REPO].commits
        hub.faults.clear()
        assert push(run, address).returncode == 0
    assert hub.repositories[REPO].commits == 1
    assert len([one for one in hub.asked if one.startswith("PUT")]) == 1


def test_a_repository_that_holds_something_else_is_kept_unless_updated(run: Path, push: Any):
    hub = Hub({REPO: Hosted(True, {"encswap.json": b"{}"})})
    with taking_uploads(hub) as address:
        done = push(run, address)
        assert done.returncode == 2 and "nothing is overwritten" in done.stderr
        assert push(run, address, "--update").returncode == 0
        assert push(run, address).returncode == 0
    assert hub.repositories[REPO].commits == 2


def test_what_was_meant_to_be_private_does_not_go_to_a_public_repository(run: Path, push: Any):
    hub = Hub({REPO: Hosted(False, {})})
    with taking_uploads(hub) as address:
        done = push(run, address)
    assert done.returncode == 2 and "is public; give --public" in done.stderr
    assert not hub.repositories[REPO].commits


@pytest.mark.parametrize(
    ("status", "said"),
    [(403, "may not write here"), (404, "no such owner"), (409, "there already"), (503, "503")],
)
def test_what_the_hub_refuses_is_told_in_one_line(run: Path, push: Any, status: int, said: str):
    hub = Hub(faults={"/repos/create": status})
    with taking_uploads(hub) as address:
        done = push(run, address)
    assert done.returncode == 2
    _, line = done.stderr.splitlines()
    assert line.startswith("encswap: ") and said in line and str(status) in line


def test_no_token_and_a_wrong_one_are_told_with_the_way_to_get_one(run: Path, push: Any):
    with taking_uploads(Hub()) as address:
        for token in ("", "hf_wrong"):
            done = push(run, address, token=token)
            (line,) = done.stderr.splitlines()
            assert done.returncode == 2 and "`hf auth login`, or set HF_TOKEN" in line
            assert "hf_wrong" not in line


def test_an_unreachable_hub_and_offline_mode_are_told(run: Path, push: Any):
    gone = push(run, "http://127.0.0.1:9")
    assert gone.returncode == 2 and "cannot be reached" in gone.stderr
    offline = push(run, "http://127.0.0.1:9", HF_HUB_OFFLINE="1")
    assert offline.returncode == 2 and "HF_HUB_OFFLINE is set" in offline.stderr


def test_a_dry_run_shows_files_and_card_and_needs_no_network(run: Path, tmp_path: Path):
    result = invoke(run, REPO, "--dry-run")
    assert result.exit_code == 0, result.output
    assert "model.safetensors" in result.stdout and "library_name: gliner2" in result.stdout
    result = invoke(run, REPO, "--dry-run", "--card", tmp_path / "card.md")
    assert "library_name" not in result.stdout
    assert "library_name: gliner2" in (tmp_path / "card.md").read_text(encoding="utf-8")
    assert "nothing is overwritten" in refused(
        run, REPO, "--dry-run", "--card", tmp_path / "card.md"
    )


def test_predictions_go_only_when_asked(run: Path):
    assert "predictions.jsonl" not in invoke(run, REPO, "--dry-run").stdout
    assert "predictions.jsonl" in invoke(run, REPO, "--dry-run", "--with", "predictions").stdout
    assert "known: metrics, predictions, report" in refused(run, REPO, "--with", "documents")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("pytorch_model.bin", "is a pickle"),
        ("notes.txt", "belongs to no checkpoint"),
        ("encoder_config/weights.pt", "is a pickle"),
    ],
)
def test_a_pickle_and_an_unknown_file_are_refused(run: Path, name: str, said: str):
    (run / "checkpoint" / name).write_bytes(b"0")
    assert said in refused(run, REPO, "--dry-run")


def test_weights_that_are_no_safetensors_are_refused(run: Path):
    (run / "checkpoint" / "model.safetensors").write_bytes(b"\x80\x04pickle")
    assert "no whole safetensors" in refused(run, REPO, "--dry-run")
    (run / "checkpoint" / "model.safetensors").unlink()
    assert "holds no model.safetensors" in refused(run, REPO, "--dry-run")


def test_an_unfinished_run_and_a_folder_that_is_none_are_refused(run: Path, tmp_path: Path):
    (run / "metrics.json").unlink()
    assert "train --resume" in refused(run, REPO)
    assert "is no run" in refused(tmp_path, REPO)
    assert "is no run" in refused(tmp_path / "nowhere", REPO)
    assert "holds no scores" in refused(run / "checkpoint", REPO)


@pytest.mark.parametrize("name", ["mine", "a/b/c", "a/..", "a b/c"])
def test_a_name_that_the_hub_does_not_take_is_refused(run: Path, name: str):
    assert "no repository name" in refused(run, name, "--dry-run")
