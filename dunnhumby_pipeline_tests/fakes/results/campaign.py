"""Made-up but plausible tables of the campaign's study: its design, its overlap, its effects."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd

from dunnhumby_pipeline.causal.design.graph import causal_graph as causal_graph
from dunnhumby_pipeline.causal.effects.dose import ANY_DOSE, NO_DIFFERENCE, ON_OUTCOME, RECEIVED
from dunnhumby_pipeline.contracts.names import NUISANCE_VARIANTS
from dunnhumby_pipeline_tests.fakes.results.customers import FEATURES, SEGMENTS, frame_of

# Campaign: index day, trials, treated. By index day, which is not the order of the ids.
CAMPAIGNS = {"30": (323, 2045, 344), "8": (412, 1983, 824), "13": (504, 1223, 163), "18": (587, 1072, 141)}
SCALES = {"purchase_amount": 1.0, "purchase_count": 0.02, "redeemed": 0.0012}
# Estimate and standard error: of effects that are proven, and of effects that are not.
ESTIMATES = {
    ("naive", "association", "all"): ((231.0, 14.0), (295.0, 12.6)),
    ("aipw", "ATE", "all"): ((74.2, 23.0), (14.7, 8.5)),
    ("aipw", "ATE", "overlap"): ((69.8, 17.0), (7.5, 11.9)),
    ("overlap_weighted", "ATO", "all"): ((66.3, 15.8), (8.0, 10.6)),
    ("ols", "ATO", "all"): ((61.4, 14.9), (10.1, 10.2)),
    ("ipw", "ATE", "all"): ((96.0, 38.0), (61.3, 35.9)),
    ("tmle", "ATE", "all"): ((71.9, 22.1), (12.2, 8.9)),
    ("lin", "ATE", "overlap"): ((68.1, 17.3), (9.4, 12.0)),
    ("att", "ATT", "all"): ((81.5, 26.4), (5.0, 17.3)),
    ("matching", "ATT", "matched"): ((79.3, 30.2), (21.1, 16.0)),
    ("entropy", "ATT", "all"): ((85.2, 28.8), (-3.6, 21.0)),
    ("entropy", "ATO", "overlap"): ((64.4, 18.1), (8.8, 13.1)),
    ("dml", "ATO", "all"): ((67.0, 16.0), (11.9, 10.9)),
}
# The same of the overlap-weighted effect of each campaign.
CAMPAIGN_ESTIMATES = {
    "30": ((84.0, 31.0), (23.0, 17.0)),
    "8": ((58.0, 22.0), (10.5, 18.1)),
    "13": ((75.0, 36.0), (-12.1, 31.0)),
    "18": ((92.0, 44.0), (14.0, 35.0)),
}


def with_interval(frame: pd.DataFrame) -> pd.DataFrame:
    half = 1.96 * frame["se"]
    bounds = {"ci_lower": frame["estimate"] - half, "ci_upper": frame["estimate"] + half}
    place = list(frame.columns).index("se") + 1
    return frame.assign(**bounds)[[*frame.columns[:place], *bounds, *frame.columns[place:]]]


def first_campaign_cohort() -> pd.DataFrame:
    random = np.random.default_rng(4)
    frames = []
    for campaign, (index_day, size, n_treated) in CAMPAIGNS.items():
        leaning = random.normal(np.log(n_treated / (size - n_treated)), 1.1, size)
        order = np.argsort(-leaning - random.logistic(size=size))
        treated = np.isin(np.arange(size), order[:n_treated]).astype(int)
        frames.append(
            pd.DataFrame(
                {
                    "household_key": random.choice(2500, size, replace=False) + 1,
                    "campaign": int(campaign),
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
            "in_crump": chance.between(0.07, 0.93),
            "w_overlap": np.where(treated == 1, 1 - chance, chance),
            "w_ipw": np.where(treated == 1, 1 / chance, 1 / (1 - chance)),
            "w_balance": 1.0,
            "w_treated": 1.0,
        }
    )


def overlap_diagnostics() -> pd.DataFrame:
    scores = propensity()
    rows = []
    for campaign, part in [
        ("all", scores),
        *((str(campaign), part) for campaign, part in scores.groupby("campaign", sort=False)),
    ]:
        treated, chance = int(part["treated"].sum()), part["propensity"]
        control = len(part) - treated
        day = CAMPAIGNS[campaign][0] if campaign in CAMPAIGNS else None
        fit = (0.871, float(((part["treated"] - chance) ** 2).mean()), 0.03, 0.94)
        shares = (part["in_overlap"].mean(), (chance < 0.1).mean(), (chance > 0.9).mean())
        sizes = (0.71 * treated, 0.52 * control, 0.18 * treated, 0.8 * control, 0.6 * treated, 0.4 * control)
        comparable = (1 - shares[2] / 2, 1 - shares[1])
        crump = (0.07, part["in_crump"].mean())
        rows.append(
            (campaign, day, len(part), treated, control, *fit, *shares, *comparable, *crump, *sizes, 0.12 * control)
        )
    columns = (
        "campaign index_day n_trials n_treated n_control auc brier calibration_intercept calibration_slope "
        "share_in_overlap share_below share_above share_treated_comparable share_control_comparable "
        "crump_alpha share_in_crump ess_treated ess_control ess_ipw_treated "
        "ess_ipw_control ess_balance_treated ess_balance_control ess_control_as_treated"
    )
    return frame_of(columns, rows).astype({"index_day": "Int64"})


def propensity_calibration() -> pd.DataFrame:
    expected = np.array([0.02, 0.05, 0.08, 0.11, 0.15, 0.2, 0.27, 0.36, 0.5, 0.78])
    share = np.clip(expected + np.array([0.01, -0.02, 0.0, 0.02, -0.01, 0.03, -0.04, 0.01, 0.05, -0.06]), 0, 1)
    return pd.DataFrame(
        {
            "bin": np.arange(1, 11),
            "n_trials": [633, 632, 632, 633, 632, 632, 632, 632, 632, 633],
            "mean_propensity": expected,
            "share_treated": share,
            "ci_lower": share - 0.02,
            "ci_upper": share + 0.03,
        }
    )


def outside_overlap() -> pd.DataFrame:
    rows = [
        ("baskets_per_week at most 0.58; campaign is 13 or 18", "rarely targeted", 1604, 0.254, 0.911, 0.088, 0.001),
        ("spend_total above 2410; campaign is 8", "nearly always targeted", 171, 0.027, 0.0, 0.386, 0.614),
        ("baskets_per_week above 0.58", "in overlap", 4548, 0.719, 0.243, 0.735, 0.022),
    ]
    return frame_of("rule verdict n_trials share_of_trials share_below share_inside share_above", rows)


def covariate_balance(n: int = 110) -> pd.DataFrame:
    """As many covariates as the sample has, under every weighting."""
    random = np.random.default_rng(8)
    covariates = [
        *("age_desc_19-24", "income_desc_Under 15K", "missingindicator_monetary_std", "received_typeb"),
        *FEATURES,
        *(f"campaign_{campaign}" for campaign in CAMPAIGNS),
        *(f"lookback_segment_{slug}" for slug in SEGMENTS),
        *("exposure_display", "exposure_mailer", "received_campaigns_of_other_types_before_index_day"),
        *("age_unknown", "income_unknown", "household_size_unknown"),
        *(f"share_of_aisle_{number}" for number in range(n)),
    ][:n]
    raw = random.normal(0, 0.45, n)
    scales = {"none": 1.0, "overlap": 0.03, "ipw": 0.3, "trimmed": 0.5, "entropy": 0.002, "entropy_treated": 0.01}
    noise = {"none": 0.0, "overlap": 0.01, "ipw": 0.08, "trimmed": 0.04, "entropy": 0.0, "entropy_treated": 0.02}
    frames = [
        pd.DataFrame(
            {"covariate": covariates, "weighting": name, "smd": raw * scale + noise[name] * random.normal(size=n)}
        )
        for name, scale in scales.items()
    ]
    return pd.concat(frames, ignore_index=True)


def campaign_balance() -> pd.DataFrame:
    """Three covariates of each campaign; one of them differs by more than noise in campaign 13 once scaled."""
    rows = []
    for campaign, noise in (("8", 0.2), ("13", 0.4), ("18", 0.25), ("30", 0.2)):
        for name, size in (("recency", -0.02), ("received_typeb", 0.11), ("income_desc_Under 15K", -0.18)):
            rows.append((campaign, name, 4 * size, size, noise / 1.5, noise, 300.0, 1100.0))
    return frame_of("campaign covariate smd_unweighted smd noise noise_any ess_treated ess_control", rows)


def campaign_calibration() -> pd.DataFrame:
    rows = [
        ("8", 800, 1200, 0.02, 1.04, 0.04, 0.9, 1.1, 1.13),
        ("13", 160, 1000, -0.05, 0.87, 0.07, 0.82, 1.18, 1.24),
        ("18", 400, 1500, 0.0, 0.99, 0.06, 0.85, 1.15, 0.9),
        ("30", 340, 1700, 0.01, 1.0, 0.1, 0.74, 1.26, 0.7),
    ]
    names = "campaign n_treated n_control intercept slope slope_se noise_lower noise_upper slope_as_fitted"
    return frame_of(names, rows)


def trial_protocol() -> pd.DataFrame:
    rows = [
        (
            "eligibility",
            "Households that shopped in the 182 days before the campaign and were sent no TypeA campaign before.",
        ),
        ("assignment", "Treated: the households that the TypeA campaign lists. Control: the others that are eligible."),
        ("index day", "The first day of the campaign, for both arms: day 323 (campaign 30) and three more."),
        ("follow-up", "From the index day to 28 days after the last day of the campaign: 61 to 76 days by campaign."),
        ("outcome", "Spend in $, over the follow-up; 0 for a household that did not come."),
        ("estimand", "The mean effect of being sent the campaign, weighed by e (1 - e) (ATO)."),
        ("analysis", "Propensity and mean outcomes are fitted on 5 folds that keep a household together."),
    ]
    return frame_of("component specification", rows)


def trial_flow() -> pd.DataFrame:
    seen = "seen in the data by the end of the outcome window"
    sent = "sent a campaign of the type before"
    late, away = "first bought on the index day or later", "did not shop in the look-back"
    rows = [
        ("all", 1, seen, 9876, 0, None),
        ("all", 2, "known before the index day", 9500, 376, late),
        ("all", 3, "shopped in the look-back", 9120, 380, away),
        ("all", 4, "not sent a campaign of the type before", 6323, 2797, sent),
        ("all", 5, "trials", 6323, 0, None),
        ("all", 6, "treated", 1472, 0, None),
        ("all", 7, "control", 4851, 0, None),
        ("30", 1, seen, 2470, 0, None),
        ("30", 2, "known before the index day", 2380, 90, late),
        ("26", 1, "campaign left out", 0, 332, "fewer than 28 days of data lie before its first day"),
        (
            *("23", 1, "campaign left out", 0, 361),
            "the data end on day 711, 12 days before its outcome window would, on day 723",
        ),
    ]
    return frame_of("campaign step stage n n_excluded reason", rows)


def design_comparison() -> pd.DataFrame:
    same = "Both arms of a campaign share index day, look-back and outcome window."
    once = "As sequential trials, but a household counts once."
    ahead = "Controls are chosen for having bought while the campaign ran."
    sizes = {
        "sequential_trials": (True, 6323, 2431, 1472, 4851, 176.2, 177.9, 0.061),
        "first_eligible": (False, 2431, 2431, 611, 1820, 158.0, 161.4, 0.077),
        "never_targeted": (False, 2290, 2290, 1513, 777, 391.5, 318.3, 0.0),
    }
    found = {
        "sequential_trials": (0.871, 0.55, 1.21, 0.09, 1080.8, 2522.5, 295.0, 12.6, 14.7, 8.5, 8.0, 10.6, -12.7, 28.8),
        "first_eligible": (0.79, 0.61, 1.05, 0.11, 398.0, 910.0, 214.0, 21.0, 19.3, 15.9, 11.0, 18.9, -26.0, 48.0),
        "never_targeted": (0.989, 0.17, 3.4, 0.61, 61.0, 88.0, 402.0, 17.3, 141.0, 92.0, 95.0, 80.1, -62.0, 252.0),
    }
    notes = dict(zip(found, (same, once, ahead), strict=True))
    columns = (
        "design chosen n_trials n_households n_treated n_control lookback_days_treated lookback_days_control "
        "share_control_without_purchase auc share_in_overlap max_smd max_smd_weighted ess_treated ess_control naive "
        "naive_se ate ate_se ato ato_se ato_lower ato_upper note"
    )
    rows = [(design, *sizes[design], *found[design], notes[design]) for design in found]
    return frame_of(columns, rows).astype(dict.fromkeys(columns.split()[2:6], "Int64"))


def identification() -> pd.DataFrame:
    rows = [
        ("estimand", "the effect on purchase_amount, per household over the outcome window, of being listed"),
        ("adjustment set", "campaign, demographics, past purchases: the largest that blocks every back-door path"),
        ("not measured", "needs and plans, earlier purchases, retailer's own knowledge"),
        (
            "assumed absent: earlier purchases -> campaign",
            "Given the look-back, purchases older than it do not decide.",
        ),
        ("assumption: overlap", "Every kind of household could have been listed. Broken by: a fixed rule."),
    ]
    return frame_of("item text", rows)


def average_effects(proven: bool = True) -> pd.DataFrame:
    """Effects whose intervals all exclude zero when `proven`, and mostly include it otherwise."""
    side, rows = int(not proven), []
    for outcome, scale in SCALES.items():
        primary = outcome == "purchase_amount"
        for names, values in ESTIMATES.items():
            estimate, se = values[side]
            rows.append((outcome, *names, "all", scale * estimate, scale * se, 6323, 2431, primary))
        for campaign, values in CAMPAIGN_ESTIMATES.items():
            estimate, se = values[side]
            n = CAMPAIGNS[campaign][1]
            for estimator, estimand, shift in (("naive", "association", 200), ("overlap_weighted", "ATO", 0)):
                key = (outcome, estimator, estimand, "all", campaign)
                rows.append((*key, scale * (estimate + shift), scale * se, n, n, primary))
    columns = "outcome estimator estimand population campaign estimate se n_trials n_households primary"
    return with_interval(frame_of(columns, rows)).assign(identified=True, reason=None)


def estimator_differences() -> pd.DataFrame:
    """Pairs that agree, one that does not, and one of which only the intervals can be compared."""
    rows = [
        ("ATE", "aipw", "all", "ipw", "all", 4.0, 3.1, 0.197, 0.59, "paired", False),
        ("ATE", "aipw", "all", "tmle", "all", 0.4, 5.7, 0.944, 1.0, "paired", False),
        ("ATO", "ols", "all", "overlap_weighted", "all", 41.0, 6.0, 8e-12, 4e-11, "paired", True),
        ("ATT", "att", "all", "matching", "matched", -9.0, np.nan, np.nan, np.nan, "intervals", False),
    ]
    columns = "estimand estimator_a population_a estimator_b population_b difference se p_value p_adjusted"
    frame = frame_of(f"{columns} comparison apart", rows).assign(outcome="purchase_amount", primary=True)
    half = 1.96 * frame["se"]
    return frame.assign(ci_lower=frame["difference"] - half, ci_upper=frame["difference"] + half)


def pooled_effects(proven: bool = True) -> pd.DataFrame:
    """Each outcome by both estimators and methods; as `average_effects`, of which only some campaigns' are."""
    spreads = {
        (True, "fixed"): (71.5, 15.2, 0.0, 0.96, 3, 0.81, 0.0, np.nan, np.nan),
        (True, "random"): (71.5, 15.2, 0.0, 0.96, 3, 0.81, 0.0, 6.1, 136.9),
        (False, "fixed"): (13.3, 11.5, 14.1, 3.9, 3, 0.272, 0.23, np.nan, np.nan),
        (False, "random"): (11.9, 14.0, 14.1, 3.9, 3, 0.272, 0.23, -49.0, 73.0),
    }
    rows = []
    for outcome, estimator, method in product(SCALES, ("overlap_weighted", "aipw"), ("fixed", "random")):
        estimate, se, tau, *test, low, high = spreads[proven, method]
        size = SCALES[outcome] * (1.0 if estimator == "overlap_weighted" else 1.1)
        rows.append(
            (outcome, estimator, method, 4, size * estimate, size * se, size * tau, *test, size * low, size * high)
        )
    columns = (
        "outcome estimator method n_campaigns estimate se tau q q_df q_p_value i2 prediction_lower prediction_upper"
    )
    return with_interval(frame_of(columns, rows))


