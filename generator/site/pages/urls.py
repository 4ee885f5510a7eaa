"""Where each page and file stands in the site."""

from __future__ import annotations

from generator.core.manifest_types import FigureRecord
from generator.core.naming import layer_slug

PER_PAGE = 200  # images on one page of their hub

# --- where things stand, relative to the site's root -------------------------------------------------


def home_page() -> str:
    """Return the front page."""
    return "index.html"


def hub_page(hub: str) -> str:
    """Return one of the hubs: images, models, methods."""
    return f"gallery/{hub}/index.html"


def images_page(number: int) -> str:
    """Return a page of the hub of images, from 1 on: the hub itself, then those numbered below it.

    >>> images_page(1), images_page(2)
    ('gallery/images/index.html', 'gallery/images/page/2.html')
    """
    return hub_page("images") if number == 1 else f"gallery/images/page/{number}.html"


def images_pages(count: int) -> list[str]:
    """Return all pages of the hub of so many images; one where there are none.

    >>> len(images_pages(200)), images_pages(201)[1:], len(images_pages(0))
    (1, ['gallery/images/page/2.html'], 1)
    """
    return [images_page(number) for number in range(1, max(1, -(-count // PER_PAGE)) + 1)]


def images_script() -> str:
    """Return the data of all images of the hub, for its filter."""
    return "gallery/images/cards.js"


def image_page(image: str) -> str:
    """Return one photo across all networks."""
    return f"gallery/images/{image}.html"


def model_page(model: str) -> str:
    """Return one network."""
    return f"gallery/{model}/index.html"


def method_page(method: str) -> str:
    """Return one method."""
    return f"gallery/methods/{method}.html"


def report_page(model: str, image: str) -> str:
    """Return one image seen by one network."""
    return f"gallery/{model}/{image}/index.html"


def layer_page(model: str, name: str) -> str:
    """Return one layer of a network, seen by every image."""
    return f"gallery/{model}/layers/{layer_slug(name)}.html"


def class_page(model: str, slug: str) -> str:
    """Return one class of a network, by its slug among the network's classes."""
    return f"gallery/{model}/classes/{slug}.html"


def pair_page(left: str, right: str) -> str:
    """Return two models side by side."""
    return f"gallery/compare/{left}--{right}/index.html"


def pair_image_page(left: str, right: str, image: str) -> str:
    """Return one image seen by two models."""
    return f"gallery/compare/{left}--{right}/{image}.html"


def figure_page(figure: FigureRecord) -> str:
    """Return one figure alone."""
    return f"gallery/{figure['id']}.html"


def gallery_file(name: str) -> str:
    """Return a picture's place, from its name in the manifest."""
    return f"gallery/{name}"


def relative(target: str, page: str) -> str:
    """Return the link to `target` as written on `page`; both are paths from the site's root, `target` perhaps with a
    fragment.

    >>> relative("gallery/a/b.html#x", "gallery/images/index.html")
    '../a/b.html#x'
    >>> relative("gallery/a.html", "gallery/a.html"), relative("index.html", "learn.html")
    ('a.html', 'index.html')
    """
    path, mark, fragment = target.partition("#")
    here, there = page.split("/")[:-1], path.split("/")
    shared = 0
    while shared < len(here) and shared < len(there) - 1 and here[shared] == there[shared]:
        shared += 1
    return "/".join([".."] * (len(here) - shared) + there[shared:]) + mark + fragment
