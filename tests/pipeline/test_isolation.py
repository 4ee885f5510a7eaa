"""What a network of the user's own does to its process reaches no other network, nor the outcome of the command."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
import tiny_gallery
from repository import ROOT

from generator.core.errors import InnerviewError
from generator.core.records import Network
from generator.pipeline import processes
from generator.pipeline.pool import Pool, WorkerError
from generator.pipeline.processes import Setup

RUDE = '''
"""A network that changes all it can reach."""

import os
import random
import sys
import threading
import warnings

import numpy
import torch
from torch import nn
from torch.nn import functional as F

CLEAN = F.relu


def spoil():
    nn.modules.module.register_module_forward_hook(lambda module, given, made: made * 0.5)
    F.relu = torch.relu = lambda x, inplace=False: CLEAN(x) * 0.5
    nn.ReLU.forward = lambda self, x: CLEAN(x) * 0.25
    torch.set_num_threads(3)
    torch.manual_seed(123)
    random.seed(1)
    numpy.random.seed(1)
    numpy.float32 = numpy.float64
    os.chdir("/")
    sys.path[:] = [one for one in sys.path if "site-packages" in one or "lib" in one]
    os.environ.clear()
    warnings.simplefilter("error")
    torch.use_deterministic_algorithms(True)
    torch.set_flush_denormal(True)
    torch.set_default_dtype(torch.float64)


class Rude(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.relu, self.fc = nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Linear(4, 3)

    def forward(self, x):
        spoil()
        return self.fc(self.relu(self.conv(x)).mean((2, 3)))


def net():
    spoil()
    return Rude()
'''
ENTRY = {"input": tiny_gallery.INPUT, "classes": ["ant", "bee", "cat"], "vocabulary": "mine"}
METHODS = ["saliency", "grad-cam", "activations", "smoothgrad"]


def lay(folder, *names, **options):
    """A gallery of some of these networks: a rude one, a clean one of the user's own, a bundled one."""
    made = tiny_gallery.lay(folder, ["one"], module="clean_neighbour", methods=METHODS, targets=["top"])
    (folder / "rude_neighbour.py").write_text(RUDE)
    entries = {
        "rude": {"name": "rude", "source": "rude_neighbour:net", **ENTRY},
        "clean": {"name": "clean", "source": "clean_neighbour:net", **ENTRY},
        "bundled": "vgg-cifar10",
    }
    settings = {"methods": METHODS, "targets": ["top"], "preset": "quick", "measures": []}
    tiny_gallery.write(folder / "gallery.yml", {"models": [entries[name] for name in names], **settings})
    return replace(made, isolate=True, **options)


def stored(options, *slugs):
    """What the store of a gallery holds of some networks, by their slugs and the keys of their jobs."""
    from generator.pipeline.plan import make_plan

    with options.pool() as pool:
        plan = make_plan(options, pool, options.store)
    keys = {slug: [job.key for task in plan.tasks if task.card.slug == slug for job in task.jobs] for slug in slugs}
    assert all(keys.values())
    return {slug: {key: options.store.get(key)["payloads"] for key in keys[slug]} for slug in slugs}


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """What each clean network stores where it is alone."""
    found = {}
    for name, slug in (("clean", "clean"), ("bundled", "vgg-cifar10")):
        options = lay(tmp_path_factory.mktemp(name), name, workers=1)
        assert tiny_gallery.run(options)[0].failures == {}
        found |= stored(options, slug)
    return found


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_a_build_beside_a_rude_network_stores_what_it_stores_alone(tmp_path, alone, workers, monkeypatch):
    """And never has more processes than workers, though each network has its own."""
    options, take, most = lay(tmp_path, "rude", "clean", "bundled", workers=workers), Pool._take, []

    def counted(self, owner=None):
        process = take(self, owner)
        most.append(len([one for one in self._all if one.alive()]))
        return process

    monkeypatch.setattr(Pool, "_take", counted)
    report, _ = tiny_gallery.run(options)
    assert not [name for name in report.failures if not name.startswith("rude")]
    assert 1 <= max(most) <= max(1, workers), "without workers there is one for the networks of the user's own"
    assert stored(options, *alone) == alone, "byte for byte"
    assert os.getcwd() != "/" and os.environ


