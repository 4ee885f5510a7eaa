"""gallery.yml and images.yml become validated settings; what is wrong is told with file, key and what was expected."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from pydantic import Field, PrivateAttr, field_validator, model_validator

from generator.entries import Entry, nearest, validated, wrong
from generator.types import RESERVED, SLUG, ConfigError, Example, Input, MethodCard, Network, slug
from generator.yaml_file import read_yaml

BUNDLED = {"vgg-cifar10": "cifar10"}  # networks that come with their weights -> vocabulary
PRESETS = ("quick", "standard", "full")
COLOUR = r"^#[0-9a-fA-F]{6}$"
TARGET = re.compile(r"label|rival|top|class:[^:]+|contrast:[^:]+:[^:]+")
Parameter = bool | int | float | str | list[bool | int | float | str] | None


# --- what may stand in the files --------------------------------------------------------------------


class SiteEntry(Entry):
    """How the gallery presents itself."""

    title: str = "Innerview"
    url: str = Field("", pattern=r"^(https?://\S+)?$")
    description: str = "What convolutional networks see, picture by picture."


class InputEntry(Entry):
    """What a network of your own wants to see."""

    size: list[int] = Field(min_length=3, max_length=3)
    mean: list[float]
    std: list[float]
    fit: Literal["crop", "pad"] = "crop"
    resize: int = Field(0, ge=0, le=8192)
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"
    background: str = Field("#ffffff", pattern=COLOUR)

    @field_validator("size", mode="before")
    @classmethod
    def _whole_size(cls, value: Any) -> Any:
        """224 and [224, 320] (height, width) are short for three channels of that."""
        if isinstance(value, int):
            return [3, value, value]
        return [3, *value] if isinstance(value, list) and len(value) == 2 else value

    @model_validator(mode="after")
    def _fits(self) -> InputEntry:
        channels, height, width = self.size
        if channels not in (1, 3):
            raise wrong("size", "expected 1 or 3 channels", channels)
        if not 1 <= min(height, width) <= max(height, width) <= 4096:
            raise wrong("size", "expected a height and width of 1 to 4096", [height, width])
        for key, values in (("mean", self.mean), ("std", self.std)):
            if len(values) != channels:
                raise wrong(key, f"expected {channels} numbers, one per channel", values)
        if min(self.std) <= 0:
            raise wrong("std", "expected numbers above 0", self.std)
        if 0 < self.resize < max(height, width):
            raise wrong(
                "resize", f"expected at least {max(height, width)}, the larger of height and width", self.resize
            )
        return self


class PruneEntry(Entry):
    """One pruned copy of a network: the share of weights set to zero, and among which they are ranked."""

    shorthand = "sparsity"
    sparsity: float = Field(gt=0, lt=1)
    scope: Literal["global", "layer"] = "global"


class ModelEntry(Entry):
    """One network, by name alone or with what is to be different."""

    shorthand = "name"
    name: str = Field(min_length=1, max_length=80)
    source: str = Field("", pattern=r"^((bundled|torchvision):[\w-]+|[A-Za-z_][\w.]*:[A-Za-z_][\w.]*)?$")
    title: str = ""
    weights: str = ""
    seed: int = Field(0, ge=0, lt=2**31)
    input: InputEntry | None = None
    classes: list[str] | str = Field(default=[])
    vocabulary: str = ""
    layer: str = ""
    images: list[str] = []
    targets: list[str] = []
    prune: list[PruneEntry] = []

    @field_validator("classes", mode="before")
    @classmethod
    def _names(cls, value: Any) -> Any:
        if not (isinstance(value, str) or (isinstance(value, list) and all(isinstance(name, str) for name in value))):
            raise wrong("", "expected a list of names (in quotes where they look like numbers) or a file", value)
        return value

    @field_validator("targets")
    @classmethod
    def _targets(cls, values: list[str]) -> list[str]:
        return _known_targets(values)


class Settings(Entry):
    """All of gallery.yml; every key has a default."""

    site: SiteEntry = SiteEntry()
    models: list[ModelEntry] = Field(default=[ModelEntry(name="vgg-cifar10")], min_length=1)
    images: str = "images"
    methods: dict[str, bool | dict[str, Parameter]] | list[str] = Field(default={})
    targets: list[str] = Field(default=["label", "rival"], min_length=1)
    preset: Literal["auto", "quick", "standard", "full"] = "auto"
    _path: Path = PrivateAttr(default=Path("gallery.yml"))

    @property
    def folder(self) -> Path:
        """Where gallery.yml stands; what it names is looked up from there."""
        return self._path.parent

    @property
    def images_folder(self) -> Path:
        return self.folder / self.images

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        """The JSON Schema of gallery.yml, for editors."""
        return cls.model_json_schema()

    @field_validator("methods", mode="before")
    @classmethod
    def _methods(cls, value: Any) -> Any:
        """Told here, because a failed union would tell of both its sides."""
        if isinstance(value, list):
            if any(not isinstance(name, str) for name in value):
                raise wrong("", "expected a list of method slugs", value)
        elif not isinstance(value, dict):
            raise wrong("", "expected a mapping of methods to parameters, or a list of methods", value)
        else:
            for name, parameters in value.items():
                if not isinstance(parameters, bool | dict):
                    raise wrong(name, "expected a mapping of parameters, true or false", parameters)
                for key, given in (parameters if isinstance(parameters, dict) else {}).items():
                    if isinstance(given, dict) or (isinstance(given, list) and any(map(_is_nested, given))):
                        raise wrong(f"{name}.{key}", "expected a value or a list of values", given)
        return value

    @field_validator("targets")
    @classmethod
    def _targets(cls, values: list[str]) -> list[str]:
        return _known_targets(values)


class ImageEntry(Entry):
    """One picture of images.yml: a file beside it or a data set sample, and what is known about it."""

    file: str = ""
    source: str = Field("", pattern=r"^([\w-]+/[\w-]+/[\w -]+/[\w-]+)?$")
    id: str = ""
    title: str = ""
    credit: str = ""
    licence: str = ""
    source_url: str = Field("", pattern=r"^(https?://\S+)?$")
    alt: str = ""
    sets: list[str] = []
    targets: dict[str, str] = {}
    background: str = Field("", pattern=f"^$|{COLOUR}")
    fit: Literal["", "crop", "pad"] = ""

    @property
    def name(self) -> str:
        """The id: as given, or the slug of the file's stem."""
        return self.id or slug(PurePosixPath(self.file or self.source.replace("/", "-")).stem)

    @model_validator(mode="after")
    def _one_picture(self) -> ImageEntry:
        if bool(self.file) == bool(self.source):
            raise wrong("", "expected either 'file' or 'source'", "both" if self.file else "neither")
        if "\\" in self.file or PurePosixPath(self.file).is_absolute() or ".." in PurePosixPath(self.file).parts:
            raise wrong("file", "expected a path inside the images folder, with forward slashes", self.file)
        if self.id and not SLUG.fullmatch(self.id):
            raise wrong("id", f"expected lower case words joined by hyphens, such as {slug(self.id)!r}", self.id)
        return self


