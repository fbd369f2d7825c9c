"""Building the mini models that a command asks for."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from encswap.plugins import Plugins
    from encswap.types import EncoderSpec, Watcher


def build_mini(plugins: Plugins, watcher: Watcher, spec: EncoderSpec | None = None) -> None:
    """Build a registered encoder's mini encoder, or train the mini base; each once.

    Where `spec` is that of a registered base, it is this base's replica that is trained.
    """
    from encswap import distributed as processes
    from encswap.testing.mini.base import mini_base
    from encswap.testing.mini.encoders import mini_encoder

    if spec is not None and spec.name in plugins.bases:
        mini_base(plugins, watcher, spec)
    elif spec is not None:
        if spec.name in plugins.encoders:
            watcher.stage(f"build the mini {spec.name}")
            mini_encoder(spec)
    elif processes.world_size() == 1:
        mini_base(plugins, watcher)
    else:
        # It is trained by one process, which must not wait for the others.
        watcher.stage("build the mini base")
        alone = {k: v for k, v in os.environ.items() if k not in processes.VARIABLES}
        subprocess.run([sys.executable, "-m", "encswap.testing.mini"], env=alone, check=True)
