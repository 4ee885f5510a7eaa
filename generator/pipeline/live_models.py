"""Have the networks that visitors may give pictures of their own ready for the browser, and tell which cannot be."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from generator.config.settings import Settings
from generator.core.code_digest import closure_digest
from generator.core.manifest_types import LiveRecord
from generator.core.records import ModelCard, Network
from generator.core.store import Store, key_of
from generator.core.tasks import LiveTask
from generator.live import runtime, scripts
from generator.models.specs import changes

from . import fingerprint
from .manifest import Published
from .options import Progress
from .pool import Pool, WorkerError
from .selection import entry_of

PACKAGES = ("onnx", "onnxscript", "onnxruntime")
RUNTIME = "live/runtime.js"


def tasks_of(settings: Settings, networks: Sequence[tuple[Network, ModelCard]]) -> list[LiveTask]:
    """Return the networks that are to be live: those that gallery.yml says, and by default those that come with us.

    Copies that were made from another network, such as pruned ones, are not.
    """
    return [LiveTask(network, card, _key(card)) for network, card in networks if _wanted(settings, network)]


def prepare(tasks: Sequence[LiveTask], pool: Pool, store: Store, progress: Progress) -> None:
    """Have in the store what the page needs of each network; one line for each that cannot be live, with the reason.

    Without the runtime nothing is done: there will be no page.
    """
    if not runtime.is_here():
        return
    waiting = [task for task in tasks if not _known(task, store)]
    if waiting:
        progress.say(f"preparing {len(waiting)} networks for visitors' own pictures")
    answers = pool.ask([("live", (task,)) for task in waiting])
    for task, answer in zip(waiting, answers, strict=True):
        if isinstance(answer, WorkerError):
            progress.say(f"{task.card.slug}: not live: {answer}")
    for task in tasks:
        if reason := (store.get(task.key, "reason") or {}).get("reason"):
            progress.say(f"{task.card.slug}: not live: {reason}")


def published(
    tasks: Sequence[LiveTask], megabytes: int, store: Store, progress: Progress
) -> tuple[list[LiveRecord], list[Published]]:
    """Return what the manifest says of the networks that are live, and their files and the runtime's, from the site's
    root.

    Networks that would make it more than so many megabytes are left out, each with a line. Nothing, and one line that
    says why, where the runtime is missing.
    """
    if not tasks:
        return [], []
    try:
        files = [Published(RUNTIME, _runtime(store))]
    except runtime.RuntimeMissing as error:
        progress.say(f"the live page is left out: {error}")
        return [], []
    ready = [(task, record) for task in tasks if (record := _known(task, store)) and not record["reason"]]
    described: list[LiveRecord] = [{"model": "", "file": RUNTIME, "bytes": store.path(files[0].digest).stat().st_size}]
    for task, record in ready:
        digest, file = record["payloads"]["script"], f"live/{task.card.slug}.js"
        size = store.path(digest).stat().st_size
        total = sum(record["bytes"] for record in described) + size
        if total > megabytes * 1e6:
            wanted = f"with it there were {total / 1e6:.0f} MB of them, and live_megabytes allows {megabytes}"
            progress.say(f"{task.card.slug}: not live: {wanted}")
            continue
        files.append(Published(file, digest))
        described.append({"model": task.card.slug, "file": file, "bytes": size})
    return (described, files) if len(files) > 1 else ([], [])


def _wanted(settings: Settings, network: Network) -> bool:
    entry, ours = entry_of(settings, network), network.source.startswith("bundled:")
    if network.name != entry.name and changes(network):  # a pruned copy of an entry
        return False
    return entry.live if entry.live is not None else ours and not changes(network) and not network.weights


def _key(card: ModelCard) -> str:
    about = asdict(card)
    del about["passes_seconds"]
    there = [name for name in PACKAGES if importlib.util.find_spec(name)]
    code = closure_digest("generator.live.live_script")
    return key_of("live", about, code, fingerprint.folder_digest("live/graphs"), fingerprint.versions(), there)


def _known(task: LiveTask, store: Store) -> dict[str, Any] | None:
    record = store.get(task.key, "reason")
    return record if record and store.has_payloads(record) else None


def _runtime(store: Store) -> str:
    """Return the digest of the runtime as a script. Raises `RuntimeMissing`."""
    key = key_of("live runtime", runtime.PINNED, closure_digest("generator.live.scripts"))
    record = store.get(key)
    if not record or not store.has_payloads(record):
        parts = runtime.parts()
        texts = {part: parts[part].decode() for part in ("script", "module")}
        record = store.put(key, {}, {"script": scripts.script("runtime", {}, texts, {"wasm": parts["wasm"]})})
    return record["payloads"]["script"]
