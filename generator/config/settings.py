"""Read gallery.yml into validated settings; an error names the file, the key and what was expected."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Field,
    PrivateAttr,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from generator.core.naming import slug
from generator.core.resources import resource

from .validation import Entry, Number, Plain, PlainLine, checked_address, number, validated, wrong
from .yaml_reader import MAX_NUMBER, MIN_NUMBER, read_yaml

COLOUR = r"^#[0-9a-fA-F]{6}$"
TARGET = re.compile(r"label|rival|top|class:[^:]+|contrast:[^:]+:[^:]+|pixel:\d{1,5}:\d{1,5}")
SIZE = {"anyOf": [{"type": "integer"}, {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 3}]}
DIVISION = re.compile(r"\s*(-?\d+(?:\.\d+)?)\s*/\s*(\d+(?:\.\d+)?)\s*")
Constant = bool | int | float | str | list[Any]
Parameter = bool | int | float | str | list[bool | int | float | str] | None


def _divided(value: Any) -> Any:
    """Return the number that a fraction such as "127/255" is; other values as they are."""
    value = number(value)
    match = DIVISION.fullmatch(value) if isinstance(value, str) else None
    if isinstance(value, str) and not (match and float(match[2])):
        raise wrong("", "expected a number or a fraction such as 127/255", value)
    quotient = float(match[1]) / float(match[2]) if match else value
    if match and quotient and not MIN_NUMBER <= abs(quotient) <= MAX_NUMBER:
        raise wrong("", "expected 0 or a number from 2^-53 to 2^53", value)
    return quotient


def _numbers_within(value: Any) -> Any:
    """Return a value, or the values of a list in a list, with numbers such as "1e-6" as numbers."""
    return [_numbers_within(item) for item in value] if isinstance(value, list) else number(value)


FRACTION = {"anyOf": [{"type": "number"}, {"type": "string", "pattern": DIVISION.pattern}]}
Fraction = Annotated[float, BeforeValidator(_divided), WithJsonSchema(FRACTION)]


# --- what may stand in the files --------------------------------------------------------------------


class SiteEntry(Entry):
    """How the gallery presents itself."""

    title: PlainLine = "Innerview"
    url: str = Field(default="", json_schema_extra={"pattern": r"^(https?://\S+)?$"})
    description: Plain = "What convolutional networks see, picture by picture."

    @field_validator("url")
    @classmethod
    def _address(cls, value: str) -> str:
        return checked_address(value)


class InputEntry(Entry):
    """What a network of your own wants to see."""

    size: Annotated[list[int], Field(min_length=3, max_length=3), WithJsonSchema(SIZE)]
    mean: list[Fraction]
    std: list[Fraction]
    fit: Literal["crop", "pad"] = "crop"
    resize: int = Field(default=0, ge=0, le=8192)
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"
    background: str = Field(default="#ffffff", pattern=COLOUR)
    range: list[Number] = []
    display: list[int] = []

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
        if not 1 <= channels <= 1024:
            raise wrong("size", "expected 1 to 1024 channels", channels)
        if self.range and not (len(self.range) == 2 and self.range[0] < self.range[1]):
            raise wrong("range", "expected the smallest and the largest value, such as [0, 4095]", self.range)
        shown = self.display or [1]
        if len(shown) not in (1, 3) or not 1 <= min(shown) <= max(shown) <= channels:
            raise wrong("display", f"expected one or three channels from 1 to {channels}", self.display)
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
    sparsity: Number = Field(gt=0, lt=1)
    scope: Literal["global", "layer"] = "global"


class ProbeEntry(Entry):
    """The images that a network's units are asked about: a folder, an archive of one or a data set's name.

    A folder holds pictures, or one folder of them per class; of a data set the test part is taken. `images` is how
    many are looked at, evenly spread; 0 means all.
    """

    shorthand = "data"
    data: str = Field(min_length=1)
    images: int = Field(default=0, ge=0)


class TextEntry(Entry):
    """Text vectors as the head of an image tower: a file with one per class, or by name, and their scale."""

    shorthand = "vectors"
    vectors: str = Field(pattern=r"\.(npy|npz|safetensors|pt|pth|bin)$")
    scale: Number = Field(default=0, ge=0)


class ModelEntry(Entry):
    """One network, by name alone or with what is to be different."""

    shorthand = "name"
    name: str = Field(min_length=1, max_length=80)
    source: str = Field(default="", pattern=r"^((bundled|torchvision):[\w-]+|[A-Za-z_][\w.]*:[A-Za-z_][\w.]*)?$")
    title: PlainLine = ""
    weights: str = ""
    seed: int = Field(default=0, ge=0, lt=2**31)
    input: InputEntry | None = None
    classes: list[str] | str = Field(default=[])
    vocabulary: str = ""
    layer: str = ""
    layers: dict[str, list[str]] | list[str] = {}  # by method; of a list those of every method that looks at one
    images: list[str] = []
    targets: list[str] = []
    prune: list[PruneEntry] = []
    labelled: str = ""  # pictures by class, for `evaluate` and `rank`
    probe: ProbeEntry | None = None  # without one, the curated images are the probe
    checkpoints: str = ""  # a folder of checkpoints of its training, as `innerview train` leaves it
    native: bool = False  # pictures at their own size, for networks that take any
    output: Literal["", "classes", "binary", "labels", "value", "mask"] = ""  # what it answers with; "" finds it
    output_key: str = ""  # the member of what it returns that holds the scores; "" finds it
    threshold: Number = Field(default=0.5, gt=0, lt=1)  # from which a binary answer is positive, and a label is there
    unit: PlainLine = Field(default="", max_length=20)  # of a value
    constants: dict[str, Constant] = {}  # further inputs, by the names of the forward's parameters
    text: TextEntry | None = None  # of an image tower; its embedding is compared with these vectors
    live: bool | None = None  # whether visitors may give it pictures of their own; null: where it comes with Innerview

    @field_validator("classes", mode="before")
    @classmethod
    def _names(cls, value: Any) -> Any:
        if not (isinstance(value, str) or (isinstance(value, list) and all(isinstance(name, str) for name in value))):
            raise wrong("", "expected a list of names (in quotes where they look like numbers) or a file", value)
        return value

    @field_validator("layers", mode="before")
    @classmethod
    def _layers(cls, value: Any) -> Any:
        named = list(value.values()) if isinstance(value, dict) else [value]
        if not all(isinstance(names, list) and all(isinstance(name, str) for name in names) for names in named):
            raise wrong("", "expected a list of layers, or a mapping of methods to lists of layers", value)
        return value

    @field_validator("constants", mode="before")
    @classmethod
    def _constants(cls, value: Any) -> Any:
        return {name: _numbers_within(item) for name, item in value.items()} if isinstance(value, dict) else value

    @field_validator("targets")
    @classmethod
    def _targets(cls, values: list[str]) -> list[str]:
        return _known_targets(values)


class Settings(Entry):
    """All of gallery.yml; every key has a default."""

    site: SiteEntry = SiteEntry()
    models: list[ModelEntry] = Field(
        default=[
            ModelEntry(name="efficientnet-lite0"),
            ModelEntry(name="imagenette"),
            ModelEntry(name="vgg-cifar10", prune=[PruneEntry(sparsity=0.5)]),
        ],
        min_length=1,
    )
    images: str = "images"
    methods: dict[str, bool | dict[str, Parameter]] | list[str] = Field(default={})
    measures: dict[str, bool | dict[str, Parameter]] | list[str] = Field(default={})  # of maps
    targets: list[str] = Field(default=["label", "rival"], min_length=1)
    preset: Literal["auto", "forward", "quick", "standard", "full"] = "auto"
    styles: list[list[str]] = []  # pairs [picture, style]: the ids of a picture and of the one whose style it gets
    live_megabytes: int = Field(default=60, ge=1)  # that the networks for visitors' own pictures may add to the site
    pin: list[str] = []  # figures, by name or pattern, whose picture keeps an address of its own for ever
    compare: list[list[str]] = []  # pairs of model names to set side by side; pruned copies are set beside their whole
    _path: Path = PrivateAttr(default=Path("gallery.yml"))
    _own: bool = PrivateAttr(default=False)  # whether there is such a file

    @property
    def folder(self) -> Path:
        """Where gallery.yml stands; what it names is looked up from there."""
        return self._path.parent

    @property
    def file(self) -> str:
        """What gallery.yml is called in messages."""
        return self._path.name

    @property
    def images_folder(self) -> Path:
        """The pictures beside gallery.yml; those that came with Innerview where there is no gallery.yml at all.

        A gallery of someone's own never publishes ours for want of its own.
        """
        folder = self.folder / self.images
        return folder if self._own or folder.is_dir() or "images" in self.model_fields_set else resource("images")

    @field_validator("methods", "measures", mode="before")
    @classmethod
    def _methods(cls, value: Any, info: ValidationInfo) -> Any:
        """Told here, because a failed union would tell of both its sides."""
        if isinstance(value, list):
            if any(not isinstance(name, str) for name in value):
                raise wrong("", f"expected a list of {info.field_name[:-1]} slugs", value)
        elif not isinstance(value, dict):
            kind = info.field_name
            raise wrong("", f"expected a mapping of {kind} to parameters, or a list of {kind}", value)
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

    @field_validator("compare")
    @classmethod
    def _pairs(cls, values: list[list[str]]) -> list[list[str]]:
        for pair in values:
            if len(pair) != 2 or slug(pair[0]) == slug(pair[1]):
                raise wrong("", "expected pairs of two different networks, such as [alexnet, alexnet~random]", pair)
        return values

    @field_validator("styles")
    @classmethod
    def _styles(cls, values: list[list[str]]) -> list[list[str]]:
        for pair in values:
            if len(pair) != 2 or pair[0] == pair[1]:
                raise wrong(
                    "", "expected pairs of a picture and another one for its style, such as [frog, waves]", pair
                )
        return values


# --- reading them -----------------------------------------------------------------------------------


def load(path: Path | None, **overrides: Any) -> Settings:
    """Return the settings in `path`, or the default gallery's; `overrides` (top-level keys, None ignored) win over the
    file.

    Raises `ConfigError` with one line that names the file, the key, what was expected and what is there.
    """
    given = read_yaml(path) if path else {}
    changed = {key: value for key, value in overrides.items() if value is not None}
    file = path.name if path else "gallery.yml"
    given = {} if given is None else given
    if isinstance(given, dict):
        given = {**given, **changed}
    settings = validated(Settings, given, file)
    settings._path, settings._own = path or Path(file), path is not None
    return settings


# --- single values --------------------------------------------------------------------------------


def colour(text: str) -> tuple[int, int, int]:
    """
    >>> colour("#87b5d9")
    (135, 181, 217)
    """
    red, green, blue = bytes.fromhex(text.removeprefix("#"))
    return red, green, blue


def _known_targets(values: list[str]) -> list[str]:
    for value in values:
        if not TARGET.fullmatch(value):
            raise wrong("", "expected label, rival, top, class:NAME, contrast:NAME:NAME or pixel:ROW:COLUMN", value)
    return values


def _is_nested(value: Any) -> bool:
    return isinstance(value, dict | list)