class ImagesFile(Entry):
    """All of images.yml."""

    images: list[ImageEntry] = []


# --- reading them -----------------------------------------------------------------------------------


def load(path: Path | None, **overrides: Any) -> Settings:
    """The settings in `path`, or the default gallery's; `overrides` (top-level keys, None ignored) win over the file.

    Raises `ConfigError` with one line that names the file, the key, what was expected and what is there.
    """
    given = read_yaml(path) if path else {}
    changed = {key: value for key, value in overrides.items() if value is not None}
    file = path.name if path else "gallery.yml"
    given = {} if given is None else given
    if isinstance(given, dict):
        given = {**given, **changed}
    settings = validated(Settings, given, file)
    settings._path = path or Path(file)
    networks(settings)  # names that collide are told before anything runs
    return settings


def default_settings() -> Settings:
    """The default gallery: the bundled network over one picture of each of its classes."""
    return load(None)


def read_image_entries(path: Path) -> list[ImageEntry]:
    """The entries of an images.yml; raises `ConfigError` also where two pictures would have one id."""
    entries = validated(ImagesFile, read_yaml(path) or {}, path.name).images
    first: dict[str, int] = {}
    for number, entry in enumerate(entries):
        place = f"{path.name}: images[{number}].id:"
        if entry.name in RESERVED:
            raise ConfigError(f"{place} {entry.name!r} is a folder of the site; expected another name")
        if entry.name in first:
            raise ConfigError(f"{place} {entry.name!r} is the id of images[{first[entry.name]}] already")
        first[entry.name] = number
    return entries


