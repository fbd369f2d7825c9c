"""The component of spaCy: entities by characters, batches, saving, and spaCy's own checks."""

from __future__ import annotations

import importlib
import shutil
import tomllib
from pathlib import Path

import pytest

spacy = pytest.importorskip("spacy", reason="spaCy is not installed")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

from encswap.errors import EncswapError  # noqa: E402 - after the skip
from encswap.spacy_pipe import DEFAULTS, EntityExtractor, cut_tokens  # noqa: E402
from encswap.types import Prediction  # noqa: E402

TEXT = "당뇨병에는 인슐린을 쓴다"
FOUND = [
    Prediction(0, 3, "Disease", 0.9),
    Prediction(0, 5, "Symptom", 0.4),
    Prediction(6, 9, "Drug", 0.8),
]


class Stub:
    """Finds the same in every text that is long enough, and tells what it was asked."""

    labels, threshold = ("Disease", "Drug", "Symptom"), 0.5

    def __init__(self):
        self.calls = []

    def predict(self, texts, labels=None, *, threshold=None, flat=False, batch_size=16):
        self.calls.append((list(texts), labels, threshold, flat))
        if any("broken" in text for text in texts):
            raise EncswapError("no room for text")
        return [[one for one in FOUND if one.end <= len(text)] for text in texts]


@pytest.fixture
def opened(monkeypatch):
    stub = Stub()
    monkeypatch.setattr("encswap.spacy_pipe.open_model", lambda _place: stub)
    return stub


def pipeline(**config):
    nlp = spacy.blank("xx")
    nlp.add_pipe("encswap", config={"model": "somewhere", **config})
    return nlp


def ents(doc):
    return [(one.text, one.label_) for one in doc.ents]


def test_the_factory_is_found_through_the_entry_point():
    root = Path(__file__).parents[2]
    told = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    module, _, name = told["entry-points"]["spacy_factories"]["encswap"].partition(":")
    assert callable(getattr(importlib.import_module(module), name))
    assert spacy.Language.get_factory_meta("encswap").default_config == DEFAULTS


@pytest.mark.parametrize(
    ("alignment", "expected"),
    [
        ("expand", [("당뇨병에는", "Disease"), ("인슐린을", "Drug")]),
        ("contract", [("당뇨병에는", "Symptom")]),
        ("strict", [("당뇨병에는", "Symptom")]),
        ("split", [("당뇨병", "Disease"), ("인슐린", "Drug")]),
    ],
)
def test_characters_become_tokens_as_the_alignment_says(opened, alignment, expected):
    doc = pipeline(alignment=alignment, flat=False)(TEXT)
    if alignment in ("contract", "strict"):
        # The best of what overlaps stands for it, and ends within a token.
        assert ents(doc) == []
    else:
        assert ents(doc) == expected
    assert doc.text == TEXT
    assert [(one["start"], one["end"], one["text"]) for one in doc._.encswap] == [
        (0, 3, "당뇨병"), (0, 5, "당뇨병에는"), (6, 9, "인슐린")
    ]  # fmt: skip


def test_spans_keep_what_overlaps_with_their_scores(opened):
    doc = pipeline(alignment="split", spans_key="found")(TEXT)
    group = doc.spans["found"]
    assert [(one.text, one.label_) for one in group] == [
        ("당뇨병", "Disease"), ("당뇨병에는", "Symptom"), ("인슐린", "Drug")
    ]  # fmt: skip
    assert group.attrs["scores"].tolist() == pytest.approx([0.9, 0.4, 0.8])
    assert "found" not in pipeline(spans_key=None)(TEXT).spans
    assert ents(pipeline(annotate_ents=False)(TEXT)) == []


@pytest.mark.parametrize(("overwrite", "kept"), [(False, "OWN"), (True, "Drug")])
def test_entities_of_a_component_before_stay_unless_told(opened, overwrite, kept):
    nlp = spacy.blank("xx")
    ruler = nlp.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": "OWN", "pattern": "인슐린을 쓴다"}])
    nlp.add_pipe("encswap", config={"model": "somewhere", "overwrite_ents": overwrite})
    assert kept in [label for _, label in ents(nlp(TEXT))]
    assert len(nlp(TEXT).ents) == 2


def test_pipe_asks_in_batches_keeps_order_and_passes_over_blank_texts(opened):
    texts = [TEXT, "", "당뇨병", " ", TEXT]
    docs = list(pipeline(labels=["Drug"], threshold=0.3, flat=True).pipe(texts, batch_size=3))
    assert [doc.text for doc in docs] == texts
    assert [len(doc.ents) for doc in docs] == [2, 0, 1, 0, 2]
    assert [asked for asked, *_ in opened.calls] == [[TEXT, "당뇨병"], [TEXT]]
    assert {tuple(rest) for _, [*labels], *rest in opened.calls} == {(0.3, True)}
    assert opened.calls[0][1] == ["Drug"]


