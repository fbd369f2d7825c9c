"""The page of encoders: its figures are what the program prints, the plan's six come first."""

from __future__ import annotations

import re
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).parents[2] / "docs"
PLAN = ["koelectra", "klue-roberta", "xlm-r", "kure", "gliner-ko", "ko-deberta"]


@cache
def module() -> Any:
    spec = spec_from_file_location("choosing_page", DOCS / "choosing.py")
    assert spec is not None and spec.loader is not None
    found = module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


@pytest.mark.parametrize(
    ("name", "language"),
    [(name, "ko" if ".ko." in name else "en") for name in ("choosing.md", "choosing.ko.md")]
    + [("guides.md", "en"), ("guides.ko.md", "ko")],
)
def test_the_figures_of_the_page_are_what_the_program_prints(name: str, language: str):
    page = (DOCS / name).read_text(encoding="utf-8")
    assert module().written(page, language) == page, "run `python docs/choosing.py`"


@pytest.mark.parametrize("name", ["choosing.md", "choosing.ko.md"])
def test_every_registered_encoder_has_a_section_and_the_plans_come_first(name: str):
    page = (DOCS / name).read_text(encoding="utf-8")
    sections = re.findall(r"^### `(.+)`$", page, re.MULTILINE)
    assert sections == list(module().specs())
    assert sections[: len(PLAN)] == PLAN


def test_advice_is_given_in_both_languages_and_for_encoders_that_are_there():
    advice = module().ADVICE["take"]
    assert set(advice) <= set(module().specs())
    assert all(set(one) == {"en", "ko"} for one in advice.values())


def test_a_korean_page_quotes_the_plan_in_korean_and_an_english_one_in_english():
    korean = (DOCS / "choosing.ko.md").read_text(encoding="utf-8")
    english = (DOCS / "choosing.md").read_text(encoding="utf-8")
    assert "구조적 불가" in korean and "structurally impossible" not in korean
    assert "structurally impossible" in english
    assert not re.search("[가-힣]", english.replace("[한국어]", ""))
