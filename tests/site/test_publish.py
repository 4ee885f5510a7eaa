"""The site takes its place only when it holds together, and what someone wrote in a gallery stays theirs."""

import contextlib
import gzip
import json
import os
import re
import shutil
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
import tiny_gallery
import yaml

from generator.core import resources
from generator.site import mkdocs_hooks, publish
from generator.site.pages import escape, write

OURS = "site_src/assets/css/pages/home.css"


def test_what_mkdocs_reads_is_laid_into_a_gallery(tmp_path):
    resources.materialise(tmp_path)
    assert (tmp_path / OURS).read_bytes() == resources.resource(OURS).read_bytes()
    settings, ours = (tmp_path / "mkdocs.yml").read_text(), resources.resource("mkdocs.yml").read_text()
    assert set(settings.splitlines()) < set(ours.splitlines())
    assert "docs/index.md" in ours and "docs/index.md" not in settings  # which are Innerview's own
    assert (tmp_path / "site_src/.theme/main.html").is_file()


def test_a_title_beyond_sixteen_bits_reaches_mkdocs_whole(tmp_path, monkeypatch):
    """JSON writes an emoji as two halves, which YAML keeps apart: the whole build failed over it."""
    title, seen = "Frösche \U0001f438 漢字", []

    def communicate(words):
        seen.append(yaml.safe_load(Path(json.loads(words)).read_text("utf-8")))
        return "", ""

    process = SimpleNamespace(communicate=communicate, returncode=0)
    monkeypatch.setattr(publish.subprocess, "Popen", lambda *_, **__: contextlib.nullcontext(process))
    publish._mkdocs(tmp_path, tmp_path / "site", title, "https://example.org/")
    assert seen[0]["site_name"] == title and seen[0]["docs_dir"] == str(tmp_path.resolve() / "site_src")


TITLES = ["frog \U0001f438", "\\ud83d\\udc38", "\\\U0001f981", "tab\tand \x85", "half \ud83d", "漢字"]


@pytest.mark.parametrize("title", TITLES)
def test_the_head_of_a_page_holds_any_title(title):
    head = yaml.safe_load(escape.front_matter({"title": title}).split("---\n")[1])
    assert head == {"title": str(escape.text(title))}
    head["title"].encode()


def test_what_someone_wrote_stays_and_what_we_laid_is_renewed(tmp_path, monkeypatch):
    own = tmp_path / "site_src/assets/css/own.css"
    own.parent.mkdir(parents=True)
    own.write_text("theirs")
    resources.materialise(tmp_path)
    (tmp_path / OURS).write_text("changed by them")
    newer = tmp_path / "newer"
    shutil.copytree(resources.resource("site_src/assets"), newer / "site_src/assets")
    shutil.copytree(resources.resource("templates"), newer / "templates")
    shutil.copyfile(resources.resource("mkdocs.yml"), newer / "mkdocs.yml")
    (newer / "site_src/assets/css/components/page.css").write_text("newer")
    (newer / "site_src/assets/css/pages/hub.css").unlink()
    monkeypatch.setattr(resources, "PACKAGED", newer)
    for _ in range(2):
        resources.materialise(tmp_path)
        assert own.read_text() == "theirs"
        assert (tmp_path / OURS).read_text() == "changed by them"
        assert (tmp_path / "site_src/assets/css/components/page.css").read_text() == "newer"
        assert not (tmp_path / "site_src/assets/css/pages/hub.css").exists()


def test_a_deleted_asset_comes_back(tmp_path):
    resources.materialise(tmp_path)
    (tmp_path / OURS).unlink()
    resources.materialise(tmp_path)
    assert (tmp_path / OURS).is_file()


def test_a_gallerys_theme_wins_file_by_file(tmp_path):
    (tmp_path / "templates/theme").mkdir(parents=True)
    (tmp_path / "templates/theme/404.html").write_text("theirs")
    resources.materialise(tmp_path)
    assert (tmp_path / "site_src/.theme/404.html").read_text() == "theirs"
    assert "extends" in (tmp_path / "site_src/.theme/main.html").read_text()


def test_a_resource_that_is_nowhere_is_named():
    with pytest.raises(resources.InnerviewError, match="^gone: expected it in "):
        resources.resource("gone")


def test_a_site_that_does_not_hold_together_takes_no_place(fake_gallery, tmp_path):
    manifest, out = fake_gallery[1], tmp_path / "site"
    (out / "gallery").mkdir(parents=True)
    (out / "index.html").write_text("the old one")
    write.write_sources(manifest, tmp_path / "site_src", resources.template_folders(tmp_path))
    with pytest.raises(publish.SiteError, match=r"has \d+ problems:\n.*links to .*: file not found"):
        publish.build(tmp_path, out, lambda new: None, title="<b>Title</b>")
    assert (out / "index.html").read_text() == "the old one"
    title = (tmp_path / "site.new/index.html").read_text().split("<title>")[1].split("</title>")[0]
    assert title == "&lt;b&gt;Title&lt;/b&gt;"