def test_sharing_a_process_with_it_would_change_them(tmp_path, alone):
    """What the test above would see, were there no processes of their own."""
    lay(tmp_path, "rude", "clean")
    script = tmp_path / "shared.py"
    script.write_text(SHARED)
    places = os.pathsep.join(map(str, (ROOT, ROOT / "tests/support", ROOT / "tests/pipeline")))
    environment = {**os.environ, "PYTHONPATH": places}
    done = subprocess.run([sys.executable, script.name], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert str(alone["clean"]) not in done.stdout, "else the rude network is not rude enough"


SHARED = """
import pathlib
from dataclasses import replace

import test_isolation

options = test_isolation.lay(pathlib.Path("."), "rude", "clean", workers=1)
test_isolation.tiny_gallery.run(replace(options, isolate=False))
print(test_isolation.stored(options, "clean")["clean"])
"""


def test_a_script_need_not_guard_what_it_calls(tmp_path):
    """A worker would import it, and build once more within it."""
    tiny_gallery.lay(tmp_path, ["one"], methods=["saliency"], targets=["top"])
    (tmp_path / "script.py").write_text(
        "from pathlib import Path\nfrom generator.pipeline.options import Options, Progress\n"
        "from generator.site.build import build\n"
        "options = Options(Path('.'), Path('gallery.yml'), workers=2, device='cpu', no_site=True)\n"
        "print(build(options, Progress()).failures)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "{}\n", "")


def test_a_gallery_named_by_a_relative_path_survives_a_network_that_changes_the_folder(tmp_path):
    network = tiny_gallery.NETWORK.replace("def net():\n", 'def net():\n    os.chdir("/")\n')
    tiny_gallery.lay(tmp_path, ["one"], network=network, module="goes_elsewhere", methods=["saliency"])
    done = built(tmp_path, "--no-site", "--workers", "1")
    assert done.returncode == 0, done.stderr
    assert list((tmp_path / ".innerview/store/payloads").rglob("*")), "and the store is where it was asked for"


class Made(processes.Process):
    """Counts what is started, and for whom."""

    started = 0

    def __init__(self, setup):
        type(self).started += 1
        super().__init__(setup)


def test_ours_and_torchvisions_networks_share_workers(tmp_path, monkeypatch):
    monkeypatch.setattr(processes, "Process", Made)
    monkeypatch.setattr(Made, "started", 0)
    questions = [("describe_files", (Network(name, source),)) for name, source in (
        ("vgg-cifar10", "bundled:vgg-cifar10"), ("imagenette", "bundled:imagenette"),
    )]  # fmt: skip
    with Pool(Setup(tmp_path), 1) as pool:
        pool.ask([("methods", ()), *questions])
    assert Made.started == 1


# --- exit 0 means a finished build -----------------------------------------------------------------------


ENDS = {
    "exit": "sys.exit(0)",
    "hard exit": "os._exit(0)",
    "base exception": "raise BaseException('base')",
    "interrupt": "raise KeyboardInterrupt",
    "generator exit": "raise GeneratorExit",
    "closed descriptors": "os.closerange(0, 256)",
    "killed": "os.kill(os.getpid(), 9)",
    "terminated": "os.kill(os.getpid(), 15)",
}


def built(folder, *arguments):
    call = [sys.executable, "-m", "generator", "build", "--device", "cpu", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(call, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)


def named(way):
    """What the network is called that goes this way."""
    return way.replace(" ", "-")


@pytest.mark.parametrize("workers", ["0", "1"])
def test_a_network_that_ends_its_process_costs_itself(tmp_path, workers):
    """Whatever way it takes, in a pass over a real picture; the build goes on, and says so."""
    text = tiny_gallery.NETWORK.replace("import os\n", "import os\nimport sys\n")
    for number, code in enumerate(ENDS.values()):
        text += f"\n\nclass Ending{number}(nn.Sequential):\n    def forward(self, x):\n"
        text += f"        if x.std() > 0:\n            {code}\n        return super().forward(x)\n\n\n"
        text += f"def ending_{number}():\n    return Ending{number}(*net())\n"
    tiny_gallery.lay(tmp_path, ["one"], network=text, module="ends_its_process")
    entries = [{"name": named(way), "source": f"ends_its_process:ending_{n}", **ENTRY} for n, way in enumerate(ENDS)]
    entries.insert(len(ENDS) // 2, {"name": "net", "source": "ends_its_process:net", **ENTRY})
    settings = {"methods": ["saliency"], "targets": ["top"], "preset": "quick", "measures": []}
    tiny_gallery.write(tmp_path / "gallery.yml", {"models": entries, **settings})
    done = built(tmp_path, "--workers", workers, "--no-site")
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    figures = json.loads((tmp_path / ".innerview/manifest.json").read_text())["figures"]
    states = {name: {one["status"] for one in figures if one["model"] == name} for name in [*map(named, ENDS), "net"]}
    assert states == {**{named(way): {"failed"} for way in ENDS}, "net": {"drawn"}}, done.stderr
    assert f"failed  {named('exit')}/one/" in done.stderr and "rendered 2" in done.stdout, done.stdout + done.stderr


def test_networks_that_all_fail_to_load_publish_nothing(tmp_path):
    ways = ["exit", "hard exit", "base exception", "interrupt"]
    text = tiny_gallery.NETWORK.replace("import os\n", "import os\nimport sys\n")
    for number, way in enumerate(ways):
        text += f"\n\ndef never_{number}():\n    {ENDS[way]}\n"
    tiny_gallery.lay(tmp_path, ["one"], network=text, module="never_loads", methods=["saliency"])
    entries = [{"name": named(way), "source": f"never_loads:never_{n}", **ENTRY} for n, way in enumerate(ways)]
    tiny_gallery.write(tmp_path / "gallery.yml", {"models": entries, "methods": ["saliency"], "preset": "quick"})
    for arguments in ([], ["--allow-failed"]):
        done = built(tmp_path, "--workers", "0", *arguments)
        assert done.returncode == 2 and "Traceback" not in done.stderr, done.stderr
        (line,) = [line for line in done.stderr.splitlines() if line.startswith("innerview:")]
        assert "no model could be loaded, nothing published: exit: " in line
        assert all(f"{named(way)}: " in line for way in ways), line
        assert not (tmp_path / "site").exists()


def test_a_look_with_a_network_that_fails_to_load_publishes_nothing(tmp_path):
    tiny_gallery.draw(tmp_path / "cat.png")
    call = [sys.executable, "-m", "generator", "look", "cat.png", "--weights", "none.safetensors", "--out", "out"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(call, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 2 and "Traceback" not in done.stderr, done.stderr
    assert not (tmp_path / "out/site").exists()


def _catches(pid, number):
    """Whether a process has a handler for a signal; True where the system does not say."""
    status = Path(f"/proc/{pid}/status")
    caught = re.search(r"^SigCgt:\s*(\w+)", status.read_text(), re.MULTILINE) if status.exists() else None
    return not caught or bool(int(caught[1], 16) >> (number - 1) & 1)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("after", [0, 0.1, 0.2, 0.3, 0.5, 0.8])
def test_a_signal_at_the_beginning_ends_it_without_a_trace(tmp_path, number, after):
    tiny_gallery.lay(tmp_path, ["one"], methods=["saliency"])
    call = [sys.executable, "-m", "generator", "build", "--no-site", "--device", "cpu"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(call, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True)
    while process.poll() is None and not _catches(
        process.pid, signal.SIGTERM
    ):  # before that it is Python alone that starts
        time.sleep(0.005)
    time.sleep(after)
    process.send_signal(number)
    began = time.monotonic()
    _, written = process.communicate(timeout=120)
    assert "Traceback" not in written, written
    assert process.returncode in (128 + number, -number) and time.monotonic() - began < 30


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_a_worker_is_started_waits_until_it_is(number):
    """Also one that another thread receives, for which it is not blocked."""
    steps = []

    def stop(number, frame):
        steps.append("stopped")
        raise KeyboardInterrupt(number)

    before, over = signal.signal(number, stop), threading.Event()
    other = threading.Thread(target=over.wait)
    other.start()
    try:
        with pytest.raises(KeyboardInterrupt), processes._no_interrupts():
            os.kill(os.getpid(), number)
            time.sleep(0.05)
            steps.append("started")
    finally:
        over.set()
        other.join()
        assert signal.signal(number, before) is stop
    assert steps == ["started", "stopped"]


# --- a worker killed early -------------------------------------------------------------------------------


@pytest.mark.parametrize("times", [1, 2])
def test_a_worker_that_is_killed_early_is_replaced(tmp_path, monkeypatch, times):
    """While it is still importing, over its first question: perhaps by chance."""
    left = [times]

    class Killed(processes.Process):
        def send(self, message):
            super().send(message)
            if left[0]:
                left[0] -= 1
                threading.Timer(0.3, self._process.kill).start()

    monkeypatch.setattr(processes, "Process", Killed)
    options = tiny_gallery.lay(tmp_path, ["one"], methods=["saliency"], targets=["top"])
    report, _ = tiny_gallery.run(replace(options, workers=1, isolate=True))
    assert left == [0] and report.failures == {} and report.drawn > 0


def test_one_that_is_killed_again_and_again_is_told(tmp_path, monkeypatch):
    class Killed(processes.Process):
        def send(self, message):
            super().send(message)
            self._process.kill()

    monkeypatch.setattr(processes, "Process", Killed)
    with Pool(Setup(tmp_path), 1) as pool:
        (answer,) = pool.ask([("methods", ())])
    assert isinstance(answer, WorkerError | InnerviewError) and "SIGKILL" in str(answer)
