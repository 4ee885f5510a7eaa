"""The workflows: they keep their schemas, pin what they use, trust nobody, and their commands do what they say."""

import os
import re
import subprocess
import sys
import tomllib

import pytest
import tiny_gallery
import yaml

from generator import __version__
from generator.site.diff.markdown import MARK, code, comment

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
    assert "budget: nothing wrong" in said["Check the site and its weight"]


def test_the_picture_that_was_there_is_reused_and_the_summary_tells(played):
    _, temporary = played
    told = (temporary / "summary.md").read_text()
    drawn, reused = map(int, re.search(r"rendered (\d+), reused (\d+)", told).groups())
    assert 0 < drawn <= reused
    assert "| `vgg-cifar10` | `added` |" in told and "### Gone" not in told


def accepted(repository, folder, text):
    """What the step with rights says of a comment; "" where it takes it."""
    (step,) = (step for step in steps_of(loaded(repository, ".github/workflows/comment.yml")) if "run" in step)
    (folder / "innerview-comment").mkdir(exist_ok=True)
    (folder / "innerview-comment" / "comment.md").write_bytes(text if isinstance(text, bytes) else text.encode())
    done = subprocess.run([sys.executable, "-c", step["run"]], cwd=folder, capture_output=True, text=True)
    return done.stderr


def test_the_comment_of_a_real_pull_request_is_taken(played, repository, clone, tmp_path):
    text = (clone / "innerview-comment" / "comment.md").read_text()
    assert accepted(repository, tmp_path, text) == ""


def test_names_that_mean_harm_are_taken_as_code(repository, tmp_path):
    harm = "@all `x` [a](https://example.org) <b> | \\"
    told = {
        "counts": {"changed": 0, "new": 0, "gone": 0, "same": 0, "same, made anew": 0},
        "parts": {part: {"new": [harm], "gone": [], "changed": []} for part in ("models", "images", "methods")},
        "versions": [], "answers": [], "figures": [],
    }  # fmt: skip
    text = comment(told, [harm])
    assert code(harm) in text and accepted(repository, tmp_path, text) == ""


@pytest.mark.parametrize(
    "harm",
    [
        "@someone", "[x](y)", "<img src=x>", "https://example.org", "www.example.org", "see #12", "`@a|@b`", "``@all``",
        "\\`@all\\`", "&#64;all", "\x1b[2J", "a\u0060@all", "[x]: y", b"\xff", "x" * 70_000,
    ],
)  # fmt: skip
def test_a_comment_that_could_do_harm_is_refused(repository, tmp_path, harm):
    harm = harm if isinstance(harm, bytes) else harm.encode()
    said = accepted(repository, tmp_path, f"{MARK}\n".encode() + harm + b"\n")
    assert re.search("expected|UnicodeDecodeError", said)
