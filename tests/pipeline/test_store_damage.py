"""Whatever lies in the place of a record or a payload, a build heals it: to the bytes of one that was left alone."""

import os
import random
import shutil
import subprocess
from dataclasses import replace

import pytest
import tiny_gallery
from hypothesis import given, settings
from hypothesis import strategies as st

from generator.core.record_shape import has_shape, is_record
from generator.core.store import Store, key_of, sealed, unsealed

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
SHAPES = [None, [], {}, 7, "text", {"payloads": {}}, {"payloads": []}, {"payloads": {"file": "../../x"}},
          {"status": "drawn", "payloads": {}}, {"status": ["drawn"], "payloads": {}}, {"cards": [1], "payloads": {}},
          {"card": {}, "files": {}, "payloads": {}}, {"measures": [{}], "controls": [{}], "payloads": {}}]  # fmt: skip


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """A gallery whose store is whole; to be copied."""
    options = tiny_gallery.bundled(tmp_path_factory.mktemp("drawn"), methods=["saliency"], targets=["top"])
    assert tiny_gallery.run(options)[0].failures == {}
    return options


def files(folder):
    """All that the store holds, but for how long a pass took."""
    store = Store(folder)
    records = {path.stem: store.get(path.stem) for path in folder.glob("records/??/*.json")}
    for record in records.values():
        record.get("card", {}).pop("passes_seconds", None)
    return records, {path.name: path.read_bytes() for path in folder.glob("payloads/??/*")}


