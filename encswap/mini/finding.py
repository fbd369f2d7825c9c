"""Finding base and encoder by their names, building mini models first where they are asked for."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from encswap.domain import EncoderSpec, Scale, Source
    from encswap.plugins import Plugins
    from encswap.train.progress import Watcher


@dataclass(frozen=True)
class Models:
    """A base and an encoder with their files at hand."""

    spec: EncoderSpec
    base: Source
    encoder: Source


def find_models(
    plugins: Plugins,
    watcher: Watcher,
    *,
    base: str,
    encoder: str,
    scale: Scale,
    allow_pickle: bool = False,
) -> Models:
    """Resolve both, with the mini models built where they are needed.

    Raises `SourceError` where a model asks for what it may not have, before its weights are
    fetched.
    """
    from encswap.sources import resolve, spec_of

    spec = spec_of(encoder, plugins)
    if scale == "mini":
        build_mini(plugins, watcher, spec)
    look_first(resolve(encoder, plugins, scale=scale, need="metadata"))
    if base != "mini":
        look_first(resolve(base, plugins, need="metadata"))
    encoder_source = resolve(encoder, plugins, scale=scale, allow_pickle=allow_pickle)
    if base == "mini":
        build_mini_base(plugins, watcher)
    base_source = resolve(base, plugins, allow_pickle=allow_pickle)
    return Models(spec, base_source, encoder_source)


def find_control(plugins: Plugins, watcher: Watcher, name: str | None) -> Source | None:
    """Resolve the model that is scored beside, where one is named."""
    from encswap.sources import resolve

    if name is None:
        return None
    if name == "mini":
        build_mini_base(plugins, watcher)
    else:
        look_first(resolve(name, plugins, need="metadata"))
    return resolve(name, plugins)


def look_first(source: Source) -> None:
    """Ask of a model's small files what `check` asks: whether they may be followed at all."""
    from encswap.safety.content import refuse_hostile

    refuse_hostile(source.path, source.name)


def build_mini(plugins: Plugins, watcher: Watcher, spec: EncoderSpec) -> None:
    """Build the mini encoder of a registered encoder."""
    from encswap.mini.encoders import mini_encoder

    if spec.name in plugins.encoders:
        watcher.stage(f"build the mini {spec.name}")
        mini_encoder(spec)


def build_mini_base(plugins: Plugins, watcher: Watcher) -> None:
    """Train the mini base, once."""
    from encswap import processes
    from encswap.mini.base import mini_base

    if processes.count() == 1:
        mini_base(plugins, watcher)
    else:
        # It is trained by one process, which must not wait for the others.
        watcher.stage("build the mini base")
        alone = {k: v for k, v in os.environ.items() if k not in processes.VARIABLES}
        subprocess.run([sys.executable, "-m", "encswap.mini"], env=alone, check=True)
