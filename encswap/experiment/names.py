"""Every name of a plan is known before anything runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from encswap.data.input import is_hub
from encswap.errors import EncswapError, InputError, PluginError, suggest
from encswap.experiment.plan import Plan
from encswap.plugins import Plugins
from encswap.recipe import Recipe, Strategy
from encswap.sources import spec_of
from encswap.train.prepare import files_of


def check_names(plan: Plan, base: Recipe, plugins: Plugins, path: Path) -> None:
    """Refuse what no plugin knows: encoders, strategies, splitters, embedding methods, data.

    Raises `InputError` with the plan's file and the nearest name.
    """
    axes = plan.axes()
    encoders = axes.get("encoders", {}).values() or filter(None, [base.encoder])
    for name in [base.base, *encoders]:
        try:
            spec_of(str(name), plugins)
        except EncswapError as error:
            told = f"{error.where}: {error.message}" if error.where else error.message
            raise InputError(told, where=path, hint=error.hint) from error
    _known("strategy", list(axes.get("strategies", {})), get_args(Strategy), path)
    splitters = list(axes.get("splitters", {})) or [base.splitter or plugins.splitter_names[0]]
    _known("splitter", splitters, plugins.splitter_names, path)
    for method in axes.get("embeddings", {base.embeddings: None}):
        refuse_unknown_method(method, plugins, path)
    for role in ("train", "test"):
        if (name := getattr(base, role)) is None and role not in plan.settings:
            raise InputError(f"no {role} documents", where=path, hint=f"set {role}: in the recipe")
        if name is not None:
            for file in files_of(name, role):
                _refuse_pipe(file, path)


def _refuse_pipe(data: Path, path: Path) -> None:
    """Refuse documents that can be read only once: every cell reads them."""
    if not (data.is_file() or data.is_dir() or is_hub(data)):
        raise InputError(
            f"{data} can be read only once, and every cell reads it",
            where=path,
            hint="write it to a file",
        )


def _known(kind: str, asked: Sequence[str], known: Sequence[str], path: Path) -> None:
    for name in asked:
        if name not in known:
            hint = suggest(name, list(known))
            raise InputError(f"unknown {kind} {name!r}", where=path, hint=hint)


def refuse_unknown_method(method: str, plugins: Plugins, path: Path) -> None:
    """Refuse an embedding method that neither encswap nor a plugin takes.

    Which methods a plugin takes is only known by asking, so it is asked with a tiny table.
    """
    from encswap.swap.embeddings import METHODS, WHOLE_TABLE

    known = [*METHODS, WHOLE_TABLE]
    if method in known:
        return
    if any("adapt_embeddings" in one.hooks for one in plugins.records.values() if one.distribution):
        try:
            _ask(method, plugins)
        except PluginError as error:
            if not error.message.startswith("no plugin took"):
                return  # taken, and not for so small a table
        except EncswapError:
            return
        else:
            return
    raise InputError(
        f"unknown embedding method {method!r}", where=path, hint=suggest(method, known)
    )


def _ask(method: str, plugins: Plugins) -> None:
    import torch

    from encswap.domain import EmbeddingTable
    from encswap.mini.tokenizers import train_tokenizer
    from encswap.swap import gliner

    tokenizer = train_tokenizer({}, ["a b c d"])
    markers = gliner.add_markers(tokenizer)
    generator = torch.Generator().manual_seed(0)
    table = EmbeddingTable(torch.randn(len(tokenizer), 8), tokenizer, markers)
    plugins.adapt_embeddings(table, table, method, generator)