def test_what_is_laid_and_what_mkdocs_writes_are_made_side_by_side_and_become_one(tmp_path, monkeypatch):
    begun, ended = threading.Event(), threading.Event()

    def mkdocs(root, site, title, url):
        begun.set()
        assert ended.wait(60), "mkdocs is not waited for before the rest is laid"
        for name in ("index.html", "deep/page.html", "deep/own.html"):
            (site / name).parent.mkdir(parents=True, exist_ok=True)
            (site / name).write_text("mkdocs")

    def lay(new):
        assert begun.wait(60)
        (new / "deep").mkdir()
        (new / "deep/own.html").write_text("own")
        ended.set()

    def files(folder):
        return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}

    joined = {"index.html": "mkdocs", "deep/page.html": "mkdocs", "deep/own.html": "own"}
    finished = []
    monkeypatch.setattr(publish, "_mkdocs", mkdocs)
    monkeypatch.setattr(publish, "check_site", lambda site: [])
    publish.build(tmp_path, tmp_path / "site", lay, finish=lambda new: finished.append(files(new)))
    assert finished == [joined] and files(tmp_path / "site") == joined
    assert not publish.leftovers(tmp_path / "site")


def test_what_mkdocs_says_is_told(tmp_path):
    (tmp_path / "site_src").mkdir()
    with pytest.raises(publish.SiteError, match="mkdocs could not build .*site_src:\n(?s:.*)index.md"):
        publish.build(tmp_path, tmp_path / "site", lambda new: None)


