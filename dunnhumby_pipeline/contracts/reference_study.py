"""What the reference study reported of its segments, from two years of data: facts for comparison, not targets."""

from __future__ import annotations

FACTORS, SEGMENTS = 5, 7
# By measure of `reference_comparison`; its bootstrap refitted K-Means alone, on factors that stayed.
REPORTED: dict[str, float] = {
    "n_features": 19,
    "n_factors": 5,
    "n_segments": 7,
    "pooled_r2": 0.9244,
    # Not reported: pooled less what the means of the columns explain.
    "centred_r2": 0.75,
    "silhouette": 0.219,
    "calinski_harabasz": 732.0,
    "davies_bouldin": 1.241,
    "cold_ari": 0.767,
    "smallest_share": 193 / 2500,
    "best_spend": 9716.0,
    "best_share": 299 / 2500,
}
# Its names and numbers of households, the largest first.
REPORTED_SEGMENTS: tuple[tuple[str, int], ...] = (
    ("light grocery", 524),
    ("active loyalists", 509),
    ("fresh lovers", 339),
    ("bulk shoppers", 318),
    ("regular + H&B", 318),
    ("VIP heavy", 299),
    ("lapsed H&B", 193),
)
