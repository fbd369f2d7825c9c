from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest
from typer.testing import CliRunner

from encswap import AdaptedEmbeddings, EncoderSpec, Fact, LoadedEncoder, ParamGroup, hookimpl
from encswap.cli import app
from encswap.errors import InputError, UnknownNameError
from encswap.plugins import Plugins, load_plugins
from encswap.testing import conforms
from encswap.testing.verification import Verification

runner = CliRunner()
test_a_bundled_encoder_conforms = conforms("mdeberta")
test_a_plain_splitter_conforms = conforms("whitespace")
test_a_splitter_of_characters_conforms = conforms("char")


def with_plugin(**hooks: Callable[..., Any]) -> Plugins:
    """The bundled plugins, and one called `own` made of functions."""
    made = ModuleType("own")
    for name, function in hooks.items():
        setattr(made, name, hookimpl(function))
    return load_plugins([("own", made)])


def broken(
    plugins: Plugins, name: str = "own", methods: tuple[str, ...] = (), *, asked: str = ""
) -> dict[str, str]:
    """The promises that are broken, with what was found; `asked` asks for one, and its needs."""
    verification = Verification.of(name, plugins, methods=methods)
    cases = [case for case in verification.cases if asked in ("", case.promise)]
    outcomes = [verification.outcome(case) for case in cases]
    return {one.promise: one.message for one in outcomes if one.status == "broken"}


def test_a_bundled_splitter_conforms() -> None:
    pytest.importorskip("kiwipiepy")
    assert broken(load_plugins(), "kiwi") == {}


# -- splitters -----------------------------------------------------------------------------


def splitting(cut: Callable[[str], Iterator[tuple[Any, ...]]]) -> Plugins:
    def factory() -> Any:
        def splitter(text: str, lower: bool = True) -> Iterator[tuple[Any, ...]]:
            for token, *place in cut(text):
                yield (token.lower() if lower else token, *place)

        return splitter

    def register_word_splitters(register: Any) -> None:
        register("own-splitter", factory)

    return with_plugin(register_word_splitters=register_word_splitters)


def characters(text: str) -> Iterator[tuple[Any, ...]]:
    return ((char, place, place + 1) for place, char in enumerate(text) if not char.isspace())


@pytest.mark.parametrize(
    ("cut", "promise"),
    [
        (lambda text: ((c, a) for c, a, _ in characters(text)), "cuts"),
        (lambda text: 1 / 0, "cuts"),
        (lambda text: iter([*characters(text)][::-1]), "cuts-in-order"),
        (lambda text: iter([("", 0, 0)]), "cuts-in-order"),
        (lambda text: ((c, a, b + 1) for c, a, b in characters(text)), "cuts-in-order"),
        (lambda text: iter([*characters(text)][:1]), "loses-nothing"),
        (
            lambda text: ((c, a, b) for c, a, b in characters(text) if c.isprintable()),
            "loses-nothing",
        ),
        (lambda text: (("x", a, b) for _, a, b in characters(text)), "cuts-the-text"),
    ],
)
def test_a_splitter_that_breaks_a_law_is_told_which(cut: Any, promise: str) -> None:
    found = broken(splitting(cut))
    assert next(iter(found)) == promise


def test_a_splitter_that_cuts_another_way_each_time_is_told_of() -> None:
    calls = iter(range(10**6))

    def cut(text: str) -> Iterator[tuple[Any, ...]]:
        words = text.split() if next(calls) % 2 else [text.strip()]
        place = 0
        for word in filter(None, words):
            place = text.index(word, place)
            yield word, place, place + len(word)
            place += len(word)

    assert "cuts-the-same" in broken(splitting(cut))


# -- encoders ------------------------------------------------------------------------------


