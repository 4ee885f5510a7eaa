"""What the wheel holds beside whole folders: mkdocs.yml, and an images.yml without the pictures that are GPL."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

import yaml
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

RESOURCES = "generator/_resources"
STAYS = "cutouts/"


class SingleFiles(BuildHookInterface):
    """Lays single files into the wheel; hatchling's own table of sources knows only folders."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Name them to the build; an editable one (`version`) reads the repository instead."""
        self.folder = Path(tempfile.mkdtemp())
        if version == "editable":
            return
        listing = self.folder / "images.yml"
        listing.write_text(_travelling(Path(self.root, "images", "images.yml")), encoding="utf-8")
        build_data["force_include"][str(listing)] = f"{RESOURCES}/images/images.yml"
        build_data["force_include"]["mkdocs.yml"] = f"{RESOURCES}/mkdocs.yml"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Clear up."""
        shutil.rmtree(self.folder)


def _travelling(listing: Path) -> str:
    entries = yaml.safe_load(listing.read_text(encoding="utf-8"))["images"]
    travels = [entry for entry in entries if not entry.get("file", "").startswith(STAYS)]
    return yaml.safe_dump({"images": travels}, allow_unicode=True, sort_keys=False)
