"""A site address is normalised, or refused in one line before anything is drawn; under it the site holds together."""

import fake_site
import pytest
import tiny_gallery
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from generator.__main__ import main
from generator.config.settings import load
from generator.config.web_address import web_address
from generator.core.errors import ConfigError
from generator.site.check import check_site

NORMALISED = {
    "https://example.org/g": "https://example.org/g",
    "HTTPS://Example.ORG:443/G/": "https://example.org/G/",
    "http://example.org:8080": "http://example.org:8080",
    "https://bücher.example/Größe & mehr": "https://xn--bcher-kva.example/Gr%C3%B6%C3%9Fe%20&%20mehr",
    "https://例え.テスト/画像": "https://xn--r8jz45g.xn--zckzah/%E7%94%BB%E5%83%8F",
    "http://[::1]:8000/x": "http://[::1]:8000/x",
    "http://[2001:0DB8:0:0::1]": "http://[2001:db8::1]",
    "https://example.org/50%/%C3%A9": "https://example.org/50%25/%C3%A9",
    'https://example.org/"<b>': "https://example.org/%22%3Cb%3E",
    "https://127.0.0.1/": "https://127.0.0.1/",
}
REFUSED = [
    "ftp://example.org",
    "https://",
    "https:///gallery",
    "example.org",
    "javascript:alert(1)",
    "https://example.org/#top",
    "https://example.org/?a=1",
    "https://example.org/#",
    "https://example.org:port/",
    "https://example.org:99999",
    "https://[::1",
    "https://[fe80::1%25eth0]/",
    "https://[zz]/",
    "https://name:word@example.org",
    "https://exa mple.org",
    "https://example.org\\@other.org",
    "https://-a.example",
    "https://a..example",
    f"https://{'a' * 64}.example",
    "https://example.org/a/../b",
    "https://example.org/\x1b[2J",
]


@pytest.mark.parametrize("given", NORMALISED)
def test_addresses_have_one_form(given, tmp_path):
    tiny_gallery.write(tmp_path / "gallery.yml", {"site": {"url": given}})
    assert load(tmp_path / "gallery.yml").site.url == NORMALISED[given] == web_address(NORMALISED[given])


@pytest.mark.parametrize("given", REFUSED, ids=ascii)
def test_what_is_none_is_refused_before_anything_is_drawn(given, tmp_path, monkeypatch):
    options = tiny_gallery.lay(tmp_path, ["one"], site={"url": given})
    with pytest.raises(ConfigError, match=r"^gallery.yml: site.url: expected ") as error:
        tiny_gallery.run(options, no_site=False)
    assert len(str(error.value).splitlines()) == 1 and not options.work.exists()
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["embed", "a/b/c", "--url", given])
    assert result.exit_code == 2 and len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "address", [NORMALISED[one] for one in NORMALISED if one.startswith(("https://bü", "http://[::"))]
)
def test_the_site_holds_together_under_it(address, fake_gallery, tmp_path):
    site = fake_site.publish_addressed(*fake_gallery, tmp_path, address)
    assert check_site(site) == []
    assert f'href="{address}/'.replace("&", "&amp;") in (site / "index.html").read_text()


def test_where_a_picture_was_found_may_have_a_query_and_a_fragment(tmp_path):
    assert web_address("https://example.org/a b?q=ü#ß", page=True) == "https://example.org/a%20b?q=%C3%BC#%C3%9F"
    with pytest.raises(ValueError):
        web_address("http://[", page=True)


@given(st.text() | st.from_regex(r"https?://[^/]{0,12}(/.{0,20})?", fullmatch=True), st.booleans())
def test_it_is_one_form_or_one_line(text, page):
    try:
        address = web_address(text, page)
    except ValueError as error:
        assert str(error).startswith("expected ")
    else:
        assert address.isascii() and address.isprintable() and not set(address) & set(' "<>\\^`{|}')
        assert web_address(address, page) == address
