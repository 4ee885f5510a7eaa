"""Whatever strangers call things, a terminal is told nothing that it would obey: every command, and every error."""

import json
import os
import pty
import re
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest
import tiny_gallery
from hypothesis import given
from hypothesis import strategies as st
from repository import ROOT

from generator.cli.registry import NAMES
from generator.cli.terminal import Terminal
from generator.core import text as plain_text
from generator.core.text import PlainStream, harmless, plain_streams

# ESC sequences of every kind, their one-byte forms, marks that turn text around, an emoji and markup of rich.
HOSTILE = "\x1b]0;canary\x07\x1b[2J\x1b[31m\x9b5m\x9d0;canary\x9c\x07\b\r\u202etxt\u2066\u2028[red]bn:boom:[/]"
SEEN = "bn:boom:[/]"  # which has to be left of it
OBEYED = re.compile(
    "\x1b(?!\\[[0-9;?]*[A-Za-z])|[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f-\x9f]|[\u202a-\u202e\u2066-\u2069\u2028]"
)
OURS = re.compile("\x1b\\[[0-9;?]*[A-Za-z]")  # of rich's colours and of its progress bar


def on_a_terminal(folder: Path, *arguments: str, code: str = "", seconds: float = 120, until: str = "") -> str:
    """What a command writes to a terminal of its own, to its end or until some words come."""
    ours, theirs = pty.openpty()
    call = [sys.executable, "-c", code] if code else [sys.executable, "-m", "generator"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", "INNERVIEW_WORKERS": "0"}
    environment |= {"COLUMNS": "300", "PYTHONDONTWRITEBYTECODE": "1"}
    process = subprocess.Popen(
        [*call, *arguments], cwd=folder, env=environment, stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True
    )
    os.close(theirs)
    written, began = b"", time.monotonic()
    try:
        while time.monotonic() - began < seconds and not (until and until.encode() in written):
            if select.select([ours], [], [], 0.2)[0]:
                try:
                    written += os.read(ours, 65536)
                except OSError:  # the other end is closed
                    break
    finally:
        process.terminate()
        process.wait(120)
        os.close(ours)
    return written.decode("utf-8", "surrogateescape")


def assert_harmless(written: str) -> str:
    """The text without our own colours, in which there is nothing that a terminal obeys."""
    assert not OBEYED.search(written), ascii(written)
    plain = OURS.sub("", written)
    assert "\x1b" not in plain
    for sequence in ("\x1b]", "\x1b[2J", "\x1b[31m\x9b", "canary\x07"):
        assert sequence not in written, ascii(written)
    return plain


@pytest.fixture(scope="module")
def gallery(tmp_path_factory):
    """A gallery, built, in which every title, name and note is hostile."""
    folder = tmp_path_factory.mktemp("terminal")
    options = tiny_gallery.bundled(folder, ["frog"])
    listing = [
        {"file": "frog.png", "title": HOSTILE, "credit": HOSTILE, "alt": HOSTILE, "targets": {"cifar10": HOSTILE}}
    ]
    tiny_gallery.write(folder / "images/images.yml", {"images": listing})
    (folder / "images" / f"bad {HOSTILE.replace('/', '')}.png").write_bytes(HOSTILE.encode())
    models = [{"name": "vgg-cifar10", "title": HOSTILE}]
    site = {"title": HOSTILE, "description": HOSTILE}
    tiny_gallery.write(options.config, {"site": site, "models": models, "methods": ["saliency"], "targets": ["top"]})
    written = assert_harmless(on_a_terminal(folder, "build", "--device", "cpu"))
    assert "The site is in" in written and SEEN in written
    return folder


FIGURE = "vgg-cifar10/frog/saliency--class-"
EACH = {  # a call of every command, and one in which it is given hostile words
    "new": [["new", f"at {HOSTILE}".replace("/", "")]],
    "build": [["build", "--device", "cpu"], ["build", "--model", HOSTILE], ["build", "--config", HOSTILE]],
    "look": [["look", HOSTILE], ["look", "images/frog.png", "--target", HOSTILE, "--device", "cpu"]],
    "add": [["add", HOSTILE], ["add", "images/frog.png", "--title", HOSTILE, "--credit", HOSTILE, "--yes"]],
    "plan": [["plan"], ["plan", "--image", HOSTILE]],
    "merge": [["merge", HOSTILE]],
    "pages": [["pages"], ["pages", "--preset", HOSTILE]],
    "serve": [["serve", "--port", HOSTILE], ["serve", "--site-dir", HOSTILE.replace("/", "") + "/../images"]],
    "show": [["show", FIGURE], ["show", HOSTILE]],
    "embed": [["embed", FIGURE], ["embed", HOSTILE], ["embed", "--table", HOSTILE, "--as", "markdown"]],
    "check": [["check"], ["check", "--site-dir", HOSTILE], ["check", "--budget", HOSTILE]],
    "diff": [["diff", HOSTILE, "."], ["diff", ".", ".", "--fail-if", HOSTILE]],
    "schema": [["schema"], ["schema", HOSTILE]],
    "train": [["train", "--resume", HOSTILE], ["train", "--data", HOSTILE]],
    "evaluate": [["evaluate", "--data", HOSTILE], ["evaluate", "--model", HOSTILE]],
    "rank": [["rank", "--data", HOSTILE], ["rank", "--model", HOSTILE]],
    "live": [["live", "--graph", HOSTILE]],
}


def test_every_command_is_tried():
    assert set(EACH) == set(NAMES)


@pytest.mark.parametrize("arguments", [call for calls in EACH.values() for call in calls], ids=lambda call: call[0])
def test_no_command_writes_what_a_terminal_obeys(gallery, arguments):
    if FIGURE in arguments:
        manifest = json.loads((gallery / "site/gallery/manifest.json").read_text())
        (name,) = [one["id"] for one in manifest["figures"] if one["method"] == "saliency"]
        arguments = [name if one == FIGURE else one for one in arguments]
    written = assert_harmless(on_a_terminal(gallery, *arguments))
    assert written.strip() and "Traceback" not in written, written


@pytest.mark.parametrize("arguments", [[HOSTILE], ["build", HOSTILE], ["build", f"--{HOSTILE}"]], ids=ascii)
def test_what_click_refuses_is_told_without_it(tmp_path, arguments):
    written = assert_harmless(on_a_terminal(tmp_path, *arguments))
    assert "boom" in written


def test_a_defect_is_told_with_its_trace_but_without_what_is_obeyed(tmp_path):
    code = f"from generator import __main__\ndef fail(**_):\n    raise RuntimeError({HOSTILE!r})\n"
    code += "__main__.main.commands['plan'].callback = fail\n__main__.main(['plan'])\n"
    written = assert_harmless(on_a_terminal(tmp_path, code=code))
    assert "Traceback" in written and SEEN in written


def test_a_served_gallery_tells_its_address_alone(gallery):
    written = assert_harmless(on_a_terminal(gallery, "serve", "--port", "0", "--device", "cpu", until="Ctrl-C"))
    assert "Serving http://127.0.0.1:" in written


def test_a_network_that_prints_cannot_reach_the_terminal_either(tmp_path):
    """Nor by a warning: its code may do more than that, but what it says by the way is filtered."""
    network = tiny_gallery.NETWORK.replace("def net():", f"print({HOSTILE!r})\n\n\ndef net():")
    network = network.replace("    torch.manual_seed(3)\n", f"    import warnings; warnings.warn({HOSTILE!r})\n")
    options = tiny_gallery.lay(tmp_path, ["one"], network=network, module="prints_a_lot", methods=["saliency"])
    assert options.root == tmp_path
    written = on_a_terminal(tmp_path, "build", "--no-site", "--device", "cpu", "--workers", "1")
    assert SEEN in assert_harmless(written)


# --- the filter itself ----------------------------------------------------------------------------------


@given(st.text())
def test_the_filter_leaves_nothing_that_is_obeyed_and_all_else(text):
    plain = harmless(text)
    assert not OBEYED.search(plain) and "\x1b" not in plain and "\r" not in plain
    assert harmless(plain) == plain
    plain.encode()
    kept = [c for c in text if ord(c) not in plain_text.HARMLESS]
    assert [c for c in plain if c in set(kept)][: len(kept)] == kept or set(kept) & {" ", "?"}


@given(st.text())
def test_a_stream_writes_what_the_filter_leaves(text):
    class Below:
        encoding = "ascii"
        written = ""

        def write(self, text):
            text.encode("ascii")
            self.written += text

    stream = PlainStream(Below())
    assert stream.write(text) == len(text)
    assert not OBEYED.search(stream.raw.written)


def test_words_between_colons_are_no_emoji_and_brackets_no_colours(capsys):
    with plain_streams():
        terminal = Terminal()
        terminal.warn("layer bn:boom: [red]x[/red]")
        terminal.fail("layer bn:boom: [/]")
        terminal.progress.say(":smile: [bold]")
    told = capsys.readouterr().err
    assert told.splitlines() == ["note  layer bn:boom: [red]x[/red]", "failed  layer bn:boom: [/]", ":smile: [bold]"]
