"""A gallery as its manifest describes it, with its pictures and arrays."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from generator.core.errors import InnerviewError
from generator.core.manifest_types import FigureRecord
from generator.core.naming import FIGURE
from generator.core.records import StyleCard
from generator.core.store import Damaged, Store, unpack
from generator.drawing.styles import style_cards
from generator.pipeline.manifest_reader import manifest_file, read_manifest

STORES = ("store", ".innerview/store", "../.innerview/store")  # from the folder that was named


class Side:
    """A gallery as it was when its manifest was written; what is not at hand any more is None."""

    def __init__(self, path: Path, stores: Iterable[Path] = ()) -> None:
        """`path` is a site, a gallery's folder, its `.innerview` or a manifest; `stores` are searched besides its own.

        Raises `InnerviewError` where there is no manifest, or one that is none.
        """
        self.file = manifest_file(path)
        self.manifest = read_manifest(self.file)
        for figure in self.manifest["figures"]:
            if not FIGURE.fullmatch(figure["id"]):  # files are written under it
                raise InnerviewError(f"{self.file}: {figure['id']!r} is not a figure's name")
        self.folder = self.file.parent  # of the pictures, where it is a site's
        near = [path / name for name in STORES] if path.is_dir() else [self.folder / "store"]
        self._stores = [Store(folder) for folder in dict.fromkeys([*near, *stores]) if folder.is_dir()]
        self.figures: dict[str, FigureRecord] = {figure["id"]: figure for figure in self.manifest["figures"]}
        self._styles = style_cards(self.manifest.get("styles", ()))
        self._drawn = {card["slug"]: card["draw"] for card in self.manifest["methods"]}

    def style(self, figure: FigureRecord) -> StyleCard:
        """Return the way in which a figure's method draws."""
        name = self._drawn.get(figure["method"], "")
        return self._styles.get(name) or StyleCard(name)

    def picture(self, figure: FigureRecord, part: str = "file") -> bytes | None:
        """Return the bytes of a figure's `file` or `map`."""
        name = str(figure.get(part, ""))
        if not name:
            return None
        if (self.folder / name).is_file():
            return (self.folder / name).read_bytes()
        return self._payload(figure["keys"].get("picture", ""), part)

    def arrays(self, figure: FigureRecord) -> tuple[dict[str, np.ndarray], dict[str, Any]] | None:
        """Return the arrays behind a figure, as `store.unpack` gives them, and what is known of them."""
        key = figure["keys"].get("array", "")
        data = self._payload(key, "arrays")
        record = next((candidate for candidate in (store.get(key) for store in self._stores) if candidate), None)
        return (unpack(data), record["meta"]) if data is not None and record else None

    def _payload(self, key: str, part: str) -> bytes | None:
        for store in self._stores if key else ():
            record = store.get(key)
            digest = record["payloads"].get(part) if record else None
            try:
                if digest:
                    return store.read(digest)
            except Damaged:  # removed by now; another store may have it
                continue
        return None
