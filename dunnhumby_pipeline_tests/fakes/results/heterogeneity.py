"""Made-up but plausible tables of how well the order of households holds, and of what it rests on."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dunnhumby_pipeline.causal.cate.validation.meanings import meaning
from dunnhumby_pipeline_tests.fakes.results import campaign
from dunnhumby_pipeline_tests.fakes.results.customers import frame_of

NAN = np.nan


def cate_validation(proven: bool = True, model: str = "stack", chosen: bool = True) -> pd.DataFrame:
    """Tests of an order that holds when `proven`, and is not proven to otherwise."""
    p = 0.011 if proven else 0.31
    rows = [
        ("blp", "", 0.82, p, 0.19, 1.45, proven),
        ("autoc", "$", 9.1, 0.02, 0.6, 17.6, proven),
        ("qini", "$", 2.8, 0.04, -0.3, 5.9, proven),
        ("top_minus_bottom", "$", 31.0, 0.03, 1.1, 60.9, proven),
        ("uplift_at_10%", "$", 84.0, 0.02, 31.0, 137.0, proven),
        ("uplift_at_20%", "$", 71.0, 0.03, 29.0, 113.0, proven),
        ("calibration_slope", "", 0.74, 0.41, 0.12, 1.36, True),
        ("calibration_error", "$", 11.4, 0.02, 1.2, 23.0, False),
        ("segments_differ", "", 14.2, 0.02 if proven else 0.38, NAN, NAN, proven),
        ("needs_differ", "", 8.6, 0.03 if proven else 0.44, NAN, NAN, proven),
        ("autoc_all_folds", "$", 8.2, NAN, 1.9, 14.5, None),
        ("qini_all_folds", "$", 2.4, NAN, 0.3, 4.5, None),
        ("auuc_adjusted", "$", 74.0, NAN, 49.0, 99.0, None),
        ("auuc_adjusted_by_lot", "$", 66.3, NAN, NAN, NAN, None),
        ("auuc_unadjusted", "$", 212.0, NAN, 188.0, 236.0, None),
        ("auuc_unadjusted_by_lot", "$", 231.0, NAN, NAN, NAN, None),
        ("agreement", "", 0.31, NAN, NAN, NAN, None),
    ]
    frame = frame_of("test unit statistic p ci_lower ci_upper passed", rows)
    said = [meaning(test, passed) for test, _, _, _, _, _, passed in rows]
    return frame.assign(model=model, chosen=chosen, meaning=said).astype({"passed": "boolean"})


def toc_curve() -> pd.DataFrame:
    share = np.linspace(0.05, 1, 20)
    toc = 30 * (1 - share) * np.exp(-share)
    half = 28 * np.sqrt((1 - share) / share) / 2
    profit, half_profit = share * (toc + 20 - 12.73), 4 + 8 * share
    curve = pd.DataFrame({"share": share, "toc": toc, "toc_lower": toc - half, "toc_upper": toc + half})
    qini = {"qini": share * toc, "qini_lower": share * (toc - half), "qini_upper": share * (toc + half)}
    band = {"profit": profit, "profit_lower": profit - half_profit, "profit_upper": profit + half_profit}
    return curve.assign(**qini, **band, effect=toc + 20, spend=12.73 * share, gain=share * (toc + 20))


def gates() -> pd.DataFrame:
    names = {
        "effect": ["1 (smallest effects)", "2", "3", "4", "5 (largest effects)"],
        "lookback_segment": ["large_regular_shops", "frequent_small_baskets", "full_price_errands"],
        "lookback_need": ["fresh", "grocery", "none"],
        "propensity": ["0.00 to 0.10", "0.10 to 0.37", "0.37 to 0.63", "0.63 to 0.90", "0.90 to 1.00"],
    }
    rows = []
    for grouping, groups in names.items():
        for place, group in enumerate(groups):
            few = grouping == "propensity" and place == 4
            estimate, se = (NAN, NAN) if few else (10.0 * place - 8, 9.0 - place)
            bounds = (estimate - 2.6 * se, estimate + 2.6 * se)
            rows.append((grouping, group, place + 1, 1000 - 90 * place, 300, 12.0 * place - 11, estimate, se, *bounds))
    return frame_of("grouping group position n_trials n_smaller_arm predicted estimate se ci_lower ci_upper", rows)


def clan() -> pd.DataFrame:
    rows = [
        ("monetary_per_week", 84.2, 31.8, -52.4, -58.3, -46.6, -1.41, 0.0, 0.0),
        ("age_desc_19-24", 0.04, 0.11, 0.07, 0.03, 0.11, 0.31, 0.0006, 0.048),
        ("recency", 11.0, 12.1, 1.1, -0.8, 3.0, 0.08, 0.26, 1.0),
    ]
    return frame_of("covariate mean_smallest mean_largest difference ci_lower ci_upper smd p p_holm", rows)


def cate_agreement() -> pd.DataFrame:
    rows = [
        ("t_learner", "r_learner", 0.18, 0.22),
        ("t_learner", "causal_forest", 0.23, 0.26),
        ("r_learner", "causal_forest", -0.33, 0.16),
    ]
    return frame_of("model other rank_correlation share_of_top", rows)


def effect_drivers() -> pd.DataFrame:
    rows = [
        ("monetary_per_week", 3.7, 0.52, -0.97),
        ("spend_trend", 1.4, 0.2, 0.97),
        ("lookback_segment_frequent_small_baskets", 1.3, 0.18, 0.9),
        ("household_size_desc_5+", 0.7, 0.1, NAN),
    ]
    found = frame_of("covariate mean_abs share direction", rows)
    return found.assign(method="by boosted trees that follow the model", fidelity=0.89)


def effect_subgroups() -> pd.DataFrame:
    rows = [
        ("monetary_per_week at most 102", 1639, 328, 4.4, 8.2, 4.6, -2.7, 19.1),
        ("monetary_per_week above 102", 108, 11, -31.8, NAN, NAN, NAN, NAN),
    ]
    columns = "rule n_trials n_smaller_arm predicted estimate se ci_lower ci_upper"
    return frame_of(columns, rows).assign(p_differ=0.98)


def effect_credibility() -> pd.DataFrame:
    key = campaign.propensity()[["household_key", "campaign", "in_overlap"]]
    number = np.arange(len(key))
    excludes = pd.array(np.where(number % 7 == 0, True, False), dtype="boolean")
    excludes[number % 5 == 0] = pd.NA
    return key.assign(interval_excludes_zero=excludes, agreement=(number % 4) / 3)
