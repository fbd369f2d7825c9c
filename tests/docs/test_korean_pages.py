"""A page in two languages has the same commands, data and links in both, in the same order."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.test_snippets import Block, blocks_of, kind_of

DOCS = Path(__file__).parents[2] / "docs"
KOREAN = sorted(path.name for path in DOCS.glob("*.ko.md"))
HANGUL = re.compile("[가-힣]")


def blocks(name: str) -> list[Block]:
    return list(blocks_of((DOCS / name).read_text(encoding="utf-8")))


def told_apart(block: Block) -> tuple[str, str, str]:
    """What both languages have to share of a block: not its remarks, nor the page's language."""
    text = re.sub(r"\s*#.*", "", block.text) if block.language == "python" else block.text
    text = text.replace(" --lang ko", "")
    text = re.sub(r"report-(ko|en)\.html", "report.html", text)
    return block.language, block.how, text


def twin(name: str) -> str:
    return name.replace(".ko.md", ".md")


def test_the_pages_that_a_korean_reader_needs_are_there():
    wanted = {"quickstart", "plan", "words", "choosing", "guides", "troubleshooting"}
    assert {name.removesuffix(".ko.md") for name in KOREAN} == wanted


@pytest.mark.parametrize("name", KOREAN)
def test_a_page_and_its_twin_name_each_other(name: str):
    assert f"[English]({twin(name)})" in (DOCS / name).read_text(encoding="utf-8")
    assert f"[한국어]({name})" in (DOCS / twin(name)).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", KOREAN)
def test_the_commands_of_both_languages_are_the_same(name: str):
    ours, theirs = (
        [told_apart(one) for one in blocks(page) if kind_of(one) != "data"]
        for page in (name, twin(name))
    )
    assert ours == theirs


@pytest.mark.parametrize("name", ["guides.ko.md", "troubleshooting.ko.md"])
def test_parts_and_links_of_both_languages_are_the_same(name: str):
    ours, theirs = ((DOCS / page).read_text(encoding="utf-8") for page in (name, twin(name)))
    for pattern in (r"^(#+) ", r"\]\(([^)#]+)"):
        found, wanted = (re.findall(pattern, text, re.MULTILINE) for text in (ours, theirs))
        found, wanted = ([one.replace(".ko.md", ".md") for one in some] for some in (found, wanted))
        assert found == wanted


@pytest.mark.parametrize("name", KOREAN)
def test_the_prose_of_a_korean_page_is_korean(name: str):
    text = re.sub(r"^```.*?^```$", "", (DOCS / name).read_text(encoding="utf-8"), flags=re.M | re.S)
    text = re.sub(r"^(#|\||<!--).*$", "", text, flags=re.M)
    for part in text.split("\n\n"):
        words = re.sub(r"`[^`]*`|\[[^\]]*\]\([^)]*\)|<!--.*?-->|\*+[^*]*\*+", "", part)
        if len(words.split()) > 8:
            assert HANGUL.search(words), part
