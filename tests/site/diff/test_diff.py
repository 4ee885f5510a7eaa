"""Two galleries set against each other: what changed is found, measured, ordered, refused, and told to people."""

import io
import json
import math
import re
import shutil
import tempfile
from dataclasses import replace
from functools import cache
from hashlib import sha256
from pathlib import Path

import fake_manifest
import numpy as np
import pytest
import tiny_gallery
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from generator.core.errors import ConfigError, InnerviewError
from generator.core.store import Store, pack
from generator.drawing.encode import indexed_png, png
from generator.drawing.palettes import GREENS, GREYS, SIGNED
from generator.drawing.similarity import ssim
from generator.site.diff import gates, markdown
from generator.site.diff import report as against
from generator.site.diff.comment_data import comment_data
from generator.site.diff.compute import diff
from generator.site.diff.snapshot import Side
from generator.site.diff.values import values

HOSTILE = "x`|<b>@all\nhttps://example.org](y)"


def slow_ssim(one, other):
    """The formula of the paper written out, window by window."""
    height, width = one.shape
    rows, columns = min(11, height), min(11, width)

    def weight(at, size):
        return math.exp(-((at - (size - 1) / 2) ** 2) / (2 * 1.5**2))

    found = []
    for top in range(height - rows + 1):
        for left in range(width - columns + 1):
            total = mean = mean_other = 0.0
            cells = [
                (weight(r, rows) * weight(c, columns), float(one[top + r, left + c]), float(other[top + r, left + c]))
                for r in range(rows)
                for c in range(columns)
            ]
            total = sum(w for w, _, _ in cells)
            mean, mean_other = (sum(cell[0] * cell[k] for cell in cells) / total for k in (1, 2))
            spread = sum(w * (a - mean) ** 2 for w, a, _ in cells) / total
            spread_other = sum(w * (b - mean_other) ** 2 for w, _, b in cells) / total
            common = sum(w * (a - mean) * (b - mean_other) for w, a, b in cells) / total
            c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
            above = (2 * mean * mean_other + c1) * (2 * common + c2)
            found.append(above / ((mean**2 + mean_other**2 + c1) * (spread + spread_other + c2)))
    return sum(found) / len(found)


@pytest.mark.parametrize("shape", [(14, 13), (11, 20), (5, 30), (1, 12)])
def test_ssim_is_the_formula_of_the_paper(shape):
    random = np.random.default_rng(7)
    one = random.integers(0, 256, shape).astype(np.uint8)
    other = np.clip(one + random.normal(0, 40, shape), 0, 255).astype(np.uint8)
    assert ssim(one, other) == pytest.approx(slow_ssim(one, other), abs=1e-9)
    assert ssim(one, one) == 1.0
    assert ssim(one, 255 - one) < ssim(one, other) < 1


def test_ssim_refuses_pictures_of_two_sizes():
    with pytest.raises(ValueError, match="one size"):
        ssim(np.zeros((4, 4)), np.zeros((4, 5)))


# --- what is read back from pictures -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("style", "palette", "scale", "steps"),
    [("grey", GREYS, (0.25, 1.25), 255), ("signed", SIGNED, (-2.0, 2.0), 127), ("sprite", GREENS, (0.0, 3.0), 254)],
)
def test_values_are_read_back_to_one_step_of_their_scale(tmp_path, style, palette, scale, steps):
    codes = np.arange(1, 250, dtype=np.uint8).reshape(3, 83)
    wanted = {"grey": scale[0] + codes / 255, "signed": (codes - 128.0) / 127 * 2, "sprite": codes / 254 * 3}[style]
    side = laid(tmp_path, style, indexed_png(codes, palette), scale)
    found = values(side, side.manifest["figures"][0])
    assert found.source == "decoded"
    np.testing.assert_allclose(found.arrays["map"][0], wanted, atol=(scale[1] - scale[0]) / steps / 100)


def test_a_lossy_picture_has_no_values_to_read_back(tmp_path):
    target = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(target, "WEBP", quality=80)
    side = laid(tmp_path, "colour", target.getvalue(), (-1.0, 1.0), ".webp")
    assert values(side, side.manifest["figures"][0]) is None


DRAWN_BY = {"grey": "saliency", "signed": "signed-gradient", "sprite": "activations", "colour": "vanilla-backprop"}


