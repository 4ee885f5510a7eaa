"""A gallery's own templates: the examples of the guide work, and ours stay within reach."""

import re

import fake_site
import pytest

from generator.core import resources
from generator.site.pages import write


@pytest.fixture(scope="module")
def examples(repository):
    """The templates of the guide by name."""
    text = (repository / "site_src/docs/own-look.md").read_text()
    return dict(re.findall(r"`templates/([^`]+)`:\n\n```jinja\n(.*?)```", text, re.DOTALL))


@pytest.fixture(scope="module")
def site(fake_gallery, examples, tmp_path_factory):
    """The fake gallery with both examples in its own folder."""
    root = tmp_path_factory.mktemp("own")
    for name, template in examples.items():
        file = root / "templates" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(template)
    return fake_site.publish(*fake_gallery, root)


def test_the_document_names_the_template_of_every_page(repository):
    named = re.findall(r"`([\w.-]+\.(?:md|html))`", (repository / "site_src/docs/own-look.md").read_text())
    ours = {path.name for path in resources.resource("templates").glob("[!_]*.*")}
    assert ours == set(write.TEMPLATES) <= set(named)


def test_a_paragraph_is_added_to_every_report_and_to_nothing_else(site):
    report = (site / "gallery/tiny/frog/index.html").read_text()
    assert "<i>Seeing Machines</i>. The network said\n<b>frog</b>.</p>" in report
    assert "Layer by layer" in report, "ours is still there"
    assert "Seeing Machines" not in (site / "gallery/tiny/index.html").read_text()


def test_the_foot_of_each_page_is_the_gallerys(site):
    for name in ("index.html", "gallery/tiny/frog/index.html", "gallery/methods/index.html"):
        page = (site / name).read_text()
        assert "Museum of Small Things" in page and "Built with Innerview" not in page
