"""A hub that lies about names, ids, sizes and places: nothing outside the cache is touched."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from encswap import hub
from encswap.errors import SourceError
from encswap.models import resolve
from encswap.plugins import Plugins
from encswap.safety.hub_answers import refuse_unsound
from tests.hub_server import COMMIT, Repository, git_blob, serving

NAME = "someone/encoder"
FILES = {
    "config.json": b'{"model_type": "bert"}',
    "tokenizer.json": b"{}" * 500,
    "model.safetensors": b"0" * 2000,
}
TOKEN = "hf_secret"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A whole home with files that hostile names aim at; only two folders in it are caches."""
    from huggingface_hub import constants

    home = tmp_path / "home"
    for name in (".ssh/id", "notes.txt", ".cache/other/file", ".cache/precious", "a" * 40):
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"keep {name}")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("ENCSWAP_CACHE", str(home / ".cache" / "encswap"))
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(home / ".cache" / "hub"))
    monkeypatch.setattr("huggingface_hub.file_download.constants.HF_HUB_OFFLINE", False)
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setattr(hub, "METADATA_SECONDS", 20.0)
    hub.clear_reachability()
    yield home
    hub.clear_reachability()


def listing(root: Path) -> dict[str, str]:
    """Everything in a folder but the two caches: names, contents, where links lead."""
    found = {}
    for folder, folders, names in os.walk(root):
        here = Path(folder)
        if here == root / "home" / ".cache":
            folders[:] = [one for one in folders if one not in ("hub", "encswap")]
        for name in [*folders, *names]:
            path = here / name
            if path.is_symlink():
                found[str(path)] = f"-> {path.readlink()}"
            else:
                found[str(path)] = path.read_text() if path.is_file() else "folder"
    return found


def fetch_from(repository: Repository, plugins: Plugins, monkeypatch: pytest.MonkeyPatch) -> Any:
    with serving({NAME: repository}) as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        return resolve(NAME, plugins)


PATHS = [
    *("../../../../notes.txt", "{home}/was-here", "..", "../x", "refs/../../../x", "a/b"),
    *("../../../../.ssh/id", "~/notes.txt", "a" * 39, "A" * 40, "a" * 41, "", " " + "a" * 40),
    *("main", "..\\..\\x", "x%2f..%2fy", "a" * 40 + "/../../../../x"),
]
TARGET = "{home}/notes.txt"


def hostile() -> dict[str, dict[str, Any]]:
    """What a repository may lie about, each by a name that says it."""
    cases: dict[str, dict[str, Any]] = {}
    for path in [*PATHS, TARGET]:
        cases[f"listed commit {path!r}"] = {"about": {"sha": path}}
        if path == path.strip():  # the spaces round a header are none of it
            cases[f"commit header {path!r}"] = {"headers": {"X-Repo-Commit": path}}
        cases[f"linked etag {path!r}"] = {"headers": {"X-Linked-Etag": f'"{path}"'}}
        cases[f"etag {path!r}"] = {"headers": {"ETag": f'"{path}"'}}
        cases[f"git id {path!r}"] = {"listed": {"blobId": path}} if path else {"about": {"sha": 1}}
        cases[f"lfs sum {path!r}"] = {
            "listed": {"lfs": {"sha256": path or "-", "size": 1, "pointerSize": 1}}
        }
    for name in ("../x.json", "/etc/x.json", "C:x.json", "a\\b.json", "a\nb.json", "a//b.json"):
        cases[f"name {name!r}"] = {"name": name}
    for size in (-1, 2**60, "12", 1.5):
        cases[f"size {size!r}"] = {"listed": {"size": size}}
    cases["more bytes than listed"] = {"listed": {"size": 3}}
    cases["length that is none"] = {"headers": {"X-Linked-Size": "-5"}}
    cases["no length at all"] = {"endless": True}
    cases["another checksum"] = {"lie": "tokenizer.json"}
    cases["xet hash"] = {"headers": {"X-Xet-Hash": "../../x"}}
    cases["xet route"] = {
        "headers": {"X-Xet-Hash": "a" * 64, "X-Xet-Refresh-Route": "http://198.51.100.1/x"}
    }
    cases["xet link"] = {
        "headers": {
            "X-Xet-Hash": "a" * 64,
            "Link": '<http://198.51.100.1/x>; rel="xet-auth"',
        }
    }
    return cases


CASES = hostile()