def test_the_new_site_takes_the_place_of_the_old_one(tmp_path):
    for name in ("new", "out", "out.old"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    publish.exchange(tmp_path / "new", tmp_path / "out")
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")] == ["out", "out/new"]


def test_at_no_moment_is_there_no_site(tmp_path, monkeypatch):
    """The kernel is asked once, by one call; where that cannot be, the next build puts the former site back."""
    for name in ("new", "out"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    renames = []
    monkeypatch.setattr(Path, "rename", lambda self, target: renames.append(target))
    publish.exchange(tmp_path / "new", tmp_path / "out")
    assert renames == [] and [path.name for path in (tmp_path / "out").iterdir()] == ["new"]
    assert not (tmp_path / "new").exists()


def test_a_site_that_was_being_exchanged_is_put_back(tmp_path, monkeypatch):
    (tmp_path / "site.old/gallery").mkdir(parents=True)
    (tmp_path / "site.old/index.html").write_text("the old one")
    (tmp_path / "site_src").mkdir()
    with pytest.raises(publish.SiteError, match="mkdocs could not build"):
        publish.build(tmp_path, tmp_path / "site", lambda new: None)
    assert (tmp_path / "site/index.html").read_text() == "the old one"


def test_what_failed_builds_left_is_cleared_by_the_next_one_also_where_nothing_changed(tmp_path):
    options = tiny_gallery.bundled(tmp_path)
    tiny_gallery.run(options, no_site=False)
    (tmp_path / "site.new/gallery/deep").mkdir(parents=True)
    (tmp_path / "site.new/gallery/deep/picture.png").touch()
    (tmp_path / "site.old").write_text("a file")
    report, _ = tiny_gallery.run(options, no_site=False)
    assert report.unchanged
    assert list(tmp_path.glob("site.*")) == []


@pytest.mark.parametrize("where", ["out", "out.new"])
def test_a_site_whose_folders_may_not_be_written_is_replaced_and_cleared(tmp_path, where):
    for name in ("new", "out", "out.new"):
        (tmp_path / name / "gallery").mkdir(parents=True)
        (tmp_path / name / "gallery" / name).touch()
    for folder in (tmp_path / where / "gallery", tmp_path / where):
        folder.chmod(0o555)

    def work():
        publish.exchange(Path("new"), Path("out"))
        publish.clear_leftovers(Path("out"))

    assert without_rights(work, tmp_path) == ""
    files = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert files == {"out/gallery/new"}


def without_rights(work, folder):
    """Call `work` from within `folder` by a user who owns it and is not root; what it raised, as text."""
    if os.getuid() == 0:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, 65534, 65534)
    read, write = os.pipe()
    if not os.fork():
        try:
            os.chdir(folder)
            if os.getuid() == 0:
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
            work()
        except BaseException as error:
            os.write(write, repr(error).encode())
        finally:
            os._exit(0)
    os.close(write)
    os.wait()
    with os.fdopen(read) as answer:
        return answer.read()


def test_what_cannot_be_removed_is_one_line_before_anything_is_drawn(tmp_path, monkeypatch):
    (tmp_path / "site.new").mkdir()

    def refuse(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(publish.shutil, "rmtree", refuse)
    with pytest.raises(publish.SiteError, match="site.new: left by an earlier build, and cannot be removed: Perm"):
        publish.clear_leftovers(tmp_path / "site")


@pytest.mark.parametrize("what", ["a file", "other things"])
def test_what_is_no_site_is_never_replaced(tmp_path, what):
    if what == "a file":
        (tmp_path / "home").write_text("mine")
    else:
        (tmp_path / "home").mkdir()
        (tmp_path / "home/letter.txt").write_text("mine")
    with pytest.raises(publish.SiteError, match=f"home: expected .* {what}$"):
        publish.build(tmp_path, tmp_path / "home", lambda new: None)
    kept = tmp_path / "home" if what == "a file" else tmp_path / "home/letter.txt"
    assert kept.read_text() == "mine" and not (tmp_path / "site_src").exists()


def test_a_link_to_the_site_stays_one(tmp_path):
    (tmp_path / "disk/site/gallery").mkdir(parents=True)
    (tmp_path / "disk/site/index.html").touch()
    (tmp_path / "site").symlink_to(tmp_path / "disk/site")
    assert publish.replaceable(tmp_path / "site") == tmp_path / "disk/site"


def test_a_page_of_html_reaches_the_site_as_markdown_would_have_left_it(fake_gallery, tmp_path, monkeypatch):
    """Also by way of a process of mkdocs that was started ahead."""
    publish.prepare()
    sites, real = [], mkdocs_hooks.__file__
    for name in ("past", "through"):
        root = tmp_path / name
        resources.materialise(root)
        write.write_sources(fake_gallery[1], root / "site_src", [resources.resource("templates")])
        (root / "site_src/mixed.md").write_text('<div class="page page--own">\n<p>one</p>\n</div>\n\n*two*\n')
        publish._mkdocs(root, root / "site", "", "")
        sites.append({path.relative_to(root / "site"): path.read_bytes() for path in (root / "site").rglob("*.html")})
        hooks = Path(real).read_text().replace("def on_page", "def without_on_page")
        (tmp_path / "no_hooks.py").write_text(hooks)
        monkeypatch.setattr("generator.site.mkdocs_hooks.__file__", str(tmp_path / "no_hooks.py"))
    past, through = sites
    assert past == through and len(past) > 40
    assert not publish._waiting
    assert b"<em>two</em>" in past[Path("mixed.html")]


def test_style_sheets_of_all_pages_are_one_file_in_their_order(tmp_path):
    class Config(dict):
        docs_dir, site_dir = str(tmp_path / "docs"), str(tmp_path / "docs")

    sheets = {
        "tokens.css": "t {}",
        "pages/b.css": "b {}",
        "a.css": "a {}",
        "c.css": '@import "x.css";',
        "../d.css": "d {}",
    }
    for name, text in {**sheets, "pages/deep.css": "a { background: url(x.png) }"}.items():
        (tmp_path / "docs/assets/css/pages").mkdir(parents=True, exist_ok=True)
        (tmp_path / "docs/assets/css" / name).write_text(text)
    ours = ["assets/css/pages/b.css", "assets/css/a.css"]
    others = ["https://example.org/x.css", "assets/css/c.css", "assets/d.css", "assets/css/gone.css"]
    others.append("assets/css/pages/deep.css")
    config = Config(extra_css=[others[0], *ours, *others[1:]], extra_javascript=["assets/js/one.js"])
    mkdocs_hooks.on_config(config)
    absent = [name for name in mkdocs_hooks.styles() if name != "assets/css/tokens.css"]
    assert config["extra_css"] == ["assets/css/all.css", *absent, *others]
    assert config["extra_javascript"] == [*mkdocs_hooks.scripts(), "assets/js/one.js"]
    mkdocs_hooks.on_post_build(config)
    assert (tmp_path / "docs/assets/css/all.css").read_text() == "t {}\nb {}\na {}"


def test_a_page_asks_for_three_files_of_ours_and_those_of_its_kind(built_site):
    page = (built_site / "gallery/tiny/index.html").read_text()
    asked = set(re.findall(r'(?:href|src)="[^"]*assets/(css|js)/([\w/-]+)\.', page))
    site, own = {("js", "boot/theme"), ("css", "all"), ("js", "all")}, {"components/comparison", "enhance/table-switch"}
    assert site < asked and {name for _, name in asked - site} == own
    for kind in ("css", "js"):
        parts = [path for path in (built_site / f"assets/{kind}").rglob(f"*.{kind}") if path.name != f"all.{kind}"]
        whole = (built_site / f"assets/{kind}/all.{kind}").read_bytes()
        assert sum(path.read_bytes() in whole for path in parts) >= 5


def test_tables_of_written_pages_can_be_scrolled_by_keyboard():
    html = mkdocs_hooks.on_page_content("<p>a</p><table>b</table><table>c</table>", SimpleNamespace(), None, None)
    for number in (1, 2):
        assert f'<div class="scroller" role="region" aria-label="Table {number}" tabindex="0"><table>' in html
    assert html.count("</table></div>") == 2
    finished = mkdocs_hooks.on_page_content("", SimpleNamespace(ready="<table></table>"), None, None)
    assert finished == "<table></table>"


@pytest.mark.parametrize(
    ("page", "most"),
    [
        ("gallery/tiny/frog/index.html", 8_600),
        ("gallery/tiny/index.html", 9_000),
        ("gallery/tiny/layers/relu0.html", 6_300),
        ("gallery/images/index.html", 3_900),
    ],
)
def test_pages_are_light_as_servers_send_them(built_site, page, most):
    assert len(gzip.compress((built_site / page).read_bytes(), 6)) <= most
