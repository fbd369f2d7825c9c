from __future__ import annotations

from pathlib import Path

import pytest

from encswap import BaseSpec, Claim, Fact, read_encoders
from encswap.errors import InputError

TABLE = """
_shared: {size: &size {hidden_size: 768}}
one:
  hub_id: org/one
  revision: 0123456789012345678901234567890123456789
  word_splitter: kiwi
  date: 2026-11
  facts:
    config: {value: {<<: *size, layer_norm_eps: 1.0e-7}, mark: V, source: config.json}
    licence: {value: mit, mark: M, date: 2025-01}
  claims:
    parameters: {text: 131M, value: 131_000_000, where: plan 2.1}
two: {hub_id: org/two, base: true}
"""


def table(folder: Path, text: str) -> Path:
    path = folder / "encoders.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_an_entry_becomes_a_spec_with_its_facts_and_claims(tmp_path: Path):
    one = read_encoders(table(tmp_path, TABLE))["one"]
    assert (one.name, one.hub_id, one.word_splitter) == ("one", "org/one", "kiwi")
    assert one.config == {"hidden_size": 768, "layer_norm_eps": 1e-7}
    assert one.facts["config"].source == "config.json"
    assert one.claims == {"parameters": Claim("131M", 131_000_000, "plan 2.1")}


def test_the_date_of_the_entry_stands_for_facts_that_have_none(tmp_path: Path):
    one = read_encoders(table(tmp_path, TABLE))["one"]
    assert one.facts["config"].date == "2026-11"
    assert one.facts["licence"] == Fact("mit", "M", "2025-01")


def test_what_begins_with_an_underscore_is_no_encoder_and_base_makes_a_base(tmp_path: Path):
    specs = read_encoders(table(tmp_path, TABLE))
    assert set(specs) == {"one", "two"}
    assert isinstance(specs["two"], BaseSpec)
    assert not isinstance(specs["one"], BaseSpec)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("one: org/one", "one is not a mapping"),
        ("one: {word_splitter: kiwi}", "one has no hub_id"),
        ("one: {hub_id: o/n, licens: mit}", "one has the unknown key 'licens'"),
        ("one: {hub_id: o/n, facts: {licence: mit}}", "one: facts.licence lacks 'value'"),
        ("one: {hub_id: o/n, facts: {licence: {value: mit}}}", "one: facts.licence lacks 'mark'"),
        ("one: {hub_id: o/n, facts: [licence]}", "one: facts is not a mapping"),
        (
            "one: {hub_id: o/n, facts: {a: {value: 1, mark: V, when: 2}}}",
            "one: facts.a has the unknown key 'when'",
        ),
        ("one: {hub_id: o/n, claims: {a: {value: 1}}}", "one: claims.a lacks 'text'"),
        ("- one", "not a mapping"),
    ],
)
def test_a_wrong_table_is_refused_with_its_place(tmp_path: Path, text: str, message: str):
    path = table(tmp_path, text)
    with pytest.raises(InputError) as caught:
        read_encoders(path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
