"""Made-up but plausible tables of who the customers are: segments, value, needs, moves."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from dunnhumby_pipeline.contracts.features import FACTORED
from dunnhumby_pipeline.contracts.features import FEATURES as CATALOGUE

SEGMENTS = {
    "active-loyalists": ("Active loyalists", 509),
    "vip-heavy": ("VIP heavy buyers", 299),
    "lapsed-health-beauty": ("Lapsed health & beauty", 193),
    "fresh-lovers": ("Fresh lovers", 339),
    "light-grocery": ("Light grocery", 524),
    "bulk-shoppers": ("Bulk shoppers, few but very large baskets", 318),
    "regular-health-beauty": ("Regular with health & beauty", 318),
}
_FEATURES = """
spend_total spend_grocery spend_fresh spend_health_beauty spend_per_week baskets baskets_per_week basket_size
items_per_basket distinct_products distinct_departments coupon_share private_label_share discount_share
weekend_share stores_visited recency_days purchase_interval_mean purchase_interval_std
"""
FEATURES = _FEATURES.split()


def frame_of(columns: str, rows: Iterable[tuple[Any, ...]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=columns.split())


def segments() -> pd.DataFrame:
    random = np.random.default_rng(1)
    slugs = [slug for slug, (_, size) in SEGMENTS.items() for _ in range(size)]
    return pd.DataFrame(
        {
            "household_key": np.arange(1, len(slugs) + 1),
            "segment": slugs,
            "segment_name": [SEGMENTS[slug][0] for slug in slugs],
            "stability": random.beta(12, 2, len(slugs)),
        }
    )


def segment_stability() -> pd.DataFrame:
    random = np.random.default_rng(2)
    starts = (("cold", 0.55, 0.12), ("warm", 0.86, 0.04))
    rows = [
        (start, replicate, ari)
        for start, mean, sd in starts
        for replicate, ari in enumerate(random.normal(mean, sd, 20).clip(0, 1))
    ]
    return frame_of("start replicate ari", rows)


def factor_loadings(n_factors: int = 5) -> pd.DataFrame:
    random = np.random.default_rng(3)
    loadings = random.beta(0.5, 3, (len(FEATURES), n_factors))
    for position in range(len(FEATURES)):
        loadings[position, position % n_factors] += random.uniform(0.3, 0.9)
    loadings /= loadings.max(axis=0)
    rows = [
        (f"factor_{column + 1}", feature, loadings[row, column], f"frequent visits + kind {column + 1}")
        for column in range(n_factors)
        for row, feature in enumerate(FEATURES)
    ]
    return frame_of("factor feature loading factor_name", rows)


def factor_selection() -> pd.DataFrame:
    n_factors = np.arange(2, 11)
    return pd.DataFrame(
        {
            "n_factors": n_factors,
            "pooled_r2": 1 - 0.35 * np.exp(-0.35 * n_factors),
            "centred_r2": 1 - 0.95 * np.exp(-0.28 * n_factors),
            "reconstruction_error": 46 * np.exp(-0.16 * n_factors),
            "sparsity": 0.9 - 1.2 / n_factors,
            "stability": [1.0, 0.99, 0.98, 0.97, 0.6, 0.9, 0.7, 0.6, 0.5],
            "cophenetic": np.linspace(1.0, 0.92, 9),
            "chosen": n_factors == 5,
            "reason": np.where(n_factors == 5, "the elbow of the stable ones", ""),
        }
    )


_TIERS = ("high", "mid", "low")
_ABSENT = "(no purchase)"
_SPEND = (3100, 5200, 240, 1900, 420, 1500, 1300)


def nmf_factors(n_factors: int = 5) -> pd.DataFrame:
    random = np.random.default_rng(11)
    homes = segments()
    leaning = homes["segment"].map({slug: place for place, slug in enumerate(SEGMENTS)}).to_numpy()
    scores = random.gamma(2.0, 0.15, (len(homes), n_factors))
    scores[np.arange(len(homes)), leaning % n_factors] += 0.5
    frame = pd.DataFrame(scores, columns=[f"factor_{number + 1}" for number in range(n_factors)])
    frame.insert(0, "household_key", homes["household_key"])
    return frame


def _tier(spend: float) -> str:
    return "high" if spend > 3000 else "mid" if spend > 1000 else "low"


def segment_profiles() -> pd.DataFrame:
    rows = []
    for (slug, (name, size)), spend in zip(SEGMENTS.items(), _SPEND, strict=True):
        tier = _tier(spend)
        tiers = [0.8 if one == tier else 0.1 for one in _TIERS]
        recency = 70.0 if "lapsed" in slug else 4.0
        stages = (0.0, 0.1, 0.2, 0.7) if recency > 60 else (0.05, 0.9, 0.05, 0.0)
        rows.append((slug, name, size, spend * size, spend, *tiers, recency, 0.2 if recency > 60 else 0.95, *stages))
    columns = "segment segment_name n_households revenue spend_mean share_high share_mid share_low recency_median"
    table = frame_of(f"{columns} active_4w share_new share_active share_lapsing share_lapsed", rows)
    table["share"] = table["n_households"] / table["n_households"].sum()
    table["revenue_share"] = table["revenue"] / table["revenue"].sum()
    return table.sort_values("revenue", ascending=False, ignore_index=True)


TWINS = ("frequency_per_month", "monetary_actual")


def segment_features() -> pd.DataFrame:
    random = np.random.default_rng(12)
    rows = []
    for feature in CATALOGUE:
        mean, spread = (0.4, 0.15) if feature.unit in ("0-1", "ratio", "0/1") else (20.0, 6.0)
        effect = random.uniform(0, 0.7)
        for slug in sorted(SEGMENTS):
            score = random.normal(0, 0.9)
            role = "used" if feature.name in FACTORED else "twin" if feature.name in TWINS else "independent"
            rows.append((slug, feature.name, mean + spread * score, score, mean, effect, role))
    return frame_of("segment feature mean z_score overall_mean eta_squared role", rows)


def segment_playbook() -> pd.DataFrame:
    advice = {
        "high": (1, "Protect", "Service and recognition.", "Deep discounts."),
        "mid": (3, "Develop", "Bundled offers.", "Storewide discounts."),
        "low": (4, "Nudge", "Test a small offer.", "Contacting all of them."),
    }
    known = segment_profiles()
    rows = [
        (slug, name, *advice[_tier(spend)])
        for slug, name, spend in zip(known["segment"], known["segment_name"], known["spend_mean"], strict=True)
    ]
    table = frame_of("segment segment_name priority strategy action avoid", rows)
    table = table.sort_values("priority", kind="stable", ignore_index=True)
    kept = ["coupon" if strategy == "Protect" else None for strategy in table["strategy"]]
    most = next_action().groupby("segment")["rule"].agg(lambda rules: rules.value_counts().index[0])
    offers = {rule: offer for offer, _, _, _, rule in _ACTIONS}
    counts = next_action().groupby("segment")["rule"].value_counts()
    sizes = next_action().groupby("segment").size()
    left = next_action().groupby("segment")["suppressed"].sum()
    rule = table["segment"].map(most)
    n_offered = pd.Series([int(counts[place]) for place in zip(table["segment"], rule, strict=True)])
    return table.assign(
        keeps_from=pd.Series(kept, dtype="str"),
        offer=rule.map(offers),
        offer_rule=rule,
        n_offered=n_offered,
        offer_share=n_offered / table["segment"].map(sizes),
        n_offers=2,
        n_suppressed=table["segment"].map(left).astype(int),
        suppressed_share=table["segment"].map(left / sizes),
    )


_ACTIONS = (
    ("Recognition.", "service", "e-mail", "retailer", "thank"),
    ("Points on fresh.", "points", "app", "retailer", "points"),
    ("A coupon in fresh.", "coupon", "printed mail", "shared", "coupon"),
    (None, None, None, None, None),
)


def next_action() -> pd.DataFrame:
    homes = segments()[["household_key", "segment"]]
    turn = np.where(homes["segment"].isin(["active-loyalists", "vip-heavy"]), homes["household_key"] % 2, 2)
    turn = np.where(homes["household_key"] % 17 == 0, 3, np.where(turn == 2, 1 + homes["household_key"] % 2, turn))
    told = pd.DataFrame(
        [_ACTIONS[place] for place in turn], columns=["offer", "offer_form", "channel", "funder", "rule"]
    )
    told = told.astype("str").assign(suppressed=turn == 3, kpi=np.where(turn == 3, None, "visits over 8 weeks"))
    because = np.where(turn == 3, "no rule of offers holds: need none", "value tier high")
    return pd.concat([homes, told], axis=1).assign(because=because, at_risk=pd.Series(pd.NA, dtype="boolean"))


def segment_briefs() -> pd.DataFrame:
    known, advice = segment_profiles().set_index("segment"), segment_playbook()
    own = known.loc[advice["segment"]].reset_index()
    return advice.drop(columns="action").assign(
        n_households=own["n_households"],
        share=own["share"],
        revenue=own["revenue"],
        gross_profit=own["revenue"] * 0.29,
        clv_total=own["revenue"] * 0.9,
        n_contactable=own["n_households"] - advice["n_suppressed"],
        contact_cost=1.0,
        budget=own["n_households"] * 1.0,
        action=advice["offer"],
        channel="app",
        funder="shared",
        kpi="visits over 8 weeks",
        test="Draw by lot 100 of the 200 households and leave 100 without.",
    )


def segment_departments() -> pd.DataFrame:
    lifts = (("SEAFOOD", 1.8, 1), ("SALAD BAR", 1.4, 2), ("MEAT", 0.9, 3), ("FUEL", 0.4, pd.NA))
    rows = [(slug, *lift) for slug in SEGMENTS for lift in lifts]
    return frame_of("segment department lift lift_rank", rows).astype({"lift_rank": "Int64"})


def segment_demographics() -> pd.DataFrame:
    rows = []
    for place, slug in enumerate(SEGMENTS):
        coverage = 0.1 + 0.08 * place
        answered = round(coverage * SEGMENTS[slug][1])
        for answer, share in (("25-34", 0.4), ("45-54", 0.6)):
            rows.append((slug, "age_desc", answer, round(share * answered), share, coverage, answered))
    return frame_of("segment attribute answer n share coverage answered", rows)


def value_need() -> pd.DataFrame:
    rows = []
    for (row, tier), (column, need) in product(enumerate(_TIERS), enumerate(NEEDS)):
        n = 100 * (row + 1) + 10 * column
        rows.append((tier, need, n, (3 - row) * 100_000.0 + column, 3000.0 - 1000 * row, 0.10 + 0.02 * column))
    table = frame_of("value_tier need n_households revenue clv_mean discount_rate", rows)
    table["share"] = table["n_households"] / table["n_households"].sum()
    table["revenue_share"] = table["revenue"] / table["revenue"].sum()
    offers = [f"Offer {number}." for number in range(len(table))]
    left = pd.Series([5 if number == 8 else 0 for number in range(len(table))])
    shares = {"offer_share": 0.6, "suppressed_share": left / table["n_households"]}
    return table.assign(offer=offers, n_offers=3, n_suppressed=left, **shares)


def pareto_curve() -> pd.DataFrame:
    share = np.linspace(0, 1, 101)
    return pd.DataFrame({"share_of_households": share, "share_of_revenue": 1 - (1 - share) ** 3, "gini": 0.5})


def segment_lifetime_value() -> pd.DataFrame:
    rows = []
    for slug, spend in zip(SEGMENTS, _SPEND, strict=True):
        high = 0.9 if spend > 3000 else 0.2 if spend > 1000 else 0.0
        rows.append((slug, 0.9 * spend, 0.8 * spend, spend, spend / sum(_SPEND), high, 0.1, 0.9 - high))
    return frame_of("segment clv_mean ci_lower ci_upper clv_share share_high share_mid share_low", rows)


def clv_validation() -> pd.DataFrame:
    rows = [
        ("spend", "naive", 350.0, 0.0, 0.0, 0.0, "the yardstick"),
        ("spend", "model", 357.0, 7.0, 1.0, 13.0, "worse than naive"),
        ("spend", "stacked", 343.0, -7.0, -10.0, -4.0, "better than naive"),
        ("gross_profit", "naive", 104.0, 0.0, 0.0, 0.0, "the yardstick"),
        ("gross_profit", "stacked", 100.0, -4.0, -6.0, -2.0, "better than naive"),
        ("trips", "naive", 9.0, 0.0, 0.0, 0.0, "the yardstick"),
        ("trips", "model", 8.9, -0.1, -0.3, 0.1, "no better than naive"),
    ]
    table = frame_of("target forecast mae mae_against_naive ci_lower ci_upper verdict", rows)
    table["coverage"] = np.where(table["target"] == "trips", np.nan, 0.962)
    table = table.assign(rmse=1.5 * table["mae"], bias=-4.0, bin_error=40.0, nominal_coverage=0.95)
    return table.assign(n_households=2400, n_new=76, new_spend_share=0.009)


def clv_calibration() -> pd.DataFrame:
    rows = []
    for target, scale in (("spend", 30.0), ("gross_profit", 9.0), ("trips", 1.0)):
        for forecast in ("naive", "model" if target == "trips" else "stacked"):
            for number in range(1, 11):
                mean = number**2 * scale
                actual = mean * (1.2 if forecast == "naive" else 1.05)
                share = float("nan") if target == "trips" else 0.99 - 0.005 * number
                ends = (0.9 * actual, 1.1 * actual, 240, share, 0.2 * mean, 2.5 * mean)
                rows.append((target, forecast, number, mean, actual, *ends))
    names = (
        "target forecast bin mean_forecast mean_actual ci_lower ci_upper n_households coverage mean_lower mean_upper"
    )
    return frame_of(names, rows)


def customer_lifetime_value() -> pd.DataFrame:
    clv = np.linspace(50.0, 5000.0, 2500)
    return pd.DataFrame({"household_key": range(1, 2501), "clv": clv, "clv_gross_profit": 0.29 * clv})


def segment_jaccard() -> pd.DataFrame:
    rows = [
        (slug, 0.9 - 0.05 * place, 0.7 - 0.05 * place, 0.04 * place, 1 - 0.1 * place)
        for place, slug in enumerate(SEGMENTS)
    ]
    return frame_of("segment mean_jaccard lowest_jaccard dissolved recovered", rows)


def pairs_of_periods(n_periods: int = 7, apart: int = 3) -> list[tuple[int, int]]:
    neighbours = [(one, one + 1) for one in range(n_periods - 1)]
    return [*neighbours, *((one, one + apart) for one in range(n_periods - apart))]


def segment_migration() -> pd.DataFrame:
    states = [*sorted(SEGMENTS), _ABSENT]
    rows = []
    for before, after in pairs_of_periods():
        for start, end in product(states, states):
            staying = 250 if after - before == 1 else 180
            n = 0 if start == end == _ABSENT else staying if start == end else 3 + len(start) % 7
            rows.append((before, after, start, end, n))
    return frame_of("from_period to_period from_segment to_segment n", rows)


def migration_summary() -> pd.DataFrame:
    rows = []
    for before, after in pairs_of_periods():
        apart = after - before > 1
        ari, staying, tier = (0.3, 0.6, 0.82) if apart else (0.55, 0.78, 0.91)
        rows.append((before, after, 363 + 28 * before, 363 + 28 * after, 0 if apart else 56, ari, staying, tier))
    columns = "from_period to_period from_day to_day shared_days ari share_staying share_staying_tier"
    return frame_of(columns, rows)


def segment_drift() -> pd.DataFrame:
    rows = []
    for before, after in pairs_of_periods():
        rows.append((before, after, "segment mix", "segment", 0.01))
        rows += [(before, after, "segment", slug, 0.01 / len(SEGMENTS)) for slug in SEGMENTS]
        rows += [
            (before, after, "feature", name, 0.001 * place * (after - before)) for place, name in enumerate(FACTORED)
        ]
    return frame_of("from_period to_period kind name psi", rows)


def segment_scoreboard() -> pd.DataFrame:
    rows: list[tuple[Any, ...]] = [
        ("chosen", "kmeans", 22, 5, 7, 0.84, 0.09, 25, 0.89, np.nan, True, "the most segments that come back"),
        ("reference", "kmeans", 19, 5, 7, 0.63, 0.12, 25, 0.81, np.nan, True, "the reference study's setting"),
    ]
    for number in range(3, 11):
        ari = 0.9 - 0.04 * abs(number - 7)
        rows.append(("candidate", "kmeans", 22, 5, number, ari, 0.1, 25, np.nan, np.nan, number > 3, ""))
        rows.append(("candidate", "mixture", 22, 5, number, ari - 0.1, 0.1, 8, np.nan, -3000.0 + number, False, ""))
    rows.append(("candidate", "consensus", 22, 5, 7, 0.85, 0.06, 25, np.nan, np.nan, True, ""))
    columns = "role method n_features n_factors n_segments cold_ari cold_ari_sd n_cold warm_ari bic eligible reason"
    table = frame_of(columns, rows)
    size = table["n_segments"]
    return table.assign(
        silhouette=0.3 - 0.01 * size,
        calinski_harabasz=1200.0 - 30 * size,
        davies_bouldin=1.4 - 0.03 * size,
        smallest_share=0.7 / size,
    )


NEEDS = ("fresh produce", "scratch cooking", "baby")


def household_needs() -> pd.DataFrame:
    keys = segments()["household_key"]
    return pd.DataFrame({"household_key": keys, "need": [NEEDS[key % 3] for key in keys]})


def household_value_need() -> pd.DataFrame:
    needs = household_needs()
    return needs.assign(clv=[4000.0 if key % 10 == 0 else 500.0 for key in needs["household_key"]])


def reference_segments() -> pd.DataFrame:
    return segments()[["household_key", "segment", "segment_name"]]


def reference_profiles() -> pd.DataFrame:
    return segment_profiles()


def reference_features() -> pd.DataFrame:
    return segment_features().assign(z_score=lambda found: -found["z_score"])


def reference_overlap() -> pd.DataFrame:
    rows = [
        (theirs, ours, SEGMENTS[theirs][1] if theirs == ours else 0, float(theirs == ours), float(theirs == ours))
        for theirs, ours in product(SEGMENTS, SEGMENTS)
    ]
    return frame_of("reference_segment segment n share share_of_segment", rows)


def reference_comparison() -> pd.DataFrame:
    rows = [
        ("n_segments", "segments", 7.0, 7.0, 5.0),
        ("cold_ari", "agreement of refits from scratch, ARI", 0.767, 0.66, 0.84),
        ("warm_ari", "agreement of refits started from it, ARI", np.nan, 0.81, 0.89),
        ("best_spend", "its mean spend", 9716.0, 4411.0, 3669.0),
        ("smallest_share", "smallest segment, share of households", 0.077, 0.099, 0.175),
    ]
    return frame_of("measure meaning reported reference ours", rows)


def assignment_by_value() -> pd.DataFrame:
    rows = [
        (
            "demographics known",
            "not told by the data; those that spend more",
            801,
            0.32,
            0.71,
            0.49,
            0.07,
            0.85,
            0.55,
            0.14,
        ),
        (
            "mailed TypeA",
            "the retailer; those that spend more",
            1490,
            0.6,
            0.96,
            0.84,
            0.32,
            0.9,
            0.64,
            0.23,
        ),
    ]
    columns = "what chosen_by n share share_high share_mid share_low auc_of_spend cramers_v cramers_v_within"
    return frame_of(columns, rows)


def reference_loadings() -> pd.DataFrame:
    return factor_loadings()


def reference_factors() -> pd.DataFrame:
    return nmf_factors()


def demographic_tests() -> pd.DataFrame:
    rows = [("known", 2500, 0.55, 1e-12), ("age_desc", 801, 0.069, 0.754), ("income_desc", 801, 0.153, 0.0026)]
    return frame_of("attribute n cramers_v p_value", rows)


def lifetime_differences() -> pd.DataFrame:
    rows = [("clv", 0.44), ("expected_trips_52w", 0.56), ("probability_alive", 0.01)]
    return frame_of("measure eta_squared", rows)


def clv_parameters() -> pd.DataFrame:
    rows = [
        ("first half", "bg_nbd", "r", 1.3, True, "shape of trip rates"),
        ("whole", "bg_nbd", "r", 1.408, True, "shape of trip rates"),
        ("whole", "bg_nbd", "mean_dropout", 0.00071, False, "mean chance of leaving after a trip"),
        ("whole", "both", "n_households", 2469.0, None, "households with a trip"),
    ]
    return frame_of("stretch model parameter value in_range meaning", rows)


def feature_choice() -> pd.DataFrame:
    rows = [("recency", "recency", True, "used"), ("recency_weeks", "recency", False, "twin of recency")]
    return frame_of("feature group used reason", rows)


def segment_identity() -> pd.DataFrame:
    known = segments()[["segment", "segment_name"]].drop_duplicates()
    before = [*known["segment"][:-1], None]
    kept = [slug is not None for slug in before]
    return known.assign(
        previous_segment=before,
        jaccard=[0.9 if same else float("nan") for same in kept],
        kept=kept,
        reason=["same households" if same else "no segment of the run before matches" for same in kept],
    )


def feature_drift() -> pd.DataFrame:
    rows = [("recency", 0.31, 4.0, 6.0), ("frequency", 0.02, 80.0, 81.0), ("monetary_sales", float("nan"), None, 900.0)]
    return frame_of("feature psi median_before median_now", rows)


def household_copies() -> pd.DataFrame:
    rows = [(17, 17, 2017, 412, 1.0), (2017, 17, 17, 405, 1.0)]
    return frame_of("household_key cluster copy_of n_lines share", rows)


def rejects() -> pd.DataFrame:
    rows = [
        ("transactions", "no_quantity", "quantity", "rejected", 8869, 0.00604),
        ("promotions", "duplicate_key", "product_id, store_id, week_no", "merged", 12785, 0.00061),
    ]
    return frame_of("table rule column action n share", rows)
