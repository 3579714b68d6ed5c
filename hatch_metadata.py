"""The server's dependencies: those listed in ``pyproject.toml``, and the client from this checkout."""

import os
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface


class ClientRequirement(MetadataHookInterface):
    """Names the client by its folder, so that no index is asked for it, or as the environment says."""

    def update(self, metadata: dict[str, Any]) -> None:
        """A release sets FLIGHT_CLIENT_REQUIREMENT, for example to ``flight-client==0.1.0``."""
        folder = f"flight-client @ {Path(self.root, 'clients', 'python').as_uri()}"
        client = os.environ.get("FLIGHT_CLIENT_REQUIREMENT", folder)
        metadata["dependencies"] = [client, *self.config["dependencies"]]
