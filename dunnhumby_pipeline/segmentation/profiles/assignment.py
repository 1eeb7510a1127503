"""What the retailer or chance chose for households, by what they are worth: no character of those who have it."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from dunnhumby_pipeline.contracts.feature import received_column
from dunnhumby_pipeline.contracts.schema import CAMPAIGN_TYPES
from dunnhumby_pipeline.segmentation.lifetime.value_tiers import TIERS
from dunnhumby_pipeline.segmentation.profiles.profiles import SPEND, ProfileError

SPEND_FIFTHS = 5
# An AUC nearer to 0.5 than this is called no choice by spend.
LEANING = 0.05


def assignment_by_value(
    features: pd.DataFrame, demographics: pd.DataFrame, status: pd.DataFrame, segments: pd.DataFrame
) -> pd.DataFrame:
    """Who has demographics, was mailed and redeemed, by what households are worth: a row each.

    Columns: what, chosen_by (in words), n (households that have it), share (of all), share_high, share_mid, share_low
    (of the households in each value tier), auc_of_spend (0.5: spend does not tell who has it, 1: it tells it exactly;
    the Mann-Whitney statistic), cramers_v (with segments), cramers_v_within (the same among households of one fifth of
    spend, mean over the fifths weighted by households: what is left once spend is alike). Both V are corrected for
    the bias of small tables (Bergsma 2013); NaN where nobody, or everybody, has it.
    Raises ProfileError when the tables have different households.
    """
    keys = [set(table["household_key"]) for table in (features, status, segments)]
    if any(key != keys[0] for key in keys):
        raise ProfileError(
            "features, household_status and segments must have the same households, found "
            f"{', '.join(str(len(key)) for key in keys)}; make them from one run"
        )
    joined = features.merge(status[["household_key", "value_tier"]], on="household_key").merge(
        segments[["household_key", "segment"]], on="household_key"
    )
    fifth = np.floor((joined[SPEND].rank(method="average") - 0.5) / len(joined) * SPEND_FIFTHS).to_numpy()
    held: list[tuple[str, str, pd.Series]] = [
        (
            "demographics known",
            "not told by the data",
            joined["household_key"].isin(set(demographics["household_key"])),
        )
    ]
    held += [
        (f"mailed {kind}", "the retailer", joined[received_column(kind)] > 0)
        for kind in CAMPAIGN_TYPES
        if received_column(kind) in joined.columns
    ]
    if "n_redemptions" in joined.columns:
        held.append(
            ("redeemed a coupon", "the household, of those that the retailer had mailed", joined["n_redemptions"] > 0)
        )
    rows = []
    for what, chosen_by, has in held:
        own = has.groupby(joined["value_tier"].astype(str)).mean().reindex(list(TIERS))
        some = 0 < has.sum() < len(has)
        rank = joined[SPEND].rank()
        n = int(has.sum())
        auc = (float(rank[has].sum()) - n * (n + 1) / 2) / (n * (len(has) - n)) if some else float("nan")
        within = [
            (int((fifth == place).sum()), corrected_v(has[fifth == place], joined.loc[fifth == place, "segment"]))
            for place in np.unique(fifth)
        ]
        known = [(size, v) for size, v in within if v == v]
        rows.append(
            {
                "what": what,
                "chosen_by": f"{chosen_by}; {_leaning(auc)}",
                "n": n,
                "share": float(has.mean()),
                **{f"share_{tier}": float(own[tier]) for tier in TIERS},
                "auc_of_spend": auc,
                "cramers_v": corrected_v(has, joined["segment"]),
                "cramers_v_within": sum(size * v for size, v in known) / sum(size for size, _ in known)
                if known
                else float("nan"),
            }
        )
    return pd.DataFrame(rows)


def _leaning(auc: float) -> str:
    """Whom the choice fell on, in words."""
    if auc != auc:
        return "nobody has it, or everybody"
    if abs(auc - 0.5) < LEANING:
        return "not by spend"
    return "those that spend more" if auc > 0.5 else "those that spend less"


def corrected_v(has: pd.Series, groups: pd.Series) -> float:
    """Cramer's V of two labels without the bias of small tables (Bergsma 2013): 0 to 1; NaN with fewer than two of
    either, or of households.

    phi2 = max(0, chi2 / n - (r - 1)(c - 1) / (n - 1)); V = sqrt(phi2 / min(r' - 1, c' - 1)), where
    r' = r - (r - 1)^2 / (n - 1).
    """
    counts = pd.crosstab(has, groups.astype(str)).to_numpy()
    n = int(counts.sum())
    r, c = counts.shape if counts.ndim == 2 else (0, 0)
    if n < 2 or min(r, c) < 2:
        return float("nan")
    chi2 = stats.chi2_contingency(counts, correction=False).statistic
    phi2 = max(0.0, chi2 / n - (r - 1) * (c - 1) / (n - 1))
    least = min(r - (r - 1) ** 2 / (n - 1), c - (c - 1) ** 2 / (n - 1)) - 1
    return float(np.sqrt(phi2 / least)) if least > 0 else float("nan")
