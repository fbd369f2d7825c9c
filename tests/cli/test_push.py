"""`encswap push`: what goes to a hub-shaped server, by the genuine client in its own process."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import encswap
from encswap.cli.app import app
from encswap.cli.push import gather
from encswap.models import resolve, spec_of
from encswap.recipe import read_recipe
from encswap.testing.mini.encoders import mini_encoder
from encswap.train.run import write_swap
from tests.report.conftest import CANDIDATES, PLANTED, TEXT, write_run
from tests.upload_server import TOKEN, Hosted, Hub, taking_uploads

REPO = "someone/swapped"
SECRET = "/home/somebody/patients"


@pytest.fixture(scope="module")
def swapped(plugins: Any, base_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A swap, whose checkpoint loads."""
    recipe = read_recipe(overrides={"encoder": "koelectra"}, layers=("mini",))
    spec = spec_of("koelectra", plugins)
    mini_encoder(spec)
    out = tmp_path_factory.mktemp("swapped") / "swap"
    write_swap(
        recipe,
        plugins,
        spec,
        base_source=resolve(str(base_folder), plugins),
        encoder_source=resolve("koelectra", plugins, scale="mini"),
        out=out,
    )
    return out


def edit(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    value = json.loads(path.read_text(encoding="utf-8"))
    change(value)
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")


@pytest.fixture
def run(swapped: Path, tmp_path: Path) -> Path:
    """A finished run whose records name a machine."""
    folder = write_run(tmp_path / "run", [PLANTED], [CANDIDATES])
    checkpoint = folder / "checkpoint"
    shutil.copytree(swapped, checkpoint)
    key = {"config.json": "model_name", "encoder_config/config.json": "_name_or_path"}
    for name in (*key, "tokenizer_config.json"):
        edit(checkpoint / name, lambda one: one.update({key.get(name, "made_in"): SECRET}))  # noqa: B023
    labels = json.loads((folder / "encswap.json").read_text())["labels"]
    more = {
        "labels": labels,
        "recipe": {"train": f"{SECRET}/train.jsonl", "scale": "full"},
        "data": {"train": "0" * 64},
    }
    edit(checkpoint / "encswap.json", lambda one: one.update(more))
    shutil.copy(checkpoint / "encswap.json", folder / "encswap.json")
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


def test_what_was_pushed_loads_and_finds_the_same(run: Path, push: Any, tmp_path: Path):
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


def test_a_guard_is_told_by_the_card_and_goes_into_the_config(run: Path):
    items, text = gather(run, REPO, [], [], "", guard=True)
    config = next(item.content for item in items if item.name == "config.json")
    assert isinstance(config, bytes) and b"load it with encswap.load" in config
    assert "refuses this checkpoint and names" in text
    assert "comes back with its default words" in gather(run, REPO, [], [], "")[1]
    edit(run / "encswap.json", lambda one: one["splitter"].update(name="whitespace"))
    assert "needs no guard" in refused(run, REPO, "--dry-run", "--guard")


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


ELSEWHERE = "the key of somebody"


def link(path: Path, target: Path) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to(target)


def tricks(run: Path, outside: Path) -> dict[str, Callable[[], object]]:
    """The ways in which a folder may send a file from elsewhere."""
    checkpoint = run / "checkpoint"
    outside.mkdir()
    (outside / "key").write_text(ELSEWHERE)
    (outside / "config.json").write_text("{}")
    return {
        "vocab.txt": lambda: link(checkpoint / "vocab.txt", outside / "key"),
        "tokenizer.json": lambda: link(checkpoint / "tokenizer.json", outside / "key"),
        "model.safetensors": lambda: link(checkpoint / "model.safetensors", outside / "key"),
        "merges.txt": lambda: link(checkpoint / "merges.txt", outside / "nothing"),
        "special_tokens_map.json": lambda: link(
            checkpoint / "special_tokens_map.json", checkpoint / "config.json"
        ),
        "encoder_config": lambda: (
            shutil.rmtree(checkpoint / "encoder_config"),
            (checkpoint / "encoder_config").symlink_to(outside),
        ),
        "extra": lambda: (checkpoint / "extra").symlink_to(outside),
        "checkpoint": lambda: (
            checkpoint.rename(outside / "checkpoint"),
            checkpoint.symlink_to(outside / "checkpoint"),
        ),
        "vocab.json": lambda: os.link(outside / "key", checkpoint / "vocab.json"),
        "added_tokens.json": lambda: os.mkfifo(checkpoint / "added_tokens.json"),
        "encswap.json": lambda: link(checkpoint / "encswap.json", run / "encswap.json"),
        "metrics.json": lambda: (
            (run / "metrics.json").rename(outside / "metrics.json"),
            (run / "metrics.json").symlink_to(outside / "metrics.json"),
        ),
    }


@pytest.mark.parametrize("name", [
    "vocab.txt", "tokenizer.json", "model.safetensors", "merges.txt", "special_tokens_map.json",
    "encoder_config", "extra", "checkpoint", "vocab.json", "added_tokens.json", "encswap.json",
    "metrics.json",
])  # fmt: skip
def test_only_regular_files_of_the_folder_itself_go(run: Path, tmp_path: Path, name: str):
    tricks(run, tmp_path / "outside")[name]()
    said = refused(run, REPO)
    assert f"/{name}: " in said and "nothing is uploaded" in said and ELSEWHERE not in said


def test_an_extra_that_is_a_link_is_refused(run: Path, tmp_path: Path):
    link(run / "report.html", tmp_path)
    assert "report.html: is a symbolic link" in refused(run, REPO, "--with", "report")


@pytest.mark.parametrize(
    ("options", "files", "said"),
    [
        ({"user_dictionary": "/etc/hostname"}, {}, "does not lie in the run: '/etc/hostname'"),
        ({"user_dictionary": "../words.txt"}, {}, "does not lie in the run"),
        ({}, {"user_dictionary": {"name": "../../key", "sha256": "0"}}, "does not lie in the run"),
        ({}, {"user_dictionary": {"name": "/etc/hostname", "sha256": "0"}}, "does not lie in"),
        ({}, {"user_dictionary": {"name": ".ssh", "sha256": "0"}}, "does not lie in the run"),
        ({}, {"user_dictionary": {"name": "splitter-a.txt/../../key"}}, "sha256 is missing"),
        ({}, {"user_dictionary": "key"}, "is no manifest: splitter.files.user_dictionary"),
        ({}, {"user_dictionary": {"name": "splitter-a.txt", "sha256": "0"}}, "no such file"),
        ({}, ["key"], "is no manifest: splitter.files: input should be a valid dictionary"),
    ],
)
@pytest.mark.parametrize("where", ["run", "checkpoint"])
def test_a_file_that_the_manifest_names_lies_in_the_run_or_nothing_goes(
    run: Path, where: str, options: Any, files: Any, said: str
):
    place = run if where == "run" else run / "checkpoint"
    edit(place / "encswap.json", lambda one: one["splitter"].update(options=options, files=files))
    assert said in refused(run, REPO)


def test_a_user_dictionary_goes_along_and_loads_elsewhere(
    run: Path, tmp_path: Path, push: Any, plugins: Any
):
    from encswap.manifest import describe_splitter, read_manifest, write_manifest

    words = tmp_path / "words.txt"
    words.write_text("당뇨 합병증\tNNP\n", encoding="utf-8")
    options = {"user_dictionary": str(words)}
    splitter = plugins.splitter("kiwi", **options)
    for place in (run, run / "checkpoint"):
        record = describe_splitter("kiwi", splitter, options)
        write_manifest(replace(read_manifest(place), splitter=record), place)
    copy = run / "checkpoint" / "splitter-user_dictionary.txt"
    assert copy.is_file()
    hub = Hub()
    with taking_uploads(hub) as address:
        done = push(run, address)
    assert done.returncode == 0, done.stderr
    there = hub.repositories[REPO].files
    assert there[copy.name] == words.read_bytes()
    assert str(tmp_path).encode() not in there["encswap.json"]
    copy.write_text("다른 말\tNNP\n", encoding="utf-8")
    assert "is not the splitter's user_dictionary" in refused(run, REPO)


def cut(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) - 100])


