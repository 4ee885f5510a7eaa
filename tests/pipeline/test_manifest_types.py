"""The manifest's types are those of its schema; run as a script, this file writes `core/manifest_types.py` anew."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SCHEMA = ROOT / "generator" / "pipeline" / "manifest.schema.json"
TYPES = ROOT / "generator" / "core" / "manifest_types.py"
HEAD = '''"""The records of the manifest as types, made from its schema by `tests/pipeline/test_manifest_types.py`.

Change `pipeline/manifest.schema.json`, then run that file. A page that reads a key which no record has is an error of
the type checker.
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict
'''
PLAIN = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}
PLAIN["object"] = "dict[str, Any]"


class Writer:
    """Turns schemas into types; what has properties becomes a class of its own."""

    def __init__(self, definitions: dict[str, Any]) -> None:
        self.definitions = definitions
        self.classes: dict[str, str] = {}

    def type_of(self, schema: dict[str, Any], name: str) -> str:
        """Return the type of what keeps `schema`; a class made for it is called `name`."""
        if "$ref" in schema:
            part = schema["$ref"].rpartition("/")[2]
            return self.type_of(self.definitions[part], f"{part.capitalize()}Record")
        if "anyOf" in schema:
            return self._union([self.type_of(choice, name) for choice in schema["anyOf"]])
        if "const" in schema or "enum" in schema:
            return f"Literal[{', '.join(map(json.dumps, schema.get('enum', [schema.get('const')])))}]"
        kinds = schema.get("type", "object")
        if isinstance(kinds, list):
            return self._union([self.type_of({**schema, "type": kind}, name) for kind in kinds])
        if kinds == "array":
            return f"list[{self.type_of(schema['items'], name) if 'items' in schema else 'Any'}]"
        if kinds == "object" and "properties" in schema:
            self._class(schema, name)
            return name
        if kinds == "object" and isinstance(schema.get("additionalProperties"), dict):
            return f"dict[str, {self.type_of(schema['additionalProperties'], name)}]"
        return PLAIN[kinds]

    def _class(self, schema: dict[str, Any], name: str) -> None:
        required = schema.get("required", ())
        stem = name.removesuffix("Record")
        fields = {
            key: kind if key in required else f"NotRequired[{kind}]"
            for key, part in schema["properties"].items()
            for kind in [self.type_of(part, self._name(stem, key, part))]
        } | {key: "Any" for key in required if key not in schema["properties"]}
        words = schema.get("description", "").partition(". ")[0] or f"what the manifest holds as {name}"
        if all(key.isidentifier() for key in fields):
            lines = [f"class {name}(TypedDict):", f'    """{words[0].upper()}{words[1:]}."""', ""]
            lines += [f"    {key}: {kind}" for key, kind in fields.items()]
        else:
            lines = [f"{name} = TypedDict(", f'    "{name}",', "    {"]
            lines += [f'        "{key}": "{kind}",' for key, kind in fields.items()]
            lines += ["    },", ")"]
        text = "\n".join(lines)
        assert self.classes.setdefault(name, text) == text, f"two records are called {name}"

    def _name(self, stem: str, key: str, schema: dict[str, Any]) -> str:
        """Return what a record at `key` is called: `FigureTarget`; at the top `ProbeRecord`."""
        several = schema.get("type") == "array" and key.endswith("s")
        part = "".join(word.capitalize() for word in (key.removesuffix("s") if several else key).split("_"))
        return f"{part}Record" if stem == "Manifest" else f"{stem}{part}"

    @staticmethod
    def _union(kinds: list[str]) -> str:
        wider = [kind for kind in kinds if "str" not in kinds or not kind.startswith("Literal[")]
        return " | ".join(dict.fromkeys(sorted(wider, key="None".__eq__)))


def written() -> str:
    """Return the module that the schema makes."""
    schema = json.loads(SCHEMA.read_text("utf-8"))
    writer = Writer(schema["$defs"])
    writer.type_of(schema, "Manifest")
    text = "\n\n".join([HEAD, *(f"{text}\n" for text in writer.classes.values())])
    format_ = [sys.executable, "-m", "ruff", "format", "--config", str(ROOT / "pyproject.toml"), "-"]
    return subprocess.run(format_, input=text, capture_output=True, text=True, check=True).stdout


def test_the_types_are_those_of_the_schema():
    assert TYPES.read_text("utf-8") == written(), f"run {Path(__file__).name}"


MISSPELT = {
    'figure["methd"]': 'TypedDict "FigureRecord" has no key "methd"',
    'figure["target"]["prob"]': 'TypedDict "FigureTarget" has no key "prob"',
    'gallery.models["a"]["layers"][0]["knd"]': 'TypedDict "ModelLayer" has no key "knd"',
    'gallery.probes["a"]["wrong"][0]["sayd"]': 'TypedDict "AnswerRecord" has no key "sayd"',
}


def test_a_key_that_no_record_has_is_an_error(tmp_path):
    """And one that a record has is none: mypy finds as many errors as there are misspelt keys."""
    head = """
from generator.core.manifest_types import FigureRecord
from generator.site.pages.manifest_index import Gallery

def page(gallery: Gallery, figure: FigureRecord) -> None:
    print(figure["method"], figure["target"]["probability"], gallery.models["a"]["layers"][0]["kind"])
"""
    file = tmp_path / "page.py"
    file.write_text(head + "".join(f"    print({expression})\n" for expression in MISSPELT))
    options = ["--follow-imports=silent", "--no-strict-optional", "--no-error-summary", "--cache-dir", os.devnull]
    done = subprocess.run([sys.executable, "-m", "mypy", *options, file], cwd=ROOT, capture_output=True, text=True)
    errors = [line for line in done.stdout.splitlines() if "error:" in line]
    assert len(errors) == len(MISSPELT), done.stdout + done.stderr
    for line, message in zip(errors, MISSPELT.values(), strict=True):
        assert message in line


if __name__ == "__main__":
    TYPES.write_text(written(), encoding="utf-8")
