"""`eval` of taggers: a run's own rival, a folder of transformers, tags in every spelling."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from encswap.cli import app
from encswap.data.convert import write_examples
from encswap.data.readers import read_examples
from encswap.errors import EncswapError, InputError, SourceError
from encswap.rivals.any_model import kind_of, score_model
from encswap.rivals.bio import as_bio, spans_of
from encswap.rivals.pretrained import read_tags
from encswap.types import Mention
from tests.hostile_models import EVIL, Payload

BIO = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]


@pytest.mark.parametrize(
    ("names", "tags"),
    [
        (BIO, BIO),
        (["O", "PER-B", "PER-I"], ["O", "B-PER", "I-PER"]),
        (["B_PER", "I_PER", "O"], ["B-PER", "I-PER", "O"]),
        (["O", "S-PER", "B-PER", "E-PER", "I-PER"], ["O", "S-PER", "B-PER", "E-PER", "I-PER"]),
        (["o", "b-per", "i-per"], ["O", "B-per", "I-per"]),
        (["O", "I-PER", "I-LOC"], ["O", "I-PER", "I-LOC"]),
        (["O", *"ABCDEFGH"], ["O", *(f"I-{one}" for one in "ABCDEFGH")]),
        (["PERSON", "O", "Body part"], ["I-PERSON", "O", "I-Body part"]),
        (["[PAD]", "O", "B-PER", "I-PER", "[CLS]", "X"], ["O", "O", "B-PER", "I-PER", "O", "O"]),
    ],
)
def test_tags_are_read_in_every_spelling(names: list[str], tags: list[str]):
    assert list(read_tags(names).tags) == tags


def test_what_stands_for_no_tag_is_kept_to_be_told():
    assert read_tags(["[PAD]", "O", "B-PER", "X"]).passed_over == ("[PAD]", "X")
    assert read_tags(["[PAD]", *BIO]).labels == ("PER", "LOC")


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["LABEL_0", "LABEL_1"], "no names"),
        (["positive", "negative"], "are no tags: positive, negative"),
        (["O", "B-PER", "I-PER", "Location!"], "'Location!' is no tag, and others are"),
        (["O", "B", "I"], "--tag-label"),
    ],
)
def test_names_that_are_no_tags_are_refused(names: list[str], said: str):
    with pytest.raises(EncswapError) as caught:
        read_tags(names)
    assert said in str(caught.value)


def test_tags_that_name_no_label_get_the_one_that_is_given():
    assert read_tags(["O", "B", "I"], "Disease").tags == ("O", "B-Disease", "I-Disease")


@pytest.mark.parametrize(
    ("tags", "spans"),
    [
        ("B-A I-A O B-A", [(0, 2), (3, 4)]),
        ("B-A I-A E-A I-A", [(0, 3), (3, 4)]),
        ("S-A S-A O U-A", [(0, 1), (1, 2), (3, 4)]),
        ("I-A I-A O E-A", [(0, 2), (3, 4)]),
        ("B-A M-A L-A W-A", [(0, 3), (3, 4)]),
        ("B-A I-B I-B O", [(0, 1), (1, 3)]),
    ],
)
def test_other_schemes_give_the_spans_that_they_mean(tags: str, spans: list[tuple[int, int]]):
    found = spans_of([(n, n + 1) for n in range(4)], as_bio(tags.split()))
    assert [(one.start, one.end) for one in found] == spans


@pytest.fixture
def tagger(finished: tuple[Path, dict], tmp_path: Path) -> Callable[..., Path]:
    """A copy of the finished run's tagger, whose head speaks up, with changes to its config."""

    def make(**changes: object) -> Path:
        from safetensors.torch import load_file, save_file

        folder = tmp_path / "tagger"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(finished[0] / "rivals" / "tagger" / "checkpoint", folder)
        path = folder / "model.safetensors"
        state = load_file(path)
        generator = torch.Generator().manual_seed(3)
        shape = state["classifier.weight"].shape
        state["classifier.weight"] = torch.randn(shape, generator=generator)
        save_file(state, path, metadata={"format": "pt"})
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(config | changes))
        return folder

    return make


def names_of(folder: Path) -> list[str]:
    return list(json.loads((folder / "config.json").read_text())["id2label"].values())


def test_a_run_s_tagger_gets_the_numbers_that_train_printed(finished, parts):
    folder, metrics = finished
    rival = metrics["rivals"]["tagger"]
    for name in (rival["folder"], f"{rival['folder']}/checkpoint"):
        found = score_model(folder / name, parts["test"])
        assert found["test"]["micro"] == rival["micro"]
        assert found["test"]["per_label"] == rival["per_label"]
        assert found["threshold_source"] == "none" and found["coverage"] > 0
    assert score_model(folder / rival["folder"], parts["test"])["epoch_source"] == "dev"


def tagged(folder: Path, text: str) -> list[Mention]:
    """What a script finds that has transformers alone: offsets, argmax, BIO."""
    from transformers import AutoModelForTokenClassification, AutoTokenizer

    model = AutoModelForTokenClassification.from_pretrained(folder)
    read = AutoTokenizer.from_pretrained(folder)(
        text, return_offsets_mapping=True, return_tensors="pt"
    )
    with torch.inference_mode():
        numbers = model(read["input_ids"], read["attention_mask"]).logits[0].argmax(-1).tolist()
    found, last = [], "O"
    for (start, end), number in zip(read["offset_mapping"][0].tolist(), numbers, strict=True):
        if start == end:
            continue
        tag = model.config.id2label[number]
        if tag[0] == "I" and last[2:] == tag[2:]:
            found[-1][1] = end
        elif tag != "O":
            found.append([start, end, tag[2:]])
        last = tag
    return [Mention(*one, text[one[0] : one[1]]) for one in found]


