"""The Dockerfiles name what is there; images are not built here."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
KNOWN = {"FROM", "WORKDIR", "COPY", "RUN", "USER", "EXPOSE", "ENTRYPOINT", "CMD", "ENV"}


def instructions(name):
    text = (ROOT / name).read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [one.strip() for one in text.splitlines() if one.strip() and one[0] != "#"]
    return [tuple(one.split(maxsplit=1)) for one in lines]


@pytest.mark.parametrize("name", ["Dockerfile", "Dockerfile.cuda"])
def test_a_dockerfile_copies_what_exists_and_installs_known_extras_within_the_constraints(name):
    found = instructions(name)
    assert found[0][0] == "FROM" and ":" in found[0][1]
    assert {kind for kind, _ in found} <= KNOWN
    copied = [one for kind, rest in found if kind == "COPY" for one in rest.split()[:-1]]
    assert all((ROOT / one).exists() for one in copied)
    # What the build needs of the repository is copied before it is installed.
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert {"pyproject.toml", "constraints.txt", "encswap", "plugins", "data"} <= set(copied)
    runs = [rest for kind, rest in found if kind == "RUN"]
    installs = [one for rest in runs for one in rest.split("&&") if "pip install" in one]
    assert installs and all("-c constraints.txt" in one for one in installs)
    extras = re.findall(r'"\.\[([a-z,]+)\]"', " ".join(installs))
    assert extras
    named = set(extras[0].split(","))
    assert named <= set(project["project"]["optional-dependencies"])
    assert json.loads(dict(found)["ENTRYPOINT"]) == ["encswap"]
    assert all(isinstance(one, str) for one in json.loads(dict(found)["CMD"]))
