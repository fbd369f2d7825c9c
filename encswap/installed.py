"""Which plugins are installed: entry points of the group `encswap`, and copies of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

GROUP = "encswap"
LOAD_VARIABLE = "ENCSWAP_LOAD_PLUGINS"


@dataclass(frozen=True)
class InstalledPlugin:
    """One entry point with its distribution; `error` says why it is not to be loaded."""

    point: metadata.EntryPoint
    distribution: str
    version: str
    error: str = ""

    @property
    def name(self) -> str:
        """The entry point's name, which is the plugin's."""
        return self.point.name


def installed_plugins() -> list[InstalledPlugin]:
    """List the installed plugins that `ENCSWAP_LOAD_PLUGINS` leaves, in the order of loading.

    encswap's own come first, so that nobody takes their names; then by distribution and name.
    """
    found = sorted(_entry_points(), key=lambda one: (one.distribution != GROUP, one.name))
    wanted = os.environ.get(LOAD_VARIABLE)
    if wanted is None:
        return found
    names = {name.strip() for name in wanted.split(",")}
    return [one for one in found if one.name in names or one.distribution in names]


def _entry_points() -> Iterator[InstalledPlugin]:
    """Read every distribution once, in the order of the import path.

    `metadata.entry_points` hides the second copy of a distribution; a person should see it.
    """
    seen: dict[str, tuple[str, Path]] = {}
    for distribution in metadata.distributions():
        text = distribution.read_text("entry_points.txt")
        if not text or f"[{GROUP}]" not in text:
            continue
        name, version = distribution.name, distribution.version
        place = Path(str(distribution.locate_file("")))
        first = seen.setdefault(name.lower().replace("_", "-"), (version, place))
        if first != (version, place) and first[0] == version:
            continue
        error = ""
        if first[0] != version:
            error = (
                f"{name} is installed twice: {first[0]} in {first[1]} is used, "
                f"{version} in {place} is not; uninstall one"
            )
        for point in distribution.entry_points.select(group=GROUP):
            yield InstalledPlugin(point, name, version, error)
