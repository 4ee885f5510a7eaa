"""What a build is asked for, and whom it tells how it goes."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from generator.core import plugins
from generator.core.code_digest import package_digest
from generator.core.store import Store

from . import memory_budget
from .fingerprint import digest
from .manifest_reader import manifest_file
from .pool import Pool
from .processes import Processes, Setup
from .ray_cluster import Cluster


@dataclass(frozen=True)
class Options:
    """What a command asks for."""

    root: Path = Path(".")  # the gallery's folder
    config: Path | None = None
    site_dir: Path | None = None  # `site` in the root by default
    no_site: bool = False
    preset: str | None = None
    models: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    layers: tuple[str, ...] = ()  # "layer4", or "grad-cam=layer4" for one method alone
    workers: int = field(default_factory=lambda: os.cpu_count() or 1)
    device: str = "auto"
    data: Path | None = None
    memory: int | None = None  # bytes for methods of many passes, per worker; None asks the device
    trust_pickle: bool = False
    time_limit: float = 900.0
    store_dir: Path | None = None  # `.innerview/store` in the root by default; galleries may share one
    against: Path | None = None  # another gallery, from which the site tells what changed
    engine: str = "local"  # or "ray"
    isolate: bool = True  # a network of the user's own has processes of its own
    address: str = ""  # of a Ray cluster; "" starts one on this machine
    grow: bool = False  # the site is published while it is drawn, where that takes long
    number: int = 0  # of a publication while the rest is drawn; the last has none
    cards: bool = True  # pages have pictures for those who share their addresses
    shard: tuple[int, int] | None = None  # which part of how many is drawn; without a site

    @property
    def work(self) -> Path:
        """Where the store and everything else that can be made again is kept."""
        return self.root / ".innerview"

    @property
    def out(self) -> Path:
        """The built site."""
        return self.site_dir or self.root / "site"

    @property
    def store(self) -> Store:
        """What was computed before."""
        return Store(self.store_dir or self.work / "store")

    @property
    def room(self) -> int:
        """Bytes that methods of many passes may take in each worker."""
        return self.memory or memory_budget.room(device(self.device), self.workers)

    def pool(self, workers: int | None = None) -> Pool:
        """Return the workers, as many as asked for; none is started before there is something to do."""
        code = package_digest(*plugins.methods())
        setup = Setup(self.store.folder.absolute(), device(self.device), self.trust_pickle, self.time_limit, code)
        workers = self.workers if workers is None else workers
        ray = partial(Cluster, workers=workers, address=self.address)
        return Pool(setup, workers, ray if self.engine == "ray" else Processes, self.isolate)

    def selection(self) -> dict[str, Any]:
        """Return everything here that decides what the site holds."""
        return {
            "config": str(self.config or ""),
            "site": "" if self.no_site else str(self.out),
            "preset": self.preset,
            "models": self.models,
            "images": self.images,
            "methods": self.methods,
            "layers": self.layers,
            "device": device(self.device),
            "data": str(self.data or ""),
            "memory": self.memory,
            "cards": self.cards,
            "against": digest(manifest_file(self.against)) if self.against else "",
        }


@dataclass
class Progress:
    """Told what happens; the command line shows it."""

    say: Callable[[str], None] = lambda line: None
    start: Callable[[int], None] = lambda jobs: None  # how many pictures will be drawn
    step: Callable[[str], None] = lambda text: None  # one job ended
    now: Callable[[str], None] = lambda text: None  # how far a long one is
    published: Callable[[], None] = lambda: None  # a site that still grows is there, or grew


def device(name: str) -> str:
    """Return the device a name means, without importing torch: `auto` is CUDA where driver and torch have it."""
    if name != "auto":
        return name
    torch = find_spec("torch")
    folders = torch.submodule_search_locations if torch else ()
    built = any(Path(folder, "lib").glob("*torch_cuda*") for folder in folders or ())
    return "cuda" if built and Path("/dev/nvidia0").exists() else "cpu"
