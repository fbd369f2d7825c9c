"""Rivals and scored models that come from the hub, through the one door, and a hub that is not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from encswap import hub
from encswap.rivals.any_model import score_model
from encswap.types import Unwatched
from tests.hub_server import COMMIT, Repository, from_folder, serving

MULTI = "fastino/gliner2-multi-v1"


@pytest.fixture
def online(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """A process that may ask a hub, with an empty cache of its files."""
    from huggingface_hub import constants

    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.file_download.constants.HF_HUB_OFFLINE", False)
    hub.clear_reachability()
    yield monkeypatch
    hub.clear_reachability()


@pytest.fixture
def hosted(online, base_folder, finished) -> Iterator[dict[str, Repository]]:
    """A hub with the multilingual base, and with the tagger of a finished run."""
    served = {
        MULTI: from_folder(base_folder),
        "someone/tagger": from_folder(finished[0] / "rivals" / "tagger" / "checkpoint"),
    }
    with serving(served) as address:
        online.setenv("HF_ENDPOINT", address)
        yield served


def test_a_registered_base_is_scored_from_the_hub_by_its_name_and_its_id(
    hosted, base_folder, parts
):
    expected = score_model(base_folder, parts["test"])["test"]
    for name in ("gliner2-multi", MULTI, f"{MULTI}@{COMMIT}"):
        assert score_model(name, parts["test"])["test"] == expected
    assert "model.safetensors" in hosted[MULTI].asked


def test_a_tagger_is_scored_from_the_hub(hosted, finished, parts):
    found = score_model("someone/tagger", parts["test"])
    assert found["kind"] == "tagger" and found["model"] == "someone/tagger"
    assert found["test"]["micro"] == finished[1]["rivals"]["tagger"]["micro"]


def test_a_multilingual_rival_is_trained_from_the_hub(hosted, run_of, tmp_path):
    metrics = run_of(tmp_path / "run", rivals="keep, gliner2-multi", epochs=1)
    multi = metrics["rivals"]["gliner2-multi"]
    assert multi["recipe"]["base"] == "gliner2-multi" and multi["verdict"]
    assert multi["recipe"]["strategy"] == "keep"
    # The hub serves the run's own base under that name: the same numbers as without a swap.
    assert multi["micro"] == metrics["rivals"]["keep"]["micro"]
    assert "model.safetensors" in hosted[MULTI].asked
    assert (tmp_path / "run" / "rivals" / "gliner2-multi" / "predictions.jsonl").is_file()


@pytest.mark.parametrize("fault", ["offline", "gated", "gone"])
def test_a_rival_that_cannot_be_fetched_costs_only_itself(
    hosted, online, run_of, tmp_path, monkeypatch, fault
):
    if fault == "offline":
        online.setenv("HF_HUB_OFFLINE", "1")
    elif fault == "gated":
        hosted[MULTI].gate = True
    else:
        del hosted[MULTI]
    said: list[str] = []
    monkeypatch.setattr(Unwatched, "remark", lambda self, text: said.append(text))
    metrics = run_of(tmp_path / "run", rivals="gliner2-multi", epochs=1)
    (error,) = metrics["rivals"]["gliner2-multi"].values()
    assert MULTI in error and "\n" not in error
    assert any("rival gliner2-multi failed" in one for one in said)
    assert metrics["test"]["micro"]["support"] > 0
    assert not (tmp_path / "run" / "rivals" / "gliner2-multi").exists()
