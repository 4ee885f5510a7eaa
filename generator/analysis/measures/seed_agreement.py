"""Spread over seeds: how far a map made by chance is the map of one seed."""

from __future__ import annotations

from generator.analysis.measure_registry import measure

from .rank_correlation import spearman


@measure("Agreement of seeds", better="high", runs=3, cites="", order=50)
def seed_spread(heatmap, reseeded, *, seeds: int = 3):
    """How alike the map stays when its noise or its masks are drawn from other seeds.

    The map is made again with other seeds. The score is the mean rank correlation with them.

    Formula: (1/n) Σ_s ρ(map, map of seed s), ρ Spearman's rank correlation

    Reading: High is good: what you see is not the luck of a seed. Below about 0.9, take more samples before you look at
    details.

    Limits: Agreement is not truth: a method may repeat the same mistake for every seed.
    """
    correlations = [round(spearman(heatmap, reseeded(seed)), 5) for seed in range(1, seeds + 1)]
    return {"score": round(sum(correlations) / len(correlations), 5), "smallest": min(correlations)}
