"""Look things up in the manifest."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, SupportsIndex, cast

from generator.core.manifest_types import (
    ClassMeanRecord,
    ComparisonRecord,
    EvidenceRecord,
    FigureRecord,
    Manifest,
    MethodRecord,
    ModelLayer,
    ModelRecord,
    ProbeRecord,
    SiteRecord,
)
from generator.core.records import LAST, StyleCard
from generator.core.roles import ACTIVATIONS
from generator.drawing.styles import style_cards

from .class_index import Classes
from .stage_titles import distinct_stages

NOTHING: Any = {}  # in place of a record that is not there: every key has its default
MODEL_LEVEL = "model"  # the pseudo image of pictures that belong to a network, not to a photo
MOST = 24  # images that one page shows together; each has its report
FEW = 8  # that it shows of more
FAMILIES = {
    "inside": ("Inside the network", "Activations and weights, independent of a target class."),
    "gradient": ("Gradients", "How the score of a class responds to small changes of each pixel."),
    "cam": ("Class activation maps", "Coarse class-specific localisation from a late layer."),
    "perturbation": ("Perturbation", "How the score changes when parts of the image are covered."),
    "optimisation": ("Optimised images", "Images optimised to maximise a unit, layer or class."),
    "pair": ("Model comparison", "How activations and attributions differ between two models."),
}

# By what else people look for a family; American spellings are added by rule.
SYNONYMS = {
    "gradient": "attribution, sensitivity map, explanation",
    "cam": "attribution, class activation map, localisation, explanation",
    "perturbation": "attribution, explanation",
    "optimisation": "optimised image",
}


Numbers = Callable[[FigureRecord], dict[str, Any] | None]


def no_numbers(figure: FigureRecord) -> None:
    """Return the numbers of a figure where none are at hand."""


class Keys(list[str]):
    """Keys in their order, each of them once, whose places are looked up: thousands of pages ask for their neighbours.

    >>> Keys(["frog", "deer"]).index("deer")
    1
    """

    @cached_property
    def _places(self) -> dict[str, int]:
        return {key: place for place, key in enumerate(self)}

    def index(self, key: str, *within: SupportsIndex) -> int:
        """Return the place of a key, once all of them are there."""
        return super().index(key, *within) if within else self._places[key]


class Gallery:
    """Everything a page may ask of a manifest; orders are the manifest's own."""

    def __init__(self, manifest: Manifest, numbers: Numbers = no_numbers):
        self.manifest = manifest
        self._read_numbers = numbers
        self._numbers: dict[str, dict[str, Any] | None] = {}
        self.site: SiteRecord = manifest["site"]
        self.models: dict[str, ModelRecord] = {
            card["slug"]: {**card, "stages": distinct_stages(card)} for card in manifest["models"]
        }
        self.methods = {card["slug"]: card for card in sorted(manifest["methods"], key=_order)}
        self._with_role: dict[str, list[str]] = {}  # by role, once asked for: every picture asks
        self._styles = style_cards(manifest.get("styles", ()))
        self.activations = self.with_role(ACTIVATIONS)  # the slug of the method that shows layers; "" where none does
        self.images = {image["id"]: image for image in manifest["images"]}
        self.predictions = {(p["model"], p["image"]): p for p in manifest["predictions"]}
        self.figures: list[FigureRecord] = manifest["figures"]
        self.measures = {card["slug"]: card for card in manifest.get("measures", [])}
        self.controls = {control["slug"]: control for control in manifest.get("controls", [])}
        self.probes = {probe["model"]: probe for probe in manifest.get("probes", [])}
        self.pinned = {pin["figure"]: pin["file"] for pin in manifest.get("pins", []) if pin["current"]}
        self.shares = {share["page"]: share for share in manifest.get("shares", [])}
        # left and right model -> comparisons
        self.pairs: dict[tuple[str, str], list[ComparisonRecord]] = defaultdict(list)
        for entry in manifest.get("comparisons", []):
            self.pairs[entry["models"][0], entry["models"][1]].append(entry)
        # the same by image
        self._pairs: dict[tuple[str, str], dict[str, list[ComparisonRecord]]] = {}
        for models, entries in self.pairs.items():
            by_image = self._pairs.setdefault(models, {})
            for entry in entries:
                by_image.setdefault(entry["image"], []).append(entry)
        self._compared = {models: Keys(by_image) for models, by_image in self._pairs.items()}
        self.class_means: dict[tuple[str, int], list[ClassMeanRecord]] = defaultdict(list)
        for mean in manifest.get("class_means", []):
            self.class_means[mean["model"], mean["index"]].append(mean)
        self._by_id = {figure["id"]: figure for figure in self.figures}
        self._reports: dict[tuple[str, str], list[FigureRecord]] = defaultdict(list)
        self._images_of: dict[str, Keys] = {}  # by model, once asked for: every report needs its neighbours
        self._at_layer: dict[tuple[str, str], list[FigureRecord]] = defaultdict(list)
        for figure in self.figures:
            self._reports[figure["model"], figure["image"]].append(figure)
            if figure["method"] == self.activations and figure["status"] == "drawn":
                self._at_layer[figure["model"], figure["layer"]].append(figure)
        self._layers = {slug: {layer["name"]: layer for layer in card["layers"]} for slug, card in self.models.items()}

    def numbers(self, figure: FigureRecord) -> dict[str, Any] | None:
        """Return the numbers of a figure that are at hand: of its channels, or of the cells of a coarse map."""
        if figure["id"] not in self._numbers:
            self._numbers[figure["id"]] = self._read_numbers(figure)
        return self._numbers[figure["id"]]

    def statistics(self, model: str) -> ProbeRecord | None:
        """Return what is known of a model's answers and channels over most images; None where nothing was measured.

        That is the probe that the gallery names, else what travels with the weights, else a probe of the curated set.
        """
        probe = self.probes.get(model)
        if probe and probe["data"]:
            return probe
        return cast(ProbeRecord | None, self.models.get(model, NOTHING).get("statistics")) or probe

    @cached_property
    def classes(self) -> Classes:
        """The classes that have a page, by network."""
        predictions = self.predictions.values()
        return Classes(self.models, self.images, predictions, self.statistics, lambda m: self.report(m, MODEL_LEVEL))

    def figure(self, key: str) -> FigureRecord:
        """Return the figure with that id."""
        return self._by_id[key]

    def get(self, key: str) -> FigureRecord | None:
        """Return the figure with that id, if there is one."""
        return self._by_id.get(key)

    def report(self, model: str, image: str) -> list[FigureRecord]:
        """Return all figures of one image seen by one model."""
        return self._reports.get((model, image), [])

    def images_of(self, model: str) -> Keys:
        """Return the images that the model has a report of."""
        if model not in self._images_of:
            self._images_of[model] = Keys(image for image in self.images if (model, image) in self._reports)
        return self._images_of[model]

    def shown_of(self, model: str) -> list[str]:
        """Return those of them that its pages show together."""
        return together(self.images_of(model))

    def models_of(self, image: str) -> list[str]:
        """Return the models that have a report of the image."""
        return [model for model in self.models if (model, image) in self._reports]

    def compared(self, models: tuple[str, str]) -> Keys:
        """Return the images on which two networks, left and right, are compared."""
        return self._compared.get(models, Keys())

    def comparisons(self, models: tuple[str, str], image: str) -> list[ComparisonRecord]:
        """Return the comparisons of two networks on one image."""
        return self._pairs.get(models, {}).get(image, [])

    def measured_control(self, slug: str, model: str, image: str) -> Mapping[str, EvidenceRecord]:
        """Return what was measured of a control on one image of a model; empty where nothing was."""
        return self._controls.get((slug, model, image), {})

    @cached_property
    def image_keys(self) -> Keys:
        """The ids of all images."""
        return Keys(self.images)

    @cached_property
    def _controls(self) -> dict[tuple[str, str, str], Mapping[str, EvidenceRecord]]:
        return {
            (slug, entry["model"], entry["image"]): entry["evidence"]
            for slug, control in self.controls.items()
            for entry in control.get("measured", ())
        }

    def find(
        self, model: str, image: str, method: str, roles: tuple[str, ...] = (), layer: str = ""
    ) -> FigureRecord | None:
        """Return the first figure of that method, for a target in one of `roles` where some are given."""
        for figure in self.report(model, image):
            if figure["method"] == method and (not layer or figure["layer"] == layer):
                if not roles or (figure["target"] or NOTHING).get("role") in roles:
                    return figure
        return None

    def style(self, method: str) -> StyleCard:
        """Return the way in which a method draws, as the manifest describes it or else this version of the program."""
        return self.style_called(self.methods.get(method, NOTHING).get("draw", ""))

    def style_called(self, name: str) -> StyleCard:
        """Return the style with that name; a bare map where nobody describes it."""
        return self._styles.get(name) or StyleCard(name)

    def methods_with(self, role: str) -> list[str]:
        """Return the slugs of the methods that have a role (`core.roles.ROLES`), in order."""
        if role not in self._with_role:
            self._with_role[role] = [slug for slug in self.methods if role in self.roles_of(slug)]
        return self._with_role[role]

    def roles_of(self, method: str) -> Sequence[str]:
        """Return the roles of a method; in a manifest of an older version, which states none, it has that of its
        name.
        """
        return self.methods.get(method, NOTHING).get("roles", (method,))

    def with_role(self, role: str) -> str:
        """Return the slug of the first method that has a role; "" where there is none."""
        return next(iter(self.methods_with(role)), "")

    def in_role(self, model: str, image: str, role: str, targets: tuple[str, ...] = ()) -> FigureRecord | None:
        """Return the first figure of a report by a method that has a role, for one of the `targets` as in `find`."""
        figures = (self.find(model, image, method, targets) for method in self.methods_with(role))
        return next((figure for figure in figures if figure), None)

    def of_layer(self, model: str, image: str) -> dict[str, FigureRecord]:
        """Return the activations of one report by layer."""
        return self.by_layer(model, image, self.activations)

    def by_layer(self, model: str, image: str, method: str) -> dict[str, FigureRecord]:
        """Return the figures of a method in one report by layer."""
        return {f["layer"]: f for f in self.report(model, image) if f["method"] == method}

    def at_layer(self, model: str, name: str) -> list[FigureRecord]:
        """Return the activations of every image at one layer, drawn ones only."""
        return self._at_layer.get((model, name), [])

    def layers_of(self, model: str) -> list[str]:
        """Return the layers that have a page: those whose activations are drawn, in the order of the pass."""
        return [name for name in self._layers[model] if self.at_layer(model, name)]

    def families(self) -> list[tuple[str, str, str, list[MethodRecord]]]:
        """Name, title, summary and methods of each family that has any; families of someone's own come last."""
        by_family: dict[str, list[MethodRecord]] = {family: [] for family in FAMILIES}
        for card in self.methods.values():
            by_family.setdefault(card["family"], []).append(card)
        return [(name, *FAMILIES.get(name, (name, "")), cards) for name, cards in by_family.items() if cards]

    def layer(self, model: str, name: str) -> ModelLayer | None:
        """Return what is known of one layer of a model."""
        return self._layers.get(model, {}).get(name)


def _order(card: MethodRecord) -> int:
    return card.get("order", LAST)


def together(images: list[Any]) -> list[Any]:
    """Return those of many images, or of what there is of each, that one page shows together."""
    return images if len(images) <= MOST else images[:FEW]
