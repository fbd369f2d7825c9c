from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from encswap.check.criteria import load_criteria
from encswap.check.verdicts import CheckReport, Request, run_checks
from encswap.data.input import find_data
from encswap.data.readers import read_examples
from encswap.plugins import Plugins
from encswap.types import CheckContext, Depth
from tests.check.conftest import change

Replica = Callable[[str], Path]
EXAMPLES = tuple(read_examples(find_data("ko-medical/test.jsonl")))[:20]


def look(
    plugins: Plugins,
    folders: list[Path],
    base: Path,
    depth: Depth = "config",
    criteria: str = "plan",
) -> CheckReport:
    # Every mention begins and ends at a character, so coverage never speaks here.
    splitters = {"whitespace": plugins.splitter("char")}
    context = CheckContext(depth=depth, examples=EXAMPLES, splitters=splitters, words=("인슐린을",))
    names = [str(folder) for folder in folders]
    return run_checks(Request(names, str(base), load_criteria(criteria), context), plugins)


def failed(report: CheckReport, index: int = 0) -> set[str]:
    return {f.code for f in report.candidates[index].findings if f.status == "fail"}


def test_folders_with_the_candidates_files_give_the_plans_verdicts_again(
    plugins: Plugins, replicas: dict[str, Path]
) -> None:
    folders = [path for name, path in replicas.items() if name != "gliner2-base"]
    report = look(plugins, folders, replicas["gliner2-base"])
    verdicts = {one.name: one.verdict for one in report.candidates}
    selected = {name for name, verdict in verdicts.items() if verdict == "selected"}
    assert selected == {"ko-deberta", "kf-deberta", "mdeberta", "mdeberta-ko"}
    assert {one.depth for one in report.candidates} == {"config"}
    first = {one.name: one.reasons[0].code for one in report.candidates}
    assert first["kure"] == "token-level" and first["gliner-ko"] == "complete-model"
    assert first["koelectra"] == first["klue-roberta"] == first["xlm-r"] == "architecture"


def test_parameters_are_counted_from_the_config(
    plugins: Plugins, replicas: dict[str, Path]
) -> None:
    report = look(plugins, [replicas["ko-deberta"]], replicas["gliner2-base"])
    assert report.candidates[0].parameters == plugins.encoders["ko-deberta"].fact("parameters")


def test_licence_comes_from_the_readme(plugins: Plugins, replicas: dict[str, Path]) -> None:
    report = look(plugins, [replicas["klue-roberta"]], replicas["gliner2-base"])
    finding = report.candidates[0].finding("licence")
    assert finding is not None and finding.status == "warn" and "README.md" in finding.message


def test_a_wordpiece_tokenizer_under_another_class_loads_with_a_warning(
    plugins: Plugins, replicas: dict[str, Path]
) -> None:
    report = look(plugins, [replicas["ko-deberta"]], replicas["gliner2-base"])
    finding = report.candidates[0].finding("tokenizer-loads")
    assert finding is not None and finding.status == "warn"
    assert failed(report) == set()


def test_quality_stands_beside_the_bases_with_the_words_asked_for(
    plugins: Plugins, replicas: dict[str, Path]
) -> None:
    report = look(plugins, [replicas["koelectra"]], replicas["gliner2-base"])
    finding = report.candidates[0].finding("tokenizer-quality")
    assert finding is not None
    assert finding.evidence["subtokens_per_word"] > 1
    assert finding.evidence["base"]["subtokens_per_word"] > 1
    assert finding.evidence["shown"]["인슐린을"]["candidate"]
    assert finding.evidence["worst"]


def test_a_page_whose_front_matter_doubles_at_each_line_says_no_licence(
    plugins: Plugins, replica: Replica, replicas: dict[str, Path]
) -> None:
    folder = replica("kf-deberta")
    lines = [
        "a0: &a0 {k: v}",
        *(f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}" for n in range(1, 40)),
    ]
    front = "\n".join(["---", *lines, "license: mit", "---"])
    (folder / "README.md").write_text(front, encoding="utf-8")
    finding = look(plugins, [folder], replicas["gliner2-base"]).candidates[0].finding("licence")
    assert finding is not None and finding.status == "warn"


def spoil_hidden(folder: Path) -> None:
    change(folder / "config.json", hidden_size=384, intermediate_size=1536)


def spoil_decoder(folder: Path) -> None:
    change(folder / "config.json", is_decoder=True)


def spoil_pooled(folder: Path) -> None:
    modules = [{"type": "a.Transformer", "path": ""}, {"type": "a.Pooling", "path": "1_Pooling"}]
    (folder / "modules.json").write_text(json.dumps(modules), encoding="utf-8")


