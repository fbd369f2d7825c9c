from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from encswap import hub
from encswap.errors import SourceError, UnknownNameError
from encswap.files import cache_root
from encswap.models import mini_folder, resolve, spec_of, split_revision
from encswap.plugins import Plugins, load_plugins
from tests.hub_server import COMMIT, Repository, serving

NAME = "someone/encoder"
FILES = {
    "config.json": b'{"model_type": "bert"}',
    "README.md": b"---\nlicense: mit\n---\n",
    "tokenizer.json": b"{}" * 500,
    "model.safetensors": b"0" * 2000,
    "onnx/model.onnx": b"0" * 2000,
}


@pytest.fixture(scope="module")
def plugins() -> Plugins:
    return load_plugins()


@pytest.fixture(autouse=True)
def own_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    from huggingface_hub import constants

    monkeypatch.setenv("ENCSWAP_CACHE", str(tmp_path / "encswap"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.file_download.constants.HF_HUB_OFFLINE", False)
    hub.clear_reachability()
    yield
    hub.clear_reachability()


@pytest.fixture
def online(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Repository], None]]:
    """Serve one repository at the address that the hub's client asks."""
    with serving({}) as address:
        hosted: dict[str, Repository] = {}
        monkeypatch.setenv("HF_ENDPOINT", address)
        monkeypatch.delenv("HF_HUB_OFFLINE")
        monkeypatch.setattr(hub, "METADATA_SECONDS", 8.0)

        def host(repository: Repository) -> None:
            hosted[NAME] = repository

        with serving(hosted) as busy:
            monkeypatch.setenv("HF_ENDPOINT", busy)
            yield host


def test_only_small_files_are_fetched_and_all_are_listed(
    plugins: Plugins, online: Callable[[Repository], None]
) -> None:
    repository = Repository(dict(FILES))
    online(repository)
    source = resolve(NAME, plugins, need="metadata")
    assert source.revision == COMMIT and not source.pinned
    assert set(repository.asked) == {"config.json", "README.md", "tokenizer.json"}
    assert source.files["model.safetensors"] == 2000
    assert not (source.path / "model.safetensors").exists()


def test_weights_are_fetched_when_they_are_needed(
    plugins: Plugins, online: Callable[[Repository], None]
) -> None:
    online(Repository(dict(FILES)))
    source = resolve(f"{NAME}@{COMMIT}", plugins)
    assert (source.path / "model.safetensors").is_file() and source.pinned
    assert not (source.path / "onnx").exists()


def test_what_was_fetched_is_found_again_without_the_hub(
    plugins: Plugins, online: Callable[[Repository], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    online(Repository(dict(FILES)))
    first = resolve(NAME, plugins, need="metadata")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    hub.clear_reachability()
    again = resolve(NAME, plugins, need="metadata")
    assert again.path == first.path and again.revision == COMMIT


@pytest.mark.parametrize(
    ("repository", "said"),
    [
        (None, "no such repository, or it is private (HTTP 404)"),
        (Repository(dict(FILES), status=401), "HTTP 401"),
        (Repository(dict(FILES), status=403), "access is refused (HTTP 403)"),
        (Repository(dict(FILES), gate=True), "is gated (HTTP 403)"),
        (Repository(dict(FILES), status=429), "limits the rate (HTTP 429)"),
        (Repository(dict(FILES), status=500), "HTTP 500"),
        (Repository(dict(FILES), delay=30), "could not be read"),
        (Repository(dict(FILES), cut="tokenizer.json"), "closed connection"),
        (Repository(dict(FILES), drip="tokenizer.json"), "did not arrive within 8 s"),
        (Repository(dict(FILES), lie="config.json"), "does not have the checksum"),
        (Repository(dict(FILES), moves=True), "moved from"),
        (Repository({"notes.bin": b"1"}), "no config"),
    ],
)
def test_a_fault_of_the_hub_is_one_line_within_seconds(
    plugins: Plugins,
    online: Callable[[Repository], None],
    monkeypatch: pytest.MonkeyPatch,
    repository: Repository | None,
    said: str,
) -> None:
    monkeypatch.setattr(hub, "LIST_SECONDS", 2.0)
    if repository is not None:
        online(repository)
    began = time.monotonic()
    with pytest.raises(SourceError) as caught:
        resolve(NAME, plugins, need="metadata")
    assert said in str(caught.value) and "\n" not in str(caught.value)
    assert time.monotonic() - began < 20


def test_a_missing_revision_is_named(
    plugins: Plugins, online: Callable[[Repository], None]
) -> None:
    online(Repository(dict(FILES)))
    with pytest.raises(SourceError, match="has no revision 'v9'"):
        resolve(f"{NAME}@v9", plugins, need="metadata")


def test_pickle_weights_are_refused_unless_asked_for(
    plugins: Plugins, online: Callable[[Repository], None]
) -> None:
    files = {"config.json": b"{}", "pytorch_model.bin": b"0"}
    online(Repository(files))
    with pytest.raises(SourceError, match="--allow-pickle"):
        resolve(NAME, plugins)
    assert (resolve(NAME, plugins, allow_pickle=True).path / "pytorch_model.bin").is_file()


def test_an_unreachable_hub_is_told_in_two_seconds_and_then_remembered(
    plugins: Plugins, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE")
    # An address of a documentation network: packets to it are lost, not refused.
    monkeypatch.setenv("HF_ENDPOINT", "http://192.0.2.1")
    began = time.monotonic()
    with pytest.raises(SourceError, match="offline ways: a local folder"):
        resolve(NAME, plugins)
    assert time.monotonic() - began < 4
    began = time.monotonic()
    hub.clear_reachability()
    assert hub.why_unreachable()
    assert time.monotonic() - began < 0.5
    assert (cache_root() / "hub" / "unreachable.json").is_file()


def test_a_folder_is_a_source_and_a_folder_without_a_model_is_none(
    plugins: Plugins, tmp_path: Path
) -> None:
    with pytest.raises(SourceError, match="is no model"):
        resolve(tmp_path, plugins)
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    assert resolve(str(tmp_path), plugins, need="metadata").kind == "folder"
    with pytest.raises(SourceError, match="has no weights"):
        resolve(tmp_path, plugins)


def test_unknown_names_list_the_known(plugins: Plugins) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'ko-deberta'"):
        spec_of("ko-debrta", plugins)
    with pytest.raises(SourceError, match="no such folder"):
        spec_of("./nowhere", plugins)


def test_a_hub_id_of_a_registered_encoder_is_that_encoder(plugins: Plugins) -> None:
    spec = plugins.encoders["ko-deberta"]
    assert spec_of(spec.hub_id, plugins) is spec


def test_revisions_are_split_from_names_and_not_from_folders(tmp_path: Path) -> None:
    assert split_revision("a/b@v1") == ("a/b", "v1")
    folder = tmp_path / "x@y"
    folder.mkdir()
    assert split_revision(str(folder)) == (str(folder), None)


def test_mini_says_how_it_is_built(plugins: Plugins, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="encswap demo"):
        resolve("ko-deberta", plugins, scale="mini")
    folder = mini_folder("encoder", "ko-deberta")
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}", encoding="utf-8")
    assert resolve("ko-deberta", plugins, scale="mini").path == folder
    shutil.rmtree(folder)
