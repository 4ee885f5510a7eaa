"""What every test starts from: few threads, a torchvision that imports, and the data beside the repository."""

import os
from functools import partial
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # read once, when torch is imported below

import browsing
import fake_manifest
import fake_site
import hypothesis
import long_files
import once_per_run
import pytest
import torch

from generator.models import torchvision_zoo  # noqa: F401 - first, so that captum and grad-cam find a torchvision that imports  # noqa: F401 - first, so that captum and grad-cam find a torchvision that imports

torch.set_num_threads(1)

# A loaded machine is no failure, and a run on a server must not depend on luck.
hypothesis.settings.register_profile("house", deadline=None, derandomize="CI" in os.environ)
hypothesis.settings.load_profile("house")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Return one process more than there are cores: a quarter of the time tests wait, for a browser or a worker."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest."""
    items.sort(key=lambda item: long_files.place(item.path.as_posix()))


@pytest.fixture(scope="session")
def repository() -> Path:
    """The folder that holds `generator/`."""
    return Path(__file__).parents[1]


@pytest.fixture(scope="session")
def shared(repository) -> Path:
    """The folder `shared` beside the repository: weights, pictures and data too big to be kept in it."""
    folder = repository.parent / "shared"
    if not folder.is_dir():
        pytest.skip("needs the folder `shared` beside the repository, with weights, pictures and data")
    return folder


@pytest.fixture(scope="session")
def fake_gallery(tmp_path_factory) -> tuple[Path, dict]:
    """A small gallery drawn without a network: the folder with its pictures, and its manifest."""
    return once_per_run.made(tmp_path_factory, "fake-gallery", fake_manifest.build)


@pytest.fixture(scope="session")
def built_site(fake_gallery, tmp_path_factory) -> Path:
    """The whole site of that gallery, as a build publishes it; not to be changed."""
    return once_per_run.made(tmp_path_factory, "built-site", partial(fake_site.publish, *fake_gallery))[1]


@pytest.fixture(scope="session")
def addressed_site(fake_gallery, tmp_path_factory) -> Path:
    """The same site with an address of its own, cards for previews of links, and one pinned picture."""
    publish = partial(fake_site.publish_addressed, *fake_gallery)
    return once_per_run.made(tmp_path_factory, "addressed-site", publish)[1]


@pytest.fixture(scope="session")
def chromium():
    """One browser for all tests, as playwright allows one of itself in a process; where there is none they fail."""
    with browsing.browser() as found:
        yield found