# --- what they mean ---------------------------------------------------------------------------------


def networks(settings: Settings, only: Sequence[str] = ()) -> list[Network]:
    """The networks of the gallery in order, each followed by its pruned copies.

    `only` picks by name; a name that is not configured is a network of its own (`--model alexnet`).
    """
    every = [network for entry in settings.models for network in _family(entry, settings)]
    by_slug: dict[str, Network] = {}
    for network in every:
        name = slug(network.name)
        if name in RESERVED:
            raise ConfigError(f"{settings._path.name}: models: {network.name!r} is a folder of the site")
        if name in by_slug:
            raise ConfigError(
                f"{settings._path.name}: models: {network.name!r} and {by_slug[name].name!r} share a name"
            )
        by_slug[name] = network
    return [by_slug.get(slug(name)) or _family(ModelEntry(name=name), settings)[0] for name in only] or every


def entry_of(settings: Settings, network: Network) -> ModelEntry:
    """The model entry that `network` or the network it derives from was written as."""
    for entry in settings.models:
        if any(one.name == network.name for one in _family(entry, settings)):
            return entry
    return ModelEntry(name=network.name)


def images_for(settings: Settings, network: Network, examples: Sequence[Example]) -> list[Example]:
    """The pictures of one network: those of the sets and ids its entry names, in the order of `examples`.

    Without such names: those in the set called like its vocabulary and those in no set; all, where that leaves none.
    """
    entry = entry_of(settings, network)
    if not entry.images:
        own = [example for example in examples if not example.sets or network.vocabulary in example.sets]
        return own or list(examples)
    known = {name for example in examples for name in (example.id, *example.sets)}
    for name in entry.images:
        if name not in known:
            place = f"{settings._path.name}: models[{settings.models.index(entry)}].images"
            raise ConfigError(f"{place}: no picture has the id or set {name!r}{nearest(name, known)}")
    return [example for example in examples if {example.id, *example.sets} & set(entry.images)]


def targets_for(settings: Settings, network: Network) -> list[str]:
    """What to explain: "label", "rival", "top", "class:frog", "contrast:frog:deer"."""
    return entry_of(settings, network).targets or settings.targets


def methods_for(settings: Settings, cards: Sequence[MethodCard], preset: str) -> dict[str, dict[str, Any]]:
    """The slugs to draw with their parameters, in the order of `cards`.

    A list in gallery.yml means these and no others. A mapping means those of the preset, without those that are
    `false`, with those that are `true` or have parameters.
    """
    check_methods(settings, cards)
    given = settings.methods
    chosen = {}
    for card in cards:
        in_preset = PRESETS.index(card.preset) <= PRESETS.index(preset)
        wish = card.slug in given if isinstance(given, list) else given.get(card.slug, in_preset)
        if wish is not False:
            chosen[card.slug] = card.parameters | (wish if isinstance(wish, dict) else {})
    return chosen


def check_methods(settings: Settings, cards: Sequence[MethodCard]) -> None:
    """Raise `ConfigError` unless all methods and parameters that the settings name exist, and are of the right type."""
    by_slug = {card.slug: card for card in cards}
    for name in settings.methods:
        place = f"{settings._path.name}: methods.{name}"
        if name not in by_slug:
            raise ConfigError(f"{place}: unknown method{nearest(name, by_slug)}")
        wish = settings.methods[name] if isinstance(settings.methods, dict) else {}
        defaults = by_slug[name].parameters
        for key, value in (wish if isinstance(wish, dict) else {}).items():
            if key not in defaults:
                raise ConfigError(f"{place}.{key}: unknown parameter{nearest(key, defaults)}")
            if not _same_kind(value, defaults[key]):
                raise ConfigError(f"{place}.{key}: expected a value like {defaults[key]!r}, there is {value!r}")