def campaign_types() -> pd.DataFrame:
    """One type studied by both rules, one not studied, and types pooled."""
    columns = (
        "campaign_type windows outcome n_campaigns n_used n_trials n_households n_treated shortest_window "
        "longest_window estimate se ci_lower ci_upper per_day per_day_se per_day_lower per_day_upper p_equal verdict "
        "reason"
    )
    effect, by_day, none = (66.3, 15.8, 35.3, 97.3), (0.88, 0.21, 0.47, 1.29), (np.nan,) * 4
    next_ends, runs_over = "ends at the next campaign", "runs over the next campaign"
    rows = [
        (
            "TypeA",
            next_ends,
            "gross_profit",
            4,
            3,
            5251,
            2200,
            1331,
            75,
            77,
            *effect,
            *by_day,
            np.nan,
            "gain proven",
            None,
        ),
        (
            "TypeB",
            next_ends,
            "gross_profit",
            17,
            5,
            8776,
            2300,
            411,
            28,
            75,
            *effect,
            *by_day,
            np.nan,
            "not identified",
            "4",
        ),
        (
            "TypeB",
            runs_over,
            "gross_profit",
            17,
            12,
            26000,
            2400,
            1700,
            60,
            75,
            *effect,
            *by_day,
            np.nan,
            "gain proven",
            None,
        ),
        (
            "TypeC",
            next_ends,
            "gross_profit",
            6,
            0,
            0,
            0,
            0,
            None,
            None,
            *none,
            *none,
            np.nan,
            "not studied",
            "no campaign",
        ),
        (
            "all",
            "types pooled",
            "gross_profit",
            21,
            8,
            14027,
            2400,
            1742,
            28,
            77,
            *none,
            *by_day,
            0.4,
            "gain proven",
            None,
        ),
    ]
    return frame_of(columns, rows).astype({"shortest_window": "Int64", "longest_window": "Int64"})


