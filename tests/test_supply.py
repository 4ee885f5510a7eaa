"""What comes from others: versions pinned and digested, licences known, workflows with the least of rights."""

import re
from importlib import metadata
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
ACTIONS = [*WORKFLOWS, *ROOT.glob("action.yml")]

FREE = re.compile(r"MIT|BSD|Apache|PSF|Python Software Foundation|MPL|Mozilla Public|CC0|Zlib|BSL-1\.0|ISC", re.I)
# Not stated where a program finds it, or not as free as the rest; none of these is part of what we ship.
KNOWN = {
    "axe-playwright-python": "MIT, with axe-core under MPL-2.0; for tests",
    "zennit": "LGPL-3.0-or-later; an oracle in tests",
}
PICTURES = {"CC0-1.0", "public domain", "CC-BY-2.0", "CC-BY-3.0", "CC-BY-4.0", "CC-BY-SA-4.0", "GPL-2.0", "MIT"}
RESEARCH = "none of its own; for research and teaching"  # samples of data sets, which we do not ship


def pins():
    """Name and version of everything that the tests ran on."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


def plain(name):
    """As package indexes compare names."""
    return re.sub(r"[-_.]+", "-", name).lower()


def test_the_lock_has_every_pin_and_its_digests():
    entries = re.split(r"\n(?=\S)", (ROOT / "requirements.lock").read_text().strip())
    locked = {}
    for entry in entries:
        name, version = re.match(r"([\w.-]+)==([\w.+]+)", entry).groups()
        locked[plain(name)] = version
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), f"{name} has no digest"
    wanted = {plain(name): version.strip() for name, version in pins().items()}
    assert {name: version for name, version in wanted.items() if locked.get(name) != version} == {}, "run make lock"


@pytest.mark.parametrize("name", pins())
def test_a_dependency_has_a_licence_that_lets_everyone_use_it(name):
    try:
        about = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        pytest.skip("needed on other systems")
    stated = [about.get("License-Expression"), *(about.get_all("Classifier") or []), about.get("License")]
    stated = [one for one in stated if one and (one is stated[0] or one is stated[-1] or one.startswith("License"))]
    if plain(name) in KNOWN:
        assert not any("MIT" in one or "Apache" in one for one in stated), "state it no longer here"
        return
    assert stated and FREE.search(" ".join(stated)[:2000]), f"{name}: {stated}"
    assert not re.search(r"\bA?GPL", " ".join(stated)[:400]), f"{name}: {stated}"


def test_every_picture_has_a_licence_a_credit_and_a_source():
    for entry in yaml.safe_load((ROOT / "images/images.yml").read_text())["images"]:
        name, licence = entry.get("file") or entry["source"], entry.get("licence", RESEARCH)
        assert licence in PICTURES or (licence.startswith(RESEARCH) and "file" not in entry), f"{name}: {licence}"
        ours = entry["credit"] == "Innerview"
        assert entry["credit"] and (ours or entry.get("source_url") or entry.get("source")), name


def test_what_is_gpl_does_not_travel_in_the_wheel():
    listed = yaml.safe_load((ROOT / "images/images.yml").read_text())["images"]
    gpl = [entry["file"] for entry in listed if entry.get("licence") == "GPL-2.0"]
    assert gpl and all(file.startswith("cutouts/") for file in gpl)
    wheel = (ROOT / "pyproject.toml").read_text().split("[tool.hatch.build.targets.wheel]")[1].split("[tool")[0]
    assert "images/photos" in wheel and "cutouts" not in wheel and '"images"' not in wheel


@pytest.mark.parametrize("path", ACTIONS, ids=lambda path: path.name)
def test_actions_are_pinned_by_digest(path):
    used = re.findall(r"^ *-? *uses:\s*(\S+)", path.read_text(), re.MULTILINE)
    assert [one for one in used if not one.startswith("./") and not re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", one)] == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_has_the_rights_it_needs_and_no_more(path):
    text, workflow = path.read_text(), yaml.safe_load(path.read_text())
    assert workflow["permissions"] == {"contents": "read"}, "what needs more asks for it in its own job"
    assert "secrets." not in text and "pull_request_target" not in text, "a fork's pull request is built without any"
    for name, job in workflow["jobs"].items():
        rights = {right for right, level in job.get("permissions", {}).items() if level == "write"}
        runs_a_pull_request = any("checkout" in step.get("uses", "") for step in job["steps"])
        assert not (rights and runs_a_pull_request), f"{name} runs code of a pull request with {rights}"
        for step in job["steps"]:
            if "actions/checkout" in step.get("uses", ""):
                assert step["with"]["persist-credentials"] is False, f"{name} leaves its token lying about"
