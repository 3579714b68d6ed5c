"""Puts ``arrowdsl``, which stands at the top of the repository, into the distribution beside ``flight_client``."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ArrowDslHook(BuildHookInterface):
    """Adds the package to wheels and to the source distribution, from which wheels are built as well."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Include the package; an editable install finds it by its path instead (``dev-mode-dirs``)."""
        unpacked, checkout = Path(self.root, "arrowdsl"), Path(self.root).parents[1] / "arrowdsl"
        if version != "editable":
            build_data["force_include"][str(unpacked if unpacked.is_dir() else checkout)] = "arrowdsl"
