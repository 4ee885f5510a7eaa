"""What holds for the readers whatever they are given: the value is whole, or one line says why there is none."""

from __future__ import annotations

import contextlib
import copy
import functools
import json
import struct
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import bad_pictures
import fake_manifest
import jsonschema
import measured_files
import numpy as np
import torch
import yaml
from hypothesis import strategies as st
from repository import ROOT
from safetensors.torch import save_file

from generator.config import image_entries
from generator.config import settings as config
from generator.core.errors import InnerviewError
from generator.core.store import Store, key_of
from generator.data import measured
from generator.data.decode import decode
from generator.models import weights
from generator.pipeline import fingerprint, manifest_reader, selection
from generator.pipeline.fingerprint import Fingerprint
from generator.site.pages.manifest_index import Gallery


@dataclass
class Property:
    """A reader, what it is given, and what became of it: how often it `read` and how often it `refused`."""

    name: str
    given: st.SearchStrategy
    holds: Callable[[object], str]  # "read" or "refused"; whatever it raises is a finding
    counts: Counter = field(default_factory=Counter)
    longest: float = 0.0  # seconds over one value

    def __call__(self, value: object) -> None:
        began = time.monotonic()
        self.counts[self.holds(value)] += 1
        self.longest = max(self.longest, time.monotonic() - began)


def one_line(error: InnerviewError) -> str:
    """It is refused, and told so that a log and a terminal can take it."""
    told = str(error)
    assert told and len(told.splitlines()) == 1 and len(told) < 2000, told[:300]
    assert not any(c < " " for c in told), ascii(told[:300])
    told.encode()
    return "refused"


NUMBERS = [b"\xff" * 4, bytes(4), b"\x7f\xff\xff\xff", b"\x80" * 4]


# --- damage -------------------------------------------------------------------------------------------


@st.composite
def damaged(draw, originals):
    """One of the byte strings after some cuts, flips, doublings and insertions."""
    content = bytearray(draw(st.sampled_from(originals())))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(content)))
        stop = min(len(content), start + draw(st.integers(0, 80)))
        how = draw(st.sampled_from(["flip", "cut", "insert", "double", "end", "number"]))
        if how == "flip" and start < len(content):
            content[start] ^= 1 << draw(st.integers(0, 7))
        elif how == "cut":
            del content[start:stop]
        elif how == "insert":
            content[start:start] = draw(st.binary(max_size=40))
        elif how == "double":
            content[start:start] = content[start:stop]
        elif how == "end":
            del content[start:]
        elif how == "number":
            content[start : start + 4] = draw(st.sampled_from(NUMBERS))
    return bytes(content)


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


@st.composite
def altered(draw, originals):
    """A copy of one of the values in which some parts are gone, doubled, exchanged or something else."""
    value = copy.deepcopy(draw(st.sampled_from(originals())))
    for _ in range(draw(st.integers(1, 3))):
        place, inner = value, None
        for _ in range(draw(st.integers(1, 7))):
            if not isinstance(place, dict | list) or not place:
                break
            inner = (
                place,
                draw(st.sampled_from(sorted(place)) if isinstance(place, dict) else st.integers(0, len(place) - 1)),
            )
            place = inner[0][inner[1]]
        if inner is None:
            continue
        owner, key = inner
        how = draw(st.sampled_from(["other", "gone", "more"]))
        if how == "other":
            owner[key] = draw(PLAIN)
        elif how == "gone":
            del owner[key]
        elif isinstance(owner, dict):
            owner[draw(st.text(max_size=8))] = draw(PLAIN)
        else:
            owner.insert(key, draw(PLAIN))
    return value


# --- pictures -----------------------------------------------------------------------------------------


@functools.cache
def pictures() -> list[bytes]:
    """One small file of every kind that the bad pictures begin with."""
    found = []
    for case in (*bad_pictures.kinds(), *bad_pictures.moving(), *bad_pictures.profiles(), *bad_pictures.turned()):
        with tempfile.TemporaryDirectory() as folder:
            case.put(Path(folder, "picture"))
            found.append(Path(folder, "picture").read_bytes())
    return found


