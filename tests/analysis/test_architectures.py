"""How the architectures grew: the tables are those of the networks, the numbers the published ones."""

import json
import re
from xml.etree import ElementTree

import pytest

from generator.analysis.architectures import FILE, grown, written
from generator.site.pages import architectures
from generator.site.pages.manifest_index import Gallery
from generator.site.pages.svg_plot import GREEN, TOKENS, Axis, Plot


@pytest.fixture(scope="module")
def tables():
    """What the networks themselves say."""
    return grown()


def test_the_file_holds_what_the_networks_say(tables):
    assert FILE.read_text("utf-8") == written(tables), "write it anew: python tests/test_growth.py"


# Depth as in the papers; parameters as torchvision publishes them (ZFNet: by the paper's figure 3).
PUBLISHED = {
    "alexnet": (8, 61_100_840),
    "zfnet": (8, 62_357_608),
    "vgg16": (16, 138_357_544),
    "vgg19": (19, 143_667_240),
    "googlenet": (22, 6_624_904),
    "resnet50": (50, 25_557_032),
    "mobilenet_v2": (53, 3_504_872),
    "efficientnet-lite0": (50, 4_652_008),
}


def test_depth_and_parameters_are_the_published_ones(tables):
    assert {table["name"]: (table["depth"], table["parameters"]) for table in tables} == PUBLISHED


def test_work_and_sight_are_those_of_a_count_by_hand(tables):
    alexnet = next(table for table in tables if table["name"] == "alexnet")
    convolutions = [(64, 3, 11, 55), (192, 64, 5, 27), (384, 192, 3, 13), (256, 384, 3, 13), (256, 256, 3, 13)]
    assert alexnet["worked"]["conv"] == sum(k * c * side**2 * out**2 for k, c, side, out in convolutions)
    assert alexnet["worked"]["linear"] == 256 * 36 * 4096 + 4096 * 4096 + 4096 * 1000
    # 11; then 4 pixels from value to value: 11 + 2*4 = 19, 19 + 4*8 = 51; 67, 99; 131, 163
    assert alexnet["reach"] == [(1, 11), (2, 51), (3, 99), (4, 131), (5, 163)]


def test_the_page_shows_every_architecture_and_the_networks_of_the_gallery(fake_gallery):
    page = architectures.growth(Gallery(fake_gallery[1]))
    assert [row.title.text for row in page.rows] == [table["title"] for table in json.loads(FILE.read_text())]
    derived = {card["slug"] for card in fake_gallery[1]["models"] if card["derived_from"]}
    own = [card["title"] for card in fake_gallery[1]["models"] if card["slug"] not in derived]
    assert [row.title.text for row in page.own] == own
    sizes = "".join(ElementTree.fromstring(page.drawn[0].svg).itertext())
    assert all(row.title.text in sizes for row in [*page.rows, *page.own])


def test_a_title_is_text_whatever_stands_in_it(fake_gallery):
    manifest = json.loads(json.dumps(fake_gallery[1]))
    manifest["models"][0]["title"] = "$\\frac{ <script>alert(1)</script> & \n\x07"
    svg = architectures.growth(Gallery(manifest)).drawn[0].svg
    assert "<script" not in svg
    assert "$\\frac{ <script>alert(1)</script> &" in "".join(ElementTree.fromstring(svg).itertext())


def test_plots_take_their_colours_from_the_page_and_are_the_same_each_time(fake_gallery):
    page, again = (architectures.growth(Gallery(fake_gallery[1])) for _ in range(2))
    architectures._depth.cache_clear()
    assert architectures._depth().svg == page.drawn[1].svg == again.drawn[1].svg
    ids = []
    for drawn in page.drawn:
        root = ElementTree.fromstring(drawn.svg)
        assert root.get("role") == "img" and len(root.get("aria-label")) > 20
        assert set(re.findall(r"#[0-9a-f]{6}", drawn.svg)) == set(), "a colour that does not turn with the scheme"
        assert set(re.findall(r"var\(--([\w-]+)\)", drawn.svg)) <= set(TOKENS)
        ids += re.findall(r'\bid="([^"]+)"', drawn.svg)
    assert len(ids) == len(set(ids))


def test_a_plot_puts_things_where_its_axes_say():
    ticks = [(1, "1"), (10, "10")]
    plot = Plot("a plot", 200, 140, Axis(1, 100, "work", ticks, log=True), Axis(0, 4, "depth", [(2, "two & more")]))
    left, right, top, bottom = plot.left, plot.right, plot.top, plot.bottom
    assert plot.at(1, 0) == (left, bottom) and plot.at(100, 4) == (right, top)
    assert plot.at(10, 2) == ((left + right) / 2, (top + bottom) / 2)
    plot.dot(10, 2, GREEN)
    plot.line([(1, 0), (100, 4)], GREEN)
    root = ElementTree.fromstring(plot.svg)
    (dot,) = root.iter("circle")
    assert (float(dot.get("cx")), float(dot.get("cy"))) == pytest.approx(plot.at(10, 2), abs=0.06)
    assert f"M{left:.1f} {bottom:.1f}L{right:.1f} {top:.1f}" in {path.get("d") for path in root.iter("path")}
    assert {"1", "10", "two & more", "work", "depth"} == set(filter(None, root.itertext()))


def test_bars_begin_at_the_edge_and_are_as_long_as_their_values():
    plot = Plot("bars", 200, 140, Axis(0, 10), names=["first", "second"])
    plot.bar(0, 5, 0.5, GREEN, "5")
    plot.bar(1, 10, 0.5, GREEN, "10")
    bars = list(ElementTree.fromstring(plot.svg).iter("rect"))
    assert {float(bar.get("x")) for bar in bars} == {plot.left}
    assert [float(bar.get("width")) for bar in bars] == pytest.approx(
        [(plot.right - plot.left) / 2, plot.right - plot.left]
    )
    assert float(bars[0].get("y")) < float(bars[1].get("y")), "the first name is at the top"


if __name__ == "__main__":
    FILE.write_text(written(grown()), encoding="utf-8")
