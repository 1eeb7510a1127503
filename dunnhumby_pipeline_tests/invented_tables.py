"""Invented but plausible results of a study, for tests of pictures, report and summary."""

from __future__ import annotations

from dataclasses import fields
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from dunnhumby_pipeline.report.tables import StudyTables
from dunnhumby_pipeline_tests import invented_customers as customers
from dunnhumby_pipeline_tests.invented_customers import FEATURES, SEGMENTS, frame_of, segments

WAVES = {"8": 412, "13": 504, "18": 587, "26": 224, "30": 323}


def first_campaign_cohort() -> pd.DataFrame:
    random = np.random.default_rng(4)
    frames = []
    for wave, index_day in WAVES.items():
        size = int(random.integers(900, 1400))
        leaning = random.normal(-0.9, 1.4, size)
        treated = random.binomial(1, 1 / (1 + np.exp(-leaning)))
        frames.append(
            pd.DataFrame(
                {
                    "household_key": random.choice(2500, size, replace=False) + 1,
                    "campaign": int(wave),
                    "treated": treated,
                    "index_day": index_day,
                    "lookback_start": max(1, index_day - 182),
                    "outcome_end": index_day + 75,
                    "purchase_amount": random.gamma(1.5, 180, size) + 60 * treated,
                    "purchase_count": random.poisson(9, size) + treated,
                    "redeemed": treated * random.binomial(1, 0.12, size),
                    "leaning": leaning,
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def propensity() -> pd.DataFrame:
    cohort = first_campaign_cohort()
    chance = (1 / (1 + np.exp(-cohort["leaning"]))).clip(0.01, 0.99)
    treated = cohort["treated"]
    return pd.DataFrame(
        {
            "household_key": cohort["household_key"],
            "campaign": cohort["campaign"],
            "treated": treated,
            "propensity": chance,
            "in_overlap": chance.between(0.1, 0.9),
            "w_overlap": np.where(treated == 1, 1 - chance, chance),
            "w_ipw": np.where(treated == 1, 1 / chance, 1 / (1 - chance)),
            "w_balance": 1.0,
        }
    )


def overlap_diagnostics() -> pd.DataFrame:
    scores = propensity()
    rows = []
    for wave, part in [("all", scores), *((str(wave), part) for wave, part in scores.groupby("campaign"))]:
        treated = int(part["treated"].sum())
        control = len(part) - treated
        arms = (len(part), treated, control, 0.81, part["in_overlap"].mean(), 0.71 * treated, 0.52 * control)
        rows.append((wave, WAVES.get(wave, 0), *arms))
    columns = "wave index_day n_trials n_treated n_control auc share_in_overlap ess_treated ess_control"
    return frame_of(columns, rows)


def covariate_balance() -> pd.DataFrame:
    random = np.random.default_rng(5)
    covariates = [
        *FEATURES,
        *(f"wave_{wave}" for wave in WAVES),
        *(f"lookback_segment_{slug}" for slug in SEGMENTS),
        "exposure_display",
        "exposure_mailer",
        "received_campaigns_of_other_types_before_index_day",
        "age_unknown",
        "income_unknown",
        "household_size_unknown",
    ]
    raw = random.normal(0, 0.45, len(covariates))
    frames = [
        pd.DataFrame({"covariate": covariates, "weighting": weighting, "smd": raw * shrink})
        for weighting, shrink in (("none", 1.0), ("overlap", 0.06), ("entropy", 0.002))
    ]
    return pd.concat(frames, ignore_index=True)


def _effect(outcome: str, estimator: str, population: str, wave: str, value: float, se: float) -> tuple[Any, ...]:
    estimand = {"naive": "association", "aipw": "ATE", "overlap_weighted": "ATO"}[estimator]
    sizes = (5800, 2431) if wave == "all" else (1150, 1150)
    bounds = (value - 1.96 * se, value + 1.96 * se)
    return (outcome, estimator, estimand, population, wave, value, se, *bounds, *sizes)


def average_effects(proven: bool = True) -> pd.DataFrame:
    """Effects whose intervals all exclude zero when `proven`, and include it otherwise."""
    widen = 1.0 if proven else 6.0
    rows = []
    scales = {"purchase_amount": 1.0, "purchase_count": 0.02, "redeemed": 0.0012}
    for outcome, scale in scales.items():
        rows += [
            _effect(outcome, "naive", "all", "all", 231 * scale, 14 * scale),
            _effect(outcome, "aipw", "all", "all", 74.2 * scale, 23 * scale * widen),
            _effect(outcome, "aipw", "overlap", "all", 69.8 * scale, 17 * scale * widen),
            _effect(outcome, "overlap_weighted", "all", "all", 66.3 * scale, 15.8 * scale * widen),
        ]
    for position, wave in enumerate(WAVES):
        value = 48 + 9 * position
        rows.append(_effect("purchase_amount", "overlap_weighted", "all", wave, value, 20 * widen))
    columns = "outcome estimator estimand population wave estimate se ci_lower ci_upper n_trials n_households"
    return frame_of(columns, rows)


def cate_models() -> pd.DataFrame:
    gains = {"constant": 0.0, "t_learner": -310.0, "r_learner": 184.0, "causal_forest": 96.0}
    rows = []
    for model, whole in gains.items():
        for fold in (-1, 0, 1, 2, 3, 4):
            constant = model == "constant"
            gain = whole + (0 if fold < 0 or constant else 60 * (fold - 2))
            rows.append((model, fold, 40210 - gain, gain, np.nan if constant else 71.0, model == "r_learner"))
    return frame_of("model fold r_loss gain_over_constant gain_se chosen", rows)


def cate_estimates() -> pd.DataFrame:
    random = np.random.default_rng(6)
    scores = propensity()
    cate = random.normal(60, 40, len(scores))
    return scores[["household_key", "campaign"]].assign(
        cate=cate, cate_lower=cate - 60, cate_upper=cate + 60, fold=0, model="r_learner"
    )


def campaign_economics() -> pd.DataFrame:
    costs = [("fixed", "all", 1893, np.nan, np.nan, 12.73), ("estimated", "all", 1893, 2.31, 0.64, 2.31)]
    for position, wave in enumerate(WAVES):
        cost = 1.9 + 0.2 * position
        costs.append(("estimated", wave, 380, cost, 0.6, cost))
    columns = "source wave n_targeted retailer_cost manufacturer_cost contact_cost margin breakeven used"
    return frame_of(columns, [(*row, 0.30, row[-1] / 0.30, row[0] == "fixed") for row in costs])


def policy_value(proven: bool = True) -> pd.DataFrame:
    """Values of policies; the interval of the chosen one excludes zero when `proven`."""
    se = 1.3 if proven else 4.0
    policies = [
        ("treat_none", 0.0, 0.0, 0.0, 0.0),
        ("treat_all", 1.0, 6.9, 2.0 if proven else 5.1, 7.4),
        ("cate_above_breakeven", 0.58, 6.1, se, 12.4),
        ("top_10%", 0.1, 1.9, 0.6 if proven else 1.6, 4.9),
        ("top_20%", 0.2, 3.2, 0.8 if proven else 2.2, 7.7),
        ("top_30%", 0.3, 4.1, 1.0 if proven else 2.9, 9.5),
        ("top_50%", 0.5, 5.7, 1.2 if proven else 3.6, 11.8),
    ]
    rows = []
    for policy, share, value, value_se, claimed in policies:
        bounds = (value - 1.96 * value_se, value + 1.96 * value_se)
        roi = value / (12.73 * share) if share else np.nan
        chosen = policy == "cate_above_breakeven"
        rows.append((policy, share, value, value_se, *bounds, claimed, roi, 5800, chosen))
    columns = "policy share_targeted value value_se ci_lower ci_upper claimed_value roi n_trials chosen"
    return frame_of(columns, rows)


def roi_curve() -> pd.DataFrame:
    share = np.linspace(0.05, 1, 20)
    value = 14 * share - 7.1 * share**2
    half = 1.96 * (0.5 + 3.2 * share**1.2)
    return pd.DataFrame({"share_targeted": share, "value": value, "ci_lower": value - half, "ci_upper": value + half})


def targeting_list() -> pd.DataFrame:
    random = np.random.default_rng(7)
    homes = segments()[["household_key", "segment"]]
    chance = random.beta(2, 3, len(homes))
    cate = random.normal(55, 40, len(homes))
    in_overlap = (chance > 0.1) & (chance < 0.9)
    decision = np.where(~in_overlap, "test", np.where(cate > 42.43, "target", "leave"))
    reasons = {
        "target": "effect above breakeven, in overlap",
        "leave": "effect below breakeven",
        "test": "outside overlap: no comparable households in the other arm",
    }
    return homes.assign(
        decision=decision,
        cate=cate,
        cate_lower=cate - 70,
        cate_upper=cate + 70,
        expected_profit=0.30 * cate - 12.73,
        propensity=chance,
        in_overlap=in_overlap,
        reason=[reasons[choice] for choice in decision],
    )


@cache
def _study(proven: bool) -> dict[str, pd.DataFrame]:
    made = {}
    for field in fields(StudyTables):
        make = getattr(customers, field.name, None) or globals()[field.name]
        made[field.name] = make()
    return {**made, "average_effects": average_effects(proven), "policy_value": policy_value(proven)}


def study_tables(proven: bool = True, **replaced: pd.DataFrame | None) -> StudyTables:
    """A whole study; `replaced` puts other frames, or none, in place of some tables.

    The frames are shared between calls: change a copy, or one that its own function makes.
    """
    return StudyTables(**{**_study(proven), **replaced})