@functools.cache
def deep_pictures() -> list[bytes]:
    """TIFF of every depth and compression, BigTIFF, AVIF, and PNG with what tells colours."""
    ramp, found = np.linspace(0, 1, 320).reshape(16, 20), []
    for kind in ("u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8"):
        for order in "<>":
            found += [tiff(ramp * 100, order + kind), tiff(np.dstack([ramp * 100] * 3), order + kind, deflated=True)]
    photo = bad_pictures.noise(20, 16)
    for compression in ("tiff_lzw", "packbits", "tiff_adobe_deflate", "jpeg"):
        found.append(bad_pictures.encoded(photo, "TIFF", compression=compression))
    found.append(bad_pictures.encoded(photo.convert("1"), "TIFF", compression="group4"))
    found += [bad_pictures.encoded(photo, "TIFF", big_tiff=True), bad_pictures.encoded(photo, "AVIF")]
    told = [(b"gAMA", struct.pack(">I", 100_000)), (b"cICP", bytes([9, 14, 0, 1])), (b"tRNS", bytes(6))]
    told.append((b"cHRM", struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)))
    whole = bad_pictures.encoded(photo)
    return found + [whole[:33] + bad_pictures.chunk(kind, data) + whole[33:] for kind, data in told]


def tiff(values: np.ndarray, dtype: str, deflated: bool = False) -> bytes:
    """A TIFF of one strip, of greys (16, 20) or colours (16, 20, 3)."""
    data, samples = values.astype(dtype).tobytes(), 1 if values.ndim == 2 else values.shape[2]
    data, order = zlib.compress(data) if deflated else data, dtype[0]
    tags = {256: values.shape[1], 257: values.shape[0], 258: 8 * int(dtype[2]), 259: 8 if deflated else 1}
    tags |= {262: 1 if samples == 1 else 2, 277: samples, 278: 16, 279: len(data), 339: " uif".index(dtype[1])}
    tags[273] = 8 + 2 + 12 * (len(tags) + 1) + 4
    entries = b"".join(struct.pack(f"{order}HHII", tag, 4, 1, value) for tag, value in sorted(tags.items()))
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}IH", 8, len(tags))
    return head + entries + bytes(4) + data


@functools.cache
def measured_pictures() -> list[bytes]:
    """Small files of measured values: TIFF of every packing, predictor and layout, PNG of 16 bits, arrays."""
    smooth = np.add.outer(np.add.outer(np.arange(18) * 40, np.arange(20) * 9), np.arange(4))
    found = []
    for dtype in ("u1", "i2", "u4", "f2", "f8"):
        values = smooth.astype(dtype)
        for predictor in (1, 2, 3) if values.dtype.kind == "f" else (1, 2):
            for packing in ("", "deflate", "lzw", "packbits"):
                form = {"packing": packing, "predictor": predictor, "order": "<>"[len(found) % 2]}
                form |= [{}, {"tile": (16, 16)}, {"planar": True}, {"tile": (16, 16), "planar": True}][len(found) % 4]
                found.append(measured_files.tiff(values[..., : 1 + len(found) % 4], **form))
    found.append(measured_files.tiff([smooth[..., :1].astype("u2")] * 3))
    found += [measured_files.png16(smooth[..., :channels].astype("u2"), [0, 1, 2, 3, 4]) for channels in (1, 2, 3, 4)]
    return found + [measured_files.npy(smooth.astype(dtype)) for dtype in ("u1", ">i2", "f4")]


def read_measured(given: tuple[bytes, int]) -> str:
    content, frame = given
    assert measured.is_measured(content) or not measured.only_measured(content)
    try:
        values = measured.read(content, "picture", frame)
    except InnerviewError as error:
        assert str(error).startswith("picture: ")
        return one_line(error)
    assert values.ndim == 3 and values.dtype.kind in "uif" and values.nbytes <= measured.MOST_BYTES
    if 0 < values.size < 10**6:
        seen, note = measured.preview(values)
        assert seen.size == values.shape[1::-1] and len(note.splitlines()) == 1
    return "read"


