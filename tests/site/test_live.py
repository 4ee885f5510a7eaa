"""The live page in a real browser, over http and from a disk: what it computes is what torch computes."""

import dataclasses
import json

import browsing
import numpy as np
import pytest
import tiny_gallery
import torch
from PIL import Image
from repository import ROOT

from generator.core.records import Example
from generator.data.preprocess import normalise, photo
from generator.engine.model_card import describe
from generator.live import runtime
from generator.live.graph import Pass, layers_of, state_of
from generator.models.load import load
from generator.models.specs import file_digest, resolve
from generator.pipeline.options import Progress
from generator.site.build import build

PHOTO = ROOT / "images/photos/chelsea.png"
ENDED = (
    "html[data-live=done], html[data-live=error]"  # functions to wait for would be evaluated, which its policy forbids
)
MODEL = "vgg-cifar10"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A small gallery whose network is live."""
    try:
        runtime.fetch()
    except runtime.RuntimeMissing as error:
        pytest.skip(f"the npm registry is out of reach: {error}")
    options = tiny_gallery.bundled(tmp_path_factory.mktemp("live"), methods=["saliency", "activations"])
    build(dataclasses.replace(options, no_site=False), Progress())
    return options.out


@pytest.fixture(scope="module")
def network():
    """The network as the page has it, and its card."""
    loaded = load(resolve(MODEL))
    return loaded, describe(loaded)


@pytest.fixture(scope="module")
def seen(site, chromium):
    """What came out of one photograph over http: results, maps, and the page, which stays open."""
    with browsing.served(site) as address, browsing.pages(chromium) as go:
        page = go(f"{address}/live.html#{MODEL}")
        requests = []
        page.on("request", lambda request: requests.append(request.url))
        assert page.evaluate("document.documentElement.dataset.live") == "idle"
        yield {**given(page, PHOTO), "page": page, "requests": requests, "address": address}


def ended(page):
    """Wait until a picture is done."""
    page.wait_for_selector(ENDED, state="attached", timeout=300_000)
    assert page.evaluate("document.documentElement.dataset.live") == "done", page.inner_text("#live-status")


def given(page, file):
    """Give a picture to the page; what came out of it."""
    page.set_input_files("#live-file", str(file))  # from now on it is `running`
    ended(page)
    text = page.evaluate(
        "JSON.stringify({...innerviewLive.last, input: Array.from(innerviewLive.last.input), maps: Object.fromEntries("
        "Object.entries(innerviewLive.maps).map(([name, values]) => [name, Array.from(values)]))})"
    )
    return json.loads(text)


def close(ours, torchs, share):
    """Whether values are within a share of the largest of torch's."""
    wanted = torchs.detach().flatten().numpy()
    return float(np.abs(np.asarray(ours) - wanted).max()) <= share * float(np.abs(wanted).max())


def levels_apart(ours, file, wanted):
    """By how many of 255 levels the page's input differs from what the gallery makes of a file, at most."""
    x = normalise(photo(Example("one", str(file), "", file_digest(file), (1, 1)), wanted), wanted)
    apart = np.abs(np.asarray(ours).reshape(x.shape) - x) * np.reshape(wanted.std, (len(wanted.std), 1, 1))
    return round(float(apart.max()) * 255, 3)


def test_the_crop_is_that_of_the_gallery(seen, network):
    assert levels_apart(seen["input"], PHOTO, network[0].input) <= 2
    with Image.open(PHOTO) as picture:
        width, height = picture.size
    left, top, wide, high = seen["crop"]
    assert (top, high) == (0, height) and abs(wide - height) <= 1 and abs(left - (width - wide) / 2) <= width / 32


def test_answer_and_maps_are_those_of_torch(seen, network):
    loaded, card = network
    x = torch.tensor(seen["input"]).reshape(1, *card.input.size)
    direction = torch.zeros(1, len(card.classes))
    direction[0, seen["target"]] = 1
    scores, gradient, at_layer, *activations = Pass(loaded, card, layers_of(loaded, card))(
        state_of(loaded), x, direction
    )
    assert close(seen["logits"], scores, 1e-3)
    best = scores.softmax(1)[0].topk(5)
    assert seen["top"][0][0] == card.classes[int(best.indices[0])] and seen["target"] == int(scores.argmax())
    assert np.allclose([share for _, share in seen["top"]], best.values.numpy(), atol=1e-3)
    activation = activations[layers_of(loaded, card).index(card.default_layer)]
    maps = seen["maps"]
    assert close(maps["region"], (at_layer.mean((2, 3), keepdim=True) * activation).sum(1).relu(), 1e-2)
    assert close(maps["direction"], gradient, 1e-2)
    assert close(maps["strength"], gradient.abs().sum(1), 1e-2)
    assert close(maps["linear"], (gradient * x).sum(1), 1e-2)
    assert close(maps["covered"], covered(loaded, x, seen["target"]), 1e-2)
    assert "class-map" not in maps  # a max-pool stands behind its last maps
    smooth, plain = np.asarray(maps["smoothed"]), np.asarray(maps["direction"])
    assert 0 < np.abs(smooth).max() and not np.allclose(smooth, plain)


