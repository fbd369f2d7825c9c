"""A model from elsewhere runs no code, reads no other file and fills no memory, at any door."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import encswap
from encswap.check.criteria import load_criteria
from encswap.check.verdicts import Request, run_checks
from encswap.cli.app import app
from encswap.errors import EncswapError, SourceError
from encswap.gliner import model as gliner
from encswap.manifest import Manifest, ModelRecord, SplitterRecord, write_manifest
from encswap.recipe import read_recipe
from encswap.safety.content import problems, refuse_hostile
from encswap.safety.headers import read_shapes
from encswap.safety.trusted_classes import build_config, build_model, fenced, refuse_built
from encswap.testing.mini.encoders import mini_encoder
from encswap.types import CheckContext, Depth, EncoderSpec, LoadedEncoder, Source
from tests.hostile_models import CASES, EVIL, GROUPS, MODELING, change, evil_pickle
from tests.hub_server import Repository, from_folder, serving

OPENED: list[str] = []


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open" and isinstance(arguments[0], str):
        OPENED.append(arguments[0])


sys.addaudithook(_note)


@pytest.fixture(autouse=True)
def nothing_happens(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No connection, no code of a model, no file of the machine that a model names."""

    def refuse(*_arguments: Any) -> None:
        raise AssertionError("a connection was asked for")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setenv("HF_MODULES_CACHE", str(tmp_path / "modules"))
    OPENED.clear()
    yield
    assert not [name for name in sys.modules if name.startswith("transformers_modules")]
    assert "/etc/hostname" not in OPENED
    assert not list(tmp_path.rglob("*.ran")) and not (tmp_path / "modules").exists()


@pytest.fixture(scope="module")
def sound_encoder(plugins) -> Path:
    return mini_encoder(plugins.encoders["ko-deberta"])