@cache
def fake_text():
    """The manifest of the fake gallery; its pictures are not needed here."""
    with tempfile.TemporaryDirectory() as folder:
        return json.dumps(fake_manifest.build(Path(folder)))


def laid(folder, style, picture, scale, suffix=".png", **more):
    """The fake gallery with one figure, drawn in `style`; a side of a comparison."""
    manifest = json.loads(fake_text())
    figure = next(figure for figure in manifest["figures"] if figure["method"] == DRAWN_BY[style])
    figure |= {"file": f"{figure['id']}{suffix}", "scale": scale, "digest": sha256(picture).hexdigest(), **more}
    (folder / figure["file"]).parent.mkdir(parents=True, exist_ok=True)
    if picture:
        (folder / figure["file"]).write_bytes(picture)
    (folder / "manifest.json").write_text(json.dumps(manifest | {"figures": [figure], "comparisons": []}))
    return Side(folder)


# --- what changed ------------------------------------------------------------------------------------


def grey_side(folder, codes, **more):
    return laid(folder, "grey", indexed_png(np.asarray(codes, np.uint8), GREYS), (0.0, 1.0), **more)


def test_the_numbers_of_a_changed_figure_are_those_of_its_values(tmp_path):
    random = np.random.default_rng(1)
    one, other = random.integers(0, 256, (2, 12, 16))
    told = diff(grey_side(tmp_path / "a", one), grey_side(tmp_path / "b", other))
    (entry,) = told["figures"]
    assert (entry["kind"], entry["values"]) == ("changed", "decoded")
    numbers, left, right = entry["numbers"], one.ravel() / 255, other.ravel() / 255
    assert numbers["correlation"] == pytest.approx(np.corrcoef(left, right)[0, 1], abs=1e-6)
    length = np.linalg.norm(right - left) / np.linalg.norm(left)
    assert numbers["relative difference"] == pytest.approx(length, abs=1e-6)
    assert numbers["largest difference"] == pytest.approx(np.abs(right - left).max(), abs=1e-6)
    assert numbers["ssim"] == pytest.approx(slow_ssim(one, other), abs=1e-6)


def test_stored_values_win_over_those_of_the_picture(tmp_path):
    sides = []
    for name, values_ in (("a", [1.0, 2.0]), ("b", [1.0, 2.5])):
        key = name * 64
        array = pack({"map": np.array([[values_]], np.float32)})
        Store(tmp_path / name / "store").put(key, {"status": "drawn", "meta": {}}, {"arrays": array})
        codes = [[10, 20 if name == "a" else 90]]
        sides.append(grey_side(tmp_path / name, codes, keys={"array": key, "picture": ""}))
    (entry,) = diff(*sides)["figures"]
    assert entry["values"] == "stored"
    assert entry["numbers"]["largest difference"] == 0.5


def test_without_pictures_and_store_only_digests_are_compared_and_it_is_said(tmp_path):
    laid(tmp_path / "a", "grey", b"", (0.0, 1.0), digest="1" * 64)
    name = laid(tmp_path / "b", "grey", b"", (0.0, 1.0), digest="2" * 64).manifest["figures"][0]["id"]
    answer = against.set_against(tmp_path / "a", tmp_path / "b", conditions=["correlation<0.5"])
    assert answer.told["figures"][0]["numbers"] == {}
    assert "digests alone" in answer.blind
    assert answer.refused == [f"correlation<0.5: not known of {name}"]  # nobody knows that it is within the limit


def test_the_most_changed_stand_first_and_a_lost_picture_before_them_all(tmp_path):
    random = np.random.default_rng(2)
    base = random.integers(0, 256, (12, 16))
    noisy = {"tiny/frog/a": 2, "tiny/frog/b": 80, "tiny/frog/c": 20}
    sides = []
    for name in ("a", "b"):
        side = grey_side(tmp_path / name, base)
        (record,) = side.manifest["figures"]
        records = []
        for key, noise in noisy.items():
            codes = np.clip(base + (random.normal(0, noise, base.shape) if name == "b" else 0), 0, 255)
            (tmp_path / name / f"{key}.png").write_bytes(indexed_png(codes.astype(np.uint8), GREYS))
            records.append({**record, "id": key, "file": f"{key}.png", "digest": sha256(codes).hexdigest()})
        lost = {"status": "failed", "file": "", "digest": "", "reason": "out of memory"} if name == "b" else {}
        records.append({**record, "id": "tiny/frog/d", **lost})
        write = {**side.manifest, "figures": records}
        (tmp_path / name / "manifest.json").write_text(json.dumps(write))
        sides.append(Side(tmp_path / name))
    told = diff(*sides)
    assert [entry["id"][-1] for entry in told["figures"]] == ["d", "b", "c", "a"]
    assert gates.broken([gates.gate("failed>0")], told) == ["failed>0: it is 1"]


