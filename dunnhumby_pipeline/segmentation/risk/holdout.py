"""Who on a list is left alone by lot, and what those who are can show of a win-back."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from dunnhumby_pipeline.engine.lots import lots
from dunnhumby_pipeline.settings.risk import RiskSettings


def held_out(households: pd.Series, listed: pd.Series, share: float, seed: int) -> pd.DataFrame:
    """holdout: whether each household (n,) is `listed` and left alone; holdout_probability: `share`, null off the list.

    The lot is the household's own: it is left alone on every list and in every run of one seed, or on none.
    """
    return pd.DataFrame(
        {
            "holdout": listed & (lots(households, seed) < share),
            "holdout_probability": np.where(listed, share, np.nan),
        },
        index=households.index,
    )


def sizing(
    name: str,
    listed: pd.DataFrame,
    loss: float,
    outcome_sd: float,
    settings: RiskSettings,
    power: float,
    confidence: float,
) -> dict[str, object]:
    """A row of `risk_holdout`: what a list (its flag holdout) shows of a win-back by the next quarter's sales.

    `loss`: $ that a household of the list is expected to lose, or to stay short of; a share of it is the effect to
    find. `outcome_sd`: $ that next quarters' sales leave. Size and effect are those of the two-sided z-test
    (Cohen 1988); NaN where nothing can be told.
    """  # fmt: skip
    n, n_held_out = len(listed), int(listed["holdout"].sum())
    share, smallest = settings.holdout_share, settings.effect_to_find * loss
    known = math.isfinite(outcome_sd) and outcome_sd > 0
    needed = _needed(smallest / outcome_sd, share, power, confidence) if known and smallest > 0 else None
    arms = known and 0 < n_held_out < n
    return {
        "list": name,
        "n_listed": n,
        "n_contacted": n - n_held_out,
        "n_held_out": n_held_out,
        "holdout_share": share,
        "outcome_sd": outcome_sd,
        "effect_to_find": smallest,
        "detectable_effect": _detectable(n - n_held_out, n_held_out, power, confidence) * outcome_sd
        if arms
        else np.nan,
        "n_needed": needed,
        "n_lists_needed": needed / n if needed is not None and n else np.nan,
    }


def _needed(effect: float, share: float, power: float, confidence: float) -> int:
    from statsmodels.stats.power import NormalIndPower

    contacted = NormalIndPower().solve_power(
        effect_size=effect, alpha=1 - confidence, power=power, ratio=share / (1 - share)
    )
    return math.ceil(float(contacted)) + math.ceil(float(contacted) * share / (1 - share))


def _detectable(n_contacted: int, n_held_out: int, power: float, confidence: float) -> float:
    from statsmodels.stats.power import NormalIndPower

    found = NormalIndPower().solve_power(
        effect_size=None, nobs1=n_contacted, alpha=1 - confidence, power=power, ratio=n_held_out / n_contacted
    )
    return float(found)


def left_over(before: pd.DataFrame, after: pd.Series) -> float:
    """Standard deviation of what the columns of `before` leave of `after` (n,), linearly; NaN of too few."""
    x = np.column_stack([np.ones(len(before)), before.to_numpy(dtype=float)])
    if len(x) <= x.shape[1]:
        return float("nan")
    y = after.to_numpy(dtype=float)
    residuals = y - x @ np.linalg.lstsq(x, y, rcond=None)[0]
    return float(np.sqrt((residuals**2).sum() / (len(x) - x.shape[1])))
