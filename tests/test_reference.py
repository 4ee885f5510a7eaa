"""The reference on the site says what commands, files and manifest take; run as a script, this file writes it anew."""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import click

import generator
from generator.__main__ import main
from generator.config import json_schema

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "site_src" / "docs" / "reference"
MADE = "<!-- Written by tests/test_reference.py: change what it describes, then run that file. -->\n"


def pages() -> dict[str, str]:
    """The text of every page of the reference that is made, by its place below `FOLDER`."""
    made = {"commands/index.md": commands_page()}
    made |= {f"commands/{name}.md": command_page(name, command) for name, command in main.commands.items()}
    for name in json_schema.SCHEMAS:
        made[f"{name}-yml.md"] = settings_page(f"{name}.yml", json_schema.SCHEMAS[name]())
    described = json.loads((ROOT / "generator" / "pipeline" / "manifest.schema.json").read_text())
    made["library.md"] = library_page()
    made["manifest.md"] = settings_page("manifest.json", described)
    return {name: f"{MADE}\n{text}" for name, text in made.items()}


# --- commands ----------------------------------------------------------------------------------------


def commands_page() -> str:
    """All commands in a table."""
    rows = [
        f"| [`innerview {name}`]({name}.md) | {cell(command.get_short_help_str(200))} |"
        for name, command in main.commands.items()
    ]
    codes = "Exit codes: 0 success; 1 some items failed or a condition was not met (each is listed); "
    codes += "2 wrong usage or configuration; 70 a defect of Innerview."
    completion = [
        "## Completion",
        "",
        "To complete commands, options, files and model names in a shell:",
        "",
        "```text",
    ]
    for shell in ("bash", "zsh"):
        completion.append(f"""echo 'eval "$(_INNERVIEW_COMPLETE={shell}_source innerview)"' >> ~/.{shell}rc""")
    completion += ["_INNERVIEW_COMPLETE=fish_source innerview > ~/.config/fish/completions/innerview.fish", "```"]
    return "\n".join(["# Commands", "", "| command | does |", "|---|---|", *rows, "", codes, "", *completion, ""])


def command_page(name: str, command: click.Command) -> str:
    """One command: its words, its examples and its options."""
    context = click.Context(command, info_name=f"innerview {name}")
    words, examples = [], []
    for paragraph in (command.help or "").split("\n\n"):
        verbatim, _, rest = paragraph.partition("\b\n")
        examples += [line.strip() for line in rest.splitlines()]
        words += [] if rest else [" ".join(paragraph.split())]
    usage = " ".join([f"innerview {name}", *command.collect_usage_pieces(context)])
    lines = [f"# innerview {name}", "", *"\n\n".join(html(paragraph) for paragraph in words).split("\n"), ""]
    lines += ["```text", usage, "```", ""]
    lines += ["```text", *examples, "```", ""] if examples else []
    options = [option for option in command.params if isinstance(option, click.Option)]
    if options:
        rows = [
            f"| {', '.join(f'`{part}`' for part in names(option, context))} | {says(option)} |" for option in options
        ]
        lines += ["| option | means |", "|---|---|", *rows, ""]
    return "\n".join(lines)


def names(option: click.Option, context: click.Context) -> list[str]:
    """`--model M`, as it is typed."""
    value = "" if option.is_flag else f" {option.make_metavar(context)}"
    return [f"{name}{value}".replace("|", "/") for name in option.opts]


def says(option: click.Option) -> str:
    """What an option means, and its default."""
    default = f" Default: {option.default}." if option.show_default and option.default is not None else ""
    return cell((option.help or "").replace("  [default:", " [default:") + default)


# --- what people write, and what programs read --------------------------------------------------------


