"""Made-up but plausible tables of how far the campaign's effect may be wrong."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dunnhumby_pipeline.causal.doubts import bounds
from dunnhumby_pipeline.causal.doubts.covariate_gains import LARGEST
from dunnhumby_pipeline.contracts.names import PLACEBO_CAMPAIGN, PLACEBO_OUTCOME
from dunnhumby_pipeline_tests.fakes.results.campaign import with_interval
from dunnhumby_pipeline_tests.fakes.results.customers import frame_of

GROUPS = (
    *("recency", "frequency", "monetary", "behaviour", "category", "time", "tenure", "exposure", "campaigns"),
    *("trend", "diversity", "rhythm", "coupon use", "demographics", "campaign", "look-back segment"),
)


def sensitivity(proven: bool = True) -> pd.DataFrame:
    """As of an effect that is `proven`, or of one whose interval includes zero."""
    limit, share, gamma = (1.8, 0.021, 1.18) if proven else (1.0, 0.0, 1.0)
    rows: list[tuple[object, ...]] = [
        ("e_value", "estimate", 2.31, None, None, "risk ratio", "An unmeasured cause would have to go with 2.31 times"),
        ("e_value", "interval limit nearest to zero", limit, None, None, "risk ratio", f"With {limit:g} times of both"),
        (
            *("omitted_variable", "robustness value of the estimate", 0.048, None, None, "share"),
            "An unmeasured cause would have to explain 4.8% of what is left unexplained.",
        ),
        (
            *("omitted_variable", "robustness value of the interval", share, None, None, "share"),
            f"With {share:.1%} of each the 95% interval would include zero.",
        ),
        (
            *("omitted_variable", "bias as of the strongest measured group", 18.0, None, None, "$"),
            "As strong as 'recency', the effect then lies at -$3.37 to $32.77.",
        ),
        (
            *("omitted_variable", "bias as of the strongest block", 31.0, None, None, "$"),
            "As strong as several together: 'value' $31.00.",
        ),
        ("rosenbaum", "critical gamma", gamma, None, None, "odds ratio", "In 1,371 matched pairs the spend is higher."),
    ]
    for assumption, lower, upper in (
        (bounds.NO_ASSUMPTION, -1891.2, 2643.9),
        (bounds.MONOTONE_RESPONSE, 0.0, 2643.9),
        (bounds.MONOTONE_SELECTION, -1891.2, 295.0),
        (bounds.MONOTONE_BOTH, 0.0, 295.0),
    ):
        low, high = lower - 11 * (lower != 0), upper + 23
        rows.append((assumption, "ATE lower bound", lower, low, None, "$", "The average effect is at least that."))
        rows.append((assumption, "ATE upper bound", upper, None, high, "$", "The average effect is at most that."))
    table = frame_of("analysis quantity estimate ci_lower ci_upper unit meaning", rows)
    return table.astype(dict.fromkeys(["estimate", "ci_lower", "ci_upper"], float))


def confounder_benchmarks(estimate: float = 14.7) -> pd.DataFrame:
    """A row per group, and those of two blocks that are stronger than each group."""
    random = np.random.default_rng(2)
    gain_outcome = random.exponential(0.006, len(GROUPS))
    gain_treatment = random.exponential(0.012, len(GROUPS))
    gain_outcome[0], gain_treatment[0] = 0.041, 0.072
    gain_outcome[1:3] = -0.001
    frame = pd.DataFrame({"group": GROUPS, "kind": "group", "n_covariates": 7})
    frame = frame.assign(gain_outcome=gain_outcome, gain_treatment=gain_treatment)
    blocks = [("value", "block", 13, 0.08, 0.08), (LARGEST, "block", 14, 0.07, 0.085)]
    table = pd.concat([frame, pd.DataFrame(blocks, columns=frame.columns)], ignore_index=True)
    bound, of_treatment = table["gain_outcome"].clip(lower=0), table["gain_treatment"]
    bias = 320 * np.sqrt(bound * of_treatment / (1 - of_treatment))
    table = table.assign(
        outcome_bound=bound,
        observed_change=np.where(table.index % 2, -0.4, 0.3) * bias,
        bias=bias,
        lower=estimate - bias,
        upper=estimate + bias,
        ci_lower=estimate - bias - 18,
        ci_upper=estimate + bias + 18,
    )
    return table.sort_values("bias", ascending=False, kind="stable", ignore_index=True)


def confounding_contour(start: float = 14.7, slope: float = -320.0, furthest: float = 0.09) -> pd.DataFrame:
    """What is left, from `start` on, by gains up to `furthest`."""
    of_outcome, of_treatment = (axis.ravel() for axis in np.meshgrid(*[np.linspace(0, furthest, 21)] * 2))
    limit = start + slope * np.sqrt(of_outcome * of_treatment / (1 - of_treatment))
    return pd.DataFrame({"gain_outcome": of_outcome, "gain_treatment": of_treatment, "limit": limit})


def rosenbaum_bounds(start: float = 0.004) -> pd.DataFrame:
    gamma = np.round(np.arange(1, 3.05, 0.1), 1)
    return pd.DataFrame(
        {
            "gamma": gamma,
            "p_value_lower": start * np.exp(-6 * (gamma - 1)),
            "p_value_upper": np.minimum(start * np.exp(14 * (gamma - 1)), 0.9999),
            "hodges_lehmann_lower": 21 - 80 * np.log(gamma),
            "hodges_lehmann_upper": 21 + 80 * np.log(gamma),
            "n_pairs": 1371,
        }
    )


def negative_controls() -> pd.DataFrame:
    """A placebo outcome that is no more than chance, and a placebo campaign that is more."""
    rows = [
        (PLACEBO_OUTCOME, "all", 4278, 1128, 84.0, 3.1, 8.4),
        (PLACEBO_OUTCOME, "8", 1983, 824, 84.0, 1.2, 10.1),
        (PLACEBO_OUTCOME, "13", 1223, 163, 84.0, 6.0, 14.0),
        (PLACEBO_OUTCOME, "18", 1072, 141, 84.0, 4.4, 16.1),
        (PLACEBO_CAMPAIGN, "all", 6101, 1450, 56.0, 31.5, 7.2),
        (PLACEBO_CAMPAIGN, "30", 2001, 344, 56.0, 35.1, 12.0),
        (PLACEBO_CAMPAIGN, "8", 1960, 822, 56.0, 29.0, 9.9),
        (PLACEBO_CAMPAIGN, "13", 1160, 150, 56.0, 22.0, 19.9),
        (PLACEBO_CAMPAIGN, "18", 980, 134, 56.0, 18.5, 21.3),
    ]
    frame = with_interval(frame_of("control campaign n_trials n_treated n_days estimate se", rows))
    return frame.assign(outcome_days=76.0, per_day=frame["estimate"] / 76, per_day_se=frame["se"] / 76)


def influence() -> pd.DataFrame:
    """A household that decides the effect on spend and a placebo, and some that do not."""
    rows = []
    for quantity, estimate, se, changes in (
        ("ATO", 17.1, 12.4, (0.51, -0.19, 0.17, -0.14)),
        ("ATE", 21.0, 9.8, (0.34, 0.21, -0.2)),
        (PLACEBO_OUTCOME, 3.1, 8.4, (0.06, -0.05)),
        (PLACEBO_CAMPAIGN, 31.5, 7.2, (-0.62, 0.11, 0.1)),
    ):
        for household, change in zip((1023, 1770, 400, 111), changes, strict=False):
            without = estimate + change * se
            half = 1.96 * 0.9 * se
            errors = (without, 0.9 * se, without - half, without + half, without - 0.1 * change)
            rows.append((quantity, household, 3, estimate, se, *errors, change, change**2, 2404, 13.6))
    columns = (
        "quantity household_key n_trials estimate se without without_se without_lower without_upper by_influence "
        "change_in_se share_of_variance n_households effective_households"
    )
    return frame_of(columns, rows).assign(outcome="purchase_amount")


def event_study() -> pd.DataFrame:
    random = np.random.default_rng(1)
    week = np.arange(-12, 12)
    estimate = random.normal(0, 1.2, len(week)) + 1.6 * (week >= 0)
    phase = np.where(week < 0, "before", "after")
    n_trials = np.where(week < 8, 6323, 4101)
    table = pd.DataFrame({"week": week, "phase": phase, "estimate": estimate, "se": 1.1 + 0.05 * np.abs(week)})
    return with_interval(table).assign(n_trials=n_trials)
