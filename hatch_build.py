"""Fill the package's address: `ENCSWAP_REPOSITORY=https://… python -m build`."""

from __future__ import annotations

import os
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface


class Addresses(MetadataHookInterface):
    """Name the repository where whoever packages knows it; nothing is invented otherwise."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set the project's URLs."""
        address = os.environ.get("ENCSWAP_REPOSITORY", "").rstrip("/")
        urls = {"Repository": address, "Issues": f"{address}/issues"} if address else {}
        metadata["urls"] = urls
