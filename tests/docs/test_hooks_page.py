"""The page of hooks: exact signatures, and examples that run as plugins."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from encswap import CheckContext, EncoderSpec, Fact, Source, Subject, hookspecs
from encswap.plugins import HOOKS, Plugins, load_plugins
from encswap.testing.mini.encoders import mini_encoder
from encswap.types import ParamGroupSettings

PAGE = (Path(__file__).parents[2] / "docs" / "hooks.md").read_text(encoding="utf-8")


def section_of(hook: str) -> str:
    (found,) = re.findall(rf"^## `{hook}\(.*?(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    return str(found)


def fence(section: str, language: str) -> str:
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    return str(found)


def example_of(hook: str) -> Plugins:
    """The page's example, loaded as a plugin."""
    module = ModuleType("page")
    exec(compile(fence(section_of(hook), "python"), f"hooks.md:{hook}", "exec"), vars(module))
    plugins = load_plugins([("page", module)])
    assert plugins.records["page"].error is None
    assert plugins.records["page"].hooks == [hook]
    return plugins


def test_every_hook_has_one_heading_in_the_order_of_the_specifications() -> None:
    assert re.findall(r"^## `(\w+)\(", PAGE, re.MULTILINE) == list(HOOKS)


@pytest.mark.parametrize("hook", HOOKS)
def test_a_heading_and_its_block_are_the_exact_signature(hook: str) -> None:
    signature = inspect.signature(getattr(hookspecs, hook))
    section = section_of(hook)
    assert section.splitlines()[0] == f"## `{hook}({', '.join(signature.parameters)})`"
    assert fence(section, "text") == f"{hook}{signature}\n".replace("'", "")


@pytest.mark.parametrize("hook", HOOKS)
def test_a_section_says_when_it_is_called_what_none_means_and_who_wins(hook: str) -> None:
    section = " ".join(section_of(hook).split())
    assert "Called " in section
    registers = hook.startswith("register_")
    assert ("not looked at" if registers else "`None`") in section
    assert re.search(r"The first answer wins|All plugins register|of all plugins are kept", section)


def test_the_registered_encoder_is_there() -> None:
    assert example_of("register_encoders").encoders["page-encoder"].fact("licence") == "mit"


def test_the_registered_splitter_cuts() -> None:
    units = list(example_of("register_word_splitters").splitter("commas")("A, b"))
    assert units == [("a", 0, 1), (",", 1, 2), ("b", 3, 4)]


def test_the_loader_loads_its_own_and_leaves_others_to_the_default() -> None:
    plugins = example_of("load_encoder")
    page = plugins.manager.get_plugin("page")
    folder = mini_encoder(plugins.encoders["klue-roberta"])
    source = Source("x", folder, "folder", str(folder))
    assert page.load_encoder(EncoderSpec("x", "a/b"), source) is None
    own, other = (
        plugins.load_encoder(EncoderSpec("x", hub_id), source)
        for hub_id in ("example/page-encoder", "a/b")
    )
    assert own.model.num_parameters() == other.model.num_parameters()


def test_the_check_adds_its_finding_where_it_has_something_to_say() -> None:
    plugins = example_of("check_compatibility")
    spec = EncoderSpec("x", "a/b", facts={"weights_bytes": Fact(10**10, "V", "2026-11")})
    base = Subject(plugins.bases["gliner2-base"])
    for candidate, wanted in ((spec, ["page-size"]), (EncoderSpec("y", "a/b"), [])):
        found = plugins.check_compatibility(base, Subject(candidate), CheckContext("facts"))
        assert [one.code for one in found if one.code.startswith("page")] == wanted


def test_the_method_zeroes_the_marker_rows(base: Any) -> None:
    import torch

    from encswap.gliner import model as gliner

    table = gliner.embedding_table(base)
    adapted = example_of("adapt_embeddings").adapt_embeddings(
        table, table, "page-zeros", torch.Generator()
    )
    assert not adapted.weight[list(table.markers.values())].any()


def test_the_groups_are_one_where_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    plugins, model = example_of("build_param_groups"), torch.nn.Linear(2, 2)
    settings = ParamGroupSettings(1e-5, 1e-3, 0.0)
    assert len(plugins.build_param_groups(model, settings)) == 2
    monkeypatch.setenv("PAGE_ONE_RATE", "1")
    assert [one.name for one in plugins.build_param_groups(model, settings)] == ["all"]