@pytest.fixture
def half(tagger: Callable[..., Path], parts: dict[str, str], tmp_path: Path) -> str:
    """Documents whose gold is every second span that the script finds, and one that it does not."""
    examples = []
    for example in read_examples(Path(parts["test"]))[:6]:
        found = tagged(tagger(), example.text)
        missed = [one for one in example.mentions if one not in found][:1]
        examples.append(replace(example, mentions=tuple(sorted([*found[::2], *missed]))))
    write_examples(examples, tmp_path / "half.jsonl", "spans", source=Path(parts["test"]))
    return str(tmp_path / "half.jsonl")


def test_a_tagger_is_scored_as_a_script_that_reads_its_logits(tagger, half):
    correct = total = 0
    for example in read_examples(Path(half)):
        found = tagged(tagger(), example.text)
        correct += len({*found} & {*example.mentions})
        total += len(found) + len(example.mentions) + len(example.unlocated)
    assert 0 < correct < total / 2
    assert score_model(tagger(), half)["test"]["micro"]["f1"] == 2 * correct / total


def test_the_spelling_of_tags_does_not_change_the_scores(tagger, half):
    plain = score_model(tagger(), half)["test"]
    turned = {
        str(n): "-".join(reversed(name.split("-"))) for n, name in enumerate(names_of(tagger()))
    }
    assert score_model(tagger(id2label=turned), half)["test"] == plain
    assert plain["micro"]["f1"] > 0


def test_a_threshold_drops_the_spans_that_are_less_sure(tagger, half):
    folder = tagger()
    bare = score_model(folder, half)
    high = score_model(folder, half, 0.999)
    assert high["threshold_source"] == "given" and high["test"] != bare["test"]
    chosen = score_model(folder, half, dev=half)
    assert chosen["threshold_source"] == "dev" and chosen["dev"]["micro"]["f1"] > 0
    words = score_model(folder, half, splitter="kiwi")
    assert words["splitter"] == "kiwi" and words["test"] != bare["test"]


def test_one_label_may_be_asked_for(tagger, parts):
    found = score_model(tagger(), parts["test"], labels=["Drug"])
    assert found["labels"]["asked"] == ["Drug"] and found["labels"]["not_asked"]
    assert found["test"]["per_label"]["Disease"]["recall"] == 0
    with pytest.raises(InputError, match=r"no label 'Drog'.* did you mean 'Drug'"):
        score_model(tagger(), parts["test"], labels=["Drog"])


def other_labels(folder: Path) -> None:
    names = {str(n): name if name == "O" else f"{name}X" for n, name in enumerate(names_of(folder))}
    change(folder, id2label=names)


def unnamed(folder: Path) -> None:
    change(folder, id2label={str(n): f"LABEL_{n}" for n in range(len(names_of(folder)))})


def code(folder: Path) -> None:
    change(folder, auto_map={"AutoModelForTokenClassification": EVIL})


def change(folder: Path, **fields: object) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | fields))


def pickled(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    torch.save(Payload(str(folder / "canary")), folder / "pytorch_model.bin")


def headless(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    path = folder / "model.safetensors"
    state = {k: v for k, v in load_file(path).items() if not k.startswith("classifier")}
    save_file(state, path, metadata={"format": "pt"})


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (other_labels, "no label of the model has gold in the documents"),
        (unnamed, "its labels have no names"),
        (code, "auto_map"),
        (pickled, "has its weights only as pickle"),
        (headless, "2 weights are missing"),
    ],
)
def test_what_cannot_be_scored_is_one_line_and_runs_nothing(tagger, parts, spoil, said):
    folder = tagger()
    spoil(folder)
    result = CliRunner().invoke(app, ["eval", str(folder), "--data", parts["test"]])
    assert result.exit_code == 2 and said in result.output, result.output
    assert "Traceback" not in result.output
    assert len(result.output.strip().splitlines()) == 1
    assert not (folder / "canary").exists()


def test_the_terminal_says_that_a_tagger_has_no_threshold(tagger, parts):
    command = ["eval", str(tagger()), "--data", parts["test"]]
    result = CliRunner().invoke(app, command)
    assert "There is no threshold: the likeliest tag of each piece counts. No epoch" in (
        " ".join(result.output.split())
    )
    given = CliRunner().invoke(app, [*command, "--threshold", "0.5"]).output
    assert "Threshold 0.5 was given by hand." in given


def test_a_rival_s_folder_without_its_checkpoint_says_so(finished, parts, tmp_path):
    shutil.copytree(
        finished[0] / "rivals" / "tagger", tmp_path / "bare",
        ignore=shutil.ignore_patterns("checkpoint"),
    )  # fmt: skip
    with pytest.raises(SourceError, match="has no checkpoint"):
        score_model(tmp_path / "bare", parts["test"])


def test_a_gliner_of_the_first_kind_is_told_apart_and_refused_in_one_line(parts, tmp_path):
    (tmp_path / "gliner_config.json").write_text('{"model_name": "someone/encoder"}')
    result = CliRunner().invoke(app, ["eval", str(tmp_path), "--data", parts["test"]])
    assert result.exit_code == 2 and "GLiNER of the first kind" in result.output
    assert len(result.output.strip().splitlines()) == 1


def test_what_a_model_is_follows_from_its_files(plugins, finished, base_folder, tagger):
    assert kind_of(finished[0], plugins) == "gliner2"
    assert kind_of(base_folder, plugins) == "gliner2"
    assert kind_of("mini", plugins) == "gliner2" and kind_of("koelectra", plugins) == "gliner2"
    assert kind_of(tagger(), plugins) == "tagger"
    assert kind_of(finished[0] / "rivals" / "tagger", plugins) == "tagger"
