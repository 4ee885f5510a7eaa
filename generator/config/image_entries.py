"""Read images.yml into validated entries, one for each picture."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Literal

from pydantic import Field, field_validator, model_validator

from generator.core.errors import ConfigError
from generator.core.naming import RESERVED, SLUG, slug

from .settings import COLOUR
from .validation import Entry, Plain, PlainLine, checked_address, validated, wrong
from .yaml_reader import read_yaml


class ImageEntry(Entry):
    """One picture of images.yml: a file beside it or a data set sample, and what is known about it."""

    file: str = ""
    source: str = Field(default="", pattern=r"^([\w-]+/[\w-]+/[\w -]+/[\w-]+)?$")
    id: str = ""
    title: PlainLine = ""
    credit: PlainLine = ""
    licence: PlainLine = ""
    source_url: str = Field(default="", json_schema_extra={"pattern": r"^(https?://\S+)?$"})
    alt: Plain = ""
    note: Plain = ""  # what to notice in it, shown on its pages
    sets: list[str] = []
    targets: dict[str, str] = {}
    background: str = Field(default="", pattern=f"^$|{COLOUR}")
    fit: Literal["", "crop", "pad"] = ""
    frame: int = Field(default=0, ge=0, le=100_000)  # of an animation, a TIFF or an array, from 1
    box: list[int] = []  # left, top, right, bottom of the thing that the class names, in pixels of the upright picture
    mask: str = ""  # or a file of the same size that is white where it is; transparency says it by itself

    @field_validator("source_url")
    @classmethod
    def _address(cls, value: str) -> str:
        return checked_address(value, page=True)

    @field_validator("box")
    @classmethod
    def _box(cls, values: list[int]) -> list[int]:
        left, top, right, bottom = values if len(values) == 4 else (0, 0, 0, 0)
        if values and not (0 <= left < right and 0 <= top < bottom):
            raise wrong("", "expected left, top, right and bottom in pixels, such as [40, 12, 180, 150]", values)
        return values

    @property
    def name(self) -> str:
        """The id: as given, or the slug of the file's stem."""
        return self.id or slug(PurePosixPath(self.file or self.source.replace("/", "-")).stem)

    @model_validator(mode="after")
    def _one_picture(self) -> ImageEntry:
        if bool(self.file) == bool(self.source):
            raise wrong("", "expected either 'file' or 'source'", "both" if self.file else "neither")
        for key, path in (("file", self.file), ("mask", self.mask)):
            if "\\" in path or PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
                raise wrong(key, "expected a path inside the images folder, with forward slashes", path)
        if self.box and self.mask:
            raise wrong("mask", "expected either a box or a mask", "both")
        if self.id and not SLUG.fullmatch(self.id):
            raise wrong("id", f"expected lower case words joined by hyphens, such as {slug(self.id)!r}", self.id)
        return self


class ImagesFile(Entry):
    """All of images.yml."""

    images: list[ImageEntry] = []


def read_image_entries(path: Path) -> list[ImageEntry]:
    """Return the entries of an images.yml; raises `ConfigError` also where two pictures would have one id."""
    given = read_yaml(path)
    entries = validated(ImagesFile, {} if given is None else given, path.name).images
    first: dict[str, int] = {}
    for number, entry in enumerate(entries):
        place = f"{path.name}: images[{number}].id:"
        if entry.name in RESERVED:
            raise ConfigError(f"{place} {entry.name!r} is a folder of the site; expected another name")
        if entry.name in first:
            raise ConfigError(f"{place} {entry.name!r} is the id of images[{first[entry.name]}] already")
        first[entry.name] = number
    return entries
