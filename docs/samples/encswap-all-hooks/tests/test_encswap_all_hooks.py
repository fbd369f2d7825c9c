"""What the sample promises, asked at mini scale and without a download."""

from __future__ import annotations

from encswap.testing import conforms

import encswap_all_hooks

test_conforms = conforms("all-hooks", methods=("spelled-out",))


def test_digits_are_apart_from_letters() -> None:
    cut = encswap_all_hooks.ScriptSplitter()
    assert [token for token, _, _ in cut("COVID-19 1.5mg")] == [
        *("covid", "-", "19"),
        *("1", ".", "5", "mg"),
    ]


def test_without_a_factor_the_groups_are_left_to_others(monkeypatch) -> None:
    monkeypatch.delenv("SAMPLE_LAYER_DECAY", raising=False)
    assert encswap_all_hooks.build_param_groups(None, None) is None