def without_a_tensor(path: Path) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(path)
    tensors.pop(sorted(tensors)[0])
    save_file(tensors, path)


def with_nan(path: Path) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(path)
    tensors[sorted(tensors)[0]].view(-1)[0] = float("nan")
    save_file(tensors, path)


BROKEN: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "no config": ("config.json", lambda path: path.unlink(), "config.json"),
    "no encoder config": ("encoder_config/config.json", lambda path: path.unlink(), "config.json"),
    "tokenizer null": ("tokenizer.json", lambda path: path.write_text("null"), "holds null"),
    "tokenizer empty": ("tokenizer.json", lambda path: path.write_text("{}"), "holds {}"),
    "tokenizer cut": ("tokenizer.json", cut, "tokenizer.json"),
    "no tokenizer": ("tokenizer.json", lambda path: path.unlink(), "has no tokenizer.json"),
    "config null": ("config.json", lambda path: path.write_text("null"), "holds null"),
    "config of nothing": ("encoder_config/config.json", lambda p: p.write_text('{"a": 1}'), ""),
    "weights cut": ("model.safetensors", cut, "no whole safetensors"),
    "weights empty": ("model.safetensors", lambda path: path.write_bytes(b""), "no whole"),
    "a weight missing": ("model.safetensors", without_a_tensor, ""),
    "a weight not finite": ("model.safetensors", with_nan, "not finite"),
    "an unknown splitter": (
        "encswap.json",
        lambda path: edit(path, lambda one: one["splitter"].update(name="nowhere")),
        "nowhere",
    ),
    "no manifest of its own": ("encswap.json", lambda path: path.unlink(), "no such file"),
}