def damage(path, how, shape):
    """Lay something else in the place of a file."""
    content = path.read_bytes()
    path.unlink()
    if how == "folder":
        (path / "inner").mkdir(parents=True)
    elif how == "pipe":
        os.mkfifo(path)
    elif how == "link":
        path.symlink_to("/dev/zero")
    elif how == "nothing":
        return
    elif how == "shape":
        version = {"version": shape.get("version", 1)} if isinstance(shape, dict) else {}
        path.write_bytes(sealed({**shape, **version} if isinstance(shape, dict) else shape))
    elif how == "cut":
        path.write_bytes(content[: len(content) // 2])
    else:
        path.write_bytes(bytes([content[0] ^ 1]) + content[1:])


@pytest.mark.parametrize("seed", range(6))
def test_random_damage_heals(drawn, tmp_path, seed):
    """A third of all files, in every way at once; without a site, and with the worker in this process."""
    expected = files(drawn.store.folder)
    subprocess.run(["cp", "-r", "--preserve=all", f"{drawn.root}/.", str(tmp_path)], check=True)
    options = replace(drawn, root=tmp_path, config=tmp_path / "gallery.yml")
    chosen = random.Random(seed)
    for path in sorted(options.store.folder.glob("*/??/*")):
        if chosen.random() < 0.34:
            ways = ["folder", "pipe", "link", "nothing", "cut", "flip"] + ["shape"] * 4 * bool(path.suffix)
            damage(path, chosen.choice(ways), chosen.choice(SHAPES))
    (options.work / "fingerprint.json").unlink(missing_ok=True)
    for _ in range(2):  # what a picture shows is damaged may only be seen when it is read
        assert tiny_gallery.run(options)[0].failures == {}
    options.store.remove_damaged()
    (options.work / "fingerprint.json").unlink(missing_ok=True)  # both as `innerview check` does
    assert tiny_gallery.run(options)[0].failures == {}
    records, payloads = files(options.store.folder)
    assert records == expected[0]
    lost = {name for name in expected[1] if payloads.get(name) != expected[1][name]}
    users = {key: record for key, record in records.items() if lost & set(record["payloads"].values())}
    assert users == {} and set(payloads) <= set(expected[1])


@settings(max_examples=200)
@given(content=JSON, fields=st.sampled_from([(), ("status",), ("cards",), ("files", "width")]))
def test_whatever_is_sealed_is_a_record_of_ours_or_none(tmp_path_factory, content, fields):
    store = Store(tmp_path_factory.getbasetemp() / "sealed")
    key = key_of("any")
    store.put(key, {})
    path = store.folder / "records" / key[:2] / f"{key}.json"
    path.unlink()
    path.write_bytes(sealed(content))
    found = store.get(key, *fields)
    assert found is None or (is_record(found, fields) and all(name in found for name in fields))
    store.put(key, {"status": "inapplicable", "reason": "", "target": None})
    assert store.get(key, "status")["status"] == "inapplicable"


@pytest.mark.parametrize("how", ["folder", "pipe", "link"])
def test_what_is_no_file_is_neither_read_nor_waited_for(tmp_path, how):
    store = Store(tmp_path / "store")
    key, digest = key_of("one"), store.keep(b"payload")
    store.put(key, {"status": "inapplicable", "reason": "", "target": None})
    record, payload = (next(store.folder.glob(f"{kind}/??/*")) for kind in ("records", "payloads"))
    for path in (record, payload):
        damage(path, how, None)
    assert store.get(key) is None and not store.verify({"payloads": {"file": digest}})
    assert store.keep(b"payload") == digest and store.read(digest) == b"payload"
    store.put(key, {"status": "inapplicable", "reason": "", "target": None})
    assert store.get(key) is not None
    shutil.rmtree(store.folder)


# --- what is no figure: comparisons, evidence, probes -----------------------------------------------------

ALTERED = {  # of a whole record of each shape: sealed, and yet not ours
    "comparison": [
        {"numbers": {}},
        {"numbers": {"correlation": "1", "relative difference": 0}},
        {"files": {"left": ".png"}},
        {"files": {"left": ".png", "right": ".png", "difference": ".png", "fourth": ".png"}},
        {"scale": None},
        {"scale": [0, None]},
        {"sprite": {"channels": 4}},
        {"width": 0},
        {"height": True},
    ],
    "evidence": [
        {"numbers": {}},
        {"numbers": {"score": None}},
        {"numbers": {"score": True}},
        {"numbers": {"score": 0.5, "curve": []}},
        {"numbers": {"score": 0.5, "curve": ["x"]}},
        {"numbers": {"score": 0.5, "curve": [1], "layers": [0.5]}},
        {"status": "drawn", "meta": {}, "numbers": {}, "target": None},
        {"status": "inapplicable", "reason": 7},
    ],
    "probe": [{"images": 0}, {"problems": [7]}, {"norms": {}}, {"sheet": []}, {"payloads": {}}, {"data": None}],
}


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """A gallery of a tiny network and its pruned copy, with measures; its options and its records by shape."""
    folder = tmp_path_factory.mktemp("measured")
    wishes = {"methods": ["saliency", "activations"], "preset": "standard", "measures": ["deletion", "randomisation"]}
    options = tiny_gallery.lay(folder, ["one"], **wishes)
    content = tiny_gallery.yaml.safe_load(options.config.read_text())
    content["models"][0] |= {"prune": [0.5], "probe": "images"}
    tiny_gallery.write(options.config, content)
    assert tiny_gallery.run(options)[0].failures == {}
    records = files(options.store.folder)[0]
    return options, {shape: [key for key in records if has_shape(records[key], shape)] for shape in ALTERED}


@pytest.mark.parametrize("shape", ALTERED)
def test_other_records_of_another_shape_are_made_again(measured, shape):
    options, keys = measured
    expected = files(options.store.folder)
    assert len(keys[shape]) >= 2
    for number, change in enumerate(ALTERED[shape]):
        key = keys[shape][number % len(keys[shape])]
        path = options.store.folder / "records" / key[:2] / f"{key}.json"
        whole = unsealed(path.read_bytes())
        assert options.store.get(key, shape=shape) == whole
        path.unlink()
        path.write_bytes(sealed({**whole, **change}))
        assert options.store.get(key, shape=shape) is None, change
        if number + 1 < min(len(keys[shape]), len(ALTERED[shape])):
            continue  # all of them at once
        (options.work / "fingerprint.json").unlink(missing_ok=True)
        assert tiny_gallery.run(options)[0].failures == {}
        assert files(options.store.folder) == expected
