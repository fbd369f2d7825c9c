from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from encswap.cli import app

runner = CliRunner()


def test_json_names_every_plugin_with_what_it_offers() -> None:
    result = runner.invoke(app, ["plugins", "list", "--format", "json"])
    records = {record["name"]: record for record in json.loads(result.stdout)}
    expected = {"name", "distribution", "version", "hooks", "encoders", "splitters", "error"}
    assert set(records["ko-deberta"]) == expected | {"api", "remarks"}
    assert records["ko-deberta"]["api"] == 1
    assert records["ko-deberta"]["encoders"] == ["ko-deberta"]
    assert records["ko-deberta"]["distribution"] == "encswap"
    assert records["ko-deberta"]["error"] is None


@pytest.mark.parametrize("form", ["table", "markdown"])
def test_people_see_every_plugin(form: str) -> None:
    result = runner.invoke(app, ["plugins", "list", "--format", form])
    assert "klue-roberta" in result.stdout and "built in" in result.stdout
