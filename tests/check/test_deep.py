from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from encswap.check.weights import explained_variance, linear_cka
from encswap.plugins import Plugins
from tests.check.conftest import change
from tests.check.test_config import failed, look

Replica = Callable[[str], Path]


@pytest.mark.parametrize("name", ["ko-deberta", "koelectra", "klue-roberta", "xlm-r"])
def test_each_class_passes_at_one_layer(
    plugins: Plugins, replicas: dict[str, Path], name: str
) -> None:
    report = look(plugins, [replicas[name]], replicas["gliner2-base"], "forward", "shape")
    codes = {f.code: f.status for f in report.candidates[0].findings if f.depth == "forward"}
    assert set(codes) == {"forward-shape", "positions", "pad-id", "training-step", "round-trip"}
    assert set(codes.values()) == {"pass"}


def test_what_the_trial_measured_is_part_of_the_evidence(
    plugins: Plugins, replicas: dict[str, Path]
) -> None:
    report = look(plugins, [replicas["koelectra"]], replicas["gliner2-base"], "forward")
    (one,) = report.candidates
    assert (one.verdict, one.evidence_verdict) == ("rejected", "fits")
    assert "round-trip" in [reason.code for reason in one.evidence_reasons]


def test_a_trial_gives_the_same_numbers_again_and_leaves_the_generators_alone(
    plugins: Plugins, replicas: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def messages() -> list[str]:
        monkeypatch.setattr("encswap.check.forward._BASES", {})
        report = look(plugins, [replicas["koelectra"]], replicas["gliner2-base"], "forward")
        return [f.message for f in report.candidates[0].findings if f.depth == "forward"]

    before = torch.get_rng_state(), random.getstate()
    first = messages()
    assert bool(torch.equal(before[0], torch.get_rng_state())) and before[1] == random.getstate()
    torch.rand(3), random.random()
    assert messages() == first and any("loss" in message for message in first)


def test_a_class_that_cannot_be_built_fails_its_first_check_and_skips_the_others(
    plugins: Plugins, replicas: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ValueError("no such activation")

    monkeypatch.setattr("encswap.check.forward.one_layer", broken)
    report = look(plugins, [replicas["koelectra"]], replicas["gliner2-base"], "forward", "shape")
    found = {f.code: f for f in report.candidates[0].findings if f.depth == "forward"}
    assert found["forward-shape"].message == "ValueError: no such activation"
    assert {code: f.status for code, f in found.items()} == {
        "forward-shape": "fail",
        "training-step": "skip",
        "round-trip": "skip",
    }
    assert report.candidates[0].evidence_verdict == "does not fit"


def test_another_hidden_size_skips_the_swap_and_says_why(
    plugins: Plugins, replicas: dict[str, Path]
) -> None:
    report = look(plugins, [replicas["kure"]], replicas["gliner2-base"], "forward")
    finding = report.candidates[0].finding("training-step")
    assert finding is not None and finding.status == "skip" and "hidden sizes" in finding.message


def test_a_table_of_66_positions_is_caught_by_exactly_its_own_code(
    plugins: Plugins, replica: Replica, replicas: dict[str, Path]
) -> None:
    folder = replica("klue-roberta")
    change(folder / "config.json", max_position_embeddings=66)
    report = look(plugins, [folder], replicas["gliner2-base"], "forward", "shape")
    assert failed(report) - {"architecture"} == {"positions"}
    told = [f.message for f in report.candidates[0].findings if f.code == "positions"]
    assert any("64 subtokens pass, 65 end in an index error" in message for message in told)


@pytest.fixture(scope="module")
def mini(tmp_path_factory: pytest.TempPathFactory, plugins: Plugins) -> Path:
    """A mini encoder with weights."""
    from encswap.testing.mini.encoders import mini_encoder

    patch = pytest.MonkeyPatch()
    patch.setenv("ENCSWAP_CACHE", str(tmp_path_factory.mktemp("cache")))
    try:
        return mini_encoder(plugins.encoders["ko-deberta"])
    finally:
        patch.undo()


def spoil_nothing(path: Path) -> None:
    """Leave the file as it is."""


def spoil_dropped(path: Path) -> None:
    state = load_file(path)
    del state["encoder.layer.0.attention.self.query_proj.weight"]
    save_file(state, path, metadata={"format": "pt"})


def spoil_nan(path: Path) -> None:
    state = load_file(path)
    state["encoder.layer.0.intermediate.dense.bias"][0] = float("nan")
    save_file(state, path, metadata={"format": "pt"})


def spoil_truncated(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


@pytest.mark.parametrize(
    ("spoil", "codes"),
    [
        (spoil_nothing, set()),
        (spoil_dropped, {"weights-load"}),
        (spoil_nan, {"weights-load"}),
        (spoil_truncated, {"weights-load"}),
    ],
)
def test_faulty_weights_are_caught_by_exactly_their_own_code(
    plugins: Plugins, mini: Path, tmp_path: Path, spoil: Callable[[Path], None], codes: set[str]
) -> None:
    folder = Path(shutil.copytree(mini, tmp_path / "mini"))
    spoil(folder / "model.safetensors")
    base = tmp_path / "base"
    (base / "encoder_config").mkdir(parents=True)
    shutil.copy(mini / "config.json", base / "encoder_config" / "config.json")
    for path in mini.glob("tokenizer*"):
        shutil.copy(path, base)
    (base / "config.json").write_text('{"architecture": "span", "max_width": 8}', encoding="utf-8")
    report = look(plugins, [folder], base, "weights", "shape")
    assert failed(report) == codes


def test_cka_knows_the_same_space_rotated_and_another_one() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(400, 16, generator=generator, dtype=torch.float64)
    rotation = torch.linalg.qr(torch.randn(16, 16, generator=generator, dtype=torch.float64))[0]
    other = torch.randn(400, 16, generator=generator, dtype=torch.float64)
    assert linear_cka(x, 3 * x @ rotation) == pytest.approx(1.0)
    assert linear_cka(x, other) < 0.1


def test_a_ridge_map_explains_what_is_linear_and_nothing_of_noise() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(600, 16, generator=generator, dtype=torch.float64)
    linear = x @ torch.randn(16, 8, generator=generator, dtype=torch.float64)
    noise = torch.randn(600, 8, generator=generator, dtype=torch.float64)
    seeded = torch.Generator().manual_seed(1)
    assert explained_variance(x, linear, seeded) > 0.95
    assert explained_variance(x, noise, seeded) < 0.05
