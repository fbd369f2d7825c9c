"""What each strategy keeps, what it trains, and that its checkpoint is a plain one."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from encswap.errors import InputError
from encswap.gliner import model as gliner
from encswap.train.run import run


def weights(model, *, heads):
    return {n: t.clone() for n, t in model.state_dict().items() if gliner.is_head(n) == heads}


def equal(one, other):
    return [n for n in one if n in other and torch.equal(one[n], other[n])]


def test_surgical_keeps_heads_and_encoder(job_of, load_mini):
    ready = job_of().ready
    heads = weights(ready.base, heads=True)
    assert equal(weights(ready.model, heads=True), heads) == list(heads)


def test_fresh_heads_keep_the_encoder_alone(job_of, load_mini):
    model = job_of(strategy="fresh-heads").ready.model
    layer = "encoder.encoder.layer.0.attention.self.query.weight"
    pretrained = load_mini("koelectra").model.state_dict()[layer.removeprefix("encoder.")]
    assert torch.equal(model.state_dict()[layer], pretrained)


def test_scratch_keeps_nothing(job_of, load_mini):
    job = job_of(strategy="scratch")
    matrices = {n: t for n, t in job.ready.model.state_dict().items() if t.ndim > 1}
    pretrained = {f"encoder.{n}": t for n, t in load_mini("koelectra").model.state_dict().items()}
    assert not equal(matrices, {**pretrained, **weights(job.ready.base, heads=True)})
    assert job.ready.embeddings == "random"


def test_lora_trains_adapters_alone_and_saves_a_plain_checkpoint(job_of):
    job = job_of(strategy="lora", lora_rank=4, head_lr=5e-3)
    model = job.ready.model
    trained = [n for n, p in model.named_parameters() if p.requires_grad]
    assert trained and all(".lora_" in name for name in trained)
    before = {n: p.clone() for n, p in model.named_parameters() if not p.requires_grad}
    metrics = run(job)
    assert metrics["strategy"] == "lora"
    assert metrics["epochs"][1]["train_loss"] < metrics["epochs"][0]["train_loss"]
    now = dict(model.named_parameters())
    assert all(torch.equal(one, now[name]) for name, one in before.items())
    saved = gliner.read_model(job.folder.checkpoint)
    assert not any("lora" in name for name in saved.state_dict())
    changed = set(saved.state_dict()) - set(
        equal(saved.state_dict(), gliner.read_model(job.ready.base_source.path).state_dict())
    )
    assert any(name.startswith("span_rep.") for name in changed)


def test_a_lora_target_that_names_nothing_is_refused(job_of):
    with pytest.raises(InputError, match="'encodr' names no linear layer"):
        job_of(strategy="lora", lora_targets=("encodr",))


def encoder_after(job):
    run(job)
    return weights(gliner.read_model(job.folder.checkpoint), heads=False)


def test_a_frozen_encoder_stays_and_thaws_at_its_step(job_of, load_mini):
    job = job_of(epochs=1, freeze_encoder_steps=10_000)
    before = weights(job.ready.model, heads=False)
    heads = weights(job.ready.model, heads=True)
    after = encoder_after(job)
    assert equal(after, before) == list(before)
    trained = weights(gliner.read_model(job.folder.checkpoint), heads=True)
    assert len(equal(trained, heads)) < len(heads)


def test_an_encoder_thaws_after_its_frozen_steps(job_of):
    job = job_of(epochs=1, freeze_encoder_steps=2)
    before = weights(job.ready.model, heads=False)
    assert len(equal(encoder_after(job), before)) < len(before)


def test_gradient_checkpointing_changes_memory_and_not_the_numbers(plugins, job_of, tmp_path):
    losses = {}
    for on in (False, True):
        job = job_of(epochs=1, gradient_checkpointing=on)
        losses[on] = run(job)["epochs"][0]["train_loss"]
        job.folder.path.rename(tmp_path / f"run-{on}")
    assert losses[True] == pytest.approx(losses[False], rel=1e-5)


def test_flash_attention_says_what_to_install_or_which_encoder_it_wants(job_of):
    with pytest.raises(InputError, match=r"DeBERTa|gliner2\[disentangled-flash\]"):
        job_of(attention_backend="disentangled_flash")


@pytest.mark.parametrize(
    ("tracker", "said"), [("tensorbord", "unknown"), ("mlflow", "pip install")]
)
def test_a_tracker_that_is_not_there_is_refused(job_of, tracker, said):
    with pytest.raises(InputError, match=said):
        run(job_of(report_to=(tracker,)))


def test_fewer_documents_than_a_batch_train(job_of, tmp_path, files):
    lines = Path(files["train"]).read_text(encoding="utf-8").splitlines()[:3]
    few = tmp_path / "few.jsonl"
    few.write_text("\n".join(lines), encoding="utf-8")
    job = job_of(train=str(few), dev=files["test"], batch_size=8)
    assert len(run(job)["epochs"]) == 2