def settings_page(title: str, described: dict) -> str:
    """Keys of a file by the entry that holds them, from its JSON Schema."""
    words = described.get("description", "").split("\n")[0]
    lines = [f"# {title}", "", html(words), ""]
    for name, part in [("", described), *sorted(described.get("$defs", {}).items())]:
        rows = [
            f"| `{key}` | {html(kind(about))} | {cell(about.get('description', ''))} |" for key, about in keys(part)
        ]
        if rows:
            lines += [f"## {name}", ""] if name else []
            lines += ["| key | is | means |", "|---|---|---|", *rows, ""]
    return "\n".join(lines)


def library_page() -> str:
    """What `from generator import ...` offers, from the docstrings; read, not loaded, because torch takes long."""
    said = {
        node.name: node
        for node in ast.parse((ROOT / "generator" / "notebook.py").read_text()).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
    }
    words = "Objects offered by `from generator import ...`; [Notebooks](../library.md) shows them in use."
    lines = ["# Python API", "", words, ""]
    for name in sorted(generator.__all__, key=str.swapcase):  # functions first
        node = said[name]
        lines += [f"## {name}", "", *told(node)]
        for part in node.body if isinstance(node, ast.ClassDef) else ():
            if isinstance(part, ast.FunctionDef) and not part.name.startswith("_"):
                lines += [f"### {name}.{part.name}", "", *told(part)]
    return "\n".join(lines)


def told(node: ast.FunctionDef | ast.ClassDef) -> list[str]:
    """The signature and the words of one function or class."""
    words = html(ast.get_docstring(node) or "").split("\n")
    if isinstance(node, ast.ClassDef):
        return [*words, ""]
    if any(isinstance(mark, ast.Name) and mark.id == "property" for mark in node.decorator_list):
        return [f"`{ast.unparse(node.returns)}`", "", *words, ""]
    return ["```text", f"{node.name}({ast.unparse(node.args)}) -> {ast.unparse(node.returns)}", "```", "", *words, ""]


def keys(part: dict) -> Iterator[tuple[str, dict]]:
    """The keys of an entry; one with a shorthand is told by its long form."""
    for holder in (part, *part.get("anyOf", ())):
        yield from holder.get("properties", {}).items()


def kind(about: dict) -> str:
    """What a value is, in a few words."""
    if "$ref" in about:
        return about["$ref"].rpartition("/")[2]
    if "enum" in about:
        return ", ".join(map(str, about["enum"]))
    if "anyOf" in about:
        kinds = list(dict.fromkeys(kind(one) for one in about["anyOf"]))
        return " or ".join(one for one in kinds if one)
    names_ = {
        "array": "list",
        "object": "mapping",
        "null": "nothing",
        "integer": "whole number",
        "boolean": "true, false",
    }
    types = about.get("type", "")
    said = [names_.get(one, one) for one in (types if isinstance(types, list) else [types])]
    plain = " or ".join(one for one in said if one)
    of = kind(about["items"]) if isinstance(about.get("items"), dict) else ""
    return f"{plain} of {of}" if of else plain


def cell(words: str) -> str:
    """Words for one cell of a table."""
    return html(" ".join(words.split())).replace("|", "&#124;")


def html(words: str) -> str:
    """Words in which nothing is a tag or emphasis."""
    return words.replace("&", "&amp;").replace("<", "&lt;").replace("*", "&#42;").replace("[", "&#91;")


def test_the_reference_says_what_is_so():
    stale = [name for name, text in pages().items() if not is_said(name, text)]
    assert stale == [], "run `python tests/test_reference.py`"


def test_no_page_of_the_reference_is_about_something_gone():
    made = {path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*.md") if path.read_text().startswith(MADE)}
    assert made == set(pages())


def is_said(name: str, text: str) -> bool:
    return (FOLDER / name).is_file() and (FOLDER / name).read_text() == text


if __name__ == "__main__":
    for file in FOLDER.rglob("*.md"):
        if file.read_text().startswith(MADE):
            file.unlink()
    for place, text in pages().items():
        (FOLDER / place).parent.mkdir(parents=True, exist_ok=True)
        (FOLDER / place).write_text(text)
    sys.stdout.write(f"{len(pages())} pages\n")
