"""What a household comes for: its leading need, from the factors that say what is bought rather than how much."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dunnhumby_pipeline.contracts.feature import NEED_GROUPS
from dunnhumby_pipeline.contracts.names import NO_NEED
from dunnhumby_pipeline.contracts.study_features import FEATURES
from dunnhumby_pipeline.segmentation.factors.factors import fit_factors, loadings_table
from dunnhumby_pipeline.segmentation.factors.matrix import fit_scaling
from dunnhumby_pipeline.segmentation.segments.naming import FACTOR_WORDS, FAINT
from dunnhumby_pipeline.settings import ProfileSettings

# What is bought, in the words that factors are named by.
NEEDS = {feature.name: FACTOR_WORDS[feature.name] for feature in FEATURES if feature.group in NEED_GROUPS}
# What is in the basket and at which price, whatever the size of it. Not alcohol: most households buy none, so that its
# share says first of all how often one comes.
BASKET_MIX = (
    "discount_usage_pct",
    "private_label_ratio",
    "share_grocery",
    "share_fresh",
    "share_bakery",
    "share_health_beauty",
)


def plain_need(need: str) -> str:
    """`need` without the factor that tells it from another of the same name."""
    return need.split(" (")[0]


class NeedError(ValueError):
    """No need can be identified. The message says what the factors lack."""


@dataclass(frozen=True)
class Needs:
    """Factors that are needs, and each household's: `needs` as of `factor_needs`, `households` as of `leading_needs`.

    `scores` (household_key and a column per factor) and `loadings` (factor, feature, loading) are those of the factors
    used, and `source` says whose they are: 'segments' or 'needs alone', with the `reason` in words.
    """

    needs: pd.DataFrame
    households: pd.DataFrame
    scores: pd.DataFrame
    loadings: pd.DataFrame
    source: str
    reason: str


def household_needs(
    features: pd.DataFrame,
    nmf_factors: pd.DataFrame,
    factor_loadings: pd.DataFrame,
    settings: ProfileSettings,
    seed: int,
) -> Needs:
    """Needs from the factors of the segments, or from factors of their own where those hold too few.

    Segments need few factors, and most of them may say how much is bought. With fewer than `min_need_factors` needs
    among them, percentiles of `BASKET_MIX` are factored alone, to `n_needs` factors. (Measured on the sample, refitted
    on half of the households: adjusted Rand index of everybody's need .97 with three factors, .35 with four.)
    Raises NeedError when there are fewer households, or features that differ between them, than `n_needs`.
    """
    found = int(factor_table(factor_loadings)["is_need"].sum())
    reason = f"{found} of the segments' factors are needs, profile.min_need_factors is {settings.min_need_factors}"
    if found >= settings.min_need_factors:
        needs = factor_needs(factor_loadings)
        households = leading_needs(nmf_factors, needs)
        return Needs(needs, households, nmf_factors, factor_loadings, "segments", reason)
    missing = [name for name in BASKET_MIX if name not in features.columns]
    if missing:
        raise NeedError(f"customer features lack {', '.join(missing)}; found {', '.join(features.columns)}")
    varying = tuple(name for name in BASKET_MIX if features[name].nunique() > 1)
    if min(len(varying), len(features)) < settings.n_needs:
        raise NeedError(
            f"profile.n_needs is {settings.n_needs}, but {len(features)} households differ in {len(varying)} features "
            f"({', '.join(varying)}); lower it"
        )
    matrix = fit_scaling(features, varying).apply(features)
    factors = fit_factors(matrix, varying, settings.n_needs, seed)
    scores = pd.DataFrame(factors.scores(matrix), columns=list(factors.names))
    scores.insert(0, "household_key", features["household_key"].to_numpy())
    loadings = loadings_table(factors)
    needs = factor_needs(loadings)
    return Needs(needs, leading_needs(scores, needs), scores, loadings, "needs alone", reason)


def factor_needs(factor_loadings: pd.DataFrame) -> pd.DataFrame:
    """Which factors are needs: a row per factor, in the order of the factors.

    `factor_loadings`: factor, feature, loading. A factor is a need when the feature it loads most is one of what is
    bought (groups `NEED_GROUPS`), not of when, how often and for how much; of equal loadings the first by name counts.
    Columns: factor, leading_feature, is_need, need_share (of the squared loadings, those of need features), need (name;
    null for others). Factors that share a name are told apart by their own: 'fresh (factor_4)'.
    Raises NeedError when no factor is a need.
    """
    table = factor_table(factor_loadings)
    if not table["is_need"].any():
        raise NeedError(
            "no factor loads a need feature most, so no household has a leading need; the factors load "
            f"{', '.join(table['leading_feature'])}; factor more features of the groups {', '.join(NEED_GROUPS)}, or "
            "more factors"
        )
    names = table["leading_feature"].map(NEEDS).where(table["is_need"])
    shared = names.duplicated(keep=False) & names.notna()
    table["need"] = names.where(~shared, names + " (" + table.index.to_series() + ")")
    place = table.index.str.extract(r"(\d+)$", expand=False).astype(float)
    table = table.iloc[np.argsort(place, kind="stable")]
    return table.reset_index()[["factor", "leading_feature", "is_need", "need_share", "need"]]


def factor_table(factor_loadings: pd.DataFrame) -> pd.DataFrame:
    """leading_feature, need_share and is_need of each factor (index), as `factor_needs` defines them."""
    ordered = factor_loadings.sort_values(
        ["factor", "loading", "feature"], ascending=[True, False, True], kind="stable"
    )
    leading = ordered.drop_duplicates("factor").set_index("factor")["feature"]
    squared = factor_loadings.assign(
        square=factor_loadings["loading"] ** 2, need=factor_loadings["feature"].isin(list(NEEDS))
    )
    totals = squared.groupby("factor")["square"].sum()
    of_needs = squared[squared["need"]].groupby("factor")["square"].sum().reindex(totals.index, fill_value=0.0)
    table = pd.DataFrame({"leading_feature": leading, "need_share": of_needs / totals.where(totals > 0)})
    table["is_need"] = table["leading_feature"].isin(list(NEEDS))
    return table


def leading_needs(nmf_factors: pd.DataFrame, needs: pd.DataFrame) -> pd.DataFrame:
    """Leading need of each household: the need factor on which it scores most.

    `nmf_factors`: household_key and a column per factor, on a common scale; `needs` as of `factor_needs`.
    Columns: household_key, need, need_score, need_margin (need_score - the next need's). A household that scores 0 on
    every need has the need 'none'. Raises NeedError when a factor is not a column, or a score is missing.
    """
    chosen = needs[needs["is_need"]]
    missing = [factor for factor in chosen["factor"] if factor not in nmf_factors.columns]
    if missing:
        raise NeedError(f"nmf_factors lack {', '.join(missing)}; found {', '.join(nmf_factors.columns)}")
    scores = nmf_factors[list(chosen["factor"])].to_numpy(dtype=float)
    if np.isnan(scores).any():
        raise NeedError(f"nmf_factors: {int(np.isnan(scores).any(axis=1).sum())} households lack a score")
    best = scores.argmax(axis=1)
    top = scores.max(axis=1)
    ordered = np.sort(scores, axis=1)
    second = ordered[:, -2] if scores.shape[1] > 1 else np.zeros(len(scores))
    names = chosen["need"].to_numpy(dtype=object)[best]
    return pd.DataFrame(
        {
            "household_key": nmf_factors["household_key"].to_numpy(),
            "need": np.where(top > 0, names, NO_NEED),
            "need_score": top,
            "need_margin": top - second,
        }
    ).astype({"need": "str"})


def segment_needs(nmf_factors: pd.DataFrame, needs: pd.DataFrame, segments: pd.DataFrame) -> Mapping[str, str]:
    """Leading need of each segment: the need factor whose mean score lies furthest above that of all households.

    Distances are in standard deviations of the factor over all households. (The factor of the largest score would be
    the one most common among all.) A segment that lies less than `naming.FAINT` above the mean on every need factor has
    the need 'none': so small a distance names nobody.
    """
    chosen = needs[needs["is_need"]]
    joined = nmf_factors.merge(segments[["household_key", "segment"]], on="household_key")
    scores = joined[list(chosen["factor"])]
    spread = scores.std()
    standing = (scores.groupby(joined["segment"].astype(str)).mean() - scores.mean()) / spread.where(spread > 0)
    names = dict(zip(chosen["factor"], chosen["need"], strict=True))
    above = standing[standing.max(axis=1) >= FAINT]
    found = {str(segment): names[factor] for segment, factor in above.idxmax(axis=1).items()}
    return {str(segment): found.get(str(segment), NO_NEED) for segment in standing.index}
