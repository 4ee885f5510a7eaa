"""Every word of a stranger carries a canary into a real build: in a real browser none sings, and no page breaks."""

import json
import os
from dataclasses import replace
from urllib.parse import unquote

import browsing
import pytest
import tiny_gallery
import yaml

from generator.core import resources
from generator.core.errors import InnerviewError
from generator.core.naming import slug
from generator.site.check import check_site
from generator.site.pages import write


def canary(field):
    """What could get out of its place: HTML, Markdown, Jinja, YAML, quotes, pipes, turned and hidden signs."""
    return (
        f"{field}'\"`|</textarea></title></script><script>canary('{field}')</script>"
        f"<img src=x onerror=canary('{field}')>{{{{ 7*7 }}}}{{% raw %}} [a](javascript:canary('{field}')) "
        f"![b](x) *c* &amp; <!-- \u202eRTL\u0007 --- # d: e"
    )


NETWORK = (
    tiny_gallery.NETWORK
    + """
class Failing(nn.Sequential):
    def forward(self, x):
        if x.std() > 0:
            raise RuntimeError(CANARY)
        return super().forward(x)


def net_of_canaries():
    torch.manual_seed(3)
    made = nn.Sequential()
    made.add_module("first " + LAYER, nn.Conv2d(3, 4, 3, padding=1))
    made.add_module("//etc/" + LAYER, nn.ReLU())
    made.add_module("pool", nn.AdaptiveAvgPool2d(1))
    made.add_module("flat", nn.Flatten())
    made.add_module("last", nn.Linear(4, 3))
    return made


def failing():
    return Failing(net())


def impossible():
    raise ValueError(CANARY)
"""
)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A built site in which every field that a stranger may fill holds a canary of its own."""
    folder = tmp_path_factory.mktemp("hostile")
    words = f"CANARY, LAYER = {canary('error')!r}, {canary('layer').replace('.', '')!r}\n"
    classes = [canary(f"class {number}") for number in range(3)]
    common = {"input": tiny_gallery.INPUT, "classes": classes, "vocabulary": canary("vocabulary")}
    models = [
        {
            "name": canary("model")[:80],
            "source": "hostile_net:net_of_canaries",
            "title": canary("model title"),
            **common,
        },
        {"name": "failing", "source": "hostile_net:failing", "title": canary("failing title"), **common},
        {"name": "impossible", "source": "hostile_net:impossible", **common},
    ]
    options = tiny_gallery.lay(
        folder,
        ["one"],
        words + NETWORK,
        "hostile_net",
        models=models,
        methods=["saliency", "activations", "grad-cam"],
        targets=["label"],
        site={"title": canary("site"), "description": canary("description")},
    )
    name = canary("file").replace("/", "\u2215")[:120]
    tiny_gallery.draw(folder / "images" / f"{name}.png", seed=4)
    (folder / "images" / f"broken {name}.png").write_bytes(b"<script>canary('content')</script>")
    entry = {key: canary(key) for key in ("title", "credit", "licence", "alt")}
    entry |= {
        "file": "one.png",
        "sets": [canary("set"), canary("vocabulary")],
        "targets": {canary("vocabulary"): canary("class 1")},
    }
    entry |= {"source_url": "https://example.org/\"'><script>canary('url')</script>"}
    (folder / "images/images.yml").write_text(json.dumps({"images": [entry]}))
    report, _ = tiny_gallery.run(replace(options, no_site=False))
    assert {"impossible", "failing/one/saliency"} <= {name.split("--")[0] for name in report.failures}, report.failures
    return options.out


def test_all_fields_are_in_the_manifest_and_nothing_is_elsewhere(site):
    told = unquote((site / "gallery/manifest.json").read_text())
    fields = "site description layer error file title credit licence alt set vocabulary url".split()
    for field in [*fields, "model title", "failing title", "class 0", "class 1", "class 2"]:
        assert f"canary('{field}')" in told, field
    names = {path.name for path in site.parent.iterdir()}
    assert names <= {
        "images",
        "gallery.yml",
        "hostile_net.py",
        "__pycache__",
        "mkdocs.yml",
        "site",
        "site_src",
        ".innerview",
    }
    for path in (site / "gallery").rglob("*"):
        assert all(part == slug(part) for part in path.relative_to(site / "gallery").parts if "." not in part), path


def test_nothing_sings_and_no_page_breaks(chromium, site):
    assert check_site(site) == []
    context = chromium.new_context(viewport={"width": 390, "height": 844})
    context.set_default_timeout(90_000)
    context.add_init_script("window.sung = []; window.canary = field => window.sung.push(field)")
    page, faults, asked, wide = context.new_page(), [], [], {}
    page.on("console", lambda line: line.type in ("error", "warning") and faults.append(line.text))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("dialog", lambda dialog: (faults.append(dialog.message), dialog.dismiss()))
    page.on("request", lambda request: asked.append(request.url))
    with browsing.served(site) as address:
        names = sorted(path.relative_to(site).as_posix() for path in site.rglob("*.html"))
        for name in names:
            page.goto(f"{address}/{name}")
            page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
            found = page.evaluate(LOOKED)
            assert found.pop("sung") == [], name
            assert found == {"scripts": 0, "handlers": 0, "links": [], "whole": True, "jinja": False}, name
            if page.evaluate("document.documentElement.scrollWidth") > 390:
                wide[name] = page.evaluate(WIDE)
        assert len(names) > 30 and faults == [] and wide == {}
        page.set_viewport_size({"width": 1280, "height": 900})
        page.goto(f"{address}/index.html")
        page.get_by_role("textbox", name="Search").click()
        page.wait_for_function("!document.querySelector('.md-search-result__meta').textContent.includes('Init')")
        page.keyboard.type("canary")
        page.locator(".md-search-result__link").first.wait_for()
        assert page.evaluate("window.sung") == []
    assert faults == []
    assert [url for url in asked if not url.startswith((address, "data:"))] == []
    context.close()


LOOKED = """() => {
    const links = [...document.querySelectorAll('a[href], area[href]')].map(link => link.protocol);
    return {
        sung: window.sung,
        scripts: [...document.scripts].filter(one => one.textContent.includes('canary(') && !one.type).length,
        handlers: [...document.querySelectorAll('*')].filter(
            one => [...one.attributes].some(each => each.name.startsWith('on'))).length,
        links: [...new Set(links)].filter(each => !['http:', 'https:'].includes(each)),
        whole: !!document.querySelector('main, .page, .standalone') && document.title.length > 3,
        jinja: document.body.innerText.includes('site49') || /title.?49/.test(document.body.innerText),
    };
}"""


WIDE = """() => [...document.querySelectorAll('body *')]
    .filter(one => one.getBoundingClientRect().right > 391).map(one => one.tagName + '.' + one.className).slice(0, 9)"""


def test_standalone_pages_have_a_policy_that_allows_no_inline_script(site):
    found = [
        path.read_text() for path in (site / "gallery").rglob("*.html") if 'class="standalone"' in path.read_text()
    ]
    assert len(found) > 10
    for page in found:
        policy = page.split('http-equiv="Content-Security-Policy" content="')[1].split('"')[0]
        assert "default-src 'none'" in policy and "script-src 'self'" in policy and "unsafe" not in policy
        assert page.index("Content-Security-Policy") < page.index("<script")


# --- nothing is written outside the output folders -----------------------------------------------------


@pytest.mark.parametrize("name", ["gallery", "gallery/tiny", "index.md", "gallery/models/index.md"])
def test_pages_do_not_follow_links_out_of_the_sources(fake_gallery, tmp_path, name):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "letter.md").write_text("mine")
    place = tmp_path / "site_src" / name
    place.parent.mkdir(parents=True)
    place.symlink_to(outside / "letter.md" if name.endswith(".md") else outside)
    try:
        write.write_sources(fake_gallery[1], tmp_path / "site_src", [resources.resource("templates")])
    except InnerviewError as error:
        assert "it is a link that leads out of it" in str(error)
    assert {path.name: path.read_text() for path in outside.iterdir()} == {"letter.md": "mine"}


def test_what_is_laid_for_mkdocs_does_not_follow_links_or_believe_a_ledger(tmp_path):
    letter = tmp_path / "letter.txt"
    gallery = tmp_path / "gallery"
    (gallery / "site_src/assets/css/pages").mkdir(parents=True)
    (gallery / "site_src/assets/css/pages/home.css").symlink_to(tmp_path / "written.css")
    letter.write_text("mine")
    digest = resources._digest(letter)
    ledger = {"../letter.txt": digest, "site_src/assets/../../../letter.txt": digest, str(letter): digest}
    for told in (ledger, list(ledger), {"site_src/assets/x": 3}, 7):
        (gallery / resources.LEDGER).write_text(json.dumps(told))
        resources.materialise(gallery)
        assert letter.read_text() == "mine" and not (tmp_path / "written.css").exists()
    assert (gallery / "site_src/assets/css/pages/home.css").is_file()


def test_no_setting_leads_a_build_out_of_its_folder(tmp_path):
    """Names of networks, pictures and pins with `..` in them; the parent holds nothing but the gallery afterwards."""
    inner = tmp_path / "inner"
    options = tiny_gallery.lay(inner, ["one"], methods=["saliency"], targets=["top"], pin=["../../*", "*"])
    content = yaml.safe_load(options.config.read_text())
    content["models"][0]["name"] = "../../../up"
    tiny_gallery.write(options.config, content)
    (inner / "images/images.yml").write_text('images: [{file: one.png, title: "../../x", credit: me}]')
    report, _ = tiny_gallery.run(replace(options, no_site=False))
    assert report.failures == {} and os.listdir(tmp_path) == ["inner"]
    for path in (inner / "site").rglob("*"):
        assert path.resolve().is_relative_to(inner)
