"""A gallery's own templates: the examples of the guide work, and ours stay within reach."""

import dataclasses
import importlib
import pkgutil
import re

import fake_site
import pytest

from generator.core import resources
from generator.core.errors import InnerviewError
from generator.site import pages
from generator.site.assets import ASSETS
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
    named = re.findall(r"`([\w./-]+\.(?:md|html))`", (repository / "site_src/docs/own-look.md").read_text())
    folder = resources.resource("templates")
    ours = {
        path.relative_to(folder).as_posix() for kind in ("pages", "standalone") for path in (folder / kind).iterdir()
    }
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


def test_pages_with_a_policy_may_load_the_fonts_that_they_ask_for(repository):
    policies = {
        path.name: found[1]
        for path in (repository / "templates/standalone").glob("*.html")
        if (found := re.search('Content-Security-Policy" content="([^"]*)"', path.read_text()))
    }
    assert {"figure.html", "changes.html", "live.html"} <= set(policies)
    assert [name for name, policy in policies.items() if "font-src 'self'" not in policy] == []
    for name in policies:
        assert "fonts" in ASSETS[f"standalone/{name.removesuffix('.html')}"].styles, name


@pytest.mark.parametrize(
    "former, now",
    [
        ("report.md", "pages/report.md"),
        ("anytwo.md", "pages/compare-figures.md"),
        ("figure.html", "standalone/figure.html"),
        ("_figure.html", "macros/figure.html"),
        ("_units.html", "macros/channel-table.html"),
    ],
)
def test_a_template_under_its_former_name_is_not_passed_over(former, now, tmp_path):
    (tmp_path / former).write_text("<p>Ours</p>")
    with pytest.raises(InnerviewError, match=f"templates/{former}: .* templates/{now};"):
        write.jinja([tmp_path, resources.resource("templates")])


def test_a_template_of_ones_own_that_others_include_may_have_any_name(tmp_path):
    (tmp_path / "partners.html").write_text("<p>Ours</p>")
    assert (
        write.jinja([tmp_path, resources.resource("templates")]).get_template("partners.html").render() == "<p>Ours</p>"
    )


def contexts():
    """The dataclasses that pages are written from."""
    for module in pkgutil.iter_modules(pages.__path__):
        members = vars(importlib.import_module(f"{pages.__name__}.{module.name}")).values()
        for member in members:
            if (
                isinstance(member, type)
                and dataclasses.is_dataclass(member)
                and member.__module__.endswith(module.name)
            ):
                yield member


def test_every_field_of_a_context_is_read(repository):
    code = "\n".join(path.read_text() for path in (repository / "generator").rglob("*.py"))
    expressions = re.findall(
        r"{[{%].*?[%}]}",
        "\n".join(path.read_text() for path in (repository / "templates").rglob("*.*") if path.is_file()),
        re.DOTALL,
    )
    read = set(re.findall(r"\.(\w+)", code)) | set(re.findall(r"\w+", " ".join(expressions)))
    fields = {f"{kind.__name__}.{field.name}" for kind in contexts() for field in dataclasses.fields(kind)}
    assert len(fields) > 500
    assert sorted(name for name in fields if name.split(".")[1] not in read) == []
