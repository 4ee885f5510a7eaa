"""Which kind of page loads which style sheets and scripts: the one table, read by templates, mkdocs and commands."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Assets:
    """What a kind of page loads: names below `assets/css` and `assets/js`, without their endings, in their order."""

    styles: tuple[str, ...] = ()
    scripts: tuple[str, ...] = ()  # at the end of the page, or deferred
    first: tuple[str, ...] = ()  # scripts that run before the page is drawn


def _assets(styles: str = "", scripts: str = "", first: str = "") -> Assets:
    return Assets(tuple(styles.split()), tuple(scripts.split()), tuple(first.split()))


COMPARISON = "palettes filters elements/iv-compare"
PAIR = f"{COMPARISON} enhance/paired-animations"
# "site" is what every page within the theme loads, as one bundle; its kinds, named after their templates, add to that.
# Pages that stand alone load theirs and nothing else; "figure+..." is added where a figure has such a thing.
ASSETS: dict[str, Assets] = {
    "site": _assets(
        "fonts tokens palettes theme base components/controls components/figure components/enlarged components/table "
        "components/page pages/home pages/hub pages/report pages/learn components/faithfulness components/animation "
        "forced-colours print",
        "core enhance/photo-overlay enhance/animation enhance/lightbox enhance/true-scale enhance/card-filter "
        "enhance/magnifier",
        "boot/theme",
    ),
    "home": _assets("components/stage", "elements/iv-stage elements/iv-scrubber elements/iv-copy"),
    "model": _assets("components/comparison", "enhance/table-switch"),
    "method": _assets("", "enhance/table-switch"),
    "report": _assets(
        "components/stage",
        "enhance/figure-facts elements/iv-stage elements/iv-filmstrip elements/iv-scrubber elements/iv-strongest "
        "enhance/current-section",
    ),
    "layer": _assets(
        "components/channel-table components/unit pages/layer",
        "elements/iv-channel-table enhance/layer-images elements/iv-unit enhance/save-csv",
    ),
    "class": _assets("components/comparison pages/class"),
    "findings": _assets("components/channel-table"),
    "compare": _assets("components/comparison"),
    "pair": _assets("components/comparison", PAIR),
    "pair-image": _assets("components/comparison", PAIR),
    "compare-figures": _assets("components/comparison", f"{PAIR} enhance/compare-figures"),
    "changes": _assets("components/comparison pages/changes", COMPARISON),
    "standalone/figure": _assets(
        "fonts tokens palettes base components/controls components/figure components/enlarged components/table "
        "components/page pages/home pages/learn pages/figure components/zoom pages/embedded forced-colours",
        "enhance/photo-overlay enhance/true-scale elements/iv-copy elements/iv-channels enhance/zoom enhance/save-csv",
        "boot/scheme core boot/embed",
    ),
    "standalone/figure+faithfulness": _assets("components/faithfulness"),
    "standalone/figure+animation": _assets("components/animation", "enhance/animation"),
    "standalone/figure+colour-controls": _assets("", "palettes filters enhance/colour-controls"),
    "standalone/changes": _assets(
        "fonts tokens palettes base components/controls components/figure components/table components/page pages/home "
        "pages/hub pages/learn pages/figure components/comparison pages/changes",
        f"core {COMPARISON}",
        "boot/scheme",
    ),
    "standalone/live": _assets(
        "fonts tokens base components/controls pages/live", "palettes live-worker live", "boot/scheme"
    ),
}


def files(kind: str) -> list[str]:
    """Return the files of a kind of page below `assets/`."""
    assets = ASSETS[kind]
    return [f"css/{name}.css" for name in assets.styles] + [f"js/{name}.js" for name in assets.first + assets.scripts]
