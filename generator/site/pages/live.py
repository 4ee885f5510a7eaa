"""The live page: what a visitor's own picture goes through, in the browser."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from generator.core.manifest_types import LiveRecord
from generator.core.roles import INPUT
from generator.live.runtime import PINNED
from generator.live.scripts import AFTER, BEFORE

from .manifest_index import Gallery
from .urls import home_page, relative

LIVE = "live.html"
SEEN = "seen"  # the crop, among the maps
# Roles of the maps that the page makes, their words where the gallery has no such method, and how they are drawn.
MAPS = {
    "class-map": ("CAM", "overlay"),
    "region": ("Grad-CAM", "overlay"),
    "strength": ("Saliency", "grey"),
    "direction": ("Vanilla backprop", "colour"),
    "linear": ("Gradient × input", "signed"),
    "smoothed": ("SmoothGrad", "colour"),
    "covered": ("Occlusion", "signed"),
}


@dataclass(frozen=True)
class LiveModel:
    """One network to choose."""

    slug: str
    title: str


@dataclass(frozen=True)
class LivePage:
    """What templates/standalone/live.html needs."""

    title: str
    description: str
    site: str
    home: str
    models: list[LiveModel]
    runtime: str
    data: dict[str, Any]  # for live.js


def live(gallery: Gallery) -> LivePage | None:
    """Return the live page; None where no network is live."""
    listed = gallery.manifest.get("live", [])
    files = {record["model"]: record for record in listed if record["model"]}
    runtime = next((record for record in listed if not record["model"]), None)
    if not files or runtime is None:
        return None
    slugs = [slug for slug in gallery.models if slug in files]
    return LivePage(
        title="Try your own picture",
        description="Drop a photograph and see what a network makes of it: its answer, the pixels that counted, and "
        "every layer. It runs in your browser; the picture stays on your machine.",
        site=gallery.site["title"],
        home=home_page(),
        models=[LiveModel(slug, gallery.models[slug]["title"]) for slug in slugs],
        runtime=f"{PINNED['name']} {PINNED['version']}",
        data={
            "before": BEFORE.decode(),
            "after": AFTER.decode(),
            "gallery": "gallery/",
            "runtime": {"file": runtime["file"], "bytes": runtime["bytes"]},
            "models": [_model(gallery, slug, files[slug], runtime["bytes"]) for slug in slugs],
            "methods": _methods(gallery),
        },
    )


def href(gallery: Gallery, model: str, page: str) -> str:
    """Return where a picture of one's own can be given to a model, or to any where it is "", as seen from a page; ""
    where that is nowhere.
    """
    models = {record["model"] for record in gallery.manifest.get("live", [])} - {""}
    if not models or (model and model not in models):
        return ""
    place = relative(LIVE, page)
    return f"{place}#{model}" if model else place


def _methods(gallery: Gallery) -> list[dict[str, str]]:
    listed = [{"role": SEEN, "title": "What the network gets", "draw": ""}]
    for role, (title, draw) in MAPS.items():
        method = gallery.methods.get(gallery.with_role(role), {"title": title})
        listed.append({"role": role, "title": method["title"], "draw": draw})
    return listed


def _model(gallery: Gallery, slug: str, record: LiveRecord, runtime: int) -> dict[str, Any]:
    size = (record["bytes"] + runtime) / 1e6
    return {
        "slug": slug,
        "title": gallery.models[slug]["title"],
        "file": record["file"],
        "bytes": record["bytes"],
        "size": f"{size:.0f} MB",
        "pictures": [_picture(gallery, slug, image) for image in gallery.shown_of(slug)],
    }


def _picture(gallery: Gallery, model: str, image: str) -> dict[str, Any]:
    """Return the gallery's figures of one image, to be shown beside the visitor's."""
    figures = {role: gallery.in_role(model, image, role) for role in MAPS}
    figures[SEEN] = gallery.in_role(model, image, INPUT)
    layers = {name: figure["file"] for name, figure in gallery.of_layer(model, image).items() if figure["file"]}
    maps = {role: figure["file"] for role, figure in figures.items() if figure and figure["file"]}
    return {"title": gallery.images[image]["title"], "maps": maps, "layers": layers}
