"""What the documentation on the site tells people to type works: every block is run, in the order of its page."""

import ast
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from generator.config.image_entries import read_image_entries
from generator.config.settings import load

ROOT = Path(__file__).parents[1]
GUIDES = ROOT / "site_src" / "docs"
TUTORIAL = "first-gallery.md"
ELSEWHERE = ("library.md", "packages.md")  # tests/test_library.py runs these
RUN = ("sh", "python", "yaml")  # what is run or laid; other languages are words to paste elsewhere
LACKING = re.compile(
    r"\*(?:Needs (?:a GPU|a network connection|a built site with these figures|several machines|a tower of yours)"
    r"|Runs until you stop it):\*"
)


@dataclass(frozen=True)
class Block:
    """A fenced block of a page, and whether the line above it says what a test lacks."""

    language: str
    text: str
    lacking: bool

    @property
    def file(self):
        """The file that the block is, as its first line says; "" of one that is none."""
        found = re.match(r"# ([\w./-]+\.(?:py|yml))\n", self.text)
        return found[1] if found else ""


def blocks(page):
    """The fenced blocks of a page, from its top."""
    found, above, language, lines = [], "", None, []
    for line in (GUIDES / page).read_text().splitlines():
        if language is None and line.startswith("```"):
            language, lines = line.removeprefix("```"), []
        elif line == "```":
            text = "".join(f"{line}\n" for line in lines)
            found.append(Block(language, text, bool(LACKING.fullmatch(above))))
            language, above = None, ""
        elif language is not None:
            lines.append(line)
        elif line.strip():
            above = line.strip()
    return found


def pages():
    """Every page of the documentation that people wrote and that has something to run."""
    names = sorted(path.relative_to(GUIDES).as_posix() for path in GUIDES.rglob("*.md"))
    return [name for name in names if name not in ELSEWHERE and any(block.language in RUN for block in blocks(name))]


def play(page, folder):
    """Do what the page says, beginning in `folder`; the folder in which it ends."""
    environment = {
        **os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT),
        "PYTHONWARNINGS": "error", "INNERVIEW_WORKERS": "1",
    }  # fmt: skip
    where = folder.with_name(f"{folder.name}.where")
    for block in blocks(page):
        if block.language not in RUN:
            continue
        if block.lacking:
            parse(block)
        elif block.file:
            (folder / block.file).write_text(block.text)
            parse(block)
            check(folder / block.file)
        elif block.language == "python":
            subprocess.run([sys.executable, "-c", block.text], cwd=folder, env=environment, check=True)
        elif block.language == "sh":
            script = f"{block.text}\npwd > '{where}'"
            command = ["bash", "-euo", "pipefail", "-c", script]
            done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=900)
            assert done.returncode == 0, f"{page}:\n{block.text}\n{done.stdout}{done.stderr}"
            folder = Path(where.read_text().strip())
        else:
            parse(block)
    return folder


def parse(block):
    """What cannot be run here is at least what it says it is."""
    if block.language == "sh":
        subprocess.run(["bash", "-n", "-c", block.text], check=True)
    elif block.language == "python":
        ast.parse(block.text)
    else:
        assert yaml.safe_load(block.text)


def check(file):
    """Settings on a page are valid ones."""
    if file.name == "gallery.yml":
        load(file)
    if file.name == "images.yml":
        read_image_entries(file)


@pytest.fixture(scope="module")
def gallery(tmp_path_factory):
    """The gallery that the tutorial makes, on which the other pages go on."""
    return play(TUTORIAL, tmp_path_factory.mktemp("tutorial"))


def test_the_tutorial_ends_with_a_site_of_three_pictures(gallery):
    assert (gallery / "site" / "index.html").is_file()
    assert (gallery / "site/gallery/images/mirrored.html").is_file()


@pytest.mark.parametrize("page", [name for name in pages() if name != TUTORIAL])
def test_a_guide_works_as_it_is_written(page, gallery, tmp_path):
    folder = tmp_path / "gallery"
    shutil.copytree(gallery, folder, symlinks=True)
    play(page, folder)


def test_a_block_that_cannot_run_here_is_marked_in_words_that_are_known():
    for page in pages():
        marked = re.findall(r"^\*(?:Needs|Runs)\b.*$", (GUIDES / page).read_text(), re.MULTILINE)
        assert [line for line in marked if not LACKING.fullmatch(line)] == [], page
        assert len(marked) == sum(block.lacking for block in blocks(page)), page
