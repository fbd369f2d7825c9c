"""All candidates on a hub-shaped server, asked by the genuine client in its own process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from encswap.plugins import Plugins
from tests.hub_server import Repository, from_folder, serving

SELECTED = {"ko-deberta", "kf-deberta", "mdeberta", "mdeberta-ko"}
WEIGHTS = "model.safetensors"


@pytest.fixture
def hosted(plugins: Plugins, replicas: dict[str, Path]) -> dict[str, Repository]:
    """A repository for each candidate and for the base, with weights that nobody should fetch."""
    specs = {**plugins.encoders, "gliner2-base": plugins.bases["gliner2-base"]}
    served = {}
    for name, spec in specs.items():
        served[spec.hub_id] = from_folder(replicas[name])
        served[spec.hub_id].files[WEIGHTS] = b"0" * 100_000
    return served


def check(address: str, folder: Path) -> dict[str, Any]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
    environment |= {
        "HF_ENDPOINT": address,
        "HF_HOME": str(folder / "hf"),
        "ENCSWAP_CACHE": str(folder / "encswap"),
    }
    done = subprocess.run(
        [sys.executable, "-m", "encswap", "check", "--all", "--depth", "config", "-f", "json"],
        capture_output=True,
        env=environment,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert b"Traceback" not in done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def test_the_plan_s_verdicts_come_again_from_the_hub_without_the_weights(
    hosted: dict[str, Repository], tmp_path: Path
):
    with serving(hosted) as address:
        report = check(address, tmp_path)
    verdicts = {one["name"]: one["verdict"] for one in report["candidates"]}
    assert {name for name, verdict in verdicts.items() if verdict == "selected"} == SELECTED
    assert report["recommended"] in SELECTED
    assert {one["depth"] for one in report["candidates"]} == {"config"}
    assert all(one["revision"] for one in report["candidates"])
    assert not any(WEIGHTS in repository.asked for repository in hosted.values())
    assert not list(tmp_path.rglob("*.safetensors"))


def test_a_fault_at_one_candidate_is_its_own_and_the_facts_stand_in(
    plugins: Plugins, hosted: dict[str, Repository], tmp_path: Path
):
    faults: dict[str, dict[str, Any]] = {
        "klue-roberta": {"gate": True},
        "xlm-r": {"status": 401},
        "kure": {"status": 429},
        "mdeberta": {"delay": 60.0},
        "kf-deberta": {"cut": "config.json"},
        "mdeberta-ko": {"lie": "config.json"},
    }
    for name, fault in faults.items():
        for key, value in fault.items():
            setattr(hosted[plugins.encoders[name].hub_id], key, value)
    del hosted[plugins.encoders["koelectra"].hub_id]
    with serving(hosted) as address:
        report = check(address, tmp_path)
    found = {one["name"]: one for one in report["candidates"]}
    for name in [*faults, "koelectra"]:
        assert found[name]["depth"] == "facts", name
        unread = [f for f in found[name]["findings"] if f["depth"] != "facts"]
        assert unread and all(f["status"] in ("skip", "fail") for f in unread), name
    for name in set(found) - set(faults) - {"koelectra"}:
        assert found[name]["depth"] == "config", name
    verdicts = {name: one["verdict"] for name, one in found.items()}
    assert {name for name, verdict in verdicts.items() if verdict == "selected"} == SELECTED
