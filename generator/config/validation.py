"""A mapping from a file whose keys are all known, or one line with file, key, what was expected and what is there."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, ClassVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    GetJsonSchemaHandler,
    ValidationError,
    model_validator,
)
from pydantic_core import CoreSchema, PydanticCustomError

from generator.core.errors import ConfigError
from generator.core.text import harmless

from .web_address import web_address
from .yaml_reader import as_number


class Entry(BaseModel):
    """A mapping whose keys are all known; where it has a `shorthand`, a bare value stands for that key alone."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)
    shorthand: ClassVar[str] = ""

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:
        if cls.shorthand and value is not None and not isinstance(value, dict | cls):
            return {cls.shorthand: value}
        return value

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """As of any entry; with a shorthand, the bare value will do as well."""
        schema = handler(core)
        if cls.shorthand:
            resolved = handler.resolve_ref_schema(schema)
            mapping = dict(resolved)
            resolved.clear()
            resolved["anyOf"] = [mapping, dict(mapping["properties"][cls.shorthand])]
        return schema


def validated(kind: type[Entry], given: Any, file: str) -> Any:
    """`given` as an entry of `kind`; raises `ConfigError` with one line that names the file and the key."""
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise ConfigError(f"{file}: {_message(dict(first), kind)}") from None


def _message(error: Mapping[str, Any], kind: type[Entry]) -> str:
    """`models[1].wieghts: unknown key; did you mean 'weights'?`"""
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error["loc"])
    if error["type"] == "wrong":
        key, expected, value = (error["ctx"][part] for part in ("key", "expected", "found"))
        place = f"{place}.{key}" if key else place
        return f"{place.lstrip('.')}: {expected}; there is {_short(value)}".removeprefix(": ")
    if error["type"] == "extra_forbidden":
        return f"{place.lstrip('.')}: unknown key{nearest(str(error['loc'][-1]), _keys(kind, error['loc'][:-1]))}"
    if error["type"] == "missing":
        return f"{place.lstrip('.')}: missing; expected this key"
    if error["type"] in ("model_type", "model_attributes_type", "dict_type"):
        expected = "expected a mapping of keys"
    elif error["type"] == "string_pattern_mismatch":
        expected = FORMS.get(str(error["loc"][-1]), "expected another form")
    else:
        expected = re.sub(r"^(Input|List|String) should (be|have) (a valid )?", "expected ", error["msg"])
    return f"{place.lstrip('.')}: {expected}; there is {_short(error['input'])}".removeprefix(": ")


FORMS = {
    "vectors": "expected a file of vectors (.npy, .npz, .safetensors, .pt)",
    "background": "expected a colour like '#87b5d9', in quotes",
    "source": "expected 'torchvision:name', 'bundled:name' or 'module:function' for a model, "
    "'cifar10/test/frog/0001' for a picture",
}


def _keys(kind: Any, place: Sequence[str | int]) -> list[str]:
    """Return the keys known at a place of the settings."""
    for part in place:
        if isinstance(part, str):
            kind = kind.model_fields[part].annotation
        inner = [
            member
            for member in (kind, *getattr(kind, "__args__", ()))
            if isinstance(member, type) and hasattr(member, "model_fields")
        ]
        kind = inner[0] if inner else kind
    return list(kind.model_fields)


def _on_one_line(text: str) -> str:
    return " ".join(harmless(text).split())


# What people read on pages: without controls, and without marks that turn the text around it.
Plain = Annotated[str, AfterValidator(harmless)]
PlainLine = Annotated[str, AfterValidator(_on_one_line)]


def wrong(key: str, expected: str, value: Any) -> PydanticCustomError:
    """Make the error of one value: under which key, what was expected, what is there."""
    return PydanticCustomError("wrong", "{expected}", {"key": key, "expected": expected, "found": value})


def number(value: Any) -> Any:
    """Return the number that a text such as "1e-6" stands for; other values as they are."""
    try:
        return as_number(value)
    except ValueError as error:
        raise wrong("", str(error), value) from None


Number = Annotated[float, BeforeValidator(number)]  # also as 1e-6, which YAML 1.1 takes for text


def checked_address(value: str, page: bool = False) -> str:
    """Return the web address as all of the site has it; "" where none is given."""
    try:
        return web_address(value, page) if value else ""
    except ValueError as error:
        raise wrong("", str(error), value) from None


def _short(value: Any) -> str:
    text = "nothing" if value is None else "a mapping" if isinstance(value, dict) else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def nearest(name: str, names: Iterable[str]) -> str:
    """
    >>> nearest("wieghts", ["weights", "input"])
    "; did you mean 'weights'?"
    """
    close = difflib.get_close_matches(name, sorted(names), n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else f"; known are {', '.join(sorted(names))}" if names else ""
