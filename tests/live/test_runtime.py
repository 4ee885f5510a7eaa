"""What runs networks in a browser is the package whose digest is pinned, or it is not there."""

import base64
import gzip
import json

import pytest
from repository import ROOT

from generator.live import runtime
from generator.live.scripts import AFTER, BEFORE, script


def test_another_package_than_the_pinned_one_is_refused(tmp_path):
    package = tmp_path / "package.tgz"
    package.write_bytes(b"something else")
    with pytest.raises(runtime.RuntimeMissing, match="expected sha512-"):
        runtime.checked(package)


def test_what_is_there_is_not_fetched_again(tmp_path, monkeypatch):
    for name in runtime.PINNED["files"].values():
        (tmp_path / name.rpartition("/")[2]).write_bytes(name.encode())
    monkeypatch.setattr(runtime, "_packed", lambda scratch: pytest.fail("fetched"))
    assert not runtime.fetch(tmp_path)
    assert runtime.parts(tmp_path)["wasm"].endswith(b".wasm")


def test_without_a_way_to_the_registry_there_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(runtime, "_npm", lambda scratch: ["false"])
    with pytest.raises(runtime.RuntimeMissing, match="cannot be fetched") as error:
        runtime.fetch(tmp_path / "runtime")
    assert "\n" not in str(error.value) and not (tmp_path / "runtime").exists()
    with pytest.raises(runtime.RuntimeMissing, match="innerview live"):
        runtime.parts(tmp_path / "runtime")


def test_the_runtime_is_never_committed_and_its_licence_always():
    assert "/generator/live/runtime/" in (ROOT / ".gitignore").read_text().splitlines()
    assert "MIT License" in (ROOT / "generator/live/onnxruntime-web.LICENSE.txt").read_text()


def test_a_script_hands_over_what_it_was_given():
    made = script("net", {"classes": ["</script>", "\u2028"]}, {"module": "text"}, {"wasm": b"\0asm" * 99})
    assert made == script("net", {"classes": ["</script>", "\u2028"]}, {"module": "text"}, {"wasm": b"\0asm" * 99})
    assert made.startswith(BEFORE) and made.endswith(AFTER) and made.isascii()
    content = json.loads(made[len(BEFORE) : -len(AFTER)])
    assert content["card"]["classes"][0] == "</script>" and content["module"] == "text"
    assert gzip.decompress(base64.b64decode(content["wasm"])) == b"\0asm" * 99