def spoil_remote(folder: Path) -> None:
    change(folder / "config.json", auto_map={"AutoModel": "modeling.Own"})


def spoil_pickle(folder: Path) -> None:
    (folder / "pytorch_model.bin").write_bytes(b"0")


def spoil_vocabulary(folder: Path) -> None:
    change(folder / "config.json", vocab_size=100)


def spoil_pad(folder: Path) -> None:
    change(folder / "config.json", pad_token_id=-3)


def spoil_markers(folder: Path) -> None:
    path = folder / "tokenizer.json"
    values = json.loads(path.read_text(encoding="utf-8"))
    values["model"]["vocab"] |= {"[P]": 7, "[C]": 7}
    path.write_text(json.dumps(values), encoding="utf-8")


def spoil_units(folder: Path) -> None:
    path = folder / "tokenizer.json"
    values = json.loads(path.read_text(encoding="utf-8"))
    letter = EXAMPLES[0].text[0].lower()
    remove = {"type": "Replace", "pattern": {"String": letter}, "content": ""}
    values["normalizer"] = {"type": "Sequence", "normalizers": [values["normalizer"], remove]}
    path.write_text(json.dumps(values), encoding="utf-8")


def spoil_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").write_text("{", encoding="utf-8")


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (spoil_hidden, "hidden-size"),
        (spoil_decoder, "encoder-only"),
        (spoil_pooled, "token-level"),
        (spoil_remote, "remote-code"),
        (spoil_pickle, "weights-format"),
        (spoil_vocabulary, "embedding-resize"),
        (spoil_pad, "pad-id"),
        (spoil_markers, "marker-tokens"),
        (spoil_units, "subtoken-per-unit"),
        (spoil_tokenizer, "tokenizer-loads"),
    ],
)
def test_a_planted_fault_is_caught_by_exactly_its_own_code(
    plugins: Plugins,
    replica: Replica,
    replicas: dict[str, Path],
    spoil: Callable[[Path], None],
    code: str,
) -> None:
    folder = replica("kf-deberta")
    spoil(folder)
    report = look(plugins, [folder], replicas["gliner2-base"])
    # That there are too few examples for fresh heads follows from the fault.
    assert failed(report) - {"training-examples"} == {code}
    assert report.recommended is None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b'{"model_type": "bert"',
        b'{"a": ' * 50_000 + b"1" + b"}" * 50_000,
        b'{"model_type": "bert", "hidden_size": 1000000000000}',
        b'{"model_type": "bert", "hidden_size": -4}',
        b'{"model_type": "bert", "hidden_size": "many"}',
        b'{"model_type": "bert", "num_labels": 1000000000}',
        b'{"model_type": "bert", "num_hidden_layers": 100000}',
        b'{"model_type": "bert", "vocab_size": 1e300}',
        b'{"model_type": "bert", "num_attention_heads": 7}',
        b'{"model_type": ["bert"]}',
        b'{"hidden_size": 768}',
        b'{"model_type": "bert", "hidden_act": "no such function"}',
        b'{"model_type": "bert", "pad_token_id": "x"}',
        b"\xff\xfe\x00",
    ],
)
def test_a_hostile_config_is_a_finding_and_no_crash(
    plugins: Plugins, replica: Replica, replicas: dict[str, Path], content: bytes
) -> None:
    folder = replica("kf-deberta")
    (folder / "config.json").write_bytes(content)
    report = look(plugins, [folder], replicas["gliner2-base"])
    (one,) = report.candidates
    assert one.verdict == "rejected" and "files" in failed(report)
    assert all("\n" not in finding.message for finding in one.findings)


def test_an_unknown_model_type_is_named(
    plugins: Plugins, replica: Replica, replicas: dict[str, Path]
) -> None:
    folder = replica("kf-deberta")
    change(folder / "config.json", model_type="newer-than-this")
    report = look(plugins, [folder], replicas["gliner2-base"])
    assert any("newer-than-this" in f.message for f in report.candidates[0].findings)


def test_pickle_is_allowed_by_name_only(
    plugins: Plugins, replica: Replica, replicas: dict[str, Path]
) -> None:
    folder = replica("kf-deberta")
    spoil_pickle(folder)
    context = CheckContext(depth="config")
    request: dict[str, Any] = {
        "names": [str(folder)],
        "base": str(replicas["gliner2-base"]),
        "criteria": load_criteria("plan"),
        "context": context,
    }
    allowed = run_checks(Request(**request, allow_pickle=("kf-deberta",)), plugins)
    assert "weights-format" not in failed(allowed)