def test_a_batch_that_fails_goes_to_spacys_error_handler(opened):
    nlp = pipeline()
    with pytest.raises(EncswapError, match="no room"):
        list(nlp.pipe(["broken"]))
    failed = []
    nlp.set_error_handler(lambda name, _proc, docs, error: failed.append((name, len(docs))))
    kept = [doc.text for doc in nlp.pipe([TEXT, "broken", TEXT], batch_size=1)]
    assert kept == [TEXT, TEXT] and failed == [("encswap", 1)]


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"threshold": 1.0}, "no threshold"),
        ({"alignment": "near"}, "known: expand"),
        ({"labels": ["a", ""]}, "label"),
        ({"labels": ["[E] x"]}, r"\[E\]"),
    ],
)
def test_a_config_that_cannot_be_is_refused_as_the_component_is_added(config, said):
    with pytest.raises(EncswapError, match=said):
        pipeline(**config)


def test_a_model_that_is_not_there_is_told_in_one_line_at_the_first_text(tmp_path):
    for model, said in [(None, "no model"), (str(tmp_path / "none"), "encswap.json")]:
        with pytest.raises(EncswapError, match=said) as told:
            pipeline(model=model)(TEXT)
        assert "\n" not in str(told.value)


def test_spacys_own_checks_pass(opened, checkpoint, tmp_path):
    from spacy.cli.assemble import assemble_cli
    from spacy.training import Example, validate_examples
    from thinc.api import Config

    nlp = pipeline(model=str(checkpoint()))
    report = nlp.analyze_pipes(keys=["assigns", "requires", "retokenizes"])
    assert report["problems"] == {"encswap": []}
    assert set(report["summary"]["encswap"]["assigns"]) == {
        "doc.ents", "doc.spans", "doc._.encswap"
    }  # fmt: skip
    assert Config().from_str(nlp.config.to_str())["components"]["encswap"]["factory"] == "encswap"
    config = tmp_path / "config.cfg"
    nlp.config.to_disk(config)
    assemble_cli(_Context(), config, tmp_path / "assembled", None, False)
    assert (tmp_path / "assembled" / "config.cfg").is_file()
    validate_examples([Example(nlp(TEXT), nlp(TEXT))], "encswap")
    docs = spacy.tokens.DocBin(store_user_data=True, docs=[nlp(TEXT)]).to_bytes()
    (again,) = spacy.tokens.DocBin().from_bytes(docs).get_docs(nlp.vocab)
    assert ents(again) == ents(nlp(TEXT)) and list(again._.encswap) == nlp(TEXT)._.encswap


class _Context:
    """What spaCy's command takes of typer: nothing more was given."""

    args: tuple[str, ...] = ()


def test_settings_survive_bytes_and_two_components_stand_in_one_pipeline(opened):
    nlp = pipeline(labels=["Drug"], threshold=0.25, spans_key="one")
    nlp.add_pipe("encswap", name="second", config={"model": "x", "spans_key": "two"})
    again = spacy.blank("xx").from_bytes(nlp.to_bytes(), exclude=["vocab"])
    del again
    made = EntityExtractor(nlp.vocab, "encswap", DEFAULTS)
    made.from_bytes(nlp.get_pipe("encswap").to_bytes())
    assert made.settings == nlp.get_pipe("encswap").settings
    assert set(nlp(TEXT).spans) == {"one", "two"}
    assert nlp.pipe_labels["encswap"] == ["Drug"]


@pytest.mark.parametrize("kind", ["checkpoint", pytest.param("export", marks=pytest.mark.slow)])
def test_a_saved_pipeline_holds_its_model_and_may_be_moved(
    checkpoint, few, tmp_path, kind, plugins
):
    model = checkpoint()
    if kind == "export":
        from encswap.export.folder import ExportOptions, export_run
        from encswap.types import Unwatched

        model = tmp_path / "export"
        export_run(checkpoint(), model, plugins, Unwatched(), ExportOptions(data=few))
    copy = tmp_path / "copy"
    shutil.copytree(model, copy)
    nlp = pipeline(model=str(copy))
    assert nlp.pipe_labels["encswap"] == ["질병", "약물", "증상"]
    before = [doc.to_json() for doc in nlp.pipe([TEXT, TEXT * 40])]
    assert before[1]["ents"]
    nlp.to_disk(tmp_path / "saved")
    shutil.rmtree(copy)
    shutil.move(tmp_path / "saved", tmp_path / "moved")
    again = spacy.load(tmp_path / "moved")
    assert [doc.to_json() for doc in again.pipe([TEXT, TEXT * 40])] == before
    again.to_disk(tmp_path / "moved")
    assert spacy.load(tmp_path / "moved")(TEXT).text == TEXT


def test_tokens_are_cut_where_an_offset_lies_inside_of_them():
    doc = spacy.blank("xx")("가나다 라마")
    cut_tokens(doc, {0, 1, 2, 3, 4, 5, 6, 99})
    assert [token.text for token in doc] == [
        "가",
        "나",
        "다",
        "라",
        "마",
    ] and doc.text == "가나다 라마"


def test_adding_or_linking_the_component_loads_no_model(monkeypatch):
    def refuse(_place):
        raise AssertionError("the model was loaded")

    monkeypatch.setattr("encswap.spacy_pipe.open_model", refuse)
    nlp = pipeline()
    # spaCy asks every component for `model` where it links listeners, in an order of its own.
    assert not hasattr(nlp.get_pipe("encswap"), "model")
    nlp.from_config(nlp.config)
