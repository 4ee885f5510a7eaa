"""What people install: a wheel with all that the commands need outside the repository, in versions that were tested."""

import os
import re
import subprocess
import sys
import tomllib
import zipfile

import pytest

from generator.config.image_entries import read_image_entries
from generator.data.images import SUFFIXES


@pytest.fixture(scope="module")
def wheel(repository, tmp_path_factory):
    """The wheel, built as pip builds it."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder]
    subprocess.run(command, cwd=repository, check=True, capture_output=True)
    (file,) = folder.glob("innerview-*.whl")
    return file


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """A folder that holds the unpacked wheel, far from the repository."""
    folder = tmp_path_factory.mktemp("installed")
    zipfile.ZipFile(wheel).extractall(folder)
    return folder


def test_the_wheel_holds_what_git_tracks_and_no_more(repository, wheel):
    shipped = "generator innerview.py templates site_src mkdocs.yml images".split()
    command = "git ls-files --cached --others --exclude-standard".split() + shipped
    listed = subprocess.run(command, cwd=repository, check=True, capture_output=True, text=True).stdout.split("\n")
    ours = {name for name in listed if name and (repository / name).exists() and not name.startswith("images/cutouts/")}
    expected = {re.sub(r"^(templates|site_src|images|mkdocs\.yml)", r"generator/_resources/\1", name) for name in ours}
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    fetched = {file.relative_to(repository).as_posix() for file in (repository / "generator/live/runtime").glob("*")}
    assert held == expected | fetched  # what runs networks in a browser travels where it is there


def test_the_wheel_holds_templates_assets_weights_and_pictures(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    resources = ("templates", "site_src/assets", "images/photos")
    for folder in ("models/bundled/weights", "config/new_gallery", *(f"_resources/{name}" for name in resources)):
        assert any(name.startswith(f"generator/{folder}/") for name in names), f"nothing in {folder}"


def test_the_pictures_of_the_wheel_are_free_of_the_gpl_and_all_there(installed):
    folder = installed / "generator" / "_resources" / "images"
    entries = read_image_entries(folder / "images.yml")
    pictures = {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.suffix in SUFFIXES}
    assert pictures == {entry.file for entry in entries if entry.file} != set()
    assert [entry.name for entry in entries if "GPL" in entry.licence] == []


def test_an_installed_innerview_runs_outside_the_repository(installed, tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(installed), "PYTHONSAFEPATH": "1"}

    def run(*arguments):
        command = [sys.executable, "-W", "error", *arguments]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=600)

    where = run("-c", "import generator.core.resources as r; print(r.__file__, r.resource('templates'), sep='\\n')")
    assert [line.startswith(str(installed)) for line in where.stdout.splitlines()] == [True, True], where.stderr
    helped = run("-m", "generator", "--help")
    assert (helped.returncode, helped.stderr) == (0, "")
    assert "build" in helped.stdout


def test_every_pin_is_exact_and_every_dependency_is_pinned(repository):
    lines = (repository / "constraints.txt").read_text().splitlines()
    pins = dict(line.split("==") for line in lines if not line.startswith("#"))
    project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    wanted = project["dependencies"] + project["optional-dependencies"]["test"]
    names = {re.match(r"[\w-]+", requirement)[0].lower() for requirement in wanted}
    assert names - {name.lower() for name in pins} == set()
