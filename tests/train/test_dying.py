"""A run that dies at any file operation goes on; a damaged state is refused or passed over."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from encswap.data.input import find_data
from tests.dying import Ended, Zygote

KEPT = {"torchinductor_root"}
KNOWN = {
    *("checkpoint", "encswap.json", "recipe.yaml", "metrics.json", "predictions.jsonl"),
    *("log.jsonl", "report.html"),
}


@pytest.fixture(scope="module")
def zygote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zygote]:
    one = Zygote(tmp_path_factory.mktemp("dying"))
    yield one
    one.close()


@pytest.fixture(scope="module")
def command(base_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("data")
    for part, count in (("train", 12), ("test", 3)):
        lines = find_data(f"ko-medical/{part}.jsonl").read_text(encoding="utf-8").splitlines()
        (folder / f"{part}.jsonl").write_text("\n".join(lines[:count]) + "\n", encoding="utf-8")
    return [
        *("train", "--encoder", "koelectra", "--scale", "mini", "--base", str(base_folder)),
        *("--train", str(folder / "train.jsonl"), "--test", str(folder / "test.jsonl")),
        *("--splitter", "char", "--set", "epochs=2", "--set", "patience=9"),
        *("--set", "synthetic_labels=0.5", "--set", "batch_size=4"),
    ]


@pytest.fixture(scope="module")
def whole(zygote: Zygote, command: list[str]) -> tuple[Path, Ended]:
    """A run that nothing happened to."""
    zygote.run(*command, "--out", str(zygote.home / "first"), root=zygote.home)  # the mini model
    folder = zygote.home / "whole"
    ended = zygote.run(*command, "--out", str(folder), root=zygote.home)
    assert ended.code == 0, ended.err
    return folder, ended


def result_of(folder: Path) -> dict[str, Any]:
    """All that a run gives, but for the seconds that it took."""
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    del metrics["throughput"], metrics["seconds"], metrics["provenance"]["date"]
    del metrics["provenance"]["training_seconds"], metrics["provenance"]["steps"]
    for one in metrics["epochs"]:
        del one["seconds"]
    lines = (folder / "predictions.jsonl").read_text(encoding="utf-8")
    weights = load_file(folder / "checkpoint" / "model.safetensors")
    return {"metrics": metrics, "lines": lines, "weights": weights}


def assert_equal(folder: Path, other: Path) -> None:
    ours, theirs = result_of(folder), result_of(other)
    assert ours["metrics"] == theirs["metrics"] and ours["lines"] == theirs["lines"]
    assert ours["weights"].keys() == theirs["weights"].keys()
    assert all(one.equal(theirs["weights"][name]) for name, one in ours["weights"].items())


def assert_one_line(ended: Ended) -> None:
    assert ended.code == 2, ended.err
    assert "Traceback" not in ended.err and len(ended.lines) == 1, ended.err


def finish(zygote: Zygote, command: list[str], folder: Path) -> str:
    """Do what the documents say: resume what has begun, start what has not; returns which."""
    if not (folder / "encswap.json").is_file():
        done = zygote.run(*command, "--out", str(folder), root=folder.parent)
        assert done.code == 0, done.err
        return "started"
    done = zygote.run("train", "--resume", str(folder), root=folder.parent)
    if (folder / "metrics.json").is_file() and done.code == 2 and "is finished" in done.err:
        return "finished"
    assert done.code == 0, done.err
    return "resumed"


def assert_nothing_left(folder: Path, home: Path) -> None:
    assert {one.name for one in folder.iterdir()} <= KNOWN
    assert not list((folder / "checkpoint").rglob(".*"))
    assert {one.name for one in folder.parent.iterdir()} == {folder.name}
    assert not list(home.glob("encswap-*")), "a scratch folder of a dead process"


def die_and_go_on(
    zygote: Zygote, command: list[str], whole: Path, at: int, tmp_path: Path
) -> str | None:
    """Kill a run at an operation; None where it has fewer."""
    folder = tmp_path / "place" / "run"
    folder.parent.mkdir()
    root = os.path.commonpath([zygote.home, tmp_path])
    ended = zygote.run(*command, "--out", str(folder), root=Path(root), at=at)
    if ended.code == 0:
        return None
    assert ended.code == -signal.SIGKILL, ended.err
    how = finish(zygote, command, folder)
    assert_equal(folder, whole)
    if how != "finished":
        assert_nothing_left(folder, zygote.home)
    shutil.rmtree(folder.parent)
    return how


@pytest.mark.parametrize("share", [0.02, 0.15, 0.4, 0.75, 0.93])
def test_a_run_killed_at_an_operation_goes_on_to_the_same_result(
    zygote: Zygote, command: list[str], whole: tuple[Path, Ended], tmp_path: Path, share: float
):
    at = max(1, round(share * len(whole[1].operations)))
    assert die_and_go_on(zygote, command, whole[0], at, tmp_path)


@pytest.mark.slow
def test_a_run_killed_at_every_operation_goes_on_to_the_same_result(
    zygote: Zygote, command: list[str], whole: tuple[Path, Ended], tmp_path: Path
):
    ways: dict[str, int] = {}
    at = 0
    while True:
        at += 1
        how = die_and_go_on(zygote, command, whole[0], at, tmp_path)
        if how is None:
            break
        ways[how] = ways.get(how, 0) + 1
    print(f"\nkilled {sum(ways.values())} times: {ways}; stuck 0, other weights 0")
    assert sum(ways.values()) >= 129
    assert set(ways) == {"started", "resumed", "finished"}


# Where a run dies, by the operation: before a state stands, after one, at the end.
MOMENTS = {
    "before the first state": ("os.rename", "/run/state", "1"),
    "after the first epoch": ("os.rename", "/run/.state.old", "1"),
    "before the metrics": ("open", "/run/.metrics.json", "1"),
}


@pytest.fixture(scope="module")
def stopped(zygote: Zygote, command: list[str]) -> dict[str, Path]:
    """A run folder at each moment."""
    found = {}
    for name, on in MOMENTS.items():
        folder = zygote.home / name.replace(" ", "-") / "run"
        folder.parent.mkdir()
        ended = zygote.run(*command, "--out", str(folder), root=folder.parent, on=on)
        assert ended.code == -signal.SIGKILL, ended.err
        found[name] = folder
    return found


def cut(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def delete(path: Path) -> None:
    path.unlink()


def turn(path: Path) -> None:
    """Turn one bit in the middle."""
    content = bytearray(path.read_bytes())
    if content:
        content[len(content) // 2] ^= 1
        path.write_bytes(content)


DAMAGES = {"cut": cut, "empty": empty, "delete": delete}
SOME = [
    (
        "after the first epoch",
        "state/optimizer.pt",
        "delete",
        "is damaged: optimizer.pt is missing",
    ),
    ("after the first epoch", "state/scheduler.pt", "delete", "scheduler.pt is missing"),
    ("after the first epoch", "state/rng_state.pth", "delete", "rng_state.pth is missing"),
    ("after the first epoch", "state/model.safetensors", "cut", "model.safetensors has"),
    ("after the first epoch", "state/optimizer.pt", "turn", "optimizer.pt has another checksum"),
    ("after the first epoch", "checkpoint/model.safetensors", "turn", "another checksum"),
    ("before the metrics", "state/optimizer.pt", "empty", ""),
    ("before the metrics", "state/progress.json", "cut", ""),
    ("before the metrics", ".state.old/optimizer.pt", "empty", ""),
    ("before the first state", "checkpoint/model.safetensors", "empty", ""),
    ("after the first epoch", ".baselines.remembered", "cut", ""),
    ("after the first epoch", "recipe.yaml", "delete", ""),
    ("after the first epoch", "encswap.json", "cut", "is cut off or no JSON"),
]


@pytest.mark.parametrize(("moment", "name", "damage", "said"), SOME)
def test_a_damaged_file_is_told_in_one_line_or_changes_nothing(
    zygote: Zygote,
    stopped: dict[str, Path],
    whole: tuple[Path, Ended],
    tmp_path: Path,
    moment: str,
    name: str,
    damage: str,
    said: str,
):
    folder = tmp_path / "run"
    shutil.copytree(stopped[moment], folder)
    {**DAMAGES, "turn": turn}[damage](folder / name)
    ended = zygote.run("train", "--resume", str(folder), root=tmp_path)
    if said:
        assert_one_line(ended)
        assert said in ended.lines[0]
    else:
        assert ended.code == 0, ended.err
        assert_equal(folder, whole[0])


@pytest.mark.slow
def test_every_file_damaged_in_every_way_at_every_moment_is_refused_or_changes_nothing(
    zygote: Zygote, stopped: dict[str, Path], whole: tuple[Path, Ended], tmp_path: Path
):
    counts = {"equal": 0, "refused": 0}
    for moment, source in stopped.items():
        for path in sorted(one for one in source.rglob("*") if one.is_file()):
            for damage in DAMAGES.values():
                folder = tmp_path / "run"
                shutil.copytree(source, folder)
                damage(folder / path.relative_to(source))
                ended = zygote.run("train", "--resume", str(folder), root=tmp_path)
                where = (moment, path.relative_to(source), damage.__name__, ended.err)
                if ended.code == 0:
                    assert_equal(folder, whole[0])
                    counts["equal"] += 1
                else:
                    assert ended.code == 2 and len(ended.lines) == 1, where
                    assert "Traceback" not in ended.err, where
                    counts["refused"] += 1
                shutil.rmtree(folder)
    print(f"\n{sum(counts.values())} combinations: {counts}")
    assert sum(counts.values()) > 200 and counts["equal"] > 50 and counts["refused"] > 20


def test_a_damaged_state_with_none_before_it_is_trained_again_where_that_is_asked_for(
    zygote: Zygote, stopped: dict[str, Path], whole: tuple[Path, Ended], tmp_path: Path
):
    folder = tmp_path / "run"
    shutil.copytree(stopped["after the first epoch"], folder)
    empty(folder / "state" / "optimizer.pt")
    refused = zygote.run("train", "--resume", str(folder), root=tmp_path)
    assert_one_line(refused)
    assert "--force" in refused.lines[0]
    forced = zygote.run("train", "--resume", str(folder), "--force", root=tmp_path)
    assert forced.code == 0 and "all is trained again" in forced.err
    assert_equal(folder, whole[0])


def test_a_damaged_last_state_is_told_and_the_one_before_it_is_gone_on_from(
    zygote: Zygote, stopped: dict[str, Path], whole: tuple[Path, Ended], tmp_path: Path
):
    folder = tmp_path / "run"
    shutil.copytree(stopped["before the metrics"], folder)
    cut(folder / "state" / "optimizer.pt")
    ended = zygote.run("train", "--resume", str(folder), root=tmp_path)
    assert "the last state is damaged (optimizer.pt has" in ended.err
    assert "go on after epoch 1" in ended.err
    assert_equal(folder, whole[0])


def test_a_state_of_an_older_version_without_sums_is_gone_on_from(
    zygote: Zygote, stopped: dict[str, Path], whole: tuple[Path, Ended], tmp_path: Path
):
    folder = tmp_path / "run"
    shutil.copytree(stopped["after the first epoch"], folder)
    for name in ("state", "checkpoint"):
        delete(folder / name / ".sums.json")
    broken = tmp_path / "broken"
    shutil.copytree(folder, broken)
    assert zygote.run("train", "--resume", str(folder), root=tmp_path).code == 0
    assert_equal(folder, whole[0])
    cut(broken / "state" / "optimizer.pt")
    ended = zygote.run("train", "--resume", str(broken), root=tmp_path)
    assert_one_line(ended)
    assert "optimizer.pt cannot be read" in ended.lines[0]


class Evil:
    """Touches a file where it is unpickled with code allowed."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("sealed", [True, False])