@pytest.mark.parametrize("case", CASES)
def test_a_lie_of_the_hub_is_one_line_and_touches_nothing_outside_the_cache(
    case: str, home: Path, plugins: Plugins, monkeypatch: pytest.MonkeyPatch
):
    faults = filled(CASES[case], home)
    files = dict(FILES)
    if "name" in faults:
        files[faults.pop("name")] = b"{}"
    before = listing(home.parent)
    with pytest.raises(SourceError) as caught:
        fetch_from(Repository(files, **faults), plugins, monkeypatch)
    assert listing(home.parent) == before
    said = str(caught.value)
    assert NAME in said and "\n" not in said and "\x1b" not in said


def filled(value: Any, home: Path) -> Any:
    if isinstance(value, dict):
        return {key: filled(one, home) for key, one in value.items()}
    return value.replace("{home}", str(home)) if isinstance(value, str) else value


def test_the_family_of_lies_is_as_large_as_it_was_meant():
    assert len(CASES) >= 100


def test_an_honest_repository_still_comes_and_lies_in_the_cache_alone(
    home: Path, plugins: Plugins, monkeypatch: pytest.MonkeyPatch
):
    before = listing(home.parent)
    source = fetch_from(Repository(dict(FILES)), plugins, monkeypatch)
    assert (source.path / "model.safetensors").read_bytes() == FILES["model.safetensors"]
    assert source.path.is_relative_to(home / ".cache" / "hub")
    assert listing(home.parent) == before


def test_a_missing_file_s_commit_is_looked_at_too():
    """The client marks a missing file at a path with the commit of the answer's header."""
    from encswap.safety.hub_answers import guarded

    with (
        guarded("http://127.0.0.1", NAME, "x.json", 3),
        pytest.raises(SourceError, match="which is none"),
    ):
        refuse_unsound(404, "HEAD", {"x-repo-commit": "../../x"})


@pytest.mark.parametrize("honest", [True, False])
def test_a_token_never_goes_along_to_another_host(
    home: Path, plugins: Plugins, monkeypatch: pytest.MonkeyPatch, honest: bool
):
    """A redirect to another host gets no token; a link of the cache gets its checksum proven."""
    content = dict(FILES) if honest else {name: b"evil" + c[4:] for name, c in FILES.items()}
    elsewhere = Repository(content)
    with serving({NAME: elsewhere}) as other:
        repository = Repository(dict(FILES), sends_on=other.replace("127.0.0.1", "localhost"))
        if honest:
            fetch_from(repository, plugins, monkeypatch)
        else:
            with pytest.raises(SourceError, match="does not have the checksum"):
                fetch_from(repository, plugins, monkeypatch)
    assert any(TOKEN in one for one in repository.tokens)
    assert elsewhere.tokens and not any(elsewhere.tokens)


def test_a_file_with_a_wrong_checksum_goes_and_what_its_link_names_elsewhere_stays(
    home: Path, plugins: Plugins, monkeypatch: pytest.MonkeyPatch
):
    """A snapshot's link that another program bent leads out of the cache."""
    from huggingface_hub import constants

    snapshot = Path(constants.HF_HUB_CACHE) / "models--someone--encoder" / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").symlink_to(home / "notes.txt")
    before = listing(home.parent)
    with pytest.raises(SourceError, match="leads out of"):
        fetch_from(Repository(dict(FILES)), plugins, monkeypatch)
    assert listing(home.parent) == before


def test_a_note_that_is_none_of_ours_is_passed_over(
    home: Path, plugins: Plugins, monkeypatch: pytest.MonkeyPatch
):
    from encswap.files import cache_root, remember

    source = fetch_from(Repository(dict(FILES)), plugins, monkeypatch)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    hub.clear_reachability()
    note = cache_root() / "hub" / "listings" / "someone--encoder@main.json"
    assert note.is_file()
    remember(note, {"commit": COMMIT, "sizes": 3})
    assert resolve(NAME, plugins).path == source.path
    for value in ([1], {"commit": "../../.."}, {"commit": 3}, "x"):
        remember(note, value)
        with pytest.raises(SourceError, match="is not in the cache"):
            resolve(NAME, plugins)


@pytest.mark.parametrize(
    "headers",
    [
        {"x-repo-commit": COMMIT, "etag": f'"{git_blob(b"a")}"'},
        {"x-repo-commit": COMMIT, "etag": f'W/"{hashlib.sha256(b"a").hexdigest()}"'},
        {"etag": '"0-5f3"'},
        {},
    ],
)
def test_honest_headers_are_let_through(headers: dict[str, str]):
    from encswap.safety.hub_answers import guarded

    with guarded("http://127.0.0.1", NAME, "x.json", 3):
        refuse_unsound(200, "HEAD", headers)