def read_picture(content: bytes) -> str:
    try:
        seen, note = decode(content, "picture")
    except InnerviewError as error:
        assert str(error).startswith("picture: expected")
        return one_line(error)
    assert seen.mode in ("RGB", "RGBA") and len(seen.tobytes()) == seen.width * seen.height * len(seen.mode)
    assert len(note.splitlines()) <= 1
    return "read"


# --- configuration ------------------------------------------------------------------------------------


@functools.cache
def galleries() -> list[bytes]:
    """The configurations that come along, and one that uses every key."""
    root = ROOT
    return [path.read_bytes() for path in sorted(root.glob("galleries/*.yml"))] + [yaml.safe_dump(EVERYTHING).encode()]


@functools.cache
def listings() -> list[bytes]:
    """The list of pictures that comes along."""
    content = yaml.safe_load((ROOT / "images/images.yml").read_text("utf-8"))
    return [yaml.safe_dump({"images": content["images"][:4]}, allow_unicode=True).encode()]


EVERYTHING = {
    "site": {"title": "t", "url": "https://example.org", "description": "d"},
    "models": [
        "vgg-cifar10",
        {
            "name": "mine",
            "source": "a.b:c",
            "weights": "w.pt",
            "seed": 3,
            "input": {"size": [3, 8, 8], "mean": [0.5] * 3, "std": [0.5] * 3, "fit": "pad", "background": "#ffffff"},
            "classes": ["a", "b"],
            "vocabulary": "v",
            "images": ["x"],
            "targets": ["class:a"],
            "prune": [{"sparsity": 0.5, "scope": "layer"}, 0.9],
        },
    ],
    "images": "images",
    "methods": {"grad-cam": True, "smoothgrad": {"n": 4}},
    "targets": ["label", "contrast:a:b"],
    "preset": "quick",
    "compare": [["vgg-cifar10", "mine"]],
}


def read_gallery(content: bytes | dict) -> str:
    with _file("gallery.yml", content if isinstance(content, bytes) else yaml.safe_dump(content).encode()) as path:
        try:
            settings = config.load(path)
            for network in selection.networks(settings):
                selection.entry_of(settings, network)
            selection.couples(settings)
        except InnerviewError as error:
            return one_line(error)
        json.dumps(settings.model_dump(), ensure_ascii=False, allow_nan=False).encode()
        return "read"


def read_listing(content: bytes | dict) -> str:
    with _file("images.yml", content if isinstance(content, bytes) else yaml.safe_dump(content).encode()) as path:
        try:
            entries = image_entries.read_image_entries(path)
        except InnerviewError as error:
            return one_line(error)
        for entry in entries:
            json.dumps(entry.model_dump(), ensure_ascii=False).encode()
        return "read"


TEXTS = st.text(alphabet="ab:-[]{}&*!|>#'\"\n .%@0189_e+~?,\\\0\u2028\ud800é<", max_size=80)


# --- manifest -----------------------------------------------------------------------------------------


@functools.cache
def manifests() -> list[dict]:
    """A small whole one."""
    with tempfile.TemporaryDirectory() as folder:
        whole = fake_manifest.build(Path(folder))
    kept = {"images", "models", "methods", "figures", "predictions", "comparisons", "shares"}
    return [{name: part[:3] if name in kept else part for name, part in whole.items()}]


def read_manifest(manifest: object) -> str:
    content = json.dumps(manifest).encode() if not isinstance(manifest, bytes) else manifest
    with _file("manifest.json", content) as path:
        try:
            found = manifest_reader.read_manifest(path)
        except InnerviewError as error:
            return one_line(error)
    jsonschema.validate(found, json.loads(manifest_reader.SCHEMA.read_text("utf-8")))
    Gallery(found)
    return "read"


def agrees_with_jsonschema(manifest: object) -> str:
    """The library that reads manifests and the reference implementation find fault with the same ones."""
    manifest = json.loads(json.dumps(manifest), parse_constant=str)
    schema = json.loads(manifest_reader.SCHEMA.read_text("utf-8"))
    theirs = jsonschema.Draft202012Validator(schema).is_valid(manifest)
    ours = not [
        fault for fault in manifest_reader.faults(manifest) if not fault.endswith("no place below the manifest")
    ]
    assert ours == theirs, list(manifest_reader.faults(manifest))[:3]
    return "read" if ours else "refused"