def valued(folder, *numbers, unit="mm", kind="value"):
    """A side whose network answers the first image with these values."""
    side = grey_side(folder, [[1, 2]])
    values_ = [
        {"name": name, "value": number, "unit": unit} for name, number in zip(("age", ""), numbers, strict=False)
    ]
    of_classes = side.manifest["predictions"][0]
    entry = {**of_classes, "kind": "value", "top": [], "values": values_, "label": None, "correct": None}
    text = json.dumps({**side.manifest, "predictions": [entry if kind == "value" else of_classes]})
    (folder / "manifest.json").write_text(text)
    return Side(folder)


def test_a_value_that_changes_is_another_answer(tmp_path):
    before = valued(tmp_path / "a", 3.0, -0.5)
    for name, numbers, changed in (
        ("same", (3.0, -0.5), []),
        ("rounding", (3.0000003, -0.50000004), []),
        ("first", (3.01, -0.5), [(3.0, 3.01)]),
        ("sign", (3.0, 0.5), [(-0.5, 0.5)]),
        ("both", (4.0, -0.4), [(3.0, 4.0), (-0.5, -0.4)]),
    ):
        told = diff(before, valued(tmp_path / name, *numbers))
        assert [(entry["before"]["value"], entry["after"]["value"]) for entry in told["answers"]] == changed, name
    text = markdown.comment(told)
    assert "| `age 3 mm` | `age 4 mm` |" in text and "| `−0.5 mm` | `−0.4 mm` |" in text
    assert gates.broken([gates.gate("answers>0")], told) == ["answers>0: it is 2"]
    (first, second) = json.loads(comment_data(told, 0))["answers"]
    assert (first["before"], first["after"]) == ("age-3-mm", "age-4-mm")
    assert (second["before"], second["after"], second["label"]) == ("minus-0.5-mm", "minus-0.4-mm", "")
    assert len(diff(before, valued(tmp_path / "unit", 3.0, -0.5, unit="cm"))["answers"]) == 2
    assert diff(before, valued(tmp_path / "kind", kind="classes"))["answers"] == []  # the networks are other ones


def segmented(folder, **shares):
    """A side whose network divides the first image among these classes."""
    side = grey_side(folder, [[1, 2]])
    masks = [{"name": name, "index": ord(name[0]), "share": share} for name, share in shares.items() if share]
    more = {"kind": "mask", "top": [], "shares": masks, "label": None, "correct": None}
    text = json.dumps({**side.manifest, "predictions": [{**side.manifest["predictions"][0], **more}]})
    (folder / "manifest.json").write_text(text)
    return Side(folder)


def test_a_mask_that_grows_or_goes_is_another_answer(tmp_path):
    before = segmented(tmp_path / "a", sky=0.6, tree=0.3, pond=0.1)
    for name, shares, changed in (
        ("same", {"sky": 0.6, "tree": 0.3, "pond": 0.1}, []),
        ("rounding", {"sky": 0.6003, "tree": 0.2997, "pond": 0.1}, []),
        (
            "grown",
            {"sky": 0.35, "tree": 0.5, "pond": 0.15},
            [("sky", 0.6, 0.35), ("tree", 0.3, 0.5), ("pond", 0.1, 0.15)],
        ),
        ("gone", {"sky": 0.66, "tree": 0.3, "boat": 0.04}, [("pond", 0.1, 0), ("sky", 0.6, 0.66), ("boat", 0, 0.04)]),
    ):
        told = diff(before, segmented(tmp_path / name, **shares))
        answers = [(e["before"]["name"], e["before"]["share"], e["after"]["share"]) for e in told["answers"]]
        assert answers == changed, name
    assert "| `pond on 10 % of the picture` | `pond on 0 % of the picture` |" in markdown.comment(told).replace(
        "\xa0", " "
    )
    assert gates.broken([gates.gate("answers>0")], told) == ["answers>0: it is 3"]
    assert json.loads(comment_data(told, 0))["answers"][0]["after"] == "pond-0.0-percent"


