"""The workflows: they keep their schemas, pin what they use, trust nobody, and their commands do what they say."""

import copy
import json
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

import pytest
import tiny_gallery
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from repository import ROOT

from generator import __version__
from generator.site.diff.comment_data import comment_data

SCAFFOLD = "generator/config/new_gallery/.github/workflows"
ARGUMENTS = "--model vgg-cifar10 --workers 1"


def loaded(repository, name):
    return yaml.safe_load((repository / name).read_text())


def workflows(repository):
    return [*sorted((repository / ".github/workflows").glob("*.yml")), *sorted((repository / SCAFFOLD).glob("*.yml"))]


def steps_of(described):
    jobs = [described["runs"]] if "runs" in described else described["jobs"].values()
    return [step for job in jobs for step in job["steps"]]


@pytest.mark.parametrize("kind", ["github-workflows", "github-actions", "citation-file-format"])
def test_they_keep_the_published_schemas(repository, kind):
    single = {"github-actions": ["action.yml"], "citation-file-format": ["CITATION.cff"]}
    files = [repository / file for file in single.get(kind, workflows(repository))]
    checker = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{kind}"]
    done = subprocess.run([*checker, *files], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_they_pin_what_they_use_and_may_only_read(repository):
    files = [*workflows(repository), repository / "action.yml"]
    assert len(files) == 6
    for file in files:
        described = yaml.safe_load(file.read_text())
        if "runs" not in described:
            assert described["permissions"] == {"contents": "read"}, file.name
        used = [step["uses"] for step in steps_of(described) if "uses" in step]
        assert used and all(re.fullmatch(r"\./|actions/[\w-]+@[0-9a-f]{40}", action) for action in used), file.name


def test_what_others_wrote_never_becomes_a_command(repository):
    runs = [
        step["run"] for file in workflows(repository) for step in steps_of(loaded(repository, file)) if "run" in step
    ]
    runs += [step["run"] for step in steps_of(loaded(repository, "action.yml")) if "run" in step]
    assert runs and not any("${{" in run for run in runs)


def test_the_workflow_with_rights_runs_nothing_of_a_pull_request(repository):
    described = loaded(repository, ".github/workflows/comment.yml")
    assert described["jobs"]["comment"]["permissions"] == {"actions": "read", "pull-requests": "write"}
    used = [step.get("uses", "") for step in steps_of(described)]
    assert not any("checkout" in action for action in used)
    scripts = " ".join(step.get("with", {}).get("script", "") for step in steps_of(described))
    assert "pull_requests" not in scripts and "head_sha" in scripts


def test_the_scaffold_does_what_the_action_does(repository):
    ours, theirs = (
        {step["name"]: step["run"] for step in steps_of(loaded(repository, name)) if "name" in step and "run" in step}
        for name in ("action.yml", f"{SCAFFOLD}/gallery.yml")
    )
    assert ours.pop("Install") != theirs.pop("Install")
    assert ours == theirs
    names = (".github/workflows/comment.yml", f"{SCAFFOLD}/comment.yml")
    assert len({(repository / name).read_text() for name in names}) == 1
    packages = loaded(repository, f"{SCAFFOLD}/gallery.yml")["jobs"]["build"]["env"]["PACKAGES"]
    assert packages == f"innerview~={__version__}"


def test_one_version_is_told_everywhere(repository):
    assert loaded(repository, "CITATION.cff")["version"] == __version__
    newest = re.search(r"^## (\S+?),", (repository / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest[1] == __version__
    project = tomllib.loads((repository / "pyproject.toml").read_text())
    assert project["project"]["dynamic"] == ["version"]
    assert project["tool"]["hatch"]["version"]["path"] == "generator/__init__.py"


# --- every command, in a clean clone of a gallery with a pull request ---------------------------------


def git(folder, *arguments):
    who = ["-c", "user.name=me", "-c", "user.email=me@example.org", "-c", "protocol.file.allow=always"]
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A repository of someone's gallery as it is checked out for a pull request that adds a picture."""
    root = tmp_path_factory.mktemp("clone")
    origin = root / "origin"
    tiny_gallery.bundled(origin, ("frog",), site={"title": "Mine"})
    (origin / ".gitignore").write_text(".innerview/\nsite/\nsite_src/\n")
    git(origin, "init", "-q")
    git(origin, "add", ".")
    git(origin, "commit", "-qm", "before")
    tiny_gallery.draw(origin / "images" / "added.png", seed=9)
    git(origin, "add", ".")
    git(origin, "commit", "-qm", "after")
    git(root, "clone", "-q", "--depth", "2", origin.as_uri(), "checkout")
    return root / "checkout"


@pytest.fixture(scope="module")
def played(repository, clone):
    """What the commands of the scaffold's workflow said, by the name of the step, and where they wrote to."""
    temporary = clone.parent / "temporary"
    temporary.mkdir()
    job = loaded(repository, f"{SCAFFOLD}/gallery.yml")["jobs"]["build"]
    environment = {
        **os.environ, "GITHUB_WORKSPACE": str(clone), "RUNNER_TEMP": str(temporary),
        "GITHUB_STEP_SUMMARY": str(temporary / "summary.md"), "GITHUB_OUTPUT": str(temporary / "output"),
        "PATH": f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}", "PYTHONPATH": str(repository),
        "PIP_NO_INDEX": "1", "GATES": "gone>0\ngrad-cam:correlation<0.9", "ARGUMENTS": ARGUMENTS,
        "PACKAGES": job["env"]["PACKAGES"], "BUDGET": job["env"]["BUDGET"], "BASE": str(temporary / "base"),
    }  # fmt: skip
    said = {}
    for step in job["steps"]:
        if "run" not in step:
            continue
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
        done = subprocess.run(command, cwd=clone, env=environment, capture_output=True, text=True, timeout=900)
        assert done.returncode == 0, f"{step['name']}: {done.stdout}{done.stderr}"
        said[step["name"]] = done.stdout
    return said, temporary


def test_every_command_of_the_workflow_runs_in_a_clean_clone(played):
    said, temporary = played
    assert len(said) == 6
    assert re.search(r"^key=[0-9a-f]{64}$", (temporary / "output").read_text(), re.MULTILINE)
    assert f"folder={temporary / 'base'}" in (temporary / "output").read_text()
    assert "budget: no problems" in said["Check the site and its weight"]


def test_the_picture_that_was_there_is_reused_and_the_summary_tells(played):
    _, temporary = played
    told = (temporary / "summary.md").read_text()
    drawn, reused = map(int, re.search(r"rendered (\d+), reused (\d+)", told).groups())
    assert 0 < drawn <= reused
    assert "| `vgg-cifar10` | `added` |" in told and "### Removed" not in told


def written(repository, folder, content):
    """What the step with rights makes of what the other run left: the comment, and what it says against it."""
    (step,) = (step for step in steps_of(loaded(repository, ".github/workflows/comment.yml")) if "run" in step)
    (folder / "innerview-comment").mkdir(exist_ok=True)
    (folder / "comment.md").unlink(missing_ok=True)
    content = content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass")
    (folder / "innerview-comment" / "comment.json").write_bytes(content)
    environment = {**os.environ, "RUNNER_TEMP": str(folder)}
    call = [sys.executable, "-I", "-c", step["run"]]
    done = subprocess.run(call, cwd=folder, env=environment, capture_output=True, text=True)
    made = folder / "comment.md"
    return made.read_text() if made.exists() else "", done.stderr


def test_the_comment_of_a_real_pull_request_is_written(played, repository, clone, tmp_path):
    text, said = written(repository, tmp_path, (clone / "innerview-comment" / "comment.json").read_text())
    assert said == "" and text.startswith("<!-- innerview-diff -->\n## What changed in the gallery\n")
    assert "| `vgg-cifar10` | `added` |" in text and "### Removed" not in text


HARMS = [
    "@all", "`x`", "[a](https://example.org)", "<b>", "a|b", "\\", "~~~\nfence", "```", "$x$",
    "$$\\href{https://e.org}{a}$$",
    "GH-12", "#12", "owner/repo#1", "d670460b4b4aece5915caf5c68d12f560a9fe3e4", "\u202etxt", "- [x] forged",
    "https://e.org", "www.example.org", "a@example.org", "&#64;all", "\x1b[2J", "\ud800", "::error::x",
    "<!-- innerview-diff -->", "\n# Head",
]  # fmt: skip


def told(harm="frog"):
    """What changed where every name is one that means harm."""
    states = [("changed", ["drawn", "drawn"]), ("changed", ["drawn", harm]), ("new", ["", ""]), ("gone", ["", ""])]
    numbers = {"correlation": harm, "ssim": 0.5}
    entry = {"id": f"{harm}/{harm}/{harm}", "model": harm, "image": harm, "numbers": numbers}
    figures = [{**entry, "kind": kind, "status": status} for kind, status in states]
    answer = {"model": harm, "image": harm, "label": harm, "before": {"name": harm}, "after": {"name": harm}}
    counts = {"changed": 2, "new": 1, "gone": 1, "same": 3}
    return {"counts": counts, "answers": [answer], "figures": figures}


def assert_harmless(text):
    """Nothing outside of code but our own words and numbers, and in code nothing that could end it."""
    assert text.isascii() and len(text) <= 60_000
    spans = re.findall(r"`[^`\n]*`", text)
    assert all(re.fullmatch(r"`[a-z0-9_.~@/-]+`", span) for span in spans)
    plain = re.sub(r"`[^`\n]*`", "", text.removeprefix("<!-- innerview-diff -->"))
    assert re.fullmatch(r"[A-Za-z0-9 ,.;|#*:+'?\n-]*", plain), plain
    assert not re.search(r"#\d|GH-\d|\b[0-9a-f]{7,40}\b(?<!\d)", plain) and "- [" not in plain


@pytest.mark.parametrize("harm", HARMS, ids=ascii)
def test_names_that_mean_harm_are_slugs_in_code(repository, tmp_path, harm):
    """Whether our own command writes them, or someone writes them in its place."""
    text, said = written(repository, tmp_path, comment_data({**told(harm), "figures": told(harm)["figures"][::2]}, 1))
    assert said == "" and "**Failed**" in text
    assert_harmless(text)
    good = json.loads(comment_data(told(), 0))
    for kind, field in (
        ("changed", "id"),
        ("turned", "id"),
        ("turned", "after"),
        ("answers", "label"),
        ("new", "model"),
    ):
        forged = copy.deepcopy(good)
        forged[kind] = forged[kind] or [{"id": "a/b/c", "before": "drawn", "after": "failed"}]
        forged[kind][0][field] = harm if harm != "d670460b4b4aece5915caf5c68d12f560a9fe3e4" else f"{harm} "
        text, said = written(repository, tmp_path, json.dumps(forged))
        assert text == "" and "expected" in said, (kind, field)


FORGED = [
    b"\xff", b"", b"[]", b"null", b'{"format": 1}', b"{" * 100_000, b"x" * 600_000, "{\"a\": \"\u202e\"}".encode(),
    b'{"format": "innerview-comment", "version": 1, "counts": {"changed": NaN}}',
]  # fmt: skip


def test_a_number_that_is_none_or_too_long_for_one_is_refused(repository, tmp_path):
    """A whole number of 400 digits is no float: comparing it as one raised."""
    good = {**json.loads(comment_data(told(), 0)), "turned": []}
    assert good["changed"][0]["ssim"] == 0.5 and written(repository, tmp_path, json.dumps(good))[1] == ""
    for number in ("9" * 400, "-" + "9" * 5000, "1e400", "-1e12", "true", '"0.5"'):
        text, said = written(repository, tmp_path, json.dumps(good).replace('"ssim": 0.5', f'"ssim": {number}'))
        assert text == "" and said.startswith("expected ") and len(said.splitlines()) == 1, number


@pytest.mark.parametrize("content", FORGED, ids=lambda content: ascii(content[:20]))
def test_what_is_no_such_file_is_refused(repository, tmp_path, content):
    text, said = written(repository, tmp_path, content)
    assert text == "" and said.startswith("expected ") and len(said.splitlines()) == 1


def test_a_link_in_its_place_is_refused(repository, tmp_path):
    (tmp_path / "innerview-comment").mkdir()
    (tmp_path / "elsewhere.json").write_text(comment_data(told(), 0))
    (tmp_path / "innerview-comment/comment.json").symlink_to(tmp_path / "elsewhere.json")
    (step,) = (step for step in steps_of(loaded(repository, ".github/workflows/comment.yml")) if "run" in step)
    environment = {**os.environ, "RUNNER_TEMP": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", step["run"]], cwd=tmp_path, env=environment, capture_output=True)
    assert done.returncode and not (tmp_path / "comment.md").exists()


def test_a_comment_of_many_figures_fits(repository, tmp_path):
    entry = {"model": "vgg-cifar10", "image": "frog", "kind": "changed", "status": ["drawn"] * 2, "numbers": {}}
    figures = [{**entry, "id": f"vgg-cifar10/frog/{'long-' * 30}{number}"} for number in range(2000)]
    text, said = written(repository, tmp_path, comment_data({**told(), "figures": figures}, 0))
    assert said == "" and len(text) <= 60_000 and "more are listed on the Changes page" in text
    assert_harmless(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=25)
@given(value=JSON, kind=st.sampled_from("format version counts changed turned answers new gone".split()), at=st.data())
def test_whatever_stands_in_its_place_is_refused_or_harmless(value, kind, at):
    good = json.loads(comment_data(told(), 0))
    target = good
    if isinstance(good[kind], list) and good[kind] and at.draw(st.booleans()):
        target, kind = good[kind][0], at.draw(st.sampled_from(sorted(good[kind][0])))
    target[kind] = value
    with tempfile.TemporaryDirectory() as folder:
        text, said = written(ROOT, Path(folder), json.dumps(good))
    assert bool(text) != bool(said), said
    assert_harmless(text or "<!-- innerview-diff -->")


def test_a_fork_that_is_gone_gets_no_comment_and_no_error(repository):
    (script,) = (
        step["with"]["script"]
        for step in steps_of(loaded(repository, ".github/workflows/comment.yml"))
        if "script" in step.get("with", {})
    )
    assert "if (!run.head_repository) return" in script
    assert script.index("if (!run.head_repository)") < script.index("run.head_repository.owner")


def test_the_key_of_the_cache_is_one_line(repository):
    """A second line would be another output of the step."""
    for name in ("action.yml", f"{SCAFFOLD}/gallery.yml"):
        (step,) = (step for step in steps_of(loaded(repository, name)) if "key=$key" in step.get("run", ""))
        for key, accepted in (("a" * 64, True), ("a" * 64 + "\nfolder=/", False), ("", False)):
            with tempfile.TemporaryDirectory() as folder:
                fake = Path(folder, "python")
                fake.write_text(f"#!/bin/sh\nprintf '%s' '{key}'\n")
                fake.chmod(0o755)
                environment = {"PATH": f"{folder}:{os.environ['PATH']}", "GITHUB_OUTPUT": f"{folder}/output"}
                call = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
                done = subprocess.run(call, env={**environment, "ARGUMENTS": ""}, capture_output=True)
                assert (done.returncode == 0) == accepted == Path(folder, "output").exists()