# --- what a build leaves for the next one -----------------------------------------------------------------


@functools.cache
def memories() -> list[bytes]:
    """A fingerprint, a list of digests, a record, and files of others."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder, "store"))
        store.put(KEY, {"status": "drawn", "range": [0.0, 1.5]})
        (record,) = store.folder.rglob("*.json")
        mark = Fingerprint(Path(folder), {})
        mark.remember([], Path(folder), config.load(None), {"figures": 1})
        return [record.read_bytes(), Path(folder, "fingerprint.json").read_bytes(), b"{}", b"[1]", b"null", b"7", b""]


KEY = key_of("a job")


def read_memory(content: bytes) -> str:
    """Whatever lies in their place, a build is told what was left, or nothing; and writes over it."""
    with tempfile.TemporaryDirectory() as folder:
        work, store = Path(folder), Store(Path(folder, "store"))
        for name in ("fingerprint.json", "digests.json"):
            (work / name).write_bytes(content)
        place = store.folder / "records" / KEY[:2] / f"{KEY}.json"
        place.parent.mkdir(parents=True)
        place.write_bytes(content)
        kept = Fingerprint(work, {}).unchanged()
        assert kept in (None, {"figures": 1})
        assert fingerprint.Digests(work / "digests.json").of(place) == fingerprint.digest(place)
        found = store.get(KEY)
        assert found is None or content in memories()
        store.put(KEY, {"reason": "new"})
        assert store.get(KEY)["reason"] == "new"
        return "refused" if found is None and kept is None else "read"


# --- weights ------------------------------------------------------------------------------------------


@functools.cache
def weight_files() -> list[tuple[str, bytes]]:
    """The same tensors in both kinds of file."""
    state = {"a.weight": torch.arange(6.0).reshape(2, 3), "b": torch.ones(2, dtype=torch.float16)}
    with tempfile.TemporaryDirectory() as folder:
        save_file(state, Path(folder, "w.safetensors"))
        torch.save(state, Path(folder, "w.pt"))
        torch.save(state, Path(folder, "old.pt"), _use_new_zipfile_serialization=False)
        return [(path.suffix, path.read_bytes()) for path in sorted(Path(folder).iterdir())]


@st.composite
def damaged_weights(draw):
    """The suffix of a weights file, and its bytes after some damage."""
    suffix, content = draw(st.sampled_from(weight_files()))
    return suffix, draw(damaged(lambda: [content]))


def read_weights(given: tuple[str, bytes]) -> str:
    suffix, content = given
    with _file(f"w{suffix}", content) as path:
        try:
            state = weights.read(path)
        except InnerviewError as error:
            return one_line(error)
    assert all(isinstance(tensor, torch.Tensor) for tensor in state.values())
    return "read"


@contextlib.contextmanager
def _file(name: str, content: bytes):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_bytes(content)
        yield path


def properties() -> list[Property]:
    """All of them, with nothing counted yet."""
    return [
        Property("pictures", damaged(pictures), read_picture),
        Property("pictures, deep and rare", damaged(deep_pictures), read_picture),
        Property("pictures, measured", st.tuples(damaged(measured_pictures), st.integers(0, 2)), read_measured),
        Property("gallery.yml, damaged", damaged(galleries), read_gallery),
        Property("gallery.yml, altered", altered(lambda: [EVERYTHING]), read_gallery),
        Property("gallery.yml, any text", TEXTS.map(lambda text: text.encode("utf-8", "surrogatepass")), read_gallery),
        Property("images.yml, damaged", damaged(listings), read_listing),
        Property("images.yml, altered", altered(lambda: [yaml.safe_load(one) for one in listings()]), read_listing),
        Property("manifest.json, altered", altered(manifests), read_manifest),
        Property(
            "manifest.json, damaged", damaged(lambda: [json.dumps(one).encode() for one in manifests()]), read_manifest
        ),
        Property("manifest.json, against jsonschema", altered(manifests), agrees_with_jsonschema),
        Property("records and fingerprints", damaged(memories) | st.sampled_from(memories()), read_memory),
        Property("weights", damaged_weights(), read_weights),
    ]