def effect_robustness() -> pd.DataFrame:
    rows = []
    for level, left in ((0.0, 6323), (0.02, 5701), (0.05, 4610), (0.1, 3483), (0.15, 2730), (0.2, 2111), (0.25, 1600)):
        se = 8 + 40 * level
        rows.append(("trimming", level, "aipw", "ATE", 14.7 - 60 * level, 1.1 * se, left))
        rows.append(("trimming", level, "overlap_weighted", "ATO", 8.0 - 5 * level, se, left))
    rows.append(("crump", np.nan, "aipw", "ATE", 9.1, 11.0, 3890))
    rows.append(("crump", np.nan, "overlap_weighted", "ATO", 7.9, 10.5, 3890))
    rows += [
        ("winsorising", level, "overlap_weighted", "ATO", 8.0 - 20 * (1 - level), 10.6 - 60 * (1 - level), 6323)
        for level in (0.95, 0.975, 0.99, 0.995, 1.0)
    ]
    rows.append(("amount_without_fuel", np.nan, "overlap_weighted", "ATO", 7.0, 10.0, 6323))
    variants = enumerate(NUISANCE_VARIANTS)
    rows += [(name, np.nan, "overlap_weighted", "ATO", 6.0 + place, 10.0, 6323) for place, name in variants]
    rows.append(("margin_weighted_amount", np.nan, "overlap_weighted", "ATO", 7.4, 10.9, 6323))
    names = "variation level estimator estimand estimate se n_trials"
    return with_interval(frame_of(names, rows)).assign(n_households=lambda frame: (0.4 * frame["n_trials"]).astype(int))