def test_a_plugin_of_hooks_alone_is_tried_on_an_encoder_that_is_there() -> None:
    def build_param_groups(model: Any, settings: Any) -> list[ParamGroup]:
        named = tuple(model.named_parameters())
        return [ParamGroup("all but one", named[1:], settings.head_lr, 0.0)]

    plugins = with_plugin(build_param_groups=build_param_groups)
    assert "is in no group" in broken(plugins, asked="groups")["groups"]


def test_steps_that_change_nothing_teach_nothing() -> None:
    def build_param_groups(model: Any, settings: Any) -> list[ParamGroup]:
        return [ParamGroup("all", tuple(model.named_parameters()), 0.0, 0.0)]

    found = broken(with_plugin(build_param_groups=build_param_groups))
    assert set(found) == {"learns"}


def test_an_encoder_with_weights_that_are_not_finite_is_told_of() -> None:
    def load_encoder(spec: EncoderSpec, source: Any) -> LoadedEncoder:
        import torch

        from encswap.swap import load as loading

        loaded = loading.load_encoder(spec, source)
        with torch.no_grad():
            loaded.model.get_input_embeddings().weight[0] = torch.nan
        return loaded

    assert "not finite" in broken(with_plugin(load_encoder=load_encoder), asked="loads")["loads"]


def adapting(change: Callable[[Any, Any], Any]) -> Plugins:
    def adapt_embeddings(candidate: Any, method: str, generator: Any) -> Any:
        if method != "own":
            return None
        weight = candidate.weight.clone()
        weight[list(candidate.markers.values())] = 0.0
        return AdaptedEmbeddings(change(weight, candidate), {"own": len(candidate.markers)})

    return with_plugin(adapt_embeddings=adapt_embeddings)


def drawn(weight: Any, candidate: Any) -> Any:
    import torch

    weight[list(candidate.markers.values())] = torch.randn(weight.shape[1])
    return weight


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda weight, candidate: weight + 1, "changes pretrained rows"),
        (lambda weight, candidate: weight / 0, "not finite"),
        (lambda weight, candidate: weight[:-1], "shape"),
        (lambda weight, candidate: candidate.weight.add_(1), "changes the table"),
        (drawn, "other rows for the same seed"),
    ],
)
def test_a_method_that_breaks_a_promise_is_told_which(change: Any, told: str) -> None:
    found = broken(adapting(change), methods=("own",), asked="adapts-embeddings")
    assert told in found["adapts-embeddings"]


def test_a_method_that_answers_for_everybody_is_told_of() -> None:
    def adapt_embeddings(candidate: Any) -> AdaptedEmbeddings:
        return AdaptedEmbeddings(candidate.weight.clone(), {})

    plugins = with_plugin(adapt_embeddings=adapt_embeddings)
    assert "somebody answers" in broken(plugins, asked="leaves-other-methods").popitem()[1]


def test_a_check_that_fails_is_told_with_its_depth() -> None:
    def check_compatibility(context: Any) -> list[Any]:
        return [] if context.depth == "facts" else [1 / 0]

    found = broken(with_plugin(check_compatibility=check_compatibility), asked="checks")
    assert found == {"checks": "at depth config: ZeroDivisionError: division by zero"}


def test_a_hook_without_its_mark_is_told_of() -> None:
    made = ModuleType("own")
    made.load_encoder = lambda spec: None  # type: ignore[attr-defined]
    found = broken(load_plugins([("own", made)]))
    assert found == {"registers": "load_encoder is not marked with @hookimpl, so nobody calls it"}


def test_a_plugin_that_was_set_aside_breaks_its_first_promise() -> None:
    found = broken(with_plugin(register_encoder=lambda register: None))
    assert list(found) == ["registers"]