@pytest.mark.parametrize("name", ["optimizer.pt", "scheduler.pt", "rng_state.pth"])
def test_a_pickle_in_a_state_from_elsewhere_runs_no_code(
    zygote: Zygote, stopped: dict[str, Path], tmp_path: Path, name: str, sealed: bool
):
    import torch

    from encswap.train.states import seal

    folder, target = tmp_path / "run", tmp_path / "code-ran"
    shutil.copytree(stopped["after the first epoch"], folder)
    torch.save({"state": Evil(target)}, folder / "state" / name)
    delete(folder / "state" / ".sums.json")
    if sealed:
        seal(folder / "state")
    ended = zygote.run("train", "--resume", str(folder), root=tmp_path)
    assert_one_line(ended)
    assert f"{name} cannot be read" in ended.lines[0] and not target.exists()


def test_a_finished_run_that_died_while_it_tidied_is_tidied_by_whoever_comes_next(
    zygote: Zygote, command: list[str], tmp_path: Path
):
    folder = tmp_path / "run"
    on = ("os.remove", "/run/.baselines.remembered", "1")
    ended = zygote.run(*command, "--out", str(folder), root=tmp_path, on=on)
    assert ended.code == -signal.SIGKILL and (folder / "metrics.json").is_file()
    again = zygote.run("train", "--resume", str(folder), root=tmp_path)
    assert_one_line(again)
    assert "is finished" in again.lines[0]
    assert {one.name for one in folder.iterdir()} <= KNOWN


