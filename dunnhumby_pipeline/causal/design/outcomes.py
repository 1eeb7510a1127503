"""What each trial's household bought and redeemed in the outcome window."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from dunnhumby_pipeline.causal.design.campaigns import CohortError, windows_of
from dunnhumby_pipeline.contracts.names import REDEEMED, TRIAL_KEY
from dunnhumby_pipeline.contracts.outcomes import AMOUNTS, BOUGHT
from dunnhumby_pipeline.engine.run import run
from dunnhumby_pipeline.engine.tables import TablePath, read_table
from dunnhumby_pipeline.features import margins
from dunnhumby_pipeline.features.purchases import weighed_purchases
from dunnhumby_pipeline.settings import EngineSettings


def with_outcomes(
    trials: pd.DataFrame,
    tables: Mapping[str, TablePath],
    campaigns: pd.DataFrame,
    weights: pd.DataFrame,
    engine: EngineSettings,
    margin: float,
) -> pd.DataFrame:
    """Add to each trial what it is measured by, over the days index_day to outcome_end of its campaign.

    purchase_amount, amount_without_fuel, margin_weighted_amount and gross_profit ($), purchase_count (baskets) and
    redeemed (0/1: any coupon of this campaign). `weights`: as from `weights_table`; `margin`: that of a department
    without one. Gross profit is linear in sales and match, so that its effect is margin times that on sales before
    the match, less that on the match.
    """
    relations = {name: tables[name] for name in ("transactions", "products")}
    windows = windows_of(campaigns, "index_day", "outcome_end", shift=1)
    bought = run(weighed_purchases(margin), {**relations, "windows": windows, "margin_weights": weights}, engine)
    trials = trials.merge(bought.rename(columns={"window": "campaign"}), on=TRIAL_KEY, how="left")
    # A household without a line in the window spent nothing: that is the outcome, not a gap.
    # Where all of them bought, counts would stay whole numbers, and the table's types depend on its data.
    trials = trials.fillna(dict.fromkeys(BOUGHT, 0.0)).astype(dict.fromkeys(BOUGHT, "float64"))
    redemptions = read_table(tables["coupon_redemptions"]).merge(campaigns, on="campaign")
    inside = redemptions["day"].between(redemptions["index_day"], redemptions["outcome_end"])
    redeemers = redemptions.loc[inside, TRIAL_KEY].drop_duplicates().assign(redeemed=1)
    trials = trials.merge(redeemers, on=TRIAL_KEY, how="left")
    return trials.fillna({REDEEMED: 0}).astype({REDEEMED: "int64"})


def weights_table(margin_weights: Mapping[str, float], products: TablePath) -> pd.DataFrame:
    """As `margins.weights_table`; raises CohortError naming departments that are not of `products`."""
    try:
        return margins.weights_table(margin_weights, products)
    except margins.MarginError as error:
        raise CohortError(str(error)) from error


def winsorised(trials: pd.DataFrame, quantile: float | None) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(trials with each amount capped at its `quantile` over all trials, caps).

    `caps`: outcome, quantile, cap ($) and n_capped (trials above it), a row per amount; none without a quantile.
    Quantiles are interpolated linearly.
    """
    rows = []
    for amount in AMOUNTS:
        if quantile is None:
            break
        cap = float(np.quantile(trials[amount], quantile))
        rows.append((amount, quantile, cap, int((trials[amount] > cap).sum())))
        trials = trials.assign(**{amount: trials[amount].clip(upper=cap)})
    caps = pd.DataFrame(rows, columns=["outcome", "quantile", "cap", "n_capped"])
    return trials, caps.astype({"outcome": "str", "quantile": "float64", "cap": "float64", "n_capped": "int64"})
