"""Judgements of what may be wrong with an effect: placebos, and households that decide it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import scipy

from dunnhumby_pipeline.contracts.names import ALL_CAMPAIGNS, PLACEBO_CAMPAIGN, PLACEBO_OUTCOME
from dunnhumby_pipeline.orchestration.checks.verdict import Verdict
from dunnhumby_pipeline.settings import CheckSettings
from dunnhumby_pipeline.words import placebos


def placebo_outcome(controls: pd.DataFrame, settings: CheckSettings) -> Verdict:
    """The arms surely spent alike before the look-back, but for less than the smallest effect that matters."""
    return _no_effect(
        controls.loc[controls["control"] == PLACEBO_OUTCOME],
        settings.smallest_effect_that_matters,
        "before the look-back",
        "where there is more history, lengthen trial.look_back_days; until then the effect is no more certain than "
        "this difference is small",
        "no campaign has enough data before its look-back; add history, or see design_comparison",
    )


def placebo_campaign(controls: pd.DataFrame, settings: CheckSettings) -> Verdict:
    """A campaign dated before it came surely "does" less than the smallest effect that matters."""
    return _no_effect(
        controls.loc[controls["control"] == PLACEBO_CAMPAIGN],
        settings.smallest_effect_that_matters,
        "before a campaign dated too early",
        "targeting may have used these very days, which the real covariates see and those of this test do not; if it "
        "did not, the arms differ in something that is not adjusted for",
        "no campaign has enough data before it; add history",
    )


def _no_effect(rows: pd.DataFrame, matters: float, when: str, advice: str, untested: str) -> Verdict:
    """Whether a negative control is surely small, and in no campaign beyond its error, given their number.

    Small as `placebos.smallness` has it, in $ per household over the outcome window.
    """
    whole = rows.loc[rows["campaign"] == ALL_CAMPAIGNS]
    if whole.empty:
        return Verdict(False, f"not tested: {untested}")
    row, campaigns = whole.iloc[0], rows.loc[rows["campaign"] != ALL_CAMPAIGNS]
    most = float(placebos.at_most(row["estimate"], row["se"]))
    found = placebos.smallness(row["estimate"], row["se"], matters)
    width = float(scipy.stats.norm.ppf(1 - 0.025 / max(len(campaigns), 1)))
    beyond = campaigns.loc[campaigns["estimate"].abs() > width * campaigns["se"]]
    small = found == "small enough"
    size = f"it may be as large as {most:.1f}, the smallest effect that matters is {matters:g}"
    if np.isnan(most):
        size = "it has no error"
    text = (
        f"placebo effect {row['estimate']:.1f} (SE {row['se']:.1f}) on spend in $ over the outcome window of about "
        f"{row['outcome_days']:.0f} days, from {row['per_day']:.2f} a day in about {row['n_days']:.0f} days {when}, "
        f"{row['n_treated']:,.0f} treated of {row['n_trials']:,.0f} trials; {found}: {size}"
    )
    each = ", ".join(f"{one['campaign']} ({one['estimate']:.1f}, SE {one['se']:.1f})" for _, one in beyond.iterrows())
    alone = f"; beyond its error in campaign {each}" if each else ""
    passed = small and beyond.empty
    metrics = {
        "placebo_effect": float(row["estimate"]),
        "placebo_at_most": most,
        "n_campaigns_beyond": float(len(beyond)),
    }
    return Verdict(passed, f"{text}{alone}{'' if passed else f'; {advice}'}", metrics)


def one_household(influence: pd.DataFrame, settings: CheckSettings) -> Verdict:
    """No single household decides the effect or a placebo."""
    limit = settings.max_household_influence
    known = influence.dropna(subset=["change_in_se"])
    if known.empty:
        return Verdict(False, "not known: no number has an error that a household could move it by")
    sizes = known["change_in_se"].abs()
    worst = known.loc[sizes.groupby(known["quantity"], sort=False).idxmax()]
    largest = worst.loc[worst["change_in_se"].abs().idxmax()]
    metrics = {
        "max_change_in_se": float(sizes.max()),
        "n_numbers_moved": float((worst["change_in_se"].abs() > limit).sum()),
        "effective_households": float(known["effective_households"].iloc[0]),
    }
    moved = worst.loc[worst["change_in_se"].abs() > limit]
    if moved.empty:
        return Verdict(True, f"no household moves a number by more than {limit:g} SE; most: {_moved(largest)}", metrics)
    text = "; ".join(_moved(row) for _, row in moved.iterrows())
    advice = (
        "quote the number with and without it; an account that is no household can be kept out by "
        "trial.max_look_back_spend, which is post hoc once its outcome has been seen"
    )
    return Verdict(False, f"{text}; at most {limit:g} SE expected; {advice}", metrics)


def _moved(row: pd.Series) -> str:
    return (
        f"without household {row['household_key']} the {row['quantity']} is {row['without']:.3g} (SE "
        f"{row['without_se']:.3g}), not {row['estimate']:.3g} ({row['se']:.3g}): {abs(row['change_in_se']):.2f} SE, "
        f"{row['share_of_variance']:.0%} of its variance, which rests on {row['effective_households']:,.0f} effective "
        f"of {row['n_households']:,.0f} households"
    )
