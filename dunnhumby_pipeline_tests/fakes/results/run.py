"""Made-up check states and facts of a run, to stand beside the tables."""

from __future__ import annotations

from typing import Any

import pandas as pd


def checks(failed: bool = False) -> pd.DataFrame:
    """States of the checks; one blocking check fails when `failed`, and what follows it is not run."""
    tables = "transactions products promotions campaigns campaign_targets coupons coupon_redemptions demographics"
    later = "not run" if failed else "pass"
    rows = [(table, "schema", "pass", True, "columns and types as declared") for table in tables.split()]
    rows += [(table, "keys", "pass", True, "no duplicate keys") for table in tables.split()[:5]]
    rows += [
        ("segment_stability", "warm_ari_above_floor", "pass", True, "mean ARI 0.86, floor 0.50"),
        ("segment_stability", "cold_ari_above_floor", "pass", False, "mean ARI 0.55, floor 0.40"),
        ("first_campaign_cohort", "no_look_ahead", "pass", True, "every covariate ends before its index day"),
        ("overlap_diagnostics", "enough_trials_per_arm", "pass", True, "1,893 treated and 3,907 control"),
        ("overlap_diagnostics", "propensity_auc", "warn", False, "AUC 0.91 is above 0.85: arms differ a lot"),
        (
            "covariate_balance",
            "balanced_after_weighting",
            "fail" if failed else "pass",
            True,
            "largest SMD 0.14, ceiling 0.10" if failed else "largest SMD 0.06, ceiling 0.10",
        ),
        ("average_effects", "estimators_agree", later, False, "naive 231, AIPW 74, overlap weighted 66"),
        ("cate_scoreboard", "heterogeneity_proven", later, False, "gain 184 (se 71)"),
        ("policy_value", "value_excludes_zero", later, False, "$6.1 (3.6 to 8.6)"),
    ]
    if failed:
        rows = [(*row[:4], "" if row[2] == "not run" else row[4]) for row in rows]
    return pd.DataFrame(rows, columns=["asset", "check", "status", "blocking", "message"])


def facts(**replaced: Any) -> dict[str, Any]:
    """Facts of a made-up run."""
    whole: dict[str, Any] = {
        "source": "raw files in data/raw",
        "campaign_type": "TypeA",
        "n_households": 2500,
        "n_lines": 2595732,
        "first_day": 1,
        "last_day": 711,
        "n_campaigns": 5,
        "paths": {
            "report": "/home/analyst/study/data/warehouse/TypeA/campaign_report.html",
            "targeting list": "/home/analyst/study/data/warehouse/TypeA/targeting_list.parquet",
            "warehouse": "/home/analyst/study/data/warehouse",
        },
        "not_built": [],
        "limits": [
            "Targeting was not random: an unmeasured reason for being targeted would bias every effect.",
            "Outcomes end four weeks after the campaign; later effects are not seen.",
        ],
        "run_seconds": 84.2,
        "stale": None,
    }
    return {**whole, **replaced}