def colour(text: str) -> tuple[int, int, int]:
    """
    >>> colour("#87b5d9")
    (135, 181, 217)
    """
    red, green, blue = bytes.fromhex(text.removeprefix("#"))
    return red, green, blue


# --- networks out of names --------------------------------------------------------------------------

PRUNED = re.compile(r"(?P<base>.+)~pruned-(?P<percent>\d+(?:\.\d+)?)(?P<layer>-layer)?")


def _family(entry: ModelEntry, settings: Settings) -> list[Network]:
    whole = _network(entry, settings)
    return [whole, *(_pruned(whole, prune.sparsity, prune.scope) for prune in entry.prune)]


def _network(entry: ModelEntry, settings: Settings) -> Network:
    """The network of one entry; a name like `alexnet~pruned-50` is a pruned copy of the one before the tilde."""
    if match := PRUNED.fullmatch(entry.name):
        whole = _network(entry.model_copy(update={"name": match["base"]}), settings)
        return _pruned(whole, float(match["percent"]) / 100, "layer" if match["layer"] else "global")
    source = entry.source or _source(entry.name)
    vocabulary = "imagenet" if source.startswith("torchvision:") else BUNDLED.get(source.removeprefix("bundled:"), "")
    return Network(
        name=entry.name,
        source=source,
        title=entry.title,
        weights=entry.weights,
        folder=str(settings.folder),
        input=_input(entry.input) if entry.input else None,
        classes=tuple(_class_names(entry, settings)),
        vocabulary=entry.vocabulary or vocabulary,
        layer=entry.layer,
        seed=entry.seed,
    )


def _source(name: str) -> str:
    if name in BUNDLED:
        return f"bundled:{name}"
    return name if ":" in name else f"torchvision:{name}"


def _pruned(whole: Network, sparsity: float, scope: str) -> Network:
    percent = f"{100 * sparsity:.6g}"
    name = f"{whole.name}~pruned-{percent}" + ("-layer" if scope == "layer" else "")
    title = f"{whole.title or whole.name}, {percent} % of its weights pruned" + (
        " in each layer" if scope == "layer" else ""
    )
    fields = {**whole.__dict__, "name": name, "title": title}
    return Network(**{**fields, "derive": (*whole.derive, (f"prune-{scope}", sparsity))})


def _input(entry: InputEntry) -> Input:
    return Input(
        size=tuple(entry.size),
        mean=tuple(entry.mean),
        std=tuple(entry.std),
        fit=entry.fit,
        resize=entry.resize,
        interpolation=entry.interpolation,
        background=colour(entry.background),
    )


def _class_names(entry: ModelEntry, settings: Settings) -> list[str]:
    """The names as given, or the lines of the file that is named."""
    if not isinstance(entry.classes, str):
        return entry.classes
    try:
        lines = (settings.folder / entry.classes).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        place = f"{settings._path.name}: models.{entry.name}.classes"
        raise ConfigError(f"{place}: expected a text file with one name a line, {entry.classes}: {error}") from error
    return [line.strip() for line in lines if line.strip()]


# --- checks of single values -----------------------------------------------------------------------


def _known_targets(values: list[str]) -> list[str]:
    for value in values:
        if not TARGET.fullmatch(value):
            raise wrong("", "expected label, rival, top, class:NAME or contrast:NAME:NAME", value)
    return values


def _same_kind(value: Any, default: Any) -> bool:
    if default is None or type(value) is type(default):
        return True
    if isinstance(default, float):
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(default, tuple | list) and isinstance(value, list)


def _is_nested(value: Any) -> bool:
    return isinstance(value, dict | list)