def covered(loaded, x, target):
    """The gallery's occlusion, with the weights that the page has."""
    from generator.engine.method_registry import METHODS, load_methods

    load_methods()
    state, kept = state_of(loaded), loaded.model.state_dict()
    loaded.model.load_state_dict({**kept, **state})
    try:
        with torch.no_grad():
            score = lambda samples: torch.stack([loaded.model(one)[0, target] for one in samples])  # noqa: E731
            return METHODS["occlusion"].function(x, score, lambda cover: torch.zeros_like(x))[0]
    finally:
        loaded.model.load_state_dict(kept)


def test_nothing_leaves_the_site(seen):
    assert seen["requests"] and all(url.startswith((seen["address"], "blob:", "data:")) for url in seen["requests"])
    policy = seen["page"].get_attribute("meta[http-equiv=Content-Security-Policy]", "content")
    assert "connect-src 'self'" in policy and "default-src 'none'" in policy


def test_every_layer_of_the_walk_is_there_with_all_its_channels(seen, network):
    loaded, card = network
    page, layers = seen["page"], layers_of(*network)
    names = page.locator("#live-layers b").all_inner_texts()
    assert names == layers
    channels = {layer.name: layer.shape[0] for layer in card.layers}
    most = page.locator("#live-layers input[type=range]").evaluate_all(
        "inputs => inputs.map(input => Number(input.max))"
    )
    assert most == [channels[name] - 1 for name in layers]
    slider = page.locator("#live-layers input[type=range]").first
    slider.focus()
    page.keyboard.press("ArrowRight")
    assert slider.get_attribute("aria-valuetext").startswith("1 of 0 to 63")


def test_the_page_is_accessible_and_fits_a_phone(seen):
    page = seen["page"]
    assert browsing.violations(page) == []
    page.set_viewport_size(browsing.PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.set_viewport_size(browsing.WIDE)


def test_another_class_and_another_crop_by_keyboard(seen):
    page = seen["page"]
    page.locator("#live-slow").uncheck()
    page.locator("#live-class").fill("frog")
    page.keyboard.press("Enter")
    page.locator("#live-explained", has_text="frog").wait_for()
    ended(page)
    assert page.evaluate("innerviewLive.last.target") == 6
    before = page.evaluate("innerviewLive.last.crop")
    page.locator("#live-crop-box").focus()
    page.keyboard.press("ArrowRight")
    ended(page)
    assert page.evaluate("innerviewLive.last.crop")[0] > before[0]


def test_a_broken_picture_is_a_line_and_the_next_one_is_seen_as_it_is_turned(seen, network, tmp_path):
    page, broken = seen["page"], tmp_path / "broken.png"
    broken.write_bytes(PHOTO.read_bytes()[:100])
    page.set_input_files("#live-file", str(broken))
    page.wait_for_selector("html[data-live=error]", state="attached")
    assert "no picture" in page.inner_text("#live-status")
    turned, exif = tmp_path / "turned.jpg", Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    with Image.open(PHOTO) as picture:
        picture.convert("RGB").crop((0, 0, 90, 60)).save(turned, exif=exif, quality=95)
    assert levels_apart(given(page, turned)["input"], turned, network[0].input) <= 3


def test_from_a_disk_it_says_the_same(site, chromium, seen):
    with browsing.pages(chromium) as go:
        page = go(f"{site.as_uri()}/live.html#{MODEL}")
        page.locator("#live-slow").uncheck()
        assert given(page, PHOTO)["logits"] == seen["logits"]


def test_pages_lead_to_it_where_a_network_is_live(site):
    assert 'href="live.html"' in (site / "index.html").read_text()
    assert f'href="../../live.html#{MODEL}"' in (site / f"gallery/{MODEL}/index.html").read_text()
    assert f'href="../../../live.html#{MODEL}"' in (site / f"gallery/{MODEL}/frog/index.html").read_text()
