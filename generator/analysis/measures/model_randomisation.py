"""Model randomisation: a map that stays the same when the network forgets was not about the network."""

from __future__ import annotations

import torch

from generator.analysis.measure_registry import measure

from .rank_correlation import spearman


@measure(
    "Randomisation", better="low", preset="standard", runs=5, cites="Adebayo et al. 2018, arXiv:1810.03292", order=40
)
def randomisation(heatmap, depth, redrawn, *, steps: int = 5):
    """How much of the map is left when the network's layers are drawn anew, from the last to the first.

    In `steps` stages more and more of the layers, from the top, get random weights as before training, until none is
    as it was (cascading randomisation). Each time the map is made again for the same class, and its order of pixels
    is compared with the first one's. The score is the mean over the stages; a map that became flat counts as 0.

    Formula: (1/n) Σ_k ρ(map, map of the network with its top k layers re-drawn), ρ Spearman's rank correlation

    Reading: Low is good: the map hung on what was learnt. Near 1 the map does not need the network: edges of the photo
    would do. Sobel edges score exactly 1.

    Limits: Passing it is no proof of anything; it only convicts. A coarse map always keeps some likeness, and a map
    that jumps to noise at the smallest change passes with ease.
    """
    tops = sorted({round(1 + (depth - 1) * step / max(1, steps - 1)) for step in range(steps)})
    correlations = [round(spearman(heatmap, redrawn(top)), 5) for top in tops]
    return {"score": round(float(torch.tensor(correlations).mean()), 5), "curve": correlations, "layers": tops}
