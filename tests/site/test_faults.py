"""Disks that are full or may not be written, builds side by side, downloads that break off: one line, nothing lost."""

import contextlib
import http.server
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import click
import pytest
import tiny_gallery
import torch
from click.testing import CliRunner

from generator.cli.main import Commands
from generator.core.errors import InnerviewError, ModelError
from generator.models import torchvision_zoo
from generator.pipeline.options import Options

REPOSITORY = Path(__file__).parents[2]
HERE = ["--workers", "0", "--device", "cpu"]


def command(folder, *arguments, **wishes):
    """A build in a process of its own; what it ends with."""
    call = [sys.executable, "-m", "generator", "build", *HERE, *arguments]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    return subprocess.Popen(
        call, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **wishes
    )


def ended(process):
    """Exit code and standard error."""
    _, told = process.communicate(timeout=300)
    assert "Traceback" not in told, told
    return process.returncode, told


def tree(folder):
    """All files below a folder."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# --- disks --------------------------------------------------------------------------------------------


def test_a_disk_that_takes_no_more_ends_a_build_with_one_line_and_the_next_one_goes_on(tmp_path):
    """As far as a process without rights can have it: no file may grow beyond some kilobytes."""
    tiny_gallery.lay(tmp_path, ["one"], methods=["saliency"], targets=["top"])

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (700, resource.RLIM_INFINITY))

    code, told = ended(command(tmp_path, "--no-site", preexec_fn=limit))
    assert (code, told.splitlines()[-1].startswith("innerview: ")) == (2, True)
    assert "expected a store that can be written: File too large" in told
    assert [path.name for path in (tmp_path / ".innerview").rglob(".*")] == [], "nothing half written is left"
    options = Options(tmp_path, tmp_path / "gallery.yml", workers=0, device="cpu", no_site=True)
    assert tiny_gallery.run(options)[0].failures == {}


@contextlib.contextmanager
def disk(folder, size):
    """A disk of its own in the place of a folder; its function mounts it anew with other wishes."""
    folder.mkdir(parents=True, exist_ok=True)

    def mount(*wishes):
        return subprocess.run(["mount", "-t", "tmpfs", *wishes, "tmpfs", folder], capture_output=True, text=True)

    if not shutil.which("mount") or mount("-o", f"size={size}").returncode:
        pytest.skip("needs the right to mount a small disk")
    try:
        yield lambda wishes: mount("-o", f"remount,{wishes}")
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def test_a_full_disk_under_the_store(tmp_path):
    options = tiny_gallery.lay(tmp_path, ["one", "other"], methods=["saliency", "activations"], targets=["top"])
    with disk(options.work, "60k") as again:
        with pytest.raises(InnerviewError, match="No space left on device") as error:
            tiny_gallery.run(options)
        assert len(str(error.value).splitlines()) == 1
        again("size=64m")
        report, _ = tiny_gallery.run(options)
        assert report.failures == {} and options.store.remove_damaged() == []


def test_a_full_disk_under_the_site_leaves_the_one_that_is_published(tmp_path):
    options = tiny_gallery.lay(tmp_path, ["one"], methods=["saliency"], targets=["top"])
    with disk(tmp_path / "disk", "64m") as again:
        out = tmp_path / "disk/site"
        tiny_gallery.run(options, no_site=False, site_dir=out)
        before, used = tree(out), shutil.disk_usage(out).used
        again(f"size={used // 1024 + 200}k")
        tiny_gallery.draw(tmp_path / "images/more.png", seed=8)
        with pytest.raises((OSError, InnerviewError), match="No space left on device"):
            tiny_gallery.run(options, no_site=False, site_dir=out)
        assert tree(out) == before
        again("size=64m")
        tiny_gallery.run(options, no_site=False, site_dir=out)
        assert tree(out) != before


def test_a_disk_that_may_not_be_written(tmp_path):
    options = tiny_gallery.lay(tmp_path, ["one"], methods=["saliency"], targets=["top"])
    with disk(options.work, "1m") as again:
        again("ro")
        with pytest.raises(InnerviewError, match="expected a store that can be written: Read-only file"):
            tiny_gallery.run(options)


# --- commands -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raised", "code", "said"),
    [
        (OSError(28, "No space left on device", "/some/file"), 2, "innerview: /some/file: No space left on device\n"),
        (PermissionError(13, "Permission denied"), 2, "innerview: Permission denied\n"),
        (KeyboardInterrupt(), 130, "run the same command to continue"),
    ],
)
def test_what_ends_a_command_is_one_line(raised, code, said):
    def fall():
        raise raised

    result = CliRunner().invoke(Commands(commands={"build": click.Command("build", callback=fall)}), ["build"])
    assert (result.exit_code, said in result.stderr) == (code, True) and "Traceback" not in result.stderr


def test_a_server_that_ends_a_build_is_heard_and_told_how_to_go_on():
    before = signal.getsignal(signal.SIGTERM)
    stop = click.Command("serve", callback=lambda: (os.kill(os.getpid(), signal.SIGTERM), threading.Event().wait(20)))
    result = CliRunner().invoke(Commands(commands={"serve": stop}), ["serve"])
    assert result.exit_code == 143 and "run the same command to continue" in result.stderr
    assert signal.getsignal(signal.SIGTERM) is before


def test_two_builds_at_once_share_a_store_and_take_turns_with_the_site(tmp_path):
    for place in ("alone", "together"):
        tiny_gallery.lay(tmp_path / place, ["one"], methods=["saliency"], targets=["top"])
    started = [command(tmp_path / place) for place in ("together", "together", "alone")]
    for process in started:
        assert ended(process)[0] == 0
    assert tree(tmp_path / "together/site") == tree(tmp_path / "alone/site")
    assert Options(root=tmp_path / "together").store.remove_damaged() == []
    assert [path.name for path in (tmp_path / "together").glob("site.*")] == []


# --- downloads ----------------------------------------------------------------------------------------


class Breaking(http.server.BaseHTTPRequestHandler):
    """Promises a thousand bytes and sends half of them; or sends all, of which another digest is expected."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(bytes(500 if "cut" in self.path else 1000))

    def log_message(self, *_):
        pass


@pytest.mark.parametrize("name", ["cut-0123abcd.pth", "other-0123abcd.pth"])
def test_a_download_that_breaks_off_leaves_nothing_that_is_taken_for_weights(tmp_path, monkeypatch, name):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Breaking) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        member = SimpleNamespace(url=f"http://127.0.0.1:{server.server_port}/{name}")
        with pytest.raises(ModelError, match=rf"could not be downloaded .*put {name} .* into ") as error:
            torchvision_zoo._fetched(member, "some-network")
        server.shutdown()
    assert len(str(error.value).splitlines()) == 1
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
