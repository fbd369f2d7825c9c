from __future__ import annotations

from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("kiwipiepy")
DOCS = Path(__file__).parents[2] / "docs"
PAGES = ("words.md", "words.ko.md")


@cache
def module() -> Any:
    spec = spec_from_file_location("words_page", DOCS / "words.py")
    assert spec is not None and spec.loader is not None
    found = module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


@pytest.mark.parametrize("name", PAGES)
def test_the_sentence_of_the_page_is_cut_as_it_says(name: str) -> None:
    assert module().sentence_table() in (DOCS / name).read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("name", PAGES)
def test_the_tables_of_the_page_are_what_the_product_prints(name: str) -> None:
    page = (DOCS / name).read_text(encoding="utf-8")
    assert module().written(page) == page, "run `python docs/words.py`"
