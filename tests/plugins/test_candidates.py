from __future__ import annotations

import re

import pytest

from encswap.plugins import load_plugins
from encswap.types import MARK_MEANINGS, EncoderSpec

PLUGINS = load_plugins()
SPECS = [*PLUGINS.encoders.values(), *PLUGINS.bases.values()]
COUNTED = [spec for spec in SPECS if spec.config and spec.fact("parameters")]


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_every_fact_carries_its_mark_and_its_date(spec: EncoderSpec) -> None:
    for fact in spec.facts.values():
        assert fact.mark in MARK_MEANINGS
        assert re.fullmatch(r"\d{4}-\d{2}(-\d{2})?", fact.date)


@pytest.mark.parametrize("spec", COUNTED, ids=lambda spec: spec.name)
def test_recorded_parameters_are_those_of_the_recorded_config(spec: EncoderSpec) -> None:
    import torch
    from transformers import AutoConfig, AutoModel

    config = AutoConfig.for_model(**dict(spec.config))
    assert type(config).__name__ == spec.fact("config_class")
    with torch.device("meta"):
        model = AutoModel.from_config(config)
    assert sum(one.numel() for one in model.parameters()) == spec.fact("parameters")


def test_the_plans_six_carry_what_the_plan_says_of_them() -> None:
    claimed = {name for name, spec in PLUGINS.encoders.items() if spec.claims}
    assert claimed == {"kure", "koelectra", "klue-roberta", "xlm-r", "gliner-ko", "ko-deberta"}
    chosen = {name for name in claimed if "selected" in PLUGINS.encoders[name].claims}
    assert chosen == {"ko-deberta"}


def test_every_encoder_asks_for_a_splitter_that_is_there() -> None:
    for spec in PLUGINS.encoders.values():
        assert spec.word_splitter in PLUGINS.splitter_names
