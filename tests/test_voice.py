"""What users read is plain professional English: the phrases that the house gave up do not come back."""

import ast
import re
from pathlib import Path

import click
import pytest
from repository import ROOT

from generator.cli.main import main

BANNED = (  # as regular expressions, over text with its white space folded
    r"\bspoke\b",
    r"\bspeaks? (strongly )?(for|against) ",
    r"\bto be believed\b",
    r"deserves? belief",
    r"maps to believe",
    r"network minds",
    r"\bpleas(e|es|ing) (a|one|the) (part|channel|network)\b",
    r"(painted|made) by the network",
    r"\b(dark|bright) field\b",
    r"take it away",
    r"taking figures away",
    r"exchange the two",
    r"where they part\b",
    r"how far one can go",
    r"the ways of asking",
    r"the walk through",
    r"\bpoint at a (square|tile)\b",
    r"eight times as strong",
    r"\bis [\d.,]+ ?%? as long\b",
    r"difference is \{\{[^}]*\}\} as long",
    r"stands? out in it\b",
    r"what may be wrong with it",
    r"tensors watched",
    r"costs? itself",
    r"\blays? a gallery\b",
    r"is not to be had",
    r"to lie beside",
    r"mend this",
    r"expected to be told",
    r"knows? no network",
    r"beyond chance",
    r"\*\*not cleared\*\*",
    r"by itself the last that has space",
    r"this page is its leaflet",
    r"five readings",
    r"costs? time and says? nothing",
    r"refuse it;",
    r"for programs\.",
    r"put together what",
    r"\btell what\b",
    r"\bbeats? (plain )?grey\b",
    r"does not beat",
    r"what (a|the) layer (still )?(found|knows)",
    r"gathers? on the (object|thing)",  # prose claims only what a number on the page shows
    r"\blies on the (fish|guitar|object itself)\b",
    r"the clearest of all",
)


def folded(text: str) -> str:
    """Text with its white space as single spaces, and without the keys of data."""
    return re.sub(r"\s+", " ", text)


def spoken(path: Path) -> str:
    """The string literals of a module that can reach a user: no docstrings but those of commands, methods, measures."""
    tree = ast.parse(path.read_text())
    public = path.parent.name in ("methods", "measures", "cli")
    documented = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and isinstance(node.body[0], ast.Expr)
        and not (public and isinstance(node, ast.FunctionDef) and not node.name.startswith("_"))
    }
    strings = (node for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str))
    return "\n".join(node.value for node in strings if id(node) not in documented)


def helped(command: click.Command, name: str) -> str:
    """The help of a command."""
    return command.get_help(click.Context(command, info_name=name))


def texts() -> dict[str, str]:
    """All that users read, by where it stands."""
    found = {}
    for pattern in (
        "templates/**/*.md",
        "templates/**/*.html",
        "site_src/docs/**/*.md",
        "*.md",
        "mkdocs.yml",
        "generator/config/new_gallery/**/*.*",
    ):
        found |= {
            str(path.relative_to(ROOT)): path.read_text()
            for path in ROOT.glob(pattern)
            if path.suffix in (".md", ".html", ".yml")
        }
    found |= {str(path.relative_to(ROOT)): path.read_text() for path in (ROOT / "site_src/assets/js").rglob("*.js")}
    found |= {str(path.relative_to(ROOT)): spoken(path) for path in sorted((ROOT / "generator").rglob("*.py"))}
    found |= {f"innerview {name} --help": helped(command, name) for name, command in main.commands.items()}
    return found | {"innerview --help": helped(main, "innerview")}


def banned(text: str) -> list[str]:
    """The phrases of a text that the house gave up."""
    return [found[0] for phrase in BANNED for found in re.finditer(phrase, folded(text), re.IGNORECASE)]


@pytest.mark.parametrize(
    "text",
    [
        "Which pixels spoke",
        "Yellow places spoke\nstrongly for the class",
        "Is it to be believed?",
        "Switch to dark field",
        "An input that fails costs itself",
        "the difference is 14.9 % as long",
        "The picture does not beat\ngrey",
        "the deeper the layer, the more it gathers on the thing itself",
    ],
)
def test_a_phrase_that_was_given_up_is_seen(text):
    assert banned(text)


@pytest.mark.parametrize("text", ["What does a network see when it says frog?", "Agreement is not truth.", "told"])
def test_what_is_good_is_kept(text):
    assert not banned(text)


def test_no_phrase_that_was_given_up_is_read_anywhere():
    found = {where: phrases for where, text in texts().items() if (phrases := banned(text))}
    assert found == {}


def test_headings_and_controls_are_short():
    for path in sorted(path for path in (ROOT / "templates").rglob("*.*") if path.is_file()):
        for button in re.findall(r"<button[^>]*>([^<{]+)", path.read_text()):
            assert len(button.split()) <= 3, f"{path.name}: {button}"
