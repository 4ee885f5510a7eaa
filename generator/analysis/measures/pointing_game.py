"""Pointing: does the strongest place of the map lie on the thing."""

from __future__ import annotations

from generator.analysis.measure_registry import measure


@measure("Pointing", better="high", preset="standard", cites="Zhang et al. 2016, arXiv:1608.00507", order=30)
def pointing(heatmap, inside):
    """Whether the map's strongest pixel lies on the thing, and which share of the map does.

    Images can say where the thing is: by a `box` or a `mask` in images.yml, or by their own transparency. The score is
    1 for a hit and 0 for a miss, so that a mean over images is the share of hits. Beside it stand the share of the
    map's positive values that lie on the thing, and the share of the picture that the thing takes.

    Formula: 1 if argmax of the map ∈ thing, else 0

    Reading: High is good, if it is higher than the share of the picture that the thing takes: chance hits so often. The
    centred blob is the control to beat, since photographers put things in the centre.

    Limits: It asks for a map to lie on the thing, not on what the network used. A network that cheats, and reads the
    water instead of the ship, is punished for an honest map.
    """
    peak = int(heatmap.flatten().argmax())
    weight = heatmap.clamp(min=0)
    total = float(weight.sum())
    share = float(weight[inside].sum()) / total if total else 0.0
    return {
        "score": float(inside.flatten()[peak]),
        "map on it": round(share, 5),
        "picture on it": round(float(inside.float().mean()), 5),
    }
