"""A network by the name that gallery.yml gives it, for commands and notebooks that build no gallery."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from generator.config.settings import Settings, load
from generator.config.validation import nearest
from generator.core.errors import ConfigError
from generator.core.naming import slug
from generator.core.records import Network
from generator.models.specs import known_names, network_slug, resolve

from . import selection

USUAL = Path("gallery.yml")


def network_of(name: str, weights: str = "", config: Path | None = None) -> Network:
    """Return the network that a configuration calls `name`, else the one that the name stands for anywhere.

    `weights` takes the place of its weights file. Without `config` it is gallery.yml, where there is one. Raises
    `ConfigError` and `ModelError`.
    """
    settings = _settings(config)
    own = {network_slug(network): network for network in selection.networks(settings)} if settings else {}
    if slug(name) in own:
        network = own[slug(name)]
    elif settings and name not in known_names() and "~" not in name and ":" not in name:
        there = nearest(slug(name), [*own, *known_names()])
        raise ConfigError(f"no network is called {name!r}, in {settings.file} or elsewhere{there}")
    else:
        network = replace(resolve(name), folder=str(settings.folder.absolute()) if settings else "")
    if weights:
        file = Path(weights)
        network = replace(network, weights=str(file.absolute()) if file.is_file() else weights)
    return network


def labelled_pictures_of(network: Network, config: Path | None = None) -> Path | None:
    """Return the folder of labelled pictures that a configuration gives a network; None where it gives none."""
    settings = _settings(config)
    entry = selection.entry_of(settings, network) if settings else None
    return settings.folder / entry.labelled if settings and entry and entry.labelled else None


def _settings(config: Path | None) -> Settings | None:
    """Return the settings of a configuration; None where there is none."""
    if config is None and not USUAL.is_file():
        return None
    return load(config or USUAL)
