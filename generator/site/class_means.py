"""The mean maps of each class: drawn from the raw maps of its images, once, for the page of the class."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from generator.core.code_digest import closure_digest
from generator.core.manifest_types import ClassMeanRecord, FigureRecord, Manifest
from generator.core.naming import class_slugs, layer_slug
from generator.core.store import Store, key_of, unpack
from generator.drawing.mean_maps import RAMPS, mean_map, picture
from generator.pipeline.manifest import Published
from generator.site.pages.manifest_index import Gallery

FEWEST = 3  # images of a class from which on a mean is drawn
OWN = ("label", "top")  # roles of a target that make an image one of its class: labelled so, or predicted


def draw_all(described: Manifest, store: Store) -> tuple[list[ClassMeanRecord], list[Published]]:
    """Return the mean maps of a manifest as its `class_means`, and their files; what the store holds is not computed
    again.

    Raises `Damaged` for a map that is not what was stored.
    """
    code = closure_digest("generator.drawing.mean_maps")
    gallery = Gallery(described)
    drawn = [mean for figures in groups(gallery) if (mean := _drawn(gallery, figures, store, code))]
    return [record for record, _ in drawn], [file for _, file in drawn]


def groups(gallery: Gallery) -> list[list[FigureRecord]]:
    """Return the maps that have a mean: of one network, class, method and layer, one from each image of the class."""
    by_class: dict[tuple[str, int, str, str], dict[str, FigureRecord]] = defaultdict(dict)
    for figure in gallery.figures:
        target, style = figure["target"], gallery.style(figure["method"])
        own = figure["status"] == "drawn" and target and target["role"] in OWN and figure["image"] in gallery.images
        single = style.counts and style.values == "map" and style.axes == 3 and style.ramp in RAMPS
        if own and single and not figure["sprite"] and not figure["style"]:
            key = (figure["model"], target["index"], figure["method"], figure["layer"])
            by_class[key].setdefault(figure["image"], figure)
    alike = (list(figures.values()) for figures in by_class.values())
    return [figures for figures in alike if len(figures) >= FEWEST and len({tuple(f["shape"]) for f in figures}) == 1]


def _drawn(
    gallery: Gallery, figures: Sequence[FigureRecord], store: Store, code: str
) -> tuple[ClassMeanRecord, Published] | None:
    """Return the mean of some maps as the manifest has it, and its file; None where the store lost one of them."""
    first, arrays = figures[0], [figure["keys"]["array"] for figure in figures]
    target = first["target"]
    assert target is not None, "maps of a class have a target"
    ramp = gallery.style(first["method"]).ramp
    key = key_of("class mean", code, ramp, arrays)
    record = store.get(key, "width", "height", "scale", "zero")
    if record is None or not store.has_payloads(record):
        records = [store.get(array, "payloads") for array in arrays]
        digests = [about["payloads"]["arrays"] for about in records if about]
        if len(digests) < len(arrays):
            return None
        mean, _, zero = mean_map((unpack(store.read(digest))["map"] for digest in digests), signed=ramp == "signed")
        shown = picture(mean, ramp)
        about = {"width": shown.width, "height": shown.height, "scale": shown.scale, "zero": zero}
        record = store.put(key, about, {"file": shown.files["file"][1]})
    classes = gallery.models[first["model"]]["classes"]
    name = "--".join(filter(None, [first["method"], first["layer"] and layer_slug(first["layer"])]))
    file = f"{first['model']}/classes/means/{class_slugs(tuple(classes))[target['index']]}--{name}.png"
    entry: ClassMeanRecord = {
        "model": first["model"],
        "name": target["name"],
        "index": target["index"],
        "method": first["method"],
        "layer": first["layer"],
        "images": len(figures),
        "zero": record["zero"],
        "file": file,
        "width": record["width"],
        "height": record["height"],
        "shape": [side for side in first["shape"] if isinstance(side, int)],
        "scale": list(record["scale"]),
        "key": key,
        "digest": record["payloads"]["file"],
    }
    return entry, Published(file, record["payloads"]["file"])