@pytest.fixture(scope="module")
def sound_run(base_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sound") / "run"
    shutil.copytree(base_folder, folder / "checkpoint")
    record = ModelRecord("m", "m")
    recipe = json.loads(read_recipe().model_dump_json())
    splitter = SplitterRecord("whitespace")
    manifest = Manifest("0", record, record, splitter, 8, 0.3, labels=("Disease",), recipe=recipe)
    write_manifest(manifest, folder)
    return folder


def spoilt_encoder(sound: Path, tmp_path: Path, code: str, name: str) -> Path:
    folder = Path(shutil.copytree(sound, tmp_path / "hostile"))
    GROUPS[code][name](folder, folder / "config.json")
    return folder


def spoilt_run(sound: Path, tmp_path: Path, code: str, name: str) -> Path:
    run = Path(shutil.copytree(sound, tmp_path / "run"))
    folder = run / "checkpoint"
    GROUPS[code][name](folder, folder / "encoder_config" / "config.json")
    return run


def load(plugins, folder: Path) -> LoadedEncoder:
    source = Source("hostile", folder, "folder", str(folder))
    return plugins.load_encoder(EncoderSpec("hostile", ""), source)


def one_line(error: BaseException) -> str:
    assert isinstance(error, EncswapError)
    text = str(error)
    assert "\n" not in text and len(text) < 1000
    return text


def look(plugins, folder: Path, base: Path, depth: Depth) -> Any:
    request = Request([str(folder)], str(base), load_criteria("shape"), CheckContext(depth=depth))
    (one,) = run_checks(request, plugins).candidates
    return one


def test_the_sound_folders_pass_every_door(plugins, sound_encoder, sound_run):
    assert problems(sound_encoder) == problems(sound_run / "checkpoint") == []
    assert load(plugins, sound_encoder).model.config.model_type
    assert encswap.load(sound_run).extract_entities("gout came.", ["Disease"])
    one = look(plugins, sound_encoder, sound_run / "checkpoint", "weights")
    assert {f.code for f in one.findings if f.status == "fail"} <= {"subtoken-per-unit"}


@pytest.mark.parametrize(("code", "name"), CASES)
def test_an_encoder_that_asks_for_it_is_not_loaded(plugins, sound_encoder, tmp_path, code, name):
    folder = spoilt_encoder(sound_encoder, tmp_path, code, name)
    with pytest.raises(EncswapError) as caught:
        load(plugins, folder)
    told = one_line(caught.value)
    assert str(folder) in told or "hostile" in told


@pytest.mark.parametrize(("code", "name"), CASES)
def test_a_check_names_it_with_its_own_code(
    plugins, sound_encoder, sound_run, tmp_path, code, name
):
    folder = spoilt_encoder(sound_encoder, tmp_path, code, name)
    depth: Depth = "weights" if code == "weights-load" else "config"
    one = look(plugins, folder, sound_run / "checkpoint", depth)
    failed = {finding.code for finding in one.findings if finding.status == "fail"}
    assert code in failed and one.verdict == "rejected"
    assert code in {reason.code for reason in one.reasons}
    assert all("\n" not in finding.message for finding in one.findings)


@pytest.mark.parametrize(("code", "name"), CASES)
def test_a_checkpoint_that_asks_for_it_is_not_read(sound_run, tmp_path, code, name):
    run = spoilt_run(sound_run, tmp_path, code, name)
    with pytest.raises(EncswapError) as caught:
        encswap.load(run)
    assert str(run) in one_line(caught.value)


@pytest.mark.parametrize("name", ["NaN in a weight", "an infinite weight"])
def test_a_weight_that_is_not_finite_is_named(plugins, sound_encoder, sound_run, tmp_path, name):
    folder = spoilt_encoder(sound_encoder, tmp_path, "weights-load", name)
    with pytest.raises(SourceError, match=r"weight \S+LayerNorm\.bias holds values that are not"):
        load(plugins, folder)
    one = look(plugins, folder, sound_run / "checkpoint", "weights")
    (finding,) = [found for found in one.findings if found.code == "weights-load"]
    assert "LayerNorm.bias" in finding.message and one.verdict == "rejected"


ROOT = {
    "auto_map": {"auto_map": {"AutoModel": EVIL}},
    "attribute_map": {"attribute_map": {"zz": "auto_map"}, "zz": {"AutoModel": EVIL}},
    "a huge width": {"span_head": {"max_width": 10**9}, "max_width": 10**9},
    "a width that is a text": {"max_width": "8"},
    "another head": {"architecture": "boundary"},
    "a head of nobody": {"architecture": "evil"},
    "another counting layer": {"counting_layer": "evil"},
    "a huge boundary head": {"architecture": "boundary", "boundary_head": {"boundary_dim": 10**9}},
    "a method that is a text": {"validate": "os.system"},
    "a kernel": {"attn_implementation": "other/repo"},
}


@pytest.mark.parametrize("name", ROOT)
def test_a_checkpoints_own_config_may_ask_no_more(sound_run, tmp_path, name):
    run = Path(shutil.copytree(sound_run, tmp_path / "run"))
    change(run / "checkpoint" / "config.json", **ROOT[name])
    with pytest.raises(EncswapError) as caught:
        encswap.load(run)
    one_line(caught.value)


def test_pickles_beside_the_weights_are_never_loaded(plugins, sound_encoder, sound_run, tmp_path):
    canary = tmp_path / "canary.ran"
    folder = Path(shutil.copytree(sound_encoder, tmp_path / "encoder"))
    run = Path(shutil.copytree(sound_run, tmp_path / "run"))
    for place in (folder, run / "checkpoint", run):
        for name in ("training_args.bin", "pytorch_model.bin", "optimizer.pt", "rng_state.pth"):
            evil_pickle(place / name, canary)
    assert load(plugins, folder).model is not None and encswap.load(run) is not None
    assert not canary.exists()


def test_an_allowed_pickle_holds_weights_or_nothing(plugins, sound_encoder, tmp_path):
    canary = tmp_path / "canary.ran"
    folder = Path(shutil.copytree(sound_encoder, tmp_path / "encoder"))
    size = (folder / "model.safetensors").stat().st_size
    (folder / "model.safetensors").unlink()
    for tail in (b"", b"\0" * size):
        evil_pickle(folder / "pytorch_model.bin", canary)
        with (folder / "pytorch_model.bin").open("ab") as file:
            file.write(tail)
        source = Source("hostile", folder, "folder", str(folder), allow_pickle=True)
        with pytest.raises(EncswapError) as caught:
            plugins.load_encoder(EncoderSpec("hostile", ""), source)
        one_line(caught.value)
    assert not canary.exists()


def test_no_source_allows_code_of_a_model(plugins, sound_encoder, tmp_path):
    folder = spoilt_encoder(sound_encoder, tmp_path, "remote-code", "auto_map")
    source = Source("hostile", folder, "folder", str(folder), allow_remote_code=True)
    with pytest.raises(SourceError, match="does not run"):
        plugins.load_encoder(EncoderSpec("hostile", ""), source)


VERSIONS = {"sentence_transformers": "5.1.0", "transformers": "4.57.0", "pytorch": "2.8.0"}


def test_the_versions_that_sentence_transformers_writes_are_let_be(sound_encoder, tmp_path):
    folder = tmp_path / "encoder"
    shutil.copytree(sound_encoder, folder)
    settings = folder / "config_sentence_transformers.json"
    settings.write_text(json.dumps({"__version__": VERSIONS, "prompts": {}}), encoding="utf-8")
    refuse_hostile(folder)
    for hostile in (
        {"__version__": {"transformers": {"auto_map": EVIL}}},
        {"__version__": VERSIONS, "__class__": EVIL},
        {"__version__": EVIL},
        {"prompts": {"__version__": VERSIONS}},
    ):
        settings.write_text(json.dumps(hostile), encoding="utf-8")
        with pytest.raises(SourceError, match=r"config_sentence_transformers.json"):
            refuse_hostile(folder)
    settings.unlink()
    change(folder / "config.json", __version__=VERSIONS)
    with pytest.raises(SourceError, match=r"config.json: __version__"):
        refuse_hostile(folder)


def test_paths_of_the_authors_machine_that_lead_nowhere_are_let_be(
    plugins, sound_encoder, tmp_path
):
    folder = Path(shutil.copytree(sound_encoder, tmp_path / "encoder"))
    gone = "/root/.cache/huggingface/nobody/vocab.txt"
    change(
        folder / "tokenizer_config.json",
        name_or_path="/home/author/model",
        special_tokens_map_file="/etc/hostname",
        vocab_file=gone,
        tokenizer_file=gone,
    )
    change(
        folder / "config.json", _name_or_path="../author/model", id2label={"0": "../up", "1": "/"}
    )
    assert len(load(plugins, folder).tokenizer) == len(load(plugins, sound_encoder).tokenizer)
    change(folder / "special_tokens_map.json", mask_token={"content": "/"}, sep_token="/etc")
    assert problems(folder) == []


# -- the second lock --------------------------------------------------------------------------


def test_what_no_content_check_saw_ends_at_the_built_config():
    fields = {"model_type": "bert", "hidden_size": 16, "num_attention_heads": 2}
    for hostile in (
        {"attribute_map": {"zz": "auto_map"}, "zz": {"AutoModel": EVIL}},
        {"auto_map": {"AutoModel": EVIL}},
        {"inside": {"deeper": [build_config(fields)]}},
    ):
        config = build_config(fields)
        for key, value in hostile.items():
            object.__setattr__(config, key, value)
        if "inside" in hostile:
            config.inside["deeper"][0].auto_map = {"AutoModel": EVIL}
        with pytest.raises(SourceError):
            refuse_built(config)
        with pytest.raises(SourceError):
            build_model(config)


def test_a_config_of_another_class_is_not_built_into_a_model():
    from transformers import BertConfig

    class Own(BertConfig):
        model_type = "own"

    with pytest.raises(SourceError, match="class from elsewhere"):
        build_model(Own())


def test_models_inside_a_model_are_refused():
    fields = {"model_type": "clip"}
    with pytest.raises(SourceError, match="holds models inside"):
        build_config(fields)


def test_inside_the_fence_transformers_imports_no_code_even_if_told_to(tmp_path):
    from transformers import AutoModel, BertConfig
    from transformers.dynamic_module_utils import get_class_from_dynamic_module

    (tmp_path / "modeling_evil.py").write_bytes(MODELING)
    config = BertConfig(hidden_size=16, num_attention_heads=2)
    config.auto_map = {"AutoModel": f"{tmp_path}--modeling_evil.Evil"}
    with fenced():
        with pytest.raises(SourceError, match="does not run"):
            AutoModel.from_config(config, trust_remote_code=True)
        with pytest.raises(SourceError, match="does not run"):
            get_class_from_dynamic_module("modeling_evil.Evil", str(tmp_path))
        with pytest.raises(SourceError, match="does not fetch"):
            AutoModel.from_pretrained("other/repo", revision="a" * 40)


def test_gliner2_is_given_its_encoder_and_never_loads_one(base, monkeypatch):
    from gliner2.models.base import BaseExtractorModel

    def refuse(*_arguments: Any, **_options: Any) -> None:
        raise AssertionError("gliner2 loads an encoder")

    monkeypatch.setattr(BaseExtractorModel, "_load_encoder", staticmethod(refuse))
    again = gliner.new_model(base, LoadedEncoder(base.encoder, base.processor.tokenizer))
    assert type(again) is type(base) and "_load_encoder" not in vars(again)


def test_headers_are_read_as_safetensors_reads_them(sound_encoder):
    from safetensors.torch import load_file

    path = sound_encoder / "model.safetensors"
    assert read_shapes(path) == {n: tuple(t.shape) for n, t in load_file(path).items()}


# -- the whole product ------------------------------------------------------------------------

FEW = [
    ("remote-code", "attribute_map to auto_map"),
    ("files", "ten million layers"),
    ("weights-load", "an empty file"),
]
NO_WEIGHTS = ("weights that are a pipe", "weights without end")
"""Cases whose folder holds no file of weights at all: there is nothing to check."""
DATA = "en-medical/test.jsonl"


def commands(encoder: Path, run: Path, sound_encoder: Path, sound_run: Path, out: Path) -> Any:
    """Every command that reads a model, with a hostile encoder, base or run."""
    base = sound_run / "checkpoint"
    hostile = run / "checkpoint"
    training = ["--train", DATA, "--test", DATA, "--set", "epochs=1", "--out", out]
    return [
        ["check", encoder, "--base", base, "--depth", "weights", "--criteria", "shape"],
        ["check", sound_encoder, "--base", hostile, "--depth", "weights", "--criteria", "shape"],
        ["swap", "--encoder", encoder, "--base", base, "--out", out],
        ["swap", "--encoder", sound_encoder, "--base", hostile, "--out", out],
        ["train", "--encoder", encoder, "--base", base, *training],
        ["train", "--encoder", sound_encoder, "--base", hostile, *training],
        ["predict", run, "--text", "gout came."],
        ["eval", run, "--data", DATA],
        ["trim", encoder, "--texts", DATA, "--out", out],
        ["trim", run, "--texts", DATA, "--out", out],
    ]


def run_all(code: str, name: str, sound_encoder: Path, sound_run: Path, tmp_path: Path) -> None:
    encoder = spoilt_encoder(sound_encoder, tmp_path, code, name)
    run = spoilt_run(sound_run, tmp_path, code, name)
    out = tmp_path / "out"
    for command in commands(encoder, run, sound_encoder, sound_run, out):
        result = CliRunner().invoke(app, [str(part) for part in command])
        assert isinstance(result.exception, SystemExit | None), (command, result.exception)
        assert "Traceback" not in result.output
        of_base = command[0] == "check" and command[1] == sound_encoder
        unread = code in ("weights-load", "tokenizer-loads") or name in NO_WEIGHTS
        if of_base and unread:
            continue  # the candidate is sound, and what is compared with the base is left out
        judged = command[0] == "check" and not of_base and name not in NO_WEIGHTS
        assert result.exit_code == (1 if judged else 2), command
        last = result.stderr.strip().splitlines()[-1:]
        assert command[0] == "check" or ((last and "hostile" in last[0]) or "run/" in last[0]), last
        assert not out.exists() or not any(out.rglob("*.safetensors")), command
        shutil.rmtree(out, ignore_errors=True)


@pytest.mark.parametrize(("code", "name"), FEW)
def test_no_command_gives_in(code, name, sound_encoder, sound_run, tmp_path):
    run_all(code, name, sound_encoder, sound_run, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(("code", "name"), CASES)
def test_no_command_gives_in_to_any_case(code, name, sound_encoder, sound_run, tmp_path):
    run_all(code, name, sound_encoder, sound_run, tmp_path)


ALONE = """
import json, sys
from encswap.cli.app import app
from typer.testing import CliRunner
for command in json.loads(sys.argv[1]):
    result = CliRunner().invoke(app, command)
    told = (result.stderr.strip().splitlines() or [""])[-1]
    print(json.dumps([command[0], result.exit_code, "Traceback" in result.output, told]))
print(json.dumps([name for name in sys.modules if name.startswith("transformers_modules")]))
"""


CHECKS = [
    ["check", "some/encoder", "--base", "BASE", "--depth", "weights"],
    ["check", "ENCODER", "--base", "some/base", "--depth", "weights"],
    ["trim", "some/encoder", "--texts", DATA, "--out", "OUT"],
]
SWAPS = [
    ["swap", "--encoder", "some/encoder", "--base", "BASE", "--out", "OUT"],
    ["swap", "--encoder", "ENCODER", "--base", "some/base", "--out", "OUT"],
]


@pytest.mark.parametrize(
    ("calls", "codes", "weights"), [(CHECKS, [1, 2, 2], 4), (SWAPS, [2, 2], 0)]
)
def test_no_second_repository_is_asked_for_anything_and_a_swap_fetches_no_weights(
    sound_encoder, sound_run, tmp_path, monkeypatch, calls, codes, weights
):
    monkeypatch.undo()  # the server listens on this machine
    case = ("remote-code", "attribute_map to auto_map")
    encoder = spoilt_encoder(sound_encoder, tmp_path, *case)
    run = spoilt_run(sound_run, tmp_path, *case)
    hosted = {
        "some/encoder": from_folder(encoder),
        "some/base": from_folder(run / "checkpoint"),
        "other/repo": Repository({"modeling_evil.py": MODELING, "config.json": b"{}"}),
    }
    base, out = sound_run / "checkpoint", tmp_path / "out"
    places = {"BASE": str(base), "ENCODER": str(sound_encoder), "OUT": str(out)}
    with serving(hosted) as address:
        environment = {key: value for key, value in os.environ.items() if key[:3] != "HF_"}
        environment |= {
            "HF_ENDPOINT": address,
            "HF_HOME": str(tmp_path / "hf"),
            "ENCSWAP_CACHE": str(tmp_path / "cache"),
            "HF_HUB_DISABLE_XET": "1",
        }
        asked = [[places.get(part, part) for part in call] for call in calls]
        done = subprocess.run(
            [sys.executable, "-c", ALONE, json.dumps(asked)],
            capture_output=True,
            text=True,
            env=environment,
            timeout=120,
            check=False,
        )
    *results, imported = (json.loads(line) for line in done.stdout.splitlines())
    assert [code for _, code, _, _ in results] == codes, done.stdout + done.stderr
    assert not any(traceback for _, _, traceback, _ in results) and imported == []
    assert hosted["other/repo"].asked == []
    assert not list(tmp_path.rglob("modeling_evil.py*")) and not out.exists()
    fetched = [file for one in hosted.values() for file in one.asked if "safetensors" in file]
    assert len(fetched) == weights  # each is asked for its head, and then for its content
