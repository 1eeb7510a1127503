"""The reference study's setting beside ours, on the same households: its segments described, and both measured."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
from sklearn.metrics import adjusted_rand_score

from dunnhumby_pipeline.contracts.reference_study import REPORTED
from dunnhumby_pipeline.segmentation.factors.factors import Factors, explained
from dunnhumby_pipeline.segmentation.factors.matrix import Treatment, fit_scaling
from dunnhumby_pipeline.segmentation.profiles.profiles import ProfileError, segment_features, segment_profiles

MEASURES: dict[str, str] = {
    "n_features": "features that are factored",
    "n_factors": "factors",
    "n_segments": "segments",
    "pooled_r2": "variance explained, pooled over all cells",
    "centred_r2": "variance explained, column-centred",
    "silhouette": "silhouette of factor scores",
    "calinski_harabasz": "Calinski-Harabasz",
    "davies_bouldin": "Davies-Bouldin",
    "cold_ari": "agreement of refits from scratch, ARI",
    "warm_ari": "agreement of refits started from it, ARI",
    "smallest_share": "smallest segment, share of households",
    "best_share": "segment of the largest mean spend, share of households",
    "best_spend": "its mean spend",
    "largest_tier_share": "largest share of a segment that is of high value",
    "eta_spend": "spend that lies between segments, eta squared",
    "eta_independent": "features that neither setting used, mean eta squared",
    "ari_of_both": "agreement of the two settings, ARI",
}
_OF_BOARD = (
    "n_features", "n_factors", "n_segments", "silhouette", "calinski_harabasz", "davies_bouldin", "cold_ari",
    "warm_ari", "smallest_share",
)  # fmt: skip


@dataclass(frozen=True)
class Setting:
    """One way to segment: household_key, segment and segment_name of each household, and the loadings behind it."""

    segments: pd.DataFrame
    loadings: pd.DataFrame
    treatment: Treatment = "percentile"

    @property
    def features(self) -> list[str]:
        """The features that were factored."""
        return list(dict.fromkeys(self.loadings["feature"]))


def beside_reference(
    features: pd.DataFrame,
    status: pd.DataFrame,
    ours: Setting,
    reference: Setting,
    scoreboard: pd.DataFrame,
    confidence: float,
) -> dict[str, pd.DataFrame]:
    """The tables of the comparison, by name.

    reference_profiles and reference_features: the segments of the reference setting, as `segment_profiles` and
    `segment_features` describe ours; reference_overlap: which of its households are in which of our segments
    (`overlap`); reference_comparison (`comparison`). `scoreboard`: `segment_scoreboard`, with a row 'chosen' and a row
    'reference'. Raises ProfileError when the tables have different households or the scoreboard lacks a row.
    """
    described = {
        name: (
            segment_profiles(features, setting.segments, status),
            segment_features(features, setting.segments, setting.features, confidence),
        )
        for name, setting in (("ours", ours), ("reference", reference))
    }
    profiles, means = described["reference"]
    return {
        "reference_profiles": profiles,
        "reference_features": means,
        "reference_overlap": overlap(ours.segments, reference.segments),
        "reference_comparison": comparison(features, ours, reference, scoreboard, described),
    }


def overlap(ours: pd.DataFrame, reference: pd.DataFrame) -> pd.DataFrame:
    """Which of our segments the households of each reference segment are in.

    Columns: reference_segment, segment, n, share (of the reference segment), share_of_segment (of ours). All cells are
    there. Raises ProfileError when the two have different households.
    """
    alone = set(ours["household_key"]) ^ set(reference["household_key"])
    if alone:
        raise ProfileError(
            f"{len(alone)} households are in segments of one setting alone (such as {min(alone)}); make `segments` and "
            "`reference_segments` from one run"
        )
    both = ours[["household_key", "segment"]].merge(
        reference[["household_key", "segment"]], on="household_key", suffixes=("", "_reference")
    )
    counts = pd.crosstab(both["segment_reference"].astype(str), both["segment"].astype(str))
    table = counts.rename_axis(index="reference_segment", columns="segment").stack().rename("n").reset_index()
    table["share"] = table["n"] / table.groupby("reference_segment")["n"].transform("sum")
    table["share_of_segment"] = table["n"] / table.groupby("segment")["n"].transform("sum")
    return table.astype({"reference_segment": "str", "segment": "str"})


def comparison(
    features: pd.DataFrame,
    ours: Setting,
    reference: Setting,
    scoreboard: pd.DataFrame,
    described: dict[str, tuple[pd.DataFrame, pd.DataFrame]],
) -> pd.DataFrame:
    """What the reference study reported, what its setting gives here, and what ours gives: a row per measure.

    Columns: measure (`MEASURES`), meaning, reported (on two years of data, which are not here; null where it reported
    nothing), reference, ours.
    """
    rows = scoreboard.set_index("role")
    lacking = [role for role in ("chosen", "reference") if role not in rows.index]
    if lacking:
        raise ProfileError(f"segment_scoreboard has no row of role {' or '.join(lacking)}; fit the segments again")
    found: dict[str, dict[str, float]] = {}
    used = {*ours.features, *reference.features}
    for name, role, setting in (("ours", "chosen", ours), ("reference", "reference", reference)):
        profiles, means = described[name]
        best = profiles.loc[profiles["spend_mean"].idxmax()]
        effects = means.drop_duplicates("feature").set_index("feature")
        free = effects[(effects["role"] == "independent") & ~effects.index.isin(used)]
        pooled, centred = _explained(features, setting)
        found[name] = {measure: float(rows.at[role, measure]) for measure in _OF_BOARD} | {
            "pooled_r2": pooled,
            "centred_r2": centred,
            "best_share": float(best["share"]),
            "best_spend": float(best["spend_mean"]),
            "largest_tier_share": float(profiles["share_high"].max()),
            "eta_spend": float(effects.at["monetary_sales", "eta_squared"]),
            "eta_independent": float(free["eta_squared"].mean()),
        }
    joined = ours.segments.merge(reference.segments, on="household_key", suffixes=("", "_reference"))
    agreement = float(adjusted_rand_score(joined["segment"], joined["segment_reference"]))
    for values in found.values():
        values["ari_of_both"] = agreement
    return pd.DataFrame(
        [
            {
                "measure": measure,
                "meaning": meaning,
                "reported": REPORTED.get(measure, float("nan")),
                "reference": found["reference"][measure],
                "ours": found["ours"][measure],
            }
            for measure, meaning in MEASURES.items()
        ]
    )


def _explained(features: pd.DataFrame, setting: Setting) -> tuple[float, float]:
    """Pooled and column-centred share of the variance of the scaled features that the factors explain."""
    table = setting.loadings.pivot(index="factor", columns="feature", values="loading")[setting.features]
    matrix = fit_scaling(features, tuple(setting.features), treatment=setting.treatment, constant_ok=True)
    pooled, centred, _ = explained(
        matrix.apply(features), Factors(tuple(setting.features), table.to_numpy(dtype=float))
    )
    return pooled, centred
