"""What an encoder promises, and the hooks that serve it, at mini scale."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from encswap.data.readers import read_examples
from encswap.errors import PluginError
from encswap.files import scratch
from encswap.gliner import model as gliner
from encswap.gliner.batches import collate
from encswap.gliner.training import objective, training_loss
from encswap.recipe import read_recipe
from encswap.swap.assemble import prove_heads, prove_reload
from encswap.testing.mini.encoders import corpus
from encswap.testing.plugin_laws import after, require
from encswap.testing.trial import SEED, Trial
from encswap.train.fit import group_settings
from encswap.train.groups import refuse_bad_cover
from encswap.train.samples import build_samples
from encswap.types import CheckContext, Depth, ParamGroup, Subject, labels_of

if TYPE_CHECKING:
    from transformers import PreTrainedModel

HOOKS = ("load_encoder", "check_compatibility", "adapt_embeddings", "build_param_groups")
STEPS, DOCUMENTS = 10, 4
NOBODYS_METHOD = "encswap-nobodys-method"


def loads(trial: Trial) -> None:
    """The encoder loads with its tokenizer, in float32, and every weight is finite."""
    loaded = trial.load()
    for name, tensor in loaded.model.state_dict().items():
        finite = not tensor.is_floating_point() or bool(tensor.isfinite().all())
        require(finite, f"weight {name} is not finite")
    rows = loaded.model.get_input_embeddings().num_embeddings
    tokens = len(loaded.tokenizer)
    require(rows >= tokens, f"{rows} rows of embeddings for {tokens} tokens")


@after("loads")
def checks(trial: Trial) -> None:
    """Every check of the plugin ends, and returns findings that the table knows."""
    base, candidate = Subject(trial.base_spec), Subject(trial.spec, trial.source)
    depths: tuple[Depth, ...] = ("facts", "config")
    for depth in depths:
        found = list(trial.plugins.check_compatibility(base, candidate, CheckContext(depth)))
        require(trial.record.error is None, f"at depth {depth}: {trial.record.error}")
        require(found, f"no finding at depth {depth}")


@after("loads")
def adapts_embeddings(trial: Trial) -> None:
    """Each method keeps every pretrained row, gives finite rows, and is a function of its seed."""
    import torch

    base = gliner.embedding_table(trial.base)
    for method in trial.asked_methods:
        table = trial.table()
        before, drawn = table.weight.clone(), torch.random.get_rng_state()
        results = [
            trial.plugins.adapt_embeddings(
                base, table, method, torch.Generator().manual_seed(SEED)
            ).weight.clone()
            for _ in range(2)
        ]
        keep = torch.ones(len(before), dtype=torch.bool)
        keep[list(table.markers.values())] = False
        require(before.equal(table.weight), f"{method} changes the table that it is given")
        require(results[0][keep].equal(before[keep]), f"{method} changes pretrained rows")
        require(results[0].equal(results[1]), f"{method} gives other rows for the same seed")
        same = torch.random.get_rng_state().equal(drawn)
        require(same, f"{method} draws from torch's global generator, not from the one given")


@after("loads")
def leaves_other_methods(trial: Trial) -> None:
    """A method that nobody knows is answered with None, so that it ends as an unknown method."""
    import torch

    base, table = gliner.embedding_table(trial.base), trial.table()
    try:
        trial.plugins.adapt_embeddings(base, table, NOBODYS_METHOD, torch.Generator())
    except PluginError as error:
        require(str(error).startswith("no plugin took"), str(error))
    else:
        require(False, f"somebody answers to the method {NOBODYS_METHOD!r}")


@after("loads", "adapts_embeddings")
def swaps(trial: Trial) -> None:
    """The encoder stands in a base of its width, whose heads stay bit for bit."""
    prove_heads(trial.swapped.model, trial.base)


@after("swaps")
def groups(trial: Trial) -> None:
    """Every trainable parameter of the swapped model is in exactly one group."""
    refuse_bad_cover(trial.swapped.model, _groups(trial))


@after("swaps", "groups")
def learns(trial: Trial) -> None:
    """Ten training steps on the same documents lower their loss."""
    import torch

    model = trial.swapped.model
    documents = read_examples(corpus())[:DOCUMENTS]
    width = gliner.max_width_of(model)
    samples = build_samples(documents, trial.splitter, labels_of(documents), {}, width)
    batch = collate(model, list(samples.items), training=True)
    optimizer = torch.optim.AdamW(
        [
            {"params": [p for _, p in g.parameters], "lr": g.learning_rate, "weight_decay": 0.0}
            for g in _groups(trial)
        ]
    )
    before = _loss(model, batch)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        model.train()
        for _ in range(STEPS):
            optimizer.zero_grad()
            with objective(model, gate=True):
                training_loss(model, batch).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    after_steps = _loss(model, batch)
    change = f"{STEPS} steps take the loss from {before:.3f} to {after_steps:.3f}"
    require(after_steps < before, change)


def _loss(model: PreTrainedModel, batch: Any) -> float:
    """The loss without dropout."""
    import torch

    model.eval()
    with torch.no_grad(), objective(model, gate=True):
        return float(training_loss(model, batch))


@after("swaps", "learns")
def reloads(trial: Trial) -> None:
    """The model is saved, plain gliner2 loads it, and the outputs are equal."""
    model = trial.swapped.model
    with scratch("verify") as folder:
        gliner.save_model(model, folder)
        prove_reload(model, gliner.read_plainly(folder, splitter=trial.splitter))


LAWS = (loads, checks, adapts_embeddings, leaves_other_methods, swaps, groups, learns, reloads)


def laws_for(trial: Trial) -> list[Callable[[Trial], None]]:
    """The laws that hold for this plugin: who adapts no embeddings has no method to leave."""
    adapts = "adapt_embeddings" in trial.record.hooks
    return [law for law in LAWS if adapts or law is not leaves_other_methods]


def _groups(trial: Trial) -> list[ParamGroup]:
    recipe = read_recipe(layers=("mini",))
    return trial.plugins.build_param_groups(trial.swapped.model, group_settings(recipe))