# --- gates -------------------------------------------------------------------------------------------


TOLD = {
    "answers": [],
    "figures": [
        {"kind": "changed", "id": "m/i/a", "method": "a", "status": ["drawn"] * 2, "numbers": {"correlation": 0.8}},
        {"kind": "changed", "id": "m/i/b", "method": "b", "status": ["drawn"] * 2, "numbers": {"correlation": 0.95}},
        {"kind": "gone", "id": "m/i/c", "method": "a", "status": ["drawn", ""]},
    ],
}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("correlation<0.9", ["correlation<0.9: m/i/a (0.8)"]),
        ("b:correlation<0.9", []),
        ("a:correlation < 90%", ["a:correlation < 90%: m/i/a (0.8)"]),
        ("correlation>=0.95", ["correlation>=0.95: m/i/b (0.95)"]),
        ("gone>0", ["gone>0: it is 1"]),
        ("b:gone>0", []),
        ("changed>2", []),
        ("changed>=2", ["changed>=2: it is 2"]),
        ("answers>0", []),
        ("b:ssim<1", ["b:ssim<1: not known of m/i/b"]),
    ],
)
def test_a_gate_refuses_what_its_words_say(text, found):
    assert gates.broken([gates.gate(text)], TOLD) == found


@pytest.mark.parametrize("text", ["", "correlation", "likeness<1", "grad-cam<0.9", "correlation<<1", "ssim<1.2.3"])
def test_a_gate_that_means_nothing_is_refused(text):
    with pytest.raises(ConfigError, match="--fail-if"):
        gates.gate(text)


def test_a_figure_whose_name_leads_elsewhere_is_refused(tmp_path):
    grey_side(tmp_path, [[1, 2]])
    text = (tmp_path / "manifest.json").read_text()
    name = json.loads(text)["figures"][0]["id"]
    (tmp_path / "manifest.json").write_text(text.replace(f'"id": "{name}"', '"id": "../../x"'))
    with pytest.raises(InnerviewError, match="not a figure's name"):
        Side(tmp_path)


def test_a_folder_without_a_gallery_is_refused(tmp_path):
    with pytest.raises(InnerviewError, match="expected a built site"):
        Side(tmp_path)


# --- the comment -------------------------------------------------------------------------------------


def outside_code(text):
    return re.sub(r"`[^`\n]*`", "", text)


@given(words=st.text() | st.just(HOSTILE))
def test_words_of_others_stay_inside_their_code_span(words):
    span = markdown.code(words)
    assert re.fullmatch(r"`[^`\n]+`", span) and "|" not in span


def test_a_comment_fits_and_says_what_it_left_out():
    def entry(number, kind):
        name = f"model/image-{number % 50}/grad-cam--layer{number}"
        numbers = {"correlation": number / 3000, "ssim": 0.5}
        return {
            "kind": kind, "id": name, "model": "model", "image": f"image-{number % 50}", "method": "grad-cam",
            "layer": "", "target": HOSTILE, "status": ["drawn", "drawn"], "numbers": numbers,
            "because": ["the network"], "reason": "",
        }  # fmt: skip

    figures = [entry(number, kind) for kind in ("changed", "gone") for number in range(3000)]
    answer = {"name": HOSTILE, "probability": 0.5}
    told = {
        "counts": {"changed": 3000, "new": 0, "gone": 3000, "same": 5, "same, made anew": 0},
        "parts": {part: {"new": [HOSTILE], "gone": [], "changed": []} for part in ("models", "images", "methods")},
        "versions": [["torch", "1", "2"]],
        "answers": [{"model": "m", "image": "i", "label": HOSTILE, "before": answer, "after": answer}] * 2000,
        "figures": figures,
    }
    text = markdown.comment(told, [HOSTILE])
    assert 40_000 < len(text.encode()) <= markdown.LIMIT
    assert "more are listed on the Changes page" in text
    plain = outside_code(text.removeprefix(markdown.MARK))
    assert not re.search(r"[<@]|\]\(|://|www\.", plain)
    small = markdown.comment({**told, "answers": [], "figures": figures[:40]})
    assert "left out" not in small and small.count("grad-cam--layer") == 40