def campaign_dose() -> pd.DataFrame:
    rows = [
        (RECEIVED, ANY_DOSE, 0.31, 0.04, 6323, 1472),
        (ON_OUTCOME, "0", 6.6, 12.0, 4100, 700),
        (ON_OUTCOME, "1", 14.9, 22.0, 1801, 610),
        (ON_OUTCOME, "2+", -20.2, 51.0, 422, 162),
        (NO_DIFFERENCE, ANY_DOSE, 0.77, np.nan, 6323, 1472),
    ]
    return with_interval(frame_of("quantity dose estimate se n_trials n_treated", rows))


def trial_campaigns() -> pd.DataFrame:
    rows = [(30, 323, 369, 323, 397, 38, True, None), (18, 587, 642, 587, 670, 182, False, "the data end on day 649")]
    return frame_of("campaign start_day end_day index_day outcome_end lookback_days used reason", rows)


def nuisance_quality() -> pd.DataFrame:
    rows = [
        (repeat, quantity, outcome, value + 0.01 * repeat)
        for repeat in (0, 1, 2, -1)
        for quantity, outcome, value in (
            ("propensity_auc", None, 0.87),
            ("r2_control", "purchase_amount", 0.74),
            ("overlap_weighted", "redeemed", 0.1),
        )
    ]
    return frame_of("repeat quantity outcome value", rows)
