"""Made-up but plausible tables of who may fall and who fell."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dunnhumby_pipeline_tests.fakes.results.customers import frame_of

FORECASTS = ("last change", "logistic", "splines", "boosted", "in use")
BACK = ("nothing back", "share of the loss", "regression", "in use")


def at_risk() -> pd.DataFrame:
    random = np.random.default_rng(21)
    chances = np.sort(random.beta(2, 8, 300))[::-1]
    spend = random.gamma(4, 200, 300)
    listed = np.arange(300) < 30
    reasons = np.where(np.arange(300) % 3 == 0, "skips many weeks; comes rarely", "spent more than usual last quarter")
    return pd.DataFrame(
        {
            "household_key": np.arange(1, 301),
            "quarter_spend": spend,
            "usual_spend": 0.9 * spend,
            "probability": chances,
            "expected_fall": 0.6 * chances * spend,
            "at_risk": listed,
            "from_peak": np.arange(300) % 10 == 0,
            "reasons": reasons,
            "holdout": listed & (np.arange(300) % 5 == 0),
            "holdout_probability": np.where(listed, 0.2, np.nan),
        }
    )


def fallen() -> pd.DataFrame:
    random = np.random.default_rng(22)
    before = random.uniform(300, 1500, 40)
    after = before * random.uniform(0, 0.6, 40)
    after[3] = 0.0
    lost = before - after
    found = pd.DataFrame(
        {
            "household_key": np.arange(1, 41),
            "spend_before": before,
            "spend_after": after,
            "change": -lost,
            "change_share": -lost / before,
            "days_since_trip": np.arange(40),
            "expected_recovery": 0.25 * lost,
            "expected_shortfall": 0.75 * lost,
            "holdout": np.arange(40) % 5 == 0,
            "holdout_probability": 0.2,
        }
    )
    return found.sort_values("change", ignore_index=True)


def risk_validation() -> pd.DataFrame:
    rows = []
    for fold, first in ((0, 500), (1, 528), (-1, 500)):
        for place, forecast in enumerate(FORECASTS):
            area = 0.6 if place == 0 else 0.69 + 0.005 * place
            chosen = forecast == "in use" or (forecast == "logistic" and fold >= 0)
            gain = (area - 0.6, area - 0.63, area - 0.57)
            rows.append(
                (fold, forecast, first, first + 83, 3, 1000, 200, 0.2, 0.21, area, area - 0.03, area + 0.03, *gain, 100,
                 0.45, 0.22, 0.46, 0.1, 1.05, 0.9, 1.2, 0.01, -0.01, 0.03, 88.0, 86.0, chosen, False, None)
            )  # fmt: skip
    columns = (
        "fold forecast first_day last_day n_quarters n_households n_fell share_fell mean_probability auc ci_lower "
        "ci_upper gain gain_lower gain_upper n_listed share_listed_fell falls_found log_loss intercept slope "
        "slope_lower slope_upper gap gap_lower gap_upper expected_fall actual_fall chosen calibrated reason"
    )
    return frame_of(columns, rows)


def risk_calibration() -> pd.DataFrame:
    rows = []
    for forecast, top in (("in use", 0.5), ("last change", 0.3)):
        for number in range(1, 11):
            chance = 0.08 + (top - 0.08) * (number - 1) / 9
            rows.append((forecast, number, 200, chance, chance + 0.01, chance - 0.03, chance + 0.05))
    return frame_of("forecast bin n_forecasts mean_probability share_fell ci_lower ci_upper", rows)


def recovery_validation() -> pd.DataFrame:
    rows = []
    for fold, first in ((0, 528), (1, 556), (-1, 528)):
        for forecast, expected in zip(BACK, (0.0, 100.0, 110.0, 100.0), strict=True):
            bias = expected - 120.0
            chosen = forecast == "in use" or (forecast == "share of the loss" and fold >= 0)
            rows.append(
                (fold, forecast, first, first + 83, 2, 240, 700.0, 270.0, 390.0, expected, 120.0, bias, bias - 30,
                 bias + 30, 190.0, 900, 840.0, 870.0, 820.0, chosen, None)
            )  # fmt: skip
    columns = (
        "fold forecast first_day last_day n_quarters n_households spend_before spend_at spend_after expected_recovery "
        "recovery bias ci_lower ci_upper mae n_others others_before others_at others_after chosen reason"
    )
    return frame_of(columns, rows)


def risk_holdout() -> pd.DataFrame:
    rows = [
        ("at_risk", 30, 24, 6, 0.2, 275.0, 45.0, 228.0, 1800, 60.0),
        ("fallen", 40, 32, 8, 0.2, 260.0, 75.0, 190.0, 600, 15.0),
    ]
    columns = (
        "list n_listed n_contacted n_held_out holdout_share outcome_sd effect_to_find detectable_effect n_needed "
        "n_lists_needed"
    )
    return frame_of(columns, rows)