# --- real galleries ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def galleries(tmp_path_factory):
    """One gallery before and after a change of its network, a picture gone and one added; they share a store."""
    root = tmp_path_factory.mktemp("galleries")
    methods, shared = ["saliency", "grad-cam"], {"store_dir": root / "store"}
    base = tiny_gallery.lay(root / "base", ("one", "four"), methods=methods, module="tiny_before")
    tiny_gallery.run(base, **shared)
    other = tiny_gallery.NETWORK.replace("seed(3)", "seed(4)")
    head = tiny_gallery.lay(root / "head", ("one", "three"), other, "tiny_after", methods=methods)
    report, _ = tiny_gallery.run(head, **shared, no_site=False, against=root / "base")
    return root, replace(head, **shared), report


def test_a_site_built_against_another_tells_what_changed(galleries):
    root, options, report = galleries
    manifest = json.loads((options.out / "gallery" / "manifest.json").read_text())
    told = manifest["changes"]
    assert told["parts"]["images"] == {"new": ["three"], "gone": ["four"], "changed": []}
    assert told["parts"]["models"]["changed"] == ["mine"]
    changed = [entry for entry in told["figures"] if entry["kind"] == "changed"]
    assert {entry["values"] for entry in changed} == {"stored"}
    assert all(entry["because"] == ["the network"] for entry in changed)
    assert all(set(entry["files"]) == {"before", "after", "difference"} for entry in changed)
    page = (options.out / "gallery" / "changes" / "index.html").read_text()
    assert all(entry["files"]["before"].removeprefix("changes/") in page for entry in changed)
    assert "changes/index.html" in (options.out / "index.html").read_text()


def test_values_of_a_store_and_of_pictures_agree_to_8_bits(galleries):
    root, options, _ = galleries
    stored = {entry["id"]: entry for entry in diff(Side(root / "base", [root / "store"]), side(galleries))["figures"]}
    read = shutil.copytree(options.out / "gallery", root / "elsewhere" / "gallery", dirs_exist_ok=True)
    for figure in Side(root / "elsewhere").figures.values():
        entry = stored.get(figure["id"], {"kind": ""})
        if entry["kind"] == "changed" and figure["method"] == "saliency":
            left = values(Side(options.work, [root / "store"]), figure).arrays["map"]
            right = values(Side(read), figure).arrays["map"]
            factor = right.shape[-1] // left.shape[-1]
            step = (figure["scale"][1] - figure["scale"][0]) / 255
            low, high = figure["scale"]
            np.testing.assert_allclose(right[:, ::factor, ::factor], np.clip(left, low, high), atol=step)


def side(galleries):
    root, options, _ = galleries
    return Side(options.work, [root / "store"])


def test_the_same_gallery_twice_has_no_changes(galleries):
    root, options, _ = galleries
    answer = against.set_against(options.out, options.out, conditions=["changed>0", "new>0", "gone>0"])
    assert (answer.told["figures"], answer.refused) == ([], [])
    assert answer.told["counts"]["same"] > 5


def test_the_folder_holds_all_that_its_page_shows(galleries, tmp_path):
    root, options, _ = galleries
    folder = tmp_path / "changes"
    against.set_against(root / "base", options.out, stores=[root / "store"], html=folder)
    page = (folder / "index.html").read_text()
    named = re.findall(r'(?:src|href)="([^"#]+)"', page)
    assert len(named) > 10 and [name for name in named if not (folder / name).is_file()] == []
    assert json.loads((folder / "changes.json").read_text())["counts"]["changed"] > 0
    against.set_against(root / "base", options.out, html=folder)  # its own folder it may replace
    with pytest.raises(ConfigError, match="empty folder"):
        against.set_against(root / "base", options.out, html=root / "base")


def test_names_that_neither_gallery_has_are_refused(galleries):
    root, options, _ = galleries
    with pytest.raises(ConfigError, match="did you mean 'saliency'"):
        against.set_against(root / "base", options.out, chosen={"method": ["salience"]})
    with pytest.raises(ConfigError, match="neither gallery has 'cam2'"):
        against.set_against(root / "base", options.out, conditions=["cam2:ssim<1"])


def test_png_colours_are_read_back(tmp_path):
    board = np.random.default_rng(3).integers(0, 256, (8, 8, 3)).astype(np.uint8)
    one = laid(tmp_path, "colour", png(board), (-1.0, 1.0))
    found = values(one, one.manifest["figures"][0]).arrays["map"]
    np.testing.assert_allclose(found[0], board.transpose(2, 0, 1) / 255 * 2 - 1, atol=1e-5)