@pytest.mark.parametrize("case", sorted(BROKEN))
def test_a_checkpoint_that_does_not_load_is_refused_before_a_repository_is_created(
    run: Path, case: str, monkeypatch: pytest.MonkeyPatch
):
    name, spoil, said = BROKEN[case]
    spoil(run / "checkpoint" / name)
    monkeypatch.setattr("encswap.report.upload.publish", None)
    line = refused(run, REPO)
    assert said in line and "encswap-push-" not in line


def test_a_file_that_is_exchanged_after_it_was_looked_at_is_not_sent(run: Path, tmp_path: Path):
    from encswap.errors import InputError
    from encswap.report.upload_files import collect

    items = {one.name: one for one in collect(run / "checkpoint")}
    weights = items["model.safetensors"]
    weights.refuse_changed()
    link(run / "checkpoint" / "model.safetensors", tmp_path)
    with pytest.raises(InputError, match="symbolic link"):
        weights.refuse_changed()
    (run / "checkpoint" / "tokenizer.json").write_text("{}")
    with pytest.raises(InputError, match="changed meanwhile"):
        items["tokenizer.json"].refuse_changed()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--licence", "Apache"], "'Apache' is no licence that the hub knows; did you mean apache"),
        (["--licence", " "], "the licence is empty"),
        (["--licence", "apache-2"], "apache-2.0"),
        (["--language", "korean"], "'korean' is no code of a language"),
        (["--language", "ko-KR"], "write ko"),
        (["--language", "qq"], "'qq' is no code"),
        (["--language", ""], "'' is no code"),
    ],
)
def test_licence_and_language_are_checked_before_anything(
    run: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], said: str
):
    monkeypatch.setattr("encswap.report.upload.publish", None)
    assert said in refused(run, REPO, *options)


def test_licence_and_language_are_written_as_the_hub_writes_them(run: Path):
    more = ["--licence", "Apache 2.0", "--language", "KO", "--language", "ko", "--language", "eng"]
    result = invoke(run, REPO, "--dry-run", *more)
    assert result.exit_code == 0, result.output
    assert "language:\n- ko\n- eng\nlibrary_name: gliner2\nlicense: apache-2.0\n" in result.stdout


def test_a_card_that_the_hub_refuses_creates_nothing_and_its_reason_is_told(run: Path, push: Any):
    hub = Hub(refused=['"license" must be one of [apache-2.0]', f"\nnot {TOKEN}"])
    with taking_uploads(hub) as address:
        done = push(run, address)
    assert done.returncode == 2 and REPO not in hub.repositories
    (line,) = done.stderr.splitlines()
    assert '"license" must be one of' in line and "nothing was created" in line
    assert not any("create" in one for one in hub.asked)


def test_a_mirror_that_judges_no_cards_takes_them(run: Path, push: Any):
    hub = Hub(faults={"/validate-yaml": 404})
    with taking_uploads(hub) as address:
        done = push(run, address)
    assert done.returncode in (0, 2)
    assert REPO in hub.repositories


def test_a_400_keeps_its_reason_and_loses_the_token(run: Path, push: Any):
    hub = Hub(faults={"/repos/create": 400})
    with taking_uploads(hub) as address:
        done = push(run, address)
    line = done.stderr.splitlines()[-1]
    assert done.returncode == 2
    assert "HTTP 400: refused to Bearer ***" in line and "mend what it names" in line
