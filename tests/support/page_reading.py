"""Written pages, read back: their elements and words, and a manifest whose free texts are hostile."""

from html.parser import HTMLParser

import fake_manifest

from generator.core.resources import resource
from generator.site.pages import write as pages

TEMPLATES = resource("templates")


CANARY = (
    "x<script>alert(1)</script>{{ 7*7 }}{% raw %}|`\"'>&amp;</textarea>\n\n# h\n---\n‮RTL\x02\x00  [a](b) ![c](d) <!-- "
)


def write(manifest, folder):
    """Write all pages of a manifest below `folder` and return their texts by name."""
    pages.write_sources(manifest, folder, [TEMPLATES], fake_manifest.channels)
    pages.write_figure_pages(manifest, folder, [TEMPLATES], fake_manifest.channels)
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


def poisoned(value, key=""):
    """A copy of the manifest with the canary in every text that may come from a stranger.

    Layers keep their names, by which the parts of a manifest find each other; `test_layer_pages.py` gives them others.
    """
    if isinstance(value, dict) and "receptive_field" in value:
        return value | {"type": value["type"] + CANARY}
    if isinstance(value, dict):
        return {name: poisoned(part, name) for name, part in value.items()}
    if isinstance(value, list):
        return [poisoned(part, key) for part in value]
    return value + CANARY if isinstance(value, str) and key in FREE else value


FREE = set(
    "title description credit licence source alt note reason cites summary text formula reading limits family "
    "rectifiers label name said style targets cifar10 vocabulary type".split()
)


class Elements(HTMLParser):
    """The scripts of a page and the names of all attributes that its elements have."""

    def __init__(self, page):
        super().__init__()
        self.scripts, self.attributes = 0, set()
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        """Count and collect."""
        self.scripts += tag == "script"
        self.attributes |= {(tag, name) for name, _ in attrs}


class Parsed(HTMLParser):
    """The elements of a piece of HTML with their attributes, and its text."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.elements, self.words = [], ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        """Collect."""
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        """Collect."""
        self.words += data

    def only(self, tag):
        """The attributes of the one element of that kind."""
        (found,) = [attributes for name, attributes in self.elements if name == tag]
        return found
