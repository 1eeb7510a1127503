"""How large a randomised test must be, what it could find, and at which size it is worth most over its cost.

A household has one outcome per test, so it is its own cluster. Of the outcome's variance what the study's cross-fitted
means leave counts, as the analysis adjusts for what was known before. With arms n1 and n0 the effect has the standard
error sqrt(v (1/n1 + 1/n0)); size, power and detectable effect are those of the two-sided z-test (Cohen 1988).
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from dunnhumby_pipeline.contracts.frames import without_rows
from dunnhumby_pipeline.contracts.registry import table
from dunnhumby_pipeline.settings.experiment import ExperimentSettings
from dunnhumby_pipeline.targeting.dial import ProfitEffect
from dunnhumby_pipeline.targeting.information import Stakes, expected_gain

SETTLES, WORTH_MOST, ALL = "finds the smallest effect that matters", "worth most over its cost", "all to be tested"
COLUMNS = [
    "n_households",
    "n_treated",
    "n_control",
    "feasible",
    "purpose",
    "smallest_effect",
    "outcome_sd",
    "standard_error",
    "power",
    "detectable_effect",
    "value_of_test",
    "cost_of_test",
    "net_value",
    "contact_bill",
    "duration_days",
]


def arms(n_households: int, contact_share: float) -> tuple[int, int]:
    """Households contacted and held out of `n_households`, at least one each."""
    n_treated = min(max(round(n_households * contact_share), 1), n_households - 1)
    return n_treated, n_households - n_treated


def required_size(smallest: float, sd: float, settings: ExperimentSettings, confidence: float) -> int | None:
    """Fewest households of both arms that find an effect of `smallest` ($) with the power that is set; None where it
    is 0, which no size finds.

    `sd`: of the outcome that its means leave ($ per household).
    """
    from statsmodels.stats.power import NormalIndPower

    if not smallest > 0 or not sd > 0:
        return None
    share = settings.contact_share
    n_treated = NormalIndPower().solve_power(
        effect_size=smallest / sd, alpha=1 - confidence, power=settings.power, ratio=(1 - share) / share
    )
    return math.ceil(float(n_treated)) + math.ceil(float(n_treated) * (1 - share) / share)


def detectable_effect(n_treated: int, n_control: int, sd: float, power: float, confidence: float) -> float:
    """Smallest effect ($ per household) that arms of these sizes find with this power."""
    from statsmodels.stats.power import NormalIndPower

    size = NormalIndPower().solve_power(
        nobs1=n_treated, alpha=1 - confidence, power=power, ratio=n_control / n_treated, effect_size=None
    )
    return float(size) * sd


def experiment_design(
    effect: ProfitEffect,
    contact_cost: float,
    one_off: float,
    stakes: Stakes,
    duration_days: int,
    settings: ExperimentSettings,
    confidence: float,
) -> pd.DataFrame:
    """One row per size, in rising order (columns `COLUMNS`), among them the one that is worth most over its cost, all
    households to be tested, and the one that finds the smallest effect that matters, feasible or not.

    `effect`: on profit before the contact, as the study has it; `stakes.n_households`: those to be tested. The
    smallest effect that matters is the break-even: the contact cost ($), and a household's part of what is paid once
    (`one_off`). No rows where there are too few households for two arms of `stakes.least`.
    """
    total = stakes.n_households
    fewest = math.ceil(stakes.least / min(settings.contact_share, 1 - settings.contact_share))
    if total < fewest:
        return without_rows(table("experiment_design"))
    smallest, sd = contact_cost + one_off / total, math.sqrt(effect.variance)
    settles = required_size(smallest, sd, settings, confidence)
    sizes = set(np.geomspace(fewest, total, settings.n_sizes).round().astype(int).tolist())
    rows = [
        _row(int(size), smallest, sd, effect, stakes, settings, confidence)
        for size in sorted(sizes | {total} | ({settles} if settles is not None and settles >= fewest else set()))
    ]
    frame = pd.DataFrame(rows)
    feasible = frame["n_households"] <= total
    best = frame.loc[feasible, "net_value"].idxmax()
    purposes = {SETTLES: frame["n_households"] == settles, WORTH_MOST: frame.index == best}
    purposes[ALL] = frame["n_households"] == total
    named = ["; ".join(what for what, where in purposes.items() if where[place]) for place in range(len(frame))]
    # What there are no households for has a size and a power, and no value.
    money = ["value_of_test", "cost_of_test", "net_value"]
    frame[money] = frame[money].where(feasible, np.nan)
    contact_bill = frame["n_treated"] * contact_cost + one_off
    return frame.assign(
        feasible=feasible,
        purpose=[name or None for name in named],
        contact_bill=contact_bill,
        duration_days=duration_days,
    )[COLUMNS]


def _row(
    size: int,
    smallest: float,
    sd: float,
    effect: ProfitEffect,
    stakes: Stakes,
    settings: ExperimentSettings,
    confidence: float,
) -> dict[str, float]:
    from statsmodels.stats.power import NormalIndPower

    n_treated, n_control = arms(size, settings.contact_share)
    mean, spread = effect.expected - smallest, effect.spread
    per_household = float(expected_gain(mean, spread, effect.variance, n_treated, n_control))
    gain = stakes.n_households * stakes.n_campaigns * per_household
    # The arm that today's best guess would not give costs what that guess says it loses.
    cost = stakes.fixed_cost + (n_control * mean if mean > 0 else -n_treated * mean)
    power = NormalIndPower().power(smallest / sd, n_treated, 1 - confidence, n_control / n_treated) if sd else np.nan
    return {
        "n_households": size,
        "n_treated": n_treated,
        "n_control": n_control,
        "smallest_effect": smallest,
        "outcome_sd": sd,
        "standard_error": sd * math.sqrt(1 / n_treated + 1 / n_control),
        "power": float(power),
        "detectable_effect": detectable_effect(n_treated, n_control, sd, settings.power, confidence),
        "value_of_test": gain,
        "cost_of_test": cost,
        "net_value": gain - cost,
    }


def best_size(design: pd.DataFrame) -> int:
    """The size that is worth most over its cost, of those that there are households for; 0 without any."""
    feasible = design.loc[design["feasible"].astype(bool)]
    return 0 if feasible.empty else int(feasible.loc[feasible["net_value"].idxmax(), "n_households"])