@pytest.mark.parametrize(
    "left",
    [
        {},
        {".lock": "", ".encswap.json.1-0a0a0a0a.writing": "half"},
        {".lock": "", "splitter-user_dictionary.txt": "word"},
        {"log.jsonl": "", "recipe.yaml": "epochs: 3", ".encswap.json.writing": "{"},
    ],
)
def test_a_folder_that_holds_nothing_of_worth_is_taken_over(
    zygote: Zygote,
    command: list[str],
    whole: tuple[Path, Ended],
    tmp_path: Path,
    left: dict[str, str],
):
    folder = tmp_path / "place" / "run"
    folder.mkdir(parents=True)
    for name, text in left.items():
        (folder / name).write_text(text)
    refused = zygote.run("train", "--resume", str(folder), root=tmp_path)
    assert_one_line(refused)
    assert "give the command that began it once more" in refused.lines[0]
    ended = zygote.run(*command, "--out", str(folder), root=tmp_path)
    assert ended.code == 0, ended.err
    assert_equal(folder, whole[0])
    assert_nothing_left(folder, zygote.home)


@pytest.mark.parametrize(
    "kept",
    [
        {"notes.txt": ""},
        {"recipe.yaml": "epochs: 3"},
        {".lock": "1234"},
        {"log.jsonl": "{}\n"},
        {"splitter-user_dictionary.txt": "word"},
        {".lock": "", "log.jsonl": "", "notes.txt": ""},
        {".writing": ""},
    ],
)
def test_a_folder_that_holds_something_of_a_person_s_is_not(
    zygote: Zygote, command: list[str], tmp_path: Path, kept: dict[str, str]
):
    folder = tmp_path / "run"
    folder.mkdir()
    for name, text in kept.items():
        (folder / name).write_text(text)
    ended = zygote.run(*command, "--out", str(folder), root=tmp_path)
    assert_one_line(ended)
    assert "nothing is overwritten" in ended.lines[0]
    assert {one.name: one.read_text() for one in folder.iterdir()} == kept


def test_a_folder_in_which_nothing_can_be_written_is_told_in_one_line(
    zygote: Zygote, command: list[str], stopped: dict[str, Path], tmp_path: Path
):
    """A folder at the lock's place: who may write anywhere is refused by it too."""
    folder = tmp_path / "run"
    shutil.copytree(stopped["after the first epoch"], folder)
    (folder / ".lock").unlink()
    (folder / ".lock").mkdir()
    ended = zygote.run("train", "--resume", str(folder), root=tmp_path)
    assert_one_line(ended)
    assert "cannot be written" in ended.lines[0]