def test_facts_without_a_date_and_a_splitter_that_is_not_there_are_told_of(
    plugins: Plugins,
) -> None:
    whole = plugins.encoders["mdeberta"]
    for spec, told in (
        (replace(whole, facts={**whole.facts, "x": Fact(1, "V", "today")}), "not ISO"),
        (replace(whole, word_splitter="kiwis"), "asks for splitter 'kiwis'"),
    ):
        made = replace(spec, name="own-encoder")
        found = broken(
            with_plugin(register_encoders=lambda register, made=made: register(made)), asked="facts"
        )
        assert told in found["facts"]


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({}, r"cannot be built at mini scale; add facts\['config'\]"),
        (
            {"tokenizer": {"model": "WordLevel"}},
            "its tokenizer is WordLevel, a mini one is WordPie",
        ),
    ],
)
def test_too_few_facts_for_mini_scale_say_what_to_add(facts: dict[str, Any], told: str) -> None:
    recorded = {key: Fact(value, "V", "2026-11") for key, value in facts.items()}
    spec = EncoderSpec("own-encoder", "a/b", facts=recorded)
    plugins = with_plugin(register_encoders=lambda register: register(spec))
    with pytest.raises(InputError, match=told):
        Verification.of("own", plugins)
    skipped = Verification.of("own", plugins, bare=True)
    assert skipped.outcome(skipped.cases[-1]).status == "skipped"


def test_an_unknown_name_lists_the_known() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'ko-deberta'"):
        Verification.of("ko-debrta")


def test_the_test_of_an_unknown_plugin_fails_with_one_line() -> None:
    with pytest.raises(pytest.fail.Exception, match="unknown plugin"):
        conforms("nobody")()  # type: ignore[call-arg]


# -- the command ---------------------------------------------------------------------------


def test_the_command_prints_every_promise_with_its_result() -> None:
    result = runner.invoke(app, ["plugins", "verify", "char"])
    assert result.exit_code == 0
    assert "char keeps its promises" in result.stdout and "loses-nothing" in result.stdout
    assert "char: loses-nothing …" in result.stderr


def test_the_command_writes_json_with_the_page_of_each_promise() -> None:
    result = runner.invoke(app, ["plugins", "verify", "char", "--format", "json"])
    told = json.loads(result.stdout)
    assert told["conforms"] is True and told["plugin"]["name"] == "encswap.gliner.splitters"
    assert {one["status"] for one in told["promises"]} == {"kept", "remark"}
    assert told["promises"][-1]["page"] == "docs/plugins.md#cuts-the-same"


@pytest.mark.parametrize(
    ("name", "said"), [("nobody", "unknown plugin"), ("gliner-ko", "cannot be built at mini scale")]
)
def test_bad_input_ends_in_one_line(name: str, said: str) -> None:
    result = runner.invoke(app, ["plugins", "verify", name])
    assert result.exit_code == 2
    assert said in result.stderr and result.stderr.count("\n") == 1


MODERN = {
    "model_type": "modernbert",
    "hidden_size": 768,
    "intermediate_size": 1152,
    "num_hidden_layers": 22,
    "num_attention_heads": 12,
    "max_position_embeddings": 8192,
    "vocab_size": 50368,
}
ROBERTA = {
    "model_type": "roberta",
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "max_position_embeddings": 514,
    "type_vocab_size": 1,
    "vocab_size": 50265,
}


@pytest.mark.parametrize(
    ("config", "specials"),
    [
        (MODERN, {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "[PAD]": 3, "[MASK]": 4}),
        (ROBERTA, {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, "<mask>": 4}),
    ],
    ids=["modernbert", "roberta"],
)
def test_an_encoder_with_byte_level_bpe_keeps_its_promises_at_mini_scale(
    config: dict[str, Any], specials: dict[str, int]
) -> None:
    tokenizer = {"model": "BPE", "length": config["vocab_size"], "special_tokens": specials}
    facts = {"config": config, "tokenizer": tokenizer}
    spec = EncoderSpec(
        "own-encoder", "a/b", facts={key: Fact(one, "V", "2026-11") for key, one in facts.items()}
    )
    plugins = with_plugin(register_encoders=lambda register: register(spec))
    found = Verification.of("own", plugins)
    outcomes = [found.outcome(case) for case in found.cases]
    assert [one for one in outcomes if one.status in ("broken", "skipped")] == []
