"""A YAML file as plain data, or one line that says why it is none."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from generator.core.errors import ConfigError

MAX_BYTES = 1_000_000
MAX_DEPTH = 50
MAX_NODES = 200_000  # with every alias counted as often as it is used
MAX_NUMBER = 2**53  # whole numbers beyond lose digits in JSON
MIN_NUMBER = 2**-53  # smaller ones are 0 in 32 bits, or become so where they are multiplied
SCIENTIFIC = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+")  # a number in YAML 1.2; in 1.1 text without "." or sign
PLAIN = {f"tag:yaml.org,2002:{name}" for name in ("map", "seq", "str", "int", "float", "bool", "null", "merge")}
Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C one is ten times faster and not everywhere


def read_yaml(path: Path) -> Any:
    """Mappings, lists, texts, numbers, truth values; raises `ConfigError` for all else, twice the same key included."""
    try:
        if not path.is_file():
            raise ConfigError(f"{path}: expected a file, there is {'a folder' if path.is_dir() else 'none'}")
        if path.stat().st_size > MAX_BYTES:
            raise ConfigError(f"{path.name}: expected at most {MAX_BYTES:,} bytes, there are {path.stat().st_size:,}")
        text = path.read_text(encoding="utf-8")
        _check_depth(text, path.name)
        loader = Loader(text)
        node = loader.get_single_node()
        if node is None:
            return None
        _check(node, path.name)
        return loader.construct_document(node)
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path.name}: expected UTF-8 text, byte {error.start} is none") from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f" line {mark.line + 1}, column {mark.column + 1}:" if mark else ""
        raise ConfigError(f"{path.name}:{where} not YAML: {error.problem or error.context}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{path.name}: not YAML: {str(error).splitlines()[0]}") from error


def as_number(value: Any) -> Any:
    """Return the number that a text such as "1e-6" stands for, where a number is expected; other values as they are.

    Raises `ValueError` for one that is too large or too small.

    >>> as_number("1e-6"), as_number("2E3"), as_number("half"), as_number(3)
    (1e-06, 2000.0, 'half', 3)
    """
    if not (isinstance(value, str) and len(value) <= 40 and SCIENTIFIC.fullmatch(value)):
        return value
    number = float(value)
    if number and not MIN_NUMBER <= abs(number) <= MAX_NUMBER:
        raise ValueError("expected 0 or a number from 2^-53 to 2^53")
    return number


def _check_depth(text: str, file: str) -> None:
    """Before nodes are built: the C loader builds them by recursion and would take the process with it."""
    depth = 0
    for event in yaml.parse(text, Loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise ConfigError(f"{file}: line {event.start_mark.line + 1}: nested more than {MAX_DEPTH} deep")


def _check(root: yaml.Node, file: str) -> None:
    """Refuse tags, repeated keys, keys that are not text, numbers that are none, and aliases that multiply."""
    for count, (node, open_nodes) in enumerate(_walk(root, ())):
        where = f"{file}: line {node.start_mark.line + 1}:"
        if count > MAX_NODES or node in open_nodes:
            raise ConfigError(f"{where} aliases (*) repeat too much; write the values out")
        if node.tag not in PLAIN:
            kind = node.tag.removeprefix("tag:yaml.org,2002:")
            raise ConfigError(f"{where} {kind!r} is not read here; put text that looks like one in quotes")
        if isinstance(node, yaml.ScalarNode):
            _check_number(node, where)
            if any("\ud800" <= character <= "\udfff" for character in node.value):
                raise ConfigError(f"{where} expected characters, there is half of one (\\ud800 to \\udfff)")
        if isinstance(node, yaml.MappingNode):
            _check_keys(node, file)


def _walk(node: yaml.Node, above: tuple[yaml.Node, ...]) -> Iterator[tuple[yaml.Node, tuple[yaml.Node, ...]]]:
    yield node, above
    for child in node.value if isinstance(node, yaml.CollectionNode) else ():
        for part in child if isinstance(child, tuple) else (child,):
            yield from _walk(part, (*above, node))


def _check_keys(node: yaml.MappingNode, file: str) -> None:
    seen = set()
    for key, _ in node.value:
        where = f"{file}: line {key.start_mark.line + 1}:"
        if key.tag.rpartition(":")[2] not in ("str", "merge"):
            raise ConfigError(f"{where} expected a text as key, there is {key.value!r}; put it in quotes")
        if key.value in seen:
            raise ConfigError(f"{where} the key {key.value!r} stands here twice")
        seen.add(key.value)


def _check_number(node: yaml.ScalarNode, where: str) -> None:
    kind = node.tag.rpartition(":")[2]
    if kind not in ("int", "float"):
        return
    try:  # 1:0:0:0 is a number to the base of 60, and a long one would take minutes
        value = yaml.SafeLoader("").construct_object(node) if len(node.value) <= 40 else math.inf
    except ValueError:
        value = math.inf
    text = node.value if len(node.value) <= 40 else node.value[:40] + "..."
    if not math.isfinite(value) or abs(value) > MAX_NUMBER:
        raise ConfigError(f"{where} expected a number up to 2^53, there is {text}")
    if 0 < abs(value) < MIN_NUMBER:
        raise ConfigError(f"{where} expected 0 or a number of at least 2^-53, there is {text}")
